"""The JSON of a capture is what the contract promises to programs that read it."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from typing import Any

import pytest

from dicomlab.dissect.associations import from_exchange
from dicomlab.model import Capture, Endpoint, Side
from dicomlab.protocol.build import build
from dicomlab.views.contract import SCHEMA, to_json, write

TIME = 1_700_000_000_000_000_000
RQ = bytes(build("A-ASSOCIATE-RQ", called_ae_title="ARCHIVE", calling_ae_title="TRAINEE"))
ECHO = bytes(build("C-ECHO-RQ", message_id=7, presentation_context_id=1))


def capture(*talk: tuple[Side, bytes | None]) -> Capture:
    ends = Endpoint("127.0.0.1", 40000), Endpoint("::1", 104)
    return from_exchange(((TIME + n, *one) for n, one in enumerate(talk)), *ends)


@pytest.fixture
def document() -> dict[str, Any]:
    """An echo that the acceptor aborts, as a program reads it."""
    abort = bytes(build("A-ABORT", source=2, reason_diag=2))
    file = io.StringIO()
    accept = bytes(build("A-ASSOCIATE-AC"))
    write(
        capture(("requestor", RQ), ("acceptor", accept), ("requestor", ECHO), ("acceptor", abort)),
        file,
    )
    return json.loads(file.getvalue())


def test_the_keys_are_those_of_the_contract(document: dict[str, Any]) -> None:
    assert document["schema"] == SCHEMA == "dicomlab.dissection/1"
    assert set(document) == {"schema", "capture", "associations", "connections"}
    assert set(document["capture"]) >= {
        "file",
        "format",
        "packets",
        "link_types",
        "first_time",
        "last_time",
        "truncated_packets",
        "unread_packets",
        "damage",
    }
    (association,) = document["associations"]
    assert set(association) >= {
        "connection",
        "requestor",
        "acceptor",
        "calling_ae_title",
        "called_ae_title",
        "application_context",
        "outcome",
        "presentation_contexts",
        "negotiation",
        "pdus",
        "messages",
        "missing_bytes",
        "retransmitted_segments",
        "out_of_order_segments",
        "findings",
    }
    assert association["outcome"] == {
        "ended": "aborted",
        "by": "acceptor",
        "result": None,
        "source": 2,
        "reason": 2,
    }


def test_ends_pdus_and_messages(document: dict[str, Any]) -> None:
    (association,) = document["associations"]
    assert (association["requestor"], association["acceptor"]) == ("127.0.0.1:40000", "[::1]:104")
    assert association["pdus"][2] == {
        "from": "requestor",
        "type": "P-DATA-TF",
        "start": len(RQ),
        "end": len(RQ) + 80,
        "frames": None,
        "time": "1700000000.000000002",
        "complete": True,
    }
    (message,) = association["messages"]
    assert message["type"] == "C-ECHO-RQ"
    assert (message["message_id"], message["responding_to"], message["status"]) == (7, None, None)
    assert (message["start"], message["end"]) == (len(RQ), len(RQ) + 80)
    assert (message["dataset_bytes"], message["complete"]) == (None, True)


def test_an_incomplete_pdu_ends_where_it_says() -> None:
    (association,) = to_json(capture(("requestor", RQ[:100])))["associations"]
    (pdu,) = association["pdus"]
    assert (pdu["end"], pdu["complete"]) == (len(RQ), False)


def test_a_finding_brings_its_evidence() -> None:
    (association,) = to_json(capture(("requestor", RQ[:1] + b"\7" + RQ[2:])))["associations"]
    (found,) = [one for one in association["findings"] if one["code"] == "reserved-nonzero"]
    assert found["evidence"] == {"from": "requestor", "start": 1, "stop": 2, "frames": None}
    assert all(found[key] for key in ("severity", "what", "why", "remedy", "clause"))


def test_a_connection_without_association() -> None:
    (connection,) = to_json(capture(("requestor", b"GET / HTTP/1.1")))["connections"]
    assert connection["kind"] == "not-dicom"
    assert connection["bytes"] == {"requestor": 14, "acceptor": 0}
    assert [one["code"] for one in connection["findings"]] == ["not-dicom-http"]


@pytest.mark.parametrize(
    ("digits", "shown"), [(9, "1700000000.000000000"), (6, "1700000000.000000"), (0, "1700000000")]
)
def test_times_have_the_precision_of_the_file(digits: int, shown: str) -> None:
    found = replace(capture(("requestor", RQ)), digits=digits)
    assert to_json(found)["capture"]["first_time"] == shown


def test_what_a_peer_sent_cannot_break_the_document() -> None:
    draft = build("A-ASSOCIATE-RQ")
    draft.override("Calling-AE-title", b"\x1b[31m\xff</script>\0")
    file = io.StringIO()
    write(capture(("requestor", bytes(draft))), file)
    assert file.getvalue().isascii()
    assert json.loads(file.getvalue())["associations"][0]["calling_ae_title"].startswith("\x1b[31m")
