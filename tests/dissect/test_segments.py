"""The segments that carried a PDU are those that tshark sees, and tile its bytes."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from dicomlab.dissect.associations import dissect, from_exchange
from dicomlab.dissect.pcap import Writer
from dicomlab.dissect.segments import PduSegment, segments_of
from dicomlab.dissect.synth import TcpConversation
from dicomlab.model import Capture, CaptureError, Endpoint, Pdu
from dicomlab.protocol.build import build
from dicomlab.protocol.codec import decode
from tests.conftest import CORPUS
from tests.programs import found

ENDS = Endpoint("10.0.0.1", 40000), Endpoint("10.0.0.2", 104)
ASKED = bytes(build("A-ASSOCIATE-RQ"))
BITS = {"SYN": 2, "FIN": 1, "RST": 4, "PSH": 8, "ACK": 16, "URG": 32, "ECE": 64, "CWR": 128}
EACH = 20  # PDUs of an association that are looked at
CAPTURES = sorted(
    one for one in CORPUS.glob("*.pcap*") if one.suffix != ".json" and one.stem != "merged_day"
)
WITHOUT = [pytest.param(None, marks=pytest.mark.skip(f"no captures of real systems in {CORPUS}"))]
# lost and out of order, in fragments, tunnels and tags, twice, in little pieces, ports used again
IRREGULAR = [
    "fmt_two_sections.pcapng", "gap_store.pcapng", "ip_fragments.pcap", "loss_store.pcapng",
    "mtu_576.pcapng", "port_reuse.pcapng", "reorder_store.pcapng", "trickle_echo.pcapng",
    "tunnel_gre.pcap", "two_interfaces.pcapng", "vlan_echo.pcapng",
]  # fmt: skip


def some(capture: Capture) -> Iterator[Pdu]:
    for one in capture.associations:
        yield from one.pdus[:: max(1, len(one.pdus) // EACH)]


def fresh(segments: list[PduSegment]) -> list[tuple[int, int]]:
    """The bytes of the PDU that each segment was the first to carry, by their place in it."""
    return sorted((one.start, one.stop) for segment in segments for one in segment.fresh)


@pytest.mark.parametrize("file", CAPTURES or WITHOUT, ids=lambda one: one.stem if one else "none")
def test_what_segments_bring_for_the_first_time_tiles_the_pdu(file: Path) -> None:
    for pdu in some(dissect(file)):
        pieces = fresh(list(segments_of(pdu)))
        starts, stops = zip(*pieces, strict=True)
        assert starts == (0, *stops[:-1])
        assert stops[-1] == len(pdu)


@pytest.mark.parametrize("name", IRREGULAR)
def test_they_stand_in_the_frames_in_which_tshark_sees_them(corpus: Path, name: str) -> None:
    seen = tcp_by_frame(corpus / name)
    pdus = list(some(dissect(corpus / name)))
    assert pdus
    for pdu in pdus:
        for one in segments_of(pdu):
            sequence, size, bits = seen[one.frame]
            assert (one.sequence, one.size) == (sequence, size)
            assert one.flags == tuple(name for name, bit in BITS.items() if bits & bit)


def tcp_by_frame(file: Path) -> dict[int, tuple[int, int, int]]:
    """Sequence number, payload and control bits of each frame, as tshark has them."""
    fields = ["frame.number", "tcp.seq_raw", "tcp.len", "tcp.flags"]
    words = [word for name in fields for word in ("-e", name)]
    command = [found("tshark"), "-n", "-r", str(file), "-T", "fields", *words]
    text = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
    lines = [line.split("\t") for line in text.splitlines()]
    return {int(one[0]): (int(one[1]), int(one[2]), int(one[3], 16)) for one in lines if one[1]}


def test_a_segment_that_came_again_brings_nothing_new(corpus: Path) -> None:
    capture = dissect(corpus / "duplicate_store.pcapng")
    segments = [one for pdu in capture.associations[0].pdus for one in segments_of(pdu)]
    again = [one for one in segments if one.again]
    assert len(again) == 2
    assert all(one.span for one in again)


def recorded(path: Path, *cuts: tuple[int, int]) -> Capture:
    """A conversation whose request went over the wire in these pieces, the last byte at the end."""
    conversation = TcpConversation(*ENDS)
    packets = [*conversation.open()]
    base = conversation._sent["requestor"]
    for start, stop in cuts:
        conversation._sent["requestor"] = base + start
        packets.append(next(conversation.data("requestor", ASKED[start:stop])))
    with Writer(path) as writer:
        for number, packet in enumerate(packets):
            writer.packet(number * 1_000_000, packet)
    return dissect(path)


def test_of_pieces_that_overlap_each_byte_is_new_once(tmp_path: Path) -> None:
    cuts = [(0, 20), (60, 80), (10, 100), (100, len(ASKED)), (0, 20)]
    capture = recorded(tmp_path / "overlap.pcapng", *cuts)
    (pdu,) = capture.associations[0].pdus
    segments = list(segments_of(pdu))
    assert [(one.span.start, one.span.stop) for one in segments] == cuts
    assert [[(new.start, new.stop) for new in one.fresh] for one in segments] == [
        [(0, 20)], [(60, 80)], [(20, 60), (80, 100)], [(100, len(ASKED))], [],
    ]  # fmt: skip
    assert [one.frame for one in segments] == [4, 5, 6, 7, 8]
    assert [one.time for one in segments] == [3_000_000 + n * 1_000_000 for n in range(5)]


def test_one_segment_carries_parts_of_two_pdus(tmp_path: Path) -> None:
    data = bytes(build("C-ECHO-RQ", message_id=1, presentation_context_id=1))
    conversation = TcpConversation(*ENDS)
    stream = ASKED + data
    cut = len(ASKED) + 10
    sent = [
        *conversation.open(),
        *conversation.data("requestor", stream[:cut]),
        *conversation.data("requestor", stream[cut:]),
    ]
    with Writer(tmp_path / "two.pcapng") as writer:
        for number, packet in enumerate(sent):
            writer.packet(number, packet)
    first, second = dissect(tmp_path / "two.pcapng").associations[0].pdus
    assert [(one.frame, one.span.stop, one.size) for one in segments_of(first)] == [
        (4, len(ASKED), cut)
    ]
    assert [(one.frame, one.span.start, one.span.stop) for one in segments_of(second)] == [
        (4, 0, 10),
        (6, 10, len(data)),
    ]


def test_what_was_noted_or_decoded_without_packets_has_no_segments() -> None:
    noted = from_exchange([(1, "requestor", ASKED)], *ENDS)
    assert not list(segments_of(noted.associations[0].pdus[0]))
    assert not list(segments_of(decode(ASKED)[0]))


def test_a_file_that_is_gone_is_said_to_be_gone(tmp_path: Path) -> None:
    capture = recorded(tmp_path / "gone.pcapng", (0, len(ASKED)))
    pdu = capture.associations[0].pdus[0]
    (tmp_path / "gone.pcapng").unlink()
    with pytest.raises(CaptureError, match="must stay where it is"):
        list(segments_of(pdu))
