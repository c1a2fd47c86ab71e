"""Which DIMSE services a SOP Class has (PS3.4), and which SOP Classes may stand in a context."""

from __future__ import annotations

from dicomlab.spec import names

_STORAGE = "1.2.840.10008.5.1.4.1.1."  # the root of the storage SOP Classes (PS3.6 annex A)
_QUERY_RETRIEVE = "1.2.840.10008.5.1.4.1.2."  # .model.service, as in _BY_LAST
_BY_LAST = {"1": ("C-FIND",), "2": ("C-MOVE",), "3": ("C-GET",)}

_EXACT: dict[str, tuple[str, ...]] = {
    names.VERIFICATION: ("C-ECHO",),
    "1.2.840.10008.1.20.1": ("N-ACTION", "N-EVENT-REPORT"),  # Storage Commitment Push
    "1.2.840.10008.1.40": ("N-ACTION",),  # Procedural Event Logging
    "1.2.840.10008.1.42": ("N-ACTION",),  # Substance Administration Logging
    "1.2.840.10008.3.1.2.3.3": ("N-CREATE", "N-SET"),  # Modality Performed Procedure Step
    "1.2.840.10008.3.1.2.3.4": ("N-GET",),  # the same, Retrieve
    "1.2.840.10008.3.1.2.3.5": ("N-EVENT-REPORT",),  # the same, Notification
    "1.2.840.10008.5.1.1.33": ("N-CREATE", "N-ACTION", "N-GET"),  # Media Creation
    "1.2.840.10008.5.1.4.1.1.200.4": ("C-FIND",),  # Defined Procedure Protocol
    "1.2.840.10008.5.1.4.1.1.200.5": ("C-MOVE",),
    "1.2.840.10008.5.1.4.1.1.200.6": ("C-GET",),
    "1.2.840.10008.5.1.4.1.1.201.2": ("C-FIND",),  # Inventory
    "1.2.840.10008.5.1.4.1.1.201.3": ("C-MOVE",),
    "1.2.840.10008.5.1.4.1.1.201.4": ("C-GET",),
    "1.2.840.10008.5.1.4.1.1.201.5": ("N-CREATE", "N-ACTION", "N-GET", "N-DELETE"),
    "1.2.840.10008.5.1.4.1.1.201.6": ("C-FIND",),  # Repository Query
    "1.2.840.10008.5.1.4.31": ("C-FIND",),  # Modality Worklist
    "1.2.840.10008.5.1.4.33": ("N-CREATE",),  # Instance Availability Notification
    "1.2.840.10008.5.1.4.34.6.1": ("N-CREATE", "N-GET", "N-ACTION", "N-SET"),  # UPS Push
    "1.2.840.10008.5.1.4.34.6.2": ("N-ACTION", "N-GET", "C-FIND"),  # UPS Watch
    "1.2.840.10008.5.1.4.34.6.3": ("C-FIND", "N-GET", "N-SET", "N-ACTION"),  # UPS Pull
    "1.2.840.10008.5.1.4.34.6.4": ("N-EVENT-REPORT",),  # UPS Event
    "1.2.840.10008.5.1.4.34.6.5": ("C-FIND",),  # UPS Query
    "1.2.840.10008.5.1.4.37.1": ("C-FIND",),  # Relevant Patient Information
    "1.2.840.10008.5.1.4.37.2": ("C-FIND",),
    "1.2.840.10008.5.1.4.37.3": ("C-FIND",),
}

_UNIFIED_STEP = "1.2.840.10008.5.1.4.34.6."
_PRINT = "1.2.840.10008.5.1.1."


def services_of(sop_class: str) -> tuple[str, ...] | None:
    """The DIMSE services that PS3.4 gives a SOP Class; None where that is not known here."""
    exact = _EXACT.get(sop_class)
    if exact is not None:
        return exact
    if sop_class.startswith(_QUERY_RETRIEVE):
        return _BY_LAST.get(sop_class.rpartition(".")[2])
    return ("C-STORE",) if sop_class.startswith(_STORAGE) else None


def may_stand_in(sop_class: str, abstract_syntax: str) -> bool:
    """Whether a message for ``sop_class`` belongs into a context of that abstract syntax.

    They are the same, but for the meta SOP Classes of printing, whose members share one context,
    and for the Unified Procedure Step, whose messages all name its Push SOP Class (PS3.4 CC.3.1).
    """
    return sop_class == abstract_syntax or any(
        sop_class.startswith(root) and abstract_syntax.startswith(root)
        for root in (_PRINT, _UNIFIED_STEP)
    )
