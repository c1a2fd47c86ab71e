"""Made-up images are nobody's, small, the same for the same seed, and fit to be sent."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset

from dicomlab.model import BuildError
from dicomlab.net.made_up import ANIMALS, made_up_archive, made_up_images, made_up_worklist


@pytest.mark.parametrize("make", [made_up_images, made_up_archive, made_up_worklist])
def test_the_same_seed_gives_the_same(make: Callable[..., list[Dataset]]) -> None:
    assert make(seed=3) == make(seed=3)
    assert make(seed=3) != make(seed=4)


@pytest.mark.parametrize("make", [made_up_archive, made_up_worklist])
def test_all_patients_are_animals_in_an_exercise(make: Callable[..., list[Dataset]]) -> None:
    names = {str(one.PatientName) for seed in range(9) for one in make(seed=seed)}
    assert names <= {f"EXERCISE^{animal}" for animal in ANIMALS}


def test_images_are_of_one_series_and_differ() -> None:
    images = made_up_images(5)
    assert len({one.SeriesInstanceUID for one in images}) == 1
    assert len({one.SOPInstanceUID for one in images}) == 5
    assert len({one.PixelData for one in images}) == 5


@pytest.mark.parametrize("size", [1, 64, 257])
def test_the_size_is_that_of_the_picture(size: int) -> None:
    (image,) = made_up_images(size=size)
    assert image.pixel_array.shape == (size, size)
    assert len(image.PixelData) == 2 * size * size
    assert image.pixel_array.max() < 1 << image.BitsStored


@pytest.mark.parametrize("modality", ["CT", "MR", "OT"])
def test_an_image_can_be_saved_as_a_dicom_file(modality: str) -> None:
    (image,) = made_up_images(modality=modality)
    file = BytesIO()
    image.save_as(file)
    file.seek(0)
    assert dcmread(file) == image


WRONG = [
    {"size": 0}, {"size": 5000}, {"size": "3"}, {"size": 3.0}, {"modality": "XX"},
    {"number": -3}, {"number": 0}, {"number": 10_001}, {"number": "3"}, {"number": None},
]  # fmt: skip


@pytest.mark.parametrize("wrong", WRONG, ids=str)
def test_what_cannot_be_made_is_said(wrong: dict[str, object]) -> None:
    with pytest.raises(BuildError):
        made_up_images(**wrong)
