"""The list of a capture for a terminal: failures first, in about as many lines as there are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from dicomlab.views.listing import Entry, Group, Listing, Stray, local
from dicomlab.views.pen import BOLD, DIM, MARKS, TONES, Pen, cut, wrapped
from dicomlab.views.theme import count, duration

STRAYS = 6  # lines of connections without an association
LEAST = 10  # lines of associations, on however low a screen
WHY = 2  # lines of each reason
DONE = 14  # characters that what was asked for has on a narrow screen
SLOWEST = 9  # characters of a column
HINT = (
    "All of them: --all. One of them: --association with its number. "
    "Fewer: --failed, --ae-title, --address, --outcome, --message, --since, --until."
)


def overview(view: Listing, pen: Pen, width: int, height: int) -> Iterator[str]:
    """The list of a capture, in about ``height`` lines unless all of it is wanted."""
    head = list(_head(view, pen, width))
    strays = list(_strays(view.strays, pen, width))
    yield from head
    if view.failed or view.well:
        room = max(height - len(head) - len(strays) - len(HINT) // width - 5, LEAST)
        yield ""
        yield from _associations(view, _Table.of(view, width), pen, room)
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
        time += "%H:%M:%S"
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

    def row(self, one: Entry) -> str:
        """One association."""
        moment = local(one.time) if one.time is not None else None
        time = f"{moment:{self.time}}" if moment else " " * len(_sample(self.time))
        slowest = "" if one.slowest is None else duration(one.slowest)
        ended = f"{cut(one.ended, self.ended):{self.ended}}  " if self.ended else ""
        return (
            f"{MARKS[one.tone]} {one.connection:>{self.number}}  {time}  "
            f"{cut(self._ends(one), self.ends):{self.ends}}  "
            f"{cut(one.done or '-', self.done):{self.done}}  {ended}{slowest:>{SLOWEST}}"
        ).rstrip()

    def _ends(self, one: Entry) -> str:
        if self.addressed:
            ends = [
                one.address if one.title in one.address else f"{one.title} ({one.address})"
                for one in (one.requestor, one.acceptor)
            ]
        else:
            ends = [one.requestor.title, one.acceptor.title]
        return " → ".join(ends)

    def why(self, reasons: Sequence[str]) -> Iterator[str]:
        """Reasons, below the line that they belong to."""
        indent = self.number + 4
        for reason in reasons:
            lines = list(wrapped(reason, self.width - indent))
            if len(lines) > WHY:
                lines = [*lines[: WHY - 1], cut(" ".join(lines[WHY - 1 :]), self.width - indent)]
            yield from (" " * indent + line for line in lines)


def _sample(time: str) -> str:
    """A time in that format."""
    return f"{local(0):{time}}"


def _associations(view: Listing, table: _Table, pen: Pen, room: int) -> Iterator[str]:
    if not isinstance(view.failures, tuple) or not isinstance(view.others, tuple):  # everything
        yield pen(table.head(), DIM)
        for one in view.failures:
            yield from _failure(one, table, pen)
        for one in view.others:
            yield _well(one, table, pen)
        return
    failures = [list(_failure(one, table, pen)) for one in view.failures]
    others = [_well(one, table, pen) for one in view.others]
    needed = min(view.well, len(view.groups) + 1, max(room // 3, 3))
    listed = len(failures) == view.failed and sum(map(len, failures)) <= room - needed
    part = (
        [line for one in failures for line in one]
        if listed
        else list(
            _groups(
                view.failed_groups,
                f"{view.failed:,} failed:",
                "kind",
                table,
                pen,
                room - needed,
            )
        )
    )
    left = max(room - len(part), 3)
    shown = len(others) == view.well and len(others) <= left
    if (listed and part) or (shown and others):
        yield pen(table.head(), DIM)
    yield from part
    if view.well and view.failed:
        yield ""
    if shown:
        yield from others
    else:
        title = f"{view.well:,} {'others ' if view.failed else ''}without failure:"
        yield from _groups(view.groups, title, "pair", table, pen, left)
    if not (listed and shown):
        yield ""
        yield from (pen(line, DIM) for line in wrapped(HINT, table.width))


def _failure(one: Entry, table: _Table, pen: Pen) -> Iterator[str]:
    yield pen(table.row(one), TONES["error"], BOLD)
    yield from (pen(line, TONES["error"]) for line in table.why(one.why))


def _well(one: Entry, table: _Table, pen: Pen) -> str:
    return pen(table.row(one), TONES["warning"] if one.tone == "warning" else 0)


def _groups(
    groups: Sequence[Group], title: str, kind: str, table: _Table, pen: Pen, room: int
) -> Iterator[str]:
    """Associations that are summed, a line a group and one for each reason."""
    yield pen(title, BOLD)
    wide = len(f"{groups[0].count:,}")
    left = room - 2
    for number, one in enumerate(groups):
        lines = list(_group(one, wide, table, pen))
        if len(lines) > left and number:
            hidden = sum(each.count for each in groups[number:])
            more = count(len(groups) - number, f"more {kind}")
            yield f"  … and {more}, {count(hidden, 'association')}"
            return
        left -= len(lines)
        yield from lines


def _group(one: Group, wide: int, table: _Table, pen: Pen) -> Iterator[str]:
    ends = f"{one.requestor} → {one.acceptor}"
    slowest = "" if one.slowest is None else f"slowest {duration(one.slowest)}"
    first = f"first: {one.first}" if one.why else ""
    facts = "  ".join(fact for fact in (one.done, slowest, first) if fact)
    line = cut(f"  {one.count:>{wide},} × {ends:{table.ends}}  {facts}", table.width).rstrip()
    tone = TONES["error"] if one.why else 0
    yield pen(line, tone, BOLD if one.why else 0)
    yield from (pen(line, tone) for line in table.why(one.why))


# --- connections without an association -------------------------------------------------------


def _strays(strays: Sequence[Stray], pen: Pen, width: int) -> Iterator[str]:
    if not strays:
        return
    total = sum(one.count for one in strays)
    yield pen(f"{count(total, 'connection')} without an association:", BOLD)
    shown = strays if len(strays) <= STRAYS else strays[: STRAYS - 1]
    kinds = max(len(one.kind) for one in shown)
    for one in shown:
        facts = [f"{one.requestor} → {one.acceptor}", one.ports]
        facts.append(f"× {one.count:,}" if one.count > 1 else f"#{one.first}")
        line = f"  {one.kind:{kinds}}  {'  '.join(fact for fact in facts if fact)}"
        yield pen(cut(line, width), TONES[one.tone])
    if len(strays) > len(shown):
        hidden = sum(one.count for one in strays[len(shown) :])
        yield f"  … and {hidden:,} more"
