"""What was agreed on: contexts by name with their results, and what else was negotiated."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dicomlab.dissect.associations import dissect
from dicomlab.model import Association, PresentationContext
from dicomlab.views import text
from dicomlab.views.agreement import CONTEXTS, agreement
from tests.views import made


def shown(association: Association, width: int = 100, **options: Any) -> list[str]:
    view = agreement(association, **options)
    return list(text.lines(view, color=False, width=width, height=50))


def contexts(number: int, refused: int | None = None) -> Association:
    many = tuple(
        PresentationContext(
            2 * n + 1,
            "1.2.840.10008.1.1",
            ("1.2.840.10008.1.2",),
            3 if n == refused else 0,
            None if n == refused else "1.2.840.10008.1.2",
        )
        for n in range(number)
    )
    return replace(made.success(), presentation_contexts=many)


def test_contexts_are_told_by_name_with_the_result_in_words() -> None:
    first, ct, mr = agreement(made.refused()).contexts
    assert (first.abstract_syntax, first.result) == ("Verification", "acceptance")
    assert first.accepted == "Implicit VR Little Endian"
    assert (ct.abstract_syntax, ct.accepted, ct.tone) == ("CT Image Storage", "", "error")
    assert ct.result == "abstract-syntax-not-supported (provider rejection)"
    assert mr.result == "transfer-syntaxes-not-supported (provider rejection)"


def test_what_was_not_answered_is_said_so() -> None:
    assert [one.result for one in agreement(made.silent()).contexts] == ["no answer"]


def test_a_uid_that_nobody_registered_stays_a_uid() -> None:
    private = PresentationContext(1, "1.3.46.670589.2", ("1.2.\x1b[2J",), 9)
    [one] = agreement(replace(made.success(), presentation_contexts=(private,))).contexts
    assert (one.abstract_syntax, one.result) == ("1.3.46.670589.2", "result 9")
    assert one.proposed == (r"1.2.\x1b[2J",)


def test_many_contexts_are_folded_but_for_those_that_matter() -> None:
    view = agreement(contexts(100, refused=80))
    assert [one.id for one in view.contexts] == [1, 3, 5, 7, 9, 11, 161]
    assert view.hidden == 93
    assert len(agreement(contexts(100), everything=True).contexts) == 100
    assert agreement(contexts(CONTEXTS)).hidden == 0


@pytest.mark.parametrize("width", [60, 80, 100, 160])
def test_real_agreements_keep_to_the_width(corpus: Path, width: int) -> None:
    for name in ("contexts_mixed", "extended_negotiation", "async_window", "user_identity", "cget"):
        for association in dissect(corpus / f"{name}.pcapng").associations:
            lines = shown(association, width)
            assert all(len(line) <= width and line.isprintable() for line in lines)


def test_what_was_negotiated_stands_side_by_side(corpus: Path) -> None:
    [association] = dissect(corpus / "async_window.pcapng").associations
    said = {what: (asked, answered) for what, asked, answered in agreement(association).negotiation}
    for side, words in zip(("requestor", "acceptor"), said["operations at once"], strict=True):
        window = association.negotiation[side].get("async_ops_window")
        assert (window is None) == (words == "")
    assert all(said["longest PDU received"])


def test_nothing_of_a_peer_acts_on_the_terminal() -> None:
    hostile = {
        "implementation_version_name": "\x1b]0;x\x07",
        "implementation_class_uid": "1.2\u202e",
        "roles": [{"sop_class": "\x1b[31m", "scu": 1, "scp": 0}] * 9,
        "async_ops_window": [0, None],
        "user_identity": {"type": 77, "response_requested": True},
        "max_pdu_length": 0,
    }
    association = replace(made.success(), negotiation={"requestor": hostile, "acceptor": {}})
    assert all(line.isprintable() for line in shown(association))
    said = {what: words for what, words, _ in agreement(association).negotiation}
    assert said["roles of the requestor"].endswith("; and 5 more")
    assert said["longest PDU received"] == "no limit"
    assert said["user identity"] == "type 77, answer requested"


def test_what_was_lost_on_the_way_is_told() -> None:
    worn = replace(made.success(), missing_bytes={"requestor": 1234, "acceptor": 0})
    assert "1,234 missing bytes of the requestor" in " ".join(shown(worn))
