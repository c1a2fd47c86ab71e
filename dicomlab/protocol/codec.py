"""Bytes to trees of fields, by the tables of ``spec``.

Decoding is total: whatever the bytes, it gives a tree whose leaves tile them, and it never raises.
What a length field says is shown, compared with what is there, and never believed: nothing is
allocated by it, and every step moves forward, so time is linear in the input.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from dicomlab.model import Count, Field, Finding, Layout, Pdu, Role, Row, printable
from dicomlab.protocol.command_set import command_set, decode_command_set, is_command_set
from dicomlab.protocol.leaves import Bytes, blame, finding
from dicomlab.spec.kinds import BYTES
from dicomlab.spec.pdu import FRAGMENT, ITEM_LAYOUTS, ITEMS, P_DATA_TF, PDUS, UNKNOWN_ITEM

__all__ = ["PDU_HEADER", "Decoder", "decode", "decode_command_set", "decode_item", "finding"]

PDU_HEADER = 6  # bytes: type, reserved, length (PS3.8 9.3.1)
ITEM_HEADER = 4

_PROTOCOLS = (
    ("not-dicom-http", (b"GET ", b"POST ", b"HEAD ", b"PUT ", b"OPTIONS ", b"CONNECT ", b"HTTP/")),
    ("not-dicom-tls", (b"\x16\x03", b"\x15\x03")),
    ("not-dicom-ssh", (b"SSH-",)),
)
_ITEM_NAMES = {layout.code: layout.name for layout in ITEM_LAYOUTS}


def decode(data: bytes, *, start: int = 0) -> list[Pdu]:
    """The PDUs that ``data`` holds, one after the other; ``start`` is the first byte's offset.

    Never raises. Bytes that are no PDU become one Pdu of type None with one leaf.
    """
    return Decoder().decode(data, start=start)


def decode_item(data: bytes, layout: Layout) -> Field:
    """One item or PDV by its table, as it would stand inside a PDU; never raises."""
    return Decoder().structure(Bytes(bytes(data)), layout, 0, len(data), None)


class Decoder:
    """Decodes the PDUs of one direction of a connection in their order.

    It remembers one thing: the presentation contexts in which a command set has begun and not
    ended, since the last fragment of such a command set is no command set by itself.
    """

    def __init__(self) -> None:
        self._begun: set[int] = set()

    def decode(self, data: bytes, *, start: int = 0) -> list[Pdu]:
        """The PDUs that ``data`` holds; ``start`` is the first byte's offset. Never raises."""
        source = Bytes(bytes(data), start)
        pdus: list[Pdu] = []
        at = 0
        while at < len(source.data):
            pdus.append(self._pdu(source, at))
            at = pdus[-1].stop - start
        return pdus

    def _pdu(self, source: Bytes, at: int) -> Pdu:
        layout = PDUS.get(source.data[at])
        if layout is None:
            return Pdu(None, _foreign(source, at), complete=False)
        root = self.structure(source, layout, at, len(source.data), None)
        size = root.stop - root.start
        if size < PDU_HEADER:
            what = f"{size} of 6 header bytes are there"
            root = blame(root, finding("pdu-header-truncated", what, root.span))
            return Pdu(layout.name, root, complete=False)
        return Pdu(layout.name, root, complete=size == PDU_HEADER + root.children[2].value)

    def structure(
        self, source: Bytes, layout: Layout, at: int, limit: int, claimed: int | None
    ) -> Field:
        """One structure at ``at``: its rows one after the other, up to ``limit`` at most.

        ``claimed`` is where the enclosing structure says that it ends. Beyond ``limit``, it says
        that bytes are missing; that is a finding once, of the outermost structure.
        """
        start, end, enclosed = at, limit, False
        values: dict[str, Any] = {}
        fields: list[Field] = []
        found: list[Finding] = []
        for row in layout.rows:
            size = _size(row, values, end - at)
            missing = claimed is not None and claimed > end
            if size > end - at:
                if not missing and (enclosed or layout.code is None):
                    what = f"{row.name} has {size:,} bytes, {end - at:,} are left"
                    found.append(finding(layout.short, what, source.span(at, end)))
                if at < end:
                    fields.append(source.cut(row, layout.clause, at, end))
                at = end
                break
            if row.of is not None:
                entries, problems = self._entries(source, row.of, layout, at, at + size, claimed)
                fields += entries
                found += problems
            elif row.kind is ITEMS:
                items, problems = self._items(source, layout, at, at + size, claimed)
                fields += items if layout.tested is None or layout.tested(values) else map(_silent, items)
                found += problems
            elif row.kind is FRAGMENT and not missing and self._opens(source, at, at + size, values):
                fields.append(command_set(source, at, at + size))
            else:
                field = source.leaf(row, layout.clause, at, at + size, values)
                values[row.name] = field.value
                fields.append(field)
            at += size
            if row.role is Role.LENGTH and not layout.sized_by(row):
                stated = at + values[row.name]
                fields[-1] = _compare(fields[-1], layout, at, stated, limit, claimed)
                end, claimed, enclosed = min(stated, limit), stated, True
        if enclosed and at < end:
            what = f"{end - at:,} bytes more than {layout.name} has fields for"
            found.append(finding(layout.long, what, source.span(at, end)))
            fields.append(source.opaque("Surplus bytes", at, end))
            at = end
        span = source.span(start, at)
        own = next((one for one in fields if layout.own_row is not None
                    and one.name == layout.own_row.name and not one.children), None)
        root = Field(layout.name, span.start, span.stop, BYTES, own.value if own else None,
                     own.text if own else "", layout.clause, own.role if own else Role.PAYLOAD,
                     tuple(fields), code=layout.code, secret=bool(own and own.secret))
        if layout.check is not None and not (claimed is not None and claimed > end):
            for code, what, where in layout.check(fields):
                found.append(finding(code, what, (where or root).span))
        return blame(root, *found)

    def _items(
        self, source: Bytes, layout: Layout, at: int, end: int, claimed: int | None
    ) -> tuple[list[Field], list[Finding]]:
        """The items from ``at`` to ``end``, and what their number shows."""
        known = {count.layout.code: count.layout for count in layout.holds}
        missing = claimed is not None and claimed > end
        items: list[Field] = []
        found: list[Finding] = []
        while at < end:
            if end - at < ITEM_HEADER:
                if not missing:
                    what = f"{end - at} of 4 header bytes are left in {layout.name}"
                    found.append(finding("item-header-truncated", what, source.span(at, end)))
                items.append(source.opaque("Item header (cut)", at, end))
                break
            child = known.get(source.data[at])
            if child is not None:
                items.append(self.structure(source, child, at, end, claimed))
            else:
                items.append(self._unopened(source, layout, at, end, claimed))
            at = items[-1].stop - source.base
        found += _surplus(layout, items)
        if not missing:
            where = source.span(at, at) if not items else items[-1].span
            counted = Counter(item.code for item in items)
            for count in layout.holds:
                if counted[count.layout.code] < count.least:
                    what = f"{layout.name} holds no {_item_name(count)}"
                    found.append(finding(count.missing, what, where))
        return items, found

    def _unopened(
        self, source: Bytes, layout: Layout, at: int, end: int, claimed: int | None
    ) -> Field:
        """An item that does not belong where it stands: named, and skipped by its length.

        It is not opened, so that items nested without end cost no more than their bytes.
        """
        code = source.data[at]
        item = self.structure(source, UNKNOWN_ITEM, at, end, claimed)
        if code in _ITEM_NAMES:
            what = f"{code:02X}H {_ITEM_NAMES[code]} does not belong into {layout.name}"
            item = blame(item, finding("item-misplaced", what, item.span))
        else:
            item = blame(item, finding("item-unknown", f"item type {code:02X}H", item.span))
        return replace(item, code=code, name=_ITEM_NAMES.get(code, f"Item {code:02X}H"))

    def _entries(
        self, source: Bytes, entry: Layout, layout: Layout, at: int, end: int, claimed: int | None
    ) -> tuple[list[Field], list[Finding]]:
        """Structures without a type, one after the other: PDVs, pairs of length and UID."""
        head = entry.rows[0].kind.size or 1
        fields: list[Field] = []
        found: list[Finding] = []
        while at < end:
            if end - at < head:
                if claimed is None or claimed <= end:
                    code = "pdv-trailing" if layout is P_DATA_TF else layout.long
                    what = f"{end - at} bytes are left behind the last {entry.name}"
                    found.append(finding(code, what, source.span(at, end)))
                fields.append(source.opaque("Surplus bytes", at, end))
                break
            fields.append(self.structure(source, entry, at, end, claimed))
            at = fields[-1].stop - source.base
        return fields, found

    def _opens(self, source: Bytes, at: int, end: int, values: dict[str, Any]) -> bool:
        """Whether the fragment of a PDV holds a whole command set."""
        context, header = values["Presentation-context-ID"], values["Message Control Header"]
        if not header & 1:
            return False
        continued = context in self._begun
        if header & 2:
            self._begun.discard(context)
        else:
            self._begun.add(context)
        return bool(header & 2) and not continued and is_command_set(source, at, end)


def _size(row: Row, values: dict[str, Any], left: int) -> int:
    """How many bytes the row has."""
    if isinstance(row.size, str):
        return int(values[row.size])
    if row.size is not None:
        return row.size
    return row.kind.size if row.kind.size is not None else left


def _compare(
    length: Field, layout: Layout, at: int, stated: int, limit: int, claimed: int | None
) -> Field:
    """The length field, with a finding where what it states is not so."""
    found = []
    if stated > limit and (claimed is None or stated > claimed):
        what = f"{length.name} says {length.value:,} bytes, {limit - at:,} follow"
        found.append(finding(layout.overrun, what, length.span))
    if length.value > layout.plausible:
        what = f"{length.name} says {length.value:,} bytes"
        found.append(finding("pdu-length-implausible", what, length.span))
    return blame(length, *found)


def _surplus(layout: Layout, items: list[Field]) -> Iterator[Finding]:
    """Findings for items that stand more often than they may."""
    limits = {count.layout.code: count for count in layout.holds if count.most is not None}
    seen: Counter[int | None] = Counter()
    for item in items:
        seen[item.code] += 1
        count = limits.get(item.code)
        if count is not None and count.most is not None and seen[item.code] == count.most + 1:
            what = f"{layout.name} holds {_item_name(count)} more than once"
            yield finding(count.surplus, what, item.span)


def _item_name(count: Count) -> str:
    return f"{count.layout.code:02X}H {count.layout.name}"


def _silent(field: Field) -> Field:
    """The field without findings: what is not significant is not tested."""
    return replace(field, findings=(), children=tuple(_silent(one) for one in field.children))


def _foreign(source: Bytes, at: int) -> Field:
    """Bytes that are no PDU: to the end, or as far as their header says if that fits."""
    data, end = source.data, len(source.data)
    span = source.span(at, end)
    for code, beginnings in _PROTOCOLS:
        if data.startswith(beginnings, at):
            line = data[at : at + 60].splitlines()[0].decode("latin-1")
            what = "a TLS record" if code == "not-dicom-tls" else repr(printable(line))
            return source.opaque("Foreign bytes", at, end, finding(code, f"{what} stands here", span))
    size = PDU_HEADER + int.from_bytes(data[at + 2 : at + PDU_HEADER], "big")
    if end - at >= PDU_HEADER and data[at + 1] == 0 and size <= end - at:
        found = finding("pdu-type-unknown", f"the PDU type is {data[at]:02X}H", source.span(at, at + 1))
        return source.opaque("PDU of unknown type", at, at + size, found)
    shown = printable(data[at : at + 16].decode("latin-1"))
    what = f"{data[at]:02X}H is no PDU type; the bytes begin with {shown!r}"
    code = "stream-misaligned" if at else "not-dicom-other"
    return source.opaque("Foreign bytes", at, end, finding(code, what, span))
