"""Data sets come out of a capture as they went in, for pydicom and as files."""

from __future__ import annotations

import gzip
import hashlib
import json
import pickle
import subprocess
import warnings
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from random import Random
from typing import Any, BinaryIO

import pydicom
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset, validate_file_meta
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset

from dicomlab.dissect import datasets
from dicomlab.dissect.associations import dissect, from_exchange
from dicomlab.dissect.datasets import export
from dicomlab.dissect.file import CaptureFile
from dicomlab.dissect.pcap import Writer
from dicomlab.dissect.synth import TcpConversation
from dicomlab.model import Association, Capture, CaptureError, DicomlabError, Endpoint, Message
from dicomlab.protocol.build import Draft, build
from dicomlab.spec.names import IMPLEMENTATION_CLASS_UID
from tests.conftest import CORPUS
from tests.programs import found

IMPLICIT, EXPLICIT = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1"
DEFLATED, BIG_ENDIAN = "1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.2"
CT = "1.2.840.10008.5.1.4.1.1.2"
INSTANCE = "1.2.826.0.1.3680043.8.498.7"
CLIENT, SERVER = Endpoint("10.0.0.1", 50000), Endpoint("10.0.0.2", 11112)
TIME = 1_700_000_000_000_000_000

TRUTHS = [*sorted(CORPUS.glob("*.json")), *sorted(CORPUS.glob("public/profuzzbench*/*.json"))]
WITHOUT = [pytest.param(None, marks=pytest.mark.skip(f"no captures of real systems in {CORPUS}"))]
each_capture = pytest.mark.parametrize(
    "file", TRUTHS or WITHOUT, ids=lambda one: one.stem if one else "none"
)


# --- made-up conversations ------------------------------------------------------------------


def proposed(name: str, syntaxes: Sequence[str], **values: Any) -> bytes:
    """An A-ASSOCIATE-RQ or -AC with contexts 1, 3, 5 .. of these transfer syntaxes."""
    draft = build(name, **values)
    draft.remove("Presentation Context[0]")
    for syntax in syntaxes:
        more = {"abstract_syntax": CT} if name == "A-ASSOCIATE-RQ" else {}
        draft.add("Presentation Context", **more, transfer_syntax=syntax)
    return bytes(draft)


def p_data(*pdvs: tuple[int, int, bytes]) -> bytes:
    """A P-DATA-TF of these PDVs: context ID, message control header, fragment."""
    items = (
        (len(data) + 2).to_bytes(4, "big") + bytes([ident, header]) + data
        for ident, header, data in pdvs
    )
    body = b"".join(items)
    return b"\4\0" + len(body).to_bytes(4, "big") + body


def command(ident: int, instance: str | None = INSTANCE, name: str = "C-STORE-RQ") -> bytes:
    """A command set that announces a data set, in a P-DATA-TF."""
    more = {"affected_sop_instance_uid": "0"} if name == "C-STORE-RQ" else {}
    draft: Draft = build(name, presentation_context_id=ident, affected_sop_class_uid=CT, **more)
    if instance is not None and more:
        draft.override("Affected SOP Instance UID", instance)
    return bytes(draft)


def stored(data: bytes, ident: int = 1, instance: str | None = INSTANCE) -> bytes:
    """A C-STORE-RQ with that data set, in two fragments."""
    half = len(data) // 2
    return (
        command(ident, instance) + p_data((ident, 0, data[:half])) + p_data((ident, 2, data[half:]))
    )


def encoded(syntax: str) -> bytes:
    """A small data set in a transfer syntax."""
    dataset = Dataset()
    dataset.SOPClassUID, dataset.SOPInstanceUID = CT, INSTANCE
    dataset.PatientName = "Probe^Ä"
    dataset.SpecificCharacterSet = "ISO_IR 100"
    dataset.Rows = 258
    file = DicomBytesIO()
    file.is_little_endian, file.is_implicit_VR = syntax != BIG_ENDIAN, syntax == IMPLICIT
    write_dataset(file, dataset)
    raw = file.getvalue()
    return deflated(raw) if syntax == DEFLATED else raw


def deflated(raw: bytes) -> bytes:
    deflate = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    found = deflate.compress(raw) + deflate.flush()
    return found + bytes(len(found) % 2)  # PS3.5 A.5


def packets(
    said: bytes,
    syntaxes: Sequence[str] = (IMPLICIT,),
    *,
    answer: bytes | None = None,
    ends: tuple[Endpoint, Endpoint] = (CLIENT, SERVER),
) -> list[bytes]:
    """The packets of an association in which the requestor says that."""
    talk = TcpConversation(*ends)
    asks = proposed("A-ASSOCIATE-RQ", syntaxes, calling_ae_title="CT1", called_ae_title="ARCHIVE")
    answer = proposed("A-ASSOCIATE-AC", syntaxes) if answer is None else answer
    return [
        *talk.open(),
        *talk.data("requestor", asks),
        *(talk.data("acceptor", answer) if answer else ()),
        *talk.data("requestor", said),
        *talk.close("requestor"),
        *talk.close("acceptor"),
    ]


def captured(folder: Path, data: Iterable[bytes], name: str = "talk.pcapng") -> Capture:
    """These packets, dissected."""
    with Writer(folder / name) as writer:
        for number, packet in enumerate(data):
            writer.packet(TIME + number * 1000, packet)
    return dissect(folder / name)


def only(capture: Capture) -> Message:
    (association,) = capture.associations
    (message,) = association.messages
    return message


# --- captures of real systems ---------------------------------------------------------------


@each_capture
def test_data_sets_are_those_that_were_sent(file: Path) -> None:
    for message, known in told(file):
        if message.dataset_bytes is None:
            with pytest.raises(DicomlabError, match="has no data set"):
                message.dataset_raw()
        else:
            raw = message.dataset_raw()
            assert (len(raw), digest(raw)) == (known["dataset_bytes"], known["dataset_sha256"])


@each_capture
def test_pydicom_reads_every_data_set(file: Path) -> None:
    for message, _ in told(file):
        if message.dataset_bytes:
            dataset = message.dataset()
            assert len(dataset) > 0
            assert str(dataset)


@each_capture
def test_files_hold_what_was_stored(file: Path, tmp_path: Path) -> None:
    found = export(dissect(captured_in(file)), tmp_path)
    assert sorted(found.files) == sorted(tmp_path.iterdir())
    sums = []
    for path in found.files:
        dataset = pydicom.dcmread(path)
        validate_file_meta(dataset.file_meta)
        assert str(dataset)
        assert dataset.file_meta.MediaStorageSOPInstanceUID == dataset.SOPInstanceUID
        assert dataset.file_meta.MediaStorageSOPClassUID == dataset.SOPClassUID
        assert dataset.file_meta.ImplementationClassUID == IMPLEMENTATION_CLASS_UID
        sums.append(digest(behind_meta(path)))
    known = [one["dataset_sha256"] for _, one in told(file) if one["command"] == "C-STORE-RQ"]
    if json.loads(file.read_text()).get("complete", True):
        assert sorted(sums) == sorted(known)


def test_files_have_the_name_and_the_syntax_that_were_agreed(corpus: Path, tmp_path: Path) -> None:
    found = export(dissect(corpus / "store_transfer_syntaxes.pcapng"), tmp_path)
    metas = {path.name: pydicom.dcmread(path).file_meta for path in found.files}
    assert all(name == f"{one.MediaStorageSOPInstanceUID}.dcm" for name, one in metas.items())
    syntaxes = {one.TransferSyntaxUID.name for one in metas.values()}
    assert {"Explicit VR Big Endian", "Deflated Explicit VR Little Endian"} < syntaxes
    assert len(syntaxes) == 5
    assert found.left_out == []


def test_what_a_c_get_brings_is_written_too(corpus: Path, tmp_path: Path) -> None:
    found = export(dissect(corpus / "cget.pcapng"), tmp_path)
    metas = [pydicom.dcmread(path).file_meta for path in found.files]
    association = dissect(corpus / "cget.pcapng").associations[0]
    assert len(metas) == 3
    for meta in metas:
        assert meta.SendingApplicationEntityTitle == association.called_ae_title
        assert meta.ReceivingApplicationEntityTitle == association.calling_ae_title


def test_dcmtk_reads_the_files(corpus: Path, tmp_path: Path) -> None:
    found("dcmdump")
    for name in ("store_transfer_syntaxes.pcapng", "cget.pcapng", "store_gdcm.pcapng"):
        export(dissect(corpus / name), tmp_path)
    dumped = subprocess.run(
        ["dcmdump", "+E", *tmp_path.iterdir()], capture_output=True, text=True, check=True
    )
    assert dumped.stderr == ""


def told(file: Path) -> Iterator[tuple[Message, dict[str, Any]]]:
    """The whole messages of a capture, each with what is known of it."""
    truth = json.loads(file.read_text())
    if not truth.get("complete", True):
        return
    capture = dissect(captured_in(file))
    for association, known in zip(capture.associations, truth["associations"], strict=True):
        whole = [one for one in association.messages if one.complete]
        said = [one for one in known["messages"] if "offsets" in one]
        yield from zip(whole, said, strict=True)


def captured_in(file: Path) -> Path:
    return file.parent / str(json.loads(file.read_text())["file"])


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def behind_meta(path: Path) -> bytes:
    """The data set of a file, as its bytes stand there."""
    raw = path.read_bytes()
    return raw[144 + int.from_bytes(raw[140:144], "little") :]


# --- transfer syntaxes ----------------------------------------------------------------------


@pytest.mark.parametrize("syntax", [IMPLICIT, EXPLICIT, BIG_ENDIAN, DEFLATED])
def test_a_data_set_is_read_in_its_transfer_syntax(syntax: str, tmp_path: Path) -> None:
    raw = encoded(syntax)
    capture = captured(tmp_path, packets(stored(raw, 3), [EXPLICIT, syntax]))
    message = only(capture)
    dataset = message.dataset()
    assert (dataset.PatientName, dataset.Rows) == ("Probe^Ä", 258)
    assert dataset.file_meta.TransferSyntaxUID == syntax
    assert b"".join(message.dataset_pieces()) == message.dataset_raw() == raw
    (path,) = export(capture, tmp_path / "files").files
    assert behind_meta(path) == raw
    again = pydicom.dcmread(path)
    assert (again, again.file_meta.TransferSyntaxUID) == (dataset, syntax)
    dataset.save_as(tmp_path / "saved.dcm", enforce_file_format=True)
    assert pydicom.dcmread(tmp_path / "saved.dcm") == dataset


def test_one_end_s_own_notes_give_data_sets_too() -> None:
    asks, answer = proposed("A-ASSOCIATE-RQ", [EXPLICIT]), proposed("A-ASSOCIATE-AC", [EXPLICIT])
    said = stored(encoded(EXPLICIT))
    talk = [(1, "requestor", asks), (2, "acceptor", answer), (3, "requestor", said)]
    message = only(from_exchange(talk, CLIENT, SERVER))  # type: ignore[arg-type]
    assert message.dataset().Rows == 258


def test_a_data_set_that_inflates_without_end_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(datasets, "INFLATED", 1 << 20)
    bomb = deflated(bytes(1 << 24))
    message = only(captured(tmp_path, packets(stored(bomb), [DEFLATED])))
    with pytest.raises(CaptureError, match="more than 1,048,576 bytes when it is inflated"):
        message.dataset()
    assert message.dataset_raw() == bomb


@pytest.mark.parametrize(
    ("raw", "why"),
    [(b"\xff" * 20, "cannot be inflated"), (deflated(b"much " * 99)[:-9], "break off")],
)
def test_bytes_that_are_not_deflated_are_said_to_be_none(
    raw: bytes, why: str, tmp_path: Path
) -> None:
    message = only(captured(tmp_path, packets(stored(raw), [DEFLATED])))
    with pytest.raises(CaptureError, match=why):
        message.dataset()


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300), st.sampled_from([IMPLICIT, EXPLICIT, BIG_ENDIAN]))
def test_bytes_that_are_no_data_set_end_in_an_error_of_ours(raw: bytes, syntax: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with suppress(CaptureError):
            datasets._read([raw], syntax)


# --- what there is no data set of -----------------------------------------------------------


def refused(syntaxes: Sequence[str]) -> bytes:
    """An A-ASSOCIATE-AC that accepts none."""
    draft = build("A-ASSOCIATE-AC")
    draft.remove("Presentation Context[0]")
    for syntax in syntaxes:
        draft.add("Presentation Context", result_reason=4, transfer_syntax=syntax)
    return bytes(draft)


@pytest.mark.parametrize(
    ("answer", "syntaxes", "ident", "why"),
    [
        (refused([EXPLICIT]), [EXPLICIT], 1, "presentation context 1 was not accepted"),
        (None, [EXPLICIT], 5, "does not show what presentation context 5 is"),
        (
            proposed("A-ASSOCIATE-AC", ["1.2.3"]).replace(b"1.2.3", b"../.."),
            [EXPLICIT],
            1,
            "is no UID",
        ),
    ],
)
def test_a_transfer_syntax_that_is_not_known(
    answer: bytes | None, syntaxes: list[str], ident: int, why: str, tmp_path: Path
) -> None:
    raw = encoded(EXPLICIT)
    capture = captured(tmp_path, packets(stored(raw, ident), syntaxes, answer=answer))
    message = only(capture)
    with pytest.raises(CaptureError, match=why) as caught:
        message.dataset()
    assert caught.value.remedy
    assert message.dataset_raw() == raw
    found = export(capture, tmp_path / "files")
    assert found.files == []
    (line,) = found.left_out
    assert line.startswith("connection-0-message-0: The transfer syntax")


def test_where_one_transfer_syntax_was_proposed_no_other_can_have_been_accepted(
    tmp_path: Path,
) -> None:
    message = only(captured(tmp_path, packets(stored(encoded(EXPLICIT)), [EXPLICIT], answer=b"")))
    assert message.dataset().Rows == 258


def test_a_recording_that_begins_late_knows_no_transfer_syntax(tmp_path: Path) -> None:
    message = only(captured(tmp_path, packets(stored(encoded(EXPLICIT)))[7:]))
    with pytest.raises(CaptureError, match="does not show what presentation context 1 is"):
        message.dataset()


def test_a_data_set_of_which_packets_are_missing(tmp_path: Path) -> None:
    data = packets(stored(bytes(100_000)))
    del data[11]
    capture = captured(tmp_path, data)
    with pytest.raises(CaptureError, match=r"not whole|are found again"):
        only(capture).dataset_raw()
    found = export(capture, tmp_path / "files")
    assert (found.files, len(found.left_out)) == ([], 1)
    assert list((tmp_path / "files").iterdir()) == []


def test_a_capture_that_is_gone(tmp_path: Path) -> None:
    capture = captured(tmp_path, packets(stored(encoded(IMPLICIT))))
    (tmp_path / "talk.pcapng").unlink()
    with pytest.raises(CaptureError, match=r"talk\.pcapng cannot be read again"):
        only(capture).dataset()
    with pytest.raises(CaptureError, match=r"talk\.pcapng cannot be read again"):
        export(capture, tmp_path / "files")


def test_a_message_that_is_of_no_capture() -> None:
    with pytest.raises(DicomlabError, match="does not know where"):
        Message("C-STORE-RQ", "requestor", 1).dataset()


# --- wherever its bytes lie -----------------------------------------------------------------


def fragments(data: bytes, ident: int, sizes: Random) -> list[tuple[int, int, bytes]]:
    """The PDVs of a data set."""
    cuts = sorted(sizes.randrange(len(data) + 1) for _ in range(sizes.randrange(6)))
    parts = [data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True)]
    return [(ident, 0, part) for part in parts[:-1]] + [(ident, 2, parts[-1])]


@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.integers(0, 1 << 32), st.binary(max_size=900), st.binary(max_size=900))
def test_data_sets_of_two_contexts_take_turns(
    tmp_path: Path, seed: int, one: bytes, other: bytes
) -> None:
    random = Random(seed)
    queues = [fragments(one, 1, random), fragments(other, 3, random)]
    said = command(1) + command(3)
    while any(queues):
        pdvs = [random.choice([q for q in queues if q]).pop(0) for _ in range(1)]
        while any(queues) and random.random() < 0.5:
            pdvs.append(random.choice([q for q in queues if q]).pop(0))
        said += p_data(*pdvs)
    said += stored(b"another", 1)
    talk = TcpConversation(CLIENT, SERVER)
    syntaxes = [IMPLICIT, EXPLICIT]
    data = [*talk.open(), *talk.data("requestor", proposed("A-ASSOCIATE-RQ", syntaxes))]
    data += talk.data("acceptor", proposed("A-ASSOCIATE-AC", syntaxes))
    segments = []
    while said:
        size = random.randrange(1, 300)
        segments += [next(iter(talk.data("requestor", said[:size])))]
        said = said[size:]
    for at in range(len(segments) - 1):
        if random.random() < 0.2:  # comes late
            segments[at : at + 2] = segments[at : at + 2][::-1]
        if random.random() < 0.1:  # comes again
            segments.append(segments[at])
    (association,) = captured(tmp_path, data + segments).associations
    found = [(message.context_id, message.dataset_raw()) for message in association.messages]
    assert sorted(found) == sorted([(1, one), (3, other), (1, b"another")])


def many(folder: Path, *, count: int = 40) -> Capture:
    """Associations that store at the same time, all of them the same instance."""
    queues = []
    for number in range(count):
        ends = Endpoint("10.0.0.1", 50000 + number), SERVER
        queues.append(packets(stored(bytes([number]) * 40_000), ends=ends))
    return captured(folder, [packet for turn in zip(*queues, strict=True) for packet in turn])


def test_all_data_sets_are_found_in_one_pass(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    capture = many(tmp_path)
    opened = []
    opened_again = CaptureFile.opened_again

    @contextmanager
    def counting(self: CaptureFile) -> Iterator[BinaryIO]:
        opened.append(self)
        with opened_again(self) as file:
            yield file

    monkeypatch.setattr(CaptureFile, "opened_again", counting)
    found = export(capture, tmp_path / "files")
    assert len(opened) == 1
    assert {behind_meta(path) for path in found.files} == {
        bytes([number]) * 40_000 for number in range(40)
    }


def test_a_zipped_capture_gives_its_data_sets(tmp_path: Path) -> None:
    many(tmp_path, count=3)
    path = tmp_path / "talk.pcapng.gz"
    path.write_bytes(gzip.compress((tmp_path / "talk.pcapng").read_bytes()))
    capture = dissect(path)
    assert [one.messages[0].dataset_raw()[:1] for one in capture.associations] == [
        b"\0", b"\1", b"\2"
    ]  # fmt: skip
    assert len(export(capture, tmp_path / "files").files) == 3


def test_a_capture_from_another_process_gives_its_data_sets(tmp_path: Path) -> None:
    capture = captured(tmp_path, packets(stored(encoded(IMPLICIT))))
    assert only(pickle.loads(pickle.dumps(capture))).dataset().Rows == 258


# --- files ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("instance", "name"),
    [
        (INSTANCE, f"{INSTANCE}.dcm"),
        ("1." * 31 + "12", f"{'1.' * 31}12.dcm"),
        ("1." * 31 + "123", "connection-0-message-0.dcm"),
        ("1." * 5000 + "1", "connection-0-message-0.dcm"),
        ("../../etc/passwd", "connection-0-message-0.dcm"),
        ("/etc/passwd", "connection-0-message-0.dcm"),
        ("..", "connection-0-message-0.dcm"),
        ("C:\\1.2", "connection-0-message-0.dcm"),
        ("1.2\\3.4", "connection-0-message-0.dcm"),
        ("CON", "connection-0-message-0.dcm"),
        ("1.2\0.3", "connection-0-message-0.dcm"),
        ("1.2\n", "connection-0-message-0.dcm"),
        ("\u0661.\u0662", "connection-0-message-0.dcm"),
        ("", "connection-0-message-0.dcm"),
    ],
)
def test_a_name_is_taken_from_a_valid_uid_only(instance: str, name: str, tmp_path: Path) -> None:
    said = stored(encoded(EXPLICIT), instance=instance.encode().decode("latin-1"))
    found = export(captured(tmp_path, packets(said, [EXPLICIT])), tmp_path / "files")
    assert [one.relative_to(tmp_path / "files") for one in found.files] == [Path(name)]
    assert sorted(one.name for one in tmp_path.iterdir()) == ["files", "talk.pcapng"]
    assert pydicom.dcmread(found.files[0]).Rows == 258


def test_a_file_says_where_it_comes_from(tmp_path: Path) -> None:
    capture = captured(tmp_path, packets(stored(encoded(EXPLICIT)), [EXPLICIT]))
    (path,) = export(capture, tmp_path / "files").files
    raw = path.read_bytes()
    assert raw[:132] == bytes(128) + b"DICM"
    meta = pydicom.dcmread(path).file_meta
    assert meta.FileMetaInformationVersion == b"\0\1"
    assert (meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID) == (CT, INSTANCE)
    assert meta.ImplementationVersionName == "DICOMLAB"
    assert meta.SourceApplicationEntityTitle == meta.SendingApplicationEntityTitle == "CT1"
    assert meta.ReceivingApplicationEntityTitle == "ARCHIVE"


def test_the_same_instance_again_gets_a_number_and_no_file_is_overwritten(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "files"
    folder.mkdir(parents=True)
    (folder / f"{INSTANCE}.dcm").write_text("mine")
    (folder / f"{INSTANCE}-3.dcm").symlink_to(tmp_path / "elsewhere")
    data = b"".join(stored(bytes([number]) * 10) for number in range(3))
    capture = captured(tmp_path, packets(data))
    found = export(capture, folder)
    assert [one.name for one in found.files] == [f"{INSTANCE}-{n}.dcm" for n in (2, 4, 5)]
    assert [behind_meta(one) for one in found.files] == [bytes([n]) * 10 for n in range(3)]
    assert (folder / f"{INSTANCE}.dcm").read_text() == "mine"
    assert not (tmp_path / "elsewhere").exists()
    again = export(capture.associations[:1], folder)
    assert [one.name for one in again.files] == [f"{INSTANCE}-{n}.dcm" for n in (6, 7, 8)]


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    capture = captured(tmp_path, packets(stored(encoded(IMPLICIT))))
    (tmp_path / "file").touch()
    with pytest.raises(CaptureError, match="cannot be written") as caught:
        export(capture, tmp_path / "file")
    assert caught.value.remedy


def test_what_is_stopped_leaves_no_unfinished_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    capture = many(tmp_path, count=5)
    take = datasets._Instance.take
    monkeypatch.setattr(datasets._Instance, "take", lambda self, chunk: stop(take, self, chunk))
    with pytest.raises(KeyboardInterrupt):
        export(capture, tmp_path / "files")
    assert list((tmp_path / "files").iterdir()) == []


def stop(take: Any, one: Any, chunk: bytes) -> None:
    take(one, chunk)
    if one.size > 30_000:
        raise KeyboardInterrupt


def test_nothing_to_store_is_no_error(tmp_path: Path) -> None:
    associations: list[Association] = []
    assert export(associations, tmp_path / "files") == ([], [])
