"""Mermaid: one line a step, and nothing of a peer's that mermaid could take for its own."""

from __future__ import annotations

import re

import pytest

from dicomlab.model import Association
from dicomlab.views import mermaid
from tests.views import gallery, made

SEQUENCES = {n: v for n, v in gallery.values() if isinstance(v, Association)}
TEXT = r"(?:[\w .,()+/-]|#\d+;|<br/>)*"
LINES = (
    "sequenceDiagram",
    rf"    participant [RA] as {TEXT}",
    rf"    [RA](->>|-x|--x)[RA]: {TEXT}",
    rf"    Note (over R,A|left of R|right of A): {TEXT}",
)


@pytest.mark.parametrize("name", SEQUENCES)
def test_every_line_is_one_of_the_kinds_that_are_meant(name: str) -> None:
    for line in mermaid.sequence(SEQUENCES[name]).split("\n"):
        assert any(re.fullmatch(kind, line, re.ASCII) for kind in LINES), line


def test_hostile_titles_are_spelled_in_entities() -> None:
    drawn = mermaid.sequence(made.success(calling="A;B#<br>%%", called="end\nR->>A: x"))
    assert "as A#59;B#35;#60;br#62;#37;#37;<br/>" in drawn
    assert "R->>A: x" not in drawn


def test_a_rejection_ends_in_a_cross() -> None:
    assert "A-xR: A-ASSOCIATE-RJ" in mermaid.sequence(made.rejected())
