"""The bytes of a PDU as a renderer sees them, and findings: what is long folded, secrets masked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, islice

from dicomlab.model import Field, Finding, Pdu, Role, Span, printable, snake_case
from dicomlab.views import theme
from dicomlab.views.summary import WORSE

WIDTH = 16  # bytes a line
BOXES = 1500  # fields that are shown of one PDU
NOTES = 300  # findings that are listed
KEPT = 2  # lines of a long run, items of many, that are shown before the fold; one behind it
ITEMS = 5  # more equal items in a row than that are folded
NAMED = 24  # values of a field that are listed with their names
WALKED = 5000  # fields that can be walked about in
HELD = 1 << 22  # bytes that can


# --- findings -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Findings:
    """Findings, numbered from 1 in this order; ``hidden`` more are not listed."""

    notes: tuple[Finding, ...]
    hidden: int = 0


def findings_of(found: Sequence[Finding]) -> Findings:
    """The findings, safe to print, as many as are listed."""
    notes = tuple(
        replace(one, what=printable(one.what), why=printable(one.why), remedy=printable(one.remedy))
        for one in found[:NOTES]
    )
    return Findings(notes, max(0, len(found) - NOTES))


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
    named: tuple[str, ...]  # the values that the standard has a name for
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


@dataclass(frozen=True, slots=True)
class Run:
    """Bytes that say nothing new: whole lines, which may be left out."""

    start: int
    stop: int
    text: str  # what is left out, in words


@dataclass(frozen=True, slots=True)
class ByteTree:
    """A PDU with all its bytes, to be walked about in; those of secrets are 00H."""

    title: str
    subtitle: str
    data: bytes
    size: int  # bytes of the PDU; more than those of ``data`` where there are too many
    boxes: tuple[Box, ...]
    secrets: tuple[int, ...]  # numbers of the boxes whose bytes are masked
    hidden: int  # fields beyond the last box
    runs: tuple[Run, ...]
    findings: Findings


def tree_of(pdu: Pdu, *, draft: bool = False) -> ByteTree:
    """A PDU with all its bytes; offsets as in ``rows``."""
    walked = _Walked(pdu, WALKED)
    raw = bytearray(bytes(walked.pdu)[:HELD])
    for one in walked.pdu.leaves():
        if one.secret:
            raw[one.start : one.stop] = bytes(len(raw[one.start : one.stop]))
    return ByteTree(
        title=walked.title(draft=draft),
        subtitle=_pdu_subtitle(pdu),
        data=bytes(raw),
        size=len(walked.pdu),
        boxes=walked.boxes,
        secrets=tuple(box.number for box, one in walked.leaves if one.secret),
        hidden=walked.hidden,
        runs=walked.runs(),
        findings=walked.findings,
    )


def rows(pdu: Pdu, *, draft: bool = False) -> ByteLayout:
    """The byte layout of a PDU: lines of sixteen bytes, and the fields that they belong to.

    Offsets count from the PDU's first byte, as in the tables of the standard, wherever in its
    stream the PDU stands.
    """
    walked = _Walked(pdu, BOXES)
    return ByteLayout(
        title=walked.title(draft=draft),
        subtitle=_pdu_subtitle(pdu),
        start=walked.pdu.start,
        stop=walked.pdu.stop,
        lines=tuple(_lines(walked)),
        boxes=walked.boxes,
        hidden=walked.hidden,
        findings=walked.findings,
    )


class _Walked:
    """A PDU counted from 0, with its fields as boxes, no more than ``limit``."""

    def __init__(self, pdu: Pdu, limit: int) -> None:
        root = pdu.root
        self.pdu = replace(pdu, tree=_from_zero(root, root.start), span=None)
        found = self.pdu.findings
        self.findings = findings_of(found)
        numbers = {id(one): number for number, one in enumerate(found[:NOTES], 1)}
        walk = _walk(self.pdu)
        seen = list(islice(walk, limit))
        self.hidden = sum(1 for _ in walk)
        self.boxes = tuple(
            _box(number, one, depth, numbers) for number, (one, depth) in enumerate(seen)
        )
        self.leaves = [
            (box, one) for box, (one, _) in zip(self.boxes, seen, strict=True) if box.leaf
        ]

    def title(self, *, draft: bool) -> str:
        return _pdu_title(self.pdu) + (" (draft)" if draft else "")

    def runs(self) -> tuple[Run, ...]:
        """What may be left out, in the order of the bytes and without overlap."""
        found = [*_many_items(self.pdu), *_long_runs(self.pdu.start, self.leaves)]
        apart: list[Run] = []
        for run in sorted(found, key=lambda one: (one.start, -one.stop)):
            if not apart or run.start >= apart[-1].stop:
                apart.append(run)
        return tuple(apart)


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
    value, meaning = value_of(one) if leaf else ("", one.text)
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
        named=tuple(_named(one)) if leaf else (),
        notes=tuple(numbers[id(f)] for f in one.findings if id(f) in numbers),
    )


def _named(leaf: Field) -> Iterator[str]:
    """The values that the standard has a name for, if they are few enough to be read."""
    named = leaf.named
    if len(named) <= NAMED:
        for value, meaning in named.items():
            yield printable(f"{leaf.kind.show(value)} = {meaning}")


def value_of(leaf: Field) -> tuple[str, str]:
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
        value_of(one.children[-1])[1] or one.text
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


def _lines(walked: _Walked) -> Iterator[Line]:
    """The lines of bytes; runs that say nothing new stand as one folded line."""
    pdu, leaves, notes = walked.pdu, walked.leaves, walked.findings.notes
    end = leaves[-1][0].stop if leaves else pdu.start
    folds = {run.start: run for run in walked.runs()}
    tiles = iter(leaves)
    cells: list[Cell] = []
    at, box, raw = pdu.start, None, b""
    while at < end:
        if (at - pdu.start) % WIDTH == 0 and at in folds:
            run = folds[at]
            yield Line(at, run.stop, folded=run.text, notes=_pointing(notes, at, run.stop))
            at = run.stop
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
            yield _line(cells, walked.boxes)
            cells = []
    if end < pdu.stop:
        yield Line(end, pdu.stop, folded=f"{theme.size(pdu.stop - end)} more")


def _long_runs(start: int, leaves: Sequence[tuple[Box, Field]]) -> Iterator[Run]:
    """Whole lines inside one leaf that need not be shown."""
    for box, one in leaves:
        first, last = _whole_lines(start, box.start, box.stop)
        if last > first and one.role is Role.RESERVED and not any(one.raw):
            yield Run(first, last, f"{last - first} × 00H, {box.name}")
        elif last - first > (KEPT + 2) * WIDTH:
            first, last = first + KEPT * WIDTH, last - WIDTH
            yield Run(first, last, f"{theme.size(last - first)} of {box.name}")


def _many_items(pdu: Pdu) -> Iterator[Run]:
    """The same for the middle of many equal items in a row."""
    for parent in islice(pdu.root.walk(), BOXES):
        for name, grouped in groupby(parent.children, key=lambda one: one.children and one.name):
            group = list(grouped)
            if not name or len(group) <= ITEMS:
                continue
            first, last = _whole_lines(pdu.start, group[KEPT].start, group[-2].stop)
            if last > first:
                which = f"{printable(name)} {KEPT + 1} to {len(group) - 1} of {len(group)}"
                yield Run(first, last, f"{which}, {theme.size(last - first)}")


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
            found.append((WORSE[one.severity], last - one.span.start, number))
    return tuple(number for _, _, number in sorted(found))
