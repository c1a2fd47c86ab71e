"""What the tests of recording need of the machine, and what they may not leave behind."""

from __future__ import annotations

import gc
import os
import threading
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from dicomlab.recording.tshark import capabilities, find


@pytest.fixture
def nothing_left() -> Callable[[], None]:
    """Call it: as many open descriptors, threads and children as when the test began."""
    process = psutil.Process()

    def count() -> tuple[int, int, list[psutil.Process]]:
        gc.collect()
        return process.num_fds(), threading.active_count(), process.children(recursive=True)

    before = count()

    def check() -> None:
        assert count() == before

    return check


@pytest.fixture(scope="session")
def live() -> None:
    """Live recording is possible here."""
    able = capabilities()
    if not able.live:
        pytest.skip(f"nothing was recorded live: {able.reason}")


@pytest.fixture(scope="session")
def tshark() -> str:
    """The path of tshark."""
    found = find("tshark")
    if found is None:
        pytest.skip("no tshark: what it says of our files was not asked")
    return found


@pytest.fixture
def without_wireshark(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A machine without Wireshark's programs."""
    empty = tmp_path / "bin"
    empty.mkdir()
    monkeypatch.setenv("PATH", os.fspath(empty))
