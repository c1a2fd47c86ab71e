"""``dicomlab compare``: two associations that somebody names, side by side."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import dicomlab as dl
from tests.cli.conftest import Run


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A capture of two associations, of which the first is rejected; and one of a good one."""
    folder = tmp_path_factory.mktemp("compare")
    two, one = folder / "two.pcapng", folder / "one.pcapng"
    with dl.EchoSCP("ARCHIVE", require_called_ae_title=True) as scp:
        with dl.record(scp, method="relay", path=two) as recording:
            assert not dl.echo(*recording.address, called_ae_title="ARCHIEVE").ok
            assert dl.echo(*recording.address, called_ae_title="ARCHIVE").ok
        with dl.record(scp, method="relay", path=one) as recording:
            assert dl.echo(*recording.address, called_ae_title="ARCHIVE").ok
    return two, one


def test_the_first_line_names_what_made_the_difference(
    dicomlab: Run, recordings: tuple[Path, Path]
) -> None:
    two, one = recordings
    for other in (one, f"{two}#1"):
        ended = dicomlab("compare", f"{two}#0", other)
        assert (ended.status, ended.err) == (0, "")
        marked = [line for line in ended.out.splitlines() if line.startswith("✖")]
        assert marked == ["✖ Called-AE-title", "✖ end of the association"]


@pytest.mark.parametrize("columns", [80, 120])
def test_it_fits_the_terminal(
    dicomlab: Run,
    recordings: tuple[Path, Path],
    monkeypatch: pytest.MonkeyPatch,
    columns: int,
) -> None:
    monkeypatch.setenv("COLUMNS", f"{columns}")
    out = dicomlab("compare", f"{recordings[0]}#0", recordings[1], "--all").out
    assert max(map(len, out.splitlines())) <= columns


def test_all_lists_what_is_alike_and_json_is_for_programs(
    dicomlab: Run, recordings: tuple[Path, Path]
) -> None:
    words = ("compare", f"{recordings[0]}#1", recordings[1], "--json")
    short, full = (json.loads(dicomlab(*words, *more).out) for more in ((), ("--all",)))
    assert short["schema"] == "dicomlab.comparison/1"
    assert {one["weight"] for one in short["differences"]} == {"does not matter"}
    assert short["equal"] == []
    assert {"where": "Called-AE-title", "value": "ARCHIVE"} in full["equal"]
    assert len(full["equal"]) == full["alike"] == short["alike"]


@pytest.mark.parametrize("name", ["both.png", "both.svg", "both.html"])
def test_it_is_drawn_to_a_file(
    dicomlab: Run, recordings: tuple[Path, Path], tmp_path: Path, name: str
) -> None:
    out = tmp_path / name
    ended = dicomlab("compare", f"{recordings[0]}#0", recordings[1], "--draw", out)
    assert (ended.status, ended.out) == (0, f"{out}\n")
    assert out.stat().st_size > 1000


@pytest.mark.parametrize(
    ("which", "says"),
    [
        ("", "holds associations: connections 0, 1. Say which, as in"),
        ("#7", "there is no connection 7"),
        ("#x", "No such file"),
    ],
)
def test_it_has_to_be_said_which(
    dicomlab: Run, recordings: tuple[Path, Path], which: str, says: str
) -> None:
    ended = dicomlab("compare", recordings[1], f"{recordings[0]}{which}")
    assert ended.status == 2
    assert says in ended.err
    assert ended.err.count("\n") == 1


def test_a_file_may_have_a_number_sign_in_its_name(
    dicomlab: Run, recordings: tuple[Path, Path], tmp_path: Path
) -> None:
    odd = tmp_path / "day#3"
    odd.write_bytes(recordings[1].read_bytes())
    assert "Called-AE-title" not in dicomlab("compare", odd, recordings[1]).out
    assert dicomlab("compare", f"{odd}#0", odd).status == 0


def test_a_capture_without_association_has_none_to_compare(
    dicomlab: Run, recordings: tuple[Path, Path], corpus: Path
) -> None:
    ended = dicomlab("compare", recordings[1], corpus / "refused_port.pcapng")
    assert ended.status == 2
    assert "holds no association" in ended.err
