"""A busy site as a capture: thousands of differing associations, of which every ninth fails.

Its PDUs are made by drafts and wrapped in made-up TCP/IP: 5,000 associations take a second.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path

from dicomlab.dissect.pcap import Writer
from dicomlab.dissect.synth import TcpConversation
from dicomlab.model import Endpoint, Side
from dicomlab.protocol.build import build

MORNING = 1_790_000_000_000_000_000
MILLISECOND = 1_000_000
FAILING = 9  # every so many-th association fails
TITLES, ACCEPTORS = 97, 7

Said = tuple[tuple[Side, bytes], ...]
RELEASE: Said = (
    ("requestor", bytes(build("A-RELEASE-RQ"))),
    ("acceptor", bytes(build("A-RELEASE-RP"))),
)
CLIENT_HELLO = b"\x16\x03\x01\x00\x2e\x01\x00\x00\x2a\x03\x03" + bytes(range(37))


def write(path: Path, associations: int) -> Path:
    """Write a capture of so many associations, and some connections without one among them."""
    with Writer(path) as writer:
        for number in range(associations):
            begins = MORNING + number * 7 * MILLISECOND
            lasts = (100 + number * 37 % 9_000) * 1_000  # nanoseconds from packet to packet
            for at, packet in enumerate(packets(number)):
                writer.packet(begins + at * lasts, packet)
            if number % 200 == 100:
                for packet in stray(number):
                    writer.packet(begins, packet)
    return path


def packets(number: int) -> Iterator[bytes]:
    """The packets of the association of that number."""
    conversation = TcpConversation(*ends(number))
    yield from conversation.open()
    for sender, said in talk(number):
        yield from conversation.data(sender, said)
    yield from conversation.close("requestor")
    yield from conversation.close("acceptor")


def stray(number: int) -> Iterator[bytes]:
    """The packets of a connection that was refused, or is TLS, or is a browser's."""
    requestor, acceptor = ends(number)
    conversation = TcpConversation(Endpoint("10.9.9.9", requestor.port), acceptor)
    way = number // 200 % 3
    if way == 0:
        yield from conversation.refuse()
        return
    yield from conversation.open()
    yield from conversation.data(
        "requestor", CLIENT_HELLO if way == 1 else b"GET / HTTP/1.1\r\n\r\n"
    )
    yield from conversation.close("acceptor")
    yield from conversation.close("requestor")


def ends(number: int) -> tuple[Endpoint, Endpoint]:
    """Who calls whom."""
    return (
        Endpoint(f"10.{number // 50_000}.0.{1 + number % TITLES}", 1024 + number % 50_000),
        Endpoint(f"10.0.1.{1 + number % ACCEPTORS}", 11112),
    )


def talk(number: int) -> Said:
    """What is said in the association of that number."""
    names = f"MODALITY{number % TITLES}", f"ARCHIVE_{number % ACCEPTORS}"
    fails, way = number % FAILING == 0, number // FAILING % 6
    if not fails:
        return *opening(*names), *echos(1 + number % 5), *RELEASE
    if way == 0:
        return *opening(names[0], "NOBODY")[:1], rejection(7)
    if way == 1:
        return *opening("STRANGER", names[1])[:1], rejection(3)
    if way == 2:
        return *opening(*names), *echos(1, status=0x0122), *RELEASE
    if way == 3:
        return *opening(*names), *echos(1)[:1], ("acceptor", bytes(build("A-ABORT", source=0)))
    if way == 4:
        return opening(*names)[:1]  # and no answer
    return *opening(*names), *echos(1)  # and no release


@cache
def opening(calling: str, called: str) -> Said:
    titles = {"calling_ae_title": calling, "called_ae_title": called}
    request, accept = build("A-ASSOCIATE-RQ", **titles), build("A-ASSOCIATE-AC")
    accept.override("Reserved (echo of Called-AE-title)", bytes(request)[10:26])
    accept.override("Reserved (echo of Calling-AE-title)", bytes(request)[26:42])
    return ("requestor", bytes(request)), ("acceptor", bytes(accept))


@cache
def rejection(reason: int) -> tuple[Side, bytes]:
    return "acceptor", bytes(build("A-ASSOCIATE-RJ", result=1, source=1, reason_diag=reason))


@cache
def echos(number: int, status: int = 0) -> Said:
    said: list[tuple[Side, bytes]] = []
    for ident in range(1, number + 1):
        rsp = build("C-ECHO-RSP", message_id_being_responded_to=ident, status=status)
        said += [
            ("requestor", bytes(build("C-ECHO-RQ", message_id=ident))),
            ("acceptor", bytes(rsp)),
        ]
    return tuple(said)
