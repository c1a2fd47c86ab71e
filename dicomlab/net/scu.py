"""The calling end, step by step: connect, send, receive, release, abort, close."""

from __future__ import annotations

import errno
import socket
import time
from contextlib import suppress
from types import TracebackType
from typing import Self, SupportsBytes

from dicomlab.model import BuildError, DicomlabError, Endpoint, Pdu, PeerError, Side
from dicomlab.net.checks import check_host, check_port, check_seconds
from dicomlab.net.log import Log, LogEntry
from dicomlab.protocol.build import build
from dicomlab.protocol.codec import PDU_HEADER
from dicomlab.protocol.upper_layer import Step, UpperLayer

LONGEST_PDU = 1 << 24  # bytes; of a P-DATA-TF, whatever the A-ASSOCIATE-RQ announces
_BEGINNING = 1 << 21  # bytes of the log: what was agreed, and how it began
_CHUNK = 1 << 16
_SHORTEST, _LONGEST = 1e-3, 86400.0  # seconds that a step may take
_ARTIM = 1.0  # seconds that the peer has to close in Sta13
_UNREACHABLE = (errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EHOSTDOWN, errno.EADDRNOTAVAIL)
_FORBIDDEN = (errno.EACCES, errno.EPERM)
_ESTABLISHED = {f"Sta{number}" for number in (5, 6, 7, 8, 9, 10, 11, 12)}


class SCU:
    """A connection to a DICOM application, on which you send and receive PDUs one by one.

    Connects at once. It sends what you give it, legal or not, and of itself only what PS3.8 Table
    9-10 demands: an A-ABORT after a PDU that must not come, and the closing of the connection.
    All time-outs are in seconds. Raises PeerError, with a code and a remedy, when the peer cannot
    be reached, closes, or keeps silent; BuildError for what cannot be meant.

    With ``two_writes`` it sends as some toolkits do: each PDU in two writes, header and content,
    and without TCP_NODELAY. Then TCP may keep the content back until the header is acknowledged.

    As a context manager it leaves politely: it releases an association that is open, aborts it
    after an exception or where there is nothing to release, and closes the connection; after an
    A-ABORT it leaves that to the peer for a second at most.
    """

    def __init__(
        self, host: str, port: int, *, timeout: float = 10.0, two_writes: bool = False
    ) -> None:
        check_seconds("timeout", timeout, least=_SHORTEST, most=_LONGEST)
        self.timeout = timeout
        self.two_writes = two_writes
        self._layer = UpperLayer("requestor", max_pdu_length=LONGEST_PDU)
        self._log = Log(_BEGINNING)
        self._socket, self.local, self.remote = connect(host, port, timeout)
        if two_writes:
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 0)
        self._open = True
        self._arrived = 0  # when the last bytes came, nanoseconds since 1970
        step = self._layer.step("Evt1")  # the A-ASSOCIATE-RQ that you send confirms the connect
        self._note("requestor", b"", step.state)

    @property
    def state(self) -> str:
        """The state by PS3.8 Table 9-10: Sta4 when connected, Sta6 with an association."""
        return self._layer.state

    @property
    def history(self) -> tuple[Step, ...]:
        """The last steps of the state machine."""
        return self._layer.history

    @property
    def log(self) -> tuple[LogEntry, ...]:
        """Who sent what and when, and the states around it; of very much the middle is lost."""
        return self._log.entries

    @property
    def unread(self) -> Pdu | None:
        """What has come of a PDU that is not whole yet, or None."""
        return self._layer.unread

    def fileno(self) -> int:
        """What ``selectors`` wait for: readable when something has come; -1 once it is closed."""
        return self._socket.fileno()

    def send(self, pdu: SupportsBytes) -> None:
        """Send a draft, a PDU, or any bytes, in one piece."""
        if not isinstance(pdu, SupportsBytes | bytearray):
            raise BuildError(f"{pdu!r} is neither a draft nor bytes.")
        data = bytes(pdu)
        if not data:
            raise BuildError("there are no bytes to send.")
        before = self.state
        self._put(data)
        sent = time.time_ns()
        self._layer.send(data)
        self._note("requestor", data, before, sent)

    def receive(self, timeout: float | None = None) -> Pdu:
        """The next PDU from the peer, within ``timeout`` seconds; bytes that are none are one too.

        Raises PeerError: peer-silent when time is up, peer-closed when the connection has ended.
        """
        seconds = self._seconds(timeout)
        deadline = time.monotonic() + seconds
        while (received := self._layer.next_pdu()) is None:
            self._layer.receive_data(self._take(deadline, seconds))
        self._note("acceptor", received.data, received.step.state, self._arrived)
        if received.answer:
            with suppress(PeerError):  # what came counts, even if nobody hears the answer
                self._put(received.answer)
                self._note("requestor", received.answer, self.state)
        if received.step.closes:
            self._close("requestor")
        return received.pdu

    def release(self, timeout: float | None = None) -> None:
        """Release the association (PS3.8 7.2): A-RELEASE-RQ, A-RELEASE-RP, close.

        P-DATA that still comes is passed over. Raises PeerError if the peer does anything else.
        """
        if self.state != "Sta6":
            raise DicomlabError(
                f"there is no association to release in {self.state}.",
                "To send an A-RELEASE-RQ all the same, use send(build('A-RELEASE-RQ')).",
            )
        seconds = self._seconds(timeout)
        deadline = time.monotonic() + seconds
        self.send(build("A-RELEASE-RQ"))
        while self.state != "Sta1":
            if time.monotonic() > deadline:
                what = f"{self.remote} went on sending for {seconds:g} s, and did not release."
                raise PeerError(what, _ask(self.remote), "peer-silent")
            pdu = self.receive(max(deadline - time.monotonic(), 1e-6))
            if pdu.type == "A-ABORT":
                what = f"{self.remote} answered the A-RELEASE-RQ with an A-ABORT."
                raise PeerError(what, _ask(self.remote), "association-aborted")
            if self.state == "Sta9":  # the peer asks for a release as well
                self.send(build("A-RELEASE-RP"))
            elif self.state == "Sta13":
                what = f"{self.remote} answered the A-RELEASE-RQ with {pdu.name}."
                raise PeerError(what, _ask(self.remote), "sequence-unexpected-pdu")

    def abort(self) -> None:
        """Abort the association (A-ABORT, source 0), and close when the peer has."""
        self.send(build("A-ABORT"))
        self._await_close()

    def close(self) -> None:
        """Close the connection as it is, without another word."""
        self._close("requestor")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, error: type[BaseException] | None, _: BaseException | None, __: TracebackType | None
    ) -> None:
        with suppress(PeerError):
            if error is None and self.state == "Sta6":
                self.release()
        with suppress(PeerError):
            if self.state in _ESTABLISHED:
                self.abort()
        self._await_close()

    def _await_close(self) -> None:
        """In Sta13, leave closing to the peer until the ARTIM runs out; then close.

        Closing at once could reset the connection, and take our last PDU away from the peer.
        """
        deadline = time.monotonic() + min(self.timeout, _ARTIM)
        with suppress(PeerError, OSError):
            if self.state == "Sta13":
                self._socket.shutdown(socket.SHUT_WR)
            while self.state == "Sta13" and (left := deadline - time.monotonic()) > 0:
                self.receive(left)
        if self.state == "Sta13":
            self._layer.step("Evt18")
        self.close()

    def _seconds(self, timeout: float | None) -> float:
        """How many seconds something may take, if this was asked for."""
        if timeout is None:
            return self.timeout
        check_seconds("timeout", timeout, most=_LONGEST)
        return timeout

    # --- the connection -------------------------------------------------------------------

    def _put(self, data: bytes) -> None:
        if not self._open:
            raise PeerError(f"the connection to {self.remote} is closed.", "Open a new SCU.")
        self._socket.settimeout(self.timeout)
        try:
            for piece in (data[:PDU_HEADER], data[PDU_HEADER:]) if self.two_writes else (data,):
                self._socket.sendall(piece)
        except TimeoutError:
            what = f"{self.remote} took no bytes for {self.timeout:g} s."
            raise PeerError(what, _ask(self.remote), "peer-silent") from None
        except OSError as problem:
            what = f"{self.remote} has closed the connection ({problem})."
            raise self._gone(what, problem) from None

    def _take(self, deadline: float, seconds: float) -> bytes:
        if not self._open:
            raise PeerError(f"the connection to {self.remote} is closed.", "Open a new SCU.")
        self._socket.settimeout(max(deadline - time.monotonic(), 1e-6))
        try:
            data = self._socket.recv(_CHUNK)
        except TimeoutError:
            what = f"{self.remote} sent {self._so_far()} within {seconds:g} s."
            raise PeerError(what, _ask(self.remote), "peer-silent") from None
        except OSError as problem:
            what = f"{self.remote} sent {self._so_far()}, then broke the connection ({problem})."
            raise self._gone(what, problem) from None
        if not data:
            raise self._gone(f"{self.remote} sent {self._so_far()}, then closed the connection.")
        self._arrived = time.time_ns()
        return data

    def _so_far(self) -> str:
        unread = self.unread
        return "nothing" if unread is None else f"{len(unread)} bytes that are no whole PDU"

    def _gone(self, what: str, problem: OSError | None = None) -> PeerError:
        self._close("acceptor", reset=isinstance(problem, ConnectionResetError))
        return PeerError(what, _ask(self.remote), "peer-closed")

    def _close(self, by: Side, *, reset: bool = False) -> None:
        if not self._open:
            return
        self._open = False
        before = self.state
        unread = self.unread
        if unread is not None:
            self._note("acceptor", bytes(unread), before, self._arrived)
        self._socket.close()
        if before != "Sta1":
            self._layer.step("Evt17")
        self._note(by, b"", before, reset=reset)

    def _note(
        self,
        sender: Side,
        data: bytes,
        before: str,
        when: int | None = None,
        *,
        reset: bool = False,
    ) -> None:
        ends = self.local, self.remote
        when = when or time.time_ns()
        self._log.add(LogEntry(when, 0, *ends, sender, data, before, self.state, reset))


def connect(host: str, port: int, timeout: float) -> tuple[socket.socket, Endpoint, Endpoint]:
    """A TCP connection that sends every PDU at once (TCP_NODELAY), with our end and theirs.

    Raises PeerError with the code of what failed, BuildError for a host or a port that is none.
    Looking a name up takes as long as the machine's resolver takes.
    """
    check_host(host)
    check_port(port)
    where = str(Endpoint(host, port))
    try:
        connection = socket.create_connection((host, port), timeout)
    except (socket.gaierror, UnicodeError) as problem:
        what = f"the name {host!r} cannot be resolved ({problem})."
        remedy = f"Correct {host!r} at the caller, or enter the address of the DICOM application."
        raise PeerError(what, remedy, "name-unresolved") from None
    except ConnectionRefusedError:
        what = f"nothing listens at {where}: the connection was refused."
        remedy = (
            f"Start the DICOM application on {host}, or correct the port {port} at the caller: "
            "DICOM often listens on 104 or 11112."
        )
        raise PeerError(what, remedy, "connection-refused") from None
    except TimeoutError:
        what = f"{where} did not answer the connection request within {timeout:g} s."
        remedy = (
            f"Check that {host} is the right address and switched on, then have the firewall "
            f"between here and there let TCP port {port} through."
        )
        raise PeerError(what, remedy, "connect-timeout") from None
    except OSError as problem:
        raise _no_way(problem, host, where) from None
    try:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        ours, theirs = connection.getsockname(), connection.getpeername()
    except OSError as problem:  # reset already
        connection.close()
        raise _no_way(problem, host, where) from None
    return connection, Endpoint(*ours[:2]), Endpoint(*theirs[:2])


def _no_way(problem: OSError, host: str, where: str) -> PeerError:
    if problem.errno in _FORBIDDEN:
        remedy = f"Have the firewall of this machine let connections to {where} out."
        code = "connect-forbidden"
    elif problem.errno in _UNREACHABLE:
        remedy = f"Check that {host} is the right address; then cable, VPN and routes on the way."
        code = "host-unreachable"
    else:
        remedy, code = f"Look into the log of what listens at {where}.", "peer-closed"
    return PeerError(f"no connection to {where} ({problem}).", remedy, code)


def _ask(peer: Endpoint) -> str:
    return f"Look into the log of the application at {peer}."
