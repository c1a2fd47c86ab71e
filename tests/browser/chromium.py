"""The machine's Chromium, and windows of it that are watched."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")
MISSING = "no Chromium: nothing was tried in a browser (apt-get install chromium)"


@contextmanager
def chromium() -> Iterator[Browser]:
    """Chromium. While it is open playwright runs an event loop in this thread: not for longer."""
    path = next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        if os.environ.get("CI"):
            pytest.fail(MISSING)
        pytest.skip(MISSING)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


class Windows:
    """Opens windows, and takes down what no page of ours may do: errors, and requests to elsewhere.

    ``at_home`` tells of an address whether it may be asked.
    """

    def __init__(self, browser: Browser, at_home: Callable[[str], bool]) -> None:
        self._browser = browser
        self._at_home = at_home
        self._pages: list[Page] = []
        self._wrong: list[str] = []
        self._expected: list[str] = []

    def expect(self, error: str) -> None:
        """Let an error with these words in it be said: it is what the test is about."""
        self._expected.append(error)

    def open(self, **options: Any) -> Page:
        """An empty page that shares nothing with others. ``options`` are playwright's."""
        context = self._browser.new_context(service_workers="block", **options)
        context.on("console", self._said)
        context.on("weberror", lambda error: self._wrong.append(f"page error: {error.error}"))
        context.on("request", lambda request: self._asked(request.url))
        page = context.new_page()
        page.on("websocket", lambda socket: self._asked(socket.url))  # no request to playwright
        self._pages.append(page)
        return page

    def check(self) -> None:
        """Fail with what was wrong until now."""
        for page in self._pages:
            # what a page did and asked for before it is answered has been told by then
            page.evaluate("fetch(location.href).then(() => null)")
        assert not self._wrong, "\n".join(self._wrong)

    def close(self) -> None:
        """Close all windows."""
        for page in self._pages:
            page.context.close()

    def _said(self, message: ConsoleMessage) -> None:
        expected = any(words in message.text for words in self._expected)
        if message.type in ("error", "assert") and not expected:
            self._wrong.append(f"console error: {message.text} ({message.location['url']})")

    def _asked(self, url: str) -> None:
        if not url.startswith(("data:", "blob:")) and not self._at_home(url):
            self._wrong.append(f"request to elsewhere: {url}")


@contextmanager
def watched(browser: Browser, at_home: Callable[[str], bool]) -> Iterator[Windows]:
    """Windows that at the end must have done no wrong, and are closed."""
    windows = Windows(browser, at_home)
    try:
        yield windows
        windows.check()
    finally:
        windows.close()
