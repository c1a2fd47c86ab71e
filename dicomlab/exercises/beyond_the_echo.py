"""The exercises of notebook 09, beyond the echo."""

from __future__ import annotations

from typing import Any

from dicomlab.exercises.exercise import Exercise
from dicomlab.model import Capture
from dicomlab.net.fragments import data_pdus
from dicomlab.protocol.build import build
from dicomlab.spec import names

_OF_A_STORE = (0x0000, 0x0122, 0xA700, 0xA900, 0xB000, 0xB007, 0xC000)
_DATA_SET, _MAX_PDU_LENGTH = 49_150, 16_384  # bytes
_FOUND = {
    "message": "C-FIND-RQ",
    "Query/Retrieve Level": "STUDY",
    "Patient's Name": "EXERCISE^HERON",
    "a match came": True,
    "the association ended": "released",
}


def _found(capture: Capture) -> dict[str, Any]:
    """The same of a recorded query; LookupError where there is none."""
    association = capture.associations[0]
    whole = [one for one in association.messages if one.complete and one.dataset_bytes]
    asked = {one.type: one for one in whole}["C-FIND-RQ"]
    keys = asked.dataset()
    shown = (
        asked.type,
        keys.get("QueryRetrieveLevel"),
        str(keys.get("PatientName", "")),
        any(one.type == "C-FIND-RSP" for one in whole),
        association.outcome.ended,
    )
    return dict(zip(_FOUND, shown, strict=True))


EXERCISES = (
    Exercise(
        id="09-1",
        task="After which of these statuses of a C-STORE is the image in the archive?",
        right=lambda: {
            one for one in _OF_A_STORE if names.status_class(one) in ("Success", "Warning")
        },
        clause="PS3.4 Table B.2-1",
        solution="there_it_is = {0x0000, 0xB000, 0xB007}",
        nudges={frozenset({0x0000}): "A warning says that it was done: look at the table again."},
    ),
    Exercise(
        id="09-2",
        task="How many P-DATA-TFs does a data set take?",
        right=lambda: len(data_pdus(bytes(_DATA_SET), 1, _MAX_PDU_LENGTH)),
        clause="PS3.8 D.1",
        solution="pdus = -(-49_150 // (16_384 - 6))  # divided, and rounded up",
        nudges={
            3: "Nearly. Of each PDU, six bytes that count belong to the header of the PDV.",
            2: "Round up: the last fragment may be short.",
        },
    ),
    Exercise(
        id="09-3",
        task="Make the message that stops the C-MOVE 12 in the presentation context 3.",
        right=lambda: build(
            "C-CANCEL-RQ", message_id_being_responded_to=12, presentation_context_id=3
        ),
        clause="PS3.7 Table 9.3-11",
        solution="""\
stop = dl.build("C-CANCEL-RQ", message_id_being_responded_to=12, presentation_context_id=3)""",
    ),
    Exercise(
        id="09-4",
        task="Record a query for the studies of EXERCISE^HERON.",
        right=lambda: _FOUND,
        clause="PS3.4 C.4.1",
        reads=_found,
        solution="""\
wanted = Dataset()
wanted.QueryRetrieveLevel, wanted.PatientName = "STUDY", "EXERCISE^HERON"
wanted.StudyInstanceUID = wanted.StudyDescription = ""
with dl.record(archive, method="relay") as recording:
    association = reader.associate(*recording.address, [build_context(FIND)], "ARCHIVE")
    answers = list(association.send_c_find(wanted, FIND))
    association.release()""",
    ),
)
