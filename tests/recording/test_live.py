"""Live recording: everything from SYN to FIN, nothing else, and nothing left behind."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

import dicomlab as dl
from dicomlab.model import CaptureError
from dicomlab.recording.record import record
from tests.recording.conversations import WHOLE, c_echo, ladder, segments

pytestmark = pytest.mark.usefixtures("live")


def complete(path: Path) -> bool:
    """Record a C-ECHO live; whether all of it is in the file, and nothing else."""
    with dl.EchoSCP(ae_title="ARCHIVE") as scp, record(scp, method="live", path=path) as recording:
        c_echo(*recording.address)
    capture = recording.capture
    (association,) = capture.associations
    return (
        ladder(path) == WHOLE
        and len(association.pdus) == 6
        and not any(association.missing_bytes.values())
        and capture.packets == len(segments(path))  # the probes are no TCP segments
    )


def all_complete(count: int, folder: Path, at_once: int) -> None:
    paths = [folder / f"{number}.pcapng" for number in range(count)]
    with ThreadPoolExecutor(at_once) as pool:
        assert list(pool.map(complete, paths)) == [True] * count


@pytest.mark.timeout(240)
def test_twenty_of_twenty_exchanges_are_there_from_syn_to_fin_and_nothing_is_left(
    tmp_path: Path, nothing_left: Callable[[], None]
) -> None:
    all_complete(20, tmp_path, at_once=4)
    nothing_left()


@pytest.mark.soak
@pytest.mark.timeout(1200)
def test_a_hundred_of_a_hundred_exchanges_are_there_from_syn_to_fin_and_nothing_is_left(
    tmp_path: Path, nothing_left: Callable[[], None]
) -> None:
    all_complete(100, tmp_path, at_once=1)
    nothing_left()


def test_only_the_conversations_with_the_target_are_in_the_file(tmp_path: Path) -> None:
    with (
        dl.EchoSCP(ae_title="ARCHIVE") as scp,
        dl.EchoSCP(ae_title="ARCHIVE") as another,
        record(scp, method="live") as recording,
    ):
        c_echo(*another.address)
        c_echo(*recording.address)
    assert len(recording.capture.associations) == 1
    assert not recording.capture.connections


def test_it_waits_for_the_end_of_a_connection_that_one_side_has_ended() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        record(listener.getsockname(), method="live") as recording,
    ):
        requestor = socket.create_connection(recording.address)
        acceptor = listener.accept()[0]
        requestor.close()
        acceptor.close()
    assert ladder(recording.path) == WHOLE


def test_it_does_not_wait_for_a_connection_that_nobody_ends() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        with record(listener.getsockname(), method="live") as recording:
            requestor = socket.create_connection(recording.address)
            acceptor = listener.accept()[0]
        with requestor, acceptor:
            requestor.sendall(b"still there")
            assert acceptor.recv(99) == b"still there"  # nobody stood between
    assert ladder(recording.path) == WHOLE[:2]


def test_an_interrupt_from_the_keyboard_does_not_end_it() -> None:
    program = """
import os, signal
import dicomlab as dl
from dicomlab.recording.record import record
from tests.recording.conversations import WHOLE, c_echo, ladder

signal.signal(signal.SIGINT, lambda *_: None)
with dl.EchoSCP(ae_title="ARCHIVE") as scp, record(scp, method="live") as recording:
    os.killpg(0, signal.SIGINT)
    c_echo(*recording.address)
assert ladder(recording.path) == WHOLE
"""
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, start_new_session=True, timeout=60, capture_output=True)
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_tshark_that_is_killed_is_told_at_the_end_and_what_there_was_is_kept(
    tmp_path: Path, nothing_left: Callable[[], None]
) -> None:
    path = tmp_path / "cut.pcapng"
    with dl.EchoSCP(ae_title="ARCHIVE") as scp:
        recording = record(scp, method="live", path=path)
        for process in psutil.Process().children(recursive=True):
            if process.name() == "tshark":
                process.kill()
        with pytest.raises(CaptureError, match="tshark has ended"):
            recording.stop()
    assert path.stat().st_size
    nothing_left()


def test_a_file_that_cannot_be_written_is_said_at_once(nothing_left: Callable[[], None]) -> None:
    with pytest.raises(CaptureError, match="Choose another path"):
        record(("127.0.0.1", 11112), method="live", path="/no such folder/file.pcapng")
    nothing_left()
