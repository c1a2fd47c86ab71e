"""Segments are found whatever lies around them."""

from __future__ import annotations

import struct

import pytest

from dicomlab.dissect import pcap
from dicomlab.dissect.network import Network, Segment, endpoint
from dicomlab.dissect.synth import TcpConversation
from dicomlab.model import Endpoint

ENDS = Endpoint("10.0.0.1", 40000), Endpoint("10.0.0.2", 104)
DATA = b"\x01\x00 some bytes of a PDU"


def packet(ends: tuple[Endpoint, Endpoint] = ENDS) -> bytes:
    """An IP packet that carries DATA."""
    return next(iter(TcpConversation(*ends).data("requestor", DATA)))


def found(link_type: int, data: bytes, size: int | None = None) -> Segment | None:
    return Network().segment(link_type, data, size if size is not None else len(data))


def ipv4(protocol: int, body: bytes) -> bytes:
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(body), 7, 0, 64, protocol, 0)
    return head + bytes([10, 0, 0, 1, 10, 0, 0, 2]) + body


IP = packet()
IP6 = packet((Endpoint("fd00::1", 40000), Endpoint("fd00::2", 104)))
MAC = bytes(12)
VLAN = b"\x81\x00\x00\x2a"
ETHERNET = MAC + b"\x08\x00" + IP
OPTIONS = b"\x46\0" + struct.pack("!H", len(IP) + 4) + IP[4:20] + b"\1\1\1\0" + IP[20:]

WAYS = {
    "Ethernet": (pcap.ETHERNET, ETHERNET),
    "802.1Q": (pcap.ETHERNET, MAC + VLAN + b"\x08\x00" + IP),
    "QinQ": (pcap.ETHERNET, MAC + b"\x88\xa8\x00\x01" + VLAN + b"\x08\x00" + IP),
    "MPLS": (pcap.ETHERNET, MAC + b"\x88\x47\x00\x01\x01\x40" + IP),
    "MPLS, three labels, multicast": (
        pcap.ETHERNET,
        MAC + b"\x88\x48" + bytes.fromhex("00001040 00002040 00003140") + IP,
    ),
    "MPLS behind a tag": (pcap.ETHERNET, MAC + VLAN + b"\x88\x47\x00\x01\x01\x40" + IP),
    "PPPoE": (
        pcap.ETHERNET,
        MAC + b"\x88\x64\x11\x00\x00\x07" + struct.pack("!HH", len(IP) + 2, 0x21) + IP,
    ),
    "padded to 60 bytes and checked": (pcap.ETHERNET, ETHERNET + b"\xee" * 10),
    "Linux cooked": (pcap.LINUX_SLL, bytes(14) + b"\x08\x00" + IP),
    "Linux cooked v2": (pcap.LINUX_SLL2, b"\x08\x00" + bytes(18) + IP),
    "NULL, little endian": (pcap.NULL, b"\2\0\0\0" + IP),
    "NULL, big endian": (pcap.NULL, b"\0\0\0\2" + IP),
    "LOOP": (pcap.LOOP, b"\0\0\0\2" + IP),
    "raw": (pcap.RAW, IP),
    "raw of another system": (pcap.RAW_BSD, IP),
    "IPv4": (pcap.IPV4, IP),
    "GRE": (pcap.RAW, ipv4(47, b"\0\0\x08\0" + IP)),
    "GRE with key and number": (pcap.RAW, ipv4(47, b"\x30\0\x65\x58" + bytes(8) + ETHERNET)),
    "VXLAN": (pcap.RAW, ipv4(17, struct.pack("!HHHH", 1, 4789, 0, 0) + bytes(8) + ETHERNET)),
    "IP in IP": (pcap.RAW, ipv4(4, IP)),
    "total length 0, as offload leaves it": (pcap.RAW, IP[:2] + b"\0\0" + IP[4:]),
    "IP options": (pcap.RAW, OPTIONS),
}


@pytest.mark.parametrize("way", WAYS)
def test_the_segment_is_found_inside(way: str) -> None:
    segment = found(*WAYS[way])
    assert segment is not None
    assert (endpoint(segment.source), endpoint(segment.target)) == ENDS
    assert (segment.data, segment.size) == (DATA, len(DATA))


def unread(*packets: tuple[int, bytes]) -> dict[str, int]:
    network = Network()
    for link_type, data in packets:
        assert network.segment(link_type, data, len(data)) is None
    return network.unread


def test_what_cannot_be_read_is_counted_by_what_is_unknown() -> None:
    encrypted = pcap.ETHERNET, MAC + b"\x88\xe5" + IP
    ethernet_in_mpls = pcap.ETHERNET, MAC + b"\x88\x47\x00\x01\x01\x40" + bytes(4) + ETHERNET
    assert unread(encrypted, encrypted, ethernet_in_mpls, (127, IP)) == {
        "EtherType 88E5H": 2,
        "EtherType 8847H": 1,
        "link type 127": 1,
    }


@pytest.mark.parametrize(
    "data",
    [
        b"",
        MAC,
        MAC + b"\x08\x06" + bytes(28),  # ARP
        MAC + b"\x00\x26" + bytes(38),  # a spanning tree
        MAC + b"\x08\x00" + ipv4(17, bytes(8)),
        MAC + b"\x88\x64\x11\x00\x00\x07\x00\x0a\xc0\x21" + bytes(8),  # PPP's own words
    ],
)
def test_what_holds_no_datagram_is_not_missed(data: bytes) -> None:
    assert unread((pcap.ETHERNET, data)) == {}


def test_kinds_that_cannot_be_read_do_not_pile_up() -> None:
    strange = [(pcap.ETHERNET, MAC + number.to_bytes(2, "big") + IP) for number in range(9999)]
    counts = unread(*(one for one in strange if one[1][12:14] != b"\x08\x00"))
    assert len(counts) == Network.KINDS + 1
    assert counts["others"] > 8000


def extended(*headers: tuple[int, bytes]) -> bytes:
    """The IPv6 packet with extension headers in front of TCP."""
    kinds = [kind for kind, _ in headers] + [6]
    chain = b"".join(bytes([kinds[n + 1]]) + body for n, (_, body) in enumerate(headers))
    size = struct.pack("!H", len(IP6) - 40 + len(chain))
    return IP6[:4] + size + bytes([kinds[0]]) + IP6[7:40] + chain + IP6[40:]


@pytest.mark.parametrize(
    "data",
    [
        IP6,
        extended((0, b"\0" + bytes(6)), (60, b"\1" + bytes(14))),
        extended((51, b"\4" + bytes(22))),
        extended((44, bytes(7))),  # a fragment that is the whole
    ],
)
def test_ipv6_extension_headers_are_passed_over(data: bytes) -> None:
    segment = found(pcap.IPV6, data)
    assert segment is not None
    assert str(endpoint(segment.source)) == "[fd00::1]:40000"
    assert segment.data == DATA


def fragments(size: int) -> list[bytes]:
    body = IP[20:]
    pieces = []
    for at in range(0, len(body), size):
        piece = body[at : at + size]
        place = at // 8 | (0x2000 if at + size < len(body) else 0)
        pieces.append(IP[:2] + struct.pack("!HHH", 20 + len(piece), 99, place) + IP[8:20] + piece)
    return pieces


@pytest.mark.parametrize("order", [1, -1])
def test_ip_fragments_are_joined_in_any_order(order: int) -> None:
    network = Network()
    pieces = fragments(16)[::order]
    pieces.insert(1, pieces[0])  # one comes twice
    results = [network.segment(pcap.RAW, piece, len(piece)) for piece in pieces]
    assert results[:-1] == [None] * (len(pieces) - 1)
    assert results[-1] is not None
    assert results[-1].data == DATA


def test_fragments_that_never_become_whole_do_not_pile_up() -> None:
    network = Network()
    first = fragments(16)[0]
    for number in range(3 * Network.WAITING):
        one = first[:4] + struct.pack("!H", number) + first[6:]
        network.segment(pcap.RAW, one, len(one))
    assert len(network._datagrams) == Network.WAITING


def test_a_packet_cut_by_the_snap_length_keeps_its_true_size() -> None:
    segment = found(pcap.ETHERNET, ETHERNET[: 54 + 5], len(ETHERNET))
    assert segment is not None
    assert (segment.data, segment.size) == (DATA[:5], len(DATA))


@pytest.mark.parametrize("way", WAYS)
def test_cut_anywhere_it_gives_what_is_there_or_nothing(way: str) -> None:
    link_type, data = WAYS[way]
    for size in range(len(data)):
        segment = found(link_type, data[:size], len(data))
        assert segment is None or DATA.startswith(segment.data)


def test_a_tunnel_into_itself_ends() -> None:
    data = b""
    for _ in range(50):
        data = ipv4(4, data)
    assert found(pcap.RAW, data) is None


@pytest.mark.parametrize("data", [MAC + b"\x08\x06" + bytes(28), ipv4(17, bytes(8)), b"", b"\x99"])
def test_what_is_no_tcp_gives_nothing(data: bytes) -> None:
    assert found(pcap.ETHERNET, data) is None
    assert found(pcap.RAW, data) is None
    assert found(999, data) is None
