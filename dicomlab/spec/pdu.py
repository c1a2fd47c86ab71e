"""The PDUs, items and PDVs of the DICOM upper layer: PS3.8 9.3 and annex D, PS3.7 annex D.3.

Each table of the standard stands here once. The codec, the builder, the views, the findings and
the exercises all read these rows; no other place knows an offset.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from dicomlab.model import (
    Count,
    Kind,
    Layout,
    Part,
    Problem,
    Role,
    Row,
    Trouble,
    Values,
    printable,
)
from dicomlab.spec import names
from dicomlab.spec.kinds import AE_TITLE, BYTES, CODE, TEXT, U8, U16, U32, UID

# kinds that are made of structures; the codec opens them
ITEMS = Kind("items", None, BYTES.decode, BYTES.encode, BYTES.show, structured=True)
LIST = Kind("list", None, BYTES.decode, BYTES.encode, BYTES.show, structured=True)
FRAGMENT = Kind("fragment", None, BYTES.decode, BYTES.encode, BYTES.show, structured=True)

IGNORED = "sent as 00H, not tested on receipt"
ASSOCIATION_LIMIT = 1 << 20  # bytes; no A-ASSOCIATE PDU of a sane peer comes near
DATA_LIMIT = 1 << 28
_UID = re.compile(r"(0|[1-9][0-9]*)(\.(0|[1-9][0-9]*))*")


# --- what a single value can show -----------------------------------------------------------


def _zero(value: Any) -> Iterator[Problem]:
    if value and (isinstance(value, int) or any(value)):
        yield "reserved-nonzero", "a reserved field is not zero"


def _protocol_version(value: int) -> Iterator[Problem]:
    if not value & 1:
        yield "protocol-version-unsupported", f"Protocol-version {value:04X}H: bit 0 is clear"
    elif value != 1:
        yield "protocol-version-extra-bits", f"Protocol-version {value:04X}H has further bits set"


def ae_title(value: str) -> Iterator[Problem]:
    """What is wrong with an AE title (PS3.5 6.2, VR AE)."""
    title = value.strip(" \0")
    if not title:
        yield "ae-empty", "the AE title is empty"
    if "\0" in value:
        yield "ae-nul-padded", f"'{printable(value)}' is filled up with NUL"
    elif value.startswith(" ") and title:
        yield "ae-leading-space", f"'{printable(value)}' begins with a space"
    bad = sorted({c for c in title if not " " <= c <= "~" or c == "\\"})
    if bad:
        listed = ", ".join(f"{ord(c):02X}H" for c in bad)
        yield "ae-invalid-char", f"'{printable(title)}' holds {listed}"


def uid(value: str) -> Iterator[Problem]:
    """What is wrong with a UID of the upper layer (PS3.5 9.1, PS3.8 annex F)."""
    core = value.rstrip("\0 ")
    if core != value:
        yield "uid-padded", f"'{printable(value)}' ends with padding"
    yield from uid_core(core)


def uid_core(value: str) -> Iterator[Problem]:
    """What is wrong with a UID, its padding taken off (PS3.5 9.1)."""
    if len(value) <= 64 and _UID.fullmatch(value):
        return
    if not value:
        yield "uid-empty", "the UID is empty"
        return
    if len(value) > 64:
        yield "uid-too-long", f"the UID has {len(value)} characters"
    parts = value.split(".")
    if any(c not in "0123456789." for c in value) or "" in parts:
        yield "uid-bad-char", f"'{printable(value[:70])}' is no row of numbers and full stops"
    elif any(part[0] == "0" and part != "0" for part in parts):
        yield "uid-leading-zero", f"{value[:70]!r} has a component with a leading zero"


def _application_context(value: str) -> Iterator[Problem]:
    yield from uid(value)
    if value.rstrip("\0 ") not in ("", names.APPLICATION_CONTEXT):
        yield "app-context-unknown", f"'{printable(value)}' is not {names.APPLICATION_CONTEXT}"


def _context_id(value: int) -> Iterator[Problem]:
    if value == 0:
        yield "context-id-zero", "the presentation context ID is 0"
    elif value % 2 == 0:
        yield "context-id-even", f"the presentation context ID {value} is even"


def _context_result(value: int) -> Iterator[Problem]:
    if value not in names.CONTEXT_RESULTS:
        yield "context-result-unknown", f"Result/Reason {value} is not defined"


def _maximum_length(value: int) -> Iterator[Problem]:
    if value == 0:
        yield "max-length-zero", "no limit is stated (0)"
    elif value < 8:
        yield "max-length-too-small", f"{value} bytes leave no room for a fragment"
    elif value > 1 << 24:
        yield "max-length-huge", f"{value:,} bytes are accepted in one PDU"


def _version_name(value: str) -> Iterator[Problem]:
    if not 1 <= len(value) <= 16:
        yield "version-name-length", f"the name has {len(value)} characters"


def _identity_type(value: int) -> Iterator[Problem]:
    if value not in names.USER_IDENTITY_TYPES:
        yield "user-identity-type", f"User-Identity-Type {value} is not defined"


def _control_header(value: int) -> Iterator[Problem]:
    if value & 0xFC:
        yield "mch-reserved-bits", f"the message control header {value:02X}H has bits 2-7 set"


# --- what a value means -----------------------------------------------------------------------


def uid_meaning(value: Any, _: Values) -> str | None:
    """What the standard calls a UID, however it is padded."""
    return names.uid_name(value.rstrip("\0 ")) if isinstance(value, str) else None


def _reject_reason(value: Any, values: Values) -> str | None:
    return names.REJECT_REASONS.get((values.get("Source", -1), value))


def _abort_reason(value: Any, values: Values) -> str | None:
    return names.ABORT_REASONS.get((values.get("Source", -1), value))


def _user_name(value: Any, values: Values) -> str | None:
    if values.get("User-Identity-Type") not in (1, 2) or not isinstance(value, bytes):
        return None
    return printable(value.decode("utf-8", "replace"))


def _control_meaning(value: Any, _: Values) -> str | None:
    what = "command" if value & 1 else "data set"
    return f"{what}, {'last' if value & 2 else 'more follow'}"


# --- what the fields of one structure show together ---------------------------------------------


def _association(_: Values, items: Sequence[Part]) -> Iterator[Trouble]:
    last = 0
    seen: set[int] = set()
    for number, item in enumerate(items):
        code = item.code or 0
        if code < last:
            yield "item-order", f"item {code:02X}H comes after item {last:02X}H", (number, None)
        last = max(last, code)
        ident = item.values.get("Presentation-context-ID")
        if ident in seen:
            what = f"the presentation context ID {ident} is there more than once"
            yield "context-id-duplicate", what, (number, "Presentation-context-ID")
        elif isinstance(ident, int):
            seen.add(ident)


def _reject(values: Values, _: Sequence[Part]) -> Iterator[Trouble]:
    result, source, reason = (values.get(n) for n in ("Result", "Source", "Reason/Diag."))
    if reason is None:  # cut short: said by the length already
        return
    if result not in names.REJECT_RESULTS or (source, reason) not in names.REJECT_REASONS:
        what = f"result {result}, source {source}, reason {reason} is not defined"
        yield "reject-unknown-code", what, (None, "Reason/Diag.")


def _abort(values: Values, _: Sequence[Part]) -> Iterator[Trouble]:
    source, reason = values.get("Source"), values.get("Reason/Diag.")
    if reason is None:
        return
    if source not in names.ABORT_SOURCES:
        yield "abort-reserved-code", f"source {source} is not defined", (None, "Source")
    elif source == 2 and (source, reason) not in names.ABORT_REASONS:
        what = f"source 2, reason {reason} is not defined"
        yield "abort-reserved-code", what, (None, "Reason/Diag.")


def _data(_: Values, pdvs: Sequence[Part]) -> Iterator[Trouble]:
    if not pdvs:
        yield "pdv-none", "there is no PDV in this P-DATA-TF", (None, None)
    before: tuple[int, int] | None = None
    command_done = False
    for number, pdv in enumerate(pdvs):
        ident = pdv.values.get("Presentation-context-ID")
        header = pdv.values.get("Message Control Header")
        if not isinstance(ident, int) or not isinstance(header, int):
            continue
        here = (number, None)
        if before is not None and ident != before[0]:
            yield "pdv-mixed-context", f"context {before[0]} and context {ident} in one PDU", here
        elif before is not None and header & 1 and (command_done or not before[1] & 1):
            yield "pdv-mixed-message", "a further message begins in the same PDU", here
        elif before is not None and header & 1 == before[1] & 1:
            what = f"two {'command' if header & 1 else 'data set'} fragments follow each other"
            yield "pdv-same-type-repeated", what, here
        command_done = bool(header & 1 and header & 2)
        before = (ident, header)


def _fragment(values: Values, _: Sequence[Part]) -> Iterator[Trouble]:
    if "Message Control Header" not in values:
        return
    size = values["Item-length"] - 2
    if size == 0:
        yield "pdv-empty", "the PDV carries no fragment", (None, "Fragment")
    elif size % 2:
        yield "pdv-odd", f"the fragment has {size} bytes", (None, "Fragment")


# --- the rows -----------------------------------------------------------------------------------


def _reserved(size: int, name: str = "Reserved") -> Row:
    kind = {1: U8, 2: U16, 4: U32}.get(size, BYTES)
    default = bytes(size) if kind is BYTES else 0
    return Row(name, kind, Role.RESERVED, size, default, check=_zero, rule=IGNORED)


def _type(code: int, name: str, meaning: str) -> Row:
    return Row(name, CODE, Role.IDENTIFIER, default=code, fixed=True, meaning={code: meaning})


def _uid(name: str, default: str = "", size: str | None = None, **more: Any) -> Row:
    more = {"check": uid, "rule": "a UID of 1..64 characters, not padded", **more}
    return Row(name, UID, Role.NAME, size, default, meaning=uid_meaning, **more)


def _length(name: str, kind: Kind = U16) -> Row:
    what = "the field that it names" if kind is U16 and name != "Item-length" else "this field"
    after = "of" if what != "this field" else "that follow"
    return Row(name, kind, Role.LENGTH, rule=f"number of bytes {after} {what}")


def _pdu(code: int, table: str, *rows: Row, **more: Any) -> Layout:
    name = names.PDU_TYPES[code]
    more = {"overrun": "pdu-truncated", "short": "pdu-length-too-short", **more}
    head = (_type(code, "PDU-type", name), _reserved(1), _length("PDU-length", U32))
    return Layout(name, code, f"PS3.8 Table {table}", head + rows, **more)


def _item(code: int, name: str, table: str, *rows: Row, **more: Any) -> Layout:
    second = more.pop("second", _reserved(1))
    head = (_type(code, "Item-type", name), second, _length("Item-length"))
    return Layout(name, code, table, head + rows, **more)


# --- items ----------------------------------------------------------------------------------------

_CONTEXT_ID_RULE = "an odd number, 1..255"

APPLICATION_CONTEXT = _item(
    0x10, "Application Context", "PS3.8 Table 9-12",
    _uid("Application-context-name", names.APPLICATION_CONTEXT, check=_application_context,
         among=names.APPLICATION_CONTEXTS, rule="1.2.840.10008.3.1.1.1, not padded"),
)
ABSTRACT_SYNTAX = _item(
    0x30, "Abstract Syntax", "PS3.8 Table 9-14",
    _uid("Abstract-syntax-name", names.VERIFICATION, among=names.SOP_CLASSES),
)
TRANSFER_SYNTAX = _item(
    0x40, "Transfer Syntax", "PS3.8 Table 9-15",
    _uid("Transfer-syntax-name", names.IMPLICIT_VR_LITTLE_ENDIAN,
         among=names.TRANSFER_SYNTAXES),
)
TRANSFER_SYNTAX_AC = replace(TRANSFER_SYNTAX, clause="PS3.8 Table 9-19")
PRESENTATION_CONTEXT_RQ = _item(
    0x20, "Presentation Context", "PS3.8 Table 9-13",
    Row("Presentation-context-ID", U8, Role.IDENTIFIER, default=1, check=_context_id,
        rule=f"{_CONTEXT_ID_RULE}, each once in the request"),
    _reserved(1), _reserved(1), _reserved(1),
    Row("Sub-items", ITEMS, Role.PAYLOAD, rule="one 30H, then one or more 40H"),
    holds=(
        Count(ABSTRACT_SYNTAX, 1, 1, "abstract-syntax-count", "abstract-syntax-count"),
        Count(TRANSFER_SYNTAX, 1, None, "transfer-syntax-count"),
    ),
)
PRESENTATION_CONTEXT_AC = _item(
    0x21, "Presentation Context", "PS3.8 Table 9-18",
    Row("Presentation-context-ID", U8, Role.IDENTIFIER, default=1, check=_context_id,
        rule="one that the request proposed"),
    _reserved(1),
    Row("Result/Reason", U8, Role.VALUE, default=0, meaning=names.CONTEXT_RESULTS,
        check=_context_result, rule="0..4; 0 accepts"),
    _reserved(1),
    Row("Transfer Syntax sub-item", ITEMS, Role.PAYLOAD,
        rule="one 40H; not significant unless Result/Reason is 0"),
    holds=(
        Count(TRANSFER_SYNTAX_AC, 1, 1, "transfer-syntax-count", "transfer-syntax-count"),
    ),
    tested=lambda values: values.get("Result/Reason") == 0,
)

MAXIMUM_LENGTH = _item(
    0x51, "Maximum Length", "PS3.8 Table D.1-1",
    Row("Maximum-length-received", U32, default=16384, check=_maximum_length,
        rule="largest PDU-length of a P-DATA-TF that the sender of this item takes; 0: no limit"),
)
IMPLEMENTATION_CLASS_UID = _item(
    0x52, "Implementation Class UID", "PS3.7 Table D.3-1",
    _uid("Implementation-class-uid", names.IMPLEMENTATION_CLASS_UID,
         among=names.IMPLEMENTATIONS),
)
ASYNCHRONOUS_OPERATIONS_WINDOW = _item(
    0x53, "Asynchronous Operations Window", "PS3.7 Table D.3-7",
    Row("Maximum-number-operations-invoked", U16, default=1,
        rule="by the requestor; 0: unlimited, 1: one at a time"),
    Row("Maximum-number-operations-performed", U16, default=1,
        rule="by the requestor; 0: unlimited, 1: one at a time"),
)
_ROLE = {0: "no", 1: "yes"}
ROLE_SELECTION = _item(
    0x54, "SCP/SCU Role Selection", "PS3.7 Table D.3-9",
    _length("UID-length"),
    _uid("SOP-class-uid", size="UID-length", among=names.SOP_CLASSES),
    Row("SCU-role", U8, default=1, meaning=_ROLE, rule="1: proposed or accepted, 0: not"),
    Row("SCP-role", U8, default=0, meaning=_ROLE, rule="1: proposed or accepted, 0: not"),
)
IMPLEMENTATION_VERSION_NAME = _item(
    0x55, "Implementation Version Name", "PS3.7 Table D.3-3",
    Row("Implementation-version-name", TEXT, Role.NAME, check=_version_name,
        default=names.IMPLEMENTATION_VERSION_NAME, rule="1..16 characters, not padded"),
)
EXTENDED_NEGOTIATION = _item(
    0x56, "SOP Class Extended Negotiation", "PS3.7 Table D.3-11",
    _length("SOP-class-uid-length"),
    _uid("SOP-class-uid", size="SOP-class-uid-length", among=names.SOP_CLASSES),
    Row("Service-class-application-information", BYTES, Role.PAYLOAD, default=b"",
        rule="defined by each service class (PS3.4)"),
)
RELATED_GENERAL_SOP_CLASS = Layout(
    "Related general SOP class", None, "PS3.7 Table D.3-13",
    (
        _length("Related-general-sop-class-uid-length"),
        _uid("Related-general-sop-class-uid", size="Related-general-sop-class-uid-length",
             among=names.SOP_CLASSES),
    ),
)
COMMON_EXTENDED_NEGOTIATION = _item(
    0x57, "SOP Class Common Extended Negotiation", "PS3.7 Table D.3-12",
    _length("SOP-class-uid-length"),
    _uid("SOP-class-uid", size="SOP-class-uid-length", among=names.SOP_CLASSES),
    _length("Service-class-uid-length"),
    _uid("Service-class-uid", size="Service-class-uid-length"),
    _length("Related-general-sop-class-identification-length"),
    Row("Related-general-sop-class-identification", LIST, Role.PAYLOAD,
        "Related-general-sop-class-identification-length", of=RELATED_GENERAL_SOP_CLASS,
        rule="pairs of a length and a UID"),
    Row("Reserved", BYTES, Role.RESERVED, default=b"", rule="empty in version 0; skipped"),
    second=Row("Sub-item-version", U8, default=0, rule="0 in every edition so far"),
)
USER_IDENTITY_RQ = _item(
    0x58, "User Identity Negotiation", "PS3.7 Table D.3-14",
    Row("User-Identity-Type", U8, default=1, meaning=names.USER_IDENTITY_TYPES,
        check=_identity_type, rule="1..5"),
    Row("Positive-response-requested", U8, default=0, meaning={0: "no", 1: "yes"},
        rule="0 or 1"),
    _length("Primary-field-length"),
    Row("Primary-field", BYTES, Role.PAYLOAD, "Primary-field-length", b"",
        rule="user name, ticket, assertion or token", meaning=_user_name,
        secret=lambda values: values.get("User-Identity-Type") not in (1, 2)),
    _length("Secondary-field-length"),
    Row("Secondary-field", BYTES, Role.PAYLOAD, "Secondary-field-length", b"",
        rule="the passcode, with type 2 only", secret=lambda values: True),
)
USER_IDENTITY_AC = _item(
    0x59, "User Identity Negotiation", "PS3.7 Table D.3-15",
    _length("Server-response-length"),
    Row("Server-response", BYTES, Role.PAYLOAD, "Server-response-length", b"",
        rule="a ticket or assertion in answer; empty for user names",
        secret=lambda values: True),
)


_SUB_ITEMS = (
    Count(MAXIMUM_LENGTH, 1, 1),
    Count(IMPLEMENTATION_CLASS_UID, 1, 1),
    Count(ASYNCHRONOUS_OPERATIONS_WINDOW, 0, 1),
    Count(ROLE_SELECTION, 0),
    Count(IMPLEMENTATION_VERSION_NAME, 0, 1),
    Count(EXTENDED_NEGOTIATION, 0),
)
# the same rows stand in further tables for the answer
_ANSWER_TABLES = {
    0x51: "PS3.8 Table D.1-2",
    0x52: "PS3.7 Table D.3-2",
    0x53: "PS3.7 Table D.3-8",
    0x54: "PS3.7 Table D.3-10",
    0x55: "PS3.7 Table D.3-4",
    0x56: "PS3.7 Table D.3-11",
}


def _user_information(table: str, *sub_items: Count) -> Layout:
    return _item(
        0x50, "User Information", f"PS3.8 Table {table}",
        Row("User-data sub-items", ITEMS, Role.PAYLOAD,
            rule="51H..FFH in any order; unknown ones are ignored"),
        holds=sub_items,
    )


USER_INFORMATION_RQ = _user_information(
    "9-16", *_SUB_ITEMS, Count(COMMON_EXTENDED_NEGOTIATION, 0), Count(USER_IDENTITY_RQ, 0, 1)
)
USER_INFORMATION_AC = _user_information(
    "9-20",
    *(
        replace(one, layout=replace(one.layout, clause=_ANSWER_TABLES[one.layout.code or 0]))
        for one in _SUB_ITEMS
    ),
    Count(USER_IDENTITY_AC, 0, 1),
)
SECRET_ITEMS = (0x58, 0x59)  # they may hold passcodes and tickets

PDV = Layout(
    "PDV", None, "PS3.8 Table 9-23",
    (
        _length("Item-length", U32),
        Row("Presentation-context-ID", U8, Role.IDENTIFIER, default=1, check=_context_id,
            rule=f"{_CONTEXT_ID_RULE}, accepted for this association"),
        Row("Message Control Header", CODE, Role.IDENTIFIER, default=3, meaning=_control_meaning,
            check=_control_header, rule="bit 0: command, bit 1: last fragment, others 0"),
        Row("Fragment", FRAGMENT, Role.PAYLOAD, default=b"",
            rule="an even number of bytes of a command set or a data set"),
    ),
    check=_fragment, overrun="pdv-length-overrun", short="pdv-length-too-small",
)

# --- PDUs -----------------------------------------------------------------------------------------

_AE_RULE = "16 bytes, filled up with spaces; spaces at either end do not count"
_VERSION = Row("Protocol-version", U16, default=1, check=_protocol_version,
               rule="bit 0 says version 1; only that bit is tested")


def _title(name: str, default: str) -> Row:
    return Row(name, AE_TITLE, Role.NAME, 16, default, check=ae_title, rule=_AE_RULE)


def _echo(of: str, size: int, kind: Kind, default: Any) -> Row:
    return Row(f"Reserved (echo of {of})", kind, Role.RESERVED, size, default,
               rule="the bytes of the request, sent back; not tested on receipt")


A_ASSOCIATE_RQ = _pdu(
    1, "9-11", _VERSION, _reserved(2),
    _title("Called-AE-title", "ANY-SCP"), _title("Calling-AE-title", "DICOMLAB"), _reserved(32),
    Row("Variable items", ITEMS, Role.PAYLOAD, rule="one 10H, one or more 20H, one 50H"),
    holds=(
        Count(APPLICATION_CONTEXT, 1, 1),
        Count(PRESENTATION_CONTEXT_RQ, 1),
        Count(USER_INFORMATION_RQ, 1, 1),
    ),
    check=_association, plausible=ASSOCIATION_LIMIT,
)
A_ASSOCIATE_AC = _pdu(
    2, "9-17", _VERSION, _reserved(2),
    _echo("Called-AE-title", 16, AE_TITLE, "ANY-SCP"),
    _echo("Calling-AE-title", 16, AE_TITLE, "DICOMLAB"),
    _echo("RQ bytes 43-74", 32, BYTES, bytes(32)),
    Row("Variable items", ITEMS, Role.PAYLOAD, rule="one 10H, one or more 21H, one 50H"),
    holds=(
        Count(APPLICATION_CONTEXT, 1, 1),
        Count(PRESENTATION_CONTEXT_AC, 1),
        Count(USER_INFORMATION_AC, 1, 1),
    ),
    check=_association, plausible=ASSOCIATION_LIMIT,
)
_FIXED = {"short": "pdu-length-wrong-fixed", "long": "pdu-length-wrong-fixed",
          "plausible": ASSOCIATION_LIMIT}
A_ASSOCIATE_RJ = _pdu(
    3, "9-21", _reserved(1),
    Row("Result", U8, default=1, meaning=names.REJECT_RESULTS, rule="1 or 2"),
    Row("Source", U8, default=1, meaning=names.REJECT_SOURCES, rule="1..3"),
    Row("Reason/Diag.", U8, default=1, meaning=_reject_reason, rule="depends on Source"),
    check=_reject, **_FIXED,
)
P_DATA_TF = _pdu(
    4, "9-22",
    Row("Presentation-data-value items", LIST, Role.PAYLOAD, of=PDV, rule="one or more PDVs"),
    check=_data, plausible=DATA_LIMIT,
)
A_RELEASE_RQ = _pdu(5, "9-24", _reserved(4), **_FIXED)
A_RELEASE_RP = _pdu(6, "9-25", _reserved(4), **_FIXED)
A_ABORT = _pdu(
    7, "9-26", _reserved(1), _reserved(1),
    Row("Source", U8, default=0, meaning=names.ABORT_SOURCES, rule="0 or 2"),
    Row("Reason/Diag.", U8, default=0, meaning=_abort_reason,
        rule="significant only when Source is 2"),
    check=_abort, **_FIXED,
)

PDUS: dict[int, Layout] = {
    layout.code: layout
    for layout in (
        A_ASSOCIATE_RQ, A_ASSOCIATE_AC, A_ASSOCIATE_RJ, P_DATA_TF, A_RELEASE_RQ, A_RELEASE_RP,
        A_ABORT,
    )
    if layout.code is not None
}


def _collect(layout: Layout) -> Iterator[Layout]:
    for count in layout.holds:
        yield count.layout
        yield from _collect(count.layout)


ITEM_LAYOUTS: tuple[Layout, ...] = tuple(
    dict.fromkeys(item for pdu in PDUS.values() for item in _collect(pdu))
)

# an item that is not known, or not known where it stands: named and skipped by its length
UNKNOWN_ITEM = Layout(
    "Unknown item", None, "PS3.8 9.3.1",
    (
        Row("Item-type", CODE, Role.IDENTIFIER, default=0xFF),
        _reserved(1),
        _length("Item-length"),
        Row("Item data", BYTES, Role.PAYLOAD, default=b"", rule="not opened"),
    ),
)
