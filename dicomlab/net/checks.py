"""What a user gives: each check raises BuildError, with a remedy, for what cannot be meant."""

from __future__ import annotations

from contextlib import suppress
from ipaddress import ip_address
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


def _is_number(value: Any, least: int, most: int) -> bool:
    """Whether it is a whole number of that range, and a number at all."""
    with suppress(TypeError):
        return least <= index(value) <= most
    return False
