"""Capture files: read pcap and pcapng, also gzipped, and write pcapng.

Reading streams: memory does not grow with the file, and no length in it is trusted. A file that
breaks off or is damaged gives all that stands before, and :attr:`Reader.damage` says where.
"""

from __future__ import annotations

import io
import os
import stat
import struct
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from mmap import ACCESS_READ, ALLOCATIONGRANULARITY, mmap
from types import TracebackType
from typing import BinaryIO, Literal, NamedTuple, Self, cast

from dicomlab.model import CaptureError, printable

NULL, ETHERNET, RAW, LOOP, LINUX_SLL, IPV4, IPV6, LINUX_SLL2 = 0, 1, 101, 108, 113, 228, 229, 276
RAW_BSD, RAW_OPENBSD = 12, 14  # what some systems write for RAW

LINK_TYPES = {
    NULL: "BSD loopback",
    ETHERNET: "Ethernet",
    RAW_BSD: "raw IP",
    RAW_OPENBSD: "raw IP",
    RAW: "raw IP",
    LOOP: "OpenBSD loopback",
    LINUX_SLL: "Linux cooked",
    IPV4: "raw IPv4",
    IPV6: "raw IPv6",
    LINUX_SLL2: "Linux cooked v2",
}

NANOSECONDS = 10**9
_SECTION, _INTERFACE, _PACKET, _SIMPLE, _ENHANCED = 0x0A0D0D0A, 1, 2, 3, 6
_SECTION_MAGIC = b"\x0a\x0d\x0d\x0a"
_GZIP = b"\x1f\x8b"
_BYTE_ORDER = 0x1A2B3C4D
MADE_UP = "TCP/IP headers are made up"  # a comment that has this says so of all packets
_COMMENT, _NAME, _APPLICATION, _RESOLUTION, _TIME_OFFSET = 1, 2, 4, 9, 14


def link_type_name(link_type: int) -> str:
    """What people call a link type (a LINKTYPE_ number of pcap)."""
    return LINK_TYPES.get(link_type, f"link type {link_type}")


# --- writing --------------------------------------------------------------------------------


class Writer:
    """Writes a pcapng file of one interface; readable by others while it grows.

    ``file`` is a path, or a binary file, which stays open. Times are nanoseconds since 1970.
    """

    def __init__(
        self,
        file: str | os.PathLike[str] | BinaryIO,
        *,
        comment: str = "",
        link_type: int = RAW,
        interface: str = "dicomlab",
    ) -> None:
        self._owned = isinstance(file, str | os.PathLike)
        if isinstance(file, str | os.PathLike):
            file = io.BufferedWriter(io.FileIO(file, "wb"))
        self._file: BinaryIO = file
        about = _option(_NAME, interface.encode()) + _option(_RESOLUTION, b"\x09")
        self._file.write(_section_block(comment) + _interface_block(link_type, 0, about))
        self._file.flush()

    def packet(self, time_ns: int, data: bytes, comment: str | None = None) -> None:
        """Add one whole packet, as it was on the link at that time."""
        notes = _options(_option(_COMMENT, comment.encode())) if comment else b""
        self._file.write(_packet_block(0, time_ns, data, len(data), notes))
        self._file.flush()

    def close(self) -> None:
        """Close the file, if it was opened here."""
        if self._owned:
            self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _block(kind: int, body: bytes) -> bytes:
    size = struct.pack("<I", len(body) + 12)
    return struct.pack("<I", kind) + size + body + size


def _section_block(comment: str) -> bytes:
    notes = _option(_COMMENT, comment.encode("utf-8", "replace")) if comment else b""
    head = struct.pack("<IHHq", _BYTE_ORDER, 1, 0, -1)
    return _block(_SECTION, head + _options(notes + _option(_APPLICATION, b"dicomlab")))


def _interface_block(link_type: int, snap_length: int, about: bytes) -> bytes:
    return _block(_INTERFACE, struct.pack("<HHI", link_type, 0, snap_length) + _options(about))


def _packet_block(interface: int, ticks: int, data: bytes, size: int, notes: bytes = b"") -> bytes:
    time = ticks >> 32, ticks & 0xFFFFFFFF
    head = struct.pack("<IIIII", interface, *time, len(data), size)
    return _block(_ENHANCED, head + _padded(data) + notes)


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)


def _option(code: int, value: bytes) -> bytes:
    value = value[:0xFFFF]
    return struct.pack("<HH", code, len(value)) + _padded(value)


def _options(options: bytes) -> bytes:
    return options + bytes(4)  # opt_endofopt


# --- reading --------------------------------------------------------------------------------


class Packet(NamedTuple):
    """One packet of a capture file."""

    frame: int  # from 1, as Wireshark counts
    time: int | None  # nanoseconds since 1970; a simple packet block has none
    link_type: int
    data: bytes  # as much as was captured
    size: int  # bytes on the wire


class Damage(Exception):
    """The file cannot be read beyond this place."""


# told the bytes done and in all, now and then; reading stops where it gives True
Watch = Callable[[int, int | None], bool | None]


@dataclass(slots=True, eq=False)
class Interface:
    """Where packets were captured, and how their times are to be read."""

    link_type: int
    header: int  # bytes of a packet's record before its data
    snap_length: int = 0
    ticks: int = 10**6  # a second
    offset: int = 0  # nanoseconds
    timed: bool = True
    first: int | None = None  # the least and the greatest time, in ticks
    last: int | None = None
    tick: int = field(init=False)  # nanoseconds; 0: no whole number of them

    def __post_init__(self) -> None:
        self.tick = 0 if NANOSECONDS % self.ticks else NANOSECONDS // self.ticks

    def time(self, ticks: int) -> int | None:
        """Ticks as nanoseconds since 1970."""
        if not self.timed:
            return None
        since = ticks * self.tick if self.tick else ticks * NANOSECONDS // self.ticks
        return since + self.offset

    def spread(self, first: int, last: int) -> None:
        """Packets from ``first`` to ``last``, in ticks, are of this interface."""
        if first <= last:
            self.first = first if self.first is None else min(self.first, first)
            self.last = last if self.last is None else max(self.last, last)


@dataclass(slots=True, eq=False)
class Section:
    """A section of a pcapng file; a pcap file is one."""

    place: int  # where in the file it begins
    order: str  # of its bytes, as struct writes it
    interfaces: list[Interface]
    _simple: Interface | None = None

    def simple(self) -> Interface:
        """Where simple packets come from: the first interface, and no time is known."""
        if self._simple is None:
            first = self.interfaces[0]
            self._simple = Interface(first.link_type, 12, first.snap_length, timed=False)
        return self._simple


class Copied(NamedTuple):
    """A packet as it is in a file, taken out of it."""

    section: Section
    interface: Interface
    ticks: int
    data: bytes
    size: int  # bytes on the wire


class Copier:
    """Writes packets of other files as they are there: into a pcapng file.

    It has their sections and interfaces, in their order, and counts times in their ticks.
    """

    def __init__(self, file: BinaryIO, comment: str) -> None:
        self._file = file
        self._comment = comment
        self._section: Section | None = None  # in which packets are written
        self._interfaces = 0  # of it that were written

    def packet(self, packet: Copied) -> None:
        """Add a packet."""
        section, interface, ticks, data, size = packet
        if section is not self._section:
            self._section, self._interfaces = section, 0
            self.begin()
        for one in section.interfaces[self._interfaces :]:
            about = _option(_RESOLUTION, bytes([_resolution(one.ticks)]))
            if one.offset:
                about += _option(_TIME_OFFSET, struct.pack("<q", one.offset // NANOSECONDS))
            self._file.write(_interface_block(one.link_type, one.snap_length, about))
        self._interfaces = len(section.interfaces)
        if interface.timed:
            number = section.interfaces.index(interface)
            self._file.write(_packet_block(number, ticks, data, size))
        else:
            self._file.write(_block(_SIMPLE, struct.pack("<I", size) + _padded(data)))

    def begin(self) -> None:
        """Begin a section; the first one has the comment."""
        self._file.write(_section_block(self._comment))
        self._comment = ""


def _resolution(ticks: int) -> int:
    """So many ticks a second, as if_tsresol has it."""
    exponent = ticks.bit_length() - 1
    if ticks == 2**exponent:
        return exponent | 0x80 if exponent else 0
    return len(str(ticks)) - 1


# a packet where it lies: buffer, offset in it, bytes captured, bytes on the wire, ticks, interface
Record = tuple[bytes | mmap, int, int, int, int, Interface]


class Source:
    """The bytes of a file, in windows: ``buffer[at]`` is byte ``base + at`` of the file.

    A window slides when what comes next is wanted; so memory does not grow with the file.
    """

    WINDOW = 1 << 17

    def __init__(self, file: BinaryIO, total: int | None = None) -> None:
        self._file = file
        self._total = total  # bytes of the file, as far as that is known
        self.watch: Watch | None = None
        self.buffer: bytes | mmap = b""
        self.base = 0
        self.failure = ""  # why there is no more, where it is not simply the end

    def want(self, at: int, size: int) -> int:
        """Slide so that ``size`` bytes from ``at`` are in the buffer, if the file has them.

        Gives where in the buffer the byte at ``at`` now is.
        """
        if at + size <= len(self.buffer):
            return at
        if self.watch is not None and self.watch(self._done(at), self._total):
            raise Damage("reading was stopped", self.base + at)
        return self._slide(at, size)

    def _done(self, at: int) -> int:
        """How many bytes of the file are done."""
        return self.base + at

    def jump(self, place: int) -> None:
        """Go on at that byte of the file, which lies behind what was read."""
        while self.base + len(self.buffer) <= place and len(self.buffer) > self.want(
            len(self.buffer), 1
        ):
            pass
        self.buffer = self.buffer[place - self.base :]
        self.base = place

    def _slide(self, at: int, size: int) -> int:
        parts = [self.buffer[at:]]
        there = len(parts[0])
        while there < size:
            try:
                part = self._read()
            except (EOFError, OSError) as error:
                self.failure = str(error)
                break
            if not part:
                break
            parts.append(part)
            there += len(part)
        self.base += at
        self.buffer = b"".join(parts)
        return 0

    def _read(self) -> bytes:
        return self._file.read1(self.WINDOW)  # type: ignore[attr-defined, no-any-return]


class MappedSource(Source):
    """The same for a file on a disk: its windows are mapped, and untouched bytes cost nothing."""

    WINDOW = 1 << 23

    def jump(self, place: int) -> None:
        """Go on at that byte of the file."""
        self.base, self.buffer = place, b""

    def _slide(self, at: int, size: int) -> int:
        offset = self.base + at
        whole = os.fstat(self._file.fileno()).st_size
        if self.base + len(self.buffer) < whole:
            self.base = offset - offset % ALLOCATIONGRANULARITY
            length = min(max(self.WINDOW, offset - self.base + size), whole - self.base)
            self.buffer = mmap(self._file.fileno(), length, access=ACCESS_READ, offset=self.base)
        return offset - self.base


class ZippedSource(Source):
    """The same through gzip: what is done is counted in the zipped file."""

    def __init__(self, file: BinaryIO, total: int | None) -> None:
        import gzip

        super().__init__(cast(BinaryIO, gzip.GzipFile(fileobj=file)), total)
        self._zipped = file

    def _read(self) -> bytes:
        import zlib

        try:
            return super()._read()
        except zlib.error as error:
            raise OSError(str(error)) from None

    def _done(self, at: int) -> int:
        return at if self._total is None else self._zipped.tell()


def _source(file: BinaryIO) -> Source:
    """A way to the bytes of a capture: mapped, read, or read through gzip."""
    start = file.peek(2)[:2]  # type: ignore[attr-defined]
    try:
        status = os.fstat(file.fileno())
        total = status.st_size if stat.S_ISREG(status.st_mode) and file.tell() == 0 else None
    except OSError:  # a file in memory
        total = None
    if start == _GZIP:
        return ZippedSource(file, total)
    return Source(file) if total is None else MappedSource(file, total)


class Reader:
    """The packets of a capture file, by iterating; then also what the file says of itself.

    Raises CaptureError where the file is no capture at all.
    """

    LARGEST = 1 << 24  # bytes of a block or packet; a longer one is damage

    def __init__(self, file: BinaryIO, name: str = "the file", watch: Watch | None = None) -> None:
        self.source = _source(file)
        at = self.source.want(0, 4)
        self._magic = magic = self.source.buffer[at : at + 4]
        self.format: Literal["pcap", "pcapng"]
        if magic in _PCAP_MAGICS:
            self.format = "pcap"
        elif magic == _SECTION_MAGIC:
            self.format = "pcapng"
        else:
            why = f"{printable(name)} is neither a pcap nor a pcapng file"
            if self.source.failure:
                why += f" ({self.source.failure})"
            raise CaptureError(f"{why}.", "Save the capture with Wireshark, dumpcap or tcpdump.")
        self.packets = 0
        self.truncated = 0  # packets of which less was captured than was on the wire
        self.interfaces: list[Interface] = []  # all that were seen
        self.sections: list[Section] = []
        self.comments: list[str] = []
        self.made_up = False  # a comment says that the headers are
        self.digits = 0  # decimal places of the times
        self.damage: str | None = None
        self._at = 0  # in the source's buffer, of what comes next
        self.source.watch = watch

    @property
    def link_types(self) -> list[int]:
        """Those of the interfaces, each once."""
        return list(dict.fromkeys(one.link_type for one in self.interfaces))

    @property
    def times(self) -> tuple[int, int] | None:
        """The least and the greatest time of a packet, nanoseconds since 1970."""
        timed = [one for one in self.interfaces if one.first is not None]
        ends = [one.time(tick or 0) for one in timed for tick in (one.first, one.last)]
        known = [time for time in ends if time is not None]
        return (min(known), max(known)) if known else None

    def __iter__(self) -> Iterator[Packet]:
        for frame, (buffer, at, captured, size, ticks, where) in enumerate(self.records(), 1):
            data = bytes(buffer[at : at + captured])
            yield Packet(frame, where.time(ticks), where.link_type, data, size)

    def records(self) -> Iterator[Record]:
        """The packets where they lie; each holds until the next one is asked for."""
        return chain.from_iterable(self._runs())

    def records_from(self, place: int, sections: list[Section]) -> Iterator[Record]:
        """The packets from that place of the file on, where another reader has found them."""
        self.source.jump(place)
        self._at = 0
        found = next(one for one in reversed(sections) if one.place <= place)
        section = Section(found.place, found.order, list(found.interfaces))
        return chain.from_iterable(self._runs(section))

    def _runs(self, section: Section | None = None) -> Iterator[Iterable[Record]]:
        """Packets that can be read at one go: generators inside generators cost time."""
        try:
            yield from self._pcap(section) if self.format == "pcap" else self._pcapng(section)
        except Damage as damage:
            what, place = damage.args
            self.damage = f"{what}, {place:,} bytes into the file"
        if self.source.failure:
            why = f"the file breaks off: {self.source.failure}"
            self.damage = f"{self.damage}; {why}" if self.damage else why
        self.digits = self.digits or 6

    def _damage(self, what: str, at: int) -> Damage:
        return Damage(what, self.source.base + at)

    def _whole(self, at: int, size: int, what: str) -> int:
        """Slide to ``size`` bytes from ``at``, which must be there."""
        if size > self.LARGEST + 64:  # its data, and the block or record around it
            raise self._damage(f"{what} says that it has {size:,} bytes", at)
        at = self.source.want(at, size)
        if at + size > len(self.source.buffer):
            raise self._damage(f"the file ends inside {what}", len(self.source.buffer))
        return at

    # --- pcap ---------------------------------------------------------------------------------

    def _pcap(self, section: Section | None) -> Iterator[Iterable[Record]]:
        source = self.source
        section = section or self._pcap_header()
        while True:
            yield self._pcap_packets(section)
            name = f"packet {self.packets + 1}"
            self._at = source.want(self._at, 16)
            left = len(source.buffer) - self._at
            if left == 0:
                return
            if left < 16:
                raise self._damage(f"the file ends inside the header of {name}", self._at + left)
            captured = struct.unpack_from(section.order + "I", source.buffer, self._at + 8)[0]
            if captured > self.LARGEST:
                raise self._damage(f"{name} says that it has {captured:,} bytes", self._at)
            self._at = self._whole(self._at, 16 + captured, name)

    def _pcap_header(self) -> Section:
        self._at = self._whole(0, 24, "the file header")
        order, self.digits = _PCAP_MAGICS[self._magic]
        # the upper bits tell of a frame check sequence; the IP length leaves it out anyway
        link_type = struct.unpack_from(order + "I", self.source.buffer, 20)[0] & 0xFFFF
        section = Section(0, order, [Interface(link_type, 16, ticks=10**self.digits)])
        self.sections.append(section)
        self.interfaces += section.interfaces
        self._at += 24
        return section

    def _pcap_packets(self, section: Section) -> Iterator[Record]:
        """The packets that are whole in the buffer."""
        interface, buffer, at = section.interfaces[0], self.source.buffer, self._at
        unpack = struct.Struct(section.order + "IIII").unpack_from
        second, largest, end = interface.ticks, self.LARGEST, len(buffer)
        first, last = 1 << 64, -1
        packets = truncated = 0
        try:
            while at + 16 <= end:
                seconds, fraction, captured, size = unpack(buffer, at)
                stop = at + 16 + captured
                if stop > end or captured > largest:
                    break
                packets += 1
                if captured < size:
                    truncated += 1
                ticks = seconds * second + fraction
                if ticks > last:
                    last = ticks
                if ticks < first:
                    first = ticks
                yield buffer, at + 16, captured, size, ticks, interface
                at = stop
        finally:
            self._at = at
            self.packets += packets
            self.truncated += truncated
            interface.spread(first, last)

    # --- pcapng -------------------------------------------------------------------------------

    def _pcapng(self, section: Section | None) -> Iterator[Iterable[Record]]:
        section = section or Section(0, "<", [])
        while True:
            yield self._enhanced_packets(section)
            self._at = self.source.want(self._at, 8)
            if self._at == len(self.source.buffer):
                return
            kind, size, section = self._next_block(section)
            if kind in (_SIMPLE, _ENHANCED, _PACKET):
                yield (self._packet(kind, size, section),)
            elif kind == _INTERFACE:
                self._interface(size, section)
            self._at += size

    def _enhanced_packets(self, section: Section) -> Iterator[Record]:
        """The enhanced packet blocks that are whole in the buffer, up to another block."""
        interfaces, buffer, at = section.interfaces, self.source.buffer, self._at
        unpack = struct.Struct(section.order + "IIIIIII").unpack_from
        again = struct.Struct(section.order + "I").unpack_from
        end, number = len(buffer), -1
        interface = Interface(0, 28)
        first, last = 1 << 64, -1
        packets = truncated = 0
        try:
            while at + 32 <= end:
                kind, whole, which, high, low, captured, size = unpack(buffer, at)
                stop = at + whole
                if kind != _ENHANCED or stop > end or captured + 32 > whole or whole & 3:
                    break
                if again(buffer, stop - 4)[0] != whole:
                    break
                if which != number:
                    if which >= len(interfaces):
                        break
                    interface.spread(first, last)
                    number, interface, first, last = which, interfaces[which], 1 << 64, -1
                packets += 1
                if captured < size:
                    truncated += 1
                ticks = high << 32 | low
                if ticks > last:
                    last = ticks
                if ticks < first:
                    first = ticks
                yield buffer, at + 28, captured, size, ticks, interface
                at = stop
        finally:
            self._at = at
            self.packets += packets
            self.truncated += truncated
            interface.spread(first, last)

    def _next_block(self, section: Section) -> tuple[int, int, Section]:
        """Type and size of the block that is next, now whole in the buffer, and its section."""
        source = self.source
        at = self._at = source.want(self._at, 12)
        left = len(source.buffer) - at
        if left < 8:
            raise self._damage("the file ends inside the header of a block", at + left)
        begins = source.buffer[at : at + 4] == _SECTION_MAGIC
        if begins:
            order = _byte_order(source.buffer[at + 8 : at + 12])
            if order is None:
                raise self._damage("a section has no byte-order magic", at + 8)
            section = Section(source.base + at, order, [])
            self.sections.append(section)
        kind, size = struct.unpack_from(section.order + "II", source.buffer, at)
        if size < (28 if begins else 12) or size % 4:
            raise self._damage(f"a block says that it has {size:,} bytes", at)
        at = self._at = self._whole(at, size, f"a block behind packet {self.packets}")
        if struct.unpack_from(section.order + "I", source.buffer, at + size - 4)[0] != size:
            raise self._damage("the two lengths of a block differ", at + size - 4)
        if begins:
            self._comment(_read_options(source.buffer[at + 24 : at + size - 4], section.order))
        return kind, size, section

    def _comment(self, options: dict[int, bytes]) -> None:
        if _COMMENT in options and len(self.comments) < 100:
            comment = options[_COMMENT].decode("utf-8", "replace")
            self.comments.append(comment)
            self.made_up = self.made_up or MADE_UP in comment

    def _interface(self, size: int, section: Section) -> None:
        at, order = self._at, section.order
        if size < 20:
            raise self._damage(f"a block of type {_INTERFACE} is too short", at)
        link_type, _, snap_length = struct.unpack_from(order + "HHI", self.source.buffer, at + 8)
        options = _read_options(self.source.buffer[at + 16 : at + size - 4], order)
        self._comment(options)
        resolution = (options.get(_RESOLUTION) or b"\x06")[0]
        exponent = resolution & 0x7F
        ticks = 2**exponent if resolution & 0x80 else 10**exponent
        self.digits = max(self.digits, 9 if resolution & 0x80 else min(exponent, 9))
        offset = int.from_bytes(
            options.get(_TIME_OFFSET, b""), "little" if order == "<" else "big", signed=True
        )
        one = Interface(link_type, 28, snap_length, ticks, offset * NANOSECONDS)
        section.interfaces.append(one)
        self.interfaces.append(one)

    def _packet(self, kind: int, size: int, section: Section) -> Record:
        """The packet of the block that is next, of any kind."""
        at, buffer, order, interfaces = (
            self._at,
            self.source.buffer,
            section.order,
            section.interfaces,
        )
        name = f"packet {self.packets + 1}"
        if size < {_SIMPLE: 16}.get(kind, 32):
            raise self._damage(f"a block of type {kind} is too short", at)
        if kind == _SIMPLE:
            if not interfaces:
                raise self._damage(f"{name} is of no interface", at)
            wire = struct.unpack_from(order + "I", buffer, at + 8)[0]
            one = section.simple()
            captured, ticks = min(wire, one.snap_length or wire, size - 16), 0
        else:
            kinds = order + ("IIIII" if kind == _ENHANCED else "HxxIIII")
            number, high, low, captured, wire = struct.unpack_from(kinds, buffer, at + 8)
            if number >= len(interfaces):
                raise self._damage(f"{name} is of interface {number}, which is not there", at)
            if captured > size - 32:
                raise self._damage(f"{name} says that it has {captured:,} bytes", at)
            one, ticks = interfaces[number], high << 32 | low
            one.spread(ticks, ticks)
        self.packets += 1
        self.truncated += captured < wire
        return buffer, at + one.header, captured, wire, ticks, one


_PCAP_MAGICS: dict[bytes, tuple[str, int]] = {
    b"\xd4\xc3\xb2\xa1": ("<", 6),
    b"\xa1\xb2\xc3\xd4": (">", 6),
    b"\x4d\x3c\xb2\xa1": ("<", 9),
    b"\xa1\xb2\x3c\x4d": (">", 9),
}


def _byte_order(magic: bytes) -> str | None:
    return next((one for one in "<>" if magic == struct.pack(one + "I", _BYTE_ORDER)), None)


def _read_options(data: bytes, order: str) -> dict[int, bytes]:
    """The first option of each code."""
    options: dict[int, bytes] = {}
    at = 0
    while at + 4 <= len(data):
        code, size = struct.unpack_from(order + "HH", data, at)
        if code == 0:
            break
        options.setdefault(code, data[at + 4 : at + 4 + size])
        at += 4 + size + -size % 4
    return options
