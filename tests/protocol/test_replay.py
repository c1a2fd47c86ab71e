"""The states of both ends by what was recorded: whoever keeps to the table is never accused."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicomlab.dissect.associations import dissect
from dicomlab.model import PduLine, Side, association_lines
from dicomlab.protocol.build import build
from dicomlab.protocol.replay import (
    MOMENTS,
    Illegal,
    Machines,
    replay,
    sides_lacking,
    unexpected,
)
from dicomlab.spec.state import ACTIONS, PDU_EVENTS, SENDING_EVENTS, TRANSITIONS
from tests.dissect import variations
from tests.dissect.test_variations import DAMAGES
from tests.views import made

SIDES: tuple[Side, ...] = get_args(Side)
RQ, AC, RJ, DATA = "A-ASSOCIATE-RQ", "A-ASSOCIATE-AC", "A-ASSOCIATE-RJ", "P-DATA-TF"
RELEASE, RELEASED, ABORT = "A-RELEASE-RQ", "A-RELEASE-RP", "A-ABORT"
BOTH = frozenset(SIDES)

Talk = Sequence[tuple[str, str | None]]  # R or A, and what it sends


def lines(talk: Talk, lost: Iterable[int] = ()) -> Iterator[PduLine]:
    """These PDUs of ten bytes each, as they were recorded; some are lost."""
    reached = {"R": 0, "A": 0}
    for number, (who, kind) in enumerate(talk):
        start = reached[who]
        reached[who] += 10
        if number not in lost:
            side: Side = "requestor" if who == "R" else "acceptor"
            yield PduLine(side, kind, start, start + 10, None, number, True)


def wrong(talk: Talk, lost: Iterable[int] = (), missing: Iterable[Side] = ()) -> list[Illegal]:
    return list(unexpected(lines(talk, lost), frozenset(missing)))


def illegal(talk: Talk, lost: Iterable[int] = (), missing: Iterable[Side] = ()) -> list[int]:
    return [one.index for one in wrong(talk, lost, missing) if not one.ignored]


def states(talk: Talk) -> tuple[str, str]:
    """Where both ends are in the end."""
    machines = Machines()
    *_, last = map(machines.pass_on, lines(talk))
    return last.requestor.after, last.acceptor.after


OPEN: Talk = [("R", RQ), ("A", AC)]

# --- what is not allowed ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("talk", "index", "state", "action"),
    [
        ([("R", RELEASE)], 0, "Sta2", "AA-1"),
        ([("R", RQ), ("R", DATA), ("A", AC)], 1, "Sta3", "AA-8"),
        ([("R", RQ), ("A", DATA), ("A", AC)], 1, "Sta5", "AA-8"),
        ([*OPEN, ("R", RQ)], 2, "Sta6", "AA-8"),
        ([*OPEN, ("A", RELEASED)], 2, "Sta6", "AA-8"),
        ([*OPEN, ("R", RELEASE), ("R", DATA)], 3, "Sta8", "AA-8"),
        ([*OPEN, ("R", RELEASE), ("A", RELEASED), ("A", DATA)], 4, "Sta1", ""),
        ([*OPEN, ("A", ABORT), ("A", DATA)], 3, "Sta1", ""),
        ([*OPEN, ("A", ABORT), ("R", RQ)], 3, "Sta13", "AA-7"),
        ([*OPEN, ("R", RELEASE), ("A", RELEASE), ("A", RELEASED)], 4, "Sta9", "AA-8"),
        ([*OPEN, ("R", None)], 2, "Sta6", "AA-8"),
    ],
)
def test_what_the_table_does_not_allow_is_illegal(
    talk: Talk, index: int, state: str, action: str
) -> None:
    [one] = wrong(talk)
    sender: Side = "requestor" if talk[index][0] == "R" else "acceptor"
    assert one == Illegal(index, sender, talk[index][1], state, action, ignored=False)


def test_one_mistake_that_the_other_end_lets_pass_is_one_accusation() -> None:
    assert illegal([*OPEN, ("A", RELEASED), ("R", DATA), ("A", DATA), ("R", RELEASE)]) == [2]
    assert illegal([("R", RQ), ("R", DATA), ("A", AC), ("R", DATA), ("A", DATA)]) == [1]


def test_what_arrives_in_sta13_is_ignored() -> None:
    [one] = wrong([*OPEN, ("A", ABORT), ("R", DATA)])
    assert one == Illegal(3, "requestor", DATA, "Sta13", "AA-6", ignored=True)
    assert str(one) == "ignored: the acceptor is in Sta13 (AA-6)"


# --- what crossed -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("talk", "end"),
    [
        ([("R", RELEASE), ("A", DATA), ("A", RELEASED)], ("Sta1", "Sta13")),
        ([("A", RELEASE), ("R", DATA), ("R", RELEASED)], ("Sta13", "Sta1")),
        ([("R", RELEASE), ("A", RELEASE), ("R", RELEASED), ("A", RELEASED)], ("Sta1", "Sta13")),
        ([("A", RELEASE), ("R", RELEASE), ("R", RELEASED), ("A", RELEASED)], ("Sta1", "Sta13")),
        (
            # data, and then the acceptor's own request, are on their way when the other's comes
            [("R", RELEASE), ("A", DATA), ("A", DATA), ("A", RELEASE), ("R", RELEASED)],
            ("Sta11", "Sta12"),
        ),
        ([("R", ABORT), ("A", ABORT)], ("Sta1", "Sta1")),
        ([("R", RELEASE), ("A", ABORT)], ("Sta1", "Sta13")),
        ([("R", RELEASE), ("A", RELEASED), ("R", ABORT)], ("Sta13", "Sta1")),
    ],
)
def test_what_crossed_on_the_wire_is_legal(talk: Talk, end: tuple[str, str]) -> None:
    assert wrong([*OPEN, *talk]) == []
    assert states([*OPEN, *talk]) == end


SENDS = {  # what the table lets be sent from a state
    state: [
        kind
        for kind, event in SENDING_EVENTS.items()
        if (event, state) in TRANSITIONS
        and ACTIONS[TRANSITIONS[event, state]].outcomes[0].sends == kind
    ]
    for _, state in TRANSITIONS
}


@st.composite
def conversations(draw: st.DrawFn) -> list[tuple[str, str | None]]:
    """What a recorder notes of two ends that keep to the table, with time between all of it."""
    state = {"R": "Sta4", "A": "Sta2"}
    sent: dict[str, deque[str]] = {"R": deque(), "A": deque()}  # not yet recorded
    passed: dict[str, deque[str]] = {"R": deque(), "A": deque()}  # and not yet arrived
    noted: list[tuple[str, str | None]] = []
    for who, what in draw(
        st.lists(st.tuples(st.sampled_from("RA"), st.integers(0, 4)), max_size=60)
    ):
        other = "A" if who == "R" else "R"
        if what == 0 and sent[who]:
            noted.append((who, sent[who][0]))
            passed[who].append(sent[who].popleft())
        elif what == 1 and passed[other]:
            action = TRANSITIONS.get((PDU_EVENTS[passed[other].popleft()], state[who]))
            assert action not in ("AA-1", "AA-7", "AA-8")
            if action:
                state[who] = ACTIONS[action].next[-1 if (action, who) == ("AR-8", "A") else 0]
        elif what > 1 and SENDS[state[who]]:
            kinds = SENDS[state[who]]
            kind = kinds[0] if what == 2 else draw(st.sampled_from(kinds))
            state[who] = ACTIONS[TRANSITIONS[SENDING_EVENTS[kind], state[who]]].next[0]
            sent[who].append(kind)
    return noted


@given(conversations())
def test_who_keeps_to_the_table_is_never_accused(talk: Talk) -> None:
    assert illegal(talk) == []


@given(conversations(), st.data())
def test_nor_is_anybody_by_a_recording_that_lacks_bytes(talk: Talk, data: st.DataObject) -> None:
    lost = data.draw(st.sets(st.integers(0, max(len(talk) - 1, 0))))
    missing = {SIDES["RA".index(talk[one][0])] for one in lost if one < len(talk)}
    assert illegal(talk, lost, missing) == []


@given(conversations(), st.integers(0, 60))
def test_nor_by_one_that_begins_late(talk: Talk, begins: int) -> None:
    assert illegal(talk[begins:], missing=BOTH) == []


def test_a_direction_whose_beginning_is_lost_begins_anywhere() -> None:
    talk: Talk = [("R", RQ), ("R", DATA), ("A", DATA), ("R", RELEASE), ("A", RELEASED)]
    assert illegal(talk) == [1, 2]
    assert illegal(talk, missing=["acceptor"]) == []


def test_after_a_gap_both_ends_are_known_again_by_what_they_say() -> None:
    talk: Talk = [*OPEN, *[("R", DATA), ("A", DATA)] * 3, ("R", RELEASE), ("R", DATA)]
    assert illegal(talk, lost=[4], missing=["requestor"]) == [len(talk) - 2]
    assert illegal(talk, lost=[5], missing=["acceptor"]) == []  # it may have answered unseen


# --- at speed ---------------------------------------------------------------------------------


def test_an_end_that_everything_is_thrown_at_stays_small() -> None:
    kinds = [*PDU_EVENTS]
    talk = [("RA"[n * n % 3 % 2], kinds[n * 7 % 11 % len(kinds)]) for n in range(3_000)]
    machines = Machines()
    for line in lines(talk):
        situation = machines.pass_on(line).situation
        assert max(map(len, situation)) < 9


# --- real ones --------------------------------------------------------------------------------


def test_no_real_peer_that_waited_is_accused(corpus: Path) -> None:
    accused = {}
    for path in sorted(corpus.rglob("*.pcap*")):
        for one in association_lines(dissect(path).associations):
            found = [
                each.index for each in unexpected(one.pdus, sides_lacking(one)) if not each.ignored
            ]
            if found:
                accused[path.name] = found
    # replayed by a program that sends its data without waiting for the A-ASSOCIATE-AC
    assert accused == {"dicom_get.pcap": [1], "dicom_store.pcap": [1]}


@pytest.mark.parametrize(
    "name", ["contexts_mixed", "status_warning", "abort_by_client", "async_ahead", "move_to_self"]
)
def test_no_damage_to_a_recording_accuses_anybody(name: str, corpus: Path, tmp_path: Path) -> None:
    packets = variations.load(corpus / f"{name}.pcapng")
    path = tmp_path / "damaged.pcapng"
    accused = []
    for damage, damaged in DAMAGES.items():
        path.write_bytes(variations.plain([one for one in damaged(packets) if one is not None]))
        for one in association_lines(dissect(path).associations):
            told = unexpected(one.pdus, sides_lacking(one))
            accused += [(damage, each) for each in told if not each.ignored]
    assert accused == []


# --- as a value -------------------------------------------------------------------------------


def test_a_replay_goes_from_the_connection_to_its_end(corpus: Path) -> None:
    [association] = dissect(corpus / "echo_dcmtk.pcapng").associations
    whole = replay(association)
    assert [(one.what, one.sender, one.count) for one in whole.moments] == [
        ("TCP connection opened", "requestor", 1),
        (RQ, "requestor", 1),
        (AC, "acceptor", 1),
        (DATA, None, 2),
        (RELEASE, "requestor", 1),
        (RELEASED, "acceptor", 1),
        ("TCP connection closed", "requestor", 1),
        ("TCP connection closed", "acceptor", 1),
    ]
    told = [one.moves.acceptor for one in whole.moments]
    assert [(one.event, one.action, one.after) for one in told] == [
        ("Evt5", "AE-5", "Sta2"),
        ("Evt6", "AE-6", "Sta3"),
        ("Evt7", "AE-7", "Sta6"),
        ("Evt10, Evt9", "DT-2, DT-1", "Sta6"),
        ("Evt12", "AR-2", "Sta8"),
        ("Evt14", "AR-4", "Sta13"),
        ("Evt17", "AR-5", "Sta1"),
        ("", "", "Sta1"),
    ]
    assert whole.illegal == ()


def test_what_comes_after_a_close_crossed_it(corpus: Path) -> None:
    [path] = corpus.rglob("dicom_get.pcap")
    [association] = dissect(path).associations
    whole = replay(association)
    accept = whole.moments[-1]
    assert (accept.what, accept.moves.crossed, accept.moves.illegal) == (AC, True, None)
    assert [(one.index, one.ignored) for one in whole.illegal] == [(1, False), (2, True), (4, True)]


def test_the_end_that_lost_its_connection_is_told(corpus: Path) -> None:
    [association] = dissect(corpus / "killed_server.pcapng").associations
    closed = replay(association).moments[-1]
    assert (closed.what, closed.sender) == ("TCP connection closed", "acceptor")
    assert (closed.moves.requestor.event, closed.moves.requestor.action) == ("Evt17", "AA-4")


def test_a_release_collision_says_what_crossed() -> None:
    release, released = build(RELEASE), build(RELEASED)
    association = made.association(
        [
            ("requestor", made.request(), 1),
            ("acceptor", build(AC), 2),
            ("requestor", release, 3),
            ("acceptor", release, 4),
            ("requestor", released, 5),
            ("acceptor", released, 6),
        ]
    )
    whole = replay(association)
    assert [one.what for one in whole.moments if one.moves.crossed] == [RELEASE]
    assert [one.moves.acceptor.after for one in whole.moments[-3:]] == ["Sta10", "Sta12", "Sta13"]


def test_a_replay_of_any_length_is_short() -> None:
    talk = [("requestor", made.request(), 0), ("acceptor", build(AC), 1)]
    released, release = build(RELEASED), build(RELEASE)
    talk += [("requestor", (released, release)[n % 2], 2 + n) for n in range(2 * MOMENTS)]
    whole = replay(made.association(talk))  # type: ignore[arg-type]
    assert len(whole.moments) == MOMENTS
    assert sum(one.count for one in whole.moments if one.index is not None) + whole.hidden == len(
        talk
    )
