"""The notebooks of the course, written into a folder: with blanks, or with worked solutions."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dicomlab.exercises.questions import QUESTIONS
from dicomlab.exercises.tasks import EXERCISES
from dicomlab.model import DicomlabError

NOTEBOOKS = "[0-9][0-9]-*.ipynb"
_MARK = "01-the-first-echo.ipynb"  # where it is, the notebooks are
_REPOSITORY = Path(__file__).parents[2]
_INSTALLED = Path(__file__).parents[1] / "course"  # pyproject.toml puts them there

# An exercise is a cell that checks an answer; all that stands before the check is its blank.
_CHECK = re.compile(
    r'^(?:(?:dl\.check|exam\.answer)\("(?P<id>[^"]+)"|site\.answer\(answer\))', re.MULTILINE
)
_ANSWER_TO_A_SITE = """\
from dicomlab.exercises.sites import solution

answer = solution(site)"""


def folder() -> Path | None:
    """The notebooks that somebody works with: in this folder, or those of the repository."""
    here = Path.cwd()
    places = (here, here / "notebooks", _REPOSITORY / "notebooks")
    return next((one for one in places if (one / _MARK).is_file()), None)


def is_exercise(cell: Mapping[str, Any]) -> bool:
    """Whether a cell of a notebook is one that checks an answer."""
    return cell["cell_type"] == "code" and _CHECK.search(_source(cell)) is not None


def solved(cell: Mapping[str, Any]) -> str:
    """The source of an exercise with the worked solution in place of its blank."""
    source = _source(cell)
    check = _CHECK.search(source)
    assert check is not None  # it is an exercise
    known = EXERCISES.get(check["id"]) or QUESTIONS.get(check["id"])
    solution = known.solution if known else _ANSWER_TO_A_SITE
    return f"{solution}\n{source[check.start() :]}"


def _source(cell: Mapping[str, Any]) -> str:
    return "".join(cell["source"])


def write(target: Path, *, solutions: bool = False) -> list[Path]:
    """Write all notebooks and the captures that they read into a folder; gives the notebooks.

    DicomlabError where one of them is there already: somebody may have worked in it.
    """
    homes = (_REPOSITORY, _INSTALLED)
    home = next(one for one in homes if (one / "notebooks" / _MARK).is_file())
    sources = sorted((home / "notebooks").glob(NOTEBOOKS))
    written = [target / source.name for source in sources]
    for one in written:
        if one.exists():
            raise DicomlabError(f"{one} is there already.", "Take an empty folder.")
    (target / "captures").mkdir(parents=True, exist_ok=True)
    for capture in (home / "captures").glob("*.pcapng"):
        shutil.copy(capture, target / "captures")
    for source, one in zip(sources, written, strict=True):
        notebook = json.loads(source.read_text(encoding="utf-8"))
        for cell in filter(is_exercise, notebook["cells"] if solutions else ()):
            cell["source"] = solved(cell).splitlines(keepends=True)
        text = json.dumps(notebook, indent=1, ensure_ascii=False)
        one.write_text(f"{text}\n", encoding="utf-8", newline="\n")
    return written
