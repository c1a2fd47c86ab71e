"""The data sets of messages: looked up again in the capture, read by pydicom, written as files.

A dissection counts the bytes of a data set and keeps none. Where they lie, the rows of the PDUs
that carried it say; so one pass over that part of the file gives them, however many there are.
"""

from __future__ import annotations

import io
import os
import struct
import zlib
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import groupby, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Literal, NamedTuple

from dicomlab.dissect.agreement import ACCEPTED
from dicomlab.dissect.bytes_of import Bytes, Wanted, Way
from dicomlab.dissect.file import path_text
from dicomlab.dissect.rows import Rows
from dicomlab.dissect.talk import MessageRow, PduRow
from dicomlab.model import (
    Association,
    Capture,
    CaptureError,
    Message,
    PresentationContext,
    Side,
    meant_each,
    printable,
)
from dicomlab.protocol.dimse import indices
from dicomlab.protocol.scanner import head
from dicomlab.spec import names
from dicomlab.spec.pdu import P_DATA_TF, PDV, ae_title, uid_core

if TYPE_CHECKING:
    from pydicom import Dataset

INFLATED = 1 << 29  # bytes that a deflated data set may have at most
AT_A_TIME = 128  # data sets that are looked for in one pass: so many files may be open
_PIECE = 1 << 16  # bytes that are inflated at a time
_BIG_ENDIAN = "1.2.840.10008.1.2.2"
_DEFLATED = frozenset(
    {
        "1.2.840.10008.1.2.1.99",  # Explicit VR Little Endian
        "1.2.840.10008.1.2.4.95",  # JPIP Referenced
        "1.2.840.10008.1.2.4.205",  # JPIP HTJ2K Referenced
    }
)
_PDU_HEAD, _PDV_HEAD = head(P_DATA_TF), head(PDV)
_RAW = "dataset_raw() gives its bytes as they are."


class Origin(NamedTuple):
    """Where the data sets of an association come from."""

    source: Bytes
    ways: tuple[Way, Way]
    pdus: Rows
    contexts: Mapping[int, PresentationContext]


@dataclass(frozen=True, slots=True)
class CapturedDataSet:
    """The data set of a message of a capture."""

    origin: Origin
    message: MessageRow

    @property
    def transfer_syntax(self) -> str:
        """The transfer syntax of its presentation context; CaptureError where nobody can know."""
        ident = self.message.context_id
        context = self.origin.contexts.get(ident)
        known = context.accepted if context is not None else None
        if context is None:
            why = f"the capture does not show what presentation context {ident} is"
        elif context.result is None:
            why = f"the capture does not show the answer to presentation context {ident}"
            if len(context.proposed) == 1:  # no other can have been accepted
                (known,) = context.proposed
        elif context.result != ACCEPTED:
            why = f"presentation context {ident} was not accepted"
        else:
            why = f"what was accepted for presentation context {ident} is no UID"
        if known is None or not is_uid(known):
            raise CaptureError(f"The transfer syntax of the data set is not known: {why}.", _RAW)
        return known

    def wanted(self) -> Wanted:
        """Where the PDUs that carried it lie; CaptureError where it is not there, or not whole."""
        message = self.message
        if not message.complete:
            raise CaptureError(
                "The data set is not whole: not all of the message was sent, or captured.",
                "The findings of the association say what is missing.",
            )
        if message.dataset_bytes is None:
            raise CaptureError(
                "The message has no data set.", "Where it has one, dataset_bytes says its size."
            )
        place, first, last = _BEYOND, _BEYOND, 0
        for row in self._pdus(range(message.pdus[0], message.pdus[-1] + 1)):
            if row.side == message.side:  # those between too: their packets may have come before
                place, first = min(place, row.place), min(first, row.first)
                last = max(last, row.last)
        way = self.origin.ways[message.side]
        return Wanted(way, message.start, message.stop, place, last - first)

    def sieve(self) -> Sieve:
        """Takes the bytes that are wanted, and gives those of the data set."""
        return Sieve(_fragments(self.message, self._pdus(indices(self.message.pdus))))

    def pieces(self) -> Iterator[bytes]:
        """Its bytes as they were on the wire."""
        size, sieve = 0, self.sieve()
        for _, chunk in self.origin.source.pieces([self.wanted()]):
            for piece in sieve.take(chunk):
                size += len(piece)
                yield piece
        if size != self.message.dataset_bytes:
            raise _not_all(size, self.message.dataset_bytes)

    def read(self) -> Dataset:
        """The data set, read by pydicom in its transfer syntax."""
        pieces, syntax = self.pieces(), self.transfer_syntax
        return _read(_inflated(pieces) if syntax in _DEFLATED else pieces, syntax)

    def _pdus(self, wanted: Iterable[int]) -> Iterator[PduRow]:
        return (PduRow._make(self.origin.pdus[index]) for index in wanted)


_BEYOND = 1 << 62  # every place and frame


def is_uid(text: str) -> bool:
    """Whether a text is a UID (PS3.5 9.1)."""
    return next(uid_core(text), None) is None


def _not_all(found: int, known: int | None) -> CaptureError:
    return CaptureError(
        f"Of the {known or 0:,} bytes of the data set only {found:,} are found again.",
        "The findings of the association say what is missing. Has the file changed since?",
    )


# --- from the bytes of PDUs to those of a data set ----------------------------------------------

_Step = tuple[Literal["skip", "look", "give"], int]  # what to do with so many bytes


class Sieve:
    """Takes the bytes of PDUs, piece by piece, and gives those of a data set."""

    def __init__(self, steps: Generator[_Step, bytes, None]) -> None:
        self._steps = steps
        self._what, self._left = next(steps, _END)
        self._seen: list[bytes] = []  # of what is looked at
        self.ended = False

    def take(self, chunk: bytes) -> Iterator[bytes]:
        """The bytes of the data set that are among these."""
        at = 0
        while at < len(chunk):
            piece = chunk[at : at + self._left]
            at += len(piece)
            self._left -= len(piece)
            if self._what == "give":
                yield piece
            elif self._what == "look":
                self._seen.append(piece)
            while not self._left:
                self._go_on()

    def _go_on(self) -> None:
        seen = b"".join(self._seen)
        self._seen.clear()
        try:
            self._what, self._left = self._steps.send(seen)
        except StopIteration:
            self._what, self._left = _END
            self.ended = True


_END: _Step = "skip", 1 << 62


def _fragments(message: MessageRow, pdus: Iterable[PduRow]) -> Generator[_Step, bytes, None]:
    """What the bytes of a message's PDUs are: headers to skip or look at, fragments to give."""
    at = message.start
    command_ends = message.spans[-1][1] if message.spans else at
    for pdu in pdus:
        yield "skip", pdu.start + _PDU_HEAD.size - at
        at = pdu.start + _PDU_HEAD.size
        while pdu.stop - at >= _PDV_HEAD.size:
            length, context_id, header = _PDV_HEAD.unpack((yield "look", _PDV_HEAD.size))
            at += _PDV_HEAD.size
            size = length - 2
            if not 0 <= size <= pdu.stop - at:
                break  # what is left makes no PDV
            ours = context_id == message.context_id and not header & 1 and at >= command_ends
            yield "give" if ours else "skip", size
            at += size
            if ours and header & 2:  # the last fragment (PS3.8 E.2)
                return


# --- reading ------------------------------------------------------------------------------------


def _inflated(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """What was deflated (PS3.5 A.5: as RFC 1951 has it), up to a limit."""
    inflate = zlib.decompressobj(-zlib.MAX_WBITS)
    size = 0
    try:
        for piece in pieces:
            while piece and not inflate.eof:
                found = inflate.decompress(piece, _PIECE)
                piece = inflate.unconsumed_tail
                size += len(found)
                if size > INFLATED:
                    why = f"it has more than {INFLATED:,} bytes when it is inflated"
                    raise _unreadable(why)
                yield found
        yield inflate.flush()
    except zlib.error as error:
        raise _unreadable(f"it cannot be inflated ({error})") from None
    if not inflate.eof:
        raise _unreadable("its deflated bytes break off")


# what pydicom raises over bytes that are no data set
_STRANGE = (
    ArithmeticError, AttributeError, EOFError, LookupError, NotImplementedError, OSError,
    RecursionError, TypeError, ValueError, struct.error,
)  # fmt: skip


def _read(pieces: Iterable[bytes], syntax: str) -> Dataset:
    """A data set of bytes that are not deflated, or no longer."""
    from pydicom.dataset import FileMetaDataset
    from pydicom.filereader import read_dataset
    from pydicom.uid import UID

    file = io.BytesIO()
    file.writelines(pieces)
    file.seek(0)
    implicit = syntax == names.IMPLICIT_VR_LITTLE_ENDIAN
    try:
        dataset = read_dataset(file, implicit, syntax != _BIG_ENDIAN)
    except _STRANGE as error:
        why = printable(str(error)) or type(error).__name__
        raise _unreadable(f"pydicom says {why!r}") from None
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = UID(syntax)
    return dataset


def _unreadable(why: str) -> CaptureError:
    return CaptureError(f"The data set cannot be read: {why}.", _RAW)


# --- files --------------------------------------------------------------------------------------


class Exported(NamedTuple):
    """The files that were written, and what was left out and why, a line each."""

    files: list[Path]
    left_out: list[str]


def export(
    associations: Capture | Iterable[Association], folder: str | os.PathLike[str]
) -> Exported:
    """Write the data set of every C-STORE-RQ into a DICOM file of its own (PS3.10).

    ``folder`` is made if it is not there. A file is named after the SOP Instance UID or, where
    that is none, after its connection and message. Nothing is overwritten: where a name is taken,
    a number is added. CaptureError where the folder cannot be written to or the capture is gone;
    BuildError for anything else than a capture or associations.
    """
    if isinstance(associations, Capture):
        associations = associations.associations
    associations = meant_each((Association,), associations)
    exporter = _Exporter(Path(path_text(folder)))
    instances = (one for each in associations for one in exporter.instances(each))
    while batch := list(islice(instances, AT_A_TIME)):
        for source, group in groupby(batch, key=lambda one: one.data.origin.source):
            exporter.write(source, list(group))
    return Exported(exporter.files, exporter.left_out)


class _Exporter:
    """Writes data sets into a folder."""

    def __init__(self, folder: Path) -> None:
        self.files: list[Path] = []
        self.left_out: list[str] = []
        self._folder = folder
        self._taken: dict[str, int] = {}  # how many files have that name
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise _unwritable(folder, error) from None

    def instances(self, association: Association) -> Iterator[_Instance]:
        """The data sets of an association that can be written."""
        for number, message in enumerate(association.messages):
            if message.type == "C-STORE-RQ" and isinstance(message.data, CapturedDataSet):
                name = f"connection-{association.connection}-message-{number}"
                try:
                    yield _Instance(name, association, message, message.data)
                except CaptureError as error:
                    self._leave_out(name, error)

    def write(self, source: Bytes, instances: Sequence[_Instance]) -> None:
        """Write these, in one pass over the capture."""
        with ExitStack() as at_the_end:
            for one in instances:
                at_the_end.callback(one.close)
            for which, chunk in source.pieces([one.wanted for one in instances]):
                if instances[which].path is None:
                    self._open(instances[which])
                instances[which].take(chunk)
        for one in instances:
            if one.path is not None and one.is_whole:
                self.files.append(one.path)
            else:
                self._leave_out(one.name, _not_all(one.size, one.message.dataset_bytes))

    def _open(self, one: _Instance) -> None:
        uid = one.message.sop_instance
        name = uid if uid is not None and is_uid(uid) else one.name
        while one.path is None:
            number = self._taken[name] = self._taken.get(name, 0) + 1
            one.open(self._folder / (f"{name}.dcm" if number == 1 else f"{name}-{number}.dcm"))

    def _leave_out(self, name: str, error: CaptureError) -> None:
        self.left_out.append(f"{name}: {error.args[0]}")


class _Instance:
    """A data set on its way into a file."""

    def __init__(
        self, name: str, association: Association, message: Message, data: CapturedDataSet
    ) -> None:
        self.name = name
        self.message = message
        self.data = data
        self.wanted = data.wanted()
        self.path: Path | None = None
        self.size = 0  # bytes of the data set that were written
        self._head = _head(association, message, data.transfer_syntax)
        self._sieve = data.sieve()
        self._file: BinaryIO | None = None

    @property
    def is_whole(self) -> bool:
        """Whether all of it was written."""
        return self.size == self.message.dataset_bytes

    def open(self, path: Path) -> None:
        """Begin a file of that name, if there is none."""
        try:
            self._file = path.open("xb")
            self.path = path
            self._file.write(self._head)
        except FileExistsError:
            return
        except OSError as error:
            raise _unwritable(path, error) from None

    def take(self, chunk: bytes) -> None:
        """Write what of its data set is among these bytes."""
        assert self._file is not None
        try:
            for piece in self._sieve.take(chunk):
                self._file.write(piece)
                self.size += len(piece)
            if self._sieve.ended:
                self._file.close()
        except OSError as error:
            raise _unwritable(self.path, error) from None

    def close(self) -> None:
        """No more bytes come: a file that is not whole does not stay."""
        if self._file is None or self.path is None:
            return
        whole = False
        try:
            self._file.close()
            whole = self.is_whole
        except OSError as error:
            raise _unwritable(self.path, error) from None
        finally:
            if not whole:
                self.path.unlink(missing_ok=True)


def _head(association: Association, message: Message, syntax: str) -> bytes:
    """What stands before the data set in a file: preamble, prefix, File Meta Information."""
    from pydicom.config import IGNORE
    from pydicom.dataelem import DataElement
    from pydicom.dataset import FileMetaDataset
    from pydicom.filebase import DicomBytesIO
    from pydicom.filewriter import write_file_meta_info

    meta = FileMetaDataset()
    for tag, vr, value in _meta(association, message, syntax):
        if value is not None:  # as the command set has it, be it wrong
            meta.add(DataElement(tag, vr, value, validation_mode=IGNORE))
    file = DicomBytesIO()
    file.write(bytes(128) + b"DICM")
    write_file_meta_info(file, meta, enforce_standard=False)
    return file.getvalue()


def _meta(association: Association, message: Message, syntax: str) -> list[tuple[int, str, Any]]:
    """The File Meta Information (PS3.10 Table 7.1-1): tag, VR, value."""
    titles: dict[Side, str | None] = {
        "requestor": _usable(association.calling_ae_title),
        "acceptor": _usable(association.called_ae_title),
    }
    sending = titles.pop(message.sender)
    (receiving,) = titles.values()
    return [
        (0x00020000, "UL", 0),  # group length: pydicom counts
        (0x00020001, "OB", b"\0\1"),  # version
        (0x00020002, "UI", message.sop_class),
        (0x00020003, "UI", message.sop_instance),
        (0x00020010, "UI", syntax),
        (0x00020012, "UI", names.IMPLEMENTATION_CLASS_UID),
        (0x00020013, "SH", names.IMPLEMENTATION_VERSION_NAME),
        (0x00020016, "AE", sending),  # source
        (0x00020017, "AE", sending),
        (0x00020018, "AE", receiving),
    ]


def _usable(title: str | None) -> str | None:
    """An AE title, if it is as the standard has it."""
    return title if title is not None and next(ae_title(title), None) is None else None


def _unwritable(path: Path | None, error: OSError) -> CaptureError:
    return CaptureError(
        f"{printable(str(path))} cannot be written: {error.strerror or error}.",
        "Choose another folder, or make room on the disk.",
    )
