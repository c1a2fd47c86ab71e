"""What EchoSCP, Archive and DICOMweb have in common as things that listen."""

from __future__ import annotations

import math
import socket
import threading
from collections.abc import Callable
from typing import Any

import pytest
from pydicom.dataset import Dataset
from pynetdicom.association import Association

from dicomlab.model import BuildError, DicomlabError
from dicomlab.net.dicomweb import DICOMweb
from dicomlab.net.faults import FaultSCP
from dicomlab.net.listener import Listener
from dicomlab.net.scp import EchoSCP
from dicomlab.net.services import Archive

Make = Callable[..., Listener]


def web(**options: Any) -> DICOMweb:
    return DICOMweb(Archive(), **options)


LISTENERS = pytest.mark.parametrize("make", [EchoSCP, FaultSCP, Archive, web])


@LISTENERS
def test_it_has_an_address_while_it_listens_and_no_longer(make: Make) -> None:
    listener = make()
    for _ in range(2):
        with listener:
            host, port = address = listener.address
            assert (host, port) == ("127.0.0.1", listener.port)
            socket.create_connection(address).close()
        for ask in (lambda: listener.address, lambda: listener.port):
            with pytest.raises(DicomlabError, match="does not listen"):
                ask()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(address)


@LISTENERS
def test_to_start_or_stop_twice_changes_nothing(make: Make) -> None:
    listener = make().start()
    address = listener.address
    assert listener.start() is listener
    assert listener.address == address
    listener.stop()
    listener.stop()


@LISTENERS
@pytest.mark.parametrize("port", [-1, 65536, 0.0, 104.5, "104", None])
def test_a_port_that_is_none_is_refused_at_once(port: Any, make: Make) -> None:
    with pytest.raises(BuildError, match=r"no TCP port.*any that is free"):
        make(port=port)


@pytest.mark.parametrize("host", ["", None, 5, b"127.0.0.1", "a\0b", "127.0.0.1:104", "[::1]"])
def test_a_host_that_is_none_is_refused_at_once(host: Any) -> None:
    with pytest.raises(BuildError, match=r"neither a host name nor an address\. Loopback") as no:
        EchoSCP(host=host)
    assert "\n" not in str(no.value)


NOT_OURS = ["no-such-host.invalid", f"{'a' * 64}.invalid", "\udc80", "192.0.2.1"]


@pytest.mark.parametrize("host", NOT_OURS)
def test_a_host_that_is_not_to_be_had_is_said(host: str) -> None:
    with pytest.raises(DicomlabError, match=r"cannot listen.*Give an address of this machine"):
        EchoSCP(host=host).start()


@pytest.mark.parametrize(
    "wrong",
    [
        *({"known": known} for known in (["A"], {"A": "127.0.0.1"}, {"A": ("127.0.0.1", "104")})),
        *({"known": known} for known in ({5: ("127.0.0.1", 104)}, {"A": None})),
        *({"images": images} for images in ([Dataset()], [None])),
        *({"max_pdu_length": length} for length in (-1, None, 1 << 32)),
        *({"delay": delay} for delay in (-1, "x", math.nan)),
    ],
    ids=str,
)
def test_what_an_archive_cannot_do_is_refused_at_once(wrong: dict[str, Any]) -> None:
    with pytest.raises(BuildError) as refused:
        Archive(**wrong)
    assert refused.value.remedy


@LISTENERS
def test_a_port_that_is_taken_is_said(make: Make) -> None:
    with make() as first, pytest.raises(DicomlabError, match=r"cannot listen.*Take another port"):
        make(port=first.port).start()


def test_an_archive_can_be_stopped_while_a_caller_comes_in(monkeypatch: pytest.MonkeyPatch) -> None:
    begun, stopped = threading.Event(), threading.Event()
    callers: list[threading.Thread] = []
    start = threading._start_new_thread

    def start_late(run: Any, args: tuple[()]) -> int:
        if isinstance(run.__self__, Association):
            callers.append(run.__self__)
            begun.set()
            stopped.wait(5)
        return start(run, args)

    monkeypatch.setattr(threading, "_start_new_thread", start_late)
    with Archive() as archive, socket.create_connection(archive.address):
        begun.wait(5)
        archive.stop()
        stopped.set()
        while not callers[0].ident:
            pass
        callers[0].join(5)
    assert not callers[0].is_alive()
