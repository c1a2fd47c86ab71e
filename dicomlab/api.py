"""The face of dicomlab: what ``import dicomlab as dl`` gives, composed of the rooms below."""

from __future__ import annotations

import os
import signal
from collections.abc import Generator, Iterable
from dataclasses import replace
from threading import Thread
from typing import TYPE_CHECKING

from dicomlab.dissect.associations import Progress, dissect, from_exchange
from dicomlab.dissect.cutting import save
from dicomlab.dissect.datasets import export
from dicomlab.dissect.many import Batch, Found, found_in, in_order
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

if TYPE_CHECKING:
    from concurrent.futures import Executor
    from multiprocessing.synchronize import Event

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
    "dissect_many",
    "echo",
    "export",
    "record",
    "save",
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


def dissect_many(
    paths: Iterable[str | os.PathLike[str]], executor: Executor | None = None
) -> Generator[Capture | CaptureError, None, None]:
    """Dissect many capture files at once; gives what each holds, in the order of ``paths``.

    In the place of a file that cannot be read stands the CaptureError that says why.

    ``executor`` is any of ``concurrent.futures``, or Dask's ``client.get_executor()``. Without one,
    processes take all cores of this machine (in a script, call this below
    ``if __name__ == "__main__":``); they end when the iterator is exhausted or closed. Twice as
    many files as are dissected at once are under way; those not begun by then are left alone.
    """
    if executor is not None:
        yield from in_order(paths, executor, found_in)
        return
    from concurrent.futures.process import BrokenProcessPool, ProcessPoolExecutor
    from multiprocessing import get_context

    spawn = get_context("spawn")
    stop = spawn.Event()
    with ProcessPoolExecutor(mp_context=spawn, initializer=_serve, initargs=(stop,)) as pool:
        try:
            yield from in_order(paths, pool, _find)
        except BrokenProcessPool:
            raise CaptureError(
                "A process that dissected a file has died.",
                'In a script, call dissect_many() below `if __name__ == "__main__":`.',
            ) from None
        finally:
            stop.set()


# --- in a process that dissects for another -------------------------------------------------

_stop: Event
_interrupts: list[int] = []


def _serve(stop: Event) -> None:
    """Be ready to dissect until told to stop, until Ctrl-C, or until who asks is gone."""
    global _stop
    _stop = stop
    signal.signal(signal.SIGINT, lambda number, _: _interrupts.append(number))
    Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    from multiprocessing import parent_process

    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _find(batch: Batch) -> list[Found]:
    found = [] if _is_to_stop() else found_in(batch, _is_to_stop)
    if _is_to_stop():
        raise KeyboardInterrupt  # what was read in part is not given for the whole
    return found


def _is_to_stop(_: Progress | None = None) -> bool:
    return bool(_interrupts) or _stop.is_set()
