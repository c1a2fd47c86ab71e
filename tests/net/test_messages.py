"""A message with a data set leaves our SCU in the PDUs that its peer takes."""

from __future__ import annotations

import pytest
from pydicom.uid import CTImageStorage

import dicomlab as dl
from dicomlab.protocol.codec import PDU_HEADER
from dicomlab.spec.names import EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN

(IMAGE,) = dl.made_up_images(seed=9)
SYNTAXES = [IMPLICIT_VR_LITTLE_ENDIAN, EXPLICIT_VR_LITTLE_ENDIAN]


def c_store() -> dl.Draft:
    return dl.build(
        "C-STORE-RQ",
        affected_sop_class_uid=CTImageStorage,
        affected_sop_instance_uid=IMAGE.SOPInstanceUID,
        presentation_context_id=1,
    )


@pytest.mark.parametrize("max_pdu_length", [64, 4097, 16384, 1 << 20, 0])
@pytest.mark.parametrize("syntax", SYNTAXES)
def test_an_archive_takes_what_was_sent(max_pdu_length: int, syntax: str) -> None:
    with (
        dl.Archive(images=(), max_pdu_length=max_pdu_length) as archive,
        dl.SCU(*archive.address) as scu,
    ):
        request = dl.build("A-ASSOCIATE-RQ", abstract_syntax=CTImageStorage)
        request["Presentation Context[0]/Transfer Syntax[0]/Transfer-syntax-name"] = syntax
        scu.send(request)
        assert scu.receive()["Maximum-length-received"].value == max_pdu_length
        for pdu in dl.p_data(
            c_store(), IMAGE, transfer_syntax=syntax, max_pdu_length=max_pdu_length
        ):
            scu.send(pdu)
        assert scu.receive()["Status"].value == 0
        scu.release()
    assert archive.store.images == (IMAGE,)


@pytest.mark.parametrize("max_pdu_length", [64, 4097, 16384])
def test_no_pdu_is_longer_than_the_peer_takes(max_pdu_length: int) -> None:
    pdus = dl.p_data(c_store(), IMAGE, max_pdu_length=max_pdu_length)
    assert max(map(len, pdus)) <= max_pdu_length + PDU_HEADER
    assert not [found.code for pdu in pdus for found in dl.decode(pdu)[0].findings]


def test_a_peer_that_takes_next_to_nothing_is_refused() -> None:
    with pytest.raises(dl.PeerError, match="hold no fragment"):
        dl.p_data(c_store(), IMAGE, max_pdu_length=7)
