"""Rows: plain tuples in their order, of which all but the last few lie in a temporary file.

What a capture holds may be more than the memory. So what is read becomes rows of numbers and
texts, and values of the model are made of them when somebody looks.
"""

from __future__ import annotations

import io
import marshal
import shutil
import tempfile
import weakref
from array import array
from collections.abc import Iterator
from typing import IO, Any

Row = tuple[Any, ...]  # of what marshal knows: numbers, texts, bytes, None, tuples, lists, dicts


class Spool:
    """Bytes that are put away and looked up by their place; on disk once they are many."""

    IN_MEMORY = 1 << 24

    def __init__(self, content: bytes = b"") -> None:
        self._file: IO[bytes] = io.BytesIO()
        self._size = 0
        self.put(content)

    def put(self, data: bytes) -> int:
        """Put bytes away; gives their place."""
        place = self._size
        self._size += len(data)
        if place <= self.IN_MEMORY < self._size:
            self._move_to_disk()
        self._file.seek(place)
        self._file.write(data)
        return place

    def get(self, place: int, size: int) -> bytes:
        """The bytes at a place."""
        self._file.seek(place)
        return self._file.read(size)

    def _move_to_disk(self) -> None:
        """From now on a file without a name, which is gone with the last of its rows."""
        file = tempfile.TemporaryFile()  # noqa: SIM115
        self._file.seek(0)
        shutil.copyfileobj(self._file, file)
        self._file = file
        weakref.finalize(self, file.close)

    def __reduce__(self) -> tuple[type[Spool], tuple[bytes]]:
        return Spool, (self.get(0, self._size),)


class Rows:
    """A list of rows that only grows, in a spool."""

    __slots__ = ("_chunks", "_last", "_seen", "_spool")

    CHUNK = 64  # rows that are put away together

    def __init__(self, spool: Spool) -> None:
        self._spool = spool
        self._chunks: array[int] | None = None  # place and size of each chunk
        self._last: list[Row] = []
        self._seen: tuple[int, list[Row]] = (-1, [])  # the chunk that was looked at last

    def append(self, row: Row) -> None:
        """Add a row."""
        if len(self._last) == self.CHUNK:
            data = marshal.dumps(self._last)
            if self._chunks is None:
                self._chunks = array("q")
            self._chunks.extend((self._spool.put(data), len(data)))
            self._last = []
        self._last.append(row)

    def __len__(self) -> int:
        put_away = len(self._chunks) // 2 if self._chunks is not None else 0
        return put_away * self.CHUNK + len(self._last)

    def __getitem__(self, index: int) -> Row:
        number, within = divmod(index, self.CHUNK)
        return self._chunk(number)[within]

    def __iter__(self) -> Iterator[Row]:
        for number in range(-(-len(self) // self.CHUNK)):
            yield from self._chunk(number)

    def _chunk(self, number: int) -> list[Row]:
        if self._chunks is None or 2 * number >= len(self._chunks):
            return self._last
        if self._seen[0] != number:
            place, size = self._chunks[2 * number : 2 * number + 2]
            self._seen = number, marshal.loads(self._spool.get(place, size))
        return self._seen[1]

    def put_away(self) -> Row:
        """The rows as a row of another list in the same spool."""
        return (self._chunks.tobytes() if self._chunks is not None else None, self._last)

    @classmethod
    def of(cls, spool: Spool, row: Row) -> Rows:
        """The rows that were put away so."""
        rows = cls(spool)
        chunks, rows._last = row
        if chunks is not None:
            rows._chunks = array("q", chunks)
        return rows
