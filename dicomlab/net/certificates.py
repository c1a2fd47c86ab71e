"""Certificates for TLS, made on the spot and trusted by nobody else."""

from __future__ import annotations

import shutil
import ssl
import tempfile
import weakref
from pathlib import Path

import trustme

NAMES = ("localhost", "127.0.0.1", "::1")


class Certificates:
    """An authority of our own, and a certificate of it for each end of a connection.

    ``server`` is what an acceptor takes, ``client`` what a requestor takes, which calls its peer
    localhost. Each shows its certificate and wants the other's, in TLS 1.2 or newer (PS3.15 B.12).
    ``folder`` holds the same as files for other programs, as long as this object lives:
    ``authority.pem``, and ``server.pem``, ``server.key``, ``client.pem``, ``client.key``.
    """

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="dicomlab-"))
        weakref.finalize(self, shutil.rmtree, self.folder, ignore_errors=True)
        authority = trustme.CA(organization_name="dicomlab")
        authority.cert_pem.write_to_path(self.folder / "authority.pem")
        self.server = self._end(authority, "server", ssl.PROTOCOL_TLS_SERVER)
        self.client = self._end(authority, "client", ssl.PROTOCOL_TLS_CLIENT)

    def _end(self, authority: trustme.CA, name: str, protocol: int) -> ssl.SSLContext:
        certificate = authority.issue_cert(*NAMES, common_name=name)
        certificate.cert_chain_pems[0].write_to_path(self.folder / f"{name}.pem")
        certificate.private_key_pem.write_to_path(self.folder / f"{name}.key")
        context = ssl.SSLContext(protocol)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.verify_mode = ssl.CERT_REQUIRED
        authority.configure_trust(context)
        certificate.configure_cert(context)
        return context
