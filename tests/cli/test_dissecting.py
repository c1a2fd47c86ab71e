"""``dicomlab dissect``: one screen, one association, one PDU; what is cut out; many files."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from itertools import chain
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

import dicomlab as dl
from dicomlab.dissect.pcap import Writer
from dicomlab.dissect.synth import TcpConversation
from dicomlab.model import Endpoint
from tests.cli import day
from tests.cli.conftest import Run

pty = pytest.importorskip("pty")
DAY = "merged_day.pcapng"


@pytest.fixture(scope="module")
def hospital(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A day of 3,000 associations, of which thirty fail in three ways."""
    return day.write(tmp_path_factory.mktemp("day") / "hospital.pcapng", 3_000, failing=100)


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal of 100 columns and 40 lines."""
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("LINES", "40")


# --- the list -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("columns", "height"), [(60, 24), (80, 25), (100, 40), (200, 60)])
def test_a_day_fits_on_a_screen(
    dicomlab: Run, hospital: Path, monkeypatch: pytest.MonkeyPatch, columns: int, height: int
) -> None:
    monkeypatch.setenv("COLUMNS", f"{columns}")
    monkeypatch.setenv("LINES", f"{height}")
    lines = dicomlab("dissect", hospital).out.splitlines()
    assert len(lines) < height
    assert max(map(len, lines)) <= columns
    assert any("30 of 3,000 associations failed" in line for line in lines)
    assert sum("MODALI" in line for line in lines) > 4


def test_all_is_all(dicomlab: Run, hospital: Path) -> None:
    rows = re.findall(r"(?m)^[✖✔▲] +(\d+)  ", dicomlab("dissect", hospital, "--all").out)
    assert len(rows) == 3_000
    assert rows[:30] == [f"{one}" for one in range(99, 3_000, 100)]


def test_the_number_of_a_line_opens_its_association(dicomlab: Run, hospital: Path) -> None:
    [row] = [
        line
        for line in dicomlab("dissect", hospital, "--failed", "--all").out.splitlines()
        if " 199  " in line
    ]
    opened = dicomlab("dissect", hospital, "--association", 199).out
    called, acceptor = row.split("→")[0].split()[-1], row.split("→")[1].split()[0]
    assert opened.startswith(f"{called} → {acceptor}\n")
    assert "0210H: Duplicate invocation" in opened


def test_filters_say_how_many_are_left(dicomlab: Run, hospital: Path) -> None:
    assert "30 of 3,000 associations" in dicomlab("dissect", hospital, "--failed").out
    assert "0 of 3,000 associations" in dicomlab("dissect", hospital, "--ae-title", "CT").out


@pytest.mark.usefixtures("screen")
def test_every_real_capture_is_listed_in_plain_lines(dicomlab: Run, corpus: Path) -> None:
    for file in sorted(corpus.glob("*.pcap*")):
        ended = dicomlab("dissect", file)
        assert ended.status == 0
        assert ended.err == ""
        assert max(map(len, ended.out.splitlines())) <= max(100, len(str(file)))
        assert all(line.isprintable() for line in ended.out.splitlines())


def test_colour_is_for_terminals_that_want_it(corpus: Path) -> None:
    def shown(**environment: str) -> str:
        return on_terminal("dissect", corpus / DAY, **environment).decode()

    assert "\x1b[31;1m✖   3" in shown()
    assert "\x1b[" not in shown(NO_COLOR="1")


def on_terminal(*words: object, **environment: str) -> bytes:
    """What the command says on a terminal."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "dicomlab", *map(str, words)],
        stdout=theirs,
        stderr=theirs,
        env=os.environ
        | {"COLUMNS": "100", "LINES": "40", "PYTHONIOENCODING": "utf-8"}
        | environment,
    )
    os.close(theirs)
    said = b""
    try:
        while part := os.read(ours, 1 << 16):
            said += part
    except OSError:  # the terminal is gone with the command
        pass
    os.close(ours)
    assert process.wait(20) == 0
    return said


# --- one association, one PDU ---------------------------------------------------------------------


def test_an_association_is_its_contexts_what_was_negotiated_and_its_sequence(
    dicomlab: Run, corpus: Path
) -> None:
    shown = dicomlab("dissect", corpus / "contexts_mixed.pcapng", "--association", 0).out
    for word in (
        "acceptance",
        "abstract-syntax-not-supported",
        "transfer-syntaxes-not-supported",
        "Explicit VR Little Endian",
        "longest PDU received",
        "A-ASSOCIATE-RQ",
        "A-RELEASE-RP",
    ):
        assert word in shown


def test_many_contexts_are_folded_and_those_that_were_used_are_not(
    dicomlab: Run, corpus: Path
) -> None:
    words = ("dissect", corpus / DAY, "--association", 6)
    folded, whole = dicomlab(*words).out, dicomlab(*words, "--all").out
    assert "114 more contexts" in folded
    assert "CT Image Storage" in folded
    assert len(whole.splitlines()) > len(folded.splitlines()) + 300


def test_a_pdu_is_its_bytes(dicomlab: Run, corpus: Path) -> None:
    file = corpus / "store_fragments.pcapng"
    sequence = dicomlab("dissect", file, "--association", 0).out
    number = re.search(r"(?m)^ *(\d+) .*C-STORE-RSP", sequence)
    assert number
    shown = dicomlab("dissect", file, "--association", 0, "--pdu", number[1])
    assert shown.out.startswith("P-DATA-TF · C-STORE-RSP  ")
    assert shown == dicomlab("dissect", file, "--pdu", number[1])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--pdu", "0"], "Say which with --association"),
        (["--association", "3", "--pdu", "2"], "Its PDUs are 0 to 1."),
        (["--pdu", "0", "--ae-title", "NOBODY"], "no such association"),
        (["--association", "99"], "there is no connection 99"),
        (["--association", "0", "--pdu", "0", "--json"], "--pdu shows bytes"),
    ],
)
def test_what_is_not_there_is_said_in_a_line(
    dicomlab: Run, corpus: Path, words: list[str], said: str
) -> None:
    ended = dicomlab("dissect", corpus / DAY, *words)
    assert ended.status == 2
    assert said in ended.err
    assert (ended.out, ended.err.count("\n")) == ("", 1)


@pytest.fixture
def refused(tmp_path: Path) -> Path:
    """A capture of two associations, and of a connection between them that is refused."""
    file = tmp_path / "refused.pcapng"
    refusal = TcpConversation(Endpoint("10.0.0.1", 40_000), Endpoint("10.0.0.2", 104)).refuse()
    with Writer(file) as writer:
        for packet in chain(day.packets(0, 0), refusal, day.packets(1, 0)):
            writer.packet(day.MORNING, packet)
    return file


def test_a_connection_without_an_association_is_its_verdict_and_its_findings(
    dicomlab: Run, refused: Path
) -> None:
    assert "✖ refused  10.0.0.1:40000 → 10.0.0.2:104  #1" in dicomlab("dissect", refused).out
    ended = dicomlab("dissect", refused, "--association", 1)
    assert ended.status == 0
    for word in ("the connection was refused.", "nothing-listens", "[1] error: connection-refused"):
        assert word in ended.out
    document = json.loads(dicomlab("dissect", refused, "--association", 1, "--json").out)
    assert [one["connection"] for one in document["connections"]] == [1]


def test_a_connection_without_an_association_has_no_pdus(dicomlab: Run, refused: Path) -> None:
    ended = dicomlab("dissect", refused, "--association", 1, "--pdu", 0)
    assert (ended.status, "has no association: refused" in ended.err) == (2, True)


# --- what is written ------------------------------------------------------------------------------


def test_those_chosen_are_cut_out_into_a_capture_of_their_own(
    dicomlab: Run, corpus: Path, tmp_path: Path
) -> None:
    cut = tmp_path / "cut.pcapng"
    ended = dicomlab("dissect", corpus / DAY, "--failed", "--save", cut)
    assert re.fullmatch(rf"{re.escape(str(cut))}: \d+ packets\n", ended.out)
    assert [one.outcome.ended for one in dl.dissect(cut).associations] == ["rejected", "aborted"]


def test_a_connection_without_an_association_is_cut_out_where_it_is_meant(
    dicomlab: Run, refused: Path, tmp_path: Path
) -> None:
    cut = tmp_path / "cut.pcapng"

    def held(*words: object) -> tuple[int, int]:
        assert dicomlab("dissect", refused, *words, "--save", cut).status == 0
        capture = dl.dissect(cut)
        return len(capture.associations), len(capture.connections)

    assert held("--address", "10.0.0.2:104") == (0, 1)
    assert held("--association", 1) == (0, 1)
    assert held() == (2, 0)


def test_data_sets_are_exported_and_json_stays_json(
    dicomlab: Run, corpus: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "instances"
    words = ("--message", "C-STORE", "--outcome", "released", "--export", folder, "--json")
    ended = dicomlab("dissect", corpus / DAY, *words)
    assert len(json.loads(ended.out)["associations"]) == 2
    assert "6 DICOM files" in ended.err
    assert len(list(folder.iterdir())) == 6


# --- how it ends ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("file", "severity", "status"),
    [
        ("killed_server.pcapng", "error", 1),
        ("gap_store.pcapng", "error", 0),
        ("gap_store.pcapng", "warning", 1),
        ("echo_dcmtk.pcapng", "warning", 0),
        ("echo_dcmtk.pcapng", "info", 1),
        ("portscan.pcapng", "error", 1),
        ("mpps.pcapng", "info", 0),
    ],
)
def test_findings_as_grave_as_wanted_end_it_with_1(
    dicomlab: Run, corpus: Path, file: str, severity: str, status: int
) -> None:
    assert dicomlab("dissect", corpus / file).status == 0
    assert dicomlab("dissect", corpus / file, "--fail-on", severity).status == status


def test_only_what_was_chosen_can_fail(dicomlab: Run, corpus: Path) -> None:
    words = ("dissect", corpus / "portscan.pcapng", "--fail-on", "error")
    assert dicomlab(*words, "--address", "10.55.0.2:104").status == 0


def test_a_cut_file_is_read_as_far_as_it_goes(dicomlab: Run, corpus: Path) -> None:
    ended = dicomlab("dissect", corpus / "file_cut.pcap")
    assert ended.status == 0
    assert "Read in part: the file ends inside packet 66" in ended.out


# --- standard input, pipes ------------------------------------------------------------------------


def test_a_capture_may_come_through_a_pipe(corpus: Path, tmp_path: Path) -> None:
    file, pipe = corpus / DAY, tmp_path / "pipe"
    os.mkfifo(pipe)
    expected = without_evidence(documents(file)[0])
    assert without_evidence(documents("-", given=file.read_bytes())[0]) == expected
    writer = Thread(target=lambda: pipe.write_bytes(file.read_bytes()))
    writer.start()
    [document] = documents(pipe)
    writer.join()
    assert without_evidence(document) == expected
    assert document["capture"]["file"] == str(pipe)


def without_evidence(document: dict[str, Any]) -> list[dict[str, Any]]:
    """The associations; what came through a pipe is not there to be looked at for exact bytes."""
    for association in document["associations"]:
        for one in association["findings"]:
            del one["evidence"]
    found: list[dict[str, Any]] = document["associations"]
    return found


def documents(*words: object, given: bytes = b"") -> list[Any]:
    done = subprocess.run(
        [sys.executable, "-m", "dicomlab", "dissect", "--json", *map(str, words)],
        input=given,
        capture_output=True,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    document = json.loads(done.stdout)
    return document if isinstance(document, list) else [document]


def test_what_came_through_a_pipe_can_be_looked_at(corpus: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "dicomlab", "dissect", "-", "--pdu", "0"],
        input=(corpus / "echo_dcmtk.pcapng").read_bytes(),
        capture_output=True,
        timeout=60,
    )
    assert b"Called-AE-title" in done.stdout


# --- many files -------------------------------------------------------------------------------


def test_many_files_are_an_array_in_their_order(corpus: Path) -> None:
    files = sorted(corpus.glob("*.pcap*"))[:40]
    found = documents(*files)
    assert [one["capture"]["file"] for one in found] == [str(file) for file in files]
    assert found[3] == documents(files[3])[0]


def test_many_files_are_listed_one_after_the_other(dicomlab: Run, corpus: Path) -> None:
    files = [corpus / name for name in (DAY, "portscan.pcapng", "busy.pcapng")]
    together = dicomlab("dissect", *files)
    assert together.out == "\n".join(dicomlab("dissect", file).out for file in files)


def test_a_file_that_cannot_be_read_does_not_stop_the_others(
    dicomlab: Run, corpus: Path, tmp_path: Path
) -> None:
    (tmp_path / "notes.pcap").write_text("no capture")
    words = (tmp_path / "notes.pcap", corpus / DAY, tmp_path / "gone.pcap")
    ended = dicomlab("dissect", *words, "--json")
    assert ended.status == 2
    assert [one["capture"]["file"] for one in json.loads(ended.out)] == [str(corpus / DAY)]
    assert ended.err.count("\n") == 2
    assert "notes.pcap is neither a pcap nor a pcapng file" in ended.err


def test_filters_and_fail_on_hold_for_each_of_many_files(dicomlab: Run, corpus: Path) -> None:
    files = [corpus / DAY, corpus / "busy.pcapng"]
    ended = dicomlab("dissect", *files, "--outcome", "rejected", "--json", "--fail-on", "error")
    assert [len(one["associations"]) for one in json.loads(ended.out)] == [1, 2]
    assert ended.status == 1
    assert dicomlab("dissect", *files, "--outcome", "released", "--fail-on", "error").status == 0


@pytest.mark.parametrize("option", [("--association", "0"), ("--pdu", "0"), ("--save", "x.pcapng")])
def test_what_is_about_one_capture_takes_one_file(
    dicomlab: Run, corpus: Path, option: tuple[str, str]
) -> None:
    ended = dicomlab("dissect", corpus / DAY, corpus / "busy.pcapng", *option)
    assert ended.status == 2
    assert "You gave 2 files" in ended.err
