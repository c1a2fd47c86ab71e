"""What an attempt left behind, and what of it gave the cause away."""

from __future__ import annotations

from dataclasses import dataclass, replace
from html import escape
from pathlib import Path
from typing import Any

from dicomlab.exercises.cases import ENDED, WITHOUT_A_BYTE, Case, Settings
from dicomlab.exercises.notes import table
from dicomlab.model import (
    Association,
    Capture,
    Connection,
    DicomlabError,
    Field,
    Finding,
    Pdu,
    Verdict,
)
from dicomlab.recording.record import Recording
from dicomlab.views import html, text


class Evidence:
    """What one attempt left behind: all that it shows, and no verdict."""

    def __init__(self, recording: Recording, answers: tuple[Pdu, ...]) -> None:
        self.capture = _sealed(recording.capture)
        self.answers = answers  # what the archive sent, also what is no PDU
        self._recording = recording  # its file is read as long as somebody looks

    @property
    def association(self) -> Association | None:
        """The association, if it came so far that one was asked for."""
        return next(iter(self.capture.associations), None)

    @property
    def connection(self) -> Connection | None:
        """The TCP connection, if it was no association."""
        return next(iter(self.capture.connections), None)

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What is not as the standard has it, or worth knowing."""
        return _whole(self.capture).findings

    def draw(self, **options: Any) -> Any:
        """The association as a figure; where there is none, the capture."""
        return _drawable(self).draw(**options)

    def __repr__(self) -> str:
        return "\n".join([*self._missing(), *map(text.show, self._shown())])

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        page = [*(f"<p>{escape(one)}</p>" for one in self._missing())]
        return {
            "text/plain": repr(self),
            "text/html": "".join([*page, *map(html.show, self._shown())]),
        }

    def _shown(self) -> list[Any]:
        return [self.association or self.findings]

    def _missing(self) -> list[str]:
        one = self.connection
        if one is None:
            return []
        return [f"There is no association. {one.requestor} → {one.acceptor}: {one.kind}."]


def _drawable(evidence: Evidence) -> Association | Capture:
    """What there is to draw."""
    capture = evidence.capture  # its folder is a temporary one: the path says nothing
    return evidence.association or replace(capture, file=Path(capture.file).name)


def _sealed(capture: Capture) -> Capture:
    """The same without its verdicts."""
    return replace(
        capture,
        associations=tuple(replace(one, verdict=None) for one in capture.associations),
        connections=tuple(replace(one, verdict=None) for one in capture.connections),
    )


def _whole(capture: Capture) -> Association | Connection:
    """All that a recording of one attempt holds."""
    return next(iter(capture.associations), None) or capture.connections[0]


# --- what gave it away ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Clue:
    """The finding that gives a cause away, and where in the recording it is to be seen."""

    found: Finding
    nudge: str  # where to look
    told: str  # what is there
    shows: Association | Capture | Pdu  # drawn, it shows the place


def clue(case: Case, evidence: Evidence) -> Clue:
    """What gives this case away in this evidence; DicomlabError where it went otherwise."""
    whole = _whole(evidence.capture)
    found = next((one for one in whole.findings if one.code == case.clue), None)
    if found is None:
        what = "The recording does not show what this site is there for: the machine was busy."
        raise DicomlabError(what, "Record it again: with site: site.try_it()")
    if case.field is not None and isinstance(whole, Association):
        return _in_field(*case.field, found, whole)
    for pdu in evidence.answers:
        if any(one.code == found.code for one in pdu.findings):
            came = f"the {len(pdu)} bytes that came in answer"
            return Clue(
                found,
                f"Look at {came}: who speaks like that?",
                f"No PDU, but {came}: {found.what}.",
                pdu,
            )
    return Clue(
        found,
        f"There is no byte to look at: {WITHOUT_A_BYTE.get(found.code, ENDED)}",
        f"Not a byte, but the end: {found.what}.",
        _drawable(evidence),
    )


def _in_field(kind: str, path: str, found: Finding, association: Association) -> Clue:
    """A clue that is a field of the acceptor's last PDU of that kind."""
    pdu = next(
        one for one in reversed(association.pdus) if one.type == kind and one.sender == "acceptor"
    )
    root = pdu.root
    field = root[path]
    value = [*field.leaves()][-1]  # of an element; of a plain field it is the field
    marked = replace(pdu, tree=_marked(root, value, replace(found, span=value.span)))
    message = kind == "P-DATA-TF"  # whose bytes take two pages; its arrow says the same on one
    place = f"byte {value.start - root.start} ({field.name}) of the acceptor's {kind}"
    return Clue(
        found,
        f"Look at {place}.",
        f"One field says it: {place} is {value.raw.hex(' ').upper()}, {field.text}.",
        association if message else marked,
    )


def _marked(one: Field, field: Field, found: Finding) -> Field:
    """The tree with the finding at that field."""
    if one is field:
        return replace(one, findings=(found,))
    return replace(one, children=tuple(_marked(child, field, found) for child in one.children))


def verdict(evidence: Evidence) -> Verdict:
    """What the evidence does not show by itself."""
    found = _whole(evidence._recording.capture).verdict
    assert found is not None  # recordings are dissected with their diagnosis
    return found


# --- the envelope -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, repr=False)
class Envelope:
    """What was wrong with a broken site, and what gave it away."""

    truth: str
    entered: Settings
    right: Settings
    clue: Clue
    alike: tuple[str, ...]  # further causes that leave the same bytes
    verdict: Verdict

    def draw(self, **options: Any) -> Any:
        """What gave it away, as a figure."""
        return self.clue.shows.draw(**options)

    def __repr__(self) -> str:
        wrong = [f"  {what}: {entered} ◀ {right}" for what, entered, right in self._wrong()]
        return "\n".join([self.truth, *wrong, *self._said(), text.show(self.verdict)])

    def _wrong(self) -> list[tuple[str, str, str]]:
        """What is entered wrong: its name, as it is, as it would be right."""
        both = zip(self.entered.rows(), self.right.rows(), strict=True)
        return [(*one, other[1]) for one, other in both if one != other]

    def _said(self) -> list[str]:
        """What gave it away, in sentences."""
        same = f"It looks the same if {', or if '.join(self.alike)}."
        return [self.clue.told, *([same] if self.alike else [])]

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        rows = self._wrong()
        wrong = table(("", "entered", "right"), rows) if rows else ""
        said = "".join(f"<p>{escape(one)}</p>" for one in self._said())
        page = (
            f"<p><b>{escape(self.truth)}</b></p>{wrong}"
            f"<h4>What gave it away</h4>{said}{html.show(self.clue.found)}"
            f"<h4>The verdict</h4>{html.show(self.verdict)}"
        )
        return {"text/plain": repr(self), "text/html": page}
