"""The live console: an SCP that misbehaves as ordered, an SCU that is led step by step."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any, ClassVar

from ipywidgets import HTML, VBox
from traitlets import Bool, Dict, Integer, List, Unicode

from dicomlab.model import Association, BuildError, DicomlabError, Verdict
from dicomlab.net.faults import KNOBS, Fault, Knob
from dicomlab.spec.state import STATES
from dicomlab.views import html, text
from dicomlab.widgets.base import Twin, Widget
from dicomlab.widgets.conversation import Conversation, Snapshot
from dicomlab.widgets.line import Orders, Recorded
from dicomlab.widgets.sequence import Sequence
from dicomlab.widgets.steps import IDLE, STEPS

LONGEST = 1 << 16  # bytes that are sent at once as they are
DIGITS = 9  # of a seed


class Console(Twin, VBox):  # type: ignore[misc] # ipywidgets brings no types
    """One panel for a whole lesson: an SCP with faults, an SCU, what they say, the recording.

    All is on loopback, and begins with the first step. ``close()``, or the end of the kernel, ends
    it.
    """

    def __init__(self) -> None:
        self.conversation = Conversation()
        self._panel = Panel(self.conversation)
        self._verdict = HTML()
        self._sequence = Sequence()
        super().__init__([self._panel])
        self.conversation.listen(self._tell)

    @property
    def association(self) -> Association | None:
        """The association as far as it has come; once it has ended, as it was recorded."""
        return self.conversation.snapshot.association

    @property
    def verdict(self) -> Verdict | None:
        """What happened, why, and who has to change what."""
        return self.conversation.snapshot.verdict

    def close(self) -> None:
        """End the conversation, and the widget."""
        self._displayed = False  # the twin stays as it is
        self.conversation.stop()
        for one in (self._panel, self._verdict, self._sequence):
            one.close()
        super().close()

    def _tell(self, snapshot: Snapshot) -> None:
        shown: list[Any] = [self._panel]
        if snapshot.verdict is not None and snapshot.verdict.failed:
            self._verdict.value = html.show(snapshot.verdict)
            shown.append(self._verdict)
        if snapshot.association is not None:
            self._sequence.show(snapshot.association, going=snapshot.requestor != IDLE)
            shown.append(self._sequence)
        self.children = shown
        self._panel.tell(snapshot)
        self._renew_twin()

    def _twin(self) -> dict[str, str]:
        on = _ordered(self.conversation.orders)
        association = self.association
        if association is None:
            return {
                "text/plain": on,
                "text/html": f'<div class="dl-twin"><p>{escape(on)}</p></div>',
            }
        return {
            "text/plain": f"{on}\n\n{text.show(association)}",
            "text/html": f'<div class="dl-twin"><p>{escape(on)}</p>{html.show(association)}</div>',
        }


class Panel(Widget):
    """The controls of the console: they show how the conversation stands, and lead it."""

    drawn_by: ClassVar[str] = "console"
    knobs: List[Any] = List().tag(sync=True)  # all that can be ordered, in groups
    steps: List[Any] = List().tag(sync=True)  # all that the SCU can do
    orders: List[Any] = List().tag(sync=True)  # what is ordered for the next connection
    seed: Integer[int, int] = Integer().tag(sync=True)
    following: Unicode[str, str | bytes] = Unicode().tag(sync=True)  # what holds from when on
    now: Dict[str, Any] = Dict().tag(sync=True)  # how the conversation stands
    saved: Unicode[str, str | bytes] = Unicode().tag(sync=True)  # the name of the file
    refused: Dict[str, str] = Dict().tag(sync=True)  # control → why its value cannot be
    freely: Bool[bool, bool | int] = Bool().tag(sync=True)  # by the browser: what is forbidden too

    def __init__(self, conversation: Conversation) -> None:
        self._conversation = conversation
        self._faults: dict[str, Fault] = {}
        super().__init__(
            knobs=[_knob(one) for one in KNOBS.values()],
            steps=[
                {"name": one.name, "label": one.label, "does": one.does, "hint": one.hint}
                for one in STEPS.values()
            ],
            now=_stands(conversation.snapshot),
            following=_following(conversation),
        )
        self.on_msg(self._asked)

    def tell(self, snapshot: Snapshot) -> None:
        """Show how the conversation stands."""
        self.now = _stands(snapshot)
        self.following = _following(self._conversation)
        if snapshot.recorded is None:
            self.saved = ""

    # --- what the browser asks for --------------------------------------------------------

    def _asked(self, _: Any, content: Mapping[str, Any], __: Any) -> None:
        asked = {
            "step": self._step,
            "order": self._order,
            "cancel": self._cancel,
            "seed": self._sow,
            "save": self._save,
            "anew": self._begin_anew,
        }
        control = content.get("control", "")
        try:
            asked[content["do"]](content)
            refusal = ""
        except DicomlabError as error:
            refusal = str(error)
        others = {name: why for name, why in self.refused.items() if name != control}
        self.refused = others | ({control: refusal} if refusal else {})

    def _step(self, content: Mapping[str, Any]) -> None:
        data = _bytes_of(content["bytes"]) if content["step"] == "raw" else b""
        self._conversation.do(content["step"], data, freely=self.freely)

    def _order(self, content: Mapping[str, Any]) -> None:
        value = f"={content['value']}" if content["value"] else ""
        moment = f"@{content['at']}" if content["at"] else ""
        fault = Fault.parse(f"{content['knob']}{value}{moment}")
        self._turn(self._faults | {fault.knob.name: fault}, self.seed)

    def _cancel(self, content: Mapping[str, Any]) -> None:
        left = {name: one for name, one in self._faults.items() if name != content["knob"]}
        self._turn(left, self.seed)

    def _sow(self, content: Mapping[str, Any]) -> None:
        words = content["value"].strip()
        if not words.isdecimal() or len(words) > DIGITS:
            what = f"the seed cannot be {words!r}."
            raise BuildError(what, f"Write a whole number of at most {DIGITS} digits.")
        self._turn(self._faults, int(words))

    def _turn(self, faults: dict[str, Fault], seed: int) -> None:
        """Order these faults for the next connection."""
        self._faults = {name: faults[name] for name in KNOBS if name in faults}
        self._conversation.order(*map(str, self._faults.values()), seed=seed)
        self.seed = seed
        self.orders = [
            {"knob": name, "order": str(one), "value": one.words, "at": _moment(one)}
            for name, one in self._faults.items()
        ]
        self.following = _following(self._conversation)

    def _save(self, _: Mapping[str, Any]) -> None:
        recorded = self._conversation.snapshot.recorded
        if recorded is None:
            raise DicomlabError("Nothing was recorded yet.", "Connect first.")
        self.saved = recorded.save(Path.cwd()).name

    def _begin_anew(self, _: Mapping[str, Any]) -> None:
        self._conversation.begin_anew()


# --- what is shown ----------------------------------------------------------------------------


def _knob(knob: Knob) -> dict[str, Any]:
    """A row of KNOBS, as it is shown."""
    return {
        "name": knob.name,
        "group": knob.group,
        "form": knob.takes.form,
        "choices": knob.takes.choices,
        "default": knob.default,
        "at": list(knob.when.at),
        "moments": list(knob.when.choice),
        "does": knob.does,
        "met": knob.met,
    }


def _moment(fault: Fault) -> str:
    """The moment that was chosen, if one was."""
    return "" if fault.at == fault.knob.when.at else fault.at[0]


def _stands(now: Snapshot) -> dict[str, Any]:
    """How the conversation stands, as it is shown."""
    return {
        "ends": [[state, STATES[state]] for state in (now.requestor, now.acceptor)],
        "forbidden": {name: now.forbidden(name) for name in STEPS},
        "impossible": {name: now.impossible(name) for name in STEPS},
        "said": " ".join(now.said),
        "error": "" if now.error is None else str(now.error),
        "recorded": None if now.recorded is None else _recorded(now.recorded),
    }


def _recorded(recorded: Recorded) -> dict[str, Any]:
    recording = recorded.recording
    return {
        "pdus": recorded.pdus,
        "bytes": recorded.bytes,
        "method": recording.method,
        "limits": list(recording.limits),
    }


def _ordered(orders: Orders) -> str:
    """What the SCP is ordered to do, in words."""
    if not orders.faults:
        return "The SCP has no faults."
    return f"The SCP has these faults: {', '.join(orders.faults)} (seed {orders.seed})."


def _following(conversation: Conversation) -> str:
    """From when on the orders hold, in words."""
    orders, now = conversation.orders, conversation.snapshot
    if now.requestor == IDLE:
        what = "The next connection meets these." if orders.faults else "The SCP behaves well."
        return f"{what} The SCP starts anew with each connection."
    if now.orders == orders:
        return "So it is on this connection. For changes, the SCP restarts at the next one."
    before = ", ".join(now.orders.faults) or "no faults"
    return f"For this the SCP restarts at the next connection. This one goes on with {before}."


def _bytes_of(written: str) -> bytes:
    """Bytes that are written in hexadecimal. Raises BuildError for what is not."""
    try:
        data = bytes.fromhex(written)
    except ValueError:
        raise BuildError(
            "these are no bytes.", "Write two hexadecimal digits for each: 05 00 00 00 00 04."
        ) from None
    if not 0 < len(data) <= LONGEST:
        raise BuildError(f"{len(data):,} bytes cannot be sent.", f"Write 1 to {LONGEST:,}.")
    return data
