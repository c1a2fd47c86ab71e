"""A site of four application entities, each with its table of the others; broken, and mended."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import permutations
from random import Random
from typing import Any, Self

from dicomlab.captures import explained
from dicomlab.exercises.cases import misspelt
from dicomlab.exercises.notes import table
from dicomlab.model import DicomlabError, printable
from dicomlab.net.echo import EchoResult, echo
from dicomlab.net.scp import EchoSCP, Response
from dicomlab.net.server import Connection
from dicomlab.protocol.build import Draft
from dicomlab.protocol.upper_layer import Received
from dicomlab.spec import names
from dicomlab.views.reach import Call, Reach
from dicomlab.views.theme import Tone

TITLES = {"CT": "CT1", "MR": "MR2", "RIS": "WORKLIST", "archive": "ARCHIVE"}
TALK = (("CT", "RIS"), ("CT", "archive"), ("MR", "RIS"), ("MR", "archive"), ("RIS", "archive"))
PAIRS = (*TALK, *((there, here) for here, there in TALK))  # registration is mutual
_TIMEOUT = 2.0  # seconds
_COLUMNS = ("the table of", "entry", "AE title", "address", "port")
_TAKES = {"host": (str, "a text, such as '127.0.0.1'"), "port": (int, "a number, such as 11112")}


@dataclass(slots=True)
class Entry:
    """What one application entity has in its table of another.

    DicomlabError for a host that is no text, or a port that is no number. What is no AE title, or
    no port that there is, a call says.
    """

    ae_title: str
    host: str
    port: int

    def __setattr__(self, name: str, value: Any) -> None:
        kind, what = _TAKES.get(name, (object, ""))
        if what and type(value) is not kind:  # True is no number here
            raise DicomlabError(f"{value!r} is no {name}.", f"Enter {what}.")
        object.__setattr__(self, name, value)


class ApplicationEntity(EchoSCP):
    """An application entity that takes calls from those in its table, and for its own title only.

    ``knows`` is the table: what people call the others, and their entries. It may be changed at
    any time, and so may ``ae_title``.
    """

    def __init__(self, ae_title: str) -> None:
        super().__init__(ae_title, require_called_ae_title=True)
        self.knows: dict[str, Entry] = {}

    @property
    def entry(self) -> Entry:
        """What the others ought to have of it."""
        return Entry(self.ae_title, *self.address)

    def answers(self, connection: Connection, received: Received) -> Iterator[Draft | Response]:
        """As those of every EchoSCP; who may call is looked up each time."""
        known = tuple(self.knows.values())  # this thread is not the one that changes them
        self.allowed_calling_ae_titles = {one.ae_title for one in known}
        return super().answers(connection, received)


class Site:
    """A CT, an MR, a RIS and an archive on this machine, started and ready to call each other.

    ``site["CT"]`` is one of them, ``site["CT"].knows["archive"]`` what it has of another: its
    ``ae_title``, ``host`` and ``port``. At the start all of ``pairs`` know each other; CT and MR
    have nothing to say to each other.
    """

    pairs = PAIRS

    def __init__(self) -> None:
        self._all = {name: ApplicationEntity(title) for name, title in TITLES.items()}
        self._running = ExitStack()

    def start(self) -> Self:
        """Start all four, if they do not run yet; their titles and tables are as at the start."""
        with ExitStack() as running:
            for name, one in self._all.items():
                running.enter_context(one)
                one.ae_title = TITLES[name]
                one.knows.clear()
            self._running = running.pop_all()
        for here, there in self.pairs:
            self[here].knows[there] = self[there].entry
        return self

    def stop(self) -> None:
        """Stop all four."""
        self._running.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def __getitem__(self, name: str) -> ApplicationEntity:
        try:
            return self._all[name]
        except KeyError:
            known = ", ".join(self._all)
            raise DicomlabError(
                f"There is no {name!r} at this site.", f"There are {known}."
            ) from None

    def echo(self, caller: str, called: str) -> EchoResult:
        """A C-ECHO from one to another, with what stands in the caller's table.

        Raises DicomlabError where there is nothing, BuildError for what is no AE title.
        """
        here = self[caller]
        entry = here.knows.get(called)
        if entry is None:
            remedy = f"site[{caller!r}].knows[{called!r}] = site[{called!r}].entry"
            raise DicomlabError(f"{caller} has no entry for {called!r}.", f"Enter it: {remedy}")
        return explained(
            echo(
                entry.host,
                entry.port,
                called_ae_title=entry.ae_title,
                calling_ae_title=here.ae_title,
                timeout=_TIMEOUT,
            )
        )

    def echo_all(self) -> Reach:
        """Everybody calls everybody in their tables: who reaches whom."""
        return Reach(
            tuple((name, _end(one)) for name, one in self._all.items()),
            tuple(
                Call(caller, called, *_came(self.echo(caller, called)))
                for caller, called in permutations(self._all, 2)
                if called in self[caller].knows
            ),
        )

    def disturb(self, seed: int = 0) -> None:
        """Make a mistake of each kind in some of the tables; the same seed makes the same ones."""
        random = Random(seed)
        for make, pair in zip(MISTAKES, random.sample(self.pairs, len(MISTAKES)), strict=True):
            make(self, *pair, random)

    def __repr__(self) -> str:
        lines = [_COLUMNS, *self._rows()]
        return "\n".join("".join(f"{cell:<14}" for cell in line).rstrip() for line in lines)

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return {"text/plain": repr(self), "text/html": table(_COLUMNS, self._rows())}

    def _rows(self) -> list[tuple[str, ...]]:
        """All tables; each begins with its owner."""
        rows: list[tuple[str, ...]] = []
        for name, one in self._all.items():
            entries = {"itself": one.entry, **one.knows}
            for what, entry in entries.items():
                whose = name if what == "itself" else ""
                rows.append((whose, what, entry.ae_title, entry.host, str(entry.port)))
        return rows


def _end(one: ApplicationEntity) -> str:
    return printable(f"{one.ae_title}, port {one.port}")


def _came(result: EchoResult) -> tuple[str, str, Tone]:
    """What came of a C-ECHO, and why in the words of the standard or of a finding."""
    if result.ok:
        return "success", "", "good"
    how, why = "failed", result.findings[0].code
    for one in result.capture.associations if result.capture is not None else ():
        reason = one.outcome.source or 0, one.outcome.reason or 0
        if one.outcome.ended == "rejected":
            how, why = "rejected", names.REJECT_REASONS.get(reason, "no reason that is known")
    return how, why.replace("-", " "), "error"


# --- mistakes in tables -----------------------------------------------------------------------


def _forgotten(site: Site, here: str, there: str, _: Random) -> None:
    del site[here].knows[there]


def _misspelt(site: Site, here: str, there: str, random: Random) -> None:
    entry = site[here].knows[there]
    entry.ae_title = misspelt(entry.ae_title, random)


def _port_of_another(site: Site, here: str, there: str, random: Random) -> None:
    other = random.choice([name for name in TITLES if name not in (here, there)])
    site[here].knows[there].port = site[other].port


MISTAKES: tuple[Callable[[Site, str, str, Random], None], ...] = (
    _forgotten,
    _misspelt,
    _port_of_another,
)
