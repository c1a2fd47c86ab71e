"""How fluent a page is while something happens to it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from playwright.sync_api import Page

BEGIN = """() => {
  const intervals = [];
  const tasks = [];
  const observer = new PerformanceObserver((list) => take(list.getEntries()));
  const take = (entries) => tasks.push(...entries.map((entry) => entry.duration));
  let before;
  let going = true;
  const frame = () => {
    const now = performance.now(); // what a frame is told is when it was due
    if (before !== undefined) intervals.push(now - before);
    before = now;
    if (going) requestAnimationFrame(frame);
  };
  observer.observe({ type: "longtask" });
  return new Promise((begun) => requestAnimationFrame(() => {
    frame();
    window.frames_end = () => new Promise((ended) => {
      going = false;
      // the frame that was under way is counted, and its task told of
      requestAnimationFrame(() => setTimeout(() => {
        take(observer.takeRecords());
        observer.disconnect();
        ended([intervals, tasks]);
      }));
    });
    begun();
  }));
}"""


@dataclass(frozen=True, slots=True)
class Frames:
    """The times between frames and the long tasks of the page, in milliseconds.

    The browser tells of tasks from 50 ms; where there was none, ``longest`` is 0.
    """

    intervals: list[float]
    tasks: list[float]

    @property
    def p95(self) -> float:
        """95 % of the frames came within this time of the one before."""
        return sorted(self.intervals)[math.ceil(len(self.intervals) * 0.95) - 1]

    @property
    def longest(self) -> float:
        """The longest task."""
        return max(self.tasks, default=0)

    def __str__(self) -> str:
        frames = f"{len(self.intervals)} frames, 95 % within {self.p95:.0f} ms"
        return f"{frames}, longest task {self.longest:.0f} ms"


def frames(page: Page, act: Callable[[], object]) -> Frames:
    """Measure the page while ``act`` drives it, by input or by what Python changes and tells.

    What playwright's ``evaluate`` runs is no task to the browser, and not measured as one.
    """
    page.evaluate(BEGIN)
    act()
    intervals, tasks = page.evaluate("frames_end()")
    return Frames(intervals, tasks)
