"""Colours are readable, told apart, and doubled; numbers read as the standard's."""

from __future__ import annotations

import pytest

from dicomlab.model import Role
from dicomlab.views import theme


@pytest.mark.parametrize("mode", theme.THEMES.values(), ids=lambda mode: mode.name)
@pytest.mark.parametrize("role", Role)
def test_text_on_every_tint_is_readable(role: Role, mode: theme.Theme) -> None:
    assert theme.contrast(mode.ink, mode.tint(theme.ROLES[role].colour)) >= 4.5


@pytest.mark.parametrize("mode", theme.THEMES.values(), ids=lambda mode: mode.name)
@pytest.mark.parametrize("colour", ["ink", "muted", "error", "good"])
def test_every_text_colour_is_readable_on_paper_and_panel(mode: theme.Theme, colour: str) -> None:
    for ground in (mode.paper, mode.panel):
        assert theme.contrast(getattr(mode, colour), ground) >= 4.5


@pytest.mark.parametrize("severity", theme.SEVERITIES.values(), ids=lambda look: look.letter)
def test_black_is_readable_on_every_badge(severity: theme.Look) -> None:
    assert theme.contrast("#000000", severity.colour) >= 4.5


def test_every_role_has_a_colour_and_a_letter_of_its_own() -> None:
    assert set(theme.ROLES) == set(Role)
    assert len({look.colour for look in theme.ROLES.values()}) == len(Role)
    assert len({look.letter for look in theme.ROLES.values()}) == len(Role)


def test_css_names_every_role_in_both_modes() -> None:
    for mode in theme.THEMES.values():
        css = theme.css_variables(mode)
        assert all(f"--dl-{role.value}-tint:#" in css for role in Role)


@pytest.mark.parametrize(
    ("nanoseconds", "text"),
    [
        (0, "0 µs"),
        (400_000, "400 µs"),
        (999_600, "1.00 ms"),
        (1_300_000, "1.30 ms"),
        (29_700_000, "29.7 ms"),
        (276_500_000, "276 ms"),
        (1_500_000_000, "1.50 s"),
        (30_012_000_000, "30.0 s"),
        (125_000_000_000, "2 min 05 s"),
        (7_260_000_000_000, "2 h 01 min"),
    ],
)
def test_a_duration_is_told_in_the_unit_that_suits_it(nanoseconds: int, text: str) -> None:
    assert theme.duration(nanoseconds) == text


def test_a_clock_that_was_set_back_gives_a_time_below_0() -> None:
    assert theme.duration(-100_000_000_000) == "−1 min 40 s"
    assert (theme.later(-1_000), theme.later(1_000)) == ("−1 µs", "+1 µs")


def test_numbers_are_printed_as_the_standard_prints_them() -> None:
    assert theme.hexadecimal(0x30, 4) == "0030H"
    assert theme.size(1) == "1 byte"
    assert theme.size(16350) == "16,350 bytes"
