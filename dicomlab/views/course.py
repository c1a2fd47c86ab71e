"""Both ends' states over time, as a renderer sees them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from dicomlab.model import printable
from dicomlab.protocol.replay import Moment, Move, Replay
from dicomlab.spec.state import CLAUSE
from dicomlab.views import theme
from dicomlab.views.theme import Tone

CROSSED = "crossed: sent before what the other end did last had arrived"


@dataclass(frozen=True, slots=True)
class Line:
    """One moment of a replay."""

    numbers: str  # the index of its PDU, or those of the first and the last of several
    time: str  # since the first packet
    who: str
    what: str
    requestor: str  # state → event/action → state
    acceptor: str
    remark: str
    tone: Tone


@dataclass(frozen=True, slots=True)
class Course:
    """The states of both ends of an association, step by step."""

    title: str
    lines: tuple[Line, ...]
    remarks: tuple[tuple[str, Tone], ...]


def course(value: Replay) -> Course:
    """A replay, safe to print."""
    return Course(
        printable(f"{value.requestor} → {value.acceptor}"),
        tuple(_line(one, value.start_time) for one in value.moments),
        tuple(_remarks(value)),
    )


def _line(one: Moment, start: int | None) -> Line:
    time = "" if one.time is None or start is None else theme.duration(one.time - start)
    numbers = "" if one.index is None else f"{one.index}"
    illegal = one.moves.illegal
    tone: Tone = "plain" if illegal is None else "warning" if illegal.ignored else "error"
    return Line(
        numbers if one.count == 1 else f"{numbers}–{one.last}",
        time,
        one.sender or "both",
        one.what if one.count == 1 else f"{one.what} × {one.count:,}",
        _moved(one.moves.requestor),
        _moved(one.moves.acceptor),
        str(illegal) if illegal is not None else CROSSED if one.moves.crossed else "",
        tone,
    )


def _moved(move: Move) -> str:
    if move.action:
        both = zip(move.event.split(", "), move.action.split(", "), strict=True)
        causes = ", ".join(f"{event}/{action}" if event else action for event, action in both)
        return f"{move.before} → {causes} → {move.after}"
    return move.after if move.before == move.after else f"{move.before} → {move.after}"


def _remarks(value: Replay) -> Iterator[tuple[str, Tone]]:
    if value.hidden:
        yield f"{theme.count(value.hidden, 'more PDU')} not shown", "plain"
    if value.lacking:
        sides = " and the ".join(sorted(value.lacking, reverse=True))
        yield f"bytes of the {sides} were not recorded: states are the likeliest ones", "warning"
    broken = [one for one in value.illegal if not one.ignored]
    for side in dict.fromkeys(one.sender for one in broken):
        yield f"the {side} sent what {CLAUSE} does not allow", "error"
    if not broken and not value.lacking:
        yield f"every PDU is one that {CLAUSE} allows", "good"
