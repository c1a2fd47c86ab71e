"""Causes of failure: what each means, who changes what, and how to make sure of it.

A row is the text of a cause, with places for what the case says: ``{requestor}`` is an AE title and
where it calls from, ``{acceptor}`` an AE title and where it listens, ``{calling}`` and ``{called}``
are the AE titles alone, ``{here}`` and ``{there}`` the addresses, ``{port}`` the port; further ones
are given by the rule of ``verdict`` that names the cause. Which cause it is, and how likely, is
decided there.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CauseRow:
    """One cause, in words."""

    title: str
    who: str
    change: str
    confirm: str


_CALLER = "whoever configured {requestor}"
_PEER = "whoever runs {acceptor}"
_NETWORK = "whoever runs the network between {here} and {there}"
_PEER_MAKER = "the maker of the software of {acceptor}"
_CALLER_MAKER = "the maker of the software of {requestor}"
_PEER_LOG = "the log of {acceptor} at that second says it"

CAUSES: dict[str, CauseRow] = {
    # --- below DICOM ----------------------------------------------------------------------------
    "name-wrong": CauseRow(
        "the name of the machine is wrong",
        _CALLER,
        "correct the name {there}, or enter the address instead",
        "look the name up on the calling machine: nslookup {there}",
    ),
    "no-route": CauseRow(
        "no way leads to the machine",
        _NETWORK,
        "see that {there} is the right address, and that cable, VPN and routes lead there",
        "ping {there}, or traceroute {there}, on the calling machine",
    ),
    "firewall-at-caller": CauseRow(
        "the calling machine does not let the connection out",
        "whoever runs the calling machine",
        "allow connections to {there}, TCP port {port}, in its firewall",
        "the same command succeeds on another machine",
    ),
    "nothing-listens": CauseRow(
        "the DICOM service does not run, or not there",
        "whoever runs the machine {there}",
        "start the DICOM application, and see that it listens at {there}, TCP port {port}, and not "
        "on another interface only",
        "on {there}, the list of listening ports (ss -ltn, or netstat -an) shows port {port}",
    ),
    "port-wrong": CauseRow(
        "the port is wrong",
        _CALLER,
        "enter the port at which the DICOM application at {there} listens in place of {port}; many "
        "use 104 or 11112",
        "the conformance statement or the settings of the application at {there} name its port",
    ),
    "firewall-resets": CauseRow(
        "a firewall on the way refuses the connection",
        _NETWORK,
        "let TCP port {port} through from {here} to {there}",
        "record at {there} as well: the connection request never arrives there",
    ),
    "firewall-drops": CauseRow(
        "a firewall on the way drops the connection request",
        _NETWORK,
        "let TCP port {port} through from {here} to {there}, and the answers back",
        "record at {there} as well: the connection request never arrives there",
    ),
    "machine-off": CauseRow(
        "the machine is off, or has another address",
        _CALLER,
        "see that {there} is the right address and that the machine is switched on",
        "ping {there} from the same network",
    ),
    "caller-hung-up": CauseRow(
        "the caller connected and asked for nothing: a probe, or a caller that gave up",
        "whoever runs the machine {here}",
        "see what connects from there to {there}, TCP port {port}; if it is a monitor, nothing",
        "the log of {there} shows how often it comes",
    ),
    # --- not DICOM ------------------------------------------------------------------------------
    "web-server": CauseRow(
        "what listens there is a web server",
        _CALLER,
        "enter the port of the DICOM service at {there} in place of {port}: the one for DIMSE, not "
        "that of DICOMweb or of the web pages",
        "open http://{there}:{port}/ in a browser: it answers",
    ),
    "web-client": CauseRow(
        "what calls is a web browser or a web client",
        "whoever configured the client at {here}",
        "use the address of the web service; {there}, TCP port {port}, is a DICOM service",
        "the first bytes are an HTTP request",
    ),
    "other-service": CauseRow(
        "what listens there is no DICOM service",
        _CALLER,
        "enter the port of the DICOM service at {there} in place of {port}",
        "on {there}, the list of listening ports with their programs (ss -ltnp) names it",
    ),
    "other-client": CauseRow(
        "what calls does not speak DICOM",
        "whoever runs the machine {here}",
        "find the program that connects to {there}, TCP port {port}, and give it the right port",
        "the first bytes are no PDU",
    ),
    "tls-at-acceptor-only": CauseRow(
        "the acceptor wants TLS, and the requestor does not speak it",
        _CALLER,
        "switch TLS on for {there}, with a certificate that it trusts, or call its port without "
        "TLS; or whoever runs {acceptor} opens one without TLS",
        "openssl s_client -connect {there}:{port} shows a certificate",
    ),
    "tls-at-requestor-only": CauseRow(
        "the requestor speaks TLS, and the acceptor does not",
        _CALLER,
        "switch TLS off for {there}, TCP port {port}; or call its port for TLS, often 2762",
        "openssl s_client -connect {there}:{port} fails with a wrong version number",
    ),
    "tls-handshake": CauseRow(
        "the TLS handshake failed",
        "whoever runs the certificates of {here} and {there}",
        "let each side trust the other's certificate authority, and see that both have TLS 1.2 or "
        "later in common",
        "openssl s_client -connect {there}:{port} names what it does not accept",
    ),
    "acceptor-hangs": CauseRow(
        "the application took the connection, and does not work on it",
        _PEER,
        "see whether the application hangs or is overloaded, and start it anew",
        "a C-ECHO from another machine is not answered either; " + _PEER_LOG,
    ),
    "caller-not-allowed": CauseRow(
        "the acceptor does not take this caller, and says so by closing the connection",
        _PEER,
        "allow AE title {calling} at address {here}: in the list of known AE titles, and in the "
        "list of allowed addresses",
        _PEER_LOG,
    ),
    "acceptor-crashed": CauseRow(
        "the application failed while it took the request",
        _PEER,
        "see whether the application runs, and start it anew",
        _PEER_LOG + "; the system's log shows a crash",
    ),
    # --- the association is refused ----------------------------------------------------------------
    "calling-ae-title-unknown": CauseRow(
        "{calling} is not registered there",
        _PEER,
        "register the calling AE title {calling} with the address {here}. Capitals and inner "
        "spaces count",
        "its list of known AE titles (clients, peers, remote nodes) has no {calling}",
    ),
    "calling-ae-title-wrong": CauseRow(
        "the requestor calls itself by another AE title than the registered one",
        _CALLER,
        "set its own AE title to the one that is registered at {acceptor} in place of {calling}",
        "the AE title that the registration names for {here}",
    ),
    "called-ae-title-wrong": CauseRow(
        "{called} is not the AE title of the application there",
        _CALLER,
        "enter the AE title that the application at {there}, TCP port {port}, really has in place "
        "of {called}. Capitals and inner spaces count",
        "the settings of the application at {there} show its own AE title",
    ),
    "caller-refused": CauseRow(
        "the application refuses this caller, and does not say why",
        _PEER,
        "register the AE title {calling} together with the address {here}, and allow it to "
        "associate",
        _PEER_LOG,
    ),
    "application-context-wrong": CauseRow(
        "the request names another application context than that of DICOM",
        _CALLER_MAKER,
        "send 1.2.840.10008.3.1.1.1, not padded",
        "the Application-context-name of the A-ASSOCIATE-RQ",
    ),
    "application-context-refused": CauseRow(
        "the acceptor refuses the application context of DICOM",
        _PEER_MAKER,
        "accept 1.2.840.10008.3.1.1.1",
        "the Application-context-name of the A-ASSOCIATE-RQ",
    ),
    "user-identity-refused": CauseRow(
        "the acceptor does not take the user identity",
        _CALLER,
        "send a user name and passcode, token or ticket that {acceptor} knows",
        _PEER_LOG,
    ),
    "user-identity-wanted": CauseRow(
        "the acceptor wants a user identity, and the request has none",
        _CALLER,
        "switch user identity on for {acceptor}, with a name and passcode that it knows",
        _PEER_LOG,
    ),
    "user-identity-unanswered": CauseRow(
        "the requestor wants an answer to its user identity, and got none",
        _PEER,
        "switch user identity on; or let {requestor} ask for no answer",
        "the A-ASSOCIATE-AC has no item 59H",
    ),
    "protocol-version-wrong": CauseRow(
        "the request speaks no version of the protocol that there is",
        _CALLER_MAKER,
        "send Protocol-version 0001H, big endian",
        "the Protocol-version of the A-ASSOCIATE-RQ",
    ),
    "protocol-version-refused": CauseRow(
        "the acceptor refuses a version that it has to take",
        _PEER_MAKER,
        "test bit 0 of Protocol-version only",
        "the Protocol-version of the A-ASSOCIATE-RQ",
    ),
    "congestion": CauseRow(
        "the acceptor has no room at the moment",
        _PEER,
        "free disk, queue or workers; until then {requestor} tries again, later each time",
        "the same request is accepted later",
    ),
    "association-limit": CauseRow(
        "the acceptor has as many associations open as it allows",
        _PEER,
        "allow more at a time, or close those that hang by a shorter idle time-out; callers release "
        "theirs",
        "the same request is accepted once others have ended",
    ),
    "undefined-rejection": CauseRow(
        "the acceptor refuses for a reason that the standard does not define",
        _PEER_MAKER,
        "use the reasons of PS3.8 Table 9-21; what it means, its log says",
        _PEER_LOG,
    ),
    "refused-by-abort": CauseRow(
        "the acceptor does not take this caller, and aborts instead of rejecting",
        _PEER,
        "register AE title {calling} with the address {here}, and see that {called} is its own AE "
        "title",
        _PEER_LOG,
    ),
    "request-not-understood": CauseRow(
        "the acceptor cannot read the request",
        _PEER,
        "look into its log for the item that it dislikes, and compare the request with one that it "
        "accepts (dicomlab compare)",
        _PEER_LOG,
    ),
    # --- nothing in common ------------------------------------------------------------------------
    "sop-class-not-offered": CauseRow(
        "the acceptor does not offer {what}",
        _PEER,
        "enable {what} as an SCP at {called}; or whoever configured {requestor} calls the AE title "
        "that offers it",
        "the conformance statement of {acceptor} lists its SOP Classes",
    ),
    "transfer-syntax-not-common": CauseRow(
        "there is no transfer syntax in common for {what}",
        _CALLER,
        "propose Implicit VR Little Endian (1.2.840.10008.1.2) as well; or whoever runs {acceptor} "
        "allows {syntaxes}",
        "the conformance statement of {acceptor} lists its transfer syntaxes",
    ),
    "other-transfer-syntax-only": CauseRow(
        "the acceptor takes {what}, but not in {syntaxes}",
        _CALLER,
        "let it send in a transfer syntax that was accepted, and convert the images to that; or "
        "whoever runs {acceptor} allows {syntaxes}",
        "the log of {requestor} says that it could not convert, or had nothing to send",
    ),
    "implicit-vr-refused": CauseRow(
        "the acceptor refuses Implicit VR Little Endian for {what}",
        _PEER,
        "allow Implicit VR Little Endian (1.2.840.10008.1.2), which every application has to take; "
        "or {requestor} proposes Explicit VR Little Endian as well",
        "the conformance statement of {acceptor} lists its transfer syntaxes",
    ),
    "sop-class-not-allowed": CauseRow(
        "the acceptor does not allow {what} to this caller",
        _PEER,
        "allow {what} to AE title {calling} at {here}",
        _PEER_LOG,
    ),
    "context-refused": CauseRow(
        "the acceptor refuses {what} without a reason",
        _PEER,
        "look into its log; let {requestor} propose fewer presentation contexts at a time",
        _PEER_LOG,
    ),
    "context-unanswered": CauseRow(
        "the acceptor does not answer {what}",
        _PEER_MAKER,
        "answer every proposed presentation context with its own ID",
        "the presentation contexts of the A-ASSOCIATE-AC",
    ),
    "role-not-negotiated": CauseRow(
        "the roles were not agreed on",
        _CALLER,
        "propose the SCP role (item 54H) for {what}, which the acceptor then grants",
        "the SCP/SCU Role Selection items of both A-ASSOCIATE PDUs",
    ),
    "max-length-too-small": CauseRow(
        "{sender} takes no PDU that holds a message",
        "whoever configured {sender}",
        "raise its maximum PDU length from {length} bytes, for instance to 16384",
        "the Maximum Length item (51H) that it sends",
    ),
    "max-length-exceeded": CauseRow(
        "{sender} sends longer PDUs than its peer takes",
        "the maker of the software of {sender}",
        "keep each P-DATA-TF within the maximum length that the peer announced; until then "
        "whoever runs {other} raises it",
        "the PDU-length of the P-DATA-TF against item 51H",
    ),
    # --- bytes and order ---------------------------------------------------------------------------
    "broken-pdu": CauseRow(
        "{sender} sends what the standard does not allow",
        "the maker of the software of {sender}",
        "mend this: {remedy}",
        "the bytes that the finding {code} points at",
    ),
    # --- messages -----------------------------------------------------------------------------------
    "answer-too-late": CauseRow(
        "the answer came after the requestor had given up",
        _PEER,
        "find out why it takes {seconds} to answer; or whoever configured {requestor} raises the "
        "time-out",
        "the times of the request, of the answer, and of the end between them",
    ),
    "acceptor-silent": CauseRow(
        "the application does not answer the request",
        _PEER,
        "find out what its application waits for: disk, database, a full queue",
        _PEER_LOG,
    ),
    "application-failed": CauseRow(
        "the application at {sender} failed while it worked on the request",
        "whoever runs {sender}",
        "look into its log for the error",
        "the log of {sender} at that second says it",
    ),
    "idle-time-out": CauseRow(
        "{sender} ended an association that was idle",
        "whoever configured {other}",
        "release the association when nothing is left to ask, or ask within {seconds}; or raise "
        "the idle time-out at {sender}",
        "the settings of {sender} name its time-out",
    ),
    "user-aborted": CauseRow(
        "{sender} aborted of its own accord: somebody cancelled, or its application failed",
        "whoever runs {sender}",
        "look into its log for why it aborted",
        "the log of {sender} at that second says it",
    ),
    "connection-lost": CauseRow(
        "the application at {sender} ended in the middle",
        "whoever runs {sender}",
        "see whether it crashed or was ended, and start it anew",
        "the log of {sender}, and that of its system, at that second",
    ),
    "firewall-cut": CauseRow(
        "a firewall or a router cut the connection",
        _NETWORK,
        "raise the idle time-out for TCP port {port}, and see why it forgets connections",
        "record at both ends: the reset is in the one recording, and in the other not sent",
    ),
    "large-packets-lost": CauseRow(
        "large packets of {sender} do not arrive",
        "whoever runs the network between {here} and {there}",
        "see where large packets are lost, often a VPN: lower the MTU of the machines, or let the "
        "messages of the network that ask for it (ICMP type 3, code 4) through",
        "ping with a large packet that may not be fragmented (ping -M do -s 1472)",
    ),
    "answer-missing": CauseRow(
        "{what} was never answered", _PEER, "look into its log for the request", _PEER_LOG
    ),
    "item-not-skipped": CauseRow(
        "{sender} does not skip an item that it does not know",
        "the maker of the software of {sender}",
        "skip items of unknown type by their length (PS3.8 9.3.1); until then whoever configured "
        "{other} switches the optional item off",
        "it works without the item",
    ),
    "wrong-answer": CauseRow(
        "the answer is not one to the request",
        "the maker of the software of {sender}",
        "mend this: {remedy}",
        "the Message ID, Command Field and context of both messages",
    ),
    # --- statuses ------------------------------------------------------------------------------------
    "out-of-resources": CauseRow(
        "the acceptor has no room left",
        _PEER,
        "free disk space, or what else it lacks, then send again: {status}",
        _PEER_LOG,
    ),
    "move-destination-unknown": CauseRow(
        "the acceptor does not know the move destination {what}",
        _PEER,
        "register the AE title {what} with its address and port as a destination; capitals count",
        "its list of known AE titles lacks this destination",
    ),
    "sub-operations-failed": CauseRow(
        "the acceptor could not hand over all instances",
        _PEER,
        "see whether the destination {what} runs, and accepts {called} as a caller, at the address "
        "that is entered for it",
        "send a C-ECHO from {acceptor} to that destination",
    ),
    "data-set-refused": CauseRow(
        "the acceptor cannot use the data set",
        _CALLER_MAKER,
        "send a data set that fits its SOP Class, in the transfer syntax that was agreed on: "
        "{status}",
        "the Error Comment and Offending Element of the answer; " + _PEER_LOG,
    ),
    "service-not-supported": CauseRow(
        "the acceptor does not do what was asked",
        _PEER,
        "enable {what} at {called}: {status}",
        "the conformance statement of {acceptor}",
    ),
    "not-authorized": CauseRow(
        "the acceptor does not allow this to the caller",
        _PEER,
        "allow {what} to {calling}: {status}",
        _PEER_LOG,
    ),
    "duplicate-message-id": CauseRow(
        "the requestor used a Message ID that was open",
        _CALLER_MAKER,
        "give each open request a Message ID of its own",
        "the Message IDs of the open requests",
    ),
    "request-refused": CauseRow(
        "the acceptor answered {what} with a failure",
        _PEER,
        "look into its log for the request: {status}",
        "the Error Comment of the answer; " + _PEER_LOG,
    ),
    # --- the end --------------------------------------------------------------------------------------
    "no-release": CauseRow(
        "{sender} closes the connection without a release",
        "the maker of the software of {sender}",
        "send an A-RELEASE-RQ first; nothing that was asked is lost",
        "the last PDU before the end",
    ),
    "release-unanswered": CauseRow(
        "{sender} does not answer a release as the standard has it",
        "the maker of the software of {sender}",
        "answer the A-RELEASE-RQ with an A-RELEASE-RP; nothing that was asked is lost",
        "what followed the A-RELEASE-RQ",
    ),
}
