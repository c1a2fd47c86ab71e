"""Which tests one process of ``make test`` runs together: what they share is set up once."""

from __future__ import annotations

from xdist.scheduler import LoadScopeScheduling

NOTEBOOKS = "notebooks"  # as they ran
GROUPS = {
    "tests/browser/test_site.py": NOTEBOOKS,
    "tests/test_notebooks.py": NOTEBOOKS,
}
LONGEST = ("tests/browser", NOTEBOOKS, "tests/test_binder.py")


def group(nodeid: str) -> str:
    """The group of a test: its folder in tests/, or its file there, unless it is in the table."""
    file = nodeid.partition("::")[0]
    return GROUPS.get(file) or "/".join(file.split("/")[:2])


def rank(nodeid: str) -> int:
    """The place of a test's group: those that take longest come first, all others behind them."""
    name = group(nodeid)
    return LONGEST.index(name) if name in LONGEST else len(LONGEST)


class InGroups(LoadScopeScheduling):
    """Gives a process that has nothing more to do the next group.

    xdist's own way to say groups, by marks, does nothing with pytest 9.2 (pytest-xdist issue 1386).
    """

    def _split_scope(self, nodeid: str) -> str:
        return group(nodeid)
