"""The widget in which a value is explored."""

from __future__ import annotations

from typing import Any

from dicomlab.model import Association, Capture, Pdu
from dicomlab.protocol.build import Draft
from dicomlab.widgets.browser import CaptureBrowser
from dicomlab.widgets.explorer import HexView
from dicomlab.widgets.sequence import Sequence


def explore(value: Any, **options: Any) -> Any:
    """A Pdu or Draft in the byte explorer, beside ``other`` if one is given.

    An Association as a sequence that is stepped through, a Capture as a table of associations that
    are opened below it.
    """
    match value:
        case Pdu() | Draft():
            return HexView(value, **options)
        case Association():
            return Sequence(value, **options)
        case Capture():
            return CaptureBrowser(value, **options)
    raise TypeError(f"nothing is known of how to explore a {type(value).__name__}")
