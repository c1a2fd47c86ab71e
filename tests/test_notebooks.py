"""Every notebook runs top to bottom without rights and without a warning; its exercises fail kindly
while they are blank, and their solutions are right."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import pytest

from dicomlab.exercises.notes import CHECKED
from tests.runs import NAMES, ROOT, Runs, taken

SECONDS = {"10": 60}  # by the number; what a class is willing to wait
OTHERS = 20
READ = 1 << 2  # CAP_DAC_READ_SEARCH, where Python lies in a folder that others may not enter
MEMORY = 400e6  # bytes that a kernel may have, of the 1 to 2 GB that a seat on Binder has

pytestmark = pytest.mark.timeout(600)  # two may run before it, each twice

notebooks = pytest.mark.parametrize("notebook", NAMES)


def test_there_are_notebooks() -> None:
    assert NAMES


@notebooks
def test_notebook_runs_without_a_warning(runs: Runs, notebook: str) -> None:
    for ran in runs[notebook].runs:
        assert not ran.run.complaints


@notebooks
def test_notebook_takes_no_more_than_a_class_has(
    runs: Runs, notebook: str, say: Callable[[str], None]
) -> None:
    say(taken(runs[notebook]))
    for ran in runs[notebook].runs:
        assert ran.run.seconds < SECONDS.get(notebook[:2], OTHERS)
        assert (ran.run.memory or 0) < MEMORY


@notebooks
def test_blanks_fail_kindly_and_solutions_are_right(runs: Runs, notebook: str) -> None:
    both = runs[notebook]
    if both.solved is None:
        assert both.plain.checks == []
    else:
        assert not any(both.plain.checks)
        assert both.solved.checks == [True] * len(both.plain.checks)


def test_the_worked_exam_has_all_points_and_a_blank_one_is_not_handed_in(runs: Runs) -> None:
    both = runs["99-exam.ipynb"]
    assert both.solved is not None
    for ran, points in ((both.plain, None), (both.solved, 40)):
        [cell] = (one for one in ran.notebook.cells if one.id == "hand-in")
        [output] = cell.outputs
        assert output.data[CHECKED].get("points") == points


def test_they_ran_without_rights(runs: Runs, unprivileged: list[str]) -> None:
    assert unprivileged
    kernel = runs[NAMES[0]].plain.run.kernel
    assert kernel["NoNewPrivs"] == "1"
    assert "0" not in kernel["Uid"].split()
    assert int(kernel["CapEff"], 16) | READ == READ
    assert int(kernel["CapBnd"], 16) | READ == READ


@notebooks
def test_notebook_is_stored_without_outputs(notebook: str) -> None:
    found = subprocess.run(
        [
            sys.executable,
            "-m",
            "nbstripout",
            "--verify",
            "--keep-id",
            ROOT / "notebooks" / notebook,
        ],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert found.returncode == 0, found.stdout + found.stderr
