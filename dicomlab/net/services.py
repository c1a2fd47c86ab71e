"""An archive for the course: the SCPs beyond the echo, on pynetdicom, over made-up patients."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from queue import Queue
from socketserver import BaseServer
from typing import Any

from pydicom.dataset import Dataset
from pynetdicom import AE, build_context, build_role, evt
from pynetdicom.events import Event
from pynetdicom.sop_class import (
    CTImageStorage,
    ModalityPerformedProcedureStep,
    ModalityWorklistInformationFind,
    MRImageStorage,
    SecondaryCaptureImageStorage,
    StorageCommitmentPushModel,
    StorageCommitmentPushModelInstance,
    StudyRootQueryRetrieveInformationModelFind,
    StudyRootQueryRetrieveInformationModelGet,
    StudyRootQueryRetrieveInformationModelMove,
    Verification,
)
from pynetdicom.transport import ThreadedAssociationServer

from dicomlab.model import BuildError, DicomlabError, Endpoint, PeerError
from dicomlab.net.checks import check_address, check_number, check_seconds, check_titles
from dicomlab.net.listener import Listener, cannot_listen
from dicomlab.net.made_up import made_up_archive, made_up_worklist
from dicomlab.net.scp import TRANSFER_SYNTAXES
from dicomlab.net.store import Store, answer, matches
from dicomlab.protocol.build import build

STORED = (CTImageStorage, MRImageStorage, SecondaryCaptureImageStorage)
SERVED = (
    Verification,
    StudyRootQueryRetrieveInformationModelFind,
    StudyRootQueryRetrieveInformationModelMove,
    StudyRootQueryRetrieveInformationModelGet,
    ModalityWorklistInformationFind,
    ModalityPerformedProcedureStep,
    StorageCommitmentPushModel,
)
# statuses, as PS3.4 gives them to each service
_SUCCESS, _PENDING, _CANCEL = 0x0000, 0xFF00, 0xFE00
_PROCESSING_FAILURE, _DUPLICATE, _NO_SUCH_INSTANCE = 0x0110, 0x0111, 0x0112
_MISSING_VALUE, _NO_SUCH_ACTION, _RESOURCE_LIMITATION = 0x0121, 0x0123, 0x0213
_OUT_OF_RESOURCES, _DOES_NOT_MATCH = 0xA700, 0xA900
_NO_LONGER_UPDATED = 0xA710  # an Error ID, not a status (PS3.4 Table F.7.2-2)
_FINAL = ("COMPLETED", "DISCONTINUED")  # Performed Procedure Step Status
_COMMITTED, _WITH_FAILURES = 1, 2  # Event Type ID (PS3.4 Table J.3-2)
_REQUEST_COMMITMENT = 1  # Action Type ID (PS3.4 Table J.3-1)

_MOST = 1000  # steps, promises or reports that are kept
_GLANCE = 0.005  # seconds between looks whether a C-CANCEL has come: pynetdicom has no event for it
_HANDSHAKE = 10.0  # seconds that the handshake of TCP or TLS may take
_LAST_WORDS = 0.5  # seconds, at stop, in which a peer may close after the A-ABORT
_POLL = 0.05  # seconds until the server sees that it is to stop

_Status = int | Dataset
_Answers = Iterator[tuple[_Status, Dataset | None]]


class Archive(Listener):
    """A small archive, as a context manager or with ``start()`` and ``stop()``; on loopback only.

    It serves Verification, Storage of CT, MR and Secondary Capture images, Study Root
    Query/Retrieve by C-FIND, C-MOVE and C-GET, the Modality Worklist, Modality Performed Procedure
    Step, and Storage Commitment; with the Implicit and the Explicit VR Little Endian transfer
    syntax, under any AE title.

    It holds ``images`` and plans ``worklist``; without these, made-up ones. ``known`` are the AE
    titles that it can call, with host and port: a C-MOVE goes to no other, and a commitment is
    reported to no other. ``delay`` seconds pass between two answers to a C-FIND, or two
    sub-operations of a C-MOVE or C-GET, unless a C-CANCEL comes. With ``tls``, the context of a
    server, it speaks nothing but TLS. ``max_pdu_length`` is what it takes in a P-DATA-TF.

    ``store`` holds its images, ``steps`` the performed procedure steps that it was told of, by
    their UID; ``reports`` is a queue of the storage commitments that were reported to it, each put
    there when the connection that brought it is closed.
    """

    def __init__(
        self,
        ae_title: str = "ARCHIVE",
        *,
        images: Iterable[Dataset] | None = None,
        worklist: Iterable[Dataset] | None = None,
        known: Mapping[str, tuple[str, int]] | None = None,
        delay: float = 0.0,
        tls: ssl.SSLContext | None = None,
        max_pdu_length: int = 16384,
        port: int = 0,
    ) -> None:
        super().__init__("127.0.0.1", port)
        build("A-ASSOCIATE-RQ", called_ae_title=ae_title)  # BuildError for what is no AE title
        check_seconds("delay", delay)
        check_number("max_pdu_length", max_pdu_length, 0xFFFFFFFF)
        self.ae_title = ae_title
        self.store = Store(made_up_archive() if images is None else images)
        self.worklist = list(made_up_worklist() if worklist is None else worklist)
        self.known = _known(known or {})
        self.delay = delay
        self.tls = tls
        self.steps: dict[str, Dataset] = {}
        self.reports: Queue[Dataset] = Queue()
        self._promised: dict[threading.Thread, list[Dataset]] = {}  # by association
        self._heard: dict[threading.Thread, list[Dataset]] = {}  # likewise
        self._stopping = threading.Event()
        self._ae = _application_entity(ae_title, max_pdu_length)

    # --- Storage (PS3.4 annex B) ----------------------------------------------------------

    def _store(self, event: Event) -> int:
        image, request = event.dataset, event.request
        if image.get("SOPInstanceUID") != request.AffectedSOPInstanceUID:
            return _DOES_NOT_MATCH
        image.file_meta = event.file_meta
        room = self.store.add(image, len(request.DataSet.getvalue()))
        return _SUCCESS if room else _OUT_OF_RESOURCES

    # --- Query/Retrieve (annex C), Modality Worklist (annex K) ----------------------------

    def _find(self, event: Event) -> _Answers:
        identifier = event.identifier
        try:
            if event.request.AffectedSOPClassUID == ModalityWorklistInformationFind:
                found = [
                    answer(one, identifier) for one in self.worklist if matches(one, identifier)
                ]
            else:
                found = list(self.store.find(identifier))
                for one in found:
                    one.RetrieveAETitle = self.ae_title
        except DicomlabError as problem:
            yield _failure(_DOES_NOT_MATCH, problem), None
            return
        yield from self._one_by_one(event, found)

    def _move(self, event: Event) -> Iterator[Any]:
        """First where to, then how many, then one by one: pynetdicom counts the sub-operations."""
        host, port = self.known.get(event.move_destination.strip(), (None, None))
        yield host, port, {"evt_handlers": [(evt.EVT_CONN_OPEN, send_at_once)]}
        yield from self._get(event)

    def _get(self, event: Event) -> Iterator[Any]:
        try:
            images = self.store.select(event.identifier)
        except DicomlabError as problem:
            yield 1  # or pynetdicom would report a success
            yield _failure(_DOES_NOT_MATCH, problem), None
            return
        yield len(images)
        yield from self._one_by_one(event, images)

    def _one_by_one(self, event: Event, found: Iterable[Dataset]) -> _Answers:
        """Each with the status Pending, until a C-CANCEL comes (PS3.4 C.4.1.3)."""
        for number, one in enumerate(found):
            if self._is_cancelled(event, self.delay if number else 0):
                yield _CANCEL, None
                return
            yield _PENDING, one

    def _is_cancelled(self, event: Event, seconds: float) -> bool:
        """Whether a C-CANCEL has come, or comes within so many seconds."""
        until = time.monotonic() + seconds
        while not event.is_cancelled:
            left = until - time.monotonic()
            if left <= 0:
                return False
            if self._stopping.wait(min(left, _GLANCE)):
                return True
        return True

    # --- Modality Performed Procedure Step (annex F) --------------------------------------

    def _create_step(self, event: Event) -> tuple[int, Dataset | None]:
        uid, step = event.request.AffectedSOPInstanceUID, event.attribute_list
        if uid in self.steps:
            return _DUPLICATE, None
        if uid is None or step.get("PerformedProcedureStepStatus") != "IN PROGRESS":
            return _MISSING_VALUE, None
        if len(self.steps) >= _MOST:
            return _RESOURCE_LIMITATION, None
        self.steps[str(uid)] = step
        return _SUCCESS, step

    def _set_step(self, event: Event) -> tuple[_Status, Dataset | None]:
        step = self.steps.get(str(event.request.RequestedSOPInstanceUID))
        if step is None:
            return _NO_SUCH_INSTANCE, None
        if step.PerformedProcedureStepStatus in _FINAL:
            refused = _failure(_PROCESSING_FAILURE, "the step may no longer be updated")
            refused.ErrorID = _NO_LONGER_UPDATED
            return refused, None
        step.update(event.modification_list)
        return _SUCCESS, step

    # --- Storage Commitment (annex J) -----------------------------------------------------

    def _promise(self, event: Event) -> tuple[_Status, None]:
        """N-ACTION: the report follows when the association of the request is over."""
        if event.action_type != _REQUEST_COMMITMENT:
            return _NO_SUCH_ACTION, None
        title = event.assoc.requestor.ae_title.strip()
        if title not in self.known:
            return _failure(_PROCESSING_FAILURE, f"{title} is not known: where to report to?"), None
        promised = self._promised.setdefault(event.assoc, [])
        if len(promised) >= _MOST:
            return _RESOURCE_LIMITATION, None
        promised.append(event.action_information)
        return _SUCCESS, None

    def _keep_promises(self, event: Event) -> None:
        """N-EVENT-REPORT, on an association of our own to who asked."""
        promised = self._promised.pop(event.assoc, [])
        if not promised:
            return
        title = event.assoc.requestor.ae_title.strip()
        push, instance = StorageCommitmentPushModel, StorageCommitmentPushModelInstance
        titles = {"called_ae_title": title, "calling_ae_title": self.ae_title}
        with (
            suppress(PeerError),
            associate(self.known[title], push, scp_of=[push], **titles) as association,
        ):
            for request in promised:
                report = self._report(request)
                kind = _WITH_FAILURES if "FailedSOPSequence" in report else _COMMITTED
                association.send_n_event_report(report, kind, push, instance)

    def _report(self, request: Dataset) -> Dataset:
        """What of a request is held, and what is not (PS3.4 Table J.3-2)."""
        held = {image.SOPInstanceUID for image in self.store.images}
        asked = request.get("ReferencedSOPSequence", [])
        report = Dataset()
        report.TransactionUID = request.get("TransactionUID")
        report.ReferencedSOPSequence = [
            one for one in asked if one.get("ReferencedSOPInstanceUID") in held
        ]
        failed = [one for one in asked if one.get("ReferencedSOPInstanceUID") not in held]
        for one in failed:
            one.FailureReason = _NO_SUCH_INSTANCE
        if failed:
            report.FailedSOPSequence = failed
        return report

    def _hear_report(self, event: Event) -> tuple[int, None]:
        heard = self._heard.setdefault(event.assoc, [])
        if self.reports.qsize() + sum(map(len, self._heard.values())) >= _MOST:
            return _RESOURCE_LIMITATION, None
        heard.append(event.event_information)
        return _SUCCESS, None

    def _pass_on(self, event: Event) -> None:
        """What was reported: a recording holds all of the association by now."""
        for report in self._heard.pop(event.assoc, []):
            self.reports.put(report)

    # --- start and stop -------------------------------------------------------------------

    def _begin(self) -> tuple[str, int]:
        handlers = [
            (evt.EVT_C_STORE, self._store),
            (evt.EVT_C_FIND, self._find),
            (evt.EVT_C_MOVE, self._move),
            (evt.EVT_C_GET, self._get),
            (evt.EVT_N_CREATE, self._create_step),
            (evt.EVT_N_SET, self._set_step),
            (evt.EVT_N_ACTION, self._promise),
            (evt.EVT_RELEASED, self._keep_promises),
            (evt.EVT_ABORTED, self._keep_promises),
            (evt.EVT_N_EVENT_REPORT, self._hear_report),
            (evt.EVT_CONN_CLOSE, self._pass_on),
            (evt.EVT_CONN_CLOSE, _wait_no_longer),
        ]
        try:
            self._server: _Server = self._ae.make_server(
                self._wanted, evt_handlers=handlers, server_class=_Server
            )
        except OSError as problem:
            raise cannot_listen(*self._wanted, problem) from None
        self._server.tls = self.tls
        self._stopping.clear()
        host, port = self._server.server_address[:2]
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(_POLL,), name=f"Archive:{port}", daemon=True
        )
        self._thread.start()
        return str(host), int(port)

    def _end(self) -> None:
        associations = self._server.close()
        self._stopping.set()  # those who wait for a C-CANCEL see that their peer is gone
        for one in associations:
            if one.is_alive():  # not while it is just being started
                one.join(_LAST_WORDS)
        self._thread.join()


class _Server(ThreadedAssociationServer):  # type: ignore[misc] # pynetdicom brings no types
    """pynetdicom's server; TLS handshakes do not hold up other callers, and it can be closed."""

    daemon_threads = True
    request_queue_size = 128  # connections that wait to be accepted
    tls: ssl.SSLContext | None = None

    def finish_request(self, request: socket.socket, client_address: Any) -> None:
        """In a thread of its own, begin an association on a connection."""
        try:
            request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self.tls is not None:
                request.settimeout(_HANDSHAKE)
                request = self.tls.wrap_socket(request, server_side=True)
                request.settimeout(None)
        except OSError:  # no TLS, no certificate that we trust, or gone again
            self.shutdown_request(request)
            return
        super().finish_request(request, client_address)

    def close(self) -> list[Any]:
        """Take no more connections, and end those that are open; gives their threads."""
        BaseServer.shutdown(self)
        self.server_close()
        associations = self.active_associations
        for one in associations:
            one.acse_timeout = _LAST_WORDS  # the ARTIM timer
            if one.is_established:
                _abort(one)
            else:
                one.dul.to_user_queue.put(None)  # for who waits for an A-ASSOCIATE-RQ
                with suppress(OSError, AttributeError):  # hung up already
                    one.dul.socket.socket.shutdown(socket.SHUT_RDWR)
        return list(associations)


def _abort(association: Any) -> None:
    """Abort, and end its threads once the A-ABORT has left: pynetdicom could close before."""
    association.abort(block=False)
    until = time.monotonic() + _LAST_WORDS
    machine = association.dul.state_machine
    while machine.current_state not in ("Sta13", "Sta1") and time.monotonic() < until:
        time.sleep(_GLANCE)
    association.kill()


def _wait_no_longer(event: Event) -> None:
    """Who hung up will send no A-ASSOCIATE-RQ: pynetdicom would wait for it all the same."""
    if event.assoc.requestor.primitive is None:
        event.assoc.dul.to_user_queue.put(None)


@contextmanager
def associate(
    address: tuple[str, int],
    *abstract_syntaxes: str,
    called_ae_title: str = "ARCHIVE",
    calling_ae_title: str = "MODALITY",
    scp_of: Collection[str] = (),
    handlers: Iterable[tuple[Any, Callable[..., Any]]] = (),
    tls: ssl.SSLContext | None = None,
    at_once: bool = True,
) -> Iterator[Any]:
    """An association of pynetdicom's, which is released in the end, or aborted after an exception.

    ``scp_of`` are those of the abstract syntaxes of which the requestor proposes to be the SCP, as
    C-GET needs it; ``handlers`` are pynetdicom's, such as ``(evt.EVT_C_STORE, keep)``; ``tls`` is
    the context of a client, of a peer at localhost. Without ``at_once`` TCP may keep small PDUs
    back (Nagle's algorithm), as it does where pynetdicom is used by itself.

    Raises PeerError where there is no association, BuildError for what cannot be asked for.
    """
    _check_request(abstract_syntaxes, called_ae_title, calling_ae_title)
    ae = AE(calling_ae_title)
    association = ae.associate(
        *address,
        [build_context(uid, list(TRANSFER_SYNTAXES)) for uid in abstract_syntaxes],
        called_ae_title,
        ext_neg=[build_role(uid, scp_role=True) for uid in scp_of],
        evt_handlers=[(evt.EVT_CONN_OPEN, send_at_once if at_once else _in_turn), *handlers],
        tls_args=tls and (tls, "localhost"),
    )
    try:
        if not association.is_established:
            what = f"{called_ae_title} at {Endpoint(*address)} gave no association."
            raise PeerError(what, "Record it, and see where it ended.")
        yield association
        if association.is_alive():
            association._reactor_checkpoint.let_pass()  # an abort, if one came
        if association.is_established:
            association.release()
    finally:
        if association.is_established:
            association.abort()
        for thread in (association, association.dul):
            if thread.is_alive():
                thread.join(_LAST_WORDS)


def _check_request(abstract_syntaxes: Collection[str], called: str, calling: str) -> None:
    """BuildError for what no A-ASSOCIATE-RQ can say, before pynetdicom has its own words for it."""
    request = build("A-ASSOCIATE-RQ", called_ae_title=called, calling_ae_title=calling)
    if not abstract_syntaxes:
        what = "an association needs a presentation context (PS3.8 Table 9-11)."
        raise BuildError(what, "Give an abstract syntax, such as pynetdicom's Verification.")
    request.remove("Presentation Context")
    for uid in abstract_syntaxes:
        request.add("Presentation Context", abstract_syntax=uid)


def send_at_once(event: Event) -> None:
    """A handler of pynetdicom's EVT_CONN_OPEN, for requestors: TCP_NODELAY, and no answer is lost.

    Without it the second of two small PDUs waits until the first is acknowledged, which takes the
    peer 40 ms (Nagle's algorithm, RFC 9293 3.7.4, and delayed acknowledgements, 3.8.6.3).
    """
    event.assoc.dul.socket.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    _in_turn(event)


def _in_turn(event: Event) -> None:
    """Answers come to who asked for them."""
    if event.assoc.is_requestor:
        event.assoc._reactor_checkpoint = _Checkpoint()


class _Checkpoint(threading.Event):
    """What pynetdicom closes while it waits for an answer, so that no other thread takes it.

    Its own can still be passed when it has just been closed: then the answer is taken for an
    unexpected message, and missed for half a minute (pynetdicom issue 875).
    """

    def __init__(self) -> None:
        super().__init__()
        self._stopped = threading.Event()
        self.set()

    def clear(self) -> None:
        """Close, and come back when the other thread has stopped in front of it."""
        self._stopped.clear()
        super().clear()
        self._stopped.wait(_LAST_WORDS)

    def let_pass(self) -> None:
        """Come back when the other thread has dealt with all that came so far."""
        self.clear()
        self.set()

    def wait(self, timeout: float | None = None) -> bool:
        """Pass as soon as it is open."""
        if not self.is_set():
            self._stopped.set()
        return super().wait(timeout)


def _application_entity(ae_title: str, max_pdu_length: int) -> AE:
    """What is accepted, and what is proposed to a move destination."""
    ae = AE(ae_title)
    ae.maximum_pdu_size = max_pdu_length
    ae.connection_timeout = _HANDSHAKE
    for uid in SERVED:
        ae.add_supported_context(uid, TRANSFER_SYNTAXES)
    for uid in STORED:  # both roles: by C-GET the requestor is the SCP
        ae.add_supported_context(uid, TRANSFER_SYNTAXES, scu_role=True, scp_role=True)
        ae.add_requested_context(uid, TRANSFER_SYNTAXES)
    return ae


def _known(known: Any) -> dict[str, tuple[str, int]]:
    """AE titles and where they are. Raises BuildError for what is none."""
    if not isinstance(known, Mapping):
        what = f"known cannot be {known!r}."
        raise BuildError(what, "Give a dictionary of addresses: {'CT1': ('127.0.0.1', 11112)}.")
    check_titles(known)
    for address in known.values():
        check_address(address)
    return dict(known)


def _failure(status: int, why: object) -> Dataset:
    """A status with its Error Comment, which has room for 64 characters."""
    failure = Dataset()
    failure.Status = status
    failure.ErrorComment = str(why)[:64]
    return failure
