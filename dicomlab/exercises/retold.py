"""Conversations that really ran, told again with made-up addresses and times.

The bytes and their order are those of the log. So what a seed has dealt is the same on every
machine, however fast it is, and its machines have addresses of their own.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

from dicomlab.captures import from_exchange
from dicomlab.dissect.pcap import MADE_UP, Writer
from dicomlab.dissect.synth import TcpConversation
from dicomlab.model import Capture, Endpoint, Side
from dicomlab.net.log import LogEntry

MORNING = 1_741_071_600_000_000_000  # a Tuesday in March 2025, 07:00 UTC, as nanoseconds
_MILLISECOND = 1_000_000  # in nanoseconds
_USUAL = (1, 9)  # milliseconds from one PDU to the next
_REQUESTS = (b"\x01", b"\x04")  # what begins an A-ASSOCIATE-RQ, and a P-DATA-TF
_COMMENT = f"Dealt by dicomlab for an exam. Addresses, times and {MADE_UP}; the bytes are real."

Entry = tuple[int, Side, bytes | None]  # as from_exchange() takes it


@dataclass(frozen=True, slots=True)
class Retold:
    """One conversation; without entries, a connection that was refused."""

    start: int  # nanoseconds since 1970
    requestor: Endpoint
    acceptor: Endpoint
    entries: tuple[Entry, ...]

    @property
    def capture(self) -> Capture:
        """What it holds, dissected."""
        return from_exchange(self.entries, self.requestor, self.acceptor, self.start)


def retold(
    log: Sequence[LogEntry],
    start: int,
    requestor: Endpoint,
    acceptor: Endpoint,
    random: Random,
    pause: float = 0.0,
) -> Retold:
    """The log of an SCU, told anew, with a pause of so many seconds behind the last request."""
    asked = [
        at for at, one in enumerate(log) if one.sender == "requestor" and one.data[:1] in _REQUESTS
    ]
    time, entries = start, list[Entry]()
    for at, one in enumerate(log[1:]):
        paused = pause and at == asked[-1]
        time += (round(pause * 1000) if paused else random.randint(*_USUAL)) * _MILLISECOND
        entries.append((time, one.sender, None if one.reset else one.data))
    if entries and entries[-1][2] == b"":  # the log ends with the first of both ends that closes
        other: Side = "acceptor" if entries[-1][1] == "requestor" else "requestor"
        entries.append((time + _MILLISECOND, other, b""))
    return Retold(start, requestor, acceptor, tuple(entries))


def write(path: Path, conversations: Iterable[Retold]) -> None:
    """Write conversations into a capture file, one after the other."""
    with Writer(path, comment=_COMMENT) as file:
        for one in conversations:
            tcp = TcpConversation(one.requestor, one.acceptor)
            for packet in tcp.open() if one.entries else tcp.refuse():
                file.packet(one.start, packet)
            for time, sender, data in one.entries:
                if data is None:
                    packets = tcp.reset(sender)
                else:
                    packets = tcp.data(sender, data) if data else tcp.close(sender)
                for packet in packets:
                    file.packet(time, packet)
