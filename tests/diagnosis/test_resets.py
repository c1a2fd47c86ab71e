"""Who reset a connection: the peer, or something on the way that has other hops."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest

from dicomlab.captures import dissect
from dicomlab.model import Cause, Endpoint
from tests.dissect.hops import (
    AC,
    CLIENT_6,
    ECHO,
    ECHOED,
    REFUSED,
    RQ,
    SERVER,
    SERVER_6,
    Talk,
    conversation,
    packets,
    written,
)

UNANSWERED: Talk = [("requestor", RQ), ("acceptor", None)]
ASKED: Talk = [("requestor", RQ), ("acceptor", AC), ("requestor", ECHO), ("acceptor", None)]
IDLE: Talk = [*ASKED[:3], ("acceptor", ECHOED), ("acceptor", None)]


def causes(folder: Path, ips: Iterable[bytes]) -> list[Cause]:
    """Those of the first connection."""
    capture = dissect(written(folder, packets(ips)))
    found = min([*capture.associations, *capture.connections], key=lambda one: one.connection)
    assert found.verdict is not None
    return list(found.verdict.causes)


def named(found: Iterable[Cause]) -> list[tuple[str, str]]:
    return [(one.code, one.likelihood) for one in found]


@pytest.mark.parametrize(
    ("talk", "peer"),
    [(UNANSWERED, "caller-not-allowed"), (ASKED, "connection-lost"), (IDLE, "no-release")],
)
def test_other_hops_make_a_firewall_the_first_cause(tmp_path: Path, talk: Talk, peer: str) -> None:
    first, second, *_ = causes(tmp_path, conversation(talk, hops=121, reset=57))
    assert named([first, second]) == [("firewall-cut", "likely"), (peer, "possible")]
    assert first.evidence == ("the RST has TTL or hop limit 57, the acceptor's packets have 121",)
    assert first.against == ()


def test_so_do_those_of_ipv6(tmp_path: Path) -> None:
    ends = {"requestor": CLIENT_6, "acceptor": SERVER_6}
    first, *_ = causes(tmp_path, conversation(ASKED, reset=57, **ends))
    assert named([first]) == [("firewall-cut", "likely")]


def test_a_hop_or_two_may_be_another_way(tmp_path: Path) -> None:
    first, *_ = causes(tmp_path, conversation(ASKED, hops=121, reset=122))
    assert named([first]) == [("firewall-cut", "likely")]
    assert "several ways" in first.against[0]


@pytest.mark.parametrize(
    ("talk", "peer"), [(UNANSWERED, "caller-not-allowed"), (ASKED, "connection-lost")]
)
def test_the_same_hops_speak_against_a_firewall(tmp_path: Path, talk: Talk, peer: str) -> None:
    first, *_, last = causes(tmp_path, conversation(talk))
    assert named([first, last]) == [(peer, "likely"), ("firewall-cut", "possible")]
    assert last.against == ("the RST has the TTL or hop limit of the acceptor's packets: 121",)


def test_a_peer_that_resets_when_all_is_said_makes_no_firewall(tmp_path: Path) -> None:
    assert named(causes(tmp_path, conversation(IDLE))) == [("no-release", "certain")]


ELSEWHERE = Endpoint(SERVER.address, 105)


def test_a_refusal_over_other_hops_is_first_of_all_a_firewall(tmp_path: Path) -> None:
    refusal = conversation(REFUSED, reset=57, acceptor=ELSEWHERE)
    found = causes(tmp_path, [*refusal, *conversation(IDLE)])
    assert named(found) == [
        ("firewall-resets", "likely"),
        ("nothing-listens", "possible"),
        ("port-wrong", "possible"),
    ]
    assert "57" in found[0].evidence[1]
    assert "forwarded" in found[0].against[0]


def test_a_refusal_over_the_same_hops_is_the_acceptors(tmp_path: Path) -> None:
    refusal = conversation(REFUSED, acceptor=ELSEWHERE)
    found = causes(tmp_path, [*refusal, *conversation(IDLE)])
    assert named(found) == [
        ("nothing-listens", "likely"),
        ("port-wrong", "possible"),
        ("firewall-resets", "possible"),
    ]
    assert "121" in found[2].against[0]


def test_a_refusal_alone_looks_the_same_for_all(tmp_path: Path) -> None:
    found = causes(tmp_path, conversation(REFUSED))
    assert named(found)[0] == ("nothing-listens", "likely")
    assert all("it looks the same if" in one.against[0] for one in found)
