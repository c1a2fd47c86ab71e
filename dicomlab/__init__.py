"""dicomlab: see what really happens when two DICOM applications talk.

    import dicomlab as dl

The face is ``dicomlab.api``; it is loaded when something of it is first asked for, so that
importing one room of the package costs no more than that room. What takes all of Jupyter, pydicom
or pynetdicom to load waits longer: until it is asked for by its own name.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

_LATER = {  # and the modules that they are in
    "Archive": "net.services",
    "Builder": "widgets.builder",
    "Certificates": "net.certificates",
    "Console": "widgets.console",
    "DICOMweb": "net.dicomweb",
    "HexView": "widgets.explorer",
    "associate": "net.services",
    "bars": "views.figures",
    "made_up_images": "net.made_up",
    "multipart_related": "net.multipart",
    "p_data": "net.messages",
    "parts_of": "net.multipart",
    "send_at_once": "net.services",
}

if TYPE_CHECKING:
    from dicomlab.api import *  # noqa: F403 - the face is what api.__all__ says
    from dicomlab.net.certificates import Certificates as Certificates
    from dicomlab.net.dicomweb import DICOMweb as DICOMweb
    from dicomlab.net.made_up import made_up_images as made_up_images
    from dicomlab.net.messages import p_data as p_data
    from dicomlab.net.multipart import multipart_related as multipart_related
    from dicomlab.net.multipart import parts_of as parts_of
    from dicomlab.net.services import Archive as Archive
    from dicomlab.net.services import associate as associate
    from dicomlab.net.services import send_at_once as send_at_once
    from dicomlab.views.figures import bars as bars
    from dicomlab.widgets.builder import Builder as Builder
    from dicomlab.widgets.console import Console as Console
    from dicomlab.widgets.explorer import HexView as HexView
else:
    # A room has the name of a function of the face. Loading the room puts it here, once: after
    # this the name is free for the function; ``from dicomlab.dissect import ...`` finds the room.
    import_module("dicomlab.dissect")
    del globals()["dissect"]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return import_module("importlib.metadata").version("dicomlab")
    if name in _LATER:
        return getattr(import_module(f"dicomlab.{_LATER[name]}"), name)
    if name == "__all__":
        return _face()
    if name.startswith("__"):
        raise AttributeError(name)
    if name not in _face():
        raise AttributeError(f"dicomlab has no {name!r}; it has {', '.join(_face())}")
    return getattr(import_module("dicomlab.api"), name)


def __dir__() -> list[str]:
    return [*_face(), "__version__"]


def _face() -> list[str]:
    return sorted([*import_module("dicomlab.api").__all__, *_LATER])
