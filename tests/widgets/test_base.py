"""What all widgets have in common: modules without a bundler, and the twin without a kernel."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any

import pytest
from IPython.core.formatters import DisplayFormatter

import dicomlab as dl
from dicomlab.widgets import base

MODULES = sorted(base.STATIC.glob("*.js"))
FORBIDDEN = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function|srcdoc"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_modules_never_take_a_text_for_markup(path: Any) -> None:
    assert not re.findall(FORBIDDEN, path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_modules_and_styles_fetch_nothing(path: Any) -> None:
    text = path.read_text(encoding="utf-8") + base.css()
    assert not re.findall(r"https?:(?!//www\.w3\.org/2000/svg)|@import|url\(|fetch\(|XMLHttp", text)


def test_a_linked_module_imports_nothing_and_exports_the_widget() -> None:
    text = base.module("explorer")
    assert not re.findall(r"^import ", text, re.MULTILINE)
    assert re.findall(r"^export .*$", text, re.MULTILINE) == ["export default { render };"]
    assert text.index("function make(") < text.index("function bytePane(")


class Words(HTMLParser):
    def __init__(self, markup: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.said = ""
        self.feed(markup)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.add(tag)

    def handle_data(self, data: str) -> None:
        self.said += data


def test_a_widget_leaves_a_static_twin_behind() -> None:
    widget = dl.HexView(dl.build("A-ASSOCIATE-RQ", called_ae_title="ARCHIVE"))
    bundle, _ = widget._repr_mimebundle_()
    assert "ARCHIVE" in Words(bundle["text/html"]).said
    assert "ARCHIVE" in bundle["text/plain"]
    assert bundle[base.WIDGET_VIEW]["model_id"] == widget.model_id


def test_the_twin_stands_in_an_output_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    outputs: list[dict[str, Any]] = []
    monkeypatch.setattr(
        base, "display", lambda data, raw, **_: outputs.append(data) if raw else None
    )
    assert DisplayFormatter().format(dl.HexView(dl.build("A-ABORT"))) == ({}, {})
    live, twin = outputs
    assert base.WIDGET_VIEW in live
    assert not live["text/html"]
    assert base.WIDGET_VIEW not in twin
    assert "A-ABORT" in twin["text/html"]


def test_what_a_peer_sends_is_no_markup_in_the_twin() -> None:
    draft = dl.build("A-ASSOCIATE-RQ")
    draft.override("Called-AE-title", b"<img src=x>\x1b[31m\"'")
    words = Words(dl.HexView(draft)._repr_mimebundle_()[0]["text/html"])
    assert "img" not in words.tags
    assert "<img src=x>" in words.said
