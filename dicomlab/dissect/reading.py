"""The bytes of a connection to PDUs and messages, as rows.

As long as every byte is there, each PDU begins where the one before ends. Where bytes are missing
or make no PDU, reading goes on at the next PDU that is beyond doubt. Of a P-DATA-TF the headers and
the command sets are looked at, and data sets are counted and passed over.
"""

from __future__ import annotations

import marshal
import re
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, NamedTuple, Protocol

from dicomlab.dissect.agreement import Opening, opening
from dicomlab.dissect.rows import Row, Rows, Spool
from dicomlab.dissect.tcp import Seen
from dicomlab.model import Finding, Layout, Part, Pdu, Span
from dicomlab.protocol.codec import PDU_HEADER, Decoder, as_part, decode, finding
from dicomlab.protocol.dimse import COMMAND_LIMIT, Begun, Fragments
from dicomlab.protocol.scanner import (
    Irregular,
    head,
    is_regular_data,
    is_regular_pdv,
    scan_command,
    scan_pdu,
)
from dicomlab.spec.command import BY_NAME, COMMAND_FIELD, DATA_SET_TYPE, NO_DATA_SET, RESPONSE
from dicomlab.spec.findings import FINDINGS
from dicomlab.spec.pdu import P_DATA_TF, PDUS, PDV

UNREADABLE_LIMIT = 1 << 14  # bytes kept of a run that is no PDU
BEGINNING = 64  # bytes that tell one protocol from another
PDVS = 64  # of one PDU that are looked at together; more of them are listed, not compared
PIECES = 1 + 4 * PDVS  # the header, and two of each PDV
REST = 1 << 16  # bytes kept behind a PDV that does not fit into its PDU
ALIKE = 100  # findings of one code and side that are listed of an association
LOOKED_INTO = 500  # PDUs of one direction whose tree is made to say what is wrong
CLOSINGS = 64  # PDUs that may end an association, of which the first counts
CANDIDATES = 2048  # places of a packet at which a PDU is looked for, behind missing bytes
CHAIN = 4  # PDUs that must follow each other there
UNFINISHED = 1024  # messages that wait for an earlier one to end
_FOREVER = 1 << 62

# findings that a PDU in the middle of other bytes must not have, to be taken for one
_DOUBTS = frozenset(
    {
        "pdu-length-implausible",
        "pdu-length-too-short",
        "pdu-length-wrong-fixed",
        "pdu-header-truncated",
        "protocol-version-unsupported",
        "protocol-version-extra-bits",
        "item-unknown",
        "item-misplaced",
        "item-order",
        "context-id-zero",
        "context-id-even",
        "pdv-length-too-small",
        "pdv-length-overrun",
        "pdv-none",
        "pdv-trailing",
        "mch-reserved-bits",
    }
)
CUT = ("pdu-truncated", "pdu-header-truncated")
_LONG = ("A-ASSOCIATE-RQ", "A-ASSOCIATE-AC", "P-DATA-TF")
_CODES = {layout.name: code for code, layout in PDUS.items()}
_RQ, _AC, _RJ, _DATA, _RELEASE_RQ, _RELEASE_RP, _ABORT = sorted(PDUS)
# requests that an acceptor sends as well: sub-operations and notices
_EITHER_WAY = {BY_NAME[name].command_field for name in ("C-STORE-RQ", "N-EVENT-REPORT-RQ")}

_PDU_HEAD = head(P_DATA_TF)  # type, reserved, length: all PDUs begin so
_PDV_HEAD = head(PDV)
PDV_LENGTH = PDV.rows[0].known_size or 0  # bytes that the length of a PDV does not count
_unpack_head, _unpack_pdv = _PDU_HEAD.unpack_from, _PDV_HEAD.unpack_from
_COMMAND_AT = PDU_HEADER + _PDV_HEAD.size  # in a P-DATA-TF
_MANY = 300  # items of an A-ASSOCIATE-RQ; there are no more context IDs
_SMALL = 1024  # bytes of a PDU that is kept until it is whole
_LAST_COMMAND = 3  # message control header: the last fragment of a command set (PS3.8 E.2)


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
    def unexplained(self) -> int:
        """How many PDUs are wrong in ways that were not looked into."""


class _AllRead(NamedTuple):
    """Of a direction that was read at one go: nothing."""

    beginning: bytes = b""
    foreign: bool = False
    skipped: int = 0
    gaps: int = 0
    missing: Span | None = None
    unexplained: int = 0


_READ = _AllRead()


class Talk:
    """What both directions of a connection say."""

    __slots__ = (
        "_alike", "_count", "_latest", "_unfinished", "accept", "answerer", "asked", "certain",
        "closings", "findings", "messages", "opened", "pdus", "readers", "request", "shuffled",
    )  # fmt: skip

    def __init__(self, spool: Spool) -> None:
        self.pdus = Rows(spool)
        self.messages = Rows(spool, weight=4)
        self.readers: Sequence[Read] = (_READ, _READ)
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
        self._asked_by(row[0], row[2])

    def understand(self, code: int, side: int, part: Part, index: int) -> None:
        """A PDU other than a P-DATA-TF, as values."""
        if code in (_RQ, _AC):
            self._opens(code, side, part)
        elif code:
            self._closes(index, code, side, part)

    def _opens(self, code: int, side: int, part: Part) -> None:
        self.opened = self.opened or (
            part.values.get("Protocol-version") == 1
            or any(one.name == "Application Context" for one in part.parts)
        )
        if code == _RQ and self.request is None:
            self.request = side, _put_away(part)
        elif code == _AC and self.accept is None:
            self.accept = side, _put_away(part)
        if code == _AC and self.answerer is None:
            self.answerer = side

    def _closes(self, index: int, code: int, side: int, part: Part) -> None:
        """It ends the association, or asks to."""
        if code == _RJ and self.answerer is None:
            self.answerer = side
        if code == _RELEASE_RQ and self.request is None:
            self.asks(0, side)
        if len(self.closings) < CLOSINGS:
            self.closings.append((index, side, code, *_codes(part)))

    def asks(self, weak: int, side: int) -> None:
        """Evidence for who is the requestor; the least weak counts, and of those the first."""
        if self.asked is None or weak < self.asked[0]:
            self.asked = weak, side

    def commanded(self, side: int, begun: Begun, index: int) -> None:
        """The command set of a message is whole."""
        self._asked_by(side, begun.values)
        self._unfinished.append((side, begun, (index, begun.spans[-1][1] if begun.spans else 0)))

    def _asked_by(self, side: int, values: Mapping[int, Any]) -> None:
        """A command set is evidence for who is the requestor."""
        field = values.get(COMMAND_FIELD)
        if self.request is None and isinstance(field, int):
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

    def show(self, side: int, found: Iterable[Finding], frames: tuple[int, int]) -> None:
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
    return not isinstance(one[1], Begun) or one[1].done


# --- PDUs that are whole and as they should be ------------------------------------------------


def read_at_one_go(talk: Talk, data: Iterable[tuple[int, int, bytes, Seen]]) -> bool:
    """Read all bytes of a connection: side, offset, bytes and packet of each piece, in order.

    Gives False where it takes more than that to read them: then the talk is of no use.
    """
    early: list[tuple[bytes, Packets] | None] = [None, None]  # a PDU of which more is to come
    for side, at, chunk, seen in data:
        packets, begun = _one(seen), early[side]
        if begun is not None:
            at, chunk, packets = at - len(begun[0]), begun[0] + chunk, _and(begun[1], seen)
            early[side] = None
        here = _whole_pdus(talk, side, at, chunk, packets, seen)
        if here < len(chunk):
            if not _may_be_whole_soon(chunk, here):
                return False
            early[side] = chunk[here:], _one(seen) if here else packets
    return early == [None, None]


# those that carried something: time of the last, first and last frame, place of the first
Packets = tuple[int | None, int, int, int]


def _one(seen: Seen) -> Packets:
    time, frame, place = seen
    return time, frame, frame, place


def _and(packets: Packets, seen: Seen) -> Packets:
    """The packets and one more; it may have come earlier, and waited."""
    time, first, last, place = packets
    if time is None or (seen.time is not None and seen.time > time):
        time = seen.time
    return time, min(first, seen.frame), max(last, seen.frame), min(place, seen.place)


def _whole_pdus(talk: Talk, side: int, at: int, chunk: bytes, packets: Packets, seen: Seen) -> int:
    """Take PDUs that are whole and as they should be; those with a data set are not taken.

    ``packets`` carried the first one, ``seen`` the others. Gives how many bytes they have; what
    follows goes step by step.
    """
    time, first, last, place = packets
    here, size = 0, len(chunk)
    while here + PDU_HEADER < size:
        code, reserved, length = _unpack_head(chunk, here)
        stop = here + PDU_HEADER + length
        if stop > size:
            break
        row = (side, code, at + here, at + stop, at + stop, first, last, time, True, place,
               ())  # fmt: skip
        if code == _DATA:
            if reserved or not _whole_command(talk, chunk[here:stop], row):
                break
        else:
            try:
                part, found = scan_pdu(chunk[here:stop], at + here)
            except Irregular:
                break
            index = talk.add(row)
            talk.understand(code, side, part, index)
            if found:
                shown = [finding(one, what, Span(*span)) for one, what, *span in found]
                talk.show(side, shown, (first, last))
        here = stop
        time, first, place = seen
        last = first
    if here:
        talk.certain = True
    return here


def _whole_command(talk: Talk, pdu: bytes, row: Row) -> bool:
    """Take a P-DATA-TF that is one whole message without a data set, if it is one."""
    size = len(pdu)
    if size < _COMMAND_AT:
        return False
    length, context_id, header = _unpack_pdv(pdu, PDU_HEADER)
    if header != _LAST_COMMAND or _COMMAND_AT + length - 2 != size:
        return False
    data = pdu[_COMMAND_AT:]
    try:
        values, found = scan_command(data)
    except Irregular:
        return False
    if found or values[DATA_SET_TYPE] != NO_DATA_SET:
        return False
    if not is_regular_pdv(length, context_id, header):
        return False
    side, _, start, stop, _, _, _, time, *_ = row
    index = talk.add(row)
    talk.told(
        (side, context_id, values, data, ((start + _COMMAND_AT, stop),), None, start, stop, time,
         True, (index, index), (index, stop))
    )  # fmt: skip
    return True


# what a reader is in the middle of
_HEAD, _BODY, _PDV, _COMMAND, _DATA_SET, _REST, _LOST, _UNREADABLE, _FOREIGN = range(9)
_KEPT = frozenset({_HEAD, _BODY, _PDV, _COMMAND})


class PduReader:
    """Takes one direction's bytes, in order."""

    __slots__ = (
        "_at_start", "_begun", "_code", "_commanded", "_context", "_dataset", "_early", "_first",
        "_fragments", "_goal", "_held", "_hole", "_keeps", "_last", "_looked_into", "_mode",
        "_pdvs", "_pieces", "_place", "_regular", "_reserved", "_side", "_start", "_stop", "_talk",
        "_there", "_time", "_touched", "beginning", "foreign", "gaps", "missing", "skipped",
        "unexplained",
    )  # fmt: skip

    _start: int  # of the PDU under way
    _there: int  # its bytes up to here are there
    _stop: int  # where it says that it ends; -1: that is not known yet
    _time: int | None
    _hole: bool  # bytes of it are missing
    _first: int  # frames
    _last: int

    def __init__(self, talk: Talk, side: int) -> None:
        self.beginning = b""
        self.foreign = False  # the first bytes of the connection are no PDU
        self.skipped = 0  # bytes passed over in search of a PDU
        self.gaps = 0
        self.missing: Span | None = None  # from the first gap to the last
        self.unexplained = 0  # PDUs that are wrong in ways that were not looked into
        self._talk = talk
        self._side = side
        self._fragments = Fragments()
        self._looked_into = 0
        self._at_start = False
        self._mode = _LOST
        self._goal = 0  # the offset at which something else begins
        self._keeps = False  # whether the bytes up to there are wanted
        self._held: list[bytes] = []  # those of them that have come
        # the beginning of a small PDU, kept until it is whole, and the packets that carried it
        self._early: tuple[bytes, Packets] | None = None
        self._clear(0)

    # --- what the stream tells ----------------------------------------------------------------

    def begin(self, at_start: bool) -> None:
        """Before the first byte: whether that is the first of the connection."""
        self._at_start = at_start
        if at_start:
            self._expect(_HEAD, PDU_HEADER)

    def data(self, at: int, chunk: bytes, seen: Seen) -> int:
        """The next bytes, at that offset; gives how many of those behind need not be shown."""
        if len(self.beginning) < BEGINNING:
            self.beginning += chunk[: BEGINNING - len(self.beginning)]
        here = 0
        if self._mode == _HEAD and not self._first:
            at, chunk, here = self._small_pdus(at, chunk, seen)
            if here == len(chunk):
                return 0
        elif self._mode >= _LOST:
            here = self._search(at, chunk)
        else:  # the PDU under way goes on
            self._note(seen)
        if self._mode < _LOST:
            here = self._read(at, here, chunk, seen)
        if self._mode < _LOST:
            return 0 if self._keeps else self._goal - at - len(chunk) - 1
        if here < len(chunk):
            self._pass_over(at + here, chunk[here:] if here else chunk, seen)
        return _FOREVER if self._mode == _FOREIGN else 0

    def _small_pdus(self, at: int, chunk: bytes, seen: Seen) -> tuple[int, bytes, int]:
        """Take whole PDUs, and keep the beginning of a small one until it is whole.

        Gives the bytes with those that were kept, their offset, and how many of them are done.
        """
        packets = _one(seen)
        if self._early is not None:
            begun, packets = self._early
            at, chunk, packets = at - len(begun), begun + chunk, _and(packets, seen)
            self._early = None
        here = 0
        if not self._fragments.begun:
            here = _whole_pdus(self._talk, self._side, at, chunk, packets, seen)
        if here:  # nothing else is to be cleared: no PDU was under way
            self._start = self._there = at + here
            self._goal = self._start + PDU_HEADER
        if here < len(chunk):
            packets = _one(seen) if here else packets
            if _may_be_whole_soon(chunk, here):
                self._early = chunk[here:], packets
                return at, chunk, len(chunk)
            self._time, self._first, self._last, self._place = packets
        return at, chunk, here

    def _read(self, at: int, here: int, chunk: bytes, seen: Seen) -> int:
        """Take the bytes of PDUs, from ``here`` on; gives up to where."""
        size = len(chunk)
        while here < size and self._mode < _LOST:
            if not self._first:
                self._time, self._first, self._last, self._place = _one(seen)
            goal = self._goal - at
            if not self._hole:
                self._there = at + min(goal, size)
            if goal > size:
                if self._keeps:
                    self._held.append(chunk[here:])
                return size
            piece = chunk[here:goal] if self._keeps else b""
            if self._held:
                self._held.append(piece)
                piece = b"".join(self._held)
                self._held.clear()
            here = goal
            self._reached(piece, at + goal)
        return here

    def gap(self, at: int, size: int) -> None:
        """So many bytes from that offset on are not in the capture."""
        self.gaps += 1
        self.missing = Span(self.missing.start if self.missing else at, at + size)
        if self._mode == _FOREIGN:
            return
        self._wait_no_longer(at)
        stop = at + size
        if self._mode >= _LOST or self._stop < 0 or stop > self._stop:
            self._lose(stop)
            return
        if not self._hole:
            self._there = at
        if self._mode == _COMMAND:
            self._cut_command(at)
        if self._mode == _DATA_SET:
            self._lack(min(stop, self._goal) - at)
        if self._mode != _DATA_SET or stop > self._goal:
            self._held_to_pieces()
            self._expect(_REST, self._stop)
            self._keeps = False
        self._hole = True
        if stop == self._stop:
            self._reached(b"", stop)
        elif stop == self._goal:
            self._next_pdv(stop)

    def finish(self, at: int, seen: Seen | None) -> None:
        """No more bytes come: ``at`` is the offset behind the last one, seen in that packet."""
        self._wait_no_longer(at)
        if self._first and not self._hole and self._mode < _LOST:
            self._there = at
            if seen is not None:
                self._note(seen)
        if self._mode == _COMMAND:
            self._cut_command(at)
        if self._mode == _DATA_SET:
            self._lack(self._goal - at)
        self._cut()
        begun = [*self._fragments.left, *self._fragments.begun.values()]
        for one in begun:
            one.whole = False

    def _wait_no_longer(self, at: int) -> None:
        """The small PDU that was to be whole soon will not be: its bytes end at that offset."""
        if self._early is not None:
            chunk, packets = self._early
            self._early = None
            time, self._first, self._last, self._place = packets
            self._time = time
            self._read(at - len(chunk), 0, chunk, Seen(time, self._last, self._place))

    # --- a PDU under way ----------------------------------------------------------------------

    def _clear(self, start: int) -> None:
        """The next PDU begins at ``start``."""
        self._start = self._there = start
        self._stop = -1
        self._code = self._reserved = 0
        self._first = self._last = 0  # the frames that carried it
        self._place = 0  # of the first of those in the file
        self._time = None
        self._hole = False
        self._regular = True  # nothing strange was seen in it so far
        self._context = (0, 0)  # ID and header of the PDV under way
        self._pdvs: list[tuple[int, int]] = []
        self._pieces: list[bytes | int] = []  # bytes, or how many were passed over
        self._dataset: Begun | None = None  # the message whose data set passes by
        self._touched: list[Begun] = []  # messages of which it carries a part
        self._commanded: list[Begun] = []  # those of which it ends the command set
        begun = self._fragments.begun
        self._begun = tuple(i for i, one in begun.items() if one.command is None) if begun else ()

    def _expect(self, mode: int, goal: int) -> None:
        self._mode, self._goal, self._keeps = mode, goal, mode in _KEPT

    def _note(self, seen: Seen) -> None:
        """A packet carries a part of the PDU under way."""
        packets = self._time, self._first, self._last, self._place
        self._time, self._first, self._last, self._place = _and(packets, seen)

    def _reached(self, piece: bytes, offset: int) -> None:
        """All bytes up to the goal have come; ``piece`` are those of them that are kept."""
        mode = self._mode
        if mode == _HEAD:
            self._header(piece, offset)
        elif mode == _DATA_SET:
            self._next_pdv(offset)
        elif mode == _PDV:
            self._pdv(piece, offset)
        elif mode == _COMMAND:
            self._piece(piece)
            self._command(piece, offset - len(piece), whole=True)
            self._next_pdv(offset)
        elif mode == _BODY:
            self._pieces.append(piece)
            self._whole()
            self._next_pdu(offset)
        elif mode == _REST:
            self._pieces.append(piece)
            if self._code == _DATA:
                self._end_data()
            else:
                self._cut_pdu()
            self._next_pdu(offset)

    def _next_pdu(self, offset: int) -> None:
        self._clear(offset)
        self._expect(_HEAD, offset + PDU_HEADER)

    def _header(self, piece: bytes, offset: int) -> None:
        code, reserved, length = _PDU_HEAD.unpack(piece)
        layout = PDUS.get(code)
        if layout is None or length > layout.plausible:
            self._no_header(piece, layout)
            return
        self._code, self._reserved, self._stop = code, reserved, offset + length
        self._pieces.append(piece)
        if code == _DATA:
            self._next_pdv(offset)
        elif length:
            self._expect(_BODY, self._stop)
        else:
            self._whole()
            self._next_pdu(offset)

    # --- P-DATA-TF ----------------------------------------------------------------------------

    def _next_pdv(self, offset: int) -> None:
        left = self._stop - offset
        if left >= _PDV_HEAD.size:
            self._expect(_PDV, offset + _PDV_HEAD.size)
        elif left:
            self._rest()
        else:
            self._end_data()
            self._next_pdu(offset)

    def _rest(self) -> None:
        """What is left of the PDU makes no PDV."""
        self._regular = False
        self._expect(_REST, self._stop)
        self._keeps = self._stop - self._start <= REST

    def _pdv(self, piece: bytes, offset: int) -> None:
        length, context_id, header = _PDV_HEAD.unpack(piece)
        self._piece(piece)
        stop = offset + length - 2
        if length < 2 or stop > self._stop:
            self._rest()
            return
        if not is_regular_pdv(length, context_id, header):
            self._regular = False
        if len(self._pdvs) <= PDVS:
            self._pdvs.append((context_id, header))
        self._context = context_id, header
        if header & 1 and length <= COMMAND_LIMIT:
            self._expect(_COMMAND, stop)
        else:
            self._piece(length - 2)
            self._expect(_DATA_SET, stop)
            self._not_kept(context_id, header, length - 2)
        if stop == offset:
            self._reached(b"", offset)

    def _piece(self, piece: bytes | int) -> None:
        """Keep a piece of a P-DATA-TF, unless it has too many of them to be looked at."""
        if len(self._pieces) < PIECES:
            self._pieces.append(piece)

    def _not_kept(self, context_id: int, header: int, size: int) -> None:
        """A fragment that is passed over: of a data set, or of a command set beyond all measure."""
        if header & 1:
            self._command(b"", self._start, whole=False)
            return
        begun = self._dataset = self._fragments.data(context_id, size, bool(header & 2))
        if begun is not None:
            self._touch(begun)

    def _lack(self, size: int) -> None:
        """So many bytes of the fragment of a data set are not there."""
        if self._dataset is not None and self._dataset.dataset_bytes is not None:
            self._dataset.dataset_bytes -= size

    def _touch(self, begun: Begun) -> None:
        if begun not in self._touched:
            self._touched.append(begun)

    def _cut_command(self, at: int) -> None:
        """Only the beginning of a command set is there, up to that offset."""
        data = b"".join(self._held)
        self._command(data, at - len(data), whole=False)

    def _command(self, data: bytes, at: int, *, whole: bool) -> None:
        """A fragment of a command set lies at that offset; or what is there of it."""
        context_id, header = self._context
        last = bool(header & 2) or not whole
        begun = self._fragments.command(context_id, self._start, at, data, last)
        if not whole:
            begun.whole, begun.findings = False, ()
            if COMMAND_FIELD not in begun.values:  # nobody can say what it was
                self._fragments.begun.pop(context_id, None)
                return
        self._touch(begun)
        if begun.command is not None:
            self._commanded.append(begun)

    def _end_data(self) -> None:
        """The P-DATA-TF is whole, or what there is of it has come."""
        complete = not self._hole and self._there == self._stop
        index = self._add_row(self._code, self._start, self._there, self._stop, complete)
        found: list[Finding] = []
        if not (self._regular and is_regular_data(self._reserved, tuple(self._pdvs))):
            found += self._looked_at()
        else:
            self._talk.certain = self._talk.certain or complete
            for begun in self._commanded:
                found += self._shown_in_pdu(begun)
        if found:
            self._talk.show(self._side, found, (self._first, self._last))
        for begun in self._commanded:
            self._talk.commanded(self._side, begun, index)
        ended = False
        for begun in self._touched:
            begun.carried(index)
            begun.stop, begun.time = self._stop if complete else self._there, self._time
            begun.whole = begun.whole and complete
            ended = ended or begun.done
            if begun.done and begun.findings and not begun.in_one_piece:
                self._show_message(begun)
        if ended:
            self._talk.end_messages()

    def _shown_in_pdu(self, begun: Begun) -> Iterator[Finding]:
        """What a command set shows, if it is this PDU that holds it."""
        if begun.findings and begun.in_one_piece:
            at = begun.spans[0][0]
            for one in begun.findings:
                span = one.span and Span(one.span.start + at, one.span.stop + at)
                yield finding(one.code, one.what, span, clause=one.clause)

    def _show_message(self, begun: Begun) -> None:
        span = Span(begun.start, begun.stop)
        found = [finding(one.code, one.what, span, clause=one.clause) for one in begun.findings]
        self._talk.show(self._side, found, (self._first, self._last))

    def _looked_at(self) -> Iterator[Finding]:
        """What the tree of a P-DATA-TF shows, with zeros where its data sets lie."""
        if self._looked_into >= LOOKED_INTO:
            self.unexplained += 1
            return iter(())
        self._looked_into += 1
        room = self._there - self._start
        pieces: list[bytes] = []
        size = 0
        for piece in self._pieces:
            if isinstance(piece, int):
                piece = bytes(min(piece, room - size))
            pieces.append(piece)
            size += len(piece)
        if size < room and len(self._pieces) == PIECES:  # as if it ended with this PDV
            pieces[0] = _PDU_HEAD.pack(self._code, self._reserved, size - PDU_HEADER)
        data = b"".join(pieces)[:room]
        pdu = Decoder(self._begun).decode(data, start=self._start)[0]
        self._talk.certain = self._talk.certain or is_certain(pdu)
        cut = size < room  # here, not by the sender
        return (one for one in pdu.findings if not (cut and one.code in CUT))

    # --- other PDUs ---------------------------------------------------------------------------

    def _whole(self) -> None:
        """A PDU other than a P-DATA-TF is whole."""
        data = b"".join(one for one in self._pieces if isinstance(one, bytes))
        index = self._add_row(self._code, self._start, self._there, self._stop, complete=True)
        try:
            part, found = scan_pdu(data, self._start)
        except Irregular:
            self._tree(decode(data, start=self._start)[0], index)
            return
        self._talk.certain = self._talk.certain or not found
        self._talk.understand(self._code, self._side, part, index)
        if found:
            shown = [finding(code, what, Span(at, end)) for code, what, at, end in found]
            self._talk.show(self._side, shown, (self._first, self._last))

    def _tree(self, pdu: Pdu, index: int) -> None:
        """A PDU that only its tree explains."""
        self._talk.certain = self._talk.certain or is_certain(pdu)
        code = _CODES.get(pdu.type or "", 0)
        self._talk.understand(code, self._side, as_part(pdu.root), index)
        self._talk.show(self._side, pdu.findings, (self._first, self._last))

    def _add_row(self, code: int, start: int, stop: int, stated: int, complete: bool) -> int:
        return self._talk.add(
            (self._side, code, start, stop, stated, self._first, self._last, self._time, complete,
             self._place, self._begun)
        )  # fmt: skip

    def _held_to_pieces(self) -> None:
        self._pieces += self._held
        self._held.clear()

    def _cut(self) -> None:
        """What there is of the PDU under way, or of bytes that make none."""
        self._held_to_pieces()
        if self._first and self._there > self._start:
            if self._mode == _UNREADABLE or self._stop < 0:
                self._cut_run()
            elif self._code == _DATA:
                self._regular = False
                self._end_data()
            else:
                self._cut_pdu()

    def _cut_pdu(self) -> None:
        data = b"".join(one for one in self._pieces if isinstance(one, bytes))
        data = data[: self._there - self._start]
        index = self._add_row(self._code, self._start, self._there, self._stop, complete=False)
        self._tree(decode(data, start=self._start)[0], index)

    def _cut_run(self) -> None:
        """Bytes that may be anything: several PDUs, if they make none that can be trusted."""
        data = b"".join(one for one in self._pieces if isinstance(one, bytes))
        for pdu in decode(data, start=self._start):
            complete = pdu.complete and not self._hole
            stated = pdu.start + _stated_size(bytes(pdu)) if pdu.type else pdu.stop
            code = _CODES.get(pdu.type or "", 0)
            self._tree(pdu, self._add_row(code, pdu.start, pdu.stop, stated, complete))

    # --- bytes that make no PDU ---------------------------------------------------------------

    def _no_header(self, piece: bytes, layout: Layout | None) -> None:
        """What should be a PDU header is none."""
        self._pieces.append(piece)
        if layout is None and self._start == 0 and self._at_start:
            self.foreign = True
            self._mode = _FOREIGN
        else:
            self._mode = _UNREADABLE

    def _lose(self, offset: int) -> None:
        """The byte at ``offset`` may be anything."""
        self._hole = True
        self._cut()
        self._clear(offset)
        self._mode = _LOST

    def _search(self, at: int, chunk: bytes) -> int:
        """Go on with the PDU that begins in these bytes, if one does beyond doubt; gives where."""
        if self._mode == _FOREIGN:
            return 0
        here = 0 if _begins_with_pdu(chunk) else None
        if here is None and self._mode == _LOST:
            here = next(_pdus_inside(chunk), None)
        if here is not None:
            self._cut()
            self.skipped += here
            self._next_pdu(at + here)
        return here or 0

    def _pass_over(self, at: int, chunk: bytes, seen: Seen) -> None:
        stop = at + len(chunk)
        if self._mode == _UNREADABLE and stop - self._start <= UNREADABLE_LIMIT:
            self._note(seen)
            self._pieces.append(chunk)
            self._there = stop
            return
        if self._mode == _UNREADABLE:
            self._cut()
            self._mode = _LOST
        self.skipped += len(chunk)
        self._clear(stop)


def _may_be_whole_soon(chunk: bytes, here: int) -> bool:
    """Whether a small PDU begins here, of which a part is still to come."""
    there = len(chunk) - here
    if chunk[here] not in PDUS or there >= _SMALL:
        return False
    return there < PDU_HEADER or there < _stated_size(chunk[here : here + PDU_HEADER]) <= _SMALL


def _stated_size(data: bytes) -> int:
    """How long a PDU says that it is; as long as it is where the header is not whole."""
    if len(data) < PDU_HEADER:
        return len(data)
    return PDU_HEADER + int(_PDU_HEAD.unpack_from(data)[2])


def _begins_with_pdu(chunk: bytes) -> bool:
    """Whether a packet begins with a PDU beyond doubt, although nothing says that one is due."""
    layout = PDUS.get(chunk[0])
    if layout is None or len(chunk) <= PDU_HEADER:
        return False
    size = _stated_size(chunk)
    if size > layout.plausible:
        return False
    return is_certain(decode(chunk[:size])[0])


# what may be the header of a PDU that stands in the middle of a connection: type, and zero
_INSIDE = re.compile(b"[%s]\0" % bytes(code for code in PDUS if code not in (_RQ, _AC)))


def _pdus_inside(chunk: bytes) -> Iterator[int]:
    """Where in a packet PDUs begin beyond doubt, although nothing says that they are due.

    They must fill the packet to its end, one after the other; the last may go on behind it, if one
    PDV fills it.
    """
    for match in islice(_INSIDE.finditer(chunk), CANDIDATES):
        if _lead_to_the_end(chunk, match.start()):
            yield match.start()


def _lead_to_the_end(chunk: bytes, at: int) -> bool:
    for _ in range(CHAIN):  # more of them would not be more certain
        if at >= len(chunk):
            break
        size = _certain_size(chunk, at)
        if size is None:
            return False
        at += size
    return True


def _certain_size(chunk: bytes, at: int) -> int | None:
    """How long the PDU at this place is, if it can hardly be anything else."""
    head = chunk[at : at + PDU_HEADER + _PDV_HEAD.size]
    size = _stated_size(head)
    if size > PDUS[head[0]].plausible if head[0] in PDUS else True:
        return None
    if head[0] == _DATA and len(head) == PDU_HEADER + _PDV_HEAD.size:
        length, context_id, header = _unpack_pdv(head, PDU_HEADER)
        fills = PDU_HEADER + PDV_LENGTH + length == size
        return size if fills and is_regular_pdv(length, context_id, header) else None
    return size if _begins_with_pdu(chunk[at : at + min(size, _SMALL)]) else None


def is_certain(pdu: Pdu) -> bool:
    """Whether the bytes can hardly be anything but this PDU."""
    findings = pdu.findings
    if pdu.type is None or any(one.code in _DOUBTS for one in findings):
        return False
    if pdu.type in _LONG:  # some peers put FFH into the reserved bytes of their items
        return len(pdu) >= 2 * PDU_HEADER and not any(one.findings for one in pdu.fields[:2])
    return pdu.complete and not findings
