"""The broken sites as data: what is reported, what is really wrong, and what gives it away."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from random import Random

HOST = "127.0.0.1"  # all sites are on this machine
TIMEOUT = 1.2  # seconds that a caller waits: a class has no more patience


@dataclass(frozen=True, slots=True)
class Settings:
    """What is entered at a machine that calls the archive, or ought to be."""

    calling_ae_title: str
    called_ae_title: str
    port: int
    timeout: float = TIMEOUT  # seconds

    def rows(self) -> tuple[tuple[str, str], ...]:
        """Each setting, as it is called and as it is entered."""
        return (
            ("AE title of the caller", self.calling_ae_title),
            ("AE title of the archive", self.called_ae_title),
            ("address of the archive", HOST),
            ("port of the archive", str(self.port)),
            ("time-out of the caller", f"{self.timeout:g} s"),
        )


Entered = tuple[Settings, Settings]  # (what is entered, what would be right)


@dataclass(frozen=True, slots=True)
class Case:
    """One way not to talk.

    A ticket has places for ``{machine}``, ``{Machine}`` and ``{day}``; the truth for the settings
    that are entered (``{entered.port}``) and that would be right (``{right.port}``). Of the causes
    the first is true; the others leave the same evidence, and are right answers too.
    """

    ticket: str  # as somebody reports it
    causes: tuple[str, ...]  # of spec.causes
    clue: str  # the finding that gives it away
    truth: str
    field: tuple[str, str] | None = None  # the PDU and its field that say it, where a PDU does
    faults: tuple[str | None, ...] = (None,)  # of FaultSCP, one of them; None: no fault
    settle: Callable[[Settings, Random], Entered] = lambda good, _: (good, good)


# --- what somebody enters instead of what is right ----------------------------------------------


def misspelt(title: str, random: Random) -> str:
    """An AE title as people get it wrong: never the right one."""
    middle = len(title) // 2
    slips = (
        title.lower(),
        title.replace("_", "-"),
        title.replace("_", ""),
        title[:middle] + title[middle + 1 :],
        title[:middle] + title[middle] + title[middle:],
    )
    return random.choice([one for one in slips if one != title])


def _calling_misspelt(good: Settings, random: Random) -> Entered:
    return replace(good, calling_ae_title=misspelt(good.calling_ae_title, random)), good


def _called_misspelt(good: Settings, random: Random) -> Entered:
    return replace(good, called_ae_title=misspelt(good.called_ae_title, random)), good


def _renamed(good: Settings, random: Random) -> Entered:
    ending = random.choice(("_NEW", "_2", "B", "_WS"))
    return replace(good, calling_ae_title=good.calling_ae_title + ending), good


def _other_port(good: Settings, random: Random) -> Entered:
    one, other = random.sample((good, replace(good, port=good.port + 1)), 2)
    return one, other


def _impatient(good: Settings, _: Random) -> Entered:
    return good, replace(good, timeout=5.0)


# --- the table ----------------------------------------------------------------------------------

_REJECTED = "A-ASSOCIATE-RJ", "Reason/Diag."
_CONTEXT = "A-ASSOCIATE-AC", "Presentation Context[0]/Result/Reason"

WORKED = Case(  # the one that is done together
    "{Machine} got a new console on {day}. Since then no image arrives in the archive. Same room, "
    "same cable, same address.",
    ("calling-ae-title-unknown", "calling-ae-title-wrong"),
    "association-rejected",
    "The new console calls itself {entered.calling_ae_title}. The archive knows "
    "{right.calling_ae_title}, as the old one was called. Either side may change.",
    field=_REJECTED,
    settle=_renamed,
)

CASES: tuple[Case, ...] = (
    Case(
        "{Machine} was set up on {day}, from the sheet that the archive sent us. It never sent an "
        "image. We have checked the sheet twice.",
        ("called-ae-title-wrong",),
        "association-rejected",
        "The archive is called {right.called_ae_title}; entered was {entered.called_ae_title}. "
        "Every letter counts, and so do capitals.",
        field=_REJECTED,
        settle=_called_misspelt,
    ),
    Case(
        "The archive's administrator entered {machine} on {day}. It is in the list, she says, she "
        "is looking at it. And nothing gets through.",
        ("calling-ae-title-unknown", "calling-ae-title-wrong"),
        "association-rejected",
        "In the archive's list stands {right.calling_ae_title}; the machine calls itself "
        "{entered.calling_ae_title}. To the archive these are two.",
        field=_REJECTED,
        settle=_calling_misspelt,
    ),
    Case(
        "The archive moved to a new computer on {day}. We can ping it. {Machine} cannot send.",
        ("port-wrong", "nothing-listens", "firewall-resets"),
        "connection-refused",
        "On the new computer the archive listens at port {right.port}; entered was "
        "{entered.port}, where nobody listens.",
        faults=("wrong-port",),
        settle=_other_port,
    ),
    Case(
        "The new archive came with a handbook, and in the handbook stands one port. That is what "
        "we entered at {machine} on {day}. It does not work.",
        ("web-server",),
        "not-dicom-http",
        "Port {entered.port} is that of the archive's web pages; DICOM has port {right.port}.",
        faults=("http", "taken-port=http"),
        settle=_other_port,
    ),
    Case(
        "On {day} the servers got their updates, and were started anew. {Machine} has sent to the "
        "archive for years, and now it cannot. Nobody changed a thing.",
        ("other-service",),
        "not-dicom-ssh",
        "After the restart another service was first at port {entered.port}, and kept it. The "
        "archive now listens at {right.port}.",
        faults=("ssh", "taken-port=ssh"),
        settle=_other_port,
    ),
    Case(
        "Since the audit on {day} {machine} cannot send. The auditors say that they closed "
        "nothing, on the contrary, now everything is open and safe.",
        ("tls-at-acceptor-only",),
        "not-dicom-tls",
        "Since the audit port {entered.port} takes TLS only, and the machine has none. A port "
        "without TLS is left: {right.port}.",
        faults=("tls-alert",),
        settle=_other_port,
    ),
    Case(
        "The connection test of {machine} is red since {day}. The archive's administrator says "
        "that its images arrive, and that we should leave him alone.",
        ("sop-class-not-offered",),
        "abstract-syntax-unsupported",
        "The archive stores images, and does not offer Verification: it was switched off. The "
        "test asks for nothing else.",
        field=_CONTEXT,
        faults=("no-verification",),
    ),
    Case(
        "The archive was hardened on {day}, by a list of best practices from the internet. Since "
        "then the test of {machine} fails at once.",
        ("implicit-vr-refused", "transfer-syntax-not-common"),
        "transfer-syntax-unsupported",
        "Implicit VR Little Endian was taken from the archive's list. It is the one transfer "
        "syntax that everybody has to take, and the only one that the test proposes.",
        field=_CONTEXT,
        faults=("explicit-only",),
    ),
    Case(
        "Since {day} the test of {machine} turns and turns, and then it fails. The archive is "
        "up, its lamp is green.",
        ("acceptor-hangs", "other-service", "tls-at-acceptor-only"),
        "peer-silent",
        "The archive's process hangs: the system still takes connections for it, and nobody "
        "reads them.",
        faults=("silent",),
    ),
    Case(
        "The archive moved to another data centre on {day}. The test of {machine} fails since "
        "then, although the archive's log has every test as done.",
        ("answer-too-late", "acceptor-silent"),
        "peer-silent",
        "The archive answers, but later than after {entered.timeout:g} s, when the machine gives "
        "up. With {right.timeout:g} s it works; why it takes so long is another question.",
        faults=("delay=1.7@message", "delay=2@message"),
        settle=_impatient,
    ),
    Case(
        "{Machine} is on loan, since {day}. The archive throws it out at once, and its "
        "administrator has a line in the log that nobody understands.",
        ("refused-by-abort", "request-not-understood"),
        "association-aborted",
        "The archive does not know this machine. It ought to reject it, with a reason; it aborts "
        "instead, as some do.",
        field=("A-ABORT", "Source"),
        faults=("abort=0/0", "abort=2/0"),
    ),
    Case(
        "In the morning {machine} sends. From ten o'clock it does not, until somebody tries often "
        "enough. So it goes since {day}, when the second one of its kind was set up.",
        ("association-limit",),
        "association-rejected",
        "The archive's licence allows so many associations at a time, and all were taken.",
        field=_REJECTED,
        faults=("limit",),
    ),
    Case(
        "{Machine} moved to the new wing on {day}. Everything was tested there, says the "
        "network group, and all is green.",
        (
            "caller-not-allowed",
            "tls-at-acceptor-only",
            "other-service",
            "acceptor-crashed",
            "firewall-cut",
        ),
        "peer-closed",
        "The machine has a new address, and the archive a list of those that may call. To others "
        "it resets the connection without a word.",
        faults=("reset",),
    ),
    Case(
        "{Machine} connects, says its log, and then it says: echo failed. It began on {day}, with "
        "the archive's new version.",
        ("service-not-supported",),
        "dimse-status",
        "The new version accepts Verification in the negotiation, and has no licence for it: it "
        "answers each C-ECHO with a failure.",
        field=("P-DATA-TF", "Status"),
        faults=("status=0122", "status=0211"),
    ),
)

WITHOUT_A_BYTE = {  # what there is to look at where no byte came, by the finding
    "connection-refused": "TCP itself answered. Look at what it said to the SYN.",
    "peer-silent": "the answer that was awaited never came. Look at who ended it, how, and after "
    "how long.",
}
ENDED = "in place of an answer came the end. Look at who ended it, and how."  # the same of others

# --- what a seed draws from -----------------------------------------------------------------------

MACHINES = {
    "CT": "the CT",
    "MR": "the MR scanner",
    "US": "the ultrasound",
    "XA": "the angiography",
    "MG": "the mammography",
    "DX": "the X-ray room",
}
ARCHIVES = ("PACS_MAIN", "PACS_NORTH", "VNA_STORE", "IMG_ARCHIVE", "RAD_PACS", "LONG_TERM")
WARDS = ("ER", "KIDS", "WEST", "EAST", "ROOM", "UNIT")
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday")
PORTS = range(10400, 32000)  # below those that systems give to callers
