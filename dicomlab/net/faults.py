"""An SCP that misbehaves on order: what can be ordered is one table, KNOBS.

A fault changes what a well-behaved SCP would do at its moment: when the connection stands
(``connect``), on an A-ASSOCIATE-RQ (``associate``), a message (``message``), an A-RELEASE-RQ
(``release``), or with bytes as they come (``bytes``). Several work together in the order of the
table: first what is said, then how it is damaged, how it is cut into segments, and when it is said.
Of two that speak for themselves the later one in the table is heard; one that finds nothing to
change changes nothing. What PS3.8 Table 9-10 has the upper layer send of itself stays as it is.
"""

from __future__ import annotations

import difflib
import math
import socket
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from random import Random
from typing import Any, NoReturn, Self

from dicomlab.model import BuildError, PeerError
from dicomlab.net import changes
from dicomlab.net.changes import AC, ANY, FIRST_CONTEXT, RSP, Acts, Change, Front, Scene
from dicomlab.net.scp import EchoSCP, Response
from dicomlab.net.server import Act, Connection
from dicomlab.protocol.upper_layer import Received
from dicomlab.spec import names
from dicomlab.spec.command import DATA_SET_FOLLOWS

# --- what can be typed ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class Takes:
    """A kind of value: how it is written, and what a word means; ValueError for what it is not."""

    form: str
    parse: Callable[[str], Any]
    choices: tuple[str, ...] = ()  # if there are only these


def _nothing(words: str) -> None:
    if words:
        raise ValueError


def _seconds(words: str) -> float:
    number = float(words)
    if not 0 <= number < math.inf:
        raise ValueError
    return number


def _number(most: int, base: int = 10, least: int = 0) -> Callable[[str], int]:
    def parse(words: str) -> int:
        number = int(words.removesuffix("H") if base == 16 else words, base)
        if not least <= number <= most:
            raise ValueError
        return number

    return parse


def _codes(count: int) -> Callable[[str], tuple[int, ...]]:
    def parse(words: str) -> tuple[int, ...]:
        codes = tuple(map(_number(255), words.split("/")))
        if len(codes) != count:
            raise ValueError
        return codes

    return parse


def _status(words: str) -> tuple[int, str]:
    code, _, comment = words.partition("/")
    if len(comment) > 64:  # LO, PS3.5 Table 6.2-1
        raise ValueError
    return _number(0xFFFF, 16)(code), comment


def _uid(words: str) -> str:
    if not 0 < len(words) <= 64 or not set(words) <= set("0123456789."):
        raise ValueError
    return words


def _choice(choices: dict[str, Any]) -> Takes:
    return Takes("|".join(choices), lambda words: choices[words], tuple(choices))


NOTHING = Takes("", _nothing)
SECONDS = Takes("SECONDS", _seconds)
NUMBER = Takes("N", _number(0xFFFFFFFF))
SIZE = Takes("N", _number(1 << 16, least=1))
SHIFT = Takes("+N|-N", _number(0xFFFF, least=-0xFFFF))
BYTE = Takes("0..255", _number(255))
US = Takes("0..65535", _number(0xFFFF))
HEX_BYTE = Takes("HEX", _number(0xFF, 16))
HEX_US = Takes("HEX", _number(0xFFFF, 16))
REJECTION = Takes("RESULT/SOURCE/REASON", _codes(3))
ABORTION = Takes("SOURCE/REASON", _codes(2))
STATUS = Takes("HEX[/ERROR COMMENT]", _status)
UID = Takes("UID", _uid)


# --- the table --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class When:
    """The moments of a fault: those that it has if nothing is said, and what can be said."""

    at: tuple[str, ...] = ()
    choice: tuple[str, ...] = ()


_ANSWERS = ("associate", "message", "release")
START = When()
BOTH = When(("connect", "associate"))  # when the connection stands, and on the request
BYTES, ASSOCIATE, MESSAGE = (When((one,)) for one in ("bytes", "associate", "message"))
EACH = When(_ANSWERS, _ANSWERS)
ANSWER = When(("associate",), _ANSWERS)
INSTEAD = When(("associate",), ("connect", *_ANSWERS))
_MOMENTS = ("connect", "bytes", *_ANSWERS)
_ANSWERING = {"Sta3": "associate", "Sta6": "message", "Sta8": "release", "Sta12": "release"}


@dataclass(frozen=True, slots=True, eq=False)
class Knob:
    """One row of KNOBS: a fault that can be ordered."""

    group: str
    name: str
    takes: Takes
    default: str  # the value, as it is typed
    when: When
    does: str
    met: str
    change: Change | None = None
    setting: str | None = None  # the attribute of the server that becomes the value
    fixed: Any = None  # a value that nobody types

    @property
    def form(self) -> str:
        """How it is written."""
        value = f"={self.takes.form}" if self.takes.form else ""
        moments = f"[@{'|'.join(self.when.choice)}]" if self.when.choice else ""
        return f"{self.name}{value}{moments}"


CONFIGURATION, ASSOCIATION, DIMSE, RELEASE = "configuration", "association", "DIMSE", "release"
WIRE, SEGMENTS, TIMING, EXERCISE = "wire", "segments", "timing", "exercise"
_SENT = (SEGMENTS, TIMING)  # these see bytes; all before see drafts

KNOBS: dict[str, Knob] = {
    knob.name: knob
    for knob in (
        Knob(CONFIGURATION, "called-unknown", NOTHING, "", ASSOCIATE,
             "Rejects the called AE title (1/1/7).",
             "The caller's table has a typing error, or the application was renamed.",
             change=changes.reject, fixed=(1, 1, 7)),
        Knob(CONFIGURATION, "calling-unknown", NOTHING, "", ASSOCIATE,
             "Rejects the calling AE title (1/1/3).",
             "A new workstation was entered on its own side only.",
             change=changes.reject, fixed=(1, 1, 3)),
        Knob(CONFIGURATION, "called-title", _choice(changes.SPELLINGS), "case", ASSOCIATE,
             "Answers only to its AE title spelled so, letter by letter (else 1/1/7).",
             "Somebody typed the title into the server's own settings, and nobody compared.",
             change=changes.called_title),
        Knob(CONFIGURATION, "calling-title", _choice(changes.SPELLINGS), "case", ASSOCIATE,
             "Has whoever calls in its table, with the title spelled so (else 1/1/3).",
             "The request form said ct1, the modality says CT1.",
             change=changes.calling_title),
        Knob(CONFIGURATION, "limit", NOTHING, "", ASSOCIATE,
             "Rejects for now: too many associations (2/3/2).",
             "Callers leave associations open, or a licence allows two.",
             change=changes.reject, fixed=(2, 3, 2)),
        Knob(CONFIGURATION, "reject", REJECTION, "1/1/1", ASSOCIATE,
             "Rejects with this result, source and reason, defined or not (PS3.8 Table 9-21).",
             "1/1/1 is the answer of many to an address that they do not know.",
             change=changes.reject),
        Knob(CONFIGURATION, "no-verification", NOTHING, "", ASSOCIATE,
             "Refuses every presentation context: abstract syntax not supported (3).",
             "A storage node on which Verification was never switched on.",
             change=changes.refuse, fixed=3),
        Knob(CONFIGURATION, "explicit-only", NOTHING, "", ASSOCIATE,
             "Takes only Explicit VR Little Endian; other proposals get the result 4.",
             "A viewer that was told to refuse Implicit VR, the one that everybody has to take.",
             setting="transfer_syntaxes", fixed=(names.EXPLICIT_VR_LITTLE_ENDIAN,)),
        Knob(CONFIGURATION, "user-rejection", NOTHING, "", ASSOCIATE,
             "Refuses every presentation context: user rejection (1).",
             "The caller has no permission for this service.",
             change=changes.refuse, fixed=1),
        Knob(CONFIGURATION, "no-reason", NOTHING, "", ASSOCIATE,
             "Refuses every presentation context: no reason (2).",
             "Too many contexts were proposed, or a toolkit's default.",
             change=changes.refuse, fixed=2),
        Knob(CONFIGURATION, "refuse", BYTE, "1", ASSOCIATE,
             "Refuses every presentation context with this result, defined or not.",
             "A result above 4 comes from home-made servers.",
             change=changes.refuse),
        Knob(CONFIGURATION, "taken-port", _choice(changes.APPLICATIONS), "http", BOTH,
             "Another application has the port, and answers as it is used to.",
             "Two services were set up for one port; the one that started first has it.",
             change=changes.taken_port),
        Knob(CONFIGURATION, "wrong-port", NOTHING, "", START,
             "Listens at another port: at the given one, connections are refused.",
             "104 here, 11112 there; or the service did not start.",
             setting="front", fixed=changes.wrong_port),
        Knob(CONFIGURATION, "wrong-interface", NOTHING, "", START,
             "Listens at another address of this machine: at the given one, nobody does.",
             "Bound to localhost, or to the network card of the modalities.",
             setting="front", fixed=changes.wrong_interface),
        Knob(CONFIGURATION, "tls", NOTHING, "", BYTES,
             "Expects TLS from the first byte: OpenSSL hears what comes. It has no certificate, "
             "so that a TLS client gets the alert handshake_failure.",
             "The archive was secured over the weekend, the modality was not.",
             change=changes.tls),
        Knob(ASSOCIATION, "abort", ABORTION, "0/0", INSTEAD,
             "Aborts with this source and reason, defined or not (PS3.8 Table 9-26).",
             "Applications that refuse a caller this way, or break on what they read.",
             change=changes.abort),
        Knob(ASSOCIATION, "unanswered-context", NOTHING, "", ASSOCIATE,
             "Leaves the first presentation context without an answer.",
             "A server that answers only what it takes.",
             change=changes.remove(AC, FIRST_CONTEXT)),
        Knob(ASSOCIATION, "strange-context", BYTE, "99", ASSOCIATE,
             "Answers the first presentation context under this ID.",
             "A server that numbers contexts anew.",
             change=changes.override(AC, f"{FIRST_CONTEXT}/Presentation-context-ID")),
        Knob(ASSOCIATION, "transfer-syntax", UID, "1.2.840.10008.1.2.2", ASSOCIATE,
             "Accepts the first presentation context with this transfer syntax, proposed or not.",
             "A server that names the one it likes best.",
             change=changes.override(AC, f"{FIRST_CONTEXT}/Transfer Syntax/Transfer-syntax-name")),
        Knob(ASSOCIATION, "no-user-information", NOTHING, "", ASSOCIATE,
             "Accepts without the User Information item.",
             "Home-made servers; pynetdicom 3.0.4 as a caller fails with a TypeError.",
             change=changes.remove(AC, "User Information")),
        Knob(ASSOCIATION, "max-length", NUMBER, "7", ASSOCIATE,
             "Says that it takes PDUs of this length only; 0 is no limit (PS3.8 D.1).",
             "Somebody took the field for kilobytes.",
             change=changes.override(AC, "Maximum-length-received")),
        Knob(ASSOCIATION, "close", NOTHING, "", INSTEAD,
             "Closes the connection (FIN) in place of an answer.",
             "A list of allowed addresses, a load balancer with nobody behind it, a crash.",
             change=changes.close),
        Knob(ASSOCIATION, "reset", NOTHING, "", INSTEAD,
             "Resets the connection (RST) in place of an answer.",
             "A firewall that cuts in, a process that was killed.",
             change=changes.reset),
        Knob(DIMSE, "status", STATUS, "0122", MESSAGE,
             "Answers with this status, and with an Error Comment if there is one.",
             "0122H where Verification is off, 0110H where the data base is down.",
             change=changes.give_status),
        Knob(DIMSE, "message-id", US, "99", MESSAGE,
             "Answers another Message ID.",
             "A gateway that mixes up two callers.",
             change=changes.override(RSP, "Message ID Being Responded To")),
        Knob(DIMSE, "context-id", BYTE, "3", MESSAGE,
             "Answers in another presentation context.",
             "A gateway that numbers contexts on its own.",
             change=changes.override(RSP, "PDV/Presentation-context-ID")),
        Knob(DIMSE, "command-field", HEX_US, "8001", MESSAGE,
             "Answers with this Command Field: another message.",
             "A server that copies the request (0030H), or has one answer for all.",
             change=changes.override(RSP, "Command Field")),
        Knob(DIMSE, "announces-data-set", NOTHING, "", MESSAGE,
             "Announces a data set that does not come.",
             "A server that took 0101H for yes.",
             change=changes.override(RSP, "Command Data Set Type", DATA_SET_FOLLOWS)),
        Knob(DIMSE, "no-status", NOTHING, "", MESSAGE,
             "Answers without a status.",
             "Home-made servers, to which no error is success.",
             change=changes.remove(RSP, "Status")),
        Knob(DIMSE, "twice", NOTHING, "", MESSAGE,
             "Answers twice.",
             "A gateway that tries again, and is heard twice.",
             change=changes.twice),
        Knob(RELEASE, "release-collision", NOTHING, "", MESSAGE,
             "Asks for the release itself, right after its answer.",
             "A server in a hurry; only requestors should ask (PS3.7 A.5).",
             change=changes.collide),
        Knob(WIRE, "http", NOTHING, "", ANSWER,
             "Answers as a web server does: HTTP 400, then FIN.",
             "The port of DICOMweb or of the web viewer was entered.",
             change=changes.http),
        Knob(WIRE, "ssh", NOTHING, "", BOTH,
             "Greets as an SSH server does, and hangs up on what is no greeting.",
             "Port 22 was entered.",
             change=changes.ssh),
        Knob(WIRE, "tls-alert", NOTHING, "", INSTEAD,
             "Answers with the TLS alert handshake_failure, then FIN.",
             "A TLS server that tells plain callers what it thinks of them.",
             change=changes.tls_alert),
        Knob(WIRE, "noise", SIZE, "64", INSTEAD,
             "Sends so many random bytes in place of an answer; the seed says which.",
             "A serial converter, a broken tunnel.",
             change=changes.noise),
        Knob(WIRE, "reserved", HEX_BYTE, "FF", EACH,
             "Sets all reserved bytes to this value: receivers do not test them.",
             "Buffers that nobody cleared.",
             change=changes.set_reserved),
        Knob(WIRE, "item-type", HEX_BYTE, "5F", ASSOCIATE,
             "Sends the Implementation Version Name as an item of this type: unknown ones are "
             "skipped.",
             "Extensions of a vendor or of a later edition; pynetdicom 3.0.4 aborts.",
             change=changes.override(AC, "Implementation Version Name/Item-type")),
        Knob(WIRE, "item-length", SHIFT, "+10", ASSOCIATE,
             "Gives the first presentation context a length that is wrong by so much.",
             "Home-made encoders that count the header, or forget it.",
             change=changes.shift(AC, f"{FIRST_CONTEXT}/Item-length")),
        Knob(WIRE, "pdv-length", SHIFT, "+10", MESSAGE,
             "Gives the PDV a length that is wrong by so much.",
             "Home-made encoders that forget the two bytes behind the length.",
             change=changes.shift(RSP, "PDV/Item-length")),
        Knob(WIRE, "pdu-length", SHIFT, "+10", ANSWER,
             "Gives the PDU a length that is wrong by so much.",
             "Home-made encoders that count the header.",
             change=changes.shift(ANY, "PDU-length")),
        Knob(WIRE, "pdu-type", HEX_BYTE, "0A", ANSWER,
             "Sends the PDU with this type.",
             "A stream that lost its step.",
             change=changes.override(ANY, "PDU-type")),
        Knob(WIRE, "one-segment", NOTHING, "", MESSAGE,
             "Cuts the response into two P-DATA-TFs that come in one segment, as they may.",
             "Every server, sooner or later; clients fail that read one PDU at a time.",
             change=changes.one_segment),
        Knob(SEGMENTS, "header-apart", NOTHING, "", EACH,
             "Sends the header of each PDU, and then the rest.",
             "Toolkits that write header and content one after the other.",
             change=changes.header_apart),
        Knob(SEGMENTS, "split", SIZE, "3", EACH,
             "Sends the first N bytes of each PDU, and then the rest.",
             "Any network may do this, tunnels do it often.",
             change=changes.split),
        Knob(SEGMENTS, "bytewise", SECONDS, "0.001", EACH,
             "Sends each byte alone, so many seconds apart.",
             "Serial converters; a test that every client should pass.",
             change=changes.bytewise),
        Knob(SEGMENTS, "half", NOTHING, "", ANSWER,
             "Sends half a PDU, then resets the connection (RST).",
             "A server that crashes as it answers.",
             change=changes.half),
        Knob(TIMING, "delay", SECONDS, "0.5", EACH,
             "Waits so long before each answer.",
             "A busy archive, a slow line, a name server that is looked up in vain.",
             change=changes.delay),
        Knob(TIMING, "late", SECONDS, "15", ANSWER,
             "Answers when most requestors have given up.",
             "A tape library; a data base that locks.",
             change=changes.delay),
        Knob(TIMING, "silent", NOTHING, "", INSTEAD,
             "Never answers, and does not hang up.",
             "A process that hangs; something that is no DICOM and waits for more.",
             change=changes.silent),
        Knob(TIMING, "never-accepts", NOTHING, "", START,
             "Listens and takes up no connection. The queue is filled, so that Linux leaves a SYN "
             "without an answer; elsewhere it may be refused.",
             "A process that hangs and has used up its queue; a firewall looks the same.",
             setting="front", fixed=changes.never_accepts),
        Knob(TIMING, "idle-abort", SECONDS, "0.2", START,
             "Aborts when so long no PDU has come.",
             "Archives that close what is idle, while the modality keeps it open all day.",
             setting="idle_timeout"),
        Knob(TIMING, "artim", SECONDS, "0.2", START,
             "Closes a connection that has not asked for an association so soon (ARTIM).",
             "Port scans and monitors that only connect.",
             setting="artim"),
        Knob(EXERCISE, "random", NOTHING, "", START,
             "One of all the others; the seed says which.",
             "Monday morning."),
    )
}  # fmt: skip


# --- a fault that is ordered ------------------------------------------------------------------


@dataclass(frozen=True, slots=True, repr=False)
class Fault:
    """A knob that is turned: ``reject=1/1/3``, ``delay=0.5@message``."""

    knob: Knob
    words: str  # its value, as it is typed
    at: tuple[str, ...]

    @classmethod
    def parse(cls, order: str) -> Self:
        """What is ordered; BuildError, with the nearest that there is, for what cannot be."""
        if not isinstance(order, str):
            raise BuildError(f"{order!r} is no fault.", "Order each by itself, as in 'reject'.")
        before, _, moment = order.rpartition("@")
        if moment not in _MOMENTS:  # an Error Comment may hold any sign
            before, moment = order, ""
        name, equals, words = before.partition("=")
        if name not in KNOBS:
            meant = KNOBS.get(name.partition("@")[0])
            _refuse(f"there is no fault {name!r}.", name, KNOBS, meant)
        knob = KNOBS[name]
        if not equals:
            words = knob.default
        if moment and moment not in knob.when.choice:
            _refuse(f"{name} cannot be at the moment {moment!r}.", moment, (), knob)
        try:
            knob.takes.parse(words)
        except (KeyError, ValueError):
            _refuse(f"{name} cannot be {words!r}.", words, knob.takes.form.split("|"), knob)
        return cls(knob, words, (moment,) if moment else knob.when.at)

    @property
    def value(self) -> Any:
        """What its words mean."""
        return self.knob.takes.parse(self.words) if self.knob.fixed is None else self.knob.fixed

    def __repr__(self) -> str:
        return str(self)

    def __str__(self) -> str:
        value = f"={self.words}" if self.words else ""
        moment = f"@{self.at[0]}" if self.at != self.knob.when.at else ""
        return f"{self.knob.name}{value}{moment}"


def _refuse(what: str, words: str, known: Iterable[str], knob: Knob | None = None) -> NoReturn:
    near = difflib.get_close_matches(words, known, 1)
    if near:
        remedy = f"Did you mean {near[0]!r}?"
    else:
        remedy = f"Write {knob.form}." if knob else "`dicomlab scp --faults` lists them all."
    raise BuildError(what, remedy)


def pick(random: Random) -> Fault:
    """Any fault, at any of its moments."""
    knob = random.choice([one for one in KNOBS.values() if one.group != EXERCISE])
    return Fault(knob, knob.default, random.choice([*zip(knob.when.choice)] or [knob.when.at]))


def explained() -> Iterator[str]:
    """The table, in lines to be read."""
    yield "A fault is NAME, NAME=VALUE, NAME@MOMENT or NAME=VALUE@MOMENT."
    yield "In brackets: what is taken where a value or a moment is left out."
    group = ""
    for knob in KNOBS.values():
        if knob.group != group:
            group = knob.group
            yield f"\n{group}"
        moment = f"@{' @'.join(knob.when.at)}" if knob.when.choice else ""
        usual = " ".join(one for one in (knob.default, moment) if one)
        yield f"  {knob.form}" + (f"  ({usual})" if usual else "")
        yield f"      {knob.does}"
        yield f"      {knob.met}"


class FaultSCP(EchoSCP):
    """A Verification SCP with faults: ``FaultSCP("reject=1/1/3", "delay=0.5@message")``.

    What can be ordered: KNOBS, or ``dicomlab scp --faults``. A value that is left out has its
    default; ``@`` and a moment say when, where that can be chosen. The same ``seed`` gives the same
    bytes, connection by connection. All else is as with EchoSCP, and without faults everything.
    Raises BuildError for what cannot be ordered.
    """

    def __init__(
        self, *faults: str, ae_title: str = "ECHOSCP", seed: int = 0, **options: Any
    ) -> None:
        super().__init__(ae_title, **options)
        self.seed = seed
        self.front: Front | None = None  # what stands at the address in our place
        self._held = ExitStack()
        random, ordered = Random(seed), map(Fault.parse, faults)
        on = [pick(random) if one.knob.group == EXERCISE else one for one in ordered]
        self.faults: tuple[Fault, ...] = tuple(sorted(on, key=lambda one: _ORDER[one.knob.name]))
        self._moments = {moment for fault in self.faults for moment in fault.at}
        for fault in self.faults:
            if fault.knob.setting is not None:
                setattr(self, fault.knob.setting, fault.value)

    # --- where a fault can come in ------------------------------------------------------------

    def listen(self, host: str, port: int) -> tuple[socket.socket, tuple[str, int]]:
        """The socket that takes connections, and the address that callers are told."""
        if self.front is None:
            return super().listen(host, port)
        with ExitStack() as held:
            found = self.front(host, port, held)
            self._held = held.pop_all()
        return found

    def stop(self) -> None:
        """Abort what is open and close, at once."""
        super().stop()
        self._held.close()

    def opens(self, connection: Connection) -> list[Act]:
        """What is done as soon as the connection stands."""
        # a word as a seed: the same number on every machine and in every run
        scene = Scene(self.ae_title, connection, Random(f"{self.seed} {connection.number}"))
        connection.own = scene
        return self._changed([], scene)

    def hears(self, connection: Connection, data: bytes) -> Sequence[Act]:
        """What is done with bytes as they come: the upper layer takes them, unless TLS does."""
        if "bytes" not in self._moments:
            return super().hears(connection, data)
        scene: Scene = connection.own
        self._note(connection, "requestor", data, connection.layer.state)
        scene.moment, scene.data = "bytes", data
        return self._changed([], scene)

    def replies(self, connection: Connection, received: Received) -> Iterator[Act]:
        """The answer to an A-ASSOCIATE-RQ, a message, an A-RELEASE-RQ, with all faults."""
        moment = _ANSWERING.get(received.step.next, "")
        if moment not in self._moments:
            yield from super().replies(connection, received)
            return
        good = self.answers(connection, received)
        said: Acts = [one.draft() if isinstance(one, Response) else one for one in good]
        if said:
            scene: Scene = connection.own
            scene.moment, scene.request = moment, received
            yield from self._changed(said, scene)

    def _changed(self, acts: Acts, scene: Scene) -> list[Act]:
        """The acts with all faults of the moment, as they are sent."""
        for fault in self.faults:
            knob = fault.knob
            if knob.change is None or scene.moment not in fault.at:
                continue
            if knob.group in _SENT:
                acts = changes.encoded(acts, scene)
            with suppress(BuildError, PeerError):  # what it changes is not there
                acts = knob.change(acts, fault.value, scene)
        return changes.encoded(acts, scene)


_ORDER = {name: number for number, name in enumerate(KNOBS)}
