"""What a fault makes of the good acts of an SCP: small functions, for the table of ``faults``."""

from __future__ import annotations

import math
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from random import Random
from typing import Any

from dicomlab.net.fragments import fit
from dicomlab.net.listener import cannot_listen, listening
from dicomlab.net.scp import fit_or_abort
from dicomlab.net.server import Act, Close, Connection, Pause, Reset
from dicomlab.protocol.build import Draft, build
from dicomlab.protocol.codec import PDU_HEADER
from dicomlab.protocol.upper_layer import Received

_APART = 0.02  # seconds between two segments, so that they are read as two
_HTTP = b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
_SSH = b"SSH-2.0-OpenSSH_9.2p1\r\n"
_NO_SSH = b"Invalid SSH identification string.\r\n"
_TLS_ALERT = b"\x15\x03\x03\x00\x02\x02\x28"  # fatal, handshake_failure (RFC 5246 7.2)

Acts = Sequence[Draft | Act]  # what is done at a moment, as it is before it is sent


@dataclass(slots=True, eq=False)
class Scene:
    """Where a fault plays: one connection."""

    ae_title: str  # of the SCP
    connection: Connection
    random: Random
    moment: str = "connect"
    request: Received | None = None  # what is answered
    data: bytes = b""  # what came, at the moment ``bytes``
    tls: Any = None  # the TLS session, and its two ends


Change = Callable[[Acts, Any, Scene], Acts]  # (good acts, the fault's value, where) → others


SPELLINGS: dict[str, Callable[[str], str]] = {
    "case": str.swapcase,
    "inner-space": lambda title: f"{title[: len(title) // 2]} {title[len(title) // 2 :]}",
    "leading-space": lambda title: f" {title}",
    "accent": lambda title: title.translate(str.maketrans("AEIOUaeiou", "ÄÉÎÖÜäéîöü")),
    "long": lambda title: f"{title}-OF-THE-HOSPITAL",
}


# --- what is said instead ---------------------------------------------------------------------

_CODES = {
    "A-ASSOCIATE-RJ": ("Result", "Source", "Reason/Diag."),
    "A-ABORT": ("Source", "Reason/Diag."),
}


def _coded(name: str, codes: Sequence[int]) -> Acts:
    """An A-ASSOCIATE-RJ or an A-ABORT, with these codes whatever they mean."""
    draft = build(name)
    for path, code in zip(_CODES[name], codes, strict=True):
        draft.override(path, code)
    return [draft]


def reject(_: Acts, codes: Sequence[int], __: Scene) -> Acts:
    """An A-ASSOCIATE-RJ with this result, source and reason."""
    return _coded("A-ASSOCIATE-RJ", codes)


def abort(_: Acts, codes: Sequence[int], __: Scene) -> Acts:
    """An A-ABORT with this source and reason."""
    return _coded("A-ABORT", codes)


def close(*_: Any) -> Acts:
    """A FIN."""
    return [Close()]


def reset(*_: Any) -> Acts:
    """An RST."""
    return [Reset()]


def _title(scene: Scene, which: str) -> str:
    """An AE title of the request, as a table sees it that was filled by hand: spaces count."""
    assert scene.request is not None
    return scene.request.pdu[which].raw.decode("latin-1").rstrip(" \0")


def called_title(acts: Acts, spelled: Callable[[str], str], scene: Scene) -> Acts:
    """A rejection, unless our title was called as it is spelled here."""
    right = _title(scene, "Called-AE-title") == spelled(scene.ae_title)
    return acts if right else _coded("A-ASSOCIATE-RJ", (1, 1, 7))


def calling_title(acts: Acts, spelled: Callable[[str], str], scene: Scene) -> Acts:
    """A rejection, unless the caller writes its title as it is spelled here."""
    title = _title(scene, "Calling-AE-title")
    return acts if title == spelled(title) else _coded("A-ASSOCIATE-RJ", (1, 1, 3))


def http(*_: Any) -> Acts:
    """What a web server says to bytes that are no request."""
    return [_HTTP, Close()]


def ssh(_: Acts, __: None, scene: Scene) -> Acts:
    """What an SSH server says, first and to bytes that are no greeting."""
    return [_SSH] if scene.moment == "connect" else [_NO_SSH, Close()]


def _other_dicom(acts: Acts, _: None, scene: Scene) -> Acts:
    return acts if scene.moment == "connect" else _coded("A-ASSOCIATE-RJ", (1, 1, 7))


def _other_http(acts: Acts, _: None, scene: Scene) -> Acts:
    return acts if scene.moment == "connect" else http()


APPLICATIONS = {"dicom": _other_dicom, "http": _other_http, "ssh": ssh}


def taken_port(acts: Acts, application: Change, scene: Scene) -> Acts:
    """What another application says."""
    return application(acts, None, scene)


def tls_alert(*_: Any) -> Acts:
    """What a TLS server may say to bytes that are no handshake."""
    return [_TLS_ALERT, Close()]


def noise(_: Acts, count: int, scene: Scene) -> Acts:
    """Random bytes."""
    return [scene.random.randbytes(count)]


def tls(_: Acts, __: None, scene: Scene) -> Acts:
    """What OpenSSL does with the bytes that came; without a certificate no handshake succeeds."""
    import ssl

    if scene.tls is None:
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        session = context.wrap_bio(incoming, outgoing, server_side=True)
        scene.tls = session, incoming, outgoing
    session, incoming, outgoing = scene.tls
    incoming.write(scene.data)
    try:
        session.do_handshake()
        ended = False
    except ssl.SSLWantReadError:
        ended = False
    except ssl.SSLError:
        ended = True
    alert = outgoing.read()
    return [*([alert] if alert else []), *([Close()] if ended else [])]


# --- what is said, but wrong ------------------------------------------------------------------


def _drafts(acts: Acts, kind: str) -> Iterator[Draft]:
    """The PDUs and messages whose names end so."""
    return (one for one in acts if isinstance(one, Draft) and one.name.endswith(kind))


def override(kind: str, path: str, fixed: Any = None) -> Change:
    """Has the value, or a fixed one, stand at ``path`` of what has such a name."""

    def change(acts: Acts, value: Any, _: Scene) -> Acts:
        for draft in _drafts(acts, kind):
            draft.override(path, value if fixed is None else fixed)
        return acts

    return change


def shift(kind: str, path: str) -> Change:
    """Has a length at ``path`` be wrong by the value."""

    def change(acts: Acts, by: int, _: Scene) -> Acts:
        for draft in _drafts(acts, kind):
            draft.override(path, max(draft[path] + by, 0))
        return acts

    return change


def remove(kind: str, path: str) -> Change:
    """Leaves out what stands at ``path``."""

    def change(acts: Acts, _: Any, __: Scene) -> Acts:
        for draft in _drafts(acts, kind):
            draft.remove(path)
        return acts

    return change


AC, RSP, ANY = "A-ASSOCIATE-AC", "-RSP", ""
FIRST_CONTEXT = "Presentation Context[0]"


def refuse(acts: Acts, result: int, scene: Scene) -> Acts:
    """No presentation context accepted, but each with this result."""
    for draft in _drafts(acts, AC):
        if result != 0:
            scene.connection.contexts = frozenset()
        contexts = [one for one in draft.pdu.fields if one.name == "Presentation Context"]
        for number in range(len(contexts)):
            draft.override(f"Presentation Context[{number}]/Result/Reason", result)
    return acts


def give_status(acts: Acts, value: tuple[int, str], _: Scene) -> Acts:
    """Another status, and an Error Comment if there is one."""
    status, comment = value
    for draft in _drafts(acts, RSP):
        draft.override("Status", status)
        if comment:
            draft.add("Error Comment")
            draft.override("Error Comment", comment)
    return acts


def twice(acts: Acts, _: None, __: Scene) -> Acts:
    """Each response, and then again."""
    return [*acts, *_drafts(acts, RSP)]


def collide(acts: Acts, _: None, __: Scene) -> Acts:
    """A response, and then a request for the release."""
    return [*acts, build("A-RELEASE-RQ")] if any(_drafts(acts, RSP)) else acts


def set_reserved(acts: Acts, value: int, _: Scene) -> Acts:
    """All reserved bytes set to this value."""
    for draft in _drafts(acts, ANY):
        reserved = [one for one in draft.pdu.leaves() if one.name == "Reserved"]
        for number, leaf in enumerate(reserved):
            draft.override(f"Reserved[{number}]", bytes([value]) * len(leaf.raw))
    return acts


# --- how it leaves ----------------------------------------------------------------------------


def encoded(acts: Acts, scene: Scene) -> list[Act]:
    """The acts with drafts as bytes: whole messages cut to what the peer takes."""
    sent: list[Act] = []
    for act in acts:
        if not isinstance(act, Draft):
            sent.append(act)
        elif _is_response(act):
            sent += fit_or_abort(bytes(act), scene.connection)
        else:
            sent.append(bytes(act))
    return sent


def _is_response(draft: Draft) -> bool:
    """Whether it is a response that can still be taken apart."""
    broken = any(found.severity == "error" for found in draft.pdu.findings)
    return draft.name.endswith(RSP) and not broken


def _cut(data: bytes, places: Sequence[int], seconds: float = _APART) -> Acts:
    """The bytes in pieces, with pauses in between."""
    ends = [*(place for place in places if place < len(data)), len(data)]
    acts: list[Act] = []
    for start, end in zip([0, *ends], ends, strict=False):
        acts += [Pause(seconds), data[start:end]]
    return acts[1:]


def _in_pieces(acts: Acts, cut: Callable[[bytes], Acts]) -> Acts:
    return [piece for act in acts for piece in (cut(act) if isinstance(act, bytes) else [act])]


def split(acts: Acts, place: int, _: Scene) -> Acts:
    """Each PDU in two pieces."""
    return _in_pieces(acts, lambda data: _cut(data, [place]))


def header_apart(acts: Acts, _: None, __: Scene) -> Acts:
    """Each PDU in two pieces: header and content."""
    return _in_pieces(acts, lambda data: _cut(data, [PDU_HEADER]))


def bytewise(acts: Acts, seconds: float, _: Scene) -> Acts:
    """Each byte alone."""
    return _in_pieces(acts, lambda data: _cut(data, range(1, len(data)), seconds))


def one_segment(acts: Acts, _: None, scene: Scene) -> Acts:
    """Responses in two P-DATA-TFs each; those two leave together."""
    joined: list[Draft | Act] = []
    for act in acts:
        if isinstance(act, Draft) and _is_response(act):
            data = bytes(act)
            most = min(scene.connection.max_pdu_length or len(data), len(data) * 2 // 3)
            act = b"".join(fit(data, most))
        joined.append(act)
    return joined


def half(acts: Acts, _: None, __: Scene) -> Acts:
    """Half a PDU, then an RST."""
    said = [one for one in acts if isinstance(one, bytes)]
    return [said[0][: len(said[0]) // 2], Pause(_APART), Reset()] if said else acts


def delay(acts: Acts, seconds: float, _: Scene) -> Acts:
    """All of it, later."""
    return [Pause(seconds), *acts]


def silent(*_: Any) -> Acts:
    """Nothing, for ever."""
    return [Pause(math.inf)]


# --- where it listens -------------------------------------------------------------------------

Address = tuple[str, int]
Front = Callable[[str, int, ExitStack], tuple[socket.socket, Address]]


def _bound(host: str, port: int, held: ExitStack) -> Address:
    """Takes an address, and does not listen there: who calls it is refused."""
    taken = held.enter_context(socket.socket(_family(host)))
    try:
        taken.bind((host, port))
    except OSError as problem:
        raise cannot_listen(host, port, problem) from None
    return host, taken.getsockname()[1]


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def wrong_port(host: str, port: int, held: ExitStack) -> tuple[socket.socket, Address]:
    """We listen at another port of the host."""
    address = _bound(host, port, held)
    return listening(host, 0), address


def wrong_interface(host: str, port: int, held: ExitStack) -> tuple[socket.socket, Address]:
    """We listen at the same port of another address of this machine."""
    address = _bound(host, port, held)
    other = "127.0.0.2" if host == "127.0.0.1" else "127.0.0.1"
    return listening(other, address[1]), address


def never_accepts(host: str, port: int, held: ExitStack) -> tuple[socket.socket, Address]:
    """A queue of connection requests that is full: where we listen, nobody knows."""
    listener = held.enter_context(listening(host, port, backlog=0))
    address = host, listener.getsockname()[1]
    for _ in range(3):  # the kernel takes up one or two for us
        waiting = held.enter_context(socket.socket(_family(host)))
        waiting.setblocking(False)
        waiting.connect_ex(address)
    return listening(host, 0), address
