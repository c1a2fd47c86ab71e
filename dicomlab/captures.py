"""Captures read and explained: ``dissect`` finds what was said, ``diagnosis`` what that means.

The two do not know each other; this is where they meet.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from dicomlab.diagnosis.diagnose import diagnosed
from dicomlab.diagnosis.verdict import of_attempt
from dicomlab.dissect import associations, many
from dicomlab.dissect.associations import Progress
from dicomlab.dissect.many import Batch, Found
from dicomlab.model import Association, Capture, CaptureError, Connection, Endpoint, Side

if TYPE_CHECKING:
    from dicomlab.net.echo import EchoResult
    from dicomlab.net.log import LogEntry


def dissect(
    path: str | os.PathLike[str],
    *,
    watch: Callable[[Progress], bool | None] | None = None,
    keep: bool = True,
) -> Capture:
    """What a capture file (pcap or pcapng, also gzipped; ``-`` is standard input) holds.

    Every association and every connection without one has its findings and its verdict, made when
    somebody looks. ``watch`` is told now and then how far it is; where it gives True, reading
    stops, and what was found so far is given. Damage too ends reading, and ``Capture.damage`` says
    where.

    The file must stay as long as trees, figures and data sets are asked for: they are read from it
    then. What comes through a pipe is copied to a temporary file for that, unless ``keep`` is
    false. Raises CaptureError where the file cannot be opened or is no capture.
    """
    return diagnosed(associations.dissect(path, watch=watch, keep=keep))


def from_exchange(
    entries: Iterable[tuple[int, Side, bytes | None]],
    requestor: Endpoint,
    acceptor: Endpoint,
    since: int | None = None,
) -> Capture:
    """The same of what one end noted of its own conversation, which began at ``since``."""
    return diagnosed(associations.from_exchange(entries, requestor, acceptor, since))


def from_log(log: Sequence[LogEntry]) -> Capture:
    """The same of the log of an SCU, which has at least the opening of its connection."""
    first = log[0]
    entries = [(entry.time, entry.sender, None if entry.reset else entry.data) for entry in log[1:]]
    return from_exchange(entries, first.requestor, first.acceptor, first.time)


def explained(result: EchoResult) -> EchoResult:
    """What came of a C-ECHO with its capture, all findings and the verdict."""
    if not result.log:  # there was not even a connection
        caller, called = result.calling_ae_title, result.called_ae_title
        verdict = of_attempt(result.findings[0], caller, called, result.host, result.port)
        return replace(result, verdict=verdict)
    capture = from_log(result.log)
    found: list[Association | Connection] = [*capture.associations, *capture.connections]
    whole = found[0]
    return replace(result, capture=capture, findings=whole.findings, verdict=whole.verdict)


def found_in(batch: Batch, watch: many.Watch | None = None) -> list[Found]:
    """What each of the files holds, or why it cannot be read."""
    return [
        one if isinstance(one, CaptureError) else diagnosed(one)
        for one in many.found_in(batch, watch)
    ]
