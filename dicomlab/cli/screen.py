"""Where what is printed goes: how much fits, and what it can show."""

from __future__ import annotations

import os
import sys
from typing import NamedTuple


class Screen(NamedTuple):
    """A terminal, or a file or pipe in its place."""

    width: int = 100
    height: int = 50
    color: bool = False
    encoding: str = "utf-8"

    @classmethod
    def here(cls) -> Screen:
        """That of the standard output."""
        import shutil

        width, height = shutil.get_terminal_size((cls().width, cls().height))
        return cls(width, height, wants_color(), sys.stdout.encoding or "ascii")


def wants_color() -> bool:
    """Colour is for people who look at a terminal and did not decline it (no-color.org)."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR")
