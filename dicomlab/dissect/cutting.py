"""Connections cut out of a capture, into a file of their own: their packets as they were."""

from __future__ import annotations

import os
from bisect import bisect_right
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Any, BinaryIO

from dicomlab.dissect.file import path_text
from dicomlab.dissect.network import End, Network, glance, key
from dicomlab.dissect.pcap import Copied, Copier, Reader
from dicomlab.model import (
    Association,
    Capture,
    CaptureError,
    Connection,
    Endpoint,
    meant,
    meant_each,
    printable,
)

WAITING = 1 << 15  # packets that wait until the rest of a datagram has come
WAITING_BYTES = 1 << 23
_BEYOND = 1 << 62  # every frame


def save(
    capture: Capture,
    path: str | os.PathLike[str],
    connections: Iterable[Association | Connection],
) -> int:
    """Write all packets of these TCP connections to ``path``; gives how many.

    The file is a pcapng; what it was cut from, its comment says. Fragments of IP datagrams of
    which others are missing are left out. A file that is there is replaced, save the capture's
    own. CaptureError where that cannot be, or where the capture is no longer there; BuildError
    for anything else than a capture and a list of what it holds.
    """
    meant(Capture, capture)
    target = Path(os.path.realpath(path_text(path)))
    if capture.source is None:
        raise _no_file()
    chosen = _Connections(meant_each((Association, Connection), connections))
    with capture.source.opened_again() as file:
        _check(file, target)
        name = "standard input" if capture.file == "-" else printable(Path(capture.file).name)
        comment = "\n".join((f"Cut by dicomlab out of {name}.", *capture.comments))
        with _replaced(target) as out:
            return _copy(_cut(Reader(file, name), chosen), Copier(out, comment))


def _no_file() -> CaptureError:
    return CaptureError(
        "What was not read from a file has no packets.", "record() the conversation, and cut that."
    )


def _check(file: BinaryIO, target: Path) -> None:
    """Refuse what must not be replaced."""
    try:
        there = target.stat()
    except OSError:
        return
    if os.path.samestat(os.fstat(file.fileno()), there):
        why = "it is the capture that is to be cut"
    elif not target.is_file():
        why = "it is no file"
    else:
        return
    raise CaptureError(f"{printable(str(target))} is not replaced: {why}.", "Choose another path.")


@contextmanager
def _replaced(target: Path) -> Iterator[BinaryIO]:
    """A file that takes its place when it is whole."""
    unfinished = target.with_name(f"{target.name}.{os.getpid()}")
    try:
        out = unfinished.open("xb")
        try:
            with out:
                yield out
            unfinished.replace(target)
        finally:
            unfinished.unlink(missing_ok=True)
    except OSError as error:
        raise CaptureError(
            f"{printable(str(target))} cannot be written: {error.strerror or error}.",
            "Choose another path, or make room on the disk.",
        ) from None


def _copy(packets: Iterator[Copied], copier: Copier) -> int:
    count = 0
    for packet in packets:
        copier.packet(packet)
        count += 1
    if not count:
        copier.begin()
    return count


class _Connections:
    """TCP connections: both ends, and the frames from the first to the last."""

    def __init__(self, connections: Iterable[Association | Connection]) -> None:
        self._frames: dict[bytes, list[tuple[int, int]]] = {}  # by key
        self.last = 0
        for one in connections:
            if one.frames is None:
                raise _no_file()
            ends = _end(one.requestor), _end(one.acceptor)
            frames = self._frames.setdefault(key(*ends), [])
            frames.append(one.frames)
            self._frames[key(*ends[::-1])] = frames
            self.last = max(self.last, one.frames[1])
        for frames in self._frames.values():
            frames.sort()

    def have(self, direction: bytes, frame: int) -> bool:
        """Whether the segment that this frame made whole, and of this key, is of one of them."""
        frames = self._frames.get(direction)
        if frames is None:
            return False
        number = bisect_right(frames, (frame, _BEYOND))
        return number > 0 and frame <= frames[number - 1][1]


def _end(end: Endpoint) -> End:
    return ip_address(end.address).packed + end.port.to_bytes(2, "big")


def _cut(reader: Reader, chosen: _Connections) -> Iterator[Copied]:
    """The packets of a capture that are of these connections, in their order."""
    network, line = _Fragments(), _Line()
    for frame, (buffer, at, captured, size, ticks, interface) in enumerate(reader.records(), 1):
        if frame > chosen.last:
            break
        usual = glance(interface.link_type, buffer, at, captured, size)
        datagrams: list[_Datagram] = []
        if usual is not None:
            wanted = chosen.have(usual.key, frame)
        else:
            data = buffer[at : at + captured]
            datagrams = network.seen
            datagrams.clear()
            segment = network.segment(interface.link_type, data, size)
            wanted = segment is not None and chosen.have(key(*segment[:2]), frame)
        if wanted or datagrams:
            data = bytes(buffer[at : at + captured])
            line.add(Copied(reader.sections[-1], interface, ticks, data, size), wanted, datagrams)
            yield from line.ready()
    yield from line.rest()


# --- fragments: only the last one of a datagram shows whether they are wanted -----------------

_Datagram = tuple[bytes, bool]  # which one, and whether it is now whole


class _Fragments(Network):
    """Tells of which datagrams a packet is a fragment."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[_Datagram] = []

    def _join(self, key: bytes, part: Any, offset: int, *, last: bool) -> Any:
        whole = super()._join(key, part, offset, last=last)
        self.seen.append((key, whole is not None))
        return whole


@dataclass(slots=True, eq=False)
class _Waiting:
    packet: Copied
    wanted: bool
    datagram: bytes | None  # that has to become whole before this is known


class _Line:
    """Packets in their order, up to the first of which it is not known whether it is wanted."""

    def __init__(self) -> None:
        self._line: deque[_Waiting] = deque()
        self._bytes = 0
        self._fragments: dict[bytes, list[_Waiting]] = {}  # by the datagram that they wait for

    def add(self, packet: Copied, wanted: bool, datagrams: list[_Datagram]) -> None:
        """The next packet, with the datagrams of which it is a fragment."""
        together = [_Waiting(packet, wanted, None)]
        self._line += together
        self._bytes += len(packet.data)
        for datagram, whole in datagrams:
            if not whole:
                for one in together:
                    one.datagram = datagram
                self._fragments.setdefault(datagram, []).extend(together)
                return
            together += self._fragments.pop(datagram, [])
        _know(together, wanted)

    def ready(self) -> Iterator[Copied]:
        """Those that are wanted, up to one that still waits; but not too many wait."""
        line = self._line
        while line:
            one = line[0]
            if one.datagram is not None:
                if len(line) <= WAITING and self._bytes <= WAITING_BYTES:
                    return
                _know(self._fragments.pop(one.datagram), wanted=False)
            line.popleft()
            self._bytes -= len(one.packet.data)
            if one.wanted:
                yield one.packet

    def rest(self) -> Iterator[Copied]:
        """No more packets come."""
        return (one.packet for one in self._line if one.wanted)


def _know(packets: Iterable[_Waiting], wanted: bool) -> None:
    for one in packets:
        one.wanted, one.datagram = wanted, None
