"""Whatever the network does to the segments, each byte comes once and in order."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicomlab.dissect import tcp
from dicomlab.dissect.connections import Connections, TcpConnection
from dicomlab.dissect.network import ACK, FIN, RST, SYN, Segment
from dicomlab.dissect.tcp import Seen

CLIENT, SERVER = b"\x0a\0\0\1\xc0\0", b"\x0a\0\0\2\0\x68"


@dataclass
class Kept:
    """A receiver that keeps what it gets; missing bytes become dots."""

    bytes_: bytearray = field(default_factory=bytearray)
    frames: list[int] = field(default_factory=list)
    gaps: list[int] = field(default_factory=list)
    at_start: bool | None = None

    def begin(self, at_start: bool) -> None:
        self.at_start = at_start

    def data(self, at: int, chunk: bytes, seen: Seen) -> int:
        assert chunk
        assert at == len(self.bytes_)
        self.bytes_ += chunk
        self.frames.append(seen.frame)
        return 0

    def gap(self, at: int, size: int) -> None:
        assert size > 0
        assert at == len(self.bytes_)
        self.gaps.append(size)
        self.bytes_ += b"." * size


class Bench:
    """Connections to which segments can be fed."""

    def __init__(self) -> None:
        self.kept: list[tuple[Kept, Kept]] = []
        self.closed: list[TcpConnection] = []
        self.connections = Connections(self._opened, self.closed.append)
        self.frame = 0

    def _opened(self, _: TcpConnection) -> tuple[Kept, Kept]:
        self.kept.append((Kept(), Kept()))
        return self.kept[-1]

    def feed(
        self,
        sequence: int,
        data: bytes = b"",
        flags: int = ACK,
        *,
        back: bool = False,
        size: int | None = None,
    ) -> None:
        self.frame += 1
        source, target = (SERVER, CLIENT) if back else (CLIENT, SERVER)
        size = len(data) if size is None else size
        segment = Segment(source, target, sequence % (1 << 32), flags, data, size)
        self.connections.segment(segment, Seen(self.frame * 1000, self.frame, 0))

    def handshake(self, first: int = 99, second: int = 499) -> None:
        self.feed(first, flags=SYN)
        self.feed(second, flags=SYN | ACK, back=True)
        self.feed(first + 1)

    def end(self) -> bytes:
        self.connections.finish()
        return bytes(self.kept[0][0].bytes_)


def segments(data: bytes, size: int) -> list[tuple[int, bytes]]:
    return [(at, data[at : at + size]) for at in range(0, len(data), size)]


@given(
    data=st.binary(min_size=1, max_size=300),
    size=st.integers(1, 40),
    first=st.one_of(st.integers(0, (1 << 32) - 1), st.integers((1 << 32) - 300, (1 << 32) - 1)),
    script=st.data(),
)
def test_repeated_overlapping_and_shuffled_segments_give_the_bytes(
    data: bytes, size: int, first: int, script: st.DataObject
) -> None:
    pieces = segments(data, size)
    again = script.draw(st.lists(st.tuples(st.integers(0, len(data) - 1), st.integers(1, 60))))
    pieces += [(at, data[at : at + length]) for at, length in again]
    bench = Bench()
    bench.handshake(first)
    for at, piece in script.draw(st.permutations(pieces)):
        bench.feed(first + 1 + at, piece)
    assert bench.end() == data
    assert bench.closed[0].directions[0].missing == 0


@given(
    data=st.binary(min_size=2, max_size=300),
    size=st.integers(1, 40),
    lost=st.sets(st.integers(0, 30)),
)
def test_lost_segments_are_gaps_of_the_right_size(data: bytes, size: int, lost: set[int]) -> None:
    bench = Bench()
    bench.handshake(0xFFFFFFF0)
    expected = b""
    for number, (at, piece) in enumerate(segments(data, size)):
        if number in lost:
            expected += b"." * len(piece)
        else:
            bench.feed(0xFFFFFFF1 + at, piece)
            expected += piece
    bench.feed(0xFFFFFFF1 + len(data), flags=FIN | ACK)
    assert bench.end() == expected
    assert bench.closed[0].directions[0].missing == expected.count(b".") - sum(
        piece.count(b".") for n, (_, piece) in enumerate(segments(data, size)) if n not in lost
    )


def test_a_capture_that_begins_late_begins_with_the_first_byte_seen_in_order() -> None:
    bench = Bench()
    for at in (4, 0, 8):
        bench.feed((1 << 32) - 6 + at, b"%04d" % at)
    assert bench.end() == b"000000040008"
    assert bench.kept[0][0].at_start is False


def test_a_syn_that_the_file_has_late_still_begins_the_connection() -> None:
    bench = Bench()
    bench.feed(104, b"back")
    bench.feed(99, flags=SYN)
    bench.feed(100, b"once")
    assert bench.end() == b"onceback"
    assert bench.kept[0][0].at_start is True
    assert len(bench.kept) == 1


def test_a_keep_alive_is_no_data() -> None:
    bench = Bench()
    bench.handshake()
    bench.feed(100, b"real")
    bench.feed(103, b"\0")
    bench.feed(103, b"")
    assert bench.end() == b"real"
    assert bench.closed[0].directions[0].retransmitted == 0


def test_a_new_syn_on_the_same_ports_is_a_new_connection() -> None:
    bench = Bench()
    bench.handshake()
    bench.feed(100, b"first")
    bench.feed(105, flags=FIN | ACK)
    bench.handshake(9999, 8888)
    bench.feed(10000, b"second")
    bench.end()
    assert [bytes(one[0].bytes_) for one in bench.kept] == [b"first", b"second"]
    assert [one.number for one in bench.closed] == [0, 1]


def test_a_syn_that_is_seen_twice_is_one_connection() -> None:
    bench = Bench()
    bench.handshake()
    bench.handshake()
    bench.feed(100, b"once")
    assert bench.end() == b"once"
    assert len(bench.kept) == 1


def test_a_syn_after_a_late_beginning_is_a_new_connection() -> None:
    bench = Bench()
    bench.feed(5_000_000, b"old")
    bench.handshake()
    bench.feed(100, b"new")
    bench.end()
    assert [bytes(one[0].bytes_) for one in bench.kept] == [b"old", b"new"]


def test_a_syn_ack_alone_tells_who_began() -> None:
    bench = Bench()
    bench.feed(499, flags=SYN | ACK, back=True)
    bench.connections.finish()
    assert bench.closed[0].ends == (CLIENT, SERVER)


def test_data_behind_a_fin_of_the_other_side_still_counts() -> None:
    bench = Bench()
    bench.handshake()
    bench.feed(500, flags=FIN | ACK, back=True)
    bench.feed(100, b"half closed")
    assert bench.end() == b"half closed"
    assert [(one.side, one.kind) for one in bench.closed[0].endings] == [(1, "FIN")]


def test_the_text_of_a_reset_is_no_data() -> None:
    bench = Bench()
    bench.handshake()
    bench.feed(100, b"reset by someone", flags=RST | ACK)
    assert bench.end() == b""
    assert bench.closed[0].endings[0].kind == "RST"


def test_what_the_snap_length_cut_off_is_a_gap() -> None:
    bench = Bench()
    bench.handshake()
    bench.feed(100, b"abc", size=10)
    bench.feed(110, b"def")
    assert bench.end() == b"abc.......def"


def test_a_hole_that_is_never_filled_holds_a_bounded_number_of_segments() -> None:
    bench = Bench()
    bench.handshake()
    for number in range(tcp.WAITING_SEGMENTS + 2):
        bench.feed(101 + number, b"x")
    assert bench.kept[0][0].gaps == [1]
    assert len(bench.kept[0][0].bytes_) == tcp.WAITING_SEGMENTS + 3


@pytest.mark.parametrize("size", [1000, 100_000])
def test_a_hole_holds_a_bounded_number_of_bytes(size: int) -> None:
    bench = Bench()
    bench.handshake()
    for number in range(tcp.WAITING_BYTES // size + 1):
        bench.feed(101 + number * size, bytes(size))
    assert bench.kept[0][0].gaps == [1]


def test_counts_of_what_came_again_and_what_came_early() -> None:
    bench = Bench()
    bench.handshake()
    for at, piece in ((0, b"aa"), (4, b"cc"), (2, b"bb"), (0, b"aa"), (3, b"bcc")):
        bench.feed(100 + at, piece)
    stream = bench.closed[0].directions[0] if bench.end() == b"aabbcc" else None
    assert stream is not None
    assert (stream.retransmitted, stream.early) == (2, 1)
