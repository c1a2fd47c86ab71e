"""The command ``dicomlab``. It is thin: what a command does lives in the room that it names."""

from __future__ import annotations

import io
import json
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from threading import Event
from typing import Annotated, Any, NoReturn

import typer

import dicomlab as dl
from dicomlab import demo as first_echo
from dicomlab import doctor as machine
from dicomlab.model import DicomlabError, Drawn, PeerError, printable
from dicomlab.net.log import LogEntry
from dicomlab.slides import Mode, save
from dicomlab.views import contract, text

BAD_ANSWER, WRONG_USE = 1, 2  # exit status; 0 is done
TICK = 0.1  # seconds between two looks at what is new
LAST_LINES = 100  # of what a server saw, once it is to end
LONGEST_INPUT = 1 << 20  # bytes that `decode` and `draw` take
FIRST_NOTEBOOK = Path("notebooks", "01-the-first-echo.ipynb")
HEX = frozenset(b"0123456789abcdefABCDEF \t\r\n")
CAPTURES = (b"\x0a\x0d\x0d\x0a", b"\xd4\xc3\xb2\xa1", b"\xa1\xb2\xc3\xd4",
            b"\x4d\x3c\xb2\xa1", b"\xa1\xb2\x3c\x4d", b"\x1f\x8b")  # fmt: skip

app = typer.Typer(
    help="See what really happens when two DICOM applications talk.",
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)

Out = Annotated[Path, typer.Option(help="Where the files go.")]


def _seconds(words: str) -> float:
    """A time-out as somebody types it."""
    seconds = float(words)
    if not 0 < seconds < 1e6:
        raise ValueError(words)
    return seconds


Json = Annotated[bool, typer.Option("--json", help="One JSON document instead of text.")]
Bytes = Annotated[
    list[str],
    typer.Argument(
        metavar="HEX|FILE|-", help="Bytes in hex, a file of bytes or hex, or - (stdin)."
    ),
]
File = Annotated[Path, typer.Argument(help="A pcap or pcapng file.")]
Host = Annotated[str, typer.Argument(help="Name or address of the DICOM application.")]
Port = Annotated[int, typer.Argument(help="Its TCP port; often 104 or 11112.")]
Method = Annotated[
    first_echo.Method,
    typer.Option(help="How to record: live (tshark), through a relay, or what works here."),
]
Seconds = Annotated[float, typer.Option(parser=_seconds, help="Seconds for each step.")]
Theme = Annotated[Mode, typer.Option(help="Light or dark paper.")]


def main() -> None:
    """Run the command line; exit status 0 done, 1 the answer is bad, 2 wrong use or input."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # what a terminal lacks is spelled out
    try:
        app(prog_name="dicomlab")
    except PeerError as error:
        _stop(str(error), BAD_ANSWER)
    except DicomlabError as error:
        _stop(str(error))
    except OSError as error:
        _stop(f"{error.filename or 'the machine'}: {error.strerror or error}")


def _stop(why: str, status: int = WRONG_USE) -> NoReturn:
    print(f"dicomlab: {printable(why)}", file=sys.stderr)
    sys.exit(status)


@app.command()
def demo(
    out: Out = Path("demo-out"),
    peer: Annotated[first_echo.Peer, typer.Option(help="Whose server answers.")] = "dicomlab",
    method: Method = "auto",
) -> None:
    """Build a C-ECHO field by field, send it, record it, see it."""
    for piece in first_echo.tell(out, peer=peer, method=method, color=_color()):
        _say(piece)


@app.command(context_settings={"ignore_unknown_options": True})
def lab(
    options: Annotated[list[str] | None, typer.Argument(help="Given on to JupyterLab.")] = None,
) -> None:
    """Open JupyterLab at the first notebook."""
    homes = (Path.cwd(), Path(__file__).parent.parent)
    home = next((one for one in homes if (one / FIRST_NOTEBOOK).exists()), None)
    if home is None:
        raise DicomlabError(
            f"there is no {FIRST_NOTEBOOK} here.",
            "Run this in the folder of the dicomlab repository: its notebooks are not installed.",
        )
    from jupyterlab.labapp import main as jupyterlab

    settings = [
        f"--ServerApp.root_dir={home}",
        f"--LabApp.default_url=/lab/tree/{FIRST_NOTEBOOK.as_posix()}",
        "--LabApp.news_url=None",  # nothing is fetched, nothing is sent
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
        "--LabApp.extension_manager=readonly",
    ]
    root = ["--allow-root"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    sys.exit(jupyterlab([*settings, *root, *(options or [])]))


@app.command()
def echo(
    host: Host,
    port: Port,
    called: Annotated[str, typer.Option(help="AE title of the application.")] = "ANY-SCP",
    calling: Annotated[str, typer.Option(help="Our own AE title.")] = "DICOMLAB",
    timeout: Seconds = 10.0,
    as_json: Json = False,
) -> None:
    """Ask a DICOM application: do you hear me? If not, say why and what helps."""
    result = dl.echo(host, port, called_ae_title=called, calling_ae_title=calling, timeout=timeout)
    if as_json:
        _say(json.dumps(_echo_as_json(result), indent=1))
    else:
        _say(*(printable(line) for line in str(result).splitlines()))
    if not result.ok:
        sys.exit(BAD_ANSWER)


@app.command()
def scp(
    ae_title: Annotated[str, typer.Option(help="The name that the server answers to.")] = "ECHOSCP",
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="TCP port; 0: any that is free.")
    ] = 11112,
    host: Annotated[str, typer.Option(help="Address to listen at.")] = "127.0.0.1",
    allow: Annotated[
        list[str] | None, typer.Option(help="A calling AE title to accept; once for each.")
    ] = None,
    only_called: Annotated[
        bool, typer.Option("--only-called", help="Reject whoever calls another AE title.")
    ] = False,
) -> None:
    """Answer C-ECHOs until Ctrl-C, with a line for everything that happens."""
    server = dl.EchoSCP(
        ae_title,
        host=host,
        port=port,
        allowed_calling_ae_titles=allow or None,
        require_called_ae_title=only_called,
    )
    with server:
        _say(f"{ae_title} listens at {server.address[0]} port {server.port}. Ctrl-C ends it.")
        for entry in _follow(server, _end()):
            _say(f"{entry}  {entry.requestor}{_titles(entry)}")


@app.command()
def record(host: Host, port: Port, file: File, method: Method = "auto") -> None:
    """Record what an application at HOST PORT says and hears, until Ctrl-C."""
    with dl.record((host, port), method=method, path=file) as recording:
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


@app.command()
def decode(source: Bytes) -> None:
    """Explain every byte of PDUs."""
    for pdu in dl.decode(_read(source)):
        _show(pdu)


@app.command()
def draw(source: Bytes, out: Out = Path("drawing.png"), theme: Theme = "light") -> None:
    """Draw the bytes of PDUs or the sequences of a capture: a picture, .html, or mermaid (.mmd)."""
    file = _file(source)
    if file and _is_capture(file):
        values: list[Drawn] = [dl.dissect(file)]
    else:
        values = list(dl.decode(_read(source)))
    for number, value in enumerate(values, 1):
        target = out if len(values) == 1 else out.with_stem(f"{out.stem}-pdu{number}")
        for written in save(value, target, theme=theme):
            _say(f"{written}")


@app.command()
def dissect(file: File, as_json: Json = False) -> None:
    """Read a capture file: who talked to whom, and how it ended."""
    capture = dl.dissect(file)
    if as_json:
        contract.write(capture, sys.stdout)
    else:
        _show(capture)


@app.command()
def doctor(as_json: Json = False) -> None:
    """Say what works on this machine, what does not, and what helps."""
    report = machine.doctor()
    _say(json.dumps(report.as_dict(), indent=1) if as_json else str(report))
    if not report.ok:
        sys.exit(BAD_ANSWER)


def _say(*lines: str) -> None:
    print(*lines, sep="\n", flush=True)


def _show(value: Drawn) -> None:
    _say(text.show(value, color=_color()))


def _color() -> bool:
    """Colour is for people who look at a terminal and did not decline it (no-color.org)."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR")


def _echo_as_json(result: dl.EchoResult) -> dict[str, Any]:
    said = ("ok", "layer", "host", "port", "called_ae_title", "calling_ae_title", "status")
    document = {name: getattr(result, name) for name in (*said, "released")}
    document["timings"] = dict(result.timings)
    found = ("code", "severity", "what", "why", "remedy", "clause")
    document["findings"] = [{name: getattr(one, name) for name in found} for one in result.findings]
    return {"schema": "dicomlab.echo/1", **document}


def _end() -> Event:
    """What Ctrl-C sets from now on, and a polite request to end (SIGTERM) too."""
    end = Event()
    for request in (signal.SIGINT, signal.SIGTERM):
        signal.signal(request, lambda *_: end.set())
    return end


def _follow(server: dl.EchoSCP, end: Event) -> Iterator[LogEntry]:
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
