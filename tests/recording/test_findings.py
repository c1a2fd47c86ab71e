"""Live or from a file: a conversation shows the same findings."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

import dicomlab as dl
from dicomlab.model import Capture

FAULTS = (
    "called-unknown", "no-verification", "abort@message", "close@associate", "reset@message",
    "silent@message", "status=0110/no disk", "message-id=9", "command-field=8001", "reserved",
    "pdu-length=+10@message", "transfer-syntax", "http@message",
)  # fmt: skip


def shown(capture: Capture) -> list[Any]:
    """The findings of the one association, but for frames, which a file only has, and seconds."""
    [found] = [*capture.associations, *capture.connections]
    texts = [re.sub(r"[0-9.]+ s\b", "some time", one.what) for one in found.findings]
    return [
        (one.code, one.sender, one.span, text)
        for one, text in zip(found.findings, texts, strict=True)
    ]


@pytest.mark.parametrize("fault", FAULTS)
def test_a_file_shows_the_findings_of_the_live_conversation(
    fault: str, nothing_left: Callable[[], None]
) -> None:
    with dl.FaultSCP(fault) as scp, dl.record(scp, method="relay") as recording:
        result = dl.echo(*recording.address, timeout=0.5)
    assert shown(recording.capture) == shown(result.capture) != []
    nothing_left()
