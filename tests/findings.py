"""Errors on captures of real systems, each judged by hand: right, or the rule was mended.

``python -m tests.findings`` writes docs/findings.md. It fails where a complete capture shows an
error that nobody has judged: look at its bytes and at the clause, then mend the rule or add a row.
"""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from dicomlab.captures import dissect
from dicomlab.model import Association, Connection, Finding
from dicomlab.spec.findings import FINDINGS, SOURCES
from tests.conftest import CORPUS, ROOT

PAGE = ROOT / "docs" / "findings.md"
UNNAMED = "(unnamed)"  # no A-ASSOCIATE PDU of it names its implementation
DCMTK, REPLAY = "OFFIS_DCMTK_367", "OFFIS_DCMTK_362"

# outcomes: nobody has broken a rule, and something is not as somebody wanted it
OUTCOMES: dict[str, str] = {
    "association-rejected": "right: the A-ASSOCIATE-RJ says so, with a defined reason",
    "ae-unknown": "right: reason 3 or 7 of source 1 means the title that is named",
    "association-aborted": "right: the A-ABORT says so (source 0: the application)",
    "no-context-accepted": "right: the only presentation context has the result 3",
    "peer-silent": "right: two seconds without an answer, then the requestor closes; that one of "
    "the two requestors was killed meanwhile, no byte tells",
    "peer-closed": "right: the connection ends while an answer is due; in the replay of a C-GET it "
    "is the requestor who does not wait for it, and not the acceptor who is silent, as was said",
    "dimse-status": "right: the status is a failure",
    "connection-refused": "right: a RST answers the SYN",
    "connect-timeout": "right: no SYN is answered",
    "not-dicom-http": "right: web clients and web servers",
}
# (implementation version name of the sender, code) → judgement
JUDGED: dict[tuple[str, str], str] = {
    (REPLAY, "sequence-unexpected-pdu"): "right: a replay sends its P-DATA-TF 13 and 4 ms before "
    "the A-ASSOCIATE-AC comes; an acceptor in Sta3 aborts then (AA-8). This one accepted, and read "
    "on",
    (REPLAY, "response-unexpected"): "right: a replay sends the C-STORE-RSP that it was recorded "
    "with, and nobody has sent it a C-STORE-RQ",
    (DCMTK, "pdu-truncated"): "right about the bytes: 7,626 of 16,378 are there. That was no doing "
    "of the sender: its acceptor was killed, and the connection reset",
    (DCMTK, "fragment-incomplete"): "right about the bytes, for the same reason. The remedy sent "
    "one to the sender at once; it asks now first what ended the bytes",
}


class Error(NamedTuple):
    """A finding of severity error on a capture of a real system."""

    capture: str
    tool: str
    code: str

    @property
    def judgement(self) -> str | None:
        """What was found by hand."""
        return OUTCOMES.get(self.code) or JUDGED.get((self.tool, self.code))


def errors() -> Iterator[Error]:
    """Those on all captures that are complete."""
    for truth in sorted([*CORPUS.glob("*.json"), *CORPUS.glob("public/*/*.json")]):
        about = json.loads(truth.read_text(encoding="utf-8"))
        if "associations" in about and about.get("complete", True):
            capture = dissect(truth.parent / about["file"])
            for one in (*capture.associations, *capture.connections):
                for found in one.findings:
                    if found.severity == "error":
                        yield Error(about["file"], _tool(one, found), found.code)


def _tool(one: Association | Connection, found: Finding) -> str:
    """The implementation that sent what was found."""
    if isinstance(one, Connection) or found.sender is None:
        return UNNAMED
    return one.negotiation[found.sender].get("implementation_version_name", UNNAMED)


def unjudged(found: Iterable[Error]) -> list[Error]:
    return [one for one in found if one.judgement is None]


def outlived(found: Iterable[Error]) -> set[str | tuple[str, str]]:
    """The judgements of errors that no capture shows any more."""
    found = list(found)
    shown = {one.code for one in found} | {(one.tool, one.code) for one in found}
    return {*OUTCOMES, *JUDGED} - shown


# --- the page -------------------------------------------------------------------------------------

HEAD = """# Findings

A finding has a code, and a code says one thing for ever. **codec**: one PDU shows it by itself.
**lint**: it takes both directions, their order, time or state. **dissect**: the bytes of one
direction or a capture file show it. **net**: an attempt does. `python -m tests.findings` makes this
page anew, and `make test` holds it.

## The codes
"""
BROKEN = """
## Errors of real systems

Every error on captures of a dozen implementations was looked up in its bytes and in its clause.
These say that a rule was broken:
"""
AS_IT_WENT = """
These are outcomes: nobody broke a rule, and something is not as somebody wanted it.
"""


def page(found: Iterable[Error]) -> str:
    """docs/findings.md."""
    broken: dict[tuple[str, str], list[Error]] = defaultdict(list)
    outcomes: dict[str, list[Error]] = defaultdict(list)
    for one in found:
        if one.code in OUTCOMES:
            outcomes[one.code].append(one)
        else:
            broken[one.tool, one.code].append(one)
    codes = (
        (_code(code), row.severity, row.why, row.remedy, row.clause, source)
        for source, rows in SOURCES.items()
        for code, row in rows.items()
    )
    lines = [
        HEAD,
        *_table("code", "severity", "what it means", "who changes what", "clause", "source"),
        *map(_row, codes),
        BROKEN,
        *_table("sender", "code", "clause", "captures", "judged"),
        *(_row((key[0], *_judged(some))) for key, some in sorted(broken.items())),
        AS_IT_WENT,
        *_table("code", "clause", "captures", "judged"),
        *(_row(_judged(some)) for _, some in sorted(outcomes.items())),
    ]
    return "\n".join(lines) + "\n"


def _judged(alike: list[Error]) -> tuple[str, ...]:
    first, captures = alike[0], sorted({one.capture for one in alike})
    clause = FINDINGS[first.code].clause
    return _code(first.code), clause, ", ".join(captures), first.judgement or "not judged"


def _table(*head: str) -> tuple[str, str]:
    return _row(head), _row(["---"] * len(head))


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _code(code: str) -> str:
    return f"`{code}`"


if __name__ == "__main__":
    listed = list(errors())
    if missing := unjudged(listed):
        sys.exit("\n".join(f"not judged: {one}" for one in missing))
    PAGE.write_text(page(listed), encoding="utf-8")
