"""TCP segments to connections.

Two kinds of packets are so many that they have ways of their own through
:meth:`Connections.read`, which sees them by one look at their headers; all others take the long
way, which knows everything that can happen to a packet.

- The next piece of a data set that nobody has to look at, and acknowledgements: passed by.
- Those of a connection that has just begun: kept until it is over, since most are over soon; then
  it is read at one go if all its bytes came in order, and else by the long way.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from typing import Literal, NamedTuple, Protocol

from dicomlab.dissect.network import ACK, FIN, RST, SYN, End, Network, Segment, glance, lane
from dicomlab.dissect.network import key as key_of
from dicomlab.dissect.pcap import Interface, Reader, Record
from dicomlab.dissect.tcp import MODULO, NUMBERS, Receiver, Room, Seen, Stream

BRIEF = 32  # packets with data that a connection may have to be read at one go
BRIEF_BYTES = 1 << 14  # of data in them
LOOK_BACK = 256  # packets in which the first copy of a retransmitted segment is looked for
LOOKS = 1 << 19  # packets that are looked at for that in all
COMPARED = 4096  # retransmitted segments of a direction that are compared with their first copy
ENDED = 1024  # connections that are over, and may still get a late packet
ADDRESSES = 4096  # of acceptors of which is remembered with what hops their packets came
OPEN = 4096  # connections that are kept; beyond that, those that were silent longest are ended
_HALF = NUMBERS // 2
_NO_DATA = SYN | RST  # a packet that carries none


class Ending(NamedTuple):
    """A FIN or a RST."""

    side: int
    kind: Literal["FIN", "RST"]
    time: int | None
    frame: int
    hops: tuple[int, int | None] | None = None  # of a RST, and of its sender's packets before it


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
    def hops(self) -> int | None:
        """Of its last packet that was looked at, RST left out."""

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
    hops: int | None
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

    def end(
        self,
        side: int,
        kind: Literal["FIN", "RST"],
        time: int | None,
        frame: int,
        hops: tuple[int, int | None] | None = None,
    ) -> None:
        """A side ends it; the first time counts."""
        for one in self.endings:
            if one.side == side and one.kind == kind:
                return
        self.endings.append(Ending(side, kind, time, frame, hops))


class _Long(TcpConnection):
    """A connection that is read packet by packet."""

    def __init__(
        self, number: int, ends: tuple[End, End], receivers: tuple[Receiver, Receiver], room: Room
    ) -> None:
        super().__init__(number, ends)
        self.streams = (Stream(receivers[0], room), Stream(receivers[1], room))
        self.directions = self.streams

    @property
    def keys(self) -> tuple[bytes, bytes]:
        """Both ends as the headers of either side have them."""
        return key_of(*self.ends), key_of(*self.ends[::-1])

    @property
    def latest(self) -> int:
        """The frame of its last packet."""
        frames = [frame for one in self.streams for frame in (one.frame, one.idle_frame)]
        return max(self.last_frame, *frames)

    @property
    def has_data(self) -> bool:
        """Whether anything was said."""
        return any(one.offset for one in self.streams)

    def segment(self, side: int, segment: Segment, seen: Seen) -> None:
        """The next packet of the connection."""
        self.note(seen.time, seen.frame)
        stream = self.streams[side]
        stream.packets += 1
        if segment.acknowledges is not None:
            stream.acknowledge(segment.acknowledges)
        if segment.flags & SYN:
            stream.synchronise(segment.sequence)
            self.asked = 1 - side if segment.flags & ACK else side
            other = self.streams[1 - side]
            if segment.acknowledges is not None and other.begins is None:  # of a SYN that was lost
                other.synchronise((segment.acknowledges - 1) & MODULO)
        if segment.flags & RST:  # what a RST carries is a text for people, no part of the stream
            hops = None if segment.hops is None else (segment.hops, stream.hops)
            self.end(side, "RST", seen.time, seen.frame, hops)
            return
        stream.hops = segment.hops
        stream.segment(segment, seen)
        if segment.flags & FIN:
            self.end(side, "FIN", seen.time, seen.frame)

    def finish(self) -> None:
        """No more packets come."""
        for stream in self.streams:
            if stream.interface is not None:
                self.note(stream.interface.time(stream.ticks), stream.frame)
            self.note(None, stream.idle_frame)
        first, second = self.streams
        for stream, other in ((first, second), (second, first)):
            stream.settle(other)
        for stream, other in ((first, second), (second, first)):
            stream.finish(other)


# a packet of a brief connection: side, sequence number, acknowledgement number, flags, data, frame,
# ticks, place, hops
_Packet = tuple[int, int, int, int, bytes, int, int, int, int]
# side, offset, bytes, and the packet that carried them: its time, frame, place
Piece = tuple[int, int, bytes, int | None, int, int]


class Brief:
    """A connection whose packets are kept until it is over."""

    __slots__ = (
        "ended", "frame", "interface", "key", "number", "over", "packets", "sides", "size",
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
        self.size = 0  # bytes of data
        self.ended = 0  # FIN of either side: 1 and 2, RST: 4
        self.over = False  # no more data can come

    @property
    def ends(self) -> tuple[End, End]:
        """Side 0 and side 1."""
        return _ends(self.key)

    @property
    def keys(self) -> tuple[bytes, bytes]:
        """Both ends as the headers of either side have them."""
        return self.key, _back(self.key)

    @property
    def latest(self) -> int:
        """The frame of its last packet."""
        return self.frame

    @property
    def has_data(self) -> bool:
        """Whether anything was said."""
        return self.size > 0

    def in_order(self, connection: TcpConnection) -> list[Piece] | None:
        """All bytes, and what is to be known of the connection itself.

        None where not every byte came once and in order: that takes the long way.
        """
        pieces: list[Piece] = []
        begins: list[int | None] = [None, None]
        following: list[int | None] = [None, None]  # the sequence number that is due
        acknowledged: list[int | None] = [None, None]  # of the other side, by the last packet
        offsets = [0, 0]
        before: list[int | None] = [None, None]  # the hops of the packet before
        time = self.interface.time
        for side, sequence, expected, flags, data, frame, ticks, place, hops in self.packets:
            if flags & ACK:
                acknowledged[side] = expected
            if sequence == following[side] and not flags & _NO_DATA:
                if data:
                    at = offsets[side]
                    pieces.append((side, at, data, time(ticks), frame, place))
                    offsets[side] = at + len(data)
                following[side] = (sequence + len(data) + (flags & FIN)) & MODULO
                if flags & FIN:
                    connection.end(side, "FIN", time(ticks), frame)
            elif flags & SYN:
                if begins[side] is not None or data:
                    return None
                begins[side] = following[side] = (sequence + 1) & MODULO
                connection.asked = 0
            elif flags & RST:
                connection.end(side, "RST", time(ticks), frame, (hops, before[side]))
                continue
            else:
                return None
            before[side] = hops
        if _lacks(acknowledged[0], following[1]) or _lacks(acknowledged[1], following[0]):
            return None
        connection.directions = (
            InOrder(offsets[0], begins[0], self.sides & 1, before[0]),
            InOrder(offsets[1], begins[1], self.sides & 2, before[1]),
        )
        connection.first_frame, connection.last_frame = self.packets[0][5], self.frame
        all_ticks = [packet[6] for packet in self.packets]
        all_ticks.append(self.ticks)
        connection.start_time, connection.stop_time = time(min(all_ticks)), time(max(all_ticks))
        return pieces


def _lacks(acknowledged: int | None, following: int | None) -> bool:
    """Whether more was received than the capture holds: bytes, or a FIN."""
    if acknowledged is None or following is None:
        return False
    return 0 < (acknowledged - following) & MODULO < _HALF


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
        brief: Callable[[TcpConnection, list[Piece]], bool] = lambda *_: False,
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
        self._looks = LOOKS
        self._room = Room()
        self._hops: dict[bytes, set[int]] = {}  # of each acceptor's address, those of its packets
        self._made_up = False  # whether the headers are
        self._network = Network()

    @property
    def unread(self) -> Mapping[str, int]:
        """How many packets could not be read that may hold datagrams, by what is unknown."""
        return self._network.unread

    def read(self, reader: Reader) -> None:  # noqa: C901 - a call for each packet would cost more
        """All packets of a capture file."""
        network, streams, briefs = self._network, self._streams, self._briefs
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
                self._made_up = reader.made_up
            if captured == size and size >= least:
                (
                    begins, total, part, protocol, key, sequence, expected, words, flags,
                ) = unpack(buffer, at)  # fmt: skip
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
                            if not length:
                                stream.idle_frame = frame
                                continue
                            stream.frame = frame
                            stream.ticks = ticks
                            stream.interface = interface
                            if length <= stream.quick:
                                stream.quick -= length
                                stream.next = (sequence + length) & MODULO
                                continue
                            if not stream.waiting:
                                place = source.base + at - interface.header
                                stream.acknowledge(expected)
                                stream.hops = buffer[at + before_ip + 8]
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
                            packet = (
                                side, sequence, expected, flags, data, frame, ticks, place,
                                buffer[at + before_ip + 8],
                            )  # fmt: skip
                            brief.packets.append(packet)
                            brief.size += length
                            if flags & 5 or brief.size > BRIEF_BYTES or len(brief.packets) >= BRIEF:
                                self._look_at(brief, packet)
                            continue
                        data = buffer[start : start + length]
                        place = source.base + at - interface.header
                        acknowledges = expected if flags & ACK else None
                        hops = buffer[at + before_ip + 8]
                        usual = Segment(
                            *_ends(key), sequence, flags, data, length, place, acknowledges, hops
                        )
                        self.segment(usual, Seen(interface.time(ticks), frame, place))
                        continue
            place = source.base + at - interface.header
            segment = network.segment(interface.link_type, buffer[at : at + captured], size, place)
            if segment is not None:
                self.segment(segment, Seen(interface.time(ticks), frame, segment.place))

    def segment(self, segment: Segment, seen: Seen) -> None:
        """The next segment of the capture, by the long way."""
        key = key_of(segment.source, segment.target)
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
        """The capture ends: first of what was said, so that a RST alone is held against it."""
        for connection in sorted(self._open.values(), key=lambda one: not one.has_data):
            self._close(connection)
        self._recent.clear()

    @property
    def brief(self) -> Iterable[bytes]:
        """What the requestor of each brief connection said first."""
        for one in self._open.values():
            if isinstance(one, Brief):
                yield next((packet[4] for packet in one.packets if packet[4]), b"")

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
        for side, key in enumerate(connection.keys):
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
        was_over, stream = connection.over, connection.streams[side]
        came_again, offset = stream.retransmitted, stream.offset
        connection.segment(side, segment, seen)
        if came_again < stream.retransmitted <= COMPARED:
            at = stream.at(segment)
            known = min(segment.size, offset - at) if at < offset else segment.size
            earlier = self._before(segment) if earlier is None else earlier
            if _differs(segment, known, earlier):
                connection.differing.append((side, at, at + segment.size, seen))
        if not was_over and connection.over:
            self._is_over(connection)

    def _before(self, segment: Segment) -> Iterator[Segment]:
        """The segments of the same direction in the last packets, the last one first."""
        wanted = key_of(segment.source, segment.target)
        records = reversed(self._recent)
        next(records, None)  # the packet itself
        for buffer, at, captured, size, _, interface in islice(
            records, min(LOOK_BACK, self._looks)
        ):
            self._looks -= 1
            usual = glance(interface.link_type, buffer, at, captured, size)
            if usual is not None:
                if usual.key == wanted:
                    yield usual.segment(buffer)
                continue
            one = Network().segment(interface.link_type, buffer[at : at + captured], size)
            if one and key_of(one.source, one.target) == wanted:
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
        flags = packet[3]
        if len(brief.packets) >= BRIEF or brief.size > BRIEF_BYTES:
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
        for side, sequence, expected, flags, data, frame, ticks, place, hops in brief.packets:
            ends = connection.ends if side == 0 else connection.ends[::-1]
            acknowledges = expected if flags & ACK else None
            segment = Segment(*ends, sequence, flags, data, len(data), place, acknowledges, hops)
            seen = Seen(time(ticks), frame, place)
            self._segment(connection, side, segment, seen, before[side][::-1])
            before[side].append(segment)
        for side, stream in enumerate(connection.streams):  # acknowledgements were not kept
            stream.packets += brief.sides >> side & 1
        connection.note(time(brief.ticks), brief.frame)
        return connection

    # --- ending -------------------------------------------------------------------------------

    def _number(self) -> int:
        if (
            len(self._open) >= OPEN
        ):  # the eighth part ends: first those without data, then the silent
            by_use = sorted(self._open.values(), key=lambda one: (one.has_data, one.latest))
            silent = by_use[: OPEN // 8]
            for one in silent:
                self._close(one)
        self._count += 1
        return self._count - 1

    def _is_over(self, connection: _Long | Brief) -> None:
        self._ended.append(connection)
        if len(self._ended) > ENDED:  # many at a time: the processor likes to stay with one thing
            while len(self._ended) > ENDED // 2:  # one that is read anew ends again meanwhile
                self._close(self._ended[0])

    def _close(self, connection: _Long | Brief) -> None:
        if isinstance(connection, Brief):
            whole = TcpConnection(connection.number, connection.ends)
            pieces = connection.in_order(whole)
            if pieces is not None:
                self._compare_hops(whole)
                if self._read_brief(whole, pieces):
                    self._forget(connection)
                    return
            connection = self._lengthen(connection)
        self._forget(connection)
        connection.finish()
        self._compare_hops(connection)
        self._closed(connection)

    def _compare_hops(self, connection: TcpConnection) -> None:
        """A RST is held against packets of its sender before it, or in other connections.

        Who sends it in another's name is seldom as far away, or counts hops from another number
        (Weaver, Sommer, Paxson: Detecting Forged TCP Reset Packets, NDSS 2009). Window and IP ID
        decide nothing: Linux itself has 0 for both where it answers for a socket that is gone.
        """
        answered = connection.directions[1].hops
        if answered is not None:
            self._hops.setdefault(connection.ends[1][:-2], set()).add(answered)
            if len(self._hops) > ADDRESSES:
                del self._hops[next(iter(self._hops))]
        for number, one in enumerate(connection.endings):
            if one.hops is not None:
                came, before = one.hops
                if before is None:
                    elsewhere = self._hops.get(connection.ends[one.side][:-2], ())
                    before = min(elsewhere, key=lambda hops: abs(hops - came), default=None)
                hops = None if before is None or self._made_up else (came, before)
                connection.endings[number] = one._replace(hops=hops)

    def _forget(self, connection: _Long | Brief) -> None:
        """It is no longer open."""
        del self._open[connection.number]
        if connection.over:
            self._ended.remove(connection)
        for key in connection.keys:
            if isinstance(connection, Brief):
                self._briefs.pop(key, None)
            else:
                self._known.pop(key, None)
                self._streams.pop(key, None)


def _differs(segment: Segment, known: int, earlier: Iterable[Segment]) -> bool:
    """Whether bytes of a segment were others before, of those ``known`` that came again."""
    left = known
    for one in earlier:
        ahead = (one.sequence - segment.sequence + _HALF) % NUMBERS - _HALF
        first, last = max(ahead, 0), min(ahead + len(one.data), len(segment.data), known)
        if first < last:
            if one.data[first - ahead : last - ahead] != segment.data[first:last]:
                return True
            left -= last - first
        if left <= 0:
            break
    return False


def _ends(key: bytes) -> tuple[End, End]:
    """Source and target of a key of IPv4."""
    return key[:4] + key[8:10], key[4:8] + key[10:]


def _back(key: bytes) -> bytes:
    """The key of the other direction, of IPv4."""
    return key[4:8] + key[:4] + key[10:] + key[8:10]
