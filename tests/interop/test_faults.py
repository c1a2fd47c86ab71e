"""Other people's clients meet every fault: they see what was ordered, and nothing is left."""

from __future__ import annotations

import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from subprocess import CompletedProcess

import pytest

from dicomlab.net.faults import FaultSCP
from dicomlab.net.scp import EchoSCP
from tests.faults import ORDERS

Run = Callable[..., CompletedProcess[str]]
pytestmark = pytest.mark.usefixtures("nothing_left")
SHORT = ("-to", 1, "-ts", 1, "-ta", 1, "-td", 1)  # seconds: connect, socket, association, DIMSE


def dcmtk(run: Run, *faults: str) -> str:
    with FaultSCP(*faults) as scp:
        done = run("echoscu", "-v", *SHORT, *scp.address)
    return f"{done.returncode} {done.stdout}{done.stderr}"


@pytest.mark.parametrize(
    ("order", "says"),
    [
        ("called-unknown", "Called AE Title Not Recognized"),
        ("called-title=case", "Called AE Title Not Recognized"),
        ("calling-unknown", "Calling AE Title Not Recognized"),
        ("calling-title=case", "Calling AE Title Not Recognized"),
        ("limit", "Local Limit Exceeded"),
        ("reject=1/2/2", "Protocol Version Not Supported"),
        ("no-verification", "No Acceptable Presentation Contexts"),
        ("explicit-only", "No Acceptable Presentation Contexts"),
        ("unanswered-context", "No Acceptable Presentation Contexts"),
        ("abort", "Peer aborted Association"),
        ("close", "Peer aborted Association"),
        ("http", "Unrecognized PDU type: 48"),
        ("ssh", "Unrecognized PDU type: 53"),
        ("tls-alert", "Unrecognized PDU type: 15"),
        ("status=0122", "Received Echo Response (Unknown Status: 0x122)"),
        ("message-id=99", "Unexpected Response MsgId: 99"),
        ("command-field=8001", "Unexpected Response Command Field: 0x8001"),
        ("announces-data-set", "DataSetType != NULL"),
        ("no-status", "(0000,0900) Status"),
        ("close@release", "Association Release Failed"),
        ("bytewise", "Received Echo Response (Success)"),
        ("one-segment", "Received Echo Response (Success)"),
        ("reserved", "Received Echo Response (Success)"),
        ("item-type", "Received Echo Response (Success)"),
        ("delay=0.2", "Received Echo Response (Success)"),
    ],
)
def test_dcmtk_says_what_was_ordered(order: str, says: str, run: Run) -> None:
    assert says in dcmtk(run, order)


def pynetdicom(run: Run, *orders: str) -> list[str]:
    """What pynetdicom's client gets for each order: a status, None, or ``hung``.

    It waits for the rest of a PDU for as long as it is connected: hence the server's short timers.
    """
    with ExitStack() as stack:
        scps = [FaultSCP(order, idle_timeout=1, artim=1) for order in orders]
        ports = [stack.enter_context(scp).port for scp in scps]
        done = run(sys.executable, "-m", "tests.interop.pynetdicom_client", *ports)
    return done.stdout.split()


def test_pynetdicom_hears_what_was_ordered(run: Run) -> None:
    expected = {
        "reject": "None",
        "no-verification": "None",
        "close@message": "None",
        "status=0110": "272",
        "bytewise": "0",
        "header-apart": "0",
        "one-segment": "0",
        "reserved": "0",
        "item-type": "None",  # 3.0.4 does not skip what it does not know
        "message-id": "0",  # nor does it look at the Message ID
    }
    assert dict(zip(expected, pynetdicom(run, *expected), strict=True)) == expected


def test_every_fault_lets_pynetdicom_go(run: Run) -> None:
    ended = dict(zip(ORDERS, pynetdicom(run, *ORDERS), strict=True))
    assert "hung" not in ended.values()


def test_every_fault_lets_dcmtk_go(run: Run) -> None:
    with ThreadPoolExecutor(16) as pool:
        ended = list(pool.map(lambda order: dcmtk(run, order), ORDERS))  # or fails after a minute
    assert len(ended) == len(ORDERS)
    with EchoSCP() as healthy:
        assert "Received Echo Response (Success)" in run("echoscu", "-v", *healthy.address).stderr
