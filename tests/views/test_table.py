"""The table of a capture: failures first, each text once, what is too much only counted."""

from __future__ import annotations

import json
import tracemalloc
from dataclasses import replace

from dicomlab.model import Association
from dicomlab.views.table import Table, table
from tests.views import made
from tests.views.test_listing import REJECTED, SUCCESS, Lazy, capture, some_fail


def texts(view: Table, name: str) -> list[str]:
    """What stands in a column, from the first row to the last."""
    column = view.columns[name]
    return [column.texts[cell] for cell in column.cells]


def test_failures_stand_first_each_part_in_the_order_of_the_capture() -> None:
    view = table(capture(300, some_fail))
    numbers = list(map(int, texts(view, "connection")))
    assert numbers[:3] == [99, 199, 299]
    assert numbers[3:] == [one for one in range(300) if one % 100 != 99]
    assert texts(view, "tone")[2:4] == ["error", "good"]


def test_associations_are_gone_through_once() -> None:
    large = capture(300, some_fail)
    view = table(large)
    assert isinstance(large.associations, Lazy)
    assert large.associations.walks == 1
    assert (view.listing.failed, view.listing.well) == (3, 297)


def test_a_row_says_what_the_list_says() -> None:
    view = table(made.capture(made.rejected()))
    said = {name: texts(view, name)[0] for name in view.columns}
    assert said["requestor"] == "TRAINEE"
    assert said["acceptor_address"] == "10.1.2.4:11112"
    assert said["outcome"] == "rejected"
    assert "called-AE-title-not-recognized" in said["why"]
    assert said["lasted"] == "2.10 ms"
    assert said["pdus"] == "2"


def test_cells_compare_as_what_they_say() -> None:
    def make(number: int) -> Association:
        titled = replace(SUCCESS, calling_ae_title=f"CT{11 - number}")
        return replace(titled, stop_time=made.EPOCH + 10 ** (number % 11))

    view = table(capture(12, make))
    assert view.columns["requestor"].texts == [f"CT{number}" for number in range(12)]
    numbers = view.columns["connection"]
    assert [numbers.texts[one] for one in sorted(numbers.cells)] == list(map(str, range(12)))


def test_reasons_are_those_of_the_list() -> None:
    def make(number: int) -> Association:
        outcome = replace(REJECTED.outcome, reason=1 + number % 3)
        return SUCCESS if number % 4 == 0 else replace(REJECTED, outcome=outcome)

    view = table(capture(40, make))
    said = texts(view, "reason")
    assert len(view.listing.reasons) == 3
    for reason in view.listing.reasons:
        [why] = reason.why
        assert said.count(why) == texts(view, "why").count(why) == reason.count
    assert said.count("") == 10


def test_reasons_too_many_to_be_told_apart_stand_together() -> None:
    def make(number: int) -> Association:
        return replace(REJECTED, outcome=replace(REJECTED.outcome, reason=number))

    view = table(capture(1_010, make))
    last = len(view.listing.reasons)
    assert view.columns["reason"].cells.count(last) == view.listing.reasons[-1].count == 10


def test_of_very_many_all_are_counted_and_so_many_are_rows() -> None:
    view = table(capture(1_000, some_fail), most=100)
    assert view.rows == len(view.columns["reason"].cells) == 100
    assert texts(view, "tone").count("error") == view.listing.failed == 10
    assert len(view.columns["connection"].texts) == 100
    only_failures = table(capture(500, lambda _: REJECTED), most=100)
    assert only_failures.rows == 100
    assert only_failures.listing.reasons[0].count == 500


def test_rows_are_compact() -> None:
    tracemalloc.start()
    view = table(capture(5_000, some_fail))
    kept, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    texts_size = len(json.dumps([one.texts for one in view.columns.values()]))
    cells_size = sum(len(one.cells.tobytes()) for one in view.columns.values())
    assert texts_size + cells_size < 400_000
    assert kept < 3_000_000
    assert peak < 10_000_000


def test_what_came_from_a_peer_is_spelled_out() -> None:
    hostile = "\x1b[2J\u202e<img src=x>"
    view = table(made.capture(made.success(calling=hostile, called=hostile)))
    assert all(one.isprintable() for name in ("requestor", "acceptor") for one in texts(view, name))
    assert "<img src=x>" in texts(view, "requestor")[0]


def test_an_empty_capture_has_a_table_too() -> None:
    view = table(made.capture())
    assert view.rows == 0
    assert view.listing.strays
