"""The first notebook, as a trainee sees it: in JupyterLab, in a browser."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

from playwright.sync_api import Browser

IDLE = (
    "() => window.jupyterapp?.shell.currentWidget?.sessionContext?.session?.kernel?.status"
    " === 'idle'"
)
ALL_RAN = (
    "() => window.jupyterapp.shell.currentWidget.content.model.cells &&"
    " [...window.jupyterapp.shell.currentWidget.content.model.cells]"
    ".filter(cell => cell.type === 'code').every(cell => cell.executionCount)"
)


def test_first_notebook_runs_in_the_browser(
    address_of: Callable[[str], str], browser: Browser
) -> None:
    with browser.new_context() as context:
        page = context.new_page()
        requests: list[str] = []
        page.on("request", lambda request: requests.append(request.url))
        page.goto(address_of("01-the-first-echo.ipynb"))
        page.locator(".jp-Notebook").wait_for(timeout=60_000)
        page.wait_for_function(IDLE, timeout=60_000)
        page.get_by_role("menuitem", name="Run", exact=True).click()
        page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
        page.wait_for_function(ALL_RAN, timeout=60_000)

        errors = page.locator('[data-mime-type="application/vnd.jupyter.error"]')
        assert errors.all_inner_texts() == []
        assert page.locator(".jp-OutputArea-output").count() > 0
        hosts = {urlsplit(url).hostname for url in requests if url.startswith(("http", "ws"))}
        assert hosts == {"127.0.0.1"}
