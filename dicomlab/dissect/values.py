"""Rows to values of the model, made when somebody looks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import count
from typing import Any, Generic, TypeVar, overload

from dicomlab.dissect.bytes_of import Bytes, Wanted, Way
from dicomlab.dissect.datasets import CapturedDataSet, Origin
from dicomlab.dissect.network import End
from dicomlab.dissect.rows import Row, Rows, Spool
from dicomlab.dissect.talk import MessageRow, PduRow
from dicomlab.model import (
    Association,
    AssociationLine,
    CaptureError,
    Connection,
    Ending,
    Endpoint,
    Field,
    Finding,
    Message,
    MessageLine,
    Outcome,
    Pdu,
    PduLine,
    PresentationContext,
    Side,
    Span,
)
from dicomlab.protocol.codec import Decoder
from dicomlab.protocol.dimse import announces, indices, message, said
from dicomlab.spec.findings import FINDINGS
from dicomlab.spec.pdu import PDUS

SIDES: tuple[tuple[Side, Side], ...] = (("requestor", "acceptor"), ("acceptor", "requestor"))
_NAMES: dict[int, str | None] = {0: None, **{code: one.name for code, one in PDUS.items()}}
T = TypeVar("T")
_Several = Rows | list[Row]
# the same as PduLine() and MessageLine(), without a step in Python for each of very many
_pdu_line: Callable[[Row], PduLine] = partial(tuple.__new__, PduLine)
_message_line: Callable[[Row], MessageLine] = partial(tuple.__new__, MessageLine)


class Table(Sequence[T], Generic[T]):
    """Values that are made of rows when somebody looks."""

    def __init__(
        self, rows: Rows, make: Callable[[int, Row], T], order: Sequence[int] | None = None
    ) -> None:
        self._rows = rows
        self._make = make
        self._order = order

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[T, ...]: ...
    def __getitem__(self, index: int | slice) -> T | tuple[T, ...]:
        if isinstance(index, slice):
            return tuple(self[one] for one in range(*index.indices(len(self))))
        number = range(len(self))[index]
        row = self._rows[number if self._order is None else self._order[number]]
        return self._make(number, row)

    def __iter__(self) -> Iterator[T]:
        return map(self._make, count(), self._in_order())

    def _in_order(self) -> Iterable[Row]:
        return self._rows if self._order is None else map(self._rows.__getitem__, self._order)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence):
            return NotImplemented
        return len(self) == len(other) and all(map(_same, self, other))

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        shown = ", ".join(map(repr, self[:3]))
        return f"[{shown}{', …' if len(self) > 3 else ''}]"


def _same(one: Any, other: Any) -> bool:
    return bool(one == other)


class Associations(Table[Association]):
    """The associations of a capture."""

    def __init__(self, rows: Rows, make: MakeAssociation, order: Sequence[int]) -> None:
        super().__init__(rows, make, order)
        self._line = make.line

    def lines(self) -> Iterator[AssociationLine]:
        """The same without the cost of their PDUs and messages."""
        return map(self._line, self._in_order())


class MakeAssociation:
    """Makes an association of its row."""

    def __init__(self, source: Bytes, spool: Spool, *, with_frames: bool) -> None:
        self._source = source
        self._spool = spool
        self._with_frames = with_frames

    def line(self, row: Row) -> AssociationLine:
        """The association as a line."""
        (
            number, first, requestor, acceptor, calling, called, application_context, outcome,
            contexts_, negotiated, pdus, messages, findings, counts, start, stop, _, _, frames,
            endings, echoed,
        ) = row  # fmt: skip
        sides = SIDES[first]
        missing, retransmitted, early = map(_by_side, counts)
        with_frames = self._with_frames
        return AssociationLine(
            number,
            _end_text(*requestor),
            _end_text(*acceptor),
            calling,
            called,
            application_context,
            outcome,
            contexts_,
            {"requestor": negotiated[0], "acceptor": negotiated[1]},
            _pdu_lines(Rows.each(self._spool, pdus), sides, with_frames=with_frames),
            _message_lines(Rows.each(self._spool, messages), sides),
            tuple([_finding(one, sides) for one in findings]),
            missing,
            retransmitted,
            early,
            start,
            stop,
            frames,
            tuple([_ending(one, sides, frames) for one in endings]),
            echoed,
            partial(self._look, row),
        )

    def _look(self, row: Row, index: int) -> Pdu:
        """The PDU at an index in the association of a row."""
        first, pdus, ends, begins = row[1], row[10], row[16], row[17]
        return self._pdu(first, ends, begins)(index, Rows.of(self._spool, pdus)[index])

    def _pdu(self, first: int, ends: tuple[End, End], begins: tuple[int, int]) -> _Pdu:
        ways = Way(ends[0], ends[1], begins[0]), Way(ends[1], ends[0], begins[1])
        return _Pdu(self._source, SIDES[first], ways, with_frames=self._with_frames)

    def __call__(self, _: int, row: Row) -> Association:
        """The association of a row."""
        (
            number, first, requestor, acceptor, calling, called, application_context, outcome,
            contexts_, negotiated, pdus, messages, findings, counts, start, stop, ends, begins,
            frames, endings, echoed,
        ) = row  # fmt: skip
        sides = SIDES[first]
        make_pdu = self._pdu(first, ends, begins)
        all_pdus = Rows.of(self._spool, pdus)
        agreed = tuple(PresentationContext(*one) for one in contexts_)
        origin = Origin(self._source, make_pdu.ways, all_pdus, {one.id: one for one in agreed})
        missing, retransmitted, early = map(_by_side, counts)
        return Association(
            connection=number,
            requestor=Endpoint(*requestor),
            acceptor=Endpoint(*acceptor),
            calling_ae_title=calling,
            called_ae_title=called,
            application_context=application_context,
            outcome=Outcome(*outcome),
            presentation_contexts=agreed,
            negotiation={"requestor": negotiated[0], "acceptor": negotiated[1]},
            pdus=_Pdus(all_pdus, make_pdu),
            messages=_Messages(Rows.of(self._spool, messages), sides, origin),
            findings=tuple(_finding(one, sides) for one in findings),
            missing_bytes=missing,
            retransmitted_segments=retransmitted,
            out_of_order_segments=early,
            start_time=start,
            stop_time=stop,
            frames=frames,
            endings=tuple(_ending(one, sides, frames) for one in endings),
            echoed=echoed,
        )


class _Pdu:
    """Makes the PDUs of an association of their rows."""

    def __init__(
        self,
        source: Bytes,
        sides: tuple[Side, Side],
        ways: tuple[Way, Way],
        *,
        with_frames: bool,
    ) -> None:
        self._source = source
        self.sides = sides
        self.ways = ways
        self.with_frames = with_frames

    def __call__(self, index: int, row: Row) -> Pdu:
        side, code, start, stop, stated, first, last, time, complete, _, _ = row
        return Pdu(
            _NAMES[code],
            Tree(self._source, self.ways[side], row),
            self.sides[side],
            time,
            (first, last) if self.with_frames else None,
            complete,
            index,
            Span(start, stop),
            stated,
        )


class _Pdus(Table[Pdu]):
    """The PDUs of an association."""

    def __init__(self, rows: Rows, make: _Pdu) -> None:
        super().__init__(rows, make)
        self._pdu = make

    def lines(self) -> Iterable[PduLine]:
        """The same without their trees."""
        return _pdu_lines(self._rows, self._pdu.sides, with_frames=self._pdu.with_frames)


@dataclass(frozen=True, slots=True)
class _Lines(Generic[T]):
    """Lines that are made each time somebody goes through them: there may be many."""

    make: Callable[[], Iterator[T]]

    def __iter__(self) -> Iterator[T]:
        return self.make()


def _lines(rows: _Several, make: Callable[[], Iterator[T]]) -> Iterable[T]:
    """The lines of rows: made once, if they are few."""
    return list(make()) if len(rows) <= Rows.CHUNK else _Lines(make)


def _pdu_lines(rows: _Several, sides: tuple[Side, Side], *, with_frames: bool) -> Iterable[PduLine]:
    return _lines(rows, partial(_each_pdu, rows, sides, with_frames=with_frames))


def _each_pdu(rows: _Several, sides: tuple[Side, Side], *, with_frames: bool) -> Iterator[PduLine]:
    for side, code, start, _, stated, first, last, time, complete, _, _ in rows:
        frames = (first, last) if with_frames else None
        yield _pdu_line((sides[side], _NAMES[code], start, stated, frames, time, complete))


class _Messages(Table[Message]):
    """The messages of an association."""

    def __init__(self, rows: Rows, sides: tuple[Side, Side], origin: Origin) -> None:
        super().__init__(rows, partial(_message, sides, origin))
        self._sides = sides

    def lines(self) -> Iterable[MessageLine]:
        """The same without their fields."""
        return _message_lines(self._rows, self._sides)


def _message_lines(rows: _Several, sides: tuple[Side, Side]) -> Iterable[MessageLine]:
    return _lines(rows, partial(_each_message, rows, sides))


def _each_message(rows: _Several, sides: tuple[Side, Side]) -> Iterator[MessageLine]:
    for side, context_id, values, _, _, data_set, start, stop, time, complete, pdus, _ in rows:
        kind, ident, responding_to, status, sop_class, sop_instance, more = said(values)
        first, last = (pdus[0], pdus[-1]) if pdus else (None, None)
        yield _message_line(
            (sides[side], kind, context_id, ident, responding_to, status, sop_class, sop_instance,
             data_set, start, stop, time, complete, announces(values), first, last, more)
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Tree:
    """How the PDU of a row becomes a field: its bytes are looked up and decoded when asked for."""

    source: Bytes
    way: Way
    row: Row

    @property
    def wanted(self) -> Wanted:
        """Its bytes, and where they are."""
        one = PduRow._make(self.row)
        return Wanted(self.way, one.start, one.stop, one.place, one.last - one.first)

    def __call__(self) -> Field:
        """The field; CaptureError where the bytes are no longer there."""
        one = PduRow._make(self.row)
        data = self.source.read(*self.wanted)
        if len(data) < one.stop - one.start:
            raise CaptureError(
                f"The bytes of this {_NAMES[one.code] or 'run'} are no longer where they were.",
                "The capture file must stay as it was while its PDUs are looked at.",
            )
        return Decoder(one.begun).decode(data, start=one.start)[0].root


def _message(sides: tuple[Side, Side], origin: Origin, _: int, row: Row) -> Message:
    one = MessageRow._make(row)
    return message(
        sides[one.side],
        one.values,
        one.command,
        one.spans,
        context_id=one.context_id,
        dataset_bytes=one.dataset_bytes,
        start=one.start,
        stop=one.stop,
        time=one.time,
        complete=one.complete,
        pdus=indices(one.pdus),
        data=CapturedDataSet(origin, one),
    )


def _finding(row: Row, sides: tuple[Side, Side]) -> Finding:
    code, what, side, start, stop, first, last, clause = row
    known = FINDINGS[code]
    return Finding(
        code,
        known.severity,
        what,
        known.why,
        known.remedy,
        clause,
        None if start is None else Span(start, stop),
        None if side is None else sides[side],
        None if first is None else (first, last),
    )


def _end_text(address: str, port: int) -> str:
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def _by_side(values: tuple[int, int]) -> Mapping[Side, int]:
    return {"requestor": values[0], "acceptor": values[1]}


def _ending(row: Row, sides: tuple[Side, Side], frames: tuple[int, int] | None) -> Ending:
    side, kind, time, frame, hops = row
    return Ending(sides[side], kind, time, frame if frames else None, hops)


def make_connection(_: int, row: Row) -> Connection:
    """The connection of a row."""
    (
        number, first, requestor, acceptor, kind, captured, findings, start, stop, frames, endings,
    ) = row  # fmt: skip
    sides = SIDES[first]
    return Connection(
        connection=number,
        requestor=Endpoint(*requestor),
        acceptor=Endpoint(*acceptor),
        kind=kind,
        bytes=_by_side(captured),
        findings=tuple(_finding(one, sides) for one in findings),
        start_time=start,
        stop_time=stop,
        frames=frames,
        endings=tuple(_ending(one, sides, frames) for one in endings),
    )
