"""Checking an answer: its bytes beside the right ones, field by field."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from typing import SupportsBytes

from dicomlab.exercises.notes import line
from dicomlab.exercises.tasks import EXERCISES, Exercise
from dicomlab.model import BuildError, DicomlabError, Field, Pdu, Role
from dicomlab.protocol.codec import decode


@dataclass(frozen=True, slots=True)
class Compared:
    """One field of the right answer beside the same field of the given one."""

    name: str
    start: int
    given: str  # bytes in hex, empty where there are none
    right: str
    meaning: str
    clause: str

    @property
    def same(self) -> bool:
        """Whether the bytes are the same."""
        return self.given == self.right


@dataclass(frozen=True, slots=True)
class CheckResult:
    """How an answer was; in a notebook, it shows itself with the comparison to unfold."""

    exercise: Exercise
    nudge: str  # empty when the answer is right
    clause: str
    fields: tuple[Compared, ...]

    @property
    def ok(self) -> bool:
        """Whether the answer is right, byte for byte."""
        return not self.nudge

    def raise_if_wrong(self) -> None:
        """AssertionError with the nudge, for those who grade by assertions."""
        if not self.ok:
            raise AssertionError(f"{self.exercise.id}: {self.nudge} ({self.clause})")

    def __str__(self) -> str:
        if self.ok:
            return f"{self.exercise.id}: right, byte for byte."
        return f"{self.exercise.id}: not yet. {self.nudge} See {self.clause}."

    def table(self) -> str:
        """Both byte strings side by side, a line a field."""
        lines = [f"{'':2}{'offset':>6}  {'yours':<26}{'right':<26}field"]
        for one in self.fields:
            mark = "  " if one.same else "> "
            lines.append(
                f"{mark}{one.start:>6}  {_short(one.given):<26}{_short(one.right):<26}{one.name}"
            )
        return "\n".join(lines)

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        return {"text/plain": str(self), "text/html": self._html()}

    def _html(self) -> str:
        said = line(self.ok, str(self))
        if self.ok:
            return said
        head = "".join(f'<th scope="col">{name}</th>' for name in _COLUMNS)
        rows = "".join(_html_row(one) for one in self.fields)
        return (
            f"{said}<details><summary>Show both, field by field</summary>"
            f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></details>"
        )


_COLUMNS = ("offset", "field", "yours", "right", "")


def _html_row(one: Compared) -> str:
    cells = (
        str(one.start),
        escape(one.name),
        f"<code>{_short(one.given) or '—'}</code>",
        f"<code>{_short(one.right) or '—'}</code>",
        "" if one.same else f"◀ {escape(one.meaning)}",
    )
    return "<tr>" + "".join(f'<td style="text-align: left">{cell}</td>' for cell in cells) + "</tr>"


def check(exercise: str, answer: SupportsBytes | bytes) -> CheckResult:
    """Compare an answer (a draft, a PDU or bytes) with the right one of that exercise.

    Raises BuildError where the answer cannot be turned into bytes, DicomlabError where there is
    no such exercise.
    """
    task = EXERCISES.get(exercise)
    if task is None:
        known = ", ".join(EXERCISES)
        raise DicomlabError(f"There is no exercise {exercise!r}.", f"There are {known}.")
    if not isinstance(answer, SupportsBytes | bytearray):
        raise BuildError(f"{exercise} is answered with bytes or a draft, not {answer!r}.")
    given, right = bytes(answer), bytes(task.right())
    fields = tuple(_compare(given, right))
    wrong = next((one for one in fields if not one.same), None)
    if wrong is None:
        return CheckResult(task, "", "", fields)
    return CheckResult(task, _nudge(wrong, given, right), wrong.clause, fields)


def _compare(given: bytes, right: bytes) -> Iterator[Compared]:
    """The leaves of the right answer, each with the bytes that the given one has there."""
    (wanted,) = decode(right)
    for leaf, name in _leaves(wanted):
        raw = given[leaf.start : leaf.stop].hex(" ")
        yield Compared(name, leaf.start, raw, leaf.raw.hex(" "), leaf.text, leaf.clause)
    surplus = given[len(right) :].hex(" ")
    if surplus:
        yield Compared("(nothing)", len(right), surplus, "", "the PDU ends before", "PS3.8 9.3.1")


def _leaves(pdu: Pdu) -> list[tuple[Field, str]]:
    """The leaves with their names; within an element or item, with its name before."""
    direct = [(one, one.name) for one in pdu.fields if not one.children]
    inner = [
        (child, f"{field.name} / {child.name}")
        for field in pdu.walk()
        for child in field.children
        if not child.children
    ]
    return sorted([*direct, *inner], key=lambda pair: pair[0].start)


def _nudge(wrong: Compared, given: bytes, right: bytes) -> str:
    """What to look at first, without telling the bytes."""
    if not given:
        return "There are no bytes yet."
    where = f"Look at byte {wrong.start}: {wrong.name}"
    if not wrong.given:
        return f"{len(given)} bytes are there, but {wrong.name} at byte {wrong.start} is missing."
    if not wrong.right:
        return f"The PDU ends after {len(right)} bytes; yours goes on."
    turned = " ".join(reversed(wrong.given.split()))
    if turned == wrong.right:
        return f"{where}. The right bytes are there, in the wrong order: mind the byte order."
    if _role(right, wrong.start) is Role.LENGTH:
        return f"{where}. It counts the bytes behind itself: count them again."
    return f"{where} should say {wrong.meaning}." if len(wrong.meaning) < 60 else f"{where}."


def _role(data: bytes, offset: int) -> Role:
    return next(leaf.role for leaf in decode(data)[0].leaves() if leaf.start == offset)


def _short(hexes: str) -> str:
    return hexes if len(hexes) <= 23 else f"{hexes[:20]} …"
