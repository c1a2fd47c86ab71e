"""`make bench`: what distance costs, and that a notebook can show it in a minute."""

from __future__ import annotations

import pytest

from tests.bench.bench_limits import main


@pytest.mark.bench
def test_what_distance_costs_is_measured_in_a_minute() -> None:
    assert main() == 0
