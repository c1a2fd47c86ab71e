"""How far reading is, and what Ctrl-C gives: on a terminal, in a pipe, with many files."""

from __future__ import annotations

import json
import os
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import IO, Any

import psutil
import pytest

from dicomlab.cli import watching
from dicomlab.cli.watching import Watch
from dicomlab.dissect.associations import Progress
from tests.cli import day

pty = pytest.importorskip("pty")
COMMAND = (sys.executable, "-m", "dicomlab", "dissect")


class Terminal:
    """Where what is printed on a terminal is kept."""

    def __init__(self) -> None:
        self.said = ""

    def write(self, text: str) -> None:
        self.said += text

    def flush(self) -> None: ...

    def isatty(self) -> bool:
        return True

    @property
    def screen(self) -> str:
        """What stands on the line now."""
        line = ""
        for part in self.said.split("\r"):
            line = part + line[len(part) :]
        return line


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    terminal = Terminal()
    monkeypatch.setattr(watching, "sys", SimpleNamespace(stderr=terminal))
    monkeypatch.setenv("COLUMNS", "100")
    return terminal


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [0.0]
    monkeypatch.setattr(watching, "monotonic", lambda: now[0])
    return now


GB = 10**9


def test_nothing_is_said_within_a_second(terminal: Terminal, clock: list[float]) -> None:
    watch = Watch("site.pcapng")
    clock[0] = 0.9
    watch(Progress(GB, 2 * GB, 7))
    assert terminal.said == ""


def test_then_it_says_how_far_it_is_and_how_long_it_takes(
    terminal: Terminal, clock: list[float]
) -> None:
    watch = Watch("site.pcapng")
    clock[0] = 5.0
    watch(Progress(GB, 10 * GB, 3_412))
    assert terminal.screen == "site.pcapng: 1.00 GB of 10.0 GB (10%), 3,412 associations, 45 s left"
    clock[0] = 49.5
    watch(Progress(99 * GB // 10, 10 * GB, 9))
    assert terminal.screen.strip() == (
        "site.pcapng: 9.90 GB of 10.0 GB (99%), 9 associations, 0 s left"
    )
    watch.line.wipe()
    assert terminal.screen.strip() == ""


def test_a_pipe_has_no_end_that_could_be_told(terminal: Terminal, clock: list[float]) -> None:
    watch = Watch("standard input")
    clock[0] = 5.0
    watch(Progress(12_345_678, None, 1))
    assert terminal.screen == "standard input: 12.3 MB, 1 association"


def test_it_is_not_said_more_often_than_anybody_reads(
    terminal: Terminal, clock: list[float]
) -> None:
    watch = Watch("site.pcapng")
    for step in range(1_000):
        clock[0] = 1 + step / 1_000
        watch(Progress(step, 1_000, 0))
    assert terminal.said.count("\r") <= 10


def test_it_keeps_to_the_width_and_prints_nothing_that_acts(
    terminal: Terminal, clock: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    watch = Watch("\x1b[2J" + "x" * 80)
    clock[0] = 5.0
    watch(Progress(1, 2, 3))
    assert len(terminal.screen) < 60
    assert "\x1b" not in terminal.said


def test_what_is_no_terminal_is_left_alone(
    capsys: pytest.CaptureFixture[str], clock: list[float]
) -> None:
    watch = Watch("site.pcapng")
    clock[0] = 100.0
    watch(Progress(1, 2, 3))
    assert capsys.readouterr().err == ""


# --- Ctrl-C -----------------------------------------------------------------------------------


@contextmanager
def reading(*words: object, **streams: Any) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        [*COMMAND, *map(str, words)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, **streams
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def wait_for_reader(process: subprocess.Popen[bytes], pipe: IO[bytes]) -> None:
    """Until the command has read all that the pipe held, and waits for more."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        state = Path(f"/proc/{process.pid}/wchan")
        if state.exists() and "pipe" in state.read_text():
            return
        time.sleep(0.01)
    pytest.skip("this machine does not say what a process waits for")


@pytest.mark.parametrize("json_", [False, True])
def test_ctrl_c_gives_what_came_through_a_pipe_so_far(tmp_path: Path, json_: bool) -> None:
    file = day.write(tmp_path / "day.pcapng", 20)
    with reading("-", *["--json"] * json_, stdin=subprocess.PIPE) as process:
        assert process.stdin is not None
        process.stdin.write(file.read_bytes()[:-1000])
        process.stdin.flush()
        wait_for_reader(process, process.stdin)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert err == b"dicomlab: reading was stopped: this is what was found so far.\n"
    if json_:
        document = json.loads(out)
        assert len(document["associations"]) == 20
        assert document["capture"]["damage"]
    else:
        assert b"20 associations" in out
        assert b"Read in part: " in out


def test_ctrl_c_gives_what_came_through_a_named_pipe(tmp_path: Path) -> None:
    file, pipe = day.write(tmp_path / "day.pcapng", 3), tmp_path / "pipe"
    os.mkfifo(pipe)
    with reading(pipe) as process, pipe.open("wb") as writer:
        writer.write(file.read_bytes())
        writer.flush()
        wait_for_reader(process, writer)
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=20)
    assert process.returncode == 130
    assert out.startswith(str(pipe).encode())
    assert b"3 associations" in out


def test_reading_stops_at_once_and_says_where(tmp_path: Path, monkeypatch: Any) -> None:
    file = day.write(tmp_path / "day.pcapng", 500)
    with file.open("ab") as more:  # blocks of a kind that nobody knows: more than one window
        more.write((struct.pack("<II", 0x0BAD, 12) + struct.pack("<I", 12)) * 1_000_000)
    stopped: list[Watch] = []

    def at_once(self: Watch, _: Progress) -> bool:
        stopped.append(self)
        os.kill(os.getpid(), signal.SIGINT)
        return self.stopped

    monkeypatch.setattr(Watch, "__call__", at_once)
    capture, was_stopped = watching.read(str(file), keep=False)
    assert was_stopped
    assert len(stopped) == 1
    assert capture.damage
    assert "stopped" in capture.damage
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_second_ctrl_c_ends_everything(tmp_path: Path, monkeypatch: Any) -> None:
    file = day.write(tmp_path / "day.pcapng", 2)

    def impatient(*_: Any, **__: Any) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(1)

    monkeypatch.setattr(watching, "dissect", impatient)
    with pytest.raises(KeyboardInterrupt):
        watching.read(str(file), keep=False)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_ctrl_c_while_many_are_read_gives_whole_answers(tmp_path: Path) -> None:
    file = day.write(tmp_path / "day.pcapng", 1_000)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)  # the file after which nothing comes until Ctrl-C
    files = [file, file, pipe, *[file] * 200]
    with reading("--json", *files, start_new_session=True) as process, pipe.open("wb"):
        os.killpg(process.pid, signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert 0 < len(json.loads(out)) < len(files)
    assert b"Traceback" not in err


def test_processes_end_with_a_command_that_is_killed(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with reading(pipe, pipe) as process, pipe.open("wb"):
        children = psutil.Process(process.pid).children()
        assert children
        process.kill()
        _, alive = psutil.wait_procs(children, timeout=20)
        for one in alive:
            one.kill()
        assert not alive
