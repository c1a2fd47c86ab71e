"""The command line: what it answers, how it ends, and what it says when it cannot."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import get_args

import pytest

import dicomlab as dl
from dicomlab import cli, demo, slides
from dicomlab.cli.arguments import ARGUMENTS
from dicomlab.exercises import course
from dicomlab.net.faults import KNOBS
from tests.cli.conftest import Run

RELEASE = bytes(dl.build("A-RELEASE-RQ"))


@contextmanager
def running(*words: object) -> Iterator[subprocess.Popen[str]]:
    """The command in a process of its own; ended politely if it still runs."""
    process = subprocess.Popen(
        [sys.executable, "-m", "dicomlab", *map(str, words)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def is_one_line_without_traceback(said: str) -> bool:
    return said.startswith("dicomlab: ") and said.count("\n") == 1 and "Traceback" not in said


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """A recorded C-ECHO."""
    path = tmp_path / "echo.pcapng"
    with dl.EchoSCP() as scp, dl.record(scp, method="relay", path=path) as recorded:
        assert dl.echo(*recorded.address).ok
    return path


# --- bytes ------------------------------------------------------------------------------------


def test_decode_takes_hex(dicomlab: Run) -> None:
    ended = dicomlab("decode", RELEASE.hex(" "))
    assert ended.status == 0
    assert "A-RELEASE-RQ" in ended.out


def test_decode_takes_hex_in_several_words(dicomlab: Run) -> None:
    assert dicomlab("decode", *RELEASE.hex(" ").split()) == dicomlab("decode", RELEASE.hex())


@pytest.mark.parametrize("data", [RELEASE, RELEASE.hex().encode(), RELEASE.hex("\n").encode()])
def test_decode_takes_files_and_what_is_piped_in(
    dicomlab: Run, tmp_path: Path, data: bytes
) -> None:
    file = tmp_path / "pdu"
    file.write_bytes(data)
    assert dicomlab("decode", file) == dicomlab("decode", "-", stdin=data)
    assert "A-RELEASE-RQ" in dicomlab("decode", file).out


@pytest.mark.parametrize("command", ["decode", "draw"])
@pytest.mark.parametrize(
    ("source", "why"), [("no such file", "neither"), ("050", "hex digit"), ("", "no bytes")]
)
def test_what_is_neither_hex_nor_a_file_is_refused_in_a_line(
    dicomlab: Run, command: str, source: str, why: str
) -> None:
    ended = dicomlab(command, source)
    assert ended.status == 2
    assert is_one_line_without_traceback(ended.err)
    assert why in ended.err


def test_decode_leads_from_a_capture_to_dissect(dicomlab: Run, recording: Path) -> None:
    ended = dicomlab("decode", recording)
    assert ended.status == 2
    assert "dicomlab dissect" in ended.err


def test_nothing_of_a_peer_acts_on_the_terminal(dicomlab: Run) -> None:
    draft = dl.build("A-ASSOCIATE-RQ")
    draft.override("Calling-AE-title", b"\x1b[31m[red]\x07\r\n   ")
    ended = dicomlab("decode", bytes(draft).hex())
    assert ended.status == 0
    assert not set(ended.out) & set("\x1b\x07\r")
    assert "[red]" in ended.out


@pytest.mark.parametrize("name", ["echo.svg", "echo.png", "echo.pdf"])
def test_draw_writes_a_picture(dicomlab: Run, tmp_path: Path, name: str) -> None:
    out = tmp_path / name
    ended = dicomlab("draw", bytes(dl.build("C-ECHO-RQ")).hex(), "--out", out, "--theme", "dark")
    assert (ended.status, ended.out) == (0, f"{out}\n")
    assert out.stat().st_size > 1000


def test_draw_draws_the_sequence_of_a_capture(
    dicomlab: Run, recording: Path, tmp_path: Path
) -> None:
    out = tmp_path / "sequence.svg"
    assert dicomlab("draw", recording, "--out", out).status == 0
    assert "A-ASSOCIATE-RQ" in out.read_text("utf-8")


def test_draw_writes_a_sequence_as_mermaid_and_as_html(
    dicomlab: Run, recording: Path, tmp_path: Path
) -> None:
    for name, begins in (("a.mmd", "sequenceDiagram"), ("a.html", "<!doctype html>")):
        assert dicomlab("draw", recording, "--out", tmp_path / name).status == 0
        text = (tmp_path / name).read_text("utf-8")
        assert text.startswith(begins)
        assert "A-RELEASE-RP" in text


def test_draw_has_no_mermaid_for_bytes(dicomlab: Run, tmp_path: Path) -> None:
    ended = dicomlab("draw", RELEASE.hex(), "--out", tmp_path / "release.mmd")
    assert ended.status == 2
    assert is_one_line_without_traceback(ended.err)


def test_draw_refuses_a_format_that_there_is_not(dicomlab: Run, tmp_path: Path) -> None:
    ended = dicomlab("draw", RELEASE.hex(), "--out", tmp_path / "echo.xyz")
    assert ended.status == 2
    assert is_one_line_without_traceback(ended.err)


# --- captures ---------------------------------------------------------------------------------


def test_dissect_says_who_talked_to_whom(dicomlab: Run, recording: Path) -> None:
    ended = dicomlab("dissect", recording)
    assert ended.status == 0
    assert "DICOMLAB" in ended.out
    assert "released" in ended.out.lower()


def test_dissect_prints_the_contract(dicomlab: Run, recording: Path) -> None:
    document = json.loads(dicomlab("dissect", recording, "--json").out)
    assert document["schema"] == "dicomlab.dissection/1"
    [association] = document["associations"]
    assert association["outcome"]["ended"] == "released"
    assert [one["type"] for one in association["messages"]] == ["C-ECHO-RQ", "C-ECHO-RSP"]


@pytest.mark.parametrize("content", [None, b"", b"GIF89a"])
def test_dissect_refuses_what_is_no_capture_in_a_line(
    dicomlab: Run, tmp_path: Path, content: bytes | None
) -> None:
    file = tmp_path / "site.pcapng"
    if content is not None:
        file.write_bytes(content)
    ended = dicomlab("dissect", file)
    assert ended.status == 2
    assert is_one_line_without_traceback(ended.err)


# --- the network --------------------------------------------------------------------------------


def test_echo_succeeds_against_the_bundled_scp(dicomlab: Run) -> None:
    with dl.EchoSCP() as scp:
        assert dicomlab("echo", *scp.address).status == 0


def test_echo_says_what_failed_and_what_helps(dicomlab: Run) -> None:
    with dl.EchoSCP("ARCHIVE", require_called_ae_title=True) as scp:
        ended = dicomlab("echo", *scp.address, "--called", "ARCHIEVE", "--json")
    assert ended.status == 1
    document = json.loads(ended.out)
    assert document["ok"] is False
    assert document["layer"] == "upper layer"
    assert document["findings"][0]["remedy"]


def test_echo_says_how_the_called_ae_title_is_given(dicomlab: Run) -> None:
    with dl.EchoSCP("ARCHIVE", require_called_ae_title=True) as scp:
        assert "give the real one with --called" in dicomlab("echo", *scp.address).out
        wrong = dicomlab("echo", *scp.address, "--called", "ARCHIEVE").out
    assert "--called" not in wrong


@pytest.mark.parametrize(
    "words",
    [
        "echo 127.0.0.1 104 --called ARCHIVE_OF_RADIOLOGY",
        "echo 127.0.0.1 104 --calling A\\B",
        "scp --ae-title ARCHIVE_OF_RADIOLOGY",
        "scp --allow ARCHIVE_OF_RADIOLOGY",
    ],
)
def test_what_is_no_ae_title_is_refused_with_what_can_be_typed(dicomlab: Run, words: str) -> None:
    ended = dicomlab(*words.split())
    assert ended.status == 2
    assert is_one_line_without_traceback(ended.err)
    assert "Give 1 to 16 characters" in ended.err


def test_echo_to_nobody_is_a_bad_answer(dicomlab: Run) -> None:
    with dl.EchoSCP() as scp:
        host, port = scp.address
    ended = dicomlab("echo", host, port)
    assert ended.status == 1
    assert "refused" in ended.out


def test_scp_logs_until_it_is_interrupted() -> None:
    with running("scp", "--port", 0, "--allow", "TRAINEE", "--allow", "CT1") as process:
        assert process.stdout is not None
        said = process.stdout.readline()
        port = int(said.split("port ")[1].split(".")[0])
        assert dl.echo("127.0.0.1", port, calling_ae_title="CT1").ok
        assert not dl.echo("127.0.0.1", port, calling_ae_title="STRANGER").ok
        log = [process.stdout.readline() for _ in range(8)]
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 0
        assert process.stderr is not None
        assert process.stderr.read() == ""
    assert "A-ASSOCIATE-RQ" in log[1]
    assert "CT1 calls ANY-SCP" in log[1]


def test_scp_says_when_the_port_is_taken(dicomlab: Run) -> None:
    with dl.EchoSCP() as scp:
        ended = dicomlab("scp", "--port", scp.port)
    assert ended.status == 2
    assert is_one_line_without_traceback(ended.err)


def test_scp_misbehaves_on_order() -> None:
    order = ("--fault", "delay=0.1@associate", "--fault", "status=0110/no disk", "--seed", 3)
    with running("scp", "--port", 0, *order) as process:
        assert process.stdout is not None
        port = int(process.stdout.readline().split("port ")[1].split(".")[0])
        result = dl.echo("127.0.0.1", port)
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 0
    assert result.status == 0x0110
    assert result.timings["associate"] >= 0.1


def test_scp_lists_its_faults(dicomlab: Run) -> None:
    ended = dicomlab("scp", "--faults")
    assert ended.status == 0
    assert all(f"\n  {knob.form}" in ended.out for knob in KNOBS.values())


def test_scp_names_the_fault_that_was_meant(dicomlab: Run) -> None:
    ended = dicomlab("scp", "--fault", "delai=2")
    assert ended.status == 2
    assert is_one_line_without_traceback(ended.err)
    assert "Did you mean 'delay'?" in ended.err


@pytest.mark.parametrize("request_to_end", [signal.SIGINT, signal.SIGTERM])
def test_record_leaves_a_whole_file(tmp_path: Path, request_to_end: signal.Signals) -> None:
    file = tmp_path / "recorded.pcapng"
    with (
        dl.EchoSCP() as scp,
        running("record", *scp.address, file, "--method", "relay") as process,
    ):
        assert process.stdout is not None
        where = next(line for line in process.stdout if "port" in line)
        port = int(where.split("port ")[1].split(":")[0])
        assert dl.echo("127.0.0.1", port).ok
        process.send_signal(request_to_end)
        assert process.wait(10) == 0
    [association] = dl.dissect(file).associations
    assert association.outcome.ended == "released"


# --- the command itself -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "words",
    [
        "dance",
        "echo",
        "echo 127.0.0.1 port",
        "echo 127.0.0.1 99999",
        "echo 127.0.0.1 104 --timeout nan",
        "echo 127.0.0.1 104 --timeout -1",
        "scp --port 99999",
        "record 127.0.0.1 0 recorded.pcapng",
        "draw",
        "dissect",
        "dissect one.pcapng --jason",
        "--verbose",
    ],
)
def test_wrong_use_ends_with_2_and_one_line(dicomlab: Run, words: str) -> None:
    ended = dicomlab(*words.split())
    assert ended.status == 2
    assert is_one_line_without_traceback(ended.err)


def test_a_fault_of_ours_is_told_in_a_line_too(
    dicomlab: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dicomlab.protocol.codec.decode", lambda _: 1 / 0)
    ended = dicomlab("decode", RELEASE.hex())
    assert ended.status == 70
    assert is_one_line_without_traceback(ended.err)
    assert "ZeroDivisionError" in ended.err


def test_help_names_every_command(dicomlab: Run) -> None:
    asked, bare = dicomlab("--help"), dicomlab()
    assert (asked.status, bare.status) == (0, 2)
    assert asked.out == bare.out
    assert all(f"\n    {name} " in asked.out for name in cli.COMMANDS)
    assert set(cli.COMMANDS) == set(ARGUMENTS)


@pytest.mark.parametrize(
    ("command", "defaults"),
    [
        ("echo", ["ANY-SCP", "DICOMLAB", "10.0"]),
        ("scp", ["ECHOSCP", "11112", "127.0.0.1", "0"]),
        ("demo", ["demo-out", "dicomlab", "auto"]),
    ],
)
def test_help_names_what_is_taken_unless_told_otherwise(
    dicomlab: Run, command: str, defaults: list[str]
) -> None:
    said = " ".join(dicomlab(command, "--help").out.split())
    assert re.findall(r"Default: (\S+)\.", said) == defaults


def test_lab_gives_on_what_it_does_not_know(
    dicomlab: Run, monkeypatch: pytest.MonkeyPatch, root: Path
) -> None:
    given: list[str] = []
    monkeypatch.chdir(root)
    monkeypatch.setattr("jupyterlab.labapp.main", given.extend)
    assert dicomlab("lab", "--port", "8899", "--no-browser").status == 0
    assert given[-3:] == ["--port", "8899", "--no-browser"]


def test_what_a_terminal_lacks_is_spelled_out() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "dicomlab", "decode", bytes(dl.build("C-ECHO-RQ")).hex()],
        env=os.environ | {"PYTHONIOENCODING": "ascii"},
        capture_output=True,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.isascii()


def test_doctor_prints_data(dicomlab: Run) -> None:
    document = json.loads(dicomlab("doctor", "--json").out)
    assert document["schema"] == "dicomlab.doctor/1"


def test_lab_says_where_it_works(dicomlab: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(course, "folder", lambda: None)
    ended = dicomlab("lab")
    assert ended.status == 2
    assert is_one_line_without_traceback(ended.err)


def test_course_writes_notebooks_and_says_which(dicomlab: Run, tmp_path: Path) -> None:
    ended = dicomlab("course", "--solutions", tmp_path)
    assert ended.status == 0
    assert ended.out.split() == [str(one) for one in sorted(tmp_path.glob("*.ipynb"))]
    assert is_one_line_without_traceback(dicomlab("course", tmp_path).err)


def test_help_is_quick_and_loads_nothing_heavy() -> None:
    code = (
        "import sys; from dicomlab import cli; heavy = {'matplotlib', 'pydicom', 'pynetdicom',"
        " 'pyshark', 'IPython', 'jupyterlab'}; print(*heavy & set(sys.modules))"
    )
    began = time.perf_counter()
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30
    ).stdout
    assert not loaded.strip()
    assert time.perf_counter() - began < 3


def test_the_choices_are_those_of_the_rooms() -> None:
    choices = {
        name: options["choices"]
        for groups in ARGUMENTS.values()
        for arguments in groups.values()
        for name, options in arguments
        if "choices" in options
    }
    assert choices["--peer"] == get_args(demo.Peer)
    assert choices["--method"] == get_args(demo.Method)
    assert choices["--theme"] == get_args(slides.Mode)


def test_a_reader_that_has_enough_ends_it_quietly(tmp_path: Path) -> None:
    pdus = tmp_path / "pdus"
    pdus.write_bytes(RELEASE * 500)
    with subprocess.Popen(
        [sys.executable, "-m", "dicomlab", "decode", pdus],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 0
