"""What happened, why, and who has to change what.

A rule here looks at how an association ended and what was found, and names causes of
``spec.causes``, each with what speaks for it and against it. Where a recording cannot tell two
causes apart, both are named, and each says so. The likeliest stands first.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from dicomlab.diagnosis.elsewhere import NOBODY, Titles
from dicomlab.diagnosis.lint import PATIENCE, SAYS, awaited_from, seconds
from dicomlab.model import (
    AssociationLine,
    Cause,
    Connection,
    Ending,
    Finding,
    Likelihood,
    MessageLine,
    PduLine,
    Side,
    Verdict,
    printable,
)
from dicomlab.spec import names
from dicomlab.spec.causes import CAUSES
from dicomlab.spec.statuses import status_text

_TLS_PORT = ":2762"
_ANSWERING = ("A-ASSOCIATE-AC", "A-ASSOCIATE-RJ", "P-DATA-TF")
_SEVERAL_WAYS = 2  # hops by which packets of one sender may differ
_TRANSIENT = 2  # Result of an A-ASSOCIATE-RJ
RANK: dict[Likelihood, int] = {"certain": 0, "likely": 1, "possible": 2}
STUBBORN = 3  # segments that were sent again, of one side
TOLD = 4  # causes of one kind, SOP Classes of one cause, findings of one piece of evidence
_OPPOSITE: dict[Side, Side] = {"requestor": "acceptor", "acceptor": "requestor"}
_ACCEPTED, _USER_REJECTION, _NO_REASON, _NO_ABSTRACT, _NO_TRANSFER = range(5)  # PS3.8 Table 9-18

# findings that say how it ended, or what was refused: outcomes, not what led to them
_OUTCOMES = frozenset(
    {
        "association-rejected", "association-aborted", "ae-unknown", "no-context-accepted",
        "peer-silent", "peer-closed", "request-unanswered", "dimse-status",
    }
)  # fmt: skip
_CUT = frozenset({"pdu-truncated", "pdu-header-truncated", "fragment-incomplete"})
# what listens, or calls, where it is not DICOM
_NOT_DICOM = {
    "not-dicom-http": ("web-server", "web-client"),
    "not-dicom-ssh": ("other-service", "other-client"),
    "not-dicom-other": ("other-service", "other-client"),
}
# what makes an exchange another one than it seems, although both sides went on
_SERIOUS = (
    "response-unexpected", "status-missing", "transfer-syntax-not-proposed",
    "transfer-syntax-count", "context-result-unknown", "cmd-data-set-flag", "cmd-missing-element",
    "cmd-duplicate-tag", "fragment-order", "fragment-incomplete", "sequence-unexpected-pdu",
    "context-id-not-proposed", "context-id-not-accepted", "message-id-reused",
)  # fmt: skip
_WRONG_ANSWER = frozenset({"response-unexpected", "status-missing", "sop-class-mismatch"})


@dataclass(frozen=True, slots=True)
class _Reason:
    """A cause of this case, before it is put into words."""

    code: str
    likelihood: Likelihood
    evidence: tuple[str, ...]
    against: tuple[str, ...] = ()
    places: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Party:
    """One end, as texts name it."""

    title: str | None  # AE title, as far as it is known
    address: str  # without its port
    port: str


@dataclass(frozen=True, slots=True)
class Parties:
    """Who called whom."""

    requestor: Party
    acceptor: Party

    @property
    def places(self) -> dict[str, str]:
        """The places that every cause may name."""
        requestor, acceptor = self.requestor, self.acceptor
        return {
            "requestor": _at(requestor.title, requestor.address),
            "acceptor": _at(acceptor.title, f"{acceptor.address}, port {acceptor.port}"),
            "calling": requestor.title or _NOT_RECORDED,
            "called": acceptor.title or _NOT_RECORDED,
            "here": requestor.address,
            "there": acceptor.address,
            "port": acceptor.port,
        }

    def __str__(self) -> str:
        return f"{_shown(self.requestor.title)} → {_shown(self.acceptor.title)}"


def _at(title: str | None, address: str) -> str:
    return f"{_shown(title)} at {address}"


def _party(title: str | None, end: str) -> Party:
    address, _, port = end.rpartition(":")
    return Party(printable(title) if title else None, printable(address.strip("[]")), port)


def _shown(title: str | None) -> str:
    return printable(title) if title else "the application"


_NOT_RECORDED = "(not recorded)"  # for an AE title


# --- what is asked for from outside --------------------------------------------------------------


def of_association(
    association: AssociationLine, titles_at: Callable[[str], Titles] = lambda _: NOBODY
) -> Verdict:
    """The verdict on an association, whose findings are all there.

    ``titles_at`` tells with which AE titles others were accepted at an acceptor.
    """
    case = _Case(association, titles_at)
    reasons = () if case.went_well else tuple(_reasons(case))
    return _verdict(case.summary(), reasons, case.parties) if reasons else Verdict(case.summary())


def of_connection(connection: Connection) -> Verdict:
    """The verdict on a TCP connection that never became an association."""
    requestor, acceptor = (
        _party(None, str(one)) for one in (connection.requestor, connection.acceptor)
    )
    parties = Parties(requestor, acceptor)
    summary, reasons = _ALONE[connection.kind](connection)
    return _verdict(f"{connection.requestor} → {connection.acceptor}: {summary}", reasons, parties)


def of_attempt(found: Finding, calling: str, called: str, host: str, port: int) -> Verdict:
    """The verdict on an attempt that did not even get a connection."""
    parties = Parties(
        Party(printable(calling), "this machine", ""),
        Party(printable(called), printable(host), str(port)),
    )
    reasons = [
        _Reason(code, likelihood, (found.what,), _alike(others))
        for code, likelihood, *others in _ATTEMPTS.get(found.code, ())
    ]
    return _verdict(f"{parties}: {found.what}.", reasons, parties)


_ATTEMPTS: dict[str, tuple[tuple[Any, ...], ...]] = {
    "name-unresolved": (("name-wrong", "likely"),),
    "host-unreachable": (("no-route", "likely"),),
    "connect-forbidden": (("firewall-at-caller", "likely"),),
    "connection-refused": (
        ("nothing-listens", "likely", "port-wrong", "firewall-resets"),
        ("port-wrong", "possible", "nothing-listens"),
        ("firewall-resets", "possible", "nothing-listens"),
    ),
    "peer-closed": (  # taken, and reset before a word was said
        ("caller-not-allowed", "likely", "acceptor-crashed"),
        ("acceptor-crashed", "possible", "caller-not-allowed"),
    ),
    "connect-timeout": (
        ("firewall-drops", "likely", "machine-off"),
        ("machine-off", "possible", "firewall-drops"),
        ("acceptor-hangs", "possible", "firewall-drops"),
    ),
}


def _verdict(summary: str, reasons: Iterable[_Reason], parties: Parties) -> Verdict:
    ranked = sorted(reasons, key=lambda one: RANK[one.likelihood])
    causes: dict[tuple[str, str], Cause] = {}
    for one in (_in_words(each, parties) for each in ranked):
        causes.setdefault((one.who, one.change), one)
    return Verdict(summary, tuple(causes.values()))


def _in_words(reason: _Reason, parties: Parties) -> Cause:
    row = CAUSES[reason.code]
    places = {**parties.places, **reason.places}
    if "side" in places:
        places["sender"] = places[places["side"]]
        places["other"] = places[_OPPOSITE[places["side"]]]
    title, who, change, confirm = (
        one.format_map(places) for one in (row.title, row.who, row.change, row.confirm)
    )
    return Cause(
        reason.code, title, reason.likelihood, who, change, reason.evidence, reason.against, confirm
    )


def _alike(codes: Iterable[str]) -> tuple[str, ...]:
    """That the case looks the same for other causes."""
    titles = [CAUSES[code].title for code in codes]
    if not titles or any("{" in one for one in titles):
        return ("the recording looks the same for the other causes",) if titles else ()
    return (f"it looks the same if {' or '.join(titles)}",)


# --- an association -------------------------------------------------------------------------------


class _Case:
    """An association, and what is asked about it more than once."""

    def __init__(self, association: AssociationLine, titles_at: Callable[[str], Titles]) -> None:
        self.line = association
        self._titles_at = titles_at
        self.ended, self.by, self.result, self.source, self.reason = association.outcome
        self.findings = association.findings

    @cached_property
    def went_well(self) -> bool:
        """Whether there is nothing to explain."""
        return (
            self.ended == "released"
            and not any(
                one.severity != "info" and one.code not in _HARMLESS for one in self.findings
            )
            and not (self.refused and not self.asked)
        )

    @cached_property
    def parties(self) -> Parties:
        line = self.line
        return Parties(
            _party(line.calling_ae_title, line.requestor),
            _party(line.called_ae_title, line.acceptor),
        )

    @cached_property
    def asked(self) -> bool:
        """Whether anything was asked for."""
        return any(True for _ in self.line.messages)

    @property
    def messages(self) -> Iterable[MessageLine]:
        return self.line.messages

    @cached_property
    def accepted(self) -> bool:
        """Whether the association was accepted, before it was aborted if it was."""
        opening = ("A-ASSOCIATE-AC", "A-ABORT")
        first = next((one.type for one in self.line.pdus if one.type in opening), None)
        return first == "A-ASSOCIATE-AC"

    @cached_property
    def refused(self) -> list[tuple[Any, ...]]:
        """The presentation contexts that were refused, or not answered where others were."""
        unanswered = bool(self.found("context-unanswered"))
        return [
            one
            for one in self.line.presentation_contexts
            if one[3] != _ACCEPTED and (one[3] is not None or unanswered) and (one[2] or one[1])
        ]

    @cached_property
    def titles(self) -> Titles:
        """With which AE titles others were accepted at this acceptor."""
        return self._titles_at(self.line.acceptor)

    @cached_property
    def awaited(self) -> Side | None:
        """Who owes the next PDU."""
        return awaited_from(self.line)

    def found(self, *codes: str, by: Side | None = None) -> list[Finding]:
        """The findings of these codes, of one side."""
        return [
            one for one in self.findings if one.code in codes and (by is None or one.sender == by)
        ]

    def foreign(self, by: Side) -> list[Finding]:
        """Findings that a side does not speak DICOM at all."""
        return [
            one for one in self.findings if one.sender == by and one.code.startswith("not-dicom")
        ]

    def broken(self, by: Side) -> list[Finding]:
        """What a side sent that the standard does not allow."""
        return [
            one
            for one in self.findings
            if one.sender == by
            and one.severity == "error"
            and one.code not in _OUTCOMES
            and not one.code.startswith("not-dicom")
            and not (one.code in _CUT and by in (self.cut_off, self.by))
        ]

    @cached_property
    def cut_off(self) -> Side | None:
        """Whom the other side did not let finish: it closed and had not waited, or reset."""
        first = self.line.endings[0] if self.line.endings else None
        if first is None or (self.quiet >= PATIENCE and first.kind == "FIN"):
            return None
        return _OPPOSITE[first.sender]

    @cached_property
    def quiet(self) -> int:
        """How long nothing had been said when it was aborted, or ended (nanoseconds)."""
        ends = (one.time for one in self.line.endings)
        if self.ended == "aborted":
            ends = (one.time for one in self.line.pdus if one.type == "A-ABORT")
        end = next((one for one in ends if one is not None), None)
        if end is None:
            return 0
        before = (
            one.time
            for one in self.line.pdus
            if one.time is not None and one.time <= end and one.type != "A-ABORT"
        )
        return end - max(before, default=end)

    @property
    def reset(self) -> bool:
        """Whether the connection was reset, not closed."""
        return bool(self.line.endings) and self.line.endings[0].kind == "RST"

    @property
    def stranger(self) -> bool:
        """Whether it was reset, and not by the end that the RST names, as it seems."""
        return bool(self.line.endings) and _is_strange(self.line.endings[0])

    def late(self) -> PduLine | None:
        """What the acceptor still said after the requestor had given up."""
        ends = [one.time for one in self.line.endings if one.sender == "requestor"]
        gave_up = min((one for one in ends if one is not None), default=None)
        for one in self.line.pdus:
            if one.time is None:
                continue
            if one.type == "A-ABORT" and one.sender == "requestor":
                gave_up = min(gave_up or one.time, one.time)
            elif one.sender == "acceptor" and gave_up is not None and one.time > gave_up:
                return one if one.type in _ANSWERING else None
        return None

    # --- in a sentence --------------------------------------------------------------------------

    def summary(self) -> str:
        """The outcome in a plain sentence."""
        calling, called = _shown(self.line.calling_ae_title), _shown(self.line.called_ae_title)
        fruitless = self.ended != "released" and self.found("no-context-accepted")
        nothing = "no presentation context was accepted; " if fruitless else ""
        return f"{calling} → {called}: {_asked(self)}{nothing}{_ENDS[self.ended](self)}."


def _asked(case: _Case) -> str:
    """What was asked and how it was answered: ``3 C-STORE, all answered with Success; ``."""
    asked: Counter[str] = Counter()
    worse: Counter[str] = Counter()
    answered = 0
    for one in case.messages:
        if one.type.endswith("-RSP"):
            kind = names.status_class(one.status) if one.status is not None else None
            if kind != "Pending":
                answered += 1
            if kind in ("Failure", "Warning", None):
                worse[f"{one.status:04X}H" if one.status is not None else "no status"] += 1
        elif one.type.endswith("-RQ") and one.type != "C-CANCEL-RQ":
            asked[one.type.removesuffix("-RQ")] += 1
    if not asked:
        return ""
    what = ", ".join(f"{number} {name}" for name, number in asked.items())
    total = asked.total()
    if worse:
        codes = ", ".join(f"{number} × {code}" for code, number in worse.most_common(TOLD))
        return f"{what}, answered with {codes}; "
    if answered >= total:
        return f"{what}, answered with Success; "
    return f"{what}, {total - answered} without an answer; "


def _rejected_text(case: _Case) -> str:
    meaning = names.REJECT_REASONS.get((case.source, case.reason), "a reserved reason")
    kind = names.REJECT_RESULTS.get(case.result, "rejected")
    later = "; the same request may be accepted later" if case.result == _TRANSIENT else ""
    return f"the association was rejected, {meaning} ({kind}{later})"


def _aborted_text(case: _Case) -> str:
    after = "before the association was accepted" if not case.accepted else ""
    if case.awaited is not None and case.accepted:
        after = "while an answer was awaited"
    return f"the {case.by} aborted {after}".rstrip()


def _unanswered_text(case: _Case) -> str:
    end = ""
    if case.by:
        end = f" until the {case.by} {'reset' if case.reset else 'closed'} the connection"
    return f"the A-ASSOCIATE-RQ got no answer{end}"


def _closed_text(case: _Case) -> str:
    how = "reset" if case.reset else "closed"
    return f"the {case.by} {how} the connection without a release"


def _released_text(case: _Case) -> str:
    refused, contexts = len(case.refused), len(case.line.presentation_contexts)
    if not refused:
        return "released"
    if refused == contexts:
        return "no presentation context was accepted; released"
    return f"{refused} of {contexts} presentation contexts were not accepted; released"


_ENDS: dict[str, Callable[[_Case], str]] = {
    "released": _released_text,
    "rejected": _rejected_text,
    "aborted": _aborted_text,
    "unanswered": _unanswered_text,
    "closed-without-release": _closed_text,
    "capture-ends": lambda case: (
        "the connection was closed; how the association ended was not recorded"
        if case.line.endings
        else "the recording ends before the association does"
    ),
}
_HARMLESS = frozenset(
    {
        "ae-nul-padded", "item-unknown", "item-order", "uid-padded", "uid-pad-space", "pdv-empty",
        "mch-reserved-bits", "cmd-group-length-missing", "cmd-group-length-wrong", "cmd-order",
        "cmd-unknown-element", "status-unknown", "status-not-for-service", "context-unanswered",
        "capture-one-way", "capture-gap", "capture-bytes-unread", "pdus-unexplained",
        "tcp-retransmission-differs", "context-refused", "user-identity-unanswered",
    }
)  # fmt: skip


# --- causes ---------------------------------------------------------------------------------------


def _reasons(case: _Case) -> Iterator[_Reason]:
    yield from _foreign(case)
    yield from _not_skipped(case)
    unused = case.accepted and case.refused and not case.asked and case.by != "acceptor"
    if unused or case.found("no-context-accepted"):
        yield from _nothing_in_common(case)
    yield from _ENDED[case.ended](case)
    yield from _statuses(case)
    yield from _roles(case)
    yield from _stuck(case)


def _foreign(case: _Case) -> Iterator[_Reason]:
    """The acceptor's bytes are no DICOM, though the requestor's are; or the other way round."""
    for side in _OPPOSITE:
        other = side == "requestor"
        for one in case.findings:
            if one.sender != side:
                continue
            if one.code == "not-dicom-tls":
                code = "tls-at-requestor-only" if other else "tls-at-acceptor-only"
                yield _Reason(code, "certain", (f"of the {side}: {one.what}",))
            elif one.code in _NOT_DICOM and not case.accepted:
                yield _Reason(
                    _NOT_DICOM[one.code][other], "certain", (f"of the {side}: {one.what}",)
                )


def _not_skipped(case: _Case) -> Iterator[_Reason]:
    """A side ends it where it has met an item that it does not know, and should have skipped."""
    side = case.by
    asked = case.asked if side == "requestor" else case.accepted
    if case.ended not in ("aborted", "closed-without-release", "unanswered") or not side or asked:
        return
    found = case.found("item-unknown", by=_OPPOSITE[side])
    if found and not case.broken(_OPPOSITE[side]):
        evidence = tuple(f"{one.code}: {one.what}" for one in found[:TOLD])
        after = f"the {side} ended it at once after that"
        yield _Reason("item-not-skipped", "likely", (*evidence, after), places={"side": side})


def _broken(case: _Case, side: Side, likelihood: Likelihood = "likely") -> Iterator[_Reason]:
    """A side sent what is not allowed, and the other had reason to end it for that."""
    found = case.broken(side)
    if found:
        first = found[0]
        code = "wrong-answer" if first.code in _WRONG_ANSWER else "broken-pdu"
        evidence = tuple(f"{one.code}: {one.what} ({one.clause})" for one in found[:TOLD])
        remedy = first.remedy[0].lower() + first.remedy[1:].rstrip(".")
        places = {"side": side, "remedy": remedy, "code": first.code}
        yield _Reason(code, likelihood, evidence, places=places)


# --- rejected ---


def _rejected(case: _Case) -> Iterator[_Reason]:
    said = (
        f"A-ASSOCIATE-RJ with result {case.result}, source {case.source}, reason {case.reason} "
        "(PS3.8 Table 9-21)"
    )
    odd = tuple(f"{one.code}: {one.what}" for one in case.found(*_ODD_TITLES, by="requestor"))
    key = case.source, case.reason
    if key == (1, 3):
        yield from _caller_unknown(case, said, odd)
    elif key == (1, 7):
        yield from _called_unknown(case, said, odd)
    elif key == (1, 2):
        right = case.line.application_context == names.APPLICATION_CONTEXT
        named = f"the request names {printable(str(case.line.application_context))}"
        code = "application-context-refused" if right else "application-context-wrong"
        yield _Reason(code, "certain", (said, named))
    elif key == (2, 1):
        yield from _identity_refused(case, said)
    elif key == (2, 2):
        clear = case.found("protocol-version-unsupported", by="requestor")
        code = "protocol-version-wrong" if clear else "protocol-version-refused"
        yield _Reason(code, "certain", (said, *(one.what for one in clear)))
    elif key == (3, 1):
        yield _Reason("congestion", "likely", (said,))
    elif key == (3, 2):
        yield _Reason("association-limit", "likely", (said,))
    elif key == (1, 1):
        none = "the rejection names no reason: only the acceptor's log does"
        yield _Reason("caller-refused", "likely", (said,), (none,))
        if case.result == 2:
            yield _Reason("congestion", "possible", ("the rejection is for now only (result 2)",))
    else:
        yield _Reason("undefined-rejection", "certain", (said,))
    yield from _broken(case, "requestor", "possible")


_ODD_TITLES = ("ae-empty", "ae-invalid-char", "ae-nul-padded", "ae-leading-space")


def _caller_unknown(case: _Case, said: str, odd: tuple[str, ...]) -> Iterator[_Reason]:
    """The calling AE title is not known: registered at neither end, or not in the same way."""
    same = "it looks the same if the title is misspelled at either end"
    here = case.line.requestor.rpartition(":")[0]
    other = case.titles.by_address.get(here)
    known = other is not None and other != case.line.calling_ae_title
    accepted = (f"{printable(other or '')} was accepted there from {here}",) if known else ()
    unknown = _Reason("calling-ae-title-unknown", "likely", (said,), (same, *accepted))
    likelihood: Likelihood = "likely" if known else "possible"
    wrong = _Reason("calling-ae-title-wrong", likelihood, (said, *accepted, *odd), (same,))
    misspelled = known and _folded(other) == _folded(case.line.calling_ae_title)
    yield from (wrong, unknown) if misspelled else (unknown, wrong)


def _folded(title: str | None) -> str:
    """A title without what people overlook in it."""
    return "".join((title or "").split()).casefold()


def _called_unknown(case: _Case, said: str, odd: tuple[str, ...]) -> Iterator[_Reason]:
    """The called AE title is not known; or the caller is not, and the acceptor blames the other."""
    some = "some, DCMTK's dcmqrscp for one, say this of a caller that they do not know"
    called = case.line.called_ae_title or ""
    known = case.titles.called.get(called)
    others = [printable(one) for one in case.titles.called if one != called][:TOLD]
    if known is not None:
        served = f"{printable(called)} is served there: it accepted {printable(known)}"
        yield _Reason("calling-ae-title-unknown", "likely", (served, some), (said,))
        yield _Reason("called-ae-title-wrong", "possible", (said, *odd), (served,))
    else:
        accepted = (f"accepted there was who called {', '.join(others)}",) if others else ()
        yield _Reason("called-ae-title-wrong", "likely", (said, *accepted, *odd), (some,))
        yield _Reason("calling-ae-title-unknown", "possible", (some,), (said, *accepted))


def _identity_refused(case: _Case, said: str) -> Iterator[_Reason]:
    if "user_identity" in case.line.negotiation["requestor"]:
        yield _Reason("user-identity-refused", "likely", (said, "the request has a user identity"))
    else:
        none = "the request has no user identity"
        yield _Reason("user-identity-wanted", "likely", (said, none))
    yield _Reason("caller-refused", "possible", (said,), ("the rejection names no reason",))


# --- nothing in common ---


def _nothing_in_common(case: _Case) -> Iterator[_Reason]:
    """Why presentation contexts were not accepted, by the results that they got."""
    alone = "certain" if case.found("no-context-accepted") else "likely"
    taken = {one[1] for one in case.line.presentation_contexts if one[3] == _ACCEPTED}
    groups: dict[tuple[int | None, bool], list[tuple[Any, ...]]] = {}
    for one in case.refused:
        groups.setdefault((one[3], one[1] in taken), []).append(one)
    for (result, otherwise), contexts in sorted(groups.items(), key=lambda item: -len(item[1])):
        proposed = {uid for one in contexts for uid in one[2]}
        if result not in _REFUSALS:  # a finding says that there is no such result
            continue
        code, likelihood = _REFUSALS[result]
        if otherwise and result in (_NO_ABSTRACT, _NO_TRANSFER):
            code = "other-transfer-syntax-only"
        elif result == _NO_TRANSFER and names.IMPLICIT_VR_LITTLE_ENDIAN in proposed:
            code = "implicit-vr-refused"
        meaning = (
            names.CONTEXT_RESULTS.get(result, f"result {result}") if result is not None else ""
        )
        evidence = (
            f"{len(contexts)} of {len(case.line.presentation_contexts)} presentation contexts"
        )
        evidence += f": {meaning}" if meaning else " got no answer"
        places = {
            "what": _list(dict.fromkeys(_uid(one[1]) for one in contexts)),
            "syntaxes": _list(dict.fromkeys(map(_uid, sorted(proposed)))),
        }
        certain: Likelihood = "certain" if alone == likelihood == "certain" else "likely"
        yield _Reason(code, certain, (f"{evidence} (PS3.8 Table 9-18)",), places=places)


_REFUSALS: dict[int | None, tuple[str, Likelihood]] = {
    None: ("context-unanswered", "certain"),
    _USER_REJECTION: ("sop-class-not-allowed", "likely"),
    _NO_REASON: ("context-refused", "likely"),
    _NO_ABSTRACT: ("sop-class-not-offered", "certain"),
    _NO_TRANSFER: ("transfer-syntax-not-common", "certain"),
}


# --- aborted ---


def _aborted(case: _Case) -> Iterator[_Reason]:
    side: Side = case.by or "requestor"
    other = _OPPOSITE[side]
    yield from _broken(case, other)
    yield from _too_small(case)
    if side == "acceptor":
        yield from _aborted_by_acceptor(case)
    else:
        yield from _aborted_by_requestor(case)


def _abort_text(case: _Case) -> str:
    meaning = names.ABORT_REASONS.get((case.source, case.reason), "reserved")
    said = f": {meaning}" if case.source == 2 else ""
    return f"A-ABORT by the {case.by}, source {case.source}, reason {case.reason}{said}"


def _aborted_by_acceptor(case: _Case) -> Iterator[_Reason]:
    said = _abort_text(case)
    places = {"side": "acceptor", "seconds": seconds(case.quiet)}
    if not case.accepted:
        provider = case.source == 2
        yield _Reason(
            "request-not-understood", "likely" if provider else "possible",
            (f"{said}, in answer to the A-ASSOCIATE-RQ",),
        )  # fmt: skip
        yield _Reason(
            "refused-by-abort", "possible" if provider else "likely",
            (f"{said}, in answer to the A-ASSOCIATE-RQ",),
            ("the A-ABORT names no reason: only the acceptor's log does",),
        )  # fmt: skip
    elif case.awaited == "acceptor":
        yield _Reason(
            "application-failed", "likely", (f"{said}, in place of the answer",), places=places
        )
    elif case.found("release-unanswered"):
        yield _Reason(
            "release-unanswered", "certain", (f"{said}, after the A-RELEASE-RQ",), places=places
        )
    elif case.quiet >= PATIENCE:
        waited = f"nothing was said for {seconds(case.quiet)} before it, and nothing was open"
        yield _Reason("idle-time-out", "likely", (said, waited), places=places)
        yield _Reason("user-aborted", "possible", (said,), places=places)
    else:
        yield _Reason("user-aborted", "likely", (f"{said}; nothing was open",), places=places)


def _aborted_by_requestor(case: _Case) -> Iterator[_Reason]:
    said = _abort_text(case)
    places: dict[str, Any] = {"side": "requestor", "seconds": seconds(case.quiet)}
    if case.found("release-unanswered"):
        silent = f"the A-RELEASE-RQ got no answer, then {said}"
        yield _Reason("release-unanswered", "certain", (silent,), places={"side": "acceptor"})
        return
    waited = case.awaited == "acceptor" or case.late() is not None
    if waited and case.quiet >= PATIENCE:
        yield from _silence(case, f"{said}, after {seconds(case.quiet)} without an answer")
    elif case.found("user-identity-unanswered"):
        yield _Reason("user-identity-unanswered", "likely", (said,))
    elif not (
        case.found("no-context-accepted", "item-unknown")
        or case.broken("acceptor")
        or case.foreign("acceptor")
    ):
        likelihood: Likelihood = "possible" if case.refused else "likely"
        accord = f"{said}, of its own accord"
        yield _Reason("user-aborted", likelihood, (accord,), places=places)


def _silence(case: _Case, said: str) -> Iterator[_Reason]:
    """The acceptor owed an answer, and the requestor gave up."""
    late = case.late()
    if late is not None:
        after = f"{late.type} came after the requestor had given up"
        waited = _answered_after(case, late)
        yield _Reason("answer-too-late", "certain", (said, after), places={"seconds": waited})
        return
    if case.foreign("acceptor"):
        return  # it did say something
    if not case.accepted:
        same = ("no byte tells these apart: the acceptor said nothing",)
        yield _Reason("acceptor-hangs", "likely", (said,), same)
        yield _Reason("other-service", "possible", (said,), same)
        yield _Reason("tls-at-acceptor-only", "possible", (said,), same)
    else:
        yield _Reason("acceptor-silent", "likely", (said,))
    yield from _broken(case, "requestor", "possible")


def _answered_after(case: _Case, late: PduLine) -> str:
    """How long the answer took."""
    asked = max(
        (
            one.time
            for one in case.line.pdus
            if one.sender == "requestor"
            and one.type in ("A-ASSOCIATE-RQ", "P-DATA-TF")
            and one.time is not None
            and late.time is not None
            and one.time < late.time
        ),
        default=None,
    )
    return seconds(late.time - asked) if asked is not None and late.time is not None else "so long"


def _too_small(case: _Case) -> Iterator[_Reason]:
    for one in case.found("max-length-too-small"):
        if one.sender is not None:
            length = case.line.negotiation[one.sender].get("max_pdu_length", "so few")
            places = {"side": one.sender, "length": length}
            yield _Reason("max-length-too-small", "certain", (one.what,), places=places)
    for one in case.found("max-length-exceeded"):
        yield _Reason("max-length-exceeded", "likely", (one.what,), places={"side": one.sender})


# --- no answer, no release ---


def _unanswered(case: _Case) -> Iterator[_Reason]:
    if case.foreign("acceptor"):
        return  # that says it all
    yield from _broken(case, "requestor")
    yield from _broken(case, "acceptor")
    if case.by == "acceptor":
        how = "reset" if case.reset else "closed"
        said = f"the acceptor {how} the connection in answer to the A-ASSOCIATE-RQ"
        tls = case.line.acceptor.endswith(_TLS_PORT)
        yield from _closed_at_once(said, "possible" if case.stranger else "likely", tls=tls)
        if case.reset:
            yield from _cut(case)
    elif case.by == "requestor":
        said = f"the requestor closed after {seconds(case.quiet)} without an answer"
        yield from _silence(case, said)


def _closed_at_once(
    said: str, likelihood: Likelihood = "likely", *, tls: bool = False
) -> Iterator[_Reason]:
    """The acceptor closed, and said nothing; how likely it is that it meant to."""
    same = ("no byte tells these apart: the acceptor said nothing",)
    if tls:
        registered = f"{said}; port 2762 is that of DICOM over TLS"
        yield _Reason("tls-at-acceptor-only", likelihood, (registered,), same)
    yield _Reason("caller-not-allowed", likelihood, (said,), same)
    yield _Reason("tls-at-acceptor-only", "possible", (said,), same)
    yield _Reason("other-service", "possible", (said,), same)
    yield _Reason("acceptor-crashed", "possible", (said,), same)


def _closed(case: _Case) -> Iterator[_Reason]:
    side: Side = case.by or "requestor"
    other = _OPPOSITE[side]
    how = "reset" if case.reset else "closed"
    said = f"the {side} {how} the connection"
    if case.found("no-context-accepted"):
        return
    yield from _too_small(case)
    for one in (other, side):
        yield from _broken(case, one)
    broken = case.broken(other) or case.found("item-unknown", by=other)
    if case.found("release-unanswered"):
        after = f"{said} after the A-RELEASE-RQ"
        yield _Reason("release-unanswered", "certain", (after,), places={"side": "acceptor"})
    elif case.found("user-identity-unanswered") and side == "requestor":
        yield _Reason("user-identity-unanswered", "likely", (f"{said} after the A-ASSOCIATE-AC",))
    elif case.awaited == other and case.quiet >= PATIENCE and side == "requestor":
        waited = f"{said} after {seconds(case.quiet)} without an answer"
        abrupt = f"{said} without an A-ABORT, which an application sends that gives up"
        yield _Reason("connection-lost", "likely", (abrupt,), places={"side": side})
        yield from _silence(case, waited)
    elif case.awaited is not None or case.found("fragment-incomplete", "pdu-truncated"):
        middle = f"{said} while something was under way"
        theirs: Likelihood = "possible" if case.stranger else "likely"
        yield _Reason("connection-lost", theirs, (middle,), places={"side": side})
        if case.reset:
            yield from _cut(case)
    elif not broken:
        idle = (f"{said}; nothing was open",)
        theirs = "possible" if case.stranger else "certain"
        yield _Reason("no-release", theirs, idle, places={"side": side})
        if case.stranger:
            yield from _cut(case)


def _cut(case: _Case) -> Iterator[_Reason]:
    """Whether a reset is of the peer, or of something on the way."""
    found, against = _hops(case.line.endings[0])
    likelihood: Likelihood = "likely" if found else "possible"
    yield _Reason("firewall-cut", likelihood, found or ("a RST ended it",), against)


def _is_strange(ending: Ending) -> bool:
    """Whether it is a RST that came over other hops than its sender's packets."""
    return ending.hops is not None and ending.hops[0] != ending.hops[1]


def _hops(reset: Ending | None) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What the hops of a RST say for its being sent by something on the way, and against it."""
    if reset is None or reset.hops is None:
        return (), ()
    came, before = reset.hops
    if came == before:
        return (), (f"the RST has the TTL or hop limit of the {reset.sender}'s packets: {came}",)
    differs = f"the RST has TTL or hop limit {came}, the {reset.sender}'s packets have {before}"
    near = "packets of one machine that take several ways may differ by so little"
    return (differs,), (near,) if abs(came - before) <= _SEVERAL_WAYS else ()


def _released(case: _Case) -> Iterator[_Reason]:
    """A release is no proof that all was well."""
    for side in _OPPOSITE:
        if case.found(*_SERIOUS, by=side):
            yield from _broken(case, side)
    for one in case.found("request-unanswered"):
        places = {"side": one.sender and _OPPOSITE[one.sender], "what": one.what.split()[0]}
        yield _Reason("answer-missing", "likely", (one.what,), places=places)


def _capture_ends(case: _Case) -> Iterator[_Reason]:
    for side in _OPPOSITE:
        yield from _broken(case, side, "possible")


_ENDED: dict[str, Callable[[_Case], Iterator[_Reason]]] = {
    "released": _released,
    "rejected": _rejected,
    "aborted": _aborted,
    "unanswered": _unanswered,
    "closed-without-release": _closed,
    "capture-ends": _capture_ends,
}


# --- messages ---


def _statuses(case: _Case) -> Iterator[_Reason]:
    """What failing answers say; each kind once."""
    contexts = {one[0]: one[1] for one in case.line.presentation_contexts}
    asked: dict[Any, MessageLine] = {}
    counts: Counter[tuple[Any, ...]] = Counter()
    for one in case.messages:
        if not one.type.endswith("-RSP"):
            if len(asked) < 4096:
                asked[one.sender, one.message_id] = one
            continue
        status = one.status
        if not status or names.status_class(status) not in ("Failure", "Warning"):
            continue
        request = asked.get((_OPPOSITE[one.sender], one.responding_to))
        service = one.type.removesuffix("-RSP")
        sop_class = one.sop_class or contexts.get(one.context_id)
        destination = request.more.get("move_destination") if request is not None else None
        failed = (one.more.get("suboperations") or {}).get("failed")
        if names.status_class(status) == "Failure" or failed:
            counts[service, status, sop_class, destination, one.sender] += 1
    for (service, status, sop_class, destination, sender), number in counts.most_common(TOLD):
        meaning = status_text(status, service, sop_class) or "a status in no range of the standard"
        code = _status_cause(status, service)
        many = f"{number} {service}" if number > 1 else service
        places = {
            "what": _asked_for(service, sop_class, destination),
            "status": f"{status:04X}H, {meaning}",
            "side": sender,
        }
        evidence = f"{many} answered with {status:04X}H, {meaning}"
        if service == "C-MOVE" and status >> 12 == 0xC and destination:
            some = f"{evidence}; some, Orthanc for one, say so of a destination they do not know"
            yield _Reason("move-destination-unknown", "likely", (some,), places=places)
        comments = {one.what for one in case.found("dimse-status") if f"{status:04X}H" in one.what}
        said = sorted(one for one in comments if SAYS in one)[:TOLD]
        likelihood: Likelihood = "likely" if code == "request-refused" else "certain"
        yield _Reason(code, likelihood, (evidence, *said), places=places)


def _asked_for(service: str, sop_class: str | None, destination: str | None) -> str:
    """What was asked for: of a C-MOVE its destination, as far as it is known."""
    if service == "C-MOVE":
        return printable(destination or "") or "that the C-MOVE-RQ names (not recorded)"
    return f"{service} of {_uid(sop_class)}"


def _status_cause(status: int, service: str) -> str:
    if service == "C-MOVE" and status == 0xA801:
        return "move-destination-unknown"
    if service == "C-MOVE" and status in (0xA702, 0xB000):
        return "sub-operations-failed"
    if status >> 8 == 0xA7 or status == 0x0213:
        return "out-of-resources"
    if status >> 8 == 0xA9 or status >> 12 == 0xC:
        return "data-set-refused" if service == "C-STORE" else "request-refused"
    return {
        0x0122: "service-not-supported",
        0x0211: "service-not-supported",
        0x0118: "service-not-supported",
        0x0124: "not-authorized",
        0x0210: "duplicate-message-id",
    }.get(status, "request-refused")


def _stuck(case: _Case) -> Iterator[_Reason]:
    """Small PDUs pass, and the segments of a large one were sent again and again."""
    for side in _OPPOSITE:
        again = case.line.retransmitted_segments[side]
        unfinished = case.found(*_CUT, by=side) or case.awaited == _OPPOSITE[side]
        if again >= STUBBORN and unfinished and case.ended != "released":
            evidence = f"{again:,} segments of the {side} were sent again"
            yield _Reason("large-packets-lost", "possible", (evidence,), places={"side": side})


def _roles(case: _Case) -> Iterator[_Reason]:
    for one in case.found("role-not-negotiated")[:1]:
        yield _Reason("role-not-negotiated", "likely", (one.what,), places={"what": "it"})


# --- connections without an association ---------------------------------------------------------

_Alone = tuple[str, list[_Reason]]


def _refused_alone(connection: Connection) -> _Alone:
    said = "a RST came in answer to the connection request"
    answers = (one for one in connection.endings if one.sender == "acceptor" and one.kind == "RST")
    found, against = _hops(next(answers, None))
    if found:
        forwarded = "a port that is forwarded to another machine looks the same"
        reasons = [
            _Reason("firewall-resets", "likely", (said, *found), (forwarded, *against)),
            _Reason("nothing-listens", "possible", (said,), found),
            _Reason("port-wrong", "possible", (said,), found),
        ]
    else:
        alike = _alike(("nothing-listens",))
        theirs = (said, *against)
        reasons = [
            _Reason("nothing-listens", "likely", theirs, _alike(("port-wrong", "firewall-resets"))),
            _Reason("port-wrong", "possible", theirs, alike),
            _Reason("firewall-resets", "possible", (said,), against or alike),
        ]
    return "the connection was refused.", reasons


def _no_answer_alone(connection: Connection) -> _Alone:
    begun, ended = connection.start_time, connection.stop_time
    said = "the connection request got no answer"
    if begun is not None and ended is not None and ended > begun:
        said = f"the connection request was repeated for {seconds(ended - begun)}: no answer"
    return "the connection request got no answer.", [
        _Reason("firewall-drops", "likely", (said,), _alike(("machine-off",))),
        _Reason("machine-off", "possible", (said,), _alike(("firewall-drops",))),
    ]


def _no_data_alone(connection: Connection) -> _Alone:
    reasons = []
    for one in connection.findings:
        if one.code == "peer-silent":
            reasons.append(_Reason("caller-hung-up", "likely", (one.what,)))
        if one.code == "peer-closed":
            reasons += _closed_at_once(one.what)
    return "a connection over which no byte was sent.", reasons


def _tls_alone(connection: Connection) -> _Alone:
    tls = ("not-dicom-tls", "connection-encrypted")
    sides = {one.sender for one in connection.findings if one.code in tls}
    if sides == {"requestor"}:
        answer = connection.bytes["acceptor"]
        said = ("the requestor opened with a TLS record",)
        against = () if answer else ("the acceptor said nothing: it may have refused otherwise",)
        reason = _Reason("tls-at-requestor-only", "certain" if answer else "likely", said, against)
        return "the requestor speaks TLS, and the acceptor does not.", [reason]
    if sides == {"acceptor"}:
        reason = _Reason("tls-at-acceptor-only", "certain", ("the acceptor answered with TLS",))
        return "the acceptor speaks TLS, and the requestor does not.", [reason]
    alerts = [one for one in connection.findings if "alert" in one.what]
    if alerts:
        reason = _Reason(
            "tls-handshake", "certain", (f"of the {alerts[0].sender}: {alerts[0].what}",)
        )
        return "both sides speak TLS, and do not come to terms.", [reason]
    return "TLS: whether there is DICOM inside, the recording cannot show.", []


def _not_dicom_alone(connection: Connection) -> _Alone:
    reasons = []
    for one in connection.findings:
        if one.code in _NOT_DICOM:
            code = _NOT_DICOM[one.code][one.sender == "requestor"]
            reasons.append(_Reason(code, "certain", (f"of the {one.sender}: {one.what}",)))
    return "what was said is not DICOM.", reasons[:1]


_ALONE: dict[str, Callable[[Connection], _Alone]] = {
    "refused": _refused_alone,
    "no-answer": _no_answer_alone,
    "no-data": _no_data_alone,
    "tls": _tls_alone,
    "not-dicom": _not_dicom_alone,
}


def _uid(uid: str | None) -> str:
    return (
        "an abstract syntax that is not there"
        if uid is None
        else names.uid_name(uid) or printable(uid)
    )


def _list(texts: Iterable[str]) -> str:
    told = list(texts)
    more = f" and {len(told) - TOLD} more" if len(told) > TOLD else ""
    return ", ".join(told[:TOLD]) + more
