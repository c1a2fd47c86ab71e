"""The sequence of an association as a renderer sees it: states, times, repetitions folded."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from dicomlab.model import Association, Message, Pdu, Side, printable
from dicomlab.spec import names
from dicomlab.spec.state import TRANSITIONS
from dicomlab.views import theme
from dicomlab.views.layout import Findings, findings_of, value_of
from dicomlab.views.states import UNKNOWN, Move, States
from dicomlab.views.summary import outcome as outcome_of
from dicomlab.views.theme import Tone

STEPS = 400  # steps that are shown of one association
REPEATS = 4  # that many equal exchanges in a row are folded
SILENCE = 5_000_000_000  # nanoseconds without a PDU that a sequence points out
SYNTAXES = 34  # characters of abstract syntaxes that fit over an arrow
PATIENCE = 1_000_000_000  # the same before an end that is none of the protocol's

CONTINUED, DATA_SET = ", continued", ", data set"  # how the later PDUs of a message are called


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
    index: int | None = None  # of the PDU in its association
    count: int = 1  # PDUs that stand in this step
    pattern: str = ""  # equal for steps that differ in numbers only


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


def ladder(association: Association) -> Ladder:
    """The message sequence of an association, long repetitions folded."""
    requestor = end_of("requestor", association.calling_ae_title, str(association.requestor))
    acceptor = end_of("acceptor", association.called_ae_title, str(association.acceptor))
    steps = list(_pdu_steps(association))
    steps = _shorten(_repeats_folded(_fragments_joined(steps)))
    outcome, tone = outcome_of(association)
    return Ladder(
        title=f"{requestor.title} → {acceptor.title}",
        requestor=requestor,
        acceptor=acceptor,
        steps=tuple(_timed([*_opened(association), *steps, *_ending(association, steps)])),
        pdus=len(association.pdus),
        outcome=outcome,
        tone=tone,
        findings=findings_of(association.findings),
    )


def end_of(side: Side, title: str | None, address: str) -> End:
    """An end, safe to print."""
    shown = "(not seen)" if title is None else printable(title) or "(empty)"
    return End(side, shown, printable(address))


def _opened(association: Association) -> Iterator[Step]:
    first = association.pdus[0] if association.pdus else None
    if association.start_time is not None and first and first.type == "A-ASSOCIATE-RQ":
        yield Step(
            "opened",
            "TCP connection",
            sender="requestor",
            time=association.start_time,
            requestor=Move("Sta1", "Evt1", "AE-1", "Sta4"),
            acceptor=Move("Sta1", "Evt5", "AE-5", "Sta2"),
        )


def _pdu_steps(association: Association) -> Iterator[Step]:
    """One step a PDU, and one where bytes are missing between two; times since 1970."""
    carried: dict[int, list[Message]] = {}
    for message in association.messages:
        for index in message.pdus:
            carried.setdefault(index, []).append(message)
    states = States(association)
    reached: dict[Side, int] = {}
    for number, pdu in enumerate(association.pdus):
        index = number if pdu.index is None else pdu.index
        if pdu.sender:
            missing = pdu.start - reached.get(pdu.sender, pdu.start)
            reached[pdu.sender] = pdu.stop
            if missing > 0:
                label = f"{theme.size(missing)} of the {pdu.sender} are missing here"
                yield Step("gap", label, tone="warning", sender=pdu.sender)
        requestor, acceptor = states.pass_on(pdu)
        step = _described(association, pdu, index, carried.get(index, ()))
        yield replace(
            step,
            sender=pdu.sender,
            time=pdu.time,
            index=index,
            requestor=requestor,
            acceptor=acceptor,
        )


def _described(association: Association, pdu: Pdu, index: int, messages: Sequence[Message]) -> Step:
    match pdu.type:
        case "A-ASSOCIATE-RQ":
            return Step("pdu", pdu.type, tuple(_proposed(association)))
        case "A-ASSOCIATE-AC":
            return Step("pdu", pdu.type, *_answered(association))
        case "A-ASSOCIATE-RJ" | "A-ABORT":
            return Step("pdu", pdu.type, tuple(_codes(pdu)), "error")
        case "P-DATA-TF":
            return _carrying(pdu, index, messages)
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


def _carrying(pdu: Pdu, index: int, messages: Sequence[Message]) -> Step:
    """The step of a P-DATA-TF, by the messages that it carries."""
    labels: list[str] = []
    patterns: list[str] = []
    details: list[str] = []
    tone: Tone = "plain"
    for message in messages:
        kind = printable(message.type)
        parts = message.pdus or (index,)
        if index == parts[0]:
            labels.append(kind + _numbered(message))
            patterns.append(f"{kind} {message.status}")
            details += _told(message)
            tone = tone if message.status is None else _status_tone(message.status)
        else:
            labels.append(kind + (CONTINUED if message.dataset_bytes is None else DATA_SET))
            patterns.append(labels[-1])
        if message.dataset_bytes is not None and index == parts[:2][-1]:
            details.append(f"data set of {theme.size(message.dataset_bytes)}")
    if not pdu.complete:
        details.append("incomplete")
    return Step(
        "pdu",
        " · ".join(["P-DATA-TF", *labels]),
        tuple(details),
        tone,
        pattern=" · ".join(["P-DATA-TF", *patterns]),
    )


def _numbered(message: Message) -> str:
    if message.message_id is not None:
        return f", message ID {message.message_id}"
    if message.responding_to is not None:
        return f", answers message ID {message.responding_to}"
    return ""


def _told(message: Message) -> Iterator[str]:
    if message.status is not None:
        meaning = names.status_text(message.status) or "unknown"
        yield f"Status {theme.hexadecimal(message.status, 4)}: {meaning}"
    elif message.sop_class:
        yield _syntax(message.sop_class)
    if not message.complete:
        yield "the message is not complete"


def _status_tone(status: int) -> Tone:
    tones: dict[str | None, Tone] = {"Success": "good", "Pending": "plain", "Failure": "error"}
    return tones.get(names.status_class(status), "warning")


def _ending(association: Association, steps: Sequence[Step]) -> Iterator[Step]:
    """What follows the last PDU and is none."""
    outcome = association.outcome
    last = next((one for one in reversed(steps) if one.kind == "pdu"), None)
    if outcome.ended in ("unanswered", "closed-without-release") and outcome.by:
        before = (last.requestor.after, last.acceptor.after) if last else ("", "")
        requestor, acceptor = (
            _closing(state, closes=side == outcome.by)
            for side, state in zip(("requestor", "acceptor"), before, strict=True)
        )
        yield Step(
            "closed",
            f"TCP closed by the {outcome.by}",
            tone="error",
            sender=outcome.by,
            time=association.stop_time,
            requestor=requestor,
            acceptor=acceptor,
        )
    elif outcome.ended in ("unanswered", "capture-ends"):
        yield Step("end", "The recording ends here", tone="warning", time=association.stop_time)


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


# --- folding ----------------------------------------------------------------------------------


def _fragments_joined(steps: Iterable[Step]) -> list[Step]:
    """PDUs in a row that carry on the same message stand as one step."""
    joined: list[Step] = []
    for step in steps:
        before = joined[-1] if joined else None
        carries_on = step.pattern.endswith((CONTINUED, DATA_SET))
        same = before and (step.pattern, step.sender) == (before.pattern, before.sender)
        if before and same and carries_on:
            count = before.count + 1
            label = f"{before.pattern} (× {count:,})"
            joined[-1] = replace(
                before,
                label=label,
                count=count,
                time=step.time,
                requestor=_both(before.requestor, step.requestor),
                acceptor=_both(before.acceptor, step.acceptor),
            )
        else:
            joined.append(step)
    return joined


def _both(first: Move, last: Move) -> Move:
    return replace(last, before=first.before)


def _repeats_folded(steps: Sequence[Step]) -> list[Step]:
    """Equal exchanges in a row: the first is shown, the others are counted."""
    folded: list[Step] = []
    at = 0
    while at < len(steps):
        for period in range(1, 5):
            times = _repeats(steps, at, period)
            if times >= REPEATS:
                others = steps[at + period : at + times * period]
                folded += [*steps[at : at + period], _fold(others, period, times - 1)]
                at += times * period
                break
        else:
            folded.append(steps[at])
            at += 1
    return folded


def _repeats(steps: Sequence[Step], at: int, period: int) -> int:
    """How often the ``period`` steps at ``at`` come in a row."""
    same = at
    while (
        same + period < len(steps)
        and steps[same].pattern
        and (steps[same].pattern, steps[same].sender)
        == (steps[same + period].pattern, steps[same + period].sender)
    ):
        same += 1
    return (same - at) // period + 1


def _fold(steps: Sequence[Step], period: int, times: int) -> Step:
    kinds = [
        _kind(one) for one in steps[:period] if not one.pattern.endswith((CONTINUED, DATA_SET))
    ]
    services = {one.removesuffix("-RQ").removesuffix("-RSP") for one in kinds}
    what = services.pop() if len(services) == 1 else "exchanges"
    if period == 1:
        what = kinds[0] if kinds else "P-DATA-TF"
    return Step(
        "fold",
        f"× {times:,} {what}",
        (" → ".join(kinds),) if period > 1 else (),
        sender=steps[0].sender if period == 1 else None,
        time=steps[-1].time,
        requestor=_both(steps[0].requestor, steps[-1].requestor),
        acceptor=_both(steps[0].acceptor, steps[-1].acceptor),
        count=sum(one.count for one in steps),
    )


def _kind(step: Step) -> str:
    return step.pattern.removeprefix("P-DATA-TF · ").split(" ")[0]


def _shorten(steps: list[Step]) -> list[Step]:
    """At most STEPS steps: what is too much stands in the middle, counted."""
    if len(steps) <= STEPS:
        return steps
    half = STEPS // 2
    middle = steps[half:-half]
    count = sum(one.count for one in middle if one.kind in ("pdu", "fold"))
    fold = Step(
        "fold",
        f"× {count:,} PDUs",
        ("of several kinds",),
        time=middle[-1].time,
        count=count,
        requestor=_both(middle[0].requestor, middle[-1].requestor),
        acceptor=_both(middle[0].acceptor, middle[-1].acceptor),
    )
    return [*steps[:half], fold, *steps[-half:]]
