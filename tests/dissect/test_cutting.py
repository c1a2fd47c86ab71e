"""What is cut out of a capture is the association as it was, packet by packet."""

from __future__ import annotations

import gzip
import json
import os
import struct
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest

from dicomlab.dissect import cutting
from dicomlab.dissect.associations import dissect, from_exchange
from dicomlab.dissect.cutting import save
from dicomlab.dissect.pcap import ETHERNET, LINUX_SLL, RAW, Reader, Writer
from dicomlab.dissect.synth import TcpConversation
from dicomlab.model import Association, Capture, CaptureError, Endpoint
from dicomlab.protocol.build import build
from dicomlab.views.contract import to_json
from tests.conftest import CORPUS
from tests.programs import found

TRUTHS = [*sorted(CORPUS.glob("*.json")), *sorted(CORPUS.glob("public/profuzzbench*/*.json"))]
WITHOUT = [pytest.param(None, marks=pytest.mark.skip(f"no captures of real systems in {CORPUS}"))]
TIME = 1_700_000_000_123_456_789

RQ, AC = bytes(build("A-ASSOCIATE-RQ")), bytes(build("A-ASSOCIATE-AC"))
ECHO = bytes(build("C-ECHO-RQ", presentation_context_id=1))
ANSWER = bytes(build("C-ECHO-RSP", presentation_context_id=1))


def captured_in(file: Path) -> Capture:
    return dissect(file.parent / str(json.loads(file.read_text())["file"]))


def held(capture: Capture, associations: Iterable[Association] | None = None) -> list[Any]:
    """The associations as JSON, but for what counts among all packets of a file."""
    chosen = None if associations is None else {one.connection for one in associations}
    found = []
    for one in to_json(capture)["associations"]:
        if chosen is None or one["connection"] in chosen:
            del one["connection"]
            for pdu in one["pdus"]:
                del pdu["frames"]
            for ending in one["endings"]:
                del ending["frame"]
            for finding in one["findings"]:
                del finding["evidence"]["frames"]
            found.append(one)
    return found


# --- captures of real systems ---------------------------------------------------------------


@pytest.mark.parametrize("file", TRUTHS or WITHOUT, ids=lambda one: one.stem if one else "none")
def test_the_file_holds_the_same_association(file: Path, tmp_path: Path) -> None:
    capture = captured_in(file)
    path = tmp_path / "cut.pcapng"
    for chosen in [*([one] for one in capture.associations), list(capture.associations)]:
        packets = save(capture, path, chosen)
        cut = dissect(path)
        assert (cut.packets, cut.damage, len(cut.connections)) == (packets, None, 0)
        assert held(cut) == held(capture, chosen)


@pytest.mark.parametrize(
    "name", ["merged_day.pcapng", "two_interfaces.pcapng", "port_reuse.pcapng", "vlan_echo.pcapng"]
)
def test_wireshark_sees_the_same_packets(corpus: Path, name: str, tmp_path: Path) -> None:
    found("tshark")
    capture = dissect(corpus / name)
    for association in capture.associations:
        save(capture, tmp_path / "cut.pcapng", [association])
        seen = seen_by_wireshark(corpus / name, f"tcp.stream == {association.connection}")
        assert seen_by_wireshark(tmp_path / "cut.pcapng", "frame") == seen
        assert seen


def seen_by_wireshark(path: Path, wanted: str) -> list[str]:
    names = "time_epoch len cap_len encap_type"
    fields = [part for name in names.split() for part in ("-e", f"frame.{name}")]
    fields += ["-e", "tcp.seq_raw", "-e", "tcp.flags", "-e", "tcp.payload"]
    command = ["tshark", "-n", "-r", str(path), "-Y", wanted, "-T", "fields", *fields]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()


# --- made-up captures -----------------------------------------------------------------------


def talk(port: int = 50000, *, first: int = 0) -> list[bytes]:
    """The packets of an association."""
    one = TcpConversation(Endpoint("10.0.0.1", port), Endpoint("10.0.0.2", 11112), first=first)
    return [
        *one.open(),
        *one.data("requestor", RQ),
        *one.data("acceptor", AC),
        *one.data("requestor", ECHO),
        *one.data("acceptor", ANSWER),
        *one.close("requestor"),
        *one.close("acceptor"),
    ]


def written(path: Path, packets: Iterable[bytes], **about: Any) -> Capture:
    with Writer(path, **about) as writer:
        for number, packet in enumerate(packets):
            writer.packet(TIME + number, packet)
    return dissect(path)


def packets_of(path: Path) -> list[tuple[int | None, int, bytes, int]]:
    with path.open("rb") as file:
        return [(one.time, one.link_type, one.data, one.size) for one in Reader(file)]


def taking_turns(*queues: Sequence[bytes]) -> list[bytes]:
    return [packet for turn in zip(*queues, strict=True) for packet in turn]


def test_only_its_packets_are_there(tmp_path: Path) -> None:
    wanted, other = talk(50000), talk(50001)
    capture = written(
        tmp_path / "both.pcapng", taking_turns(other, wanted, [b"noise"] * len(other))
    )
    assert save(capture, tmp_path / "cut.pcapng", capture.associations[1:]) == len(wanted)
    found = packets_of(tmp_path / "cut.pcapng")
    assert [one[2] for one in found] == wanted
    assert [one[0] for one in found] == [TIME + 3 * n + 1 for n in range(len(wanted))]


def test_of_two_connections_with_the_same_ports_only_one(tmp_path: Path) -> None:
    capture = written(tmp_path / "reuse.pcapng", talk() + talk(first=5000) + talk(first=99))
    save(capture, tmp_path / "cut.pcapng", capture.associations[1:2])
    assert [one[2] for one in packets_of(tmp_path / "cut.pcapng")] == talk(first=5000)
    save(capture, tmp_path / "cut.pcapng", capture.associations[::2])
    assert [one[2] for one in packets_of(tmp_path / "cut.pcapng")] == talk() + talk(first=99)


def block(kind: int, body: bytes) -> bytes:
    size = struct.pack(">I", len(body) + 12)
    return struct.pack(">I", kind) + size + body + size


def interface(link_type: int, snap: int, resolution: int, offset: int) -> bytes:
    options = struct.pack(">HHB3xHHqHH", 9, 1, resolution, 14, 8, offset, 0, 0)
    return block(1, struct.pack(">HHI", link_type, 0, snap) + options)


def enhanced(number: int, ticks: int, data: bytes, size: int) -> bytes:
    head = struct.pack(">IIIII", number, ticks >> 32, ticks & 0xFFFFFFFF, len(data), size)
    return block(6, head + data + bytes(-len(data) % 4))


def test_interfaces_resolutions_and_snap_lengths_are_kept(tmp_path: Path) -> None:
    section = block(0x0A0D0D0A, struct.pack(">IHHq", 0x1A2B3C4D, 1, 0, -1))
    ethernet = [bytes(12) + b"\x08\0" + one for one in talk()]
    cooked = [bytes(14) + b"\x08\0" + one for one in talk()]
    simple = [
        block(3, struct.pack(">I", len(one)) + one[:70] + bytes(-len(one[:70]) % 4))
        for one in ethernet
    ]
    path = tmp_path / "many.pcapng"
    path.write_bytes(
        section
        + interface(ETHERNET, 70, 0x80 | 20, -3600)
        + interface(LINUX_SLL, 0, 12, 5)
        + b"".join(simple[:3])
        + enhanced(1, 7 << 40, cooked[3], len(cooked[3]))
        + section
        + interface(RAW, 0, 3, 0)
        + enhanced(0, 1_700_000_000_000, talk()[4], len(talk()[4]))
        + interface(ETHERNET, 0, 0, 0)
        + b"".join(enhanced(1, 1_700_000_001, one[:80], len(one)) for one in ethernet[5:])
    )
    capture = dissect(path)
    assert save(capture, tmp_path / "cut.pcapng", capture.associations) == len(talk())
    assert packets_of(tmp_path / "cut.pcapng") == packets_of(path)
    assert held(dissect(tmp_path / "cut.pcapng")) == held(capture)


def in_fragments(packet: bytes, number: int, size: int = 16) -> list[bytes]:
    """An IPv4 packet in fragments."""
    header, rest = packet[:20], packet[20:]
    found = []
    for at in range(0, len(rest), size):
        piece = rest[at : at + size]
        more = 0x2000 if at + size < len(rest) else 0
        found.append(
            header[:2]
            + struct.pack(">HHH", 20 + len(piece), number, more | at // 8)
            + header[8:]
            + piece
        )
    return found


def test_all_fragments_of_its_datagrams_are_there_in_their_order(tmp_path: Path) -> None:
    wanted = [in_fragments(one, number) for number, one in enumerate(talk())]
    other = [in_fragments(one, 500 + number) for number, one in enumerate(talk(50001))]
    mixed: list[tuple[bytes, bool]] = []
    for mine, theirs in zip(wanted, other, strict=True):
        both = [(one, True) for one in mine[::-1]] + [(one, False) for one in theirs]
        mixed += both[::2] + both[1::2]
    capture = written(tmp_path / "both.pcapng", [packet for packet, _ in mixed])
    chosen = [one for one in capture.associations if one.requestor.port == 50000]
    save(capture, tmp_path / "cut.pcapng", chosen)
    found = [one[2] for one in packets_of(tmp_path / "cut.pcapng")]
    assert found == [packet for packet, mine in mixed if mine]
    assert held(dissect(tmp_path / "cut.pcapng")) == held(capture, chosen)


def tunnelled(packet: bytes, number: int) -> bytes:
    """The packet inside GRE."""
    body = b"\0\0\x08\0" + packet
    head = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(body), number, 0, 64, 47, 0)
    return head + bytes([10, 9, 9, 1, 10, 9, 9, 2]) + body


def test_fragments_inside_fragments_are_all_there(tmp_path: Path) -> None:
    inner = [piece for n, one in enumerate(talk()) for piece in in_fragments(one, n, 64)]
    packets = [
        piece for n, one in enumerate(inner) for piece in in_fragments(tunnelled(one, n), n, 24)
    ]
    capture = written(tmp_path / "whole.pcapng", packets)
    save(capture, tmp_path / "cut.pcapng", capture.associations)
    assert [one[2] for one in packets_of(tmp_path / "cut.pcapng")] == packets


def test_a_datagram_that_never_is_whole_holds_nothing_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cutting, "WAITING", 5)
    (stray,) = in_fragments(talk(50002)[3], 7000)[:1]
    packets = [stray, *talk(), in_fragments(talk(50002)[3], 7001)[0]]
    capture = written(tmp_path / "stray.pcapng", packets)
    assert save(capture, tmp_path / "cut.pcapng", capture.associations) == len(talk())
    assert [one[2] for one in packets_of(tmp_path / "cut.pcapng")] == talk()


def test_a_zipped_pcap_is_cut_to_a_pcapng(tmp_path: Path) -> None:
    file = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 0, RAW)
    for number, one in enumerate(talk()):
        file += struct.pack("<IIII", 1_700_000_000, number, len(one), len(one)) + one
    (tmp_path / "talk.pcap.gz").write_bytes(gzip.compress(file))
    capture = dissect(tmp_path / "talk.pcap.gz")
    save(capture, tmp_path / "cut.pcapng", capture.associations)
    cut = dissect(tmp_path / "cut.pcapng")
    assert (cut.format, cut.digits) == ("pcapng", 6)
    assert held(cut) == held(capture)


def test_the_comment_says_what_it_was_cut_from(tmp_path: Path) -> None:
    capture = written(tmp_path / "site.pcapng", talk(), comment="headers are made up")
    save(capture, tmp_path / "cut.pcapng", capture.associations)
    assert dissect(tmp_path / "cut.pcapng").comments == (
        "Cut by dicomlab out of site.pcapng.\nheaders are made up",
    )


def test_no_association_gives_a_capture_without_packets(tmp_path: Path) -> None:
    capture = written(tmp_path / "site.pcapng", talk())
    assert save(capture, tmp_path / "cut.pcapng", []) == 0
    assert (dissect(tmp_path / "cut.pcapng").packets, len(capture.associations)) == (0, 1)


# --- what must not be -----------------------------------------------------------------------


def test_a_capture_is_not_replaced_by_what_is_cut_out_of_it(tmp_path: Path) -> None:
    capture = written(tmp_path / "site.pcapng", talk())
    before = (tmp_path / "site.pcapng").read_bytes()
    (tmp_path / "link.pcapng").symlink_to(tmp_path / "site.pcapng")
    os.link(tmp_path / "site.pcapng", tmp_path / "hard.pcapng")
    for name in ("site.pcapng", "link.pcapng", "hard.pcapng"):
        with pytest.raises(CaptureError, match="it is the capture that is to be cut") as caught:
            save(capture, tmp_path / name, capture.associations)
        assert caught.value.remedy
    assert (tmp_path / "site.pcapng").read_bytes() == before


def test_only_a_file_is_replaced(tmp_path: Path) -> None:
    capture = written(tmp_path / "site.pcapng", talk())
    for path in (tmp_path, Path(os.devnull)):
        with pytest.raises(CaptureError, match="is not replaced"):
            save(capture, path, capture.associations)
    with pytest.raises(CaptureError, match="cannot be written"):
        save(capture, tmp_path / "nowhere" / "cut.pcapng", capture.associations)
    (tmp_path / "old.pcapng").write_text("old")
    (tmp_path / "link.pcapng").symlink_to(tmp_path / "old.pcapng")
    save(capture, tmp_path / "link.pcapng", capture.associations)
    assert (tmp_path / "link.pcapng").is_symlink()
    assert len(dissect(tmp_path / "old.pcapng").associations) == 1


def test_what_fails_leaves_the_file_that_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    capture = written(tmp_path / "site.pcapng", talk())
    (tmp_path / "old.pcapng").write_text("old")
    monkeypatch.setattr(cutting.Copier, "packet", full)
    with pytest.raises(CaptureError, match=r"old\.pcapng cannot be written: No space left"):
        save(capture, tmp_path / "old.pcapng", capture.associations)
    assert sorted(one.name for one in tmp_path.iterdir()) == ["old.pcapng", "site.pcapng"]
    assert (tmp_path / "old.pcapng").read_text() == "old"


def test_what_was_read_from_no_file_cannot_be_cut(tmp_path: Path) -> None:
    ends = Endpoint("10.0.0.1", 50000), Endpoint("10.0.0.2", 104)
    capture = from_exchange([(1, "requestor", RQ), (2, "acceptor", AC)], *ends)
    with pytest.raises(CaptureError, match="has no packets"):
        save(capture, tmp_path / "cut.pcapng", capture.associations)


def test_a_capture_that_is_gone_cannot_be_cut(tmp_path: Path) -> None:
    capture = written(tmp_path / "site.pcapng", talk())
    (tmp_path / "site.pcapng").unlink()
    with pytest.raises(CaptureError, match=r"site\.pcapng cannot be read again"):
        save(capture, tmp_path / "cut.pcapng", capture.associations)
    assert list(tmp_path.iterdir()) == []


def test_a_capture_that_came_through_a_pipe_can_be_cut_if_it_was_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(tmp_path / "site.pcapng", talk())
    code = (
        "import sys, dicomlab as dl; capture = dl.dissect('-', keep=sys.argv[1] == 'kept');"
        "print(dl.save(capture, sys.argv[2], capture.associations))"
    )
    for kept, said in (("kept", f"{len(talk())}\n"), ("gone", "")):
        done = subprocess.run(
            [sys.executable, "-c", code, kept, str(tmp_path / "cut.pcapng")],
            input=(tmp_path / "site.pcapng").read_bytes(),
            capture_output=True,
        )
        assert done.stdout.decode() == said
    assert b"it came through a pipe" in done.stderr
    assert dissect(tmp_path / "cut.pcapng").comments == ("Cut by dicomlab out of standard input.",)
