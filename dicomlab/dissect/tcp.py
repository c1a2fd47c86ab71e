"""One direction of a TCP connection: its bytes, in order, once.

A direction hands its bytes on as soon as they are in order, to a Receiver, and keeps none. A
segment that comes early waits until what lies before it has come, or until too many wait: then
what is missing is a gap. Offsets count from the first byte after the SYN; where there was none,
from the first byte seen.
"""

from __future__ import annotations

import heapq
from functools import reduce
from typing import NamedTuple, Protocol

from dicomlab.dissect.network import FIN, SYN, Segment
from dicomlab.dissect.pcap import Interface

NUMBERS = 1 << 32  # TCP's sequence numbers
MODULO = NUMBERS - 1
WAITING_SEGMENTS = 4096
WAITING_BYTES = 1 << 22  # of memory
WAITING_COST = 400  # bytes of memory that a segment takes beside its data
ALL_WAITING_BYTES = 1 << 25  # of memory, in all directions together
FIRST_SEGMENTS = 64  # without a SYN: so many may come out of order at the beginning
FIRST_BYTES = 1 << 18
_NOWHERE = 1 << 62  # behind every place of a file


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


class Room:
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
        "_seen_at",
        "_waiting_at",
        "_waiting_bytes",
        "acknowledges",
        "begins",
        "early",
        "first_acknowledged",
        "frame",
        "hops",
        "idle_frame",
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

    def __init__(self, receiver: Receiver, room: Room | None = None) -> None:
        self._receiver = receiver
        self._room = room or Room()
        self.begins: int | None = None  # the sequence number of offset 0
        self.next: int | None = None  # the sequence number of the next byte
        self.quick = 0  # bytes that may pass without being looked at
        self._goal = 0  # the offset behind those
        self.with_syn = False
        self.packets = 0  # 0: none was seen
        self.hops: int | None = None  # of the last packet that was looked at, RST left out
        self.missing = 0
        self.retransmitted = 0  # segments that came again, wholly or in part
        self.early = 0  # segments that came before their turn
        self.idle_frame = 0  # of the last packet without data that was passed by
        self.frame = 0  # of the last one with data
        self.ticks = 0
        self.interface: Interface | None = None
        self.waiting: list[_Waiting] = []  # segments that came before their turn
        self._waiting_at: dict[int, int] = {}  # offset → size of those that wait
        self._waiting_bytes = 0
        self._first: list[tuple[Segment, Seen]] = []  # before the beginning is known
        self._seen_at: int | None = None  # the sequence number of a first packet without data
        self._end: int | None = None  # the offset of the FIN
        self.first_acknowledged: int | None = None  # a number of the other direction
        self.acknowledges: int | None = None  # the greatest one

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
        self._begin((sequence + 1) % NUMBERS)

    def resume(self, begins: int, offset: int) -> None:
        """Begin in the middle: at an offset of a stream whose beginning is known."""
        self.begins = begins
        self._move(offset)

    def fits(self, sequence: int) -> bool:
        """Whether a SYN with this sequence number can belong here."""
        if self.begins is not None:
            return self.with_syn and self.begins == (sequence + 1) % NUMBERS
        return all(
            (one.sequence - sequence - 1) % NUMBERS < WAITING_BYTES for one, _ in self._first
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
        self.next = (self.next + len(data)) & MODULO

    def segment(self, segment: Segment, seen: Seen) -> None:
        """A segment of this direction, in the order of the capture."""
        if self.begins is None:
            if segment.size or segment.flags & FIN:
                self._first.append((segment, seen))
            elif self._seen_at is None:
                self._seen_at = segment.sequence
            waiting = sum(one.size for one, _ in self._first)
            if len(self._first) >= FIRST_SEGMENTS or waiting > FIRST_BYTES:
                self._begin_without_syn()
            return
        at = self._place((segment.sequence + bool(segment.flags & SYN)) % NUMBERS)
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

    @property
    def finished(self) -> bool:
        """Whether its FIN was seen."""
        return self._end is not None

    def settle(self, other: Stream) -> None:
        """No more segments come: what waits is handed on, with gaps where bytes are missing.

        A direction of which no data was seen begins where the ``other`` one began to acknowledge.
        """
        if self._seen_at is None:
            self._seen_at = other.first_acknowledged
        elif other.first_acknowledged is not None:
            self._seen_at = _earlier(self._seen_at, other.first_acknowledged)
        self._begin_without_syn()
        while self.waiting:
            self._give_up()

    def finish(self, other: Stream) -> None:
        """Both directions have settled: what is missing at the end is a gap too.

        What the ``other`` direction has acknowledged was there.
        """
        end = self.offset if self._end is None else self._end
        if other.acknowledges is not None and self.begins is not None and self._end is None:
            behind = self._place(other.acknowledges)
            if behind > end:  # a FIN that was not seen counts too, where the other end has sent one
                end = max(behind - (behind - end == 1 or other.finished), end)
        if end > self.offset:
            self._gap(end - self.offset)

    def acknowledge(self, number: int) -> None:
        """This direction expects that number from the other one next."""
        if self.acknowledges is None:
            self.first_acknowledged = self.acknowledges = number
        elif _earlier(number, self.acknowledges) != number:
            self.acknowledges = number

    def _move(self, offset: int, quick: int = 0) -> None:
        """The next byte is that at ``offset``; ``quick`` from there on need not be looked at."""
        assert self.begins is not None
        self.quick = 0 if self.waiting else quick
        self._goal = offset + self.quick
        self.next = (self.begins + offset) & MODULO

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
        """Begin with the first byte seen; without any, with the first number."""
        data = [one for one, _ in self._first if one.size]
        if len(data) > 1:  # a keep-alive repeats the byte before
            data = [one for one in data if one.size > 1 or not _leads(one, data)]
        seen = [one.sequence for one in data or [one for one, _ in self._first]]
        if not data and self._seen_at is not None:
            seen.append(self._seen_at)
        if seen:
            self._begin(reduce(_earlier, seen))

    def _place(self, sequence: int) -> int:
        """The offset of a sequence number: the one nearest to the next byte."""
        assert self.begins is not None
        ahead = (sequence - self.begins - self.offset) % NUMBERS
        return self.offset + (ahead if ahead < NUMBERS // 2 else ahead - NUMBERS)

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
        self._count(len(segment.data) + WAITING_COST)
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
            self._count(-len(one.data) - WAITING_COST)
            self._take(one.at, one.data, one.size, one.seen)

    def _give_up(self) -> None:
        self._gap(self.waiting[0].at - self.offset)
        self._release()


def _earlier(one: int, other: int) -> int:
    """The earlier of two sequence numbers."""
    return one if (other - one) % NUMBERS < NUMBERS // 2 else other


def _leads(one: Segment, data: list[Segment]) -> bool:
    """Whether it is one byte before all others."""
    first = reduce(_earlier, (each.sequence for each in data if each is not one))
    return (one.sequence + 1) % NUMBERS == first
