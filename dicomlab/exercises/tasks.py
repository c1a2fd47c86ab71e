"""The exercises as data: what is asked, and from what the right bytes are made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from dicomlab.protocol.build import Draft, build


@dataclass(frozen=True, slots=True)
class Exercise:
    """A PDU to be made. The right one is built when it is needed, by the tables."""

    id: str
    task: str
    right: Callable[[], Draft]


EXERCISES: dict[str, Exercise] = {
    one.id: one
    for one in (
        Exercise(
            "01-1",
            "Write the ten bytes of an A-RELEASE-RQ by hand.",
            lambda: build("A-RELEASE-RQ"),
        ),
        Exercise(
            "01-2",
            "Make a C-ECHO-RQ with the message ID 2311, in the presentation context 3.",
            lambda: build("C-ECHO-RQ", message_id=2311, presentation_context_id=3),
        ),
    )
}
