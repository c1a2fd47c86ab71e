"""What the README tells people to type works, typed as it stands there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text("utf-8")
BLOCKS, EXAMPLES = (
    re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    for language in ("sh", "python")
)
ELSEWHERE = {
    "make lab": "tests/browser opens JupyterLab",
    "make test": "this is it",
}


def commands(block: str) -> list[str]:
    """The lines of a block, without comments."""
    return [line.split("#")[0].strip() for line in block.splitlines()]


HERE = [block for block in BLOCKS if not set(commands(block)) & set(ELSEWHERE)]


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A folder that looks like a fresh clone and costs nothing: what is in it is linked."""
    for path in ROOT.iterdir():
        if path.name not in (".venv", "demo-out") and not path.name.endswith("_cache"):
            (tmp_path / path.name).symlink_to(path)
    return tmp_path


def shell(block: str, folder: Path, **environment: str) -> None:
    """Types a block into a shell; what fails ends it."""
    done = subprocess.run(
        ["sh", "-e", "-c", block],
        cwd=folder,
        env=os.environ | environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]


def test_commands_work_in_their_order(clone: Path) -> None:
    (clone / ".venv").mkdir()
    (clone / ".venv" / "bin").symlink_to(sysconfig.get_path("scripts"))
    (clone / ".venv" / "ready").touch()  # the set-up is done
    for block in HERE:
        if "-m venv" not in block:
            shell(block, clone)
    assert (clone / "demo-out" / "conversation.pcapng").exists()
    assert (clone / "release.svg").exists()


def test_the_way_without_make_works(clone: Path) -> None:
    [block] = [block for block in HERE if "-m venv" in block]
    scripts, packages = sysconfig.get_path("scripts"), sysconfig.get_path("purelib")
    shell(
        block,
        clone,
        PATH=f"{scripts}{os.pathsep}{os.environ['PATH']}",
        # what is installed already is not fetched once more
        PYTHONPATH=packages,
        PIP_NO_BUILD_ISOLATION="0",
        PIP_NO_DEPS="1",
    )
    assert (clone / "demo-out" / "conversation.pcapng").exists()


def test_every_command_is_run_here_or_elsewhere() -> None:
    said = {command for block in BLOCKS for command in commands(block)}
    assert set(ELSEWHERE) <= said


@pytest.mark.parametrize("example", EXAMPLES)
def test_examples_in_python_run(example: str) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", example], capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")
