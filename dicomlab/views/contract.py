"""A dissected capture as JSON: the contract ``dicomlab.dissection/1``.

Keys may be added; none changes its meaning. ``null`` stands where a thing is not known. Numbers
of the protocol are integers, times decimal strings of seconds since 1970, frames count from 1,
offsets from 0 in the sender's stream.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, TextIO

from dicomlab.model import (
    Association,
    Capture,
    Connection,
    Finding,
    Message,
    Pdu,
    PresentationContext,
)
from dicomlab.protocol.codec import PDU_HEADER

SCHEMA = "dicomlab.dissection/1"


def to_json(capture: Capture) -> dict[str, Any]:
    """The capture as values that ``json`` can write."""
    return {**_head(capture), **{key: list(rows) for key, rows in _lists(capture).items()}}


def write(capture: Capture, file: TextIO) -> None:
    """Write the capture as one JSON document, an association or connection a line."""
    file.writelines(_pieces(capture))


def _pieces(capture: Capture) -> Iterator[str]:
    yield json.dumps(_head(capture)).removesuffix("}")
    for key, rows in _lists(capture).items():
        yield f',\n"{key}": ['
        for number, row in enumerate(rows):
            yield (",\n" if number else "\n") + json.dumps(row)
        yield "]"
    yield "}\n"


def _head(capture: Capture) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "capture": {
            "file": capture.file,
            "format": capture.format,
            "packets": capture.packets,
            "link_types": list(capture.link_types),
            "first_time": _time(capture.first_time, capture.digits),
            "last_time": _time(capture.last_time, capture.digits),
            "truncated_packets": capture.truncated_packets,
            "damage": capture.damage,
            "comments": list(capture.comments),
        },
    }


def _lists(capture: Capture) -> dict[str, Iterator[dict[str, Any]]]:
    return {
        "associations": (_association(one, capture.digits) for one in capture.associations),
        "connections": (_connection(one) for one in capture.connections),
    }


def _association(association: Association, digits: int) -> dict[str, Any]:
    outcome = association.outcome
    return {
        "connection": association.connection,
        "requestor": str(association.requestor),
        "acceptor": str(association.acceptor),
        "calling_ae_title": association.calling_ae_title,
        "called_ae_title": association.called_ae_title,
        "application_context": association.application_context,
        "outcome": {
            "ended": outcome.ended,
            "by": outcome.by,
            "result": outcome.result,
            "source": outcome.source,
            "reason": outcome.reason,
        },
        "presentation_contexts": [_context(one) for one in association.presentation_contexts],
        "negotiation": {side: dict(said) for side, said in association.negotiation.items()},
        "pdus": [_pdu(one, digits) for one in association.pdus],
        "messages": [_message(one, digits) for one in association.messages],
        "missing_bytes": dict(association.missing_bytes),
        "retransmitted_segments": dict(association.retransmitted_segments),
        "out_of_order_segments": dict(association.out_of_order_segments),
        "findings": [_finding(one) for one in association.findings],
    }


def _connection(connection: Connection) -> dict[str, Any]:
    return {
        "connection": connection.connection,
        "requestor": str(connection.requestor),
        "acceptor": str(connection.acceptor),
        "kind": connection.kind,
        "bytes": dict(connection.bytes),
        "findings": [_finding(one) for one in connection.findings],
    }


def _context(context: PresentationContext) -> dict[str, Any]:
    return {
        "id": context.id,
        "abstract_syntax": context.abstract_syntax,
        "proposed": list(context.proposed),
        "result": context.result,
        "accepted": context.accepted,
    }


def _pdu(pdu: Pdu, digits: int) -> dict[str, Any]:
    return {
        "from": pdu.sender,
        "type": pdu.type,
        "start": pdu.start,
        "end": _end(pdu),
        "frames": list(pdu.frames) if pdu.frames else None,
        "time": _time(pdu.time, digits),
        "complete": pdu.complete,
    }


def _end(pdu: Pdu) -> int:
    """Where the PDU ends; for one that is not complete, where it says so, if it does."""
    if not pdu.complete:
        for one in pdu.fields:
            if one.name == "PDU-length" and isinstance(one.value, int):
                return pdu.start + PDU_HEADER + one.value
    return pdu.stop


def _message(message: Message, digits: int) -> dict[str, Any]:
    return {
        "from": message.sender,
        "type": message.type,
        "context_id": message.context_id,
        "message_id": message.message_id,
        "responding_to": message.responding_to,
        "status": message.status,
        "sop_class": message.sop_class,
        "sop_instance": message.sop_instance,
        "dataset_bytes": message.dataset_bytes,
        "start": message.start,
        "end": message.stop,
        "time": _time(message.time, digits),
        "complete": message.complete,
        **{key: _plain(value) for key, value in message.more.items()},
    }


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "code": finding.code,
        "severity": finding.severity,
        "evidence": {
            "from": finding.sender,
            "start": finding.span.start if finding.span else None,
            "stop": finding.span.stop if finding.span else None,
            "frames": list(finding.frames) if finding.frames else None,
        },
        "what": finding.what,
        "why": finding.why,
        "remedy": finding.remedy,
        "clause": finding.clause,
    }


def _time(time: int | None, digits: int) -> str | None:
    """Nanoseconds as seconds, with the decimal places that the file has."""
    if time is None:
        return None
    sign, time = ("-", -time) if time < 0 else ("", time)
    seconds, fraction = divmod(time, 10**9)
    places = f"{fraction:09}"[:digits]
    return f"{sign}{seconds}.{places}" if places else f"{sign}{seconds}"


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, bytes):
        return value.hex()
    return list(value) if isinstance(value, tuple) else value
