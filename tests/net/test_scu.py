"""The SCU sends what it is given, says what came, and in which state that leaves it."""

from __future__ import annotations

import math
import socket
from collections.abc import Callable, Iterator
from contextlib import suppress
from threading import Thread
from typing import Any

import pytest

from dicomlab.captures import from_log
from dicomlab.model import BuildError, DicomlabError, PeerError
from dicomlab.net.echo import echo
from dicomlab.net.scp import EchoSCP
from dicomlab.net.scu import SCU
from dicomlab.protocol.build import build

Scripted = Callable[..., tuple[str, int]]
ACCEPT = {"send": bytes(build("A-ASSOCIATE-AC")).hex()}
REQUEST = build("A-ASSOCIATE-RQ")
SILENCE = {"action": "stay silent"}


@pytest.fixture
def scp() -> Iterator[EchoSCP]:
    with EchoSCP() as running:
        yield running


def calling(peer: tuple[str, int]) -> SCU:
    return SCU(*peer, timeout=0.2)


def test_a_conversation_step_by_step(scp: EchoSCP) -> None:
    with SCU(*scp.address) as scu:
        assert scu.state == "Sta4"
        scu.send(REQUEST)
        assert scu.state == "Sta5"
        assert scu.receive().type == "A-ASSOCIATE-AC"
        assert scu.state == "Sta6"
        scu.send(build("C-ECHO-RQ"))
        assert scu.receive()["Status"].value == 0
        scu.release()
        assert scu.state == "Sta1"
    assert [step.action for step in scu.history] == [
        "AE-1", "AE-2", "AE-3", "DT-1", "DT-2", "AR-1", "AR-3",
    ]  # fmt: skip


def test_two_writes_change_no_byte(scp: EchoSCP) -> None:
    with SCU(*scp.address, two_writes=True) as scu:
        scu.send(REQUEST)
        assert scu.receive().type == "A-ASSOCIATE-AC"
        scu.release()
    heard = [entry.data for entry in scp.log if entry.sender == "requestor" and entry.data]
    assert heard == [bytes(REQUEST), bytes(build("A-RELEASE-RQ"))]


def test_the_log_holds_every_byte_and_both_addresses(scp: EchoSCP) -> None:
    with SCU(*scp.address) as scu:
        scu.send(REQUEST)
        scu.receive()
    first, sent, came = scu.log[:3]
    assert (first.data, first.before, first.after) == (b"", "Sta1", "Sta4")
    assert (sent.sender, sent.data) == ("requestor", bytes(REQUEST))
    assert (came.sender, came.pdus[0].type) == ("acceptor", "A-ASSOCIATE-AC")
    assert (sent.requestor, sent.acceptor) == (scu.local, scu.remote)
    assert scu.remote.port == scp.port
    assert first.time <= sent.time <= came.time
    assert "A-ASSOCIATE-AC" in str(came)


def test_any_bytes_can_be_sent_in_any_state(scp: EchoSCP) -> None:
    with SCU(*scp.address) as scu:
        scu.send(build("C-ECHO-RQ"))
        assert scu.state == "Sta4"
        abort = scu.receive()
        assert (abort.type, abort["Source"].value) == ("A-ABORT", 0)


def test_what_table_9_10_demands_is_sent_and_logged(scripted: Scripted) -> None:
    with calling(scripted({"send": bytes(build("A-RELEASE-RP")).hex()})) as scu:
        scu.send(REQUEST)
        assert scu.receive().type == "A-RELEASE-RP"
        assert scu.state == "Sta13"
        sent = scu.log[-1].pdus[0]
        assert (sent.type, sent["Source"].value, sent["Reason/Diag."].value) == ("A-ABORT", 2, 2)


def test_bytes_that_are_no_pdu_are_received_as_one(scripted: Scripted) -> None:
    with calling(scripted({"send": b"HTTP/1.1 400 Bad Request\r\n\r\n".hex()})) as scu:
        scu.send(REQUEST)
        pdu = scu.receive()
    assert pdu.type is None
    assert [one.code for one in pdu.findings] == ["not-dicom-http"]


def test_two_pdus_that_came_together_are_received_one_by_one(scripted: Scripted) -> None:
    both = bytes(build("A-ASSOCIATE-AC")) + bytes(build("A-RELEASE-RQ"))
    with calling(scripted({"send": both.hex()})) as scu:
        scu.send(REQUEST)
        scu.receive()
        assert scu.state == "Sta6"
        scu.receive()
        assert scu.state == "Sta8"


def test_silence_ends_with_the_time_out(scripted: Scripted) -> None:
    with calling(scripted(SILENCE)) as scu:
        scu.send(REQUEST)
        with pytest.raises(PeerError, match=r"nothing within 0\.05 s") as problem:
            scu.receive(timeout=0.05)
        assert problem.value.code == "peer-silent"
        assert problem.value.remedy
        assert scu.state == "Sta5"


def test_half_a_pdu_is_shown_when_time_is_up(scripted: Scripted) -> None:
    with calling(scripted({"send": ACCEPT["send"][:100]}, SILENCE)) as scu:
        scu.send(REQUEST)
        with pytest.raises(PeerError, match="50 bytes that are no whole PDU"):
            scu.receive(timeout=0.1)
        assert scu.unread is not None
        assert len(scu.unread) == 50


def test_a_connection_that_ends_is_said_once_and_for_all(scripted: Scripted) -> None:
    with calling(scripted({"action": "close"})) as scu:
        scu.send(REQUEST)
        for _ in range(2):
            with pytest.raises(PeerError) as problem:
                scu.receive()
            assert problem.value.code == "peer-closed"
        with pytest.raises(PeerError):
            scu.send(REQUEST)
        assert scu.state == "Sta1"
        assert (scu.log[-1].sender, scu.log[-1].what) == ("acceptor", "closes the connection")


def test_a_reset_is_logged_as_one(scripted: Scripted) -> None:
    with calling(scripted({"action": "reset"})) as scu:
        scu.send(REQUEST)
        with pytest.raises(PeerError, match="reset"):
            scu.receive()
        assert (scu.log[-1].sender, scu.log[-1].what) == ("acceptor", "resets the connection")


def test_a_release_collision_is_answered(scripted: Scripted) -> None:
    request, reply = (bytes(build(f"A-RELEASE-{kind}")).hex() for kind in ("RQ", "RP"))
    with calling(scripted(ACCEPT, {"send": request}, {"send": reply})) as scu:
        scu.send(REQUEST)
        scu.receive()
        scu.release()
    assert [step.next for step in scu.history[-4:]] == ["Sta7", "Sta9", "Sta11", "Sta1"]


def test_data_that_still_comes_does_not_disturb_a_release(scripted: Scripted) -> None:
    last = bytes(build("C-ECHO-RSP")) + bytes(build("A-RELEASE-RP"))
    with calling(scripted(ACCEPT, {"send": last.hex()})) as scu:
        scu.send(REQUEST)
        scu.receive()
        scu.release()
        assert scu.state == "Sta1"


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ({"send": bytes(build("A-ABORT")).hex()}, "association-aborted"),
        ({"send": bytes(build("A-ASSOCIATE-AC")).hex()}, "sequence-unexpected-pdu"),
        ({"action": "close"}, "peer-closed"),
        (SILENCE, "peer-silent"),
    ],
    ids=["abort", "other", "close", "silence"],
)
def test_a_release_that_fails_says_how(
    answer: dict[str, str], code: str, scripted: Scripted
) -> None:
    with calling(scripted(ACCEPT, answer)) as scu:
        scu.send(REQUEST)
        scu.receive()
        with pytest.raises(PeerError) as problem:
            scu.release(timeout=0.1)
        assert problem.value.code == code


def test_there_is_nothing_to_release_before_there_is_an_association(scp: EchoSCP) -> None:
    with SCU(*scp.address) as scu, pytest.raises(DicomlabError, match="no association"):
        scu.release()


def said(scu: SCU) -> list[str]:
    return [f"{entry.sender}: {entry.what}" for entry in scu.log][-2:]


def test_leaving_releases_an_association(scp: EchoSCP) -> None:
    with SCU(*scp.address) as scu:
        scu.send(REQUEST)
        scu.receive()
    assert said(scu) == ["acceptor: A-RELEASE-RP", "requestor: closes the connection"]


def test_leaving_by_an_exception_aborts_an_association(scp: EchoSCP) -> None:
    with suppress(ZeroDivisionError), SCU(*scp.address) as scu:
        scu.send(REQUEST)
        scu.receive()
        raise ZeroDivisionError
    assert said(scu) == ["requestor: A-ABORT", "acceptor: closes the connection"]


def test_leaving_without_an_association_just_closes(scp: EchoSCP) -> None:
    with SCU(*scp.address) as scu:
        pass
    assert said(scu) == [
        "requestor: opens the connection",
        "requestor: closes the connection",
    ]


def test_an_abort_arrives_although_more_was_on_its_way(scp: EchoSCP) -> None:
    with SCU(*scp.address) as scu:
        scu.send(REQUEST)
        scu.receive()
        for _ in range(20):
            scu.send(build("C-ECHO-RQ"))
        scu.receive()
        scu.abort()
        assert scu.history[-1].action == "AR-5"
        assert "A-ABORT" in [entry.what for entry in scp.log]


WRONG = [
    *({"port": port} for port in (0, 70000, 1.5, "104", None)),
    *({"host": host} for host in ("", None, 5, "a\0b", "127.0.0.1:104", "[::1]")),
    *({"timeout": seconds} for seconds in (0, -1, None, "1", math.nan, math.inf, 1e12)),
]


@pytest.mark.parametrize("wrong", WRONG, ids=str)
@pytest.mark.parametrize("call", [SCU, echo])
def test_what_cannot_be_meant_is_refused_with_a_remedy(
    call: Callable[..., object], wrong: dict[str, Any]
) -> None:
    with pytest.raises(BuildError) as refused:
        call(**{"host": "127.0.0.1", "port": 11112} | wrong)
    assert refused.value.remedy


@pytest.mark.parametrize("seconds", [-1, "1", math.nan, math.inf])
def test_a_time_out_of_one_step_is_checked_too(seconds: Any, scp: EchoSCP) -> None:
    with SCU(*scp.address) as scu:
        scu.send(REQUEST)
        with pytest.raises(BuildError, match="timeout cannot be"):
            scu.receive(seconds)
        scu.receive()
        with pytest.raises(BuildError, match="timeout cannot be"):
            scu.release(seconds)
        scu.release()


def test_every_pdu_leaves_at_once(scp: EchoSCP) -> None:
    with SCU(*scp.address) as scu:
        assert scu._socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_a_peer_that_never_stops_does_not_hold_a_release() -> None:
    chatter = bytes(build("P-DATA-TF", message_control_header=0, fragment=bytes(1000)))

    def talk(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection, suppress(OSError):
            connection.settimeout(20)
            connection.recv(1 << 16)
            connection.sendall(bytes(build("A-ASSOCIATE-AC")))
            while True:
                connection.sendall(chatter)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        talker = Thread(target=talk, args=(listener,))
        talker.start()
        scu = SCU(*listener.getsockname(), timeout=0.5)
        try:
            scu.send(build("A-ASSOCIATE-RQ"))
            scu.receive()
            with pytest.raises(PeerError, match="went on sending") as silent:
                scu.release()
            assert silent.value.code == "peer-silent"
        finally:
            scu.close()
            talker.join(20)
        assert not talker.is_alive()


def test_a_pdu_that_is_longer_than_was_announced_is_shown_and_aborted(scripted: Scripted) -> None:
    response = build("C-ECHO-RSP")
    with calling(scripted(ACCEPT, {"send": bytes(response).hex()})) as scu:
        scu.send(build("A-ASSOCIATE-RQ", maximum_length_received=50))
        scu.receive()
        scu.send(build("C-ECHO-RQ"))
        assert bytes(scu.receive()) == bytes(response)
        assert scu.state == "Sta13"
    (association,) = from_log(scu.log).associations
    assert "max-length-exceeded" in [one.code for one in association.findings]
    assert "A-ABORT" in [one.what for one in scu.log]


def test_a_long_conversation_keeps_its_beginning_and_its_end(scripted: Scripted) -> None:
    chatter = bytes(build("P-DATA-TF", message_control_header=0, fragment=bytes(16370)))
    flood = chatter * 1600 + bytes(build("A-RELEASE-RP"))
    with calling(scripted(ACCEPT, {"send": flood.hex()})) as scu:
        scu.send(REQUEST)
        scu.receive()
        scu.release(timeout=20)
    what = [one.what for one in scu.log]
    assert what[:3] == ["opens the connection", "A-ASSOCIATE-RQ", "A-ASSOCIATE-AC"]
    assert what[-2:] == ["A-RELEASE-RP", "closes the connection"]
    assert sum(len(one.data) for one in scu.log) < 20_000_000 < len(flood)
