"""Reading a capture with an eye on the time: how far it is, and Ctrl-C."""

from __future__ import annotations

import os
import signal
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from time import monotonic

from dicomlab.captures import dissect
from dicomlab.dissect.associations import Progress
from dicomlab.model import Capture, printable

PATIENCE = 1.0  # seconds before there is anything to say
PACE = 0.1  # seconds between two looks at the line
STANDARD_INPUT = "-"
STOPPED = "reading was stopped"


def read(name: str, *, keep: bool) -> tuple[Capture, bool]:
    """The capture as far as it was read, and whether Ctrl-C has stopped that.

    ``keep`` says that what comes through a pipe is looked at again.
    """
    watch = Watch("standard input" if name == STANDARD_INPUT else Path(name).name)
    path = _stoppable(name)
    with _interrupts(watch):
        capture = dissect(path, watch=watch, keep=keep)
    if watch.stopped:
        capture = replace(capture, damage=capture.damage or STOPPED)
    return replace(capture, file=name), watch.stopped


class Watch:
    """Told how far reading is; gives True once it is to stop."""

    def __init__(self, name: str) -> None:
        self.stopped = False
        self.line = Line()
        self._name = printable(name)
        self._begun = monotonic()

    def __call__(self, progress: Progress) -> bool:
        """This far it is."""
        if self.line.is_due():
            self.line.show(self._told(progress))
        return self.stopped

    def _told(self, progress: Progress) -> str:
        from dicomlab.views.theme import count, duration

        done, total, associations = progress
        found = count(associations, "association")
        if not total or not done:
            return f"{self._name}: {_amount(done)}, {found}"
        seconds = (monotonic() - self._begun) * max(total - done, 0) / done
        left = f"{seconds:.0f} s" if seconds < 59.5 else duration(round(seconds * 1e9))
        share = f"{_amount(done)} of {_amount(total)} ({done / total:.0%})"
        return f"{self._name}: {share}, {found}, {left} left"


class Line:
    """One line on a terminal that tells how far something is, and is wiped in the end."""

    def __init__(self) -> None:
        self._next = monotonic() + PATIENCE if sys.stderr.isatty() else float("inf")
        self._shown = 0  # characters

    def is_due(self) -> bool:
        """Whether there is somebody to tell, and something new."""
        return monotonic() >= self._next

    def show(self, text: str) -> None:
        """Put a text into the place of the last one."""
        import shutil

        self._next = monotonic() + PACE
        text = text[: shutil.get_terminal_size().columns - 1]
        print(f"\r{text:{self._shown}}", end="", file=sys.stderr, flush=True)
        self._shown = len(text)

    def wipe(self) -> None:
        """Leave the terminal as it was."""
        if self._shown:
            print(f"\r{'':{self._shown}}\r", end="", file=sys.stderr, flush=True)
            self._shown = 0


def _amount(size: int) -> str:
    """A number of bytes in the unit that suits it."""
    number = float(size)
    for unit in ("B", "kB", "MB", "GB"):
        if number < 999.5:
            break
        number, unit = number / 1000, "TB"
    digits = 0 if unit == "B" or number >= 99.95 else 1 if number >= 9.995 else 2
    return f"{number:.{digits}f} {unit}"


@contextmanager
def _interrupts(watch: Watch) -> Iterator[None]:
    """Let Ctrl-C stop the reading; pressed again, it ends everything.

    A read that waits for a pipe goes on after a signal. So the pipe gives way to nothing.
    """

    def stop(*_: object) -> None:
        if watch.stopped:
            raise KeyboardInterrupt
        watch.stopped = True
        if not stat.S_ISREG(os.fstat(0).st_mode):
            os.dup2(nothing, 0)

    nothing = os.open(os.devnull, os.O_RDONLY)
    before = signal.signal(signal.SIGINT, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
        os.close(nothing)
        watch.line.wipe()


def _stoppable(name: str) -> str:
    """What to read: a pipe with a name becomes the standard input, where it can be stopped."""
    try:
        if name == STANDARD_INPUT or not stat.S_ISFIFO(Path(name).stat().st_mode):
            return name
        pipe = os.open(name, os.O_RDONLY)
    except OSError:
        return name  # whoever reads it says why it cannot be
    os.dup2(pipe, 0)
    os.close(pipe)
    return STANDARD_INPUT
