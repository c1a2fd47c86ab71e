"""Pictures: bytes of a PDU, sequence of an association, two side by side. Each is a slide.

``draw(value)`` gives one slide of 1280×720 as a matplotlib figure, ``pages(value)`` all of them.
Nothing here touches pyplot or a backend. Text in SVG stays text, fields carry their names as ids,
and the same picture is the same bytes.
"""

from __future__ import annotations

import io
from bisect import bisect_right
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Literal

import matplotlib as mpl
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, get_font
from matplotlib.lines import Line2D
from matplotlib.patches import Circle, FancyBboxPatch, Polygon
from matplotlib.textpath import text_to_path

from dicomlab.model import (
    Association,
    Capture,
    Compared,
    Comparison,
    Difference,
    Finding,
    Role,
    Severity,
)
from dicomlab.views import viewmodel
from dicomlab.views.negotiation import SIGNS, Mark, Proposal, folded
from dicomlab.views.pen import MARKS
from dicomlab.views.theme import (
    MATPLOTLIB,
    ROLES,
    SEVERITIES,
    THEMES,
    WEIGHTS,
    Theme,
    Tone,
    count,
    duration,
    later,
    mix,
)
from dicomlab.views.viewmodel import (
    Box,
    ByteLayout,
    Call,
    Ladder,
    Line,
    Listing,
    Negotiation,
    Reach,
    Segment,
    Step,
)

WIDTH, HEIGHT, DPI = 1280, 720, 100  # pixels
MARGIN = 40
TOP = 92  # where the content begins, below the title
FOOT = 688  # where the legend begins
LADDERS = 50  # associations of a capture whose sequence is drawn

Mode = Literal["light", "dark"]
What = Literal["sequence", "negotiation"]


def draw(value: Any, *, theme: Mode = "light", page: int = 1, what: What | None = None) -> Figure:
    """One slide of a Pdu, Draft, Association, Capture or Comparison; ``page`` counts from 1.

    ``what`` is for an Association: its ``"sequence"`` or its ``"negotiation"``, presentation
    contexts against transfer syntaxes. Raises ValueError for a page or picture that there is not.
    """
    slides = _slides(value, what)
    if not 1 <= page <= len(slides):
        raise ValueError(f"there is no page {page}: this has {len(slides)}")
    return slides[page - 1].drawn(THEMES[theme], page, len(slides))


def pages(value: Any, *, theme: Mode = "light", what: What | None = None) -> list[Figure]:
    """All slides of what :func:`draw` takes."""
    slides = _slides(value, what)
    return [one.drawn(THEMES[theme], page, len(slides)) for page, one in enumerate(slides, 1)]


def bars(
    title: str,
    times: Mapping[str, Mapping[str, float]],
    *,
    predicted: Mapping[str, Mapping[str, float]] | None = None,
    theme: Mode = "light",
) -> Picture:
    """One slide of times in seconds: what took them, and below each name where, a bar a line.

    A mark in a bar shows the time that was ``predicted`` for it. Raises ValueError where there are
    no bars, or more than a slide has room for.
    """
    return _bars_slide(title, times, predicted or {}).drawn(THEMES[theme], 1, 1)


class Picture(Figure):
    """A figure that shows itself in a notebook without pyplot, and is the same bytes each time."""

    title = ""

    def savefig(self, fname: Any, **options: Any) -> None:
        """As matplotlib's, without the date, and with text that stays text in SVG."""
        name = str(options.get("format") or getattr(fname, "name", fname))
        if name.endswith("svg"):
            options.setdefault("metadata", {"Date": None, "Title": self.title})
        with mpl.rc_context(MATPLOTLIB):
            super().savefig(fname, **options)

    def _repr_mimebundle_(self, **_: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        png = io.BytesIO()
        self.savefig(png, format="png", dpi=2 * DPI)
        bundle = {"image/png": png.getvalue(), "text/plain": f"<Picture: {self.title}>"}
        return bundle, {"image/png": {"width": WIDTH, "height": HEIGHT}}


@dataclass(frozen=True, slots=True)
class _Slide:
    """A title, and what paints the rest."""

    title: str
    subtitle: str
    paint: Callable[[_Sheet], None]

    def drawn(self, theme: Theme, page: int, of: int) -> Picture:
        with mpl.rc_context(MATPLOTLIB):
            sheet = _Sheet(theme)
            sheet.text(MARGIN, 50, sheet.fitted(self.title, 900, 27, bold=True), 27, bold=True)
            sheet.text(MARGIN, 77, sheet.fitted(self.subtitle, 1000, 16), 16, colour=theme.muted)
            if of > 1:
                sheet.text(WIDTH - MARGIN, 50, f"{page} / {of}", 16, colour=theme.muted, ha="right")
            self.paint(sheet)
        sheet.figure.title = self.title
        return sheet.figure


def _slides(value: Any, what: What | None = None) -> list[_Slide]:
    if what is not None:
        value = _picture(value, what)
    if isinstance(value, Capture):
        ladders = map(viewmodel.ladder, value.associations[:LADDERS])
        slides = [slide for one in ladders for slide in _ladder_slides(one)]
        return slides or [_nothing(viewmodel.listing(value))]
    match viewmodel.view(value):
        case ByteLayout() as view:
            return _layout_slides(view)
        case Ladder() as view:
            return _ladder_slides(view)
        case Comparison() as view:
            return _comparison_slides(view)
        case Negotiation() as view:
            return _negotiation_slides(view)
        case Reach() as view:
            return [_Slide(view.title, REACH, _reach_painter(view))]
    raise TypeError("findings are not drawn: their PDU or association is")


def _picture(value: Any, what: What) -> Ladder | Negotiation:
    """One of the pictures of an association."""
    made: dict[str, Callable[[Association], Ladder | Negotiation]] = {
        "sequence": viewmodel.ladder,
        "negotiation": viewmodel.negotiation,
    }
    if not isinstance(value, Association) or what not in made:
        raise ValueError(f"there is no picture {what!r} of a {type(value).__name__}")
    return made[what](value)


# --- the sheet ------------------------------------------------------------------------------


class _Sheet:
    """A figure measured in pixels, from its upper left corner."""

    def __init__(self, theme: Theme) -> None:
        self.theme = theme
        self.figure = Picture(figsize=(WIDTH / DPI, HEIGHT / DPI), dpi=DPI, facecolor=theme.paper)
        FigureCanvasAgg(self.figure)
        self._axes = self.figure.add_axes((0, 0, 1, 1))
        self._axes.set_xlim(0, WIDTH)
        self._axes.set_ylim(HEIGHT, 0)
        self._axes.set_axis_off()
        self._layer = 1.0

    def _above(self) -> float:
        """What is painted later lies above."""
        self._layer += 0.001
        return self._layer

    def text(
        self,
        x: float,
        y: float,
        text: str,
        size: float,
        *,
        colour: str = "",
        bold: bool = False,
        mono: bool = False,
        ha: str = "left",
        gid: str | None = None,
    ) -> None:
        """One line of text, its baseline at ``y``."""
        self._axes.text(
            x,
            y,
            _drawable(text),
            fontsize=size * 72 / DPI,
            color=colour or self.theme.ink,
            family="monospace" if mono else "sans-serif",
            weight="bold" if bold else "normal",
            ha=ha,
            va="baseline",
            parse_math=False,
            usetex=False,
            gid=gid,
            zorder=self._above(),
        )

    def box(
        self,
        x: float,
        y: float,
        width: float,
        height: float,
        fill: str,
        *,
        edge: str = "none",
        line: float = 0,
        hatch: str = "",
        round_: float = 0,
        gid: str | None = None,
    ) -> None:
        """A filled rectangle; its hatch takes the colour of its edge."""
        style = f"round,pad=0,rounding_size={round_}" if round_ else "square,pad=0"
        self._axes.add_patch(
            FancyBboxPatch(
                (x, y),
                width,
                height,
                boxstyle=style,
                facecolor=fill,
                edgecolor=edge,
                linewidth=line * 72 / DPI,
                hatch=hatch,
                gid=gid,
                zorder=self._above(),
            )
        )

    def line(
        self,
        points: Sequence[tuple[float, float]],
        colour: str,
        width: float = 1,
        *,
        dash: tuple[float, ...] = (),
        gid: str | None = None,
    ) -> None:
        """A line through the points."""
        self._axes.add_line(
            Line2D(
                [x for x, _ in points],
                [y for _, y in points],
                color=colour,
                linewidth=width * 72 / DPI,
                linestyle=(0, dash) if dash else "-",
                solid_capstyle="butt",
                gid=gid,
                zorder=self._above(),
            )
        )

    def shape(self, points: Sequence[tuple[float, float]], fill: str) -> None:
        """A filled polygon."""
        self._axes.add_patch(
            Polygon(points, closed=True, facecolor=fill, edgecolor="none", zorder=self._above())
        )

    def disc(self, x: float, y: float, radius: float, fill: str, edge: str = "none") -> None:
        """A filled circle."""
        self._axes.add_patch(
            Circle(
                (x, y), radius, facecolor=fill, edgecolor=edge, linewidth=1, zorder=self._above()
            )
        )

    def badge(self, x: float, y: float, severity: Severity, number: int) -> None:
        """A finding's number in the shape of its severity, centred."""
        colour, black = SEVERITIES[severity].colour, "#000000"
        if severity == "error":
            self.box(x - 10, y - 10, 20, 20, colour, round_=3)
        elif severity == "warning":
            self.shape([(x, y - 13), (x + 14, y + 10), (x - 14, y + 10)], black)
            self.shape([(x, y - 10), (x + 11.5, y + 8.5), (x - 11.5, y + 8.5)], colour)
        else:
            self.disc(x, y, 10, colour)
        size = 13 if number < 10 else 10
        self.text(
            x,
            y + (7 if severity == "warning" else 5),
            str(number),
            size,
            colour=black,
            bold=True,
            ha="center",
        )

    @staticmethod
    def width(text: str, size: float, *, bold: bool = False, mono: bool = False) -> float:
        """How wide a text is."""
        return _text_width(_drawable(text), size, bold, mono)

    def fitted(
        self, text: str, room: float, size: float, *, bold: bool = False, mono: bool = False
    ) -> str:
        """The text, cut with an ellipsis where it is wider than the room."""
        if self.width(text, size, bold=bold, mono=mono) <= room:
            return text
        ends = range(len(text))
        kept = bisect_right(
            ends, room, key=lambda end: self.width(text[:end] + "…", size, bold=bold, mono=mono)
        )
        return text[: max(kept - 1, 0)].rstrip() + "…"


@cache
def _font(bold: bool, mono: bool) -> FontProperties:
    family = MATPLOTLIB["font.monospace" if mono else "font.sans-serif"][0]
    return FontProperties(family=family, weight="bold" if bold else "normal")


@cache
def _text_width(text: str, size: float, bold: bool, mono: bool) -> float:
    font = _font(bold, mono).copy()
    font.set_size(size)
    return float(text_to_path.get_text_width_height_descent(text, font, ismath=False)[0])


@cache
def _drawable(text: str) -> str:
    """The text with characters that the font lacks spelled out."""
    font = get_font(findfont(_font(bold=False, mono=True)))
    return "".join(
        c if font.get_char_index(ord(c)) else c.encode("unicode_escape").decode() for c in text
    )


def _in_lines(text: str, room: float, size: float) -> list[str]:
    """A text in lines that are no wider, where its words allow it."""
    lines = []
    line = ""
    for word in (piece for one in text.split() for piece in _pieces(one, room, size)):
        longer = f"{line} {word}".strip()
        if line and _Sheet.width(longer, size) > room:
            lines.append(line)
            longer = word
        line = longer
    return [*lines, line]


def _pieces(word: str, room: float, size: float) -> Iterator[str]:
    """A word, or a UID in pieces: the last of its numbers tell it from others."""
    while word[:1].isdigit() and _Sheet.width(word, size) > room:
        ends = range(1, len(word))
        end = max(bisect_right(ends, room, key=lambda at: _Sheet.width(word[:at], size)), 1)
        yield word[:end]
        word = word[end:]
    yield word


# --- the bytes of a PDU -----------------------------------------------------------------------

GRID = 112  # left edge of the cells
CELL = 56  # width of one
TALL = 28  # and its height
TEXT = 1032  # left edge of the text column
GLYPH = 13  # width of one character there
NAME = 15  # size of the names
GAP = 7  # between two rows
RIGHT = GRID + viewmodel.WIDTH * CELL
FOLD_HEIGHT = 32
NOTE_HEIGHT = 26
TABLE = (GRID, 210, 490, 660)  # where the columns of the field table begin
NOTES = 4  # findings listed on a slide


@dataclass(frozen=True, slots=True)
class _Label:
    """The name of one field, or of several equal ones in a row, over their cells."""

    left: float  # of the cells
    right: float
    colour: str
    opens: bool
    closes: bool
    lines: tuple[str, ...] = ()  # nothing: only the bracket
    value: str = ""  # behind the name, where there is room
    x: float = 0  # of the text
    width: float = 0
    overhang: float = 0  # how much wider than its cells, as long as it may be broken in two

    @property
    def near(self) -> bool:
        """Whether the name stands over its cells."""
        end = self.x + self.width
        if self.width > self.right - self.left:
            return self.x <= (self.left + self.right) / 2 <= end
        return not self.lines or (self.left - 4 <= self.x and end <= self.right + 4)


@dataclass(frozen=True, slots=True)
class _Row:
    """One line of bytes, measured."""

    line: Line
    bands: tuple[tuple[tuple[tuple[Segment, str], ...], int], ...] = ()  # with texts; height
    labels: tuple[_Label, ...] = ()
    height: int = FOLD_HEIGHT

    @property
    def label_height(self) -> int:
        return 15 * max((len(one.lines) for one in self.labels), default=0) + 9


def _layout_slides(layout: ByteLayout) -> list[_Slide]:
    notes = len(layout.findings.notes)
    room = FOOT - 12 - TOP - NOTE_HEIGHT * (min(notes, NOTES) + (notes > NOTES))
    named = _naming_lines(layout)
    paged = _paged(layout, named, room)
    slides = []
    for rows in paged:
        first, last = rows[0].line.start, rows[-1].line.stop
        where = f", bytes {first}–{last - 1} on this page" if len(paged) > 1 else ""
        table = len(paged) == 1
        slides.append(
            _Slide(layout.title, layout.subtitle + where, _layout_painter(layout, rows, table))
        )
    return slides


def _layout_painter(
    layout: ByteLayout, rows: Sequence[_Row], table: bool
) -> Callable[[_Sheet], None]:
    def paint(sheet: _Sheet) -> None:
        notes = _notes_on(layout, rows)
        bottom = FOOT - 16 - NOTE_HEIGHT * len(notes)
        spare = bottom - TOP - sum(row.height + GAP for row in rows)
        gap = GAP + max(0.0, min(12.0, spare / len(rows)))
        y = float(TOP)
        for row in rows:
            _paint_row(sheet, layout, row, y)
            y += row.height + gap
        if table:
            _paint_table(sheet, layout, y + 10, bottom)
        for place, (number, one) in enumerate(notes):
            _paint_note(sheet, number, one, bottom + NOTE_HEIGHT * (place + 0.7))
        _paint_legend(sheet)

    return paint


def _naming_lines(layout: ByteLayout) -> dict[int, int]:
    """Where each box is named: the line (its start) on which its name fits first."""
    widths: dict[int, list[tuple[int, int]]] = {}
    for line in layout.lines:
        for segment in line.segments:
            columns = segment.last - segment.first
            widths.setdefault(segment.box, []).append((columns * CELL, line.start))
    named = {}
    for number, found in widths.items():
        wanted = _Sheet.width(layout.boxes[number].name, NAME) + 8
        fitting = [start for width, start in found[:3] if width >= wanted]
        named[number] = fitting[0] if fitting else max(found, key=lambda one: one[0])[1]
    return named


def _paged(layout: ByteLayout, named: dict[int, int], room: int) -> list[list[_Row]]:
    """The rows of each slide, about equally many on each."""
    fullest = _filled(layout, named, room)
    if len(fullest) > 1:
        for limit in range(room // 2, room, 10):
            filled = _filled(layout, named, limit)
            if len(filled) == len(fullest):
                return filled
    return fullest


def _filled(layout: ByteLayout, named: dict[int, int], room: int) -> list[list[_Row]]:
    slides: list[list[_Row]] = [[]]
    used = 0
    for line in layout.lines:
        row = _row(layout, named, line, fresh=not slides[-1])
        if slides[-1] and used + row.height > room:
            row = _row(layout, named, line, fresh=True)
            slides.append([])
            used = 0
        slides[-1].append(row)
        used += row.height + GAP
    return slides


def _row(layout: ByteLayout, named: dict[int, int], line: Line, *, fresh: bool) -> _Row:
    """A line, measured; on a fresh slide everything is named again."""
    if line.folded:
        return _Row(line)
    bands: dict[int, list[tuple[Segment, str]]] = {}
    for segment in line.segments:
        box = layout.boxes[segment.box]
        if not box.leaf:
            here = named[box.number] == line.start or (fresh and not segment.opens)
            text = _band_text(box, segment) if here else ""
            bands.setdefault(box.depth, []).append((segment, text))
    measured = tuple(
        (tuple(bands[depth]), 23 if any(text for _, text in bands[depth]) else 5)
        for depth in sorted(bands)
    )
    labels = _labels(layout, named, line, fresh=fresh)
    row = _Row(line, measured, labels)
    height = sum(height for _, height in measured) + row.label_height + TALL
    return _Row(line, measured, labels, height)


def _band_text(box: Box, segment: Segment) -> str:
    room = (segment.last - segment.first) * CELL - 16
    name = box.name if segment.opens else f"… {box.name}"
    for more in (box.meaning, box.meaning.partition(" = ")[2]):
        if more and _Sheet.width(f"{name}   {more}", NAME, bold=True) <= room:
            return f"{name}   {more}"
    return name if _Sheet.width(name, NAME, bold=True) <= room else ""


def _labels(
    layout: ByteLayout, named: dict[int, int], line: Line, *, fresh: bool
) -> tuple[_Label, ...]:
    """The names over the cells, moved apart where they would meet."""
    units: list[list[Segment]] = []
    for segment in sorted(line.segments, key=lambda one: (one.first, one.box)):
        box = layout.boxes[segment.box]
        if not box.leaf or segment.first == segment.last:
            continue
        before = layout.boxes[units[-1][-1].box] if units else None
        if before and before.name == box.name and before.depth == box.depth:
            units[-1].append(segment)
        else:
            units.append([segment])
    labels = [_label(layout, unit, line, named, fresh=fresh) for unit in units]
    while True:
        placed = _moved_apart(labels)
        widest = max(labels, key=lambda one: one.overhang, default=None)
        if widest is None or widest.overhang <= 0 or all(one.near for one in placed):
            return tuple(placed)
        labels[labels.index(widest)] = _in_two(widest)


def _label(
    layout: ByteLayout, unit: Sequence[Segment], line: Line, named: dict[int, int], *, fresh: bool
) -> _Label:
    first, last = unit[0], unit[-1]
    box = layout.boxes[first.box]
    left, right = GRID + first.first * CELL, GRID + last.last * CELL
    colour = ROLES[box.role].colour if box.role else ""
    label = _Label(left, right, colour, first.opens, last.closes)
    if named[box.number] != line.start and not (fresh and not first.opens):
        return label
    name = f"{len(unit)} × {box.name}" if len(unit) > 1 else box.name
    name = name if first.opens else f"… {name}"
    start = _Sheet.width(f"{name}  ", NAME)
    if len(unit) == 1 and box.role is not Role.RESERVED:
        for value in (f"{box.value} = {box.meaning}" if box.meaning else "", box.value):
            width = start + _Sheet.width(value, NAME, bold=True)
            if value and width + 6 <= right - left:
                return replace(label, lines=(name,), value=value, x=left + 2, width=width)
    return _centred(label, name)


def _centred(label: _Label, *lines: str) -> _Label:
    width = max(_Sheet.width(one, NAME) for one in lines)
    room = label.right - label.left
    x = label.left + (2 if width <= room else (room - width) / 2)
    return replace(label, lines=lines, x=x, width=width, overhang=width - room)


def _in_two(label: _Label) -> _Label:
    """The label on two lines, broken where both are short; or as it is, and content with that."""
    (name,) = label.lines
    breaks = [place for place, c in enumerate(name, 1) if c in "- /" and place < len(name)]
    if not breaks:
        return replace(label, overhang=0)
    best = min(breaks, key=lambda place: max(place, len(name) - place))
    return replace(_centred(label, name[:best].rstrip(), name[best:]), overhang=0)


def _moved_apart(labels: Sequence[_Label], gap: float = 10) -> list[_Label]:
    """The labels with as little moved as possible, so that no two meet (isotonic regression)."""
    texts = [one for one in labels if one.lines]
    offsets, total = [], 0.0
    for one in texts:
        offsets.append(total)
        total += one.width + gap
    blocks: list[tuple[float, int]] = []  # mean, how many
    for one, offset in zip(texts, offsets, strict=True):
        mean, many = one.x - offset, 1
        while blocks and blocks[-1][0] > mean:
            before, more = blocks.pop()
            mean, many = (mean * many + before * more) / (many + more), many + more
        blocks.append((mean, many))
    high = max(GRID, RIGHT + 12 - (total - gap))
    means = [min(max(mean, GRID), high) for mean, many in blocks for _ in range(many)]
    xs = iter([mean + offset for mean, offset in zip(means, offsets, strict=True)])
    return [replace(one, x=next(xs)) if one.lines else one for one in labels]


def _paint_row(sheet: _Sheet, layout: ByteLayout, row: _Row, y: float) -> None:
    theme, line = sheet.theme, row.line
    if line.folded:
        _paint_fold(sheet, layout, line, y)
        return
    for segments, height in row.bands:
        for segment, text in segments:
            _paint_band(sheet, layout.boxes[segment.box], segment, text, y, height - 2.5)
        y += height
    y += row.label_height
    for label in row.labels:
        _paint_label(sheet, label, y)
    sheet.text(
        GRID - 16, y + 20.5, f"{line.start:04X}", 17, colour=theme.muted, mono=True, ha="right"
    )
    for segment in line.segments:
        box = layout.boxes[segment.box]
        if box.leaf and segment.last > segment.first:
            _paint_cells(sheet, box, segment, line.start, y)
    for cell in line.cells:
        column = cell.offset - line.start
        sheet.text(GRID + (column + 0.5) * CELL, y + 20.5, cell.hex, 19, mono=True, ha="center")
        sheet.text(
            TEXT + (column + 0.5) * GLYPH,
            y + 20.5,
            cell.text,
            18,
            mono=True,
            ha="center",
            colour=theme.muted if cell.text == "·" else theme.ink,
        )
    _paint_marks(sheet, layout, line, y)


def _paint_fold(sheet: _Sheet, layout: ByteLayout, line: Line, y: float) -> None:
    theme = sheet.theme
    sheet.box(GRID, y, RIGHT - GRID, FOLD_HEIGHT, theme.panel, edge=theme.line, line=1)
    sheet.text(
        GRID - 16, y + 22, f"{line.start:04X}", 17, colour=theme.muted, mono=True, ha="right"
    )
    sheet.text((GRID + RIGHT) / 2, y + 21, f"…  {line.folded}  …", 16, ha="center")
    for place, number in enumerate(sorted(line.notes)[:NOTES]):
        severity = layout.findings.notes[number - 1].severity
        sheet.badge(RIGHT - 18 - 28 * place, y + FOLD_HEIGHT / 2, severity, number)


def _paint_band(
    sheet: _Sheet, box: Box, segment: Segment, text: str, y: float, height: float
) -> None:
    """A container: a band over everything in it, open where it goes on."""
    theme = sheet.theme
    left = GRID + segment.first * CELL + (1 if segment.opens else -6)
    right = GRID + segment.last * CELL + (-1 if segment.closes else 6)
    fill = mix(theme.muted, theme.paper, 0.16 + 0.07 * (box.depth % 3))
    gid = box.ident if segment.opens else None
    sheet.box(left, y, right - left, height, fill, gid=gid)
    for closed, x in ((segment.opens, left), (segment.closes, right)):
        if closed:
            sheet.line([(x, y), (x, y + height)], theme.muted, 2)
    if text:
        name, _, meaning = text.partition("   ")
        sheet.text(left + 8, y + 15.5, name, NAME, bold=True)
        if meaning:
            sheet.text(left + 8 + sheet.width(name, NAME, bold=True) + 12, y + 15.5, meaning, NAME)


def _paint_label(sheet: _Sheet, label: _Label, y: float) -> None:
    """The bracket over the cells, and the name over the bracket."""
    left, right, top = label.left + 2.5, label.right - 2.5, y - 7
    points = [(left, top), (right, top)]
    if label.opens:
        points.insert(0, (left, y - 2.5))
    if label.closes:
        points.append((right, y - 2.5))
    sheet.line(points, label.colour, 2.2)
    for place, text in zip(reversed(range(len(label.lines))), label.lines, strict=True):
        wide = sheet.width(text, NAME)
        room = label.width if not label.value else wide
        sheet.text(label.x + (room - wide) / 2, y - 12.5 - 15 * place, text, NAME)
    if label.value:
        start = label.x + sheet.width(f"{label.lines[0]}  ", NAME)
        sheet.text(start, y - 12.5, label.value, NAME, bold=True)


def _paint_cells(sheet: _Sheet, box: Box, segment: Segment, start: int, y: float) -> None:
    """The tinted cells of a leaf, in the grid and in the text column, with its letter."""
    if box.role is None:
        return
    look, theme = ROLES[box.role], sheet.theme
    left, columns = GRID + segment.first * CELL, segment.last - segment.first
    tint = theme.tint(look.colour)
    gid = box.ident if segment.opens else f"{box.ident}-at-{start}"
    sheet.box(left + 1, y, columns * CELL - 2, TALL, tint, edge=look.colour, line=1.6, gid=gid)
    for column in range(1, columns):
        x = left + column * CELL
        sheet.line([(x, y + 8), (x, y + TALL - 8)], look.colour, 0.8)
    if look.hatch:
        strip = sheet.theme.paper
        sheet.box(
            left + 2, y + TALL - 7, columns * CELL - 4, 6, strip, edge=look.colour, hatch=look.hatch
        )
    if segment.opens:
        sheet.text(left + 6, y + 12, look.letter, 10, bold=True)
    sheet.box(TEXT + segment.first * GLYPH, y + 5, columns * GLYPH, TALL - 10, tint)


def _paint_marks(sheet: _Sheet, layout: ByteLayout, line: Line, y: float) -> None:
    """Frames around the bytes that findings point at."""
    runs: dict[int, list[int]] = {}
    for cell in line.cells:
        if cell.notes:
            runs.setdefault(cell.notes[0], []).append(cell.offset - line.start)
    for number, columns in runs.items():
        severity = layout.findings.notes[number - 1].severity
        left = GRID + columns[0] * CELL + 1
        right = GRID + (columns[-1] + 1) * CELL - 1
        colour = SEVERITIES[severity].colour
        corners = [(left, y - 1), (right, y - 1), (right, y + TALL + 1), (left, y + TALL + 1)]
        sheet.line([*corners, corners[0], corners[1]], sheet.theme.ink, 5)
        sheet.line([*corners, corners[0], corners[1]], colour, 3)
        sheet.badge(right - 2, y + TALL - 1, severity, number)


def _notes_on(layout: ByteLayout, rows: Sequence[_Row]) -> list[tuple[int, Finding]]:
    """The findings that this slide lists, with their numbers."""
    shown = {n for row in rows for n in row.line.notes}
    shown |= {n for row in rows for cell in row.line.cells for n in cell.notes}
    first = rows[0].line.start == layout.start
    return [
        (number, one)
        for number, one in enumerate(layout.findings.notes, 1)
        if number in shown or (first and one.span is None)
    ][:NOTES]


def _paint_note(sheet: _Sheet, number: int, one: Finding, y: float) -> None:
    sheet.badge(MARGIN + 12, y - 5, one.severity, number)
    sheet.text(MARGIN + 34, y, one.code, 15, bold=True)
    start = MARGIN + 48 + sheet.width(one.code, 15, bold=True)
    sheet.text(start, y, sheet.fitted(one.what, WIDTH - MARGIN - start, 15), 15)


def _paint_table(sheet: _Sheet, layout: ByteLayout, top: float, bottom: float) -> None:
    """The fields with their values, where a short PDU leaves room for them."""
    leaves = [box for box in layout.boxes if box.leaf]
    step = min(44.0, (bottom - top - 44) / max(len(leaves), 1))
    if step < 24 or len(leaves) < 2:
        return
    size = min(20.0, step * 0.6)
    y = top + 28
    for x, text in zip(TABLE, ("offset", "field", "value", "meaning"), strict=True):
        sheet.text(x, y, text, 15, colour=sheet.theme.muted)
    sheet.line([(GRID, y + 8), (WIDTH - MARGIN, y + 8)], sheet.theme.line)
    offset, name, value, meaning = TABLE
    for box in leaves:
        y += step
        colour = ROLES[box.role].colour if box.role else sheet.theme.line
        sheet.box(GRID, y - size * 0.85, 6, size * 1.05, colour)
        sheet.text(offset + 16, y, f"{box.start:04X}", size, mono=True, colour=sheet.theme.muted)
        sheet.text(
            name, y, sheet.fitted(box.name, value - name - 10, size, bold=True), size, bold=True
        )
        sheet.text(
            value,
            y,
            sheet.fitted(box.value, meaning - value - 10, size, mono=True),
            size,
            mono=True,
        )
        words = sheet.fitted(box.meaning or box.rule, WIDTH - MARGIN - meaning, size)
        sheet.text(meaning, y, words, size, colour="" if box.meaning else sheet.theme.muted)


def _paint_legend(sheet: _Sheet) -> None:
    x = float(GRID)
    for role, look in ROLES.items():
        sheet.box(x, FOOT, 26, 20, sheet.theme.tint(look.colour), edge=look.colour, line=1.6)
        sheet.text(x + 13, FOOT + 15, look.letter, 13, bold=True, ha="center")
        sheet.text(x + 34, FOOT + 15, role.value, 15)
        x += 34 + sheet.width(role.value, 15) + 30
    sheet.text(
        WIDTH - MARGIN,
        FOOT + 15,
        "offsets in hex, from 0000",
        13,
        colour=sheet.theme.muted,
        ha="right",
    )


# --- the sequence of an association -----------------------------------------------------------

LEFT, FAR = 350, 930  # the two lifelines
MIDDLE = (LEFT + FAR) / 2
HEAD = 66  # height of the heads
LIFE = TOP + HEAD  # where the lifelines begin
SLOPE = 9
FOOT_TOP = 646  # where the outcome stands
_TONE_SEVERITY: dict[Tone, Severity | None] = {
    "plain": None,
    "good": None,
    "warning": "warning",
    "error": "error",
}


def _ladder_slides(ladder: Ladder) -> list[_Slide]:
    room = FOOT_TOP - LIFE - 26
    groups: list[list[Step]] = [[]]
    used = 0.0
    for step in ladder.steps:
        if groups[-1] and used + _step_height(step) > room:
            groups.append([])
            used = 0.0
        groups[-1].append(step)
        used += _step_height(step)
    between = f"between {ladder.requestor.address} and {ladder.acceptor.address}"
    subtitle = f"{count(ladder.pdus, 'PDU')} {between}"
    return [
        _Slide(ladder.title, subtitle, _ladder_painter(ladder, group, room, group is groups[-1]))
        for group in groups
    ]


def _details(step: Step) -> list[str]:
    """The details of a step in lines that fit between the lifelines."""
    return [line for text in step.details for line in _in_lines(text, FAR - LEFT - 50, 14)]


def _step_height(step: Step) -> float:
    if step.kind == "pdu":
        return 48 + 17 * len(_details(step))
    return {"opened": 36, "fold": 66, "silence": 54}.get(step.kind, 48)


def _ladder_painter(
    ladder: Ladder, steps: Sequence[Step], room: float, last: bool
) -> Callable[[_Sheet], None]:
    def paint(sheet: _Sheet) -> None:
        heights = [_step_height(one) for one in steps]
        spare = min(36.0, max(0.0, (room - 8 - sum(heights)) / max(len(steps), 1)))
        end = LIFE + 10 + sum(heights) + spare * len(steps)
        for x, one in ((LEFT, ladder.requestor), (FAR, ladder.acceptor)):
            sheet.line([(x, LIFE), (x, end)], sheet.theme.muted, 2)
            sheet.box(
                x - 170,
                TOP,
                340,
                HEAD - 4,
                sheet.theme.panel,
                edge=sheet.theme.muted,
                line=1.5,
                round_=8,
            )
            sheet.text(
                x, TOP + 28, sheet.fitted(one.title, 320, 21, bold=True), 21, bold=True, ha="center"
            )
            sheet.text(
                x,
                TOP + 50,
                f"{one.side} · {one.address}",
                14,
                colour=sheet.theme.muted,
                ha="center",
            )
        sheet.text(MARGIN, LIFE - 12, "time", 14, colour=sheet.theme.muted)
        y = LIFE + 10.0
        for step, height in zip(steps, heights, strict=True):
            _PAINT[step.kind](sheet, step, y, height)
            y += height + spare
        if last:
            _paint_outcome(sheet, ladder)
        else:
            sheet.text(
                MIDDLE,
                FOOT_TOP + 32,
                "continued on the next page",
                16,
                ha="center",
                colour=sheet.theme.muted,
            )

    return paint


def _paint_outcome(sheet: _Sheet, ladder: Ladder) -> None:
    theme, top, height = sheet.theme, FOOT_TOP, 52
    colour = theme.tone(ladder.tone)
    sheet.box(MARGIN, top, WIDTH - 2 * MARGIN, height, theme.panel)
    sheet.box(MARGIN, top, 8, height, colour)
    symbol = {"good": "✔", "error": "✖", "warning": "▲", "plain": "●"}[ladder.tone]
    sheet.text(MARGIN + 28, top + 33, symbol, 22, colour=colour)
    room = WIDTH - 2 * MARGIN - 90
    sheet.text(
        MARGIN + 64, top + 33, sheet.fitted(ladder.outcome, room, 21, bold=True), 21, bold=True
    )


def _paint_time(sheet: _Sheet, step: Step, y: float) -> None:
    if step.time is not None:
        sheet.text(MARGIN, y + 5, duration(step.time), 15)
    if step.gap:
        sheet.text(MARGIN, y + 22, later(step.gap), 13, colour=sheet.theme.muted)


def _paint_states(sheet: _Sheet, step: Step, left: float, right: float, away: float = 16) -> None:
    """The state of each side after the step, beside its end of the arrow."""
    for x, y, ha, side, move in (
        (LEFT - away, left, "right", "requestor", step.requestor),
        (FAR + away, right, "left", "acceptor", step.acceptor),
    ):
        changed = move.before != move.after
        text = f"{move.before} → {move.after}" if changed and move.before else move.after
        colour = sheet.theme.ink if changed else sheet.theme.muted
        sheet.text(x, y + 5, text, 15, colour=colour, bold=changed, ha=ha)
        causes = [one for one in (move.event, move.action) if one]
        cause = " · ".join(causes)
        if step.illegal is None or step.illegal.receiver != side:
            sheet.text(x, y + 22, cause, 13, colour=sheet.theme.muted, ha=ha)
            continue
        cause = " · ".join([*causes, "not allowed"])
        sheet.text(x, y + 22, cause, 13, colour=sheet.theme.error, bold=True, ha=ha)
        away_from_text = sheet.width(text, 15, bold=changed) + 18
        _paint_symbol(sheet, x + (away_from_text if ha == "left" else -away_from_text), y, "error")


def _paint_pdu(sheet: _Sheet, step: Step, y: float, _height: float) -> None:
    """An arrow from its sender, a little downwards; its label above, its details below."""
    theme = sheet.theme
    colour = theme.tone(step.tone)
    line = y + 22.0
    forth = step.sender != "acceptor"
    start, end = (LEFT, FAR) if forth else (FAR, LEFT)
    way = 1 if forth else -1
    sheet.line(
        [(start, line), (end - way * 12, line + SLOPE)],
        colour,
        2.5 if step.tone != "error" else 3.5,
        gid=f"pdu-{step.index}",
    )
    tip = line + SLOPE
    sheet.shape([(end - way, tip), (end - way * 17, tip - 8), (end - way * 17, tip + 7)], colour)
    severity = _TONE_SEVERITY[step.tone]
    room = FAR - LEFT - 60
    size = 17 if sheet.width(step.label, 17, bold=True) <= room else 14
    label = sheet.fitted(step.label, room, size, bold=True)
    sheet.text(
        MIDDLE,
        line - 5,
        label,
        size,
        bold=True,
        ha="center",
        colour=colour if step.tone == "error" else "",
    )
    if severity:
        _paint_symbol(
            sheet, MIDDLE - sheet.width(label, size, bold=True) / 2 - 24, line - 11, severity
        )
    for place, text in enumerate(_details(step)):
        sheet.text(
            MIDDLE,
            line + SLOPE + 15 + 17 * place,
            sheet.fitted(text, FAR - LEFT - 50, 14),
            14,
            ha="center",
        )
    left, right = (line, line + SLOPE) if forth else (line + SLOPE, line)
    _paint_time(sheet, step, line)
    _paint_states(sheet, step, left, right)


def _paint_symbol(sheet: _Sheet, x: float, y: float, severity: Severity) -> None:
    if severity == "error":
        sheet.disc(x, y, 9, SEVERITIES["error"].colour)
        for turn in (1, -1):
            sheet.line([(x - 4, y - 4 * turn), (x + 4, y + 4 * turn)], "#FFFFFF", 2.5)
    else:
        sheet.shape([(x, y - 11), (x + 12, y + 9), (x - 12, y + 9)], "#000000")
        sheet.shape(
            [(x, y - 8.5), (x + 9.5, y + 7.5), (x - 9.5, y + 7.5)], SEVERITIES[severity].colour
        )
        sheet.text(x, y + 6, "!", 13, colour="#000000", bold=True, ha="center")


def _paint_opened(sheet: _Sheet, step: Step, y: float, _height: float) -> None:
    theme = sheet.theme
    line = y + 16
    sheet.line([(LEFT, line), (FAR, line)], theme.muted, 1.5, dash=(4, 4))
    _words_on_line(sheet, step.label, line, theme.muted)
    _paint_time(sheet, step, line)
    _paint_states(sheet, step, line, line)


def _words_on_line(sheet: _Sheet, text: str, y: float, colour: str, size: float = 15) -> None:
    wide = sheet.width(text, size)
    sheet.box(MIDDLE - wide / 2 - 10, y - 12, wide + 20, 24, sheet.theme.paper)
    sheet.text(MIDDLE, y + 5, text, size, colour=colour, ha="center")


def _paint_fold_step(sheet: _Sheet, step: Step, y: float, height: float) -> None:
    theme = sheet.theme
    for offset in (8, 4, 0):
        sheet.box(
            LEFT + 40 + offset,
            y + 2 + offset,
            FAR - LEFT - 80,
            height - 14,
            theme.panel,
            edge=theme.muted,
            line=1.2,
            round_=6,
        )
    middle = y + height / 2 - 5
    sheet.text(MIDDLE, middle, step.label, 19, bold=True, ha="center")
    sheet.text(MIDDLE, middle + 18, " ".join(step.details), 14, ha="center", colour=theme.muted)
    _paint_time(sheet, step, middle)
    _paint_states(sheet, step, middle, middle)


def _paint_silence(sheet: _Sheet, step: Step, y: float, height: float) -> None:
    """The lifelines are broken, and so is time."""
    theme = sheet.theme
    for x in (LEFT, FAR):
        sheet.box(x - 5, y + 8, 10, height - 18, theme.paper)
        sheet.line([(x, y + 8), (x, y + height - 10)], theme.muted, 2.5, dash=(1, 3))
    middle = y + height / 2
    sheet.text(MIDDLE, middle + 4, f"…  {step.label}  …", 18, ha="center", bold=True)


def _paint_gap(sheet: _Sheet, step: Step, y: float, _height: float) -> None:
    line = y + 22
    sheet.line([(LEFT, line), (FAR, line)], sheet.theme.muted, 2, dash=(1, 3))
    _words_on_line(sheet, step.label, line, sheet.theme.ink)
    _paint_symbol(sheet, MIDDLE - sheet.width(step.label, 15) / 2 - 22, line, "warning")


def _paint_closed(sheet: _Sheet, step: Step, y: float, _height: float) -> None:
    """TCP's end where a release was due: a cross on the side that closed."""
    theme, line = sheet.theme, y + 22
    sheet.line([(LEFT, line), (FAR, line)], theme.error, 2, dash=(5, 4))
    _words_on_line(sheet, step.label, line, theme.error, 17)
    x = LEFT if step.sender == "requestor" else FAR
    sheet.disc(x, line, 13, SEVERITIES["error"].colour)
    for turn in (1, -1):
        sheet.line([(x - 6, line - 6 * turn), (x + 6, line + 6 * turn)], "#FFFFFF", 3)
    _paint_time(sheet, step, line)
    _paint_states(sheet, step, line, line, away=22)


def _paint_end(sheet: _Sheet, step: Step, y: float, _height: float) -> None:
    theme, line = sheet.theme, y + 22
    sheet.line([(LEFT - 60, line), (FAR + 60, line)], theme.muted, 2, dash=(8, 5))
    _words_on_line(sheet, step.label, line, theme.ink, 17)
    _paint_time(sheet, step, line)


_PAINT: dict[str, Callable[[_Sheet, Step, float, float], None]] = {
    "opened": _paint_opened,
    "pdu": _paint_pdu,
    "fold": _paint_fold_step,
    "silence": _paint_silence,
    "gap": _paint_gap,
    "closed": _paint_closed,
    "end": _paint_end,
}


# --- the negotiation of an association --------------------------------------------------------

NAMES = MARGIN + 48  # where abstract syntaxes begin
NAMES_END = 388  # where they end, if there are many transfer syntaxes
RESULT = 912  # where it begins what came of each context
SYNTAXES = 6  # columns that there is room for
HEADING = 14  # size of their names
HEADING_LINES = 4
TABLE_TOP = TOP + 17 * HEADING_LINES + 10
PROPOSAL, TALLER = 48, 64  # heights of a row, and of one with a long name and roles
CELL_WIDTH, CELL_HEIGHT = 44, 28


def _negotiation_slides(negotiation: Negotiation) -> list[_Slide]:
    room = FOOT - 18 - TABLE_TOP
    paged: list[list[list[Proposal]]] = [[]]
    used = 0
    for group in folded(negotiation.proposals):
        height = _proposal_height(group)
        if paged[-1] and used + height > room:
            paged.append([])
            used = 0
        paged[-1].append(group)
        used += height
    return [
        _Slide(
            negotiation.title, negotiation.subtitle, _negotiation_painter(negotiation, page, room)
        )
        for page in paged
    ]


def _proposal_height(group: Sequence[Proposal]) -> int:
    long = len(_in_lines(group[0].abstract_syntax, NAMES_END - NAMES, 16)) > 1
    return TALLER if long and group[0].roles and len(group) == 1 else PROPOSAL


def _negotiation_painter(
    negotiation: Negotiation, groups: Sequence[Sequence[Proposal]], room: float
) -> Callable[[_Sheet], None]:
    columns, hidden = _columns([one for group in groups for one in group])
    names = [negotiation.syntaxes[column] for column in columns] + ["others"] * hidden
    width = min(110.0, (RESULT - NAMES_END - 24) / max(len(names), 1))
    left = RESULT - 18 - width * len(names)

    def paint(sheet: _Sheet) -> None:
        for x, text in ((MARGIN, "ID"), (NAMES, "abstract syntax"), (RESULT, "result")):
            sheet.text(x, TABLE_TOP - 12, text, 15, colour=sheet.theme.muted)
        for place, name in enumerate(names):
            _paint_heading(sheet, name, left + (place + 0.5) * width, TABLE_TOP - 12, width - 8)
        heights = [_proposal_height(group) for group in groups]
        spare = min(24.0, (room - sum(heights)) / max(len(groups), 1))
        y = float(TABLE_TOP)
        for group, height in zip(groups, heights, strict=True):
            sheet.line([(MARGIN, y), (WIDTH - MARGIN, y)], sheet.theme.line)
            middle = y + (height + spare) / 2
            if len(group) > 1:
                _paint_proposals(sheet, group, middle)
            else:
                _paint_proposal(sheet, group[0], middle, left - 16 - NAMES)
                _paint_marks_of(sheet, group[0], columns, middle, left, width)
            y += height + spare
        if not groups:
            sheet.text(NAMES, y + 34, "No presentation context is there.", 18)
        _paint_signs(sheet, {mark for group in groups for mark in group[0].marks if mark})

    return paint


def _columns(proposals: Sequence[Proposal]) -> tuple[list[int], bool]:
    """The transfer syntaxes of a slide that have columns of their own; whether there are others."""
    used = [0] * max((len(one.marks) for one in proposals), default=0)
    for one in proposals:
        for column, mark in enumerate(one.marks):
            used[column] += bool(mark) + 1000 * ("accepted" in mark)
    found = [column for column, times in enumerate(used) if times]
    hidden = any(one.more for one in proposals)
    if len(found) + hidden > SYNTAXES:
        kept = sorted(found, key=lambda column: -used[column])[: SYNTAXES - 1]
        return sorted(kept), True
    return found, hidden


def _paint_heading(sheet: _Sheet, name: str, x: float, bottom: float, room: float) -> None:
    """The name of a column, in a few lines."""
    lines = _in_lines(name, room, HEADING)
    if len(lines) > HEADING_LINES:
        rest = " ".join(lines[HEADING_LINES - 1 :])
        lines = [*lines[: HEADING_LINES - 1], sheet.fitted(rest + "…", room, HEADING)]
    for place, line in enumerate(reversed(lines)):
        text = sheet.fitted(line, room, HEADING)
        sheet.text(x, bottom - 17 * place, text, HEADING, ha="center")


def _paint_proposal(sheet: _Sheet, one: Proposal, middle: float, room: float) -> None:
    theme = sheet.theme
    lines = _in_lines(one.abstract_syntax, room, 16)
    if len(lines) > 2:
        lines = [lines[0], " ".join(lines[1:])]
    rows = [(sheet.fitted(line, room, 16), 16, theme.ink) for line in lines]
    if one.roles:
        rows.append((sheet.fitted(one.roles, room, 14), 14, theme.muted))
    for place, (text, size, colour) in enumerate(rows):
        sheet.text(
            NAMES, middle + 6 + 18 * (place - (len(rows) - 1) / 2), text, size, colour=colour
        )
    sheet.text(NAMES - 12, middle + 6, f"{one.id}", 16, ha="right", colour=theme.muted)
    colour = theme.tone(one.tone)
    symbol = {"good": "✔", "error": "✖", "warning": "▲"}.get(one.tone, "●")
    left, room = RESULT + 24, WIDTH - MARGIN - RESULT - 30
    sheet.text(RESULT, middle - 3, symbol, 16, colour=colour)
    result = sheet.fitted(one.result, room, 16, bold=True)
    sheet.text(left, middle - 3, result, 16, bold=True, colour=colour)
    sheet.text(left, middle + 16, sheet.fitted(one.why, room, 14), 14, colour=theme.muted)


def _paint_marks_of(
    sheet: _Sheet, one: Proposal, columns: Sequence[int], y: float, left: float, width: float
) -> None:
    """The cells of a row; how many there are without a column, and whether one was accepted."""
    for place, column in enumerate(columns):
        if one.marks[column]:
            _paint_sign(sheet, one.marks[column], left + (place + 0.5) * width, y)
    others = [mark for column, mark in enumerate(one.marks) if mark and column not in columns]
    if others or one.more:
        chosen: Mark = next((mark for mark in others if "accepted" in mark), "")
        text = f"{SIGNS[chosen]} + {len(others) + one.more - bool(chosen):,}".removesuffix(" + 0")
        colour = _edge(sheet, chosen) if chosen else sheet.theme.muted
        x = left + (len(columns) + 0.5) * width
        sheet.text(x, y + 6, text.strip(), 16, ha="center", colour=colour, bold=bool(chosen))


def _edge(sheet: _Sheet, mark: Mark) -> str:
    """The colour around a sign."""
    theme = sheet.theme
    colours = {"accepted": theme.good, "not chosen": theme.line, "proposed": theme.muted}
    return colours.get(mark, theme.error)


def _paint_sign(sheet: _Sheet, mark: Mark, x: float, y: float) -> None:
    """A cell by its sign, its colour and its border."""
    theme, edge = sheet.theme, _edge(sheet, mark)
    left, top = x - CELL_WIDTH / 2, y - CELL_HEIGHT / 2
    fills = {"accepted": theme.tint(theme.good), "not chosen": theme.panel}
    fill, heavy = fills.get(mark, theme.paper), 2.5 if "accepted" in mark else 1.5
    sheet.box(left, top, CELL_WIDTH, CELL_HEIGHT, fill, edge=edge, line=heavy, round_=5)
    colour = {"not chosen": theme.muted, "proposed": theme.ink}.get(mark, edge)
    sheet.text(x, y + 6.5, SIGNS[mark], 18, bold=True, ha="center", colour=colour)


def _paint_proposals(sheet: _Sheet, group: Sequence[Proposal], middle: float) -> None:
    """Contexts that say the same, as one row."""
    for offset in (6, 3, 0):
        sheet.box(
            MARGIN + offset, middle - 18 + offset, WIDTH - 2 * MARGIN - 6, 32,
            sheet.theme.panel, edge=sheet.theme.muted, line=1.2, round_=6,
        )  # fmt: skip
    says = f"… {count(len(group), 'more context')}, {group[0].id} to {group[-1].id}, "
    says += f"that say the same: {group[0].result} …"
    sheet.text(WIDTH / 2, middle + 4, says, 16, ha="center")


def _paint_signs(sheet: _Sheet, marks: Collection[Mark]) -> None:
    """What the signs stand for."""
    x = float(MARGIN)
    for mark in SIGNS:
        if mark in marks:
            _paint_sign(sheet, mark, x + CELL_WIDTH / 2, FOOT + 10)
            sheet.text(x + CELL_WIDTH + 8, FOOT + 15, mark, 15)
            x += CELL_WIDTH + 8 + sheet.width(mark, 15) + 34


# --- two side by side ---------------------------------------------------------------------------

COLUMN = 576  # width of each of the two columns
SECOND = WIDTH - MARGIN - COLUMN  # left edge of the second
ROWS = TOP + 82  # where the differences begin
SAYS = 19  # size of the values
LINE = 24  # height of a line of them
VALUE_LINES = 2
TOLD = 30  # differences that are drawn


def _comparison_slides(view: Comparison) -> list[_Slide]:
    drawn = [one for one in view.differences if WEIGHTS[one.weight] != "plain"][:TOLD]
    groups: list[list[Difference]] = [[]]
    used = 0.0
    for one in drawn:
        height = _difference_height(one)
        if groups[-1] and used + height > FOOT - 10 - ROWS:
            groups.append([])
            used = 0.0
        groups[-1].append(one)
        used += height
    decides, may, not_ = (view.number(weight) for weight in WEIGHTS)
    title = f"{count(decides, 'difference')} decide{'s' * (decides == 1)}, {may:,} may matter"
    subtitle = f"{count(view.alike, 'field')} alike; {not_:,} that do not matter are not shown"
    left_out = decides + may - sum(1 + one.more for one in drawn)
    subtitle += f", nor are {left_out:,} that may" if left_out else ""
    return [_Slide(title, subtitle, _comparison_painter(view, group)) for group in groups]


def _comparison_painter(view: Comparison, group: Sequence[Difference]) -> Callable[[_Sheet], None]:
    def paint(sheet: _Sheet) -> None:
        _paint_compared(sheet, view.a, MARGIN)
        _paint_compared(sheet, view.b, SECOND)
        heights = [_difference_height(one) for one in group]
        spare = (FOOT - 10 - ROWS - sum(heights)) / max(len(group), 1)
        y = float(ROWS)
        for one, height in zip(group, heights, strict=True):
            _paint_difference(sheet, one, y)
            y += height + min(spare, 28)
        if not group:
            sheet.text(WIDTH / 2, y + 60, "Nothing differs that matters.", 24, ha="center")

    return paint


def _paint_compared(sheet: _Sheet, one: Compared, x: float) -> None:
    theme = sheet.theme
    sheet.box(x, TOP, COLUMN, HEAD, theme.panel, edge=theme.muted, line=1.5, round_=8)
    middle, room = x + COLUMN / 2, COLUMN - 24
    title = sheet.fitted(one.title, room, 22, bold=True)
    sheet.text(middle, TOP + 29, title, 22, bold=True, ha="center")
    subtitle = sheet.fitted(one.subtitle, room, 16)
    sheet.text(middle, TOP + 53, subtitle, 16, colour=theme.muted, ha="center")


def _value_lines(text: str | None) -> list[str]:
    """What one of the two has, in a few lines; the last says that there would be more."""
    lines = _in_lines("not there" if text is None else text, COLUMN - 24, SAYS)
    return [*lines[: VALUE_LINES - 1], " ".join(lines[VALUE_LINES - 1 :])]


def _difference_height(one: Difference) -> float:
    lines = max(len(list(filter(None, _value_lines(text)))) for text in (one.a, one.b))
    return 56 + LINE * lines


def _paint_difference(sheet: _Sheet, one: Difference, y: float) -> None:
    """Where and why on a line, with the sign of its weight; below it what both have."""
    theme, tone = sheet.theme, WEIGHTS[one.weight]
    severity = _TONE_SEVERITY[tone]
    if severity:
        _paint_symbol(sheet, MARGIN + 12, y + 13, severity)
    where = f"{one.where} (and {one.more:,} more like it)" if one.more else one.where
    room = WIDTH - 2 * MARGIN - 34
    where = sheet.fitted(where, room, 19, bold=True)
    sheet.text(MARGIN + 34, y + 20, where, 19, bold=True)
    if sheet.width(where, 19, bold=True) + 24 + sheet.width(one.why, 16) <= room:
        sheet.text(WIDTH - MARGIN, y + 20, one.why, 16, colour=theme.muted, ha="right")
    top, height = y + 30, _difference_height(one) - 44
    for x, text in ((MARGIN, one.a), (SECOND, one.b)):
        colour = theme.error if tone == "error" else theme.muted
        sheet.box(
            x, top, COLUMN, height, theme.panel, edge=colour, line=2 if tone == "error" else 1
        )
        for number, line in enumerate(filter(None, _value_lines(text))):
            said = sheet.fitted(line, COLUMN - 24, SAYS)
            ink = theme.muted if text is None else theme.ink
            sheet.text(x + 12, top + 24 + LINE * number, said, SAYS, colour=ink)
    sheet.text(WIDTH / 2, top + height / 2 + 8, "≠", 24, bold=True, ha="center", colour=colour)


# --- who reaches whom ---------------------------------------------------------------------------

REACH = "A row calls, a column answers."
CALLERS = 200  # right edge of their names
CALLS = TOP + 44  # where their rows begin
APART = 8  # pixels between two of them


def _reach_painter(view: Reach) -> Callable[[_Sheet], None]:
    number = max(len(view.applications), 1)
    left = MARGIN + CALLERS
    width, height = (WIDTH - MARGIN - left) / number, min(140.0, (FOOT - CALLS) / number)

    def paint(sheet: _Sheet) -> None:
        for place, (name, _) in enumerate(view.applications):
            said = sheet.fitted(name, width - 12, 18, bold=True)
            sheet.text(left + (place + 0.5) * width, CALLS - 14, said, 18, bold=True, ha="center")
        for row, (caller, end) in enumerate(view.applications):
            y = CALLS + row * height
            middle, room = y + height / 2, CALLERS - 16
            lines = _in_lines(end, room, 14)[:2]
            top = middle + 6 - 9 * len(lines)
            sheet.text(MARGIN, top, sheet.fitted(caller, room, 18, bold=True), 18, bold=True)
            for place, line in enumerate(lines, 1):
                said = sheet.fitted(line, room, 14)
                sheet.text(MARGIN, top + 3 + 18 * place, said, 14, colour=sheet.theme.muted)
            for place, (called, _) in enumerate(view.applications):
                if called != caller:
                    call = view.call(caller, called)
                    _paint_call(sheet, call, left + place * width, y, width, height)

    return paint


def _paint_call(
    sheet: _Sheet, call: Call | None, left: float, top: float, width: float, height: float
) -> None:
    """A call in its box: its sign and result, and why; a quiet box where there was none."""
    theme, middle, room = sheet.theme, left + width / 2, width - APART - 16
    edge = theme.line if call is None else theme.tone(call.tone)
    fill = theme.panel if call is None else mix(edge, theme.paper, 0.14)
    sheet.box(
        left + APART / 2, top + APART / 2, width - APART, height - APART, fill,
        edge=edge, line=1 if call is None else 2, round_=8,
    )  # fmt: skip
    y = top + height / 2 + 6
    if call is None:
        sheet.text(middle, y, "– no entry", 16, colour=theme.muted, ha="center")
        return
    lines = [one for one in _in_lines(call.why, room, 16) if one][:2]
    y -= 10 * len(lines)
    said = sheet.fitted(f"{MARKS[call.tone]} {call.result}", room, 20, bold=True)
    sheet.text(middle, y, said, 20, bold=True, colour=edge, ha="center")
    for place, line in enumerate(lines, 1):
        said = sheet.fitted(line, room, 16)
        sheet.text(middle, y + 4 + 20 * place, said, 16, ha="center")


def _nothing(view: Listing) -> _Slide:
    """The slide of a capture without an association."""

    def paint(sheet: _Sheet) -> None:
        sheet.text(MARGIN, TOP + 40, "There is no association in this capture.", 20)
        for place, one in enumerate(view.strays[:16]):
            many = f" × {one.count:,}" if one.count > 1 else ""
            text = " ".join((f"{one.requestor} → {one.acceptor}{many}: {one.kind}.", *one.why))
            y = TOP + 84 + 30 * place
            sheet.text(MARGIN, y, sheet.fitted(text, WIDTH - 2 * MARGIN, 16), 16)

    return _Slide(view.title, view.subtitle, paint)


# --- times --------------------------------------------------------------------------------

BEGIN, END = 510, 1020  # where bars begin, and the longest one ends
BARS = (TOP + 26, FOOT - 28)  # the height that they have
BETWEEN = 36  # two groups of bars
THINNEST, THICKEST = 18, 54  # a bar, with the space below it


def _bars_slide(
    title: str,
    times: Mapping[str, Mapping[str, float]],
    predicted: Mapping[str, Mapping[str, float]],
) -> _Slide:
    top, bottom = BARS
    number = sum(map(len, times.values()))
    room = bottom - top - BETWEEN * (len(times) - 1)
    if not number or room / number < THINNEST:
        raise ValueError(f"a slide has room for one bar to some twenty, not for {number}")
    height = min(room / number, THICKEST)
    shown = [*times.values(), *(predicted.get(name, {}) for name in times)]
    scale = (END - BEGIN) / (max(time for one in shown for time in one.values()) or 1)

    def paint(sheet: _Sheet) -> None:
        y: float = top
        for name, group in times.items():
            sheet.text(
                MARGIN, y + height / 2 + 6, sheet.fitted(name, 340, 17, bold=True), 17, bold=True
            )
            for where, time in group.items():
                _paint_bar(sheet, where, time, predicted.get(name, {}).get(where), y, height, scale)
                y += height
            sheet.line([(BEGIN, y - height * len(group)), (BEGIN, y)], sheet.theme.ink, 1.5)
            y += BETWEEN
        _paint_bars_legend(sheet, bool(predicted))

    return _Slide(title, "", paint)


def _paint_bar(
    sheet: _Sheet,
    where: str,
    time: float,
    predicted: float | None,
    y: float,
    height: float,
    scale: float,
) -> None:
    baseline, colour = y + height / 2 + 5, ROLES[Role.VALUE].colour
    sheet.text(BEGIN - 14, baseline, where, 15, colour=sheet.theme.muted, ha="right")
    width = max(time * scale, 1)
    sheet.box(BEGIN, y + 3, width, height - 6, sheet.theme.tint(colour), edge=colour, line=1.6)
    x = BEGIN + width
    if predicted is not None:
        mark = BEGIN + predicted * scale
        sheet.line([(mark, y), (mark, y + height)], sheet.theme.ink, 3)
        x = max(x, mark)
    took = _seconds(time)
    sheet.text(x + 12, baseline, took, 16, bold=True)
    if predicted is not None:
        x += 12 + sheet.width(took, 16, bold=True) + 12
        sheet.text(x, baseline, f"predicted {_seconds(predicted)}", 14, colour=sheet.theme.muted)


def _paint_bars_legend(sheet: _Sheet, with_marks: bool) -> None:
    colour = ROLES[Role.VALUE].colour
    sheet.box(MARGIN, FOOT, 26, 18, sheet.theme.tint(colour), edge=colour, line=1.6)
    sheet.text(MARGIN + 36, FOOT + 15, "measured", 15)
    if with_marks:
        sheet.line([(MARGIN + 140, FOOT - 2), (MARGIN + 140, FOOT + 20)], sheet.theme.ink, 3)
        sheet.text(MARGIN + 154, FOOT + 15, "predicted", 15)


def _seconds(time: float) -> str:
    return duration(round(time * 1e9))
