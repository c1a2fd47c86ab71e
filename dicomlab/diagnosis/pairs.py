"""Two associations, or two PDUs, taken apart into the same fields, each beside its like."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from heapq import merge
from itertools import zip_longest
from operator import itemgetter
from typing import Any, NamedTuple

from dicomlab.diagnosis.rules import RULES, uid_text
from dicomlab.model import (
    Association,
    Field,
    MessageLine,
    Pdu,
    PresentationContext,
    Role,
    Side,
    message_lines,
    pdu_lines,
)
from dicomlab.spec import names
from dicomlab.spec.command import BY_NAME

RQ, AC, P_DATA = "A-ASSOCIATE-RQ", "A-ASSOCIATE-AC", "P-DATA-TF"
CONTEXT = "Presentation Context"
SIDES: tuple[Side, ...] = ("requestor", "acceptor")
ANSWERS = ("-RSP", "(Pending)", "-AC", "-RJ", "-RP")  # how the names of answers end
# what a rejection gives as its reason, by source and reason (PS3.8 Table 9-21)
BLAMED = {
    (1, 2): "Application-context-name",
    (1, 3): "Calling-AE-title",
    (1, 7): "Called-AE-title",
}

MUCH = 3  # a much longer wait is so many times as long,
MUCH_LONGER = 100_000_000  # and so many nanoseconds longer;
DECISIVE = 1_000_000_000  # longer by that, a wait for an answer is what somebody complains of


class Pair(NamedTuple):
    """One field of both. None: it is not there; both None: there is nothing to compare."""

    rule: str  # of RULES
    of: str  # what it is a field of
    a: Any
    b: Any
    about: str = ""  # the UID that tells several of these apart
    at: int | None = None  # or their number, from 0
    because: str = ""  # it decides, and why
    place: int = 0  # among those of its rule


class _One:
    """One of the two associations, with what its PDUs and messages come to in one walk."""

    def __init__(self, association: Association) -> None:
        self.association = association
        self.opening: dict[str, Pdu] = {}  # A-ASSOCIATE-RQ and -AC, if they are whole
        self.was_accepted = False
        self.kinds: Counter[str] = Counter()  # how many messages of each kind
        self.used: set[int] = set()  # presentation contexts that carried messages
        self.waits: dict[str, int] = {}  # nanoseconds: the longest before each kind
        before = association.start_time
        for time, kind in merge(self._pdus(), self._messages(), key=itemgetter(0)):
            before = self._waited(kind, before, time)
        self._waited("end of TCP", before, association.stop_time or 0)

    def _pdus(self) -> Iterator[tuple[int, str]]:
        pdus = self.association.pdus
        for index, line in enumerate(pdu_lines(pdus)):
            self.was_accepted = self.was_accepted or line.type == AC
            if line.type in (RQ, AC) and line.complete and line.type not in self.opening:
                self.opening[line.type] = pdus[index]
            if line.type not in (None, P_DATA):
                yield line.time or 0, line.type

    def _messages(self) -> Iterator[tuple[int, str]]:
        for line in self.messages():
            kind = _kind(line)
            self.kinds[kind] += 1
            self.used.add(line.context_id)
            yield line.time or 0, kind

    def _waited(self, kind: str, before: int | None, time: int) -> int | None:
        if before is None or not time:
            return time or before
        self.waits[kind] = max(self.waits.get(kind, 0), time - before)
        return max(before, time)

    def messages(self, kind: str | None = None) -> Iterator[MessageLine]:
        """All messages, or those of that kind."""
        for line in message_lines(self.association.messages):
            if kind is None or _kind(line) == kind:
                yield line

    def said(self, side: Side) -> Mapping[str, Any]:
        """What a side says in its User Information."""
        return self.association.negotiation.get(side, {})

    @property
    def contexts(self) -> tuple[PresentationContext, ...]:
        """What was proposed."""
        return self.association.presentation_contexts

    @property
    def accepts(self) -> bool:
        """Whether a presentation context was accepted."""
        return any(one.result == 0 for one in self.contexts)

    @property
    def speaks(self) -> bool:
        """Whether there could be messages."""
        return self.was_accepted or bool(self.kinds)


def _kind(line: MessageLine) -> str:
    """What a message is compared with: those of its type that are Pending, or are not."""
    name = line.type if line.type in BY_NAME else "unknown message"
    pending = line.status is not None and names.status_class(line.status) == "Pending"
    return f"{name} (Pending)" if pending else name


def end_of(one: Association) -> tuple[Any, ...]:
    """How it ended: what, by whom, result, source, reason."""
    end = one.outcome
    return end.ended, end.by, end.result, end.source, end.reason


def of_associations(a: Association, b: Association) -> Iterator[Pair]:
    """The fields of two associations; of what only one recording shows, that it does."""
    one, other = _One(a), _One(b)
    yield Pair("address", "requestor", a.requestor.address, b.requestor.address)
    yield Pair("port", "requestor", a.requestor.port, b.requestor.port)
    yield Pair("address and port", "acceptor", str(a.acceptor), str(b.acceptor))
    yield from _asked(one, other)
    yield from _answered(one, other)
    if one.speaks and other.speaks:
        yield from _messages(one, other)
    yield Pair("end", "", end_of(a), end_of(b))
    yield from _waits(one, other)
    yield from _on_the_way(a, b)


def _asked(a: _One, b: _One) -> Iterator[Pair]:
    yield _recorded(RQ, a, b)
    if RQ not in a.opening or RQ not in b.opening:
        return
    one, other = a.association, b.association
    blamed = _blamed(one, other)
    for rule, title_a, title_b in (
        ("Calling-AE-title", one.calling_ae_title, other.calling_ae_title),
        ("Called-AE-title", one.called_ae_title, other.called_ae_title),
        ("Application-context-name", one.application_context, other.application_context),
    ):
        because = "One of the two was rejected because of it." if rule in blamed else ""
        yield Pair(rule, "", title_a, title_b, because=because)
    yield from _contexts(a, b)
    yield from _negotiation(RQ, "requestor", a, b)
    yield Pair("Reserved", RQ, _reserved(a.opening[RQ]), _reserved(b.opening[RQ]))


def _recorded(kind: str, a: _One, b: _One) -> Pair:
    shown = "whole in the recording"
    return Pair(
        "recorded", kind, shown if kind in a.opening else None, shown if kind in b.opening else None
    )


def _blamed(a: Association, b: Association) -> set[str | None]:
    """The fields that a rejection names, where only one was rejected so."""
    reasons = {
        BLAMED.get((one.source or 0, one.reason or 0)) if one.ended == "rejected" else None
        for one in (a.outcome, b.outcome)
    }
    return reasons if len(reasons) > 1 else set()


def _answered(a: _One, b: _One) -> Iterator[Pair]:
    if AC in a.opening and AC in b.opening:
        yield from _negotiation(AC, "acceptor", a, b)
        yield Pair("Reserved", AC, _reserved(a.opening[AC]), _reserved(b.opening[AC]))
    elif a.speaks and b.speaks:
        yield _recorded(AC, a, b)
    elif a.association.outcome.ended == b.association.outcome.ended:  # else the end says it
        yield Pair("answer", AC, "sent" if a.speaks else None, "sent" if b.speaks else None)


def _reserved(pdu: Pdu) -> bytes:
    """The reserved bytes that are not zero."""
    reserved = (leaf.raw for leaf in pdu.leaves() if leaf.role is Role.RESERVED)
    return b"".join(raw for raw in reserved if any(raw))


def _waits(a: _One, b: _One) -> Iterator[Pair]:
    """Where one waited much longer; other waits are as good as alike."""
    for kind in sorted(a.waits.keys() & b.waits.keys()):
        wait_a, wait_b = a.waits[kind], b.waits[kind]
        longer, shorter = max(wait_a, wait_b), min(wait_a, wait_b)
        rule = "longest wait" if kind.endswith(ANSWERS) else "longest pause"
        if longer - shorter < MUCH_LONGER or longer < MUCH * shorter:
            yield Pair(rule, kind, longer, longer)
            continue
        decisive = longer - shorter >= DECISIVE and rule == "longest wait"
        yield Pair(rule, kind, wait_a, wait_b, because=RULES[rule].why if decisive else "")


def _on_the_way(a: Association, b: Association) -> Iterator[Pair]:
    for rule, counts_a, counts_b in (
        ("missing bytes", a.missing_bytes, b.missing_bytes),
        ("retransmitted segments", a.retransmitted_segments, b.retransmitted_segments),
        ("segments out of order", a.out_of_order_segments, b.out_of_order_segments),
    ):
        for side in SIDES:
            yield Pair(rule, side, counts_a.get(side), counts_b.get(side))
    yield Pair("duration", "", _duration(a), _duration(b))


def _duration(one: Association) -> int | None:
    if one.start_time is None or one.stop_time is None:
        return None
    return one.stop_time - one.start_time


# --- presentation contexts ----------------------------------------------------------------------

Both = tuple[PresentationContext | None, PresentationContext | None]


def _contexts(a: _One, b: _One) -> Iterator[Pair]:
    answered = AC in a.opening and AC in b.opening
    by_syntax_a, by_syntax_b = _by_syntax(a), _by_syntax(b)
    for uid in sorted(by_syntax_a.keys() | by_syntax_b.keys()):
        matched = list(_matched(by_syntax_a.get(uid, ()), by_syntax_b.get(uid, ())))
        for number, (one, other) in enumerate(matched):
            at = number if len(matched) > 1 else None
            if one is not None and other is not None:
                yield from _proposed_by_both(uid, at, one, other, answered=answered)
            elif one is not None:
                rule, because = _proposed_by_one(one, a, b)
                yield Pair(rule, CONTEXT, (one.result,), None, uid, at, because)
            elif other is not None:
                rule, because = _proposed_by_one(other, b, a)
                yield Pair(rule, CONTEXT, None, (other.result,), uid, at, because)
    order_a = tuple(uid for uid in by_syntax_a if uid in by_syntax_b)
    order_b = tuple(uid for uid in by_syntax_b if uid in by_syntax_a)
    yield Pair("order of presentation contexts", "", order_a, order_b)


def _by_syntax(one: _One) -> dict[str, list[PresentationContext]]:
    found: dict[str, list[PresentationContext]] = {}
    for context in one.contexts:
        found.setdefault(context.abstract_syntax or "", []).append(context)
    return found


def _matched(a: Sequence[PresentationContext], b: Sequence[PresentationContext]) -> Iterator[Both]:
    """Contexts of one abstract syntax: first those that propose the same, then one by one."""
    rest_a: list[PresentationContext] = []
    rest_b: list[PresentationContext] = []
    for proposed in sorted({frozenset(one.proposed) for one in (*a, *b)}, key=sorted):
        like_a = [one for one in a if frozenset(one.proposed) == proposed]
        like_b = [one for one in b if frozenset(one.proposed) == proposed]
        yield from zip(like_a, like_b, strict=False)
        rest_a += like_a[len(like_b) :]
        rest_b += like_b[len(like_a) :]
    yield from zip_longest(rest_a, rest_b)


def _proposed_by_both(
    uid: str, at: int | None, a: PresentationContext, b: PresentationContext, *, answered: bool
) -> Iterator[Pair]:
    proposed_a, proposed_b = frozenset(a.proposed), frozenset(b.proposed)
    blamed = answered and {a.result, b.result} == {0, 4}  # PS3.8 Table 9-18
    because = "One of the two was refused because of them." if blamed else ""
    yield Pair("Transfer Syntax", CONTEXT, proposed_a, proposed_b, uid, at, because)
    if proposed_a == proposed_b:
        yield Pair("order of transfer syntaxes", CONTEXT, a.proposed, b.proposed, uid, at)
    if answered:
        yield Pair("Result/Reason", CONTEXT, a.result, b.result, uid, at)
        if a.result == b.result:
            yield Pair("Transfer-syntax-name", CONTEXT, a.accepted, b.accepted, uid, at)
    yield Pair("Presentation-context-ID", CONTEXT, a.id, b.id, uid, at)


def _proposed_by_one(context: PresentationContext, its: _One, other: _One) -> tuple[str, str]:
    """The rule for a context that only one proposes, and why it decides, if it does."""
    if context.result:
        return "refused", "" if its.accepts else "It was refused, and no other was accepted."
    if context.id not in its.used:
        return "proposed", ""
    alone = other.speaks and not other.used
    return "used", "It carried messages, and the other association none." if alone else ""


# --- what the User Information says -------------------------------------------------------------


def _user(identity: Mapping[str, Any]) -> tuple[Any, ...]:
    keys = "type", "response_requested", "primary_length", "secondary_length"
    return tuple(identity.get(key) for key in keys)


SINGLE: tuple[tuple[str, str, Callable[[Any], Any]], ...] = (
    ("Maximum Length", "max_pdu_length", int),
    ("Implementation Class UID", "implementation_class_uid", str),
    ("Implementation Version Name", "implementation_version_name", str),
    ("Asynchronous Operations Window", "async_ops_window", tuple),
    ("User Identity Negotiation", "user_identity", _user),
)
BY_CLASS: tuple[tuple[str, str, Callable[[Any], Any]], ...] = (
    ("SCP/SCU Role Selection", "roles", itemgetter("scu", "scp")),
    ("SOP Class Extended Negotiation", "sop_class_extended", itemgetter("info")),
    ("SOP Class Common Extended Negotiation", "sop_class_common_extended",
     itemgetter("service_class")),
)  # fmt: skip
RESPONSE = "user_identity_response_length"


def _negotiation(pdu: str, side: Side, a: _One, b: _One) -> Iterator[Pair]:
    said_a, said_b, place = a.said(side), b.said(side), SIDES.index(side)
    for rule, key, take in SINGLE:
        one, other = (
            None if said.get(key) is None else take(said[key]) for said in (said_a, said_b)
        )
        yield Pair(rule, pdu, one, other, place=place)
    for rule, key, take in BY_CLASS:
        all_a, all_b = (
            {each["sop_class"] or "": take(each) for each in said.get(key, ())}
            for said in (said_a, said_b)
        )
        for uid in sorted(all_a.keys() | all_b.keys()):
            yield Pair(rule, f"{pdu}/{rule}", all_a.get(uid), all_b.get(uid), uid, place=place)
    response_a, response_b = said_a.get(RESPONSE), said_b.get(RESPONSE)
    missed = None in (response_a, response_b) and _wants_response(a) and _wants_response(b)
    because = "Both asked for a response, and only one got it." if missed else ""
    yield Pair("Server-response", pdu, response_a, response_b, because=because)


def _wants_response(one: _One) -> bool:
    identity = one.said("requestor").get("user_identity")
    return bool(identity and identity["response_requested"])


# --- messages -----------------------------------------------------------------------------------


def _status(line: MessageLine) -> tuple[int, str] | None:
    return None if line.status is None else (line.status, line.type.removesuffix("-RSP"))


def _more(key: str) -> Callable[[MessageLine], Any]:
    return lambda line: line.more.get(key)


def _counter(key: str) -> Callable[[MessageLine], Any]:
    return lambda line: line.more.get("suboperations", {}).get(key)


MESSAGE: tuple[tuple[str, Callable[[MessageLine], Any]], ...] = (
    ("SOP Class UID", lambda line: line.sop_class if line.status is None else None),
    ("Move Destination", _more("move_destination")),
    ("Event Type ID", _more("event_type")),
    ("Action Type ID", _more("action_type")),
    ("Priority", _more("priority")),
    ("Data Set", lambda line: line.dataset_bytes),
    ("last fragment", lambda line: line.complete),
    ("Status", _status),
    ("Failed Sub-operations", _counter("failed")),
    ("Completed Sub-operations", _counter("completed")),
    ("Message ID", lambda line: line.message_id),
    ("SOP Instance UID", lambda line: line.sop_instance if line.status is None else None),
)


def _messages(a: _One, b: _One) -> Iterator[Pair]:
    """Messages by their kind and number: the third C-STORE-RQ with the third C-STORE-RQ.

    They are walked through once for each kind, and none is kept: there may be a million.
    """
    for kind in sorted(a.kinds.keys() | b.kinds.keys()):
        if not kind.endswith("-RSP"):  # of answers there are as many as are asked for
            yield Pair("count", kind, a.kinds.get(kind), b.kinds.get(kind))
        if kind.endswith("-RQ") and kind != "C-CANCEL-RQ":
            yield _unanswered(kind, a, b)
        if kind in a.kinds and kind in b.kinds:
            for at, both in enumerate(zip(a.messages(kind), b.messages(kind), strict=False)):
                for rule, of in MESSAGE:
                    yield Pair(rule, kind, of(both[0]), of(both[1]), at=at)
    if a.kinds == b.kinds:
        yield _order(a, b)


def _unanswered(kind: str, a: _One, b: _One) -> Pair:
    response = f"{kind.removesuffix('RQ')}RSP"
    wait_a, wait_b = (max(one.kinds[kind] - one.kinds[response], 0) for one in (a, b))
    alike = a.association.outcome.ended == b.association.outcome.ended  # else the end says it
    because = RULES["unanswered"].why if alike and 0 in (wait_a, wait_b) else ""
    return Pair("unanswered", kind, wait_a, wait_b, because=because)


def _order(a: _One, b: _One) -> Pair:
    """The first message that is not of the same kind."""
    for at, (one, other) in enumerate(zip(a.messages(), b.messages(), strict=False)):
        if _kind(one) != _kind(other):
            return Pair("order", "message", _kind(one), _kind(other), at=at)
    return Pair("order", "order of messages", "alike", "alike")


# --- PDUs ---------------------------------------------------------------------------------------

CHOSEN = {
    "Presentation-context-ID", "Message ID", "Message ID Being Responded To",
    "Affected SOP Instance UID", "Requested SOP Instance UID",
}  # fmt: skip
BY_ROLE = {Role.LENGTH: "length", Role.RESERVED: "reserved"}


class Matched(NamedTuple):
    """What stands at the same path in two structures; None where only one has it."""

    path: str
    within: str  # the name of what it is part of
    a: Field | None
    b: Field | None


def matched(a: Field, b: Field, path: str = "") -> Iterator[Matched]:
    """The leaves of two structures by their paths; of what only one has, the whole."""
    steps_a, steps_b = _steps(a), _steps(b)
    for step in sorted(steps_a.keys() | steps_b.keys()):
        one, other = steps_a.get(step), steps_b.get(step)
        if one is not None and other is not None and one.children and other.children:
            yield from matched(one, other, f"{path}{step}/")
        else:
            yield Matched(f"{path}{step}", a.name, one, other)


def of_pdus(a: Pdu, b: Pdu) -> Iterator[Pair]:
    """The leaves of two PDUs by their paths; an item that only one has stands for all in it."""
    for path, within, one, other in matched(a.root, b.root):
        both = ((each, pdu.start) for each, pdu in ((one, a), (other, b)))
        there = [(each, each.start - start) for each, start in both if each is not None]
        first = there[0][0]
        chosen = not CHOSEN.isdisjoint((within, first.name))
        yield Pair(
            BY_ROLE.get(first.role, "chosen" if chosen else "field"),
            path,
            None if one is None else _value(one),
            None if other is None else _value(other),
            place=min(place for _, place in there),
        )


def _steps(field: Field) -> dict[str, Field]:
    """What a field is made of; what stands there several times is numbered."""
    seen: Counter[str] = Counter()
    found = {}
    for child in field.children or (field,):
        step = f"{child.name}{_about(child)}"
        found[f"{step}[{seen[step]}]" if seen[step] else step] = child
        seen[step] += 1
    return found


def _value(field: Field) -> tuple[str, bytes, bool]:
    """What a field says, its bytes, and whether those are a secret."""
    hidden = any(one.secret for one in field.walk())
    return field.text or f"{len(field.span):,} bytes", field.raw, hidden


def _about(item: Field) -> str:
    """The UID that tells an item from others of its name, if it has one."""
    for one in item.children:
        if one.name in ("Abstract Syntax", "SOP-class-uid"):
            *_, last = one.leaves()
            return f"[{uid_text(last.value) if isinstance(last.value, str) else last.text}]"
    return ""
