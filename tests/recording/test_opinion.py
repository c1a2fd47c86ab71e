"""The second opinion: where tshark and we agree, and where both are shown."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from pynetdicom.ae import ApplicationEntity
from pynetdicom.sop_class import Verification

import dicomlab as dl
from dicomlab.dissect.pcap import Writer
from dicomlab.dissect.synth import TcpConversation
from dicomlab.model import Capture, CaptureError, Endpoint, Side
from dicomlab.recording.opinion import second_opinion
from dicomlab.recording.record import record
from tests.recording.conversations import c_echo

RQ = bytes(dl.build("A-ASSOCIATE-RQ", called_ae_title="ARCHIVE", calling_ae_title="CT<b>1</b>"))
AC = bytes(dl.build("A-ASSOCIATE-AC"))
ABORT = bytes(dl.build("A-ABORT"))


def written(path: Path, *said: tuple[Side, bytes]) -> Capture:
    """A capture of one connection on which just this was said, a segment a time."""
    tcp = TcpConversation(Endpoint("10.0.0.1", 40000), Endpoint("10.0.0.2", 11112))
    with Writer(path) as file:
        for packet in tcp.open():
            file.packet(0, packet)
        for sender, data in said:
            for packet in tcp.data(sender, data):
                file.packet(0, packet)
    return dl.dissect(path)


@pytest.mark.usefixtures("tshark")
def test_both_agree_on_a_c_echo_of_ours(nothing_left: Callable[[], None]) -> None:
    with dl.EchoSCP(ae_title="ARCHIVE") as scp, record(scp, method="relay") as recording:
        c_echo(*recording.address)
    opinion = second_opinion(recording.capture)
    assert opinion.agreed
    assert opinion.summary.endswith("agree on 6 of 6 PDUs.")
    assert [row.ours for row in opinion.rows] == list(recording.capture.pdus)
    assert "P-DATA-TF, C-ECHO-RQ, 80 bytes" in str(opinion)
    assert "PDV, C-ECHO-RQ ID=7, 80 bytes" in str(opinion)
    nothing_left()


@pytest.mark.usefixtures("tshark", "live")
def test_both_agree_on_a_c_echo_of_pynetdicom_recorded_live() -> None:
    server = ApplicationEntity("ARCHIVE")
    server.add_supported_context(Verification)
    listening = server.start_server(("127.0.0.1", 0), block=False)
    try:
        with record(listening.server_address, method="live") as recording:
            client = ApplicationEntity("TRAINEE")
            client.add_requested_context(Verification)
            association = client.associate(*recording.address, ae_title="ARCHIVE")
            assert association.send_c_echo().Status == 0
            association.release()
    finally:
        listening.shutdown()
    assert second_opinion(recording.capture).summary.endswith("agree on 6 of 6 PDUs.")


@pytest.mark.usefixtures("tshark")
def test_several_pdus_in_one_packet_are_matched_one_by_one(tmp_path: Path) -> None:
    capture = written(tmp_path / "two.pcapng", ("requestor", RQ), ("acceptor", AC + ABORT))
    opinion = second_opinion(capture)
    assert [row.theirs and row.theirs.type for row in opinion.rows] == [1, 2, 7]
    assert opinion.agreed


@pytest.mark.usefixtures("tshark")
def test_a_pdu_that_tshark_loses_is_shown_with_its_complaint(tmp_path: Path) -> None:
    # tshark 4.0 gives up where a segment ends right behind the header of the next PDU
    capture = written(
        tmp_path / "six.pcapng", ("requestor", RQ), ("acceptor", AC + ABORT[:6]),
        ("acceptor", ABORT[6:]),
    )  # fmt: skip
    opinion = second_opinion(capture)
    if opinion.agreed:
        pytest.skip(f"tshark {opinion.version} no longer loses it")
    lost = opinion.rows[2]
    assert lost.ours is not None
    assert lost.ours.type == "A-ABORT"
    assert lost.theirs is None
    assert "tshark shows no PDU here" in lost.differences[0]
    assert "✗" in str(opinion)


@pytest.mark.usefixtures("tshark")
def test_what_came_from_the_file_is_escaped(tmp_path: Path) -> None:
    page = second_opinion(written(tmp_path / "name.pcapng", ("requestor", RQ)))._repr_html_()
    assert "CT&lt;b&gt;1" in page
    assert "<b>" not in page


@pytest.mark.usefixtures("without_wireshark")
def test_without_tshark_there_is_a_remedy_instead(tmp_path: Path) -> None:
    capture = written(tmp_path / "one.pcapng", ("requestor", RQ))
    with pytest.raises(CaptureError, match=r"not installed\. Install Wireshark"):
        second_opinion(capture)


@pytest.mark.usefixtures("tshark")
def test_a_file_that_tshark_cannot_read_is_said(tmp_path: Path) -> None:
    path = tmp_path / "gone.pcapng"
    capture = written(path, ("requestor", RQ))
    path.write_bytes(b"no capture at all")
    with pytest.raises(CaptureError, match="tshark cannot read the file"):
        second_opinion(capture)


@pytest.mark.usefixtures("tshark")
@pytest.mark.parametrize(
    "name", ["extended_negotiation", "cget", "mtu_576", "echo_ipv6", "reorder_store"]
)
def test_both_agree_on_recordings_of_real_systems(corpus: Path, name: str) -> None:
    opinion = second_opinion(dl.dissect(corpus / f"{name}.pcapng"))
    assert opinion.rows
    assert opinion.agreed, opinion
