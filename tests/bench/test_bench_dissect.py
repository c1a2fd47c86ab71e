"""`make bench`: the figures that the reading of captures has to keep."""

from __future__ import annotations

import pytest

from tests.bench.bench_dissect import bench
from tests.bench.captures import NotHereError


@pytest.mark.bench
@pytest.mark.timeout(3600)  # of which the captures take some minutes, once, and pyshark the most
def test_dissecting_is_quick() -> None:
    try:
        assert bench() == 0
    except NotHereError as why_not:
        pytest.skip(f"nothing was compared: {why_not}")
