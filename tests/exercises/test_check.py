"""Answers are compared byte by byte, and the first thing to look at is said."""

from __future__ import annotations

import pytest

from dicomlab.exercises import EXERCISES, check
from dicomlab.model import BuildError, DicomlabError
from dicomlab.protocol.build import build

RELEASE = bytes.fromhex("05000000000400000000")


@pytest.mark.parametrize("name", EXERCISES)
def test_the_right_answer_is_right_as_a_draft_a_pdu_and_bytes(name: str) -> None:
    draft = EXERCISES[name].right()
    for answer in (draft, draft.pdu, bytes(draft), bytearray(bytes(draft))):
        result = check(name, answer)
        assert result.ok
        result.raise_if_wrong()
        assert "right, byte for byte" in str(result)


@pytest.mark.parametrize("name", EXERCISES)
def test_a_blank_answer_fails_kindly(name: str) -> None:
    assert "There are no bytes yet" in str(check(name, b""))


@pytest.mark.parametrize(
    ("answer", "nudge"),
    [
        (b"\x06" + RELEASE[1:], "byte 0: PDU-type should say 05H"),
        (bytes.fromhex("05000400000000000000"), "wrong order: mind the byte order"),
        (bytes.fromhex("05000000000a00000000"), "counts the bytes behind itself"),
        (RELEASE[:6], "Reserved at byte 6 is missing"),
        (RELEASE + b"\0", "The PDU ends after 10 bytes"),
    ],
)
def test_a_wrong_answer_gets_a_nudge_and_a_clause(answer: bytes, nudge: str) -> None:
    result = check("01-1", answer)
    assert not result.ok
    assert nudge in str(result)
    assert "PS3.8" in str(result)
    with pytest.raises(AssertionError, match="01-1"):
        result.raise_if_wrong()


def test_both_are_shown_side_by_side_with_the_difference_marked() -> None:
    result = check("01-2", build("C-ECHO-RQ", message_id=1, presentation_context_id=3))
    marked = [line for line in result.table().splitlines() if line.startswith(">")]
    assert len(marked) == 1
    assert "01 00" in marked[0]
    assert "07 09" in marked[0]
    assert "Message ID" in marked[0]
    assert "<details>" in result._repr_mimebundle_()["text/html"]


def test_what_is_no_answer_is_one_clear_line() -> None:
    with pytest.raises(DicomlabError, match="There are 01-1, 01-2"):
        check("99-9", b"")
    with pytest.raises(BuildError, match="bytes or a draft"):
        check("01-1", "05 00")  # type: ignore[arg-type]
