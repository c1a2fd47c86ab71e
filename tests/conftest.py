"""What several rooms' tests share."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from functools import cache, partial
from pathlib import Path
from typing import Any

import psutil
import pytest
from hypothesis import settings
from xdist.remote import Producer

from tests.groups import InGroups, rank
from tests.runs import Runs
from tests.runs import runs as runs_of_notebooks

ROOT = Path(__file__).parent.parent
CORPUS = Path(os.environ.get("DICOMLAB_CORPUS", ROOT.parent / "shared" / "captures"))
REFERENCE = Path(os.environ.get("DICOMLAB_REFERENCE", ROOT.parent / "shared" / "reference"))

MEASURED = "measured"

# the same examples in every run where nobody looks on; new ones on every desk
settings.register_profile("ci", derandomize=True)
if os.environ.get("CI"):
    settings.load_profile("ci")

# no test opens a window
os.environ["MPLBACKEND"] = "agg"

# nor knows how large the one is that it runs in, which GNU readline tells to xdist's processes
for size in ("COLUMNS", "LINES"):
    os.environ.pop(size, None)


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository."""
    return ROOT


@pytest.fixture(scope="session")
def corpus() -> Path:
    """The captures of real systems, which are not part of the repository."""
    if not CORPUS.is_dir():
        pytest.skip(f"no captures of real systems in {CORPUS} (set DICOMLAB_CORPUS)")
    return CORPUS


@cache
def _tables() -> dict[str, Any] | None:
    file = REFERENCE / "dicom-tables.json"
    return json.loads(file.read_text(encoding="utf-8")) if file.is_file() else None


_NO_TABLES = f"no dicom-tables.json in {REFERENCE} (set DICOMLAB_REFERENCE)"


@pytest.fixture(scope="session")
def tables() -> dict[str, Any]:
    """The tables of the standard, written down and checked apart from this project."""
    found = _tables()
    if found is None:
        pytest.skip(_NO_TABLES)
    return found


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test that asks for a ``client_case`` or a ``malformed_case`` with each of them."""
    for name in ("client_case", "malformed_case"):
        if name in metafunc.fixturenames:
            cases = (_tables() or {}).get(f"{name}s", [])
            missing = [pytest.param(None, marks=pytest.mark.skip(_NO_TABLES))]
            metafunc.parametrize(
                name, cases or missing, ids=lambda case: case["id"] if case else ""
            )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes longest begins first, so that no process of ``make test`` waits for it."""
    items.sort(key=lambda item: rank(item.nodeid))


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> InGroups:
    """How the processes of ``make test`` share the tests."""
    return InGroups(config, log)


@pytest.fixture
def nothing_left() -> Iterator[None]:
    """The test ends with the threads and descriptors that it began with."""
    process = psutil.Process()
    threads, descriptors = threading.active_count(), process.num_fds()
    yield
    assert threading.active_count() <= threads
    assert process.num_fds() <= descriptors


@pytest.fixture(scope="session")
def runs(request: pytest.FixtureRequest) -> Iterator[Runs]:
    """Runs the notebooks that are asked for by the tests that were chosen."""
    before = request.getfixturevalue("unprivileged") if shutil.which("setpriv") else []
    with runs_of_notebooks([*before, sys.executable]) as made:
        calls = (one.callspec for one in request.session.items if hasattr(one, "callspec"))
        made.start(*(one.params["notebook"] for one in calls if "notebook" in one.params))
        yield made


@pytest.fixture
def say(record_property: Callable[[str, object], None]) -> Callable[[str], None]:
    """Takes a line that is to be read at the end of the run."""
    return partial(record_property, MEASURED)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """What the tests say that they measured, in whichever process they ran."""
    reports = (one for some in terminalreporter.stats.values() for one in some)
    calls = (one for one in reports if getattr(one, "when", None) == "call")
    lines = [line for one in calls for name, line in one.user_properties if name == MEASURED]
    if lines:
        terminalreporter.section(MEASURED)
    for line in lines:
        terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def unprivileged() -> list[str]:
    """What to put before a command so that it runs as Binder would run it: no rights, for good.

    A process of ours that is not root just gives up its way to more. A root process becomes
    somebody else, who keeps no capability; only where Python or the repository lie in a folder
    that others may not enter, the one of reading is left to him.
    """
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        pytest.skip("no setpriv: what an unprivileged user can do was not tried")
    if os.geteuid() != 0:
        return [setpriv, "--no-new-privs"]
    nobody = [setpriv, "--reuid=65534", "--regid=65534", "--clear-groups", "--no-new-privs"]
    for caps in ("-all", "-all,+dac_read_search"):
        drop = [f"--{kind}={caps}" for kind in ("bounding-set", "inh-caps", "ambient-caps")]
        before = [
            *nobody,
            *drop,
            "env",
        ]  # when env looks for the command, setpriv's rights are gone
        tried = [*before, sys.executable, "-c", "import pytest, dicomlab"]
        if subprocess.run(tried, capture_output=True, cwd=ROOT).returncode == 0:
            return before
    return pytest.fail("no way to run this Python as an unprivileged user")
