"""Other people's clients use the archive: DCMTK's and pynetdicom's."""

from __future__ import annotations

import socket
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import CompletedProcess

import pytest
from pydicom import dcmread, dcmwrite
from pydicom.dataset import Dataset
from pynetdicom import evt
from pynetdicom.sop_class import (
    CTImageStorage,
    ModalityPerformedProcedureStep,
    StorageCommitmentPushModel,
    StorageCommitmentPushModelInstance,
    StudyRootQueryRetrieveInformationModelFind,
    StudyRootQueryRetrieveInformationModelGet,
    StudyRootQueryRetrieveInformationModelMove,
    Verification,
)

import dicomlab as dl
from dicomlab.model import BuildError, DicomlabError, PeerError
from dicomlab.net import store as stores
from dicomlab.net.services import SERVED, STORED

Run = Callable[..., CompletedProcess[str]]
FOREVER = 60.0  # seconds between two answers: only a C-CANCEL ends the waiting
SUCCESS, CANCEL, PENDING = 0x0000, 0xFE00, 0xFF00
DOES_NOT_MATCH, SOME_FAILED = 0xA900, 0xB000


@pytest.fixture
def archive() -> Iterator[dl.Archive]:
    with dl.Archive() as running:
        yield running


@pytest.fixture
def slow() -> Iterator[dl.Archive]:
    with dl.Archive(delay=FOREVER) as running:
        yield running


def said(done: CompletedProcess[str]) -> str:
    return f"{done.returncode} {done.stdout}{done.stderr}"


def first_study(archive: dl.Archive) -> str:
    return str(archive.store.images[0].StudyInstanceUID)


def study_of(archive: dl.Archive) -> Dataset:
    """An identifier for the first study, which has six images."""
    identifier = Dataset()
    identifier.QueryRetrieveLevel = "STUDY"
    identifier.StudyInstanceUID = first_study(archive)
    return identifier


def all_studies() -> Dataset:
    identifier = Dataset()
    identifier.QueryRetrieveLevel, identifier.StudyInstanceUID = "STUDY", ""
    return identifier


# --- DCMTK --------------------------------------------------------------------------------


def test_echoscu_is_answered(archive: dl.Archive, run: Run) -> None:
    assert "Received Echo Response (Success)" in said(run("echoscu", "-v", *archive.address))


def test_storescu_stores(archive: dl.Archive, run: Run, tmp_path: Path) -> None:
    images = [dl.made_up_images(1, modality=one, seed=9)[0] for one in ("CT", "MR", "OT")]
    for number, image in enumerate(images):
        dcmwrite(tmp_path / f"{number}.dcm", image, enforce_file_format=True)
    done = run("storescu", "-v", "-R", *archive.address, *tmp_path.glob("*.dcm"))
    assert said(done).count("Received Store Response (Success)") == 3
    kept = {image.SOPInstanceUID: image for image in archive.store.images}
    assert all(kept[image.SOPInstanceUID].pixel_array.shape == (64, 64) for image in images)


def test_findscu_finds_studies(archive: dl.Archive, run: Run) -> None:
    keys = ("-k", "QueryRetrieveLevel=STUDY", "-k", "PatientName=EXERCISE^O*", "-k", "StudyDate")
    done = said(run("findscu", "-v", "-S", *keys, *archive.address))
    assert done.count("(Pending)") == 2
    assert "[EXERCISE^OTTER]" in done
    assert "Received Final Find Response (Success)" in done


def test_findscu_finds_the_worklist(archive: dl.Archive, run: Run) -> None:
    keys = ("-k", "PatientName", "-k", "(0040,0100)[0].Modality=CT")
    done = said(run("findscu", "-v", "-W", *keys, *archive.address))
    assert done.count("(Pending)") == 2
    assert "(0008,0060) CS [CT]" in done


def test_findscu_may_cancel(slow: dl.Archive, run: Run) -> None:
    keys = ("-k", "QueryRetrieveLevel=STUDY", "-k", "StudyInstanceUID")
    done = said(run("findscu", "-v", "-S", "--cancel", 1, *keys, *slow.address))
    assert "Received Final Find Response (Cancel" in done


def test_movescu_has_images_sent_to_a_known_destination(archive: dl.Archive, run: Run) -> None:
    keys = ("-k", "QueryRetrieveLevel=STUDY", "-k", f"StudyInstanceUID={first_study(archive)}")
    with dl.Archive("WORKSTATION", images=()) as workstation:
        archive.known["WORKSTATION"] = workstation.address
        done = said(run("movescu", "-v", "-S", "-aem", "WORKSTATION", *keys, *archive.address))
    assert done.count("(Pending)") == 6
    assert "Received Final Move Response (Success)" in done
    assert len(workstation.store.images) == 6


def test_movescu_is_refused_an_unknown_destination(archive: dl.Archive, run: Run) -> None:
    keys = ("-k", "QueryRetrieveLevel=STUDY", "-k", f"StudyInstanceUID={first_study(archive)}")
    done = said(run("movescu", "-v", "-S", "-aem", "NOBODY", *keys, *archive.address))
    assert "Refused: MoveDestinationUnknown" in done


def test_getscu_gets(archive: dl.Archive, run: Run, tmp_path: Path) -> None:
    keys = ("-k", "QueryRetrieveLevel=STUDY", "-k", f"StudyInstanceUID={first_study(archive)}")
    done = said(run("getscu", "-v", "-S", "-od", tmp_path, *keys, *archive.address))
    assert "Number of Completed Suboperations : 6" in done
    got = [dcmread(file) for file in tmp_path.iterdir()]
    assert {one.StudyInstanceUID for one in got} == {first_study(archive)}


# --- pynetdicom ---------------------------------------------------------------------------


def test_every_service_is_negotiated(archive: dl.Archive) -> None:
    with dl.associate(archive.address, *SERVED, *STORED) as association:
        assert not association.rejected_contexts


def test_a_find_is_cancelled_between_two_answers(slow: dl.Archive) -> None:
    model = StudyRootQueryRetrieveInformationModelFind
    with dl.associate(slow.address, model) as association:
        answers = association.send_c_find(all_studies(), model, msg_id=7)
        assert next(answers)[0].Status == PENDING
        association.send_c_cancel(7, query_model=model)
        assert [status.Status for status, _ in answers] == [CANCEL]


def test_a_move_is_cancelled_between_two_images(slow: dl.Archive) -> None:
    model = StudyRootQueryRetrieveInformationModelMove
    with (
        dl.Archive("WORKSTATION", images=()) as workstation,
        dl.associate(slow.address, model) as association,
    ):
        slow.known["WORKSTATION"] = workstation.address
        answers = association.send_c_move(study_of(slow), "WORKSTATION", model, msg_id=7)
        assert next(answers)[0].Status == PENDING
        association.send_c_cancel(7, query_model=model)
        ((last, _),) = answers
    assert last.Status == CANCEL
    assert last.NumberOfCompletedSuboperations == len(workstation.store.images) == 1
    assert last.NumberOfRemainingSuboperations == 5


def test_a_get_counts_its_sub_operations(archive: dl.Archive) -> None:
    model, got = StudyRootQueryRetrieveInformationModelGet, []
    with dl.associate(
        archive.address,
        model,
        CTImageStorage,
        scp_of=[CTImageStorage],
        handlers=[(evt.EVT_C_STORE, lambda event: got.append(event.dataset) or SUCCESS)],
    ) as association:
        statuses = [status for status, _ in association.send_c_get(study_of(archive), model)]
    assert [one.Status for one in statuses] == [PENDING] * 6 + [SUCCESS]
    counted = [one.get("NumberOfCompletedSuboperations") for one in statuses]
    assert counted == [1, 2, 3, 4, 5, 6, 6]
    assert len(got) == 6


def test_a_destination_without_room_fails_the_sub_operations(
    archive: dl.Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = StudyRootQueryRetrieveInformationModelMove
    monkeypatch.setattr(stores, "ROOM", 40_000)  # bytes; an image counts for some 17,000
    with (
        dl.Archive("WORKSTATION", images=()) as workstation,
        dl.associate(archive.address, model) as caller,
    ):
        archive.known["WORKSTATION"] = workstation.address
        (*_, (last, failed)) = caller.send_c_move(study_of(archive), "WORKSTATION", model)
    assert last.Status == SOME_FAILED
    assert (last.NumberOfCompletedSuboperations, last.NumberOfFailedSuboperations) == (2, 4)
    assert len(failed.FailedSOPInstanceUIDList) == 4


@pytest.mark.parametrize(
    "model",
    [StudyRootQueryRetrieveInformationModelFind, StudyRootQueryRetrieveInformationModelMove],
)
def test_an_identifier_without_its_level_does_not_match(archive: dl.Archive, model: str) -> None:
    archive.known["SELF"] = archive.address
    identifier = Dataset()
    identifier.PatientID = "X"
    with dl.associate(archive.address, model) as association:
        if model == StudyRootQueryRetrieveInformationModelFind:
            answers = association.send_c_find(identifier, model)
        else:
            answers = association.send_c_move(identifier, "SELF", model)
        ((status, _),) = answers
    assert status.Status == DOES_NOT_MATCH
    assert "level" in status.ErrorComment


def test_a_step_is_created_set_and_closed(archive: dl.Archive) -> None:
    step = ModalityPerformedProcedureStep
    with dl.associate(archive.address, step) as association:

        def create(status: str = "IN PROGRESS") -> int:
            data = Dataset()
            data.PerformedProcedureStepStatus = status
            return association.send_n_create(data, step, "2.25.1")[0].Status

        def change(status: str, uid: str = "2.25.1") -> Dataset:
            data = Dataset()
            data.PerformedProcedureStepStatus = status
            return association.send_n_set(data, step, uid)[0]

        assert create("COMPLETED") == 0x0121
        assert create() == SUCCESS
        assert create() == 0x0111
        assert change("COMPLETED", "2.25.2").Status == 0x0112
        assert change("COMPLETED").Status == SUCCESS
        refused = change("DISCONTINUED")
    assert (refused.Status, refused.ErrorID) == (0x0110, 0xA710)
    assert archive.steps["2.25.1"].PerformedProcedureStepStatus == "COMPLETED"


def ask_for_commitment(archive: dl.Archive, *uids: str) -> Dataset:
    """The status of an N-ACTION for CT images of these UIDs."""
    request = Dataset()
    request.TransactionUID = "2.25.3"
    request.ReferencedSOPSequence = []
    for uid in uids:
        item = Dataset()
        item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = CTImageStorage, uid
        request.ReferencedSOPSequence.append(item)
    push, instance = StorageCommitmentPushModel, StorageCommitmentPushModelInstance
    with dl.associate(archive.address, push) as association:
        status, _ = association.send_n_action(request, 1, push, instance)
    return status


def test_a_commitment_is_reported_to_who_asked(archive: dl.Archive) -> None:
    held, missing = archive.store.images[0].SOPInstanceUID, "2.25.4"
    with dl.Archive("MODALITY", images=()) as modality:
        archive.known["MODALITY"] = modality.address
        assert ask_for_commitment(archive, held, missing).Status == SUCCESS
        report = modality.reports.get(timeout=10)
    assert [one.ReferencedSOPInstanceUID for one in report.ReferencedSOPSequence] == [held]
    (failed,) = report.FailedSOPSequence
    assert (failed.ReferencedSOPInstanceUID, failed.FailureReason) == (missing, 0x0112)


def test_a_report_is_there_when_all_of_its_association_is_recorded(archive: dl.Archive) -> None:
    with (
        dl.Archive("MODALITY", images=()) as modality,
        dl.record(modality, method="relay") as recording,
    ):
        archive.known["MODALITY"] = recording.address
        ask_for_commitment(archive, "2.25.4")
        modality.reports.get(timeout=10)
    (association,) = recording.capture.associations
    assert association.outcome.ended == "released"


def test_a_commitment_is_not_promised_to_strangers(archive: dl.Archive) -> None:
    status = ask_for_commitment(archive, "2.25.4")
    assert status.Status == 0x0110
    assert "MODALITY is not known" in status.ErrorComment


def test_what_does_not_fit_its_command_set_is_refused(archive: dl.Archive) -> None:
    (image,) = dl.made_up_images(seed=9)
    with dl.SCU(*archive.address) as scu:
        scu.send(dl.build("A-ASSOCIATE-RQ", abstract_syntax=CTImageStorage))
        scu.receive()
        command = dl.build(
            "C-STORE-RQ",
            affected_sop_class_uid=CTImageStorage,
            affected_sop_instance_uid="2.25.5",
            presentation_context_id=1,
        )
        for pdu in dl.p_data(command, image):
            scu.send(pdu)
        assert scu.receive()["Status"].value == DOES_NOT_MATCH


# --- as a server --------------------------------------------------------------------------


def store_seconds(archive: dl.Archive, *, at_once: bool) -> list[float]:
    """How long pynetdicom takes to store each of some small images, in ascending order."""
    took = []
    with dl.associate(archive.address, CTImageStorage, at_once=at_once) as association:
        for image in dl.made_up_images(9, seed=9):
            began = time.perf_counter()
            assert association.send_c_store(image).Status == SUCCESS
            took.append(time.perf_counter() - began)
    return sorted(took)


@pytest.mark.skipif(sys.platform != "linux", reason="others delay otherwise")
def test_a_small_image_waits_for_an_acknowledgement_unless_sent_at_once(
    archive: dl.Archive,
) -> None:
    at_once, later = (store_seconds(archive, at_once=one) for one in (True, False))
    assert at_once[0] < 0.03 < later[4]  # Linux acknowledges the first ones at once


def test_stopping_does_not_wait_for_who_is_connected(archive: dl.Archive) -> None:
    with socket.create_connection(archive.address), dl.SCU(*archive.address) as scu:
        scu.send(dl.build("A-ASSOCIATE-RQ"))
        scu.receive()
        scu.send(dl.build("C-ECHO-RQ"))
        scu.receive()
        began = time.monotonic()
        archive.stop()
        assert time.monotonic() - began < 5
        assert scu.receive().type == "A-ABORT"


def test_stopping_aborts_who_waits_for_the_next_answer(slow: dl.Archive) -> None:
    model = StudyRootQueryRetrieveInformationModelFind
    with dl.associate(slow.address, model) as association:
        answers = association.send_c_find(all_studies(), model)
        assert next(answers)[0].Status == PENDING
        slow.stop()
        assert [status for status, _ in answers] == [Dataset()]
    assert association.is_aborted


def test_no_answer_is_lost(archive: dl.Archive) -> None:
    with dl.associate(archive.address, Verification) as association:
        assert [association.send_c_echo().Status for _ in range(200)] == [SUCCESS] * 200


def test_without_an_association_it_is_said() -> None:
    with (
        dl.EchoSCP(allowed_calling_ae_titles=["NOBODY"]) as scp,
        pytest.raises(PeerError, match="gave no association"),
        dl.associate(scp.address, Verification),
    ):
        pass


def test_an_exception_aborts_the_association() -> None:
    with dl.EchoSCP() as scp:
        with pytest.raises(KeyError), dl.associate(scp.address, Verification):
            raise KeyError
        assert "A-ABORT" in [entry.what for entry in scp.log]


def accepts(archive: dl.Archive) -> bool:
    with dl.SCU(*archive.address) as scu:
        scu.send(dl.build("A-ASSOCIATE-RQ"))
        answer = scu.receive().type
        scu.close()
    return answer == "A-ASSOCIATE-AC"


def test_who_hangs_up_without_a_word_takes_no_association_away(archive: dl.Archive) -> None:
    for _ in range(20):
        socket.create_connection(archive.address).close()
    while not accepts(archive):  # it has not heard of the last of them yet
        pass


@pytest.mark.usefixtures("nothing_left")
def test_nothing_is_left_behind() -> None:
    with dl.Archive() as archive, socket.create_connection(archive.address):
        model = StudyRootQueryRetrieveInformationModelFind
        with dl.associate(archive.address, model) as association:
            assert len(list(association.send_c_find(all_studies(), model))) == 7
        with dl.SCU(*archive.address) as scu:
            scu.send(dl.build("A-ASSOCIATE-RQ"))
            scu.receive()


def test_it_listens_on_loopback_and_starts_again() -> None:
    archive = dl.Archive()
    with pytest.raises(DicomlabError, match="does not listen"):
        _ = archive.address
    for _ in range(2):
        with archive:
            assert archive.address[0] == "127.0.0.1"
            assert dl.echo(*archive.address).ok


def test_a_port_that_is_taken_is_said(archive: dl.Archive) -> None:
    with pytest.raises(DicomlabError, match="cannot listen"):
        dl.Archive(port=archive.port).start()


def test_what_is_no_ae_title_is_said() -> None:
    with pytest.raises(BuildError):
        dl.Archive("AN ARCHIVE WITH A LONG NAME")
