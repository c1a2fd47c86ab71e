"""Every error on a capture of a real system was judged by hand, and the page says so."""

from __future__ import annotations

from pathlib import Path

from tests.findings import PAGE, errors, outlived, page, unjudged


def test_every_error_of_a_real_system_is_judged(corpus: Path) -> None:
    assert corpus.is_dir()
    found = list(errors())
    assert unjudged(found) == []
    assert outlived(found) == set()
    assert PAGE.read_text(encoding="utf-8") == page(found)
