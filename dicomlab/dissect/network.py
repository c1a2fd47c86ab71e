"""Packets to TCP segments: link layers, IPv4 and IPv6, fragments, tunnels.

What is not TCP, or cannot be read, gives nothing. Lengths are those of the IP headers: padding
and frame check sequences behind them do not count, checksums neither (network cards compute them
after the capture has seen the packet).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address
from typing import NamedTuple

from dicomlab.dissect import pcap
from dicomlab.model import Endpoint

FIN, SYN, RST, ACK = 1, 2, 4, 16
_IPV4, _IPV6, _ETHERNET_BRIDGED = 0x0800, 0x86DD, 0x6558  # EtherTypes
_VLAN_TAGS = (0x8100, 0x88A8, 0x9100)
_IP_IN_IP, _TCP, _UDP, _IPV6_IN_IP, _GRE = 4, 6, 17, 41, 47  # IP protocols
_EXTENSIONS = (0, 43, 60, 135)  # hop-by-hop, routing, destination options, mobility
_FRAGMENT, _AUTHENTICATION = 44, 51
_VXLAN_PORT = 4789
_DEEPEST = 8  # tunnels in tunnels, tags behind tags

End = bytes  # address and port of one end of a connection, as they stand in the packet


class Segment(NamedTuple):
    """One TCP segment."""

    source: End
    target: End
    sequence: int
    flags: int
    data: bytes  # as much as was captured
    size: int  # bytes of data on the wire


def endpoint(end: End) -> Endpoint:
    """The end as address and port."""
    address = IPv4Address(end[:4]) if len(end) == 6 else IPv6Address(end[:16])
    return Endpoint(str(address), int.from_bytes(end[-2:], "big"))


class _Part(NamedTuple):
    """The rest of a packet behind some header: ``data[at:stop]``, which was ``wire`` bytes."""

    data: bytes
    at: int
    stop: int
    wire: int

    def number(self, offset: int, size: int) -> int:
        """A number of the header that begins here; 0 where the packet is too short."""
        at = self.at + offset
        return int.from_bytes(self.data[at : at + size], "big") if at + size <= self.stop else 0

    def skip(self, size: int) -> _Part:
        return self._replace(at=min(self.at + size, self.stop), wire=max(self.wire - size, 0))

    def limit(self, size: int) -> _Part:
        """No more than ``size`` bytes of it."""
        return self._replace(stop=min(self.stop, self.at + size), wire=min(self.wire, size))


@dataclass(slots=True)
class _Datagram:
    """An IP datagram of which fragments have come."""

    pieces: dict[int, bytes] = field(default_factory=dict)  # by offset
    there: int = 0
    size: int | None = None  # known from the last fragment

    def add(self, offset: int, piece: bytes, last: bool) -> bytes | None:
        """The whole datagram, once all of it is there."""
        if offset not in self.pieces:
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


class Network:
    """Finds the TCP segments in packets; remembers only the fragments of unfinished datagrams."""

    WAITING = 256  # datagrams of which fragments are kept

    def __init__(self) -> None:
        self._datagrams: dict[bytes, _Datagram] = {}

    def segment(self, link_type: int, data: bytes, size: int) -> Segment | None:
        """The TCP segment in a packet of which ``size`` bytes were on the wire, if there is one."""
        part = _Part(data, 0, len(data), max(size, len(data)))
        if link_type == pcap.ETHERNET:
            return self._ethernet(part, 0)
        if link_type == pcap.LINUX_SLL:
            return self._by_type(part.number(14, 2), part.skip(16), 0)
        if link_type == pcap.LINUX_SLL2:
            return self._by_type(part.number(0, 2), part.skip(20), 0)
        if link_type in (pcap.NULL, pcap.LOOP):  # four bytes of address family, in either order
            return self._ip(part.skip(4), 0)
        if link_type in _RAW_TYPES:
            return self._ip(part, 0)
        return None

    def _ethernet(self, part: _Part, depth: int) -> Segment | None:
        return self._by_type(part.number(12, 2), part.skip(14), depth)

    def _by_type(self, ether_type: int, part: _Part, depth: int) -> Segment | None:
        while ether_type in _VLAN_TAGS and part.at < part.stop:
            ether_type, part = part.number(2, 2), part.skip(4)
        if ether_type in (_IPV4, _IPV6):
            return self._ip(part, depth)
        if ether_type == _ETHERNET_BRIDGED:
            return self._ethernet(part, depth)
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
        total = part.number(2, 2) or part.wire  # 0: cut up by the network card, after this
        part = part.limit(total)
        fragment = part.number(6, 2)
        protocol = part.number(9, 1)
        addresses = part.data[part.at + 12 : part.at + 20]
        identity = part.data[part.at + 4 : part.at + 6]
        part = part.skip(header)
        if fragment & 0x3FFF:  # more fragments, or an offset
            key = addresses + identity + bytes([protocol])
            offset, more = (fragment & 0x1FFF) * 8, bool(fragment & 0x2000)
            return self._defragmented(key, part, offset, more, protocol, addresses, depth)
        return self._payload(protocol, part, addresses, depth)

    def _ipv6(self, part: _Part, depth: int) -> Segment | None:
        if part.stop - part.at < 40:
            return None
        size = part.number(4, 2)
        protocol = part.number(6, 1)
        addresses = part.data[part.at + 8 : part.at + 40]
        part = part.skip(40)
        if size:  # 0: a jumbogram, or cut up by the network card
            part = part.limit(size)
        while part.at < part.stop:
            if protocol in _EXTENSIONS:
                protocol, part = part.number(0, 1), part.skip(part.number(1, 1) * 8 + 8)
            elif protocol == _AUTHENTICATION:
                protocol, part = part.number(0, 1), part.skip(part.number(1, 1) * 4 + 8)
            elif protocol == _FRAGMENT:
                protocol, place = part.number(0, 1), part.number(2, 2)
                key = addresses + part.data[part.at + 4 : part.at + 8]
                part = part.skip(8)
                if place & 0xFFF9:  # an offset, or more to come
                    offset, more = place & 0xFFF8, bool(place & 1)
                    return self._defragmented(key, part, offset, more, protocol, addresses, depth)
            else:
                break
        return self._payload(protocol, part, addresses, depth)

    def _defragmented(
        self, key: bytes, part: _Part, offset: int, more: bool, protocol: int, addresses: bytes,
        depth: int,
    ) -> Segment | None:
        datagram = self._datagrams.setdefault(key, _Datagram())
        if len(self._datagrams) > self.WAITING:
            del self._datagrams[next(iter(self._datagrams))]
        whole = datagram.add(offset, part.data[part.at : part.stop], not more)
        if whole is None:
            return None
        self._datagrams.pop(key, None)
        return self._payload(protocol, _Part(whole, 0, len(whole), len(whole)), addresses, depth)

    def _payload(
        self, protocol: int, part: _Part, addresses: bytes, depth: int
    ) -> Segment | None:
        if protocol == _TCP:
            return _tcp(part, addresses)
        if protocol in (_IP_IN_IP, _IPV6_IN_IP):
            return self._ip(part, depth + 1)
        if protocol == _GRE:
            flags = part.number(0, 1)
            optional = sum(4 for bit in (0x80, 0x20, 0x10) if flags & bit)
            return self._by_type(part.number(2, 2), part.skip(4 + optional), depth + 1)
        if protocol == _UDP and part.number(2, 2) == _VXLAN_PORT:
            return self._ethernet(part.skip(16), depth + 1)
        return None


_RAW_TYPES = (pcap.RAW, pcap.RAW_BSD, pcap.RAW_OPENBSD, pcap.IPV4, pcap.IPV6)


def _tcp(part: _Part, addresses: bytes) -> Segment | None:
    header = (part.number(12, 1) >> 4) * 4
    if part.stop - part.at < 20 or header < 20:
        return None
    half = len(addresses) // 2
    ports = part.data[part.at : part.at + 4]
    body = part.skip(header)
    return Segment(
        addresses[:half] + ports[:2],
        addresses[half:] + ports[2:],
        part.number(4, 4),
        part.number(13, 1),
        part.data[body.at : body.stop],
        body.wire,
    )
