// The capture browser: the associations of a capture, to be sorted, filtered and opened.

import { counted, foreign, freshId, liveLine, make, widgetRoot } from "./dom.js";
import { virtualList } from "./list.js";
import { SYMBOLS, verdictCard } from "./verdict.js";

const ENTRY = 66; // pixels of a row: three lines
const HIGH = 8; // rows that are seen at once
const CHIPS = 12; // reasons that stand above the table
const TITLES = 500; // AE titles that are proposed

// The cells of a row: below each other the columns of the table that stand in one, and under what
// name it is sorted by them; `falling`: the largest first; `minor`: left out where room is scarce.
const SHOWN = [
  { of: { connection: "connection" } },
  { of: { time: "time", lasted: "duration" }, falling: ["lasted"] },
  { of: { requestor: "requestor", requestor_address: "address" } },
  { of: { acceptor: "acceptor", acceptor_address: "address" } },
  { of: { done: "asked for", slowest: "slowest answer" }, falling: ["slowest"], minor: true },
  { of: { ended: "outcome", why: "why" } },
  { of: { pdus: "PDUs", findings: "findings" }, falling: ["pdus", "findings"], minor: true },
];
const SEARCHED = [
  "connection", "time", "requestor", "requestor_address", "acceptor", "acceptor_address", "done",
  "ended", "why", "advice", "findings",
];

// --- what is shown: columns of numbered texts -----------------------------------------------------

class Rows {
  constructor(table, cells) {
    Object.assign(this, table);
    const { buffer, byteOffset, byteLength } = cells;
    const numbers = new Uint16Array(buffer.slice(byteOffset, byteOffset + byteLength));
    this.cells = {};
    Object.keys(table.columns).forEach((name, at) => {
      this.cells[name] = numbers.subarray(at * table.rows, (at + 1) * table.rows);
    });
    this.lower = new Map();
  }

  text(name, row) {
    return this.columns[name][this.cells[name][row]];
  }

  /** Which texts of a column hold a word, as a flag for each. */
  holding(name, word) {
    if (!this.lower.has(name)) {
      this.lower.set(name, this.columns[name].map((text) => text.toLowerCase()));
    }
    return Uint8Array.from(this.lower.get(name), (text) => Number(text.includes(word)));
  }

  /** Keeps the rows in which a text of one of the columns holds the word. */
  having(rows, word, names) {
    const tests = names
      .map((name) => [this.cells[name], this.holding(name, word)])
      .filter(([, flags]) => flags.includes(1));
    return rows.filter((row) => tests.some(([cells, flags]) => flags[cells[row]]));
  }

  /** The rows that pass, in their order. */
  chosen({ words, title, outcome, failed, reason, sort, down }) {
    let rows = Array.from({ length: this.rows }, (_, row) => row);
    if (failed || reason) {
      const reasons = this.cells.reason;
      rows = rows.filter((row) => (reason ? reasons[row] === reason : reasons[row] > 0));
    }
    if (outcome) {
      const number = this.columns.outcome.indexOf(outcome);
      rows = rows.filter((row) => this.cells.outcome[row] === number);
    }
    if (title) rows = this.having(rows, title.toLowerCase(), ["requestor", "acceptor"]);
    for (const word of words) rows = this.having(rows, word, SEARCHED);
    if (sort) {
      const cells = this.cells[sort];
      const sign = down ? -1 : 1;
      rows.sort((a, b) => sign * (cells[a] - cells[b]) || a - b);
    }
    return rows;
  }

  /** How often each text stands in a column. */
  counts(name) {
    const counts = this.columns[name].map(() => 0);
    for (const cell of this.cells[name]) counts[cell] += 1;
    return counts;
  }
}

// --- the table ------------------------------------------------------------------------------------

/**
 * The associations as a grid. `on.sort(column, falling)` tells of a heading that was pressed,
 * `on.at(row)` where the keyboard or a click went, `on.open(row)` what shall be opened.
 */
function associationGrid(data, on) {
  const id = freshId("associations");
  let rows = [];
  let at = 0; // the place among the rows where the keyboard is
  let opened = null; // the connection that is shown below

  const heads = SHOWN.map(headCell);
  const buttons = heads.flatMap((head) => [...head.children]);
  buttons[0].tabIndex = 0;
  const host = make(
    "div",
    {
      class: "dl-scroll dl-entries",
      role: "grid",
      tabindex: "0",
      "aria-label": "Associations",
      "aria-colcount": SHOWN.length,
      onkeydown: rowKey,
      onclick: (event) => click(event.target.closest("[data-at]")),
    },
    make("div", { class: "dl-line dl-heads", role: "row", "aria-rowindex": 1, onkeydown: headKey }, heads),
  );
  const list = virtualList(host, { height: ENTRY, count: () => rows.length, draw });

  function headCell({ of, falling = [], minor }) {
    const sorters = Object.entries(of).map(([name, label]) =>
      make(
        "button",
        {
          type: "button",
          tabindex: "-1",
          "data-column": name,
          title: `sort by ${label}`,
          onclick: () => on.sort(name, falling.includes(name)),
        },
        label,
      ),
    );
    return make("div", { role: "columnheader", class: minor ? "dl-minor" : null }, sorters);
  }

  function draw(place) {
    const row = rows[place];
    const cells = SHOWN.map(({ of, minor }) => {
      const lines = Object.keys(of).map((name) => line(name, row));
      return make("div", { role: "gridcell", class: minor ? "dl-minor" : null }, lines);
    });
    const connection = data.text("connection", row);
    return marked(
      make(
        "div",
        {
          class: `dl-line dl-entry dl-is-${data.text("tone", row)}`,
          role: "row",
          id: `${id}-${connection}`,
          "aria-rowindex": place + 2,
          "data-at": place,
          "data-connection": connection,
        },
        cells,
      ),
    );
  }

  function line(name, row) {
    const element = foreign(data.text(name, row));
    element.className = `dl-of-${name}`;
    if (name !== "ended") return element;
    const tone = data.text("tone", row);
    return make("div", { class: `dl-tone-${tone}` }, `${SYMBOLS[tone]} `, element);
  }

  /** The state of a row: where the keyboard is, and what is open. */
  function marked(element) {
    element.classList.toggle("dl-at", Number(element.dataset.at) === at);
    element.setAttribute("aria-selected", String(element.dataset.connection === opened));
    return element;
  }

  function click(element) {
    if (!element) return;
    goTo(Number(element.dataset.at));
    on.open(rows[at]);
  }

  function rowKey(event) {
    if (event.target !== host) return;
    const steps = {
      ArrowDown: at + 1,
      ArrowUp: at - 1,
      PageDown: at + list.page(),
      PageUp: at - list.page(),
      Home: 0,
      End: rows.length - 1,
    };
    if (event.key === "Enter" && rows.length) on.open(rows[at]);
    else if (event.key in steps) goTo(steps[event.key]);
    else return;
    event.preventDefault();
  }

  /** The headings are one stop of the tabulator; the arrows lead from one to the next. */
  function headKey(event) {
    const seen = buttons.filter((one) => one.offsetParent);
    const here = seen.indexOf(event.target);
    const steps = { ArrowRight: here + 1, ArrowLeft: here - 1, Home: 0, End: seen.length - 1 };
    const next = seen[steps[event.key]];
    if (!next) return;
    for (const button of buttons) button.tabIndex = button === next ? 0 : -1;
    next.focus();
    event.preventDefault();
  }

  function goTo(place) {
    if (!rows.length) return;
    at = Math.min(Math.max(place, 0), rows.length - 1);
    point();
    on.at(rows[at]);
  }

  function point() {
    const element = rows.length ? list.reveal(at) : null;
    list.each(marked);
    if (element) host.setAttribute("aria-activedescendant", element.id);
    else host.removeAttribute("aria-activedescendant");
  }

  /** Shows these rows, from the first. */
  function show(chosen, { sort, down }) {
    rows = chosen;
    at = 0;
    for (const button of buttons) {
      const label = SHOWN.map(({ of }) => of[button.dataset.column]).find(Boolean);
      const arrow = make("span", { "aria-hidden": "true" }, down ? " ▼" : " ▲");
      button.replaceChildren(label, button.dataset.column === sort ? arrow : "");
    }
    heads.forEach((head, index) => {
      if (!(sort in SHOWN[index].of)) head.removeAttribute("aria-sort");
      else head.setAttribute("aria-sort", down ? "descending" : "ascending");
    });
    host.setAttribute("aria-rowcount", rows.length + 1);
    host.style.setProperty("--dl-rows", Math.min(Math.max(rows.length, 2), HIGH));
    host.scrollTop = 0;
    list.refresh();
    point();
    on.at(rows[at]);
  }

  function open(connection) {
    opened = connection;
    list.each(marked);
  }

  return { element: host, show, open, at: () => rows[at], stop: list.stop };
}

// --- what surrounds the table -----------------------------------------------------------------------

/** The facts of a row, in whole, and who has to change what. */
function detailPanel(data, open) {
  const element = make("section", { class: "dl-detail", "aria-label": "The association in a few words" });

  /** Shows a row; of one that is open, the verdict is told elsewhere. */
  function show(row, isOpen) {
    if (row === undefined) {
      element.replaceChildren(make("p", { class: "dl-quiet" }, "No association fits all filters."));
      return;
    }
    const text = (name) => foreign(data.text(name, row));
    const lines = (name) => data.text(name, row).split("\n").filter(Boolean);
    const tone = data.text("tone", row);
    const facts = [
      ["at", "time"],
      ["for", "lasted"],
      ["asked for", "done"],
      ["slowest answer", "slowest"],
      ["PDUs", "pdus"],
      ["findings", "findings"],
    ].filter(([, name]) => data.text(name, row));
    element.replaceChildren(
      make(
        "p",
        {},
        make("b", {}, "connection ", text("connection"), ": ", text("requestor")),
        " (", text("requestor_address"), ") → ",
        make("b", {}, text("acceptor")),
        " (", text("acceptor_address"), ")",
      ),
      make(
        "p",
        { class: "dl-quiet" },
        facts.flatMap(([label, name], index) => [index ? " · " : "", `${label} `, text(name)]),
      ),
      make("p", {}, make("b", { class: `dl-tone-${tone}` }, `${SYMBOLS[tone]} `, text("ended"))),
      ...lines("why").map((one) => make("p", {}, foreign(one))),
      ...(isOpen ? [] : lines("advice").map((one) => make("p", {}, make("b", {}, foreign(one))))),
      isOpen
        ? make("p", { class: "dl-quiet" }, "It is open: verdict and sequence stand below.")
        : make("button", { type: "button", onclick: () => open(row) }, "open: verdict, sequence and bytes"),
    );
  }

  return { element, show };
}

/** The reasons for which associations failed, as buttons that filter; `press(reason)`, or 0. */
function reasonChips(data, press) {
  const chips = data.reasons.slice(0, CHIPS).map((count, index) =>
    make(
      "button",
      {
        type: "button",
        class: "dl-reason",
        "aria-pressed": "false",
        onclick: (event) => {
          const pressed = event.currentTarget.getAttribute("aria-pressed") === "true";
          press(pressed ? 0 : index + 1);
        },
      },
      make("b", {}, `${counted(count)} ×`),
      " ",
      foreign(data.columns.reason[index + 1]),
    ),
  );
  const rest = data.reasons.slice(CHIPS);
  const many = rest.reduce((sum, count) => sum + count, 0);
  const more = `and ${counted(rest.length, "more reason")}, ${counted(many, "association")}`;
  const element = make(
    "div",
    { class: "dl-bar dl-reasons", role: "group", "aria-label": "Why associations failed" },
    chips,
    rest.length ? make("span", { class: "dl-quiet" }, more) : null,
  );
  const show = (reason) =>
    chips.forEach((chip, index) => chip.setAttribute("aria-pressed", String(index + 1 === reason)));
  return { element, show };
}

/** The controls of the filters; `changed(part)` tells what of the choice is another now. */
function filterBar(data, changed) {
  const titles = new Set([...data.columns.requestor, ...data.columns.acceptor]);
  const titlesId = freshId("titles");
  const counts = data.counts("outcome");
  const search = make("input", {
    type: "search",
    oninput: () => changed({ words: search.value.toLowerCase().split(/\s+/).filter(Boolean) }),
  });
  const title = make("input", {
    type: "search",
    list: titlesId,
    oninput: () => changed({ title: title.value.trim() }),
  });
  const outcome = make(
    "select",
    { onchange: () => changed({ outcome: outcome.value }) },
    make("option", { value: "" }, "any"),
    data.columns.outcome.map((text, number) =>
      make("option", { value: text }, `${text} (${counted(counts[number])})`),
    ),
  );
  const failed = make("input", {
    type: "checkbox",
    onchange: () => changed({ failed: failed.checked }),
  });
  const order = make(
    "button",
    { type: "button", onclick: () => changed({ sort: null, down: false }) },
    "failures first",
  );
  const element = make(
    "div",
    { class: "dl-bar dl-filters", role: "search", "aria-label": "Filters" },
    make("label", {}, "Filter ", search),
    make("label", {}, "AE title ", title),
    make(
      "datalist",
      { id: titlesId },
      [...titles].slice(0, TITLES).map((one) => make("option", { value: one })),
    ),
    make("label", {}, "Outcome ", outcome),
    make("label", {}, failed, " failed only"),
    order,
    make("button", { type: "button", onclick: clear }, "clear filters"),
  );

  function clear() {
    search.value = title.value = outcome.value = "";
    failed.checked = false;
    changed({ words: [], title: "", outcome: "", failed: false, reason: 0 });
  }

  const show = (choice) => order.setAttribute("aria-pressed", String(!choice.sort));
  return { element, show };
}

/** What opens the verdict on a connection. */
function verdictButton(number, open) {
  return make("button", { type: "button", onclick: () => open(number) }, `verdict on ${number}`);
}

/** The connections that have no association, each kind in a line; seen at once if `alone`. */
function strayTable(strays, more, alone, open) {
  const many = strays.reduce((sum, one) => sum + one.count, 0) + more;
  const names = ["connections", "kind", "requestor", "acceptor", "numbers"];
  const rows = strays.map((one) =>
    make(
      "tr",
      {},
      make("td", {}, counted(one.count)),
      make("th", { scope: "row", class: `dl-tone-${one.tone}` }, one.kind),
      make("td", {}, foreign(one.requestor)),
      make("td", {}, foreign(one.acceptor)),
      make("td", {}, one.connections.map((number) => verdictButton(number, open))),
    ),
  );
  return make(
    "details",
    { class: "dl-strays", open: alone },
    make("summary", {}, `${counted(many, "connection")} without an association`),
    make(
      "table",
      {},
      make("thead", {}, make("tr", {}, names.map((one) => make("th", { scope: "col" }, one)))),
      make("tbody", {}, rows),
    ),
    more ? make("p", { class: "dl-quiet" }, `… and ${counted(more, "more connection")}`) : null,
  );
}

// --- all of it ------------------------------------------------------------------------------------

function render({ model, el }) {
  const data = new Rows(model.get("table"), model.get("cells"));
  const all = data.failed + data.well;
  const choice = { words: [], title: "", outcome: "", failed: false, reason: 0, sort: null, down: false };
  const live = liveLine();
  const card = make("div", {});
  const grid = associationGrid(data, {
    sort: (sort, falling) => change({ sort, down: sort === choice.sort ? !choice.down : falling }),
    at: showDetail,
    open: (row) => open(numberOf(row)),
  });
  const detail = detailPanel(data, (row) => open(numberOf(row)));
  const chips = reasonChips(data, (reason) => change({ reason }));
  const filters = filterBar(data, change);

  function change(part) {
    Object.assign(choice, part);
    const rows = data.chosen(choice);
    grid.show(rows, choice);
    chips.show(choice.reason);
    filters.show(choice);
    const shown = `${counted(rows.length)} of ${counted(all, "association")} shown, ${ordered()}`;
    live.says(all ? shown : "there is no association in this capture");
  }

  function ordered() {
    if (!choice.sort) return "failures first";
    const label = SHOWN.map(({ of }) => of[choice.sort]).find(Boolean);
    return `by ${label}, ${choice.down ? "falling" : "rising"}`;
  }

  const numberOf = (row) => Number(data.text("connection", row));

  function showDetail(row) {
    detail.show(row, row !== undefined && numberOf(row) === model.get("opened").connection);
  }

  function open(connection) {
    if (connection === model.get("opened").connection) {
      showOpened();
      return;
    }
    live.says(`opening connection ${connection} …`);
    model.send({ do: "open", connection });
  }

  function showOpened() {
    const opened = model.get("opened");
    grid.open(String(opened.connection));
    showDetail(grid.at());
    if (opened.connection === undefined) return;
    card.replaceChildren(verdictCard(`Connection ${opened.connection}`, opened));
    const below = opened.association ? "verdict and sequence below" : "verdict below";
    live.says(`connection ${opened.connection} is open, ${below}`);
  }

  function hear(message) {
    if (message.refused) live.says(message.refused);
  }

  const left = all - data.rows;
  const root = widgetRoot("dl-browser");
  const parts = [
    make(
      "div",
      { class: "dl-bar" },
      make("h3", {}, foreign(data.title)),
      make("span", { class: "dl-quiet" }, data.subtitle),
    ),
    data.remarks.map(([remark, tone]) =>
      make("p", { class: `dl-tone-${tone}` }, `${SYMBOLS[tone]} `, foreign(remark)),
    ),
    data.reasons.length ? chips.element : null,
    all ? filters.element : null,
    live.element,
    left ? make("p", {}, `▲ ${counted(data.rows)} are listed, those that failed first; ${counted(left)} more are only counted.`) : null,
    all ? [grid.element, detail.element] : null,
    data.strays.length ? strayTable(data.strays, data.more_strays, !all, open) : null,
    card,
  ];
  root.append(...parts.flat().filter(Boolean));
  el.append(root);
  change({});
  showOpened();
  model.on("change:opened", showOpened);
  model.on("msg:custom", hear);
  return () => {
    model.off("change:opened", showOpened);
    model.off("msg:custom", hear);
    grid.stop();
    root.remove();
  };
}

export default { render };
