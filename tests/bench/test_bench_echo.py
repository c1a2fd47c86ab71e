"""`make bench`: the figures that a C-ECHO has to keep."""

from __future__ import annotations

import pytest

from tests.bench.bench_echo import main


@pytest.mark.bench
def test_a_c_echo_is_quick() -> None:
    assert main() == 0
