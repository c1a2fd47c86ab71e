"""Checking an answer: right, or a nudge, then the clause, then both side by side."""

from __future__ import annotations

from collections.abc import Sized
from dataclasses import dataclass
from html import escape
from typing import Any

from dicomlab.exercises.answers import called, is_taken, kind_of
from dicomlab.exercises.beside import Compared, alike
from dicomlab.exercises.exercise import Exercise, as_it_is
from dicomlab.exercises.notes import CHECKED, line
from dicomlab.exercises.tasks import EXERCISES
from dicomlab.model import BuildError, Capture, DicomlabError


@dataclass(frozen=True, slots=True)
class CheckResult:
    """How an answer was; in a notebook, it shows itself with the comparison to unfold."""

    exercise: Exercise
    nudge: str  # empty when the answer is right
    clause: str
    fields: tuple[Compared, ...]

    @property
    def ok(self) -> bool:
        """Whether the answer is right; of bytes, byte for byte."""
        return not self.nudge

    def raise_if_wrong(self) -> None:
        """AssertionError with the nudge, for those who grade by assertions."""
        if not self.ok:
            raise AssertionError(f"{self.exercise.id}: {self.nudge} ({self.clause})")

    def __str__(self) -> str:
        if self.ok:
            return f"{self.exercise.id}: right."
        return f"{self.exercise.id}: not yet. {self.nudge} See {self.clause}."

    def table(self) -> str:
        """Both answers side by side: bytes a line a field, values a line a name."""
        lines = [f"{'':2}{'offset':>6}  {'yours':<26}{'right':<26}"]
        for one in self.fields:
            where = "" if one.start is None else one.start
            given, right = _short(one)
            lines.append(
                f"{'  ' if one.same else '> '}{where:>6}  {given:<26}{right:<26}{one.name}"
            )
        return "\n".join(lines)

    def _repr_mimebundle_(self, **_: object) -> dict[str, Any]:
        return {
            "text/plain": str(self),
            "text/html": self._html(),
            CHECKED: {"exercise": self.exercise.id, "ok": self.ok},
        }

    def _html(self) -> str:
        said = line(self.ok, str(self))
        if not self.fields:
            return said
        head = "".join(f'<th scope="col">{name}</th>' for name in _COLUMNS)
        rows = "".join(_html_row(one) for one in self.fields)
        return (
            f"{said}<details><summary>Show both, side by side</summary>"
            f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></details>"
        )


_NOTHING = "There is nothing there yet."
# what the functions of a row raise for a capture that does not hold it, or for no capture at all
_COLUMN = 23  # characters: eight bytes
_BYTE = 3  # characters: two hex digits and a space
_UNREAD = (LookupError, AttributeError, TypeError, BuildError)
_COLUMNS = ("offset", "what", "yours", "right", "")


def _html_row(one: Compared) -> str:
    given, right = _short(one)
    cells = (
        "" if one.start is None else str(one.start),
        escape(one.name),
        f"<code>{escape(given) or '—'}</code>",
        f"<code>{escape(right) or '—'}</code>",
        "" if one.same else f"◀ {escape(one.meaning)}",
    )
    return "<tr>" + "".join(f'<td style="text-align: left">{cell}</td>' for cell in cells) + "</tr>"


def _short(one: Compared) -> tuple[str, str]:
    """Both, short enough for a column; where they begin alike, from shortly before they differ."""
    same = 0 if one.same else alike(one.given, one.right)
    begin = max(0, same // _BYTE - 2) * _BYTE
    if max(len(one.given), len(one.right)) <= _COLUMN:
        begin = 0
    return _cut(one.given, begin), _cut(one.right, begin)


def _cut(text: str, begin: int) -> str:
    before, rest = "… " if begin else "", text[begin:]
    room = _COLUMN - len(before)
    return f"{before}{rest}" if len(rest) <= room else f"{before}{rest[: room - 3].rstrip()} …"


def check(exercise: str, answer: Any, *made_of: Any) -> CheckResult:
    """Compare an answer with the right one of that exercise.

    What is asked for (bytes, a number, a text, a set, a capture) the exercise says; a blank or an
    answer of another kind is wrong, and no exception. Where the right answer depends on what was
    recorded, that is given too: ``check("06-2", answer, recording.capture)``.

    Raises DicomlabError where there is no such exercise, or where it is checked against something
    that was not given.
    """
    task = EXERCISES.get(exercise)
    if task is None:
        known = ", ".join(EXERCISES)
        raise DicomlabError(f"There is no exercise {exercise!r}.", f"There are {known}.")
    if len(made_of) != bool(task.of):
        call = ", ".join([f'dl.check("{task.id}"', "answer", *([task.of] if task.of else [])])
        raise DicomlabError(f"{task.id} is checked against {task.of or 'nothing'}.", f"{call})")
    if any(one is None or one is ... for one in (answer, *made_of)):
        return _not_yet(task, _NOTHING)
    try:
        right = task.right(*map(_recorded, made_of))
        if not (_is_empty(answer) or _can_be_read(task, answer)):
            return _not_yet(task, f"Asked for is a recording; this is {called(answer)}.")
        given = task.reads(_recorded(answer))
    except _UNREAD:
        blank = any(map(_is_empty, (answer, *made_of)))
        return _not_yet(task, _NOTHING if blank else "What is asked for is not to be found in it.")
    return _compared(task, given, right)


def _can_be_read(task: Exercise, answer: Any) -> bool:
    """Whether an answer is a capture or has one, where it is read from one."""
    return task.reads is as_it_is or isinstance(_recorded(answer), Capture)


def _is_empty(value: Any) -> bool:
    return isinstance(value, Sized) and not len(value)


def _recorded(value: Any) -> Any:
    """The capture of whatever holds one: a recording, the result of an echo, evidence."""
    return getattr(value, "capture", value)


def _compared(task: Exercise, given: Any, right: Any) -> CheckResult:
    kind = kind_of(right)
    taken = is_taken(kind, given)
    if taken and kind.plain(given) == kind.plain(right):
        return CheckResult(task, "", "", ())
    if _is_empty(given):
        return _not_yet(task, _NOTHING)
    if not taken:
        return _not_yet(task, f"Asked for is {kind.asked}; this is {called(given)}.")
    found = kind.judge(kind.plain(given), right)
    said = (task.nudges[known] for one in found.wrong for known in task.nudges if known == one)
    return CheckResult(task, next(said, found.nudge), found.clause or task.clause, found.lines)


def _not_yet(task: Exercise, nudge: str) -> CheckResult:
    return CheckResult(task, nudge, task.clause, ())
