"""The builder in a page by itself, with its Python side: form, bytes, refusals, answers."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Locator, expect

import dicomlab as dl
from dicomlab.widgets.base import plain
from dicomlab.widgets.builder import Builder
from dicomlab.widgets.send import answer, opening, send
from tests.browser.bare import Bare, View

SYNCED = (
    "form", "fresh", "said", "code", "steps", "mistakes", "target", "sending", "answer",
)  # fmt: skip
HOSTILE = "<img src=x>\"'\u202e\x1b&"


class Desk:
    """A builder and the page that shows it: what the one asks, the other does."""

    def __init__(self, bare: Bare, builder: Builder, **page: Any) -> None:
        self.builder = builder
        self.view: View = bare("builder", self._traits(), **page)
        self._heard = 0
        builder.send = lambda content, buffers=None: self.view.tell(content)

    def _traits(self) -> dict[str, Any]:
        return {name: getattr(self.builder, name) for name in SYNCED}

    @property
    def root(self) -> Locator:
        return self.view.root

    def answer(self) -> None:
        """Let Python do what was asked since the last time."""
        for message in self.view.sent[self._heard :]:
            self._heard += 1
            self.builder._handle_custom_msg(message, [])
        self.show()

    def show(self) -> None:
        """Let the page have what Python has."""
        self.view.set(**self._traits())

    def field(self, name: str) -> Locator:
        return self.root.get_by_label(name, exact=True)

    def type(self, name: str, text: str) -> None:
        self.field(name).fill(text)
        self.answer()

    def press(self, name: str) -> None:
        self.root.get_by_role("button", name=name, exact=True).click()
        self.answer()

    @property
    def shown_bytes(self) -> bytes:
        cells = self.root.locator(".dl-bytes .dl-byte").evaluate_all(
            "cells => cells.map(cell => [+cell.dataset.o, cell.firstChild.data])"
        )
        return bytes(int(text, 16) for _, text in sorted(cells))

    def marked(self, kind: str) -> list[int]:
        """The offsets of the bytes that are marked so."""
        cells = self.root.locator(f".dl-bytes .dl-byte.{kind}")
        return sorted(int(cell.get_attribute("data-o") or "") for cell in cells.all())

    def byte(self, offset: int) -> Locator:
        return self.root.locator(f".dl-bytes [data-o='{offset}']")


@pytest.fixture
def desk(bare: Bare) -> Desk:
    return Desk(bare, dl.Builder("A-ASSOCIATE-RQ", called_ae_title="ARCHIVE"))


def test_each_keystroke_shows_at_once_in_the_bytes(desk: Desk) -> None:
    desk.field("Called-AE-title").focus()
    desk.view.page.keyboard.press("End")
    desk.view.page.keyboard.type("2X", delay=1)
    desk.answer()
    expect(desk.root.get_by_role("status")).to_contain_text("Called-AE-title set")
    assert desk.shown_bytes == bytes(desk.builder)
    assert b"ARCHIVE2X " in desk.shown_bytes
    assert desk.marked("dl-fresh") == [18]  # the last keystroke's
    expect(desk.field("Called-AE-title")).to_have_value("ARCHIVE2X")
    desk.press("Undo")  # what was typed there is one step
    assert desk.builder.draft["Called-AE-title"] == "ARCHIVE"
    expect(desk.field("Called-AE-title")).to_have_value("ARCHIVE")
    desk.press("Redo")
    expect(desk.field("Called-AE-title")).to_have_value("ARCHIVE2X")


def test_an_ae_title_has_its_sixteen_boxes(desk: Desk) -> None:
    boxes = desk.root.locator(".dl-boxes").first
    assert boxes.inner_text().replace("\n", "") == "ARCHIVE" + "␣" * 9
    expect(boxes).to_have_attribute("aria-hidden", "true")
    desk.field("Called-AE-title").fill("PACS")
    assert boxes.inner_text().replace("\n", "") == "PACS" + "␣" * 12


def test_what_is_refused_says_why_beside_the_control(desk: Desk) -> None:
    before = bytes(desk.builder)
    field = desk.field("Called-AE-title")
    desk.type("Called-AE-title", "BACK\\SLASH")
    expect(field).to_have_attribute("aria-invalid", "true")
    described = field.get_attribute("aria-describedby")
    expect(desk.root.locator(f"#{described}")).to_contain_text("without the backslash")
    expect(desk.root.get_by_role("status")).to_contain_text("without the backslash")
    expect(field).to_have_value("BACK\\SLASH")
    assert bytes(desk.builder) == before == desk.shown_bytes
    field.press("Escape")
    expect(field).to_have_value("ARCHIVE")
    expect(field).not_to_have_attribute("aria-invalid", "true")


def test_what_is_typed_right_takes_the_reason_away(desk: Desk) -> None:
    desk.type("Abstract-syntax-name, Abstract Syntax", "1.2.")
    field = desk.field("Abstract-syntax-name, Abstract Syntax")
    expect(field).to_have_attribute("aria-invalid", "true")
    desk.type("Abstract-syntax-name, Abstract Syntax", "1.2.840.10008.1.1")
    expect(field).not_to_have_attribute("aria-invalid", "true")
    expect(desk.root.locator(".dl-refused:visible")).to_have_count(0)


def test_it_can_be_sent_all_the_same_and_taken_back(desk: Desk) -> None:
    desk.type("Called-AE-title", "SEVENTEEN-LETTERS")
    desk.root.get_by_role("button", name="send it all the same").locator("visible=true").click()
    desk.answer()
    assert b"SEVENTEEN-LETTERS" in desk.shown_bytes
    expect(desk.root.locator(".dl-box.dl-beyond")).to_have_text("S")
    expect(desk.root.locator(".dl-overridden").first).to_be_visible()
    expect(desk.root.locator(".dl-bytes sup").first).to_be_visible()  # what a receiver finds
    desk.press("Called-AE-title: take the override back")
    expect(desk.field("Called-AE-title")).to_have_value("ARCHIVE")


def test_a_length_follows_or_is_overridden(desk: Desk) -> None:
    length, how = desk.field("PDU-length"), "PDU-length: follows the content, or is overridden"
    expect(length).to_have_attribute("readonly", "")
    desk.field(how).select_option("overridden")
    desk.answer()
    desk.type("PDU-length", "9")
    assert desk.builder.draft["PDU-length"] == 9
    assert desk.shown_bytes[2:6] == b"\0\0\0\x09"
    desk.field(how).select_option("follows")
    desk.answer()
    expect(length).to_have_value("215")
    assert "override" not in desk.builder.code


def test_a_uid_has_its_name_and_a_list_to_choose_from(desk: Desk) -> None:
    choices = desk.field("Registered names for Abstract-syntax-name")
    assert choices.locator("option:checked").inner_text() == "Verification SOP Class"
    choices.select_option(label="CT Image Storage")
    desk.answer()
    assert desk.builder.draft["Abstract Syntax"] == "1.2.840.10008.5.1.4.1.1.2"
    expect(desk.field("Abstract-syntax-name, Abstract Syntax")).to_have_value(
        "1.2.840.10008.5.1.4.1.1.2"
    )


def test_a_code_has_its_allowed_values_and_takes_another_one(bare: Bare) -> None:
    desk = Desk(bare, dl.Builder("A-ASSOCIATE-RJ"))
    source = desk.field("Source")
    source.select_option("2")
    desk.answer()
    reasons = desk.field("Reason/Diag.").locator("option").all_inner_texts()
    assert reasons == ["1 no-reason-given", "2 protocol-version-not-supported", "another value …"]
    source.select_option("another value …")
    expect(desk.field("Source, another value")).to_be_focused()
    desk.type("Source, another value", "9")
    assert desk.builder.draft["Source"] == 9
    assert desk.builder.form["findings"]["notes"][0]["code"] == "reject-unknown-code"


def test_numbers_are_shown_and_taken_in_both_notations(desk: Desk) -> None:
    name = "Maximum-length-received, Maximum Length"
    desk.type(name, "8000H")
    assert desk.builder.draft["Maximum-length-received"] == 32768
    expect(desk.root.get_by_text("00008000H")).to_be_visible()


def test_the_bytes_of_any_field_can_be_typed(desk: Desk) -> None:
    desk.press("Protocol-version: type its bytes")
    field = desk.field("Protocol-version")
    expect(field).to_be_focused()
    expect(field).to_have_value("00 01")
    desk.type("Protocol-version", "ff")
    assert desk.shown_bytes[6:8] == b"\xff\0"
    desk.type("Protocol-version", "f")
    expect(field).to_have_attribute("aria-invalid", "true")


def test_items_are_added_moved_and_removed_and_the_focus_goes_with_them(desk: Desk) -> None:
    desk.field("A-ASSOCIATE-RQ ARCHIVE · DICOMLAB: what to add").select_option(
        "Presentation Context"
    )
    desk.press("A-ASSOCIATE-RQ ARCHIVE · DICOMLAB: add it")
    focused = desk.root.locator(":focus")
    expect(focused).to_contain_text("Presentation Context")
    desk.press("Presentation Context 3 · Verification SOP Class: move up")
    assert desk.builder.draft["Presentation Context[0]/Presentation-context-ID"] == 3
    expect(desk.root.locator(".dl-part:focus-within .dl-means")).to_have_text(
        "3 · Verification SOP Class"
    )
    desk.press("Presentation Context 3 · Verification SOP Class: remove")
    assert desk.builder.draft["Presentation Context/Presentation-context-ID"] == 1
    expect(focused).to_be_visible()
    up = desk.root.get_by_role(
        "button", name="Application Context DICOM Application Context Name: move up"
    )
    expect(up).to_have_attribute("aria-disabled", "true")


def test_a_whole_item_is_replaced_by_bytes(desk: Desk) -> None:
    name = "User Information dicomlab · DICOMLAB"
    desk.press(f"{name}: replace by bytes")
    raw = desk.field(f"{name}: its bytes")
    expect(raw).to_be_focused()
    raw.fill("50 00")
    desk.answer()
    assert desk.shown_bytes.endswith(b"P\0")
    desk.press("Undo")
    assert not desk.shown_bytes.endswith(b"P\0")


def test_pointing_at_a_control_lights_its_bytes_and_the_other_way_round(desk: Desk) -> None:
    desk.field("Calling-AE-title").hover()
    assert desk.marked("dl-on") == list(range(26, 42))
    desk.byte(12).hover()
    assert desk.marked("dl-on") == list(range(10, 26))
    expect(desk.root.locator(".dl-control.dl-on")).to_contain_text("Called-AE-title")
    desk.byte(76).hover()  # its control is closed away: the item around it
    expect(desk.root.locator(".dl-control.dl-on")).to_contain_text("Application Context")


def test_the_bytes_are_walked_by_keyboard(desk: Desk) -> None:
    grid = desk.root.get_by_role("grid", name="Bytes")
    grid.focus()
    for key in ("Home", "ArrowDown", "ArrowLeft"):
        grid.press(key)
    assert desk.marked("dl-cursor") == [15]
    assert desk.marked("dl-on") == list(range(10, 26))
    expect(desk.root.get_by_role("status")).to_have_text("byte 15: Called-AE-title")
    active = grid.get_attribute("aria-activedescendant")
    assert desk.root.locator(f"#{active}").get_attribute("data-o") == "15"
    grid.press("Enter")
    expect(desk.field("Called-AE-title")).to_be_focused()
    grid.press("End")
    assert desk.marked("dl-cursor") == [220]


def test_a_byte_in_a_closed_item_opens_it(desk: Desk) -> None:
    desk.byte(76).click()
    expect(desk.field("Item-length, Application Context")).to_be_focused()


def test_parts_are_closed_and_opened(desk: Desk) -> None:
    desk.root.get_by_role("button", name="▾ User Information").click()
    expect(desk.field("Maximum-length-received, Maximum Length")).to_have_count(0)
    desk.root.get_by_role("button", name="▸ User Information").press("Enter")
    expect(desk.field("Maximum-length-received, Maximum Length")).to_be_visible()


def test_mistakes_are_offered_with_what_one_learns(desk: Desk) -> None:
    desk.root.get_by_text("Break it: 24 mistakes").click()
    expect(desk.root.get_by_text("Some acceptors answer all the same")).to_be_visible()
    desk.press("an even presentation context ID")
    expect(desk.root.get_by_text("What a receiver finds in these bytes")).to_be_visible()
    expect(desk.root.locator(".dl-side")).to_contain_text("context-id-even")
    desk.press("an even presentation context ID")
    desk.press("no user information")
    desk.press("no user information")
    expect(desk.root.get_by_role("status")).to_contain_text("no field 'User Information'")


def test_the_python_that_builds_it_is_shown_and_copied(desk: Desk) -> None:
    desk.type("Called-AE-title", "PACS")
    desk.root.get_by_text("As Python").click()
    code = desk.root.get_by_role("region", name="Python code")
    expect(code).to_have_text(desk.builder.draft.python())
    desk.press("Copy")
    expect(desk.root.get_by_role("status")).to_have_text(re.compile("copied|Ctrl\\+C"))


def test_it_cannot_be_sent_to_nobody_and_says_why(desk: Desk) -> None:
    button = desk.root.get_by_role("button", name="Send", exact=True)
    expect(button).to_have_attribute("aria-disabled", "true")
    described = desk.root.locator(f"#{button.get_attribute('aria-describedby')}")
    expect(described).to_have_text(desk.builder.target["why"])
    button.press("Enter")
    expect(desk.root.get_by_role("status")).to_have_text(desk.builder.target["why"])
    assert desk.view.sent == []


def test_the_answer_appears_in_place(bare: Bare) -> None:
    with dl.EchoSCP() as scp:
        builder = dl.Builder.echo(to=scp)
        desk = Desk(bare, builder)
        expect(desk.root.get_by_text("to {}:{}".format(*scp.address))).to_be_visible()
        desk.root.get_by_role("button", name="Send", exact=True).click()
        assert desk.view.sent == [{"do": "send"}]
        desk.view.set(sending=True)
        send_button = desk.root.get_by_role("button", name="Send", exact=True)
        expect(send_button).to_have_attribute("aria-disabled", "true")
        came = send(bytes(builder), opening(builder.draft, "ANY-SCP"), *scp.address)
    desk.view.set(sending=False, answer=plain(answer(came)))
    region = desk.root.get_by_role("region", name="What came of it")
    expect(region.locator("summary").nth(1)).to_contain_text("P-DATA-TF · C-ECHO-RSP")
    region.locator("summary").nth(1).click()
    expect(region).to_contain_text("0000H = Success")
    expect(desk.root.get_by_role("status")).to_contain_text("Answer:")
    assert desk.view.axe() == []


def test_a_failure_is_told_with_its_remedy(bare: Bare) -> None:
    with dl.FaultSCP("close") as scp:
        builder = dl.Builder(to=scp)
        builder.answer = plain(answer(send(bytes(builder), None, *scp.address)))
    region = Desk(bare, builder).root.get_by_role("region", name="What came of it")
    expect(region).to_contain_text("then closed the connection")
    expect(region).to_contain_text("Look into the log")


def test_nothing_that_stands_in_a_draft_is_markup(bare: Bare) -> None:
    builder = dl.Builder("A-ASSOCIATE-RQ")
    builder.draft.override("Called-AE-title", HOSTILE[:11].ljust(16))
    builder.draft.override("Implementation-version-name", HOSTILE)
    builder.draft.override("Abstract Syntax", "<b>1</b>")
    desk = Desk(bare, builder)
    assert desk.root.locator("img, b b, [onerror]").count() == 0
    expect(desk.field("Called-AE-title")).to_have_value("<img src=x>")
    assert "\u202e" not in desk.root.inner_text()
    assert "\x1b" not in desk.root.inner_text()


def test_a_passcode_is_typed_and_not_shown(bare: Bare) -> None:
    builder = dl.Builder("A-ASSOCIATE-RQ")
    builder.draft.add("User Identity Negotiation", user_identity_type=2, primary_field=b"joe",
                      secondary_field=b"pa55w0rd")  # fmt: skip
    desk = Desk(bare, builder)
    field = desk.field("Secondary-field, User Identity Negotiation")
    expect(field).to_have_attribute("type", "password")
    expect(field).to_have_value("")
    desk.type("Secondary-field, User Identity Negotiation", "other")
    assert builder.draft["Secondary-field"] in (b"other", "other")
    assert "other" not in desk.root.inner_text().split()
    expect(desk.root.locator(".dl-bytes")).to_contain_text("••")


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("page", [{}, {"width": 600}, {"zoom": 2}], ids=["wide", "narrow", "zoom"])
def test_axe_finds_nothing_serious_and_nothing_is_cut_off(
    bare: Bare, dark: bool, page: dict[str, Any]
) -> None:
    builder = dl.Builder("A-ASSOCIATE-RQ", called_ae_title="ARCHIVE")
    builder.draft.override("Called-AE-title", "SEVENTEEN-LETTERS")
    desk = Desk(bare, builder, dark=dark, **page)
    desk.type("Calling-AE-title", "BACK\\SLASH")
    for summary in ("Break it: 24 mistakes", "As Python"):
        desk.root.get_by_text(summary).click()
    assert desk.view.axe() == []
    wide = desk.view.page.evaluate("document.documentElement.scrollWidth - innerWidth")
    assert wide <= 0
    cut = desk.root.locator(".dl-form").evaluate("form => form.scrollWidth - form.clientWidth")
    assert cut <= 0


def test_a_form_of_128_contexts_stays_usable(bare: Bare) -> None:
    builder = dl.Builder("A-ASSOCIATE-RQ", abstract_syntax="1.2.3")
    builder.draft.changed = lambda what: None
    for _ in range(127):
        builder.draft.add("Presentation Context", abstract_syntax="1.2.840.10008.1.1")
    builder._show("")
    desk = Desk(bare, builder)
    builder.draft.changed = builder._show
    assert desk.root.locator(".dl-control").count() < 150  # its items are closed
    desk.type("Called-AE-title", "PACS")
    expect(desk.root.get_by_role("status")).to_contain_text("Called-AE-title set")
    assert desk.root.locator(".dl-bytes .dl-line").count() < 50


def test_what_was_drawn_is_cleaned_up(desk: Desk) -> None:
    desk.view.cleanup()
    desk.builder.draft["Called-AE-title"] = "PACS"
    desk.show()
    assert desk.view.page.locator(".dl-widget").count() == 0
