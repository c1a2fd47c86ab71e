"""What ``dicomlab dissect`` does: read one capture or many, choose, tell, write."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import Any, NamedTuple, TextIO

from dicomlab.cli.choosing import Choice, of_number, the_one
from dicomlab.cli.screen import Screen
from dicomlab.cli.watching import STOPPED, read
from dicomlab.model import Association, Capture, DicomlabError, Severity, printable

DONE, FOUND, UNREADABLE, INTERRUPTED = 0, 1, 2, 130  # exit status
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "info")  # the gravest first


class Wish(NamedTuple):
    """What is wanted of each capture."""

    choice: Choice
    screen: Screen
    as_json: bool = False
    everything: bool = False  # all associations, on however many screens
    pdu: int | None = None
    fail_on: Severity | None = None

    @property
    def looks_again(self) -> bool:
        """Whether bytes of the capture are wanted once it was read."""
        return self.choice.connection is not None or self.pdu is not None

    def tell(self, capture: Capture, out: TextIO) -> None:
        """Write what is wanted of it."""
        if self.as_json:
            from dicomlab.views import contract

            contract.write(self.choice.of(capture), out)
            return
        from dicomlab.views import text

        for number, value in enumerate(self._shown(capture)):
            if number:
                out.write("\n")
            width, height, color, encoding = self.screen
            lines = text.lines(value, color=color, width=width, height=height)
            out.writelines(f"{text.encodable(line, encoding)}\n" for line in lines)

    def _shown(self, capture: Capture) -> Iterable[Any]:
        chosen = self.choice.of(capture)
        if self.pdu is not None:
            yield _pdu(_only(chosen), self.pdu)
        elif chosen.connections and self.choice.connection is not None:
            [one] = chosen.connections
            yield one.verdict
            if one.findings:
                yield one.findings
        elif self.choice.connection is not None:
            from dicomlab.views.agreement import agreement

            association = _only(chosen)
            yield agreement(association, everything=self.everything)
            yield association
        else:
            from dicomlab.views.listing import listing

            among = len(capture.associations) if chosen is not capture else None
            yield listing(chosen, everything=self.everything, among=among)

    def status(self, capture: Capture) -> int:
        """The exit status: whether there are findings as grave as those that it shall fail on."""
        if self.fail_on is None:
            return DONE
        grave = SEVERITIES[: SEVERITIES.index(self.fail_on) + 1]
        chosen = self.choice.of(capture)
        found = any(
            finding.severity in grave
            for each in (chosen.associations, chosen.connections)
            for one in each
            for finding in one.findings
        )
        return FOUND if found else DONE


def run(files: Sequence[str], wish: Wish, save: Path | None, export: Path | None) -> int:
    """Dissect the files; gives the exit status."""
    for file in files:
        if Path(file).is_dir():
            raise DicomlabError(f"{file} is a folder.", f"Give its files: {file}/*.pcapng")
    if wish.pdu is not None and wish.as_json:
        raise DicomlabError("--pdu shows bytes, and has no JSON.", "Take one of both.")
    if len(files) == 1:
        return _one(files[0], wish, save, export)
    if wish.looks_again or save or export:
        what = "--association, --pdu, --save and --export are about one capture."
        raise DicomlabError(what, f"You gave {len(files)} files: give one.")
    from dicomlab.cli.many import tell_many

    return tell_many(files, wish)


def _one(file: str, wish: Wish, save: Path | None, export: Path | None) -> int:
    writes = save is not None or export is not None
    capture, stopped = read(file, keep=wish.looks_again or writes)
    if stopped:
        print(f"dicomlab: {STOPPED}: this is what was found so far.", file=sys.stderr)
    if wish.choice.connection is not None:
        find = of_number if wish.pdu is None else the_one
        find(capture, wish.choice.connection)
    if writes:
        lines = _written(capture, wish.choice, save, export)
        print(*lines, sep="\n", file=sys.stderr if wish.as_json else sys.stdout)
    if wish.as_json or not writes:
        wish.tell(capture, sys.stdout)
    return INTERRUPTED if stopped else wish.status(capture)


def _written(
    capture: Capture, choice: Choice, save: Path | None, export: Path | None
) -> Iterable[str]:
    """Write what was chosen to files; a line for each way."""
    from dicomlab.views.theme import count

    chosen = choice.of(capture)
    if save is not None:
        from dicomlab.dissect.cutting import save as cut_out

        alone = chosen.connections if chosen is not capture else ()  # without filters, only DICOM
        packets = cut_out(capture, save, chain(chosen.associations, alone))
        yield printable(f"{save}: {count(packets, 'packet')}")
    if export is not None:
        from dicomlab.dissect.datasets import export as exported

        done = exported(chosen, export)
        yield printable(f"{export}: {count(len(done.files), 'DICOM file')}")
        yield from map(printable, done.left_out)


def _only(chosen: Capture) -> Association:
    """The association that is meant, where only one can be."""
    match list(islice(chosen.associations, 2)):
        case [one]:
            return one
        case []:
            raise DicomlabError("there is no such association.", "`dicomlab dissect` lists them.")
    raise DicomlabError(
        "the capture holds several associations.",
        "Say which with --association and a number of the list.",
    )


def _pdu(association: Association, index: int) -> Any:
    pdus = association.pdus
    if index < len(pdus):
        return pdus[index]
    what = f"connection {association.connection} has no PDU {index}."
    raise DicomlabError(what, f"Its PDUs are 0 to {len(pdus) - 1}.")
