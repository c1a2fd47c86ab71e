// The builder: a draft as a form beside its bytes, ways to break it, and what a peer answers.

import { counted, foreign, freshId, liveLine, make, widgetRoot } from "./dom.js";
import { virtualList } from "./list.js";
import { LETTERS } from "./roles.js";

const BYTES_A_LINE = 16;
const BYTE_LINE = 26; // pixels
const LINES_SEEN = 18;
const TITLE_BOXES = 16;
const MANY = 90; // controls; of more, all parts are closed at first
const LONG = 12; // bytes that are typed in one line
const ANOTHER = "\u0000another"; // the choice of a value that is in no list

function keyOf(control) {
  return `${control.sort === "part" ? "part" : "field"} ${control.path}`;
}

function twoDigits(byte) {
  return byte.toString(16).toUpperCase().padStart(2, "0");
}

/** A button that says why it does nothing, and keeps the focus, when it is off. */
function tool(text, label, act) {
  const button = make("button", { type: "button", "aria-label": label, title: label }, text);
  button.addEventListener("click", () => {
    if (button.getAttribute("aria-disabled") !== "true") act();
  });
  return button;
}

function turned(button, on) {
  button.setAttribute("aria-disabled", String(!on));
}

// --- the controls of a value, by the sort of the field -------------------------------------------

/*
 * Each gives `element`, `fill(control, form)`, and `inputs`: what takes the keyboard, the first
 * of them bearing the label. `typed(text, how)` tells what somebody typed.
 */

function plainInput(typed, attributes = {}) {
  const input = make("input", { type: "text", spellcheck: "false", autocomplete: "off", ...attributes });
  input.addEventListener("input", () => typed(input.value));
  const fill = (control) => {
    input.type = control.secret ? "password" : "text";
    input.value = control.text;
  };
  return { element: input, inputs: [input], fill };
}

function bytesInput(typed) {
  const input = make("textarea", { class: "dl-mono", spellcheck: "false", rows: "1" });
  input.addEventListener("input", () => typed(input.value, { hex: true }));
  const fill = (control) => {
    const size = control.stop - control.start;
    input.rows = size > LONG ? 2 : 1;
    input.classList.toggle("dl-wide", size > 4);
    input.value = control.text;
  };
  return { element: input, inputs: [input], fill };
}

/** One input; the 16 bytes that the title fills are drawn below it. */
function titleInput(typed) {
  const { element: input, inputs, fill: write } = plainInput((text) => {
    typed(text);
    draw(text);
  });
  const boxes = make("div", { class: "dl-boxes", "aria-hidden": "true" });
  const draw = (text) => {
    const letters = [...text.padEnd(TITLE_BOXES, " ")];
    boxes.replaceChildren(
      ...letters.map((letter, at) => {
        const space = letter === " " ? " dl-space" : "";
        const beyond = at >= TITLE_BOXES ? " dl-beyond" : "";
        return make("span", { class: `dl-box${space}${beyond}` }, letter === " " ? "␣" : letter);
      }),
    );
  };
  const fill = (control) => {
    write(control);
    draw(control.text);
  };
  return { element: make("div", { class: "dl-title" }, input, boxes), inputs, fill };
}

/** Fills a list to choose from; gives whether the value is in it. */
function fillChoices(select, choices, text, other) {
  const known = choices.some((choice) => choice.text === text);
  const options = choices.map((choice) => make("option", { value: choice.text }, choice.label));
  options.push(make("option", { value: ANOTHER }, other));
  select.replaceChildren(...options);
  select.value = known ? text : ANOTHER;
  return known;
}

/** The UID as it stands there, and the registered ones by their names. */
function uidInput(typed) {
  const written = plainInput(typed, { class: "dl-mono dl-wide" });
  const select = make("select");
  select.addEventListener("change", () => {
    if (select.value === ANOTHER) written.element.focus();
    else typed(select.value, { chosen: true });
  });
  const fill = (control, form) => {
    written.fill(control);
    const choices = (form.choices[control.choices] ?? []).map(({ text, name }) => ({ text, label: name }));
    const other = control.meaning || "no registered name";
    fillChoices(select, choices, control.text, other);
    select.hidden = choices.length === 0;
    select.setAttribute("aria-label", `Registered names for ${control.label}`);
  };
  const element = make("div", { class: "dl-uid" }, written.element, select);
  return { element, inputs: [written.element, select], fill };
}

/** The allowed values; another one is typed. */
function codeInput(typed) {
  const written = plainInput(typed, { class: "dl-mono dl-short" });
  const select = make("select");
  select.addEventListener("change", () => {
    written.element.hidden = select.value !== ANOTHER;
    if (select.value === ANOTHER) written.element.focus();
    else typed(select.value, { chosen: true });
  });
  const fill = (control, form) => {
    written.fill(control);
    const choices = (form.choices[control.choices] ?? []).map(({ text, name }) => ({
      text,
      label: `${text} ${name}`,
    }));
    const known = fillChoices(select, choices, control.text, "another value …");
    written.element.hidden = known;
    written.element.setAttribute("aria-label", `${control.label}, another value`);
  };
  return { element: make("div", {}, select, written.element), inputs: [select, written.element], fill };
}

/** A length follows what it counts, or says what it is told to. */
function lengthInput(typed, follow) {
  const written = plainInput(typed, { class: "dl-mono dl-short" });
  const select = make("select", {}, make("option", { value: "follows" }, "follows"));
  select.append(make("option", { value: "overridden" }, "overridden"));
  select.addEventListener("change", () => {
    if (select.value === "follows") follow();
    else typed(written.element.value, { chosen: true });
  });
  const fill = (control) => {
    written.fill(control);
    select.value = control.overridden ? "overridden" : "follows";
    written.element.readOnly = !control.overridden;
    select.setAttribute("aria-label", `${control.label}: follows the content, or is overridden`);
  };
  const element = make("div", { class: "dl-inline" }, written.element, select);
  return { element, inputs: [written.element, select], fill };
}

function inputOf(sort, typed, follow) {
  switch (sort) {
    case "title": return titleInput(typed);
    case "uid": return uidInput(typed);
    case "code": return codeInput(typed);
    case "length": return lengthInput(typed, follow);
    case "bytes": return bytesInput(typed);
    case "text": return plainInput(typed, { class: "dl-mono dl-wide" });
    default: return plainInput(typed, { class: "dl-mono dl-short" });
  }
}

// --- one line of the form --------------------------------------------------------------------------

/** `ask(message)` asks Python, `light(on)` tells that the pointer or the keyboard is here. */
function formLine(first, ask, light) {
  const id = freshId("control");
  const key = keyOf(first);
  const line = { key, control: first, refused: "" };
  let inHex = false;
  let typing = false; // the next change belongs to the last one
  let input = null;
  let sort = null;

  const label = make("label", { for: id });
  const chip = make("span", { class: `dl-chip dl-${first.role}`, "aria-hidden": "true" }, LETTERS[first.role]);
  const place = make("div", { class: "dl-place" });
  const means = make("div", { class: "dl-means" });
  const hexButton = tool("hex", "", () => {
    inHex = !inHex;
    typing = false;
    refuse("");
    line.fill(line.control, line.form);
    input.inputs[0].focus();
  });
  const back = tool("take back", "", follow);
  const why = make("span", { id: `${id}-why` });
  const anyway = tool("send it all the same", "", () => {
    const [text, hex] = line.tried;
    ask({ do: "override", path: line.control.path, text, hex, typing: false, control: key });
  });
  const leave = tool("leave it", "", () => {
    typing = false;
    refuse("");
    line.fill(line.control, line.form);
    input.inputs[0].focus();
  });
  const refusal = make("p", { class: "dl-refused", hidden: true }, "✖ ", why, anyway, leave);
  line.element = make(
    "div",
    {
      class: "dl-control",
      onmouseenter: () => light(true),
      onmouseleave: () => light(false),
      onfocusin: () => light(true),
      onfocusout: () => {
        typing = false;
        light(false);
        line.fill(line.control, line.form);
      },
      onkeydown: (event) => {
        if (event.key === "Escape" && line.refused) leave.click();
      },
    },
    make("div", { class: "dl-label" }, chip, " ", label),
    make("div", { class: "dl-entry" }, place, means),
    make("div", { class: "dl-tools" }, back, hexButton),
    refusal,
  );

  function follow() {
    typing = false;
    ask({ do: "follow", path: line.control.path, control: key });
  }

  function typed(text, { hex = false, chosen = false } = {}) {
    const forced = inHex || line.control.sort === "length" || (hex && line.control.overridden);
    line.tried = [text, hex];
    const asked = { path: line.control.path, text, hex, typing: typing && !chosen, control: key };
    ask({ do: forced ? "override" : "set", ...asked });
    typing = !chosen;
  }

  function refuse(reason, canOverride = false) {
    line.refused = reason;
    why.textContent = reason;
    anyway.hidden = !canOverride;
    refusal.hidden = !reason;
    for (const one of input?.inputs ?? []) {
      if (reason) {
        one.setAttribute("aria-invalid", "true");
        one.setAttribute("aria-describedby", `${id}-why`);
      } else {
        one.removeAttribute("aria-invalid");
        one.removeAttribute("aria-describedby");
      }
    }
  }

  function fit(wanted, control) {
    if (sort === wanted) return;
    const focused = input?.inputs.includes(document.activeElement);
    sort = wanted;
    input = inputOf(wanted, typed, follow);
    input.inputs[0].id = id;
    place.replaceChildren(input.element);
    refuse(line.refused);
    if (focused) input.inputs[0].focus();
  }

  line.fill = (control, form, within = line.within) => {
    Object.assign(line, { control, form, within });
    if (control.sort === "bytes" || control.secret) inHex = false;
    fit(inHex ? "bytes" : control.sort, control);
    const mine = input.inputs.includes(document.activeElement) && typing;
    if (!line.refused && !mine) {
      input.fill(inHex ? { ...control, text: hexText(form, control) } : control, form);
    }
    const name = within ? `${control.label}, ${within}` : control.label;
    label.replaceChildren(
      control.label,
      within ? make("span", { class: "dl-hidden" }, `, ${within}`) : "",
    );
    label.title = [control.rule, control.clause].filter(Boolean).join(" · ");
    means.replaceChildren(
      control.overridden && control.sort !== "length" ? make("span", { class: "dl-overridden" }, "overridden") : "",
      control.other ? make("span", { class: "dl-mono" }, control.other) : "",
      saysMore(control) ? foreign(control.meaning) : "",
      ...control.notes.map((number) => noteMark(form.findings.notes[number - 1], number)),
    );
    line.element.style.setProperty("--depth", control.depth);
    back.hidden = !control.overridden || control.sort === "length";
    hexButton.hidden = control.secret || control.sort === "bytes";
    hexButton.setAttribute("aria-pressed", String(inHex));
    hexButton.setAttribute("aria-label", `${name}: type its bytes`);
    hexButton.title = "type its bytes";
    back.setAttribute("aria-label", `${name}: take the override back`);
  };
  line.answered = ({ why: reason, remedy, do: asked }) => {
    const canOverride = asked === "set"; // what its remedy says, the button does
    refuse(canOverride ? reason : `${reason} ${remedy}`.trim(), canOverride);
  };
  line.forget = () => refuse("");
  line.focus = () => input.inputs.find((one) => !one.hidden).focus();
  return line;
}

/** Whether the meaning is not seen in the control already. */
function saysMore({ sort, text, meaning }) {
  return meaning && sort !== "code" && sort !== "uid" && meaning !== text;
}

function hexText(form, control) {
  return [...form.bytes.subarray(control.start, control.stop)].map(twoDigits).join(" ");
}

// --- the line of a part: an item, a PDV, an element ------------------------------------------------

function partLine(first, ask, light, toggle) {
  const id = freshId("part");
  const key = keyOf(first);
  const line = { key, control: first, refused: "" };
  let inHex = false;
  let typing = false;

  const twist = make("button", { type: "button", class: "dl-twist", onclick: () => toggle(line.control) });
  const means = make("span", { class: "dl-means" });
  const named = (text, act) => tool(text, "", act);
  const up = named("↑", () => move(-1));
  const down = named("↓", () => move(1));
  const remove = named("✕", () => ask({ do: "remove", path: line.control.path, control: key }));
  const hexButton = named("hex", () => {
    inHex = !inHex;
    line.fill(line.control, line.form, line.open);
    if (inHex) raw.focus();
  });
  const choose = make("select");
  const add = named("add", () => {
    const { path, depth } = line.control;
    ask({ do: "add", path: depth ? `${path}/${choose.value}` : choose.value, control: key });
  });
  const raw = make("textarea", { class: "dl-mono dl-wide", rows: "2", spellcheck: "false" });
  raw.addEventListener("input", () => {
    ask({ do: "replace", path: line.control.path, text: raw.value, hex: true, typing, control: key });
    typing = true;
  });
  const why = make("p", { class: "dl-refused", id: `${id}-why`, hidden: true });
  line.element = make(
    "div",
    {
      class: "dl-control dl-part",
      onmouseenter: () => light(true),
      onmouseleave: () => light(false),
      onfocusin: () => light(true),
      onfocusout: () => {
        typing = false;
        light(false);
      },
    },
    make("div", { class: "dl-head" }, twist, means),
    make("div", { class: "dl-tools" }, choose, add, up, down, remove, hexButton),
    raw,
    why,
  );

  function move(by) {
    const { path, place } = line.control;
    ask({ do: "move", path, to: place + by, control: key });
  }

  line.fill = (control, form, open) => {
    Object.assign(line, { control, form, open });
    const { label, meaning, adds, place, beside, overridden } = control;
    const name = meaning ? `${label} ${meaning}` : label;
    twist.replaceChildren(open ? "▾ " : "▸ ", make("b", {}, label));
    twist.setAttribute("aria-expanded", String(open));
    twist.disabled = overridden;
    means.replaceChildren(
      overridden ? make("span", { class: "dl-overridden" }, "raw bytes") : foreign(meaning),
      ...control.notes.map((number) => noteMark(form.findings.notes[number - 1], number)),
    );
    line.element.style.setProperty("--depth", control.depth);
    line.element.title = control.clause;
    for (const button of [up, down, remove, hexButton]) button.hidden = place === null;
    turned(up, place > 0);
    turned(down, place < beside - 1);
    const words = [[up, "move up"], [down, "move down"], [remove, "remove"], [hexButton, "replace by bytes"]];
    for (const [button, what] of words) {
      button.setAttribute("aria-label", `${name}: ${what}`);
      button.title = what;
    }
    hexButton.setAttribute("aria-pressed", String(inHex || overridden));
    if (choose.childElementCount !== adds.length) {
      choose.replaceChildren(...adds.map((one) => make("option", {}, one)));
    }
    choose.hidden = add.hidden = adds.length === 0 || !open;
    choose.setAttribute("aria-label", `${name}: what to add`);
    add.setAttribute("aria-label", `${name}: add it`);
    raw.hidden = !(inHex || overridden);
    raw.setAttribute("aria-label", `${name}: its bytes`);
    if (!raw.hidden && !typing && !line.refused) raw.value = hexText(form, control);
  };
  line.answered = ({ why: reason, remedy }) => {
    line.refused = `${reason} ${remedy}`.trim();
    why.textContent = line.refused ? `✖ ${line.refused}` : "";
    why.hidden = !line.refused;
    if (line.refused) {
      raw.setAttribute("aria-invalid", "true");
      raw.setAttribute("aria-describedby", why.id);
    } else {
      raw.removeAttribute("aria-invalid");
      raw.removeAttribute("aria-describedby");
    }
  };
  line.forget = () => line.answered({ why: "", remedy: "" });
  line.focus = () => twist.focus();
  return line;
}

// --- the form ---------------------------------------------------------------------------------------

function formPane(ask, light) {
  const host = make("div", { class: "dl-form", role: "group", "aria-label": "Fields" });
  const opened = new Map(); // key → whether somebody opened or closed it
  let lines = new Map();
  let form = null;
  let goal = null; // finds the control that gets the focus when the answer is there
  let labels = "";

  function isOpen(control, single) {
    if (control.overridden) return false;
    if (control.depth === 0) return true;
    return opened.get(keyOf(control)) ?? (!single && form.controls.length <= MANY);
  }

  function toggle(control) {
    opened.set(keyOf(control), !lines.get(keyOf(control)).open);
    draw(form);
  }

  function asked(message) {
    const line = lines.get(message.control);
    goal = goalOf(message, line?.control, new Set(lines.keys()));
    ask(message);
  }

  function draw(shown) {
    form = shown;
    const now = form.controls.map((one) => one.label).join("\n");
    if (now !== labels) for (const line of lines.values()) line.forget();
    labels = now;
    const kept = new Map();
    const parts = []; // those around, outermost first
    let closed = Infinity; // the depth of a part that hides what is in it
    let before = null;
    form.controls.forEach((control, at) => {
      parts.length = Math.min(parts.length, control.depth);
      const own = control.sort !== "part" && control.path === parts.at(-1)?.path;
      if (control.depth <= closed) closed = Infinity;
      const hidden = control.depth > closed && !(own && control.depth === closed + 1);
      const within = parts.length > 1 ? parts.at(-1).label : "";
      if (control.sort === "part") parts[control.depth] = control;
      if (hidden) return;
      const key = keyOf(control);
      const line = lines.get(key) ?? fresh(control, key);
      if (control.sort === "part") {
        const open = isOpen(control, isSingle(form.controls, at));
        if (!open) closed = control.depth;
        line.fill(control, form, open);
      } else line.fill(control, form, within);
      kept.set(key, line);
      const next = before ? before.nextSibling : host.firstChild;
      if (next !== line.element) host.insertBefore(line.element, next);
      before = line.element;
    });
    for (const [key, line] of lines) if (!kept.has(key)) line.element.remove();
    lines = kept;
    settle();
  }

  function fresh(control, key) {
    const lit = (on) => light(on ? lines.get(key)?.control : null);
    return control.sort === "part"
      ? partLine(control, asked, lit, toggle)
      : formLine(control, asked, lit);
  }

  /** Puts the focus where it belongs after something was added, moved or removed. */
  function settle() {
    const wanted = goal && form.controls.find(goal);
    if (!wanted) return;
    goal = null;
    lines.get(keyOf(wanted))?.focus();
  }

  return {
    element: host,
    draw,
    answered: (answer) => {
      if (answer.why) goal = null;
      lines.get(answer.control)?.answered(answer);
    },
    mark: (control) => {
      const near = control ? [control, ...around(form.controls, control)] : [];
      const seen = near.map(keyOf).find((key) => lines.has(key));
      for (const line of lines.values()) line.element.classList.toggle("dl-on", line.key === seen);
    },
    focus: (control) => {
      const key = keyOf(control);
      if (!lines.has(key)) {
        for (const one of around(form.controls, control)) opened.set(keyOf(one), true);
        draw(form);
      }
      lines.get(key)?.focus();
    },
  };
}

/** Whether a part is there for one field, which is seen though the part is closed. */
function isSingle(controls, at) {
  const { path, depth } = controls[at];
  for (let next = at + 1; controls[next]?.depth > depth; next += 1) {
    if (controls[next].sort !== "part" && controls[next].path === path) return true;
  }
  return false;
}

/** The parts that a control is in. */
function around(controls, control) {
  const found = [];
  let depth = control.depth;
  for (let at = controls.indexOf(control) - 1; at >= 0; at -= 1) {
    if (controls[at].depth < depth) {
      depth = controls[at].depth;
      found.push(controls[at]);
    }
  }
  return found;
}

/** What finds the control to go to when a change is done; null: the focus stays where it is. */
function goalOf(message, control, known) {
  switch (message.do) {
    case "add":
      return (one) => one.sort === "part" && !known.has(keyOf(one)) && one.depth === control.depth + 1;
    case "move":
      return (one) => one.depth === control.depth && one.place === message.to && one.label === control.label;
    case "remove":
      return (one) => one.sort === "part" && one.depth === control.depth && one.place === Math.max(0, control.place - 1);
    default:
      return null;
  }
}

// --- the bytes ----------------------------------------------------------------------------------------

/** `on.light(control)` tells that the pointer or the keyboard is on its bytes. */
function byteGrid(on) {
  const id = freshId("bytes");
  let form = null;
  let leaves = []; // the leaf of each byte
  let fresh = new Set();
  let lit = null;
  let cursor = 0;
  let marks = [];

  const host = make("div", {
    class: "dl-scroll dl-bytes",
    role: "grid",
    tabindex: "0",
    "aria-label": "Bytes",
    onmouseover: (event) => point(event.target),
    onmouseleave: () => on.light(null),
    onclick: (event) => {
      const cell = event.target.closest("[data-o]");
      if (cell) on.go(leaves[Number(cell.dataset.o)]);
    },
    onkeydown: press,
    onfocus: () => leaves.length && moveTo(cursor),
  });
  const list = virtualList(host, {
    height: BYTE_LINE,
    count: () => (form ? Math.ceil(form.bytes.length / BYTES_A_LINE) : 0),
    draw: drawLine,
  });

  function drawLine(index) {
    const start = index * BYTES_A_LINE;
    const stop = Math.min(start + BYTES_A_LINE, form.bytes.length);
    const cells = [];
    for (let at = start; at < stop; at += 1) cells.push(byteBox(at));
    const offset = start.toString(16).toUpperCase().padStart(4, "0");
    const head = make("span", { class: "dl-offset", role: "rowheader" }, offset);
    const row = make("div", { class: "dl-line", role: "row", "aria-rowindex": index + 1 }, head, cells);
    return lightened(row);
  }

  function byteBox(at) {
    const leaf = leaves[at];
    const mark = marks.find(({ span }) => span.start <= at && at < Math.max(span.stop, span.start + 1));
    const classes = ["dl-byte", `dl-${leaf.role}`];
    if (at === leaf.start) classes.push("dl-opens");
    if (at === leaf.stop - 1) classes.push("dl-closes");
    if (fresh.has(at)) classes.push("dl-fresh");
    if (mark) classes.push(`dl-note-${mark.severity}`);
    return make(
      "span",
      { class: classes.join(" "), role: "gridcell", id: `${id}-${at}`, "data-o": at },
      leaf.secret ? "••" : twoDigits(form.bytes[at]),
      fresh.has(at) ? make("span", { class: "dl-hidden" }, " changed") : null,
      mark?.span.start === at ? make("sup", {}, String(mark.number)) : null,
    );
  }

  function lightened(row) {
    for (const cell of row.querySelectorAll("[data-o]")) {
      const at = Number(cell.dataset.o);
      cell.classList.toggle("dl-on", Boolean(lit) && lit.start <= at && at < lit.stop);
      cell.classList.toggle("dl-cursor", at === cursor);
    }
    return row;
  }

  function point(target) {
    const cell = target.closest("[data-o]");
    if (cell) on.light(leaves[Number(cell.dataset.o)]);
  }

  function press(event) {
    const steps = {
      ArrowRight: 1,
      ArrowLeft: -1,
      ArrowDown: BYTES_A_LINE,
      ArrowUp: -BYTES_A_LINE,
      PageDown: BYTES_A_LINE * list.page(),
      PageUp: -BYTES_A_LINE * list.page(),
      Home: -cursor,
      End: leaves.length,
    };
    if (event.key === "Enter" && leaves[cursor]) on.go(leaves[cursor]);
    else if (event.key in steps) moveTo(cursor + steps[event.key]);
    else return;
    event.preventDefault();
  }

  function moveTo(at) {
    cursor = Math.min(Math.max(at, 0), leaves.length - 1);
    list.reveal(Math.floor(cursor / BYTES_A_LINE));
    host.setAttribute("aria-activedescendant", `${id}-${cursor}`);
    on.light(leaves[cursor]);
    on.say(`byte ${cursor}: ${[leaves[cursor].label, leaves[cursor].meaning].filter(Boolean).join(", ")}`);
  }

  return {
    element: host,
    draw: (shown, spans) => {
      form = shown;
      lit = lit && (form.controls.find((one) => keyOf(one) === keyOf(lit)) ?? null);
      leaves = [];
      for (const control of form.controls) {
        if (isHolder(form.controls, control)) continue;
        for (let at = control.start; at < control.stop; at += 1) leaves.push(control);
      }
      fresh = new Set(spans.flatMap(([start, stop]) => Array.from({ length: stop - start }, (_, at) => start + at)));
      marks = form.findings.notes
        .map((note, index) => ({ ...note, number: index + 1 }))
        .filter((note) => note.span)
        .sort((a, b) => a.span.stop - a.span.start - (b.span.stop - b.span.start));
      cursor = Math.min(cursor, Math.max(0, leaves.length - 1));
      const rows = Math.ceil(form.bytes.length / BYTES_A_LINE);
      host.style.height = `${Math.min(Math.max(rows, 2), LINES_SEEN) * BYTE_LINE + 12}px`;
      host.setAttribute("aria-rowcount", rows);
      list.refresh();
    },
    light: (control, reveal) => {
      lit = control;
      if (control && reveal && control.start < leaves.length) {
        list.reveal(Math.floor(control.start / BYTES_A_LINE));
      }
      list.each(lightened);
    },
    stop: list.stop,
  };
}

/** Whether controls of their own stand for what is in it. */
function isHolder(controls, control) {
  const next = controls[control.number + 1];
  return control.sort === "part" && next?.depth > control.depth;
}

function noteMark(note, number) {
  const label = `finding ${number}, ${note.severity}`;
  return make("span", { class: `dl-note dl-note-${note.severity}`, title: label, "aria-label": label, role: "img" }, String(number));
}

function noteItem(note, number) {
  const by = note.sender ? ` (bytes of the ${note.sender})` : "";
  return make(
    "li",
    {},
    noteMark(note, number),
    make("b", {}, ` ${note.severity}: `, foreign(note.what)),
    `${by}. `,
    foreign(note.why),
    make("span", { class: "dl-quiet" }, ` ${note.code} · ${note.clause}`),
  );
}

function folded(title, content) {
  return content ? make("details", {}, make("summary", {}, title), content) : null;
}

function noteList(findings, title) {
  const items = findings.notes.map((note, index) => noteItem(note, index + 1));
  if (findings.hidden) items.push(make("li", {}, `… and ${counted(findings.hidden, "more finding")}`));
  return items.length ? make("section", { class: "dl-notes" }, title ? make("h4", {}, title) : null, make("ul", {}, items)) : null;
}

// --- break it, as Python, the answer ----------------------------------------------------------------

function breakList(mistakes, ask) {
  const items = mistakes.map((one, number) =>
    make(
      "li",
      {},
      make("button", { type: "button", onclick: () => ask({ do: "break", number }) }, one.title),
      make(
        "p",
        {},
        `${one.lesson} `,
        make("span", { class: "dl-quiet" }, `${one.code}${one.must_be_sent ? ", when it is sent" : ""} · ${one.clause}`),
      ),
    ),
  );
  const summary = make("summary", {}, `Break it: ${counted(mistakes.length, "mistake")} that teach something`);
  return make("details", { class: "dl-break", hidden: mistakes.length === 0 }, summary, make("ul", {}, items));
}

function pythonPane(says) {
  const code = make("code");
  const text = make("pre", { class: "dl-mono", tabindex: "0", role: "region", "aria-label": "Python code" }, code);
  const copy = make("button", { type: "button", onclick: () => copied(code).then(says) }, "Copy");
  const element = make("details", { class: "dl-python" }, make("summary", {}, "As Python"), text, copy);
  return { element, draw: (source) => { code.textContent = source; } };
}

/** Copies the text of an element; gives what to say. */
async function copied(element) {
  try {
    await navigator.clipboard.writeText(element.textContent);
    return "The code is copied.";
  } catch {
    window.getSelection().selectAllChildren(element);
    return "The code is selected: copy it with Ctrl+C.";
  }
}

function heardPdu(view) {
  const lines = view.lines.map((line) =>
    make(
      "div",
      {},
      make("span", { class: "dl-offset" }, line.start.toString(16).toUpperCase().padStart(4, "0")),
      line.folded
        ? make("span", { class: "dl-quiet" }, `… ${line.folded} …`)
        : line.cells.map((cell) => make("span", { class: `dl-byte dl-${cell.role}` }, cell.hex)),
    ),
  );
  const rows = view.boxes.map((box) =>
    make(
      "tr",
      { class: box.leaf ? null : "dl-holder" },
      make("th", { scope: "row", style: `padding-left:${box.depth}em` }, box.name),
      make("td", {}, foreign([box.value, box.meaning].filter(Boolean).join(" = "))),
    ),
  );
  const head = make("tr", {}, make("th", { scope: "col" }, "field"), make("th", { scope: "col" }, "value"));
  return make(
    "details",
    { class: "dl-heard" },
    make("summary", {}, make("b", {}, foreign(view.title)), ` ${view.subtitle}`),
    make("div", { class: "dl-mono dl-heardbytes", tabindex: "0", role: "region", "aria-label": `Bytes of ${view.title}` }, lines),
    make("table", {}, make("thead", {}, head), make("tbody", {}, rows)),
  );
}

function causeItem(cause) {
  return make(
    "li",
    {},
    `${cause.likelihood}: `,
    make("b", {}, foreign(cause.title)),
    ". ",
    foreign(cause.who),
    ": ",
    foreign(cause.change),
  );
}

function answerPane() {
  const element = make("section", { class: "dl-answer", "aria-label": "What came of it", hidden: true });
  const draw = (answer) => {
    element.hidden = !answer.reasons;
    if (!answer.reasons) return;
    const { problem, remedy, heard, reasons, findings } = answer;
    const tone = problem || reasons.tone === "error" ? "error" : "good";
    const details = heard.map(heardPdu);
    if (details.length) details[0].open = true;
    const summary = reasons.summary || problem;
    element.replaceChildren(
      make("h4", { class: `dl-tone-${tone}` }, tone === "good" ? "✔ " : "✖ ", foreign(summary)),
      problem && problem !== summary ? make("p", {}, foreign(problem)) : "",
      remedy ? make("p", {}, "→ ", foreign(remedy)) : "",
      reasons.causes.length ? make("ol", {}, reasons.causes.map(causeItem)) : "",
      ...details,
      folded(`${counted(findings.notes.length, "finding")} in the conversation`, noteList(findings, "")) ?? "",
    );
  };
  return { element, draw };
}

// --- the widget ---------------------------------------------------------------------------------------

/** The form as Python sent it, with what is looked up often. */
function prepared(form) {
  const { buffer, byteOffset, byteLength } = form.data;
  const controls = form.controls.map((one, number) => ({ ...one, number }));
  return { ...form, controls, bytes: new Uint8Array(buffer, byteOffset, byteLength) };
}

function render({ model, el }) {
  const live = liveLine();
  const ask = (message) => model.send(message);
  const heading = make("h3");
  const undo = make("button", { type: "button" }, "Undo");
  const redo = make("button", { type: "button" }, "Redo");
  const send = make("button", { type: "button", class: "dl-send" }, "Send");
  const where = make("span", { class: "dl-quiet", id: freshId("where") });
  for (const [button, what] of [[undo, "undo"], [redo, "redo"], [send, "send"]]) {
    button.addEventListener("click", () => {
      if (button.getAttribute("aria-disabled") !== "true") ask({ do: what });
      else if (button === send) live.says(where.textContent);
    });
  }
  send.setAttribute("aria-describedby", where.id);
  const grid = byteGrid({ light: (one) => light(one, "bytes"), go: (one) => fields.focus(one), say: live.says });
  const fields = formPane(ask, (one) => light(one, "form"));
  const found = make("div");
  const python = pythonPane(live.says);
  const answer = answerPane();
  const root = widgetRoot("dl-builder");
  root.append(
    make("div", { class: "dl-bar" }, heading, make("span", { class: "dl-grow" }), undo, redo, send, where),
    live.element,
    make("div", { class: "dl-panes" }, fields.element, make("div", { class: "dl-side" }, grid.element, found)),
    answer.element,
    breakList(model.get("mistakes"), ask),
    python.element,
  );

  function light(control, from) {
    grid.light(control, from === "form");
    if (from === "bytes") fields.mark(control);
  }

  function drawForm() {
    const form = prepared(model.get("form"));
    heading.replaceChildren(foreign(form.title), make("small", {}, ` ${counted(form.bytes.length, "byte")}`));
    grid.draw(form, model.get("fresh"));
    fields.draw(form);
    found.replaceChildren(noteList(form.findings, "What a receiver finds in these bytes") ?? "");
  }

  function drawRest() {
    const [done, undone] = model.get("steps");
    turned(undo, done > 0);
    turned(redo, undone > 0);
    python.draw(model.get("code"));
    live.says(model.get("said"));
  }

  function drawTarget() {
    const { where: place, why } = model.get("target");
    const sending = model.get("sending");
    where.textContent = sending ? `sending to ${place} …` : place ? `to ${place}` : why;
    turned(send, Boolean(place) && !sending);
  }

  function drawAnswer() {
    answer.draw(model.get("answer"));
    const { problem, reasons } = model.get("answer");
    if (reasons) live.says(`Answer: ${reasons.summary || problem}`);
  }

  function hear(answered) {
    fields.answered(answered);
    if (answered.why) live.says(`${answered.why} ${answered.remedy}`.trim());
  }

  let due = false; // both traits change with one edit
  function formChanged() {
    if (!due) queueMicrotask(() => {
      due = false;
      drawForm();
    });
    due = true;
  }

  const draws = {
    "change:form change:fresh": formChanged,
    "change:steps change:code change:said": drawRest,
    "change:target change:sending": drawTarget,
    "change:answer": drawAnswer,
    "msg:custom": hear,
  };
  for (const [events, draw] of Object.entries(draws)) model.on(events, draw);
  drawForm();
  drawRest();
  drawTarget();
  answer.draw(model.get("answer"));
  el.append(root);
  grid.light(null);
  return () => {
    for (const [events, draw] of Object.entries(draws)) model.off(events, draw);
    grid.stop();
    root.remove();
  };
}

export default { render };
