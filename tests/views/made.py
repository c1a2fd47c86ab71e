"""Associations and PDUs made by hand, as a recording would hold them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, get_args

from dicomlab.model import (
    Association,
    Capture,
    Connection,
    Endpoint,
    Finding,
    Message,
    Outcome,
    Pdu,
    PresentationContext,
    Side,
)
from dicomlab.protocol.build import build
from dicomlab.protocol.codec import decode
from dicomlab.protocol.leaves import finding
from dicomlab.spec.command import BY_FIELD
from dicomlab.views.reach import Call, Reach

MS = 1_000_000  # nanoseconds
EPOCH = 1_790_000_000_000_000_000
HOSTILE = '"><img onerror=alert(1)>'
VERIFICATION = PresentationContext(
    1, "1.2.840.10008.1.1", ("1.2.840.10008.1.2",), 0, "1.2.840.10008.1.2"
)

# what dissect() says of a recording that begins within an association
LATE = tuple(
    finding("capture-begins-late", f"the first bytes of the {side} are not there", sender=side)
    for side in get_args(Side)
)


def pdu_of(draft: Any, **filled: Any) -> Pdu:
    """The draft as it came over the wire."""
    return replace(decode(bytes(draft))[0], **filled)


def echo_rq(message_id: int = 7) -> Any:
    return build("C-ECHO-RQ", message_id=message_id, presentation_context_id=1)


def echo_rsp(message_id: int = 7, status: int = 0) -> Any:
    return build(
        "C-ECHO-RSP",
        message_id_being_responded_to=message_id,
        status=status,
        presentation_context_id=1,
    )


def request(contexts: int = 1, called: str = "ECHOSCP", calling: str = "TRAINEE") -> Any:
    draft = build("A-ASSOCIATE-RQ")
    draft.override("Called-AE-title", called.encode("latin-1", "replace").ljust(16))
    draft.override("Calling-AE-title", calling.encode("latin-1", "replace").ljust(16))
    for _ in range(contexts - 1):
        draft.add("Presentation Context", abstract_syntax="1.2.840.10008.5.1.4.1.1.2")
    return draft


Line = tuple[Side, Any, float]  # who sends, what (a draft or bytes), milliseconds since the start


def association(
    lines: Sequence[Line],
    *,
    ended: str = "released",
    calling: str | None = "TRAINEE",
    called: str | None = "ECHOSCP",
    contexts: tuple[PresentationContext, ...] = (VERIFICATION,),
    messages: tuple[Message, ...] | None = None,
    stop: float | None = None,
    findings: tuple[Finding, ...] = (),
    **outcome: Any,
) -> Association:
    """An association of these PDUs; its messages are read from them, one a PDU."""
    reached = {"requestor": 0, "acceptor": 0}
    pdus = []
    for index, (side, what, at) in enumerate(lines):
        data = bytes(what)
        (pdu,) = decode(data, start=reached[side])
        reached[side] += len(data)
        pdus.append(
            replace(
                pdu, sender=side, time=EPOCH + round(at * MS), index=index, frames=(index + 4,) * 2
            )
        )
    last = stop if stop is not None else (lines[-1][2] + 1 if lines else 0)
    return Association(
        connection=0,
        requestor=Endpoint("10.1.2.3", 49152),
        acceptor=Endpoint("10.1.2.4", 11112),
        calling_ae_title=calling,
        called_ae_title=called,
        application_context="1.2.840.10008.3.1.1.1",
        outcome=Outcome(ended, **outcome),  # type: ignore[arg-type]
        presentation_contexts=contexts,
        negotiation={},
        pdus=tuple(pdus),
        messages=messages if messages is not None else tuple(_messages(pdus)),
        findings=findings,
        start_time=EPOCH,
        stop_time=EPOCH + round(last * MS),
    )


def _messages(pdus: Sequence[Pdu]) -> list[Message]:
    found = []
    for pdu in pdus:
        elements = {one.name: one for one in pdu.walk() if one.children}
        command = elements.get("Command Field")
        if command is None:
            continue
        value = {name: one.value for name, one in elements.items()}
        found.append(
            Message(
                type=BY_FIELD[command.value].name,
                sender=pdu.sender or "requestor",
                context_id=1,
                message_id=value.get("Message ID"),
                responding_to=value.get("Message ID Being Responded To"),
                status=value.get("Status"),
                sop_class=value.get("Affected SOP Class UID"),
                time=pdu.time,
                pdus=(pdu.index or 0,),
            )
        )
    return found


def success(calling: str = "TRAINEE", called: str = "ECHOSCP") -> Association:
    """A whole C-ECHO."""
    return association(
        [
            ("requestor", request(calling=calling, called=called), 0.4),
            ("acceptor", build("A-ASSOCIATE-AC"), 1.1),
            ("requestor", echo_rq(), 1.3),
            ("acceptor", echo_rsp(), 1.9),
            ("requestor", build("A-RELEASE-RQ"), 2.2),
            ("acceptor", build("A-RELEASE-RP"), 2.5),
        ],
        by="requestor",
        calling=calling,
        called=called,
    )


def rejected(source: int = 1, reason: int = 7) -> Association:
    return association(
        [
            ("requestor", request(called="WRONG"), 0.4),
            ("acceptor", build("A-ASSOCIATE-RJ", result=1, source=source, reason_diag=reason), 1.1),
        ],
        ended="rejected",
        by="acceptor",
        result=1,
        source=source,
        reason=reason,
        called="WRONG",
        contexts=(PresentationContext(1, "1.2.840.10008.1.1", ("1.2.840.10008.1.2",)),),
    )


def aborted(by: Side, source: int, reason: int = 0) -> Association:
    return association(
        [
            ("requestor", request(), 0.4),
            ("acceptor", build("A-ASSOCIATE-AC"), 1.1),
            ("requestor", echo_rq(), 1.3),
            (by, build("A-ABORT", source=source, reason_diag=reason), 31.0),
        ],
        ended="aborted",
        by=by,
        source=source,
        reason=reason,
    )


def silent() -> Association:
    return association(
        [("requestor", request(), 0.4)],
        ended="unanswered",
        by="requestor",
        stop=30_012.0,
        contexts=(PresentationContext(1, "1.2.840.10008.1.1", ("1.2.840.10008.1.2",)),),
        findings=(finding("pdu-truncated", "a finding of the association"),),
    )


def refused() -> Association:
    ct = PresentationContext(3, "1.2.840.10008.5.1.4.1.1.2", ("1.2.840.10008.1.2",), 3)
    mr = PresentationContext(5, "1.2.840.10008.5.1.4.1.1.4", ("1.2.840.10008.1.2",), 4)
    return association(
        [
            ("requestor", request(3), 0.4),
            ("acceptor", build("A-ASSOCIATE-AC"), 1.1),
            ("requestor", echo_rq(), 1.3),
            ("acceptor", echo_rsp(status=0x0122), 1.9),
            ("requestor", build("A-RELEASE-RQ"), 2.2),
            ("acceptor", build("A-RELEASE-RP"), 2.5),
        ],
        by="requestor",
        contexts=(VERIFICATION, ct, mr),
    )


def impatient() -> Association:
    """An association whose requestor still sends data after it has asked for the release."""
    return association(
        [
            ("requestor", request(), 0.4),
            ("acceptor", build("A-ASSOCIATE-AC"), 1.1),
            ("requestor", echo_rq(), 1.3),
            ("acceptor", echo_rsp(), 1.9),
            ("requestor", build("A-RELEASE-RQ"), 2.2),
            ("requestor", echo_rq(8), 2.3),
            ("acceptor", build("A-ABORT", source=2, reason_diag=2), 2.9),
        ],
        ended="aborted",
        by="acceptor",
        source=2,
        reason=2,
    )


def choosy(number: int = 128) -> Association:
    """As many contexts as there can be, with many transfer syntaxes and every kind of answer."""
    syntaxes = ["1.2.840.10008.1.2", *(f"1.2.840.10008.1.2.4.{n}" for n in range(50, 110))]
    contexts = []
    for place in range(number):
        proposed = tuple(syntaxes[: 1 + place * 7 % len(syntaxes)])
        result = (0, 0, 3, 4, 1, 2, None, 9)[place * place % 11 % 8]
        accepted = proposed[place % len(proposed)] if result == 0 else None
        abstract = f"1.2.840.10008.5.1.4.1.1.{place}"
        contexts.append(PresentationContext(2 * place + 1, abstract, proposed, result, accepted))
    return replace(success(), presentation_contexts=tuple(contexts))


def unlike_any() -> Association:
    """Contexts of a peer that keeps to nothing."""
    long = "<img onerror=1> " * 9
    return replace(
        success(calling=HOSTILE),
        presentation_contexts=(
            PresentationContext(1, "1.2\x1b[2J" + "9" * 90, (long, "1." * 40), 0, "7.7.7"),
            PresentationContext(3, None, (), 0, "1.2.840.10008.1.2"),
            PresentationContext(255, HOSTILE, (), 77),
            PresentationContext(5, "1.2.840.10008.1.1", ("1.2.840.10008.1.2",), 0),
        ),
        negotiation={
            "requestor": {"roles": [{"sop_class": HOSTILE, "scu": 1, "scp": None}]},
            "acceptor": {},
        },
    )


def closed() -> Association:
    return association(
        [
            ("requestor", request(), 0.4),
            ("acceptor", build("A-ASSOCIATE-AC"), 1.1),
            ("requestor", echo_rq(), 1.3),
            ("acceptor", echo_rsp(), 1.9),
        ],
        ended="closed-without-release",
        by="requestor",
        stop=3.4,
    )


def long(messages: int = 500) -> Association:
    lines: list[Line] = [
        ("requestor", request(), 0.4),
        ("acceptor", build("A-ASSOCIATE-AC"), 1.1),
    ]
    at = 2.0
    for number in range(1, messages // 2 + 1):
        lines.append(("requestor", echo_rq(number), at))
        lines.append(("acceptor", echo_rsp(number), at + 0.6))
        at += 1.1
    lines.append(("requestor", build("A-RELEASE-RQ"), at))
    lines.append(("acceptor", build("A-RELEASE-RP"), at + 0.4))
    return association(lines, by="requestor")


def unfinished() -> Association:
    return association(
        [
            ("requestor", echo_rq(), 0.4),
            ("acceptor", echo_rsp(), 0.9),
        ],
        ended="capture-ends",
        calling=None,
        called=None,
        contexts=(),
        findings=LATE,
    )


def capture(*associations: Association) -> Capture:
    numbered = tuple(replace(one, connection=number) for number, one in enumerate(associations))
    return Capture(
        file="site.pcapng",
        format="pcapng",
        packets=123,
        link_types=("Ethernet",),
        first_time=EPOCH,
        last_time=EPOCH + 40_000 * MS,
        truncated_packets=0,
        damage=None,
        associations=numbered,
        connections=(
            Connection(
                len(numbered),
                Endpoint("10.1.2.3", 49160),
                Endpoint("10.1.2.9", 104),
                "refused",
                {"requestor": 0, "acceptor": 0},
            ),
        ),
        comments=("TCP/IP headers are made up.",),
    )


def broken() -> Pdu:
    """An A-ASSOCIATE-RQ with lengths that lie, an even context ID and reserved bytes set."""
    data = bytearray(bytes(request()))
    data[1] = 0xFF
    data[10:13] = b"\x1b[m"
    context = data.index(b"\x20\x00", 74)
    data[context + 4] = 2
    item = data.index(b"\x40\x00", context)
    data[item + 3] = 0x7F
    (pdu, *_) = decode(bytes(data))
    return pdu


def http() -> Pdu:
    return decode(b"GET / HTTP/1.1\r\nHost: pacs.example\r\nUser-Agent: curl/8.5\r\n\r\n")[0]


def payload() -> Pdu:
    """A P-DATA-TF with a long fragment of a data set."""
    fragment = bytes(range(256)) * 63 + b"DICM" * 50
    length = (len(fragment) + 2).to_bytes(4, "big")
    pdv = length + b"\x01\x02" + fragment
    return decode(b"\x04\x00" + len(pdv).to_bytes(4, "big") + pdv)[0]


def identity() -> Pdu:
    """A request whose user identity carries a passcode."""
    item = b"\x02\x00" + b"\x00\x05admin" + b"\x00\x08s3cr3t!!"
    draft = request()
    tail = b"\x58\x00" + len(item).to_bytes(2, "big") + item
    data = bytearray(bytes(draft))
    data += tail
    user = data.index(b"\x50\x00", 74)
    length = int.from_bytes(data[user + 2 : user + 4], "big") + len(tail)
    data[user + 2 : user + 4] = length.to_bytes(2, "big")
    data[2:6] = (len(data) - 6).to_bytes(4, "big")
    return decode(bytes(data))[0]


def without(whole: Association, index: int) -> Association:
    """The association as a recording shows it that missed one PDU."""
    pdus = [one for one in whole.pdus if one.index != index]
    messages = [one for one in whole.messages if index not in one.pdus]
    return replace(
        whole,
        pdus=tuple(replace(one, index=number) for number, one in enumerate(pdus)),
        messages=tuple(
            replace(one, pdus=tuple(at - (at > index) for at in one.pdus)) for one in messages
        ),
    )


def at(whole: Association, start: int) -> Association:
    """The association at another time, in nanoseconds since 1970."""
    return replace(whole, start_time=start, stop_time=start + 3 * MS)


def fragment() -> bytes:
    """A P-DATA-TF with a fragment of a data set."""
    return b"\x04\x00\x00\x00\x00\x0a\x00\x00\x00\x06\x01\x00ABCD"


def reach() -> Reach:
    """Three applications, one of them with a name that nobody should have."""
    names = ("CT", "archive", HOSTILE)
    return Reach(
        tuple((name, f"{name}, port 104") for name in names),
        (
            Call("CT", "archive", "success", "", "good"),
            Call("archive", "CT", "rejected", "called AE title not recognized", "error"),
            Call("CT", HOSTILE, "failed", "connection refused", "error"),
        ),
    )
