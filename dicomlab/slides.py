"""Pictures to files."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from dicomlab.model import DicomlabError, Drawn

Mode = Literal["light", "dark"]
FORMATS = (".png", ".svg", ".pdf")


def save(value: Drawn, *paths: Path, theme: Mode = "light") -> list[Path]:
    """Draw ``value`` into each of these files, in the format of its suffix; the files written.

    Where there is more than one slide the files are numbered: ``echo.svg``, ``echo-2.svg``, ...
    Raises DicomlabError for a suffix that stands for no format.
    """
    for path in paths:
        if path.suffix.lower() not in FORMATS:
            what = f"{str(path)!r} is no name of a picture."
            raise DicomlabError(what, f"Let it end with {', '.join(FORMATS)}.")
    written = []
    for number, figure in enumerate(value.pages(theme=theme), 1):
        for path in paths:
            file = path if number == 1 else path.with_stem(f"{path.stem}-{number}")
            figure.savefig(file)
            written.append(file)
    return written
