// What anywidget and JupyterLab are to a widget's module, in a page by themselves.

// Bytes travel as { $bytes: base64 } within JSON; a module meets them as DataViews.
const revive = (key, value) =>
  value?.$bytes === undefined
    ? value
    : new DataView(Uint8Array.from(atob(value.$bytes), (one) => one.charCodeAt(0)).buffer);

const reduce = (key, value) => {
  if (!ArrayBuffer.isView(value)) return value;
  const bytes = new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
  return { $bytes: btoa(Array.from(bytes, (one) => String.fromCharCode(one)).join("")) };
};

const write = (value) => JSON.stringify(value, reduce);

class Model {
  traits = {};
  changed = {}; // by JavaScript, and not yet saved
  handlers = []; // of [event, handler]
  sent = [];
  saved = [];

  get(name) {
    return this.traits[name];
  }

  set(name, value) {
    Object.assign(this.changed, this.change(typeof name === "object" ? name : { [name]: value }));
  }

  change(traits) {
    const different = Object.entries(traits).filter(
      ([name, value]) => write(value) !== write(this.traits[name]),
    );
    Object.assign(this.traits, traits);
    for (const [name, value] of different) this.fire(`change:${name}`, this, value, {});
    if (different.length) this.fire("change", this, {});
    return Object.fromEntries(different);
  }

  save_changes() {
    if (Object.keys(this.changed).length) this.saved.push(JSON.parse(write(this.changed)));
    this.changed = {};
  }

  send(content) {
    this.sent.push(JSON.parse(write(content)));
  }

  on(events, handler) {
    for (const event of events.split(" ")) this.handlers.push([event, handler]);
  }

  off(events, handler) {
    const which = events?.split(" ");
    this.handlers = this.handlers.filter(
      ([event, one]) =>
        (which && !which.includes(event)) || (handler && one !== handler),
    );
  }

  fire(event, ...told) {
    for (const [one, handler] of [...this.handlers]) if (one === event) handler(...told);
  }
}

// Messages come in tasks of their own, as from a kernel: so a long one is seen to be long.
const task = () => new Promise((begun) => setTimeout(begun));

const model = new Model();
let cleanup;

// What the tests call; texts are JSON.
window.python = {
  async show(module, text) {
    model.traits = JSON.parse(text, revive);
    const { default: widget } = await import(module);
    cleanup = await widget.render({ model, el: document.getElementById("cell") });
    await document.fonts.ready;
    await new Promise(requestAnimationFrame);
  },
  async set(text) {
    await task();
    model.change(JSON.parse(text, revive));
  },
  async tell(text) {
    await task();
    const { content, buffers } = JSON.parse(text, revive);
    model.fire("msg:custom", content, buffers);
  },
  sent: () => write(model.sent),
  saved: () => write(model.saved),
  cleanup: () => cleanup(),
};
