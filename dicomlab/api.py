"""The face of dicomlab: what ``import dicomlab as dl`` gives, composed of the rooms below."""

from __future__ import annotations

from dataclasses import replace

from dicomlab.dissect.associations import dissect, from_exchange
from dicomlab.exercises import CheckResult, check
from dicomlab.model import (
    Association,
    BuildError,
    Capture,
    CaptureError,
    DicomlabError,
    Finding,
    Message,
    Pdu,
    PeerError,
)
from dicomlab.net import echo as _echo
from dicomlab.net.echo import EchoResult
from dicomlab.net.scp import EchoSCP
from dicomlab.net.scu import SCU
from dicomlab.protocol.build import Draft, build
from dicomlab.protocol.codec import decode
from dicomlab.recording.opinion import SecondOpinion, second_opinion
from dicomlab.recording.record import Recording, record

__all__ = [
    "SCU",
    "Association",
    "BuildError",
    "Capture",
    "CaptureError",
    "CheckResult",
    "DicomlabError",
    "Draft",
    "EchoResult",
    "EchoSCP",
    "Finding",
    "Message",
    "Pdu",
    "PeerError",
    "Recording",
    "SecondOpinion",
    "build",
    "check",
    "decode",
    "dissect",
    "echo",
    "record",
    "second_opinion",
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

    ``result.ok`` can be trusted; where it is false, ``result.layer`` and ``result.findings`` say
    where it failed and who has to change what. ``result.capture`` holds what went over the wire.
    BuildError for an AE title that cannot be sent; a failing peer is an answer, not an exception.
    """
    result = _echo.echo(
        host,
        port,
        called_ae_title=called_ae_title,
        calling_ae_title=calling_ae_title,
        timeout=timeout,
    )
    if not result.log:
        return result
    first = result.log[0]
    entries = [(entry.time, entry.sender, entry.data) for entry in result.log[1:]]
    return replace(result, capture=from_exchange(entries, first.requestor, first.acceptor))
