"""The exercises of notebook 10, the limits of DIMSE."""

from dicomlab.dissect.turns import round_trips
from dicomlab.exercises.exercise import Exercise
from dicomlab.protocol.build import Draft, build

_WAY = 30  # milliseconds, each way, of 10-2
_SLICES = 400


def _proposal() -> Draft:
    draft = build("A-ASSOCIATE-RQ")
    draft.add("Asynchronous Operations Window", maximum_number_operations_invoked=5)
    return draft


EXERCISES = (
    Exercise(
        id="10-1",
        task="How many round trips does the recording hold?",
        right=lambda capture: round_trips(capture).count,
        of="homework.capture",
        clause="PS3.8 9.1.1",
        solution="answer = 1 + 1 + 4 + 1  # TCP, association, four C-ECHOs, release",
        nudges={
            6: "Before the first PDU there was already something to wait for: who answers a SYN?",
            12: "These are the PDUs. A question and its answer are one round trip.",
        },
    ),
    Exercise(
        id="10-2",
        task="How many milliseconds does the way take for 400 slices on one association, each "
        "awaited before the next, where each way takes 30 ms?",
        right=lambda: (3 + _SLICES) * 2 * _WAY,
        clause="PS3.7 D.3.3.3",
        solution="milliseconds = (3 + 400) * 2 * 30",
        nudges={
            _SLICES * 2 * _WAY: "These are the slices. The association has to open and end, too.",
            (3 + _SLICES) * _WAY: "A round trip goes there and back.",
            4 * _SLICES * 2 * _WAY: "All of them are on one association.",
        },
    ),
    Exercise(
        id="10-3",
        task="Make an A-ASSOCIATE-RQ for Verification that proposes a window of 5 operations "
        "invoked, and 1 performed.",
        right=_proposal,
        clause="PS3.7 Table D.3-7",
        solution="""\
offer = dl.build("A-ASSOCIATE-RQ")
offer.add("Asynchronous Operations Window", maximum_number_operations_invoked=5)""",
    ),
    Exercise(
        id="10-4",
        task="What of these does a capture of DICOM over TLS 1.3 still show?",
        right=lambda: {"addresses", "ports", "times", "sizes", "round trips", "server name"},
        clause="PS3.15 B.12",
        solution='shown = {"addresses", "ports", "times", "sizes", "round trips", "server name"}',
    ),
)
