"""Every notebook run as it is, and run with its solutions, as an unprivileged user."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import nbformat

from dicomlab.exercises import course
from dicomlab.exercises.notes import CHECKED
from docs.run import Run

ROOT = Path(__file__).parents[1]
NAMES = sorted(path.name for path in (ROOT / "notebooks").glob(course.NOTEBOOKS))
AT_ONCE = 2  # as many as the smallest machine has cores
PATIENCE = 150  # seconds; then a notebook hangs
OF_TESTS = ("MPLBACKEND", "DICOMLAB_CORPUS", "DICOMLAB_REFERENCE", "CI")  # settings of our own


@dataclass(frozen=True, slots=True)
class Ran:
    """A notebook with its outputs, and how its run went."""

    path: Path
    notebook: Any
    run: Run

    @property
    def checks(self) -> list[bool]:
        """Whether each answer was right, in the order of the exercises."""
        exercises = filter(course.is_exercise, self.notebook.cells)
        shown = [[output.get("data", {}) for output in cell.outputs] for cell in exercises]
        said = [[data[CHECKED] for data in one if CHECKED in data] for one in shown]
        assert all(len(one) == 1 for one in said), "a cell with an exercise ends with its check"
        return [one["ok"] for [one] in said]


@dataclass(frozen=True, slots=True)
class Both:
    """A notebook that ran with blanks and, if it has exercises, with solutions."""

    plain: Ran
    solved: Ran | None

    @property
    def runs(self) -> list[Ran]:
        """What there is of them."""
        return [self.plain, *([self.solved] if self.solved else [])]


class Runs:
    """Runs notebooks, two at a time, each one once. ``python`` is the command that runs Python."""

    def __init__(self, python: list[str], folder: Path) -> None:
        self._python = python
        self._folder = folder
        self._home, self._executed = folder / "home", folder / "executed"
        for one in (self._home, self._executed):
            one.mkdir()
            one.chmod(0o777)  # whoever runs them is no friend of ours
        course.write(folder / "plain")
        course.write(folder / "solved", solutions=True)
        self._workers = ThreadPoolExecutor(AT_ONCE)
        self._started: dict[str, Future[Both]] = {}
        self._call("-c", "import matplotlib.font_manager")  # lists the fonts, as Binder does

    def start(self, *names: str) -> None:
        """Have notebooks run, unless they were already; the last of the course take longest."""
        for name in sorted({*names} - {*self._started}, reverse=True):
            self._started[name] = self._workers.submit(self._both, name)

    def __getitem__(self, name: str) -> Both:
        self.start(name)
        return self._started[name].result()

    def close(self) -> None:
        """Run no more; wait for those that run."""
        self._workers.shutdown(cancel_futures=True)

    def _both(self, name: str) -> Both:
        """One after the other: what they do with ports is the same."""
        plain = self._run(self._folder / "plain" / name)
        has_exercises = any(map(course.is_exercise, plain.notebook.cells))
        return Both(plain, self._run(self._folder / "solved" / name) if has_exercises else None)

    def _run(self, path: Path) -> Ran:
        executed = self._executed / f"{path.parent.name}-{path.name}"
        said = self._call(str(ROOT / "docs" / "run.py"), str(path), str(executed))
        return Ran(executed, nbformat.read(executed, as_version=4), Run(**json.loads(said)))

    def _call(self, *words: str) -> str:
        """What Python prints; AssertionError with its last words where it fails."""
        environment = {key: value for key, value in os.environ.items() if key not in OF_TESTS}
        done = subprocess.run(
            [*self._python, *words],
            env=environment | {"HOME": str(self._home)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )
        assert done.returncode == 0, done.stderr[-3000:]
        return done.stdout


@contextmanager
def runs(python: list[str]) -> Iterator[Runs]:
    """Runs notebooks in a folder of their own, which goes with all that they wrote."""
    with TemporaryDirectory(prefix="dicomlab-") as folder:
        Path(folder).chmod(0o755)
        made = Runs(python, Path(folder))
        try:
            yield made
        finally:
            made.close()


def taken(both: Both) -> str:
    """What a notebook took: time, the most memory that its kernel had, and to its first figure."""
    figure = both.plain.run.first_figure
    words = [
        *(f"{ran.run.seconds:5.1f} s {_megabytes(ran.run.memory)}" for ran in both.runs),
        *([] if figure is None else [f"first figure after {figure:.1f} s"]),
    ]
    return f"{both.plain.path.stem[6:]:<34}" + ", ".join(words)


def _megabytes(size: int | None) -> str:
    return "" if size is None else f"{size / 1e6:4.0f} MB"
