"""Made-up patients: their images and their worklist. The same seed gives the same.

All of them are animals, so that nobody takes them for people; all UIDs are derived from fixed words
(PS3.5 B.2).
"""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Any
from uuid import UUID, uuid5

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import (
    CTImageStorage,
    ExplicitVRLittleEndian,
    MRImageStorage,
    SecondaryCaptureImageStorage,
)

from dicomlab.model import BuildError

SOP_CLASSES = {
    "CT": CTImageStorage,
    "MR": MRImageStorage,
    "OT": SecondaryCaptureImageStorage,
}
ANIMALS = ("OTTER", "HERON", "BADGER", "LYNX", "PUFFIN", "MOOSE", "NEWT", "STOAT")
# patient, modality, study, and how many images each of its series has
STUDIES = (
    (0, "CT", "THORAX", (3, 3)),
    (0, "OT", "SCREEN", (1,)),
    (1, "MR", "KNEE", (4,)),
    (2, "CT", "ABDOMEN", (2,)),
    (2, "CT", "ABDOMEN AGAIN", (2,)),
    (3, "MR", "HEAD", (2, 2, 2)),
)
# patient, modality, procedure
PLANNED = (
    (0, "CT", "THORAX, FOLLOW-UP"),
    (1, "MR", "KNEE, LEFT"),
    (1, "MR", "KNEE, RIGHT"),
    (4, "CT", "ABDOMEN"),
)
_MOST = 10_000  # images of a series
_LARGEST = 4096  # pixels
_OURS = UUID("6a1e3f0c-63f1-5e0a-9b1d-8f6f6d1c0a57")  # below it, a UID for every made-up thing


def made_up_images(
    number: int = 1, size: int = 64, *, modality: str = "CT", seed: int = 0
) -> list[Dataset]:
    """So many images of one series: CT, MR or OT, which is a Secondary Capture.

    An image has ``size`` times ``size`` pixels of two bytes. Raises BuildError for others.
    """
    if modality not in SOP_CLASSES:
        raise BuildError(f"there are made-up images of {', '.join(SOP_CLASSES)}, not {modality!r}.")
    _check("images of one series", number, _MOST)
    _check("pixels in a line", size, _LARGEST)
    return list(_series(seed, 0, modality, f"{number} IMAGES", 1, number, size))


def _check(what: str, number: Any, most: int) -> None:
    if not isinstance(number, int) or not 1 <= number <= most:
        raise BuildError(f"there can be 1 to {most:,} {what}, not {number!r}.")


def made_up_archive(size: int = 64, *, seed: int = 0) -> list[Dataset]:
    """The images of a small archive: four patients, six studies."""
    return [
        image
        for patient, modality, title, lengths in STUDIES
        for series, length in enumerate(lengths, start=1)
        for image in _series(seed, patient, modality, title, series, length, size)
    ]


def made_up_worklist(*, seed: int = 0) -> list[Dataset]:
    """What is planned for some of them and one more: worklist items (PS3.4 Table K.6-1)."""
    return [_planned(seed, *row) for row in PLANNED]


def _series(
    seed: int, patient: int, modality: str, title: str, series: int, length: int, size: int
) -> Iterator[Dataset]:
    for number in range(1, length + 1):
        image = _patient(seed, patient)
        image.update(_study(seed, patient, modality, title))
        image.Modality = modality
        image.SOPClassUID = SOP_CLASSES[modality]
        image.SOPInstanceUID = _uid(seed, patient, title, series, number)
        image.SeriesInstanceUID = _uid(seed, patient, title, series)
        image.SeriesNumber, image.InstanceNumber = series, number
        image.SeriesDescription = f"{title} {series}"
        image.update(_pixels(image.SOPInstanceUID, number / length, size))
        image.file_meta, image.preamble = _file_meta(image), bytes(128)
        yield image


def _file_meta(image: Dataset) -> FileMetaDataset:
    """With which an image can be saved as a file (PS3.10 7.1)."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = image.SOPClassUID
    meta.MediaStorageSOPInstanceUID = image.SOPInstanceUID
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return meta


def _patient(seed: int, patient: int) -> Dataset:
    data = Dataset()
    data.PatientName = f"EXERCISE^{ANIMALS[(seed + patient) % len(ANIMALS)]}"
    data.PatientID = f"EX-{_number(seed, patient)}"
    data.PatientBirthDate, data.PatientSex = "", "O"
    return data


def _study(seed: int, patient: int, modality: str, title: str) -> Dataset:
    data = Dataset()
    number = _number(seed, patient, title)
    data.StudyInstanceUID = _uid(seed, patient, title)
    data.StudyDate, data.StudyTime = f"202601{number % 28 + 1:02}", f"{number % 12 + 7:02}1500"
    data.AccessionNumber, data.StudyID = f"{modality}{number}", str(number)
    data.StudyDescription, data.ReferringPhysicianName = title, ""
    return data


def _planned(seed: int, patient: int, modality: str, title: str) -> Dataset:
    study = _study(seed, patient, modality, title)
    step = Dataset()
    step.Modality, step.ScheduledStationAETitle = modality, f"{modality}1"
    step.ScheduledProcedureStepStartDate = study.StudyDate
    step.ScheduledProcedureStepStartTime = study.StudyTime
    step.ScheduledPerformingPhysicianName = ""
    step.ScheduledProcedureStepDescription = title
    step.ScheduledProcedureStepID = f"STEP{study.StudyID}"
    item = _patient(seed, patient)
    item.AccessionNumber = study.AccessionNumber
    item.ReferringPhysicianName = ""
    item.StudyInstanceUID = study.StudyInstanceUID
    item.RequestedProcedureID = f"REQ{study.StudyID}"
    item.RequestedProcedureDescription = title
    item.ScheduledProcedureStepSequence = Sequence([step])
    return item


def _pixels(name: str, height: float, size: int) -> Dataset:
    """A slice through something round with three hollows in it, and the noise of a scanner."""
    noise = np.random.default_rng(int(name.rpartition(".")[2]))
    y, x = np.mgrid[-1 : 1 : size * 1j, -1 : 1 : size * 1j]
    picture = np.where(np.hypot(x, y) < 0.9, 1000.0, 0.0)
    for angle in (0.5, 2.6, 4.7):
        hollow = np.hypot(x - np.cos(angle) / 2, y - np.sin(angle) / 2) < height / 3
        picture[hollow] = 300 * angle
    data = Dataset()
    data.Rows = data.Columns = size
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
    data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelRepresentation = 16, 12, 11, 0
    data.PixelData = (picture + noise.integers(0, 100, picture.shape)).astype("<u2").tobytes()
    return data


def _number(*words: object) -> int:
    """Four digits that these words decide."""
    return Random(repr(words)).randrange(1000, 10000)


def _uid(*words: object) -> str:
    return f"2.25.{uuid5(_OURS, repr(words)).int}"
