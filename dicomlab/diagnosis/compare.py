"""Two associations, or two PDUs, side by side: what they do not share, what matters most first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, overload

from dicomlab.diagnosis import pairs
from dicomlab.diagnosis.pairs import Pair
from dicomlab.diagnosis.rules import DECIDES, RULES, WEIGHTS, uid_text
from dicomlab.model import (
    Alike,
    Association,
    Compared,
    Comparison,
    DicomlabError,
    Difference,
    Pdu,
    Weight,
    printable,
)

LISTED = 5  # differences of one kind that are listed
EVERYTHING = 1000  # the same where everything is asked for, and of all kinds together
LONGEST = 300  # characters of a value
RANKS = {name: rank for rank, name in enumerate(RULES)}


@overload
def compare(a: Association, b: Association, *, everything: bool = False) -> Comparison: ...
@overload
def compare(a: Pdu, b: Pdu, *, everything: bool = False) -> Comparison: ...
def compare(a: Any, b: Any, *, everything: bool = False) -> Comparison:
    """Two associations, or two PDUs, side by side: what matters most first.

    Presentation contexts are matched by their abstract syntax, messages by their type and their
    number among those of that type, the fields of PDUs by their names. What is alike is counted;
    ``everything`` lists it too. Of each kind of difference the first few are listed, and the
    others counted. What one recording does not show is no difference.

    DicomlabError for anything else; CaptureError where the file of a capture is no longer there.
    """
    told = _Told(everything)
    match a, b:
        case Association(), Association():
            return told.all(_association(a), _association(b), pairs.of_associations(a, b))
        case Pdu(), Pdu():
            return told.all(_pdu(a), _pdu(b), pairs.of_pdus(a, b))
    what = f"{type(a).__name__} and {type(b).__name__} cannot be compared."
    raise DicomlabError(what, "Give two associations, as in capture.associations[0], or two PDUs.")


def _association(one: Association) -> Compared:
    titles = (
        "(not seen)" if title is None else title or "(empty)"
        for title in (one.calling_ae_title, one.called_ae_title)
    )
    end = RULES["end"].show(pairs.end_of(one), None)
    return Compared(_safe(" → ".join(titles)), f"connection {one.connection}, {end}")


def _pdu(one: Pdu) -> Compared:
    sender = f", from the {one.sender}" if one.sender else ""
    return Compared(one.name, f"{len(one):,} bytes{sender}")


class _Told:
    """Counts what is alike, and keeps the first differences of each kind."""

    def __init__(self, everything: bool) -> None:
        self._everything = everything
        self._listed = EVERYTHING if everything else LISTED
        self._alike = 0
        self._equal: list[Alike] = []
        self._kinds: dict[tuple[str, ...], dict[tuple[Any, ...], _Found]] = {}
        self._hidden: Counter[Weight] = Counter()

    def all(self, a: Compared, b: Compared, both: Iterable[Pair]) -> Comparison:
        """All that the pairs tell."""
        for pair in both:
            if pair.a != pair.b:
                self._differ(pair)
            elif pair.a is not None:
                self._agree(pair)
        found = [one for kind in self._kinds.values() for one in kind.values()]
        found.sort(key=_Found.rank)
        for one in found[EVERYTHING:]:
            self._hidden[one.weight] += 1 + one.more
        differences = tuple(one.difference() for one in found[:EVERYTHING])
        return Comparison(
            a, b, differences, self._alike, tuple(self._equal), dict(self._hidden)
        )  # fmt: skip

    def _agree(self, pair: Pair) -> None:
        self._alike += 1
        if self._everything and len(self._equal) < EVERYTHING:
            self._equal.append(Alike(_where(pair), _said(pair, pair.a, pair.b) or ""))

    def _differ(self, pair: Pair) -> None:
        """List it, count it with one that has the same values, or count it."""
        rule = RULES[pair.rule]
        by_values = rule.weight(pair.a, pair.b) if callable(rule.weight) else rule.weight
        weight = DECIDES if pair.because else by_values
        kind = self._kinds.setdefault((pair.rule, pair.of, weight), {})
        a, b = _said(pair, pair.a, pair.b), _said(pair, pair.b, pair.a)
        number = pair.at if self._everything or pair.about else None
        values = pair.about, number, a, b
        if values in kind:
            kind[values].more += 1
        elif len(kind) < self._listed:
            kind[values] = _Found(pair, weight, a, b)
        else:
            self._hidden[weight] += 1


@dataclass(slots=True)
class _Found:
    """A difference that is listed."""

    pair: Pair
    weight: Weight
    a: str | None
    b: str | None
    more: int = 0

    def rank(self) -> tuple[Any, ...]:
        """Its place in the list, the same whichever of the two comes first."""
        one = self.pair
        return (
            WEIGHTS.index(self.weight), RANKS[one.rule], one.place, one.at or 0, one.of, one.about
        )  # fmt: skip

    def difference(self) -> Difference:
        """The same in words."""
        why = self.pair.because or RULES[self.pair.rule].why
        return Difference(_where(self.pair), self.a, self.b, self.weight, why, self.more)


def _where(pair: Pair) -> str:
    name = RULES[pair.rule].name
    about = f"[{uid_text(pair.about)}]" if pair.about else ""
    at = f"[{pair.at}]" if pair.at is not None else ""
    steps = f"{pair.of}{about}{at}", pair.rule if name is None else name
    return _safe("/".join(filter(None, steps)))


def _said(pair: Pair, value: Any, other: Any) -> str | None:
    return None if value is None else _safe(RULES[pair.rule].show(value, other))


def _safe(text: str) -> str:
    return printable(text if len(text) <= LONGEST else f"{text[:LONGEST]}…")
