"""Work that must not hold the kernel up: a peer may take its time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from threading import Thread
from typing import TypeVar

T = TypeVar("T")


def in_background(job: Callable[[], T], done: Callable[[T], None]) -> Thread:
    """Run ``job`` in a thread that ends with the kernel, then ``done`` with what it gives.

    ``done`` runs on the event loop that is running here (a kernel's), where traits may be changed;
    without one, in the thread. ``job`` says by its result what went wrong: it does not raise.
    """
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        loop = None

    def work() -> None:
        result = job()
        if loop is None:
            done(result)
        else:
            with suppress(RuntimeError):  # the kernel ended meanwhile
                loop.call_soon_threadsafe(done, result)

    thread = Thread(target=work, daemon=True)
    thread.start()
    return thread
