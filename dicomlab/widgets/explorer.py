"""The byte explorer: the bytes of a PDU beside the fields that they are, to be walked about in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from typing import Any

from traitlets import List

from dicomlab.diagnosis.pairs import matched
from dicomlab.model import BuildError, Field, Pdu, Role
from dicomlab.protocol.build import Draft
from dicomlab.protocol.codec import decode
from dicomlab.spec.kinds import BYTES
from dicomlab.views import html, text
from dicomlab.views.layout import tree_of
from dicomlab.widgets.base import Widget, plain

Bytes = bytes | bytearray | Pdu | Draft
_NAMED = 3  # PDUs that a title names


class HexView(Widget):
    """The bytes and the fields of a PDU, or of two beside each other with what differs.

    ``shown`` is a Pdu, a Draft, or any bytes; those of several PDUs stand in one tree. ``field``
    is what was chosen in it last.
    """

    drawn_by = "explorer"
    panes: List[Any] = List().tag(sync=True)  # views.layout.ByteTree, one or two
    pairs: List[Any] = List().tag(sync=True)  # [number in the one, in the other, it differs]
    selected: List[Any] = List([0, None]).tag(sync=True)  # by the browser: [pane, field's number]

    def __init__(self, shown: Bytes, other: Bytes | None = None, **traits: Any) -> None:
        super().__init__(**traits)
        self.show(shown, other)

    def show(self, shown: Bytes, other: Bytes | None = None) -> None:
        """Show this in place of what was shown."""
        given = [shown] if other is None else [shown, other]
        self._pdus = [_pdu(one) for one in given]
        self.selected = [0, None]
        self.pairs = [] if other is None else [list(one) for one in _pairs(*self._pdus)]
        self.panes = [
            plain(tree_of(pdu, draft=isinstance(one, Draft)))
            for one, pdu in zip(given, self._pdus, strict=True)
        ]

    @property
    def shown(self) -> Pdu:
        """The first of what is shown, as one Pdu."""
        return self._pdus[0]

    def _twin(self) -> dict[str, str]:
        return {
            "text/plain": "\n\n".join(map(text.show, self._pdus)),
            "text/html": f'<div class="dl-twin">{"".join(map(html.show, self._pdus))}</div>',
        }

    @property
    def field(self) -> Field | None:
        """The field that was chosen last, in the browser."""
        pane, number = self.selected
        fields = self._pdus[pane].walk()
        return None if number is None else next(islice(fields, number, None))


def _pdu(shown: Any) -> Pdu:
    """What is shown as one Pdu; several in one, each as a field."""
    if isinstance(shown, Pdu):
        return shown
    if isinstance(shown, Draft):
        return shown.pdu
    if not isinstance(shown, bytes | bytearray):
        remedy = "Give bytes, a Pdu of a capture, or a draft."
        raise BuildError(f"{shown!r} is neither bytes nor a PDU.", remedy)
    pdus = decode(bytes(shown))
    if len(pdus) == 1:
        return pdus[0]
    roots = tuple(pdu.root for pdu in pdus)
    more = "" if len(pdus) <= _NAMED else f" and {len(pdus) - _NAMED} more"
    name = " · ".join(pdu.name for pdu in pdus[:_NAMED]) + more
    end = len(shown)
    root = Field(name or "no bytes", 0, end, BYTES, None, "", "", Role.PAYLOAD, roots)
    return Pdu(root.name, root)


def _pairs(a: Pdu, b: Pdu) -> Iterator[tuple[int | None, int | None, bool]]:
    """The fields of two PDUs that are the same field, by their numbers in reading order."""
    a, b = (replace(pdu, tree=pdu.root) for pdu in (a, b))  # one of a capture makes it each time
    numbers = {id(one): number for pdu in (a, b) for number, one in enumerate(pdu.walk())}
    for _, _, one, other in matched(a.root, b.root):
        differs = one is None or other is None or one.raw != other.raw
        yield (
            None if one is None else numbers[id(one)],
            None if other is None else numbers[id(other)],
            differs,
        )
