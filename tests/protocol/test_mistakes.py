"""Each mistake that is offered gives the finding that it promises."""

from __future__ import annotations

import pytest

from dicomlab.protocol.edits import Workpiece
from dicomlab.protocol.mistakes import MISTAKES, Mistake, mistakes
from dicomlab.spec.findings import FINDINGS

ALL = [(name, one) for name, some in MISTAKES.items() for one in some]


@pytest.mark.parametrize(("name", "mistake"), ALL, ids=lambda one: getattr(one, "title", one))
def test_a_mistake_shows_in_its_pdu_unless_it_must_be_sent(name: str, mistake: Mistake) -> None:
    piece = Workpiece(name)
    before = bytes(piece)
    piece.do(mistake.edit)
    codes = {found.code for pdu in piece.pdus for found in pdu.findings}
    assert (mistake.code in codes) is not mistake.must_be_sent
    assert bytes(piece) != before
    piece.undo()
    assert bytes(piece) == before


def test_mistakes_have_titles_of_their_own_and_codes_that_there_are() -> None:
    assert len({one.title for _, one in ALL}) == len(ALL)
    assert {one.code for _, one in ALL} <= set(FINDINGS)


def test_a_draft_that_nobody_breaks_has_none() -> None:
    assert mistakes(Workpiece("A-RELEASE-RQ")) == ()
