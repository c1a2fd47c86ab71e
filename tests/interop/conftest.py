"""Other people's programs, started on loopback and ended with the test."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Callable, Iterator

import pytest

from tests.programs import found

# without it DCMTK sends a PDU in two pieces, the second 40 ms later (Nagle, delayed ACK)
ENVIRONMENT = {**os.environ, "TCP_NODELAY": "1"}


@pytest.fixture
def run() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run a program to its end."""

    def start(program: str, *arguments: object) -> subprocess.CompletedProcess[str]:
        command = [found(program), *map(str, arguments)]
        return subprocess.run(
            command, env=ENVIRONMENT, capture_output=True, text=True, errors="replace", timeout=60
        )

    return start


@pytest.fixture
def serving() -> Iterator[Callable[..., int]]:
    """Start a server; gives its port once it listens. A ``{port}`` among the arguments is that."""
    started: list[subprocess.Popen[bytes]] = []

    def start(program: str, *arguments: object) -> int:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = probe.getsockname()[1]
        command = [found(program), *(str(one).replace("{port}", str(port)) for one in arguments)]
        process = subprocess.Popen(
            command, env=ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        started.append(process)
        while not listens(port):
            try:
                process.wait(0.02)
            except subprocess.TimeoutExpired:
                continue
            pytest.fail(f"{program} ended with {process.returncode} before it listened")
        return port

    yield start
    for process in started:
        process.terminate()
        process.wait(20)


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
