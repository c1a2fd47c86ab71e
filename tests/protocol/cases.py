"""One table of cases: how a PDU is built, its bytes, what stands in it, and what is found in it.

The tests run it in both directions, and byte by byte.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from dicomlab.protocol.build import Draft, build

PEER = {
    "called_ae_title": "ECHOSCP",
    "calling_ae_title": "DICOMLAB",
    "implementation_class_uid": "1.2.3",
    "implementation_version_name": "TEST",
}
AC_PEER = {
    "reserved_echo_of_called_ae_title": "ECHOSCP",
    "reserved_echo_of_calling_ae_title": "DICOMLAB",
    "implementation_class_uid": "1.2.3",
    "implementation_version_name": "TEST",
}


@dataclass(frozen=True)
class Case:
    name: str
    make: Callable[[], Draft]
    hex: str
    fields: dict[str, Any]
    findings: tuple[str, ...] = field(default=())

    @property
    def data(self) -> bytes:
        return bytes.fromhex(self.hex)


def changed(draft: Draft, change: Callable[[Draft], None]) -> Draft:
    change(draft)
    return draft


def associate(
    code: str, length: str, version: str = "0001", called: str = "4543484f5343502020202020202020"
) -> str:
    head = f"{code} 00 {length} {version} 0000 {called}20 4449434f4d4c41422020202020202020"
    return head + "00" * 32


def everything() -> Draft:
    draft = build("A-ASSOCIATE-RQ", **PEER)
    draft.add(
        "Asynchronous Operations Window",
        maximum_number_operations_invoked=3,
        maximum_number_operations_performed=2,
    )
    draft.add("SCP/SCU Role Selection", sop_class_uid="1.2.3.4", scu_role=1, scp_role=1)
    draft.add(
        "SOP Class Extended Negotiation",
        sop_class_uid="1.2.3",
        service_class_application_information=b"\xaa\xbb",
    )
    draft.add(
        "SOP Class Common Extended Negotiation", sop_class_uid="1.2.3", service_class_uid="1.2"
    )
    for uid in ("1.3", "1.4"):
        draft.add("Related general SOP class", related_general_sop_class_uid=uid)
    draft.add(
        "User Identity Negotiation",
        user_identity_type=2,
        positive_response_requested=1,
        primary_field=b"joe",
        secondary_field=b"pass",
    )
    return draft


APPLICATION = "10000015 312e322e3834302e31303030382e332e312e312e31"
ABSTRACT = "30000011 312e322e3834302e31303030382e312e31"
IMPLICIT = "40000011 312e322e3834302e31303030382e312e32"
CONTEXT = f"2000002e 01000000 {ABSTRACT} {IMPLICIT}"
CLASS_AND_NAME = "52000005 312e322e33 55000004 54455354"
USER = f"50000019 51000004 00004000 {CLASS_AND_NAME}"
UID = "312e322e3834302e31303030382e312e3100"
ECHO_RQ = (
    f"04000000004a 00000046 01 03 0000000004000000 38000000 0000020012000000 {UID}"
    "0000000102000000 3000 0000100102000000 0700 0000000802000000 0101"
)

CASES = (
    Case(
        "an A-ASSOCIATE-RQ for Verification",
        lambda: build("A-ASSOCIATE-RQ", **PEER),
        associate("01", "000000ac") + APPLICATION + CONTEXT + USER,
        {
            "PDU-length": 172,
            "Called-AE-title": "ECHOSCP",
            "Calling-AE-title": "DICOMLAB",
            "Presentation Context[id=1]/Abstract Syntax": "1.2.840.10008.1.1",
            "presentation_context/transfer_syntax[0]/transfer_syntax_name": "1.2.840.10008.1.2",
            "User Information/Maximum Length/Maximum-length-received": 16384,
        },
    ),
    Case(
        "an A-ASSOCIATE-AC that accepts it",
        lambda: build("A-ASSOCIATE-AC", **AC_PEER),
        associate("02", "00000097") + APPLICATION + f"21000019 01000000 {IMPLICIT}" + USER,
        {"Presentation Context/Result/Reason": 0, "Transfer-syntax-name": "1.2.840.10008.1.2"},
    ),
    Case(
        "an A-ASSOCIATE-AC that refuses the context",
        lambda: changed(
            build("A-ASSOCIATE-AC", **AC_PEER, result_reason=3),
            lambda draft: draft.override("Transfer-syntax-name", b""),
        ),
        associate("02", "00000086") + APPLICATION + "21000008 01000300 40000000" + USER,
        {"Result/Reason": 3},
    ),
    Case(
        "an A-ASSOCIATE-RJ for an unknown called AE title",
        lambda: build("A-ASSOCIATE-RJ", result=1, source=1, reason_diag=7),
        "03000000000400010107",
        {"Result": 1, "Source": 1, "Reason/Diag.": 7},
    ),
    Case(
        "an A-ASSOCIATE-RJ with a reserved reason",
        lambda: build("A-ASSOCIATE-RJ", reason_diag=4),
        "03000000000400010104",
        {"Reason/Diag.": 4},
        ("reject-unknown-code",),
    ),
    Case(
        "an A-RELEASE-RQ", lambda: build("A-RELEASE-RQ"), "05000000000400000000", {"PDU-length": 4}
    ),
    Case("an A-RELEASE-RP", lambda: build("A-RELEASE-RP"), "06000000000400000000", {"PDU-type": 6}),
    Case(
        "an A-ABORT of the provider",
        lambda: build("A-ABORT", source=2, reason_diag=2),
        "07000000000400000202",
        {"Source": 2, "Reason/Diag.": 2},
    ),
    Case(
        "an A-ABORT from a reserved source",
        lambda: build("A-ABORT", source=1),
        "07000000000400000100",
        {"Source": 1},
        ("abort-reserved-code",),
    ),
    Case(
        "a C-ECHO-RQ",
        lambda: build("C-ECHO-RQ", message_id=7),
        ECHO_RQ,
        {
            "PDV/Item-length": 70,
            "Message Control Header": 3,
            "Command Set/Affected SOP Class UID": "1.2.840.10008.1.1",
            "Command Field": 0x0030,
            "Message ID/Value": 7,
            "Command Data Set Type": 0x0101,
        },
    ),
    Case(
        "a C-ECHO-RSP with a failure and an error comment",
        lambda: changed(
            build("C-ECHO-RSP", message_id_being_responded_to=7, status=0x0122),
            lambda draft: draft.add("Error Comment", value="no"),
        ),
        f"04000000005e 0000005a 01 03 0000000004000000 4c000000 0000020012000000 {UID}"
        "0000000102000000 3080 0000200102000000 0700 0000000802000000 0101"
        "0000000902000000 2201 0000020902000000 6e6f",
        {"Status": 0x0122, "Error Comment": "no", "Message ID Being Responded To": 7},
    ),
    Case(
        "a data set fragment",
        lambda: build("P-DATA-TF", message_control_header=2, fragment=b"\x08\x00\x05\x00"),
        "04000000000a 00000006 01 02 08000500",
        {"Fragment": b"\x08\x00\x05\x00"},
    ),
    Case(
        "a proposal with every kind of user information",
        everything,
        associate("01", "000000fd")
        + APPLICATION
        + CONTEXT
        + "5000006a 51000004 00004000 52000005 312e322e33 53000004 00030002"
        "5400000b 0007 312e322e332e34 01 01 55000004 54455354"
        "56000009 0005 312e322e33 aabb"
        "57000018 0005 312e322e33 0003 312e32 000a 0003 312e33 0003 312e34"
        "5800000d 0201 0003 6a6f65 0004 70617373",
        {
            "Maximum-number-operations-invoked": 3,
            "SCP/SCU Role Selection/SCP-role": 1,
            "SCP/SCU Role Selection/UID-length": 7,
            "Service-class-application-information": b"\xaa\xbb",
            "Service-class-uid": "1.2",
            "Related general SOP class[1]/Related-general-sop-class-uid": "1.4",
            "Primary-field": b"joe",
            "Secondary-field": b"pass",
        },
    ),
    Case(
        "a called AE title filled up with NUL",
        lambda: build("A-ASSOCIATE-RQ", **{**PEER, "called_ae_title": "ECHOSCP" + "\0" * 9}),
        associate("01", "000000ac", called="4543484f5343500000000000000000").replace(
            "0020 4449", "0000 4449"
        )
        + APPLICATION
        + CONTEXT
        + USER,
        {"Called-AE-title": "ECHOSCP" + "\0" * 9},
        ("ae-nul-padded",),
    ),
    Case(
        "a PDU-length that is too long",
        lambda: changed(build("A-RELEASE-RQ"), lambda draft: draft.override("PDU-length", 9)),
        "05000000000900000000",
        {"PDU-length": 9},
        ("pdu-truncated",),
    ),
    Case(
        "an item whose length points beyond the PDU",
        lambda: changed(
            build("A-ASSOCIATE-RQ", **PEER),
            lambda draft: draft.override("User Information/Item-length", 0x50),
        ),
        associate("01", "000000ac") + APPLICATION + CONTEXT + USER.replace("50000019", "50000050"),
        {"User Information/Item-length": 0x50},
        ("item-length-overrun",),
    ),
    Case(
        "an even presentation context ID",
        lambda: changed(
            build("A-ASSOCIATE-RQ", **PEER),
            lambda draft: draft.override("Presentation-context-ID", 2),
        ),
        associate("01", "000000ac") + APPLICATION + CONTEXT.replace("e 0100", "e 0200") + USER,
        {"Presentation-context-ID": 2},
        ("context-id-even",),
    ),
    Case(
        "a user information item that is cut off",
        lambda: changed(
            build("A-ASSOCIATE-RQ", **PEER),
            lambda draft: draft.replace("User Information", b"\x50\x00\x00\x00"),
        ),
        associate("01", "00000093") + APPLICATION + CONTEXT + "50000000",
        {"User Information/Item-length": 0},
        ("item-missing", "item-missing"),
    ),
    Case(
        "a wrong command group length",
        lambda: changed(
            build("C-ECHO-RQ", message_id=7),
            lambda draft: draft.override("Command Group Length", 0xFFFFFFFF),
        ),
        ECHO_RQ.replace("38000000", "ffffffff"),
        {"Command Group Length": 0xFFFFFFFF},
        ("cmd-group-length-wrong",),
    ),
    Case(
        "a C-ECHO-RQ without a message ID",
        lambda: changed(build("C-ECHO-RQ"), lambda draft: draft.remove("Message ID")),
        ECHO_RQ.replace("0000100102000000 0700", "")
        .replace("00004a", "000040")
        .replace("00000046", "0000003c")
        .replace("38000000", "2e000000"),
        {"Command Field": 0x0030},
        ("cmd-missing-element",),
    ),
)
