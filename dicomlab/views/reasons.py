"""A verdict as a renderer sees it: what happened, and each cause with who changes what."""

from __future__ import annotations

from dataclasses import dataclass, replace

from dicomlab.model import Cause, Verdict, printable
from dicomlab.views.theme import Tone

NOTHING = Verdict("")
ADVISED = 2  # causes that a list names


@dataclass(frozen=True, slots=True)
class Reasons:
    """A verdict, safe to print."""

    summary: str
    causes: tuple[Cause, ...]
    tone: Tone


def reasons_of(verdict: Verdict | None) -> Reasons:
    """The verdict, or what stands for none."""
    verdict = verdict or NOTHING
    causes = tuple(map(_safe, verdict.causes))
    return Reasons(printable(verdict.summary), causes, "error" if causes else "good")


def _safe(cause: Cause) -> Cause:
    return replace(
        cause,
        title=printable(cause.title),
        who=_sentence(cause.who),
        change=f"{printable(cause.change)}.",
        evidence=tuple(map(printable, cause.evidence)),
        against=tuple(map(printable, cause.against)),
        confirm=f"{printable(cause.confirm)}.",
    )


def title(verdict: Verdict | None) -> tuple[str, ...]:
    """The likeliest cause in a few words, if there is one."""
    return tuple(f"{_sentence(one.title)}." for one in reasons_of(verdict).causes[:1])


def advice(verdict: Verdict | None) -> tuple[str, ...]:
    """Who changes what, a line a cause, of the likeliest ones."""
    causes = reasons_of(verdict).causes[:ADVISED]
    return tuple(
        f"{'or: ' if number else '→ '}{one.who}: {one.change}" for number, one in enumerate(causes)
    )


def _sentence(text: str) -> str:
    return printable(text[:1].upper() + text[1:])
