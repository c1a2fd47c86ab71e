"""Broken sites: a caller and an archive that do not talk, the reason sealed in an envelope."""

from __future__ import annotations

import difflib
from contextlib import ExitStack
from dataclasses import replace
from html import escape
from itertools import chain
from random import Random
from typing import Any, NamedTuple, Self

from dicomlab.exercises.answers import called
from dicomlab.exercises.cases import (
    ARCHIVES,
    CASES,
    DAYS,
    HOST,
    MACHINES,
    PORTS,
    WARDS,
    WORKED,
    Case,
    Settings,
)
from dicomlab.exercises.evidence import Envelope, Evidence, clue, verdict
from dicomlab.exercises.notes import Codes, Note, table
from dicomlab.model import DicomlabError
from dicomlab.net.echo import EchoResult, echo
from dicomlab.net.faults import FaultSCP
from dicomlab.net.listener import listening
from dicomlab.recording.record import record
from dicomlab.spec.causes import CAUSES
from dicomlab.spec.findings import FINDINGS

_TRIES = 2  # different wrong answers after which the envelope may be opened
_WORDS = {  # what titles of causes name, before anybody knows
    "calling": "the calling AE title",
    "called": "the called AE title",
    "what": "the service",
}


def broken_site(number: int | str, seed: int = 0) -> BrokenSite:
    """A site where a caller and an archive do not talk; what is wrong with it is sealed.

    ``number`` counts from 1; 0 is the case that the lab does together, ``"random"`` is any. Which
    fault has which number, the names, the ports: the ``seed`` says it, and the same one says the
    same again. Raises DicomlabError for a number that there is not.
    """
    order = list(CASES)
    Random(f"{seed} order").shuffle(order)
    cases = [WORKED, *order]
    if number == "random":
        number = Random(f"{seed} any").randrange(1, len(cases))
    if not isinstance(number, int) or not 0 <= number < len(cases):
        raise DicomlabError(
            f"There is no broken site {number!r}.", f"There are 0 to {len(CASES)}, and 'random'."
        )
    return BrokenSite(cases[number], number, seed)


def all_causes() -> Codes:
    """All causes that a broken site may have, by their codes, in words."""
    known = {code for case in (WORKED, *CASES) for code in case.causes}
    rows = ((code, CAUSES[code].title.format_map(_WORDS)) for code in CAUSES if code in known)
    return Codes(rows)


def call(settings: Settings, address: tuple[str, int]) -> EchoResult:
    """A C-ECHO to a host and port, with what else is entered at a caller."""
    return echo(
        *address,
        called_ae_title=settings.called_ae_title,
        calling_ae_title=settings.calling_ae_title,
        timeout=settings.timeout,
    )


class BrokenSite:
    """A broken site: shows its ticket, and runs within its ``with`` block.

    ``entered`` is what the caller has for settings; what the archive has is sealed.
    """

    def __init__(self, case: Case, number: int, seed: int | str) -> None:
        random = Random(f"{seed} site {number}")
        kind = random.choice(list(MACHINES))
        good = Settings(
            calling_ae_title=f"{kind}_{random.choice(WARDS)}",
            called_ae_title=random.choice(ARCHIVES),
            port=_free_port(Random(f"{seed} port {number}")),
        )
        self.number = number
        self.seed = seed
        self._case = case
        self._machine, self._day = MACHINES[kind], random.choice(DAYS)
        self.entered, self._right = case.settle(good, random)
        self._fault = random.choice(case.faults)
        self._running: ExitStack | None = None
        self._evidence: Evidence | None = None
        self._wrong: set[str] = set()
        self._solved = False

    # --- what is known ----------------------------------------------------------------------

    @property
    def ticket(self) -> str:
        """What is reported."""
        machine = self._machine
        starts = machine[0].upper() + machine[1:]
        return self._case.ticket.format(machine=machine, Machine=starts, day=self._day)

    @property
    def causes(self) -> Codes:
        """All causes that a broken site may have, by their codes, in words."""
        return all_causes()

    def __repr__(self) -> str:
        return f"<broken site {self.number} of seed {self.seed}>"

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        rows = [(what, entered, "sealed") for what, entered in self.entered.rows()]
        lines = [f"Site {self.number}: {self.ticket}", *(f"  {a}: {b}" for a, b, _ in rows)]
        page = (
            f"<blockquote>{escape(self.ticket)}</blockquote>"
            f"{table(('', 'entered at the caller', 'known at the archive'), rows)}"
        )
        return {"text/plain": "\n".join(lines), "text/html": page}

    # --- running it -------------------------------------------------------------------------

    def __enter__(self) -> Self:
        known: dict[str, Any] = {
            "ae_title": self._right.called_ae_title,
            "allowed_calling_ae_titles": [self._right.calling_ae_title],
            "require_called_ae_title": True,
        }
        faults = [self._fault] if self._fault else []
        scps = [FaultSCP(*faults, port=self.entered.port, **known)]
        if self._right.port != self.entered.port:
            scps.append(FaultSCP(port=self._right.port, **known))
        with ExitStack() as running:
            try:
                for scp in scps:
                    running.enter_context(scp)
            except DicomlabError:
                what = "Somebody else has the ports of this site, perhaps with the same seed."
                raise DicomlabError(what, "Try again in a moment, or take another seed.") from None
            self._running = running.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        if self._running is not None:
            self._running.close()
            self._running = None

    def try_it(self) -> Evidence:
        """A C-ECHO with what is entered at the caller, recorded.

        Raises DicomlabError outside of the ``with`` block.
        """
        self._evidence = self._attempt(self.entered)
        return self._evidence

    def mend(
        self,
        *,
        calling_ae_title: str | None = None,
        called_ae_title: str | None = None,
        port: int | None = None,
        timeout: float | None = None,
    ) -> Evidence:
        """The same with other settings at the caller; what is entered stays.

        Raises DicomlabError outside of the ``with`` block, BuildError for what is no AE title.
        """
        given = {
            "calling_ae_title": calling_ae_title,
            "called_ae_title": called_ae_title,
            "port": port,
            "timeout": timeout,
        }
        changes: Any = {name: value for name, value in given.items() if value is not None}
        return self._attempt(replace(self.entered, **changes))

    def _attempt(self, settings: Settings) -> Evidence:
        if self._running is None:
            raise DicomlabError("The site does not run.", "Write: with site: site.try_it()")
        with record((HOST, settings.port), method="relay") as recording:
            result = call(settings, recording.address)
        answers = (one.pdus for one in result.log if one.sender == "acceptor" and one.data)
        return Evidence(recording, tuple(chain.from_iterable(answers)))

    # --- answering --------------------------------------------------------------------------

    def answer(self, code: object) -> Note:
        """Whether that is the cause; ``causes`` lists them. After a wrong one, where to look."""
        if self._evidence is None:
            return Note(False, "Look first. Write: with site: site.try_it()")
        if code is None:
            return Note(False, "No answer yet: give a code from site.causes.")
        if not isinstance(code, str):
            return Note(
                False, f"Asked for is a code of site.causes, a text; this is {called(code)}."
            )
        if code not in self.causes:
            near = difflib.get_close_matches(code, self.causes, 1)
            meant = f" Did you mean {near[0]!r}?" if near else " site.causes lists them."
            return Note(False, f"There is no cause {code!r}.{meant}")
        if code in self._case.causes:
            self._solved = True
            seen = "" if code == self._case.causes[0] else ", as far as a recording can tell"
            return Note(True, f"Right{seen}: {self.causes[code]}. You may open the envelope.")
        self._wrong.add(code)
        found = clue(self._case, self._evidence)
        nudge = f"Not that. {found.nudge}"
        if len(self._wrong) < _TRIES:
            return Note(False, nudge)
        return Note(False, f"{nudge} See {found.found.clause}. The envelope may be opened now.")

    def open(self) -> Envelope | Note:
        """The envelope, once an answer was right, or two different ones were wrong."""
        if self._evidence is None or not (self._solved or len(self._wrong) >= _TRIES):
            when = "after a right answer, or two different wrong ones"
            return Note(False, f"Still sealed: it opens {when}.")
        return Envelope(
            sealed(self).truth,
            self.entered,
            self._right,
            clue(self._case, self._evidence),
            tuple(self.causes[code] for code in self._case.causes[1:]),
            verdict(self._evidence),
        )


def solution(site: BrokenSite) -> str:
    """The cause that is sealed in a site, for worked solutions; a trainee has better ways."""
    return site._case.causes[0]


class Sealed(NamedTuple):
    """What is sealed in a site."""

    causes: tuple[str, ...]  # that leave its evidence, the true one first
    truth: str
    clause: str  # of the finding that gives it away
    waits: bool  # its caller waits for an answer in vain


def sealed(site: BrokenSite) -> Sealed:
    """What a site keeps to itself, for whoever marks answers."""
    case = site._case
    truth = case.truth.format(entered=site.entered, right=site._right)
    return Sealed(case.causes, truth, FINDINGS[case.clue].clause, case.clue == "peer-silent")


def _free_port(random: Random) -> int:
    """A port that nobody has, and the next one neither."""
    for _ in range(100):
        port = random.choice(PORTS)
        if _is_free(port) and _is_free(port + 1):
            return port
    raise DicomlabError("No port is free for a broken site.", "Close some programs, try again.")


def _is_free(port: int) -> bool:
    try:
        listening(HOST, port).close()
    except DicomlabError:
        return False
    return True
