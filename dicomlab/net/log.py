"""What an end of a connection keeps of it: who sent what, when, and the states around it."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from datetime import datetime

from dicomlab.model import Endpoint, Pdu, Side
from dicomlab.protocol.codec import decode

ROOM = 1 << 24  # bytes; older entries are forgotten
_ENTRY = 256  # bytes that an entry counts for beside its data


@dataclass(frozen=True, slots=True)
class LogEntry:
    """Bytes that one end sent; without bytes, the opening or the end of the connection.

    Bytes that came are one PDU, or what there is of one at the end. The states are those of the
    end that keeps the log (PS3.8 Table 9-10).
    """

    time: int  # nanoseconds since 1970
    connection: int  # its number at the end that keeps the log, from 0
    requestor: Endpoint
    acceptor: Endpoint
    sender: Side
    data: bytes
    before: str
    after: str
    reset: bool = False  # the connection was ended by a RST

    @property
    def pdus(self) -> tuple[Pdu, ...]:
        """The bytes, decoded."""
        return tuple(decode(self.data))

    @property
    def what(self) -> str:
        """In a word or two, what happened."""
        if not self.data:
            opened = self.before == "Sta1" != self.after
            how = "opens" if opened else "resets" if self.reset else "closes"
            return f"{how} the connection"
        return " + ".join(pdu.name for pdu in self.pdus)

    def __str__(self) -> str:
        clock = datetime.fromtimestamp(self.time / 1e9).astimezone().strftime("%H:%M:%S.%f")
        size = f"{len(self.data):,} bytes" if self.data else ""
        states = f"{self.before} → {self.after}"
        return f"{clock}  {self.sender:9}  {self.what:24}  {size:>12}  {states}"


class Log:
    """The last entries, as many as there is room for, and the last one however long it is.

    Besides them, the first ones are kept that ``beginning`` bytes hold: what they say explains the
    rest.
    """

    def __init__(self, beginning: int = 0) -> None:
        self._beginning = beginning  # bytes that are left of it
        self._first: list[LogEntry] = []
        self._last: deque[LogEntry] = deque()
        self._held = 0  # bytes of the last ones

    @property
    def entries(self) -> tuple[LogEntry, ...]:
        """What is kept, in the order of time."""
        return (*self._first, *self._last)

    def add(self, entry: LogEntry) -> None:
        """Keeps one more."""
        size = len(entry.data) + _ENTRY
        if not self._last and size <= self._beginning:
            self._beginning -= size
            self._first.append(entry)
            return
        self._held += size
        self._last.append(entry)
        while self._held > ROOM and len(self._last) > 1:
            self._held -= len(self._last.popleft().data) + _ENTRY
