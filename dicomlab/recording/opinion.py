"""The second opinion: what Wireshark reads in a recording, beside what we read."""

from __future__ import annotations

import html
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from dicomlab.model import Association, Capture, Endpoint, Pdu, meant, printable
from dicomlab.recording.tshark import TsharkPdu, TsharkReading, read

# with fragments of a PDV put together, tshark says where a field lies in the whole, not in the PDU
_REASSEMBLED = "dicom.pdv.fragments"
_OF_REASSEMBLED = ("dicom.tag", "dicom.data", "dicom.pdv.fragment", "dicom.pdv.reassembled")


@dataclass(frozen=True, slots=True)
class Comparison:
    """One PDU as we see it and as tshark does; None where one of us sees none."""

    ours: Pdu | None
    message: str | None  # the DIMSE message of which ours carries a part
    theirs: TsharkPdu | None
    differences: tuple[str, ...]

    @property
    def agreed(self) -> bool:
        """Whether both say the same."""
        return not self.differences

    @property
    def cells(self) -> tuple[str, str, str, str, str]:
        """From whom, ours, tshark's, agreement and differences, as text that is safe to print."""
        sender = self.ours.sender if self.ours else self.theirs and str(self.theirs.sender)
        return (
            sender or "–",
            _ours(self.ours, self.message) if self.ours else "–",
            _theirs(self.theirs) if self.theirs else "–",
            "✓" if self.agreed else "✗",
            "; ".join(self.differences),
        )


@dataclass(frozen=True, slots=True)
class SecondOpinion:
    """What tshark says of a capture file, PDU by PDU beside what we say."""

    file: str
    version: str  # of tshark
    rows: tuple[Comparison, ...]

    @property
    def agreed(self) -> bool:
        """Whether both say the same of everything."""
        return all(row.agreed for row in self.rows)

    @property
    def summary(self) -> str:
        """The opinion in one line."""
        good = sum(row.agreed for row in self.rows)
        return f"tshark {self.version} and dicomlab agree on {good} of {len(self.rows)} PDUs."

    def __str__(self) -> str:
        cells = [_HEAD, *(row.cells for row in self.rows)]
        widths = [max(len(row[column]) for row in cells) for column in range(4)]
        lines = [
            "  ".join([*map(str.ljust, row, widths), row[4]]).rstrip()  # the last one is open
            for row in cells
        ]
        return "\n".join([self.summary, "", *lines])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        left = "style='text-align:left'"  # a notebook would align it right
        head = "".join(f"<th scope=col {left}>{cell}</th>" for cell in _HEAD)
        rows = "".join(
            "<tr>" + "".join(f"<td {left}>{html.escape(cell)}</td>" for cell in row.cells) + "</tr>"
            for row in self.rows
        )
        return (
            f"<table><caption>{html.escape(self.summary)}</caption>"
            f"<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
        )


_HEAD = ("from", "dicomlab", "tshark", "same", "differences")


def second_opinion(capture: Capture) -> SecondOpinion:
    """Ask tshark about the file of a capture, and compare.

    Fields are compared byte by byte wherever tshark names one; reserved fields it does not name.
    It reads some hundred packets in a second. Raises CaptureError where tshark or pyshark is
    missing, BuildError for what is no Capture.
    """
    meant(Capture, capture)
    ports = sorted({association.acceptor.port for association in capture.associations})
    reading = read(Path(capture.file), ports)
    return SecondOpinion(capture.file, reading.version, tuple(_rows(capture, reading)))


_Place = tuple[Endpoint, Endpoint, int | None]  # from, to, frame in which it ends


def _rows(capture: Capture, reading: TsharkReading) -> Iterator[Comparison]:
    theirs: dict[_Place, list[TsharkPdu]] = defaultdict(list)
    for one in reading.pdus:
        theirs[one.sender, one.receiver, one.frame].append(one)
    for association in capture.associations:
        carried = {index: one.type for one in association.messages for index in one.pdus}
        for ours in association.pdus:
            match = _taken(theirs[_place(association, ours)], ours)
            differences = tuple(_differences(ours, match, reading.malformed))
            yield Comparison(ours, carried.get(ours.index or 0), match, differences)
    for left in theirs.values():
        for one in left:
            yield Comparison(None, None, one, (f"we see no such PDU end in frame {one.frame}",))


def _place(association: Association, pdu: Pdu) -> _Place:
    ends = association.requestor, association.acceptor
    sender, receiver = ends if pdu.sender == "requestor" else ends[::-1]
    return sender, receiver, pdu.frames[1] if pdu.frames else None


def _taken(candidates: list[TsharkPdu], ours: Pdu) -> TsharkPdu | None:
    """Take out of the PDUs of a frame the first one of our type; else the first."""
    kind = bytes(ours)[:1]
    same = [one for one in candidates if bytes([one.type]) == kind] or candidates
    if not same or ours.type is None:
        return None
    candidates.remove(same[0])
    return same[0]


def _differences(ours: Pdu, theirs: TsharkPdu | None, malformed: frozenset[int]) -> Iterator[str]:
    if theirs is None and ours.type is not None:
        first, last = ours.frames or (0, 0)
        bad = sorted(malformed.intersection(range(first, last + 1)))
        yield "tshark shows no PDU here" + (f" and calls frame {bad[0]} malformed" if bad else "")
    elif theirs is not None:
        yield from _unlike(ours, theirs)


def _unlike(ours: Pdu, theirs: TsharkPdu) -> Iterator[str]:
    """Where tshark's fields and ours are not the same bytes, or not cut at the same places."""
    data = bytes(ours)
    leaves = list(ours.leaves())
    cuts = [leaf.start - ours.start for leaf in leaves] + [len(data)]
    reassembled = any(field.name == _REASSEMBLED for field in theirs.fields)
    for field in theirs.fields:
        start, stop = field.offset, field.offset + len(field.raw)
        if not field.raw or (reassembled and field.name.startswith(_OF_REASSEMBLED)):
            continue
        first, last = bisect_right(cuts, start) - 1, bisect_left(cuts, stop) - 1
        finer, coarser = first == last, start == cuts[first] and stop in cuts[last + 1 : last + 2]
        if data[start:stop] != field.raw or not (finer or coarser):
            what = printable(field.text.partition(":")[0])
            here = " and ".join(leaf.name for leaf in leaves[first : last + 1])
            yield f"tshark has {what} in bytes {start} to {stop - 1}, we {here or 'nothing'}"


def _ours(pdu: Pdu, message: str | None) -> str:
    name = f"{pdu.name}, {message}" if message else pdu.name
    return f"{name}, {len(pdu)} bytes" + (f", frame {pdu.frames[1]}" if pdu.frames else "")


def _theirs(pdu: TsharkPdu) -> str:
    return f"{printable(pdu.text)}, {pdu.length + 6} bytes, frame {pdu.frame}"
