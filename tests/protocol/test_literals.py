"""Byte strings of another implementation's tests, decoded with the values that it finds in them."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from pynetdicom import pdu as theirs
from pynetdicom import pdu_items as items
from pynetdicom.dsutils import decode as decode_dataset

from dicomlab.model import Field, Layout
from dicomlab.protocol.codec import decode, decode_item
from dicomlab.protocol.command_set import decode_command_set
from dicomlab.spec import pdu as tables
from tests.conftest import CORPUS

THEIR_PDUS = {
    1: theirs.A_ASSOCIATE_RQ, 2: theirs.A_ASSOCIATE_AC, 3: theirs.A_ASSOCIATE_RJ,
    4: theirs.P_DATA_TF, 5: theirs.A_RELEASE_RQ, 6: theirs.A_RELEASE_RP, 7: theirs.A_ABORT_RQ,
}  # fmt: skip
THEIR_ITEMS: dict[int, tuple[Any, Layout]] = {
    0x10: (items.ApplicationContextItem, tables.APPLICATION_CONTEXT),
    0x20: (items.PresentationContextItemRQ, tables.PRESENTATION_CONTEXT_RQ),
    0x21: (items.PresentationContextItemAC, tables.PRESENTATION_CONTEXT_AC),
    0x30: (items.AbstractSyntaxSubItem, tables.ABSTRACT_SYNTAX),
    0x40: (items.TransferSyntaxSubItem, tables.TRANSFER_SYNTAX),
    0x50: (items.UserInformationItem, tables.USER_INFORMATION_RQ),
    0x51: (items.MaximumLengthSubItem, tables.MAXIMUM_LENGTH),
    0x52: (items.ImplementationClassUIDSubItem, tables.IMPLEMENTATION_CLASS_UID),
    0x53: (items.AsynchronousOperationsWindowSubItem, tables.ASYNCHRONOUS_OPERATIONS_WINDOW),
    0x54: (items.SCP_SCU_RoleSelectionSubItem, tables.ROLE_SELECTION),
    0x55: (items.ImplementationVersionNameSubItem, tables.IMPLEMENTATION_VERSION_NAME),
    0x56: (items.SOPClassExtendedNegotiationSubItem, tables.EXTENDED_NEGOTIATION),
    0x57: (items.SOPClassCommonExtendedNegotiationSubItem, tables.COMMON_EXTENDED_NEGOTIATION),
    0x58: (items.UserIdentitySubItemRQ, tables.USER_IDENTITY_RQ),
    0x59: (items.UserIdentitySubItemAC, tables.USER_IDENTITY_AC),
}
# their attribute for our field
ATTRIBUTES = {
    "Called-AE-title": "called_ae_title",
    "Calling-AE-title": "calling_ae_title",
    "Protocol-version": "protocol_version",
    "Result": "result",
    "Source": "source",
    "Reason/Diag.": "reason_diagnostic",
    "Application-context-name": "application_context_name",
    "Presentation-context-ID": "presentation_context_id",
    "Result/Reason": "result_reason",
    "Abstract-syntax-name": "abstract_syntax_name",
    "Transfer-syntax-name": "transfer_syntax_name",
    "Maximum-length-received": "maximum_length_received",
    "Implementation-class-uid": "implementation_class_uid",
    "Implementation-version-name": "implementation_version_name",
    "Maximum-number-operations-invoked": "maximum_number_operations_invoked",
    "Maximum-number-operations-performed": "maximum_number_operations_performed",
    "SOP-class-uid": "sop_class_uid",
    "Service-class-uid": "service_class_uid",
    "SCU-role": "scu_role",
    "SCP-role": "scp_role",
    "User-Identity-Type": "user_identity_type",
    "Positive-response-requested": "positive_response_requested",
    "Primary-field": "primary_field",
    "Secondary-field": "secondary_field",
    "Server-response": "server_response",
    "Service-class-application-information": "service_class_application_information",
}


REFUSED = (ValueError,)  # what pynetdicom raises for values that it does not take


def literals(*kinds: str) -> list[Any]:
    """The files whose names begin with one of ``kinds``."""
    folder = CORPUS / "public" / "pydicom__pynetdicom" / "pdus"
    if not folder.is_dir():
        reason = f"no public captures in {CORPUS} (set DICOMLAB_CORPUS)"
        return [pytest.param(Path(), marks=pytest.mark.skip(reason), id="left out")]
    found = [file for file in sorted(folder.glob("*.bin")) if file.stem.startswith(kinds)]
    return [pytest.param(file, id=file.stem) for file in found]


# the literals of one test module; behind its name, whole PDUs are named as PDUs
MODULE = "encoded_pdu_items."
PDU_NAMES = ("a_associate", "a_release", "a_abort", "a_p_abort", "p_data_tf")
PDV_NAMES = ("presentation_data",)
ITEM_NAMES = ("abstract", "application", "async", "common", "extended", "implementation",
              "maximum", "presentation_context", "role", "transfer", "user_")  # fmt: skip


def of(names: tuple[str, ...]) -> list[Any]:
    return literals(*(MODULE + name for name in names))


def plain(value: Any) -> Any:
    """A value as both sides can be compared: their absent UID is our empty one."""
    if isinstance(value, bytes):
        return value.decode("latin-1").rstrip()
    return str(value) if isinstance(value, str) else "" if value is None else value


def compare(ours: Field, other: Any) -> int:
    """Compares our fields with their attributes, and items with items; how many were compared."""
    count = 0
    for field in ours.children:
        name = ATTRIBUTES.get(field.name)
        if name is not None and not field.children and hasattr(other, name):
            assert plain(field.value) == plain(getattr(other, name)), field.name
            count += 1
    inner = [one for one in ours.children if one.children and one.code is not None]
    for item, their_item in zip(inner, their_items(other), strict=True):
        count += compare(item, their_item)
    return count


def their_items(other: Any) -> list[Any]:
    for name in ("variable_items", "abstract_transfer_syntax_sub_items", "transfer_syntax_sub_item",
                 "user_data"):  # fmt: skip
        if isinstance(getattr(other, name, None), list):
            return list(getattr(other, name))
    return []


def has_errors(field: Field) -> bool:
    return any(found.severity == "error" for one in field.walk() for found in one.findings)


def test_no_literal_is_left_out() -> None:
    tested = of(PDU_NAMES) + of(ITEM_NAMES) + of(PDV_NAMES) + literals("encoded_dimse")
    assert [one.id for one in tested if one.id != "left out"] == [] or len(tested) == 86


@pytest.mark.parametrize("file", of(PDU_NAMES))
def test_a_pdu_decodes_with_the_same_values_and_encodes_again(file: Path) -> None:
    data = file.read_bytes()
    pdus = decode(data)
    assert b"".join(map(bytes, pdus)) == data
    other = THEIR_PDUS[data[0]]()
    try:
        other.decode(data)
    except REFUSED:
        assert has_errors(pdus[0].root)
        return
    if isinstance(other, theirs.P_DATA_TF):
        ours = [(f.children[1].value, f.children[2].start) for f in pdus[0].fields[3:]]
        assert [one[0] for one in ours] == [
            pdv.presentation_context_id for pdv in other.presentation_data_value_items
        ]
    elif len(pdus) == 1:
        assert compare(pdus[0].root, other) >= (0 if data[0] in (5, 6) else 2)
    else:  # its PDU-length lies, which they do not look at
        assert [found.code for found in pdus[1].findings] == ["stream-misaligned"]


@pytest.mark.parametrize("file", of(ITEM_NAMES))
def test_an_item_decodes_with_the_same_values_and_encodes_again(file: Path) -> None:
    data = file.read_bytes()
    their_class, layout = THEIR_ITEMS[data[0]]
    field = decode_item(data, layout)
    assert field.raw == data
    other = their_class()
    try:
        other.decode(data)
    except REFUSED:
        assert has_errors(field)
        return
    assert compare(field, other) >= 1


@pytest.mark.parametrize("file", of(PDV_NAMES))
def test_a_pdv_decodes_with_the_same_values_and_encodes_again(file: Path) -> None:
    data = file.read_bytes()
    field = decode_item(data, tables.PDV)
    assert field.raw == data
    other = items.PresentationDataValueItem()
    other.decode(data)
    assert field["Presentation-context-ID"].value == other.presentation_context_id
    assert field["Message Control Header"].raw == other.presentation_data_value[:1]


@pytest.mark.parametrize("file", [one for one in literals("encoded_dimse") if "_ds" not in one.id])
def test_a_command_set_decodes_with_the_same_values_and_encodes_again(file: Path) -> None:
    data = file.read_bytes()[1:]  # behind the message control header
    field = decode_command_set(data)
    assert field.raw == data
    found = {one.code: one.value for one in field.children}
    for element in decode_dataset(BytesIO(data), True, True):
        mine = found[int(element.tag)]
        if isinstance(mine, bytes):  # two numbers where there is room for one
            assert has_errors(field)
        elif element.VR == "AT":
            many = [element.value] if isinstance(element.value, int) else element.value or []
            assert list(mine) == [int(one) for one in many]
        else:
            assert mine == plain(element.value)


@pytest.mark.parametrize("file", [one for one in literals("encoded_dimse") if "_cmd" not in one.id])
def test_a_data_set_is_a_fragment_that_is_not_opened(file: Path) -> None:
    data = file.read_bytes()  # begins with the message control header
    pdv = (len(data) + 1).to_bytes(4, "big") + b"\x01" + data
    field = decode_item(pdv, tables.PDV)
    assert field.raw == pdv
    assert field["Fragment"].value == data[1:]
