"""What each command takes, as argparse takes it: by command, by group, in the order of the help."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

from dicomlab.model import BuildError, DicomlabError, Ended, Severity

Argument = tuple[str, dict[str, Any]]  # its name, and the options of add_argument()
ANY_SCP = "ANY-SCP"  # whom an echo calls unless told otherwise


def _argument(name: str, says: str, **options: Any) -> Argument:
    if options.get("default") not in (None, []):
        says += " Default: %(default)s."
    return name, {"help": says, **options}


def _flag(name: str, says: str, **options: Any) -> Argument:
    return _argument(name, says, action="store_true", **options)


def _several(name: str, says: str, **options: Any) -> Argument:
    return _argument(name, says, action="append", default=[], **options)


def _out(default: str) -> Argument:
    return _argument("--out", "Where the files go.", type=Path, default=Path(default))


# --- what somebody types ----------------------------------------------------------------------


def _port(words: str) -> int:
    """A TCP port as somebody types it."""
    if words.isdecimal() and int(words) <= 65535:
        return int(words)
    raise argparse.ArgumentTypeError(f"{words!r} is no port: those are 0 to 65535")


def _count(words: str) -> int:
    """A number that counts from 0."""
    if words.isdecimal():
        return int(words)
    raise argparse.ArgumentTypeError(f"{words!r} is no number")


def _seconds(words: str) -> float:
    """A time-out as somebody types it."""
    try:
        number = float(words)
    except ValueError:
        number = 0
    if 0 < number < 1e6:
        return number
    raise argparse.ArgumentTypeError(f"{words!r} is no number of seconds")


def _ae_title(field: str) -> Callable[[str], str]:
    """What takes an AE title as somebody types it, for that field of an A-ASSOCIATE-RQ."""

    def taken(words: str) -> str:
        from dicomlab.protocol.build import build

        try:
            build("A-ASSOCIATE-RQ", **{field: words})
        except BuildError as error:
            remedy = "Give 1 to 16 characters of printable ASCII, without a backslash."
            raise DicomlabError(error.args[0], remedy) from None
        return words

    return taken


CALLED, CALLING = _ae_title("called_ae_title"), _ae_title("calling_ae_title")


# --- the commands -----------------------------------------------------------------------------

HOST = _argument("host", "Name or address of the DICOM application.")
PORT = _argument("port", "Its TCP port; often 104 or 11112.", type=_port)
BYTES = _argument(
    "source", "Bytes in hex, a file of bytes or hex, or - (stdin).", nargs="+", metavar="HEX|FILE|-"
)
AS_JSON = _flag("--json", "One JSON document instead of text.", dest="as_json")
METHOD = _argument(
    "--method",
    "How to record: live (tshark), through a relay, or what works here.",
    choices=("auto", "live", "relay"),
    default="auto",
)
CAPTURES = "pcap or pcapng, also gzipped; - is the standard input. Several take all cores."
WHICH = "which associations (of one filter given several times, any)"
ARGUMENTS: dict[str, dict[str, tuple[Argument, ...]]] = {
    "demo": {"": (
        _out("demo-out"),
        _argument("--peer", "Whose server answers.", choices=("dicomlab", "pynetdicom"),
                  default="dicomlab"),
        METHOD,
    )},
    "lab": {},  # what follows is given on to JupyterLab
    "course": {"": (
        _argument("folder", "An empty folder, or a new one.", type=Path),
        _flag("--solutions", "With worked solutions in place of the blanks: for instructors."),
    )},
    "echo": {"": (
        HOST,
        PORT,
        _argument("--called", "AE title of the application.", type=CALLED, default=ANY_SCP,
                  metavar="TITLE"),
        _argument("--calling", "Our own AE title.", type=CALLING, default="DICOMLAB",
                  metavar="TITLE"),
        _argument("--timeout", "Seconds for each step.", type=_seconds, default=10.0),
        AS_JSON,
    )},
    "scp": {
        "": (
            _argument("--ae-title", "The name that the server answers to.", type=CALLED,
                      default="ECHOSCP", metavar="TITLE"),
            _argument("--port", "TCP port; 0: any that is free.", type=_port, default=11112),
            _argument("--host", "Address to listen at.", default="127.0.0.1"),
            _several("--allow", "A calling AE title to accept; once for each.", type=CALLING,
                     metavar="TITLE"),
            _flag("--only-called", "Reject whoever calls another AE title."),
        ),
        "to misbehave": (
            _several("--fault", "What goes wrong: reject=1/1/3, delay=0.5@message; once for each.",
                     metavar="NAME[=VALUE][@MOMENT]"),
            _argument("--seed", "What is random is the same with the same number.", type=_count,
                      default=0, metavar="N"),
            _flag("--faults", "All faults that there are, with what each does; then the end.",
                  dest="list_faults"),
        ),
    },
    "record": {"": (
        HOST,
        PORT,
        _argument("file", "The pcapng file that is written.", type=Path),
        METHOD,
    )},
    "decode": {"": (BYTES,)},
    "draw": {"": (
        BYTES,
        _out("drawing.png"),
        _argument("--theme", "Light or dark paper.", choices=("light", "dark"), default="light"),
    )},
    "dissect": {
        "": (_argument("files", CAPTURES, nargs="+", metavar="FILE"),),
        "what to show": (
            _flag("--all", "Everything, not only what fits one screen.", dest="everything"),
            _argument("--association", "Connection N of the list: what was agreed on, its "
                      "sequence, its findings; or why it has no association.", type=_count,
                      metavar="N"),
            _argument("--pdu", "The bytes of PDU N of that sequence.", type=_count, metavar="N"),
            _flag("--json", "One JSON document; of several files, an array of them.",
                  dest="as_json"),
        ),
        WHICH: (
            _flag("--failed", "Those that failed."),
            _several("--ae-title", "Those of this AE title on either side; * and ? are wildcards.",
                     metavar="TITLE"),
            _several("--address", "Those with this end: an IP address, with its port or without.",
                     metavar="IP[:PORT]"),
            _several("--outcome", f"Those that ended so: {', '.join(get_args(Ended))}.",
                     choices=get_args(Ended), metavar="WORD"),
            _several("--message", "Those with such a message: C-STORE, C-ECHO-RSP.",
                     metavar="NAME"),
            _argument("--since", "Those under way at that time, or begun later. ISO 8601, of this "
                      "time zone if it names none; without a date, on the capture's first day.",
                      metavar="TIME"),
            _argument("--until", "Those begun by that time, in that second, or on that day.",
                      metavar="TIME"),
        ),
        "what to write instead": (
            _argument("--save", "Their packets, as a capture of their own.", type=Path,
                      metavar="FILE"),
            _argument("--export", "Their data sets, as DICOM files.", type=Path, metavar="DIR"),
        ),
        "how to end": (
            _argument("--fail-on", "With status 1 if there is a finding as grave as this: "
                      f"{', '.join(get_args(Severity))}.", choices=get_args(Severity),
                      metavar="SEVERITY"),
        ),
    },
    "compare": {"": (
        _argument("a", "A capture, and the connection if it holds several associations.",
                  metavar="A[#N]"),
        _argument("b", "The same of what it is compared with.", metavar="B[#N]"),
        _flag("--all", "What both have alike too.", dest="everything"),
        AS_JSON,
        _argument("--draw", "Write a picture or .html instead.", type=Path, metavar="FILE"),
    )},
    "doctor": {"": (AS_JSON,)},
}  # fmt: skip
EPILOGS = {
    "lab": "Whatever follows is given on to JupyterLab.",
    "dissect": "Ctrl-C gives what was found so far, and ends with status 130. Otherwise: 0 done, "
    "1 findings as grave as --fail-on, 2 wrong use or unreadable input.",
}
