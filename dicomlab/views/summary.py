"""What an association came to: asked, answered, failed. One walk over its messages, no PDU is made.

An association failed if it was rejected, aborted, never answered or closed without a release, if
none of its presentation contexts was accepted, if a response has a status of the class Failure, if
there is a finding of severity error, or if the verdict names a cause.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from dicomlab.model import (
    Association,
    Connection,
    Finding,
    Message,
    MessageLine,
    Severity,
    message_lines,
    printable,
)
from dicomlab.spec import names
from dicomlab.spec.statuses import status_text
from dicomlab.views.theme import Tone, hexadecimal

FAILED_ENDS = ("rejected", "aborted", "unanswered", "closed-without-release")
TOLD = 3  # statuses that are told of one association
WORSE: dict[Severity, int] = {"error": 0, "warning": 1, "info": 2}


@dataclass(frozen=True, slots=True)
class Answer:
    """A status that is no success, in the answers of a service."""

    service: str
    status: int
    meaning: str

    def __str__(self) -> str:
        return f"{hexadecimal(self.status, 4)} {self.meaning}"


@dataclass(frozen=True, slots=True)
class Summary:
    """What an association came to."""

    asked: Mapping[str, int]  # how many requests of each service
    failures: Mapping[Answer, int]  # responses whose status is of the class Failure
    warnings: Mapping[Answer, int]
    unanswered: Mapping[str, int]  # requests without a final response
    slowest: int | None  # nanoseconds: the longest wait for a response
    fruitless: bool  # no presentation context was accepted
    gravest: Finding | None  # of severity error or warning
    failed: bool


def summary(association: Association) -> Summary:
    """What the association came to."""
    walk = _Walk(association)
    for message in message_lines(association.messages):
        walk.feed(message)
    fruitless = _fruitless(association)
    gravest = _gravest(association.findings)
    failed = (
        association.outcome.ended in FAILED_ENDS
        or fruitless
        or bool(walk.failures)
        or (association.verdict is not None and association.verdict.failed)
        or (gravest is not None and gravest.severity == "error")
    )
    return Summary(
        asked=walk.asked,
        failures=walk.failures,
        warnings=walk.warnings,
        unanswered=walk.unanswered(),
        slowest=walk.slowest,
        fruitless=fruitless,
        gravest=gravest,
        failed=failed,
    )


def failed_alone(connection: Connection) -> bool:
    """Whether a connection without an association failed.

    What is not DICOM may be another's business, which went well.
    """
    if connection.kind in ("refused", "no-answer"):
        return True
    explained = connection.verdict is not None and connection.verdict.failed
    return explained and connection.kind != "not-dicom"


def service(message: Message | MessageLine) -> str:
    """The service that a message belongs to: ``C-STORE``."""
    return message.type.removesuffix("-RQ").removesuffix("-RSP")


def meaning_of(association: Association, message: Message | MessageLine) -> str:
    """What the status of a message says in the answer of its service."""
    sop_class = message.sop_class
    if sop_class is None:
        context = association.context(message.context_id)
        sop_class = context.abstract_syntax if context else None
    return status_text(message.status or 0, service(message), sop_class) or "unknown"


class _Walk:
    """Counts messages as they come."""

    def __init__(self, association: Association) -> None:
        self.asked: dict[str, int] = {}
        self.failures: dict[Answer, int] = {}
        self.warnings: dict[Answer, int] = {}
        self.slowest: int | None = None
        self._association = association
        # what waits for an answer: its service, and since when (nanoseconds)
        self._open: dict[tuple[str, int, int | None], tuple[str, int | None]] = {}

    def feed(self, message: MessageLine) -> None:
        """The next message."""
        name = service(message)
        if message.type.endswith("-RSP"):
            self._answered(message, name)
        else:
            self.asked[name] = self.asked.get(name, 0) + 1
            if name != "C-CANCEL":
                key = message.sender, message.context_id, message.message_id
                self._open[key] = name, message.time

    def _answered(self, message: MessageLine, name: str) -> None:
        asker = "acceptor" if message.sender == "requestor" else "requestor"
        key = asker, message.context_id, message.responding_to
        since = self._open.pop(key, (name, None))[1]
        if since is not None and message.time is not None:
            self.slowest = max(self.slowest or 0, message.time - since)
        status = message.status
        if not status:
            return
        kind = names.status_class(status)
        if kind == "Pending":
            self._open[key] = name, message.time
        if kind in ("Failure", "Warning"):
            counts = self.failures if kind == "Failure" else self.warnings
            answer = Answer(name, status, meaning_of(self._association, message))
            counts[answer] = counts.get(answer, 0) + 1

    def unanswered(self) -> Mapping[str, int]:
        """How many requests of each service still wait."""
        counts: dict[str, int] = {}
        for name, _ in self._open.values():
            counts[name] = counts.get(name, 0) + 1
        return counts


def _fruitless(association: Association) -> bool:
    results = [one.result for one in association.presentation_contexts]
    return any(results) and 0 not in results


def _gravest(findings: Iterable[Finding]) -> Finding | None:
    told = [one for one in findings if one.severity != "info"]
    return min(told, key=lambda one: WORSE[one.severity], default=None)


# --- in words ---------------------------------------------------------------------------------


def done(asked: Mapping[str, int]) -> str:
    """What was asked for: ``3 C-STORE, 1 C-ECHO``."""
    return printable(", ".join(f"{number:,} {name}" for name, number in asked.items()))


def reasons(association: Association, found: Summary) -> Iterator[str]:
    """Why an association failed, the gravest first; nothing for one that did not."""
    if not found.failed:
        return
    if association.outcome.ended in FAILED_ENDS or found.fruitless:
        yield outcome(association)[0]
        if found.fruitless and association.outcome.ended != "released":
            yield "No presentation context was accepted."
    answers = list(found.failures.items())
    for answer, number in answers[:TOLD]:
        asked = max(found.asked.get(answer.service, 0), number)
        many = f"{number:,} of {asked:,} {answer.service}" if asked > 1 else answer.service
        yield printable(f"{many} failed: {answer}.")
    if len(answers) > TOLD:
        yield f"Other statuses of failure: {len(answers) - TOLD}."
    explained = association.verdict is not None and association.verdict.failed
    if found.gravest is not None and not explained:
        one = found.gravest
        yield printable(f"{one.severity}: {one.code}: {one.what}")


def how_closed(association: Association) -> str:
    """Whether the connection was closed in order or reset."""
    first = association.endings[0] if association.endings else None
    return "reset" if first is not None and first.kind == "RST" else "closed"


def outcome(association: Association) -> tuple[str, Tone]:
    """How it ended, in a sentence, and how bad that is."""
    outcome = association.outcome
    by = f"the {outcome.by}" if outcome.by else "somebody"
    match outcome.ended:
        case "released" if _fruitless(association):
            return f"Released by {by}; no presentation context was accepted.", "error"
        case "released" if association.verdict is not None and association.verdict.failed:
            return f"Released by {by}: an orderly end, though not a good one.", "warning"
        case "released":
            return f"Released by {by}: an orderly end.", "good"
        case "rejected":
            lasting = names.REJECT_RESULTS.get(outcome.result or 0, f"result {outcome.result}")
            key = (outcome.source or 0, outcome.reason or 0)
            undefined = f"source {outcome.source}, reason {outcome.reason}"
            reason = names.REJECT_REASONS.get(key, undefined)
            return f"Rejected by {by} ({lasting}): {reason}.", "error"
        case "aborted":
            source = names.ABORT_SOURCES.get(outcome.source or 0, f"source {outcome.source}")
            reason = names.ABORT_REASONS.get((outcome.source or 0, outcome.reason or 0), "")
            because = f": {reason}" if reason and outcome.source else ""
            return f"Aborted by {by} ({source}){because}.", "error"
        case "unanswered":
            end = f"; {by} {how_closed(association)} the connection" if outcome.by else ""
            return f"The A-ASSOCIATE-RQ was never answered{end}.", "error"
        case "closed-without-release":
            return f"TCP {how_closed(association)} by {by} without a release.", "error"
    if association.endings:
        return "The connection was closed; what ended the association was not recorded.", "warning"
    return "The recording ends before the association does.", "warning"
