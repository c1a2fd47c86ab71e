// The live console: faults of the SCP, steps of the SCU, how both stand, and the recording.

import { counted, freshId, liveLine, make, widgetRoot } from "./dom.js";

const END_TITLES = ["Requestor (SCU)", "Acceptor (SCP)"];

/** A sentence beside a control: why what was asked for was refused. */
function refusalLine(id) {
  const element = make("div", { id, class: "dl-refusal dl-tone-error", role: "alert" });
  return {
    element,
    tell(control, why = "") {
      element.textContent = why;
      control.setAttribute("aria-invalid", why !== "");
    },
  };
}

// --- the faults -------------------------------------------------------------------------------

/**
 * The faults that can be ordered: a list to search in, and all about the one where the cursor is.
 * `ask(message)` tells Python what is wanted.
 */
function faultList(knobs, ask) {
  const id = freshId("faults");
  let on = new Map(); // name → what is ordered
  let seen = knobs; // those that the search finds
  let current = knobs[0];
  let refused = {};

  const search = make("input", {
    type: "search",
    placeholder: "search faults",
    "aria-label": "Search the faults",
    "aria-controls": id,
    oninput: filter,
    onkeydown(event) {
      if (event.key === "ArrowDown") list.focus();
    },
  });
  const list = make("div", {
    id,
    class: "dl-scroll dl-knobs",
    role: "listbox",
    tabindex: "0",
    "aria-label": "Faults of the SCP: space turns one on or off",
    "aria-multiselectable": "true",
    onkeydown: key,
    onclick: click,
  });
  const about = make("div", { class: "dl-about" });
  let controls = null;

  const rowId = (knob) => `${id}-${knob.name}`;
  const found = (knob, words) =>
    words.every((word) =>
      [knob.name, knob.group, knob.does, knob.met].join(" ").toLowerCase().includes(word),
    );

  function filter() {
    const words = search.value.toLowerCase().split(/\s+/);
    seen = knobs.filter((knob) => found(knob, words));
    draw();
    if (!seen.includes(current) && seen.length) choose(seen[0]);
  }

  function draw() {
    const groups = [...new Set(seen.map((knob) => knob.group))];
    const children = groups.map((group) =>
      make(
        "div",
        { role: "group", "aria-label": group },
        make("div", { class: "dl-group", role: "presentation" }, group),
        seen.filter((knob) => knob.group === group).map(row),
      ),
    );
    const nothing = make("div", { class: "dl-quiet", role: "presentation" }, "no fault is like that");
    list.replaceChildren(...(children.length ? children : [nothing]));
    mark();
  }

  function row(knob) {
    const ordered = on.get(knob.name);
    const attributes = {
      id: rowId(knob),
      class: "dl-knob",
      "data-knob": knob.name,
      role: "option",
      "aria-selected": String(ordered !== undefined),
    };
    return make(
      "div",
      attributes,
      make("span", { class: "dl-box", "aria-hidden": "true" }, ordered ? "☑" : "☐"),
      make("span", { class: "dl-mono" }, ordered ? ordered.order : knob.name),
      make("span", { class: "dl-quiet" }, knob.does),
    );
  }

  function mark() {
    for (const one of list.querySelectorAll(".dl-knob")) {
      one.classList.toggle("dl-current", one.id === rowId(current));
    }
    const there = seen.includes(current);
    if (there) list.setAttribute("aria-activedescendant", rowId(current));
    else list.removeAttribute("aria-activedescendant");
  }

  function choose(knob) {
    current = knob;
    mark();
    const element = list.querySelector(".dl-current");
    if (element) element.scrollIntoView({ block: "nearest" });
    tell();
  }

  function key(event) {
    const at = seen.indexOf(current);
    const page = Math.max(1, Math.floor(list.clientHeight / 32) - 1);
    const to = {
      ArrowDown: at + 1,
      ArrowUp: at - 1,
      PageDown: at + page,
      PageUp: at - page,
      Home: 0,
      End: seen.length - 1,
    }[event.key];
    if (to !== undefined && seen.length) choose(seen[Math.min(Math.max(to, 0), seen.length - 1)]);
    else if (event.key === " " || event.key === "Enter") turn();
    else return;
    event.preventDefault();
  }

  function click(event) {
    const element = event.target.closest(".dl-knob");
    if (!element) return;
    choose(seen.find((knob) => rowId(knob) === element.id));
    if (event.target.closest(".dl-box")) turn();
  }

  function turn() {
    if (!seen.includes(current)) return;
    if (on.has(current.name)) ask({ do: "cancel", control: current.name, knob: current.name });
    else order();
  }

  function order() {
    const { value, at } = controls;
    ask({
      do: "order",
      control: current.name,
      knob: current.name,
      value: value ? value.value.trim() : "",
      at: at ? at.value : "",
    });
  }

  /** All about the current fault, with the controls for its value and its moment. */
  function tell() {
    const knob = current;
    const ordered = on.get(knob.name);
    const changed = () => {
      if (on.has(knob.name)) order();
    };
    const value = knob.choices.length
      ? choiceOf(knob.choices, ordered ? ordered.value : knob.default, changed)
      : knob.form && valueInput(knob, ordered, changed);
    const at = knob.moments.length
      ? choiceOf([["", `as usual: ${knob.at.join(", ")}`], ...knob.moments], ordered?.at ?? "", changed)
      : null;
    const box = make("input", { type: "checkbox", onchange: turn });
    box.checked = ordered !== undefined;
    const why = refusalLine(freshId("why"));
    if (value) {
      value.setAttribute("aria-label", `value of ${knob.name}`);
      value.setAttribute("aria-describedby", why.element.id);
    }
    if (at) at.setAttribute("aria-label", `moment of ${knob.name}`);
    controls = { knob, box, value, at, why };
    about.replaceChildren(
      make("label", { class: "dl-on" }, box, make("b", { class: "dl-mono" }, knob.name)),
      ...[
        value && make("span", {}, "value ", value, knob.choices.length ? null : ` ${knob.form}`),
        at ? make("span", {}, "moment ", at) : make("span", {}, momentWords(knob)),
      ].filter(Boolean),
      why.element,
      make("p", {}, knob.does),
      make("p", { class: "dl-quiet" }, `Where it is met: ${knob.met}`),
    );
    why.tell(value || box, refused[knob.name]);
  }

  function valueInput(knob, ordered, changed) {
    const input = make("input", {
      class: "dl-mono",
      maxlength: "80",
      autocomplete: "off",
      onchange: changed,
      onkeydown(event) {
        if (event.key === "Enter" && !on.has(knob.name)) order();
      },
    });
    input.value = ordered ? ordered.value : knob.default;
    return input;
  }

  draw();
  tell();
  return {
    search,
    list,
    about,
    /** What is ordered, as Python has it. */
    show(orders) {
      const before = on;
      on = new Map(orders.map((one) => [one.knob, one]));
      for (const knob of seen) {
        if (before.get(knob.name)?.order === on.get(knob.name)?.order) continue;
        list.querySelector(`#${CSS.escape(rowId(knob))}`).replaceWith(row(knob));
      }
      mark();
      controls.box.checked = on.has(current.name);
    },
    refuse(all) {
      refused = all;
      controls.why.tell(controls.value || controls.box, refused[current.name]);
    },
  };
}

function momentWords(knob) {
  return knob.at.length ? `at ${knob.at.join(", ")}` : "from the start";
}

/** A choice of texts, or of [value, text]. */
function choiceOf(choices, value, onchange) {
  const options = choices.map((one) => (Array.isArray(one) ? one : [one, one]));
  const select = make(
    "select",
    { onchange },
    options.map(([key, words]) => make("option", { value: key }, words)),
  );
  select.value = value;
  return select;
}

/** The faults that are on, each with a way to turn it off. */
function faultChips(ask, next) {
  const element = make("ul", { class: "dl-chips", "aria-label": "Faults that are on" });
  const chip = ({ knob, order }) =>
    make(
      "li",
      {},
      make(
        "button",
        {
          type: "button",
          "data-knob": knob,
          "aria-label": `Turn off ${order}`,
          onclick: () => ask({ do: "cancel", control: knob, knob }),
        },
        make("span", { class: "dl-mono" }, order),
        " ×",
      ),
    );
  return {
    element,
    show(orders) {
      const buttons = [...element.querySelectorAll("button")];
      const at = buttons.indexOf(document.activeElement);
      element.replaceChildren(...orders.map(chip));
      if (at < 0) return;
      const left = element.querySelectorAll("button");
      (left[Math.min(at, left.length - 1)] ?? next).focus();
    },
  };
}

// --- the steps --------------------------------------------------------------------------------

/** How both ends stand. */
function endsOf() {
  const parts = END_TITLES.map((title) => ({ title, state: make("b"), means: make("span") }));
  const element = make(
    "div",
    { class: "dl-ends" },
    parts.map(({ title, state, means }) =>
      make("div", { class: "dl-end" }, make("span", { class: "dl-quiet" }, title), state, means),
    ),
  );
  return {
    element,
    show: (ends) =>
      ends.forEach(([state, means], index) => {
        parts[index].state.textContent = state;
        parts[index].means.textContent = means;
      }),
  };
}

/** The SCU's steps as buttons; one that may not be pressed says why. */
function stepButtons(steps, press, say) {
  const buttons = new Map();
  for (const step of steps) {
    const why = make("span", { id: freshId("why"), class: "dl-hidden" });
    const attributes = {
      type: "button",
      "data-step": step.name,
      "aria-describedby": why.id,
      onclick() {
        if (button.getAttribute("aria-disabled") === "true") say(why.textContent);
        else press(step.name);
      },
    };
    const button = make("button", attributes, step.label);
    buttons.set(step.name, { step, button, why });
  }
  return {
    /** The button of a step, with the states that it is meant for. */
    element(name) {
      const { step, button, why } = buttons.get(name);
      const hint = make("span", { class: "dl-hint dl-quiet" }, step.hint);
      return make("div", { class: "dl-step" }, button, hint, why);
    },
    show(reasons) {
      for (const [name, { step, button, why }] of buttons) {
        button.setAttribute("aria-disabled", String(reasons[name] !== ""));
        button.title = why.textContent = reasons[name] || step.does;
      }
    },
  };
}

function stepPanel(model, ask, say) {
  const steps = model.get("steps");
  const raw = make("input", {
    class: "dl-mono dl-grow",
    autocomplete: "off",
    spellcheck: "false",
    placeholder: "05 00 00 00 00 04 00 00 00 00",
    "aria-label": "Bytes to send, in hexadecimal",
    onkeydown: (event) => event.key === "Enter" && press("raw"),
  });
  const why = refusalLine(freshId("why"));
  raw.setAttribute("aria-describedby", why.element.id);
  const buttons = stepButtons(steps, press, say);
  const freely = make("input", {
    type: "checkbox",
    onchange() {
      model.set("freely", freely.checked);
      model.save_changes();
    },
  });
  const error = make("div", { class: "dl-tone-error dl-error", role: "alert" });
  const ends = endsOf();
  const names = steps.map((one) => one.name).filter((name) => name !== "raw");

  function press(name) {
    ask({ do: "step", control: "raw", step: name, bytes: raw.value });
  }

  return {
    element: make(
      "section",
      { "aria-label": "Steps of the SCU" },
      ends.element,
      make("div", { class: "dl-steps" }, names.map(buttons.element)),
      make("div", { class: "dl-raw" }, raw, buttons.element("raw")),
      why.element,
      make("label", {}, freely, " let me do what the standard forbids"),
      error,
    ),
    show() {
      const now = model.get("now");
      freely.checked = model.get("freely");
      ends.show(now.ends);
      buttons.show(freely.checked ? now.impossible : now.forbidden);
      error.textContent = now.error;
    },
    refuse: (all) => why.tell(raw, all.raw),
  };
}

// --- the recording ----------------------------------------------------------------------------

function recordingPanel(model, ask) {
  const amount = make("span");
  const limits = make("ul");
  const about = make("details", {}, make("summary", {}, "what it cannot see"), limits);
  const file = make("span");
  const why = refusalLine(freshId("why"));
  const save = make(
    "button",
    {
      type: "button",
      "aria-describedby": why.element.id,
      onclick: () => ask({ do: "save", control: "save" }),
    },
    "Save recording",
  );
  const anew = make(
    "button",
    { type: "button", onclick: () => ask({ do: "anew", control: "anew" }) },
    "New conversation",
  );
  return {
    element: make(
      "section",
      { class: "dl-recording", "aria-label": "Recording" },
      make("div", { class: "dl-bar" }, save, anew, file),
      why.element,
      make("div", { class: "dl-bar" }, amount, about),
    ),
    show() {
      const { recorded } = model.get("now");
      about.hidden = !recorded;
      amount.textContent = recorded
        ? `Recorded by ${recorded.method}: ${counted(recorded.pdus, "PDU")}, ` +
          `${counted(recorded.bytes, "byte")}.`
        : "Nothing is recorded yet.";
      limits.replaceChildren(...(recorded?.limits ?? []).map((one) => make("li", {}, one)));
      const saved = model.get("saved");
      file.textContent = saved && `saved: ${saved}`;
    },
    refuse: (all) => why.tell(save, all.save),
  };
}

// --- all of it --------------------------------------------------------------------------------

function seedField(model, ask) {
  const why = refusalLine(freshId("why"));
  const input = make("input", {
    class: "dl-mono dl-seed",
    inputmode: "numeric",
    autocomplete: "off",
    "aria-describedby": why.element.id,
    onchange: () => ask({ do: "seed", control: "seed", value: input.value }),
  });
  return {
    element: make("label", { title: "The same seed gives the same bytes" }, "seed ", input),
    why: why.element,
    show: () => (input.value = model.get("seed")),
    refuse: (all) => why.tell(input, all.seed),
  };
}

function render({ model, el }) {
  const ask = (message) => model.send(message);
  const live = liveLine();
  const faults = faultList(model.get("knobs"), ask);
  const on = faultChips(ask, faults.list);
  const seed = seedField(model, ask);
  const steps = stepPanel(model, ask, live.says);
  const recording = recordingPanel(model, ask);
  const following = make("p", { class: "dl-following" });
  const root = widgetRoot("dl-console");
  const head = make("div", { class: "dl-bar" }, make("h3", {}, "SCP faults"), faults.search, seed.element);
  root.append(
    make(
      "div",
      { class: "dl-columns" },
      make(
        "section",
        { class: "dl-faults", "aria-label": "Faults of the SCP" },
        [head, seed.why, on.element, following, faults.list, faults.about],
      ),
      make("div", { class: "dl-lead" }, steps.element, live.element, recording.element),
    ),
  );
  el.append(root);

  let shown = false;
  const shows = {
    orders() {
      const orders = model.get("orders");
      on.show(orders);
      faults.show(orders);
      const names = orders.map((one) => one.order).join(", ") || "none";
      if (shown) live.says(`Faults from the next connection on: ${names}.`);
    },
    following() {
      following.textContent = model.get("following");
    },
    seed: seed.show,
    now() {
      steps.show();
      recording.show();
      if (model.get("now").said) live.says(model.get("now").said);
    },
    freely: steps.show,
    saved() {
      recording.show();
      if (model.get("saved")) live.says(`The recording was saved as ${model.get("saved")}.`);
    },
    refused() {
      for (const one of [faults, seed, steps, recording]) one.refuse(model.get("refused"));
    },
  };
  for (const [name, show] of Object.entries(shows)) {
    show();
    model.on(`change:${name}`, show);
  }
  shown = true;
  return () => {
    for (const [name, show] of Object.entries(shows)) model.off(`change:${name}`, show);
    root.remove();
  };
}

export default { render };
