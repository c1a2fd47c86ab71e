"""The machine's Chromium, and a watch over what its pages do."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, sync_playwright

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


def anything(message: str) -> bool:
    """No error is expected."""
    return True


class Watch:
    """Takes down what no page of ours may do: errors, and requests to elsewhere.

    ``at_home`` tells of an address whether it may be asked; ``counts`` of the text of a console
    error whether it is one of ours.
    """

    def __init__(
        self,
        context: BrowserContext,
        at_home: Callable[[str], bool],
        counts: Callable[[str], bool] = anything,
    ) -> None:
        self._context = context
        self._at_home = at_home
        self._counts = counts
        self._wrong: list[str] = []
        context.on("console", self._said)
        context.on("weberror", lambda error: self._wrong.append(f"page error: {error.error}"))
        context.on("request", lambda request: self._asked(request.url))
        # a socket is no request to playwright, and only its page tells of it
        context.on("page", lambda page: page.on("websocket", lambda one: self._asked(one.url)))

    def check(self) -> None:
        """Fail with what was wrong until now."""
        for page in self._context.pages:
            # what a page did and asked for before it is answered has been told by then
            page.evaluate("fetch(location.href).then(() => null)")
        assert not self._wrong, "\n".join(self._wrong)

    def _said(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "assert") and self._counts(message.text):
            self._wrong.append(f"console error: {message.text} ({message.location['url']})")

    def _asked(self, url: str) -> None:
        if not url.startswith(("data:", "blob:")) and not self._at_home(url):
            self._wrong.append(f"request to elsewhere: {url}")
