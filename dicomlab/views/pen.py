"""What every text for a terminal is written with: colour or none, cut or wrapped to the width."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain, zip_longest

from dicomlab.views.theme import Tone

BOLD, DIM = 1, 2
TONES: dict[Tone, int] = {"plain": 0, "good": 32, "warning": 33, "error": 31}
MARKS: dict[Tone, str] = {"plain": "●", "good": "✔", "warning": "▲", "error": "✖"}


class Pen:
    """Writes in colour, or not."""

    def __init__(self, color: bool) -> None:
        self._color = color

    def __call__(self, text: str, *codes: int) -> str:
        """The text in a look of the terminal's (SGR codes; 0 is none)."""
        wanted = [str(code) for code in codes if code]
        if not (self._color and wanted and text):
            return text
        return f"\x1b[{';'.join(wanted)}m{text}\x1b[0m"


def cut(text: str, width: int) -> str:
    """As much of a text as fits."""
    return text if len(text) <= width else text[: max(width - 1, 0)] + "…"


def wrapped(text: str, width: int) -> Iterator[str]:
    """A text in lines."""
    line = ""
    for word in chain.from_iterable(_pieces(one, width) for one in text.split()):
        if line and len(line) + len(word) + 1 > width:
            yield line
            line = word
        else:
            line = f"{line} {word}" if line else word
    if line:
        yield line


def _pieces(word: str, width: int) -> Iterator[str]:
    return (word[at : at + width] for at in range(0, len(word), width))


def columns(cells: Sequence[str], widths: Sequence[int]) -> Iterator[str]:
    """Cells beside each other, each in as many lines as it takes."""
    lines = zip_longest(
        *(wrapped(cell, width) for cell, width in zip(cells, widths, strict=True)), fillvalue=""
    )
    for line in lines:
        padded = (f"{text:{width}}" for text, width in zip(line, widths, strict=True))
        yield "  ".join(padded).rstrip()
