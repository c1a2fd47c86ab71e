"""Every picture that has to be looked at: ``python -m tests.views.gallery OUTDIR``.

Makes the figures (PNG and SVG, light and dark), and an HTML and a text page of the same values.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from dicomlab.diagnosis.compare import compare
from dicomlab.protocol.build import build
from dicomlab.views import figures
from dicomlab.views.negotiation import negotiation
from tests.views import made


def values() -> Iterator[tuple[str, Any]]:
    """What there is to see, by name."""
    yield "echo-rq", made.pdu_of(made.echo_rq())
    yield "echo-rsp", made.pdu_of(made.echo_rsp())
    yield "associate-rq", made.pdu_of(made.request())
    yield "associate-ac", made.pdu_of(build("A-ASSOCIATE-AC"))
    yield "associate-rj", made.pdu_of(build("A-ASSOCIATE-RJ", result=1, source=1, reason_diag=7))
    yield "abort", made.pdu_of(build("A-ABORT", source=2, reason_diag=2))
    yield "release", made.pdu_of(build("A-RELEASE-RQ"))
    yield "twenty", made.pdu_of(made.request(20))
    yield "broken", made.broken()
    yield "http", made.http()
    yield "payload", made.payload()
    yield "identity", made.identity()
    yield "draft", made.request()
    yield "seq-success", made.success()
    yield "seq-rejected", made.rejected()
    yield "seq-abort-requestor", made.aborted("requestor", 0)
    yield "seq-abort-acceptor", made.aborted("acceptor", 2, 2)
    yield "seq-silent", made.silent()
    yield "seq-refused", made.refused()
    yield "seq-illegal", made.impatient()
    yield "seq-closed", made.closed()
    yield "seq-long", made.long()
    yield "seq-unfinished", made.unfinished()
    yield "seq-hostile", made.success(calling=made.HOSTILE[:16], called="$x$ \u202e\\ é")
    yield "cmp-rejected", compare(made.rejected(), made.success())
    yield "cmp-refused", compare(made.refused(), made.success(), everything=True)
    yield "cmp-alike", compare(made.success(), made.success())
    yield "cmp-twenty", compare(made.pdu_of(made.request(20)), made.identity(), everything=True)
    yield (
        "cmp-hostile",
        compare(made.success(calling=made.HOSTILE, called="\x1b[2J$x$"), made.silent()),
    )
    yield "neg-refused", negotiation(made.refused())
    yield "neg-rejected", negotiation(made.rejected())
    yield "neg-choosy", negotiation(made.choosy())
    yield "neg-hostile", negotiation(made.unlike_any())
    yield "reach", made.reach()
    yield "capture", made.capture(made.success(), made.silent())


def main(out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    wanted = sys.argv[2:]
    for name, value in values():
        if wanted and name not in wanted:
            continue
        for mode in ("light", "dark"):
            for number, figure in enumerate(figures.pages(value, theme=mode), 1):
                stem = f"{name}-{number}-{mode}"
                figure.savefig(out / f"{stem}.png")
                figure.savefig(out / f"{stem}.svg")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
