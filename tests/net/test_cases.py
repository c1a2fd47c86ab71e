"""All that can be wrong on the wire, for real, at both ends: nothing hangs, leaks or breaks."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import pytest

from dicomlab.captures import from_exchange
from dicomlab.model import PeerError
from dicomlab.net.echo import echo
from dicomlab.net.faults import FaultSCP
from dicomlab.net.log import LogEntry
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
    with socket.create_connection(scp.address, 10) as client:
        return converse(client, case)


def converse(client: socket.socket, case: dict[str, Any], called: str = "ANY-SCP") -> bytes:
    """The same over a connection that stands."""
    heard = b""
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if case["needs_association"]:
        client.sendall(bytes(build("A-ASSOCIATE-RQ", called_ae_title=called)))
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


@pytest.fixture(scope="module")
def logs(tables: dict[str, Any]) -> dict[str, list[LogEntry]]:
    """What an EchoSCP notes of each case, all sent at once."""
    cases, ports = tables["malformed_cases"], {}

    def send(case: dict[str, Any]) -> None:
        with socket.create_connection(scp.address, 10) as client:
            ports[case["id"]] = client.getsockname()[1]
            converse(client, case, called="ECHOSCP")

    limits = {"artim": 0.3, "idle_timeout": 0.5, "max_associations": len(cases)}
    with (
        EchoSCP("ECHOSCP", require_called_ae_title=True, **limits) as scp,
        ThreadPoolExecutor(len(cases)) as pool,
    ):
        list(pool.map(send, cases))
    return {
        case: [one for one in scp.log if one.requestor.port == port] for case, port in ports.items()
    }


def test_what_is_wrong_is_found_in_the_log_of_an_echo_scp(
    malformed_case: dict[str, Any], logs: dict[str, list[LogEntry]]
) -> None:
    opened, *log = logs[malformed_case["id"]]
    entries = [(one.time, one.sender, one.data) for one in log]
    capture = from_exchange(entries, opened.requestor, opened.acceptor, since=opened.time)
    [found] = [*capture.associations, *capture.connections]
    codes = {one.code for one in found.findings}
    assert set(malformed_case["expected"]) - {"ok"} <= codes


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
