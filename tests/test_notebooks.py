"""Every notebook runs top to bottom, without a warning, and is stored without outputs."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from nbformat import v4

ROOT = Path(__file__).parent.parent
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
SECONDS = 20  # what a class is willing to wait

STRICT = v4.new_code_cell("""\
import warnings
warnings.simplefilter("error")
warnings.filterwarnings("ignore", module="ipykernel")  # the kernel's own business
""")


def test_there_are_notebooks() -> None:
    assert NOTEBOOKS


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_runs(
    path: Path,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name in ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR"):
        monkeypatch.setenv(name, str(tmp_path / name.lower()))
    notebook = nbformat.read(path, as_version=4)
    notebook.cells.insert(0, STRICT)
    began = time.monotonic()
    NotebookClient(
        notebook, timeout=60, resources={"metadata": {"path": str(path.parent)}}
    ).execute()
    took = time.monotonic() - began
    with capsys.disabled():
        print(f" {path.name}: {took:.1f} s ", end="")
    complaints = [
        output["text"]
        for cell in notebook.cells
        for output in cell.get("outputs", ())
        if output.get("name") == "stderr"
    ]
    assert not complaints
    assert took < SECONDS


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_is_stored_without_outputs(path: Path) -> None:
    found = subprocess.run(
        [sys.executable, "-m", "nbstripout", "--verify", "--keep-id", str(path)],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert found.returncode == 0, found.stdout + found.stderr
