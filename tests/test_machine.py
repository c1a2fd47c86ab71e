"""What doctor says of this machine, and of one that lacks things."""

from __future__ import annotations

import json
import shutil
import socket
import sys
from html.parser import HTMLParser

import pytest

import dicomlab as dl
from dicomlab import machine as room
from dicomlab.machine import doctor


def test_the_ground_is_there_where_tests_run() -> None:
    report = doctor()
    assert report.ok
    assert report["Python"].found.startswith(f"{sys.version_info.major}.{sys.version_info.minor}")
    assert report["loopback"].state == "ok"


def test_whatever_is_not_ok_has_a_remedy() -> None:
    assert all(check.remedy for check in doctor().checks if check.state != "ok")
    assert not any(check.remedy for check in doctor().checks if check.state == "ok")


def test_it_is_asked_for_by_its_name() -> None:
    assert dl.doctor().ok


def test_report_is_data() -> None:
    document = json.loads(json.dumps(doctor().as_dict()))
    assert document["schema"] == "dicomlab.doctor/1"
    names = {check["name"] for check in document["checks"]}
    assert {"Python", "tshark", "live capture", "loopback", "jupyterlab"} <= names


def test_without_tshark_the_ground_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    report = doctor()
    assert report.ok
    assert {report[name].state for name in ("tshark", "live capture", "DCMTK")} <= {
        "absent",
        "limited",
    }
    assert "apt-get install tshark" in report["tshark"].remedy


def test_without_loopback_nothing_works(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(socket, "create_server", refuse)
    report = doctor()
    assert not report.ok
    assert report["loopback"].state == "absent"


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> str:
        raise room.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(room.metadata, "version", missing)
    assert "pip install pynetdicom" in doctor()["pynetdicom"].remedy


def test_text_and_html_say_the_same() -> None:
    report = doctor()
    shown = report._repr_mimebundle_()

    class Text(HTMLParser):
        words = ""

        def handle_data(self, data: str) -> None:
            self.words += data

    page = Text()
    page.feed(shown["text/html"])
    for check in report.checks:
        assert check.name in shown["text/plain"]
        for one in (check.found, check.serves, check.remedy):
            assert one in page.words


@pytest.mark.skipif(not shutil.which("tshark"), reason="no tshark: its version was not read")
def test_tshark_has_a_version() -> None:
    assert doctor()["tshark"].found[0].isdigit()
