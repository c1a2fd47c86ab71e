"""Two side by side, in characters, as a page, as a slide, as JSON: the same everywhere."""

from __future__ import annotations

import io
import json
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import get_args

import pytest
from matplotlib.figure import Figure

from dicomlab.diagnosis.compare import compare
from dicomlab.dissect.associations import dissect
from dicomlab.model import Comparison, Weight
from dicomlab.views import figures, html, text
from dicomlab.views.contract import comparison_to_json
from dicomlab.views.theme import WEIGHTS
from tests.views import made

REJECTED = compare(made.rejected(), made.success())


def lines(found: Comparison, width: int = 80) -> list[str]:
    return list(text.lines(found, color=False, width=width, height=50))


def words(figure: Figure) -> list[str]:
    out = io.StringIO()
    figure.savefig(out, format="svg")
    found = ET.fromstring(out.getvalue()).iter("{http://www.w3.org/2000/svg}text")
    return ["".join(one.itertext()) for one in found]


@pytest.fixture(scope="module")
def contexts(corpus: Path) -> Comparison:
    """A C-GET with 121 presentation contexts beside a C-MOVE with two."""
    [get] = dissect(corpus / "cget.pcapng").associations
    [move] = dissect(corpus / "move_failed.pcapng").associations
    return compare(get, move)


def test_every_weight_has_a_look() -> None:
    assert tuple(WEIGHTS) == get_args(Weight)
    assert len(set(WEIGHTS.values())) == len(WEIGHTS)


def test_what_decides_comes_first_with_both_beside_each_other() -> None:
    shown = lines(REJECTED)
    first = shown.index("✖ Called-AE-title")
    assert shown[first - 1] == "Decides (2)"
    assert shown[first + 1].split() == ["WRONG", "ECHOSCP"]
    assert shown[first + 2] == "    One of the two was rejected because of it."
    assert shown[-1] == f"{REJECTED.alike} fields alike"


def test_why_is_said_once_for_those_that_matter_for_the_same(contexts: Comparison) -> None:
    shown = lines(contexts)
    assert shown.count("    It carried messages.") == 1
    assert sum(line.startswith("▲ Presentation Context[") for line in shown) > 3
    assert f"    … and {contexts.hidden['may matter']:,} more of these kinds" in shown


@pytest.mark.parametrize("width", [60, 80, 100, 120])
def test_the_terminal_is_wide_enough(contexts: Comparison, width: int) -> None:
    for found in (contexts, REJECTED):
        assert all(len(line) <= width and line.isprintable() for line in lines(found, width))


def test_what_only_one_has_is_a_dash_to_the_eye_and_null_to_a_program(contexts: Comparison) -> None:
    document = json.loads(json.dumps(comparison_to_json(contexts)))
    assert document["schema"] == "dicomlab.comparison/1"
    where = "Presentation Context[CT Image Storage]"
    [one] = [each for each in document["differences"] if each["where"] == where]
    assert one == {
        "where": where,
        "a": "proposed: acceptance",
        "b": None,
        "weight": "may matter",
        "why": "It carried messages.",
        "more": 0,
    }
    assert lines(contexts)[lines(contexts).index(f"▲ {where}") + 1].split()[-1] == "–"
    assert set(document) == {"schema", "a", "b", "differences", "alike", "equal", "hidden"}


def test_a_page_lists_all_with_its_weight() -> None:
    page = html.show(REJECTED)
    for one in REJECTED.differences:
        assert all(said in page for said in (one.where, one.weight, one.why, one.a or "–"))


def test_a_peer_writes_no_markup() -> None:
    page = html.show(compare(made.success(calling=made.HOSTILE), made.success()))
    assert "<img" not in page
    assert "&lt;img" in page or "&gt;&lt;img" in page


def test_a_slide_shows_what_matters_and_counts_the_rest(contexts: Comparison) -> None:
    shown = words(figures.draw(REJECTED))
    assert shown[0] == "2 differences decide, 0 may matter"
    assert {"Called-AE-title", "WRONG", "ECHOSCP", "≠"} <= set(shown)
    assert "duration" not in shown
    pages = figures.pages(contexts)
    assert len(pages) < 6
    matter = contexts.number("decides") + contexts.number("may matter")
    drawn = sum(words(page).count("≠") for page in pages)
    assert f"nor are {matter - drawn:,} that may" in words(pages[0])[1]


def test_contexts_that_differ_in_their_last_word_can_be_told_on_a_slide(
    contexts: Comparison,
) -> None:
    shown = words(figures.draw(contexts))
    for last in ("GET", "MOVE"):
        assert any(one.endswith(f"Information Model - {last}]") for one in shown)


def test_a_slide_of_what_is_alike_says_so() -> None:
    assert "Nothing differs that matters." in words(
        figures.draw(compare(made.success(), made.success()))
    )


def test_nothing_reaches_over_the_edge_of_a_slide(contexts: Comparison) -> None:
    hostile = compare(made.success(calling="W" * 400, called="\u202e" * 99), made.refused())
    for found in (contexts, REJECTED, hostile):
        for page in figures.pages(found):
            page.canvas.draw()
            for one in page.axes[0].texts:
                box = one.get_window_extent()
                assert box.x0 >= 0
                assert box.x1 <= figures.WIDTH
                assert box.y0 >= 0
                assert box.y1 <= figures.HEIGHT
