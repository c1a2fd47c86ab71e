"""`echo` calls success only what is one, and names who changes what where it is none."""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable
from typing import Any

import pytest

from dicomlab.api import echo
from dicomlab.model import BuildError
from dicomlab.net.scp import EchoSCP
from dicomlab.protocol.build import build

Scripted = Callable[..., tuple[str, int]]
ACCEPT = {"send": bytes(build("A-ASSOCIATE-AC")).hex()}
SUCCESS = {"send": bytes(build("C-ECHO-RSP")).hex()}
RELEASED = {"send": bytes(build("A-RELEASE-RP")).hex()}
SILENCE = {"action": "stay silent"}

# the cases in which all seven conditions of a trustworthy C-ECHO are met, with oddities around
MET = {"CL35", "CL37", "CL38", "CL61", "CL70", "CL71", "CL73"}
LAYERS = {
    "tcp": {"CL01", "CL02", "CL07", "CL08"},
    "tls": {"CL05"},
    "context": {"CL25", "CL26", "CL28", "CL29", "CL31", "CL32", "CL34"},
    "release": {"CL70", "CL71"},
}


def codes(result: Any) -> list[str]:
    return [one.code for one in result.findings]


def causes(result: Any) -> list[str]:
    return [one.code for one in result.verdict.causes]


# --- every way in which a server can answer -----------------------------------------------


def test_what_a_server_does_is_named(client_case: dict[str, Any], scripted: Scripted) -> None:
    host, port = scripted(*client_case["server_steps"])
    result = echo(host, port, called_ae_title="ECHOSCP", timeout=0.25)
    assert set(client_case["expected"]) - {"ok"} <= set(codes(result))
    assert result.ok == (client_case["id"] in MET)
    layers = [layer for layer, cases in LAYERS.items() if client_case["id"] in cases]
    if layers:
        assert [result.layer] == layers
    else:
        assert result.layer in (None, "upper layer", "dimse")
    assert all(one.remedy and one.what for one in result.findings)
    assert result.ok or causes(result)
    assert not result.history or result.history[-1].next == "Sta1"


def test_a_good_c_echo() -> None:
    with EchoSCP() as scp:
        result = echo(*scp.address)
        where = f"127.0.0.1:{scp.port}"
    assert (result.ok, result.layer, result.status, result.released) == (True, None, 0, True)
    assert list(result.timings) == ["connect", "associate", "echo", "release"]
    assert result.findings == ()
    assert [one.what for one in result.log] == [
        "opens the connection",
        "A-ASSOCIATE-RQ",
        "A-ASSOCIATE-AC",
        "P-DATA-TF",
        "P-DATA-TF",
        "A-RELEASE-RQ",
        "A-RELEASE-RP",
        "closes the connection",
    ]
    assert [step.next for step in result.history] == [
        f"Sta{number}" for number in (4, 5, 6, 6, 6, 7, 1)
    ]
    assert f"ANY-SCP at {where}: success" in str(result)


def test_a_message_in_many_fragments_is_one_message(scripted: Scripted) -> None:
    whole = build("C-ECHO-RSP")
    data = whole.pdu["PDV"].children[-1].raw
    pieces = [data[:10], data[10:40], data[40:]]
    pdus = [
        bytes(
            build("P-DATA-TF", fragment=piece, message_control_header=1 + 2 * (piece is pieces[2]))
        )
        for piece in pieces
    ]
    result = echo(*scripted(ACCEPT, {"send": b"".join(pdus).hex()}, RELEASED), timeout=1)
    assert result.ok


def test_a_peer_that_takes_small_pdus_gets_small_pdus(scripted: Scripted) -> None:
    accept = build("A-ASSOCIATE-AC", maximum_length_received=20)
    result = echo(*scripted({"send": bytes(accept).hex()}, SUCCESS, RELEASED), timeout=1)
    sent = [one.pdus[0] for one in result.log if one.sender == "requestor" and one.data]
    lengths = [pdu["PDU-length"].value for pdu in sent if pdu.type == "P-DATA-TF"]
    assert result.ok
    assert len(lengths) > 1
    assert max(lengths) <= 20


def test_a_peer_that_takes_no_pdu_at_all_is_told_so(scripted: Scripted) -> None:
    accept = build("A-ASSOCIATE-AC")
    accept.override("Maximum-length-received", 7)
    result = echo(*scripted({"send": bytes(accept).hex()}), timeout=1)
    assert (result.ok, result.layer) == (False, "upper layer")
    assert "max-length-too-small" in codes(result)
    assert causes(result)[0] == "max-length-too-small"


def test_an_answer_with_a_data_set_that_nothing_announced_is_none(scripted: Scripted) -> None:
    response = build("C-ECHO-RSP")
    response.add("PDV", fragment=b"\0\0", message_control_header=2)
    result = echo(*scripted(ACCEPT, {"send": bytes(response).hex()}, RELEASED), timeout=1)
    assert (result.ok, result.layer) == (False, "dimse")
    assert causes(result)


def test_endless_fragments_come_to_an_end(scripted: Scripted) -> None:
    fragment = bytes(build("P-DATA-TF", fragment=b"\0\0", message_control_header=1))
    result = echo(*scripted(ACCEPT, {"send": (fragment * 1000).hex()}), timeout=0.5)
    assert (result.ok, result.layer) == (False, "dimse")
    assert "fragment-incomplete" in codes(result)


def test_pdus_that_are_far_too_long_cost_little(scripted: Scripted) -> None:
    huge = bytes(build("P-DATA-TF", fragment=bytes((1 << 24) - 6), message_control_header=0))
    result = echo(*scripted(ACCEPT, {"send": (huge * 3).hex()}), timeout=5)
    assert (result.ok, result.layer) == (False, "dimse")
    assert "max-length-exceeded" in codes(result)
    assert sum(len(one.data) for one in result.log) < 1 << 20


def test_drops_of_a_pdu_do_not_hold_the_client(scripted: Scripted) -> None:
    host, port = scripted({"send": "02"}, SILENCE)
    result = echo(host, port, timeout=0.3)
    assert (result.ok, result.layer) == (False, "upper layer")
    assert {"pdu-header-truncated", "association-aborted"} <= set(codes(result))
    assert causes(result)[0] == "broken-pdu"


# --- below DICOM --------------------------------------------------------------------------


def test_a_name_that_does_not_resolve() -> None:
    result = echo("no-such-host.invalid", 11112)
    assert (result.ok, result.layer, codes(result)) == (False, "name", ["name-unresolved"])
    assert "no-such-host.invalid" in result.verdict.causes[0].change


def test_a_closed_port() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    result = echo("127.0.0.1", port)
    assert (result.ok, result.layer, codes(result)) == (False, "tcp", ["connection-refused"])
    assert causes(result)[:2] == ["nothing-listens", "port-wrong"]
    assert f"in place of {port}" in result.verdict.causes[1].change


def test_a_connection_request_that_nobody_answers() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        waiting = [socket.socket() for _ in range(3)]
        for one in waiting:  # who asks once the queue is full gets no answer
            one.setblocking(False)
            one.connect_ex(listener.getsockname())
        result = echo(*listener.getsockname(), timeout=0.3)
        for one in waiting:
            one.close()
    assert (result.ok, result.layer, codes(result)) == (False, "tcp", ["connect-timeout"])


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (errno.EHOSTUNREACH, "host-unreachable"),
        (errno.ENETUNREACH, "host-unreachable"),
        (errno.EPERM, "connect-forbidden"),
    ],
)
def test_no_way_to_the_host(number: int, code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError(number, "as the system says")

    monkeypatch.setattr(socket, "create_connection", fail)  # loopback always has a way
    result = echo("127.0.0.1", 11112)
    assert (result.ok, result.layer, codes(result)) == (False, "ip", [code])


def test_a_port_that_listens_and_says_nothing(scripted: Scripted) -> None:
    host, port = scripted(SILENCE)
    result = echo(host, port, timeout=0.2)
    assert (result.ok, result.layer) == (False, "tcp")
    assert codes(result) == ["association-aborted", "peer-silent"]
    assert causes(result) == ["acceptor-hangs", "other-service", "tls-at-acceptor-only"]
    assert all("no byte tells these apart" in one.against[0] for one in result.verdict.causes)


@pytest.mark.parametrize(("action", "kind"), [("reset", "RST"), ("close", "FIN")])
def test_a_peer_that_resets_does_not_close(scripted: Scripted, action: str, kind: str) -> None:
    result = echo(*scripted({"action": action}))
    assert result.capture is not None
    (association,) = result.capture.associations
    assert [(one.sender, one.kind) for one in association.endings] == [("acceptor", kind)]
    assert f"until the acceptor {action}" in result.verdict.summary
    assert ("firewall-cut" in causes(result)) == (kind == "RST")


# --- what the texts say -------------------------------------------------------------------


def test_a_refused_calling_title_is_registered_where_it_was_refused() -> None:
    with EchoSCP(allowed_calling_ae_titles=["ELSEWHERE"]) as scp:
        result = echo(*scp.address, calling_ae_title="WORKSTATION")
        where = f"127.0.0.1, port {scp.port}"
    assert codes(result) == ["association-rejected", "ae-unknown"]
    cause = result.verdict.causes[0]
    assert cause.who == f"whoever runs ANY-SCP at {where}"
    assert "register the calling AE title WORKSTATION with the address 127.0.0.1" in cause.change


def test_a_wrong_called_title_is_corrected_at_the_caller() -> None:
    with EchoSCP("ARCHIVE", require_called_ae_title=True) as scp:
        wrong = echo(*scp.address, called_ae_title="ARCHIV")
        right = echo(*scp.address, called_ae_title="ARCHIVE")
    assert wrong.verdict.causes[0].who.startswith("whoever configured DICOMLAB")
    assert "in place of ARCHIV." in wrong.verdict.causes[0].change
    assert right.ok


@pytest.mark.parametrize(
    "reason", [(1, 1), (1, 2), (1, 3), (1, 7), (2, 1), (2, 2), (3, 1), (3, 2)], ids=str
)
def test_each_reason_has_its_own_remedy(reason: tuple[int, int], scripted: Scripted) -> None:
    reject = build("A-ASSOCIATE-RJ", result=2, source=reason[0], reason_diag=reason[1])
    verdict = echo(*scripted({"send": bytes(reject).hex()})).verdict
    assert "look into" not in verdict.causes[0].change
    assert "may be accepted later" in verdict.summary


def test_a_peer_cannot_write_on_the_screen(scripted: Scripted) -> None:
    comment = "\x1b[2J<script>"
    response = build("C-ECHO-RSP", status=0x0122)
    response.add("Error Comment", error_comment=comment)
    result = echo(*scripted(ACCEPT, {"send": bytes(response).hex()}, RELEASED), timeout=1)
    assert "\\x1b[2J" in str(result)
    assert "\x1b" not in str(result)


@pytest.mark.parametrize("title", ["SEVENTEEN-LETTERS", "", 5, [1], b"ARCHIVE"])
@pytest.mark.parametrize("which", ["called_ae_title", "calling_ae_title"])
def test_an_ae_title_that_cannot_be_sent_is_refused_before_anything_is(
    which: str, title: Any
) -> None:
    with pytest.raises(BuildError):
        echo("127.0.0.1", 1, **{which: title})
