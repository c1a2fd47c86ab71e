"""The notebooks are written into a folder, with blanks or with solutions, wherever dicomlab is."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest

from dicomlab.exercises import course
from dicomlab.model import DicomlabError
from tests.conftest import ROOT

STORED = sorted((ROOT / "notebooks").glob("*.ipynb"))


def cells(path: Path) -> list[Any]:
    read: list[Any] = json.loads(path.read_text("utf-8"))["cells"]
    return read


def test_notebooks_are_written_as_they_are_stored(tmp_path: Path) -> None:
    written = course.write(tmp_path)
    assert [one.name for one in written] == [one.name for one in STORED]
    assert [one.read_bytes() for one in written] == [one.read_bytes() for one in STORED]


def test_with_solutions_only_exercises_differ_and_keep_their_check(tmp_path: Path) -> None:
    for written, stored in zip(course.write(tmp_path, solutions=True), STORED, strict=True):
        pairs = zip(cells(written), cells(stored), strict=True)
        changed = [(new, old) for new, old in pairs if new != old]
        assert len(changed) == sum(map(course.is_exercise, cells(stored)))
        for new, old in changed:
            assert new["source"][-1] == old["source"][-1]
            assert new | {"source": ""} == old | {"source": ""}


def test_nobodys_work_is_overwritten(tmp_path: Path) -> None:
    worked_in = course.write(tmp_path)[-1]
    worked_in.write_text("my answers")
    with pytest.raises(DicomlabError, match="there already"):
        course.write(tmp_path)
    assert worked_in.read_text() == "my answers"


def test_an_installed_package_brings_the_course_along(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True, timeout=60)
    [wheel] = tmp_path.glob("*.whl")
    ZipFile(wheel).extractall(tmp_path / "installed")
    written = subprocess.run(
        [sys.executable, "-m", "dicomlab", "course", "class"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(tmp_path / "installed")},
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    ).stdout.split()
    assert written == [str(Path("class", one.name)) for one in STORED]
    captures = {one.name for one in (ROOT / "captures").glob("*.pcapng")}
    assert {one.name for one in (tmp_path / "class" / "captures").iterdir()} == captures


def test_the_folder_that_somebody_is_in_comes_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert course.folder() == ROOT / "notebooks"
    course.write(tmp_path / "class")
    monkeypatch.chdir(tmp_path)
    assert course.folder() == ROOT / "notebooks"
    monkeypatch.chdir(tmp_path / "class")
    assert course.folder() == tmp_path / "class"
