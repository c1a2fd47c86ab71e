"""Connections to associations: who, what was agreed, what was said, how it ended.

:func:`dissect` reads a capture file, :func:`from_exchange` what one end noted of its own
conversation; from the TCP connection on, both take the same way.
"""

from __future__ import annotations

import heapq
import io
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from dicomlab.dissect.agreement import contexts, negotiation
from dicomlab.dissect.network import ACK, FIN, RST, SYN, Network, Segment, endpoint
from dicomlab.dissect.pcap import Reader, link_type_name
from dicomlab.dissect.reading import PduReader, ReadPdu, is_certain
from dicomlab.dissect.tcp import Connections, Ending, TcpConnection
from dicomlab.model import (
    Association,
    Capture,
    CaptureError,
    Connection,
    Endpoint,
    Finding,
    Message,
    Outcome,
    Pdu,
    Side,
    Span,
    printable,
)
from dicomlab.protocol.codec import decode, finding
from dicomlab.protocol.dimse import Assembler
from dicomlab.spec.command import BY_NAME, RESPONSE

_CUT = ("pdu-truncated", "pdu-header-truncated")
# requests that an acceptor sends as well: sub-operations and notices
_EITHER_WAY = {BY_NAME[name].command_field for name in ("C-STORE-RQ", "N-EVENT-REPORT-RQ")}
Kind = Literal["refused", "no-answer", "no-data", "tls", "not-dicom"]


def dissect(path: str | os.PathLike[str]) -> Capture:
    """What a capture file (pcap or pcapng, also gzipped; ``-`` is standard input) holds.

    Raises CaptureError where the file cannot be opened or is no capture. Damage further on does
    not: all that stands before is given, and ``Capture.damage`` says where it is.
    """
    name = os.fspath(path)
    with _opened(name) as file:
        reader = Reader(file, name)
        network = Network()
        dissection = _Dissection()
        times: list[int] = []  # the first and the last
        for packet in reader:
            if packet.time is not None:
                low, high = times or (packet.time, packet.time)
                times = [min(low, packet.time), max(high, packet.time)]
            segment = network.segment(packet.link_type, packet.data, packet.size)
            if segment is not None:
                dissection.connections.segment(segment, packet.time, packet.frame)
        dissection.connections.finish()
    return Capture(
        file=name,
        format=reader.format,
        packets=reader.packets,
        link_types=tuple(dict.fromkeys(link_type_name(one) for one in reader.link_types)),
        first_time=times[0] if times else None,
        last_time=times[1] if times else None,
        truncated_packets=reader.truncated,
        damage=reader.damage,
        associations=dissection.associations,
        connections=dissection.without_association,
        digits=reader.digits,
        comments=tuple(reader.comments),
    )


@contextmanager
def _opened(name: str) -> Iterator[io.BufferedReader]:
    try:
        if name == "-":
            with open(0, "rb", closefd=False) as file:
                yield file
        else:
            with Path(name).open("rb") as file:
                yield file
    except OSError as error:
        why = error.strerror or str(error)
        raise CaptureError(f"{printable(name)} cannot be read: {why}.") from None


def from_exchange(
    entries: Iterable[tuple[int, Side, bytes | None]], requestor: Endpoint, acceptor: Endpoint
) -> Capture:
    """What one end noted of a connection that was made: (nanoseconds since 1970, sender, bytes).

    No bytes (``b""``) say that the sender closed its direction, ``None`` that it reset the
    connection. The result is a capture without file and frames.
    """
    ends: dict[Side, bytes] = {"requestor": b"requestor", "acceptor": b"acceptor"}
    sent: dict[Side, int] = {"requestor": 0, "acceptor": 0}
    dissection = _Dissection((requestor, acceptor))
    times: list[int] = []

    def segment(sender: Side, flags: int, data: bytes = b"") -> Segment:
        other: Side = "acceptor" if sender == "requestor" else "requestor"
        one = Segment(ends[sender], ends[other], sent[sender], flags, data, len(data))
        sent[sender] = (sent[sender] + len(data) + bool(flags & (SYN | FIN))) & 0xFFFFFFFF
        return one

    for number, (time, sender, data) in enumerate(entries):
        if not times:
            dissection.connections.segment(segment("requestor", SYN), time, number)
            dissection.connections.segment(segment("acceptor", SYN | ACK), time, number)
        times.append(time)
        flags = RST if data is None else ACK if data else FIN
        dissection.connections.segment(segment(sender, flags, data or b""), time, number)
    dissection.connections.finish()
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
    """Makes an Association, or a Connection, of every TCP connection that has ended."""

    def __init__(self, ends: tuple[Endpoint, Endpoint] | None = None) -> None:
        self.connections = Connections(self._opened, self._closed)
        self._ends = ends
        self._readers: dict[int, tuple[PduReader, PduReader]] = {}
        self._done: dict[int, Association | Connection] = {}

    @property
    def associations(self) -> tuple[Association, ...]:
        """Those found, in the order of their connections."""
        return tuple(one for one in self._in_order() if isinstance(one, Association))

    @property
    def without_association(self) -> tuple[Connection, ...]:
        """The other TCP connections."""
        return tuple(one for one in self._in_order() if isinstance(one, Connection))

    def _in_order(self) -> Iterator[Association | Connection]:
        return (self._done[number] for number in sorted(self._done))

    def _opened(self, connection: TcpConnection) -> tuple[PduReader, PduReader]:
        readers = self._readers[connection.number] = PduReader(), PduReader()
        return readers

    def _closed(self, connection: TcpConnection) -> None:
        readers = self._readers.pop(connection.number)
        for reader in readers:
            reader.finish()
        ends = self._ends or (endpoint(connection.ends[0]), endpoint(connection.ends[1]))
        conversation = _Conversation(connection, readers, ends, with_frames=self._ends is None)
        self._done[connection.number] = (
            conversation.association()
            if conversation.is_association()
            else conversation.connection_alone()
        )


class _Conversation:
    """One TCP connection that has ended, as a conversation between requestor and acceptor."""

    def __init__(
        self,
        connection: TcpConnection,
        readers: tuple[PduReader, PduReader],
        ends: tuple[Endpoint, Endpoint],
        *,
        with_frames: bool,
    ) -> None:
        self.connection = connection
        self.frames = (connection.first_frame, connection.last_frame) if with_frames else None
        self.readers = readers
        first = _requestor(connection, readers, ends)
        self.sides: tuple[Side, Side] = (
            ("requestor", "acceptor") if first == 0 else ("acceptor", "requestor")
        )
        self.index: dict[Side, int] = {"requestor": first, "acceptor": 1 - first}
        self.ends: dict[Side, Endpoint] = {
            side: ends[number] for side, number in self.index.items()
        }

    def is_association(self) -> bool:
        """An A-ASSOCIATE-RQ or -AC was seen; or else PDUs, and nothing that is none."""
        read = [one.pdu for reader in self.readers for one in reader.pdus]
        if any(_opens_association(pdu) for pdu in read):
            return True
        strange = any(reader.foreign for reader in self.readers)
        return not strange and any(is_certain(pdu) for pdu in read)

    def association(self) -> Association:
        """The conversation as an association."""
        pdus = self._pdus()
        request = _first(pdus, "A-ASSOCIATE-RQ")
        accept = _first(pdus, "A-ASSOCIATE-AC")
        messages = _messages(pdus)
        outcome = self._outcome(pdus)
        opening = request or accept
        return Association(
            connection=self.connection.number,
            requestor=self.ends["requestor"],
            acceptor=self.ends["acceptor"],
            calling_ae_title=_title(request, "Calling-AE-title"),
            called_ae_title=_title(request, "Called-AE-title"),
            application_context=_application_context(opening),
            outcome=outcome,
            presentation_contexts=contexts(request, accept),
            negotiation={"requestor": negotiation(request), "acceptor": negotiation(accept)},
            pdus=pdus,
            messages=messages,
            findings=(
                *self._file_findings(outcome),
                *self._pdu_findings(pdus),
                *_message_findings(pdus, messages),
            ),
            missing_bytes=self._each("missing"),
            retransmitted_segments=self._each("retransmitted"),
            out_of_order_segments=self._each("early"),
            start_time=self.connection.start_time,
            stop_time=self.connection.stop_time,
        )

    def connection_alone(self) -> Connection:
        """The conversation, which is no association."""
        kind = self._kind()
        return Connection(
            connection=self.connection.number,
            requestor=self.ends["requestor"],
            acceptor=self.ends["acceptor"],
            kind=kind,
            bytes=self._each("bytes"),
            findings=self._findings_alone(kind),
        )

    def _each(self, what: str) -> Mapping[Side, int]:
        streams = self.connection.streams
        return {side: getattr(streams[number], what) for side, number in self.index.items()}

    # --- PDUs and their end -------------------------------------------------------------------

    def _pdus(self) -> tuple[Pdu, ...]:
        """The PDUs of both directions by the time at which they were whole."""

        def key(item: tuple[Side, ReadPdu]) -> tuple[int, int]:
            read = item[1]
            return (read.time if read.time is not None else read.frames[1], read.frames[1])

        directions = (
            [(side, read) for read in reader.pdus]
            for side, reader in zip(self.sides, self.readers, strict=True)
        )
        return tuple(
            replace(
                read.pdu,
                sender=side,
                time=read.time,
                index=index,
                complete=read.pdu.complete and not read.hole,
                frames=read.frames if self.frames else None,
            )
            for index, (side, read) in enumerate(heapq.merge(*directions, key=key))
        )

    def _outcome(self, pdus: Sequence[Pdu]) -> Outcome:
        asked: Side | None = None  # who asked for the release
        for pdu in pdus:
            if pdu.type == "A-ASSOCIATE-RJ":
                return _ended("rejected", pdu)
            if pdu.type == "A-ABORT":
                return _ended("aborted", pdu)
            if pdu.type == "A-RELEASE-RQ":
                asked = asked or pdu.sender
            if pdu.type == "A-RELEASE-RP":
                return Outcome("released", asked or _opposite(pdu.sender))
        end = self._first_ending()
        answered = any(pdu.type != "A-ASSOCIATE-RQ" for pdu in pdus)
        awaited = _opposite(asked) if asked or not answered else None
        if end is None or self._unseen() or (awaited and self._each("missing")[awaited]):
            return Outcome("capture-ends")  # the answer may be among the missing bytes
        return Outcome("closed-without-release" if answered else "unanswered", self.sides[end.side])

    def _first_ending(self) -> Ending | None:
        endings = self.connection.endings
        return min(endings, key=lambda one: (one.time or 0, one.frame), default=None)

    def _unseen(self) -> Side | None:
        """The side that must have spoken, and of which the capture has no packet."""
        for side, number in self.index.items():
            streams = self.connection.streams
            if not streams[number].packets and streams[1 - number].bytes:
                return side
        return None

    # --- findings -----------------------------------------------------------------------------

    def _file_findings(self, outcome: Outcome) -> Iterator[Finding]:
        """What the recording lacks, and how it shows."""
        unseen = self._unseen()
        if unseen:
            yield finding(
                "capture-one-way", f"no packet of the {unseen} is there", frames=self.frames
            )
        for side, number in self.index.items():
            stream, reader = self.connection.streams[number], self.readers[number]
            where: dict[str, Any] = {"sender": side, "frames": self.frames}
            if stream.bytes and not stream.with_syn:
                yield finding(
                    "capture-begins-late", f"the first bytes of the {side} are not there", **where
                )
            if reader.missing:
                what = f"{stream.missing:,} bytes of the {side} are not in the capture"
                what += f", in {reader.gaps:,} places" if reader.gaps > 1 else ""
                yield finding("capture-gap", what, reader.missing, **where)
            if reader.skipped:
                what = f"{reader.skipped:,} bytes of the {side} could not be assigned to a PDU"
                yield finding("capture-bytes-unread", what, **where)
        if outcome.ended == "capture-ends":
            yield finding(
                "capture-ends-early",
                "the capture shows no end of the association",
                frames=self.frames,
            )

    def _pdu_findings(self, pdus: Sequence[Pdu]) -> Iterator[Finding]:
        """What the PDUs show; that one is cut is the sender's matter only if the sender did it."""
        ended = bool(self.connection.endings)
        for pdu in pdus:
            whole = ended and pdu.sender and not self.readers[self.index[pdu.sender]].missing
            for one in pdu.findings:
                if whole or one.code not in _CUT:
                    yield replace(one, sender=pdu.sender, frames=pdu.frames)

    def _findings_alone(self, kind: Kind) -> tuple[Finding, ...]:
        acceptor = self.ends["acceptor"]
        if kind == "refused":
            return (finding("connection-refused", f"{acceptor} refuses", frames=self.frames),)
        if kind == "no-answer":
            return (finding("connect-timeout", f"{acceptor} never answers", frames=self.frames),)
        if kind == "no-data":
            what = f"no data is seen between {self.ends['requestor']} and {acceptor}"
            return (finding("connection-unused", what, frames=self.frames),)
        return tuple(
            replace(one, sender=side, frames=self.frames)
            for side, reader in zip(self.sides, self.readers, strict=True)
            for pdu in decode(reader.beginning)[:1]
            for one in pdu.findings
            if one.code.startswith("not-dicom")
        )

    def _kind(self) -> Kind:
        requestor, acceptor = (self.connection.streams[n] for n in self.index.values())
        beginnings = [reader.beginning for reader in self.readers if reader.beginning]
        if beginnings:
            tls = any(
                one.code == "not-dicom-tls"
                for beginning in beginnings
                for pdu in decode(beginning)[:1]
                for one in pdu.findings
            )
            return "tls" if tls else "not-dicom"
        if requestor.bytes or acceptor.bytes or acceptor.with_syn or not requestor.with_syn:
            return "no-data"
        refusals = [e for e in self.connection.endings if self.sides[e.side] == "acceptor"]
        if any(one.kind == "RST" for one in refusals):
            return "refused"
        return "no-data" if acceptor.packets else "no-answer"


def _requestor(
    connection: TcpConnection,
    readers: tuple[PduReader, PduReader],
    ends: tuple[Endpoint, Endpoint],
) -> int:
    """Which side is the requestor: by A-ASSOCIATE, else SYN, else by what it asks, else ports."""
    types = [{one.pdu.type for one in reader.pdus} for reader in readers]
    for side in (0, 1):
        if "A-ASSOCIATE-RQ" in types[side]:
            return side
        if types[side] & {"A-ASSOCIATE-AC", "A-ASSOCIATE-RJ"}:
            return 1 - side
    if any(stream.with_syn for stream in connection.streams):
        return 0
    evidence = (one for side in (0, 1) for one in _asks(readers[side], side))
    by_port = 0 if ends[0].port >= ends[1].port else 1
    return min(evidence, default=(0, by_port))[1]


def _asks(reader: PduReader, side: int) -> Iterator[tuple[int, int]]:
    """What in a side's PDUs tells of the requestor: how weak it is, and who that would be."""
    for one in reader.pdus:
        if one.pdu.type == "A-RELEASE-RQ":
            yield 0, side
        for field in one.pdu.walk():
            if field.name == "Command Field" and isinstance(field.value, int):
                weak = field.value & ~RESPONSE in _EITHER_WAY
                yield 1 + weak, 1 - side if field.value & RESPONSE else side


def _opens_association(pdu: Pdu) -> bool:
    """Whether this is an A-ASSOCIATE-RQ or -AC, be it a bad one."""
    if pdu.type not in ("A-ASSOCIATE-RQ", "A-ASSOCIATE-AC"):
        return False
    return any(
        (one.name == "Protocol-version" and one.value == 1) or one.name == "Application Context"
        for one in pdu.fields
    )


def _messages(pdus: Sequence[Pdu]) -> tuple[Message, ...]:
    """The DIMSE messages, in the order in which their command sets were complete."""
    assemblers: dict[Side, Assembler] = {
        "requestor": Assembler("requestor"),
        "acceptor": Assembler("acceptor"),
    }
    messages = [
        message
        for pdu in pdus
        if pdu.type == "P-DATA-TF" and pdu.sender is not None
        for message in assemblers[pdu.sender].feed(pdu)
    ]
    messages += [message for one in assemblers.values() for message in one.rest()]

    def commanded(message: Message) -> tuple[int, int]:
        """The PDU in which the command set ended, and the place there."""
        end = message.fragments[-1].stop if message.fragments else message.start
        carriers = (n for n in message.pdus if pdus[n].stop >= end)
        return next(carriers, message.pdus[-1]), end

    return tuple(
        replace(one, complete=False) if not all(pdus[n].complete for n in one.pdus) else one
        for one in sorted(messages, key=commanded)
    )


def _message_findings(pdus: Sequence[Pdu], messages: Sequence[Message]) -> Iterator[Finding]:
    for message in messages:
        if message.findings:
            carriers = [pdus[n].frames for n in message.pdus]
            known = [frames for frames in carriers if frames is not None]
            frames = (known[0][0], known[-1][1]) if known else None
            span = Span(message.start, message.stop)
            for one in message.findings:
                yield replace(one, sender=message.sender, frames=frames, span=span)


def _first(pdus: Iterable[Pdu], kind: str) -> Pdu | None:
    return next((pdu for pdu in pdus if pdu.type == kind), None)


def _value(pdu: Pdu, name: str) -> Any:
    return next((one.value for one in pdu.fields if one.name == name), None)


def _title(request: Pdu | None, name: str) -> str | None:
    value = _value(request, name) if request is not None else None
    return value.strip(" \0") if isinstance(value, str) else None


def _application_context(pdu: Pdu | None) -> str | None:
    for one in pdu.walk() if pdu is not None else ():
        if one.name == "Application-context-name" and isinstance(one.value, str):
            return one.value.rstrip(" \0")
    return None


def _ended(how: Literal["rejected", "aborted"], pdu: Pdu) -> Outcome:
    """The outcome that an A-ASSOCIATE-RJ or A-ABORT says."""
    values = (_value(pdu, name) for name in ("Result", "Source", "Reason/Diag."))
    result, source, reason = (one if isinstance(one, int) else None for one in values)
    return Outcome(how, pdu.sender, result, source, reason)


def _opposite(side: Side | None) -> Side:
    return "requestor" if side == "acceptor" else "acceptor"
