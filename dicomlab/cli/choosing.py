"""Which associations of a capture are meant: the filters of ``dicomlab dissect``."""

from __future__ import annotations

import re
from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from typing import Literal, NamedTuple, TypeVar, overload

from dicomlab.model import Association, Capture, Connection, DicomlabError, Endpoint
from dicomlab.spec.command import BY_NAME

Moment = datetime | time  # a time alone is one of the day on which the capture begins
Address = tuple[str, int | None]  # without a port, any
Test = Callable[[Association], bool]
Numbered = TypeVar("Numbered", Association, Connection)
WHOLE_DAY = timedelta(days=1) - timedelta(microseconds=1)


class Choice(NamedTuple):
    """What an association has to have: all that is given, and of several values of one any."""

    connection: int | None = None
    ae_titles: tuple[str, ...] = ()  # of either side; * and ? stand for other characters
    addresses: tuple[Address, ...] = ()  # of either end
    outcomes: tuple[str, ...] = ()
    messages: tuple[str, ...] = ()  # C-ECHO, or C-ECHO-RQ
    since: Moment | None = None  # still under way then, or begun later
    until: Moment | None = None  # begun by then
    failed: bool = False

    def of(self, capture: Capture) -> Capture:
        """The capture with only those associations, and with the connections that can be meant.

        A connection without an association has ends, and may be one that failed, but nothing else.
        """
        if self == Choice():
            return capture
        return replace(
            capture,
            associations=Chosen(capture.associations, tuple(self._tests(capture))),
            connections=tuple(filter(self._is_meant, self._candidates(capture.connections))),
        )

    def _candidates(self, connections: Sequence[Connection]) -> Sequence[Connection]:
        """Those that can be meant by what a connection without an association has."""
        if self._replace(connection=None, addresses=(), failed=False) != Choice():
            return ()
        return connections if self.connection is None else _at(connections, self.connection)

    def _tests(self, capture: Capture) -> Iterator[Test]:
        """What an association has to pass, the quick ones first."""
        if self.connection is not None:
            yield lambda one: one.connection == self.connection
        if self.outcomes:
            yield lambda one: one.outcome.ended in self.outcomes
        if self.addresses:
            yield lambda one: self._has_end(one.requestor, one.acceptor)
        if self.ae_titles:
            title = re.compile("|".join(map(_pattern, self.ae_titles)), re.DOTALL)
            yield lambda one: any(
                each is not None and title.fullmatch(each)
                for each in (one.calling_ae_title, one.called_ae_title)
            )
        if self.since is not None:
            since = _nanoseconds(self.since, capture)
            yield lambda one: one.stop_time is not None and one.stop_time >= since
        if self.until is not None:
            until = _nanoseconds(self.until, capture)
            yield lambda one: one.start_time is not None and one.start_time <= until
        if self.messages:
            yield lambda one: any(
                each.type in self.messages or each.type.rpartition("-")[0] in self.messages
                for each in one.messages
            )
        if self.failed:
            from dicomlab.views.summary import summary

            yield lambda one: summary(one).failed

    def _has_end(self, *ends: Endpoint) -> bool:
        return any((e.address, p) in self.addresses for e in ends for p in (e.port, None))

    def _is_meant(self, one: Connection) -> bool:
        if self.addresses and not self._has_end(one.requestor, one.acceptor):
            return False
        from dicomlab.views.summary import failed_alone

        return not self.failed or failed_alone(one)


class Chosen(Sequence[Association]):
    """Those associations that pass; looked for when somebody asks, and none is kept."""

    def __init__(self, associations: Sequence[Association], tests: Iterable[Test]) -> None:
        self._associations = associations
        self._tests = tuple(tests)
        self._found: array[int] | None = None  # the indices, once all were gone through

    def __iter__(self) -> Iterator[Association]:
        if self._found is not None:
            yield from map(self._associations.__getitem__, self._found)
            return
        found = array("q")
        for index, one in enumerate(self._associations):
            if all(test(one) for test in self._tests):
                found.append(index)
                yield one
        self._found = found

    def __len__(self) -> int:
        return len(self._indices())

    @overload
    def __getitem__(self, index: int) -> Association: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Association, ...]: ...
    def __getitem__(self, index: int | slice) -> Association | tuple[Association, ...]:
        if isinstance(index, slice):
            return tuple(map(self._associations.__getitem__, self._indices()[index]))
        return self._associations[self._indices()[index]]

    def _indices(self) -> Sequence[int]:
        if self._found is None:
            for _ in self:
                pass
        return self._found or ()


def the_one(capture: Capture, connection: int) -> Association:
    """The association of that connection; DicomlabError where it has none."""
    found = of_number(capture, connection)
    if isinstance(found, Association):
        return found
    what = f"connection {connection} has no association: {found.kind}."
    raise DicomlabError(what, f"`dicomlab dissect FILE --association {connection}` says why.")


def of_number(capture: Capture, connection: int) -> Association | Connection:
    """What there is of that connection; DicomlabError where there is none."""
    found: list[Association | Connection] = [
        *_at(capture.associations, connection),
        *_at(capture.connections, connection),
    ]
    if found:
        return found[0]
    what = f"there is no connection {connection} in {capture.file}."
    raise DicomlabError(what, "`dicomlab dissect FILE` lists them.")


def _at(values: Sequence[Numbered], connection: int) -> Sequence[Numbered]:
    """The one of that connection, if it is there; they stand in the order of their numbers."""
    at = bisect_left(values, connection, key=lambda one: one.connection)
    return [one for one in values[at : at + 1] if one.connection == connection]


# --- what somebody types --------------------------------------------------------------------------


def ae_title(words: str) -> str:
    """An AE title; spaces at either end do not count."""
    return words.strip(" ")


def address(words: str) -> Address:
    """An IP address, or one with a port: 10.1.2.3, 10.1.2.3:104, [fd00::1]:104."""
    host, port = words, None
    from ipaddress import ip_address

    match = re.fullmatch(r"\[([^\]]+)\](?::(\d+))?|([^:]+):(\d+)", words)
    if match:
        host, port = match[1] or match[3], match[2] or match[4]
    try:
        return str(ip_address(host)), int(port) if port is not None else None
    except ValueError:
        what = f"{words!r} is no address."
        raise DicomlabError(what, "Addresses look like 10.1.2.3 or 10.1.2.3:104.") from None


def message(words: str) -> str:
    """A DIMSE service or message: C-ECHO, C-ECHO-RQ."""
    name = words.upper()
    services = {one.rpartition("-")[0] for one in BY_NAME}
    if name not in BY_NAME and name not in services:
        known = ", ".join(sorted(services))
        raise DicomlabError(f"{words!r} is no DIMSE message.", f"There are {known}.")
    return name


def moment(words: str, edge: Literal["since", "until"]) -> Moment:
    """A date or time as ISO 8601 writes it; of the local time zone where it names none.

    ``until`` a day or a second holds all of it.
    """
    try:
        day = datetime.combine(date.fromisoformat(words), time())
        return day + WHOLE_DAY if edge == "until" else day
    except ValueError:
        pass
    for kind in (datetime, time):
        try:
            when = kind.fromisoformat(words)
            whole = edge == "until" and not re.search("[.,]", words)
            return when.replace(microsecond=999_999) if whole else when
        except ValueError:
            pass
    remedy = "Write 2026-11-23, 2026-11-23T14:05:00 or, on the capture's first day, 14:05."
    raise DicomlabError(f"{words!r} is neither a date nor a time.", remedy)


def _nanoseconds(when: Moment, capture: Capture) -> int:
    """A moment as nanoseconds since 1970."""
    if isinstance(when, time):
        begins = datetime.fromtimestamp((capture.first_time or 0) // 10**9).astimezone(when.tzinfo)
        when = datetime.combine(begins.date(), when)
    since_1970 = when.astimezone() - datetime.fromtimestamp(0).astimezone()
    return since_1970 // timedelta(microseconds=1) * 1000


def _pattern(title: str) -> str:
    return re.escape(title).replace(r"\*", ".*").replace(r"\?", ".")
