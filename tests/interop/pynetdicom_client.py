"""pynetdicom as a client in a process of its own, where its threads may fall over what they meet.

``python -m tests.interop.pynetdicom_client PORT ...`` asks each port of 127.0.0.1 for a C-ECHO, all
at once, and prints for each the status of the response, None, or ``hung`` after five seconds.
"""

from __future__ import annotations

import os
import sys
import time
from threading import Thread

from pynetdicom import AE

from dicomlab.spec import names


def status(port: str) -> int | None:
    client = AE()
    client.add_requested_context(names.VERIFICATION)
    client.connection_timeout = client.acse_timeout = 1
    client.dimse_timeout = client.network_timeout = 1
    association = client.associate("127.0.0.1", int(port))
    if not association.is_established:
        return None
    try:
        return association.send_c_echo().get("Status")
    except (IndexError, TypeError):  # 3.0.4 does not expect an accept that lacks something
        return None
    finally:
        association.release()


if __name__ == "__main__":
    found: dict[str, int | str | None] = dict.fromkeys(sys.argv[1:], "hung")
    attempts = [
        Thread(target=lambda one=port: found.update({one: status(one)}), daemon=True)
        for port in found
    ]
    for attempt in attempts:
        attempt.start()
    deadline = time.monotonic() + 5
    for attempt in attempts:
        attempt.join(max(deadline - time.monotonic(), 0))
    print(*found.values(), flush=True)
    os._exit(0)  # whoever hangs is left behind
