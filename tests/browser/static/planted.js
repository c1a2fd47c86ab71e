// A widget that does what the tests of the test pages ask for.

import { shown } from "./planted_more.js";

const deeds = {
  "log an error": () => console.error("a planted console error"),
  "throw": () => setTimeout(() => { throw new Error("a planted page error"); }),
  "reject": () => void Promise.reject(new Error("a planted rejection")),
  "fetch": ({ url }) => void fetch(url).catch(() => {}),
  "open a socket": ({ url }) => void new WebSocket(url),
  "work for": ({ milliseconds }) => {
    const until = performance.now() + milliseconds;
    while (performance.now() < until);
  },
};

function render({ model, el }) {
  const root = document.createElement("div");
  root.className = "dicomlab dl-widget";
  const draw = () => { root.textContent = shown(model.get("label"), model.get("data")); };
  const hear = (content, buffers) => {
    model.send({ heard: content, bytes: buffers.map((one) => one.byteLength) });
    deeds[content.do]?.(content);
  };
  const nameless = document.createElement("button");
  nameless.className = "nameless";
  nameless.onclick = () => {
    model.set("label", "clicked");
    model.set("data", new Uint8Array([0, 128, 255]));
    model.save_changes();
  };
  model.on("change:label change:data", draw);
  model.on("msg:custom", hear);
  draw();
  el.append(root);
  if (model.get("nameless")) el.append(nameless);
  return () => {
    model.off("change:label change:data", draw);
    model.off("msg:custom", hear);
    root.remove();
  };
}

export default { render };
