"""Drafts: legal by default, refused with the clause, wrong on purpose when asked."""

from __future__ import annotations

from typing import Any

import pytest

from dicomlab.model import BuildError
from dicomlab.protocol.build import Draft, build, located
from dicomlab.protocol.codec import decode
from dicomlab.spec import command, pdu


@pytest.fixture
def request_draft() -> Draft:
    return build("A-ASSOCIATE-RQ", called_ae_title="ARCHIVE", calling_ae_title="CT1")


def codes(draft: Draft) -> list[str]:
    return [found.code for one in draft.pdus for found in one.findings]


@pytest.mark.parametrize("name", [layout.name for layout in pdu.PDUS.values()])
def test_each_pdu_is_legal_when_nothing_is_said(name: str) -> None:
    expected = ["pdv-empty"] if name == "P-DATA-TF" else []
    draft = build(name)
    assert [c for c in codes(draft) if c != "cmd-empty"] == expected
    assert draft.pdu.type == name


@pytest.mark.parametrize("row", command.MESSAGES, ids=lambda row: row.name)
def test_each_message_is_legal_when_its_own_values_are_given(row: command.MessageRow) -> None:
    values: dict[int, Any] = {0x0002: "1.2.3", 0x0003: "1.2.3", 0x1000: "1.2.4", 0x1001: "1.2.4",
                              0x0600: "STORE", 0x1002: 1, 0x1008: 1}  # fmt: skip
    given = {
        command.ELEMENTS[tag].name.lower().replace(" ", "_"): value
        for tag, value in values.items()
        if tag in row.mandatory
    }
    draft = build(row.name, **given)
    assert codes(draft) == []
    assert draft["Command Field"] == row.command_field


def test_a_message_says_which_values_it_needs() -> None:
    with pytest.raises(BuildError, match=r"needs affected_sop_class_uid and .*Table 9\.3-1"):
        build("C-STORE-RQ")


def test_the_worked_example_is_built_byte_for_byte(tables: dict[str, Any]) -> None:
    peer = {
        "implementation_class_uid": "1.2.826.0.1.3680043.9.3811.3.0.4",
        "implementation_version_name": "PYNETDICOM_304",
    }
    titles = {"called_ae_title": "ECHOSCP", "calling_ae_title": "DICOMLAB"}
    echoed = {f"reserved_echo_of_{key}": value for key, value in titles.items()}
    drafts = {
        "A-ASSOCIATE-RQ": build("A-ASSOCIATE-RQ", **titles, **peer),
        "A-ASSOCIATE-AC": build("A-ASSOCIATE-AC", **echoed, **peer),
        "C-ECHO-RQ": build("C-ECHO-RQ", message_id=1),
        "C-ECHO-RSP": build("C-ECHO-RSP", message_id_being_responded_to=1),
        "A-RELEASE-RQ": build("A-RELEASE-RQ"),
        "A-RELEASE-RP": build("A-RELEASE-RP"),
        "A-ASSOCIATE-RJ": build("A-ASSOCIATE-RJ", result=1, source=1, reason_diag=7),
        "A-ABORT": build("A-ABORT", source=2, reason_diag=2),
    }
    for example in tables["worked_example"]["pdus"]:
        assert bytes(drafts[example["name"].split(" (")[0]]).hex() == example["hex"]


def test_lengths_follow_the_content(request_draft: Draft) -> None:
    before = len(request_draft)
    request_draft["Called-AE-title"] = "A"
    request_draft["Abstract Syntax"] = "1.2.3"
    assert len(request_draft) == before - 12
    assert request_draft["PDU-length"] == len(request_draft) - 6
    assert codes(request_draft) == []


def test_an_overridden_length_stands_while_the_others_follow(request_draft: Draft) -> None:
    request_draft.override("Presentation Context/Item-length", 5)
    request_draft["Abstract Syntax"] = "1.2.3"
    assert request_draft["Presentation Context/Item-length"] == 5
    assert request_draft["PDU-length"] == len(request_draft) - 6
    assert codes(request_draft)


@pytest.mark.parametrize(
    ("path", "value", "clause"),
    [
        ("Called-AE-title", "SEVENTEEN-LETTERS", "holds 16 bytes.*PS3.8 Table 9-11"),
        ("Called-AE-title", "   ", "empty.*PS3.8 Table 9-11"),
        ("Called-AE-title", "BACK\\SLASH", "5CH.*PS3.5 6.2"),
        ("Called-AE-title", "RÖNTGEN", "D6H.*PS3.5 6.2"),
        ("Called-AE-title", "放射線", "no byte stands for.*PS3.8 Table 9-11"),
        ("Called-AE-title", 7, "takes a text"),
        ("Called-AE-title", b"ARCHIVE", "takes a text"),
        ("Reserved[2]", b"\0", "holds 32 bytes, 1 were given.*PS3.8 Table 9-11"),
        ("PDU-length", 9, "follows the content.*PS3.8 Table 9-11"),
        ("PDU-type", 9, "always 01H.*PS3.8 Table 9-11"),
        ("Presentation-context-ID", 2, "odd.*PS3.8 Table 9-13"),
        ("Presentation-context-ID", 257, "does not fit into 1 byte.*PS3.8 Table 9-13"),
        ("Abstract Syntax", "1.02", "leading zero.*PS3.5 9.1"),
        ("Implementation Version Name", "x" * 17, "17 characters.*PS3.7 D.3.3.2"),
        ("Maximum-length-received", 7, "no room.*PS3.8 D.1"),
        ("Protocol-version", 2, "bit 0.*PS3.8 Table 9-11"),
    ],
)
def test_a_refused_value_says_why_and_cites_the_clause(
    request_draft: Draft, path: str, value: Any, clause: str
) -> None:
    before = bytes(request_draft)
    with pytest.raises(BuildError, match=clause) as refused:
        request_draft[path] = value
    assert bytes(request_draft) == before
    assert "override" in refused.value.remedy


def test_an_ae_title_of_17_characters_can_be_sent_on_purpose(request_draft: Draft) -> None:
    request_draft.override("Called-AE-title", "SEVENTEEN-LETTERS")
    data = bytes(request_draft)
    assert data[10:27] == b"SEVENTEEN-LETTERS"
    assert int.from_bytes(data[2:6], "big") == len(data) - 6


def test_any_bytes_can_stand_for_a_field_or_an_item(request_draft: Draft) -> None:
    request_draft.override("Presentation-context-ID", b"\x01\x02\x03")
    request_draft.replace("User Information", b"\x50\x00")
    request_draft.replace("Application-context-name", b"?")
    assert bytes(request_draft).endswith(b"P\x00")
    assert request_draft["User Information"] == b"P\x00"
    assert b"\x10\x00\x00\x01?\x20\x00\x00\x30\x01\x02\x03" in bytes(request_draft)


def test_setting_a_field_takes_an_override_back(request_draft: Draft) -> None:
    request_draft.override("Called-AE-title", b"")
    request_draft["Called-AE-title"] = "ARCHIVE"
    assert codes(request_draft) == []


def test_an_override_can_be_taken_back(request_draft: Draft) -> None:
    before = bytes(request_draft)
    request_draft.override("PDU-length", 9)
    request_draft.override("PDU-length", None)
    assert bytes(request_draft) == before


def test_a_name_as_it_is_spelled_means_the_field_and_in_snake_case_the_item(
    request_draft: Draft,
) -> None:
    request_draft.replace("Implementation-class-uid", b"1.2.9")
    assert request_draft.pdu["Implementation-class-uid"].raw == b"1.2.9"
    assert request_draft.pdu["implementation_class_uid"].raw == b"\x52\x00\x00\x051.2.9"
    assert codes(request_draft) == []


def test_a_path_may_begin_with_the_pdu_and_names_may_hold_a_slash() -> None:
    abort = build("A-ABORT", source=2, reason_diag=6)
    assert abort["A-ABORT/Reason/Diag."] == 6
    assert abort.pdu["A-ABORT/Reason/Diag."].value == 6
    accept = build("A-ASSOCIATE-AC")
    assert accept["Presentation Context[0]/Result/Reason"] == 0


@pytest.mark.parametrize("look", [lambda d: d, lambda d: d.pdu, lambda d: d.pdu.root])
def test_what_has_paths_tells_which_lead_somewhere(request_draft: Draft, look: Any) -> None:
    request_draft.add("Presentation Context", abstract_syntax="1.2.3")
    shown = look(request_draft)
    assert "Called-AE-title" in shown
    assert "called_ae_title" in shown
    assert "Presentation Context" in shown  # both of them
    assert "Presentation Context[1]/Abstract Syntax" in shown
    assert "Presentation Context[2]" not in shown
    assert "PDV" not in shown


@pytest.mark.parametrize("look", [lambda d: d, lambda d: d.pdu, lambda d: d.pdu.root])
def test_what_has_paths_is_no_sequence(request_draft: Draft, look: Any) -> None:
    shown = look(request_draft)
    for ask in (lambda: shown[0], lambda: None in shown, lambda: shown["PDU-length[["]):
        with pytest.raises(BuildError, match=r"is no path\. Name|cannot read the step"):
            ask()
    with pytest.raises(TypeError, match="is not iterable"):
        list(shown)


def test_a_list_is_one_value_where_the_element_takes_many() -> None:
    draft = build(
        "N-GET-RQ",
        requested_sop_class_uid="1.2",
        requested_sop_instance_uid="1.3",
        attribute_identifier_list=[0x00100010, 0x00100020],
    )
    assert draft.pdu["Attribute Identifier List"].value == (0x00100010, 0x00100020)
    assert codes(draft) == []


def test_a_further_pdv_belongs_to_the_same_context() -> None:
    draft = build("C-ECHO-RQ", presentation_context_id=3)
    draft.add("PDV", message_control_header=2, fragment=b"ab")
    assert codes(draft) == []


def test_a_pdv_is_added_where_there_is_none() -> None:
    draft = build("P-DATA-TF")
    draft.remove("PDV")
    draft.add("PDV", message_control_header=2, fragment=b"ab")
    assert bytes(draft).endswith(b"\x01\x02ab")
    assert codes(draft) == []


def test_nothing_is_added_where_bytes_stand_for_the_item(request_draft: Draft) -> None:
    request_draft.replace("User Information", b"P\x00\x00\x00")
    with pytest.raises(BuildError, match="nothing in this A-ASSOCIATE-RQ can hold"):
        request_draft.add("User Identity Negotiation")


def test_items_are_added_where_their_table_has_them(request_draft: Draft) -> None:
    request_draft.add("User Identity Negotiation", primary_field=b"joe")
    request_draft.add("Asynchronous Operations Window")
    request_draft.add(
        "Presentation Context",
        abstract_syntax="1.2.840.10008.5.1.4.1.1.2",
        transfer_syntax=["1.2.840.10008.1.2", "1.2.840.10008.1.2.1"],
    )
    request_draft.add("Presentation Context[id=3]/Transfer Syntax", transfer_syntax_name="1.2.3")
    (one,) = decode(bytes(request_draft))
    assert one.findings == ()
    kinds = [item.code for item in one.fields if item.code]
    assert kinds == [0x10, 0x20, 0x20, 0x50]
    assert [item.code for item in one["User Information"].children if item.code] == [
        0x51, 0x52, 0x53, 0x55, 0x58,
    ]  # fmt: skip
    assert request_draft["Presentation Context[id=3]/Transfer Syntax[2]"] == "1.2.3"


def test_a_hundred_and_twenty_eight_contexts_have_the_odd_numbers(request_draft: Draft) -> None:
    for _ in range(127):
        request_draft.add("Presentation Context", abstract_syntax="1.2.3")
    assert codes(request_draft) == []
    ids = [
        one["Presentation-context-ID"].value for one in request_draft.pdu.fields if one.code == 0x20
    ]
    assert ids == list(range(1, 256, 2))
    with pytest.raises(BuildError, match=r"all 128 .* are taken \(PS3.8 Table 9-13\)"):
        request_draft.add("Presentation Context", abstract_syntax="1.2.3")
    assert codes(request_draft) == []


def test_a_context_too_many_is_sent_on_purpose(request_draft: Draft) -> None:
    for _ in range(127):
        request_draft.add("Presentation Context", abstract_syntax="1.2.3")
    request_draft.add("Presentation Context", presentation_context_id=255)
    assert len([one for one in request_draft.pdu.fields if one.code == 0x20]) == 129


@pytest.mark.parametrize(
    "edit",
    [
        lambda draft: draft.give("presentation_context", ["bad"]),
        lambda draft: draft.give("transfer_syntax", ["1.2.840.10008.1.2", "bad"]),
        lambda draft: draft.move("User Information", 1.0),
        lambda draft: draft.move("User Information", None),
    ],
)
def test_an_edit_that_fails_leaves_the_draft_as_it_was(request_draft: Draft, edit: Any) -> None:
    before = bytes(request_draft)
    with pytest.raises(BuildError):
        edit(request_draft)
    assert bytes(request_draft) == before


def test_items_and_elements_are_removed(request_draft: Draft) -> None:
    request_draft.remove("Presentation Context")
    request_draft.remove("Implementation Version Name")
    assert codes(request_draft) == ["item-missing"]
    echo = build("C-ECHO-RQ")
    echo.remove("Command Group Length")
    assert codes(echo) == ["cmd-group-length-missing"]


def test_items_and_elements_are_moved_among_those_beside_them(request_draft: Draft) -> None:
    request_draft.add("Presentation Context", abstract_syntax="1.2.3")
    request_draft.move("Presentation Context[id=3]", 1)
    assert request_draft["Presentation Context[0]/Abstract Syntax"] == "1.2.3"
    assert codes(request_draft) == []
    request_draft.move("User Information", 0)
    assert set(codes(request_draft)) == {"item-order"}
    echo = build("C-ECHO-RQ")
    echo.move("Message ID", 0)
    assert "cmd-order" in codes(echo)


def test_every_slot_is_found_by_its_path_and_lies_where_it_says(request_draft: Draft) -> None:
    request_draft.add("Presentation Context", transfer_syntax=["1.2.840.10008.1.2", "1.2.3"])
    request_draft.add("SCP/SCU Role Selection", sop_class_uid="1.2")
    request_draft.override("Called-AE-title", "SEVENTEEN-LETTERS")
    for draft in (request_draft, build("C-ECHO-RSP"), build("A-ABORT")):
        data, end = bytes(draft), 0
        for one in located(draft.slot):
            assert draft._find(one.path).part is one.slot.part
            assert draft._find(one.path).row == one.slot.row
            if not one.slot.children:
                assert one.start == end
                end = one.stop
        assert end == len(data)


def test_the_path_of_a_slot_is_no_longer_than_it_has_to_be(request_draft: Draft) -> None:
    request_draft.add("Presentation Context")
    names = [one.path for one in located(request_draft.slot)]
    assert "Called-AE-title" in names
    assert "Presentation Context[1]/Transfer Syntax/Transfer-syntax-name" in names
    assert "Implementation Version Name/Item-length" in names


def test_a_command_group_length_counts_what_follows_it() -> None:
    echo = build("C-ECHO-RSP")
    echo.add("Error Comment", value="odd")
    assert echo["Command Group Length"] == 66 + 8 + 4
    assert codes(echo) == []


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: build("C-ECO-RQ"), "Did you mean 'C-ECHO-RQ'"),
        (lambda: build("A-ABORT", sauce=2), "no field 'sauce' in A-ABORT"),
        (lambda: build("A-ASSOCIATE-RQ")["Caled-AE-title"], "Did you mean 'Called-AE-title'"),
        (lambda: build("A-ASSOCIATE-RQ")["Item-length"], "names 8 fields"),
        (lambda: build("A-ASSOCIATE-RQ")["PDU-length[["], "cannot read the step"),
        (lambda: build("A-ASSOCIATE-RQ").add("PDV"), "nothing in this A-ASSOCIATE-RQ can hold"),
        (lambda: build("A-ASSOCIATE-RQ").remove("Called-AE-title"), "always has"),
        (lambda: build("A-ASSOCIATE-RQ").override("PDU-length", -1), "does not fit"),
        (lambda: build("A-ASSOCIATE-RQ").move("User Information", 3), "moved to 0..2, not to 3"),
        (lambda: build("A-ASSOCIATE-RQ").move("Called-AE-title", 0), "always has"),
    ],
)
def test_misuse_is_one_clear_line(make: Any, message: str) -> None:
    with pytest.raises(BuildError, match=message.replace("[", r"\[")) as refused:
        make()
    assert "\n" not in str(refused.value)


def test_content_that_no_length_field_can_say_is_refused(request_draft: Draft) -> None:
    request_draft.override("Implementation-version-name", b"x" * 70_000)
    with pytest.raises(BuildError, match="more than Item-length can say"):
        bytes(request_draft)


def test_a_draft_shows_what_a_receiver_makes_of_it(request_draft: Draft) -> None:
    request_draft.override("PDU-length", 200)
    request_draft.add("Presentation Context", abstract_syntax="1.2.3")
    assert [one.type for one in request_draft.pdus] == ["A-ASSOCIATE-RQ", None]
