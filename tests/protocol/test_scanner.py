"""Reading at speed gives what the tree gives, or leaves it to the tree."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicomlab.model import Part
from dicomlab.protocol.build import build
from dicomlab.protocol.codec import as_part, decode
from dicomlab.protocol.command_set import decode_command_set
from dicomlab.protocol.scanner import (
    Irregular,
    is_regular_data,
    is_regular_pdv,
    scan_command,
    scan_pdu,
)
from dicomlab.spec.pdu import PDUS, PDV
from tests.protocol.cases import CASES

WHOLE = [case.data for case in CASES if case.data[0] in PDUS and case.data[0] != 4]
COMMANDS = [
    pdv.children[-1].raw
    for case in CASES
    if case.data[0] == 4
    for pdv in decode(case.data)[0].root.children
    if pdv.name == PDV.name and pdv.children[-1].name == "Command Set"
]


def assert_same(data: bytes) -> bool:
    """Whether the scanner read it; then it gave the values and the findings of the tree."""
    try:
        part, found = scan_pdu(data, 1000)
    except Irregular:
        return False
    (pdu,) = decode(data, start=1000)
    assert [
        (one.code, one.what, one.span.start, one.span.stop)
        for one in pdu.findings
        if one.span is not None  # one without a byte counts too
    ] == found
    assert trimmed(part) == trimmed(as_part(pdu.root))
    return True


def trimmed(part: Part) -> Part:
    """Without what has no name of its own: the reserved fields, of which one name has several."""
    values = {name: value for name, value in part.values.items() if name != "Reserved"}
    return Part(part.name, part.code, values, tuple(map(trimmed, part.parts)))


def test_pdus_as_they_should_be_are_read() -> None:
    for name in ("A-ASSOCIATE-RQ", "A-ASSOCIATE-AC", "A-ASSOCIATE-RJ", "A-RELEASE-RQ", "A-ABORT"):
        assert assert_same(bytes(build(name)))


def test_every_known_case_is_read_as_the_tree_reads_it_or_left_to_it() -> None:
    read = [assert_same(data) for data in WHOLE]
    assert sum(read) > len(read) / 4


@given(
    data=st.sampled_from(WHOLE),
    changes=st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), max_size=3),
    cut=st.integers(0, 400),
)
def test_damaged_pdus_too(data: bytes, changes: list[tuple[int, int]], cut: int) -> None:
    damaged = bytearray(data)
    for at, value in changes:
        damaged[at % len(damaged)] = value
    for whole in (bytes(damaged), bytes(damaged[: cut % len(damaged) + 1])):
        if whole[0] in PDUS and whole[0] != 4:
            assert_same(whole)


@given(
    data=st.sampled_from(COMMANDS),
    changes=st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), max_size=3),
    cut=st.integers(0, 400),
)
def test_command_sets_are_read_as_the_tree_reads_them(
    data: bytes, changes: list[tuple[int, int]], cut: int
) -> None:
    damaged = bytearray(data)
    for at, value in changes:
        damaged[at % len(damaged)] = value
    for whole in (data, bytes(damaged), bytes(damaged[: cut % len(damaged) + 1])):
        try:
            values, found = scan_command(whole)
        except Irregular:
            assert whole != data or decode_command_set(data).findings or values_show(data)
            continue
        tree = decode_command_set(whole)
        assert values == {one.code: one.value for one in tree.children}
        shown = [one for field in tree.walk() for one in field.findings]
        assert found == [(f.code, f.what, f.span.start, f.span.stop) for f in shown if f.span]


def values_show(data: bytes) -> bool:
    return any(field.findings for field in decode_command_set(data).walk())


@given(message_id=st.integers(0, 0xFFFF), status=st.sampled_from([0, 0x0122, 0xFF00, 0xFFFE]))
def test_a_command_set_is_read_the_same_whatever_was_read_before(
    message_id: int, status: int
) -> None:
    answer = build("C-ECHO-RSP", message_id_being_responded_to=message_id, status=status)
    data = decode(bytes(answer))[0]["Command Set"].raw
    tree = decode_command_set(data)
    shown = [one.code for field in tree.walk() for one in field.findings]
    for _ in range(2):
        values, found = scan_command(data)
        assert values == {one.code: one.value for one in tree.children}
        assert [code for code, *_ in found] == shown
    other = data.replace(b"\x30\x80", b"\x30\x00")  # as long, and says that it is a request
    with pytest.raises(Irregular):
        scan_command(other)


@given(titles=st.lists(st.text("ABC \\", min_size=1, max_size=16), min_size=2, max_size=2))
def test_proposals_of_the_same_words_are_read_under_any_names(titles: list[str]) -> None:
    draft = build("A-ASSOCIATE-RQ")
    for name, title in zip(("Called-AE-title", "Calling-AE-title"), titles, strict=True):
        draft.override(name, title.ljust(16).encode())
    assert assert_same(bytes(draft))


@pytest.mark.parametrize("name", ["C-ECHO-RQ", "C-ECHO-RSP"])
def test_a_command_set_as_it_should_be_is_read(name: str) -> None:
    data = decode(bytes(build(name)))[0]["Command Set"].raw
    assert scan_command(data)[1] == []


@given(
    length=st.integers(2, 40), context_id=st.integers(0, 255), header=st.integers(0, 255),
    reserved=st.sampled_from([0, 0, 1]),
)  # fmt: skip
def test_a_single_pdv_is_regular_where_the_tree_finds_nothing(
    length: int, context_id: int, header: int, reserved: int
) -> None:
    pdv = length.to_bytes(4, "big") + bytes([context_id, header]) + b"\x08" * (length - 2)
    data = bytes([4, reserved]) + len(pdv).to_bytes(4, "big") + pdv
    regular = is_regular_pdv(length, context_id, header) and is_regular_data(
        reserved, ((context_id, header),)
    )
    assert regular == (decode(data)[0].findings == ())


@given(pdvs=st.lists(st.tuples(st.sampled_from([1, 3]), st.integers(0, 3)), max_size=4))
def test_several_pdvs_are_regular_where_the_tree_finds_nothing(pdvs: list[tuple[int, int]]) -> None:
    body = b"".join(b"\0\0\0\4" + bytes(pdv) + b"\x08\x08" for pdv in pdvs)
    pdu = decode(b"\4\0" + len(body).to_bytes(4, "big") + body)[0]
    assert is_regular_data(0, tuple(pdvs)) == (pdu.findings == ())
