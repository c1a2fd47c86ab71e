"""A conversation with a FaultSCP, one step at a time, recorded: the console without its panel.

All of it lives in one thread, which begins with the first step: steps are done one after the other,
and what the SCP says unasked is heard in between. SCP, recording and SCU begin with a connection
and end with it; whatever happens is told by a new :class:`Snapshot`.
"""

from __future__ import annotations

import asyncio
import selectors
import socket
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Self

from dicomlab.model import Association, DicomlabError, PeerError, Verdict
from dicomlab.net.faults import Fault
from dicomlab.net.scu import SCU
from dicomlab.widgets.line import Line, NoConnection, Orders, Recorded, accepted
from dicomlab.widgets.steps import IDLE, STEPS, Step, forbidden, forbidden_bytes, impossible

PATIENCE = 5.0  # seconds until silence is told; in Sta13 this is the ARTIM
_LINES = 4  # of what was said
_FREELY = "Tick 'let me do what the standard forbids' to do it all the same."


@dataclass(frozen=True, slots=True)
class Snapshot:
    """How the conversation stands."""

    requestor: str = IDLE  # its state
    acceptor: str = IDLE
    said: tuple[str, ...] = ()  # what happened since the last step, in sentences
    error: DicomlabError | None = None  # what the last step met
    association: Association | None = None  # as far as it has come; None before a connection
    verdict: Verdict | None = None  # if the talk failed
    recorded: Recorded | None = None
    orders: Orders = field(default_factory=Orders)  # of this connection
    contexts: bool = False  # whether a presentation context was accepted

    @property
    def connected(self) -> bool:
        """Whether there is a connection."""
        return self.requestor != IDLE

    def forbidden(self, name: str) -> str:
        """Why the standard does not allow a step; empty where it does."""
        return self.impossible(name) or forbidden(STEPS[name], self.requestor, self.contexts)

    def impossible(self, name: str) -> str:
        """Why a step cannot be done at all; empty where it can."""
        return impossible(STEPS[name], self.requestor)


Listener = Callable[[Snapshot], None]


class Conversation:
    """An SCU and a FaultSCP on loopback, and what passes between them.

    ``patience`` is in seconds: how long an answer may take until its absence is told.
    Nothing is left after ``stop()``, the end of a ``with`` block, or the end of this object.
    """

    def __init__(self, *, patience: float = PATIENCE) -> None:
        self._worker = _Worker(patience)
        self.stop = weakref.finalize(self, self._worker.stop)

    @property
    def snapshot(self) -> Snapshot:
        """How it stands now."""
        return self._worker.snapshot

    @property
    def orders(self) -> Orders:
        """What the SCP of the next connection is ordered to do."""
        return self._worker.orders

    def order(self, *faults: str, seed: int = 0) -> None:
        """Order faults (KNOBS) for the next connection. Raises BuildError for what cannot be."""
        self._worker.orders = Orders(tuple(str(Fault.parse(one)) for one in faults), seed)

    def do(self, name: str, data: bytes = b"", *, freely: bool = False) -> None:
        """Have a step of STEPS done, after those that wait; what came of it, the snapshots tell.

        ``data`` is what the step ``raw`` sends. ``freely``: also where the standard forbids it.
        """
        self._worker.post(partial(self._worker.do, STEPS[name], data, freely))

    def begin_anew(self) -> None:
        """End what is open, with an A-ABORT where there is an association, and forget it all."""
        self._worker.post(self._worker.forget)

    def listen(self, listener: Listener) -> None:
        """Have each new snapshot told: on the event loop that runs here, if one does."""
        with suppress(RuntimeError):  # there is none: the listener is called in the thread
            loop = asyncio.get_running_loop()
            listener = partial(_on_loop, loop, listener)
        self._worker.listeners.append(listener)

    def wait_for(self, holds: Callable[[Snapshot], bool], timeout: float = 10.0) -> Snapshot:
        """The first snapshot of which this holds; TimeoutError after so many seconds."""
        with self._worker.changed:
            if not self._worker.changed.wait_for(lambda: holds(self.snapshot), timeout):
                raise TimeoutError(f"it never held: {self.snapshot}")
            return self.snapshot

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def _on_loop(loop: asyncio.AbstractEventLoop, listener: Listener, snapshot: Snapshot) -> None:
    with suppress(RuntimeError):  # the loop has ended: nobody looks any more
        loop.call_soon_threadsafe(listener, snapshot)


class _Worker:
    """The thread of a conversation, and all that it holds."""

    def __init__(self, patience: float) -> None:
        self.orders = Orders()
        self.snapshot = Snapshot()
        self.changed = threading.Condition()
        self.listeners: list[Listener] = []
        self._patience = patience
        self._thread: threading.Thread | None = None
        self._stopped = False
        self._jobs: deque[Callable[[], None]] = deque()
        self._line: Line | None = None
        self._missed = Snapshot()  # what there is to tell without a line
        self._deadline: float | None = None  # until when an answer is waited for
        self._more = False  # whether more has come than was heard
        self._said: deque[str] = deque(maxlen=_LINES)
        self._error: DicomlabError | None = None

    # --- asked from outside ---------------------------------------------------------------

    def post(self, job: Callable[[], None]) -> None:
        """Have it done in the thread, after all that waits there."""
        with self.changed:
            if self._stopped:
                raise DicomlabError("This conversation has been stopped.", "Begin another one.")
            self._jobs.append(job)
            if self._thread is None:
                self._start()
        self._ring()

    def stop(self) -> None:
        """End what is open, and the thread."""
        with self.changed:
            self._stopped = True
        if self._thread is None:
            return
        self._ring()
        if threading.current_thread() is not self._thread:  # a listener may be who stops it
            self._thread.join()

    def _start(self) -> None:
        self._bell, self._wake = socket.socketpair()
        self._bell.setblocking(False)
        self._wake.setblocking(False)
        self._thread = threading.Thread(target=self._run, name="dicomlab conversation")
        self._thread.daemon = True
        self._thread.start()

    def _ring(self) -> None:
        with suppress(OSError):  # it rings already, or nobody is there any more
            self._bell.send(b"!")

    # --- in the thread --------------------------------------------------------------------

    def _run(self) -> None:
        with self._bell, self._wake, selectors.DefaultSelector() as self._selector:
            self._selector.register(self._wake, selectors.EVENT_READ)
            try:
                while not self._stopped:
                    self._turn()
            finally:
                self._attempt(self.forget)
                self._publish()

    def _turn(self) -> None:
        self._selector.select(self._left())
        with suppress(BlockingIOError):
            self._wake.recv(1 << 12)
        if self._jobs:
            self._attempt(self._jobs.popleft())
        if self._line is not None and not self._line.closed:
            self._attempt(partial(self._hear, self._line))
        self._publish()

    def _left(self) -> float | None:
        """For how many seconds there is nothing to do, if nothing comes."""
        if self._jobs or self._more:
            return 0
        return None if self._deadline is None else max(self._deadline - time.monotonic(), 0)

    def _attempt(self, job: Callable[[], None]) -> None:
        try:
            job()
        except DicomlabError as error:
            self._error = error

    def do(self, step: Step, data: bytes, freely: bool) -> None:
        """One step. Raises DicomlabError where it may not be done, or fails."""
        self._allow(step, data, freely)
        self._error = None
        self._said.clear()
        if step.name == "connect":
            self._connect()
        elif self._line is not None:
            self._deadline = time.monotonic() + self._patience
            self._line.say(step, data)

    def _connect(self) -> None:
        self.forget()
        try:
            self._line = Line(self.orders, self._patience, self._ring)
        except NoConnection as error:
            verdicts = [one.verdict for one in error.recording.capture.connections]
            self._missed = Snapshot(
                verdict=verdicts[0] if verdicts else None,
                recorded=Recorded(error.recording, 0, 0),
                orders=self.orders,
            )
            raise
        self._selector.register(self._line.scu, selectors.EVENT_READ)

    def _allow(self, step: Step, data: bytes, freely: bool) -> None:
        """Raises DicomlabError where the step may not be done."""
        now = self.snapshot
        impossible = now.impossible(step.name)
        if impossible:
            raise DicomlabError(impossible)
        why = now.forbidden(step.name)
        if step.name == "raw" and not why:
            why = forbidden_bytes(data, now.requestor)
        if why and not freely:
            raise DicomlabError(why, _FREELY)

    def _hear(self, line: Line) -> None:
        """What has come; or has not, in time. Raises PeerError to tell so."""
        before, known = line.scu.state, len(line.scu.log)
        try:
            self._more = line.hear()
        except PeerError as error:
            self._error = None if before == "Sta13" else error  # there, that is how it ends
        now = time.monotonic()
        overdue = self._deadline is not None and now >= self._deadline
        if line.scu.state == "Sta13" and overdue:  # the ARTIM (Evt18)
            line.scu.close()
        if line.scu.state == IDLE:
            self._end(line)
        elif line.scu.state == "Sta13":
            self._deadline = self._deadline or now + self._patience
        elif len(line.scu.log) > known:
            self._deadline = None
            if isinstance(self._error, _Silence):  # no longer
                self._error = None
        elif overdue:
            self._deadline = None
            raise _Silence(line.scu, self._patience)

    def _end(self, line: Line) -> None:
        """The SCU's connection has ended: so do SCP and recording."""
        self._deadline, self._more = None, False
        self._selector.unregister(line.scu)
        line.close()

    def forget(self) -> None:
        """End what is open; nothing is left to see of it."""
        if self._line is not None and not self._line.closed:
            self._selector.unregister(self._line.scu)
            self._line.hang_up()
        self._line, self._missed, self._error = None, Snapshot(), None
        self._deadline, self._more = None, False
        self._said.clear()

    # --- what is told ---------------------------------------------------------------------

    def _publish(self) -> None:
        now = self._now()
        if now == self.snapshot:
            return
        with self.changed:
            self.snapshot = now
            self.changed.notify_all()
        for listener in tuple(self.listeners):
            listener(now)

    def _now(self) -> Snapshot:
        line = self._line
        if line is None:
            return replace(self._missed, error=self._error)
        self._said.extend(line.news())
        association, verdict = line.found()
        return Snapshot(
            requestor=line.scu.state,
            acceptor=line.acceptor,
            said=tuple(self._said),
            error=self._error,
            association=association,
            verdict=verdict,
            recorded=line.recorded(),
            orders=line.orders,
            contexts=accepted(association) is not None,
        )


class _Silence(PeerError):
    """The SCP owes an answer."""

    def __init__(self, scu: SCU, seconds: float) -> None:
        unread = scu.unread
        came = "nothing" if unread is None else f"{len(unread)} bytes that are no whole PDU"
        what = f"The SCP sent {came} within {seconds:g} s."
        super().__init__(what, "Receive more, or abort.", "peer-silent")
