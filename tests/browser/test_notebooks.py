"""The notebooks, as a trainee sees them: in JupyterLab, in a browser."""

from __future__ import annotations

import pytest

from tests.browser.lab import NOTEBOOKS, Lab


@pytest.mark.parametrize("name", sorted(path.name for path in NOTEBOOKS.glob("*.ipynb")))
def test_notebook_runs_in_the_browser(lab: Lab, name: str) -> None:
    notebook = lab.open(name)
    notebook.run_all()
    assert notebook.page.locator(".jp-OutputArea-output").count() > 0
