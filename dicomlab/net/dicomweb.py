"""The images of an archive by DICOMweb: the Studies Service of PS3.18, on Tornado.

Tornado is what Jupyter's own server stands on: where JupyterLab is, it is.
"""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import Iterable
from io import BytesIO

from pydicom import dcmread
from pydicom.config import IGNORE
from pydicom.datadict import dictionary_VR, keyword_for_tag, tag_for_keyword
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.uid import DeflatedExplicitVRLittleEndian
from tornado.httpserver import HTTPServer
from tornado.web import Application, RequestHandler

from dicomlab.model import DicomlabError
from dicomlab.net.listener import Listener, listening
from dicomlab.net.multipart import multipart_related, parts_of
from dicomlab.net.services import Archive
from dicomlab.net.store import UNIQUE_KEYS, Store

# the levels of a URL, and what an answer to a search has (PS3.18 Tables 10.6.3-3 to 10.6.3-5)
LEVELS = tuple(UNIQUE_KEYS)
RETURNED = (
    (
        *("StudyDate", "StudyTime", "AccessionNumber", "ModalitiesInStudy"),
        *("ReferringPhysicianName", "PatientName", "PatientID", "PatientBirthDate", "PatientSex"),
        *("StudyInstanceUID", "StudyID"),
        *("NumberOfStudyRelatedSeries", "NumberOfStudyRelatedInstances"),
    ),
    (
        *("Modality", "SeriesDescription", "StudyInstanceUID", "SeriesInstanceUID"),
        *("SeriesNumber", "NumberOfSeriesRelatedInstances"),
    ),
    (
        *("SOPClassUID", "StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"),
        *("InstanceNumber", "Rows", "Columns", "BitsAllocated"),
    ),
)
_JSON = "application/dicom+json"
_LARGEST = 1 << 26  # bytes of a request
_BULK = 0x7FE00000  # the first tag of pixel data, which no search returns
_OUT_OF_RESOURCES, _CANNOT_UNDERSTAND = 0xA700, 0xC000  # Failure Reason (PS3.18 Table I.2-2)
_ALL, _SOME, _NONE = 200, 202, 409  # of the images were stored (PS3.18 Table 10.5.3-1)


class DICOMweb(Listener):
    """A web server over the images of an archive, as a context manager; on loopback only.

    ``url`` is where its resources begin: ``/studies`` takes images by STOW-RS (POST) and is
    searched by QIDO-RS (GET), as are ``/studies/{uid}/series`` and
    ``/studies/{uid}/series/{uid}/instances``; ``/studies/{uid}`` and what follows below it by a
    further UID is retrieved by WADO-RS.
    """

    def __init__(self, archive: Archive, *, port: int = 0) -> None:
        super().__init__("127.0.0.1", port)
        self._store = archive.store

    @property
    def url(self) -> str:
        """The URL below which its resources are."""
        host, port = self.address
        return f"http://{host}:{port}"

    def _begin(self) -> tuple[str, int]:
        listener = listening(*self._wanted)
        listener.setblocking(False)
        host, port = listener.getsockname()
        ready = threading.Event()
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._serve(listener, ready)),
            name=f"DICOMweb:{port}",
            daemon=True,
        )
        self._thread.start()
        ready.wait()
        return host, port

    def _end(self) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join()

    async def _serve(self, listener: socket.socket, ready: threading.Event) -> None:
        self._loop, self._over = asyncio.get_running_loop(), asyncio.Event()
        server = HTTPServer(_application(self._store), max_body_size=_LARGEST)
        server.add_sockets([listener])
        ready.set()
        await self._over.wait()
        server.stop()
        await server.close_all_connections()


def _application(store: Store) -> Application:
    names = "studies", "series", "instances"
    study, series, instance = (f"/{name}/([0-9.]{{1,64}})" for name in names)
    given = {"store": store}
    return Application(
        [
            ("/studies", _Studies, given),
            (f"{study}/series", _Search, given),
            (f"{study}{series}/instances", _Search, given),
            (study, _Retrieve, given),
            (study + series, _Retrieve, given),
            (study + series + instance, _Retrieve, given),
        ],
        log_function=lambda handler: None,  # a notebook would show it as an error of its own
    )


class _Resource(RequestHandler):
    """What the resources have in common."""

    def initialize(self, store: Store) -> None:
        self.store = store

    def identifier(self, level: str, uids: tuple[str, ...]) -> Dataset:
        """An identifier of that level with the UIDs of the URL."""
        identifier = Dataset()
        identifier.QueryRetrieveLevel = level
        for keyword, uid in zip(UNIQUE_KEYS.values(), uids, strict=False):
            setattr(identifier, keyword, uid)
        return identifier

    def url_of(self, data: Dataset) -> str:
        """The URL of the study, series or image that has these UIDs."""
        names = zip(("studies", "series", "instances"), UNIQUE_KEYS.values(), strict=True)
        path = "".join(f"/{name}/{data[key].value}" for name, key in names if key in data)
        return f"{self.request.protocol}://{self.request.host}{path}"

    def answer(self, status: int, content_type: str, body: str | bytes) -> None:
        self.set_status(status)
        self.set_header("Content-Type", content_type)
        self.finish(body)

    def refuse(self, status: int, why: object) -> None:
        self.answer(status, "text/plain; charset=utf-8", f"{why}\n")


class _Search(_Resource):
    """QIDO-RS (PS3.18 10.6)."""

    def get(self, *uids: str) -> None:
        asked = {name: ",".join(self.get_query_arguments(name)) for name in self.request.arguments}
        try:
            first, most = (int(asked.pop(*one)) for one in (("offset", "0"), ("limit", "1000")))
            asked.pop("fuzzymatching", None)  # names match literally, whatever is asked
            included = self._included(asked.pop("includefield", ""))
            identifier = self.identifier(LEVELS[len(uids)], uids)
            for name in (*RETURNED[len(uids)], *included):
                key = _key(name, "")
                identifier.setdefault(key.tag, key)
            for name, value in asked.items():
                identifier.add(_key(name, value))
            found = list(self.store.find(identifier))[max(first, 0) :][: max(most, 0)]
        except (DicomlabError, ValueError) as problem:
            self.refuse(400, problem)
            return
        if not found:
            self.set_status(204)
            return
        for one in found:
            del one.QueryRetrieveLevel
            one.RetrieveURL = self.url_of(one)
        self.answer(200, _JSON, json.dumps([one.to_json_dict() for one in found]))

    def _included(self, fields: str) -> Iterable[str]:
        """The attributes that an answer has besides; ``all`` are those that the images have."""
        names = list(filter(None, fields.split(",")))
        if "all" not in names:
            return names
        tags = set[int]().union(*(image.keys() for image in self.store.images))
        return [
            keyword_for_tag(one) for one in sorted(tags) if one < _BULK and keyword_for_tag(one)
        ]


class _Studies(_Search):
    """QIDO-RS for studies, and STOW-RS (PS3.18 10.5)."""

    def post(self) -> None:
        content_type = self.request.headers.get("Content-Type", "")
        if not content_type.startswith("multipart/related"):
            self.refuse(415, "images come as multipart/related")
            return
        try:
            images = [_image(file) for file in parts_of(content_type, self.request.body)]
        except DicomlabError as problem:
            self.refuse(400, problem)
            return
        report = self.stored(images)
        kept = "ReferencedSOPSequence" in report
        lost = "FailedSOPSequence" in report or "OtherFailuresSequence" in report
        status = _NONE if not kept else _SOME if lost else _ALL
        self.answer(status, _JSON, report.to_json())

    def stored(self, images: list[tuple[Dataset | None, int]]) -> Dataset:
        """What became of each image, None for what is none (PS3.18 Table I.1-1)."""
        kept, failed, other = [], [], []
        for image, size in images:
            item = Dataset()
            if image is None:
                item.FailureReason = _CANNOT_UNDERSTAND
                other.append(item)
                continue
            item.ReferencedSOPClassUID = image.SOPClassUID
            item.ReferencedSOPInstanceUID = image.SOPInstanceUID
            if self.store.add(image, size):
                item.RetrieveURL = self.url_of(image)
                kept.append(item)
            else:
                item.FailureReason = _OUT_OF_RESOURCES
                failed.append(item)
        report = Dataset()
        if kept:
            report.ReferencedSOPSequence = kept
        if failed:
            report.FailedSOPSequence = failed
        if other:
            report.OtherFailuresSequence = other
        return report


class _Retrieve(_Resource):
    """WADO-RS (PS3.18 10.4)."""

    def get(self, *uids: str) -> None:
        images = self.store.select(self.identifier(LEVELS[len(uids) - 1], uids))
        if images:
            self.answer(200, *multipart_related(images))
        else:
            self.refuse(404, "there is no such image here")


def _key(name: str, value: str) -> DataElement:
    """A matching key of a URL, where an attribute is its keyword or eight digits (PS3.18 8.3.4.1).

    Raises ValueError for a name or a value that is none.
    """
    try:
        tag = tag_for_keyword(name) or int(name, 16)
        vr = dictionary_VR(tag)
    except (ValueError, OverflowError, KeyError):
        raise ValueError(f"{name[:64]!r} is no attribute of DICOM") from None
    if vr == "SQ" and value:
        raise ValueError(f"{name[:64]} is a sequence, which is not matched here")
    values = value.split(",") if vr == "UI" else value  # a list of UIDs matches any of them
    return DataElement(tag, vr, values or None, validation_mode=IGNORE)


def _image(file: bytes) -> tuple[Dataset | None, int]:
    """The image in a DICOM file, and its size; None where it is none.

    A deflated one could grow to any size, and is not taken.
    """
    try:
        if DeflatedExplicitVRLittleEndian.encode() in file:
            return None, len(file)
        image = dcmread(BytesIO(file))
        return (image if image.SOPInstanceUID and image.SOPClassUID else None), len(file)
    except Exception:  # noqa: BLE001 - whatever pydicom makes of what a peer sent
        return None, len(file)
