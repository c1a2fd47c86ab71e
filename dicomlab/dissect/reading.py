"""The bytes of one direction to PDUs and messages, step by step.

As long as every byte is there, each PDU begins where the one before ends. Where bytes are missing
or make no PDU, reading goes on at the next PDU that is beyond doubt. Of a P-DATA-TF the headers and
the command sets are looked at, and data sets are counted and passed over.
"""

from __future__ import annotations

from collections.abc import Iterator

from dicomlab.dissect.certainty import (
    PDU_HEAD,
    PDV_HEAD,
    begins_with_pdu,
    is_certain,
    pdus_inside,
    stated_size,
)
from dicomlab.dissect.talk import ABORT, AC, DATA, RELEASE_RP, RELEASE_RQ, RJ, RQ, PduRow, Talk
from dicomlab.dissect.tcp import Seen
from dicomlab.dissect.whole import Packets, also, may_be_whole_soon, only, whole_pdus
from dicomlab.model import Finding, Layout, Pdu, Span
from dicomlab.protocol.codec import PDU_HEADER, Decoder, as_part, decode
from dicomlab.protocol.dimse import COMMAND_LIMIT, Begun, Fragments
from dicomlab.protocol.leaves import finding
from dicomlab.protocol.scanner import Irregular, is_regular_data, is_regular_pdv, scan_pdu
from dicomlab.spec.command import COMMAND_FIELD
from dicomlab.spec.pdu import PDUS

UNREADABLE_LIMIT = 1 << 14  # bytes kept of a run that is no PDU
BEGINNING = 512  # bytes that tell one protocol from another
CLOSING = (RJ, RELEASE_RQ, RELEASE_RP, ABORT)  # what ends an association, if it is whole
OPENING = (RQ, AC)  # what their beginning says counts, if more of them is not there
PDVS = 64  # of one PDU that are looked at together; more of them are listed, not compared
PIECES = 1 + 4 * PDVS  # the header, and two of each PDV
REST = 1 << 16  # bytes kept behind a PDV that does not fit into its PDU
LOOKED_INTO = 500  # PDUs of one direction whose tree is made to say what is wrong
CUT = ("pdu-truncated", "pdu-header-truncated", "fragment-incomplete")
_FOREVER = 1 << 62
_CODES = {layout.name: code for code, layout in PDUS.items()}

# what a reader is in the middle of
_HEAD, _BODY, _PDV, _COMMAND, _DATA_SET, _REST, _LOST, _UNREADABLE, _FOREIGN = range(9)
_KEPT = frozenset({_HEAD, _BODY, _PDV, _COMMAND})


class PduReader:
    """Takes one direction's bytes, in order."""

    __slots__ = (
        "_begun",
        "_code",
        "_commanded",
        "_context",
        "_dataset",
        "_early",
        "_first",
        "_fragments",
        "_from_start",
        "_goal",
        "_held",
        "_hole",
        "_keeps",
        "_last",
        "_looked_into",
        "_mode",
        "_pdvs",
        "_pieces",
        "_place",
        "_regular",
        "_reserved",
        "_side",
        "_start",
        "_stop",
        "_strays",
        "_talk",
        "_there",
        "_time",
        "_touched",
        "beginning",
        "foreign",
        "gaps",
        "hidden",
        "missing",
        "skipped",
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
        self.hidden: int | None = None  # the offset behind the last gap that may hide an end
        self.unexplained = 0  # PDUs that are wrong in ways that were not looked into
        self._talk = talk
        self._side = side
        self._fragments = Fragments()
        self._looked_into = 0
        self._from_start = False
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
        self._from_start = at_start
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
        told_apart = self._mode == _FOREIGN and len(self.beginning) >= BEGINNING
        return _FOREVER if told_apart else 0

    def _small_pdus(self, at: int, chunk: bytes, seen: Seen) -> tuple[int, bytes, int]:
        """Take whole PDUs, and keep the beginning of a small one until it is whole.

        Gives the bytes with those that were kept, their offset, and how many of them are done.
        """
        packets = this = only(seen)
        if self._early is not None:
            begun, before = self._early
            at, chunk, packets = at - len(begun), begun + chunk, also(before, this)
            self._early = None
        here = 0
        if not self._fragments.begun:
            here = whole_pdus(self._talk, self._side, at, chunk, packets, this)
        if here:  # nothing else is to be cleared: no PDU was under way
            self._start = self._there = at + here
            self._goal = self._start + PDU_HEADER
        if here < len(chunk):
            packets = this if here else packets
            if may_be_whole_soon(chunk, here):
                self._early = chunk[here:], packets
                return at, chunk, len(chunk)
            self._time, self._first, self._last, self._place = packets
        return at, chunk, here

    def _read(self, at: int, here: int, chunk: bytes, seen: Seen) -> int:
        """Take the bytes of PDUs, from ``here`` on; gives up to where."""
        size = len(chunk)
        while here < size and self._mode < _LOST:
            if not self._first:
                self._time, self._first, self._last, self._place = only(seen)
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
            self.hidden = stop
            self._lose(stop)
            return
        if self._code in CLOSING:
            self.hidden = stop
        if not self._hole:
            self._there = at
        if self._mode == _COMMAND:
            self._cut_command(at)
        if self._mode == _DATA_SET:
            self._lack(min(stop, self._goal) - at)
        if self._mode != _DATA_SET or stop > self._goal:
            self._break_messages()
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
        if begun and self._from_start and not self.gaps:
            self._show_unfinished(begun)

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
        self._strays: list[Span] = []  # fragments of data sets that belong to no message
        self._commanded: list[Begun] = []  # those of which it ends the command set
        begun = self._fragments.begun
        self._begun = tuple(i for i, one in begun.items() if one.command is None) if begun else ()

    def _expect(self, mode: int, goal: int) -> None:
        self._mode, self._goal, self._keeps = mode, goal, mode in _KEPT

    def _note(self, seen: Seen) -> None:
        """A packet carries a part of the PDU under way."""
        packets = self._time, self._first, self._last, self._place
        self._time, self._first, self._last, self._place = also(packets, only(seen))

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
            if self._code == DATA:
                self._end_data()
            else:
                self._cut_pdu()
            self._next_pdu(offset)

    def _next_pdu(self, offset: int) -> None:
        self._clear(offset)
        self._expect(_HEAD, offset + PDU_HEADER)

    def _header(self, piece: bytes, offset: int) -> None:
        code, reserved, length = PDU_HEAD.unpack(piece)
        layout = PDUS.get(code)
        if layout is None or length > layout.plausible:
            self._no_header(piece, layout)
            return
        self._code, self._reserved, self._stop = code, reserved, offset + length
        self._pieces.append(piece)
        if code == DATA:
            self._next_pdv(offset)
        elif length:
            self._expect(_BODY, self._stop)
        else:
            self._whole()
            self._next_pdu(offset)

    # --- P-DATA-TF ----------------------------------------------------------------------------

    def _next_pdv(self, offset: int) -> None:
        left = self._stop - offset
        if left >= PDV_HEAD.size:
            self._expect(_PDV, offset + PDV_HEAD.size)
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
        length, context_id, header = PDV_HEAD.unpack(piece)
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
        elif self._from_start and not self.gaps:
            self._strays.append(Span(self._goal - size, self._goal))

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
        if self._strays:
            what = "a fragment of a data set that no command set announces"
            strays = [finding("fragment-order", what, span) for span in self._strays[:PDVS]]
            self._talk.show(self._side, strays, (self._first, self._last))
        ended = False
        for begun in self._touched:
            begun.carried(index)
            begun.stop, begun.time = self._stop if complete else self._there, self._time
            begun.whole = begun.whole and complete
            begun.ended = begun.done
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

    def _show_unfinished(self, begun: list[Begun]) -> None:
        """The last fragments of these messages never came."""
        for one in begun[:LOOKED_INTO]:
            part = "command set" if one.command is None else "data set"
            what = f"the {part} in presentation context {one.context_id} does not end"
            found = finding("fragment-incomplete", what, Span(one.start, one.stop or one.start))
            self._talk.show(self._side, [found], self._frames_of(one))

    def _frames_of(self, begun: Begun) -> tuple[int, int] | None:
        """The frames that carried what there is of a message."""
        if not begun.pdus:
            return None
        first, last = (PduRow._make(self._talk.pdus[at]) for at in (begun.pdus[0], begun.pdus[-1]))
        return first.first, last.last

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
            pieces[0] = PDU_HEAD.pack(self._code, self._reserved, size - PDU_HEADER)
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
        if pdu.complete or code in OPENING:  # half a release releases nobody
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
            elif self._code == DATA:
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
            stated = pdu.start + stated_size(bytes(pdu)) if pdu.type else pdu.stop
            code = _CODES.get(pdu.type or "", 0)
            self._tree(pdu, self._add_row(code, pdu.start, pdu.stop, stated, complete))

    # --- bytes that make no PDU ---------------------------------------------------------------

    def _no_header(self, piece: bytes, layout: Layout | None) -> None:
        """What should be a PDU header is none."""
        self._pieces.append(piece)
        if layout is None and self._start == 0 and self._from_start:
            self.foreign = True
            self._mode = _FOREIGN
        else:
            self._mode = _UNREADABLE

    def _break_messages(self) -> None:
        """Fragments of messages under way may be among the missing bytes."""
        for begun in self._fragments.begun.values():
            begun.whole = False

    def _lose(self, offset: int) -> None:
        """The byte at ``offset`` may be anything."""
        self._break_messages()
        self._hole = True
        self._cut()
        self._clear(offset)
        self._mode = _LOST

    def _search(self, at: int, chunk: bytes) -> int:
        """Go on with the PDU that begins in these bytes, if one does beyond doubt; gives where."""
        if self._mode == _FOREIGN:
            return 0
        here = 0 if begins_with_pdu(chunk) else None
        if here is None and self._mode == _LOST:
            here = next(pdus_inside(chunk), None)
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
