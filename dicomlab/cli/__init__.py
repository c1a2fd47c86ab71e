"""The command ``dicomlab``. It is thin: what a command does lives in the room that it names.

Each command imports its rooms when it runs. This is the one room that may: a capture of a few
packets is read in less time than it takes to load what only the other commands need.
"""

from __future__ import annotations

import argparse
import gc
import io
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NoReturn

from dicomlab.cli.arguments import ANY_SCP, ARGUMENTS, EPILOGS
from dicomlab.cli.screen import Screen, wants_color
from dicomlab.model import DicomlabError, Drawn, PeerError, Severity, Shown, printable

if TYPE_CHECKING:
    from threading import Event

    from dicomlab.net.echo import EchoResult
    from dicomlab.net.log import LogEntry
    from dicomlab.net.scp import EchoSCP

DONE, BAD_ANSWER, WRONG_USE, FAULT, INTERRUPTED = 0, 1, 2, 70, 130  # exit status
TICK = 0.1  # seconds between two looks at what is new
LAST_LINES = 100  # of what a server saw, once it is to end
LONGEST_INPUT = 1 << 20  # bytes that `decode` and `draw` take
HEX = frozenset(b"0123456789abcdefABCDEF \t\r\n")
CAPTURES = (b"\x0a\x0d\x0d\x0a", b"\xd4\xc3\xb2\xa1", b"\xa1\xb2\xc3\xd4",
            b"\x4d\x3c\xb2\xa1", b"\xa1\xb2\x3c\x4d", b"\x1f\x8b")  # fmt: skip


# --- the commands -----------------------------------------------------------------------------


def demo(
    out: Path,
    peer: Literal["dicomlab", "pynetdicom"],
    method: Literal["auto", "live", "relay"],
) -> None:
    """Build a C-ECHO field by field, send it, record it, see it."""
    from dicomlab.demo import tell

    for piece in tell(out, peer=peer, method=method, color=wants_color()):
        _say(piece)


def lab(options: Sequence[str]) -> None:
    """Open JupyterLab at the first notebook."""
    from dicomlab.exercises import course

    folder = course.folder()
    if folder is None:
        raise DicomlabError(
            "there are no notebooks here.",
            "Write them into a folder by `dicomlab course FOLDER`, and run this there.",
        )
    home = folder.parent if folder.name == "notebooks" else folder
    first = min(folder.glob(course.NOTEBOOKS)).relative_to(home)
    from jupyterlab.labapp import main as jupyterlab

    settings = [
        f"--ServerApp.root_dir={home}",
        f"--LabApp.default_url=/lab/tree/{first.as_posix()}",
        "--LabApp.news_url=None",  # nothing is fetched, nothing is sent
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
        "--LabApp.extension_manager=readonly",
    ]
    root = ["--allow-root"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    sys.exit(jupyterlab([*settings, *root, *options]))


def course(folder: Path, solutions: bool) -> None:
    """Write the notebooks of the course into a folder, with worked solutions if wished."""
    from dicomlab.exercises import course as notebooks

    _say(*map(str, notebooks.write(folder, solutions=solutions)))


def echo(
    host: str, port: int, called: str, calling: str, timeout: float, as_json: bool
) -> int | None:
    """Ask a DICOM application: do you hear me? If not, say why and what helps."""
    from dicomlab import api

    result = api.echo(host, port, called_ae_title=called, calling_ae_title=calling, timeout=timeout)
    if as_json:
        _say_as_json(_echo_as_json(result))
    else:
        told = replace(result, verdict=None)  # which is shown in a way of its own
        _say(*(printable(line) for line in str(told).splitlines()))
        if result.verdict is not None and result.verdict.failed:
            _say()
            _show(result.verdict)
            causes = {one.code for one in result.verdict.causes}
            if called == ANY_SCP and "called-ae-title-wrong" in causes:
                _say("", f"{ANY_SCP} stood in for its AE title: give the real one with --called.")
    return None if result.ok else BAD_ANSWER


def scp(
    ae_title: str,
    port: int,
    host: str,
    allow: list[str] | None,
    only_called: bool,
    fault: list[str],
    seed: int,
    list_faults: bool,
) -> None:
    """Answer C-ECHOs until Ctrl-C, with a line for everything that happens."""
    from dicomlab.net.faults import FaultSCP, explained

    if list_faults:
        _say(*explained())
        return
    server = FaultSCP(
        *fault,
        ae_title=ae_title,
        seed=seed,
        host=host,
        port=port,
        allowed_calling_ae_titles=allow or None,
        require_called_ae_title=only_called,
    )
    with server:
        _say(f"{ae_title} listens at {server.address[0]} port {server.port}. Ctrl-C ends it.")
        for entry in _follow(server, _end()):
            _say(f"{entry}  {entry.requestor}{_titles(entry)}")


def record(host: str, port: int, file: Path, method: Literal["auto", "live", "relay"]) -> None:
    """Record what an application at HOST PORT says and hears, until Ctrl-C."""
    from dicomlab.recording.record import record as recorder

    with recorder((host, port), method=method, path=file) as recording:
        end = _end()
        where = recording.address
        _say(f"Recording ({recording.method}) to {file}. Ctrl-C ends it.")
        for limit in recording.limits:
            _say(limit)
        if recording.method == "relay":
            _say(f"Let the caller call {where[0]} port {where[1]}: it is handed on from there.")
        while not end.wait(TICK):
            pass
    _show(recording.capture)


def decode(source: list[str]) -> None:
    """Explain every byte of PDUs."""
    from dicomlab.protocol.codec import decode as decoded

    for pdu in decoded(_read(source)):
        _show(pdu)


def draw(source: list[str], out: Path, theme: Literal["light", "dark"]) -> None:
    """Draw the bytes of PDUs or the sequences of a capture: a picture, .html, or mermaid (.mmd)."""
    from dicomlab.captures import dissect as read
    from dicomlab.protocol.codec import decode as decoded
    from dicomlab.slides import save

    file = _file(source)
    values: list[Drawn]
    values = [read(file)] if file and _is_capture(file) else [*decoded(_read(source))]
    for number, value in enumerate(values, 1):
        target = out if len(values) == 1 else out.with_stem(f"{out.stem}-pdu{number}")
        for written in save(value, target, theme=theme):
            _say(f"{written}")


def dissect(
    files: list[str],
    as_json: bool,
    everything: bool,
    association: int | None,
    pdu: int | None,
    ae_title: list[str],
    address: list[str],
    outcome: list[str],
    message: list[str],
    since: str | None,
    until: str | None,
    failed: bool,
    save: Path | None,
    export: Path | None,
    fail_on: Severity | None,
) -> int:
    """Read capture files: who talked to whom, about what, how it ended, and what failed."""
    gc.disable()  # loading and reading make much and no circles: looking for some costs a tenth
    from dicomlab.cli import choosing, dissecting

    choice = choosing.Choice(
        association,
        tuple(map(choosing.ae_title, ae_title)),
        tuple(map(choosing.address, address)),
        tuple(outcome),
        tuple(map(choosing.message, message)),
        choosing.moment(since, "since") if since is not None else None,
        choosing.moment(until, "until") if until is not None else None,
        failed,
    )
    screen = Screen() if as_json else Screen.here()
    wish = dissecting.Wish(choice, screen, as_json, everything, pdu, fail_on)
    return dissecting.run(files, wish, save, export)


def compare(a: str, b: str, everything: bool, as_json: bool, draw: Path | None) -> None:
    """Two associations side by side, what matters most first: works here, and fails there."""
    from dicomlab.cli.comparing import two_associations
    from dicomlab.diagnosis.compare import compare as compared

    found = compared(*two_associations(a, b), everything=everything)
    if draw is not None:
        from dicomlab.slides import save

        _say(*map(str, save(found, draw)))
    elif as_json:
        from dicomlab.views.contract import comparison_to_json

        _say_as_json(comparison_to_json(found))
    else:
        _show(found)


def doctor(as_json: bool) -> int | None:
    """Say what works on this machine, what does not, and what helps."""
    from dicomlab.machine import doctor as examined

    report = examined()
    if as_json:
        _say_as_json(report.as_dict())
    else:
        _say(str(report))
    return None if report.ok else BAD_ANSWER


COMMANDS: dict[str, Callable[..., int | None]] = {
    run.__name__: run
    for run in (demo, lab, course, echo, scp, record, decode, draw, dissect, compare, doctor)
}


# --- running them -----------------------------------------------------------------------------


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line, and where help is."""

    def error(self, message: str) -> NoReturn:
        raise DicomlabError(f"{message}.", f"See `{self.prog} --help`.")


def _parser(only: str | None) -> argparse.ArgumentParser:
    """The command line; of its commands only the one of that name, if there is one."""
    parser = _Parser(
        prog="dicomlab", description="See what really happens when two DICOM applications talk."
    )
    commands = parser.add_subparsers(metavar="COMMAND", title="commands", required=True)
    for name, run in COMMANDS.items():
        if only in COMMANDS and name != only:
            continue
        says = run.__doc__ or ""
        command = commands.add_parser(
            name, help=says, description=says, epilog=EPILOGS.get(name), allow_abbrev=False
        )
        command.set_defaults(run=run)
        for group, arguments in ARGUMENTS[name].items():
            taker = command.add_argument_group(group) if group else command
            for argument, options in arguments:
                taker.add_argument(argument, **options)
    return parser


def main() -> None:
    """Run the command line; exit status 0 done, 1 the answer is bad, 2 wrong use or input."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # what a terminal lacks is spelled out
    try:
        status = _run(sys.argv[1:])
        sys.stdout.flush()
    except PeerError as error:
        status = _said(str(error), BAD_ANSWER)
    except DicomlabError as error:
        status = _said(str(error))
    except BrokenPipeError:
        status = DONE  # whoever reads us has read enough
    except OSError as error:
        status = _said(f"{error.filename or 'the machine'}: {error.strerror or error}")
    except KeyboardInterrupt:
        status = INTERRUPTED
    except Exception as error:  # noqa: BLE001 - a traceback helps nobody who did not write it
        status = _said(_confession(error), FAULT)
    _let_go()
    gc.freeze()  # Python would look for circles in all that it is about to drop
    sys.exit(status)


def _run(words: list[str]) -> int:
    parser = _parser(words[0] if words else None)
    if not words:
        parser.print_help()
        return WRONG_USE
    known, rest = parser.parse_known_args(words)
    options = vars(known)
    run: Callable[..., int | None] = options.pop("run")
    if run is lab:
        options["options"] = rest
    elif rest:
        raise DicomlabError(f"{rest[0]} means nothing here.", f"See `dicomlab {words[0]} --help`.")
    return run(**options) or DONE


def _said(why: str, status: int = WRONG_USE) -> int:
    print(f"dicomlab: {printable(why)}", file=sys.stderr)
    return status


def _confession(error: Exception) -> str:
    """What went wrong where it must not; a line that is worth a report."""
    place = error.__traceback__
    while place is not None and place.tb_next is not None:
        place = place.tb_next
    what = f"{type(error).__name__}: {error}"
    if place is not None:
        what += f", {Path(place.tb_frame.f_code.co_filename).name} line {place.tb_lineno}"
    return f"a fault of dicomlab itself ({what}). Please report it."


def _let_go() -> None:
    """What cannot be printed is not tried again when Python ends."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


# --- what the commands share ------------------------------------------------------------------


def _say(*lines: str) -> None:
    print(*lines, sep="\n", flush=True)


def _say_as_json(document: dict[str, Any]) -> None:
    import json

    _say(json.dumps(document, indent=1))


def _show(value: Shown) -> None:
    from dicomlab.views import text

    screen = Screen.here()
    _say(text.show(value, color=screen.color, width=screen.width, height=screen.height))


def _echo_as_json(result: EchoResult) -> dict[str, Any]:
    said = ("ok", "layer", "host", "port", "called_ae_title", "calling_ae_title", "status")
    document = {name: getattr(result, name) for name in (*said, "released")}
    document["timings"] = dict(result.timings)
    found = ("code", "severity", "what", "why", "remedy", "clause")
    document["findings"] = [{name: getattr(one, name) for name in found} for one in result.findings]
    document["verdict"] = asdict(result.verdict) if result.verdict is not None else None
    return {"schema": "dicomlab.echo/1", **document}


def _end() -> Event:
    """What Ctrl-C sets from now on, and a polite request to end (SIGTERM) too."""
    from threading import Event

    end = Event()
    for request in (signal.SIGINT, signal.SIGTERM):
        signal.signal(request, lambda *_: end.set())
    return end


def _follow(server: EchoSCP, end: Event) -> Iterator[LogEntry]:
    """The entries of the server's log as they come, until the end."""
    last: LogEntry | None = None
    ended = False
    while not ended:
        ended = end.wait(TICK)
        log = server.log
        fresh = log[log.index(last) + 1 :] if last in log else log
        for entry in fresh[-LAST_LINES:] if ended else fresh:
            yield entry
            if end.is_set() and not ended:  # Ctrl-C does not wait until a flood is told
                break
        last = log[-1] if log else None


def _titles(entry: LogEntry) -> str:
    """Who calls whom, where that is what the entry is about."""
    named = {one.name: one.text for pdu in entry.pdus for one in pdu.fields}
    titles = [named.get(f"{which}-AE-title") for which in ("Calling", "Called")]
    return f"  {titles[0]} calls {titles[1]}" if all(titles) else ""


def _is_capture(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4).startswith(CAPTURES)


def _file(source: list[str]) -> Path | None:
    """The file that is meant, unless hex or - is; what looks like hex is hex."""
    words = " ".join(source)
    if words == "-" or HEX.issuperset(words.encode()):
        return None
    path = Path(words)
    if not path.is_file():
        what = f"{words[:60]!r} is neither a file nor bytes in hex."
        raise DicomlabError(what, "Hex looks like 05 00 00 00 00 04 00 00 00 00.")
    return path


def _read(source: list[str]) -> bytes:
    """The bytes that somebody means by hex, by a file's name, or by - for what is piped in."""
    path = _file(source)
    if path:
        with path.open("rb") as file:
            data = file.read(LONGEST_INPUT + 1)
    elif source == ["-"]:
        data = sys.stdin.buffer.read(LONGEST_INPUT + 1)
    else:
        data = " ".join(source).encode()
    if not data.strip():
        raise DicomlabError("there are no bytes here.", "Give them in hex, or name a file.")
    if len(data) > LONGEST_INPUT:
        raise DicomlabError(f"that is more than {LONGEST_INPUT:,} bytes.", "Give the PDUs alone.")
    if data.startswith(CAPTURES):
        raise DicomlabError("this is a capture file.", "Use `dicomlab dissect` to read it.")
    if not HEX.issuperset(data):
        return data
    try:
        return bytes.fromhex(data.decode())
    except ValueError:
        raise DicomlabError("a hex digit is missing or too much.", "Two digits a byte.") from None
