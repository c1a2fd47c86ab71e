"""Tables for a notebook or a page: the same views as everywhere, in HTML.

One self-contained piece: no script, no picture, nothing fetched. It follows JupyterLab's light and
dark, reads well where a sanitizer has taken the style block away (an untrusted notebook), and
still reads where all styles are gone. Everything is escaped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from html import escape
from itertools import chain, islice
from typing import Any

from dicomlab.model import Cause, Comparison, Difference, Finding, Side
from dicomlab.protocol.replay import Move
from dicomlab.views import viewmodel
from dicomlab.views.listing import clock
from dicomlab.views.negotiation import SIGNS
from dicomlab.views.theme import (
    LIGHT,
    MONO,
    ROLES,
    SANS,
    SEVERITIES,
    WEIGHTS,
    Look,
    Tone,
    count,
    css_fonts,
    css_themes,
    duration,
    later,
    size,
)
from dicomlab.views.viewmodel import (
    Box,
    ByteLayout,
    Call,
    Cell,
    Course,
    End,
    Entry,
    Findings,
    Ladder,
    Line,
    Listing,
    Negotiation,
    Proposal,
    Reach,
    Reasons,
    Step,
)

COLUMNS = 9  # of the list of a capture
SHOWN = 50  # associations that are listed, of those that failed and of the others
GROUPS = 100  # reasons, pairs, kinds of connections that are listed
NUMBERS = 5  # connections that are named as examples


def show(value: Any) -> str:
    """A Pdu, Draft, Association, Capture, Verdict, Comparison or findings as a piece of HTML."""
    view = viewmodel.view(value)
    body = "".join(_RENDER[type(view)](view))
    return f'<div class="dicomlab dl-static"><style>{_STYLE}</style>{body}</div>'


def _colours() -> Iterator[str]:
    for role, look in ROLES.items():
        name = role.value
        yield (
            f".dl-static .dl-{name}{{background-color:var(--dl-{name}-tint)!important;"
            f"color:var(--dl-ink)!important;border-color:{look.colour}!important}}"
            f".dl-static td.dl-{name}.dl-opens::before{{content:'{look.letter}'}}"
        )
    for severity, look in SEVERITIES.items():
        yield (
            f".dl-static td.dl-{severity}{{box-shadow:inset 0 3px {look.colour},"
            f"inset 0 -3px {look.colour}}}"
            f".dl-static td.dl-{severity} sup{{background:{look.colour}}}"
        )


_STYLE = "".join(
    [
        css_themes(".dicomlab"),
        ".dl-static{background:var(--dl-paper);color:var(--dl-ink);padding:.4em .2em;",
        "line-height:1.35;",
        f"font:13px {css_fonts(SANS, 'sans-serif')};overflow-x:auto}}",
        ".dl-static table.dl{border-collapse:collapse;border:0;margin:.2em 0 1em;font-size:1em;",
        "color:inherit;table-layout:auto}",
        ".dl-static table.dl caption{caption-side:top;text-align:left;font-size:1.15em;",
        "font-weight:bold;padding:.2em 0 .5em;color:var(--dl-ink)}",
        ".dl-static table.dl caption small{font-weight:normal;color:var(--dl-muted);",
        "margin-left:.6em;font-size:.85em}",
        ".dl-static table.dl tbody tr,.dl-static table.dl thead tr,.dl-static table.dl tfoot tr",
        "{background:none;border:0}",
        ".dl-static table.dl td,.dl-static table.dl th{text-align:left;vertical-align:top;",
        "padding:.2em .6em;border:0;max-width:none;white-space:normal;font-weight:normal}",
        ".dl-static table.dl thead th{color:var(--dl-muted);font-size:.88em;",
        "border-bottom:1px solid var(--dl-line)}",
        f".dl-static table.dl .dl-mono{{font-family:{css_fonts(MONO, 'monospace')};",
        "white-space:pre}",
        ".dl-static table.dl .dl-whole,.dl-static table.dl tbody th{white-space:nowrap}",
        ".dl-static table.dl td bdi{display:inline-block;max-width:15em;overflow-wrap:break-word}",
        ".dl-static .dl-quiet{color:var(--dl-muted)}.dl-static table.dl b{font-weight:bold}",
        # bytes
        ".dl-static table.dl-bytes{border-collapse:separate!important;border-spacing:0 5px}",
        ".dl-static table.dl-bytes td.dl-mono,.dl-static table.dl-bytes thead th",
        "{text-align:center;padding:.2em .45em .2em .55em}",
        ".dl-static table.dl-bytes td.dl-byte{border:solid;border-width:1.5px 0;position:relative}",
        ".dl-static table.dl-bytes td.dl-opens{border-left-width:1.5px}",
        ".dl-static table.dl-bytes td.dl-closes{border-right-width:1.5px}",
        ".dl-static table.dl-bytes td.dl-opens::before{position:absolute;left:2px;top:-1px;",
        "font:bold 8px sans-serif}",
        ".dl-static table.dl-bytes td.dl-reserved{background-image:repeating-linear-gradient(",
        "135deg,transparent 0 4px,var(--dl-line) 4px 5px)!important}",
        ".dl-static table.dl-bytes td.dl-fold{text-align:center;color:var(--dl-muted)}",
        ".dl-static table.dl-bytes sup{font:bold 10px sans-serif;color:#000;position:absolute;",
        "right:-4px;top:-6px;padding:0 3px;border-radius:3px;z-index:1}",
        ".dl-static table.dl-bytes td.dl-text{padding-left:1.2em;letter-spacing:.08em}",
        # fields
        ".dl-static table.dl-fields{font-size:.94em!important}",
        ".dl-static table.dl-fields td[colspan] bdi{max-width:30em}",
        ".dl-static table.dl-fields tbody th{white-space:normal!important;min-width:14em}",
        ".dl-static table.dl-fields tbody td,.dl-static table.dl-fields tbody th",
        "{border-top:1px solid var(--dl-line)}",
        ".dl-static table.dl-list tbody th,.dl-static table.dl-notes tbody th",
        "{min-width:0!important}",
        ".dl-static table.dl-list tbody td bdi{max-width:32em!important}",
        ".dl-static table.dl-matrix thead th bdi{display:inline-block;max-width:9em;",
        "overflow-wrap:anywhere}",
        ".dl-static table.dl-matrix tbody th bdi{overflow-wrap:anywhere}",
        ".dl-static table.dl tr.dl-group th,.dl-static table.dl tr.dl-group td",
        "{background:var(--dl-panel)}.dl-static table.dl tr.dl-group th{font-weight:bold}",
        ".dl-static .dl-chip{display:inline-block;min-width:1.1em;text-align:center;",
        "font:bold .8em sans-serif;border:1.5px solid;border-radius:3px;margin-right:.45em}",
        # who reaches whom
        ".dl-static table.dl-reach{table-layout:fixed!important;width:100%;max-width:62em}",
        ".dl-static table.dl-reach thead th{font-weight:bold}",
        # sequence
        ".dl-static table.dl-ladder{width:100%;min-width:720px;max-width:900px}",
        ".dl-static table.dl-ladder thead th.dl-lane{border:0;color:var(--dl-ink)}",
        ".dl-static table.dl-ladder .dl-ends{display:flex;justify-content:space-between;gap:3em}",
        ".dl-static table.dl-ladder .dl-ends div:last-child{text-align:right}",
        ".dl-static table.dl-ladder tbody td.dl-lane{border-left:2px solid var(--dl-muted);",
        "border-right:2px solid var(--dl-muted);padding:.4em 0;width:100%}",
        ".dl-static table.dl-ladder td.dl-lane div{text-align:center;padding:0 1.4em}",
        ".dl-static table.dl-ladder .dl-arrow+div{padding-top:.25em!important}",
        ".dl-static table.dl-ladder .dl-arrow{border-bottom:2px solid;position:relative;",
        "font-weight:bold}",
        ".dl-static table.dl-ladder .dl-dashed{border-bottom:2px dashed}",
        ".dl-static table.dl-ladder .dl-head{position:absolute;bottom:-.74em;line-height:1.4}",
        ".dl-static table.dl-ladder .dl-forth .dl-head{right:-3px}",
        ".dl-static table.dl-ladder .dl-back .dl-head{left:-3px}",
        ".dl-static table.dl-ladder td.dl-broken{border-left-style:dotted!important;",
        "border-right-style:dotted!important;padding:.8em 0!important}",
        ".dl-static table.dl-ladder .dl-stack{border:1px solid var(--dl-muted);border-radius:6px;",
        "background:var(--dl-panel);margin:.2em 2em;padding:.3em;",
        "box-shadow:3px 3px 0 -1px var(--dl-panel),3px 3px 0 var(--dl-muted)}",
        ".dl-static table.dl .dl-tone-error{color:var(--dl-error)}",
        ".dl-static table.dl .dl-tone-good{color:var(--dl-good)}",
        ".dl-static table.dl tfoot td{background:var(--dl-panel);font-weight:bold;",
        "font-size:1.1em;padding:.5em .8em;border-left:6px solid}",
        # verdicts
        ".dl-static .dl-card{background:var(--dl-panel);border-color:var(--dl-line)}",
        ".dl-static .dl-card.dl-tone-error{border-color:var(--dl-error)!important}",
        ".dl-static .dl-card.dl-tone-good{border-color:var(--dl-good)!important}",
        ".dl-static .dl-card p{margin:.2em 0 .6em;font-size:1.15em}",
        ".dl-static .dl-card ol{margin:0;padding-left:1.6em}.dl-static .dl-card ul{margin:.2em 0;",
        "padding-left:1.2em;font-size:.92em}.dl-static .dl-card ol>li{margin:.3em 0 .8em}",
        ".dl-static .dl-card bdi{overflow-wrap:anywhere}.dl-static .dl-change{margin:.15em 0}",
        ".dl-static .dl-likelihood{display:inline-block;border:1.5px solid;border-radius:3px;",
        "padding:0 .4em;font-size:.85em;margin-right:.3em}",
        ".dl-static .dl-advice{color:var(--dl-ink)}",
        *_colours(),
    ]
)

_CARD = "border-left:6px solid;padding:.5em 1em;margin:.4em 0 1em;max-width:60em"  # without styles
_LEFT = ' style="text-align:left"'  # where a notebook's own styles would have it at the right
_SYMBOLS = {"good": "✔", "warning": "▲", "error": "✖", "plain": ""}


def _inline(look: Look) -> str:
    """What stays of a colour where the style block is gone: dark text on the light tint."""
    return f"background-color:{LIGHT.tint(look.colour)};color:{LIGHT.ink}"


def _caption(title: str, subtitle: str) -> str:
    return f"<caption><bdi>{escape(title)}</bdi> <small>{escape(subtitle)}</small></caption>"


def _head(*names: str) -> str:
    cells = "".join(f'<th scope="col">{name}</th>' for name in names)
    return f"<thead><tr>{cells}</tr></thead>"


# --- the bytes of a PDU -----------------------------------------------------------------------


def _layout(view: ByteLayout) -> Iterator[str]:
    yield f'<table class="dl dl-bytes">{_caption(view.title, view.subtitle)}'
    yield _head("offset", *(f"{column:X}" for column in range(viewmodel.WIDTH)), "text")
    yield "<tbody>"
    for line in view.lines:
        yield from _line(view, line)
    yield "</tbody></table>"
    yield from _legend()
    yield from _findings(view.findings)
    yield '<table class="dl dl-fields">'
    yield _head("offset", "bytes", "field", "value", "meaning", "clause")
    yield "<tbody>"
    yield from map(_field, view.boxes)
    if view.hidden:
        yield f'<tr><td colspan="6">… and {count(view.hidden, "more field")}</td></tr>'
    yield "</tbody></table>"


def _line(view: ByteLayout, line: Line) -> Iterator[str]:
    yield f'<tr><th scope="row" class="dl-mono dl-quiet">{line.start:04X}</th>'
    if line.folded:
        notes = "".join(f" [{number}]" for number in sorted(line.notes))
        folded = escape(f"… {line.folded} …{notes}")
        yield f'<td colspan="{viewmodel.WIDTH + 1}" class="dl-fold">{folded}</td></tr>'
        return
    before: int | None = None
    for cell in line.cells:
        note = cell.notes[0] if cell.notes else None
        yield _cell(view, cell, mark=note if note != before else None)
        before = note
    missing = viewmodel.WIDTH - len(line.cells)
    if missing:
        yield f'<td colspan="{missing}"></td>'
    text = escape("".join(cell.text for cell in line.cells))
    yield f'<td class="dl-mono dl-text" style="text-align:left">{text}</td></tr>'


def _cell(view: ByteLayout, cell: Cell, mark: int | None) -> str:
    box = view.boxes[cell.box]
    classes = ["dl-mono", "dl-byte", f"dl-{cell.role.value}"]
    if cell.offset == box.start:
        classes.append("dl-opens")
    if cell.offset == box.stop - 1:
        classes.append("dl-closes")
    if cell.notes:
        classes.append(f"dl-{view.findings.notes[cell.notes[0] - 1].severity}")
    number = f"<sup>{mark}</sup>" if mark else ""
    look = ROLES[cell.role]
    title = escape(f"{box.name} ({cell.role.value}), byte {cell.offset}", quote=True)
    return (
        f'<td class="{" ".join(classes)}" title="{title}" style="{_inline(look)}">'
        f"{cell.hex}{number}</td>"
    )


def _field(box: Box) -> str:
    chip = ""
    if box.role is not None:
        look = ROLES[box.role]
        chip = (
            f'<span class="dl-chip dl-{box.role.value}" title="{box.role.value}" '
            f'style="{_inline(look)}">{look.letter}</span> '
        )
    raw = box.hex if box.leaf else size(box.stop - box.start)
    notes = "".join(f" <b>[{number}]</b>" for number in box.notes)
    name = escape(box.name)
    kind = "" if box.leaf else ' class="dl-group"'
    meaning = f"<bdi>{escape(box.meaning)}</bdi></td>"
    if box.leaf:
        says = f"<td{_LEFT}><bdi>{escape(box.value)}</bdi></td><td{_LEFT}>{meaning}"
    else:  # what the item is there for
        says = f'<td colspan="2"{_LEFT}>{meaning}'
    return (
        f"<tr{kind}>"
        f'<td class="dl-mono dl-quiet">{box.start:04X}</td>'
        f'<td class="dl-mono"{_LEFT}>{escape(raw)}</td>'
        f'<th scope="row" title="{escape(box.rule, quote=True)}" '
        f'style="text-align:left;padding-left:{0.6 + 1.3 * box.depth:.1f}em">'
        f"{chip}{name}{notes}</th>"
        f"{says}"
        f'<td class="dl-quiet dl-whole">{escape(box.clause)}</td></tr>'
    )


def _legend() -> Iterator[str]:
    yield "<p>"
    for role, look in ROLES.items():
        yield (
            f'<span class="dl-chip dl-{role.value}" style="{_inline(look)}">{look.letter}</span> '
            f"{role.value} &nbsp; "
        )
    yield "</p>"


# --- the sequence of an association ---------------------------------------------------------------


def _ladder(view: Ladder) -> Iterator[str]:
    yield f'<table class="dl dl-ladder">{_caption(view.title, count(view.pdus, "PDU"))}'
    ends = "".join(map(_end, (view.requestor, view.acceptor)))
    yield (
        '<thead><tr><th scope="col">PDU</th><th scope="col">time</th>'
        '<th scope="col" style="text-align:right">state</th>'
        f'<th scope="col" class="dl-lane"><div class="dl-ends">{ends}</div></th>'
        '<th scope="col">state</th></tr></thead><tbody>'
    )
    yield from map(_step, view.steps)
    outcome = escape(f"{_SYMBOLS[view.tone]} {view.outcome}".strip())
    yield f'</tbody><tfoot><tr><td colspan="5" class="dl-tone-{view.tone}">{outcome}</td></tr>'
    yield "</tfoot></table>"
    if view.reasons.causes:
        yield from _verdict(view.reasons)
    yield from _findings(view.findings)


def _end(end: End) -> str:
    return (
        f"<div><b><bdi>{escape(end.title)}</bdi></b><br>"
        f'<span class="dl-quiet">{end.side} · {escape(end.address)}</span></div>'
    )


def _step(step: Step) -> str:
    time = "" if step.time is None else duration(step.time)
    gap = later(step.gap) if step.gap and step.kind != "silence" else ""
    broken = " dl-broken" if step.kind == "silence" else ""
    details = "".join(f"<div>{escape(one)}</div>" for one in step.details)
    if step.kind == "fold":
        lane = f'<div class="dl-stack"><b>{escape(step.label)}</b>{details}</div>'
    else:
        lane = _arrow(step) + details
    return (
        f'<tr><td class="dl-quiet dl-whole">{step.numbers}</td>'
        f'<td class="dl-whole">{time}<br><span class="dl-quiet">{gap}</span></td>'
        f'<td class="dl-whole" style="text-align:right">{_at(step, "requestor")}</td>'
        f'<td class="dl-lane{broken}" style="text-align:center">{lane}</td>'
        f'<td class="dl-whole">{_at(step, "acceptor")}</td></tr>'
    )


def _at(step: Step, side: Side) -> str:
    """The state of a side, and whether it is one that must not get this PDU."""
    state = _state(step.requestor if side == "requestor" else step.acceptor)
    if step.illegal is None or step.illegal.receiver != side:
        return state
    return f'{state}<br><b class="dl-tone-error">{_SYMBOLS["error"]} not allowed</b>'


def _arrow(step: Step) -> str:
    """The label on its line; the arrowhead is a character, so that it stays without styles."""
    symbol = _SYMBOLS[step.tone] if step.tone in ("warning", "error") else ""
    label = escape(f"{symbol} {step.label}".strip())
    if step.kind == "silence":
        return f"<div><b>… {label} …</b></div>"
    tone = f"dl-tone-{step.tone}"
    if step.kind != "pdu":
        return f'<div class="dl-dashed {tone}" style="border-bottom:2px dashed">{label}</div>'
    if step.sender == "acceptor":
        way, inner = "back", f'<span class="dl-head">◀</span> {label}'
    else:
        way, inner = "forth", f'{label} <span class="dl-head">▶</span>'
    return f'<div class="dl-arrow dl-{way} {tone}" style="border-bottom:2px solid">{inner}</div>'


def _state(move: Move) -> str:
    cause = " · ".join(one for one in (move.event, move.action) if one)
    below = f'<br><span class="dl-quiet">{cause}</span>'
    if move.before and move.before != move.after:
        return f"<b>{move.before} → {move.after}</b>{below}"
    return f'<span class="dl-quiet">{move.after}</span>{below}' if move.after else ""


# --- contexts against transfer syntaxes ---------------------------------------------------------


def _negotiation(view: Negotiation) -> Iterator[str]:
    yield f'<table class="dl dl-fields dl-list dl-matrix">{_caption(view.title, view.subtitle)}'
    heads = "".join(
        f'<th scope="col" title="{escape(name, quote=True)}"><bdi>{escape(called)}</bdi></th>'
        for called, name in zip(view.syntaxes, view.names, strict=True)
    )
    yield f'<thead><tr><th scope="col">ID</th><th scope="col">abstract syntax</th>{heads}'
    yield '<th scope="col">result</th><th scope="col">why</th></tr></thead><tbody>'
    yield from map(_proposal, view.proposals)
    yield "</tbody></table>"
    signs = " &nbsp; ".join(f"<b>{sign}</b> {mark}" for mark, sign in SIGNS.items() if mark)
    yield f'<p class="dl-quiet">{signs}</p>'


def _proposal(one: Proposal) -> str:
    roles = f'<br><span class="dl-quiet">{escape(one.roles)}</span>' if one.roles else ""
    tones = {"accepted": "good", "not proposed, yet accepted": "error"}
    cells = "".join(
        f'<td class="dl-tone-{tones.get(mark, "plain")}" title="{mark}" style="text-align:center">'
        f"<b>{SIGNS[mark]}</b></td>"
        for mark in one.marks
    )
    more = f" And {one.more:,} other transfer syntaxes." if one.more else ""
    result = escape(f"{_SYMBOLS[one.tone]} {one.result}".strip())
    return (
        f'<tr><td class="dl-quiet"{_LEFT}>{one.id}</td>'
        f'<th scope="row"{_LEFT}><bdi>{escape(one.abstract_syntax)}</bdi>{roles}</th>{cells}'
        f'<td class="dl-whole dl-tone-{one.tone}"{_LEFT}><b>{result}</b></td>'
        f"<td{_LEFT}><bdi>{escape(one.why + more)}</bdi></td></tr>"
    )


# --- the states of both ends ------------------------------------------------------------------


def _course(view: Course) -> Iterator[str]:
    yield f'<table class="dl dl-fields dl-list">{_caption(view.title, "states of both ends")}'
    yield _head("PDU", "time", "who", "what", "requestor", "acceptor", "")
    yield "<tbody>"
    for one in view.lines:
        tone = f"dl-tone-{one.tone}"
        remark = escape(f"{_SYMBOLS[one.tone]} {one.remark}".strip())
        yield (
            f'<tr><td class="dl-quiet dl-whole"{_LEFT}>{one.numbers}</td>'
            f'<td class="dl-whole"{_LEFT}>{one.time}</td><td{_LEFT}>{one.who}</td>'
            f'<th scope="row" class="{tone}"{_LEFT}>{escape(one.what)}</th>'
            f'<td class="dl-whole"{_LEFT}>{escape(one.requestor)}</td>'
            f'<td class="dl-whole"{_LEFT}>{escape(one.acceptor)}</td>'
            f'<td class="{tone}"{_LEFT}>{remark}</td></tr>'
        )
    yield "</tbody></table>"
    yield from (_remark(*one) for one in view.remarks)


# --- captures and findings ------------------------------------------------------------------------


def _listing(view: Listing) -> Iterator[str]:
    """The summaries of what is too much to be listed; then the list."""
    heading = _caption(view.title, view.subtitle)
    if view.failed > SHOWN:
        yield from _summed(
            heading,
            ("associations that failed", "why", "the first connections"),
            [(one.count, " ".join(one.why), _numbers(one.examples)) for one in view.reasons],
        )
        heading = ""
    if view.well > SHOWN:
        yield from _summed(
            heading,
            (
                "associations without failure",
                "requestor",
                "acceptor",
                "asked for",
                "slowest answer",
            ),
            [
                (one.count, one.requestor, one.acceptor, one.done, _duration(one.slowest))
                for one in view.pairs
            ],
        )
        heading = ""
    if not view.failed and not view.well:
        yield f'<table class="dl">{heading}</table>'
    else:
        yield from _list(view, heading)
    if view.strays:
        yield from _strays(view)
    yield from (_remark(*one) for one in view.remarks)


def _remark(remark: str, tone: Tone) -> str:
    mark = _SYMBOLS[tone]
    kind = f"dl-tone-{tone}" if mark else "dl-quiet"
    return f'<p class="{kind}">{escape(f"{mark} {remark}".strip())}</p>'


def _list(view: Listing, heading: str) -> Iterator[str]:
    yield f'<table class="dl dl-fields dl-list">{heading}'
    yield _head(
        "connection", "time", "requestor", "acceptor", "asked for", "ended", "slowest answer",
        "PDUs", "findings",
    )  # fmt: skip
    yield "<tbody>"
    yield from _entries(view.failures, view.failed, "failed", "error", view)
    yield from _entries(view.others, view.well, "without failure", "plain", view)
    yield "</tbody></table>"


def _entries(
    entries: Iterable[Entry], many: int, what: str, tone: Tone, view: Listing
) -> Iterator[str]:
    """The first associations of that kind, under a heading."""
    if many:
        title = (
            f"{_SYMBOLS[tone]} {many:,} of {count(view.failed + view.well, 'association')} {what}"
        )
        title += f", the first {SHOWN}" if many > SHOWN else ""
        cell = f'<th colspan="{COLUMNS}" class="dl-tone-{tone}"{_LEFT}>{title.strip()}</th>'
        yield f'<tr class="dl-group">{cell}</tr>'
        yield from (_entry(one, view) for one in islice(entries, SHOWN))


def _entry(entry: Entry, view: Listing) -> str:
    ends = "".join(
        f'<td{_LEFT}><b><bdi>{escape(one.title)}</bdi></b><br><span class="dl-quiet">'
        f"{escape(one.address)}</span></td>"
        for one in (entry.requestor, entry.acceptor)
    )
    time = clock(entry.time, with_day=view.dated)
    lasted = "" if entry.duration is None else f"{duration(entry.duration)} long"
    findings = f"{entry.findings:,} ({entry.worst})" if entry.findings else ""
    ended = f"<b>{escape(f'{_SYMBOLS[entry.tone]} {entry.ended}'.strip())}</b>"
    why = "".join(f"<br><bdi>{escape(one)}</bdi>" for one in entry.why)
    advice = "".join(f"<br><bdi>{escape(one)}</bdi>" for one in entry.advice)
    advice = advice and f'<span class="dl-advice">{advice}</span>'
    return (
        f'<tr><th scope="row">{entry.connection}</th>'
        f'<td class="dl-whole"{_LEFT}>{time}<br><span class="dl-quiet">{lasted}</span></td>{ends}'
        f"<td{_LEFT}><bdi>{escape(entry.done)}</bdi></td>"
        f'<td class="dl-tone-{entry.tone}"{_LEFT}>{ended}{why}{advice}</td>'
        f'<td class="dl-whole">{_duration(entry.slowest)}</td>'
        f"<td>{entry.pdus:,}</td><td>{findings}</td></tr>"
    )


def _numbers(entries: Sequence[Entry]) -> str:
    """The connections of the first of them."""
    return ", ".join(str(one.connection) for one in entries[:NUMBERS])


def _duration(time: int | None) -> str:
    return "" if time is None else duration(time)


def _summed(caption: str, names: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> Iterator[str]:
    """A table of numbers of associations, and what they have in common."""
    yield f'<table class="dl dl-fields dl-list">{caption}'
    yield _head(*names)
    yield "<tbody>"
    for number, *texts in rows[:GROUPS]:
        cells = "".join(f"<td{_LEFT}><bdi>{escape(text)}</bdi></td>" for text in texts)
        yield f'<tr><th scope="row">{number:,}</th>{cells}</tr>'
    if len(rows) > GROUPS:
        more = f"… and {len(rows) - GROUPS:,} more"
        yield f'<tr><td colspan="{len(names)}"{_LEFT}>{more}</td></tr>'
    yield "</tbody></table>"


def _strays(view: Listing) -> Iterator[str]:
    yield from _summed(
        "<caption>Connections without an association</caption>",
        ("connections", "kind", "requestor", "acceptor", "numbers", "why"),
        [
            (
                one.count,
                f"{_SYMBOLS[one.tone]} {one.kind}".strip(),
                one.requestor,
                one.acceptor,
                one.numbers,
                " ".join((*one.why, *one.advice)),
            )
            for one in view.strays
        ],
    )


def _verdict(view: Reasons) -> Iterator[str]:
    """A card: what happened, and each cause with who changes what."""
    said = escape(f"{_SYMBOLS[view.tone]} {view.summary}")
    yield f'<div class="dl-card dl-tone-{view.tone}" style="{_CARD}"><p><b>{said}</b></p>'
    if view.causes:
        yield "<ol>"
        yield from map(_cause, view.causes)
        yield "</ol>"
    yield "</div>"


def _cause(one: Cause) -> str:
    evidence = "".join(
        f"<li>{mark} <bdi>{escape(text)}</bdi></li>"
        for mark, texts in (("speaks for it:", one.evidence), ("speaks against it:", one.against))
        for text in texts
    )
    return (
        f'<li><span class="dl-likelihood">{one.likelihood}</span> '
        f'<b><bdi>{escape(one.title)}</bdi></b> <span class="dl-quiet">{one.code}</span>'
        f'<div class="dl-change"><bdi>{escape(one.who)}</bdi>: <b><bdi>{escape(one.change)}</bdi>'
        f'</b></div><ul class="dl-quiet">{evidence}'
        f"<li>to make sure: <bdi>{escape(one.confirm)}</bdi></li></ul></li>"
    )


def _findings(view: Findings) -> Iterator[str]:
    if not view.notes:
        return
    yield '<table class="dl dl-fields dl-notes"><caption>Findings</caption>'
    yield _head("", "severity", "code", "what", "why", "who changes what", "clause")
    yield "<tbody>"
    yield from chain.from_iterable(map(_finding, range(1, len(view.notes) + 1), view.notes))
    if view.hidden:
        yield f'<tr><td colspan="7">… and {count(view.hidden, "more finding")}</td></tr>'
    yield "</tbody></table>"


def _finding(number: int, one: Finding) -> Iterator[str]:
    look = SEVERITIES[one.severity]
    yield f'<tr><th scope="row"><b>{number}</b></th><td class="dl-whole">'
    yield f'<span class="dl-chip" style="background-color:{look.colour};color:#000000">'
    yield f"{look.letter}</span> {one.severity}</td>"
    yield f'<td class="dl-whole">{escape(one.code)}</td>'
    yield "".join(f"<td><bdi>{escape(text)}</bdi></td>" for text in (one.what, one.why, one.remedy))
    yield f'<td class="dl-quiet dl-whole">{escape(one.clause)}</td></tr>'


# --- two side by side -----------------------------------------------------------------------------


def _comparison(view: Comparison) -> Iterator[str]:
    ends = "".join(
        f'<th scope="col"><b><bdi>{escape(one.title)}</bdi></b><br>'
        f"<bdi>{escape(one.subtitle)}</bdi></th>"
        for one in (view.a, view.b)
    )
    yield '<table class="dl dl-fields dl-list">'
    yield f'<thead><tr><th scope="col">where</th>{ends}<th scope="col">why</th></tr></thead><tbody>'
    for weight, tone in WEIGHTS.items():
        if many := view.number(weight):
            yield _heading(f"{_SYMBOLS[tone]} {weight} ({many:,})".strip(), tone)
        yield from (_difference(one) for one in view.differences if one.weight == weight)
        if hidden := view.hidden.get(weight):
            yield f'<tr><td colspan="4"{_LEFT}>… and {hidden:,} more of these kinds</td></tr>'
    yield _heading(f"{count(view.alike, 'field')} alike", "plain")
    for one in view.equal:
        yield f'<tr><th scope="row"{_LEFT}>{escape(one.where)}</th>'
        yield f'<td colspan="3"{_LEFT}><bdi>{escape(one.value)}</bdi></td></tr>'
    if view.equal and view.alike > len(view.equal):
        more = f"… and {view.alike - len(view.equal):,} more"
        yield f'<tr><td colspan="4"{_LEFT}>{more}</td></tr>'
    yield "</tbody></table>"


def _heading(title: str, tone: Tone) -> str:
    cell = f'<th colspan="4" class="dl-tone-{tone}"{_LEFT}>{title}</th>'
    return f'<tr class="dl-group">{cell}</tr>'


def _difference(one: Difference) -> str:
    more = f"<br>and {one.more:,} more like it" if one.more else ""
    values = "".join(
        f"<td{_LEFT}>{'–' if text is None else f'<bdi>{escape(text)}</bdi>'}</td>"
        for text in (one.a, one.b)
    )
    return (
        f'<tr><th scope="row"{_LEFT}>{escape(one.where)}{more}</th>{values}'
        f'<td class="dl-quiet"{_LEFT}>{escape(one.why)}</td></tr>'
    )


# --- who reaches whom ---------------------------------------------------------------------------


def _reach(view: Reach) -> Iterator[str]:
    caption = _caption(view.title, "a row calls, a column answers")
    yield f'<table class="dl dl-fields dl-list dl-reach">{caption}'
    yield _head("", *(f"<bdi>{escape(name)}</bdi>" for name, _ in view.applications))
    yield "<tbody>"
    for caller, end in view.applications:
        called = (name for name, _ in view.applications)
        cells = (_call(view.call(caller, one), itself=one == caller) for one in called)
        yield f'<tr><th scope="row"{_LEFT}><b><bdi>{escape(caller)}</bdi></b><br>'
        yield f'<span class="dl-quiet"><bdi>{escape(end)}</bdi></span></th>{"".join(cells)}</tr>'
    yield "</tbody></table>"


def _call(call: Call | None, *, itself: bool) -> str:
    if call is None:
        return f'<td class="dl-quiet"{_LEFT}>{"" if itself else "– no entry"}</td>'
    said = escape(f"{_SYMBOLS[call.tone]} {call.result}")
    why = f'<br><span class="dl-quiet">{escape(call.why)}</span>' if call.why else ""
    return f'<td class="dl-tone-{call.tone}"{_LEFT}><b class="dl-whole">{said}</b>{why}</td>'


_RENDER: dict[type, Callable[[Any], Iterator[str]]] = {
    ByteLayout: _layout,
    Ladder: _ladder,
    Listing: _listing,
    Findings: _findings,
    Reasons: _verdict,
    Comparison: _comparison,
    Course: _course,
    Negotiation: _negotiation,
    Reach: _reach,
}
