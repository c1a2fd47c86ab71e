"""The list of a capture: what failed, what did not, and what was no association.

The associations are gone through once, and only what is shown is kept: some of them as entries,
all of them summed by who called whom.
"""

from __future__ import annotations

from array import array
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import NamedTuple

from dicomlab.model import Association, Capture, Connection, Endpoint, Severity, Side, printable
from dicomlab.views import summary, theme
from dicomlab.views.sequence import End, end_of
from dicomlab.views.summary import WORSE, Summary
from dicomlab.views.theme import Tone

LISTED = 200  # associations that are kept as entries, of those that failed and of the others
SUMMED = 1000  # pairs of applications, or kinds of failure, that are told apart
PORTS = 5  # of the acceptor that are told
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
    slowest: int | None  # nanoseconds
    pdus: int
    duration: int | None  # nanoseconds
    findings: int
    worst: Severity | None


@dataclass(frozen=True, slots=True)
class Group:
    """Associations between the same two applications; of those that failed, for the same reason."""

    count: int
    first: int  # the connection of the first of them
    requestor: str
    acceptor: str
    done: str
    why: tuple[str, ...]  # of the first of them
    slowest: int | None  # nanoseconds


@dataclass(frozen=True, slots=True)
class Stray:
    """TCP connections without an association, from one address to another, of one kind."""

    kind: str
    count: int
    first: int
    requestor: str  # without its port, if there are several
    acceptor: str  # the same
    ports: str  # of the acceptor, if there are several
    tone: Tone


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
    ``well`` how many there are; the groups sum up all of them.
    """

    title: str
    subtitle: str
    remarks: tuple[tuple[str, Tone], ...]
    failures: Iterable[Entry]
    others: Iterable[Entry]
    failed: int
    well: int
    failed_groups: tuple[Group, ...]
    groups: tuple[Group, ...]
    strays: tuple[Stray, ...]
    dated: bool  # not all of it is of one day
    longest: Longest


def listing(capture: Capture, *, everything: bool = False, among: int | None = None) -> Listing:
    """The list of a capture; ``among`` says how many associations it had before some were chosen.

    With ``everything``, all associations are listed: they are gone through again for it, each time
    that ``failures`` or ``others`` are.
    """
    found = _Found()
    for association in capture.associations:
        found.add(association)
    return Listing(
        title=printable(capture.file),
        subtitle=_subtitle(capture, len(found.failed), among),
        remarks=tuple(_remarks(capture)),
        failures=found.all(capture, 1) if everything else _in_time(found.failures),
        others=found.all(capture, 0) if everything else _in_time(found.others),
        failed=sum(found.failed),
        well=len(found.failed) - sum(found.failed),
        failed_groups=_most_first(found.failed_groups),
        groups=_most_first(found.groups),
        strays=_strays(capture.connections),
        dated=_dated(capture),
        longest=found.longest,
    )


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


def _dated(capture: Capture) -> bool:
    times = [local(one) for one in (capture.first_time, capture.last_time) if one is not None]
    return len({one and one.date() for one in times}) > 1


# --- associations -----------------------------------------------------------------------------


@dataclass(slots=True)
class _Sum:
    """A group that is being counted."""

    example: Entry
    count: int = 0
    asked: dict[str, int] = field(default_factory=dict)
    slowest: int | None = None

    def add(self, found: Summary) -> None:
        self.count += 1
        for name, number in found.asked.items():
            self.asked[name] = self.asked.get(name, 0) + number
        if found.slowest is not None:
            self.slowest = max(self.slowest or 0, found.slowest)

    def group(self) -> Group:
        one = self.example
        return Group(
            self.count,
            one.connection,
            one.requestor.title,
            one.acceptor.title,
            summary.done(self.asked),
            one.why,
            self.slowest,
        )


class _Found:
    """Keeps of associations what is shown."""

    def __init__(self) -> None:
        self.failed = bytearray()  # 1 for each association that failed, 0 for each other one
        self.times = array("q")  # when each began
        self.failures: list[Entry] = []
        self.others: list[Entry] = []
        self.failed_groups: dict[Hashable, _Sum] = {}
        self.groups: dict[Hashable, _Sum] = {}
        self.longest = Longest()

    def add(self, association: Association) -> None:
        """The next association."""
        found = summary.summary(association)
        self.failed.append(found.failed)
        self.times.append(association.start_time or 0)
        one = entry(association, found)
        self.longest = Longest._make(map(max, self.longest, _lengths(one)))
        kept = self.failures if found.failed else self.others
        if len(kept) < LISTED:
            kept.append(one)
        groups = self.failed_groups if found.failed else self.groups
        key = _kind(association, found)
        if key not in groups and len(groups) >= SUMMED:
            key = None
            one = replace(one, requestor=_ANY[0], acceptor=_ANY[1], why=())
        groups.setdefault(key, _Sum(one)).add(found)

    def all(self, capture: Capture, failed: int) -> _All:
        """All that failed, or all that did not."""
        chosen = array("q", (n for n, one in enumerate(self.failed) if one == failed))
        return _All(capture.associations, sorted(chosen, key=self.times.__getitem__))


def _in_time(entries: list[Entry]) -> tuple[Entry, ...]:
    return tuple(sorted(entries, key=lambda one: one.time or 0))


_ANY = End("requestor", "others", ""), End("acceptor", "others", "")


def _lengths(one: Entry) -> Longest:
    ends = one.requestor, one.acceptor
    titles, addresses = (sum(len(end.title) for end in ends), sum(len(end.address) for end in ends))
    return Longest(titles, addresses, len(one.done), len(one.ended))


def _kind(association: Association, found: Summary) -> Hashable:
    """What is equal for associations that are summed."""
    titles = (
        _title(association.calling_ae_title, association.requestor),
        _title(association.called_ae_title, association.acceptor),
    )
    if not found.failed:
        return titles
    code = found.gravest.code if found.gravest else None
    return titles, association.outcome, tuple(found.failures), found.fruitless, code


def _most_first(groups: dict[Hashable, _Sum]) -> tuple[Group, ...]:
    """The groups, the largest first; behind them what there were too many to tell apart."""
    summed = sorted(groups.items(), key=lambda one: (one[0] is None, -one[1].count))
    return tuple(one.group() for _, one in summed)


def entry(association: Association, found: Summary) -> Entry:
    """An association in a line."""
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
        requestor=_end("requestor", association.calling_ae_title, association.requestor),
        acceptor=_end("acceptor", association.called_ae_title, association.acceptor),
        done=done,
        ended=ended,
        tone=_tone(association, found),
        why=tuple(summary.reasons(association, found)),
        slowest=found.slowest,
        pdus=len(association.pdus),
        duration=times[1] - times[0] if len(times) == 2 else None,
        findings=len(association.findings),
        worst=worst(association),
    )


def _title(title: str | None, endpoint: Endpoint) -> str:
    """What to call an end of which the title was not seen."""
    return endpoint.address if title is None else title


def _end(side: Side, title: str | None, endpoint: Endpoint) -> End:
    return end_of(side, _title(title, endpoint), str(endpoint))


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


@dataclass(slots=True)
class _Strays:
    """Connections that are being counted."""

    first: Connection
    count: int = 0
    ports: set[int] = field(default_factory=set)

    def add(self, one: Connection) -> None:
        self.count += 1
        if len(self.ports) <= PORTS:
            self.ports.add(one.acceptor.port)

    def stray(self, kind: str, requestor: str, acceptor: str) -> Stray:
        ports = sorted(self.ports)
        several = len(ports) > 1
        listed = ", ".join(map(str, ports[:PORTS])) + (", …" if len(ports) > PORTS else "")
        return Stray(
            kind=KINDS[kind],
            count=self.count,
            first=self.first.connection,
            requestor=printable(str(self.first.requestor) if self.count == 1 else requestor),
            acceptor=printable(acceptor if several else str(self.first.acceptor)),
            ports=f"ports {listed}" if several else "",
            tone="error" if kind in ("refused", "no-answer") else "plain",
        )


def _strays(connections: Iterable[Connection]) -> tuple[Stray, ...]:
    """The connections, summed by kind and addresses, the gravest kinds first."""
    found: dict[tuple[str, str, str], _Strays] = {}
    for one in connections:
        key = one.kind, one.requestor.address, one.acceptor.address
        if key not in found and len(found) >= SUMMED:
            key = one.kind, "others", "others"
        found.setdefault(key, _Strays(one)).add(one)
    order = list(KINDS)
    most_first = sorted(found.items(), key=lambda one: (order.index(one[0][0]), -one[1].count))
    return tuple(one.stray(*key) for key, one in most_first)
