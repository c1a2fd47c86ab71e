"""The byte explorer, as Python sees it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import dicomlab as dl
from dicomlab.model import DicomlabError
from dicomlab.widgets.explorer import HexView


def names(view: HexView, pane: int = 0) -> list[str]:
    return [box["name"] for box in view.panes[pane]["boxes"]]


def test_a_pdu_a_draft_and_bytes_are_explored_alike() -> None:
    draft = dl.build("A-RELEASE-RQ")
    views: list[Any] = [draft.explore(), draft.pdu.explore(), dl.HexView(bytes(draft))]
    assert [names(view) for view in views] == [
        ["PDU-type", "Reserved", "PDU-length", "Reserved"]
    ] * 3
    assert [view.panes[0]["data"] for view in views] == [bytes(draft)] * 3


def test_several_pdus_stand_in_one_tree() -> None:
    data = bytes(dl.build("A-RELEASE-RQ")) + bytes(dl.build("A-RELEASE-RP"))
    view = dl.HexView(data)
    assert view.panes[0]["title"] == "A-RELEASE-RQ · A-RELEASE-RP"
    assert [box["start"] for box in view.panes[0]["boxes"] if box["depth"] == 0] == [0, 10]


def test_no_bytes_can_be_explored_too() -> None:
    [pane] = dl.HexView(b"").panes
    assert (pane["title"], pane["data"], len(pane["boxes"])) == ("no bytes", b"", 1)


def test_the_field_that_was_chosen_is_known() -> None:
    view = dl.HexView(dl.build("A-ASSOCIATE-RQ", called_ae_title="ARCHIVE"))
    assert view.field is None
    view.selected = [0, names(view).index("Called-AE-title")]
    assert view.field is not None
    assert view.field.value == "ARCHIVE"


def test_what_is_shown_can_be_replaced() -> None:
    view = dl.HexView(dl.build("A-ASSOCIATE-RQ"), dl.build("A-ASSOCIATE-RQ"))
    view.selected = [1, 3]
    view.show(dl.build("A-ABORT"))
    assert (len(view.panes), view.pairs, view.selected) == (1, [], [0, None])


def test_fields_of_two_pdus_are_matched_and_compared() -> None:
    a = dl.build("A-ASSOCIATE-RQ", called_ae_title="ARCHIVE")
    b = dl.build("A-ASSOCIATE-RQ", called_ae_title="PACS")
    b.remove("Implementation Version Name")
    view = dl.HexView(a, b)
    differing = [
        (
            one if one is None else names(view)[one],
            other if other is None else names(view, 1)[other],
        )
        for one, other, differs in view.pairs
        if differs
    ]
    assert ("Called-AE-title", "Called-AE-title") in differing
    assert ("Implementation Version Name", None) in differing
    assert ("Calling-AE-title", "Calling-AE-title") not in differing


def test_two_pdus_of_a_capture_are_matched_too() -> None:
    capture = dl.dissect(Path(__file__).parents[2] / "captures" / "modality-cannot-store.pcapng")
    one, other = (capture.associations[number].pdus[0] for number in (1, 2))
    view = one.explore(other=other)
    matched = [(a, b) for a, b, _ in view.pairs if None not in (a, b)]
    assert len(matched) > 20
    assert all(names(view)[a] == names(view, 1)[b] for a, b in matched)


def test_the_twin_of_two_shows_both() -> None:
    twin, _ = dl.HexView(dl.build("A-ASSOCIATE-RJ"), dl.build("A-ABORT"))._repr_mimebundle_()
    for form in ("text/plain", "text/html"):
        assert "A-ASSOCIATE-RJ" in twin[form]
        assert "A-ABORT" in twin[form]


def test_bytes_of_a_secret_never_reach_the_browser() -> None:
    draft = dl.build("A-ASSOCIATE-RQ")
    draft.add("User Identity Negotiation", user_identity_type=2, secondary_field=b"pa55word")
    view = draft.explore()
    assert b"pa55word" in bytes(draft)
    assert b"pa55word" not in view.panes[0]["data"]
    assert "pa55word" not in repr(view.panes)


def test_what_is_too_much_is_left_out_and_said() -> None:
    fragment = b"\0" * ((1 << 22) + 100)
    size = len(fragment) + 2
    data = b"\4\0" + (size + 4).to_bytes(4, "big") + size.to_bytes(4, "big") + b"\1\0" + fragment
    [pane] = dl.HexView(data).panes
    assert len(pane["data"]) == 1 << 22
    assert pane["size"] == len(data)


def test_nothing_else_can_be_explored_and_it_is_said() -> None:
    from dicomlab.widgets.explore import explore

    with pytest.raises(TypeError, match="explore a int"):
        explore(7)


@pytest.mark.parametrize("nothing", [7, "01 00", None])
def test_what_is_neither_bytes_nor_a_pdu_is_refused(nothing: Any) -> None:
    with pytest.raises(dl.BuildError, match="neither bytes nor a PDU"):
        dl.HexView(nothing)


def test_errors_of_the_face_name_the_widgets() -> None:
    with pytest.raises(AttributeError, match="HexView"):
        dl.HexVeiw  # noqa: B018
    assert DicomlabError is dl.DicomlabError
