"""What a seed deals for an exam: bytes, a conversation, a stranger's capture, two sealed sites."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from functools import cache, cached_property
from pathlib import Path
from random import Random

from dicomlab.exercises.cases import ARCHIVES, CASES, MACHINES, WARDS
from dicomlab.exercises.notes import Note
from dicomlab.exercises.retold import MORNING, retold, write
from dicomlab.exercises.sites import BrokenSite, sealed
from dicomlab.exercises.stranger import Hospital, hospital
from dicomlab.model import Association, Endpoint, Field, Finding, Pdu, PeerError, Role
from dicomlab.net.faults import FaultSCP
from dicomlab.net.scu import SCU
from dicomlab.protocol.build import Draft, build
from dicomlab.protocol.codec import decode
from dicomlab.protocol.mistakes import MISTAKES, Mistake
from dicomlab.spec.names import EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN, VERIFICATION

# --- what a seed draws from -----------------------------------------------------------------------

_BIG_ENDIAN = "1.2.840.10008.1.2.2"
_BOTH = (IMPLICIT_VR_LITTLE_ENDIAN, EXPLICIT_VR_LITTLE_ENDIAN)
_IMAGES = (  # CT, MR, ultrasound, Secondary Capture, angiography: no Verification SCP takes them
    "1.2.840.10008.5.1.4.1.1.2",
    "1.2.840.10008.5.1.4.1.1.4",
    "1.2.840.10008.5.1.4.1.1.6.1",
    "1.2.840.10008.5.1.4.1.1.7",
    "1.2.840.10008.5.1.4.1.1.12.1",
)
Offer = tuple[str, tuple[str, ...]]  # an abstract syntax and its transfer syntaxes
_TAKEN: tuple[Offer, ...] = (
    (VERIFICATION, (IMPLICIT_VR_LITTLE_ENDIAN,)),
    (VERIFICATION, (EXPLICIT_VR_LITTLE_ENDIAN,)),
    (VERIFICATION, (_BIG_ENDIAN, *_BOTH)),
)
_REFUSED: tuple[Offer, ...] = ((VERIFICATION, (_BIG_ENDIAN,)), *((uid, _BOTH) for uid in _IMAGES))
_CONTEXT_IDS = range(1, 32, 2)
_MAXIMUM_LENGTHS = (8192, 16382, 16384, 28672, 32768, 65536, 131072)
_PLACES = ("User Information", "Maximum Length", "Implementation Class UID")
_IN_A_CONTEXT = ("", "/Abstract Syntax", "/Transfer Syntax[0]")
_STATUSES = (0x0122, 0x0210, 0x0211, 0x0212)  # PS3.7 9.1.5.1.4

Step = Callable[[SCU], None]
_ENDINGS: tuple[tuple[tuple[str, ...], Step | None], ...] = (  # a fault, or what the SCU does
    ((), SCU.release),
    ((), SCU.abort),
    ((), SCU.close),
    (("abort@message",), None),
    (("close@message",), None),
)

_ENDS = Endpoint("10.20.4.31", 50_112), Endpoint("10.20.8.11", 11_112)  # of the conversation
_SITES = 2  # that are sealed, and as many machines of the stranger that fail


class Papers:
    """All that is dealt, and what is sealed of it. What has to run, runs when it is asked for."""

    def __init__(self, seed: str) -> None:
        self.seed = seed
        contexts, self.request = _request(self._random("request"))
        self.place = _place(self._random("place"), contexts)
        random = self._random("message")
        self.message = bytes(_echo(random))
        self.status = random.choice(_STATUSES)
        self.broken, self.mistake, self.wrong = _broken(self._random("broken"))
        cases = self._random("cases").sample(CASES, 2 * _SITES)
        first, second = cases[:_SITES], cases[_SITES:]
        self.failing = [BrokenSite(one, at, f"{seed} C") for at, one in enumerate(first, 1)]
        self.sites = tuple(SealedSite(one, at, f"{seed} D") for at, one in enumerate(second, 1))

    def _random(self, what: str) -> Random:
        """What one part is dealt from: a word as a seed, the same on every machine."""
        return Random(f"exam {self.seed} {what}")

    @cached_property
    def field(self) -> Field:
        """What stands in ``request`` at ``place``."""
        return decode(self.request)[0][self.place]

    @property
    def clauses(self) -> list[str]:
        """Those of the findings that give away what is wrong, of the failing and the sealed."""
        return [sealed(one).clause for one in (*self.failing, *self.sites)]

    # --- a conversation -----------------------------------------------------------------------

    @cached_property
    def conversation(self) -> Association:
        """``request`` sent to an SCP, and what became of it. No verdict is given."""
        random = self._random("conversation")
        faults, end = random.choice(_ENDINGS)
        with FaultSCP(*faults) as scp, SCU(*scp.address) as scu:
            scu.send(self.request)
            accepted = _accepted(scu.receive())
            for _ in range(random.randint(1, 3)):
                scu.send(_echo(random, accepted))
                with suppress(PeerError):  # it closed, as it was ordered to
                    scu.receive()
                if scu.state != "Sta6":
                    break
            if end is not None:
                end(scu)
        told = retold(scu.log, MORNING, *_ENDS, random)
        return replace(told.capture.associations[0], verdict=None)

    @cached_property
    def moment(self) -> int:
        """The index of a PDU of the conversation that moved both ends to other states."""
        pdus = self.conversation.pdus
        moving = [at for at, one in enumerate(pdus) if one.type != "P-DATA-TF"]
        return self._random("moment").choice(moving)

    # --- a stranger's capture -----------------------------------------------------------------

    @cached_property
    def hospital(self) -> Hospital:
        """What the stranger recorded, and what is true of it."""
        return hospital(self._random("hospital"), self.failing)

    @cached_property
    def stranger(self) -> Path:
        """A capture file, which lives as long as the exam."""
        folder = tempfile.mkdtemp(prefix="dicomlab-")
        weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        path = Path(folder, "stranger.pcapng")
        write(path, self.hospital.conversations)
        return path


class SealedSite(BrokenSite):
    """A broken site of an exam, which says nothing of what is wrong with it."""

    def answer(self, _: object) -> Note:
        """Nothing: the exam takes the answers."""
        return Note(False, "In an exam the answer goes to exam.answer(…).")

    def open(self) -> Note:
        """Nothing: what was wrong stands in what handing in gives."""
        return Note(False, "Sealed until exam.hand_in(), which says what was wrong.")


# --- bytes ----------------------------------------------------------------------------------------


def _titles(random: Random) -> dict[str, str]:
    """Two AE titles, as build() takes them."""
    return {
        "called_ae_title": random.choice(ARCHIVES),
        "calling_ae_title": f"{random.choice(list(MACHINES))}_{random.choice(WARDS)}",
    }


def _request(random: Random) -> tuple[list[int], bytes]:
    """The IDs of its presentation contexts, and an A-ASSOCIATE-RQ of which a part is taken."""
    offers = [*random.sample(_TAKEN, random.randint(1, 2)), *random.sample(_REFUSED, 3)]
    random.shuffle(offers)
    ids = sorted(random.sample(_CONTEXT_IDS, len(offers)))
    draft = build(
        "A-ASSOCIATE-RQ",
        **_titles(random),
        presentation_context=[],
        maximum_length_received=random.choice(_MAXIMUM_LENGTHS),
    )
    for ident, (abstract, transfers) in zip(ids, offers, strict=True):
        draft.add(
            "Presentation Context",
            presentation_context_id=ident,
            abstract_syntax=abstract,
            transfer_syntax=list(transfers),
        )
    return ids, bytes(draft)


def _place(random: Random, ids: list[int]) -> str:
    """The path of an item or sub-item of the request."""
    context = f"Presentation Context[id={random.choice(ids[1:])}]"
    return random.choice([*_PLACES, *(context + one for one in _IN_A_CONTEXT)])


def _echo(random: Random, contexts: list[int] | range = _CONTEXT_IDS) -> Draft:
    """A C-ECHO-RQ whose message ID looks otherwise in the wrong byte order."""
    number = random.randrange(1, 1 << 8) << 8 | random.randrange(1, 1 << 8)
    return build("C-ECHO-RQ", message_id=number, presentation_context_id=random.choice(contexts))


@cache
def plain_mistakes() -> tuple[tuple[str, Mistake], ...]:
    """The mistakes that show at one field, each with the name of its draft."""
    mistakes = ((name, one) for name, some in MISTAKES.items() for one in some)
    return tuple(both for both in mistakes if _made(build(both[0]), both[1]) is not None)


def _broken(random: Random) -> tuple[bytes, Mistake, Finding]:
    """A PDU with one of these mistakes, and its finding."""
    name, mistake = random.choice(plain_mistakes())
    draft = _echo(random) if name == "C-ECHO-RQ" else build(name, **_titles(random))
    found = _made(draft, mistake)
    assert found is not None  # it does not depend on titles and numbers
    return bytes(draft), mistake, found


def _made(draft: Draft, mistake: Mistake) -> Finding | None:
    """The finding of a mistake that is made in a draft, if it alone is there, at one field."""
    mistake.edit.apply(draft)
    found = [one for pdu in draft.pdus for one in pdu.findings]
    if len(found) != 1 or len(draft.pdus) != 1 or found[0].code != mistake.code:
        return None
    fields = {leaf.span for leaf in draft.pdu.leaves() if leaf.role is not Role.PAYLOAD}
    return found[0] if found[0].span in fields else None


def _accepted(answer: Pdu) -> list[int]:
    """The IDs of the presentation contexts that an A-ASSOCIATE-AC accepts."""
    items: Iterator[Field] = (one for one in answer.fields if one.name == "Presentation Context")
    return [
        item["Presentation-context-ID"].value for item in items if item["Result/Reason"].value == 0
    ]
