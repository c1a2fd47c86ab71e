"""The states of both ends as they are shown: what is illegal is marked, in words too."""

from __future__ import annotations

import io
import re
from dataclasses import replace

import pytest

import dicomlab as dl
from dicomlab.model import Association
from dicomlab.views import figures, html, mermaid, text
from dicomlab.views.course import CROSSED, course
from dicomlab.views.sequence import ladder
from tests.views import gallery, made

ASSOCIATIONS = {n: v for n, v in gallery.values() if isinstance(v, Association)}
ILLEGAL = "not allowed: the acceptor is in Sta8 (AA-8)"


def test_each_line_has_both_ends_before_the_event_and_after() -> None:
    lines = course(dl.replay(made.success())).lines
    assert [(one.what, one.requestor, one.acceptor) for one in lines] == [
        ("TCP connection opened", "Sta1 → Evt1/AE-1 → Sta4", "Sta1 → Evt5/AE-5 → Sta2"),
        ("A-ASSOCIATE-RQ", "Sta4 → Evt2/AE-2 → Sta5", "Sta2 → Evt6/AE-6 → Sta3"),
        ("A-ASSOCIATE-AC", "Sta5 → Evt3/AE-3 → Sta6", "Sta3 → Evt7/AE-7 → Sta6"),
        (
            "P-DATA-TF × 2",
            "Sta6 → Evt9/DT-1, Evt10/DT-2 → Sta6",
            "Sta6 → Evt10/DT-2, Evt9/DT-1 → Sta6",
        ),
        ("A-RELEASE-RQ", "Sta6 → Evt11/AR-1 → Sta7", "Sta6 → Evt12/AR-2 → Sta8"),
        ("A-RELEASE-RP", "Sta7 → Evt13/AR-3 → Sta1", "Sta8 → Evt14/AR-4 → Sta13"),
    ]


def test_what_is_illegal_is_said_in_words() -> None:
    view = course(dl.replay(made.impatient()))
    [line] = [one for one in view.lines if one.tone == "error"]
    assert (line.numbers, line.who, line.remark) == ("5", "requestor", ILLEGAL)
    assert view.remarks == (("the requestor sent what PS3.8 Table 9-10 does not allow", "error"),)


def test_what_crossed_is_said_in_words() -> None:
    release = dl.build("A-RELEASE-RQ")
    opening = [("requestor", made.request(), 1), ("acceptor", dl.build("A-ASSOCIATE-AC"), 2)]
    both = [("requestor", release, 3), ("acceptor", release, 4)]
    lines = course(dl.replay(made.association([*opening, *both]))).lines  # type: ignore[list-item]
    assert [one.remark for one in lines[-2:]] == ["", CROSSED]


def test_assumed_states_are_said_to_be() -> None:
    view = course(dl.replay(made.unfinished()))
    assert "states are the likeliest ones" in view.remarks[0][0]


@pytest.mark.parametrize("name", ASSOCIATIONS)
@pytest.mark.parametrize("width", [60, 80, 100, 140])
def test_a_replay_keeps_to_the_width_of_a_terminal(name: str, width: int) -> None:
    shown = text.show(dl.replay(ASSOCIATIONS[name]), encoding="utf-8", width=width)
    assert all(len(line) <= width and line.isprintable() for line in shown.split("\n"))


def test_a_notebook_shows_a_replay_and_escapes_what_came_from_a_peer() -> None:
    hostile = replace(made.impatient(), calling_ae_title=made.HOSTILE)
    bundle = dl.replay(hostile)._repr_mimebundle_()
    assert "<img" not in bundle["text/html"]
    assert ILLEGAL in bundle["text/html"]
    assert ILLEGAL in bundle["text/plain"]


# --- beside the sequence ----------------------------------------------------------------------


def test_the_first_illegal_pdu_is_marked_in_every_sequence() -> None:
    association = made.impatient()
    assert [one.index for one in ladder(association).steps if one.illegal] == [5]
    assert f"✖ {ILLEGAL}" in text.show(association, encoding="utf-8", width=100)
    assert html.show(association).count("✖ not allowed") == 1
    assert mermaid.sequence(association).count("not allowed") == 1
    picture = io.StringIO()
    figures.draw(association).savefig(picture, format="svg")
    assert re.findall(r"Evt10 · AA-8 · not allowed", picture.getvalue())


def test_only_the_first_is_marked() -> None:
    again = made.association([("requestor", made.request(), n) for n in range(5)])
    assert [one.index for one in ladder(again).steps if one.illegal] == [1]


def test_what_is_illegal_is_marked_however_much_there_is() -> None:
    lines: list[made.Line] = [("requestor", made.request(), 0)]
    lines += [("requestor", made.echo_rq(n), n) for n in range(1, 20)]
    marked = [one for one in ladder(made.association(lines)).steps if one.illegal]
    assert [one.index for one in marked] == [1]
