"""Which two associations ``dicomlab compare`` is about."""

from __future__ import annotations

import re
from itertools import islice
from pathlib import Path

from dicomlab.cli.choosing import the_one
from dicomlab.cli.watching import read
from dicomlab.model import Association, Capture, DicomlabError

NAMED = 10  # connections that an error names


def two_associations(a: str, b: str) -> tuple[Association, Association]:
    """Those that somebody means by ``FILE#N``, or by FILE where it holds only one.

    DicomlabError where there is no such association, or where it has to be said which.
    """
    file_a, number_a = _file_and_number(a)
    file_b, number_b = _file_and_number(b)
    first = _read(file_a)
    second = first if file_b == file_a else _read(file_b)
    return _association(first, number_a), _association(second, number_b)


def _file_and_number(words: str) -> tuple[str, int | None]:
    match = re.fullmatch(r"(.+)#(\d{1,9})", words)
    if match is None or Path(words).exists():
        return words, None
    return match[1], int(match[2])


def _read(file: str) -> Capture:
    capture, stopped = read(file, keep=True)
    if stopped:  # what was not read might be what is meant
        raise KeyboardInterrupt
    return capture


def _association(capture: Capture, number: int | None) -> Association:
    if number is not None:
        return the_one(capture, number)
    several = list(islice(capture.associations, NAMED + 1))
    if not several:
        what = f"{capture.file} holds no association."
        raise DicomlabError(what, "`dicomlab dissect FILE` says what it holds.")
    if len(several) > 1:
        numbers = ", ".join(str(one.connection) for one in several[:NAMED])
        more = ", …" if len(several) > NAMED else ""
        what = f"{capture.file} holds associations: connections {numbers}{more}."
        raise DicomlabError(what, f"Say which, as in {capture.file}#{several[0].connection}")
    return several[0]
