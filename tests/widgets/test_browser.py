"""The capture browser as Python sees it: what is sent, what is opened, what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

import dicomlab as dl
from dicomlab.widgets.base import WIDGET_VIEW
from dicomlab.widgets.browser import CaptureBrowser
from dicomlab.widgets.sequence import Sequence
from tests.views import made
from tests.views.test_listing import capture, some_fail
from tests.widgets import busy_site


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> dl.Capture:
    path = busy_site.write(tmp_path_factory.mktemp("site") / "site.pcapng", 600)
    return dl.dissect(path)


@pytest.fixture
def browser(site: dl.Capture) -> CaptureBrowser:
    shown = site.explore()
    assert isinstance(shown, CaptureBrowser)
    return shown


def ask(browser: CaptureBrowser, connection: object) -> None:
    """What the browser sends when a row is opened."""
    browser._associations._handle_custom_msg({"do": "open", "connection": connection}, [])


def test_an_association_is_opened_with_its_verdict_and_its_sequence(
    browser: CaptureBrowser, site: dl.Capture
) -> None:
    ask(browser, 9)
    opened = browser._associations.opened
    [association] = [one for one in site.associations if one.connection == 9]
    assert opened["connection"] == 9
    assert opened["summary"] == association.verdict.summary
    assert [one["code"] for one in opened["causes"]] == [
        one.code for one in association.verdict.causes
    ]
    _, sequence = browser.children
    assert isinstance(sequence, Sequence)
    assert sequence.shown == association


def test_another_one_takes_its_place(browser: CaptureBrowser) -> None:
    ask(browser, 9)
    _, before = browser.children
    ask(browser, 10)
    _, after = browser.children
    assert after is before
    assert after.shown.connection == 10


def test_a_connection_without_an_association_has_a_verdict_only(
    browser: CaptureBrowser, site: dl.Capture
) -> None:
    ask(browser, 9)
    refused = next(one for one in site.connections if one.kind == "refused")
    ask(browser, refused.connection)
    assert len(browser.children) == 1
    opened = browser._associations.opened
    assert not opened["association"]
    assert opened["causes"][0]["code"] == refused.verdict.causes[0].code


def test_what_is_not_there_is_refused_with_a_reason(
    browser: CaptureBrowser, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[dict[str, str]] = []
    monkeypatch.setattr(browser._associations, "send", said.append)
    ask(browser, 100_000)
    assert said == [{"refused": "There is no connection 100000 in this capture."}]
    assert browser._associations.opened == {}
    with pytest.raises(dl.DicomlabError, match="no connection 7000"):
        browser.look_at(7_000)
    ask(browser, "9")
    ask(browser, None)
    assert browser._associations.opened == {}


def test_a_capture_that_is_gone_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = busy_site.write(tmp_path / "gone.pcapng", 30)
    browser = CaptureBrowser(dl.dissect(path))
    said: list[dict[str, str]] = []
    monkeypatch.setattr(browser._associations, "send", said.append)
    path.unlink()
    ask(browser, 9)
    [message] = said
    assert "gone.pcapng" in message["refused"]


def test_associations_are_gone_through_once_for_the_table_and_its_twin() -> None:
    large = capture(300, some_fail)
    browser = CaptureBrowser(large)
    bundle, _ = browser._repr_mimebundle_()
    assert large.associations.walks == 1
    assert "3 of 300 associations failed" in bundle["text/html"]
    assert "Rejected by the acceptor" in bundle["text/plain"]
    assert bundle[WIDGET_VIEW]["model_id"] == browser.model_id


def test_the_cells_are_two_bytes_each_column_by_column(browser: CaptureBrowser) -> None:
    table, cells = browser._associations.table, browser._associations.cells
    names = list(table["columns"])
    assert len(cells) == 2 * len(names) * table["rows"]
    start = 2 * names.index("connection") * table["rows"]
    first = int.from_bytes(cells[start : start + 2], "little")
    assert table["columns"]["connection"][first] == "0"
    assert table["failed"] == sum(table["reasons"]) == 67


def test_a_capture_of_nothing_opens() -> None:
    browser = CaptureBrowser(made.capture())
    assert browser._associations.table["rows"] == 0
    ask(browser, 0)
    assert browser._associations.opened["connection"] == 0
