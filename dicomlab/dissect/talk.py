"""What a connection says, as rows: its PDUs and messages, how it ends, and what all that shows."""

from __future__ import annotations

import marshal
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from dicomlab.dissect.agreement import Opening, opening
from dicomlab.dissect.rows import Row, Rows, Spool
from dicomlab.model import Finding, Part, Span
from dicomlab.protocol.dimse import Begun
from dicomlab.spec.command import BY_NAME, COMMAND_FIELD, RESPONSE
from dicomlab.spec.findings import FINDINGS
from dicomlab.spec.pdu import PDUS

ALIKE = 100  # findings of one code and side that are listed of an association
CLOSINGS = 64  # PDUs that may end an association, of which the first counts
UNFINISHED = 1024  # messages that wait for an earlier one to end
RQ, AC, RJ, DATA, RELEASE_RQ, RELEASE_RP, ABORT = sorted(PDUS)
_MANY = 300  # items of an A-ASSOCIATE-RQ; there are no more context IDs
# requests that an acceptor sends as well: sub-operations and notices
_EITHER_WAY = {BY_NAME[name].command_field for name in ("C-STORE-RQ", "N-EVENT-REPORT-RQ")}


class PduRow(NamedTuple):
    """A PDU as a row; where in the file its bytes are is known, and they are not kept."""

    side: int  # of the connection
    code: int  # the PDU type; 0: bytes that are no PDU
    start: int
    stop: int  # behind the last byte that is there
    stated: int  # where it says that it ends
    first: int  # frames
    last: int
    time: int | None
    complete: bool
    place: int  # in the file, of the first packet that carried it
    begun: tuple[int, ...]  # contexts in which a command set had begun before it


class MessageRow(NamedTuple):
    """A message as a row."""

    side: int
    context_id: int
    values: dict[int, Any]
    command: bytes
    spans: tuple[tuple[int, int], ...]
    dataset_bytes: int | None
    start: int
    stop: int
    time: int | None
    complete: bool
    pdus: tuple[int, ...]  # first and last index of each run
    commanded: tuple[int, int]  # the PDU and the place where its command set ended


# a PDU that ends an association, or asks to: its index, side, type; result, source, reason
Closing = tuple[int, int, int, int | None, int | None, int | None]


class FindingRow(NamedTuple):
    """A finding as a row: what the table of findings does not say."""

    code: str
    what: str
    side: int | None
    start: int | None
    stop: int | None
    first: int | None
    last: int | None
    clause: str

    @classmethod
    def of(cls, found: Finding, side: int | None, frames: tuple[int, int] | None) -> FindingRow:
        """A finding of that side, in those frames."""
        start, stop = (found.span.start, found.span.stop) if found.span else (None, None)
        first, last = frames or (None, None)
        return cls(found.code, found.what, side, start, stop, first, last, found.clause)


class Read(Protocol):
    """What reading one direction has shown of its bytes."""

    @property
    def beginning(self) -> bytes:
        """The first ones, where they may be anything."""

    @property
    def foreign(self) -> bool:
        """Whether the first bytes of the connection are no PDU."""

    @property
    def skipped(self) -> int:
        """How many were passed over in search of a PDU."""

    @property
    def gaps(self) -> int:
        """In how many places some are missing."""

    @property
    def missing(self) -> Span | None:
        """From the first gap to the last."""

    @property
    def hidden(self) -> int | None:
        """The offset behind the last gap that may hide what ended the association.

        Within a PDU that ends none, no other lies.
        """

    @property
    def unexplained(self) -> int:
        """How many PDUs are wrong in ways that were not looked into."""


class _AllRead(NamedTuple):
    """Of a direction that was read at one go: nothing."""

    beginning: bytes = b""
    foreign: bool = False
    skipped: int = 0
    gaps: int = 0
    missing: Span | None = None
    hidden: int | None = None
    unexplained: int = 0


_READ = _AllRead(), _AllRead()


class Talk:
    """What both directions of a connection say."""

    __slots__ = (
        "_alike", "_count", "_latest", "_unfinished", "accept", "answerer", "asked", "certain",
        "closings", "findings", "messages", "opened", "pdus", "readers", "request", "shuffled",
    )  # fmt: skip

    def __init__(self, spool: Spool) -> None:
        self.pdus = Rows(spool)
        self.messages = Rows(spool, weight=4)
        self.readers: Sequence[Read] = _READ
        self.request: tuple[int, Opening | bytes] | None = None  # side, and what it asks for
        self.accept: tuple[int, Opening | bytes] | None = None
        self.opened = False  # an A-ASSOCIATE-RQ or -AC was seen, be it a bad one
        self.certain = False  # a PDU beyond doubt was seen
        self.closings: list[Closing] = []
        self.answerer: int | None = None  # who sent an A-ASSOCIATE-AC or -RJ
        self.asked: tuple[int, int] | None = None  # how weak the evidence is, and the requestor
        self.findings: list[FindingRow] = []
        self.shuffled = False  # a PDU was whole before one that was read earlier
        self._count = 0  # of PDUs
        self._latest = -(1 << 63)
        self._alike: dict[tuple[str, int], int] = {}
        self._unfinished: deque[Row | tuple[int, Begun, tuple[int, int]]] = deque()

    @property
    def read_at_one_go(self) -> bool:
        """Whether every byte came once, in order, and in PDUs."""
        return self.readers is _READ

    def add(self, row: Row) -> int:
        """A PDU has been read (a PduRow); gives its index."""
        time = row[7]
        if time is not None:
            if time < self._latest:
                self.shuffled = True
            self._latest = time
        self.pdus.append(row)
        self._count += 1
        return self._count - 1

    def told(self, row: Row) -> None:
        """A message without a data set has come whole (a MessageRow)."""
        if self._unfinished:  # its turn is behind those that began before
            self._unfinished.append(row)
        else:
            self.messages.append(row)
        if self.request is None:
            self._asked_by(row[0], row[2])

    def understand(self, code: int, side: int, part: Part, index: int) -> None:
        """A PDU other than a P-DATA-TF, as values."""
        if code in (RQ, AC):
            self._opens(code, side, part)
        elif code:
            self._closes(index, code, side, part)

    def _opens(self, code: int, side: int, part: Part) -> None:
        self.opened = self.opened or (
            part.values.get("Protocol-version") == 1
            or any(one.name == "Application Context" for one in part.parts)
        )
        if code == RQ and self.request is None:
            self.request = side, _put_away(part)
        elif code == AC and self.accept is None:
            self.accept = side, _put_away(part)
        if code == AC and self.answerer is None:
            self.answerer = side

    def _closes(self, index: int, code: int, side: int, part: Part) -> None:
        """It ends the association, or asks to."""
        if code == RJ and self.answerer is None:
            self.answerer = side
        if code == RELEASE_RQ and self.request is None:
            self.asks(0, side)
        if len(self.closings) < CLOSINGS:
            self.closings.append((index, side, code, *_codes(part)))

    def asks(self, weak: int, side: int) -> None:
        """Evidence for who is the requestor; the least weak counts, and of those the first."""
        if self.asked is None or weak < self.asked[0]:
            self.asked = weak, side

    def commanded(self, side: int, begun: Begun, index: int) -> None:
        """The command set of a message is whole."""
        if self.request is None:
            self._asked_by(side, begun.values)
        self._unfinished.append((side, begun, (index, begun.spans[-1][1] if begun.spans else 0)))

    def _asked_by(self, side: int, values: Mapping[int, Any]) -> None:
        """A command set is evidence for who is the requestor."""
        field = values.get(COMMAND_FIELD)
        if isinstance(field, int):
            weak = field & ~RESPONSE in _EITHER_WAY
            self.asks(1 + weak, 1 - side if field & RESPONSE else side)

    def end_messages(self, *, all_of_them: bool = False) -> None:
        """Put the messages that have ended into rows, in the order of their command sets."""
        waiting = self._unfinished
        while waiting and (all_of_them or _has_ended(waiting[0])):
            self._message(waiting.popleft())
        if len(waiting) > UNFINISHED:  # one never ends: those behind it are not held up
            ended = [one for one in waiting if _has_ended(one)]
            self._unfinished = deque(one for one in waiting if not _has_ended(one))
            for one in ended:
                self._message(one)

    def _message(self, one: Row | tuple[int, Begun, tuple[int, int]]) -> None:
        if not isinstance(one[1], Begun):
            self.messages.append(one)
            return
        side, begun, commanded = one
        row = MessageRow(
            side,
            begun.context_id,
            dict(begun.values),
            begun.command or b"",
            tuple(begun.spans),
            begun.dataset_bytes,
            begun.start,
            begun.stop,
            begun.time,
            begun.done and begun.whole,
            tuple(begun.pdus),
            commanded,
        )
        self.messages.append(tuple(row))

    def show(self, side: int, found: Iterable[Finding], frames: tuple[int, int] | None) -> None:
        """What a PDU or message of a side shows; what is only worth knowing is said once each."""
        told: dict[str, tuple[int, int]] = {}  # of those worth knowing: place or -1, and how often
        for one in found:
            if one.code in told:
                place, times = told[one.code]
                told[one.code] = place, times + 1
                continue
            alike = self._alike[one.code, side] = self._alike.get((one.code, side), 0) + 1
            if one.severity == "info":
                told[one.code] = len(self.findings) if alike <= ALIKE else -1, 1
            if alike <= ALIKE:
                self.findings.append(FindingRow.of(one, side, frames))
        for place, times in told.values():
            if times > 1 and place >= 0:
                row = self.findings[place]
                what = f"{row.what} ({times} times in this PDU)"
                self.findings[place] = row._replace(what=what)

    def more(self) -> Iterator[FindingRow]:
        """How many findings there are beyond those that are listed."""
        for (code, side), number in self._alike.items():
            if number > ALIKE:
                what = f"{number - ALIKE:,} more of these in this direction"
                yield FindingRow(code, what, side, None, None, None, None, FINDINGS[code].clause)


def _put_away(part: Part) -> Opening | bytes:
    """What an A-ASSOCIATE-RQ or -AC says; what is beyond all measure, in as few bytes as can be."""
    said = opening(part)
    return said if len(part.parts) <= _MANY else marshal.dumps(list(said))


def looked_up(said: Opening | bytes) -> Opening:
    """The same again."""
    return said if isinstance(said, Opening) else Opening(*marshal.loads(said))


def _codes(part: Part) -> tuple[int | None, int | None, int | None]:
    """Result, source and reason, as far as a PDU has them."""
    if "Source" not in part.values:
        return None, None, None
    found = (part.values.get(name) for name in ("Result", "Source", "Reason/Diag."))
    result, source, reason = (one if isinstance(one, int) else None for one in found)
    return result, source, reason


def _has_ended(one: Row | tuple[int, Begun, tuple[int, int]]) -> bool:
    return not isinstance(one[1], Begun) or one[1].ended
