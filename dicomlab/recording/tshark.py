"""Wireshark's part, through pyshark: live capture, and what tshark reads in a capture file.

pyshark runs in a small process of its own (the end of this module), in a session of its own. So
neither the event loop of a notebook's kernel nor an interrupt that is meant for us comes in its
way, and what it might leave behind is gone with that process.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from importlib import util
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from dicomlab.dissect.network import FIN, RST, SYN, End, Network
from dicomlab.dissect.pcap import Reader, Writer
from dicomlab.model import CaptureError, Endpoint, printable

INSTALL = "Install Wireshark's tshark (Debian, Ubuntu: apt-get install tshark; or wireshark.org)."
_ALLOW = (
    "Capture as root, or allow it to yourself (Debian, Ubuntu: dpkg-reconfigure wireshark-common, "
    "then join the group wireshark); method='relay' needs no rights."
)
_RELAY = "Use method='relay'."
_COMMENT = (
    "Recorded live by dicomlab on the loopback interface, with dumpcap and tshark through pyshark: "
    "the packets are those of the operating system."
)
_BUFFER = 64  # MiB of packets that wait in the kernel for dumpcap
_LOOPBACK = "lo0" if sys.platform == "darwin" else "lo"
_PLACES = os.pathsep.join(
    [
        "/Applications/Wireshark.app/Contents/MacOS",
        *(
            str(Path(os.environ[name]) / "Wireshark")
            for name in ("ProgramFiles", "ProgramFiles(x86)")
            if name in os.environ
        ),
    ]
)


# --- what this machine can do -------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What Wireshark's programs can do here."""

    tshark: str | None  # its path
    version: str | None
    live: bool  # whether loopback can be recorded live
    reason: str = ""  # in one line, why not
    remedy: str = ""


def capabilities() -> Capabilities:
    """Look whether tshark is here, and whether this user may capture on loopback."""
    tshark = find("tshark")
    said = _said([tshark, "--version"]).stdout if tshark else ""
    version = re.search(r"\d+\.\d+\.\d+", said)
    why_not = obstacle()
    if why_not is None:
        return Capabilities(tshark, version and version[0], live=True)
    reason, remedy = why_not
    return Capabilities(tshark, version and version[0], live=False, reason=reason, remedy=remedy)


def find(program: str) -> str | None:
    """The path of one of Wireshark's programs."""
    return shutil.which(program) or shutil.which(program, path=_PLACES)


def obstacle() -> tuple[str, str] | None:
    """Why loopback cannot be recorded live, in one line, and the remedy; None where it can."""
    if sys.platform == "win32":
        return "live recording is not there for Windows yet.", _RELAY
    missing = _missing("tshark", "dumpcap")
    if missing:
        return missing
    try:
        said = _said([find("dumpcap") or "", "-L", "-i", _LOOPBACK])  # opens the interface
    except OSError as error:
        return f"dumpcap cannot be run ({error.strerror}).", _ALLOW
    if said.returncode != 0:
        words = printable(said.stderr.partition("\n")[0].removeprefix("dumpcap: "))
        return f"dumpcap may not capture on {_LOOPBACK}: {words}", _ALLOW
    return None


def _missing(*programs: str) -> tuple[str, str] | None:
    for program in programs:
        if find(program) is None:
            return f"{program} is not installed.", INSTALL
    if util.find_spec("pyshark") is None:
        return "pyshark is not installed.", "python -m pip install pyshark"
    return None


def _said(command: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, capture_output=True, text=True, errors="replace", timeout=30, check=False
    )


# --- live capture -------------------------------------------------------------------------


class LiveCapture:
    """Records what passes between anybody and ``target`` on this machine's loopback interface.

    Ready when made: a packet sent for that purpose has come out at the other end, as pyshark saw
    it. So has another one at the end, hence all that was said before it is in the file too. These
    probes are not in the file ``path``, which is there after :meth:`stop`.

    Raises CaptureError where the machine does not allow it.
    """

    limits = (
        "Only what passes within this machine is seen, in large packets without real checksums.",
        "Packets of a very fast transfer can be lost; dissecting the file names what is missing.",
    )
    PATIENCE = 15.0  # seconds without a sign of life from tshark
    LAST_WORDS = 1.0  # seconds, at the end, in which an ending connection may end wholly
    _PAUSE = 0.02  # seconds between two probes

    def __init__(self, target: Endpoint, path: Path) -> None:
        why_not = obstacle() or _elsewhere(target)
        if why_not:
            raise CaptureError(f"Cannot record live: {why_not[0]}", why_not[1])
        self.address = (target.address, target.port)
        self._path = path
        self._token = os.urandom(16)
        self._sent = self._heard = 0  # numbers of probes
        self._lines = b""
        with ExitStack() as opened:
            _try_to_write(path)
            folder = Path(opened.enter_context(TemporaryDirectory(prefix="dicomlab-")))
            self._raw, self._errors = folder / "raw.pcapng", folder / "errors.txt"
            self._probe = opened.enter_context(socket.socket(type=socket.SOCK_DGRAM))
            self._probe.bind(("127.0.0.1", 0))
            port = self._probe.getsockname()[1]
            wanted = f"(tcp port {target.port} and host {target.address}) or udp port {port}"
            with self._errors.open("wb") as errors:
                self._process = _start(
                    "capture",
                    str(self._raw),
                    str(target.port),
                    wanted,
                    self._token.hex(),
                    stderr=errors,
                )
            opened.callback(_finish, self._process)
            self._prove()
            self._opened = opened.pop_all()

    def stop(self) -> None:
        """End the recording and write the file.

        A connection that one end has ended gets :attr:`LAST_WORDS` seconds to end wholly. Raises
        CaptureError where it is not certain that the file has everything; what there is, is there.
        """
        doubt = None
        with self._opened:
            try:
                self._wait_for_the_end()
            except CaptureError as error:
                doubt = error
            _finish(self._process)
            _copy_tcp(self._raw, self._path)
        if doubt:
            raise doubt

    def _wait_for_the_end(self) -> None:
        deadline = time.monotonic() + self.LAST_WORDS
        self._prove()
        while _ending(self._raw) and time.monotonic() < deadline:
            self._prove()

    def _prove(self) -> None:
        """Return once a probe sent after this call has come out at the other end."""
        first = self._sent + 1
        deadline = time.monotonic() + self.PATIENCE
        while self._heard < first:
            self._sent += 1
            self._probe.sendto(
                self._token + self._sent.to_bytes(4, "big"), self._probe.getsockname()
            )
            if self._listen():
                deadline = time.monotonic() + self.PATIENCE
            elif time.monotonic() > deadline:
                raise CaptureError(
                    f"tshark has not shown a packet for {self.PATIENCE:.0f} s.", _RELAY
                )

    def _listen(self) -> bool:
        """Whether pyshark says anything; the probes that it saw are noted."""
        assert self._process.stdout is not None
        output = self._process.stdout.fileno()
        if not select.select([output], [], [], self._PAUSE)[0]:
            return False
        said = os.read(output, 1 << 16)
        if not said:
            words = self._errors.read_text(errors="replace").strip().splitlines() or ["no reason"]
            raise CaptureError(f"tshark has ended: {printable(words[-1])}.", _RELAY)
        *lines, self._lines = (self._lines + said).split(b"\n")
        self._heard = max([self._heard, *(int(line) for line in lines)])
        return True


def _elsewhere(target: Endpoint) -> tuple[str, str] | None:
    """An obstacle where the target is not on this machine: nothing can be bound to its address."""
    family = socket.AF_INET6 if ":" in target.address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as trial:
        try:
            trial.bind((target.address, 0))
        except OSError:
            return f"{target} is not on this machine.", _RELAY
    return None


def _try_to_write(path: Path) -> None:
    try:
        path.open("ab").close()  # what is there stays until there is something to write
    except OSError as error:
        raise CaptureError(
            f"Cannot write {printable(str(path))} ({error.strerror}).", "Choose another path."
        ) from error


def _ending(raw: Path) -> bool:
    """Whether there is a connection that one end has ended and the other has not."""
    ended: dict[frozenset[End], set[End]] = defaultdict(set)
    network = Network()
    with raw.open("rb") as file:
        for packet in Reader(file):
            segment = network.segment(packet.link_type, packet.data, packet.size)
            if segment is None:
                continue
            ends = frozenset((segment.source, segment.target))
            if segment.flags & (SYN | RST):
                ended.pop(ends, None)
            elif segment.flags & FIN:
                ended[ends].add(segment.source)
    return any(len(ends) == 1 for ends in ended.values())


def _copy_tcp(raw: Path, path: Path) -> None:
    """Write the TCP packets of a file; the probes are UDP."""
    network = Network()
    with raw.open("rb") as file:
        packets = iter(Reader(file))
        link_type = next(packets).link_type  # of the first probe
        with Writer(path, comment=_COMMENT, link_type=link_type, interface=_LOOPBACK) as out:
            for packet in packets:
                if network.segment(packet.link_type, packet.data, packet.size):
                    out.packet(packet.time or 0, packet.data)


# --- what tshark reads in a file ----------------------------------------------------------


@dataclass(frozen=True, slots=True)
class TsharkField:
    """A field that tshark names in a PDU."""

    name: str  # dicom.assoc.ae.called
    text: str
    offset: int  # from the first byte of the PDU
    raw: bytes


@dataclass(frozen=True, slots=True)
class TsharkPdu:
    """A PDU as tshark sees it."""

    frame: int  # from 1; the one in which it ends
    sender: Endpoint
    receiver: Endpoint
    type: int
    length: int  # PDU-length
    text: str
    fields: tuple[TsharkField, ...] = field(repr=False)  # also what we would mask


@dataclass(frozen=True, slots=True)
class TsharkReading:
    """What tshark reads in a capture file."""

    version: str
    pdus: tuple[TsharkPdu, ...]
    malformed: frozenset[int]  # frames that it calls so


READING_PATIENCE = 300.0  # seconds; pyshark takes some hundred packets in one


def read(path: Path, ports: Iterable[int]) -> TsharkReading:
    """What tshark reads in a file, where TCP ``ports`` carry DICOM.

    Raises CaptureError where tshark or pyshark is missing, or cannot read the file.
    """
    missing = _missing("tshark")
    if missing:
        raise CaptureError(f"There is no second opinion: {missing[0]}", missing[1])
    process = _start("read", str(path), *(str(port) for port in ports), stderr=subprocess.PIPE)
    try:
        said, errors = process.communicate(timeout=READING_PATIENCE)
    except subprocess.TimeoutExpired:
        raise CaptureError(
            f"tshark did not read the file within {READING_PATIENCE:.0f} s.",
            "Ask about a shorter recording.",
        ) from None
    finally:
        _finish(process)
    if process.returncode != 0:
        words = errors.decode(errors="replace").strip().rpartition("\n")[2]
        raise CaptureError(f"tshark cannot read the file: {printable(words)}.")
    version, *packets = (json.loads(line) for line in said.splitlines())
    return TsharkReading(
        version,
        tuple(pdu for packet in packets for pdu in _pdus(packet)),
        frozenset(packet["frame"] for packet in packets if packet["malformed"]),
    )


def _pdus(packet: dict[str, Any]) -> Iterator[TsharkPdu]:
    sender, receiver = (Endpoint(*end) for end in packet["ends"])
    for layer in packet["layers"]:
        fields = [TsharkField(name, text, at, bytes.fromhex(raw)) for name, text, at, raw in layer]
        named = {one.name: one for one in fields}
        kind, length = named.get("dicom.pdu.type"), named.get("dicom.pdu.len")
        if kind is None or length is None:
            continue
        text = next((one.text for one in fields if not one.name), kind.text)
        leaves = tuple(
            TsharkField(one.name, one.text, one.offset - kind.offset, one.raw)
            for one in fields
            if one.name
        )
        number = int.from_bytes(kind.raw), int.from_bytes(length.raw)
        yield TsharkPdu(packet["frame"], sender, receiver, *number, text, leaves)


# --- the process in which pyshark runs ----------------------------------------------------


def _start(*arguments: str, stderr: Any) -> subprocess.Popen[bytes]:
    """This module as a process of its own, with what it is to do."""
    return subprocess.Popen(
        [sys.executable, "-m", "dicomlab.recording.tshark", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=stderr,
        bufsize=0,
        start_new_session=True,  # an interrupt from the keyboard is not for it
    )


def _finish(process: subprocess.Popen[bytes]) -> None:
    """See to it that the process, and those that it started, have ended."""
    if process.stdin:
        process.stdin.close()  # it takes this as the sign to stop
    try:
        well = process.wait(10) == 0
    except subprocess.TimeoutExpired:
        well = False
    if not well:
        _kill_all(process)
        process.wait()
    for pipe in (process.stdout, process.stderr):
        if pipe:
            pipe.close()


def _kill_all(process: subprocess.Popen[bytes]) -> None:
    """Kill the process and those of its session; pyshark may have left some."""
    if sys.platform == "win32":
        process.kill()
        return
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


async def _capture(file: str, port: str, wanted: str, token: str) -> None:
    """Capture what is wanted into ``file`` until standard input ends; say each probe's number."""
    from pyshark.capture.capture import Capture

    heard = seen = 0

    def note(packet: Any) -> None:
        nonlocal heard, seen
        seen += 1
        probe = packet.udp.payload.raw_value if "udp" in packet else ""
        if probe.startswith(token):
            heard = int(probe[len(token) :], 16)
        elif seen % 100:  # now and then also a sign of life
            return
        print(heard, flush=True)

    def stop() -> None:
        loop.remove_reader(sys.stdin)
        if not capture._running_processes:  # it is only about to start
            loop.call_later(0.1, stop)
        for process in capture._running_processes:
            process.send_signal(signal.SIGINT)

    loop = asyncio.get_running_loop()
    capture = Capture(
        capture_filter=wanted,
        output_file=file,
        # it has only to find the probes: in the simplest of protocols nothing is looked for
        decode_as={f"tcp.port=={port}": "echo"},
        custom_parameters=["-i", _LOOPBACK, "-j", "udp", "-B", str(_BUFFER)],
        tshark_path=find("tshark"),
        eventloop=loop,
    )
    loop.add_reader(sys.stdin, stop)
    await _all_packets(capture, note)


async def _read(file: str, *ports: str) -> None:
    """Print tshark's version, and a line for each packet in which it sees DICOM."""
    from pyshark.capture.file_capture import FileCapture
    from pyshark.tshark.tshark import get_tshark_version

    print(json.dumps(str(get_tshark_version(find("tshark")))))
    capture = FileCapture(
        file,
        keep_packets=False,
        display_filter="dicom or _ws.malformed",
        decode_as={f"tcp.port=={port}": "dicom" for port in ports},
        override_prefs={"dicom.tag_tree": "TRUE"},
        custom_parameters=["-J", "ip ipv6 tcp dicom"],
        tshark_path=find("tshark"),
        eventloop=asyncio.get_running_loop(),
    )
    await _all_packets(capture, lambda packet: print(json.dumps(_as_json(packet))))


def _as_json(packet: Any) -> dict[str, Any]:
    ip = packet.ip if "ip" in packet else packet.ipv6
    return {
        "frame": int(packet.number),
        "ends": [[str(ip.src), int(packet.tcp.srcport)], [str(ip.dst), int(packet.tcp.dstport)]],
        "malformed": "_ws.malformed" in packet,
        "layers": [
            [
                [field.name, field.showname or field.show, int(field.pos), field.raw_value or ""]
                for fields in layer._all_fields.values()
                for field in fields.all_fields
                if field.pos is not None
            ]
            for layer in packet.get_multiple_layers("dicom")
        ],
    }


async def _all_packets(capture: Any, note: Any) -> None:
    """Let tshark run to its end.

    To close the capture at once would kill a tshark that has ended already, and Python's own
    record of the process with it; so it is waited for first.
    """
    from pyshark.capture.capture import TSharkCrashException

    await capture.packets_from_tshark(note, close_tshark=False)
    processes = list(capture._running_processes)
    ends = [await process.wait() for process in processes]
    with suppress(TSharkCrashException):
        await capture.close_async()
    if any(ends):
        sys.exit(capture._last_error_line or f"it ended with {ends}")


if __name__ == "__main__":
    _, work, *arguments = sys.argv
    asyncio.run(_capture(*arguments) if work == "capture" else _read(*arguments))
