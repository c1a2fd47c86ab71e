"""How fluent the widgets are with much to show, in a browser."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, expect

import dicomlab as dl
from tests.browser import test_sequence as sequence
from tests.browser.bare import Bare, bare_pages
from tests.browser.chromium import chromium
from tests.browser.frames import Frames, frames
from tests.browser.test_explorer import MEGABYTE, p_data, traits

pytestmark = pytest.mark.bench
FRAME = 33  # milliseconds, of 95 % of the frames while something moves
TASK = 100  # milliseconds, of the longest task


@pytest.fixture(scope="module")
def bare() -> Iterator[Bare]:
    with chromium() as browser, bare_pages(browser) as show:
        yield show


def quick(what: str, page: Page, act: Callable[[], object]) -> Frames:
    """What is done at once makes nobody wait."""
    found = frames(page, act)
    print(f"\n{what}: {found}")
    assert found.longest <= TASK
    return found


def fluent(what: str, page: Page, act: Callable[[], object]) -> None:
    """What moves does not stutter."""
    assert quick(what, page, act).p95 <= FRAME


def wheel(page: Page, times: int, by: int) -> Callable[[], None]:
    """Turns the wheel so many times, a frame for each."""

    def turn() -> None:
        for _ in range(times):
            page.mouse.wheel(0, by)
            page.wait_for_timeout(16)

    return turn


def test_a_megabyte_of_p_data_scrolls_fluently(bare: Bare) -> None:
    view = bare("explorer", traits(dl.HexView(p_data(MEGABYTE))))
    unfold = view.root.get_by_role("button", name="unfold all")
    quick("1 MB of P-DATA, unfolding", view.page, unfold.click)
    view.root.get_by_role("grid").hover()
    fluent("1 MB of P-DATA, the wheel", view.page, wheel(view.page, 150, 400))
    view.root.get_by_role("grid").focus()
    keys = [*["PageDown"] * 40, *["ArrowDown"] * 40]
    fluent("1 MB of P-DATA, keys", view.page, lambda: [view.page.keyboard.press(k) for k in keys])
    search = view.root.get_by_role("searchbox")
    quick("1 MB of P-DATA, a search", view.page, lambda: search.fill("00 00 FF"))


def test_pointing_is_fluent_where_there_are_many_fields(bare: Bare) -> None:
    draft = dl.build("A-ASSOCIATE-RQ")
    for _ in range(120):
        draft.add("Presentation Context", abstract_syntax="1.2.840.10008.5.1.4.1.1.2")
    view = bare("explorer", traits(dl.HexView(draft)))
    view.root.get_by_role("button", name="unfold all").click()
    box = view.root.get_by_role("grid").bounding_box()
    assert box is not None

    def point() -> None:
        for step in range(150):
            x, y = box["x"] + 90 + 3 * step, box["y"] + 20 + (17 * step) % 400
            view.page.mouse.move(x, y)
            view.page.wait_for_timeout(8)

    fluent("121 contexts, the pointer", view.page, point)


def test_two_thousand_arrows_scroll_step_play_and_grow_fluently(bare: Bare) -> None:
    view = bare("sequence", sequence.traits(sequence.noted(2000)))
    page, steps = view.page, view.root.get_by_role("listbox")
    quick("2,000 arrows, true to time", page, view.root.get_by_label("true to time").check)
    steps.hover()
    fluent("2,000 arrows, the wheel", page, wheel(page, 150, 400))
    steps.focus()
    keys = [*["PageDown"] * 40, *["ArrowDown"] * 40, "End", "Home"]
    fluent("2,000 arrows, keys", page, lambda: [page.keyboard.press(key) for key in keys])
    third = view.root.locator("[data-step='3'].dl-lit")
    page.keyboard.press(" ")
    fluent("2,000 arrows, playing", page, lambda: expect(third).to_be_visible())
    page.keyboard.press("End")
    grown = [sequence.traits(sequence.noted(pdus))["ladder"] for pdus in range(2, 60, 2)]
    view.set(ladder={})
    fluent("a growing sequence", page, lambda: [view.set(ladder=ladder) for ladder in grown])
