"""The exam: every seed deals a fair one, answers get the points they deserve, nothing is told
before it is handed in."""

from __future__ import annotations

import json
import time
from copy import copy
from functools import cache
from typing import Any

import pytest

import dicomlab as dl
from dicomlab.exercises.exam import Exam, HandedIn, exam
from dicomlab.exercises.marks import marked
from dicomlab.exercises.notes import CHECKED, Note
from dicomlab.exercises.questions import QUESTIONS, changes
from dicomlab.exercises.sites import sealed
from dicomlab.model import DicomlabError
from dicomlab.protocol.build import build

SEEDS = range(2000, 2024)
FAST = range(300)  # of what needs no socket
OFFLINE = ("A1", "A2", "A3", "A4", "C3", "C4", "D1", "D2")  # answers that need no conversation
BLANKS = (None, ..., b"", "", [], set(), {}, [None, ...], {"byte": None, "finding": None})


def handed_in(one: Exam) -> HandedIn:
    """What it is worth, with or without all answers."""
    worth = one.hand_in(anyway=True)
    assert isinstance(worth, HandedIn)
    return worth


def solve(exam: Exam) -> HandedIn:
    """Answer as the worked notebook does, and hand in."""
    names: dict[str, Any] = {"dl": dl, "exam": exam, "capture": dl.dissect(exam.stranger)}
    for one in QUESTIONS.values():
        exec(one.solution, names)
        assert exam.answer(one.id, names["answer"]).ok
    worth = exam.hand_in()
    assert isinstance(worth, HandedIn)
    return worth


@cache
def solved(seed: int) -> Exam:
    one = exam(seed)
    solve(one)
    return one


@cache
def papers(seed: int) -> Exam:
    one = exam(seed)
    handed_in(one)
    return one


def fresh(seed: int = 7) -> Exam:
    """An exam of which everything ran already, without answers."""
    one = copy(papers(seed))
    one._kept, one._handed_in = {}, None
    return one


def dealt(seed: int) -> dict[str, Any]:
    """All that a student sees of an exam, and all that is right in it."""
    one = exam(seed)
    return {
        "asked": [str(one.question(number)) for number in QUESTIONS],
        "bytes": (one.request, one.message, one.broken),
        "conversation": [bytes(pdu) for pdu in one.conversation.pdus],
        "stranger": one.stranger.read_bytes(),
        "sites": [(site.ticket, site.entered.calling_ae_title) for site in one.sites],
        "worth": [(each.right, each.why) for each in handed_in(one).answers],
    }


@cache
def many() -> list[Exam]:
    return [exam(seed) for seed in FAST]


def page(value: Any) -> str:
    html: str = value._repr_mimebundle_()["text/html"]
    return html


# --- what a seed deals ------------------------------------------------------------------------


@pytest.mark.parametrize("seed", SEEDS)
def test_worked_solutions_get_all_points(seed: int) -> None:
    worth = handed_in(solved(seed))
    assert [(one.question.id, one.given, one.right) for one in worth.answers if not one.ok] == []
    assert worth.points == worth.of == 40


def test_the_same_seed_deals_the_same_exam() -> None:
    for seed in SEEDS[:3]:
        assert dealt(seed) == dealt(seed)
    assert exam(" 42 ").request == exam(42).request


def test_hundreds_of_seeds_deal_exams_of_their_own() -> None:
    exams = many()
    assert len({(one.request, one.message, one.broken) for one in exams}) == len(FAST)
    every = [one for each in exams for one in each.sites]
    assert len({(one.ticket, one.entered.calling_ae_title) for one in every}) > len(FAST)
    assert len({one._papers.mistake.title for one in exams}) > 10


def test_hundreds_of_seeds_ask_what_has_one_answer() -> None:
    for one in many():
        [broken], [request] = dl.decode(one.broken), dl.decode(one.request)
        assert broken.findings == (one._papers.wrong,)
        assert one._papers.wrong.span in {leaf.span for leaf in broken.leaves()}
        assert one._papers.wrong.code in one.mistakes
        assert request.findings == ()
        cases = [sealed(site).truth for site in (*one._papers.failing, *one.sites)]
        assert len(set(cases)) == 4
        for number in OFFLINE:
            right = QUESTIONS[number].right(one._papers)
            assert len(right) == len({str(each) for each in right}) >= 1


@pytest.mark.parametrize("seed", SEEDS[:4])
def test_an_exam_with_all_that_runs_takes_less_than_a_class_waits(seed: int) -> None:
    began = time.monotonic()
    solve(exam(seed))
    assert time.monotonic() - began < 15


@pytest.mark.usefixtures("nothing_left")
def test_nothing_is_left_running() -> None:
    solve(exam(7))


def test_for_every_cause_of_a_site_somebody_has_to_change_something() -> None:
    assert all(changes(code) for code in exam(1).causes)
    assert changes("port-wrong") == ["requestor"]
    assert changes("nothing-listens") == ["acceptor"]
    assert changes("firewall-cut") == ["network"]
    assert changes("tls-at-acceptor-only") == ["requestor", "acceptor"]  # on or off at both
    assert changes("answer-too-late") == ["acceptor", "requestor"]  # quicker, or more patience


def test_the_first_question_asks_for_what_is_stated_and_not_for_the_size_of_pdus() -> None:
    one = fresh()
    asked = str(one.question("A1"))
    assert "which Maximum Length does the requestor state" in asked
    assert "bytes" not in asked
    [right] = QUESTIONS["A1"].right(one._papers)
    stated = dl.decode(one.request)[0]["Maximum-length-received"].value
    assert right["maximum length"] == stated


# --- answering --------------------------------------------------------------------------------


@pytest.mark.parametrize("number", QUESTIONS)
@pytest.mark.parametrize("blank", BLANKS, ids=repr)
def test_a_blank_is_no_answer_and_no_exception(number: str, blank: Any) -> None:
    note = fresh().answer(number, blank)
    assert not note.ok
    assert "no answer yet" in str(note)


def test_an_exam_without_answers_has_no_points() -> None:
    worth = handed_in(fresh())
    assert worth.points == 0
    assert all(one.given == "—" for one in worth.answers)


@pytest.mark.parametrize("number", QUESTIONS)
@pytest.mark.parametrize(
    "answer", [object(), 7 + 1j, "x", b"x", [["x"]], {"x"}, {"x": 1}, -1, True]
)
def test_any_answer_is_taken_or_told_what_is_asked_for(number: str, answer: Any) -> None:
    one = fresh()
    note = one.answer(number, answer)
    assert note.ok or "Asked for is" in str(note)
    assert handed_in(one).points == 0
    json.dumps(one.result)


def test_an_answer_may_be_given_again_until_it_is_handed_in() -> None:
    one = fresh()
    place = one._papers.field.start
    one.answer("A2", place + 1)
    assert one.answer("A2", place).ok
    assert handed_in(one).points == 2
    assert not one.answer("A2", place).ok
    assert handed_in(one).points == 2


def test_an_answer_can_be_taken_back() -> None:
    one = fresh()
    one.answer("A2", one._papers.field.start)
    one.answer("A2", None)
    assert handed_in(one).points == 0


def test_answers_are_kept_where_the_same_exam_is_dealt_once_more() -> None:
    exam("dealt again").answer("A2", 424)
    again = exam(" dealt again")
    assert "424" in repr(again)
    assert "424" not in repr(exam("dealt otherwise"))


def test_what_is_handed_in_stays_where_the_same_exam_is_answered_once_more() -> None:
    one = exam("handed in")
    one.answer("A2", 424)
    handed_in(one)
    exam("handed in").answer("A2", 425)
    assert one.result is not None
    assert one.result["answers"]["A2"] == 424
    assert exam("handed in").verify(one.result).ok


def test_right_and_wrong_are_told_alike_before_it_is_handed_in() -> None:
    one = fresh()
    right, wrong = one.answer("A2", one._papers.field.start), one.answer("A2", 1)
    assert right.ok
    assert wrong.ok
    assert str(wrong) == "A2: kept, not marked yet: 1"
    assert one.result is None
    assert "no result" in str(one.verify(one.result))


def test_it_is_not_handed_in_by_running_all_cells_while_questions_are_open() -> None:
    one = fresh()
    one.answer("A1", {"called": "X"})
    note = one.hand_in()
    assert isinstance(note, Note)
    assert "A2, A3" in str(note)
    assert "anyway=True" in str(note)
    assert one.result is None
    assert one.answer("A2", 1).ok


def test_a_sealed_site_tells_nothing() -> None:
    one = fresh()
    for site in one.sites:
        with site:
            site.try_it()
        for code in site.causes:
            assert not site.answer(code).ok
        assert "hand_in" in str(site.open())


def test_nothing_that_an_exam_offers_by_name_gives_an_answer_away() -> None:
    offered = {name for name in dir(fresh()) if not name.startswith("_")}
    assert offered == {
        "answer", "broken", "callers", "causes", "conversation", "hand_in", "message", "mistakes",
        "moment", "place", "question", "request", "result", "seed", "sites", "status", "stranger",
        "verify",
    }  # fmt: skip


def test_no_verdict_comes_with_the_conversation() -> None:
    assert fresh().conversation.verdict is None


def test_what_there_is_not_is_one_clear_line() -> None:
    with pytest.raises(DicomlabError, match="There are A1, A2"):
        fresh().answer("E1", 1)
    with pytest.raises(DicomlabError, match="has a seed"):
        exam("  ")


# --- points -----------------------------------------------------------------------------------


def points(number: str, kept: Any, seed: int = 7) -> float:
    one = fresh(seed)
    assert one.answer(number, kept).ok
    return marked(QUESTIONS[number], one._papers, one._kept[number]).points


def test_of_tls_at_one_end_only_either_end_is_right() -> None:
    site = fresh(42).sites[0]
    assert sealed(site).causes == ("tls-at-acceptor-only",)
    for who in ("requestor", "acceptor"):
        assert points("D1", ["tls-at-acceptor-only", who], seed=42) == 4


def test_names_are_worth_a_part_each() -> None:
    [right] = QUESTIONS["A1"].right(fresh()._papers)
    assert points("A1", right) == 3
    assert points("A1", right | {"called": "ELSEWHERE"}) == 2
    assert points("A1", {"maximum length": right["maximum length"]}) == 1
    assert points("A1", right | {"called": right["called"].ljust(16)}) == 3


def test_of_a_set_what_is_wrong_takes_away_what_is_right() -> None:
    one = fresh()
    [right] = QUESTIONS["B1"].right(one._papers)
    every = {each.id for each in one.conversation.presentation_contexts}
    assert points("B1", set(right)) == points("B1", sorted(right)) == 3
    assert points("B1", every) < 3
    assert points("B1", every - right) == 0


def test_bytes_with_one_wrong_field_are_worth_half() -> None:
    [right] = QUESTIONS["A3"].right(fresh()._papers)
    assert isinstance(right["Status"], int)
    assert points("A3", bytes(right)) == points("A3", right.pdu) == 3
    right["Status"] = 0
    assert points("A3", right) == 1.5
    right["Message ID Being Responded To"] = 1
    assert points("A3", right) == 0
    assert points("A3", build("A-RELEASE-RQ")) == 0
    assert points("A3", bytes(right)[:6]) == 0  # a header alone lacks one thing: all


@pytest.mark.parametrize("number", ["C3", "C4", "D1", "D2"])
def test_each_cause_that_the_evidence_allows_is_right_and_who_counts_with_it_only(
    number: str,
) -> None:
    right = QUESTIONS[number].right(fresh()._papers)
    for cause, who in right:
        assert points(number, [cause, who]) == 4
        assert points(number, [cause, "nobody"]) == points(number, [cause]) == 2
        assert points(number, ["machine-off", who]) == 0


# --- what an examiner collects ------------------------------------------------------------------


def test_a_result_is_json_and_verified_with_its_seed() -> None:
    one = solved(SEEDS[0])
    text = json.dumps(one.result)
    for given in (one.result, json.loads(text), text):
        assert str(exam(SEEDS[0]).verify(given)) == "40 of 40 points: its answers are worth that."
    assert "of the seed 2000" in str(exam(1).verify(text))


@pytest.mark.parametrize(
    "change",
    [
        {"points": 40},
        {"seal": "0" * 16},
        {"marks": {}},
        {"of": 10},
        {"more": 1},
    ],
    ids=str,
)
def test_what_was_changed_afterwards_is_found(change: dict[str, Any]) -> None:
    one = fresh()
    one.answer("A2", one._papers.field.start)
    handed_in(one)
    assert fresh().verify(one.result).ok
    note = fresh().verify(one.result | change)
    assert not note.ok
    assert "worth 2 points" in str(note)


def test_an_answer_that_was_changed_afterwards_does_not_fit_the_seal() -> None:
    one = fresh()
    one.answer("A2", 1)
    handed_in(one)
    forged = one.result
    forged["answers"]["A2"] = 2
    assert not fresh().verify(forged).ok


@pytest.mark.parametrize("given", [None, 7, "", "{", "[1]", {}, {"answers": 1}, "[" * 100_000])
def test_what_is_no_result_is_told(given: Any) -> None:
    assert "no result" in str(fresh().verify(given))


def test_a_result_with_strange_answers_is_worth_nothing() -> None:
    one = fresh()
    handed_in(one)
    for strange in ("zz", [[1]], {"a": {}}, 1e999, True, [None], ""):
        forged = one.result | {"answers": dict.fromkeys(QUESTIONS, strange)}
        assert "worth 0 points" in str(fresh().verify(forged))


# --- how it looks -------------------------------------------------------------------------------


def test_what_is_handed_in_says_of_each_question_what_was_right_why_and_where_to_read() -> None:
    worth = handed_in(fresh())
    text = str(worth)
    for one in worth.answers:
        assert one.right
        assert one.clause.startswith("PS3.")
        assert f"{one.why} See {one.clause} and notebook {one.question.notebook}." in text
    assert page(worth).count("<tr>") == len(QUESTIONS) + 1


def test_what_was_answered_is_escaped() -> None:
    one = exam("<b>7")
    one.answer("B3", ["<img src=x>\x1b[2J", "acceptor"])
    for shown in (page(one), page(handed_in(one)), page(one.verify({"seed": "<i>"}))):
        assert "<img" not in shown
        assert "<b>7" not in shown
        assert "<i>" not in shown
    assert "\x1b" not in str(handed_in(one))
    assert "\x1b" not in repr(one)


def test_an_exam_shows_its_questions_and_what_was_answered() -> None:
    one = fresh()
    one.answer("A2", 12345)
    for shown in (repr(one), page(one)):
        assert "12345" in shown
        assert all(each.title in shown for each in QUESTIONS.values())
    assert "<code>exam.request</code>" in page(one.question("A1"))


def test_a_program_can_count_points() -> None:
    assert handed_in(fresh())._repr_mimebundle_()[CHECKED] == {"ok": False, "points": 0, "of": 40}
