"""Many capture files, each dissected wherever an executor has room."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from typing import TYPE_CHECKING, TypeVar

from dicomlab.dissect.associations import Progress, dissect_file
from dicomlab.dissect.file import CaptureFile
from dicomlab.model import Capture, CaptureError

if TYPE_CHECKING:
    from concurrent.futures import Executor, Future

AHEAD = 256  # batches under way where the executor does not say how many it takes at once
BATCH_BYTES = 1 << 20
BATCH_FILES = 64
Watch = Callable[[Progress], bool | None]
Found = Capture | CaptureError
Batch = list[CaptureFile | CaptureError]
T = TypeVar("T")


def found_in(batch: Batch, watch: Watch | None = None) -> list[Found]:
    """What each of the files holds, or why it cannot be read."""
    return [_found_in(file, watch) if isinstance(file, CaptureFile) else file for file in batch]


def _file(path: str | os.PathLike[str]) -> CaptureFile | CaptureError:
    try:
        return CaptureFile(path)
    except CaptureError as error:
        return error.with_traceback(None)


def _found_in(file: CaptureFile, watch: Watch | None) -> Found:
    try:
        return dissect_file(file, watch)
    except CaptureError as error:
        return error.with_traceback(None)


def in_order(
    paths: Iterable[str | os.PathLike[str]],
    executor: Executor,
    find: Callable[[Batch], list[T]],
) -> Generator[T, None, None]:
    """What ``find`` gives of each file, in the order of their paths.

    Twice as many batches as the executor takes at once are under way: being dissected, or waiting
    for their turn to be given. What has not begun when somebody stops asking is never begun.
    """
    under_way: deque[Future[list[T]]] = deque()
    most = 2 * getattr(executor, "_max_workers", AHEAD // 2)
    try:
        for batch in _batches(map(_file, paths)):
            under_way.append(executor.submit(find, batch))
            while under_way and (len(under_way) == most or under_way[0].done()):
                yield from _first_of(under_way)
        while under_way:
            yield from _first_of(under_way)
    finally:
        for one in under_way:
            one.cancel()


def _batches(files: Iterable[CaptureFile | CaptureError]) -> Iterator[Batch]:
    """Small files together: to hand one over costs as much as to dissect it."""
    batch: Batch = []
    room = 0
    for file in files:
        size = file.size if isinstance(file, CaptureFile) else 0
        if batch and (size is None or size > room or len(batch) == BATCH_FILES):
            yield batch
            batch = []
        if not batch:
            room = BATCH_BYTES
        batch.append(file)
        room -= BATCH_BYTES if size is None else size
    if batch:
        yield batch


def _first_of(under_way: deque[Future[list[T]]]) -> list[T]:
    found = under_way[0].result()
    under_way.popleft()
    return found
