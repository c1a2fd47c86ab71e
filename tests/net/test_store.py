"""What an archive answers to a question (PS3.4 C.2.2.2), and what it keeps."""

from __future__ import annotations

import pytest
from pydicom.dataset import Dataset

from dicomlab.model import DicomlabError
from dicomlab.net import store as stores
from dicomlab.net.made_up import made_up_archive, made_up_images, made_up_worklist
from dicomlab.net.store import Store, answer, matches

STORE = Store(made_up_archive())
FIRST = STORE.images[0]


def asking(level: str, **keys: object) -> Dataset:
    identifier = Dataset()
    identifier.QueryRetrieveLevel = level
    for keyword, value in keys.items():
        setattr(identifier, keyword, value)
    return identifier


STUDIES = {image.StudyInstanceUID: image for image in STORE.images}


@pytest.mark.parametrize(
    ("keys", "found"),
    [
        ({}, 6),
        ({"PatientName": ""}, 6),  # universal matching
        ({"PatientName": "*"}, 6),
        ({"PatientName": "EXERCISE^OTTER"}, 2),
        ({"PatientName": "exercise^otter"}, 2),
        ({"PatientName": "EXERCISE^O*"}, 2),
        ({"PatientName": "EXERCISE^?YNX"}, 1),
        ({"PatientName": "[EO]*"}, 0),  # brackets are no wild cards
        ({"StudyDescription": "knee"}, 0),
        ({"StudyDescription": "KNEE"}, 1),
        ({"ModalitiesInStudy": "MR"}, 2),
        ({"StudyInstanceUID": list(STUDIES)[:3]}, 3),  # a list of UIDs
        ({"NumberOfStudyRelatedInstances": 6}, 2),
        ({"PatientComments": "ANY"}, 0),  # nobody has that
        ({"PatientName": "EXERCISE^OTTER", "ModalitiesInStudy": "CT"}, 1),
    ],
)
def test_studies_match(keys: dict[str, object], found: int) -> None:
    assert len(list(STORE.find(asking("STUDY", **keys)))) == found


def test_dates_match_a_range() -> None:
    dates = sorted(image.StudyDate for image in STUDIES.values())
    for given in (f"{dates[1]}-{dates[3]}", f"-{dates[2]}", f"{dates[4]}-", "20251231-20260131"):
        first, _, last = given.partition("-")
        within = [date for date in dates if (first or date) <= date <= (last or date)]
        assert len(list(STORE.find(asking("STUDY", StudyDate=given)))) == len(within)


def test_an_answer_has_what_was_asked_for_and_nothing_else() -> None:
    asked = asking("STUDY", StudyInstanceUID=FIRST.StudyInstanceUID, PatientID="", StudyComments="")
    asked.NumberOfStudyRelatedInstances = None
    (found,) = STORE.find(asked)
    assert [one.keyword for one in found] == [one.keyword for one in asked]
    assert (found.PatientID, found.StudyComments) == (FIRST.PatientID, None)
    assert found.NumberOfStudyRelatedInstances == 6


def test_series_and_images_are_found_below_their_study() -> None:
    study = FIRST.StudyInstanceUID
    series = list(STORE.find(asking("SERIES", StudyInstanceUID=study, SeriesInstanceUID="")))
    assert len(series) == 2
    above = {"StudyInstanceUID": study, "SeriesInstanceUID": series[0].SeriesInstanceUID}
    assert len(list(STORE.find(asking("IMAGE", **above)))) == 3


@pytest.mark.parametrize("wrong", [Dataset(), asking("PATIENT"), asking("SERIES"), asking("IMAGE")])
def test_an_identifier_needs_its_level_and_the_keys_above(wrong: Dataset) -> None:
    with pytest.raises(DicomlabError, match=r"PS3\.4"):
        STORE.find(wrong)


def test_the_worklist_is_searched_inside_its_sequence() -> None:
    step = Dataset()
    step.Modality, step.ScheduledProcedureStepDescription = "MR", ""
    asked = Dataset()
    asked.PatientName, asked.ScheduledProcedureStepSequence = "", [step]
    found = [answer(one, asked) for one in made_up_worklist() if matches(one, asked)]
    steps = [one.ScheduledProcedureStepSequence[0] for one in found]
    assert [one.ScheduledProcedureStepDescription for one in steps] == ["KNEE, LEFT", "KNEE, RIGHT"]
    assert "ScheduledStationAETitle" not in steps[0]


def test_the_answer_has_the_character_set_of_its_values() -> None:
    (image,) = made_up_images()
    image.SpecificCharacterSet, image.PatientName = "ISO_IR 192", "EXERCISE^MÖWE"
    (found,) = Store([image]).find(asking("STUDY", PatientName="*"))
    assert found.SpecificCharacterSet == "ISO_IR 192"


@pytest.mark.parametrize(
    ("level", "keys", "found"),
    [
        ("STUDY", ["StudyInstanceUID"], 6),
        ("SERIES", ["StudyInstanceUID", "SeriesInstanceUID"], 3),
        ("SERIES", ["SeriesInstanceUID"], 3),
        ("IMAGE", ["SOPInstanceUID"], 1),
    ],
)
def test_images_are_selected_by_their_unique_keys(level: str, keys: list[str], found: int) -> None:
    asked = asking(level, **{keyword: FIRST[keyword].value for keyword in keys})
    assert len(STORE.select(asked)) == found


def test_nothing_is_selected_without_the_unique_key_of_the_level() -> None:
    with pytest.raises(DicomlabError, match="StudyInstanceUID"):
        STORE.select(asking("STUDY", PatientID=FIRST.PatientID))


def test_an_image_comes_in_place_of_the_one_of_its_uid() -> None:
    store = Store(made_up_images(2))
    again, _ = made_up_images(2, size=8)
    assert store.add(again, 128)
    assert [image.Rows for image in store.images] == [8, 64]


def test_there_is_not_room_for_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stores, "ROOM", 20_000)
    store = Store()
    first, second = made_up_images(2)
    assert store.add(first, 8192)
    assert not store.add(second, 8192)
    assert store.add(first, 8192)
    assert store.images == (first,)
