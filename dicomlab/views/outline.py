"""The PDUs of an association as a few runs: joined, folded and cut while they are gone through.

An association may have a million PDUs, of which some hundred steps are shown. So what is equal is
counted as it comes, and only of the runs that are left the PDUs are made and looked at.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice

from dicomlab.model import Association, Message, Side, pdu_lines, printable
from dicomlab.protocol.replay import UNKNOWN, Illegal, Move, States

STEPS = 400  # runs that are kept of one association, where nobody asks for more
REPEATS = 4  # that many equal exchanges in a row are folded
LONGEST = 4  # runs that an exchange may have
SILENCE = 5_000_000_000  # nanoseconds without a PDU that a sequence points out
INTERLEAVED = 256  # messages that may have begun before another one whose command set ended earlier

CONTINUED, DATA_SET = ", continued", ", data set"  # how the later PDUs of a message are called
P_DATA = "P-DATA-TF"


@dataclass(slots=True, eq=False)
class Run:
    """PDUs that stand in one step; or bytes that are missing between two."""

    sender: Side | None
    first: int  # the index of the first and of the last PDU
    last: int
    time: int | None = None  # of the last; nanoseconds since 1970
    requestor: Move = UNKNOWN  # what they do to the states of both sides
    acceptor: Move = UNKNOWN
    illegal: Illegal | None = None  # the first of the association that the table does not allow
    count: int = 1  # PDUs
    pattern: str = ""  # equal for runs that differ in numbers only; empty for what stands alone
    messages: tuple[Message, ...] = ()  # that the first PDU carries
    folded: tuple[str, ...] | None = None  # a fold: the patterns of the exchange, if it is one
    times: int = 0  # how often that is repeated
    missing: int = 0  # bytes

    @property
    def carries_on(self) -> bool:
        """Whether it holds later parts of messages only."""
        return self.pattern.endswith((CONTINUED, DATA_SET))

    def is_like(self, other: Run) -> bool:
        """Whether both differ in numbers only."""
        return self.pattern == other.pattern != "" and self.sender == other.sender

    def join(self, other: Run) -> None:
        """Take in what follows."""
        if other.missing:
            return
        self.last, self.time = other.last, other.time
        self.count += other.count
        self.requestor = _both(self.requestor, other.requestor)
        self.acceptor = _both(self.acceptor, other.acceptor)
        self.illegal = self.illegal or other.illegal


def _both(first: Move, last: Move) -> Move:
    return last if first.before == last.before else replace(last, before=first.before)


def _joined(runs: Iterable[Run], cycle: tuple[str, ...] = (), times: int = 0) -> Run:
    """A fold of runs; of one exchange that is repeated, where there is one."""
    whole: Run | None = None
    for one in runs:
        if whole is None:
            whole = replace(one, pattern="", messages=(), folded=cycle, times=times, missing=0)
        else:
            whole.join(one)
    assert whole is not None  # there is something to fold
    if len(cycle) != 1:
        whole.sender = None
    return whole


def outline(association: Association, most: int = STEPS) -> list[Run]:
    """The PDUs as runs, at most one more than ``most``."""
    folding = _Folding(most)
    last: Run | None = None
    for run in _runs(association):
        if last is not None and run.carries_on and run.is_like(last):
            last.join(run)
            continue
        if last is not None:
            folding.add(last)
        last = run
    if last is not None:
        folding.add(last)
    return folding.end()


def _runs(association: Association) -> Iterator[Run]:
    """A run for each PDU, and one where bytes are missing between two."""
    states = States(association)
    carried = _Carried(association.messages)
    reached: dict[Side, int] = {}
    before: int | None = None
    wrong = False
    for index, line in enumerate(pdu_lines(association.pdus)):
        if line.sender is not None:
            missing = line.start - reached.get(line.sender, line.start)
            reached[line.sender] = line.end if line.complete else association.pdus[index].stop
            if missing > 0:
                yield Run(line.sender, index, index, missing=missing, count=0)
        moves = states.pass_on(line, index)
        run = Run(line.sender, index, index, line.time, moves.requestor, moves.acceptor)
        if moves.illegal is not None and not moves.illegal.ignored and not wrong:
            run.illegal, wrong = moves.illegal, True
        run.messages = carried.by(index)
        if line.type == P_DATA:
            run.pattern = _pattern(run)
            silent = 0 if before is None or line.time is None else line.time - before
            if run.illegal or (silent >= SILENCE and _was_awaited(run)):
                run.pattern = ""
        before = before if line.time is None else line.time
        yield run


def _pattern(run: Run) -> str:
    parts = [P_DATA]
    for one in run.messages:
        begins = run.first == one.pdus[0]
        parts.append(f"{printable(one.type)} {one.status}" if begins else carried_on(one))
    return " · ".join(parts)


def _was_awaited(run: Run) -> bool:
    """Whether somebody waited for it: the rest of a message, or an answer."""
    return run.carries_on or any(one.status is not None for one in run.messages)


def carried_on(message: Message) -> str:
    """What to call a PDU that carries a later part of a message."""
    return printable(message.type) + (CONTINUED if message.dataset_bytes is None else DATA_SET)


class _Carried:
    """Which messages a PDU carries parts of; asked of one PDU after the other."""

    def __init__(self, messages: Iterable[Message]) -> None:
        # they come in the order in which their command sets ended, and are wanted in that in
        # which they began
        numbered = enumerate(messages)
        self._coming = ((one.pdus[0], number, one) for number, one in numbered if one.pdus)
        self._next = list(islice(self._coming, INTERLEAVED))
        heapq.heapify(self._next)
        self._due: dict[int, list[tuple[Message, Iterator[int]]]] = {}  # by their next index

    def by(self, index: int) -> tuple[Message, ...]:
        """The messages of that PDU."""
        while self._next and self._next[0][0] <= index:
            following = next(self._coming, None)
            if following is None:
                message = heapq.heappop(self._next)[2]
            else:
                message = heapq.heapreplace(self._next, following)[2]
            self._wait(message, iter(message.pdus))
        due = self._due.pop(index, ())
        for message, rest in due:
            self._wait(message, rest)
        return tuple(message for message, _ in due)

    def _wait(self, message: Message, rest: Iterator[int]) -> None:
        following = next(rest, None)
        if following is not None:
            self._due.setdefault(following, []).append((message, rest))


class _Folding:
    """Takes runs as they come, folds equal exchanges in a row, and keeps the first and the last."""

    def __init__(self, most: int) -> None:
        self._half = most // 2
        self._recent: list[Run] = []  # may yet be the beginning of a fold
        self._fold: Run | None = None  # what stands behind them, and may yet grow
        self._cycle: list[Run] = []  # the exchange that it repeats
        self._begun: list[Run] = []  # of one repetition more
        self._head: list[Run] = []
        self._middle: Run | None = None
        self._tail: deque[Run] = deque()

    def add(self, run: Run) -> None:
        """The next run."""
        if self._fold is not None:
            if run.is_like(self._cycle[len(self._begun)]):
                self._begun.append(run)
                self._repeat()
                return
            self._close()
        self._recent.append(run)
        for period in range(1, LONGEST + 1):
            if self._repeats(period):
                at = len(self._recent) - (REPEATS - 1) * period
                self._cycle = self._recent[at : at + period]
                cycle = tuple(one.pattern for one in self._cycle)
                self._fold = _joined(self._recent[at:], cycle, REPEATS - 1)
                del self._recent[at:]
                return
        if len(self._recent) > REPEATS * LONGEST:
            self._keep(self._recent.pop(0))

    def _repeats(self, period: int) -> bool:
        """Whether the last runs are one exchange of that many, again and again."""
        last = self._recent[-REPEATS * period :]
        return len(last) == REPEATS * period and all(
            last[at].is_like(last[at - period]) for at in range(len(last) - 1, period - 1, -1)
        )

    def _repeat(self) -> None:
        """Count the repetition that has begun, if it is whole."""
        if self._fold is not None and len(self._begun) == len(self._cycle):
            for one in self._begun:
                self._fold.join(one)
            self._fold.times += 1
            self._begun.clear()

    def _close(self) -> None:
        """What comes is no more of the fold."""
        if self._fold is not None:
            self._recent.append(self._fold)
            begun, self._begun, self._fold = self._begun, [], None
            for one in begun:
                self.add(one)

    def _keep(self, run: Run) -> None:
        """It will be shown, or counted in the middle."""
        if len(self._head) < self._half:
            self._head.append(run)
            return
        self._tail.append(run)
        if len(self._tail) > self._half:
            before = [self._middle] if self._middle is not None else []
            self._middle = _joined([*before, self._tail.popleft()])

    def end(self) -> list[Run]:
        """All runs that are kept."""
        self._close()
        for one in self._recent:
            self._keep(one)
        middle = [self._middle] if self._middle is not None else []
        return [*self._head, *middle, *self._tail]
