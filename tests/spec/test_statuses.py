"""A status says what the service that sent it means by it."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

import pytest

from dicomlab.spec import command, names, statuses
from dicomlab.spec.statuses import status_text

MPPS = "1.2.840.10008.3.1.2.3.3"
FILM_SESSION = "1.2.840.10008.5.1.1.1"
UPS_PUSH = "1.2.840.10008.5.1.4.34.6.1"
UPS_PULL = "1.2.840.10008.5.1.4.34.6.3"
RELEVANT_PATIENT = "1.2.840.10008.5.1.4.37.1"
CT_IMAGE = "1.2.840.10008.5.1.4.1.1.2"

# SOP Classes whose service says just what its DIMSE service says: no row of MEANINGS is theirs
SAME_AS_DIMSE = {
    "Verification": names.VERIFICATION,
    "Storage": CT_IMAGE,
    "Query/Retrieve": "1.2.840.10008.5.1.4.1.2.2.1",
    "Modality Worklist": "1.2.840.10008.5.1.4.31",
    "Non-Patient Object Storage": "1.2.840.10008.5.1.4.38.1",
    "Storage Commitment": "1.2.840.10008.1.20.1",
}
OUT_OF_RESOURCES = "Refused: out of resources"
FINAL_STEP = "Processing failure; with Error ID A710H, the step may no longer be updated"
# where the reference has other words, for a code of a DIMSE service; all others are its own
OUR_WORDS = {
    ("A700", "C-FIND"): OUT_OF_RESOURCES,
    ("A700", "C-STORE"): OUT_OF_RESOURCES,
    ("A900", "C-FIND"): "Identifier does not match SOP Class",
    **{
        (code, service): meaning
        for service in ("C-MOVE", "C-GET")
        for code, meaning in (
            ("A701", f"{OUT_OF_RESOURCES}, unable to count the matches"),
            ("A702", f"{OUT_OF_RESOURCES}, unable to perform sub-operations"),
            ("B000", "Sub-operations complete - one or more failures or warnings"),
        )
    },
    ("0110", "N-SET"): FINAL_STEP,
    ("B001", "C-FIND"): "Matching reached the response limit; send a follow-up request",
}


def services(operation: str, code: str) -> list[str]:
    """The DIMSE services that an entry of the reference speaks of, for one of its codes."""
    if operation.startswith("N-*"):
        found = [name for name in statuses.SERVICES if name.startswith("N-")]
        return ["C-FIND"] if code in ("A700", "A900", "Cxxx", "FE00", "FF00", "FF01") else found
    if operation == "N-CREATE/N-SET/N-GET" and code == "0110":
        return ["N-SET"]  # as its meaning says
    return operation.replace(" and others", "").split("/")


def first_and_last(code: str) -> tuple[int, int]:
    return int(code.replace("x", "0"), 16), int(code.replace("x", "F"), 16)


def reference_rows(tables: dict[str, Any]) -> list[tuple[str, str, str, str, str]]:
    """Service class, DIMSE service, code, meaning in our words, class."""
    return [
        (
            one["service_class"],
            service,
            row["code"],
            OUR_WORDS.get((row["code"], service), row["meaning"]),
            row["status_class"],
        )
        for one in tables["statuses"]["by_service_class"]
        for row in one["statuses"]
        for service in services(one["operation"], row["code"])
    ]


def sop_classes(service_class: str, service: str) -> set[str]:
    found = {
        uid
        for row in statuses.MEANINGS
        if row.service_class == service_class and service in (*row.services, "C-FIND")
        for uid in row.sop_classes
    }
    return found or {SAME_AS_DIMSE[service_class]}


# --- compared with the reference ------------------------------------------------------------------


def test_each_service_lists_the_shared_statuses_of_its_clause(tables: dict[str, Any]) -> None:
    expected = {
        service: (one["source"], tuple(int(code, 16) for code in one["codes"]))
        for service, one in tables["statuses"]["by_service"].items()
    }
    ours = {name: (row.clause, row.shared) for name, row in statuses.SERVICES.items()}
    assert ours == expected


def test_each_service_class_says_what_its_table_says(tables: dict[str, Any]) -> None:
    rows = reference_rows(tables)
    assert rows
    for service_class, service, code, meaning, _ in rows:
        for uid in sop_classes(service_class, service):
            for status in first_and_last(code):
                assert status_text(status, service, uid) == meaning, (service_class, service, code)


def test_no_service_class_says_more_than_its_table(tables: dict[str, Any]) -> None:
    known = {row[:4] for row in reference_rows(tables)}
    for row in statuses.MEANINGS:
        for service in row.services:
            for code, meaning in row.codes.items():
                assert (row.service_class, service, code, meaning) in known


def test_a_status_has_one_class_by_its_value_and_by_its_service(tables: dict[str, Any]) -> None:
    for _, _, code, _, status_class in reference_rows(tables):
        for status in first_and_last(code):
            assert names.status_class(status) == status_class, code


def test_the_classes_are_the_ranges_of_annex_c(tables: dict[str, Any]) -> None:
    expected: dict[int, str] = {}
    for one in tables["statuses"]["classes"]:
        for text in one["codes"]:
            codes, _, but = text.partition(" except ")
            first, _, last = codes.partition("-")
            left_out = {int(code, 16) for code in re.findall("[0-9A-F]{4}", but)}
            for status in range(int(first, 16), int(last or first, 16) + 1):
                if status not in left_out:
                    assert expected.setdefault(status, one["status_class"]) == one["status_class"]
    for status in range(0x10000):
        assert names.status_class(status) == expected.get(status), f"{status:04X}"


def test_shared_statuses_say_the_same_for_every_service(tables: dict[str, Any]) -> None:
    for one in tables["statuses"]["general"]:
        status, meaning = int(one["code"], 16), re.sub(r" \(.*\)$", "", one["meaning"])
        for service, row in statuses.SERVICES.items():
            if status in row.shared and status != 0xFE00:  # a Cancel says what it stopped
                assert status_text(status, service) == meaning


# --- by themselves --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "service", "sop_class", "meaning"),
    [
        # one code, several services
        (0xB000, "C-STORE", CT_IMAGE, "Coercion of data elements"),
        (0xB000, "C-MOVE", None, "Sub-operations complete - one or more failures or warnings"),
        (0xB000, "C-GET", None, "Sub-operations complete - one or more failures or warnings"),
        (0xB000, "C-FIND", None, "Warning"),
        (0xA900, "C-STORE", None, "Data set does not match SOP Class"),
        (0xA900, "C-FIND", None, "Identifier does not match SOP Class"),
        (0xC123, "C-STORE", None, "Cannot understand"),
        (0xC123, "C-FIND", None, "Unable to process"),
        (0xA801, "C-MOVE", None, "Refused: move destination unknown"),
        (0xA801, "C-GET", None, "Failure"),
        (0xFF00, "C-MOVE", None, "Sub-operations going on"),
        (0xFF01, "C-MOVE", None, "Pending, with a warning"),
        # ranges end where they end
        (0xA6FF, "C-STORE", None, "Failure"),
        (0xA700, "C-STORE", None, "Refused: out of resources"),
        (0xA7FF, "C-STORE", None, "Refused: out of resources"),
        (0xA800, "C-STORE", None, "Failure"),
        (0xA701, "C-FIND", None, "Failure"),
        (0xCFFF, "C-MOVE", None, "Unable to process"),
        (0xD000, "C-MOVE", None, None),
        # what the SOP Class says goes before what the service says, and only in its services
        (0xC100, "C-FIND", RELEVANT_PATIENT, "More than one match found"),
        (0xC101, "C-FIND", RELEVANT_PATIENT, "Unable to process"),
        (0xC300, "N-SET", UPS_PUSH, "UPS may no longer be updated"),
        (0xC300, "C-FIND", UPS_PULL, "Unable to process"),
        (0xC300, "N-SET", MPPS, "Failure"),
        (0x0110, "N-SET", MPPS, FINAL_STEP),
        (0x0110, "N-CREATE", MPPS, "Processing failure"),
        (0xB600, "N-CREATE", FILM_SESSION, "Memory allocation not supported"),
        (0xB600, "N-CREATE", None, "Warning"),
        (0xB600, "C-STORE", FILM_SESSION, "Warning"),
        # what all share, for whatever service and SOP Class
        (0x0000, "C-ECHO", names.VERIFICATION, "Success"),
        (0x0122, "C-STORE", "1.2.3", "Refused: SOP Class not supported"),
        (0x0211, "N-NOTHING", None, "Unrecognized operation"),
        (0x0131, "N-ACTION", "1.2.840.10008.1.20.1", "Failure"),
        (0x0300, "N-ACTION", None, None),
    ],
)  # fmt: skip
def test_a_status_means_what_its_service_means(
    status: int, service: str, sop_class: str | None, meaning: str | None
) -> None:
    assert status_text(status, service, sop_class) == meaning


def test_without_a_service_every_status_says_what_all_share() -> None:
    for status in range(0x10000):
        assert status_text(status) == names.status_text(status)
        assert status_text(status, None, UPS_PUSH) == names.status_text(status)


def test_every_status_with_a_class_says_something_in_every_service() -> None:
    for status in range(0x10000):
        for service in statuses.SERVICES:
            assert (status_text(status, service) is None) == (names.status_class(status) is None)


def test_each_service_answers_with_a_message() -> None:
    answers = {row.name for row in command.MESSAGES if row.name.endswith("-RSP")}
    assert {f"{name}-RSP" for name in statuses.SERVICES} == answers
    for row in statuses.MEANINGS:
        assert set(row.services) <= set(statuses.SERVICES)


def test_codes_are_written_as_the_lookup_reads_them_and_said_once() -> None:
    said = Counter(
        (service, sop_class, code)
        for row in statuses.MEANINGS
        for service in row.services
        for sop_class in row.sop_classes or (None,)
        for code in row.codes
    )
    assert set(said.values()) == {1}
    for _, _, code in said:
        assert re.fullmatch("[0-9A-F]{4}|[0-9A-F]{2}xx|[0-9A-F]xxx", code)


def test_sop_classes_are_registered() -> None:
    for row in statuses.MEANINGS:
        for uid in row.sop_classes:
            assert names.uid_name(uid), uid
