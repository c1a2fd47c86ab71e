"""Who spoke when on the connections of a capture, and how often one end waited for the other.

Whatever they spoke, DIMSE, HTTP or TLS: the TCP segments tell.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from dicomlab.dissect.network import ACK, RST, SYN, End, Network, Segment, endpoint
from dicomlab.dissect.pcap import MADE_UP, Reader
from dicomlab.dissect.segments import flags_of
from dicomlab.dissect.tcp import NUMBERS
from dicomlab.model import Capture, Endpoint, Side, meant

MOST = 4096  # connections of which is remembered how they go on
_SECOND = 10**9  # nanoseconds


class TcpSegment(NamedTuple):
    """One TCP segment of a capture."""

    frame: int  # of the capture, from 1
    time: int | None  # nanoseconds since 1970
    sender: Side  # the requestor is who began the connection
    requestor: Endpoint
    acceptor: Endpoint
    flags: tuple[str, ...]
    data: bytes
    fresh: bool  # it says something that was not said before: bytes, or a SYN
    turn: bool  # and what was said last, the other end said


@dataclass(frozen=True, slots=True)
class RoundTrips:
    """How often requestors waited for acceptors, and how long all of it took."""

    count: int
    seconds: float  # from the first segment to the last one that said something
    size: int  # bytes that both ends said, without TCP/IP headers

    def __str__(self) -> str:
        return f"{self.count:,} round trips, {self.seconds:.2f} s, {self.size:,} bytes"


def tcp_segments(capture: Capture) -> Iterator[TcpSegment]:
    """The TCP segments of a capture file, in its order.

    Where a relay made up the headers, its acknowledgements without data are left out: nobody sent
    them. What was noted without a file has no segments. CaptureError where the file has gone,
    BuildError for what is no Capture.
    """
    meant(Capture, capture)
    if capture.source is None:
        return
    made_up = any(MADE_UP in one for one in capture.comments)
    network, known = Network(), dict[frozenset[End], _Known]()
    with capture.source.opened_again() as file:
        for packet in Reader(file, capture.file):
            one = network.segment(packet.link_type, packet.data, packet.size)
            if one is None or (made_up and one.flags == ACK and not one.data):
                continue
            ends = frozenset((one.source, one.target))
            connection = known.get(ends)
            if connection is None or connection.is_over(one):
                known.pop(ends, None)
                connection = known[ends] = _Known(*_ends(one), one.sequence)
                if len(known) > MOST:
                    del known[next(iter(known))]
            fresh = connection.is_fresh(one)
            yield TcpSegment(
                packet.frame,
                packet.time,
                "requestor" if one.source == connection.requestor else "acceptor",
                endpoint(connection.requestor),
                endpoint(connection.acceptor),
                flags_of(one),
                bytes(one.data),
                fresh,
                fresh and connection.takes_turn(one),
            )


def round_trips(capture: Capture) -> RoundTrips:
    """How often the requestors of a capture file waited for their acceptors.

    A round trip is counted each time an acceptor says something after its requestor has: the answer
    to a SYN is the first of a connection. Two connections at once count as if one came after the
    other. Raises as :func:`tcp_segments` does.
    """
    count = size = first = last = 0
    for one in tcp_segments(capture):
        first = first or one.time or 0
        if one.fresh:
            count += one.turn and one.sender == "acceptor"
            size += len(one.data)
            last = max(last, one.time or 0)
    return RoundTrips(count, max(last - first, 0) / _SECOND, size)


@dataclass(slots=True)
class _Known:
    """What is remembered of a connection."""

    requestor: End
    acceptor: End
    first: int  # the sequence number of the first segment
    said: dict[End, int] = field(default_factory=dict)  # by who says it: up to which number
    speaker: End | None = None  # who said something last

    def is_over(self, one: Segment) -> bool:
        """Whether the segment begins another connection between the same two ports."""
        return one.flags & (SYN | ACK) == SYN and one.sequence != self.first

    def is_fresh(self, one: Segment) -> bool:
        """Whether the segment says what was not said before."""
        size = one.size + bool(one.flags & SYN)
        if not size or one.flags & RST:  # what a RST carries is no part of the stream
            return False
        stop = (one.sequence + size) % NUMBERS
        before = self.said.get(one.source)
        if before is not None and (stop - before - 1) % NUMBERS >= NUMBERS // 2:
            return False
        self.said[one.source] = stop
        return True

    def takes_turn(self, one: Segment) -> bool:
        """Whether its sender speaks after the other end."""
        before, self.speaker = self.speaker, one.source
        return before not in (None, one.source)


def _ends(first: Segment) -> tuple[End, End]:
    """Requestor and acceptor, by the first segment that is there of a connection."""
    answered = first.flags & (SYN | ACK) == SYN | ACK
    return (first.target, first.source) if answered else (first.source, first.target)
