"""How everything looks: one palette (Okabe and Ito's), a light and a dark set of values.

A colour means the role of a field, the same in every picture, page and terminal; a letter doubles
it, and a hatch where a picture can have one. Fills are tints under readable text, borders are the
full colour. CSS variables and matplotlib settings are generated from the values here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from dicomlab.model import Role, Severity, Weight

SANS = ("DejaVu Sans", "Verdana", "Segoe UI", "Helvetica Neue", "Arial")
MONO = ("DejaVu Sans Mono", "Menlo", "Consolas", "Liberation Mono")
Tone = Literal["plain", "good", "warning", "error"]  # how a step of a conversation is meant


@dataclass(frozen=True, slots=True)
class Look:
    """What a role or a severity looks like: its colour, and what doubles the colour."""

    colour: str
    letter: str
    hatch: str = ""  # matplotlib's pattern, behind the text of a cell
    ansi: int = 0  # the nearest foreground of a terminal


ROLES: dict[Role, Look] = {
    Role.LENGTH: Look("#E69F00", "L", ansi=33),
    Role.IDENTIFIER: Look("#CC79A7", "I", ansi=35),
    Role.NAME: Look("#009E73", "N", ansi=32),
    Role.VALUE: Look("#0072B2", "V", ansi=34),
    Role.RESERVED: Look("#999999", "R", "////", ansi=90),
    Role.PAYLOAD: Look("#56B4E9", "P", "....", ansi=36),
}
SEVERITIES: dict[Severity, Look] = {
    "error": Look("#D55E00", "E", ansi=31),
    "warning": Look("#F0E442", "W", ansi=93),
    "info": Look("#56B4E9", "i", ansi=96),
}
# how a difference looks that matters so much
WEIGHTS: dict[Weight, Tone] = {
    "decides": "error",
    "may matter": "warning",
    "does not matter": "plain",
}


@dataclass(frozen=True, slots=True)
class Theme:
    """The values of one mode. ``share`` is how much of a colour a tint holds."""

    name: Literal["light", "dark"]
    paper: str
    ink: str
    muted: str
    line: str
    panel: str  # a quiet fill, for headings and feet
    error: str  # vermilion, and green, as text that is readable on the paper
    good: str
    share: float

    def tint(self, colour: str) -> str:
        """``colour`` mixed into the paper, so that text on it is readable."""
        return mix(colour, self.paper, self.share)

    def tone(self, tone: Tone) -> str:
        """The colour of lines and words of that tone."""
        return {"good": self.good, "error": self.error}.get(tone, self.ink)


LIGHT = Theme(
    "light", paper="#FFFFFF", ink="#16191D", muted="#565F6B", line="#C9CFD6", panel="#F3F5F7",
    error="#B04A00", good="#00704F", share=0.32,
)  # fmt: skip
DARK = Theme(
    "dark", paper="#14171B", ink="#F4F6F8", muted="#AEB7C2", line="#414955", panel="#1F242A",
    error="#FF9A4D", good="#3CCB9C", share=0.36,
)  # fmt: skip
THEMES: dict[str, Theme] = {"light": LIGHT, "dark": DARK}

# SVG whose text stays text, and that is the same bytes for the same picture
MATPLOTLIB: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "dicomlab",
    "font.sans-serif": list(SANS),
    "font.monospace": list(MONO),
    "hatch.linewidth": 0.5,
}


def mix(colour: str, other: str, share: float) -> str:
    """``share`` of one colour in another, both as #RRGGBB."""
    pairs = zip(_channels(colour), _channels(other), strict=True)
    return "#" + "".join(f"{round(a * share + b * (1 - share)):02X}" for a, b in pairs)


def contrast(one: str, other: str) -> float:
    """The contrast ratio of two colours, 1 to 21 (WCAG 2)."""
    dark, light = sorted((_luminance(one), _luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def _channels(colour: str) -> tuple[int, ...]:
    return tuple(bytes.fromhex(colour.removeprefix("#")))


def _luminance(colour: str) -> float:
    linear = [
        c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4
        for c in (channel / 255 for channel in _channels(colour))
    ]
    return sum(c * weight for c, weight in zip(linear, (0.2126, 0.7152, 0.0722), strict=True))


# --- CSS ----------------------------------------------------------------------------------


def css_variables(theme: Theme) -> str:
    """The values of one mode as CSS declarations; JupyterLab's own colours where it has them."""
    values = {
        "paper": f"var(--jp-layout-color0, {theme.paper})",
        "ink": f"var(--jp-content-font-color0, {theme.ink})",
        "muted": theme.muted,
        "line": theme.line,
        "panel": theme.panel,
        "error": theme.error,
        "good": theme.good,
        **{role.value: look.colour for role, look in ROLES.items()},
        **{f"found-{severity}": look.colour for severity, look in SEVERITIES.items()},
        **{f"{role.value}-tint": theme.tint(look.colour) for role, look in ROLES.items()},
    }
    return "".join(f"--dl-{name}:{value};" for name, value in values.items())


def css_themes(selector: str) -> str:
    """The values for all that ``selector`` matches: of its page's mode, else of the system's."""
    light, dark = css_variables(LIGHT), css_variables(DARK)
    return (
        f"{selector}{{{light}}}"
        f"@media(prefers-color-scheme:dark){{{selector}{{{dark}}}}}"
        f"[data-jp-theme-light=true] {selector},body.vscode-light {selector}{{{light}}}"
        f"[data-jp-theme-light=false] {selector},body.vscode-dark {selector}{{{dark}}}"
    )


def css_fonts(names: tuple[str, ...], generic: str) -> str:
    """The value of a font-family."""
    return ",".join([*(f"'{name}'" for name in names), generic])


# --- numbers ------------------------------------------------------------------------------


def hexadecimal(number: int, digits: int) -> str:
    """A number as the standard prints it: ``0030H``."""
    return f"{number:0{digits}X}H"


def count(number: int, what: str) -> str:
    """So many of something."""
    return f"{number:,} {what}{'s' * (number != 1)}"


def size(number: int) -> str:
    """A number of bytes in words."""
    return count(number, "byte")


def later(nanoseconds: int) -> str:
    """How much later something is than what was before: ``+1.50 s``."""
    return f"{'+' if nanoseconds > 0 else ''}{duration(nanoseconds)}"


def duration(nanoseconds: int) -> str:
    """A time that passed, in the unit that suits it; below 0 where a clock was set back."""
    if nanoseconds < 0:
        return f"−{duration(-nanoseconds)}"
    seconds = nanoseconds / 1e9
    if seconds < 0.0009995:
        return f"{nanoseconds / 1e3:.0f} µs"
    if seconds < 0.9995:
        milliseconds = seconds * 1e3
        digits = 2 if milliseconds < 9.995 else 1 if milliseconds < 99.95 else 0
        return f"{milliseconds:.{digits}f} ms"
    if seconds < 59.95:
        return f"{seconds:.2f} s" if seconds < 9.995 else f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {rest:02} s"
