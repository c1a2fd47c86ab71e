"""Captures of twelve other implementations hold what they are known to hold."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from dicomlab.dissect.associations import dissect
from dicomlab.model import Association, Message
from dicomlab.views.contract import to_json
from tests.conftest import CORPUS
from tests.dissect.truth import differences

PUBLIC = CORPUS / "public" / "profuzzbench__profuzzbench"
TRUTHS = sorted(CORPUS.glob("*.json")) + sorted(PUBLIC.glob("*.json"))
WITHOUT = [pytest.param(None, marks=pytest.mark.skip(f"no captures of real systems in {CORPUS}"))]


@pytest.mark.parametrize("file", TRUTHS or WITHOUT, ids=lambda one: one.stem if one else "none")
def test_a_capture_holds_what_is_known_of_it(file: Path) -> None:
    truth = json.loads(file.read_text())
    capture = dissect(file.parent / truth["file"])
    assert differences(json.loads(json.dumps(to_json(capture))), truth) == []
    if truth.get("complete", True):
        for association, known in zip(capture.associations, truth["associations"], strict=True):
            sums = [one.get("dataset_sha256") for one in known["messages"] if "offsets" in one]
            whole = [one for one in association.messages if one.complete]
            assert [data_set_sum(association, one) for one in whole] == sums


def data_set_sum(association: Association, message: Message) -> str | None:
    """The SHA-256 of a message's data set, as it stands in the PDUs that carried it."""
    if message.dataset_bytes is None:
        return None
    found = hashlib.sha256()
    for number in message.pdus:
        for pdv in association.pdus[number].root.children:
            values = {one.name: one for one in pdv.children}
            is_data = "Fragment" in values and not values["Message Control Header"].value & 1
            if is_data and values["Presentation-context-ID"].value == message.context_id:
                found.update(values["Fragment"].raw)
    return found.hexdigest()
