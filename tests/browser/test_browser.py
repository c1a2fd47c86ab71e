"""The capture browser in a page by itself: order, filters, keyboard, and what is opened."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, expect

import dicomlab as dl
from dicomlab.views.reasons import reasons_of
from dicomlab.views.table import table
from dicomlab.widgets.base import plain
from dicomlab.widgets.browser import Associations
from tests.browser.bare import Bare, View
from tests.views import made
from tests.widgets import busy_site

MANY = 600
HOSTILE = "<img src=x onerror=alert(1)>\"'&\u202e\x1b\x07\n"


def traits(capture: dl.Capture, most: int = 20_000) -> dict[str, Any]:
    widget = Associations(table(capture, most))
    return {name: getattr(widget, name) for name in ("table", "cells", "opened")}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> dl.Capture:
    path: Path = tmp_path_factory.mktemp("site") / "site.pcapng"
    return dl.dissect(busy_site.write(path, MANY))


@pytest.fixture
def view(bare: Bare, site: dl.Capture) -> View:
    return bare("browser", traits(site))


def grid(view: View) -> Locator:
    return view.root.get_by_role("grid", name="Associations")


def entries(view: View) -> list[int]:
    """The connections that are in the page, from the top."""
    lines = grid(view).locator(".dl-entry").all()
    return [int(line.get_attribute("data-connection") or "") for line in lines]


def here(view: View) -> int:
    """The connection where the keyboard is, as a screen reader is told."""
    element = view.page.locator(f"#{grid(view).get_attribute('aria-activedescendant')}")
    expect(element).to_be_visible()
    return int(element.get_attribute("data-connection") or "")


def said(view: View, text: str) -> None:
    expect(view.root.get_by_role("status")).to_have_text(text)


def sort(view: View, name: str, nth: int = 0) -> None:
    grid(view).get_by_role("button", name=name).nth(nth).click()


def detail(view: View) -> Locator:
    return view.root.get_by_role("region", name="The association in a few words")


# --- order and filters ----------------------------------------------------------------------------


def test_failures_stand_first_and_the_number_shown_is_said(view: View) -> None:
    assert entries(view)[:3] == [0, 9, 18]
    said(view, "600 of 600 associations shown, failures first")
    expect(grid(view)).to_have_attribute("aria-rowcount", "601")
    first = grid(view).locator(".dl-entry").first
    for text in ("MODALITY0", "10.0.0.1:1024", "NOBODY", "10.0.1.1:11112", "✖ rejected"):
        expect(first).to_contain_text(text)


def test_a_heading_sorts_and_sorts_the_other_way_round(view: View) -> None:
    sort(view, "connection")
    assert entries(view)[:3] == [0, 1, 2]
    heading = grid(view).get_by_role("columnheader", name="connection")
    expect(heading).to_have_attribute("aria-sort", "ascending")
    sort(view, "connection")
    assert entries(view)[:2] == [602, 601]
    expect(heading).to_have_attribute("aria-sort", "descending")
    said(view, "600 of 600 associations shown, by connection, falling")
    view.root.get_by_role("button", name="failures first").click()
    assert entries(view)[:2] == [0, 9]
    assert heading.get_attribute("aria-sort") is None


def test_numbers_are_sorted_as_numbers_and_the_slowest_stands_first(view: View) -> None:
    sort(view, "requestor")
    titles = grid(view).locator(".dl-of-requestor").all_inner_texts()
    assert titles[0] == "MODALITY0"
    assert "MODALITY10" not in titles
    sort(view, "slowest answer")
    times = grid(view).locator(".dl-of-slowest").all_inner_texts()
    milliseconds = [float(one.removesuffix(" ms")) for one in times]
    assert milliseconds == sorted(milliseconds, reverse=True)
    assert milliseconds[0] > 10


@pytest.mark.parametrize(
    ("words", "number"),
    [
        ("archive_3", 84),
        ("ARCHIVE_3 modality10", 1),
        ("never answered", 11),
        ("10.0.0.98", 0),
        ("set its own ae title", 11),  # what the verdict advises
    ],
)
def test_words_filter_whatever_column_they_stand_in(view: View, words: str, number: int) -> None:
    view.root.get_by_label("Filter", exact=True).fill(words)
    said(view, f"{number} of 600 associations shown, failures first")
    assert len(entries(view)) == min(number, 16)


def test_outcome_title_and_failed_only_filter(view: View) -> None:
    view.root.get_by_label("Outcome").select_option("released")
    said(view, "544 of 600 associations shown, failures first")
    assert entries(view)[0] == 18
    view.root.get_by_label("failed only").check()
    said(view, "11 of 600 associations shown, failures first")
    view.root.get_by_label("AE title").fill("ARCHIVE_4")
    said(view, "2 of 600 associations shown, failures first")
    view.root.get_by_role("button", name="clear filters").click()
    said(view, "600 of 600 associations shown, failures first")
    expect(view.root.get_by_label("failed only")).not_to_be_checked()


def test_a_reason_filters_and_lets_go_again(view: View) -> None:
    chip = view.root.get_by_role("button", name=re.compile("12 × Rejected .* called-AE-title"))
    chip.click()
    expect(chip).to_have_attribute("aria-pressed", "true")
    said(view, "12 of 600 associations shown, failures first")
    chip.click()
    expect(chip).to_have_attribute("aria-pressed", "false")
    said(view, "600 of 600 associations shown, failures first")


def test_where_nothing_fits_that_is_said(view: View) -> None:
    view.root.get_by_label("Filter", exact=True).fill("nobody has this")
    said(view, "0 of 600 associations shown, failures first")
    expect(detail(view)).to_have_text("No association fits all filters.")
    grid(view).press("Enter")
    grid(view).press("End")
    assert view.sent == []


# --- keyboard -------------------------------------------------------------------------------------


def test_keys_lead_through_all_rows(view: View) -> None:
    grid(view).focus()
    assert here(view) == 0
    for key, connection in (
        ("ArrowDown", 9), ("ArrowDown", 18), ("ArrowUp", 9), ("End", 602), ("ArrowDown", 602),
        ("Home", 0), ("PageDown", 63), ("PageUp", 0), ("ArrowUp", 0),
    ):  # fmt: skip
        view.page.keyboard.press(key)
        assert here(view) == connection, key
    assert view.sent == []


def test_the_row_under_the_keyboard_is_seen_below_the_headings(view: View) -> None:
    grid(view).focus()
    for key in (*["PageDown"] * 5, *["PageUp"] * 3, "End", "Home"):
        view.page.keyboard.press(key)
        at = view.page.locator(f"#{grid(view).get_attribute('aria-activedescendant')}")
        row, host = at.bounding_box(), grid(view).bounding_box()
        heads = grid(view).locator(".dl-heads").bounding_box()
        assert row is not None
        assert host is not None
        assert heads is not None
        assert heads["y"] + heads["height"] <= row["y"] + 1, key
        assert row["y"] + row["height"] <= host["y"] + host["height"] + 1, key


def test_the_headings_are_one_stop_and_the_table_another(view: View) -> None:
    view.root.get_by_role("button", name="clear filters").focus()
    view.page.keyboard.press("Tab")
    expect(grid(view)).to_be_focused()
    view.page.keyboard.press("Tab")
    focus = view.page.locator(":focus")
    expect(focus).to_have_text("connection")
    view.page.keyboard.press("ArrowRight")
    view.page.keyboard.press("ArrowRight")
    expect(focus).to_have_text("duration")
    view.page.keyboard.press("Enter")
    said(view, "600 of 600 associations shown, by duration, falling")
    view.page.keyboard.press("Home")
    expect(focus).to_have_text("connection")
    view.page.keyboard.press("Tab")
    expect(focus).to_have_text("open: verdict, sequence and bytes")


def test_enter_opens_what_the_keyboard_is_at(view: View) -> None:
    grid(view).focus()
    view.page.keyboard.press("ArrowDown")
    expect(detail(view)).to_contain_text("register the calling AE title STRANGER")
    view.page.keyboard.press("Enter")
    assert view.sent == [{"do": "open", "connection": 9}]
    said(view, "opening connection 9 …")


# --- what is opened -------------------------------------------------------------------------------


def test_a_click_opens_and_the_verdict_stands_as_a_card(view: View, site: dl.Capture) -> None:
    grid(view).locator("[data-connection='18']").click()
    assert view.sent == [{"do": "open", "connection": 18}]
    verdict = next(one.verdict for one in site.associations if one.connection == 18)
    opened = {"connection": 18, "association": True, **plain(reasons_of(verdict))}
    view.set(opened=opened)
    said(view, "connection 18 is open, verdict and sequence below")
    card = view.root.get_by_role("region", name="Connection 18")
    expect(card).to_contain_text(verdict.causes[0].title)
    expect(card).to_contain_text(verdict.causes[0].confirm)
    expect(grid(view).locator("[aria-selected='true']")).to_have_attribute("data-connection", "18")
    expect(detail(view)).to_contain_text("It is open")
    grid(view).press("ArrowDown")
    grid(view).locator("[data-connection='18']").click()
    said(view, "connection 18 is open, verdict and sequence below")
    assert len(view.sent) == 1


def test_a_refusal_is_said(view: View) -> None:
    view.tell({"refused": "The capture file is gone."})
    said(view, "The capture file is gone.")


def test_connections_without_an_association_stand_apart(view: View, site: dl.Capture) -> None:
    view.root.get_by_text(f"{len(site.connections)} connections without an association").click()
    kinds = view.root.get_by_role("rowheader").all_inner_texts()
    assert sorted(kinds) == sorted(
        {"refused": "refused", "tls": "TLS", "not-dicom": "not DICOM"}[one.kind]
        for one in site.connections
    )
    first = site.connections[0].connection
    view.root.get_by_role("button", name=f"verdict on {first}").click()
    assert view.sent == [{"do": "open", "connection": first}]


def test_of_very_many_it_is_said_how_many_are_listed(bare: Bare, site: dl.Capture) -> None:
    view = bare("browser", traits(site, most=100))
    said(view, "100 of 600 associations shown, failures first")
    expect(view.root).to_contain_text(
        "100 are listed, those that failed first; 500 more are only counted."
    )
    assert entries(view)[0] == 0


def test_where_there_is_no_association_the_other_connections_are_seen_at_once(bare: Bare) -> None:
    view = bare("browser", traits(replace(made.capture(), comments=())))
    said(view, "there is no association in this capture")
    expect(grid(view)).to_have_count(0)
    expect(view.root.get_by_role("rowheader", name="refused")).to_be_visible()
    assert view.axe() == []


# --- for everybody --------------------------------------------------------------------------------


def test_what_came_from_a_peer_is_text(bare: Bare) -> None:
    hostile = made.success(calling=HOSTILE, called=HOSTILE)
    capture = replace(made.capture(hostile, made.rejected()), file=HOSTILE, comments=(HOSTILE,))
    view = bare("browser", traits(capture))
    view.set(
        opened={
            "connection": 0,
            "association": True,
            **plain(reasons_of(dl.model.Verdict(HOSTILE))),
        }
    )
    expect(view.root.locator("img")).to_have_count(0)
    sort(view, "requestor")
    shown = grid(view).locator(".dl-of-requestor").first
    expect(shown).to_have_text("<img src=x onerror=alert(1)>\"'&\\u202e\\x1b\\x07\\n")
    assert shown.evaluate("one => one.tagName") == "BDI"
    for text in view.root.all_inner_texts():
        assert not re.search("[\u202e\x1b\x07]", text)
    options = view.root.locator("datalist option").evaluate_all("all => all.map(o => o.value)")
    assert all(one.isprintable() for one in options)


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize(("zoom", "width"), [(1, 1200), (2, 1200), (1, 600)])
def test_nothing_is_lost_to_anybody(
    bare: Bare, site: dl.Capture, dark: bool, zoom: float, width: int
) -> None:
    view = bare("browser", traits(site), dark=dark, zoom=zoom, width=width)
    view.root.get_by_text("without an association").click()
    sort(view, "outcome")
    grid(view).focus()
    assert view.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert view.axe() == []


def test_only_what_is_seen_is_in_the_page(view: View) -> None:
    assert len(entries(view)) < 30
    view.root.locator(".dl-entries").evaluate("one => { one.scrollTop = one.scrollHeight; }")
    expect(grid(view).locator("[data-connection='602']")).to_be_visible()
    assert len(entries(view)) < 30


def test_a_browser_that_is_gone_hears_nothing(view: View) -> None:
    view.cleanup()
    view.set(opened={"connection": 9})
    view.tell({"refused": "no"})
    expect(view.root).to_have_count(0)
