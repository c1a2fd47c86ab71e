"""Capture files: read pcap and pcapng, also gzipped, and write pcapng.

Reading streams: memory does not grow with the file, and no length in it is trusted. A file that
breaks off or is damaged gives all that stands before, and :attr:`Reader.damage` says where.
"""

from __future__ import annotations

import gzip
import io
import os
import struct
import zlib
from collections.abc import Iterator
from types import TracebackType
from typing import BinaryIO, Literal, NamedTuple, Self

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
_BYTE_ORDER = 0x1A2B3C4D
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
        notes = (_option(_COMMENT, comment.encode()) if comment else b"") + _option(
            _APPLICATION, b"dicomlab"
        )
        head = struct.pack("<IHHq", _BYTE_ORDER, 1, 0, -1)
        self._block(_SECTION, head + _options(notes))
        about = _option(_NAME, interface.encode()) + _option(_RESOLUTION, b"\x09")
        self._block(_INTERFACE, struct.pack("<HHI", link_type, 0, 0) + _options(about))
        self._file.flush()

    def packet(self, time_ns: int, data: bytes, comment: str | None = None) -> None:
        """Add one whole packet, as it was on the link at that time."""
        head = struct.pack("<IIIII", 0, time_ns >> 32, time_ns & 0xFFFFFFFF, len(data), len(data))
        notes = _options(_option(_COMMENT, comment.encode())) if comment else b""
        self._block(_ENHANCED, head + _padded(data) + notes)
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

    def _block(self, kind: int, body: bytes) -> None:
        size = len(body) + 12
        self._file.write(struct.pack("<II", kind, size) + body + struct.pack("<I", size))


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


class _Interface(NamedTuple):
    link_type: int
    snap_length: int
    ticks: int  # a second
    offset: int  # nanoseconds


class Damage(Exception):
    """The file cannot be read beyond this place."""


class Source:
    """The bytes of a file, once and in order, in windows of a fixed size."""

    WINDOW = 1 << 17

    def __init__(self, file: io.BufferedReader | gzip.GzipFile) -> None:
        self._file = file
        self._window = b""
        self._at = 0
        self._behind = 0  # bytes of earlier windows
        self.failure = ""  # why there is no more, where it is not simply the end

    @property
    def offset(self) -> int:
        """Bytes taken so far."""
        return self._behind + self._at

    def take(self, size: int) -> bytes:
        """The next bytes; fewer only at the end of the file."""
        end = self._at + size
        if end <= len(self._window):
            data = self._window[self._at : end]
            self._at = end
            return data
        parts = [self._window[self._at :]]
        left = size - len(parts[0])
        self._behind += len(self._window)
        while left > 0:
            self._window = self._read()
            if not self._window:
                self._at = 0
                break
            parts.append(self._window[:left])
            self._at = len(parts[-1])
            left -= self._at
            if left:
                self._behind += len(self._window)
        return b"".join(parts)

    def _read(self) -> bytes:
        try:
            return self._file.read1(self.WINDOW)
        except (EOFError, OSError, zlib.error) as error:
            self.failure = str(error)
            return b""


class Reader:
    """The packets of a capture file, by iterating; then also what the file says of itself.

    Raises CaptureError where the file is no capture at all.
    """

    LARGEST = 1 << 24  # bytes of a block or packet; a longer one is damage

    def __init__(self, file: io.BufferedReader, name: str = "the file") -> None:
        zipped = file.peek(2)[:2] == b"\x1f\x8b"
        self._source = source = Source(gzip.GzipFile(fileobj=file) if zipped else file)
        self._magic = magic = source.take(4)
        self.format: Literal["pcap", "pcapng"]
        if magic in _PCAP_MAGICS:
            self.format = "pcap"
        elif magic == _SECTION_MAGIC:
            self.format = "pcapng"
        else:
            why = f"{printable(name)} is neither a pcap nor a pcapng file"
            if source.failure:
                why += f" ({source.failure})"
            raise CaptureError(f"{why}.", "Save the capture with Wireshark, dumpcap or tcpdump.")
        self.packets = 0
        self.truncated = 0  # packets of which less was captured than was on the wire
        self.link_types: list[int] = []
        self.comments: list[str] = []
        self.digits = 0  # decimal places of the times
        self.damage: str | None = None

    def __iter__(self) -> Iterator[Packet]:
        try:
            yield from self._pcap() if self.format == "pcap" else self._pcapng()
        except Damage as damage:
            self.damage = f"{damage}, {self._source.offset:,} bytes into the file"
        if self._source.failure:
            why = f"the file breaks off: {self._source.failure}"
            self.damage = f"{self.damage}; {why}" if self.damage else why
        self.digits = self.digits or 6

    def _packet(self, time: int | None, link_type: int, data: bytes, size: int) -> Packet:
        self.packets += 1
        if len(data) < size:
            self.truncated += 1
        return Packet(self.packets, time, link_type, data, size)

    def _take(self, size: int, what: str) -> bytes:
        if size > self.LARGEST:
            raise Damage(f"{what} says that it has {size:,} bytes")
        data = self._source.take(size)
        if len(data) < size:
            raise Damage(f"the file ends inside {what}")
        return data

    # --- pcap ---------------------------------------------------------------------------------

    def _pcap(self) -> Iterator[Packet]:
        head = self._magic + self._take(20, "the file header")
        order, digits = _PCAP_MAGICS[self._magic]
        self.digits = digits
        unit = 10 ** (9 - digits)
        # the upper bits tell of a frame check sequence; the IP length leaves it out anyway
        link_type = struct.unpack_from(order + "I", head, 20)[0] & 0xFFFF
        self.link_types.append(link_type)
        record = struct.Struct(order + "IIII")
        while head := self._source.take(16):
            if len(head) < 16:
                raise Damage(f"the file ends inside the header of packet {self.packets + 1}")
            seconds, fraction, captured, size = record.unpack(head)
            data = self._take(captured, f"packet {self.packets + 1}")
            time = seconds * NANOSECONDS + fraction * unit
            yield self._packet(time, link_type, data, size)

    # --- pcapng -------------------------------------------------------------------------------

    def _pcapng(self) -> Iterator[Packet]:
        interfaces: list[_Interface] = []  # of the section
        readers = {_ENHANCED: self._enhanced, _SIMPLE: self._simple, _PACKET: self._obsolete}
        for kind, body, order in self._blocks():
            try:
                if kind in readers:
                    yield readers[kind](body, order, interfaces)
                elif kind == _INTERFACE:
                    interfaces.append(self._interface(body, order))
                elif kind == _SECTION:
                    interfaces.clear()
                    self._comment(_read_options(body[16:-4], order))
            except struct.error:
                raise Damage(f"a block of type {kind} is too short") from None

    def _blocks(self) -> Iterator[tuple[int, bytes, str]]:
        """Type, body (the second length at its end) and byte order of each block."""
        order = "<"
        head = self._magic + self._source.take(4)
        while head:
            if len(head) < 8:
                raise Damage("the file ends inside the header of a block")
            body = b""
            if head.startswith(_SECTION_MAGIC):
                body = self._source.take(4)
                order = _byte_order(body)
            kind, size = struct.unpack(order + "II", head)
            if size < 12 + len(body) or size % 4:
                raise Damage(f"a block says that it has {size:,} bytes")
            body += self._take(size - 8 - len(body), f"a block behind packet {self.packets}")
            if body[-4:] != struct.pack(order + "I", size):
                raise Damage("the two lengths of a block differ")
            yield kind, body, order
            head = self._source.take(8)

    def _comment(self, options: dict[int, bytes]) -> None:
        if _COMMENT in options and len(self.comments) < 100:
            self.comments.append(options[_COMMENT].decode("utf-8", "replace"))

    def _interface(self, body: bytes, order: str) -> _Interface:
        link_type, _, snap_length = struct.unpack_from(order + "HHI", body)
        options = _read_options(body[8:-4], order)
        self._comment(options)
        resolution = (options.get(_RESOLUTION) or b"\x06")[0]
        exponent = resolution & 0x7F
        ticks = 2**exponent if resolution & 0x80 else 10**exponent
        self.digits = max(self.digits, 9 if resolution & 0x80 else min(exponent, 9))
        offset = int.from_bytes(
            options.get(_TIME_OFFSET, b""), "little" if order == "<" else "big", signed=True
        )
        if link_type not in self.link_types:
            self.link_types.append(link_type)
        return _Interface(link_type, snap_length, ticks, offset * NANOSECONDS)

    def _enhanced(self, body: bytes, order: str, interfaces: list[_Interface]) -> Packet:
        number, high, low, captured, size = struct.unpack_from(order + "IIIII", body)
        return self._timed(body, number, interfaces, high << 32 | low, captured, size)

    def _obsolete(self, body: bytes, order: str, interfaces: list[_Interface]) -> Packet:
        number, _, high, low, captured, size = struct.unpack_from(order + "HHIIII", body)
        return self._timed(body, number, interfaces, high << 32 | low, captured, size)

    def _timed(
        self,
        body: bytes,
        number: int,
        interfaces: list[_Interface],
        ticks: int,
        captured: int,
        size: int,
    ) -> Packet:
        if number >= len(interfaces):
            raise Damage(f"packet {self.packets + 1} is of interface {number}, which is not there")
        if captured > len(body) - 24:
            raise Damage(f"packet {self.packets + 1} says that it has {captured:,} bytes")
        one = interfaces[number]
        time = ticks * NANOSECONDS // one.ticks + one.offset
        return self._packet(time, one.link_type, body[20 : 20 + captured], size)

    def _simple(self, body: bytes, order: str, interfaces: list[_Interface]) -> Packet:
        if not interfaces:
            raise Damage(f"packet {self.packets + 1} is of no interface")
        size = struct.unpack_from(order + "I", body)[0]
        captured = min(size, interfaces[0].snap_length or size, len(body) - 8)
        return self._packet(None, interfaces[0].link_type, body[4 : 4 + captured], size)


_PCAP_MAGICS: dict[bytes, tuple[str, int]] = {
    b"\xd4\xc3\xb2\xa1": ("<", 6),
    b"\xa1\xb2\xc3\xd4": (">", 6),
    b"\x4d\x3c\xb2\xa1": ("<", 9),
    b"\xa1\xb2\x3c\x4d": (">", 9),
}


def _byte_order(magic: bytes) -> str:
    for order in "<>":
        if magic == struct.pack(order + "I", _BYTE_ORDER):
            return order
    raise Damage("a section has no byte-order magic")


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
