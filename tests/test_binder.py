"""Binder makes what the course needs, and in what it makes every notebook runs without rights."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.runs import NAMES, ROOT, runs

BINDER = ROOT / "binder"
LARGEST = 700e6  # bytes of all that pip installs
FIRST_FIGURE = 10  # seconds from the start of a kernel
PIP = "pip install --no-cache-dir -r binder/requirements.txt"  # as repo2docker calls it


# --- what it would do ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def dockerfile() -> str:
    """What repo2docker would have made; it needs neither docker nor the network to say so."""
    words = ["--no-build", "--debug", "--user-id", "1000", "--user-name", "jovyan", "."]
    done = subprocess.run(
        [sys.executable, "-m", "repo2docker", *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


@pytest.mark.parametrize(
    "line",
    [
        "FROM docker.io/library/buildpack-deps:24.04",  # whose tshark is known
        "Building conda environment for python=3.11",
        "apt-get install --yes --no-install-recommends tshark",
        f"bin/{PIP}".replace("binder/requirements.txt", '"binder/requirements.txt"'),
        "RUN ./binder/postBuild",
    ],
)
def test_repo2docker_takes_what_stands_in_the_folder(dockerfile: str, line: str) -> None:
    assert line in dockerfile


def test_binder_has_the_python_that_ci_runs() -> None:
    pinned = (BINDER / "runtime.txt").read_text().strip().removeprefix("python-")
    first_choice = f"for name in python{pinned} "
    assert first_choice in (ROOT / ".ci" / "setup.sh").read_text()


# --- the same, done here --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Made:
    """What the steps made: a Python that an unprivileged user runs, and what that took."""

    python: list[str]
    home: Path
    seconds: float
    size: int  # bytes that were installed


@pytest.fixture(scope="module")
def made(unprivileged: list[str]) -> Iterator[Made]:
    """The steps of repo2docker, taken in a clean environment by an unprivileged user."""
    if not os.environ.get("CI"):
        pytest.skip("what Binder would do was not done: it takes a minute, and the network (CI=1)")
    with TemporaryDirectory(prefix="dicomlab-") as folder:
        home, environment = Path(folder, "home"), Path(folder, "environment")
        listed = ["git", "ls-files", "-z"]
        names = subprocess.run(listed, cwd=ROOT, check=True, capture_output=True, text=True).stdout
        for name in filter(None, names.split("\0")):
            copy = home / name
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes((ROOT / name).read_bytes())
            copy.chmod((ROOT / name).stat().st_mode)
        owned_by_nobody(Path(folder))
        path = f"{environment / 'bin'}{os.pathsep}{os.environ['PATH']}"
        user = [*unprivileged, "env", f"HOME={home}", f"PATH={path}"]

        def step(*words: str) -> None:
            done = subprocess.run([*user, *words], cwd=home, capture_output=True, text=True)
            assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]

        step(sys.executable, "-m", "venv", str(environment))
        empty, began = size_of(environment), time.monotonic()
        step(*PIP.split())
        step("./binder/postBuild")
        took = time.monotonic() - began
        yield Made([*user, "python"], home, took, size_of(environment) - empty)


def owned_by_nobody(folder: Path) -> None:
    """Give all in a folder to the user that root becomes for these tests."""
    if os.geteuid() == 0:
        for path in (folder, *folder.rglob("*")):
            os.chown(path, 65534, 65534)


def size_of(folder: Path) -> int:
    """The bytes of all files in a folder."""
    return sum(path.lstat().st_size for path in folder.rglob("*"))


@pytest.mark.timeout(300)
def test_it_is_small_and_says_what_it_took(made: Made, say: Callable[[str], None]) -> None:
    say(f"Binder: {made.size / 1e6:.0f} MB are installed in {made.seconds:.0f} s")
    assert made.size < LARGEST


@pytest.mark.timeout(900)
def test_every_notebook_runs_there(made: Made, say: Callable[[str], None]) -> None:
    with runs(made.python) as there:
        there.start(*NAMES)
        ran = {name: there[name].plain.run for name in NAMES}
    assert not [name for name, run in ran.items() if run.complaints]
    first = ran["01-the-first-echo.ipynb"].first_figure
    assert first is not None
    say(f"Binder: the first figure of notebook 01 is there {first:.1f} s after its kernel's start")
    assert first < FIRST_FIGURE


def test_fonts_are_listed_and_nobody_is_asked_about_news(made: Made) -> None:
    assert [*made.home.glob(".cache/matplotlib/fontlist-*.json")]
    code = "from jupyterlab.commands import get_app_dir; print(get_app_dir())"
    found = subprocess.run([*made.python, "-c", code], check=True, capture_output=True, text=True)
    settings = Path(found.stdout.strip(), "settings", "overrides.json")
    assert settings.read_bytes() == (BINDER / "overrides.json").read_bytes()
