"""The live console, as Python sees it; and that a kernel that ends leaves nothing of it."""

from __future__ import annotations

import ast
import os
import shutil
import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event
from typing import Any

import psutil
import pytest
from ipywidgets import HTML
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager, start_new_kernel

import dicomlab as dl
from dicomlab.net.faults import KNOBS
from dicomlab.widgets import base
from dicomlab.widgets.console import Console


@pytest.fixture
def console(nothing_left: None) -> Iterator[Console]:
    one = Console()
    yield one
    one.close()


def panel(console: Console) -> Any:
    return console.children[0]


def asks(console: Console, do: str, **content: Any) -> None:
    """The browser asks for something."""
    usual = {"control": content.get("knob", do), "value": "", "at": "", "bytes": ""}
    panel(console)._handle_custom_msg(usual | {"do": do} | content, [])


def presses(console: Console, step: str, until: Callable[[dict[str, Any]], bool]) -> None:
    """The browser asks for a step, and sees what comes of it."""
    seen = Event()

    def look(change: dict[str, Any]) -> None:
        if until(change["new"]):
            seen.set()

    panel(console).observe(look, "now")
    asks(console, "step", step=step)
    assert seen.wait(10), panel(console).now
    panel(console).unobserve(look, "now")


def stand(*ends: str) -> Callable[[dict[str, Any]], bool]:
    return lambda now: tuple(state for state, _ in now["ends"]) == ends


def test_all_faults_can_be_seen_and_ordered(console: Console) -> None:
    knobs = panel(console).knobs
    assert [one["name"] for one in knobs] == list(KNOBS)
    for one in knobs:
        at = one["moments"][-1] if one["moments"] else ""
        asks(console, "order", knob=one["name"], value=one["default"], at=at)
    assert [one["knob"] for one in panel(console).orders] == list(KNOBS)
    assert not panel(console).refused


def test_what_is_ordered_is_shown_and_can_be_taken_back(console: Console) -> None:
    asks(console, "order", knob="delay", value="2", at="message")
    asks(console, "order", knob="status", value="0122/disk full")
    assert [one["order"] for one in panel(console).orders] == [
        "status=0122/disk full",
        "delay=2@message",
    ]
    asks(console, "cancel", knob="delay")
    assert console.conversation.orders.faults == ("status=0122/disk full",)


def test_a_bad_value_is_refused_beside_its_control(console: Console) -> None:
    asks(console, "order", knob="reject", value="1/1/3")
    asks(console, "order", knob="reject", value="one")
    assert panel(console).refused == {
        "reject": "reject cannot be 'one'. Write reject=RESULT/SOURCE/REASON."
    }
    assert console.conversation.orders.faults == ("reject=1/1/3",)
    asks(console, "order", knob="reject", value="1/1/7")
    assert panel(console).refused == {}


@pytest.mark.parametrize("words", ["", "-1", "x", "1.5", "9" * 5000])
def test_what_is_no_seed_is_refused(console: Console, words: str) -> None:
    asks(console, "seed", value=words)
    assert panel(console).refused["seed"].startswith("the seed cannot be")
    asks(console, "seed", value=" 12 ")
    assert (panel(console).seed, console.conversation.orders.seed) == (12, 12)
    assert panel(console).refused == {}


@pytest.mark.parametrize("written", ["", "0", "no bytes", "00" * ((1 << 16) + 1)])
def test_what_is_no_bytes_is_refused(console: Console, written: str) -> None:
    asks(console, "step", step="raw", control="raw", bytes=written)
    assert panel(console).refused["raw"]


def test_one_press_shows_the_rejection_the_verdict_and_both_states(console: Console) -> None:
    asks(console, "order", knob="reject", value="1/1/7")
    presses(console, "connect", stand("Sta4", "Sta2"))
    presses(console, "associate", stand("Sta1", "Sta1"))
    assert "A-ASSOCIATE-RJ came after " in panel(console).now["said"]
    _, verdict, sequence = console.children
    assert isinstance(verdict, HTML)
    assert "called-AE-title-not-recognized" in verdict.value
    assert sequence.shown is console.association
    presses(console, "connect", stand("Sta4", "Sta2"))
    assert console.children == (panel(console), sequence)


def test_the_panel_says_from_when_changes_hold(console: Console) -> None:
    assert panel(console).following.startswith("The SCP behaves well.")
    asks(console, "order", knob="delay", value="0")
    assert panel(console).following.startswith("The next connection meets these.")
    presses(console, "connect", stand("Sta4", "Sta2"))
    assert panel(console).following.startswith("So it is on this connection.")
    asks(console, "cancel", knob="delay")
    assert panel(console).following == (
        "For this the SCP restarts at the next connection. This one goes on with delay=0."
    )


def test_what_is_forbidden_is_done_when_it_is_ticked(console: Console) -> None:
    presses(console, "connect", stand("Sta4", "Sta2"))
    assert panel(console).now["forbidden"]["release"]
    assert not panel(console).now["impossible"]["release"]
    presses(console, "release", lambda now: "A-RELEASE-RQ: Sta6 only" in now["error"])
    panel(console).freely = True
    presses(console, "release", lambda now: "A-RELEASE-RQ sent" in now["said"])


def test_the_recording_is_saved_where_the_notebook_is(
    console: Console, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    asks(console, "save")
    assert panel(console).refused["save"] == "Nothing was recorded yet. Connect first."
    presses(console, "connect", stand("Sta4", "Sta2"))
    presses(console, "associate", stand("Sta6", "Sta6"))
    asks(console, "save")
    assert panel(console).saved == "conversation-1.pcapng"
    capture = dl.dissect("conversation-1.pcapng")
    assert [pdu.name for pdu in capture.pdus] == ["A-ASSOCIATE-RQ", "A-ASSOCIATE-AC"]


def test_a_new_conversation_begins_with_nothing_but_the_faults(console: Console) -> None:
    asks(console, "order", knob="twice")
    presses(console, "connect", stand("Sta4", "Sta2"))
    seen = Event()
    panel(console).observe(lambda change: change["new"]["recorded"] or seen.set(), "now")
    asks(console, "anew")
    assert seen.wait(10)
    assert console.children == (panel(console),)
    assert console.conversation.orders.faults == ("twice",)


def test_the_twin_shows_the_faults_and_the_association(console: Console) -> None:
    asks(console, "order", knob="status", value="0122/<b>disk</b>")
    bundle, _ = console._repr_mimebundle_()
    assert "status=0122/&lt;b&gt;disk&lt;/b&gt;" in bundle["text/html"]
    presses(console, "connect", stand("Sta4", "Sta2"))
    presses(console, "associate", stand("Sta6", "Sta6"))
    bundle, _ = console._repr_mimebundle_()
    for shown in bundle["text/html"], bundle["text/plain"]:
        assert "status=0122/" in shown
        assert "A-ASSOCIATE-AC" in shown


def test_the_twin_follows_the_conversation(
    console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[str] = []
    followed = Event()

    def display(data: dict[str, str], raw: bool, display_id: str | None = None) -> None:
        if display_id == console.model_id:
            shown.append(data["text/html"])
            if "A-ASSOCIATE-AC" in shown[-1]:
                followed.set()

    monkeypatch.setattr(base, "display", display)
    monkeypatch.setattr(base, "update_display", display)
    presses(console, "connect", stand("Sta4", "Sta2"))
    assert not shown  # nobody has displayed it yet
    console._ipython_display_()
    assert len(shown) == 1
    presses(console, "associate", stand("Sta6", "Sta6"))
    assert followed.wait(10)


# --- the end of the kernel ----------------------------------------------------------------------

LESSON = """
import dicomlab as dl
console = dl.Console()
console.conversation.order("silent")
console.conversation.do("connect")
now = console.conversation.wait_for(lambda now: now.acceptor == "Sta2")
console.conversation.do("associate")
now = console.conversation.wait_for(lambda now: now.requestor == "Sta5")
recording = now.recorded.recording
scp = now.association.acceptor
print([(scp.address, scp.port), recording.address, str(recording.path)])
"""


def printed(client: BlockingKernelClient, code: str) -> str:
    """What a cell prints."""
    said: list[str] = []

    def hear(message: dict[str, Any]) -> None:
        if message["msg_type"] == "stream":
            said.append(message["content"]["text"])

    reply = client.execute_interactive(code, timeout=60, output_hook=hear)
    assert reply["content"]["status"] == "ok", reply["content"]
    return "".join(said)


def ends_politely(manager: KernelManager) -> None:
    manager.shutdown_kernel()


def is_killed(manager: KernelManager) -> None:
    os.kill(manager.provisioner.pid, signal.SIGKILL)
    manager.shutdown_kernel(now=True)


@pytest.mark.parametrize("end", [ends_politely, is_killed])
def test_a_kernel_that_ends_leaves_no_server_and_no_process(
    end: Callable[[KernelManager], None],
) -> None:
    manager, client = start_new_kernel(extra_arguments=["--IPKernelApp.capture_fd_output=False"])
    try:
        scp, relay, path = ast.literal_eval(printed(client, LESSON))
        for address in (scp, relay):
            socket.create_connection(address, 5).close()
        kernel = psutil.Process(manager.provisioner.pid)
        family = [kernel, *kernel.children(recursive=True)]
        end(manager)
        for address in (scp, relay):
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection(address, 5)
        assert not [one for one in family if one.is_running()]
        # who is killed cannot tidy up
        assert Path(path).exists() == (end is is_killed)
        shutil.rmtree(Path(path).parent, ignore_errors=True)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
        manager.cleanup_resources()
