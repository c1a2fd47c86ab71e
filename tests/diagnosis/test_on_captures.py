"""Whatever a capture holds, or lacks, the rules go through, and point at what is there."""

from __future__ import annotations

from pathlib import Path

import pytest

from dicomlab.captures import dissect
from dicomlab.model import Association, Capture, Connection
from tests.dissect import variations as v
from tests.dissect.test_variations import NAMES, captured, some

DAMAGES = {
    "every third lost": v.without_each(3),
    "a tenth lost": v.without_some(1),
    "another tenth lost": v.without_some(2),
    "cut to 96 bytes": v.snapped(96),
    "to the server only": v.one_way(True),
    "to the client only": v.one_way(False),
    "begun late": v.between(8),
    "ended early": v.between(0, 12),
}
SAME = {"peer-closed": "peer-silent"}  # where a FIN was lost, nobody can say who gave up
VARIED = [(one, name) for number, one in enumerate(v.VARIATIONS[::5]) for name in some(number)[:2]]


def misplaced(found: Association | Connection) -> list[str]:
    """The findings that point beside the bytes of their side, or the frames of the connection."""
    said = dict.fromkeys(("requestor", "acceptor"), 0)
    if isinstance(found, Association):
        for pdu in found.pdus:
            if pdu.sender is not None:
                said[pdu.sender] = max(said[pdu.sender], pdu.stop)
        for side, missing in found.missing_bytes.items():
            said[side] += missing
    else:
        said = dict(found.bytes)
    first, last = found.frames or (0, 0)
    return [
        f"{one.code} at {one.span} in {one.frames}"
        for one in found.findings
        if one.code != "capture-gap"  # which may be behind all that is there
        if (one.frames and not first <= one.frames[0] <= one.frames[1] <= last)
        or (one.span and one.sender and not one.span.start <= one.span.stop <= said[one.sender])
    ]


def written(packets: v.Packets, folder: Path) -> Capture:
    path = folder / "capture.pcapng"
    path.write_bytes(v.plain(packets))
    return dissect(path)


def wrong_in(capture: Capture) -> list[str]:
    return [
        what for one in (*capture.associations, *capture.connections) for what in misplaced(one)
    ]


def accused(capture: Capture) -> set[tuple[str, str | None]]:
    """What is said to be wrong in the associations, and of whom."""
    found = (one for each in capture.associations for one in each.findings)
    return {(SAME.get(one.code, one.code), one.sender) for one in found if one.severity == "error"}


@pytest.mark.parametrize("name", NAMES)
def test_what_a_recording_lacks_accuses_nobody(name: str, tmp_path: Path) -> None:
    whole = written(captured(name), tmp_path)
    assert wrong_in(whole) == []
    expected = accused(whole)
    for how, damage in DAMAGES.items():
        left = written([one for one in damage(captured(name)) if one is not None], tmp_path)
        assert wrong_in(left) == [], how
        assert accused(left) <= expected, how


@pytest.mark.parametrize(("variation", "name"), VARIED, ids=str)
def test_in_variations_of_a_capture(variation: v.Variation, name: str, tmp_path: Path) -> None:
    path = tmp_path / "capture.pcapng"
    path.write_bytes(variation.file(captured(name)))
    assert wrong_in(dissect(path)) == []
