"""Who may import whom: read from the import statements, and measured in fresh processes."""

from __future__ import annotations

import ast
import compileall
import statistics
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

PACKAGE = Path(__file__).parent.parent / "dicomlab"

# A room may import those of the floors below its own, and itself.
FLOORS = [
    {"model"},
    {"spec"},
    {"protocol"},
    {"net", "dissect", "diagnosis", "views"},
    {"captures"},
    {"recording", "processes"},
    {"widgets", "exercises", "machine"},
    {"api"},
    {"dicomlab"},  # the package's own __init__
    {"slides"},
    {"demo"},
    {"cli"},
    {"__main__"},
]
ROOMS = set().union(*FLOORS)
PURE = {"model", "spec", "protocol", "dissect", "diagnosis"}
KEPT_OUT_OF_PURE = {
    "_thread", "anywidget", "asyncio", "concurrent", "ipywidgets", "matplotlib", "multiprocessing",
    "pynetdicom", "pyshark", "select", "selectors", "socket", "socketserver", "ssl", "subprocess",
    "threading",
}  # fmt: skip
# What is heavy, or somebody else's world, has one door.
ONLY_DOOR = {
    "pyshark": {"recording.tshark"},
    "matplotlib": {"views.figures", "views.theme"},
    "pandas": {"views.frames"},
    "ipywidgets": {"widgets"},
    "anywidget": {"widgets"},
    "pynetdicom": {"net.services", "demo"},
    "tornado": {"net.dicomweb"},
    "trustme": {"net.certificates"},
}
# The package itself, and the command: what it takes to load a room, only its own commands pay.
MAY_DEFER = {"dicomlab", "cli"}


@dataclass(frozen=True)
class Import:
    module: str  # who imports, below dicomlab: "views.text"; "dicomlab" is the package itself
    line: int
    target: str  # what is imported: "dicomlab.model", "socket"
    deferred: bool  # inside a function
    holder: str | None  # the outermost class or function around it
    typing_only: bool

    @property
    def room(self) -> str:
        return self.module.split(".")[0]

    @property
    def target_room(self) -> str | None:
        top, _, rest = self.target.partition(".")
        if top != "dicomlab":
            return None
        room = rest.split(".")[0]
        return room if room in ROOMS else "dicomlab"  # from dicomlab import decode

    def __str__(self) -> str:
        return f"{self.module} line {self.line} imports {self.target}"


def imports_of(path: Path) -> list[Import]:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    module = ".".join(part for part in parts if part != "__init__") or "dicomlab"
    found: list[Import] = []

    def visit(
        node: ast.AST, holder: str | None = None, deferred: bool = False, typing_only: bool = False
    ) -> None:
        if isinstance(node, ast.Import | ast.ImportFrom):
            if isinstance(node, ast.Import):
                targets = [alias.name for alias in node.names]
            elif node.module == "dicomlab":  # from dicomlab import views: the room is the name
                targets = [f"dicomlab.{alias.name}" for alias in node.names]
            else:
                assert not node.level, f"{module} imports relatively"
                targets = [node.module or ""]
            found.extend(
                Import(module, node.lineno, target, deferred, holder, typing_only)
                for target in targets
            )
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            holder = holder or node.name
            deferred = deferred or not isinstance(node, ast.ClassDef)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            typing_only = True
        for child in ast.iter_child_nodes(node):
            visit(child, holder, deferred, typing_only)

    visit(ast.parse(path.read_text(encoding="utf-8")))
    return found


IMPORTS = [one for path in sorted(PACKAGE.rglob("*.py")) for one in imports_of(path)]


def floor(room: str) -> int:
    return next(number for number, rooms in enumerate(FLOORS) if room in rooms)


def shown_to_views(one: Import) -> bool:
    """The one way up: a value shows itself through the views and the widgets."""
    shows = one.holder in ("Shown", "Drawn", "Explored", "Tabled") and one.deferred
    return one.module == "model" and (shows or one.typing_only)


def test_every_room_is_on_the_plan() -> None:
    assert {one.room for one in IMPORTS} <= ROOMS


def test_a_room_imports_only_from_below() -> None:
    wrong = [
        str(one)
        for one in IMPORTS
        if one.target_room not in (None, one.room)
        and floor(one.target_room) >= floor(one.room)
        and not shown_to_views(one)
    ]
    assert not wrong


def test_our_own_modules_are_imported_at_the_top() -> None:
    wrong = [
        str(one)
        for one in IMPORTS
        if one.target_room
        and one.deferred
        and one.room not in MAY_DEFER
        and not shown_to_views(one)
    ]
    assert not wrong


def test_pure_rooms_know_no_socket_thread_process_or_picture() -> None:
    wrong = [
        str(one)
        for one in IMPORTS
        if one.room in PURE and not one.typing_only and one.target.split(".")[0] in KEPT_OUT_OF_PURE
    ]
    assert not wrong


def test_what_is_heavy_has_one_door() -> None:
    wrong = []
    for one in IMPORTS:
        doors = ONLY_DOOR.get(one.target.split(".")[0])
        if doors and not one.typing_only and not doors & {one.module, one.room}:
            wrong.append(str(one))
    assert not wrong


def fresh(code: str) -> str:
    """What a new Python prints."""
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    ).stdout


def test_import_dicomlab_loads_nothing_heavy() -> None:
    heavy = {
        "IPython", "anywidget", "asyncio", "ipywidgets", "jupyter_client", "jupyterlab",
        "matplotlib", "numpy", "pandas", "pydicom", "pynetdicom", "pyshark", "tornado", "trustme",
    }  # fmt: skip
    loaded = fresh("import sys, dicomlab; print(*sys.modules)").split()
    assert not heavy & {name.split(".")[0] for name in loaded}


def test_dissecting_to_json_loads_only_what_it_takes(corpus: Path) -> None:
    words = ["dicomlab", "dissect", str(corpus / "echo_dcmtk.pcapng"), "--json"]
    loaded = fresh(f"""
import contextlib, os, sys
sys.argv = {words!r}
from dicomlab.cli import main
with contextlib.suppress(SystemExit), contextlib.redirect_stdout(open(os.devnull, "w")):
    main()
print(*sys.modules)
""").split()
    rooms = {name.removeprefix("dicomlab.") for name in loaded if name.startswith("dicomlab.")}
    assert {name for name in rooms if name.startswith("views.")} == {"views.contract"}
    assert {name.split(".")[0] for name in rooms} == {
        "captures", "cli", "diagnosis", "dissect", "model", "protocol", "spec", "views",
    }  # fmt: skip
    kept_out = KEPT_OUT_OF_PURE - {"_thread"} | {"email", "numpy", "pydicom"}
    assert not kept_out & {name.split(".")[0] for name in loaded}


def seconds(module: str) -> float:
    """How long ``import module`` takes: the median of five new processes."""
    code = f"from time import perf_counter as now; a = now(); import {module}; print(now() - a)"
    return statistics.median(float(fresh(code)) for _ in range(5))


def test_import_dicomlab_takes_a_tenth_of_pynetdicom() -> None:
    assert compileall.compile_dir(PACKAGE, quiet=2)
    ours, theirs = seconds("dicomlab"), seconds("pynetdicom")
    assert ours < theirs / 10, f"{ours * 1000:.0f} ms against {theirs * 1000:.0f} ms"
