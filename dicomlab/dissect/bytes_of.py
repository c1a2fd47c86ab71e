"""Where the bytes of a PDU are found again: in the capture file, or in what one end noted."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple, Protocol

from dicomlab.dissect.network import End, Network
from dicomlab.dissect.pcap import Reader
from dicomlab.dissect.tcp import Seen, Stream
from dicomlab.model import CaptureError, printable

_LATE = 4096  # further packets in which missing bytes are looked for


class Way(NamedTuple):
    """One direction of a connection."""

    source: End
    target: End
    begins: int  # the sequence number of offset 0


class Bytes(Protocol):
    """Finds bytes again."""

    def read(self, way: Way, start: int, stop: int, place: int, packets: int, /) -> bytes:
        """The bytes of a direction between two offsets, as many as there are in one piece.

        ``place`` is that of the first packet that carried one of them, ``packets`` how many
        further ones lie up to the last.
        """


class FileBytes:
    """In a capture file, which is read once more from the first packet that carried them."""

    def __init__(self, name: str, reader: Reader) -> None:
        self._name = name
        self._sections = reader.sections

    def read(self, way: Way, start: int, stop: int, place: int, packets: int) -> bytes:
        """The bytes of a direction between two offsets, as many as there are in one piece."""
        kept = _Kept(start)
        stream = Stream(kept)
        stream.resume(way.begins, start)
        network = Network()
        try:
            with Path(self._name).open("rb") as file:
                reader = Reader(file, self._name)
                records = reader.records_from(place, self._sections)
                for number, (buffer, at, captured, size, _, interface) in enumerate(records):
                    if kept.size >= stop - start or number > packets + _LATE:
                        break
                    packet = buffer[at : at + captured]
                    segment = network.segment(interface.link_type, packet, size)
                    if segment and segment.source == way.source and segment.target == way.target:
                        stream.segment(segment, Seen(None, number, 0))
        except OSError as error:
            why = error.strerror or str(error)
            raise CaptureError(
                f"{printable(self._name)} cannot be read again: {why}.",
                "The capture file must stay where it is while its PDUs are looked at.",
            ) from None
        return b"".join(kept.chunks)[: stop - start]


class _Kept:
    """Keeps the bytes of a direction up to the first gap."""

    def __init__(self, start: int) -> None:
        self.chunks: list[bytes] = []
        self.size = 0
        self._next = start

    def begin(self, at_start: bool) -> None:
        """It is known where the stream begins."""

    def data(self, at: int, chunk: bytes, _: Seen) -> int:
        """The next bytes."""
        if at == self._next:
            self.chunks.append(chunk)
            self.size += len(chunk)
            self._next += len(chunk)
        return 0

    def gap(self, _at: int, _size: int) -> None:
        """What follows a gap is not wanted."""
        self._next = -1


class NotedBytes:
    """In what one end noted of its own conversation."""

    def __init__(self, noted: dict[End, bytearray]) -> None:
        self._noted = noted

    def read(self, way: Way, start: int, stop: int, _place: int, _packets: int) -> bytes:
        """The bytes of a direction between two offsets."""
        return bytes(self._noted[way.source][start:stop])
