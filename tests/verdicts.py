"""Verdicts against the truth: what went wrong is known, and the verdict has only the packets.

``python -m tests.verdicts`` writes docs/verdicts.md. The truth of a capture is what its JSON file
and the logs of its programs say, that of a fault is the fault itself. A verdict sees neither name.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import dicomlab as dl
from dicomlab.captures import from_exchange
from dicomlab.model import Association, Connection, Verdict
from dicomlab.net.faults import FaultSCP
from tests.conftest import CORPUS, ROOT
from tests.faults import ORDERS

PAGE = ROOT / "docs" / "verdicts.md"
NOTHING = "-"  # no cause: nothing failed
CLIENTS = ("dl.echo", "DCMTK echoscu", "pynetdicom")
SHORT = ("-to", "1", "-ts", "1", "-ta", "1", "-td", "1")  # seconds: connect, socket, ACSE, DIMSE
AT_ONCE = 12

# capture and number of the connection → what really happened, by the cause that says so.
# Of all other associations, the verdict has to be that nothing failed.
CAPTURES: dict[tuple[str, int], str] = {
    ("abort_after_store.pcapng", 0): "user-aborted",
    ("abort_by_client.pcapng", 0): "user-aborted",
    ("abort_by_server.pcapng", 0): "application-failed",
    ("busy.pcapng", 1): "called-ae-title-wrong",
    ("busy.pcapng", 7): "called-ae-title-wrong",
    ("closed_at_once.pcapng", 0): "other-service",  # a socket that closes, no DICOM behind it
    ("contexts_mixed.pcapng", 0): "transfer-syntax-not-common",
    ("dicom_get.pcap", 0): "broken-pdu",  # a replay, which does not wait for the accept
    ("dicom_store.pcap", 0): "broken-pdu",
    ("echo_nmap_ping.pcapng", 1): "called-ae-title-wrong",
    ("echo_rust_ctn.pcapng", 0): "no-release",
    ("eth_padding.pcap", 0): "user-aborted",
    ("fmt_pcapng_comments.pcapng", 0): "transfer-syntax-not-common",
    ("http_to_dicom.pcapng", 0): "web-client",
    ("http_to_dicom.pcapng", 1): "web-client",
    ("killed_client.pcapng", 0): "connection-lost",
    ("killed_server.pcapng", 0): "connection-lost",
    ("link_raw.pcap", 0): "calling-ae-title-unknown",
    ("merged_day.pcapng", 3): "called-ae-title-wrong",
    ("merged_day.pcapng", 4): "application-failed",
    ("move_failed.pcapng", 0): "sub-operations-failed",
    ("move_failed.pcapng", 1): "nothing-listens",
    ("no_answer.pcapng", 0): "firewall-drops",
    ("no_context_abstract.pcapng", 0): "sop-class-not-offered",
    ("refused_port.pcapng", 0): "nothing-listens",
    ("refused_port.pcapng", 1): "nothing-listens",
    ("reject_called.pcapng", 0): "called-ae-title-wrong",
    ("reject_calling.pcapng", 0): "calling-ae-title-unknown",
    ("reject_worklist_aet.pcapng", 0): "called-ae-title-wrong",
    ("silent_server.pcapng", 0): "acceptor-hangs",
    ("status_refused_find.pcapng", 0): "move-destination-unknown",
    ("status_refused_find.pcapng", 1): "move-destination-unknown",
    ("status_refused_store.pcapng", 0): "out-of-resources",
    ("user_identity.pcapng", 1): "user-identity-unanswered",
}
SCANNED = "portscan.pcapng"  # every port that is not open refuses

# a fault → its cause; what is not named here is to be taken by every client without harm
FAULTS: dict[str, str] = {
    "called-unknown": "called-ae-title-wrong",
    "calling-unknown": "calling-ae-title-unknown",
    "called-title": "called-ae-title-wrong",
    "calling-title": "calling-ae-title-unknown",
    "limit": "association-limit",
    "reject": "caller-refused",
    "no-verification": "sop-class-not-offered",
    "explicit-only": "implicit-vr-refused",
    "user-rejection": "sop-class-not-allowed",
    "no-reason": "context-refused",
    "refuse": "sop-class-not-allowed",
    "taken-port": "web-server",
    "wrong-port": "nothing-listens",
    "wrong-interface": "nothing-listens",
    "tls": "tls-at-acceptor-only",
    "abort@connect": "refused-by-abort",
    "abort@associate": "refused-by-abort",
    "abort@message": "application-failed",
    "abort@release": "release-unanswered",
    "unanswered-context": "context-unanswered",
    "strange-context": "context-unanswered",  # EF19: answered under another ID
    "transfer-syntax": "broken-pdu",
    "max-length": "max-length-too-small",
    "close@connect": "caller-not-allowed",
    "close@associate": "caller-not-allowed",
    "close@message": "connection-lost",
    "close@release": "release-unanswered",
    "reset@connect": "caller-not-allowed",
    "reset@associate": "caller-not-allowed",
    "reset@message": "connection-lost",
    "reset@release": "release-unanswered",
    "status": "service-not-supported",
    "message-id": "wrong-answer",
    "context-id": "broken-pdu",
    "command-field": "wrong-answer",
    "announces-data-set": "broken-pdu",
    "no-status": "wrong-answer",
    "twice": "wrong-answer",
    "http@associate": "web-server",
    "http@message": "broken-pdu",
    "http@release": "release-unanswered",
    "ssh": "other-service",
    "tls-alert@connect": "tls-at-acceptor-only",
    "tls-alert@associate": "tls-at-acceptor-only",
    "tls-alert@message": "tls-at-acceptor-only",
    "tls-alert@release": "tls-at-acceptor-only",
    "noise@connect": "other-service",
    "noise@associate": "other-service",
    "noise@message": "broken-pdu",
    "noise@release": "release-unanswered",
    "item-length": "broken-pdu",
    "pdv-length": "broken-pdu",
    "pdu-length@associate": "broken-pdu",
    "pdu-length@message": "broken-pdu",
    "pdu-length@release": "release-unanswered",
    "pdu-type@associate": "broken-pdu",
    "pdu-type@message": "broken-pdu",
    "pdu-type@release": "release-unanswered",
    "half@associate": "connection-lost",
    "half@message": "connection-lost",
    "half@release": "release-unanswered",
    "silent@connect": "acceptor-hangs",
    "silent@associate": "acceptor-hangs",
    "silent@message": "acceptor-silent",
    "silent@release": "release-unanswered",
    "never-accepts": "acceptor-hangs",
}
# where a client differs: it gives up before the answer, or lives with what others do not, or the
# other way round
DIFFERENT: dict[tuple[str, str], str] = {
    ("delay@associate", "dl.echo"): "acceptor-hangs",  # its time-out is shorter than the delay
    ("delay@message", "dl.echo"): "acceptor-silent",
    ("delay@release", "dl.echo"): "release-unanswered",
    ("late=0.5@associate", "dl.echo"): "acceptor-hangs",
    ("late=0.5@message", "dl.echo"): "acceptor-silent",
    ("late=0.5@release", "dl.echo"): "release-unanswered",
    ("explicit-only", "pynetdicom"): NOTHING,  # it proposes Explicit VR as well
    ("transfer-syntax", "pynetdicom"): NOTHING,  # this one as well
    ("max-length", "pynetdicom"): NOTHING,  # one byte in a PDU is enough for it
    ("pdu-length@release", "pynetdicom"): NOTHING,  # it closes without a look at the length
    ("item-type", "pynetdicom"): "item-not-skipped",
    ("release-collision", "DCMTK echoscu"): "release-unanswered",  # it aborts
    ("release-collision", "pynetdicom"): "release-unanswered",
}
# the failure catalogue of the reference: how a C-ECHO can fail → causes that a verdict names for it
CATALOGUE: dict[str, tuple[str, ...]] = {
    "EF01": ("name-wrong",),
    "EF02": ("no-route",),
    "EF03": ("firewall-at-caller", "no-route"),
    "EF04": ("nothing-listens", "port-wrong", "firewall-resets"),
    "EF05": ("firewall-drops", "machine-off"),
    "EF06": ("caller-not-allowed", "tls-at-acceptor-only", "other-service", "acceptor-crashed"),
    "EF07": ("caller-not-allowed", "tls-at-acceptor-only", "acceptor-crashed", "firewall-cut"),
    "EF08": ("acceptor-hangs", "other-service", "tls-at-acceptor-only", "broken-pdu"),
    "EF09": ("large-packets-lost",),
    "EF10": ("connection-lost", "firewall-cut"),
    "EF11": ("web-server",),
    "EF12": ("tls-at-acceptor-only",),
    "EF13": ("tls-at-requestor-only",),
    "EF14": ("tls-handshake",),
    "EF15": ("other-service",),
    "EF16": (
        "calling-ae-title-unknown", "called-ae-title-wrong", "caller-refused",
        "application-context-wrong", "user-identity-wanted", "user-identity-refused",
        "protocol-version-wrong", "congestion", "association-limit", "undefined-rejection",
    ),
    "EF17": ("refused-by-abort", "request-not-understood", "item-not-skipped"),
    "EF18": (
        "sop-class-not-offered", "sop-class-not-allowed", "transfer-syntax-not-common",
        "implicit-vr-refused", "context-refused",
    ),
    "EF19": ("context-unanswered", "broken-pdu"),
    "EF20": ("broken-pdu",),
    "EF21": ("broken-pdu",),
    "EF22": ("max-length-too-small",),
    "EF23": ("broken-pdu",),
    "EF24": ("service-not-supported", "duplicate-message-id", "request-refused"),
    "EF25": ("acceptor-silent", "answer-too-late"),
    "EF26": ("application-failed", "idle-time-out"),
    "EF27": ("connection-lost", "firewall-cut"),
    "EF28": ("broken-pdu",),
    "EF29": ("wrong-answer",),
    "EF30": ("broken-pdu",),
    "EF31": ("broken-pdu", "wrong-answer"),
    "EF32": (),  # a success is no failure: the echo itself says what it proves
    "EF33": ("release-unanswered",),
    "EF34": ("release-unanswered",),
    "EF35": (),  # a collision that both sides answer is in order
}  # fmt: skip
UNSEEN = ("random",)  # one of the others


class Judged(NamedTuple):
    """A verdict beside the truth."""

    case: str
    seen_by: str
    truth: str
    verdict: Verdict

    @property
    def first(self) -> str:
        """The first cause."""
        return self.verdict.causes[0].code if self.verdict.causes else NOTHING

    @property
    def right(self) -> bool:
        """Whether the first cause is the true one."""
        return self.first == self.truth

    @property
    def named(self) -> bool:
        """Whether the true one is among them."""
        return self.right or self.truth in [one.code for one in self.verdict.causes]


def of_captures(folder: Path) -> Iterator[Judged]:
    """Every association and every lone connection of the captures of real systems."""
    for path in sorted(folder.rglob("*.pcap*")):
        capture = dl.dissect(path)
        found: list[Association | Connection] = [*capture.associations, *capture.connections]
        for one in found:
            assert one.verdict is not None
            refused = path.name == SCANNED and one.verdict.summary.endswith("refused.")
            usual = "nothing-listens" if refused else NOTHING
            truth = CAPTURES.get((path.name, one.connection), usual)
            case = f"{path.name} {one.connection}"
            if not refused or one.connection == 0:  # one of the many that are alike
                yield Judged(case, "capture", truth, one.verdict)


def of_faults(orders: Iterable[str] = ORDERS) -> Iterator[Judged]:
    """Every fault against three clients; those below TCP only by the one that can tell of them."""
    orders = [one for one in orders if one not in UNSEEN]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        ways = (list(pool.map(_by_echo, orders)), list(pool.map(_by_dcmtk, orders)))
    for client, verdicts in zip(CLIENTS, (*ways, _by_pynetdicom(orders)), strict=True):
        for order, verdict in zip(orders, verdicts, strict=True):
            if verdict is not None:
                truth = DIFFERENT.get((order, client), FAULTS.get(order, NOTHING))
                yield Judged(order, client, truth, verdict)


def _by_echo(order: str) -> Verdict | None:
    with FaultSCP(order, idle_timeout=1.5) as scp:
        return dl.echo(*scp.address, timeout=0.4).verdict


def _by_dcmtk(order: str) -> Verdict | None:
    with FaultSCP(order, idle_timeout=1.5) as scp:
        words = ["echoscu", *SHORT, *map(str, scp.address)]
        environment = {**os.environ, "TCP_NODELAY": "1"}
        subprocess.run(words, capture_output=True, timeout=60, env=environment)
    return _by_its_log(scp)


def _by_pynetdicom(orders: list[str]) -> list[Verdict | None]:
    with ExitStack() as stack:
        scps = [FaultSCP(order, idle_timeout=1, artim=1) for order in orders]
        ports = [str(stack.enter_context(scp).port) for scp in scps]
        words = [sys.executable, "-m", "tests.interop.pynetdicom_client", *ports]
        subprocess.run(words, capture_output=True, timeout=120, cwd=ROOT)
    return [_by_its_log(scp) for scp in scps]


def _by_its_log(scp: FaultSCP) -> Verdict | None:
    """The verdict on the first connection, as the server noted it; None if none came."""
    log = [one for one in scp.log if one.connection == 0]
    if len(log) < 2:
        return None
    entries = [(one.time, one.sender, one.data) for one in log[1:]]
    capture = from_exchange(entries, log[0].requestor, log[0].acceptor, log[0].time)
    found: list[Association | Connection] = [*capture.associations, *capture.connections]
    return found[0].verdict


# --- the page -------------------------------------------------------------------------------------


def share(judged: Iterable[Judged]) -> str:
    """How many first causes are right: ``97 of 100 (97.0 %)``."""
    told = [one.right for one in judged]
    return f"{sum(told)} of {len(told)} ({100 * sum(told) / len(told):.1f} %)"


def page(captures: list[Judged], faults: list[Judged]) -> str:
    """The page of the docs."""
    failing = [one for one in captures if one.truth != NOTHING]
    well = [one for one in (*captures, *faults) if one.truth == NOTHING]
    harmful = [one for one in faults if one.truth != NOTHING]
    missed = [one for one in (*captures, *faults) if not one.right]
    return "\n".join(
        [
            "# Verdicts against the truth",
            "",
            "What went wrong is known here, and the verdict had only the packets. Of the captures,",
            "the truth is in the logs of the programs that made them; of the faults, it is the",
            "fault that `FaultSCP` was ordered to have. `python -m tests.verdicts` makes this page",
            "anew, and `make test` holds the shares.",
            "",
            f"- failing captures: the first cause is right in {share(failing)}",
            *(
                f"- faults that do harm, {client}: the first cause is right in "
                f"{share(one for one in harmful if one.seen_by == client)}"
                for client in CLIENTS
            ),
            f"- all of these: {share((*failing, *harmful))}",
            f"- where nothing failed: no cause is named in {share(well)}",
            "",
            "## Where the first cause is not the true one",
            "",
            "| case | truth | first cause | the truth is named |",
            "| --- | --- | --- | --- |",
            *(
                f"| {one.case}, {one.seen_by} | {one.truth} | {one.first} | "
                f"{'yes, as not to be told apart' if one.named else 'no'} |"
                for one in missed
            ),
            "",
            "## Captures of real systems",
            "",
            "| capture, connection | truth | causes | outcome |",
            "| --- | --- | --- | --- |",
            *(
                f"| {one.case} | {one.truth} | {_causes(one)} | {_cell(one.verdict.summary)} |"
                for one in captures
                if one.truth != NOTHING
            ),
            "",
            "## Faults",
            "",
            "What a fault is, `dicomlab scp --faults` tells. – : the client was not harmed, or the",
            "server saw nothing of it.",
            "",
            f"| fault | {' | '.join(CLIENTS)} |",
            "| --- | --- | --- | --- |",
            *_fault_rows(faults),
            "",
        ]
    )


def _fault_rows(faults: list[Judged]) -> Iterator[str]:
    by_order: dict[str, dict[str, Judged]] = {}
    for one in faults:
        by_order.setdefault(one.case, {})[one.seen_by] = one
    for order, seen in by_order.items():
        cells = [_causes(seen[client]) if client in seen else "–" for client in CLIENTS]
        yield f"| `{order}` | {' | '.join(cells)} |"


def _causes(one: Judged) -> str:
    codes = [cause.code for cause in one.verdict.causes] or ["–"]
    first = codes[0] if one.right else f"**{codes[0]}**"
    return ", ".join([first, *codes[1:]])


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(page([*of_captures(CORPUS)], [*of_faults()]), encoding="utf-8")
    print(f"{PAGE.relative_to(ROOT)} is written.")
