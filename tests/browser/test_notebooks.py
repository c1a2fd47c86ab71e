"""The notebooks, as a trainee sees them: in JupyterLab, in a browser, their widgets touched."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Locator

from tests.browser.lab import NOTEBOOKS, Lab, Notebook

NAMES = sorted(path.name for path in NOTEBOOKS.glob("*.ipynb"))
TALL = {"width": 1400, "height": 24_000}  # JupyterLab keeps only what is seen in the page
WIDGETS = "__import__('ipywidgets').widgets.widget._instances.values()"


def walk(role: str) -> Callable[[Locator], None]:
    """Goes one further in what has that role."""

    def act(widget: Locator) -> None:
        widget.get_by_role(role).first.focus()
        widget.page.keyboard.press("ArrowDown")
        widget.page.keyboard.press("ArrowDown")

    return act


def enter(widget: Locator) -> None:
    widget.get_by_role("grid").first.focus()
    widget.page.keyboard.press("Enter")


def renumber(widget: Locator) -> None:
    """What requests and messages have alike; a PDU-type could not be another."""
    context = widget.get_by_role("textbox", name="Presentation-context-ID").first
    context.fill("7")
    context.press("Enter")


def connect(widget: Locator) -> None:
    widget.get_by_role("button", name="Connect").click()


# what is done to a widget of that class, and the trait by which Python knows of it
DRIVEN: dict[str, tuple[Callable[[Locator], None], str]] = {
    ".dl-explorer": (walk("tree"), "selected"),
    ".dl-sequence": (walk("listbox"), "selected"),
    ".dl-browser": (enter, "opened"),
    ".dl-builder": (renumber, "steps"),
    ".dl-console": (connect, "now"),
}


def drive(notebook: Notebook, kind: str) -> None:
    """Touch the first widget of a kind; Python has to know of it."""
    act, trait = DRIVEN[kind]
    states = f"[repr(one.{trait}) for one in {WIDGETS} if one.has_trait({trait!r})]"
    before = notebook.python(states)
    act(notebook.page.locator(kind).first)
    notebook.expect_python(f"{states} != {before!r}", True)


@pytest.mark.parametrize("name", NAMES)
def test_notebook_runs_in_the_browser_and_its_widgets_answer(lab: Lab, name: str) -> None:
    notebook = lab.open(name)
    notebook.page.set_viewport_size(TALL)
    notebook.run_all()
    assert notebook.page.locator(".jp-OutputArea-output").count() > 0
    for kind in DRIVEN:
        if notebook.page.locator(kind).count():
            drive(notebook, kind)
