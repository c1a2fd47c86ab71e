"""A sequence of any length: read in one walk, folded as it comes, and few PDUs are looked at."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import Any

import pytest

from dicomlab.dissect.associations import dissect
from dicomlab.model import Message, Pdu, PduLine, Side
from dicomlab.views.outline import STEPS, outline
from dicomlab.views.sequence import Ladder, ladder
from tests.views import made

MS = made.MS


class Lines(Sequence[Any]):
    """PDUs of which lines are known; to make one is to look at it, and is counted."""

    def __init__(self, lines: Sequence[PduLine]) -> None:
        self.rows = lines
        self.made = 0

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: Any) -> Any:
        self.made += 1
        line = self.rows[index]
        example = made.pdu_of(made.echo_rq())
        return replace(example, type=line.type, sender=line.sender, time=line.time, index=index)

    def lines(self) -> Iterator[PduLine]:
        return iter(self.rows)


def message(kind: str, sender: Side, pdus: Sequence[int], **more: Any) -> Message:
    return Message(kind, sender, 1, pdus=pdus, **more)


def talk(kinds: Sequence[tuple[str, int]], pause: int = MS) -> tuple[Lines, list[Message]]:
    """Messages of so many PDUs each, one after the other."""
    lines, messages, reached = [], [], {"requestor": 0, "acceptor": 0}
    for kind, pieces in kinds:
        sender: Side = "acceptor" if kind.endswith("-RSP") else "requestor"
        first = len(lines)
        for _ in range(pieces):
            start, time = reached[sender], made.EPOCH + len(lines) * pause
            lines.append(PduLine(sender, "P-DATA-TF", start, start + 100, None, time, True))
            reached[sender] += 100
        more: Any = {"status": 0} if sender == "acceptor" else {}
        more |= {"dataset_bytes": 1000} if pieces > 1 else {}
        messages.append(message(kind, sender, range(first, first + pieces), **more))
    return Lines(lines), messages


def seen(lines: Lines, messages: list[Message]) -> Ladder:
    whole = made.association([], by="requestor", findings=made.LATE)
    return ladder(replace(whole, pdus=lines, messages=messages))  # type: ignore[arg-type]


def labels(view: Ladder) -> list[str]:
    return [step.label for step in view.steps]


STORE = [("C-STORE-RQ", 40), ("C-STORE-RSP", 1)]


def test_a_hundred_thousand_pdus_are_a_few_steps_and_few_are_looked_at() -> None:
    lines, messages = talk(STORE * 2_500)
    began = perf_counter()
    view = seen(lines, messages)
    assert perf_counter() - began < 3  # 0.4 s, where nothing else is going on
    assert labels(view) == [
        "P-DATA-TF · C-STORE-RQ",
        "P-DATA-TF · C-STORE-RQ, data set (× 39)",
        "P-DATA-TF · C-STORE-RSP",
        "× 2,499 C-STORE",
    ]
    assert lines.made < 10
    assert view.steps[-1].count == 2_499 * 41
    assert (view.steps[-1].index, view.steps[-1].last) == (41, 102_499)


def test_what_has_no_pattern_is_cut_in_the_middle_and_counted() -> None:
    kinds = [(f"C-{'MOVE' if n * n % 7 > 2 else 'ECHO'}{n % 11}-RQ", 1) for n in range(20_000)]
    lines, messages = talk(kinds)
    view = seen(lines, messages)
    assert len(view.steps) <= STEPS + 1
    assert sum(step.count for step in view.steps) == 20_000
    assert lines.made < STEPS + 10
    [middle] = [step for step in view.steps if step.details == ("of several kinds",)]
    assert (middle.index, middle.last) == (STEPS // 2, middle.count + STEPS // 2 - 1)


@pytest.mark.parametrize("period", [1, 2, 3, 4])
@pytest.mark.parametrize("times", [3, 4, 9])
def test_an_exchange_is_folded_once_it_comes_four_times(period: int, times: int) -> None:
    exchange = [(f"C-{name}-RQ", 1) for name in "ABCD"[:period]]
    runs = outline_of([("C-X-RQ", 1), *exchange * times, ("C-Y-RQ", 1)])
    assert sum(run.count for run in runs) == period * times + 2
    folds = [run for run in runs if run.folded]
    assert len(folds) == (times >= 4)
    assert [run.times for run in folds] == ([times - 1] if folds else [])


def outline_of(kinds: Sequence[tuple[str, int]], pause: int = MS) -> list[Any]:
    lines, messages = talk(kinds, pause)
    whole = made.association([], by="requestor", findings=made.LATE)
    return outline(replace(whole, pdus=lines, messages=messages))  # type: ignore[arg-type]


def test_what_breaks_off_in_an_exchange_is_shown() -> None:
    runs = outline_of([*STORE * 6, ("C-STORE-RQ", 40)])
    assert [run.pattern for run in runs[-2:]] == [
        "P-DATA-TF · C-STORE-RQ None",
        "P-DATA-TF · C-STORE-RQ, data set",
    ]
    assert sum(run.count for run in runs) == 6 * 41 + 40


def test_messages_that_are_interleaved_keep_their_pdus() -> None:
    lines, _ = talk([("C-STORE-RQ", 6)])
    both = [
        message("C-STORE-RQ", "requestor", (0, 2, 4), dataset_bytes=1),
        message("C-FIND-RQ", "requestor", (1, 3, 5), dataset_bytes=1),
    ]
    assert labels(seen(lines, both)) == [
        f"P-DATA-TF · C-{kind}-RQ{part}"
        for part in ("", ", data set", ", data set")
        for kind in ("STORE", "FIND")
    ]


def test_a_message_whose_command_set_ended_late_is_found_at_its_first_pdu() -> None:
    lines, _ = talk([("C-STORE-RQ", 4)])
    late = [
        message("C-ECHO-RQ", "requestor", (1,)),
        message("C-FIND-RQ", "requestor", (2,)),
        message("C-STORE-RQ", "requestor", (0, 3)),
    ]
    names = [label.split(" ")[2].split(",")[0] for label in labels(seen(lines, late))]
    assert names == ["C-STORE-RQ", "C-ECHO-RQ", "C-FIND-RQ", "C-STORE-RQ"]


def test_a_stall_inside_a_message_or_before_an_answer_is_never_folded_away() -> None:
    lines, messages = talk(STORE * 9)
    for at in (100, 204):  # inside a data set, and an answer
        late = [one._replace(time=(one.time or 0) + 20_000 * MS) for one in lines.rows[at:]]
        lines = Lines([*lines.rows[:at], *late])
    silences = [step.label for step in seen(lines, messages).steps if step.kind == "silence"]
    assert silences == ["20.0 s of silence"] * 2


def test_a_pause_between_two_exchanges_is_folded_with_them() -> None:
    runs = outline_of([("C-ECHO-RQ", 1)] * 9, pause=10_000 * MS)
    assert [run.count for run in runs] == [1, 8]


def test_many_aborts_are_not_all_looked_at() -> None:
    lines = Lines(
        [
            PduLine("requestor", "A-ABORT", 10 * n, 10 * n + 10, None, None, True)
            for n in range(5_000)
        ]
    )
    seen(lines, [])
    assert lines.made < STEPS + 50


def test_steps_are_numbered_as_the_pdus_of_the_association(corpus: Path) -> None:
    [association] = dissect(corpus / "store_fragments.pcapng").associations
    for step in ladder(association).steps:
        if step.index is not None and step.kind == "pdu":
            pdu: Pdu = association.pdus[step.index]
            assert step.label.startswith(pdu.type or "?")
            assert step.sender == pdu.sender
    numbers = [(one.index, one.last) for one in ladder(association).steps if one.count > 1]
    assert numbers == [(3, 12)]
