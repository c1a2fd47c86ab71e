"""Answers as they are kept and marked: in a form that JSON takes, and with partial credit."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from math import floor
from typing import Any

from dicomlab.exercises.answers import BYTES, Kind, is_taken, kind_of
from dicomlab.exercises.papers import Papers
from dicomlab.exercises.questions import Question
from dicomlab.model import printable

NOTHING = "—"
_LINE = 70  # characters
_ALIGNED = 20  # characters: so numbers are sorted as numbers
_ALMOST = 0.5  # of the points, for bytes of which one field alone is wrong


@dataclass(frozen=True, slots=True)
class Marked:
    """An answer with its points, what would have been right, and why."""

    question: Question
    points: float  # in halves
    given: str
    right: str  # each right answer, the likeliest first
    why: str
    clause: str

    @property
    def ok(self) -> bool:
        """Whether it has all points."""
        return self.points == self.question.points


def marked(question: Question, papers: Papers, kept: Any) -> Marked:
    """What an answer is worth, as :func:`keep` keeps it; None where there is none."""
    right = question.right(papers)
    kind = kind_of(right[0])
    given = _restored(kind, kept)
    share = 0.0 if given is None else max(_share(kind, given, one) for one in right)
    return Marked(
        question,
        floor(2 * share * question.points) / 2,
        NOTHING if kept is None else shown(kept),
        " or ".join(shown(keep(kind.plain(one))) for one in right),
        question.why(papers),
        question.cites(papers),
    )


def is_blank(answer: Any) -> bool:
    """Whether nothing was answered: None, ..., or a collection of nothing else."""
    if isinstance(answer, Mapping):
        answer = list(answer.values())
    if isinstance(answer, list | tuple | AbstractSet):
        return all(one is None or one is ... for one in answer)
    empty = isinstance(answer, str | bytes | bytearray) and not answer
    return empty or answer is None or answer is ...


def keep(value: Any) -> Any:
    """A plain answer as JSON takes it: bytes in hex, sets and tuples as lists."""
    match value:
        case bytes():
            return value.hex(" ")
        case set() | frozenset():
            return sorted(map(keep, value), key=lambda one: repr(one).rjust(_ALIGNED))
        case tuple() | list():
            return [*map(keep, value)]
        case dict():
            return {str(name): keep(one) for name, one in value.items()}
        case bool() | int() | float() | None:
            return value
        case _:
            return str(value)


def shown(kept: Any) -> str:
    """An answer that is kept, as a text that is safe to print."""
    return printable(kept if isinstance(kept, str) else json.dumps(kept, ensure_ascii=False))


def brief(kept: Any) -> str:
    """The same, short enough for a line."""
    text = NOTHING if kept is None else shown(kept)
    return text if len(text) <= _LINE else f"{text[:_LINE]} …"


def _restored(kind: Kind, kept: Any) -> Any:
    """The plain answer that was kept; None where it is none of that kind."""
    try:
        answer = bytes.fromhex(kept) if kind is BYTES else kept
        return kind.plain(answer) if is_taken(kind, answer) else None
    except (TypeError, ValueError):
        return None


def _share(kind: Kind, given: Any, right: Any) -> float:
    """How much of it is right, 0 to 1."""
    plain = kind.plain(right)
    if isinstance(plain, dict):
        return sum(_same(given.get(name), one) for name, one in plain.items()) / len(plain)
    if isinstance(plain, frozenset):
        return max(0, len(given & plain) - len(given - plain)) / len(plain)
    if isinstance(plain, tuple):
        return _leading(given, plain) / len(plain)
    if isinstance(plain, bytes) and given != plain:
        wrong = [one for one in kind.judge(given, right).lines if not one.same]
        almost = len(wrong) == 1 and wrong[0].given and wrong[0].right
        return _ALMOST if almost else 0.0
    return float(_same(given, plain))


def _leading(given: Sequence[Any], right: Sequence[Any]) -> int:
    """How many are right before the first wrong one: what follows from it is not counted."""
    pairs = [_same(*both) for both in zip(given, right, strict=False)]
    return pairs.index(False) if False in pairs else len(pairs)


def _same(given: Any, right: Any) -> bool:
    """Whether two values are the same; spaces around a text do not count."""
    if isinstance(given, str) and isinstance(right, str):
        return given.strip() == right.strip()
    return bool(given == right)
