"""Pictures by their facts: ids, texts, sizes; the same value is the same SVG."""

from __future__ import annotations

import io
import re
import subprocess
import sys
import warnings
import xml.etree.ElementTree as ET
from typing import Any

import pytest
from matplotlib.figure import Figure

from dicomlab.protocol.build import build
from dicomlab.spec.command import BY_NAME
from dicomlab.views import figures, viewmodel
from dicomlab.views.viewmodel import ByteLayout
from tests.views import gallery, made

VALUES = dict(gallery.values())


def svg(figure: Figure) -> str:
    out = io.StringIO()
    figure.savefig(out, format="svg")
    return out.getvalue()


def texts(picture: Figure | str, font: str = "") -> list[str]:
    """The texts of a picture, or those in a font."""
    drawn = picture if isinstance(picture, str) else svg(picture)
    found = ET.fromstring(drawn).iter("{http://www.w3.org/2000/svg}text")
    return ["".join(one.itertext()) for one in found if font in one.attrib["style"]]


@pytest.mark.parametrize("name", VALUES)
def test_every_value_is_drawn_without_a_warning(name: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        first = figures.draw(VALUES[name], theme="dark")
        svg(first)
    assert tuple(first.get_size_inches() * first.dpi) == (1280, 720)


def test_every_field_has_its_id_and_its_name() -> None:
    pdu = made.pdu_of(made.echo_rq())
    (figure,) = figures.pages(pdu)
    drawn = svg(figure)
    layout = viewmodel.rows(pdu)
    ids = set(re.findall(r'id="([^"]+)"', drawn))
    assert {box.ident for box in layout.boxes} <= ids
    words = " ".join(texts(drawn)).replace("- ", "-")
    assert all(box.name in words for box in layout.boxes)


@pytest.mark.parametrize("name", ["echo-rq", "associate-rq", "twenty", "broken", "identity"])
def test_every_byte_is_on_one_of_the_pages_or_in_a_fold(name: str) -> None:
    layout = viewmodel.view(VALUES[name])
    assert isinstance(layout, ByteLayout)
    slides = [svg(page) for page in figures.pages(VALUES[name])]
    shown = [text for slide in slides for text in texts(slide)]
    mono = [text for slide in slides for text in texts(slide, "Mono")]
    cells = [cell.hex for line in layout.lines for cell in line.cells]
    assert [text for text in mono if re.fullmatch(r"[0-9A-F]{2}|••", text)] == cells
    for line in layout.lines:
        assert not line.folded or any(line.folded in text for text in shown)


def test_an_echo_fits_one_slide_and_twenty_contexts_fit_few() -> None:
    assert len(figures.pages(made.pdu_of(made.echo_rq()))) == 1
    assert len(figures.pages(made.pdu_of(made.request()))) == 2
    assert len(figures.pages(made.pdu_of(made.request(20)))) <= 5


def test_five_hundred_messages_fit_one_slide() -> None:
    assert len(figures.pages(made.long(500))) == 1


@pytest.mark.parametrize("kind", [one for one in BY_NAME if one.endswith("-RSP")])
def test_the_longest_name_of_a_message_is_not_cut(kind: str) -> None:
    answer = build(kind, message_id_being_responded_to=65535, status=0, presentation_context_id=1)
    lines: list[made.Line] = [("acceptor", answer, 1.0)]
    drawn = texts(figures.draw(made.association(lines, by="requestor")))
    assert f"P-DATA-TF · {kind}, answers message ID 65535" in drawn


def test_a_page_that_there_is_not_is_refused() -> None:
    with pytest.raises(ValueError, match="no page 2"):
        figures.draw(made.success(), page=2)


def test_the_same_value_is_the_same_svg() -> None:
    def draw(_: int) -> str:
        return svg(figures.draw(made.success()))

    assert draw(1) == draw(2)


def test_findings_are_listed_on_the_slide_of_their_bytes() -> None:
    first, second, *_ = (texts(page) for page in figures.pages(made.broken()))
    assert "ae-invalid-char" in first
    assert "context-id-even" in second
    assert "context-id-even" not in first


def test_a_secret_is_on_no_slide() -> None:
    shown = "".join(text for page in figures.pages(made.identity()) for text in texts(page))
    assert "s3cr3t" not in shown
    assert "3363723374" not in shown


def test_hostile_titles_are_only_text() -> None:
    value = made.success(calling=made.HOSTILE, called="$\\frac{1}{2}$\x1b\u202e")
    drawn = svg(figures.draw(value))
    tree = ET.fromstring(drawn)
    assert not [one for one in tree.iter() if one.tag.endswith(("img", "script"))]
    title = texts(drawn)[0]
    assert title == rf"{made.HOSTILE} → $\frac{{1}}{{2}}$\x1b\u202e"


def test_characters_that_the_font_lacks_are_spelled_out() -> None:
    assert r"\u65e5" in "".join(texts(figures.draw(made.success(called="日"))))


def test_states_and_outcome_stand_in_the_picture() -> None:
    shown = texts(figures.draw(made.aborted("acceptor", 2, 2)))
    assert "Sta6 → Sta13" in shown
    assert "Aborted by the acceptor (DICOM UL service-provider): unexpected-PDU." in shown


def test_a_notebook_shows_a_picture_without_pyplot() -> None:
    picture: Any = figures.draw(made.success())
    bundle, metadata = picture._repr_mimebundle_()
    assert bundle["image/png"].startswith(b"\x89PNG")
    assert metadata["image/png"] == {"width": 1280, "height": 720}


def test_drawing_loads_no_pyplot() -> None:
    code = (
        "import sys; from dicomlab.protocol.build import build; from dicomlab.views import figures;"
        "figures.draw(build('A-RELEASE-RQ')); assert 'matplotlib.pyplot' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_bars_say_what_was_measured_and_what_was_predicted() -> None:
    times = {"five images": {"20 ms": 0.87, "100 ms": 4.15}, "one image": {"20 ms": 0.0}}
    picture = figures.bars("Times", times, predicted={"five images": {"100 ms": 4.07}})
    shown = texts(picture)
    for text in ("Times", "five images", "100 ms", "870 ms", "4.15 s", "predicted 4.07 s", "0 µs"):
        assert text in shown
    assert "predicted" in shown
    assert "predicted" not in texts(figures.bars("Times", times))


def test_hostile_names_of_bars_are_only_text() -> None:
    shown = texts(figures.bars(made.HOSTILE, {made.HOSTILE: {"$x$ \x1b": 1.0}}))
    assert "$x$ \\x1b" in shown


@pytest.mark.parametrize("number", [0, 40])
def test_bars_that_no_slide_has_room_for_are_refused(number: int) -> None:
    with pytest.raises(ValueError, match=f"not for {number}"):
        figures.bars("Times", {"all": {str(one): 1.0 for one in range(number)}})
