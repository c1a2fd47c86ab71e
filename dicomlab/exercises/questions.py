"""The questions of the exam as data: what is asked, what is right, why, and how one finds it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from string import Formatter
from typing import Any

from dicomlab.captures import dissect
from dicomlab.exercises.papers import Papers, plain_mistakes
from dicomlab.exercises.sites import BrokenSite, sealed
from dicomlab.protocol.build import build
from dicomlab.protocol.codec import decode
from dicomlab.protocol.replay import replay
from dicomlab.spec.causes import CAUSES
from dicomlab.spec.names import CONTEXT_RESULTS
from dicomlab.spec.state import STATES


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One question. Its answers are made of the papers, when they are needed.

    The values that ``right`` gives are right each; the first says which kind of answer is asked
    for, as with exercises. ``task`` and ``clause`` have places for ``{paper}``.
    """

    id: str  # the letter of its part, and a running number
    title: str
    points: int
    task: str
    right: Callable[[Papers], Sequence[Any]]
    why: Callable[[Papers], str]
    clause: str
    notebook: str  # the number of the one that teaches it
    solution: str  # source that finds the answer with what a student has

    def asks(self, papers: Papers) -> str:
        """What is asked of this seed."""
        return self.task.format(paper=papers)

    def cites(self, papers: Papers) -> str:
        """The clause to read."""
        return self.clause.format(paper=papers)


PARTS = {
    "A": "Bytes",
    "B": "A conversation",
    "C": "A stranger's capture",
    "D": "Two sealed sites",
}


def all_mistakes() -> dict[str, str]:
    """The findings that a mistake of the exam may lead to, with what was done for them."""
    return {one.code: one.title for _, one in plain_mistakes()}


# --- bytes ----------------------------------------------------------------------------------------


def _ends(papers: Papers) -> Sequence[Any]:
    request = decode(papers.request)[0]
    return [
        {
            "calling": request["Calling-AE-title"].value,
            "called": request["Called-AE-title"].value,
            "maximum length": request["Maximum-length-received"].value,
        }
    ]


def _place(papers: Papers) -> str:
    field = papers.field
    return (
        f"Items follow each other: type, reserved byte, two bytes of length, and so many bytes. "
        f"Whoever adds them up comes to byte {field.start}, where the type {field.code:02X}H of "
        f"{field.name} stands."
    )


def _response(papers: Papers) -> Sequence[Any]:
    request = decode(papers.message)[0]
    return [
        build(
            "C-ECHO-RSP",
            message_id_being_responded_to=request["Message ID"].value,
            presentation_context_id=request["Presentation-context-ID"].value,
            status=papers.status,
        )
    ]


def _why_so(papers: Papers) -> str:
    request = decode(papers.message)[0]
    number, context = request["Message ID"].value, request["Presentation-context-ID"].value
    return (
        f"The response stays in the context {context} and names the message {number} that it "
        f"answers. A command set is little endian: the status {papers.status:04X}H is written "
        f"{papers.status.to_bytes(2, 'little').hex(' ').upper()}."
    )


def _mistake(papers: Papers) -> Sequence[Any]:
    assert papers.wrong.span is not None  # it is at a field
    return [{"byte": papers.wrong.span.start, "finding": papers.wrong.code}]


# --- a conversation -------------------------------------------------------------------------------


def _accepted(papers: Papers) -> Sequence[Any]:
    contexts = papers.conversation.presentation_contexts
    return [frozenset(one.id for one in contexts if one.result == 0)]


def _results(papers: Papers) -> str:
    contexts = papers.conversation.presentation_contexts
    said = [f"{one.id}: {one.result}, {CONTEXT_RESULTS.get(one.result or 0)}" for one in contexts]
    return f"Each context has a result of its own, and 0 accepts it. {'; '.join(said)}."


def _states(papers: Papers) -> Sequence[Any]:
    moments = replay(papers.conversation).moments
    moves = next(one.moves for one in moments if one.index == papers.moment)
    return [(moves.requestor.after, moves.acceptor.after)]


def _why_there(papers: Papers) -> str:
    [(requestor, acceptor)] = _states(papers)
    pdu = papers.conversation.pdus[papers.moment]
    return (
        f"The {pdu.sender} sent an {pdu.name}. The requestor is then in {requestor} "
        f"({STATES[requestor]}), the acceptor in {acceptor} ({STATES[acceptor]})."
    )


def _end(papers: Papers) -> Sequence[Any]:
    outcome = papers.conversation.outcome
    return [(outcome.ended, outcome.by)]


_ENDS = {
    "released": "The {} sent an A-RELEASE-RQ, and an A-RELEASE-RP came.",
    "aborted": "The {} sent an A-ABORT, which nobody answers.",
    "closed-without-release": "The {} closed the TCP connection, and no PDU says why.",
}


# --- causes ---------------------------------------------------------------------------------------


def changes(cause: str) -> list[str]:
    """Who may change something for a cause: requestor, acceptor, network; the first one rather."""
    row = CAUSES[cause]
    sides = (_side(row.who), _side(row.change.partition("; or ")[2]))
    return [*dict.fromkeys(one for one in sides if one)]


def _side(text: str) -> str:
    """Whom the text of a cause names."""
    named = {name for _, name, _, _ in Formatter().parse(text)}
    here, there = named & {"requestor", "here"}, named & {"acceptor", "there"}
    if here and there:
        return "network"
    return "requestor" if here else "acceptor" if there else ""


def _causes(site: BrokenSite) -> Sequence[Any]:
    return [(cause, who) for cause in sealed(site).causes for who in changes(cause)]


def _truth(site: BrokenSite) -> str:
    causes, truth, *_ = sealed(site)
    others = [site.causes[one] for one in causes[1:]]
    return f"{truth} It looks the same if {', or if '.join(others)}." if others else truth


def _slowest(papers: Papers) -> str:
    number = papers.hospital.slowest
    found = dissect(papers.stranger).associations
    asked, answered = next(one.messages for one in found if one.connection == number)
    assert asked.time is not None
    assert answered.time is not None
    waited = (answered.time - asked.time) / 1e6
    return f"From its C-ECHO-RQ to its C-ECHO-RSP, connection {number} took {waited:.0f} ms."


_IN_WORDS = (
    "Give the cause, of `exam.causes`, and who has to change something for it, "
    '`"requestor"`, `"acceptor"` or `"network"`: `["…", "…"]`'
)
_WHY_IT_FAILS = """\
caller = exam.callers[{at}]
whole = [*capture.associations, *capture.connections]
failed = next(one for one in whole if one.requestor.address == caller)
cause = failed.verdict.causes[0]
answer = [cause.code, "requestor" if caller in cause.who else "acceptor"]"""
_WHAT_IS_SEALED = """\
with exam.sites[{at}] as site:
    entered = site.entered
    result = dl.echo(
        "127.0.0.1",
        entered.port,
        called_ae_title=entered.called_ae_title,
        calling_ae_title=entered.calling_ae_title,
        timeout=entered.timeout,
    )
cause = result.verdict.causes[0]
answer = [cause.code, "requestor" if entered.calling_ae_title in cause.who else "acceptor"]"""


def _caller(number: int) -> Question:
    """Why a machine of the stranger's capture fails."""
    at = number - 1
    return Question(
        id=f"C{number + 2}",
        title=f"{'Another' if at else 'A'} machine that fails",
        points=4,
        task=f"`exam.callers[{at}]` is {{paper.hospital.callers[{at}]}}. What is reported: "
        f"“{{paper.failing[{at}].ticket}}” Why does its C-ECHO fail? {_IN_WORDS}",
        right=lambda papers: _causes(papers.failing[at]),
        why=lambda papers: _truth(papers.failing[at]),
        clause=f"{{paper.clauses[{at}]}}",
        notebook="08",
        solution=_WHY_IT_FAILS.format(at=at),
    )


def _site(number: int) -> Question:
    """What is wrong with a sealed site."""
    at = number - 1
    return Question(
        id=f"D{number}",
        title=f"Site {number}",
        points=4,
        task=f"What is wrong with `exam.sites[{at}]`? {_IN_WORDS}",
        right=lambda papers: _causes(papers.sites[at]),
        why=lambda papers: _truth(papers.sites[at]),
        clause=f"{{paper.clauses[{at + 2}]}}",
        notebook="07",
        solution=_WHAT_IS_SEALED.format(at=at),
    )


# --- the table ------------------------------------------------------------------------------------

QUESTIONS: dict[str, Question] = {
    one.id: one
    for one in (
        Question(
            id="A1",
            title="Who calls whom",
            points=3,
            task="`exam.request` is an A-ASSOCIATE-RQ. Who calls whom, and which Maximum Length "
            'does the requestor state? `{{"calling": "…", "called": "…", "maximum length": …}}`',
            right=_ends,
            why=lambda _: (
                "An AE title has 16 bytes, filled up with spaces: the called one from "
                "byte 10 on, the calling one from byte 26 on. The maximum length is what the "
                "sub-item 51H holds, four bytes in big endian: a P-DATA-TF may have so many behind "
                "its header of six."
            ),
            clause="PS3.8 Table 9-11",
            notebook="04",
            solution="""\
request = dl.decode(exam.request)[0]
answer = {
    "calling": request["Calling-AE-title"].value,
    "called": request["Called-AE-title"].value,
    "maximum length": request["Maximum-length-received"].value,
}""",
        ),
        Question(
            id="A2",
            title="An offset",
            points=2,
            task="At which byte of `exam.request`, counted from 0, does the item `{paper.place}` "
            "begin? (`exam.place` is the same path.) A number.",
            right=lambda papers: [papers.field.start],
            why=_place,
            clause="{paper.field.clause}",
            notebook="04",
            solution="answer = dl.decode(exam.request)[0][exam.place].start",
        ),
        Question(
            id="A3",
            title="Write a response",
            points=3,
            task="`exam.message` asks for a C-ECHO. Write the P-DATA-TF that answers it with the "
            "status {paper.status:04X}H (`exam.status`), with all elements that PS3.7 Table 9.3-13 "
            "has. Bytes, or a draft.",
            right=_response,
            why=_why_so,
            clause="PS3.7 Table 9.3-13",
            notebook="05",
            solution="""\
message = dl.decode(exam.message)[0]
answer = dl.build(
    "C-ECHO-RSP",
    message_id_being_responded_to=message["Message ID"].value,
    presentation_context_id=message["Presentation-context-ID"].value,
    status=exam.status,
)""",
        ),
        Question(
            id="A4",
            title="Spot the mistake",
            points=4,
            task="`exam.broken` is a PDU in which one field is wrong. At which byte, counted from "
            "0, begins that field, and which finding is it? `exam.mistakes` lists the findings. "
            '`{{"byte": …, "finding": "…"}}`',
            right=_mistake,
            why=lambda papers: f"It is {papers.mistake.title}. {papers.mistake.lesson}",
            clause="{paper.mistake.clause}",
            notebook="04",
            solution="""\
[finding] = dl.decode(exam.broken)[0].findings
answer = {"byte": finding.span.start, "finding": finding.code}""",
        ),
        Question(
            id="B1",
            title="What was accepted",
            points=3,
            task="In `exam.conversation`, `exam.request` was sent. Which presentation contexts did "
            "the acceptor accept? Their IDs, as a set: `{{…, …}}`",
            right=_accepted,
            why=_results,
            clause="PS3.8 Table 9-18",
            notebook="03",
            solution="""\
contexts = exam.conversation.presentation_contexts
answer = {one.id for one in contexts if one.result == 0}""",
        ),
        Question(
            id="B2",
            title="In which states",
            points=2,
            task="PDU number {paper.moment} of `exam.conversation`, counted from 0 "
            "(`exam.moment`), was sent and has arrived. In which states are both ends now? The "
            'requestor first: `["Sta…", "Sta…"]`',
            right=_states,
            why=_why_there,
            clause="PS3.8 Table 9-10",
            notebook="04",
            solution="""\
moments = dl.replay(exam.conversation).moments
moves = next(one.moves for one in moments if one.index == exam.moment)
answer = [moves.requestor.after, moves.acceptor.after]""",
        ),
        Question(
            id="B3",
            title="Who ended it",
            points=3,
            task="How did `exam.conversation` end, and which end did it? "
            '`["released", "requestor"]`, `["aborted", …]` or `["closed-without-release", …]`',
            right=_end,
            why=lambda papers: _ENDS[_end(papers)[0][0]].format(_end(papers)[0][1]),
            clause="PS3.8 7.2 and 7.3",
            notebook="04",
            solution="""\
outcome = exam.conversation.outcome
answer = [outcome.ended, outcome.by]""",
        ),
        Question(
            id="C1",
            title="What failed",
            points=2,
            task="`exam.stranger` is the file of a capture. In each connection somebody wanted a "
            "C-ECHO. In which did it not succeed? Their numbers, as a set: `{{…, …}}`",
            right=lambda papers: [papers.hospital.failed],
            why=lambda _: (
                "A C-ECHO succeeded where a C-ECHO-RSP came, and its status is 0000H. "
                "How the association ended says nothing about that."
            ),
            clause="PS3.7 9.1.5",
            notebook="08",
            solution="""\
whole = [*capture.associations, *capture.connections]
good = {
    one.connection
    for one in capture.associations
    if any(message.status == 0 for message in one.messages)
}
answer = {one.connection for one in whole} - good""",
        ),
        Question(
            id="C2",
            title="What was slow",
            points=2,
            task="And of those that succeeded, which C-ECHO was answered after the longest time? "
            "The number of its connection.",
            right=lambda papers: [papers.hospital.slowest],
            why=_slowest,
            clause="PS3.7 9.3.5",
            notebook="08",
            solution="""\
waited = {
    one.connection: one.messages[1].time - one.messages[0].time
    for one in capture.associations
    if any(message.status == 0 for message in one.messages)
}
answer = max(waited, key=waited.get)""",
        ),
        _caller(1),
        _caller(2),
        _site(1),
        _site(2),
    )
}
