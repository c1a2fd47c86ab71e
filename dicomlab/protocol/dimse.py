"""PDVs to DIMSE messages: fragments joined by presentation context (PS3.8 annex E, PS3.7 6.3)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from dicomlab.model import Field, Finding, Message, Pdu, Side, Span
from dicomlab.protocol.command_set import decode_command_set
from dicomlab.spec import command
from dicomlab.spec.pdu import PDV

COMMAND_LIMIT = 1 << 16  # bytes of one command set that are kept; a sane one has some hundred


@dataclass(slots=True)
class _Begun:
    """A message whose last fragment has not come yet."""

    start: int
    commands: list[Field] = field(default_factory=list)
    fragments: list[Span] = field(default_factory=list)
    size: int = 0
    command_done: bool = False
    dataset_bytes: int | None = None
    done: bool = False
    pdus: list[int] = field(default_factory=list)
    stop: int = 0
    time: int | None = None
    command: Field | None = None
    findings: tuple[Finding, ...] = ()  # those that no PDU shows by itself


class Assembler:
    """Joins the fragments of one direction of an association to messages.

    Fragments that belong to nothing (a data set before its command set) are passed over here:
    they are a matter of findings.
    """

    def __init__(self, sender: Side) -> None:
        self._sender: Side = sender
        self._begun: dict[int, _Begun] = {}
        self._left: list[tuple[int, _Begun]] = []  # a new message began before these had ended

    def feed(self, pdu: Pdu) -> list[Message]:
        """The messages that this P-DATA-TF completes; other PDUs complete none."""
        completed = []
        for pdv in pdu.root.children:
            if pdv.name == PDV.name and len(pdv.children) == len(PDV.rows):
                message = self._fragment(pdu, pdv)
                if message is not None:
                    completed.append(message)
        return completed

    def awaits_data_set(self, context_id: int) -> bool:
        """Whether a message of that presentation context has announced a data set."""
        begun = self._begun.get(context_id)
        return begun is not None and begun.command_done

    @property
    def abandoned(self) -> int:
        """How many messages did not end before the next one began in their context."""
        return len(self._left)

    def rest(self) -> list[Message]:
        """The messages that have not ended; those without a whole command set are left out."""
        begun = [*self._left, *self._begun.items()]
        return [self._message(ident, one) for ident, one in begun if one.command_done]

    def _fragment(self, pdu: Pdu, pdv: Field) -> Message | None:
        _, context, header, fragment = pdv.children
        last = bool(header.value & 2)
        begun = self._begun.get(context.value)
        if header.value & 1:
            if begun is None or begun.command_done:
                if begun is not None:
                    self._left.append((context.value, begun))
                begun = self._begun[context.value] = _Begun(pdu.start)
            self._add_command(begun, fragment, last)
        elif begun is None or not begun.command_done:
            return None
        else:
            begun.dataset_bytes = (begun.dataset_bytes or 0) + fragment.stop - fragment.start
            begun.done = last
        begun.stop, begun.time = pdu.stop, pdu.time
        if pdu.index is not None and pdu.index not in begun.pdus[-1:]:
            begun.pdus.append(pdu.index)
        if not begun.done:
            return None
        del self._begun[context.value]
        return self._message(context.value, begun)

    def _add_command(self, begun: _Begun, fragment: Field, last: bool) -> None:
        size = fragment.stop - fragment.start
        begun.size += size
        if begun.size <= COMMAND_LIMIT and (size or last):
            begun.commands.append(fragment)
            begun.fragments.append(fragment.span)
        if last:
            begun.command_done = True
            if begun.commands == [fragment] and fragment.name == command.COMMAND_SET.name:
                begun.command = fragment
            else:
                begun.command = decode_command_set(b"".join(one.raw for one in begun.commands))
                begun.findings = tuple(f for one in begun.command.walk() for f in one.findings)
            announced = _value(begun.command, command.DATA_SET_TYPE)
            begun.done = announced in (None, command.NO_DATA_SET)

    def _message(self, context_id: int, begun: _Begun) -> Message:
        assert begun.command is not None
        elements = begun.command.children
        values = {one.code: one.value for one in reversed(elements)}  # the first of each counts
        return Message(
            type=_name(_number(values, command.COMMAND_FIELD)),
            sender=self._sender,
            context_id=context_id,
            fields=elements,
            message_id=_number(values, 0x0110),
            responding_to=_number(values, 0x0120),
            status=_number(values, command.STATUS),
            sop_class=_text(values, 0x0002) or _text(values, 0x0003),
            sop_instance=_text(values, 0x1000) or _text(values, 0x1001),
            dataset_bytes=begun.dataset_bytes,
            start=begun.start,
            stop=begun.stop,
            time=begun.time,
            complete=begun.done,
            pdus=tuple(begun.pdus),
            fragments=tuple(begun.fragments),
            findings=begun.findings,
            more=_more(values),
        )


def _value(command_set: Field, tag: int) -> Any:
    return next((one.value for one in command_set.children if one.code == tag), None)


def _number(values: Mapping[Any, Any], tag: int) -> int | None:
    value = values.get(tag)
    return value if isinstance(value, int) else None


def _text(values: Mapping[Any, Any], tag: int) -> str | None:
    value = values.get(tag)
    return value if isinstance(value, str) else None


def _name(command_field: int | None) -> str:
    if command_field is None:
        return "unknown message"
    return command.COMMAND_FIELDS.get(command_field, f"Command Field {command_field:04X}H")


_MORE = {
    0x0600: "move_destination",
    0x0700: "priority",
    0x1002: "event_type",
    0x1008: "action_type",
}
_SUBOPERATIONS = {0x1020: "remaining", 0x1021: "completed", 0x1022: "failed", 0x1023: "warning"}


def _more(values: Mapping[Any, Any]) -> Mapping[str, Any]:
    """The further keys of the contract that the message has a value for."""
    more: dict[str, Any] = {key: values[tag] for tag, key in _MORE.items() if tag in values}
    counters = {key: _number(values, tag) for tag, key in _SUBOPERATIONS.items() if tag in values}
    if counters:
        more["suboperations"] = counters
    return MappingProxyType(more)
