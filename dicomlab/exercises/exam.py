"""The exam: questions that a seed deals, answers as often as one likes, points when handed in."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from html import escape
from importlib.metadata import version
from pathlib import Path
from typing import Any

from dicomlab.exercises.answers import called, is_taken, kind_of
from dicomlab.exercises.marks import Marked, brief, is_blank, keep, marked
from dicomlab.exercises.notes import CHECKED, Codes, Note, line, table
from dicomlab.exercises.papers import Papers
from dicomlab.exercises.questions import PARTS, QUESTIONS, Question, all_mistakes
from dicomlab.exercises.sites import BrokenSite, all_causes
from dicomlab.model import Association, DicomlabError, printable

SCHEMA = "dicomlab.exam/1"
_LONGEST = 10_000  # characters of an answer
_SEAL = 16  # hex digits
_CODE = re.compile(r"`([^`]*)`")
_KEPT: dict[str, dict[str, Any]] = {}  # the answers by their seeds, as long as the process lives


def exam(seed: int | str) -> Exam:
    """The exam that a seed deals: a matriculation number, or any text.

    The same seed deals the same exam on every machine, another seed another one. Once more in the
    same process, it has the answers that were given. Raises DicomlabError for an empty seed.
    """
    return Exam(seed)


@dataclass(frozen=True, slots=True)
class Asked:
    """A question as it is asked of one seed."""

    question: Question
    text: str

    def __str__(self) -> str:
        one = self.question
        return f"{one.id} · {one.title} ({one.points} points). {self.text.replace('`', '')}"

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        one = self.question
        text = _CODE.sub(r"<code>\1</code>", escape(self.text))
        page = f"<p><b>{one.id} · {escape(one.title)}</b> ({one.points} points)<br>{text}</p>"
        return {"text/plain": str(self), "text/html": page}


@dataclass(frozen=True, slots=True)
class HandedIn:
    """What an exam is worth, question by question: what was right, why, and where to read on."""

    seed: str
    answers: tuple[Marked, ...]
    seal: str

    @property
    def points(self) -> float:
        """All points that were had."""
        return sum(one.points for one in self.answers)

    @property
    def of(self) -> int:
        """All points that there are."""
        return sum(one.question.points for one in self.answers)

    @property
    def ok(self) -> bool:
        """Whether everything was right."""
        return all(one.ok for one in self.answers)

    def _said(self) -> str:
        return f"Seed {printable(self.seed)}: {self.points:g} of {self.of} points. Seal {self.seal}"

    def __str__(self) -> str:
        lines = [self._said()]
        for one in self.answers:
            lines += [
                f"{one.question.id} · {one.question.title}: {_of(one)}",
                f"   yours: {one.given}",
                f"   right: {one.right}",
                f"   {one.why} {_read_on(one)}",
            ]
        return "\n".join(lines)

    __repr__ = __str__

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        head = ("", "question", "points", "yours", "right", "why")
        rows = (
            (
                "✓" if one.ok else "✗",
                f"{one.question.id} · {one.question.title}",
                _of(one),
                one.given,
                one.right,
                f"{one.why} {_read_on(one)}",
            )
            for one in self.answers
        )
        return {
            "text/plain": str(self),
            "text/html": line(self.ok, self._said()) + table(head, rows),
            CHECKED: {"ok": self.ok, "points": self.points, "of": self.of},
        }


class Exam:
    """One exam: what its questions are about, and the answers until it is handed in."""

    def __init__(self, seed: int | str) -> None:
        self.seed = str(seed).strip()
        if not self.seed:
            raise DicomlabError("An exam has a seed.", 'Write dl.exam("your number").')
        self._papers = Papers(self.seed)
        self._kept = _KEPT.setdefault(self.seed, {})
        self._handed_in: HandedIn | None = None

    # --- what the questions are about -------------------------------------------------------

    @property
    def request(self) -> bytes:
        """An A-ASSOCIATE-RQ."""
        return self._papers.request

    @property
    def place(self) -> str:
        """The path of an item in the request."""
        return self._papers.place

    @property
    def message(self) -> bytes:
        """A P-DATA-TF with a C-ECHO-RQ."""
        return self._papers.message

    @property
    def status(self) -> int:
        """The status of the response to the message."""
        return self._papers.status

    @property
    def broken(self) -> bytes:
        """A PDU with a mistake."""
        return self._papers.broken

    @property
    def mistakes(self) -> Codes:
        """The findings of mistakes, by their codes, with what was done for them."""
        return Codes(all_mistakes())

    @property
    def conversation(self) -> Association:
        """The request sent to an SCP, and what became of it."""
        return self._papers.conversation

    @property
    def moment(self) -> int:
        """The index of a PDU of the conversation."""
        return self._papers.moment

    @property
    def stranger(self) -> Path:
        """A capture file, which lives as long as the exam."""
        return self._papers.stranger

    @property
    def callers(self) -> tuple[str, ...]:
        """The addresses of the two machines in the stranger's capture that have trouble."""
        return self._papers.hospital.callers

    @property
    def causes(self) -> Codes:
        """The causes to choose from, by their codes, in words."""
        return all_causes()

    @property
    def sites(self) -> tuple[BrokenSite, ...]:
        """Two broken sites, which stay sealed."""
        return self._papers.sites

    # --- answering --------------------------------------------------------------------------

    def question(self, number: str) -> Asked:
        """A question: ``exam.question("A1")``. Raises DicomlabError where there is none."""
        one = _question(number)
        return Asked(one, one.asks(self._papers))

    def answer(self, number: str, answer: Any) -> Note:
        """Keep an answer, in place of an earlier one; nothing is said of right or wrong.

        Raises DicomlabError where there is no such question.
        """
        question = _question(number)
        if self._handed_in is not None:
            return Note(False, "It is handed in: no answer counts any more.")
        if is_blank(answer):
            self._kept.pop(number, None)
            return Note(False, f"{number}: no answer yet.")
        kind = kind_of(question.right(self._papers)[0])
        try:
            if not is_taken(kind, answer):
                raise TypeError
            kept = keep(kind.plain(answer))
            text = json.dumps(kept)
        except (TypeError, ValueError, RecursionError, DicomlabError):
            asked = f"Asked for is {kind.asked}; this is {called(answer)}."
            return Note(False, f"{number}: {asked} It is not kept.")
        if len(text) > _LONGEST:
            return Note(False, f"{number}: that is longer than any answer. It is not kept.")
        self._kept[number] = kept
        return Note(True, f"{number}: kept, not marked yet: {brief(kept)}")

    def hand_in(self, *, anyway: bool = False) -> HandedIn | Note:
        """End the exam: what every answer is worth, and why. Once more gives the same.

        While a question has no answer, it is not handed in, unless ``anyway``.
        """
        open_ones = [number for number in QUESTIONS if number not in self._kept]
        if self._handed_in is None and open_ones and not anyway:
            still = f"Not handed in: {', '.join(open_ones)} without an answer."
            return Note(False, f"{still} To leave it at that: exam.hand_in(anyway=True)")
        if self._handed_in is None:
            self._kept = dict(self._kept)  # what is handed in, no other exam of this seed changes
            self._handed_in = self._worth(self._kept)
        return self._handed_in

    @property
    def result(self) -> dict[str, Any] | None:
        """What an examiner collects, as JSON takes it; None before it is handed in.

        The seal binds answers and points to the seed: :meth:`verify` finds what was changed
        afterwards. It does not show who answered, when, how often, or with whose help: the exam
        runs on the machine of whoever takes it, and what is right is computed there.
        """
        return None if self._handed_in is None else _result(self._handed_in, self._kept)

    def verify(self, result: Mapping[str, Any] | str | None) -> Note:
        """Whether a result, or its JSON, is one of this seed, and its answers are worth that."""
        try:
            given = dict(json.loads(result) if isinstance(result, str) else result or {})
            kept = {number: given["answers"].get(number) for number in QUESTIONS}
        except (TypeError, ValueError, LookupError, AttributeError, RecursionError):
            return Note(False, "This is no result of an exam.")
        if given.get("dicomlab") != version("dicomlab"):
            other = printable(str(given.get("dicomlab")))
            return Note(False, f"It was marked by dicomlab {other}: verify it with the same one.")
        if given.get("seed") != self.seed:
            return Note(False, f"It is of the seed {printable(str(given.get('seed')))}.")
        worth = self._worth({number: one for number, one in kept.items() if one is not None})
        if given != _result(worth, kept):
            return Note(False, f"Changed: its answers are worth {worth.points:g} points.")
        return Note(True, f"{worth.points:g} of {worth.of} points: its answers are worth that.")

    def _worth(self, kept: Mapping[str, Any]) -> HandedIn:
        answers = tuple(marked(one, self._papers, kept.get(one.id)) for one in QUESTIONS.values())
        return HandedIn(self.seed, answers, _seal(self.seed, kept, answers))

    # --- how it looks -----------------------------------------------------------------------

    def __repr__(self) -> str:
        rows = (self._row(one) for one in QUESTIONS.values())
        lines = (f"{what:<32}{points:>2} points   {answer}" for what, points, answer in rows)
        return "\n".join([f"Exam of seed {printable(self.seed)}", *lines])

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        head = ("part", "question", "points", "your answer")
        rows = [(PARTS[one.id[0]], *self._row(one)) for one in QUESTIONS.values()]
        return {"text/plain": repr(self), "text/html": table(head, rows)}

    def _row(self, one: Question) -> tuple[str, str, str]:
        return f"{one.id} · {one.title}", str(one.points), brief(self._kept.get(one.id))


def _question(number: str) -> Question:
    try:
        return QUESTIONS[number]
    except (KeyError, TypeError):
        known = ", ".join(QUESTIONS)
        raise DicomlabError(f"There is no question {number!r}.", f"There are {known}.") from None


def _result(worth: HandedIn, kept: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "dicomlab": version("dicomlab"),
        "seed": worth.seed,
        "points": worth.points,
        "of": worth.of,
        "answers": {number: kept.get(number) for number in QUESTIONS},
        "marks": {one.question.id: one.points for one in worth.answers},
        "seal": worth.seal,
    }


def _seal(seed: str, kept: Mapping[str, Any], answers: Iterable[Marked]) -> str:
    """The first digits of a hash over seed, answers and points."""
    answered = {number: kept.get(number) for number in QUESTIONS}
    points = [one.points for one in answers]
    said = json.dumps([SCHEMA, version("dicomlab"), seed, answered, points], sort_keys=True)
    return sha256(said.encode()).hexdigest()[:_SEAL]


def _of(one: Marked) -> str:
    return f"{one.points:g} of {one.question.points}"


def _read_on(one: Marked) -> str:
    return f"See {one.clause} and notebook {one.question.notebook}."
