"""A widget's ES module in a page by itself: no kernel, no JupyterLab, no server."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Locator, Page, Route

from dicomlab.views.theme import DARK, LIGHT
from dicomlab.widgets.base import STATIC as WIDGETS
from dicomlab.widgets.base import css
from tests.browser.chromium import Windows, watched

STATIC = Path(__file__).parent / "static"
HOME = "http://dicomlab.localhost/"  # nobody answers there: all comes from the disk


def axe(page: Page) -> list[str]:
    """What axe finds on a page and calls serious or critical."""
    found = Axe().run(page).response["violations"]
    return [
        f"{one['id']}, {one['impact']}: {node['html']}: {node['failureSummary']}"
        for one in found
        if one["impact"] in ("serious", "critical")
        for node in one["nodes"]
    ]


class View:
    """A widget that is shown, and Python's end of it."""

    def __init__(self, page: Page) -> None:
        self.page = page

    @property
    def root(self) -> Locator:
        """The widget's outermost element."""
        return self.page.locator(".dl-widget").first

    @property
    def sent(self) -> list[dict[str, Any]]:
        """Every message to Python until now."""
        return _read(self.page.evaluate("python.sent()"))

    @property
    def saved(self) -> list[dict[str, Any]]:
        """Traits that were saved, one dictionary for each time that something was."""
        return _read(self.page.evaluate("python.saved()"))

    def set(self, **traits: object) -> None:
        """Python changes traits."""
        self.page.evaluate("text => python.set(text)", _written(traits))

    def tell(self, content: object, buffers: Sequence[bytes] = ()) -> None:
        """Python sends a message."""
        message = {"content": content, "buffers": list(buffers)}
        self.page.evaluate("text => python.tell(text)", _written(message))

    def cleanup(self) -> None:
        """Call what ``render`` returned, as JupyterLab does when the cell's output goes."""
        self.page.evaluate("python.cleanup()")

    def axe(self) -> list[str]:
        """What axe finds on the page and calls serious or critical."""
        return axe(self.page)


class Bare:
    """Shows modules, each in a page by itself. ``scripts`` are their texts by their addresses."""

    def __init__(self, windows: Windows, scripts: dict[str, str]) -> None:
        self._windows = windows
        self._scripts = scripts

    def __call__(
        self,
        name: str,
        traits: dict[str, Any] | None = None,
        *,
        dark: bool = False,
        zoom: float = 1,
        width: int = 1200,
        height: int = 800,
        reduced_motion: bool = False,
    ) -> View:
        """Show the module of that name with these traits. ``zoom`` 2 is the browser's 200 %."""
        page = self._windows.open(
            viewport={"width": round(width / zoom), "height": round(height / zoom)},
            device_scale_factor=zoom,
            reduced_motion="reduce" if reduced_motion else "no-preference",
        )
        page.route("**/*", partial(_answer, served=self._scripts | {HOME: _page(dark)}))
        page.goto(HOME)
        page.evaluate(
            "([module, text]) => python.show(module, text)",
            [f"/{name}.js", _written(traits or {})],
        )
        return View(page)


@contextmanager
def bare_pages(browser: Browser, modules: Path = WIDGETS) -> Iterator[Bare]:
    """Shows the modules of a folder. At the end no page may have done wrong."""
    scripts = {
        f"{HOME}{file.name}": file.read_text(encoding="utf-8")
        for file in (STATIC / "anywidget.js", *modules.glob("*.js"))
    }
    with watched(browser, {HOME, *scripts}.__contains__) as windows:
        yield Bare(windows, scripts)


def _answer(route: Route, served: dict[str, str]) -> None:
    """What is served at the address, and an error for all others."""
    url = route.request.url
    if url in served:
        kind = "text/javascript" if url.endswith(".js") else "text/html"
        route.fulfill(body=served[url], content_type=kind)
    else:
        route.abort()


def _page(dark: bool) -> str:
    """A page with a place for a widget, marked and painted as JupyterLab's themes do."""
    theme = DARK if dark else LIGHT
    return f"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>A widget by itself</title>
<link rel="icon" href="data:,">
<style>body {{ background: {theme.paper}; color: {theme.ink} }}</style>
<style>{css()}</style>
<script type="module" src="/anywidget.js"></script>
<body data-jp-theme-light="{json.dumps(not dark)}">
<main id="cell"></main>
"""


def _written(value: object) -> str:
    """JSON, in which bytes stand as ``{"$bytes": base64}``."""
    return json.dumps(value, default=lambda data: {"$bytes": base64.b64encode(data).decode()})


def _read(text: str) -> Any:
    """What was ``_written``."""

    def bytes_of(value: dict[str, Any]) -> Any:
        return base64.b64decode(value["$bytes"]) if "$bytes" in value else value

    return json.loads(text, object_hook=bytes_of)
