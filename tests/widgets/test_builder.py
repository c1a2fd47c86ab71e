"""The builder, as Python sees it: what is asked is done or refused, and sent to real peers."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

import dicomlab as dl
from dicomlab.model import Association, BuildError
from dicomlab.net.faults import FaultSCP
from dicomlab.widgets import base
from dicomlab.widgets.builder import Builder


class Browser:
    """What the module in the browser asks of a builder, and what it is told."""

    def __init__(self, builder: Builder) -> None:
        self.builder = builder
        self.told: list[dict[str, Any]] = []
        builder.send = lambda content, buffers=None: self.told.append(content)

    def ask(self, do: str, **more: Any) -> str:
        """Ask for it; gives why not."""
        self.builder._handle_custom_msg({"do": do, "control": "it", **more}, [])
        assert (self.told[-1]["control"], self.told[-1]["do"]) == ("it", do)
        return str(self.told[-1]["why"])

    def write(self, path: str, text: str, do: str = "set", **more: bool) -> str:
        """Type something into a control."""
        return self.ask(do, path=path, text=text, **{"hex": False, "typing": False, **more})


def control(builder: Builder, path: str) -> dict[str, Any]:
    controls: list[dict[str, Any]] = builder.form["controls"]
    return next(one for one in controls if one["path"] == path and one["sort"] != "part")


def fresh(builder: Builder) -> bytes:
    """The bytes that are marked as changed."""
    return b"".join(bytes(builder)[start:stop] for start, stop in builder.fresh)


@pytest.fixture
def builder() -> Builder:
    return dl.Builder("A-ASSOCIATE-RQ", called_ae_title="ARCHIVE")


@pytest.fixture
def browser(builder: Builder) -> Browser:
    return Browser(builder)


def test_it_begins_as_build_does(builder: Builder) -> None:
    assert bytes(builder) == bytes(dl.build("A-ASSOCIATE-RQ", called_ae_title="ARCHIVE"))
    assert bytes(dl.Builder.echo(message_id=7)) == bytes(dl.build("C-ECHO-RQ", message_id=7))
    assert builder.form["data"] == bytes(builder)
    assert (builder.fresh, builder.said, builder.steps) == ([], "", [0, 0])


def test_each_change_shows_at_once(builder: Builder, browser: Browser) -> None:
    assert browser.write("Called-AE-title", "PACS") == ""
    assert builder.draft["Called-AE-title"] == "PACS"
    assert builder.form["data"] == bytes(builder)
    assert builder.said == "Called-AE-title set. 6 bytes changed; 221 bytes in all."
    assert fresh(builder) == b"PAS   "
    assert "draft['Called-AE-title'] = 'PACS'" in builder.code
    assert builder.steps == [1, 0]


def test_what_python_changes_shows_as_well(builder: Builder) -> None:
    builder.draft["Called-AE-title"] = "PACS"
    builder.draft.override("PDU-length", 9)
    assert control(builder, "Called-AE-title")["text"] == "PACS"
    assert control(builder, "PDU-length")["overridden"]
    assert builder.said.startswith("PDU-length overridden. 1 byte changed")


def test_what_is_refused_says_why_and_changes_nothing(builder: Builder, browser: Browser) -> None:
    before, form = bytes(builder), builder.form
    why = browser.write("Called-AE-title", "BACK\\SLASH")
    assert "An AE title holds printable ASCII without the backslash" in why
    assert browser.told[-1]["remedy"] == "To send it all the same, use override()."
    assert "takes a number" in browser.write("Maximum-length-received", "many")
    assert "not bytes in hex" in browser.write("Called-AE-title", "xx", "override", hex=True)
    assert (bytes(builder), builder.form, builder.steps) == (before, form, [0, 0])


def test_it_can_be_sent_all_the_same(builder: Builder, browser: Browser) -> None:
    browser.write("Called-AE-title", "SEVENTEEN-LETTERS", "override")
    assert bytes(builder)[10:27] == b"SEVENTEEN-LETTERS"
    browser.ask("follow", path="Called-AE-title")
    assert control(builder, "Called-AE-title")["text"] == "ARCHIVE"
    browser.write("Called-AE-title", "41 00", "override", hex=True)
    assert bytes(builder)[10:12] == b"A\0"


def test_items_are_added_moved_removed_and_replaced(builder: Builder, browser: Browser) -> None:
    assert browser.ask("add", path="Presentation Context") == ""
    assert browser.write("Presentation Context[1]/Abstract Syntax", "1.2.3") == ""
    browser.ask("move", path="Presentation Context[1]", to=1)
    assert builder.draft["Presentation Context[0]/Abstract Syntax"] == "1.2.3"
    browser.ask("remove", path="Presentation Context[0]")
    browser.write("User Information", "50 00", "replace", hex=True)
    assert bytes(builder).endswith(b"P\0")
    assert "moved to 0..2" in browser.ask("move", path="Presentation Context", to=9)


def test_what_was_done_is_undone_and_done_again(builder: Builder, browser: Browser) -> None:
    before = bytes(builder)
    for text in ("P", "PA", "PAC", "PACS"):
        browser.write("Called-AE-title", text, typing=text != "P")
    after = bytes(builder)
    browser.ask("undo")
    assert (bytes(builder), builder.steps) == (before, [0, 1])
    assert builder.said.startswith("Undone: Called-AE-title set.")
    browser.ask("redo")
    assert (bytes(builder), builder.steps) == (after, [1, 0])


def test_every_mistake_can_be_made_and_teaches(builder: Builder, browser: Browser) -> None:
    assert len(builder.mistakes) > 20
    for number, one in enumerate(builder.mistakes):
        assert browser.ask("break", number=number) == ""
        if not one["must_be_sent"]:
            assert one["code"] in [note["code"] for note in builder.form["findings"]["notes"]]
        browser.ask("undo")


def test_a_mistake_that_is_not_there_to_be_made_is_refused(browser: Browser) -> None:
    titles = [one["title"] for one in browser.builder.mistakes]
    number = titles.index("no user information")
    assert browser.ask("break", number=number) == ""
    assert "no field 'User Information'" in browser.ask("break", number=number)


def test_secrets_do_not_reach_the_browser(builder: Builder, browser: Browser) -> None:
    browser.ask("add", path="User Information/User Identity Negotiation")
    browser.write("User-Identity-Type", "2")
    browser.write("Secondary-field", "pa55w0rd")
    assert b"pa55w0rd" in bytes(builder)
    assert "pa55w0rd" in builder.draft.python()
    assert "pa55w0rd" not in repr(builder.get_state())
    assert fresh(builder).endswith(b"pa55w0rd")
    bundle, _ = builder._repr_mimebundle_()
    assert "pa55w0rd" not in repr(bundle)


def test_hostile_texts_are_spelled_out(builder: Builder, browser: Browser) -> None:
    builder.draft.override("Called-AE-title", "\x1b[31m\u202e<img src=x>")
    assert "\x1b" not in repr(control(builder, "Called-AE-title"))
    why = browser.write("Calling-AE-title", "\u202e<b>")
    assert "\u202e" not in why
    assert "\\u202e" in why


def test_the_twin_follows_the_draft(builder: Builder, monkeypatch: pytest.MonkeyPatch) -> None:
    outputs: list[dict[str, Any]] = []
    for name in ("display", "update_display"):
        monkeypatch.setattr(base, name, lambda data, **_: outputs.append(data))
    builder._ipython_display_()
    assert "ARCHIVE" in outputs[-1]["text/html"]
    builder.draft["Called-AE-title"] = "PACS"
    assert "PACS" in outputs[-1]["text/html"]
    assert "PACS" in outputs[-1]["text/plain"]


def test_a_name_that_is_no_pdu_is_refused() -> None:
    with pytest.raises(BuildError, match="Did you mean 'C-ECHO-RQ'"):
        dl.Builder("C-ECO-RQ")


# --- sending --------------------------------------------------------------------------------------


def sent(builder: Builder) -> dict[str, Any]:
    """Send what was built, and wait for what comes of it."""
    arrived = threading.Event()
    builder.observe(lambda change: change["new"] or arrived.set(), "sending")
    assert Browser(builder).ask("send") == ""
    assert arrived.wait(20)
    if builder._sender is not None:
        builder._sender.join(20)
    answer: dict[str, Any] = builder.answer
    return answer


def heard(answer: dict[str, Any]) -> list[str]:
    return [one["title"] for one in answer["heard"]]


@pytest.mark.usefixtures("nothing_left")
def test_it_is_sent_to_an_scp_to_an_address_and_to_a_recording() -> None:
    with dl.EchoSCP(ae_title="ARCHIVE") as scp, dl.record(scp, method="relay") as recording:
        host, port = scp.address
        for to in (scp, (host, port), f"{host}:{port}", recording):
            builder = dl.Builder("A-ASSOCIATE-RQ", to=to)
            assert heard(sent(builder)) == ["A-ASSOCIATE-AC", "A-RELEASE-RP"]
    association = recording.capture.associations[0]
    assert bytes(association.pdus[0]) == bytes(builder)


@pytest.mark.usefixtures("nothing_left")
def test_an_echo_is_answered_in_place() -> None:
    with dl.EchoSCP("ARCHIVE", require_called_ae_title=True) as scp:
        builder = dl.Builder.echo(to=scp, message_id=7)
        answer = sent(builder)
    assert heard(answer) == ["A-ASSOCIATE-AC", "P-DATA-TF · C-ECHO-RSP", "A-RELEASE-RP"]
    assert answer["reasons"]["tone"] == "good"
    assert builder.sent is not None
    assert isinstance(builder.sent.whole, Association)
    assert builder.sent.whole.echoed


@pytest.mark.usefixtures("nothing_left")
def test_a_peer_that_hangs_up_is_told_in_place() -> None:
    with FaultSCP("close") as scp:
        answer = sent(dl.Builder(to=scp))
    assert "then closed the connection" in answer["problem"]
    assert "Look into the log" in answer["remedy"]


def test_where_there_is_nobody_to_send_it_to_it_says_why() -> None:
    builder = dl.Builder()
    assert builder.target == {
        "where": "",
        "why": "There is nobody to send it to: Builder(..., to=scp) says whom.",
    }
    assert "nobody" in Browser(builder).ask("send")
    scp = dl.EchoSCP()
    builder.to = scp
    assert "does not listen" in builder.target["why"]
    with scp:
        builder.to = scp.address
        assert builder.target == {"where": "{}:{}".format(*scp.address), "why": ""}
    builder.to = "nonsense"
    assert "no host:port" in builder.target["why"]


@pytest.mark.usefixtures("nothing_left")
def test_the_kernel_goes_on_while_a_peer_takes_its_time() -> None:
    async def cell(builder: Builder) -> tuple[dict[str, Any], threading.Thread]:
        arrived = asyncio.Event()
        told_in: list[threading.Thread] = []

        def done(change: dict[str, Any]) -> None:
            if not change["new"]:
                told_in.append(threading.current_thread())
                arrived.set()

        builder.observe(done, "sending")
        Browser(builder).ask("send")
        assert builder.sending  # and we are here already
        assert builder.draft["Called-AE-title"] == "ANY-SCP"
        await asyncio.wait_for(arrived.wait(), 20)
        return builder.answer, told_in[0]

    with FaultSCP("delay=0.3") as scp:
        builder = dl.Builder(to=scp)
        answer, told_in = asyncio.run(cell(builder))
        assert heard(answer)[0] == "A-ASSOCIATE-AC"
        assert told_in is threading.current_thread()
        assert builder._sender is not None
        builder._sender.join(20)


def test_what_has_no_address_is_said_beside_the_button() -> None:
    assert "7 has no address. Give an SCP" in dl.Builder(to=7).target["why"]
