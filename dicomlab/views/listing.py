"""The list of a capture: what failed, what did not, and what was no association.

The associations are gone through once, and only what is shown is kept: some of them as entries,
all of them summed by who called whom.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Generic, NamedTuple, TypeVar

from dicomlab.model import Association, Capture, Connection, Severity, printable
from dicomlab.views import summary, theme
from dicomlab.views.reasons import advice, title
from dicomlab.views.sequence import End, end_of
from dicomlab.views.summary import WORSE, Summary
from dicomlab.views.theme import Tone

LISTED = 200  # associations that are kept as entries, of those that failed and of the others
EXAMPLES = 20  # the same of each reason
SUMMED = 1000  # pairs of applications, or reasons of failure, that are told apart
LATEST = 2**63 - 1  # nanoseconds
NUMBERED = 5  # connections that are told together and named
REMARKS = 3  # comments of the file that are shown
KINDS = {
    "refused": "refused",
    "no-answer": "no answer",
    "not-dicom": "not DICOM",
    "tls": "TLS",
    "no-data": "no data",
}  # of connections without an association, the gravest first


@dataclass(frozen=True, slots=True)
class Entry:
    """One association."""

    connection: int
    time: int | None  # nanoseconds since 1970
    requestor: End
    acceptor: End
    done: str
    ended: str
    tone: Tone
    why: tuple[str, ...]  # why it failed
    advice: tuple[str, ...]  # who changes what
    slowest: int | None  # nanoseconds
    pdus: int
    duration: int | None  # nanoseconds
    findings: int
    worst: Severity | None


@dataclass(frozen=True, slots=True)
class Reason:
    """Associations that failed for the same reason."""

    count: int
    why: tuple[str, ...]  # of the first of them
    examples: tuple[Entry, ...]  # the first of them


@dataclass(frozen=True, slots=True)
class Pair:
    """Associations between the same two applications that did not fail."""

    count: int
    requestor: str
    acceptor: str
    done: str
    slowest: int | None  # nanoseconds


@dataclass(frozen=True, slots=True)
class Stray:
    """TCP connections without an association, from one address to one end, with one verdict."""

    kind: str
    count: int
    connections: tuple[int, ...]  # the first of them
    requestor: str  # without its port, if there are several
    acceptor: str
    why: tuple[str, ...]  # why they failed
    advice: tuple[str, ...]  # who changes what
    tone: Tone

    @property
    def numbers(self) -> str:
        """The numbers of the first of them: ``#3, #4, …``."""
        more = ["…"] if self.count > len(self.connections) else []
        return ", ".join([f"#{one}" for one in self.connections] + more)


class Longest(NamedTuple):
    """The most characters of all entries."""

    titles: int = 0  # of both ends
    addresses: int = 0
    done: int = 0
    ended: int = 0


@dataclass(frozen=True, slots=True)
class Listing:
    """A capture: its associations, and the connections that have none.

    ``failures`` and ``others`` are those that are listed, in the order of time, ``failed`` and
    ``well`` how many there are; ``reasons`` and ``pairs`` sum up all of them.
    """

    title: str
    subtitle: str
    remarks: tuple[tuple[str, Tone], ...]
    failures: Iterable[Entry]
    others: Iterable[Entry]
    failed: int
    well: int
    reasons: tuple[Reason, ...]
    pairs: tuple[Pair, ...]
    strays: tuple[Stray, ...]
    dated: bool  # not all of it is of one day
    longest: Longest


def listing(capture: Capture, *, everything: bool = False, among: int | None = None) -> Listing:
    """The list of a capture; ``among`` says how many associations it had before some were chosen.

    With ``everything``, all associations are listed: they are gone through again for it, each time
    that ``failures`` or ``others`` are.
    """
    found = Found(everything=everything)
    for association in capture.associations:
        found.add(association, summary.summary(association))
    return found.listing(capture, among)


def _subtitle(capture: Capture, associations: int, among: int | None) -> str:
    parts = [capture.format, theme.count(capture.packets, "packet")]
    if capture.first_time is not None and capture.last_time is not None:
        begins = local(capture.first_time)
        parts.append(theme.duration(capture.last_time - capture.first_time))
        parts[-1] += f" from {begins:%Y-%m-%d %H:%M:%S}" if begins else ""
    chosen = f"{associations:,} of " if among is not None else ""
    parts.append(chosen + theme.count(associations if among is None else among, "association"))
    return ", ".join(parts)


def _remarks(capture: Capture) -> Iterator[tuple[str, Tone]]:
    if capture.damage:
        yield printable(f"Read in part: {capture.damage}."), "warning"
    if capture.truncated_packets:
        cut = theme.count(capture.truncated_packets, "packet")
        yield f"Cut short: of {cut} not all bytes were captured.", "warning"
    if capture.unread_packets:
        unread = theme.count(sum(capture.unread_packets.values()), "packet")
        kinds = ", ".join(capture.unread_packets)
        yield f"Not understood: {unread} ({kinds}). There may be DICOM in them.", "warning"
    comments = [printable(" ".join(one.split())) for one in capture.comments]
    for comment in comments[:REMARKS]:
        yield comment, "plain"
    if len(comments) > REMARKS:
        yield f"and {theme.count(len(comments) - REMARKS, 'more comment')}", "plain"


def local(time: int) -> datetime | None:
    """Nanoseconds since 1970 in the local time zone; None for what no calendar has."""
    try:
        return datetime.fromtimestamp(time // 1_000_000_000).astimezone()
    except (OverflowError, OSError, ValueError):
        return None


def clock(time: int | None, *, with_day: bool) -> str:
    """The time of day; nothing for what no calendar has."""
    moment = local(time) if time is not None else None
    return f"{moment:{'%Y-%m-%d ' if with_day else ''}%H:%M:%S}" if moment else ""


def dated(capture: Capture) -> bool:
    """Whether not all of a capture is of one day."""
    times = [local(one) for one in (capture.first_time, capture.last_time) if one is not None]
    return len({one and one.date() for one in times}) > 1


# --- associations -----------------------------------------------------------------------------


T = TypeVar("T")


class _Sums(Generic[T]):
    """What is counted by a key; what is too much to be told apart is counted together."""

    def __init__(self) -> None:
        self._counts: dict[Hashable, int] = {}
        self._kept: dict[Hashable, T] = {}

    def count(self, key: Hashable, first: Callable[[], T], rest: Callable[[], T]) -> T:
        """One more of that key; gives what is kept of it."""
        if key not in self._counts and len(self._counts) >= SUMMED:
            key, first = None, rest
        self._counts[key] = self._counts.get(key, 0) + 1
        if key not in self._kept:
            self._kept[key] = first()
        return self._kept[key]

    def most_first(self) -> list[tuple[int, T]]:
        """How many there are, and what is kept; the most first, the rest last."""
        return [(self._counts[key], self._kept[key]) for key in self.keys()]

    def keys(self) -> list[Hashable]:
        """The keys in that order; None is what is counted together."""
        return sorted(self._counts, key=lambda key: (key is None, -self._counts[key]))


@dataclass(slots=True)
class _Pair:
    """A pair that is being counted."""

    requestor: str
    acceptor: str
    asked: dict[str, int] = field(default_factory=dict)
    slowest: int | None = None

    @classmethod
    def of(cls, titles: tuple[str, str]) -> _Pair:
        return cls(_shown(titles[0]), _shown(titles[1]))

    def add(self, found: Summary) -> None:
        for name, number in found.asked.items():
            self.asked[name] = self.asked.get(name, 0) + number
        if found.slowest is not None:
            self.slowest = max(self.slowest or 0, found.slowest)

    def pair(self, count: int) -> Pair:
        done = summary.done(self.asked)
        return Pair(count, self.requestor, self.acceptor, done, self.slowest)


class Found:
    """Keeps of associations what a list shows of them."""

    def __init__(self, *, everything: bool = False) -> None:
        self.failed = bytearray()  # 1 for each association that failed, 0 for each other one
        self.times = array("q")  # when each began
        self.failures: list[Entry] = []
        self.others: list[Entry] = []
        self.reasons: _Sums[list[Entry]] = _Sums()
        self.pairs: _Sums[_Pair] = _Sums()
        self.longest = Longest()
        self._everything = everything

    def add(self, association: Association, found: Summary) -> Hashable:
        """The next association, and what it came to; gives the reason for which it failed."""
        reason = _reason(association, found) if found.failed else None
        self.failed.append(found.failed)
        self.times.append(max(-LATEST, min(association.start_time or 0, LATEST)))
        keeping = [(self.failures if found.failed else self.others, LISTED)]
        if found.failed:
            examples = self.reasons.count(reason, list, list)
            keeping.append((examples, EXAMPLES))
        else:
            titles = _titles(association)
            self.pairs.count(titles, lambda: _Pair.of(titles), _others).add(found)
        keeping = [(kept, most) for kept, most in keeping if len(kept) < most]
        if keeping or self._everything:
            one = entry(association, found)
            self.longest = Longest._make(map(max, self.longest, _lengths(one)))
            for kept, _ in keeping:
                kept.append(one)
        return reason

    def listing(self, capture: Capture, among: int | None = None) -> Listing:
        """The list of the capture, all of whose associations have been added."""
        failed = sum(self.failed)
        return Listing(
            title="standard input" if capture.file == "-" else printable(capture.file),
            subtitle=_subtitle(capture, len(self.failed), among),
            remarks=tuple(_remarks(capture)),
            failures=self.all(capture, 1) if self._everything else _in_time(self.failures),
            others=self.all(capture, 0) if self._everything else _in_time(self.others),
            failed=failed,
            well=len(self.failed) - failed,
            reasons=tuple(
                Reason(count, one[0].why, tuple(one)) for count, one in self.reasons.most_first()
            ),
            pairs=tuple(one.pair(count) for count, one in self.pairs.most_first()),
            strays=_strays(capture.connections),
            dated=dated(capture),
            longest=self.longest,
        )

    def all(self, capture: Capture, failed: int) -> _All:
        """All that failed, or all that did not."""
        chosen = array("q", (n for n, one in enumerate(self.failed) if one == failed))
        return _All(capture.associations, sorted(chosen, key=self.times.__getitem__))


def _in_time(entries: list[Entry]) -> tuple[Entry, ...]:
    return tuple(sorted(entries, key=lambda one: one.time or 0))


def _others() -> _Pair:
    return _Pair("others", "others")


def _lengths(one: Entry) -> Longest:
    ends = one.requestor, one.acceptor
    titles, addresses = (sum(len(end.title) for end in ends), sum(len(end.address) for end in ends))
    return Longest(titles, addresses, len(one.done), len(one.ended))


def _reason(association: Association, found: Summary) -> Hashable:
    """What is equal for associations that failed for the same reason."""
    code = found.gravest.code if found.gravest else None
    return association.outcome, tuple(found.failures), found.fruitless, code


def entry(association: Association, found: Summary) -> Entry:
    """An association in a line."""
    titles = _titles(association)
    times = [t for t in (association.start_time, association.stop_time) if t is not None]
    done = summary.done(found.asked)
    unanswered = sum(found.unanswered.values())
    if unanswered:
        done += f" ({unanswered:,} unanswered)"
    warned = sum(found.warnings.values())
    ended: str = association.outcome.ended
    if warned and not found.failed:
        ended += f", {theme.count(warned, 'warning')}"
    return Entry(
        connection=association.connection,
        time=association.start_time,
        requestor=end_of("requestor", titles[0], str(association.requestor)),
        acceptor=end_of("acceptor", titles[1], str(association.acceptor)),
        done=done,
        ended=ended,
        tone=_tone(association, found),
        why=tuple(summary.reasons(association, found)) or title(association.verdict),
        advice=advice(association.verdict) if found.failed else (),
        slowest=found.slowest,
        pdus=len(association.pdus),
        duration=times[1] - times[0] if len(times) == 2 else None,
        findings=len(association.findings),
        worst=worst(association),
    )


def _titles(association: Association) -> tuple[str, str]:
    """What to call the ends; one whose title was not seen, by its address."""
    calling, called = association.calling_ae_title, association.called_ae_title
    return (
        association.requestor.address if calling is None else calling,
        association.acceptor.address if called is None else called,
    )


def _shown(title: str) -> str:
    return end_of("requestor", title, "").title


def _tone(association: Association, found: Summary) -> Tone:
    if found.failed:
        return "error"
    doubtful = found.warnings or found.gravest or association.outcome.ended != "released"
    return "warning" if doubtful else "good"


def worst(association: Association) -> Severity | None:
    """The gravest severity among its findings."""
    severities = (one.severity for one in association.findings)
    return min(severities, key=WORSE.__getitem__, default=None)


@dataclass(frozen=True, slots=True)
class _All:
    """Some associations of a capture as entries, made anew each time."""

    associations: Sequence[Association]
    chosen: Sequence[int]

    def __iter__(self) -> Iterator[Entry]:
        for index in self.chosen:
            association = self.associations[index]
            yield entry(association, summary.summary(association))


# --- connections without an association -------------------------------------------------------


class _Alike(NamedTuple):
    """What connections have in common that are told together."""

    failed: bool
    kind: str
    requestor: str  # its address
    acceptor: str  # with its port
    why: tuple[str, ...] = ()
    advice: tuple[str, ...] = ()

    @classmethod
    def of(cls, one: Connection) -> _Alike:
        failed = summary.failed_alone(one)
        reasons = (title(one.verdict), advice(one.verdict)) if failed else ()
        return cls(failed, one.kind, one.requestor.address, str(one.acceptor), *reasons)


@dataclass(slots=True)
class _Strays:
    """Connections that are being counted."""

    requestor: str  # of the first of them, with its port
    count: int = 0
    connections: list[int] = field(default_factory=list)

    def add(self, one: Connection) -> None:
        self.count += 1
        if len(self.connections) < NUMBERED:
            self.connections.append(one.connection)

    def stray(self, alike: _Alike) -> Stray:
        return Stray(
            kind=KINDS[alike.kind],
            count=self.count,
            connections=tuple(self.connections),
            requestor=printable(self.requestor if self.count == 1 else alike.requestor),
            acceptor=printable(alike.acceptor),
            why=alike.why,
            advice=alike.advice,
            tone="error" if alike.failed else "plain",
        )


def _strays(connections: Iterable[Connection]) -> tuple[Stray, ...]:
    """The connections, summed by what is alike; those that failed and the gravest kinds first."""
    found: dict[_Alike, _Strays] = {}
    for one in connections:
        alike = _Alike.of(one)
        if alike not in found and len(found) >= SUMMED:
            alike = alike._replace(requestor="others", acceptor="others", advice=())
        found.setdefault(alike, _Strays(str(one.requestor))).add(one)
    order = list(KINDS)
    most_first = sorted(
        found.items(),
        key=lambda one: (not one[0].failed, order.index(one[0].kind), one[0].why, -one[1].count),
    )
    return tuple(one.stray(alike) for alike, one in most_first)
