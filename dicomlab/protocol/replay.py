"""The states of both ends of a recorded association: PS3.8 Table 9-10, driven by its PDUs."""

from __future__ import annotations

from dataclasses import dataclass, replace

from dicomlab.model import Association, PduLine, Side
from dicomlab.spec.state import ACTIONS, PDU_EVENTS, SENDING_EVENTS, TRANSITIONS

# the states of sender and receiver before a PDU, where a recording begins with it
_BEFORE = {
    "A-ASSOCIATE-RQ": ("Sta4", "Sta2"),
    "A-ASSOCIATE-AC": ("Sta3", "Sta5"),
    "A-ASSOCIATE-RJ": ("Sta3", "Sta5"),
    "P-DATA-TF": ("Sta6", "Sta6"),
    "A-RELEASE-RQ": ("Sta6", "Sta6"),
    "A-RELEASE-RP": ("Sta8", "Sta7"),
}
_RECEIVED = frozenset(PDU_EVENTS.values())
ABORTS = 16  # of which the bytes are looked at


@dataclass(frozen=True, slots=True)
class Move:
    """What one side's state machine did (PS3.8 Table 9-10); empty where it cannot be known."""

    before: str = ""
    event: str = ""
    action: str = ""
    after: str = ""


UNKNOWN = Move()


class States:
    """Both sides' state machines, driven by what passed on the wire."""

    def __init__(self, association: Association) -> None:
        outcome = association.outcome
        self._pdus = association.pdus
        self._looked = 0
        self._steps: dict[tuple[Side, str, str], Move] = {}
        self._refused_by_provider = outcome.ended == "rejected" and (outcome.source or 0) > 1
        self._last: dict[Side, Move] = {"requestor": UNKNOWN, "acceptor": UNKNOWN}

    def pass_on(self, pdu: PduLine, index: int) -> tuple[Move, Move]:
        """What this PDU, which stands at ``index``, does to the requestor and to the acceptor."""
        if pdu.sender is None:
            return UNKNOWN, UNKNOWN
        sender = pdu.sender
        receiver: Side = "acceptor" if sender == "requestor" else "requestor"
        assumed = _BEFORE.get(pdu.type or "", ("", ""))
        state = self._last[sender].after or assumed[0]
        self._last[sender] = self._sent(sender, pdu.type, index, state)
        self._last[receiver] = self._step(
            receiver, PDU_EVENTS[pdu.type], self._last[receiver].after or assumed[1]
        )
        return self._last["requestor"], self._last["acceptor"]

    def _step(self, side: Side, event: str, state: str) -> Move:
        key = side, event, state
        if key not in self._steps:
            self._steps[key] = self._looked_up(*key)
        return self._steps[key]

    def _looked_up(self, side: Side, event: str, state: str) -> Move:
        action = TRANSITIONS.get((event, state))
        if action is None:
            return Move(state, after=state)
        choices = ACTIONS[action].next
        second = (action == "AR-8" and side == "acceptor") or (
            action == "AE-6" and self._refused_by_provider
        )
        return Move(state, event, action, choices[-1] if second else choices[0])

    def _sent(self, side: Side, kind: str | None, index: int, state: str) -> Move:
        if kind == "A-ABORT" and self._is_of_provider(index):
            # the provider's own doing; what made it abort is not on the wire
            return Move(state, "", "AA-8" if state not in ("", "Sta13") else "", "Sta13")
        event = SENDING_EVENTS.get(kind or "", "")
        move = self._step(side, event, state)
        before = self._last[side]
        received = before.event in _RECEIVED
        if not move.action and received and (event, before.before) in TRANSITIONS:
            # it was on its way before the last PDU arrived: first sent, then received
            crossed = self._step(side, event, before.before)
            return replace(self._step(side, before.event, crossed.after), before=state)
        if kind == "A-ABORT" and not move.action:
            return Move(state, after="Sta13")
        return move

    def _is_of_provider(self, index: int) -> bool:
        """Whether an A-ABORT says so; its bytes are looked at, which is dear for many."""
        self._looked += 1
        return self._looked <= ABORTS and any(
            one.name == "Source" and one.value == 2 for one in self._pdus[index].fields
        )
