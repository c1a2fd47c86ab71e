"""Many captures, wherever an executor has room; and captures that travel between processes."""

from __future__ import annotations

import gzip
import io
import os
import pickle
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import psutil
import pytest

import dicomlab as dl
from dicomlab.dissect.many import BATCH_FILES
from dicomlab.dissect.pcap import Writer
from dicomlab.dissect.rows import Spool
from dicomlab.dissect.synth import TcpConversation
from dicomlab.model import Endpoint

BROKEN = b"GIF89a"
MANY = 200_000  # packets, which take a moment to read


def recorded(path: Path, *, called: str = "ARCHIVE", echoes: int = 1) -> Path:
    """A file of one association."""
    conversation = TcpConversation(Endpoint("10.0.0.1", 50000), Endpoint("10.0.0.2", 11112))
    said = [("requestor", dl.build("A-ASSOCIATE-RQ", called_ae_title=called))]
    said.append(("acceptor", dl.build("A-ASSOCIATE-AC")))
    ask = dl.build("C-ECHO-RQ", message_id=1, presentation_context_id=1)
    said += [("requestor", ask)] * echoes
    said += [("requestor", dl.build("A-RELEASE-RQ")), ("acceptor", dl.build("A-RELEASE-RP"))]
    packets = [*conversation.open()]
    for sender, draft in said:
        packets += conversation.data(sender, bytes(draft))
    content = io.BytesIO()
    writer = Writer(content)
    for number, packet in enumerate(packets):
        writer.packet(number * 1000, packet)
    path.write_bytes(content.getvalue())
    return path


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """Twelve captures, each of another association; one that is none; one that is not there."""
    paths = [recorded(tmp_path / f"{n}.pcapng", called=f"ARCHIVE{n}") for n in range(12)]
    paths[5].write_bytes(BROKEN)
    paths[7].unlink()
    return paths


def told(found: Iterator[dl.Capture | dl.CaptureError]) -> list[str | None]:
    """Whom each calls, or why it cannot be read."""
    return [
        str(one) if isinstance(one, dl.CaptureError) else one.associations[0].called_ae_title
        for one in found
    ]


def is_right(said: list[str | None]) -> bool:
    names = [f"ARCHIVE{n}" for n in range(12)]
    broken, absent = said[5] or "", said[7] or ""
    names[5], names[7] = broken, absent
    return said == names and "5.pcapng is neither" in broken and "7.pcapng cannot be" in absent


def spawned() -> Executor:
    return ProcessPoolExecutor(2, mp_context=get_context("spawn"))


@contextmanager
def cluster() -> Iterator[Executor]:
    from distributed import Client, LocalCluster

    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as workers,
        Client(workers) as client,
        client.get_executor() as executor,
    ):
        yield executor


EXECUTORS: list[Callable[[], AbstractContextManager[Executor]]] = [
    ThreadPoolExecutor,
    spawned,
    cluster,
]


# --- any executor -----------------------------------------------------------------------------


@pytest.mark.parametrize("made", EXECUTORS)
def test_an_executor_gives_all_in_their_order(
    made: Callable[[], AbstractContextManager[Executor]], files: list[Path]
) -> None:
    with made() as executor:
        assert is_right(told(dl.dissect_many(files, executor)))


def test_without_an_executor_all_are_given_in_their_order(files: list[Path]) -> None:
    assert is_right(told(dl.dissect_many(files)))


def test_all_captures_are_the_same_as_one_by_one(corpus: Path) -> None:
    paths = sorted(corpus.rglob("*.pcap*"))
    for path, capture in zip(paths, dl.dissect_many(paths), strict=True):
        alone = dl.dissect(path)
        assert capture == alone
        assert isinstance(capture, dl.Capture)
        assert list(map(bytes, capture.pdus)) == list(map(bytes, alone.pdus))


def test_no_file_is_no_capture() -> None:
    assert list(dl.dissect_many([])) == []


def test_a_relative_path_holds_in_another_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorded(tmp_path / "echo.pcapng")
    with spawned() as executor:
        executor.submit(os.chdir, "/").result()
        monkeypatch.chdir(tmp_path)
        [capture] = dl.dissect_many(["echo.pcapng"], executor)
        monkeypatch.chdir("/")
        assert isinstance(capture, dl.Capture)
        assert capture.file == "echo.pcapng"
        assert len(bytes(capture.pdus[0])) == len(capture.pdus[0])


# --- few at a time ------------------------------------------------------------------------------


class Later(Executor):
    """Does nothing before its result is asked for, and counts."""

    def __init__(self) -> None:
        self._max_workers = 3
        self.waiting: list[Job] = []
        self.most = 0

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        job = Job(self, lambda: fn(*args, **kwargs))
        self.waiting.append(job)
        self.most = max(self.most, len(self.waiting))
        return job


class Job(Future[Any]):
    def __init__(self, executor: Later, do: Callable[[], Any]) -> None:
        super().__init__()
        self._executor = executor
        self._do = do

    def result(self, timeout: float | None = None) -> Any:
        self._executor.waiting.remove(self)
        return self._do()


def test_few_files_are_under_way(tmp_path: Path) -> None:
    asked: list[Path] = []

    def paths() -> Iterator[Path]:
        for number in range(1000):
            asked.append(tmp_path / f"{number}.pcapng")
            yield asked[-1]

    executor = Later()
    for number, found in enumerate(dl.dissect_many(paths(), executor)):
        assert isinstance(found, dl.CaptureError)
        assert len(asked) <= number + 6 + 2
    assert number == 999
    assert executor.most == 6
    assert not executor.waiting


def test_small_files_go_together(tmp_path: Path) -> None:
    path = recorded(tmp_path / "echo.pcapng")
    executor = Later()
    assert len(list(dl.dissect_many([path] * BATCH_FILES * 6, executor))) == BATCH_FILES * 6
    assert executor.most == 6


def test_who_stops_asking_cancels_what_has_not_begun(tmp_path: Path) -> None:
    executor = Later()
    found = dl.dissect_many((tmp_path / str(n) for n in range(100)), executor)
    next(found)
    found.close()
    assert executor.waiting
    assert all(job.cancelled() for job in executor.waiting)


def test_a_finished_file_is_given_before_the_next_path_is_known(tmp_path: Path) -> None:
    first = recorded(tmp_path / "echo.pcapng")

    def paths() -> Iterator[Path]:
        yield first
        yield tmp_path / "absent.pcapng"
        yield tmp_path / "absent.pcapng"
        while not given:  # as somebody would who watches a folder
            time.sleep(0.01)

    given: list[object] = []

    class Now(Later):
        def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
            done: Future[Any] = Future()
            done.set_result(fn(*args, **kwargs))
            return done

    given.extend(dl.dissect_many(paths(), Now()))
    assert len(given) == 3


# --- processes end ------------------------------------------------------------------------------


def children() -> set[int]:
    """The processes that dissect for this one."""
    mine = psutil.Process().children(recursive=True)
    return {one.pid for one in mine if "spawn_main" in " ".join(one.cmdline())}


@pytest.fixture
def many(tmp_path: Path) -> list[Path]:
    """Files enough to be busy for a while."""
    return [recorded(tmp_path / "echo.pcapng", echoes=2000)] * 1000


def test_processes_end_with_the_iterator(many: list[Path]) -> None:
    found = dl.dissect_many(many)
    next(found)
    assert children()
    found.close()
    assert not children()


def test_processes_end_after_an_exception(many: list[Path]) -> None:
    def ask() -> None:
        for _ in dl.dissect_many(many):
            raise KeyError

    with pytest.raises(KeyError):
        ask()
    assert not children()


def test_a_long_file_is_left_when_nobody_asks_any_more(tmp_path: Path) -> None:
    content = io.BytesIO()
    Writer(content).packet(0, bytes(40))
    first, packets = (
        gzip.compress(content.getvalue()),
        gzip.compress(content.getvalue()[-72:] * MANY),
    )
    short, part, long = (tmp_path / f"{name}.pcapng.gz" for name in ("short", "part", "long"))
    short.write_bytes(first)
    part.write_bytes(first + packets)
    long.write_bytes(first + 20 * packets)
    began = time.monotonic()
    assert dl.dissect(part).packets == 1 + MANY
    a_twentieth = time.monotonic() - began
    found = dl.dissect_many([short, long, long, long, long])
    next(found)
    began = time.monotonic()
    found.close()
    took = time.monotonic() - began
    assert took < 5 * a_twentieth, f"{took:.1f} s, where a twentieth takes {a_twentieth:.1f} s"


ASKING = """
import sys, time
import dicomlab as dl

if __name__ == "__main__":
    for number, capture in enumerate(dl.dissect_many([sys.argv[1]] * 100_000)):
        if not number:
            print("begun", flush=True)
        time.sleep(float(sys.argv[2]))
"""


@pytest.mark.parametrize("rest", [0, 0.1])  # waits for files; or is busy with one
@pytest.mark.parametrize("signal_", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_processes_end_with_the_one_that_asks(
    tmp_path: Path, rest: float, signal_: signal.Signals
) -> None:
    script = tmp_path / "script.py"
    script.write_text(ASKING)
    asking = subprocess.Popen(
        [sys.executable, script, recorded(tmp_path / "echo.pcapng"), str(rest)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    with asking:
        assert asking.stdout is not None
        assert asking.stdout.readline() == "begun\n"
        dissecting = psutil.Process(asking.pid).children(recursive=True)
        if signal_ == signal.SIGINT:
            os.killpg(asking.pid, signal_)  # as a terminal does
        else:
            asking.send_signal(signal_)
        _, said = asking.communicate(timeout=20)
        if signal_ == signal.SIGINT:
            assert said.count("Traceback") == 1, said  # its own
        _, alive = psutil.wait_procs(dissecting, timeout=10)
        assert not alive


def test_a_script_without_its_guard_is_told_of_it(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(ASKING.replace('__name__ == "__main__"', "True"))
    path = recorded(tmp_path / "echo.pcapng")
    done = subprocess.run(
        [sys.executable, script, path, "0"], capture_output=True, text=True, timeout=60
    )
    # after it Python itself may have something to say of what the processes left
    assert 'below `if __name__ == "__main__":`' in done.stderr


# --- captures that travel -----------------------------------------------------------------------


def test_a_capture_travels(tmp_path: Path) -> None:
    path = recorded(tmp_path / "echo.pcapng", echoes=1000)
    capture = dl.dissect(path)
    arrived = pickle.loads(pickle.dumps(capture))
    assert arrived == capture
    [association], [same] = arrived.associations, capture.associations
    assert list(association.messages) == list(same.messages)
    assert association.findings == same.findings
    assert list(map(bytes, association.pdus)) == list(map(bytes, same.pdus))


def test_a_large_capture_travels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Spool, "IN_MEMORY", 1000)
    test_a_capture_travels(tmp_path)


def test_what_one_end_noted_travels() -> None:
    with dl.EchoSCP() as scp:
        capture = dl.echo(*scp.address).capture
    assert capture is not None
    arrived = pickle.loads(pickle.dumps(capture))
    assert list(map(bytes, arrived.pdus)) == list(map(bytes, capture.pdus))


def test_where_the_file_is_not_there_all_else_is(tmp_path: Path) -> None:
    path = recorded(tmp_path / "echo.pcapng")
    arrived = pickle.loads(pickle.dumps(dl.dissect(path)))
    path.unlink()
    [association] = arrived.associations
    assert association.called_ae_title == "ARCHIVE"
    assert [one.type for one in association.pdus][:2] == ["A-ASSOCIATE-RQ", "A-ASSOCIATE-AC"]
    with pytest.raises(dl.CaptureError, match=r"echo.pcapng cannot be read again.* must stay"):
        bytes(association.pdus[0])


def test_a_capture_is_that_of_its_file(tmp_path: Path) -> None:
    path = recorded(tmp_path / "echo.pcapng")
    other = Path(shutil.copy(path, tmp_path / "copy.pcapng"))
    assert dl.dissect(path) == dl.dissect(path)
    assert dl.dissect(path) != dl.dissect(other)


@pytest.mark.parametrize(
    "error", [dl.CaptureError("no", "do"), dl.BuildError("no", "do"), dl.PeerError("no", "do", "x")]
)
def test_an_error_travels(error: dl.DicomlabError) -> None:
    arrived = pickle.loads(pickle.dumps(error))
    assert type(arrived) is type(error)
    assert (str(arrived), vars(arrived)) == ("no do", vars(error))
