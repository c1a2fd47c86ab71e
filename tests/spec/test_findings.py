"""Every finding comes from one place: what raises it is read from the source files' texts."""

from __future__ import annotations

import ast
from collections import defaultdict
from functools import cache

import pytest

from dicomlab.spec.findings import FINDINGS, SOURCES
from tests.conftest import ROOT

PACKAGE = ROOT / "dicomlab"

RAISING = {  # what raises findings, by its files
    "codec": {
        "model.py", "spec/pdu.py", "spec/command.py", "protocol/codec.py",
        "protocol/command_set.py",
    },
    "lint": {"diagnosis/lint.py"},
    "dissect": {"dissect/associations.py", "dissect/reading.py"},
    "net": {"net/scu.py", "recording/record.py"},
}  # fmt: skip
READING = {  # what only reads them
    "spec/causes.py", "protocol/replay.py", "protocol/upper_layer.py", "dissect/certainty.py",
    "diagnosis/rules.py", "diagnosis/verdict.py", "exercises/cases.py", "net/echo.py",
    "net/fragments.py", "protocol/mistakes.py", "views/sequence.py", "views/summary.py",
    "widgets/conversation.py", "widgets/line.py", "exercises/questions.py", "exercises/sites.py",
}  # fmt: skip
ELSEWHERE = {  # code → what else has it in its text, and why
    "connection-refused": ({"dissect"}, "an attempt shows it, and so does a file"),
    "connect-timeout": ({"dissect"}, "an attempt shows it, and so does a file"),
    "peer-closed": ({"net", "codec"}, "one step says it, and model has it for any PeerError"),
    "peer-silent": ({"net"}, "one step says it, lint the whole"),
    "association-aborted": ({"net"}, "one step says it, lint the whole"),
    "sequence-unexpected-pdu": ({"net"}, "one step says it, lint the whole"),
    "closed-without-release": ({"dissect", "codec"}, "it is also the name of an outcome"),
    "not-dicom-tls": ({"dissect"}, "the kind of a connection is known by it"),
    "pdu-truncated": ({"dissect"}, "the sender's matter only if the sender ended it"),
    "pdu-header-truncated": ({"dissect"}, "the sender's matter only if the sender ended it"),
    "fragment-order": ({"lint"}, "a data set that nobody announced belongs to a message"),
}
# sequence-unexpected-pdu comes from several rules of lint: Table 9-10, who may ask for the release,
# and answers that come before what they answer


@cache
def texts() -> dict[str, set[str]]:
    """The codes that stand in each source file as texts."""
    found = defaultdict(set)
    for path in PACKAGE.rglob("*.py"):
        name = path.relative_to(PACKAGE).as_posix()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and node.value in FINDINGS:
                found[name].add(str(node.value))
    del found["spec/findings.py"]
    return found


def test_each_file_with_a_code_raises_or_reads_it() -> None:
    assert set(texts()) == set().union(READING, *RAISING.values())


def rooms(code: str) -> set[str]:
    """What has it in its text."""
    return {room for room, files in RAISING.items() if any(code in texts()[file] for file in files)}


@pytest.mark.parametrize(
    ("code", "source"), [(code, source) for source, rows in SOURCES.items() for code in rows]
)
def test_a_finding_has_one_source(code: str, source: str) -> None:
    also, _ = ELSEWHERE.get(code, (set(), ""))
    assert rooms(code) == {source, *also}
    assert source not in also
