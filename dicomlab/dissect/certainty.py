"""PDUs beyond doubt: where bytes are missing before, reading goes on only at those."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice

from dicomlab.dissect.talk import AC, DATA, RQ
from dicomlab.model import Pdu
from dicomlab.protocol.codec import PDU_HEADER, decode
from dicomlab.protocol.scanner import head, is_regular_pdv
from dicomlab.spec.pdu import P_DATA_TF, PDUS, PDV

CANDIDATES = 2048  # places of a packet at which a PDU is looked for
CHAIN = 4  # PDUs that must follow each other there
LOOKED_AT = 1024  # bytes of one of them that are decoded

PDU_HEAD = head(P_DATA_TF)  # type, reserved, length: all PDUs begin so
PDV_HEAD = head(PDV)
PDV_LENGTH = PDV.rows[0].known_size or 0  # bytes that the length of a PDV does not count
_LONG = ("A-ASSOCIATE-RQ", "A-ASSOCIATE-AC", "P-DATA-TF")
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


def stated_size(data: bytes) -> int:
    """How long a PDU says that it is; as long as it is where the header is not whole."""
    if len(data) < PDU_HEADER:
        return len(data)
    return PDU_HEADER + int(PDU_HEAD.unpack_from(data)[2])


def begins_with_pdu(chunk: bytes) -> bool:
    """Whether a packet begins with a PDU beyond doubt, although nothing says that one is due."""
    layout = PDUS.get(chunk[0])
    if layout is None or len(chunk) <= PDU_HEADER:
        return False
    size = stated_size(chunk)
    if size > layout.plausible:
        return False
    return is_certain(decode(chunk[:size])[0])


# what may be the header of a PDU that stands in the middle of a connection: type, and zero
_INSIDE = re.compile(b"[%s]\0" % bytes(code for code in PDUS if code not in (RQ, AC)))


def pdus_inside(chunk: bytes) -> Iterator[int]:
    """Where in a packet PDUs begin beyond doubt, although nothing says that they are due.

    They must fill the packet to its end, one after the other; the last may go on behind it, if one
    PDV fills it.
    """
    for match in islice(_INSIDE.finditer(chunk), CANDIDATES):
        if _lead_to_the_end(chunk, match.start()):
            yield match.start()


def _lead_to_the_end(chunk: bytes, at: int) -> bool:
    for _ in range(CHAIN):  # more of them would not be more certain
        if at >= len(chunk):
            break
        size = _certain_size(chunk, at)
        if size is None:
            return False
        at += size
    return True


def _certain_size(chunk: bytes, at: int) -> int | None:
    """How long the PDU at this place is, if it can hardly be anything else."""
    head = chunk[at : at + PDU_HEADER + PDV_HEAD.size]
    size = stated_size(head)
    if size > PDUS[head[0]].plausible if head[0] in PDUS else True:
        return None
    if head[0] == DATA and len(head) == PDU_HEADER + PDV_HEAD.size:
        length, context_id, header = PDV_HEAD.unpack_from(head, PDU_HEADER)
        fills = PDU_HEADER + PDV_LENGTH + length == size
        return size if fills and is_regular_pdv(length, context_id, header) else None
    return size if begins_with_pdu(chunk[at : at + min(size, LOOKED_AT)]) else None


def is_certain(pdu: Pdu) -> bool:
    """Whether the bytes can hardly be anything but this PDU."""
    findings = pdu.findings
    if pdu.type is None or any(one.code in _DOUBTS for one in findings):
        return False
    if pdu.type in _LONG:  # some peers put FFH into the reserved bytes of their items
        return len(pdu) >= 2 * PDU_HEADER and not any(one.findings for one in pdu.fields[:2])
    return pdu.complete and not findings
