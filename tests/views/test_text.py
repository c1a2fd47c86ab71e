"""Terminal tables: every byte and field is there, nothing acts on the terminal."""

from __future__ import annotations

import re

import pytest

from dicomlab.model import Pdu
from dicomlab.views import text, viewmodel
from dicomlab.views.viewmodel import ByteLayout
from tests.views import gallery, made

VALUES = dict(gallery.values())


@pytest.mark.parametrize("name", VALUES)
def test_no_control_character_passes(name: str) -> None:
    for line in text.show(VALUES[name], encoding="utf-8").split("\n"):
        assert line.isprintable()


@pytest.mark.parametrize("name", VALUES)
def test_colour_adds_nothing_but_colour(name: str) -> None:
    plain = text.show(VALUES[name], encoding="utf-8")
    coloured = text.show(VALUES[name], encoding="utf-8", color=True)
    assert "\x1b[" in coloured
    assert re.sub(r"\x1b\[[0-9;]+m", "", coloured) == plain


@pytest.mark.parametrize("name", VALUES)
def test_a_poor_encoding_gets_what_it_can_show(name: str) -> None:
    text.show(VALUES[name], encoding="ascii").encode("ascii")


@pytest.mark.parametrize("name", [n for n, v in VALUES.items() if isinstance(v, Pdu)])
def test_every_byte_and_every_field_is_there(name: str) -> None:
    layout = viewmodel.view(VALUES[name])
    assert isinstance(layout, ByteLayout)
    shown = text.show(VALUES[name], encoding="utf-8", width=200)
    lines = [line for line in shown.split("\n") if re.match(r"[0-9A-F]{4,}  (..|…) ", line)]
    for line, told in zip(layout.lines, lines, strict=False):
        expected = f"… {line.folded} …" if line.folded else " ".join(c.hex for c in line.cells)
        assert expected in told
    assert all(box.name in shown for box in layout.boxes)


@pytest.mark.parametrize("width", [60, 71, 80, 100, 140])
@pytest.mark.parametrize("name", [n for n, v in VALUES.items() if isinstance(v, Pdu)])
def test_bytes_keep_to_the_width(name: str, width: int) -> None:
    shown = text.show(VALUES[name], encoding="utf-8", width=width)
    assert max(map(len, shown.split("\n"))) <= width


@pytest.mark.parametrize("width", [60, 79, 80, 100, 140])
@pytest.mark.parametrize(
    "name", [name for name in VALUES if name.startswith(("seq", "cmp", "neg", "capture"))]
)
def test_lines_keep_to_the_width(name: str, width: int) -> None:
    shown = text.show(VALUES[name], encoding="utf-8", width=width)
    assert max(map(len, shown.split("\n"))) <= width


def test_a_sequence_reads_from_left_to_right() -> None:
    shown = text.show(made.success(), encoding="utf-8")
    assert re.search(r"Sta4 → Sta5  ├─+ A-ASSOCIATE-RQ ─+▶│  Sta2 → Sta3", shown)
    assert re.search(r"Sta5 → Sta6  │◀─+ A-ASSOCIATE-AC ─+┤  Sta3 → Sta6", shown)
    assert "✔ Released by the requestor: an orderly end." in shown


def test_letters_stand_below_their_bytes() -> None:
    lines = text.show(made.pdu_of(made.echo_rq()), encoding="utf-8").split("\n")
    at = next(n for n, line in enumerate(lines) if line.startswith("0000  04"))
    assert lines[at + 1] == "      I─ R─ L────────── L────────── I─ I─ I──────────"


def test_a_secret_is_not_told() -> None:
    shown = text.show(made.identity(), encoding="utf-8")
    assert "s3cr3t" not in shown
    assert "73 33" not in shown
    assert "•• ••" in shown
