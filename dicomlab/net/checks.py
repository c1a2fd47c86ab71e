"""What a user gives: each check raises BuildError, with a remedy, for what cannot be meant."""

from __future__ import annotations

import math
from collections.abc import Collection
from contextlib import suppress
from ipaddress import ip_address
from numbers import Real
from operator import index
from typing import Any

from dicomlab.model import BuildError


def check_host(host: Any) -> None:
    """A host name, or an address; with colons only one of IPv6."""
    if isinstance(host, str) and host and "\0" not in host:
        if ":" not in host:
            return
        with suppress(ValueError):
            ip_address(host)
            return
    what = f"{host!r} is neither a host name nor an address."
    raise BuildError(what, "Loopback is '127.0.0.1'; a port is given by itself.")


def check_port(port: Any, least: int = 1) -> None:
    """A TCP port; where 0 is the least, any that is free."""
    if not _is_number(port, least, 0xFFFF):
        free = ", and 0 any that is free" if least == 0 else ""
        what = f"{port!r} is no TCP port."
        raise BuildError(what, f"Ports are the numbers 1 to 65535{free}; DICOM's is 11112.")


def check_seconds(name: str, value: Any, *, least: float = 0.0, most: float = math.inf) -> None:
    """A number of seconds."""
    is_number = isinstance(value, Real)
    if not (is_number and least <= value <= most):
        limit = "on" if most == math.inf else f"to {most:,g}"
        remedy = f"Give a number of seconds, from {least:g} {limit}."
        raise BuildError(f"{name} cannot be {value!r}.", remedy)


def check_address(address: Any) -> None:
    """Host and port."""
    match address:
        case (host, port):
            check_host(host)
            check_port(port)
        case _:
            what = f"{address!r} is no address."
            raise BuildError(what, "Give host and port, such as ('127.0.0.1', 11112).")


def check_number(name: str, value: Any, most: int) -> None:
    """A whole number from 0 on."""
    if not _is_number(value, 0, most):
        remedy = f"Give a whole number, from 0 to {most:,}."
        raise BuildError(f"{name} cannot be {value!r}.", remedy)


def check_titles(titles: Any) -> None:
    """AE titles, as far as they are texts; the builder knows the rest."""
    if not isinstance(titles, Collection):
        raise BuildError(f"{titles!r} are no AE titles.", "Give a list of them.")
    for one in titles:
        if not isinstance(one, str):
            raise BuildError(f"{one!r} is no AE title.", "Give a text, such as 'ARCHIVE'.")


def _is_number(value: Any, least: int, most: int) -> bool:
    """Whether it is a whole number of that range, and a number at all."""
    with suppress(TypeError):
        return least <= index(value) <= most
    return False
