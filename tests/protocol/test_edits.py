"""Edits of a draft: undone, done again, and written as Python that builds the same draft."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicomlab.model import BuildError
from dicomlab.protocol.build import Draft, located
from dicomlab.protocol.edits import Edit, Workpiece


@pytest.fixture
def piece() -> Workpiece:
    return Workpiece("A-ASSOCIATE-RQ", called_ae_title="ARCHIVE")


def built(source: str) -> Draft:
    """The draft that a piece of Python builds."""
    names: dict[str, Any] = {}
    exec(source, names)
    draft = names["draft"]
    assert isinstance(draft, Draft)
    return draft


def lines(piece: Workpiece) -> list[str]:
    """The Python of a draft without its beginning."""
    return piece.python().splitlines()[3:]


def test_each_change_can_be_undone_and_done_again(piece: Workpiece) -> None:
    states = [bytes(piece)]
    changes: list[Any] = [
        lambda: piece.__setitem__("Calling-AE-title", "CT1"),
        lambda: piece.override("PDU-length", 9),
        lambda: piece.add("Presentation Context", abstract_syntax="1.2.3"),
        lambda: piece.move("Presentation Context[1]", 1),
        lambda: piece.replace("User Information", b"P\0"),
        lambda: piece.remove("Presentation Context[1]"),
        lambda: piece.give("transfer_syntax", ["1.2.840.10008.1.2", "1.2.840.10008.1.2.1"]),
    ]
    for change in changes:
        change()
        states.append(bytes(piece))
    for state in reversed(states[:-1]):
        piece.undo()
        assert bytes(piece) == state
    piece.undo()  # there is nothing more
    for state in states[1:]:
        piece.redo()
        assert bytes(piece) == state
    piece.redo()
    assert bytes(piece) == states[-1]


def test_what_was_undone_is_forgotten_with_the_next_change(piece: Workpiece) -> None:
    piece["Calling-AE-title"] = "CT1"
    piece.undo()
    piece["Calling-AE-title"] = "CT2"
    piece.redo()
    assert piece["Calling-AE-title"] == "CT2"


def test_a_refused_change_leaves_the_draft_and_its_history_as_they_were(piece: Workpiece) -> None:
    before = bytes(piece)
    for path, value in (("Called-AE-title", "BACK\\SLASH"), ("Nowhere", 1)):
        with pytest.raises(BuildError):
            piece[path] = value
    with pytest.raises(BuildError, match="more than Item-length can say"):
        piece.override("Implementation-version-name", b"x" * 70_000)
    assert (bytes(piece), piece.edits) == (before, [])


def test_what_is_typed_into_one_field_is_one_step(piece: Workpiece) -> None:
    for text in ("A", "AB", "ABC"):
        piece.do(Edit("set", "Calling-AE-title", text), typing=len(text) > 1)
    assert len(piece.edits) == 1
    piece.undo()
    assert piece["Calling-AE-title"] == "DICOMLAB"


def test_python_says_nothing_that_a_later_line_replaces(piece: Workpiece) -> None:
    piece["Called-AE-title"] = "A"
    piece.override("Called-AE-title", b"")
    piece["Called-AE-title"] = "PACS"
    piece.override("PDU-length", 9)
    piece.override("PDU-length", None)
    assert lines(piece) == ["draft['Called-AE-title'] = 'PACS'"]
    assert "dl.build('A-ASSOCIATE-RQ', called_ae_title='ARCHIVE')" in piece.python()


def test_python_keeps_what_a_move_lies_between(piece: Workpiece) -> None:
    piece.add("Presentation Context")
    piece["Presentation Context[0]/Abstract Syntax"] = "1.2.3"
    piece.move("Presentation Context[0]", 2)
    piece["Presentation Context[0]/Abstract Syntax"] = "1.2.4"
    assert len(lines(piece)) == 4
    assert bytes(built(piece.python())) == bytes(piece)


def test_python_that_is_shown_holds_no_secret(piece: Workpiece) -> None:
    piece.add("User Identity Negotiation", user_identity_type=2, secondary_field=b"pa55-1")
    piece["Secondary-field"] = "pa55-2"
    piece.give("secondary_field", b"pa55-3")
    piece.replace("Secondary-field", b"pa55-4")
    piece.move("User Identity Negotiation", 0)
    piece.replace("User Identity Negotiation", b"X\0\0\6pa55-5")
    shown = piece.python(masked=True)
    assert "pa55" not in shown
    assert "draft.move('User Identity Negotiation', 0)" in shown
    assert len(built(shown)) > 200
    assert bytes(built(piece.python())) == bytes(piece)


VALUES = st.one_of(
    st.integers(0, 300),
    st.sampled_from(["ARCHIVE", "1.2.3", "1.2.840.10008.1.2", "", "é\\"]),
    st.binary(max_size=4),
    st.none(),
)


def any_edit(data: st.DataObject, piece: Workpiece) -> Edit:
    """A change at some place of the draft, sensible or not."""
    places = [*located(piece.slot)]
    kinds = {layout.name for one in places for layout in one.slot.part.holds()}
    do = data.draw(st.sampled_from(["set", "override", "replace", "add", "remove", "move"]))
    if do == "add":
        return Edit("add", data.draw(st.sampled_from(sorted(kinds) or ["PDV"])))
    path = data.draw(st.sampled_from([one.path for one in places]))
    if do == "move":
        return Edit("move", path, data.draw(st.integers(0, 3)))
    return Edit(do, path, None if do == "remove" else data.draw(VALUES))


@given(st.data(), st.sampled_from(["A-ASSOCIATE-RQ", "A-ASSOCIATE-AC", "C-ECHO-RQ", "A-ABORT"]))
def test_whatever_is_done_python_builds_the_same_bytes(data: st.DataObject, name: str) -> None:
    piece = Workpiece(name)
    for _ in range(data.draw(st.integers(1, 8))):
        with suppress(BuildError):
            piece.do(any_edit(data, piece))
    assert bytes(built(piece.python())) == bytes(piece)
    done, after = len(piece.edits), bytes(piece)
    for _ in range(done):
        piece.undo()
    assert bytes(piece) == bytes(Workpiece(name))
    for _ in range(done):
        piece.redo()
    assert bytes(piece) == after
