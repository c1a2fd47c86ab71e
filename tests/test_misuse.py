"""A wrong argument is refused in one clear line that says what would do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import dicomlab as dl

STORE = Path(__file__).parents[1] / "captures" / "store-two-images.pcapng"
Call = Callable[[], Any]


def refused(call: Call, error: type[dl.DicomlabError] = dl.DicomlabError) -> str:
    """What is said of it."""
    with pytest.raises(error) as caught:
        call()
    assert caught.value.remedy
    assert "\n" not in str(caught.value)
    return str(caught.value)


# --- files --------------------------------------------------------------------------------------

NO_PATHS = [None, b"a.pcap", [STORE], 7, "a\0b"]


@pytest.mark.parametrize("path", NO_PATHS, ids=repr)
def test_what_is_no_path_is_not_dissected(path: Any) -> None:
    assert "is no path. Give the path of one file" in refused(
        lambda: dl.dissect(path), dl.CaptureError
    )


def test_an_open_file_is_not_dissected() -> None:
    with STORE.open("rb") as file:
        said = refused(lambda: dl.dissect(file), dl.CaptureError)  # type: ignore[arg-type]
    assert said.startswith("BufferedReader is no path.")


@pytest.mark.parametrize("path", NO_PATHS, ids=repr)
def test_nothing_is_written_to_what_is_no_path(path: Any) -> None:
    capture = dl.dissect(STORE)
    for write in (
        lambda: dl.save(capture, path, capture.associations),
        lambda: dl.export(capture, path),
        lambda: dl.record(("127.0.0.1", 11112), method="relay", path=path or 0),  # None: its own
    ):
        assert "is no path." in refused(write, dl.CaptureError)


@pytest.mark.parametrize("paths", [str(STORE), STORE, b"a.pcap", None], ids=type)
def test_one_path_is_not_taken_for_many(paths: Any) -> None:
    said = refused(lambda: list(dl.dissect_many(paths)), dl.CaptureError)
    assert "is no list of paths. Give one, as in dissect_many([path])" in said


def test_beside_what_is_no_path_the_other_files_are_dissected() -> None:
    first, *wrong, last = dl.dissect_many([STORE, None, "a\0b", 7, STORE])  # type: ignore[list-item]
    assert first == last == dl.dissect(STORE)
    assert all(isinstance(one, dl.CaptureError) and "is no path" in str(one) for one in wrong)
