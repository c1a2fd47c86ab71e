"""Every finding: its code, how grave it is, why it matters, who changes what, and the clause.

What was found (the numbers and texts of the case) is said by the one place that raises it.
A code never changes its meaning.
"""

from __future__ import annotations

from typing import NamedTuple

from dicomlab.model import Severity


class FindingRow(NamedTuple):
    """One code."""

    severity: Severity
    why: str
    remedy: str
    clause: str


_SENDER = "The maker of the sending application"

# --- one PDU shows them by itself ---------------------------------------------------------------
_CODEC: dict[str, FindingRow] = {
    "not-dicom-http": FindingRow(
        "error", "These bytes are HTTP: a web client or a web server, not a DICOM application.",
        "Whoever configured the caller sets the port of the DICOM service, not that of the web "
        "service.", "PS3.8 9.3.1"),
    "not-dicom-tls": FindingRow(
        "error", "These bytes are a TLS record: one side speaks TLS, the other does not.",
        "Switch TLS on at both ends or off at both; DICOM over TLS has a port of its own.",
        "PS3.15 B.12"),
    "not-dicom-ssh": FindingRow(
        "error", "These bytes are an SSH banner.",
        "Whoever configured the caller sets the port of the DICOM service.", "PS3.8 9.3.1"),
    "not-dicom-other": FindingRow(
        "error", "A DICOM conversation begins with a PDU type of 01H to 07H.",
        "Check which service listens on this port, and set the DICOM port at the caller.",
        "PS3.8 9.3.1"),
    "pdu-type-unknown": FindingRow(
        "error", "PDU types other than 01H to 07H do not exist; the receiver aborts (Evt19).",
        f"{_SENDER} sends a defined PDU type.", "PS3.8 9.3.1"),
    "pdu-header-truncated": FindingRow(
        "error", "A PDU header has 6 bytes; the bytes end before.",
        "Find out what ended the connection or the recording here.", "PS3.8 9.3.1"),
    "pdu-truncated": FindingRow(
        "error", "PDU-length announces more bytes than are there: the receiver waits for the rest.",
        f"Find out what ended the bytes here; if nothing did, {_SENDER.lower()} mends PDU-length.",
        "PS3.8 9.3.1"),
    "pdu-length-implausible": FindingRow(
        "error", "No sane PDU is that long; whoever believes the length waits for ever.",
        f"{_SENDER} mends PDU-length; receivers limit what they take.", "PS3.8 9.3.1"),
    "pdu-length-too-short": FindingRow(
        "error", "PDU-length leaves no room for the fields that this PDU always has.",
        f"{_SENDER} mends PDU-length.", "PS3.8 9.3.1"),
    "pdu-length-wrong-fixed": FindingRow(
        "error", "This PDU always has a PDU-length of 4.",
        f"{_SENDER} sends PDU-length 00000004H.", "PS3.8 9.3.4"),
    "stream-misaligned": FindingRow(
        "error", "What follows the previous PDU is no PDU header: its PDU-length was probably wrong.",
        f"{_SENDER} mends the PDU-length of the PDU before.", "PS3.8 9.3.1"),
    "reserved-nonzero": FindingRow(
        "info", "Reserved fields are sent as zero and not tested on receipt: nothing breaks.",
        "Nobody has to change anything.", "PS3.8 9.3.1"),
    "protocol-version-unsupported": FindingRow(
        "error", "Bit 0 stands for version 1, the only version there is; the acceptor rejects.",
        f"{_SENDER} sends 0001H, big endian.", "PS3.8 Table 9-11"),
    "protocol-version-extra-bits": FindingRow(
        "info", "Only bit 0 is tested: the request must be accepted.",
        "Nobody has to change anything; an acceptor that refuses this is wrong.",
        "PS3.8 Table 9-11"),
    "ae-empty": FindingRow(
        "error", "An AE title of nothing but spaces names nobody.",
        "Whoever configured the caller enters the AE title.", "PS3.8 Table 9-11"),
    "ae-invalid-char": FindingRow(
        "error", "An AE title holds printable ASCII without the backslash: no accents, no control "
        "characters.", "Whoever gave the AE title chooses one of letters, digits and _.",
        "PS3.5 6.2"),
    "ae-nul-padded": FindingRow(
        "warning", "AE titles are filled up with spaces; some peers compare the NULs and refuse.",
        f"{_SENDER} pads with 20H.", "PS3.8 Table 9-11"),
    "ae-leading-space": FindingRow(
        "info", "Spaces at either end do not count.",
        "Whoever configured the caller may take the space away, since some peers do compare it.",
        "PS3.8 Table 9-11"),
    "item-unknown": FindingRow(
        "warning", "An item of unknown type is skipped by its length, and is no reason to reject.",
        "Nobody has to change anything; if the peer aborts here, leave the item out.",
        "PS3.8 9.3.1"),
    "item-missing": FindingRow(
        "error", "An item that every PDU of this type carries is not there.",
        f"{_SENDER} adds it.", "PS3.8 9.3.2"),
    "item-duplicate": FindingRow(
        "error", "This item may stand here once only.", f"{_SENDER} sends it once.",
        "PS3.8 9.3.2"),
    "item-misplaced": FindingRow(
        "error", "This item does not belong into this PDU or item.",
        f"{_SENDER} leaves it out here.", "PS3.8 9.3.2"),
    "item-order": FindingRow(
        "warning", "Items come in increasing order of their types; some peers rely on it.",
        f"{_SENDER} sends them in order.", "PS3.8 9.3.1"),
    "item-length-overrun": FindingRow(
        "error", "Item-length points beyond the PDU or item that holds it.",
        f"{_SENDER} mends Item-length.", "PS3.8 9.3.1"),
    "item-length-wrong": FindingRow(
        "error", "The length does not fit what the item holds.",
        f"{_SENDER} mends the length.", "PS3.8 9.3.1"),
    "item-header-truncated": FindingRow(
        "error", "An item header has 4 bytes; fewer are left.",
        f"{_SENDER} mends the lengths around it.", "PS3.8 9.3.1"),
    "app-context-unknown": FindingRow(
        "error", "There is one application context name in DICOM.",
        f"{_SENDER} sends 1.2.840.10008.3.1.1.1, not padded.", "PS3.7 A.2.1"),
    "context-id-even": FindingRow(
        "error", "Presentation context IDs are odd.", f"{_SENDER} uses 1, 3, 5 and so on.",
        "PS3.8 Table 9-13"),
    "context-id-zero": FindingRow(
        "error", "Presentation context IDs are odd numbers from 1 to 255.",
        f"{_SENDER} uses 1, 3, 5 and so on.", "PS3.8 Table 9-13"),
    "context-id-duplicate": FindingRow(
        "error", "An ID stands for one presentation context: nobody can tell these apart.",
        f"{_SENDER} gives each context its own ID.", "PS3.8 Table 9-13"),
    "context-result-unknown": FindingRow(
        "error", "Results are 0 to 4.", f"{_SENDER} answers with one of them.",
        "PS3.8 Table 9-18"),
    "abstract-syntax-count": FindingRow(
        "error", "A proposed context names exactly one abstract syntax.",
        f"{_SENDER} sends one 30H in each 20H.", "PS3.8 Table 9-13"),
    "transfer-syntax-count": FindingRow(
        "error", "A proposed context lists at least one transfer syntax, an answered one exactly "
        "one.", f"{_SENDER} sends as many 40H as that.", "PS3.8 Table 9-18"),
    "uid-empty": FindingRow(
        "error", "A UID of no characters names nothing.", f"{_SENDER} sends the UID.",
        "PS3.5 9.1"),
    "uid-too-long": FindingRow(
        "error", "A UID has at most 64 characters.", f"{_SENDER} uses a shorter UID.",
        "PS3.5 9.1"),
    "uid-bad-char": FindingRow(
        "error", "A UID is a row of numbers with full stops between.",
        f"{_SENDER} sends a well-formed UID.", "PS3.5 9.1"),
    "uid-leading-zero": FindingRow(
        "error", "A component of a UID is 0, or does not begin with 0.",
        f"{_SENDER} sends a well-formed UID.", "PS3.5 9.1"),
    "uid-padded": FindingRow(
        "warning", "UIDs in association PDUs are not padded: some peers compare the padding too.",
        f"{_SENDER} leaves the padding away.", "PS3.8 annex F"),
    "uid-pad-space": FindingRow(
        "warning", "A UID in a command set is padded with NUL, not with a space.",
        f"{_SENDER} pads with 00H.", "PS3.5 6.2"),
    "max-length-zero": FindingRow(
        "info", "0 says that no limit is stated: the peer may send PDUs of any length.",
        "Nobody has to change anything.", "PS3.8 D.1"),
    "max-length-too-small": FindingRow(
        "error", "Not even one fragment of two bytes fits into a PDU of this length.",
        "Whoever configured the sending application raises its maximum PDU length.",
        "PS3.8 D.1"),
    "max-length-huge": FindingRow(
        "info", "Very large PDUs are legal.", "Nobody has to change anything.", "PS3.8 D.1"),
    "version-name-length": FindingRow(
        "error", "An implementation version name has 1 to 16 characters.",
        f"{_SENDER} shortens it.", "PS3.7 D.3.3.2"),
    "user-identity-type": FindingRow(
        "error", "User identity types are 1 to 5.", f"{_SENDER} sends a defined type.",
        "PS3.7 D.3.3.7"),
    "pdv-length-too-small": FindingRow(
        "error", "A PDV holds at least its context ID and its message control header: 2 bytes.",
        f"{_SENDER} mends the PDV's Item-length.", "PS3.8 Table 9-23"),
    "pdv-empty": FindingRow(
        "warning", "A PDV without a fragment must not be sent; a receiver should cope with it.",
        f"{_SENDER} sends no empty fragments.", "PS3.8 E.1"),
    "pdv-odd": FindingRow(
        "error", "Every fragment has an even number of bytes.",
        f"{_SENDER} cuts at even places.", "PS3.8 E.1"),
    "pdv-length-overrun": FindingRow(
        "error", "The PDV's Item-length points beyond its PDU.",
        f"{_SENDER} mends the PDV's Item-length.", "PS3.8 Table 9-23"),
    "pdv-none": FindingRow(
        "error", "A P-DATA-TF carries at least one PDV.", f"{_SENDER} sends no empty P-DATA-TF.",
        "PS3.8 9.3.5"),
    "pdv-trailing": FindingRow(
        "error", "The bytes behind the last PDV are too few for another one.",
        f"{_SENDER} mends PDU-length or the PDV's Item-length.", "PS3.8 9.3.5"),
    "mch-reserved-bits": FindingRow(
        "warning", "Bits 2 to 7 of the message control header are sent as 0 and never tested.",
        f"{_SENDER} sends 00H to 03H.", "PS3.8 E.2"),
    "pdv-same-type-repeated": FindingRow(
        "info", "Two fragments of the same kind in one PDU are discouraged, but must be handled.",
        f"{_SENDER} may join them.", "PS3.8 E.1"),
    "pdv-mixed-context": FindingRow(
        "error", "All PDVs of a message, and so of a PDU, belong to one presentation context.",
        f"{_SENDER} uses one context a message.", "PS3.8 E.1"),
    "pdv-mixed-message": FindingRow(
        "error", "A P-DATA-TF carries fragments of one message only.",
        f"{_SENDER} begins a new PDU for a new message.", "PS3.8 E.1"),
    "cmd-empty": FindingRow(
        "error", "A command set has elements.", f"{_SENDER} sends the command set.",
        "PS3.7 6.3"),
    "cmd-group-length-missing": FindingRow(
        "warning", "A command set begins with its length, (0000,0000).",
        f"{_SENDER} adds it.", "PS3.7 E.1"),
    "cmd-group-length-wrong": FindingRow(
        "warning", "(0000,0000) counts the bytes behind its own value; some receivers rely on it.",
        f"{_SENDER} mends it.", "PS3.7 E.1"),
    "cmd-big-endian": FindingRow(
        "error", "A command set is always little endian, whatever transfer syntax was agreed on.",
        f"{_SENDER} encodes it as Implicit VR Little Endian.", "PS3.7 6.3.1"),
    "cmd-explicit-vr": FindingRow(
        "error", "A command set never carries VR letters, whatever transfer syntax was agreed on.",
        f"{_SENDER} encodes it as Implicit VR Little Endian.", "PS3.7 6.3.1"),
    "cmd-order": FindingRow(
        "warning", "Elements come in ascending order of their tags.",
        f"{_SENDER} sorts them.", "PS3.7 6.3.1"),
    "cmd-duplicate-tag": FindingRow(
        "error", "Each element stands once in a command set.", f"{_SENDER} sends it once.",
        "PS3.7 6.3.1"),
    "cmd-foreign-group": FindingRow(
        "error", "A command set holds elements of group 0000 only.",
        f"{_SENDER} sends this element in the data set, if at all.", "PS3.7 6.3.1"),
    "cmd-unknown-element": FindingRow(
        "warning", "The standard knows no such element in group 0000.",
        f"{_SENDER} leaves it out.", "PS3.7 E.1"),
    "cmd-retired": FindingRow(
        "info", "This element is retired: no longer sent, ignored on receipt.",
        f"{_SENDER} may leave it out.", "PS3.7 E.2"),
    "cmd-element-overrun": FindingRow(
        "error", "The value length points beyond the command set.",
        f"{_SENDER} mends the value length.", "PS3.7 6.3.1"),
    "cmd-truncated": FindingRow(
        "error", "An element has a tag and a value length, 8 bytes; fewer are left.",
        f"{_SENDER} mends the lengths around it.", "PS3.7 6.3.1"),
    "cmd-odd-length": FindingRow(
        "error", "Every value has an even length.", f"{_SENDER} pads it.", "PS3.7 6.3.1"),
    "cmd-value-length": FindingRow(
        "error", "The value's length does not fit its value representation.",
        f"{_SENDER} mends the value.", "PS3.5 6.2"),
    "cmd-missing-element": FindingRow(
        "error", "An element that every message of this kind carries is not there.",
        f"{_SENDER} adds it.", "PS3.7 9.3"),
    "cmd-field-unknown": FindingRow(
        "error", "The Command Field names no message of the standard.",
        f"{_SENDER} sends a defined Command Field.", "PS3.7 E.1"),
    "status-missing": FindingRow(
        "error", "A response without a status says nothing.", f"{_SENDER} adds (0000,0900).",
        "PS3.7 9.3"),
    "status-unknown": FindingRow(
        "warning", "The status lies outside all ranges of the standard.",
        f"{_SENDER} uses a status of PS3.7 annex C.", "PS3.7 annex C"),
    "reject-unknown-code": FindingRow(
        "warning", "The standard gives no meaning to this result, source and reason together.",
        f"{_SENDER} uses a defined combination; ask its log for the reason.",
        "PS3.8 Table 9-21"),
    "abort-reserved-code": FindingRow(
        "warning", "The standard gives no meaning to this source and reason together.",
        f"{_SENDER} uses a defined combination; ask its log for the reason.",
        "PS3.8 Table 9-26"),
}
# --- what only an attempt shows; dissect raises them too, where a file shows the same ------------
_NET: dict[str, FindingRow] = {
    "name-unresolved": FindingRow(
        "error", "The name stands for no address: nothing was sent to anybody.",
        "Whoever configured the caller corrects the name, or enters the address.", "RFC 1034"),
    "host-unreachable": FindingRow(
        "error", "No way leads to this address: DICOM has not even begun.",
        "Whoever runs the network checks address, cable, VPN and routes between the two.",
        "RFC 1122"),
    "connect-forbidden": FindingRow(
        "error", "The calling machine itself does not let this connection out.",
        "Whoever runs the calling machine allows the connection in its firewall.", "RFC 1122"),
    "connection-refused": FindingRow(
        "error", "The machine is there, but nothing listens on this port.",
        "Whoever runs the called machine starts the service; or the caller corrects the port.",
        "RFC 9293"),
    "connect-timeout": FindingRow(
        "error", "The connection request was never answered: a firewall drops it, or the machine "
        "is off.", "Whoever runs the network opens the way from the caller to this port.",
        "RFC 9293"),
}
# --- what takes both directions, their order, time or state --------------------------------------
_LINT: dict[str, FindingRow] = {
    "peer-silent": FindingRow(
        "error", "The peer holds the connection and says nothing: what should come next never did.",
        "Whoever runs the silent application looks into its log at that second.", "PS3.8 9.1.5"),
    "peer-closed": FindingRow(
        "error", "The connection ended without the PDU that should come first.",
        "Whoever runs the closing application looks into its log at that second.",
        "PS3.8 9.1.4"),
    "association-rejected": FindingRow(
        "error", "The acceptor wants no association with this requestor as it asked for it.",
        "What the result, source and reason name is corrected where they point to.",
        "PS3.8 Table 9-21"),
    "association-aborted": FindingRow(
        "error", "One side ended the association at once; what was under way is lost.",
        "Whoever runs the aborting application looks into its log at that second.",
        "PS3.8 Table 9-26"),
    "sequence-unexpected-pdu": FindingRow(
        "error", "The state machine allows no such PDU here; the receiver aborts.",
        f"{_SENDER} follows PS3.8 Table 9-10.", "PS3.8 Table 9-10"),
    "context-refused": FindingRow(
        "warning", "The acceptor refuses the presentation context, and not for its syntaxes.",
        "Whoever runs the acceptor allows the SOP Class to this requestor, or looks into its log.",
        "PS3.8 Table 9-18"),
    "context-unanswered": FindingRow(
        "warning", "Every proposed presentation context gets an answer; this one did not.",
        f"{_SENDER} answers each of them.", "PS3.8 9.3.3.2"),
    "context-id-not-proposed": FindingRow(
        "error", "The presentation context ID was never proposed.",
        f"{_SENDER} uses the proposed IDs.", "PS3.8 Table 9-18"),
    "transfer-syntax-not-proposed": FindingRow(
        "error", "The acceptor chooses one of the transfer syntaxes that were proposed.",
        f"{_SENDER} chooses one of them.", "PS3.8 Table 9-18"),
    "ac-echo-differs": FindingRow(
        "info", "The acceptor sends these bytes of the request back; nobody tests them.",
        "Nobody has to change anything.", "PS3.8 Table 9-17"),
    "cmd-data-set-flag": FindingRow(
        "error", "Command Data Set Type says that a data set follows, and none does; or the other "
        "way round.", f"{_SENDER} sends 0101H where none follows, and only there.", "PS3.7 9.3"),
    "sop-class-mismatch": FindingRow(
        "error", "The message names another SOP Class than its presentation context.",
        f"{_SENDER} names the abstract syntax of the context.", "PS3.7 9.1.5"),
    "response-unexpected": FindingRow(
        "error", "The message answers nothing that was asked: no such request is open.",
        f"{_SENDER} answers the request, with its Message ID.", "PS3.7 9.1"),
    "status-not-for-service": FindingRow(
        "warning", "The standard lists no such status for this service.",
        f"{_SENDER} uses a status of the service.", "PS3.7 9.1.5.1.4"),
    "dimse-status": FindingRow(
        "error", "The request arrived and was understood, and the answer is not Success.",
        "Whoever runs the answering application looks into its log for the request.",
        "PS3.7 annex C"),
    "ae-unknown": FindingRow(
        "error", "The AE title is well formed, but not one that the acceptor knows.",
        "The AE title is registered where it is unknown, or corrected where it is entered.",
        "PS3.8 Table 9-21"),
    "no-context-accepted": FindingRow(
        "error", "The association was accepted, but none of its presentation contexts: there is "
        "nothing that could be sent over it.",
        "Both ends are given an abstract syntax and a transfer syntax in common.",
        "PS3.8 Table 9-18"),
    "abstract-syntax-unsupported": FindingRow(
        "info", "The acceptor offers no such SOP Class: nothing of it can be sent here.",
        "Whoever needs it enables the SOP Class at the acceptor, or calls one that offers it.",
        "PS3.8 Table 9-18"),
    "transfer-syntax-unsupported": FindingRow(
        "info", "The acceptor takes the SOP Class, but in none of the proposed transfer syntaxes.",
        "Whoever needs it proposes Implicit VR Little Endian as well, or enables the syntax at the "
        "acceptor.", "PS3.8 Table 9-18"),
    "context-id-not-accepted": FindingRow(
        "error", "The presentation context was proposed, but not accepted: nothing may be sent in "
        "it.", f"{_SENDER} uses accepted contexts only.", "PS3.8 7.1.1.14"),
    "answer-not-proposed": FindingRow(
        "error", "The acceptor answers what the requestor did not propose.",
        "The maker of the accepting application leaves it out.", "PS3.7 D.3.3"),
    "user-identity-unanswered": FindingRow(
        "warning", "The requestor asked for an answer to its user identity, and none came: it may "
        "end the association.", "Whoever runs the acceptor switches user identity on; or the "
        "requestor does not ask for an answer.", "PS3.7 D.3.3.7"),
    "role-not-negotiated": FindingRow(
        "error", "Who accepts an association may ask for a service only in a role that was agreed "
        "on.", "The requestor proposes the SCP role for this SOP Class, and the acceptor grants "
        "it.", "PS3.7 D.3.3.4"),
    "max-length-exceeded": FindingRow(
        "error", "The receiver said how long a P-DATA-TF may be; this one is longer.",
        f"{_SENDER} keeps to the maximum length of its peer.", "PS3.8 D.1"),
    "sequence-ignored": FindingRow(
        "info", "The receiver had ended the association already, and ignores the PDU.",
        "Nobody has to change anything.", "PS3.8 Table 9-10"),
    "closed-without-release": FindingRow(
        "warning", "The connection was closed without a release: the peer cannot tell that from a "
        "failure.", "The maker of the closing application releases the "
        "association first.", "PS3.8 7.2"),
    "release-unanswered": FindingRow(
        "warning", "A release was asked for, and the A-RELEASE-RP never came; what was asked "
        "before is done.", "The maker of the application that was asked answers with an "
        "A-RELEASE-RP.", "PS3.8 7.2"),
    "request-unanswered": FindingRow(
        "error", "Every request gets a response; this one did not.",
        "Whoever runs the silent application looks into its log for the request.", "PS3.7 9.1"),
    "message-id-reused": FindingRow(
        "error", "A request with this Message ID is open: nobody can tell the answers apart.",
        "The maker of the asking application counts its Message IDs.", "PS3.7 9.1"),
    "operations-window-exceeded": FindingRow(
        "error", "More requests are open than were agreed on; without an agreement, one.",
        "The maker of the asking application waits for the answer, or negotiates an Asynchronous "
        "Operations Window.", "PS3.7 D.3.3.3"),
    "service-not-in-sop-class": FindingRow(
        "error", "The SOP Class of this message has no such service.",
        "The maker of the asking application asks for a service of the SOP Class.", "PS3.4"),
    "dimse-warning": FindingRow(
        "info", "The request was done, and not quite as it was asked for.",
        "Whoever runs the asking application reads what the answer warns of.", "PS3.7 annex C"),
}
# --- what the bytes of one direction or a capture file show --------------------------------------
_DISSECT: dict[str, FindingRow] = {
    "fragment-order": FindingRow(
        "error", "A data set fragment comes after the command set that announces it.",
        f"{_SENDER} sends the fragments in order.", "PS3.8 E.1"),
    "fragment-incomplete": FindingRow(
        "error", "The last fragment of the message never came: the receiver waits for it.",
        "Find out what ended the bytes here; if nothing did, the maker of the sending application "
        "marks and sends the last fragment.", "PS3.8 E.2"),
    "capture-one-way": FindingRow(
        "warning", "One direction was not recorded at all: what was answered cannot be said.",
        "Whoever records mirrors both directions of the port.", "RFC 9293"),
    "capture-begins-late": FindingRow(
        "info", "The recording began when the connection was already there.",
        "Whoever records starts before the association is requested.", "RFC 9293"),
    "capture-gap": FindingRow(
        "warning", "The connection carried these bytes, but the capture does not hold them.",
        "Whoever records uses a larger buffer, no snap length, and less other traffic.",
        "RFC 9293"),
    "tcp-retransmission-differs": FindingRow(
        "warning", "A segment came again with other bytes than before; what came first counts here, "
        "and nobody can say which of them the receiver took.",
        "Whoever runs the network looks for a device on the way that changes packets; if the "
        "capture was merged or edited, take the original.", "RFC 9293"),
    "pdus-unexplained": FindingRow(
        "warning", "So many PDUs of this direction are wrong that only the first hundreds were "
        "looked into.", "Mend what the other findings name, and record anew.", "PS3.8 9.3.1"),
    "capture-bytes-unread": FindingRow(
        "warning", "Behind missing bytes, reading goes on at the next PDU that is beyond doubt.",
        "Whoever records uses a larger buffer, no snap length, and less other traffic.",
        "PS3.8 9.3.1"),
    "capture-ends-early": FindingRow(
        "info", "The recording stopped before the association ended, or lacks what ended it.",
        "Whoever records stops after the connection is closed, and takes all of both directions.",
        "PS3.8 9.1"),
    "connection-encrypted": FindingRow(
        "info", "Both sides speak TLS: what they say inside, a capture cannot show.",
        "Nobody has to change anything; to see it, record at an end, by a relay without TLS.",
        "PS3.15 B.12"),
    "connection-unused": FindingRow(
        "info", "A TCP connection was made, and the capture shows not one byte over it: a port scan, "
        "a monitoring probe, a caller that gave up, or a capture that ends here.", "Nobody has to change anything.",
        "RFC 9293"),
}

# what raises them
SOURCES: dict[str, dict[str, FindingRow]] = {
    "codec": _CODEC, "net": _NET, "lint": _LINT, "dissect": _DISSECT,
}
FINDINGS: dict[str, FindingRow] = {
    code: row for rows in SOURCES.values() for code, row in rows.items()
}
