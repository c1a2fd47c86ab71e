"""A site of four application entities: who reaches whom follows from their tables."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from dicomlab import api as dl
from dicomlab.exercises.registration import MISTAKES, PAIRS, Entry
from dicomlab.model import BuildError, DicomlabError

CALLED = "rejected, called AE title not recognized"
CALLING = "rejected, calling AE title not recognized"


@pytest.fixture
def site(nothing_left: None) -> Iterator[dl.Site]:
    with dl.Site() as site:
        yield site


def failed(site: dl.Site) -> dict[str, str]:
    """The calls that failed, and what came of them."""
    said = site.echo_all().said
    return {call: result for call, result in said.items() if result != "success"}


def test_at_the_start_all_that_have_to_talk_reach_each_other(site: dl.Site) -> None:
    reach = site.echo_all()
    assert {(one.caller, one.called) for one in reach.calls} == set(PAIRS)
    assert failed(site) == {}
    assert reach.title == "10 of 10 calls succeeded"


def test_who_is_in_no_table_is_not_recognized_and_not_called(site: dl.Site) -> None:
    del site["archive"].knows["MR"]
    assert failed(site) == {"MR → archive": CALLING}
    assert "archive → MR" not in site.echo_all().said
    with pytest.raises(DicomlabError, match="archive has no entry for 'MR'"):
        site.echo("archive", "MR")


def test_a_title_in_lower_case_fails_both_ways_for_two_reasons(site: dl.Site) -> None:
    site["CT"].knows["archive"].ae_title = "archive"
    assert failed(site) == {"CT → archive": CALLED, "archive → CT": CALLING}


def test_a_port_where_nobody_listens_is_refused(site: dl.Site) -> None:
    with dl.EchoSCP() as gone:
        port = gone.port
    site["CT"].knows["archive"].port = port
    assert failed(site) == {"CT → archive": "failed, connection refused"}


def test_the_port_of_another_reaches_another(site: dl.Site) -> None:
    site["CT"].knows["archive"].port = site["RIS"].port
    assert failed(site) == {"CT → archive": CALLED}


def test_a_new_name_has_to_be_entered_by_all_that_have_the_old_one(site: dl.Site) -> None:
    site["archive"].ae_title = "ARCHIVE_NEW"
    assert len(failed(site)) == 6
    for name in ("CT", "MR", "RIS"):
        site[name].knows["archive"] = site["archive"].entry
    assert failed(site) == {}


def test_the_result_of_a_call_says_why_and_holds_what_was_sent(site: dl.Site) -> None:
    site["CT"].knows["archive"].ae_title = "archive"
    result = site.echo("CT", "archive")
    assert result.verdict is not None
    assert result.verdict.causes[0].code == "called-ae-title-wrong"
    assert result.capture is not None
    assert result.capture.associations[0].called_ae_title == "archive"


def test_what_is_no_title_is_told_as_ever(site: dl.Site) -> None:
    site["CT"].knows["archive"].ae_title = "RADIOLOGY-ARCHIVE"
    with pytest.raises(BuildError, match="16"):
        site.echo_all()


@pytest.mark.parametrize(
    ("field", "value", "remedy"),
    [
        ("port", "x", "a number, such as 11112"),
        ("port", None, "a number, such as 11112"),
        ("port", True, "a number, such as 11112"),
        ("host", 5, "a text, such as '127.0.0.1'"),
    ],
)
def test_what_is_no_port_and_no_host_is_not_entered(
    site: dl.Site, field: str, value: object, remedy: str
) -> None:
    entry = site["CT"].knows["archive"]
    with pytest.raises(DicomlabError, match=f"{value!r} is no {field}. Enter {remedy}"):
        setattr(entry, field, value)
    assert failed(site) == {}


@pytest.mark.parametrize("seed", range(20))
def test_every_disturbance_is_seen_and_can_be_mended(site: dl.Site, seed: int) -> None:
    site.disturb(seed)
    said = site.echo_all().said
    assert said != dict.fromkeys((f"{here} → {there}" for here, there in PAIRS), "success")
    for here, there in site.pairs:
        site[here].knows[there] = site[there].entry
    assert failed(site) == {}


def test_the_same_seed_disturbs_the_same(site: dl.Site) -> None:
    def disturbed() -> dict[str, str]:
        site.start()
        site.disturb(42)
        return site.echo_all().said

    assert disturbed() == disturbed()


def test_a_site_shows_all_its_tables_escaped(site: dl.Site) -> None:
    site["CT"].knows["archive"] = Entry("<img>", "127.0.0.1", 104)
    shown = site._repr_mimebundle_()
    assert "&lt;img&gt;" in shown["text/html"]
    assert "<img" not in shown["text/html"]
    assert repr(site).count("itself") == 4
    assert repr(site).count("\n") == 4 + len(PAIRS)


def test_who_there_is_not_is_one_clear_line() -> None:
    with pytest.raises(DicomlabError, match="There is no 'PACS' at this site"):
        dl.Site()["PACS"]


def test_there_is_a_place_for_every_mistake() -> None:
    assert len(MISTAKES) <= len(PAIRS)
