"""All that a renderer sees: pure data, ready to be shown, the same for every way of showing.

``view(value)`` turns a value of the model into one of its views: the bytes of a PDU
(:class:`ByteLayout`), the sequence of an association (:class:`Ladder`), the states of both ends
(:class:`Course`), the list of a capture (:class:`Listing`), findings (:class:`Findings`), a verdict
(:class:`Reasons`). What came from a peer is spelled out here, so that no control character passes;
secrets are masked here; what is long is folded here, with its count. Views are frozen dataclasses
of numbers, texts and tuples: ``dataclasses.asdict`` gives JSON.
"""

from __future__ import annotations

from typing import Any

from dicomlab.model import Association, Capture, Comparison, Finding, Pdu, Verdict
from dicomlab.protocol.build import Draft
from dicomlab.protocol.replay import Replay
from dicomlab.views.agreement import Agreement, agreement
from dicomlab.views.course import Course, course
from dicomlab.views.layout import (
    WIDTH,
    Box,
    ByteLayout,
    Cell,
    Findings,
    Line,
    Segment,
    findings_of,
    rows,
)
from dicomlab.views.listing import Entry, Listing, Pair, Reason, Stray, listing
from dicomlab.views.negotiation import Negotiation, Proposal, negotiation
from dicomlab.views.reach import Call, Reach
from dicomlab.views.reasons import Reasons, reasons_of
from dicomlab.views.sequence import End, Ladder, Step, ladder

__all__ = [
    "WIDTH",
    "Agreement",
    "Box",
    "ByteLayout",
    "Call",
    "Cell",
    "Course",
    "End",
    "Entry",
    "Findings",
    "Ladder",
    "Line",
    "Listing",
    "Negotiation",
    "Pair",
    "Proposal",
    "Reach",
    "Reason",
    "Reasons",
    "Segment",
    "Step",
    "Stray",
    "agreement",
    "course",
    "ladder",
    "listing",
    "negotiation",
    "rows",
    "view",
]

View = (
    ByteLayout
    | Ladder
    | Listing
    | Course
    | Negotiation
    | Findings
    | Agreement
    | Reasons
    | Comparison
    | Reach
)


def view(value: Any) -> View:
    """What is to be shown of a Pdu, Draft, Association, Capture, Replay, Verdict or findings.

    A Comparison and a Reach are of texts already, and their own views.
    """
    match value:
        case Pdu():
            return rows(value)
        case Draft():
            return rows(value.pdu, draft=True)
        case Association():
            return ladder(value)
        case Capture():
            return listing(value)
        case Replay():
            return course(value)
        case Finding():
            return findings_of([value])
        case Verdict():
            return reasons_of(value)
        case list() | tuple() if all(isinstance(one, Finding) for one in value):
            return findings_of(value)
    if isinstance(value, View):
        return value
    raise TypeError(f"nothing is known of how to show a {type(value).__name__}")
