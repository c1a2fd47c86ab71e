"""Connections to associations: who, what was agreed, what was said, how it ended.

:func:`dissect` reads a capture file, :func:`from_exchange` what one end noted of its own
conversation; from the TCP connection on, both take the same way. What a connection held becomes one
row, and an Association or Connection when somebody looks.
"""

from __future__ import annotations

import heapq
import os
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Literal, NamedTuple

from dicomlab.dissect.agreement import contexts, echoed
from dicomlab.dissect.bytes_of import Bytes, FileBytes, NotedBytes
from dicomlab.dissect.connections import Connections, Ending, Piece, TcpConnection
from dicomlab.dissect.file import CaptureFile
from dicomlab.dissect.network import ACK, FIN, RST, SYN, Segment, endpoint
from dicomlab.dissect.pcap import Reader, link_type_name
from dicomlab.dissect.reading import CUT, PduReader
from dicomlab.dissect.rows import Row, Rows, Spool
from dicomlab.dissect.talk import (
    ABORT,
    RELEASE_RP,
    RELEASE_RQ,
    RJ,
    RQ,
    FindingRow,
    MessageRow,
    PduRow,
    Talk,
    looked_up,
)
from dicomlab.dissect.tcp import Seen
from dicomlab.dissect.values import SIDES, Associations, MakeAssociation, Table, make_connection
from dicomlab.dissect.whole import read_at_one_go
from dicomlab.model import (
    Association,
    Capture,
    Connection,
    Endpoint,
    Finding,
    Side,
    Span,
)
from dicomlab.protocol.codec import decode
from dicomlab.protocol.dimse import indices
from dicomlab.protocol.leaves import finding

Kind = Literal["refused", "no-answer", "no-data", "tls", "not-dicom"]
SORTED = 1 << 20  # PDUs of an association that are put into the order of their times
_OPENING = bytes([RQ])  # what an association begins with
# the number of each side, by that of the requestor
_INDEX: tuple[Mapping[Side, int], ...] = (
    {"requestor": 0, "acceptor": 1},
    {"requestor": 1, "acceptor": 0},
)


class Progress(NamedTuple):
    """How far reading a capture has come."""

    done: int  # bytes of the file
    total: int | None  # None where nobody can know: standard input
    associations: int  # found so far


def dissect(
    path: str | os.PathLike[str],
    *,
    watch: Callable[[Progress], bool | None] | None = None,
    keep: bool = True,
) -> Capture:
    """What a capture file (pcap or pcapng, also gzipped; ``-`` is standard input) holds.

    ``watch`` is told now and then how far it is; where it gives True, reading stops, and what was
    found so far is given. Damage too ends reading, and ``Capture.damage`` says where.

    The file must stay as long as trees, figures and data sets are asked for: they are read from it
    then. What comes through a pipe is copied to a temporary file for that, unless ``keep`` is
    false. Raises CaptureError where the file cannot be opened or is no capture.
    """
    return dissect_file(CaptureFile(path, keep=keep), watch)


def dissect_file(
    where: CaptureFile, watch: Callable[[Progress], bool | None] | None = None
) -> Capture:
    """What a capture file holds that has not been opened yet."""
    with where.opened() as file:
        dissection = _Dissection()
        connections = dissection.connections()

        def told(done: int, total: int | None) -> bool | None:
            if watch is None:
                return None
            return watch(Progress(done, total, dissection.found(connections.brief)))

        reader = Reader(file, str(where), told)
        dissection.source = FileBytes(where, reader)
        connections.read(reader)
        connections.finish()
    first, last = reader.times or (None, None)
    return Capture(
        file=where.name,
        format=reader.format,
        packets=reader.packets,
        link_types=tuple(dict.fromkeys(link_type_name(one) for one in reader.link_types)),
        first_time=first,
        last_time=last,
        truncated_packets=reader.truncated,
        damage=reader.damage,
        associations=dissection.associations,
        connections=dissection.without_association,
        digits=reader.digits,
        comments=tuple(reader.comments),
        unread_packets=dict(connections.unread),
        source=where,
    )


def from_exchange(
    entries: Iterable[tuple[int, Side, bytes | None]],
    requestor: Endpoint,
    acceptor: Endpoint,
    since: int | None = None,
) -> Capture:
    """What one end noted of a connection that was made: (nanoseconds since 1970, sender, bytes).

    ``since`` is when it was made, if that is known. No bytes (``b""``) say that the sender closed
    its direction, ``None`` that it reset the connection. The result is a capture without file and
    frames.
    """
    ends: dict[Side, bytes] = {"requestor": b"requestor", "acceptor": b"acceptor"}
    sent: dict[Side, int] = {"requestor": 0, "acceptor": 0}
    noted = {end: bytearray() for end in ends.values()}
    dissection = _Dissection((requestor, acceptor))
    dissection.source = NotedBytes(noted)
    connections = dissection.connections()
    times: list[int] = []

    def segment(sender: Side, flags: int, data: bytes = b"") -> Segment:
        other: Side = "acceptor" if sender == "requestor" else "requestor"
        one = Segment(ends[sender], ends[other], sent[sender], flags, data, len(data))
        sent[sender] = (sent[sender] + len(data) + bool(flags & (SYN | FIN))) & 0xFFFFFFFF
        noted[ends[sender]].extend(data)
        return one

    for number, (time, sender, data) in enumerate(entries, 1):
        seen = Seen(time, number, 0)
        if not times:
            begun = Seen(time if since is None else since, number, 0)
            connections.segment(segment("requestor", SYN), begun)
            connections.segment(segment("acceptor", SYN | ACK), begun)
        times.append(time)
        flags = RST if data is None else ACK if data else FIN
        connections.segment(segment(sender, flags, data or b""), seen)
    connections.finish()
    return Capture(
        file="",
        format="pcapng",
        packets=0,
        link_types=(),
        first_time=min(times, default=None),
        last_time=max(times, default=None),
        truncated_packets=0,
        damage=None,
        associations=dissection.associations,
        connections=dissection.without_association,
    )


class _Dissection:
    """Makes a row of every TCP connection that has ended."""

    def __init__(self, ends: tuple[Endpoint, Endpoint] | None = None) -> None:
        self.source: Bytes  # where bytes are looked up again
        self._ends = ends
        self._spool = Spool()
        self._talks: dict[int, tuple[Talk, tuple[PduReader, PduReader]]] = {}
        self._associations = _Found(self._spool)
        self._others = _Found(self._spool)

    def connections(self) -> Connections:
        """Takes packets, and gives them here as connections.

        It is not kept: a circle would wait for the garbage collector, with all that it holds.
        """
        return Connections(self._opened, self._closed, self._brief)

    @property
    def associations(self) -> Sequence[Association]:
        """Those found, in the order of their connections."""
        make = MakeAssociation(self.source, self._spool, with_frames=self._ends is None)
        return Associations(self._associations.rows, make, self._associations.order())

    @property
    def without_association(self) -> Sequence[Connection]:
        """The other TCP connections."""
        return Table(self._others.rows, make_connection, self._others.order())

    def found(self, brief: Iterable[bytes]) -> int:
        """How many associations were found so far, those under way too.

        ``brief`` is what the requestors of connections not yet read said first.
        """
        under_way = sum(talk.opened for talk, _ in self._talks.values())
        under_way += sum(one[:1] == _OPENING for one in brief)
        return len(self._associations.rows) + under_way

    def _opened(self, connection: TcpConnection) -> tuple[PduReader, PduReader]:
        talk = Talk(self._spool)
        readers = PduReader(talk, 0), PduReader(talk, 1)
        talk.readers = readers
        self._talks[connection.number] = talk, readers
        return readers

    def _closed(self, connection: TcpConnection) -> None:
        talk, readers = self._talks.pop(connection.number)
        for reader, stream in zip(readers, connection.directions, strict=True):
            reader.finish(stream.offset, stream.seen)
        talk.end_messages(all_of_them=True)
        self._ended(connection, talk)
        talk.readers = ()  # which know the talk: a circle would wait for the garbage collector

    def _brief(self, connection: TcpConnection, pieces: list[Piece]) -> bool:
        talk = Talk(self._spool)
        read = read_at_one_go(talk, pieces)
        if read:
            self._ended(connection, talk)
        return read

    def _ended(self, connection: TcpConnection, talk: Talk) -> None:
        ends = self._ends or (endpoint(connection.ends[0]), endpoint(connection.ends[1]))
        conversation = _Conversation(connection, talk, ends, with_frames=self._ends is None)
        if conversation.is_association():
            self._associations.add(connection.number, conversation.association(self._spool))
        else:
            self._others.add(connection.number, conversation.connection_alone())


class _Found:
    """Rows of connections in the order in which those ended."""

    def __init__(self, spool: Spool) -> None:
        self.rows = Rows(spool, weight=32)  # with its PDUs and messages inside
        self._numbers = array("q")

    def add(self, number: int, row: Row) -> None:
        self.rows.append(row)
        self._numbers.append(number)

    def order(self) -> array[int]:
        """The index of each row, in the order of the connections' numbers."""
        return array("q", sorted(range(len(self._numbers)), key=self._numbers.__getitem__))


# --- one connection, once it has ended --------------------------------------------------------


class _Conversation:
    """One TCP connection that has ended, as a conversation between requestor and acceptor."""

    def __init__(
        self,
        connection: TcpConnection,
        talk: Talk,
        ends: tuple[Endpoint, Endpoint],
        *,
        with_frames: bool,
    ) -> None:
        self.connection = connection
        self.talk = talk
        self.frames = (connection.first_frame, connection.last_frame) if with_frames else None
        self.first = _requestor(connection, talk, ends)
        self.sides = SIDES[self.first]
        self.index = _INDEX[self.first]
        self.requestor, self.acceptor = ends[self.first], ends[1 - self.first]

    def is_association(self) -> bool:
        """An A-ASSOCIATE-RQ or -AC was seen; or else PDUs, and nothing that is none."""
        if self.talk.opened:
            return True
        strange = any(reader.foreign for reader in self.talk.readers)
        return not strange and self.talk.certain

    def association(self, spool: Spool) -> Row:
        """The conversation as an association."""
        talk, connection = self.talk, self.connection
        request = looked_up(talk.request[1]) if talk.request else None
        accept = looked_up(talk.accept[1]) if talk.accept else None
        opening = request or accept
        if talk.shuffled and len(talk.pdus) <= SORTED:
            _put_in_order(talk, spool)
        outcome = self._outcome()
        one, other = connection.directions
        asking, answering = (one, other) if self.first == 0 else (other, one)
        return (
            connection.number,
            self.first,
            (self.requestor.address, self.requestor.port),
            (self.acceptor.address, self.acceptor.port),
            request.calling_ae_title if request else None,
            request.called_ae_title if request else None,
            opening.application_context if opening else None,
            outcome,
            contexts(request, accept),
            (request.negotiation if request else {}, accept.negotiation if accept else {}),
            talk.pdus.put_away(),
            talk.messages.put_away(),
            tuple(map(tuple, self._findings(outcome))),
            (
                (asking.missing, answering.missing),
                (asking.retransmitted, answering.retransmitted),
                (asking.early, answering.early),
            ),
            connection.start_time,
            connection.stop_time,
            connection.ends,
            (one.begins or 0, other.begins or 0),
            self.frames,
            self._endings(),
            echoed(request, accept),
        )

    def connection_alone(self) -> Row:
        """The conversation, which is no association."""
        kind = self._kind()
        captured = self._each("captured")
        return (
            self.connection.number,
            self.first,
            (self.requestor.address, self.requestor.port),
            (self.acceptor.address, self.acceptor.port),
            kind,
            (captured["requestor"], captured["acceptor"]),
            tuple(tuple(self._row(one)) for one in self._findings_alone(kind)),
            self.connection.start_time,
            self.connection.stop_time,
            self.frames,
            self._endings(),
        )

    def _endings(self) -> Row:
        """The FIN and RST of the connection as rows, in the order of time."""
        found = self.connection.endings
        return tuple(map(tuple, sorted(found, key=_when) if len(found) > 1 else found))

    def _each(self, what: str) -> Mapping[Side, int]:
        directions = self.connection.directions
        return {side: getattr(directions[number], what) for side, number in self.index.items()}

    def _row(self, found: Finding) -> FindingRow:
        side = None if found.sender is None else self.index[found.sender]
        return FindingRow.of(found, side, self.frames and (found.frames or self.frames))

    # --- how it ended -------------------------------------------------------------------------

    def _outcome(self) -> Row:
        asked: Side | None = None  # who asked for the release
        for _, side, code, *values in sorted(self.talk.closings):
            sender = self.sides[side]
            if code == RJ:
                return "rejected", sender, *values
            if code == ABORT:
                return "aborted", sender, *values
            if code == RELEASE_RQ:
                asked = asked or sender
            if code == RELEASE_RP:
                return "released", asked or _opposite(sender), None, None, None
        end = self._first_ending()
        answered = any(row[1] != RQ for row in self.talk.pdus)
        awaited = _opposite(asked) if asked or not answered else None
        readers = self.talk.readers
        lost = any(
            reader.hidden == stream.offset
            for reader, stream in zip(readers, self.connection.directions, strict=True)
        )
        lost = lost or (awaited is not None and readers[self.index[awaited]].hidden is not None)
        if end is None or self._unseen() or lost:
            return "capture-ends", None, None, None, None  # it may be among the missing bytes
        ended = "closed-without-release" if answered else "unanswered"
        return ended, self.sides[end.side], None, None, None

    def _first_ending(self) -> Ending | None:
        return min(self.connection.endings, key=_when, default=None)

    def _unseen(self) -> Side | None:
        """The side that must have spoken, and of which the capture has no packet."""
        for side, number in self.index.items():
            directions = self.connection.directions
            if not directions[number].packets and directions[1 - number].captured:
                return side
        return None

    # --- findings -----------------------------------------------------------------------------

    def _findings(self, outcome: Row) -> Iterator[FindingRow]:
        yield from (self._row(one) for one in self._file_findings(outcome))
        ended = bool(self.connection.endings)
        for row in (*self.talk.findings, *self.talk.more()):
            # that a PDU is cut is the sender's matter only if the sender did it
            whole = ended and row.side is not None and not self.talk.readers[row.side].missing
            if whole or row.code not in CUT:
                yield row if self.frames else row._replace(first=None, last=None)

    def _file_findings(self, outcome: Row) -> Iterator[Finding]:
        """What the recording lacks, and how it shows."""
        unseen = self._unseen()
        if unseen:
            yield finding("capture-one-way", f"no packet of the {unseen} is there")
        lacking = () if self.talk.read_at_one_go else self.index.items()
        for side, number in lacking:
            stream, reader = self.connection.directions[number], self.talk.readers[number]
            if stream.captured and not stream.with_syn:
                what = f"the first bytes of the {side} are not there"
                yield finding("capture-begins-late", what, sender=side)
            if reader.missing:
                what = f"{stream.missing:,} bytes of the {side} are not in the capture"
                what += f", in {reader.gaps:,} places" if reader.gaps > 1 else ""
                yield finding("capture-gap", what, reader.missing, sender=side)
            if reader.foreign:
                for code, problem, span in _foreign(reader.beginning):
                    yield finding(code, problem, span, sender=side)
            elif reader.skipped:
                what = f"{reader.skipped:,} bytes of the {side} could not be assigned to a PDU"
                yield finding("capture-bytes-unread", what, sender=side)
            if reader.unexplained:
                what = f"{reader.unexplained:,} more PDUs of the {side} are wrong"
                yield finding("pdus-unexplained", what, sender=side)
            yield from self._differing(side, number)
        if outcome[0] == "capture-ends":
            closed = "the connection was closed, and " if self.connection.endings else ""
            what = f"{closed}the capture shows no end of the association"
            yield finding("capture-ends-early", what)

    def _differing(self, side: Side, number: int) -> Iterator[Finding]:
        """Segments that came again with other bytes than before: said once a direction."""
        found = [one for one in self.connection.differing if one[0] == number]
        if found:
            _, start, stop, seen = found[0]
            what = f"a segment of the {side} came again with other bytes"
            what += f", and {len(found) - 1:,} more did" if len(found) > 1 else ""
            frames = (seen.frame, seen.frame)
            yield finding(
                "tcp-retransmission-differs", what, Span(start, stop), sender=side, frames=frames
            )

    def _findings_alone(self, kind: Kind) -> Iterator[Finding]:
        acceptor = self.acceptor
        if kind == "refused":
            yield finding("connection-refused", f"{acceptor} refuses")
        elif kind == "no-answer":
            yield finding("connect-timeout", f"{acceptor} never answers")
        elif kind == "no-data":
            what = f"no data is seen between {self.requestor} and {acceptor}"
            yield finding("connection-unused", what)
        else:
            found = [list(_foreign(reader.beginning)) for reader in self.talk.readers]
            if kind == "not-dicom" and all(found):
                return  # they speak another protocol with each other, which is nobody's mistake
            both = all(any(one[0] == "not-dicom-tls" for one in each) for each in found)
            for side, each in zip(self.sides, found, strict=True):
                for code, what, span in each:
                    yield finding("connection-encrypted" if both else code, what, span, sender=side)

    def _kind(self) -> Kind:
        requestor, acceptor = (self.connection.directions[n] for n in self.index.values())
        beginnings = [reader.beginning for reader in self.talk.readers if reader.beginning]
        if beginnings:
            tls = any(one[0] == "not-dicom-tls" for each in beginnings for one in _foreign(each))
            return "tls" if tls else "not-dicom"
        if requestor.captured or acceptor.captured or acceptor.with_syn or not requestor.with_syn:
            return "no-data"
        refusals = [e for e in self.connection.endings if self.sides[e.side] == "acceptor"]
        if any(one.kind == "RST" for one in refusals):
            return "refused"
        return "no-data" if acceptor.packets else "no-answer"


def _foreign(beginning: bytes) -> Iterator[tuple[str, str, Span | None]]:
    """What the first bytes of a direction are, where they are no PDU."""
    for pdu in decode(beginning)[:1]:
        for one in pdu.findings:
            yield one.code, one.what, one.span


def _requestor(connection: TcpConnection, talk: Talk, ends: tuple[Endpoint, Endpoint]) -> int:
    """Which side is the requestor: by A-ASSOCIATE-RQ, else SYN, else what it asks, else ports."""
    if talk.request is not None:
        return talk.request[0]
    if connection.asked is not None:
        return connection.asked
    if talk.answerer is not None:
        return 1 - talk.answerer
    if talk.asked is not None:
        return talk.asked[1]
    return 0 if ends[0].port >= ends[1].port else 1


def _put_in_order(talk: Talk, spool: Spool) -> None:
    """Sort PDUs by the time at which they were whole; each direction keeps its order."""

    def key(item: tuple[int, PduRow]) -> tuple[int, int]:
        row = item[1]
        return (row.time if row.time is not None else row.last, row.last)

    def of(side: int) -> Iterator[tuple[int, PduRow]]:
        numbered = enumerate(map(PduRow._make, talk.pdus))
        return ((number, row) for number, row in numbered if row.side == side)

    places = array("q", bytes(8 * len(talk.pdus)))
    ordered = Rows(spool)
    for number, (before, row) in enumerate(heapq.merge(of(0), of(1), key=key)):
        places[before] = number
        ordered.append(tuple(row))
    talk.pdus = ordered
    talk.closings = [(places[one[0]], *one[1:]) for one in talk.closings]
    messages = [_moved(MessageRow._make(row), places) for row in talk.messages]
    messages.sort(key=lambda one: one.commanded)
    talk.messages = Rows(spool)
    for one in messages:
        talk.messages.append(tuple(one))


def _moved(row: MessageRow, places: Sequence[int]) -> MessageRow:
    """The row with the new indices of its PDUs."""
    runs: list[int] = []
    for index in sorted(places[one] for one in indices(row.pdus)):
        if runs and index == runs[-1] + 1:
            runs[-1] = index
        else:
            runs += [index, index]
    commanded = places[row.commanded[0]], row.commanded[1]
    return row._replace(pdus=tuple(runs), commanded=commanded)


def _when(ending: Ending) -> tuple[int, int]:
    return ending.time or 0, ending.frame


def _opposite(side: Side | None) -> Side:
    return "requestor" if side == "acceptor" else "acceptor"
