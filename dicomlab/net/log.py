"""What an end of a connection keeps of it: who sent what, when, and the states around it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from dicomlab.model import Endpoint, Pdu, Side
from dicomlab.protocol.codec import decode


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
