"""What other associations of a capture tell about one: who was accepted where, by which titles."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from dicomlab.model import AssociationLine

KNOWN = 4096  # acceptors, and titles at each of them, that are remembered


@dataclass(frozen=True, slots=True)
class Titles:
    """With which AE titles associations were accepted at an acceptor."""

    called: dict[str, str] = field(default_factory=dict)  # called title → one who called so
    calling: dict[str, str] = field(default_factory=dict)  # calling title → what it called
    by_address: dict[str, str] = field(default_factory=dict)  # address → its calling title


NOBODY = Titles()
Elsewhere = dict[str, Titles]  # by the acceptor's address and port


def elsewhere(associations: Iterable[AssociationLine]) -> Elsewhere:
    """What the accepted ones among these associations tell."""
    found: Elsewhere = {}
    for one in associations:
        calling, called = one.calling_ae_title, one.called_ae_title
        if not calling or not called or not one.negotiation["acceptor"]:
            continue
        if one.acceptor not in found and len(found) >= KNOWN:
            continue
        titles = found.setdefault(one.acceptor, Titles())
        if len(titles.calling) < KNOWN:
            titles.called.setdefault(called, calling)
            titles.calling.setdefault(calling, called)
            titles.by_address.setdefault(one.requestor.rpartition(":")[0], calling)
    return found
