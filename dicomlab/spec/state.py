"""The upper layer state machine: PS3.8 Table 9-10, with its states, events and actions, as data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

CLAUSE = "PS3.8 Table 9-10"


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happens to the state machine, and from where it comes."""

    name: str
    source: Literal["local", "peer", "transport", "timer"]
    meaning: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """To which state an action leads, and what it puts on the wire and does to the ARTIM."""

    next: str
    sends: str | None = None  # the PDU's name
    artim: Literal["start", "stop"] | None = None  # to start one that runs begins it anew
    source: int | None = None  # of the A-ABORT that is sent (PS3.8 Table 9-26)


@dataclass(frozen=True, slots=True)
class Action:
    """What the state machine does.

    Where there are two outcomes, the second is AE-6's after a rejection, AR-8's for the acceptor.
    """

    name: str
    does: str
    outcomes: tuple[Outcome, ...]

    @property
    def next(self) -> tuple[str, ...]:
        """The states that it leads to."""
        return tuple(one.next for one in self.outcomes)


STATES = {
    "Sta1": "Idle (no connection)",
    "Sta2": "TCP open, waiting for A-ASSOCIATE-RQ",
    "Sta3": "RQ received, waiting for the local application to accept or reject",
    "Sta4": "Waiting for the TCP connect to complete",
    "Sta5": "RQ sent, waiting for AC or RJ",
    "Sta6": "Association established, data transfer",
    "Sta7": "RELEASE-RQ sent, waiting for RELEASE-RP",
    "Sta8": "RELEASE-RQ received, waiting for the local application",
    "Sta9": "Release collision, requestor side, waiting for the local application",
    "Sta10": "Release collision, acceptor side, waiting for RELEASE-RP",
    "Sta11": "Release collision, requestor side, waiting for RELEASE-RP",
    "Sta12": "Release collision, acceptor side, waiting for the local application",
    "Sta13": "Association gone, waiting for TCP close",
}

EVENTS = {
    "Evt1": Event("Evt1", "local", "A-ASSOCIATE request"),
    "Evt2": Event("Evt2", "transport", "TCP connect confirmed"),
    "Evt3": Event("Evt3", "peer", "A-ASSOCIATE-AC received"),
    "Evt4": Event("Evt4", "peer", "A-ASSOCIATE-RJ received"),
    "Evt5": Event("Evt5", "transport", "Incoming TCP connection"),
    "Evt6": Event("Evt6", "peer", "A-ASSOCIATE-RQ received"),
    "Evt7": Event("Evt7", "local", "A-ASSOCIATE response: accept"),
    "Evt8": Event("Evt8", "local", "A-ASSOCIATE response: reject"),
    "Evt9": Event("Evt9", "local", "P-DATA request"),
    "Evt10": Event("Evt10", "peer", "P-DATA-TF received"),
    "Evt11": Event("Evt11", "local", "A-RELEASE request"),
    "Evt12": Event("Evt12", "peer", "A-RELEASE-RQ received"),
    "Evt13": Event("Evt13", "peer", "A-RELEASE-RP received"),
    "Evt14": Event("Evt14", "local", "A-RELEASE response"),
    "Evt15": Event("Evt15", "local", "A-ABORT request"),
    "Evt16": Event("Evt16", "peer", "A-ABORT received"),
    "Evt17": Event("Evt17", "transport", "TCP connection closed"),
    "Evt18": Event("Evt18", "timer", "ARTIM expired"),
    "Evt19": Event("Evt19", "peer", "Unrecognized or invalid PDU received"),
}

ACTIONS = {
    row.name: row
    for row in (
        Action("AE-1", "start TCP connect", (Outcome("Sta4"),)),
        Action("AE-2", "send A-ASSOCIATE-RQ", (Outcome("Sta5", "A-ASSOCIATE-RQ"),)),
        Action("AE-3", "tell the application: accepted", (Outcome("Sta6"),)),
        Action("AE-4", "tell the application: rejected; close TCP", (Outcome("Sta1"),)),
        Action("AE-5", "accept TCP; start ARTIM", (Outcome("Sta2", artim="start"),)),
        Action("AE-6", "stop ARTIM; if the provider finds the RQ acceptable tell the application, otherwise send A-ASSOCIATE-RJ and start ARTIM", (Outcome("Sta3", artim="stop"), Outcome("Sta13", "A-ASSOCIATE-RJ", "start"))),
        Action("AE-7", "send A-ASSOCIATE-AC", (Outcome("Sta6", "A-ASSOCIATE-AC"),)),
        Action("AE-8", "send A-ASSOCIATE-RJ; start ARTIM", (Outcome("Sta13", "A-ASSOCIATE-RJ", "start"),)),
        Action("DT-1", "send P-DATA-TF", (Outcome("Sta6", "P-DATA-TF"),)),
        Action("DT-2", "hand P-DATA to the application", (Outcome("Sta6"),)),
        Action("AR-1", "send A-RELEASE-RQ", (Outcome("Sta7", "A-RELEASE-RQ"),)),
        Action("AR-2", "tell the application: release wanted", (Outcome("Sta8"),)),
        Action("AR-3", "tell the application: released; close TCP", (Outcome("Sta1"),)),
        Action("AR-4", "send A-RELEASE-RP; start ARTIM", (Outcome("Sta13", "A-RELEASE-RP", "start"),)),
        Action("AR-5", "stop ARTIM", (Outcome("Sta1", artim="stop"),)),
        Action("AR-6", "hand P-DATA to the application", (Outcome("Sta7"),)),
        Action("AR-7", "send P-DATA-TF", (Outcome("Sta8", "P-DATA-TF"),)),
        Action("AR-8", "release collision: tell the application; requestor goes to Sta9, acceptor to Sta10", (Outcome("Sta9"), Outcome("Sta10"))),
        Action("AR-9", "send A-RELEASE-RP", (Outcome("Sta11", "A-RELEASE-RP"),)),
        Action("AR-10", "tell the application: released", (Outcome("Sta12"),)),
        Action("AA-1", "send A-ABORT with source 0 (user); start or restart ARTIM", (Outcome("Sta13", "A-ABORT", "start", source=0),)),
        Action("AA-2", "stop ARTIM if running; close TCP", (Outcome("Sta1", artim="stop"),)),
        Action("AA-3", "tell the application: aborted by user (source 0) or by provider (source 2); close TCP", (Outcome("Sta1"),)),
        Action("AA-4", "tell the application: provider abort (connection lost)", (Outcome("Sta1"),)),
        Action("AA-5", "stop ARTIM", (Outcome("Sta1", artim="stop"),)),
        Action("AA-6", "ignore the PDU", (Outcome("Sta13"),)),
        Action("AA-7", "send A-ABORT", (Outcome("Sta13", "A-ABORT"),)),
        Action("AA-8", "send A-ABORT with source 2 (provider); tell the application; start ARTIM", (Outcome("Sta13", "A-ABORT", "start", source=2),)),
    )
}

# rows: events; columns: Sta1 to Sta13; a dash cannot happen, or is an error of the local program
_TABLE = """
    Evt1   AE-1     -     -     -     -     -     -     -     -     -     -     -     -
    Evt2      -     -     -  AE-2     -     -     -     -     -     -     -     -     -
    Evt3      -  AA-1  AA-8     -  AE-3  AA-8  AA-8  AA-8  AA-8  AA-8  AA-8  AA-8  AA-6
    Evt4      -  AA-1  AA-8     -  AE-4  AA-8  AA-8  AA-8  AA-8  AA-8  AA-8  AA-8  AA-6
    Evt5   AE-5     -     -     -     -     -     -     -     -     -     -     -     -
    Evt6      -  AE-6  AA-8     -  AA-8  AA-8  AA-8  AA-8  AA-8  AA-8  AA-8  AA-8  AA-7
    Evt7      -     -  AE-7     -     -     -     -     -     -     -     -     -     -
    Evt8      -     -  AE-8     -     -     -     -     -     -     -     -     -     -
    Evt9      -     -     -     -     -  DT-1     -  AR-7     -     -     -     -     -
    Evt10     -  AA-1  AA-8     -  AA-8  DT-2  AR-6  AA-8  AA-8  AA-8  AA-8  AA-8  AA-6
    Evt11     -     -     -     -     -  AR-1     -     -     -     -     -     -     -
    Evt12     -  AA-1  AA-8     -  AA-8  AR-2  AR-8  AA-8  AA-8  AA-8  AA-8  AA-8  AA-6
    Evt13     -  AA-1  AA-8     -  AA-8  AA-8  AR-3  AA-8  AA-8 AR-10  AR-3  AA-8  AA-6
    Evt14     -     -     -     -     -     -     -  AR-4  AR-9     -     -  AR-4     -
    Evt15     -     -  AA-1  AA-2  AA-1  AA-1  AA-1  AA-1  AA-1  AA-1  AA-1  AA-1     -
    Evt16     -  AA-2  AA-3     -  AA-3  AA-3  AA-3  AA-3  AA-3  AA-3  AA-3  AA-3  AA-2
    Evt17     -  AA-5  AA-4  AA-4  AA-4  AA-4  AA-4  AA-4  AA-4  AA-4  AA-4  AA-4  AR-5
    Evt18     -  AA-2     -     -     -     -     -     -     -     -     -     -  AA-2
    Evt19     -  AA-1  AA-8     -  AA-8  AA-8  AA-8  AA-8  AA-8  AA-8  AA-8  AA-8  AA-7
"""

TRANSITIONS: dict[tuple[str, str], str] = {
    (event, f"Sta{column}"): action
    for event, *cells in (line.split() for line in _TABLE.strip().splitlines())
    for column, action in enumerate(cells, start=1)
    if action != "-"
}

# the event that each PDU is, when it arrives (PS3.8 9.2.1)
PDU_EVENTS = {
    "A-ASSOCIATE-AC": "Evt3",
    "A-ASSOCIATE-RJ": "Evt4",
    "A-ASSOCIATE-RQ": "Evt6",
    "P-DATA-TF": "Evt10",
    "A-RELEASE-RQ": "Evt12",
    "A-RELEASE-RP": "Evt13",
    "A-ABORT": "Evt16",
    None: "Evt19",
}

# the event whose action sends each PDU, where the table sends it at all
SENDING_EVENTS = {
    "A-ASSOCIATE-RQ": "Evt2",
    "A-ASSOCIATE-AC": "Evt7",
    "A-ASSOCIATE-RJ": "Evt8",
    "P-DATA-TF": "Evt9",
    "A-RELEASE-RQ": "Evt11",
    "A-RELEASE-RP": "Evt14",
    "A-ABORT": "Evt15",
}
