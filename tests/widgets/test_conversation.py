"""A conversation goes on step by step, and nothing of it is left."""

from __future__ import annotations

import asyncio
import gc
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import pytest

from dicomlab.model import BuildError, DicomlabError
from dicomlab.net.faults import EXERCISE, KNOBS
from dicomlab.protocol.build import build
from dicomlab.views.sequence import ladder
from dicomlab.widgets.conversation import Conversation, Snapshot

pytestmark = pytest.mark.usefixtures("nothing_left")


@pytest.fixture
def talk() -> Iterator[Conversation]:
    """A conversation that has little patience."""
    with Conversation(patience=0.3) as one:
        yield one


def stands(requestor: str, acceptor: str) -> Callable[[Snapshot], bool]:
    """Both ends are in these states."""
    return lambda now: (now.requestor, now.acceptor) == (requestor, acceptor)


def failed(now: Snapshot) -> bool:
    return now.error is not None


AFTER = {
    "connect": ("Sta4", "Sta2"),
    "associate": ("Sta6", "Sta6"),
    "release": ("Sta1", "Sta1"),
}


def led(talk: Conversation, *steps: str) -> Snapshot:
    """How it stands after these steps, each of which ended well."""
    for step in steps:
        talk.do(step)
        talk.wait_for(stands(*AFTER[step]))
    return talk.snapshot


def test_a_whole_c_echo_is_recorded(talk: Conversation) -> None:
    talk.do("connect")
    opened = talk.wait_for(stands("Sta4", "Sta2"))
    assert opened.association is not None
    assert ladder(opened.association).steps[0].kind == "opened"
    talk.do("associate")
    talk.wait_for(stands("Sta6", "Sta6"))
    talk.do("echo")
    answered = talk.wait_for(lambda now: bool(now.association and now.association.messages[1:]))
    assert answered.said[0] == "P-DATA-TF (C-ECHO-RQ) sent: Sta6."
    assert answered.said[1].startswith("P-DATA-TF (C-ECHO-RSP) came after ")
    talk.do("release")
    end = talk.wait_for(stands("Sta1", "Sta1"))
    assert end.association is not None
    assert end.association.frames is not None  # it is the recording that is shown now
    assert end.association.outcome.ended == "released"
    assert end.verdict is not None
    assert not end.verdict.failed
    assert end.recorded is not None
    assert (end.recorded.pdus, end.recorded.recording.method) == (6, "relay")


def test_a_rejection_is_shown_with_both_states_and_the_verdict(talk: Conversation) -> None:
    talk.order("reject=1/1/7")
    led(talk, "connect")
    talk.do("associate")
    end = talk.wait_for(stands("Sta1", "Sta1"))
    assert end.said[0] == "A-ASSOCIATE-RQ sent: Sta5."
    assert end.said[1].startswith("A-ASSOCIATE-RJ came after ")
    assert end.said[1].endswith(": Sta1.")
    assert end.verdict is not None
    assert end.verdict.causes[0].code == "called-ae-title-wrong"


def test_what_the_scp_does_unasked_is_heard(talk: Conversation) -> None:
    talk.order("idle-abort=0.05")
    led(talk, "connect")
    talk.do("associate")
    end = talk.wait_for(stands("Sta1", "Sta1"))
    assert any(one.startswith("A-ABORT came after ") for one in end.said)


def test_a_release_collision_is_gone_through(talk: Conversation) -> None:
    talk.order("release-collision")
    led(talk, "connect", "associate")
    talk.do("raw", bytes(build("C-ECHO-RQ")) + bytes(build("A-RELEASE-RQ")))
    talk.wait_for(stands("Sta9", "Sta10"))
    talk.do("answer")
    end = talk.wait_for(stands("Sta1", "Sta1"))
    assert end.association is not None
    assert end.association.outcome.ended == "released"


def test_the_peers_release_is_answered(talk: Conversation) -> None:
    talk.order("release-collision")
    led(talk, "connect", "associate")
    talk.do("echo")
    talk.wait_for(stands("Sta8", "Sta7"))
    talk.do("answer")
    end = talk.wait_for(stands("Sta1", "Sta1"))
    assert end.error is None


def test_silence_is_told_and_more_can_be_waited_for(talk: Conversation) -> None:
    talk.order("delay=0.5@associate")
    led(talk, "connect")
    talk.do("associate")
    silent = talk.wait_for(failed)
    assert str(silent.error) == ("The SCP sent nothing within 0.3 s. Receive more, or abort.")
    assert (silent.requestor, silent.acceptor) == ("Sta5", "Sta3")
    talk.do("wait")
    assert talk.wait_for(lambda now: now.contexts).error is None


def test_half_a_pdu_is_told(talk: Conversation) -> None:
    talk.order("pdu-length=+10")
    led(talk, "connect")
    talk.do("associate")
    assert "bytes that are no whole PDU within" in str(talk.wait_for(failed).error)


def test_a_port_where_nothing_listens_is_judged_as_recorded(talk: Conversation) -> None:
    talk.order("wrong-port")
    talk.do("connect")
    end = talk.wait_for(lambda now: now.verdict is not None)
    assert end.verdict is not None
    assert end.verdict.causes[0].code == "nothing-listens"


def test_what_the_standard_forbids_is_refused_and_changes_nothing(talk: Conversation) -> None:
    led(talk, "connect", "associate")
    said = talk.snapshot.said
    talk.do("associate")
    refused = talk.wait_for(failed)
    assert str(refused.error).startswith("A-ASSOCIATE-RQ: Sta4 only, and this is Sta6")
    assert (refused.requestor, refused.said) == ("Sta6", said)


def test_who_may_do_what_is_forbidden_sees_what_comes_of_it(talk: Conversation) -> None:
    led(talk, "connect", "associate")
    talk.do("associate", freely=True)
    end = talk.wait_for(stands("Sta1", "Sta1"))
    assert end.association is not None
    assert [pdu.name for pdu in end.association.pdus][-2:] == ["A-ASSOCIATE-RQ", "A-ABORT"]
    assert end.verdict is not None
    assert end.verdict.failed


def test_bytes_that_are_no_pdu_are_refused_or_sent(talk: Conversation) -> None:
    led(talk, "connect")
    talk.do("raw", b"GET / HTTP/1.1\r\n\r\n")
    refused = talk.wait_for(failed)
    assert str(refused.error).startswith("These bytes are no PDU.")
    talk.do("raw", b"GET / HTTP/1.1\r\n\r\n", freely=True)
    answer = talk.wait_for(lambda now: "A-ABORT came" in " ".join(now.said))
    assert (answer.requestor, answer.acceptor) == ("Sta4", "Sta13")
    assert answer.association is not None
    assert [pdu.name for pdu in answer.association.pdus] == ["not a PDU", "A-ABORT"]


def test_raw_bytes_do_what_the_steps_do(talk: Conversation) -> None:
    led(talk, "connect")
    talk.do("raw", bytes(build("A-ASSOCIATE-RQ")))
    talk.wait_for(stands("Sta6", "Sta6"))
    talk.do("raw", bytes(build("A-RELEASE-RQ")))
    talk.wait_for(stands("Sta1", "Sta1"))


def test_no_context_no_echo(talk: Conversation) -> None:
    talk.order("no-verification")
    now = led(talk, "connect", "associate")
    assert now.forbidden("echo").startswith("No presentation context was accepted")
    talk.do("echo", freely=True)
    assert talk.wait_for(stands("Sta1", "Sta1")).verdict is not None


def test_orders_hold_from_the_next_connection(talk: Conversation) -> None:
    led(talk, "connect")
    talk.order("reject=1/1/7", seed=3)
    now = led(talk, "associate", "release")
    assert now.orders.faults == ()
    led(talk, "connect")
    assert talk.snapshot.orders == talk.orders
    talk.do("associate")
    talk.wait_for(stands("Sta1", "Sta1"))


def test_what_cannot_be_ordered_is_refused_and_changes_nothing(talk: Conversation) -> None:
    talk.order("limit")
    with pytest.raises(BuildError, match="reject cannot be '1'"):
        talk.order("reject=1")
    assert talk.orders.faults == ("limit",)


@pytest.mark.parametrize("name", [one.name for one in KNOBS.values() if one.group != EXERCISE])
def test_with_every_fault_the_conversation_can_be_ended(talk: Conversation, name: str) -> None:
    talk.order(name)
    talk.do("connect")
    talk.do("associate")
    talk.do("echo", freely=True)
    talk.do("close", freely=True)
    end = talk.wait_for(lambda now: now.requestor == "Sta1" and now.recorded is not None)
    assert end.recorded is not None
    assert not end.recorded.recording.running


def test_the_same_seed_says_the_same(talk: Conversation) -> None:
    def sent(seed: int) -> bytes:
        talk.order("noise", seed=seed)
        led(talk, "connect")
        talk.do("associate")
        talk.wait_for(lambda now: len(now.said) > 1 or failed(now))
        talk.do("close", freely=True)
        recorded = talk.wait_for(lambda now: now.requestor == "Sta1").recorded
        assert recorded is not None
        return recorded.recording.path.read_bytes()

    noise = Random("7 0").randbytes(64)
    assert noise in sent(7)
    assert noise in sent(7)
    assert noise not in sent(8)


def test_a_new_conversation_begins_with_nothing(talk: Conversation) -> None:
    led(talk, "connect", "associate")
    talk.begin_anew()
    assert talk.wait_for(lambda now: now.association is None) == Snapshot()
    led(talk, "connect")


def test_the_recording_is_saved_and_nothing_is_overwritten(
    talk: Conversation, tmp_path: Path
) -> None:
    (tmp_path / "conversation-1.pcapng").write_text("mine")
    recorded = led(talk, "connect", "associate", "release").recorded
    assert recorded is not None
    saved = recorded.save(tmp_path)
    assert saved.name == "conversation-2.pcapng"
    assert saved.read_bytes() == recorded.recording.path.read_bytes()
    assert (tmp_path / "conversation-1.pcapng").read_text() == "mine"


def test_listeners_are_called_on_the_loop_that_runs() -> None:
    async def lesson() -> list[Snapshot]:
        seen: list[Snapshot] = []
        connected = asyncio.Event()
        with Conversation() as talk:

            def listener(now: Snapshot) -> None:
                assert threading.current_thread() is threading.main_thread()
                seen.append(now)
                if now.acceptor == "Sta2":
                    connected.set()

            talk.listen(listener)
            talk.do("connect")
            await asyncio.wait_for(connected.wait(), 10)
        return seen

    assert asyncio.run(lesson())


def listening_at(talk: Conversation) -> tuple[str, int]:
    recorded = talk.snapshot.recorded
    assert recorded is not None
    return recorded.recording.address


def test_a_conversation_that_nobody_holds_ends(talk: Conversation) -> None:
    forgotten = Conversation()
    forgotten.do("connect")
    forgotten.wait_for(stands("Sta4", "Sta2"))
    address = listening_at(forgotten)
    del forgotten
    gc.collect()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(address, 5)


def test_a_conversation_that_was_stopped_says_so(talk: Conversation) -> None:
    led(talk, "connect")
    talk.stop()
    assert talk.snapshot == Snapshot()
    with pytest.raises(DicomlabError, match="has been stopped"):
        talk.do("associate")
