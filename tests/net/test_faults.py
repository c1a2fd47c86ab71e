"""The misbehaving SCP misbehaves as ordered, every time, and nobody has to wait for it."""

from __future__ import annotations

import re
import socket
import ssl
import time
from itertools import groupby
from random import Random

import pytest

from dicomlab.model import BuildError, DicomlabError, Pdu, PeerError
from dicomlab.net.echo import echo
from dicomlab.net.faults import KNOBS, Fault, FaultSCP, explained
from dicomlab.net.scp import EchoSCP
from dicomlab.net.scu import SCU
from dicomlab.protocol.build import Draft, build
from tests.faults import ORDERS

REQUEST, QUESTION, BYE = build("A-ASSOCIATE-RQ"), build("C-ECHO-RQ"), build("A-RELEASE-RQ")
ACCEPTED, ANSWERED, RELEASED = "A-ASSOCIATE-AC", "P-DATA-TF", "A-RELEASE-RP"
EXPLICIT = "1.2.840.10008.1.2.1"


pytestmark = pytest.mark.usefixtures("nothing_left")
CODES = {
    "A-ASSOCIATE-RJ": ("Result", "Source", "Reason/Diag."),
    "A-ABORT": ("Source", "Reason/Diag."),
}


def said(pdu: Pdu) -> str:
    """A PDU by its name and codes; bytes that are none, by the first."""
    if pdu.type is None:
        return repr(bytes(pdu)[:4])
    return " ".join([pdu.name, *(str(pdu[name].value) for name in CODES.get(pdu.name, ()))])


def conversation(*faults: str) -> list[str]:
    """What an SCU hears that goes on as long as it is answered well; FIN, RST or silence too."""
    heard: list[str] = []
    try:
        with FaultSCP(*faults) as scp, SCU(*scp.address, timeout=0.15) as scu:
            for question in (REQUEST, QUESTION, BYE):
                scu.send(question)
                heard.append(said(scu.receive()))
                if heard[-1] not in (ACCEPTED, ANSWERED):
                    break
    except PeerError as error:
        closed = "RST" if "(" in str(error) else "FIN"  # in brackets: what the system says
        heard.append("silence" if error.code == "peer-silent" else closed)
    return heard


def answers(*faults: str) -> list[Pdu]:
    """The A-ASSOCIATE-AC and the C-ECHO-RSP."""
    with FaultSCP(*faults) as scp, SCU(*scp.address, timeout=5) as scu:
        scu.send(REQUEST)
        accept = scu.receive()
        scu.send(QUESTION)
        return [accept, scu.receive()]


# --- what is heard ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("order", "heard"),
    [
        ("called-unknown", "A-ASSOCIATE-RJ 1 1 7"),
        ("calling-unknown", "A-ASSOCIATE-RJ 1 1 3"),
        ("limit", "A-ASSOCIATE-RJ 2 3 2"),
        ("reject=1/2/1", "A-ASSOCIATE-RJ 1 2 1"),
        ("reject=9/8/77", "A-ASSOCIATE-RJ 9 8 77"),
        ("taken-port", repr(b"HTTP")),
        ("taken-port=ssh", repr(b"SSH-")),
        ("taken-port=dicom", "A-ASSOCIATE-RJ 1 1 7"),
        ("abort", "A-ABORT 0 0"),
        ("abort=2/6", "A-ABORT 2 6"),
        ("abort=1/99", "A-ABORT 1 99"),
        ("abort@connect", "A-ABORT 0 0"),
        ("close", "FIN"),
        ("close@connect", "FIN"),
        ("reset", "RST"),
        ("reset@connect", "RST"),
        ("silent", "silence"),
        ("silent@connect", "silence"),
        ("delay=9", "silence"),
        ("tls", "FIN"),
        ("http", repr(b"HTTP")),
        ("ssh", repr(b"SSH-")),
        ("tls-alert", repr(b"\x15\x03\x03\x00")),
        ("pdu-type=0A", repr(b"\x0a\x00\x00\x00")),
        ("pdu-length=+10", "silence"),
        ("half", "RST"),
    ],
)
def test_in_place_of_an_accept(order: str, heard: str) -> None:
    assert conversation(order) == [heard]


@pytest.mark.parametrize(
    ("order", "heard"),
    [
        ("abort=2/2@message", "A-ABORT 2 2"),
        ("close@message", "FIN"),
        ("reset@message", "RST"),
        ("silent@message", "silence"),
        ("delay=9@message", "silence"),
        ("http@message", repr(b"HTTP")),
        ("tls-alert@message", repr(b"\x15\x03\x03\x00")),
        ("pdu-type=2A@message", repr(b"\x2a\x00\x00\x00")),
        ("pdu-length=+1@message", "silence"),
        ("half@message", "RST"),
    ],
)
def test_in_place_of_a_response(order: str, heard: str) -> None:
    assert conversation(order) == [ACCEPTED, heard]


@pytest.mark.parametrize(
    ("order", "heard"),
    [
        ("abort@release", "A-ABORT 0 0"),
        ("close@release", "FIN"),
        ("reset@release", "RST"),
        ("silent@release", "silence"),
        ("late@release", "silence"),
        ("http@release", repr(b"HTTP")),
        ("twice", ANSWERED),  # the second response
        ("release-collision", "A-RELEASE-RQ"),
    ],
)
def test_in_place_of_a_release(order: str, heard: str) -> None:
    assert conversation(order) == [ACCEPTED, ANSWERED, heard]


@pytest.mark.parametrize(
    ("order", "path", "value"),
    [
        ("no-verification", "Presentation Context/Result/Reason", 3),
        ("explicit-only", "Presentation Context/Result/Reason", 4),
        ("user-rejection", "Presentation Context/Result/Reason", 1),
        ("no-reason", "Presentation Context/Result/Reason", 2),
        ("refuse=200", "Presentation Context/Result/Reason", 200),
        ("strange-context=7", "Presentation Context/Presentation-context-ID", 7),
        ("transfer-syntax=1.2.3", "Transfer-syntax-name", "1.2.3"),
        ("max-length", "Maximum-length-received", 7),
        ("max-length=0", "Maximum-length-received", 0),
        ("item-length=-1", "Presentation Context/Item-length", 24),
        ("pdu-length=-7", "PDU-length", 187),
    ],
)
def test_what_is_wrong_in_an_accept(order: str, path: str, value: object) -> None:
    with FaultSCP() as good, FaultSCP(order) as scp:
        right, wrong = (asked(one, REQUEST) for one in (good, scp))
    assert wrong[path].value == value
    assert right[path].value != value


def asked(scp: EchoSCP, request: Draft) -> Pdu:
    with SCU(*scp.address, timeout=5) as scu:
        scu.send(request)
        return scu.receive()


@pytest.mark.parametrize(
    ("order", "lacking"),
    [
        ("unanswered-context", "Presentation Context"),
        ("no-user-information", "User Information"),
        ("item-type=5F", "Implementation Version Name"),
    ],
)
def test_what_is_missing_in_an_accept(order: str, lacking: str) -> None:
    with FaultSCP() as good, FaultSCP(order) as scp:
        right, wrong = ([one.name for one in asked(s, REQUEST).walk()] for s in (good, scp))
    assert lacking in right
    assert lacking not in wrong


def test_of_several_contexts_only_the_first_is_not_answered() -> None:
    request = build("A-ASSOCIATE-RQ")
    request.add("Presentation Context")
    with FaultSCP("unanswered-context") as scp:
        accept = asked(scp, request)
    assert accept["Presentation Context"]["Presentation-context-ID"].value == 3


def test_explicit_only_takes_whom_proposes_it() -> None:
    with FaultSCP("explicit-only") as scp:
        accept = asked(scp, build("A-ASSOCIATE-RQ", transfer_syntax=[EXPLICIT]))
    assert accept["Presentation Context/Result/Reason"].value == 0


@pytest.mark.parametrize(
    ("order", "path", "value"),
    [
        ("status", "Status", 0x0122),
        ("status=A700", "Status", 0xA700),
        ("status=0110H/no disk", "Error Comment", "no disk"),
        ("message-id=5", "Message ID Being Responded To", 5),
        ("context-id=9", "PDV/Presentation-context-ID", 9),
        ("command-field=0030", "Command Field", 0x0030),
        ("announces-data-set", "Command Data Set Type", 1),
        ("pdv-length=+10", "PDV[0]/Item-length", 90),
        ("pdv-length=-4", "PDV[0]/Item-length", 76),
    ],
)
def test_what_is_wrong_in_a_response(order: str, path: str, value: object) -> None:
    _, response = answers(order)
    assert response[path].value == value


def test_a_response_without_a_status() -> None:
    _, response = answers("no-status")
    assert "Status" not in [one.name for one in response.walk()]
    assert response["Command Group Length"].value == 56


def test_reserved_bytes_are_set_and_nothing_else() -> None:
    for good, wrong in zip(answers(), answers("reserved=AA"), strict=True):
        for before, after in zip(good.leaves(), wrong.leaves(), strict=True):
            if before.name == "Reserved":
                assert set(after.raw) == {0xAA}
            else:
                assert after.raw == before.raw


@pytest.mark.parametrize("spelling", ["case", "inner-space", "leading-space", "accent", "long"])
def test_a_title_that_is_spelled_differently_is_another(spelling: str) -> None:
    called = build("A-ASSOCIATE-RQ", called_ae_title="ARCHIVE", calling_ae_title="STATION")
    with FaultSCP(f"called-title={spelling}", ae_title="ARCHIVE") as scp:
        assert said(asked(scp, called)) == "A-ASSOCIATE-RJ 1 1 7"
    with FaultSCP(f"calling-title={spelling}", ae_title="ARCHIVE") as scp:
        assert said(asked(scp, called)) == "A-ASSOCIATE-RJ 1 1 3"


@pytest.mark.parametrize(
    ("spelling", "title"),
    [("case", "archive"), ("inner-space", "ARC HIVE"), ("leading-space", " ARCHIVE")],
)
def test_who_finds_the_spelling_out_is_taken(spelling: str, title: str) -> None:
    with FaultSCP(f"called-title={spelling}", ae_title="ARCHIVE") as scp:
        accept = asked(scp, build("A-ASSOCIATE-RQ", called_ae_title=title))
    assert accept.type == "A-ASSOCIATE-AC"


def test_a_calling_title_that_is_spelled_as_in_the_table_is_taken() -> None:
    with FaultSCP("calling-title=case") as scp:
        accept = asked(scp, build("A-ASSOCIATE-RQ", calling_ae_title="1234"))
    assert accept.type == "A-ASSOCIATE-AC"


def test_a_release_collision_goes_through_both_sides_of_table_9_10() -> None:
    with FaultSCP("release-collision") as scp, SCU(*scp.address, timeout=5) as scu:
        scu.send(REQUEST)
        scu.receive()
        scu.send(QUESTION)
        scu.receive()
        scu.release()
        assert [step.next for step in scu.history[-4:]] == ["Sta7", "Sta9", "Sta11", "Sta1"]
        states = [one.after for one in scp.log if one.data]
    assert states[-4:] == ["Sta7", "Sta10", "Sta12", "Sta13"]


def test_a_tls_client_is_told_that_there_is_no_certificate() -> None:
    context = ssl.create_default_context()
    with (
        FaultSCP("tls") as scp,
        socket.create_connection(scp.address, 5) as plain,
        pytest.raises(ssl.SSLError, match=r"(?i)handshake.failure"),
    ):
        context.wrap_socket(plain, server_hostname="localhost")


def test_a_tls_server_waits_for_whole_records() -> None:
    with FaultSCP("tls") as scp, SCU(*scp.address, timeout=0.1) as scu:
        scu.send(b"\x16")
        with pytest.raises(PeerError) as silent:
            scu.receive()
        assert silent.value.code == "peer-silent"


# --- where it listens -----------------------------------------------------------------------


@pytest.mark.parametrize("order", ["wrong-port", "wrong-interface"])
def test_nobody_is_at_the_given_address(order: str) -> None:
    with FaultSCP(order) as scp:
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(scp.address)
        assert scp.address != scp._listener.getsockname()
        assert echo(*scp._listener.getsockname()).ok


def test_the_wrong_interface_has_the_right_port() -> None:
    with FaultSCP("wrong-interface") as scp:
        assert scp._listener.getsockname() == ("127.0.0.2", scp.port)


def test_connection_requests_that_nobody_takes_up_are_not_answered() -> None:
    with FaultSCP("never-accepts") as scp, pytest.raises(TimeoutError):
        socket.create_connection(scp.address, 0.2)


@pytest.mark.parametrize("order", ["wrong-port", "wrong-interface", "never-accepts"])
def test_a_port_that_is_taken_is_said(order: str) -> None:
    with EchoSCP() as other, pytest.raises(DicomlabError, match="cannot listen"):
        FaultSCP(order, port=other.port).start()


# --- when -----------------------------------------------------------------------------------


def test_a_delay_comes_before_every_answer() -> None:
    started = time.monotonic()
    assert conversation("delay=0.05") == [ACCEPTED, ANSWERED, RELEASED]
    assert time.monotonic() - started >= 0.15


def test_an_answer_that_comes_too_late_comes() -> None:
    with FaultSCP("late=0.2") as scp, SCU(*scp.address, timeout=0.05) as scu:
        scu.send(REQUEST)
        with pytest.raises(PeerError, match="nothing within"):
            scu.receive()
        assert scu.receive(5).type == "A-ASSOCIATE-AC"


def test_who_is_idle_is_aborted() -> None:
    with FaultSCP("idle-abort=0.1") as scp, SCU(*scp.address, timeout=5) as scu:
        scu.send(REQUEST)
        assert scu.receive().type == "A-ASSOCIATE-AC"
        assert scu.receive().type == "A-ABORT"


def test_who_asks_for_nothing_is_hung_up_on() -> None:
    with FaultSCP("artim=0.1") as scp, socket.create_connection(scp.address, 5) as quiet:
        assert quiet.recv(1) == b""


def test_one_that_is_made_to_wait_holds_nobody_else() -> None:
    with FaultSCP("delay=0.3@associate") as scp, SCU(*scp.address, timeout=5) as first:
        first.send(REQUEST)
        started = time.monotonic()
        with SCU(*scp.address, timeout=5) as second:
            second.send(REQUEST)
            for one in (first, second):
                assert one.receive().type == "A-ASSOCIATE-AC"
        assert time.monotonic() - started < 0.6


# --- how it leaves --------------------------------------------------------------------------


def segments(*faults: str, seed: int = 0) -> list[bytes]:
    """What the SCP sent in a C-ECHO, piece by piece as it was given to TCP."""
    with FaultSCP(*faults, seed=seed) as scp:
        echo(*scp.address, timeout=0.3)
    return [one.data for one in scp.log if one.sender == "acceptor" and one.data]


def test_pdus_in_two_pieces() -> None:
    whole = segments()
    assert segments("split=20") == [
        piece for pdu in whole for piece in (pdu[:20], pdu[20:]) if piece
    ]
    assert segments("header-apart") == [piece for pdu in whole for piece in (pdu[:6], pdu[6:])]


def test_every_byte_alone() -> None:
    alone = segments("bytewise=0")
    assert {len(one) for one in alone} == {1}
    assert b"".join(alone) == b"".join(segments())


def test_two_pdus_in_one_segment() -> None:
    with FaultSCP("one-segment") as scp:
        assert echo(*scp.address).ok
    (answer,) = [one for one in scp.log if one.sender == "acceptor" and one.what.startswith("P")]
    assert answer.what == "P-DATA-TF + P-DATA-TF"


def test_half_a_pdu_is_half_of_it() -> None:
    accept = segments()[0]
    assert segments("half") == [accept[: len(accept) // 2]]


# --- together, and again --------------------------------------------------------------------


def test_faults_work_together_in_the_order_of_the_table() -> None:
    order = ("split=10@message", "delay=0.1@message", "status=0110/busy")
    started = time.monotonic()
    with FaultSCP(*order) as scp:
        result = echo(*scp.address)
    assert [str(one) for one in scp.faults] == ["status=0110/busy", *order[:2]]
    assert result.status == 0x0110
    assert time.monotonic() - started >= 0.1
    pieces = [len(one.data) for one in scp.log if one.sender == "acceptor" and one.data]
    assert pieces == [200, 10, 92, 10]


def test_of_two_that_speak_for_themselves_the_later_is_heard() -> None:
    assert conversation("abort", "called-unknown") == ["A-ABORT 0 0"]
    assert conversation("close", "limit", "no-verification") == ["FIN"]


def test_one_that_finds_nothing_to_change_changes_nothing() -> None:
    assert conversation("limit", "max-length=8", "unanswered-context") == ["A-ASSOCIATE-RJ 2 3 2"]


def test_the_same_seed_gives_the_same_bytes() -> None:
    once, again, other = (segments("noise=32", seed=seed) for seed in (7, 7, 8))
    assert once == again != other
    assert len(once[0]) == 32


def test_random_is_one_of_the_others_by_the_seed() -> None:
    picked = [str(FaultSCP("random", seed=seed).faults[0]) for seed in range(300)]
    assert picked == [str(FaultSCP("random", seed=seed).faults[0]) for seed in range(300)]
    assert {one.partition("=")[0].partition("@")[0] for one in picked} == set(KNOBS) - {"random"}


def healthy() -> bool:
    with EchoSCP() as scp:
        return echo(*scp.address).ok


@pytest.mark.parametrize("order", ORDERS)
def test_no_fault_holds_or_breaks_a_client(order: str) -> None:
    with FaultSCP(order) as scp:
        started = time.monotonic()
        echo(*scp.address, called_ae_title="ECHOSCP", timeout=0.15)
        assert time.monotonic() - started < 5
        assert scp._thread is not None
        assert scp._thread.is_alive()
    assert healthy()


def test_no_two_faults_hold_or_break_a_client() -> None:
    random = Random(20260727)
    for _ in range(60):
        pair = random.sample(ORDERS, 2)
        with FaultSCP(*pair, seed=1) as scp:
            started = time.monotonic()
            echo(*scp.address, called_ae_title="ECHOSCP", timeout=0.1)
            assert time.monotonic() - started < 5, pair
            assert scp._thread is not None
            assert scp._thread.is_alive(), pair
    assert healthy()


def test_who_gave_up_is_forgotten() -> None:
    with FaultSCP("silent") as scp:
        for _ in range(5):
            echo(*scp.address, timeout=0.05)
        while scp._connections:
            pass


def test_without_faults_it_is_an_echo_scp() -> None:
    with FaultSCP(require_called_ae_title=True, ae_title="ARCHIVE") as scp, EchoSCP() as other:
        assert not echo(*scp.address, called_ae_title="ECHOSCP").ok
        good, same = (
            echo(*one.address, called_ae_title="ARCHIVE", calling_ae_title="ME")
            for one in (scp, other)
        )
    assert [one.data for one in good.log] == [one.data for one in same.log]


# --- what can be ordered --------------------------------------------------------------------


def test_every_row_of_the_table_is_explained() -> None:
    text = "\n".join(explained())
    for knob in KNOBS.values():
        assert f"  {knob.form}" in text
        for sentence in (knob.does, knob.met):
            assert re.fullmatch(r"[A-Z0-9].*\.", sentence)
    groups = [knob.group for knob in KNOBS.values()]
    assert [group for group, _ in groupby(groups)] == [*dict.fromkeys(groups)]


@pytest.mark.parametrize("order", ORDERS)
def test_a_fault_is_written_as_it_is_read(order: str) -> None:
    fault = Fault.parse(order)
    assert Fault.parse(str(fault)) == fault


@pytest.mark.parametrize(
    ("order", "remedy"),
    [
        ("delai", "Did you mean 'delay'?"),
        ("calling-unknwon", "Did you mean 'calling-unknown'?"),
        ("called-title=cass", "Did you mean 'case'?"),
        ("abort@mesage", "Write abort=SOURCE/REASON[@connect|associate|message|release]."),
        ("status@release", "Write status=HEX[/ERROR COMMENT]."),
        ("delay=soon", "Write delay=SECONDS[@associate|message|release]."),
        ("delay=-1", "Write delay=SECONDS[@associate|message|release]."),
        ("delay=nan", "Write delay=SECONDS[@associate|message|release]."),
        ("reject=1/1", "Write reject=RESULT/SOURCE/REASON."),
        ("reject=1/1/256", "Write reject=RESULT/SOURCE/REASON."),
        ("limit=3", "Write limit."),
        ("noise=99999999", "Write noise=N[@associate|connect|message|release]."),
        ("something else", "`dicomlab scp --faults` lists them all."),
    ],
)
def test_what_cannot_be_ordered_is_said_with_what_can(order: str, remedy: str) -> None:
    with pytest.raises(BuildError) as refused:
        FaultSCP(order)
    assert refused.value.remedy.startswith(remedy.split("[@")[0])


def test_the_faults_that_are_on_can_be_seen() -> None:
    scp = FaultSCP("delay=2@release", "abort", "status")
    assert repr(scp.faults) == "(abort=0/0, status=0122, delay=2@release)"
