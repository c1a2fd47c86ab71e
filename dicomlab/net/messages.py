"""Messages with a data set, for an SCU that sends PDU by PDU."""

from __future__ import annotations

from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset

from dicomlab.net.fragments import data_pdus, fit
from dicomlab.net.server import MAX_PDU_LENGTH
from dicomlab.protocol.build import Draft
from dicomlab.spec import names


def p_data(
    command: Draft,
    data_set: Dataset,
    *,
    transfer_syntax: str = names.IMPLICIT_VR_LITTLE_ENDIAN,
    max_pdu_length: int = MAX_PDU_LENGTH,
) -> list[bytes]:
    """The P-DATA-TFs that carry a command set, in its presentation context, and a data set.

    ``transfer_syntax`` is the one that was accepted for that context, Implicit or Explicit VR
    Little Endian, and ``max_pdu_length`` what the peer takes. Raises PeerError where that is too
    little for any fragment.
    """
    file = DicomBytesIO()
    file.is_little_endian = True
    file.is_implicit_VR = transfer_syntax == names.IMPLICIT_VR_LITTLE_ENDIAN
    write_dataset(file, data_set)
    context_id = command["Presentation-context-ID"]
    return [
        *fit(bytes(command), max_pdu_length),
        *data_pdus(file.getvalue(), context_id, max_pdu_length),
    ]
