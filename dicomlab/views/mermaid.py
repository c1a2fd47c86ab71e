"""Message sequences as mermaid text, for Markdown pages that draw it."""

from __future__ import annotations

from collections.abc import Iterator

from dicomlab.model import Association
from dicomlab.protocol.replay import Move
from dicomlab.views.theme import duration
from dicomlab.views.viewmodel import End, Ladder, Step, ladder

_SAFE = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 .,()+-_/")


def sequence(association: Association) -> str:
    """The association as a mermaid ``sequenceDiagram``."""
    return "\n".join(["sequenceDiagram", *(f"    {line}" for line in _lines(ladder(association)))])


def _lines(view: Ladder) -> Iterator[str]:
    yield f"participant R as {_end(view.requestor)}"
    yield f"participant A as {_end(view.acceptor)}"
    for step in view.steps:
        yield from _step(step)
    yield f"Note over R,A: {_text(view.outcome)}"


def _end(end: End) -> str:
    return f"{_text(end.title)}<br/>{_text(f'{end.side} {end.address}')}"


def _step(step: Step) -> Iterator[str]:
    time = "" if step.time is None else f" ({duration(step.time)})"
    wrong = (f"{step.illegal}",) if step.illegal else ()
    label = "<br/>".join(_text(one) for one in (step.label + time, *step.details, *wrong))
    if step.kind == "pdu":
        arrow = "-x" if step.tone == "error" else "->>"
        ends = ("A", "R") if step.sender == "acceptor" else ("R", "A")
        yield f"{ends[0]}{arrow}{ends[1]}: {label}"
    elif step.kind == "closed":
        ends = ("A", "R") if step.sender == "acceptor" else ("R", "A")
        yield f"{ends[0]}--x{ends[1]}: {label}"
    else:
        yield f"Note over R,A: {label}"
    yield from _state("left of R", step.requestor)
    yield from _state("right of A", step.acceptor)


def _state(where: str, move: Move) -> Iterator[str]:
    if move.after and move.before != move.after:
        yield f"Note {where}: {move.after}"


def _text(text: str) -> str:
    """Every character that could mean something to mermaid, as an entity of its own kind."""
    return "".join(c if c in _SAFE else f"#{ord(c)};" for c in text)
