// Long lists whose rows are as tall as what stands in them: only what is seen is in the page.

import { make } from "./dom.js";

const READY = 600; // pixels above and below what is seen in which rows are kept ready
const ROUNDS = 4; // in which heights are measured until nothing moves

/**
 * Fills `host`, which scrolls, with `count()` rows. `draw(index)` gives the element of a row, and
 * `key(index)` a text: while that stays the same the row is not drawn anew. `guess(index)` is how
 * tall a row may be before it was seen; `mark(row, index)` is told of each row that is there.
 */
export function tallList(host, { count, guess, draw, key, mark }) {
  const all = make("div", { class: "dl-all", role: "presentation" });
  const rows = new Map(); // index → { element, key }
  let heights = [];
  let tops = [0];
  let width = 0;
  let waiting = false;
  host.append(all);

  const room = () => host.clientHeight || 400;

  function measureAll() {
    for (let index = heights.length; index < count(); index += 1) heights.push(guess(index));
    heights.length = count();
    tops = [0];
    for (const height of heights) tops.push(tops[tops.length - 1] + height);
    all.style.height = `${tops[count()]}px`;
  }

  /** The row at so many pixels from the top. */
  function at(pixels) {
    let low = 0;
    let high = Math.max(0, count() - 1);
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (tops[middle] <= pixels) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  function put(index) {
    const drawn = { element: draw(index), key: key(index) };
    drawn.element.style.position = "absolute";
    // in the order of their numbers, for those who have them read out
    const behind = [...rows.keys()].filter((other) => other > index);
    const after = behind.length ? rows.get(Math.min(...behind)).element : null;
    all.insertBefore(drawn.element, after);
    rows.set(index, drawn);
  }

  function take(index) {
    rows.get(index).element.remove();
    rows.delete(index);
  }

  /** Has the rows in the page that are in sight; gives whether one was of another height. */
  function settle() {
    const first = at(host.scrollTop - READY);
    const last = Math.min(count(), at(host.scrollTop + room() + READY) + 1);
    for (const index of [...rows.keys()]) if (index < first || index >= last) take(index);
    for (let index = first; index < last; index += 1) if (!rows.has(index)) put(index);
    rows.forEach(({ element }, index) => mark(element, index));
    let moved = false;
    for (const [index, { element }] of rows) {
      const height = element.offsetHeight;
      moved = moved || height !== heights[index];
      heights[index] = height;
    }
    return moved;
  }

  function place() {
    waiting = false;
    for (let round = 0; round < ROUNDS; round += 1) {
      const anchor = at(host.scrollTop);
      const into = host.scrollTop - tops[anchor];
      if (!settle()) break;
      measureAll();
      if (into && anchor < count()) host.scrollTop = tops[anchor] + into;
    }
    for (const [index, { element }] of rows) element.style.top = `${tops[index]}px`;
  }

  function later() {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(place);
  }

  /** Draws what has changed; `anew` all that is there, its heights to be guessed again. */
  function refresh(anew = false) {
    if (anew) heights = [];
    for (const [index, row] of [...rows]) {
      if (anew || index >= count() || row.key !== key(index)) {
        take(index);
        heights[index] = index < count() ? guess(index) : 0;
      }
    }
    measureAll();
    place();
  }

  /** Scrolls no further than it takes to see a row; its element is there afterwards. */
  function reveal(index) {
    for (let round = 0; round < ROUNDS; round += 1) {
      const [top, bottom] = [tops[index], Math.min(tops[index + 1], tops[index] + room())];
      if (top < host.scrollTop) host.scrollTop = top;
      else if (bottom > host.scrollTop + room()) host.scrollTop = bottom - room();
      place();
      if (top === tops[index] && bottom === Math.min(tops[index + 1], top + room())) break;
    }
    return rows.get(index)?.element;
  }

  host.addEventListener("scroll", later, { passive: true });
  const watch = new ResizeObserver(() => {
    if (host.clientWidth === width) return later();
    width = host.clientWidth;
    return refresh(true);
  });
  watch.observe(host);
  refresh();
  return {
    refresh,
    reveal,
    mark: place,
    atEnd: () => host.scrollTop + room() >= tops[count()] - 4,
    page: () => Math.max(1, at(host.scrollTop + room()) - at(host.scrollTop) - 1),
    stop: () => watch.disconnect(),
  };
}
