"""The first conversation, told in a terminal: build a C-ECHO, send it, record it, see it."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import dicomlab as dl
from dicomlab.model import (
    Association,
    Capture,
    CaptureError,
    Drawn,
    Pdu,
    PeerError,
    printable,
)
from dicomlab.protocol.build import Draft
from dicomlab.recording.opinion import SecondOpinion, second_opinion
from dicomlab.slides import save
from dicomlab.spec.names import IMPLICIT_VR_LITTLE_ENDIAN, VERIFICATION
from dicomlab.views import contract
from dicomlab.views.text import show

REQUESTOR, ACCEPTOR = "TRAINEE", "ARCHIVE"
WIDTH = 100  # columns

Peer = Literal["dicomlab", "pynetdicom"]
Method = Literal["auto", "live", "relay"]


@dataclass(frozen=True, slots=True)
class Step:
    """A field that is set, and what there is to know about it."""

    path: str
    value: Any
    says: str


@dataclass(frozen=True, slots=True)
class Chapter:
    """A PDU that is built, field by field, and the PDU that answers it."""

    name: str
    variable: str
    says: str
    steps: tuple[Step, ...]
    answer: str


BEGINNING = f"""
{REQUESTOR} asks {ACCEPTOR}: do you hear me, and do you speak DICOM? The service is called
Verification, its message C-ECHO. The one who asks is the SCU (service class user), the one who
answers the SCP (service class provider). Six PDUs go over the wire, three each way. First we build
the three that {REQUESTOR} sends. What we do not set has a sensible value already, and every length
follows by itself.
"""

CHAPTERS = (
    Chapter(
        "A-ASSOCIATE-RQ",
        "request",
        "Before anything else the two agree: who calls whom, about what, in which encoding.",
        (
            Step(
                "Called-AE-title",
                ACCEPTOR,
                "The application that we call. Always 16 bytes: spaces (20H) fill the rest.",
            ),
            Step(
                "Calling-AE-title",
                REQUESTOR,
                "Who is calling. Many an archive answers only those whom it knows by name.",
            ),
            Step(
                "Abstract-syntax-name",
                VERIFICATION,
                "What we want to talk about: the Verification service, by its UID.",
            ),
            Step(
                "Transfer-syntax-name",
                IMPLICIT_VR_LITTLE_ENDIAN,
                "How data would be encoded: Implicit VR Little Endian, which everybody knows.",
            ),
            Step(
                "Presentation-context-ID",
                1,
                "The number of this offer, always odd. Whatever follows refers to it.",
            ),
            Step(
                "Maximum-length-received",
                16384,
                "The longest P-DATA-TF that we take. Numbers in PDUs are big endian.",
            ),
        ),
        f"{ACCEPTOR} accepts: the Result/Reason of our presentation context is 0. Where the "
        "request named the two applications, the answer has reserved fields. They echo the names, "
        "and nobody reads them.",
    ),
    Chapter(
        "C-ECHO-RQ",
        "question",
        "The question itself: a DIMSE message, carried by a P-DATA-TF.",
        (
            Step("Presentation-context-ID", 1, "Under which of the offers we speak."),
            Step(
                "Message ID",
                7,
                "The answer repeats this number. Inside the message the low byte comes first.",
            ),
        ),
        "Built like the question, with the same Message ID, and with what we wanted to hear: "
        "Status 0000H, success.",
    ),
    Chapter(
        "A-RELEASE-RQ",
        "goodbye",
        "Saying goodbye: ten bytes, always the same. There is nothing to set.",
        (),
        "Agreed. With this the association is over, and the connection closes.",
    ),
)


def tell(
    out: Path, *, peer: Peer = "dicomlab", method: Method = "auto", color: bool = False
) -> Iterator[str]:
    """The whole conversation, as pieces of text; its files are left in ``out``.

    Raises PeerError if the C-ECHO does not succeed, CaptureError if it cannot be recorded.
    """
    out.mkdir(parents=True, exist_ok=True)
    yield heading("Two applications, one question")
    yield prose(BEGINNING)
    drafts = []
    for chapter in CHAPTERS:
        drafts.append(draft := dl.build(chapter.name))
        yield heading(f"Build: {chapter.name}")
        yield prose(chapter.says)
        yield from built(draft, chapter)
        yield show(draft, color=color)

    yield heading("Send and record")
    path = out / "conversation.pcapng"
    with acceptor(peer) as address, dl.record(address, method=method, path=path) as recording:
        yield prose(
            f"{ACCEPTOR}, made with {peer}, listens at {address[0]} port {address[1]}. "
            f"The way of recording is '{recording.method}'."
        )
        for limit in recording.limits:
            yield prose(limit)
        with dl.SCU(*recording.address) as scu:
            for draft in drafts:
                scu.send(draft)
                yield arrow("->", draft.pdu)
                yield arrow("<-", scu.receive())
    capture = recording.capture
    association = successful(capture)

    answers = [pdu for pdu in association.pdus if pdu.sender == "acceptor"]
    for chapter, pdu in zip(CHAPTERS, answers, strict=True):
        yield heading(f"Read: the answer to the {chapter.name}")
        yield prose(chapter.answer)
        yield show(pdu, color=color)

    yield heading("The whole conversation")
    yield prose(
        "Time runs down. Sta1 to Sta13 are the states that the standard gives to each side "
        "(PS3.8 Table 9-10)."
    )
    yield show(association, color=color)

    yield heading("Wireshark's second opinion")
    try:
        yield from compared(second_opinion(capture))
    except CaptureError as error:
        yield prose(str(error))

    yield heading(f"In {printable(str(out))}")
    yield line(path.name, "the recording: Wireshark opens it, and so does `dicomlab dissect`")
    yield from keep(out, capture, association)


def built(draft: Draft, chapter: Chapter) -> Iterator[str]:
    """Set the fields of a chapter, one by one, and say what each is for."""
    yield f'  {chapter.variable} = dl.build("{chapter.name}")'
    for step in chapter.steps:
        draft[step.path] = step.value
        field = draft.pdu[step.path]
        leaf = field.children[-1] if field.children else field  # of an element, its value
        value = f'"{step.value}"' if isinstance(step.value, str) else step.value
        yield f'  {chapter.variable}["{step.path}"] = {value}'
        yield f"      {leaf.start:04X}  {leaf.raw.hex(' ').upper()}"
        yield f"      {step.says}"
    yield ""


def arrow(direction: str, pdu: Pdu) -> str:
    """A PDU on its way."""
    return f"  {REQUESTOR} {direction} {ACCEPTOR}  {pdu.name:<16} {len(pdu):>4} bytes"


@contextmanager
def acceptor(peer: Peer) -> Iterator[tuple[str, int]]:
    """An SCP that listens on loopback: ours, or pynetdicom's."""
    if peer == "dicomlab":
        with dl.EchoSCP(ACCEPTOR) as scp:
            yield scp.address
        return
    from pynetdicom import AE

    entity = AE(ACCEPTOR)
    entity.add_supported_context(VERIFICATION)
    server = entity.start_server(("127.0.0.1", 0), block=False)
    assert server is not None  # it is None only where the call blocks
    host, port, *_ = server.server_address
    try:
        yield str(host), int(port)
    finally:
        server.shutdown()


def compared(opinion: SecondOpinion) -> Iterator[str]:
    """What both say of each PDU, one below the other."""
    yield opinion.summary + "\n"
    for row in opinion.rows:
        _, ours, theirs, _, differences = row.cells
        yield f"  {'same' if row.agreed else 'DIFFERS'}  {ours}"
        yield f"        {theirs}"
        if differences:
            yield prose(differences)


def successful(capture: Capture) -> Association:
    """The association in which a C-ECHO succeeded, and which was released; else PeerError."""
    for one in capture.associations:
        statuses = [message.status for message in one.messages if message.type == "C-ECHO-RSP"]
        if statuses == [0x0000] and one.outcome.ended == "released":
            return one
    what = f"there is no C-ECHO that succeeded in {capture.file}."
    raise PeerError(what, "Look at it with `dicomlab dissect`.")


def keep(out: Path, capture: Capture, association: Association) -> Iterator[str]:
    """Write what is worth keeping beside the recording; a line for each."""
    data = out / "conversation.json"
    with data.open("w", encoding="utf-8") as file:
        contract.write(capture, file)
    yield line(data.name, "the same as data, as `dicomlab dissect --json` prints it")
    carried = {pdu: one.type for one in association.messages for pdu in one.pdus}
    for number, pdu in enumerate(association.pdus, 1):
        name = carried.get(number - 1) or pdu.name
        yield drawn(pdu, out / f"{number}-{name.lower()}", f"the bytes of the {name}")
    yield drawn(association, out / "sequence", "the message sequence")


def drawn(value: Drawn, path: Path, what: str) -> str:
    """Draw a value as SVG and as PNG; a line that says so."""
    written = save(value, path.with_suffix(".svg"), path.with_suffix(".png"))
    pages = f", {len(written) // 2} pages" if len(written) > 2 else ""
    return line(f"{path.name} .svg .png", f"{what}{pages}")


def line(name: str, what: str) -> str:
    """A file and what it is."""
    return f"  {name:<28}  {what}"


def heading(words: str) -> str:
    """A heading, with room above it."""
    return f"\n{words}\n{'=' * len(words)}"


def prose(words: str) -> str:
    """Words, wrapped."""
    return textwrap.fill(" ".join(words.split()), WIDTH) + "\n"
