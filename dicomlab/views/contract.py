"""A dissected capture as JSON: the contract ``dicomlab.dissection/1``.

Keys may be added; none changes its meaning. ``null`` stands where a thing is not known. Numbers
of the protocol are integers, times decimal strings of seconds since 1970, frames count from 1,
offsets from 0 in the sender's stream.

The document is written while the capture is gone through, an association or connection a line, and
never stands in memory as a whole. What is there ten thousand times, PDUs and messages, is written
by a template of its own.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict
from functools import lru_cache
from itertools import islice
from json.encoder import encode_basestring_ascii as quoted
from typing import Any, TextIO

from dicomlab.model import (
    AssociationLine,
    Capture,
    Comparison,
    Connection,
    Ending,
    Finding,
    MessageLine,
    PduLine,
    Side,
    Verdict,
    association_lines,
)

SCHEMA = "dicomlab.dissection/1"
_SECOND = 9  # digits of its nanoseconds
_WRITTEN = 64  # pieces of the document that are written together
_LISTED = 256  # PDUs or messages that are joined before they are written


def to_json(capture: Capture) -> dict[str, Any]:
    """The capture as the values that its JSON document holds."""
    document: dict[str, Any] = json.loads("".join(_pieces(capture)))
    return document


def comparison_to_json(comparison: Comparison) -> dict[str, Any]:
    """Two associations or PDUs side by side as the values of a JSON document."""
    document = asdict(comparison)
    return {"schema": "dicomlab.comparison/1", **document}


def write(capture: Capture, file: TextIO) -> None:
    """Write the capture as one JSON document."""
    pieces = _pieces(capture)
    while some := "".join(islice(pieces, _WRITTEN)):
        file.write(some)


def _pieces(capture: Capture) -> Iterator[str]:
    digits = capture.digits
    yield json.dumps(_head(capture)).removesuffix("}")
    yield ',\n"associations": ['
    for number, association in enumerate(association_lines(capture.associations)):
        yield ",\n" if number else "\n"
        yield from _association(association, digits)
    yield '],\n"connections": ['
    for number, connection in enumerate(capture.connections):
        yield (",\n" if number else "\n") + json.dumps(_connection(connection, digits))
    yield "]}\n"


def _head(capture: Capture) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "capture": {
            "file": capture.file,
            "format": capture.format,
            "packets": capture.packets,
            "link_types": list(capture.link_types),
            "first_time": time_text(capture.first_time, capture.digits),
            "last_time": time_text(capture.last_time, capture.digits),
            "truncated_packets": capture.truncated_packets,
            "unread_packets": dict(capture.unread_packets),
            "damage": capture.damage,
            "comments": list(capture.comments),
        },
    }


def _association(association: AssociationLine, digits: int) -> Iterator[str]:
    yield (
        f'{{"connection": {association.connection}'
        f', "requestor": {quoted(association.requestor)}'
        f', "acceptor": {quoted(association.acceptor)}'
        f', "calling_ae_title": {_text(association.calling_ae_title)}'
        f', "called_ae_title": {_text(association.called_ae_title)}'
        f', "application_context": {_text(association.application_context)}'
        f', "outcome": {_outcome(association.outcome)}'
        f', "presentation_contexts": {_contexts(association.presentation_contexts)}'
        f', "negotiation": {{{_negotiation(association.negotiation)}}}, "pdus": ['
    )
    yield from _joined(_pdus(association.pdus, digits))
    yield '], "messages": ['
    yield from _joined(_messages(association.messages, digits))
    yield (
        f'], "missing_bytes": {_sides(association.missing_bytes)}'
        f', "retransmitted_segments": {_sides(association.retransmitted_segments)}'
        f', "out_of_order_segments": {_sides(association.out_of_order_segments)}'
        f', "endings": [{_endings(association.endings, digits)}], "findings": ['
    )
    yield from _joined(map(_finding, association.findings))
    yield f'], "verdict": {_verdict(association.verdict)}}}'


def _joined(texts: Iterator[str]) -> Iterator[str]:
    """Texts with commas between, many at a time."""
    comma = ""
    while some := ", ".join(islice(texts, _LISTED)):
        yield comma + some
        comma = ", "


def _pdus(pdus: Iterable[PduLine], digits: int) -> Iterator[str]:
    for sender, kind, start, end, frames, time, complete in pdus:
        yield (
            f'{_named(sender, kind)}, "start": {start}, "end": {end}'
            f', "frames": {"null" if frames is None else f"[{frames[0]}, {frames[1]}]"}'
            f', "time": {_time(time, digits)}, "complete": {"true" if complete else "false"}}}'
        )


def _messages(messages: Iterable[MessageLine], digits: int) -> Iterator[str]:
    for (
        sender, kind, context_id, message_id, responding_to, status, sop_class, sop_instance,
        dataset_bytes, start, end, time, complete, _, _, _, more,
    ) in messages:  # fmt: skip
        yield (
            f'{_named(sender, kind)}, "context_id": {context_id}'
            f', "message_id": {_number(message_id)}, "responding_to": {_number(responding_to)}'
            f', "status": {_number(status)}, "sop_class": {_text(sop_class)}'
            f', "sop_instance": {_text(sop_instance)}, "dataset_bytes": {_number(dataset_bytes)}'
            f', "start": {start}, "end": {end}, "time": {_time(time, digits)}'
            f', "complete": {"true" if complete else "false"}{_more(more) if more else ""}}}'
        )


@lru_cache(256)
def _named(sender: Side | None, kind: str | None) -> str:
    """How a PDU or message begins."""
    return f'{{"from": {_text(sender)}, "type": {_text(kind)}'


def _more(more: Mapping[str, Any]) -> str:
    return ", " + json.dumps({key: _plain(value) for key, value in more.items()})[1:-1]


def _text(text: str | None) -> str:
    return "null" if text is None else quoted(text)


def _number(number: int | None) -> str:
    return "null" if number is None else str(number)


def _time(time: int | None, digits: int) -> str:
    if time is None:
        return "null"
    text = str(time)
    if digits and len(text) > _SECOND and time > 0:
        return f'"{text[:-_SECOND]}.{text[-_SECOND:][:digits]}"'
    return f'"{time_text(time, digits)}"'


def time_text(time: int | None, digits: int) -> str | None:
    """Nanoseconds as seconds, with the decimal places that the file has."""
    if time is None:
        return None
    sign, time = ("-", -time) if time < 0 else ("", time)
    text = f"{time:010}"
    places = text[-9:][:digits]
    return f"{sign}{text[:-9]}.{places}" if places else f"{sign}{text[:-9]}"


def _sides(counts: Mapping[Side, int]) -> str:
    return f'{{"requestor": {counts["requestor"]}, "acceptor": {counts["acceptor"]}}}'


def _endings(endings: Iterable[Ending], digits: int) -> str:
    return ", ".join(
        [
            f'{{"by": "{one.sender}", "kind": "{one.kind}", "time": {_time(one.time, digits)}'
            f', "frame": {_number(one.frame)}'
            f', "hops": {"null" if one.hops is None else f"[{one.hops[0]}, {one.hops[1]}]"}}}'
            for one in endings
        ]
    )


@lru_cache(256)
def _outcome(outcome: tuple[Any, ...]) -> str:
    keys = "ended", "by", "result", "source", "reason"
    return json.dumps(dict(zip(keys, outcome, strict=True)))


@lru_cache(256)
def _contexts(contexts: tuple[tuple[Any, ...], ...]) -> str:
    keys = "id", "abstract_syntax", "proposed", "result", "accepted"
    return json.dumps([dict(zip(keys, one, strict=True)) for one in contexts])


def _negotiation(negotiation: Mapping[Side, Mapping[str, Any]]) -> str:
    return ", ".join([f'"{side}": {{{_pairs(said)}}}' for side, said in negotiation.items()])


def _pairs(values: Mapping[str, Any]) -> str:
    """What json.dumps() writes between the braces; for few values it costs more to ask it."""
    return ", ".join(
        [f'"{key}": {_WRITE.get(type(value), json.dumps)(value)}' for key, value in values.items()]
    )


_WRITE: dict[type, Callable[[Any], str]] = {int: str, str: quoted}


def _connection(connection: Connection, digits: int) -> dict[str, Any]:
    return {
        "connection": connection.connection,
        "requestor": str(connection.requestor),
        "acceptor": str(connection.acceptor),
        "kind": connection.kind,
        "bytes": dict(connection.bytes),
        "endings": json.loads(f"[{_endings(connection.endings, digits)}]"),
        "findings": [json.loads(_finding(one)) for one in connection.findings],
        "verdict": json.loads(_verdict(connection.verdict)),
    }


def _verdict(verdict: Verdict | None) -> str:
    if verdict is None:
        return "null"
    if not verdict.causes:
        return f'{{"summary": {quoted(verdict.summary)}, "causes": []}}'
    return json.dumps(asdict(verdict))


def _finding(finding: Finding) -> str:
    span, frames = finding.span, finding.frames
    start, stop = (span.start, span.stop) if span is not None else (None, None)
    return (
        f'{{"code": "{finding.code}", "severity": "{finding.severity}", "evidence": '
        f'{{"from": {_text(finding.sender)}, "start": {_number(start)}, "stop": {_number(stop)}'
        f', "frames": {"null" if frames is None else f"[{frames[0]}, {frames[1]}]"}}}'
        f', "what": {quoted(finding.what)}, "why": {quoted(finding.why)}'
        f', "remedy": {quoted(finding.remedy)}, "clause": {quoted(finding.clause)}}}'
    )


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, bytes):
        return value.hex()
    return list(value) if isinstance(value, tuple) else value
