"""PDUs that are whole and as they should be, read at one go; most small ones are."""

from __future__ import annotations

from collections.abc import Iterable

from dicomlab.dissect.certainty import PDU_HEAD, PDV_HEAD
from dicomlab.dissect.connections import Piece
from dicomlab.dissect.rows import Row
from dicomlab.dissect.talk import DATA, Talk
from dicomlab.dissect.tcp import Seen
from dicomlab.model import Span
from dicomlab.protocol.codec import PDU_HEADER
from dicomlab.protocol.leaves import finding
from dicomlab.protocol.scanner import Irregular, is_regular_pdv, scan_command, scan_pdu
from dicomlab.spec.command import DATA_SET_TYPE, NO_DATA_SET
from dicomlab.spec.pdu import PDUS

SMALL = 1024  # bytes of a PDU that is kept until it is whole
_LAST_COMMAND = 3  # message control header: the last fragment of a command set (PS3.8 E.2)
_COMMAND_AT = PDU_HEADER + PDV_HEAD.size  # in a P-DATA-TF
_unpack_head, _unpack_pdv = PDU_HEAD.unpack_from, PDV_HEAD.unpack_from


def read_at_one_go(talk: Talk, pieces: Iterable[Piece]) -> bool:
    """Read all bytes of a connection, in order.

    Gives False where it takes more than that to read them: then the talk is of no use.
    """
    early: list[tuple[bytes, Packets] | None] = [None, None]  # a PDU of which more is to come
    for side, at, chunk, time, frame, place in pieces:
        packets = this = time, frame, frame, place
        begun = early[side]
        if begun is not None:
            there, before = begun
            at, chunk, packets = at - len(there), there + chunk, also(before, this)
            early[side] = None
        here = whole_pdus(talk, side, at, chunk, packets, this)
        if here < len(chunk):
            if not may_be_whole_soon(chunk, here):
                return False
            early[side] = chunk[here:], this if here else packets
    return early == [None, None]


# those that carried something: time of the last, first and last frame, place of the first
Packets = tuple[int | None, int, int, int]


def only(seen: Seen) -> Packets:
    """The one packet."""
    time, frame, place = seen
    return time, frame, frame, place


def also(packets: Packets, more: Packets) -> Packets:
    """The packets and one more; it may have come earlier, and waited."""
    time, first, last, place = packets
    its_time, its_first, its_last, its_place = more
    if time is None or (its_time is not None and its_time > time):
        time = its_time
    if first < its_first and last < its_last and place < its_place:  # as nearly always
        return time, first, its_last, place
    return time, min(first, its_first), max(last, its_last), min(place, its_place)


def whole_pdus(
    talk: Talk, side: int, at: int, chunk: bytes, packets: Packets, this: Packets
) -> int:
    """Take PDUs that are whole and as they should be; those with a data set are not taken.

    ``packets`` carried the first one, ``this`` alone the others. Gives how many bytes they have;
    what follows goes step by step.
    """
    time, first, last, place = packets
    here, size = 0, len(chunk)
    while here + PDU_HEADER < size:
        code, reserved, length = _unpack_head(chunk, here)
        stop = here + PDU_HEADER + length
        if stop > size:
            break
        end = at + stop
        row = (side, code, at + here, end, end, first, last, time, True, place, ())
        if code == DATA:
            if reserved or not _whole_command(talk, chunk[here:stop], row):
                break
        else:
            try:
                part, found = scan_pdu(chunk[here:stop], at + here)
            except Irregular:
                break
            talk.understand(code, side, part, talk.add(row))
            if found:
                shown = [finding(one, what, Span(*span)) for one, what, *span in found]
                talk.show(side, shown, (first, last))
        here = stop
        time, first, last, place = this
    if here:
        talk.certain = True
    return here


def _whole_command(talk: Talk, pdu: bytes, row: Row) -> bool:
    """Take a P-DATA-TF that is one whole message without a data set, if it is one."""
    size = len(pdu)
    if size < _COMMAND_AT:
        return False
    length, context_id, header = _unpack_pdv(pdu, PDU_HEADER)
    if header != _LAST_COMMAND or _COMMAND_AT + length - 2 != size:
        return False
    data = pdu[_COMMAND_AT:]
    try:
        values, found = scan_command(data)
    except Irregular:
        return False
    if found or values[DATA_SET_TYPE] != NO_DATA_SET:
        return False
    if not is_regular_pdv(length, context_id, header):
        return False
    side, _, start, stop, _, _, _, time, _, _, _ = row
    index = talk.add(row)
    talk.told(
        (side, context_id, values, data, ((start + _COMMAND_AT, stop),), None, start, stop, time,
         True, (index, index), (index, stop))
    )  # fmt: skip
    return True


def may_be_whole_soon(chunk: bytes, here: int) -> bool:
    """Whether a small PDU begins here, of which a part is still to come."""
    there = len(chunk) - here
    if chunk[here] not in PDUS or there >= SMALL:
        return False
    return there < PDU_HEADER or there < PDU_HEADER + _unpack_head(chunk, here)[2] <= SMALL
