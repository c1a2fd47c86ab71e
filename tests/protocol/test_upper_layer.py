"""The protocol machine follows PS3.8 Table 9-10, and nothing else."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import product
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicomlab.model import Side
from dicomlab.protocol.build import build
from dicomlab.protocol.upper_layer import PduStream, Received, Step, UpperLayer
from dicomlab.spec.state import EVENTS, STATES, TRANSITIONS

SIDES: tuple[Side, ...] = get_args(Side)

# the shortest ways into each state, by event; the role matters where only one can get there
WAYS: dict[str, tuple[Side, str]] = {
    "Sta1": ("requestor", ""),
    "Sta2": ("acceptor", "5"),
    "Sta3": ("acceptor", "5 6"),
    "Sta4": ("requestor", "1"),
    "Sta5": ("requestor", "1 2"),
    "Sta6": ("requestor", "1 2 3"),
    "Sta7": ("requestor", "1 2 3 11"),
    "Sta8": ("acceptor", "5 6 7 12"),
    "Sta9": ("requestor", "1 2 3 11 12"),
    "Sta10": ("acceptor", "5 6 7 11 12"),
    "Sta11": ("requestor", "1 2 3 11 12 14"),
    "Sta12": ("acceptor", "5 6 7 11 12 13"),
    "Sta13": ("acceptor", "5 6 8"),
}
PDUS = {
    "Evt3": bytes(build("A-ASSOCIATE-AC")),
    "Evt4": bytes(build("A-ASSOCIATE-RJ")),
    "Evt6": bytes(build("A-ASSOCIATE-RQ")),
    "Evt10": bytes(build("C-ECHO-RQ")),
    "Evt12": bytes(build("A-RELEASE-RQ")),
    "Evt13": bytes(build("A-RELEASE-RP")),
    "Evt16": bytes(build("A-ABORT")),
    "Evt19": b"\x08\x00\x00\x00\x00\x00",
}
SENT = {
    "Evt2": "A-ASSOCIATE-RQ",
    "Evt7": "A-ASSOCIATE-AC",
    "Evt8": "A-ASSOCIATE-RJ",
    "Evt9": "C-ECHO-RQ",
    "Evt11": "A-RELEASE-RQ",
    "Evt14": "A-RELEASE-RP",
    "Evt15": "A-ABORT",
}


def walk(role: Side, events: str) -> UpperLayer:
    layer = UpperLayer(role)
    for number in events.split():
        layer.step(f"Evt{number}")
    return layer


def at(state: str) -> UpperLayer:
    layer = walk(*WAYS[state])
    assert layer.state == state
    return layer


def receive(layer: UpperLayer, data: bytes) -> list[Received]:
    layer.receive_data(data)
    received = []
    while (one := layer.next_pdu()) is not None:
        received.append(one)
    return received


# --- the table ----------------------------------------------------------------------------


def test_every_cell_is_that_of_the_printed_table(tables: dict[str, Any]) -> None:
    printed = {(c["event"], c["state"]): c for c in tables["state_machine"]["transitions"]}
    for event, state in product(EVENTS, STATES):
        step = at(state).step(event)
        cell = printed.get((event, state))
        assert step.action == (cell and cell["action"]), step
        assert step.next in (cell["next"] if cell else [state]), step


def test_what_a_step_does_is_what_the_printed_actions_do(tables: dict[str, Any]) -> None:
    printed = {row["action"]: row for row in tables["state_machine"]["actions"]}
    for event, state in TRANSITIONS:
        step = at(state).step(event)
        row = printed[step.action]
        if step.action == "AE-6":  # its two ways have a test of their own
            continue
        assert step.artim == (row["artim"] and row["artim"].split("/")[0]), step
        assert step.sends == (row["sends"] and row["sends"].split()[0]), step
        assert step.closes == ("close TCP" in row["does"]), step


@pytest.mark.parametrize("state", STATES)
def test_the_timer_runs_in_the_states_that_started_it(state: str) -> None:
    running = False
    for step in at(state).history:
        running = {"start": True, "stop": False, None: running}[step.artim]
    assert at(state).artim is running


def test_a_request_is_taken_or_rejected_by_the_provider() -> None:
    taken, rejected = walk("acceptor", "5"), walk("acceptor", "5")
    took, refused = taken.step("Evt6"), rejected.step("Evt6", reject=True)
    assert (took.next, took.artim, took.sends) == ("Sta3", "stop", None)
    assert (refused.next, refused.artim, refused.sends) == ("Sta13", "start", "A-ASSOCIATE-RJ")


def test_a_release_collision_parts_the_roles() -> None:
    assert walk("requestor", "1 2 3 11 12").state == "Sta9"
    assert walk("acceptor", "5 6 7 11 12").state == "Sta10"


@pytest.mark.parametrize(
    ("role", "events", "states"),
    [
        ("requestor", "1 2 3 9 10 11 13", "1 4 5 6 6 6 7 1"),
        ("acceptor", "5 6 7 10 9 12 14 17", "1 2 3 6 6 6 8 13 1"),
        ("requestor", "1 2 3 11 12 14 13", "1 4 5 6 7 9 11 1"),
        ("acceptor", "5 6 7 11 12 13 14", "1 2 3 6 7 10 12 13"),
    ],
    ids=["requestor", "acceptor", "collision-requestor", "collision-acceptor"],
)
def test_the_walks_of_the_standard(role: Side, events: str, states: str) -> None:
    layer = walk(role, events)
    seen = [step.state for step in layer.history] + [layer.state]
    assert seen == [f"Sta{number}" for number in states.split()]


def test_an_empty_cell_does_nothing() -> None:
    layer = at("Sta6")
    assert layer.step("Evt1") == Step("Evt1", "Sta6", None, "Sta6")
    assert str(layer.history[-1]) == "Evt1 in Sta6: no action, then Sta6"


def test_an_event_that_does_not_exist_is_a_mistake() -> None:
    with pytest.raises(KeyError, match="Evt20"):
        UpperLayer("requestor").step("Evt20")


# --- bytes that come ----------------------------------------------------------------------


@pytest.mark.parametrize("event", PDUS)
@pytest.mark.parametrize("state", STATES)
def test_bytes_from_the_peer_are_the_event_that_the_table_names(state: str, event: str) -> None:
    expected = at(state).step(event)
    (received,) = receive(at(state), PDUS[event])
    assert received.step == expected
    assert bool(received.answer) == (expected.sends is not None)


@pytest.mark.parametrize("size", [1, 2, 5, 6, 7, 100])
def test_the_stream_may_be_cut_anywhere(size: int) -> None:
    stream = PDUS["Evt3"] + PDUS["Evt10"] + PDUS["Evt10"] + PDUS["Evt16"]
    layer = at("Sta5")
    pieces = [stream[i : i + size] for i in range(0, len(stream), size)]
    received = [one for piece in pieces for one in receive(layer, piece)]
    assert b"".join(one.data for one in received) == stream
    assert [one.step.event for one in received] == ["Evt3", "Evt10", "Evt10", "Evt16"]
    assert received[-1].pdu.stop == len(stream)


def test_pdus_that_come_together_are_taken_one_by_one() -> None:
    layer = at("Sta6")
    layer.receive_data(PDUS["Evt10"] + PDUS["Evt12"])
    layer.next_pdu()
    assert layer.state == "Sta6"  # here the application answers, still in Sta6
    layer.next_pdu()
    assert layer.state == "Sta8"
    assert layer.next_pdu() is None


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", 1),
        (b"\x08\x00\x00\x00\x00\x00", 1),
        (b"\x01\x00\xff\xff\xff\xff\x00\x01", 6),
        (b"\x01\x00\x00\x00\x00\x0a" + bytes(10), 6),
        (b"\x05\x00\x00\x00\x00\x08" + bytes(8), 6),
        (b"\x04\x00\x00\x00\x00\x00", 6),
        (b"\x04\x00\x00\x00\x00\x06\x00\x00\xff\xff\x01\x03", 6),
    ],
    ids=["http", "type", "length", "too-short", "fixed", "no-pdv", "pdv-overrun"],
)
def test_what_cannot_be_a_pdu_is_evt19(data: bytes, reason: int) -> None:
    layer = at("Sta6")
    received = receive(layer, data)[0]
    assert (received.step.event, received.step.action) == ("Evt19", "AA-8")
    assert received.answer == bytes(build("A-ABORT", source=2, reason_diag=reason))
    assert layer.state == "Sta13"


def test_an_abort_tells_who_sends_it_and_why() -> None:
    answers = {state: receive(at(state), PDUS["Evt6"])[0].answer for state in ("Sta6", "Sta13")}
    early = receive(at("Sta2"), PDUS["Evt10"])[0].answer
    unexpected = bytes(build("A-ABORT", source=2, reason_diag=2))
    assert answers == {"Sta6": unexpected, "Sta13": unexpected}
    assert early == bytes(build("A-ABORT", source=0, reason_diag=0))


def test_a_requestor_without_version_1_is_rejected_by_the_provider() -> None:
    request = build("A-ASSOCIATE-RQ")
    request.override("Protocol-version", 2)
    (received,) = receive(at("Sta2"), bytes(request))
    assert received.answer == bytes(build("A-ASSOCIATE-RJ", result=1, source=2, reason_diag=2))
    assert (received.step.action, received.step.next) == ("AE-6", "Sta13")


def test_nothing_is_made_of_bytes_behind_those_that_cannot_be_cut() -> None:
    layer = at("Sta6")
    assert len(receive(layer, b"HTTP/1.1 400 Bad Request\r\n")) == 1
    assert receive(layer, PDUS["Evt10"]) == []
    assert layer.unread is None


def test_a_length_is_not_believed_beyond_the_limit() -> None:
    layer = UpperLayer("acceptor", max_pdu_length=100)
    head = (4).to_bytes(2, "little") + (101).to_bytes(4, "big")
    assert receive(layer, head)[0].step.event == "Evt19"
    layer = UpperLayer("acceptor", max_pdu_length=100)
    assert receive(layer, head[:5] + b"\x64") == []
    assert layer.unread is not None
    assert "pdu-truncated" in {one.code for one in layer.unread.findings}


def asked(announced: int) -> UpperLayer:
    """A requestor that has announced this maximum length, and takes 500,000 bytes at most."""
    layer = UpperLayer("requestor", max_pdu_length=500_000)
    layer.step("Evt1")
    layer.send(bytes(build("A-ASSOCIATE-RQ", maximum_length_received=announced)))
    receive(layer, PDUS["Evt3"])
    assert layer.state == "Sta6"
    return layer


def data(length: int) -> bytes:
    """A P-DATA-TF of that PDU-length."""
    return bytes(build("P-DATA-TF", fragment=bytes(length - 6), message_control_header=0))


@pytest.mark.parametrize(
    ("announced", "length"),
    [(100, 100), (200_000, 200_000), (0, 500_000), (0xFFFFFFFF, 500_000)],
)
def test_a_peer_is_held_to_the_length_that_was_announced(announced: int, length: int) -> None:
    (taken,) = receive(asked(announced), data(length))
    (refused,) = receive(asked(announced), data(length + 2))
    assert taken.step.event == "Evt10"
    assert refused.step.event == "Evt19"
    assert refused.answer == bytes(build("A-ABORT", source=2, reason_diag=6))


def test_of_what_is_too_long_only_so_much_is_waited_for() -> None:
    (long,) = receive(asked(100), data(60_000))
    assert long.pdu.complete
    (longer,) = receive(asked(100), data(100_000)[:50])
    assert (longer.step.event, len(longer.data)) == ("Evt19", 50)


def test_of_a_very_long_conversation_the_last_steps_are_kept() -> None:
    layer = at("Sta6")
    for _ in range(10_000):
        layer.step("Evt10")
    last = layer.step("Evt11")
    assert len(layer.history) < 5000
    assert layer.history[-1] == last


@given(st.lists(st.binary(max_size=40), max_size=20), st.sampled_from(SIDES))
def test_no_bytes_stop_the_machine(pieces: list[bytes], role: Side) -> None:
    layer = UpperLayer(role)
    layer.step("Evt5")
    for piece in pieces:
        receive(layer, piece)
    assert layer.state in STATES


# --- bytes that go ------------------------------------------------------------------------


@pytest.mark.parametrize("event", SENT)
@pytest.mark.parametrize("state", STATES)
def test_bytes_that_are_sent_move_the_state_where_the_table_sends_them(
    state: str, event: str
) -> None:
    layer = at(state)
    expected = at(state).step(event)
    draft = build(SENT[event])
    (step,) = layer.send(bytes(draft))
    if expected.sends == draft.pdu.type:
        assert step == expected
    else:
        assert (step.action, layer.state) == (None, state)


def feed(stream: PduStream, pieces: Iterable[bytes]) -> list[bytes]:
    cut = []
    for piece in pieces:
        stream.feed(piece)
        while (one := stream.next()) is not None:
            cut.append(one)
    return cut


def test_a_pdu_sent_byte_by_byte_is_one_step() -> None:
    layer, data = at("Sta4"), bytes(build("A-ASSOCIATE-RQ"))
    steps = [layer.send(data[i : i + 1]) for i in range(len(data))]
    assert steps[:-1] == [()] * (len(data) - 1)
    assert [str(one) for one in steps[-1]] == ["Evt2 in Sta4: AE-2, then Sta5"]


def test_bytes_that_are_no_pdu_are_no_step() -> None:
    layer = at("Sta6")
    assert layer.send(b"GET / HTTP/1.1\r\n\r\n") == ()
    assert layer.send(PDUS["Evt12"])[0].next == "Sta7"


@given(st.data())
def test_the_same_pdus_come_out_however_the_stream_is_cut(data: st.DataObject) -> None:
    pdus = data.draw(st.lists(st.sampled_from(sorted(PDUS.values())[:-1]), max_size=6))
    whole = b"".join(pdus)
    cuts = sorted(data.draw(st.sets(st.integers(0, len(whole)), max_size=8)))
    pieces = [whole[a:b] for a, b in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
    assert feed(PduStream(), pieces) == pdus
