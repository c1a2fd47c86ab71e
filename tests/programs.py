"""Programs that some tests need."""

from __future__ import annotations

import os
import shutil

import pytest


def found(program: str) -> str:
    """The path of a program; without it the test fails in CI, and is left out elsewhere."""
    path = shutil.which(program)
    if path is None:
        complaint = f"{program} is not installed"
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(complaint)
    return path
