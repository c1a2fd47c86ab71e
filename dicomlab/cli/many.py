"""Many captures at once: each is dissected, and told, in a process that takes a core."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from pathlib import Path
from typing import NamedTuple, Self

from dicomlab.captures import found_in
from dicomlab.cli.dissecting import INTERRUPTED, UNREADABLE, Wish
from dicomlab.cli.watching import STOPPED, Line
from dicomlab.dissect.associations import Progress
from dicomlab.dissect.many import Batch, in_order
from dicomlab.model import CaptureError, DicomlabError, printable
from dicomlab.processes import end_with_parent, no_interrupt

GRACE = 2  # seconds that a process has to stop
ENDED = "A process that dissected a capture was ended by the machine, perhaps for want of memory."


class Told(NamedTuple):
    """What there is to say of one file."""

    text: str | None  # the path of a file that holds it
    error: str  # why there is none
    status: int


def tell_many(files: Sequence[str], wish: Wish) -> int:
    """Dissect the files on all cores, and tell of each in their order; gives the exit status."""
    begin, between, end = ("[", ",\n", "]\n") if wish.as_json else ("", "\n", "")
    told = status = 0
    sys.stdout.write(begin)
    with _Stop() as stop:
        for number, one in enumerate(_all(files, wish, stop), 1):
            stop.line.wipe()
            if one.text is None:
                print(f"dicomlab: {one.error}", file=sys.stderr)
            else:
                sys.stdout.write(between if told else "")
                _copy(one.text)
                told += 1
            status = max(status, one.status)
            if stop.line.is_due():
                stop.line.show(f"{number:,} of {len(files):,} files")
    sys.stdout.write(end)
    if stop.asked:
        print(f"dicomlab: {STOPPED}: this is what was found so far.", file=sys.stderr)
        return INTERRUPTED
    return status


class _Stop:
    """Ctrl-C: the processes stop reading, and no further file is given to them."""

    def __init__(self) -> None:
        self.asked = False
        self.line = Line()

    def __enter__(self) -> Self:
        self._before = signal.signal(signal.SIGINT, self._ask)
        return self

    def __exit__(self, *_: object) -> None:
        signal.signal(signal.SIGINT, self._before)
        self.line.wipe()

    def _ask(self, *_: object) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True

    def until(self, files: Sequence[str]) -> Iterator[str]:
        """The files, until then."""
        for one in files:
            if self.asked:
                return
            yield one


def _all(files: Sequence[str], wish: Wish, stop: _Stop) -> Iterator[Told]:
    """What there is to say of each file, in their order."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    with (
        tempfile.TemporaryDirectory(prefix="dicomlab-") as folder,
        ProcessPoolExecutor(min(len(files), cores or 1), initializer=_serve) as pool,
    ):
        try:
            yield from in_order(stop.until(files), pool, partial(_told, wish, folder))
        except BrokenProcessPool:
            if not stop.asked:
                raise DicomlabError(ENDED, "Give fewer files at once.") from None


def _copy(path: str) -> None:
    """Print what a file holds, which is not needed any more.

    Ctrl-C waits: Python loses bytes of a print that a signal finds waiting for a full pipe.
    """
    with Path(path).open(encoding="utf-8") as file, no_interrupt():
        shutil.copyfileobj(file, sys.stdout)
    Path(path).unlink()


# --- in a process of the pool ---------------------------------------------------------------------

_interrupted: list[int] = []


def _serve() -> None:
    signal.signal(signal.SIGINT, _interrupt)
    end_with_parent()
    # what waited to be printed when this process was forked is the other's to print
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def _interrupt(number: int, _: object) -> None:
    """Stop soon; a process that waits for a pipe cannot, and ends."""
    if not _interrupted and hasattr(signal, "alarm"):
        signal.alarm(GRACE)
    _interrupted.append(number)


def _is_to_stop(_: Progress) -> bool:
    return bool(_interrupted)


def _told(wish: Wish, folder: str, batch: Batch) -> list[Told]:
    """Dissect some files, and write what there is to say of each to a file of its own."""
    told = []
    for capture in found_in(batch, _is_to_stop):
        if isinstance(capture, CaptureError):
            told.append(Told(None, printable(str(capture)), UNREADABLE))
            continue
        number, path = tempfile.mkstemp(dir=folder)
        with open(number, "w", encoding="utf-8") as out:  # noqa: PTH123 - it is open already
            wish.tell(capture, out)
        told.append(Told(path, "", wish.status(capture)))
    return told
