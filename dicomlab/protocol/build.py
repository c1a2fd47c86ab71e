"""Drafts: PDUs that are being written, right or wrong on purpose.

A draft is a tree of parts, one for each table of ``spec``. Lengths follow the content each time the
draft is turned into bytes, unless they are overridden.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from dicomlab.model import BuildError, Drawn, Layout, Pdu, Role, Row, find, snake_case, split, walk
from dicomlab.protocol.codec import decode
from dicomlab.spec import command, names
from dicomlab.spec import pdu as tables
from dicomlab.spec.findings import FINDINGS

_ON_PURPOSE = "To send it all the same, use override()."


@dataclass(slots=True, eq=False)
class Part:
    """One structure of a draft: a value for each row, and the parts that it holds."""

    layout: Layout
    values: list[Any]
    parts: list[Part] = field(default_factory=list)
    forced: dict[int, bytes] = field(default_factory=dict)  # row → what stands there whatever else
    raw: bytes | None = None  # stands for the whole part

    def holds(self) -> dict[str, Layout]:
        """The layouts of the parts that may be added here, by their snake_case names."""
        if self.layout is command.COMMAND_SET:
            layouts: Sequence[Layout] = tuple(command.ELEMENT_LAYOUTS.values())
        else:
            repeated = [row.of for row in self.layout.rows if row.of is not None]
            layouts = [count.layout for count in self.layout.holds] + repeated
        return {snake_case(layout.name): layout for layout in layouts}

    def place(self, layout: Layout) -> int:
        """Where a new part of that layout goes: behind those that come before it by the table."""
        order = [snake_case(one.name) for one in self.layout_order()]
        rank = {name: index for index, name in enumerate(order)}
        mine = rank.get(snake_case(layout.name), len(rank))
        after = [
            i for i, p in enumerate(self.parts) if rank.get(snake_case(p.layout.name), -1) <= mine
        ]
        return after[-1] + 1 if after else 0

    def layout_order(self) -> list[Layout]:
        """The layouts that may stand here, in the order of the wire."""
        layouts = list(self.holds().values())
        if self.layout is command.COMMAND_SET:
            layouts.sort(key=lambda one: one.code or 0)
        return layouts


def encode(part: Part, follow: int = 0) -> bytes:
    """The part's bytes; ``follow`` bytes come behind it in the structure that holds it.

    Raises BuildError where the content is longer than a length field can say.
    """
    return part.raw if part.raw is not None else b"".join(_pieces(part, follow))


def _pieces(part: Part, follow: int) -> list[bytes]:
    """The bytes of each row. From the last row to the first: lengths count what is behind them."""
    layout, forced = part.layout, part.forced
    rows = layout.rows
    pieces = [b""] * len(rows)
    for index in range(len(rows) - 1, -1, -1):
        row = rows[index]
        if index in forced:
            pieces[index] = forced[index]
        elif row.role is Role.LENGTH:
            if row is rows[-1]:
                size = follow
            else:
                size = sum(map(len, _counted(layout, row, pieces) or pieces[index + 1 :]))
            pieces[index] = _length(layout, row, size)
        elif row.made_of_parts and part.parts:
            pieces[index] = _join(part.parts)
        else:
            pieces[index] = row.kind.encode(part.values[index], _room(row))
    return pieces


def _counted(layout: Layout, row: Row, pieces: list[bytes]) -> list[bytes]:
    """The pieces of the rows that a length row names; none: it counts all behind it."""
    sized = layout.sized_by(row)
    return [pieces[layout.rows.index(one)] for one in sized]


def _length(layout: Layout, row: Row, size: int) -> bytes:
    try:
        return row.kind.encode(size, None)
    except ValueError:
        what = f"{layout.name}: {size:,} bytes are more than {row.name} can say ({layout.clause})."
        raise BuildError(what, "Make the content shorter.") from None


def _join(parts: list[Part]) -> bytes:
    pieces: list[bytes] = []
    for part in reversed(parts):
        pieces.append(encode(part, sum(map(len, pieces))))
    return b"".join(reversed(pieces))


def _room(row: Row) -> int | None:
    return row.size if isinstance(row.size, int) else None


@dataclass(frozen=True, slots=True, eq=False)
class _Place:
    """A part, or one row of it, as paths lead to it."""

    name: str
    part: Part
    row: int | None = None
    parent: Part | None = None
    children: tuple[_Place, ...] = ()

    @property
    def value(self) -> Any:
        """The present value; a part's is that of the row that it is there for."""
        part, index = self.part, self.row
        if part.raw is not None:
            return part.raw
        if index is None:
            own = part.layout.own_row
            if own is None:
                return None
            index = part.layout.rows.index(own)
        row = part.layout.rows[index]
        if index not in part.forced and row.role is not Role.LENGTH:
            return part.values[index]
        piece = _pieces(part, self._follow())[index]
        return row.kind.decode(piece) if row.kind.size in (None, len(piece)) else piece

    def _follow(self) -> int:
        """How many bytes stand behind the part among those of its parent."""
        if self.parent is None or self.part not in self.parent.parts:
            return 0
        behind = self.parent.parts[self.parent.parts.index(self.part) + 1 :]
        return len(_join(behind))


def _places(part: Part, parent: Part | None) -> _Place:
    """The part and all inside it."""
    if part.raw is not None:
        return _Place(part.layout.name, part, None, parent)
    children: list[_Place] = []
    for index, row in enumerate(part.layout.rows):
        if row.made_of_parts and part.parts and index not in part.forced:
            children += [_places(inner, part) for inner in part.parts]
        else:
            children.append(_Place(row.name, part, index, parent))
    return _Place(part.layout.name, part, None, parent, tuple(children))


class Draft(Drawn):
    """A PDU that is being written. ``bytes(draft)`` is what would be sent now.

    Fields are named as in the standard, or in its snake_case, by themselves where that is clear
    or by a path: ``Presentation Context[0]/Transfer Syntax[0]/Transfer-syntax-name``; ``[0]``
    counts, ``[id=3]`` takes the presentation context ID.
    """

    def __init__(self, name: str, root: Part) -> None:
        self.name = name
        self._root = root

    def __bytes__(self) -> bytes:
        return encode(self._root)

    def __len__(self) -> int:
        return len(bytes(self))

    def __repr__(self) -> str:
        return f"<Draft {self.name}, {len(self)} bytes>"

    @property
    def pdus(self) -> tuple[Pdu, ...]:
        """What a receiver makes of the bytes: one PDU, unless a length was overridden."""
        return tuple(decode(bytes(self)))

    @property
    def pdu(self) -> Pdu:
        """The first of ``pdus``."""
        return self.pdus[0]

    def __getitem__(self, path: str) -> Any:
        return self._find(path).value

    def __setitem__(self, path: str, value: Any) -> None:
        """Set a field. BuildError, with the clause, for what the standard does not allow."""
        part, index = self._row(path)
        row = part.layout.rows[index]
        clause = part.layout.clause
        if row.role is Role.LENGTH:
            raise BuildError(f"{row.name} follows the content ({clause}).", _ON_PURPOSE)
        if row.fixed and value != row.default:
            shown = row.kind.show(row.default)
            raise BuildError(f"{row.name} is always {shown} ({clause}).", _ON_PURPOSE)
        try:
            row.kind.encode(value, _room(row))
        except (TypeError, ValueError) as problem:
            raise BuildError(f"{row.name} {problem} ({clause}).", _ON_PURPOSE) from None
        for code, what in row.check(value) if row.check is not None else ():
            if FINDINGS[code].severity == "error":
                reason = f"{FINDINGS[code].why} ({FINDINGS[code].clause})"
                raise BuildError(f"{row.name}: {what}. {reason}", _ON_PURPOSE)
        part.forced.pop(index, None)
        if row.made_of_parts:
            part.parts.clear()
        part.values[index] = value

    def override(self, path: str, value: Any) -> None:
        """Let exactly this value, or these bytes, stand there; other lengths follow as ever."""
        part, index = self._row(path)
        row = part.layout.rows[index]
        try:
            forced = (
                bytes(value)
                if isinstance(value, bytes | bytearray)
                else row.kind.encode(value, None)
            )
        except (TypeError, ValueError) as problem:
            if not isinstance(value, str):
                raise BuildError(
                    f"{row.name} {problem}.", "Give the bytes that shall stand there."
                ) from None
            forced = value.encode("utf-8")
        part.forced[index] = forced

    def replace(self, path: str, data: bytes) -> None:
        """Let these bytes stand for a whole item, PDV, element, or for one field."""
        place = self._find(path)
        if place.row is not None:
            place.part.forced[place.row] = bytes(data)
        else:
            place.part.raw = bytes(data)

    def add(self, path: str, **values: Any) -> None:
        """Add an item, PDV or element, where its table has it, with these values of its fields.

        A path says where, if there is more than one place: ``Presentation Context[1]/Transfer
        Syntax``.
        """
        *before, name = split(path)
        where = "/".join(before)
        wanted = snake_case(name)
        hosts = self._hosts(wanted, where)[: 1 if where else None]
        if len(hosts) != 1:
            count = f"{len(hosts)} places" if hosts else "nothing"
            raise BuildError(
                f"{count} in this {self.name} can hold {name!r}.", "Say where by a path."
            )
        host = hosts[0]
        part = new(host.holds()[wanted])
        ids = {p.values[i] for p in host.parts for i, r in _context_ids(p)}
        for index, _ in _context_ids(part):
            free = (number for number in range(1, 256, 2) if number not in ids)
            part.values[index] = next(free, 255)
        inner = Draft(name, part)
        for key, value in values.items():
            inner.give(key, value)
        host.parts.insert(host.place(part.layout), part)

    def remove(self, path: str) -> None:
        """Take an item, PDV or element out."""
        place = self._find(path)
        if place.row is not None or place.parent is None:
            raise BuildError(f"{path} is a field that its table always has.", _ON_PURPOSE)
        place.parent.parts.remove(place.part)

    def give(self, key: str, value: Any) -> None:
        """Set a field by keyword; a list gives an item for each of its entries."""
        if isinstance(value, list | tuple):
            wanted = snake_case(key)
            hosts = self._hosts(wanted)
            if len(hosts) != 1:
                raise BuildError(f"{key!r} names {len(hosts)} places of {self.name}.", "Use add().")
            host, layout = hosts[0], hosts[0].holds()[wanted]
            host.parts[:] = [part for part in host.parts if part.layout is not layout]
            for one in value:
                part = new(layout)
                Draft(layout.name, part)[layout.name] = one
                host.parts.insert(host.place(layout), part)
        else:
            self[key] = value

    def _places(self) -> _Place:
        return _Place(self.name, self._root, children=(_places(self._root, None),))

    def _hosts(self, wanted: str, where: str = "") -> list[Part]:
        """The parts, below ``where``, that may hold a part of the wanted name."""
        within = self._find(where) if where else self._places().children[0]
        parts = (one.part for one in walk(within) if one.row is None)
        return [part for part in parts if wanted in part.holds()]

    def _find(self, path: str) -> _Place:
        places = self._places()
        try:
            return find(places, path)
        except KeyError as problem:
            known = {one.name for one in walk(places)} - {self.name}
            near = difflib.get_close_matches(split(path)[-1], known, 1)
            remedy = f"Did you mean {near[0]!r}?" if near else ""
            raise BuildError(f"{problem.args[0]}.", remedy) from None

    def _row(self, path: str) -> tuple[Part, int]:
        place = self._find(path)
        index, own = place.row, place.part.layout.own_row
        if index is None and own is not None:
            index = place.part.layout.rows.index(own)
        if index is None or place.part.raw is not None:
            raise BuildError(f"{path} has no single value.", "Name one of its fields.")
        return place.part, index


def _context_ids(part: Part) -> Iterator[tuple[int, Row]]:
    for index, row in enumerate(part.layout.rows):
        if row.name == "Presentation-context-ID" and part.layout is not tables.PDV:
            yield index, row


def new(layout: Layout) -> Part:
    """A part of that layout, with the items that it must hold, each with its default values."""
    wanted = [
        c.layout for c in layout.holds if c.least or c.layout is tables.IMPLEMENTATION_VERSION_NAME
    ]
    if layout is tables.P_DATA_TF:
        wanted.append(tables.PDV)
    return Part(layout, [row.default for row in layout.rows], [new(one) for one in wanted])


def build(name: str, **values: Any) -> Draft:
    """A legal PDU, or a P-DATA-TF that carries the message of that name, as a draft.

    ``values`` are fields in snake_case; what is not given has a sensible value. Raises BuildError
    for a name that is neither, a field that is not there, and a value that it cannot take.
    """
    layouts = {layout.name: layout for layout in tables.PDUS.values()}
    if name in layouts:
        draft = Draft(name, new(layouts[name]))
    elif name in command.BY_NAME:
        draft = Draft(name, _message(command.BY_NAME[name], values))
    else:
        known = [*layouts, *command.BY_NAME]
        near = difflib.get_close_matches(name.upper(), known, 1)
        remedy = f"Did you mean {near[0]!r}?" if near else f"There are {', '.join(known)}."
        raise BuildError(f"there is no PDU or message {name!r}.", remedy)
    for key, value in values.items():
        draft.give(key, value)
    return draft


def _message(row: command.MessageRow, values: dict[str, Any]) -> Part:
    """A P-DATA-TF with one PDV that holds the whole command set."""
    given = {snake_case(key) for key in values}
    defaults: dict[int, Any] = {
        command.GROUP_LENGTH: None,
        command.COMMAND_FIELD: row.command_field,
        command.DATA_SET_TYPE: (
            command.DATA_SET_FOLLOWS if row.data_set == "present" else command.NO_DATA_SET
        ),
        0x0110: 1,
        0x0120: 1,
        0x0700: 0,
        command.STATUS: 0,
    }
    if row.name.startswith("C-ECHO"):
        defaults[0x0002] = names.VERIFICATION
    elements, lacking = Part(command.COMMAND_SET, [b""]), []
    for number in row.elements:
        layout = command.ELEMENT_LAYOUTS[number]
        named = snake_case(layout.name) in given
        if number not in defaults and number in row.mandatory and not named:
            lacking.append(snake_case(layout.name))
        if number in defaults or named:
            value = defaults.get(number, layout.rows[-1].default)
            elements.parts.append(Part(layout, [number, None, value]))
    if lacking:
        raise BuildError(f"{row.name} needs {' and '.join(lacking)} ({row.clause}).")
    root = new(tables.P_DATA_TF)
    root.parts[0].parts.append(elements)
    return root
