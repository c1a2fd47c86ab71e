"""Drafts: PDUs that are being written, right or wrong on purpose.

A draft is a tree of parts, one for each table of ``spec``. Lengths follow the content each time the
draft is turned into bytes, unless they are overridden.
"""

from __future__ import annotations

import difflib
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from dicomlab.model import (
    BuildError,
    Drawn,
    Explored,
    Layout,
    Pdu,
    Role,
    Row,
    find,
    places,
    snake_case,
    split,
    walk,
)
from dicomlab.protocol.codec import decode
from dicomlab.protocol.leaves import Bytes
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

    def holds(self) -> list[Layout]:
        """The layouts of the parts that may stand here, in the order of the wire."""
        if self.raw is not None or not self.open:
            return []
        if self.layout is command.COMMAND_SET:
            return [command.ELEMENT_LAYOUTS[tag] for tag in sorted(command.ELEMENT_LAYOUTS)]
        repeated = [row.of for row in self.layout.rows if row.of is not None]
        return [count.layout for count in self.layout.holds] + repeated

    @property
    def open(self) -> bool:
        """Whether parts may stand here: no bytes were put in their place."""
        rows = [index for index, row in enumerate(self.layout.rows) if row.made_of_parts]
        return not any(index in self.forced or self.values[index] for index in rows)

    def insert(self, part: Part) -> None:
        """Put a part in, behind those that come before it by the table."""
        order = self.holds()
        rank = order.index(part.layout)
        before = [i for i, one in enumerate(self.parts) if order.index(one.layout) <= rank]
        self.parts.insert(before[-1] + 1 if before else 0, part)

    def copy(self) -> Part:
        """The same part, to be changed by itself."""
        parts = [one.copy() for one in self.parts]
        return Part(self.layout, [*self.values], parts, {**self.forced}, self.raw)


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
class Slot:
    """A part of a draft, or one row of it, as paths lead to it."""

    name: str
    part: Part
    row: int | None = None
    parent: Part | None = None
    children: tuple[Slot, ...] = ()

    @property
    def forced(self) -> bool:
        """Whether bytes stand here that were put in on purpose."""
        return self.part.raw is not None if self.row is None else self.row in self.part.forced

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


def _slots(part: Part, parent: Part | None) -> Slot:
    """The part and all inside it."""
    if part.raw is not None:
        return Slot(part.layout.name, part, None, parent)
    children: list[Slot] = []
    for index, row in enumerate(part.layout.rows):
        if row.made_of_parts and part.parts and index not in part.forced:
            children += [_slots(inner, part) for inner in part.parts]
        else:
            children.append(Slot(row.name, part, index, parent))
    return Slot(part.layout.name, part, None, parent, tuple(children))


class Located(NamedTuple):
    """A slot, the shortest path that leads to it alone, and where its bytes lie."""

    path: str
    slot: Slot
    depth: int  # 0: the PDU itself
    start: int
    stop: int


def located(root: Slot) -> Iterator[Located]:
    """All slots of a draft, in reading order."""
    holders: dict[str, set[int]] = defaultdict(set)  # name → the slots right above
    for slot in walk(root):
        for child in slot.children:
            holders[child.name].add(id(slot))
    return _located(Located(root.name, root, 0, 0, len(encode(root.part))), holders)


def _located(here: Located, holders: dict[str, set[int]]) -> Iterator[Located]:
    yield here
    path, slot, depth, at, _ = here
    pieces = _pieces(slot.part, 0) if slot.children else []  # what follows changes no size
    number = Counter(one.name for one in slot.children)
    seen: Counter[str] = Counter()
    for child in slot.children:
        name = child.name
        step = f"{name}[{seen[name]}]" if number[name] > 1 else name
        seen[name] += 1
        below = step if len(holders[name]) == 1 else f"{path}/{step}"
        stop = at + len(encode(child.part) if child.row is None else pieces[child.row])
        yield from _located(Located(below, child, depth + 1, at, stop), holders)
        at = stop


class Draft(Drawn, Explored):
    """A PDU that is being written. ``bytes(draft)`` is what would be sent now.

    Fields are named as in the standard, or in its snake_case, by themselves where that is clear
    or by a path: ``Presentation Context[0]/Transfer Syntax[0]/Transfer-syntax-name``; ``[0]``
    counts, ``[id=3]`` takes the presentation context ID.
    """

    def __init__(self, name: str, root: Part) -> None:
        self.name = name
        self.root = root

    def __bytes__(self) -> bytes:
        return encode(self.root)

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
        """The first of ``pdus``; no bytes are a Pdu of type None."""
        return self.pdus[0] if self.pdus else Pdu(None, Bytes(b"").opaque("No bytes", 0, 0))

    @property
    def slot(self) -> Slot:
        """The draft as a tree of slots, in the order of the wire."""
        return _slots(self.root, None)

    def __getitem__(self, path: str) -> Any:
        return self._find(path).value

    def __contains__(self, path: str) -> bool:
        return bool(places(self.slot, path))

    __iter__ = None  # its length is in bytes: go through the fields of its PDU

    def __setitem__(self, path: str, value: Any) -> None:
        """Set a field. BuildError, with the clause, for what the standard does not allow."""
        part, index = self.row(path)
        row = part.layout.rows[index]
        clause = part.layout.clause
        if row.role is Role.LENGTH:
            raise BuildError(f"{row.name} follows the content ({clause}).", _ON_PURPOSE)
        if row.fixed and value != row.default:
            shown = row.kind.show(row.default)
            raise BuildError(f"{row.name} is always {shown} ({clause}).", _ON_PURPOSE)
        name = part.layout.name if row.name == "Value" else row.name
        try:
            row.kind.encode(value, _room(row))
        except (TypeError, ValueError) as problem:
            raise BuildError(f"{name} {problem} ({clause}).", _ON_PURPOSE) from None
        for code, what in row.check(value) if row.check is not None else ():
            if FINDINGS[code].severity == "error":
                reason = f"{FINDINGS[code].why} ({FINDINGS[code].clause})"
                raise BuildError(f"{name}: {what}. {reason}", _ON_PURPOSE)
        part.forced.pop(index, None)
        if row.made_of_parts:
            part.parts.clear()
        part.values[index] = value

    def override(self, path: str, value: Any) -> None:
        """Let exactly this value, or these bytes, stand there; other lengths follow as ever.

        None takes an override back.
        """
        part, index = self.row(path)
        if value is None:
            part.forced.pop(index, None)
        else:
            part.forced[index] = _forced(part.layout.rows[index], value)

    def replace(self, path: str, data: bytes) -> None:
        """Let these bytes stand for a whole item, PDV, element, or for one field."""
        slot = self._find(path)
        if not isinstance(data, bytes | bytearray):
            raise BuildError(f"{path} is replaced by bytes, not by {data!r}.")
        if slot.row is not None:
            slot.part.forced[slot.row] = bytes(data)
        else:
            slot.part.raw = bytes(data)

    def add(self, path: str, **values: Any) -> None:
        """Add an item, PDV or element, where its table has it, with these values of its fields.

        A path says where, if there is more than one place: ``Presentation Context[1]/Transfer
        Syntax``.
        """
        *before, name = split(path)
        host, layout = self._host(name, "/".join(before))
        part = new(layout)
        if layout is tables.PDV:  # all of a message have one context
            part.values[_CONTEXT_ID] = next((one.values[_CONTEXT_ID] for one in host.parts), 1)
        elif any(row.name == "Presentation-context-ID" for row in layout.rows):
            taken = {Slot("", one, _ITEM_CONTEXT_ID).value for one in host.parts}
            free = next((number for number in range(1, 256, 2) if number not in taken), None)
            if free is None and "presentation_context_id" not in values:
                what = f"all 128 presentation context IDs are taken ({layout.clause})."
                raise BuildError(what, "Remove one, or say which: presentation_context_id=255.")
            part.values[_ITEM_CONTEXT_ID] = free
        inner = Draft(name, part)
        for key, value in values.items():
            inner.give(key, value)
        host.insert(part)

    def remove(self, path: str) -> None:
        """Take an item, PDV or element out."""
        slot, parent = self._part(path)
        parent.parts.remove(slot.part)

    def move(self, path: str, to: int) -> None:
        """Put an item, PDV or element at another place among those beside it; 0 is the first."""
        slot, parent = self._part(path)
        if to not in range(len(parent.parts)) or not isinstance(to, int):
            last = len(parent.parts) - 1
            raise BuildError(f"{path} can be moved to 0..{last}, not to {to!r}.")
        parent.parts.remove(slot.part)
        parent.parts.insert(to, slot.part)

    def give(self, key: str, value: Any) -> None:
        """Set a field by keyword; a list gives an item for each of its entries."""
        if not isinstance(value, list | tuple) or snake_case(key) not in _REPEATED:
            self[key] = value
            return
        host, layout = self._host(key)
        given = [new(layout) for _ in value]
        for part, one in zip(given, value, strict=True):
            Draft(layout.name, part)[layout.name] = one
        host.parts[:] = [part for part in host.parts if part.layout is not layout]
        for part in given:
            host.insert(part)

    def _host(self, name: str, where: str = "") -> tuple[Part, Layout]:
        """The part, below ``where``, that may hold a part of that name, and its layout."""
        within = self._find(where) if where else self.slot
        parts = [one for one in walk(within) if one.row is None]
        found = [
            (one.part, layout)
            for one in parts
            for layout in one.part.holds()
            if snake_case(layout.name) == snake_case(name)
        ]
        if found and found[0][0] is within.part:
            return found[0]
        if len(found) != 1:
            count = f"{len(found)} places" if found else "nothing"
            what = f"{count} in this {self.name} can hold {name!r}."
            raise BuildError(what, "Say where by a path." if found else "")
        return found[0]

    def _find(self, path: str) -> Slot:
        slot = self.slot
        try:
            return find(slot, path)
        except KeyError as problem:
            known = {one.name for one in walk(slot)}
            near = difflib.get_close_matches(split(path)[-1], known, 1)
            remedy = f"Did you mean {near[0]!r}?" if near else ""
            raise BuildError(f"{problem.args[0]}.", remedy) from None

    def _part(self, path: str) -> tuple[Slot, Part]:
        """The item, PDV or element at a path, and the part that holds it."""
        slot = self._find(path)
        if slot.row is not None or slot.parent is None:
            raise BuildError(f"{path} is a field that its table always has.", _ON_PURPOSE)
        return slot, slot.parent

    def row(self, path: str) -> tuple[Part, int]:
        """The part, and the number of its row, that has the value at a path."""
        slot = self._find(path)
        index, own = slot.row, slot.part.layout.own_row
        if index is None and own is not None:
            index = slot.part.layout.rows.index(own)
        if index is None or slot.part.raw is not None:
            raise BuildError(f"{path} has no single value.", "Name one of its fields.")
        return slot.part, index


def _forced(row: Row, value: Any) -> bytes:
    """The bytes that an override puts into a row."""
    if isinstance(value, bytes | bytearray):
        return bytes(value)
    try:
        return row.kind.encode(value, None)
    except (TypeError, ValueError) as problem:
        if isinstance(value, str):  # too long, or no characters of one byte each
            latin = all(ord(c) < 256 for c in value)
            return value.encode("latin-1" if latin else "utf-8")
        remedy = "Give the bytes that shall stand there."
        raise BuildError(f"{row.name} {problem}.", remedy) from None


# where the presentation context ID stands among the rows of a PDV, and of an item
_CONTEXT_ID = tables.PDV.rows.index(tables.PDV.row("Presentation-context-ID"))
_ITEM_CONTEXT_ID = tables.PRESENTATION_CONTEXT_RQ.rows.index(
    tables.PRESENTATION_CONTEXT_RQ.row("Presentation-context-ID")
)
# items that may stand more than once: a list makes one of each of its entries
_REPEATED = {
    snake_case(count.layout.name)
    for layout in (*tables.PDUS.values(), *tables.ITEM_LAYOUTS)
    for count in layout.holds
    if count.most is None
}


def new(layout: Layout) -> Part:
    """A part of that layout, with the items that it must hold, each with its default values."""
    version_name = tables.IMPLEMENTATION_VERSION_NAME.code
    wanted = [c.layout for c in layout.holds if c.least or c.layout.code == version_name]
    if layout is tables.P_DATA_TF:
        wanted.append(tables.PDV)
    return Part(layout, [row.default for row in layout.rows], [new(one) for one in wanted])


def build(name: str, **values: Any) -> Draft:
    """A legal PDU, or a P-DATA-TF that carries the message of that name, as a draft.

    ``values`` are fields in snake_case; what is not given has a sensible value. Raises BuildError
    for a name that is neither, a field that is not there, and a value that it cannot take.
    """
    layouts = {layout.name: layout for layout in tables.PDUS.values()}
    known = [*layouts, *command.BY_NAME]
    if name not in known:
        near = difflib.get_close_matches(str(name).upper(), known, 1)
        remedy = f"Did you mean {near[0]!r}?" if near else f"There are {', '.join(known)}."
        raise BuildError(f"there is no PDU or message {name!r}.", remedy)
    if name in layouts:
        draft = Draft(name, new(layouts[name]))
    else:
        draft = Draft(name, _message(command.BY_NAME[name], values))
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
            element = new(layout)
            element.values[-1] = value
            elements.parts.append(element)
    if lacking:
        raise BuildError(f"{row.name} needs {' and '.join(lacking)} ({row.clause}).")
    root = new(tables.P_DATA_TF)
    root.parts[0].parts.append(elements)
    return root
