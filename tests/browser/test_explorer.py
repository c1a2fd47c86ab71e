"""The byte explorer in a page by itself: pointer, keyboard, search, large PDUs, two PDUs."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Locator, expect

import dicomlab as dl
from dicomlab.model import Field
from tests.browser.bare import Bare, View

HOSTILE = b"<img src=x>\"'\x1b\x07&"
MEGABYTE = 1 << 20


def traits(view: dl.HexView) -> dict[str, Any]:
    return {name: getattr(view, name) for name in ("panes", "pairs", "selected")}


def request() -> Any:
    return dl.build("A-ASSOCIATE-RQ", called_ae_title="ARCHIVE", calling_ae_title="CT1")


def p_data(size: int) -> bytes:
    """A P-DATA-TF that carries so many bytes of a data set, each block of 16 another."""
    fragment = b"".join(number.to_bytes(16, "big") for number in range(size // 16))
    length = len(fragment) + 2
    return (
        b"\4\0" + (length + 4).to_bytes(4, "big") + length.to_bytes(4, "big") + b"\1\0" + fragment
    )


@pytest.fixture
def explorer(bare: Bare) -> View:
    return bare("explorer", traits(dl.HexView(request())))


def lit(view: View, pane: Locator | None = None) -> list[int]:
    """The offsets of the bytes that are lit."""
    cells = (pane or view.root).locator(".dl-byte.dl-on")
    return [int(cell.get_attribute("data-o") or "") for cell in cells.all()]


def byte(view: View, offset: int) -> Locator:
    return view.root.locator(f".dl-byte[data-o='{offset}']")


def row(view: View, name: str) -> Locator:
    return view.root.get_by_role("treeitem", name=re.compile(rf"^{re.escape(name)}:"))


def field(name: str) -> Field:
    return request().pdu[name]


def panel(view: View) -> Locator:
    return view.root.get_by_role("region", name="The field")


def press(view: View, *keys: str) -> None:
    for key in keys:
        view.page.keyboard.press(key)


# --- the pointer ----------------------------------------------------------------------------------


def test_a_byte_lights_its_field_and_all_that_it_is_part_of(explorer: View) -> None:
    name = field("Presentation Context/Abstract Syntax/Abstract-syntax-name")
    byte(explorer, name.start + 3).hover()
    assert lit(explorer) == [*range(name.start, name.stop)]
    expect(row(explorer, "Abstract-syntax-name")).to_have_class(re.compile("dl-on"))
    expect(row(explorer, "Abstract Syntax")).to_have_class(re.compile("dl-in"))
    expect(row(explorer, "Presentation Context")).to_have_class(re.compile("dl-in"))
    expect(row(explorer, "Application Context")).not_to_have_class(re.compile("dl-in"))


def test_a_row_lights_all_its_bytes(explorer: View) -> None:
    row(explorer, "Called-AE-title").hover()
    assert lit(explorer) == [*range(10, 26)]


def test_pointing_asks_nothing_of_python_and_a_click_does(explorer: View) -> None:
    row(explorer, "Called-AE-title").hover()
    assert explorer.saved == []
    row(explorer, "Called-AE-title").click()
    assert explorer.saved == [{"selected": [0, 5]}]


def test_the_panel_tells_all_of_a_field(bare: Bare) -> None:
    view = bare("explorer", traits(dl.HexView(dl.build("A-ASSOCIATE-RJ"))))
    row(view, "Source").hover()
    for said in (
        "Source",
        "byte 8 (0008H, 1 byte)",
        "DICOM UL service-user",
        "1..3",
        "2 = DICOM UL service-provider (ACSE related function)",
        "PS3.8 Table 9-21",
    ):
        expect(panel(view)).to_contain_text(said)


def test_the_panel_tells_what_was_found(bare: Bare) -> None:
    draft = dl.build("A-ASSOCIATE-RQ")
    draft.override("Called-AE-title", b"PACS\\1".ljust(16))
    view = bare("explorer", traits(dl.HexView(draft)))
    row(view, "Called-AE-title").hover()
    [found] = draft.pdu["Called-AE-title"].findings
    for said in (found.what, found.why, found.remedy, found.clause):
        expect(panel(view)).to_contain_text(said)


def test_all_that_was_found_is_listed(bare: Bare) -> None:
    draft = request()
    draft.override("PDU-length", 9)
    view = bare("explorer", traits(dl.HexView(draft)))
    listed = view.root.get_by_role("group")
    for found in draft.pdu.findings:
        expect(listed).to_contain_text(found.what)


# --- the keyboard ---------------------------------------------------------------------------------


def test_arrow_keys_walk_over_the_bytes(explorer: View) -> None:
    explorer.root.get_by_role("grid").focus()
    press(explorer, "ArrowRight", "ArrowRight")
    expect(explorer.root.get_by_role("status")).to_have_text("PDU-length: bytes 2–5 = 215")
    assert lit(explorer) == [2, 3, 4, 5]
    press(explorer, "ArrowDown")
    expect(explorer.root.get_by_role("status")).to_contain_text("Called-AE-title: bytes 10–25")
    press(explorer, "End", "Home", "ArrowUp")
    active = explorer.root.get_by_role("grid").get_attribute("aria-activedescendant")
    assert explorer.root.locator(f"[id='{active}']").get_attribute("data-o") == "0"
    press(explorer, "Control+End")
    expect(explorer.root.get_by_role("status")).to_contain_text("Implementation-version-name")
    assert explorer.saved[-1]["selected"][0] == 0


def test_arrow_keys_walk_over_the_fields(explorer: View) -> None:
    explorer.root.get_by_role("tree").focus()
    press(explorer, "ArrowDown", "ArrowDown", "ArrowDown")
    assert lit(explorer) == [2, 3, 4, 5]
    expect(row(explorer, "PDU-length")).to_have_attribute("aria-selected", "true")
    press(explorer, "End", "Home")
    assert lit(explorer) == [0]


def test_left_and_right_close_and_open_what_holds_others(explorer: View) -> None:
    context = row(explorer, "Application Context")
    context.click()
    explorer.root.get_by_role("tree").focus()
    press(explorer, "ArrowLeft")
    expect(context).to_have_attribute("aria-expanded", "false")
    expect(row(explorer, "Application-context-name")).to_have_count(0)
    press(explorer, "ArrowRight")
    expect(context).to_have_attribute("aria-expanded", "true")
    press(explorer, "ArrowRight", "ArrowRight")
    expect(row(explorer, "Item-type").first).to_have_attribute("aria-selected", "true")
    press(explorer, "ArrowLeft")
    expect(context).to_have_attribute("aria-selected", "true")


def test_enter_pins_until_it_is_pressed_again(explorer: View) -> None:
    explorer.root.get_by_role("grid").focus()
    press(explorer, "ArrowRight", "ArrowRight", "Enter")
    expect(panel(explorer)).to_contain_text("pinned")
    row(explorer, "Called-AE-title").hover()
    assert lit(explorer) == [2, 3, 4, 5]
    press(explorer, "Enter")
    row(explorer, "Calling-AE-title").hover()
    assert lit(explorer) == [*range(26, 42)]


def test_escape_unpins(explorer: View) -> None:
    row(explorer, "Called-AE-title").click()
    explorer.root.get_by_role("tree").focus()
    press(explorer, "Escape")
    expect(panel(explorer)).not_to_contain_text("pinned")


# --- long runs, and search ------------------------------------------------------------------------


def test_a_long_run_is_folded_and_enter_unfolds_it(explorer: View) -> None:
    fold = explorer.root.locator(".dl-fold")
    expect(fold).to_have_text("… 16 × 00H, Reserved …")
    explorer.root.get_by_role("grid").focus()
    press(explorer, "ArrowDown", "ArrowDown", "ArrowDown")
    expect(explorer.root.get_by_role("status")).to_contain_text("folded: 16 × 00H")
    press(explorer, "Enter")
    expect(fold).to_have_count(0)
    expect(byte(explorer, 48)).to_have_text("00")


def test_all_is_unfolded_and_folded_again(explorer: View) -> None:
    explorer.root.get_by_role("button", name="unfold all").click()
    expect(explorer.root.locator(".dl-fold")).to_have_count(0)
    explorer.root.get_by_role("button", name="fold", exact=True).click()
    expect(explorer.root.locator(".dl-fold")).to_have_count(1)


@pytest.mark.parametrize(("wanted", "places"), [("1.2.840", 3), ("41 52 43", 1), ("nowhere", 0)])
def test_bytes_and_texts_are_found(explorer: View, wanted: str, places: int) -> None:
    explorer.root.get_by_role("searchbox").fill(wanted)
    said = f"{places} place{'' if places == 1 else 's'} found"
    expect(explorer.root.get_by_role("status")).to_have_text(said)
    assert (explorer.root.locator(".dl-byte.dl-found").count() > 0) == (places > 0)


def test_enter_goes_from_one_place_to_the_next(explorer: View) -> None:
    explorer.root.get_by_role("searchbox").fill("1.2.840")
    press(explorer, "Enter", "Enter")
    expect(explorer.root.get_by_role("status")).to_contain_text("2 of 3: byte")
    assert lit(explorer) == [
        *range(
            field("Presentation Context/Abstract Syntax/Abstract-syntax-name").start,
            field("Presentation Context/Abstract Syntax/Abstract-syntax-name").stop,
        )
    ]


def test_what_is_found_in_a_folded_run_is_unfolded(bare: Bare) -> None:
    view = bare("explorer", traits(dl.HexView(p_data(4096))))
    view.root.get_by_role("searchbox").fill("0000 007F 0000")
    expect(view.root.get_by_role("status")).to_have_text("1 place found")
    press(view, "Enter")
    expect(view.root.locator(".dl-byte.dl-found").first).to_be_visible()


def test_a_secret_is_neither_shown_nor_found(bare: Bare) -> None:
    draft = request()
    draft.add("User Identity Negotiation", user_identity_type=2, secondary_field=b"s3cret")
    view = bare("explorer", traits(draft.explore()))
    view.root.get_by_role("searchbox").fill("s3cret")
    expect(view.root.get_by_role("status")).to_have_text("0 places found")
    view.root.get_by_role("searchbox").fill("00 00 00 00 00 00")
    masked = draft.pdu["User Identity Negotiation/Secondary-field"]
    view.root.get_by_role("grid").focus()
    press(view, "Control+End")
    expect(byte(view, masked.start)).to_have_text(re.compile("••"))
    expect(byte(view, masked.start)).not_to_have_class(re.compile("dl-found"))


# --- large PDUs -----------------------------------------------------------------------------------


def test_of_a_megabyte_only_what_is_seen_is_in_the_page(bare: Bare) -> None:
    data = p_data(MEGABYTE)
    view = bare("explorer", traits(dl.HexView(data)))
    view.root.get_by_role("button", name="unfold all").click()
    expect(view.root.get_by_role("grid")).to_have_attribute("aria-rowcount", str(65537))
    view.root.get_by_role("grid").focus()
    press(view, "Control+End")
    expect(byte(view, len(data) - 1)).to_be_visible()
    press(view, "PageUp")
    assert view.page.locator("*").count() < 3000


def test_what_is_too_large_is_said(bare: Bare) -> None:
    view = bare("explorer", traits(dl.HexView(p_data((1 << 22) + 16))))
    expect(view.root).to_contain_text("… and 28 bytes more")


# --- two PDUs -------------------------------------------------------------------------------------


@pytest.fixture
def two(bare: Bare) -> View:
    other = dl.build("A-ASSOCIATE-RQ", called_ae_title="PACS", calling_ae_title="CT1")
    other.remove("Implementation Version Name")
    return bare("explorer", traits(dl.HexView(request(), other)), width=1400)


def test_the_same_field_is_lit_in_both(two: View) -> None:
    row(two, "Called-AE-title").first.hover()
    expect(row(two, "Called-AE-title").nth(1)).to_have_class(re.compile("dl-on"))
    expect(panel(two).nth(0)).to_contain_text("ARCHIVE")
    expect(panel(two).nth(1)).to_contain_text("PACS")


def test_differences_are_listed_marked_and_gone_to(two: View) -> None:
    table = two.root.get_by_role("table")
    expect(table.get_by_role("row")).to_have_count(4)
    expect(table).to_contain_text("not there")
    expect(row(two, "Called-AE-title").first).to_have_class(re.compile("dl-differs"))
    expect(row(two, "Calling-AE-title").first).not_to_have_class(re.compile("dl-differs"))
    table.get_by_role("button", name="Implementation Version Name").click()
    expect(panel(two).nth(1)).to_have_text("This PDU does not have it.")
    expect(row(two, "Implementation Version Name")).to_have_class(re.compile("dl-on"))


# --- for everybody --------------------------------------------------------------------------------


def test_what_a_peer_sent_is_text(bare: Bare) -> None:
    draft = request()
    draft.override("Called-AE-title", HOSTILE)
    draft.override("Implementation-version-name", "\u202e<b onclick=x>".encode())
    view = bare("explorer", traits(dl.HexView(draft, request())))
    assert view.page.locator("img, b[onclick]").count() == 0
    expect(row(view, "Called-AE-title").first).to_contain_text("<img src=x>\"'\\x1b\\x07&")


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize(("zoom", "width"), [(1, 1200), (2, 1280), (1, 600)])
def test_axe_finds_nothing_serious(bare: Bare, dark: bool, zoom: float, width: int) -> None:
    draft = request()
    draft.override("PDU-length", 9)
    shown = traits(dl.HexView(draft, request()))
    view = bare("explorer", shown, dark=dark, zoom=zoom, width=width)
    row(view, "PDU-length").first.click()
    assert view.axe() == []
    assert view.page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_other_bytes_take_the_place_of_those_shown(explorer: View) -> None:
    explorer.set(**traits(dl.HexView(dl.build("A-ABORT"))))
    expect(explorer.root.get_by_role("heading", level=3)).to_have_text("A-ABORT (draft)")
    expect(explorer.root.get_by_role("grid")).to_have_count(1)


def test_nothing_is_left_when_the_output_goes(explorer: View) -> None:
    explorer.cleanup()
    expect(explorer.root).to_have_count(0)
