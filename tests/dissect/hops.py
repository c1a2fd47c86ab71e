"""Conversations in which a RST comes over other hops than its sender's packets."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from dicomlab.dissect.synth import TcpConversation
from dicomlab.model import Endpoint, Side
from dicomlab.protocol.build import build
from tests.dissect import variations as v

CLIENT, SERVER = Endpoint("10.0.0.1", 40000), Endpoint("10.0.0.2", 104)
CLIENT_6, SERVER_6 = Endpoint("fd00::1", 40000), Endpoint("fd00::2", 104)
RQ, AC = bytes(build("A-ASSOCIATE-RQ")), bytes(build("A-ASSOCIATE-AC"))
ECHO = bytes(build("C-ECHO-RQ", message_id=1, presentation_context_id=1))
ECHOED = bytes(build("C-ECHO-RSP", message_id_being_responded_to=1, presentation_context_id=1))
SECOND = 10**9
Talk = list[tuple[Side, bytes | None]]  # None: reset
REFUSED: Talk = []  # what is said to a port at which nobody listens


def hopping(ip: bytes, hops: int) -> bytes:
    """The packet with that TTL or hop limit."""
    at = 7 if ip[0] >> 4 == 6 else 8
    return ip[:at] + bytes([hops]) + ip[at + 1 :]


def conversation(
    talk: Talk,
    *,
    hops: int = 121,
    reset: int = 121,
    requestor: Endpoint = CLIENT,
    acceptor: Endpoint = SERVER,
) -> Iterator[bytes]:
    """IP packets: the acceptor's come with these ``hops``, its RST with those of ``reset``."""
    tcp = TcpConversation(requestor, acceptor)
    packets = [*(tcp.open() if talk else tcp.refuse())]
    for sender, said in talk:
        packets += tcp.reset(sender) if said is None else tcp.data(sender, said)
    for one in packets:
        _, payload = v.split(one)
        ports = payload[:2], payload[2:4]
        if ports[0] == acceptor.port.to_bytes(2, "big"):
            one = hopping(one, reset if payload[13] & v.RST else hops)
        yield one


def packets(ips: Iterable[bytes], apart: int = 1000) -> v.Packets:
    """Packets as a capture of raw IP has them."""
    return [v.packet(SECOND + n * apart, v.RAW, one) for n, one in enumerate(ips)]


def written(folder: Path, found: v.Packets) -> Path:
    """The packets as a file."""
    path = folder / "reset.pcapng"
    path.write_bytes(v.plain(found))
    return path
