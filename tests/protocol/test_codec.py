"""Decoding is total, tiles its input, and is undone by encoding."""

from __future__ import annotations

import time
import tracemalloc
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dicomlab.model import Pdu
from dicomlab.protocol.build import build
from dicomlab.protocol.codec import Decoder, decode
from dicomlab.protocol.upper_layer import UpperLayer
from tests.protocol.cases import CASES, Case

each_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)


def assert_accounted_for(data: bytes, pdus: list[Pdu], start: int = 0) -> None:
    """Every byte belongs to one leaf, and the leaves encode to the bytes again."""
    at = start
    for pdu in pdus:
        for leaf in pdu.leaves():
            assert leaf.start == at
            at = leaf.stop
        for field in pdu.walk():
            if field.children:
                assert field.start == field.children[0].start
                assert field.stop == field.children[-1].stop
    assert at == start + len(data)
    assert b"".join(map(bytes, pdus)) == data


@each_case
def test_bytes_give_the_fields_and_findings(case: Case) -> None:
    (pdu,) = decode(case.data)
    assert {path: pdu[path].value for path in case.fields} == case.fields
    assert tuple(found.code for found in pdu.findings) == case.findings
    assert_accounted_for(case.data, [pdu])


@each_case
def test_the_draft_gives_the_bytes(case: Case) -> None:
    assert bytes(case.make()).hex(" ") == case.data.hex(" ")


@each_case
def test_each_beginning_of_a_pdu_is_accounted_for(case: Case) -> None:
    for size in range(len(case.data)):
        assert_accounted_for(case.data[:size], decode(case.data[:size]))


@each_case
def test_a_whole_pdu_arrives_byte_by_byte_as_it_does_at_once(case: Case) -> None:
    if len(case.data) != 6 + int.from_bytes(case.data[2:6], "big"):
        return  # a length that lies is not a whole PDU
    layer = UpperLayer("acceptor")
    layer.step("Evt5")
    for byte in case.data:
        assert layer.next_pdu() is None
        layer.receive_data(bytes([byte]))
    received = layer.next_pdu()
    assert received is not None
    assert bytes(received.pdu) == case.data


def test_the_worked_example_decodes_field_by_field(tables: dict[str, Any]) -> None:
    for example in tables["worked_example"]["pdus"]:
        data = bytes.fromhex(example["hex"])
        (pdu,) = decode(data)
        assert pdu.findings == ()
        expected = [(f["offset"], f["hex"]) for f in example["fields"]]
        assert [(f.start, f.raw.hex()) for f in pdu.leaves()] == expected


def test_malformed_input_gives_the_findings_that_its_bytes_show(tables: dict[str, Any]) -> None:
    # what needs the other direction, a state, a configuration or a clock is found elsewhere
    beyond = {
        "ok", "sequence-unexpected-pdu", "ae-unknown", "abstract-syntax-unsupported",
        "context-id-not-proposed", "fragment-order", "fragment-incomplete", "cmd-data-set-flag",
        "response-unexpected", "service-not-in-sop-class", "peer-silent", "max-length-exceeded",
    }  # fmt: skip
    for case in tables["malformed_cases"]:
        data = bytes.fromhex("".join(case["segments_hex"] or []))
        pdus = decode(data)
        assert_accounted_for(data, pdus)
        codes = {found.code for pdu in pdus for found in pdu.findings}
        assert set(case["expected"]) - beyond <= codes, case["id"]
        if set(case["expected"]) <= beyond:
            assert codes == set(), case["id"]


def test_a_cut_pdu_says_once_that_it_is_cut() -> None:
    whole = CASES[0].data
    for size in range(6, len(whole)):
        (pdu,) = decode(whole[:size])
        assert [found.code for found in pdu.findings] == ["pdu-truncated"], size
        assert not pdu.complete


def test_a_passcode_is_masked_wherever_its_bytes_land() -> None:
    request = build("A-ASSOCIATE-RQ")
    request.add("User Identity Negotiation", user_identity_type=2, secondary_field=b"s3cret")
    item = request.pdu["User Identity Negotiation"].raw
    request.override("Secondary-field-length", 0)
    accept = build("A-ASSOCIATE-AC")
    accept.replace("Implementation Version Name", item)
    for draft in (request, accept):
        (leaf,) = [one for one in draft.pdu.leaves() if b"s3cret" in one.raw]
        assert leaf.secret
        assert "masked" in leaf.text


def test_the_items_of_an_answer_cite_the_tables_of_an_answer(tables: dict[str, Any]) -> None:
    known = {one["type"]: one["table_ac"] for one in tables["items"]}
    items = [one for one in build("A-ASSOCIATE-AC").pdu.walk() if one.code and one.children]
    assert {one.code for one in items} == {0x10, 0x21, 0x40, 0x50, 0x51, 0x52, 0x55}
    assert all(one.clause == known[one.code] for one in items)


def test_a_length_allocates_nothing() -> None:
    data = bytes.fromhex("0100ffffffff") + CASES[0].data[6:]
    tracemalloc.start()
    decode(data)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1 << 20


def test_offsets_count_from_the_start_that_is_given() -> None:
    data = CASES[0].data + CASES[4].data
    pdus = decode(data, start=1000)
    assert [(pdu.start, pdu.stop) for pdu in pdus] == [(1000, 1178), (1178, 1188)]
    assert_accounted_for(data, pdus, 1000)
    assert pdus[1].findings[0].span == pdus[1]["Reason/Diag."].span


def test_bytes_behind_a_wrong_length_are_said_to_be_misaligned() -> None:
    whole, rest = decode(bytes.fromhex("050000000003 00000000"))
    assert [found.code for found in whole.findings] == ["pdu-length-wrong-fixed"]
    assert (rest.type, [found.code for found in rest.findings]) == (None, ["stream-misaligned"])


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"GET / HTTP/1.1\r\nHost: pacs\r\n\r\n", "not-dicom-http"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "not-dicom-http"),
        (b"<!DOCTYPE HTML>\n<html lang=en>", "not-dicom-http"),
        (bytes.fromhex("16030100a5010000a1"), "not-dicom-tls"),
        (bytes.fromhex("15030300020228"), "not-dicom-tls"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "not-dicom-ssh"),
        (b"\x0bMSH|^~\\&|", "not-dicom-other"),
        (b"\x01", "pdu-header-truncated"),
    ],
)
def test_what_is_no_dicom_is_named(data: bytes, code: str) -> None:
    (pdu,) = decode(data)
    assert [found.code for found in pdu.findings] == [code]
    assert_accounted_for(data, [pdu])


def test_the_last_fragment_of_a_begun_command_set_is_no_command_set() -> None:
    first = bytes.fromhex("040000000012 0000000e 01 01 0000000004000000 38000000")
    second = bytes.fromhex("040000000010 0000000c 01 03 0000100102000000 0700")
    _, tail = Decoder().decode(first + second)
    assert tail["Fragment"].raw == bytes.fromhex("00001001020000000700")
    assert decode(second)[0]["Message ID"].value == 7


def test_items_nested_without_end_cost_no_more_than_their_bytes() -> None:
    nested = b"".join(
        b"\x50\x00" + (4 * (left - 1)).to_bytes(2, "big") for left in range(16000, 0, -1)
    )
    data = bytes.fromhex("0100") + (68 + len(nested)).to_bytes(4, "big") + CASES[0].data[6:74]
    assert_accounted_for(data + nested, decode(data + nested))


def test_time_grows_with_the_input_and_no_faster() -> None:
    def seconds(count: int) -> float:
        body = bytes.fromhex("00000002 0101") * count
        data = b"\x04\x00" + len(body).to_bytes(4, "big") + body
        begin = time.perf_counter()
        decode(data)
        return time.perf_counter() - begin

    seconds(100)
    assert seconds(20_000) < 25 * max(seconds(2_000), 0.005)


# --- properties ---------------------------------------------------------------------------------

seeds = st.sampled_from([case.data for case in CASES])


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """PDUs one after the other, with bytes changed, taken out, put in, or cut off."""
    data = bytearray(b"".join(draw(st.lists(seeds, min_size=1, max_size=3))))
    for _ in range(draw(st.integers(0, 6))):
        at = draw(st.integers(0, len(data)))
        piece = draw(st.sampled_from([b"\x00", b"\xff", b"\x01", b"\x50", b"\x7f\xff", b""]))
        data[at : at + draw(st.integers(0, 4))] = piece
    return bytes(data[: draw(st.integers(0, len(data)))] if draw(st.booleans()) else data)


@settings(
    max_examples=20_000, deadline=None, suppress_health_check=list(HealthCheck), database=None
)
@given(damaged())
def test_damaged_pdus_are_accounted_for(data: bytes) -> None:
    assert_accounted_for(data, decode(data))


@settings(max_examples=1_000, deadline=None, database=None)
@given(st.binary(max_size=300), st.integers(0, 9))
def test_any_bytes_are_accounted_for(data: bytes, first: int) -> None:
    data = bytes([first]) + data
    assert_accounted_for(data, decode(data))
