"""The live console in a page: everything by keyboard, and a reason for whatever may not be done."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Locator, expect

from dicomlab.net.faults import KNOBS
from dicomlab.widgets.console import Panel
from dicomlab.widgets.conversation import Conversation
from tests.browser.bare import Bare, View

TRAITS = ("knobs", "steps", "orders", "seed", "following", "now", "saved", "refused", "freely")


class Lesson:
    """The console's module in a page, and the panel that it is drawn of, with a real SCP."""

    def __init__(self, bare: Bare, **page: Any) -> None:
        self.conversation = Conversation()
        self.panel = Panel(self.conversation)
        self.view: View = bare("console", self.traits, **page)
        self._heard = 0

    @property
    def traits(self) -> dict[str, Any]:
        return {name: getattr(self.panel, name) for name in TRAITS}

    def hear(self) -> None:
        """Python does what the browser asked for, and the browser hears of it."""
        for traits in self.view.saved:
            self.panel.freely = traits["freely"]
        for message in self.view.sent[self._heard :]:
            self._heard += 1
            self.panel._handle_custom_msg(message, [])
        self.view.set(**self.traits)

    def until(self, requestor: str, acceptor: str, said: str = "") -> None:
        """The same, until both ends are in these states, and this was said."""
        self.hear()
        self.panel.tell(
            self.conversation.wait_for(
                lambda now: (
                    (now.requestor, now.acceptor) == (requestor, acceptor)
                    and said in " ".join(now.said)
                )
            )
        )
        self.hear()

    def step(self, name: str) -> Locator:
        return self.view.root.get_by_role("button", name=name, exact=True)

    def option(self, name: str) -> Locator:
        return self.view.root.locator(f"[role=option][data-knob={name}]")

    @property
    def faults(self) -> Locator:
        return self.view.root.get_by_role("listbox")

    @property
    def live(self) -> Locator:
        return self.view.root.get_by_role("status")

    def press(self, *keys: str) -> None:
        for key in keys:
            self.view.page.keyboard.press(key)


@pytest.fixture
def lesson(bare: Bare) -> Iterator[Callable[..., Lesson]]:
    begun: list[Lesson] = []

    def begin(**page: Any) -> Lesson:
        begun.append(Lesson(bare, **page))
        return begun[-1]

    yield begin
    for one in begun:
        one.conversation.stop()


def test_all_faults_are_listed_and_can_be_searched(lesson: Callable[..., Lesson]) -> None:
    here = lesson()
    expect(here.faults.get_by_role("option")).to_have_count(len(KNOBS))
    here.view.root.get_by_role("searchbox").fill("typing error")
    expect(here.faults.get_by_role("option")).to_have_count(1)
    expect(here.view.root).to_contain_text("Rejects the called AE title (1/1/7).")
    here.view.root.get_by_role("searchbox").fill("no such thing")
    expect(here.faults).to_have_text("no fault is like that")
    here.faults.focus()
    here.press("ArrowDown", " ", "Enter", "End")
    assert here.view.sent == []


def test_a_fault_is_turned_on_and_off_by_keys(lesson: Callable[..., Lesson]) -> None:
    here = lesson()
    here.view.root.get_by_role("searchbox").press("ArrowDown")
    here.press("End", "PageUp", "Home", "ArrowDown", " ")
    here.hear()
    expect(here.option("calling-unknown")).to_have_attribute("aria-selected", "true")
    assert here.faults.get_attribute("aria-activedescendant") == here.option(
        "calling-unknown"
    ).get_attribute("id")
    expect(here.live).to_have_text("Faults from the next connection on: calling-unknown.")
    here.press(" ")
    here.hear()
    expect(here.option("calling-unknown")).to_have_attribute("aria-selected", "false")
    assert here.conversation.orders.faults == ()


def test_value_and_moment_are_set_beside_the_fault(lesson: Callable[..., Lesson]) -> None:
    here = lesson()
    here.option("delay").click()
    value = here.view.root.get_by_label("value of")
    value.fill("0.25")
    value.press("Enter")
    here.hear()
    assert here.conversation.orders.faults == ("delay=0.25",)
    here.view.root.get_by_label("moment of delay").select_option("release")
    here.hear()
    assert here.conversation.orders.faults == ("delay=0.25@release",)
    expect(here.option("delay")).to_contain_text("delay=0.25@release")


def test_a_choice_is_a_choice(lesson: Callable[..., Lesson]) -> None:
    here = lesson()
    here.option("taken-port").click()
    here.view.root.get_by_label("value of").select_option("ssh")
    here.view.root.get_by_role("checkbox", name="taken-port").check()
    here.hear()
    assert here.conversation.orders.faults == ("taken-port=ssh",)


def test_a_bad_value_is_refused_beside_its_control(lesson: Callable[..., Lesson]) -> None:
    here = lesson()
    here.option("reject").click()
    value = here.view.root.get_by_label("value of")
    value.fill("1/1")
    value.press("Enter")
    here.hear()
    expect(value).to_have_attribute("aria-invalid", "true")
    expect(value).to_have_accessible_description(
        "reject cannot be '1/1'. Write reject=RESULT/SOURCE/REASON."
    )
    value.fill("1/1/7")
    value.press("Enter")
    here.hear()
    expect(value).to_have_attribute("aria-invalid", "false")
    assert here.conversation.orders.faults == ("reject=1/1/7",)


def test_a_chip_turns_its_fault_off_and_focus_stays_near(lesson: Callable[..., Lesson]) -> None:
    here = lesson()
    for name in ("limit", "twice"):
        here.option(name).locator(".dl-box").click()
        here.hear()
    here.step("Turn off limit").press("Enter")
    here.hear()
    expect(here.step("Turn off twice")).to_be_focused()
    here.press("Enter")
    here.hear()
    expect(here.faults).to_be_focused()
    assert here.conversation.orders.faults == ()


def test_a_rejection_in_two_presses(lesson: Callable[..., Lesson]) -> None:
    here = lesson()
    here.option("called-unknown").locator(".dl-box").click()
    here.step("Connect").press("Enter")
    here.until("Sta4", "Sta2")
    expect(here.step("Associate")).to_have_attribute("aria-disabled", "false")
    here.step("Associate").press("Enter")
    here.until("Sta1", "Sta1")
    expect(here.live).to_contain_text("A-ASSOCIATE-RJ came after ")
    expect(here.view.root.locator(".dl-ends b")).to_have_text(["Sta1", "Sta1"])
    expect(here.view.root).to_contain_text("Recorded by relay: 2 PDUs, 231 bytes.")


def test_a_step_that_may_not_be_done_says_why(lesson: Callable[..., Lesson]) -> None:
    here = lesson()
    echo = here.step("Echo")
    expect(echo).to_have_attribute("aria-disabled", "true")
    expect(echo).to_have_accessible_description("There is no connection: connect first.")
    echo.press("Enter")
    expect(here.live).to_have_text("There is no connection: connect first.")
    assert here.view.sent == []
    here.step("Connect").click()
    here.until("Sta4", "Sta2")
    expect(echo).to_have_accessible_description(
        "P-DATA-TF: Sta6, 8 only, and this is Sta4: Waiting for the TCP connect to complete "
        "(PS3.8 Table 9-10)."
    )


def test_what_the_standard_forbids_can_be_done_when_that_is_ticked(
    lesson: Callable[..., Lesson],
) -> None:
    here = lesson()
    here.step("Connect").click()
    here.until("Sta4", "Sta2")
    here.view.root.get_by_label("let me do what the standard forbids").press(" ")
    here.step("Echo").click()
    here.until("Sta4", "Sta13", "A-ABORT came")
    expect(here.live).to_contain_text("A-ABORT came after ")
    expect(here.step("Connect")).to_have_attribute("aria-disabled", "true")


def test_bytes_are_sent_with_enter_and_refused_beside_the_field(
    lesson: Callable[..., Lesson],
) -> None:
    here = lesson()
    here.step("Connect").click()
    here.until("Sta4", "Sta2")
    field = here.view.root.get_by_label("Bytes to send, in hexadecimal")
    field.fill("05 0")
    field.press("Enter")
    here.hear()
    expect(field).to_have_accessible_description(
        "these are no bytes. Write two hexadecimal digits for each: 05 00 00 00 00 04."
    )
    field.fill("05 00 00 00 00 04 00 00 00 00")
    field.press("Enter")
    here.hear()
    here.conversation.wait_for(lambda now: now.error is not None)
    here.panel.tell(here.conversation.snapshot)
    here.hear()
    expect(here.view.root).to_contain_text("No A-RELEASE-RQ may be sent in Sta4")


def test_a_seed_is_set_or_refused(lesson: Callable[..., Lesson]) -> None:
    here = lesson()
    seed = here.view.root.get_by_label("seed")
    seed.fill("x")
    seed.press("Enter")
    here.hear()
    expect(seed).to_have_accessible_description(
        "the seed cannot be 'x'. Write a whole number of at most 9 digits."
    )
    seed.fill("42")
    seed.press("Enter")
    here.hear()
    assert here.conversation.orders.seed == 42


def test_the_recording_is_saved_and_named(
    lesson: Callable[..., Lesson], tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    here = lesson()
    here.step("Save recording").click()
    here.hear()
    expect(here.step("Save recording")).to_have_accessible_description(
        "Nothing was recorded yet. Connect first."
    )
    here.step("Connect").click()
    here.until("Sta4", "Sta2")
    here.step("Save recording").click()
    here.hear()
    expect(here.view.root).to_contain_text("saved: conversation-1.pcapng")
    expect(here.view.root.get_by_text("what it cannot see")).to_be_visible()


def test_what_is_told_is_never_markup(lesson: Callable[..., Lesson]) -> None:
    here = lesson()
    nasty = "<img src=x onerror=alert(1)>"
    here.view.set(now=here.panel.now | {"error": nasty, "said": nasty}, following=nasty)
    expect(here.live).to_have_text(nasty)
    expect(here.view.root.locator("img")).to_have_count(0)


@pytest.mark.parametrize(
    "page",
    [{}, {"dark": True}, {"zoom": 2, "width": 1280, "height": 720}, {"width": 600}],
    ids=str,
)
def test_axe_finds_nothing_serious_and_nothing_is_cut_off(
    lesson: Callable[..., Lesson], page: dict[str, Any]
) -> None:
    here = lesson(**page)
    assert here.view.axe() == []
    for name in ("called-unknown", "status", "artim"):
        here.option(name).locator(".dl-box").click()
        here.hear()
    here.step("Connect").click()
    here.until("Sta4", "Sta2")
    here.view.set(refused={"artim": "artim cannot be " + 60 * "9"})
    assert here.view.axe() == []
    wide, room = here.view.page.evaluate("[document.body.scrollWidth, innerWidth]")
    assert wide <= room


def test_a_console_that_cleaned_up_hears_nothing_more(lesson: Callable[..., Lesson]) -> None:
    here = lesson()
    here.view.cleanup()
    here.view.set(saved="a.pcapng", orders=[], now=here.panel.now | {"said": "x"})
    expect(here.view.root).to_have_count(0)
