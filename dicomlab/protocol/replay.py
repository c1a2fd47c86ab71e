"""Both ends' states of a recorded association, by its packets alone: PS3.8 Table 9-10.

A recording shows what each end sent, and in which order it passed. It does not show what an end
had taken notice of when it sent something, since two PDUs may cross on the wire, nor what was said
in packets that it lacks. So each end is followed through all states that it may be in, and a PDU is
called illegal only where the table takes it in none of them.

:func:`replay` gives the whole course as a value; :func:`unexpected`, quickly, only the PDUs that
were illegal or ignored.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from dataclasses import replace as changed
from functools import lru_cache
from typing import NamedTuple

from dicomlab.model import (
    Association,
    AssociationLine,
    PduLine,
    Shown,
    Side,
    meant,
    pdu_lines,
    printable,
)
from dicomlab.spec.state import ACTIONS, PDU_EVENTS, SENDING_EVENTS, STATES, TRANSITIONS

ABORTS = 16  # of which the bytes are looked at
MOMENTS = 1000  # of a replay that are kept

_ABORTING = frozenset({"AA-1", "AA-7", "AA-8"})  # what the table does where a PDU must not come
_IGNORING = "AA-6"
# the findings that say that bytes of a side are missing, or all of one
_CUT = frozenset({"capture-begins-late", "capture-gap"})
_ONE_WAY = "capture-one-way"


@dataclass(frozen=True, slots=True)
class Move:
    """What one end's state machine did (PS3.8 Table 9-10); empty where it cannot be known."""

    before: str = ""
    event: str = ""
    action: str = ""
    after: str = ""


UNKNOWN = Move()
OPENED = Move("Sta1", "Evt1", "AE-1", "Sta4"), Move("Sta1", "Evt5", "AE-5", "Sta2")


@dataclass(frozen=True, slots=True)
class Illegal:
    """A PDU that the table does not allow in the state of its receiver, or has it ignore there.

    ``action`` is what the table has the receiver do: AA-1, AA-7 or AA-8; AA-6 where it ignores the
    PDU; nothing in Sta1, where the sender had ended the association before.
    """

    index: int  # of the PDU in its association
    sender: Side  # who broke the rule
    type: str | None  # None: bytes that are no PDU
    state: str  # of the receiver
    action: str
    ignored: bool

    @property
    def receiver(self) -> Side:
        """The end that got it."""
        return _other(self.sender)

    def __str__(self) -> str:
        what = "ignored" if self.ignored else "not allowed"
        action = f" ({self.action})" if self.action else ""
        return f"{what}: the {self.receiver} is in {self.state}{action}"


# --- one end ----------------------------------------------------------------------------------

Possible = tuple[str, ...]  # the states that an end may be in, the likeliest first


class Layer(NamedTuple):
    """Where an end may be when it has taken notice of this event, and all that came before it."""

    event: str  # empty in the first layer
    states: Possible


# An end: what it sends next, it may send from any of its layers, since the events of the later ones
# may still be on their way to it.
End = tuple[Layer, ...]
Second = frozenset[str]  # the actions of which an end takes the second outcome

_ANYWHERE = (Layer("", tuple(dict.fromkeys(("Sta6", "Sta5", "Sta3", "Sta7", "Sta8", *STATES)))),)
_SENDING = {  # the action by which a PDU is sent from a state
    (kind, state): action
    for kind, sent_by in SENDING_EVENTS.items()
    for (event, state), action in TRANSITIONS.items()
    if event == sent_by and ACTIONS[action].outcomes[0].sends == kind
} | {("A-ABORT", "Sta2"): "AA-1", ("A-ABORT", "Sta13"): "AA-7"}  # for something that arrived


def _next(action: str, second: Second) -> str:
    return ACTIONS[action].next[-1 if action in second else 0]


def _taking(event: str, states: Possible) -> Possible:
    """The states in which the table takes what arrives; those where it is ignored come last."""
    actions = {one: TRANSITIONS.get((event, one), "") for one in states}
    taking = [one for one in states if actions[one] and actions[one] not in _ABORTING]
    return tuple(sorted(taking, key=lambda one: actions[one] == _IGNORING))


def _taken(event: str, states: Possible, second: Second) -> Possible:
    """Where what arrives leads to."""
    taking = _taking(event, states)
    cells = [(event, one) for one in taking or states]
    after = [_next(TRANSITIONS[cell], second) for cell in cells if cell in TRANSITIONS]
    # what must not arrive: the end does as the table says, or lets it pass
    return tuple(dict.fromkeys(after if taking else [*after, *states]))


def _received(end: End, event: str, second: Second) -> tuple[End, Move]:
    states = end[-1].states
    if event == PDU_EVENTS[None] and len(states) > 1:  # it may be the rest of what is missing
        return end, Move(states[0], after=states[0])
    before = (*_taking(event, states), *states)[0]
    after = _taken(event, states, second)
    action = TRANSITIONS.get((event, before), "")
    move = Move(before, event if action else "", action, after[0])
    return end if after == states else (*end, Layer(event, after)), move


def _sent(end: End, kind: str, second: Second) -> tuple[End, Move, bool]:
    """An end that sends a PDU; and whether it did before something had arrived."""
    event, found = SENDING_EVENTS[kind], list[Layer]()
    reached: Possible = ()
    for layer in end:
        sending = [one for one in layer.states if (kind, one) in _SENDING]
        before = reached
        directly = [_next(_SENDING[kind, one], second) for one in sending]
        afterwards = _taken(layer.event, before, second) if before else ()
        reached = tuple(dict.fromkeys([*directly, *afterwards]))
        if reached:
            found.append(Layer(layer.event if found else "", reached))
    state = layer.states[0]
    if not found:  # what the table does not allow moves nothing
        return end, Move(state, after=state), False
    if sending:
        action = TRANSITIONS.get((event, sending[0]), "")
        move = Move(sending[0], event if action else "", action, reached[0])
    else:
        cell = layer.event, (*_taking(layer.event, before), *before)[0]
        move = Move(state, layer.event, TRANSITIONS.get(cell, ""), reached[0])
    return tuple(found), move, not sending


# --- both ends --------------------------------------------------------------------------------


class Situation(NamedTuple):
    """Where both ends may be."""

    requestor: End
    acceptor: End


class Passed(NamedTuple):
    """What a PDU does to both ends."""

    situation: Situation  # afterwards
    requestor: Move
    acceptor: Move
    refused: tuple[str, str] | None = None  # state and action of the receiver, where not as it must
    crossed: bool = False  # it was sent before something that was recorded earlier had arrived


_BEGINNING = Situation((Layer("", ("Sta4",)),), (Layer("", ("Sta2",)),))
_UNKNOWN = Situation(_ANYWHERE, _ANYWHERE)
_ROLES: dict[Side, Second] = {"requestor": frozenset(), "acceptor": frozenset({"AR-8"})}
_REJECTING = {**_ROLES, "acceptor": frozenset({"AR-8", "AE-6"})}  # the provider does, by itself


class Machines:
    """Both ends' state machines, driven by what passes on the wire.

    Of the sides that are ``lacking`` not all bytes were recorded. ``rejecting`` says that the
    acceptor's provider rejects by itself (AE-6).
    """

    def __init__(self, lacking: Collection[Side] = (), *, rejecting: bool = False) -> None:
        self._lacking = lacking
        self._rejecting = rejecting
        self._situation = _UNKNOWN if lacking else _BEGINNING
        # offsets count from the first byte that was seen: one that is lacking begins anywhere
        self._reached = {side: -1 if side in lacking else 0 for side in _ROLES}
        self._known: dict[tuple[Side, str | None], Passed] = {}  # from the situation as it is

    def pass_on(self, pdu: PduLine) -> Passed:
        """What the next PDU does."""
        sender, kind, start, end, *_ = pdu
        if sender is None:
            return Passed(self._situation, UNKNOWN, UNKNOWN)
        if start != self._reached[sender]:  # what was said in between, nobody knows
            self._become(_UNKNOWN)
        self._reached[sender] = end
        passed = self._known.get((sender, kind))
        if passed is None:
            unsure = _other(sender) in self._lacking
            passed = _passed(self._situation, sender, kind, unsure, self._rejecting)
            self._known[sender, kind] = passed
        if passed.situation is not self._situation:
            self._become(passed.situation)
        return passed

    def close(self, side: Side) -> tuple[Move, Move]:
        """What it does to the requestor and the acceptor that one of them closes the connection."""
        ends, moves = dict(zip(_ROLES, self._situation, strict=True)), {}
        before = ends[side][-1].states[0]
        ends[side], moves[side] = (Layer("", ("Sta1",)),), Move(before, after="Sta1")
        other = _other(side)
        ends[other], moves[other] = _received(ends[other], "Evt17", _ROLES[other])
        self._become(Situation(ends["requestor"], ends["acceptor"]))
        return moves["requestor"], moves["acceptor"]

    def _become(self, situation: Situation) -> None:
        if situation is not self._situation:
            self._situation = situation
            self._known = {}


@lru_cache(maxsize=4096)
def _passed(
    situation: Situation, sender: Side, kind: str | None, unsure: bool, rejecting: bool
) -> Passed:
    """What a PDU does; ``unsure`` where its receiver may have sent what was not recorded."""
    receiver, roles = _other(sender), _REJECTING if rejecting else _ROLES
    ends, moves = dict(zip(_ROLES, situation, strict=True)), {}
    crossed = False
    state = ends[sender][-1].states[0]
    moves[sender] = Move(state, after=state)
    if kind is not None:
        ends[sender], moves[sender], crossed = _sent(ends[sender], kind, roles[sender])
    event = PDU_EVENTS[kind]
    before = _ANYWHERE if unsure else ends[receiver]
    ends[receiver], move = _received(before, event, roles[receiver])
    moves[receiver] = move
    after = Situation(ends["requestor"], ends["acceptor"])
    gone = move.before == "Sta1" and kind != "A-ABORT"  # the sender had ended the association
    refused = gone or move.action == _IGNORING or move.action in _ABORTING
    return Passed(
        situation if after == situation else after,
        moves["requestor"],
        moves["acceptor"],
        (move.before, move.action) if refused else None,
        crossed,
    )


def _other(side: Side) -> Side:
    return "acceptor" if side == "requestor" else "requestor"


# --- an association ---------------------------------------------------------------------------


def sides_lacking(association: Association | AssociationLine) -> frozenset[Side]:
    """The sides of which the recording lacks bytes, as the association's findings say."""
    found: set[Side] = set()
    for one in association.findings:
        if one.code == _ONE_WAY:
            found |= set(_ROLES)
        elif one.code in _CUT and one.sender:
            found.add(one.sender)
    return frozenset(found)


def unexpected(pdus: Iterable[PduLine], lacking: Collection[Side] = ()) -> Iterator[Illegal]:
    """The PDUs of an association that PS3.8 Table 9-10 does not allow, or has ignored.

    ``lacking`` are the sides of which the recording lacks bytes: see :func:`sides_lacking`. One
    pass, bounded memory. Nothing is given that PDUs which crossed, or missing bytes, may explain.
    """
    pass_on = Machines(lacking).pass_on
    for index, pdu in enumerate(pdus):
        passed = pass_on(pdu)
        if passed.refused is not None:
            yield _illegal(index, pdu, passed.refused)


def _illegal(index: int, pdu: PduLine, refused: tuple[str, str]) -> Illegal:
    assert pdu.sender is not None  # of one without a sender nothing is known
    state, action = refused
    return Illegal(index, pdu.sender, pdu.type, state, action, ignored=action == _IGNORING)


class Moves(NamedTuple):
    """What a PDU of an association does to both ends."""

    requestor: Move = UNKNOWN
    acceptor: Move = UNKNOWN
    illegal: Illegal | None = None
    crossed: bool = False  # it was sent before something that was recorded earlier had arrived


class States:
    """Both ends of an association, told PDU by PDU."""

    def __init__(self, association: Association) -> None:
        outcome = association.outcome
        rejecting = outcome.ended == "rejected" and (outcome.source or 0) > 1
        self._machines = Machines(sides_lacking(association), rejecting=rejecting)
        self._pdus = association.pdus
        self._looked = 0
        self._closed: set[Side] = set()

    def pass_on(self, pdu: PduLine, index: int) -> Moves:
        """What the next PDU, which stands at ``index``, does."""
        passed = self._machines.pass_on(pdu)
        moves = {"requestor": passed.requestor, "acceptor": passed.acceptor}
        if pdu.type == "A-ABORT" and pdu.sender and self._is_of_provider(index):
            move = moves[pdu.sender]
            if move.event == SENDING_EVENTS["A-ABORT"]:
                # the provider's own doing; what made it abort is not on the wire
                moves[pdu.sender] = changed(move, event="", action="AA-8")
        illegal = None
        if passed.refused is not None and not (pdu.sender and _other(pdu.sender) in self._closed):
            illegal = _illegal(index, pdu, passed.refused)
        return Moves(moves["requestor"], moves["acceptor"], illegal, passed.crossed)

    def close(self, side: Side) -> Moves:
        """What it does that a side closes the TCP connection; it gets nothing afterwards."""
        self._closed.add(side)
        return Moves(*self._machines.close(side))

    def _is_of_provider(self, index: int) -> bool:
        """Whether an A-ABORT says so; its bytes are looked at, which is dear for many."""
        self._looked += 1
        return self._looked <= ABORTS and any(
            one.name == "Source" and one.value == 2 for one in self._pdus[index].fields
        )


@dataclass(frozen=True, slots=True)
class Moment:
    """Something that happened, and what it did to both ends; what is alike in a row is one."""

    what: str  # a PDU's name, or what happened to the TCP connection
    sender: Side | None  # who did it; None where both did
    time: int | None  # nanoseconds since 1970
    moves: Moves
    index: int | None = None  # of the PDU; of several, the first
    last: int | None = None  # the last one
    count: int = 1

    @property
    def changes(self) -> bool:
        """Whether an end is in another state afterwards."""
        return any(one.before != one.after for one in self.moves[:2])


@dataclass(frozen=True, slots=True, repr=False)
class Replay(Shown):
    """Both ends' states over time, as the packets of an association show them."""

    requestor: str  # AE titles, as they came; addresses where none was seen
    acceptor: str
    start_time: int | None  # nanoseconds since 1970, of the first packet
    moments: tuple[Moment, ...]
    hidden: int  # PDUs beyond the last moment
    lacking: frozenset[Side]  # the sides of which the recording lacks bytes

    @property
    def illegal(self) -> tuple[Illegal, ...]:
        """The PDUs that were illegal or ignored; of alike ones in a row, the first."""
        return tuple(one.moves.illegal for one in self.moments if one.moves.illegal is not None)

    def __repr__(self) -> str:
        ends = printable(f"{self.requestor} → {self.acceptor}")
        return f"<Replay {ends}, {len(self.moments)} moments, {len(self.illegal)} not as they must>"


def replay(association: Association) -> Replay:
    """The states of both ends of a recorded association, step by step (PS3.8 Table 9-10).

    BuildError for what is no Association.
    """
    meant(Association, association)
    moments: list[Moment] = []
    hidden = 0
    for one in _moments(association):
        if moments and _alike(moments[-1], one):
            moments[-1] = _joined(moments[-1], one)
        elif len(moments) < MOMENTS:
            moments.append(one)
        else:
            hidden += one.count
    return Replay(
        association.calling_ae_title or str(association.requestor),
        association.called_ae_title or str(association.acceptor),
        association.start_time,
        tuple(moments),
        hidden,
        sides_lacking(association),
    )


def begins(association: Association) -> bool:
    """Whether the recording shows how the connection was opened, and by whom."""
    first = next(iter(pdu_lines(association.pdus)), None)
    opening = first is None or first.type == "A-ASSOCIATE-RQ"
    return opening and association.start_time is not None


def _moments(association: Association) -> Iterator[Moment]:
    states = States(association)
    if begins(association):
        yield Moment("TCP connection opened", "requestor", association.start_time, Moves(*OPENED))
    closings = _closings(association)
    for index, pdu in enumerate(pdu_lines(association.pdus)):
        while closings and pdu.time is not None and (closings[0][1] or 0) < pdu.time:
            yield _closed(states, *closings.pop(0))
        what = pdu.type or "bytes that are no PDU"
        yield Moment(what, pdu.sender, pdu.time, states.pass_on(pdu, index), index, index)
    for closing in closings:
        yield _closed(states, *closing)


def _closings(association: Association) -> list[tuple[Side, int | None]]:
    """The first FIN or RST of each side, in the order of time."""
    found: dict[Side, int | None] = {}
    for one in association.endings:
        found.setdefault(one.sender, one.time)
    return list(found.items())


def _closed(states: States, side: Side, time: int | None) -> Moment:
    return Moment("TCP connection closed", side, time, states.close(side))


def _alike(one: Moment, other: Moment) -> bool:
    """Whether both are PDUs of one kind that change nothing."""
    return (
        one.index is not None
        and one.what == other.what
        and not (one.changes or other.changes or one.moves.crossed or other.moves.crossed)
        and _blame(one) == _blame(other)
    )


def _blame(one: Moment) -> tuple[Side, str] | None:
    """Who broke the rule, and what the table has the other end do."""
    illegal = one.moves.illegal
    return None if illegal is None else (illegal.sender, illegal.action)


def _joined(one: Moment, other: Moment) -> Moment:
    requestor, acceptor = map(_both, one.moves[:2], other.moves[:2])
    return changed(
        one,
        sender=one.sender if one.sender == other.sender else None,
        moves=one.moves._replace(requestor=requestor, acceptor=acceptor),
        last=other.last,
        count=one.count + other.count,
    )


def _both(one: Move, other: Move) -> Move:
    """Two moves that change nothing as one: what one end sends and receives by turns."""
    if other.event in one.event.split(", ") or not other.event:
        return one
    if not one.event:
        return other
    return changed(one, event=f"{one.event}, {other.event}", action=f"{one.action}, {other.action}")
