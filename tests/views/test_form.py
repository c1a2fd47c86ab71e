"""A draft as a form: every row of every table has a control, and what is typed becomes a value."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicomlab.model import BuildError, Layout
from dicomlab.protocol.build import Draft, build
from dicomlab.spec import command, names
from dicomlab.spec.pdu import PDUS
from dicomlab.views.form import Control, Form, changed, form, laid, typed


def control(shown: Form, path: str, sort: str | None = None) -> Control:
    found = [one for one in shown.controls if one.path == path and one.sort != "part"]
    assert len(found) == 1, [one.path for one in shown.controls]
    assert sort is None or found[0].sort == sort
    return found[0]


def held(layout: Layout) -> Iterator[Layout]:
    """The layouts that may stand in another one, at any depth."""
    repeated = [row.of for row in layout.rows if row.of is not None]
    for one in (*(count.layout for count in layout.holds), *repeated):
        yield one
        yield from held(one)


def filled(layout: Layout) -> Draft:
    """A PDU that holds everything that its table has."""
    draft = build(layout.name)
    have = {one.label for one in form(draft).controls}
    for inner in held(layout):
        if inner.name not in have:
            draft.add(inner.name)
    return draft


@pytest.mark.parametrize("layout", PDUS.values(), ids=lambda one: one.name)
def test_every_row_of_a_pdu_and_of_what_it_holds_has_a_control(layout: Layout) -> None:
    shown = form(filled(layout))
    under: dict[str, list[str]] = {}
    around: list[str] = []
    for one in shown.controls:
        del around[one.depth :]
        around.append(one.label)
        if one.depth:
            under.setdefault(around[-2], []).append(one.label)
    for each in (layout, *held(layout)):
        rows = [row.name for row in each.rows if not row.made_of_parts or row.name == "Fragment"]
        assert set(rows) <= set(under[each.name])
    at = 0
    for one, after in zip(shown.controls, [*shown.controls[1:], None], strict=True):
        if after is None or after.depth <= one.depth:
            assert one.start == at
            at = one.stop
    assert at == len(shown.data)


@pytest.mark.parametrize("row", command.MESSAGES, ids=lambda row: row.name)
def test_every_element_of_a_message_has_a_control(row: command.MessageRow) -> None:
    given = {command.ELEMENTS[tag].name.lower().replace(" ", "_") for tag in row.elements}
    values: dict[str, Any] = {
        key: "1.2.3" if key.endswith("uid") else "STORE" if "destination" in key else 1
        for key in given - {"command_group_length", "command_field", "command_data_set_type"}
        if "entity_title" not in key and "attribute" not in key
    }
    shown = form(build(row.name, **values))
    for tag in row.elements:
        name = command.ELEMENTS[tag].name
        if name.lower().replace(" ", "_") in values or tag in command.EVERYWHERE:
            assert control(shown, name).label == "Value"
            assert control(shown, f"{name}/Tag").label == "Tag"
            assert control(shown, f"{name}/Value Length").sort == "length"


def test_every_element_that_there_is_can_be_added() -> None:
    draft = build("C-ECHO-RQ")
    (parts,) = [one.adds for one in form(draft).controls if one.label == "Command Set"]
    assert set(parts) == {element.name for element in command.ELEMENTS.values()}
    for name in set(parts) - {one.label for one in form(draft).controls}:
        draft.add(f"Command Set/{name}")
        assert control(form(draft), name)


def test_each_field_has_a_control_of_its_kind() -> None:
    shown = form(build("A-ASSOCIATE-RQ", called_ae_title="ARCHIVE"))
    assert control(shown, "Called-AE-title", "title").text == "ARCHIVE"
    length = control(shown, "PDU-length", "length")
    assert (length.text, length.other, length.overridden) == ("215", "000000D7H", False)
    assert control(shown, "Protocol-version", "number").other == "0001H"
    assert control(shown, "A-ASSOCIATE-RQ/Reserved[1]", "bytes").text == "00 00"
    uid = control(shown, "Abstract Syntax", "uid")
    assert (uid.text, uid.meaning) == (names.VERIFICATION, "Verification SOP Class")
    assert [one.text for one in shown.choices[uid.choices]] == [*names.SOP_CLASSES]
    syntax = control(shown, "Transfer Syntax", "uid")
    assert [one.text for one in shown.choices[syntax.choices]] == [*names.TRANSFER_SYNTAXES]
    assert control(shown, "Implementation Version Name", "text").text == "DICOMLAB"
    assert control(shown, "Called-AE-title").clause == "PS3.8 Table 9-11"


def test_codes_have_the_values_that_their_table_allows() -> None:
    shown = form(build("A-ASSOCIATE-RJ", source=2))
    reasons = shown.choices[control(shown, "Reason/Diag.", "code").choices]
    assert [(one.text, one.name) for one in reasons] == [
        ("1", "no-reason-given"),
        ("2", "protocol-version-not-supported"),
    ]
    shown = form(build("C-ECHO-RSP", status=0x0122))
    status = control(shown, "Status", "code")
    assert (status.text, status.other) == ("0122H", "290")
    assert ("0000H", "Success") in [(o.text, o.name) for o in shown.choices[status.choices]]
    header = shown.choices[control(shown, "Message Control Header", "code").choices]
    assert [one.text for one in header] == ["00H", "01H", "02H", "03H"]


def test_what_is_overridden_is_shown_as_it_stands() -> None:
    draft = build("A-ASSOCIATE-RQ")
    draft.override("PDU-length", 9)
    draft.override("Called-AE-title", "SEVENTEEN-LETTERS")
    draft.override("Calling-AE-title", b"\x1b[31m" + bytes(11))
    draft.override("Protocol-version", b"\1")
    draft.replace("User Information", b"P\0")
    shown = form(draft)
    assert control(shown, "PDU-length", "length").text == "9"
    assert control(shown, "Called-AE-title", "title").text == "SEVENTEEN-LETTERS"
    assert control(shown, "Calling-AE-title", "bytes").text.startswith("1B 5B 33")
    assert control(shown, "Protocol-version", "bytes").text == "01"
    assert all(one.overridden for one in shown.controls if one.path == "Called-AE-title")
    (raw,) = [one for one in shown.controls if one.label == "User Information"]
    assert (raw.sort, raw.text, raw.overridden, raw.adds) == ("part", "50 00", True, ())


def test_a_part_says_what_it_is_there_for_and_what_can_be_done_with_it() -> None:
    parts = {one.label: one for one in form(build("C-ECHO-RQ")).controls if one.sort == "part"}
    assert parts["Command Set"].meaning == "Verification SOP Class · C-ECHO-RQ"
    assert parts["Message ID"].meaning == "1"
    assert (parts["Message ID"].place, parts["Message ID"].beside) == (3, 5)
    assert parts["P-DATA-TF"].place is None


def test_secrets_are_not_in_the_form() -> None:
    draft = build("A-ASSOCIATE-RQ")
    draft.add("User Identity Negotiation", user_identity_type=2, primary_field=b"joe")
    draft["Secondary-field"] = b"pa55w0rd"
    for wrong in (None, ("PDU-length", 9), ("User Identity Negotiation/Item-length", 500)):
        if wrong:
            draft.override(*wrong)
        shown = form(draft)
        assert b"joe" in shown.data
        assert b"pa55w0rd" not in shown.data
        assert "pa55w0rd" not in repr(shown)
        assert control(shown, "Secondary-field").meaning == "masked, 8 bytes"


def test_a_finding_points_at_the_smallest_control_around_it() -> None:
    draft = build("A-ASSOCIATE-RQ")
    draft.override("Presentation-context-ID", 2)
    shown = form(draft)
    assert control(shown, "Presentation-context-ID").notes == (1,)
    assert shown.findings.notes[0].code == "context-id-even"
    assert sum(len(one.notes) for one in shown.controls) == 1


@pytest.mark.parametrize(
    ("path", "text", "as_bytes", "value"),
    [
        ("Maximum-length-received", "16,384", False, 16384),
        ("Maximum-length-received", " 4000H ", False, 16384),
        ("Maximum-length-received", "0x4000", False, 16384),
        ("Called-AE-title", "ARCHIVE", False, "ARCHIVE"),
        ("Abstract Syntax", "1.2.3", False, "1.2.3"),
        ("A-ASSOCIATE-RQ/Reserved[0]", "ff", True, 255),
        ("A-ASSOCIATE-RQ/Reserved[2]", "00 " * 32, True, bytes(32)),
        ("Called-AE-title", "41 42", True, "AB"),
    ],
)
def test_what_is_typed_becomes_a_value(path: str, text: str, as_bytes: bool, value: Any) -> None:
    draft = build("A-ASSOCIATE-RQ")
    assert typed(draft, path, text, as_bytes=as_bytes) == value


@pytest.mark.parametrize(
    ("path", "text", "as_bytes", "message"),
    [
        ("Maximum-length-received", "many", False, "takes a number, not 'many'.*4000H"),
        ("Maximum-length-received", "-1", False, "takes a number"),
        ("A-ASSOCIATE-RQ/Reserved[0]", "0 0", True, "not bytes in hex.*two digits"),
        ("A-ASSOCIATE-RQ/Reserved[0]", "00 00", True, "has 1 byte, not 2.*Table 9-11"),
    ],
)
def test_what_cannot_be_read_is_refused(path: str, text: str, as_bytes: bool, message: str) -> None:
    with pytest.raises(BuildError, match=message):
        typed(build("A-ASSOCIATE-RQ"), path, text, as_bytes=as_bytes)


def test_tags_are_typed_as_the_standard_prints_them() -> None:
    draft = build("N-GET-RQ", requested_sop_class_uid="1.2", requested_sop_instance_uid="1.3",
                  attribute_identifier_list=[0x00100010, 0x00100020])  # fmt: skip
    path = "Attribute Identifier List"
    shown = control(form(draft), path, "list").text
    assert shown == "(0010,0010) (0010,0020)"
    assert typed(draft, path, shown) == tuple(draft[path])
    assert typed(draft, path, "") == ()


@pytest.mark.parametrize("name", ["A-ASSOCIATE-RQ", "A-ASSOCIATE-AC", "C-ECHO-RSP", "A-ABORT"])
def test_every_text_of_a_control_is_read_as_what_stands_there(name: str) -> None:
    draft = build(name)
    for one in form(draft).controls:
        if one.sort != "part":
            value = typed(draft, one.path, one.text, as_bytes=one.sort == "bytes")
            assert value == draft[one.path]


def new_bytes(before: Draft, after: Draft) -> bytes:
    """The bytes that are marked as changed."""
    data = bytes(after)
    spans = changed(laid(form(before), bytes(before)), laid(form(after), data))
    return b"".join(data[one.start : one.stop] for one in spans)


def test_changed_bytes_are_those_that_are_new() -> None:
    before, after = build("A-ASSOCIATE-RQ"), build("A-ASSOCIATE-RQ", called_ae_title="ANY-SCU")
    assert new_bytes(before, before) == b""
    assert new_bytes(before, after) == b"U"
    longer = build("A-ASSOCIATE-RQ", implementation_version_name="DICOMLABS")
    assert new_bytes(before, longer) == b"\xd8\x45\x09DICOMLABS"


def test_what_is_added_or_taken_out_changes_itself_and_the_lengths_around() -> None:
    before, after = build("A-ASSOCIATE-RQ"), build("A-ASSOCIATE-RQ")
    after.add("Presentation Context", abstract_syntax="1.2.3")
    item = b"\x20\0\0\x22\3\0\0\0" + b"\x30\0\0\x05" + b"1.2.3" + b"\x40\0\0\x11"
    assert new_bytes(before, after) == b"\xfd" + item + b"1.2.840.10008.1.2"
    assert new_bytes(after, before) == b"\xd7"


@given(st.binary(max_size=20), st.binary(max_size=20))
def test_whatever_changes_is_marked(one: bytes, other: bytes) -> None:
    before, after = build("P-DATA-TF", fragment=one), build("P-DATA-TF", fragment=other)
    assert bool(new_bytes(before, after)) is (one != other)
