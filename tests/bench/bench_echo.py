"""A whole C-ECHO, connect to close: ours against ours, and pynetdicom against itself.

Run as ``python -m tests.bench.bench_echo``. The rounds take turns, and of each the quickest round
counts: what else the machine does can only add to it. Both ends run in one process, so on several
cores the interpreter's lock and its hot memory travel between them at every turn of the
conversation. Hence the verdict is taken on one core, where it is the work that counts: exit status
1 when ours takes 2 ms or more in the median, or more than a tenth of pynetdicom's time.
"""

from __future__ import annotations

import os
import statistics
import sys
import time
from collections.abc import Callable

from pynetdicom import AE

from dicomlab.net.echo import echo
from dicomlab.net.scp import EchoSCP
from dicomlab.net.scu import SCU
from dicomlab.protocol.build import build
from dicomlab.spec.names import VERIFICATION

MOST_MILLISECONDS = 2.0
LEAST_RATIO = 10.0
ROUNDS, OURS, THEIRS = 5, 100, 10  # how often
REQUEST, QUESTION = build("A-ASSOCIATE-RQ"), build("C-ECHO-RQ")


def milliseconds(conversation: Callable[[], None], times: int) -> float:
    """The median of ``times`` runs."""
    took = []
    for _ in range(times):
        started = time.perf_counter()
        conversation()
        took.append(1000 * (time.perf_counter() - started))
    return statistics.median(took)


def step_by_step(address: tuple[str, int]) -> None:
    with SCU(*address) as scu:
        scu.send(REQUEST)
        scu.receive()
        scu.send(QUESTION)
        assert scu.receive()["Status"].value == 0
        scu.release()


def whole(address: tuple[str, int]) -> None:
    assert echo(*address).ok


def pynetdicom(address: tuple[str, int]) -> None:
    client = AE()
    client.add_requested_context(VERIFICATION)
    association = client.associate(*address)
    assert association.send_c_echo().Status == 0
    association.release()


def measure() -> tuple[float, float, float]:
    """SCU and EchoSCP, echo() and EchoSCP, pynetdicom and itself: each one's quickest round."""
    server = AE()
    server.add_supported_context(VERIFICATION)
    running = server.start_server(("127.0.0.1", 0), block=False)
    with EchoSCP() as scp:
        rounds = [
            (
                milliseconds(lambda: step_by_step(scp.address), OURS),
                milliseconds(lambda: whole(scp.address), OURS),
                milliseconds(lambda: pynetdicom(running.server_address), THEIRS),
            )
            for _ in range(ROUNDS)
        ]
    running.shutdown()
    ours, result, theirs = map(min, zip(*rounds, strict=True))
    return ours, result, theirs


def report(where: str, ours: float, result: float, theirs: float) -> None:
    print(f"{where}")
    print(f"  SCU and EchoSCP         {ours:8.2f} ms  (under {MOST_MILLISECONDS:g} ms)")
    print(f"  echo() and EchoSCP      {result:8.2f} ms")
    print(f"  pynetdicom and itself   {theirs:8.2f} ms")
    print(f"  ratio                   {theirs / ours:8.1f}     (at least {LEAST_RATIO:g})")


def main() -> int:
    report("on all cores", *measure())
    if hasattr(os, "sched_setaffinity"):
        cores = os.sched_getaffinity(0)
        os.sched_setaffinity(0, {min(cores)})
        try:
            ours, result, theirs = measure()
        finally:
            os.sched_setaffinity(0, cores)
        report("on one core", ours, result, theirs)
    else:
        ours, result, theirs = measure()
    return int(ours >= MOST_MILLISECONDS or theirs / ours < LEAST_RATIO)


if __name__ == "__main__":
    sys.exit(main())
