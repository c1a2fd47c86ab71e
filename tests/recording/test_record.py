"""``record``: which way it takes, what it says of it, what it leaves."""

from __future__ import annotations

import asyncio
import gc
import os
import socket
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import nbformat
import pytest
from nbclient import NotebookClient

import dicomlab as dl
from dicomlab.model import CaptureError, DicomlabError, PeerError
from dicomlab.recording.record import record
from tests.recording.conversations import WHOLE, c_echo, ladder

CONVERSATION = """
import dicomlab as dl
from dicomlab.recording.record import record
from tests.recording.conversations import WHOLE, c_echo, ladder

with dl.EchoSCP(ae_title="ARCHIVE") as scp, record(scp, method={method!r}) as recording:
    c_echo(*recording.address)
assert ladder(recording.path) == WHOLE
recording.method, len(recording.capture.pdus)
"""


@pytest.mark.parametrize("form", ["an SCP", "a pair", "a text"])
def test_the_target_is_an_scp_a_pair_or_a_text(form: str) -> None:
    with dl.EchoSCP(ae_title="ARCHIVE") as scp:
        host, port = scp.address
        targets = {"an SCP": scp, "a pair": (host, port), "a text": f"localhost:{port}"}
        with record(targets[form], method="relay") as recording:
            c_echo(*recording.address)
    assert ladder(recording.path) == WHOLE


@pytest.mark.parametrize("target", ["nowhere", "host:", ":", "host:port", ("host", 0)])
def test_a_target_that_cannot_be_read_is_said_with_a_remedy(target: str) -> None:
    with pytest.raises(DicomlabError) as caught:
        record(target, method="relay")
    assert caught.value.remedy


def test_a_target_without_an_address_has_the_code_of_an_unresolved_name() -> None:
    with pytest.raises(PeerError) as caught:
        record("no-such-host.invalid:104", method="relay")
    assert caught.value.code == "name-unresolved"


def test_who_listens_everywhere_is_reached_at_loopback() -> None:
    with socket.create_server(("0.0.0.0", 0)) as listener:
        port = listener.getsockname()[1]
        with (
            record(("0.0.0.0", port), method="relay") as recording,
            socket.create_connection(recording.address),
        ):
            listener.accept()[0].close()
    (connection,) = recording.capture.connections
    assert connection.acceptor.address == "127.0.0.1"


def test_the_file_stays_where_a_path_was_given(tmp_path: Path) -> None:
    path = tmp_path / "kept.pcapng"
    with dl.EchoSCP(ae_title="ARCHIVE") as scp:
        with record(scp, method="relay", path=path) as recording:
            c_echo(*recording.address)
        assert recording.path == path
    del recording
    gc.collect()
    assert len(dl.dissect(path).pdus) == 6


def test_another_file_lives_as_long_as_the_recording() -> None:
    with dl.EchoSCP(ae_title="ARCHIVE") as scp, record(scp, method="relay") as recording:
        c_echo(*recording.address)
    path = recording.path
    assert path.exists()
    del recording
    gc.collect()
    assert not path.parent.exists()


def test_a_recording_that_nobody_holds_ends(nothing_left: Callable[[], None]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        record(listener.getsockname(), method="relay")
        gc.collect()
    nothing_left()


def test_a_hundred_recordings_by_relay_leave_nothing(nothing_left: Callable[[], None]) -> None:
    with dl.EchoSCP(ae_title="ARCHIVE") as scp:
        for _ in range(100):
            with record(scp, method="relay") as recording:
                c_echo(*recording.address)
            assert ladder(recording.path) == WHOLE
            del recording
    nothing_left()


def test_a_program_that_forgets_its_recording_still_ends() -> None:
    program = (
        "from dicomlab.recording.record import record\nr = record(('127.0.0.1', 9), method='relay')"
    )
    done = subprocess.run([sys.executable, "-c", program], timeout=20, capture_output=True)
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_running_recording_says_how_to_get_its_capture() -> None:
    with record(("127.0.0.1", 11112), method="relay") as recording:
        with pytest.raises(CaptureError, match=r"still runs\. Leave its with block"):
            _ = recording.capture
        assert "running" in repr(recording)
    assert recording.capture is recording.capture
    assert "ended" in repr(recording)


def test_the_relay_says_what_it_cannot_see() -> None:
    with record(("127.0.0.1", 11112), method="relay") as recording:
        assert recording.method == "relay"
        assert "made up" in recording.limits[0]


@pytest.mark.usefixtures("without_wireshark")
def test_without_tshark_the_relay_takes_over_and_says_why() -> None:
    with record(("127.0.0.1", 11112)) as recording:
        assert recording.method == "relay"
        assert recording.limits[-1] == "Cannot record live: tshark is not installed."


@pytest.mark.usefixtures("without_wireshark")
def test_live_without_tshark_is_refused_at_once_in_one_line_with_the_remedy(
    nothing_left: Callable[[], None],
) -> None:
    with pytest.raises(CaptureError, match=r"not installed\. Install Wireshark") as caught:
        record(("127.0.0.1", 11112), method="live")
    assert "\n" not in str(caught.value)
    nothing_left()


@pytest.mark.usefixtures("live")
def test_live_is_for_targets_on_this_machine() -> None:
    with pytest.raises(CaptureError, match="is not on this machine"):
        record("192.0.2.1:104", method="live")


@pytest.mark.parametrize("method", ["live", "relay"])
def test_it_works_inside_a_running_event_loop(
    method: Literal["live", "relay"], request: pytest.FixtureRequest
) -> None:
    if method == "live":
        request.getfixturevalue("live")

    async def conversation() -> int:
        with dl.EchoSCP(ae_title="ARCHIVE") as scp, record(scp, method=method) as recording:
            await asyncio.to_thread(c_echo, *recording.address)
        assert ladder(recording.path) == WHOLE
        return len(recording.capture.pdus)

    assert asyncio.run(conversation()) == 6


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the notebook's own machinery
@pytest.mark.parametrize("method", ["live", "relay"])
def test_it_works_in_the_kernel_of_a_notebook(
    method: str, root: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    if method == "live":
        request.getfixturevalue("live")
    monkeypatch.setenv("PYTHONPATH", os.fspath(root))
    notebook = nbformat.v4.new_notebook()
    notebook.cells = [nbformat.v4.new_code_cell(CONVERSATION.format(method=method))]
    NotebookClient(notebook, timeout=60, kernel_name="python3").execute(cwd=os.fspath(root))
    assert notebook.cells[0].outputs[-1]["data"]["text/plain"] == f"('{method}', 6)"


def test_an_unprivileged_user_without_new_privileges_records_by_relay(
    unprivileged: list[str], root: Path, tmp_path: Path
) -> None:
    program = CONVERSATION.format(method="auto") + textwrap.dedent("""
        assert recording.method == "relay", recording.limits
        print(len(recording.capture.pdus), recording.limits[-1], sep="\\n")
    """)
    done = subprocess.run(
        [*unprivileged, sys.executable, "-c", program],
        capture_output=True,
        text=True,
        cwd=root,
        env={"PATH": os.environ["PATH"], "TMPDIR": "/tmp", "PYTHONPATH": os.fspath(root)},
        timeout=60,
    )
    assert done.stderr == ""
    pdus, why = done.stdout.splitlines()
    assert pdus == "6"
    assert why.startswith("Cannot record live: ")
