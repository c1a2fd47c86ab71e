"""The exercises of notebook 01, the first echo."""

from dicomlab.exercises.exercise import Exercise
from dicomlab.protocol.build import build

EXERCISES = (
    Exercise(
        id="01-1",
        task="Write the ten bytes of an A-RELEASE-RQ by hand.",
        right=lambda: build("A-RELEASE-RQ"),
        clause="PS3.8 Table 9-24",
        solution='release = bytes.fromhex("05 00 00 00 00 04 00 00 00 00")',
    ),
    Exercise(
        id="01-2",
        task="Make a C-ECHO-RQ with the message ID 2311, in the presentation context 3.",
        right=lambda: build("C-ECHO-RQ", message_id=2311, presentation_context_id=3),
        clause="PS3.7 Table 9.3-12",
        solution='echo = dl.build("C-ECHO-RQ", message_id=2311, presentation_context_id=3)',
    ),
)
