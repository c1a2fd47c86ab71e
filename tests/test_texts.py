"""Notebooks and pages are of one form, and every link in them leads somewhere."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from docs.navigation import (
    MAP,
    is_navigation,
    launch,
    mapped,
    notebooks,
    repository,
    title,
    written,
)

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md"]
PAGES += [*(ROOT / "docs").glob("*.md"), ROOT / "captures" / "README.md"]
TEACHING = ROOT / "docs" / "teaching.md"
METADATA = {
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}

TIMES = {"15": "a quarter of an hour", "40": "forty minutes", "60": "an hour"}

each_notebook = pytest.mark.parametrize("path", notebooks(), ids=lambda path: path.stem)


def read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def prose(path: Path) -> str:
    """What people read of a page or a notebook."""
    if path.suffix != ".ipynb":
        return path.read_text(encoding="utf-8")
    cells = (cell for cell in read(path)["cells"] if cell["cell_type"] == "markdown")
    return "\n\n".join("".join(cell["source"]) for cell in cells)


@each_notebook
def test_notebook_is_of_one_form(path: Path) -> None:
    notebook = read(path)
    assert notebook["metadata"] == METADATA
    assert (notebook["nbformat"], notebook["nbformat_minor"]) == (4, 5)
    ids = [cell["id"] for cell in notebook["cells"]]
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch("[a-z0-9-]+", one) for one in ids), "an id says what its cell is for"


@each_notebook
def test_notebook_begins_with_its_number_and_title(path: Path) -> None:
    assert re.match(rf"{path.name[:2]} · \w", title(read(path)))


@each_notebook
def test_notebook_takes_a_class_as_long_as_teaching_says(path: Path) -> None:
    line = re.escape(title(read(path)).replace(" · ", " "))
    [minutes] = re.findall(rf"^\| {line} \| (\d+) \|", prose(TEACHING), re.MULTILINE)
    assert f"takes about {TIMES[minutes]}." in "".join(read(path)["cells"][0]["source"])


@each_notebook
def test_notebook_ends_with_the_ways_on(path: Path) -> None:
    made = written(notebooks(), repository())[path]
    assert path.read_text(encoding="utf-8") == made, "run: python -m docs.navigation"


def test_the_map_has_a_link_to_every_notebook() -> None:
    first, *others = notebooks()
    [cell] = [one for one in read(first)["cells"] if one["id"] == MAP]
    assert {title(read(path)): path.name for path in others} == dict(
        re.findall(r"^\| \[(.+)\]\((.+)\) \|", "".join(cell["source"]), re.MULTILINE)
    )


def test_on_the_map_a_notebook_is_coming_until_it_is_there() -> None:
    coming = "| 02 · Titles (coming) | names |\n"
    there = "| [02 · Titles](02-titles.ipynb) | names |\n"
    assert mapped("| 02 · Titles | names |\n", []) == coming
    assert mapped(coming, ["[02 · Titles](02-titles.ipynb)"]) == there
    assert mapped(there, ["[02 · Titles](02-titles.ipynb)"]) == there
    assert mapped(there, []) == coming


def test_a_launch_link_is_there_once_it_is_known_where_the_repository_is(tmp_path: Path) -> None:
    [first, *_, last] = notebooks()
    ends = {
        path: "".join(next(filter(is_navigation, json.loads(text)["cells"]))["source"])
        for path, text in written(notebooks(), "somebody/dicomlab").items()
    }
    assert all(launch(path, "somebody/dicomlab") in end for path, end in ends.items())
    assert "←" not in ends[first]
    assert "→" not in ends[last]


@pytest.mark.parametrize("path", [*PAGES, *notebooks()], ids=lambda path: path.name)
def test_links_lead_somewhere(path: Path) -> None:
    found = re.findall(r"\]\(([^)#\s]+)[^)]*\)|(?:src|srcset|href)=\"([^\"#]+)", prose(path))
    targets = {a or b for a, b in found}
    lost = [one for one in targets if ":" not in one and not (path.parent / one).exists()]
    assert not lost
