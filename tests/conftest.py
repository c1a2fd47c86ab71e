"""What several rooms' tests share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
CORPUS = Path(os.environ.get("DICOMLAB_CORPUS", ROOT.parent / "shared" / "captures"))

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
