"""Throws damaged captures at the reader, for as long as somebody lets it.

By hand, with atheris (``pip install atheris``) and a folder of small captures to begin with:

    python -m tests.fuzz.fuzz_dissect -max_total_time=600 -timeout=10 -rss_limit_mb=1024 SEEDS

Whatever the bytes, reading them must end soon, take no memory without end, raise nothing but
CaptureError, and give a document that is JSON, PDUs whose trees tile them, and lines that equal
their values.
"""

from __future__ import annotations

import io
import json
import sys
import tempfile
from itertools import islice
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["dicomlab"]):
    from dicomlab.dissect.associations import dissect
    from dicomlab.model import CaptureError
    from dicomlab.views import contract

LOOKED_AT = 20  # PDUs of a capture whose trees are made
FOLDER = Path(tempfile.mkdtemp(prefix="fuzz-dissect-"))
FILE = FOLDER / "capture"


def one_input(data: bytes) -> None:
    """Read it, and look at all that was found."""
    FILE.write_bytes(data)
    try:
        capture = dissect(FILE)
    except CaptureError:
        return
    document = io.StringIO()
    contract.write(capture, document)
    json.loads(document.getvalue())
    for association in islice(capture.associations, 5):
        for pdu in islice(association.pdus, LOOKED_AT):
            assert len(bytes(pdu)) == len(pdu), pdu
        for message in islice(association.messages, LOOKED_AT):
            assert message.fields is not None


def main() -> None:
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
