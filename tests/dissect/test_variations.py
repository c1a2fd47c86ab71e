"""A conversation is the same whatever carries it: other files, links, tunnels, segments.

Each variation is tried with some captures in every run, and with all of them by `make soak`.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import struct
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from functools import cache, partial
from pathlib import Path
from random import Random
from typing import Any

import pytest

from dicomlab.dissect.associations import dissect
from dicomlab.dissect.pcap import Writer
from dicomlab.dissect.synth import TcpConversation
from dicomlab.model import Endpoint, Pdu, Side
from dicomlab.protocol.build import build
from dicomlab.views.contract import to_json
from tests.conftest import CORPUS
from tests.dissect import variations as v
from tests.dissect.truth import Json
from tests.dissect.variations import Packets, Variation

# --- captures ---------------------------------------------------------------------------------

CT = "1.2.840.10008.5.1.4.1.1.2"
TIME = 1_700_000_000 * v.SECOND
Talk = list[tuple[Side, bytes | None]]  # b"": closed, None: reset


def fragment(context: int, header: int, data: bytes) -> bytes:
    """A PDV."""
    return struct.pack("!IBB", len(data) + 2, context, header) + data


def pdata(*pdvs: bytes) -> bytes:
    return b"\4\0" + struct.pack("!I", sum(map(len, pdvs))) + b"".join(pdvs)


def pdu(name: str, **values: Any) -> bytes:
    return bytes(build(name, **values))


UIDS = {"affected_sop_class_uid": CT, "affected_sop_instance_uid": "1.2.3.4"}
RQ = pdu("A-ASSOCIATE-RQ", called_ae_title="ARCHIVE", calling_ae_title="CT")
ECHO = pdu("C-ECHO-RQ", message_id=1, presentation_context_id=1)
ECHOED = pdu("C-ECHO-RSP", message_id_being_responded_to=1, presentation_context_id=1)
STORE = pdu("C-STORE-RQ", message_id=2, presentation_context_id=1, **UIDS)
STORED = pdu("C-STORE-RSP", message_id_being_responded_to=2, presentation_context_id=1, **UIDS)
HELLO: Talk = [("requestor", RQ), ("acceptor", pdu("A-ASSOCIATE-AC"))]
ECHOES: Talk = [("requestor", ECHO), ("acceptor", ECHOED)]
BYE: Talk = [
    ("requestor", pdu("A-RELEASE-RQ")),
    ("acceptor", pdu("A-RELEASE-RP")),
    ("requestor", b""),
    ("acceptor", b""),
]
REJECT = pdu("A-ASSOCIATE-RJ", result=1, source=1, reason_diag=7)
ABORT = pdu("A-ABORT", source=2, reason_diag=2)


def stored(size: int, step: int) -> Talk:
    """A C-STORE with so many bytes of data set, so many in a PDV; the last PDU has two PDVs."""
    image = bytes(range(256)) * (size // 256)
    places = range(0, size - step, step)
    whole: Talk = [("requestor", pdata(fragment(1, 0, image[at : at + step]))) for at in places]
    rest = image[places[-1] + step :]
    half = len(rest) // 2
    last = pdata(fragment(1, 0, rest[:half]), fragment(1, 2, rest[half:]))
    return [("requestor", STORE), *whole, ("requestor", last), ("acceptor", STORED)]


TALKS: list[Talk] = [
    [*HELLO, *ECHOES, *stored(30720, 3000), *BYE],
    [*HELLO, *ECHOES * 3, ("requestor", ECHO + ECHO), ("acceptor", ECHOED + ECHOED), *BYE],
    [("requestor", RQ), ("acceptor", REJECT), *BYE[2:]],
    [*HELLO, *stored(30720, 3000)[:5], ("acceptor", ABORT), ("requestor", None)],
    [*HELLO, *stored(30720, 3000)[:3], *BYE[2:]],
    [("requestor", b"GET / HTTP/1.1\r\n\r\n"), *BYE[2:]],
    BYE[2:],
]


def packets_of(talk: Talk, port: int) -> list[bytes]:
    """A whole TCP connection."""
    ends = Endpoint("10.9.0.1", port), Endpoint("10.9.0.2", 11112)
    conversation = TcpConversation(*ends, first=1000 * port)
    packets = list(conversation.open())
    for sender, said in talk:
        if said is None:
            packets += conversation.reset(sender)
        else:
            packets += conversation.data(sender, said) if said else conversation.close(sender)
    return packets


def captured_from(packets: Iterable[bytes]) -> Packets:
    """Packets, as our own writer puts them into a file."""
    file = io.BytesIO()
    with Writer(file) as writer:
        for number, one in enumerate(packets):
            writer.packet(TIME + number * 1000, one)
    return v.read(file.getvalue())


def made_here() -> Packets:
    """Conversations whose packets alternate, and a port that nobody listens on."""
    queues = [packets_of(talk, 50000 + number) for number, talk in enumerate(TALKS)]
    refused = TcpConversation(Endpoint("10.9.0.1", 51000), Endpoint("10.9.0.2", 104))
    return captured_from(v.taking_turns([*queues, list(refused.refuse())]))


MADE = "made"  # stands for the capture that is made here
NAMES = [MADE]
PATHS: dict[str, Path] = {}
for truth in sorted([*CORPUS.glob("*.json"), *CORPUS.glob("public/*/*.json")]):
    about = json.loads(truth.read_text())
    if about.get("complete", True) and "associations" in about:
        PATHS[truth.stem] = truth.parent / about["file"]
NAMES += PATHS


@cache
def captured(name: str) -> Packets:
    if name == MADE:
        return made_here()
    return v.load(PATHS[name])


# --- dissections and their differences --------------------------------------------------------


def dissected(data: bytes, folder: Path, *, trees: bool = True) -> Json:
    """What a file with these bytes holds; with the bytes of each PDU, looked up again."""
    path = folder / "variation.pcapng"
    path.write_bytes(data)
    capture = dissect(path)
    found: Json = to_json(capture)
    for one, association in zip(found["associations"], capture.associations, strict=True):
        for row, each in zip(one["pdus"], association.pdus if trees else (), strict=False):
            row["bytes"] = digest(each)
    return found


def digest(pdu: Pdu) -> str:
    """What stands for the bytes of a PDU, looked up again in the file."""
    return hashlib.sha256(bytes(pdu)).hexdigest()[:16]


_PLAIN: dict[str, Json] = {}


def as_it_is(name: str, folder: Path) -> Json:
    """What the capture holds."""
    if name not in _PLAIN:
        _PLAIN[name] = dissected(v.plain(captured(name)), folder)
    return _PLAIN[name]


def differences(found: Json, expected: Json, ignored: frozenset[str]) -> list[str]:
    """Each thing in which two dissections differ, but for what may."""
    return list(_differ("", _without(found, ignored), _without(expected, ignored)))


def _differ(where: str, found: Any, expected: Any) -> Iterator[str]:
    if isinstance(found, dict) and isinstance(expected, dict):
        for key in {**found, **expected}:
            yield from _differ(f"{where}.{key}", found.get(key), expected.get(key))
    elif isinstance(found, list) and isinstance(expected, list) and len(found) == len(expected):
        for number, pair in enumerate(zip(found, expected, strict=True)):
            yield from _differ(f"{where}[{number}]", *pair)
    elif found != expected:
        yield f"{where}: {str(found)[:300]} instead of {str(expected)[:300]}"


def _without(dissection: Json, ignored: frozenset[str]) -> Json:
    text = json.dumps(dissection)
    if "ports" in ignored:
        text = re.sub(r"((?:\d+\.){3}\d+|\]):\d+", r"\1:*", text)
    found: Json = json.loads(text)
    capture = found["capture"]
    for key in ("file", "format", "link_types", "comments"):
        del capture[key]
    if "frames" in ignored:
        del capture["packets"], capture["first_time"], capture["last_time"]
    else:
        _timed(capture, ("first_time", "last_time"), ignored)
    for key in ("associations", "connections"):
        for one in found[key]:
            _less(one, ignored)
        if "numbers" in ignored:
            found[key].sort(key=lambda one: (one["requestor"], one["acceptor"]))
    return found


def _less(one: Json, ignored: frozenset[str]) -> None:
    if "numbers" in ignored:
        del one["connection"]
    if "frames" in ignored:
        for finding in one["findings"]:
            del finding["evidence"]["frames"]
    one["findings"].sort(key=json.dumps)
    for ending in one["endings"]:
        _timed(ending, ("time",), ignored)
        if "frames" in ignored:
            del ending["frame"]
        if "numbers" in ignored:  # packets come in another order
            del ending["hops"]
    if "order" in ignored:
        one["endings"].sort(key=json.dumps)
    if "endings" in ignored:
        del one["endings"]
    if "pdus" in one:
        _less_of_an_association(one, ignored)


def _less_of_an_association(association: Json, ignored: frozenset[str]) -> None:
    outcome = association["outcome"]
    if "order" in ignored and outcome["ended"] in ("closed-without-release", "unanswered"):
        del outcome["by"]  # who closed first
    if "counts" in ignored:
        del association["retransmitted_segments"], association["out_of_order_segments"]
    for row in association["pdus"] + association["messages"]:
        _timed(row, ("time",), ignored)
        if "frames" in ignored:
            row.pop("frames", None)
    if "order" in ignored:
        for key in ("pdus", "messages"):
            association[key].sort(key=lambda one: one["from"])


def _timed(row: Json, keys: tuple[str, ...], ignored: frozenset[str]) -> None:
    """Times as nanoseconds: files have them with more or fewer digits."""
    for key in keys:
        time = row.pop(key)
        if "times" not in ignored and time is not None:
            seconds, _, fraction = time.partition(".")
            row[key] = int(seconds + fraction.ljust(9, "0"))


# --- the same in other clothes ----------------------------------------------------------------


def wrong(variation: Variation, name: str, folder: Path) -> list[str]:
    """What is different in a variation of a capture that should not be."""
    packets = captured(name)
    if not variation.suits(packets):
        return []
    expected = as_it_is(name, folder)
    if variation.expected is not list:
        expected = dissected(v.plain(variation.expected(packets)), folder)
    expected = json.loads(variation.told(json.dumps(expected)))
    return differences(dissected(variation.file(packets), folder), expected, variation.ignored)


def some(number: int, largest: int = 1 << 30) -> list[str]:
    """The captures with which a variation is tried in every run: others for every number."""
    names = [name for name, path in PATHS.items() if path.stat().st_size < largest]
    chosen = [names[(number * 3 + n * 7) % len(names)] for n in range(3)] if names else []
    return [MADE, *chosen]


def marked_soak(names: list[str]) -> list[Any]:
    """All captures, of which only these are tried in every run."""
    rest = [name for name in NAMES if name not in names]
    return names + [pytest.param(name, marks=pytest.mark.soak) for name in rest]


SOME = [
    pytest.param(variation, name, id=f"{variation}-{name}")
    for number, variation in enumerate(v.VARIATIONS)
    for name in some(number, 1 << 13 if variation.costly else 1 << 30)
]


@pytest.mark.parametrize(("variation", "name"), SOME)
def test_a_variation_holds_the_same(variation: Variation, name: str, tmp_path: Path) -> None:
    assert wrong(variation, name, tmp_path) == []


@pytest.mark.soak
@pytest.mark.timeout(900)
@pytest.mark.parametrize("variation", v.VARIATIONS, ids=str)
def test_every_capture_holds_the_same(variation: Variation, tmp_path: Path) -> None:
    found = {name: wrong(variation, name, tmp_path) for name in NAMES}
    assert {name: what for name, what in found.items() if what} == {}


# --- among other traffic ----------------------------------------------------------------------


def strangers(dissection: Json) -> dict[str, str]:
    """Takes the conversations of others out; gives their kinds."""
    kinds = {}
    for one in list(dissection["connections"]):
        if one["requestor"].startswith("192.0.2.") or one["acceptor"].startswith("192.0.2."):
            dissection["connections"].remove(one)
            number = int(one["requestor"].partition(":")[0].rpartition(".")[2])
            kinds[list(v.TALKS)[number - 1]] = one["kind"]
    return kinds


KINDS = {name: kind for name, (_, kind, _) in v.TALKS.items()}
SUBSTITUTES = {"": list, " in small segments": v.resegmented(3), " twice": v.doubled}


@pytest.mark.parametrize("how", SUBSTITUTES)
@pytest.mark.parametrize("name", marked_soak(some(1)))
def test_other_traffic_is_no_association(name: str, how: str, tmp_path: Path) -> None:
    found = dissected(v.plain(SUBSTITUTES[how](v.among_others(captured(name)))), tmp_path)
    assert strangers(found) == KINDS
    ignored = v.FRAMES | v.NUMBERING | v.COUNTS
    assert differences(found, as_it_is(name, tmp_path), ignored) == []


@pytest.mark.parametrize("skipped", range(1, 7))
def test_other_traffic_recorded_late_is_no_association(skipped: int, tmp_path: Path) -> None:
    talks = [name for name in v.TALKS if name not in ("http", "post")]  # they do hold PDUs
    packets = [
        v.packet(TIME, v.RAW, ip)
        for number, name in enumerate(talks, 1)
        for ip in list(v.conversation(number, v.TALKS[name][0], v.TALKS[name][2]))[skipped:]
    ]
    found = dissected(v.plain(packets), tmp_path)
    assert found["associations"] == []
    assert {one["kind"] for one in found["connections"]} <= {"tls", "not-dicom", "no-data"}


# --- the same ends again ----------------------------------------------------------------------


@pytest.mark.parametrize("name", marked_soak(some(2)))
def test_the_same_ends_talk_again(name: str, tmp_path: Path) -> None:
    packets = captured(name)
    if not (v.once_each(packets) and v.all_bare(packets) and v.in_order_of_time(packets)):
        return
    found = dissected(v.plain(v.again(packets)), tmp_path)
    whole = as_it_is(name, tmp_path)
    ignored = v.FRAMES | v.NUMBERING | v.TIMES
    for key in ("associations", "connections"):
        half = len(whole[key])
        for those in (found[key][:half], found[key][half:]):
            one = {**found, "associations": [], "connections": [], key: those}
            other = {**whole, "associations": [], "connections": [], key: whole[key]}
            assert differences(one, other, ignored) == []


# --- damage -----------------------------------------------------------------------------------


LONG = ("A-ASSOCIATE-RQ", "A-ASSOCIATE-AC", "P-DATA-TF")
CLOSING = ("A-ASSOCIATE-RJ", "A-RELEASE-RP", "A-ABORT")


class Whole:
    """An association of a whole capture, and what a damaged one still holds of it."""

    def __init__(self, association: Json, held: dict[v.Ends, v.Held]) -> None:
        self.all = association
        ends = [v.end_of(association[side]) for side in ("requestor", "acceptor")]
        self.held = {
            "requestor": held[(*ends[0], *ends[1])],
            "acceptor": held[(*ends[1], *ends[0])],
        }

    def count_as(self, found: Json) -> None:
        """Where a SYN is missing, the answer to it may still tell from where to count."""
        for side, there in self.held.items():
            known = {
                (p["type"], p["start"], p["end"]) for p in self.all["pdus"] if p["from"] == side
            }
            told = {(p["type"], p["start"], p["end"]) for p in found["pdus"] if p["from"] == side}
            first = there.first
            moved = {(kind, start + first, end + first) for kind, start, end in told}
            there.from_syn = len(told & known) > len(moved & known)

    def lacks_its_end(self) -> bool:
        """Whether the file shows that a PDU that ended it is missing, though not which one."""
        closing = [pdu for pdu in self.all["pdus"] if pdu["type"] in CLOSING]
        return any(
            not self.held[pdu["from"]].all_of(pdu["start"], pdu["end"])
            and self.held[pdu["from"]].gone > pdu["start"]
            for pdu in closing
        )

    def pdus(self) -> Iterator[tuple[Any, ...]]:
        """Those that are there and must be found: all of the bytes, and a way to know the start."""
        for side, there in self.held.items():
            due = 0 if there.with_syn else -1
            for pdu in self.all["pdus"]:
                start, end = pdu["start"], pdu["end"]
                if pdu["from"] != side or not pdu["complete"]:
                    continue
                shown = there.packets.get(start, 0) >= (12 if pdu["type"] in LONG else end - start)
                if start == due or shown:
                    if there.all_of(start, end):
                        yield side, pdu["type"], start - there.first, end - there.first
                    due = end if there.all_of(start, start + 6) else -1


def wrong_in_damaged(packets: Packets, damaged: v.Damaged, whole: Json, folder: Path) -> list[str]:
    """Whatever a dissection of a damaged capture says that is not so, or does not say."""
    found = dissected(v.plain([one for one in damaged if one is not None]), folder)
    held = v.held(packets, damaged)
    known = {(one["requestor"], one["acceptor"]): one for one in whole["associations"]}
    told = []
    for one in found["associations"]:
        ends = one["requestor"], one["acceptor"]
        if ends in known:
            of = Whole(known.pop(ends), held)
            of.count_as(one)
            told += [f"{ends}: {what}" for what in _wrong(one, of)]
        else:
            told.append(f"{ends} is no association")
    for ends, one in known.items():
        told += [f"{ends} is not found: {pdu}" for pdu in Whole(one, held).pdus()]
    return told


def _wrong(one: Json, whole: Whole) -> Iterator[str]:
    yield from _wrong_pdus(one, whole)
    yield from _wrong_messages(one, whole)
    for key in ("calling_ae_title", "called_ae_title", "application_context"):
        if one[key] not in (None, whole.all[key]):
            yield f"{key}: {one[key]}"
    for context in one["presentation_contexts"]:
        known = [c for c in whole.all["presentation_contexts"] if c["id"] == context["id"]]
        if not known or not _part_of(context, known[0]):
            yield f"context {context}"
    ended = one["outcome"]["ended"]
    if ended not in (whole.all["outcome"]["ended"], "capture-ends") and whole.lacks_its_end():
        yield f"it {ended}"
    missing = {side: there.missing for side, there in whole.held.items()}
    for side, there in whole.held.items():
        found = one["missing_bytes"][side]
        # an acknowledgement may count a FIN that is not there, and nobody knows from where to count
        unsure = there.gone > there.known and abs(found - missing[side]) == 1
        if not there.with_syn:
            unsure = unsure or found == missing[side] + there.first
            unsure = unsure or (not there.pieces and found <= there.gone + 1)
        if found != missing[side] and not unsure:
            yield f"{one['missing_bytes']} are missing instead of {missing}"
    lacks = any(not there.all_of(0, there.gone) for there in whole.held.values())
    if lacks and not any(finding["code"].startswith("capture-") for finding in one["findings"]):
        yield "no finding says that something is missing"


def _part_of(context: Json, known: Json) -> bool:
    proposed = context["proposed"]
    keys = ("abstract_syntax", "result", "accepted")
    return proposed == known["proposed"][: len(proposed)] and all(
        context[key] in (None, known[key]) for key in keys
    )


def _wrong_pdus(one: Json, whole: Whole) -> Iterator[str]:
    known = {(p["from"], p["type"], p["start"], p["end"]): p for p in whole.all["pdus"]}
    complete = set()
    for pdu in one["pdus"]:
        there = whole.held[pdu["from"]]
        start, end = pdu["start"] + there.first, pdu["end"] + there.first
        real = known.get((pdu["from"], pdu["type"], start, end))
        if not pdu["complete"] and not there.all_of(start, start + 6) and end <= start + 6:
            continue  # not even a header
        if real is None:
            yield f"a PDU that is not there: {pdu}"
        elif pdu["complete"]:
            complete.add((pdu["from"], pdu["type"], pdu["start"], pdu["end"]))
            if not there.all_of(start, end):
                yield f"a PDU that is not whole: {pdu}"
            elif real.get("bytes") != pdu.get("bytes"):
                yield f"a PDU with other bytes: {pdu}"
    yield from (f"{pdu} is not found" for pdu in whole.pdus() if pdu not in complete)


def _wrong_messages(one: Json, whole: Whole) -> Iterator[str]:
    names = ("from", "type", "context_id", "message_id", "responding_to")
    more = ("status", "sop_class", "sop_instance", "start", "end", "dataset_bytes")
    for message in one["messages"]:
        first = whole.held[message["from"]].first
        moved = {**message, "start": message["start"] + first, "end": message["end"] + first}
        unknown = () if message["complete"] else (None,)
        known = [
            m for m in whole.all["messages"] if all(moved[k] in (m[k], *unknown) for k in names)
        ]
        whole_ones = [m for m in known if all(m[k] == moved[k] for k in more)]
        if not known or (message["complete"] and not whole_ones):
            yield f"a message that is not there: {message}"


DAMAGES: dict[str, v.Damage] = {
    **{f"without each {k}": v.without_each(k) for k in (2, 3, 4, 5, 7, 11)},
    **{f"without some {seed}": v.without_some(seed) for seed in range(6)},
    **{f"snapped to {size}": v.snapped(size) for size in (54, 60, 66, 70, 80, 96, 128, 200)},
    "one way": v.one_way(True),
    "the other way": v.one_way(False),
    **{f"from packet {n}": v.between(n) for n in range(1, 24)},
    **{f"up to packet {n}": v.between(0, n) for n in range(1, 24)},
    **{f"packets {n} to {n + 8}": v.between(n, n + 8) for n in range(2, 20, 2)},
}


def damaged_wrong(damage: str, name: str, folder: Path) -> list[str]:
    packets = captured(name)
    if not (v.once_each(packets) and v.all_bare(packets) and v.in_order_of_time(packets)):
        return []
    return wrong_in_damaged(packets, DAMAGES[damage](packets), as_it_is(name, folder), folder)


@pytest.mark.parametrize("damage", list(DAMAGES))
def test_of_a_damaged_capture_all_that_is_there_is_told(damage: str, tmp_path: Path) -> None:
    names = some(list(DAMAGES).index(damage))
    assert {name: damaged_wrong(damage, name, tmp_path) for name in names} == {n: [] for n in names}


@pytest.mark.soak
@pytest.mark.timeout(900)
@pytest.mark.parametrize("damage", DAMAGES)
def test_of_every_damaged_capture_all_that_is_there_is_told(damage: str, tmp_path: Path) -> None:
    found = {name: damaged_wrong(damage, name, tmp_path) for name in NAMES}
    assert {name: what for name, what in found.items() if what} == {}


BEHIND = re.compile("padd|check sequence|TCP options")  # these change what is kept
AROUND = [
    pytest.param(one, id=one.name)
    for one in v.VARIATIONS
    if one.change is not list and not one.ignored and one.told is str
    if not BEHIND.search(one.name)
]


@pytest.mark.parametrize("around", AROUND)
@pytest.mark.parametrize("size", [60, 90, 150])
def test_what_lies_around_makes_no_difference_to_what_was_not_kept(
    around: Variation, size: int, tmp_path: Path
) -> None:
    for name in some(size):
        packets = v.as_link(v.ETHERNET)(captured(name))
        if around.suits(packets):
            cut = v.wrapped_and_snapped(around.change, size)(packets)
            found = dissected(v.plain(cut), tmp_path, trees=False)
            bare = v.wrapped_and_snapped(list, size)(packets)
            expected = dissected(v.plain(bare), tmp_path, trees=False)
            assert differences(found, expected, v.FRAMES) == []


CUT: dict[str, v.Container] = {
    "pcap": partial(v.pcap, digits=9),
    "big-endian pcap": partial(v.pcap, order=">", digits=9),
    "pcapng": v.plain,
    "big-endian pcapng": partial(v.plain, order=">"),
}


@pytest.mark.parametrize("container", CUT)
@pytest.mark.parametrize("name", some(3))
def test_a_cut_file_gives_what_stands_before_the_cut(
    container: str, name: str, tmp_path: Path
) -> None:
    packets, write = captured(name), CUT[container]
    whole = write(packets)
    begin = len(write(packets[:1]))
    for place in Random(f"{name} {container}").sample(range(begin, len(whole)), 8):
        count = bisect_right(range(len(packets)), place, key=lambda n: len(write(packets[: n + 1])))
        found = dissected(whole[:place], tmp_path, trees=False)
        expected = dissected(v.plain(packets[:count]), tmp_path, trees=False)
        damage = found["capture"].pop("damage")
        assert (damage is None) == (place == len(write(packets[:count])))
        del expected["capture"]["damage"]
        assert differences(found, expected, frozenset()) == []


# --- segments that come again with other bytes ------------------------------------------------


@pytest.mark.parametrize("name", some(4))
def test_of_a_segment_that_comes_again_with_other_bytes_the_first_one_counts(
    name: str, tmp_path: Path
) -> None:
    packets = captured(name)
    found = dissected(v.plain(v.changed_again(packets)), tmp_path)
    told = [one for one in found["associations"] if any(map(is_differing, one["findings"]))]
    for one in found["associations"]:
        one["findings"] = [each for each in one["findings"] if not is_differing(each)]
    assert differences(found, as_it_is(name, tmp_path), v.FRAMES | v.COUNTS) == []
    assert told == found["associations"]


def is_differing(finding: Json) -> bool:
    return bool(finding["code"] == "tcp-retransmission-differs")


@pytest.mark.parametrize("name", some(4))
def test_a_segment_that_comes_again_with_the_same_bytes_is_no_finding(
    name: str, tmp_path: Path
) -> None:
    packets = captured(name)
    for change in (v.doubled, v.overlapping(7), v.resegmented(100), v.simply(v.window_probes)):
        found = dissected(v.plain(change(packets)), tmp_path)
        assert not any(is_differing(f) for one in found["associations"] for f in one["findings"])


# --- long distances ---------------------------------------------------------------------------


@pytest.mark.parametrize("later", [20, 200, 1000, 2000])
def test_a_segment_that_was_lost_comes_again_much_later(later: int, tmp_path: Path) -> None:
    talk = [*HELLO, *stored(4 << 20, 16000), *BYE]
    packets = v.resegmented(1448)(captured_from(packets_of(talk, 50000)))
    whole = dissected(v.plain(packets), tmp_path, trees=False)
    found = dissected(v.plain(v.late(packets, 500, later)), tmp_path, trees=False)
    assert differences(found, whole, v.FRAMES | v.COUNTS | v.TIMES | v.ORDER) == []


@pytest.mark.parametrize("lost", [False, True])
def test_an_answer_to_something_else_ends_no_message(lost: bool, tmp_path: Path) -> None:
    rest = fragment(1, 2, bytes(9000))
    answer = pdata(fragment(1, 1, ECHOED[12:40]), fragment(1, 3, ECHOED[40:]))
    middle: Talk = [("requestor", pdata(rest)[:5000]), ("acceptor", answer)]
    talk = [*HELLO, ("requestor", STORE), *middle, ("requestor", pdata(rest)[5000:])]
    packets = captured_from(packets_of([*talk, ("acceptor", STORED), *BYE], 50000))
    if lost:
        packets = [one for one in packets if (s := v.segment(one)) and s.data != pdata(rest)[5000:]]
    (association,) = dissected(v.plain(packets), tmp_path)["associations"]
    message = association["messages"][0]
    assert message["complete"] is not lost
    assert message["dataset_bytes"] == (4988 if lost else 9000)
    assert message["end"] == association["pdus"][3 if lost else 4]["end"] - 4012 * lost


CLOSED: Talk = [("requestor", b""), ("acceptor", b"")]


def snapped(talk: Talk, folder: Path) -> Json:
    """The association of this talk, of whose packets few bytes were kept: headers, and 8 more."""
    packets = v.snapped(48)(captured_from(packets_of([*talk, *CLOSED], 50000)))
    (association,) = dissected(v.plain(packets), folder)["associations"]
    assert sum(association["missing_bytes"].values()) > 200
    return association


def test_a_pdu_whose_end_was_snapped_off_hides_no_other(tmp_path: Path) -> None:
    assert snapped(HELLO, tmp_path)["outcome"]["ended"] == "closed-without-release"


@pytest.mark.parametrize(
    "said",
    [
        [("requestor", ECHO + pdu("A-RELEASE-RQ"))],
        [("acceptor", pdu("A-ABORT", source=2, reason_diag=2))],
    ],
)
def test_what_was_snapped_off_may_hide_how_it_ended(said: Talk, tmp_path: Path) -> None:
    association = snapped([*HELLO, *said], tmp_path)
    assert association["outcome"]["ended"] == "capture-ends"
    [early] = [one for one in association["findings"] if one["code"] == "capture-ends-early"]
    assert early["what"].startswith("the connection was closed")


def test_of_a_direction_without_syn_a_fin_tells_how_much_is_missing(tmp_path: Path) -> None:
    packets = captured_from(packets_of([*HELLO, *ECHOES, *BYE], 50000))
    found = [(one, v.segment(one)) for one in packets]
    left = [
        one
        for one, s in found
        if s and (s.ports[0] != 11112 or not (s.flags & v.SYN or s.data[:1] == b"\6"))
    ]
    (association,) = dissected(v.plain(left), tmp_path)["associations"]
    assert association["outcome"]["ended"] == "capture-ends"
    assert association["missing_bytes"] == {"requestor": 0, "acceptor": 10}


@pytest.mark.parametrize("garbage", [b"", b"\0"])
@pytest.mark.parametrize("begin", [5, 7, 9])
def test_a_recording_that_begins_with_keep_alives_counts_from_the_first_byte(
    begin: int, garbage: bytes, tmp_path: Path
) -> None:
    late = captured_from(packets_of([*HELLO, *ECHOES * 2, *BYE], 50000))[begin:]
    first = {one.way: one for one in map(v.segment, reversed(late)) if one is not None}
    asking = [
        one._replace(sequence=one.sequence - 1, flags=v.ACK, data=garbage).packed()
        for one in first.values()
    ]
    whole = dissected(v.plain(late), tmp_path)
    found = dissected(v.plain([*asking, *late]), tmp_path)
    assert differences(found, whole, v.FRAMES | v.COUNTS) == []
