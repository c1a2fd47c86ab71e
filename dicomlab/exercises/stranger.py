"""The capture of a stranger: a small hospital in which some machines fail, and some do not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import NamedTuple

from dicomlab.exercises.cases import ARCHIVES, HOST, MACHINES, WARDS
from dicomlab.exercises.retold import MORNING, Retold, retold
from dicomlab.exercises.sites import BrokenSite, call, sealed
from dicomlab.model import Endpoint
from dicomlab.net.echo import EchoResult, echo
from dicomlab.net.scp import EchoSCP

_HEALTHY = 3  # machines that do not fail
_MOST = 2  # C-ECHOs of one machine
_PORTS = range(49_152, 65_536)  # of callers
_DICOM = (104, 11_112)
_APART = (5, 600)  # seconds from one C-ECHO to the next
_SLOW = (300, 900)  # milliseconds that the slowest answer takes
_IMPATIENT = 0.3  # seconds that are really waited; told again, they are the caller's time-out
_SECOND = 1_000_000_000  # in nanoseconds


class Machine(NamedTuple):
    """One that calls, what it calls, and how that went."""

    address: str
    archive: Endpoint
    result: EchoResult
    timeout: float = 0.0  # seconds that it waited in vain


@dataclass(frozen=True, slots=True)
class Hospital:
    """What the stranger recorded, in the order of time: so connections are numbered."""

    conversations: tuple[Retold, ...]
    failed: frozenset[int]  # the numbers of those whose C-ECHO did not succeed
    slowest: int  # the number of the one that succeeded after the longest time
    callers: tuple[str, ...]  # the addresses of the machines that fail


def hospital(random: Random, failing: Sequence[BrokenSite]) -> Hospital:
    """Machines that do well at one archive, and for each broken site a machine that fails."""
    net = random.randrange(16, 200)
    here = [f"10.{net}.4.{one}" for one in random.sample(range(10, 250), _HEALTHY + len(failing))]
    there = [f"10.{net}.8.{one}" for one in random.sample(range(10, 250), 1 + len(failing))]
    healthy = _healthy(random, here[:_HEALTHY], Endpoint(there[0], random.choice(_DICOM)))
    ill = [_ill(*one) for one in zip(here[_HEALTHY:], there[1:], failing, strict=True)]
    calls = [one for one in (*healthy, *ill) for _ in range(random.randint(1, _MOST))]
    random.shuffle(calls)
    slowest = random.choice([at for at, one in enumerate(calls) if one.result.ok])
    told, start = list[Retold](), MORNING
    for at, (one, port) in enumerate(zip(calls, random.sample(_PORTS, len(calls)), strict=True)):
        start += random.randint(*_APART) * _SECOND
        pause = random.randint(*_SLOW) / 1000 if at == slowest else one.timeout
        caller = Endpoint(one.address, port)
        told.append(retold(one.result.log, start, caller, one.archive, random, pause))
    return Hospital(
        tuple(told),
        frozenset(at for at, one in enumerate(calls) if not one.result.ok),
        slowest,
        tuple(one.address for one in ill),
    )


def _healthy(random: Random, addresses: Sequence[str], archive: Endpoint) -> list[Machine]:
    """Machines of different kinds whose C-ECHOs succeed."""
    title, kinds = random.choice(ARCHIVES), random.sample(list(MACHINES), len(addresses))
    with EchoSCP(title) as scp:
        return [
            Machine(
                address,
                archive,
                echo(
                    *scp.address,
                    called_ae_title=title,
                    calling_ae_title=f"{kind}_{random.choice(WARDS)}",
                ),
            )
            for address, kind in zip(addresses, kinds, strict=True)
        ]


def _ill(address: str, archive: str, site: BrokenSite) -> Machine:
    """A machine that fails as the caller of a broken site does."""
    entered, waits = site.entered, sealed(site).waits
    settings = replace(entered, timeout=_IMPATIENT) if waits else entered
    with site:
        result = call(settings, (HOST, entered.port))
    return Machine(address, Endpoint(archive, entered.port), result, entered.timeout * waits)
