"""Compares a dissection (the JSON of the contract) with what a capture is known to hold."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from dicomlab.spec.names import CONTEXT_RESULTS

Json = dict[str, Any]

SIDES = {"client": "requestor", "server": "acceptor"}
KINDS = {"no association": "not-dicom", "no answer": "no-answer", "no data": "no-data"}
_RESULTS = {meaning.split(" ")[0]: code for code, meaning in CONTEXT_RESULTS.items()}
_IN_MESSAGES = ("suboperations", "move_destination", "event_type", "action_type")


def differences(found: Json, truth: Json) -> list[str]:
    """Each thing in which a dissection differs from the truth about its capture."""
    told = list(_differences(found, truth))
    return [what for what in told if what]


def _differences(found: Json, truth: Json) -> Iterator[str]:
    yield _differ("packets", found["capture"]["packets"], truth["packets"])
    yield _differ("associations", len(found["associations"]), len(truth["associations"]))
    pairs = zip(found["associations"], truth["associations"], strict=False)
    for number, (one, known) in enumerate(pairs):
        of = _whole(one, known) if truth.get("complete", True) else _part(one, known)
        yield from (f"association {number}: {what}" for what in of if what)
    yield _differ(
        "connections",
        [_other(one) for one in found["connections"]],
        [_known_other(one) for one in truth.get("other_connections", [])],
    )


def _differ(what: str, found: Any, known: Any) -> str:
    return "" if found == known else f"{what}: {found!r} instead of {known!r}"


def _ends(known: Json) -> Json:
    return {"requestor": known["client"], "acceptor": known["server"]}


def _other(one: Json) -> Json:
    keys = ("connection", "requestor", "acceptor", "kind", "bytes")
    return {key: one[key] for key in keys}


def _known_other(one: Json) -> Json:
    return {
        "connection": one["tcp_stream"],
        **_ends(one),
        "kind": KINDS.get(one["kind"], one["kind"]),
        "bytes": {SIDES[side]: count for side, count in one["bytes"].items()},
    }


# --- a capture that holds all of it -----------------------------------------------------------


def _whole(one: Json, known: Json) -> Iterator[str]:
    yield _differ("connection", one["connection"], known["tcp_stream"])
    for key, value in _head(known).items():
        yield _differ(key, one[key], value)
    yield _differ("presentation contexts", one["presentation_contexts"], _contexts(known))
    yield _differ("outcome", one["outcome"], _outcome(known))
    whole = [_pdu(pdu) for pdu in one["pdus"] if pdu["complete"]]
    yield from _each("PDU", whole, [_known_pdu(pdu) for pdu in known["pdu_list"]])
    rest = {
        side: sum(pdu["end"] > pdu["start"] for pdu in one["pdus"] if _unfinished(pdu, side))
        for side in SIDES.values()
    }
    begun = known.get("bytes_after_last_whole_pdu", {})
    yield _differ("unfinished PDUs", rest, {s: int(bool(begun.get(c))) for c, s in SIDES.items()})
    messages = [_known_message(message) for message in known["messages"]]
    yield from _each("message", _alike(one["messages"], messages), messages)
    for key in ("retransmitted_segments", "out_of_order_segments"):
        irregular = known.get("tcp_irregular", {})
        counts = {side: irregular.get(old, {}).get(key, 0) for old, side in SIDES.items()}
        yield _differ(key, one[key], counts)
    yield _differ("missing bytes", one["missing_bytes"], {"requestor": 0, "acceptor": 0})


def _unfinished(pdu: Json, side: str) -> bool:
    return not pdu["complete"] and pdu["from"] == side


def _head(known: Json) -> Json:
    negotiation = known["negotiation"]
    return {
        **_ends(known),
        "calling_ae_title": known["calling_aet"],
        "called_ae_title": known["called_aet"],
        "application_context": known["application_context"],
        "negotiation": {SIDES[side]: said for side, said in negotiation.items()},
    }


def _contexts(known: Json) -> list[Json]:
    return [
        {
            "id": one["id"],
            "abstract_syntax": one["abstract_syntax"],
            "proposed": one["proposed"],
            "result": _RESULTS[one["result"]] if one.get("result") else None,
            "accepted": one.get("accepted"),
        }
        for one in known["presentation_contexts"]
    ]


def _outcome(known: Json) -> Json:
    outcome = known["outcome"]
    by = outcome.get("requested_by") or outcome.get("by")
    if outcome["ended"] == "rejected":
        by = "server"
    if outcome.get("tcp"):
        by = outcome["tcp"][0].rpartition(" ")[2]  # "fin from client"
    codes = {key: outcome.get(key) for key in ("result", "source", "reason")}
    return {"ended": outcome["ended"], "by": SIDES[by], **codes}


def _pdu(pdu: Json) -> tuple[Any, ...]:
    return pdu["from"], pdu["type"], pdu["start"], pdu["end"]


def _known_pdu(pdu: list[Any]) -> tuple[Any, ...]:
    return SIDES[pdu[0]], *pdu[1:4]


def _alike(messages: list[Json], known: list[Json]) -> list[Json]:
    """The messages, each with the keys that are known of it."""
    pairs = zip(messages, known, strict=False)
    alike = [{key: one.get(key) for key in {**other, **_more(one)}} for one, other in pairs]
    return alike + messages[len(known) :]


def _more(message: Json) -> Json:
    return {key: message[key] for key in _IN_MESSAGES if key in message}


def _known_message(known: Json) -> Json:
    status = known.get("status")
    size: Json = {}
    if "offsets" in known:  # not where its data set never ended
        start, end = known["offsets"]
        size = {"dataset_bytes": known["dataset_bytes"], "start": start, "end": end}
    return {
        "from": SIDES[known["from"]],
        "type": known["command"],
        "context_id": known["context_id"],
        "message_id": known.get("message_id"),
        "responding_to": known.get("responding_to"),
        "status": int(status, 16) if status else None,
        "sop_class": known.get("sop_class"),
        "sop_instance": known.get("sop_instance"),
        "complete": known.get("complete", True),
        **size,
        **_more(known),
    }


def _each(what: str, found: list[Any], known: list[Any]) -> Iterator[str]:
    yield _differ(f"number of {what}s", len(found), len(known))
    for number, (one, other) in enumerate(zip(found, known, strict=False)):
        yield _differ(f"{what} {number}", one, other)


# --- a capture that lacks part of it ----------------------------------------------------------


def _part(one: Json, known: Json) -> Iterator[str]:
    """All that is still there is found, nothing that is not there, and that something lacks."""
    for key, value in {**_head(known), "outcome": _outcome(known)}.items():
        if key == "outcome":
            ended = one[key]["ended"]
            yield _differ(key, ended, _either(ended, value["ended"], "capture-ends"))
        elif key == "negotiation":
            yield _differ(key, one[key], {s: _either(one[key][s], value[s], {}) for s in value})
        else:
            yield _differ(key, one[key], _either(one[key], value, None))
    there = [pdu for pdu in known["pdu_list"] if pdu[4] != "none"]
    missed = {SIDES[s]: min((p[2] for p in there if p[0] == s), default=0) for s in SIDES}
    whole = [_moved(_known_pdu(pdu), missed) for pdu in there if pdu[4] == "whole"]
    part = [_moved(_known_pdu(pdu), missed) for pdu in there if pdu[4] != "whole"]
    yield from _each("whole PDU", [_pdu(pdu) for pdu in one["pdus"] if pdu["complete"]], whole)
    for pdu in one["pdus"]:  # a PDU of which the header is missing cannot be told
        if not pdu["complete"] and _pdu(pdu) not in part:
            yield f"a part of a PDU that is not there: {_pdu(pdu)}"
    messages = [_known_message(m) for m in known["messages"] if m["in_capture"] == "whole"]
    for message in messages:
        for key in ("start", "end"):
            message[key] -= missed[message["from"]]
    complete = [message for message in one["messages"] if message["complete"]]
    yield from _each("whole message", _alike(complete, messages), messages)
    if not any(finding["code"].startswith("capture-") for finding in one["findings"]):
        yield "no finding says that something is missing"


def _either(found: Any, *allowed: Any) -> Any:
    return found if found in allowed else allowed[0]


def _moved(pdu: tuple[Any, ...], missed: Json) -> tuple[Any, ...]:
    """Offsets count from the first byte that was seen."""
    side, kind, start, end = pdu
    return side, kind, start - missed[side], end - missed[side]
