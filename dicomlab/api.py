"""The face of dicomlab: what ``import dicomlab as dl`` gives, composed of the rooms below."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterable
from concurrent.futures.process import BrokenProcessPool
from typing import TYPE_CHECKING

from dicomlab.captures import dissect, explained, found_in
from dicomlab.diagnosis.compare import compare
from dicomlab.dissect.cutting import save
from dicomlab.dissect.datasets import export
from dicomlab.dissect.many import in_order
from dicomlab.dissect.segments import segments_of
from dicomlab.dissect.turns import RoundTrips, round_trips, tcp_segments
from dicomlab.exercises import CheckResult, Exam, Site, broken_site, check, exam
from dicomlab.machine import doctor
from dicomlab.model import (
    Association,
    BuildError,
    Capture,
    CaptureError,
    Comparison,
    DicomlabError,
    Difference,
    Finding,
    Message,
    Pdu,
    PeerError,
)
from dicomlab.net import echo as _echo
from dicomlab.net.echo import EchoResult
from dicomlab.net.faults import FaultSCP
from dicomlab.net.scp import EchoSCP
from dicomlab.net.scu import SCU
from dicomlab.processes import Processes, find
from dicomlab.protocol.build import Draft, build
from dicomlab.protocol.codec import decode
from dicomlab.protocol.replay import Replay, replay
from dicomlab.recording.opinion import SecondOpinion, second_opinion
from dicomlab.recording.record import Recording, record

if TYPE_CHECKING:
    from concurrent.futures import Executor

__all__ = [
    "SCU",
    "Association",
    "BuildError",
    "Capture",
    "CaptureError",
    "CheckResult",
    "Comparison",
    "DicomlabError",
    "Difference",
    "Draft",
    "EchoResult",
    "EchoSCP",
    "Exam",
    "FaultSCP",
    "Finding",
    "Message",
    "Pdu",
    "PeerError",
    "Recording",
    "Replay",
    "RoundTrips",
    "SecondOpinion",
    "Site",
    "broken_site",
    "build",
    "check",
    "compare",
    "decode",
    "dissect",
    "dissect_many",
    "doctor",
    "echo",
    "exam",
    "export",
    "record",
    "replay",
    "round_trips",
    "save",
    "second_opinion",
    "segments_of",
    "tcp_segments",
]


def echo(
    host: str,
    port: int,
    *,
    called_ae_title: str = "ANY-SCP",
    calling_ae_title: str = "DICOMLAB",
    timeout: float = 10.0,
) -> EchoResult:
    """Ask ``called_ae_title`` at ``host`` and ``port`` for a C-ECHO; each step within ``timeout``.

    ``result.ok`` can be trusted; where it is false, ``result.layer`` says where it failed,
    ``result.findings`` what shows it, and ``result.verdict`` why, and who has to change what.
    ``result.capture`` holds what went over the wire.
    BuildError for an AE title that cannot be sent, and for a host, a port or a time-out that is
    none; a failing peer is an answer, not an exception.
    """
    result = _echo.echo(
        host,
        port,
        called_ae_title=called_ae_title,
        calling_ae_title=calling_ae_title,
        timeout=timeout,
    )
    return explained(result)


def dissect_many(
    paths: Iterable[str | os.PathLike[str]], executor: Executor | None = None
) -> Generator[Capture | CaptureError, None, None]:
    """Dissect many capture files at once; gives what each holds, in the order of ``paths``.

    In the place of a file that cannot be read stands the CaptureError that says why; one path
    instead of many is a CaptureError too.

    ``executor`` is any of ``concurrent.futures``, or Dask's ``client.get_executor()``. Without one,
    processes take all cores of this machine (in a script, call this below
    ``if __name__ == "__main__":``); they end when the iterator is exhausted or closed. Twice as
    many files as are dissected at once are under way; those not begun by then are left alone.
    """
    if isinstance(paths, str | bytes | os.PathLike) or not isinstance(paths, Iterable):
        what = f"{type(paths).__name__} is no list of paths."
        raise CaptureError(what, "Give one, as in dissect_many([path]), or dissect() one file.")
    if executor is not None:
        yield from in_order(paths, executor, found_in)
        return
    with Processes() as processes:
        try:
            yield from in_order(paths, processes, find)
        except BrokenProcessPool:
            raise CaptureError(
                "A process that dissected a file has died.",
                'In a script, call dissect_many() below `if __name__ == "__main__":`.',
            ) from None
