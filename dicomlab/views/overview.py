"""The list of a capture for a terminal: failures first, in about as many lines as there are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, islice
from typing import NamedTuple

from dicomlab.views.listing import Entry, Listing, Reason, Stray, local
from dicomlab.views.pen import BOLD, DIM, MARKS, TONES, Pen, cut, wrapped
from dicomlab.views.theme import count, duration

STRAYS = 6  # lines of connections without an association that did not fail
AROUND = 5  # lines that are empty, or the names of columns, or the terminal's prompt
LEAST = 10  # lines of associations, on however low a screen
FEW = 4  # lines of those that did not fail
SHORTEST = 3  # lines of a reason and an example
WHY = 2  # lines of each reason
DONE = 11  # characters that what was asked for has on a narrow screen
SLOWEST = 9  # characters of a column
HINT = (
    "All of them: --all. One of them: --association with its number. "
    "Fewer: --failed, --ae-title, --address, --outcome, --message, --since, --until."
)


def overview(view: Listing, pen: Pen, width: int, height: int) -> Iterator[str]:
    """The list of a capture, in about ``height`` lines unless all of it is wanted."""
    head = list(_head(view, pen, width))
    table = _Table.of(view, width)
    everything = not isinstance(view.failures, tuple)
    room = height - len(head) - AROUND
    strays = list(_strays(view.strays, table, pen, None if everything else room))
    yield from head
    if view.failed or view.well:
        yield ""
        if everything:
            yield from _all(view, table, pen)
        else:
            theirs = min(len(strays), max(room // 3, STRAYS + 1))
            associations = list(_associations(view, table, pen, max(room - theirs, LEAST)))
            yield from associations
            strays = list(_strays(view.strays, table, pen, room - len(associations)))
    if strays:
        yield ""
        yield from strays


def _head(view: Listing, pen: Pen, width: int) -> Iterator[str]:
    title = cut(view.title, width)
    if len(title) + len(view.subtitle) + 2 <= width:
        yield f"{pen(title, BOLD)}  {view.subtitle}"
    else:
        yield pen(title, BOLD)
        yield from wrapped(view.subtitle, width)
    if view.failed:
        mark = (
            f"{MARKS['error']} {view.failed:,} of {count(view.failed + view.well, 'association')}"
        )
        yield pen(f"{mark} failed.", TONES["error"], BOLD)
    for remark, tone in view.remarks:
        mark = f"{MARKS[tone]} " if tone != "plain" else ""
        yield from (pen(line, TONES[tone]) for line in wrapped(mark + remark, width))


# --- associations -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Table:
    """How wide the columns are; 0 for one that has no room."""

    width: int
    number: int
    time: str  # the format of times
    ends: int
    done: int
    ended: int
    addressed: bool

    @classmethod
    def of(cls, view: Listing, width: int) -> _Table:
        """The columns that fit."""
        longest = view.longest
        number = max(3, len(str(view.failed + view.well)))
        time = ("%Y-%m-%d " if width >= 100 else "%m-%d ") if view.dated else ""
        time += "%H:%M" if view.dated and width < 80 else "%H:%M:%S"
        ended = longest.ended if width >= 80 else 0
        left = width - 2 - number - len(_sample(time)) - SLOWEST - 8 - (ended + 2 if ended else 0)
        titles, done = longest.titles + 3, max(longest.done, 9)
        addressed = titles + longest.addresses + 6 + done <= left
        ends = titles + longest.addresses + 6 if addressed else titles
        if ends + done > left:
            ends = min(ends, left - min(done, DONE))
        return cls(width, number, time, ends, min(done, left - ends), ended, addressed)

    def head(self) -> str:
        """The names of the columns."""
        ended = f"{'ended':{self.ended}}  " if self.ended else ""
        return (
            f"  {'#':>{self.number}}  {'time':{len(_sample(self.time))}}  "
            f"{'from → to':{self.ends}}  "
            f"{'asked for':{self.done}}  {ended}{'slowest':>{SLOWEST}}"
        )

    def row(self, one: Entry, mark: str | None = None) -> str:
        """One association."""
        mark = MARKS[one.tone] if mark is None else mark
        moment = local(one.time) if one.time is not None else None
        time = f"{moment:{self.time}}" if moment else " " * len(_sample(self.time))
        slowest = "" if one.slowest is None else duration(one.slowest)
        ended = f"{cut(one.ended, self.ended):{self.ended}}  " if self.ended else ""
        return (
            f"{mark:1} {one.connection:>{self.number}}  {time}  "
            f"{self._ends(one):{self.ends}}  "
            f"{cut(one.done or '-', self.done):{self.done}}  {ended}{slowest:>{SLOWEST}}"
        ).rstrip()

    def _ends(self, one: Entry) -> str:
        """Who called whom; where both are too long, both lose something."""
        ends = [one.requestor.title, one.acceptor.title]
        if self.addressed:
            for at, end in enumerate((one.requestor, one.acceptor)):
                if end.title not in end.address:
                    ends[at] += f" ({end.address})"
        left = self.ends - 3
        shorter = min(map(len, ends))
        longest = max(left - shorter, (left + 1) // 2)
        return cut(" → ".join(cut(end, longest) for end in ends), self.ends)

    def why(self, reasons: Sequence[str]) -> Iterator[str]:
        """Reasons, below the line that they belong to."""
        indent = self.number + 4
        for reason in reasons:
            yield from (" " * indent + line for line in _few_lines(reason, self.width - indent))


def _few_lines(text: str, width: int) -> Iterator[str]:
    """A text in WHY lines at most."""
    lines = list(wrapped(text, width))
    yield from lines[: WHY - 1]
    if lines[WHY - 1 :]:
        yield cut(" ".join(lines[WHY - 1 :]), width)


def _sample(time: str) -> str:
    """A time in that format."""
    return f"{local(0):{time}}"


def _all(view: Listing, table: _Table, pen: Pen) -> Iterator[str]:
    yield pen(table.head(), DIM)
    for one in view.failures:
        yield from _failure(one, table, pen)
    for one in view.others:
        yield _well(one, table, pen)


def _associations(view: Listing, table: _Table, pen: Pen, room: int) -> Iterator[str]:
    listed = tuple(view.failures), tuple(view.others)
    failures = [line for one in listed[0] for line in _failure(one, table, pen)]
    others = [_well(one, table, pen) for one in listed[1]]
    kept = len(listed[0]) == view.failed, len(listed[1]) == view.well
    if all(kept) and len(failures) + len(others) <= room:
        between = [""] if failures and others else []
        yield from (pen(table.head(), DIM), *failures, *between, *others)
        return
    hint = ["", *(pen(line, DIM) for line in wrapped(HINT, table.width))]
    room -= len(hint)
    needed = min(view.well, len(view.pairs) + 1, max(room // 3, FEW))  # by the others
    if not kept[0] or len(failures) > room - needed:
        reasons = [_Group.of(one, table) for one in view.reasons]
        failures = list(_reasons(reasons, "association", table.width, pen, room - needed))
    left = max(room - len(failures), FEW)
    if not kept[1] or len(others) > left:
        others = list(_pairs(view, table, pen, left))
    yield pen(table.head(), DIM)
    between = [""] if failures and others else []
    yield from (*failures, *between, *others, *hint)


def _failure(one: Entry, table: _Table, pen: Pen) -> Iterator[str]:
    yield pen(table.row(one), TONES["error"], BOLD)
    yield from (pen(line, TONES["error"]) for line in table.why(one.why))
    yield from table.why(one.advice)


def _well(one: Entry, table: _Table, pen: Pen) -> str:
    return pen(table.row(one), TONES["warning"] if one.tone == "warning" else 0)


class _Group(NamedTuple):
    """What failed for the same reason."""

    many: int
    why: str
    rows: Iterable[str]  # the first of them, a line each

    @classmethod
    def of(cls, one: Reason, table: _Table) -> _Group:
        return cls(one.count, " ".join(one.why), (table.row(e, mark="") for e in one.examples))


def _reasons(
    reasons: Sequence[_Group], what: str, width: int, pen: Pen, room: int
) -> Iterator[str]:
    """What failed, by the reason: how many, and as many of them as there is room."""
    room -= SHORTEST * len(reasons) > room  # for how many more there are
    shown = reasons[: max(room // SHORTEST, 1)]
    each = room // len(shown)
    for one in shown:
        why = list(_few_lines(f"{MARKS['error']} {one.many:,} × {one.why}", width - 2))
        for number, line in enumerate(why):
            yield pen(f"  {line}" if number else line, TONES["error"], BOLD)
        rows = islice(one.rows, max(each - len(why), 1))
        yield from (pen(row, TONES["error"]) for row in rows)
    if len(reasons) > len(shown):
        hidden = sum(one.many for one in reasons[len(shown) :])
        more = count(len(reasons) - len(shown), "more reason")
        yield pen(f"… and {more}, {count(hidden, what)}", TONES["error"])


def _pairs(view: Listing, table: _Table, pen: Pen, room: int) -> Iterator[str]:
    """Associations that did not fail, a line for each pair of applications."""
    yield pen(f"{view.well:,} {'others ' if view.failed else ''}without failure:", BOLD)
    shown = view.pairs if len(view.pairs) < room else view.pairs[: max(room - 2, 1)]
    wide = len(f"{shown[0].count:,}")
    ends = [f"{one.requestor} → {one.acceptor}" for one in shown]
    for one, who in zip(shown, ends, strict=True):
        slowest = "" if one.slowest is None else f"slowest {duration(one.slowest)}"
        line = f"  {one.count:>{wide},} × {who:{max(map(len, ends))}}  {one.done}  {slowest}"
        yield cut(line.rstrip(), table.width)
    if len(shown) < len(view.pairs):
        hidden = sum(one.count for one in view.pairs[len(shown) :])
        more = count(len(view.pairs) - len(shown), "more pair")
        yield f"  … and {more}, {count(hidden, 'association')}"


# --- connections without an association -------------------------------------------------------


def _strays(strays: Sequence[Stray], table: _Table, pen: Pen, room: int | None) -> Iterator[str]:
    """Those that failed with why, or where there is not the room, by the reason; then the others.

    Without a ``room``, all of them.
    """
    if not strays:
        return
    total = sum(one.count for one in strays)
    yield pen(f"{count(total, 'connection')} without an association:", BOLD)
    kinds = max(len(one.kind) for one in strays)
    failed = [one for one in strays if one.tone == "error"]
    others = [one for one in strays if one.tone != "error"]
    shown = others if room is None or len(others) <= STRAYS else others[: STRAYS - 1]
    hint = ""
    lines = [line for one in failed for line in _stray_failure(one, kinds, table, pen)]
    if room is not None and 1 + len(lines) + len(shown) > room:
        groups = [_group(list(alike), kinds, table) for _, alike in groupby(failed, _said)]
        left = max(room - 2 - len(shown), SHORTEST)
        lines = list(_reasons(groups, "connection", table.width, pen, left))
        hint = pen("One of them: --association with its number.", DIM)
    yield from lines
    yield from (_stray(one, kinds, table.width) for one in shown)
    if len(others) > len(shown):
        hidden = sum(one.count for one in others[len(shown) :])
        yield f"  … and {hidden:,} more"
    if hint:
        yield hint


def _stray(one: Stray, kinds: int, width: int, mark: str = "") -> str:
    """A line of connections; the ends lose something before the numbers do."""
    kind = f"{mark:1} {one.kind:{kinds}}"
    numbers = f"{one.numbers}  × {one.count:,}" if one.count > 1 else one.numbers
    ends = cut(f"{one.requestor} → {one.acceptor}", width - len(kind) - len(numbers) - 4)
    return f"{kind}  {ends}  {numbers}"


def _stray_failure(one: Stray, kinds: int, table: _Table, pen: Pen) -> Iterator[str]:
    yield pen(_stray(one, kinds, table.width, MARKS["error"]), TONES["error"], BOLD)
    yield from (pen(line, TONES["error"]) for line in table.why(one.why))
    yield from table.why(one.advice)


def _said(one: Stray) -> tuple[str, ...]:
    return (one.kind, *one.why)


def _group(alike: Sequence[Stray], kinds: int, table: _Table) -> _Group:
    """Connections that failed for the same reason."""
    why = " ".join(alike[0].why) or alike[0].kind
    rows = (_stray(one, kinds, table.width) for one in alike)
    return _Group(sum(one.count for one in alike), why, rows)
