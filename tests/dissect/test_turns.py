"""Round trips are counted by who said something new, whatever was spoken."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from dicomlab.dissect.associations import dissect, from_exchange
from dicomlab.dissect.pcap import MADE_UP, Writer
from dicomlab.dissect.synth import TcpConversation
from dicomlab.dissect.turns import round_trips, tcp_segments
from dicomlab.model import Capture, Endpoint

ENDS = Endpoint("10.0.0.1", 40000), Endpoint("10.0.0.2", 104)
# with nothing else in it, and recorded from its beginning; lost packets and copies among them
WHOLE = [
    "cget", "duplicate_store", "echo_dcmtk", "echo_ipv6", "find_study", "loss_store",
    "port_reuse", "reorder_store", "two_interfaces",
]  # fmt: skip


def written(path: Path, packets: list[bytes], comment: str = "") -> Capture:
    """A capture of these packets, a millisecond apart."""
    with Writer(path, comment=comment) as writer:
        for number, packet in enumerate(packets, 1):
            writer.packet(number * 1_000_000, packet)
    return dissect(path)


@pytest.mark.parametrize("name", WHOLE)
def test_of_an_association_they_are_the_handshake_and_each_answer(corpus: Path, name: str) -> None:
    capture = dissect(corpus / f"{name}.pcapng")
    answers = [
        (before.sender, after.sender) == ("requestor", "acceptor")
        for one in capture.associations
        for before, after in pairwise(one.pdus)
    ]
    assert round_trips(capture).count == len(capture.associations) + sum(answers)


def test_they_are_counted_whatever_is_spoken(tmp_path: Path) -> None:
    talk = TcpConversation(*ENDS)
    packets = [
        *talk.open(),
        *talk.data("requestor", b"GET / HTTP/1.1\r\n"),
        *talk.data("requestor", b"\r\n"),
        *talk.data("acceptor", b"HTTP/1.1 204 No Content\r\n\r\n"),
        *talk.close("requestor"),
        *talk.close("acceptor"),
    ]
    found = round_trips(written(tmp_path / "http.pcapng", packets))
    assert found.count == 2
    assert found.size == 18 + 27
    assert found.seconds == 0.007  # up to the answer: nobody waits for the FIN


def test_what_comes_again_is_no_turn(tmp_path: Path) -> None:
    talk = TcpConversation(*ENDS)
    asked, answered = list(talk.data("requestor", b"?")), list(talk.data("acceptor", b"!"))
    capture = written(tmp_path / "again.pcapng", [*asked, *answered, *asked, *answered])
    assert [one.turn for one in tcp_segments(capture) if one.data] == [False, True, False, False]
    assert round_trips(capture).count == 1


def test_acknowledgements_that_a_relay_made_up_are_left_out(tmp_path: Path) -> None:
    talk = TcpConversation(*ENDS)
    packets = [*talk.open(), *talk.data("requestor", b"?"), *talk.close("requestor")]
    real = written(tmp_path / "real.pcapng", packets)
    relayed = written(tmp_path / "relayed.pcapng", packets, f"The {MADE_UP}.")
    flags = [",".join(one.flags) for one in tcp_segments(real)]
    assert flags == ["SYN", "SYN,ACK", "ACK", "PSH,ACK", "ACK", "FIN,ACK", "ACK"]
    flags = [",".join(one.flags) for one in tcp_segments(relayed)]
    assert flags == ["SYN", "SYN,ACK", "PSH,ACK", "FIN,ACK"]


def test_who_answers_a_syn_is_the_acceptor_where_the_syn_is_missing(tmp_path: Path) -> None:
    _, *packets = TcpConversation(*ENDS).open()
    assert [one.sender for one in tcp_segments(written(tmp_path / "late.pcapng", packets))] == [
        "acceptor",
        "requestor",
    ]


def test_what_was_noted_without_packets_has_no_segments() -> None:
    noted = from_exchange([(1, "requestor", b"\1")], *ENDS)
    assert not list(tcp_segments(noted))
    assert round_trips(noted).count == 0
