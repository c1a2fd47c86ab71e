"""What several rooms' tests share."""

from __future__ import annotations

import json
import os
from functools import cache
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
CORPUS = Path(os.environ.get("DICOMLAB_CORPUS", ROOT.parent / "shared" / "captures"))
REFERENCE = Path(os.environ.get("DICOMLAB_REFERENCE", ROOT.parent / "shared" / "reference"))

# no test opens a window
os.environ["MPLBACKEND"] = "agg"


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository."""
    return ROOT


@pytest.fixture(scope="session")
def corpus() -> Path:
    """The captures of real systems, which are not part of the repository."""
    if not CORPUS.is_dir():
        pytest.skip(f"no captures of real systems in {CORPUS} (set DICOMLAB_CORPUS)")
    return CORPUS


@cache
def _tables() -> dict[str, Any] | None:
    file = REFERENCE / "dicom-tables.json"
    return json.loads(file.read_text(encoding="utf-8")) if file.is_file() else None


_NO_TABLES = f"no dicom-tables.json in {REFERENCE} (set DICOMLAB_REFERENCE)"


@pytest.fixture(scope="session")
def tables() -> dict[str, Any]:
    """The tables of the standard, written down and checked apart from this project."""
    found = _tables()
    if found is None:
        pytest.skip(_NO_TABLES)
    return found


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test that asks for a ``client_case`` or a ``malformed_case`` with each of them."""
    for name in ("client_case", "malformed_case"):
        if name in metafunc.fixturenames:
            cases = (_tables() or {}).get(f"{name}s", [])
            missing = [pytest.param(None, marks=pytest.mark.skip(_NO_TABLES))]
            metafunc.parametrize(
                name, cases or missing, ids=lambda case: case["id"] if case else ""
            )
