"""What stays of a widget: while its kernel runs, without state, untrusted, as an exported page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient
from nbconvert import HTMLExporter
from playwright.sync_api import Browser, expect

from tests.browser.lab import Lab, Notebook

CODE = """\
import dicomlab as dl
dl.build("A-ASSOCIATE-RQ", called_ae_title="ARCHIVE").explore()"""


def notebook_of(*cells: str) -> nbformat.NotebookNode:
    return nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])


@pytest.fixture(scope="module")
def ran() -> nbformat.NotebookNode:
    """The notebook with its outputs, and without the state of the widget."""
    notebook = notebook_of(CODE)
    NotebookClient(notebook, store_widget_state=False).execute()
    assert "widgets" not in notebook.metadata
    return notebook


def test_while_the_kernel_runs_the_widget_is_seen_and_no_twin(lab: Lab) -> None:
    page = opened(lab, notebook_of(CODE)).page
    expect(page.locator(".dl-widget")).to_be_visible()
    expect(page.locator(".dl-twin")).to_be_hidden()


def test_a_notebook_that_is_not_trusted_shows_the_twin(
    lab: Lab, ran: nbformat.NotebookNode
) -> None:
    page = lab.open(ran).page
    expect(page.locator("table").filter(has_text="Called-AE-title")).to_be_visible()
    expect(page.locator(".jp-Notebook")).not_to_contain_text("Error")


def test_a_trusted_notebook_without_state_shows_the_twin_and_no_error(
    lab: Lab, ran: nbformat.NotebookNode
) -> None:
    lab.expect_error("widget model not found")  # JupyterLab's own, of the widget that is gone
    page = lab.open(ran, trusted=True).page
    expect(page.locator("table").filter(has_text="Called-AE-title")).to_be_visible()
    expect(page.get_by_text("model not found")).to_be_hidden()


def test_an_exported_page_shows_the_twin_and_asks_nobody(
    ran: nbformat.NotebookNode, tmp_path: Path, browser: Browser
) -> None:
    body, _ = HTMLExporter().from_notebook_node(ran)
    file = tmp_path / "exported.html"
    file.write_text(body, encoding="utf-8")
    with browser.new_context(offline=True) as context:
        page = context.new_page()
        page.goto(file.as_uri())
        expect(page.locator("table").filter(has_text="Called-AE-title")).to_be_visible()


def opened(lab: Lab, notebook: Any) -> Notebook:
    found = lab.open(notebook)
    found.run_all()
    return found
