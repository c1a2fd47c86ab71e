"""The exercise of notebook 00, which shows how exercises are."""

from dicomlab.exercises.exercise import Exercise

EXERCISES = (
    Exercise(
        id="00-1",
        task="Say how many PDUs the archive sent.",
        right=lambda capture: sum(pdu.sender == "acceptor" for pdu in capture.pdus),
        clause="PS3.8 9.3.1",
        solution="answer = 3",
        of="echo",
        nudges={6: "That is all of them: count the arrows that begin at the archive."},
    ),
)
