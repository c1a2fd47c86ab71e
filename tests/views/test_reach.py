"""Who reaches whom: the same calls in a figure, a page and a terminal, a sign beside a colour."""

from __future__ import annotations

import io

import pytest

from dicomlab.views import figures, html, text
from dicomlab.views.figures import Mode
from tests.views import made


def texts(theme: Mode) -> str:
    out = io.StringIO()
    figures.draw(made.reach(), theme=theme).savefig(out, format="svg")
    return out.getvalue()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_figure_says_what_came_of_each_call_and_why(theme: Mode) -> None:
    svg = texts(theme)
    for said in ("1 of 3 calls succeeded", "✔ success", "✖ rejected", "recognized", "– no entry"):
        assert said in svg
    assert svg == texts(theme)


def test_page_says_the_same_and_escapes_it() -> None:
    page = html.show(made.reach())
    for said in ("1 of 3 calls succeeded", "✔ success", "✖ rejected", "recognized", "– no entry"):
        assert said in page
    assert "<img" not in page
    assert page.count("– no entry") == 3


def test_terminal_has_a_line_a_call() -> None:
    assert text.show(made.reach(), encoding="utf-8").splitlines() == [
        "1 of 3 calls succeeded",
        "✔ CT → archive: success",
        "✖ archive → CT: rejected, called AE title not recognized",
        f"✖ CT → {made.HOSTILE}: failed, connection refused",
    ]


def test_calls_are_told_in_words() -> None:
    assert made.reach().said["CT → archive"] == "success"
    assert repr(made.reach()) == "<Reach: 1 of 3 calls succeeded>"
