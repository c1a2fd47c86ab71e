"""Command sets: bytes to elements, by the tables of PS3.7 annex E."""

from __future__ import annotations

from collections.abc import Iterator

from dicomlab.model import Field, Finding, Role, Span
from dicomlab.protocol.leaves import Bytes, blame, finding
from dicomlab.spec import command
from dicomlab.spec.kinds import BYTES, TAG, tag_text

ELEMENT_HEADER = 8  # bytes: tag, value length (PS3.7 6.3.1)


def decode_command_set(data: bytes, *, start: int = 0) -> Field:
    """A whole command set as a field, its elements as children; never raises.

    ``start`` is the offset that the first byte gets.
    """
    return command_set(Bytes(bytes(data), start), 0, len(data))


def begins_command_set(data: bytes) -> bool:
    """Whether bytes begin as a command set does: with an element of group 0000, if with any."""
    return data[:2] in (b"", b"\0\0")


def command_set(source: Bytes, at: int, end: int) -> Field:
    """The command set from ``at`` to ``end``: its elements, and what they show together."""
    span = source.span(at, end)
    if at == end:
        found = finding("cmd-empty", "the command set has no elements", span)
        return source.opaque("Command Set", at, end, found)
    code = _wrong_encoding(source.data[at:end])
    if code:
        what = "the elements cannot be read as Implicit VR Little Endian"
        return source.opaque("Command Set", at, end, finding(code, what, span))
    elements: list[Field] = []
    while at < end:
        if end - at < ELEMENT_HEADER:
            what = f"{end - at} of 8 header bytes are left"
            found = finding("cmd-truncated", what, source.span(at, end))
            elements.append(source.opaque("Element header (cut)", at, end, found))
            break
        elements.append(_element(source, at, end))
        at = elements[-1].stop - source.base
    root = Field(
        command.COMMAND_SET.name,
        span.start,
        span.stop,
        BYTES,
        None,
        "",
        command.COMMAND_SET.clause,
        Role.PAYLOAD,
        tuple(elements),
    )
    return blame(root, *_together(root))


def _wrong_encoding(data: bytes) -> str | None:
    """The finding for a command set that is big endian, or carries VR letters."""
    if len(data) < ELEMENT_HEADER:
        return None
    letters = data[4:6].decode("latin-1")
    if letters in command.VALUE_REPRESENTATIONS:
        return "cmd-explicit-vr"
    room = len(data) - ELEMENT_HEADER
    little, big = int.from_bytes(data[4:8], "little"), int.from_bytes(data[4:8], "big")
    return "cmd-big-endian" if little > room >= big else None


def _element(source: Bytes, at: int, end: int) -> Field:
    """One element: tag, value length, value."""
    tag = TAG.decode(source.data[at : at + 4])
    element = command.ELEMENTS.get(tag)
    layout = command.ELEMENT_LAYOUTS.get(tag, command.UNKNOWN_ELEMENT)
    tag_row, length_row, value_row = layout.rows
    begin = at + ELEMENT_HEADER
    tag_field = source.leaf(tag_row, layout.clause, at, at + 4, {})
    length = source.leaf(length_row, layout.clause, at + 4, begin, {})
    size = min(length.value, end - begin)
    found = list(_tag_findings(tag, element, tag_field.span))
    if length.value > size:
        what = f"Value Length says {length.value:,} bytes, {size:,} follow"
        length = blame(length, finding("cmd-element-overrun", what, length.span))
        value_row = command.UNREADABLE
    elif size % 2:
        what = f"the value of {layout.name} has {size} bytes"
        found.append(finding("cmd-odd-length", what, source.span(begin, begin + size)))
    if element is not None and not command.fits(element, size):
        if length.value == size:
            what = f"{layout.name} ({element.vr}) has a value of {size} bytes"
            found.append(finding("cmd-value-length", what, source.span(begin, begin + size)))
        value_row = command.UNREADABLE
    value = source.leaf(value_row, layout.clause, begin, begin + size, {})
    name = layout.name if element is not None else f"Element {tag_text(tag)}"
    field = Field(
        name,
        tag_field.start,
        value.stop,
        BYTES,
        value.value,
        value.text,
        layout.clause,
        value.role,
        (tag_field, length, value),
        rule=value_row.rule,
        code=tag,
    )
    return blame(field, *found)


def _tag_findings(tag: int, element: command.Element | None, span: Span) -> Iterator[Finding]:
    if tag >> 16:
        yield finding("cmd-foreign-group", f"{tag_text(tag)} is in a command set", span)
    elif element is None:
        yield finding("cmd-unknown-element", f"{tag_text(tag)} is in no table", span)
    elif element.retired:
        yield finding("cmd-retired", f"{tag_text(tag)} {element.name} is retired", span)


def _together(root: Field) -> Iterator[Finding]:
    """What the elements of a command set show together."""
    elements = [one for one in root.children if one.code is not None]
    by_tag: dict[int, Field] = {}
    last = -1
    for element in elements:
        tag = element.code or 0
        if tag in by_tag:
            yield finding("cmd-duplicate-tag", f"{tag_text(tag)} is there again", element.span)
        elif tag < last:
            what = f"{tag_text(tag)} comes after {tag_text(last)}"
            yield finding("cmd-order", what, element.span)
        by_tag.setdefault(tag, element)
        last = max(last, tag)
    yield from _group_length(root, by_tag.get(command.GROUP_LENGTH))
    broken = {"cmd-truncated", "cmd-element-overrun"}
    if not any(f.code in broken for one in root.walk() for f in one.findings):
        yield from _missing(root, by_tag)


def _group_length(root: Field, group_length: Field | None) -> Iterator[Finding]:
    if group_length is None:
        yield finding("cmd-group-length-missing", "(0000,0000) is not there", root.span)
    elif isinstance(group_length.value, int) and group_length is root.children[0]:
        follow = root.stop - group_length.stop
        if group_length.value != follow:
            what = f"(0000,0000) says {group_length.value:,} bytes, {follow:,} follow"
            yield finding("cmd-group-length-wrong", what, group_length.span)


def _missing(root: Field, by_tag: dict[int, Field]) -> Iterator[Finding]:
    field = by_tag.get(command.COMMAND_FIELD)
    if field is None:
        what = "(0000,0100) Command Field is not there"
        yield finding("cmd-missing-element", what, root.span)
        return
    message = command.BY_FIELD.get(field.value) if isinstance(field.value, int) else None
    if message is None:
        return
    for tag in (command.DATA_SET_TYPE, *message.mandatory):
        if tag not in by_tag:
            code = "status-missing" if tag == command.STATUS else "cmd-missing-element"
            what = f"{message.name} without {tag_text(tag)} {command.ELEMENTS[tag].name}"
            yield finding(code, what, root.span)
