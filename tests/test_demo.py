"""The demo does its whole job: with rights and without, against our SCP and pynetdicom's."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

import dicomlab as dl

PDUS = (
    "A-ASSOCIATE-RQ",
    "A-ASSOCIATE-AC",
    "P-DATA-TF",
    "P-DATA-TF",
    "A-RELEASE-RQ",
    "A-RELEASE-RP",
)
PICTURES = (
    "1-a-associate-rq",
    "2-a-associate-ac",
    "3-c-echo-rq",
    "4-c-echo-rsp",
    "5-a-release-rq",
    "6-a-release-rp",
)
ROOT = Path(__file__).parent.parent


def demo(out: Path, *words: str, before: Sequence[str] = ()) -> str:
    """What the demo says, in a process of its own."""
    done = subprocess.run(
        [*before, sys.executable, "-m", "dicomlab", "demo", "--out", str(out), *words],
        capture_output=True,
        text=True,
        timeout=100,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    return done.stdout


def assert_the_job_is_done(out: Path, said: str) -> None:
    for name in PDUS:
        assert name in said
    capture = dl.dissect(out / "conversation.pcapng")
    [association] = capture.associations
    assert tuple(pdu.type for pdu in association.pdus) == PDUS
    assert association.outcome.ended == "released"
    document = json.loads((out / "conversation.json").read_text("utf-8"))
    assert [one["status"] for one in document["associations"][0]["messages"]] == [None, 0]
    for name in PICTURES:
        stem = out / name
        assert stem.with_suffix(".svg").read_text("utf-8").count("PDU-length")
        assert stem.with_suffix(".png").read_bytes().startswith(b"\x89PNG")
    assert "TRAINEE" in (out / "sequence.svg").read_text("utf-8")
    assert (out / "sequence.png").read_bytes().startswith(b"\x89PNG")


def test_demo_does_its_job_and_tshark_agrees(tmp_path: Path) -> None:
    said = demo(tmp_path)
    assert_the_job_is_done(tmp_path, said)
    assert_tshark_agrees(tmp_path / "conversation.pcapng")


def test_demo_talks_to_pynetdicom_too(tmp_path: Path) -> None:
    said = demo(tmp_path, "--peer", "pynetdicom")
    assert_the_job_is_done(tmp_path, said)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that everybody may enter and write to; pytest's own are for their owner only."""
    with TemporaryDirectory(prefix="dicomlab-") as name:
        folder = Path(name)
        folder.chmod(0o777)
        yield folder


def test_demo_needs_no_rights(
    unprivileged: list[str], open_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(open_folder))
    out = open_folder / "demo"
    said = demo(out, before=unprivileged)
    assert_the_job_is_done(out, said)
    assert "relay" in said
    assert_tshark_agrees(out / "conversation.pcapng")


def test_demo_without_tshark_lacks_only_the_second_opinion_and_fits_100_columns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    said = demo(tmp_path)
    assert_the_job_is_done(tmp_path, said)
    assert "There is no second opinion" in said
    assert [line for line in said.splitlines() if len(line) > 100] == []


def assert_tshark_agrees(path: Path) -> None:
    """Wireshark sees six PDUs and a C-ECHO that succeeded, and complains of nothing."""
    tshark = shutil.which("tshark")
    if tshark is None:
        pytest.skip("no tshark: Wireshark's opinion was not asked")
    fields = ["-T", "fields", "-e", "dicom.pdu.type", "-e", "_ws.col.Info"]
    said = subprocess.run(
        [tshark, "-r", str(path), "-Y", "dicom", *fields],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    ).stdout
    types = [pdu for line in said.splitlines() for pdu in line.split("\t")[0].split(",")]
    assert [int(pdu, 0) for pdu in types] == [1, 2, 4, 4, 5, 6]
    assert "C-ECHO-RSP" in said
    assert "Success" in said
