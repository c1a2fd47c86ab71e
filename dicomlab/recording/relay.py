"""A byte-transparent TCP relay that records what passes.

It stands in front of a target on this machine or elsewhere. Whatever either end sends arrives at
the other unchanged and in order; the end of a direction and a reset travel on as well. Of each
direction at most one chunk is held: while the receiver does not take it, the sender is not read.

On request the relay is a long way, a narrow one, or both. What an end says, from SYN to FIN, then
arrives ``latency`` seconds later at the other, and all connections together get ``bandwidth`` bytes
a second through, in each direction. A window of bytes may be under way, as with TCP.

The file tells of one TCP connection between the real ends. Its data and their order are those that
the relay saw; so are the times, and on a long way they are those of the requestor's end. The TCP/IP
headers around the data are made up.
"""

from __future__ import annotations

import errno
import selectors
import socket
import struct
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from dicomlab.dissect.pcap import MADE_UP, Writer
from dicomlab.dissect.synth import TcpConversation
from dicomlab.model import CaptureError, Endpoint, Side

CHUNK = 1 << 16  # bytes of a direction that the relay holds at most
WINDOW = 1 << 20  # bytes that may be under way on a long way, in each direction of a connection
MOST = 64  # connections at once; further ones wait until one has ended
LAST_WORDS = 1.0  # seconds, at stop, in which an ending connection may end of itself
_GLANCE = 0.1  # seconds between looks at an end from which nothing is awaited
_CHUNKS = 1 << 10  # pieces in which the bytes of a window may be
_PIECE_TIME = 0.01  # seconds that a piece takes on a narrow way
_QUEUE_TIME = 0.1  # seconds of bytes that wait in front of it

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
_LONG = (
    "Each way takes {:g} ms longer, by request; times are those at the requestor's end.",
    "The requestor's connect() returns at once; its first bytes wait for the handshake instead.",
)
_NARROW = "Each way takes {:,.0f} bytes a second at most, by request, TCP/IP headers not counted."
_RESET_ON_CLOSE = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)  # linger: 0 s

_Record = Callable[[Iterable[bytes]], None]
_Said = bytes | None  # bytes; none at all: a FIN; None: a reset


@dataclass(slots=True)
class _Way:
    """One direction between the two ends, which all connections share."""

    latency: float = 0.0  # seconds
    bandwidth: float | None = None  # bytes per second; None: as many as come
    _free: float = 0.0  # when it has taken in all that was sent so far

    @property
    def chunk(self) -> int:
        """How many bytes it takes in at once."""
        if self.bandwidth is None:
            return CHUNK
        return max(1, min(CHUNK, int(self.bandwidth * _PIECE_TIME)))

    @property
    def window(self) -> int:
        """Once so many bytes of a connection are under way, no more are read."""
        if self.bandwidth is not None:
            return max(1, min(WINDOW, int(self.bandwidth * (self.latency + _QUEUE_TIME))))
        return WINDOW if self.latency else 1

    def arrival(self, size: int) -> float:
        """When so many bytes arrive that are sent now; it takes in one after the other."""
        self._free = max(self._free, time.monotonic())
        if self.bandwidth is not None:
            self._free += size / self.bandwidth
        return self._free + self.latency


@dataclass(slots=True, eq=False)
class _End:
    """One end of a connection, as the relay deals with it."""

    side: Side
    socket: socket.socket
    way: _Way  # to the other end
    # what is under way to it: when it arrives, and what happens then
    coming: deque[tuple[float, Callable[[], None]]] = field(default_factory=deque)
    held: int = 0  # bytes of that
    waiting: bytearray = field(default_factory=bytearray)  # bytes that arrived; it has to take them
    connected: bool = False
    ended: bool = False  # it sends no more
    broken: bool = False  # it takes no more: a reset is behind what it still sends
    told: bool = False  # it will get no more: the FIN of the other end has arrived


class _Connection:
    """A connection of a requestor to the relay, and the relay's own to the target."""

    def __init__(
        self, requestor: _End, acceptor: _End, tcp: TcpConversation, record: _Record
    ) -> None:
        self.requestor = requestor
        self.acceptor = acceptor
        self.ends = (self.requestor, self.acceptor)
        self.asking = False  # the target has not answered the SYN yet
        self.closed = False  # by both ends, or cut: nothing more to do but to close the sockets
        self._tcp = tcp
        self._record = record
        self._handshake = tcp.open()

    @property
    def ending(self) -> bool:
        """Whether it will soon be over, or be there: one end has ended, or is not there yet."""
        return any(end.ended or end.broken or not end.connected for end in self.ends)

    @property
    def due(self) -> float | None:
        """When something arrives next."""
        return min((end.coming[0][0] for end in self.ends if end.coming), default=None)

    def awaits(self, end: _End) -> int:
        """The events of this end's socket that matter now."""
        if not end.connected:
            return selectors.EVENT_WRITE if end is self.acceptor and self.asking else 0
        return (selectors.EVENT_READ if self._reads(end) else 0) | (
            selectors.EVENT_WRITE if end.waiting else 0
        )

    def serve(self, end: _End, events: int) -> None:
        """Do what this end's socket is ready for."""
        if self.closed:  # by what the other end's socket had ready
            return
        if not end.connected:
            self._answered(end.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR))
            return
        if events & selectors.EVENT_WRITE:
            self._send(end)
        if events & selectors.EVENT_READ and not self.closed:
            self._receive(end)

    def connect(self, target: Endpoint) -> None:
        """Ask the target, as the requestor asked the relay."""
        self._record([next(self._handshake)])
        self._send_off(self.requestor, 0, partial(self._ask, target))

    def arrive(self) -> bool:
        """Let happen what has come to its end by now; whether there was anything."""
        happened = False
        for end in self.ends:
            while end.coming and end.coming[0][0] <= time.monotonic() and not self.closed:
                end.coming.popleft()[1]()
                happened = True
        return happened

    def glance(self) -> None:
        """Notice the reset of an end from which no event is awaited."""
        for end in self.ends:
            silent = end.connected and not self.closed and not self.awaits(end)
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

    def _reads(self, end: _End) -> bool:
        other = self._other(end)
        room = other.held + len(other.waiting) < end.way.window and len(other.coming) < _CHUNKS
        return room and not end.ended

    # --- the handshake --------------------------------------------------------------------

    def _ask(self, target: Endpoint) -> None:
        """The SYN has come to the target."""
        self.asking = True
        error = self.acceptor.socket.connect_ex((target.address, target.port))
        if error not in (errno.EINPROGRESS, errno.EWOULDBLOCK):
            self._answered(error)

    def _answered(self, error: int) -> None:
        """The target answered, with an error number or 0."""
        self.asking = False
        self.acceptor.connected = error == 0
        self._send_off(self.acceptor, 0, partial(self._opened, error))

    def _opened(self, error: int) -> None:
        """The answer has come to the requestor."""
        if error == 0:
            self.requestor.connected = True
            self._record(self._handshake)
            return
        if error == errno.ECONNREFUSED:
            self._record(self._tcp.reset("acceptor"))
        self.cut()

    # --- from end to end ------------------------------------------------------------------

    def _receive(self, end: _End) -> None:
        try:
            data = end.socket.recv(end.way.chunk)
        except BlockingIOError:
            return
        except OSError:
            self._reset(end)
            return
        if end.broken and not data:
            self._reset(end)
            return
        end.ended = not data
        self._say(end, data)

    def _reset(self, end: _End) -> None:
        end.ended = end.broken = True
        self._say(end, None)

    def _say(self, end: _End, said: _Said) -> None:
        """What an end has said goes its way to the other."""
        if end is self.requestor:
            self._see(end, said)
        size = len(said or b"")
        self._other(end).held += size
        self._send_off(end, size, partial(self._arrived, end, said))

    def _arrived(self, sender: _End, said: _Said) -> None:
        if sender is self.acceptor:
            self._see(sender, said)
        end = self._other(sender)
        end.held -= len(said or b"")
        if said is None:
            self.cut()
            return
        if not end.broken:
            end.waiting += said
        end.told = not said
        self._send(end)

    def _send_off(self, end: _End, size: int, arrives: Callable[[], None]) -> None:
        """The one place where things go from end to end, and take their time."""
        self._other(end).coming.append((end.way.arrival(size), arrives))
        self.arrive()

    def _see(self, end: _End, said: _Said) -> None:
        """Record what the requestor's end sees: its own words leave, those of the other arrive."""
        if said is None:
            self._record(self._tcp.reset(end.side))
        else:
            self._record(self._tcp.data(end.side, said) if said else self._tcp.close(end.side))

    def _send(self, end: _End) -> None:
        """Hand an end what waits for it; behind the last of it, the FIN."""
        try:
            if end.waiting:
                del end.waiting[: end.socket.send(end.waiting)]
            if end.told and not end.waiting:
                self._finish(end)
        except BlockingIOError:
            return
        except OSError:
            # a reset; before it, this end may have sent what is still to be read
            end.waiting.clear()
            end.broken = True
            if end.ended:
                self._reset(end)

    def _finish(self, end: _End) -> None:
        if all(one.told and not one.waiting for one in self.ends):
            self.closed = True
        elif not end.broken:
            end.socket.shutdown(socket.SHUT_WR)


class Relay:
    """Relays connections to ``target``, from loopback, and records them in the file ``path``.

    ``latency`` in seconds, for each way, and ``bandwidth`` in bytes per second delay what passes.

    It runs in a thread of its own from the moment it is made until :meth:`stop`. Raises
    CaptureError where the file cannot be written, OSError where no port can be had.
    """

    def __init__(
        self, target: Endpoint, path: Path, *, latency: float = 0.0, bandwidth: float | None = None
    ) -> None:
        requested = _requested(latency, bandwidth)
        self.limits = LIMITS + requested
        self._latency = latency
        self._there, self._back = (_Way(latency, bandwidth) for _ in range(2))
        self._target = target
        self._family = socket.AF_INET6 if ":" in target.address else socket.AF_INET
        self._connections: set[_Connection] = set()
        self._failure: OSError | None = None
        self._deadline: float | None = None  # set once it is to stop
        self._epoch = time.time_ns() - time.monotonic_ns()
        comment = " ".join((_COMMENT, *requested))
        with ExitStack() as opened:
            try:
                self._file = opened.enter_context(Writer(path, comment=comment))
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

        A connection that one end has ended gets :data:`LAST_WORDS` seconds and a round trip to end
        wholly; any other is reset. Raises CaptureError where the file could not be written.
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
                self._deadline = time.monotonic() + LAST_WORDS + 2 * self._latency
        busy = bool(ready)
        for connection in list(self._connections):
            busy |= connection.arrive()
            connection.glance()
            self._settle(connection)
        if self._deadline is None:
            return True
        over = not busy and not any(one.ending for one in self._connections)
        return not over and time.monotonic() < self._deadline

    def _patience(self) -> float | None:
        """Seconds to wait for something to happen; None: however long it takes."""
        now = time.monotonic()
        waits = [max(one.due - now, 0) for one in self._connections if one.due is not None]
        if self._deadline is not None:
            waits.append(_GLANCE if any(one.ending for one in self._connections) else 0)
        elif any(not one.awaits(end) for one in self._connections for end in one.ends):
            waits.append(_GLANCE)
        return min(waits, default=None)

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
        ends = _End("requestor", client, self._there), _End("acceptor", server, self._back)
        connection = _Connection(*ends, tcp, self._record)
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


def _requested(latency: float, bandwidth: float | None) -> tuple[str, ...]:
    """What the two ends meet by request, and would not meet without the relay."""
    narrow = () if bandwidth is None else (_NARROW.format(bandwidth),)
    return narrow if not latency else (*(line.format(latency * 1000) for line in _LONG), *narrow)


def _unwritable(error: OSError) -> CaptureError:
    return CaptureError(
        f"The recording cannot be written: {error.strerror or error}.",
        "Choose another path, or make room on the disk.",
    )
