"""The tables of ``spec``, compiled to read at speed: values and findings, and no tree.

What is built as its table says is read here at a fraction of what a tree costs. Whatever is not
(a length that does not fit, an item that is missing, misplaced or unknown, structures that
contradict each other) is :class:`Irregular`: then the codec's tree is made, and tells what is
wrong. So every finding has one source, the table, and both ways give the same.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache, lru_cache
from typing import Any, NamedTuple

from dicomlab.model import Kind, Layout, Part, Problem, Row
from dicomlab.spec import command
from dicomlab.spec.kinds import CODE, U8, U16, U32, VR
from dicomlab.spec.pdu import P_DATA_TF, PDUS, PDV

Found = tuple[str, str, int, int]  # code of the finding, what was found, start, stop
Read = Callable[[bytes], tuple[Any, tuple[Problem, ...]]]  # the value, and what it shows
Scan = Callable[[bytes, int, int, list[Found]], tuple[Part, int]]  # the part, and where it ends

_NUMBERS: dict[Kind, str] = {U8: "B", CODE: "B", U16: "H", U32: "I"}
_REMEMBERED = 2048  # values of a row: AE titles and UIDs come again and again
_SMALL = 512  # bytes of an item that is remembered whole
_TINY = 16  # bytes of a PDU that is
_RUNS, _LONG_RUN = 256, 1 << 14  # proposals and answers that are, and their bytes


class Irregular(Exception):
    """Not built as the table says."""


def scan_pdu(data: bytes, start: int = 0) -> tuple[Part, list[Found]]:
    """A whole PDU (not a P-DATA-TF) as values, and what they show; offsets count from ``start``.

    Irregular where the codec has to say what is wrong.
    """
    if len(data) <= _TINY:
        part, shown = _scan_tiny(data)
    else:
        part, shown = _scan_whole(data)
    if shown:
        shown = [(code, what, at + start, end + start) for code, what, at, end in shown]
    return part, shown


def _scan_whole(data: bytes) -> tuple[Part, list[Found]]:
    scan = _PDU_SCANS.get(data[0]) if data else None
    if scan is None:
        raise Irregular
    found: list[Found] = []
    part, stop = scan(data, 0, len(data), found)
    if stop != len(data):
        raise Irregular
    return part, found


def head(*layouts: Layout) -> struct.Struct:
    """The rows of fixed size that these structures begin with, one after the other."""
    runs = (next(_runs(layout)) for layout in layouts)
    return struct.Struct(">" + "".join(run.format for run in runs))


# --- one layout ---------------------------------------------------------------------------


class _Run(NamedTuple):
    """Rows of fixed size, and the row of another size that follows them, if one does."""

    fixed: tuple[Row, ...]
    open: Row | None

    @property
    def format(self) -> str:
        """The fixed rows, as ``struct`` has them."""
        return "".join(_NUMBERS.get(row.kind) or f"{row.known_size}s" for row in self.fixed)


def _runs(layout: Layout) -> Iterator[_Run]:
    fixed: list[Row] = []
    for row in layout.rows:
        if row.known_size is not None and not row.made_of_parts:
            fixed.append(row)
        else:
            yield _Run(tuple(fixed), row)
            fixed = []
    if fixed:
        yield _Run(tuple(fixed), None)


def _reader(row: Row) -> Read:
    """Bytes to the value of a row, with what it shows; values that were seen are remembered."""

    def read(raw: bytes) -> tuple[Any, tuple[Problem, ...]]:
        value = row.kind.decode(raw)
        return value, tuple(row.check(value)) if row.check is not None else ()

    small = row.check is not None or row.known_size is not None
    return lru_cache(_REMEMBERED)(read) if small else read


# reads rows from ``at`` into the values and parts, and gives where the next one begins
Step = Callable[[bytes, int, int, dict[str, Any], list[Part], list[Found]], int]


def _fixed(rows: tuple[Row, ...]) -> Step:
    """Rows of fixed size, at once; only a number other than the usual one is looked at."""
    packed = struct.Struct(">" + _Run(rows, None).format)
    size, unpack = packed.size, packed.unpack_from
    names = tuple(row.name for row in rows)
    watched: list[tuple[int, Any, int, int, Callable[[Any], Iterator[Problem]]]] = []
    texts: list[tuple[str, int, int, int, Read]] = []
    first = 0
    for index, row in enumerate(rows):
        last = first + (row.known_size or 0)
        if row.kind not in _NUMBERS:
            texts.append((row.name, index, first, last, _reader(row)))
        elif row.check is not None:
            watched.append((index, row.default, first, last, row.check))
        first = last

    def step(
        data: bytes, at: int, end: int, values: dict[str, Any], _: list[Part], found: list[Found]
    ) -> int:
        if at + size > end:
            raise Irregular
        numbers = unpack(data, at)
        values.update(zip(names, numbers))  # noqa: B905 - they are as many
        for index, usual, first, last, check in watched:
            if numbers[index] != usual:
                found += [(c, what, at + first, at + last) for c, what in check(numbers[index])]
        for name, index, first, last, read in texts:
            values[name], shown = read(numbers[index])
            if shown:
                found += [(c, what, at + first, at + last) for c, what in shown]
        return at + size

    return step


def _open(row: Row) -> Step:
    """A row whose size another one says, or which is all that is left."""
    read = _reader(row)

    def step(
        data: bytes, at: int, end: int, values: dict[str, Any], _: list[Part], found: list[Found]
    ) -> int:
        stop = at + values[row.size] if isinstance(row.size, str) else end
        if stop > end:
            raise Irregular
        values[row.name], shown = read(data[at:stop])
        if shown:
            found += [(code, what, at, stop) for code, what in shown]
        return stop

    return step


# reads the structures that lie one after the other between two places
Run = Callable[[bytes, int, int, list[Found]], Iterable[Part]]


def _inside(row: Row, layout: Layout) -> Step:
    """The structures that a row is made of, each as often as it may be there."""
    run = _run(row, layout)
    if layout in PDUS.values():
        run = _remembering_run(run)

    def step(
        data: bytes,
        at: int,
        end: int,
        values: dict[str, Any],
        parts: list[Part],
        found: list[Found],
    ) -> int:
        stop = at + values[row.size] if isinstance(row.size, str) else end
        if stop > end:
            raise Irregular
        if layout.tested is not None and not layout.tested(values):
            found = []  # what is not significant is not tested
        parts += run(data, at, stop, found)
        return stop

    return step


def _run(row: Row, layout: Layout) -> Run:
    """Reads them one by one, and looks at what they show together."""
    entry = _compiled(row.of) if row.of is not None else None
    scans = {count.layout.code or 0: _compiled(count.layout) for count in layout.holds}
    needed = frozenset(count.layout.code for count in layout.holds if count.least)
    limits = [(count.layout.code, count.most) for count in layout.holds if count.most is not None]
    check = layout.check if layout.holds else None

    def run(data: bytes, at: int, stop: int, found: list[Found]) -> list[Part]:
        parts: list[Part] = []
        while at < stop:
            scan = entry or scans.get(data[at])
            if scan is None:
                raise Irregular
            part, at = scan(data, at, stop, found)
            parts.append(part)
        if limits or needed:
            codes = [part.code for part in parts]
            if not needed.issubset(codes) or any(codes.count(c) > most for c, most in limits):
                raise Irregular
        if check is not None and next(check({}, parts), None) is not None:
            raise Irregular
        return parts

    return run


def _remembering_run(run: Run) -> Run:
    """The same for what many peers propose in the same words: read once."""

    @lru_cache(_RUNS)
    def known(items: bytes) -> tuple[tuple[Part, ...], tuple[Found, ...]]:
        found: list[Found] = []
        return tuple(run(items, 0, len(items), found)), tuple(found)

    def remembered(data: bytes, at: int, stop: int, found: list[Found]) -> Iterable[Part]:
        if stop - at > _LONG_RUN:
            return run(data, at, stop, found)
        parts, shown = known(data[at:stop])
        if shown:
            found += [(code, what, at + first, at + last) for code, what, first, last in shown]
        return parts

    return remembered


@cache
def _compiled(layout: Layout) -> Scan:
    """The function that reads one structure by its table."""
    steps: list[Step] = []
    for run in _runs(layout):
        if run.fixed:
            steps.append(_fixed(run.fixed))
        if run.open is not None:
            made = run.open.made_of_parts
            steps.append(_inside(run.open, layout) if made else _open(run.open))
    if layout.envelope is None:
        return lambda data, at, end, found: _unenclosed(layout, steps, data, at, end, found)
    scan = _enclosed(layout, layout.envelope, steps)
    return scan if layout in PDUS.values() else _remembering(scan, layout, layout.envelope)


def _enclosed(layout: Layout, envelope: Row, steps: list[Step]) -> Scan:
    """Reads a structure that a length of its own encloses: its rows fill it to the byte."""
    first, *others = steps
    length, behind = envelope.name, _behind(layout, envelope)
    check = layout.check if not layout.holds else None  # else the items have been looked at

    def scan(data: bytes, at: int, end: int, found: list[Found]) -> tuple[Part, int]:
        values: dict[str, Any] = {}
        inside: list[Part] = []
        here = first(data, at, end, values, inside, found)
        stop = at + behind + values[length]
        if stop > end:
            raise Irregular
        for step in others:
            here = step(data, here, stop, values, inside, found)
        if here != stop:
            raise Irregular
        parts = tuple(inside)
        if check is not None and next(check(values, parts), None) is not None:
            raise Irregular
        return Part(layout.name, layout.code, values, parts), stop

    return scan


def _unenclosed(
    layout: Layout, steps: list[Step], data: bytes, at: int, end: int, found: list[Found]
) -> tuple[Part, int]:
    """A structure that no length of its own encloses: it ends with its last row."""
    values: dict[str, Any] = {}
    for step in steps:
        at = step(data, at, end, values, [], found)
    return Part(layout.name, layout.code, values), at


def _behind(layout: Layout, envelope: Row) -> int:
    """How many bytes of the structure lie up to and with the length that encloses it."""
    rows = layout.rows[: layout.rows.index(envelope) + 1]
    return sum(row.known_size or 0 for row in rows)


def _remembering(scan: Scan, layout: Layout, envelope: Row) -> Scan:
    """The same for small items of the same bytes, as most are: read once."""
    behind = _behind(layout, envelope)
    length_at = behind - (envelope.known_size or 0)

    @lru_cache(_REMEMBERED)
    def known(item: bytes) -> tuple[Part, tuple[Found, ...]]:
        found: list[Found] = []
        part, _ = scan(item, 0, len(item), found)
        return part._replace(again=True), tuple(found)

    def remembered(data: bytes, at: int, end: int, found: list[Found]) -> tuple[Part, int]:
        size = behind + int.from_bytes(data[at + length_at : at + behind], "big")
        if size > _SMALL or at + size > end:
            return scan(data, at, end, found)
        part, shown = known(data[at : at + size])
        if shown:
            found += [(code, what, at + first, at + last) for code, what, first, last in shown]
        return part, at + size

    return remembered


_scan_tiny = lru_cache(_REMEMBERED)(_scan_whole)  # releases, rejections and aborts come again
_PDU_SCANS = {code: _compiled(layout) for code, layout in PDUS.items() if layout is not P_DATA_TF}


# --- PDVs and command sets ------------------------------------------------------------------


@lru_cache(_REMEMBERED)
def is_regular_pdv(*values: int) -> bool:
    """Whether a PDV with these values (length, context ID, header) shows nothing."""
    named = {row.name: value for row, value in zip(PDV.rows, values, strict=False)}
    checked = [(row.check, named[row.name]) for row in PDV.rows if row.name in named]
    shown = [problem for check, value in checked if check is not None for problem in check(value)]
    assert PDV.check is not None
    return not shown and next(PDV.check(named, ()), None) is None


@lru_cache(_REMEMBERED)
def is_regular_data(reserved: int, pdvs: tuple[tuple[int, int], ...]) -> bool:
    """Whether a P-DATA-TF with PDVs of these context IDs and headers shows nothing."""
    names = PDV.rows[1].name, PDV.rows[2].name
    assert P_DATA_TF.check is not None
    parts = [Part(PDV.name, None, dict(zip(names, pdv, strict=True))) for pdv in pdvs]
    return not reserved and next(P_DATA_TF.check({}, parts), None) is None


_ELEMENT = struct.Struct("<HHI")  # the rows of an element before its value (PS3.7 6.3.1)
# by tag: how the value is read, the size of a value where it has one, whether there may be several
_VALUES: dict[int, tuple[Read, int | None, bool]] = {
    tag: (_reader(command.ELEMENT_LAYOUTS[tag].rows[-1]), VR[one.vr].size, one.vm != "1")
    for tag, one in command.ELEMENTS.items()
    if not one.retired
}
# those of one number that shows nothing by itself, as struct has them
_PLAIN = {
    tag: {"US": "H", "UL": "I"}[one.vr]
    for tag, one in command.ELEMENTS.items()
    if one.vr in ("US", "UL") and one.vm == "1"
    if command.ELEMENT_LAYOUTS[tag].rows[-1].check is None
}
_SHAPING = (command.GROUP_LENGTH, command.COMMAND_FIELD)  # what elements follow, and how long
_COUNTED_FROM = 12  # the group length counts the bytes behind itself
_REQUIRED = {
    message.command_field: frozenset((command.DATA_SET_TYPE, *message.mandatory))
    for message in command.MESSAGES
}


class _Shape:
    """The tags and lengths of a command set, and its Command Field: few are of one's own.

    Command sets like one that was read before are unpacked at once, and compared with it in all
    but their values; only those are looked at.
    """

    def __init__(self, data: bytes, values: Mapping[int, Any]) -> None:
        formats, at, same = ["<"], 0, 0  # ``same``: bytes that are not unpacked yet
        self._tags: list[int] = []
        self._reads: list[tuple[int, Read]] = []
        for tag in values:
            size = int.from_bytes(data[at + 4 : at + 8], "little")
            at += _ELEMENT.size + size
            same += _ELEMENT.size
            if tag in _SHAPING:
                same += size
                continue
            formats.append(f"{same}s{_PLAIN.get(tag) or f'{size}s'}")
            same = 0
            self._tags.append(tag)
            if tag not in _PLAIN:
                self._reads.append((tag, _VALUES[tag][0]))
        packed = struct.Struct("".join(formats) + f"{same}s")
        self._unpack = packed.unpack
        self._same = packed.unpack(data)[::2]
        self._known = {tag: values[tag] for tag in _SHAPING}

    def read(self, data: bytes) -> dict[int, Any] | None:
        """The values of a command set as long as this one; None where it has another shape.

        Also where its values show something: that takes a closer look.
        """
        unpacked = self._unpack(data)
        if unpacked[::2] != self._same:
            return None
        values = self._known.copy()
        values.update(zip(self._tags, unpacked[1::2]))  # noqa: B905 - they are as many
        for tag, read in self._reads:
            values[tag], shown = read(values[tag])
            if shown:
                return None
        return values


_SHAPES: dict[int, list[_Shape]] = {}  # by size, the first few that were seen
_FEW = 4


def scan_command(data: bytes) -> tuple[dict[int, Any], list[Found]]:
    """A whole command set as values by tag, and what they show; Irregular as above."""
    for shape in _SHAPES.get(len(data), ()):
        known = shape.read(data)
        if known is not None:
            return known, []
    values, found = _scan_elements(data)
    if not found and len(data) <= _SMALL:
        shapes = _SHAPES.setdefault(len(data), [])
        if len(shapes) < _FEW:
            shapes.append(_Shape(data, values))
    return values, found


def _scan_elements(data: bytes) -> tuple[dict[int, Any], list[Found]]:
    """The same, element by element."""
    values: dict[int, Any] = {}
    found: list[Found] = []
    at, end, last = 0, len(data), -1
    while at < end:
        begin = at + _ELEMENT.size
        if begin > end:
            raise Irregular
        group, number, size = _ELEMENT.unpack_from(data, at)
        tag = group << 16 | number
        stop = begin + size
        if tag <= last or tag not in _VALUES or stop > end or size & 1:
            raise Irregular
        read, unit, many = _VALUES[tag]
        if unit is not None and (size % unit if many else size != unit):
            raise Irregular
        values[tag], shown = read(data[begin:stop])
        if shown:
            found += [(code, what, begin, stop) for code, what in shown]
        last, at = tag, stop
    counted = values.get(command.GROUP_LENGTH)
    required = _REQUIRED.get(values.get(command.COMMAND_FIELD, -1))
    if counted != end - _COUNTED_FROM or required is None or not required <= values.keys():
        raise Irregular
    return values, found
