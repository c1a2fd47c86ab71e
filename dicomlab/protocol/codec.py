"""Bytes to trees of fields, by the tables of ``spec``.

Decoding is total: whatever the bytes, it gives a tree whose leaves tile them, and it never raises.
What a length field says is shown, compared with what is there, and never believed: nothing is
allocated by it, and every step moves forward, so time is linear in the input.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from dataclasses import field as dataclass_field
from typing import Any, SupportsBytes

from dicomlab.model import (
    BuildError,
    Count,
    Field,
    Finding,
    Layout,
    Part,
    Pdu,
    Role,
    Row,
    Span,
    printable,
)
from dicomlab.protocol.command_set import begins_command_set, command_set
from dicomlab.protocol.leaves import Bytes, alike, blame, finding
from dicomlab.spec import names
from dicomlab.spec.kinds import BYTES
from dicomlab.spec.pdu import (
    ITEM_LAYOUTS,
    ITEMS,
    P_DATA_TF,
    PDUS,
    SECRET_ITEMS,
    UNKNOWN_ITEM,
    USER_INFORMATION_RQ,
)

Buffer = bytes | bytearray | memoryview | SupportsBytes  # a draft and a Pdu are such too
PDU_HEADER = 6  # bytes: type, reserved, length (PS3.8 9.3.1)
ITEM_HEADER = 4

_HTTP = (b"GET ", b"POST ", b"HEAD ", b"PUT ", b"OPTIONS ", b"CONNECT ", b"HTTP/")
_HTML = (b"<!DOCTYPE ", b"<!doctype ", b"<html")  # what a web server says to a bad request
_PROTOCOLS = (
    ("not-dicom-http", _HTTP + _HTML),
    ("not-dicom-tls", (b"\x16\x03", b"\x15\x03")),
    ("not-dicom-ssh", (b"SSH-",)),
)
_ITEM_NAMES = {layout.code: layout.name for layout in ITEM_LAYOUTS}


def decode(data: Buffer, *, start: int = 0) -> list[Pdu]:
    """The PDUs that ``data`` holds, one after the other; ``start`` is the first byte's offset.

    No bytes are an exception: those that are no PDU become one Pdu of type None with one leaf.
    BuildError for what is neither bytes nor a draft or a Pdu.
    """
    return Decoder().decode(data, start=start)


def decode_item(data: bytes, layout: Layout) -> Field:
    """One item or PDV by its table, as it would stand inside a PDU; never raises."""
    return Decoder().structure(Bytes(bytes(data)), layout, 0, len(data), None)


def _raw(data: Any) -> bytes:
    if isinstance(data, SupportsBytes):
        return bytes(data)
    try:
        return bytes(memoryview(data))
    except TypeError:
        remedy = "Give bytes, a draft or a Pdu; bytes.fromhex() makes bytes of hex."
        raise BuildError(f"{type(data).__name__} is no bytes.", remedy) from None


class Decoder:
    """Decodes the PDUs of one direction of a connection in their order.

    It remembers one thing: the presentation contexts in which a command set has begun and not
    ended, since the last fragment of such a command set is no command set by itself.
    """

    def __init__(self, begun: Iterable[int] = ()) -> None:
        self._begun = set(begun)

    def decode(self, data: Buffer, *, start: int = 0) -> list[Pdu]:
        """As :func:`decode`."""
        source = Bytes(_raw(data), start)
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
        whole = PDU_HEADER + root.children[2].value
        return Pdu(layout.name, root, complete=size == whole, stated=root.start + whole)

    def structure(
        self, source: Bytes, layout: Layout, at: int, limit: int, claimed: int | None
    ) -> Field:
        """One structure at ``at``: its rows one after the other, up to ``limit`` at most.

        ``claimed`` is where the enclosing structure says that it ends. Beyond ``limit``, it says
        that bytes are missing; that is a finding once, of the outermost structure.
        """
        here = _Structure(source, layout, at, at, limit, claimed)
        for row in layout.rows:
            size = here.size(row) if row.known_size is None else row.known_size
            end = here.at + size
            if end > here.end:
                here.cut(row, size)
                break
            if row.made_of_parts:
                self._parts(here, row, end)
            else:
                here.value(row, end)
            here.at = end
            if row is layout.envelope:
                here.enclose()
        return here.field()

    def _parts(self, here: _Structure, row: Row, end: int) -> None:
        """What stands in a row that is made of structures."""
        source, layout, at = here.source, here.layout, here.at
        if row.of is not None:
            here.take(*self._entries(source, row.of, layout, at, end, here.claimed))
        elif row.kind is ITEMS:
            items, found = self._items(source, layout, at, end, here.claimed)
            tested = layout.tested is None or layout.tested(here.values)
            here.take(items if tested else [_silent(item) for item in items], found)
        elif not here.missing and self._opens(here, end):
            here.take([command_set(source, at, end)])
        else:
            here.value(row, end)

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
                    found.append(finding(count.missing, what, where, clause=layout.clause))
        return items, found

    def _unopened(
        self, source: Bytes, layout: Layout, at: int, end: int, claimed: int | None
    ) -> Field:
        """An item that does not belong where it stands: named, and skipped by its length.

        It is not opened, so that items nested without end cost no more than their bytes.
        """
        code = source.data[at]
        item = self.structure(source, UNKNOWN_ITEM, at, end, claimed)
        if code in SECRET_ITEMS:
            item = _masked(item)
        if code in _ITEM_NAMES:
            what = f"{code:02X}H {_ITEM_NAMES[code]} does not belong into {layout.name}"
            found = finding("item-misplaced", what, item.span, clause=layout.clause)
        else:
            found = finding("item-unknown", f"item type {code:02X}H", item.span)
        name = _ITEM_NAMES.get(code, f"Item {code:02X}H")
        return alike(item, name, code, (*item.findings, found))

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

    def _opens(self, here: _Structure, end: int) -> bool:
        """Whether the fragment of a PDV holds a whole command set."""
        context = here.values["Presentation-context-ID"]
        header = here.values["Message Control Header"]
        if not header & 1:
            return False
        continued = context in self._begun
        if header & 2:
            self._begun.discard(context)
        else:
            self._begun.add(context)
        begin = here.source.data[here.at : min(here.at + 2, end)]
        return bool(header & 2) and not continued and begins_command_set(begin)


@dataclass(slots=True)
class _Structure:
    """A structure while its rows are read, from ``start``; ``at`` is where the next one begins."""

    source: Bytes
    layout: Layout
    start: int
    at: int
    end: int  # where its bytes end, as far as is known
    claimed: int | None  # where it, or what encloses it, says that they end
    enclosed: bool = False  # whether its own length has been read
    values: dict[str, Any] = dataclass_field(default_factory=dict)
    fields: list[Field] = dataclass_field(default_factory=list)
    found: list[Finding] = dataclass_field(default_factory=list)

    @property
    def left(self) -> int:
        """How many bytes are left."""
        return self.end - self.at

    @property
    def missing(self) -> bool:
        """Whether bytes that were announced are not there."""
        return self.claimed is not None and self.claimed > self.end

    def size(self, row: Row) -> int:
        """How many bytes a row has whose size is said by another one, or is the rest."""
        return int(self.values[row.size]) if isinstance(row.size, str) else self.left

    def value(self, row: Row, end: int) -> None:
        """Take the value of a row; what is cut off is shown, and not tested."""
        if row.known_size is None and row.size is None and self.missing:
            field = self.source.cut(row, self.layout.clause, self.at, end)
        else:
            field = self.source.leaf(row, self.layout.clause, self.at, end, self.values)
        self.values[row.name] = field.value
        self.fields.append(field)

    def take(self, fields: Iterable[Field], found: Iterable[Finding] = ()) -> None:
        """Add fields and findings."""
        self.fields += fields
        self.found += found

    def cut(self, row: Row, size: int) -> None:
        """End with a row that has more bytes than are left."""
        if not self.missing and (self.enclosed or self.layout.envelope is None):
            what = f"{row.name} has {size:,} bytes, {self.left:,} are left"
            span = self.source.span(self.at, self.end)
            self.found.append(finding(self.layout.short, what, span, clause=self.layout.clause))
        if self.left:
            self.fields.append(self.source.cut(row, self.layout.clause, self.at, self.end))
        self.at = self.end

    def enclose(self) -> None:
        """Take the length just read as the end, as far as it is true."""
        length = self.fields[-1]
        stated = self.at + length.value
        if stated > self.end and (self.claimed is None or stated > self.claimed):
            what = f"{length.name} says {length.value:,} bytes, {self.left:,} follow"
            found = finding(self.layout.overrun, what, length.span, clause=self.layout.clause)
            self.fields[-1] = blame(length, found)
        if length.value > self.layout.plausible:
            what = f"{length.name} says {length.value:,} bytes"
            found = finding("pdu-length-implausible", what, length.span)
            self.fields[-1] = blame(self.fields[-1], found)
        self.end, self.claimed, self.enclosed = min(stated, self.end), stated, True

    def field(self) -> Field:
        """The structure as a field, with what its fields show together."""
        source, layout = self.source, self.layout
        if self.enclosed and self.left:
            what = f"{self.left:,} bytes more than {layout.name} has fields for"
            span = source.span(self.at, self.end)
            secret = any(row.secret is not None for row in layout.rows)
            surplus = source.opaque("Surplus bytes", self.at, self.end, secret=secret)
            self.take([surplus], [finding(layout.long, what, span, clause=layout.clause)])
            self.at = self.end
        span = source.span(self.start, self.at)
        if layout.check is not None and not self.missing:
            parts = [one for one in self.fields if one.children]
            for code, what, (part, row) in layout.check(self.values, [*map(as_part, parts)]):
                around = self.fields if part is None else parts[part].children
                where = span if part is None else parts[part].span
                self.found.append(finding(code, what, _place(around, row) or where))
        name = layout.own_row.name if layout.own_row is not None else None
        own = next((one for one in self.fields if one.name == name), None)
        return Field(
            layout.name,
            span.start,
            span.stop,
            BYTES,
            own.value if own else None,
            own.text if own else "",
            layout.clause,
            own.role if own else Role.PAYLOAD,
            tuple(self.fields),
            tuple(self.found),
            code=layout.code,
            secret=own.secret if own else False,
        )


def as_part(field: Field) -> Part:
    """A structure of the tree as values and parts; what is cut off says nothing, and is omitted."""
    leaves = [one for one in field.children if not one.children]
    values = {one.name: one.value for one in reversed(leaves) if not one.cut}
    inside = [one for one in field.children if one.children]
    whole = [as_part(one) for one in inside if _is_whole(one) or _holds(one)]
    return Part(field.name, field.code, values, tuple(whole))


def _is_whole(item: Field) -> bool:
    """Whether all bytes of an item are there, as its length says."""
    length = next((one.value for one in item.children if one.name == "Item-length"), None)
    return length is None or item.stop - item.start >= ITEM_HEADER + length


def _holds(item: Field) -> bool:
    """Whether an item only holds others, which stand for themselves."""
    return item.name == USER_INFORMATION_RQ.name


def _place(fields: Sequence[Field], row: str | None) -> Span | None:
    """Where the row of that name lies; the last one may go by what stands there."""
    if row is None:
        return None
    return next((one.span for one in fields if one.name == row), fields[-1].span)


def _surplus(layout: Layout, items: list[Field]) -> Iterator[Finding]:
    """Findings for items that stand more often than they may."""
    limits = {count.layout.code: count for count in layout.holds if count.most is not None}
    seen: Counter[int | None] = Counter()
    for item in items:
        seen[item.code] += 1
        count = limits.get(item.code)
        if count is not None and count.most is not None and seen[item.code] == count.most + 1:
            what = f"{layout.name} holds {_item_name(count)} more than once"
            yield finding(count.surplus, what, item.span, clause=layout.clause)


def _item_name(count: Count) -> str:
    return f"{count.layout.code:02X}H {count.layout.name}"


def _masked(item: Field) -> Field:
    """An item whose data is not opened and not shown: it may hold a passcode."""
    *head, data = item.children
    text = f"(masked, {data.stop - data.start} bytes)"
    return replace(
        item, children=(*head, replace(data, text=text, secret=True)), text=text, secret=True
    )


def _silent(field: Field) -> Field:
    """The field without findings: what is not significant is not tested."""
    return replace(field, findings=(), children=tuple(_silent(one) for one in field.children))


def _foreign(source: Bytes, at: int) -> Field:
    """Bytes that are no PDU: to the end, or up to the next PDU if their header leads there."""
    data, end = source.data, len(source.data)
    span = source.span(at, end)
    for code, beginnings in _PROTOCOLS:
        if data.startswith(beginnings, at):
            line = data[at : at + 60].splitlines()[0].decode("latin-1")
            what = _tls(data[at : at + 7]) if code == "not-dicom-tls" else f"'{printable(line)}'"
            return source.opaque(
                "Foreign bytes", at, end, finding(code, f"{what} stands here", span)
            )
    size = PDU_HEADER + int.from_bytes(data[at + 2 : at + PDU_HEADER], "big")
    stop = at + size
    fits = end - at >= PDU_HEADER and data[at + 1] == 0 and stop <= end
    if fits and (stop == end or data[stop] in PDUS):
        what = f"the PDU type is {data[at]:02X}H"
        found = finding("pdu-type-unknown", what, source.span(at, at + 1))
        return source.opaque("PDU of unknown type", at, stop, found)
    shown = printable(data[at : at + 16].decode("latin-1"))
    what = f"{data[at]:02X}H is no PDU type; the bytes begin with '{shown}'"
    code = "stream-misaligned" if span.start else "not-dicom-other"
    return source.opaque("Foreign bytes", at, end, finding(code, what, span))


def _tls(record: bytes) -> str:
    """What a TLS record is; of an alert that is not encrypted, which (RFC 8446 6)."""
    if record[:1] != b"\x15":
        return "a TLS record"
    name = names.TLS_ALERTS.get(record[6], f"{record[6]}") if len(record) == 7 else ""
    return f"a TLS alert ({name})" if name else "a TLS alert"
