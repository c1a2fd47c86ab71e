"""The values of dicomlab: what a table is made of, what decoding gives, what a recording holds.

Everything here is frozen. Nothing here knows a PDU, a socket or a picture: this module imports
nothing else of the project, save inside :class:`Shown`, through which a value shows itself.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import lru_cache
from typing import (
    TYPE_CHECKING,
    Any,
    BinaryIO,
    Literal,
    NamedTuple,
    Protocol,
    Self,
    TypeVar,
    get_args,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from pydicom import Dataset

    from dicomlab.views.frames import Frames

Severity = Literal["error", "warning", "info"]
Side = Literal["requestor", "acceptor"]


# --- the vocabulary of a table ------------------------------------------------------------


class Role(enum.StrEnum):
    """What a field is there for. Every picture gives each role one colour and one letter."""

    LENGTH = "length"  # says how many bytes follow
    IDENTIFIER = "identifier"  # says what this is: type, tag, context ID, control header
    NAME = "name"  # names something: AE title, UID
    VALUE = "value"  # carries a number or a text
    RESERVED = "reserved"
    PAYLOAD = "payload"  # carried for somebody else: a fragment, a credential, unread bytes


@dataclass(frozen=True, slots=True, eq=False)
class Kind:
    """How bytes become a value and a value becomes bytes.

    ``encode(decode(raw), len(raw)) == raw`` holds for every ``raw`` of a size that the kind
    takes; that is why a decoded tree can be encoded anew without remembering its bytes.
    """

    name: str
    size: int | None  # bytes; None: as many as there are
    decode: Callable[[bytes], Any]
    encode: Callable[[Any, int | None], bytes]
    show: Callable[[Any], str]
    structured: bool = False  # made of structures that have tables of their own


Problem = tuple[str, str]  # (code of the finding, what was found)


@dataclass(frozen=True, slots=True, eq=False)
class Row:
    """One line of a table of the standard.

    ``size`` is a number of bytes, the name of the length row that says it, or None for the size
    of the kind or, where that is open, all that is left. A row of role LENGTH counts the rows
    that name it or, if none does, all rows after it.
    """

    name: str
    kind: Kind
    role: Role = Role.VALUE
    size: int | str | None = None
    default: Any = None
    fixed: bool = False  # the default is the only value there is: PDU-type, Item-type, Tag
    meaning: Mapping[Any, str] | Callable[[Any, Values], str | None] | None = None
    check: Callable[[Any], Iterator[Problem]] | None = None
    rule: str = ""
    secret: Callable[[Values], bool] | None = None  # masked in every view where this is true
    of: Layout | None = None  # what a row that repeats a structure is made of
    among: Mapping[Any, str] | None = None  # names of values that suit, where there are more
    made_of_parts: bool = field(init=False)  # structures stand here, not a value
    known_size: int | None = field(init=False)  # the size that no other row and no rest decides

    def __post_init__(self) -> None:
        object.__setattr__(self, "made_of_parts", self.of is not None or self.kind.structured)
        known = self.size if isinstance(self.size, int) else self.kind.size
        object.__setattr__(self, "known_size", None if isinstance(self.size, str) else known)

    def means(self, value: Any, values: Values) -> str | None:
        """What the standard calls ``value`` here, beside the ``values`` of the rows before it."""
        if callable(self.meaning):
            return self.meaning(value, values)
        return self.meaning.get(value) if self.meaning is not None else None

    def named(self, values: Values) -> dict[Any, str]:
        """The values that the standard has a name for here, beside the ``values`` of other rows."""
        if isinstance(self.meaning, Mapping):
            return dict(self.meaning)
        if self.meaning is None or self.kind.size != 1:
            return {}
        means = ((value, self.meaning(value, values)) for value in range(256))
        return {value: meaning for value, meaning in means if meaning is not None}


Values = Mapping[str, Any]  # row name → value, of the rows before


class Part(NamedTuple):
    """A structure as values: what a check sees of it, and what reading at speed gives."""

    name: str
    code: int | None
    values: Values
    parts: tuple[Part, ...] = ()  # the structures inside
    again: bool = False  # it is small, and the same bytes come again and again


Place = tuple[int | None, str | None]  # (which part, which row); None: the structure itself
Trouble = tuple[str, str, Place]  # (code of the finding, what was found, where)


@dataclass(frozen=True, slots=True, eq=False)
class Count:
    """How often an item may stand in a PDU or item, and the findings where it does not."""

    layout: Layout
    least: int
    most: int | None = None
    missing: str = "item-missing"
    surplus: str = "item-duplicate"


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """One table of the standard: a PDU, an item, a PDV.

    ``overrun``, ``short`` and ``long`` are the findings for a length that points beyond what is
    there, that leaves too little for the rows, and that leaves bytes behind them.
    """

    name: str
    code: int | None
    clause: str
    rows: tuple[Row, ...]
    holds: tuple[Count, ...] = ()  # the items that may stand inside, in their order
    # what fields or parts show together; where items are held, it looks at nothing but them
    check: Callable[[Values, Sequence[Part]], Iterator[Trouble]] | None = None
    overrun: str = "item-length-overrun"
    short: str = "item-length-wrong"
    long: str = "item-length-wrong"
    plausible: int = 0xFFFFFFFF  # a length above this is not believed
    tested: Callable[[Values], bool] | None = None  # whether what it holds is significant
    own_row: Row | None = field(init=False)  # the one row that it is there for, if it is one
    envelope: Row | None = field(init=False)  # the length that says where the structure ends
    sized: Mapping[str, tuple[Row, ...]] = field(init=False)  # length row → the rows it counts

    def __post_init__(self) -> None:
        sized = {
            row.name: tuple(one for one in self.rows if one.size == row.name)
            for row in self.rows
            if row.role is Role.LENGTH
        }
        object.__setattr__(self, "sized", sized)
        lengths = [row for row in self.rows if self.follows(row) and not self.sized_by(row)]
        object.__setattr__(self, "envelope", lengths[0] if lengths else None)
        own = [
            row
            for row in self.rows
            if not (
                row.fixed or row.role is Role.RESERVED or row.made_of_parts or self.follows(row)
            )
        ]
        object.__setattr__(self, "own_row", own[0] if len(own) == 1 else None)

    def row(self, name: str) -> Row:
        """The row of that name (its snake_case will do); KeyError where there is none."""
        wanted = snake_case(name)
        for row in self.rows:
            if snake_case(row.name) == wanted:
                return row
        raise KeyError(f"{self.name} has no field {name!r}")

    def sized_by(self, row: Row) -> tuple[Row, ...]:
        """The rows that a length row counts; empty: all rows after it."""
        return self.sized.get(row.name, ())

    def follows(self, row: Row) -> bool:
        """Whether a row is a length that follows from what stands behind it."""
        return row.role is Role.LENGTH and row is not self.rows[-1]


@lru_cache(maxsize=4096)
def snake_case(name: str) -> str:
    """A name of the standard as a Python name: ``Called-AE-title`` → ``called_ae_title``."""
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")


def printable(text: str) -> str:
    """``text`` with every character that could act on a screen (control, bidi, …) spelled out."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


# --- showing ------------------------------------------------------------------------------


class Shown:
    """What a value needs to show itself in a notebook: as text and as HTML.

    The imports here and in Drawn wait until somebody looks: so the values stay free of any
    knowledge of how they look, and ``import dicomlab`` stays light.
    """

    __slots__ = ()

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        from dicomlab.views import html, text

        return {"text/plain": text.show(self), "text/html": html.show(self)}


class Drawn(Shown):
    """What a value needs to be drawn when asked."""

    __slots__ = ()

    def draw(self, **options: Any) -> Figure:
        """This value as a matplotlib figure; the options are those of ``views.figures``."""
        from dicomlab.views import figures

        return figures.draw(self, **options)

    def pages(self, **options: Any) -> list[Figure]:
        """All of this value, on as many figures as it takes."""
        from dicomlab.views import figures

        return figures.pages(self, **options)


class Explored:
    """What a value needs to be touched in a notebook."""

    __slots__ = ()

    def explore(self, **options: Any) -> Any:
        """This value as a widget; the options are those of ``widgets.explore``."""
        from dicomlab.widgets import explore

        return explore.explore(self, **options)


class Tabled:
    """What a value needs to be analysed with pandas, where that is installed."""

    __slots__ = ()

    def to_frames(self) -> Frames:
        """Its associations, their PDUs and their messages as DataFrames."""
        from dicomlab.views import frames

        return frames.frames(self)


# --- what paths lead through ----------------------------------------------------------------


class Named(Protocol):
    """What paths lead through: fields, and the parts of a draft."""

    @property
    def name(self) -> str:
        """What the standard calls it."""

    @property
    def value(self) -> Any:
        """What stands there."""

    @property
    def children(self) -> Sequence[Self]:
        """What it is made of, in the order of the bytes."""


N = TypeVar("N", bound=Named)


def walk(root: N) -> list[N]:
    """``root`` and all below it, in reading order."""
    found = [root]
    _add_below(root, found)
    return found


def _add_below(one: N, found: list[N]) -> None:
    for child in one.children:
        found.append(child)
        if child.children:
            _add_below(child, found)


# --- what decoding gives ------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Span:
    """Bytes ``start`` up to, not including, ``stop``, counted from 0."""

    start: int
    stop: int

    def __len__(self) -> int:
        return self.stop - self.start


@dataclass(frozen=True, slots=True)
class Finding(Shown):
    """Something that is not as the standard has it, or worth knowing, with its evidence."""

    code: str
    severity: Severity
    what: str
    why: str
    remedy: str
    clause: str
    span: Span | None = None  # bytes, in the PDU's own counting
    sender: Side | None = None  # whose bytes they are
    frames: tuple[int, int] | None = None  # first and last frame of the capture, from 1

    def __str__(self) -> str:
        return f"{self.severity}: {self.code}: {self.what}"


@dataclass(frozen=True, slots=True)
class Field:
    """A named run of bytes: a leaf, or something made of others.

    The leaves under any field follow each other without gap or overlap.
    """

    name: str
    start: int
    stop: int
    kind: Kind
    value: Any
    text: str  # the value as people read it, safe to print
    clause: str
    role: Role
    children: tuple[Field, ...] = ()
    findings: tuple[Finding, ...] = ()
    rule: str = ""
    code: int | None = None  # item type or tag, where it has one
    secret: bool = False  # its value is masked in every view
    cut: bool = False  # its last bytes are not there
    row: Row | None = field(default=None, compare=False, repr=False)  # of its table
    beside: Values | None = field(default=None, compare=False, repr=False)  # what stands there

    @property
    def raw(self) -> bytes:
        """The field's bytes, encoded from its value."""
        if self.children:
            return b"".join(leaf.raw for leaf in self.leaves())
        return self.kind.encode(self.value, self.stop - self.start)

    @property
    def span(self) -> Span:
        """Where the field's bytes lie."""
        return Span(self.start, self.stop)

    @property
    def named(self) -> dict[Any, str]:
        """The values that the standard has a name for here, and what it calls them."""
        return {} if self.row is None else self.row.named(self.beside or {})

    def walk(self) -> Iterator[Field]:
        """This field and all fields below it, in reading order."""
        return iter(walk(self))

    def leaves(self) -> Iterator[Field]:
        """The fields that are made of no others, in the order of their bytes."""
        return (one for one in walk(self) if not one.children)

    def __getitem__(self, path: str) -> Field:
        return find(self, path)

    def __contains__(self, path: str) -> bool:
        return bool(places(self, path))

    __iter__ = None  # what has paths is no sequence: go through its children


@dataclass(frozen=True, slots=True, repr=False)
class Pdu(Drawn, Explored):
    """One PDU as a tree of fields; or, with ``type`` None, bytes that are no PDU.

    ``start`` and ``stop`` count in the bytes that were decoded: in a recording, from the first
    byte of that direction of the connection.
    """

    type: str | None
    tree: Field | Callable[[], Field]  # in a capture it is made when somebody looks
    sender: Side | None = None
    time: int | None = None  # nanoseconds since 1970, of the last byte
    frames: tuple[int, int] | None = None
    complete: bool = True
    index: int | None = None  # its place among the PDUs of the association, from 0
    span: Span | None = None  # where its bytes lie, if that is known without the tree
    stated: int | None = None  # where an incomplete PDU says that it ends

    @property
    def root(self) -> Field:
        """The PDU as a field."""
        return self.tree if isinstance(self.tree, Field) else self.tree()

    @property
    def start(self) -> int:
        """Offset of the first byte."""
        return self.root.start if self.span is None else self.span.start

    @property
    def stop(self) -> int:
        """Offset just behind the last byte that is there."""
        return self.root.stop if self.span is None else self.span.stop

    @property
    def name(self) -> str:
        """The PDU's name, or what to call bytes that are none."""
        return self.type or "not a PDU"

    @property
    def fields(self) -> tuple[Field, ...]:
        """The fields of the PDU itself; items and PDVs have theirs inside."""
        root = self.root
        return root.children or (root,)

    @property
    def findings(self) -> tuple[Finding, ...]:
        """All findings of all fields, in the order of their bytes."""
        return tuple(found for one in walk(self.root) for found in one.findings)

    def walk(self) -> Iterator[Field]:
        """All fields, in reading order, the PDU itself left out."""
        root = self.root
        return (one for one in walk(root) if one is not root or not one.children)

    def leaves(self) -> Iterator[Field]:
        """The leaves; they tile the PDU's bytes."""
        return self.root.leaves()

    def __getitem__(self, path: str) -> Field:
        return find(self.root, path)

    def __contains__(self, path: str) -> bool:
        return bool(places(self.root, path))

    __iter__ = None  # its length is in bytes: go through its fields

    def __bytes__(self) -> bytes:
        return self.root.raw

    def __len__(self) -> int:
        return self.stop - self.start

    def __repr__(self) -> str:
        return f"<Pdu {self.name}, {len(self)} bytes>"


_STEP = re.compile(r"(?P<name>[^\[\]]+)(?:\[(?:id=(?P<id>\d+)|(?P<index>\d+))\])?")
# a slash separates, but in these names of the standard: Result/Reason, Reason/Diag., SCP/SCU Role
# Selection, Normal/Reverse
_SEPARATOR = re.compile(
    r"/(?!(?<=result/)reason|(?<=reason/)diag|(?<=scp/)scu role|(?<=normal/)reverse)", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a path: ``Presentation Context[id=3]``."""

    name: str
    index: int | None = None
    context_id: int | None = None


def split(path: str) -> list[str]:
    """The parts of a path, as they are written; BuildError for what is no text."""
    if not isinstance(path, str):
        raise BuildError(f"{path!r} is no path.", "Name a field, as in ['Called-AE-title'].")
    return _SEPARATOR.split(path)


def steps(path: str) -> list[Step]:
    """The steps of a path; BuildError where it cannot be read."""
    found = []
    for part in split(path):
        match = _STEP.fullmatch(part.strip())
        if not match:
            raise BuildError(f"cannot read the step {part!r} of the path {path!r}.")
        index, ident = match["index"], match["id"]
        found.append(
            Step(
                match["name"],
                int(index) if index else None,
                int(ident) if ident else None,
            )
        )
    return found


def find(root: N, path: str) -> N:
    """The one place that ``path`` leads to below ``root``.

    Raises KeyError where nothing, or more than one place, is named; BuildError for what is no path.
    """
    here = places(root, path)
    if not here:
        raise KeyError(f"no field {path!r} in {root.name}")
    if len(here) > 1:
        raise KeyError(f"{path!r} names {len(here)} fields of {root.name}: say which, as in [0]")
    return here[0]


def places(root: N, path: str) -> Sequence[N]:
    """All places that ``path`` leads to below ``root``; BuildError for what is no path.

    The first step may stand anywhere below; each further one is a child of the one before.
    """
    here: Sequence[N] = walk(root)
    for depth, step in enumerate(steps(path)):
        if depth:
            here = [child for one in here for child in one.children]
        here = _named(here, step.name)
        if step.context_id is not None:
            here = [one for one in here if _context_id(one) == step.context_id]
        if step.index is not None:
            here = here[step.index : step.index + 1]
    return here


def _named(places: Sequence[N], name: str) -> list[N]:
    """The places of that name: as it is spelled or, if there is none, in snake_case.

    In snake_case an item and its one field may share a name; then it is the item's.
    """
    exact = [one for one in places if one.name == name]
    if exact:
        return exact
    wanted = snake_case(name)
    places = [one for one in places if snake_case(one.name) == wanted]
    inner = {id(child) for one in places for child in one.children}
    return [one for one in places if id(one) not in inner]


def _context_id(item: Named) -> Any:
    ids = (c.value for c in item.children if c.name == "Presentation-context-ID")
    return next(ids, None)


# --- what a recording holds ---------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One end of a TCP connection."""

    address: str
    port: int

    def __str__(self) -> str:
        return (
            f"[{self.address}]:{self.port}"
            if ":" in self.address
            else f"{self.address}:{self.port}"
        )


@dataclass(frozen=True, slots=True)
class PresentationContext:
    """What was proposed under one presentation context ID, and what became of it."""

    id: int
    abstract_syntax: str | None
    proposed: tuple[str, ...] = ()
    result: int | None = None  # PS3.8 Table 9-18; None: not answered
    accepted: str | None = None  # the transfer syntax agreed on


Ended = Literal[
    "released", "rejected", "aborted", "unanswered", "closed-without-release", "capture-ends"
]


@dataclass(frozen=True, slots=True)
class Ending:
    """A FIN or a RST: one side ends its direction of the TCP connection, or all of it at once."""

    sender: Side
    kind: Literal["FIN", "RST"]
    time: int | None  # nanoseconds since 1970
    frame: int | None
    # TTL or IPv6 hop limit of a RST, and of its sender's packets: the last one before it, else that
    # of another connection which is nearest; None too where the headers are made up
    hops: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an association ended, as far as the recording shows it."""

    ended: Ended
    by: Side | None = None
    result: int | None = None
    source: int | None = None
    reason: int | None = None


Likelihood = Literal["certain", "likely", "possible"]


@dataclass(frozen=True, slots=True)
class Cause:
    """Why something failed, or may have: who changes what, and how to make sure of it."""

    code: str  # of ``spec.causes``
    title: str  # the cause in a few words
    likelihood: Likelihood
    who: str  # whoever has to change something
    change: str  # what that is
    evidence: tuple[str, ...]  # what speaks for this cause
    against: tuple[str, ...]  # what speaks against it, or for another one as well
    confirm: str  # how to make sure


@dataclass(frozen=True, slots=True)
class Verdict(Shown):
    """What happened, why, and who has to change what; the likeliest cause stands first."""

    summary: str  # the outcome, in a sentence
    causes: tuple[Cause, ...] = ()  # none: nothing failed, or nothing that the recording shows

    @property
    def failed(self) -> bool:
        """Whether there is something to change."""
        return bool(self.causes)

    def __str__(self) -> str:
        lines = [self.summary]
        for number, one in enumerate(self.causes, 1):
            lines += [
                f"{number}. {one.likelihood}: {one.title} ({one.code})",
                f"   {one.who}: {one.change}",
                *(f"   + {each}" for each in one.evidence),
                *(f"   - {each}" for each in one.against),
                f"   To make sure: {one.confirm}",
            ]
        return "\n".join(lines)


class DataSet(Protocol):
    """The data set of a message, which is read when somebody asks for it."""

    def pieces(self) -> Iterator[bytes]:
        """Its bytes as they were on the wire."""

    def read(self) -> Dataset:
        """What pydicom reads."""


@dataclass(frozen=True, slots=True)
class Message:
    """One DIMSE message: its command set, and how large a data set came with it.

    The offsets of ``fields`` are those of the PDU that held them or, where the command set came
    in fragments, count in the reassembled one; ``spans`` tells where a field's bytes lay in the
    sender's stream.
    """

    type: str  # C-ECHO-RQ, or the Command Field in hex where it is unknown
    sender: Side
    context_id: int
    message_id: int | None = None
    responding_to: int | None = None
    status: int | None = None
    sop_class: str | None = None
    sop_instance: str | None = None
    dataset_bytes: int | None = None  # None: no data set
    start: int = 0  # of the first PDU that carried it, in the sender's stream
    stop: int = 0  # behind the last PDU that carried it
    time: int | None = None  # nanoseconds since 1970, of the last byte
    complete: bool = True
    announces: bool | None = None  # its Command Data Set Type says that a data set follows
    pdus: Sequence[int] = ()  # the indices of the PDUs that carried it
    fragments: tuple[Span, ...] = ()  # where the command set's bytes lay, in the sender's stream
    findings: tuple[Finding, ...] = ()  # those that only the reassembled command set shows
    more: Mapping[str, Any] = field(default_factory=dict)  # further keys of the contract
    tree: Callable[[], Field] | None = field(default=None, compare=False)  # of the command set
    data: DataSet | None = field(default=None, compare=False, repr=False)  # in a capture

    @property
    def fields(self) -> tuple[Field, ...]:
        """The elements of the reassembled command set."""
        return self.tree().children if self.tree is not None else ()

    def dataset(self) -> Dataset:
        """The data set, which pydicom reads in the transfer syntax of its presentation context.

        DicomlabError where there is none, where it is not whole, or where its transfer syntax is
        not known.
        """
        return self._data().read()

    def dataset_raw(self) -> bytes:
        """The bytes of the data set as they were on the wire; DicomlabError as above."""
        return b"".join(self.dataset_pieces())

    def dataset_pieces(self) -> Iterator[bytes]:
        """The same, piece by piece: a data set may be larger than the memory."""
        return self._data().pieces()

    def _data(self) -> DataSet:
        if self.data is None:
            raise DicomlabError(
                "This message does not know where the bytes of its data set are.",
                "Those of a capture do: dissect() a recording.",
            )
        return self.data

    def element(self, name: str) -> Field | None:
        """The element of that name, if the message has it."""
        wanted = snake_case(name)
        return next((one for one in self.fields if snake_case(one.name) == wanted), None)

    def spans(self, part: Field) -> tuple[Span, ...]:
        """Where the bytes of a field of the command set lay: one span, or several when cut."""
        found, fields = [], self.fields
        before = fields[0].start if fields else 0
        for piece in self.fragments:
            start = max(part.start, before)
            stop = min(part.stop, before + len(piece))
            if start < stop:
                found.append(Span(piece.start + start - before, piece.start + stop - before))
            before += len(piece)
        return tuple(found)


@dataclass(frozen=True, slots=True)
class Association(Drawn, Explored):
    """One association: who, what was agreed, what was said, how it ended."""

    connection: int
    requestor: Endpoint
    acceptor: Endpoint
    calling_ae_title: str | None
    called_ae_title: str | None
    application_context: str | None
    outcome: Outcome
    presentation_contexts: tuple[PresentationContext, ...]
    negotiation: Mapping[Side, Mapping[str, Any]]
    pdus: Sequence[Pdu]
    messages: Sequence[Message]
    findings: tuple[Finding, ...] = ()
    missing_bytes: Mapping[Side, int] = field(default_factory=dict)
    retransmitted_segments: Mapping[Side, int] = field(default_factory=dict)
    out_of_order_segments: Mapping[Side, int] = field(default_factory=dict)
    start_time: int | None = None  # of the first packet of the connection
    stop_time: int | None = None  # of the last
    frames: tuple[int, int] | None = None  # the first and the last packet of the connection
    endings: tuple[Ending, ...] = ()  # of the connection, in the order of time
    echoed: bool | None = None  # the A-ASSOCIATE-AC sends the AE titles back as they were
    verdict: Verdict | None = None

    def context(self, ident: int) -> PresentationContext | None:
        """The presentation context with that ID."""
        return next((c for c in self.presentation_contexts if c.id == ident), None)


@dataclass(frozen=True, slots=True)
class Connection:
    """A TCP connection without an association."""

    connection: int
    requestor: Endpoint
    acceptor: Endpoint
    kind: Literal["refused", "no-answer", "no-data", "tls", "not-dicom"]
    bytes: Mapping[Side, int]
    findings: tuple[Finding, ...] = ()
    start_time: int | None = None  # of the first packet
    stop_time: int | None = None  # of the last
    frames: tuple[int, int] | None = None  # the first and the last packet
    endings: tuple[Ending, ...] = ()  # in the order of time
    verdict: Verdict | None = None


class Reopened(Protocol):
    """The file that a capture was read from."""

    def opened_again(self) -> AbstractContextManager[BinaryIO]:
        """The file, from its beginning. Raises CaptureError where it is no longer there."""


@dataclass(frozen=True, slots=True)
class Capture(Drawn, Explored, Tabled):
    """A capture file, dissected."""

    file: str
    format: Literal["pcap", "pcapng"]
    packets: int
    link_types: tuple[str, ...]
    first_time: int | None
    last_time: int | None
    truncated_packets: int
    damage: str | None
    associations: Sequence[Association]
    connections: Sequence[Connection]
    digits: int = 9  # decimal places of the file's times
    comments: tuple[str, ...] = ()  # what the file says of itself
    # packets that may hold datagrams and cannot be read, by the EtherType or link type
    unread_packets: Mapping[str, int] = field(default_factory=dict)
    source: Reopened | None = field(default=None, compare=False, repr=False)

    @property
    def pdus(self) -> tuple[Pdu, ...]:
        """The PDUs of all associations: think of how many those can be."""
        return tuple(pdu for one in self.associations for pdu in one.pdus)


# --- what two of them do not share ------------------------------------------------------------

Weight = Literal["decides", "may matter", "does not matter"]


@dataclass(frozen=True, slots=True)
class Difference:
    """One field that two associations or PDUs do not have alike; all its texts safe to print."""

    where: str  # a path in the standard's words
    a: str | None  # what each has there; None: nothing
    b: str | None
    weight: Weight
    why: str  # it matters so much
    more: int = 0  # further places of this kind that have the same two values


@dataclass(frozen=True, slots=True)
class Alike:
    """One field that both have alike."""

    where: str
    value: str


@dataclass(frozen=True, slots=True)
class Compared:
    """One of the two, in words."""

    title: str
    subtitle: str


@dataclass(frozen=True, slots=True, repr=False)
class Comparison(Drawn):
    """Two associations, or two PDUs, side by side."""

    a: Compared
    b: Compared
    differences: tuple[Difference, ...]  # what matters most first; then as the conversation went
    alike: int  # fields that both have alike
    equal: tuple[Alike, ...] = ()  # these fields, where everything was asked for
    hidden: Mapping[Weight, int] = field(default_factory=dict)  # differences that are not listed

    def number(self, weight: Weight) -> int:
        """How many differences matter so much, also of those that are not listed."""
        listed = sum(1 + one.more for one in self.differences if one.weight == weight)
        return listed + self.hidden.get(weight, 0)

    def __repr__(self) -> str:
        numbers = ", ".join(f"{self.number(one)} {one}" for one in get_args(Weight))
        return f"<Comparison: {numbers}, {self.alike} fields alike>"


# --- lines: the same without the cost of values ---------------------------------------------


class PduLine(NamedTuple):
    """What a list of PDUs says of one: all but its bytes."""

    sender: Side | None
    type: str | None
    start: int
    end: int  # for one that is not complete, where it says that it ends, if it does
    frames: tuple[int, int] | None
    time: int | None
    complete: bool


class MessageLine(NamedTuple):
    """What a list of messages says of one: all but its fields."""

    sender: Side
    type: str
    context_id: int
    message_id: int | None
    responding_to: int | None
    status: int | None
    sop_class: str | None
    sop_instance: str | None
    dataset_bytes: int | None
    start: int
    end: int
    time: int | None
    complete: bool
    announces: bool | None
    first: int | None  # index of the first PDU that carried it
    last: int | None
    more: Mapping[str, Any]


class AssociationLine(NamedTuple):
    """An association whose PDUs and messages are lines; ends, contexts and such are plain."""

    connection: int
    requestor: str
    acceptor: str
    calling_ae_title: str | None
    called_ae_title: str | None
    application_context: str | None
    outcome: tuple[Any, ...]  # ended, by, result, source, reason
    presentation_contexts: tuple[tuple[Any, ...], ...]
    negotiation: Mapping[Side, Mapping[str, Any]]
    pdus: Iterable[PduLine]  # which can be gone through again and again, as the messages can
    messages: Iterable[MessageLine]
    findings: tuple[Finding, ...]
    missing_bytes: Mapping[Side, int]
    retransmitted_segments: Mapping[Side, int]
    out_of_order_segments: Mapping[Side, int]
    start_time: int | None
    stop_time: int | None
    frames: tuple[int, int] | None
    endings: tuple[Ending, ...]
    echoed: bool | None
    look: Callable[[int], Pdu]  # gives the PDU at an index, for whoever wants its bytes
    verdict: Verdict | None = None


# A sequence that has its values as lines too has a method ``lines``. It is asked for by name: to
# ask isinstance() of a Protocol costs more than to make the lines of a short association.


def pdu_lines(pdus: Sequence[Pdu]) -> Iterable[PduLine]:
    """The PDUs as lines, which can be gone through again and again."""
    lines: Callable[[], Iterable[PduLine]] | None = getattr(pdus, "lines", None)
    return lines() if lines is not None else tuple(map(_pdu_line, pdus))


def message_lines(messages: Sequence[Message]) -> Iterable[MessageLine]:
    """The messages as lines, which can be gone through again and again."""
    lines: Callable[[], Iterable[MessageLine]] | None = getattr(messages, "lines", None)
    return lines() if lines is not None else tuple(map(_message_line, messages))


def association_lines(associations: Sequence[Association]) -> Iterable[AssociationLine]:
    """The associations as lines."""
    lines: Callable[[], Iterable[AssociationLine]] | None = getattr(associations, "lines", None)
    return lines() if lines is not None else map(association_line, associations)


def _pdu_line(one: Pdu) -> PduLine:
    end = one.stop if one.stated is None else one.stated
    return PduLine(one.sender, one.type, one.start, end, one.frames, one.time, one.complete)


def _message_line(one: Message) -> MessageLine:
    return MessageLine(
        one.sender,
        one.type,
        one.context_id,
        one.message_id,
        one.responding_to,
        one.status,
        one.sop_class,
        one.sop_instance,
        one.dataset_bytes,
        one.start,
        one.stop,
        one.time,
        one.complete,
        one.announces,
        one.pdus[0] if one.pdus else None,
        one.pdus[-1] if one.pdus else None,
        one.more,
    )


def association_line(one: Association) -> AssociationLine:
    """The association as a line."""
    outcome = one.outcome
    return AssociationLine(
        one.connection,
        str(one.requestor),
        str(one.acceptor),
        one.calling_ae_title,
        one.called_ae_title,
        one.application_context,
        (outcome.ended, outcome.by, outcome.result, outcome.source, outcome.reason),
        tuple(
            (each.id, each.abstract_syntax, each.proposed, each.result, each.accepted)
            for each in one.presentation_contexts
        ),
        one.negotiation,
        pdu_lines(one.pdus),
        message_lines(one.messages),
        one.findings,
        one.missing_bytes,
        one.retransmitted_segments,
        one.out_of_order_segments,
        one.start_time,
        one.stop_time,
        one.frames,
        one.endings,
        one.echoed,
        one.pdus.__getitem__,
        one.verdict,
    )


# --- errors -------------------------------------------------------------------------------


class DicomlabError(Exception):
    """Something that dicomlab cannot do, with what would help."""

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(message)
        self.remedy = remedy

    def __str__(self) -> str:
        message = super().__str__()
        return f"{message} {self.remedy}" if self.remedy else message


class BuildError(DicomlabError):
    """Yours: a value that the field cannot take."""


class PeerError(DicomlabError):
    """Theirs: the other end refused, closed, kept silent or sent what it must not."""

    def __init__(self, message: str, remedy: str = "", code: str = "peer-closed") -> None:
        super().__init__(message, remedy)
        self.code = code


class CaptureError(DicomlabError):
    """The machine's: something that recording or reading a capture needs is missing."""


# --- what is meant ----------------------------------------------------------------------------

V = TypeVar("V")
_GIVE: dict[type, str] = {
    Capture: "Give what dissect() or a recording gives.",
    Association: "Give one of a capture, as in capture.associations[0].",
    Pdu: "Give one of an association, as in association.pdus[0].",
}


def meant(kind: type[V], given: Any, remedy: str = "") -> V:
    """What was given, where it is of that kind; BuildError where it is anything else."""
    if isinstance(given, kind):
        return given
    what = f"{type(given).__name__} is no {kind.__name__}."
    raise BuildError(what, remedy or _GIVE[kind])


def meant_each(kinds: tuple[type[V], ...], given: Any) -> Iterator[V]:
    """The same of each one of several, which may be of any of these kinds."""
    remedy = f"Give a list of {'s or '.join(one.__name__ for one in kinds)}s."
    if not isinstance(given, Iterable):
        raise BuildError(f"{type(given).__name__} is no list.", remedy)
    return (one if isinstance(one, kinds) else meant(kinds[0], one, remedy) for one in given)
