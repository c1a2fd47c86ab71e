"""The exercises of notebook 05, DIMSE and the C-ECHO."""

from typing import Any

from dicomlab.exercises.exercise import Exercise
from dicomlab.model import Capture
from dicomlab.net.fragments import fit
from dicomlab.protocol.build import build
from dicomlab.protocol.codec import decode

_LIE = {
    "responses": 1,
    "Status": 0,
    "answers the Message ID": True,
    "to be trusted": False,
}


def _control_headers() -> tuple[int, ...]:
    """Those of a C-ECHO-RSP that goes to somebody with a Maximum Length of 26."""
    pieces = fit(bytes(build("C-ECHO-RSP")), 26)
    return tuple(decode(one)[0]["Message Control Header"].value for one in pieces)


def _answered(capture: Capture) -> dict[str, Any]:
    """What the answer to the first question of a recording says, and whether it can be trusted."""
    association = capture.associations[0]
    question, responses = association.messages[0], association.messages[1:]
    errors = [one for one in association.findings if one.severity == "error"]
    return {
        "responses": len(responses),
        "Status": responses[0].status,
        "answers the Message ID": responses[0].responding_to == question.message_id,
        "to be trusted": not errors,
    }


EXERCISES = (
    Exercise(
        id="05-1",
        task="Write the element Status with the value 0122H by hand.",
        right=lambda: build("C-ECHO-RSP", status=0x0122).pdu["Status"],
        clause="PS3.7 6.3.1",
        solution='status = bytes.fromhex("00 00 00 09 02 00 00 00 22 01")',
    ),
    Exercise(
        id="05-2",
        task="Build the answer to a C-ECHO-RQ with the message ID 4711 in context 5.",
        right=lambda: build(
            "C-ECHO-RSP", message_id_being_responded_to=4711, presentation_context_id=5
        ),
        clause="PS3.7 Table 9.3-13",
        solution=(
            "answer = dl.build(\n"
            '    "C-ECHO-RSP",\n'
            '    message_id_being_responded_to=asked["Message ID"],\n'
            '    presentation_context_id=asked["Presentation-context-ID"],\n'
            ")"
        ),
    ),
    Exercise(
        id="05-3",
        task="Say which message control headers a response of 78 bytes needs in PDUs of 26.",
        right=_control_headers,
        clause="PS3.8 annex E.2",
        solution="headers = [1, 1, 1, 3]  # 26 less the PDV's header of 6: 20, 20, 20 and 18 bytes",
        nudges={
            (1, 1, 3): "26 bytes of PDU-length are not 26 of message: the PDV has a header.",
            (0, 0, 0, 2): "The right number of pieces; but this is a command, not a data set.",
            (3, 3, 3, 3): "The right number of pieces; but only one of them is the last.",
        },
    ),
    Exercise(
        id="05-4",
        task="Order an answer of 0000H to the right Message ID that is none all the same.",
        right=lambda: _LIE,
        clause="PS3.7 Table 9.3-13",
        solution=(
            'with dl.FaultSCP("command-field=8001") as liar:\n'
            "    result = dl.echo(*liar.address, timeout=1)"
        ),
        reads=_answered,
        nudges={
            "responses": "One response is asked for, no more and no less.",
            "Status": "That answer does not even say that it is green.",
            "answers the Message ID": "That was seen above: this time the Message ID is right.",
            "to be trusted": "That is an honest answer: what else of it does a client look at?",
        },
    ),
)
