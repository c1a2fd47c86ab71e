"""The exercises of notebook 04, the association byte by byte."""

from typing import Any

from dicomlab.exercises.exercise import Exercise
from dicomlab.model import Capture
from dicomlab.protocol.build import build
from dicomlab.spec.names import VERIFICATION

_LAYERS = {
    "PDU-length": "PDU-length",
    "Presentation Context": "Presentation Context/Item-length",
    "User Information": "User Information/Item-length",
}
_ABORTED = {"who aborts": "acceptor", "Source": 2, "Reason/Diag.": 2, "A-ASSOCIATE-RQs": 1}


def _growth() -> dict[str, int]:
    """By how much each layer grows with a role selection."""
    before, after = build("A-ASSOCIATE-RQ"), build("A-ASSOCIATE-RQ")
    after.add("SCP/SCU Role Selection", sop_class_uid=VERIFICATION)
    return {name: after[path] - before[path] for name, path in _LAYERS.items()}


def _aborted(capture: Capture) -> dict[str, Any]:
    """Who aborted, and how, in the first association of a recording."""
    pdus = capture.associations[0].pdus
    abort = [one for one in pdus if one.type == "A-ABORT"][-1]
    return {
        "who aborts": abort.sender,
        "Source": abort["Source"].value,
        "Reason/Diag.": abort["Reason/Diag."].value,
        "A-ASSOCIATE-RQs": sum(one.type == "A-ASSOCIATE-RQ" for one in pdus),
    }


EXERCISES = (
    Exercise(
        id="04-1",
        task="Write the item Maximum Length with the value 32768 by hand.",
        right=lambda: build("A-ASSOCIATE-RQ", maximum_length_received=32768).pdu["Maximum Length"],
        clause="PS3.8 Table D.1-1",
        solution='item = bytes.fromhex("51 00 00 04 00 00 80 00")',
    ),
    Exercise(
        id="04-2",
        task="Say by how much each length grows with a role selection for Verification.",
        right=_growth,
        clause="PS3.7 Table D.3-9",
        solution=(
            "item = 4 + 2 + 17 + 1 + 1\n"
            'growth = {"PDU-length": item, "Presentation Context": 0, "User Information": item}'
        ),
        nudges={
            "Presentation Context": "Presentation Context: does the new item lie inside it?",
            "User Information": "User Information: all items from 51H to 59H lie in it.",
        },
    ),
    Exercise(
        id="04-3",
        task="Mend the one wrong length in a presentation context.",
        right=lambda: build("A-ASSOCIATE-RQ").pdu["Presentation Context"],
        clause="PS3.8 Table 9-13",
        solution='mended = home_made[:2] + b"\\x00\\x2e" + home_made[4:]',
    ),
    Exercise(
        id="04-4",
        task="Have an SCP abort for a PDU that must not come, by no second A-ASSOCIATE-RQ.",
        right=lambda: _ABORTED,
        clause="PS3.8 Table 9-10",
        solution=(
            'with dl.record(scp, method="relay") as recording, dl.SCU(*recording.address) as scu:\n'
            "    scu.send(request)\n"
            "    scu.receive()\n"
            '    scu.send(dl.build("A-RELEASE-RP"))  # Evt13 in Sta6 is AA-8\n'
            "    scu.receive()"
        ),
        reads=_aborted,
        nudges={
            "who aborts": "It was the requestor that aborted: let the acceptor do it.",
            "Source": "An A-ABORT, but not of the provider: was the association open?",
            "Reason/Diag.": "The right source, another reason: send one of the seven PDUs, whole.",
            "A-ASSOCIATE-RQs": "That was seen above: this time with a single A-ASSOCIATE-RQ.",
        },
    ),
)
