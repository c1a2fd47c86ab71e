"""The sequence of an association, as Python sees it."""

from __future__ import annotations

from pathlib import Path
from time import perf_counter
from typing import Any

import pytest

import dicomlab as dl
from dicomlab.captures import from_exchange
from dicomlab.model import Association, Endpoint, Side
from dicomlab.spec.state import ACTIONS, EVENTS, STATES
from dicomlab.widgets import base
from dicomlab.widgets.segments import Segments
from dicomlab.widgets.sequence import Sequence
from tests.views import made

MS = 1_000_000
ENDS = Endpoint("10.0.0.1", 40000), Endpoint("10.0.0.2", 104)
Entry = tuple[int, Side, bytes]


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Association:
    """A C-ECHO with an SCP of ours, recorded through a relay."""
    path = tmp_path_factory.mktemp("sequence") / "echo.pcapng"
    with dl.EchoSCP(ae_title="ARCHIVE") as scp, dl.record(scp, path=path, method="relay") as record:
        assert dl.echo(*record.address, called_ae_title="ARCHIVE").ok
    return dl.dissect(path).associations[0]


def differing(pdus: int) -> list[Entry]:
    """A conversation in which no exchange is like the one before."""
    said: list[Entry] = [
        (0, "requestor", bytes(made.request())),
        (1, "acceptor", bytes(dl.build("A-ASSOCIATE-AC"))),
    ]
    for number in range(pdus // 2):
        said.append((2 + 2 * number, "requestor", bytes(made.echo_rq(number + 1))))
        said.append((3 + 2 * number, "acceptor", bytes(made.echo_rsp(number + 1, status=number))))
    return [(at * MS, side, data) for at, side, data in said]


def noted(entries: list[Entry]) -> Association:
    return from_exchange(entries, *ENDS, 0).associations[0]


def labels(widget: Sequence) -> list[str]:
    return [step["label"] for step in steps(widget)]


def steps(widget: Sequence) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = widget.children[0].ladder["steps"]
    return found


def ask(widget: Sequence, **content: Any) -> list[Any]:
    """The browser asks for something; gives what it is told."""
    view, told = widget.children[0], list[Any]()
    view.send = told.append
    view._handle_custom_msg(content, [])
    return told


# --- what is drawn ----------------------------------------------------------------------------


def test_an_association_is_explored_as_its_ladder(recorded: Association) -> None:
    widget = recorded.explore()
    assert labels(widget) == [
        "TCP connection",
        "A-ASSOCIATE-RQ",
        "A-ASSOCIATE-AC",
        "P-DATA-TF · C-ECHO-RQ, message ID 1",
        "P-DATA-TF · C-ECHO-RSP, answers message ID 1",
        "A-RELEASE-RQ",
        "A-RELEASE-RP",
    ]
    assert steps(widget)[1]["requestor"]["after"] == "Sta5"
    assert steps(widget)[1]["reads"].startswith(
        "requestor to acceptor: A-ASSOCIATE-RQ, proposes 1 context: Verification, "
    )
    assert steps(widget)[1]["reads"].endswith(", then Sta5 / Sta3")


def test_every_state_event_and_action_has_its_words() -> None:
    words = Sequence().children[0].words
    assert words.keys() == {*STATES, *EVENTS, *ACTIONS}
    assert words["Sta5"] == "RQ sent, waiting for AC or RJ"


def test_who_must_not_get_a_pdu_is_said() -> None:
    [wrong] = [one for one in steps(made.impatient().explore()) if one["refuser"]]
    assert (wrong["index"], wrong["refuser"]) == (5, "acceptor")
    assert wrong["refusal"] == "not allowed: the acceptor is in Sta8 (AA-8)"
    assert "not allowed" in wrong["reads"]


def test_two_thousand_differing_arrows_are_all_there_in_well_under_a_second() -> None:
    association = noted(differing(2000))
    began = perf_counter()
    widget = Sequence(association)
    assert perf_counter() - began < 2  # 0.2 s, where nothing else is going on
    assert len(steps(widget)) == 2000 + 4
    assert not [one for one in steps(widget) if one["kind"] == "fold"]


def test_of_too_many_the_middle_is_folded() -> None:
    widget = Sequence(noted(differing(4000)))
    assert len(steps(widget)) < 3010
    assert [one["label"] for one in steps(widget) if one["kind"] == "fold"] == ["× 1,002 PDUs"]


# --- what is opened ---------------------------------------------------------------------------


def test_a_pdu_is_opened_with_its_bytes_and_its_segments(recorded: Association) -> None:
    widget = recorded.explore()
    assert len(widget.children) == 1
    assert not ask(widget, do="open", pdu=2)
    _, segments, view = widget.children
    assert view.shown == recorded.pdus[2]
    assert segments.shown == recorded.pdus[2]
    assert segments.size == len(recorded.pdus[2])
    assert widget.children[0].opened == 2
    ask(widget, do="open", pdu=0)
    assert widget.children[1:] == (segments, view)
    assert view.shown.type == "A-ASSOCIATE-RQ"


@pytest.mark.parametrize("index", [-1, 7, 1 << 70])
def test_what_is_not_there_is_refused_with_a_reason(recorded: Association, index: int) -> None:
    widget = recorded.explore()
    [told] = ask(widget, do="open", pdu=index)
    assert "There are 6, from 0 on." in told["refused"]
    assert len(widget.children) == 1


@pytest.mark.parametrize("content", [{}, {"do": "open"}, {"do": "open", "pdu": "0"}, {"do": 1}])
def test_what_makes_no_sense_does_nothing(recorded: Association, content: dict[str, Any]) -> None:
    widget = recorded.explore()
    assert not ask(widget, **content)
    assert len(widget.children) == 1


def test_a_capture_file_that_is_gone_is_said_to_be(tmp_path: Path, recorded: Association) -> None:
    path = tmp_path / "gone.pcapng"
    with dl.EchoSCP() as scp, dl.record(scp, path=path, method="relay") as record:
        dl.echo(*record.address)
    widget = dl.dissect(path).associations[0].explore()
    path.unlink()
    [told] = ask(widget, do="open", pdu=0)
    assert "must stay where it is" in told["refused"]


# --- a conversation that goes on --------------------------------------------------------------


def test_it_may_begin_with_nothing_and_grow() -> None:
    entries = differing(4)
    widget = Sequence()
    assert widget.children[0].ladder == {}
    for number in range(1, len(entries) + 1):
        widget.show(noted(entries[:number]))
        assert sum(step["count"] for step in steps(widget) if step["kind"] == "pdu") == number


def test_what_is_opened_stays_while_the_conversation_grows() -> None:
    entries = differing(4)
    widget = Sequence(noted(entries[:3]))
    widget.look_at(1)
    widget.show(noted(entries))
    assert widget.children[0].opened == 1
    assert len(widget.children) == 3
    assert widget.children[2].shown.type == "A-ASSOCIATE-AC"


def test_what_is_opened_goes_with_its_conversation() -> None:
    widget = Sequence(made.success())
    widget.look_at(5)
    widget.show(made.rejected())
    assert widget.children[0].opened is None
    assert len(widget.children) == 1


def test_to_show_one_more_pdu_costs_little() -> None:
    entries = differing(100)
    grown = [noted(entries[:number]) for number in range(2, len(entries))]
    widget = Sequence()
    began = perf_counter()
    for association in grown:
        widget.show(association)
    assert (perf_counter() - began) / len(grown) < 0.1  # 4 ms, where nothing else is going on


# --- the static twin --------------------------------------------------------------------------


def test_its_static_twin_shows_the_association() -> None:
    bundle, _ = made.success().explore()._repr_mimebundle_()
    assert base.WIDGET_VIEW in bundle
    assert "Released by the requestor: an orderly end." in bundle["text/html"]
    assert "A-ASSOCIATE-RQ" in bundle["text/plain"]


def test_nothing_at_all_has_a_twin_too() -> None:
    bundle, _ = Sequence()._repr_mimebundle_()
    assert "dl-twin" in bundle["text/html"]


# --- segments ---------------------------------------------------------------------------------


def test_segments_tile_the_pdu_and_a_relay_says_that_it_made_them_up(
    recorded: Association,
) -> None:
    widget = Segments(recorded.pdus[0], recorded.start_time)
    pieces = sorted(piece for one in widget.segments for piece in one["fresh"])
    assert pieces[0][0] == 0
    assert pieces[-1][1] == widget.size == len(recorded.pdus[0])
    assert "made-up headers" in widget.about


def test_captured_segments_are_no_make_up(corpus: Path) -> None:
    association = dl.dissect(corpus / "mtu_576.pcapng").associations[0]
    widget = Segments(max(association.pdus, key=len), association.start_time)
    assert widget.about.startswith(
        "The 9,615 bytes of this A-ASSOCIATE-RQ travelled in 19 segments"
    )
    assert len(widget.segments) == 19
    assert widget.segments[0]["flags"] == "ACK"


def test_where_there_are_no_packets_it_is_said() -> None:
    widget = Segments(noted(differing(2)).pdus[0])
    assert widget.segments == []
    assert "no TCP segments" in widget.about


def test_of_a_conversation_that_goes_on_the_end_is_looked_at_first(recorded: Association) -> None:
    widget = Sequence()
    widget.show(recorded, going=True)
    steps = widget.children[0]
    assert steps.selected == len(steps.ladder["steps"]) - 1
