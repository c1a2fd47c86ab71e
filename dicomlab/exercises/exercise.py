"""An exercise as data: what is asked, what the right answer is made of, and what helps."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any


def as_it_is(answer: Any) -> Any:
    """The answer itself."""
    return answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Exercise:
    """What is asked. The right answer is made when it is needed, by the tables or of a recording.

    The value that ``right`` gives says what kind of answer is asked for. A draft, a PDU or a field
    asks for its bytes; a number, a text, yes or no, a set and a tuple (where the order counts) for
    themselves; a dictionary for values by their names. What a capture has to show is a dictionary
    too: ``reads`` gives the same of the capture that is the answer. Where one of them finds
    nothing to look at, it may raise LookupError.
    """

    id: str  # the number of its notebook, and a running one
    task: str  # what is asked, in a line
    right: Callable[..., Any]
    clause: str  # where to read on; of bytes, that of the field that is wrong goes before
    solution: str  # source that makes the answer: in its cell, it stands before the check
    of: str = ""  # what the right answer is made of, as the notebook calls it: recording.capture
    reads: Callable[[Any], Any] = as_it_is
    # by a wrong answer; of a dictionary by what is wrong, or by (what is wrong, its value)
    nudges: Mapping[Any, str] = field(default_factory=dict)
