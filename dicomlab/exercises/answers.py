"""The kinds of answers: what each takes, and what it says of a wrong one without telling the right.

An answer is laid beside the right one in lines: the fields of bytes, the names of a dictionary.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any

from dicomlab.exercises.beside import Compared, Judged, alike, judge
from dicomlab.exercises.exercise import as_it_is
from dicomlab.model import Field, Pdu, printable
from dicomlab.protocol.build import Draft


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


def _judge_bytes(given: bytes, right: Draft | Pdu | Field) -> Judged:
    pdu = right.pdu if isinstance(right, Draft) else right
    return judge(given, pdu.root if isinstance(pdu, Pdu) else pdu)


# --- values ---------------------------------------------------------------------------------------


def _judge_value(given: object, _: object) -> Judged:
    return Judged((given,), "Not that.")


def _judge_text(given: str, right: str) -> Judged:
    if given.strip() == right.strip():
        return Judged((given,), "Nearly: mind the spaces before and behind.")
    if given.lower() == right.lower():
        return Judged((given,), "Nearly: capitals count.")
    return Judged((given,), "Not that.")


def _judge_set(given: frozenset[Any], right: AbstractSet[Any]) -> Judged:
    if given > right:
        return Judged((given,), "All that belong are there, and some that do not.")
    if given < right:
        return Judged((given,), "What is there belongs there. Something is missing.")
    return Judged((given,), "Not all of them belong there.")


def _judge_list(given: tuple[Any, ...], right: tuple[Any, ...]) -> Judged:
    if sorted(map(repr, given)) == sorted(map(repr, right)):
        return Judged((given,), "These are they, but not in this order.")
    begin = alike(given, right)
    if begin:
        return Judged((given,), f"The first {begin} fit. Look at what comes then.")
    return Judged((given,), "Look at the first one: it is another.")


def _judge_names(given: Mapping[str, Any], right: Mapping[str, Any]) -> Judged:
    names = [*right, *(name for name in given if name not in right)]
    wrong = next(name for name in names if given.get(name) != right.get(name))
    value, lines = given.get(wrong), tuple(_named(one, given, right) for one in names)
    if not _words(value):
        lacks = "still empty" if wrong in given else "it is missing"
        return Judged(((wrong, None), wrong), f"{wrong}: {lacks}.", lines=lines)
    kind = kind_of(right[wrong]) if wrong in right else None
    if kind is not None and not is_taken(kind, value):
        nudge = f"{wrong}: asked for is {kind.asked}; this is {called(value)}."
        return Judged((), nudge, lines=lines)
    return Judged(((wrong, value), wrong), f"Look at this: {wrong}.", lines=lines)


def _named(name: Any, given: Mapping[str, Any], right: Mapping[str, Any]) -> Compared:
    return Compared(str(name), _words(given.get(name)), _words(right.get(name)))


def _words(value: Any) -> str:
    return "" if value is None or value is ... else printable(str(value))


YES_OR_NO = Kind("True or False", (bool,), (bool,), bool, _judge_value)
BYTES = Kind(
    "bytes, a draft or a PDU",
    (Draft, Pdu, Field),
    (bytes, bytearray, Draft, Pdu, Field),
    _bytes,
    _judge_bytes,
)
KINDS = (  # what several of them take is called by the first one
    BYTES,
    YES_OR_NO,
    Kind("a number", (int, float), (int, float), as_it_is, _judge_value),
    Kind("a text", (str,), (str,), str, _judge_text),
    Kind("a list, […]", (tuple,), (list, tuple), tuple, _judge_list),
    Kind("a set, {…}", (frozenset, set), (AbstractSet, list, tuple), frozenset, _judge_set),
    Kind("a dictionary, {…: …}", (dict,), (Mapping,), dict, _judge_names),
)
