"""Conversations to record, and what a file says of one."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import dicomlab as dl
from dicomlab.dissect.network import FIN, RST, SYN, Network, Segment, endpoint
from dicomlab.dissect.pcap import Reader
from dicomlab.model import Side

Told = tuple[Side, str]
WHOLE = [("requestor", "SYN"), ("acceptor", "SYN"), ("requestor", "FIN"), ("acceptor", "FIN")]


def c_echo(host: str, port: int) -> None:
    """A whole C-ECHO with an EchoSCP of the AE title ARCHIVE."""
    with dl.SCU(host, port) as scu:
        scu.send(dl.build("A-ASSOCIATE-RQ", called_ae_title="ARCHIVE"))
        assert scu.receive().type == "A-ASSOCIATE-AC"
        scu.send(dl.build("C-ECHO-RQ", message_id=7, presentation_context_id=1))
        scu.receive()
        scu.release()


def segments(path: Path) -> list[Segment]:
    """The TCP segments of a capture file."""
    network = Network()
    with path.open("rb") as file:
        found = [network.segment(one.link_type, one.data, one.size) for one in Reader(file)]
    return [segment for segment in found if segment]


def ladder(path: Path) -> list[Told]:
    """Who began, ended and reset the one connection of a file."""
    told = segments(path)
    names = {SYN: "SYN", FIN: "FIN", RST: "RST"}
    return [
        ("requestor" if one.source == told[0].source else "acceptor", name)
        for one in told
        for flag, name in names.items()
        if one.flags & flag
    ]


def streams(path: Path) -> dict[int, bytes]:
    """All that was said in a file without losses, by the port of who said it."""
    said: dict[int, bytes] = defaultdict(bytes)
    for one in segments(path):
        said[endpoint(one.source).port] += bytes(one.data)
    return said
