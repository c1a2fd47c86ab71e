"""Two writes a PDU, Nagle's algorithm and delayed acknowledgements: why a C-ECHO takes 44 ms.

What is waited for is Linux' own: it delays an acknowledgement by 40 ms.
"""

from __future__ import annotations

import sys
import time
from typing import Literal

import pytest

import dicomlab as dl
from dicomlab.protocol.codec import PDU_HEADER
from dicomlab.recording.record import record
from tests.recording.conversations import segments

DELAYED = 0.03  # seconds; what Linux delays is more
ATTEMPTS = 5  # who reads late, on a busy machine, acknowledges at once and sees both writes as one
linux = pytest.mark.skipif(sys.platform != "linux", reason="others delay otherwise")


def echoes(address: tuple[str, int], *, two_writes: bool) -> list[float]:
    """How many seconds each of three C-ECHOs on one association took."""
    took = []
    with dl.SCU(*address, two_writes=two_writes) as scu:
        scu.send(dl.build("A-ASSOCIATE-RQ"))
        scu.receive()
        for _ in range(3):
            began = time.perf_counter()
            scu.send(dl.build("C-ECHO-RQ"))
            assert scu.receive()["Status"].value == 0
            took.append(time.perf_counter() - began)
    return took


@linux
def test_in_two_writes_every_c_echo_waits_for_an_acknowledgement() -> None:
    with dl.EchoSCP() as scp:
        attempts = (min(echoes(scp.address, two_writes=True)) for _ in range(ATTEMPTS))
        assert any(quickest > DELAYED for quickest in attempts)
        assert min(echoes(scp.address, two_writes=False)) < DELAYED


@linux
@pytest.mark.parametrize("method", ["live", "relay"])
def test_a_recording_shows_the_header_the_wait_and_the_content(
    method: Literal["live", "relay"], request: pytest.FixtureRequest
) -> None:
    if method == "live":
        request.getfixturevalue("live")
    question = len(bytes(dl.build("C-ECHO-RQ")))
    for _ in range(ATTEMPTS):
        with dl.EchoSCP() as scp, record(scp, method=method) as recording:
            echoes(recording.address, two_writes=True)
        sizes = [len(one.data) for one in segments(recording.path) if one.data]
        if question not in sizes:
            break
    assert sizes.count(PDU_HEADER) >= 3
    assert sizes.count(question - PDU_HEADER) == 3
    assert question not in sizes
