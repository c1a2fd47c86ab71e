"""What every widget is made with: its ES module and CSS, and the twin that needs no kernel.

A widget draws in the browser what Python holds in its traits; the browser asks for changes by
messages, which Python may refuse. Where no kernel answers, the static twin shows the same facts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

import anywidget
from IPython.display import display, update_display

from dicomlab.views import html, text
from dicomlab.views.theme import MONO, SANS, css_fonts, css_themes

STATIC = Path(__file__).parent / "static"
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
_IMPORT = re.compile(r'^import \{[^}]*\} from "\./(\w+)\.js";\n', re.MULTILINE)
_EXPORT = re.compile(r"^export (?!default)", re.MULTILINE)

# JupyterLab prefers a widget to its twin also where there is no widget left to show. So the twin
# stands in an output of its own: hidden while the widget before it is there, and in its place when
# JupyterLab has given up on the widget. A widget's output tells no MIME type; one that was given
# up is marked itself, not what is in it.
_ALIVE = ".jp-OutputArea-output:not([data-mime-type],.jupyter-widgets)"
_GONE = ".jp-OutputArea-output.jupyter-widgets"
_OUTPUT = ".jp-OutputArea-child"
_TWIN_STYLE = (
    f"{_OUTPUT}:has(>{_ALIVE})+{_OUTPUT}:has(.dl-twin){{display:none}}"
    f"{_OUTPUT}:has(>{_GONE}):has(+{_OUTPUT} .dl-twin){{display:none}}"
)


@cache
def module(name: str) -> str:
    """An ES module with all that it imports as one text: no server is there to import from."""
    return "".join(_linked(name, set()))


def _linked(name: str, seen: set[str]) -> Iterator[str]:
    if name in seen:
        return
    seen.add(name)
    source = (STATIC / f"{name}.js").read_text(encoding="utf-8")
    for other in _IMPORT.findall(source):
        yield from _linked(other, seen)
    yield _EXPORT.sub("", _IMPORT.sub("", source))


@cache
def css() -> str:
    """The style of all widgets: the theme's values, and how they are used."""
    fonts = f"--dl-sans:{css_fonts(SANS, 'sans-serif')};--dl-mono:{css_fonts(MONO, 'monospace')};"
    sheets = sorted(STATIC.glob("*.css"))
    written = "\n".join(sheet.read_text(encoding="utf-8") for sheet in sheets)
    return f"{css_themes('.dicomlab')}.dl-widget{{{fonts}}}\n{written}"


def plain(view: Any) -> dict[str, Any]:
    """A view as a trait takes it: JSON, and bytes, which travel beside it."""
    return asdict(view)


class Twin:
    """What a widget needs to leave its facts behind: ``shown`` is what they are of."""

    model_id: str
    _displayed = False

    @property
    def shown(self) -> Any:
        """The value of the model that the static twin shows; as long as there is none, nothing."""
        return ()

    def _twin(self) -> dict[str, str]:
        """The static twin: as text, and as a piece of HTML."""
        return {
            "text/plain": text.show(self.shown),
            "text/html": f'<div class="dl-twin">{html.show(self.shown)}</div>',
        }

    def _view(self) -> dict[str, Any]:
        return {WIDGET_VIEW: {"version_major": 2, "version_minor": 0, "model_id": self.model_id}}

    def _repr_mimebundle_(self, **_: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        return self._twin() | self._view(), {}

    def _styled_twin(self) -> dict[str, str]:
        twin = self._twin()
        return twin | {"text/html": f"<style>{_TWIN_STYLE}</style>{twin['text/html']}"}

    def _ipython_display_(self) -> None:
        nothing = {"text/plain": "", "text/html": ""}
        display(nothing | self._view(), raw=True)  # type: ignore[no-untyped-call]
        display(  # type: ignore[no-untyped-call]
            self._styled_twin(), raw=True, display_id=self.model_id
        )
        self._displayed = True

    def _renew_twin(self) -> None:
        """Have the twin show how it stands now, wherever it was displayed."""
        if self._displayed:
            update_display(  # type: ignore[no-untyped-call]
                self._styled_twin(), raw=True, display_id=self.model_id
            )


class Widget(Twin, anywidget.AnyWidget):
    """A widget drawn by the ES module ``static/<drawn_by>.js``."""

    drawn_by: ClassVar[str]

    def __init_subclass__(cls, **more: Any) -> None:
        if "drawn_by" in cls.__dict__:  # traitlets makes subclasses of its own
            cls._esm = module(cls.drawn_by)
            cls._css = css()
        super().__init_subclass__(**more)
