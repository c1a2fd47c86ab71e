"""Captures to measure with: real transfers on loopback, recorded by dumpcap, made once.

They lie in a folder outside the repository (``DICOMLAB_BENCH``, or dicomlab-bench-<user> among the
temporary files) and stay there; delete one and it is made anew. Run as ``python -m
tests.bench.captures`` to make them all. A file has its name only when it is whole and nothing was
lost in it. Besides DICOM it holds some UDP packets, which have proved that dumpcap was listening.

- chatty: 2,200 short associations between different programs, four at a time.
- bulk1448: 800 CT images, DCMTK to DCMTK, in segments as Ethernet has them (takes root,
  ip, ethtool).
- bulk64k: the same, in the large segments of loopback.
"""

from __future__ import annotations

import mmap
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from itertools import islice
from pathlib import Path
from random import Random

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian
from pynetdicom import AE

from dicomlab.net.scp import EchoSCP
from dicomlab.net.scu import SCU
from dicomlab.protocol.build import build
from dicomlab.spec.names import VERIFICATION

NAMES = ("chatty", "bulk1448", "bulk64k")
ASSOCIATIONS, AT_A_TIME = 2200, 4
LEAST_PACKETS = 28_000  # of chatty
IMAGES, SIDE = 800, 512  # how many, and of how many pixels a side, two bytes each
LEAST_BYTES = 400_000_000  # of a bulk
BUFFER = 512  # MiB of packets that wait in the kernel for dumpcap
PATIENCE = 60.0  # seconds without the event that is waited for
PAUSE = 0.05  # seconds between two looks
NOT_HERE = 3  # the exit status of a transfer for which this machine lacks something
ROOT = Path(__file__).parents[2]


class NotHereError(Exception):
    """What this machine lacks for a capture, in one line."""


# --- the folder, and what lies in it ------------------------------------------------------


def folder() -> Path:
    """Where the captures lie."""
    user = os.getuid() if hasattr(os, "getuid") else "user"
    place = os.environ.get("DICOMLAB_BENCH")
    found = Path(place or Path(tempfile.gettempdir(), f"dicomlab-bench-{user}")).absolute()
    found.mkdir(mode=0o700, parents=True, exist_ok=True)
    return found


def capture(name: str) -> Path:
    """The capture of that name, made now if it is not there; else NotHereError says why not."""
    path = folder() / f"{name}.pcapng"
    if not path.exists():
        print(f"making {path} ...", flush=True)
        with whole(path) as file:
            chatty(file) if name == "chatty" else bulk(file, ethernet=name == "bulk1448")
    return path


def captures() -> tuple[dict[str, Path], dict[str, str]]:
    """All captures by their names, and of those that cannot be made here, why."""
    found, left_out = {}, {}
    for name in NAMES:
        try:
            found[name] = capture(name)
        except NotHereError as why_not:
            left_out[name] = str(why_not)
    return found, left_out


def packet_ends(path: Path) -> Iterator[int]:
    """Behind each packet of a pcapng file of dumpcap's, where the next block begins."""
    enhanced_packet = 6
    head = struct.Struct("=II")  # block type, block length: dumpcap writes this machine's order
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        at, size = 0, len(data)
        while at + head.size <= size:
            kind, length = head.unpack_from(data, at)
            at += length
            if kind == enhanced_packet and at <= size:
                yield at


def packets(path: Path) -> int:
    """How many packets are in the file."""
    return sum(1 for _ in packet_ends(path))


def prefix(path: Path, count: int) -> Path:
    """A file of the first so many packets, byte by byte as in the whole one."""
    part = path.with_stem(f"{path.stem}-{count}")
    if part.exists() and part.stat().st_mtime >= path.stat().st_mtime:
        return part
    end = next(islice(packet_ends(path), count - 1, None))
    with whole(part) as file, path.open("rb") as source, file.open("wb") as target:
        while end and (piece := source.read(min(end, 1 << 16))):
            end -= target.write(piece)
    return part


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """A name to write to; the file gets its own when it is whole, and is gone when it is not."""
    unfinished = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        yield unfinished
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


# --- the recording ------------------------------------------------------------------------


@contextmanager
def recorded(file: Path, ports: Collection[int]) -> Iterator[None]:
    """Record what passes on loopback at these ports; AssertionError if a packet was lost."""
    with ExitStack() as opened:
        probe = opened.enter_context(socket.socket(type=socket.SOCK_DGRAM))
        probe.bind(("127.0.0.1", 0))
        wanted = [*(f"tcp port {port}" for port in ports), f"udp port {probe.getsockname()[1]}"]
        said = opened.enter_context(tempfile.TemporaryFile())
        options = ["-q", "-i", "lo", "-s", "0", "-B", str(BUFFER), "-f", " or ".join(wanted)]
        dumpcap = subprocess.Popen([program("dumpcap"), *options, "-w", file], stderr=said)
        try:
            prove(dumpcap, probe, file)
            yield
            prove(dumpcap, probe, file)  # so all that came before it is in the file too
        finally:
            end(dumpcap, signal.SIGINT)
            said.seek(0)
            words = said.read().decode(errors="replace")
    lost = re.search(r"received/dropped on interface .*: \d+/(\d+)", words)
    assert lost, words
    assert lost[1] == "0", words


def prove(dumpcap: subprocess.Popen[bytes], probe: socket.socket, file: Path) -> None:
    """Return once a packet sent from now on is in the file."""
    token = os.urandom(16)
    written = file.stat().st_size if file.exists() else 0
    for _ in range(int(PATIENCE / PAUSE)):
        probe.sendto(token, probe.getsockname())
        if not still_runs(dumpcap, PAUSE):
            raise NotHereError(f"dumpcap ended with {dumpcap.returncode}: may it capture on lo?")
        if file.exists():
            with file.open("rb") as recorded_so_far:
                recorded_so_far.seek(written)
                if token in recorded_so_far.read():
                    return
    raise AssertionError(f"dumpcap has not written a packet for {PATIENCE:.0f} s")


def still_runs(process: subprocess.Popen[bytes], seconds: float) -> bool:
    """Whether the process runs on after so many seconds."""
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        return True
    return False


def end(process: subprocess.Popen[bytes], how: signal.Signals) -> None:
    """Ask the process to end, and see to it that it has."""
    process.send_signal(how)
    if still_runs(process, PATIENCE):
        process.kill()
        process.wait()


def program(name: str) -> str:
    """The path of a program."""
    found = shutil.which(name)
    if found is None:
        raise NotHereError(f"{name} is not installed.")
    return found


# --- chatty -------------------------------------------------------------------------------


def chatty(file: Path) -> None:
    """Record many short associations; no two neighbours are of the same programs and titles."""
    with ExitStack() as servers:
        ports = {
            "dcmtk": servers.enter_context(storescp()),
            "pynetdicom": servers.enter_context(pynetdicom_scp()),
            "dicomlab": servers.enter_context(EchoSCP()).port,
        }
        with recorded(file, ports.values()):
            with ThreadPoolExecutor(AT_A_TIME) as clients:
                list(clients.map(lambda number: call(number, ports), range(ASSOCIATIONS)))
            servers.close()  # what they still say in parting belongs to it
    assert packets(file) >= LEAST_PACKETS, f"only {packets(file)} packets"


def call(number: int, ports: Mapping[str, int]) -> None:
    """The association of that number: who calls whom, by which names, and with which Message ID."""
    client, server = PAIRS[number % len(PAIRS)]
    titles = f"MODALITY{number % 97}", f"ARCHIVE_{number % 13}"
    client(ports[server], *titles, 1 + number * 29 % 0xFFFF)


def call_by_pynetdicom(port: int, calling: str, called: str, message_id: int) -> None:
    client = AE(calling)
    client.add_requested_context(VERIFICATION)
    association = client.associate("127.0.0.1", port, ae_title=called)
    assert association.is_established, f"{calling} was not accepted by {called}"
    assert association.send_c_echo(message_id).Status == 0
    association.release()


def call_by_dcmtk(port: int, calling: str, called: str, message_id: int) -> None:
    # DCMTK counts its messages itself, from 1 on
    several = ["--repeat", str(1 + message_id % 3), "-ppc", str(1 + message_id % 2)]
    command = [program("echoscu"), "-aet", calling, "-aec", called, *several]
    subprocess.run(
        [*command, "127.0.0.1", str(port)], env=environment(), check=True, timeout=PATIENCE
    )


def call_by_dicomlab(port: int, calling: str, called: str, message_id: int) -> None:
    with SCU("127.0.0.1", port) as scu:
        scu.send(build("A-ASSOCIATE-RQ", called_ae_title=called, calling_ae_title=calling))
        assert scu.receive().type == "A-ASSOCIATE-AC"
        scu.send(build("C-ECHO-RQ", message_id=message_id))
        assert scu.receive()["Status"].value == 0
        scu.release()


PAIRS: list[tuple[Callable[[int, str, str, int], None], str]] = [
    *[(call_by_pynetdicom, "dcmtk"), (call_by_dcmtk, "pynetdicom")] * 4,
    (call_by_dicomlab, "dicomlab"),
    (call_by_pynetdicom, "dicomlab"),
    (call_by_dicomlab, "dcmtk"),
]


@contextmanager
def pynetdicom_scp() -> Iterator[int]:
    """The port of a Verification SCP of pynetdicom."""
    server = AE("PYNETDICOM")
    server.add_supported_context(VERIFICATION)
    running = server.start_server(("127.0.0.1", 0), block=False)
    try:
        yield running.server_address[1]
    finally:
        running.shutdown()


@contextmanager
def storescp() -> Iterator[int]:
    """The port of a storescp of DCMTK that keeps nothing."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [program("storescp"), "--ignore", str(port)]
    server = subprocess.Popen(command, env=environment(), stderr=subprocess.DEVNULL)
    try:
        while not listens(port):
            assert still_runs(server, PAUSE), f"storescp ended with {server.returncode}"
        yield port
    finally:
        end(server, signal.SIGTERM)


def listens(port: int) -> bool:
    with socket.socket() as trial:
        return trial.connect_ex(("127.0.0.1", port)) == 0


def environment() -> dict[str, str]:
    """DCMTK as it comes, with a PDU in two pieces, whatever the caller has set."""
    return {name: value for name, value in os.environ.items() if name != "TCP_NODELAY"}


# --- bulk ---------------------------------------------------------------------------------


def bulk(file: Path, *, ethernet: bool) -> None:
    """Record a transfer of CT images; with ``ethernet`` in segments of 1448 bytes."""
    with tempfile.TemporaryDirectory(dir=folder()) as images, ExitStack() as opened:
        before = opened.enter_context(ethernet_segments()) if ethernet else []
        for number in range(IMAGES):
            ct_image(number).save_as(Path(images, f"{number}.dcm"), enforce_file_format=True)
        command = [*before, sys.executable, "-m", "tests.bench.captures", images, str(file)]
        said = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        if said.returncode == NOT_HERE:
            raise NotHereError(said.stdout.strip())
        said.check_returncode()
    size = file.stat().st_size
    assert size >= LEAST_BYTES, f"only {size} bytes"


def transfer(images: Path, file: Path) -> None:
    """Record a storescu that sends the images; runs in a process of its own, maybe a namespace.

    All on one core: on several, dumpcap writes now and then two packets in the wrong order, and
    of one such swap tshark 4.0 can lose the rest of the connection. Quick, but no work to compare.
    """
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    with ExitStack() as servers:
        port = servers.enter_context(storescp())
        with recorded(file, [port]):
            send = [program("storescu"), "-R", "+sd", "127.0.0.1", str(port), str(images)]
            subprocess.run(send, env=environment(), check=True)
            servers.close()


@contextmanager
def ethernet_segments() -> Iterator[list[str]]:
    """What to put before a command so that its loopback has an MTU of 1500 and cuts by itself."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        raise NotHereError("a network namespace of its own takes root.")
    ip, ethtool, name = program("ip"), program("ethtool"), f"dicomlab-bench-{os.getpid()}"
    within = [ip, "netns", "exec", name]
    configure([ip, "netns", "add", name])
    try:
        configure([*within, ip, "link", "set", "lo", "up", "mtu", "1500"])
        configure([*within, ethtool, "-K", "lo", "tso", "off", "gso", "off", "gro", "off"])
        yield within
    finally:
        configure([ip, "netns", "del", name])


def configure(command: list[str]) -> None:
    said = subprocess.run(command, capture_output=True, text=True, errors="replace")
    if said.returncode != 0:
        raise NotHereError(f"no network namespace: {said.stderr.strip()}")


def ct_image(number: int) -> Dataset:
    """An image of noise in a round body, and of zeros around it, as the air in a CT."""
    random = Random(number)
    image = Dataset()
    image.file_meta = FileMetaDataset()
    image.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    image.SOPClassUID, image.SOPInstanceUID = CTImageStorage, f"1.2.826.0.1.3680043.8.498.{number}"
    image.PatientName, image.PatientID, image.Modality = "Bench^Mark", "BENCH", "CT"
    image.StudyInstanceUID, image.SeriesInstanceUID = "2.25.1", "2.25.2"
    image.InstanceNumber, image.Rows, image.Columns = number, SIDE, SIDE
    image.SamplesPerPixel, image.PhotometricInterpretation = 1, "MONOCHROME2"
    image.BitsAllocated, image.BitsStored, image.HighBit = 16, 16, 15
    image.PixelRepresentation = 0
    radius = SIDE // 2
    rows = []
    for row in range(SIDE):
        half = int((radius**2 - (row - radius) ** 2) ** 0.5)
        air = bytes(2 * (radius - half))
        rows.append(air + random.randbytes(4 * half) + air)
    image.add_new("PixelData", "OW", b"".join(rows))
    return image


def main() -> int:
    if len(sys.argv) == 3:
        try:
            transfer(Path(sys.argv[1]), Path(sys.argv[2]))
        except NotHereError as why_not:
            print(why_not)
            return NOT_HERE
        return 0
    found, left_out = captures()
    for name, path in found.items():
        print(f"{name:10} {packets(path):9,} packets {path.stat().st_size / 1e6:7.1f} MB  {path}")
    for name, why_not in left_out.items():
        print(f"{name:10} left out: {why_not}")
    return int(bool(left_out))


if __name__ == "__main__":
    sys.exit(main())
