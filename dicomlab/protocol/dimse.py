"""PDVs to DIMSE messages: fragments joined by presentation context (PS3.8 annex E, PS3.7 6.3)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from types import MappingProxyType
from typing import Any

from dicomlab.model import Finding, Message, Pdu, Side, Span
from dicomlab.protocol.command_set import begins_command_set, decode_command_set
from dicomlab.protocol.leaves import finding
from dicomlab.protocol.scanner import Irregular, scan_command
from dicomlab.spec import command
from dicomlab.spec.pdu import PDV

COMMAND_LIMIT = 1 << 16  # bytes of one command set that are kept; a sane one has some hundred


@dataclass(slots=True, eq=False)
class Begun:
    """A message of which fragments have come."""

    context_id: int
    start: int  # of the first PDU that carried it
    stop: int = 0  # behind the last PDU that carried it
    time: int | None = None
    pdus: list[int] = field(default_factory=list)  # first and last index of each run of PDUs
    pieces: list[bytes] = field(default_factory=list)  # of the command set
    spans: list[tuple[int, int]] = field(default_factory=list)  # where those lay
    size: int = 0  # of the command set
    command: bytes | None = None  # once it is whole
    values: Mapping[int, Any] = field(default_factory=dict)  # its elements, by tag
    findings: tuple[Finding, ...] = ()  # what they show
    dataset_bytes: int | None = None
    done: bool = False  # the last fragment has begun
    ended: bool = False  # the PDU that carries the last fragment has come
    whole: bool = True  # no byte of it is missing

    @property
    def in_one_piece(self) -> bool:
        """Whether the command set came in one fragment, in which its PDU's tree shows it."""
        raw = self.command
        return len(self.spans) == 1 and raw is not None and begins_command_set(raw)

    def carried(self, index: int) -> None:
        """A PDU carried a part of it."""
        if self.pdus and index <= self.pdus[-1] + 1:
            self.pdus[-1] = index
        else:
            self.pdus += [index, index]


class Fragments:
    """Joins the fragments of one direction of an association to messages.

    Fragments that belong to nothing (a data set before its command set) are passed over here:
    they are a matter of findings.
    """

    def __init__(self) -> None:
        self.begun: dict[int, Begun] = {}  # by presentation context
        self.left: list[Begun] = []  # a new message began before these had ended

    def command(self, context_id: int, start: int, at: int, data: bytes, last: bool) -> Begun:
        """A fragment of a command set that lies at ``at``, in a PDU that begins at ``start``."""
        begun = self.begun.get(context_id)
        if begun is None or begun.command is not None:
            if begun is not None:
                self.left.append(begun)
            begun = self.begun[context_id] = Begun(context_id, start)
        begun.size += len(data)
        if begun.size <= COMMAND_LIMIT and (data or last):
            begun.pieces.append(data)
            begun.spans.append((at, at + len(data)))
        if last:
            self._read(begun)
        return begun

    def data(self, context_id: int, size: int, last: bool) -> Begun | None:
        """A fragment of a data set; gives the message that it belongs to."""
        begun = self.begun.get(context_id)
        if begun is None or begun.command is None:
            return None
        begun.dataset_bytes = (begun.dataset_bytes or 0) + size
        if last:
            self._end(begun)
        return begun

    def _read(self, begun: Begun) -> None:
        begun.command = b"".join(begun.pieces)
        begun.pieces.clear()
        try:
            begun.values, found = scan_command(begun.command)
            begun.findings = tuple(finding(c, w, Span(at, end)) for c, w, at, end in found)
        except Irregular:
            tree = decode_command_set(begun.command)
            begun.values = {one.code or 0: one.value for one in reversed(tree.children)}
            begun.findings = tuple(found for one in tree.walk() for found in one.findings)
        if not announces(begun.values):
            self._end(begun)

    def _end(self, begun: Begun) -> None:
        begun.done = True
        del self.begun[begun.context_id]


class Assembler:
    """The same for the PDUs of one direction as trees: gives messages."""

    def __init__(self, sender: Side) -> None:
        self._sender: Side = sender
        self._fragments = Fragments()
        self.strays = 0  # fragments of a data set that no command set announced

    def feed(self, pdu: Pdu) -> list[Message]:
        """The messages that this P-DATA-TF completes; other PDUs complete none."""
        completed = []
        for pdv in pdu.root.children:
            if pdv.name != PDV.name or len(pdv.children) != len(PDV.rows):
                continue
            _, context, header, fragment = pdv.children
            last = bool(header.value & 2)
            if header.value & 1:
                at, raw = fragment.start, fragment.raw
                begun = self._fragments.command(context.value, pdu.start, at, raw, last)
            else:
                size = fragment.stop - fragment.start
                of = self._fragments.data(context.value, size, last)
                if of is None:
                    self.strays += 1
                    continue
                begun = of
            begun.stop, begun.time = pdu.stop, pdu.time
            if pdu.index is not None:
                begun.carried(pdu.index)
            if begun.done:
                completed.append(self._message(begun))
        return completed

    @property
    def abandoned(self) -> int:
        """How many messages did not end before the next one began in their context."""
        return len(self._fragments.left)

    def rest(self) -> list[Message]:
        """The messages that have not ended; those without a whole command set are left out."""
        begun = [*self._fragments.left, *self._fragments.begun.values()]
        return [self._message(one) for one in begun if one.command is not None]

    def _message(self, begun: Begun) -> Message:
        return message(
            self._sender,
            begun.values,
            begun.command or b"",
            begun.spans,
            context_id=begun.context_id,
            dataset_bytes=begun.dataset_bytes,
            start=begun.start,
            stop=begun.stop,
            time=begun.time,
            complete=begun.done,
            pdus=indices(begun.pdus),
            findings=() if begun.in_one_piece else begun.findings,
        )


def indices(runs: Sequence[int]) -> Sequence[int]:
    """The indices in runs of which the first and the last one are given."""
    ranges = [range(first, last + 1) for first, last in zip(runs[::2], runs[1::2], strict=True)]
    return ranges[0] if len(ranges) == 1 else tuple(index for one in ranges for index in one)


def message(
    sender: Side,
    values: Mapping[int, Any],
    command_set: bytes,
    spans: Sequence[tuple[int, int]],
    **known: Any,
) -> Message:
    """The message of this command set and its values; ``known`` is what else is known of it."""
    start = spans[0][0] if len(spans) == 1 else 0
    kind, message_id, responding_to, status, sop_class, sop_instance, more = said(values)
    return Message(
        type=kind,
        sender=sender,
        message_id=message_id,
        responding_to=responding_to,
        status=status,
        sop_class=sop_class,
        sop_instance=sop_instance,
        announces=announces(values),
        fragments=tuple(Span(*span) for span in spans),
        more=more,
        tree=partial(decode_command_set, command_set, start=start),
        **known,
    )


Said = tuple[str, int | None, int | None, int | None, str | None, str | None, Mapping[str, Any]]


def said(values: Mapping[int, Any]) -> Said:
    """What the elements of a command set say.

    Type, message ID, ID responded to, status, SOP class and instance, and what else the contract
    has keys for.
    """
    return (
        name(_number(values, command.COMMAND_FIELD)),
        _number(values, 0x0110),
        _number(values, 0x0120),
        _number(values, command.STATUS),
        _text(values, 0x0002, 0x0003),
        _text(values, 0x1000, 0x1001),
        _more(values) if not values.keys() <= _PLAIN else _NOTHING,
    )


def announces(values: Mapping[int, Any]) -> bool | None:
    """Whether a command set says that a data set follows; None where it cannot be told."""
    data_set = _number(values, command.DATA_SET_TYPE)
    return None if data_set is None else data_set != command.NO_DATA_SET


def name(command_field: int | None) -> str:
    """What a message of that Command Field is called."""
    if command_field is None:
        return "unknown message"
    row = command.BY_FIELD.get(command_field)
    return row.name if row is not None else f"Command Field {command_field:04X}H"


def _number(values: Mapping[int, Any], tag: int) -> int | None:
    value = values.get(tag)
    return value if isinstance(value, int) else None


def _text(values: Mapping[int, Any], tag: int, other: int) -> str | None:
    """The text of an element, or else of another one."""
    value = values.get(tag)
    if not value or not isinstance(value, str):
        value = values.get(other)
    return value if isinstance(value, str) else None


_MORE = {
    0x0600: "move_destination",
    0x0700: "priority",
    0x1002: "event_type",
    0x1008: "action_type",
}
_SUBOPERATIONS = {0x1020: "remaining", 0x1021: "completed", 0x1022: "failed", 0x1023: "warning"}


_PLAIN = frozenset((0, 2, 3, 0x0100, 0x0110, 0x0120, 0x0800, 0x0900, 0x1000, 0x1001))
_NOTHING: Mapping[str, Any] = MappingProxyType({})


def _more(values: Mapping[int, Any]) -> Mapping[str, Any]:
    """The further keys of the contract that the message has a value for."""
    more: dict[str, Any] = {key: values[tag] for tag, key in _MORE.items() if tag in values}
    counters = {key: _number(values, tag) for tag, key in _SUBOPERATIONS.items() if tag in values}
    if counters:
        more["suboperations"] = counters
    return MappingProxyType(more)
