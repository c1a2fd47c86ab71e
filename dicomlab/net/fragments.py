"""Messages cut to what the peer takes."""

from __future__ import annotations

from dicomlab.model import PeerError
from dicomlab.protocol.build import build
from dicomlab.protocol.codec import PDU_HEADER, decode

_PDV_HEADER = 6  # bytes: Item-length, context ID, message control header (PS3.8 Table 9-23)
_COMMAND, _LAST = 1, 2  # bits of the message control header (PS3.8 E.2)


def fit(message: bytes, max_pdu_length: int) -> list[bytes]:
    """A P-DATA-TF with a whole command set, cut for a peer that takes PDUs of that length.

    0 is no limit (PS3.8 D.1). Raises PeerError where not even two bytes fit.
    """
    if max_pdu_length == 0 or len(message) - PDU_HEADER <= max_pdu_length:
        return [message]
    context, _, command = decode(message)[0]["PDV"].children[1:]
    return _cut(command.raw, _COMMAND, context.value, max_pdu_length)


def data_pdus(data_set: bytes, context_id: int, max_pdu_length: int) -> list[bytes]:
    """The P-DATA-TFs that carry a data set to such a peer. Raises PeerError likewise."""
    return _cut(data_set, 0, context_id, max_pdu_length or len(data_set) + _PDV_HEADER)


def _cut(data: bytes, header: int, context_id: int, max_pdu_length: int) -> list[bytes]:
    room = (max_pdu_length - _PDV_HEADER) // 2 * 2  # fragments have an even number of bytes
    if room < 2:
        what = f"the peer takes PDUs of {max_pdu_length} bytes, which hold no fragment."
        remedy = "Whoever runs the peer raises its maximum PDU length."
        raise PeerError(what, remedy, "max-length-too-small")
    return [
        bytes(
            build(
                "P-DATA-TF",
                presentation_context_id=context_id,
                message_control_header=header | (_LAST if at + room >= len(data) else 0),
                fragment=data[at : at + room],
            )
        )
        for at in range(0, len(data), room)
    ]
