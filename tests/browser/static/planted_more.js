export const shown = (label, data) => `${label}: ${data.byteLength} bytes`;
