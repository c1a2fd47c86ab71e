"""The exercises of notebook 06, capture it."""

from __future__ import annotations

from dicomlab.dissect.segments import segments_of
from dicomlab.exercises.exercise import Exercise
from dicomlab.model import Capture


def _end_of_the_earlier(capture: Capture) -> int:
    """The bytes of the second C-STORE-RQ's command set that share a segment with its data set."""
    *_, last = segments_of(capture.associations[1].pdus[5])
    return len(last.span)


def _first_segments(capture: Capture) -> dict[str, int]:
    """The PDUs of the acceptor, and how many bytes of each came in its first segment."""
    sent = (pdu for pdu in capture.associations[0].pdus if pdu.sender == "acceptor")
    return {pdu.name: len(next(segments_of(pdu)).span) for pdu in sent}


def _last_pdu(capture: Capture) -> dict[str, object]:
    """Who said the last word of the first association, and which."""
    *_, last = capture.associations[0].pdus
    return {"sent by": last.sender, "PDU": last.name, "Source": last["Source"].value}


EXERCISES = (
    Exercise(
        id="06-1",
        task="Say how many bytes of a segment belong to the earlier of two PDUs.",
        right=_end_of_the_earlier,
        clause="PS3.8 9.3.1",
        solution="*_, last = dl.segments_of(store.pdus[5])\nanswer = len(last.span)",
        of="switch",
        nudges={
            1290: "These belong to the later one.",
            1448: "That is all that it carries, for both PDUs.",
            170: "That is the whole PDU: its first bytes came in a frame before.",
        },
    ),
    Exercise(
        id="06-2",
        task="Record an archive that cuts each of its PDUs after five bytes.",
        right=lambda: {"A-ASSOCIATE-AC": 5, "P-DATA-TF": 5, "A-RELEASE-RP": 5},
        reads=_first_segments,
        clause="PS3.8 9.3.1",
        solution=(
            'with dl.FaultSCP("split=5") as scp, dl.record(scp, method="relay") as recording:\n'
            "    dl.echo(*recording.address)"
        ),
    ),
    Exercise(
        id="06-3",
        task="Record a requestor's A-ABORT with the source of a service-provider.",
        right=lambda: {"sent by": "requestor", "PDU": "A-ABORT", "Source": 2},
        reads=_last_pdu,
        clause="PS3.8 Table 9-26",
        solution=(
            'with dl.record(archive, method="relay") as recording, '
            "dl.SCU(*recording.address) as scu:\n"
            '    scu.send(dl.build("A-ASSOCIATE-RQ", called_ae_title="ARCHIVE"))\n'
            "    scu.receive()\n"
            '    scu.send(dl.build("A-ABORT", source=2))'
        ),
        nudges={
            ("Source", 0): "Your A-ABORT has the source of a service-user. Which is the other one?",
            ("Source", 1): "The source 1 is reserved. Which is that of a service-provider?",
        },
    ),
    Exercise(
        id="06-4",
        task="Say what the recording of a relay can show.",
        right=lambda: {"a", "d"},
        clause="RFC 9293 3.8",
        solution='answer = {"a", "d"}',
    ),
)
