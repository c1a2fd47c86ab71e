"""TCP segments to connections: each direction's bytes, in order, once.

A direction hands its bytes on as soon as they are in order, to a Receiver, and keeps none. A
segment that comes early waits until what lies before it has come, or until too many wait: then
what is missing is a gap. Offsets count from the first byte after the SYN; where there was none,
from the first byte seen.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from typing import Literal, NamedTuple, Protocol

from dicomlab.dissect.network import ACK, FIN, RST, SYN, End, Segment

_NUMBERS = 1 << 32  # TCP's sequence numbers
WAITING_SEGMENTS = 256
WAITING_BYTES = 1 << 20
FIRST_SEGMENTS = 8  # without a SYN: so many may come out of order at the beginning


class Receiver(Protocol):
    """Takes the bytes of one direction."""

    def begin(self, at_start: bool) -> None:
        """Called first: whether the first byte is the first of the connection."""

    def data(self, chunk: bytes, time: int | None, frame: int) -> None:
        """The next bytes, from that frame."""

    def gap(self, size: int) -> None:
        """So many bytes come next that are not in the capture."""


class _Waiting(NamedTuple):
    """A segment that came before its turn; sorts by its place."""

    at: int
    order: int
    data: bytes
    size: int
    time: int | None
    frame: int


class Stream:
    """One direction of a connection."""

    def __init__(self, receiver: Receiver) -> None:
        self._receiver = receiver
        self.begins: int | None = None  # the sequence number of offset 0
        self.with_syn = False
        self.offset = 0  # of the next byte
        self.bytes = 0  # bytes handed on
        self.packets = 0
        self.missing = 0
        self.retransmitted = 0  # segments that came again, wholly or in part
        self.early = 0  # segments that came before their turn
        self._waiting: list[_Waiting] = []
        self._waiting_at: dict[int, int] = {}  # offset → size of those that wait
        self._waiting_bytes = 0
        self._first: list[tuple[Segment, int | None, int]] = []  # before the beginning is known
        self._end: int | None = None  # the offset of the FIN

    def synchronise(self, sequence: int) -> None:
        """A SYN with this sequence number."""
        self.with_syn = True
        self._begin((sequence + 1) % _NUMBERS)

    def fits(self, sequence: int) -> bool:
        """Whether a SYN with this sequence number can belong here."""
        if self.begins is not None:
            return self.with_syn and self.begins == (sequence + 1) % _NUMBERS
        return all(
            (one.sequence - sequence - 1) % _NUMBERS < WAITING_BYTES for one, _, _ in self._first
        )

    def segment(self, segment: Segment, time: int | None, frame: int) -> None:
        """A segment of this direction, in the order of the capture."""
        if self.begins is None:
            if segment.size:
                self._first.append((segment, time, frame))
            if len(self._first) >= FIRST_SEGMENTS:
                self._begin_without_syn()
            return
        at = self._place((segment.sequence + bool(segment.flags & SYN)) % _NUMBERS)
        if segment.flags & FIN:
            self._end = at + segment.size
        if segment.size == 0 or (segment.size == 1 and at == self.offset - 1):  # keep-alive
            return
        if at > self.offset:
            self._wait(at, segment, time, frame)
            return
        if at < self.offset:
            self.retransmitted += 1
        self._take(at, segment.data, segment.size, time, frame)
        if self._waiting:
            self._release()

    def finish(self) -> None:
        """No more segments come: what waits is handed on, with gaps where bytes are missing."""
        self._begin_without_syn()
        while self._waiting:
            self._give_up()
        if self._end is not None and self._end > self.offset:
            self._gap(self._end - self.offset)

    def _begin(self, sequence: int) -> None:
        if self.begins is not None:
            return
        self.begins = sequence
        self._receiver.begin(self.with_syn)
        first, self._first = self._first, []
        for segment, time, frame in first:
            self.segment(segment, time, frame)

    def _begin_without_syn(self) -> None:
        if self._first:
            start = self._first[0][0].sequence
            half = _NUMBERS // 2
            self._begin(
                min(
                    (one.sequence for one, _, _ in self._first),
                    key=lambda sequence: (sequence - start + half) % _NUMBERS,
                )
            )

    def _place(self, sequence: int) -> int:
        """The offset of a sequence number: the one nearest to the next byte."""
        assert self.begins is not None
        ahead = (sequence - self.begins - self.offset) % _NUMBERS
        return self.offset + (ahead if ahead < _NUMBERS // 2 else ahead - _NUMBERS)

    def _take(self, at: int, data: bytes, size: int, time: int | None, frame: int) -> None:
        """Hand on what is new of a segment that begins no later than the next byte."""
        known = self.offset - at
        if size <= known:
            return
        fresh = data[known:] if known else data
        if fresh:
            self.offset += len(fresh)
            self.bytes += len(fresh)
            self._receiver.data(fresh, time, frame)
        if at + size > self.offset:  # the capture holds only the beginning of the packet
            self._gap(at + size - self.offset)

    def _gap(self, size: int) -> None:
        self.offset += size
        self.missing += size
        self._receiver.gap(size)

    def _wait(self, at: int, segment: Segment, time: int | None, frame: int) -> None:
        if self._waiting_at.get(at, 0) >= segment.size:
            self.retransmitted += 1
            return
        self.early += 1
        self._waiting_at[at] = segment.size
        one = _Waiting(at, frame, segment.data, segment.size, time, frame)
        heapq.heappush(self._waiting, one)
        self._waiting_bytes += len(segment.data)
        while len(self._waiting) > WAITING_SEGMENTS or self._waiting_bytes > WAITING_BYTES:
            self._give_up()

    def _release(self) -> None:
        while self._waiting and self._waiting[0].at <= self.offset:
            one = heapq.heappop(self._waiting)
            self._waiting_at.pop(one.at, None)
            self._waiting_bytes -= len(one.data)
            self._take(one.at, one.data, one.size, one.time, one.frame)

    def _give_up(self) -> None:
        self._gap(self._waiting[0].at - self.offset)
        self._release()


class Ending(NamedTuple):
    """A FIN or a RST."""

    side: int
    kind: Literal["FIN", "RST"]
    time: int | None
    frame: int


class TcpConnection:
    """One TCP connection; side 0 is the one that sent the SYN, or else the first packet."""

    def __init__(self, number: int, ends: tuple[End, End]) -> None:
        self.number = number
        self.ends = ends
        self.streams: tuple[Stream, Stream]
        self.endings: list[Ending] = []  # the first of each kind and side
        self.start_time: int | None = None
        self.stop_time: int | None = None
        self.first_frame = 0
        self.last_frame = 0

    def segment(self, side: int, segment: Segment, time: int | None, frame: int) -> None:
        """The next packet of the connection."""
        self.first_frame = self.first_frame or frame
        self.last_frame = frame
        if time is not None:
            self.start_time = time if self.start_time is None else min(self.start_time, time)
            self.stop_time = time if self.stop_time is None else max(self.stop_time, time)
        stream = self.streams[side]
        stream.packets += 1
        if segment.flags & SYN:
            stream.synchronise(segment.sequence)
        if segment.flags & RST:  # what a RST carries is a text for people, no part of the stream
            self._ending(side, "RST", time, frame)
            return
        stream.segment(segment, time, frame)
        if segment.flags & FIN:
            self._ending(side, "FIN", time, frame)

    def _ending(self, side: int, kind: Literal["FIN", "RST"], time: int | None, frame: int) -> None:
        if not any(one.side == side and one.kind == kind for one in self.endings):
            self.endings.append(Ending(side, kind, time, frame))


class Connections:
    """All TCP connections of a capture.

    ``opened`` gives the two receivers of a new connection; ``closed`` is told when no more of it
    comes: when its ends begin a new one with the same ports, or at the end of the capture.
    """

    def __init__(
        self,
        opened: Callable[[TcpConnection], tuple[Receiver, Receiver]],
        closed: Callable[[TcpConnection], None],
    ) -> None:
        self._opened = opened
        self._closed = closed
        self._count = 0
        self._known: dict[bytes, tuple[TcpConnection, int]] = {}  # by both ends, in that order
        self._open: dict[int, TcpConnection] = {}

    def segment(self, segment: Segment, time: int | None, frame: int) -> None:
        """The next segment of the capture."""
        known = self._known.get(segment.source + segment.target)
        if known is not None and segment.flags & SYN:
            connection, side = known
            if not connection.streams[side].fits(segment.sequence):
                self._close(connection)
                known = None
        connection, side = known or self._begin(segment)
        connection.segment(side, segment, time, frame)

    def finish(self) -> None:
        """The capture ends."""
        for connection in list(self._open.values()):
            self._close(connection)

    def _begin(self, segment: Segment) -> tuple[TcpConnection, int]:
        answers = segment.flags & SYN and segment.flags & ACK
        side = 1 if answers else 0
        source, target = segment.source, segment.target
        ends = (target, source) if answers else (source, target)
        connection = TcpConnection(self._count, ends)
        self._count += 1
        first, second = self._opened(connection)
        connection.streams = (Stream(first), Stream(second))
        self._open[connection.number] = connection
        self._known[ends[0] + ends[1]] = (connection, 0)
        self._known[ends[1] + ends[0]] = (connection, 1)
        return connection, side

    def _close(self, connection: TcpConnection) -> None:
        del self._open[connection.number]
        for stream in connection.streams:
            stream.finish()
        self._closed(connection)
