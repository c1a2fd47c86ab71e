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
PAGES = ("README.md", "CONTRIBUTING.md")
BLOCKS = re.findall(
    r"^```sh\n(.*?)^```$", (ROOT / "README.md").read_text("utf-8"), re.MULTILINE | re.DOTALL
)
ELSEWHERE = {
    "make lab": "tests/browser opens JupyterLab",
    "make test": "this is it",
}


def commands(block: str) -> list[str]:
    """The lines of a block without their comments."""
    return [line.split("#")[0].strip() for line in block.splitlines()]


def runnable(block: str) -> bool:
    return not set(commands(block)) & set(ELSEWHERE)


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A folder that looks like a fresh clone and costs nothing: all but .venv is linked."""
    for path in ROOT.iterdir():
        if path.name not in (".venv", "demo-out") and not path.name.endswith("_cache"):
            (tmp_path / path.name).symlink_to(path)
    return tmp_path


@pytest.mark.parametrize("block", filter(runnable, BLOCKS))
def test_block_runs(block: str, clone: Path) -> None:
    # the packages that are here are not installed once more
    packages = sysconfig.get_path("purelib")
    environment = os.environ | {
        "PATH": f"{sysconfig.get_path('scripts')}:{os.environ['PATH']}",
        "PIP_NO_BUILD_ISOLATION": "0",
        "PIP_NO_DEPS": "1",
        "PYTHONPATH": packages,
    }
    if "make" in block:
        (clone / ".venv").symlink_to(sys.prefix)
        environment["MAKEFLAGS"] = "--old-file=.venv/ready"
    done = subprocess.run(
        ["sh", "-eu", "-c", block],
        cwd=clone,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=110,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]


def test_every_command_is_run_here_or_elsewhere() -> None:
    assert any(map(runnable, BLOCKS))
    said = {command for block in BLOCKS for command in commands(block)}
    assert set(ELSEWHERE) <= said, "a command that the README no longer names"


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    text = (ROOT / page).read_text("utf-8")
    links = re.findall(r"\]\(([^)#]+)[^)]*\)|(?:src|srcset|href)=\"([^\"#]+)", text)
    targets = {a or b for a, b in links}
    missing = [t for t in targets if not t.startswith("https:") and not (ROOT / t).exists()]
    assert not missing
