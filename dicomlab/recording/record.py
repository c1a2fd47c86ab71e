"""Record a conversation: live where the machine allows it, else through a relay."""

from __future__ import annotations

import math
import os
import shutil
import socket
import tempfile
import weakref
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Literal, Protocol, Self

from dicomlab.captures import dissect
from dicomlab.dissect.file import path_text
from dicomlab.model import (
    BuildError,
    Capture,
    CaptureError,
    DicomlabError,
    Endpoint,
    PeerError,
    printable,
)
from dicomlab.recording.relay import Relay
from dicomlab.recording.tshark import LiveCapture

Method = Literal["live", "relay"]
LONGEST = 60.0  # seconds of latency that can be asked for
_ANY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # where who listens on all is to be found


class Listening(Protocol):
    """Something that listens at a host and a port, such as an EchoSCP."""

    @property
    def address(self) -> tuple[str, int]:
        """Host and port to connect to."""


Target = Listening | tuple[str, int] | str  # an SCP or a recording, (host, port) or "host:port"


class Recording:
    """A recording that runs until its ``with`` block, or :meth:`stop`, ends it.

    A file for which no path was given lives as long as this object.
    """

    def __init__(
        self, recorder: LiveCapture | Relay, path: Path, folder: str | None, why: tuple[str, ...]
    ) -> None:
        self.method: Method = "relay" if isinstance(recorder, Relay) else "live"
        self.address = recorder.address  # host and port to connect to, so that it is recorded
        self.limits = recorder.limits + why  # what this way cannot see, and why no other was taken
        self.path = path
        if folder:
            weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        self._stop = weakref.finalize(self, recorder.stop)  # of two, the later one runs first

    @property
    def running(self) -> bool:
        """Whether it still records."""
        return self._stop.alive

    @cached_property
    def capture(self) -> Capture:
        """What was recorded, dissected; CaptureError while the recording runs."""
        if self.running:
            raise CaptureError(
                "The recording still runs.", "Leave its with block, or stop() it, and ask again."
            )
        return dissect(self.path)

    def stop(self) -> None:
        """End the recording; its file is whole then. Once more does nothing."""
        self._stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def __repr__(self) -> str:
        state = "running" if self.running else "ended"
        return f"<Recording {self.method}, {state}, {printable(str(self.path))}>"


def record(
    target: Target,
    *,
    method: Literal["auto", "live", "relay"] = "auto",
    path: str | os.PathLike[str] | None = None,
    latency: float = 0.0,
    bandwidth: float | None = None,
) -> Recording:
    """Record the conversations with ``target``: an SCP, ``(host, port)`` or ``"host:port"``.

    The recording runs when this returns. Connect to its ``address``: what passes is written to
    ``path``, or to a file that lives as long as the recording. ``"live"`` takes the packets from
    the operating system, ``"relay"`` stands between the two ends, ``"auto"`` is live where that
    is possible; ``method`` and ``limits`` of the recording say which it was and what it cannot see.

    The relay can play a long and narrow way: ``latency`` is in seconds and comes on top, each way;
    ``bandwidth`` is in bytes per second, of each direction. The times in the file are then those of
    the requestor's end.

    Raises CaptureError where it cannot be recorded, PeerError where the target has no address.
    """
    _check_way(latency, bandwidth)
    end = _resolved(*host_and_port(target))
    folder = tempfile.mkdtemp(prefix="dicomlab-") if path is None else None
    file = Path(folder, "recording.pcapng") if folder else Path(path_text(path))
    try:
        recorder, why = _started(end, method, file, latency, bandwidth)
    except BaseException:
        if folder:
            shutil.rmtree(folder)
        raise
    return Recording(recorder, file, folder, why)


def _started(
    target: Endpoint,
    method: Method | Literal["auto"],
    file: Path,
    latency: float,
    bandwidth: float | None,
) -> tuple[LiveCapture | Relay, tuple[str, ...]]:
    """What records, and why it is not the first choice."""
    delays = latency > 0 or bandwidth is not None
    if delays and method == "live":
        what = (
            "A live recording takes packets as they are: it adds no latency, limits no bandwidth."
        )
        raise CaptureError(what, "Use method='relay'.")
    if delays or method == "relay":
        return Relay(target, file, latency=latency, bandwidth=bandwidth), ()
    try:
        return LiveCapture(target, file), ()
    except CaptureError as error:
        if method == "live":
            raise
        return Relay(target, file), (error.args[0],)


def _check_way(latency: float, bandwidth: float | None) -> None:
    if not 0 <= latency <= LONGEST:
        raise BuildError(f"a latency is 0 to {LONGEST:g} seconds, not {latency!r}.")
    if bandwidth is not None and not 1 <= bandwidth < math.inf:
        raise BuildError(f"a bandwidth is at least 1 byte a second, not {bandwidth!r}.")


def host_and_port(target: Target) -> tuple[str, int]:
    """Host and port of a target. Raises DicomlabError where it has none."""
    if isinstance(target, str):
        host, colon, port = target.rpartition(":")
        if not colon or not port.isdecimal():
            raise DicomlabError(
                f"{target!r} is no host:port.", "Say, for example, 'localhost:104'."
            )
        return host.strip("[]"), int(port)
    address: tuple[str, int] | None = getattr(target, "address", None)
    match target if isinstance(target, tuple) else address:
        case (str(name), int(number)):
            return name, number
    raise DicomlabError(
        f"{target!r} has no address.", "Give an SCP, a recording, (host, port) or 'host:port'."
    )


def _resolved(host: str, port: int) -> Endpoint:
    """The address behind a name; of several, one of IPv4."""
    if not 0 < port < 1 << 16:
        raise DicomlabError(f"{port} is no TCP port.", "Ports are 1 to 65535; DICOM's is 11112.")
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (socket.gaierror, UnicodeError) as error:
        raise PeerError(
            f"The name {host!r} cannot be resolved ({error}).",
            f"Correct {host!r}, or enter the address of the target.",
            "name-unresolved",
        ) from None
    address = min(found, key=lambda one: one[0] != socket.AF_INET)[4][0]
    return Endpoint(_ANY_ADDRESS.get(str(address), str(address)), port)
