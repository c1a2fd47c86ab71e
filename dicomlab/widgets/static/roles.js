// The letter that doubles the colour of each role, as in every picture.

export const LETTERS = {
  length: "L",
  identifier: "I",
  name: "N",
  value: "V",
  reserved: "R",
  payload: "P",
};
