"""Made-up TCP/IP packets around bytes that were really sent, for recordings by relay.

Pure bytes: IP and TCP headers with right checksums and sequence numbers, for link type RAW.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address, ip_address

from dicomlab.model import Endpoint, Side

SEGMENT = 16384  # bytes of data in one packet at most, as network cards with offload show them
_FIN, _SYN, _RST, _PSH, _ACK = 1, 2, 4, 8, 16
_WINDOW = 65535
_MAXIMUM_SEGMENT_SIZE = struct.pack("!BBH", 2, 4, SEGMENT)  # the option that a SYN carries
_TCP = 6


class TcpConversation:
    """One TCP connection between two ends; each method gives the packets that it takes.

    An end's address is an IP address, of either version.
    """

    def __init__(self, requestor: Endpoint, acceptor: Endpoint, *, first: int = 0) -> None:
        addresses = [_address(requestor.address), _address(acceptor.address)]
        if {one.version for one in addresses} == {4, 6}:
            addresses = [_as_ipv6(one) for one in addresses]
        self._ends: dict[Side, tuple[bytes, int]] = {
            "requestor": (addresses[0].packed, requestor.port),
            "acceptor": (addresses[1].packed, acceptor.port),
        }
        self._sent: dict[Side, int] = {"requestor": first, "acceptor": first}  # next number

    def open(self) -> Iterator[bytes]:
        """The three packets of the handshake."""
        yield self._packet("requestor", _SYN, options=_MAXIMUM_SEGMENT_SIZE)
        yield self._packet("acceptor", _SYN | _ACK, options=_MAXIMUM_SEGMENT_SIZE)
        yield self._packet("requestor", _ACK)

    def refuse(self) -> Iterator[bytes]:
        """A SYN and the reset that answers it."""
        yield self._packet("requestor", _SYN, options=_MAXIMUM_SEGMENT_SIZE)
        yield self._packet("acceptor", _RST | _ACK)

    def data(self, sender: Side, data: bytes) -> Iterator[bytes]:
        """Bytes of one side, and the acknowledgements of the other."""
        for at in range(0, len(data), SEGMENT):
            yield self._packet(sender, _PSH | _ACK, data[at : at + SEGMENT])
            yield self._packet(_other(sender), _ACK)

    def close(self, sender: Side) -> Iterator[bytes]:
        """A FIN: this side sends no more; the other still may."""
        yield self._packet(sender, _FIN | _ACK)
        yield self._packet(_other(sender), _ACK)

    def reset(self, sender: Side) -> Iterator[bytes]:
        """A RST: the connection is gone."""
        yield self._packet(sender, _RST | _ACK)

    def _packet(self, sender: Side, flags: int, data: bytes = b"", options: bytes = b"") -> bytes:
        source, source_port = self._ends[sender]
        target, target_port = self._ends[_other(sender)]
        sequence = self._sent[sender]
        acknowledged = self._sent[_other(sender)] if flags & _ACK else 0
        taken = len(data) + bool(flags & (_SYN | _FIN))
        self._sent[sender] = (sequence + taken) & 0xFFFFFFFF
        offset = (20 + len(options)) << 2  # in words, in the upper half of its byte
        head = (
            struct.pack(
                "!HHIIBBHHH",
                source_port,
                target_port,
                sequence,
                acknowledged,
                offset,
                flags,
                _WINDOW,
                0,
                0,
            )
            + options
        )
        size = len(head) + len(data)
        pseudo = source + target + struct.pack("!II", size, _TCP)
        checksum = _checksum(pseudo + head + data)
        head = head[:16] + checksum.to_bytes(2, "big") + head[18:]
        return _ip_header(source, target, size) + head + data


def _address(text: str) -> IPv4Address | IPv6Address:
    return ip_address(text.partition("%")[0])


def _as_ipv6(address: IPv4Address | IPv6Address) -> IPv6Address:
    return address if address.version == 6 else IPv6Address(f"::ffff:{address}")


def _other(side: Side) -> Side:
    return "acceptor" if side == "requestor" else "requestor"


def _ip_header(source: bytes, target: bytes, size: int) -> bytes:
    if len(source) == 16:
        return struct.pack("!IHBB", 0x60000000, size, _TCP, 64) + source + target
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + size, 0, 0x4000, 64, _TCP, 0) + source + target
    return head[:10] + _checksum(head).to_bytes(2, "big") + head[12:]


def _checksum(data: bytes) -> int:
    """The Internet checksum (RFC 1071): 2^16 is 1 modulo 0xFFFF, so a sum is a remainder."""
    return -int.from_bytes(data + bytes(len(data) % 2), "big") % 0xFFFF
