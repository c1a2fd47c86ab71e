"""Who reaches whom, as a renderer sees it: a row a caller, a column a called one."""

from __future__ import annotations

from dataclasses import dataclass

from dicomlab.model import Drawn
from dicomlab.views.theme import Tone, count


@dataclass(frozen=True, slots=True)
class Call:
    """What came of one call, and why; safe to print."""

    caller: str  # by the names of a Reach
    called: str
    result: str
    why: str
    tone: Tone

    def __str__(self) -> str:
        return f"{self.result}, {self.why}" if self.why else self.result


@dataclass(frozen=True, slots=True, repr=False)
class Reach(Drawn):
    """Which of a few applications reaches which; who has no entry is not called."""

    applications: tuple[tuple[str, str], ...]  # what people call it; its AE title and port
    calls: tuple[Call, ...]

    @property
    def said(self) -> dict[str, str]:
        """What came of every call, in words: ``{"CT → archive": "success", ...}``."""
        return {f"{one.caller} → {one.called}": str(one) for one in self.calls}

    def call(self, caller: str, called: str) -> Call | None:
        """What came of this one, if it was made."""
        return next(
            (one for one in self.calls if (one.caller, one.called) == (caller, called)), None
        )

    @property
    def title(self) -> str:
        """How many calls succeeded."""
        good = sum(one.tone == "good" for one in self.calls)
        return f"{good} of {count(len(self.calls), 'call')} succeeded"

    def __repr__(self) -> str:
        return f"<Reach: {self.title}>"
