"""Tables for a terminal: the same views as everywhere, in characters.

Letters stand for the roles of fields (L I N V R P), so that nothing is lost without colour. No
control character of a peer's passes: the view model has spelled them out.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from operator import attrgetter
from typing import Any

from dicomlab.model import Comparison, Difference, Finding
from dicomlab.protocol.replay import Move
from dicomlab.views import viewmodel
from dicomlab.views.agreement import Agreement, Context
from dicomlab.views.negotiation import SIGNS
from dicomlab.views.overview import overview
from dicomlab.views.pen import BOLD, DIM, MARKS, TONES, Pen, columns, cut, wrapped
from dicomlab.views.theme import ROLES, SEVERITIES, WEIGHTS, Tone, count, duration, later
from dicomlab.views.viewmodel import (
    Box,
    ByteLayout,
    Course,
    Findings,
    Ladder,
    Line,
    Listing,
    Negotiation,
    Proposal,
    Reach,
    Reasons,
    Step,
)

_PLAIN = str.maketrans("─╌│├┤▶◀→…•·×–−✔✖▲●µ▾", "--|++><>~*.x--+!!*u+")
STATE = 14  # characters of a column of states
TIME = 11
STATES = 80  # characters that a sequence with states takes
NARROWEST = 60
MEANING = 12  # characters below which a column of meanings is none
TEXTS = 72  # characters that bytes and their texts take
NAMED = 12  # characters of an abstract syntax, at least
MOVE = 25  # characters of a column of what one end did
TABLE = 100  # characters that a table of presentation contexts takes
ABSENT = "–"  # what one of two does not have


def show(
    value: Any,
    *,
    color: bool = False,
    width: int = 100,
    height: int = 50,
    encoding: str | None = None,
) -> str:
    """A Pdu, Draft, Association, Capture, Verdict, Comparison or findings as lines of text.

    The list of a capture keeps to ``height``. ``encoding`` is that of where it goes, the standard
    output's if None: what it lacks is replaced.
    """
    shown = lines(value, color=color, width=width, height=height)
    return encodable("\n".join(shown), encoding or sys.stdout.encoding or "ascii")


def lines(value: Any, *, color: bool, width: int, height: int) -> Iterator[str]:
    """The same line by line, for what may be long."""
    view, pen, width = viewmodel.view(value), Pen(color), max(width, NARROWEST)
    if isinstance(view, Listing):
        return overview(view, pen, width, height)
    return _RENDER[type(view)](view, pen, width)


def encodable(text: str, encoding: str) -> str:
    """The text, with what an encoding lacks replaced."""
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        text = text.translate(_PLAIN)
        return text.encode(encoding, "backslashreplace").decode(encoding)
    return text


# --- the bytes of a PDU -----------------------------------------------------------------------


def _layout(view: ByteLayout, pen: Pen, width: int) -> Iterator[str]:
    if len(view.title) + len(view.subtitle) + 2 <= width:
        yield f"{pen(view.title, BOLD)}  {view.subtitle}"
    else:
        yield pen(cut(view.title, width), BOLD)
        yield from wrapped(view.subtitle, width)
    yield ""
    yield "      " + " ".join(f"{column:2X}" for column in range(viewmodel.WIDTH))
    for line in view.lines:
        yield from _line(view, line, pen, width)
    yield ""
    yield from _fields(view, pen, width)
    if view.findings.notes:
        yield ""
        yield from _findings(view.findings, pen, width)
    yield ""
    letters = (pen(f"{look.letter} {role.value}", look.ansi) for role, look in ROLES.items())
    yield ("  " if width >= TEXTS else " ").join(letters)


def _line(view: ByteLayout, line: Line, pen: Pen, width: int) -> Iterator[str]:
    """The bytes, below them the letters of their fields, below those the numbers of findings."""
    if line.folded:
        notes = "".join(f" [{number}]" for number in sorted(line.notes))
        yield cut(f"{line.start:04X}  … {line.folded} …{notes}", width)
        return
    colours = [ROLES[cell.role].ansi for cell in line.cells]
    cells = list(zip(line.cells, colours, strict=True))
    hexes = " ".join(pen(cell.hex, colour) for cell, colour in cells)
    texts = "".join(pen(cell.text, colour) for cell, colour in cells)
    beside = f"{'   ' * (viewmodel.WIDTH - len(cells))}  {texts}" if width >= TEXTS else ""
    yield f"{line.start:04X}  {hexes}{beside}"
    track = ["  "] * len(cells)
    for segment in line.segments:
        box = view.boxes[segment.box]
        if not box.leaf or box.role is None or segment.first == segment.last:
            continue
        look = ROLES[box.role]
        length = (segment.last - segment.first) * 3 - 1
        drawn = (look.letter if segment.opens else "─").ljust(length, "─")
        for column in range(segment.first, segment.last):
            at = (column - segment.first) * 3
            more = drawn[at + 2 : at + 3]
            track[column] = pen(drawn[at : at + 2] + more, look.ansi) + ("" if more else " ")
    yield "      " + "".join(track).rstrip()
    if any(cell.notes for cell in line.cells):
        yield "      " + _marks(view, line, pen)


def _marks(view: ByteLayout, line: Line, pen: Pen) -> str:
    marks = []
    before = None
    for cell in line.cells:
        number = cell.notes[0] if cell.notes else None
        if number is None:
            marks.append("   ")
        else:
            colour = SEVERITIES[view.findings.notes[number - 1].severity].ansi
            text = f"{number}" if number != before else "^^"
            marks.append(pen(text.ljust(2, "^"), colour) + " ")
        before = number
    return "".join(marks).rstrip()


def _fields(view: ByteLayout, pen: Pen, width: int) -> Iterator[str]:
    names = [_name(box) for box in view.boxes]
    wide = min(max(map(len, names), default=5), 44, width * 2 // 5)
    values = min(max((len(box.value) for box in view.boxes), default=5), max(width - wide - 40, 12))
    rest = width - wide - values - 18
    if rest < MEANING:  # values and meanings share a column
        values, rest = width - wide - 16, 0
    head = f"offset  size  {'field':{wide}}  {'value':{values}}  {'meaning' if rest else ''}"
    yield pen(head.rstrip(), DIM)
    for box, name in zip(view.boxes, names, strict=True):
        codes = (ROLES[box.role].ansi,) if box.role else (BOLD,)
        notes = "".join(f" [{number}]" for number in box.notes)
        shown = pen(cut(name, wide), *codes) + " " * (wide - len(name))
        if rest:
            meaning = cut(box.meaning, rest - len(notes)) if rest > len(notes) else ""
            says = f"{cut(box.value, values):{values}}  {meaning}{notes}"
        else:
            says = cut(f"{box.value} {box.meaning}".strip(), max(values - len(notes), 1)) + notes
        yield f"{box.start:04X}  {box.stop - box.start:6}  {shown}  {says}".rstrip()
    if view.hidden:
        yield f"… and {count(view.hidden, 'more field')}"


def _name(box: Box) -> str:
    letter = ROLES[box.role].letter if box.role else "▾"
    return f"{'  ' * box.depth}{letter} {box.name}"


# --- the sequence of an association ---------------------------------------------------------------


def _ladder(view: Ladder, pen: Pen, width: int) -> Iterator[str]:
    columns = _Columns(view, width)
    yield f"{pen(view.title, BOLD)}  {count(view.pdus, 'PDU')}"
    yield ""
    left, right = (f"{one.title} ({one.side})" for one in (view.requestor, view.acceptor))
    for one, other in ((left, right), (view.requestor.address, view.acceptor.address)):
        yield columns.line("", "", "", columns.ends(one, other), "")
    for step in view.steps:
        yield from _step(step, columns, pen)
    yield ""
    for line in wrapped(f"{MARKS[view.tone]} {view.outcome}", width):
        yield pen(line, TONES[view.tone], BOLD)
    if view.reasons.causes:
        yield ""
        yield from _causes(view.reasons, pen, width)
    if view.findings.notes:
        yield ""
        yield from _findings(view.findings, pen, width)


class _Columns:
    """How wide the columns of a sequence are; on a narrow screen it goes without states."""

    def __init__(self, view: Ladder, width: int) -> None:
        self.index = max((len(one.numbers) for one in view.steps), default=1)
        self._state = STATE if width >= STATES else 0
        beside = self.index + 2 + TIME + (2 * STATE + 4 if self._state else 0)
        self.lane = max(width - beside, 30)

    def ends(self, left: str, right: str) -> str:
        """What stands above the two lines; the right one may reach over its line."""
        half, over = self.lane // 2, 2 if self._state else 0
        return f"{cut(left, half):<{half}}{cut(right, half + over):>{self.lane - half + over}}"

    def line(self, index: str, time: str, left: str, lane: str, right: str) -> str:
        """A line of the sequence; what stands in the lane may hold a look of the terminal's."""
        line = f"{index:>{self.index}}  {time:<{TIME}}"
        if self._state:
            return f"{line}{left:>{self._state}}  {lane}  {right}".rstrip()
        return f"{line}{lane}"


def _step(step: Step, columns: _Columns, pen: Pen) -> Iterator[str]:
    time = "" if step.time is None else duration(step.time)
    gap = later(step.gap) if step.gap and step.kind != "silence" else ""
    left, right = _state(step.requestor), _state(step.acceptor)
    lane = columns.lane
    drawn = pen(_drawn(step, lane), TONES[step.tone], BOLD if step.kind == "pdu" else 0)
    yield columns.line(step.numbers, time, left, drawn, right)
    wrong = [f"{MARKS['error']} {step.illegal}"] if step.illegal else []
    details = [line for one in (*step.details, *wrong) for line in wrapped(one, lane - 4)]
    if not details and not gap:
        return
    for detail in details or [""]:
        yield columns.line("", gap, "", f"│{detail:^{lane - 2}}│", "")
        gap = ""


def _drawn(step: Step, lane: int) -> str:
    """The arrow of a step, or what stands for it, ``lane`` characters wide."""
    inner = lane - 2
    says = step.label
    if len(says) > inner - 6:
        says = says.removeprefix("P-DATA-TF · ")  # what it carries says more
    label = f" {cut(says, inner - 6)} "
    match step.kind:
        case "pdu" if step.sender == "acceptor":
            return f"│◀{label:─^{inner - 1}}┤"
        case "pdu":
            return f"├{label:─^{inner - 1}}▶│"
        case "closed":
            first, last = ("✖", "┤") if step.sender == "requestor" else ("├", "✖")
            return f"{first}{label:╌^{inner}}{last}"
        case "opened" | "gap" | "end":
            return f"├{label:╌^{inner}}┤"
        case "silence":
            return f"·{label:^{inner}}·"
    return f"│{label:^{inner}}│"


def _state(move: Move) -> str:
    changed = move.before and move.before != move.after
    return f"{move.before} → {move.after}" if changed else move.after


# --- what was agreed on ---------------------------------------------------------------------------


def _agreement(view: Agreement, pen: Pen, width: int) -> Iterator[str]:
    yield pen(view.title, BOLD)
    yield from wrapped(f"{view.requestor.address} → {view.acceptor.address}", width)
    yield from wrapped(", ".join(view.facts), width)
    if view.contexts:
        yield ""
        yield from _contexts(view.contexts, pen, width)
    if view.hidden:
        many = count(view.hidden, "more context")
        said = f"… and {many}, accepted and not used (--all shows them)"
        yield from (f"     {line}" for line in wrapped(said, width - 5))
    if view.negotiation:
        yield ""
        first = max(len(what) for what, _, _ in view.negotiation)
        widths = (first, *(((width - first - 4) // 2,) * 2))
        yield pen(next(columns(("negotiated", "requestor", "acceptor"), widths)), DIM)
        for cells in view.negotiation:
            yield from columns(cells, widths)


def _contexts(contexts: Sequence[Context], pen: Pen, width: int) -> Iterator[str]:
    """A table, or on a narrow screen one context below the other."""
    if width < TABLE:
        for one in contexts:
            yield f"{one.id:3}  {cut(one.abstract_syntax, width - 5)}"
            proposed = ", ".join(one.proposed)
            facts = (("proposed", proposed), ("result", one.result), ("accepted", one.accepted))
            for what, said in facts:
                tone = TONES[one.tone] if what == "result" else 0
                for line in columns((what, said), (8, width - 15)) if said else ():
                    yield pen(f"     {line}", tone)
        return
    left = width - 11
    widths = (3, left * 28 // 100, left * 30 // 100, left * 20 // 100, left * 22 // 100)
    head = ("id", "abstract syntax", "transfer syntaxes proposed", "result", "accepted")
    yield pen(next(columns(head, widths)), DIM)
    for one in contexts:
        cells = (
            f"{one.id}",
            one.abstract_syntax,
            ", ".join(one.proposed),
            one.result,
            one.accepted,
        )
        tone = TONES["error"] if one.tone == "error" else 0
        yield from (pen(line, tone) for line in columns(cells, widths))


# --- verdicts -------------------------------------------------------------------------------------


def _verdict(view: Reasons, pen: Pen, width: int) -> Iterator[str]:
    for line in wrapped(f"{MARKS[view.tone]} {view.summary}", width):
        yield pen(line, TONES[view.tone], BOLD)
    yield from _causes(view, pen, width)


def _causes(view: Reasons, pen: Pen, width: int) -> Iterator[str]:
    for number, one in enumerate(view.causes, 1):
        title = f"{number}. {one.likelihood}: {one.title} ({one.code})"
        yield from (pen(line, BOLD) for line in wrapped(title, width))
        yield from (f"   {line}" for line in wrapped(f"→ {one.who}: {one.change}", width - 3))
        for mark, texts in (("+", one.evidence), ("–", one.against)):
            for text in texts:
                yield from (pen(f"   {line}", DIM) for line in wrapped(f"{mark} {text}", width - 3))
        yield from (f"   {line}" for line in wrapped(f"To make sure: {one.confirm}", width - 3))


# --- two side by side -----------------------------------------------------------------------------


def _comparison(view: Comparison, pen: Pen, width: int) -> Iterator[str]:
    sides = ((width - 6) // 2,) * 2
    for both, look in (
        ((view.a.title, view.b.title), BOLD),
        ((view.a.subtitle, view.b.subtitle), 0),
    ):
        yield from (pen(f"    {line}", look) for line in columns(both, sides))
    for weight, tone in WEIGHTS.items():
        many = view.number(weight)
        if many:
            yield ""
            yield pen(f"{weight.capitalize()} ({many:,})", TONES[tone], BOLD)
        listed = [one for one in view.differences if one.weight == weight]
        yield from _briefly(listed, width) if tone == "plain" else _fully(listed, tone, pen, width)
        if view.hidden.get(weight):
            yield f"    … and {view.hidden[weight]:,} more of these kinds"
    yield ""
    yield f"{count(view.alike, 'field')} alike"
    for one in view.equal:
        yield from (f"    {line}" for line in wrapped(f"{one.where}: {one.value}", width - 4))
    if view.equal and view.alike > len(view.equal):
        yield f"    … and {view.alike - len(view.equal):,} more"


def _fully(listed: Sequence[Difference], tone: Tone, pen: Pen, width: int) -> Iterator[str]:
    """What each has below where it is; why it matters below those that matter for the same."""
    sides = ((width - 6) // 2,) * 2
    for why, group in groupby(listed, key=attrgetter("why")):
        for one in group:
            mark = pen(MARKS[tone], TONES[tone])
            for line in wrapped(_place(one), width - 2):
                yield f"{mark} {pen(line, BOLD)}"
                mark = " "
            yield from (f"    {line}" for line in columns(_values(one), sides))
        yield from (pen(f"    {line}", DIM) for line in wrapped(why, width - 4))


def _briefly(listed: Sequence[Difference], width: int) -> Iterator[str]:
    """A line each, as far as it will do."""
    widths = (width * 2 // 5 - 4, *((width * 3 // 10 - 2,) * 2))
    for one in listed:
        yield from (f"    {line}" for line in columns((_place(one), *_values(one)), widths))


def _place(one: Difference) -> str:
    return f"{one.where} (and {one.more:,} more like it)" if one.more else one.where


def _values(one: Difference) -> tuple[str, str]:
    return one.a or ABSENT, one.b or ABSENT


# --- the states of both ends ------------------------------------------------------------------


def _course(view: Course, pen: Pen, width: int) -> Iterator[str]:
    """A table, or on a narrow screen both ends below each other."""
    index = max((len(one.numbers) for one in view.lines), default=1)
    first = (index, TIME, 9)
    left = width - sum(first) - 2 * len(first)
    narrow = left < 2 * MOVE + 20
    ends = () if narrow else (MOVE, MOVE)
    widths = (*first, left - sum(ends) - 2 * len(ends), *ends)
    yield pen(view.title, BOLD)
    yield ""
    heads = ("", "time", "who", "what", "requestor", "acceptor")
    yield pen(next(columns(heads[: len(widths)], widths)), DIM)
    indent = " " * (index + 2)
    for one in view.lines:
        tone = TONES[one.tone]
        both = {"requestor": one.requestor, "acceptor": one.acceptor}
        cells = (one.numbers, one.time, one.who, one.what, *(() if narrow else both.values()))
        yield from (pen(line, tone) for line in columns(cells, widths))
        if narrow:
            yield from (f"{indent}{side:9}  {moved}" for side, moved in both.items())
        if one.remark:
            remark = f"{MARKS[one.tone]} {one.remark}"
            yield from (pen(indent + line, tone) for line in wrapped(remark, width - len(indent)))
    yield ""
    for remark, tone_ in view.remarks:
        yield from (
            pen(line, TONES[tone_], BOLD) for line in wrapped(f"{MARKS[tone_]} {remark}", width)
        )


# --- contexts against transfer syntaxes ---------------------------------------------------------


def _negotiation(view: Negotiation, pen: Pen, width: int) -> Iterator[str]:
    """A letter for each transfer syntax, below it a sign for each context."""
    yield pen(view.title, BOLD)
    yield from wrapped(view.subtitle, width)
    yield ""
    letters = [_letter(place) for place in range(len(view.syntaxes))]
    for letter, name in zip(letters, view.names, strict=True):
        yield f"{letter:>3}  {cut(name, width - 5)}"
    if letters:
        yield ""
    matrix = "".join(f"{letter:>3}" for letter in letters)
    beside = len(matrix) + 7 + NAMED <= width // 2
    if beside:
        yield pen(f" id {matrix}   abstract syntax", DIM)
    for one in view.proposals:
        yield from _proposal(one, letters, pen, width, len(matrix) if beside else 0)
    yield ""
    signs = "   ".join(f"{sign} {mark}" for mark, sign in SIGNS.items() if mark)
    yield from wrapped(signs, width)


def _letter(place: int) -> str:
    """A to Z, then AA, AB and so on."""
    more, last = divmod(place, 26)
    return (chr(ord("A") + more - 1) if more else "") + chr(ord("A") + last)


def _proposal(
    one: Proposal, letters: Sequence[str], pen: Pen, width: int, matrix: int
) -> Iterator[str]:
    """A context in a row of signs, or where those take too much room, with its letters behind."""
    more = f"And {one.more:,} other transfer syntaxes." if one.more else ""
    says = " ".join(
        part for part in (f"{MARKS[one.tone]} {one.result}.", one.why, one.roles, more) if part
    )
    indent = " " * (7 + matrix if matrix else 5)
    if matrix:
        signs = "".join(f"{SIGNS[mark]:>3}" for mark in one.marks)
        yield f"{one.id:3} {signs}   {cut(one.abstract_syntax, width - len(indent))}"
    else:
        yield f"{one.id:3}  {cut(one.abstract_syntax, width - 5)}"
        signs = " ".join(
            f"{letter}{SIGNS[mark]}"
            for letter, mark in zip(letters, one.marks, strict=True)
            if mark
        )
        yield from (indent + line for line in wrapped(signs, width - len(indent)))
    tone = TONES[one.tone]
    yield from (pen(indent + line, tone) for line in wrapped(says, width - len(indent)))


# --- who reaches whom -----------------------------------------------------------------------------


def _reach(view: Reach, pen: Pen, width: int) -> Iterator[str]:
    yield pen(view.title, BOLD)
    for one in view.calls:
        line = cut(f"{MARKS[one.tone]} {one.caller} → {one.called}: {one}", width)
        yield pen(line, TONES[one.tone])


# --- findings ------------------------------------------------------------------------------------


def _findings(view: Findings, pen: Pen, width: int) -> Iterator[str]:
    for number, one in enumerate(view.notes, 1):
        yield from _finding(number, one, pen, width)
    if view.hidden:
        yield f"… and {count(view.hidden, 'more finding')}"


def _finding(number: int, one: Finding, pen: Pen, width: int) -> Iterator[str]:
    look = SEVERITIES[one.severity]
    head, where = f"[{number}] {one.severity}: {one.code}", _where(one)
    if len(head) + len(where) <= width:
        yield f"{pen(head, look.ansi, BOLD)}{where}"
    else:
        yield pen(cut(head, width), look.ansi, BOLD)
        yield cut(f"  {where}", width)
    for text in (one.what, one.why, one.remedy, one.clause):
        yield from (f"    {line}" for line in wrapped(text, width - 4))


def _where(one: Finding) -> str:
    parts = []
    if one.span:
        last = max(one.span.stop - 1, one.span.start)
        span = f"{one.span.start:04X}"
        parts.append(f"bytes {span}–{last:04X}" if last > one.span.start else f"byte {span}")
    if one.sender:
        parts.append(f"from the {one.sender}")
    if one.frames:
        first, last = one.frames
        parts.append(f"frame {first}" if first == last else f"frames {first}–{last}")
    return f"  ({', '.join(parts)})" if parts else ""


_RENDER: dict[type, Callable[[Any, Pen, int], Iterator[str]]] = {
    ByteLayout: _layout,
    Ladder: _ladder,
    Findings: _findings,
    Agreement: _agreement,
    Reasons: _verdict,
    Comparison: _comparison,
    Negotiation: _negotiation,
    Course: _course,
    Reach: _reach,
}
