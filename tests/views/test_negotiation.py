"""Presentation contexts against transfer syntaxes: what was proposed, what came of it, and why."""

from __future__ import annotations

import io
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from dicomlab.dissect.associations import dissect
from dicomlab.model import Association, PresentationContext
from dicomlab.views import figures, html, text
from dicomlab.views.negotiation import SYNTAXES, Negotiation, folded, negotiation
from tests.views import made

IMPLICIT, EXPLICIT = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1"
CT = "1.2.840.10008.5.1.4.1.1.2"


def of(*contexts: PresentationContext, **more: Any) -> Negotiation:
    return negotiation(replace(made.success(), presentation_contexts=contexts, **more))


def real(corpus: Path, name: str) -> Association:
    return dissect(corpus / f"{name}.pcapng").associations[0]


def texts(figure: Any) -> list[str]:
    out = io.StringIO()
    figure.savefig(out, format="svg")
    found = ET.fromstring(out.getvalue()).iter("{http://www.w3.org/2000/svg}text")
    return ["".join(one.itertext()) for one in found]


# --- what came of each context ----------------------------------------------------------------


def test_real_contexts_are_told_with_their_answers(corpus: Path) -> None:
    view = negotiation(real(corpus, "contexts_mixed"))
    assert view.syntaxes == (
        "Implicit VR Little Endian",
        "Explicit VR Little Endian",
        "JPEG 2000",
        "Deflated Explicit VR LE",
        "Explicit VR Big Endian",
    )
    chosen, left, asked = "accepted", "not chosen", "proposed"
    assert [(one.id, one.marks, one.result) for one in view.proposals] == [
        (1, (chosen, left, "", "", ""), "accepted"),
        (3, ("", "", asked, "", ""), "transfer syntaxes not supported"),
        (5, (asked, asked, "", asked, asked), "abstract syntax not supported"),
        (7, (chosen, left, "", left, left), "accepted"),
    ]
    assert view.subtitle.startswith("2 of 4 presentation contexts accepted")


@pytest.mark.parametrize(
    ("result", "words", "why"),
    [
        (0, "accepted", "With Implicit VR Little Endian."),
        (1, "user-rejection", "The application does not want it now."),
        (2, "no reason", "The provider does not say why."),
        (3, "abstract syntax not supported", "The acceptor does not offer this service."),
        (4, "transfer syntaxes not supported", "The acceptor takes none of these."),
        (9, "result 9", "PS3.8 Table 9-18 does not have it."),
    ],
)
def test_every_result_is_told_in_words(result: int, words: str, why: str) -> None:
    accepted = None if result else IMPLICIT
    [one] = of(PresentationContext(1, CT, (IMPLICIT,), result, accepted)).proposals
    assert (one.result, one.why) == (words, why)


def test_what_was_not_answered_says_why() -> None:
    asked = PresentationContext(1, CT, (IMPLICIT,))
    left_out = of(asked, PresentationContext(3, CT, (IMPLICIT,), 0, IMPLICIT)).proposals[0]
    assert (left_out.result, left_out.why) == ("not answered", "The A-ASSOCIATE-AC leaves it out.")
    [rejected] = negotiation(made.rejected()).proposals
    assert rejected.why == "The association was rejected as a whole."
    assert negotiation(made.silent()).proposals[0].why == "No A-ASSOCIATE-AC is there."


def test_what_was_accepted_without_having_been_proposed_is_an_error() -> None:
    [one] = of(PresentationContext(1, CT, (IMPLICIT,), 0, EXPLICIT)).proposals
    assert one.marks == ("not chosen", "not proposed, yet accepted")
    assert (one.tone, one.why) == ("error", "With one that was not proposed.")


def test_an_answer_whose_request_was_not_recorded_blames_nobody() -> None:
    [one] = of(PresentationContext(1, None, (), 0, IMPLICIT)).proposals
    assert (one.abstract_syntax, one.marks, one.tone) == ("(not seen)", ("accepted",), "good")


def test_roles_stand_with_their_sop_class(corpus: Path) -> None:
    view = negotiation(real(corpus, "extended_negotiation"))
    assert [one.roles for one in view.proposals] == ["", "requestor's role: SCP", ""]
    role = {"sop_class": CT, "scu": 1, "scp": 1}
    both = {"requestor": {"roles": [role]}, "acceptor": {"roles": [role | {"scu": 0}]}}
    [one] = of(PresentationContext(1, CT, (IMPLICIT,), 0, IMPLICIT), negotiation=both).proposals
    assert one.roles == "requestor's role: SCU and SCP proposed, SCP accepted"


# --- much of it -------------------------------------------------------------------------------


def test_contexts_that_say_the_same_are_folded_with_their_count(corpus: Path) -> None:
    view = negotiation(real(corpus, "cget"))
    assert [len(group) for group in folded(view.proposals)] == [1, 1, 1, 117, 1]
    [slide] = real(corpus, "cget").pages(what="negotiation")
    assert any("117 more contexts, 7 to 239" in one for one in texts(slide))


def test_of_more_transfer_syntaxes_than_anybody_reads_the_accepted_ones_are_kept() -> None:
    many = tuple(f"1.2.3.{n}" for n in range(5_000))
    view = of(PresentationContext(1, CT, many, 0, many[-1]))
    assert len(view.syntaxes) == SYNTAXES
    [one] = view.proposals
    assert one.marks[-1] == "accepted"
    assert one.more == 5_000 - SYNTAXES


def test_every_context_is_on_one_of_the_pages() -> None:
    pages = made.choosy().pages(what="negotiation")
    shown = {one for page in pages for one in texts(page)}
    assert {f"{2 * n + 1}" for n in range(128)} <= shown


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("value", [made.choosy(), made.unlike_any(), made.refused()])
def test_no_text_leaves_the_slide_or_meets_another(value: Association, theme: Any) -> None:
    for page in value.pages(what="negotiation", theme=theme)[:3]:
        canvas = FigureCanvasAgg(page)
        canvas.draw()
        boxes = [
            one.get_window_extent(canvas.get_renderer())
            for axes in page.axes
            for one in axes.texts
            if one.get_text()
        ]
        assert all(box.x0 >= 39 and box.x1 <= 1241 and box.y0 >= 0 for box in boxes)
        tight = [box.shrunk(0.9, 0.6) for box in boxes]
        met = [(a, b) for n, a in enumerate(tight) for b in tight[:n] if a.overlaps(b)]
        assert not met


# --- asking for it ----------------------------------------------------------------------------


def test_an_association_draws_its_sequence_unless_asked_for_its_negotiation() -> None:
    association = made.refused()
    assert "A-ASSOCIATE-RQ" in texts(association.draw())
    assert "A-ASSOCIATE-RQ" in texts(association.draw(what="sequence"))
    assert "transfer syntaxes not supported" in texts(association.draw(what="negotiation"))


def test_nothing_else_has_a_negotiation() -> None:
    with pytest.raises(ValueError, match="no picture 'negotiation' of a Pdu"):
        figures.draw(made.http(), what="negotiation")
    with pytest.raises(ValueError, match="no picture 'tea' of a Association"):
        made.success().draw(what="tea")


def test_text_and_html_tell_every_context() -> None:
    view = negotiation(made.choosy())
    for shown in (text.show(view, encoding="utf-8"), html.show(view)):
        assert all(one.abstract_syntax in shown for one in view.proposals)
        assert all(name in shown for name in view.names)


def test_a_narrow_screen_names_transfer_syntaxes_by_letters() -> None:
    lines = text.show(negotiation(made.choosy(3)), encoding="utf-8", width=60).split("\n")
    assert "  B  JPEG Baseline (Process 1)" in lines
    assert "     A✔" in lines
