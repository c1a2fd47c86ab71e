"""Other people's clients are answered by the bundled SCP, and told why when they are not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from subprocess import CompletedProcess

import pytest
from pynetdicom import AE, evt

from dicomlab.net.scp import EchoSCP
from dicomlab.spec import names

Run = Callable[..., CompletedProcess[str]]


@pytest.fixture
def scp() -> Iterator[EchoSCP]:
    with EchoSCP(
        "ARCHIVE", allowed_calling_ae_titles=["KNOWN"], require_called_ae_title=True
    ) as running:
        yield running


def dcmtk(run: Run, scp: EchoSCP, calling: str = "KNOWN", called: str = "ARCHIVE") -> str:
    done = run("echoscu", "-v", "-aet", calling, "-aec", called, *scp.address)
    return f"{done.returncode} {done.stdout}{done.stderr}"


def test_dcmtk_is_answered(scp: EchoSCP, run: Run) -> None:
    assert "Received Echo Response (Success)" in dcmtk(run, scp)
    assert [one.what for one in scp.log].count("P-DATA-TF") == 2


def test_dcmtk_is_told_that_it_is_not_registered(scp: EchoSCP, run: Run) -> None:
    assert "Calling AE Title Not Recognized" in dcmtk(run, scp, calling="STRANGER")


def test_dcmtk_is_told_that_it_called_a_wrong_title(scp: EchoSCP, run: Run) -> None:
    assert "Called AE Title Not Recognized" in dcmtk(run, scp, called="ARCHIV")


def test_dcmtk_is_answered_often_with_many_contexts(scp: EchoSCP, run: Run) -> None:
    done = run("echoscu", "-v", "-aet", "KNOWN", "-aec", "ARCHIVE", "--repeat", 10,
               "--propose-pc", 128, "--propose-ts", 3, *scp.address)  # fmt: skip
    assert (done.stdout + done.stderr).count("Received Echo Response (Success)") == 10


def test_dcmtk_may_abort(scp: EchoSCP, run: Run) -> None:
    done = run("echoscu", "-aet", "KNOWN", "-aec", "ARCHIVE", "--abort", *scp.address)
    assert done.returncode == 0
    assert "A-ABORT" in [one.what for one in scp.log]


def test_gdcm_is_answered(scp: EchoSCP, run: Run) -> None:
    # gdcmscu 3.0.21 falls over once it has released, with every server: only the log tells
    run("gdcmscu", "--echo", "-H", scp.address[0], "-p", scp.port,
        "--aetitle", "KNOWN", "--call", "ARCHIVE")  # fmt: skip
    said = [(one.what, one.after) for one in scp.log]
    assert said.count(("P-DATA-TF", "Sta6")) == 2
    assert ("A-RELEASE-RP", "Sta13") in said


def test_pynetdicom_is_answered(scp: EchoSCP) -> None:
    client = AE("KNOWN")
    client.add_requested_context(names.VERIFICATION)
    association = client.associate(*scp.address, ae_title="ARCHIVE")
    statuses = [association.send_c_echo().Status for _ in range(3)]
    association.release()
    assert statuses == [0, 0, 0]
    assert association.is_released


def test_pynetdicom_is_told_that_it_is_not_registered(scp: EchoSCP) -> None:
    # what pynetdicom makes of a rejection is now and then 'aborted': its threads race
    received = []
    client = AE("STRANGER")
    client.add_requested_context(names.VERIFICATION)
    heard = [(evt.EVT_PDU_RECV, lambda event: received.append(event.pdu))]
    association = client.associate(*scp.address, ae_title="ARCHIVE", evt_handlers=heard)
    (reject,) = received
    assert not association.is_established
    assert (reject.result, reject.source, reject.reason_diagnostic) == (1, 1, 3)
