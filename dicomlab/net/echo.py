"""A whole C-ECHO that can be trusted, and what to change where it fails."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any, Literal

from dicomlab.model import (
    Capture,
    Endpoint,
    Field,
    Finding,
    Message,
    Pdu,
    PeerError,
    Verdict,
)
from dicomlab.net.checks import check_titles
from dicomlab.net.fragments import fit
from dicomlab.net.log import LogEntry
from dicomlab.net.scu import SCU
from dicomlab.protocol.build import build
from dicomlab.protocol.dimse import Assembler
from dicomlab.protocol.leaves import finding
from dicomlab.protocol.upper_layer import Step
from dicomlab.spec.command import NO_DATA_SET
from dicomlab.spec.pdu import PRESENTATION_CONTEXT_AC

Layer = Literal["name", "ip", "tcp", "tls", "upper layer", "context", "dimse", "release"]

_CONTEXT_ID = 1
_ANSWER = ("Presentation-context-ID", "Result/Reason")
_MESSAGE_ID = 1
_PROVES = "This acceptor takes this pair of AE titles; that says nothing about storage or queries."
_MOST_PDUS = 128  # that a C-ECHO-RSP may come in: two bytes in each would be enough
_BELOW_TCP: Mapping[str, Layer] = {
    "name-unresolved": "name",
    "host-unreachable": "ip",
    "connect-forbidden": "ip",
}


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class EchoResult:
    """What came of a C-ECHO.

    ``ok`` only if the association was accepted, the presentation context was accepted with the
    proposed transfer syntax, and one whole C-ECHO-RSP came in it that answers our Message ID,
    carries no data set, and has the status 0000H. That proves that this acceptor takes this pair of
    AE titles, and nothing about storage or queries.
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
    findings: tuple[Finding, ...] = ()  # of net alone those of an attempt without a connection
    verdict: Verdict | None = None  # filled in by ``dicomlab.echo``, with all findings
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
        if self.ok:
            lines.append(f"  {_PROVES}")
        lines += [f"  {one}" for one in self.findings]
        if self.verdict is not None and self.verdict.failed:
            lines += ["", str(self.verdict)]
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

    Whatever the peer does is in the result; ``dicomlab.echo`` adds what it means. Raises BuildError
    for an AE title that the standard does not allow, and for a host, a port or a time-out that is
    none.
    """
    check_titles([called_ae_title, calling_ae_title])
    request = _request(called_ae_title, calling_ae_title)
    result = EchoResult(
        host=host, port=port, called_ae_title=called_ae_title, calling_ae_title=calling_ae_title
    )
    started = time.perf_counter()
    try:
        scu = SCU(host, port, timeout=timeout)
    except PeerError as error:
        layer = _BELOW_TCP.get(error.code, "tcp")
        return replace(result, layer=layer, findings=(_failure(error),))
    attempt = _Attempt(scu, {"connect": time.perf_counter() - started})
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
        log=scu.log,
        history=scu.history,
    )


def _failure(error: PeerError) -> Finding:
    found = finding(error.code, str(error.args[0]).rstrip("."))
    return replace(found, remedy=error.remedy or found.remedy)


@lru_cache(maxsize=64)  # a monitor asks the same question again and again
def _request(called: str, calling: str) -> Pdu:
    return build("A-ASSOCIATE-RQ", called_ae_title=called, calling_ae_title=calling).pdu


@lru_cache(maxsize=1)
def _question() -> bytes:
    return bytes(build("C-ECHO-RQ", message_id=_MESSAGE_ID, presentation_context_id=_CONTEXT_ID))


class _Failed(Exception):
    """The attempt ends here."""

    def __init__(self, layer: Layer) -> None:
        super().__init__(layer)
        self.layer = layer


@dataclass(slots=True)
class _Attempt:
    """One C-ECHO on its way, over a connection that stands."""

    scu: SCU
    timings: dict[str, float]
    ok: bool = False
    layer: Layer | None = None
    status: int | None = None
    released: bool | None = None

    def associate(self, request: Pdu) -> list[bytes]:
        """An association whose presentation context is accepted; gives the PDUs to ask with."""
        with self._timed("associate"):
            self._send(bytes(request), "tcp")
            answer = self._receive("upper layer", self.scu.timeout)
        if answer.type != "A-ASSOCIATE-AC" or self.scu.state != "Sta6":
            raise _Failed("upper layer")  # rejected, or no answer, or not to be taken apart
        if not _accepts(answer, _values(request, "Transfer-syntax-name")):
            raise _Failed("context")
        limits = _values(answer, "Maximum-length-received")
        try:
            return fit(_question(), limits[0] if limits else 0)
        except PeerError:  # not even two bytes fit
            raise _Failed("upper layer") from None

    def ask(self, questions: list[bytes]) -> None:
        """C-ECHO-RQ and C-ECHO-RSP."""
        early = self.scu.unread is not None  # an answer before the question
        with self._timed("echo"):
            for pdu in questions:
                self._send(pdu, "dimse")
            answer = self._message()
        self.status = answer.status
        self.ok = (
            not early
            and answer.complete
            and answer.type == "C-ECHO-RSP"
            and answer.responding_to == _MESSAGE_ID
            and _data_set_type(answer) == NO_DATA_SET
            and answer.status == 0
            and not _contradicts_itself(answer)
        )
        self.layer = None if self.ok else "dimse"

    def release(self) -> None:
        """A-RELEASE; what goes wrong here does not undo the C-ECHO."""
        try:
            with self._timed("release"):
                self.scu.release()
            self.released = True
        except PeerError:
            self.released = False
            self.layer = self.layer or "release"

    def recognize(self) -> None:
        """What came only when we hung up, from a peer that was silent: a web server, perhaps."""
        came = [one for one in self.scu.log if one.sender == "acceptor" and one.data]
        if self.layer == "tcp" and came:
            self.layer = "tls" if _is_tls(came[0].pdus[0]) else "upper layer"

    # --- to and fro -----------------------------------------------------------------------

    def _send(self, pdu: bytes, layer: Layer) -> None:
        try:
            self.scu.send(pdu)
        except PeerError:
            raise _Failed(layer) from None

    def _receive(self, layer: Layer, timeout: float) -> Pdu:
        """The next PDU; an A-ABORT, or what is no PDU, ends it all."""
        try:
            pdu = self.scu.receive(timeout)
        except PeerError:
            spoken = any(one.sender == "acceptor" and one.data for one in self.scu.log)
            raise _Failed(layer if spoken or self.scu.unread is not None else "tcp") from None
        if pdu.type is None:
            raise _Failed("tls" if _is_tls(pdu) else layer)
        if pdu.type == "A-ABORT" and self.scu.state == "Sta1":
            raise _Failed(layer)
        return pdu

    def _message(self) -> Message:
        """The message that comes in answer, put together from its fragments."""
        deadline = time.monotonic() + self.scu.timeout
        assembler = Assembler("acceptor")
        for _ in range(_MOST_PDUS):
            left = max(deadline - time.monotonic(), 0)
            pdu = self._receive("dimse", left)
            if pdu.type != "P-DATA-TF" or self.scu.state != "Sta6":
                break
            messages = assembler.feed(pdu)
            if set(_values(pdu, "Presentation-context-ID")) != {_CONTEXT_ID} or assembler.strays:
                break  # in another context, or a data set that nothing announced
            if messages:
                return messages[0]
        raise _Failed("dimse")

    @contextmanager
    def _timed(self, name: str) -> Iterator[None]:
        started = time.perf_counter()
        yield
        self.timings[name] = time.perf_counter() - started


def _accepts(answer: Pdu, proposed: list[Any]) -> bool:
    """Whether our presentation context, and no other, was accepted with what we proposed."""
    accepted: list[bool] = []  # each answer that there is
    for item in answer.fields:
        fields = {one.name: one for one in item.children}
        ident, result = (fields.get(name) for name in _ANSWER)
        if item.code != PRESENTATION_CONTEXT_AC.code or ident is None or result is None:
            continue
        if ident.value == _CONTEXT_ID:
            uids = _values(item, "Transfer-syntax-name")
            accepted.append(result.value == 0 and uids == proposed)
    return accepted == [True]


def _is_tls(pdu: Pdu) -> bool:
    return any(one.code == "not-dicom-tls" for one in pdu.findings)


def _contradicts_itself(answer: Message) -> bool:
    """Whether an element stands twice, perhaps with another value."""
    names = [one.name for one in answer.fields]
    return len(names) != len(set(names))


def _data_set_type(message: Message) -> int | None:
    element = message.element("Command Data Set Type")
    return element.value if element is not None else None


def _values(within: Pdu | Field, name: str) -> list[Any]:
    """The values of all fields of that name."""
    return [one.value for one in within.walk() if one.name == name]
