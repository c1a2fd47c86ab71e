"""The list of a capture: failures first, one screen, nothing kept that is not shown."""

from __future__ import annotations

import re
import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any, overload

import pytest

from dicomlab.model import Association, Capture, Cause, Connection, Endpoint, Verdict
from dicomlab.views import html, text
from dicomlab.views.listing import LISTED, listing
from tests.views import made

DAY = 86_400_000_000_000  # nanoseconds
Make = Callable[[int], Association]


class Lazy(Sequence[Association]):
    """Associations that are made when somebody looks, as those of a large capture are."""

    def __init__(self, number: int, make: Make) -> None:
        self.number, self.make = number, make
        self.walks = 0

    def __len__(self) -> int:
        return self.number

    @overload
    def __getitem__(self, index: int) -> Association: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Association, ...]: ...
    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return tuple(self[one] for one in range(*index.indices(self.number)))
        return replace(self.make(index), connection=index, start_time=made.EPOCH + index * made.MS)

    def __iter__(self) -> Iterator[Association]:
        self.walks += 1
        return map(self.__getitem__, range(self.number))


def capture(number: int, make: Make = lambda _: SUCCESS, **changes: Any) -> Capture:
    associations = Lazy(number, make)
    return replace(made.capture(), associations=associations, connections=(), **changes)


SUCCESS, REJECTED = made.success(), made.rejected()


def some_fail(number: int) -> Association:
    return REJECTED if number % 100 == 99 else SUCCESS


def shown(value: Any, width: int = 100, height: int = 50, color: bool = False) -> list[str]:
    view = value if not isinstance(value, Capture) else listing(value)
    return list(text.lines(view, color=color, width=width, height=height))


# --- what is kept ---------------------------------------------------------------------------------


def test_associations_are_gone_through_once_and_few_are_kept() -> None:
    large = capture(20_000, some_fail)
    tracemalloc.start()
    view = listing(large)
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert isinstance(large.associations, Lazy)
    assert large.associations.walks == 1
    assert kept < 3_000_000
    assert (view.failed, view.well) == (200, 19_800)
    assert len(tuple(view.others)) == LISTED


def test_a_million_names_cost_no_more_than_a_thousand() -> None:
    def make(number: int) -> Association:
        return replace(SUCCESS, calling_ae_title=f"CALLER{number}")

    view = listing(capture(3_000, make))
    assert len(view.pairs) == 1001
    assert view.pairs[-1].requestor == "others"
    assert sum(one.count for one in view.pairs) == 3_000


def test_everything_is_everything_in_the_order_of_time() -> None:
    view = listing(capture(1_000, some_fail), everything=True)
    assert [one.connection for one in view.failures] == list(range(99, 1_000, 100))
    assert len(list(view.others)) == 990
    late_first = capture(3, lambda n: replace(SUCCESS))
    order = listing(replace(late_first, associations=tuple(late_first.associations)[::-1]))
    assert [one.connection for one in order.others] == [0, 1, 2]


# --- what is shown ----------------------------------------------------------------------------


def test_failures_stand_first_and_say_why() -> None:
    lines = shown(made.capture(made.success(), made.aborted("acceptor", 2, 2), made.rejected()))
    rows = [line for line in lines if re.match("[✖✔▲] +[0-9]+  ", line)]
    assert [row.split()[:2] for row in rows] == [["✖", "1"], ["✖", "2"], ["✔", "0"]]
    why = lines[lines.index(rows[0]) + 1]
    assert why.strip() == "Aborted by the acceptor (DICOM UL service-provider): unexpected-PDU."


def test_a_line_says_who_called_whom_about_what_and_how_it_went() -> None:
    [row] = [line for line in shown(made.capture(made.success())) if line.startswith("✔")]
    for word in ("TRAINEE", "→", "ECHOSCP", "1 C-ECHO", "released", "600 µs"):
        assert word in row


def test_whom_nobody_named_is_called_by_his_address() -> None:
    assert "10.1.2.3 → 10.1.2.4" in "\n".join(shown(made.capture(made.unfinished())))


@pytest.mark.parametrize("width", [60, 80, 100, 160])
@pytest.mark.parametrize("number", [0, 1, 30, 3_000])
@pytest.mark.parametrize("height", [24, 50])
def test_it_fits_the_screen(width: int, height: int, number: int) -> None:
    lines = shown(capture(number, some_fail), width, height)
    assert len(lines) < height
    assert all(len(line) <= width for line in lines)


def test_what_did_not_fit_is_counted_and_found() -> None:
    lines = "\n".join(shown(capture(3_000, some_fail)))
    assert "30 of 3,000 associations failed" in lines
    assert "✖ 30 × Rejected by the acceptor" in lines
    assert "2,970 others without failure" in lines
    assert "2,970 × TRAINEE → ECHOSCP  2,970 C-ECHO  slowest 600 µs" in lines
    assert "--all" in lines


def test_every_failure_is_counted_even_where_each_has_a_reason_of_its_own() -> None:
    def make(number: int) -> Association:
        outcome = replace(REJECTED.outcome, reason=number % 40 + 10)
        return replace(REJECTED, outcome=outcome)

    lines = shown(capture(400, make), height=24)
    counts = [int(line.split()[1]) for line in lines if line.startswith("✖ ") and "×" in line]
    [rest] = [line for line in lines if "more reason" in line]
    hidden = int(re.findall(r"([0-9]+) association", rest)[0])
    assert sum(counts) + hidden == 400


def test_a_wide_terminal_shows_addresses() -> None:
    narrow, wide = ("\n".join(shown(made.capture(made.success()), width)) for width in (80, 160))
    assert "10.1.2.3:49152" not in narrow
    assert "TRAINEE (10.1.2.3:49152) → ECHOSCP (10.1.2.4:11112)" in wide


def test_days_are_told_where_there_are_several() -> None:
    today = made.capture(made.success())
    days = replace(today, last_time=made.EPOCH + 2 * DAY)
    assert not re.search(r"\n✔.*\d\d-\d\d \d\d:", "\n".join(shown(today)))
    assert re.search(r"\n✔.*\d\d-\d\d \d\d:", "\n".join(shown(days)))


def test_only_colour_is_added_by_colour() -> None:
    value = capture(3_000, some_fail)
    plain = [re.sub(r"\x1b\[[0-9;]+m", "", line) for line in shown(value, color=True)]
    assert plain == shown(value)
    assert any("\x1b[31" in line for line in shown(value, color=True))


def test_what_the_file_says_of_itself_is_told() -> None:
    value = made.capture()
    worn = replace(value, damage="the file ends inside packet 66, 41,143 bytes into the file",
                   truncated_packets=3, comments=("one\ntwo", "b", "c", "d", "e"))  # fmt: skip
    lines = shown(worn)
    assert "▲ Read in part: the file ends inside packet 66, 41,143 bytes into the file." in lines
    assert "▲ Cut short: of 3 packets not all bytes were captured." in lines
    lost = shown(replace(value, unread_packets={"EtherType 88E5H": 1200, "link type 127": 1}))
    assert any(
        "Not understood: 1,201 packets (EtherType 88E5H, link type 127). There may be DICOM" in line
        for line in lost
    )
    assert "one two" in lines
    assert "and 2 more comments" in lines


def test_nothing_of_a_file_acts_on_the_terminal_or_the_page() -> None:
    hostile = "\x1b[2J<img src=x>"
    value = made.capture(made.success(calling=hostile, called=hostile))
    value = replace(value, file=hostile, comments=(hostile,), damage=hostile)
    assert all(line.isprintable() for line in shown(value))
    page = html.show(value)
    assert "<img" not in page
    assert "\x1b" not in page


def test_times_that_no_calendar_has_are_left_out() -> None:
    value = made.capture(made.at(made.success(), 2**80))
    assert shown(replace(value, first_time=-(2**80), last_time=2**80))
    assert html.show(value)


# --- connections without an association -------------------------------------------------------


def connection(number: int, kind: str, host: int, port: int) -> Connection:
    ends = Endpoint(f"10.0.0.{host}", 50_000 + number), Endpoint("10.0.0.9", port)
    return Connection(number, *ends, kind, {"requestor": 0, "acceptor": 0})  # type: ignore[arg-type]


def refusal(number: int, port: int, advice: str = "start it") -> Connection:
    cause = Cause(
        "nothing-listens", "nothing listens", "likely", "they", f"{advice} at {port}", (), (), ""
    )
    return replace(connection(number, "refused", 1, port), verdict=Verdict("refused", (cause,)))


def test_connections_without_an_association_are_summed_the_gravest_first() -> None:
    others = [connection(0, "tls", 2, 2762), connection(1, "not-dicom", 3, 80)]
    again = [connection(n, "refused", 1, 104) for n in range(2, 16)]
    lines = shown(replace(made.capture(), connections=(*others, *again)))
    assert lines[-4:] == [
        "16 connections without an association:",
        "✖ refused    10.0.0.1 → 10.0.0.9:104  #2, #3, #4, #5, #6, …  × 14",
        "  not DICOM  10.0.0.3:50001 → 10.0.0.9:80  #1",
        "  TLS        10.0.0.2:50000 → 10.0.0.9:2762  #0",
    ]


def test_a_connection_that_failed_says_why_and_who_changes_what() -> None:
    two = (refusal(0, 104), refusal(1, 11112))
    assert shown(replace(made.capture(), connections=two))[-6:] == [
        "✖ refused  10.0.0.1:50000 → 10.0.0.9:104  #0",
        "       Nothing listens.",
        "       → They: start it at 104.",
        "✖ refused  10.0.0.1:50001 → 10.0.0.9:11112  #1",
        "       Nothing listens.",
        "       → They: start it at 11112.",
    ]
    page = html.show(replace(made.capture(), connections=two))
    assert "✖ refused" in page
    assert "Nothing listens. → They: start it at 11112." in page


def test_connections_that_failed_for_other_reasons_are_not_told_together() -> None:
    one, other = refusal(0, 104), refusal(1, 104, advice="open the firewall")
    view = listing(replace(made.capture(), connections=(one, other, refusal(2, 104))))
    assert [each.connections for each in view.strays] == [(0, 2), (1,)]


def test_where_there_is_no_room_they_are_told_by_the_reason() -> None:
    scan = tuple(refusal(n, 100 + n) for n in range(14))
    lines = shown(replace(made.capture(), connections=scan), height=24)
    assert len(lines) < 24
    assert "✖ 14 × Nothing listens." in lines
    assert "  refused  10.0.0.1:50003 → 10.0.0.9:103  #3" in lines
    everything = listing(replace(made.capture(), connections=scan), everything=True)
    assert sum("Nothing listens" in line for line in shown(everything, height=24)) == 14


@pytest.mark.parametrize("height", [24, 50])
@pytest.mark.parametrize("number", [1, 30, 3_000])
def test_associations_and_connections_that_failed_fit_the_screen_together(
    height: int, number: int
) -> None:
    scan = tuple(refusal(n, 100 + n) for n in range(14))
    lines = shown(replace(capture(number, some_fail), connections=scan), 80, height)
    assert len(lines) < height
    assert all(len(line) <= 80 for line in lines)
    assert any("→ ECHOSCP" in line for line in lines)
    assert any("#0" in line for line in lines)


def test_many_strangers_take_a_few_lines() -> None:
    strangers = tuple(connection(n, "not-dicom", n % 200, 80) for n in range(2_000))
    lines = shown(replace(made.capture(), connections=strangers), height=24)
    assert len(lines) < 24
    assert lines[-1] == "  … and 1,950 more"


# --- HTML -----------------------------------------------------------------------------------------


def test_html_sums_what_it_does_not_list() -> None:
    page = html.show(capture(3_000, lambda n: REJECTED if n % 10 else SUCCESS))
    assert "2,700" in page
    assert page.count("<tr>") < 150
    assert "associations without failure" in page
    assert len(page) < 100_000


def test_html_of_a_small_capture_is_one_table() -> None:
    page = html.show(replace(made.capture(made.success(), made.rejected()), connections=()))
    assert page.count("<table") == 1
    assert page.index("✖ rejected") < page.index("✔ released")
    assert "called-AE-title-not-recognized" in page
