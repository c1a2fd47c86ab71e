"""A byte-transparent TCP relay that records what passes.

It stands in front of a target on this machine or elsewhere. Whatever either end sends arrives at
the other unchanged and in order; the end of a direction and a reset travel on as well. Of each
direction at most one chunk is held: while the receiver does not take it, the sender is not read.

The file tells of one TCP connection between the real ends. Its data, their order and their times
are those that the relay saw; the TCP/IP headers around them are made up.
"""

from __future__ import annotations

import errno
import selectors
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

from dicomlab.dissect.pcap import MADE_UP, Writer
from dicomlab.dissect.synth import TcpConversation
from dicomlab.model import CaptureError, Endpoint, Side

CHUNK = 1 << 16  # bytes of a direction that the relay holds at most
MOST = 64  # connections at once; further ones wait until one has ended
LAST_WORDS = 1.0  # seconds, at stop, in which an ending connection may end of itself
_GLANCE = 0.1  # seconds between looks at an end from which nothing is awaited

LIMITS = (
    "TCP/IP headers, acknowledgements and segment sizes in the file are made up.",
    "Retransmissions, windows and keep-alives cannot be seen.",
    "The acceptor sees a connection from the relay instead of from the requestor.",
    "A requestor whom the target refuses sees a connection that is reset at once.",
)
_COMMENT = (
    "Recorded by the relay of dicomlab, which stood between the two ends and is left out. The "
    f"{MADE_UP}; the bytes, their order and their times are real."
)
_RESET_ON_CLOSE = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)  # linger: 0 s

_Record = Callable[[Iterable[bytes]], None]


@dataclass(slots=True, eq=False)
class _End:
    """One end of a connection, as the relay deals with it."""

    side: Side
    socket: socket.socket
    waiting: bytes = b""  # what this end has yet to take
    ended: bool = False  # it sends no more
    broken: bool = False  # it takes no more: a reset is behind what it still sends


class _Connection:
    """A connection of a requestor to the relay, and the relay's own to the target."""

    def __init__(
        self, client: socket.socket, server: socket.socket, tcp: TcpConversation, record: _Record
    ) -> None:
        self.requestor = _End("requestor", client)
        self.acceptor = _End("acceptor", server)
        self.ends = (self.requestor, self.acceptor)
        self.connecting = True
        self.closed = False  # by both ends, or cut: nothing more to do but to close the sockets
        self._tcp = tcp
        self._record = record
        self._handshake = tcp.open()

    @property
    def ending(self) -> bool:
        """Whether it will soon be over, or be there: one end has ended, or is not there yet."""
        return self.connecting or any(end.ended or end.broken for end in self.ends)

    def awaits(self, end: _End) -> int:
        """The events of this end's socket that matter now."""
        if self.connecting:
            return selectors.EVENT_WRITE if end is self.acceptor else 0
        reads = not end.ended and not self._other(end).waiting
        return (selectors.EVENT_READ if reads else 0) | (
            selectors.EVENT_WRITE if end.waiting else 0
        )

    def serve(self, end: _End, events: int) -> None:
        """Do what this end's socket is ready for."""
        if self.closed:  # by what the other end's socket had ready
            return
        if self.connecting:
            self._connected(end.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR))
            return
        if events & selectors.EVENT_WRITE:
            self._send(end)
        if events & selectors.EVENT_READ and not self.closed:
            self._receive(end)

    def connect(self, target: Endpoint) -> None:
        """Ask the target, as the requestor asked the relay."""
        self._record([next(self._handshake)])
        error = self.acceptor.socket.connect_ex((target.address, target.port))
        if error not in (errno.EINPROGRESS, errno.EWOULDBLOCK):
            self._connected(error)

    def _connected(self, error: int) -> None:
        """The target answered, with an error number or 0."""
        self.connecting = False
        if error == 0:
            self._record(self._handshake)
            return
        if error == errno.ECONNREFUSED:
            self._record(self._tcp.reset("acceptor"))
        self.cut()

    def glance(self) -> None:
        """Notice the reset of an end from which no event is awaited."""
        for end in self.ends:
            silent = not self.connecting and not self.closed and not self.awaits(end)
            if silent and end.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                self._reset(end)

    def close(self) -> None:
        """Close both sockets."""
        for end in self.ends:
            end.socket.close()

    def cut(self) -> None:
        """Have what is left of it reset."""
        for end in self.ends:
            with suppress(OSError):  # some systems refuse options to a socket that was reset
                end.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        self.closed = True

    def _other(self, end: _End) -> _End:
        return self.acceptor if end is self.requestor else self.requestor

    def _receive(self, end: _End) -> None:
        try:
            data = end.socket.recv(CHUNK)
        except BlockingIOError:
            return
        except OSError:
            self._reset(end)
            return
        if data:
            self._pass_on(end, data)
        elif end.broken:
            self._reset(end)
        else:
            self._end_of(end)

    def _pass_on(self, end: _End, data: bytes) -> None:
        """The one place where bytes go from end to end; what delays them goes here."""
        self._record(self._tcp.data(end.side, data))
        other = self._other(end)
        if not other.broken:
            other.waiting = data
            self._send(other)

    def _send(self, end: _End) -> None:
        try:
            end.waiting = end.waiting[end.socket.send(end.waiting) :]
        except BlockingIOError:
            return
        except OSError:
            # a reset; before it, this end may have sent what is still to be read
            end.waiting, end.broken = b"", True
            if end.ended:
                self._reset(end)

    def _end_of(self, end: _End) -> None:
        self._record(self._tcp.close(end.side))
        end.ended = True
        other = self._other(end)
        if other.ended:
            self.closed = True
            return
        try:
            other.socket.shutdown(socket.SHUT_WR)
        except OSError:
            other.broken = True

    def _reset(self, end: _End) -> None:
        self._record(self._tcp.reset(end.side))
        self.cut()


class Relay:
    """Relays connections to ``target``, from loopback, and records them in the file ``path``.

    It runs in a thread of its own from the moment it is made until :meth:`stop`. Raises
    CaptureError where the file cannot be written, OSError where no port can be had.
    """

    limits = LIMITS

    def __init__(self, target: Endpoint, path: Path) -> None:
        self._target = target
        self._family = socket.AF_INET6 if ":" in target.address else socket.AF_INET
        self._connections: set[_Connection] = set()
        self._failure: OSError | None = None
        self._deadline: float | None = None  # set once it is to stop
        self._epoch = time.time_ns() - time.monotonic_ns()
        with ExitStack() as opened:
            try:
                self._file = opened.enter_context(Writer(path, comment=_COMMENT))
            except OSError as error:
                raise _unwritable(error) from error
            self._selector = opened.enter_context(selectors.DefaultSelector())
            host = "::1" if self._family == socket.AF_INET6 else "127.0.0.1"
            self._listener = opened.enter_context(
                socket.create_server((host, 0), family=self._family)
            )
            self._listener.setblocking(False)
            self._rope, bell = socket.socketpair()  # pulled to stop
            opened.enter_context(bell)
            self._selector.register(bell, selectors.EVENT_READ)
            self._opened = opened.pop_all()
        self.address: tuple[str, int] = self._listener.getsockname()[:2]
        self._thread = threading.Thread(target=self._run, name="dicomlab relay", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the recording.

        A connection that one end has ended gets :data:`LAST_WORDS` seconds to end wholly; any
        other is reset. Raises CaptureError where the file could not be written.
        """
        self._rope.close()
        self._thread.join()
        if self._failure:
            raise _unwritable(self._failure) from self._failure

    def _run(self) -> None:
        try:
            with self._opened:
                try:
                    while self._round():
                        pass
                finally:
                    for one in self._connections:
                        one.cut()
                        one.close()
        except OSError as error:
            self._failure = error

    def _round(self) -> bool:
        """Wait for what happens next, and deal with it; False when it is time to stop."""
        self._watch(self._listener, selectors.EVENT_READ if len(self._connections) < MOST else 0)
        ready = self._selector.select(self._patience())
        for key, events in ready:
            if key.data:
                connection, end = key.data
                if connection in self._connections:  # not closed by its other end in this turn
                    connection.serve(end, events)
                    self._settle(connection)
            elif key.fileobj is self._listener:
                self._accept()
            else:
                self._selector.unregister(key.fileobj)
                self._deadline = time.monotonic() + LAST_WORDS
        for connection in list(self._connections):
            connection.glance()
            self._settle(connection)
        if self._deadline is None:
            return True
        over = not ready and not any(one.ending for one in self._connections)
        return not over and time.monotonic() < self._deadline

    def _patience(self) -> float | None:
        """Seconds to wait for something to happen; None: however long it takes."""
        if self._deadline is not None:
            return _GLANCE if any(one.ending for one in self._connections) else 0
        silent = any(not one.awaits(end) for one in self._connections for end in one.ends)
        return _GLANCE if silent else None

    def _accept(self) -> None:
        try:
            client, (host, port, *_) = self._listener.accept()
        except OSError:  # it went away before
            return
        server = socket.socket(self._family)
        for one in (client, server):
            one.setblocking(False)
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # sequence numbers by the clock, as RFC 9293 3.4.1 has it: so a port that a requestor uses
        # again is a new connection to everybody who reads the file
        first = time.monotonic_ns() // 4000 & 0xFFFFFFFF
        tcp = TcpConversation(Endpoint(host, port), self._target, first=first)
        connection = _Connection(client, server, tcp, self._record)
        self._connections.add(connection)
        connection.connect(self._target)
        self._settle(connection)

    def _record(self, packets: Iterable[bytes]) -> None:
        now = self._epoch + time.monotonic_ns()
        for packet in packets:
            self._file.packet(now, packet)

    def _settle(self, connection: _Connection) -> None:
        """Watch the sockets of a connection for what it awaits now."""
        for end in connection.ends:
            awaited = 0 if connection.closed else connection.awaits(end)
            self._watch(end.socket, awaited, (connection, end))
        if connection.closed:
            connection.close()
            self._connections.discard(connection)

    def _watch(self, one: socket.socket, events: int, data: object = None) -> None:
        watched = one in self._selector.get_map()
        if not events and watched:
            self._selector.unregister(one)
        elif events and not watched:
            self._selector.register(one, events, data)
        elif events and self._selector.get_key(one).events != events:
            self._selector.modify(one, events, data)


def _unwritable(error: OSError) -> CaptureError:
    return CaptureError(
        f"The recording cannot be written: {error.strerror or error}.",
        "Choose another path, or make room on the disk.",
    )
