"""How TCP cut a PDU: the segments that carried it, which know nothing of PDUs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from dicomlab.dissect.bytes_of import Sighting, Wanted
from dicomlab.dissect.network import RST, SYN, Segment
from dicomlab.dissect.tcp import NUMBERS
from dicomlab.dissect.values import Tree
from dicomlab.model import Pdu, Span, meant

# the control bits of a TCP header (RFC 9293 3.1), in the order in which people name them
_FLAGS = {"SYN": 2, "FIN": 1, "RST": 4, "PSH": 8, "ACK": 16, "URG": 32, "ECE": 64, "CWR": 128}


class PduSegment(NamedTuple):
    """One TCP segment, as far as it carried bytes of a PDU.

    ``span`` counts from the PDU's first byte. ``fresh`` are those of its bytes that no segment
    before had carried: those of all segments together are the PDU, once and without gap.
    """

    frame: int  # of the capture, from 1
    time: int | None  # nanoseconds since 1970
    sequence: int  # of its first byte, as the TCP header has it
    size: int  # bytes of data
    flags: tuple[str, ...]
    span: Span  # the bytes of the PDU that it carried
    fresh: tuple[Span, ...]

    @property
    def again(self) -> bool:
        """Whether other segments had carried all of it before."""
        return not self.fresh


def segments_of(pdu: Pdu) -> Iterator[PduSegment]:
    """The TCP segments that carried a PDU of a capture file, in the order of the file.

    Those that came again are among them, if they did so within some thousand packets. A PDU that
    was decoded or noted without a file has none. The file is read once more from where the PDU
    begins: CaptureError where it is no longer there. BuildError for what is no Pdu.
    """
    meant(Pdu, pdu)
    if not isinstance(pdu.tree, Tree) or pdu.frames is None:
        return
    wanted = pdu.tree.wanted
    first: int | None = None  # packets before the one that is pdu.frames[0]
    missing = [Span(0, wanted.stop - wanted.start)]
    for seen in pdu.tree.source.segments(wanted):
        packets, time, segment = seen
        if _begins_another(seen, wanted):
            return
        if segment.flags & RST:  # what it carries is no part of the stream
            continue
        at = _place(seen, wanted)
        start, stop = max(at, 0), min(at + len(segment.data), wanted.stop - wanted.start)
        if start >= stop:
            continue
        first = packets if first is None else first
        span = Span(start, stop)
        yield PduSegment(
            pdu.frames[0] + packets - first,
            time,
            segment.sequence,
            segment.size,
            flags_of(segment),
            span,
            tuple(_common(missing, span)),
        )
        missing = list(_without(missing, span))


def flags_of(segment: Segment) -> tuple[str, ...]:
    """The names of the control bits that are set."""
    return tuple(name for name, bit in _FLAGS.items() if segment.flags & bit)


def are_made_up(pdu: Pdu) -> bool:
    """Whether those segments were made up around bytes that a relay had passed on."""
    return isinstance(pdu.tree, Tree) and pdu.tree.source.made_up


def _place(seen: Sighting, wanted: Wanted) -> int:
    """The offset of a segment's first byte from that of the PDU."""
    sequence = seen.segment.sequence + bool(seen.segment.flags & SYN)
    ahead = (sequence - wanted.way.begins - wanted.start) % NUMBERS
    return ahead if ahead < NUMBERS // 2 else ahead - NUMBERS


def _begins_another(seen: Sighting, wanted: Wanted) -> bool:
    """Whether it is the SYN of another connection between the same two ports."""
    segment = seen.segment
    return bool(segment.flags & SYN) and (segment.sequence + 1 - wanted.way.begins) % NUMBERS != 0


def _common(spans: list[Span], one: Span) -> Iterator[Span]:
    """What of the spans lies in that one."""
    for each in spans:
        start, stop = max(each.start, one.start), min(each.stop, one.stop)
        if start < stop:
            yield Span(start, stop)


def _without(spans: list[Span], one: Span) -> Iterator[Span]:
    """What of the spans lies outside that one."""
    for each in spans:
        yield from (
            Span(start, stop)
            for start, stop in (
                (each.start, min(each.stop, one.start)),
                (max(each.start, one.stop), each.stop),
            )
            if start < stop
        )
