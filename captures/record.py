"""Records the captures that lie beside this script: a small hospital, played by real programs.

    python captures/record.py                          # all of them, in about a minute
    python captures/record.py modality-cannot-store    # one of them
    python captures/record.py --out FOLDER             # somewhere else

It needs Linux with iproute2, util-linux, ethtool, Wireshark's dumpcap and editcap, DCMTK, and the
Python packages that dicomlab needs. Where user namespaces are allowed it needs no rights; root does
as well.

Nothing of it touches the machine that it runs on. The script starts itself anew in namespaces of
its own (network, mounts, processes): there it lays cables, a switch with a listening dumpcap, and
a host for each address. When it ends, in whatever way, the kernel takes all of that away and ends
every program in it. Patients are made up, UIDs are made from fixed words.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from random import Random

from PIL import Image
from pydicom import dcmread, dcmwrite
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    UID,
    CTImageStorage,
    EnhancedMRImageStorage,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    MRImageStorage,
    SecondaryCaptureImageStorage,
    UltrasoundImageStorage,
    generate_uid,
)
from pynetdicom import AE
from pynetdicom.events import EVT_C_STORE, Event

HERE = Path(__file__).resolve().parent
HOME = Path("/run")  # inside, it lies in memory and goes away with the rest
INSIDE, SERVE = "--inside", "--serve"  # the script says this to itself
NAMESPACES = ("--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc")
TOOLS = (
    *("unshare", "nsenter", "mount", "ip", "ethtool", "dumpcap", "editcap"),
    *("echoscu", "storescu", "findscu", "dcmqrscp"),
)
PORT, OLD_PORT = 11112, 104
PATIENCE = 15.0  # seconds without the event that is waited for
LARGEST = 200_000  # bytes of a capture that is worth shipping
MADE_BY = "Recorded by captures/record.py of dicomlab. Made-up patients. CC0 1.0."
ARCHIVE = "ARCHIVE"
VERIFICATION = "1.2.840.10008.1.1"
ULTRASOUND_AND_SCREENS = (UltrasoundImageStorage, SecondaryCaptureImageStorage)


# --- the hospital -------------------------------------------------------------------------


@dataclass(frozen=True)
class Host:
    """A machine of the hospital: a network namespace with one cable to the switch."""

    name: str
    address: str
    ae_title: str

    @property
    def inside(self) -> list[str]:
        """What to put before a command so that it runs on this machine."""
        return ["nsenter", f"--net=/run/netns/{self.name}"]

    @property
    def mac(self) -> str:
        """A made-up hardware address: locally administered, ending like the IP address."""
        return "02:00:" + ":".join(f"{int(part):02x}" for part in self.address.split("."))

    def connect(self) -> None:
        """Make the machine and plug it in; segments leave it as Ethernet carries them."""
        sh(f"ip netns add {self.name}")
        sh(f"ip link add {self.name} type veth peer name eth0 netns {self.name}")
        sh(f"ip link set {self.name} addrgenmode none master switch up")
        for command in (
            "ip link set lo up",
            f"ip link set eth0 address {self.mac} addrgenmode none up",
            f"ip addr add {self.address}/16 dev eth0",
            "ethtool -K eth0 tso off gso off gro off tx off",
        ):
            sh(" ".join(self.inside) + f" {command}")


CT1 = Host("ct1", "10.20.4.31", "CT1")
MR2 = Host("mr2", "10.20.4.32", "MR2")
US3 = Host("us3", "10.20.4.33", "US3")
NODE1 = Host("archive-node1", "10.20.8.11", ARCHIVE)
NODE2 = Host("archive-node2", "10.20.8.12", ARCHIVE)


def sh(command: str) -> None:
    """Run a command that has to succeed."""
    subprocess.run(command.split(), check=True, capture_output=True)


def lay_cables(hosts: tuple[Host, ...]) -> None:
    """The switch, the hosts, and a list of their names that all of them read."""
    names = HOME / "hosts"
    names.write_text("".join(f"{one.address} {one.name}\n" for one in hosts))
    sh(f"mount --bind {names} /etc/hosts")
    sh("ip link add switch address 02:00:00:00:00:01 type bridge")
    sh("ip link set switch addrgenmode none up")
    for one in hosts:
        one.connect()


def dcmqrscp(stack: ExitStack, node: Host, known: tuple[Host, ...]) -> None:
    """An archive of DCMTK, which lets in the hosts in ``known`` under their AE titles."""
    home = HOME / node.name
    home.mkdir()
    table = "\n".join(f"{one.name} = ({one.ae_title}, {one.name}, {PORT})" for one in known)
    config = home / "dcmqrscp.cfg"
    config.write_text(
        f"MaxPDUSize = 16384\nMaxAssociations = 16\n"
        f"HostTable BEGIN\n{table}\nmodalities = {', '.join(one.name for one in known)}\n"
        f"HostTable END\nVendorTable BEGIN\nVendorTable END\n"
        f"AETable BEGIN\n{ARCHIVE} {home} RW (200, 1024mb) modalities\nAETable END\n"
    )
    listening(start(stack, node, "dcmqrscp", "--config", config, PORT))


def archive(stack: ExitStack, node: Host, known: tuple[str, ...]) -> None:
    """An archive of pynetdicom, which lets in the calling AE titles in ``known``."""
    listening(start(stack, node, sys.executable, __file__, SERVE, *known))


def serve(known: list[str]) -> None:
    """Be that archive: classic SOP Classes, nothing compressed, an AE table."""
    ae = AE(ae_title=ARCHIVE)
    ae.require_called_aet = True
    ae.require_calling_aet = known
    ae.implementation_version_name = "ARCHIVE_7_2"
    for uid in (VERIFICATION, CTImageStorage, MRImageStorage, *ULTRASOUND_AND_SCREENS):
        ae.add_supported_context(uid, [ExplicitVRLittleEndian, ImplicitVRLittleEndian])

    def keep(_: Event) -> int:
        time.sleep(0.04)  # what a disk takes
        return 0x0000

    ae.start_server(("0.0.0.0", PORT), evt_handlers=[(EVT_C_STORE, keep)])


# --- programs -----------------------------------------------------------------------------


def start(stack: ExitStack, host: Host, *command: object) -> subprocess.Popen[str]:
    """A program that runs on a host until the stack is left."""
    program = subprocess.Popen(
        [*host.inside, *map(str, command)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    stack.callback(program.wait, PATIENCE)
    stack.callback(program.terminate)
    return program


def listening(server: subprocess.Popen[str]) -> None:
    """Wait until a server listens, without knocking: that would be in the capture."""
    socket = f":{PORT:04X} 00000000:0000 0A"
    wait_for(lambda: socket in Path(f"/proc/{server.pid}/net/tcp").read_text())


def run(host: Host, *command: object, good: bool = True) -> None:
    """A program that runs on a host and succeeds, or fails, as the story has it."""
    words = [str(one) for one in command]
    done = subprocess.run(
        [*host.inside, *words], check=False, capture_output=True, text=True, timeout=PATIENCE
    )
    said = (done.stdout + done.stderr).strip().splitlines()
    print(f"  {host.ae_title}: {said[0][:90] if said else Path(words[0]).name}", flush=True)
    if (done.returncode == 0) is not good:
        raise RuntimeError(f"{words} ended with {done.returncode}:\n" + "\n".join(said))


def wait_for(event: Callable[[], object]) -> None:
    """Return when ``event`` is true; TimeoutError if it does not come."""
    until = time.monotonic() + PATIENCE
    while not event():
        if time.monotonic() > until:
            raise TimeoutError("what was waited for did not come")
        time.sleep(0.05)


@contextmanager
def recorded(target: Path, about: str) -> Iterator[None]:
    """What passes the switch meanwhile, in a file ``target`` that says ``about``.

    It goes through a pcap file, so that nothing of the machine it was recorded on comes along.
    """
    raw, log = HOME / "raw.pcap", HOME / "dumpcap.log"
    with log.open("w") as out:
        command = ["dumpcap", "-i", "switch", "-P", "-w", str(raw)]
        dumpcap = subprocess.Popen(command, stderr=out, cwd=HOME)
        try:
            wait_for(lambda: "File: " in log.read_text())
            yield
            time.sleep(1)  # what still lies in the kernel's buffer is handed out
        finally:
            dumpcap.send_signal(signal.SIGINT)
            dumpcap.wait(PATIENCE)
    if not re.search(r"received/dropped on interface 'switch': \d+/0 ", log.read_text()):
        raise RuntimeError("dumpcap lost packets: record again")
    convert = ["editcap", "-F", "pcapng", "--capture-comment", f"{about} {MADE_BY}"]
    subprocess.run([*convert, str(raw), str(target)], check=True, cwd=HOME)
    size = target.stat().st_size
    print(f"{target.name}: {size:,} bytes")
    if size > LARGEST:
        raise RuntimeError(f"{target.name} is too large to be shipped")


def clock() -> Callable[[float], None]:
    """A clock: ``at(12.0)`` waits until twelve seconds after the beginning."""
    began = time.monotonic()
    return lambda second: time.sleep(max(0.0, began + second - time.monotonic()))


def echo(host: Host, node: Host, *, called: str = ARCHIVE, good: bool = True) -> None:
    """A C-ECHO with DCMTK's echoscu."""
    titles = ("-aet", host.ae_title, "-aec", called)
    run(host, "echoscu", *titles, node.address, PORT, good=good)


def store(
    host: Host,
    node: Host,
    *files: Path,
    options: tuple[object, ...] = ("-R", "+C"),
    port: int = PORT,
    good: bool = True,
) -> None:
    """C-STOREs with DCMTK's storescu, over one association."""
    titles = ("-aet", host.ae_title, "-aec", ARCHIVE)
    run(host, "storescu", *titles, *options, node.address, port, *files, good=good)


# --- what is sent -------------------------------------------------------------------------


def image(sop_class: str, name: str, *, side: int = 64, colour: bool = False) -> Path:
    """A tiny image of nobody."""
    modality, samples = name.split("-")[0].upper(), 3 if colour else 1
    data = Dataset()
    data.SpecificCharacterSet = "ISO_IR 192"
    data.SOPClassUID = sop_class
    data.SOPInstanceUID = generate_uid(entropy_srcs=["dicomlab", "instance", name])
    data.StudyDate, data.StudyTime, data.ContentDate = "20260105", "081500", "20260105"
    data.AccessionNumber, data.Modality = f"EX-{modality}", modality
    data.PatientName, data.PatientID = f"EXERCISE^{modality}", f"EX-{modality}-1"
    data.PatientBirthDate, data.PatientSex, data.ReferringPhysicianName = "", "O", ""
    data.StudyInstanceUID = generate_uid(entropy_srcs=["dicomlab", "study", modality])
    data.SeriesInstanceUID = generate_uid(entropy_srcs=["dicomlab", "series", modality])
    data.StudyID, data.SeriesNumber, data.InstanceNumber = "1", 1, int(name.split("-")[-1])
    data.SamplesPerPixel = samples
    data.PhotometricInterpretation = "RGB" if colour else "MONOCHROME2"
    data.Rows = data.Columns = side
    data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelRepresentation = 8, 8, 7, 0
    if colour:
        data.PlanarConfiguration = 0
    noise = Random(name)
    data.PixelData = bytes(
        min(255, (x * 3 + y) % 200 + noise.randrange(32))
        for y in range(side)
        for x in range(side)
        for _ in range(samples)
    )
    return write(name, data, ExplicitVRLittleEndian)


def compressed(source: Path, name: str) -> Path:
    """The same image in JPEG 2000."""
    data = dcmread(source)
    stream = BytesIO()
    picture = Image.frombytes("L", (data.Columns, data.Rows), data.PixelData)
    picture.save(stream, format="JPEG2000", no_jp2=True)
    data.PixelData = encapsulate([stream.getvalue()])
    data["PixelData"].is_undefined_length = True
    return write(name, data, JPEG2000Lossless)


def write(name: str, data: Dataset, transfer_syntax: UID) -> Path:
    """A data set as a DICOM file."""
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = transfer_syntax
    data.file_meta.MediaStorageSOPClassUID = data.SOPClassUID
    data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID
    path = HOME / f"{name}.dcm"
    dcmwrite(path, data, enforce_file_format=True)
    return path


def offer() -> tuple[object, ...]:
    """What MR2 offers in every storage association: its images in JPEG 2000, and in nothing else.

    The last one is what makers offer besides: a SOP Class of their own.
    """
    private = generate_uid(entropy_srcs=["dicomlab", "private SOP class of a maker"])
    contexts = (
        (VERIFICATION, "Plain"),
        (MRImageStorage, "JPEG2000"),
        (EnhancedMRImageStorage, "JPEG2000"),
        (SecondaryCaptureImageStorage, "Plain"),
        (private, "Plain"),
    )
    lines = [f"PresentationContext{n} = {uid}\\{ts}" for n, (uid, ts) in enumerate(contexts, 1)]
    config = HOME / "mr2.cfg"
    config.write_text(
        "[[TransferSyntaxes]]\n"
        f"[JPEG2000]\nTransferSyntax1 = {JPEG2000Lossless}\n"
        f"[Plain]\nTransferSyntax1 = {ExplicitVRLittleEndian}\n"
        f"TransferSyntax2 = {ImplicitVRLittleEndian}\n"
        "[[PresentationContexts]]\n[Offer]\n" + "\n".join(lines) + "\n"
        "[[Profiles]]\n[MR2]\nPresentationContexts = Offer\n"
    )
    return ("-xf", config, "MR2")


# --- the captures -------------------------------------------------------------------------


def modality_cannot_store(stack: ExitStack, out: Path) -> None:
    """Two modalities, two different faults, one answer: "but the echo works"."""
    lay_cables((CT1, MR2, US3, NODE1, NODE2))
    archive(stack, NODE1, ("CT1", "MR2", "US3"))
    archive(stack, NODE2, ("CT01", "MR2", "US3"))  # one of them is not what the CT calls itself
    ct = image(CTImageStorage, "ct-1")
    mr = compressed(image(MRImageStorage, "mr-1"), "mr-2")
    screen = image(SecondaryCaptureImageStorage, "sc-1")
    us = [image(UltrasoundImageStorage, f"us-{n}", side=72, colour=True) for n in (1, 2)]
    only_jpeg_2000 = offer()
    pynetdicom = (sys.executable, "-m", "pynetdicom", "storescu", NODE2.address, PORT)
    titles = ("-aet", US3.ae_title, "-aec", ARCHIVE, "--required-contexts")
    about = (
        "Two modalities cannot store, although their C-ECHO works; a third one can. "
        "CT1 10.20.4.31, MR2 10.20.4.32, US3 10.20.4.33, ARCHIVE 10.20.8.11 and 10.20.8.12."
    )
    with recorded(out / "modality-cannot-store.pcapng", about):
        at = clock()
        at(0.5)
        run(US3, *pynetdicom, us[0], *titles)
        at(4)
        echo(CT1, NODE1)
        at(6)
        store(CT1, NODE2, ct, good=False)
        at(9)
        echo(MR2, NODE2)
        at(11)
        store(MR2, NODE2, mr, screen, options=(*only_jpeg_2000, "--no-halt"))
        at(16)
        store(CT1, NODE2, ct, good=False)
        at(23)
        store(MR2, NODE2, mr, options=(*only_jpeg_2000, "--no-halt"))
        at(26)
        store(CT1, NODE2, ct, good=False)
        at(31)
        store(CT1, NODE1, ct, port=OLD_PORT, good=False)
        at(38)
        echo(CT1, NODE1)
        at(43)
        store(MR2, NODE2, mr, options=only_jpeg_2000, good=False)
        at(48)
        run(US3, *pynetdicom, us[1], *titles)
        at(50)


def store_two_images(stack: ExitStack, out: Path) -> None:
    """All as it should be: C-ECHO, two images, and the question whether they are there."""
    lay_cables((CT1, NODE1))
    dcmqrscp(stack, NODE1, (CT1,))
    images = [image(CTImageStorage, f"ct-{n}") for n in (1, 2)]
    query = ("-k", "QueryRetrieveLevel=STUDY", "-k", "PatientID=EX-CT-1")
    asked = ("-k", "StudyInstanceUID", "-k", "StudyDate", "-k", "PatientName")
    titles = ("-aet", CT1.ae_title, "-aec", ARCHIVE)
    about = "A C-ECHO, a C-STORE of two images, a C-FIND: CT1 10.20.4.31, ARCHIVE 10.20.8.11."
    with recorded(out / "store-two-images.pcapng", about):
        at = clock()
        at(0.5)
        echo(CT1, NODE1)
        at(2)
        store(CT1, NODE1, *images)
        at(4)
        run(CT1, "findscu", *titles, "--study", *query, *asked, NODE1.address, PORT)


def same_reason_two_causes(stack: ExitStack, out: Path) -> None:
    """DCMTK's archive rejects an unknown caller and an unknown called title with one reason."""
    lay_cables((CT1, MR2, US3, NODE1))
    dcmqrscp(stack, NODE1, (MR2, US3))  # it does not know CT1
    about = (
        "Two callers are rejected for the same reason, but not by the same mistake; a third one "
        "is accepted. CT1 10.20.4.31, MR2 10.20.4.32, US3 10.20.4.33, ARCHIVE 10.20.8.11."
    )
    with recorded(out / "same-reason-two-causes.pcapng", about):
        at = clock()
        at(0.5)
        echo(CT1, NODE1, good=False)
        at(1.5)
        echo(MR2, NODE1, called="ARCHIV", good=False)
        at(2.5)
        echo(US3, NODE1)


CAPTURES = {
    "modality-cannot-store": modality_cannot_store,
    "same-reason-two-causes": same_reason_two_causes,
    "store-two-images": store_two_images,
}


def main() -> int:
    """Record the captures that are asked for, each in namespaces of its own."""
    parser = argparse.ArgumentParser(description="Record the captures that the project ships.")
    parser.add_argument("--out", type=Path, default=HERE, help="where they go")
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(CAPTURES))
    asked = parser.parse_args()
    for name in asked.names:
        if name not in CAPTURES:
            parser.error(f"there is no {name}; there are {', '.join(CAPTURES)}")
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    if missing:
        parser.error(f"not on this machine: {', '.join(missing)}")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # which ends what is inside, too
    user = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    for name in asked.names or CAPTURES:
        again = [sys.executable, __file__, INSIDE, name, str(asked.out.resolve())]
        done = subprocess.run(["unshare", *user, *NAMESPACES, *again], check=False)
        if done.returncode:
            return done.returncode
    return 0


def inside(name: str, out: Path) -> None:
    """Record one capture; called where all that is made goes away by itself."""
    sh(f"mount -t tmpfs tmpfs {HOME}")
    with ExitStack() as stack:
        CAPTURES[name](stack, out)


if __name__ == "__main__":
    if sys.argv[1:2] == [INSIDE]:
        inside(sys.argv[2], Path(sys.argv[3]))
    elif sys.argv[1:2] == [SERVE]:
        serve(sys.argv[2:])
    else:
        sys.exit(main())
