"""What the browser tests rest on: it tells the truth, and does not look away."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.bare import STATIC, Bare, bare_pages

SHOWN = {"label": "sent", "data": b"\x00\x80\xff"}


@pytest.fixture
def planted(browser: Browser) -> Iterator[Bare]:
    """Shows modules of the tests' own."""
    with bare_pages(browser, STATIC) as pages:
        yield pages


def test_a_module_is_shown_with_its_traits(planted: Bare) -> None:
    view = planted("planted", SHOWN)
    expect(view.root).to_have_text("sent: 3 bytes")


def test_a_module_hears_of_changed_traits(planted: Bare) -> None:
    view = planted("planted", SHOWN)
    view.set(label="changed", data=bytes(1_000_000))
    expect(view.root).to_have_text("changed: 1000000 bytes")
    assert view.saved == []


def test_messages_go_both_ways_in_order(planted: Bare) -> None:
    view = planted("planted", SHOWN)
    view.tell({"do": "first"}, [b"ab", b""])
    view.tell({"do": "second"})
    assert view.sent == [
        {"heard": {"do": "first"}, "bytes": [2, 0]},
        {"heard": {"do": "second"}, "bytes": []},
    ]


def test_saved_traits_come_back_as_they_were(planted: Bare) -> None:
    view = planted("planted", SHOWN | {"nameless": True})
    view.page.locator(".nameless").click()
    assert view.saved == [{"label": "clicked"}]  # the same bytes are no change
    view.set(data=b"")
    view.page.locator(".nameless").click()
    assert view.saved[1:] == [{"data": b"\x00\x80\xff"}]


def test_a_module_that_cleaned_up_hears_nothing_more(planted: Bare) -> None:
    view = planted("planted", SHOWN)
    view.cleanup()
    view.tell({"do": "anything"})
    expect(view.root).to_have_count(0)
    assert view.sent == []


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("zoom", [1, 2])
def test_a_page_looks_as_it_was_asked_to(planted: Bare, dark: bool, zoom: int) -> None:
    page = planted("planted", SHOWN, dark=dark, zoom=zoom, reduced_motion=dark).page
    assert page.evaluate("document.body.dataset.jpThemeLight") == ("false" if dark else "true")
    assert page.evaluate("innerWidth * devicePixelRatio") == 1200
    assert page.evaluate("innerWidth") == 1200 / zoom
    assert page.evaluate("matchMedia('(prefers-reduced-motion: reduce)').matches") == dark


@pytest.mark.parametrize(
    ("deed", "told"),
    [
        ({"do": "log an error"}, "console error: a planted console error"),
        ({"do": "throw"}, "page error: .*a planted page error"),
        ({"do": "reject"}, "page error: .*a planted rejection"),
        (
            {"do": "fetch", "url": "http://127.0.0.1:9/"},
            "request to elsewhere: http://127.0.0.1:9/",
        ),
        ({"do": "fetch", "url": "/nothing.js"}, "request to elsewhere: .*/nothing.js"),
        ({"do": "open a socket", "url": "ws://127.0.0.1:9/"}, "request to elsewhere: ws://127.0"),
    ],
    ids=lambda value: value["do"] if isinstance(value, dict) else "",
)
def test_a_page_that_does_wrong_fails_its_test(
    browser: Browser, deed: dict[str, str], told: str
) -> None:
    with pytest.raises(AssertionError, match=told), bare_pages(browser, STATIC) as planted:
        planted("planted", SHOWN).tell(deed)


def test_a_module_that_cannot_be_imported_fails_its_test(browser: Browser) -> None:
    with pytest.raises(Exception, match="no_such"), bare_pages(browser, STATIC) as planted:
        planted("no_such")


def test_axe_finds_a_button_without_a_name_and_nothing_else(planted: Bare) -> None:
    assert planted("planted", SHOWN).axe() == []
    [found] = planted("planted", SHOWN | {"nameless": True}).axe()
    assert re.match(r'button-name, critical: <button class="nameless">', found)


@pytest.mark.parametrize("dark", [False, True])
def test_axe_finds_text_that_cannot_be_read(planted: Bare, dark: bool) -> None:
    view = planted("planted", SHOWN, dark=dark)
    view.root.evaluate("(root, colour) => root.style.color = colour", "#222" if dark else "#ddd")
    view.root.evaluate("(root) => root.style.background = 'inherit'")
    [found] = view.axe()
    assert found.startswith("color-contrast, serious")
