"""Tables for a terminal: the same views as everywhere, in characters.

Letters stand for the roles of fields (L I N V R P), so that nothing is lost without colour. No
control character of a peer's passes: the view model has spelled them out.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

from dicomlab.model import Finding
from dicomlab.views import viewmodel
from dicomlab.views.overview import overview
from dicomlab.views.pen import BOLD, DIM, MARKS, TONES, Pen, cut, wrapped
from dicomlab.views.states import Move
from dicomlab.views.theme import ROLES, SEVERITIES, count, duration
from dicomlab.views.viewmodel import (
    Box,
    ByteLayout,
    Findings,
    Ladder,
    Line,
    Listing,
    Step,
)

_PLAIN = str.maketrans("─╌│├┤▶◀→…•·×–✔✖▲●µ▾", "--|++><>~*.x-+!!*u+")
STATE = 14  # characters of a column of states
TIME = 11
NARROWEST = 60
_PLAIN = str.maketrans("─╌│├┤▶◀→…•·×–✔✖▲●µ▾", "--|++><>~*.x-+!!*u+")


def show(
    value: Any,
    *,
    color: bool = False,
    width: int = 100,
    height: int = 50,
    encoding: str | None = None,
) -> str:
    """A Pdu, Draft, Association, Capture, Finding or findings as lines of text.

    The list of a capture keeps to ``height``. ``encoding`` is that of where it goes, the standard
    output's if None: what it lacks is replaced.
    """
    shown = lines(value, color=color, width=width, height=height)
    return _encodable("\n".join(shown), encoding or sys.stdout.encoding or "ascii")


def lines(value: Any, *, color: bool, width: int, height: int) -> Iterator[str]:
    """The same line by line, for what may be long."""
    view, pen, width = viewmodel.view(value), Pen(color), max(width, NARROWEST)
    match view:
        case ByteLayout():
            return _layout(view, pen, width)
        case Ladder():
            return _ladder(view, pen, width)
        case Listing():
            return overview(view, pen, width, height)
        case Findings():
            return _findings(view, pen, width)


def _encodable(text: str, encoding: str) -> str:
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        text = text.translate(_PLAIN)
        return text.encode(encoding, "backslashreplace").decode(encoding)
    return text


# --- the bytes of a PDU -----------------------------------------------------------------------


def _layout(view: ByteLayout, pen: Pen, width: int) -> Iterator[str]:
    yield f"{pen(view.title, BOLD)}  {view.subtitle}"
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


def _line(view: ByteLayout, line: Line, pen: Pen) -> Iterator[str]:
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
    wide = min(max(map(len, names), default=5), 44)
    values = min(max((len(box.value) for box in view.boxes), default=5), max(width - wide - 40, 12))
    rest = max(width - wide - values - 18, 10)
    yield pen(f"offset  size  {'field':{wide}}  {'value':{values}}  meaning", DIM)
    for box, name in zip(view.boxes, names, strict=True):
        codes = (ROLES[box.role].ansi,) if box.role else (BOLD,)
        notes = "".join(f" [{number}]" for number in box.notes)
        shown = pen(cut(name, wide), *codes) + " " * (wide - len(name))
        value = f"{cut(box.value, values):{values}}"
        meaning = cut(box.meaning, rest - len(notes)) + notes
        yield f"{box.start:04X}  {box.stop - box.start:6}  {shown}  {value}  {meaning}".rstrip()
    if view.hidden:
        yield f"… and {count(view.hidden, 'more field')}"


def _name(box: Box) -> str:
    letter = ROLES[box.role].letter if box.role else "▾"
    return f"{'  ' * box.depth}{letter} {box.name}"


# --- the sequence of an association ---------------------------------------------------------------


def _ladder(view: Ladder, pen: Pen, width: int) -> Iterator[str]:
    lane = max(width - TIME - 2 * STATE - 6, 30)
    yield f"{pen(view.title, BOLD)}  {count(view.pdus, 'PDU')}"
    yield ""
    left, right = (f"{one.title} ({one.side})" for one in (view.requestor, view.acceptor))
    indent = " " * (TIME + STATE + 2)
    for one, other in ((left, right), (view.requestor.address, view.acceptor.address)):
        half = lane // 2
        yield indent + f"{cut(one, half):<{half}}{cut(other, half + 2):>{lane - half + 2}}"
    for step in view.steps:
        yield from _step(step, lane, pen)
    yield ""
    yield pen(f"{MARKS[view.tone]} {view.outcome}", TONES[view.tone], BOLD)
    if view.findings.notes:
        yield ""
        yield from _findings(view.findings, pen, width)


def _step(step: Step, lane: int, pen: Pen) -> Iterator[str]:
    time = "" if step.time is None else duration(step.time)
    gap = f"+{duration(step.gap)}" if step.gap and step.kind != "silence" else ""
    left, right = _state(step.requestor), _state(step.acceptor)
    drawn = pen(_drawn(step, lane), TONES[step.tone], BOLD if step.kind == "pdu" else 0)
    yield f"{time:<{TIME}}{left:>{STATE}}  {drawn}  {right}".rstrip()
    details = [line for detail in step.details for line in wrapped(detail, lane - 4)]
    if not details and not gap:
        return
    for detail in details or [""]:
        before = f"{gap:<{TIME}}{'':{STATE}}  "
        yield f"{before}│{detail:^{lane - 2}}│"
        gap = ""


def _drawn(step: Step, lane: int) -> str:
    """The arrow of a step, or what stands for it, ``lane`` characters wide."""
    inner = lane - 2
    label = f" {cut(step.label, inner - 6)} "
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


# --- findings ------------------------------------------------------------------------------------


def _findings(view: Findings, pen: Pen, width: int) -> Iterator[str]:
    for number, one in enumerate(view.notes, 1):
        yield from _finding(number, one, pen, width)
    if view.hidden:
        yield f"… and {count(view.hidden, 'more finding')}"


def _finding(number: int, one: Finding, pen: Pen, width: int) -> Iterator[str]:
    look = SEVERITIES[one.severity]
    head = f"[{number}] {one.severity}: {one.code}"
    yield f"{pen(head, look.ansi, BOLD)}{_where(one)}"
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
        parts.append(f"frames {one.frames[0]}–{one.frames[1]}")
    return f"  ({', '.join(parts)})" if parts else ""
