// The byte explorer: the bytes of one PDU, or of two, and the fields that they are.

import { counted, foreign, freshId, liveLine, make, widgetRoot } from "./dom.js";
import { virtualList } from "./list.js";
import { LETTERS } from "./roles.js";

const ACROSS = 16; // bytes a line
const LINE = 28; // pixels
const ROW = 26;
const TALLEST = 16; // lines that are seen at once
const MOST = 10000; // places that a search gives
const LISTED = 200; // differences
const OPEN = 3; // findings that are shown without being asked for

// --- what is shown: a PDU, its bytes, its fields, its lines ------------------------------------

class Tree {
  constructor(shown) {
    Object.assign(this, shown);
    const { buffer, byteOffset, byteLength } = shown.data;
    this.bytes = new Uint8Array(buffer, byteOffset, byteLength);
    this.leaves = this.boxes.filter((box) => box.leaf && box.stop > box.start);
    this.masked = new Set(this.secrets);
    this.parents = parentsOf(this.boxes);
    this.notes = this.findings.notes.map((note, index) => ({ ...note, number: index + 1 }));
    this.marks = this.notes.filter((note) => note.span);
    this.shut = new Set(); // containers that are closed
    this.open = new Set(); // runs that are unfolded
    this.fold();
  }

  /** Lays the bytes out in lines: `[start, stop, run]`, the run that a line stands for or -1. */
  fold() {
    this.lines = [];
    let at = 0;
    const end = this.bytes.length;
    const runs = this.runs.map((run, index) => ({ ...run, index }));
    for (const run of runs.filter(({ index }) => !this.open.has(index))) {
      if (run.stop > end) break;
      for (; at < run.start; at += ACROSS) this.lines.push([at, at + ACROSS, -1]);
      this.lines.push([run.start, run.stop, run.index]);
      at = run.stop;
    }
    for (; at < end; at += ACROSS) this.lines.push([at, Math.min(at + ACROSS, end), -1]);
  }

  /** The fields that are seen in the tree, those in closed ones left out. */
  rows() {
    const seen = [];
    let below = Infinity;
    for (const box of this.boxes) {
      if (box.depth > below) continue;
      below = this.shut.has(box.number) ? box.depth : Infinity;
      seen.push(box.number);
    }
    return seen;
  }

  lineAt(offset) {
    return lastAtMost(this.lines, offset, (line) => line[0]);
  }

  /** The number of the leaf that a byte belongs to; -1 where no field is listed. */
  leafAt(offset) {
    const leaf = this.leaves[lastAtMost(this.leaves, offset, (box) => box.start)];
    return leaf && offset < leaf.stop ? leaf.number : -1;
  }

  /** A field and all that it is part of, innermost first. */
  around(number) {
    const found = [];
    for (let at = number; at >= 0; at = this.parents[at]) found.push(at);
    return found;
  }

  isContainer(number) {
    return this.boxes[number + 1]?.depth > this.boxes[number].depth;
  }

  /** The gravest and narrowest finding that points at a byte. */
  noteAt(offset) {
    let found = null;
    for (const note of this.marks) {
      const stop = Math.max(note.span.stop, note.span.start + 1);
      if (note.span.start > offset || offset >= stop) continue;
      if (!found || weight(note) < weight(found)) found = note;
    }
    return found;
  }

  /** The findings that are about a field, or about bytes within it. */
  notesIn(box) {
    return this.notes.filter(
      ({ number, span }) =>
        box.notes.includes(number) || (span && box.start <= span.start && span.stop <= box.stop),
    );
  }

  /** Where bytes, or the characters of a text, stand. */
  find(wanted) {
    const texts = [Uint8Array.from(wanted, (letter) => letter.charCodeAt(0) & 0xff)];
    const digits = wanted.replace(/\s+/g, "");
    if (/^([0-9a-f]{2})+$/i.test(digits)) {
      texts.push(Uint8Array.from(digits.match(/../g), (pair) => parseInt(pair, 16)));
    }
    const found = texts.flatMap((text) => this.occurrences(text));
    return found.sort((a, b) => a[0] - b[0]).slice(0, MOST);
  }

  occurrences(wanted) {
    const found = [];
    const hidden = this.secrets.map((number) => this.boxes[number]);
    const rare = Math.max(0, wanted.findIndex((byte) => byte !== 0)); // zeros stand everywhere
    const next = (from) => this.bytes.indexOf(wanted[rare], from);
    for (let at = next(rare); at >= 0 && found.length < MOST; at = next(at + 1)) {
      const start = at - rare;
      const stop = start + wanted.length;
      if (!wanted.every((byte, index) => this.bytes[start + index] === byte)) continue;
      if (hidden.some((box) => box.start < stop && start < box.stop)) continue;
      found.push([start, stop]);
    }
    return found;
  }
}

function parentsOf(boxes) {
  const above = [];
  return boxes.map((box) => {
    above.length = box.depth;
    const parent = above.length ? above[above.length - 1] : -1;
    above.push(box.number);
    return parent;
  });
}

/** The index of the last entry whose key is at most `wanted`. */
function lastAtMost(entries, wanted, key) {
  let low = 0;
  let high = entries.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (key(entries[middle]) <= wanted) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

function weight(note) {
  const graver = { error: 0, warning: 1, info: 2 }[note.severity];
  return graver * 1e9 + (note.span.stop - note.span.start);
}

function hex(number, digits) {
  return number.toString(16).toUpperCase().padStart(digits, "0");
}

function bytesText(box) {
  const size = box.stop - box.start;
  if (size === 0) return `no bytes, at ${box.start.toLocaleString("en-US")}`;
  if (size === 1) return `byte ${box.start.toLocaleString("en-US")}`;
  const [first, last] = [box.start, box.stop - 1].map((at) => at.toLocaleString("en-US"));
  return `bytes ${first}–${last}`;
}

function sentence(box) {
  const value = [box.value, box.meaning].filter(Boolean).join(" = ");
  return `${box.name}: ${bytesText(box)}${value ? ` = ${value}` : ""}`;
}

// --- one PDU: its bytes beside its fields -------------------------------------------------------

/**
 * The bytes and the fields of one PDU. `on.light(number)` tells that the pointer is on a field
 * (null: on none), `on.choose(number)` that the keyboard or a click went there, `on.pin(number)`
 * that it shall stay, `on.say(text)` what is worth hearing.
 */
function bytePane(shown, on) {
  const id = freshId("pane");
  const tree = new Tree(shown);
  const pane = { tree };
  let lit = null; // the number of the field that is lit
  let cursor = 0; // the byte, or the first of the folded run, where the keyboard is
  let differing = new Set();
  let found = [];
  let rows = tree.rows();

  const hexHost = make("div", {
    class: "dl-scroll dl-hex",
    role: "grid",
    tabindex: "0",
    "aria-label": `Bytes of ${tree.title}`,
    "aria-colcount": ACROSS + 1,
    onkeydown: hexKey,
    onmouseover: (event) => hover(event.target),
    onmouseleave: () => on.light(null),
    onclick: (event) => click(event.target),
  });
  const treeHost = make("div", {
    class: "dl-scroll dl-tree",
    role: "tree",
    tabindex: "0",
    "aria-label": `Fields of ${tree.title}`,
    onkeydown: treeKey,
    onmouseover: (event) => hover(event.target),
    onmouseleave: () => on.light(null),
    onclick: (event) => click(event.target),
  });
  pane.element = make("div", { class: "dl-panes" }, hexHost, treeHost);
  const hexList = virtualList(hexHost, {
    height: LINE,
    count: () => tree.lines.length,
    draw: drawLine,
  });
  const treeList = virtualList(treeHost, {
    height: ROW,
    count: () => rows.length,
    draw: drawRow,
  });
  fit();

  function fit() {
    const high = Math.min(Math.max(tree.lines.length, 1), TALLEST) * LINE + 2;
    hexHost.style.height = `${high}px`;
    treeHost.style.height = `${Math.max(high, 8 * ROW)}px`;
    hexHost.setAttribute("aria-rowcount", tree.lines.length);
  }

  // --- drawing

  function drawLine(index) {
    const [start, stop, run] = tree.lines[index];
    const offset = make("span", { class: "dl-offset", role: "rowheader" }, hex(start, 4));
    if (run >= 0) {
      const text = `… ${tree.runs[run].text} …`;
      const fold = { class: "dl-fold", role: "gridcell", id: `${id}-b${start}`, "data-o": start };
      const cell = make("span", { ...fold, "data-run": run, title: "Enter shows them" }, text);
      return finished(make("div", rowOf(index), offset, cell));
    }
    const cells = [];
    const letters = [];
    for (let at = start; at < stop; at += 1) {
      const number = tree.leafAt(at);
      cells.push(byteCell(at, number));
      letters.push(letterCell(at, number));
    }
    // the text is the same bytes once more: heard once is enough
    const text = make("span", { class: "dl-text", "aria-hidden": "true" }, letters);
    return finished(make("div", rowOf(index), offset, cells, text));
  }

  function rowOf(index) {
    return { class: "dl-line", role: "row", "aria-rowindex": index + 1 };
  }

  function byteCell(at, number) {
    const box = tree.boxes[number];
    const note = tree.marks.length ? tree.noteAt(at) : null;
    const classes = ["dl-byte", box ? `dl-${box.role}` : "dl-unlisted"];
    const opens = box && at === box.start;
    if (opens) classes.push("dl-opens");
    if (box && at === box.stop - 1) classes.push("dl-closes");
    if (note) classes.push(`dl-note-${note.severity}`);
    const shownHex = tree.masked.has(number) ? "••" : hex(tree.bytes[at], 2);
    return make(
      "span",
      { class: classes.join(" "), role: "gridcell", id: `${id}-b${at}`, "data-o": at },
      opens ? make("i", { "aria-hidden": "true" }, LETTERS[box.role]) : null,
      shownHex,
      note && note.span.start === at ? make("sup", {}, String(note.number)) : null,
    );
  }

  function letterCell(at, number) {
    const byte = tree.bytes[at];
    const box = tree.boxes[number];
    const plain = byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : "·";
    const letter = tree.masked.has(number) ? "•" : plain;
    return make("span", { class: box ? `dl-${box.role}` : "", "data-o": at }, letter);
  }

  function drawRow(index) {
    const box = tree.boxes[rows[index]];
    const container = tree.isContainer(box.number);
    const shut = tree.shut.has(box.number);
    const value = [box.value, box.meaning].filter(Boolean).join(" = ");
    const row = make(
      "div",
      {
        class: container ? "dl-row dl-holds" : "dl-row",
        role: "treeitem",
        id: `${id}-f${box.number}`,
        "data-f": box.number,
        "aria-level": box.depth + 1,
        "aria-expanded": container ? String(!shut) : null,
        "aria-label": sentence(box),
        style: `padding-left:${6 + 16 * box.depth}px`,
      },
      make("span", { class: "dl-twist", "data-twist": container }, container ? "▾" : ""),
      box.role
        ? make("span", { class: `dl-chip dl-${box.role}` }, LETTERS[box.role])
        : null,
      make("span", { class: "dl-field" }, box.name),
      make("span", { class: "dl-says" }, foreign(value)),
      box.notes.map((number) => noteChip(tree.findings.notes[number - 1], number)),
    );
    if (shut) row.querySelector(".dl-twist").textContent = "▸";
    return finishedRow(row);
  }

  /** The state of what is seen, as classes: which bytes are lit, found, different. */
  function finished(row) {
    const box = lit === null ? null : tree.boxes[lit];
    const parents = lit === null ? [] : tree.around(lit).slice(1).map((n) => tree.boxes[n]);
    for (const cell of row.querySelectorAll("[data-o]")) {
      const at = Number(cell.dataset.o);
      const run = cell.dataset.run === undefined ? null : tree.runs[cell.dataset.run];
      const last = run ? run.stop : at + 1;
      const list = cell.classList;
      list.toggle("dl-on", Boolean(box) && box.start < last && at < box.stop);
      list.toggle("dl-in", parents.some((one) => one.start < last && at < one.stop));
      list.toggle("dl-found", isFound(at, last));
      list.toggle("dl-differs", tree.around(tree.leafAt(at)).some((n) => differing.has(n)));
      list.toggle("dl-cursor", at === cursor);
    }
    return row;
  }

  function finishedRow(row) {
    const number = Number(row.dataset.f);
    const on = lit !== null && tree.around(lit).includes(number);
    row.classList.toggle("dl-on", number === lit);
    row.classList.toggle("dl-in", on && number !== lit);
    row.classList.toggle("dl-differs", differing.has(number));
    row.setAttribute("aria-selected", String(number === lit));
    return row;
  }

  function isFound(at, last) {
    const index = lastAtMost(found, last - 1, ([start]) => start);
    return index >= 0 && found[index][1] > at;
  }

  function paint() {
    hexList.each(finished);
    treeList.each(finishedRow);
  }

  // --- the pointer

  function hover(target) {
    const number = fieldOf(target);
    if (number !== null) on.light(number);
  }

  function fieldOf(target) {
    const row = target.closest("[data-f]");
    if (row) return Number(row.dataset.f);
    const cell = target.closest("[data-o]");
    if (!cell) return null;
    const number = tree.leafAt(Number(cell.dataset.o));
    return number < 0 ? null : number;
  }

  function click(target) {
    const twist = target.closest("[data-twist]");
    const fold = target.closest("[data-run]");
    if (twist) toggle(Number(twist.closest("[data-f]").dataset.f));
    else if (fold) unfold(Number(fold.dataset.run));
    else {
      const number = fieldOf(target);
      if (number === null) return;
      const cell = target.closest("[data-o]");
      cursor = cell ? Number(cell.dataset.o) : tree.boxes[number].start;
      point();
      on.choose(number);
      on.pin(number);
    }
  }

  // --- the keyboard, in the bytes

  function hexKey(event) {
    const line = tree.lines[tree.lineAt(cursor)];
    if (!line) return;
    const last = tree.bytes.length - 1;
    const folded = line[2] >= 0;
    const steps = {
      ArrowRight: () => (folded ? line[1] : cursor + 1),
      ArrowLeft: () => cursor - 1,
      ArrowDown: () => vertically(1),
      ArrowUp: () => vertically(-1),
      PageDown: () => vertically(hexList.page()),
      PageUp: () => vertically(-hexList.page()),
      Home: () => (event.ctrlKey ? 0 : line[0]),
      End: () => (event.ctrlKey ? last : folded ? line[0] : line[1] - 1),
    };
    if (event.key === "Enter" && folded) unfold(line[2]);
    else if (event.key === "Enter") on.pin(tree.leafAt(cursor));
    else if (event.key === "Escape") on.pin(null);
    else if (event.key in steps) moveTo(Math.min(Math.max(steps[event.key](), 0), last));
    else return;
    event.preventDefault();
  }

  function vertically(lines) {
    const index = tree.lineAt(cursor) + lines;
    const [start, stop, run] = tree.lines[Math.min(Math.max(index, 0), tree.lines.length - 1)];
    return run >= 0 ? start : Math.min(start + (cursor % ACROSS), stop - 1);
  }

  function moveTo(offset) {
    const [start, , run] = tree.lines[tree.lineAt(offset)];
    cursor = run >= 0 ? start : offset;
    point();
    if (run >= 0) on.say(`folded: ${tree.runs[run].text}; Enter shows them`);
    const number = tree.leafAt(cursor);
    if (number >= 0) on.choose(number, run < 0);
  }

  /** Brings the byte at the cursor into sight, for eyes and for screen readers. */
  function point() {
    hexList.reveal(tree.lineAt(cursor));
    hexHost.setAttribute("aria-activedescendant", `${id}-b${cursor}`);
  }

  function unfold(run) {
    tree.open.add(run);
    refold();
    on.say(`unfolded: ${tree.runs[run].text}`);
  }

  function refold() {
    tree.fold();
    cursor = Math.min(cursor, Math.max(0, tree.bytes.length - 1));
    cursor = tree.lines[tree.lineAt(cursor)]?.[2] >= 0 ? tree.lines[tree.lineAt(cursor)][0] : cursor;
    fit();
    hexList.refresh();
    hexHost.removeAttribute("aria-activedescendant");
    if (tree.lines.length) point();
  }

  // --- the keyboard, in the fields

  function treeKey(event) {
    const at = Math.max(0, rows.indexOf(seenField(lit ?? rows[0])));
    const number = rows[at];
    const steps = {
      ArrowDown: () => at + 1,
      ArrowUp: () => at - 1,
      PageDown: () => at + treeList.page(),
      PageUp: () => at - treeList.page(),
      Home: () => 0,
      End: () => rows.length - 1,
    };
    if (event.key === "Enter") on.pin(number);
    else if (event.key === "Escape") on.pin(null);
    else if (event.key === "ArrowRight" && tree.shut.has(number)) toggle(number);
    else if (event.key === "ArrowRight" && tree.isContainer(number)) chooseRow(at + 1);
    else if (event.key === "ArrowLeft" && canShut(number)) toggle(number);
    else if (event.key === "ArrowLeft") chooseRow(rows.indexOf(tree.parents[number]));
    else if (event.key in steps) chooseRow(lit === null ? 0 : steps[event.key]());
    else return;
    event.preventDefault();
  }

  function canShut(number) {
    return tree.isContainer(number) && !tree.shut.has(number);
  }

  function chooseRow(index) {
    if (!rows.length || index < -1) return;
    const number = rows[Math.min(Math.max(index, 0), rows.length - 1)];
    cursor = Math.min(tree.boxes[number].start, Math.max(0, tree.bytes.length - 1));
    on.choose(number);
  }

  function toggle(number) {
    if (!tree.shut.delete(number)) tree.shut.add(number);
    rows = tree.rows();
    treeList.refresh();
  }

  /** The field itself or, where it is closed away, the nearest around it that is seen. */
  function seenField(number) {
    return tree.around(number).find((one) => rows.includes(one));
  }

  // --- what the widget has a pane do

  pane.light = (number, reveal) => {
    lit = number;
    if (number !== null && reveal) {
      const box = tree.boxes[number];
      const at = box.start <= cursor && cursor < box.stop ? cursor : box.start;
      if (at < tree.bytes.length) {
        const line = tree.lineAt(at);
        hexList.reveal(Math.min(tree.lineAt(Math.max(at, box.stop - 1)), line + 2));
        hexList.reveal(line);
      }
      const row = seenField(number);
      treeList.reveal(rows.indexOf(row));
      treeHost.setAttribute("aria-activedescendant", `${id}-f${row}`);
    }
    paint();
  };
  pane.search = (wanted) => {
    found = wanted ? tree.find(wanted) : [];
    paint();
    return found;
  };
  pane.show = ([start]) => {
    const run = tree.lines[tree.lineAt(start)][2];
    if (run >= 0) unfold(run);
    moveTo(start);
  };
  pane.differ = (numbers) => {
    differing = new Set(numbers);
    paint();
  };
  pane.foldAll = (fold) => {
    tree.open = new Set(fold ? [] : tree.runs.keys());
    refold();
    paint();
  };
  pane.stop = () => {
    hexList.stop();
    treeList.stop();
  };
  return pane;
}

function noteChip(note, number) {
  const label = `finding ${number}, ${note.severity}`;
  return make("span", { class: `dl-note dl-note-${note.severity}`, title: label }, String(number));
}

// --- what is known of one field -------------------------------------------------------------------

function fieldPanel() {
  const element = make("section", { class: "dl-panel", "aria-label": "The field" });
  const hint = "Point at a byte or a field, or go there with the arrow keys. Enter pins it.";

  /** `chosen`: some field is, if not in this PDU. */
  function show(tree, number, pinned, chosen) {
    if (number === null) {
      const text = chosen ? "This PDU does not have it." : hint;
      element.replaceChildren(make("p", { class: "dl-quiet" }, text));
      return;
    }
    const box = tree.boxes[number];
    const path = tree.around(number).slice(1).reverse();
    element.replaceChildren(
      make(
        "h4",
        {},
        box.role ? make("span", { class: `dl-chip dl-${box.role}` }, LETTERS[box.role]) : null,
        box.role ? " " : null,
        box.name,
        pinned ? make("span", { class: "dl-pinned" }, "pinned") : null,
      ),
      path.length
        ? make("p", { class: "dl-quiet" }, `in ${path.map((n) => tree.boxes[n].name).join(" › ")}`)
        : "",
      make("dl", {}, facts(box).flatMap(([term, said]) => [make("dt", {}, term), said])),
      ...tree.notesIn(box).map((note) => noteCard(note, note.number)),
    );
  }

  show(null, null, false, false);
  return { element, show };
}

function facts(box) {
  const size = counted(box.stop - box.start, "byte");
  const where = `${bytesText(box)} (${hex(box.start, 4)}H, ${size})`;
  const told = [["where", make("dd", {}, where)]];
  if (box.hex) told.push(["bytes", make("dd", { class: "dl-mono" }, box.hex)]);
  if (box.value) told.push(["value", make("dd", {}, make("b", {}, foreign(box.value)))]);
  if (box.meaning) told.push(["meaning", make("dd", {}, foreign(box.meaning))]);
  if (box.role) told.push(["kind", make("dd", {}, box.role)]);
  if (box.rule) told.push(["rule", make("dd", {}, box.rule)]);
  if (box.named.length) {
    const now = `${box.value} = ${box.meaning}`;
    const items = box.named.map((one) =>
      make("li", { class: one === now ? "dl-now" : null }, one, one === now ? " ◂ here" : null),
    );
    told.push(["values", make("dd", {}, make("ul", {}, items))]);
  }
  if (box.clause) told.push(["clause", make("dd", {}, box.clause)]);
  return told;
}

function noteCard(note, number) {
  return make(
    "div",
    { class: `dl-finding dl-note-${note.severity}` },
    make("p", {}, noteChip(note, number), ` ${note.severity}: `, make("b", {}, foreign(note.what))),
    make("p", {}, foreign(note.why)),
    make("p", {}, foreign(note.remedy), make("span", { class: "dl-quiet" }, ` ${note.clause}`)),
  );
}

/** All that was found in a PDU. */
function findingsOf(tree) {
  const { notes } = tree;
  if (!notes.length) return null;
  const more = tree.findings.hidden ? ` and ${counted(tree.findings.hidden)} more` : "";
  return make(
    "details",
    { class: "dl-findings", open: notes.length <= OPEN },
    make("summary", {}, `${counted(notes.length, "finding")}${more}`),
    notes.map((note) => noteCard(note, note.number)),
  );
}

function legend() {
  const chips = Object.entries(LETTERS).map(([role, letter]) =>
    make("span", {}, make("span", { class: `dl-chip dl-${role}` }, letter), ` ${role}`),
  );
  return make("p", { class: "dl-legend" }, chips);
}

// --- the widget -----------------------------------------------------------------------------------

function render({ model, el }) {
  const root = widgetRoot("dl-explorer");
  el.append(root);
  let stop = () => {};

  function draw() {
    stop();
    stop = drawn(root, model);
  }

  draw();
  model.on("change:panes", draw);
  return () => {
    model.off("change:panes", draw);
    stop();
    root.remove();
  };
}

function drawn(root, model) {
  const pairs = model.get("pairs");
  const live = liveLine();
  let current = [0, null]; // the pane, and the field in it that was chosen last
  let pinned = null;

  const panes = model.get("panes").map((one, index) =>
    bytePane(one, {
      light: (number) => {
        if (pinned === null) light(number === null ? current : [index, number], number !== null);
      },
      choose: (number, speak = true) => choose([index, number], speak),
      pin: (number) => pin(number === null || number < 0 ? null : [index, number]),
      say: live.says,
    }),
  );
  const panels = panes.map(fieldPanel);
  const differences = pairs.filter(([, , differs]) => differs);
  panes.forEach((pane, index) => {
    pane.differ(differences.map((pair) => pair[index]).filter((number) => number !== null));
  });

  function light([index, number], reveal) {
    panes.forEach((pane, other) => {
      const mine = other === index ? number : counterpart(index, number);
      pane.light(mine, reveal);
      panels[other].show(pane.tree, mine, pinned !== null, number !== null);
    });
  }

  /** The same field in the other PDU, if it has it. */
  function counterpart(index, number) {
    const pair = number === null ? null : pairs.find((one) => one[index] === number);
    return pair ? pair[1 - index] : null;
  }

  function choose(place, speak) {
    current = place;
    if (pinned !== null) pinned = place;
    light(place, true);
    if (speak) live.says(said(place));
    model.set("selected", place);
    model.save_changes();
  }

  function pin(place) {
    const again = place && pinned && place[0] === pinned[0] && place[1] === pinned[1];
    pinned = again ? null : place;
    light(pinned ?? current, false);
    live.says(pinned ? `pinned: ${said(pinned)}` : "unpinned");
  }

  function said([index, number]) {
    return sentence(panes[index].tree.boxes[number]);
  }

  root.replaceChildren(
    make(
      "div",
      { class: panes.length > 1 ? "dl-sides" : "dl-side" },
      panes.map((pane, index) =>
        make(
          "div",
          { class: "dl-side" },
          heading(pane, live.says),
          pane.element,
          left(pane.tree),
          index === 0 ? live.element : null,
          panels[index].element,
          findingsOf(pane.tree),
        ),
      ),
    ),
    panes.length > 1 ? differenceTable(panes, differences, choose) : "",
    legend(),
  );
  return () => panes.forEach((pane) => pane.stop());
}

function heading(pane, say) {
  const { tree } = pane;
  return make(
    "div",
    { class: "dl-bar" },
    make("h3", {}, tree.title),
    make("span", { class: "dl-quiet dl-grow" }, tree.subtitle),
    searchBox(pane, say),
    tree.runs.length ? foldButton(pane) : null,
  );
}

/** The fields that two PDUs do not have alike; each can be gone to. */
function differenceTable(panes, differences, choose) {
  const [a, b] = panes.map((pane) => pane.tree);
  const many = differences.length;
  const title = many ? `${counted(many, "field")} differ${many === 1 ? "s" : ""}` : "All fields are alike.";
  const rows = differences.slice(0, LISTED).map(([one, other]) => {
    const [index, tree, number] = one === null ? [1, b, other] : [0, a, one];
    const path = tree.around(number).reverse().map((n) => tree.boxes[n].name);
    const go = make("button", { type: "button", onclick: () => choose([index, number], true) });
    go.append(path.join(" › "));
    return make("tr", {}, make("th", { scope: "row" }, go), valueCell(a, one), valueCell(b, other));
  });
  if (many > LISTED) {
    rows.push(make("tr", {}, make("td", { colspan: 3 }, `… and ${counted(many - LISTED)} more`)));
  }
  return make(
    "table",
    { class: "dl-differences" },
    make("caption", {}, title),
    make("tbody", {}, rows),
  );
}

function valueCell(tree, number) {
  if (number === null) return make("td", { class: "dl-quiet" }, "not there");
  const box = tree.boxes[number];
  return make("td", {}, foreign([box.value, box.meaning].filter(Boolean).join(" = ") || box.hex));
}

/** What of a PDU is too much to be shown, in words. */
function left(tree) {
  const words = [];
  if (tree.size > tree.bytes.length) {
    words.push(`${counted(tree.size - tree.bytes.length, "byte")} more`);
  }
  if (tree.hidden) words.push(`${counted(tree.hidden, "field")} more`);
  return words.length ? make("p", { class: "dl-quiet" }, `… and ${words.join(", ")}`) : "";
}

function foldButton(pane) {
  let folded = true;
  const button = make("button", { type: "button" }, "unfold all");
  button.addEventListener("click", () => {
    folded = !folded;
    pane.foldAll(folded);
    button.textContent = folded ? "unfold all" : "fold";
  });
  return button;
}

function searchBox(pane, say) {
  let found = [];
  let at = -1;
  const input = make("input", {
    type: "search",
    placeholder: "search: 00 30, or a text",
    "aria-label": `Search ${pane.tree.title} for bytes or text`,
    oninput: () => {
      found = pane.search(input.value);
      at = -1;
      say(input.value ? `${counted(found.length, "place")} found` : "");
    },
    onkeydown: (event) => {
      if (event.key !== "Enter" || !found.length) return;
      at = (at + (event.shiftKey ? -1 : 1) + found.length) % found.length;
      pane.show(found[at]);
      say(`${at + 1} of ${found.length}: byte ${found[at][0].toLocaleString("en-US")}`);
    },
  });
  return input;
}

export default { render };
