"""What works on this machine, what does not, and what helps: :func:`doctor`."""

from __future__ import annotations

import html
import platform
import re
import shutil
import socket
import subprocess
import sys
import textwrap
from dataclasses import asdict, dataclass, replace
from importlib import metadata
from typing import Any, Literal

from dicomlab.model import printable
from dicomlab.recording import tshark

State = Literal["ok", "limited", "absent"]
SCHEMA = "dicomlab.doctor/1"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at."""

    name: str
    state: State
    found: str
    serves: str  # what it is there for
    remedy: str = ""  # what helps, where the state is not ok
    needed: bool = False  # without it the ground is missing, not an extra


@dataclass(frozen=True, slots=True)
class Report:
    """All that was looked at; shows itself as text, as HTML and as data."""

    checks: tuple[Check, ...]

    @property
    def ok(self) -> bool:
        """Whether everything that is needed is there; extras may be missing."""
        return all(check.state == "ok" for check in self.checks if check.needed)

    def __getitem__(self, name: str) -> Check:
        """The check of that name; KeyError where there is none."""
        for check in self.checks:
            if check.name == name:
                return check
        raise KeyError(name)

    def as_dict(self) -> dict[str, Any]:
        """The report as JSON takes it."""
        checks = [asdict(check) for check in self.checks]
        return {"schema": SCHEMA, "ok": self.ok, "checks": checks}

    def __str__(self) -> str:
        width = max(len(check.name) for check in self.checks) + 2
        lines = []
        for check in self.checks:
            head = f"{check.state:<7}  {check.name:<{width}}"
            words = [check.found]
            if check.state != "ok":
                words += [f"serves: {check.serves}", f"remedy: {check.remedy}"]
            indent = " " * len(head)
            wrapped = [
                line
                for one in words
                for line in textwrap.wrap(one, 100 - len(head), break_on_hyphens=False)
            ]
            lines.append(head + f"\n{indent}".join(wrapped))
        return "\n".join(lines)

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        head = "".join(f"<th scope=col {_LEFT}>{name}</th>" for name in _HEAD)
        rows = "".join(map(_row, self.checks))
        table = (
            "<table><caption>What works on this machine</caption>"
            f"<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
        )
        return {"text/plain": str(self), "text/html": table}


_HEAD = ("state", "what", "found", "serves", "remedy")
_LEFT = 'style="text-align: left"'  # where a notebook would have it at the right
_MARKS: dict[State, tuple[str, str]] = {
    "ok": ("✓", "var(--jp-success-color1, #009e73)"),
    "limited": ("◐", "var(--jp-warn-color1, #e69f00)"),
    "absent": ("✗", "var(--jp-error-color1, #d55e00)"),
}


def _row(check: Check) -> str:
    mark, colour = _MARKS[check.state]
    cells = map(html.escape, (check.name, check.found, check.serves, check.remedy))
    return (
        f'<tr><td style="text-align: left; border-left: 4px solid {colour}; white-space: nowrap">'
        f"{mark} {check.state}</td>{''.join(f'<td {_LEFT}>{one}</td>' for one in cells)}</tr>"
    )


def doctor() -> Report:
    """Look at this machine: Python, packages, tshark, capture rights, loopback, notebooks.

    Starts ``tshark``, ``dumpcap`` and ``echoscu`` for what they say of themselves, opens one
    connection from 127.0.0.1 to itself, and sends nothing anywhere else.
    """
    return Report(
        (
            _python(),
            _package("dicomlab", "everything"),
            _loopback(),
            _package("pydicom", "dictionaries and data sets"),
            _package("pynetdicom", "the real peer at the other end"),
            _package("matplotlib", "the figures"),
            _package("jupyterlab", "the notebooks"),
            _package("anywidget", "what can be touched in the notebooks"),
            _package("ipywidgets", "controls in the notebooks"),
            replace(
                _package("jupyterlab_widgets", "controls in the notebooks, in the browser"),
                name="browser widgets",
            ),
            _package("pyshark", "the way to tshark"),
            *_wireshark(tshark.capabilities()),
            _dcmtk(),
        )
    )


def _python() -> Check:
    version = platform.python_version()
    old = sys.version_info < (3, 11)
    return Check(
        "Python",
        "absent" if old else "ok",
        f"{version} on {platform.system()}",
        "everything",
        "Install Python 3.11 or newer." if old else "",
        needed=True,
    )


def _package(name: str, serves: str) -> Check:
    try:
        version = metadata.version(name)
    except metadata.PackageNotFoundError:
        remedy = f"python -m pip install {name}" if name != "dicomlab" else "pip install -e ."
        return Check(name, "absent", "not installed", serves, remedy, needed=True)
    return Check(name, "ok", version, serves, needed=True)


def _loopback() -> Check:
    serves = "every conversation on this machine"
    try:
        with (
            socket.create_server(("127.0.0.1", 0)) as server,
            socket.create_connection(server.getsockname(), timeout=5),
        ):
            port = server.getsockname()[1]
    except OSError as error:
        remedy = "Let programs of this machine talk to 127.0.0.1 (firewall, sandbox)."
        return Check("loopback", "absent", printable(str(error)), serves, remedy, needed=True)
    return Check("loopback", "ok", f"127.0.0.1 answers (port {port})", serves, needed=True)


def _wireshark(can: tshark.Capabilities) -> tuple[Check, Check]:
    reading = Check(
        "tshark",
        "ok" if can.tshark else "absent",
        can.version or can.tshark or "not installed",
        "Wireshark's second opinion on a recording",
        "" if can.tshark else tshark.INSTALL,
    )
    recording = Check(
        "live capture",
        "ok" if can.live else "limited",
        "loopback can be recorded" if can.live else f"{can.reason} Recordings use the relay.",
        "recordings of what really goes over the wire",
        can.remedy,
    )
    return reading, recording


def _dcmtk() -> Check:
    serves = "a second real peer, for comparisons"
    command = shutil.which("echoscu")
    if command is None:
        remedy = "apt-get install dcmtk (or dcmtk.org); nothing needs it but the tests."
        return Check("DCMTK", "absent", "no echoscu on the path", serves, remedy)
    said = subprocess.run(
        [command, "--version"], capture_output=True, text=True, timeout=10, check=False
    ).stdout
    version = re.search(r"echoscu v(\S+)", said)
    return Check("DCMTK", "ok", printable(version[1] if version else command), serves)
