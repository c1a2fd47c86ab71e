"""Tables for a terminal: the same views as everywhere, in characters.

Letters stand for the roles of fields (L I N V R P), so that nothing is lost without colour. No
control character of a peer's passes: the view model has spelled them out.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from typing import Any

from dicomlab.model import Finding
from dicomlab.views import viewmodel
from dicomlab.views.states import Move
from dicomlab.views.theme import ROLES, SEVERITIES, Tone, count, duration
from dicomlab.views.viewmodel import (
    Box,
    ByteLayout,
    Entry,
    Findings,
    Ladder,
    Line,
    Listing,
    Step,
)

_PLAIN = str.maketrans("─╌│├┤▶◀→…•·×–✔✖▲●µ▾", "--|++><>~*.x-+!!*u+")
_TONES: dict[Tone, int] = {"plain": 0, "good": 32, "warning": 33, "error": 31}
_BOLD, _DIM = 1, 2
STATE = 14  # characters of a column of states
TIME = 11


def show(value: Any, *, color: bool = False, width: int = 100, encoding: str | None = None) -> str:
    """A Pdu, Draft, Association, Capture, Finding or findings as lines of text.

    ``encoding`` is that of where it goes, the standard output's if None: what it lacks is replaced.
    """
    view = viewmodel.view(value)
    lines = _RENDER[type(view)](view, _Pen(color), max(width, 60))
    return _encodable("\n".join(lines), encoding or sys.stdout.encoding or "ascii")


def _encodable(text: str, encoding: str) -> str:
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        text = text.translate(_PLAIN)
        return text.encode(encoding, "backslashreplace").decode(encoding)
    return text


class _Pen:
    """Writes in colour, or not."""

    def __init__(self, color: bool) -> None:
        self._color = color

    def __call__(self, text: str, *codes: int) -> str:
        wanted = [str(code) for code in codes if code]
        if not (self._color and wanted and text):
            return text
        return f"\x1b[{';'.join(wanted)}m{text}\x1b[0m"


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: max(width - 1, 0)] + "…"


# --- the bytes of a PDU -----------------------------------------------------------------------


def _layout(view: ByteLayout, pen: _Pen, width: int) -> Iterator[str]:
    yield f"{pen(view.title, _BOLD)}  {view.subtitle}"
    yield ""
    yield "      " + " ".join(f"{column:2X}" for column in range(viewmodel.WIDTH))
    for line in view.lines:
        yield from _line(view, line, pen)
    yield ""
    yield from _fields(view, pen, width)
    if view.findings.notes:
        yield ""
        yield from _findings(view.findings, pen, width)
    yield ""
    yield "  ".join(pen(f"{look.letter} {role.value}", look.ansi) for role, look in ROLES.items())


def _line(view: ByteLayout, line: Line, pen: _Pen) -> Iterator[str]:
    """The bytes, below them the letters of their fields, below those the numbers of findings."""
    if line.folded:
        notes = "".join(f" [{number}]" for number in sorted(line.notes))
        yield f"{line.start:04X}  … {line.folded} …{notes}"
        return
    colours = [ROLES[cell.role].ansi for cell in line.cells]
    cells = list(zip(line.cells, colours, strict=True))
    hexes = " ".join(pen(cell.hex, colour) for cell, colour in cells)
    texts = "".join(pen(cell.text, colour) for cell, colour in cells)
    yield f"{line.start:04X}  {hexes}{'   ' * (viewmodel.WIDTH - len(cells))}  {texts}"
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


def _marks(view: ByteLayout, line: Line, pen: _Pen) -> str:
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


def _fields(view: ByteLayout, pen: _Pen, width: int) -> Iterator[str]:
    names = [_name(box) for box in view.boxes]
    wide = min(max(map(len, names), default=5), 44)
    values = min(max((len(box.value) for box in view.boxes), default=5), max(width - wide - 40, 12))
    rest = max(width - wide - values - 18, 10)
    yield pen(f"offset  size  {'field':{wide}}  {'value':{values}}  meaning", _DIM)
    for box, name in zip(view.boxes, names, strict=True):
        codes = (ROLES[box.role].ansi,) if box.role else (_BOLD,)
        notes = "".join(f" [{number}]" for number in box.notes)
        shown = pen(_cut(name, wide), *codes) + " " * (wide - len(name))
        value = f"{_cut(box.value, values):{values}}"
        meaning = _cut(box.meaning, rest - len(notes)) + notes
        yield f"{box.start:04X}  {box.stop - box.start:6}  {shown}  {value}  {meaning}".rstrip()
    if view.hidden:
        yield f"… and {count(view.hidden, 'more field')}"


def _name(box: Box) -> str:
    letter = ROLES[box.role].letter if box.role else "▾"
    return f"{'  ' * box.depth}{letter} {box.name}"


# --- the sequence of an association ---------------------------------------------------------------


def _ladder(view: Ladder, pen: _Pen, width: int) -> Iterator[str]:
    lane = max(width - TIME - 2 * STATE - 6, 30)
    yield f"{pen(view.title, _BOLD)}  {count(view.pdus, 'PDU')}"
    yield ""
    left, right = (f"{one.title} ({one.side})" for one in (view.requestor, view.acceptor))
    indent = " " * (TIME + STATE + 2)
    for one, other in ((left, right), (view.requestor.address, view.acceptor.address)):
        half = lane // 2
        yield indent + f"{_cut(one, half):<{half}}{_cut(other, half + 2):>{lane - half + 2}}"
    for step in view.steps:
        yield from _step(step, lane, pen)
    yield ""
    symbol = {"good": "✔", "warning": "▲", "error": "✖", "plain": "●"}[view.tone]
    yield pen(f"{symbol} {view.outcome}", _TONES[view.tone], _BOLD)
    if view.findings.notes:
        yield ""
        yield from _findings(view.findings, pen, width)


def _step(step: Step, lane: int, pen: _Pen) -> Iterator[str]:
    time = "" if step.time is None else duration(step.time)
    gap = f"+{duration(step.gap)}" if step.gap and step.kind != "silence" else ""
    left, right = _state(step.requestor), _state(step.acceptor)
    drawn = pen(_drawn(step, lane), _TONES[step.tone], _BOLD if step.kind == "pdu" else 0)
    yield f"{time:<{TIME}}{left:>{STATE}}  {drawn}  {right}".rstrip()
    details = [line for detail in step.details for line in _wrapped(detail, lane - 4)]
    if not details and not gap:
        return
    for detail in details or [""]:
        before = f"{gap:<{TIME}}{'':{STATE}}  "
        yield f"{before}│{detail:^{lane - 2}}│"
        gap = ""


def _drawn(step: Step, lane: int) -> str:
    """The arrow of a step, or what stands for it, ``lane`` characters wide."""
    inner = lane - 2
    label = f" {_cut(step.label, inner - 6)} "
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


# --- captures and findings ------------------------------------------------------------------------


def _listing(view: Listing, pen: _Pen, width: int) -> Iterator[str]:
    yield f"{pen(view.title, _BOLD)}  {view.subtitle}"
    yield from view.remarks
    for entry in view.entries:
        yield ""
        yield from _entry(entry, pen, width)


def _entry(entry: Entry, pen: _Pen, width: int) -> Iterator[str]:
    ends = [
        f"{one.title} ({one.address})" if one.title else one.address
        for one in (entry.requestor, entry.acceptor)
    ]
    yield _cut(f"{entry.connection:3}  {ends[0]} → {ends[1]}", width)
    facts = [count(entry.pdus, "PDU") if entry.pdus else "", entry.messages]
    facts.append(duration(entry.duration) if entry.duration is not None else "")
    if entry.findings:
        facts.append(f"{count(entry.findings, 'finding')}, the gravest: {entry.worst}")
    told = ", ".join(fact for fact in facts if fact)
    if told:
        yield _cut(f"     {told}", width)
    yield "     " + pen(_cut(entry.outcome, width - 5), _TONES[entry.tone])


def _findings(view: Findings, pen: _Pen, width: int) -> Iterator[str]:
    for number, one in enumerate(view.notes, 1):
        yield from _finding(number, one, pen, width)
    if view.hidden:
        yield f"… and {count(view.hidden, 'more finding')}"


def _finding(number: int, one: Finding, pen: _Pen, width: int) -> Iterator[str]:
    look = SEVERITIES[one.severity]
    head = f"[{number}] {one.severity}: {one.code}"
    yield f"{pen(head, look.ansi, _BOLD)}{_where(one)}"
    for text in (one.what, one.why, one.remedy, one.clause):
        yield from (f"    {line}" for line in _wrapped(text, width - 4))


def _where(one: Finding) -> str:
    parts = []
    if one.span:
        last = max(one.span.stop - 1, one.span.start)
        span = f"{one.span.start:04X}"
        parts.append(f"bytes {span}–{last:04X}" if last > one.span.start else f"byte {span}")
    if one.sender:
        parts.append(f"from the {one.sender}")
    if one.frames:
        parts.append(f"frames {one.frames[0]}–{one.frames[1]}")
    return f"  ({', '.join(parts)})" if parts else ""


def _wrapped(text: str, width: int) -> Iterator[str]:
    line = ""
    for word in chain.from_iterable(_pieces(one, width) for one in text.split()):
        if line and len(line) + len(word) + 1 > width:
            yield line
            line = word
        else:
            line = f"{line} {word}" if line else word
    if line:
        yield line


def _pieces(word: str, width: int) -> Iterator[str]:
    return (word[at : at + width] for at in range(0, len(word), width))


_RENDER: dict[type, Callable[[Any, _Pen, int], Sequence[str] | Iterator[str]]] = {
    ByteLayout: _layout,
    Ladder: _ladder,
    Listing: _listing,
    Findings: _findings,
}
