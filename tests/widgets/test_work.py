"""Work in the background: told on the kernel's loop, and not holding the kernel up."""

from __future__ import annotations

import asyncio
import threading

from dicomlab.widgets.work import in_background


def test_on_a_loop_what_it_gives_is_told_on_the_loop() -> None:
    async def cell() -> list[threading.Thread]:
        told: asyncio.Future[list[threading.Thread]] = asyncio.get_running_loop().create_future()
        go_on = threading.Event()

        def job() -> threading.Thread:
            assert go_on.wait(20)  # the loop runs on meanwhile
            return threading.current_thread()

        worker = in_background(
            job, lambda thread: told.set_result([thread, threading.current_thread()])
        )
        go_on.set()
        threads = await told
        worker.join(20)
        assert threads[0] is worker
        assert worker.daemon
        return threads

    _, told_in = asyncio.run(cell())
    assert told_in is threading.current_thread()


def test_without_a_loop_it_is_told_in_the_thread() -> None:
    told: list[object] = []
    worker = in_background(
        lambda: 7, lambda seven: told.extend([seven, threading.current_thread()])
    )
    worker.join(20)
    assert told == [7, worker]


def test_nobody_is_told_when_the_loop_is_gone() -> None:
    go_on = threading.Event()
    told: list[int] = []

    async def cell() -> threading.Thread:
        return in_background(lambda: go_on.wait(20) and 7, told.append)  # type: ignore[arg-type]

    worker = asyncio.run(cell())
    go_on.set()
    worker.join(20)
    assert not worker.is_alive()
    assert told == []
