"""Bodies of several parts, as DICOMweb sends and answers them: multipart/related (RFC 2387)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from email.message import Message
from io import BytesIO

from pydicom import dcmwrite
from pydicom.dataset import Dataset

from dicomlab.model import DicomlabError, meant, meant_each

_NEW_LINE = b"\r\n"
_MOST = 10_000  # parts


def multipart_related(images: Iterable[Dataset]) -> tuple[str, bytes]:
    """Images as a STOW-RS request carries them: Content-Type and body (PS3.18 8.6.1.2.1).

    Raises DicomlabError for anything else than a list of images, and for none.
    """
    files = [_file(image) for image in meant_each((Dataset,), images)]
    if not files:
        raise DicomlabError("a body without a part is none.", "Give at least one image.")
    boundary = hashlib.sha256(b"".join(files)).hexdigest()[:32]  # no file holds its own digest
    lines = []
    for file in files:
        lines += [f"--{boundary}".encode(), b"Content-Type: application/dicom", b"", file]
    lines += [f"--{boundary}--".encode(), b""]
    content_type = f'multipart/related; type="application/dicom"; boundary={boundary}'
    return content_type, _NEW_LINE.join(lines)


def parts_of(content_type: str, body: bytes) -> list[bytes]:
    """The contents of the parts of a multipart/related body, without their headers.

    Raises DicomlabError for another content type, no part or very many, and for no end.
    """
    header = Message()
    meant(bytes, body, "Give the body as it came.")
    header["Content-Type"] = str(content_type)
    boundary = header.get_boundary()
    if header.get_content_type() != "multipart/related" or not boundary:
        raise DicomlabError(f"{str(content_type)[:99]!r} is no multipart/related with a boundary.")
    delimiter = _NEW_LINE + b"--" + boundary.encode()
    _, *parts = (_NEW_LINE + body).split(delimiter, _MOST + 2)
    if not 2 <= len(parts) <= _MOST + 1 or not parts[-1].startswith(b"--"):
        raise DicomlabError(f"the body has not 1 to {_MOST:,} parts, or does not end.")
    return [part.partition(_NEW_LINE * 2)[2] for part in parts[:-1]]  # behind the empty line


def _file(image: Dataset) -> bytes:
    """An image as a DICOM file (PS3.10)."""
    file = BytesIO()
    dcmwrite(file, image, enforce_file_format=True)
    return file.getvalue()
