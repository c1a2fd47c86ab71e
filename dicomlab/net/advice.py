"""What a refusal means to the people at both ends: findings that name who changes what, where."""

from __future__ import annotations

from dataclasses import dataclass, replace

from dicomlab.model import Endpoint, Field, Finding, Pdu, PeerError
from dicomlab.protocol.codec import finding
from dicomlab.spec import names

_TRANSIENT = 2  # Result of an A-ASSOCIATE-RJ: the same request may be accepted later


@dataclass(frozen=True, slots=True)
class Case:
    """Who asked whom, as the texts name them."""

    called: str
    calling: str
    host: str
    port: int
    local: Endpoint | None = None  # from where; None before there is a connection

    @property
    def peer(self) -> str:
        """Where the peer is, as the caller entered it."""
        return str(Endpoint(self.host, self.port))

    @property
    def caller(self) -> str:
        """Who calls, and from where."""
        return f"{self.calling} at {self.local.address}" if self.local else self.calling


def failure(error: PeerError) -> Finding:
    """The finding for what an SCU ran into."""
    return replace(finding(error.code, str(error.args[0]).rstrip(".")), remedy=error.remedy)


def no_answer(error: PeerError, case: Case) -> Finding:
    """The finding for a peer that took the A-ASSOCIATE-RQ, and then closed or kept silent."""
    remedy = (
        f"Check what listens at {case.peer}: it may be no DICOM service, or one that wants TLS. If "
        f"it is the right one, its log says whether it refuses {case.caller}: some refuse an "
        "unknown address without a word."
    )
    return replace(failure(error), remedy=remedy)


def rejection(answer: Pdu, case: Case) -> Finding:
    """The finding for an A-ASSOCIATE-RJ (PS3.8 Table 9-21)."""
    result, source, reason = (answer[name].value for name in ("Result", "Source", "Reason/Diag."))
    meaning = names.REJECT_REASONS.get((source, reason), "a reason that the standard reserves")
    kind = names.REJECT_RESULTS.get(result, "rejected")
    what = (
        f"{case.peer} rejected the association: {meaning} ({kind}; result {result}, "
        f"source {source}, reason {reason})"
    )
    remedy = _rejection_remedies(case).get((source, reason), _log(case))
    if result == _TRANSIENT:
        remedy = f"{remedy} The same request may well be accepted later."
    return replace(finding("association-rejected", what, answer.root.span), remedy=remedy)


def _rejection_remedies(case: Case) -> dict[tuple[int, int], str]:
    """Source and reason → what to do."""
    return {
        (1, 1): f"Whoever runs {case.peer} registers both the AE title and the address of "
        f"{case.caller}; if they are, its log tells the reason.",
        (1, 2): f"The caller sends the application context name {names.APPLICATION_CONTEXT}.",
        (1, 3): f"Register the calling AE title {case.calling} at {case.peer}, with the address of "
        "the caller; or call with a title that is registered there. Capitals count.",
        (1, 7): f"Enter at the caller the AE title that the application at {case.peer} really has, "
        f"in place of {case.called}. Capitals count. Some, DCMTK's dcmqrscp for one, say this of a "
        f"caller that they do not know: then register {case.calling} there.",
        (2, 1): f"Whoever runs {case.peer} says whether it wants a user name and passcode, or a "
        "certificate; the caller then sends them.",
        (2, 2): "The caller sends Protocol-version 0001H, big endian.",
        (3, 1): f"Try again in a while; if it stays so, whoever runs {case.peer} frees resources: "
        "disk, queue, workers.",
        (
            3,
            2,
        ): f"Whoever runs {case.peer} closes associations that hang, or allows more at a time; "
        "callers release theirs.",
    }


def abortion(abort: Pdu, after: str, case: Case) -> Finding:
    """The finding for an A-ABORT (PS3.8 Table 9-26) that came ``after`` something of ours."""
    source, reason = abort["Source"].value, abort["Reason/Diag."].value
    if source == 2:
        meaning = names.ABORT_REASONS.get((source, reason), "a reason that the standard reserves")
        who = f"the upper layer of {case.peer}: {meaning}"
        remedy = (
            f"Whoever runs {case.peer} looks into its log: it disliked the {after} itself; compare "
            "it with one that is accepted."
        )
    else:
        who = f"the application at {case.peer}"
        remedy = (
            f"Whoever runs {case.peer} looks into its log at that second; it may refuse "
            f"{case.caller}, or have failed."
        )
    what = f"A-ABORT after the {after}, by {who} (source {source}, reason {reason})"
    return replace(finding("association-aborted", what, abort.root.span), remedy=remedy)


def refused_context(result: Field, case: Case) -> Finding:
    """The finding for a Verification context that was not accepted (PS3.8 Table 9-18)."""
    what = f"{case.peer} refused Verification: {result.text}"
    peer = f"Whoever runs {case.peer}"
    remedies = {
        1: f"{peer} allows Verification to {case.caller}.",
        2: f"{peer} finds the reason in its log.",
        3: f"{peer} switches Verification on for {case.called}; or call an AE that offers it.",
        4: f"{peer} allows Implicit VR Little Endian, which every application has to take.",
    }
    remedy = remedies.get(result.value, _log(case))
    return replace(finding("context-refused", what, result.span), remedy=remedy)


def failed_status(status: int, comment: str, case: Case) -> Finding:
    """The finding for a C-ECHO-RSP that is no Success (PS3.7 9.1.5.1.4)."""
    meaning = names.status_text(status) or "a status in no range of the standard"
    said = f", and says: {comment!r}" if comment else ""
    what = f"{case.peer} answered the C-ECHO with {status:04X}H, {meaning}{said}"
    remedies = {
        0x0122: f"Whoever runs {case.peer} switches Verification on for {case.called}.",
        0x0210: "The caller gives each request that is open a Message ID of its own.",
        0x0211: f"Whoever runs {case.peer} switches C-ECHO on for {case.called}.",
    }
    return replace(finding("dimse-status", what), remedy=remedies.get(status, _log(case)))


def _log(case: Case) -> str:
    return f"Whoever runs {case.peer} finds the reason in its log at that second."
