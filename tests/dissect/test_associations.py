"""Conversations of any kind become associations, and what is none is named."""

from __future__ import annotations

import gc
import gzip
import io
import subprocess
import sys
from collections.abc import Callable, Iterable
from itertools import chain
from pathlib import Path

import psutil
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dicomlab.dissect.associations import dissect, from_exchange
from dicomlab.dissect.connections import ENDED
from dicomlab.dissect.pcap import Writer
from dicomlab.dissect.synth import TcpConversation
from dicomlab.model import Association, Capture, CaptureError, Endpoint, Outcome, Side, Span
from dicomlab.protocol.build import build

CLIENT, SERVER = Endpoint("10.0.0.1", 50000), Endpoint("10.0.0.2", 11112)
TIME = 1_700_000_000_000_000_000

RQ = bytes(build("A-ASSOCIATE-RQ", called_ae_title="ARCHIVE", calling_ae_title="TRAINEE"))
AC = bytes(build("A-ASSOCIATE-AC"))
RJ = bytes(build("A-ASSOCIATE-RJ", result=1, source=1, reason_diag=7))
ABORT = bytes(build("A-ABORT", source=2, reason_diag=2))
ECHO = bytes(build("C-ECHO-RQ", message_id=7, presentation_context_id=1))
ANSWER = bytes(
    build("C-ECHO-RSP", message_id_being_responded_to=7, status=0, presentation_context_id=1)
)
ASK, LEAVE = bytes(build("A-RELEASE-RQ")), bytes(build("A-RELEASE-RP"))

Talk = list[tuple[Side, bytes | None]]  # b"": closed, None: reset
Captured = Callable[[Talk], Capture]
HELLO: Talk = [("requestor", RQ), ("acceptor", AC)]
ASKED: Talk = [("requestor", ECHO), ("acceptor", ANSWER)]
BYE: Talk = [("requestor", ASK), ("acceptor", LEAVE), ("requestor", b""), ("acceptor", b"")]


def packets(talk: Talk, client: Endpoint = CLIENT) -> Iterable[bytes]:
    conversation = TcpConversation(client, SERVER)
    yield from conversation.open()
    for sender, said in talk:
        if said is None:
            yield from conversation.reset(sender)
        else:
            yield from conversation.data(sender, said) if said else conversation.close(sender)


def written(data: Iterable[bytes]) -> bytes:
    file = io.BytesIO()
    writer = Writer(file)
    for number, packet in enumerate(data):
        writer.packet(TIME + number * 1000, packet)
    return file.getvalue()


def by_file(talk: Talk, folder: Path) -> Capture:
    path = folder / "talk.pcapng"
    path.write_bytes(written(packets(talk)))
    return dissect(path)


def by_log(talk: Talk, _: Path) -> Capture:
    return from_exchange(((TIME + n, *one) for n, one in enumerate(talk)), CLIENT, SERVER)


@pytest.fixture(params=[by_file, by_log])
def captured(request: pytest.FixtureRequest, tmp_path: Path) -> Captured:
    """A conversation as a capture: written to a file and read, or from one end's own notes."""
    return lambda talk: request.param(talk, tmp_path)


def only(capture: Capture) -> Association:
    assert capture.connections == ()
    (association,) = capture.associations
    return association


def codes(association: Association) -> list[str]:
    return [one.code for one in association.findings]


# --- associations -----------------------------------------------------------------------------


def test_a_whole_echo(captured: Captured) -> None:
    association = only(captured(HELLO + ASKED + BYE))
    assert (association.requestor, association.acceptor) == (CLIENT, SERVER)
    assert (association.calling_ae_title, association.called_ae_title) == ("TRAINEE", "ARCHIVE")
    assert association.outcome == Outcome("released", "requestor")
    assert [one.type for one in association.messages] == ["C-ECHO-RQ", "C-ECHO-RSP"]
    assert [(one.sender, one.index) for one in association.pdus] == [
        (side, n) for n, side in enumerate(["requestor", "acceptor"] * 3)
    ]
    assert b"".join(bytes(one) for one in association.pdus[::2]) == RQ + ECHO + ASK
    assert [one.start for one in association.pdus[1::2]] == [0, len(AC), len(AC + ANSWER)]
    assert association.findings == ()


@pytest.mark.parametrize(
    ("talk", "outcome"),
    [
        ([("requestor", RQ), ("acceptor", RJ)], Outcome("rejected", "acceptor", 1, 1, 7)),
        ([*HELLO, ("acceptor", ABORT)], Outcome("aborted", "acceptor", None, 2, 2)),
        (
            [*HELLO, ("requestor", ABORT), ("acceptor", None)],
            Outcome("aborted", "requestor", None, 2, 2),
        ),
        ([("requestor", RQ), ("acceptor", b"")], Outcome("unanswered", "acceptor")),
        ([("requestor", RQ), ("requestor", None)], Outcome("unanswered", "requestor")),
        ([*HELLO, ("acceptor", None)], Outcome("closed-without-release", "acceptor")),
        (
            [*HELLO, ("requestor", ASK), ("requestor", b"")],
            Outcome("closed-without-release", "requestor"),
        ),
        ([*HELLO, ("acceptor", ASK), ("requestor", LEAVE)], Outcome("released", "acceptor")),
        (HELLO, Outcome("capture-ends")),
        ([("requestor", RQ)], Outcome("capture-ends")),
    ],
)
def test_outcomes(captured: Captured, talk: Talk, outcome: Outcome) -> None:
    association = only(captured(talk))
    assert association.outcome == outcome
    assert ("capture-ends-early" in codes(association)) == (outcome.ended == "capture-ends")


def test_a_server_that_speaks_first_after_the_syn_is_no_requestor(captured: Captured) -> None:
    talk: Talk = [("acceptor", RQ), ("requestor", AC), ("acceptor", ASK), ("requestor", LEAVE)]
    association = only(captured(talk))
    assert association.requestor == SERVER  # who sends the A-ASSOCIATE-RQ is the requestor
    assert association.outcome == Outcome("released", "requestor")


def test_bytes_one_at_a_time_and_several_pdus_at_once(captured: Captured) -> None:
    slowly: Talk = [("requestor", bytes([one])) for one in RQ]
    talk: Talk = [
        *slowly,
        ("acceptor", AC),
        ("requestor", ECHO + ASK),
        ("acceptor", ANSWER + LEAVE),
    ]
    association = only(captured(talk))
    assert association.outcome == Outcome("released", "requestor")
    assert len(association.messages) == 2


def test_a_request_with_a_wrong_length_is_still_an_association(captured: Captured) -> None:
    for length in (9, 0xFFFFFFFF):
        draft = build("A-ASSOCIATE-RQ")
        draft.override("PDU-length", length)
        association = only(captured([("requestor", bytes(draft)), ("acceptor", ABORT)]))
        assert association.outcome.ended == "aborted"
        read = [one for one in association.pdus if one.sender == "requestor"]
        assert b"".join(bytes(one) for one in read) == bytes(draft)
        assert association.findings


def test_bytes_between_pdus_are_shown_and_reading_goes_on(captured: Captured) -> None:
    talk: Talk = [*HELLO, ("requestor", b"\xffrubbish"), *ASKED, *BYE]
    association = only(captured(talk))
    assert [one.type for one in association.pdus][2:4] == [None, "P-DATA-TF"]
    assert bytes(association.pdus[2]) == b"\xffrubbish"
    assert association.outcome.ended == "released"
    assert "stream-misaligned" in codes(association) or "not-dicom-other" in codes(association)


def test_an_unfinished_pdu_is_the_senders_matter_if_the_sender_ended_it(captured: Captured) -> None:
    cut = only(captured([*HELLO, ("requestor", ECHO[:20]), ("requestor", None)]))
    assert (cut.pdus[-1].complete, "pdu-truncated" in codes(cut)) == (False, True)
    open_ = only(captured([*HELLO, ("requestor", ECHO[:20])]))
    assert (open_.pdus[-1].complete, "pdu-truncated" in codes(open_)) == (False, False)


def test_findings_say_whose_bytes_and_which_frames(tmp_path: Path) -> None:
    association = only(by_file([("requestor", RQ), ("acceptor", bytes([3, 9]) + RJ[2:])], tmp_path))
    (found,) = [one for one in association.findings if one.code == "reserved-nonzero"]
    assert (found.sender, found.frames) == ("acceptor", (6, 6))
    assert association.pdus[1].time == TIME + 5000


# --- connections without association ------------------------------------------------------------


@pytest.mark.parametrize(
    ("talk", "kind", "code"),
    [
        ([("requestor", b"")], "no-data", "connection-unused"),
        ([("requestor", b"GET / HTTP/1.1\r\n\r\n")], "not-dicom", "not-dicom-http"),
        ([("acceptor", b"SSH-2.0-OpenSSH_9.2\r\n")], "not-dicom", "not-dicom-ssh"),
        ([("requestor", b"\x16\x03\x01\x01\x1f\x01\x00\x01\x1b\x03\x03")], "tls", "not-dicom-tls"),
        ([("requestor", b"\x0bMSH|^~\\&|A|B\r\x1c\r")], "not-dicom", "not-dicom-other"),
        (
            [("requestor", b"GET / HTTP/1.0\r\n\r\n"), ("acceptor", ABORT)],
            "not-dicom",
            "not-dicom-http",
        ),
        ([("requestor", b"G")], "not-dicom", "not-dicom-other"),
    ],
)
def test_what_is_no_association_is_named(
    captured: Captured, talk: Talk, kind: str, code: str
) -> None:
    capture = captured(talk)
    assert capture.associations == ()
    (connection,) = capture.connections
    assert connection.kind == kind
    assert code in [one.code for one in connection.findings]


def test_refused_and_never_answered(tmp_path: Path) -> None:
    path = tmp_path / "attempts.pcapng"
    refused = TcpConversation(CLIENT, SERVER).refuse()
    silent = next(iter(TcpConversation(Endpoint("10.0.0.3", 1), SERVER).open()))
    path.write_bytes(written([*refused, silent, silent]))
    assert [one.kind for one in dissect(path).connections] == ["refused", "no-answer"]


def test_what_is_no_dicom_may_be_the_first_of_many_that_ended(tmp_path: Path) -> None:
    path = tmp_path / "many.pcapng"
    web: Talk = [("requestor", b"GET / HTTP/1.0\r\n\r\n"), *BYE[2:]]
    talks = [web, *[[*HELLO, *BYE]] * (ENDED + ENDED // 2)]
    clients = [Endpoint("10.0.0.1", 50_000 + number) for number in range(len(talks))]
    path.write_bytes(written(chain.from_iterable(map(packets, talks, clients))))
    capture = dissect(path)
    assert len(capture.associations) == len(talks) - 1
    assert [one.kind for one in capture.connections] == ["not-dicom"]


def test_no_conversation_is_an_empty_capture() -> None:
    capture = from_exchange([], CLIENT, SERVER)
    assert (capture.associations, capture.connections) == ((), ())


# --- captures that lack something ---------------------------------------------------------------


def test_a_capture_that_begins_late_finds_the_requestor_by_what_it_asks(tmp_path: Path) -> None:
    path = tmp_path / "late.pcapng"
    path.write_bytes(written(list(packets(HELLO + ASKED + BYE))[7:]))
    association = only(dissect(path))
    assert association.requestor == CLIENT
    assert [one.type for one in association.messages] == ["C-ECHO-RQ", "C-ECHO-RSP"]
    assert association.outcome.ended == "released"
    assert codes(association) == ["capture-begins-late"] * 2


@pytest.mark.parametrize("beginning", [3, 5, 7, 9, 11])
def test_the_requestor_is_found_wherever_the_capture_begins(beginning: int, tmp_path: Path) -> None:
    path = tmp_path / "late.pcapng"
    path.write_bytes(written(list(packets(HELLO + ASKED + BYE))[beginning:]))
    assert only(dissect(path)).requestor == CLIENT


def test_what_only_an_acceptor_or_either_may_ask_misleads_nobody(tmp_path: Path) -> None:
    notice = build("C-ECHO-RQ", message_id=1, presentation_context_id=1)
    notice.override("Command Field", 0x0100)  # N-EVENT-REPORT-RQ
    talk: Talk = [*HELLO, ("acceptor", bytes(notice)), *BYE]
    path = tmp_path / "late.pcapng"
    path.write_bytes(written(list(packets(talk))[7:]))
    assert only(dissect(path)).requestor == CLIENT


def test_a_log_of_equal_times_keeps_its_order() -> None:
    talk = HELLO + ASKED + BYE
    association = only(from_exchange(((TIME, *one) for one in talk), CLIENT, SERVER))
    assert [bytes(one) for one in association.pdus] == [said for _, said in talk if said]
    assert all(one.frames is None for one in association.pdus)


def test_a_lost_packet_costs_no_other_pdu(tmp_path: Path) -> None:
    whole = list(packets(HELLO + ASKED * 3 + BYE))
    path = tmp_path / "gap.pcapng"
    del whole[7]  # the first C-ECHO-RQ
    path.write_bytes(written(whole))
    association = only(dissect(path))
    assert len(association.messages) == 5
    assert association.missing_bytes == {"requestor": len(ECHO), "acceptor": 0}
    (gap,) = [one for one in association.findings if one.code == "capture-gap"]
    assert gap.span is not None
    assert (gap.sender, gap.span.start, len(gap.span)) == ("requestor", len(RQ), len(ECHO))


@pytest.mark.parametrize(
    ("talk", "lost"),
    [
        (HELLO + BYE[2:], AC),
        (HELLO + BYE, LEAVE),
    ],
)
def test_an_answer_that_the_capture_lost_is_not_called_missing(
    talk: Talk, lost: bytes, tmp_path: Path
) -> None:
    path = tmp_path / "gap.pcapng"
    path.write_bytes(written(one for one in packets(talk) if not one.endswith(lost)))
    association = only(dissect(path))
    assert association.outcome == Outcome("capture-ends")
    assert "capture-gap" in codes(association)


def test_behind_a_gap_reading_goes_on_inside_a_packet(tmp_path: Path) -> None:
    data = bytes.fromhex("0400 0000 7e00 0001")  # a data set that looks like a PDU
    first = b"\4\0\0\0\0\x80\0\0\0\x7c\1\0" + data * 15 + b"\0\0"
    whole = first * 3 + ECHO * 2 + ASK
    cuts = [whole[:270], whole[270:290], whole[290:]]  # the third header is lost
    talk: Talk = [*HELLO, *[("requestor", one) for one in cuts], ("acceptor", LEAVE)]
    path = tmp_path / "gap.pcapng"
    lost = [one for one in packets(talk) if not one.endswith(cuts[1])]
    path.write_bytes(written(lost))
    association = only(dissect(path))
    assert association.outcome == Outcome("released", "requestor")
    found = [one for one in association.pdus if one.sender == "requestor"]
    assert [bytes(one) for one in found[-3:]] == [ECHO, ECHO, ASK]
    assert {"capture-gap", "capture-bytes-unread"} <= set(codes(association))


def test_one_direction_only_says_so_and_blames_nobody(tmp_path: Path) -> None:
    path = tmp_path / "one-way.pcapng"
    client = bytes([10, 0, 0, 1])
    path.write_bytes(written(p for p in packets(HELLO + ASKED + BYE) if p[12:16] == client))
    association = only(dissect(path))
    assert association.outcome == Outcome("capture-ends")
    assert "capture-one-way" in codes(association)


def test_dicom_inside_something_else_is_not_believed(tmp_path: Path) -> None:
    path = tmp_path / "late-http.pcapng"
    body: Talk = [("acceptor", b"\x04\x00\x00\x00\x10\x00 some web page"), ("acceptor", b"more")]
    path.write_bytes(written(list(packets(body))[3:]))
    capture = dissect(path)
    assert capture.associations == ()
    assert [one.kind for one in capture.connections] == ["not-dicom"]


LONG_TALK = list(packets(HELLO + ASKED * 3 + BYE))
SENT = {RQ, AC, ECHO, ANSWER, ASK, LEAVE}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(lost=st.sets(st.integers(0, len(LONG_TALK) - 1)))
def test_whatever_packets_are_lost_no_pdu_is_invented(lost: set[int], tmp_path: Path) -> None:
    path = tmp_path / "lossy.pcapng"
    path.write_bytes(written(one for n, one in enumerate(LONG_TALK) if n not in lost))
    for association in dissect(path).associations:
        assert {bytes(one) for one in association.pdus} <= SENT
        assert all(one.complete for one in association.pdus)


@pytest.mark.parametrize("more", [0, 40])  # read at one go, and packet by packet
def test_a_segment_that_comes_again_with_other_bytes_is_told_and_the_first_counts(
    more: int, tmp_path: Path
) -> None:
    whole = list(packets(HELLO + ASKED * (1 + more) + BYE))
    again = next(one for one in whole if one.endswith(ECHO))
    other = again.replace(bytes([7]), bytes([9]))
    assert len(other) == len(again)
    assert other != again
    for extra, expected in ((again, []), (other, ["tcp-retransmission-differs"])):
        path = tmp_path / "again.pcapng"
        at = whole.index(again) + 2
        path.write_bytes(written([*whole[:at], extra, *whole[at:]]))
        association = only(dissect(path))
        assert codes(association) == expected
        assert association.retransmitted_segments["requestor"] == 1
        assert {one.message_id for one in association.messages} == {7, None}
        for one in association.findings:
            assert (one.sender, one.span) == ("requestor", Span(len(RQ), len(RQ + ECHO)))
            assert one.frames == (at + 1, at + 1)


# --- misuse and damage --------------------------------------------------------------------------


def test_what_was_read_does_not_wait_for_the_garbage_collector(tmp_path: Path) -> None:
    path = tmp_path / "echo.pcapng"
    path.write_bytes(written(packets([*HELLO, *ASKED, *BYE])))
    process = psutil.Process()
    gc.collect()
    gc.disable()
    try:
        files = process.num_fds()
        captures = [dissect(path) for _ in range(10)]
        assert process.num_fds() == files
        del captures
        assert gc.collect() == 0
    finally:
        gc.enable()


def test_a_file_that_cannot_be_opened_says_why(tmp_path: Path) -> None:
    with pytest.raises(CaptureError, match="No such file"):
        dissect(tmp_path / "absent.pcap")
    with pytest.raises(CaptureError, match="directory"):
        dissect(tmp_path)


def test_standard_input_is_read(tmp_path: Path) -> None:
    script = "import sys, dicomlab; print(dicomlab.dissect('-').associations[0].outcome.ended)"
    packed = gzip.compress(ECHO_FILE)
    done = subprocess.run([sys.executable, "-c", script], input=packed, capture_output=True)
    assert (done.stdout.strip(), done.stderr) == (b"released", b"")


ECHO_FILE = written(packets(HELLO + ASKED + BYE))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    changes=st.lists(
        st.tuples(st.integers(28, len(ECHO_FILE) - 1), st.integers(0, 255)), max_size=12
    ),
    end=st.integers(28, len(ECHO_FILE)),
)
def test_no_damage_to_a_file_raises(
    changes: list[tuple[int, int]], end: int, tmp_path: Path
) -> None:
    data = bytearray(ECHO_FILE)
    for at, value in changes:
        data[at] = value
    path = tmp_path / "damaged.pcapng"
    path.write_bytes(data[:end])
    capture = dissect(path)
    for association in capture.associations:
        for pdu in association.pdus:
            assert len(bytes(pdu)) == len(pdu)
