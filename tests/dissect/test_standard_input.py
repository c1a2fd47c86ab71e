"""Captures that come through a pipe; and what else somebody may take for a capture file."""

from __future__ import annotations

import gzip
import io
import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import dicomlab as dl
from dicomlab.dissect.associations import Progress
from dicomlab.dissect.pcap import Writer
from dicomlab.views.contract import to_json
from tests.dissect.test_many import recorded

LOOK = """
import json, pickle, resource, sys, tempfile
import dicomlab as dl
from dicomlab.views.contract import to_json

def told(capture):
    return {**to_json(capture), "bytes": [bytes(one).hex() for one in capture.pdus]}

try:
    KEPT = {"keep": False} if "drop" in sys.argv else {}
    if "full" in sys.argv:
        resource.setrlimit(resource.RLIMIT_FSIZE, (500, 500))
    if "no copy" in sys.argv:
        del tempfile.TemporaryFile
    capture = dl.dissect("-", **KEPT)
    if "travel" in sys.argv:
        capture = pickle.loads(pickle.dumps(capture))
    if "size" in sys.argv:
        with open("/proc/self/status") as status:
            most = next(line for line in status if line.startswith("VmHWM:"))
        print(json.dumps([capture.packets, int(most.split()[1])]))
    elif "lines" in sys.argv:
        print(json.dumps(to_json(capture)))
    else:
        print(json.dumps([told(capture), told(capture)]))
except dl.CaptureError as error:
    print(json.dumps(str(error)))
"""


class Dissected(NamedTuple):
    """What a process found in its standard input: a value, or the text of a CaptureError."""

    said: Any
    left_behind: list[str]


def dissected(*words: str, piped: bytes | None = None, file: Any = None, folder: Path) -> Dissected:
    given = {"stdin": file} if piped is None else {"input": piped}
    temporary = folder / "temporary"
    temporary.mkdir(exist_ok=True)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", LOOK, *words],
        **given,
        env=os.environ | {"TMPDIR": str(temporary)},
        capture_output=True,
        check=True,
        timeout=60,
    )
    assert done.stderr == b""
    return Dissected(json.loads(done.stdout), [one.name for one in temporary.iterdir()])


@pytest.fixture
def capture(tmp_path: Path) -> Path:
    return recorded(tmp_path / "echo.pcapng")


def told(path: Path) -> list[Any]:
    """What the process says of the same file as standard input, twice."""
    found = dl.dissect(path)
    document = to_json(found)
    document["capture"]["file"] = "-"
    return [{**document, "bytes": [bytes(one).hex() for one in found.pdus]}] * 2


# --- through a pipe -----------------------------------------------------------------------------


@pytest.mark.parametrize("packed", [bytes, gzip.compress])
def test_what_came_through_a_pipe_can_be_looked_at(
    capture: Path, tmp_path: Path, packed: Any
) -> None:
    said, left_behind = dissected(piped=packed(capture.read_bytes()), folder=tmp_path)
    assert said == told(capture)
    assert left_behind == []


def test_what_is_kept_is_not_kept_in_the_memory(tmp_path: Path) -> None:
    content = io.BytesIO()
    Writer(content).packet(0, bytes(60_000))
    data = content.getvalue() + content.getvalue()[-60_032:] * 1500
    (packets, kept), left_behind = dissected("size", piped=data, folder=tmp_path)
    (_, dropped), _ = dissected("size", "drop", piped=data, folder=tmp_path)
    assert packets == 1501
    assert kept < dropped + 16_000, "kilobytes"
    assert left_behind == []


def test_no_copy_is_made_where_none_is_wanted(capture: Path, tmp_path: Path) -> None:
    data = capture.read_bytes()
    said, _ = dissected("drop", "no copy", "lines", piped=data, folder=tmp_path)
    [association] = said["associations"]
    assert association["outcome"]["ended"] == "released"


@pytest.mark.parametrize("word", ["drop", "travel"])
def test_without_its_copy_it_cannot_be_looked_at(capture: Path, tmp_path: Path, word: str) -> None:
    said, _ = dissected(word, piped=capture.read_bytes(), folder=tmp_path)
    assert said == (
        "standard input cannot be read again: it came through a pipe."
        " Save the capture to a file, and dissect that."
    )


def test_a_full_disk_is_told(capture: Path, tmp_path: Path) -> None:
    data = capture.read_bytes() * 10
    said, _ = dissected("full", piped=data, folder=tmp_path)
    assert "no copy can be kept" in said
    assert "Save it to a file first." in said


@pytest.mark.parametrize("content", [b"", b"GIF89a"])
def test_what_is_no_capture_is_told(content: bytes, tmp_path: Path) -> None:
    said, _ = dissected(piped=content, folder=tmp_path)
    assert said.startswith("standard input is neither a pcap nor a pcapng file.")


# --- from a file --------------------------------------------------------------------------------


def test_a_file_is_used_as_it_is(capture: Path, tmp_path: Path) -> None:
    with capture.open("rb") as file:
        said, _ = dissected("no copy", file=file, folder=tmp_path)
    assert said == told(capture)


def test_a_file_of_which_somebody_has_read_the_beginning(capture: Path, tmp_path: Path) -> None:
    shifted = tmp_path / "shifted"
    shifted.write_bytes(b"GIF89a" + capture.read_bytes())
    with shifted.open("rb", buffering=0) as file:
        file.seek(6)
        said, _ = dissected(file=file, folder=tmp_path)
    assert said == told(capture)


# --- what else there is -------------------------------------------------------------------------


def test_a_named_pipe(capture: Path, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writing = threading.Thread(target=pipe.write_bytes, args=[capture.read_bytes()])
    writing.start()
    found = dl.dissect(pipe)
    writing.join()
    assert [bytes(one).hex() for one in found.pdus] == told(capture)[0]["bytes"]
    pipe.unlink()
    assert len(bytes(found.pdus[0])) == len(found.pdus[0])


def test_a_folder_is_no_capture(tmp_path: Path) -> None:
    with pytest.raises(dl.CaptureError, match=r"^\S+ cannot be read: Is a directory\.$"):
        dl.dissect(tmp_path)


def test_nothing_is_no_capture(tmp_path: Path) -> None:
    empty = tmp_path / "empty.pcap"
    empty.touch()
    for path in (empty, Path(os.devnull)):
        with pytest.raises(dl.CaptureError, match=r"^\S+ is neither a pcap nor a pcapng file\. "):
            dl.dissect(path)


def test_a_file_that_one_may_not_read(capture: Path) -> None:
    capture.chmod(0)
    code = """
import os, sys
import dicomlab as dl

dissect = dl.dissect
if os.geteuid() == 0:
    os.seteuid(65534)
try:
    dissect(sys.argv[1])
except dl.CaptureError as error:
    print(error)
"""
    run = [sys.executable, "-c", code, str(capture)]
    done = subprocess.run(run, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == f"{capture} cannot be read: Permission denied.\n"


def test_a_file_that_grows_is_read_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "growing.pcapng"
    content = io.BytesIO()
    writer = Writer(content)
    for number in range(200):
        writer.packet(number, bytes(60_000))
    blocks = content.getvalue()
    path.write_bytes(blocks[:-12_000_000])
    grown: list[Progress] = []

    def grow(progress: Progress) -> None:
        if not grown:
            with path.open("ab") as file:
                file.write(blocks[-12_000_000:-20])
        grown.append(progress)

    found = dl.dissect(path, watch=grow)
    assert len(grown) > 1
    assert found.packets == 199
    assert found.damage is not None
    assert "the file ends inside" in found.damage
