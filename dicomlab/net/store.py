"""What an archive holds, and what it answers to a question: the matching of PS3.4 C.2.2.2.

DIMSE and DICOMweb ask the same questions; both ask here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase
from threading import Lock
from typing import Any

from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue

from dicomlab.model import BuildError, DicomlabError

# Query/Retrieve Level → its unique key (PS3.4 Tables C.6-1 to C.6-4)
UNIQUE_KEYS = {
    "STUDY": "StudyInstanceUID",
    "SERIES": "SeriesInstanceUID",
    "IMAGE": "SOPInstanceUID",
}
ROOM = 1 << 28  # bytes of images
_KEEPING = 1 << 13  # bytes that each counts for beside its own
_RANGES = ("DA", "TM", "DT")
_NO_WILDCARDS = (*_RANGES, "UI", "IS", "DS", "US", "UL", "SS", "SL")


class Store:
    """Images by their SOP Instance UID, and the answers to queries."""

    def __init__(self, images: Iterable[Dataset] = ()) -> None:
        self._images: dict[str, tuple[Dataset, int]] = {}
        self._held = 0  # bytes
        self._lock = Lock()
        for image in images:
            _check_image(image)
            self.add(image, len(image.get("PixelData") or b""))

    @property
    def images(self) -> tuple[Dataset, ...]:
        """All of them, in the order in which they came."""
        with self._lock:
            return tuple(image for image, _ in self._images.values())

    def add(self, image: Dataset, size: int) -> bool:
        """Keep an image of so many bytes, in place of one of its UID; whether there is room."""
        uid, size = str(image.SOPInstanceUID), size + _KEEPING
        with self._lock:
            _, before = self._images.get(uid, (None, 0))
            if self._held - before + size > ROOM:
                return False
            self._images[uid] = image, size
            self._held += size - before
            return True

    def find(self, identifier: Dataset) -> Iterator[Dataset]:
        """Of each study, series or image that matches, what the identifier asks for.

        Raises DicomlabError for an identifier without its level or a unique key above it.
        """
        level, above = _level(identifier)
        for keyword in above:
            if not identifier.get(keyword):
                what = f"at the level {level}, an identifier has a {keyword} (PS3.4 C.4.1.2.1)."
                raise DicomlabError(what)
        groups: dict[str, list[Dataset]] = {}
        for image in self.images:
            groups.setdefault(image.get(UNIQUE_KEYS[level], ""), []).append(image)
        entities = (_entity(level, group) for group in groups.values())
        return (answer(one, identifier) for one in entities if matches(one, identifier))

    def select(self, identifier: Dataset) -> list[Dataset]:
        """The images that the unique keys of a retrieve identifier name (PS3.4 C.4.2.1.4).

        Raises DicomlabError for an identifier without its level or the unique key of it.
        """
        level, above = _level(identifier)
        keys = {
            keyword: _texts(identifier.get(keyword)) for keyword in (*above, UNIQUE_KEYS[level])
        }
        if not keys[UNIQUE_KEYS[level]]:
            what = f"at the level {level}, an identifier has a {UNIQUE_KEYS[level]}."
            raise DicomlabError(what)
        return [
            image
            for image in self.images
            if all(not uids or image.get(keyword) in uids for keyword, uids in keys.items())
        ]


def _check_image(image: Any) -> None:
    if not isinstance(image, Dataset) or not image.get("SOPInstanceUID"):
        what = f"this {type(image).__name__} is no image: it has no SOP Instance UID."
        raise BuildError(what, "Read images with pydicom's dcmread().")


def _level(identifier: Dataset) -> tuple[str, list[str]]:
    """The level of an identifier, and the unique keys of the levels above it."""
    level = str(identifier.get("QueryRetrieveLevel"))
    levels = list(UNIQUE_KEYS)
    if level not in levels:
        raise DicomlabError(f"{level!r} is no level; there are {', '.join(levels)} (PS3.4 C.6.2).")
    return level, [UNIQUE_KEYS[one] for one in levels[: levels.index(level)]]


def _entity(level: str, images: list[Dataset]) -> Dataset:
    """A study, a series or an image, with what is counted of it (PS3.4 Tables C.6-1 to C.6-3)."""
    entity = Dataset()
    entity.update(images[0])
    entity.QueryRetrieveLevel = level
    entity.ModalitiesInStudy = sorted({str(one.get("Modality", "")) for one in images})
    entity.NumberOfStudyRelatedSeries = len({one.get("SeriesInstanceUID") for one in images})
    entity.NumberOfStudyRelatedInstances = entity.NumberOfSeriesRelatedInstances = len(images)
    return entity


def matches(entity: Dataset, identifier: Dataset) -> bool:
    """Whether an entity has what every key of an identifier asks for (PS3.4 C.2.2.2)."""
    return all(
        _agrees(entity.get(key.tag), key)
        for key in identifier
        if key.keyword != "SpecificCharacterSet"
    )


def answer(entity: Dataset, identifier: Dataset) -> Dataset:
    """Of an entity, the attributes that an identifier names; empty where it has none."""
    found = Dataset()
    for key in identifier:
        if key.tag not in entity:
            found[key.tag] = DataElement(key.tag, key.VR, None)
        elif key.VR == "SQ" and key.value:
            items = [answer(item, key.value[0]) for item in entity[key.tag].value]
            found[key.tag] = DataElement(key.tag, "SQ", items)
        else:
            found[key.tag] = entity[key.tag]
    if "SpecificCharacterSet" in entity:
        found["SpecificCharacterSet"] = entity["SpecificCharacterSet"]
    return found


def _agrees(held: DataElement | None, key: DataElement) -> bool:
    """Whether a value that is held matches a key; an empty key matches all."""
    if key.VR == "SQ":
        items = () if held is None else held.value
        return not key.value or any(matches(item, key.value[0]) for item in items)
    wanted = _texts(key.value)
    values = [] if held is None else _texts(held.value)
    return not wanted or any(_fits(value, one, key.VR) for value in values for one in wanted)


def _fits(value: str, wanted: str, vr: str) -> bool:
    """Whether one value matches one that is wanted: the same, in its range, or by wild cards."""
    if vr in _RANGES and "-" in wanted:
        first, _, last = wanted.partition("-")
        return (first or value) <= value <= (last or value)
    if vr in _NO_WILDCARDS:
        return value == wanted
    if vr == "PN":
        value, wanted = value.casefold(), wanted.casefold()
    return fnmatchcase(value, wanted.replace("[", "[[]"))  # * and ? are the only wild cards


def _texts(value: Any) -> list[str]:
    """The values of an element, without empty ones."""
    values = value if isinstance(value, MultiValue | list) else [value]
    return [text for one in values if one is not None and (text := str(one))]
