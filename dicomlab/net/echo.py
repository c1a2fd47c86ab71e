"""A whole C-ECHO that can be trusted, and what to change where it fails."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any, Literal, NoReturn

from dicomlab.model import (
    Capture,
    Endpoint,
    Field,
    Finding,
    Message,
    Pdu,
    PeerError,
    Span,
    printable,
)
from dicomlab.net import advice
from dicomlab.net.fragments import fit
from dicomlab.net.log import LogEntry
from dicomlab.net.scu import SCU
from dicomlab.protocol.build import build
from dicomlab.protocol.codec import finding
from dicomlab.protocol.dimse import Assembler
from dicomlab.protocol.upper_layer import Step
from dicomlab.spec import names
from dicomlab.spec.command import NO_DATA_SET
from dicomlab.spec.pdu import PRESENTATION_CONTEXT_AC

Layer = Literal["name", "ip", "tcp", "tls", "upper layer", "context", "dimse", "release"]

_CONTEXT_ID = 1
_ANSWER = ("Presentation-context-ID", "Result/Reason")
_MESSAGE_ID = 1
_MOST_PDUS = 128  # that a C-ECHO-RSP may come in: two bytes in each would be enough
_STATUSES = (0x0000, 0x0122, 0x0210, 0x0211, 0x0212)  # of C-ECHO, PS3.7 9.1.5.1.4
_BELOW_TCP: Mapping[str, Layer] = {
    "name-unresolved": "name",
    "host-unreachable": "ip",
    "connect-forbidden": "ip",
}
_ECHOES = {  # what an A-ASSOCIATE-AC sends back of the request (PS3.8 Table 9-17)
    "Called-AE-title": "Reserved (echo of Called-AE-title)",
    "Calling-AE-title": "Reserved (echo of Calling-AE-title)",
}


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class EchoResult:
    """What came of a C-ECHO.

    ``ok`` only if the association was accepted, the presentation context was accepted with the
    proposed transfer syntax, and one whole C-ECHO-RSP came in it that answers our Message ID,
    carries no data set, and has the status 0000H. That proves that the network lets these two AE
    titles talk, and nothing about storage or queries.
    """

    host: str
    port: int
    called_ae_title: str
    calling_ae_title: str
    ok: bool = False
    layer: Layer | None = None  # where it failed; with ok, 'release' if only the release did
    status: int | None = None  # of the C-ECHO-RSP
    released: bool | None = None  # None: it did not come so far
    timings: Mapping[str, float] = field(default_factory=dict)  # step → seconds
    findings: tuple[Finding, ...] = ()
    log: tuple[LogEntry, ...] = ()  # who sent what, when
    history: tuple[Step, ...] = ()  # our side's steps through PS3.8 Table 9-10
    capture: Capture | None = None  # the log as a capture; filled in by ``dicomlab.echo``

    def __repr__(self) -> str:
        return str(self)

    def __str__(self) -> str:
        where = Endpoint(self.host, self.port)
        outcome = "success" if self.ok else f"failed, layer: {self.layer}"
        lines = [f"C-ECHO {self.calling_ae_title} → {self.called_ae_title} at {where}: {outcome}"]
        if self.timings:
            steps = (f"{name} {1000 * took:.1f} ms" for name, took in self.timings.items())
            lines.append("  " + ", ".join(steps))
        for one in self.findings:
            lines += [f"  {one}", f"    {one.why}", f"    → {one.remedy}"]
        return "\n".join(lines)


def echo(
    host: str,
    port: int,
    *,
    called_ae_title: str = "ANY-SCP",
    calling_ae_title: str = "DICOMLAB",
    timeout: float = 10.0,
) -> EchoResult:
    """Connect, associate, C-ECHO, release; each within ``timeout`` seconds.

    Whatever the peer does is in the result, with who has to change what. Raises BuildError for an
    AE title that the standard does not allow.
    """
    request = _request(called_ae_title, calling_ae_title)
    result = EchoResult(
        host=host, port=port, called_ae_title=called_ae_title, calling_ae_title=calling_ae_title
    )
    started = time.perf_counter()
    try:
        scu = SCU(host, port, timeout=timeout)
    except PeerError as error:
        layer = _BELOW_TCP.get(error.code, "tcp")
        return replace(result, layer=layer, findings=(advice.failure(error),))
    connected = time.perf_counter() - started
    case = advice.Case(called_ae_title, calling_ae_title, host, port, scu.local)
    attempt = _Attempt(scu, case, {"connect": connected})
    try:
        with scu:
            questions = attempt.associate(request)
            attempt.ask(questions)
            attempt.release()
    except _Failed as failed:
        attempt.layer = failed.layer
    attempt.recognize()
    return replace(
        result,
        ok=attempt.ok,
        layer=attempt.layer,
        status=attempt.status,
        released=attempt.released,
        timings=attempt.timings,
        findings=tuple(attempt.findings),
        log=scu.log,
        history=scu.history,
    )


@lru_cache(maxsize=64)  # a monitor asks the same question again and again
def _request(called: str, calling: str) -> Pdu:
    return build("A-ASSOCIATE-RQ", called_ae_title=called, calling_ae_title=calling).pdu


@lru_cache(maxsize=1)
def _question() -> bytes:
    return bytes(build("C-ECHO-RQ", message_id=_MESSAGE_ID, presentation_context_id=_CONTEXT_ID))


class _Failed(Exception):
    """The attempt ends here; its findings are made."""

    def __init__(self, layer: Layer) -> None:
        super().__init__(layer)
        self.layer = layer


@dataclass(slots=True)
class _Attempt:
    """One C-ECHO on its way, over a connection that stands."""

    scu: SCU
    case: advice.Case
    timings: dict[str, float]
    ok: bool = False
    layer: Layer | None = None
    status: int | None = None
    released: bool | None = None
    findings: list[Finding] = field(default_factory=list)

    def associate(self, request: Pdu) -> list[bytes]:
        """An association whose presentation context is accepted; gives the PDUs to ask with."""
        with self._timed("associate"):
            self._send(bytes(request), "tcp")
            answer = self._receive("upper layer", "A-ASSOCIATE-RQ", self.scu.timeout)
        if answer.type == "A-ASSOCIATE-RJ" and self.scu.state == "Sta1":
            self.findings.append(advice.rejection(answer, self.case))
        elif answer.type not in ("A-ASSOCIATE-AC", "A-ASSOCIATE-RJ"):
            self._unexpected(answer, "upper layer", "the answer to the A-ASSOCIATE-RQ")
        if self.scu.state != "Sta6":  # rejected, or the answer cannot be taken apart
            raise _Failed("upper layer")
        self.findings += _differing_echoes(request, answer)
        self._check_context(request, answer)
        limits = _values(answer, "Maximum-length-received")
        try:
            return fit(_question(), limits[0] if limits else 0)
        except PeerError:  # a finding of the answer says so
            raise _Failed("upper layer") from None

    def ask(self, questions: list[bytes]) -> None:
        """C-ECHO-RQ and C-ECHO-RSP."""
        early = self.scu.unread is not None
        if early:
            self._found("sequence-unexpected-pdu", "the answer came before the C-ECHO-RQ was sent")
        with self._timed("echo"):
            for pdu in questions:
                self._send(pdu, "dimse")
            answer = self._message()
        self.findings += _answer_findings(answer, self.case)
        self.status = answer.status
        contradictory = any(one.code == "cmd-duplicate-tag" for one in self.findings)
        self.ok = (
            not early
            and not contradictory
            and answer.complete
            and answer.type == "C-ECHO-RSP"
            and answer.responding_to == _MESSAGE_ID
            and _data_set_type(answer) == NO_DATA_SET
            and answer.status == 0
        )
        self.layer = None if self.ok else "dimse"

    def release(self) -> None:
        """A-RELEASE; what goes wrong here does not undo the C-ECHO."""
        try:
            with self._timed("release"):
                self.scu.release()
            self.released = True
        except PeerError as error:
            self.released = False
            self.layer = self.layer or "release"
            self.findings.append(replace(advice.failure(error), severity="warning"))

    def recognize(self) -> None:
        """What came only when we hung up, from a peer that was silent: a web server, perhaps."""
        came = [one for one in self.scu.log if one.sender == "acceptor" and one.data]
        if self.layer == "tcp" and came:
            found = came[0].pdus[0].findings
            self.findings[:0] = [replace(one, sender="acceptor") for one in found]
            tls = any(one.code == "not-dicom-tls" for one in found)
            self.layer = "tls" if tls else "upper layer"

    # --- to and fro -----------------------------------------------------------------------

    def _send(self, pdu: bytes, layer: Layer) -> None:
        try:
            self.scu.send(pdu)
        except PeerError as error:
            self.findings.append(advice.failure(error))
            raise _Failed(layer) from None

    def _receive(self, layer: Layer, after: str, timeout: float) -> Pdu:
        """The next PDU, its findings taken over; an A-ABORT, or what is no PDU, ends it all."""
        try:
            pdu = self.scu.receive(timeout)
        except PeerError as error:
            self._no_pdu(error, layer)
        self.findings += [replace(one, sender="acceptor") for one in pdu.findings]
        if pdu.type is None:
            tls = any(one.code == "not-dicom-tls" for one in pdu.findings)
            raise _Failed("tls" if tls else layer)
        if pdu.type == "A-ABORT" and self.scu.state == "Sta1":
            self.findings.append(advice.abortion(pdu, after, self.case))
            raise _Failed(layer)
        return pdu

    def _no_pdu(self, error: PeerError, layer: Layer) -> NoReturn:
        cut = self.scu.unread
        spoken = cut or any(one.sender == "acceptor" and one.data for one in self.scu.log)
        if cut is not None:
            self.findings += [replace(one, sender="acceptor") for one in cut.findings]
        found = advice.failure(error) if spoken else advice.no_answer(error, self.case)
        self.findings.append(found)
        raise _Failed(layer if spoken else "tcp")

    def _unexpected(self, pdu: Pdu, layer: Layer, instead_of: str) -> NoReturn:
        what = f"{pdu.name} came in place of {instead_of}"
        self._found("sequence-unexpected-pdu", what, pdu.root.span)
        raise _Failed(layer)

    def _message(self) -> Message:
        """The message that comes in answer, put together from its fragments."""
        deadline = time.monotonic() + self.scu.timeout
        assembler = Assembler("acceptor")
        begun = False
        try:
            for _ in range(_MOST_PDUS):
                left = max(deadline - time.monotonic(), 0)
                pdu = self._receive("dimse", "C-ECHO-RQ", left)
                if pdu.type != "P-DATA-TF":
                    self._unexpected(pdu, "dimse", "the C-ECHO-RSP")
                if self.scu.state != "Sta6":
                    raise _Failed("dimse")
                self._check_fragments(pdu, assembler)
                messages = assembler.feed(pdu)
                if messages:
                    return messages[0]
                begun = True
            raise _Failed("dimse")
        except _Failed:
            if begun:
                self._found("fragment-incomplete", "the C-ECHO-RSP has begun and does not end")
            for message in assembler.rest():
                self.findings += _answer_findings(message, self.case)
            raise

    # --- what is wrong --------------------------------------------------------------------

    def _found(self, code: str, what: str, span: Span | None = None) -> None:
        self.findings.append(finding(code, what, span, sender="acceptor"))

    def _check_context(self, proposal: Pdu, answer: Pdu) -> None:
        """Fails unless our presentation context was accepted, with what we proposed."""
        proposed = _values(proposal, "Transfer-syntax-name")
        accepted: list[bool] = []  # each answer that there is
        for item in answer.fields:
            fields = {one.name: one for one in item.children}
            ident, result = (fields.get(name) for name in _ANSWER)
            if item.code != PRESENTATION_CONTEXT_AC.code or ident is None or result is None:
                continue
            uids = _values(item, "Transfer-syntax-name")
            if ident.value != _CONTEXT_ID:
                what = f"presentation context {ident.value} was never proposed"
                self._found("context-id-not-proposed", what, ident.span)
                continue
            if result.value in names.CONTEXT_RESULTS and result.value != 0:
                self.findings.append(advice.refused_context(result, self.case))
            elif result.value == 0 and not set(uids) <= set(proposed):
                what = f"the acceptor chose {', '.join(map(printable, uids))}"
                self._found("transfer-syntax-not-proposed", what, item.span)
            accepted.append(result.value == 0 and uids == proposed)
        if not accepted:
            self._found("context-unanswered", f"presentation context {_CONTEXT_ID} has no answer")
        if accepted != [True]:
            raise _Failed("context")

    def _check_fragments(self, pdu: Pdu, assembler: Assembler) -> None:
        """Fails for a fragment in another context, or of a data set that nothing announced."""
        strange = set(_values(pdu, "Presentation-context-ID")) - {_CONTEXT_ID}
        if strange:
            what = f"the answer came in presentation context {min(strange)}"
            self._found("context-id-not-proposed", what, pdu.root.span)
            raise _Failed("dimse")
        is_data = not _values(pdu, "Message Control Header")[0] & 1
        if is_data and not assembler.rest():
            self._found(
                "fragment-order", "a data set came, and no command set before", pdu.root.span
            )
            raise _Failed("dimse")

    @contextmanager
    def _timed(self, name: str) -> Iterator[None]:
        started = time.perf_counter()
        yield
        self.timings[name] = time.perf_counter() - started


def _differing_echoes(proposal: Pdu, answer: Pdu) -> Iterator[Finding]:
    """What the A-ASSOCIATE-AC should have sent back, and did not."""
    for sent, returned in _ECHOES.items():
        there = answer[returned]
        if there.raw != proposal[sent].raw:
            what = f"{sent} came back as {there.text!r}"
            yield finding("ac-echo-differs", what, there.span, sender="acceptor")


def _answer_findings(answer: Message, case: advice.Case) -> Iterator[Finding]:
    """What is wrong with the message that came in answer."""

    def found(code: str, what: str) -> Finding:
        return finding(code, what, Span(answer.start, answer.stop), sender="acceptor")

    yield from answer.findings
    if answer.type != "C-ECHO-RSP":
        yield found("response-unexpected", f"{answer.type} came in answer to a C-ECHO-RQ")
    elif answer.responding_to not in (None, _MESSAGE_ID):
        what = f"the answer is to Message ID {answer.responding_to}, {_MESSAGE_ID} was asked"
        yield found("response-unexpected", what)
    if _data_set_type(answer) not in (None, NO_DATA_SET):
        yield found("cmd-data-set-flag", "the C-ECHO-RSP announces a data set")
    if answer.sop_class not in (None, names.VERIFICATION):
        what = f"the answer is for {printable(answer.sop_class or '')}, not Verification"
        yield found("sop-class-mismatch", what)
    if answer.status is not None and answer.status not in _STATUSES:
        what = f"{answer.status:04X}H is no status of a C-ECHO"
        yield found("status-not-for-service", what)
    if answer.status:
        comment = answer.element("Error Comment")
        yield advice.failed_status(answer.status, comment.text if comment else "", case)


def _data_set_type(message: Message) -> int | None:
    element = message.element("Command Data Set Type")
    return element.value if element is not None else None


def _values(within: Pdu | Field, name: str) -> list[Any]:
    """The values of all fields of that name."""
    return [one.value for one in within.walk() if one.name == name]
