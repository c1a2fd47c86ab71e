"""What is known of each field that two associations or PDUs can differ in.

RULES stand in the order in which a conversation comes to the fields: a cause before what follows
from it. A new field is a row here, and a pair in ``pairs``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, get_args

from dicomlab.model import Weight
from dicomlab.spec import names
from dicomlab.spec.command import PRIORITIES
from dicomlab.spec.statuses import status_text

WEIGHTS: tuple[Weight, ...] = get_args(Weight)
DECIDES, MAY_MATTER, NO_MATTER = WEIGHTS
DEFAULT_ROLES = (1, 0)  # the requestor is SCU, and not SCP (PS3.7 D.3.3.4)
SYNTAXES = 4  # transfer syntaxes that are named
BYTES = 16  # bytes that are shown


@dataclass(frozen=True, slots=True)
class Rule:
    """How much a difference matters, why, and how a value is said beside the other."""

    weight: Weight | Callable[[Any, Any], Weight]
    why: str
    show: Callable[[Any, Any], str] = lambda value, _: str(value) or "(empty)"
    name: str | None = None  # of the field, where it is not that of the rule


# --- values in words --------------------------------------------------------------------------


def uid_text(uid: Any, _: Any = None) -> str:
    """What a UID stands for, or the UID itself."""
    return (names.uid_name(uid) or uid or "(empty)").removesuffix(" SOP Class")


def _number(value: Any, _: Any) -> str:
    return f"{value:,}"


def _bytes(value: Any, _: Any) -> str:
    return f"{value:,} bytes"


def _milliseconds(value: Any, _: Any) -> str:
    return f"{value / 1e6:,.1f} ms"  # one unit for both


def _length(value: Any, _: Any) -> str:
    return f"{value:,} bytes" if value else "no limit"


def _window(value: Any, _: Any) -> str:
    invoked, performed = ("no limit" if one == 0 else one for one in value)
    return f"{invoked} invoked, {performed} performed"


def _roles(value: Any, _: Any) -> str:
    named = zip(("SCU", "SCP"), value, strict=True)
    return " and ".join(name for name, one in named if one) or "neither"


def _identity(value: Any, _: Any) -> str:
    kind, response_requested, primary, secondary = value
    lengths = " and ".join(f"{one} bytes" for one in (primary, secondary) if one)
    asked = ", response requested" if response_requested else ""
    return f"{names.USER_IDENTITY_TYPES.get(kind, f'type {kind}')} ({lengths}){asked}"


def _result(value: Any, _: Any) -> str:
    return names.CONTEXT_RESULTS.get(value, f"result {value}")


def _status(value: Any, _: Any) -> str:
    status, service = value
    return f"{status:04X}H {status_text(status, service) or 'unknown'}"


def _syntaxes(value: Any, other: Any) -> str:
    """Those that the other lacks by name, the others by their number."""
    own = [uid_text(one) for one in sorted(value - (other or frozenset()))]
    more = [f"{len(own) - SYNTAXES} more"] if len(own) > SYNTAXES else []
    both = [f"{len(value) - len(own)} that both have"] if len(own) < len(value) else []
    return ", ".join([*own[:SYNTAXES], *more, *both])


def _order(value: Any, _: Any) -> str:
    return ", ".join(map(uid_text, value))


def _context(value: Any, _: Any) -> str:
    (result,) = value
    return "proposed" if result is None else f"proposed: {_result(result, None)}"


def end_text(value: Any, _: Any = None) -> str:
    """How an association ended."""
    ended, by, result, source, reason = value
    who = f" by the {by}" if by else ""
    match ended:
        case "rejected":
            lasting = names.REJECT_RESULTS.get(result, f"result {result}")
            said = names.REJECT_REASONS.get((source, reason), f"source {source}, reason {reason}")
            return f"{lasting}: {said}"
        case "aborted":
            layer = names.ABORT_SOURCES.get(source, f"source {source}")
            said = names.ABORT_REASONS.get((source, reason), f"reason {reason}")
            return f"aborted{who} ({layer}{f': {said}' if source else ''})"
        case "released":
            return f"released{who}"
        case "unanswered":
            return f"never answered{f', TCP closed{who}' if by else ''}"
        case "closed-without-release":
            return f"TCP closed{who} without a release"
    return "the recording ends before"


def _priority(value: Any, _: Any) -> str:
    return PRIORITIES.get(value, f"{value}")


def _there(value: Any, _: Any) -> str:
    return "there" if value else "missing"


def _raw(value: Any, _: Any) -> str:
    return _hex(value) or "all zero"


def _field(value: Any, _: Any) -> str:
    text, raw, secret = value
    return text if secret or not raw else f"{text} · {_hex(raw)}"


def _hex(raw: bytes) -> str:
    return raw[:BYTES].hex(" ").upper() + ("…" if len(raw) > BYTES else "")


# --- weights that depend on the values ----------------------------------------------------------


def _weight_of_roles(a: Any, b: Any) -> Weight:
    return MAY_MATTER if (a or DEFAULT_ROLES) != (b or DEFAULT_ROLES) else NO_MATTER


def _weight_of_status(a: Any, b: Any) -> Weight:
    classes = {names.status_class(one[0]) for one in (a, b) if one is not None}
    return DECIDES if "Failure" in classes and len(classes) > 1 else MAY_MATTER


def _weight_of_failed(a: Any, b: Any) -> Weight:
    return DECIDES if bool(a) != bool(b) else MAY_MATTER


def _weight_of_end(a: Any, b: Any) -> Weight:
    ends = {a[0], b[0]}
    return MAY_MATTER if ends == {"released"} or "capture-ends" in ends else DECIDES


# --- what is known of each field ----------------------------------------------------------------

_ASKED = "They did not ask for the same."
_RECORDED = "What a recording lacks cannot be compared."
_RESERVED = "Nobody may test reserved bytes."
RULES: dict[str, Rule] = {
    # who asks whom
    "recorded": Rule(MAY_MATTER, _RECORDED, name=""),
    "address": Rule(MAY_MATTER, "Acceptors and firewalls may know a caller by its address."),
    "address and port": Rule(MAY_MATTER, "Another address or port may be another application."),
    "Calling-AE-title": Rule(
        MAY_MATTER, "An acceptor may serve or refuse a caller by this name."
    ),
    "Called-AE-title": Rule(
        MAY_MATTER, "Several applications may share an address; this names one."
    ),
    "Application-context-name": Rule(
        DECIDES, "An acceptor rejects all but the one of DICOM.", uid_text
    ),
    # what is proposed and accepted
    "Transfer Syntax": Rule(MAY_MATTER, "An acceptor can choose only what is proposed.", _syntaxes),
    "Result/Reason": Rule(DECIDES, "Only an accepted context can carry messages.", _result),
    "refused": Rule(MAY_MATTER, "What is refused cannot carry messages.", _context, ""),
    "used": Rule(MAY_MATTER, "It carried messages.", _context, ""),
    "Transfer-syntax-name": Rule(
        MAY_MATTER, "Data sets are encoded so; not everybody reads every syntax.", uid_text
    ),
    "SCP/SCU Role Selection": Rule(
        _weight_of_roles, "Without it, the requestor is SCU and not SCP.", _roles, ""
    ),
    "User Identity Negotiation": Rule(
        MAY_MATTER, "An acceptor may serve or refuse a user by it.", _identity
    ),
    "Server-response": Rule(
        MAY_MATTER, "A requestor that asked for a response may give up without.", _bytes,
        "User Identity Negotiation",
    ),
    "SOP Class Extended Negotiation": Rule(
        MAY_MATTER, "It switches on what a service can do beyond its base.", name=""
    ),
    "SOP Class Common Extended Negotiation": Rule(
        MAY_MATTER, "It says which service a SOP Class belongs to.", uid_text, ""
    ),
    "Asynchronous Operations Window": Rule(
        MAY_MATTER, "So many operations may wait for their answers at once.", _window
    ),
    "Maximum Length": Rule(
        MAY_MATTER, "Whoever sends longer PDUs than that breaks the agreement.", _length
    ),
    "Implementation Class UID": Rule(MAY_MATTER, "Another implementation has other habits."),
    "Implementation Version Name": Rule(MAY_MATTER, "Another version has other faults."),
    "answer": Rule(DECIDES, "Without an A-ASSOCIATE-AC nothing can be asked.", name=""),
    # what is said
    "SOP Class UID": Rule(MAY_MATTER, _ASKED, uid_text),
    "Move Destination": Rule(MAY_MATTER, "The images go to whoever has this AE title."),
    "Event Type ID": Rule(MAY_MATTER, _ASKED),
    "Action Type ID": Rule(MAY_MATTER, _ASKED),
    "Priority": Rule(MAY_MATTER, "Few applications look at it.", _priority),
    "Data Set": Rule(MAY_MATTER, "It is not the same data set, or not encoded alike.", _bytes),
    "last fragment": Rule(MAY_MATTER, "A message that does not end is not answered.", _there),
    "unanswered": Rule(MAY_MATTER, "What is not answered was perhaps not done.", _number),
    "Status": Rule(_weight_of_status, "The status says whether it was done.", _status),
    "Failed Sub-operations": Rule(
        _weight_of_failed, "So many of the images did not arrive.", _number
    ),
    "Completed Sub-operations": Rule(MAY_MATTER, "So many of the images arrived.", _number),
    "count": Rule(MAY_MATTER, _ASKED, _number, "number of messages"),
    "order": Rule(MAY_MATTER, "From here on they do not do the same in the same order.", name=""),
    "proposed": Rule(MAY_MATTER, "Only what is proposed can be used.", _context, ""),
    # how it ended, and how long it took
    "end": Rule(
        _weight_of_end, "Only a release is an orderly end.", end_text, "end of the association"
    ),
    "longest wait": Rule(MAY_MATTER, "One had to wait much longer.", _milliseconds),
    "longest pause": Rule(MAY_MATTER, "Its sender took much longer.", _milliseconds),
    "missing bytes": Rule(MAY_MATTER, _RECORDED, _number),
    "retransmitted segments": Rule(MAY_MATTER, "A network that loses packets is slow.", _number),
    # a PDU by itself
    "field": Rule(MAY_MATTER, "The standard gives it a meaning.", _field, ""),
    # what is chosen anew each time, follows from something else, or is ignored
    "order of transfer syntaxes": Rule(
        NO_MATTER, "The order binds nobody; some acceptors take the first they know.", _order
    ),
    "order of presentation contexts": Rule(NO_MATTER, "Each is answered by its ID.", _order),
    "Presentation-context-ID": Rule(NO_MATTER, "Any odd number that is free."),
    "port": Rule(NO_MATTER, "Any port that is free."),
    "Message ID": Rule(NO_MATTER, "Any number that is free."),
    "SOP Instance UID": Rule(NO_MATTER, "Every instance has its own."),
    "segments out of order": Rule(NO_MATTER, "TCP puts them in order.", _number),
    "duration": Rule(NO_MATTER, "No two take the same time.", _milliseconds),
    "chosen": Rule(NO_MATTER, "Its sender may choose it.", _field, ""),
    "length": Rule(NO_MATTER, "It follows from what it counts.", _field, ""),
    "reserved": Rule(NO_MATTER, _RESERVED, _field, ""),
    "Reserved": Rule(NO_MATTER, _RESERVED, _raw),
}  # fmt: skip
