"""A hospital's day as a capture: many associations, of which some fail."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from dicomlab.dissect.pcap import Writer
from dicomlab.dissect.synth import TcpConversation
from dicomlab.model import Endpoint
from dicomlab.protocol.build import build

MORNING = 1_790_000_000_000_000_000
SECOND = 1_000_000_000
ARCHIVE = Endpoint("10.0.0.100", 11112)


def opening(calling: str, called: str) -> list[tuple[str, bytes]]:
    request = build("A-ASSOCIATE-RQ", called_ae_title=called, calling_ae_title=calling)
    return [("requestor", bytes(request)), ("acceptor", bytes(build("A-ASSOCIATE-AC")))]


def echo(status: int = 0) -> list[tuple[str, bytes]]:
    question = build("C-ECHO-RQ", message_id=7, presentation_context_id=1)
    answer = build(
        "C-ECHO-RSP", message_id_being_responded_to=7, status=status, presentation_context_id=1
    )
    return [("requestor", bytes(question)), ("acceptor", bytes(answer))]


RELEASE = [
    ("requestor", bytes(build("A-RELEASE-RQ"))),
    ("acceptor", bytes(build("A-RELEASE-RP"))),
]


def rejection(calling: str, called: str) -> list[tuple[str, bytes]]:
    said = build("A-ASSOCIATE-RJ", result=1, source=1, reason_diag=7)
    return [*opening(calling, called)[:1], ("acceptor", bytes(said))]


def talk(number: int, failing: int) -> list[tuple[str, bytes]]:
    """What is said in the association of that number; each ``failing``-th fails in some way."""
    calling, called = f"MODALITY{number % 7}", ("ARCHIVE", "RIS")[number % 2]
    if failing and number % failing == failing - 1:
        way = number // failing % 3
        if way == 0:
            return rejection(calling, f"NOBODY{number % 5}")
        if way == 1:
            return [*opening(calling, called), *echo(0x0210), *RELEASE]
        abort = ("acceptor", bytes(build("A-ABORT", source=0, reason_diag=0)))
        return [*opening(calling, called), *echo()[:1], abort]
    return [*opening(calling, called), *echo(), *RELEASE]


def write(path: Path, associations: int, failing: int = 0, apart: int = SECOND) -> Path:
    """Write a capture of so many associations, each that much time after the other."""
    with Writer(path) as writer:
        for number in range(associations):
            for at, packet in enumerate(packets(number, failing)):
                writer.packet(MORNING + number * apart + at * 1_000_000, packet)
    return path


def packets(number: int, failing: int) -> Iterator[bytes]:
    client = Endpoint(f"10.0.{number // 50000}.{number % 200 + 1}", 1024 + number % 50000)
    conversation = TcpConversation(client, ARCHIVE)
    yield from conversation.open()
    for sender, said in talk(number, failing):
        yield from conversation.data(sender, said)
    yield from conversation.close("requestor")
    yield from conversation.close("acceptor")
