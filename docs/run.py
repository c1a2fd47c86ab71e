"""Runs a notebook top to bottom, warnings as errors: ``python docs/run.py NOTEBOOK EXECUTED``.

Writes it with its outputs, and prints as JSON what it took and who its kernel was.
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbformat import v4

SECONDS = 60  # that a cell may take
STRICT = """\
import warnings
warnings.simplefilter("error")
warnings.filterwarnings("ignore", module="ipykernel")  # the kernel's own business
"""
STATUS = """\
with open("/proc/self/status") as file:
    print(file.read())
"""


@dataclass
class Run:
    """How the run of a notebook went."""

    seconds: float = 0.0  # from the start of its kernel to its last output
    first_figure: float | None = None  # seconds from the start of its kernel
    memory: int | None = None  # bytes that its kernel had at most, where the system says it
    kernel: dict[str, str] = field(default_factory=dict)  # what Linux says of the process
    complaints: list[str] = field(default_factory=list)  # what went to stderr


def run(notebook: Path, executed: Path) -> Run:
    """Run a notebook in its folder. Raises CellExecutionError where a cell fails."""
    read = nbformat.read(notebook, as_version=4)
    status = v4.new_code_cell(STATUS if sys.platform == "linux" else "")
    read.cells = [v4.new_code_cell(STRICT), *read.cells, status]
    found = Run()
    began = time.monotonic()

    def look(cell: Any, cell_index: int, **_: Any) -> None:
        if found.first_figure is None and any(map(_is_figure, cell.outputs)):
            found.first_figure = time.monotonic() - began
        if cell_index < len(read.cells) - 1:
            found.seconds = time.monotonic() - began

    NotebookClient(
        read,
        timeout=SECONDS,
        store_widget_state=False,
        extra_arguments=["--log-level=ERROR"],  # of the kernel: nobody listens to this machine
        resources={"metadata": {"path": str(notebook.parent)}},
        on_cell_executed=look,
    ).execute()
    read.cells = read.cells[1:-1]
    for output in status.outputs:
        pairs = (line.split(":\t", 1) for line in output.text.splitlines() if ":\t" in line)
        found.kernel = {key: value.strip() for key, value in pairs}
        found.memory = int(found.kernel["VmHWM"].split()[0]) * 1024
    found.complaints = [
        output.text
        for cell in read.cells
        for output in cell.get("outputs", ())
        if output.get("name") == "stderr"
    ]
    nbformat.write(read, executed)
    return found


def _is_figure(output: Any) -> bool:
    return any(kind.startswith("image/") for kind in output.get("data", ()))


if __name__ == "__main__":
    print(json.dumps(asdict(run(Path(sys.argv[1]), Path(sys.argv[2])))))
