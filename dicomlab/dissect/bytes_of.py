"""Where the bytes of a PDU are found again: in the capture file, or in what one end noted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import NamedTuple, Protocol

from dicomlab.dissect.file import CaptureFile
from dicomlab.dissect.network import RST, End, Network, Segment, glance, key
from dicomlab.dissect.pcap import MADE_UP, Reader
from dicomlab.dissect.tcp import Seen, Stream

_LATE = 1 << 14  # further packets in which bytes are looked for: a datagram has so many fragments


class Way(NamedTuple):
    """One direction of a connection."""

    source: End
    target: End
    begins: int  # the sequence number of offset 0


class Wanted(NamedTuple):
    """Bytes of one direction between two offsets, and where they are."""

    way: Way
    start: int
    stop: int
    place: int  # in the file, of the first packet that carried one of them
    packets: int  # how many further ones lie up to the last


class Sighting(NamedTuple):
    """A segment that is seen once more."""

    packets: int  # how many lie between it and the first that is looked at
    time: int | None  # nanoseconds since 1970
    segment: Segment


class Bytes(Protocol):
    """Finds bytes again."""

    @property
    def made_up(self) -> bool:
        """Whether the headers of the packets around them are."""

    def read(self, way: Way, start: int, stop: int, place: int, packets: int, /) -> bytes:
        """The bytes that are Wanted, as many as there are in one piece."""

    def pieces(self, wanted: Sequence[Wanted], /) -> Iterator[tuple[int, bytes]]:
        """The bytes of many, in one pass: which one it is, and its next ones.

        Of each there come as many as there are in one piece.
        """

    def segments(self, wanted: Wanted, /) -> Iterator[Sighting]:
        """The segments of the direction from the first that carried what is wanted on.

        They go on behind the last of those, since any may come again.
        """


class FileBytes:
    """In a capture file, which is read once more from the first packet that carried them."""

    def __init__(self, file: CaptureFile, reader: Reader) -> None:
        self._file = file
        self._sections = reader.sections
        self._comments = reader.comments

    @property
    def made_up(self) -> bool:
        """Whether the file says that its headers are."""
        return any(MADE_UP in one for one in self._comments)

    def read(self, way: Way, start: int, stop: int, place: int, packets: int) -> bytes:
        """The bytes of a direction between two offsets, as many as there are in one piece."""
        wanted = Wanted(way, start, stop, place, packets)
        return b"".join(piece for _, piece in self.pieces([wanted]))

    def pieces(self, wanted: Sequence[Wanted]) -> Iterator[tuple[int, bytes]]:
        """The bytes of many, in one pass over the file: which one it is, and its next ones."""
        waiting = sorted(enumerate(wanted), key=lambda one: (one[1].place, one[0]), reverse=True)
        with self._file.opened_again() as file:
            reader = Reader(file, str(self._file))
            while waiting:
                yield from self._run(reader, waiting)

    def _run(
        self, reader: Reader, waiting: list[tuple[int, Wanted]]
    ) -> Iterator[tuple[int, bytes]]:
        """From the first that waits on, as long as any is under way: what lies between is left."""
        network, under_way = Network(), _UnderWay()
        place = waiting[-1][1].place
        for number, record in enumerate(reader.records_from(place, self._sections)):
            buffer, at, captured, size, _, interface = record
            place = reader.source.base + at - interface.header
            while waiting and waiting[-1][1].place <= place:
                under_way.add(*waiting.pop(), number)
            usual = glance(interface.link_type, buffer, at, captured, size)
            if usual is None:
                segment = network.segment(interface.link_type, buffer[at : at + captured], size)
                if segment is not None:
                    yield from under_way.segment(segment)
            elif usual.key in under_way.directions:
                yield from under_way.segment(usual.segment(buffer))
            if under_way.ended(number):
                break
        else:
            waiting.clear()

    def segments(self, wanted: Wanted) -> Iterator[Sighting]:
        """The segments of the direction from the first that carried what is wanted on."""
        network, direction = Network(), key(wanted.way.source, wanted.way.target)
        with self._file.opened_again() as file:
            reader = Reader(file, str(self._file))
            records = reader.records_from(wanted.place, self._sections)
            for number, record in enumerate(islice(records, wanted.packets + _LATE)):
                buffer, at, captured, size, ticks, interface = record
                usual = glance(interface.link_type, buffer, at, captured, size)
                if usual is None:
                    packet = buffer[at : at + captured]
                    segment = network.segment(interface.link_type, packet, size)
                else:
                    segment = usual.segment(buffer) if usual.key == direction else None
                if segment is not None and key(segment.source, segment.target) == direction:
                    yield Sighting(number, interface.time(ticks), segment)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, FileBytes) and self._file == other._file

    def __hash__(self) -> int:
        return hash(self._file)


class _UnderWay:
    """The bytes that are looked for at one place of the file."""

    def __init__(self) -> None:
        self.directions: dict[bytes, list[_Kept]] = {}  # by key
        self._until = 0  # the number of the packet up to which the last of them are looked for

    def add(self, which: int, wanted: Wanted, number: int) -> None:
        """These are looked for from that packet on."""
        kept = self.directions.setdefault(key(wanted.way.source, wanted.way.target), [])
        kept.append(_Kept(which, wanted))
        self._until = max(self._until, number + wanted.packets + _LATE)

    def ended(self, number: int) -> bool:
        """Whether no more are looked for."""
        return not self.directions or number >= self._until

    def segment(self, segment: Segment) -> Iterator[tuple[int, bytes]]:
        """What a segment brings; what a RST carries is no part of the stream."""
        direction = key(segment.source, segment.target)
        kept = self.directions.get(direction)
        if kept is None or segment.flags & RST:
            return
        ended = False
        for one in kept:
            one.stream.segment(segment, _ANYWHERE)
            for chunk in one.chunks:
                yield one.which, chunk
            one.chunks.clear()
            ended = ended or one.ended
        if ended:
            left = self.directions[direction] = [one for one in kept if not one.ended]
            if not left:
                del self.directions[direction]


_ANYWHERE = Seen(None, 0, 0)


class _Kept:
    """Keeps the bytes of a direction between two offsets, up to the first gap."""

    def __init__(self, which: int, wanted: Wanted) -> None:
        self.which = which
        self.chunks: list[bytes] = []
        self.ended = wanted.start >= wanted.stop
        self._stop = wanted.stop
        self.stream = Stream(self)
        self.stream.resume(wanted.way.begins, wanted.start)

    def begin(self, at_start: bool) -> None:
        """It is known where the stream begins."""

    def data(self, at: int, chunk: bytes, _: Seen) -> int:
        """The next bytes."""
        if not self.ended:
            self.chunks.append(chunk[: self._stop - at])
            self.ended = at + len(chunk) >= self._stop
        return 0

    def gap(self, _at: int, _size: int) -> None:
        """What follows a gap is not wanted."""
        self.ended = True


class NotedBytes:
    """In what one end noted of its own conversation."""

    made_up = False

    def __init__(self, noted: dict[End, bytearray]) -> None:
        self._noted = noted

    def read(self, way: Way, start: int, stop: int, _place: int, _packets: int) -> bytes:
        """The bytes of a direction between two offsets."""
        return bytes(self._noted[way.source][start:stop])

    def pieces(self, wanted: Sequence[Wanted]) -> Iterator[tuple[int, bytes]]:
        """The bytes of many: which one it is, and its bytes."""
        return ((number, self.read(*one)) for number, one in enumerate(wanted))

    def segments(self, _wanted: Wanted) -> Iterator[Sighting]:
        """None: an end notes bytes, and no packets."""
        return iter(())
