"""A relay with a socket at either end, and what sockets do there."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dicomlab.model import Endpoint, Side
from dicomlab.recording.relay import CHUNK, Relay
from tests.recording.conversations import streams

SIDES: tuple[Side, Side] = ("requestor", "acceptor")
other: dict[Side, Side] = {"requestor": "acceptor", "acceptor": "requestor"}


class Between:
    """A relay, and a connected socket at either end of it."""

    def __init__(self, path: Path, host: str = "127.0.0.1", **way: float) -> None:
        self.path = path
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.listener = socket.create_server((host, 0), family=family)
        self.target = Endpoint(*self.listener.getsockname()[:2])
        self.relay = Relay(self.target, path, **way)
        self.ends: dict[Side, socket.socket] = {}
        self.opened = [self.listener]
        self.connect()

    def connect(self, port: int = 0) -> None:
        source = (self.target.address, port)
        self.ends["requestor"] = socket.create_connection(self.relay.address, 10, source)
        self.ends["acceptor"] = self.listener.accept()[0]
        self.ends["acceptor"].settimeout(10)
        self.opened += self.ends.values()

    @property
    def said(self) -> dict[Side, bytes]:
        """What the file says that each side sent."""
        told = streams(self.path)
        requestor = self.ends["requestor"].getsockname()[1]
        return {"requestor": told[requestor], "acceptor": told[self.target.port]}


@contextmanager
def between(path: Path, host: str = "127.0.0.1", **way: float) -> Iterator[Between]:
    one = Between(path, host, **way)
    try:
        yield one
    finally:
        one.relay.stop()
        for each in one.opened:
            each.close()


def reset(end: socket.socket) -> None:
    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    end.close()


def take(end: socket.socket, size: int) -> bytes:
    """That many bytes."""
    data = b""
    while len(data) < size:
        got = end.recv(size - len(data))
        assert got, "the connection has ended"
        data += got
    return data


def is_reset(end: socket.socket) -> bool:
    try:
        while end.recv(CHUNK):
            pass
    except ConnectionResetError:
        return True
    return False


def send(end: socket.socket, chunks: list[bytes]) -> threading.Thread:
    """Send all of it and half-close, while the caller reads at the other end."""

    def run() -> None:
        for chunk in chunks:
            end.sendall(chunk)
        end.shutdown(socket.SHUT_WR)

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def take_all(end: socket.socket) -> bytes:
    """Everything up to the end of what the peer sends."""
    parts = []
    while data := end.recv(CHUNK):
        parts.append(data)
    return b"".join(parts)
