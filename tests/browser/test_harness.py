"""What the browser tests rest on: it tells the truth, and does not look away."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from nbformat import NotebookNode, v4
from playwright.sync_api import Browser, expect

from tests.browser.bare import STATIC, Bare, bare_pages
from tests.browser.frames import Frames, frames
from tests.browser.lab import Lab, Server, notebooks

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


def test_frames_tell_of_a_long_task(planted: Bare) -> None:
    view = planted("planted", SHOWN)
    calm = frames(view.page, lambda: view.set(label="quick"))
    busy = frames(view.page, lambda: view.tell({"do": "work for", "milliseconds": 150}))
    assert calm.longest < 150 <= busy.longest
    assert max(busy.intervals) >= 150


def test_frames_know_how_most_of_them_came() -> None:
    assert Frames([10.0] * 95 + [90.0] * 5, []).p95 == 10
    assert Frames([10.0] * 94 + [90.0] * 6, []).p95 == 90


def made(*cells: str) -> NotebookNode:
    return v4.new_notebook(cells=[v4.new_code_cell(cell) for cell in cells])


WIDGET = """\
import anywidget, traitlets

class Button(anywidget.AnyWidget):
    _esm = '''
    export default { render({ model, el }) {
      const button = document.createElement("button");
      button.textContent = "count";
      button.onclick = () => { model.set("count", model.get("count") + 1); model.save_changes(); };
      el.append(button);
    } };
    '''
    count = traitlets.Int(0).tag(sync=True)

button = Button()
button"""


def test_a_notebook_is_driven_from_both_ends(lab: Lab) -> None:
    notebook = lab.open(made(WIDGET, "", "words = {'a quote \\'': [1, None, 'ü\\n']}"))
    notebook.run_all()
    notebook.page.get_by_role("button", name="count", exact=True).click()
    assert notebook.python("button.count") == 1
    assert notebook.python("words") == {"a quote '": [1, None, "ü\n"]}
    with pytest.raises(AssertionError, match="NameError: name 'nobody'"):
        notebook.python("nobody")
    notebook.theme("dark")
    assert notebook.page.evaluate("document.body.dataset.jpThemeName") == "JupyterLab Dark"


def test_a_notebook_opens_in_the_light_theme_and_tells_of_a_cell_that_fails(lab: Lab) -> None:
    notebook = lab.open(made("1 / 0", "2"))
    assert notebook.page.evaluate("document.body.dataset.jpThemeName") == "JupyterLab Light"
    with pytest.raises(pytest.fail.Exception, match=r"1 / 0\n.*\nZeroDivisionError"):
        notebook.run_all()


def test_a_notebook_that_does_wrong_fails_its_test_and_leaves_no_kernel(
    jupyterlab: Server, browser: Browser
) -> None:
    image = "http://localhost:9/image.png"
    with pytest.raises(AssertionError, match=image), notebooks(jupyterlab, browser) as lab:
        lab.open(made(f"from IPython.display import HTML; HTML('<img src={image}>')")).run_all()
    assert jupyterlab.ask("kernels") == []
