"""One PDU sent to a peer, with what it takes to be heard, and what comes of it."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from dicomlab.captures import from_log
from dicomlab.model import Association, BuildError, Capture, Connection, DicomlabError, printable
from dicomlab.net.scu import SCU
from dicomlab.protocol.build import Draft, build
from dicomlab.spec import names
from dicomlab.views.layout import ByteLayout, Findings, findings_of, rows
from dicomlab.views.reasons import Reasons, reasons_of

PATIENCE = 5.0  # seconds for each step
HEARD = 8  # PDUs of the peer that are shown


@dataclass(frozen=True, slots=True)
class Sent:
    """What came of sending a PDU: the conversation, if there was one, and where it stopped."""

    capture: Capture | None = None
    problem: DicomlabError | None = None

    @property
    def whole(self) -> Association | Connection | None:
        """The conversation, explained."""
        if self.capture is None:
            return None
        found: list[Association | Connection] = [*self.capture.associations]
        return [*found, *self.capture.connections][0]


@dataclass(frozen=True, slots=True)
class Answer:
    """The same as a page shows it."""

    problem: str
    remedy: str
    heard: tuple[ByteLayout, ...]  # what the peer sent, before the connection was closed
    findings: Findings
    reasons: Reasons


def opening(draft: Draft, called_ae_title: str) -> bytes | None:
    """The A-ASSOCIATE-RQ that makes the association which a draft is sent over.

    Legal, and for what the draft was meant to be before anything in it was overridden. None for a
    draft that is one itself.
    """
    if draft.name == "A-ASSOCIATE-RQ":
        return None
    meant = {
        "abstract_syntax": _meant(draft, "Affected SOP Class UID", "Requested SOP Class UID")
        or names.VERIFICATION,
        "presentation_context_id": _meant(draft, "PDV/Presentation-context-ID") or 1,
    }
    return bytes(build("A-ASSOCIATE-RQ", called_ae_title=called_ae_title, **meant))


def _meant(draft: Draft, *fields: str) -> Any:
    """The value of the first of these fields that is there, whatever was put in its place."""
    for path in fields:
        with suppress(BuildError):
            part, index = draft.row(path)
            return part.values[index]
    return None


def send(
    data: bytes, before: bytes | None, host: str, port: int, *, timeout: float = PATIENCE
) -> Sent:
    """Send ``data``, over the association that ``before`` asks for; wait for one answer; release.

    Each step takes ``timeout`` seconds at most. Whatever goes wrong is in the result.
    """
    try:
        scu = SCU(host, port, timeout=timeout)
    except DicomlabError as nobody:
        return Sent(problem=nobody)
    problem: DicomlabError | None = None
    try:
        with scu:
            _talk(scu, data, before)
    except DicomlabError as error:
        problem = error
    return Sent(from_log(scu.log), problem)


def _talk(scu: SCU, data: bytes, before: bytes | None) -> None:
    if before is not None:
        scu.send(before)
        scu.receive()
        if scu.state != "Sta6":  # the answer says why there is no association
            return
    scu.send(data)
    scu.receive()


def answer(sent: Sent) -> Answer:
    """What came of it, to be shown."""
    whole = sent.whole
    pdus = whole.pdus if isinstance(whole, Association) else ()
    heard = [pdu for pdu in pdus if pdu.sender == "acceptor"]
    problem = sent.problem
    return Answer(
        problem=printable(str(problem.args[0])) if problem is not None else "",
        remedy=printable(problem.remedy) if problem is not None else "",
        heard=tuple(rows(pdu) for pdu in heard[:HEARD]),
        findings=findings_of(whole.findings if whole is not None else ()),
        reasons=reasons_of(whole.verdict if whole is not None else None),
    )
