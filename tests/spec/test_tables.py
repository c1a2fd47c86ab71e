"""The tables of ``spec`` say what the standard says: compared row by row with tables made apart."""

from __future__ import annotations

import re
from typing import Any

import pytest
from pydicom._uid_dict import UID_dictionary

from dicomlab.model import Layout, Role, Row
from dicomlab.spec import command, findings, names, pdu, state
from dicomlab.spec.kinds import AE_TITLE, BYTES, CODE, TEXT, U8, U16, U32, UID

KINDS = {
    "u8": {U8, CODE},
    "u16be": {U16},
    "u32be": {U32},
    "uid": {UID},
    "ascii": {TEXT},
    "ascii-space-padded": {AE_TITLE},
    "bytes": {BYTES, AE_TITLE, U32, pdu.FRAGMENT},
    "items": {pdu.ITEMS},
    "pdv-items": {pdu.LIST},
    "list of (u16be length, uid)": {pdu.LIST},
}
# lengths that the tables write as a formula over earlier length fields
FORMULA = {"n": 0, "m": 1, "k": 2}


def sized_by(layout: Layout, row: Row) -> object:
    """The size of a row as the reference writes it: a number, a letter for a length field, rest."""
    if isinstance(row.size, str):
        lengths = [one.name for one in layout.rows if layout.sized_by(one)]
        return "nmk"[lengths.index(row.size)]
    if row.size is not None:
        return row.size
    return row.kind.size if row.kind.size is not None else "rest"


def compare(layout: Layout, fields: list[dict[str, Any]]) -> None:
    assert [row.name for row in layout.rows] == [one["name"] for one in fields]
    offset = 0
    for row, one in zip(layout.rows, fields, strict=True):
        assert row.kind in KINDS[one["type"]], (layout.name, row.name)
        expected = "rest" if one["size"] in ("item_length", "item_length-2") else one["size"]
        assert sized_by(layout, row) == expected, (layout.name, row.name)
        if isinstance(one["offset"], int):
            assert offset == one["offset"], (layout.name, row.name)
            offset += one["size"] if isinstance(one["size"], int) else 0
        if one.get("reserved"):
            assert row.role is Role.RESERVED
        if isinstance(one.get("value"), int) and row.role is not Role.LENGTH:
            assert row.default == one["value"], (layout.name, row.name)


def test_each_pdu_has_the_fields_of_its_table(tables: dict[str, Any]) -> None:
    assert len(tables["pdus"]) == len(pdu.PDUS) == 7
    for one in tables["pdus"]:
        layout = pdu.PDUS[one["type"]]
        assert (layout.name, layout.clause) == (one["name"], one["table"])
        compare(layout, one["fields"])


def test_each_item_has_the_fields_of_its_table(tables: dict[str, Any]) -> None:
    by_code = {layout.code: layout for layout in reversed(pdu.ITEM_LAYOUTS)}  # an RQ's comes first
    assert sorted(by_code) == sorted(one["type"] for one in tables["items"])
    for one in tables["items"]:
        layout = by_code[one["type"]]
        assert layout.name == re.sub(r" \((RQ|AC)\)$", "", one["name"])
        table = one["table_rq"] or one["table_ac"]
        assert table.split(" (+")[0] == layout.clause
        compare(layout, one["fields"])


def test_the_user_information_of_an_accept_has_the_table_of_an_accept(
    tables: dict[str, Any],
) -> None:
    item = next(one for one in tables["items"] if one["type"] == 0x50)
    assert pdu.USER_INFORMATION_AC.clause == item["table_ac"]
    compare(pdu.USER_INFORMATION_AC, item["fields"])


def test_a_pdv_has_the_fields_of_its_table(tables: dict[str, Any]) -> None:
    assert tables["pdv"]["table"] == pdu.PDV.clause
    compare(pdu.PDV, tables["pdv"]["fields"])


@pytest.mark.parametrize(
    ("outer", "column"), [(pdu.A_ASSOCIATE_RQ, "count_rq"), (pdu.A_ASSOCIATE_AC, "count_ac")]
)
def test_items_stand_where_and_as_often_as_the_tables_allow(
    outer: Layout, column: str, tables: dict[str, Any]
) -> None:
    counts = [*outer.holds, *(inner for count in outer.holds for inner in count.layout.holds)]
    allowed = {count.layout.code: count for count in counts}
    for one in tables["items"]:
        stated = one[column].split(" ")[0].rstrip(",")
        count = allowed.get(one["type"])
        if stated == "0":
            assert count is None, one["name"]
            continue
        assert count is not None, one["name"]
        least, _, most = stated.partition("..")
        assert count.least == {"one": 1}.get(least, int(least) if least.isdigit() else -1)
        if not most and least.isdigit():
            assert count.most == int(least)
        if most == "1":
            assert count.most == 1
        if most == "n":
            assert count.most is None


def test_smallest_lengths_follow_from_the_rows(tables: dict[str, Any]) -> None:
    for one in tables["pdus"]:
        fixed = sum(row.size or row.kind.size or 0 for row in pdu.PDUS[one["type"]].rows) - 6
        if one["fixed_length"] is not None:
            assert fixed == one["fixed_length"]
        elif one["name"] != "P-DATA-TF":
            assert fixed == one["min_length"]


def test_codes_have_the_standards_names(tables: dict[str, Any]) -> None:
    reject, abort = tables["reject"], tables["abort"]
    assert {r["code"]: r["name"] for r in reject["results"]} == names.REJECT_RESULTS
    assert {s["code"]: s["name"] for s in reject["sources"]} == names.REJECT_SOURCES
    defined = {(r["source"], r["code"]): r["name"] for r in reject["reasons"] if not r["reserved"]}
    assert defined == names.REJECT_REASONS
    defined = {(r["source"], r["code"]): r["name"] for r in abort["reasons"] if not r["reserved"]}
    assert defined == names.ABORT_REASONS
    results = {r["code"]: r["name"] for r in tables["presentation_context_results"]}
    assert results == names.CONTEXT_RESULTS


def test_user_identity_types_and_priorities_are_named(tables: dict[str, Any]) -> None:
    (row,) = [one for one in pdu.USER_IDENTITY_RQ.rows if one.name == "User-Identity-Type"]
    assert set(names.USER_IDENTITY_TYPES) == {1, 2, 3, 4, 5}
    assert row.meaning is names.USER_IDENTITY_TYPES
    assert {one["value"]: one["name"] for one in tables["priority"]} == command.PRIORITIES


def test_states_events_and_actions_say_what_the_table_says(tables: dict[str, Any]) -> None:
    machine = tables["state_machine"]
    assert {one["state"]: one["meaning"] for one in machine["states"]} == state.STATES
    for one in machine["events"]:
        event = state.EVENTS[one["event"]]
        assert (event.source, event.meaning) == (one["source"], one["meaning"])
    for one in machine["actions"]:
        action, sends = state.ACTIONS[one["action"]], one["sends"] or ""
        assert action.does == one["does"]
        assert {out.sends for out in action.outcomes} - {None} == set(sends.split()[:1])
        sources = {
            f"A-ABORT source {out.source}" for out in action.outcomes if out.source is not None
        }
        assert sources == ({sends} if "source" in sends else set())
        timers = {out.artim for out in action.outcomes} - {None}
        assert timers == {word for word in ("start", "stop") if word in (one["artim"] or "")}


def test_statuses_have_the_class_of_annex_c(tables: dict[str, Any]) -> None:
    for one in tables["statuses"]["general"]:
        assert names.status_class(int(one["code"], 16)) == one["status_class"]
        assert int(one["code"], 16) in names.STATUSES


def test_command_elements_are_those_of_annex_e(tables: dict[str, Any]) -> None:
    assert len(tables["command_elements"]) == len(command.ELEMENTS)
    for one in tables["command_elements"]:
        row = command.ELEMENTS[int(one["tag"], 16)]
        expected = (one["name"], one["vr"], one["vm"], one["retired"], one["table"])
        assert (row.name, row.vr, row.vm, row.retired, row.clause) == expected


def test_messages_carry_the_elements_of_their_tables(tables: dict[str, Any]) -> None:
    known = {row.command_field: row.name for row in command.MESSAGES}
    assert {one["value"]: one["name"] for one in tables["command_fields"]} == known
    for one in tables["messages"]:
        row = command.BY_FIELD[int(one["command_field"], 16)]
        elements = {int(e["tag"], 16): e["usage"] for e in one["elements"]}
        assert set(row.elements) == set(elements), one["name"]
        mandatory = {*row.mandatory, *command.EVERYWHERE}
        assert mandatory == {tag for tag, usage in elements.items() if usage == "M"}, one["name"]
        assert row.data_set == one["data_set"]
        assert row.data_set_name == (one.get("data_set_name") or "Data Set")
        if not one["name"].startswith("C-CANCEL"):
            assert (row.name, row.clause) == (one["name"], one["message_table"])


def test_the_state_machine_is_table_9_10(tables: dict[str, Any]) -> None:
    machine = tables["state_machine"]
    cells = {(one["event"], one["state"]): one["action"] for one in machine["transitions"]}
    assert cells == state.TRANSITIONS
    assert list(state.STATES) == [one["state"] for one in machine["states"]]
    assert list(state.EVENTS) == [one["event"] for one in machine["events"]]
    for one in machine["actions"]:
        assert state.ACTIONS[one["action"]].next == tuple(one["next"])


def test_findings_keep_the_gravity_of_the_reference(tables: dict[str, Any]) -> None:
    known = {one["code"]: one["severity"] for one in tables["diagnoses"]}
    for code, row in findings.FINDINGS.items():
        assert row.severity == known.get(code, row.severity), code
        assert row.why.endswith(".")
        assert row.remedy.endswith(".")
        assert row.clause.startswith(("PS3.", "RFC")), code


def test_uids_are_named_as_they_are_registered() -> None:
    listed = names.APPLICATION_CONTEXTS | names.SOP_CLASSES | names.TRANSFER_SYNTAXES
    for uid, name in listed.items():
        registered = UID_dictionary[uid]
        assert (uid, registered[0]) == (uid, name)
    assert {UID_dictionary[uid][1] for uid in names.TRANSFER_SYNTAXES} == {"Transfer Syntax"}
    kinds = {UID_dictionary[uid][1] for uid in names.SOP_CLASSES}
    assert kinds == {"SOP Class", "Meta SOP Class"}
