"""What the lab and the checks say, as text and in a notebook; everything is escaped."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from html import escape
from typing import Any

CHECKED = "application/vnd.dicomlab.check+json"  # whether an answer was right, for programs
_RIGHT = "✓", "var(--jp-success-color1, #009e73)"
_WRONG = "✗", "var(--jp-warn-color1, #d55e00)"
_LEFT = ' style="text-align: left"'  # where a notebook would have it at the right


def line(ok: bool, text: str) -> str:
    """A line of HTML that says whether it is well."""
    mark, colour = _RIGHT if ok else _WRONG
    return (
        f'<p style="border-left: 4px solid {colour}; padding: 4px 10px">{mark} {escape(text)}</p>'
    )


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A table of texts in HTML."""
    heads = "".join(f'<th scope="col"{_LEFT}>{escape(one)}</th>' for one in head)
    body = "".join(
        "<tr>" + "".join(f"<td{_LEFT}>{escape(one)}</td>" for one in row) + "</tr>" for row in rows
    )
    return f"<table><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table>"


@dataclass(frozen=True, slots=True)
class Note:
    """A line that says whether it is well, and what to do next."""

    ok: bool
    text: str

    def raise_if_wrong(self) -> None:
        """AssertionError with the text, for those who grade by assertions."""
        if not self.ok:
            raise AssertionError(self.text)

    def __str__(self) -> str:
        return self.text

    def _repr_mimebundle_(self, **_: object) -> dict[str, Any]:
        page = line(self.ok, self.text)
        return {"text/plain": self.text, "text/html": page, CHECKED: {"ok": self.ok}}


class Codes(dict[str, str]):
    """Code → what it stands for, in words; a table in a notebook."""

    def _repr_html_(self) -> str:
        return table(("code", "in words"), self.items())
