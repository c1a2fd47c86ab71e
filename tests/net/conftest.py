"""A peer on loopback that follows a script, to the letter."""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable, Iterator
from contextlib import suppress
from threading import Thread
from typing import Any

import pytest

Address = tuple[str, int]
RESET = struct.pack("ii", 1, 0)  # SO_LINGER: on, for no time


def play(listener: socket.socket, steps: list[dict[str, Any]]) -> None:
    """Accept one connection, do the steps, then read until the client closes."""
    connection, _ = listener.accept()
    with connection, suppress(OSError):
        connection.settimeout(20)
        for step in steps:
            action = step.get("action", "send")
            if "right after accept" not in action and action != "stay silent":
                connection.recv(1 << 16)
            if action.startswith("reset"):
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            if action.startswith(("close", "reset")):
                return
            connection.sendall(bytes.fromhex(step.get("send", "")))
        while connection.recv(1 << 16):
            pass


@pytest.fixture
def scripted() -> Iterator[Callable[..., Address]]:
    """Start a peer that answers each thing that it receives with the next step of a script."""
    started = []

    def start(*steps: dict[str, Any]) -> Address:
        listener = socket.create_server(("127.0.0.1", 0))
        thread = Thread(target=play, args=(listener, list(steps)))
        thread.start()
        started.append((listener, thread))
        return listener.getsockname()

    yield start
    for listener, thread in started:
        with suppress(OSError):  # one that nobody called is called now
            socket.create_connection(listener.getsockname(), 1).close()
        thread.join(20)
        listener.close()
        assert not thread.is_alive()
