"""Broken sites: each fails as its ticket says, is told by its evidence, and keeps its secret."""

from __future__ import annotations

from dataclasses import asdict
from functools import cache
from typing import Any

import pytest

from dicomlab import api as dl
from dicomlab.exercises.cases import CASES, HOST, WORKED, Case
from dicomlab.exercises.evidence import Envelope, Evidence
from dicomlab.exercises.notes import Note
from dicomlab.exercises.sites import BrokenSite
from dicomlab.model import BuildError, DicomlabError, Pdu
from dicomlab.net.faults import KNOBS
from dicomlab.spec.causes import CAUSES

SEEDS = (7, 42, 1913)
ALL = (WORKED, *CASES)


def numbers(*seeds: int) -> pytest.MarkDecorator:
    """Runs a test with every site of these seeds."""
    pairs = [(number, seed) for seed in seeds for number in range(len(ALL))]
    return pytest.mark.parametrize(("number", "seed"), pairs)


@cache  # some wait for a time-out: the tests look at the same one
def evidence_of(number: int, seed: int) -> Evidence:
    with dl.broken_site(number, seed) as site:
        return site.try_it()


def tried(number: int, seed: int) -> tuple[BrokenSite, Evidence]:
    site = dl.broken_site(number, seed)
    site._evidence = evidence_of(number, seed)
    return site, site._evidence


def site_of(clue: str, seed: int = 42) -> BrokenSite:
    """The first site that is given away by this finding."""
    sites = (dl.broken_site(number, seed) for number in range(1, len(ALL)))
    return next(one for one in sites if one._case.clue == clue)


def wrong_answers(site: BrokenSite) -> list[str]:
    return [code for code in site.causes if code not in site._case.causes]


def opened(site: BrokenSite) -> Envelope:
    assert site.answer(site._case.causes[0]).ok
    envelope = site.open()
    assert isinstance(envelope, Envelope)
    return envelope


def in_html(value: Any) -> str:
    html: str = value._repr_mimebundle_()["text/html"]
    return html


# --- the table --------------------------------------------------------------------------------


@pytest.mark.parametrize("case", ALL, ids=lambda case: case.clue)
def test_a_case_names_causes_that_there_are(case: Case) -> None:
    assert set(case.causes) <= CAUSES.keys()


def test_a_seed_deals_every_case_once_and_another_seed_deals_them_otherwise() -> None:
    dealt = [
        [dl.broken_site(number, seed)._case for number in range(1, len(ALL))] for seed in SEEDS
    ]
    assert all(sorted(map(CASES.index, one)) == list(range(len(CASES))) for one in dealt)
    assert dealt[0] != dealt[1] != dealt[2]


@numbers(42)
def test_the_same_seed_gives_the_same_site(number: int, seed: int) -> None:
    one, again = dl.broken_site(number, seed), dl.broken_site(number, seed)
    assert in_html(one) == in_html(again)
    assert (one._fault, one._right) == (again._fault, again._right)


def test_another_seed_gives_other_titles_and_ports() -> None:
    sites = [dl.broken_site(0, seed) for seed in range(20)]
    assert len({asdict(one.entered)["port"] for one in sites}) > 15
    assert len({one.entered.calling_ae_title for one in sites}) > 10


def test_any_site_is_one_of_them() -> None:
    one = dl.broken_site("random", 42)
    assert in_html(one) == in_html(dl.broken_site(one.number, 42))


@pytest.mark.parametrize("number", [-1, len(ALL), "any", 1.5])
def test_a_site_that_there_is_not_is_one_clear_line(number: Any) -> None:
    with pytest.raises(DicomlabError, match="There are 0 to"):
        dl.broken_site(number)


# --- what it shows ------------------------------------------------------------------------------


@numbers(*SEEDS)
def test_the_verdict_on_a_site_is_a_cause_that_is_taken(number: int, seed: int) -> None:
    site = dl.broken_site(number, seed)
    with site:
        verdict = dl.echo(HOST, **asdict(site.entered)).verdict
    assert verdict is not None
    assert verdict.causes[0].code in site._case.causes


@numbers(*SEEDS)
def test_the_envelope_names_what_is_in_the_recording(number: int, seed: int) -> None:
    site, evidence = tried(number, seed)
    envelope = opened(site)
    assert envelope.clue.found in evidence.findings
    assert envelope.verdict.causes[0].code in site._case.causes
    if isinstance(envelope.clue.shows, Pdu):
        sent = [bytes(one) for one in evidence.answers]
        assert bytes(envelope.clue.shows) in sent
        assert envelope.clue.found.code in {one.code for one in envelope.clue.shows.findings}


@numbers(42)
def test_with_the_right_settings_it_works_if_the_caller_can_mend_it(number: int, seed: int) -> None:
    site = dl.broken_site(number, seed)
    with site:
        mended = site.mend(**asdict(site._right))
    association = mended.association
    works = association is not None and any(one.status == 0 for one in association.messages)
    assert works == (site.entered != site._right)


def test_evidence_and_envelope_are_drawn() -> None:
    for clue in ("association-rejected", "connection-refused", "not-dicom-http", "peer-closed"):
        site = site_of(clue)
        with site:
            evidence = site.try_it()
        assert evidence.draw() is not None
        assert opened(site).draw() is not None


# --- what it does not show ------------------------------------------------------------------------


@numbers(42)
def test_nothing_gives_the_fault_away_by_its_name(number: int, seed: int) -> None:
    site, evidence = tried(number, seed)
    public = {
        name: getattr(site, name) for name in dir(site) if name[0] != "_" and name != "causes"
    }
    told = " ".join([*map(str, public.values()), repr(site), in_html(site)])
    seen = repr(evidence) + in_html(evidence)
    assert not [one for one in CAUSES if one in told + seen]
    assert not [one for one in KNOBS if one in told.split()]
    assert all(one.verdict is None for one in evidence.capture.associations)
    assert all(one.verdict is None for one in evidence.capture.connections)


def test_the_envelope_is_sealed_until_there_is_an_answer() -> None:
    site = site_of("association-rejected")
    assert isinstance(site.open(), Note)
    with site:
        site.try_it()
    assert "Still sealed" in str(site.open())


# --- answering ------------------------------------------------------------------------------------


@numbers(42)
def test_each_cause_that_leaves_the_same_bytes_is_right(number: int, seed: int) -> None:
    site, _ = tried(number, seed)
    for code in site._case.causes:
        note = site.answer(code)
        note.raise_if_wrong()
        assert site.causes[code] in str(note)
        assert ("as far as a recording can tell" in str(note)) == (code != site._case.causes[0])
    envelope = opened(site)
    assert len(envelope.alike) == len(site._case.causes) - 1
    assert ("looks the same" in repr(envelope)) == bool(envelope.alike)


@numbers(42)
def test_a_wrong_answer_gets_a_nudge_and_a_second_one_the_clause(number: int, seed: int) -> None:
    site, _ = tried(number, seed)
    first, second = map(site.answer, wrong_answers(site)[:2])
    assert not first.ok
    assert "Look at" in str(first)
    assert "See " not in str(first)
    assert "See " in str(second)
    assert isinstance(site.open(), Envelope)


def test_a_wrong_answer_that_is_given_again_is_still_one() -> None:
    site = site_of("association-rejected")
    with site:
        site.try_it()
    wrong = wrong_answers(site)[0]
    assert str(site.answer(wrong)) == str(site.answer(wrong))
    assert "two different wrong ones" in str(site.open())


def test_a_blank_and_a_slip_fail_kindly() -> None:
    site = site_of("association-rejected")
    assert "Look first" in str(site.answer("web-server"))
    with site:
        site.try_it()
    assert "No answer yet" in str(site.answer(None))
    assert "Did you mean 'web-server'?" in str(site.answer("web-servr"))
    with pytest.raises(AssertionError, match="No answer yet"):
        site.answer(None).raise_if_wrong()


@pytest.mark.parametrize(
    ("clue", "nudge"),
    [
        ("connection-refused", "TCP itself answered"),
        ("peer-closed", "in place of an answer came the end"),
        ("peer-silent", "the answer that was awaited never came"),
    ],
)
def test_only_of_silence_it_is_said_that_the_answer_never_came(clue: str, nudge: str) -> None:
    site, _ = tried(site_of(clue).number, 42)
    said = str(site.answer(wrong_answers(site)[0]))
    assert nudge in said
    assert ("never came" in said) == (clue == "peer-silent")


@pytest.mark.parametrize("answer", [5, True, ["web-server"], {"web-server"}, {}, b"web-server"])
def test_what_is_no_text_is_told_what_is_asked_for(answer: object) -> None:
    site, _ = tried(site_of("association-rejected").number, 42)
    assert "Asked for is a code of site.causes, a text; this is" in str(site.answer(answer))
    assert isinstance(site.open(), Note)


def test_a_nudge_names_the_byte_and_not_what_stands_there() -> None:
    site = site_of("association-rejected")
    with site:
        site.try_it()
    assert "byte 9 (Reason/Diag.)" in str(site.answer("web-server"))
    assert "byte 9 (Reason/Diag.)" in repr(opened(site))


# --- running it -----------------------------------------------------------------------------------


@pytest.mark.usefixtures("nothing_left")
@numbers(42)
def test_nothing_is_left_running(number: int, seed: int) -> None:
    with dl.broken_site(number, seed) as site:
        site.mend(timeout=0.3)


def test_it_runs_within_its_with_block_only() -> None:
    site = dl.broken_site(0, 42)
    with pytest.raises(DicomlabError, match="with site"):
        site.try_it()
    with site:
        site.try_it()
    with pytest.raises(DicomlabError, match="with site"):
        site.mend()


def test_a_recording_in_which_it_went_otherwise_is_one_clear_line() -> None:
    site = site_of("association-rejected")
    site._evidence = evidence_of(site_of("not-dicom-http").number, 42)
    with pytest.raises(DicomlabError, match="Record it again"):
        site.answer("web-server")


def test_two_with_the_same_seed_at_once_are_told() -> None:
    one, other = dl.broken_site(1, 42), dl.broken_site(1, 42)
    with one, pytest.raises(DicomlabError, match="take another seed"), other:
        pass


def test_what_is_mended_is_tried_and_notentered() -> None:
    site = dl.broken_site(0, 42)
    with site:
        site.mend(calling_ae_title=site._right.calling_ae_title)
        again = site.try_it()
    assert again.association is not None
    assert again.association.outcome.ended == "rejected"
    with site, pytest.raises(BuildError, match="16"):
        site.mend(called_ae_title="A-TITLE-OF-MORE-THAN-16")
