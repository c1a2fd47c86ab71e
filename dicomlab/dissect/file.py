"""The file that a capture is read from: once from end to end, and again where somebody looks."""

from __future__ import annotations

import io
import os
import stat
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from dicomlab.model import CaptureError, printable

STANDARD_INPUT = "-"


def path_text(path: Any) -> str:
    """A path as text; CaptureError for what is none, and for what no file can be called."""
    text = os.fspath(path) if isinstance(path, os.PathLike) else path
    if isinstance(text, str) and "\0" not in text:
        return text
    given = repr(printable(text)) if isinstance(text, str) else type(path).__name__
    raise CaptureError(f"{given} is no path.", "Give the path of one file, as text or a Path.")


class CaptureFile:
    """A capture file, by the name that somebody gave it.

    It is opened again by its absolute path, from another folder and in another process too. What
    comes through a pipe can be read but once: ``keep`` copies it to a temporary file without a
    name, which goes with this object and does not travel. Raises CaptureError for what is no path.
    """

    def __init__(self, path: str | os.PathLike[str], *, keep: bool = True) -> None:
        self.name = path_text(path)
        self._path = None if self.name == STANDARD_INPUT else str(Path(self.name).absolute())
        self._keep = keep
        self._held: BinaryIO | None = None  # what is read again where no path leads to it

    def __str__(self) -> str:
        return "standard input" if self.name == STANDARD_INPUT else printable(self.name)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, CaptureFile) and (self.name, self._path) == (
            other.name,
            other._path,
        )

    def __hash__(self) -> int:
        return hash(self.name)

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_held": None}

    @property
    def size(self) -> int | None:
        """Bytes of the file; None where that cannot be known without opening it."""
        try:
            status = Path(self._path).stat() if self._path is not None else None
        except OSError:
            return None
        return status.st_size if status is not None and stat.S_ISREG(status.st_mode) else None

    @contextmanager
    def opened(self) -> Iterator[BinaryIO]:
        """The file, for the first time. Raises CaptureError where it cannot be read."""
        with _told(f"{self} cannot be read"), self._open() as file:
            if stat.S_ISREG(os.fstat(file.fileno()).st_mode) and file.tell() == 0:
                if self._path is None:
                    self._hold(os.fdopen(os.dup(0), "rb"))
                yield file
                return
            self._path = None
            yield self._copied(file) if self._keep else file

    @contextmanager
    def opened_again(self) -> Iterator[BinaryIO]:
        """The file, from its beginning. Raises CaptureError where it is no longer there."""
        if self._path is None and self._held is None:
            raise CaptureError(
                f"{self} cannot be read again: it came through a pipe.",
                "Save the capture to a file, and dissect that.",
            )
        remedy = "The capture file must stay where it is while its PDUs are looked at."
        name = printable(self._path or str(self))
        with _told(f"{name} cannot be read again", remedy), self._open() as file:
            file.seek(0)
            yield file

    def _open(self) -> io.BufferedReader:
        if self._path is not None:
            return Path(self._path).open("rb")
        if self._held is not None:
            self._held.flush()
        return os.fdopen(self._held.fileno() if self._held else 0, "rb", closefd=False)

    def _hold(self, file: BinaryIO) -> BinaryIO:
        self._held = file
        weakref.finalize(self, file.close)
        return file

    def _copied(self, pipe: io.BufferedReader) -> BinaryIO:
        import tempfile

        return io.BufferedReader(_Copied(pipe, self._hold(tempfile.TemporaryFile())))


class _Copied(io.RawIOBase):
    """A pipe of which all that is read is copied."""

    def __init__(self, pipe: io.BufferedReader, copy: BinaryIO) -> None:
        self._pipe = pipe
        self._copy = copy

    def readable(self) -> bool:
        """It can be read."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read what is there, and copy it."""
        size = self._pipe.readinto1(buffer)
        with _told("no copy can be kept of what comes through a pipe", "Save it to a file first."):
            self._copy.write(memoryview(buffer)[:size])
        return size


@contextmanager
def _told(what: str, remedy: str = "") -> Iterator[None]:
    """A CaptureError instead of an OSError."""
    try:
        yield
    except OSError as error:
        raise CaptureError(f"{what}: {error.strerror or error}.", remedy) from None
