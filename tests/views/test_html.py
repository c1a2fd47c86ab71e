"""HTML: every byte and field is there, everything is escaped, it reads without styles."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from dicomlab.model import Pdu
from dicomlab.views import html, viewmodel
from dicomlab.views.viewmodel import ByteLayout
from tests.views import gallery, made

VALUES = dict(gallery.values())
ALLOWED = {
    "div", "style", "table", "caption", "small", "bdi", "thead", "tbody", "tfoot", "tr", "th", "td",
    "span", "p", "b", "br", "sup",
}  # fmt: skip


class Page(HTMLParser):
    """The elements of a piece of HTML, and its text without styles."""

    def __init__(self, markup: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.open: list[str] = []
        self.words: list[str] = []
        self.feed(markup)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        if tag != "br":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(self.words)


@pytest.mark.parametrize("name", VALUES)
def test_markup_is_well_formed_and_holds_nothing_that_acts(name: str) -> None:
    page = Page(html.show(VALUES[name]))
    assert not page.open
    assert set(page.tags) <= ALLOWED
    assert {name for name, _ in page.attributes} <= {"class", "style", "title", "scope", "colspan"}


@pytest.mark.parametrize("name", [n for n, v in VALUES.items() if isinstance(v, Pdu)])
def test_every_byte_and_every_field_is_there(name: str) -> None:
    layout = viewmodel.view(VALUES[name])
    assert isinstance(layout, ByteLayout)
    markup = html.show(VALUES[name])
    cells = re.findall(r'<td class="dl-mono dl-byte[^>]*>([0-9A-F]{2}|••)', markup)
    assert cells == [cell.hex for line in layout.lines for cell in line.cells]
    words = Page(markup).text
    assert all(box.name in words for box in layout.boxes)
    assert all(line.folded in words for line in layout.lines if line.folded)


def test_hostile_titles_are_only_text() -> None:
    value = made.success(calling=made.HOSTILE, called="\u202eevil\x1b")
    page = Page(html.show(value))
    assert made.HOSTILE in page.text
    assert r"\u202eevil\x1b" in page.text
    assert "img" not in page.tags


def test_a_hostile_field_is_only_text() -> None:
    draft = made.request(called="<b onmouseover=1>")
    page = Page(html.show(made.pdu_of(draft)))
    assert "<b onmouseover=" in page.text
    assert "onmouseover" not in [name for name, _ in page.attributes]


def test_a_secret_is_not_told() -> None:
    markup = html.show(made.identity())
    assert "s3cr3t" not in markup
    assert "73 33 63 72" not in markup


def test_it_reads_without_styles() -> None:
    text = Page(html.show(made.rejected())).text
    for word in (
        "A-ASSOCIATE-RQ ▶",
        "◀",
        "Sta5 → Sta1",
        "called-AE-title-not-recognized",
        "700 µs",
    ):
        assert word in re.sub(r"\s+", " ", text)


def test_tables_have_captions_and_headings() -> None:
    page = Page(html.show(made.pdu_of(made.echo_rq())))
    assert page.tags.count("caption") >= 1
    assert ("scope", "col") in page.attributes
    assert ("scope", "row") in page.attributes


def test_findings_are_told_with_who_changes_what() -> None:
    text = Page(html.show(made.http().findings)).text
    finding = made.http().findings[0]
    for word in (finding.code, finding.what, finding.why, finding.remedy, finding.clause):
        assert word in text


def test_light_and_dark_follow_the_notebook_and_the_system() -> None:
    markup = html.show(made.success())
    assert "prefers-color-scheme:dark" in markup
    assert "[data-jp-theme-light=false] .dicomlab" in markup
    assert "var(--jp-layout-color0, #FFFFFF)" in markup
