"""Pictures to files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from dicomlab.model import DicomlabError, Drawn

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Mode = Literal["light", "dark"]
FORMATS = (".png", ".svg", ".pdf")
MOST = 40  # slides of one value


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
    for number, figure in enumerate(slides(value, theme), 1):
        for path in paths:
            file = path if number == 1 else path.with_stem(f"{path.stem}-{number}")
            figure.savefig(file)
            written.append(file)
    return written


def slides(value: Drawn, theme: Mode) -> Iterator[Figure]:
    """The slides of a value, up to MOST of them."""
    for page in range(1, MOST + 1):
        try:
            figure = value.draw(theme=theme, page=page)
        except ValueError:  # there is no such page
            return
        yield figure
