// The TCP segments that carried a PDU: a table, and how they cut its bytes.

import { counted, make, widgetRoot } from "./dom.js";
import { virtualList } from "./list.js";

const TALL = 28; // pixels of a row
const SEEN = 8; // rows that are seen at once
const PIECES = 120; // that a bar can show apart
const COLUMNS = [
  "frame", "time", "sequence number", "payload", "bytes of the PDU", "flags", "remark",
];

function cells(segment) {
  const [start, stop] = segment.span;
  return [
    counted(segment.frame),
    segment.time,
    String(segment.sequence),
    counted(segment.size, "byte"),
    `${counted(start)}–${counted(stop - 1)}`,
    segment.flags,
    segment.fresh.length ? "" : "came again",
  ];
}

/** The pieces of the PDU in their order, each with its segment; too many are joined. */
function pieces(segments) {
  const all = segments
    .flatMap(({ fresh, frame }) => fresh.map(([start, stop]) => ({ start, stop, frame, many: 1 })))
    .sort((a, b) => a.start - b.start);
  const many = Math.ceil(all.length / PIECES);
  const joined = [];
  for (let at = 0; at < all.length; at += many) {
    const group = all.slice(at, at + many);
    joined.push({ ...group[0], stop: group[group.length - 1].stop, many: group.length });
  }
  return { joined, many };
}

function pieceOf({ start, stop, frame, many }) {
  const carrier = many > 1 ? counted(many, "segment") : `frame ${counted(frame)}`;
  return make(
    "span",
    {
      class: "dl-piece",
      style: `flex-grow:${stop - start}`,
      title: `bytes ${counted(start)}–${counted(stop - 1)}: ${carrier}`,
    },
    many > 1 ? "" : counted(frame),
  );
}

/** The PDU as a bar, cut where its segments cut it. */
function cutBar(segments, size) {
  const { joined, many } = pieces(segments);
  const each = many > 1 ? `${counted(many)} segments` : "one segment";
  const inPieces = `cut into ${counted(joined.length, "piece")}, each of ${each}`;
  const end = joined.length ? joined[joined.length - 1].stop : 0;
  const rest = { class: "dl-piece dl-unlisted", style: `flex-grow:${size - end}` };
  return [
    make(
      "div",
      { class: "dl-cut", role: "img", "aria-label": `The ${counted(size, "byte")}, ${inPieces}.` },
      joined.map(pieceOf),
      end < size ? make("span", rest) : null,
    ),
    make(
      "div",
      { class: "dl-scale dl-quiet", "aria-hidden": "true" },
      make("span", {}, "0"),
      make("span", {}, many > 1 ? inPieces : "cut by its segments (frame numbers)"),
      make("span", {}, counted(size)),
    ),
  ];
}

function rowOf(segment, index) {
  return make(
    "div",
    {
      class: segment.fresh.length ? "dl-segment" : "dl-segment dl-again",
      role: "row",
      "aria-rowindex": index + 2,
    },
    cells(segment).map((text) => make("span", { role: "cell" }, text)),
  );
}

function render({ model, el }) {
  const root = widgetRoot("dl-segments");
  let stop = () => {};
  el.append(root);

  function draw() {
    stop();
    stop = () => {};
    const [segments, size] = [model.get("segments"), model.get("size")];
    const about = make("p", { class: "dl-about" }, model.get("about"));
    root.replaceChildren(make("h4", {}, "TCP segments"), about);
    if (!segments.length) return;
    const head = make(
      "div",
      { class: "dl-segment dl-head", role: "row" },
      COLUMNS.map((name) => make("span", { role: "columnheader" }, name)),
    );
    const host = make(
      "div",
      {
        class: "dl-scroll",
        role: "table",
        tabindex: "0",
        "aria-label": "TCP segments",
        "aria-rowcount": segments.length + 1,
        style: `height:${(Math.min(segments.length, SEEN) + 1) * TALL + 4}px`,
      },
      head,
    );
    root.append(host, ...cutBar(segments, size));
    const list = virtualList(host, {
      height: TALL,
      count: () => segments.length,
      draw: (index) => rowOf(segments[index], index),
    });
    stop = list.stop;
  }

  draw();
  model.on("change:about", draw);
  return () => {
    model.off("change:about", draw);
    stop();
    root.remove();
  };
}

export default { render };
