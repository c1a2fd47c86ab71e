"""What a conversation shows: for every code one that has the finding, and a near miss."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import pytest

from dicomlab.captures import from_exchange
from dicomlab.diagnosis.lint import ALIKE, OPEN, lint, span_of
from dicomlab.model import (
    CaptureError,
    Endpoint,
    Field,
    Finding,
    Side,
    Span,
    association_line,
    find,
)
from dicomlab.protocol.build import Draft, build
from dicomlab.protocol.codec import decode
from dicomlab.spec.findings import FINDINGS
from tests.conftest import ROOT
from tests.protocol.test_findings import SHOWN

CT, FIND, GET = "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.31", "1.2.840.10008.5.1.4.1.2.2.3"
COMMITMENT = "1.2.840.10008.1.20.1"
UPS_PUSH, UPS_EVENT = "1.2.840.10008.5.1.4.34.6.1", "1.2.840.10008.5.1.4.34.6.4"
FILM_SESSION, PRINT = "1.2.840.10008.5.1.1.1", "1.2.840.10008.5.1.1.9"
EXPLICIT = "1.2.840.10008.1.2.1"
START, MS = 1_700_000_000_000_000_000, 1_000_000  # nanoseconds
ENDS = Endpoint("10.0.0.1", 50000), Endpoint("10.0.0.2", 104)

# --- how a conversation is written ----------------------------------------------------------------

Talk = list[tuple[Side | None, bytes | int | None]]  # who sends what; nobody: milliseconds pass
Change = Callable[[Draft], object]


def requestor(*said: Draft | bytes | None) -> Talk:
    return [("requestor", None if one is None else bytes(one)) for one in said]


def acceptor(*said: Draft | bytes | None) -> Talk:
    return [("acceptor", None if one is None else bytes(one)) for one in said]


def pause(milliseconds: int) -> Talk:
    return [(None, milliseconds)]


FIN, RST = b"", None


def made(name: str, *changes: Change, **values: object) -> Draft:
    draft = build(name, **values)
    for change in changes:
        change(draft)
    return draft


def with_item(item: str, **values: object) -> Change:
    return lambda draft: draft.add(item, **values)


def asking(*changes: Change, sop_class: str = "1.2.840.10008.1.1") -> Draft:
    return made("A-ASSOCIATE-RQ", *changes, abstract_syntax=sop_class)


def accepting(*changes: Change) -> Draft:
    return made("A-ASSOCIATE-AC", *changes)


def refusing(result: int) -> Draft:
    return accepting(lambda draft: draft.override("Result/Reason", result))


def agreed(sop_class: str = "1.2.840.10008.1.1", ask: Change = id, accept: Change = id) -> Talk:
    return requestor(asking(ask, sop_class=sop_class)) + acceptor(accepting(accept))


def request(name: str, ident: int = 1, context: int = 1, **values: object) -> Draft:
    return build(name, message_id=ident, presentation_context_id=context, **values)


def response(
    name: str, ident: int = 1, context: int = 1, status: int = 0, **values: object
) -> Draft:
    return build(
        name,
        message_id_being_responded_to=ident,
        presentation_context_id=context,
        status=status,
        **values,
    )


def flagged(draft: Draft, data_set: int) -> Draft:
    draft.override("Command Data Set Type", data_set)
    return draft


ask, answer = partial(request, "C-ECHO-RQ"), partial(response, "C-ECHO-RSP")
INSTANCE = {"affected_sop_class_uid": CT, "affected_sop_instance_uid": "1.2.3"}
DATA = build("P-DATA-TF", message_control_header=2, fragment=b"\x08\0\5\0")
store = partial(request, "C-STORE-RQ", **INSTANCE)
stored = partial(response, "C-STORE-RSP", **INSTANCE)
NO_DATA = 0x0101
FOUND = {"affected_sop_class_uid": FIND}
ACTION = {"requested_sop_class_uid": COMMITMENT, "requested_sop_instance_uid": "1.2.3"}
REPORT = {"affected_sop_class_uid": COMMITMENT, "affected_sop_instance_uid": "1.2.3"}

RELEASE_RQ, RELEASE_RP = build("A-RELEASE-RQ"), build("A-RELEASE-RP")
BYE = requestor(RELEASE_RQ) + acceptor(RELEASE_RP) + requestor(FIN) + acceptor(FIN)
CLOSE = requestor(FIN) + acceptor(FIN)
ECHO = requestor(ask()) + acceptor(answer())
WHOLE = [*agreed(), *ECHO, *BYE]
PROVIDER_ABORT = build("A-ABORT", source=2, reason_diag=2)


def rejecting(source: int, reason: int) -> Draft:
    return build("A-ASSOCIATE-RJ", result=1, source=source, reason_diag=reason)


def window(invoked: int) -> Change:
    return with_item(
        "Asynchronous Operations Window",
        maximum_number_operations_invoked=invoked,
        maximum_number_operations_performed=1,
    )


def role(scu: int, scp: int, sop_class: str = CT) -> Change:
    return with_item("SCP/SCU Role Selection", sop_class_uid=sop_class, scu_role=scu, scp_role=scp)


def extended(sop_class: str) -> Change:
    return with_item("SOP Class Extended Negotiation", sop_class_uid=sop_class)


def identity(wanted: int) -> Change:
    return with_item("User Identity Negotiation", positive_response_requested=wanted)


def also(sop_class: str, context: int = 3) -> Change:
    """A further presentation context."""

    def change(draft: Draft) -> None:
        draft.add("Presentation Context", abstract_syntax=sop_class)
        draft.override("Presentation Context[1]/Presentation-context-ID", context)

    return change


def also_accepted(draft: Draft) -> None:
    draft.add("Presentation Context")
    draft.override("Presentation Context[1]/Presentation-context-ID", 3)


# --- the table ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Case:
    code: str
    fires: Talk
    near: str  # the near miss in words
    miss: Talk


CASES = (
    # --- how it was answered ---
    Case("association-rejected", requestor(asking()) + acceptor(rejecting(1, 1)),
         "a requestor rejects nothing, whatever it sends",
         requestor(rejecting(1, 1)) + acceptor(build("A-ABORT"))),
    Case("ae-unknown", requestor(asking()) + acceptor(rejecting(1, 7)),
         "another source gives the same number another meaning",
         requestor(asking()) + acceptor(rejecting(2, 7))),
    Case("ae-unknown", requestor(asking()) + acceptor(rejecting(1, 3)),
         "no reason is given",
         requestor(asking()) + acceptor(rejecting(1, 1))),
    Case("ac-echo-differs",
         agreed(accept=lambda one: one.override("Reserved (echo of Called-AE-title)", b"X" * 16)),
         "the titles come back", agreed()),
    # --- presentation contexts ---
    Case("context-refused", requestor(asking()) + acceptor(refusing(1)),
         "for its abstract syntax, which is another finding",
         requestor(asking()) + acceptor(refusing(3))),
    Case("abstract-syntax-unsupported", requestor(asking()) + acceptor(refusing(3)),
         "for its transfer syntaxes", requestor(asking()) + acceptor(refusing(4))),
    Case("transfer-syntax-unsupported", requestor(asking()) + acceptor(refusing(4)),
         "for no reason", requestor(asking()) + acceptor(refusing(2))),
    Case("no-context-accepted", requestor(asking()) + acceptor(refusing(1)),
         "one of two is accepted", requestor(asking(also(CT))) + acceptor(accepting())),
    Case("context-unanswered", requestor(asking(also(CT))) + acceptor(accepting()),
         "both are answered", requestor(asking(also(CT))) + acceptor(accepting(also_accepted))),
    Case("context-id-not-proposed", requestor(asking()) + acceptor(accepting(also_accepted)),
         "it was proposed", requestor(asking(also(CT))) + acceptor(accepting(also_accepted))),
    Case("context-id-not-proposed", requestor(asking()) + acceptor(accepting(also_accepted)),
         "the recording lacks the A-ASSOCIATE-RQ, and the context is refused",
         acceptor(refusing(3))),
    Case("context-id-not-proposed", [*agreed(), *requestor(ask(context=5))],
         "a message in a recording that begins late", requestor(ask(context=5))),
    Case("context-id-not-accepted",
         [*requestor(asking()), *acceptor(refusing(1)), *requestor(ask())],
         "the context was accepted", [*agreed(), *requestor(ask())]),
    Case("transfer-syntax-not-proposed",
         requestor(asking()) + acceptor(made("A-ASSOCIATE-AC", transfer_syntax_name=EXPLICIT)),
         "it was proposed",
         requestor(made("A-ASSOCIATE-RQ", transfer_syntax=[EXPLICIT]))
         + acceptor(made("A-ASSOCIATE-AC", transfer_syntax_name=EXPLICIT))),
    # --- user information ---
    Case("answer-not-proposed", agreed(accept=window(3)),
         "a smaller window than the one proposed", agreed(ask=window(3), accept=window(2))),
    Case("answer-not-proposed", agreed(ask=window(3), accept=window(0)),
         "no limit is proposed, so any window may be answered",
         agreed(ask=window(0), accept=window(3))),
    Case("answer-not-proposed", agreed(CT, role(1, 0), role(1, 1)),
         "a role that was proposed is not granted", agreed(CT, role(1, 1), role(1, 0))),
    Case("answer-not-proposed", agreed(FIND, accept=extended(FIND)),
         "extended negotiation of a SOP Class that was proposed",
         agreed(FIND, extended(FIND), extended(FIND))),
    Case("user-identity-unanswered", agreed(ask=identity(1)),
         "no answer was asked for", agreed(ask=identity(0))),
    Case("max-length-exceeded",
         [*agreed(accept=lambda draft: draft.override("Maximum-length-received", 60)),
          *requestor(ask())],
         "just so long as the acceptor takes",
         [*agreed(accept=lambda draft: draft.override("Maximum-length-received", 74)),
          *requestor(ask())]),
    # --- in which order ---
    Case("sequence-unexpected-pdu", requestor(asking(), ask()) + acceptor(accepting()),
         "the request comes after the A-ASSOCIATE-AC", WHOLE),
    Case("sequence-unexpected-pdu", [*agreed(), *requestor(RELEASE_RQ, ask())],
         "the acceptor may still answer", [*agreed(), *requestor(ask(), RELEASE_RQ),
                                           *acceptor(answer(), RELEASE_RP)]),
    Case("sequence-unexpected-pdu", [*agreed(), *acceptor(RELEASE_RQ), *requestor(RELEASE_RP)],
         "both ask, and their PDUs cross",
         [*agreed(), *acceptor(RELEASE_RQ), *requestor(RELEASE_RQ)]),
    Case("sequence-unexpected-pdu",
         [*agreed(), *acceptor(answer()), *requestor(ask()), *BYE],
         "the answer comes after the request", WHOLE),
    Case("sequence-ignored",
         [*agreed(), *acceptor(PROVIDER_ABORT), *requestor(ask())],
         "before the A-ABORT", [*agreed(), *requestor(ask()), *acceptor(PROVIDER_ABORT)]),
    # --- messages ---
    Case("cmd-data-set-flag", [*agreed(), *requestor(flagged(ask(), 1))],
         "a C-ECHO-RQ says that none follows", WHOLE),
    Case("cmd-data-set-flag", [*agreed(CT), *requestor(flagged(store(), NO_DATA))],
         "the last C-FIND-RSP has none",
         [*agreed(FIND), *requestor(request("C-FIND-RQ", **FOUND), DATA),
          *acceptor(response("C-FIND-RSP", **FOUND))]),
    Case("cmd-data-set-flag", [*agreed(), *requestor(ask(), DATA)],
         "one data set too many for a C-STORE-RQ, which is another finding",
         [*agreed(CT), *requestor(store(), DATA, DATA)]),
    Case("sop-class-mismatch", [*agreed(CT), *requestor(ask())],
         "a member of the meta SOP Class of printing",
         [*agreed(PRINT),
          *requestor(request("N-CREATE-RQ", affected_sop_class_uid=FILM_SESSION))]),
    Case("sop-class-mismatch", [*agreed(CT), *requestor(ask())],
         "padded with a space, which is another finding",
         [*agreed(), *requestor(made("C-ECHO-RQ",
          lambda draft: draft.override("Affected SOP Class UID", b"1.2.840.10008.1.1 ")))]),
    Case("service-not-in-sop-class",
         [*agreed(), *requestor(request("C-FIND-RQ", affected_sop_class_uid="1.2.840.10008.1.1"))],
         "the event of a Unified Procedure Step names another SOP Class than its context",
         [*agreed(UPS_EVENT),
          *acceptor(request("N-EVENT-REPORT-RQ", affected_sop_class_uid=UPS_PUSH,
                            affected_sop_instance_uid="1.2.3", event_type_id=1))]),
    Case("dimse-status", [*agreed(), *requestor(ask()), *acceptor(answer(status=0x0122))],
         "a warning", [*agreed(CT), *requestor(store(), DATA), *acceptor(stored(status=0xB000))]),
    Case("dimse-warning",
         [*agreed(CT), *requestor(store(), DATA), *acceptor(stored(status=0xB000))],
         "Success", [*agreed(CT), *requestor(store(), DATA), *acceptor(stored())]),
    Case("status-not-for-service", [*agreed(), *requestor(ask()), *acceptor(answer(status=0xFF00))],
         "Pending is for a C-FIND",
         [*agreed(FIND), *requestor(request("C-FIND-RQ", **FOUND), DATA),
          *acceptor(flagged(response("C-FIND-RSP", status=0xFF00, **FOUND), 1), DATA)]),
    Case("response-unexpected", [*agreed(), *requestor(ask()), *acceptor(answer(2)), *BYE],
         "two answers in another order than the requests",
         [*agreed(ask=window(2), accept=window(2)), *requestor(ask(1), ask(2)),
          *acceptor(answer(2), answer(1)), *BYE]),
    Case("response-unexpected", [*agreed(), *requestor(ask()), *acceptor(ask())],
         "a C-STORE-RQ within the C-GET with the same Message ID",
         [*requestor(asking(also(CT), role(0, 1), sop_class=GET)),
          *acceptor(accepting(also_accepted, role(0, 1))),
          *requestor(request("C-GET-RQ", affected_sop_class_uid=GET), DATA),
          *acceptor(store(context=3))]),
    Case("response-unexpected",
         [*agreed(CT), *requestor(store(), DATA), *acceptor(answer())],
         "several answers to a C-FIND-RQ that was canceled",
         [*agreed(FIND), *requestor(request("C-FIND-RQ", **FOUND), DATA),
          *acceptor(flagged(response("C-FIND-RSP", status=0xFF00, **FOUND), 1), DATA),
          *requestor(build("C-CANCEL-RQ", message_id_being_responded_to=1)),
          *acceptor(response("C-FIND-RSP", status=0xFE00, **FOUND)), *BYE]),
    Case("request-unanswered", [*agreed(), *requestor(ask()), *BYE],
         "asked behind the A-RELEASE-RQ",
         [*agreed(), *requestor(RELEASE_RQ, ask()), *acceptor(RELEASE_RP), *CLOSE]),
    Case("message-id-reused",
         [*agreed(ask=window(2), accept=window(2)), *requestor(ask(), ask())],
         "the first was answered", [*agreed(), *ECHO, *ECHO]),
    Case("operations-window-exceeded", [*agreed(), *requestor(ask(1), ask(2))],
         "a window of two was agreed on",
         [*agreed(ask=window(2), accept=window(2)), *requestor(ask(1), ask(2))]),
    Case("operations-window-exceeded", [*agreed(), *requestor(ask(1), ask(2), ask(3))],
         "a notice is no operation",
         [*agreed(COMMITMENT),
          *acceptor(request("N-EVENT-REPORT-RQ", 1, event_type_id=1, **REPORT), DATA,
                    request("N-EVENT-REPORT-RQ", 2, event_type_id=1, **REPORT), DATA)]),
    Case("role-not-negotiated", [*agreed(CT), *acceptor(store())],
         "storage commitment, whose notice is the acceptor's to send",
         [*agreed(COMMITMENT),
          *requestor(request("N-ACTION-RQ", action_type_id=1, **ACTION), DATA),
          *acceptor(response("N-ACTION-RSP"),
                    request("N-EVENT-REPORT-RQ", event_type_id=1, **REPORT), DATA)]),
    # --- how it ended ---
    Case("association-aborted", [*agreed(), *ECHO, *requestor(build("A-ABORT"))],
         "released", WHOLE),
    Case("peer-silent", [*requestor(asking()), *pause(5000), *CLOSE],
         "the requestor did not wait", [*requestor(asking()), *CLOSE]),
    Case("peer-silent", [*agreed(), *requestor(ask()), *pause(5000), *requestor(build("A-ABORT"))],
         "half a request is nothing that could be answered",
         [*requestor(bytes(asking())[:90]), *pause(5000), *CLOSE]),
    Case("peer-silent", [*pause(5000), *acceptor(FIN)],
         "the acceptor closed at once", acceptor(FIN)),
    Case("peer-closed", requestor(asking()) + acceptor(RST),
         "it waited for long", [*requestor(asking()), *pause(5000), *CLOSE]),
    Case("peer-closed", [*agreed(), *requestor(ask()), *acceptor(FIN)],
         "all was answered", [*agreed(), *ECHO, *acceptor(FIN)]),
    Case("closed-without-release", [*agreed(), *ECHO, *CLOSE],
         "it was released", WHOLE),
    Case("closed-without-release", [*agreed(), *ECHO, *requestor(RELEASE_RQ, FIN)],
         "it waited for the A-RELEASE-RP",
         [*agreed(), *ECHO, *requestor(RELEASE_RQ), *pause(5000), *CLOSE]),
    Case("release-unanswered", [*agreed(), *ECHO, *requestor(RELEASE_RQ), *acceptor(FIN)],
         "the requestor did not wait for it", [*agreed(), *ECHO, *requestor(RELEASE_RQ, FIN)]),
    Case("release-unanswered",
         [*agreed(), *ECHO, *requestor(RELEASE_RQ), *acceptor(b"noise"), *CLOSE],
         "it was answered", WHOLE),
    Case("peer-closed", [*agreed(), *requestor(ask(), FIN)],
         "it got an answer that cannot be read",
         [*agreed(), *requestor(ask()), *acceptor(b"noise"), *requestor(FIN)]),
    Case("release-unanswered",
         [*agreed(), *requestor(RELEASE_RQ), *acceptor(build("A-ABORT"))],
         "a release of nothing is not answered",
         requestor(RELEASE_RQ) + acceptor(build("A-ABORT"))),
    Case("release-unanswered",
         [*agreed(), *requestor(RELEASE_RQ), *acceptor(build("A-ABORT"))],
         "the upper layer did not understand it",
         [*agreed(), *requestor(b"\5\0\0\0\0\x08" + bytes(8)), *acceptor(PROVIDER_ABORT)]),
    # --- what dissect finds in the bytes of a direction ---
    Case("fragment-order", [*agreed(CT), *requestor(DATA)],
         "behind the command set that announces it", [*agreed(CT), *requestor(store(), DATA)]),
    Case("fragment-incomplete", [*agreed(CT), *requestor(store(), FIN)],
         "the data set ends", [*agreed(CT), *requestor(store(), DATA, FIN)]),
    Case("pdus-unexplained", [*agreed(), *requestor(*[b"\4\0\0\0\0\0"] * 2000)],
         "a hundred are all looked into", [*agreed(), *requestor(*[b"\4\0\0\0\0\0"] * 100)]),
    Case("capture-ends-early", [*agreed(), *ECHO], "it was released", WHOLE),
    Case("connection-encrypted",
         requestor(b"\x16\3\1\0\1\1") + acceptor(b"\x16\3\3\0\1\2"),
         "one side only speaks TLS", requestor(b"\x16\3\1\0\1\1")),
    Case("connection-unused", CLOSE, "something was said", requestor(asking(), FIN)),
)  # fmt: skip

# where the codes that no conversation and no PDU shows have their tests
ELSEWHERE = {
    "tests/dissect/test_associations.py": (
        "capture-one-way", "capture-begins-late", "capture-gap", "capture-bytes-unread",
        "tcp-retransmission-differs",
    ),
    "tests/net/test_echo.py": (
        "name-unresolved", "host-unreachable", "connect-forbidden", "connection-refused",
        "connect-timeout",
    ),
}  # fmt: skip


def conversed(talk: Talk) -> Any:
    """The one association or connection of a conversation."""
    entries, time = [], START
    for sender, what in talk:
        time += MS * (what if isinstance(what, int) else 1)
        if sender is not None and not isinstance(what, int):
            entries.append((time, sender, what))
    capture = from_exchange(entries, *ENDS, since=START)
    [found] = [*capture.associations, *capture.connections]
    return found


def codes(findings: Iterable[Finding]) -> list[str]:
    return [one.code for one in findings]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.code}: {case.near}")
def test_a_conversation_shows_a_finding_and_the_near_miss_does_not(case: Case) -> None:
    assert case.code in codes(conversed(case.fires).findings)
    assert case.code not in codes(conversed(case.miss).findings)


def test_every_finding_has_a_case() -> None:
    covered = {*SHOWN, *(case.code for case in CASES)}
    for file, listed in ELSEWHERE.items():
        text = (ROOT / file).read_text(encoding="utf-8")
        assert [code for code in listed if f'"{code}"' not in text] == [], file
        covered |= {*listed}
    assert covered == set(FINDINGS)


def test_a_whole_association_shows_nothing() -> None:
    assert conversed(WHOLE).findings == ()


# what may be among the bytes that a recording lacks is not missed, and accuses nobody
NEED_ALL = (
    "response-unexpected", "request-unanswered", "message-id-reused", "operations-window-exceeded",
    "context-unanswered", "no-context-accepted", "peer-silent",
)  # fmt: skip
ACCEPTED = ["requestor", "acceptor"]  # who speaks first in an association that was accepted
LACKING = [
    case
    for case in CASES
    if case.code in NEED_ALL and [sender for sender, _ in case.fires[:2]] == ACCEPTED
]


@pytest.mark.parametrize("case", LACKING, ids=lambda case: f"{case.code}: {case.near}")
def test_what_may_be_among_missing_bytes_is_not_missed(case: Case) -> None:
    found = conversed(case.fires)
    line = association_line(found)._replace(missing_bytes={"requestor": 100, "acceptor": 100})
    assert case.code not in codes(lint(line))


def test_what_is_alike_is_listed_up_to_a_limit_and_counted_to_the_last() -> None:
    small = agreed(accept=lambda draft: draft.override("Maximum-length-received", 60))
    found = conversed([*small, *requestor(*[ask()] * 1000)]).findings
    long = [one for one in found if one.code == "max-length-exceeded"]
    assert len(long) == ALIKE + 1
    assert long[-1].what == "900 more of these in this direction"


def test_behind_many_refused_contexts_an_accepted_one_is_still_looked_at() -> None:
    asked, answered = asking(), refusing(3)
    for number in range(11):
        asked.add("Presentation Context", abstract_syntax=f"1.2.840.10008.5.1.4.1.1.{number}")
        answered.add("Presentation Context", result_reason=3)
    answered.override("Presentation Context[11]/Result/Reason", 0)
    answered.override("Presentation Context[11]/Transfer Syntax/Transfer-syntax-name", b"1.2.3")
    found = conversed([*requestor(asked), *acceptor(answered), *BYE]).findings
    refused = [one.what for one in found if one.code == "abstract-syntax-unsupported"]
    assert len(refused) == 9
    assert refused[-1] == "3 more presentation contexts were refused"
    assert "transfer-syntax-not-proposed" in codes(found)


def test_a_sop_class_that_another_context_was_accepted_for_is_offered() -> None:
    asked, answered = asking(), refusing(3)
    asked.add("Presentation Context", abstract_syntax="1.2.840.10008.1.1")
    answered.add("Presentation Context")
    found = conversed([*requestor(asked), *acceptor(answered), *BYE])
    assert "abstract-syntax-unsupported" not in codes(found.findings)
    assert "transfer-syntax-unsupported" in codes(found.findings)
    assert [one.code for one in found.verdict.causes] == ["other-transfer-syntax-only"]


def test_more_open_requests_than_are_kept_accuse_nobody_of_a_stray_answer() -> None:
    many = agreed(ask=window(0), accept=window(0))
    asked = b"".join(bytes(ask(ident)) for ident in range(OPEN + 10))
    answered = b"".join(bytes(answer(ident)) for ident in range(OPEN + 10))
    found = conversed([*many, *requestor(asked), *acceptor(answered), *BYE])
    assert found.findings == ()


@pytest.mark.parametrize(
    ("name", "field"),
    [
        ("A-ASSOCIATE-RQ", "Called-AE-title"),
        ("A-ASSOCIATE-RQ", "Calling-AE-title"),
        ("A-ASSOCIATE-AC", "Reserved (echo of Called-AE-title)"),
        ("A-ASSOCIATE-RQ", "Reserved"),  # there are several
        ("A-ASSOCIATE-RQ", "User Information"),  # stands behind what has no fixed length
    ],
)
def test_a_field_is_pointed_at_without_the_tree_where_the_table_says_where_it_is(
    name: str, field: str
) -> None:
    (pdu,) = decode(bytes(build(name)), start=1000)
    root = pdu.root

    def no_tree() -> Field:
        raise CaptureError("the file is gone")

    bare = replace(pdu, tree=no_tree, span=Span(pdu.start, pdu.stop))
    if field.startswith(("Called", "Calling", "Reserved (")):
        assert span_of(bare, field) == find(root, field).span
    else:
        with pytest.raises(CaptureError):
            span_of(bare, field)
