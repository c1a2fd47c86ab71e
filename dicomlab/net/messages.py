"""Messages with a data set, for an SCU that sends PDU by PDU."""

from __future__ import annotations

from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset

from dicomlab.model import BuildError
from dicomlab.net.fragments import data_pdus, fit
from dicomlab.net.server import MAX_PDU_LENGTH
from dicomlab.protocol.build import Draft
from dicomlab.spec import names
from dicomlab.spec.command import BY_NAME, DATA_SET_FOLLOWS, NO_DATA_SET

_ANNOUNCED = "Command Data Set Type"
_IMPLICIT = {names.IMPLICIT_VR_LITTLE_ENDIAN: True, names.EXPLICIT_VR_LITTLE_ENDIAN: False}


def p_data(
    command: Draft,
    data_set: Dataset,
    *,
    transfer_syntax: str = names.IMPLICIT_VR_LITTLE_ENDIAN,
    max_pdu_length: int = MAX_PDU_LENGTH,
) -> list[bytes]:
    """The P-DATA-TFs that carry a command set, in its presentation context, and a data set.

    The command set says whether a data set follows, which an empty one does not: its Command Data
    Set Type is set, unless that was overridden. ``transfer_syntax`` is the one that was accepted
    for that context, Implicit or Explicit VR Little Endian, and ``max_pdu_length`` what the peer
    takes.

    Raises BuildError for what is no message, a data set where none must be, none where one must be
    (PS3.7 9.3, 10.3), and another transfer syntax; PeerError where too little is taken for any
    fragment.
    """
    command = _announcing(command, bool(data_set))
    data = _written(data_set, transfer_syntax)
    context_id = command["Presentation-context-ID"]
    return [
        *fit(bytes(command), max_pdu_length),
        *data_pdus(data, context_id, max_pdu_length),
    ]


def _written(data_set: Dataset, transfer_syntax: str) -> bytes:
    if transfer_syntax not in _IMPLICIT:
        remedy = "Give Implicit or Explicit VR Little Endian, or send PDUs of your own bytes."
        raise BuildError(f"no data set is written in {transfer_syntax!r}.", remedy)
    file = DicomBytesIO()
    file.is_little_endian = True
    file.is_implicit_VR = _IMPLICIT[transfer_syntax]
    write_dataset(file, data_set)
    return file.getvalue()


def _announcing(command: Draft, follows: bool) -> Draft:
    """The command that says whether a data set follows; as it is, where that was overridden."""
    name = getattr(command, "name", type(command).__name__)
    row = BY_NAME.get(name)
    if row is None:
        remedy = "Give a message, as in build('C-FIND-RQ', ...)."
        raise BuildError(f"{name} carries no command set.", remedy)
    part, index = command.row(_ANNOUNCED)
    if index in part.forced:
        return command
    if row.data_set == ("absent" if follows else "present"):
        what = f"{row.name} {'has no' if follows else 'needs a'} data set ({row.clause})."
        raise BuildError(what, f"To send it all the same, override() its {_ANNOUNCED}.")
    said = Draft(name, command.root.copy())
    if (said[_ANNOUNCED] == NO_DATA_SET) == follows:
        said[_ANNOUNCED] = DATA_SET_FOLLOWS if follows else NO_DATA_SET
    return said
