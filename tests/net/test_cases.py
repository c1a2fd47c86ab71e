"""All that can be wrong on the wire, for real, at both ends: nothing hangs, leaks or breaks."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import pytest

from dicomlab.model import PeerError
from dicomlab.net.echo import echo
from dicomlab.net.faults import FaultSCP
from dicomlab.net.scp import EchoSCP
from dicomlab.net.scu import SCU
from dicomlab.protocol.build import build

pytestmark = pytest.mark.usefixtures("nothing_left")


def pieces(case: dict[str, Any]) -> list[bytes]:
    """What is sent, send by send."""
    if case["segments_hex"] is None:  # a PDU that is longer than the SCP takes
        long = build("P-DATA-TF", fragment=build("C-ECHO-RQ").pdu["Command Set"].raw)
        long.add("PDV", fragment=bytes(60000))
        return [bytes(long)]
    sent = [bytes.fromhex(segment) for segment in case["segments_hex"]]
    size = case.get("sent_in_chunks_of") or 1 << 16
    return [one[at : at + size] for one in sent for at in range(0, len(one), size)]


def answer(scp: EchoSCP, case: dict[str, Any]) -> bytes:
    """All that comes back until the SCP closes."""
    heard = b""
    with socket.create_connection(scp.address, 10) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if case["needs_association"]:
            client.sendall(bytes(build("A-ASSOCIATE-RQ")))
            heard += client.recv(1 << 16)
        with suppress(BrokenPipeError, ConnectionResetError):  # it had enough before the end
            for piece in pieces(case):
                client.sendall(piece)
        if case.get("then") == "client closes":
            client.shutdown(socket.SHUT_WR)
        with suppress(ConnectionResetError):
            while data := client.recv(1 << 16):
                heard += data
    return heard


def test_without_faults_all_bad_bytes_are_answered_as_by_an_echo_scp(
    tables: dict[str, Any],
) -> None:
    cases = tables["malformed_cases"]
    heard = []
    for kind in (EchoSCP, FaultSCP):
        limits = {"artim": 0.5, "idle_timeout": 0.5, "max_associations": len(cases)}
        with kind(**limits) as scp, ThreadPoolExecutor(len(cases)) as pool:
            heard.append(list(pool.map(lambda case: answer(scp, case), cases)))
            assert echo(*scp.address).ok
            while scp._connections:
                pass
    for case, good, same in zip(cases, *heard, strict=True):
        assert good == same, case["id"]


def test_whatever_a_server_does_both_clients_come_to_an_end(
    client_case: dict[str, Any], scripted: Callable[..., tuple[str, int]]
) -> None:
    steps = client_case["server_steps"]
    started = time.monotonic()
    with suppress(PeerError), SCU(*scripted(*steps), timeout=0.2) as scu:
        for question in ("A-ASSOCIATE-RQ", "C-ECHO-RQ"):
            scu.send(build(question))
            scu.receive()  # and leaving releases
    result = echo(*scripted(*steps), timeout=0.2)
    assert not result.history or result.history[-1].next == "Sta1"
    assert time.monotonic() - started < 5
