// Long lists: only what is seen is in the page.

import { make } from "./dom.js";

const BEYOND = 8; // rows kept ready above and below what is seen

/**
 * Fills `host`, which scrolls, with `count()` rows of `height` pixels. `draw(index)` gives the
 * element of a row; it is asked when the row comes into sight.
 */
export function virtualList(host, { height, count, draw }) {
  const all = make("div", { class: "dl-all", role: "presentation" });
  const rows = new Map();
  let waiting = false;
  host.append(all);

  /** Pixels in which rows are seen: below what stands above them in the host, and stays there. */
  function room() {
    return (host.clientHeight || 400) - all.offsetTop;
  }

  function range() {
    const first = Math.floor(host.scrollTop / height) - BEYOND;
    const seen = Math.ceil(room() / height) + 2 * BEYOND;
    return [Math.max(0, first), Math.min(count(), first + seen)];
  }

  function place() {
    waiting = false;
    const [first, last] = range();
    for (const [index, row] of rows) {
      if (index < first || index >= last) {
        row.remove();
        rows.delete(index);
      }
    }
    for (let index = first; index < last; index += 1) {
      if (!rows.has(index)) rows.set(index, placed(index));
    }
  }

  function placed(index) {
    const row = draw(index);
    row.style.position = "absolute";
    row.style.top = `${index * height}px`;
    row.style.height = `${height}px`;
    // in the order of their numbers, for those who have them read out
    const after = rows.get(index + 1);
    if (after) all.insertBefore(row, after);
    else all.append(row);
    return row;
  }

  function later() {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(place);
  }

  /** Draws what is seen anew, from other data. */
  function refresh() {
    all.style.height = `${count() * height}px`;
    for (const row of rows.values()) row.remove();
    rows.clear();
    place();
  }

  /** Draws single rows anew, as far as they are in sight. */
  function redraw(indices) {
    for (const index of indices) {
      const old = rows.get(index);
      if (!old) continue;
      old.remove();
      rows.delete(index);
      rows.set(index, placed(index));
    }
  }

  /** Scrolls no further than it takes to see a row; its element is there afterwards. */
  function reveal(index) {
    const top = index * height;
    if (top < host.scrollTop) host.scrollTop = top;
    else if (top + height > host.scrollTop + room()) host.scrollTop = top + height - room();
    place();
    return rows.get(index);
  }

  host.addEventListener("scroll", later, { passive: true });
  const watch = new ResizeObserver(later);
  watch.observe(host);
  refresh();
  return {
    refresh,
    redraw,
    reveal,
    each: (change) => rows.forEach((row) => change(row)),
    page: () => Math.max(1, Math.floor(room() / height) - 1),
    stop: () => watch.disconnect(),
  };
}
