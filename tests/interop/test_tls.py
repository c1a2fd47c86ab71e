"""DICOM over TLS: certificates made on the spot, other people's callers, what a capture shows."""

from __future__ import annotations

import gc
import socket
import ssl
from collections.abc import Callable, Iterator
from subprocess import CompletedProcess

import pytest
from pynetdicom.sop_class import Verification

import dicomlab as dl

Run = Callable[..., CompletedProcess[str]]


@pytest.fixture(scope="module")
def certificates() -> dl.Certificates:
    return dl.Certificates()


@pytest.fixture
def archive(certificates: dl.Certificates) -> Iterator[dl.Archive]:
    with dl.Archive(tls=certificates.server) as running:
        yield running


def status(address: tuple[str, int], context: ssl.SSLContext) -> int:
    """The status of a C-ECHO by pynetdicom."""
    with dl.associate(address, Verification, tls=context) as association:
        return association.send_c_echo().Status


def test_pynetdicom_is_answered_and_the_capture_shows_none_of_it(
    archive: dl.Archive, certificates: dl.Certificates
) -> None:
    with dl.record(archive, method="relay") as recording:
        assert status(recording.address, certificates.client) == 0
    assert not recording.capture.associations
    (connection,) = recording.capture.connections
    assert connection.kind == "tls"
    assert b"PYNETDICOM" not in recording.path.read_bytes()


def test_dcmtk_is_answered(archive: dl.Archive, certificates: dl.Certificates, run: Run) -> None:
    files = [certificates.folder / name for name in ("client.key", "client.pem", "authority.pem")]
    done = run("echoscu", "-v", "+tls", *files[:2], "+cf", files[2], *archive.address)
    assert "Received Echo Response (Success)" in done.stdout + done.stderr


def shake_hands(address: tuple[str, int], context: ssl.SSLContext) -> None:
    """A handshake, and the first bytes after it: with TLS 1.3 they tell the client of a refusal."""
    with (
        socket.create_connection(address) as connection,
        context.wrap_socket(connection, server_hostname="localhost") as wrapped,
    ):
        wrapped.sendall(bytes(dl.build("A-ASSOCIATE-RQ")))
        assert wrapped.recv(1)


def test_both_ends_want_a_certificate_that_they_trust(
    archive: dl.Archive, certificates: dl.Certificates
) -> None:
    shake_hands(archive.address, certificates.client)
    nobody = ssl.create_default_context(cafile=str(certificates.folder / "authority.pem"))
    for context in (dl.Certificates().client, nobody):
        with pytest.raises((ssl.SSLError, ConnectionError)):
            shake_hands(archive.address, context)


def test_without_tls_there_is_no_association(archive: dl.Archive) -> None:
    result = dl.echo(*archive.address)
    assert not result.ok
    assert "tls-at-acceptor-only" in [cause.code for cause in result.verdict.causes]


def test_old_versions_are_not_spoken(certificates: dl.Certificates) -> None:
    assert certificates.server.minimum_version == ssl.TLSVersion.TLSv1_2
    assert certificates.client.minimum_version == ssl.TLSVersion.TLSv1_2


def test_who_never_begins_a_handshake_keeps_nobody_else_out(
    archive: dl.Archive, certificates: dl.Certificates
) -> None:
    with dl.SCU(*archive.address):
        assert status(archive.address, certificates.client) == 0


def test_the_files_live_as_long_as_the_object() -> None:
    made = dl.Certificates()
    folder = made.folder
    names = {"authority.pem", "server.pem", "server.key", "client.pem", "client.key"}
    assert {file.name for file in folder.iterdir()} == names
    del made
    gc.collect()
    assert not folder.exists()
