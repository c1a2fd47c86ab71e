"""What a server's application may do beside speaking: pause, close, reset; and nobody waits."""

from __future__ import annotations

import errno
import math
import os
import socket
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, suppress

import psutil
import pytest

from dicomlab.model import PeerError
from dicomlab.net.echo import echo
from dicomlab.net.scp import EchoSCP
from dicomlab.net.scu import SCU
from dicomlab.net.server import Act, Close, Connection, Pause, Reset
from dicomlab.protocol.build import build
from dicomlab.protocol.upper_layer import Received


class Acting(EchoSCP):
    """An SCP that does these acts in answer to an A-ASSOCIATE-RQ, and is good otherwise."""

    def __init__(self, *acts: Act, **limits: float) -> None:
        super().__init__(**limits)
        self.acts = acts

    def replies(self, connection: Connection, received: Received) -> Iterable[Act]:
        good = super().replies(connection, received)
        return self.acts if received.step.next == "Sta3" else good


ACCEPT, QUESTION = bytes(build("A-ASSOCIATE-AC")), build("C-ECHO-RQ")


def asked(scp: Acting, timeout: float = 5) -> SCU:
    scu = SCU(*scp.address, timeout=timeout)
    scu.send(build("A-ASSOCIATE-RQ"))
    return scu


def test_a_pause_holds_what_follows_and_nobody_else() -> None:
    with Acting(Pause(0.2), ACCEPT) as scp, asked(scp) as slow:
        started = time.monotonic()
        with socket.create_connection(scp.address) as other:
            other.sendall(bytes(QUESTION))
            assert other.recv(100) == bytes(build("A-ABORT"))
            assert time.monotonic() - started < 0.2
        assert slow.receive().type == "A-ASSOCIATE-AC"
        assert time.monotonic() - started >= 0.19


def test_acts_are_done_in_their_order() -> None:
    with Acting(ACCEPT[:10], Pause(0.01), ACCEPT[10:], Close()) as scp, asked(scp) as scu:
        assert scu.receive().type == "A-ASSOCIATE-AC"
        with pytest.raises(PeerError, match="then closed"):
            scu.receive()


def test_a_reset_is_one() -> None:
    with Acting(Reset()) as scp, asked(scp) as scu, pytest.raises(PeerError, match="reset"):
        scu.receive()
    assert scp.log[-1].what == "resets the connection"


def test_no_time_runs_out_while_it_pauses_itself() -> None:
    with Acting(Pause(0.3), ACCEPT, idle_timeout=0.1) as scp, asked(scp) as scu:
        assert scu.receive().type == "A-ASSOCIATE-AC"


def test_an_abort_is_heard_in_a_pause_without_end() -> None:
    with Acting(Pause(math.inf), ACCEPT) as scp:
        with asked(scp, timeout=0.1) as scu, suppress(PeerError):
            scu.receive()
        assert "A-ABORT" in [one.what for one in scp.log]
        while scp._connections:
            pass


def test_a_pdu_in_the_wrong_state_ends_a_pause() -> None:
    with Acting(Pause(math.inf), ACCEPT, artim=0.1) as scp, asked(scp) as scu:
        scu.send(QUESTION)
        abort = scu.receive()
        assert (abort.type, abort["Source"].value) == ("A-ABORT", 2)
        with pytest.raises(PeerError, match="closed"):
            scu.receive()


class Slow(EchoSCP):
    """An SCP that thinks over every message."""

    def replies(self, connection: Connection, received: Received) -> Iterable[Act]:
        good = super().replies(connection, received)
        return [Pause(0.01), *good] if received.step.next == "Sta6" else good


def test_what_comes_while_it_pauses_is_answered_in_order() -> None:
    questions = [build("C-ECHO-RQ", message_id=number) for number in range(1, 31)]
    with Slow() as scp, SCU(*scp.address) as scu:
        scu.send(build("A-ASSOCIATE-RQ"))
        scu.receive()
        for question in questions:
            scu.send(question)
        answered = [scu.receive()["Message ID Being Responded To"].value for _ in questions]
    assert answered == list(range(1, 31))


def test_pauses_without_end_keep_nobody_out() -> None:
    with Acting(Pause(math.inf), max_associations=1) as scp, ExitStack() as stack:
        for _ in range(200):
            held = stack.enter_context(socket.create_connection(scp.address))
            held.sendall(bytes(build("A-ASSOCIATE-RQ")))
        with socket.create_connection(scp.address) as last:
            last.sendall(bytes(QUESTION))
            assert last.recv(100) == bytes(build("A-ABORT"))
        assert len(scp._connections) <= 70


def test_a_mistake_of_the_application_aborts_its_association_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Mistaken(EchoSCP):
        def replies(self, connection: Connection, received: Received) -> Iterable[Act]:
            if received.step.next == "Sta6":
                raise ZeroDivisionError
            return super().replies(connection, received)

    said: list[object] = []
    monkeypatch.setattr(threading, "excepthook", lambda what: said.append(what.exc_type))
    with Mistaken() as scp:
        for _ in range(2):
            assert "A-ABORT" in [one.what for one in echo(*scp.address).log]
    assert said == [ZeroDivisionError, ZeroDivisionError]


class Counting(EchoSCP):
    """An SCP that counts how often it tries to take a caller."""

    tries = 0

    def _accept(self) -> None:
        self.tries += 1
        super()._accept()


@pytest.fixture
def few_descriptors() -> Iterator[None]:
    """A limit that can be reached soon."""
    resource = pytest.importorskip("resource")
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (psutil.Process().num_fds() + 50, limits[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, limits)


@pytest.mark.usefixtures("few_descriptors")
def test_without_descriptors_a_caller_waits_and_the_server_rests() -> None:
    taken: list[int] = []
    with Counting() as scp, socket.socket() as caller:
        with suppress(OSError):
            while True:
                taken.append(os.dup(0))
        started = time.monotonic()
        caller.connect(scp.address)
        while scp.tries < 4:
            pass
        rested = time.monotonic() - started
        for one in taken:
            os.close(one)
        caller.sendall(bytes(QUESTION))
        assert caller.recv(100) == bytes(build("A-ABORT"))
    assert rested > 0.25


def test_a_caller_that_is_gone_already_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EINVAL, "as macOS says of a socket that was reset")

    with EchoSCP() as scp:
        with monkeypatch.context() as system:
            system.setattr(socket.socket, "setsockopt", refuse)
            with socket.create_connection(scp.address, 5) as gone:
                assert gone.recv(1) == b""
        assert echo(*scp.address).ok
