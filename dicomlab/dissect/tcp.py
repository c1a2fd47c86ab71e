"""TCP segments to connections: each direction's bytes, in order, once.

A direction hands its bytes on as soon as they are in order, to a Receiver, and keeps none. A
segment that comes early waits until what lies before it has come, or until too many wait: then
what is missing is a gap. Offsets count from the first byte after the SYN; where there was none,
from the first byte seen.

Two kinds of packets are so many that they have ways of their own through
:meth:`Connections.read`, which sees them by one look at their headers; all others take the long
way, which knows everything that can happen to a packet.

- The next piece of a data set that nobody has to look at, and acknowledgements: passed by.
- Those of a connection that has just begun: kept until it is over, since most are over soon; then
  it is read at one go if all its bytes came in order, and else by the long way.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Literal, NamedTuple, Protocol

from dicomlab.dissect.network import ACK, FIN, RST, SYN, End, Network, Segment, lane
from dicomlab.dissect.pcap import Interface, Reader, Record

_NUMBERS = 1 << 32  # TCP's sequence numbers
_MODULO = _NUMBERS - 1
_HALF = _NUMBERS // 2
_NOWHERE = 1 << 62  # behind every place of a file
WAITING_SEGMENTS = 256
WAITING_BYTES = 1 << 22
ALL_WAITING_BYTES = 1 << 25  # of all directions together
FIRST_SEGMENTS = 64  # without a SYN: so many may come out of order at the beginning
FIRST_BYTES = 1 << 18
BRIEF = 32  # packets with data that a connection may have to be read at one go
BRIEF_DATA = 4096  # bytes of data in one of them
LOOK_BACK = 1024  # packets in which the first copy of a retransmitted segment is looked for
COMPARED = 4096  # retransmitted segments of a direction that are compared with their first copy
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

    def at(self, segment: Segment) -> int:
        """The offset of a segment."""
        return self._place(segment.sequence)

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
            waiting = sum(one.size for one, _ in self._first)
            if len(self._first) >= FIRST_SEGMENTS or waiting > FIRST_BYTES:
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


class Direction(Protocol):
    """What is known of one direction when its connection has ended."""

    @property
    def offset(self) -> int:
        """Of the byte behind the last one."""

    @property
    def captured(self) -> int:
        """How many bytes the capture holds."""

    @property
    def seen(self) -> Seen | None:
        """The last packet that was passed by, if there is one."""

    @property
    def begins(self) -> int | None:
        """The sequence number of offset 0."""

    @property
    def with_syn(self) -> bool:
        """Whether its SYN was seen."""

    @property
    def packets(self) -> int:
        """How many were looked at; 0: none was seen."""

    @property
    def missing(self) -> int:
        """How many bytes the capture does not hold."""

    @property
    def retransmitted(self) -> int:
        """How many segments came again."""

    @property
    def early(self) -> int:
        """How many segments came before their turn."""


class InOrder(NamedTuple):
    """A direction of which every byte came once and in order."""

    offset: int
    begins: int | None
    packets: int
    seen: Seen | None = None
    missing: int = 0
    retransmitted: int = 0
    early: int = 0

    @property
    def captured(self) -> int:
        """All bytes are there."""
        return self.offset

    @property
    def with_syn(self) -> bool:
        """Whether its SYN was seen."""
        return self.begins is not None


class TcpConnection:
    """One TCP connection; side 0 is the one that sent the SYN, or else the first packet."""

    def __init__(self, number: int, ends: tuple[End, End]) -> None:
        self.number = number
        self.ends = ends
        self.directions: tuple[Direction, Direction]
        self.asked: int | None = None  # who sent the SYN, as far as any SYN tells
        self.endings: list[Ending] = []  # the first of each kind and side
        # segments that came again with other bytes than before: side, start, stop, packet
        self.differing: list[tuple[int, int, int, Seen]] = []
        self.start_time: int | None = None
        self.stop_time: int | None = None
        self.first_frame = 0
        self.last_frame = 0

    @property
    def over(self) -> bool:
        """Whether no more data can come: it was reset, or both sides have ended."""
        return any(one.kind == "RST" for one in self.endings) or len(self.endings) == 2

    def note(self, time: int | None, frame: int) -> None:
        """It has a packet of that time."""
        self.first_frame = self.first_frame or frame
        self.last_frame = max(self.last_frame, frame)
        if time is not None:
            self.start_time = time if self.start_time is None else min(self.start_time, time)
            self.stop_time = time if self.stop_time is None else max(self.stop_time, time)

    def end(self, side: int, kind: Literal["FIN", "RST"], seen: Seen) -> None:
        """A side ends it."""
        if not any(one.side == side and one.kind == kind for one in self.endings):
            self.endings.append(Ending(side, kind, seen.time, seen.frame))


class _Long(TcpConnection):
    """A connection that is read packet by packet."""

    def __init__(
        self, number: int, ends: tuple[End, End], receivers: tuple[Receiver, Receiver], room: _Room
    ) -> None:
        super().__init__(number, ends)
        self.streams = (Stream(receivers[0], room), Stream(receivers[1], room))
        self.directions = self.streams

    @property
    def latest(self) -> int:
        """The frame of its last packet."""
        return max(self.last_frame, *(one.frame for one in self.streams))

    def segment(self, side: int, segment: Segment, seen: Seen) -> None:
        """The next packet of the connection."""
        self.note(seen.time, seen.frame)
        stream = self.streams[side]
        stream.packets += 1
        if segment.flags & SYN:
            stream.synchronise(segment.sequence)
            self.asked = 1 - side if segment.flags & ACK else side
        if segment.flags & RST:  # what a RST carries is a text for people, no part of the stream
            self.end(side, "RST", seen)
            return
        stream.segment(segment, seen)
        if segment.flags & FIN:
            self.end(side, "FIN", seen)

    def finish(self) -> None:
        """No more packets come."""
        for stream in self.streams:
            if stream.interface is not None:
                self.note(stream.interface.time(stream.ticks), stream.frame)
            stream.finish()


# a packet of a brief connection: side, sequence number, flags, data, frame, ticks, place
_Packet = tuple[int, int, int, bytes, int, int, int]
Piece = tuple[int, int, bytes, Seen]  # side, offset, bytes, and the packet that carried them


class OutOfOrder(Exception):
    """Not every byte came once and in order."""


class Brief:
    """A connection whose packets are kept until it is over."""

    __slots__ = (
        "ended", "frame", "interface", "key", "number", "over", "packets", "sides",
        "ticks",
    )  # fmt: skip

    def __init__(self, number: int, key: bytes, interface: Interface) -> None:
        self.number = number
        self.key = key  # both ends as the headers of side 0 have them
        self.interface = interface
        self.packets: list[_Packet] = []  # those that are more than an acknowledgement
        self.frame = 0  # of the last packet
        self.ticks = 0
        self.sides = 0  # of which packets were seen: 1 and 2
        self.ended = 0  # FIN of either side: 1 and 2, RST: 4
        self.over = False  # no more data can come

    @property
    def ends(self) -> tuple[End, End]:
        """Side 0 and side 1."""
        return _ends(self.key)

    @property
    def latest(self) -> int:
        """The frame of its last packet."""
        return self.frame

    def pieces(self, connection: TcpConnection) -> Iterator[Piece]:
        """All bytes, and at the end what is to be known of the connection itself.

        Raises OutOfOrder where that takes the long way.
        """
        begins: list[int | None] = [None, None]
        offsets = [0, 0]
        finished = 0  # sides of which a FIN was seen: 1 and 2
        time = self.interface.time
        for side, sequence, flags, data, frame, ticks, place in self.packets:
            if flags & SYN:
                if begins[side] is not None or data:
                    raise OutOfOrder
                begins[side] = (sequence + 1) & _MODULO
                connection.asked = 0
                continue
            if flags & RST:
                connection.end(side, "RST", Seen(time(ticks), frame, place))
                continue
            begin, at = begins[side], offsets[side]
            if begin is None or sequence != (begin + at) & _MODULO:
                raise OutOfOrder
            if data:
                yield side, at, data, Seen(time(ticks), frame, place)
                offsets[side] = at + len(data)
            if flags & FIN:
                if finished & 1 + side:
                    raise OutOfOrder
                finished |= 1 + side
                connection.end(side, "FIN", Seen(time(ticks), frame, place))
        connection.first_frame, connection.last_frame = self.packets[0][4], self.frame
        ticks_ = [self.ticks, *[packet[5] for packet in self.packets]]
        connection.start_time, connection.stop_time = time(min(ticks_)), time(max(ticks_))
        connection.directions = (
            InOrder(offsets[0], begins[0], self.sides & 1),
            InOrder(offsets[1], begins[1], self.sides & 2),
        )


class Connections:
    """All TCP connections of a capture.

    ``opened`` gives the two receivers of a new connection; ``closed`` is told when no more of it
    comes: when its ends begin a new one with the same ports, when it is over and many others have
    ended since, or at the end of the capture. A brief connection goes to ``brief`` instead, which
    reads it at one go; where it does not, the connection takes the long way.
    """

    def __init__(
        self,
        opened: Callable[[TcpConnection], tuple[Receiver, Receiver]],
        closed: Callable[[TcpConnection], None],
        brief: Callable[[TcpConnection, Iterator[Piece]], bool] = lambda *_: False,
    ) -> None:
        self._opened = opened
        self._read_brief = brief
        self._closed = closed
        self._count = 0
        self._known: dict[bytes, tuple[_Long, int]] = {}  # by both ends, as the headers have them
        self._streams: dict[bytes, Stream] = {}  # the same
        self._briefs: dict[bytes, Brief] = {}  # the same
        self._open: dict[int, _Long | Brief] = {}
        self._ended: deque[_Long | Brief] = deque()
        self._recent: deque[Record] = deque(maxlen=LOOK_BACK)
        self._room = _Room()

    def read(self, reader: Reader) -> None:  # noqa: C901 - a call for each packet would cost more
        """All packets of a capture file."""
        network, streams, briefs = Network(), self._streams, self._briefs
        source = reader.source
        frame, current = 0, None
        recent, window = self._recent, None
        for record in reader.records():
            buffer, at, captured, size, ticks, interface = record
            if buffer is not window:  # no more than two windows of the file stay in memory
                while recent and recent[0][0] is not window:
                    recent.popleft()
                window = buffer
            recent.append(record)
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
                        start = at + before_ip + header
                        stream = streams.get(key)
                        brief = None
                        if stream is None:
                            brief = briefs.get(key)
                            if flags & 0x12 == SYN:
                                brief = self._begin_brief(key, sequence, interface)
                        elif sequence == stream.next and not flags & 7:
                            stream.frame = frame
                            stream.ticks = ticks
                            stream.interface = interface
                            if length <= stream.quick:
                                stream.quick -= length
                                stream.next = (sequence + length) & _MODULO
                                continue
                            if not stream.waiting:
                                place = source.base + at - interface.header
                                seen = Seen(interface.time(ticks), frame, place)
                                stream.follow(buffer[start : start + length], seen)
                                continue
                        if brief is not None and interface is brief.interface:
                            side = 0 if key == brief.key else 1
                            brief.sides |= 1 + side
                            brief.frame = frame
                            brief.ticks = ticks
                            if not length and not flags & 7:
                                continue
                            data = buffer[start : start + length]
                            place = source.base + at - interface.header
                            packet = (side, sequence, flags, data, frame, ticks, place)
                            brief.packets.append(packet)
                            if flags & 5 or length > 4096 or len(brief.packets) >= BRIEF:
                                self._look_at(brief, packet)
                            continue
                        data = buffer[start : start + length]
                        place = source.base + at - interface.header
                        usual = Segment(*_ends(key), sequence, flags, data, length, place)
                        self.segment(usual, Seen(interface.time(ticks), frame, place))
                        continue
            place = source.base + at - interface.header
            segment = network.segment(interface.link_type, buffer[at : at + captured], size, place)
            if segment is not None:
                self.segment(segment, Seen(interface.time(ticks), frame, segment.place))

    def segment(self, segment: Segment, seen: Seen) -> None:
        """The next segment of the capture, by the long way."""
        key = _key(segment.source, segment.target)
        if key in self._briefs:
            self._lengthen(self._briefs[key])
        known = self._known.get(key)
        if known is not None and segment.flags & SYN:
            connection, side = known
            if not connection.streams[side].fits(segment.sequence):
                self._close(connection)
                known = None
        connection, side = known or self._begin(segment)
        self._segment(connection, side, segment, seen)

    def finish(self) -> None:
        """The capture ends."""
        for connection in list(self._open.values()):
            self._close(connection)

    @property
    def brief(self) -> Iterable[bytes]:
        """What the requestor of each brief connection said first."""
        for one in self._open.values():
            if isinstance(one, Brief):
                yield next((packet[3] for packet in one.packets if packet[3]), b"")

    # --- the long way -------------------------------------------------------------------------

    def _begin(self, segment: Segment) -> tuple[_Long, int]:
        answers = segment.flags & SYN and segment.flags & ACK
        side = 1 if answers else 0
        source, target = segment.source, segment.target
        ends = (target, source) if answers else (source, target)
        return self._open_long(self._number(), ends), side

    def _open_long(self, number: int, ends: tuple[End, End]) -> _Long:
        receivers = self._opened(TcpConnection(number, ends))
        connection = _Long(number, ends, receivers, self._room)
        self._open[number] = connection
        for side, key in enumerate((_key(*ends), _key(*ends[::-1]))):
            self._known[key] = (connection, side)
            self._streams[key] = connection.streams[side]
        return connection

    def _segment(
        self,
        connection: _Long,
        side: int,
        segment: Segment,
        seen: Seen,
        earlier: Iterable[Segment] | None = None,
    ) -> None:
        """A segment of a connection; ``earlier`` are those before it, the last one first."""
        was_over = connection.over
        came_again = connection.streams[side].retransmitted
        connection.segment(side, segment, seen)
        if came_again < connection.streams[side].retransmitted <= COMPARED:
            earlier = self._before(segment) if earlier is None else earlier
            if _differs(segment, earlier):
                at = connection.streams[side].at(segment)
                connection.differing.append((side, at, at + segment.size, seen))
        if not was_over and connection.over:
            self._is_over(connection)

    def _before(self, segment: Segment) -> Iterator[Segment]:
        """The segments of the same direction in the last packets, the last one first."""
        network = Network()
        records = reversed(self._recent)
        next(records, None)  # the packet itself
        for buffer, at, captured, size, _, interface in records:
            packet = buffer[at : at + captured]
            one = network.segment(interface.link_type, packet, size)
            if one and one.source == segment.source and one.target == segment.target:
                yield one

    # --- brief connections --------------------------------------------------------------------

    def _begin_brief(self, key: bytes, sequence: int, interface: Interface) -> Brief:
        """The connection that a SYN begins, or has begun."""
        known = self._briefs.get(key)
        if known is not None and key == known.key and known.packets[0][1] == sequence:
            return known
        if known is not None:
            self._close(known)
        brief = Brief(self._number(), key, interface)
        self._open[brief.number] = self._briefs[key] = self._briefs[_back(key)] = brief
        return brief

    def _look_at(self, brief: Brief, packet: _Packet) -> None:
        """It has a packet that may end it, or make it long."""
        flags = packet[2]
        if len(brief.packets) >= BRIEF or len(packet[3]) > BRIEF_DATA:
            self._lengthen(brief)
        elif flags & (FIN | RST) and not brief.over:
            brief.ended |= 4 if flags & RST else 1 + packet[0]
            if brief.ended >= 3:
                brief.over = True
                self._is_over(brief)

    def _lengthen(self, brief: Brief) -> _Long:
        """The same connection, read packet by packet from now on."""
        self._forget(brief)
        connection = self._open_long(brief.number, brief.ends)
        time = brief.interface.time
        before: tuple[list[Segment], list[Segment]] = ([], [])
        for side, sequence, flags, data, frame, ticks, place in brief.packets:
            ends = connection.ends if side == 0 else connection.ends[::-1]
            segment = Segment(*ends, sequence, flags, data, len(data), place)
            seen = Seen(time(ticks), frame, place)
            self._segment(connection, side, segment, seen, before[side][::-1])
            before[side].append(segment)
        for side, stream in enumerate(connection.streams):  # acknowledgements were not kept
            stream.packets += brief.sides >> side & 1
        connection.note(time(brief.ticks), brief.frame)
        return connection

    # --- ending -------------------------------------------------------------------------------

    def _number(self) -> int:
        if len(self._open) >= OPEN:  # the eighth part that was silent for the longest time ends
            silent = sorted(self._open.values(), key=lambda one: one.latest)[: OPEN // 8]
            for one in silent:
                self._close(one)
        self._count += 1
        return self._count - 1

    def _is_over(self, connection: _Long | Brief) -> None:
        self._ended.append(connection)
        if len(self._ended) > ENDED:  # many at a time: the processor likes to stay with one thing
            for one in list(self._ended)[: ENDED // 2]:
                self._close(one)

    def _close(self, connection: _Long | Brief) -> None:
        if isinstance(connection, Brief):
            whole = TcpConnection(connection.number, connection.ends)
            try:
                read = self._read_brief(whole, connection.pieces(whole))
            except OutOfOrder:
                read = False
            if read:
                self._forget(connection)
                return
            connection = self._lengthen(connection)
        self._forget(connection)
        connection.finish()
        self._closed(connection)

    def _forget(self, connection: _Long | Brief) -> None:
        """It is no longer open."""
        del self._open[connection.number]
        if connection.over:
            self._ended.remove(connection)
        for key in (_key(*connection.ends), _key(*connection.ends[::-1])):
            if isinstance(connection, Brief):
                self._briefs.pop(key, None)
            else:
                self._known.pop(key, None)
                self._streams.pop(key, None)


def _differs(segment: Segment, earlier: Iterable[Segment]) -> bool:
    """Whether bytes of a segment that came again were others before."""
    left = segment.size
    for one in earlier:
        ahead = (one.sequence - segment.sequence + _HALF) % _NUMBERS - _HALF
        first, last = max(ahead, 0), min(ahead + len(one.data), len(segment.data))
        if first < last:
            if one.data[first - ahead : last - ahead] != segment.data[first:last]:
                return True
            left -= last - first
        if left <= 0:
            break
    return False


def _key(source: End, target: End) -> bytes:
    """Both ends as they stand in the headers: the addresses first, then the ports."""
    return source[:-2] + target[:-2] + source[-2:] + target[-2:]


def _ends(key: bytes) -> tuple[End, End]:
    """Source and target of a key of IPv4."""
    return key[:4] + key[8:10], key[4:8] + key[10:]


def _back(key: bytes) -> bytes:
    """The key of the other direction, of IPv4."""
    return key[4:8] + key[:4] + key[10:] + key[8:10]
