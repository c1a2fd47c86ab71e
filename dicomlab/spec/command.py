"""DIMSE command sets: the elements, and which message carries which (PS3.7 9.3, 10.3, annex E).

A command set is always Implicit VR Little Endian, whatever transfer syntax was agreed on
(PS3.7 6.3.1). A new message is a row of MESSAGES, a new element a row of ELEMENTS.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, NamedTuple

from dicomlab.model import Kind, Layout, Problem, Role, Row, Values, printable
from dicomlab.spec import names
from dicomlab.spec.kinds import BYTES, LENGTH_LE, MANY, TAG, VR
from dicomlab.spec.pdu import LIST, ae_title, uid_core, uid_meaning

NO_DATA_SET = 0x0101  # (0000,0800): any other value announces a data set
DATA_SET_FOLLOWS = 0x0001
DATA_SET_TYPES = {NO_DATA_SET: "no data set", DATA_SET_FOLLOWS: "a data set follows"}
GROUP_LENGTH = 0x00000000
COMMAND_FIELD = 0x00000100
DATA_SET_TYPE = 0x00000800
STATUS = 0x00000900
RESPONSE = 0x8000  # a response's Command Field is the request's with this bit
EVERYWHERE = (0x0000, 0x0100, 0x0800)  # elements that every message carries


class Element(NamedTuple):
    """One line of PS3.7 Table E.1-1 or E.2-1."""

    tag: int
    name: str
    vr: str
    vm: str
    rule: str = ""
    retired: bool = False

    @property
    def clause(self) -> str:
        """The table that defines it."""
        return "PS3.7 Table E.2-1" if self.retired else "PS3.7 Table E.1-1"


class MessageRow(NamedTuple):
    """One DIMSE message: its Command Field, and its elements (element numbers of group 0000)."""

    name: str
    command_field: int
    clause: str
    mandatory: tuple[int, ...]
    optional: tuple[int, ...]
    data_set: Literal["present", "absent", "conditional"]
    data_set_name: str = "Data Set"

    @property
    def elements(self) -> tuple[int, ...]:
        """All element numbers that the message may carry, in the order of the wire."""
        return tuple(sorted({*EVERYWHERE, *self.mandatory, *self.optional}))


ELEMENTS: dict[int, Element] = {
    row.tag: row
    for row in (
        Element(0x00000000, "Command Group Length", "UL", "1", "bytes following in the command set after this element (own 12 bytes not counted)"),
        Element(0x00000002, "Affected SOP Class UID", "UI", "1", "SOP Class the operation works on"),
        Element(0x00000003, "Requested SOP Class UID", "UI", "1", "SOP Class addressed by N-GET/N-SET/N-ACTION/N-DELETE requests"),
        Element(0x00000100, "Command Field", "US", "1", "kind of message"),
        Element(0x00000110, "Message ID", "US", "1", "number chosen by the requester, unique among outstanding requests"),
        Element(0x00000120, "Message ID Being Responded To", "US", "1", "Message ID of the request this belongs to"),
        Element(0x00000600, "Move Destination", "AE", "1", "AE title that will receive the C-STORE sub-operations"),
        Element(0x00000700, "Priority", "US", "1", "0 medium, 1 high, 2 low"),
        Element(0x00000800, "Command Data Set Type", "US", "1", "0101H no data set, anything else: data set follows"),
        Element(0x00000900, "Status", "US", "1", "result of the operation"),
        Element(0x00000901, "Offending Element", "AT", "1-n", "tags that caused the error"),
        Element(0x00000902, "Error Comment", "LO", "1", "free text, at most 64 characters"),
        Element(0x00000903, "Error ID", "US", "1", "implementation or service specific number"),
        Element(0x00001000, "Affected SOP Instance UID", "UI", "1", "instance the operation works on (or was created)"),
        Element(0x00001001, "Requested SOP Instance UID", "UI", "1", "instance addressed by N-GET/N-SET/N-ACTION/N-DELETE requests"),
        Element(0x00001002, "Event Type ID", "US", "1", "event number defined by the SOP Class"),
        Element(0x00001005, "Attribute Identifier List", "AT", "1-n", "attributes wanted (N-GET) or concerned"),
        Element(0x00001008, "Action Type ID", "US", "1", "action number defined by the SOP Class"),
        Element(0x00001020, "Number of Remaining Sub-operations", "US", "1", "C-STORE sub-operations still to do"),
        Element(0x00001021, "Number of Completed Sub-operations", "US", "1", "done successfully"),
        Element(0x00001022, "Number of Failed Sub-operations", "US", "1", "failed"),
        Element(0x00001023, "Number of Warning Sub-operations", "US", "1", "done with warning"),
        Element(0x00001030, "Move Originator Application Entity Title", "AE", "1", "AE title that asked for the C-MOVE"),
        Element(0x00001031, "Move Originator Message ID", "US", "1", "Message ID of that C-MOVE-RQ"),
        # PS3.7 Table E.2-1: retired; never sent, named when received
        Element(0x00000001, "Command Length to End", "UL", "1", retired=True),
        Element(0x00000010, "Command Recognition Code", "SH", "1", retired=True),
        Element(0x00000200, "Initiator", "AE", "1", retired=True),
        Element(0x00000300, "Receiver", "AE", "1", retired=True),
        Element(0x00000400, "Find Location", "AE", "1", retired=True),
        Element(0x00000850, "Number of Matches", "US", "1", retired=True),
        Element(0x00000860, "Response Sequence Number", "US", "1", retired=True),
        Element(0x00004000, "Dialog Receiver", "LT", "1", retired=True),
        Element(0x00004010, "Terminal Type", "LT", "1", retired=True),
        Element(0x00005010, "Message Set ID", "SH", "1", retired=True),
        Element(0x00005020, "End Message ID", "SH", "1", retired=True),
        Element(0x00005110, "Display Format", "LT", "1", retired=True),
        Element(0x00005120, "Page Position ID", "LT", "1", retired=True),
        Element(0x00005130, "Text Format ID", "CS", "1", retired=True),
        Element(0x00005140, "Normal/Reverse", "CS", "1", retired=True),
        Element(0x00005150, "Add Gray Scale", "CS", "1", retired=True),
        Element(0x00005160, "Borders", "CS", "1", retired=True),
        Element(0x00005170, "Copies", "IS", "1", retired=True),
        Element(0x00005180, "Command Magnification Type", "CS", "1", retired=True),
        Element(0x00005190, "Erase", "CS", "1", retired=True),
        Element(0x000051A0, "Print", "CS", "1", retired=True),
        Element(0x000051B0, "Overlays", "US", "1-n", retired=True),
    )
}

MESSAGES: tuple[MessageRow, ...] = (
    MessageRow("C-STORE-RQ", 0x0001, "PS3.7 Table 9.3-1", (0x0002, 0x0110, 0x0700, 0x1000), (0x1030, 0x1031), "present", "Data Set"),
    MessageRow("C-STORE-RSP", 0x8001, "PS3.7 Table 9.3-2", (0x0120, 0x0900), (0x0002, 0x1000), "absent"),
    MessageRow("C-FIND-RQ", 0x0020, "PS3.7 Table 9.3-3", (0x0002, 0x0110, 0x0700), (), "present", "Identifier"),
    MessageRow("C-FIND-RSP", 0x8020, "PS3.7 Table 9.3-4", (0x0120, 0x0900), (0x0002,), "conditional", "Identifier"),
    MessageRow("C-CANCEL-RQ", 0x0FFF, "PS3.7 Tables 9.3-5, 9.3-8, 9.3-11", (0x0120,), (), "absent"),
    MessageRow("C-GET-RQ", 0x0010, "PS3.7 Table 9.3-6", (0x0002, 0x0110, 0x0700), (), "present", "Identifier"),
    MessageRow("C-GET-RSP", 0x8010, "PS3.7 Table 9.3-7", (0x0120, 0x0900), (0x0002, 0x1020, 0x1021, 0x1022, 0x1023), "conditional", "Identifier"),
    MessageRow("C-MOVE-RQ", 0x0021, "PS3.7 Table 9.3-9", (0x0002, 0x0110, 0x0600, 0x0700), (), "present", "Identifier"),
    MessageRow("C-MOVE-RSP", 0x8021, "PS3.7 Table 9.3-10", (0x0120, 0x0900), (0x0002, 0x1020, 0x1021, 0x1022, 0x1023), "conditional", "Identifier"),
    MessageRow("C-ECHO-RQ", 0x0030, "PS3.7 Table 9.3-12", (0x0002, 0x0110), (), "absent"),
    MessageRow("C-ECHO-RSP", 0x8030, "PS3.7 Table 9.3-13", (0x0120, 0x0900), (0x0002,), "absent"),
    MessageRow("N-EVENT-REPORT-RQ", 0x0100, "PS3.7 Table 10.3-1", (0x0002, 0x0110, 0x1000, 0x1002), (), "conditional", "Event Information"),
    MessageRow("N-EVENT-REPORT-RSP", 0x8100, "PS3.7 Table 10.3-2", (0x0120, 0x0900), (0x0002, 0x1000, 0x1002), "conditional", "Event Reply"),
    MessageRow("N-GET-RQ", 0x0110, "PS3.7 Table 10.3-3", (0x0003, 0x0110, 0x1001), (0x1005,), "absent"),
    MessageRow("N-GET-RSP", 0x8110, "PS3.7 Table 10.3-4", (0x0120, 0x0900), (0x0002, 0x1000), "conditional", "Attribute List"),
    MessageRow("N-SET-RQ", 0x0120, "PS3.7 Table 10.3-5", (0x0003, 0x0110, 0x1001), (), "present", "Modification List"),
    MessageRow("N-SET-RSP", 0x8120, "PS3.7 Table 10.3-6", (0x0120, 0x0900), (0x0002, 0x1000), "conditional", "Attribute List"),
    MessageRow("N-ACTION-RQ", 0x0130, "PS3.7 Table 10.3-7", (0x0003, 0x0110, 0x1001, 0x1008), (), "conditional", "Action Information"),
    MessageRow("N-ACTION-RSP", 0x8130, "PS3.7 Table 10.3-8", (0x0120, 0x0900), (0x0002, 0x1000, 0x1008), "conditional", "Action Reply"),
    MessageRow("N-CREATE-RQ", 0x0140, "PS3.7 Table 10.3-9", (0x0002, 0x0110), (0x1000,), "conditional", "Attribute List"),
    MessageRow("N-CREATE-RSP", 0x8140, "PS3.7 Table 10.3-10", (0x0120, 0x0900), (0x0002, 0x1000), "conditional", "Attribute List"),
    MessageRow("N-DELETE-RQ", 0x0150, "PS3.7 Table 10.3-11", (0x0003, 0x0110, 0x1001), (), "absent"),
    MessageRow("N-DELETE-RSP", 0x8150, "PS3.7 Table 10.3-12", (0x0120, 0x0900), (0x0002, 0x1000), "absent"),
)

BY_FIELD: dict[int, MessageRow] = {row.command_field: row for row in MESSAGES}
BY_NAME: dict[str, MessageRow] = {row.name: row for row in MESSAGES}
PRIORITIES = {0: "MEDIUM", 1: "HIGH", 2: "LOW"}


# --- what a single value can show, and what it means ------------------------------------------------


def _uid(value: Any) -> Iterator[Problem]:
    core = str(value).rstrip("\0")
    if core.endswith(" "):
        yield "uid-pad-space", f"'{printable(core)}' is filled up with a space"
    yield from uid_core(core.rstrip(" "))


def _command_field(value: Any) -> Iterator[Problem]:
    if value not in BY_FIELD:
        yield "cmd-field-unknown", f"Command Field {_hex(value)} is not in the dictionary"


def _status(value: Any) -> Iterator[Problem]:
    if isinstance(value, int) and names.status_class(value) is None:
        yield "status-unknown", f"status {_hex(value)} is in no range of PS3.7 annex C"


def _hex(value: Any) -> str:
    return f"{value:04X}H" if isinstance(value, int) else str(value)


def _data_set_type(value: Any, _: Values) -> str | None:
    return "no data set" if value == NO_DATA_SET else "a data set follows"


def _status_text(value: Any, _: Values) -> str | None:
    return names.status_text(value) if isinstance(value, int) else None


_UID: dict[str, Any] = {"meaning": uid_meaning, "check": _uid, "role": Role.NAME}
# what the value row of an element knows beyond its VR; by tag, else by VR
_MORE: dict[int | str, dict[str, Any]] = {
    GROUP_LENGTH: {"role": Role.LENGTH},
    COMMAND_FIELD: {
        "meaning": {row.command_field: row.name for row in MESSAGES},
        "check": _command_field,
        "role": Role.IDENTIFIER,
    },
    0x00000700: {"meaning": PRIORITIES},
    DATA_SET_TYPE: {"meaning": _data_set_type, "among": DATA_SET_TYPES},
    STATUS: {"meaning": _status_text, "check": _status, "among": names.STATUSES},
    **{tag: {**_UID, "among": names.SOP_CLASSES} for tag in (0x00000002, 0x00000003)},
    "UI": _UID,
    "AE": {"check": ae_title, "role": Role.NAME},
}
# shown as the standard prints them: 0030H, 0101H
IN_HEX = frozenset({COMMAND_FIELD, DATA_SET_TYPE, STATUS})

VALUE_LENGTH_ROW = Row("Value Length", LENGTH_LE, Role.LENGTH,
                       rule="number of bytes of the value, even")


def value_kind(element: Element) -> Kind:
    """The kind of the element's value."""
    kind = VR[element.vr] if element.vm == "1" else MANY[element.vr]
    if element.tag in IN_HEX:
        return Kind(kind.name, kind.size, kind.decode, kind.encode, _hex)
    return kind


def element_layout(element: Element) -> Layout:
    """The three rows of an element on the wire (PS3.7 6.3.1)."""
    more = _MORE.get(element.tag) or _MORE.get(element.vr) or {}
    default = {"UL": 0, "US": 0, "AT": ()}.get(element.vr, "")
    value = Row("Value", value_kind(element), **{"rule": element.rule, "default": default, **more})
    tag = Row("Tag", TAG, Role.IDENTIFIER, default=element.tag, fixed=True,
              rule="group and element, each little endian")
    return Layout(element.name, element.tag, element.clause, (tag, VALUE_LENGTH_ROW, value),
                  overrun="cmd-element-overrun", short="cmd-truncated", long="cmd-value-length")


ELEMENT_LAYOUTS: dict[int, Layout] = {
    tag: element_layout(element) for tag, element in ELEMENTS.items()
}
UNREADABLE = Row("Value", BYTES, Role.PAYLOAD, rule="does not fit its value representation")
UNKNOWN_ELEMENT = Layout(
    "Unknown element", None, "PS3.7 annex E",
    (Row("Tag", TAG, Role.IDENTIFIER), VALUE_LENGTH_ROW, Row("Value", BYTES, Role.PAYLOAD)),
)
COMMAND_SET = Layout(
    "Command Set", None, "PS3.7 6.3.1",
    (Row("Elements", LIST, Role.PAYLOAD, of=UNKNOWN_ELEMENT, rule="ascending tags of group 0000"),),
)
VALUE_REPRESENTATIONS = frozenset({*VR, "SS", "SL", "DA", "TM", "PN", "ST", "OB", "OW", "UN", "SQ"})


def fits(element: Element, size: int) -> bool:
    """Whether a value of ``size`` bytes is possible for the element."""
    unit = VR[element.vr].size
    if unit is None:
        return True
    return size % unit == 0 if element.vm != "1" else size == unit
