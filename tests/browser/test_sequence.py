"""The sequence in a page by itself: stepping, playing, opening, growing, two thousand arrows."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Locator, expect

import dicomlab as dl
from dicomlab.captures import from_exchange
from dicomlab.model import Association, Endpoint, Side
from dicomlab.widgets.segments import Segments
from dicomlab.widgets.sequence import Steps
from tests.browser.bare import Bare, View
from tests.views import made

ENDS = Endpoint("10.0.0.1", 40000), Endpoint("10.0.0.2", 104)
MS = 1_000_000
LIT = re.compile("dl-lit")


def traits(association: Association | None) -> dict[str, Any]:
    """What Python holds of the ladder of an association, as it is when it is first shown."""
    widget = Steps()
    if association is not None:
        widget.show(association)
    return {name: getattr(widget, name) for name in ("ladder", "words", "selected", "opened")}


def noted(pdus: int, begins: int = 0) -> Association:
    """A conversation of so many PDUs, no exchange of which is like the one before."""
    said: list[tuple[Side, Any]] = [
        ("requestor", made.request()),
        ("acceptor", dl.build("A-ASSOCIATE-AC")),
    ]
    for number in range(pdus // 2):
        said.append(("requestor", made.echo_rq(number + 1)))
        said.append(("acceptor", made.echo_rsp(number + 1, status=number)))
    entries = [(at * MS, side, bytes(data)) for at, (side, data) in enumerate(said[:pdus])]
    return from_exchange(entries, *ENDS, begins).associations[0]


@pytest.fixture
def echo(bare: Bare) -> View:
    return bare("sequence", traits(made.success()))


def steps(view: View) -> Locator:
    return view.root.get_by_role("option")


def listbox(view: View) -> Locator:
    return view.root.get_by_role("listbox")


def step(view: View, number: int) -> Locator:
    """The step of that number, if it is in the page."""
    return view.root.locator(f"[data-step='{number}']")


def state(view: View, side: Side) -> Locator:
    return view.root.get_by_role("group", name=f"State of the {side}")


def button(view: View, name: str) -> Locator:
    return view.root.get_by_role("button", name=re.compile(name))


def live(view: View) -> Locator:
    return view.root.get_by_role("status")


def press(view: View, *keys: str) -> None:
    listbox(view).focus()
    for key in keys:
        view.page.keyboard.press(key)


def chosen(view: View) -> int:
    """The number of the step that is lit; one is."""
    lit = view.root.locator(".dl-step.dl-lit")
    expect(lit).to_have_count(1)
    return int(lit.get_attribute("data-step") or "")


def top(row: Locator) -> float:
    box = row.bounding_box()
    assert box is not None
    return box["y"]


def bottom(row: Locator) -> float:
    box = row.bounding_box()
    assert box is not None
    return box["y"] + box["height"]


# --- what is seen -----------------------------------------------------------------------------


def test_each_arrow_reads_as_a_sentence(echo: View) -> None:
    expect(steps(echo)).to_have_count(7)
    opened, asked, accepted = (steps(echo).nth(number) for number in range(3))
    expect(opened).to_have_accessible_name(
        "requestor to acceptor: TCP connection, 0 µs, then Sta4 / Sta2"
    )
    expect(asked).to_have_accessible_name(
        "requestor to acceptor: A-ASSOCIATE-RQ, proposes 1 context: Verification, 400 µs, "
        "then Sta5 / Sta3"
    )
    expect(accepted).to_have_accessible_name(
        "acceptor to requestor: A-ASSOCIATE-AC, accepts 1 of 1 context, 1.10 ms, then Sta6 / Sta6"
    )


def test_an_arrow_points_from_its_sender(echo: View) -> None:
    forth, back = step(echo, 1).locator(".dl-arrow"), step(echo, 2).locator(".dl-arrow")
    turned = "one => new DOMMatrix(getComputedStyle(one).transform).a"
    assert (forth.evaluate(turned), back.evaluate(turned)) == (1, -1)


def test_failures_and_what_is_no_pdu_look_like_what_they_are(bare: Bare) -> None:
    closed = bare("sequence", traits(made.silent()))
    kinds = [one.get_attribute("class") or "" for one in steps(closed).all()]
    assert [re.findall(r"dl-step-(\w+)", one)[0] for one in kinds] == [
        "opened", "pdu", "silence", "closed",
    ]  # fmt: skip
    expect(step(closed, 2)).to_contain_text("30.0 s of silence")
    expect(step(closed, 3).locator(".dl-cross")).to_be_visible()
    wrong = bare("sequence", traits(made.impatient()))
    expect(step(wrong, 6).locator(".dl-step-acceptor")).to_contain_text("not allowed")
    expect(step(wrong, 6).locator(".dl-symbol-error").first).to_be_visible()


# --- stepping ---------------------------------------------------------------------------------


def test_the_states_of_both_ends_are_shown_with_how_they_came_there(echo: View) -> None:
    button(echo, "Forward").click()
    expect(state(echo, "requestor")).to_contain_text("Sta5")
    expect(state(echo, "requestor")).to_contain_text("RQ sent, waiting for AC or RJ")
    expect(state(echo, "requestor")).to_contain_text(
        "from Sta4, Evt2: TCP connect confirmed → AE-2: send A-ASSOCIATE-RQ"
    )
    expect(state(echo, "acceptor")).to_contain_text("Sta3")
    expect(state(echo, "acceptor")).to_contain_text("Evt6: A-ASSOCIATE-RQ received")


def test_a_pdu_that_must_not_come_is_refused_in_words(bare: Bare) -> None:
    view = bare("sequence", traits(made.impatient()))
    press(view, *["ArrowDown"] * 6)
    expect(state(view, "acceptor")).to_contain_text("not allowed: the acceptor is in Sta8 (AA-8)")


def test_keys_and_buttons_step_forward_and_back(echo: View) -> None:
    expect(button(echo, "Back")).to_be_disabled()
    press(echo, "ArrowDown", "ArrowDown", "ArrowUp")
    assert chosen(echo) == 1
    press(echo, "End")
    assert chosen(echo) == 6
    expect(button(echo, "Forward")).to_be_disabled()
    expect(step(echo, 6)).to_have_attribute("aria-selected", "true")
    assert listbox(echo).get_attribute("aria-activedescendant") == step(echo, 6).get_attribute("id")
    button(echo, "Back").click()
    assert chosen(echo) == 5
    press(echo, "Home")
    assert chosen(echo) == 0
    assert [one["selected"] for one in echo.saved] == [1, 2, 1, 6, 5, 0]


def test_each_step_is_read_out(echo: View) -> None:
    press(echo, "ArrowDown")
    expect(live(echo)).to_have_text(
        "Step 2 of 7: requestor to acceptor: A-ASSOCIATE-RQ, proposes 1 context: Verification, "
        "400 µs, then Sta5 / Sta3"
    )


def test_it_plays_to_its_end_and_can_be_paused(echo: View) -> None:
    press(echo, " ")
    expect(button(echo, "Pause")).to_be_visible()
    expect(step(echo, 2)).to_have_class(LIT)
    press(echo, " ")
    expect(button(echo, "Play")).to_be_visible()
    press(echo, "End", "ArrowUp", " ")
    expect(step(echo, 6)).to_have_class(LIT)
    expect(button(echo, "Play")).to_be_visible()  # it stops by itself
    button(echo, "Play").click()  # from the beginning again
    expect(step(echo, 0)).to_have_class(LIT)


# --- opening ----------------------------------------------------------------------------------


def test_enter_or_a_click_asks_for_the_bytes_of_an_arrow(echo: View) -> None:
    press(echo, "ArrowDown", "Enter")
    step(echo, 3).click()
    assert echo.sent == [{"do": "open", "pdu": 0}, {"do": "open", "pdu": 2}]
    assert chosen(echo) == 3
    echo.set(opened=2)
    expect(step(echo, 3)).to_have_class(re.compile("dl-open"))
    assert bottom(step(echo, 3)) <= top(step(echo, 4)) + 1  # there is room for the mark
    expect(live(echo)).to_have_text("PDU 2: its TCP segments and its bytes are shown below.")


def test_where_no_pdu_stands_nothing_is_asked_for(echo: View) -> None:
    press(echo, "Enter")
    assert echo.sent == []
    expect(live(echo)).to_have_text("No PDU stands here: nothing to show below.")


def test_a_refusal_says_why(echo: View) -> None:
    echo.tell({"refused": "<b>The file is gone.</b>"})
    expect(live(echo)).to_have_text("<b>The file is gone.</b>")


def test_a_fold_lets_one_of_its_pdus_be_chosen(bare: Bare) -> None:
    view = bare("sequence", traits(made.long()))
    number = view.root.get_by_role("spinbutton")
    expect(number).to_be_hidden()
    press(view, *["ArrowDown"] * 5)
    expect(step(view, 5)).to_contain_text("× 249 C-ECHO")
    press(view, "Enter")
    expect(number).to_have_value("4")
    expect(button(view, "previous")).to_be_disabled()
    button(view, "next").click()
    expect(button(view, "next")).to_be_focused()
    number.fill("400")
    number.press("Enter")
    number.fill("9999")
    number.press("Enter")
    expect(number).to_have_value("501")
    assert [one["pdu"] for one in view.sent] == [4, 5, 400, 501]
    press(view, "ArrowDown")
    expect(number).to_be_hidden()


# --- true to time -----------------------------------------------------------------------------


def test_distances_are_true_to_time_when_asked_for(echo: View) -> None:
    def distance(number: int) -> float:
        return top(step(echo, number + 1)) - top(step(echo, number))

    even = distance(1)
    echo.root.get_by_label("true to time").check()
    expect(echo.root.locator(".dl-legend")).to_contain_text("in proportion to time")
    # 0.4 ms and 0.7 ms
    assert distance(1) / distance(0) == pytest.approx(7 / 4, rel=0.03)
    echo.root.get_by_label("true to time").uncheck()
    expect(echo.root.locator(".dl-legend")).to_be_hidden()
    assert distance(1) == pytest.approx(even)


# --- a conversation that goes on --------------------------------------------------------------


def test_who_looks_at_the_end_goes_on_to_look_at_the_end(bare: Bare) -> None:
    view = bare("sequence", traits(None))
    expect(view.root).to_contain_text("nothing has happened yet")
    for pdus in (1, 2, 20):
        view.set(ladder=traits(noted(pdus))["ladder"])
        last = pdus + 1  # the connection before, and the end of the recording behind
        expect(step(view, last)).to_have_class(LIT)
        expect(step(view, last)).to_be_in_viewport()


def test_who_looks_elsewhere_stays_there(bare: Bare) -> None:
    view = bare("sequence", traits(noted(10)))
    press(view, "Home", "ArrowDown", "ArrowDown")
    view.set(ladder=traits(noted(30))["ladder"])
    expect(view.root).to_contain_text("step 3 of 32")
    assert chosen(view) == 2


def test_only_what_is_new_is_drawn(bare: Bare) -> None:
    view = bare("sequence", traits(noted(4)), height=2000)
    step(view, 1).evaluate("one => one.kept = true")
    view.set(ladder=traits(noted(6))["ladder"])
    expect(steps(view)).to_have_count(8)
    assert step(view, 1).evaluate("one => one.kept")


def test_a_selection_goes_into_the_fold_that_takes_it_in(bare: Bare) -> None:
    entries = made.long(messages=4), made.long(messages=40)
    view = bare("sequence", traits(entries[0]))
    press(view, *["ArrowDown"] * 6)
    view.set(ladder=traits(entries[1])["ladder"])
    assert chosen(view) == 5
    expect(step(view, 5)).to_contain_text("× 19 C-ECHO")


# --- two thousand arrows ----------------------------------------------------------------------


@pytest.fixture
def many(bare: Bare) -> View:
    return bare("sequence", traits(noted(2000)))


def test_of_two_thousand_arrows_only_what_is_seen_is_in_the_page(many: View) -> None:
    assert steps(many).count() < 40
    press(many, "End")
    expect(step(many, 2001)).to_have_class(LIT)
    expect(step(many, 2001)).to_be_in_viewport()
    expect(step(many, 2001)).to_have_attribute("aria-posinset", "2002")
    press(many, "PageUp")
    assert 1990 < chosen(many) < 2000
    assert steps(many).count() < 40
    press(many, "Home")
    expect(step(many, 0)).to_be_in_viewport()


# --- for everybody ----------------------------------------------------------------------------


def test_what_a_peer_sent_is_text(bare: Bare) -> None:
    view = bare("sequence", traits(made.unlike_any()))
    assert view.page.locator("img").count() == 0
    expect(view.root.get_by_role("heading")).to_contain_text(made.HOSTILE)
    expect(view.root).to_contain_text("1.2\\x1b[2J")


@pytest.mark.parametrize(
    ("kind", "dark", "zoom", "width"),
    [
        (made.impatient, False, 1, 1200),
        (made.impatient, True, 2, 1280),
        (made.silent, True, 1, 600),
        (made.silent, False, 2, 1280),
        (made.long, False, 1, 600),
        (made.long, True, 1, 1200),
    ],
)
def test_axe_finds_nothing_serious_and_nothing_is_cut_off(
    bare: Bare, kind: Any, dark: bool, zoom: float, width: int
) -> None:
    view = bare("sequence", traits(kind()), dark=dark, zoom=zoom, width=width)
    press(view, "End", "ArrowUp", "ArrowUp")
    view.root.get_by_label("true to time").check()
    assert view.axe() == []
    assert view.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert listbox(view).evaluate("one => one.scrollWidth <= one.clientWidth")


def test_nothing_is_left_when_the_output_goes(echo: View) -> None:
    press(echo, " ")
    echo.cleanup()
    expect(echo.root).to_have_count(0)


# --- segments ---------------------------------------------------------------------------------


def cut(association: Association, index: int) -> dict[str, Any]:
    widget = Segments(association.pdus[index], association.start_time)
    return {name: getattr(widget, name) for name in ("about", "size", "segments")}


def made_up(number: int) -> dict[str, Any]:
    """So many segments of ten bytes each, the first of which came again."""
    one = {"time": "1 ms", "size": 10, "flags": "ACK"}
    rows = [
        one | {"frame": at + 1, "sequence": 10 * at, "span": [10 * at, 10 * at + 10],
               "fresh": [[10 * at, 10 * at + 10]]}
        for at in range(number)
    ]  # fmt: skip
    again = rows[0] | {"frame": number + 1, "fresh": []}
    return {"about": "Made up.", "size": 10 * number, "segments": [*rows, again]}


def test_segments_are_a_table_and_cut_the_pdu(bare: Bare) -> None:
    view = bare("segments", made_up(4))
    table = view.root.get_by_role("table")
    expect(table.get_by_role("row")).to_have_count(6)
    expect(table.get_by_role("row").nth(2)).to_have_text(re.compile(r"^2\s*1 ms\s*10\s*10 bytes"))
    expect(table.get_by_role("row").nth(2)).to_contain_text("10–19")
    expect(table.get_by_role("row").last).to_contain_text("came again")
    widths = [box["width"] for one in view.root.locator(".dl-piece").all()
              if (box := one.bounding_box())]  # fmt: skip
    assert len(widths) == 4
    assert max(widths) - min(widths) < 3
    expect(view.root.get_by_role("img")).to_have_accessible_name(
        "The 40 bytes, cut into 4 pieces, each of one segment."
    )


def test_many_segments_are_a_long_list_and_a_bar_of_joined_pieces(bare: Bare) -> None:
    view = bare("segments", made_up(1900))
    assert view.root.get_by_role("row").count() < 60
    assert view.root.locator(".dl-piece").count() <= 120
    expect(view.root).to_contain_text("cut into 119 pieces, each of 16 segments")


def test_without_segments_it_is_said_why(bare: Bare) -> None:
    view = bare("segments", cut(noted(2), 0))
    expect(view.root).to_contain_text("There are no TCP segments to show")
    expect(view.root.get_by_role("table")).to_have_count(0)
    view.set(**made_up(2))
    expect(view.root.get_by_role("table")).to_have_count(1)


@pytest.mark.parametrize(("dark", "zoom", "width"), [(False, 1, 1200), (True, 2, 1280)])
def test_axe_finds_nothing_serious_in_segments(
    bare: Bare, dark: bool, zoom: float, width: int
) -> None:
    view = bare("segments", made_up(30), dark=dark, zoom=zoom, width=width)
    assert view.axe() == []
    assert view.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
