"""The exercises of notebook 02, application entities."""

from dicomlab.exercises.exercise import Exercise
from dicomlab.exercises.registration import PAIRS, Site
from dicomlab.model import BuildError
from dicomlab.protocol.build import build

TITLES = ("ct1", "CT 1", "CT\\1", "CT-1.2_B", "RÖNTGEN", "EMERGENCY-ROOM-1", "EMERGENCY-ROOM-12")
ENTRY_IN_LOWER_CASE = ("MR → archive", "archive → MR")
NOTHING_TO_SAY = "CT and MR have nothing to say to each other: take that entry out again."


def _is_legal(title: str) -> bool:
    try:
        build("A-ASSOCIATE-RQ", called_ae_title=title)
    except BuildError:
        return False
    return True


def _no_entry(caller: str, called: str) -> str:
    return f"{caller} has no entry for {called}, so it does not call."


def _reasons() -> dict[str, int | None]:
    """The reasons by which a site rejects calls when the archive has the MR in lower case."""
    with Site() as site:
        site["archive"].knows["MR"].ae_title = "mr2"
        captures = (site.echo(*call.split(" → ")).capture for call in ENTRY_IN_LOWER_CASE)
        outcomes = [one.associations[0].outcome for one in captures if one is not None]
    return {call: one.reason for call, one in zip(ENTRY_IN_LOWER_CASE, outcomes, strict=True)}


EXERCISES = (
    Exercise(
        id="02-1",
        task="Write the called AE title ECHO SCP as it stands on the wire.",
        right=lambda: build("A-ASSOCIATE-RQ", called_ae_title="ECHO SCP").pdu["Called-AE-title"],
        clause="PS3.8 Table 9-11",
        solution='title = b"ECHO SCP".ljust(16)',
    ),
    Exercise(
        id="02-2",
        task="Which of these are legal AE titles?",
        right=lambda: frozenset(filter(_is_legal, TITLES)),
        clause="PS3.5 6.2",
        solution='legal = {"ct1", "CT 1", "CT-1.2_B", "EMERGENCY-ROOM-1"}',
    ),
    Exercise(
        id="02-3",
        task="The archive has entered the MR as mr2. With which reason is each call rejected?",
        right=_reasons,
        clause="PS3.8 Table 9-21",
        solution='reasons = {"MR → archive": 3, "archive → MR": 7}',
        nudges={
            "MR → archive": "MR → archive: the archive looks for the caller in its own table.",
            "archive → MR": "archive → MR: the MR is called by a name that it does not have.",
        },
    ),
    Exercise(
        id="02-4",
        task="Mend the tables of the site until everybody reaches whom they have to.",
        right=lambda: {f"{caller} → {called}": "success" for caller, called in PAIRS},
        clause="PS3.8 9.1.1",
        solution="""\
for caller, called in site.pairs:
    site[caller].knows[called] = site[called].entry""",
        nudges={
            "CT → MR": NOTHING_TO_SAY,
            "MR → CT": NOTHING_TO_SAY,
            **{
                (f"{caller} → {called}", None): _no_entry(caller, called)
                for caller, called in PAIRS
            },
        },
    ),
)
