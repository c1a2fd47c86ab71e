"""How the processes of ``make test`` share the tests."""

from __future__ import annotations

from pathlib import Path

from xdist.scheduler import LoadScopeScheduling

from tests.groups import GROUPS, LONGEST, NOTEBOOKS, group, rank


def test_a_folder_is_a_group_and_a_file_beside_them_too() -> None:
    assert group("tests/net/test_scp.py::test_a[b::c/d]") == "tests/net"
    assert group("tests/test_walls.py::test_a") == "tests/test_walls.py"


def test_the_notebooks_run_for_their_tests_and_for_the_site_at_once() -> None:
    assert group("tests/browser/test_site.py::test_a") == NOTEBOOKS
    assert group("tests/test_notebooks.py::test_a") == NOTEBOOKS


def test_the_longest_begin_first() -> None:
    ids = ["tests/net/test_scp.py::test_a", "tests/browser/test_console.py::test_a"]
    assert sorted(ids, key=rank) == ids[::-1]


def test_the_tables_name_what_is_there(root: Path) -> None:
    assert all((root / name).exists() for name in {*GROUPS, *LONGEST} - {NOTEBOOKS})


def test_xdist_asks_for_the_group() -> None:
    assert hasattr(LoadScopeScheduling, "_split_scope")
