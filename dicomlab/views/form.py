"""A draft as a form: a control for each of its fields, and the bytes that each stands for.

``form`` says what a page shows of a draft, ``typed`` reads what somebody has typed there.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from dicomlab.model import BuildError, Finding, Kind, Role, Row, Span, printable
from dicomlab.protocol.build import Draft, Located, located
from dicomlab.spec.kinds import AE_TITLE, MANY, TAG
from dicomlab.views import theme
from dicomlab.views.layout import Findings, findings_of

Sort = Literal["part", "title", "uid", "text", "number", "code", "length", "list", "bytes"]

_NUMBER = re.compile(r"([0-9][0-9,]*)|(?:0x([0-9a-f]+)|([0-9a-f]+)h)", re.IGNORECASE)
_TAG = re.compile(r"\(?([0-9a-f]{4}),?([0-9a-f]{4})\)?", re.IGNORECASE)
_SAYS = 2  # fields that a part is told by


@dataclass(frozen=True, slots=True)
class Choice:
    """A value that can be chosen, as it would be typed, and its name."""

    text: str
    name: str


@dataclass(frozen=True, slots=True)
class Control:
    """One field, or a part that holds others; all its texts are safe to print."""

    path: str
    label: str  # as the standard has it
    sort: Sort
    depth: int  # 0: the PDU itself
    start: int  # where its bytes lie
    stop: int
    role: Role
    clause: str
    overridden: bool
    rule: str = ""
    text: str = ""  # what stands there, as it would be typed
    meaning: str = ""
    other: str = ""  # a number in the other notation: 4000H for 16384
    choices: str = ""  # the key of the list that it is chosen from
    secret: bool = False  # nobody is shown what stands there
    adds: tuple[str, ...] = ()  # what may be added inside
    place: int | None = None  # among those beside it; None: it cannot be taken out
    beside: int = 0  # how many there are, itself among them
    notes: tuple[int, ...] = ()  # numbers of the findings that point at it, from 1


@dataclass(frozen=True, slots=True)
class Form:
    """A draft to be filled in. The bytes of secrets are 00H."""

    title: str
    data: bytes
    controls: tuple[Control, ...]  # in reading order
    choices: Mapping[str, tuple[Choice, ...]]
    findings: Findings  # of whoever receives the bytes


def form(draft: Draft) -> Form:
    """The form of a draft, with the findings that its bytes show by themselves."""
    data = bytes(draft)
    pdus = draft.pdus
    found = [one for pdu in pdus for one in pdu.findings]
    drawn = _Drawn(data)
    for one in located(draft.slot):
        drawn.add(one)
    shown = bytearray(data)
    hidden = [(one.start, one.stop) for one in drawn.controls if one.secret]  # as it is meant
    hidden += [(one.start, one.stop) for pdu in pdus for one in pdu.leaves() if one.secret]
    for start, stop in hidden:  # and as a receiver reads it
        shown[start:stop] = bytes(stop - start)
    return Form(
        title=draft.name,
        data=bytes(shown),
        controls=tuple(_noted(drawn.summed(), found)),
        choices=drawn.choices,
        findings=findings_of(found),
    )


class _Drawn:
    """The controls of a draft, made one after the other in reading order."""

    def __init__(self, data: bytes) -> None:
        self.controls: list[Control] = []
        self.choices: dict[str, tuple[Choice, ...]] = {}
        self._data = data
        self._around: list[int] = []  # the numbers of the parts around
        self._says: dict[int, list[str]] = defaultdict(list)  # part → what stands in it
        self._values: dict[int, dict[str, Any]] = defaultdict(dict)  # part → what its rows hold

    def add(self, one: Located) -> None:
        """Make the control of the next slot."""
        del self._around[one.depth :]
        if one.slot.row is None:
            self._around.append(len(self.controls))
            self.controls.append(_part(one))
        else:
            self.controls.append(self._field(one, one.slot.part.layout.rows[one.slot.row]))

    def summed(self) -> Iterator[Control]:
        """The controls, each part with the first that its fields say."""
        for number, one in enumerate(self.controls):
            says = self._says[number][:_SAYS]
            yield replace(one, meaning=" · ".join(says)) if says else one

    def _field(self, one: Located, row: Row) -> Control:
        holder = self._around[-1]
        layout = one.slot.part.layout
        raw = self._data[one.start : one.stop]
        value, readable = _value(row, raw)
        values = self._values[holder]
        named = _named(row, values)
        secret = row.secret is not None and row.secret(values) and bool(raw)
        meaning = printable((row.means(value, values) if readable else None) or "")
        values[row.name] = value
        own = row is layout.own_row and not any(each.made_of_parts for each in layout.rows)
        sort = _sort(row, value, named)
        text = raw.hex(" ").upper() if sort == "bytes" else _shown(row.kind, value)
        choices = f"{layout.name}: {row.name}" if named else ""
        if named:
            self.choices[choices] = tuple(
                Choice(_shown(row.kind, each), printable(name)) for each, name in named.items()
            )
        if not (secret or row.fixed):
            told = self._around if row.role in (Role.IDENTIFIER, Role.NAME) else [holder] * own
            for number in told:
                self._says[number].append(meaning or text)
        return Control(
            path=self.controls[holder].path if own else one.path,
            label=row.name,
            sort=sort,
            depth=one.depth,
            start=one.start,
            stop=one.stop,
            role=row.role,
            clause=layout.clause,
            overridden=one.slot.forced,
            rule=row.rule,
            text="" if secret else text,
            meaning=f"masked, {theme.size(len(raw))}" if secret else meaning,
            other=_other(value, text, len(raw)) if sort != "bytes" else "",
            choices=choices,
            secret=secret,
        )


def _part(one: Located) -> Control:
    part, parent = one.slot.part, one.slot.parent
    return Control(
        path=one.path,
        label=part.layout.name,
        sort="part",
        depth=one.depth,
        start=one.start,
        stop=one.stop,
        role=Role.PAYLOAD,
        clause=part.layout.clause,
        overridden=part.raw is not None,
        text="" if part.raw is None else part.raw.hex(" ").upper(),
        adds=tuple(dict.fromkeys(each.name for each in part.holds())),
        place=parent.parts.index(part) if parent is not None else None,
        beside=len(parent.parts) if parent is not None else 0,
    )


def _value(row: Row, raw: bytes) -> tuple[Any, bool]:
    """The value of the bytes; or the bytes, and that no value of this row can be read there."""
    size = row.kind.size
    many = row.kind in MANY.values() and len(raw) % (size or 1) == 0
    if size in (None, len(raw)) or many or row.kind is AE_TITLE:
        return row.kind.decode(raw), True
    return raw, False


def _named(row: Row, values: Mapping[str, Any]) -> Mapping[Any, str]:
    """The values that suit the row, with their names."""
    if row.fixed:
        return {}
    if row.among is not None:
        return row.among
    wrong = row.check if row.check is not None else lambda value: iter(())
    return {value: name for value, name in row.named(values).items() if not [*wrong(value)]}


def _sort(row: Row, value: Any, named: Mapping[Any, str]) -> Sort:
    match value:
        case bytes() if row.secret is not None and value.isascii() and value.decode().isprintable():
            return "text"  # a name or a passcode
        case bytes():
            return "bytes"
        case tuple():
            return "list"
        case str() if not value.isprintable():
            return "bytes"
        case str() if row.kind is AE_TITLE:
            return "title"
        case str():
            return "uid" if row.kind.name in ("UID", "UI") else "text"
    if row.role is Role.RESERVED:
        return "bytes"
    if row.role is Role.LENGTH:
        return "length"
    return "code" if named else "number"


def _shown(kind: Kind, value: Any) -> str:
    """A value as it would be typed."""
    if isinstance(value, str | bytes):
        return value if isinstance(value, str) else value.decode("latin-1")
    return kind.show(value) if value != () else ""


def _other(value: Any, text: str, size: int) -> str:
    """A number in the notation that its text does not have."""
    if not isinstance(value, int):
        return ""
    return f"{value:,}" if text.endswith(("H", ")")) else theme.hexadecimal(value, 2 * size)


def _noted(controls: Iterator[Control], found: Sequence[Finding]) -> list[Control]:
    """The controls; each finding points at the smallest one that has all its bytes."""
    noted = [*controls]
    for number, one in enumerate(found, 1):
        if one.span is None:
            continue
        around = [at for at, each in enumerate(noted) if _has(each, one.span)]
        at = min(around, key=lambda at: (noted[at].stop - noted[at].start, -at), default=0)
        noted[at] = replace(noted[at], notes=(*noted[at].notes, number))
    return noted


def _has(control: Control, span: Span) -> bool:
    """Whether all bytes of a span are the control's; a place between two is of what follows."""
    last = max(span.stop, span.start + 1)
    return control.start <= span.start and last <= control.stop


# --- what was typed -------------------------------------------------------------------------------


def typed(draft: Draft, path: str, text: str, *, as_bytes: bool = False) -> Any:
    """The value for the field at ``path`` that ``text`` stands for, as a control shows it.

    ``as_bytes`` where the text is bytes in hex. Raises BuildError for what cannot be read so.
    """
    part, index = draft.row(path)
    row = part.layout.rows[index]
    if as_bytes:
        raw = hex_typed(text)
        value, readable = _value(row, raw)
        if not readable:
            room = theme.size(row.kind.size or 0)
            what = f"{row.name} has {room}, not {len(raw)} ({part.layout.clause})."
            raise BuildError(what, "To send it all the same, override it.")
        return value
    if row.kind in MANY.values():
        return tuple(_number(row.name, one, row.kind) for one in text.split())
    if row.kind.size is None or row.kind is AE_TITLE:
        return text
    return _number(row.name, text, row.kind)


def hex_typed(text: str) -> bytes:
    """The bytes that are written in hex."""
    try:
        return bytes.fromhex(text)
    except ValueError:
        what = f"{text!r} is not bytes in hex."
        raise BuildError(what, "Write two digits for each, as in '01 00 4A'.") from None


def _number(name: str, text: str, kind: Kind) -> int:
    text = text.strip()
    if kind in (TAG, MANY["AT"]) and (tag := _TAG.fullmatch(text)):
        return int("".join(tag.groups()), 16)
    match = _NUMBER.fullmatch(text)
    if match is None:
        raise BuildError(f"{name} takes a number, not {text!r}.", "Write 16384 or 4000H.")
    decimal, hexadecimal, standard = match.groups()
    return int(decimal.replace(",", "")) if decimal else int(hexadecimal or standard, 16)


# --- what has changed -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Laid:
    """A leaf of a draft with its bytes, to be compared."""

    label: str
    length: bool
    start: int
    raw: bytes

    def like(self, other: Laid) -> bool:
        """Whether it is the same leaf, and unchanged; lengths change with what they count."""
        same = self.length or self.raw == other.raw
        return same and (self.label, self.length) == (other.label, other.length)


def laid(drawn: Form, data: bytes) -> list[Laid]:
    """The leaves of a form; ``data`` are the bytes themselves, none masked."""
    return [
        Laid(one.label, one.sort == "length", one.start, data[one.start : one.stop])
        for one, after in zip(drawn.controls, [*drawn.controls[1:], None], strict=True)
        if after is None or after.depth <= one.depth
    ]


def changed(before: Sequence[Laid], after: Sequence[Laid]) -> list[Span]:
    """Which bytes are new in ``after``; where both begin and end alike, only lengths can be."""
    most = min(len(before), len(after))
    pairs = zip(before, after, strict=False)
    head = next((at for at, (a, b) in enumerate(pairs) if not a.like(b)), most)
    back = zip(before[::-1], after[::-1], strict=False)
    tail = next((at for at, (a, b) in enumerate(back) if not a.like(b)), most)
    tail = min(tail, most - head)
    middle = len(after) - tail
    beside = [
        *zip(before[:head], after[:head], strict=True),
        *_paired(before[head : len(before) - tail], after[head:middle]),
        *zip(before[len(before) - tail :], after[middle:], strict=True),
    ]
    return [span for old, new in beside for span in _new(old, new)]


def _paired(before: Sequence[Laid], after: Sequence[Laid]) -> list[tuple[Laid | None, Laid]]:
    """What stands between: of the same leaves if they are as many, else all of it is new."""
    same = [one.label for one in before] == [one.label for one in after]
    return [*zip(before, after, strict=True)] if same else [(None, one) for one in after]


def _new(old: Laid | None, new: Laid) -> Iterator[Span]:
    """The bytes of a leaf that are not what they were."""
    if old is None or len(old.raw) != len(new.raw):
        if new.raw:
            yield Span(new.start, new.start + len(new.raw))
        return
    for at, (a, b) in enumerate(zip(old.raw, new.raw, strict=True)):
        if a != b:
            yield Span(new.start + at, new.start + at + 1)
