"""A wrong argument is refused in one clear line that says what would do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

import dicomlab as dl

STORE = Path(__file__).parents[1] / "captures" / "store-two-images.pcapng"
Call = Callable[[], Any]


def refused(call: Call, error: type[dl.DicomlabError] = dl.DicomlabError) -> str:
    """What is said of it."""
    with pytest.raises(error) as caught:
        call()
    assert caught.value.remedy
    assert "\n" not in str(caught.value)
    return str(caught.value)


# --- files --------------------------------------------------------------------------------------

NO_PATHS = [None, b"a.pcap", [STORE], 7, "a\0b"]


@pytest.mark.parametrize("path", NO_PATHS, ids=repr)
def test_what_is_no_path_is_not_dissected(path: Any) -> None:
    assert "is no path. Give the path of one file" in refused(
        lambda: dl.dissect(path), dl.CaptureError
    )


def test_an_open_file_is_not_dissected() -> None:
    with STORE.open("rb") as file:
        said = refused(lambda: dl.dissect(file), dl.CaptureError)  # type: ignore[arg-type]
    assert said.startswith("BufferedReader is no path.")


@pytest.mark.parametrize("path", NO_PATHS, ids=repr)
def test_nothing_is_written_to_what_is_no_path(path: Any) -> None:
    capture = dl.dissect(STORE)
    for write in (
        lambda: dl.save(capture, path, capture.associations),
        lambda: dl.export(capture, path),
        lambda: dl.record(("127.0.0.1", 11112), method="relay", path=path or 0),  # None: its own
    ):
        assert "is no path." in refused(write, dl.CaptureError)


@pytest.mark.parametrize("paths", [str(STORE), STORE, b"a.pcap", None], ids=type)
def test_one_path_is_not_taken_for_many(paths: Any) -> None:
    said = refused(lambda: list(dl.dissect_many(paths)), dl.CaptureError)
    assert "is no list of paths. Give one, as in dissect_many([path])" in said


def test_beside_what_is_no_path_the_other_files_are_dissected() -> None:
    first, *wrong, last = dl.dissect_many([STORE, None, "a\0b", 7, STORE])  # type: ignore[list-item]
    assert first == last == dl.dissect(STORE)
    assert all(isinstance(one, dl.CaptureError) and "is no path" in str(one) for one in wrong)


# --- captures, associations, PDUs ---------------------------------------------------------------

CAPTURE = dl.dissect(STORE)
ASSOCIATION = CAPTURE.associations[0]
DRAFT = dl.build("C-ECHO-RQ")
ASKED: dict[str, tuple[Call, str]] = {
    "save a path": (lambda: dl.save(STORE, "out", []), "PosixPath is no Capture. Give what"),
    "save one": (lambda: dl.save(CAPTURE, "out", ASSOCIATION), "Association is no list. Give a"),
    "save a number": (lambda: dl.save(CAPTURE, "out", [0]), "int is no Association. Give a list"),
    "export a path": (lambda: dl.export(str(STORE), "out"), "str is no Association. Give a list"),
    "export one": (lambda: dl.export(ASSOCIATION, "out"), "Association is no list. Give a list"),
    "segments of a capture": (
        lambda: list(dl.segments_of(CAPTURE)), "Capture is no Pdu. Give one of an association"
    ),
    "segments of an association": (
        lambda: list(dl.segments_of(ASSOCIATION)), "Association is no Pdu. Give one of an"
    ),
    "segments of a draft": (lambda: list(dl.segments_of(DRAFT)), "Draft is no Pdu. Give one of"),
    "tcp segments of a path": (lambda: list(dl.tcp_segments(STORE)), "PosixPath is no Capture."),
    "tcp segments of one": (lambda: list(dl.tcp_segments(ASSOCIATION)), "Association is no Capt"),
    "round trips": (lambda: dl.round_trips(ASSOCIATION), "Association is no Capture. Give what"),
    "second opinion of a path": (lambda: dl.second_opinion(STORE), "PosixPath is no Capture."),
    "second opinion of nothing": (lambda: dl.second_opinion(None), "NoneType is no Capture."),
    "replay of a capture": (lambda: dl.replay(CAPTURE), "Capture is no Association. Give one of"),
    "replay of a path": (lambda: dl.replay(STORE), "PosixPath is no Association. Give one of"),
    "record": (lambda: dl.record(("127.0.0.1", "x")), "'x') has no address. Give an SCP"),
}  # fmt: skip


@pytest.mark.parametrize(("call", "said"), ASKED.values(), ids=ASKED)
def test_what_is_not_what_is_meant_is_told_what_is(
    call: Call, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert said in refused(call)
    assert not [one for one in tmp_path.iterdir() if one.is_file()]


# --- bytes, drafts, faults, images --------------------------------------------------------------

IMAGE = dl.made_up_images()[0]
LONG = "SEVENTEEN-LETTERS"
BUILT: dict[str, tuple[Call, str]] = {
    "decode hex": (lambda: dl.decode("0100"), "str is no bytes. Give bytes, a draft or a Pdu; byt"),
    "decode drafts": (lambda: dl.decode([DRAFT]), "list is no bytes. Give bytes, a draft"),
    "decode nothing": (lambda: dl.decode(None), "NoneType is no bytes. Give bytes"),
    "build nothing": (lambda: dl.build(None), "no PDU or message None. There are A-ASSOCIATE-RQ"),
    "build two": (lambda: dl.build(["C-ECHO-RQ"]), "Did you mean 'C-ECHO-RQ'?"),
    "faults": (lambda: dl.FaultSCP(["reject"]), "['reject'] is no fault. Order each by itself"),
    "called": (
        lambda: associated(called_ae_title=LONG), "Called-AE-title holds 16 bytes"
    ),
    "calling": (lambda: associated(calling_ae_title=LONG), "Calling-AE-title holds 16 bytes"),
    "no context": (
        lambda: associated(abstract_syntaxes=[]), "needs a presentation context (PS3.8 Table 9-11)"
    ),
    "many contexts": (
        lambda: associated(abstract_syntaxes=["1.2.3"] * 129), "all 128 presentation context IDs"
    ),
}  # fmt: skip


def associated(abstract_syntaxes: Sequence[str] = ("1.2.3",), **titles: str) -> None:
    with dl.associate(("127.0.0.1", 104), *abstract_syntaxes, **titles):
        pass


@pytest.mark.parametrize(("call", "said"), BUILT.values(), ids=BUILT)
def test_what_cannot_be_built_or_decoded_is_told_what_can(call: Call, said: str) -> None:
    assert said in refused(call, dl.BuildError)


SENT: dict[str, tuple[Call, str]] = {
    "one image": (lambda: dl.multipart_related(IMAGE), "DataElement is no Dataset. Give a list"),
    "no image": (lambda: dl.multipart_related([]), "without a part is none. Give at least one"),
    "a text": (lambda: dl.parts_of("multipart/related; boundary=b", "x"), "str is no bytes. Give"),
}


@pytest.mark.parametrize(("call", "said"), SENT.values(), ids=SENT)
def test_what_makes_no_body_is_told_what_does(call: Call, said: str) -> None:
    assert said in refused(call)
