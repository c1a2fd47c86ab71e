"""TCP segments to connections: each direction's bytes, in order, once.

A direction hands its bytes on as soon as they are in order, to a Receiver, and keeps none. A
segment that comes early waits until what lies before it has come, or until too many wait: then
what is missing is a gap. Offsets count from the first byte after the SYN; where there was none,
from the first byte seen.

Most packets of a large capture are the next piece of a data set that nobody has to look at, or
acknowledge one. :meth:`Connections.read` sees that from one look at their headers, and passes them
by; all others take the long way, which knows every kind of packet.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable
from typing import Literal, NamedTuple, Protocol

from dicomlab.dissect.network import ACK, FIN, RST, SYN, End, Network, Segment, lane
from dicomlab.dissect.pcap import Interface, Reader

_NUMBERS = 1 << 32  # TCP's sequence numbers
_MODULO = _NUMBERS - 1
_NOWHERE = 1 << 62  # behind every place of a file
WAITING_SEGMENTS = 256
WAITING_BYTES = 1 << 22
ALL_WAITING_BYTES = 1 << 25  # of all directions together
FIRST_SEGMENTS = 8  # without a SYN: so many may come out of order at the beginning
ENDED = 1024  # connections that are over, and may still get a late packet
OPEN = 8192  # connections that are kept; beyond that, those that were silent longest are ended


class Receiver(Protocol):
    """Takes the bytes of one direction."""

    def begin(self, at_start: bool) -> None:
        """Called first: whether the first byte is the first of the connection."""

    def data(self, at: int, chunk: bytes, seen: Seen, /) -> int:
        """The next bytes that are shown, from offset ``at`` on.

        Gives how many of those that follow need not be shown.
        """

    def gap(self, at: int, size: int, /) -> None:
        """So many bytes from offset ``at`` on are not in the capture."""


class Seen(NamedTuple):
    """When and where a packet was seen."""

    time: int | None  # nanoseconds since 1970
    frame: int
    place: int  # of its record in the file


class _Waiting(NamedTuple):
    """A segment that came before its turn; sorts by its place."""

    at: int
    order: int
    data: bytes
    size: int
    seen: Seen


class _Room:
    """The bytes that wait in all directions together."""

    taken = 0


class Stream:
    """One direction of a connection."""

    __slots__ = (
        "_end",
        "_first",
        "_goal",
        "_receiver",
        "_room",
        "_waiting_at",
        "_waiting_bytes",
        "begins",
        "early",
        "frame",
        "interface",
        "missing",
        "next",
        "packets",
        "quick",
        "retransmitted",
        "ticks",
        "waiting",
        "with_syn",
    )

    def __init__(self, receiver: Receiver, room: _Room | None = None) -> None:
        self._receiver = receiver
        self._room = room or _Room()
        self.begins: int | None = None  # the sequence number of offset 0
        self.next: int | None = None  # the sequence number of the next byte
        self.quick = 0  # bytes that may pass without being looked at
        self._goal = 0  # the offset behind those
        self.with_syn = False
        self.packets = 0  # 0: none was seen
        self.missing = 0
        self.retransmitted = 0  # segments that came again, wholly or in part
        self.early = 0  # segments that came before their turn
        self.frame = 0  # of the last packet that was passed by
        self.ticks = 0
        self.interface: Interface | None = None
        self.waiting: list[_Waiting] = []  # segments that came before their turn
        self._waiting_at: dict[int, int] = {}  # offset → size of those that wait
        self._waiting_bytes = 0
        self._first: list[tuple[Segment, Seen]] = []  # before the beginning is known
        self._end: int | None = None  # the offset of the FIN

    @property
    def offset(self) -> int:
        """Of the next byte."""
        return self._goal - self.quick

    @property
    def captured(self) -> int:
        """How many bytes the capture holds."""
        return self.offset - self.missing

    @property
    def seen(self) -> Seen | None:
        """The last packet that was passed by, if there is one."""
        if self.interface is None:
            return None
        return Seen(self.interface.time(self.ticks), self.frame, _NOWHERE)

    def synchronise(self, sequence: int) -> None:
        """A SYN with this sequence number."""
        self.with_syn = True
        self._begin((sequence + 1) % _NUMBERS)

    def resume(self, begins: int, offset: int) -> None:
        """Begin in the middle: at an offset of a stream whose beginning is known."""
        self.begins = begins
        self._move(offset)

    def fits(self, sequence: int) -> bool:
        """Whether a SYN with this sequence number can belong here."""
        if self.begins is not None:
            return self.with_syn and self.begins == (sequence + 1) % _NUMBERS
        return all(
            (one.sequence - sequence - 1) % _NUMBERS < WAITING_BYTES for one, _ in self._first
        )

    def follow(self, data: bytes, seen: Seen) -> None:
        """The next bytes, while nothing waits."""
        at = self._goal - self.quick
        self.quick = self._receiver.data(at, data, seen)
        self._goal = at + len(data) + self.quick
        assert self.next is not None
        self.next = (self.next + len(data)) & _MODULO

    def segment(self, segment: Segment, seen: Seen) -> None:
        """A segment of this direction, in the order of the capture."""
        if self.begins is None:
            if segment.size:
                self._first.append((segment, seen))
            if len(self._first) >= FIRST_SEGMENTS:
                self._begin_without_syn()
            return
        at = self._place((segment.sequence + bool(segment.flags & SYN)) % _NUMBERS)
        if segment.flags & FIN:
            self._end = at + segment.size
        if segment.size == 0 or (segment.size == 1 and at == self.offset - 1):  # keep-alive
            return
        if at > self.offset:
            self._wait(at, segment, seen)
            return
        if at < self.offset:
            self.retransmitted += 1
        self._take(at, segment.data, segment.size, seen)
        if self.waiting:
            self._release()

    def finish(self) -> None:
        """No more segments come: what waits is handed on, with gaps where bytes are missing."""
        self._begin_without_syn()
        while self.waiting:
            self._give_up()
        if self._end is not None and self._end > self.offset:
            self._gap(self._end - self.offset)

    def _move(self, offset: int, quick: int = 0) -> None:
        """The next byte is that at ``offset``; ``quick`` from there on need not be looked at."""
        assert self.begins is not None
        self.quick = 0 if self.waiting else quick
        self._goal = offset + self.quick
        self.next = (self.begins + offset) & _MODULO

    def _begin(self, sequence: int) -> None:
        if self.begins is not None:
            return
        self.begins = sequence
        self._move(0)
        self._receiver.begin(self.with_syn)
        first, self._first = self._first, []
        for segment, seen in first:
            self.segment(segment, seen)

    def _begin_without_syn(self) -> None:
        if self._first:
            start = self._first[0][0].sequence
            half = _NUMBERS // 2
            self._begin(
                min(
                    (one.sequence for one, _ in self._first),
                    key=lambda sequence: (sequence - start + half) % _NUMBERS,
                )
            )

    def _place(self, sequence: int) -> int:
        """The offset of a sequence number: the one nearest to the next byte."""
        assert self.begins is not None
        ahead = (sequence - self.begins - self.offset) % _NUMBERS
        return self.offset + (ahead if ahead < _NUMBERS // 2 else ahead - _NUMBERS)

    def _take(self, at: int, data: bytes, size: int, seen: Seen) -> None:
        """Hand on what is new of a segment that begins no later than the next byte."""
        offset = self.offset
        known = offset - at
        if size <= known:
            return
        fresh = data[known:] if known else data
        if fresh:
            quick = self._receiver.data(offset, fresh, seen)
            self._move(offset + len(fresh), quick)
        if at + size > self.offset:  # the capture holds only the beginning of the packet
            self._gap(at + size - self.offset)

    def _gap(self, size: int) -> None:
        offset = self.offset
        self.missing += size
        self._receiver.gap(offset, size)
        self._move(offset + size)

    def _wait(self, at: int, segment: Segment, seen: Seen) -> None:
        if self._waiting_at.get(at, 0) >= segment.size:
            self.retransmitted += 1
            return
        self.early += 1
        self._waiting_at[at] = segment.size
        heapq.heappush(self.waiting, _Waiting(at, seen.frame, segment.data, segment.size, seen))
        self._move(self.offset)
        self._count(len(segment.data))
        while self.waiting and (
            len(self.waiting) > WAITING_SEGMENTS
            or self._waiting_bytes > WAITING_BYTES
            or self._room.taken > ALL_WAITING_BYTES
        ):
            self._give_up()

    def _count(self, size: int) -> None:
        self._waiting_bytes += size
        self._room.taken += size

    def _release(self) -> None:
        while self.waiting and self.waiting[0].at <= self.offset:
            one = heapq.heappop(self.waiting)
            self._waiting_at.pop(one.at, None)
            self._count(-len(one.data))
            self._take(one.at, one.data, one.size, one.seen)

    def _give_up(self) -> None:
        self._gap(self.waiting[0].at - self.offset)
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

    @property
    def over(self) -> bool:
        """Whether no more data can come: it was reset, or both sides have ended."""
        return any(one.kind == "RST" for one in self.endings) or len(self.endings) == 2

    def segment(self, side: int, segment: Segment, seen: Seen) -> None:
        """The next packet of the connection."""
        self._note(seen.time, seen.frame)
        stream = self.streams[side]
        stream.packets += 1
        if segment.flags & SYN:
            stream.synchronise(segment.sequence)
        if segment.flags & RST:  # what a RST carries is a text for people, no part of the stream
            self._ending(side, "RST", seen)
            return
        stream.segment(segment, seen)
        if segment.flags & FIN:
            self._ending(side, "FIN", seen)

    def finish(self) -> None:
        """No more packets come."""
        for stream in self.streams:
            if stream.interface is not None:
                self._note(stream.interface.time(stream.ticks), stream.frame)
            stream.finish()

    def _note(self, time: int | None, frame: int) -> None:
        self.first_frame = self.first_frame or frame
        self.last_frame = max(self.last_frame, frame)
        if time is not None:
            self.start_time = time if self.start_time is None else min(self.start_time, time)
            self.stop_time = time if self.stop_time is None else max(self.stop_time, time)

    def _ending(self, side: int, kind: Literal["FIN", "RST"], seen: Seen) -> None:
        if not any(one.side == side and one.kind == kind for one in self.endings):
            self.endings.append(Ending(side, kind, seen.time, seen.frame))


class Connections:
    """All TCP connections of a capture.

    ``opened`` gives the two receivers of a new connection; ``closed`` is told when no more of it
    comes: when its ends begin a new one with the same ports, when it is over and many others have
    ended since, or at the end of the capture.
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
        self._streams: dict[bytes, Stream] = {}  # the same, as IPv4 and TCP headers have the ends
        self._open: dict[int, TcpConnection] = {}
        self._ended: deque[TcpConnection] = deque()
        self._room = _Room()

    def read(self, reader: Reader) -> None:
        """All packets of a capture file."""
        network, streams = Network(), self._streams
        source = reader.source
        frame, current = 0, None
        for buffer, at, captured, size, ticks, interface in reader.records():
            frame += 1
            if interface is not current:
                current = interface
                beginning, unpack, least, before_ip = lane(interface.link_type)
            if captured == size and size >= least:
                begins, total, part, protocol, key, sequence, words, flags = unpack(buffer, at)
                if begins == beginning and protocol == 6 and not part & 0x3FFF:
                    header = 20 + (words >> 4 << 2)
                    length = total - header
                    if total + before_ip <= size and length >= 0 and header >= 40:
                        stream = streams.get(key)
                        if stream is not None and sequence == stream.next and not flags & 7:
                            if length <= stream.quick:
                                stream.quick -= length
                                stream.next = (sequence + length) & _MODULO
                                stream.frame = frame
                                stream.ticks = ticks
                                stream.interface = interface
                                continue
                            if not stream.waiting:
                                stream.frame = frame
                                stream.ticks = ticks
                                stream.interface = interface
                                place = source.base + at - interface.header
                                start = at + before_ip + header
                                seen = Seen(interface.time(ticks), frame, place)
                                stream.follow(buffer[start : start + length], seen)
                                continue
                        place = source.base + at - interface.header
                        start = at + before_ip + header
                        usual = Segment(
                            key[:4] + key[8:10],
                            key[4:8] + key[10:],
                            sequence,
                            flags,
                            buffer[start : start + length],
                            length,
                            place,
                        )
                        self.segment(usual, Seen(interface.time(ticks), frame, place))
                        continue
            place = source.base + at - interface.header
            packet = buffer[at : at + captured]
            segment = network.segment(interface.link_type, packet, size, place)
            if segment is not None:
                self.segment(segment, Seen(interface.time(ticks), frame, segment.place))

    def segment(self, segment: Segment, seen: Seen) -> None:
        """The next segment of the capture."""
        known = self._known.get(segment.source + segment.target)
        if known is not None and segment.flags & SYN:
            connection, side = known
            if not connection.streams[side].fits(segment.sequence):
                self._close(connection)
                known = None
        connection, side = known or self._begin(segment)
        was_over = connection.over
        connection.segment(side, segment, seen)
        if not was_over and connection.over:
            self._ended.append(connection)
            if len(self._ended) > ENDED:
                self._close(self._ended[0])

    def finish(self) -> None:
        """The capture ends."""
        for connection in list(self._open.values()):
            self._close(connection)

    def _begin(self, segment: Segment) -> tuple[TcpConnection, int]:
        if len(self._open) >= OPEN:
            self._close_the_silent()
        answers = segment.flags & SYN and segment.flags & ACK
        side = 1 if answers else 0
        source, target = segment.source, segment.target
        ends = (target, source) if answers else (source, target)
        connection = TcpConnection(self._count, ends)
        self._count += 1
        first, second = self._opened(connection)
        connection.streams = (Stream(first, self._room), Stream(second, self._room))
        self._open[connection.number] = connection
        for number, way in enumerate((ends, ends[::-1])):
            self._known[way[0] + way[1]] = (connection, number)
            self._streams[_as_in_headers(*way)] = connection.streams[number]
        return connection, side

    def _close(self, connection: TcpConnection) -> None:
        del self._open[connection.number]
        if connection.over:
            self._ended.remove(connection)
        for way in (connection.ends, connection.ends[::-1]):
            self._known.pop(way[0] + way[1], None)
            self._streams.pop(_as_in_headers(*way), None)
        connection.finish()
        self._closed(connection)

    def _close_the_silent(self) -> None:
        """End the eighth part of all connections that was silent for the longest time."""

        def last(connection: TcpConnection) -> int:
            return max(connection.last_frame, *(one.frame for one in connection.streams))

        for connection in sorted(self._open.values(), key=last)[: OPEN // 8]:
            self._close(connection)


def _as_in_headers(source: End, target: End) -> bytes:
    """Both ends as they stand in the headers: the addresses first, then the ports."""
    return source[:-2] + target[:-2] + source[-2:] + target[-2:]
