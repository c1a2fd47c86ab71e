"""The upper layer protocol machine of PS3.8 9.2, run from its table: no sockets, no clock.

You tell it what happens, it tells you what the standard has you do, as data:

    layer = UpperLayer("acceptor")
    layer.step("Evt5")                    # a TCP connection has come in: start the ARTIM
    layer.receive_data(data)              # any bytes, cut anywhere
    while received := layer.next_pdu():   # one PDU at a time, so that you can answer in between
        received.answer                   # bytes that the table has you send (an A-ABORT, say)
        received.step.closes              # close the transport, or not
        received.pdu, layer.state         # for the application, and where that leaves you
    layer.send(accept)                    # you put these bytes on the wire: the state follows
    layer.step("Evt18")                   # your clock says that the ARTIM has run out

Nothing is refused: an event where the table has an empty cell gives a step without an action and
leaves the state as it is. So a trainee may send what no application would, and a recording of two
applications that broke the rules can be replayed by :meth:`UpperLayer.step` alone.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Literal

from dicomlab.model import Pdu, Side
from dicomlab.protocol.build import build
from dicomlab.protocol.codec import PDU_HEADER, Decoder
from dicomlab.spec.pdu import A_ASSOCIATE_RQ, ASSOCIATION_LIMIT, DATA_LIMIT, P_DATA_TF, PDUS
from dicomlab.spec.state import ACTIONS, EVENTS, PDU_EVENTS, SENDING_EVENTS, TRANSITIONS, Outcome

_ARTIM_STATES = ("Sta2", "Sta13")  # where the table lets the timer run

_SHOWN = 1 << 16  # bytes; a P-DATA-TF that is longer than was agreed comes whole up to here
_REMEMBERED = 4096  # steps
_SMALL = 1024  # bytes of a PDU whose tree may be kept

# A PDU that shows one of these cannot be taken apart, and is 'invalid' for Evt19. Whether an
# application can live with any other finding is for the application to say.
_INVALID = frozenset(
    {
        "pdu-length-implausible",
        "pdu-length-too-short",
        "pdu-length-wrong-fixed",
        "item-length-overrun",
        "item-header-truncated",
        "pdv-none",
        "pdv-length-too-small",
        "pdv-length-overrun",
        "pdv-trailing",
    }
)
_UNRECOGNIZED, _UNEXPECTED, _INVALID_VALUE = 1, 2, 6  # Reason/Diag. of A-ABORT, PS3.8 Table 9-26


@dataclass(frozen=True, slots=True)
class Step:
    """One event, met in one state: a cell of PS3.8 Table 9-10.

    ``action`` is None where the cell is empty: nothing is to be done, and the state stays.
    """

    event: str
    state: str
    action: str | None
    next: str

    @property
    def outcome(self) -> Outcome | None:
        """What the action comes to, from the table; None without an action."""
        if self.action is None:
            return None
        return next(one for one in ACTIONS[self.action].outcomes if one.next == self.next)

    @property
    def artim(self) -> Literal["start", "stop"] | None:
        """What the action does to the ARTIM; starting one that runs begins it anew."""
        return self.outcome.artim if self.outcome is not None else None

    @property
    def sends(self) -> str | None:
        """The name of the PDU that the action sends."""
        return self.outcome.sends if self.outcome is not None else None

    @property
    def closes(self) -> bool:
        """Whether the transport has to be closed: Sta1 is reached, and it is still open."""
        return self.action is not None and self.next == "Sta1" and self.event != "Evt17"

    def __str__(self) -> str:
        return f"{self.event} in {self.state}: {self.action or 'no action'}, then {self.next}"


@cache
def _step(event: str, state: str, role: Side, reject: bool) -> Step:
    if event not in EVENTS:
        raise KeyError(f"PS3.8 Table 9-10 has no event {event!r}")
    action = TRANSITIONS.get((event, state))
    if action is None:
        return Step(event, state, None, state)
    # two next states: AE-6 takes the second to reject, AR-8 takes it as the acceptor
    second = reject if action == "AE-6" else role == "acceptor"
    return Step(event, state, action, ACTIONS[action].next[-1 if second else 0])


@dataclass(frozen=True, slots=True)
class Received:
    """What came from the peer, the step that it was, and what the step has you send."""

    pdu: Pdu
    data: bytes  # as they came: more than the PDU where the stream could not be cut any further
    step: Step
    answer: bytes = b""


class PduStream:
    """One direction of a byte stream, cut into PDUs by their headers (PS3.8 9.3.1).

    ``max_pdu_length`` bounds the PDU-length of a P-DATA-TF, ``max_other_length`` that of all other
    PDUs. Never holds more than one such PDU and what was fed after it.
    """

    def __init__(
        self, max_pdu_length: int = DATA_LIMIT, max_other_length: int = ASSOCIATION_LIMIT
    ) -> None:
        self.start = 0  # offset of the first byte that is still here
        self.max_pdu_length = max_pdu_length
        self._max_other_length = max_other_length
        self._buffer = bytearray()

    def feed(self, data: bytes) -> None:
        """Takes the next bytes of the stream."""
        self._buffer += data

    @property
    def rest(self) -> bytes:
        """The bytes that are no whole PDU yet."""
        return bytes(self._buffer)

    def next(self) -> bytes | None:
        """The next whole PDU; all that is there if it cannot be a PDU; None if more is needed."""
        if len(self._buffer) < PDU_HEADER:
            return None
        layout = PDUS.get(self._buffer[0])
        length = int.from_bytes(self._buffer[2:PDU_HEADER], "big")
        if layout is None:
            return self._take(len(self._buffer))
        if length > (self.max_pdu_length if layout is P_DATA_TF else self._max_other_length):
            return self._take(len(self._buffer))
        if len(self._buffer) < PDU_HEADER + length:
            return None
        return self._take(PDU_HEADER + length)

    def _take(self, size: int) -> bytes:
        taken = bytes(self._buffer[:size])
        del self._buffer[:size]
        self.start += size
        return taken


class UpperLayer:
    """One end of one association.

    ``max_pdu_length`` is the largest PDU-length of a P-DATA-TF that is taken (PS3.8 annex D.1),
    ``max_other_length`` that of any other PDU; a longer one is Evt19. So is, once an A-ASSOCIATE-RQ
    is sent, a P-DATA-TF that is longer than it announces; if it is not far too long, it comes whole
    all the same, so that one sees what it is.
    """

    def __init__(
        self,
        role: Side,
        *,
        max_pdu_length: int = DATA_LIMIT,
        max_other_length: int = ASSOCIATION_LIMIT,
    ) -> None:
        self.role = role
        self._state = "Sta1"
        self._history: deque[Step] = deque(maxlen=_REMEMBERED)
        self._decoder = Decoder()
        self._incoming = PduStream(max_pdu_length, max_other_length)
        self._outgoing = PduStream()
        self._agreed = max_pdu_length
        self._lost = False  # the stream could not be cut: nobody knows where the next PDU begins

    @property
    def state(self) -> str:
        """Where the machine stands: Sta1 to Sta13."""
        return self._state

    @property
    def artim(self) -> bool:
        """Whether the ARTIM (association request/reject/release timer) has to be running."""
        return self._state in _ARTIM_STATES

    @property
    def history(self) -> tuple[Step, ...]:
        """The last steps so far: all of a conversation that is not a very long one."""
        return tuple(self._history)

    @property
    def unread(self) -> Pdu | None:
        """What has come of a PDU that is not whole yet, or None."""
        data = self._incoming.rest
        return Decoder().decode(data, start=self._incoming.start)[0] if data else None

    def step(self, event: str, *, reject: bool = False) -> Step:
        """Lets ``event`` (Evt1 to Evt19) happen; ``reject`` is AE-6's choice.

        For events that no PDU of ours or theirs is: Evt1 (about to connect), Evt2, Evt5, Evt17
        (transport) and Evt18 (ARTIM). With all events it replays a conversation without its bytes.
        """
        step = _step(event, self._state, self.role, reject)
        self._state = step.next
        self._history.append(step)
        return step

    def send(self, data: bytes) -> tuple[Step, ...]:
        """Follows bytes that you put on the wire: one step for each PDU that they complete.

        The state moves where the table sends that PDU from this state, and stays where it does
        not. Bytes that are no PDU are no step. The connect is confirmed (Evt2) by the
        A-ASSOCIATE-RQ that follows it. Not for ``Received.answer``: that step is made already.
        """
        self._outgoing.feed(data)
        steps = []
        while (sent := self._outgoing.next()) is not None:
            layout = PDUS.get(sent[0])
            if layout is not None:
                steps.append(self._sent(layout.name))
            if layout is A_ASSOCIATE_RQ:
                self._agree(self._decode(sent, 0))
        return tuple(steps)

    def _agree(self, request: Pdu) -> None:
        """Holds the peer to what our request announces; 0 is no limit (PS3.8 D.1)."""
        lengths = (one.value for one in request.walk() if one.name == "Maximum-length-received")
        most = self._incoming.max_pdu_length
        self._agreed = min(next(lengths, 0) or most, most)
        self._incoming.max_pdu_length = max(self._agreed, min(_SHOWN, most))

    def _sent(self, name: str) -> Step:
        event = SENDING_EVENTS[name]
        if _step(event, self._state, self.role, False).sends == name:
            return self.step(event)
        step = Step(event, self._state, None, self._state)
        self._history.append(step)
        return step

    def receive_data(self, data: bytes) -> None:
        """Takes bytes from the transport, cut anywhere. Then ask for :meth:`next_pdu`."""
        if not self._lost:
            self._incoming.feed(data)

    def next_pdu(self) -> Received | None:
        """The next whole PDU and the step that it is; None until more bytes have come.

        What cannot be a PDU comes as one with everything behind it; what follows that is dropped.
        """
        start = self._incoming.start
        data = self._incoming.next()
        if data is None:
            return None
        pdu = self._decode(data, start)
        too_long = pdu.type == P_DATA_TF.name and len(data) - PDU_HEADER > self._agreed
        invalid = too_long or not pdu.complete or any(one.code in _INVALID for one in pdu.findings)
        self._lost = pdu.type is None or not pdu.complete
        reject = pdu.type == "A-ASSOCIATE-RQ" and not invalid and not _version_1(pdu)
        step = self.step("Evt19" if invalid else PDU_EVENTS[pdu.type], reject=reject)
        return Received(pdu, data, step, _answer(step, pdu))

    def _decode(self, data: bytes, start: int) -> Pdu:
        if data[0] != P_DATA_TF.code and len(data) <= _SMALL:
            return _decode_small(data, start)
        return self._decoder.decode(data, start=start)[0]


@lru_cache(maxsize=32)
def _decode_small(data: bytes, start: int) -> Pdu:
    """A PDU that nothing before it changes: peers send the same few again and again."""
    return Decoder().decode(data, start=start)[0]


def _version_1(request: Pdu) -> bool:
    """Whether the requestor speaks version 1 (bit 0), the only one there is (PS3.8 9.3.2)."""
    version = next(one.value for one in request.fields if one.name == "Protocol-version")
    return bool(version & 1)


def _answer(step: Step, pdu: Pdu) -> bytes:
    """What the provider sends by itself on receipt of ``pdu``."""
    outcome = step.outcome
    if outcome is None or outcome.sends is None:
        return b""
    if outcome.sends == "A-ASSOCIATE-RJ":  # 'protocol-version-not-supported', PS3.8 Table 9-21
        return bytes(build("A-ASSOCIATE-RJ", result=1, source=2, reason_diag=2))
    if outcome.source == 0:  # as the user's own A-ABORT
        return bytes(build("A-ABORT", source=0, reason_diag=0))
    if step.event != "Evt19":
        reason = _UNEXPECTED
    else:
        reason = _UNRECOGNIZED if pdu.type is None else _INVALID_VALUE
    return bytes(build("A-ABORT", source=2, reason_diag=reason))
