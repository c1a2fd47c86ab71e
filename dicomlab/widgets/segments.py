"""The TCP segments of a PDU: what is one to DICOM, TCP may have cut anywhere."""

from __future__ import annotations

from itertools import islice
from typing import Any

from traitlets import Int, List, Unicode

from dicomlab.dissect.segments import PduSegment, are_made_up, segments_of
from dicomlab.model import Pdu, Span
from dicomlab.views.theme import count, duration, size
from dicomlab.widgets.base import Widget

MOST = 2000  # segments of one PDU that are listed

_NONE = (
    "There are no TCP segments to show: this was not read from a capture file, but noted by one "
    "end of the conversation, which sees a stream of bytes and no packets."
)
_MADE_UP = " A relay recorded this: each stands for what it read at once, with made-up headers."


class Segments(Widget):
    """The segments that carried a PDU, and how they cut its bytes."""

    drawn_by = "segments"
    about = Unicode().tag(sync=True)  # what there is to see, in words
    size = Int().tag(sync=True)  # bytes of the PDU
    segments: List[Any] = List().tag(sync=True)

    def __init__(self, pdu: Pdu, since: int | None = None, **traits: Any) -> None:
        super().__init__(**traits)
        self.show(pdu, since)

    def show(self, pdu: Pdu, since: int | None = None) -> None:
        """Show those of this PDU; their times count from ``since``, nanoseconds since 1970.

        CaptureError where the capture file is no longer there.
        """
        found = list(islice(segments_of(pdu), MOST + 1))
        self._pdu = pdu
        self.segments = [_row(one, since) for one in found[:MOST]]
        self.size = len(pdu)
        self.about = _about(pdu, found)

    @property
    def shown(self) -> Pdu:
        """The PDU that they carried."""
        return self._pdu


def _row(one: PduSegment, since: int | None) -> dict[str, Any]:
    passed = "" if one.time is None or since is None else duration(one.time - since)
    return {
        "frame": one.frame,
        "time": passed,
        "sequence": one.sequence,
        "size": one.size,
        "flags": ", ".join(one.flags),
        "span": _ends(one.span),
        "fresh": [_ends(each) for each in one.fresh],
    }


def _ends(span: Span) -> list[int]:
    return [span.start, span.stop]


def _about(pdu: Pdu, found: list[PduSegment]) -> str:
    if not found:
        return _NONE
    many = f"more than {MOST:,} segments" if len(found) > MOST else count(len(found), "segment")
    text = f"The {size(len(pdu))} of this {pdu.name} travelled in {many}."
    again = sum(one.again for one in found)
    if again:
        text += f" Of these {again:,} came again, and brought nothing new."
    shared = sum(one.size > len(one.span) for one in found)
    if shared:
        text += f" {shared:,} carried bytes of other PDUs too."
    return text + (_MADE_UP if are_made_up(pdu) else "")
