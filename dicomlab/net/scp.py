"""The bundled Verification SCP: the answering end of a C-ECHO."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from dicomlab.model import Field, Layout, Message, Pdu, PeerError, snake_case
from dicomlab.net.checks import check_titles
from dicomlab.net.fragments import fit
from dicomlab.net.server import MAX_PDU_LENGTH, Act, Connection, Server
from dicomlab.protocol.build import Draft, Part, build
from dicomlab.protocol.upper_layer import Received
from dicomlab.spec import names
from dicomlab.spec import pdu as tables

TRANSFER_SYNTAXES = (names.IMPLICIT_VR_LITTLE_ENDIAN, names.EXPLICIT_VR_LITTLE_ENDIAN)
MAX_OPERATIONS = 64  # that a requestor may have open at once, if it asks to
_ACCEPTED, _NO_REASON, _UNKNOWN_ABSTRACT, _UNKNOWN_TRANSFER = 0, 2, 3, 4  # PS3.8 Table 9-18
_SUCCESS, _NOT_SUPPORTED, _UNRECOGNIZED = 0x0000, 0x0122, 0x0211  # PS3.7 9.1.5.1.4

_OURS = [names.VERIFICATION]
_CONTEXT = tables.PRESENTATION_CONTEXT_RQ.name
_TITLES = ("Called-AE-title", "Calling-AE-title")
Fields = defaultdict[str, list[Field]]

# Result, Source, Reason/Diag. (PS3.8 Table 9-21)
_APPLICATION_CONTEXT = (1, 1, 2)
_CALLING_TITLE = (1, 1, 3)
_CALLED_TITLE = (1, 1, 7)
_NO_CONTEXT = (1, 1, 1)
_LIMIT = (2, 3, 2)


class Response(NamedTuple):
    """What a response says, in the presentation context of its request."""

    name: str
    responding_to: int
    status: int
    context_id: int

    def draft(self) -> Draft:
        """The P-DATA-TF that carries it."""
        return build(
            self.name,
            message_id_being_responded_to=self.responding_to,
            status=self.status,
            presentation_context_id=self.context_id,
        )


class EchoSCP(Server):
    """A Verification SCP, as a context manager or with ``start()`` and ``stop()``.

    It takes every calling AE title, or those in ``allowed_calling_ae_titles`` (as sites do that
    want each other registered), and every called one, or with ``require_called_ae_title`` its own.
    It accepts Verification with the first proposed of Implicit and Explicit VR Little Endian, and
    answers every C-ECHO-RQ; other requests get the status 0211H. To who proposes an Asynchronous
    Operations Window it grants one, and answers in turn. More: see Server.
    """

    transfer_syntaxes: Collection[str] = TRANSFER_SYNTAXES  # what is accepted

    def __init__(
        self,
        ae_title: str = "ECHOSCP",
        *,
        allowed_calling_ae_titles: Collection[str] | None = None,
        require_called_ae_title: bool = False,
        **limits: Any,
    ) -> None:
        super().__init__(**limits)
        build("A-ASSOCIATE-RQ", called_ae_title=ae_title)  # BuildError for what is no AE title
        if isinstance(allowed_calling_ae_titles, str):  # one title, not its letters
            allowed_calling_ae_titles = [allowed_calling_ae_titles]
        if allowed_calling_ae_titles is not None:
            check_titles(allowed_calling_ae_titles)
        self.ae_title = ae_title
        self.allowed_calling_ae_titles = allowed_calling_ae_titles
        self.require_called_ae_title = require_called_ae_title

    def replies(self, connection: Connection, received: Received) -> Iterator[Act]:
        """The answer to an A-ASSOCIATE-RQ, a message, an A-RELEASE-RQ, as bytes."""
        for said in self.answers(connection, received):
            if isinstance(said, Response):
                yield from fit_or_abort(_encoded(said), connection)
            else:
                yield bytes(said)

    def answers(self, connection: Connection, received: Received) -> Iterator[Draft | Response]:
        """What there is to say on receipt of a PDU, in the state that it led to."""
        match received.step.next:
            case "Sta3":
                yield self._associate(connection, received.pdu)
            case "Sta6":
                yield from self._answer(connection, received.pdu)
            case "Sta8" | "Sta12":
                yield build("A-RELEASE-RP")

    # --- the association ------------------------------------------------------------------

    def _associate(self, connection: Connection, request: Pdu) -> Draft:
        fields = _by_name(request)
        refusal = self._refusal(fields)
        if refusal is not None:
            result, source, reason = refusal
            return build("A-ASSOCIATE-RJ", result=result, source=source, reason_diag=reason)
        answers = _answer_contexts(fields[_CONTEXT], self.transfer_syntaxes)
        accepted = [ident for ident, (result, _) in answers.items() if result == _ACCEPTED]
        connection.contexts = frozenset(accepted)
        connection.max_pdu_length = next(iter(_values(fields["Maximum-length-received"])), 0)
        return _accept(fields, answers)

    def _refusal(self, request: Fields) -> tuple[int, int, int] | None:
        """Result, source and reason, if there is one to reject the request."""
        called, calling = (_title(request[name]) for name in _TITLES)
        allowed = self.allowed_calling_ae_titles
        if self.associations > self.max_associations:  # this one counts already
            return _LIMIT
        if _values(request["Application-context-name"]) != [names.APPLICATION_CONTEXT]:
            return _APPLICATION_CONTEXT
        if allowed is not None and calling not in {one.strip() for one in allowed}:
            return _CALLING_TITLE
        if self.require_called_ae_title and called != self.ae_title.strip():
            return _CALLED_TITLE
        return None if request[_CONTEXT] else _NO_CONTEXT

    # --- messages -------------------------------------------------------------------------

    def _answer(self, connection: Connection, pdu: Pdu) -> Iterator[Draft | Response]:
        if not _belongs(connection, pdu):
            yield build("A-ABORT")
            return
        assembler = connection.assembler
        messages = assembler.feed(pdu)
        # PS3.8 E.1: a message ends before the next begins, and its command set comes first
        if assembler.abandoned or assembler.strays:
            yield build("A-ABORT")
            return
        for message in messages:
            if message.type != "C-CANCEL-RQ":  # it has no response
                yield respond(message) or build("A-ABORT")


def fit_or_abort(message: bytes, connection: Connection) -> list[bytes]:
    """A message as the peer takes it; an A-ABORT where it takes none at all."""
    try:
        return fit(message, connection.max_pdu_length)
    except PeerError:
        return [bytes(build("A-ABORT"))]


def respond(message: Message) -> Response | None:
    """The response to a request; None for what asks nothing, or lacks what every request has."""
    number, sop_class = message.message_id, message.sop_class
    if not message.type.endswith("-RQ") or number is None or sop_class is None:
        return None
    if message.type != "C-ECHO-RQ":
        status = _UNRECOGNIZED
    elif _bare(sop_class) != names.VERIFICATION:
        status = _NOT_SUPPORTED
    else:
        status = _SUCCESS
    name = message.type.removesuffix("RQ") + "RSP"
    return Response(name, number, status, message.context_id)


@lru_cache(maxsize=256)  # most clients begin to count at 1
def _encoded(response: Response) -> bytes:
    return bytes(response.draft())


def _belongs(connection: Connection, pdu: Pdu) -> bool:
    """Whether all its PDVs have a context that was accepted."""
    pdvs = [one for one in pdu.fields if one.name == tables.PDV.name]
    return connection.contexts.issuperset(_child(one, "Presentation-context-ID") for one in pdvs)


def _answer_contexts(
    contexts: list[Field], transfer_syntaxes: Collection[str]
) -> dict[int, tuple[int, str]]:
    """Presentation context ID → result and transfer syntax, for each context of a request."""
    answers: dict[int, tuple[int, str]] = {}
    for item in contexts:
        fields = _by_name(item)
        if not fields["Presentation-context-ID"]:  # cut so short that there is nothing to answer
            continue
        ident = fields["Presentation-context-ID"][0].value
        proposed = _values(fields["Transfer-syntax-name"])
        known = [uid for uid in proposed if _bare(uid) in transfer_syntaxes]
        findings = [found for field in item.walk() for found in field.findings]
        if ident in answers or any(found.severity == "error" for found in findings):
            result = _NO_REASON
        elif [_bare(uid) for uid in _values(fields["Abstract-syntax-name"])] != _OURS:
            result = _UNKNOWN_ABSTRACT
        else:
            result = _ACCEPTED if known else _UNKNOWN_TRANSFER
        # where the result is no acceptance, the transfer syntax says nothing
        answers[ident] = result, (known or [names.IMPLICIT_VR_LITTLE_ENDIAN])[0]
    return answers


def _accept(request: Fields, answers: Mapping[int, tuple[int, str]]) -> Draft:
    """The A-ASSOCIATE-AC: built part by part, since a draft of 128 contexts takes its time."""
    contexts = [
        _part(
            tables.PRESENTATION_CONTEXT_AC,
            _part(tables.TRANSFER_SYNTAX, transfer_syntax_name=uid),
            presentation_context_id=ident,
            result_reason=result,
        )
        for ident, (result, uid) in answers.items()
    ]
    user = _part(
        tables.USER_INFORMATION_AC,
        _part(tables.MAXIMUM_LENGTH, maximum_length_received=MAX_PDU_LENGTH),
        _part(tables.IMPLEMENTATION_CLASS_UID),
        *(_window(asked.value) for asked in request["Maximum-number-operations-invoked"][:1]),
        _part(tables.IMPLEMENTATION_VERSION_NAME),
    )
    echoes = {f"reserved_echo_of_{snake_case(name)}": request[name][0].value for name in _TITLES}
    echoes["reserved_echo_of_rq_bytes_43_74"] = request["Reserved"][2].value
    context = _part(tables.APPLICATION_CONTEXT)
    layout = tables.A_ASSOCIATE_AC
    return Draft(layout.name, _part(layout, context, *contexts, user, **echoes))


def _window(asked: int) -> Part:
    """How many requests may be open, of as many as were asked for; 0 asks for any number."""
    granted = min(asked or MAX_OPERATIONS, MAX_OPERATIONS)
    layout = tables.ASYNCHRONOUS_OPERATIONS_WINDOW
    return _part(layout, maximum_number_operations_invoked=granted)


def _part(layout: Layout, *parts: Part, **values: Any) -> Part:
    """A structure of that layout that holds these parts and, in its rows, these values."""
    rows = [values.get(snake_case(row.name), row.default) for row in layout.rows]
    return Part(layout, rows, list(parts))


def _by_name(within: Pdu | Field) -> Fields:
    """All fields below, by their names; no fields for a name that is not there."""
    fields: Fields = defaultdict(list)
    for one in within.walk():
        fields[one.name].append(one)
    return fields


def _child(structure: Field, name: str) -> Any:
    return next(one.value for one in structure.children if one.name == name)


def _values(fields: list[Field]) -> list[Any]:
    return [one.value for one in fields]


def _bare(uid: str) -> str:
    """A UID without the padding that some send all the same."""
    return uid.rstrip("\0 ")


def _title(fields: list[Field]) -> str:
    """An AE title, without what does not count (PS3.8 Table 9-11)."""
    return str(fields[0].value).strip(" \0")
