"""The bytes of one direction to PDUs.

As long as every byte is there, each PDU begins where the one before ends. Where bytes are missing
or make no PDU, reading goes on at the next packet that begins with a PDU beyond doubt.
"""

from __future__ import annotations

from typing import NamedTuple

from dicomlab.model import Pdu, Span
from dicomlab.protocol.codec import PDU_HEADER, Decoder, decode
from dicomlab.spec.pdu import PDUS

UNREADABLE_LIMIT = 1 << 16  # bytes kept of a run that is no PDU
BEGINNING = 64  # bytes that tell one protocol from another

# findings that a PDU in the middle of other bytes must not have, to be taken for one
_DOUBTS = frozenset(
    {
        "pdu-length-implausible",
        "pdu-length-too-short",
        "pdu-length-wrong-fixed",
        "pdu-header-truncated",
        "protocol-version-unsupported",
        "protocol-version-extra-bits",
        "item-unknown",
        "item-misplaced",
        "item-order",
        "context-id-zero",
        "context-id-even",
        "pdv-length-too-small",
        "pdv-length-overrun",
        "pdv-none",
        "pdv-trailing",
        "mch-reserved-bits",
    }
)

_LONG = ("A-ASSOCIATE-RQ", "A-ASSOCIATE-AC", "P-DATA-TF")


class ReadPdu(NamedTuple):
    """A PDU as it came out of a stream."""

    pdu: Pdu
    time: int | None
    frames: tuple[int, int]
    hole: bool  # bytes of it are missing in the capture


class PduReader:
    """Takes one direction's bytes, in order, and keeps its PDUs."""

    def __init__(self) -> None:
        self.pdus: list[ReadPdu] = []
        self.beginning = b""
        self.foreign = False  # the first bytes of the connection are no PDU
        self.skipped = 0  # bytes passed over in search of a PDU
        self.gaps = 0
        self.missing: Span | None = None  # from the first gap to the last
        self._decoder = Decoder()
        self._offset = 0
        self._in_step = False  # the next byte, or the run of bytes under way, is of a PDU
        self._unreadable = False  # the run of bytes under way is kept, but makes no PDU
        self._clear()

    def begin(self, at_start: bool) -> None:
        """Before the first byte: whether that is the first of the connection."""
        self._in_step = at_start

    def data(self, chunk: bytes, time: int | None, frame: int) -> None:
        """The next bytes, from that frame."""
        if len(self.beginning) < BEGINNING:
            self.beginning += chunk[: BEGINNING - len(self.beginning)]
        if not self._in_step and not self.foreign and _begins_with_pdu(chunk):
            self._emit()
            self._in_step = True
        at = 0
        while at < len(chunk) and self._in_step:
            at += self._collect(chunk, at, time, frame)
        if at < len(chunk):
            self._pass_over(chunk[at:] if at else chunk, time, frame)

    def gap(self, size: int) -> None:
        """So many bytes come next that are not in the capture."""
        begun = self._offset > self._start
        first = self.missing.start if self.missing else self._offset
        self._offset += size
        self.gaps += 1
        self.missing = Span(first, self._offset)
        self._hole = True
        if not begun or not self._in_step or self._stop is None or self._offset > self._stop:
            self._lose()
        elif self._offset == self._stop:
            self._emit()

    def finish(self) -> None:
        """No more bytes come."""
        self._emit()

    # --- a PDU under way ----------------------------------------------------------------------

    def _clear(self) -> None:
        self._start = self._offset
        self._stop: int | None = None  # where the PDU says that it ends
        self._parts: list[bytes] = []
        self._hole = False  # bytes of it are missing; only those before are kept
        self._time: int | None = None
        self._frames: tuple[int, int] | None = None

    def _collect(self, chunk: bytes, at: int, time: int | None, frame: int) -> int:
        """Take of the chunk what belongs to the PDU under way; gives the number of bytes."""
        stop = self._stop if self._stop is not None else self._start + PDU_HEADER
        piece = chunk[at : at + stop - self._offset]
        self._keep(piece, time, frame)
        if self._offset == stop:
            if self._stop is None:
                self._read_header()
            if self._offset == self._stop:
                self._emit()
        return len(piece)

    def _keep(self, piece: bytes, time: int | None, frame: int) -> None:
        self._offset += len(piece)
        if not self._hole:
            self._parts.append(piece)
        first, last = self._frames or (frame, frame)
        self._frames = min(first, frame), max(last, frame)
        if time is not None:
            self._time = time if self._time is None else max(self._time, time)

    def _read_header(self) -> None:
        header = b"".join(self._parts)
        layout = PDUS.get(header[0])
        length = int.from_bytes(header[2:PDU_HEADER], "big")
        if layout is not None and length <= layout.plausible:
            self._stop = self._offset + length
            return
        self._in_step = False
        if layout is None and self._start == 0:
            self.foreign = True
        else:
            self._unreadable = True

    def _emit(self) -> None:
        """The bytes kept become a PDU; or several, where they make none that can be trusted."""
        if self._parts and not self.foreign:
            for pdu in self._decoder.decode(b"".join(self._parts), start=self._start):
                frames = self._frames or (0, 0)
                self.pdus.append(ReadPdu(pdu, self._time, frames, self._hole))
        self._unreadable = False
        self._clear()

    # --- bytes that make no PDU ---------------------------------------------------------------

    def _lose(self) -> None:
        """The next byte may be anything."""
        self._emit()
        self._in_step = False

    def _pass_over(self, chunk: bytes, time: int | None, frame: int) -> None:
        if self._unreadable and self._offset + len(chunk) - self._start <= UNREADABLE_LIMIT:
            self._keep(chunk, time, frame)
        else:
            self._emit()
            self._offset += len(chunk)
            self._start = self._offset
            self.skipped += len(chunk)


def _begins_with_pdu(chunk: bytes) -> bool:
    """Whether a packet begins with a PDU beyond doubt, although nothing says that one is due."""
    if chunk[0] not in PDUS or len(chunk) <= PDU_HEADER:
        return False
    return is_certain(decode(chunk)[0])


def is_certain(pdu: Pdu) -> bool:
    """Whether the bytes can hardly be anything but this PDU."""
    if pdu.type is None or any(one.code in _DOUBTS for one in pdu.findings):
        return False
    if pdu.type in _LONG:  # some peers put FFH into the reserved bytes of their items
        return len(pdu) >= 2 * PDU_HEADER and not any(one.findings for one in pdu.fields[:2])
    return pdu.complete and not pdu.findings
