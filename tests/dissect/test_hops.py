"""A RST tells over how many hops it came, and over how many its sender's packets came."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from dicomlab.dissect.associations import dissect
from dicomlab.dissect.pcap import MADE_UP, Writer
from dicomlab.model import Capture, Endpoint
from dicomlab.views.contract import to_json
from tests.dissect import variations as v
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

RESET: Talk = [("requestor", RQ), ("acceptor", AC), ("acceptor", None)]
BRIEF: Talk = [*RESET[:2], ("requestor", ECHO), ("acceptor", ECHOED), ("acceptor", None)]
LONG: Talk = [*RESET[:2], *[("requestor", ECHO), ("acceptor", ECHOED)] * 40, ("acceptor", None)]
Found = Callable[..., Capture]


@pytest.fixture
def found(tmp_path: Path) -> Found:
    """What a capture of these IP packets holds."""

    def dissected(*ips: bytes, change: v.Change = lambda them: them) -> Capture:
        return dissect(written(tmp_path, change(packets(ips))))

    return dissected


def hops(capture: Capture) -> list[tuple[int, int] | None]:
    """Those of each RST, in the order of the connections."""
    ended = sorted([*capture.associations, *capture.connections], key=lambda one: one.connection)
    return [end.hops for one in ended for end in one.endings if end.kind == "RST"]


@pytest.mark.parametrize("talk", [BRIEF, LONG])
@pytest.mark.parametrize("reset", [57, 121])
def test_a_reset_is_held_against_the_packets_before_it(
    found: Found, talk: Talk, reset: int
) -> None:
    assert hops(found(*conversation(talk, hops=121, reset=reset))) == [(reset, 121)]


@pytest.mark.parametrize("talk", [BRIEF, LONG])
def test_the_hop_limit_of_ipv6_is_the_same(found: Found, talk: Talk) -> None:
    ends = {"requestor": CLIENT_6, "acceptor": SERVER_6}
    assert hops(found(*conversation(talk, reset=250, **ends))) == [(250, 121)]


@pytest.mark.parametrize(
    "change",
    [
        v.as_link(v.ETHERNET),
        v.as_link(v.COOKED),
        v.as_link(v.COOKED_2),
        v.as_link(v.NULL),
        v.as_link(v.LOOP),
        v.tagged("8100"),
        v.with_ip_options(15),
        v.each_ip(v.authenticated),
        v.tunnelled(v.gre),
        v.tunnelled(v.vxlan),
        v.tunnelled(v.ip_in_ip),
        v.tunnelled(v.in_ip6),
        v.tunnelled(partial(v.erspan, version=3)),
        v.fragmented(64),
    ],
)
@pytest.mark.parametrize("talk", [BRIEF, LONG])
def test_whatever_lies_around_it(found: Found, talk: Talk, change: v.Change) -> None:
    assert hops(found(*conversation(talk, reset=57), change=change)) == [(57, 121)]


def test_the_last_packet_before_it_counts(found: Found) -> None:
    """A firewall that answers the SYN for the acceptor has a TTL of its own."""
    handshake, rest = [*conversation(LONG, hops=250)][:3], [*conversation(LONG, hops=121)][3:]
    assert hops(found(*handshake, *rest)) == [(121, 121)]


def test_a_refusal_alone_can_be_held_against_nothing(found: Found) -> None:
    assert hops(found(*conversation(REFUSED))) == [None]


@pytest.mark.parametrize(("reset", "expected"), [(57, (57, 119)), (121, (121, 121))])
def test_a_refusal_is_held_against_the_same_acceptor_elsewhere(
    found: Found, reset: int, expected: tuple[int, int]
) -> None:
    refusal = conversation(REFUSED, reset=reset, acceptor=Endpoint(SERVER.address, 105))
    others = [
        packet
        for port, hops in ((40001, 119), (40002, 121))
        for packet in conversation(BRIEF, hops=hops, requestor=Endpoint("10.0.0.3", port))
    ]
    stranger = conversation(BRIEF, hops=33, acceptor=Endpoint("10.0.0.9", 104))
    assert hops(found(*refusal, *others, *stranger))[0] == expected


def test_headers_that_are_made_up_tell_nothing(tmp_path: Path) -> None:
    path = tmp_path / "relayed.pcapng"
    with Writer(path, comment=f"By somebody: {MADE_UP}.") as writer:
        for one in conversation(BRIEF):
            writer.packet(1, one)
    assert hops(dissect(path)) == [None]


def test_the_json_says_how_a_connection_was_ended(found: Found) -> None:
    refusal = conversation(REFUSED, reset=57, acceptor=Endpoint(SERVER.address, 105))
    document = to_json(found(*conversation(RESET, reset=57), *refusal))
    (association,), (connection,) = document["associations"], document["connections"]
    ending = {"by": "acceptor", "kind": "RST", "hops": [57, 121]}
    assert association["endings"] == [ending | {"time": "1.000007000", "frame": 8}]
    assert connection["endings"] == [ending | {"time": "1.000009000", "frame": 10}]
