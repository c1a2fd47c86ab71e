"""dicomlab: see what really happens when two DICOM applications talk.

    import dicomlab as dl

The face is ``dicomlab.api``; it is loaded when something of it is first asked for, so that
importing one room of the package costs no more than that room.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dicomlab.api import *  # noqa: F403 - the face is what api.__all__ says
else:
    # A room has the name of a function of the face. Loading the room puts it here, once: after
    # this the name is free for the function; ``from dicomlab.dissect import ...`` finds the room.
    import_module("dicomlab.dissect")
    del globals()["dissect"]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return import_module("importlib.metadata").version("dicomlab")
    if name.startswith("__") and name != "__all__":
        raise AttributeError(name)
    api = import_module("dicomlab.api")
    if name != "__all__" and name not in api.__all__:
        raise AttributeError(f"dicomlab has no {name!r}; it has {', '.join(api.__all__)}")
    return getattr(api, name)


def __dir__() -> list[str]:
    return [*import_module("dicomlab.api").__all__, "__version__"]
