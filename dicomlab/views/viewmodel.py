"""All that a renderer sees: pure data, ready to be shown, the same for every way of showing.

``view(value)`` turns a value of the model into one of four views: the bytes of a PDU
(:class:`ByteLayout`), the sequence of an association (:class:`Ladder`), the list of a capture
(:class:`Listing`), findings (:class:`Findings`). What came from a peer is spelled out here, so that
no control character passes; secrets are masked here; what is long is folded here, with its count.
Views are frozen dataclasses of numbers, texts and tuples: ``dataclasses.asdict`` gives JSON.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, islice
from typing import Any, Literal

from dicomlab.model import (
    Association,
    Capture,
    Connection,
    Field,
    Finding,
    Message,
    Pdu,
    Role,
    Severity,
    Side,
    Span,
    printable,
    snake_case,
)
from dicomlab.protocol.build import Draft
from dicomlab.spec import names
from dicomlab.spec.state import TRANSITIONS
from dicomlab.views import theme
from dicomlab.views.states import UNKNOWN, Move, States
from dicomlab.views.theme import Tone

WIDTH = 16  # bytes a line
BOXES = 1500  # fields that are shown of one PDU
NOTES = 300  # findings that are listed
STEPS = 400  # steps that are shown of one association
KEPT = 2  # lines of a long run, items of many, that are shown before the fold; one behind it
ITEMS = 5  # more equal items in a row than that are folded
LADDERS = 50  # associations of a capture whose sequence is shown
REPEATS = 4  # that many equal exchanges in a row are folded
SILENCE = 5_000_000_000  # nanoseconds without a PDU that a sequence points out
SYNTAXES = 34  # characters of abstract syntaxes that fit over an arrow
PATIENCE = 1_000_000_000  # the same before an end that is none of the protocol's

CONTINUED, DATA_SET = ", continued", ", data set"  # how the later PDUs of a message are called
_WORSE: dict[Severity, int] = {"error": 0, "warning": 1, "info": 2}


def view(value: Any) -> ByteLayout | Ladder | Listing | Findings:
    """What is to be shown of a Pdu, Draft, Association, Capture, Finding or several findings."""
    match value:
        case Pdu():
            return rows(value)
        case Draft():
            return rows(value.pdu, draft=True)
        case Association():
            return ladder(value)
        case Capture():
            return listing(value)
        case Finding():
            return Findings((_clean(value),))
        case list() | tuple() if all(isinstance(one, Finding) for one in value):
            return Findings(*_notes(value))
    raise TypeError(f"nothing is known of how to show a {type(value).__name__}")


# --- findings -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Findings:
    """Findings, numbered from 1 in this order; ``hidden`` more are not listed."""

    notes: tuple[Finding, ...]
    hidden: int = 0


def _notes(found: Sequence[Finding]) -> tuple[tuple[Finding, ...], int]:
    return tuple(_clean(one) for one in found[:NOTES]), max(0, len(found) - NOTES)


def _clean(one: Finding) -> Finding:
    return replace(
        one, what=printable(one.what), why=printable(one.why), remedy=printable(one.remedy)
    )


def worst(notes: Iterable[Finding]) -> Severity | None:
    """The gravest severity among them."""
    return min((one.severity for one in notes), key=_WORSE.__getitem__, default=None)


# --- the bytes of a PDU ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Box:
    """One field: a row of the field table, and one or more segments of lines."""

    number: int  # in reading order, from 0
    ident: str  # for anchors and SVG ids
    name: str
    depth: int  # 0: a field of the PDU itself
    start: int
    stop: int
    leaf: bool
    role: Role | None  # None: made of others
    hex: str
    value: str
    meaning: str
    rule: str
    clause: str
    notes: tuple[int, ...]  # numbers of its findings, from 1


@dataclass(frozen=True, slots=True)
class Cell:
    """One byte."""

    offset: int
    hex: str
    text: str
    box: int  # the number of the leaf that it belongs to
    role: Role
    notes: tuple[int, ...]  # numbers of the findings that point at it, the gravest first


@dataclass(frozen=True, slots=True)
class Segment:
    """What one line holds of one box: columns ``first`` up to, not including, ``last``."""

    box: int
    first: int
    last: int
    opens: bool
    closes: bool


@dataclass(frozen=True, slots=True)
class Line:
    """Sixteen bytes or, with ``folded``, a run of bytes that is not shown."""

    start: int
    stop: int
    cells: tuple[Cell, ...] = ()
    segments: tuple[Segment, ...] = ()  # containers and leaves, outermost first
    folded: str = ""  # what is left out, in words
    notes: tuple[int, ...] = ()  # findings that point into the run


@dataclass(frozen=True, slots=True)
class ByteLayout:
    """A PDU, byte for byte and field for field."""

    title: str
    subtitle: str
    start: int
    stop: int
    lines: tuple[Line, ...]
    boxes: tuple[Box, ...]
    hidden: int  # fields beyond the last box
    findings: Findings


def rows(pdu: Pdu, *, draft: bool = False) -> ByteLayout:
    """The byte layout of a PDU: lines of sixteen bytes, and the fields that they belong to.

    Offsets count from the PDU's first byte, as in the tables of the standard, wherever in its
    stream the PDU stands.
    """
    subtitle = _pdu_subtitle(pdu)
    root = pdu.root
    pdu = replace(pdu, tree=_from_zero(root, root.start), span=None)
    notes, hidden_notes = _notes(pdu.findings)
    numbers = {id(one): number for number, one in enumerate(pdu.findings[:NOTES], 1)}
    walk = _walk(pdu)
    seen = list(islice(walk, BOXES))
    hidden = sum(1 for _ in walk)
    boxes = tuple(_box(number, one, depth, numbers) for number, (one, depth) in enumerate(seen))
    lines = tuple(_lines(pdu, boxes, [one for one, _ in seen], notes))
    return ByteLayout(
        title=_pdu_title(pdu) + (" (draft)" if draft else ""),
        subtitle=subtitle,
        start=pdu.start,
        stop=pdu.stop,
        lines=lines,
        boxes=boxes,
        hidden=hidden,
        findings=Findings(notes, hidden_notes),
    )


def _from_zero(field: Field, origin: int) -> Field:
    """The field with all offsets, its findings' too, counted from ``origin``."""
    if origin == 0:
        return field
    return replace(
        field,
        start=field.start - origin,
        stop=field.stop - origin,
        children=tuple(_from_zero(one, origin) for one in field.children),
        findings=tuple(
            replace(one, span=one.span and Span(one.span.start - origin, one.span.stop - origin))
            for one in field.findings
        ),
    )


def _walk(pdu: Pdu) -> Iterator[tuple[Field, int]]:
    """The fields with their depth, in reading order."""
    waiting = [(one, 0) for one in reversed(pdu.fields)]
    while waiting:
        one, depth = waiting.pop()
        yield one, depth
        waiting.extend((child, depth + 1) for child in reversed(one.children))


def _box(number: int, one: Field, depth: int, numbers: dict[int, int]) -> Box:
    leaf = not one.children
    value, meaning = _value(one) if leaf else ("", one.text)
    return Box(
        number=number,
        ident=f"field-{number}-{snake_case(one.name).replace('_', '-')}",
        name=printable(one.name),
        depth=depth,
        start=one.start,
        stop=one.stop,
        leaf=leaf,
        role=one.role if leaf else None,
        hex=_hex(one) if leaf else "",
        value=printable(value),
        meaning=printable(meaning),
        rule=one.rule,
        clause=one.clause,
        notes=tuple(numbers[id(f)] for f in one.findings if id(f) in numbers),
    )


def _value(leaf: Field) -> tuple[str, str]:
    """A leaf's text, taken apart: the value itself, and what it means."""
    if leaf.secret:
        return leaf.text, ""
    shown = leaf.kind.show(leaf.value)
    if leaf.text.startswith(shown + " = "):
        return shown, leaf.text[len(shown) + 3 :]
    return leaf.text, ""


def _hex(leaf: Field) -> str:
    size = leaf.stop - leaf.start
    if leaf.secret:
        return f"•• × {size}" if size else ""
    raw = leaf.raw
    if size > WIDTH and not any(raw):
        return f"00 × {size}"
    if size <= 6:
        return raw.hex(" ").upper()
    return f"{raw[:3].hex(' ').upper()} … {theme.size(size)}"


def _pdu_title(pdu: Pdu) -> str:
    messages = [
        _value(one.children[-1])[1] or one.text
        for one in islice(pdu.walk(), 200)
        if one.name == "Command Field" and one.children
    ]
    return printable(" · ".join([pdu.name, *messages]))


def _pdu_subtitle(pdu: Pdu) -> str:
    parts = [theme.size(len(pdu))]
    if pdu.sender:
        parts.append(f"from the {pdu.sender}")
    if pdu.start:
        parts.append(f"byte {pdu.start:,} and on of its stream")
    if pdu.frames:
        first, last = pdu.frames
        parts.append(f"frame {first}" if first == last else f"frames {first}–{last}")
    if not pdu.complete and pdu.type:
        parts.append("incomplete")
    return ", ".join(parts)


def _lines(
    pdu: Pdu, boxes: Sequence[Box], fields: Sequence[Field], notes: Sequence[Finding]
) -> Iterator[Line]:
    """The lines of bytes; runs that say nothing new stand as one folded line."""
    leaves = [(box, one) for box, one in zip(boxes, fields, strict=True) if box.leaf]
    end = leaves[-1][0].stop if leaves else pdu.start
    runs = [*_long_runs(pdu.start, leaves), *_many_items(pdu)]
    folds = {first: (last, text) for first, last, text in runs}
    tiles = iter(leaves)
    cells: list[Cell] = []
    at, box, raw = pdu.start, None, b""
    while at < end:
        if (at - pdu.start) % WIDTH == 0 and at in folds:
            last, text = folds[at]
            yield Line(at, last, folded=text, notes=_pointing(notes, at, last))
            at = last
            continue
        while box is None or at >= box.stop:
            box, one = next(tiles)
            raw = bytes(one.raw)
            secret = one.secret
        byte = raw[at - box.start]
        cells.append(
            Cell(
                offset=at,
                hex="••" if secret else f"{byte:02X}",
                text="•" if secret else (chr(byte) if 0x20 <= byte < 0x7F else "·"),
                box=box.number,
                role=one.role,
                notes=_pointing(notes, at, at + 1),
            )
        )
        at += 1
        if (at - pdu.start) % WIDTH == 0 or at == end:
            yield _line(cells, boxes)
            cells = []
    if end < pdu.stop:
        yield Line(end, pdu.stop, folded=f"{theme.size(pdu.stop - end)} more")


def _long_runs(start: int, leaves: Sequence[tuple[Box, Field]]) -> Iterator[tuple[int, int, str]]:
    """Whole lines inside one leaf that need not be shown: first, last, in words."""
    for box, one in leaves:
        first, last = _whole_lines(start, box.start, box.stop)
        if last > first and one.role is Role.RESERVED and not any(one.raw):
            yield first, last, f"{last - first} × 00H, {box.name}"
        elif last - first > (KEPT + 2) * WIDTH:
            first, last = first + KEPT * WIDTH, last - WIDTH
            yield first, last, f"{theme.size(last - first)} of {box.name}"


def _many_items(pdu: Pdu) -> Iterator[tuple[int, int, str]]:
    """The same for the middle of many equal items in a row."""
    for parent in islice(pdu.root.walk(), BOXES):
        for name, grouped in groupby(parent.children, key=lambda one: one.children and one.name):
            group = list(grouped)
            if not name or len(group) <= ITEMS:
                continue
            first, last = _whole_lines(pdu.start, group[KEPT].start, group[-2].stop)
            if last > first:
                which = f"{printable(name)} {KEPT + 1} to {len(group) - 1} of {len(group)}"
                yield first, last, f"{which}, {theme.size(last - first)}"


def _whole_lines(origin: int, start: int, stop: int) -> tuple[int, int]:
    """The whole lines between two offsets."""
    return (
        origin + -(-(start - origin) // WIDTH) * WIDTH,
        origin + (stop - origin) // WIDTH * WIDTH,
    )


def _line(cells: Sequence[Cell], boxes: Sequence[Box]) -> Line:
    start, stop = cells[0].offset, cells[-1].offset + 1
    segments = tuple(
        Segment(
            box.number,
            max(box.start, start) - start,
            min(box.stop, stop) - start,
            opens=box.start >= start,
            closes=box.stop <= stop,
        )
        for box in _around(cells, boxes)
    )
    return Line(start, stop, tuple(cells), segments)


def _around(cells: Sequence[Cell], boxes: Sequence[Box]) -> list[Box]:
    """The boxes that bytes of a line lie in: their leaves, and what those are part of."""
    leaves = list(dict.fromkeys(cell.box for cell in cells))
    found = {number: boxes[number] for number in leaves}
    depth, number = boxes[leaves[0]].depth, leaves[0]
    while depth:  # the containers of the first leaf; the others' open on this line
        number -= 1
        if boxes[number].depth < depth:
            depth = boxes[number].depth
            found[number] = boxes[number]
    for box in boxes[leaves[0] : leaves[-1]]:
        if not box.leaf:
            found[box.number] = box
    return sorted(found.values(), key=lambda box: (box.depth, box.start, box.number))


def _pointing(notes: Sequence[Finding], start: int, stop: int) -> tuple[int, ...]:
    """The numbers of the findings that point at these bytes, the gravest and narrowest first."""
    found = []
    for number, one in enumerate(notes, 1):
        if one.span is None:
            continue
        last = max(one.span.stop, one.span.start + 1)  # where nothing is, the next byte
        if one.span.start < stop and start < last:
            found.append((_WORSE[one.severity], last - one.span.start, number))
    return tuple(number for _, _, number in sorted(found))


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
    requestor = _end("requestor", association.calling_ae_title, str(association.requestor))
    acceptor = _end("acceptor", association.called_ae_title, str(association.acceptor))
    steps = list(_pdu_steps(association))
    steps = _shorten(_repeats_folded(_fragments_joined(steps)))
    outcome, tone = _outcome(association)
    return Ladder(
        title=f"{requestor.title} → {acceptor.title}",
        requestor=requestor,
        acceptor=acceptor,
        steps=tuple(_timed([*_opened(association), *steps, *_ending(association, steps)])),
        pdus=len(association.pdus),
        outcome=outcome,
        tone=tone,
        findings=Findings(*_notes(association.findings)),
    )


def _end(side: Side, title: str | None, address: str) -> End:
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
            value, meaning = _value(one)
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


def _outcome(association: Association) -> tuple[str, Tone]:
    """How it ended, in a sentence, and how bad that is."""
    outcome = association.outcome
    by = f"the {outcome.by}" if outcome.by else "somebody"
    refused = [one for one in association.presentation_contexts if one.result]
    match outcome.ended:
        case "released" if refused and len(refused) == len(association.presentation_contexts):
            return f"Released by {by}; no presentation context was accepted.", "error"
        case "released":
            return f"Released by {by}: an orderly end.", "good"
        case "rejected":
            lasting = names.REJECT_RESULTS.get(outcome.result or 0, f"result {outcome.result}")
            key = (outcome.source or 0, outcome.reason or 0)
            undefined = f"source {outcome.source}, reason {outcome.reason}"
            reason = names.REJECT_REASONS.get(key, undefined)
            return f"Rejected by {by} ({lasting}): {reason}.", "error"
        case "aborted":
            source = names.ABORT_SOURCES.get(outcome.source or 0, f"source {outcome.source}")
            reason = names.ABORT_REASONS.get((outcome.source or 0, outcome.reason or 0), "")
            because = f": {reason}" if reason and outcome.source else ""
            return f"Aborted by {by} ({source}){because}.", "error"
        case "unanswered":
            end = f"; {by} closed the connection" if outcome.by else ""
            return f"The A-ASSOCIATE-RQ was never answered{end}.", "error"
        case "closed-without-release":
            return f"TCP closed by {by} without a release.", "error"
    return "The recording ends before the association does.", "warning"


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


# --- the list of a capture ------------------------------------------------------------------------

_KINDS = {
    "refused": "the connection was refused",
    "no-answer": "nobody answered",
    "no-data": "opened, and no data was seen",
    "tls": "TLS",
    "not-dicom": "not DICOM",
}


@dataclass(frozen=True, slots=True)
class Entry:
    """One TCP connection of a capture."""

    connection: int
    requestor: End
    acceptor: End
    outcome: str
    tone: Tone
    pdus: int
    messages: str
    duration: int | None  # nanoseconds
    worst: Severity | None
    findings: int


@dataclass(frozen=True, slots=True)
class Listing:
    """A capture: its associations, and the connections that have none."""

    title: str
    subtitle: str
    entries: tuple[Entry, ...]
    ladders: tuple[Ladder, ...]
    remarks: tuple[str, ...]


def listing(capture: Capture) -> Listing:
    """The list of a capture's connections, in the order of their first packets."""
    entries = [*map(_association, capture.associations), *map(_connection, capture.connections)]
    parts = [capture.format, theme.count(capture.packets, "packet")]
    if capture.first_time is not None and capture.last_time is not None:
        parts.append(theme.duration(capture.last_time - capture.first_time))
    parts.append(theme.count(len(capture.associations), "association"))
    remarks = [printable(one) for one in capture.comments]
    if capture.damage:
        remarks.append(f"damaged: {printable(capture.damage)}")
    if capture.truncated_packets:
        remarks.append(f"cut short: {theme.count(capture.truncated_packets, 'packet')}")
    return Listing(
        title=printable(capture.file),
        subtitle=", ".join(parts),
        entries=tuple(sorted(entries, key=lambda one: one.connection)),
        ladders=tuple(map(ladder, capture.associations[:LADDERS])),
        remarks=tuple(remarks),
    )


def _association(one: Association) -> Entry:
    outcome, tone = _outcome(one)
    times = [time for time in (one.start_time, one.stop_time) if time is not None]
    counts: dict[str, int] = {}
    for message in one.messages:
        service = message.type.removesuffix("-RQ").removesuffix("-RSP")
        counts[service] = counts.get(service, 0) + (not message.type.endswith("-RSP"))
    return Entry(
        connection=one.connection,
        requestor=_end("requestor", one.calling_ae_title, str(one.requestor)),
        acceptor=_end("acceptor", one.called_ae_title, str(one.acceptor)),
        outcome=outcome,
        tone=tone,
        pdus=len(one.pdus),
        messages=printable(", ".join(f"{n:,} × {what}" for what, n in counts.items())),
        duration=times[1] - times[0] if len(times) == 2 else None,
        worst=worst(one.findings),
        findings=len(one.findings),
    )


def _connection(one: Connection) -> Entry:
    return Entry(
        connection=one.connection,
        requestor=End("requestor", "", printable(str(one.requestor))),
        acceptor=End("acceptor", "", printable(str(one.acceptor))),
        outcome=f"No association: {_KINDS[one.kind]}.",
        tone="error" if one.kind in ("refused", "no-answer") else "warning",
        pdus=0,
        messages="",
        duration=None,
        worst=worst(one.findings),
        findings=len(one.findings),
    )
