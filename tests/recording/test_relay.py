"""The relay: what either end sends arrives unchanged, and stands in the file."""

from __future__ import annotations

import errno
import select
import socket
import struct
import subprocess
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import dicomlab as dl
from dicomlab.dissect.pcap import Writer
from dicomlab.model import CaptureError, Endpoint, Side
from dicomlab.recording.relay import CHUNK, MOST, Relay
from tests.recording.conversations import WHOLE, ladder, segments
from tests.recording.ends import (
    SIDES,
    between,
    is_reset,
    other,
    reset,
    send,
    take,
    take_all,
)

# a few bytes, and more than the relay holds
chunks = st.lists(
    st.binary(max_size=50)
    | st.builds(lambda one, n: one * n, st.binary(max_size=9), st.just(20000)),
    max_size=6,
)
ways = st.sampled_from([{}, {"latency": 0.001}, {"bandwidth": 5e7}])


@settings(max_examples=50, deadline=None)
@given(first=st.sampled_from(SIDES), asked=chunks, told=chunks)
def test_all_bytes_arrive_unchanged_also_after_one_end_has_half_closed(
    first: Side, asked: list[bytes], told: list[bytes]
) -> None:
    second = other[first]
    with tempfile.TemporaryDirectory() as folder, between(Path(folder, "relay.pcapng")) as one:
        sending = send(one.ends[first], asked)
        assert take_all(one.ends[second]) == b"".join(asked)
        sending.join()
        sending = send(one.ends[second], told)
        assert take_all(one.ends[first]) == b"".join(told)
        sending.join()
        one.relay.stop()
        assert one.said == {first: b"".join(asked), second: b"".join(told)}
        assert ladder(one.path) == [*WHOLE[:2], (first, "FIN"), (second, "FIN")]


@settings(max_examples=30, deadline=None)
@given(asked=chunks, told=chunks, way=ways)
def test_all_bytes_arrive_while_both_ends_send_at_once(
    asked: list[bytes], told: list[bytes], way: dict[str, float]
) -> None:
    with (
        tempfile.TemporaryDirectory() as folder,
        between(Path(folder, "relay.pcapng"), **way) as one,
    ):
        threads = [send(one.ends["requestor"], asked), send(one.ends["acceptor"], told)]
        heard: dict[Side, bytes] = {}

        def listen(side: Side) -> None:
            heard[side] = take_all(one.ends[side])

        threads += [threading.Thread(target=listen, args=(side,)) for side in SIDES]
        for thread in threads[2:]:
            thread.start()
        for thread in threads:
            thread.join()
        assert heard == {"requestor": b"".join(told), "acceptor": b"".join(asked)}
        one.relay.stop()
        assert one.said == {"requestor": b"".join(asked), "acceptor": b"".join(told)}


@pytest.mark.parametrize("side", SIDES)
def test_a_reset_travels_on_behind_the_bytes_before_it(side: Side, tmp_path: Path) -> None:
    with between(tmp_path / "relay.pcapng") as one:
        one.ends[side].sendall(b"last words")
        assert take(one.ends[other[side]], 10) == b"last words"
        reset(one.ends[side])
        assert is_reset(one.ends[other[side]])
        one.relay.stop()
        assert ladder(one.path) == [*WHOLE[:2], (side, "RST")]


@pytest.mark.parametrize("side", SIDES)
def test_a_reset_travels_on_to_an_end_that_has_not_read_what_came_before(
    side: Side, tmp_path: Path
) -> None:
    with between(tmp_path / "relay.pcapng") as one:
        fill(one.ends[side])
        reset(one.ends[side])
        assert is_reset(one.ends[other[side]])
        one.relay.stop()
        assert ladder(one.path) == [*WHOLE[:2], (side, "RST")]


def test_what_an_end_said_before_its_reset_still_arrives(tmp_path: Path) -> None:
    with between(tmp_path / "relay.pcapng") as one:
        requestor, acceptor = one.ends["requestor"], one.ends["acceptor"]
        requestor.sendall(b"unread")
        select.select([acceptor], [], [])
        acceptor.sendall(b"abort")
        acceptor.close()  # with bytes unread: the system sends a reset
        assert take(requestor, 5) == b"abort"
        assert is_reset(requestor)


def fill(end: socket.socket) -> int:
    """Send until nobody takes any more; how many bytes that were."""
    end.setblocking(False)
    sent = 0
    while select.select([], [end], [], 0.3)[1]:
        sent += end.send(bytes(CHUNK))
    end.setblocking(True)
    return sent


def test_who_does_not_read_stops_the_sender_and_still_gets_everything(tmp_path: Path) -> None:
    with between(tmp_path / "relay.pcapng") as one:
        sent = fill(one.ends["requestor"])
        assert sent < 1 << 26  # the sockets' buffers, and no more
        held = sent - sum(len(segment.data) for segment in segments(one.path))
        assert held >= 0  # what the relay has not read is not in the file yet
        assert take(one.ends["acceptor"], sent) == bytes(sent)


def test_a_silent_direction_does_not_hold_up_the_other(tmp_path: Path) -> None:
    with between(tmp_path / "relay.pcapng") as one:
        fill(one.ends["requestor"])
        one.ends["acceptor"].sendall(b"still here")
        assert take(one.ends["requestor"], 10) == b"still here"


def test_a_target_that_refuses_is_recorded_and_resets_the_requestor(tmp_path: Path) -> None:
    path = tmp_path / "relay.pcapng"
    with socket.create_server(("127.0.0.1", 0)) as listener:
        target = Endpoint(*listener.getsockname())
    relay = Relay(target, path)
    with socket.create_connection(relay.address) as requestor:
        assert is_reset(requestor)
    relay.stop()
    assert ladder(path) == [("requestor", "SYN"), ("acceptor", "RST")]
    (connection,) = dl.dissect(path).connections
    assert (connection.kind, connection.acceptor) == ("refused", target)


def test_many_connections_at_once_are_kept_apart(tmp_path: Path) -> None:
    with between(tmp_path / "relay.pcapng") as one:
        pairs = []
        for number in range(MOST - 1):
            one.connect()
            pairs.append((number, *one.ends.values()))
        for number, requestor, _ in pairs:
            requestor.sendall(b"%d asks" % number)
        for number, requestor, acceptor in reversed(pairs):
            assert take(acceptor, len(b"%d asks" % number)) == b"%d asks" % number
            acceptor.sendall(b"%d answers" % number)
            assert take(requestor, len(b"%d answers" % number)) == b"%d answers" % number
            requestor.close()
            acceptor.close()


def test_a_port_that_a_requestor_uses_again_is_a_new_connection(tmp_path: Path) -> None:
    with between(tmp_path / "relay.pcapng") as one:
        port = one.ends["requestor"].getsockname()[1]
        one.ends["requestor"].sendall(b"first")
        reset(one.ends["requestor"])
        assert is_reset(one.ends["acceptor"])
        one.connect(port)
        one.ends["requestor"].sendall(b"second")
    assert [sum(each.bytes.values()) for each in dl.dissect(one.path).connections] == [5, 6]


def test_the_relay_listens_on_loopback_only_of_the_targets_ip_version(tmp_path: Path) -> None:
    for host in ("127.0.0.1", "::1"):
        with between(tmp_path / "relay.pcapng", host) as one:
            assert one.relay.address[0] == host
            one.ends["requestor"].sendall(b"hello")
            assert take(one.ends["acceptor"], 5) == b"hello"


def test_stopping_leaves_no_thread_no_descriptor_and_no_port(
    tmp_path: Path, nothing_left: Callable[[], None]
) -> None:
    with between(tmp_path / "relay.pcapng") as one:
        address = one.relay.address
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(address)
    nothing_left()


def test_stopping_resets_a_connection_that_nobody_has_ended(tmp_path: Path) -> None:
    with between(tmp_path / "relay.pcapng") as one:
        one.relay.stop()
        assert all(is_reset(end) for end in one.ends.values())
        assert ladder(one.path) == WHOLE[:2]  # the reset is not of either end


def test_stopping_lets_an_ending_connection_end(tmp_path: Path) -> None:
    with between(tmp_path / "relay.pcapng") as one:
        one.ends["requestor"].close()
        stopping = threading.Thread(target=one.relay.stop)
        stopping.start()
        assert take_all(one.ends["acceptor"]) == b""
        one.ends["acceptor"].close()
        stopping.join()
        assert ladder(one.path) == WHOLE


def test_a_file_that_cannot_be_written_is_said_at_once(
    tmp_path: Path, nothing_left: Callable[[], None]
) -> None:
    with pytest.raises(CaptureError, match="Choose another path"):
        Relay(Endpoint("127.0.0.1", 11112), tmp_path / "no such folder" / "relay.pcapng")
    nothing_left()


def test_a_disk_that_is_full_cuts_the_connections_and_is_told_at_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, nothing_left: Callable[[], None]
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with between(tmp_path / "relay.pcapng") as one:
        one.ends["requestor"].sendall(b"hello")
        assert take(one.ends["acceptor"], 5) == b"hello"
        monkeypatch.setattr(Writer, "packet", full)
        one.ends["requestor"].sendall(b"hello")
        assert all(is_reset(end) for end in one.ends.values())
        with pytest.raises(CaptureError, match="No space left on device"):
            one.relay.stop()
        one.relay = Relay(one.target, tmp_path / "another.pcapng")  # for the end of the block
    nothing_left()


def test_tshark_reads_the_file_without_a_complaint(tshark: str, tmp_path: Path) -> None:
    with between(tmp_path / "relay.pcapng") as one:
        for side, end in one.ends.items():
            sending = send(end, [bytes(1 << 20)])
            assert take_all(one.ends[other[side]]) == bytes(1 << 20)
            sending.join()
    complaints = "tcp.analysis.flags or _ws.expert.severity >= 0x600000"  # warnings, errors
    for wanted, lines in ((complaints, 0), ("tcp.flags.syn == 1", 2)):
        strict = ["-o", "tcp.check_checksum:TRUE", "-o", "ip.check_checksum:TRUE"]
        command = [tshark, "-r", str(one.path), *strict, "-Y", wanted]
        said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        assert len(said.splitlines()) == lines, said


def test_the_file_says_that_its_headers_are_made_up_and_names_the_real_ends(
    tmp_path: Path,
) -> None:
    with between(tmp_path / "relay.pcapng") as one:
        one.ends["requestor"].close()
        one.ends["acceptor"].close()
    capture = dl.dissect(one.path)
    assert "headers are made up" in capture.comments[0]
    (connection,) = capture.connections
    assert connection.requestor.port not in (one.relay.address[1], connection.acceptor.port)
    assert connection.acceptor.port == one.target.port


def test_a_reset_in_the_middle_does_not_stop_the_relay(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        relay = Relay(Endpoint(*server.getsockname()), tmp_path / "relay.pcapng")
        try:
            for _ in range(20):
                client = socket.create_connection(relay.address)
                accepted, _ = server.accept()
                client.sendall(b"x" * 500)
                accepted.sendall(b"y" * 500)
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                client.close()
                accepted.close()
            with socket.create_connection(relay.address) as last:
                accepted, _ = server.accept()
                with accepted:
                    last.sendall(b"still here")
                    assert accepted.recv(100) == b"still here"
        finally:
            relay.stop()
