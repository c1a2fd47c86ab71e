"""One connection between an SCU and a FaultSCP, recorded, and what is known of it so far."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from itertools import count, cycle
from pathlib import Path
from typing import NamedTuple, get_args

from dicomlab.captures import from_exchange
from dicomlab.model import (
    Association,
    Capture,
    CaptureError,
    Connection,
    Endpoint,
    Outcome,
    PeerError,
    Side,
    Verdict,
)
from dicomlab.net.faults import FaultSCP
from dicomlab.net.fragments import fit
from dicomlab.net.log import LogEntry
from dicomlab.net.scu import SCU
from dicomlab.protocol.build import build
from dicomlab.protocol.dimse import Assembler
from dicomlab.recording.record import Recording, record
from dicomlab.views.theme import duration
from dicomlab.widgets.steps import ESTABLISHED, IDLE, Step

CALLING, CALLED = "TRAINEE", "ECHOSCP"
_AT_ONCE = 8  # PDUs that are heard before it is a step's turn again


@dataclass(frozen=True, slots=True)
class Orders:
    """What the SCP is ordered to do; whoever orders the same gets the same, byte by byte."""

    faults: tuple[str, ...] = ()
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Recorded:
    """What there is of the recording; it is kept as long as somebody holds this."""

    recording: Recording
    pdus: int
    bytes: int

    def save(self, folder: Path) -> Path:
        """Copy it into the folder, under a name that is new there.

        Raises CaptureError where that cannot be done.
        """
        names = (folder / f"conversation-{number}.pcapng" for number in count(1))
        path = next(one for one in names if not one.exists())
        try:
            with path.open("xb") as copy, self.recording.path.open("rb") as file:
                shutil.copyfileobj(file, copy)
        except OSError as error:
            what = f"{path} cannot be written: {error.strerror or error}."
            raise CaptureError(what, "Make room there, or begin in another folder.") from None
        return path


class _Scp(FaultSCP):
    """A FaultSCP that says when something has happened to it."""

    def __init__(self, orders: Orders, happened: Callable[[], None]) -> None:
        super().__init__(*orders.faults, ae_title=CALLED, seed=orders.seed)
        self._happened = happened

    def noted(self, entry: LogEntry) -> None:  # noqa: ARG002
        """Somebody may want to look at the log."""
        self._happened()


class Found(NamedTuple):
    """An association, and what became of it."""

    association: Association
    verdict: Verdict | None


class NoConnection(PeerError):
    """The SCU was not connected; what was recorded of the attempt."""

    def __init__(self, error: PeerError, recording: Recording) -> None:
        super().__init__(str(error.args[0]), error.remedy, error.code)
        self.recording = recording


class Line:
    """A connection from end to end: SCP, recording, SCU.

    Raises DicomlabError where one of them does not come about; NoConnection if it is the last.
    """

    def __init__(self, orders: Orders, patience: float, happened: Callable[[], None]) -> None:
        self.orders = orders
        with ExitStack() as opened:
            self._scp = opened.enter_context(_Scp(orders, happened))
            self.recording = opened.enter_context(record(self._scp, method="relay"))
            self.scu = self._connected(opened, patience)
            self._opened = opened.pop_all()
        self.closed = False
        self._acceptor = Endpoint(*self._scp.address)
        self._assemblers = {side: Assembler(side) for side in get_args(Side)}
        self._message_ids = cycle(range(1, 1 << 16))
        self._told = 0  # entries of the log that were told
        self._seen = (0, False)  # of what the following was found
        self._found: Found

    def _connected(self, opened: ExitStack, patience: float) -> SCU:
        try:
            return SCU(*self.recording.address, timeout=patience)
        except PeerError as error:  # where the SCP's end was refused, ours is reset, maybe at once
            opened.close()
            raise NoConnection(error, self.recording) from None

    @property
    def acceptor(self) -> str:
        """The state of the SCP."""
        log = self._scp.log
        return log[-1].after if log else IDLE

    def say(self, step: Step, data: bytes) -> None:
        """Do a step. Raises PeerError where the connection does not take it."""
        match step.name:
            case "associate":
                titles = {"calling_ae_title": CALLING, "called_ae_title": CALLED}
                self.scu.send(build("A-ASSOCIATE-RQ", **titles))
            case "echo":
                for pdu in self._question():
                    self.scu.send(pdu)
            case "raw":
                self.scu.send(data)
            case "close":
                self.scu.close()
            case "abort" if self.scu.state == "Sta4":  # AA-2: there is nobody to tell
                self.scu.close()
            case _ if step.sends:
                self.scu.send(build(step.sends))

    def hang_up(self) -> None:
        """End it: with an A-ABORT, where there is an association."""
        with suppress(PeerError):
            if self.scu.state in ESTABLISHED:
                self.scu.abort()
        self.close()

    def close(self) -> None:
        """Leave no thread and no socket behind; the recording is whole then."""
        self.closed = True
        self.scu.close()
        self._opened.close()

    def hear(self) -> bool:
        """Take the PDUs that have come, a few at a time; whether there may be more.

        Raises PeerError where the connection has ended.
        """
        for _ in range(_AT_ONCE):
            if self.scu.state == IDLE:
                return False
            try:
                self.scu.receive(0)
            except PeerError as error:
                if error.code == "peer-silent":
                    return False
                raise
        return True

    def _question(self) -> list[bytes]:
        """The next C-ECHO-RQ, in the context that was accepted, in PDUs that the SCP takes."""
        association = self.found().association
        draft = build(
            "C-ECHO-RQ",
            message_id=next(self._message_ids),
            presentation_context_id=accepted(association) or 1,
        )
        limit = association.negotiation.get("acceptor", {}).get("max_pdu_length")
        return fit(bytes(draft), limit or 0)

    def news(self) -> Iterator[str]:
        """What happened since this was asked last, in sentences."""
        log = self.scu.log
        for number in range(self._told, len(log)):
            entry = log[number]
            feed = self._assemblers[entry.sender].feed
            messages = [message.type for pdu in entry.pdus for message in feed(pdu)]
            yield _sentence(entry, messages, log[:number])
        self._told = len(log)

    def found(self) -> Found:
        """The association so far; once the connection has ended, as it was recorded."""
        log = self.scu.log
        if (len(log), self.closed) != self._seen:
            self._seen = (len(log), self.closed)
            captures = [*self._recorded(), _noted(log, self._acceptor)]
            associations = [one for capture in captures for one in capture.associations]
            judged: list[Association | Connection] = [
                *captures[0].associations,
                *captures[0].connections,
                *associations,
            ]
            self._found = Found(
                associations[0] if associations else _without_association(log, self._acceptor),
                judged[0].verdict if judged else None,
            )
        return self._found

    def _recorded(self) -> list[Capture]:
        """What the recording holds, once it is whole; nothing where it could not be written."""
        with suppress(CaptureError):
            return [self.recording.capture] if self.closed else []
        return []

    def recorded(self) -> Recorded:
        """How much was recorded."""
        size = sum(len(entry.data) for entry in self.scu.log)
        return Recorded(self.recording, len(self.found().association.pdus), size)


def _noted(log: Sequence[LogEntry], acceptor: Endpoint) -> Capture:
    """What the SCU noted, as a capture."""
    first, *rest = log
    entries = [(one.time, one.sender, None if one.reset else one.data) for one in rest]
    return from_exchange(entries, first.requestor, acceptor, first.time)


def _without_association(log: Sequence[LogEntry], acceptor: Endpoint) -> Association:
    """What the SCU noted of a connection without an association, as if it were one."""
    first, last = log[0], log[-1]
    pdus = [
        replace(pdu, sender=entry.sender, time=entry.time) for entry in log for pdu in entry.pdus
    ]
    closed = last.after == IDLE
    return Association(
        connection=0,
        requestor=first.requestor,
        acceptor=acceptor,
        calling_ae_title=None,
        called_ae_title=None,
        application_context=None,
        outcome=Outcome("closed-without-release" if closed else "capture-ends", last.sender),
        presentation_contexts=(),
        negotiation={},
        pdus=tuple(replace(pdu, index=index) for index, pdu in enumerate(pdus)),
        messages=(),
        start_time=first.time,
        stop_time=last.time,
    )


def accepted(association: Association) -> int | None:
    """The ID of a presentation context that was proposed and accepted."""
    contexts = association.presentation_contexts
    return next((one.id for one in contexts if one.result == 0 and one.proposed), None)


def _sentence(entry: LogEntry, messages: Sequence[str], before: Sequence[LogEntry]) -> str:
    """What an entry of the SCU's log tells, after those before it."""
    if not before:
        return f"The connection stands: {entry.after}."
    if not entry.data:
        return f"The {entry.sender} {entry.what}: {entry.after}."
    what = f"{entry.what} ({', '.join(messages)})" if messages else entry.what
    if entry.sender == "requestor":
        return f"{what} sent: {entry.after}."
    asked = next(one.time for one in reversed(before) if one.sender == "requestor")
    return f"{what} came after {duration(entry.time - asked)}: {entry.after}."
