"""httpx uses the archive by DICOMweb, while pynetdicom uses it by DIMSE."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.uid import DeflatedExplicitVRLittleEndian

import dicomlab as dl
from dicomlab.model import DicomlabError
from dicomlab.net import store as stores

OTTER = {"PatientName": "EXERCISE^OTTER"}


@pytest.fixture
def archive() -> Iterator[dl.Archive]:
    with dl.Archive() as running:
        yield running


@pytest.fixture
def web(archive: dl.Archive) -> Iterator[httpx.Client]:
    with dl.DICOMweb(archive) as server, httpx.Client(base_url=server.url) as client:
        yield client


def value(one: dict[str, Any], tag: str) -> Any:
    return one[tag]["Value"][0]


def store(web: httpx.Client, images: list[Dataset]) -> httpx.Response:
    content_type, body = dl.multipart_related(images)
    return web.post("/studies", content=body, headers={"Content-Type": content_type})


def send(web: httpx.Client, *files: bytes) -> httpx.Response:
    body = b"".join(b"--cut\r\n\r\n" + file + b"\r\n" for file in files) + b"--cut--"
    content_type = 'multipart/related; type="application/dicom"; boundary=cut'
    return web.post("/studies", content=body, headers={"Content-Type": content_type})


# --- QIDO-RS ------------------------------------------------------------------------------


def test_studies_are_found(web: httpx.Client) -> None:
    answer = web.get("/studies", params=OTTER)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/dicom+json")
    found = answer.json()
    assert sorted(value(one, "00080061") for one in found) == ["CT", "OT"]
    assert {value(one, "00100010")["Alphabetic"] for one in found} == {"EXERCISE^OTTER"}
    assert "00080052" not in found[0]  # the level is for DIMSE


def test_from_study_to_series_to_images(web: httpx.Client) -> None:
    (study,) = web.get("/studies", params={**OTTER, "ModalitiesInStudy": "CT"}).json()
    series = web.get(value(study, "00081190") + "/series").json()
    assert len(series) == 2
    instances = web.get(value(series[0], "00081190") + "/instances").json()
    assert len(instances) == 3
    (part,) = parts(web.get(value(instances[0], "00081190")))
    assert part.SOPInstanceUID == value(instances[0], "00080018")


@pytest.mark.parametrize(
    ("params", "found"),
    [
        ({}, 6),
        ({"limit": 2}, 2),
        ({"limit": 2, "offset": 5}, 1),
        ({"00100010": "EXERCISE^OTTER"}, 2),
        ({"PatientName": "*LYNX"}, 1),
        ({"StudyDate": "20260101-20260131"}, 6),
        ({"includefield": "PatientComments"}, 6),
        ({"fuzzymatching": "true", "PatientName": "*LYNX"}, 1),
    ],
)
def test_the_parameters_of_a_search(params: dict[str, Any], found: int, web: httpx.Client) -> None:
    assert len(web.get("/studies", params=params).json()) == found


def test_all_fields_are_those_that_the_images_have_but_no_pixels(web: httpx.Client) -> None:
    one, *_ = web.get("/studies", params={"includefield": "all"}).json()
    few, *_ = web.get("/studies").json()
    assert {"00080060", "00280010"} <= one.keys() - few.keys()
    assert "7FE00010" not in one


def test_a_list_of_uids_is_any_of_them(web: httpx.Client) -> None:
    uids = [value(one, "0020000D") for one in web.get("/studies", params={"limit": 2}).json()]
    found = web.get("/studies", params={"StudyInstanceUID": ",".join(uids)}).json()
    assert [value(one, "0020000D") for one in found] == uids


def test_a_search_without_a_match_has_no_content(web: httpx.Client) -> None:
    answer = web.get("/studies", params={"PatientName": "NOBODY"})
    assert (answer.status_code, answer.content) == (204, b"")


@pytest.mark.parametrize(
    "params",
    [
        {"NoSuchKeyword": "1"},
        {"-1": "1"},
        {"FFFFFFFFFFFF": "1"},
        {"InstanceNumber": "first"},
        {"limit": "all"},
        {"includefield": "everything"},
        {"ReferencedStudySequence": "1"},
    ],
)
def test_a_search_that_is_none_is_refused_in_one_line(
    params: dict[str, str], web: httpx.Client
) -> None:
    answer = web.get("/studies", params=params)
    assert answer.status_code == 400
    assert answer.headers["content-type"].startswith("text/plain")
    assert answer.text.count("\n") == 1


# --- WADO-RS ------------------------------------------------------------------------------


def parts(answer: httpx.Response) -> list[Dataset]:
    assert answer.status_code == 200
    files = dl.parts_of(answer.headers["content-type"], answer.content)
    return [dcmread(DicomBytesIO(file)) for file in files]


def test_a_study_is_retrieved(web: httpx.Client, archive: dl.Archive) -> None:
    uid = archive.store.images[0].StudyInstanceUID
    got = parts(web.get(f"/studies/{uid}"))
    assert got == [one for one in archive.store.images if one.StudyInstanceUID == uid]


@pytest.mark.parametrize("path", ["/studies/2.25.1", "/studies/x", "/", "/studies/2.25.1/frames"])
def test_what_is_not_there_is_not_found(path: str, web: httpx.Client) -> None:
    assert web.get(path).status_code == 404


# --- STOW-RS ------------------------------------------------------------------------------


def test_images_are_stored_and_seen_by_dimse(web: httpx.Client, archive: dl.Archive) -> None:
    images = dl.made_up_images(20, seed=9)
    answer = store(web, images)
    assert answer.status_code == 200
    kept = [value(one, "00081155") for one in answer.json()["00081199"]["Value"]]
    assert kept == [image.SOPInstanceUID for image in images]
    assert archive.store.images[-20:] == tuple(images)


def test_what_is_no_image_is_reported_beside_what_is(web: httpx.Client) -> None:
    (image,) = dl.made_up_images(seed=9)
    (file,) = dl.parts_of(*dl.multipart_related([image]))
    answer = send(web, file, b"nothing", file[:150])
    assert answer.status_code == 202
    report = answer.json()
    assert len(report["00081199"]["Value"]) == 1
    assert [value(one, "00081197") for one in report["0008119A"]["Value"]] == [0xC000] * 2
    assert send(web, b"nothing").status_code == 409


def test_a_deflated_image_could_be_of_any_size_and_is_not_taken(web: httpx.Client) -> None:
    (image,) = dl.made_up_images(seed=9)
    image.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    assert store(web, [image]).status_code == 409


def test_without_room_it_is_said(web: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stores, "ROOM", 0)
    answer = store(web, dl.made_up_images(seed=9))
    assert answer.status_code == 409
    assert value(answer.json()["00081198"]["Value"][0], "00081197") == 0xA700


@pytest.mark.parametrize(
    ("content_type", "body", "status"),
    [
        ("text/plain", b"hello", 415),
        ("multipart/related", b"hello", 400),
        ("multipart/related; boundary=cut", b"hello", 400),
        ("multipart/related; boundary=cut", b"--cut\r\n\r\nhello", 400),
    ],
)
def test_a_request_that_is_none_is_refused(
    content_type: str, body: bytes, status: int, web: httpx.Client
) -> None:
    answer = web.post("/studies", content=body, headers={"Content-Type": content_type})
    assert answer.status_code == status


# --- as a server --------------------------------------------------------------------------


def test_its_conversations_can_be_recorded(archive: dl.Archive) -> None:
    with dl.DICOMweb(archive) as server, dl.record(server, method="relay") as recording:
        host, port = recording.address
        with httpx.Client(base_url=f"http://{host}:{port}") as client:
            assert store(client, dl.made_up_images(seed=9)).status_code == 200
    (connection,) = recording.capture.connections
    assert connection.kind == "not-dicom"
    assert connection.bytes["requestor"] > 8192


def test_it_listens_on_loopback_and_starts_again(archive: dl.Archive) -> None:
    server = dl.DICOMweb(archive)
    with pytest.raises(DicomlabError, match="does not listen"):
        _ = server.url
    for _ in range(2):
        with server:
            assert server.address[0] == "127.0.0.1"
            assert httpx.get(f"{server.url}/studies").status_code == 200


def test_a_port_that_is_taken_is_said(archive: dl.Archive) -> None:
    with dl.DICOMweb(archive) as server, pytest.raises(DicomlabError, match="cannot listen"):
        dl.DICOMweb(archive, port=server.address[1]).start()


def test_stopping_closes_connections_and_leaves_no_thread(archive: dl.Archive) -> None:
    with dl.DICOMweb(archive) as server, httpx.Client(base_url=server.url) as client:
        client.get("/studies")
        server.stop()
        with pytest.raises(httpx.TransportError):
            client.get("/studies")
    assert not [one for one in threading.enumerate() if one.name.startswith("DICOMweb")]
