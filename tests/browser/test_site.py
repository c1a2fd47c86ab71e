"""The course as pages: complete by themselves, light and dark, and readable for all."""

from __future__ import annotations

import mimetypes
import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from nbclient import NotebookClient
from nbformat import v4, write
from playwright.sync_api import Browser, Page, Route, expect

from docs.site import build
from tests.browser.bare import axe
from tests.browser.chromium import Windows, watched
from tests.runs import NAMES, Runs

HOME = "http://dicomlab.localhost/"  # nobody answers there: all comes from the disk
WIDGET = """\
import dicomlab as dl
dl.build("A-ASSOCIATE-RQ", called_ae_title="ARCHIVE").explore()"""

pytestmark = pytest.mark.timeout(900)  # the first of them waits for all notebooks


@pytest.fixture(scope="module")
def site(runs: Runs, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, made of the notebooks as they ran, and of one more: with a widget."""
    folder = tmp_path_factory.mktemp("site")
    runs.start(*NAMES)
    words = v4.new_markdown_cell("# 98 · A widget")
    notebook = v4.new_notebook(cells=[words, v4.new_code_cell(WIDGET)])
    NotebookClient(notebook).execute()
    write(notebook, folder / "98-a-widget.ipynb")
    executed = {name: runs[name].plain.path for name in NAMES}
    copies = [folder / name for name in executed]
    for copy, path in zip(copies, executed.values(), strict=True):
        copy.symlink_to(path)
    build([*copies, folder / "98-a-widget.ipynb"], folder / "site")
    return folder / "site"


@pytest.fixture
def windows(browser: Browser) -> Iterator[Windows]:
    """Windows from which nothing is asked that the site does not have."""
    with watched(browser, lambda url: url.startswith(HOME)) as windows:
        yield windows


def opened(windows: Windows, site: Path, name: str, dark: bool = False) -> Page:
    page = windows.open(color_scheme="dark" if dark else "light")
    page.route("**/*", partial(served, site=site))
    page.goto(HOME + name)
    return page


def served(route: Route, site: Path) -> None:
    """The file of the site that is asked for."""
    file = site / urlsplit(route.request.url).path.removeprefix("/")
    kind, _ = mimetypes.guess_type(file)
    route.fulfill(body=file.read_bytes(), content_type=f"{kind}; charset=utf-8")


def names(site: Path) -> list[str]:
    return sorted(path.relative_to(site).as_posix() for path in site.rglob("*.html"))


def test_every_page_opens_without_an_error_and_asks_for_nothing_from_elsewhere(
    site: Path, windows: Windows
) -> None:
    assert len(names(site)) > len(NAMES)
    for name in names(site):
        page = opened(windows, site, name)
        expect(page.locator("h1")).to_have_count(1)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), name


def test_no_page_has_a_script_or_names_what_would_be_fetched(site: Path) -> None:
    for name in names(site):
        text = (site / name).read_text("utf-8")
        assert not re.search(r"<script|<iframe|<link href=\"(?!data:)|@import", text), name
        assert not re.search(r"""(?:src|srcset)="(?!data:)[a-z]+:|url\(["']?http""", text), name


def test_every_link_leads_to_a_page_of_the_site_or_to_its_file(site: Path) -> None:
    for name in names(site):
        text = (site / name).read_text("utf-8")
        for target in re.findall(r'(?:href|src|srcset)="([^"#]+)', text):
            if not re.match(r"[a-z]+:", target):
                assert (site / name).parent.joinpath(target).is_file(), f"{name}: {target}"


def test_figures_are_in_the_page(site: Path, windows: Windows) -> None:
    page = opened(windows, site, "notebooks/01-the-first-echo.html")
    picture = page.get_by_role("img", name="Picture: P-DATA-TF · C-ECHO-RQ").first
    assert picture.evaluate("(image) => image.naturalWidth") >= 1280


def test_of_a_widget_the_static_twin_is_shown(site: Path, windows: Windows) -> None:
    page = opened(windows, site, "notebooks/98-a-widget.html")
    expect(page.locator("table").filter(has_text="Called-AE-title")).to_be_visible()
    assert "widget-view" not in page.content()
    assert "HexView" not in page.content()


def test_one_gets_from_notebook_to_notebook(site: Path, windows: Windows) -> None:
    page = opened(windows, site, "index.html")
    titles = page.locator("h2 a")
    first, second = titles.nth(0).inner_text(), titles.nth(1).inner_text()
    titles.nth(0).click()
    expect(page.locator("h1")).to_have_text(first)
    page.get_by_label("Other notebooks").get_by_role("link", name=second).click()
    expect(page.locator("h1")).to_have_text(second)
    page.get_by_label("Other notebooks").get_by_role("link", name=first).click()
    expect(page.locator("h1")).to_have_text(first)


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("name", ["index", "notebooks/01-the-first-echo"])
def test_axe_finds_nothing(site: Path, windows: Windows, name: str, dark: bool) -> None:
    page = opened(windows, site, f"{name}.html", dark)
    paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert paper == ("rgb(20, 23, 27)" if dark else "rgb(255, 255, 255)")
    assert axe(page) == []


def test_on_paper_there_is_no_navigation(site: Path, windows: Windows) -> None:
    page = opened(windows, site, "notebooks/01-the-first-echo.html")
    page.emulate_media(media="print")
    expect(page.get_by_label("Other notebooks")).to_be_hidden()
    expect(page.locator("h1")).to_be_visible()
