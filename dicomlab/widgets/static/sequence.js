// The sequence of an association: stepped through, played, opened.

import { counted, foreign, freshId, liveLine, make, widgetRoot } from "./dom.js";
import { tallList } from "./tall.js";

const SIDES = ["requestor", "acceptor"];
const LEAST = { fold: 84, silence: 64, opened: 48 }; // pixels, about, before a step was seen
const USUAL = 72;
const SPREAD = 2; // true to time a sequence is about so many times as long
const PACE = 900; // milliseconds that a step is shown while playing
const ROUND = [1, 2, 5]; // and these by any power of ten
const SHORTEST = 30; // pixels of a round time in the legend
const UNITS = [["s", 1e9], ["ms", 1e6], ["µs", 1e3]]; // of nanoseconds

function usualHeight(step) {
  return LEAST[step.kind] ?? USUAL;
}

/** How far it is from each step to the next one: true to time, or no further than it takes. */
function distances(steps, isTrue) {
  const least = steps.map(usualHeight);
  const total = steps.reduce((latest, step) => Math.max(latest, step.time ?? 0), 0);
  if (!isTrue || !total) return { least: steps.map(() => 0), scale: 0 };
  const scale = (SPREAD * least.reduce((sum, one) => sum + one, 0)) / total; // pixels a nanosecond
  const after = steps.map(() => 0);
  let before = null; // the last step that has a time
  steps.forEach((step, index) => {
    if (step.time === null) return;
    if (before !== null) {
      const between = least.slice(before, index - 1).reduce((sum, one) => sum + one, 0);
      after[index - 1] = Math.max(0, (step.time - steps[before].time) * scale - between);
    }
    before = index;
  });
  return { least: after, scale };
}

/** A round time and how many pixels it is, for a legend. */
function measuringBar(scale) {
  const tens = 10 ** Math.floor(Math.log10(SHORTEST / scale));
  const time = [...ROUND, 10].find((one) => one * tens * scale >= SHORTEST) * tens;
  const [unit, size] = UNITS.find(([, one]) => time >= one) ?? UNITS[UNITS.length - 1];
  return { text: `${counted(time / size)} ${unit}`, pixels: Math.round(time * scale) };
}

/** The same step in a sequence that has grown; -1 where it is no longer there. */
function again(step, steps) {
  if (step.index === null) {
    return steps.findIndex((one) => one.kind === step.kind && one.label === step.label);
  }
  return steps.findIndex(
    (one) => one.index !== null && one.index <= step.index && step.index <= (one.last ?? one.index),
  );
}

/** How an end came to be where it is at a step: the last step that says so, and what it says. */
function arrival(steps, index, side) {
  for (let at = index; at >= 0; at -= 1) {
    const move = steps[at][side];
    if (move.after) return { at, move };
  }
  return null;
}

function symbolOf(tone) {
  return tone === "error" || tone === "warning"
    ? make("span", { class: `dl-symbol dl-symbol-${tone}`, "aria-hidden": "true" })
    : null;
}

function stateOf(step, side) {
  const { before, event, action, after } = step[side];
  const changed = before && before !== after;
  const refuses = step.refuser === side;
  return make(
    "div",
    { class: `dl-step-state dl-step-${side}` },
    changed
      ? make("div", { class: "dl-strong" }, `${before} → ${after}`)
      : make("div", { class: "dl-quiet" }, after),
    make("div", { class: "dl-quiet dl-small" }, [event, action].filter(Boolean).join(" · ")),
    refuses ? make("div", { class: "dl-refusal" }, symbolOf("error"), "not allowed") : null,
  );
}

function lane(step) {
  const crossed = step.kind === "closed"; // on the lifeline of who closed
  const symbol = crossed ? null : symbolOf(step.tone);
  const label = make("div", { class: "dl-label" }, symbol, foreign(step.label));
  const details = step.details.map((one) => make("div", { class: "dl-detail" }, foreign(one)));
  const classes = ["lane", `lane-${step.kind}`, `tone-${step.tone}`, `by-${step.sender ?? "both"}`];
  const made = make("div", { class: classes.map((one) => `dl-${one}`).join(" ") });
  if (step.kind === "pdu") {
    made.append(label, make("div", { class: "dl-arrow" }), ...details);
  } else {
    made.append(make("div", { class: "dl-on-line" }, label, details));
  }
  if (crossed) made.append(make("span", { class: "dl-cross dl-symbol dl-symbol-error" }));
  return made;
}

function stepRow(step, index, id, distance) {
  return make(
    "div",
    {
      class: `dl-step dl-step-${step.kind}`,
      role: "option",
      id: `${id}-${index}`,
      "data-step": index,
      "aria-label": step.reads,
      style: distance ? `min-height:${Math.round(distance)}px` : null,
    },
    make(
      "div",
      { class: "dl-step-time" },
      make("div", {}, step.at),
      make("div", { class: "dl-quiet dl-small" }, step.after),
      step.numbers ? make("div", { class: "dl-quiet dl-small" }, `PDU ${step.numbers}`) : null,
    ),
    stateOf(step, "requestor"),
    lane(step),
    stateOf(step, "acceptor"),
  );
}

function render({ model, el }) {
  const id = freshId("step");
  const ladder = () => model.get("ladder");
  let steps = ladder().steps ?? [];
  let isTrue = false;
  let spaced = distances(steps, isTrue);
  let playing = null;
  let chosen = null; // the PDU that was chosen in a step that stands for several

  const live = liveLine();
  const back = make("button", { type: "button", onclick: () => step(-1) }, "◀ Back");
  const forward = make("button", { type: "button", onclick: () => step(1) }, "Forward ▶");
  const play = make("button", { type: "button", class: "dl-play", onclick: toggle });
  const place = make("span", { class: "dl-quiet dl-place" });
  const timed = make("input", { type: "checkbox", onchange: () => space(timed.checked) });
  const legend = make("div", { class: "dl-legend dl-quiet" });
  const boxes = SIDES.map((side) => make("div", { class: `dl-box dl-box-${side}`, role: "group" }));
  const host = make("div", {
    class: "dl-scroll dl-steps",
    role: "listbox",
    tabindex: "0",
    "aria-label": "Sequence of the association. Enter shows the bytes of a PDU, space plays.",
    onkeydown: typed,
    onclick: clicked,
  });
  const outcome = make("div", { class: "dl-outcome" });
  const chooser = make("div", { class: "dl-bar dl-chooser" });
  const root = widgetRoot("dl-sequence");
  root.append(
    make("h3", { class: "dl-title" }),
    make(
      "div",
      { class: "dl-bar" },
      back,
      play,
      forward,
      place,
      make("span", { class: "dl-grow" }),
      make("label", {}, timed, " true to time"),
    ),
    legend,
    make("div", { class: "dl-boxes" }, boxes),
    host,
    chooser,
    outcome,
    live.element,
  );
  el.append(root);

  const selected = () => Math.max(0, Math.min(model.get("selected"), steps.length - 1));
  const list = tallList(host, {
    count: () => steps.length,
    guess: (index) => Math.max(usualHeight(steps[index]), spaced.least[index]),
    draw: (index) => stepRow(steps[index], index, id, spaced.least[index]),
    key: (index) => `${spaced.least[index]} ${JSON.stringify(steps[index])}`,
    mark,
  });

  function mark(row, index) {
    const step = steps[index];
    const opened = model.get("opened");
    const isOpen = opened !== null && step.index !== null
      && step.index <= opened && opened <= (step.last ?? step.index);
    row.setAttribute("aria-selected", String(index === selected()));
    row.setAttribute("aria-setsize", steps.length);
    row.setAttribute("aria-posinset", index + 1);
    row.classList.toggle("dl-lit", index === selected());
    row.classList.toggle("dl-open", isOpen);
  }

  // --- what is shown beside the list ----------------------------------------------------------

  function box(element, side) {
    const end = ladder()[side];
    const words = model.get("words");
    const come = steps.length ? arrival(steps, selected(), side) : null;
    const step = steps[selected()];
    const parts = [
      make("div", { class: "dl-end" }, foreign(end?.title ?? ""),
        make("span", { class: "dl-quiet" }, ` ${side}`, end?.address ? ` · ${end.address}` : "")),
      make("div", { class: "dl-state" }, come?.move.after ?? "—"),
      make("div", {}, come ? (words[come.move.after] ?? "") : "not known"),
    ];
    if (come) parts.push(make("div", { class: "dl-quiet dl-small dl-cause" }, cause(come, words)));
    if (step?.refuser === side) {
      parts.push(make("div", { class: "dl-refusal" }, symbolOf("error"), step.refusal));
    }
    element.setAttribute("aria-label", `State of the ${side}`);
    const changed = come?.at === selected() && come.move.before !== come.move.after;
    element.classList.toggle("dl-changed", changed);
    element.replaceChildren(...parts);
  }

  function cause({ at, move }, words) {
    const said = [move.event, move.action]
      .filter(Boolean)
      .map((one) => `${one}: ${words[one] ?? ""}`);
    if (!said.length) return "by no event of PS3.8 Table 9-10, as far as a recording shows";
    const from = move.before && move.before !== move.after ? `from ${move.before}, ` : "";
    return (at === selected() ? "" : `since step ${at + 1}: `) + from + said.join(" → ");
  }

  function beside() {
    const [first, last] = [selected() === 0, selected() >= steps.length - 1];
    back.disabled = first || !steps.length;
    forward.disabled = last;
    play.disabled = !steps.length;
    play.textContent = playing === null ? "▶ Play" : "⏸ Pause";
    place.textContent = steps.length
      ? `step ${counted(selected() + 1)} of ${counted(steps.length)}`
      : "nothing has happened yet";
    boxes.forEach((element, number) => box(element, SIDES[number]));
    if (steps.length) host.setAttribute("aria-activedescendant", `${id}-${selected()}`);
    else host.removeAttribute("aria-activedescendant");
    choose();
  }

  /** A step that stands for several PDUs lets one be chosen. */
  function choose() {
    const step = steps[selected()];
    const several = step && step.last !== null && step.index !== null;
    chooser.hidden = !several;
    if (!several) {
      chosen = null;
      chooser.replaceChildren();
      return;
    }
    if (chosen === null || chosen < step.index || chosen > step.last) chosen = step.index;
    const held = document.activeElement?.getAttribute?.("data-chooses");
    const go = (index) => {
      chosen = Math.min(Math.max(Math.round(index) || step.index, step.index), step.last);
      open(chosen);
      choose();
    };
    const number = make("input", {
      type: "number", min: step.index, max: step.last, value: chosen, "data-chooses": "number",
      "aria-label": `PDU, ${step.index} to ${step.last}`, onchange: () => go(Number(number.value)),
    });
    const button = (words, index, name) => make("button", {
      type: "button", "data-chooses": name, onclick: () => go(index),
      disabled: index < step.index || index > step.last,
    }, words);
    chooser.replaceChildren(
      make("span", {}, `This step stands for PDUs ${step.numbers}. Show PDU`),
      button("‹ previous", chosen - 1, "previous"),
      number,
      button("next ›", chosen + 1, "next"),
      button("show", chosen, "show"),
    );
    if (held) chooser.querySelector(`[data-chooses="${held}"]:not(:disabled)`)?.focus();
  }

  function frame() {
    const { title, requestor, acceptor, pdus, outcome: end, tone } = ladder();
    const heading = root.querySelector(".dl-title");
    heading.replaceChildren();
    if (title !== undefined) {
      heading.append(foreign(requestor.title), " → ", foreign(acceptor.title),
        make("span", { class: "dl-quiet dl-small" }, ` ${counted(pdus, "PDU")}`));
    }
    heading.hidden = title === undefined;
    outcome.className = `dl-outcome dl-tone-${tone ?? "plain"}`;
    outcome.replaceChildren(...[symbolOf(tone), foreign(end ?? "")].filter(Boolean));
    outcome.hidden = end === undefined;
    legend.replaceChildren();
    if (spaced.scale) {
      const { text, pixels } = measuringBar(spaced.scale);
      legend.append(
        make("span", { class: "dl-measure", style: `height:${pixels}px`, "aria-hidden": "true" }),
        `The bar is ${text}: steps stand apart in proportion to time, `
          + "but never closer than their text takes.",
      );
    }
    legend.hidden = !spaced.scale;
  }

  // --- what can be done -----------------------------------------------------------------------

  function select(index, reads = true) {
    if (!steps.length) return;
    const next = Math.min(Math.max(index, 0), steps.length - 1);
    model.set("selected", next); // which shows it
    model.save_changes();
    if (reads) live.says(`Step ${next + 1} of ${steps.length}: ${steps[next].reads}`);
  }

  function shown() {
    if (steps.length) list.reveal(selected());
    beside();
  }

  function step(by) {
    pause();
    select(selected() + by);
  }

  function open(index) {
    if (index === null || index === undefined) {
      live.says("No PDU stands here: nothing to show below.");
      return;
    }
    model.send({ do: "open", pdu: index });
  }

  function pause() {
    if (playing === null) return;
    clearTimeout(playing);
    playing = null;
    beside();
  }

  function toggle() {
    if (playing !== null) {
      pause();
      return;
    }
    playing = setTimeout(next, PACE);
    select(selected() >= steps.length - 1 ? 0 : selected() + 1);
    beside();
  }

  function next() {
    if (selected() >= steps.length - 1) {
      pause();
      return;
    }
    playing = setTimeout(next, PACE);
    select(selected() + 1);
  }

  function typed(event) {
    const moves = {
      ArrowDown: () => step(1),
      ArrowUp: () => step(-1),
      PageDown: () => step(list.page()),
      PageUp: () => step(-list.page()),
      Home: () => step(-steps.length),
      End: () => step(steps.length),
      " ": toggle,
      Enter: () => open(chosen ?? steps[selected()]?.index),
    };
    const move = moves[event.key];
    if (!move || event.ctrlKey || event.altKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    event.stopPropagation();
    move();
  }

  function clicked(event) {
    const row = event.target.closest("[data-step]");
    if (!row) return;
    pause();
    select(Number(row.dataset.step), false);
    open(chosen ?? steps[selected()].index);
  }

  function space(toTime) {
    isTrue = toTime;
    spaced = distances(steps, isTrue);
    frame();
    list.refresh(true);
    list.reveal(selected());
    live.says(isTrue ? "Distances are true to time." : "Steps are evenly spaced.");
  }

  // --- what Python says -----------------------------------------------------------------------

  function grown() {
    const before = steps;
    const wasLast = selected() >= before.length - 1;
    const wasAtEnd = list.atEnd();
    const was = before[selected()];
    steps = ladder().steps ?? [];
    spaced = distances(steps, isTrue);
    const same = was ? again(was, steps) : -1;
    const kept = same < 0 ? Math.min(selected(), steps.length - 1) : same;
    const index = Math.max(0, wasLast ? steps.length - 1 : kept);
    frame();
    list.refresh();
    if (index !== model.get("selected")) {
      model.set("selected", index); // which shows it
      model.save_changes();
    } else beside();
    if (wasAtEnd) host.scrollTop = host.scrollHeight;
    if (wasLast && steps.length > before.length) live.says(steps[index].reads);
  }

  function opened() {
    list.mark();
    const index = model.get("opened");
    if (index !== null) live.says(`PDU ${index}: its TCP segments and its bytes are shown below.`);
  }

  const told = (message) => {
    if (message.refused) live.says(message.refused);
  };
  model.on("change:ladder", grown);
  model.on("change:selected", shown);
  model.on("change:opened", opened);
  model.on("msg:custom", told);
  frame();
  shown();
  return () => {
    clearTimeout(playing);
    list.stop();
    model.off("change:ladder", grown);
    model.off("change:selected", shown);
    model.off("change:opened", opened);
    model.off("msg:custom", told);
    root.remove();
  };
}

export default { render };
