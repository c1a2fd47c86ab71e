"""dicomlab: see what really happens when two DICOM applications talk.

    import dicomlab as dl

The face is ``dicomlab.api``; it is loaded when something of it is first asked for, so that
importing one room of the package costs no more than that room.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dicomlab.api import *  # noqa: F403 - the face is what api.__all__ says


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("dicomlab")
    from dicomlab import api

    if name != "__all__" and name not in api.__all__:
        raise AttributeError(f"dicomlab has no {name!r}; it has {', '.join(api.__all__)}")
    return getattr(api, name)


def __dir__() -> list[str]:
    from dicomlab import api

    return [*api.__all__, "__version__"]
