"""What a DIMSE status means for the service that sent it (PS3.7 chapters 9 and 10, PS3.4).

B000H of a C-STORE and B000H of a C-MOVE are two meanings. Those that all services share, and the
classes by value, stand in ``names`` (PS3.7 annex C). A new meaning is a row of MEANINGS.
"""

from __future__ import annotations

from dataclasses import dataclass

from dicomlab.spec import names


@dataclass(frozen=True, slots=True)
class Service:
    """One DIMSE service, and the shared statuses that PS3.7 lists for it."""

    name: str
    clause: str
    shared: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Meanings:
    """What a service class says with its own statuses, in the answers of some DIMSE services.

    A code is written as the standard writes it: each x stands for any hexadecimal digit. Without
    SOP Classes, the meanings are those of the DIMSE service wherever a SOP Class has no other.
    """

    service_class: str
    clause: str
    services: tuple[str, ...]
    codes: dict[str, str]
    sop_classes: tuple[str, ...] = ()


# C-FIND, C-GET and C-MOVE may add Pending (FF00H, FF01H), whose values PS3.7 leaves to PS3.4
SERVICES: dict[str, Service] = {
    row.name: row
    for row in (
        Service("C-STORE",        "PS3.7 9.1.1.1.9",   (0x0000, 0x0117, 0x0122, 0x0124, 0x0210, 0x0211, 0x0212)),
        Service("C-FIND",         "PS3.7 9.1.2.1.6",   (0x0000, 0x0122, 0x0124, 0x0210, 0x0211, 0x0212, 0xFE00, 0xFF00, 0xFF01)),
        Service("C-GET",          "PS3.7 9.1.3.1.6",   (0x0000, 0x0122, 0x0124, 0x0210, 0x0211, 0x0212, 0xFE00, 0xFF00)),
        Service("C-MOVE",         "PS3.7 9.1.4.1.7",   (0x0000, 0x0122, 0x0124, 0x0210, 0x0211, 0x0212, 0xFE00, 0xFF00)),
        Service("C-ECHO",         "PS3.7 9.1.5.1.4",   (0x0000, 0x0122, 0x0210, 0x0211, 0x0212)),
        Service("N-EVENT-REPORT", "PS3.7 10.1.1.1.8",  (0x0000, 0x0110, 0x0112, 0x0113, 0x0114, 0x0115, 0x0117, 0x0118, 0x0119, 0x0210, 0x0211, 0x0212, 0x0213)),
        Service("N-GET",          "PS3.7 10.1.2.1.9",  (0x0000, 0x0107, 0x0110, 0x0112, 0x0117, 0x0118, 0x0119, 0x0124, 0x0210, 0x0211, 0x0212, 0x0213)),
        Service("N-SET",          "PS3.7 10.1.3.1.9",  (0x0000, 0x0105, 0x0106, 0x0107, 0x0110, 0x0112, 0x0116, 0x0117, 0x0118, 0x0119, 0x0121, 0x0124, 0x0210, 0x0211, 0x0212, 0x0213)),
        Service("N-ACTION",       "PS3.7 10.1.4.1.10", (0x0000, 0x0110, 0x0112, 0x0114, 0x0115, 0x0117, 0x0118, 0x0119, 0x0123, 0x0124, 0x0210, 0x0211, 0x0212, 0x0213)),
        Service("N-CREATE",       "PS3.7 10.1.5.1.6",  (0x0000, 0x0105, 0x0106, 0x0107, 0x0110, 0x0111, 0x0116, 0x0117, 0x0118, 0x0120, 0x0121, 0x0124, 0x0210, 0x0211, 0x0212, 0x0213)),
        Service("N-DELETE",       "PS3.7 10.1.6.1.7",  (0x0000, 0x0110, 0x0112, 0x0117, 0x0118, 0x0119, 0x0124, 0x0210, 0x0211, 0x0212, 0x0213)),
    )
}
_DIMSE_N = tuple(name for name in SERVICES if name.startswith("N-"))

_PRINT = (
    "1.2.840.10008.5.1.1.1",  # Basic Film Session
    "1.2.840.10008.5.1.1.2",  # Basic Film Box
    "1.2.840.10008.5.1.1.4",  # Basic Grayscale Image Box
    "1.2.840.10008.5.1.1.4.1",  # Basic Color Image Box
    "1.2.840.10008.5.1.1.9",  # Basic Grayscale Print Management Meta
    "1.2.840.10008.5.1.1.14",  # Print Job
    "1.2.840.10008.5.1.1.15",  # Basic Annotation Box
    "1.2.840.10008.5.1.1.16",  # Printer
    "1.2.840.10008.5.1.1.16.376",  # Printer Configuration Retrieval
    "1.2.840.10008.5.1.1.18",  # Basic Color Print Management Meta
    "1.2.840.10008.5.1.1.23",  # Presentation LUT
)
_PERFORMED_STEP = (
    "1.2.840.10008.3.1.2.3.3",  # Modality Performed Procedure Step
    "1.2.840.10008.3.1.2.3.4",  # Modality Performed Procedure Step Retrieve
)
_UNIFIED_STEP = (
    "1.2.840.10008.5.1.4.34.6.1",  # Push
    "1.2.840.10008.5.1.4.34.6.2",  # Watch
    "1.2.840.10008.5.1.4.34.6.3",  # Pull
    "1.2.840.10008.5.1.4.34.6.4",  # Event
    "1.2.840.10008.5.1.4.34.6.5",  # Query
)
_RELEVANT_PATIENT = (
    "1.2.840.10008.5.1.4.37.1",  # General
    "1.2.840.10008.5.1.4.37.2",  # Breast Imaging
    "1.2.840.10008.5.1.4.37.3",  # Cardiac
)
_EVENT_LOGGING = (
    "1.2.840.10008.1.40",  # Procedural Event Logging
    "1.2.840.10008.1.42",  # Substance Administration Logging
)
_MACHINE_VERIFICATION = (
    "1.2.840.10008.5.1.4.34.8",  # RT Conventional Machine Verification
    "1.2.840.10008.5.1.4.34.9",  # RT Ion Machine Verification
)
_MEDIA_CREATION = ("1.2.840.10008.5.1.1.33",)
_INVENTORY_CREATION = ("1.2.840.10008.5.1.4.1.1.201.5",)
_REPOSITORY_QUERY = ("1.2.840.10008.5.1.4.1.1.201.6",)

MEANINGS: tuple[Meanings, ...] = (
    # --- of the DIMSE service: Non-Patient Object Storage says the same as Storage; Modality
    # --- Worklist (K.4.1.1.4) and the search for a UPS (CC.2.8.4) the same as Query/Retrieve
    Meanings("Storage", "PS3.4 Table B.2-1", ("C-STORE",), {
        "A7xx": "Refused: out of resources",
        "A9xx": "Data set does not match SOP Class",
        "B000": "Coercion of data elements",
        "B006": "Elements discarded",
        "B007": "Data set does not match SOP Class (stored anyway)",
        "Cxxx": "Cannot understand",
    }),
    Meanings("Query/Retrieve", "PS3.4 C.4.1.1.4", ("C-FIND",), {
        "A700": "Refused: out of resources",
        "A900": "Identifier does not match SOP Class",
        "Cxxx": "Unable to process",
        "FE00": "Matching stopped by C-CANCEL",
        "FF00": "One match supplied; all optional keys handled like required keys",
        "FF01": "One match supplied; at least one optional key not supported",
    }),
    Meanings("Query/Retrieve", "PS3.4 C.4.2.1.5, C.4.3.1.4", ("C-MOVE", "C-GET"), {
        "A701": "Refused: out of resources, unable to count the matches",
        "A702": "Refused: out of resources, unable to perform sub-operations",
        "A900": "Identifier does not match SOP Class",
        "AA00": "None of the requested frames exist in the instance",
        "AA01": "Cannot create the new instance for this SOP Class",
        "AA02": "Cannot extract frames",
        "AA03": "Time-based request for an instance that is not time based",
        "AA04": "Invalid request",
        "B000": "Sub-operations complete - one or more failures or warnings",
        "Cxxx": "Unable to process",
        "FE00": "Stopped by C-CANCEL",
        "FF00": "Sub-operations going on",
    }),
    Meanings("Query/Retrieve", "PS3.4 C.4.2.1.5", ("C-MOVE",), {
        "A801": "Refused: move destination unknown",
    }),

    # --- of a SOP Class: only what differs from its DIMSE service and from PS3.7
    Meanings("Repository Query", "PS3.4 C.6.4", ("C-FIND",), {
        "A710": "Invalid prior record key",
        "B001": "Matching reached the response limit; send a follow-up request",
    }, _REPOSITORY_QUERY),
    Meanings("Relevant Patient Information", "PS3.4 Table Q.2-1", ("C-FIND",), {
        "C100": "More than one match found",
        "C200": "Requested template not supported",
        "FF00": "Current match supplied",
    }, _RELEVANT_PATIENT),
    Meanings("Modality Performed Procedure Step", "PS3.4 annex F", ("N-CREATE", "N-SET", "N-GET"), {
        "0001": "Requested optional attributes not supported",
    }, _PERFORMED_STEP),
    Meanings("Modality Performed Procedure Step", "PS3.4 Table F.7.2-2", ("N-SET",), {
        "0110": "Processing failure; with Error ID A710H, the step may no longer be updated",
    }, _PERFORMED_STEP),
    Meanings("Print Management", "PS3.4 annex H", ("N-CREATE", "N-SET", "N-ACTION"), {
        "B600": "Memory allocation not supported",
        "B601": "Film session collation not supported",
        "B602": "Film session has no image boxes (empty page)",
        "B603": "Film box has no image boxes (empty page)",
        "B604": "Image larger than image box, demagnified",
        "B605": "Requested density outside printer range, limit used",
        "B609": "Image larger than image box, cropped",
        "B60A": "Image or combined image larger than image box, decimated",
        "C600": "Film session has no film boxes",
        "C601": "Print job not created, queue full (film session)",
        "C602": "Print job not created, queue full (film box)",
        "C603": "Image larger than image box",
        "C605": "Not enough printer memory for the image",
        "C613": "Combined print image larger than image box",
        "C616": "Previous film box not printed yet; no new one created",
    }, _PRINT),
    Meanings("Media Creation Management", "PS3.4 annex S", ("N-CREATE", "N-ACTION", "N-GET"), {
        "0001": "Requested optional attributes not supported",
        "A510": "Media creation already started for this instance",
        "C201": "Request already completed",
        "C202": "Request in progress and cannot be interrupted",
        "C203": "Cancellation denied",
    }, _MEDIA_CREATION),
    Meanings("Application Event Logging", "PS3.4 annex P", ("N-ACTION",), {
        "B101": "Synchronization frame of reference differs",
        "B102": "Study Instance UID coerced",
        "B104": "IDs inconsistent, event logged",
        "C101": "Logging not available for this study",
        "C102": "Event information does not match template",
        "C103": "Event matches no current study",
        "C104": "IDs inconsistent, event not logged",
        "C10E": "Operator not authorised for medication record",
        "C110": "Patient not identifiable from the IDs",
        "C111": "Medication record update failed",
    }, _EVENT_LOGGING),
    Meanings("Unified Procedure Step", "PS3.4 annex CC", _DIMSE_N, {
        "0001": "Requested optional attributes not supported",
        "B300": "UPS created with modifications",
        "B301": "Deletion lock not granted",
        "B304": "UPS already CANCELED",
        "B305": "Invalid values coerced",
        "B306": "UPS already COMPLETED",
        "C300": "UPS may no longer be updated",
        "C301": "Transaction UID wrong or missing",
        "C302": "UPS already IN PROGRESS",
        "C303": "SCHEDULED can only be set by N-CREATE",
        "C304": "Final state requirements not met",
        "C307": "Instance does not exist or is not managed here",
        "C308": "Receiving AE title unknown",
        "C309": "Initial state was not SCHEDULED",
        "C310": "UPS not yet IN PROGRESS",
        "C311": "UPS already COMPLETED",
        "C312": "Performer cannot be contacted",
        "C313": "Performer refuses to cancel",
        "C314": "Action not appropriate for this instance",
        "C315": "Event reports not supported",
    }, _UNIFIED_STEP),
    Meanings("RT Machine Verification", "PS3.4 annex DD", _DIMSE_N, {
        "C112": "Machine verification instance not found",
        "C221": "Fraction group not in plan",
        "C222": "No beams in fraction group",
        "C223": "SCU already verifying",
        "C224": "Beam not in fraction group",
        "C225": "Device or accessory not supported",
        "C226": "Device or accessory not in beam",
        "C227": "Referenced RT Plan not found",
    }, _MACHINE_VERIFICATION),
    Meanings("Storage Management / Inventory", "PS3.4 Table KK.2.2.3-1", ("N-ACTION",), {
        "B010": "Some key attributes not supported for matching",
    }, _INVENTORY_CREATION),
)


# --- the same, to be looked up --------------------------------------------------------------------


def _by_service() -> dict[tuple[str, str | None], dict[str, str]]:
    found: dict[tuple[str, str | None], dict[str, str]] = {}
    for row in MEANINGS:
        for service in row.services:
            for sop_class in row.sop_classes or (None,):
                found.setdefault((service, sop_class), {}).update(row.codes)
    return found


_BY_SERVICE = _by_service()


def status_text(
    status: int, service: str | None = None, sop_class: str | None = None
) -> str | None:
    """What a status says in the answer of ``service`` ("C-STORE", "N-SET") for ``sop_class``.

    The most specific meaning wins: that of the SOP Class in this service, of the service, of all
    services, at last the class of the value. None if PS3.7 annex C has no range for it.
    """
    own = _own_text(status, service, sop_class) if service is not None else None
    return own or names.status_text(status)


def is_listed(status: int, service: str, sop_class: str | None = None) -> bool:
    """Whether the standard lists a status for the answers of ``service`` for ``sop_class``.

    What is left to the service classes counts as listed where the service is one of DIMSE-N: the
    tables here do not hold all of them.
    """
    known = SERVICES.get(service)
    if known is None or status in known.shared:
        return True
    if service in _DIMSE_N and not 0 < status < 0x1000:
        return True
    return _own_text(status, service, sop_class) is not None


def _own_text(status: int, service: str, sop_class: str | None) -> str | None:
    """What a status says in the answers of this service, and perhaps in no others."""
    code = f"{status:04X}"
    for key in ((service, sop_class), (service, None)):
        if codes := _BY_SERVICE.get(key):
            for written in (code, code[:-2] + "xx", code[:-3] + "xxx"):
                if written in codes:
                    return codes[written]
    return None
