"""The associations of a capture as a table that sorts and filters, compact enough to travel.

Each column holds its texts once, in their order, and for each row the number of its text: so two
cells compare as numbers, and a word is looked for once in each text and not once in each row.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dicomlab.model import Association, Capture
from dicomlab.views import summary
from dicomlab.views.listing import Entry, Found, Listing, clock, dated, entry
from dicomlab.views.theme import duration

MOST = 20_000  # rows, of those that failed first; so the number of a text takes two bytes
_NUMBER = re.compile(r"(\d{1,9})")


@dataclass(frozen=True, slots=True)
class Column:
    """``texts`` in their order, each once, and for each row which of them stands in it."""

    texts: Sequence[str]
    cells: array[int]  # two bytes each


@dataclass(frozen=True, slots=True)
class Table:
    """The associations of a capture: those that failed, then the others, each as they came."""

    listing: Listing  # sums up all of them, also those for which there is no row
    columns: Mapping[str, Column]
    rows: int


def table(capture: Capture, most: int = MOST) -> Table:
    """The associations of a capture in at most so many rows; they are gone through once."""
    found, rows, with_day = Found(), _Rows(), dated(capture)
    failed, others = array("l"), array("l")  # numbers of rows
    for association in capture.associations:
        came_to = summary.summary(association)
        reason = found.add(association, came_to)
        part = failed if came_to.failed else others
        if len(part) < most:
            part.append(len(failed) + len(others))
            line = entry(association, came_to)
            rows.add(reason, _cells(association, line, with_day=with_day))
    chosen, listing = (failed + others)[:most], found.listing(capture)
    reasons = Column(
        ["", *(" ".join(one.why) for one in listing.reasons)],
        rows.places(chosen, found.reasons.keys()),
    )
    return Table(listing, {**rows.columns(chosen), "reason": reasons}, len(chosen))


NAMES = (
    "connection", "time", "lasted", "requestor", "requestor_address", "acceptor",
    "acceptor_address", "done", "tone", "outcome", "ended", "why", "advice", "slowest", "pdus",
    "findings",
)  # fmt: skip
Cell = tuple[str, int | None]  # a text, and what it is sorted by if not by itself


def _cells(association: Association, line: Entry, *, with_day: bool) -> Iterator[Cell]:
    """A row of the table: the cells that NAMES names."""
    yield str(line.connection), line.connection
    yield clock(line.time, with_day=with_day), _or_first(line.time)
    yield _duration(line.duration), _or_first(line.duration)
    for end in (line.requestor, line.acceptor):
        yield end.title, None
        yield end.address, None
    yield line.done, None
    yield line.tone, None
    yield association.outcome.ended, None
    yield line.ended, None
    yield "\n".join(line.why), None
    yield "\n".join(line.advice), None
    yield _duration(line.slowest), _or_first(line.slowest)
    yield f"{line.pdus:,}", line.pdus
    yield f"{line.findings:,} ({line.worst})" if line.findings else "", line.findings


def _or_first(time: int | None) -> int:
    """What to sort a time by; one that is not known stands before all others."""
    return -1 if time is None else time


def _duration(time: int | None) -> str:
    return "" if time is None else duration(time)


class _Rows:
    """Rows as they are found."""

    def __init__(self) -> None:
        self._reasons: list[Hashable] = []
        self._columns = {name: _Texts() for name in NAMES}

    def add(self, reason: Hashable, cells: Iterable[Cell]) -> None:
        self._reasons.append(reason)
        for column, cell in zip(self._columns.values(), cells, strict=True):
            column.add(*cell)

    def columns(self, rows: Sequence[int]) -> Mapping[str, Column]:
        """The columns of some rows."""
        return {name: texts.column(rows) for name, texts in self._columns.items()}

    def places(self, rows: Sequence[int], reasons: Sequence[Hashable]) -> array[int]:
        """Which reason each of them has, from 1; the last is that of all that are left out."""
        place = {None: 0} | {key: at for at, key in enumerate(reasons, 1) if key is not None}
        return array("H", (place.get(self._reasons[row], len(reasons)) for row in rows))


class _Texts:
    """A column as it is found: its texts in the order in which they came."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self._keys: list[Any] = []  # of each text, by what it is sorted
        self._cells = array("l")

    def add(self, text: str, key: int | None) -> None:
        number = self._numbers.setdefault(text, len(self._keys))
        if number == len(self._keys):
            self._keys.append(_natural(text) if key is None else key)
        self._cells.append(number)

    def column(self, rows: Sequence[int]) -> Column:
        """The column of some rows."""
        cells = [self._cells[row] for row in rows]
        order = sorted(set(cells), key=self._keys.__getitem__)
        places = {number: place for place, number in enumerate(order)}
        texts = list(self._numbers)
        return Column([texts[one] for one in order], array("H", (places[one] for one in cells)))


def _natural(text: str) -> tuple[int | str, ...]:
    """What sorts the numbers in a text by their value: CT2 before CT10."""
    parts = _NUMBER.split(text.casefold())
    return tuple(int(part) if at % 2 else part for at, part in enumerate(parts))
