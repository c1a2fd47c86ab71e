"""What listens at an address has these in common: host, port, start, stop."""

from __future__ import annotations

import socket
from abc import ABC, abstractmethod
from errno import EACCES, EADDRINUSE
from types import TracebackType
from typing import Self

from dicomlab.model import DicomlabError, Endpoint
from dicomlab.net.checks import check_host, check_port


class Listener(ABC):
    """Something to connect to, as a context manager or with ``start()`` and ``stop()``.

    Raises BuildError for a host or a port that is none.
    """

    def __init__(self, host: str, port: int) -> None:
        check_host(host)
        check_port(port, least=0)
        self._wanted = (host, port)
        self._address: tuple[str, int] | None = None

    @abstractmethod
    def _begin(self) -> tuple[str, int]:
        """Listens; gives host and port to connect to."""

    @abstractmethod
    def _end(self) -> None:
        """Aborts what is open and closes."""

    @property
    def address(self) -> tuple[str, int]:
        """Host and port to connect to. Raises DicomlabError while it does not listen."""
        if self._address is None:
            what = f"the {type(self).__name__} does not listen."
            raise DicomlabError(what, "Use it in a with, or start().")
        return self._address

    @property
    def port(self) -> int:
        """The TCP port to connect to."""
        return self.address[1]

    def start(self) -> Self:
        """Listen. Raises DicomlabError where the address or the port is not to be had."""
        if self._address is None:
            self._address = self._begin()
        return self

    def stop(self) -> None:
        """Abort what is open and close, at once."""
        if self._address is not None:
            self._end()
            self._address = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        self.stop()


def listening(host: str, port: int, backlog: int = 128) -> socket.socket:
    """A socket that listens. Raises DicomlabError where the address or port is not to be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        host.encode("idna")  # as bind() does, which tells of it by a TypeError
        return socket.create_server((host, port), family=family, backlog=backlog)
    except (OSError, UnicodeError) as problem:
        raise cannot_listen(host, port, problem) from None


def cannot_listen(host: str, port: int, problem: Exception) -> DicomlabError:
    """What to say of an address that is not to be had."""
    why = getattr(problem, "strerror", None) or problem
    what = f"cannot listen at {Endpoint(host, port)} ({why})."
    remedy = "Give an address of this machine: 127.0.0.1 is loopback."
    if isinstance(problem, OSError) and problem.errno in (EADDRINUSE, EACCES):
        remedy = "Take another port, or 0 for any that is free."
    return DicomlabError(what, remedy)
