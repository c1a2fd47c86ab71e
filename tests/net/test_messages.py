"""A message with a data set leaves our SCU in the PDUs that its peer takes."""

from __future__ import annotations

from typing import Any

import pytest
from pydicom.dataset import Dataset
from pydicom.uid import CTImageStorage, ExplicitVRBigEndian

import dicomlab as dl
from dicomlab.protocol.codec import PDU_HEADER
from dicomlab.spec.command import DATA_SET_FOLLOWS, NO_DATA_SET
from dicomlab.spec.names import EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN

(IMAGE,) = dl.made_up_images(seed=9)
SYNTAXES = [IMPLICIT_VR_LITTLE_ENDIAN, EXPLICIT_VR_LITTLE_ENDIAN]


PATIENT = Dataset()
PATIENT.PatientID = "EX-1"
NOTHING = Dataset()


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


# --- what it says of itself -------------------------------------------------------------------


def n_action() -> dl.Draft:
    return dl.build(
        "N-ACTION-RQ",
        requested_sop_class_uid="1.2.840.10008.1.20.1",
        requested_sop_instance_uid="1.2.840.10008.1.20.1.1",
        action_type_id=1,
    )


def n_set_rsp() -> dl.Draft:
    return dl.build("N-SET-RSP", message_id_being_responded_to=1)


@pytest.mark.parametrize("command", [c_store, n_action, n_set_rsp])
def test_a_command_announces_the_data_set_that_follows(command: Any) -> None:
    draft = command()
    before = bytes(draft)
    first, *rest = dl.p_data(draft, PATIENT)
    assert dl.decode(first)[0]["Command Data Set Type"].value != NO_DATA_SET
    assert rest
    assert bytes(draft) == before


@pytest.mark.parametrize("command", [n_action, n_set_rsp])
def test_where_no_data_set_has_to_be_an_empty_one_is_none(command: Any) -> None:
    draft = command()
    draft["Command Data Set Type"] = DATA_SET_FOLLOWS
    (only,) = dl.p_data(draft, NOTHING)
    assert dl.decode(only)[0]["Command Data Set Type"].value == NO_DATA_SET


def test_another_value_that_announces_a_data_set_stays() -> None:
    draft = n_action()
    draft["Command Data Set Type"] = 0x0102
    first, _ = dl.p_data(draft, PATIENT)
    assert dl.decode(first)[0]["Command Data Set Type"].value == 0x0102


def test_a_message_contradicts_itself_on_purpose() -> None:
    store, echo = c_store(), dl.build("C-ECHO-RQ")
    for draft, value in ((store, NO_DATA_SET), (echo, NO_DATA_SET)):
        draft.override("Command Data Set Type", value)
    assert len(dl.p_data(echo, PATIENT)) == 2
    assert len(dl.p_data(store, NOTHING)) == 1


@pytest.mark.parametrize(
    ("command", "data_set", "more", "message"),
    [
        (c_store(), NOTHING, {}, r"C-STORE-RQ needs a data set \(PS3.7 Table 9.3-1\).*override"),
        (dl.build("C-ECHO-RQ"), PATIENT, {}, r"C-ECHO-RQ has no data set \(PS3.7 Table 9.3-12\)"),
        (c_store(), IMAGE, {"transfer_syntax": ExplicitVRBigEndian}, "no data set is written in"),
        (dl.build("A-ASSOCIATE-RQ"), PATIENT, {}, "A-ASSOCIATE-RQ carries no command set"),
        (dl.build("A-ASSOCIATE-RQ"), PATIENT, {"max_pdu_length": 100}, "carries no command set"),
        (bytes(c_store()), PATIENT, {}, "bytes carries no command set.*Give a message"),
    ],
)
def test_what_would_contradict_itself_is_refused(
    command: Any, data_set: Dataset, more: dict[str, Any], message: str
) -> None:
    with pytest.raises(dl.BuildError, match=message):
        dl.p_data(command, data_set, **more)
