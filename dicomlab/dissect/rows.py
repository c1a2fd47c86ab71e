"""Rows: plain tuples in their order, of which all but the last few lie in a temporary file.

What a capture holds may be more than the memory. So what is read becomes rows of numbers and
texts, and values of the model are made of them when somebody looks.
"""

from __future__ import annotations

import io
import marshal
import weakref
from array import array
from collections.abc import Iterator
from typing import IO, Any

Row = tuple[Any, ...]  # of what marshal knows: numbers, texts, bytes, None, tuples, lists, dicts


class Spool:
    """Bytes that are put away and looked up by their place; on disk once they are many."""

    IN_MEMORY = 1 << 24
    ROOM = 1 << 16  # rows of PDUs, or what weighs as much, that stay in memory as they are

    def __init__(self, content: bytes = b"") -> None:
        self._room = self.ROOM
        self._file: IO[bytes] = io.BytesIO()
        self._size = 0
        self.put(content)

    def has_room_for(self, rows: int) -> bool:
        """Whether so many rows may stay in memory; then they take that room."""
        self._room -= rows
        return self._room > 0

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
        import shutil
        import tempfile

        file = tempfile.TemporaryFile()  # noqa: SIM115
        self._file.seek(0)
        shutil.copyfileobj(self._file, file)
        self._file = file
        weakref.finalize(self, file.close)

    def __reduce__(self) -> tuple[type[Spool], tuple[bytes]]:
        return Spool, (self.get(0, self._size),)


class Rows:
    """A list of rows that only grows: the first ones in memory, the others in a spool."""

    __slots__ = ("_kept", "_last", "_seen", "_spool", "_stored", "_weight")

    CHUNK = 64  # rows that are put away together

    def __init__(self, spool: Spool, weight: int = 1) -> None:
        self._spool = spool
        self._weight = weight  # how much room a row takes, against others
        self._kept: list[list[Row]] | None = None  # chunks in memory
        self._stored: array[int] | None = None  # place and size of each chunk behind those
        self._last: list[Row] = []
        self._seen: tuple[int, list[Row]] = (-1, [])  # the chunk that was looked up last

    def append(self, row: Row) -> None:
        """Add a row."""
        if len(self._last) == self.CHUNK:
            self._put_away_last()
        self._last.append(row)

    def _put_away_last(self) -> None:
        rows, self._last = self._last, []
        if self._stored is None:
            if self._spool.has_room_for(self._weight * self.CHUNK):
                self._kept = self._kept or []
                self._kept.append(rows)
                return
            self._stored = array("q")
        data = marshal.dumps(rows)
        self._stored.extend((self._spool.put(data), len(data)))

    def __len__(self) -> int:
        kept = len(self._kept) if self._kept is not None else 0
        stored = len(self._stored) // 2 if self._stored is not None else 0
        return (kept + stored) * self.CHUNK + len(self._last)

    def __getitem__(self, index: int) -> Row:
        number, within = divmod(index, self.CHUNK)
        return self._chunk(number)[within]

    def __iter__(self) -> Iterator[Row]:
        for number in range(-(-len(self) // self.CHUNK)):
            yield from self._chunk(number)

    def _chunk(self, number: int) -> list[Row]:
        kept = self._kept or []
        if number < len(kept):
            return kept[number]
        at = 2 * (number - len(kept))
        if self._stored is None or at >= len(self._stored):
            return self._last
        if self._seen[0] != number:
            place, size = self._stored[at : at + 2]
            self._seen = number, marshal.loads(self._spool.get(place, size))
        return self._seen[1]

    def put_away(self) -> Row:
        """The rows as a row of another list in the same spool."""
        stored = self._stored.tobytes() if self._stored is not None else None
        return self._kept, stored, self._last

    @classmethod
    def each(cls, spool: Spool, row: Row) -> Rows | list[Row]:
        """Those that were put away so, one after the other."""
        kept, stored, last = row
        return last if kept is None and stored is None else cls.of(spool, row)

    @classmethod
    def of(cls, spool: Spool, row: Row) -> Rows:
        """The rows that were put away so."""
        rows = cls(spool)
        rows._kept, stored, rows._last = row
        if stored is not None:
            rows._stored = array("q", stored)
        return rows
