"""Processes that dissect for another: they take Ctrl-C in their own way, and end with it."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context, parent_process
from multiprocessing.synchronize import Event
from threading import Thread
from types import TracebackType
from typing import ParamSpec, TypeVar

from dicomlab.captures import found_in
from dicomlab.dissect.associations import Progress
from dicomlab.dissect.many import Batch, Found

P = ParamSpec("P")
T = TypeVar("T")


class Processes(ProcessPoolExecutor):
    """One process for each core, started afresh; all stop when the ``with`` block is left."""

    def __init__(self) -> None:
        spawn = get_context("spawn")
        self._to_stop = spawn.Event()
        super().__init__(mp_context=spawn, initializer=_serve, initargs=(self._to_stop,))

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """As any executor does; a process that starts here is deaf to Ctrl-C until it is up."""
        with no_interrupt():
            return super().submit(fn, *args, **kwargs)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._to_stop.set()
        super().__exit__(kind, error, trace)


@contextmanager
def no_interrupt() -> Iterator[None]:
    """Ctrl-C waits, for this thread and for every process that it starts meanwhile."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def end_with_parent() -> None:
    """This process ends when the one that started it is gone, however that went."""
    Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


# --- in a process of the pool ---------------------------------------------------------------

_stop: Event
_interrupts: list[int] = []


def find(batch: Batch) -> list[Found]:
    """What each of the files holds, or why it cannot be read."""
    found = [] if _is_to_stop() else found_in(batch, _is_to_stop)
    if _is_to_stop():
        raise KeyboardInterrupt  # what was read in part is not given for the whole
    return found


def _serve(stop: Event) -> None:
    """Be ready to dissect until told to stop, until Ctrl-C, or until who asks is gone."""
    global _stop
    _stop = stop
    signal.signal(signal.SIGINT, lambda number, _: _interrupts.append(number))
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    end_with_parent()


def _is_to_stop(_: Progress | None = None) -> bool:
    return bool(_interrupts) or _stop.is_set()
