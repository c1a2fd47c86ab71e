"""Answers are compared with what the tables or a recording say, and the first thing to look at is
said."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import PurePosixPath
from random import Random
from typing import Any

import nbformat
import pytest

import dicomlab as dl
from dicomlab.exercises import EXERCISES, Exercise, check
from dicomlab.exercises.exercise import as_it_is
from dicomlab.exercises.notes import CHECKED
from dicomlab.exercises.registration import PAIRS
from dicomlab.exercises.service_classes import GET, MR
from dicomlab.model import DicomlabError, Field
from dicomlab.protocol.build import build
from dicomlab.spec.names import EXPLICIT_VR_LITTLE_ENDIAN as EXPLICIT
from dicomlab.spec.names import IMPLICIT_VR_LITTLE_ENDIAN as IMPLICIT
from tests.conftest import ROOT

# the sub-item that 03-3 asks for, of Enhanced MR Image Storage
ENHANCED = b"\x54\x00\x00\x1f\x00\x1b" + f"{MR}.1".encode() + b"\x00\x01"
RELEASE = bytes.fromhex("05000000000400000000")
BLANKS = (None, ..., b"", bytearray(), "", [], set(), {})


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Puts an exercise with such a right answer into the table; gives its ID."""

    def exercise(right: Any, **more: Any) -> str:
        made = right if callable(right) else lambda: right
        one = Exercise(id="00-1", task="", right=made, clause="PS3.8 9.3", solution="", **more)
        monkeypatch.setitem(EXERCISES, one.id, one)
        return one.id

    return exercise


# --- the table ------------------------------------------------------------------------------------


def test_an_exercise_has_its_own_id_a_clause_and_a_line_that_asks() -> None:
    for name, one in EXERCISES.items():
        assert re.fullmatch(r"\d\d-\d+", name)
        assert re.match(r"PS3\.\d|RFC \d", one.clause)
        assert one.task.endswith((".", "?"))
        assert one.solution


def test_every_exercise_of_the_table_is_in_the_notebook_of_its_number_and_no_other_is() -> None:
    written = set()
    for path in (ROOT / "notebooks").glob("*.ipynb"):
        for cell in nbformat.read(path, as_version=4).cells:
            found = re.findall(r'^dl\.check\("([^"]+)"', cell.source, re.MULTILINE)
            assert len(found) <= 1, f"{path.name}: one exercise a cell"
            assert all(one.startswith(path.name[:2]) for one in found)
            written |= set(found)
    assert written == set(EXERCISES)


@pytest.mark.parametrize("name", EXERCISES)
@pytest.mark.parametrize("blank", BLANKS, ids=repr)
def test_a_blank_fails_kindly(name: str, blank: Any) -> None:
    given = [blank] if EXERCISES[name].of else []
    result = check(name, blank, *given)
    assert not result.ok
    assert "nothing there yet" in str(result)


def test_what_there_is_not_is_one_clear_line(asked: Callable[..., str]) -> None:
    with pytest.raises(DicomlabError, match=r"There are .*01-1, 01-2"):
        check("99-9", b"")
    name = asked(lambda capture: 1, of="recording.capture")
    with pytest.raises(DicomlabError, match=r'dl\.check\("00-1", answer, recording\.capture\)'):
        check(name, 1)


# --- bytes ----------------------------------------------------------------------------------------


def test_bytes_are_right_as_a_draft_a_pdu_and_bytes() -> None:
    draft = build("A-RELEASE-RQ")
    for answer in (draft, draft.pdu, bytes(draft), bytearray(bytes(draft))):
        result = check("01-1", answer)
        assert result.ok
        result.raise_if_wrong()
        assert str(result) == "01-1: right."


@pytest.mark.parametrize(
    ("answer", "nudge"),
    [
        (b"\x06" + RELEASE[1:], "byte 0: PDU-type should say 05H"),
        (bytes.fromhex("05000400000000000000"), "wrong order: mind the byte order"),
        (bytes.fromhex("05000000000a00000000"), "counts the bytes behind itself"),
        (RELEASE[:6], "Reserved at byte 6 is missing"),
        (RELEASE + b"\0", "A-RELEASE-RQ ends after 10 bytes"),
    ],
)
def test_wrong_bytes_get_a_nudge_and_a_clause(answer: bytes, nudge: str) -> None:
    result = check("01-1", answer)
    assert not result.ok
    assert nudge in str(result)
    assert "PS3.8" in str(result)
    with pytest.raises(AssertionError, match="01-1"):
        result.raise_if_wrong()


def test_both_are_shown_side_by_side_with_the_difference_marked() -> None:
    result = check("01-2", build("C-ECHO-RQ", message_id=1, presentation_context_id=3))
    marked = [line for line in result.table().splitlines() if line.startswith(">")]
    assert len(marked) == 1
    assert "01 00" in marked[0]
    assert "07 09" in marked[0]
    assert "Message ID" in marked[0]
    assert "<details>" in result._repr_mimebundle_()["text/html"]


def test_the_bytes_of_an_item_are_counted_from_its_own_first_one(
    asked: Callable[..., str],
) -> None:
    name = asked(lambda: build("A-ASSOCIATE-RQ").pdu["Application Context"])
    right = build("A-ASSOCIATE-RQ").pdu["Application Context"]
    assert check(name, right.raw).ok
    assert check(name, right).ok
    assert "Look at byte 2: Item-length" in str(check(name, b"\x10\0\0\0" + right.raw[4:]))
    assert "Application Context ends after 25 bytes" in str(check(name, right.raw + b"\0"))


def context(transfer_syntaxes: list[str], abstract_syntax: str = MR) -> bytes:
    offer = build(
        "A-ASSOCIATE-RQ", abstract_syntax=abstract_syntax, transfer_syntax=transfer_syntaxes
    )
    offer["Presentation-context-ID"] = 5
    return offer.pdu["Presentation Context"].raw


def window(**more: Any) -> dl.Draft:
    """The right answer to 10-3, but for what is said here."""
    offer = build("A-ASSOCIATE-RQ", **more)
    offer.add("Asynchronous Operations Window", maximum_number_operations_invoked=5)
    return offer


@pytest.mark.parametrize(
    ("name", "answer", "nudge"),
    [
        ("10-3", build("A-ASSOCIATE-RQ"), "Asynchronous Operations Window is missing"),
        ("10-3", window(abstract_syntax=MR), "Abstract-syntax-name should say"),
        ("10-3", window(transfer_syntax=[IMPLICIT, EXPLICIT]), "nobody asked for Transfer Syntax"),
        ("01-2", build("C-ECHO-RSP", presentation_context_id=3), "should say 0030H = C-ECHO-RQ"),
        ("05-2", build("C-ECHO-RQ", presentation_context_id=5), "should say 8030H = C-ECHO-RSP"),
        ("09-3", build("C-ECHO-RQ", presentation_context_id=3), "should say 0FFFH = C-CANCEL-RQ"),
        ("03-1", context([EXPLICIT]), "Transfer Syntax at byte 60 is missing"),
        ("03-1", context([IMPLICIT, EXPLICIT]), "Transfer-syntax-name should say"),
        ("03-1", context([EXPLICIT, IMPLICIT, IMPLICIT]), "ends after 81 bytes; yours goes on"),
        ("03-3", ENHANCED, "byte 6: SOP-class-uid should say"),
    ],
)
def test_a_length_that_fits_is_no_mistake_and_what_is_missing_or_other_is_named(
    name: str, answer: Any, nudge: str
) -> None:
    assert nudge in str(check(name, answer))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("PDU-length", 9),
        ("PDU-length", 1000),
        ("User Information/Item-length", 9),
        ("User Information/Item-length", 1000),
        ("Abstract Syntax/Item-length", 16),
    ],
)
def test_a_length_that_does_not_fit_is_to_be_counted_again(path: str, value: int) -> None:
    offer = window()
    offer.override(path, value)
    said = str(check("10-3", offer))
    assert path.replace("/", " / ") in said
    assert "count them again" in said


@pytest.mark.parametrize(
    ("name", "answer", "nudge"),
    [
        ("02-1", b"ECHO SCP", "8 bytes are there, the field has 16"),
        ("02-1", b"ECHO SCP".ljust(15), "15 bytes are there, the field has 16"),
        ("02-1", b"ECHO SCP".ljust(16, b"\0"), "filled up with NUL instead of spaces"),
        ("02-1", b" ECHO SCP".ljust(16), "says ECHO SCP, but its bytes are others from byte 0 on"),
        ("02-1", b"ECHO_SCP".ljust(16), "should say ECHO SCP"),
        ("01-1", RELEASE[:9], "byte 6: Reserved. 3 bytes are there, the field has 4"),
        ("01-1", RELEASE[:7], "byte 6: Reserved. 1 byte is there, the field has 4"),
        ("04-1", bytes.fromhex("51 00 00 04 80 00"), "2 bytes are there, the field has 4"),
    ],
)
def test_a_field_that_is_too_short_or_filled_up_otherwise_is_told_so(
    name: str, answer: bytes, nudge: str
) -> None:
    assert nudge in str(check(name, answer))


def test_the_part_that_differs_is_shown_also_at_the_end_of_a_field() -> None:
    result = check("02-1", b"ECHO SCP".ljust(16, b"\0"))
    for shown in (result.table(), result._repr_mimebundle_()["text/html"]):
        assert "… 43 50 00 00 00 00 …" in shown
        assert "… 43 50 20 20 20 20 …" in shown


def test_what_follows_a_missing_item_stands_beside_its_like() -> None:
    result = check("10-3", build("A-ASSOCIATE-RQ"))
    assert [one.name for one in result.fields if not one.same] == [
        "PDU-length",
        "User Information / Item-length",
        "Asynchronous Operations Window",
    ]


def test_what_is_all_there_in_another_order_is_told_so() -> None:
    offer = window()
    offer.move("Asynchronous Operations Window", 0)
    assert "in another order: byte 153 belongs to Maximum Length" in str(check("10-3", offer))


@pytest.mark.parametrize("name", ["01-2", "02-1", "03-1", "03-3", "04-1", "05-1", "10-3"])
def test_whatever_bytes_are_given_something_is_said_of_them(name: str) -> None:
    random, right = Random(name), EXERCISES[name].right()
    raw = right.raw if isinstance(right, Field) else bytes(right)
    for _ in range(200):
        damaged = bytearray(raw)
        for _ in range(random.randint(1, 3)):
            at = random.randrange(len(damaged) + 1)
            damaged[at : at + random.randint(0, 4)] = random.randbytes(random.randint(0, 4))
        if damaged and damaged != raw:
            result = check(name, damaged)
            assert result.nudge
            assert result.table()


# --- values ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("right", "answer", "nudge"),
    [
        (7, 8, "Not that."),
        (True, False, "Not that."),
        ("ARCHIVE", "archive", "capitals count"),
        ("ARCHIVE", "ARCHIVE ", "mind the spaces"),
        ("ARCHIVE", "PACS", "Not that."),
        ({1, 3}, {1}, "Something is missing"),
        ({1, 3}, [1, 3, 5], "some that do not"),
        ({1, 3}, (1, 5), "Not all of them belong there"),
        (("a", "b", "c"), ["c", "b", "a"], "not in this order"),
        (("a", "b", "c"), ["a", "c"], "The first 1 fit"),
        (("a", "b"), ["x"], "Look at the first one"),
        ({"result": 1, "reason": 3}, {"result": 1, "reason": 7}, "Look at this: reason."),
        ({"result": 1, "reason": 3}, {"result": 1, "reason": None}, "reason: still empty"),
        ({"result": 1, "reason": 3}, {"result": 1}, "reason: it is missing."),
        ({"result": 1}, {"result": 1, "cause": 2}, "Look at this: cause."),
        ({"result": 1}, {"result": "1"}, "result: asked for is a number; this is a text."),
        ({"name": "CT"}, {"name": 1}, "name: asked for is a text; this is a number."),
    ],
    ids=repr,
)
def test_a_wrong_value_gets_a_nudge_and_the_clause(
    asked: Callable[..., str], right: Any, answer: Any, nudge: str
) -> None:
    name = asked(right)
    assert check(name, right).ok
    assert nudge in str(check(name, answer))
    assert str(check(name, answer)).endswith("See PS3.8 9.3.")


def test_a_mistake_that_is_known_is_told_in_its_own_words(asked: Callable[..., str]) -> None:
    name = asked("1.2.840.10008.1.1", nudges={"1.2.840.10008.1.2": "That is how, not about what."})
    assert "That is how, not about what." in str(check(name, "1.2.840.10008.1.2"))
    name = asked({"reason": 3}, nudges={"reason": "Who is not known?"})
    assert "Who is not known?" in str(check(name, {"reason": 7}))
    name = asked({"reason": 3}, nudges={("reason", 1): "It has none.", "reason": "It has another."})
    assert "It has none." in str(check(name, {"reason": 1}))
    assert "It has another." in str(check(name, {"reason": 7}))
    assert "asked for is a number" in str(check(name, {"reason": "7"}))


def test_a_number_that_is_written_as_a_text_is_told_so() -> None:
    said = "asked for is a number; this is a text"
    assert said in str(check("02-3", {"MR → archive": "3", "archive → MR": 7}))
    assert said in str(check("03-2", {1: "4", 3: 0, 5: 3}))


def test_a_call_that_is_not_made_is_told_to_have_no_entry() -> None:
    calls = {f"{caller} → {called}": "success" for caller, called in PAIRS}
    assert check("02-4", calls).ok
    del calls["CT → RIS"]
    assert "CT has no entry for RIS, so it does not call." in str(check("02-4", calls))
    calls["CT → RIS"] = "rejected"
    assert "Look at this: CT → RIS." in str(check("02-4", calls))


@pytest.mark.parametrize("right", [build("A-RELEASE-RQ"), 7, True, "text", {1}, (1,), {"a": 1}])
def test_an_answer_of_another_kind_is_told_what_is_asked_for(
    asked: Callable[..., str], right: Any
) -> None:
    name = asked(lambda: right)
    assert "Asked for is" in str(check(name, object()))
    assert "Asked for is" in str(check(name, 7 if isinstance(right, bool) else True))


@pytest.mark.parametrize(
    ("answer", "called"),
    [([7], "a list, […]"), ((7,), "a list, […]"), ({7}, "a set, {…}"), ({7: 7}, "a dictionary")],
)
def test_an_answer_of_another_kind_is_called_what_it_is(
    asked: Callable[..., str], answer: Any, called: str
) -> None:
    assert f"Asked for is a number; this is {called}" in str(check(asked(8), answer))


def test_what_was_answered_is_escaped(asked: Callable[..., str]) -> None:
    name = asked({"title": "ARCHIVE"})
    page = check(name, {"title": "<img>"})._repr_mimebundle_()["text/html"]
    assert "&lt;img&gt;" in page
    assert "<img" not in page


# --- recordings -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def recording() -> dl.Recording:
    """An association that is rejected."""
    with (
        dl.EchoSCP(ae_title="ARCHIVE", allowed_calling_ae_titles=["CT1"]) as scp,
        dl.record(scp, method="relay") as recording,
    ):
        dl.echo(*recording.address, called_ae_title="ARCHIVE", calling_ae_title="MR2")
    return recording


def test_what_is_right_can_depend_on_a_recording(
    asked: Callable[..., str], recording: dl.Recording
) -> None:
    name = asked(lambda capture: len(capture.associations[0].pdus), of="recording.capture")
    assert check(name, 2, recording.capture).ok
    assert check(name, 2, recording).ok
    assert "Not that" in str(check(name, 3, recording.capture))
    assert "nothing there yet" in str(check(name, 2, None))


def test_a_capture_is_the_answer_where_it_shows_what_is_asked_for(
    asked: Callable[..., str], recording: dl.Recording
) -> None:
    def outcome(capture: dl.Capture) -> dict[str, Any]:
        found = capture.associations[0].outcome
        return {"how it ended": found.ended, "reason": found.reason}

    name = asked({"how it ended": "rejected", "reason": 3}, reads=outcome)
    assert check(name, recording).ok
    name = asked({"how it ended": "rejected", "reason": 7}, reads=outcome)
    result = check(name, recording)
    assert "Look at this: reason." in str(result)
    assert [(one.given, one.right) for one in result.fields if not one.same] == [("3", "7")]


@pytest.mark.parametrize(
    ("answer", "called"),
    [
        ("a text", "a text"),
        (7, "a number"),
        (PurePosixPath("site.pcapng"), "something else (PurePosixPath)"),
        (build("A-RELEASE-RQ"), "bytes, a draft or a PDU"),
        ({"reason": 3}, "a dictionary, {…: …}"),
    ],
    ids=repr,
)
def test_what_is_no_recording_is_told_that_one_is_asked_for(answer: Any, called: str) -> None:
    asked_for = [name for name, one in EXERCISES.items() if one.reads is not as_it_is]
    assert "03-4" in asked_for
    for name in asked_for:
        assert f"Asked for is a recording; this is {called}." in str(check(name, answer))


def test_an_association_of_a_recording_is_not_all_of_it(recording: dl.Recording) -> None:
    [association] = recording.capture.associations
    assert "Asked for is a recording" in str(check("03-4", association))


def test_a_recording_that_holds_nothing_to_look_at_is_said_so(
    asked: Callable[..., str], recording: dl.Recording
) -> None:
    name = asked({"reason": 3}, reads=lambda capture: {"reason": capture.associations[1]})
    assert "not to be found in it" in str(check(name, recording))


def aborted_by_the_requestor(source: int) -> dl.Recording:
    with (
        dl.EchoSCP() as scp,
        dl.record(scp, method="relay") as recording,
        dl.SCU(*recording.address) as scu,
    ):
        scu.send(build("A-ASSOCIATE-RQ"))
        scu.receive()
        scu.send(build("A-ABORT", source=source))
    return recording


@pytest.mark.parametrize(
    ("source", "nudge"),
    [(0, "has the source of a service-user"), (1, "1 is reserved"), (3, "Look at this: Source")],
)
def test_each_wrong_source_of_an_abort_is_called_what_it_is(source: int, nudge: str) -> None:
    assert nudge in str(check("06-3", aborted_by_the_requestor(source)))


@pytest.mark.parametrize(
    ("proposed", "nudge"),
    [
        ([], "GET is not proposed in it"),
        ([GET], "MR Image Storage is not proposed in it"),
        ([GET, MR], "No role is granted in it"),
    ],
    ids=["nothing", "GET", "GET and MR"],
)
def test_what_a_recording_lacks_is_told_and_not_called_empty(
    proposed: list[str], nudge: str
) -> None:
    offer = build("A-ASSOCIATE-RQ")
    for uid in proposed:
        offer.add("Presentation Context", abstract_syntax=uid)
    with (
        dl.Archive() as archive,
        dl.record(archive, method="relay") as recording,
        dl.SCU(*recording.address) as scu,
    ):
        scu.send(offer)
        scu.receive()
        scu.release()
    assert nudge in str(check("03-4", recording))


# --- for programs ---------------------------------------------------------------------------------


def test_a_program_can_count_what_was_right() -> None:
    for answer, ok in ((RELEASE, True), (b"", False)):
        shown = check("01-1", answer)._repr_mimebundle_()
        assert shown[CHECKED] == {"exercise": "01-1", "ok": ok}
