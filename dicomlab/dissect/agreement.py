"""What an A-ASSOCIATE-RQ proposes and an A-ASSOCIATE-AC answers, as values."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from dicomlab.model import Part, PresentationContext

ACCEPTED = 0  # PS3.8 Table 9-18


def contexts(request: Part | None, accept: Part | None) -> tuple[PresentationContext, ...]:
    """The presentation contexts of an association, in the order of their proposal."""
    found: dict[int, PresentationContext] = {}
    for item in _named(request, "Presentation Context"):
        ident = item.values.get("Presentation-context-ID")
        if isinstance(ident, int):
            abstract = next(_texts(item, "Abstract-syntax-name"), None)
            proposed = tuple(_texts(item, "Transfer-syntax-name"))
            found.setdefault(ident, PresentationContext(ident, abstract, proposed))
    for item in _named(accept, "Presentation Context"):
        ident, result = item.values.get("Presentation-context-ID"), item.values.get("Result/Reason")
        if isinstance(ident, int) and isinstance(result, int):
            before = found.get(ident) or PresentationContext(ident, None)
            syntax = next(_texts(item, "Transfer-syntax-name"), None)
            accepted = syntax if result == ACCEPTED else None
            found[ident] = PresentationContext(
                ident, before.abstract_syntax, before.proposed, result, accepted
            )
    return tuple(found.values())


def negotiation(pdu: Part | None) -> Mapping[str, Any]:
    """The User Information of an A-ASSOCIATE-RQ or -AC; a key is absent where its item is."""
    found: dict[str, Any] = {}
    for outer in _named(pdu, "User Information"):
        for item in outer.parts:
            if item.name in _SINGLE:
                key, of = _SINGLE[item.name]
                found.setdefault(key, of(item))
            elif item.name in _SEVERAL:
                key, of = _SEVERAL[item.name]
                found.setdefault(key, []).append(of(item))
            elif item.name == "User Identity Negotiation":
                found.update(_identity(item))
    return found


def _text(item: Part, name: str) -> str | None:
    return next(_texts(item, name), None)


def _texts(item: Part, name: str) -> Iterator[str]:
    value = item.values.get(name)
    if isinstance(value, str):
        yield value.rstrip(" \0")
    for one in item.parts:
        yield from _texts(one, name)


def _named(pdu: Part | None, name: str) -> Iterator[Part]:
    return (one for one in (pdu.parts if pdu is not None else ()) if one.name == name)


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
