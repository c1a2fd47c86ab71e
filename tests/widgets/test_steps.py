"""What a requestor may do in each state, by PS3.8 Table 9-10."""

from __future__ import annotations

import pytest

from dicomlab.protocol.build import build
from dicomlab.widgets.steps import REQUESTOR, STEPS, forbidden, forbidden_bytes, impossible, listed

ALWAYS = {"raw", "wait"}
ALLOWED = {
    "Sta1": {"connect"},
    "Sta4": {"associate", "abort", "close"} | ALWAYS,
    "Sta5": {"abort"} | ALWAYS,
    "Sta6": {"echo", "release", "abort"} | ALWAYS,
    "Sta7": {"abort"} | ALWAYS,
    "Sta8": {"echo", "answer", "abort"} | ALWAYS,
    "Sta9": {"answer", "abort"} | ALWAYS,
    "Sta11": {"abort"} | ALWAYS,
    "Sta13": {"close", "wait"},
}


@pytest.mark.parametrize("state", REQUESTOR)
def test_the_table_says_which_steps_a_state_allows(state: str) -> None:
    found = {name for name, one in STEPS.items() if not forbidden(one, state, contexts=True)}
    assert found == ALLOWED[state]


def test_an_echo_needs_a_context_that_was_accepted() -> None:
    why = forbidden(STEPS["echo"], "Sta6", contexts=False)
    assert why.startswith("No presentation context was accepted")


def test_who_is_refused_hears_where_he_is_and_where_it_may_be() -> None:
    why = forbidden(STEPS["release"], "Sta5", contexts=False)
    assert why == (
        "A-RELEASE-RQ: Sta6 only, and this is Sta5: RQ sent, waiting for AC or RJ "
        "(PS3.8 Table 9-10)."
    )


@pytest.mark.parametrize("state", REQUESTOR)
def test_a_socket_allows_all_while_it_is_open_and_else_only_to_connect(state: str) -> None:
    found = {name for name, one in STEPS.items() if not impossible(one, state)}
    assert found == ({"connect"} if state == "Sta1" else STEPS.keys() - {"connect"})


def test_states_in_a_row_are_joined() -> None:
    assert listed(["Sta4", "Sta5", "Sta6", "Sta8", "Sta9", "Sta13"]) == "Sta4–6, 8, 9, 13"


REQUEST, ACCEPT, ECHO, BYE, AGREED, ABORT = (
    bytes(build(name))
    for name in (
        "A-ASSOCIATE-RQ",
        "A-ASSOCIATE-AC",
        "C-ECHO-RQ",
        "A-RELEASE-RQ",
        "A-RELEASE-RP",
        "A-ABORT",
    )
)


@pytest.mark.parametrize(
    ("data", "state"),
    [
        (REQUEST, "Sta4"),
        (ABORT, "Sta5"),
        (ECHO + ECHO + BYE, "Sta6"),
        (BYE + ABORT, "Sta6"),
        (ECHO + AGREED, "Sta8"),
    ],
)
def test_raw_bytes_that_are_what_may_be_sent_may_be_sent(data: bytes, state: str) -> None:
    assert forbidden_bytes(data, state) == ""


@pytest.mark.parametrize(
    ("data", "state", "why"),
    [
        (REQUEST, "Sta6", "No A-ASSOCIATE-RQ may be sent in Sta6"),
        (ACCEPT, "Sta4", "No A-ASSOCIATE-AC may be sent in Sta4"),
        (BYE + ECHO, "Sta6", "No P-DATA-TF may be sent in Sta7"),
        (ABORT, "Sta4", "No A-ABORT may be sent in Sta4"),
        (ABORT + ABORT, "Sta6", "No A-ABORT may be sent in Sta13"),
        (b"GET / HTTP/1.1\r\n\r\n", "Sta4", "These bytes are no PDU"),
        (BYE[:-1], "Sta6", "This A-RELEASE-RQ is not as it should be"),
    ],
)
def test_raw_bytes_are_judged_as_what_they_are(data: bytes, state: str, why: str) -> None:
    assert forbidden_bytes(data, state).startswith(why)
