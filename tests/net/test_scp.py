"""The bundled SCP answers by the standard, and nobody can hold it."""

from __future__ import annotations

import math
import select
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from typing import Any

import psutil
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pynetdicom import AE, ALL_TRANSFER_SYNTAXES, StoragePresentationContexts, build_context

from dicomlab.model import BuildError, Endpoint, Pdu
from dicomlab.net.echo import echo
from dicomlab.net.faults import FaultSCP
from dicomlab.net.scp import EchoSCP
from dicomlab.net.scu import SCU
from dicomlab.net.server import Connection
from dicomlab.protocol.build import Draft, build
from dicomlab.protocol.codec import decode
from dicomlab.protocol.upper_layer import UpperLayer
from dicomlab.spec import names
from dicomlab.spec.command import DATA_SET_FOLLOWS
from tests.net.conftest import RESET

IMPLICIT, EXPLICIT = names.IMPLICIT_VR_LITTLE_ENDIAN, names.EXPLICIT_VR_LITTLE_ENDIAN
BIG_ENDIAN = "1.2.840.10008.1.2.2"
CT = "1.2.840.10008.5.1.4.1.1.2"


@pytest.fixture
def scp() -> Iterator[EchoSCP]:
    with EchoSCP("ARCHIVE", artim=0.2, idle_timeout=0.2, max_associations=3) as running:
        yield running


def answer(scp: EchoSCP, request: Draft | bytes) -> Pdu:
    with SCU(*scp.address, timeout=5) as scu:
        scu.send(request)
        return scu.receive()


def associated(scp: EchoSCP) -> SCU:
    scu = SCU(*scp.address, timeout=5)
    scu.send(build("A-ASSOCIATE-RQ"))
    assert scu.receive().type == "A-ASSOCIATE-AC"
    return scu


def reasons(reject: Pdu) -> tuple[Any, ...]:
    return tuple(reject[name].value for name in ("Result", "Source", "Reason/Diag."))


def test_it_answers_a_c_echo(scp: EchoSCP) -> None:
    assert echo(*scp.address).ok
    assert scp.address == ("127.0.0.1", scp.port)


# --- the association ----------------------------------------------------------------------


def test_titles_and_reserved_bytes_come_back_as_they_were_sent(scp: EchoSCP) -> None:
    request = build("A-ASSOCIATE-RQ", called_ae_title="ARCHIVE", calling_ae_title="WORKSTATION")
    request["Reserved[2]"] = bytes(range(32))
    accept = answer(scp, request)
    assert accept.findings == ()
    for which in ("Called", "Calling"):
        sent = request.pdu[f"{which}-AE-title"].raw
        assert accept[f"Reserved (echo of {which}-AE-title)"].raw == sent
    assert accept["Reserved (echo of RQ bytes 43-74)"].raw == bytes(range(32))


@pytest.mark.parametrize(
    ("abstract", "proposed", "result", "accepted"),
    [
        (names.VERIFICATION, [IMPLICIT], 0, IMPLICIT),
        (names.VERIFICATION, [EXPLICIT], 0, EXPLICIT),
        (names.VERIFICATION, [BIG_ENDIAN, EXPLICIT, IMPLICIT], 0, EXPLICIT),
        (names.VERIFICATION, [BIG_ENDIAN], 4, None),
        (CT, [IMPLICIT], 3, None),
    ],
)
def test_a_context_is_answered(
    abstract: str, proposed: list[str], result: int, accepted: str | None, scp: EchoSCP
) -> None:
    request = build("A-ASSOCIATE-RQ", abstract_syntax=abstract, transfer_syntax=proposed)
    context = answer(scp, request)["Presentation Context"]
    assert context["Result/Reason"].value == result
    if accepted is not None:
        assert context["Transfer-syntax-name"].value == accepted


def test_each_of_many_contexts_is_answered(scp: EchoSCP) -> None:
    request = build("A-ASSOCIATE-RQ")
    for abstract in (CT, names.VERIFICATION):
        request.add("Presentation Context", abstract_syntax=abstract)
    accept = answer(scp, request)
    results = {
        item["Presentation-context-ID"].value: item["Result/Reason"].value
        for item in accept.fields
        if item.name == "Presentation Context"
    }
    assert results == {1: 0, 3: 3, 5: 0}


def test_a_request_of_all_that_pynetdicom_knows_is_answered() -> None:
    storage = [one.abstract_syntax for one in StoragePresentationContexts]
    contexts = [build_context(uid, ALL_TRANSFER_SYNTAXES) for uid in storage]
    with EchoSCP() as scp:
        caller = AE().associate(*scp.address, [*contexts, build_context(names.VERIFICATION)])
        assert caller.is_established
        assert len(caller.rejected_contexts) == len(storage)
        assert caller.send_c_echo().Status == 0
        caller.release()
    assert max(len(one.data) for one in scp.log) > 1 << 16


def test_only_registered_callers_are_taken() -> None:
    with EchoSCP(allowed_calling_ae_titles=["KNOWN"]) as scp:
        refused = answer(scp, build("A-ASSOCIATE-RQ", calling_ae_title="STRANGER"))
        accepted = answer(scp, build("A-ASSOCIATE-RQ", calling_ae_title="KNOWN"))
    assert reasons(refused) == (1, 1, 3)
    assert accepted.type == "A-ASSOCIATE-AC"


def test_only_its_own_title_is_taken_when_it_asks_for_it() -> None:
    with EchoSCP("ARCHIVE", require_called_ae_title=True) as scp:
        refused = answer(scp, build("A-ASSOCIATE-RQ", called_ae_title="ARCHIV"))
        accepted = answer(scp, build("A-ASSOCIATE-RQ", called_ae_title=" ARCHIVE"))
    assert reasons(refused) == (1, 1, 7)
    assert accepted.type == "A-ASSOCIATE-AC"


def test_what_is_no_dicom_association_is_rejected(scp: EchoSCP) -> None:
    application, version, empty = (build("A-ASSOCIATE-RQ") for _ in range(3))
    application.override("Application-context-name", "1.2.840.10008.3.1.1.2")
    version.override("Protocol-version", 2)
    empty.remove("Presentation Context")
    found = [reasons(answer(scp, request)) for request in (application, version, empty)]
    assert found == [(1, 1, 2), (1, 2, 2), (1, 1, 1)]


# --- messages -----------------------------------------------------------------------------


def test_a_data_set_that_was_announced_may_come_in_the_same_pdu(scp: EchoSCP) -> None:
    request = build("N-CREATE-RQ", message_id=5, affected_sop_class_uid=CT)
    request.override("Command Data Set Type", DATA_SET_FOLLOWS)
    request.add("PDV", fragment=b"\0\0", message_control_header=2)
    with associated(scp) as scu:
        scu.send(request)
        assert scu.receive()["Message ID Being Responded To"].value == 5


def test_other_requests_are_not_recognized(scp: EchoSCP) -> None:
    with associated(scp) as scu:
        scu.send(
            build("N-DELETE-RQ", message_id=5, requested_sop_class_uid=names.VERIFICATION,
                  requested_sop_instance_uid="1.2.3")
        )  # fmt: skip
        response = scu.receive()
    assert response["Command Field"].value == 0x8150
    assert response["Message ID Being Responded To"].value == 5
    assert response["Status"].value == 0x0211


def test_a_c_echo_for_another_sop_class_is_not_supported(scp: EchoSCP) -> None:
    with associated(scp) as scu:
        scu.send(build("C-ECHO-RQ", affected_sop_class_uid=CT))
        assert scu.receive()["Status"].value == 0x0122


def test_a_request_may_come_in_fragments(scp: EchoSCP) -> None:
    command = build("C-ECHO-RQ", message_id=9).pdu["PDV"].children[-1].raw
    with associated(scp) as scu:
        for piece, header in ((command[:20], 1), (command[20:], 3)):
            scu.send(build("P-DATA-TF", fragment=piece, message_control_header=header))
        assert scu.receive()["Message ID Being Responded To"].value == 9


def test_an_answer_is_cut_to_what_the_peer_takes(scp: EchoSCP) -> None:
    with SCU(*scp.address) as scu:
        scu.send(build("A-ASSOCIATE-RQ", maximum_length_received=50))
        scu.receive()
        scu.send(build("C-ECHO-RQ"))
        pieces = [scu.receive(), scu.receive()]
    assert [one["Message Control Header"].value for one in pieces] == [1, 3]
    assert max(one["PDU-length"].value for one in pieces) <= 50


def test_requests_that_come_at_once_are_all_answered_in_order(scp: EchoSCP) -> None:
    numbers = range(1, 301)
    many = b"".join(bytes(build("C-ECHO-RQ", message_id=number)) for number in numbers)
    with associated(scp) as scu:  # who takes too long to write them is idle, and aborted
        scu.send(many)
        answered = [scu.receive()["Message ID Being Responded To"].value for _ in numbers]
    assert answered == [*numbers]


def followed(by: int) -> Draft:
    """A C-ECHO-RQ with another fragment behind it in its P-DATA-TF, of that Control Header."""
    question = build("C-ECHO-RQ")
    question.add("PDV", fragment=b"\0\0", message_control_header=by)
    return question


@pytest.mark.parametrize(
    "wrong",
    [
        build("C-ECHO-RSP"),
        build("C-ECHO-RQ", presentation_context_id=3),
        build("P-DATA-TF", fragment=b"\0\0", message_control_header=2),
        followed(by=2),
        followed(by=0),
    ],
    ids=["response", "context", "data-first", "data-behind", "some-data-behind"],
)
def test_what_belongs_to_nothing_is_aborted(wrong: Draft, scp: EchoSCP) -> None:
    with associated(scp) as scu:
        scu.send(wrong)
        assert scu.receive().type == "A-ABORT"


# --- what it keeps ------------------------------------------------------------------------


@pytest.mark.parametrize(("asked", "granted"), [(1, 1), (5, 5), (1000, 64), (0, 64)])
def test_a_window_of_operations_is_granted_to_who_asks(
    asked: int, granted: int, scp: EchoSCP
) -> None:
    request = build("A-ASSOCIATE-RQ")
    request.add("Asynchronous Operations Window", maximum_number_operations_invoked=asked)
    accept = answer(scp, request)
    assert accept["Maximum-number-operations-invoked"].value == granted
    assert accept["Maximum-number-operations-performed"].value == 1


def test_no_window_is_granted_to_who_does_not_ask(scp: EchoSCP) -> None:
    accept = answer(scp, build("A-ASSOCIATE-RQ"))
    assert "Asynchronous Operations Window" not in [one.name for one in accept.walk()]


def test_requests_within_a_window_are_answered_in_order(scp: EchoSCP) -> None:
    request = build("A-ASSOCIATE-RQ")
    request.add("Asynchronous Operations Window", maximum_number_operations_invoked=8)
    with SCU(*scp.address) as scu:
        scu.send(request)
        scu.receive()
        for number in range(1, 9):
            scu.send(build("C-ECHO-RQ", message_id=number))
        told = [scu.receive()["Message ID Being Responded To"].value for _ in range(8)]
    assert told == list(range(1, 9))


def test_the_log_tells_what_was_seen(scp: EchoSCP) -> None:
    result = echo(*scp.address)
    while len(scp.log) < 8:
        pass
    assert [one.what for one in scp.log] == [one.what for one in result.log]
    assert [one.data for one in scp.log] == [one.data for one in result.log]
    assert scp.log[0].requestor == result.log[0].requestor
    assert scp.log[-1].after == "Sta1"


# --- bad clients --------------------------------------------------------------------------


def until_closed(connection: socket.socket) -> bytes:
    """All that comes until the other side closes; fails after five seconds."""
    connection.settimeout(5)
    data = b""
    while piece := connection.recv(1 << 16):
        data += piece
    return data


def test_a_connection_without_a_request_is_closed_by_the_artim(scp: EchoSCP) -> None:
    with socket.create_connection(scp.address) as silent:
        assert until_closed(silent) == b""
    assert [one.what for one in scp.log][-1] == "closes the connection"


def test_a_peer_that_resets_is_logged_so(scp: EchoSCP) -> None:
    with socket.create_connection(scp.address) as client:
        client.sendall(bytes(build("A-ASSOCIATE-RQ")))
        assert client.recv(1 << 16)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    while len(scp.log) < 4:
        pass
    assert (scp.log[-1].sender, scp.log[-1].what) == ("requestor", "resets the connection")


def test_a_trickle_does_not_stop_the_artim(scp: EchoSCP) -> None:
    request = bytes(build("A-ASSOCIATE-RQ"))
    started = time.monotonic()
    with socket.create_connection(scp.address) as slow, suppress(OSError):
        for number in range(len(request)):
            slow.sendall(request[number : number + 1])
            if select.select([slow], [], [], 0.02)[0]:
                break
    assert 0.1 < time.monotonic() - started < 2


def test_an_association_that_falls_silent_is_aborted_and_closed(scp: EchoSCP) -> None:
    with associated(scp) as scu:
        scu.send(b"\x04\x00\x00\x00\x10\x00half a PDU")
        assert scu.receive().type == "A-ABORT"
    assert scp.associations == 0


def test_associations_over_the_limit_are_rejected_for_now(scp: EchoSCP) -> None:
    with ExitStack() as stack:
        for _ in range(3):
            stack.enter_context(associated(scp))
        assert reasons(answer(scp, build("A-ASSOCIATE-RQ"))) == (2, 3, 2)
    while scp.associations:
        pass
    assert echo(*scp.address).ok


def test_half_pdus_keep_nobody_else_out() -> None:
    with EchoSCP(max_associations=3) as scp, ExitStack() as stack:
        for _ in range(200):
            lazy = stack.enter_context(socket.create_connection(scp.address))
            lazy.sendall(b"\x01\x00\x00\x00")
        assert echo(*scp.address, timeout=5).ok
        assert len(scp._connections) <= 70


def test_a_client_that_never_reads_is_not_read_from(scp: EchoSCP) -> None:
    question = bytes(build("C-ECHO-RQ")) * 200
    with socket.socket() as deaf:
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2048)
        deaf.connect(scp.address)
        deaf.sendall(bytes(build("A-ASSOCIATE-RQ")))
        deaf.setblocking(False)
        with suppress(ConnectionResetError):  # given up as idle meanwhile: not read from either
            while select.select([], [deaf], [], 0.2)[1]:
                deaf.send(question)
        assert echo(*scp.address).ok


def test_a_hundred_at_once_are_all_answered() -> None:
    with EchoSCP(max_associations=100) as scp, ThreadPoolExecutor(20) as pool:
        results = list(pool.map(lambda _: echo(*scp.address, timeout=30), range(100)))
    assert all(one.ok for one in results)


@pytest.fixture(scope="module")
def hasty() -> Iterator[EchoSCP]:
    with EchoSCP(artim=0.1, idle_timeout=0.1) as running:
        yield running


def said(pdu: Pdu) -> str:
    """A PDU in a word and its numbers."""
    names_of = {
        "A-ABORT": ("Source", "Reason/Diag."),
        "A-ASSOCIATE-RJ": ("Result", "Source", "Reason/Diag."),
        "A-ASSOCIATE-AC": ("Result/Reason",),
        "P-DATA-TF": ("Command Field", "Status"),
    }.get(pdu.name, ())
    fields = [next(f for f in pdu.walk() if f.name == name) for name in names_of]
    return " ".join([pdu.name, *(str(one.value) for one in fields)])


ACCEPTED, ANSWERED = "A-ASSOCIATE-AC 0", f"P-DATA-TF {0x8030} 0"
# the first PDU in answer, where the standard or common sense leaves one; "" is none at all
ANSWERS = {
    "": "UL01 UL13 UL14 UL17 AB02",
    "A-ABORT 0 0": "UL02 UL03 UL04 UL05 UL07 UL08 UL10 UL11 UL16 UL19 RQ43 RQ45 PD14 PD17 CS21",
    "A-ABORT 2 2": "PD04",
    "A-ABORT 2 6": "PD05 PD08 PD10 PD11 PD13 RL02 RL03 AB03",
    "A-ASSOCIATE-RJ 1 1 2": "RQ10",
    "A-ASSOCIATE-RJ 1 2 2": "RQ01",
    "A-ASSOCIATE-AC 3": "RQ31",
    ACCEPTED: "UL20 UL22 RQ03 RQ06 RQ07 RQ21 RQ22 RQ24 RQ25 RQ34 RQ37 RQ49",
    ANSWERED: "PD01 PD02 PD16 PD19 PD22 CS01 CS06 CS07 CS09 CS25",
    f"P-DATA-TF {0x8110} {0x0211}": "CS27",
    f"P-DATA-TF {0x8001} {0x0211}": "CS28",
    "A-RELEASE-RP": "RL05 RL06",
}
EXPECTED = {case: answer for answer, cases in ANSWERS.items() for case in cases.split()}


def malformed(case: dict[str, Any]) -> bytes:
    if case["segments_hex"] is None:  # a PDU longer than what the SCP says that it takes
        long = build("P-DATA-TF", fragment=build("C-ECHO-RQ").pdu["Command Set"].raw)
        long.add("PDV", fragment=bytes(60000))
        return bytes(long)
    return bytes.fromhex("".join(case["segments_hex"]))


def test_bad_bytes_are_survived(malformed_case: dict[str, Any], hasty: EchoSCP) -> None:
    with socket.create_connection(hasty.address) as client:
        if malformed_case["needs_association"]:
            client.sendall(bytes(build("A-ASSOCIATE-RQ")))
            client.recv(1 << 16)
        client.sendall(malformed(malformed_case))
        if malformed_case["name"].endswith("FIN"):
            client.shutdown(socket.SHUT_WR)
        answers = [said(pdu) for pdu in decode(until_closed(client))]
    expected = EXPECTED.get(malformed_case["id"])
    assert expected is None or [*answers, ""][0] == expected
    assert echo(*hasty.address).ok


GOOD = [bytes(build(name)) for name in ("A-ASSOCIATE-RQ", "C-ECHO-RQ", "A-RELEASE-RQ")]


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.sampled_from(GOOD), min_size=1, max_size=4),
    st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), max_size=6),
    st.integers(0, 20),
)
def test_no_damage_stops_the_application(
    pdus: list[bytes], damage: list[tuple[int, int]], cut: int
) -> None:
    stream = bytearray(b"".join([GOOD[0], *pdus]))
    for at, value in damage:
        stream[at % len(stream)] = value
    scp, nowhere = EchoSCP(), Endpoint("127.0.0.1", 0)
    with socket.socket() as unused:
        connection = Connection(0, unused, nowhere, nowhere, UpperLayer("acceptor"))
        connection.layer.step("Evt5")
        connection.layer.receive_data(bytes(stream[: len(stream) - cut]))
        while (received := connection.layer.next_pdu()) is not None:
            for reply in scp.replies(connection, received):
                connection.layer.send(reply)


# --- the end ------------------------------------------------------------------------------


def test_nothing_is_left_behind() -> None:
    process = psutil.Process()
    threads, descriptors = threading.active_count(), process.num_fds()
    for _ in range(10):
        with EchoSCP() as scp:
            address = scp.address
            scu = associated(scp)
            lazy = socket.create_connection(scp.address)
        assert scu.receive().type == "A-ABORT"
        scu.close()
        lazy.close()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(address)
    assert threading.active_count() == threads
    assert process.num_fds() <= descriptors


def test_the_port_is_free_again_at_once() -> None:
    with EchoSCP() as first:
        assert echo(*first.address).ok
        port = first.port
    with EchoSCP(port=port) as again:
        assert echo(*again.address).ok


def test_it_listens_on_ipv6_loopback() -> None:
    with EchoSCP(host="::1") as scp:
        assert echo(*scp.address).ok
        assert str(scp.log[0].acceptor) == f"[::1]:{scp.port}"


def test_one_allowed_title_may_be_given_alone() -> None:
    with EchoSCP(allowed_calling_ae_titles="CT1") as scp:
        assert echo(*scp.address, calling_ae_title="CT1").ok
        assert not echo(*scp.address, calling_ae_title="C").ok


@pytest.mark.parametrize("title", ["SEVENTEEN-LETTERS", ""])
def test_a_title_that_is_none_is_refused_at_once(title: str) -> None:
    with pytest.raises(BuildError):
        EchoSCP(title)


NUMBERS = ("artim", "idle_timeout", "max_associations")
WRONG = [
    *({name: value} for name in NUMBERS for value in (-1, math.nan, "10", [])),
    {"artim": None},
    {"max_associations": None},
    {"max_associations": 1.5},
    *({"allowed_calling_ae_titles": value} for value in (5, [b"X"], b"X", [None])),
]


@pytest.mark.parametrize("wrong", WRONG, ids=str)
@pytest.mark.parametrize("make", [EchoSCP, FaultSCP])
def test_an_option_that_cannot_be_meant_is_refused_at_once(
    make: type[EchoSCP], wrong: dict[str, Any]
) -> None:
    with pytest.raises(BuildError) as refused:
        make(**wrong)
    assert refused.value.remedy


def test_without_an_idle_timeout_an_association_may_be_silent() -> None:
    with EchoSCP(idle_timeout=None) as scp, associated(scp) as scu:
        scu.send(build("C-ECHO-RQ"))
        assert scu.receive()["Status"].value == 0
