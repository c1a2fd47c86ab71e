"""The memory that one seat of a class needs: its server, and a kernel that ran a notebook."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest

from tests.browser.chromium import chromium
from tests.browser.lab import notebooks, running_lab

MOST = 350e6  # bytes


@pytest.mark.bench
def test_a_seat_fits_into_a_hub_of_many(tmp_path: Path) -> None:
    with running_lab(tmp_path) as server:
        [process] = [one for one in psutil.Process().children() if "jupyterlab" in one.cmdline()]
        idle = memory(process)
        with chromium() as browser, notebooks(server, browser) as lab:
            notebook = lab.open("01-the-first-echo.ipynb")
            notebook.run_all()
            assert notebook.python("request.explore() is not None")  # and a widget beside it
            used = memory(process)
    print(f"\na seat: {idle / 1e6:.0f} MB its server, {used / 1e6:.0f} MB with notebook 01")
    assert used < MOST


def memory(process: psutil.Process) -> int:
    """What a process and its descendants have for themselves, and their part of what is shared."""
    family = [process, *process.children(recursive=True)]
    return sum(one.memory_full_info().pss for one in family)
