"""Reading captures: `dicomlab dissect --json` against tshark and pyshark, whole processes.

Run as ``python -m tests.bench.bench_dissect``; ``--quick`` has one round, and no pyshark. The
captures (see captures.py) are read into the page cache first, the programs take turns, and the
medians count. Of the seconds trust only the ratios: they are of one run. tshark and pyshark dissect
every packet wholly, whatever is asked of them; ours finds PDUs, messages, associations, findings.

Exit status 1 when a goal is missed or the number of PDUs is wrong, 2 where nothing can be compared.
"""

from __future__ import annotations

import json
import os
import platform
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

from tests.bench.captures import NotHereError, captures, packets, prefix, program

LEAST_RATIO = {"chatty": 3.0, "bulk1448": 30.0, "bulk64k": 20.0}  # of tshark's time and ours
LEAST_RATIO_PYSHARK = {"chatty": 100.0, "bulk1448": 300.0}
ROUNDS, PYSHARK_ROUNDS = 5, 1  # pyshark takes its minutes
PYSHARK_PART = {"chatty": 1, "bulk1448": 10}  # it reads all of one, and a tenth of the other
MOST_MEGABYTES = 150.0  # of memory, pages of the file included
MOST_GROWTH = 1.5  # of the time per MB from a quarter of a file to all of it: noise, no more
OUT_OF_ORDER = ["-o", "tcp.reassemble_out_of_order:TRUE"]
KIND = "dicom.pdu.type"
COLUMNS = ["frame.number", "frame.time_epoch", "ip.src", "tcp.srcport", "tcp.dstport", KIND]

# what pyshark's documentation says first
PYSHARK = """
import sys, pyshark
with pyshark.FileCapture(sys.argv[1]) as capture:
    print(sum("DICOM" in packet for packet in capture))
"""

# in a small process of its own: a child's peak begins with what its parent takes
PEAK = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, check=True)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""

Command = list[str]


# --- what is measured ---------------------------------------------------------------------


def ours(path: Path) -> Command:
    return [sys.executable, "-m", "dicomlab", "dissect", str(path), "--json"]


def tshark(path: Path, *options: str) -> Command:
    fields = [word for name in [*COLUMNS, "dicom.pdu.len"] for word in ("-e", name)]
    decode = [word for port in ports(path) for word in ("-d", f"tcp.port=={port},dicom")]
    command = [program("tshark"), "-n", "-r", str(path), *decode, *options]
    return [*command, "-Y", "dicom", "-T", "fields", *fields]


def pyshark(path: Path) -> Command:
    return [sys.executable, "-c", PYSHARK, str(path)]


def ports(path: Path) -> list[str]:
    """Those that were recorded: dumpcap's filter stands in the file.

    Without them tshark takes a connection for what else may use its client's port.
    """
    with path.open("rb") as file:
        return [found.decode() for found in re.findall(rb"tcp port (\d+)", file.read(4096))]


# --- measuring ----------------------------------------------------------------------------


def environment() -> dict[str, str]:
    """A Python that keeps what it has compiled, and writes in blocks, as it does by itself."""
    unusual = {"PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED"}
    return {name: value for name, value in os.environ.items() if name not in unusual}


def output(command: Command) -> tuple[float, bytes]:
    """Seconds of the whole process, and what it has written into a file."""
    with tempfile.TemporaryFile() as file, tempfile.TemporaryFile() as errors:
        started = time.perf_counter()
        ended = subprocess.run(command, env=environment(), stdout=file, stderr=errors).returncode
        took = time.perf_counter() - started
        errors.seek(0)
        assert ended == 0, f"{command}: {errors.read().decode(errors='replace')}"
        file.seek(0)
        return took, file.read()


def medians(commands: Iterable[Command], rounds: int) -> list[float]:
    """Seconds of each; they take turns."""
    each = list(commands)
    took = [[output(command)[0] for command in each] for _ in range(rounds)]
    return [statistics.median(times) for times in zip(*took, strict=True)]


def peak(command: Command) -> float:
    """The most memory that the process has at a time, in MB."""
    unit = 1 if sys.platform == "darwin" else 1024
    return int(output([sys.executable, "-c", PEAK, *command])[1]) * unit / 1e6


def warm(path: Path) -> None:
    """Read the file, so that afterwards nobody waits for the disk."""
    with path.open("rb") as file:
        while file.read(1 << 20):
            pass


def megabytes(path: Path) -> float:
    return path.stat().st_size / 1e6


def our_pdus(path: Path) -> int:
    said = json.loads(output(ours(path))[1])
    return sum(pdu["complete"] for one in said["associations"] for pdu in one["pdus"])


def tshark_pdus(path: Path, *options: str) -> int:
    """A line for each packet in which PDUs end, their types between commas."""
    column = COLUMNS.index(KIND)
    lines = output(tshark(path, *options))[1].splitlines()
    return sum(len(line.split(b"\t")[column].split(b",")) for line in lines)


# --- the tables: each row prints itself, and gives the goals that were missed -------------


def against_tshark(name: str, path: Path, rounds: int) -> list[str]:
    warm(path)
    found, missed = same_pdus(name, path)
    here, there = medians([ours(path), tshark(path)], rounds)
    ratio, memory, least = there / here, peak(ours(path)), LEAST_RATIO[name]
    print(
        f"{name:10}{packets(path):9,}{megabytes(path):8.1f}{found:8,}{here:9.3f}{there:9.3f}"
        f"{ratio:8.1f}  ≥{least:4g}{memory:8.0f}  < {MOST_MEGABYTES:g}"
    )
    if ratio < least:
        missed.append(f"{name}: {ratio:.1f} times as quick as tshark")
    if memory >= MOST_MEGABYTES:
        missed.append(f"{name}: {memory:.0f} MB of memory")
    return missed


def same_pdus(name: str, path: Path) -> tuple[int, list[str]]:
    """How many PDUs we find; where tshark finds others, all numbers are said."""
    found, theirs = our_pdus(path), tshark_pdus(path)
    if found == theirs:
        return found, []
    ordered = tshark_pdus(path, *OUT_OF_ORDER)
    print(
        f"{name}: {found:,} PDUs by ours, {theirs:,} by tshark, {ordered:,} by tshark with"
        f" {OUT_OF_ORDER[1]}; the time of tshark is that of the {theirs:,}"
    )
    return found, [] if found == ordered else [f"{name}: {found:,} PDUs"]


def against_pyshark(name: str, whole: Path) -> list[str]:
    path = prefix(whole, packets(whole) // PYSHARK_PART[name])
    warm(path)
    there, *again = medians([pyshark(path), *[ours(path)] * ROUNDS], PYSHARK_ROUNDS)
    here, least = statistics.median(again), LEAST_RATIO_PYSHARK[name]
    ratio = there / here
    print(
        f"{name:10}{packets(path):9,}{megabytes(path):8.1f}{here:17.3f}{there:9.3f}"
        f"{ratio:8.1f}  ≥{least:4g}  (pyshark n={PYSHARK_ROUNDS})"
    )
    return [] if ratio >= least else [f"{name}: {ratio:.1f} times as quick as pyshark"]


def growth(name: str, path: Path, rounds: int) -> list[str]:
    """The time per MB of a quarter, a half, and the whole, each less the start of the program."""
    count = packets(path)
    sizes = [prefix(path, count // 4), prefix(path, count // 2), path]
    for one in sizes:
        warm(one)
    start, *times = medians(map(ours, [prefix(path, 1), *sizes]), rounds)
    costs = [1000 * (took - start) / megabytes(one) for took, one in zip(times, sizes, strict=True)]
    ratio = costs[-1] / costs[0]
    said = "".join(f"{took:9.3f}{cost:8.2f}" for took, cost in zip(times, costs, strict=True))
    print(f"{name:10}{start:9.3f}{said}{ratio:9.2f}  ≤{MOST_GROWTH:4g}")
    return [] if ratio <= MOST_GROWTH else [f"{name}: {ratio:.2f} times the time per MB"]


def bench(*, quick: bool = False) -> int:
    """Measure, print, and give the exit status; NotHereError where nothing can be compared."""
    version = output([program("tshark"), "--version"])[1].decode().partition("\n")[0]
    rounds = 1 if quick else ROUNDS
    files, left_out = captures()
    for name, why_not in left_out.items():
        print(f"{name} left out: {why_not}")
    if not files:
        raise NotHereError("no capture can be made here.")
    print(f"{version} Python {platform.python_version()}, {os.cpu_count()} cores, n={rounds}")
    missed = []
    print("           packets      MB    PDUs   ours s tshark s   ratio   goal  our MB   goal")
    for name, path in files.items():
        missed += against_tshark(name, path, rounds)
    if not quick:
        print("           packets      MB           ours s pyshark s   ratio   goal")
        for name in filter(files.get, LEAST_RATIO_PYSHARK):
            missed += against_pyshark(name, files[name])
    print("growth     start s    1/4 s   ms/MB    1/2 s   ms/MB    1/1 s   ms/MB  1/4→1/1   goal")
    for name, path in files.items():
        missed += growth(name, path, rounds)
    print(*(f"MISSED  {one}" for one in missed) if missed else ["all goals met"], sep="\n")
    return int(bool(missed))


def main() -> int:
    try:
        return bench(quick="--quick" in sys.argv[1:])
    except NotHereError as why_not:
        print(f"Nothing was compared: {why_not}")
        return 2


if __name__ == "__main__":
    sys.exit(main())
