"""One PDU sent to real peers: what they answer, and what is said where they do not."""

from __future__ import annotations

import socket

import pytest

from dicomlab.model import Association
from dicomlab.net.faults import FaultSCP
from dicomlab.net.scp import EchoSCP
from dicomlab.protocol.build import Draft, build
from dicomlab.protocol.edits import Workpiece
from dicomlab.protocol.mistakes import MISTAKES, Mistake
from dicomlab.widgets.send import Answer, Sent, answer, opening, send

pytestmark = pytest.mark.usefixtures("nothing_left")
SENT_ONES = [(name, one) for name, some in MISTAKES.items() for one in some if one.must_be_sent]


def sent(draft: Draft, scp: EchoSCP, timeout: float = 5.0) -> Sent:
    return send(bytes(draft), opening(draft, scp.ae_title), *scp.address, timeout=timeout)


def titles(shown: Answer) -> list[str]:
    return [one.title for one in shown.heard]


def ended(what: Sent) -> str:
    assert isinstance(what.whole, Association)
    return what.whole.outcome.ended


def test_a_request_is_sent_as_it_is_and_released_when_it_is_accepted() -> None:
    draft = build("A-ASSOCIATE-RQ", called_ae_title="ARCHIVE")
    with EchoSCP("ARCHIVE", require_called_ae_title=True) as scp:
        what = sent(draft, scp)
    assert titles(answer(what)) == ["A-ASSOCIATE-AC", "A-RELEASE-RP"]
    assert (answer(what).problem, answer(what).reasons.tone, ended(what)) == (
        "",
        "good",
        "released",
    )
    assert isinstance(what.whole, Association)
    assert bytes(what.whole.pdus[0]) == bytes(draft)


@pytest.mark.parametrize("context", [1, 3, 255])
def test_a_message_goes_over_an_association_that_is_made_for_it(context: int) -> None:
    draft = build("C-ECHO-RQ", message_id=7, presentation_context_id=context)
    with EchoSCP("ARCHIVE", require_called_ae_title=True) as scp:
        what = sent(draft, scp)
    assert titles(answer(what)) == ["A-ASSOCIATE-AC", "P-DATA-TF · C-ECHO-RSP", "A-RELEASE-RP"]
    assert ended(what) == "released"


def test_a_release_and_an_abort_go_over_an_association_too() -> None:
    with EchoSCP() as scp:
        assert titles(answer(sent(build("A-RELEASE-RQ"), scp)))[-1] == "A-RELEASE-RP"
        assert ended(sent(build("A-ABORT"), scp)) == "aborted"


def test_a_rejection_is_an_answer_and_says_who_changes_what() -> None:
    with FaultSCP("reject=1/1/7") as scp:
        for name in ("A-ASSOCIATE-RQ", "C-ECHO-RQ"):
            shown = answer(sent(build(name), scp))
            assert titles(shown) == ["A-ASSOCIATE-RJ"]
            assert shown.reasons.tone == "error"
            assert shown.reasons.causes[0].change


@pytest.mark.parametrize(
    ("fault", "problem"),
    [("close", "then closed the connection"), ("reset", "broke the connection")],
)
def test_a_peer_that_goes_away_is_told_with_a_remedy(fault: str, problem: str) -> None:
    with FaultSCP(fault) as scp:
        shown = answer(sent(build("A-ASSOCIATE-RQ"), scp))
    assert problem in shown.problem
    assert "Look into the log" in shown.remedy


def test_a_peer_that_keeps_silent_is_not_waited_for_in_vain() -> None:
    draft = build("A-ASSOCIATE-RQ")
    draft.override("PDU-length", 65535)
    with EchoSCP() as scp:
        shown = answer(sent(draft, scp, timeout=0.2))
    assert "sent nothing within 0.2 s" in shown.problem
    assert "pdu-truncated" in [one.code for one in shown.findings.notes]


def test_where_nobody_listens_there_is_no_conversation() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    what = send(bytes(build("A-ASSOCIATE-RQ")), None, "127.0.0.1", port)
    shown = answer(what)
    assert (what.capture, what.whole, shown.heard) == (None, None, ())
    assert "nothing listens at" in shown.problem
    assert "Start the DICOM application" in shown.remedy


@pytest.mark.parametrize(("name", "mistake"), SENT_ONES, ids=lambda one: getattr(one, "title", one))
def test_a_mistake_that_must_be_sent_gives_its_finding(name: str, mistake: Mistake) -> None:
    piece = Workpiece(name)
    if name == "A-ASSOCIATE-RQ":
        piece["Called-AE-title"] = "ECHOSCP"
    piece.do(mistake.edit)
    with EchoSCP("ECHOSCP", require_called_ae_title=True) as scp:
        shown = answer(sent(piece, scp, timeout=0.3))
    assert mistake.code in [one.code for one in shown.findings.notes]
