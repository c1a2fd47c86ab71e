"""Mistakes that teach something: how each is made, what one learns, and the finding that it shows.

A mistake of one PDU shows in its bytes. Another shows only when it is sent: its finding is a rule
that takes both directions.
"""

from __future__ import annotations

from typing import NamedTuple

from dicomlab.protocol.build import Draft
from dicomlab.protocol.edits import Edit
from dicomlab.spec.findings import FINDINGS, SOURCES


class Mistake(NamedTuple):
    """One way to break a draft."""

    title: str
    edit: Edit
    code: str  # the finding that it leads to
    lesson: str

    @property
    def must_be_sent(self) -> bool:
        """Whether it shows only in what the peer makes of it."""
        return self.code not in SOURCES["codec"]

    @property
    def clause(self) -> str:
        """The clause that the finding cites."""
        return FINDINGS[self.code].clause


_CONTEXT = "Presentation Context[0]"

_REQUEST = (
    Mistake(
        "PDU-length 9",
        Edit("override", "PDU-length", 9),
        "pdu-length-too-short",
        "The receiver cuts its stream where PDU-length says so: after 9 bytes ends a PDU that is "
        "no request, and what follows begins in the middle of an AE title.",
    ),
    Mistake(
        "PDU-length too long",
        Edit("override", "PDU-length", 65535),
        "pdu-truncated",
        "The receiver waits for bytes that never come, until its timer runs out: from outside it "
        "looks like a network that lost something.",
    ),
    Mistake(
        "PDU-type 09H",
        Edit("override", "PDU-type", 9),
        "pdu-type-unknown",
        "There are seven PDUs, and no room for an eighth: the receiver aborts.",
    ),
    Mistake(
        "Protocol-version 2",
        Edit("override", "Protocol-version", 2),
        "protocol-version-unsupported",
        "Each bit stands for a version, and bit 0 for the only one there is: 2 says that you do "
        "not speak it. The answer is an A-ASSOCIATE-RJ of the provider.",
    ),
    Mistake(
        "a reserved byte that is not 0",
        Edit("set", "A-ASSOCIATE-RQ/Reserved[0]", 255),
        "reserved-nonzero",
        "Nobody tests reserved bytes: the association is accepted as ever.",
    ),
    Mistake(
        "Called-AE-title in lower case",
        Edit("set", "Called-AE-title", "echoscp"),
        "ae-unknown",
        "Lower case is legal, and another name: an SCP that asks for its own title rejects it "
        "(reason 7), one that does not care accepts.",
    ),
    Mistake(
        "Called-AE-title of 17 characters",
        Edit("override", "Called-AE-title", "SEVENTEEN-LETTERS"),
        "item-missing",
        "No length stands before an AE title: the 17th character moves all that follows by one "
        "byte, and the receiver reads nothing behind it as it was meant.",
    ),
    Mistake(
        "Called-AE-title with a backslash",
        Edit("override", "Called-AE-title", "ECHO\\SCP"),
        "ae-invalid-char",
        "In DICOM a backslash separates values, so no AE title holds one. Who tests it, rejects; "
        "many do not.",
    ),
    Mistake(
        "Called-AE-title of spaces",
        Edit("override", "Called-AE-title", ""),
        "ae-empty",
        "16 spaces name nobody.",
    ),
    Mistake(
        "Calling-AE-title filled up with NUL",
        Edit("set", "Calling-AE-title", "DICOMLAB" + 8 * "\0"),
        "ae-nul-padded",
        "What is padded as in C, and not with spaces, looks the same in every log and is another "
        "name for a peer that compares bytes.",
    ),
    Mistake(
        "another application context",
        Edit("override", "Application Context", "1.2.840.10008.3.1.1.2"),
        "app-context-unknown",
        "There is one application context name in DICOM: any other is rejected (reason 2).",
    ),
    Mistake(
        "an even presentation context ID",
        Edit("override", f"{_CONTEXT}/Presentation-context-ID", 2),
        "context-id-even",
        "The IDs are odd. Some acceptors answer all the same, others abort.",
    ),
    Mistake(
        "a presentation context ID twice",
        Edit("add", "Presentation Context", {"presentation_context_id": 1}),
        "context-id-duplicate",
        "The answer and every message name a context by its ID alone: these two cannot be told "
        "apart.",
    ),
    Mistake(
        "two abstract syntaxes in a context",
        Edit("add", f"{_CONTEXT}/Abstract Syntax"),
        "abstract-syntax-count",
        "A context is for one SOP Class; for two, propose two contexts.",
    ),
    Mistake(
        "no transfer syntax",
        Edit("remove", f"{_CONTEXT}/Transfer Syntax[0]"),
        "transfer-syntax-count",
        "Nothing is left that the acceptor could choose.",
    ),
    Mistake(
        "an abstract syntax that nobody offers",
        Edit("set", f"{_CONTEXT}/Abstract Syntax[0]", "1.2.3"),
        "abstract-syntax-unsupported",
        "Legal: the association is accepted, the context is refused with result 3.",
    ),
    Mistake(
        "a UID filled up to an even length",
        Edit("override", f"{_CONTEXT}/Abstract Syntax[0]", "1.2.840.10008.1.1\0"),
        "uid-padded",
        "Elements of data sets are padded, UIDs in association PDUs are not: to a peer that "
        "compares bytes this is another UID.",
    ),
    Mistake(
        "a UID with a leading zero",
        Edit("override", f"{_CONTEXT}/Abstract Syntax[0]", "1.2.840.10008.01.1"),
        "uid-leading-zero",
        "01 and 1 are the same number, and two UIDs: so the first is no UID.",
    ),
    Mistake(
        "no user information",
        Edit("remove", "User Information"),
        "item-missing",
        "Without it the acceptor does not know how long a P-DATA-TF you take, nor who wrote your "
        "software.",
    ),
    Mistake(
        "user information that is cut off",
        Edit("replace", "User Information", b"\x50\x00"),
        "item-header-truncated",
        "Two bytes are no item header; the length of an item is what tells where the next begins.",
    ),
    Mistake(
        "user information first",
        Edit("move", "User Information", 0),
        "item-order",
        "Items come in increasing order of their types. Most receivers do not mind.",
    ),
    Mistake(
        "an item length that is too long",
        Edit("override", "User Information/Item-length", 9999),
        "item-length-overrun",
        "The item claims bytes that lie beyond its PDU: a receiver that believes it reads too far.",
    ),
    Mistake(
        "an item of unknown type",
        Edit("override", "Implementation Version Name/Item-type", 0x5F),
        "item-unknown",
        "What is not known is skipped by its length: so the standard could grow for thirty years, "
        "and the association is accepted.",
    ),
    Mistake(
        "a maximum length of 6",
        Edit("override", "Maximum-length-received", 6),
        "max-length-too-small",
        "A PDV has 6 bytes of header: no byte of any message would fit into your PDUs.",
    ),
)

_ECHO = (
    Mistake(
        "a wrong Command Group Length",
        Edit("override", "Command Group Length", 0),
        "cmd-group-length-wrong",
        "Most receivers never look at it, since the PDV says how long the command set is; the few "
        "that do read nothing.",
    ),
    Mistake(
        "a data set announced that does not come",
        Edit("override", "Command Data Set Type", 1),
        "cmd-data-set-flag",
        "The receiver waits for the data set, you wait for the answer: silence, until one of the "
        "two loses patience.",
    ),
    Mistake(
        "the last fragment not marked",
        Edit("override", "Message Control Header", 1),
        "fragment-incomplete",
        "To the receiver the command set goes on: it waits for the rest.",
    ),
    Mistake(
        "a command marked as a data set",
        Edit("override", "Message Control Header", 2),
        "fragment-order",
        "Bit 0 alone tells a command from a data set; the bytes look the same.",
    ),
    Mistake(
        "0 as the length of the PDV",
        Edit("override", "PDV/Item-length", 0),
        "pdv-length-too-small",
        "A PDV holds at least its context ID and its control header. Some toolkits have looped for "
        "ever here.",
    ),
    Mistake(
        "a PDV longer than its PDU",
        Edit("override", "PDV/Item-length", 9999),
        "pdv-length-overrun",
        "Who trusts the inner length reads bytes of the next PDU, or of nobody.",
    ),
    Mistake(
        "a context ID that was not proposed",
        Edit("override", "Presentation-context-ID", 99),
        "context-id-not-proposed",
        "An ID means what was agreed for it in this association; 99 means nothing.",
    ),
    Mistake(
        "the wrong SOP Class",
        Edit("override", "Affected SOP Class UID", "1.2.840.10008.5.1.4.1.1.2"),
        "sop-class-mismatch",
        "The context was agreed for Verification, the message speaks of CT images.",
    ),
    Mistake(
        "no Message ID",
        Edit("remove", "Message ID"),
        "cmd-missing-element",
        "The response names the Message ID that it answers: there is none.",
    ),
    Mistake(
        "the Message ID twice",
        Edit("add", "Command Set/Message ID"),
        "cmd-duplicate-tag",
        "Which of the two counts, each receiver decides for itself.",
    ),
    Mistake(
        "elements out of order",
        Edit("move", "Message ID", 1),
        "cmd-order",
        "Elements come in ascending order of their tags; many receivers do not mind.",
    ),
    Mistake(
        "an unknown Command Field",
        Edit("override", "Command Field", 0x0031),
        "cmd-field-unknown",
        "There is no such service: 'unrecognized operation' (0211H), or an abort.",
    ),
    Mistake(
        "a UID padded with a space",
        Edit("override", "Affected SOP Class UID", b"1.2.840.10008.1.1 "),
        "uid-pad-space",
        "A UID is filled up with NUL: with a space it is another one to who compares bytes.",
    ),
    Mistake(
        "a value of odd length",
        Edit("override", "Affected SOP Class UID", b"1.2.840.10008.1.1"),
        "cmd-odd-length",
        "Every value has an even length; with this one, the whole fragment has an odd one.",
    ),
    Mistake(
        "a command set in big endian",
        Edit("override", "Command Group Length/Value Length", b"\0\0\0\4"),
        "cmd-big-endian",
        "The upper layer is big endian, a command set little endian, always: 4 becomes 67,108,864.",
    ),
)

MISTAKES: dict[str, tuple[Mistake, ...]] = {"A-ASSOCIATE-RQ": _REQUEST, "C-ECHO-RQ": _ECHO}


def mistakes(draft: Draft) -> tuple[Mistake, ...]:
    """The mistakes that there are for a draft of that name."""
    return MISTAKES.get(draft.name, ())
