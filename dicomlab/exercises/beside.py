"""Bytes beside the right ones: both read by the table of the right ones, and matched by its names.

So a field is compared with its like, also behind an item that one of them lacks.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from dicomlab.diagnosis.pairs import Matched, matched
from dicomlab.model import Field, Layout, Role
from dicomlab.protocol.codec import decode_item
from dicomlab.protocol.leaves import Bytes
from dicomlab.spec.command import ELEMENT_LAYOUTS
from dicomlab.spec.pdu import ITEM_LAYOUTS, PDUS

_LAYOUTS = {
    (one.name, one.clause): one
    for one in (*PDUS.values(), *ITEM_LAYOUTS, *ELEMENT_LAYOUTS.values())
}
_LONGEST = 60  # characters of a meaning that a nudge tells


@dataclass(frozen=True, slots=True)
class Compared:
    """One line of the right answer beside the same of the given one."""

    name: str
    given: str  # bytes in hex, or a value in words; empty where there is none
    right: str
    meaning: str = ""
    clause: str = ""
    start: int | None = None  # of bytes: where they begin; of missing ones, where they would

    @property
    def same(self) -> bool:
        """Whether both are the same."""
        return self.given == self.right


class Judged(NamedTuple):
    """A wrong answer: what is wrong in it, what to look at first, where to read, and both.

    What is wrong is told in the ways by which a mistake may be known, the closest one first.
    """

    wrong: tuple[Any, ...]
    nudge: str
    clause: str = ""
    lines: tuple[Compared, ...] = ()


def alike(one: Sequence[Any], other: Sequence[Any]) -> int:
    """How many the two have in common before they differ."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((at for at, (a, b) in pairs if a != b), min(len(one), len(other)))


def judge(given: bytes, root: Field) -> Judged:
    """Wrong bytes, beside the field, item or PDU that is right."""
    yours, right = _read(given, root), _read(root.raw, root)
    both = sorted(_paired(yours, right), key=_place)
    wrong = [one for one in both if _differs(one) and not _follows(one, yours, right)]
    first = next(iter(wrong or filter(_moved, both)))
    lines = tuple(_line(one, root) for one in both)
    clause = _field(first).clause or root.clause
    return Judged((_name(first, root),), _nudge(first, yours, right), clause, lines)


def _read(data: bytes, like: Field) -> Field:
    """Bytes, read as what they ought to be; what follows behind that is a field of its own."""
    layout = _LAYOUTS.get((like.name, like.clause))
    if layout is None:
        assert like.row is not None  # a field by itself
        layout = Layout(like.name, None, like.clause, (like.row,))
    read = _by_name(decode_item(data, layout))
    if read.stop == len(data):
        return read
    surplus = Bytes(data).opaque("Surplus bytes", read.stop, len(data))
    return replace(read, children=(*read.children, surplus))


def _by_name(field: Field) -> Field:
    """The same; what is cut has the name of what it ought to be."""
    name = field.name.removesuffix(" (cut)")
    return replace(field, name=name, children=tuple(map(_by_name, field.children)))


def _paired(yours: Field, right: Field) -> Iterator[Matched]:
    """All that is matched; an item that lacks and one of its name too many are each other's like.

    So a presentation context for something else is another one, and none that is missing.
    """
    found = [*matched(yours, right)]
    spare = {(one.within, one.a.name): one.a for one in found if one.a and not one.b}
    lacking = {(one.within, one.b.name): one.b for one in found if one.b and not one.a}
    for one in found:
        which = one.within, _field(one).name
        a, b = spare.get(which), lacking.get(which)
        if a is None or b is None or (one.a, one.b) not in ((a, None), (None, b)):
            yield one
        elif one.b is not None:
            yield from matched(a, b)


def _field(one: Matched) -> Field:
    """The right field, or the given one where there is no right one."""
    field = one.b or one.a
    assert field is not None  # one of both is there
    return field


def _place(one: Matched) -> tuple[bool, int]:
    """The right ones in their order, then what nobody asked for."""
    return one.b is None, _field(one).start


def _differs(one: Matched) -> bool:
    return one.a is None or one.b is None or one.a.raw != one.b.raw


def _moved(one: Matched) -> bool:
    return one.a is not None and one.b is not None and one.a.start != one.b.start


def _follows(one: Matched, yours: Field, right: Field) -> bool:
    """Whether a length differs because what it counts does: it is no mistake by itself."""
    length, other = one.a, one.b
    if length is None or other is None or other.role is not Role.LENGTH:
        return False
    if not isinstance(length.value, int):  # it is cut, or cannot be read
        return False
    end = length.stop + length.value
    cuts_off = end == yours.stop < len(yours.raw)
    alone = yours.raw[length.stop :] == right.raw[other.stop :]
    return not (length.findings or cuts_off or alone)


def _name(one: Matched, root: Field) -> str:
    """The name of an item or of a field; that of a field within an item with the item's before."""
    field = _field(one)
    alone = field.children or one.within == root.name
    return field.name if alone else f"{one.within} / {field.name}"


def _line(one: Matched, root: Field) -> Compared:
    given, right = ("" if each is None else each.raw.hex(" ") for each in (one.a, one.b))
    field = _field(one)
    start = field.start if one.a is None else one.a.start
    return Compared(_name(one, root), given, right, field.text, field.clause, start)


def _nudge(one: Matched, yours: Field, right: Field) -> str:
    """What to look at first, without telling the bytes."""
    name, given, wanted = _name(one, right), one.a, one.b
    size, room = len(yours.raw), len(right.span)
    if wanted is None:
        place = _field(one).start
        if place >= room:
            return f"{right.name} ends after {room} bytes; yours goes on."
        return f"Look at byte {place}: nobody asked for {name}."
    if given is None and wanted.start >= size:
        return f"{_there(size)}, but {name} at byte {wanted.start} is missing."
    if given is None:
        return f"{name} is missing: it would begin at byte {wanted.start}."
    if given.raw == wanted.raw:
        what = name if one.within == right.name else one.within
        return f"All of it is there, in another order: byte {wanted.start} belongs to {what}."
    return f"Look at byte {given.start}: {name}{_wrong(given, wanted)}"


def _wrong(given: Field, wanted: Field) -> str:
    """What is wrong in a field, as the end of a sentence."""
    there, room = len(given.span), len(wanted.span)
    fixed = wanted.row is not None and wanted.row.known_size is not None
    if given.raw[::-1] == wanted.raw:
        return ". The right bytes are there, in the wrong order: mind the byte order."
    if there != room and (fixed or given.cut):
        return f". {_there(there)}, the field has {room}."
    if wanted.role is Role.LENGTH:
        return ". It counts the bytes behind itself: count them again."
    if there == room and given.raw.rstrip(b"\0") == wanted.raw.rstrip(b" "):
        return " is filled up with NUL instead of spaces."
    if given.text.strip() == wanted.text:
        at = given.start + alike(given.raw, wanted.raw)
        return f" says {wanted.text}, but its bytes are others from byte {at} on."
    told = wanted.text and len(wanted.text) < _LONGEST
    return f" should say {wanted.text}." if told else "."


def _there(count: int) -> str:
    return "1 byte is there" if count == 1 else f"{count} bytes are there"
