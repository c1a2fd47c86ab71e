"""The capture browser: all associations in a table, and below it what is opened of them."""

from __future__ import annotations

import struct
from bisect import bisect_left
from collections.abc import Sequence as Several
from typing import Any, TypeVar

from ipywidgets import VBox
from traitlets import Bytes, Dict

from dicomlab.model import Association, Capture, Connection, DicomlabError, printable
from dicomlab.views.listing import Listing
from dicomlab.views.reasons import reasons_of
from dicomlab.views.table import Table, table
from dicomlab.widgets.base import Twin, Widget, plain
from dicomlab.widgets.sequence import Sequence

GROUPS = 100  # kinds of connections without an association that are listed
T = TypeVar("T", Association, Connection)


class Associations(Widget):
    """The table of the associations, and the verdict on the connection that was opened last."""

    drawn_by = "browser"
    table = Dict().tag(sync=True)  # views.table.Table, as _drawn gives it
    cells = Bytes().tag(sync=True)  # column by column, row by row: 16 bits each, the low byte first
    opened = Dict().tag(sync=True)  # views.reasons.Reasons, and of whom; {}: nothing yet

    def __init__(self, view: Table, **traits: Any) -> None:
        cells = [cell for column in view.columns.values() for cell in column.cells]
        packed = struct.pack(f"<{len(cells)}H", *cells)
        super().__init__(table=_drawn(view), cells=packed, **traits)
        self._listing = view.listing

    @property
    def shown(self) -> Listing:
        """The list of the capture, which is as long as one can read."""
        return self._listing


class CaptureBrowser(Twin, VBox):  # type: ignore[misc]
    """A capture's associations, to be sorted and filtered; what is opened is shown below.

    All associations are looked at once, when the browser is made.
    """

    def __init__(self, capture: Capture, **traits: Any) -> None:
        self._capture = capture
        self._associations = Associations(table(capture))
        self._sequence: Sequence | None = None
        super().__init__([self._associations], **traits)
        self._associations.on_msg(self._asked)

    @property
    def shown(self) -> Listing:
        """The list of the capture."""
        return self._associations.shown

    def look_at(self, connection: int) -> None:
        """Show the verdict on a connection, and the sequence of its association if it has one.

        DicomlabError where there is no such connection.
        """
        association = _of(self._capture.associations, connection)
        found = association or _of(self._capture.connections, connection)
        if found is None:
            raise DicomlabError(f"There is no connection {connection} in this capture.")
        below: tuple[Sequence, ...] = ()
        if association is not None:
            below = (self._showing(association),)
        self.children = (self._associations, *below)
        self._associations.opened = {
            "connection": connection,
            "association": association is not None,
            **plain(reasons_of(found.verdict)),
        }

    def _showing(self, association: Association) -> Sequence:
        """The sequence, which then shows this association."""
        if self._sequence is None:
            self._sequence = Sequence(association)
        else:
            self._sequence.show(association)
        return self._sequence

    def _asked(self, _widget: Any, content: Any, _buffers: Any) -> None:
        """What the browser asks for."""
        match content:
            case {"do": "open", "connection": int(connection)}:
                try:
                    self.look_at(connection)
                except DicomlabError as error:
                    self._associations.send({"refused": printable(str(error))})


def _of(values: Several[T], connection: int) -> T | None:
    """What there is of that connection; they stand in the order of their numbers."""
    at = bisect_left(values, connection, key=lambda one: one.connection)
    return values[at] if at < len(values) and values[at].connection == connection else None


def _drawn(view: Table) -> dict[str, Any]:
    """All of the table but its cells."""
    listing = view.listing
    return {
        "title": listing.title,
        "subtitle": listing.subtitle,
        "remarks": listing.remarks,
        "rows": view.rows,
        "failed": listing.failed,
        "well": listing.well,
        "columns": {name: column.texts for name, column in view.columns.items()},
        "reasons": [one.count for one in listing.reasons],
        "strays": [plain(one) for one in listing.strays[:GROUPS]],
        "more_strays": sum(one.count for one in listing.strays[GROUPS:]),
    }
