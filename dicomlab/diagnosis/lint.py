"""Rules over an association: what takes both directions, their order, time or state to be seen.

What one PDU shows by itself is found by the codec, what only a file shows by the dissector. A rule
here is a small function over an association as a line; it says what it found and what that points
at. Trees of PDUs are made only for what was found.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import islice
from typing import Any, NamedTuple

from dicomlab.model import (
    AssociationLine,
    CaptureError,
    Connection,
    Finding,
    MessageLine,
    Pdu,
    PduLine,
    Side,
    Span,
    printable,
)
from dicomlab.protocol.codec import PDU_HEADER
from dicomlab.protocol.leaves import finding
from dicomlab.protocol.replay import Illegal, sides_lacking, unexpected
from dicomlab.spec import command, names
from dicomlab.spec.pdu import PDUS
from dicomlab.spec.services import may_stand_in, services_of
from dicomlab.spec.statuses import is_listed, status_text

ALIKE = 100  # findings of one code and side that are listed of an association
BRIEF = 16  # PDUs of an association whose order is remembered
OPEN = 4096  # requests that are open, or answers that came first, of one side

_ACCEPTED, _USER_REJECTION, _NO_REASON, _NO_ABSTRACT, _NO_TRANSFER = range(5)  # PS3.8 Table 9-18
_PROVIDER = 2  # source of an A-ABORT
_CALLING_UNKNOWN, _CALLED_UNKNOWN = (1, 3), (1, 7)  # source and reason of an A-ASSOCIATE-RJ
_HEADERS = PDU_HEADER + 6  # bytes of a PDU and a PDV before the fragment (PS3.8 Table 9-23)
_MANY_REFUSED = 8  # presentation contexts that are told one by one
_UID_LIMIT = 64  # characters (PS3.5 9.1)
_UNLIMITED = 1 << 32  # more than any PDU-length

_NOTICES = ("N-EVENT-REPORT-RQ",)  # requests of an SCP, which ask for no operation
SAYS = ", and says:"  # before what a peer says itself


class Where(NamedTuple):
    """What a finding points at: whose bytes, in which PDU, which field or bytes of it."""

    sender: Side | None = None
    pdu: int | None = None  # its index
    path: str | None = None  # of a field in it
    span: tuple[int, int] | None = None  # bytes of the sender's stream, where there is no field


class Said(NamedTuple):
    """What a rule has found."""

    code: str
    what: str
    where: Where
    quoted: str | None = None  # a field whose text is added, where the PDU has it


def lint(association: AssociationLine) -> tuple[Finding, ...]:
    """What breaks a rule in an association, or is worth knowing of it; rule by rule."""
    course = _course(association)
    report = _Report(association)
    for rule in RULES:
        for said in rule(association, course):
            report.add(said)
    return report.findings()


class _Report:
    """Findings as they come; those that are alike are listed up to a limit, and counted."""

    def __init__(self, association: AssociationLine) -> None:
        self._association = association
        self._found: list[Finding] = []
        self._alike: Counter[tuple[str, Side | None]] = Counter()

    def add(self, said: Said) -> None:
        key = said.code, said.where.sender
        self._alike[key] += 1
        if self._alike[key] <= ALIKE:
            self._found.append(_pointed(said, self._association))

    def findings(self) -> tuple[Finding, ...]:
        more = (
            finding(code, f"{number - ALIKE:,} more of these in this direction", sender=sender)
            for (code, sender), number in self._alike.items()
            if number > ALIKE
        )
        return (*self._found, *more)


def _pointed(said: Said, association: AssociationLine) -> Finding:
    """The finding, with the bytes and the frames that it points at."""
    sender, index, path, span = said.where
    what, frames = said.what, association.frames
    place = Span(*span) if span is not None else None
    if index is not None:
        pdu = association.look(index)
        sender, frames = sender or pdu.sender, pdu.frames
        place = pdu.span if place is None else place
        if path is not None:
            with suppress(KeyError, CaptureError):  # there are several, or the file is gone
                place = span_of(pdu, path)
        if said.quoted is not None:
            with suppress(KeyError, CaptureError):
                what += f"{SAYS} {pdu[said.quoted]['Value'].text!r}"
    return finding(said.code, what, place, sender=sender, frames=frames)


def span_of(pdu: Pdu, path: str) -> Span:
    """Where a field's bytes lie; the tree is made only if the table alone does not say it."""
    fixed = _fixed(pdu.type, path)
    if fixed is None or pdu.start + fixed.stop > pdu.stop:
        return pdu[path].span
    return Span(pdu.start + fixed.start, pdu.start + fixed.stop)


@lru_cache
def _fixed(kind: str | None, name: str) -> Span | None:
    """Where a row stands in every PDU of a type, if all rows before it have a known size."""
    at = 0
    rows = next((one.rows for one in PDUS.values() if one.name == kind), ())
    for row in rows:
        if row.known_size is None or [one.name for one in rows].count(name) > 1:
            return None
        if row.name == name:
            return Span(at, at + row.known_size)
        at += row.known_size
    return None


# --- the course: what one look at the PDUs gives --------------------------------------------------


@dataclass(slots=True)
class _Course:
    """Where the PDUs stand that rules ask for."""

    first: dict[str, int] = field(default_factory=dict)  # type → index of the first of it
    cut: set[str] = field(default_factory=set)  # types of which the first is not whole
    released_by: Side | None = None  # who asked for the release first
    collision: bool = False  # the other side asked for it as well
    babbled: Side | None = None  # who sent bytes that are no PDU as the last word
    too_long: bool = False  # there are P-DATA-TF that the receiver does not take

    @property
    def agreed(self) -> bool:
        """Whether all is known that was proposed and answered."""
        return self.first.keys() >= _AGREEMENT and not _AGREEMENT & self.cut


_OPPOSITE: Mapping[Side, Side] = {"requestor": "acceptor", "acceptor": "requestor"}
_OPENING = ("A-ASSOCIATE-RQ", "A-ASSOCIATE-AC", "A-ASSOCIATE-RJ")
_AGREEMENT = {"A-ASSOCIATE-RQ", "A-ASSOCIATE-AC"}


def _course(association: AssociationLine) -> _Course:
    course = _Course()
    limits = _limits(association)
    first = course.first
    for index, pdu in enumerate(association.pdus):
        sender, kind = pdu.sender, pdu.type or ""
        if kind not in first:
            first[kind] = index
            if kind == "A-RELEASE-RQ":
                course.released_by = sender
            if not pdu.complete:
                course.cut.add(kind)
        elif kind == "A-RELEASE-RQ" and sender != course.released_by:
            course.collision = True
        if kind == "P-DATA-TF" and sender is not None and _length(pdu) > limits[sender]:
            course.too_long = True
        course.babbled = None if kind else sender
    return course


def _limits(association: AssociationLine) -> dict[Side, int]:
    """How long the P-DATA-TF of a side may be: as its peer says (PS3.8 D.1)."""
    stated = {side: association.negotiation[side].get("max_pdu_length") for side in _OPPOSITE}
    return {side: stated[peer] or _UNLIMITED for side, peer in _OPPOSITE.items()}


def _length(pdu: PduLine) -> int:
    """The PDU-length, as far as the PDU is there."""
    return pdu.end - pdu.start - PDU_HEADER


# --- how it was answered, and how it ended ----------------------------------------------------


def _rejection(association: AssociationLine, course: _Course) -> Iterator[Said]:
    ended, by, result, source, reason = association.outcome
    if ended != "rejected" or by != "acceptor":  # a requestor has nothing to reject
        return
    where = Where(by, course.first.get("A-ASSOCIATE-RJ"))
    kind = names.REJECT_RESULTS.get(result, "rejected")
    meaning = names.REJECT_REASONS.get((source, reason), "a reason that the standard reserves")
    codes = f"result {result}, source {source}, reason {reason}"
    yield Said("association-rejected", f"{meaning} ({kind}; {codes})", where)
    request = course.first.get("A-ASSOCIATE-RQ")
    if (source, reason) == _CALLING_UNKNOWN:
        what = f"{_title(association.calling_ae_title)} is not known as a calling AE title"
        yield Said("ae-unknown", what, Where("requestor", request, "Calling-AE-title"))
    if (source, reason) == _CALLED_UNKNOWN:
        what = f"{_title(association.called_ae_title)} is not known as a called AE title"
        yield Said("ae-unknown", what, Where("requestor", request, "Called-AE-title"))


def _ending(association: AssociationLine, course: _Course) -> Iterator[Said]:
    """An end that is no release."""
    ended, by, _, source, reason = association.outcome
    if ended == "aborted":
        yield from _abortion(association, course, by, source, reason)
    elif ended == "unanswered" and "A-ASSOCIATE-RQ" not in course.cut:
        yield from _not_answered(association, by, "the A-ASSOCIATE-RQ", "acceptor")
    elif ended == "closed-without-release":
        yield from _unreleased(association, course, by)


def _unreleased(association: AssociationLine, course: _Course, by: Side) -> Iterator[Said]:
    """The connection was closed, whatever was asked or open."""
    answered = course.babbled == _OPPOSITE[by]  # if with nothing that can be read
    hasty = course.released_by == by and not answered and _hurried(association)
    awaited = _owing(association)
    if awaited is not None:
        if not answered:
            yield from _not_answered(association, by, "the request", awaited)
    elif course.released_by is not None and not hasty:
        yield _release_unanswered(course, "the connection was closed instead")
        if by != course.released_by:
            what = f"the {by} {_closed(association)} it in place of an answer"
            yield Said("peer-closed", what, Where(by))
    else:
        what = f"the {by} {_closed(association)} the connection"
        yield Said("closed-without-release", what, Where(by))


def _abortion(
    association: AssociationLine, course: _Course, by: Side, source: Any, reason: Any
) -> Iterator[Said]:
    awaited = _owing(association)
    associated = "A-ASSOCIATE-AC" in course.first or sides_lacking(association)
    # an upper layer that aborts has not understood the A-RELEASE-RQ
    refused = source == _PROVIDER and by != course.released_by
    if course.released_by is not None and associated and awaited is None and not refused:
        yield _release_unanswered(course, "an A-ABORT came instead")
        return
    meaning = names.ABORT_REASONS.get((source, reason), "a reason that the standard reserves")
    who = "the application" if source == 0 else "the upper layer"
    said = "" if source == 0 else f": {meaning}"
    what = f"by {who} of the {by} (source {source}, reason {reason}){said}"
    yield Said("association-aborted", what, Where(by, course.first.get("A-ABORT")))
    waited = _waited(association, by)
    if awaited is not None and awaited != by and waited is not None and waited >= PATIENCE:
        what = f"the {awaited} said nothing for {seconds(waited)}, then the {by} gave up"
        yield Said("peer-silent", what, Where(awaited))


def _release_unanswered(course: _Course, how: str) -> Said:
    return Said("release-unanswered", how, Where(None, course.first["A-RELEASE-RQ"]))


def _not_answered(
    association: AssociationLine, by: Side, what: str, awaited: Side
) -> Iterator[Said]:
    """Whoever should have answered closed the connection, or kept silent until the other did."""
    if by == awaited:
        how = f"the {by} {_closed(association)} the connection, and left {what} open"
        yield Said("peer-closed", how, Where(by))
    elif _hurried(association):
        how = f"the {by} {_closed(association)} the connection, and did not wait for the answer"
        yield Said("peer-closed", how, Where(by))
    else:
        since = _quiet(association)
        long = f" for {seconds(since)}" if since is not None else ""
        how = f"{what} got no answer{long}, then the {by} gave up"
        yield Said("peer-silent", how, Where(awaited))


PATIENCE = 200_000_000  # nanoseconds of silence that somebody may have given up for


def seconds(nanoseconds: int) -> str:
    """A time span in words: ``1.2 s``."""
    return f"{nanoseconds / 1e9:.3g} s"


def _closed(association: AssociationLine) -> str:
    """How the connection was ended first."""
    ends = association.endings
    return "reset" if ends and ends[0].kind == "RST" else "closed"


def _hurried(association: AssociationLine) -> bool:
    """Whether the connection was ended sooner than anybody can be expected to answer."""
    quiet = _quiet(association)
    return quiet is not None and quiet < PATIENCE


def _quiet(association: AssociationLine) -> int | None:
    """How long nothing came before the connection was ended, in nanoseconds."""
    end = next((one.time for one in association.endings if one.time is not None), 0)
    before = (one.time for one in association.pdus if one.time is not None and one.time <= end)
    latest = max(before, default=None)
    return end - latest if latest is not None else None


def _waited(association: AssociationLine, by: Side) -> int | None:
    """How long nothing had been said when ``by`` sent its last PDU, in nanoseconds."""
    before: int | None = None
    latest: int | None = None
    waited: int | None = None
    for one in association.pdus:
        if one.time is None:
            continue
        before, latest = latest, max(latest or one.time, one.time)
        if one.sender == by:
            waited = one.time - before if before is not None else None
    return waited


def awaited_from(association: AssociationLine) -> Side | None:
    """Who owes the next PDU: the answer to an A-ASSOCIATE-RQ, or to a request; else None."""
    opened = {one.type for one in association.pdus if one.type in _OPENING}
    if opened == {"A-ASSOCIATE-RQ"}:
        return "acceptor"
    deaf = _deaf(association)
    open_requests: dict[tuple[Side, Any], Side] = {}
    for one in association.messages:
        if one.type.endswith("-RSP"):
            unheard = one.time is not None and one.time > deaf.get(_OPPOSITE[one.sender], one.time)
            if not unheard and names.status_class(one.status or 0) != "Pending":
                open_requests.pop((_OPPOSITE[one.sender], one.responding_to), None)
        elif one.type != "C-CANCEL-RQ" and one.complete and len(open_requests) < OPEN:
            open_requests[one.sender, one.message_id] = _OPPOSITE[one.sender]
    return next(reversed(open_requests.values()), None)  # within a C-GET: that of its C-STORE


def _deaf(association: AssociationLine) -> dict[Side, int]:
    """Who heard nothing any more, and since when: who had sent a FIN, and then a RST in answer."""
    closed: dict[Side, int] = {}
    found: dict[Side, int] = {}
    for one in association.endings:
        if one.kind == "FIN" and one.time is not None:
            closed.setdefault(one.sender, one.time)
        elif one.kind == "RST" and one.sender in closed:
            found.setdefault(one.sender, closed[one.sender])
    return found


def _owing(association: AssociationLine) -> Side | None:
    """The same, where the answer is not among the bytes that the recording lacks."""
    awaited = awaited_from(association)
    return None if awaited is None or association.missing_bytes[awaited] else awaited


# --- in which order ---------------------------------------------------------------------------


def _sequence(association: AssociationLine, course: _Course) -> Iterator[Said]:
    """PDUs that PS3.8 Table 9-10 allows in no state that the receiver may be in."""
    lacking = sides_lacking(association)
    order = tuple([(one.sender, one.type) for one in islice(association.pdus, BRIEF + 1)])
    known = len(order) <= BRIEF and not lacking and _is_in_order(order)
    for one in () if known else unexpected(association.pdus, lacking):
        over = one.ignored or one.state == "Sta13"  # it may have been on its way
        excused = over and not _after_own_release(one, course)
        code = "sequence-ignored" if excused else "sequence-unexpected-pdu"
        what = f"{one.type or 'what is no PDU'} is {one}"
        yield Said(code, what, Where(one.sender, one.index))
    release = course.first.get("A-RELEASE-RQ")
    if release is not None and course.released_by == "acceptor" and not course.collision:
        what = "the acceptor asks for the release, which is the requestor's to do"
        yield Said("sequence-unexpected-pdu", what, Where("acceptor", release))


def _after_own_release(one: Illegal, course: _Course) -> bool:
    """Whether it is data of who had asked for the release: not even crossing explains that."""
    asked = one.sender == course.released_by and one.index > course.first["A-RELEASE-RQ"]
    return asked and one.type == "P-DATA-TF"


@lru_cache(maxsize=1024)
def _is_in_order(order: tuple[tuple[Side | None, str | None], ...]) -> bool:
    """Whether PDUs may come so; few conversations differ in that."""
    pdus = [PduLine(sender, kind, 0, 0, None, None, True) for sender, kind in order]
    return not any(unexpected(pdus))


# --- what was agreed on -----------------------------------------------------------------------


def _echo(association: AssociationLine, course: _Course) -> Iterator[Said]:
    if association.echoed is False:
        what = "the AE titles did not come back as they were sent"
        path = "Reserved (echo of Called-AE-title)"
        yield Said(
            "ac-echo-differs", what, Where("acceptor", course.first.get("A-ASSOCIATE-AC"), path)
        )


def _contexts(association: AssociationLine, course: _Course) -> Iterator[Said]:
    """What became of each presentation context; of many that were refused, the first are told."""
    accept = course.first.get("A-ASSOCIATE-AC")
    if accept is None or course.cut & {"A-ASSOCIATE-RQ", "A-ASSOCIATE-AC"}:
        return
    if _all_agreed(association.presentation_contexts):
        return
    # what was not proposed, or not answered, may be among missing bytes
    asked = "A-ASSOCIATE-RQ" in course.first and not any(association.missing_bytes.values())
    where = Where("acceptor", accept)
    taken = {one[1]: one[0] for one in association.presentation_contexts if one[3] == _ACCEPTED}
    refused = 0
    more: Counter[str] = Counter()  # that were refused, by what is found of them
    for context in association.presentation_contexts:
        for said in _context(context, where, taken, asked=asked):
            refused += context[3] not in (None, _ACCEPTED)
            if refused <= _MANY_REFUSED or context[3] in (None, _ACCEPTED):
                yield said
            else:
                more[said.code] += 1
    for code, number in more.items():
        yield Said(code, f"{number} more presentation contexts were refused", where)
    results = [one[3] for one in association.presentation_contexts]
    if asked and results and _ACCEPTED not in results:
        many = len(results)
        what = f"of {many} presentation context{'s' if many != 1 else ''} none was accepted"
        yield Said("no-context-accepted", what, where)


def _all_agreed(contexts: tuple[tuple[Any, ...], ...]) -> bool:
    """Whether each was accepted with a transfer syntax that was proposed; most are."""
    return bool(contexts) and all(one[3] == _ACCEPTED and one[4] in one[2] for one in contexts)


def _context(
    context: tuple[Any, ...], accept: Where, taken: Mapping[Any, int], *, asked: bool
) -> Iterator[Said]:
    """What became of one; ``taken`` are accepted contexts by their abstract syntax."""
    ident, abstract, proposed, result, accepted = context
    if not asked and result in (None, _ACCEPTED):
        return
    where = accept._replace(path=f"Presentation Context[id={ident}]")
    name = f"presentation context {ident}"
    if asked and abstract is None and not proposed:
        yield Said("context-id-not-proposed", f"{name} was never proposed", where)
    elif result is None:
        yield Said("context-unanswered", f"{name} has no answer", accept)
    elif result != _ACCEPTED:
        yield _refused(ident, abstract, proposed, result, where, taken.get(abstract))
    elif accepted is not None and accepted not in proposed:
        what = f"{name} was accepted with {_uid(accepted)}"
        yield Said("transfer-syntax-not-proposed", what, where)


def _refused(
    ident: int,
    abstract: str | None,
    proposed: tuple[str, ...],
    result: int,
    where: Where,
    taken: int | None,
) -> Said:
    name = f"presentation context {ident}, {_uid(abstract)}"
    if result == _NO_TRANSFER or (result == _NO_ABSTRACT and taken is not None):
        what = f"{name}: none of {', '.join(map(_uid, proposed[:4]))} is taken"
        offered = f"; {_uid(abstract)} itself is, in context {taken}" if taken is not None else ""
        return Said("transfer-syntax-unsupported", what + offered, where)
    if result == _NO_ABSTRACT:
        return Said("abstract-syntax-unsupported", f"{name}, is not offered", where)
    meaning = names.CONTEXT_RESULTS.get(result, f"result {result}")
    return Said("context-refused", f"{name}: {meaning}", where)


def _answers(association: AssociationLine, course: _Course) -> Iterator[Said]:
    """What the acceptor answers of the user information, against what was proposed."""
    if not course.agreed:
        return
    accept = course.first["A-ASSOCIATE-AC"]
    asked, answered = association.negotiation["requestor"], association.negotiation["acceptor"]
    for what in _beyond(asked, answered):
        yield Said("answer-not-proposed", what, Where("acceptor", accept, "User Information"))
    if _wants_answer(asked) and "user_identity_response_length" not in answered:
        what = "the requestor asked for an answer to its user identity"
        yield Said("user-identity-unanswered", what, Where("acceptor", accept))


def _wants_answer(asked: Mapping[str, Any]) -> bool:
    identity = asked.get("user_identity")
    return bool(identity and identity["response_requested"])


def _beyond(asked: Mapping[str, Any], answered: Mapping[str, Any]) -> Iterator[str]:
    """What of an answer goes beyond the proposal (PS3.7 D.3.3)."""
    window, most = answered.get("async_ops_window"), asked.get("async_ops_window")
    if window and not most:
        yield "an Asynchronous Operations Window is answered, and none was proposed"
    elif window and most and any(map(_exceeds, window, most)):
        yield f"a window of {window[0]}/{window[1]} is answered, and {most[0]}/{most[1]} proposed"
    if "user_identity_response_length" in answered and not _wants_answer(asked):
        yield "a user identity is answered, and no answer was asked for"
    known = {one["sop_class"] for one in asked.get("sop_class_extended", ())}
    for one in answered.get("sop_class_extended", ()):
        if one["sop_class"] not in known:
            yield f"extended negotiation for {_uid(one['sop_class'])} was not proposed"
    proposed = {one["sop_class"]: one for one in asked.get("roles", ())}
    for role in answered.get("roles", ()):
        ours = proposed.get(role["sop_class"], {})
        granted = [name for name in ("scu", "scp") if role[name] and not ours.get(name)]
        if granted:
            what = f"the {' and '.join(granted).upper()} role for {_uid(role['sop_class'])}"
            yield f"{what} is granted, and was not proposed"


def _exceeds(answered: int | None, asked: int | None) -> bool:
    """Whether more operations are answered than asked for; 0 is any number."""
    return bool(asked) and answered is not None and not 0 < answered <= (asked or 0)


def _lengths(association: AssociationLine, course: _Course) -> Iterator[Said]:
    limits = _limits(association)
    for index, pdu in enumerate(association.pdus) if course.too_long else ():
        limit = limits[pdu.sender] if pdu.sender is not None else _UNLIMITED
        if pdu.type == "P-DATA-TF" and _length(pdu) > limit:
            what = f"a PDU-length of {_length(pdu):,}, where {limit:,} is the most"
            yield Said("max-length-exceeded", what, Where(pdu.sender, index))


# --- messages ---------------------------------------------------------------------------------


def _messages(association: AssociationLine, course: _Course) -> Iterator[Said]:
    dialogue = _Dialogue(association, course)
    for message in association.messages:
        yield from dialogue.next(message)
    yield from dialogue.rest()


class _Dialogue:
    """The messages of an association, one after the other, and the requests that are open."""

    def __init__(self, association: AssociationLine, course: _Course) -> None:
        self._agreed = course.agreed
        # what is not there may be among the missing bytes, or before the recording began
        self._whole = self._agreed and not any(association.missing_bytes.values())
        # what is asked behind the A-RELEASE-RQ gets no answer any more
        self._answerable = course.first.get("A-RELEASE-RQ", 0)
        self._released = association.outcome[0] == "released"
        self._contexts = {one[0]: (one[1], one[3]) for one in association.presentation_contexts}
        self._negotiated = association.negotiation["acceptor"]
        self._open: dict[tuple[Side, int], MessageLine] = {}
        self._operations: Counter[Side] = Counter()  # that are open
        self._early: dict[tuple[Side, int], MessageLine] = {}  # answers without a request so far
        self._strays = [one for one in association.findings if one.code == "fragment-order"]

    def next(self, message: MessageLine) -> Iterator[Said]:
        """What the next message shows."""
        context = self._contexts.get(message.context_id)
        kind = _Kind(
            message.type,
            message.context_id,
            _plain(message.sop_class),
            message.status,
            message.announces,
            context,
            self._agreed,
        )
        for code, what, path in _shown_alone(kind):
            quoted = "Error Comment" if path == "Status" else None
            yield Said(code, what, _of(message, path), quoted)
        if self._strays and message.announces is False and self._brings_data(message):
            what = f"{message.type} says that no data set follows, and one does"
            yield Said("cmd-data-set-flag", what, _of(message, "Command Data Set Type"))
        if message.type.endswith("-RSP"):
            if self._whole and message.responding_to is not None:
                yield from self._response(message, message.responding_to)
        elif message.type.endswith("-RQ") and message.message_id is not None:
            if message.sender == "acceptor" and not self._may_ask(message):
                yield self._out_of_role(message, message.message_id)
            elif self._whole:
                yield from self._request(message, message.message_id)

    def rest(self) -> Iterator[Said]:
        """What is left when all messages have been."""
        if not self._whole:
            return
        for message in self._early.values():
            what = f"{message.type} answers Message ID {message.responding_to}, which is not open"
            yield Said("response-unexpected", what, _of(message))
        for message in self._open.values() if self._released else ():
            if message.first is None or message.first < self._answerable:
                what = f"{message.type} with Message ID {message.message_id} was never answered"
                yield Said("request-unanswered", what, _of(message))

    def _brings_data(self, message: MessageLine) -> bool:
        """Whether a data set follows at once that belongs to nothing."""
        return any(
            one.sender == message.sender
            and one.span is not None
            and 0 <= one.span.start - message.end <= _HEADERS
            for one in self._strays
        )

    def _may_ask(self, message: MessageLine) -> bool:
        """Whether who accepted the association may ask for this (PS3.7 D.3.3.4)."""
        if not self._agreed or message.type in _NOTICES:  # which are the SCP's to send
            return True
        sop_class = self._sop_class(message)
        return any(
            one["scp"] and one["sop_class"] == sop_class  # the role in which the requestor answers
            for one in self._negotiated.get("roles", ())
        )

    def _sop_class(self, message: MessageLine) -> str | None:
        context = self._contexts.get(message.context_id)
        return _plain(message.sop_class) or (context[0] if context else None)

    def _out_of_role(self, message: MessageLine, ident: int) -> Said:
        asked = self._open.get(("requestor", ident))
        if asked is not None and asked.type == message.type:
            what = f"a {message.type} with the same Message ID came back in answer"
            return Said("response-unexpected", what, _of(message, "Command Field"))
        what = f"the acceptor sent {message.type} for {_uid(self._sop_class(message))}"
        return Said("role-not-negotiated", what, _of(message))

    def _request(self, message: MessageLine, ident: int) -> Iterator[Said]:
        key = message.sender, ident
        early = self._early.pop(key, None)
        if early is not None:
            what = f"{early.type} came before the {message.type} that it answers"
            yield Said("sequence-unexpected-pdu", what, _of(early))
            return
        if key in self._open:
            what = f"{message.type} has Message ID {ident}, as one that is open"
            yield Said("message-id-reused", what, _of(message, "Message ID"))
            self._ended(key)
        elif len(self._open) == OPEN:
            self._whole = False  # what is not kept cannot be missed
            return
        self._open[key] = message
        if message.type not in _NOTICES:
            self._operations[message.sender] += 1
            yield from self._window(message)

    def _ended(self, key: tuple[Side, int]) -> None:
        """A request is open no more."""
        request = self._open.pop(key)
        if request.type not in _NOTICES:
            self._operations[request.sender] -= 1

    def _window(self, message: MessageLine) -> Iterator[Said]:
        """Whether it is one more open operation than may be (PS3.7 D.3.3.3)."""
        most = _window_of(self._negotiated, message.sender)
        count = self._operations[message.sender]
        if 0 < most < count:
            what = f"with this {message.type} {count:,} requests are open, where {most} may be"
            yield Said("operations-window-exceeded", what, _of(message))

    def _response(self, message: MessageLine, ident: int) -> Iterator[Said]:
        key = _OPPOSITE[message.sender], ident
        request = self._open.get(key)
        if request is None:
            if len(self._early) < OPEN:
                self._early[key] = message
            return
        if names.status_class(message.status or 0) != "Pending":
            self._ended(key)
        if request.type.removesuffix("-RQ") != message.type.removesuffix("-RSP"):
            what = f"{message.type} answers a {request.type}"
            yield Said("response-unexpected", what, _of(message, "Command Field"))
        elif request.context_id != message.context_id:
            what = f"{message.type} came in presentation context {message.context_id}, the request"
            what += f" in {request.context_id}"
            yield Said("response-unexpected", what, _of(message, "Presentation-context-ID"))


def _window_of(negotiated: Mapping[str, Any], side: Side) -> int:
    """How many requests of a side may be open; 0: any number."""
    window = negotiated.get("async_ops_window")
    most = window[side == "acceptor"] if isinstance(window, list) else 1
    return most if isinstance(most, int) else 1


# --- one message beside its presentation context ----------------------------------------------


class _Kind(NamedTuple):
    """A message as far as it shows something by itself; many are of one kind."""

    type: str
    context_id: int
    named: str | None  # the SOP Class that it names
    status: int | None
    announces: bool | None
    context: tuple[str | None, int | None] | None  # abstract syntax and result
    agreed: bool  # both A-ASSOCIATE PDUs are there

    @property
    def sop_class(self) -> str | None:
        """The SOP Class that it is for."""
        return self.named or (self.context[0] if self.context else None)

    @property
    def serving(self) -> str | None:
        """The SOP Class whose services it may ask for: that of the context, if it belongs there."""
        abstract = self.context[0] if self.context else None
        if self.named and abstract and may_stand_in(self.named, abstract):
            return abstract
        return self.sop_class

    @property
    def service(self) -> str:
        """The DIMSE service that it belongs to."""
        return self.type.removesuffix("-RQ").removesuffix("-RSP")


Alone = tuple[str, str, str]  # (code, what, path of the field)


@lru_cache(maxsize=1024)
def _shown_alone(kind: _Kind) -> tuple[Alone, ...]:
    row = command.BY_NAME.get(kind.type)
    found = [*_in_context(kind)]
    if row is not None:
        found += _flagged(kind, row.data_set)
        if kind.type.endswith("-RSP"):
            found += _status(kind)
        elif kind.type != "C-CANCEL-RQ":
            found += _service(kind)
    return tuple(found)


def _in_context(kind: _Kind) -> Iterator[Alone]:
    if not kind.agreed:
        return
    abstract, result = kind.context or (None, None)
    came = f"{kind.type} came in presentation context {kind.context_id}"
    if abstract is None:
        yield "context-id-not-proposed", came, "Presentation-context-ID"
    elif result != _ACCEPTED:
        what = f"{came}, which was not accepted"
        yield "context-id-not-accepted", what, "Presentation-context-ID"
    elif kind.named is not None and not may_stand_in(kind.named, abstract):
        what = f"{kind.type} is for {_uid(kind.named)}, its context for {_uid(abstract)}"
        yield "sop-class-mismatch", what, _named_sop_class(kind.type)


def _flagged(kind: _Kind, data_set: str) -> Iterator[Alone]:
    """Whether it says rightly that a data set follows."""
    if kind.announces and data_set == "absent":
        what = f"{kind.type} announces a data set, and never has one"
        yield "cmd-data-set-flag", what, "Command Data Set Type"
    pending = kind.status is not None and names.status_class(kind.status) == "Pending"
    needed = data_set == "present" or (kind.type == "C-FIND-RSP" and pending)
    if kind.announces is False and needed:
        what = f"{kind.type} says that no data set follows, and needs one"
        yield "cmd-data-set-flag", what, "Command Data Set Type"


def _service(kind: _Kind) -> Iterator[Alone]:
    services = services_of(kind.serving) if kind.serving else None
    if services is not None and kind.service not in services:
        what = f"{_uid(kind.serving)} has {', '.join(services)}, and no {kind.service}"
        yield "service-not-in-sop-class", what, "Command Field"


def _status(kind: _Kind) -> Iterator[Alone]:
    status, service = kind.status, kind.service
    if not status:
        return
    level = names.status_class(status)
    if level is not None and not is_listed(status, service, kind.sop_class):
        yield "status-not-for-service", f"{status:04X}H is no status of a {service}", "Status"
    if level in ("Pending", "Cancel"):
        return
    meaning = status_text(status, service, kind.sop_class) or "a status in no range of the standard"
    code = "dimse-warning" if level == "Warning" else "dimse-status"
    yield code, f"{service} was answered with {status:04X}H, {meaning}", "Status"


def _named_sop_class(kind: str) -> str:
    row = command.BY_NAME.get(kind)
    affected = row is None or 0x0002 in (*row.mandatory, *row.optional)
    return "Affected SOP Class UID" if affected else "Requested SOP Class UID"


def _of(message: MessageLine, path: str | None = None) -> Where:
    return Where(message.sender, message.first, path, (message.start, message.end))


def _plain(uid: str | None) -> str | None:
    """A UID without the padding that it should not have; no more of it than a UID can have."""
    return None if uid is None else uid.rstrip(" \0")[: _UID_LIMIT + 1]


def _uid(uid: str | None) -> str:
    """A UID by its name, where it has one."""
    if uid is None:
        return "an abstract syntax that is not there"
    return names.uid_name(uid) or printable(uid[: _UID_LIMIT + 1])


def _title(title: str | None) -> str:
    return printable(title) if title else "(no title)"


RULES: tuple[Callable[[AssociationLine, _Course], Iterable[Said]], ...] = (
    _rejection,
    _sequence,
    _echo,
    _contexts,
    _answers,
    _lengths,
    _messages,
    _ending,
)


# --- connections without an association -------------------------------------------------------


def lint_connection(connection: Connection) -> tuple[Finding, ...]:
    """What a TCP connection without an association shows by its order and its times."""
    first = connection.endings[0] if connection.endings else None
    since = connection.start_time
    if connection.kind != "no-data" or first is None or first.time is None or since is None:
        return ()
    waited = first.time - since
    if first.sender != "acceptor" or not waited:  # or the recording begins with the end
        return ()
    if waited < PATIENCE:
        how = "reset" if first.kind == "RST" else "closed"
        what = f"the acceptor {how} the connection at once"
        return (finding("peer-closed", what, sender="acceptor", frames=connection.frames),)
    what = f"the requestor said nothing for {seconds(waited)}, then the acceptor closed"
    return (finding("peer-silent", what, sender="requestor", frames=connection.frames),)
