// What every widget draws with. All text goes in as text: nothing here can become markup.

/**
 * An element. Of its attributes `on…` are listeners, true is an empty value, and null, undefined
 * or false is no attribute. Children are elements or texts.
 */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== null && value !== undefined && value !== false) {
      element.setAttribute(name, value === true ? "" : value);
    }
  }
  element.append(...children.flat().filter((one) => one !== null && one !== undefined));
  return element;
}

/** The outermost element of a widget. Keys that are pressed in it are not JupyterLab's shortcuts. */
export function widgetRoot(classes) {
  return make("div", {
    class: `dicomlab dl-widget ${classes}`,
    // JupyterLab looks at the element that has the focus, and then at those around it
    onfocusin: (event) => event.target.setAttribute("data-lm-suppress-shortcuts", "true"),
  });
}

/** Text that came from a peer or a file: it keeps its direction of writing to itself. */
export function foreign(text) {
  return make("bdi", {}, text);
}

/** A line that a screen reader reads out when it changes: `says(text)` changes it. */
export function liveLine(classes = "dl-live") {
  const element = make("div", { class: classes, role: "status" });
  const says = (text) => {
    if (element.textContent !== text) element.textContent = text;
  };
  return { element, says };
}

let ids = 0;

/** An id that no other element of the page has. */
export function freshId(prefix) {
  ids += 1;
  return `dl-${prefix}-${ids}-${Math.random().toString(36).slice(2, 8)}`;
}

/** A number with thousands set apart, as all texts of dicomlab have it. */
export function counted(number, what) {
  const digits = number.toLocaleString("en-US");
  return what === undefined ? digits : `${digits} ${what}${number === 1 ? "" : "s"}`;
}

/** Whether movements are unwelcome. */
export function still() {
  return window.matchMedia("(prefers-reduced-motion: reduce)").matches;
}
