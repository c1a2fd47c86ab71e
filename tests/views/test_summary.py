"""What an association came to: asked, answered, failed, and how long the slowest answer took."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dicomlab.dissect.associations import dissect
from dicomlab.model import Association, Message, PresentationContext
from dicomlab.protocol.leaves import finding
from dicomlab.views.summary import done, reasons, summary
from tests.views import made
from tests.views.made import MS


def talk(*messages: Message, **changes: Any) -> Association:
    return replace(made.success(), messages=messages, **changes)


def rq(kind: str, number: int, at: float, **more: Any) -> Message:
    said = {"sender": "requestor", "context_id": 1, "message_id": number, "time": round(at * MS)}
    return Message(f"{kind}-RQ", **(said | more))


def rsp(kind: str, number: int, at: float, status: int = 0, **more: Any) -> Message:
    said = {"sender": "acceptor", "context_id": 1, "responding_to": number, "status": status}
    return Message(f"{kind}-RSP", **(said | {"time": round(at * MS)} | more))


def test_requests_are_summed_by_service() -> None:
    stores = [rq("C-STORE", 1, 0), rsp("C-STORE", 1, 1), rq("C-STORE", 3, 4), rsp("C-STORE", 3, 5)]
    found = summary(talk(*stores, rq("C-ECHO", 2, 6), rsp("C-ECHO", 2, 7)))
    assert done(found.asked) == "2 C-STORE, 1 C-ECHO"
    assert not found.failed
    assert not found.unanswered


def test_the_slowest_answer_is_that_of_its_own_request() -> None:
    both = [rq("C-STORE", 1, 0), rq("C-STORE", 2, 10), rsp("C-STORE", 2, 12), rsp("C-STORE", 1, 30)]
    assert summary(talk(*both)).slowest == 30 * MS


def test_equal_message_ids_on_two_contexts_or_of_two_sides_are_two_requests() -> None:
    contexts = [rq("C-ECHO", 1, 0), rq("C-ECHO", 1, 50, context_id=3),
                rsp("C-ECHO", 1, 51, context_id=3), rsp("C-ECHO", 1, 52)]  # fmt: skip
    assert summary(talk(*contexts)).slowest == 52 * MS
    sides = [rq("C-GET", 1, 0), rq("C-STORE", 1, 5, sender="acceptor"),
             rsp("C-STORE", 1, 7, sender="requestor"), rsp("C-GET", 1, 9)]  # fmt: skip
    assert summary(talk(*sides)).slowest == 9 * MS


def test_of_many_responses_each_is_waited_for_since_the_one_before() -> None:
    matches = [rsp("C-FIND", 1, at, 0xFF00) for at in (5, 11, 14)]
    assert summary(talk(rq("C-FIND", 1, 0), *matches, rsp("C-FIND", 1, 15))).slowest == 6 * MS


def test_a_cancel_waits_for_nothing_and_any_other_request_does() -> None:
    cancel = Message("C-CANCEL-RQ", "requestor", 1, responding_to=1, time=3 * MS)
    found = summary(talk(rq("C-FIND", 1, 0), cancel, rsp("C-FIND", 1, 4, 0xFE00),
                         rq("C-STORE", 2, 6)))  # fmt: skip
    assert found.unanswered == {"C-STORE": 1}
    assert not found.failed


@pytest.mark.parametrize(
    "failed",
    [made.rejected(), made.aborted("acceptor", 2), made.silent(), made.closed(), made.refused()],
    ids=lambda one: one.outcome.ended,
)
def test_what_did_not_end_well_has_failed(failed: Association) -> None:
    assert summary(failed).failed
    assert list(reasons(failed, summary(failed)))


def test_what_ended_well_or_not_yet_has_not_failed() -> None:
    for fine in (made.success(), made.unfinished(), made.long()):
        assert not summary(fine).failed
        assert list(reasons(fine, summary(fine))) == []


def test_nothing_accepted_is_a_failure_and_something_accepted_is_none() -> None:
    def contexts(*results: int | None) -> tuple[PresentationContext, ...]:
        return tuple(PresentationContext(2 * n + 1, "1.2", (), r) for n, r in enumerate(results))

    assert summary(talk(presentation_contexts=contexts(3, 4))).fruitless
    assert summary(talk(presentation_contexts=contexts(3, None))).fruitless
    assert not summary(talk(presentation_contexts=contexts(3, 0))).failed
    assert not summary(talk(presentation_contexts=contexts(None))).failed
    assert not summary(talk(presentation_contexts=())).failed


def told(association: Association) -> Sequence[str]:
    return list(reasons(association, summary(association)))


def test_statuses_are_named_by_their_service() -> None:
    stores = [one for n in range(3) for one in (rq("C-STORE", n, n), rsp("C-STORE", n, n, 0xA700))]
    assert told(talk(*stores[:4], rq("C-STORE", 9, 9), rsp("C-STORE", 9, 9))) == [
        "2 of 3 C-STORE failed: A700H Refused: out of resources."
    ]


def test_a_warning_is_no_failure() -> None:
    found = summary(talk(rq("C-STORE", 1, 0), rsp("C-STORE", 1, 1, 0xB000)))
    assert not found.failed
    assert [str(one) for one in found.warnings] == ["B000H Coercion of data elements"]


def test_the_gravest_finding_is_told_and_an_info_is_not() -> None:
    info, warning, error = (
        finding(c, c) for c in ("reserved-nonzero", "ae-nul-padded", "ae-empty")
    )
    assert told(talk(findings=(info, warning, error))) == ["error: ae-empty: ae-empty"]
    assert told(talk(findings=(info, warning))) == []
    assert told(replace(made.closed(), findings=(info,))) == [
        "TCP closed by the requestor without a release."
    ]


def test_many_kinds_of_failure_are_counted() -> None:
    several = [rsp("C-STORE", n, n, 0xA700 + n % 5 * 0x100) for n in range(10)]
    assert told(talk(*several))[-1] == "Other statuses of failure: 2."


def test_real_captures_fail_as_their_names_say(corpus: Path) -> None:
    for name in ("abort_by_server", "closed_at_once", "killed_client", "silent_server",
                 "reject_called", "status_refused_store", "no_context_abstract"):  # fmt: skip
        assert any(summary(one).failed for one in dissect(corpus / f"{name}.pcapng").associations)
    for name in ("echo_dcmtk", "interleaved", "mpps", "find_cancel", "status_warning", "cget"):
        for one in dissect(corpus / f"{name}.pcapng").associations:
            assert not summary(one).failed, name
