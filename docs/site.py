"""Makes pages of all notebooks and docs, in ``site/``: ``.venv/bin/python -m docs.site``.

The site lies as the repository does, so that a link leads to the same place. A notebook's page
holds its figures and the static twins of its widgets; it has no script, and fetches nothing.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import nbformat
from nbconvert import HTMLExporter
from nbformat import v4
from traitlets.config import Config

from dicomlab.views.theme import DARK, LIGHT, MONO, SANS, css_fonts, css_variables
from docs.navigation import ROOT, notebooks, title

SITE = ROOT / "site"
TEMPLATE = ROOT / "docs" / "template"
PAGES = ("docs/*.md", "captures/*.md")
COPIED = ("docs/*.png", "captures/*.pcapng", "captures/*.json", "captures/*.py")
AT_ONCE = 2  # notebooks that run at a time
WIDGET = "application/vnd.jupyter.widget-view+json"
# of what an output holds, the first is shown; a widget needs a kernel: its twin does not
SHOWN = ["text/html", "image/svg+xml", "image/png", "text/markdown", "text/plain"]
INDEX = """\
# What really happens when two DICOM applications talk

A course in notebooks, as they ran. After each of them you can do what stands below its name. To
change something and run it again, open them in JupyterLab: `dicomlab lab`.

"""
LINK = {LIGHT: "#0072B2", DARK: "#6CC1F0"}  # the blue of values, and one that is read on dark


def style() -> str:
    """The sheet of all pages: the theme's values, and how they are used."""
    light, dark = (css_variables(one) + f"--link:{LINK[one]};" for one in (LIGHT, DARK))
    fonts = f"--sans:{css_fonts(SANS, 'sans-serif')};--mono:{css_fonts(MONO, 'monospace')};"
    used = (TEMPLATE / "site.css").read_text(encoding="utf-8")
    dark_mode = f"@media (prefers-color-scheme: dark) {{ :root {{{dark}}} }}"
    return f":root {{{fonts}{light}}}\n{dark_mode}\n{used}"


def exporter() -> HTMLExporter:
    """What makes a page of a notebook, by the template of ours."""
    config = Config()
    config.NbConvertBase.display_data_priority = SHOWN
    return HTMLExporter(
        config=config,
        extra_template_basedirs=[str(TEMPLATE.parent)],
        template_name=TEMPLATE.name,
        exclude_anchor_links=True,
        exclude_input_prompt=True,
        exclude_output_prompt=True,
    )


def build(executed: Iterable[Path], site: Path) -> None:
    """Make the site of notebooks that have run, and of the docs."""
    export, sheet = exporter(), style()

    def page(notebook: Any, name: str, words: str) -> None:
        home = "../" * name.count("/") + "index.html"
        more = {"title": words, "style": sheet, "home": home}
        text, _ = export.from_notebook_node(notebook, resources=more)
        path = site / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(led_to_pages(text), encoding="utf-8")

    index = [INDEX]
    for path in sorted(executed):
        notebook = nbformat.read(path, as_version=4)
        words, name = title(notebook), f"notebooks/{path.stem}.html"
        page(without_widgets(notebook), name, words)
        index.append(f"## [{words}]({name})\n\n{aims(notebook)}\n")
    index.append("## Also here\n")
    for source in (path for pattern in PAGES for path in sorted(ROOT.glob(pattern))):
        text = source.read_text(encoding="utf-8")
        words = text.splitlines()[0].removeprefix("# ")
        name = source.relative_to(ROOT).with_suffix(".html").as_posix()
        page(of_words(text), name, words)
        index.append(f"- [{words}]({name})")
    for source in (path for pattern in COPIED for path in ROOT.glob(pattern)):
        shutil.copy(source, site / source.relative_to(ROOT))
    page(of_words("\n".join(index)), "index.html", "dicomlab: the course")


def of_words(text: str) -> Any:
    """A page of Markdown as a notebook."""
    return v4.new_notebook(cells=[v4.new_markdown_cell(text)])


def without_widgets(notebook: Any) -> Any:
    """The notebook without outputs that only a kernel could show."""
    for cell in (one for one in notebook.cells if one.cell_type == "code"):
        cell.outputs = [
            one
            for one in cell.outputs
            if WIDGET not in one.get("data", ()) or one.data.get("text/html")
        ]
    return notebook


def aims(notebook: Any) -> str:
    """What one can do after a notebook: the list that it begins with."""
    lines = notebook.cells[0].source.splitlines()
    return "\n".join(line for line in lines if line.startswith("- "))


def led_to_pages(text: str) -> str:
    """A page whose links lead to pages, and not to what they were made of."""
    return re.sub(r'(href="(?![a-z]+:)[^"#]*)\.(?:ipynb|md)(?=["#])', r"\1.html", text)


def run_all(folder: Path) -> list[Path]:
    """Run all notebooks; gives them with their outputs."""

    def run(path: Path) -> Path:
        words = [sys.executable, str(ROOT / "docs" / "run.py"), str(path), str(folder / path.name)]
        subprocess.run(words, check=True, stdout=subprocess.DEVNULL)
        return folder / path.name

    with ThreadPoolExecutor(AT_ONCE) as workers:
        return list(workers.map(run, notebooks()))


if __name__ == "__main__":
    shutil.rmtree(SITE, ignore_errors=True)
    with TemporaryDirectory() as folder:
        build(run_all(Path(folder)), SITE)
    print(f"{SITE / 'index.html'} is made.")
