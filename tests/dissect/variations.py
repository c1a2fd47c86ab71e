"""The same conversations in other clothes: what changes a capture file and not what it holds.

A variation takes the packets of a capture and gives a file. Nothing here uses the code that is
tested: files are taken apart and put together by the few lines that the variations need.
"""

from __future__ import annotations

import gzip
import re
import struct
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from random import Random
from typing import NamedTuple

NULL, ETHERNET, RAW, LOOP, COOKED, IPV4, IPV6, COOKED_2 = 0, 1, 101, 108, 113, 228, 229, 276
RAW_TYPES = (RAW, 12, 14, IPV4, IPV6)
FIN, SYN, RST, PSH, ACK, URG, ECE, CWR = 1, 2, 4, 8, 16, 32, 64, 128
TCP, UDP, GRE = 6, 17, 47
SECOND = 10**9
NUMBERS = 1 << 32


class Packet(NamedTuple):
    time: int | None  # nanoseconds since 1970
    link_type: int
    data: bytes
    size: int  # on the wire


Packets = list[Packet]
Change = Callable[[Packets], Packets]
Container = Callable[[Packets], bytes]


def packet(time: int | None, link_type: int, data: bytes) -> Packet:
    """A packet that was captured whole."""
    return Packet(time, link_type, data, len(data))


# --- files are taken apart --------------------------------------------------------------------


def load(path: Path) -> Packets:
    """The packets of a pcap or pcapng file, also a gzipped one."""
    return read(path.read_bytes())


def read(data: bytes) -> Packets:
    """The packets of such a file."""
    if data[:2] == b"\x1f\x8b":
        data = gzip.decompress(data)
    return list(_pcapng_packets(data) if data[:4] == b"\x0a\x0d\x0d\x0a" else _pcap_packets(data))


def _pcap_packets(data: bytes) -> Iterator[Packet]:
    order = "<" if data[:4] in (b"\xd4\xc3\xb2\xa1", b"\x4d\x3c\xb2\xa1") else ">"
    fraction = 1000 if b"\xa1\xb2\xc3\xd4" in (data[:4], data[3::-1]) else 1
    link_type = struct.unpack_from(order + "H", data, 20 if order == "<" else 22)[0]
    at = 24
    while at + 16 <= len(data):
        seconds, part, captured, size = struct.unpack_from(order + "IIII", data, at)
        time = seconds * SECOND + part * fraction
        yield Packet(time, link_type, data[at + 16 : at + 16 + captured], size)
        at += 16 + captured


def _pcapng_packets(data: bytes) -> Iterator[Packet]:
    at, order = 0, "<"
    interfaces: list[tuple[int, int]] = []  # link type, ticks a second
    while at + 12 <= len(data):
        if data[at : at + 4] == b"\x0a\x0d\x0d\x0a":
            order = "<" if data[at + 8 : at + 12] == b"\x4d\x3c\x2b\x1a" else ">"
            interfaces = []
        kind, size = struct.unpack_from(order + "II", data, at)
        if kind == 1:
            ticks = _resolution(data[at + 16 : at + size - 4], order)
            interfaces.append((struct.unpack_from(order + "H", data, at + 8)[0], ticks))
        if kind == 6:
            number, high, low, captured, wire = struct.unpack_from(order + "IIIII", data, at + 8)
            link_type, ticks = interfaces[number]
            time = (high << 32 | low) * SECOND // ticks
            yield Packet(time, link_type, data[at + 28 : at + 28 + captured], wire)
        at += size


def _resolution(options: bytes, order: str) -> int:
    at = 0
    while at + 4 <= len(options):
        code, size = struct.unpack_from(order + "HH", options, at)
        if code == 9:
            return _ticks(options[at + 4])
        at += 4 + size + -size % 4
    return 10**6


def _ticks(resolution: int) -> int:
    return 2 ** (resolution & 127) if resolution & 128 else 10**resolution


# --- files are put together -------------------------------------------------------------------


def pcap(packets: Packets, order: str = "<", digits: int = 6) -> bytes:
    """A pcap file; all packets have one link type."""
    (link_type,) = {one.link_type for one in packets}
    magic = {6: 0xA1B2C3D4, 9: 0xA1B23C4D}[digits]
    parts = [struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, 262144, link_type)]
    for one in packets:
        seconds, fraction = divmod(one.time or 0, SECOND)
        head = (seconds, fraction // 10 ** (9 - digits), len(one.data), one.size)
        parts += [struct.pack(order + "IIII", *head), one.data]
    return b"".join(parts)


class Lane(NamedTuple):
    """How an interface tells times: its if_tsresol and if_tsoffset."""

    resolution: int = 9
    offset: int = 0

    def ticks(self, time: int | None) -> int:
        return ((time or 0) - self.offset * SECOND) * _ticks(self.resolution) // SECOND

    def told(self, time: int | None) -> int:
        """The time that a reader of the ticks sees."""
        return self.ticks(time) * SECOND // _ticks(self.resolution) + self.offset * SECOND


class Ng:
    """A pcapng file under way."""

    def __init__(self, order: str = "<") -> None:
        self.order = order
        self.parts: list[bytes] = []
        self.interfaces: dict[tuple[int, Lane], int] = {}

    def block(self, kind: int, body: bytes) -> None:
        body += bytes(-len(body) % 4)
        size = len(body) + 12
        self.parts += [self.pack("II", kind, size), body, self.pack("I", size)]

    def pack(self, kinds: str, *values: int) -> bytes:
        return struct.pack(self.order + kinds, *values)

    def options(self, *options: tuple[int, bytes]) -> bytes:
        packed = [self.pack("HH", c, len(v)) + v + bytes(-len(v) % 4) for c, v in options]
        return b"".join(packed) + bytes(4)

    def section(self, order: str | None = None, *options: tuple[int, bytes]) -> None:
        self.order = order or self.order
        self.interfaces = {}
        notes = self.options(*options) if options else b""
        self.block(0x0A0D0D0A, self.pack("IHHq", 0x1A2B3C4D, 1, 0, -1) + notes)

    def interface(self, link_type: int, lane: Lane, *more: tuple[int, bytes]) -> int:
        """The number of such an interface; described if it is not yet."""
        known = self.interfaces.get((link_type, lane))
        if known is not None:
            return known
        options = list(more)
        if lane.resolution != 6:
            options.append((9, bytes([lane.resolution])))
        if lane.offset:
            options.append((14, self.pack("q", lane.offset)))
        self.block(1, self.pack("HHI", link_type, 0, 0) + self.options(*options))
        self.interfaces[link_type, lane] = len(self.interfaces)
        return len(self.interfaces) - 1

    def enhanced(self, one: Packet, lane: Lane, *options: tuple[int, bytes]) -> None:
        number, ticks = self.interface(one.link_type, lane), lane.ticks(one.time)
        head = self.pack("5I", number, ticks >> 32, ticks & 0xFFFFFFFF, len(one.data), one.size)
        notes = self.options(*options) if options else b""
        self.block(6, head + one.data + bytes(-len(one.data) % 4) + notes)

    def obsolete(self, one: Packet, lane: Lane) -> None:
        number, ticks = self.interface(one.link_type, lane), lane.ticks(one.time)
        times = ticks >> 32, ticks & 0xFFFFFFFF
        self.block(2, self.pack("HHIIII", number, 7, *times, len(one.data), one.size) + one.data)

    def simple(self, one: Packet) -> None:
        self.interface(one.link_type, Lane(6))
        self.block(3, self.pack("I", one.size) + one.data)

    def __bytes__(self) -> bytes:
        return b"".join(self.parts)


def plain(packets: Packets, order: str = "<", resolution: int = 9, offset: int = 0) -> bytes:
    """A pcapng file of one section."""
    file = Ng(order)
    file.section()
    for one in packets:
        file.enhanced(one, Lane(resolution, offset))
    return bytes(file)


def sections(packets: Packets) -> bytes:
    """Three sections of different byte orders; each describes its interfaces anew."""
    file = Ng()
    for number, order in enumerate("<><"):
        file.section(order, (4, b"a merge"))
        for one in packets[number * len(packets) // 3 : (number + 1) * len(packets) // 3]:
            file.enhanced(one, Lane((6, 9, 9)[number]))
    return bytes(file)


LANES = (Lane(6), Lane(9, 1_000_000_000), Lane(0x80 | 10, -3600), Lane(3), Lane(10))


def _lane(number: int, one: Packet) -> Lane:
    """An interface for each direction; some have a third."""
    found = segment(one)
    if found is None:
        return LANES[2 + number % 3]
    return LANES[found.ports[0] > found.ports[1]]


def lanes(packets: Packets) -> bytes:
    """Interfaces of different resolutions and offsets, described where they are first needed."""
    file = Ng(">")
    file.section()
    file.interface(147, Lane(0))  # a link type that nobody knows, and no packet of it
    for number, one in enumerate(packets):
        file.enhanced(one, _lane(number, one))
    return bytes(file)


def as_lanes_tell(packets: Packets) -> Packets:
    return [one._replace(time=_lane(n, one).told(one.time)) for n, one in enumerate(packets)]


def mixed_links(packets: Packets) -> bytes:
    """Interfaces of different link types in one file, packet by packet."""
    kinds = (RAW, COOKED, ETHERNET, COOKED_2, NULL)
    return plain([as_link(kinds[n % 5])([one])[0] for n, one in enumerate(packets)])


def as_told(packets: Packets, lane: Lane) -> Packets:
    return [one._replace(time=lane.told(one.time)) for one in packets]


def simple_blocks(packets: Packets) -> bytes:
    file = Ng()
    file.section()
    for one in packets:
        file.simple(one)
    return bytes(file)


def obsolete_blocks(packets: Packets, order: str) -> bytes:
    file = Ng(order)
    file.section()
    for one in packets:
        file.obsolete(one, Lane())
    return bytes(file)


def strange_blocks(packets: Packets, order: str) -> bytes:
    """Blocks of all other kinds before, between and behind; options on packets."""
    file = Ng(order)
    file.section(None, (1, b"a comment"), (2, b"hardware"), (3, b"system"), (4, b"program"))
    other = [
        (4, file.pack("HH", 1, 13) + b"\x0a\x37\0\1host.name" + bytes(3) + bytes(4)),  # names
        (5, file.pack("III", 0, 5, 5) + file.options((4, file.pack("Q", 7)))),  # statistics
        (9, b"__REALTIME_TIMESTAMP=1\n"),  # a journal entry
        (10, file.pack("II", 0x544C534B, 20) + b"CLIENT_RANDOM 00 11\n"),  # secrets
        (0xBAD, file.pack("I", 32473) + b"custom, may be copied"),
        (0x40000BAD, file.pack("I", 32473) + b"custom, not to be copied"),
        (0x0B16B00B, b"of a kind that nobody knows" + b"\x06\0\0\0"),
        (0x80000001, b""),
    ]
    for number, one in enumerate(packets):
        for kind, body in other if number == 0 else other[number % 8 : number % 8 + 2]:
            file.block(kind, body)
        file.interface(
            one.link_type, Lane(), (2, b"eth0"), (3, b"up"), (11, b"\0tcp"), (8, bytes(8))
        )
        notes = [(1, "an ü".encode()), (2, file.pack("I", 9)), (4, bytes(8)), (5, bytes(8))]
        file.enhanced(one, Lane(), *notes[: number % 5])
    for kind, body in other:
        file.block(kind, body)
    return bytes(file)


def zipped(packets: Packets, container: Container) -> bytes:
    """Gzipped in three members, as parallel compressors and `cat` make them."""
    data = container(packets)
    third = len(data) // 3
    return b"".join(map(gzip.compress, (data[:third], data[third : 2 * third], data[2 * third :])))


# --- link layers ------------------------------------------------------------------------------

MACS = bytes.fromhex("02000000000b02000000000a")
IPV4_TYPE, IPV6_TYPE, BRIDGED = b"\x08\0", b"\x86\xdd", b"\x65\x58"


def peeled(one: Packet) -> tuple[bytes, bytes] | None:
    """Link header and IP packet; what lies behind that is left out."""
    at = _link_header(one)
    if at is None or len(one.data) < at + 20:
        return None
    version, total = one.data[at] >> 4, struct.unpack_from("!H", one.data, at + 2)[0]
    if version == 6:
        total = 40 + struct.unpack_from("!H", one.data, at + 4)[0]
    elif version != 4:
        return None
    return one.data[:at], one.data[at : at + total] if total else one.data[at:]


def _link_header(one: Packet) -> int | None:
    if one.link_type == ETHERNET:
        at = 12
        while one.data[at : at + 2] in (b"\x81\0", b"\x88\xa8", b"\x91\0"):
            at += 4
        return at + 2 if one.data[at : at + 2] in (IPV4_TYPE, IPV6_TYPE) else None
    if one.link_type == COOKED:
        return 16 if one.data[14:16] in (IPV4_TYPE, IPV6_TYPE) else None
    if one.link_type in (NULL, LOOP):
        return 4
    return 0 if one.link_type in RAW_TYPES else None


def ether_type(ip: bytes) -> bytes:
    return IPV4_TYPE if ip[0] >> 4 == 4 else IPV6_TYPE


def linked(ip: bytes, link_type: int) -> bytes:
    """An IP packet behind the usual header of a link type."""
    kind = ether_type(ip)
    families = {NULL: (2, 24), LOOP: (2, 28)}
    if link_type == ETHERNET:
        return MACS + kind + ip
    if link_type == COOKED:
        return b"\0\4\0\1\0\6" + MACS[6:] + bytes(2) + kind + ip
    if link_type == COOKED_2:
        return kind + bytes(2) + struct.pack("!IHBB", 3, 1, 4, 6) + MACS[6:] + bytes(2) + ip
    if link_type in families:
        order = "<I" if link_type == NULL else ">I"
        return struct.pack(order, families[link_type][kind == IPV6_TYPE]) + ip
    return ip


def udp(data: bytes, ports: tuple[int, int] = (9, 9)) -> bytes:
    """A datagram between two others."""
    body = struct.pack("!HHHH", *ports, 8 + len(data), 0) + data
    return ip_header(UDP, len(body)) + body


def ip_header(
    protocol: int, size: int, ends: bytes = bytes([203, 0, 113, 1, 203, 0, 113, 2])
) -> bytes:
    return struct.pack("!BBHHHBBH", 0x45, 0, 20 + size, 7, 0, 64, protocol, 0) + ends


def relinked(wrap: Callable[[bytes], bytes], link_type: int) -> Change:
    """Another link layer; what is no IP becomes a datagram of nobody, so that frames stay."""

    def change(packets: Packets) -> Packets:
        found = [(one.time, peeled(one)) for one in packets]
        return [packet(t, link_type, wrap(f[1] if f else udp(b""))) for t, f in found]

    return change


def as_link(link_type: int) -> Change:
    return relinked(partial(linked, link_type=link_type), link_type)


def tagged(tags: str) -> Change:
    """Ethernet with tags of these types."""
    between = b"".join(bytes.fromhex(one) + b"\xa0\x2a" for one in tags.split())
    return relinked(lambda ip: MACS + between + ether_type(ip) + ip, ETHERNET)


def tagged_cooked(packets: Packets) -> Packets:
    def wrap(ip: bytes) -> bytes:
        return linked(ip, COOKED)[:14] + b"\x81\0\0\x2a" + ether_type(ip) + ip

    return relinked(wrap, COOKED)(packets)


def labelled(packets: Packets) -> Packets:
    """MPLS with two labels."""
    labels = bytes.fromhex("8847 00010040 00014140")
    return relinked(lambda ip: MACS + labels + ip, ETHERNET)(packets)


def in_pppoe(packets: Packets) -> Packets:
    def wrap(ip: bytes) -> bytes:
        protocol = 0x21 if ether_type(ip) == IPV4_TYPE else 0x57
        return MACS + b"\x88\x64\x11\0\0\7" + struct.pack("!HH", len(ip) + 2, protocol) + ip

    return relinked(wrap, ETHERNET)(packets)


def null_big_endian(packets: Packets) -> Packets:
    return relinked(lambda ip: struct.pack(">I", 2 if ip[0] >> 4 == 4 else 30) + ip, NULL)(packets)


def padded(packets: Packets, filling: bytes, tail: bytes) -> Packets:
    """Ethernet frames of 60 bytes at least, and something behind."""

    def wrap(ip: bytes) -> bytes:
        frame = MACS + ether_type(ip) + ip
        return frame + (filling * 60)[: max(60 - len(frame), 0)] + tail

    return relinked(wrap, ETHERNET)(packets)


# --- IP ---------------------------------------------------------------------------------------


def each_ip(change: Callable[[bytes], Iterable[bytes]]) -> Change:
    """Every IP packet becomes others; what is none stays."""

    def changed(packets: Packets) -> Packets:
        result = []
        for one in packets:
            found = peeled(one)
            if found is None:
                result.append(one)
                continue
            link, link_type = found[0], one.link_type
            result += [
                packet(one.time, link_type, _typed(link, link_type, ip)) for ip in change(found[1])
            ]
        return result

    return changed


def _typed(link: bytes, link_type: int, ip: bytes) -> bytes:
    """The link header that fits to the IP version."""
    if link_type in (ETHERNET, COOKED):
        return link[:-2] + ether_type(ip) + ip
    return linked(ip, link_type)


def split(ip: bytes) -> tuple[bytes, bytes]:
    """IP header and payload."""
    header = 40 if ip[0] >> 4 == 6 else (ip[0] & 15) * 4
    return ip[:header], ip[header:]


def sized(header: bytes, payload: bytes) -> bytes:
    """Header and payload with the right length, 0 where that has no room for it."""
    if header[0] >> 4 == 6:
        size = len(header) - 40 + len(payload)
        return header[:4] + struct.pack("!H", size if size < 65536 else 0) + header[6:] + payload
    size = len(header) + len(payload)
    return header[:2] + struct.pack("!H", size if size < 65536 else 0) + header[4:] + payload


def is_ipv4_tcp(ip: bytes) -> bool:
    return ip[0] >> 4 == 4 and ip[9] == TCP and not struct.unpack_from("!H", ip, 6)[0] & 0x3FFF


def is_ipv6_tcp(ip: bytes) -> bool:
    return ip[0] >> 4 == 6 and ip[6] == TCP


def with_ip_options(words: int) -> Change:
    def change(ip: bytes) -> Iterator[bytes]:
        if ip[0] >> 4 != 4:
            yield ip
            return
        header, payload = split(ip)
        options = b"\x07\x04\x04\0" + b"\x01" * 36  # record route, and no operations
        yield sized(bytes([0x40 | words]) + header[1:20] + options[: words * 4 - 20], payload)

    return each_ip(change)


def without_total_length(ip: bytes) -> Iterator[bytes]:
    if is_ipv4_tcp(ip):
        yield ip[:2] + b"\0\0" + ip[4:]
    elif is_ipv6_tcp(ip):
        yield ip[:4] + b"\0\0" + ip[6:]
    else:
        yield ip


def _pieces(ip: bytes, size: int, number: int, more: int = 0) -> list[bytes]:
    """The fragments of an IP packet; each reaches ``more`` bytes into the next."""
    header, payload = split(ip)
    size -= size % 8
    pieces = []
    for at in range(0, len(payload), size):
        piece = payload[at : at + size + more]
        place = at | (at + len(piece) < len(payload))
        if ip[0] >> 4 == 4:
            place = place >> 3 | (place & 1) << 13
            head = header[:4] + struct.pack("!HH", number & 0xFFFF, place) + header[8:]
        else:
            head = header[:6] + bytes([44]) + header[7:]
            piece = struct.pack("!BBHI", header[6], 0, place, number) + piece
        pieces.append(sized(head, piece))
    return pieces


def fragmented(size: int, order: str = "in order", numbers: int = 1 << 32) -> Change:
    """Datagrams become fragments; their IDs come again after so many."""

    def change(packets: Packets) -> Packets:
        more = 8 if order == "overlapping" else 0
        groups: list[Packets] = []
        for number, one in enumerate(packets, 100):
            found = peeled(one)
            if found is None or not (is_ipv4_tcp(found[1]) or is_ipv6_tcp(found[1])):
                groups.append([one])
                continue
            pieces = _pieces(found[1], size, number % numbers, more)
            groups.append([packet(one.time, one.link_type, found[0] + p) for p in pieces])
        return [one for group in _arranged(groups, order) for one in group]

    return change


def _arranged(groups: list[Packets], order: str) -> Iterable[Packets]:
    if order == "reversed":
        return [group[::-1] for group in groups]
    if order == "doubled":
        return [[one for one in group for _ in "12"] for group in groups]
    if order == "interleaved":  # two datagrams of the same time, as far as times can say
        pairs = zip(groups[::2], [*groups[1::2], []], strict=False)
        return [_interleaved(*pair) for pair in pairs]
    if order == "shuffled":
        random = Random(order)
        return [random.sample(group, len(group)) for group in groups]
    return groups


def _interleaved(one: Packets, other: Packets) -> Packets:
    """Fragments take turns, the last ones of each datagram in the old order."""
    last = [*one[-1:], *other[-1:]]
    before = [p for pair in zip(one[:-1], other[:-1], strict=False) for p in pair]
    rest = one[:-1][len(other[:-1]) :] + other[:-1][len(one[:-1]) :]
    return before + rest + last


def two_ways_of_fragments(packets: Packets) -> Packets:
    """The fragments of two paths with different MTUs, of one datagram, one after another."""
    first, second = fragmented(552)(packets), fragmented(1480)(packets)
    by_id: dict[bytes, list[Packets]] = defaultdict(lambda: [[], []])
    result: Packets = []
    for number, those in enumerate((first, second)):
        for one in those:
            found = peeled(one)
            if (
                found is not None
                and found[1][0] >> 4 == 4
                and struct.unpack_from("!H", found[1], 6)[0] & 0x3FFF
            ):
                by_id[found[1][4:6]][number].append(one)
    seen: set[bytes] = set()
    for one in first:
        found = peeled(one)
        key = found[1][4:6] if found else b""
        if key not in by_id:
            result.append(one)
        elif key not in seen:
            seen.add(key)
            a, b = by_id[key]
            result += [p for pair in zip(a, b, strict=False) for p in pair]
            result += a[len(b) :] + b[len(a) :]
    return result


# --- IPv6 -------------------------------------------------------------------------------------


def as_ipv6_address(address: bytes) -> bytes:
    return bytes.fromhex("fd0000000000000000640000") + address


def in_ipv6(*headers: tuple[int, bytes]) -> Change:
    """IPv4 becomes IPv6, with extension headers (the first byte of each left out) before TCP."""

    def change(ip: bytes) -> Iterator[bytes]:
        if not (is_ipv4_tcp(ip) or is_ipv6_tcp(ip)):
            yield ip
            return
        header, payload = split(ip)
        ends, hops = header[8:40], header[7]
        if len(header) < 40 or header[0] >> 4 == 4:
            hops = header[8]
            ends = as_ipv6_address(header[12:16]) + as_ipv6_address(header[16:20])
        kinds = [kind for kind, _ in headers] + [TCP]
        chain = b"".join(bytes([kinds[n + 1]]) + body for n, (_, body) in enumerate(headers))
        yield sized(b"\x60\x0c\0\x01\0\0" + bytes([kinds[0], hops]) + ends, chain + payload)

    return each_ip(change)


def told_as_ipv6(text: str) -> str:
    """The same, where the text of a dissection names the ends."""

    def ipv6(found: re.Match[str]) -> str:
        return f"[{IPv6Address(as_ipv6_address(IPv4Address(found[1]).packed))}]:"

    return re.sub(r"\b(\d+\.\d+\.\d+\.\d+):(?=\d)", ipv6, text)


HOP_BY_HOP = (0, b"\0" + b"\x05\x02\0\0\x01\0")
ROUTING = (43, b"\x02\x02\x01" + bytes(4) + bytes(16))
DESTINATION = (60, b"\x01" + b"\x01\x0c" + bytes(12))
AUTHENTICATION = (51, b"\x04" + bytes(22))
ATOMIC_FRAGMENT = (44, b"\0\0\0" + b"\0\0\0\x07")
MOBILITY = (135, b"\0" + bytes(6))


def authenticated(ip: bytes) -> Iterator[bytes]:
    """IPv4 with an authentication header."""
    if not is_ipv4_tcp(ip):
        yield ip
        return
    header, payload = split(ip)
    yield sized(header[:9] + b"\x33" + header[10:], b"\x06\x04" + bytes(22) + payload)


# --- tunnels ----------------------------------------------------------------------------------


def tunnelled(wrap: Callable[[bytes], bytes]) -> Change:
    return each_ip(lambda ip: [wrap(ip)])


def outer(protocol: int, body: bytes) -> bytes:
    return sized(ip_header(protocol, 0), body)


def outer_ipv6(protocol: int, body: bytes) -> bytes:
    ends = bytes.fromhex("20010db8" + 11 * "00" + "01" + "20010db8" + 11 * "00" + "02")
    return sized(b"\x60\0\0\0\0\0" + bytes([protocol, 64]) + ends, body)


Outer = Callable[[int, bytes], bytes]


def gre(ip: bytes, flags: int = 0, *, bridged: bool = False, outer: Outer = outer) -> bytes:
    kind = BRIDGED if bridged else ether_type(ip)
    optional = bytes(4 * sum(bool(flags & bit) for bit in (0x80, 0x20, 0x10)))
    body = linked(ip, ETHERNET) if bridged else ip
    return outer(GRE, bytes([flags, 0]) + kind + optional + body)


def vxlan(ip: bytes, tags: bytes = b"", outer: Outer = outer) -> bytes:
    frame = MACS + tags + ether_type(ip) + ip
    return outer(
        UDP, struct.pack("!HHHH", 49152, 4789, 16 + len(frame), 0) + b"\x08" + bytes(7) + frame
    )


def ip_in_ip(ip: bytes) -> bytes:
    return outer(4 if ip[0] >> 4 == 4 else 41, ip)


def in_ip6(ip: bytes) -> bytes:
    return outer_ipv6(4 if ip[0] >> 4 == 4 else 41, ip)


def erspan(ip: bytes, version: int) -> bytes:
    """What switches mirror with: types I, II and III."""
    frame = linked(ip, ETHERNET)
    if version == 1:
        return outer(GRE, b"\0\0\x88\xbe" + frame)
    if version == 2:
        return outer(GRE, b"\x10\0\x88\xbe" + bytes(4) + b"\x10\x01" + bytes(6) + frame)
    return outer(GRE, b"\x10\0\x22\xeb" + bytes(4) + b"\x20\x01" + bytes(10) + frame)


# --- TCP --------------------------------------------------------------------------------------

Ends = tuple[bytes, int, bytes, int]


class Segment(NamedTuple):
    packet: Packet
    link: bytes
    ip: bytes  # the header
    ports: tuple[int, int]
    sequence: int
    acknowledged: int
    flags: int
    window: int
    urgent: int
    options: bytes
    data: bytes

    @property
    def way(self) -> Ends:
        """Both ends, the sender first."""
        addresses = self.ip[8:40] if self.ip[0] >> 4 == 6 else self.ip[12:20]
        half = len(addresses) // 2
        return addresses[:half], self.ports[0], addresses[half:], self.ports[1]

    @property
    def back(self) -> Ends:
        """The other direction."""
        way = self.way
        return way[2], way[3], way[0], way[1]

    @property
    def pair(self) -> Ends:
        """The connection."""
        return min(self.way, self.back)

    @property
    def stop(self) -> int:
        """The sequence number behind its data."""
        return (self.sequence + bool(self.flags & SYN) + len(self.data)) % NUMBERS

    def packed(self) -> Packet:
        words = 5 + len(self.options) // 4
        head = struct.pack(
            "!HHIIHHHH",
            *self.ports,
            self.sequence % NUMBERS,
            self.acknowledged % NUMBERS,
            words << 12 | self.flags,
            self.window,
            0,
            self.urgent,
        )
        ip = sized(self.ip, head + self.options + self.data)
        return packet(self.packet.time, self.packet.link_type, self.link + ip)

    def answer(self) -> Segment:
        """An acknowledgement of it."""
        six = self.ip[0] >> 4 == 6
        at, half = (8, 16) if six else (12, 4)
        source, target = self.ip[at : at + half], self.ip[at + half : at + 2 * half]
        ip = self.ip[:at] + target + source + self.ip[at + 2 * half :]
        return self._replace(
            ip=ip,
            ports=self.ports[::-1],
            sequence=self.acknowledged,
            acknowledged=self.stop,
            flags=ACK,
            options=b"",
            data=b"",
        )


def segment(one: Packet) -> Segment | None:
    """The TCP segment of a packet that holds all of it, without tunnels."""
    found = peeled(one)
    if found is None or not (is_ipv4_tcp(found[1]) or is_ipv6_tcp(found[1])):
        return None
    header, payload = split(found[1])
    if len(payload) < 20:
        return None
    *ports, sequence, acknowledged, mixed, window, _, urgent = struct.unpack_from(
        "!HHIIHHHH", payload
    )
    size = (mixed >> 12) * 4
    return Segment(
        one,
        found[0],
        header,
        (ports[0], ports[1]),
        sequence,
        acknowledged,
        mixed & 0x1FF,
        window,
        urgent,
        payload[20:size],
        payload[size:],
    )


def each_segment(start: Callable[[], Callable[[Segment], Iterable[Segment]]]) -> Change:
    """Every TCP segment becomes others; ``start`` gives a function with its memory."""

    def changed(packets: Packets) -> Packets:
        change, result = start(), []
        for one in packets:
            found = segment(one)
            result += [one] if found is None else [other.packed() for other in change(found)]
        return result

    return changed


def simply(change: Callable[[Segment], Iterable[Segment]]) -> Change:
    return each_segment(lambda: change)


def resegmented(size: int) -> Change:
    def change(one: Segment) -> Iterator[Segment]:
        for at in range(0, len(one.data) or 1, size):
            last = at + size >= len(one.data)
            number = one.sequence + at + bool(at and one.flags & SYN)
            flags = one.flags & ~(SYN if at else 0) & ~(0 if last else FIN | PSH)
            yield one._replace(sequence=number, flags=flags, data=one.data[at : at + size])

    return simply(change)


def joined(limit: int) -> Change:
    """Segments that follow one another become one, of up to ``limit`` bytes."""

    def change(packets: Packets) -> Packets:
        result: list[Packet | None] = []
        pending: dict[Ends, tuple[int, Segment]] = {}
        for one in packets:
            result.append(one)
            found = segment(one)
            if found is None or not (found.data or found.flags & (SYN | FIN | RST)):
                continue
            place, before = pending.pop(found.pair, (0, None))
            if found.flags & (SYN | RST):
                continue
            follows = before is not None and before.way == found.way
            if before is not None and follows and before.stop == found.sequence:
                data = before.data + found.data
                if len(data) <= limit:
                    result[place] = None
                    found = found._replace(sequence=before.sequence, data=data)
                    result[-1] = found.packed()
            if not found.flags & FIN:
                pending[found.pair] = len(result) - 1, found
        return [one for one in result if one is not None]

    return change


def overlapping(size: int) -> Change:
    """Every segment begins with bytes that were sent before."""

    def start() -> Callable[[Segment], Iterable[Segment]]:
        sent: dict[Ends, tuple[int, bytes]] = {}

        def change(one: Segment) -> Iterator[Segment]:
            number, before = sent.get(one.way, (-1, b""))
            if one.flags & SYN:
                sent[one.way] = one.stop, b""
            elif one.data and number == one.sequence:
                sent[one.way] = one.stop, (before + one.data)[-size:]
                one = one._replace(sequence=one.sequence - len(before), data=before + one.data)
            elif one.data:
                sent[one.way] = one.stop, one.data[-size:]
            yield one

        return change

    return each_segment(start)


def doubled(packets: Packets, later: int = 0) -> Packets:
    """Every packet twice, the second time some packets later."""
    if not later:
        return [one for one in packets for _ in "12"]
    result = []
    for number in range(len(packets) + later):
        if number < len(packets):
            result.append(packets[number])
        if number >= later:
            now = packets[min(number, len(packets) - 1)].time
            result.append(packets[number - later]._replace(time=now))
    return result


def shuffled(window: int, *, keep_times: bool) -> Change:
    """Packets change places within windows; each keeps its time, or they arrive in this order."""

    def change(packets: Packets) -> Packets:
        random, result = Random(window), []
        for at in range(0, len(packets), window):
            some = packets[at : at + window]
            result += random.sample(some, len(some))
        if keep_times:
            return result
        return [one._replace(time=old.time) for one, old in zip(result, packets, strict=True)]

    return change


def late(packets: Packets, number: int, later: int) -> Packets:
    """One packet comes so many packets later than it should: it was lost, and sent again."""
    now = packets[number + later].time
    moved = packets[number]._replace(time=now)
    return [
        *packets[:number],
        *packets[number + 1 : number + later + 1],
        moved,
        *packets[number + later + 1 :],
    ]


def backwards(block: int) -> Change:
    """Blocks of packets with descending times."""

    def change(packets: Packets) -> Packets:
        places = range(0, len(packets), block)
        return [one for at in places for one in reversed(packets[at : at + block])]

    return change


def two_queues(packets: Packets) -> Packets:
    """Each direction is written by a queue of its own, some packets at a time."""
    result: Packets = []
    waiting: tuple[Packets, Packets] = ([], [])
    for one in packets:
        found = segment(one)
        queue = waiting[bool(found and found.ports[0] > found.ports[1])]
        queue.append(one)
        if len(queue) == 12:
            result += queue
            queue.clear()
    return result + waiting[1] + waiting[0]


def keep_alives(garbage: bytes) -> Change:
    """It is asked whether the other side still lives, behind each packet that came in order."""

    def start() -> Callable[[Segment], Iterable[Segment]]:
        expected: dict[Ends, int] = {}

        def change(one: Segment) -> Iterator[Segment]:
            yield one
            if one.flags & SYN:
                expected[one.way] = one.stop
            elif one.flags & (FIN | RST) or expected.get(one.way) != one.sequence:
                expected.pop(one.way, None)
            else:
                expected[one.way] = one.stop
                asks = one._replace(sequence=one.stop - 1, flags=ACK, data=garbage)
                yield asks
                yield one._replace(data=b"").answer()._replace(acknowledged=one.stop)

        return change

    return each_segment(start)


def window_probes(one: Segment) -> Iterator[Segment]:
    """The other side had no room: one byte was sent alone, and again with the others."""
    if len(one.data) >= 2 and not one.flags & SYN:
        probe = one._replace(flags=ACK, data=one.data[:1])
        full = probe.answer()._replace(window=0)
        yield from (probe, full, probe._replace(sequence=one.sequence - 1, data=b""), full)
    yield one


def syn_again(one: Segment) -> Iterator[Segment]:
    yield one
    if one.flags & SYN:
        yield one


def late_syn() -> Callable[[Segment], Iterable[Segment]]:
    """The SYN and its answer come once more behind the first data."""
    syns: dict[Ends, Segment] = {}

    def change(one: Segment) -> Iterator[Segment]:
        yield one
        if one.flags & SYN:
            syns[one.way] = one
        elif one.data:
            for way in (one.way, one.back):
                if way in syns:
                    again = syns.pop(way)
                    yield again._replace(packet=one.packet)

    return change


def wrapped(packets: Packets, place: Callable[[int], int] = lambda size: size // 2) -> Packets:
    """Sequence numbers pass 2^32 at some place of each direction."""
    found = [one for one in map(segment, packets) if one is not None]
    begins = {one.way: one.sequence + 1 for one in reversed(found) if one.flags & SYN}
    sizes: Counter[Ends] = Counter()
    for one in found:
        size = (one.stop - begins.get(one.way, 0)) % NUMBERS
        if size < NUMBERS // 2:
            sizes[one.way] = max(sizes[one.way], size)
    shift = {way: -begin - place(sizes[way]) for way, begin in begins.items()}

    def change(one: Segment) -> Iterator[Segment]:
        acknowledged = one.acknowledged + shift.get(one.back, 0) if one.flags & ACK else 0
        yield one._replace(
            sequence=(one.sequence + shift.get(one.way, 0)) % NUMBERS,
            acknowledged=acknowledged % NUMBERS,
        )

    return simply(change)(packets)


def with_options(options: bytes) -> Change:
    return simply(lambda one: [one._replace(options=options)])


TIMESTAMPS = b"\x01\x01\x08\x0a" + bytes(8)


def urgent(one: Segment) -> Iterator[Segment]:
    yield one._replace(flags=one.flags | URG, urgent=1) if one.data else one


def congested(one: Segment) -> Iterator[Segment]:
    """All the flags that say nothing of the stream."""
    yield one._replace(flags=(one.flags | ECE | CWR | 0x100) & ~PSH)


def without_acknowledgements(packets: Packets) -> Packets:
    """A capture filter left out what carries no data."""

    def change(one: Segment) -> Iterator[Segment]:
        if one.data or one.flags & (SYN | FIN | RST):
            yield one

    return simply(change)(packets)


def fast_open(packets: Packets) -> Packets:
    """The first data travels in the SYN."""
    first: dict[Ends, Segment] = {}
    talks = defaultdict(int)
    for one in map(segment, packets):
        if one is not None:
            talks[one.way] += bool(one.flags & SYN)
            if one.data and not one.flags & (SYN | FIN) and one.way not in first:
                first[one.way] = one
    moved: dict[Ends, int] = {}

    def change(one: Segment) -> Iterator[Segment]:
        if one.flags & SYN and not one.flags & ACK and one.way in first and talks[one.way] == 1:
            moved[one.way] = first[one.way].sequence
            yield one._replace(data=first[one.way].data)
        elif not (one.data and moved.get(one.way) == one.sequence):
            yield one

    return simply(change)(packets)


def on_port(port: int) -> Change:
    """The acceptor listens elsewhere."""

    def change(packets: Packets) -> Packets:
        listens = listening(packets)

        def other(one: Segment) -> Iterator[Segment]:
            source, of, target, to = one.way
            of, to = (port if (a, p) in listens else p for a, p in ((source, of), (target, to)))
            yield one._replace(ports=(of, to))

        return simply(other)(packets)

    return change


def listening(packets: Packets) -> set[tuple[bytes, int]]:
    """Address and port of those that a connection with data was made to."""
    found = [one for one in map(segment, packets) if one is not None]
    talks = {one.pair for one in found if one.data}
    syns = [one for one in found if one.flags & SYN and not one.flags & ACK]
    return {one.way[2:] for one in syns if one.pair in talks}


def reset_at_the_end(packets: Packets) -> Packets:
    """A reset stands where a connection began to close, instead of FINs."""
    closed: set[Ends] = set()

    def change(one: Segment) -> Iterator[Segment]:
        if one.flags & SYN:
            closed.discard(one.pair)
        bare = one._replace(flags=one.flags & ~FIN)
        if one.pair in closed:
            if one.data:
                yield bare
        elif one.flags & FIN:
            closed.add(one.pair)
            if one.data:
                yield bare
            yield one._replace(flags=RST | ACK, sequence=one.stop, data=b"")
        else:
            yield one

    return simply(change)(packets)


def again(packets: Packets) -> Packets:
    """The same ends hold the same conversations once more, with other sequence numbers."""
    times = [one.time or 0 for one in packets]
    later = max(times) - min(times) + SECOND

    def change(one: Segment) -> Iterator[Segment]:
        acknowledged = one.acknowledged + 0x12345678 if one.flags & ACK else 0
        moved = one.packet._replace(time=(one.packet.time or 0) + later)
        yield one._replace(
            packet=moved,
            sequence=(one.sequence + 0x12345678) % NUMBERS,
            acknowledged=acknowledged % NUMBERS,
        )

    return packets + simply(change)([one for one in packets if segment(one)])


# --- other traffic ----------------------------------------------------------------------------


def an_associate_rq() -> bytes:
    """The bytes of a short A-ASSOCIATE-RQ."""
    items = (
        _item(0x10, b"1.2.840.10008.3.1.1.1")
        + _item(
            0x20,
            b"\1\0\0\0" + _item(0x30, b"1.2.840.10008.1.1") + _item(0x40, b"1.2.840.10008.1.2"),
        )
        + _item(0x50, _item(0x51, b"\0\0\x40\0"))
    )
    body = b"\0\1\0\0" + b"NOBODY".ljust(16) + b"NOBODY".ljust(16) + bytes(32) + items
    return b"\1\0" + struct.pack("!I", len(body)) + body


def _item(kind: int, body: bytes) -> bytes:
    return bytes([kind, 0]) + struct.pack("!H", len(body)) + body


def _random(size: int, seed: str) -> bytes:
    return Random(seed).randbytes(size)


HELLO = b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03" + _random(505, "hello")
ANSWER = b"\x16\x03\x03\0\x7a\x02\0\0\x76\x03\x03" + _random(300, "server")
SECRET = b"\x17\x03\x03\x01\0" + _random(256, "secret")
HTTP = b"HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: 99999\r\n\r\n"
HL7 = b"\x0bMSH|^~\\&|HIS|SITE|PACS|SITE|20240101||ORM^O01|1|P|2.3\rPID|||1||DOE^J\r\x1c\r"
KEYS = b"\0\0\x05\x04\x0a\x14" + _random(1280, "keys")
A_P_DATA = b"\x04\0\0\0\0\x06\0\0\0\x02\x01\x02"
A_RELEASE = b"\x05\0\0\0\0\x04\0\0\0\0"
BODY = [an_associate_rq(), A_P_DATA * 20, bytes(1400), A_RELEASE]
# what was said, by client (0) and server (1), and as which kind such a connection is listed
TALKS: dict[str, tuple[int, str, list[tuple[int, bytes]]]] = {
    "http": (80, "not-dicom", [(0, b"GET / HTTP/1.1\r\n\r\n"), (1, HTTP), *((1, b) for b in BODY)]),
    "post": (8042, "not-dicom", [(0, b"POST / HTTP/1.1\r\n\r\n"), *((0, b) for b in BODY)]),
    "tls": (2762, "tls", [(0, HELLO), (1, ANSWER), (0, SECRET), (1, SECRET)]),
    "tls on 104": (104, "tls", [(0, HELLO), (1, b"\x15\x03\x01\0\x02\x02\x28")]),
    "ssh": (22, "not-dicom", [(1, b"SSH-2.0-a\r\n"), (0, b"SSH-2.0-b\r\n"), (0, KEYS), (1, KEYS)]),
    "hl7": (2575, "not-dicom", [(0, HL7), (1, HL7), (0, HL7 * 3), (1, HL7)]),
    "hl7 on 104": (104, "not-dicom", [(0, HL7), (1, HL7)]),
    "smtp": (25, "not-dicom", [(1, b"220 mail ESMTP\r\n"), (0, b"EHLO a\r\n"), (1, b"250 ok\r\n")]),
    "silent": (11112, "no-data", []),
}  # fmt: skip


def conversation(number: int, port: int, said: list[tuple[int, bytes]]) -> Iterator[bytes]:
    """The IP packets of a whole TCP connection between 192.0.2.x and 198.51.100.1."""
    addresses = bytes([192, 0, 2, number]), bytes([198, 51, 100, 1])
    ports = 50000 + number, port
    sent = [Random(number).randrange(NUMBERS), Random(-number).randrange(NUMBERS)]

    def one(side: int, flags: int, data: bytes = b"") -> bytes:
        numbers = sent[side] % NUMBERS, sent[1 - side] % NUMBERS if flags & ACK else 0
        sent[side] += len(data) + bool(flags & (SYN | FIN))
        ends = ports[side], ports[1 - side]
        tcp = struct.pack("!HHIIHHHH", *ends, *numbers, 5 << 12 | flags, 65535, 0, 0) + data
        return sized(ip_header(TCP, 0, addresses[side] + addresses[1 - side]), tcp)

    yield from (one(0, SYN), one(1, SYN | ACK), one(0, ACK))
    for side, data in said:
        yield from (one(side, PSH | ACK, data), one(1 - side, ACK))
    yield from (one(0, FIN | ACK), one(1, FIN | ACK), one(0, ACK))


def noise(random: Random) -> list[list[bytes]]:
    """Conversations that are no DICOM, each as its packets in order; None of them is ours."""
    dns = udp(b"\x12\x34\1\0\0\1\0\0\0\0\0\0\4pacs\5local\0\0\1\0\1", (5353, 53))
    like_a_pdu = udp(an_associate_rq(), (104, 11112))
    icmp = sized(ip_header(1, 0), b"\x08\0\0\0" + bytes(60))
    loose = [[random.choice((dns, like_a_pdu, icmp))] for _ in range(12)]
    return loose + [
        list(conversation(n, port, said)) for n, (port, _, said) in enumerate(TALKS.values(), 1)
    ]


def among_others(packets: Packets) -> Packets:
    """All of these conversations happen at the same time."""
    random = Random(len(packets))
    queues: list[Packets] = [list(packets)]
    queues += [[packet(None, RAW, ip) for ip in those] for those in noise(random)]
    turns = [n for n, queue in enumerate(queues) for _ in queue]
    random.shuffle(turns)
    result: Packets = []
    now, link_type = packets[0].time, packets[0].link_type
    arp = MACS + b"\x08\x06" + b"\0\1\x08\0\6\4\0\1" + MACS[6:] + bytes([10, 0, 0, 1]) + bytes(10)
    for number in turns:
        one = queues[number].pop(0)
        if number:
            one = packet(now, link_type, linked(one.data, link_type))
        now = one.time
        result.append(one)
        if link_type == ETHERNET and random.random() < 0.1:
            result.append(packet(now, link_type, arp))
    return result


# --- the list of them -------------------------------------------------------------------------

# what a variation may change in a dissection
FRAMES = frozenset({"frames"})  # the numbers of packets
COUNTS = frozenset({"counts"})  # how many segments came again or early
TIMES = frozenset({"times"})
ORDER = frozenset({"order"})  # which of two PDUs of different directions comes first
NUMBERING = frozenset({"numbers"})  # of connections
ENDINGS = frozenset({"endings"})  # how each side closed the connection


def one_link_type(packets: Packets) -> bool:
    return len({one.link_type for one in packets}) == 1


def no_ipv6(packets: Packets) -> bool:
    return all(found is None or found[1][0] >> 4 == 4 for found in map(peeled, packets))


def ports_stay_apart(packets: Packets, port: int) -> bool:
    """No two connections become one by it."""

    def ends(some: Packets) -> set[Ends]:
        return {one.pair for one in map(segment, some) if one is not None}

    return all_bare(packets) and len(ends(packets)) == len(ends(on_port(port)(packets)))


def once_each(packets: Packets) -> bool:
    """No two connections have the same ends."""
    syns = {(s.way, s.sequence) for s in map(segment, packets) if s is not None and s.flags & SYN}
    return len({way for way, _ in syns}) == len(syns)


def no_retransmissions(packets: Packets) -> bool:
    """No byte is there twice: which of two copies is the first would depend on the order."""
    seen: set[tuple[Ends, int]] = set()
    for one in map(segment, packets):
        if one is not None and (one.data or one.flags & SYN):
            places = {(one.way, at % NUMBERS) for at in (one.sequence, one.stop - 1)}
            if places & seen:
                return False
            seen |= places
    return once_each(packets)


def in_order_of_time(packets: Packets) -> bool:
    times = [one.time or 0 for one in packets]
    return times == sorted(times)


def all_bare(packets: Packets) -> bool:
    """No TCP is hidden in a tunnel or in fragments."""
    found = [(segment(one), peeled(one)) for one in packets]
    return all(
        s is not None or f is None or f[1][0] >> 4 == 6 or f[1][9] in (1, 2, UDP) for s, f in found
    )


@dataclass(frozen=True)
class Variation:
    name: str
    file: Container
    ignored: frozenset[str] = frozenset()
    expected: Change = list  # packets whose plain file holds the same
    suits: Callable[[Packets], bool] = lambda packets: True
    told: Callable[[str], str] = str  # how the text of a dissection changes
    change: Change = list  # what it does to the packets
    costly: bool = False  # there are very many packets then

    def __str__(self) -> str:
        return self.name


def _other(
    name: str, change: Change, ignored: frozenset[str] = FRAMES, **more: object
) -> Variation:
    return Variation(
        name,
        lambda packets: plain(change(packets)),
        ignored,
        change=change,
        **more,  # type: ignore[arg-type]
    )


def _containers() -> Iterator[Variation]:
    for order, name in (("<", "little-endian"), (">", "big-endian")):
        for digits in (6, 9):
            yield Variation(
                f"pcap {name} {digits} digits",
                partial(pcap, order=order, digits=digits),
                expected=partial(as_told, lane=Lane(digits)),
                suits=one_link_type,
            )
        yield Variation(f"pcapng {name}", partial(plain, order=order))
        yield Variation(f"obsolete packet blocks {name}", partial(obsolete_blocks, order=order))
        yield Variation(f"strange blocks {name}", partial(strange_blocks, order=order))
    for lane in (Lane(0), Lane(6, 86400), Lane(10), Lane(0x80 | 10), Lane(0x80 | 30), Lane(9, -1)):
        yield Variation(
            f"resolution {lane.resolution} offset {lane.offset}",
            partial(plain, resolution=lane.resolution, offset=lane.offset),
            expected=partial(as_told, lane=lane),
        )
    yield Variation("sections", sections, expected=_as_sections_tell)
    yield Variation("an interface a direction", lanes, expected=as_lanes_tell)
    yield Variation("link types in turn", mixed_links)
    yield Variation("simple packet blocks", simple_blocks, TIMES | ORDER, suits=one_link_type)
    yield Variation(
        "gzip of pcap", partial(zipped, container=partial(pcap, digits=9)), suits=one_link_type
    )
    yield Variation("gzip of pcapng", partial(zipped, container=plain))


def _as_sections_tell(packets: Packets) -> Packets:
    return as_told(packets[: len(packets) // 3], Lane(6)) + packets[len(packets) // 3 :]


def _links() -> Iterator[Variation]:
    none: frozenset[str] = frozenset()
    for link_type, name in {
        ETHERNET: "Ethernet",
        COOKED: "Linux cooked",
        COOKED_2: "Linux cooked v2",
        NULL: "NULL little-endian",
        LOOP: "LOOP",
        RAW: "raw 101",
        12: "raw 12",
        14: "raw 14",
    }.items():
        yield _other(name, as_link(link_type), none)
    yield _other("raw 228", as_link(IPV4), none, suits=no_ipv6)
    yield _other("NULL big-endian", null_big_endian, none)
    for tags in ("8100", "8100 8100", "88a8 8100", "9100 8100", "88a8 8100 8100", "8100 8100 8100"):
        yield _other(f"tags {tags}", tagged(tags), none)
    yield _other("tagged Linux cooked", tagged_cooked, none)
    yield _other("MPLS", labelled, none)
    yield _other("PPPoE", in_pppoe, none)
    yield _other("padding of zeros", partial(padded, filling=b"\0", tail=b""), none)
    yield _other("padding of other bytes", partial(padded, filling=b"\4\0\xee", tail=b""), none)
    yield _other(
        "frame check sequence", partial(padded, filling=b"\0", tail=b"\xde\xad\xbe\xef"), none
    )


def _ip() -> Iterator[Variation]:
    none: frozenset[str] = frozenset()
    for words in range(6, 16):
        yield _other(f"IP header of {words} words", with_ip_options(words), none)
    yield _other("no total length", each_ip(without_total_length), none)
    for size in (8, 552, 1480):
        for order in ("in order", "reversed", "interleaved", "doubled", "overlapping", "shuffled"):
            counts = COUNTS if order in ("interleaved", "doubled") else none
            yield _other(f"fragments of {size} {order}", fragmented(size, order), FRAMES | counts)
    change = fragmented(552, "doubled", 16)
    yield _other("fragments doubled, IDs come again", change, FRAMES | COUNTS)
    yield _other("fragments of two paths", two_ways_of_fragments, FRAMES | COUNTS)
    yield _other("authentication header", each_ip(authenticated), none)


def _ipv6() -> Iterator[Variation]:
    for name, headers in {
        "": (),
        " hop-by-hop": (HOP_BY_HOP,),
        " routing": (ROUTING,),
        " destination options": (DESTINATION,),
        " authentication": (AUTHENTICATION,),
        " atomic fragments": (ATOMIC_FRAGMENT,),
        " all headers": (
            HOP_BY_HOP,
            DESTINATION,
            ROUTING,
            ATOMIC_FRAGMENT,
            AUTHENTICATION,
            MOBILITY,
            DESTINATION,
        ),
    }.items():
        yield _other(
            f"IPv6{name}", in_ipv6(*headers), frozenset(), suits=all_bare, told=told_as_ipv6
        )
    for size, order in (
        (8, "reversed"),
        (552, "interleaved"),
        (1480, "in order"),
        (1480, "doubled"),
        (552, "overlapping"),
    ):
        yield _other(
            f"IPv6 fragments of {size} {order}",
            _then(in_ipv6(), fragmented(size, order)),
            FRAMES | COUNTS,
            suits=all_bare,
            told=told_as_ipv6,
        )
    yield _other(
        "IPv6 no payload length",
        _then(in_ipv6(), each_ip(without_total_length)),
        frozenset(),
        suits=all_bare,
        told=told_as_ipv6,
    )
    for link_type in (ETHERNET, COOKED, COOKED_2, NULL, LOOP, RAW, 12):
        yield _other(
            f"IPv6 link type {link_type}",
            _then(in_ipv6(), as_link(link_type)),
            frozenset(),
            suits=all_bare,
            told=told_as_ipv6,
        )
    yield _other(
        "IPv6 tags 88a8 8100",
        _then(in_ipv6(), tagged("88a8 8100")),
        frozenset(),
        suits=all_bare,
        told=told_as_ipv6,
    )


def _then(*changes: Change) -> Change:
    def change(packets: Packets) -> Packets:
        for one in changes:
            packets = one(packets)
        return packets

    return change


def _tunnels() -> Iterator[Variation]:
    tag = b"\x81\0\0\x2a"
    wraps: dict[str, Callable[[bytes], bytes]] = {
        "GRE": gre,
        "GRE key": partial(gre, flags=0x20),
        "GRE checksum": partial(gre, flags=0x80),
        "GRE sequence": partial(gre, flags=0x10),
        "GRE key, checksum, sequence": partial(gre, flags=0xB0),
        "GRE Ethernet": partial(gre, bridged=True),
        "GRE Ethernet key": partial(gre, flags=0x20, bridged=True),
        "VXLAN": vxlan,
        "VXLAN tagged": partial(vxlan, tags=tag),
        "VXLAN tagged twice": partial(vxlan, tags=b"\x88\xa8\0\x01" + tag),
        "IP in IP": ip_in_ip,
        "IP in IPv6": in_ip6,
        "GRE in VXLAN": lambda ip: vxlan(gre(ip)),
        "VXLAN in GRE": lambda ip: gre(vxlan(ip), bridged=True),
        "IP in GRE in VXLAN in IP": lambda ip: ip_in_ip(vxlan(gre(ip_in_ip(ip), 0x30))),
        "GRE over IPv6": partial(gre, outer=outer_ipv6),
        "VXLAN over IPv6": partial(vxlan, outer=outer_ipv6),
        "VXLAN padded": lambda ip: vxlan(ip) + b"\0\1\2\3",
        "ERSPAN I": partial(erspan, version=1),
        "ERSPAN II": partial(erspan, version=2),
        "ERSPAN III": partial(erspan, version=3),
    }
    for name, wrap in wraps.items():
        yield _other(name, tunnelled(wrap), frozenset())
    yield _other(
        "6in4",
        _then(in_ipv6(), tunnelled(ip_in_ip)),
        frozenset(),
        suits=all_bare,
        told=told_as_ipv6,
    )
    yield _other(
        "IPv6 in VXLAN",
        _then(in_ipv6(), tunnelled(vxlan)),
        frozenset(),
        suits=all_bare,
        told=told_as_ipv6,
    )
    yield _other("fragments in GRE", _then(fragmented(552, "shuffled"), tunnelled(gre)))
    yield _other("GRE in fragments", _then(tunnelled(gre), _outer_fragments))


def _outer_fragments(packets: Packets) -> Packets:
    """Also what is no TCP is cut."""
    result = []
    for number, one in enumerate(packets, 100):
        found = peeled(one)
        pieces = [one.data]
        if found is not None and found[1][0] >> 4 == 4:
            pieces = [found[0] + piece for piece in _pieces(found[1], 488, number)]
        result += [packet(one.time, one.link_type, piece) for piece in pieces]
    return result


def _tcp() -> Iterator[Variation]:
    loose = FRAMES | COUNTS
    yield _other("every packet twice", doubled, loose)
    yield _other("every packet again 50 later", partial(doubled, later=50), loose, suits=once_each)
    for size in (1, 3, 100, 1460):
        yield _other(f"segments of {size}", resegmented(size), loose, costly=size < 100)
    for size in (60_000, 300_000):
        yield _other(f"segments of up to {size}", joined(size), loose | TIMES, suits=all_bare)
    for size in (1, 7, 500, 5000):
        yield _other(f"overlap of {size}", overlapping(size), loose)
    for window in (3, 8, 64):
        yield _other(
            f"stored shuffled by {window}",
            shuffled(window, keep_times=True),
            loose | NUMBERING,
            suits=no_retransmissions,
        )
        yield _other(
            f"arriving shuffled by {window}",
            shuffled(window, keep_times=False),
            loose | NUMBERING | TIMES | ORDER,
            suits=once_each,
        )
    for block in (2, 16, 64):
        yield _other(
            f"backwards by {block}", backwards(block), loose | NUMBERING, suits=no_retransmissions
        )
    yield _other("two queues", two_queues, loose | NUMBERING, suits=once_each)
    for name, garbage in {"garbage": b"\xa5", "zero": b"\0", "nothing": b""}.items():
        change = keep_alives(garbage)
        yield _other(f"keep-alives of {name}", change, loose, suits=no_retransmissions)
    yield _other("zero-window probes", simply(window_probes), loose)
    yield _other("SYN twice", simply(syn_again), loose)
    yield _other("SYN again behind data", each_segment(late_syn), loose, suits=once_each)
    for at in ("the middle", 0, 1, -1, 6, 100):
        change = wrapped if at == "the middle" else partial(wrapped, place=partial(_fixed, at=at))
        yield _other(f"sequence numbers wrap at {at}", change, frozenset(), suits=all_bare)
    yield _other("timestamps", with_options(TIMESTAMPS), frozenset())
    for size in (0, 4, 40):
        yield _other(f"TCP options of {size}", with_options(b"\x01" * size), frozenset())
    yield _other("urgent", simply(urgent), frozenset())
    yield _other("congestion flags", simply(congested), frozenset())
    yield _other("no bare acknowledgements", without_acknowledgements)
    yield _other("fast open", fast_open, loose | TIMES | ORDER)
    for port in (80, 443, 22, 2575):
        yield _other(
            f"port {port}",
            on_port(port),
            frozenset({"ports"}),
            suits=partial(ports_stay_apart, port=port),
        )
    yield _other("reset at the end", reset_at_the_end, loose | ENDINGS)
    change = _then(resegmented(1), fragmented(8))
    yield _other("segments of 1 in fragments of 8", change, loose, costly=True)
    yield _other(
        "shuffled tunnelled small segments twice",
        _then(resegmented(100), doubled, shuffled(8, keep_times=True), tunnelled(vxlan)),
        loose | NUMBERING,
        suits=no_retransmissions,
    )


def _fixed(_: int, at: int) -> int:
    return at


VARIATIONS: list[Variation] = [
    *_containers(), *_links(), *_ip(), *_ipv6(), *_tunnels(), *_tcp(),
]  # fmt: skip


# --- damage -----------------------------------------------------------------------------------

Damaged = list[Packet | None]  # as many as there were; None: it is not there
Damage = Callable[[Packets], Damaged]


def without_each(k: int) -> Damage:
    """Every k-th packet was lost."""
    return lambda packets: [None if n % k == k - 1 else one for n, one in enumerate(packets)]


def without_some(seed: int) -> Damage:
    """A tenth of the packets was lost."""

    def damage(packets: Packets) -> Damaged:
        random = Random(seed)
        return [None if random.random() < 0.1 else one for one in packets]

    return damage


def snapped(size: int) -> Damage:
    """No more than so many bytes of a packet were kept."""
    return lambda packets: [one._replace(data=one.data[:size]) for one in packets]


def one_way(which: bool) -> Damage:
    """Only packets from the higher port to the lower, or the other way round."""

    def damage(packets: Packets) -> Damaged:
        found = ((one, segment(one)) for one in packets)
        return [one if s and (s.ports[0] > s.ports[1]) == which else None for one, s in found]

    return damage


def between(begin: int, end: int | None = None) -> Damage:
    """The recording has only these packets of each connection."""

    def damage(packets: Packets) -> Damaged:
        seen: Counter[Ends] = Counter()
        result: Damaged = []
        for one in packets:
            found = segment(one)
            number = seen[found.pair] if found else begin
            inside = begin <= number and (end is None or number < end)
            result.append(one if inside else None)
            if found:
                seen[found.pair] += 1
        return result

    return damage


def changed_again(packets: Packets) -> Packets:
    """Every segment comes again, with another byte in it."""

    def change(one: Segment) -> Iterator[Segment]:
        yield one
        if len(one.data) > 1:
            middle = len(one.data) // 2
            other = bytes([one.data[middle] ^ 0xFF])
            yield one._replace(data=one.data[:middle] + other + one.data[middle + 1 :])

    return simply(change)(packets)


def wrapped_and_snapped(change: Change, size: int) -> Change:
    """So many bytes of each packet were kept, and what a variation puts around it."""

    def changed(packets: Packets) -> Packets:
        return [
            one._replace(data=one.data[: max(size + len(one.data) - len(old.data), 0)])
            for one, old in zip(change(packets), packets, strict=True)
        ]

    return changed


class Held:
    """What of one direction a damaged capture holds; offsets are those of the whole capture."""

    def __init__(self) -> None:
        self.pieces: list[tuple[int, int]] = []
        self.packets: dict[int, int] = {}  # where each begins, and how many of its bytes are there
        self.with_syn = False
        self.from_syn = False  # whether offsets count from there although it is not there itself
        self.known = 0  # the offset up to which the stream is known to have gone
        self.acknowledged = 0  # the same, as the other side's acknowledgements say
        self.size = 0  # of all that there was

    def all_of(self, start: int, end: int) -> bool:
        """Whether all bytes between two offsets are there."""
        for begin, stop in sorted(self.pieces):
            if begin <= start < stop:
                start = stop
        return start >= end

    @property
    def first(self) -> int:
        """The offset that a dissection counts from."""
        begins = self.with_syn or self.from_syn
        return 0 if begins else min((at for at, _ in self.pieces), default=0)

    @property
    def gone(self) -> int:
        """Up to where anything in the file says that it went."""
        return min(max(self.known, self.acknowledged), self.size)

    @property
    def missing(self) -> int:
        """How many bytes are known to be missing."""
        if not (self.with_syn or self.from_syn or self.pieces):
            return 0  # nobody can say from where to count
        there = {at for begin, stop in self.pieces for at in range(begin, stop)}
        return max(self.gone - self.first, 0) - len(there)


def held(packets: Packets, damaged: Damaged) -> dict[Ends, Held]:
    """Of each direction what is left. No two connections have the same ends."""
    begins = {s.way: s.stop for s in map(segment, packets) if s is not None and s.flags & SYN}
    result: dict[Ends, Held] = defaultdict(Held)
    for one, left in zip(packets, damaged, strict=True):
        found = segment(one)
        if found is None or found.way not in begins:
            continue
        if left is not None and found.flags & ACK and found.back in begins:
            said = (found.acknowledged - begins[found.back]) % NUMBERS
            other = result[found.back]
            other.acknowledged = max(other.acknowledged, said if said <= NUMBERS // 2 else 0)
        at = (found.stop - len(found.data) - begins[found.way]) % NUMBERS
        if found.flags & RST or at > NUMBERS // 2:  # a text for people, a keep-alive at once
            continue
        _hold(result[found.way], at, found, None if left is None else len(left.data))
    return result


def _hold(here: Held, at: int, one: Segment, captured: int | None) -> None:
    """A segment at that offset, and how many bytes of its packet are there."""
    end = at + len(one.data)
    here.size = max(here.size, end) if one.data else here.size
    if captured is None:
        return
    here.with_syn |= bool(one.flags & SYN)
    if one.data or one.flags & FIN:
        here.known = max(here.known, end)
    end -= len(one.packet.data) - captured
    if end > at:
        here.pieces.append((at, end))
        here.packets[at] = max(here.packets.get(at, 0), end - at)


def end_of(ends: str) -> tuple[bytes, int]:
    """Address and port that a text tells."""
    address, _, port = ends.rpartition(":")
    return ip_address(address.strip("[]")).packed, int(port)


# --- what tests choose ------------------------------------------------------------------------


def taking_turns(queues: Sequence[Sequence[bytes]]) -> Iterator[bytes]:
    """One of each queue after another, until all are empty."""
    for number in range(max(map(len, queues))):
        yield from (queue[number] for queue in queues if number < len(queue))
