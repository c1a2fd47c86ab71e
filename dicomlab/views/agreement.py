"""What two applications agreed on: presentation contexts, and what else they negotiated."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from dicomlab.model import Association, PresentationContext, message_lines, printable
from dicomlab.spec import names
from dicomlab.views import theme
from dicomlab.views.listing import local
from dicomlab.views.sequence import End, end_of
from dicomlab.views.theme import Tone

CONTEXTS = 12  # more than that are not all shown
ITEMS = 4  # roles, and other items that there may be many of


@dataclass(frozen=True, slots=True)
class Context:
    """One presentation context."""

    id: int
    abstract_syntax: str
    proposed: tuple[str, ...]
    result: str
    accepted: str
    tone: Tone


@dataclass(frozen=True, slots=True)
class Agreement:
    """What an association was made of."""

    title: str
    requestor: End
    acceptor: End
    facts: tuple[str, ...]
    contexts: tuple[Context, ...]
    hidden: int  # contexts that were accepted, and no message used
    negotiation: tuple[tuple[str, str, str], ...]  # what, of the requestor, of the acceptor


def agreement(association: Association, *, everything: bool = False) -> Agreement:
    """What the applications agreed on; where that is much, only what mattered, or everything."""
    contexts = association.presentation_contexts
    if len(contexts) > CONTEXTS and not everything:
        used = {one.context_id for one in message_lines(association.messages)}
        contexts = tuple(
            one
            for place, one in enumerate(contexts)
            if one.id in used or one.result != 0 or place < CONTEXTS // 2
        )
    requestor = end_of("requestor", association.calling_ae_title, str(association.requestor))
    acceptor = end_of("acceptor", association.called_ae_title, str(association.acceptor))
    return Agreement(
        title=f"{requestor.title} → {acceptor.title}",
        requestor=requestor,
        acceptor=acceptor,
        facts=tuple(_facts(association)),
        contexts=tuple(map(_context, contexts)),
        hidden=len(association.presentation_contexts) - len(contexts),
        negotiation=tuple(_negotiation(association, everything=everything)),
    )


def _facts(one: Association) -> Iterator[str]:
    yield f"connection {one.connection}"
    begins = local(one.start_time) if one.start_time is not None else None
    if begins is not None:
        yield f"{begins:%Y-%m-%d %H:%M:%S}"
    if one.start_time is not None and one.stop_time is not None:
        yield theme.duration(one.stop_time - one.start_time)
    yield theme.count(len(one.pdus), "PDU")
    yield theme.count(len(one.messages), "message")
    if one.application_context not in (None, names.APPLICATION_CONTEXT):
        yield printable(f"application context {one.application_context}")
    for counts, what in (
        (one.missing_bytes, "missing byte"),
        (one.retransmitted_segments, "retransmitted segment"),
        (one.out_of_order_segments, "segment out of order"),
    ):
        for side, number in counts.items():
            if number:
                yield f"{theme.count(number, what)} of the {side}"


def _context(one: PresentationContext) -> Context:
    accepted = named(one.accepted)
    if one.result is None:
        return Context(one.id, named(one.abstract_syntax), _names(one), "no answer", "", "plain")
    result = names.CONTEXT_RESULTS.get(one.result, f"result {one.result}")
    tone: Tone = "good" if one.result == 0 else "error"
    return Context(one.id, named(one.abstract_syntax), _names(one), result, accepted, tone)


def _names(one: PresentationContext) -> tuple[str, ...]:
    return tuple(map(named, one.proposed))


def named(uid: str | None) -> str:
    """What a UID stands for, or the UID itself."""
    if not uid:
        return ""
    return printable(names.uid_name(uid) or uid).removesuffix(" SOP Class")


# --- what the User Information says ---------------------------------------------------------------


def _negotiation(association: Association, *, everything: bool) -> Iterator[tuple[str, str, str]]:
    """What each side says, what neither does left out."""
    sides = [association.negotiation.get(side, {}) for side in ("requestor", "acceptor")]
    for what, key, said in _SAID:
        both = [_words(each.get(key), said, everything=everything) for each in sides]
        if any(both):
            yield what, both[0], both[1]


def _words(value: Any, said: Callable[[Any], str], *, everything: bool) -> str:
    if value is None:
        return ""
    if not isinstance(value, list) or said is _window:
        return printable(said(value))
    shown = value if everything else value[:ITEMS]
    more = [f"and {len(value) - len(shown):,} more"] if len(value) > len(shown) else []
    return printable("; ".join([*map(said, shown), *more]))


def _length(value: int) -> str:
    return theme.size(value) if value else "no limit"


def _window(value: Any) -> str:
    invoked, performed = ("no limit" if one == 0 else str(one) for one in value)
    return f"{invoked} invoked, {performed} performed"


def _role(one: Any) -> str:
    roles = " and ".join(role.upper() for role in ("scu", "scp") if one[role])
    return f"{named(one['sop_class'])}: {roles or 'none'}"


def _extended(one: Any) -> str:
    return f"{named(one['sop_class'])}: {one['info'] or 'nothing'}"


def _common_extended(one: Any) -> str:
    return f"{named(one['sop_class'])}: {named(one['service_class'])}"


def _identity(value: Mapping[str, Any]) -> str:
    kind = names.USER_IDENTITY_TYPES.get(value["type"], f"type {value['type']}")
    return f"{kind}, answer requested" if value["response_requested"] else kind


_SAID: tuple[tuple[str, str, Callable[[Any], str]], ...] = (
    ("longest PDU received", "max_pdu_length", _length),
    ("implementation", "implementation_version_name", str),
    ("implementation class", "implementation_class_uid", str),
    ("operations at once", "async_ops_window", _window),
    ("roles of the requestor", "roles", _role),
    ("extended negotiation", "sop_class_extended", _extended),
    ("common extended negotiation", "sop_class_common_extended", _common_extended),
    ("user identity", "user_identity", _identity),
    ("answer to it", "user_identity_response_length", theme.size),
)
