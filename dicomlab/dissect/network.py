"""Packets to TCP segments: link layers, IPv4 and IPv6, fragments, tunnels.

What is not TCP, or cannot be read, gives nothing; of what kinds that is which cannot be read, is
counted. Lengths are those of the IP headers: padding
and frame check sequences behind them do not count, checksums neither (network cards compute them
after the capture has seen the packet).
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache, lru_cache
from mmap import mmap
from typing import Any, NamedTuple

from dicomlab.dissect import pcap
from dicomlab.model import Endpoint

FIN, SYN, RST, ACK = 1, 2, 4, 16
_IPV4, _IPV6, _ETHERNET_BRIDGED = 0x0800, 0x86DD, 0x6558  # EtherTypes
_VLAN_TAGS = (0x8100, 0x88A8, 0x9100)
_MPLS = (0x8847, 0x8848)
_PPPOE = 0x8864  # of a session
_PPP_IP = (0x0021, 0x0057)  # PPP protocols: IPv4 and IPv6
_PPP_CONTROL = 0x8000  # and above: they carry no datagrams
_LEAST_TYPE = 0x0600  # below are lengths (IEEE 802.3), of frames of bridges and switches
# ARP, Wake-on-LAN, RARP, slow protocols, PPPoE discovery, 802.1X, LLDP, PTP, loopback
_NO_DATAGRAMS = (0x0806, 0x0842, 0x8035, 0x8809, 0x8863, 0x888E, 0x88CC, 0x88F7, 0x9000)
_IP_IN_IP, _TCP, _UDP, _IPV6_IN_IP, _GRE = 4, 6, 17, 41, 47  # IP protocols
_EXTENSIONS = (0, 43, 60, 135)  # hop-by-hop, routing, destination options, mobility
_FRAGMENT, _AUTHENTICATION = 44, 51
_ERSPAN, _ERSPAN_III = 0x88BE, 0x22EB  # EtherTypes in GRE: switches mirror ports so
_NUMBERED = 0x10  # a flag of GRE: it carries a sequence number
_VXLAN_PORT = 4789
_LARGEST_DATAGRAM = 1 << 17  # bytes of fragments that are kept; overlap counts twice
_RAW_TYPES = (pcap.RAW, pcap.RAW_BSD, pcap.RAW_OPENBSD, pcap.IPV4, pcap.IPV6)
_ENDS = 1024  # ends of connections of which is remembered how they are written
_DEEPEST = 8  # tunnels in tunnels, tags behind tags

Buffer = bytes | mmap
End = bytes  # address and port of one end of a connection, as they stand in the packet


class Segment(NamedTuple):
    """One TCP segment."""

    source: End
    target: End
    sequence: int
    flags: int
    data: bytes  # as much as was captured
    size: int  # bytes of data on the wire
    place: int = 0  # in the file, of the first packet that carried it
    acknowledges: int | None = None  # the sequence number that is expected from the other end
    hops: int | None = None  # TTL or IPv6 hop limit: how many more it could have gone


@lru_cache(_ENDS)
def endpoint(end: End) -> Endpoint:
    """The end as address and port."""
    return Endpoint(_address(end[:-2]), int.from_bytes(end[-2:], "big"))


@lru_cache(_ENDS)
def _address(address: bytes) -> str:
    if len(address) == 4:
        return ".".join(map(str, address))
    from ipaddress import IPv6Address

    return str(IPv6Address(address[:16]))


# Ethernet, IPv4 and TCP as nearly all packets have them: what they begin with up to the first byte
# of the IP header, total length, fragment, protocol, both ends, sequence number, acknowledgement
# number, data offset, flags
_USUAL = "xH2xHxB2x12sIIBB"
_NEVER = 1 << 62
Lane = tuple[bytes, Callable[[Buffer, int], tuple[Any, ...]], int, int]


@cache
def lane(link_type: int) -> Lane:
    """How the usual packet of a link type is read at once.

    Gives what it begins with (the first value that is unpacked), how its headers are unpacked, how
    many bytes it has at least, and how many lie before its IP header.
    """
    skipped, beginning, before_ip = {
        pcap.ETHERNET: (12, b"\x08\x00\x45", 14),
        pcap.LINUX_SLL: (14, b"\x08\x00\x45", 16),
        pcap.LINUX_SLL2: (20, b"\x45", 20),
        pcap.NULL: (4, b"\x45", 4),
        pcap.LOOP: (4, b"\x45", 4),
        **dict.fromkeys(_RAW_TYPES, (0, b"\x45", 0)),
    }.get(link_type, (0, b"", _NEVER))
    unpack = struct.Struct(f">{skipped}x{len(beginning)}s{_USUAL}").unpack_from
    return beginning, unpack, before_ip + 40, before_ip


class Glance(NamedTuple):
    """What a look at the headers of the usual packet tells."""

    key: bytes
    sequence: int
    flags: int
    start: int  # of its data in the buffer
    size: int

    def segment(self, buffer: Buffer) -> Segment:
        """Its segment."""
        half, data = (len(self.key) - 4) // 2, buffer[self.start : self.start + self.size]
        source, target = self.key[:half] + self.key[-4:-2], self.key[half:-4] + self.key[-2:]
        return Segment(source, target, self.sequence, self.flags, data, self.size)


def glance(link_type: int, buffer: Buffer, at: int, captured: int, size: int) -> Glance | None:
    """The packet there at a glance; None where it is no usual one, or not all of it is there."""
    beginning, unpack, least, before_ip = lane(link_type)
    if captured != size or size < least:
        return None
    begins, total, part, protocol, key, sequence, _, words, flags = unpack(buffer, at)
    header = 20 + (words >> 4 << 2)
    usual = begins == beginning and protocol == _TCP and not part & 0x3FFF and header >= 40
    if not usual or total < header or total + before_ip > size:
        return None
    return Glance(key, sequence, flags, at + before_ip + header, total - header)


def key(source: End, target: End) -> bytes:
    """Both ends as headers have them: the addresses first, then the ports."""
    return source[:-2] + target[:-2] + source[-2:] + target[-2:]


class _Part:
    """What is left of a packet behind the headers read so far: ``data[at:stop]``."""

    __slots__ = ("at", "data", "hops", "place", "stop", "wire")

    def __init__(self, data: bytes, wire: int, place: int = 0, hops: int | None = None) -> None:
        self.data = data
        self.place = place
        self.hops = hops  # of the innermost IP header so far
        self.at = 0
        self.stop = len(data)
        self.wire = max(wire, len(data))  # bytes that were left on the wire

    def number(self, offset: int, size: int) -> int:
        """A number of the header that begins here; 0 where the packet is too short."""
        at = self.at + offset
        return int.from_bytes(self.data[at : at + size], "big") if at + size <= self.stop else 0

    def skip(self, size: int) -> None:
        """Go behind a header."""
        self.at = min(self.at + size, self.stop)
        self.wire = max(self.wire - size, 0)

    def limit(self, size: int) -> None:
        """Keep no more than ``size`` bytes: what follows is padding."""
        self.stop = min(self.stop, self.at + size)
        self.wire = min(self.wire, size)

    def rest(self) -> bytes:
        """The bytes that are left."""
        return self.data[self.at : self.stop]


@dataclass(slots=True)
class _Datagram:
    """An IP datagram of which fragments have come."""

    place: int  # of the first one
    pieces: dict[int, bytes] = field(default_factory=dict)  # by offset, in the order they came
    there: int = 0
    size: int | None = None  # known from the last fragment

    def add(self, offset: int, piece: bytes, last: bool) -> bytes | None:
        """The whole datagram, once all of it is there."""
        before = self.pieces.get(offset)
        if before is not None and before != piece:
            self._begin_anew(offset)
        if offset not in self.pieces and self.there + len(piece) <= _LARGEST_DATAGRAM:
            self.pieces[offset] = piece
            self.there += len(piece)
        if last:
            self.size = offset + len(piece)
        if self.size is None or self.there < self.size:
            return None
        whole = bytearray()
        for at in sorted(self.pieces):
            if at > len(whole):
                return None
            whole += self.pieces[at][len(whole) - at :]
        return bytes(whole[: self.size])

    def _begin_anew(self, offset: int) -> None:
        """Other bytes at the same place: the number is used again, and what came before is old."""
        for one in list(self.pieces):
            self.there -= len(self.pieces.pop(one))
            if one == offset:
                break
        self.size = None


class Network:
    """Finds the TCP segments in packets; remembers only the fragments of unfinished datagrams."""

    WAITING = 256  # datagrams of which fragments are kept
    JOINED = 32  # datagrams that were joined, of which copies are known
    KINDS = 16  # kinds of packets that cannot be read, of which each is counted

    def __init__(self) -> None:
        self._datagrams: dict[bytes, _Datagram] = {}
        self._joined: dict[bytes, dict[int, bytes]] = {}  # the pieces of those joined last
        self.unread: dict[str, int] = {}  # packets that may hold datagrams, by what is unknown

    def segment(self, link_type: int, data: bytes, size: int, place: int = 0) -> Segment | None:
        """The TCP segment in a packet of which ``size`` bytes were on the wire, if there is one."""
        part = _Part(data, size, place)
        if link_type == pcap.ETHERNET:
            return self._ethernet(part, 0)
        if link_type == pcap.LINUX_SLL:
            return self._by_type(part, 14, 16, 0)
        if link_type == pcap.LINUX_SLL2:
            return self._by_type(part, 0, 20, 0)
        if link_type in (pcap.NULL, pcap.LOOP):  # four bytes of address family, in either order
            part.skip(4)
            return self._ip(part, 0)
        if link_type in _RAW_TYPES:
            return self._ip(part, 0)
        self._cannot_read(pcap.link_type_name(link_type))
        return None

    def _cannot_read(self, kind: str) -> None:
        if kind not in self.unread and len(self.unread) >= self.KINDS:
            kind = "others"
        self.unread[kind] = self.unread.get(kind, 0) + 1

    def _ethernet(self, part: _Part, depth: int) -> Segment | None:
        return self._by_type(part, 12, 14, depth)

    def _by_type(self, part: _Part, offset: int, header: int, depth: int) -> Segment | None:
        """What follows a header that names an EtherType at ``offset``."""
        ether_type = part.number(offset, 2)
        part.skip(header)
        while ether_type in _VLAN_TAGS and part.at < part.stop:
            ether_type = part.number(2, 2)
            part.skip(4)
        if ether_type in (_IPV4, _IPV6):
            return self._ip(part, depth)
        if ether_type == _ETHERNET_BRIDGED and depth <= _DEEPEST:
            return self._ethernet(part, depth + 1)
        if ether_type in _MPLS:
            return self._mpls(part, ether_type, depth)
        if ether_type == _PPPOE:
            return self._pppoe(part, depth)
        if ether_type >= _LEAST_TYPE and ether_type not in _NO_DATAGRAMS:
            self._cannot_read(_named(ether_type))
        return None

    def _mpls(self, part: _Part, ether_type: int, depth: int) -> Segment | None:
        """What follows a stack of labels (RFC 3032); the labels do not say what it is."""
        while part.at < part.stop:
            bottom = part.number(2, 1) & 1
            part.skip(4)
            if bottom:
                break
        if part.number(0, 1) >> 4 in (4, 6):
            return self._ip(part, depth)
        self._cannot_read(_named(ether_type))
        return None

    def _pppoe(self, part: _Part, depth: int) -> Segment | None:
        """What a frame of a PPPoE session (RFC 2516) holds."""
        protocol = part.number(6, 2)
        part.skip(8)
        if protocol in _PPP_IP:
            return self._ip(part, depth)
        if protocol < _PPP_CONTROL:
            self._cannot_read(_named(_PPPOE))
        return None

    def _ip(self, part: _Part, depth: int) -> Segment | None:
        if depth > _DEEPEST:
            return None
        version = part.number(0, 1) >> 4
        if version == 4:
            return self._ipv4(part, depth)
        return self._ipv6(part, depth) if version == 6 else None

    def _ipv4(self, part: _Part, depth: int) -> Segment | None:
        header = (part.number(0, 1) & 15) * 4
        if header < 20 or part.stop - part.at < header:
            return None
        part.limit(part.number(2, 2) or part.wire)  # 0: cut up by the network card, after this
        identity = part.data[part.at + 4 : part.at + 6]
        place = part.number(6, 2)
        part.hops = part.data[part.at + 8]
        protocol = part.number(9, 1)
        addresses = part.data[part.at + 12 : part.at + 20]
        part.skip(header)
        if place & 0x3FFF:  # an offset, or more to come
            key = addresses + identity + bytes([protocol])
            whole = self._join(key, part, (place & 0x1FFF) * 8, last=not place & 0x2000)
            return self._payload(protocol, whole, addresses, depth) if whole else None
        return self._payload(protocol, part, addresses, depth)

    def _ipv6(self, part: _Part, depth: int) -> Segment | None:
        if part.stop - part.at < 40:
            return None
        size = part.number(4, 2)
        protocol = part.number(6, 1)
        part.hops = part.data[part.at + 7]
        addresses = part.data[part.at + 8 : part.at + 40]
        part.skip(40)
        if size:  # 0: a jumbogram, or cut up by the network card
            part.limit(size)
        while part.at < part.stop:
            following = part.number(0, 1)
            if protocol in _EXTENSIONS:
                part.skip(part.number(1, 1) * 8 + 8)
            elif protocol == _AUTHENTICATION:
                part.skip(part.number(1, 1) * 4 + 8)
            elif protocol == _FRAGMENT:
                place = part.number(2, 2)
                key = addresses + part.data[part.at + 4 : part.at + 8]
                part.skip(8)
                if place & 0xFFF9:  # an offset, or more to come
                    whole = self._join(key, part, place & 0xFFF8, last=not place & 1)
                    return self._payload(following, whole, addresses, depth) if whole else None
            else:
                break
            protocol = following
        return self._payload(protocol, part, addresses, depth)

    def _join(self, key: bytes, part: _Part, offset: int, *, last: bool) -> _Part | None:
        """The datagram that this fragment makes whole, if it does."""
        joined = self._joined.get(key)
        if joined is not None and joined.get(offset) == part.rest():  # a copy of what was joined
            return None
        datagram = self._datagrams.setdefault(key, _Datagram(part.place))
        if len(self._datagrams) > self.WAITING:
            del self._datagrams[next(iter(self._datagrams))]
        whole = datagram.add(offset, part.rest(), last)
        if whole is None:
            return None
        self._joined[key] = self._datagrams.pop(key).pieces
        if len(self._joined) > self.JOINED:
            del self._joined[next(iter(self._joined))]
        return _Part(whole, len(whole), datagram.place, part.hops)

    def _gre(self, part: _Part, depth: int) -> Segment | None:
        flags, ether_type = part.number(0, 1), part.number(2, 2)
        header = 4 + sum(4 for bit in (0x80, 0x20, _NUMBERED) if flags & bit)
        if ether_type not in (_ERSPAN, _ERSPAN_III):
            return self._by_type(part, 2, header, depth)
        part.skip(header)
        if ether_type == _ERSPAN_III:
            part.skip(20 if part.number(11, 1) & 1 else 12)
        elif flags & _NUMBERED:  # type II; type I has neither number nor header
            part.skip(8)
        return self._ethernet(part, depth)

    def _payload(self, protocol: int, part: _Part, addresses: bytes, depth: int) -> Segment | None:
        if protocol == _TCP:
            return _tcp(part, addresses)
        if depth > _DEEPEST:
            return None
        if protocol in (_IP_IN_IP, _IPV6_IN_IP):
            return self._ip(part, depth + 1)
        if protocol == _AUTHENTICATION:
            following = part.number(0, 1)
            part.skip(part.number(1, 1) * 4 + 8)
            return self._payload(following, part, addresses, depth + 1)
        if protocol == _GRE:
            return self._gre(part, depth + 1)
        if protocol == _UDP and part.number(2, 2) == _VXLAN_PORT:
            part.skip(16)
            return self._ethernet(part, depth + 1)
        return None


def _named(ether_type: int) -> str:
    return f"EtherType {ether_type:04X}H"


def _tcp(part: _Part, addresses: bytes) -> Segment | None:
    header = (part.number(12, 1) >> 4) * 4
    if part.stop - part.at < 20 or header < 20:
        return None
    half = len(addresses) // 2
    ports = part.data[part.at : part.at + 4]
    sequence, acknowledged, flags = part.number(4, 4), part.number(8, 4), part.number(13, 1)
    part.skip(header)
    return Segment(
        addresses[:half] + ports[:2],
        addresses[half:] + ports[2:],
        sequence,
        flags,
        part.rest(),
        part.wire,
        part.place,
        acknowledged if flags & ACK else None,
        part.hops,
    )
