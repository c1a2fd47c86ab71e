"""`echo` against other people's servers, DICOM and not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from pynetdicom import AE, AllStoragePresentationContexts

from dicomlab.api import EchoResult, echo
from dicomlab.spec import names

Serving = Callable[..., int]


def codes(result: EchoResult) -> list[str]:
    return [one.code for one in result.findings]


@pytest.fixture
def storescp(serving: Serving, tmp_path: Path) -> int:
    return serving("storescp", "-od", tmp_path, "{port}")


@pytest.fixture
def dcmqrscp(serving: Serving, tmp_path: Path) -> int:
    """An archive that takes only the AE titles of its list, as the archives of sites do."""
    config = tmp_path / "dcmqrscp.cfg"
    lines = [
        "NetworkTCPPort = 11112",  # the command line says which
        "MaxPDUSize = 16384",
        "MaxAssociations = 4",
        "HostTable BEGIN",
        "known = (KNOWN, localhost, 11112)",
        "HostTable END",
        "VendorTable BEGIN",
        "VendorTable END",
        "AETable BEGIN",
        f"ARCHIVE {tmp_path} RW (2, 10mb) known",
        "AETable END",
    ]
    config.write_text("\n".join(lines) + "\n")
    return serving("dcmqrscp", "-c", config, "{port}")


@pytest.fixture
def http_server() -> Iterator[int]:
    class Quiet(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Quiet) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


def test_dcmtk_storescp_answers(storescp: int) -> None:
    result = echo("127.0.0.1", storescp)
    assert (result.ok, result.layer, result.findings) == (True, None, ())


def test_dcmqrscp_answers_whom_it_knows(dcmqrscp: int) -> None:
    result = echo("127.0.0.1", dcmqrscp, called_ae_title="ARCHIVE", calling_ae_title="KNOWN")
    assert result.ok


def test_dcmqrscp_wants_its_own_title(dcmqrscp: int) -> None:
    result = echo("127.0.0.1", dcmqrscp, called_ae_title="ARCHIV", calling_ae_title="KNOWN")
    assert (result.ok, result.layer) == (False, "upper layer")
    assert "in place of ARCHIV." in result.verdict.causes[0].change


def test_dcmqrscp_wants_a_registered_caller_and_blames_the_called_title(dcmqrscp: int) -> None:
    result = echo("127.0.0.1", dcmqrscp, called_ae_title="ARCHIVE", calling_ae_title="STRANGER")
    assert not result.ok
    assert "called-AE-title-not-recognized" in result.findings[0].what
    second = result.verdict.causes[1]
    assert (second.code, second.likelihood) == ("calling-ae-title-unknown", "possible")
    assert "register the calling AE title STRANGER" in second.change


def test_pynetdicom_answers() -> None:
    server = AE("PYNET")
    server.add_supported_context(names.VERIFICATION)
    running = server.start_server(("127.0.0.1", 0), block=False)
    try:
        result = echo("127.0.0.1", running.server_address[1])
    finally:
        running.shutdown()
    assert (result.ok, result.released) == (True, True)


def test_a_server_without_verification_is_recognized() -> None:
    server = AE("STORAGE")
    server.supported_contexts = AllStoragePresentationContexts[:10]
    running = server.start_server(("127.0.0.1", 0), block=False)
    try:
        result = echo("127.0.0.1", running.server_address[1], called_ae_title="STORAGE")
    finally:
        running.shutdown()
    assert (result.ok, result.layer) == (False, "context")
    assert "no-context-accepted" in codes(result)
    assert "enable Verification SOP Class as an SCP at STORAGE" in result.verdict.causes[0].change


def test_a_web_server_is_recognized(http_server: int) -> None:
    result = echo("127.0.0.1", http_server, timeout=0.5)
    assert (result.ok, result.layer) == (False, "upper layer")
    # Python's own answers with a bare page what is no line of HTTP; others with a status line
    assert result.verdict.causes[0].code in {"web-server", "other-service"}
    assert codes(result)[0] in {"not-dicom-http", "not-dicom-other"}
    assert "DOCTYPE" in result.findings[0].what
