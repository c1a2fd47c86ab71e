"""The kinds of answers: what each takes, and what it says of a wrong one without telling the right.

An answer is laid beside the right one in lines: the fields of bytes, the names of a dictionary.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any, NamedTuple, SupportsBytes

from dicomlab.exercises.exercise import as_it_is
from dicomlab.model import Field, Pdu, Role, printable
from dicomlab.protocol.build import Draft

_LONGEST = 60  # characters of a meaning that a nudge tells


@dataclass(frozen=True, slots=True)
class Compared:
    """One line of the right answer beside the same of the given one."""

    name: str
    given: str  # bytes in hex, or a value in words; empty where there is none
    right: str
    meaning: str = ""
    clause: str = ""
    start: int | None = None  # of bytes: where they begin

    @property
    def same(self) -> bool:
        """Whether both are the same."""
        return self.given == self.right


class Judged(NamedTuple):
    """A wrong answer: what is wrong in it, what to look at first, where to read, and both."""

    wrong: Any
    nudge: str
    clause: str = ""
    lines: tuple[Compared, ...] = ()


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of answers, called by what is asked for."""

    asked: str
    right: tuple[type, ...]  # what the right answer is
    takes: tuple[type, ...]  # what an answer may be
    plain: Callable[[Any], Any]  # either as a value that can be compared
    judge: Callable[[Any, Any], Judged]  # the given and the right one, which are not the same


def kind_of(right: Any) -> Kind:
    """The kind of answers that is asked for by such a right one."""
    return next(kind for kind in KINDS if isinstance(right, kind.right))


def is_taken(kind: Kind, answer: Any) -> bool:
    """Whether that is an answer of this kind, right or wrong."""
    return isinstance(answer, kind.takes) and isinstance(answer, bool) == (kind is YES_OR_NO)


def called(answer: Any) -> str:
    """What somebody gave, in words."""
    known = (kind.asked for kind in KINDS if is_taken(kind, answer))
    return next(known, f"something else ({type(answer).__name__})")


# --- bytes ----------------------------------------------------------------------------------------


def _bytes(answer: Any) -> bytes:
    return answer.raw if isinstance(answer, Field) else bytes(answer)


def _root(right: Draft | Pdu | Field) -> Field:
    if isinstance(right, Draft):
        right = right.pdu
    return right.root if isinstance(right, Pdu) else right


def _judge_bytes(given: bytes, right: Draft | Pdu | Field) -> Judged:
    root = _root(right)
    leaves = _leaves(root)
    lines = tuple(_fields(given, root, leaves))
    at, wrong = next((at, one) for at, one in enumerate(lines) if not one.same)
    role = leaves[at][0].role if at < len(leaves) else None
    return Judged(wrong.name, _nudge(wrong, role, given, root), wrong.clause, lines)


def _leaves(root: Field) -> list[tuple[Field, str]]:
    """The leaves with their names; within an element or item, with its name before."""
    if not root.children:
        return [(root, root.name)]
    named = (
        (child, child.name if one is root else f"{one.name} / {child.name}")
        for one in root.walk()
        for child in one.children
        if not child.children
    )
    return sorted(named, key=lambda pair: pair[0].start)


def _fields(given: bytes, root: Field, leaves: Iterable[tuple[Field, str]]) -> Iterator[Compared]:
    """The leaves of the right answer, each with the bytes that the given one has there."""
    for leaf, name in leaves:
        start, stop = leaf.start - root.start, leaf.stop - root.start
        there = given[start:stop].hex(" ")
        yield Compared(name, there, leaf.raw.hex(" "), leaf.text, leaf.clause, start)
    length = root.stop - root.start
    if len(given) > length:
        surplus = given[length:].hex(" ")
        yield Compared("(nothing)", surplus, "", f"{root.name} ends before", root.clause, length)


def _nudge(wrong: Compared, role: Role | None, given: bytes, root: Field) -> str:
    """What to look at first, without telling the bytes."""
    if not wrong.given:
        missing = f"{wrong.name} at byte {wrong.start} is missing"
        return f"{len(given)} bytes are there, but {missing}."
    if not wrong.right:
        return f"{root.name} ends after {wrong.start} bytes; yours goes on."
    where = f"Look at byte {wrong.start}: {wrong.name}"
    if " ".join(reversed(wrong.given.split())) == wrong.right:
        return f"{where}. The right bytes are there, in the wrong order: mind the byte order."
    if role is Role.LENGTH:
        return f"{where}. It counts the bytes behind itself: count them again."
    told = len(wrong.meaning) < _LONGEST
    return f"{where} should say {wrong.meaning}." if told else f"{where}."


# --- values ---------------------------------------------------------------------------------------


def _judge_value(given: object, _: object) -> Judged:
    return Judged(given, "Not that.")


def _judge_text(given: str, right: str) -> Judged:
    if given.strip() == right.strip():
        return Judged(given, "Nearly: mind the spaces before and behind.")
    if given.lower() == right.lower():
        return Judged(given, "Nearly: capitals count.")
    return Judged(given, "Not that.")


def _judge_set(given: frozenset[Any], right: AbstractSet[Any]) -> Judged:
    if given > right:
        return Judged(given, "All that belong are there, and some that do not.")
    if given < right:
        return Judged(given, "What is there belongs there. Something is missing.")
    return Judged(given, "Not all of them belong there.")


def _judge_list(given: tuple[Any, ...], right: tuple[Any, ...]) -> Judged:
    if sorted(map(repr, given)) == sorted(map(repr, right)):
        return Judged(given, "These are they, but not in this order.")
    pairs = enumerate(zip(given, right, strict=False))
    begin = next((at for at, (one, other) in pairs if one != other), min(len(given), len(right)))
    if begin:
        return Judged(given, f"The first {begin} fit. Look at what comes then.")
    return Judged(given, "Look at the first one: it is another.")


def _judge_names(given: Mapping[str, Any], right: Mapping[str, Any]) -> Judged:
    names = [*right, *(name for name in given if name not in right)]
    wrong = next(name for name in names if given.get(name) != right.get(name))
    lines = (Compared(str(one), _words(given.get(one)), _words(right.get(one))) for one in names)
    nudge = f"Look at this: {wrong}." if _words(given.get(wrong)) else f"{wrong}: still empty."
    return Judged(wrong, nudge, lines=tuple(lines))


def _words(value: Any) -> str:
    return "" if value is None or value is ... else printable(str(value))


YES_OR_NO = Kind("True or False", (bool,), (bool,), bool, _judge_value)
BYTES = Kind(
    "bytes, a draft or a PDU",
    (Draft, Pdu, Field),
    (SupportsBytes, bytearray, Field),
    _bytes,
    _judge_bytes,
)
KINDS = (
    BYTES,
    YES_OR_NO,
    Kind("a number", (int, float), (int, float), as_it_is, _judge_value),
    Kind("a text", (str,), (str,), str, _judge_text),
    Kind("a set, {…}", (frozenset, set), (AbstractSet, list, tuple), frozenset, _judge_set),
    Kind("a list, […]", (tuple,), (list, tuple), tuple, _judge_list),
    Kind("a dictionary, {…: …}", (dict,), (Mapping,), dict, _judge_names),
)
