"""Makes the pictures of the widgets, by real runs: ``.venv/bin/python docs/widgets.py``.

It needs Chromium, and what the tests need: each widget is opened in JupyterLab and driven there.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

import nbformat
from playwright.sync_api import Page

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))  # where the tests are

from tests.browser.chromium import chromium  # noqa: E402
from tests.browser.lab import notebooks, running_lab  # noqa: E402

WIDTH, HEIGHT = 1280, 1300
FILES = "application:toggle-left-area"  # out of the way
THEMES: tuple[tuple[Literal["light", "dark"], str], ...] = (("light", ""), ("dark", "-dark"))
ECHO = """
with dl.EchoSCP(ae_title="ARCHIVE") as scp, dl.record(scp, method="relay") as recording:
    dl.echo(*recording.address, called_ae_title="ARCHIVE", calling_ae_title="TRAINEE")
association = recording.capture.associations[0]"""


def explorer(page: Page) -> None:
    """A field is chosen."""
    fields = page.locator(".dl-explorer")
    fields.get_by_role("treeitem", name=re.compile("^Affected SOP Class UID")).click()


def builder(page: Page) -> None:
    """A title is typed."""
    title = page.get_by_role("textbox", name=re.compile("^Called-AE-title"))
    title.fill("PACS_1")
    title.press("Enter")
    page.locator(".dl-builder").get_by_text(re.compile("^PACS_1")).first.wait_for()


def sequence(page: Page) -> None:
    """An arrow is opened."""
    page.locator(".dl-sequence").get_by_role("option").nth(3).click()
    page.locator(".dl-explorer").wait_for()


def console(page: Page) -> None:
    """A conversation is led up to its echo."""
    panel = page.locator(".dl-console")
    for step, arrow in (
        ("Connect", "TCP connection"),
        ("Associate", "A-ASSOCIATE-AC"),
        ("Echo", "C-ECHO-RSP"),
    ):
        panel.get_by_role("button", name=step, exact=True).click()
        page.locator(".dl-sequence").get_by_text(re.compile(arrow)).first.wait_for()


def browser(page: Page) -> None:
    """The table is waited for."""
    page.locator(".dl-browser").wait_for()


PICTURES: dict[str, tuple[str, Callable[[Page], None]]] = {
    "explorer": (f"{ECHO}\nassociation.pdus[2].explore()", explorer),
    "builder": ('dl.Builder("A-ASSOCIATE-RQ")', builder),
    "sequence": (f"{ECHO}\nassociation.explore()", sequence),
    "browser": ('dl.dissect("../captures/modality-cannot-store.pcapng").explore()', browser),
    "console": ("console = dl.Console()\nconsole", console),
}


def main() -> None:
    """Write each picture, light and dark."""
    with (
        TemporaryDirectory() as home,
        running_lab(Path(home, "lab")) as server,
        chromium() as program,
    ):
        for name, (code, act) in PICTURES.items():
            cell = nbformat.v4.new_code_cell(f"import dicomlab as dl\n{code}")
            with notebooks(server, program) as lab:
                notebook = lab.open(nbformat.v4.new_notebook(cells=[cell]))
                page = notebook.page
                page.set_viewport_size({"width": WIDTH, "height": HEIGHT})
                page.evaluate(f"void jupyterapp.commands.execute('{FILES}')")
                notebook.run_all()
                act(page)
                page.mouse.move(0, 0)
                for theme, ending in THEMES:
                    notebook.theme(theme)
                    shot = page.locator(".jp-OutputArea").last
                    shot.screenshot(path=HERE / f"widget-{name}{ending}.png")


if __name__ == "__main__":
    main()
