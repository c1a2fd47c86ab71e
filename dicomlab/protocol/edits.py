"""Edits: what was done to a draft, as data. It can be undone, done again, and written as Python."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import dropwhile, takewhile
from typing import Any, Literal

from dicomlab.model import snake_case, split
from dicomlab.protocol.build import Draft, build
from dicomlab.spec.pdu import USER_IDENTITY_AC, USER_IDENTITY_RQ

Do = Literal["set", "give", "override", "replace", "add", "remove", "move"]

_MASKED = b"(masked)"
_SECRET = {  # what may be a passcode or a ticket, and what holds it
    snake_case(name)
    for layout in (USER_IDENTITY_RQ, USER_IDENTITY_AC)
    for name in (layout.name, *(row.name for row in layout.rows if row.secret is not None))
}
_DONE: dict[Do, str] = {
    "set": "set",
    "give": "set",
    "override": "overridden",
    "replace": "replaced by bytes",
    "add": "added",
    "remove": "removed",
    "move": "moved",
}


@dataclass(frozen=True, slots=True)
class Edit:
    """One change of a draft: the method that makes it, and what it is given.

    ``value`` is that of a field, bytes, the values of the fields of what is added, or the place
    that something is moved to.
    """

    do: Do
    path: str
    value: Any = None
    alone: bool = False  # it changes the value of one field, and not what any path means
    secret: bool = False  # the value may be a passcode or a ticket

    def apply(self, draft: Draft) -> None:
        """Do it to a draft. Raises BuildError where that cannot be done."""
        match self.do:
            case "set":
                draft[self.path] = self.value
            case "give":
                draft.give(self.path, self.value)
            case "override":
                draft.override(self.path, self.value)
            case "replace":
                draft.replace(self.path, self.value)
            case "add":
                draft.add(self.path, **self.value or {})
            case "remove":
                draft.remove(self.path)
            case "move":
                draft.move(self.path, self.value)

    def __str__(self) -> str:
        match self.do:
            case "set":
                return f"draft[{self.path!r}] = {self.value!r}"
            case "remove":
                return f"draft.remove({self.path!r})"
            case "add":
                values = "".join(f", {key}={value!r}" for key, value in (self.value or {}).items())
                return f"draft.add({self.path!r}{values})"
            case _:
                return f"draft.{self.do}({self.path!r}, {self.value!r})"

    @property
    def what(self) -> str:
        """What it does, in a few words."""
        if self.do == "override" and self.value is None:
            return f"{self.path}: override taken back"
        return f"{self.path} {_DONE[self.do]}"

    def masked(self) -> Edit:
        """The edit as it may be shown."""
        if not self.secret:
            return self
        if isinstance(self.value, dict):
            return replace(self, value={key: _shown(value) for key, value in self.value.items()})
        return replace(self, value=_shown(self.value))


def _shown(value: Any) -> Any:
    return _MASKED if isinstance(value, bytes | str) else value


def shortened(edits: Iterable[Edit]) -> list[Edit]:
    """The edits without those that a later one makes needless."""
    kept: list[Edit] = []
    later: set[tuple[Do, str]] = set()  # what comes yet, before any path means something else
    for edit in reversed([*edits]):
        if not edit.alone:
            later.clear()
        elif (edit.do, edit.path) in later:
            continue
        else:
            later.add((edit.do, edit.path))
            if edit.do == "set":  # it takes an override back
                later.add(("override", edit.path))
        kept.append(edit)
    kept.reverse()
    # what was overridden and taken back, with nothing before it that it could have been done to
    first = [
        one for one in takewhile(_alone, kept) if one.do != "override" or one.value is not None
    ]
    return [*first, *dropwhile(_alone, kept)]


def _alone(edit: Edit) -> bool:
    return edit.alone


class Workpiece(Draft):
    """A draft that remembers what was done to it since ``build(name, **values)``.

    Each change can be undone and done again. One that cannot be made raises BuildError and leaves
    the draft as it was, also where the draft could no longer be turned into bytes. ``changed`` is
    told of each, in a few words.
    """

    def __init__(self, name: str, **values: Any) -> None:
        super().__init__(name, build(name, **values).root)
        self.values = values
        self.edits: list[Edit] = []
        self.undone: list[Edit] = []  # the last one is done again first
        self.changed: Callable[[str], None] = lambda what: None

    def do(self, edit: Edit, *, typing: bool = False) -> None:
        """Do an edit; one of the same field just before it is forgotten while ``typing``."""
        self._do(edit)
        if typing and _same(self.edits[-2:]):
            del self.edits[-2]
        self.undone.clear()
        self.changed(edit.what)

    def undo(self) -> None:
        """Take the last edit back."""
        if self.edits:
            undone = self.edits.pop()
            self.undone.append(undone)
            draft = build(self.name, **self.values)
            for edit in self.edits:
                edit.apply(draft)
            self.root = draft.root
            self.changed(f"undone: {undone.what}")

    def redo(self) -> None:
        """Do what was undone last."""
        if self.undone:
            self._do(self.undone[-1])
            self.changed(f"done again: {self.undone.pop().what}")

    def _do(self, edit: Edit) -> None:
        trial = Draft(self.name, self.root.copy())
        known = _known(edit, trial)
        known.apply(trial)
        bytes(trial)  # BuildError where a length field cannot say how long it is
        self.root = trial.root
        self.edits.append(known)

    def python(self, *, masked: bool = False) -> str:
        """Python that builds the same draft; ``masked``: without secrets, to be shown."""
        values = "".join(f", {key}={value!r}" for key, value in self.values.items())
        edits = [one.masked() if masked else one for one in shortened(self.edits)]
        lines = ["import dicomlab as dl", "", f"draft = dl.build({self.name!r}{values})"]
        return "\n".join([*lines, *map(str, edits)]) + "\n"

    # --- a draft's own ways to change it ----------------------------------------------------

    def __setitem__(self, path: str, value: Any) -> None:
        self.do(Edit("set", path, value))

    def give(self, key: str, value: Any) -> None:
        """As Draft.give."""
        self.do(Edit("give", key, value))

    def override(self, path: str, value: Any) -> None:
        """As Draft.override."""
        self.do(Edit("override", path, value))

    def replace(self, path: str, data: bytes) -> None:
        """As Draft.replace."""
        self.do(Edit("replace", path, data))

    def add(self, path: str, **values: Any) -> None:
        """As Draft.add."""
        self.do(Edit("add", path, values))

    def remove(self, path: str) -> None:
        """As Draft.remove."""
        self.do(Edit("remove", path))

    def move(self, path: str, to: int) -> None:
        """As Draft.move."""
        self.do(Edit("move", path, to))


def _known(edit: Edit, draft: Draft) -> Edit:
    """The edit, with what the draft that it will be done to knows of it."""
    value = edit.value
    if isinstance(value, bytearray | memoryview):
        value = bytes(value)
    alone = False
    if edit.do in ("set", "override"):
        part, index = draft.row(edit.path)
        alone = not part.layout.rows[index].made_of_parts and "[id=" not in edit.path
    named = snake_case(split(edit.path)[-1].split("[")[0])
    return replace(edit, value=value, alone=alone, secret=named in _SECRET)


def _same(edits: Sequence[Edit]) -> bool:
    """Whether two edits give the same field a value, of the same kind."""
    if len(edits) < 2:
        return False
    one, other = edits
    return one.alone and other.alone and (one.do, one.path) == (other.do, other.path)
