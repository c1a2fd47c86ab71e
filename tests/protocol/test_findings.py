"""What a PDU shows by itself: for every code of the tables bytes that have it, and a near miss."""

from __future__ import annotations

import struct
from collections.abc import Callable

import pytest

from dicomlab.protocol.build import Draft, build
from dicomlab.protocol.codec import decode
from dicomlab.spec.names import VERIFICATION

RQ, AC, RELEASE, ABORT = (
    bytes(build(name)) for name in ("A-ASSOCIATE-RQ", "A-ASSOCIATE-AC", "A-RELEASE-RQ", "A-ABORT")
)
USER = build("A-ASSOCIATE-RQ").pdu["User Information"].raw
APPLICATION = build("A-ASSOCIATE-RQ").pdu["Application Context"].raw
ANSWER = build("A-ASSOCIATE-AC").pdu["Presentation Context"].raw
UID = "Abstract-syntax-name"


def made(name: str, *changes: Callable[[Draft], object]) -> bytes:
    draft = build(name)
    for change in changes:
        change(draft)
    return bytes(draft)


def having(path: str, value: object, name: str = "A-ASSOCIATE-RQ") -> bytes:
    """A PDU with this value, be it wrong, in this field."""
    return made(name, lambda draft: draft.override(path, value))


def replaced(item: str, raw: bytes) -> bytes:
    """An A-ASSOCIATE-RQ with these bytes in the place of an item."""
    return made("A-ASSOCIATE-RQ", lambda draft: draft.replace(item, raw))


def without(item: str, name: str = "A-ASSOCIATE-RQ") -> bytes:
    return made(name, lambda draft: draft.remove(item))


def two_contexts(second: int) -> bytes:
    return made(
        "A-ASSOCIATE-RQ",
        lambda draft: draft.add("Presentation Context"),
        lambda draft: draft.override("Presentation Context[1]/Presentation-context-ID", second),
    )


def identity(kind: int) -> bytes:
    return made(
        "A-ASSOCIATE-RQ",
        lambda draft: draft.add("User Identity Negotiation", primary_field=b"me"),
        lambda draft: draft.override("User-Identity-Type", kind),
    )


def role(length: int) -> bytes:
    return made(
        "A-ASSOCIATE-RQ",
        lambda draft: draft.add("SCP/SCU Role Selection", sop_class_uid="1.2.3"),
        lambda draft: draft.override("SCP/SCU Role Selection/UID-length", length),
    )


def refused(result: int) -> bytes:
    """An A-ASSOCIATE-AC whose presentation context has a result, and no transfer syntax."""
    return made(
        "A-ASSOCIATE-AC",
        lambda draft: draft.override("Result/Reason", result),
        lambda draft: draft.remove("Transfer Syntax"),
    )


def pdata(*pdvs: bytes) -> bytes:
    return b"\4\0" + struct.pack("!I", sum(map(len, pdvs))) + b"".join(pdvs)


def pdv(header: int, fragment: bytes, context: int = 1) -> bytes:
    return struct.pack("!IBB", len(fragment) + 2, context, header) + fragment


def element(tag: int, value: bytes) -> bytes:
    return struct.pack("<HHI", tag >> 16, tag & 0xFFFF, len(value)) + value


def number(tag: int, value: int) -> bytes:
    return element(tag, value.to_bytes(2, "little"))


CLASS = element(2, VERIFICATION.encode() + b"\0")
ECHO = [CLASS, number(0x100, 0x30), number(0x110, 1), number(0x800, 0x101)]
ECHOED = [CLASS, number(0x100, 0x8030), number(0x120, 1), number(0x800, 0x101)]


def said(*elements: bytes, counted: int | None = None) -> bytes:
    """A P-DATA-TF with a command set of these elements, behind their length."""
    rest = b"".join(elements)
    length = len(rest) if counted is None else counted
    return pdata(pdv(3, element(0, length.to_bytes(4, "little")) + rest))


GOOD = said(*ECHO)
WHOLE = GOOD[12:]  # its command set

Shown = tuple[bytes, bytes]  # what has the finding, and the near miss
SHOWN: dict[str, Shown] = {
    # --- PDUs ---
    "not-dicom-http": (b"GET / HTTP/1.1\r\n\r\n", b"GETTING"),
    "not-dicom-tls": (b"\x16\x03\x01\x00\x2a", b"\x16\x04\x01\x00\x2a"),
    "not-dicom-ssh": (b"SSH-2.0-OpenSSH_9.2\r\n", b"SSL-2.0"),
    "not-dicom-other": (b"\x09\xff\xff", RELEASE),
    "pdu-type-unknown": (b"\x0a" + RELEASE[1:], ABORT),
    "pdu-header-truncated": (RELEASE[:5], RELEASE[:6]),
    "pdu-truncated": (RELEASE[:-1], RELEASE),
    "pdu-length-implausible": (b"\1\0\0\x10\0\1", b"\1\0\0\x10\0\0"),
    "pdu-length-too-short": (b"\1\0\0\0\0\x43" + RQ[6:73], b"\1\0\0\0\0\x44" + RQ[6:74]),
    "pdu-length-wrong-fixed": (b"\5\0\0\0\0\5" + bytes(5), RELEASE),
    "stream-misaligned": (RELEASE + b"\0", RELEASE + RELEASE),
    "reserved-nonzero": (RELEASE[:-1] + b"\1", RELEASE),
    "protocol-version-unsupported": (having("Protocol-version", 2), having("Protocol-version", 3)),
    "protocol-version-extra-bits": (having("Protocol-version", 3), RQ),
    "ae-empty": (having("Called-AE-title", b" " * 16), having("Called-AE-title", b" " * 15 + b"A")),
    "ae-invalid-char": (
        having("Called-AE-title", b"A\\B".ljust(16)),
        having("Called-AE-title", b"A/B".ljust(16)),
    ),
    "ae-nul-padded": (
        having("Called-AE-title", b"A".ljust(16, b"\0")),
        having("Called-AE-title", b"A".ljust(16)),
    ),
    "ae-leading-space": (
        having("Called-AE-title", b" A".ljust(16)),
        having("Called-AE-title", b"A B".ljust(16)),
    ),
    "reject-unknown-code": (b"\3\0\0\0\0\4\0\1\1\4", b"\3\0\0\0\0\4\0\1\1\7"),
    "abort-reserved-code": (b"\7\0\0\0\0\4\0\0\2\3", b"\7\0\0\0\0\4\0\0\2\2"),
    # --- items ---
    "item-unknown": (replaced("User Information", USER + b"\x99\0\0\0"), RQ),
    "item-missing": (without("User Information"), RQ),
    "item-duplicate": (replaced("Application Context", APPLICATION * 2), RQ),
    "item-misplaced": (replaced("Presentation Context", ANSWER), AC),
    "item-order": (replaced("User Information", USER + APPLICATION), two_contexts(3)),
    "item-length-overrun": (
        having("User Information/Item-length", len(USER)),
        having("User Information/Item-length", len(USER) - 4),
    ),
    "item-length-wrong": (role(99), role(5)),
    "item-header-truncated": (
        replaced("User Information", USER + b"\x99\0\0"),
        replaced("User Information", USER + b"\x99\0\0\0"),
    ),
    "app-context-unknown": (having("Application-context-name", "1.2.840.10008.3.1.1.2"), RQ),
    "context-id-even": (
        having("Presentation-context-ID", 2),
        having("Presentation-context-ID", 255),
    ),
    "context-id-zero": (having("Presentation-context-ID", 0), having("Presentation-context-ID", 2)),
    "context-id-duplicate": (two_contexts(1), two_contexts(3)),
    "context-result-unknown": (refused(5), refused(4)),
    "abstract-syntax-count": (without("Abstract Syntax"), RQ),
    "transfer-syntax-count": (refused(0), AC),
    "uid-empty": (having(UID, b""), having(UID, b"1")),
    "uid-too-long": (having(UID, b"1." + b"2" * 63), having(UID, b"1." + b"2" * 62)),
    "uid-bad-char": (having(UID, b"1.2.A"), having(UID, b"1.2.0")),
    "uid-leading-zero": (having(UID, b"1.02"), having(UID, b"1.0.2")),
    "uid-padded": (having(UID, b"1.2\0"), having(UID, b"1.2")),
    "max-length-zero": (
        having("Maximum-length-received", 0),
        having("Maximum-length-received", 8),
    ),
    "max-length-too-small": (
        having("Maximum-length-received", 7),
        having("Maximum-length-received", 8),
    ),
    "max-length-huge": (
        having("Maximum-length-received", (1 << 24) + 1),
        having("Maximum-length-received", 1 << 24),
    ),
    "version-name-length": (
        having("Implementation-version-name", b"V" * 17),
        having("Implementation-version-name", b"V" * 16),
    ),
    "user-identity-type": (identity(6), identity(5)),
    # --- PDVs ---
    "pdv-length-too-small": (pdata(b"\0\0\0\1\1"), pdata(b"\0\0\0\2\1\2")),
    "pdv-empty": (pdata(pdv(2, b"")), pdata(pdv(2, b"ab"))),
    "pdv-odd": (pdata(pdv(2, b"abc")), pdata(pdv(2, b"ab"))),
    "pdv-length-overrun": (pdata(b"\0\0\0\5\1\2ab"), pdata(b"\0\0\0\4\1\2ab")),
    "pdv-none": (pdata(), pdata(pdv(2, b"ab"))),
    "pdv-trailing": (pdata(pdv(2, b"ab"), b"\0\0\0"), pdata(pdv(2, b"ab"))),
    "mch-reserved-bits": (pdata(pdv(0x82, b"ab")), pdata(pdv(2, b"ab"))),
    "pdv-same-type-repeated": (
        pdata(pdv(0, b"ab"), pdv(2, b"cd")),
        pdata(pdv(3, WHOLE), pdv(2, b"cd")),
    ),
    "pdv-mixed-context": (
        pdata(pdv(3, WHOLE), pdv(2, b"cd", context=3)),
        pdata(pdv(3, WHOLE), pdv(2, b"cd")),
    ),
    "pdv-mixed-message": (pdata(pdv(3, WHOLE), pdv(3, WHOLE)), pdata(pdv(3, WHOLE), pdv(2, b"cd"))),
    # --- command sets ---
    "cmd-empty": (pdata(pdv(3, b"")), GOOD),
    "cmd-group-length-missing": (pdata(pdv(3, b"".join(ECHO))), GOOD),
    "cmd-group-length-wrong": (said(*ECHO, counted=1), GOOD),
    "cmd-big-endian": (pdata(pdv(3, b"\0\0\0\0\0\0\0\4\0\0\0\0")), GOOD),
    "cmd-explicit-vr": (pdata(pdv(3, b"\0\0\0\0UL\4\0\0\0\0\0")), GOOD),
    "cmd-order": (said(ECHO[1], ECHO[0], *ECHO[2:]), GOOD),
    "cmd-duplicate-tag": (said(*ECHO, ECHO[-1]), GOOD),
    "cmd-foreign-group": (said(*ECHO, element(0x00080018, b"1.2.")), GOOD),
    "cmd-unknown-element": (
        said(*ECHO, element(0x5555, b"ab")),
        said(*ECHO, element(0x0902, b"ab")),
    ),
    "cmd-retired": (said(element(1, bytes(4)), *ECHO), GOOD),
    "cmd-element-overrun": (said(*ECHO, struct.pack("<HHI", 0, 0x902, 9) + b"ab"), GOOD),
    "cmd-truncated": (said(*ECHO, b"\0\0\2\x09"), GOOD),
    "cmd-odd-length": (said(*ECHO, element(0x902, b"abc")), said(*ECHO, element(0x902, b"abcd"))),
    "cmd-value-length": (said(*ECHO[:2], element(0x110, b"\1\0\0\0"), ECHO[3]), GOOD),
    "cmd-missing-element": (said(*ECHO[:2], ECHO[3]), GOOD),
    "cmd-field-unknown": (said(CLASS, number(0x100, 0x1234), *ECHO[2:]), GOOD),
    "uid-pad-space": (
        said(element(2, b"1.2.3 "), *ECHO[1:]),
        said(element(2, b"1.2.3\0"), *ECHO[1:]),
    ),
    "status-missing": (said(*ECHOED), said(*ECHOED, number(0x900, 0))),
    "status-unknown": (said(*ECHOED, number(0x900, 0x5000)), said(*ECHOED, number(0x900, 0xC000))),
}  # fmt: skip


def codes(data: bytes) -> set[str]:
    return {found.code for pdu in decode(data) for found in pdu.findings}


@pytest.mark.parametrize("code", SHOWN)
def test_bytes_show_a_finding_and_the_near_miss_does_not(code: str) -> None:
    shows, spares = SHOWN[code]
    assert code in codes(shows)
    assert code not in codes(spares)
