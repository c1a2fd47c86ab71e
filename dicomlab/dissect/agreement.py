"""What an A-ASSOCIATE-RQ proposes and an A-ASSOCIATE-AC answers, as values."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any, NamedTuple, TypeVar

from dicomlab.model import Part
from dicomlab.spec.pdu import A_ASSOCIATE_RQ

ACCEPTED = 0  # PS3.8 Table 9-18
_CONTEXT = "Presentation Context"
# the AE titles of a request, and where its answer sends them back (PS3.8 Table 9-17)
_REQUESTED = "Called-AE-title", "Calling-AE-title"
_REPEATED = tuple(f"Reserved (echo of {name})" for name in _REQUESTED)
_KNOWN = 4096  # parts of which is remembered what they say
_PROPOSALS, _FEW = 128, 128  # PDUs of which that is remembered as a whole, and their items


T = TypeVar("T")
Plain = tuple[Any, ...]  # what Rows can hold


def _remembered(make: Callable[[Part], T]) -> Callable[[Part], T]:
    """The same, of parts that come again and again made once."""
    known: dict[int, tuple[Part, T]] = {}

    def look(part: Part) -> T:
        if not part.again:
            return make(part)
        found = known.get(id(part))
        if found is None or found[0] is not part:
            if len(known) == _KNOWN:
                known.clear()
            found = known[id(part)] = part, make(part)
        return found[1]

    return look


class Opening(NamedTuple):
    """What an A-ASSOCIATE-RQ or -AC says."""

    calling_ae_title: str | None
    called_ae_title: str | None
    application_context: str | None
    contexts: tuple[Plain, ...]  # of a request: ID, abstract syntax, transfer syntaxes;
    # of an answer: ID, result, transfer syntax
    negotiation: Mapping[str, Any]
    titles: tuple[Any, ...]  # called and calling AE title as they are on the wire


# application context, contexts, negotiation
Items = tuple[str | None, tuple[Plain, ...], Mapping[str, Any]]
# by the identities of the items, which are kept: so no others can have them
_KNOWN_TOGETHER: dict[tuple[int, ...], tuple[tuple[Part, ...], Items]] = {}


def opening(pdu: Part) -> Opening:
    """What an A-ASSOCIATE-RQ or -AC says; of contexts with the same ID, the first counts."""
    called, calling = _REQUESTED if pdu.code == A_ASSOCIATE_RQ.code else _REPEATED
    return Opening(
        _title(pdu, "Calling-AE-title"),
        _title(pdu, "Called-AE-title"),
        *_items(pdu),
        (pdu.values.get(called), pdu.values.get(calling)),
    )


def _items(pdu: Part) -> Items:
    """What its items say; that of items that come again and again together is made once."""
    together = tuple(map(id, pdu.parts))
    found = _KNOWN_TOGETHER.get(together)
    if found is None:
        found = pdu.parts, _made_of_items(pdu)
        if len(together) <= _FEW and all(part.again for part in pdu.parts):
            if len(_KNOWN_TOGETHER) == _PROPOSALS:
                _KNOWN_TOGETHER.clear()
            _KNOWN_TOGETHER[together] = found
    return found[1]


def _made_of_items(pdu: Part) -> Items:
    read = _proposed if pdu.code == A_ASSOCIATE_RQ.code else _answered
    found: dict[Any, Plain] = {}
    application_context: str | None = None
    negotiation: Mapping[str, Any] | None = None
    for part in pdu.parts:
        if part.name == _CONTEXT:
            one = read(part)
            found.setdefault(one[0], one)
        elif part.name == "Application Context":
            application_context = application_context or _text(part, "Application-context-name")
        elif part.name == "User Information" and negotiation is None:
            negotiation = _said(part)
    return application_context, tuple(found.values()), negotiation or {}


def echoed(request: Opening | None, accept: Opening | None) -> bool | None:
    """Whether an answer sends the AE titles of its request back, if both are there."""
    return None if request is None or accept is None else request.titles == accept.titles


def contexts(request: Opening | None, accept: Opening | None) -> tuple[Plain, ...]:
    """The presentation contexts of an association, in the order of their proposal.

    Each is what PresentationContext is made of: ID, abstract syntax, proposed transfer syntaxes,
    result, transfer syntax agreed on.
    """
    proposals = request.contexts if request is not None else ()
    answers = accept.contexts if accept is not None else ()
    few = len(proposals) <= _FEW and len(answers) <= _FEW
    return _agreed_again(proposals, answers) if few else _agreed(proposals, answers)


def _agreed(proposals: tuple[Plain, ...], answers: tuple[Plain, ...]) -> tuple[Plain, ...]:
    found: dict[int, Plain] = {}
    for ident, abstract, proposed in proposals:
        if isinstance(ident, int):
            found[ident] = ident, abstract, proposed, None, None
    for ident, result, syntax in answers:
        if isinstance(ident, int) and isinstance(result, int):
            _, abstract, proposed, _, _ = found.get(ident) or (ident, None, (), None, None)
            accepted = syntax if result == ACCEPTED else None
            found[ident] = ident, abstract, proposed, result, accepted
    return tuple(found.values())


_agreed_again = lru_cache(_PROPOSALS)(_agreed)


@_remembered
def _proposed(item: Part) -> Plain:
    ident = item.values.get("Presentation-context-ID")
    abstract = next(_texts(item, "Abstract-syntax-name"), None)
    return ident, abstract, tuple(_texts(item, "Transfer-syntax-name"))


@_remembered
def _answered(item: Part) -> Plain:
    ident, result = item.values.get("Presentation-context-ID"), item.values.get("Result/Reason")
    return ident, result, next(_texts(item, "Transfer-syntax-name"), None)


@_remembered
def _said(user_information: Part) -> Mapping[str, Any]:
    """The negotiation; a key is absent where its item is."""
    found: dict[str, Any] = {}
    for item in user_information.parts:
        if item.name in _SINGLE:
            key, of = _SINGLE[item.name]
            found.setdefault(key, of(item))
        elif item.name in _SEVERAL:
            key, of = _SEVERAL[item.name]
            found.setdefault(key, []).append(of(item))
        elif item.name == "User Identity Negotiation":
            found.update(_identity(item))
    return found


def _title(pdu: Part, name: str) -> str | None:
    value = pdu.values.get(name)
    return value.strip(" \0") if isinstance(value, str) else None


def _text(item: Part, name: str) -> str | None:
    return next(_texts(item, name), None)


def _texts(item: Part, name: str) -> Iterator[str]:
    value = item.values.get(name)
    if isinstance(value, str):
        yield value.rstrip(" \0")
    for one in item.parts:
        yield from _texts(one, name)


def _number(name: str) -> Callable[[Part], Any]:
    return lambda item: item.values.get(name)


def _name(name: str) -> Callable[[Part], Any]:
    return lambda item: _text(item, name)


def _window(item: Part) -> list[Any]:
    return [
        item.values.get("Maximum-number-operations-invoked"),
        item.values.get("Maximum-number-operations-performed"),
    ]


def _role(item: Part) -> dict[str, Any]:
    return {
        "sop_class": _text(item, "SOP-class-uid"),
        "scu": item.values.get("SCU-role"),
        "scp": item.values.get("SCP-role"),
    }


def _extended(item: Part) -> dict[str, Any]:
    info = item.values.get("Service-class-application-information")
    return {
        "sop_class": _text(item, "SOP-class-uid"),
        "info": info.hex() if isinstance(info, bytes) else None,
    }


def _common_extended(item: Part) -> dict[str, Any]:
    return {
        "sop_class": _text(item, "SOP-class-uid"),
        "service_class": _text(item, "Service-class-uid"),
    }


def _identity(item: Part) -> dict[str, Any]:
    answer = item.values.get("Server-response-length")
    if answer is not None:
        return {"user_identity_response_length": answer}
    return {
        "user_identity": {
            "type": item.values.get("User-Identity-Type"),
            "response_requested": bool(item.values.get("Positive-response-requested")),
            "primary_length": item.values.get("Primary-field-length"),
            "secondary_length": item.values.get("Secondary-field-length"),
        }
    }


_SINGLE: dict[str, tuple[str, Callable[[Part], Any]]] = {
    "Maximum Length": ("max_pdu_length", _number("Maximum-length-received")),
    "Implementation Class UID": ("implementation_class_uid", _name("Implementation-class-uid")),
    "Implementation Version Name": (
        "implementation_version_name",
        _name("Implementation-version-name"),
    ),
    "Asynchronous Operations Window": ("async_ops_window", _window),
}
_SEVERAL: dict[str, tuple[str, Callable[[Part], Any]]] = {
    "SCP/SCU Role Selection": ("roles", _role),
    "SOP Class Extended Negotiation": ("sop_class_extended", _extended),
    "SOP Class Common Extended Negotiation": ("sop_class_common_extended", _common_extended),
}
