"""PDUs whose lengths all agree, and in which one field has the wrong number of bytes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest

from dicomlab.api import echo
from dicomlab.model import PeerError
from dicomlab.net.scp import EchoSCP
from dicomlab.net.scu import SCU
from dicomlab.protocol.build import Draft, build

VALUES = (b"", b"\x01", b"\x40\x00", bytes(5), bytes(range(16)))


def fields_of(name: str) -> list[str]:
    """Each field that is not a length and not reserved, by a path of its own."""
    pdu = build(name).pdu
    direct = [one.name for one in pdu.fields if not one.children]
    inner = [
        f"{field.name}/{leaf.name}"
        for field in pdu.walk()
        for leaf in field.children
        if not leaf.children
    ]
    unwanted = ("length", "reserved")
    return [one for one in [*direct, *inner] if not any(word in one.lower() for word in unwanted)]


def damaged(name: str) -> Iterator[tuple[str, Draft]]:
    for path in fields_of(name):
        for value in VALUES:
            draft = build(name)
            draft.override(path, value)
            yield f"{path} = {value!r}", draft


def test_no_request_with_a_field_of_the_wrong_size_stops_the_server() -> None:
    with EchoSCP() as scp:
        for _, request in damaged("A-ASSOCIATE-RQ"):
            # it may hang up on what it cannot take apart
            with suppress(PeerError), SCU(*scp.address, timeout=5) as scu:
                scu.send(request)
                if scu.receive().type == "A-ASSOCIATE-AC":
                    scu.send(build("C-ECHO-RQ"))
                    scu.receive()
        assert echo(*scp.address).ok


@pytest.mark.parametrize("name", ["A-ASSOCIATE-AC", "C-ECHO-RSP"])
def test_no_answer_with_a_field_of_the_wrong_size_is_more_than_an_answer(
    name: str, scripted: Callable[..., Any]
) -> None:
    good = [build("A-ASSOCIATE-AC"), build("C-ECHO-RSP"), build("A-RELEASE-RP")]
    place = {"A-ASSOCIATE-AC": 0, "C-ECHO-RSP": 1}[name]
    for what, answer in damaged(name):
        replies = [*good[:place], answer, *good[place + 1 :]]
        address = scripted(*({"send": bytes(reply).hex()} for reply in replies))
        result = echo(*address, timeout=1)
        broken = any(found.severity == "error" for found in result.findings)
        assert result.ok or broken, what


def test_messages_without_their_data_sets_are_not_collected() -> None:
    store = build("C-STORE-RQ", affected_sop_class_uid="1.2.3", affected_sop_instance_uid="1.2.4")
    with EchoSCP() as scp, SCU(*scp.address) as scu:
        scu.send(build("A-ASSOCIATE-RQ"))
        scu.receive()
        scu.send(store)
        scu.send(store)
        assert scu.receive().type == "A-ABORT"


def test_contradicting_answers_for_one_context_are_no_success(scripted: Callable[..., Any]) -> None:
    accept = build("A-ASSOCIATE-AC")
    accept.add("Presentation Context", presentation_context_id=1, result_reason=3)
    replies = [accept, build("C-ECHO-RSP"), build("A-RELEASE-RP")]
    result = echo(*scripted(*({"send": bytes(reply).hex()} for reply in replies)), timeout=1)
    assert (result.ok, result.layer) == (False, "context")
