"""The exercises of notebook 03, SCU, SCP and service classes."""

from __future__ import annotations

from typing import Any

from dicomlab.exercises.exercise import Exercise
from dicomlab.model import Capture, Field
from dicomlab.net.scp import EchoSCP
from dicomlab.net.scu import SCU
from dicomlab.protocol.build import build
from dicomlab.spec import names

CT, MR = "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.4"
GET = "1.2.840.10008.5.1.4.1.2.2.3"  # Study Root Query/Retrieve
JPEG_2000 = "1.2.840.10008.1.2.4.90"
IMPLICIT, EXPLICIT = names.IMPLICIT_VR_LITTLE_ENDIAN, names.EXPLICIT_VR_LITTLE_ENDIAN


def _context() -> Field:
    """MR Image Storage under the ID 5, Explicit before Implicit VR."""
    offer = build("A-ASSOCIATE-RQ", abstract_syntax=MR, transfer_syntax=[EXPLICIT, IMPLICIT])
    offer["Presentation-context-ID"] = 5
    return offer.pdu["Presentation Context"]


def _results() -> dict[int, int]:
    """What an EchoSCP answers to three contexts, by their IDs."""
    offer = build("A-ASSOCIATE-RQ", transfer_syntax=[JPEG_2000])
    offer.add("Presentation Context", transfer_syntax=[EXPLICIT])
    offer.add("Presentation Context", abstract_syntax=CT)
    with EchoSCP() as scp, SCU(*scp.address) as scu:
        scu.send(offer)
        fields = list(scu.receive().walk())
    ids = [one.value for one in fields if one.name == "Presentation-context-ID"]
    results = [one.value for one in fields if one.name == "Result/Reason"]
    return dict(zip(ids, results, strict=True))


def _role() -> Field:
    offer = build("A-ASSOCIATE-RQ")
    offer.add("SCP/SCU Role Selection", sop_class_uid=MR, scu_role=0, scp_role=1)
    return offer.pdu["SCP/SCU Role Selection"]


def _granted(capture: Capture) -> dict[str, Any]:
    """What an archive granted to somebody who wants MR images by C-GET."""
    association = capture.associations[0]
    results = {one.abstract_syntax: one.result for one in association.presentation_contexts}
    roles = association.negotiation["acceptor"].get("roles", [])
    role = {one["sop_class"]: one["scp"] for one in roles}
    return {
        "result of GET": results.get(GET),
        "result of MR Image Storage": results.get(MR),
        "SCP-role of the requestor": role.get(MR),
    }


EXERCISES = (
    Exercise(
        id="03-1",
        task="Write the presentation context that proposes MR Image Storage under the ID 5.",
        right=_context,
        clause="PS3.8 Table 9-13",
        solution=f"""\
offer = dl.build(
    "A-ASSOCIATE-RQ",
    abstract_syntax="{MR}",
    transfer_syntax=["{EXPLICIT}", "{IMPLICIT}"],
)
offer["Presentation-context-ID"] = 5
context = offer.pdu["Presentation Context"]""",
    ),
    Exercise(
        id="03-2",
        task="With which result does a Verification SCP answer each of three contexts?",
        right=_results,
        clause="PS3.8 Table 9-18",
        solution="results = {1: 4, 3: 0, 5: 3}",
        nudges={
            1: "1: it offers the service. Does it take the encoding?",
            3: "3: it offers the service. Does it take the encoding?",
            5: "5: does it offer this service at all?",
        },
    ),
    Exercise(
        id="03-3",
        task="Write the sub-item by which a requestor becomes SCP of MR Image Storage only.",
        right=_role,
        clause="PS3.7 Table D.3-9",
        solution=f"""\
offer = dl.build("A-ASSOCIATE-RQ")
offer.add("SCP/SCU Role Selection", sop_class_uid="{MR}", scu_role=0, scp_role=1)
role = offer.pdu["SCP/SCU Role Selection"]""",
    ),
    Exercise(
        id="03-4",
        task="Record an association in which an archive could send you MR images by C-GET.",
        right=lambda: {
            "result of GET": 0,
            "result of MR Image Storage": 0,
            "SCP-role of the requestor": 1,
        },
        reads=_granted,
        clause="PS3.7 D.3.3.4",
        nudges={
            ("result of GET", None): "GET is not proposed in it.",
            ("result of MR Image Storage", None): "MR Image Storage is not proposed in it: in "
            "which presentation context would an image come?",
            ("SCP-role of the requestor", None): "No role is granted in it: who is the SCP of "
            "MR Image Storage, when images come by C-GET?",
        },
        solution=f"""\
fetch = dl.build("A-ASSOCIATE-RQ", abstract_syntax="{GET}")
fetch.add("Presentation Context", abstract_syntax="{MR}")
fetch.add("SCP/SCU Role Selection", sop_class_uid="{MR}", scu_role=0, scp_role=1)
with dl.record(willing.server_address) as answer, dl.SCU(*answer.address) as scu:
    scu.send(fetch)
    scu.receive()
    scu.release()""",
    ),
)
