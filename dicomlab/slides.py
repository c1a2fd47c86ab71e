"""Pictures to files."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from dicomlab.model import Association, Capture, DicomlabError, Drawn
from dicomlab.views import html, mermaid

Mode = Literal["light", "dark"]
PICTURES = (".png", ".svg", ".pdf")
FORMATS = (*PICTURES, ".html", ".mmd")


def save(value: Drawn, *paths: Path, theme: Mode = "light") -> list[Path]:
    """Draw ``value`` into each of these files, in the format of its suffix; the files written.

    ``.mmd`` is mermaid, for message sequences. Where one file does not hold it all, the files are
    numbered: ``echo.svg``, ``echo-2.svg``, ... Raises DicomlabError for a suffix that stands for
    no format, or for none of this value.
    """
    for path in paths:
        if path.suffix.lower() not in FORMATS:
            what = f"{str(path)!r} is no name of a picture."
            raise DicomlabError(what, f"Let it end with {', '.join(FORMATS)}.")
    written = []
    drawings = [path for path in paths if path.suffix.lower() in PICTURES]
    for number, figure in enumerate(value.pages(theme=theme) if drawings else (), 1):
        for path in drawings:
            written.append(_numbered(path, number))
            figure.savefig(written[-1])
    for path in paths:
        if path not in drawings:
            for number, text in enumerate(_texts(value, path.suffix.lower()), 1):
                written.append(_numbered(path, number))
                written[-1].write_text(text, encoding="utf-8")
    return written


def _numbered(path: Path, number: int) -> Path:
    return path if number == 1 else path.with_stem(f"{path.stem}-{number}")


def _texts(value: Drawn, suffix: str) -> list[str]:
    """What the files of a format that is text hold."""
    if suffix == ".html":
        parts = [value, *value.associations] if isinstance(value, Capture) else [value]
        shown = "".join(html.show(one) for one in parts)
        return [f'<!doctype html><meta charset="utf-8"><title>dicomlab</title>{shown}\n']
    if isinstance(value, Capture):
        return [f"{mermaid.sequence(one)}\n" for one in value.associations]
    if isinstance(value, Association):
        return [f"{mermaid.sequence(value)}\n"]
    raise DicomlabError("mermaid draws message sequences only.", "Let the name end with .svg.")
