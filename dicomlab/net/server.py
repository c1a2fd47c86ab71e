"""The answering end: connections, timers and limits, in one thread. What to say is a subclass's."""

from __future__ import annotations

import math
import selectors
import socket
import struct
import sys
import threading
import time
from abc import abstractmethod
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from dicomlab.model import Endpoint, Side
from dicomlab.net.checks import check_number, check_seconds
from dicomlab.net.listener import Listener, listening
from dicomlab.net.log import Log, LogEntry
from dicomlab.protocol.build import build
from dicomlab.protocol.dimse import Assembler
from dicomlab.protocol.upper_layer import Received, Step, UpperLayer

MAX_PDU_LENGTH = 16384  # what we take in one P-DATA-TF, and say so (PS3.8 D.1)
# 128 presentation contexts with 70 transfer syntaxes each; more could hold the one thread for long
MAX_OTHER_LENGTH = 1 << 18
_CHUNK = 1 << 14
_AT_ONCE = 8  # PDUs of one connection
_MOST_ASSOCIATIONS = 1 << 16
_SPARE_CONNECTIONS = 64  # without an association: on their way to one, or closing
_DRAINED = 16  # chunks that are read and dropped before closing
_MOMENT = 0.1  # seconds in which no caller is taken, after one could not be
_LONGEST_WAIT = 3600.0  # seconds; what selectors can count ends somewhere
_WITHOUT_ASSOCIATION = ("Sta1", "Sta2", "Sta13")
_RESET_ON_CLOSE = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)  # linger: 0 s


@dataclass(frozen=True, slots=True)
class Pause:
    """Nothing is said for so many seconds. What the peer says meanwhile is heard."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Close:
    """The connection is closed by a FIN, once all that was said has left."""


@dataclass(frozen=True, slots=True)
class Reset:
    """The connection is closed by an RST, once all that was said has left."""


Act = bytes | Pause | Close | Reset  # what an application does, one after the other


@dataclass(slots=True, eq=False)
class Connection:
    """One connection as the server sees it."""

    number: int
    socket: socket.socket
    requestor: Endpoint
    acceptor: Endpoint
    layer: UpperLayer
    deadline: float = 0.0  # of the ARTIM in Sta2 and Sta13, else of the next whole PDU
    script: deque[Iterator[Act]] = field(default_factory=deque)  # what is to be done yet
    wakes: float | None = None  # when the script goes on that pauses
    outgoing: bytearray = field(default_factory=bytearray)
    events: int = selectors.EVENT_READ  # what is waited for; 0: nothing
    open: bool = True
    busy: bool = False  # whether more PDUs may have come than were served yet
    contexts: frozenset[int] = frozenset()  # the presentation contexts that were accepted
    max_pdu_length: int = 0  # of the peer; 0: no limit
    assembler: Assembler = field(default_factory=lambda: Assembler("requestor"))
    own: Any = None  # a subclass's

    @property
    def due(self) -> float:
        """When there is something to do, if nothing comes; while we pause, no time runs out."""
        return self.deadline if self.wakes is None else self.wakes

    @property
    def listens(self) -> bool:
        """Whether more is taken from the peer: all was sent, and there is not too much to do."""
        return self.open and not self.outgoing and len(self.script) < _AT_ONCE

    def drop(self) -> None:
        """Leaves undone what is to be done yet."""
        self.script.clear()
        self.wakes = None

    @property
    def associated(self) -> bool:
        """Whether it holds one of the associations that a server has room for."""
        return self.layer.state not in _WITHOUT_ASSOCIATION


class Server(Listener):
    """A DICOM acceptor: one thread for all connections.

    Loopback and a free port unless told otherwise. ``artim`` and ``idle_timeout`` are in seconds:
    how long a connection may take to ask for an association, or to close after the last word
    (Sta2, Sta13), and how long an association may take until its next whole PDU (None: for ever);
    then it is aborted. Half PDUs take no association away from others, and the oldest connection
    without an association makes room for a new one. Nothing is left after ``stop()``.
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        artim: float = 30.0,
        idle_timeout: float | None = 60.0,
        max_associations: int = 10,
    ) -> None:
        super().__init__(host, port)
        idle_timeout = math.inf if idle_timeout is None else idle_timeout
        check_seconds("artim", artim)
        check_seconds("idle_timeout", idle_timeout)
        check_number("max_associations", max_associations, _MOST_ASSOCIATIONS)
        self.artim = artim
        self.idle_timeout = idle_timeout
        self.max_associations = max_associations
        self._log = Log()
        self._connections: list[Connection] = []
        self._numbers = 0

    # --- what a subclass says -------------------------------------------------------------

    @abstractmethod
    def replies(self, connection: Connection, received: Received) -> Iterable[Act]:
        """What the application does on receipt of a PDU; the upper layer's own is sent already."""

    def opens(self, connection: Connection) -> Iterable[Act]:  # noqa: ARG002
        """What the application does as soon as the connection stands."""
        return ()

    def hears(self, connection: Connection, data: bytes) -> Sequence[Act]:
        """What is done with bytes as they come: the upper layer takes them."""
        connection.layer.receive_data(data)
        return ()

    def noted(self, entry: LogEntry) -> None:
        """What is done as soon as the log has one entry more, in the server's thread."""

    def listen(self, host: str, port: int) -> tuple[socket.socket, tuple[str, int]]:
        """The socket that takes connections, and the address that callers are told."""
        listener = listening(host, port)
        return listener, (host, listener.getsockname()[1])

    # --- what a user sees -----------------------------------------------------------------

    @property
    def log(self) -> tuple[LogEntry, ...]:
        """What was sent and received last, on all connections, in the order of time."""
        return self._log.entries

    @property
    def associations(self) -> int:
        """How many associations are open."""
        return sum(one.associated for one in self._connections)

    # --- the loop -------------------------------------------------------------------------

    def _begin(self) -> tuple[str, int]:
        self._listener, address = self.listen(*self._wanted)
        self._listener.setblocking(False)
        self._accepts_from: float | None = None  # when callers are taken again; None: they are
        self._bell, self._wake = socket.socketpair()
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._selector.register(self._wake, selectors.EVENT_READ)
        name = f"{type(self).__name__}:{address[1]}"
        self._thread = threading.Thread(target=self._serve, name=name, daemon=True)
        self._thread.start()
        return address

    def _end(self) -> None:
        with suppress(OSError):  # it has stopped by itself
            self._bell.send(b"!")
        self._thread.join()
        self._bell.close()

    def _serve(self) -> None:
        try:
            while self._turn():
                pass
        finally:
            for connection in tuple(self._connections):
                if connection.associated:
                    self._abort(connection)
                self._close(connection, "acceptor")
            self._selector.close()
            self._listener.close()
            self._wake.close()

    def _turn(self) -> bool:
        """Waits for what comes next and serves it; False when it is time to stop."""
        ready = self._selector.select(self._patience())
        now = time.monotonic()  # who spoke while others were served is heard before it is too late
        for key, events in ready:
            if isinstance(key.data, Connection):
                self._serve_one(key.data, events)
            elif key.fileobj == self._listener:
                self._accept()
            else:
                return False
        for connection in tuple(self._connections):
            if connection.busy:
                self._advance(connection)
            elif connection.due <= now:
                self._expire(connection)
        if self._accepts_from is not None and self._accepts_from <= now:
            self._accepts_from = None
            self._selector.register(self._listener, selectors.EVENT_READ)
        return True

    def _patience(self) -> float | None:
        """How many seconds there is nothing to do, if nothing comes."""
        if any(one.busy for one in self._connections):
            return 0
        due = [one.due for one in self._connections]
        if self._accepts_from is not None:
            due.append(self._accepts_from)
        if not due:
            return None
        return min(max(min(due) - time.monotonic(), 0), _LONGEST_WAIT)

    def _accept(self) -> None:
        if len(self._connections) >= self.max_associations + _SPARE_CONNECTIONS:
            oldest = min(self._connections, key=lambda one: (one.associated, one.number))
            self._close(oldest, "acceptor")
        try:
            peer, address = self._listener.accept()
        except (BlockingIOError, ConnectionAbortedError):  # gone again
            return
        except OSError:  # no descriptor is left, perhaps: whoever calls still waits
            self._selector.unregister(self._listener)
            self._accepts_from = time.monotonic() + _MOMENT
            return
        try:
            peer.setblocking(False)
            peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            ours = peer.getsockname()
        except OSError:  # reset already: some systems tell nothing of such a socket
            peer.close()
            return
        layer = UpperLayer(
            "acceptor",
            max_pdu_length=MAX_PDU_LENGTH,
            max_other_length=MAX_OTHER_LENGTH,
        )
        connection = Connection(
            self._numbers, peer, Endpoint(*address[:2]), Endpoint(*ours[:2]), layer
        )
        self._numbers += 1
        self._connections.append(connection)
        self._selector.register(peer, selectors.EVENT_READ, connection)
        self._time(connection, layer.step("Evt5"))
        self._note(connection, "requestor", b"", "Sta1")
        self._do(connection, self.opens(connection))

    def _serve_one(self, connection: Connection, events: int) -> None:
        if not connection.open or connection.busy:  # closed in this turn; or what came waits
            return
        if events & selectors.EVENT_WRITE:
            self._flush(connection)
            self._go_on(connection)
        elif connection.listens:
            self._read(connection)
        self._advance(connection)

    def _read(self, connection: Connection) -> None:
        try:
            data = connection.socket.recv(_CHUNK)
        except BlockingIOError:
            return
        except OSError as problem:
            self._lost(connection, problem)
            return
        if data:
            acts = self.hears(connection, data)
            if acts:
                self._do(connection, acts)
        else:
            self._close(connection, "requestor")

    def _advance(self, connection: Connection) -> None:
        """Serves the next PDUs that have come, a few at a time: others wait for their turn."""
        for _ in range(_AT_ONCE):
            received = connection.layer.next_pdu() if connection.listens else None
            connection.busy = received is not None
            if received is None:
                break
            self._received(connection, received)
        self._watch(connection)

    def _received(self, connection: Connection, received: Received) -> None:
        self._note(connection, "requestor", received.data, received.step.state)
        self._time(connection, received.step)
        if received.answer:
            connection.drop()
            self._put(connection, received.answer)
            self._note(connection, "acceptor", received.answer, connection.layer.state)
        elif received.step.closes:
            self._close(connection, "acceptor")
        else:
            self._do(connection, self._replies(connection, received))

    def _replies(self, connection: Connection, received: Received) -> Iterator[Act]:
        """The replies, not made before it is their turn."""
        yield from self.replies(connection, received)

    def _do(self, connection: Connection, acts: Iterable[Act]) -> None:
        """Has these acts done after those that are to be done yet."""
        connection.script.append(iter(acts))
        self._go_on(connection)

    def _go_on(self, connection: Connection) -> None:
        """Does what is to be done, until it pauses or the peer does not take any more."""
        script = connection.script
        while script and connection.wakes is None and not connection.outgoing:
            try:
                act = next(script[0], None)
            except Exception:  # noqa: BLE001 - one conversation must not end the others
                threading.excepthook(threading.ExceptHookArgs((*sys.exc_info(), self._thread)))
                self._abort(connection)
                return
            match act:
                case bytes():
                    self._send(connection, act)
                case None:
                    script.popleft()
                case Pause():
                    connection.wakes = time.monotonic() + act.seconds
                case Close() | Reset():
                    self._close(connection, "acceptor", reset=isinstance(act, Reset))

    def _expire(self, connection: Connection) -> None:
        """A pause is over; or time is up: in Sta2 and Sta13 for all, else for the association."""
        if connection.wakes is not None:
            connection.wakes = None
            self._allow(connection)
            self._go_on(connection)
            self._advance(connection)
        elif connection.layer.artim:
            before = connection.layer.step("Evt18").state
            self._close(connection, "acceptor", before)
        else:
            self._abort(connection)

    # --- one connection -------------------------------------------------------------------

    def _send(self, connection: Connection, pdu: bytes) -> None:
        before = connection.layer.state
        for step in connection.layer.send(pdu):
            self._time(connection, step)
        self._note(connection, "acceptor", pdu, before)
        self._put(connection, pdu)

    def _abort(self, connection: Connection) -> None:
        """Aborts, whatever the peer may make of the bytes that it got before."""
        connection.drop()
        abort = bytes(build("A-ABORT"))
        step = connection.layer.step("Evt15")
        self._time(connection, step)
        self._note(connection, "acceptor", abort, step.state)
        self._put(connection, abort)

    def _put(self, connection: Connection, data: bytes) -> None:
        connection.outgoing += data
        self._flush(connection)

    def _flush(self, connection: Connection) -> None:
        """Sends what can be sent now; until all is sent, nothing more is read or done."""
        if not connection.open:
            return
        try:
            sent = connection.socket.send(connection.outgoing)
        except BlockingIOError:
            sent = 0
        except OSError as problem:
            self._lost(connection, problem)
            return
        del connection.outgoing[:sent]
        self._watch(connection)

    def _watch(self, connection: Connection) -> None:
        """Waits for what can go on: that the peer takes what is to be sent, or speaks."""
        if not connection.open:
            return
        before = connection.events
        if connection.outgoing:
            connection.events = selectors.EVENT_WRITE
        else:
            connection.events = selectors.EVENT_READ if connection.listens else 0
        if connection.events == before:
            return
        if before:
            self._selector.unregister(connection.socket)
        if connection.events:
            self._selector.register(connection.socket, connection.events, connection)

    def _lost(self, connection: Connection, problem: OSError) -> None:
        self._close(connection, "requestor", reset=isinstance(problem, ConnectionResetError))

    def _close(
        self, connection: Connection, by: Side, before: str | None = None, *, reset: bool = False
    ) -> None:
        if not connection.open:
            return
        connection.open = False
        connection.drop()
        layer = connection.layer
        before = before or layer.state
        unread = layer.unread
        if unread is not None:
            self._note(connection, "requestor", bytes(unread), before)
        if layer.state != "Sta1":
            layer.step("Evt17")
        self._note(connection, by, b"", before, reset=reset)
        self._connections.remove(connection)
        if connection.events:
            self._selector.unregister(connection.socket)
        (_reset if reset else _hang_up)(connection.socket)

    def _time(self, connection: Connection, step: Step) -> None:
        """Sets the deadline anew after a step; a running ARTIM runs on."""
        if not connection.layer.artim or step.artim == "start":
            self._allow(connection)

    def _allow(self, connection: Connection) -> None:
        """Gives all the time that there is from now on."""
        seconds = self.artim if connection.layer.artim else self.idle_timeout
        connection.deadline = time.monotonic() + seconds

    def _note(
        self,
        connection: Connection,
        sender: Side,
        data: bytes,
        before: str,
        *,
        reset: bool = False,
    ) -> None:
        entry = LogEntry(
            time.time_ns(),
            connection.number,
            connection.requestor,
            connection.acceptor,
            sender,
            data,
            before,
            connection.layer.state,
            reset,
        )
        self._log.add(entry)
        self.noted(entry)


def _reset(connection: socket.socket) -> None:
    with suppress(OSError):  # some systems refuse options to a socket that was reset
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
    connection.close()


def _hang_up(connection: socket.socket) -> None:
    """Close, and read first what has come: unread bytes would make it a reset.

    A reset can overtake the last PDU that was sent, and take it away from the peer.
    """
    with suppress(OSError):
        connection.shutdown(socket.SHUT_WR)
        for _ in range(_DRAINED):
            if not connection.recv(_CHUNK):
                break
    connection.close()
