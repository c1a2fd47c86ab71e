"""Capture files: what we write is read by us and by Wireshark; what others write is read too."""

from __future__ import annotations

import gzip
import io
import struct
import subprocess
from pathlib import Path

import pytest

from dicomlab.dissect import pcap
from dicomlab.dissect.pcap import ETHERNET, RAW, Packet, Reader, Writer
from dicomlab.dissect.synth import SEGMENT, TcpConversation
from dicomlab.model import CaptureError, Endpoint
from tests.programs import found

TIME = 1_700_000_000_123_456_789


def reading(data: bytes) -> Reader:
    return Reader(io.BufferedReader(io.BytesIO(data)))  # type: ignore[type-var]


def read(data: bytes) -> tuple[Reader, list[Packet]]:
    reader = reading(data)
    return reader, list(reader)


def written(*packets: bytes, link_type: int = RAW, comment: str = "") -> bytes:
    file = io.BytesIO()
    with Writer(file, link_type=link_type, comment=comment) as writer:
        for n, data in enumerate(packets):
            writer.packet(TIME + n, data)
    return file.getvalue()


# --- the writer -----------------------------------------------------------------------------


def test_what_is_written_is_read_back_with_nanoseconds_and_comment() -> None:
    data = written(b"one", b"four", b"", link_type=ETHERNET, comment="made up, ü")
    reader, packets = read(data)
    assert packets == [
        Packet(1, TIME, ETHERNET, b"one", 3),
        Packet(2, TIME + 1, ETHERNET, b"four", 4),
        Packet(3, TIME + 2, ETHERNET, b"", 0),
    ]
    assert (reader.format, reader.digits, reader.damage) == ("pcapng", 9, None)
    assert reader.comments == ["made up, ü"]
    assert reader.link_types == [ETHERNET]


def test_a_file_is_readable_while_it_grows(tmp_path: Path) -> None:
    path = tmp_path / "growing.pcapng"
    with Writer(path) as writer:
        for n in range(3):
            writer.packet(TIME, b"x" * n)
            with path.open("rb") as file:
                assert len(list(Reader(file))) == n + 1


def test_a_comment_of_a_packet_does_not_disturb_the_packet() -> None:
    file = io.BytesIO()
    Writer(file).packet(TIME, b"abc", comment="the first one")
    assert read(file.getvalue())[1] == [Packet(1, TIME, RAW, b"abc", 3)]


@pytest.mark.parametrize(
    "addresses", [("10.0.0.1", "10.0.0.2"), ("fd00::1", "fd00::2"), ("127.0.0.1", "::1")]
)
def test_tshark_reads_a_made_up_conversation_without_a_complaint(
    addresses: tuple[str, str], tmp_path: Path
) -> None:
    found("tshark")
    path = tmp_path / "made-up.pcapng"
    conversation = TcpConversation(Endpoint(addresses[0], 50000), Endpoint(addresses[1], 11112))
    with Writer(path, comment="TCP/IP headers are made up") as writer:
        for step in (
            conversation.open(),
            conversation.data("requestor", b"odd"),
            conversation.data("acceptor", bytes(range(256)) * (3 * SEGMENT // 256)),
            conversation.data("requestor", b"\xff" * (SEGMENT + 1)),
            conversation.close("acceptor"),
            conversation.data("requestor", b"half closed"),
            conversation.close("requestor"),
        ):
            for n, packet in enumerate(step):
                writer.packet(TIME + n, packet)

    def tshark(*more: str) -> str:
        options = ["-o", "tcp.check_checksum:TRUE", "-o", "ip.check_checksum:TRUE"]
        command = ["tshark", "-n", "-r", str(path), *options, *more]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    # tshark notes which FIN is the first and which the second: that is no complaint
    chat, ends = 0x200000, ("tcp.connection.fin_active", "tcp.connection.fin_passive")
    complaints = f"_ws.expert.severity > {chat} and not {ends[0]} and not {ends[1]}"
    assert tshark("-Y", complaints) == ""
    assert tshark("-Y", "_ws.malformed") == ""
    statuses = set(tshark("-T", "fields", "-e", "tcp.checksum.status").split())
    assert statuses == {"1"}  # 1: good


def test_a_refusal_is_a_syn_answered_by_a_reset() -> None:
    conversation = TcpConversation(Endpoint("127.0.0.1", 1), Endpoint("127.0.0.1", 2))
    assert [packet[20 + 13] for packet in conversation.refuse()] == [0x02, 0x14]


def test_sequence_numbers_wrap() -> None:
    conversation = TcpConversation(Endpoint("127.0.0.1", 1), Endpoint("127.0.0.1", 2))
    conversation._sent["requestor"] = 0xFFFFFFFF
    list(conversation.data("requestor", b"abc"))
    assert conversation._sent["requestor"] == 2


# --- the reader: pcap -----------------------------------------------------------------------


def pcap_file(order: str, magic: int, fraction: int) -> bytes:
    head = struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, 65535, 0x30000001)
    record = struct.pack(order + "IIII", 1_700_000_000, fraction, 3, 60) + b"abc"
    return head + record


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize(
    ("magic", "fraction", "digits"), [(0xA1B2C3D4, 123456, 6), (0xA1B23C4D, 123456000, 9)]
)
def test_all_four_kinds_of_pcap_are_read(
    order: str, magic: int, fraction: int, digits: int
) -> None:
    reader, packets = read(pcap_file(order, magic, fraction))
    assert packets == [Packet(1, 1_700_000_000_123_456_000, ETHERNET, b"abc", 60)]
    assert (reader.format, reader.digits, reader.truncated) == ("pcap", digits, 1)


def test_a_gzipped_capture_is_read() -> None:
    assert len(read(gzip.compress(written(b"one", b"two")))[1]) == 2


def test_a_file_cut_anywhere_gives_the_packets_before_the_cut() -> None:
    whole = pcap_file("<", 0xA1B2C3D4, 5) + pcap_file("<", 0xA1B2C3D4, 6)[24:]
    for size in range(24, len(whole)):
        reader, packets = read(whole[:size])
        assert len(packets) == (size - 24) // 19
        assert (reader.damage is None) == ((size - 24) % 19 == 0)


def test_a_gzip_that_breaks_off_is_reported() -> None:
    packed = gzip.compress(written(*[bytes([n]) * 999 for n in range(200)]))
    reader, packets = read(packed[: len(packed) // 2])
    assert reader.damage is not None
    assert len(packets) < 200


def test_a_packet_that_announces_more_than_any_has_is_damage_not_memory() -> None:
    data = pcap_file("<", 0xA1B2C3D4, 5) + struct.pack("<IIII", 0, 0, 0xFFFFFFF0, 0xFFFFFFF0)
    reader, packets = read(data)
    assert len(packets) == 1
    assert "4,294,967,280 bytes" in (reader.damage or "")


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04", b"\x1f\x8b\x08\x00", b"GET / HTTP/1.1"])
def test_what_is_no_capture_is_refused(data: bytes) -> None:
    with pytest.raises(CaptureError, match="neither a pcap nor a pcapng"):
        reading(data)


# --- the reader: pcapng ---------------------------------------------------------------------


def block(order: str, kind: int, body: bytes) -> bytes:
    body += bytes(-len(body) % 4)
    size = struct.pack(order + "I", len(body) + 12)
    return struct.pack(order + "I", kind) + size + body + size


def section(order: str) -> bytes:
    return block(order, 0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1))


def interface(order: str, link_type: int, *options: tuple[int, bytes], snap: int = 0) -> bytes:
    body = struct.pack(order + "HHI", link_type, 0, snap)
    for code, value in options:
        body += struct.pack(order + "HH", code, len(value)) + value + bytes(-len(value) % 4)
    return block(order, 1, body + bytes(4))


def enhanced(order: str, number: int, ticks: int, data: bytes) -> bytes:
    head = struct.pack(order + "IIIII", number, ticks >> 32, ticks & 0xFFFFFFFF, len(data), 99)
    return block(order, 6, head + data)


@pytest.mark.parametrize("order", "<>")
def test_each_interface_has_its_own_link_type_and_resolution(order: str) -> None:
    offset = struct.pack(order + "q", 1000)
    data = (
        section(order)
        + interface(order, 1)
        + interface(order, 113, (9, b"\x09"))
        + enhanced(order, 0, 7, b"a")
        + interface(order, 101, (9, b"\x8a"), (14, offset))  # found late; 2^-10 s, 1000 s on
        + enhanced(order, 2, 512, b"ccc")
        + enhanced(order, 1, 8, b"bb")
    )
    reader, packets = read(data)
    assert [(p.time, p.link_type, p.data, p.size) for p in packets] == [
        (7000, 1, b"a", 99),
        (1000 * 10**9 + 500_000_000, 101, b"ccc", 99),
        (8, 113, b"bb", 99),
    ]
    assert reader.link_types == [1, 113, 101]


def test_sections_of_either_byte_order_follow_each_other() -> None:
    data = b"".join(
        section(order) + interface(order, link) + enhanced(order, 0, 1, b"x")
        for order, link in (("<", 1), (">", 101), ("<", 0))
    )
    reader, packets = read(data)
    assert [p.link_type for p in packets] == [1, 101, 0]
    assert reader.damage is None


def test_simple_and_obsolete_packet_blocks_are_read_and_unknown_blocks_skipped() -> None:
    data = (
        section("<")
        + interface("<", 1, snap=4)
        + block("<", 3, struct.pack("<I", 6) + b"simp")
        + block("<", 0x00000BAD, b"whatever" * 100)
        + block("<", 4, b"\0" * 8)  # names
        + block("<", 2, struct.pack("<HHIIII", 0, 0, 0, 5, 3, 3) + b"old")
    )
    _, packets = read(data)
    assert packets == [Packet(1, None, 1, b"simp", 6), Packet(2, 5000, 1, b"old", 3)]


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (enhanced("<", 5, 1, b"x"), "interface 5"),
        (struct.pack("<II", 6, 8), "says that it has 8 bytes"),
        (struct.pack("<III", 6, 12, 13), "two lengths"),
        (block("<", 6, b""), "too short"),
        (struct.pack("<III", 0x0A0D0D0A, 28, 1), "byte-order magic"),
        (b"\0", "header of a block"),
        (block("<", 6, struct.pack("<IIIII", 0, 0, 0, 500, 500)), "500 bytes"),
    ],
)
def test_damage_is_reported_with_its_place_and_what_stands_before_is_given(
    damage: bytes, said: str
) -> None:
    before = section("<") + interface("<", 1) + enhanced("<", 0, 1, b"fine")
    reader, packets = read(before + damage)
    assert [p.data for p in packets] == [b"fine"]
    assert said in (reader.damage or "")
    assert "bytes into the file" in (reader.damage or "")


def test_windows_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pcap.Source, "WINDOW", 7)
    data = written(*[bytes([n]) * n for n in range(40)])
    assert [len(p.data) for p in read(data)[1]] == list(range(40))
