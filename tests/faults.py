"""Every fault, at every moment that it can have."""

from __future__ import annotations

from dicomlab.net.faults import KNOBS

QUICK = {"late": "late=0.5"}  # than it is by itself: no test waits for a quarter of a minute
ORDERS = [
    QUICK.get(knob.name, knob.name) + moment
    for knob in KNOBS.values()
    for moment in [f"@{one}" for one in knob.when.choice] or [""]
]
