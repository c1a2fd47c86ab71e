"""What a requestor may do, and when: a table of steps, judged by PS3.8 Table 9-10."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from dicomlab.protocol.codec import decode
from dicomlab.spec.state import (
    ACTIONS,
    CLAUSE,
    EVENTS,
    SENDING_EVENTS,
    STATES,
    TRANSITIONS,
    Outcome,
)

IDLE = "Sta1"
REQUESTOR = [one for one in STATES if one not in ("Sta2", "Sta3", "Sta10", "Sta12")]
ESTABLISHED = {f"Sta{number}" for number in range(5, 12)}  # of them, those with an association


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that the requestor can do, and the states in which the standard lets it."""

    name: str
    label: str
    does: str
    states: Collection[str]
    sends: str | None = None  # the PDU's name

    @property
    def hint(self) -> str:
        """The states, in short: ``Sta4–9, 11``."""
        return "when connected" if self.states is CONNECTED else listed(self.states)


def _outcome(event: str, state: str) -> Outcome | None:
    action = TRANSITIONS.get((event, state))
    return ACTIONS[action].outcomes[0] if action else None


def _having(event: str) -> list[str]:
    """The states of a requestor in which the table has something to do on this event."""
    return [state for state in REQUESTOR if (event, state) in TRANSITIONS]


def _closing() -> list[str]:
    """Where the user or the ARTIM has a connection closed (AA-2)."""
    ends = [event.name for event in EVENTS.values() if event.source in ("local", "timer")]
    return [
        state for state in REQUESTOR if any(TRANSITIONS.get((one, state)) == "AA-2" for one in ends)
    ]


def _speaking() -> list[str]:
    """Where there is a PDU that the table sends for the user, or as the connect is confirmed."""
    found = (
        state
        for state in REQUESTOR
        for name, event in SENDING_EVENTS.items()
        if (outcome := _outcome(event, state)) and outcome.sends == name
    )
    return list(dict.fromkeys(found))


def _sending(name: str, label: str, pdu: str, does: str) -> Step:
    return Step(name, label, does, _having(SENDING_EVENTS[pdu]), pdu)


CONNECTED = [one for one in REQUESTOR if one != IDLE]
STEPS = {
    one.name: one
    for one in (
        Step("connect", "Connect", "Opens the TCP connection to the SCP.", [IDLE]),
        _sending("associate", "Associate", "A-ASSOCIATE-RQ", "Proposes Verification."),
        _sending("echo", "Echo", "P-DATA-TF", "Sends a C-ECHO-RQ."),
        _sending("release", "Release", "A-RELEASE-RQ", "Asks for the release."),
        _sending("answer", "Answer release", "A-RELEASE-RP", "Agrees to the peer's release."),
        _sending("abort", "Abort", "A-ABORT", "Ends the association at once."),
        Step("raw", "Send bytes", "Sends the bytes beside it.", _speaking()),
        Step("wait", "Receive more", "Waits once more for what the SCP says.", CONNECTED),
        Step("close", "Close", "Closes the TCP connection, without a word.", _closing()),
    )
}  # fmt: skip


def listed(states: Collection[str]) -> str:
    """States in short, those in a row joined: ``Sta4–9, 11``."""
    numbers = [int(one.removeprefix("Sta")) for one in states]
    runs: list[list[int]] = []
    for number in numbers:
        if runs and runs[-1][-1] == number - 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    texts = [
        f"{run[0]}" if len(run) == 1 else f"{run[0]}{', ' if len(run) == 2 else '–'}{run[-1]}"
        for run in runs
    ]
    return f"Sta{', '.join(texts)}" if texts else "no state"


def impossible(step: Step, state: str) -> str:
    """Why no socket lets this be done in ``state``; empty where it can be."""
    if step.name == "connect":
        return "" if state == IDLE else "There is a connection already."
    return "There is no connection: connect first." if state == IDLE else ""


def forbidden(step: Step, state: str, contexts: bool) -> str:
    """Why the standard does not let this be done in ``state``; empty where it does.

    ``contexts``: whether a presentation context was accepted.
    """
    if state not in step.states:
        what = step.sends or step.label
        return f"{what}: {step.hint} only, and this is {state}: {STATES[state]} ({CLAUSE})."
    if step.name == "echo" and not contexts:
        return "No presentation context was accepted that a C-ECHO-RQ could go in (PS3.8 7.1.1.13)."
    return ""


def forbidden_bytes(data: bytes, state: str) -> str:
    """Why the standard does not let these bytes be sent in ``state``; empty where it does."""
    for pdu in decode(data):
        if pdu.type is None:
            return "These bytes are no PDU."
        wrong = next((one for one in pdu.findings if one.severity == "error"), None)
        if wrong is not None:
            return f"This {pdu.type} is not as it should be: {wrong.what}."
        outcome = _outcome(SENDING_EVENTS[pdu.type], state)
        if outcome is None or outcome.sends != pdu.type:
            return f"No {pdu.type} may be sent in {state}: {STATES[state]} ({CLAUSE})."
        state = outcome.next
    return ""
