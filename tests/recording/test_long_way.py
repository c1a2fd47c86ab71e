"""A long or a narrow way between the ends: how long it takes, and what it does not change."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import dicomlab as dl
from dicomlab.dissect.pcap import Reader
from dicomlab.model import BuildError, CaptureError, Side
from dicomlab.recording.record import record
from dicomlab.recording.relay import CHUNK, WINDOW
from tests.recording.conversations import WHOLE, c_echo, ladder, segments
from tests.recording.ends import (
    SIDES,
    Between,
    between,
    is_reset,
    other,
    reset,
    send,
    take,
    take_all,
)

LATENCY = 0.02  # seconds, each way
GENEROUS = 0.05  # seconds that a busy machine may add
BANDWIDTH = 1e6  # bytes per second


def seconds(happens: Callable[[], object]) -> float:
    began = time.perf_counter()
    happens()
    return time.perf_counter() - began


def pass_on(one: Between, sender: Side) -> None:
    """A few bytes go from one end to the other."""
    one.ends[sender].sendall(b"hello")
    assert take(one.ends[other[sender]], 5) == b"hello"


def round_trip(one: Between) -> None:
    pass_on(one, "requestor")
    pass_on(one, "acceptor")


@pytest.mark.parametrize("side", SIDES)
def test_each_way_takes_the_latency(side: Side, tmp_path: Path) -> None:
    with between(tmp_path / "relay.pcapng", latency=LATENCY) as one:
        round_trip(one)
        took = [seconds(lambda: pass_on(one, side)) for _ in range(5)]
    assert LATENCY <= min(took) < LATENCY + GENEROUS


def test_a_round_trip_takes_twice_the_latency_longer(tmp_path: Path) -> None:
    with (
        between(tmp_path / "short.pcapng") as short,
        between(tmp_path / "long.pcapng", latency=LATENCY) as long,
    ):
        for one in (short, long):
            round_trip(one)
        took = min(seconds(lambda: round_trip(short)) for _ in range(5))
        longer = min(seconds(lambda: round_trip(long)) for _ in range(5))
    assert 2 * LATENCY <= longer < took + 2 * LATENCY + GENEROUS


def test_the_first_bytes_wait_for_the_handshake(tmp_path: Path) -> None:
    def connect_and_ask() -> None:
        one.connect()
        round_trip(one)

    with between(tmp_path / "relay.pcapng", latency=LATENCY) as one:
        took = [seconds(connect_and_ask) for _ in range(5)]
    assert 4 * LATENCY <= min(took) < 4 * LATENCY + 2 * GENEROUS


def test_a_target_that_refuses_does_so_after_a_round_trip(tmp_path: Path) -> None:
    with between(tmp_path / "relay.pcapng", latency=LATENCY) as one:
        one.listener.close()
        with dl.SCU(*one.relay.address) as requestor, pytest.raises(dl.PeerError):
            assert seconds(requestor.receive) >= 2 * LATENCY


@pytest.mark.parametrize("side", SIDES)
def test_the_end_of_a_direction_takes_as_long(side: Side, tmp_path: Path) -> None:
    with between(tmp_path / "relay.pcapng", latency=LATENCY) as one:

        def end() -> None:
            one.ends[side].close()
            assert take_all(one.ends[other[side]]) == b""

        round_trip(one)
        assert seconds(end) >= LATENCY
        one.ends[other[side]].close()
        one.relay.stop()
        ends = [(side, "FIN"), (other[side], "FIN")]
        assert ladder(one.path)[2:] == ends


@pytest.mark.parametrize("side", SIDES)
def test_a_reset_comes_as_late_as_the_bytes_before_it_and_behind_them(
    side: Side, tmp_path: Path
) -> None:
    with between(tmp_path / "relay.pcapng", latency=LATENCY) as one:
        round_trip(one)
        one.ends[side].sendall(b"last words")
        reset(one.ends[side])
        assert take(one.ends[other[side]], 10) == b"last words"
        assert is_reset(one.ends[other[side]])
        one.relay.stop()
        assert ladder(one.path) == [*WHOLE[:2], (side, "RST")]


def times_of(path: Path) -> list[int]:
    """When each packet of a file passed, in nanoseconds."""
    with path.open("rb") as file:
        return [packet.time or 0 for packet in Reader(file)]


def flow(one: Between, sender: Side, size: int) -> float:
    """How many seconds pass from an end's first byte until the other has all of them."""
    began = time.perf_counter()
    sending = send(one.ends[sender], [bytes(size)])
    assert len(take_all(one.ends[other[sender]])) == size
    took = time.perf_counter() - began
    sending.join()
    one.ends[other[sender]].close()
    return took


@pytest.mark.parametrize("latency", [0, LATENCY])
@pytest.mark.parametrize("side", SIDES)
def test_the_bandwidth_is_kept(side: Side, latency: float, tmp_path: Path) -> None:
    size, took = 200_000, []
    least = latency + size / BANDWIDTH
    for attempt in range(10):  # a machine that is busy elsewhere can only make it longer
        path = tmp_path / f"{attempt}.pcapng"
        with between(path, latency=latency, bandwidth=BANDWIDTH) as one:
            took.append(flow(one, side, size))
        if took[-1] < 1.1 * least:
            break
    assert least <= min(took) < 1.1 * least


def test_all_connections_share_the_bandwidth(tmp_path: Path) -> None:
    with between(tmp_path / "relay.pcapng", bandwidth=BANDWIDTH) as one:
        first = one.ends.copy()
        one.connect()
        sending = [send(ends["requestor"], [bytes(100_000)]) for ends in (first, one.ends)]
        took = seconds(lambda: [take_all(ends["acceptor"]) for ends in (first, one.ends)])
        for thread in sending:
            thread.join()
    assert took > 0.9 * 200_000 / BANDWIDTH


def test_no_more_than_a_window_is_under_way(tmp_path: Path) -> None:
    latency = 0.2
    with between(tmp_path / "relay.pcapng", latency=latency) as one:
        sending = send(one.ends["requestor"], [bytes(2 * WINDOW)])
        take_all(one.ends["acceptor"])
        sending.join()
    times = times_of(one.path)
    first = times[3]  # behind the handshake
    before_anything_arrives = sum(time < first + latency * 1e9 for time in times[3:])
    under_way = sum(len(one.data) for one in segments(one.path)[3:][:before_anything_arrives])
    assert CHUNK < under_way <= WINDOW + CHUNK


def test_waiting_for_what_is_under_way_costs_no_work(tmp_path: Path) -> None:
    with between(tmp_path / "relay.pcapng", latency=0.3) as one:
        began = time.process_time()
        round_trip(one)
        worked = time.process_time() - began
    assert worked < 0.06


def test_stopping_lets_a_connection_end_on_a_long_way(tmp_path: Path) -> None:
    with between(tmp_path / "relay.pcapng", latency=0.6) as one:  # a round trip is over a second
        one.ends["requestor"].close()
        stopping = threading.Thread(target=one.relay.stop)
        stopping.start()
        assert take_all(one.ends["acceptor"]) == b""
        one.ends["acceptor"].close()
        stopping.join()
        assert ladder(one.path) == WHOLE


def test_stopping_resets_a_connection_at_once_whatever_is_under_way(tmp_path: Path) -> None:
    with between(tmp_path / "relay.pcapng", latency=0.2) as one:
        round_trip(one)
        one.ends["requestor"].sendall(b"hello")
        one.relay.stop()
        with pytest.raises(ConnectionResetError):
            one.ends["acceptor"].recv(5)


# --- in a recording -----------------------------------------------------------------------


def test_the_file_has_the_times_of_the_requestors_end() -> None:
    with (
        dl.EchoSCP(ae_title="ARCHIVE") as scp,
        record(scp, latency=LATENCY) as recording,
    ):
        c_echo(*recording.address)
    (association,) = recording.capture.associations
    pdus = association.pdus
    for asked, answered in (pdus[0:2], pdus[2:4], pdus[4:6]):
        assert answered.time - asked.time >= 2 * LATENCY * 1e9
    for answered, asked in (pdus[1:3], pdus[3:5]):  # the requestor does not wait
        assert asked.time - answered.time < LATENCY * 1e9
    syn, syn_ack, *_ = times_of(recording.path)
    assert syn_ack - syn >= 2 * LATENCY * 1e9


def test_the_recording_says_what_was_requested() -> None:
    with record(("127.0.0.1", 11112), latency=0.02, bandwidth=125_000) as recording:
        assert recording.method == "relay"
        said = " ".join(recording.limits)
    assert "20 ms longer" in said
    assert "125,000 bytes a second" in said
    assert "requestor's end" in said
    assert "20 ms longer" in recording.capture.comments[0]


@pytest.mark.parametrize("way", [{"latency": 0.02}, {"bandwidth": 1e6}])
def test_a_live_recording_refuses_with_the_remedy(way: dict[str, float]) -> None:
    with pytest.raises(CaptureError, match="Use method='relay'"):
        record(("127.0.0.1", 11112), method="live", **way)


@pytest.mark.parametrize(
    "way",
    [
        {"latency": -0.02},
        {"latency": math.nan},
        {"latency": 61},
        {"bandwidth": 0},
        {"bandwidth": math.inf},
        {"bandwidth": math.nan},
    ],
)
def test_what_is_no_latency_and_no_bandwidth_is_refused(way: dict[str, float]) -> None:
    with pytest.raises(BuildError, match=r"a (latency|bandwidth) is "):
        record(("127.0.0.1", 11112), **way)


def test_a_c_echo_is_four_round_trips_and_takes_no_less(tmp_path: Path) -> None:
    with (
        dl.EchoSCP(ae_title="ARCHIVE") as scp,
        record(scp, latency=LATENCY, path=tmp_path / "long.pcapng") as recording,
    ):
        c_echo(*recording.address)
    found = dl.round_trips(recording.capture)
    assert found.count == 4
    assert found.seconds >= 4 * 2 * LATENCY
