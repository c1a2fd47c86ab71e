"""The sequence of an association, to be stepped through: arrows, both ends' states, the bytes."""

from __future__ import annotations

from typing import Any

from ipywidgets import VBox
from traitlets import Dict, Int

from dicomlab.model import Association, DicomlabError, printable
from dicomlab.spec.state import ACTIONS, EVENTS, STATES
from dicomlab.views.sequence import Ladder, Step, in_words, ladder
from dicomlab.views.theme import duration
from dicomlab.widgets.base import Twin, Widget, plain
from dicomlab.widgets.explorer import HexView
from dicomlab.widgets.segments import Segments

STEPS = 3000  # that are drawn of one association; those between the first and the last are folded

_WORDS = {
    **STATES,
    **{event.name: event.meaning for event in EVENTS.values()},
    **{action.name: action.does for action in ACTIONS.values()},
}


class Steps(Widget):
    """The ladder itself, with the states of both ends at the step that is looked at."""

    drawn_by = "sequence"
    ladder = Dict().tag(sync=True)  # views.sequence.Ladder, and each step in words; none: {}
    words = Dict(_WORDS).tag(sync=True)  # what each state, event and action is
    selected = Int(0).tag(sync=True)  # the number of the step; the browser's
    opened = Int(None, allow_none=True).tag(sync=True)  # the index of the PDU shown below

    def __init__(self, **traits: Any) -> None:
        super().__init__(**traits)
        self.association: Association | None = None

    def show(self, association: Association, *, going: bool = False) -> None:
        """Show this association, which may be ``going`` on: then its end is looked at first."""
        view = ladder(association, STEPS, going=going)
        if going and self.association is None:
            self.selected = len(view.steps) - 1
        self.association = association
        self.ladder = _drawn(view)

    @property
    def shown(self) -> Any:
        """The association; where there is none yet, no findings at all."""
        return () if self.association is None else self.association


class Sequence(Twin, VBox):  # type: ignore[misc]
    """An association step by step; what is opened of it is shown with its segments and bytes.

    It may begin with no association at all, and be given one that grows.
    """

    children: tuple[Widget, ...]

    def __init__(self, association: Association | None = None, **traits: Any) -> None:
        self._steps = Steps()
        self._segments: Segments | None = None
        self._bytes: HexView | None = None
        super().__init__([self._steps], **traits)
        self._steps.on_msg(self._asked)
        if association is not None:
            self.show(association)

    @property
    def shown(self) -> Any:
        """The association, or nothing yet."""
        return self._steps.shown

    def show(self, association: Association, *, going: bool = False) -> None:
        """Show this association in place of the one before; it may be ``going`` on.

        What was selected or opened stays so where it is still there: an association may grow. Who
        looked at its end goes on to look at its end.
        """
        opened = self._steps.opened
        if opened is not None and not _same(self._steps.association, association, opened):
            self.children = (self._steps,)
            self._steps.opened = None
        self._steps.show(association, going=going)

    def look_at(self, index: int) -> None:
        """Show the TCP segments and the bytes of the PDU at ``index``.

        DicomlabError where there is none, or where its bytes can no longer be read.
        """
        association = self._steps.association
        pdus = () if association is None else association.pdus
        if association is None or not 0 <= index < len(pdus):
            raise DicomlabError(f"There is no PDU {index}.", f"There are {len(pdus):,}, from 0 on.")
        pdu, since = pdus[index], association.start_time
        if self._segments is None or self._bytes is None:
            self._segments, self._bytes = Segments(pdu, since), HexView(pdu)
        else:
            self._segments.show(pdu, since)
            self._bytes.show(pdu)
        self.children = (self._steps, self._segments, self._bytes)
        self._steps.opened = index

    def _asked(self, _widget: Any, content: Any, _buffers: Any) -> None:
        """What the browser asks for."""
        match content:
            case {"do": "open", "pdu": int(index)}:
                try:
                    self.look_at(index)
                except DicomlabError as error:
                    self._steps.send({"refused": printable(str(error))})


def _same(one: Association | None, other: Association, index: int) -> bool:
    """Whether both have the same PDU there."""
    if one is None or index >= len(other.pdus):
        return False
    a, b = one.pdus[index], other.pdus[index]
    where = (one.requestor, one.acceptor) == (other.requestor, other.acceptor)
    return where and (a.sender, a.type, a.start, a.stop) == (b.sender, b.type, b.start, b.stop)


def _drawn(view: Ladder) -> dict[str, Any]:
    drawn = plain(view)
    for step, row in zip(view.steps, drawn["steps"], strict=True):
        row.update(_words(step))
    return drawn


def _words(step: Step) -> dict[str, Any]:
    """What the browser writes as it is."""
    shows_gap = step.gap and step.kind != "silence"
    return {
        "numbers": step.numbers,
        "at": "" if step.time is None else duration(step.time),
        "after": f"+ {duration(step.gap or 0)}" if shows_gap else "",
        "reads": in_words(step),
        "refuser": step.illegal.receiver if step.illegal else None,
        "refusal": str(step.illegal) if step.illegal else "",
    }
