"""The captures that the project ships hold what is written down beside them, and can be remade."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import dicomlab as dl
from dicomlab.model import Capture

CAPTURES = Path(__file__).parent.parent / "captures"
FILES = sorted(CAPTURES.glob("*.pcapng"))
LARGEST = 200_000  # bytes
RECORD = CAPTURES / "record.py"
SHORTEST = "same-reason-two-causes"

all_captures = pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)


def written_down(file: Path) -> list[dict[str, Any]]:
    """What somebody wrote down of a capture: its TCP connections, in order."""
    document = json.loads((CAPTURES / f"{file.stem}.json").read_text(encoding="utf-8"))
    connections: list[dict[str, Any]] = document["connections"]
    return connections


def dissected(capture: Capture) -> list[dict[str, Any]]:
    """The same of what dicomlab reads. Ports of requestors are of the day: left out."""
    found: dict[int, dict[str, Any]] = {}
    for one in capture.associations:
        outcome = {key: getattr(one.outcome, key) for key in one.outcome.__slots__}
        found[one.connection] = {
            "requestor": one.requestor.address,
            "acceptor": str(one.acceptor),
            "calling": one.calling_ae_title,
            "called": one.called_ae_title,
            "outcome": {key: value for key, value in outcome.items() if value is not None},
            "pdus": len(one.pdus),
            "contexts": [[c.id, c.abstract_syntax, c.result] for c in one.presentation_contexts],
            "messages": [[message.type, message.status] for message in one.messages],
        }
    for other in capture.connections:
        ends = {"requestor": other.requestor.address, "acceptor": str(other.acceptor)}
        found[other.connection] = {**ends, "kind": other.kind}
    return [found[number] for number in sorted(found)]


def test_there_are_captures_and_the_readme_names_each() -> None:
    told = re.findall(
        r"^## (\S+)$", (CAPTURES / "README.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert FILES
    assert told == [file.name for file in FILES]


@all_captures
def test_a_capture_holds_what_is_written_down(file: Path) -> None:
    assert dissected(dl.dissect(file)) == written_down(file)


@all_captures
def test_a_capture_is_whole(file: Path) -> None:
    capture = dl.dissect(file)
    assert capture.damage is None
    assert capture.truncated_packets == 0
    for one in capture.associations:
        assert all(pdu.complete for pdu in one.pdus)
        assert all(message.complete for message in one.messages)
        assert not any(one.missing_bytes.values())
        assert not [found for found in one.findings if found.code.startswith("capture-")]
        assert not [found for pdu in one.pdus for found in pdu.findings if found.severity != "info"]


@all_captures
def test_a_capture_is_small(file: Path) -> None:
    assert file.stat().st_size < LARGEST


@all_captures
def test_a_capture_says_what_it_holds_and_nothing_of_the_machine(file: Path) -> None:
    comment = " ".join(dl.dissect(file).comments)
    assert "captures/record.py" in comment
    assert "CC0" in comment
    data = file.read_bytes()
    assert not [word for word in (b"Linux", b"Intel", b"AMD", b"/tmp", b"/home") if word in data]


@all_captures
def test_the_patients_of_a_capture_are_made_up(file: Path) -> None:
    names = re.findall(rb"\x10\x00\x10\x00(?:PN..|.{4})([^\0\x10]+)", file.read_bytes(), re.DOTALL)
    ids = re.findall(rb"\x10\x00\x20\x00(?:LO..|.{4})([^\0\x10]+)", file.read_bytes(), re.DOTALL)
    stored = sum(kind == "C-STORE-RQ" for one in written_down(file) for kind, _ in messages(one))
    assert len(names) >= stored
    assert all(name.startswith(b"EXERCISE^") for name in names)
    assert all(ident.startswith(b"EX-") for ident in ids)


def messages(one: dict[str, Any]) -> list[list[Any]]:
    found: list[list[Any]] = one.get("messages", [])
    return found


@all_captures
def test_tshark_sees_as_many_pdus(file: Path) -> None:
    if shutil.which("tshark") is None:
        pytest.skip("no tshark: the number of PDUs was not compared")
    fields = ["-T", "fields", "-e", "tcp.stream", "-e", "dicom.pdu.type", "-E", "occurrence=a"]
    said = subprocess.run(
        ["tshark", "-r", str(file), "-Y", "dicom.pdu.type", *fields],
        capture_output=True,
        check=True,
        text=True,
        timeout=60,
    )
    counted = [0] * len(written_down(file))
    for line in said.stdout.splitlines():
        stream, kinds = line.split("\t")
        counted[int(stream)] += len(kinds.split(","))
    assert counted == [one.get("pdus", 0) for one in written_down(file)]


def test_the_script_records_the_same_again_and_leaves_nothing(tmp_path: Path) -> None:
    asked = [sys.executable, str(RECORD), "--out", str(tmp_path), SHORTEST]
    done = subprocess.run(asked, capture_output=True, text=True, timeout=100)
    if "not on this machine" in done.stderr or "unshare: " in done.stderr:
        pytest.skip(f"recording anew was not tried: {done.stderr.strip().splitlines()[-1]}")
    assert done.returncode == 0, done.stdout + done.stderr
    file = tmp_path / f"{SHORTEST}.pcapng"
    assert dissected(dl.dissect(file)) == written_down(file)
    assert list(tmp_path.iterdir()) == [file]
