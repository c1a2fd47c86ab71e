"""Presentation contexts against transfer syntaxes, as a renderer sees them: what came of each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from dicomlab.model import Association, Drawn, PresentationContext
from dicomlab.views import theme
from dicomlab.views.agreement import named
from dicomlab.views.sequence import End, end_of
from dicomlab.views.theme import Tone

SYNTAXES = 64  # that are told apart; of the others, how many there are is said
FOLDED = 6  # contexts in a row that say the same are folded from so many on

# a transfer syntax in a context; "" where it was not proposed
Mark = Literal["", "proposed", "accepted", "not chosen", "not proposed, yet accepted"]
# the signs that double the colours
SIGNS: dict[Mark, str] = {
    "": "",
    "proposed": "○",
    "accepted": "✔",
    "not chosen": "–",
    "not proposed, yet accepted": "✖",
}

# PS3.8 Table 9-18: the result in words, and what it means
_RESULTS: dict[int, tuple[str, str]] = {
    1: ("user-rejection", "The application does not want it now."),
    2: ("no reason", "The provider does not say why."),
    3: ("abstract syntax not supported", "The acceptor does not offer this service."),
    4: ("transfer syntaxes not supported", "The acceptor takes none of these."),
}
_UNANSWERED = {
    "rejected": "The association was rejected as a whole.",
    "aborted": "The association was aborted before.",
}
# registered names are sentences; what people call them
_CALLED = {
    "1.2.840.10008.1.2.1.99": "Deflated Explicit VR LE",
    "1.2.840.10008.1.2.4.50": "JPEG Baseline",
    "1.2.840.10008.1.2.4.51": "JPEG Extended",
    "1.2.840.10008.1.2.4.57": "JPEG Lossless Process 14",
    "1.2.840.10008.1.2.4.70": "JPEG Lossless SV1",
    "1.2.840.10008.1.2.4.80": "JPEG-LS Lossless",
    "1.2.840.10008.1.2.4.81": "JPEG-LS Lossy",
    "1.2.840.10008.1.2.4.90": "JPEG 2000 Lossless",
    "1.2.840.10008.1.2.4.91": "JPEG 2000",
    "1.2.840.10008.1.2.4.100": "MPEG-2 Main Level",
    "1.2.840.10008.1.2.4.101": "MPEG-2 High Level",
    "1.2.840.10008.1.2.4.102": "MPEG-4 High Profile",
    "1.2.840.10008.1.2.4.201": "HTJ2K Lossless",
    "1.2.840.10008.1.2.4.202": "HTJ2K Lossless RPCL",
    "1.2.840.10008.1.2.4.203": "HTJ2K",
}


@dataclass(frozen=True, slots=True)
class Proposal:
    """One presentation context."""

    id: int
    abstract_syntax: str
    marks: tuple[Mark, ...]  # one for each transfer syntax of the negotiation
    more: int  # transfer syntaxes that are not among those
    result: str
    why: str
    roles: str  # what was proposed and accepted (PS3.7 D.3.3.4); empty for the default roles
    tone: Tone

    def is_like(self, other: Proposal) -> bool:
        """Whether both differ in ID and abstract syntax only."""
        return self._says() == other._says()

    def _says(self) -> tuple[Any, ...]:
        return self.marks, self.more, self.result, self.why, self.roles


@dataclass(frozen=True, slots=True)
class Negotiation(Drawn):
    """Which transfer syntaxes were proposed for each presentation context, and which accepted."""

    title: str
    subtitle: str
    requestor: End
    acceptor: End
    syntaxes: tuple[str, ...]  # the most often proposed, those accepted first of all
    names: tuple[str, ...]  # the same, by their registered names
    proposals: tuple[Proposal, ...]


def negotiation(association: Association) -> Negotiation:
    """The presentation contexts of an association, each with its answer."""
    contexts = association.presentation_contexts
    requestor = end_of("requestor", association.calling_ae_title, str(association.requestor))
    acceptor = end_of("acceptor", association.called_ae_title, str(association.acceptor))
    syntaxes = _syntaxes(contexts)
    roles = [_roles(association.negotiation.get(side, {})) for side in ("requestor", "acceptor")]
    accepted = sum(one.result == 0 for one in contexts)
    many = theme.count(len(contexts), "presentation context")
    answered = any(one.result is not None for one in contexts)
    what = f"{accepted} of {many} accepted" if answered else f"{many}, not answered"
    return Negotiation(
        title=f"{requestor.title} → {acceptor.title}",
        subtitle=f"{what}, between {requestor.address} and {acceptor.address}",
        requestor=requestor,
        acceptor=acceptor,
        syntaxes=tuple(map(_called, syntaxes)),
        names=tuple(map(named, syntaxes)),
        proposals=tuple(_proposal(association, one, syntaxes, *roles) for one in contexts),
    )


def _called(uid: str) -> str:
    return _CALLED.get(uid) or named(uid)


def _syntaxes(contexts: Iterable[PresentationContext]) -> list[str]:
    """The transfer syntaxes that are told apart, in the order in which they were proposed."""
    proposed: Counter[str] = Counter()
    accepted: Counter[str] = Counter()
    for one in contexts:
        proposed.update(dict.fromkeys(one.proposed, 1))
        accepted.update([one.accepted] if one.accepted else [])
    found = [*dict.fromkeys([*proposed, *accepted])]
    kept = {*sorted(found, key=lambda one: (-accepted[one], -proposed[one]))[:SYNTAXES]}
    return [one for one in found if one in kept]


def _proposal(
    association: Association,
    context: PresentationContext,
    syntaxes: list[str],
    asked: Mapping[str, str],
    granted: Mapping[str, str],
) -> Proposal:
    result, why, tone = _result(association, context)
    return Proposal(
        id=context.id,
        abstract_syntax=named(context.abstract_syntax) or "(not seen)",
        marks=tuple(_mark(context, one) for one in syntaxes),
        more=len({*context.proposed} - {*syntaxes}),
        result=result,
        why=why,
        roles=_both_roles(context.abstract_syntax or "", asked, granted),
        tone=tone,
    )


def _mark(context: PresentationContext, syntax: str) -> Mark:
    if context.accepted == syntax:
        seen = not context.proposed  # the proposal is not there to compare
        return "accepted" if seen or syntax in context.proposed else "not proposed, yet accepted"
    if syntax not in context.proposed:
        return ""
    return "not chosen" if context.accepted else "proposed"


def _result(association: Association, context: PresentationContext) -> tuple[str, str, Tone]:
    """What came of a context, and why."""
    if context.result is None:
        if any(one.result is not None for one in association.presentation_contexts):
            return "not answered", "The A-ASSOCIATE-AC leaves it out.", "warning"
        why = _UNANSWERED.get(association.outcome.ended, "No A-ASSOCIATE-AC is there.")
        return "not answered", why, "warning"
    if context.result == 0:
        if context.accepted is None:
            return "accepted", "No transfer syntax is named.", "warning"
        if context.proposed and context.accepted not in context.proposed:
            return "accepted", "With one that was not proposed.", "error"
        return "accepted", f"With {_called(context.accepted)}.", "good"
    unknown = f"result {context.result}", "PS3.8 Table 9-18 does not have it."
    return *_RESULTS.get(context.result, unknown), "error"


# --- roles ------------------------------------------------------------------------------------


def _roles(negotiation: Mapping[str, Any]) -> Mapping[str, str]:
    """The roles that one side names, by SOP class."""
    found: dict[str, str] = {}
    for one in negotiation.get("roles", ()):
        roles = [role.upper() for role in ("scu", "scp") if one[role]]
        found.setdefault(one["sop_class"] or "", " and ".join(roles) or "none")
    return found


def _both_roles(sop_class: str, asked: Mapping[str, str], granted: Mapping[str, str]) -> str:
    if sop_class not in asked and sop_class not in granted:
        return ""
    proposed, accepted = asked.get(sop_class), granted.get(sop_class)
    if proposed == accepted:
        return f"requestor's role: {proposed}"
    return f"requestor's role: {proposed or 'none'} proposed, {accepted or 'none'} accepted"


# --- folding ----------------------------------------------------------------------------------


def folded(proposals: Iterable[Proposal]) -> Iterator[list[Proposal]]:
    """The contexts in groups: alone, or many in a row that say the same."""
    run: list[Proposal] = []
    for one in proposals:
        if run and not one.is_like(run[-1]):
            yield from _group(run)
            run = []
        run.append(one)
    yield from _group(run)


def _group(run: list[Proposal]) -> Iterator[list[Proposal]]:
    if len(run) < FOLDED:
        yield from ([one] for one in run)
    else:
        yield from (run[:1], run[1:2], run[2:-1], run[-1:])
