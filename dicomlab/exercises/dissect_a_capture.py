"""The exercises of notebook 08, dissect a capture."""

from __future__ import annotations

from dicomlab.exercises.exercise import Exercise
from dicomlab.model import Capture


def _who_changes_something(capture: Capture) -> dict[str, str | int | None]:
    """Who has to, for each caller that was rejected, and the number of the one that got in.

    A called title under which somebody got in at an address and port is the right one there.
    """
    served = {
        (one.called_ae_title, one.acceptor): one.connection
        for one in capture.associations
        if one.outcome.ended == "released"
    }
    who: dict[str, str | int | None] = {
        f"number {one.connection}": (
            "archive" if (one.called_ae_title, one.acceptor) in served else "caller"
        )
        for one in capture.associations
        if one.outcome.ended == "rejected"
    }
    return who | {"shown by": next(iter(served.values()), None)}


EXERCISES = (
    Exercise(
        id="08-1",
        task="Say who has to change something, of two that were rejected for the same reason.",
        right=_who_changes_something,
        clause="PS3.8 Table 9-21",
        solution='answer = {"number 0": "archive", "number 1": "caller", "shown by": 2}',
        of="second",
        nudges={
            "number 0": "number 0: does anybody get in under the title that it calls?",
            "number 1": "number 1: does anybody get in under the title that it calls?",
            "shown by": "shown by: look for the one that got in, and for the title that it calls.",
        },
    ),
    Exercise(
        id="08-2",
        task="Say what two results tell of an offer that will be made tomorrow.",
        right=lambda: {"a", "c"},
        clause="PS3.8 Table 9-18",
        solution='answer = {"a", "c"}',
        nudges={
            frozenset("abc"): "b does not follow: each abstract syntax is decided on by itself.",
            frozenset("acd"): "d: which comes first, the answer to an offer or the image?",
        },
    ),
)
