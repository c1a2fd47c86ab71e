"""Ends every notebook with the ways on: ``.venv/bin/python -m docs.navigation``.

The order is that of the file names, the words are the titles. The map of the course, in the first
notebook, links all that there are. A link that launches a notebook on Binder is there as soon as
pyproject.toml says where the repository is ([project.urls] Repository).
"""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
TAG = "navigation"
MAP = "map"  # the id of the cell
_LINE = re.compile(r"^\| \[?((\d\d) · [^]|]+?)(?:\]\(\S+\)| \(coming\))? \|", re.MULTILINE)


def notebooks() -> list[Path]:
    """The notebooks of the course, in their order."""
    return sorted((ROOT / "notebooks").glob("[0-9][0-9]-*.ipynb"))


def is_navigation(cell: Any) -> bool:
    """Whether a cell leads to other notebooks."""
    return TAG in cell["metadata"].get("tags", ())


def title(notebook: Any) -> str:
    """The notebook's first heading."""
    return "".join(notebook["cells"][0]["source"]).splitlines()[0].removeprefix("# ")


def repository() -> str | None:
    """OWNER/NAME of the repository on GitHub, where that is known."""
    with (ROOT / "pyproject.toml").open("rb") as file:
        urls = tomllib.load(file)["project"].get("urls", {})
    return urls.get("Repository", "").removeprefix("https://github.com/") or None


def launch(path: Path, where: str) -> str:
    """The address that starts a notebook on Binder."""
    return f"https://mybinder.org/v2/gh/{where}/HEAD?urlpath=lab/tree/notebooks/{path.name}"


def mapped(text: str, links: list[str]) -> str:
    """The map with a link to each notebook that there is; the others are coming."""
    there = {link[1:3]: link for link in links}
    return _LINE.sub(lambda line: f"| {there.get(line[2], f'{line[1]} (coming)')} |", text)


def written(paths: list[Path], where: str | None) -> dict[Path, str]:
    """The text of each file, with its last cell made anew."""
    read = [json.loads(path.read_text(encoding="utf-8")) for path in paths]
    titles = [title(one) for one in read]
    links = [f"[{words}]({path.name})" for words, path in zip(titles, paths, strict=True)]
    texts = {}
    for at, (path, notebook) in enumerate(zip(paths, read, strict=True)):
        ways = [f"← {links[at - 1]}"] if at else []
        ways += [f"{one} →" for one in links[at + 1 : at + 2]]
        ways += [f"[this notebook on Binder]({launch(path, where)})"] if where else []
        cell = {
            "cell_type": "markdown",
            "id": TAG,
            "metadata": {"tags": [TAG]},
            "source": [" | ".join(ways)],
        }
        for one in notebook["cells"]:
            if one["id"] == MAP:
                one["source"] = mapped("".join(one["source"]), links).splitlines(keepends=True)
        notebook["cells"] = [one for one in notebook["cells"] if not is_navigation(one)] + [cell]
        texts[path] = json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"
    return texts


if __name__ == "__main__":
    for path, text in written(notebooks(), repository()).items():
        path.write_text(text, encoding="utf-8")
