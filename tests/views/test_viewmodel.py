"""What renderers see: every byte once, nothing that could act, what is long folded and counted."""

from __future__ import annotations

import json
from dataclasses import asdict
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dicomlab.model import Message, Pdu, Role
from dicomlab.protocol.build import build
from dicomlab.protocol.codec import decode
from dicomlab.views import layout as bytes_of
from dicomlab.views import outline
from dicomlab.views.sequence import in_words
from dicomlab.views.viewmodel import ByteLayout, Ladder, ladder, rows, view
from tests.views import gallery, made

VALUES = dict(gallery.values())
PDUS = {name: value for name, value in VALUES.items() if isinstance(value, Pdu)}
MESSAGES = 500


def covered(layout: ByteLayout) -> list[tuple[int, int]]:
    return [(line.start, line.stop) for line in layout.lines]


@pytest.mark.parametrize("name", PDUS)
def test_lines_cover_every_byte_once(name: str) -> None:
    pdu = PDUS[name]
    lines = covered(rows(pdu))
    assert lines[0][0] == pdu.start
    assert lines[-1][1] == pdu.stop
    assert all(before[1] == after[0] for before, after in pairwise(lines))


@pytest.mark.parametrize("name", PDUS)
def test_a_cell_shows_its_byte_and_belongs_to_the_leaf_that_holds_it(name: str) -> None:
    pdu = PDUS[name]
    data, layout = bytes(pdu), rows(pdu)
    secret = {o for one in pdu.leaves() if one.secret for o in range(one.start, one.stop)}
    for cell in (cell for line in layout.lines for cell in line.cells):
        box = layout.boxes[cell.box]
        assert box.leaf
        assert box.start <= cell.offset < box.stop
        if cell.offset not in secret:
            assert cell.hex == f"{data[cell.offset]:02X}"


@given(st.binary(max_size=400))
@settings(max_examples=150, deadline=None)
def test_any_bytes_can_be_viewed(data: bytes) -> None:
    for pdu in decode(data):
        lines = covered(rows(pdu))
        assert (lines[0][0], lines[-1][1]) == (pdu.start, pdu.stop)


@given(st.data())
@settings(max_examples=100, deadline=None)
def test_any_damage_to_a_request_can_be_viewed(data: st.DataObject) -> None:
    raw = bytearray(bytes(made.request(3)))
    for _ in range(data.draw(st.integers(1, 6))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    for pdu in decode(bytes(raw)):
        layout = rows(pdu)
        assert sum(stop - start for start, stop in covered(layout)) == len(pdu)


def test_offsets_count_from_the_first_byte_of_the_pdu_wherever_it_stands() -> None:
    data = bytes(made.echo_rq())
    assert rows(decode(data, start=1000)[0]).lines == rows(decode(data)[0]).lines
    assert rows(decode(data, start=1000)[0]).boxes == rows(decode(data)[0]).boxes


def test_segments_of_a_line_nest() -> None:
    layout = rows(made.pdu_of(made.echo_rq()))
    names = [layout.boxes[one.box].name for one in layout.lines[2].segments]
    assert names == ["PDV", "Command Set", "Affected SOP Class UID", "Value"]


def test_reserved_zeros_fold_with_their_count() -> None:
    layout = rows(made.pdu_of(made.request()))
    assert [line.folded for line in layout.lines if line.folded] == ["16 × 00H, Reserved"]


def test_a_long_fragment_folds_with_its_count() -> None:
    (fold,) = [line for line in rows(made.payload()).lines if line.folded]
    assert fold.folded == f"{fold.stop - fold.start:,} bytes of Fragment"
    assert fold.stop - fold.start == 16_272


def test_many_contexts_fold_with_their_count() -> None:
    layout = rows(made.pdu_of(made.request(20)))
    folds = [line for line in layout.lines if "Presentation Context" in line.folded]
    assert len(folds) == 1
    size = folds[0].stop - folds[0].start
    assert folds[0].folded == f"Presentation Context 3 to 19 of 20, {size:,} bytes"
    assert sum(box.name == "Presentation Context" for box in layout.boxes) == 20


def test_more_fields_than_anybody_reads_are_counted() -> None:
    draft = bytes(made.request())
    items = b"\x99\x00\x00\x00" * 4000
    data = draft + items
    (pdu,) = decode(data[:2] + (len(data) - 6).to_bytes(4, "big") + data[6:])
    layout = rows(pdu)
    assert len(layout.boxes) == bytes_of.BOXES
    assert layout.hidden == sum(1 for _ in pdu.walk()) - bytes_of.BOXES
    assert layout.lines[-1].stop == pdu.stop


def test_findings_stand_on_their_bytes() -> None:
    layout = rows(made.broken())
    codes = [one.code for one in layout.findings.notes]
    marked: dict[str, list[int]] = {}
    for cell in (cell for line in layout.lines for cell in line.cells):
        for number in cell.notes:
            marked.setdefault(codes[number - 1], []).append(cell.offset)
    assert marked["reserved-nonzero"] == [1]
    assert marked["ae-invalid-char"] == list(range(10, 26))
    assert marked["context-id-even"] == [103]
    assert marked["item-length-overrun"] == [130, 131]


def test_secrets_are_masked_in_cells_and_values() -> None:
    layout = rows(made.identity())
    told = json.dumps(asdict(layout))
    assert "s3cr3t" not in told
    assert "73 33 63" not in told
    assert b"s3cr3t".hex(" ").upper() not in told
    (box,) = [box for box in layout.boxes if box.name == "Secondary-field"]
    cells = [cell for line in layout.lines for cell in line.cells if cell.box == box.number]
    assert {cell.hex for cell in cells} == {"••"}
    assert "admin" in "".join(cell.text for line in layout.lines for cell in line.cells)


@pytest.mark.parametrize("name", VALUES)
def test_every_view_is_json_without_control_characters(name: str) -> None:
    told = json.dumps(asdict(view(VALUES[name])), ensure_ascii=False)
    assert told.isprintable()


def test_a_draft_is_shown_as_what_it_would_send() -> None:
    layout = view(made.request())
    assert layout.title == "A-ASSOCIATE-RQ (draft)"
    assert layout.stop == len(bytes(made.request()))


def test_nothing_else_can_be_viewed() -> None:
    with pytest.raises(TypeError, match="int"):
        view(7)


# --- sequences --------------------------------------------------------------------------------


def states(view: Ladder) -> list[tuple[str, str]]:
    return [(one.requestor.after, one.acceptor.after) for one in view.steps]


def test_both_sides_pass_through_the_states_of_a_whole_echo() -> None:
    view = ladder(made.success())
    assert [one.label for one in view.steps] == [
        "TCP connection",
        "A-ASSOCIATE-RQ",
        "A-ASSOCIATE-AC",
        "P-DATA-TF · C-ECHO-RQ, message ID 7",
        "P-DATA-TF · C-ECHO-RSP, answers message ID 7",
        "A-RELEASE-RQ",
        "A-RELEASE-RP",
    ]
    assert states(view) == [
        ("Sta4", "Sta2"),
        ("Sta5", "Sta3"),
        ("Sta6", "Sta6"),
        ("Sta6", "Sta6"),
        ("Sta6", "Sta6"),
        ("Sta7", "Sta8"),
        ("Sta1", "Sta13"),
    ]
    assert view.tone == "good"


def test_times_count_from_the_first_packet_and_gaps_from_the_step_before() -> None:
    steps = ladder(made.success()).steps
    assert [one.time for one in steps[:3]] == [0, 400_000, 1_100_000]
    assert [one.gap for one in steps[:3]] == [None, 400_000, 700_000]


def test_a_rejection_says_who_and_why() -> None:
    view = ladder(made.rejected())
    assert view.outcome == (
        "Rejected by the acceptor (rejected-permanent): called-AE-title-not-recognized."
    )
    assert view.steps[-1].tone == "error"
    assert states(view)[-1] == ("Sta1", "Sta13")


def test_a_provider_rejects_before_its_application_hears_of_it() -> None:
    assert states(ladder(made.rejected(2, 2)))[1:] == [("Sta5", "Sta13"), ("Sta1", "Sta13")]


@pytest.mark.parametrize(
    ("by", "source", "action", "after"),
    [
        ("requestor", 0, ("AA-1", "AA-3"), ("Sta13", "Sta1")),
        ("acceptor", 2, ("AA-3", "AA-8"), ("Sta1", "Sta13")),
    ],
)
def test_an_abort_ends_both_sides(by: Any, source: int, action: Any, after: Any) -> None:
    view = ladder(made.aborted(by, source, 2 if source else 0))
    last = view.steps[-1]
    assert (last.requestor.action, last.acceptor.action) == action
    assert (last.requestor.after, last.acceptor.after) == after
    assert f"Aborted by the {by}" in view.outcome


def test_a_release_collision_is_followed_on_both_sides() -> None:
    view = ladder(
        made.association(
            [
                ("requestor", made.request(), 1),
                ("acceptor", build("A-ASSOCIATE-AC"), 2),
                ("requestor", build("A-RELEASE-RQ"), 3),
                ("acceptor", build("A-RELEASE-RQ"), 4),
                ("requestor", build("A-RELEASE-RP"), 5),
                ("acceptor", build("A-RELEASE-RP"), 6),
            ],
            by="requestor",
        )
    )
    assert states(view)[-4:] == [
        ("Sta7", "Sta8"),
        ("Sta9", "Sta10"),
        ("Sta11", "Sta12"),
        ("Sta1", "Sta13"),
    ]


def test_what_the_table_does_not_allow_moves_nothing() -> None:
    view = ladder(
        made.association(
            [
                ("requestor", made.request(), 1),
                ("acceptor", build("A-ASSOCIATE-AC"), 2),
                ("requestor", build("A-RELEASE-RQ"), 3),
                ("requestor", made.echo_rq(), 4),
            ],
            ended="capture-ends",
        )
    )
    late = [one for one in view.steps if one.kind == "pdu"][-1]
    assert (late.requestor.action, late.requestor.after) == ("", "Sta7")
    assert (late.acceptor.action, late.acceptor.after) == ("AA-8", "Sta13")


def test_silence_is_a_step_of_its_own() -> None:
    view = ladder(made.silent())
    assert [one.kind for one in view.steps] == ["opened", "pdu", "silence", "closed"]
    assert view.steps[2].label == "30.0 s of silence"
    assert view.steps[3].sender == "requestor"
    assert "never answered" in view.outcome


def test_a_pause_in_a_conversation_is_no_silence() -> None:
    def labels(pause: float) -> list[str]:
        lines: list[made.Line] = [
            ("requestor", made.echo_rq(), 0),
            ("acceptor", made.echo_rsp(), pause),
        ]
        view = ladder(made.association(lines, ended="capture-ends"))
        return [one.label for one in view.steps if one.kind == "silence"]

    assert labels(4999) == []
    assert labels(5000) == ["5.00 s of silence"]


def test_refused_contexts_are_named_with_the_reason() -> None:
    accept = ladder(made.refused()).steps[2]
    assert accept.details == (
        "accepts 1 of 3 contexts",
        "context 3, CT Image Storage: abstract-syntax-not-supported",
        "context 5, MR Image Storage: transfer-syntaxes-not-supported",
    )
    assert accept.tone == "warning"


def test_a_recording_that_begins_late_starts_in_the_middle() -> None:
    view = ladder(made.unfinished())
    assert states(view)[0] == ("Sta6", "Sta6")
    assert view.steps[-1].kind == "end"
    assert view.requestor.title == "(not seen)"


def test_missing_bytes_are_a_step_of_their_own() -> None:
    whole = made.success()
    view = ladder(made.without(whole, 2))
    (gap,) = [one for one in view.steps if one.kind == "gap"]
    assert gap.label == f"{len(whole.pdus[2])} bytes of the requestor are missing here"


def test_equal_exchanges_fold_with_their_count() -> None:
    view = ladder(made.long(MESSAGES))
    (fold,) = [one for one in view.steps if one.kind == "fold"]
    assert fold.label == f"× {MESSAGES // 2 - 1} C-ECHO"
    assert sum(one.count for one in view.steps if one.kind in ("pdu", "fold")) == view.pdus
    assert view.pdus == MESSAGES + 4


def test_fragments_of_one_message_fold_and_so_do_stores_of_different_length() -> None:
    lines: list[made.Line] = []
    messages = []
    index = 0
    for number in range(10):
        pieces = 2 + number % 3
        lines += [("requestor", made.fragment(), index + n) for n in range(pieces)]
        lines.append(("acceptor", made.fragment(), index + pieces))
        parts = tuple(range(index, index + pieces))
        stored = Message("C-STORE-RQ", "requestor", 1, message_id=number, pdus=parts,
                         dataset_bytes=1000 + number)  # fmt: skip
        answer = Message("C-STORE-RSP", "acceptor", 1, responding_to=number, status=0,
                         pdus=(index + pieces,))  # fmt: skip
        messages += [stored, answer]
        index += pieces + 1
    whole = made.association(lines, messages=tuple(messages), by="requestor", findings=made.LATE)
    view = ladder(whole)
    shown = [(one.kind, one.label) for one in view.steps if one.kind in ("pdu", "fold")]
    assert shown == [
        ("pdu", "P-DATA-TF · C-STORE-RQ, message ID 0"),
        ("pdu", "P-DATA-TF · C-STORE-RQ, data set"),
        ("pdu", "P-DATA-TF · C-STORE-RSP, answers message ID 0"),
        ("fold", "× 9 C-STORE"),
    ]
    assert sum(one.count for one in view.steps if one.kind in ("pdu", "fold")) == index


def test_an_arrow_tells_what_is_cancelled_and_how_many_sub_operations_there_were() -> None:
    counted = {"suboperations": {"remaining": 5, "completed": 1, "failed": 0, "warning": 0}}
    cancel = Message("C-CANCEL-RQ", "requestor", 1, responding_to=7, pdus=(0,))
    stopped = Message("C-MOVE-RSP", "acceptor", 1, status=0xFE00, pdus=(1,), more=counted)
    lines = [("requestor", made.fragment(), 0), ("acceptor", made.fragment(), 1)]
    asked, answered, *_ = ladder(made.association(lines, messages=(cancel, stopped))).steps
    assert asked.label == "P-DATA-TF · C-CANCEL-RQ, cancels message ID 7"
    assert answered.details[-1] == "sub-operations: 5 remaining, 1 completed"


def test_a_conversation_without_a_pattern_is_cut_in_the_middle() -> None:
    release = build("A-RELEASE-RQ")
    lines: list[made.Line] = [("requestor", made.request(), 0)]
    lines += [
        ("requestor" if n % 7 else "acceptor", made.echo_rq() if n % 11 else release, n)
        for n in range(1, 1500)
    ]  # fmt: skip
    view = ladder(made.association(lines, by="requestor"))
    assert len(view.steps) < outline.STEPS + 10
    assert sum(one.count for one in view.steps if one.kind in ("pdu", "fold")) == 1500


def test_who_asks_for_more_steps_gets_them_all() -> None:
    lines: list[made.Line] = [
        ("requestor", made.echo_rsp(n, status=n), n) for n in range(1, 1500)
    ]  # fmt: skip
    association = made.association(lines, findings=made.LATE)
    assert len(ladder(association, 2000).steps) == 1499
    assert len(ladder(association, 100).steps) == 101


def test_a_step_is_a_sentence() -> None:
    opened, asked, silence, closed = map(in_words, ladder(made.silent()).steps)
    assert opened == "requestor to acceptor: TCP connection, 0 µs, then Sta4 / Sta2"
    assert asked == (
        "requestor to acceptor: A-ASSOCIATE-RQ, proposes 1 context: Verification, 400 µs, "
        "then Sta5 / Sta3"
    )
    assert silence == "30.0 s of silence"
    assert closed == "TCP closed by the requestor, 30.0 s, then Sta1 / Sta1"
    steps = ladder(made.long()).steps
    assert in_words(steps[5]) == (
        "× 249 C-ECHO, C-ECHO-RQ → C-ECHO-RSP, PDUs 4 to 501, 276 ms, then Sta6 / Sta6"
    )
    wrong = ladder(made.impatient()).steps[6]
    assert "not allowed: the acceptor is in Sta8 (AA-8), 2.30 ms, then" in in_words(wrong)


def test_roles_of_cells_are_those_of_their_boxes() -> None:
    layout = rows(made.pdu_of(made.echo_rq()))
    assert {layout.boxes[c.box].role for line in layout.lines for c in line.cells} <= set(Role)


def test_a_conversation_that_goes_on_has_not_ended_yet() -> None:
    begun = made.unfinished()
    *before, end = ladder(begun).steps
    assert end.kind == "end"
    going = ladder(begun, going=True)
    assert [step.kind for step in going.steps] == [step.kind for step in before]
    assert (going.outcome, going.tone) == ("The conversation goes on.", "plain")
