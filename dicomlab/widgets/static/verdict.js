// A verdict as a card: what happened, and each cause with who changes what.

import { foreign, make } from "./dom.js";

export const SYMBOLS = { good: "✔", warning: "▲", error: "✖", plain: "" };

/** The card of a views.reasons.Reasons, under a heading. */
export function verdictCard(heading, reasons) {
  return make(
    "section",
    { class: `dl-card dl-tone-${reasons.tone}`, "aria-label": heading },
    make("h4", {}, heading),
    make("p", {}, make("b", {}, `${SYMBOLS[reasons.tone]} `, foreign(reasons.summary))),
    reasons.causes.length ? make("ol", {}, reasons.causes.map(causeItem)) : null,
  );
}

function causeItem(cause) {
  const evidence = [
    ...cause.evidence.map((text) => ["speaks for it", text]),
    ...cause.against.map((text) => ["speaks against it", text]),
    ["to make sure", cause.confirm],
  ];
  return make(
    "li",
    {},
    make("span", { class: "dl-likelihood" }, cause.likelihood),
    " ",
    make("b", {}, foreign(cause.title)),
    " ",
    make("span", { class: "dl-quiet" }, cause.code),
    make("div", {}, foreign(cause.who), ": ", make("b", {}, foreign(cause.change))),
    make(
      "ul",
      { class: "dl-quiet" },
      evidence.map(([what, text]) => make("li", {}, `${what}: `, foreign(text))),
    ),
  );
}
