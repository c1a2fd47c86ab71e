"""Messages out of fragments."""

from __future__ import annotations

import pytest

from dicomlab.model import Message
from dicomlab.protocol.build import build
from dicomlab.protocol.codec import Decoder
from dicomlab.protocol.dimse import Assembler

ECHO = bytes(build("C-ECHO-RQ", message_id=7))[12:]
STORE = bytes(
    build(
        "C-STORE-RQ",
        message_id=9,
        affected_sop_class_uid="1.2.840.10008.5.1.4.1.1.2",
        affected_sop_instance_uid="1.2.3",
    )
)[12:]


def pdu(*pdvs: tuple[int, int, bytes]) -> bytes:
    """A P-DATA-TF of (presentation context ID, message control header, fragment)."""
    body = b"".join(
        (len(fragment) + 2).to_bytes(4, "big") + bytes([context, header]) + fragment
        for context, header, fragment in pdvs
    )
    return b"\x04\x00" + len(body).to_bytes(4, "big") + body


def assemble(*pdus: bytes) -> tuple[list[Message], list[Message]]:
    assembler = Assembler("requestor")
    completed = [m for one in Decoder().decode(b"".join(pdus)) for m in assembler.feed(one)]
    return completed, assembler.rest()


def test_a_message_in_one_pdv_is_complete() -> None:
    (message,), rest = assemble(pdu((1, 3, ECHO)))
    assert (message.type, message.message_id, message.context_id) == ("C-ECHO-RQ", 7, 1)
    assert (message.complete, message.dataset_bytes, message.start, message.stop) == (
        True,
        None,
        0,
        80,
    )
    assert not rest


@pytest.mark.parametrize("cut", range(2, len(ECHO), 2))
def test_a_command_set_may_be_cut_anywhere(cut: int) -> None:
    (message,), _ = assemble(pdu((1, 1, ECHO[:cut])), pdu((1, 3, ECHO[cut:])))
    assert (message.type, message.message_id, message.findings) == ("C-ECHO-RQ", 7, ())
    assert message.stop == 80 + 12
    element = message.element("Message ID")
    assert element is not None
    data = pdu((1, 1, ECHO[:cut])) + pdu((1, 3, ECHO[cut:]))
    spans = message.spans(element)
    assert b"".join(data[span.start : span.stop] for span in spans) == element.raw


def test_a_data_set_is_counted_to_its_last_fragment() -> None:
    pdus = [pdu((1, 3, STORE), (1, 0, b"ab")), pdu((1, 0, b"cdef")), pdu((1, 2, b"gh"))]
    (message,), rest = assemble(*pdus)
    assert (message.dataset_bytes, message.complete, message.stop) == (8, True, len(b"".join(pdus)))
    (begun,) = assemble(*pdus[:2])[1]
    assert (begun.dataset_bytes, begun.complete) == (6, False)
    assert not rest


def test_messages_of_two_contexts_may_interleave() -> None:
    (echo, store), _ = assemble(pdu((1, 3, STORE)), pdu((3, 3, ECHO)), pdu((1, 2, b"ab")))
    assert (echo.type, store.type, store.dataset_bytes) == ("C-ECHO-RQ", "C-STORE-RQ", 2)


def test_a_message_that_is_left_for_another_is_not_lost() -> None:
    completed, rest = assemble(pdu((1, 3, STORE), (1, 0, b"ab")), pdu((1, 3, ECHO)))
    assert [one.type for one in completed] == ["C-ECHO-RQ"]
    assert [(one.type, one.dataset_bytes, one.complete) for one in rest] == [
        ("C-STORE-RQ", 2, False)
    ]


def test_a_data_set_that_belongs_to_nothing_is_passed_over() -> None:
    assert assemble(pdu((1, 2, b"ab")), pdu((1, 1, ECHO[:8])), pdu((1, 0, b"cd"))) == ([], [])


def test_a_command_set_without_end_is_not_kept() -> None:
    assembler = Assembler("requestor")
    endless = Decoder().decode(pdu((1, 1, bytes(1 << 16))))[0]
    for _ in range(100):
        assert assembler.feed(endless) == []
    (message,) = assembler.feed(Decoder().decode(pdu((1, 3, b"")))[0])
    assert len(message.fragments) <= 16


def test_values_of_the_wrong_size_are_no_values() -> None:
    draft = build("C-ECHO-RQ")
    draft.override("Message ID", b"\x01\x00\x02\x00")
    (message,), _ = assemble(bytes(draft))
    assert message.message_id is None
