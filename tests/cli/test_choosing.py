"""Filters: each says what it means, all together have to hold, of several values of one any."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from dicomlab.cli.choosing import Chosen
from tests.cli import day
from tests.cli.conftest import Run

Choose = Callable[..., set[int]]
DAY = "merged_day.pcapng"  # C-FIND, C-MOVE, C-STORE, rejected, aborted, C-ECHO, C-GET, MPPS
BEGINS = datetime(2026, 11, 23, 12, 32, 11, tzinfo=UTC)


@pytest.fixture
def choose(dicomlab: Run, corpus: Path) -> Choose:
    """The connections that the filters leave of a day."""

    def chosen(*words: object, file: str = DAY) -> set[int]:
        ended = dicomlab("dissect", corpus / file, "--json", *words)
        assert ended.status == 0, ended.err
        document: dict[str, Any] = json.loads(ended.out)
        return {one["connection"] for one in document["associations"]}

    return chosen


def test_without_filters_all_are_meant(choose: Choose) -> None:
    assert choose() == set(range(8))


@pytest.mark.parametrize(
    ("title", "those"),
    [
        ("QRSTORE", {0, 1, 2, 6}),
        (" QRSTORE ", {0, 1, 2, 6}),
        ("qrstore", set()),
        ("QRSTOR", set()),
        ("*SCU", {0, 1, 2, 6}),
        ("?????", {5, 7}),
        ("S*", {4, 5}),
        ("[A-Z]*", set()),
        (".*", set()),
    ],
)
def test_an_ae_title_is_that_of_either_side_and_may_hold_wildcards(
    choose: Choose, title: str, those: set[int]
) -> None:
    assert choose("--ae-title", title) == those


def test_several_values_of_one_filter_are_alternatives(choose: Choose) -> None:
    assert choose("--ae-title", "SIX", "--ae-title", "JSRIS") == {5, 7}
    assert choose("--outcome", "rejected", "--outcome", "aborted") == {3, 4}
    assert choose("--message", "C-ECHO", "--message", "N-SET") == {5, 7}


def test_filters_combine(choose: Choose) -> None:
    assert choose("--ae-title", "QRSTORE", "--message", "C-STORE") == {2, 6}
    assert choose("--ae-title", "QRSTORE", "--message", "C-STORE", "--failed") == set()
    assert choose("--failed", "--outcome", "aborted", "--address", "10.55.0.1") == {4}


@pytest.mark.parametrize(
    ("address", "those"),
    [
        ("10.55.0.1:36488", {6}),
        ("10.55.0.2:11112", {0, 1, 3, 4, 6, 7}),
        ("10.55.0.2", {0, 1, 2, 3, 4, 6, 7}),
        ("fd55::2", {5}),
        ("FD55:0::2", {5}),
        ("[fd55::2]:11112", {5}),
        ("[fd55::2]:104", set()),
        ("10.55.0.22", set()),
    ],
)
def test_an_address_is_that_of_either_end(choose: Choose, address: str, those: set[int]) -> None:
    assert choose("--address", address) == those


@pytest.mark.parametrize(
    ("message", "those"),
    [("C-STORE", {2, 4, 6}), ("c-store-rsp", {2, 6}), ("C-STORE-RQ", {2, 4, 6}), ("N-CREATE", {7})],
)
def test_a_message_is_a_service_or_one_of_its_messages(
    choose: Choose, message: str, those: set[int]
) -> None:
    assert choose("--message", message) == those


def local(time: str) -> str:
    """A time of that day, UTC, as the clock on the wall here shows it."""
    there = datetime.fromisoformat(f"2026-11-23T{time}+00:00").astimezone()
    return there.replace(tzinfo=None).isoformat()


@pytest.mark.parametrize(
    ("words", "those"),
    [
        (["--since", "2026-11-23T12:37:00Z"], {0, 1, 2, 7}),
        (["--until", "2026-11-23T13:32:30+01:00"], {3, 5}),
        (["--since", local("12:37:00"), "--until", local("12:38:00")], {0, 1, 2}),
        (["--since", "20261123T123749.5Z", "--until", "2026-11-23 12:38Z"], {1, 2}),
        (["--since", "2026-11-25"], set()),
        (["--until", "2026-11-25"], set(range(8))),
        (["--until", "2026-11-21"], set()),
        (["--since", "2026-11-21", "--until", "2026-11-25"], set(range(8))),
    ],
)
def test_times_are_those_at_which_an_association_was_under_way(
    choose: Choose, words: list[str], those: set[int]
) -> None:
    assert choose(*words) == those


def test_a_time_alone_is_one_of_the_first_day(choose: Choose) -> None:
    assert choose("--since", "12:37:00Z") == {0, 1, 2, 7}
    assert choose("--until", local("12:33:00").split("T")[1]) == {3, 5}


def test_a_day_holds_all_of_its_hours(choose: Choose) -> None:
    date = BEGINS.astimezone().date().isoformat()
    assert choose("--since", date, "--until", date) == set(range(8))


def test_a_second_holds_all_of_it(dicomlab: Run, tmp_path: Path) -> None:
    file = day.write(tmp_path / "day.pcapng", 4, apart=day.SECOND // 2)
    begins = datetime.fromtimestamp(day.MORNING // day.SECOND, UTC)
    first = begins.astimezone().time().isoformat()

    def chosen(until: str) -> int:
        ended = dicomlab("dissect", file, "--since", first, "--until", until, "--json")
        return len(json.loads(ended.out)["associations"])

    assert chosen(first) == 2
    assert chosen(f"{first}.000") == 1


def test_those_that_failed(choose: Choose) -> None:
    assert choose("--failed") == {3, 4}


def test_an_association_by_its_number(choose: Choose) -> None:
    assert choose("--association", 6) == {6}


def connections(dicomlab: Run, file: Path, *words: object) -> list[str]:
    document = json.loads(dicomlab("dissect", file, "--json", *words).out)
    return [one["kind"] for one in document["connections"]]


def test_connections_without_an_association_have_addresses_and_nothing_else(
    dicomlab: Run, corpus: Path
) -> None:
    scan = corpus / "portscan.pcapng"
    assert len(connections(dicomlab, scan)) == 15
    assert connections(dicomlab, scan, "--address", "10.55.0.2:2762") == ["refused"]
    assert connections(dicomlab, scan, "--failed") == ["refused"] * 14
    assert connections(dicomlab, scan, "--ae-title", "*") == []
    assert connections(dicomlab, corpus / "port_80.pcapng", "--failed") == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--address", "archive"], "'archive' is no address"),
        (["--address", "10.1.2.3:port"], "no address"),
        (["--message", "C-STOR"], "There are C-CANCEL, C-ECHO, C-FIND"),
        (["--outcome", "failed"], "choose from 'released', 'rejected'"),
        (["--since", "yesterday"], "neither a date nor a time"),
        (["--until", "2026-13-01"], "neither a date nor a time"),
        (["--association", "-1"], "no number"),
        (["--association", "8"], "no connection 8"),
    ],
)
def test_what_cannot_be_meant_is_said_in_a_line(
    dicomlab: Run, corpus: Path, words: list[str], said: str
) -> None:
    ended = dicomlab("dissect", corpus / DAY, *words)
    assert ended.status == 2
    assert said in ended.err
    assert ended.err.count("\n") == 1


def test_a_filter_is_read_before_the_file_is(dicomlab: Run) -> None:
    assert "no address" in dicomlab("dissect", "no such file", "--address", "archive").err


def test_those_chosen_are_a_sequence_that_looks_only_when_asked() -> None:
    looked: list[int] = []

    def even(one: Any) -> bool:
        looked.append(one)
        return bool(one % 2 == 0)

    chosen: Any = Chosen(range(10), [even])  # type: ignore[arg-type]
    assert looked == []
    assert next(iter(chosen)) == 0
    assert looked == [0]
    assert (len(chosen), chosen[1], chosen[-1], chosen[1:3]) == (5, 2, 8, (2, 4))
    looked.clear()
    assert list(chosen) == [0, 2, 4, 6, 8]
    assert looked == []
    with pytest.raises(IndexError):
        chosen[5]
