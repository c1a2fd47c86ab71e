"""A browser, widgets in pages by themselves, and notebooks in a JupyterLab of our own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.browser.bare import Bare, bare_pages
from tests.browser.chromium import chromium
from tests.browser.lab import Lab, Server, notebooks, running_lab


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """One Chromium for all tests of this folder, and closed before those of others."""
    with chromium() as browser:
        yield browser


@pytest.fixture
def bare(browser: Browser) -> Iterator[Bare]:
    """Shows a widget's module in a page by itself."""
    with bare_pages(browser) as show:
        yield show


@pytest.fixture(scope="package")
def jupyterlab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One JupyterLab for all tests of this folder."""
    with running_lab(tmp_path_factory.mktemp("lab")) as server:
        yield server


@pytest.fixture
def lab(jupyterlab: Server, browser: Browser) -> Iterator[Lab]:
    """Opens notebooks in JupyterLab."""
    with notebooks(jupyterlab, browser) as lab:
        yield lab
