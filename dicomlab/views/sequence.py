"""The sequence of an association as a renderer sees it: states, times, repetitions folded."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from dicomlab.model import Association, Message, Pdu, Side, printable
from dicomlab.protocol.replay import OPENED, UNKNOWN, Illegal, Move, begins
from dicomlab.spec import names
from dicomlab.spec.state import TRANSITIONS
from dicomlab.views import theme
from dicomlab.views.layout import Findings, findings_of, value_of
from dicomlab.views.outline import (
    CONTINUED,
    DATA_SET,
    P_DATA,
    SILENCE,
    STEPS,
    Run,
    carried_on,
    outline,
)
from dicomlab.views.reasons import Reasons, reasons_of
from dicomlab.views.summary import how_closed, meaning_of
from dicomlab.views.summary import outcome as outcome_of
from dicomlab.views.theme import Tone

SYNTAXES = 34  # characters of abstract syntaxes that fit over an arrow
GOING = "The conversation goes on."
PATIENCE = 1_000_000_000  # the same before an end that is none of the protocol's


# --- the sequence of an association -----------------------------------------------------------


@dataclass(frozen=True, slots=True)
class End:
    """One end of an association."""

    side: Side
    title: str
    address: str


StepKind = Literal["opened", "pdu", "fold", "silence", "gap", "closed", "end"]


@dataclass(frozen=True, slots=True)
class Step:
    """One line of a sequence: a PDU, or what is none."""

    kind: StepKind
    label: str
    details: tuple[str, ...] = ()
    tone: Tone = "plain"
    sender: Side | None = None
    time: int | None = None  # nanoseconds since the first packet
    gap: int | None = None  # nanoseconds since the step before
    requestor: Move = UNKNOWN
    acceptor: Move = UNKNOWN
    illegal: Illegal | None = None  # the first PDU that PS3.8 Table 9-10 does not allow
    index: int | None = None  # of the PDU in its association; of several, the first
    last: int | None = None  # the last of several
    count: int = 1  # PDUs that stand in this step

    @property
    def numbers(self) -> str:
        """The index of its PDU, or those of the first and the last of several."""
        if self.index is None:
            return ""
        return f"{self.index}" if self.last is None else f"{self.index}–{self.last}"


@dataclass(frozen=True, slots=True)
class Ladder:
    """The message sequence of an association."""

    title: str
    requestor: End
    acceptor: End
    steps: tuple[Step, ...]
    pdus: int
    outcome: str
    tone: Tone
    findings: Findings
    reasons: Reasons


def ladder(association: Association, most: int = STEPS, *, going: bool = False) -> Ladder:
    """The message sequence of an association, long repetitions folded.

    Of more than ``most`` steps those in the middle are folded too. An association that is still
    ``going`` on does not end where its recording has come to.
    """
    requestor = end_of("requestor", association.calling_ae_title, str(association.requestor))
    acceptor = end_of("acceptor", association.called_ae_title, str(association.acceptor))
    steps = [_step(association, run) for run in outline(association, most)]
    outcome, tone = outcome_of(association)
    if going and association.outcome.by is None:
        outcome, tone = GOING, "plain"
    else:
        steps = _ended(association, steps)
    return Ladder(
        title=f"{requestor.title} → {acceptor.title}",
        requestor=requestor,
        acceptor=acceptor,
        steps=tuple(_timed([*_opened(association), *steps])),
        pdus=len(association.pdus),
        outcome=outcome,
        tone=tone,
        findings=findings_of(association.findings),
        reasons=reasons_of(association.verdict),
    )


def in_words(step: Step) -> str:
    """A step as a sentence, for those who have it read out."""
    said = [step.label, *step.details]
    if step.last is not None:
        said.append(f"PDUs {step.index} to {step.last}")
    if step.illegal is not None:
        said.append(str(step.illegal))
    if step.time is not None:
        said.append(theme.duration(step.time))
    words = ", ".join(said)
    if step.sender is not None and step.kind in ("opened", "pdu"):
        ends = ("requestor", "acceptor")
        words = f"{' to '.join(ends if step.sender == 'requestor' else ends[::-1])}: {words}"
    after = " / ".join(one.after for one in (step.requestor, step.acceptor) if one.after)
    return f"{words}, then {after}" if after else words


def end_of(side: Side, title: str | None, address: str) -> End:
    """An end, safe to print."""
    shown = "(not seen)" if title is None else printable(title) or "(empty)"
    return End(side, shown, printable(address))


def _opened(association: Association) -> Iterator[Step]:
    if begins(association):
        requestor, acceptor = OPENED
        yield Step(
            "opened",
            "TCP connection",
            sender="requestor",
            time=association.start_time,
            requestor=requestor,
            acceptor=acceptor,
        )


def _step(association: Association, run: Run) -> Step:
    """A run as it is shown: now its PDU is looked at."""
    if run.missing:
        label = f"{theme.size(run.missing)} of the {run.sender} are missing here"
        return Step("gap", label, tone="warning", sender=run.sender)
    step = _described(association, run) if run.folded is None else _fold(run, run.folded)
    return replace(
        step,
        sender=run.sender,
        time=run.time,
        index=run.first,
        last=run.last if run.count > 1 else None,
        count=run.count,
        requestor=run.requestor,
        acceptor=run.acceptor,
        illegal=run.illegal,
        tone="error" if run.illegal else step.tone,
    )


def _fold(run: Run, patterns: Sequence[str]) -> Step:
    """Equal exchanges in a row, or what there is too much of."""
    if not patterns:
        return Step("fold", f"× {run.count:,} PDUs", ("of several kinds",))
    kinds = [
        one.removeprefix(f"{P_DATA} · ").split(" ")[0]
        for one in patterns
        if not one.endswith((CONTINUED, DATA_SET))
    ]
    services = {one.removesuffix("-RQ").removesuffix("-RSP") for one in kinds}
    what = services.pop() if len(services) == 1 else "exchanges"
    if len(patterns) == 1:
        what = kinds[0] if kinds else P_DATA
    details = (" → ".join(kinds),) if len(patterns) > 1 else ()
    return Step("fold", f"× {run.times:,} {what}", details)


def _described(association: Association, run: Run) -> Step:
    pdu = association.pdus[run.first]
    match pdu.type:
        case "A-ASSOCIATE-RQ":
            return Step("pdu", pdu.type, tuple(_proposed(association)))
        case "A-ASSOCIATE-AC":
            return Step("pdu", pdu.type, *_answered(association))
        case "A-ASSOCIATE-RJ" | "A-ABORT":
            return Step("pdu", pdu.type, tuple(_codes(pdu)), "error")
        case "P-DATA-TF":
            return _carrying(association, pdu, run)
        case None:
            what = tuple(printable(one.what) for one in pdu.findings[:1])
            return Step("pdu", f"{theme.size(len(pdu))}, not a PDU", what, "error")
    return Step("pdu", pdu.name, () if pdu.complete else ("incomplete",))


def _proposed(association: Association) -> Iterator[str]:
    contexts = association.presentation_contexts
    if contexts:
        kinds = list(dict.fromkeys(_syntax(one.abstract_syntax) for one in contexts))
        shown = kinds[:2] if len(", ".join(kinds[:2])) <= SYNTAXES else kinds[:1]
        more = f" and {len(kinds) - len(shown)} more" if len(kinds) > len(shown) else ""
        yield f"proposes {theme.count(len(contexts), 'context')}: {', '.join(shown)}{more}"


def _answered(association: Association) -> tuple[tuple[str, ...], Tone]:
    contexts = association.presentation_contexts
    if not contexts:
        return (), "plain"
    refused = [one for one in contexts if one.result]
    accepted = sum(one.result == 0 for one in contexts)
    details = [f"accepts {accepted} of {theme.count(len(contexts), 'context')}"]
    details += [
        f"context {one.id}, {_syntax(one.abstract_syntax)}: "
        f"{names.CONTEXT_RESULTS.get(one.result or 0, f'result {one.result}').split(' (')[0]}"
        for one in refused[:2]
    ]
    if len(refused) > 2:
        details.append(f"and {len(refused) - 2} more refused")
    tone: Tone = "error" if not accepted else "warning" if refused else "good"
    return tuple(details), tone


def _syntax(uid: str | None) -> str:
    name = names.uid_name(uid) if uid else None
    return (name or printable(uid or "?")).removesuffix(" SOP Class")


def _codes(pdu: Pdu) -> Iterator[str]:
    """Result, source, reason: each number with its words."""
    for one in pdu.fields:
        if one.name in ("Result", "Source", "Reason/Diag."):
            value, meaning = value_of(one)
            yield printable(f"{one.name} {value}: {meaning}" if meaning else f"{one.name} {value}")


def _carrying(association: Association, pdu: Pdu, run: Run) -> Step:
    """The step of a P-DATA-TF, or of several that carry on, by the messages that it carries."""
    labels: list[str] = []
    details: list[str] = []
    tone: Tone = "plain"
    for message in run.messages:
        parts = message.pdus or (run.first,)
        if run.first == parts[0]:
            labels.append(printable(message.type) + _numbered(message))
            details += _told(association, message)
            tone = tone if message.status is None else _status_tone(message.status)
        else:
            labels.append(carried_on(message))
        if message.dataset_bytes is not None and run.first == parts[:2][-1]:
            details.append(f"data set of {theme.size(message.dataset_bytes)}")
    if not pdu.complete:
        details.append("incomplete")
    many = f" (× {run.count:,})" if run.count > 1 else ""
    return Step("pdu", " · ".join(["P-DATA-TF", *labels]) + many, tuple(details), tone)


def _numbered(message: Message) -> str:
    if message.message_id is not None:
        return f", message ID {message.message_id}"
    if message.responding_to is not None:
        does = "cancels" if message.type == "C-CANCEL-RQ" else "answers"
        return f", {does} message ID {message.responding_to}"
    return ""


def _told(association: Association, message: Message) -> Iterator[str]:
    if message.status is not None:
        meaning = meaning_of(association, message)
        yield f"Status {theme.hexadecimal(message.status, 4)}: {meaning}"
        counted = message.more.get("suboperations", {})
        if told := ", ".join(f"{number} {what}" for what, number in counted.items() if number):
            yield f"sub-operations: {told}"
    elif message.sop_class:
        yield _syntax(message.sop_class)
    if not message.complete:
        yield "the message is not complete"


def _status_tone(status: int) -> Tone:
    tones: dict[str | None, Tone] = {"Success": "good", "Pending": "plain", "Failure": "error"}
    return tones.get(names.status_class(status), "warning")


def _ended(association: Association, steps: list[Step]) -> list[Step]:
    """The steps with the end of the connection; what its other side said afterwards is late."""
    outcome = association.outcome
    if outcome.ended in ("unanswered", "closed-without-release") and outcome.by:
        by = outcome.by
        ends = (one.time for one in association.endings if one.sender == by)
        time = next((one for one in ends if one is not None), association.stop_time)
        place = len(steps)
        while place and _is_late(steps[place - 1], by, time):
            place -= 1
        late = [_too_late(one, by) for one in steps[place:]]
        return [*steps[:place], _closed(association, by, time, steps[:place]), *late]
    if outcome.ended in ("unanswered", "capture-ends"):
        label = "The connection is closed" if association.endings else "The recording ends here"
        return [*steps, Step("end", label, tone="warning", time=association.stop_time)]
    return steps


def _is_late(step: Step, by: Side, closed: int | None) -> bool:
    """Whether a PDU came from the other side when the connection had been closed."""
    known = step.kind == "pdu" and step.sender != by and step.time is not None
    return known and closed is not None and (step.time or 0) > closed


def _too_late(step: Step, by: Side) -> Step:
    details = *step.details, f"too late: the {by} had closed"
    if by == "requestor":
        return replace(step, details=details, requestor=Move(after="Sta1"))
    return replace(step, details=details, acceptor=Move(after="Sta1"))


def _closed(association: Association, by: Side, time: int | None, steps: Sequence[Step]) -> Step:
    last = next((one for one in reversed(steps) if one.kind == "pdu"), None)
    before = (last.requestor.after, last.acceptor.after) if last else ("", "")
    requestor, acceptor = (
        _closing(state, closes=side == by)
        for side, state in zip(("requestor", "acceptor"), before, strict=True)
    )
    return Step(
        "closed",
        f"TCP {how_closed(association)} by the {by}",
        tone="error",
        sender=by,
        time=time,
        requestor=requestor,
        acceptor=acceptor,
    )


def _closing(state: str, *, closes: bool) -> Move:
    if closes:
        return Move(state, after="Sta1")
    action = TRANSITIONS.get(("Evt17", state), "")
    return Move(state, "Evt17" if action else "", action, "Sta1" if action else state)


def _timed(steps: Iterable[Step]) -> Iterator[Step]:
    """The steps with times since the first, gaps, and silences pointed out."""
    origin: int | None = None
    before: int | None = None
    for step in steps:
        if step.time is None:
            yield step
            continue
        origin = step.time if origin is None else origin
        gap = None if before is None else step.time - before
        limit = SILENCE if step.kind in ("pdu", "fold") else PATIENCE
        if gap is not None and gap >= limit and step.count == 1:
            yield Step("silence", f"{theme.duration(gap)} of silence", tone="warning", gap=gap)
        before = step.time
        yield replace(step, time=step.time - origin, gap=gap)
