"""Two side by side: what makes the difference comes first, and what is alike is no difference."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cache
from itertools import combinations
from pathlib import Path
from typing import Any, overload

import pytest

import dicomlab as dl
from dicomlab.diagnosis.compare import LISTED, compare
from dicomlab.dissect.associations import dissect
from dicomlab.model import (
    Association,
    Comparison,
    DicomlabError,
    Difference,
    Message,
    MessageLine,
    Pdu,
    PresentationContext,
    message_lines,
)
from dicomlab.protocol.build import build
from tests.views import made
from tests.views.made import EPOCH, MS

CT, MR = "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.4"
IMPLICIT, EXPLICIT, BIG = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2"
Captured = Callable[..., Association]


@pytest.fixture(scope="session")
def captured(corpus: Path) -> Captured:
    """The association of that connection in a capture of real systems."""

    @cache
    def association(name: str, connection: int = 0) -> Association:
        [file] = corpus.glob(f"{name}.pc*")
        return next(one for one in dissect(file).associations if one.connection == connection)

    return association


def decisive(found: Comparison) -> list[str]:
    return [one.where for one in found.differences if one.weight == "decides"]


def at(found: Comparison, where: str) -> Difference:
    return next(one for one in found.differences if one.where == where)


def mirrored(found: Comparison) -> Comparison:
    differences = tuple(replace(one, a=one.b, b=one.a) for one in found.differences)
    return replace(found, a=found.b, b=found.a, differences=differences)


# --- what real systems differ in ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("fails", "works", "where", "has", "why"),
    [
        (("reject_calling", 0), ("reject_calling", 1), "Calling-AE-title", "STRANGER", "rejected"),
        (("reject_called", 0), ("echo_dcmtk", 0), "Called-AE-title", "NOSUCHAE", "rejected"),
        (
            ("no_context_abstract", 0),
            ("echo_dcmtk", 0),
            "Presentation Context[Modality Worklist Information Model - FIND]",
            "proposed: abstract-syntax-not-supported (provider rejection)",
            "refused",
        ),
        (
            ("status_refused_store", 0),
            ("store_odil", 0),
            "C-STORE-RSP[0]/Status",
            "A700H Refused: out of resources",
            "status",
        ),
        (
            ("move_failed", 0),
            ("move_to_self", 0),
            "C-MOVE-RSP[0]/Status",
            "A702H Refused: out of resources, unable to perform sub-operations",
            "status",
        ),
        (
            ("user_identity", 1),
            ("user_identity", 0),
            "A-ASSOCIATE-AC/User Identity Negotiation",
            None,
            "response",
        ),
        (
            ("abort_by_server", 0),
            ("store_fragments", 0),
            "end of the association",
            "aborted by the acceptor (DICOM UL service-user)",
            "release",
        ),
        (
            ("silent_server", 0),
            ("echo_dcmtk", 0),
            "end of the association",
            "never answered, TCP closed by the requestor",
            "release",
        ),
        (
            ("slow_server", 0),
            ("echo_odil_js", 0),
            "C-ECHO-RSP/longest wait",
            "1,210.0 ms",
            "longer",
        ),
    ],
)  # fmt: skip
def test_the_first_difference_is_the_one_that_decides(
    captured: Captured,
    fails: tuple[str, int],
    works: tuple[str, int],
    where: str,
    has: str | None,
    why: str,
) -> None:
    first = compare(captured(*fails), captured(*works)).differences[0]
    assert (first.where, first.a, first.weight) == (where, has, "decides")
    assert why in first.why


def test_an_abort_blames_no_ae_title() -> None:
    aborted = replace(made.aborted("acceptor", 1, 3), calling_ae_title="OTHER")
    assert decisive(compare(aborted, made.success())) == ["end of the association"]


def test_two_that_work_have_nothing_that_decides(captured: Captured) -> None:
    for one, other in (("echo_dcmtk", "echo_gdcm_104"), ("find_study", "find_worklist")):
        assert not decisive(compare(captured(one), captured(other)))


def test_an_association_is_like_itself(corpus: Path) -> None:
    for file in sorted(corpus.glob("*.pc*")):
        for one in dissect(file).associations:
            found = compare(one, one, everything=True)
            assert (found.differences, found.hidden) == ((), {})
            assert found.alike >= len(found.equal) > 5


def test_it_is_the_same_the_other_way_round(captured: Captured) -> None:
    names = (
        "abort_by_server", "async_ahead", "cget", "contexts_mixed", "end_early_store",
        "extended_negotiation", "find_cancel", "mpps", "mtu_576", "one_way_client",
        "reject_called", "snap_96", "start_late_find", "status_warning", "user_identity",
    )  # fmt: skip
    for a, b in combinations(map(captured, names), 2):
        for everything in (False, True):
            there = compare(a, b, everything=everything)
            assert compare(b, a, everything=everything) == mirrored(there)


@pytest.mark.parametrize(
    ("lacking", "whole"),
    [("start_late_find", "find_study"), ("one_way_client", "find_study"),
     ("snap_96", "store_fragments"), ("gap_store", "store_fragments")],
)  # fmt: skip
def test_what_a_recording_lacks_decides_nothing(
    captured: Captured, lacking: str, whole: str
) -> None:
    found = compare(captured(lacking), captured(whole))
    assert not decisive(found)
    assert "What a recording lacks cannot be compared." in [one.why for one in found.differences]


# --- presentation contexts ----------------------------------------------------------------------


def proposing(*contexts: PresentationContext) -> Association:
    return replace(made.success(), presentation_contexts=contexts)


def context(
    ident: int, uid: str, *proposed: str, result: int = 0, accepted: str | None = IMPLICIT
) -> PresentationContext:
    return PresentationContext(ident, uid, proposed, result, accepted if not result else None)


def test_contexts_are_matched_by_what_they_are_for() -> None:
    a = proposing(context(1, CT, IMPLICIT, EXPLICIT), context(3, MR, IMPLICIT))
    b = proposing(context(1, MR, IMPLICIT), context(9, CT, EXPLICIT, IMPLICIT))
    found = compare(a, b)
    assert {one.weight for one in found.differences} == {"does not matter"}
    assert [one.where for one in found.differences] == [
        "Presentation Context[CT Image Storage]/order of transfer syntaxes",
        "order of presentation contexts",
        "Presentation Context[CT Image Storage]/Presentation-context-ID",
        "Presentation Context[MR Image Storage]/Presentation-context-ID",
    ]


def test_of_several_contexts_for_the_same_those_that_propose_the_same_are_compared() -> None:
    a = proposing(context(1, CT, IMPLICIT), context(3, CT, EXPLICIT))
    b = proposing(context(1, CT, BIG), context(3, CT, IMPLICIT))
    [differs] = [one for one in compare(a, b).differences if one.where.endswith("/Transfer Syntax")]
    assert (differs.a, differs.b) == ("Explicit VR Little Endian", "Explicit VR Big Endian")


def test_a_refusal_for_the_transfer_syntaxes_has_them_as_its_cause() -> None:
    a = proposing(context(1, CT, BIG, result=4))
    b = proposing(context(1, CT, BIG, IMPLICIT))
    assert decisive(compare(a, b)) == [
        "Presentation Context[CT Image Storage]/Transfer Syntax",
        "Presentation Context[CT Image Storage]/Result/Reason",
    ]
    first = compare(a, b).differences[0]
    assert (first.a, first.b) == (
        "1 that both have",
        "Implicit VR Little Endian, 1 that both have",
    )


def test_a_refused_context_beside_accepted_ones_may_matter() -> None:
    a = proposing(context(1, CT, IMPLICIT), context(3, MR, IMPLICIT, result=3))
    found = compare(a, proposing(context(1, CT, IMPLICIT)))
    assert at(found, "Presentation Context[MR Image Storage]").weight == "may matter"


def test_the_default_roles_are_the_same_as_none() -> None:
    def selecting(scu: int, scp: int) -> Association:
        said = {"requestor": {"roles": [{"sop_class": CT, "scu": scu, "scp": scp}]}, "acceptor": {}}
        return replace(made.success(), negotiation=said)

    where = "A-ASSOCIATE-RQ/SCP/SCU Role Selection[CT Image Storage]"
    assert at(compare(made.success(), selecting(1, 0)), where).weight == "does not matter"
    differs = at(compare(made.success(), selecting(1, 1)), where)
    assert (differs.a, differs.b, differs.weight) == (None, "SCU and SCP", "may matter")


# --- messages -----------------------------------------------------------------------------------


def talk(*messages: Message, **changes: Any) -> Association:
    return replace(made.success(), messages=messages, **changes)


def rq(kind: str, number: int, at: float = 0, **more: Any) -> Message:
    time = EPOCH + round(at * MS)
    return Message(f"{kind}-RQ", "requestor", 1, message_id=number, time=time, **more)


def rsp(kind: str, number: int, status: int = 0, at: float = 0, **more: Any) -> Message:
    said = {"responding_to": number, "status": status, "time": EPOCH + round(at * MS)}
    return Message(f"{kind}-RSP", "acceptor", 1, **(said | more))


STORE = rq("C-STORE", 1), rsp("C-STORE", 1)
ECHO = rq("C-ECHO", 2), rsp("C-ECHO", 2)


def test_a_message_more_is_one_difference() -> None:
    found = compare(talk(*ECHO, *STORE), talk(*STORE))
    [more] = [one for one in found.differences if one.weight != "does not matter"]
    assert (more.where, more.a, more.b) == ("C-ECHO-RQ/number of messages", "1", None)


def test_the_first_message_out_of_order_is_named() -> None:
    order = at(compare(talk(*ECHO, *STORE), talk(*STORE, *ECHO)), "message[0]")
    assert (order.a, order.b, order.weight) == ("C-ECHO-RQ", "C-STORE-RQ", "may matter")


@pytest.mark.parametrize(
    ("a", "b", "weight"),
    [
        (0x0000, 0xA700, "decides"),
        (0xB000, 0xC000, "decides"),
        (0xA700, 0xA900, "may matter"),
        (0x0000, 0xB000, "may matter"),
    ],
)
def test_a_status_decides_where_only_one_is_a_failure(a: int, b: int, weight: str) -> None:
    found = compare(
        talk(rq("C-STORE", 1), rsp("C-STORE", 1, a)), talk(rq("C-STORE", 1), rsp("C-STORE", 1, b))
    )
    assert at(found, "C-STORE-RSP[0]/Status").weight == weight


def test_the_last_answer_is_compared_with_the_last_one_however_many_came_before() -> None:
    def find(matches: int, status: int) -> Association:
        pending = [rsp("C-FIND", 1, 0xFF00) for _ in range(matches)]
        return talk(rq("C-FIND", 1), *pending, rsp("C-FIND", 1, status))

    found = compare(find(2, 0x0000), find(5, 0xA700))
    assert decisive(found) == ["C-FIND-RSP[0]/Status"]
    assert at(found, "C-FIND-RSP (Pending)/number of messages").b == "5"


def test_a_request_that_only_one_answers_decides() -> None:
    assert decisive(compare(talk(*ECHO), talk(ECHO[0]))) == ["C-ECHO-RQ/unanswered"]


@pytest.mark.parametrize(
    ("one", "other", "weight"),
    [(10, 40, None), (10, 200, "may matter"), (10, 1500, "decides"), (9000, 9900, None)],
)
def test_a_wait_matters_where_it_is_much_longer(
    one: float, other: float, weight: str | None
) -> None:
    a, b = (talk(rq("C-ECHO", 1, 3), rsp("C-ECHO", 1, at=3 + wait)) for wait in (one, other))
    found = [each for each in compare(a, b).differences if each.where == "C-ECHO-RSP/longest wait"]
    assert [each.weight for each in found] == ([weight] if weight else [])


class Many(Sequence[Message]):
    """Stores as lines, of which none is kept; where they fail, every third does."""

    def __init__(self, number: int, failing: bool) -> None:
        self._number = number
        self._failing = failing

    def __len__(self) -> int:
        return self._number

    @overload
    def __getitem__(self, index: int) -> Message: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Message]: ...
    def __getitem__(self, index: int | slice) -> Message | Sequence[Message]:
        raise AssertionError("lines are enough")

    def lines(self) -> Iterator[MessageLine]:
        [request], [response] = (message_lines([one]) for one in STORE)
        for number in range(self._number // 2):
            yield request._replace(dataset_bytes=1000 + number * self._failing)
            failed = self._failing and number % 3 == 0
            yield response._replace(status=0xA700 if failed else 0)


def test_many_messages_take_no_memory_and_few_lines() -> None:
    a, b = (replace(made.success(), messages=Many(20_000, failing)) for failing in (False, True))
    tracemalloc.start()
    try:
        found = compare(a, b)
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()
    first = found.differences[0]
    assert (first.where, first.more) == ("C-STORE-RSP[0]/Status", 3_333)
    sizes = [one for one in found.differences if one.where.endswith("Data Set")]
    assert len(sizes) == LISTED
    assert found.hidden["may matter"] == 9_999 - LISTED
    assert found.number("decides") == 3_334


# --- PDUs ---------------------------------------------------------------------------------------


def asking(**fields: Any) -> Pdu:
    return made.pdu_of(build("A-ASSOCIATE-RQ", **fields))


def test_pdus_are_compared_field_by_field_with_their_bytes() -> None:
    found = compare(asking(called_ae_title="ARCHIVE"), asking(called_ae_title="ECHO"))
    [title] = found.differences
    assert title.where == "Called-AE-title"
    assert title.b == "ECHO · 45 43 48 4F 20 20 20 20 20 20 20 20 20 20 20 20"


def test_an_item_that_only_one_has_stands_for_all_in_it() -> None:
    draft = build("A-ASSOCIATE-RQ")
    draft.add("Presentation Context", abstract_syntax=CT)
    found = compare(asking(), made.pdu_of(draft))
    assert [(one.where, one.a, one.weight) for one in found.differences] == [
        ("Presentation Context[CT Image Storage]", None, "may matter"),
        ("PDU-length", at(found, "PDU-length").a, "does not matter"),
    ]


def test_reserved_bytes_and_chosen_numbers_do_not_matter() -> None:
    data = bytearray(bytes(made.echo_rq(1)))
    data[1] = 0xFF
    [pdu] = [made.pdu_of(bytes(data))]
    found = compare(pdu, made.pdu_of(made.echo_rq(2)))
    assert [(one.where, one.weight) for one in found.differences] == [
        ("PDV/Command Set/Message ID/Value", "does not matter"),
        ("Reserved", "does not matter"),
    ]


def test_pdus_are_compared_the_same_the_other_way_round() -> None:
    values = made.broken(), made.http(), made.payload(), made.identity(), asking()
    for a, b in combinations(values, 2):
        assert compare(b, a, everything=True) == mirrored(compare(a, b, everything=True))


def test_a_secret_is_not_told() -> None:
    found = compare(made.identity(), asking(), everything=True)
    assert "s3cr3t" not in str(found)
    assert "73 33 63" not in " ".join(f"{one.a} {one.b}" for one in found.differences)


# --- how it is used -----------------------------------------------------------------------------


def test_nothing_of_a_peer_acts_on_a_screen() -> None:
    hostile = made.success(calling="\x1b[31m", called=made.HOSTILE)
    found = compare(hostile, made.success(), everything=True)
    for one in found.differences:
        assert all(text.isprintable() for text in (one.where, one.a or "", one.b or ""))
    assert found.a.title.isprintable()


def test_what_is_alike_is_listed_if_asked_for() -> None:
    found = compare(made.success(), made.silent(), everything=True)
    assert ("Called-AE-title", "ECHOSCP") in [(one.where, one.value) for one in found.equal]
    assert len(found.equal) == found.alike == compare(made.success(), made.silent()).alike
    assert not compare(made.success(), made.silent()).equal


def test_only_two_of_a_kind_are_compared() -> None:
    one: Any = made.success()
    with pytest.raises(DicomlabError, match="cannot be compared"):
        dl.compare(one, one.pdus[0])


def test_a_comparison_says_in_a_line_what_it_came_to() -> None:
    assert repr(compare(made.rejected(), made.success())).startswith("<Comparison: 2 decides,")
