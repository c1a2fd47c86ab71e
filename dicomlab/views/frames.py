"""A capture as pandas DataFrames: its associations, their PDUs, their messages.

``connection`` joins the three. Times are UTC, codes are integers as on the wire.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from dicomlab.model import Association, DicomlabError, MessageLine, message_lines, pdu_lines
from dicomlab.views.listing import worst
from dicomlab.views.summary import meaning_of, reasons, summary

if TYPE_CHECKING:
    from pandas import DataFrame

LONGEST = 2**63  # nanoseconds that pandas knows no more
Columns = dict[str, str]  # the name of a column, and what stands in it


class Frames(NamedTuple):
    """What a capture holds, as pandas DataFrames."""

    associations: DataFrame
    pdus: DataFrame
    messages: DataFrame


def frames(capture: Any) -> Frames:
    """The tables of a Capture. DicomlabError where pandas is not installed."""
    try:
        import pandas as pd
    except ImportError:
        what = "DataFrames need pandas, which is not installed here."
        raise DicomlabError(what, "Install it: pip install pandas.") from None
    associations, pdus, messages = map(_Table, (ASSOCIATION, PDU, MESSAGE))
    for one in capture.associations:
        associations.add(_association(one))
        for row in _pdus(one):
            pdus.add(row)
        for message in message_lines(one.messages):
            messages.add(_message(one, message))
    return Frames(associations.frame(pd), pdus.frame(pd), messages.frame(pd))


# --- columns and rows ---------------------------------------------------------------------------

ASSOCIATION: Columns = {
    "connection": "number",
    "start_time": "time",
    "stop_time": "time",
    "requestor": "text",
    "acceptor": "text",
    "calling_ae_title": "text",
    "called_ae_title": "text",
    "ended": "kind",
    "by": "kind",
    "result": "number",
    "source": "number",
    "reason": "number",
    "contexts": "number",
    "accepted": "number",
    "pdus": "number",
    "messages": "number",
    "slowest": "duration",  # the longest wait for a response
    "failed": "truth",
    "why": "text",
    "missing_bytes": "number",
    "findings": "number",
    "worst": "kind",
}
PDU: Columns = {
    "connection": "number",
    "index": "number",
    "sender": "kind",
    "type": "kind",
    "start": "number",
    "end": "number",
    "first_frame": "number",
    "last_frame": "number",
    "time": "time",
    "complete": "truth",
}
MESSAGE: Columns = {
    "connection": "number",
    "sender": "kind",
    "type": "kind",
    "context_id": "number",
    "message_id": "number",
    "responding_to": "number",
    "status": "number",
    "meaning": "kind",
    "sop_class": "kind",
    "sop_instance": "text",
    "dataset_bytes": "number",
    "start": "number",
    "end": "number",
    "time": "time",
    "complete": "truth",
}


def _association(one: Association) -> tuple[Any, ...]:
    found, outcome = summary(one), one.outcome
    results = [context.result for context in one.presentation_contexts]
    return (
        one.connection,
        one.start_time,
        one.stop_time,
        str(one.requestor),
        str(one.acceptor),
        one.calling_ae_title,
        one.called_ae_title,
        outcome.ended,
        outcome.by,
        outcome.result,
        outcome.source,
        outcome.reason,
        len(results),
        results.count(0),
        len(one.pdus),
        len(one.messages),
        found.slowest,
        found.failed,
        " ".join(reasons(one, found)),
        sum(one.missing_bytes.values()),
        len(one.findings),
        worst(one),
    )


def _pdus(one: Association) -> Iterator[tuple[Any, ...]]:
    for index, line in enumerate(pdu_lines(one.pdus)):
        sender, kind, start, end, in_frames, time, complete = line
        first, last = in_frames or (None, None)
        yield one.connection, index, sender, kind, start, end, first, last, time, complete


def _message(association: Association, one: MessageLine) -> tuple[Any, ...]:
    return (
        association.connection,
        one.sender,
        one.type,
        one.context_id,
        one.message_id,
        one.responding_to,
        one.status,
        None if one.status is None else meaning_of(association, one),
        one.sop_class,
        one.sop_instance,
        one.dataset_bytes,
        one.start,
        one.end,
        one.time,
        one.complete,
    )


# --- rows to tables -------------------------------------------------------------------------------


class _Table:
    """A table that is filled row by row."""

    def __init__(self, columns: Columns) -> None:
        self._columns = columns
        self._values: tuple[list[Any], ...] = tuple([] for _ in columns)

    def add(self, row: Iterable[Any]) -> None:
        """The next row."""
        for values, value in zip(self._values, row, strict=True):
            values.append(value)

    def frame(self, pd: Any) -> DataFrame:
        """The table as it is now."""
        named = zip(self._columns.items(), self._values, strict=True)
        return pd.DataFrame({name: _MADE[kind](pd, values) for (name, kind), values in named})


def _nanoseconds(pd: Any, values: list[int | None]) -> Any:
    """Whole numbers: floats are too short for nanoseconds. What no calendar has is not there."""
    known = (one if one is None or abs(one) < LONGEST else None for one in values)
    return pd.array(list(known), dtype="Int64")


_MADE: dict[str, Callable[[Any, list[Any]], Any]] = {
    "number": lambda pd, values: pd.array(values, dtype="Int64"),
    "text": lambda pd, values: values,
    "kind": lambda pd, values: pd.Categorical(values),
    "truth": lambda pd, values: pd.array(values, dtype="bool"),
    "time": lambda pd, values: pd.to_datetime(_nanoseconds(pd, values), unit="ns", utc=True),
    "duration": lambda pd, values: pd.to_timedelta(_nanoseconds(pd, values), unit="ns"),
}
