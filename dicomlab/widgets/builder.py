"""The builder: a draft as a form, whose every change shows at once in the bytes."""

from __future__ import annotations

from threading import Thread
from typing import Any, Self

from traitlets import Any as Anything
from traitlets import Bool, Dict, List, Unicode

from dicomlab.model import DicomlabError, printable
from dicomlab.protocol.edits import Edit, Workpiece
from dicomlab.protocol.mistakes import mistakes
from dicomlab.recording.record import Target, host_and_port
from dicomlab.views.form import changed, form, hex_typed, laid, typed
from dicomlab.views.theme import count, size
from dicomlab.widgets.base import Widget, plain
from dicomlab.widgets.send import Sent, answer, opening, send
from dicomlab.widgets.work import in_background

_NOBODY = "There is nobody to send it to: Builder(..., to=scp) says whom."


class Builder(Widget):
    """A PDU or message that is built field by field, broken on purpose, and sent.

    ``name`` and ``values`` are those of ``build``. ``to`` is where it is sent: an SCP, a recording,
    ``(host, port)`` or ``"host:port"``, as ``record`` takes it. ``draft`` is what is built; what
    Python changes in it shows as well. ``sent`` is what came of sending it last.
    """

    drawn_by = "builder"
    form: Dict[str, Any] = Dict().tag(sync=True)  # views.form.Form
    fresh: List[Any] = List().tag(sync=True)  # [start, stop] of bytes that changed last
    said = Unicode().tag(sync=True)  # what changed, in a sentence
    code = Unicode().tag(sync=True)  # Python that builds the same draft
    steps: List[Any] = List([0, 0]).tag(sync=True)  # that can be undone, and done again
    mistakes: List[Any] = List().tag(sync=True)  # ways to break it, each with its lesson
    target: Dict[str, Any] = Dict().tag(sync=True)  # where it is sent, or why it cannot be
    sending = Bool(False).tag(sync=True)
    answer: Dict[str, Any] = Dict().tag(sync=True)  # send.Answer; empty: not sent yet
    to = Anything()

    def __init__(
        self, name: str = "A-ASSOCIATE-RQ", *, to: Target | None = None, **values: Any
    ) -> None:
        self.draft = Workpiece(name, **values)
        super().__init__(to=to)
        self.sent: Sent | None = None
        self._sender: Thread | None = None
        self.mistakes = [
            {
                "title": one.title,
                "lesson": one.lesson,
                "code": one.code,
                "clause": one.clause,
                "must_be_sent": one.must_be_sent,
            }
            for one in mistakes(self.draft)
        ]
        self._laid = laid(form(self.draft), bytes(self))
        self._show("")
        self._aim()
        self.draft.changed = self._show
        self.observe(lambda change: self._aim(), "to")
        self.on_msg(self._asked)

    @classmethod
    def echo(cls, *, to: Target | None = None, **values: Any) -> Self:
        """The same for a P-DATA-TF that carries a C-ECHO-RQ."""
        return cls("C-ECHO-RQ", to=to, **values)

    def __bytes__(self) -> bytes:
        return bytes(self.draft)

    @property
    def shown(self) -> Workpiece:
        """The draft."""
        return self.draft

    def _show(self, what: str) -> None:
        """Show the draft as it is now, and ``what`` was done to it."""
        data, before = bytes(self), self._laid
        drawn = form(self.draft)
        self._laid = laid(drawn, data)
        fresh = changed(before, self._laid)
        new = sum(map(len, fresh))
        with self.hold_sync():
            self.form = plain(drawn)
            self.fresh = [[one.start, one.stop] for one in fresh]
            self.code = self.draft.python(masked=True)
            self.steps = [len(self.draft.edits), len(self.draft.undone)]
            if what:
                what = printable(f"{what[:1].upper()}{what[1:]}")
                self.said = f"{what}. {count(new, 'byte')} changed; {size(len(data))} in all."
        self._renew_twin()

    def _aim(self) -> None:
        """Say where it will be sent, or why it cannot be."""
        try:
            host, port = self._address()
            self.target = {"where": printable(f"{host}:{port}"), "why": ""}
        except DicomlabError as nobody:
            self.target = {"where": "", "why": printable(str(nobody))}

    def _address(self) -> tuple[str, int]:
        if self.to is None:
            raise DicomlabError(_NOBODY)
        return host_and_port(self.to)

    # --- what the browser asks for ------------------------------------------------------------

    def _asked(self, _: Widget, asked: dict[str, Any], __: Any) -> None:
        """Do what is asked, and answer why not; no reason says that it is done."""
        told = {"control": asked.get("control"), "do": asked.get("do"), "why": "", "remedy": ""}
        try:
            self._do(asked)
        except DicomlabError as refused:
            told |= {"why": printable(str(refused.args[0])), "remedy": printable(refused.remedy)}
        self.send(told)

    def _do(self, asked: dict[str, Any]) -> None:
        draft = self.draft
        match asked:
            case {"do": "undo"}:
                draft.undo()
            case {"do": "redo"}:
                draft.redo()
            case {"do": "break", "number": number}:
                draft.do(mistakes(draft)[number].edit)
            case {"do": "send"}:
                self._send_draft()
            case {"do": "set" | "override" | "replace", "typing": typing}:
                draft.do(self._written(asked), typing=typing)
            case {"do": "follow", "path": path}:
                draft.override(path, None)
            case {"do": "add", "path": path}:
                draft.add(path)
            case {"do": "remove", "path": path}:
                draft.remove(path)
            case {"do": "move", "path": path, "to": to}:
                draft.move(path, to)

    def _written(self, asked: dict[str, Any]) -> Edit:
        """The edit that was typed: a value or, in hex, bytes."""
        do, path, text, in_hex = (asked[key] for key in ("do", "path", "text", "hex"))
        if in_hex and do != "set":
            return Edit(do, path, hex_typed(text))
        return Edit(do, path, typed(self.draft, path, text, as_bytes=in_hex))

    def _send_draft(self) -> None:
        if self.sending:
            return
        self._aim()
        host, port = self._address()
        data = bytes(self)
        before = opening(self.draft, getattr(self.to, "ae_title", "ANY-SCP"))
        self.sending = True
        self._sender = in_background(lambda: send(data, before, host, port), self._came)

    def _came(self, sent: Sent) -> None:
        """Show what came of sending."""
        self.sent = sent
        with self.hold_sync():
            self.answer = plain(answer(sent))
            self.sending = False
