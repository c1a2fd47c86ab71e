"""How quickly the capture browser opens, and how fluent it is, with very many associations."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter

import pytest

import dicomlab as dl
from dicomlab.views.table import MOST
from dicomlab.widgets.browser import CaptureBrowser
from tests.bench.test_bench_widgets import fluent, wheel
from tests.browser.bare import Bare, View, bare_pages
from tests.browser.chromium import chromium
from tests.widgets import busy_site

pytestmark = [pytest.mark.bench, pytest.mark.timeout(600)]
MANY, VERY_MANY = 5_000, 100_000
OPENS = 2.0  # seconds, from explore() until the table is painted
PAINTED = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime"
TITLES = ["time", "duration", "requestor", "acceptor", "outcome", "PDUs", "findings"]


@pytest.fixture(scope="module")
def bare() -> Iterator[Bare]:
    with chromium() as browser, bare_pages(browser) as show:
        yield show


def dissected(folder: Path, associations: int) -> dl.Capture:
    path = busy_site.write(folder / "site.pcapng", associations)
    begins = perf_counter()
    capture = dl.dissect(path)
    print(f"\n{associations:,} associations: dissect {perf_counter() - begins:.2f} s", end=", ")
    return capture


def shown(bare: Bare, browser: CaptureBrowser) -> View:
    widget = browser.children[0]
    return bare("browser", {name: getattr(widget, name) for name in ("table", "cells", "opened")})


def painted(view: View) -> float:
    """Seconds from an empty page, before the data came, until the table was painted in it."""
    milliseconds: float = view.page.wait_for_function(PAINTED).json_value()
    return milliseconds / 1000


def everything_is_fluent(view: View, what: str) -> None:
    grid, page = view.root.get_by_role("grid"), view.page
    grid.hover()
    fluent(f"{what}, the wheel", page, wheel(page, 150, 300))
    grid.focus()
    keys = [*["PageDown"] * 40, *["ArrowDown"] * 40, "End", "Home"]
    fluent(f"{what}, keys", page, lambda: [page.keyboard.press(key) for key in keys])
    words = view.root.get_by_role("searchbox", name="Filter")
    typed = "modality4 archive rejected"
    fluent(f"{what}, typing", page, lambda: words.press_sequentially(typed, delay=40))
    words.fill("")

    def sort() -> None:
        for title in TITLES * 2:
            grid.get_by_role("button", name=title).first.click()
            page.wait_for_timeout(100)

    fluent(f"{what}, sorting", page, sort)


def test_5_000_associations_open_in_two_seconds_and_stay_fluent(bare: Bare, tmp_path: Path) -> None:
    capture = dissected(tmp_path, MANY)
    begins = perf_counter()
    browser = capture.explore()
    browser._repr_mimebundle_()
    python = perf_counter() - begins
    view = shown(bare, browser)
    print(f"Python {python:.2f} s, browser {painted(view):.2f} s")
    assert python + painted(view) < OPENS
    everything_is_fluent(view, f"{MANY:,} associations")


def test_100_000_associations_open_in_bounded_memory(bare: Bare, tmp_path: Path) -> None:
    capture = dissected(tmp_path, VERY_MANY)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    begins = perf_counter()
    browser = capture.explore()
    python = perf_counter() - begins
    more = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    view = shown(bare, browser)
    print(f"Python {python:.1f} s and {more:.0f} MiB, browser {painted(view):.2f} s")
    assert browser.children[0].table["rows"] == MOST
    assert more < 200
    everything_is_fluent(view, f"{MOST:,} of {VERY_MANY:,} associations")
