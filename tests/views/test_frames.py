"""DataFrames: what the contract says, as tables that join on the connection."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

import pytest

import dicomlab as dl
from dicomlab.model import Capture, DicomlabError
from tests.views import made

pd = pytest.importorskip("pandas")


def test_every_association_pdu_and_message_is_a_row(corpus: Path) -> None:
    capture = dl.dissect(corpus / "merged_day.pcapng")
    frames = capture.to_frames()
    for one in capture.associations:
        [row] = frames.associations[frames.associations.connection == one.connection].to_dict(
            "records"
        )
        assert (row["calling_ae_title"], row["ended"]) == (one.calling_ae_title, one.outcome.ended)
        assert row["pdus"] == sum(frames.pdus.connection == one.connection) == len(one.pdus)
        assert row["messages"] == sum(frames.messages.connection == one.connection)


def test_times_are_utc_and_keep_their_nanoseconds() -> None:
    frames = made.capture(made.success()).to_frames()
    assert frames.pdus.time[0] == pd.Timestamp(made.EPOCH + 400_000, tz="UTC")
    assert frames.associations.slowest[0] == pd.Timedelta(600, "us")


def test_codes_are_whole_numbers_and_what_is_missing_is_missing() -> None:
    messages = made.capture(made.refused()).to_frames().messages
    assert messages.status.tolist() == [pd.NA, 0x0122]
    assert messages.meaning[1] == "Refused: SOP Class not supported"


def test_frames_tell_what_failed_and_why() -> None:
    associations = made.capture(made.success(), made.rejected()).to_frames().associations
    assert associations.failed.tolist() == [False, True]
    assert associations.why[0] == ""
    assert "called-AE-title-not-recognized" in associations.why[1]


def test_frames_count_as_pandas_does(corpus: Path) -> None:
    capture = dl.dissect(corpus / "busy.pcapng")
    ended = Counter(one.outcome.ended for one in capture.associations)
    assert capture.to_frames().associations.ended.value_counts().to_dict() == ended


def test_an_empty_capture_has_the_same_columns() -> None:
    empty, full = made.capture().to_frames(), made.capture(made.success()).to_frames()
    for one, other in zip(empty, full, strict=True):
        assert len(one) == 0
        assert list(one.columns) == list(other.columns)


def test_times_that_no_calendar_has_are_missing() -> None:
    capture: Capture = made.capture(made.at(made.success(), 2**70))
    assert pd.isna(capture.to_frames().associations.start_time[0])


def test_without_pandas_a_line_says_what_helps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(DicomlabError, match="pip install pandas"):
        made.capture().to_frames()
