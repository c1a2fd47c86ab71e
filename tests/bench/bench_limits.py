"""What distance costs: the same work through the relay, with 0, 20 and 100 ms each way.

Run as ``python -m tests.bench.bench_limits``. The callers are pynetdicom; our SCU where requests
leave ahead of the answers, for pynetdicom waits for each; and httpx. What a row takes longer at
100 ms than at 0, counted in round trips of 200 ms, is how often it waits for the other end. Exit
status 1 when all of it takes a minute or more: a notebook measures the same.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial

import httpx
from pydicom.dataset import Dataset
from pydicom.uid import CTImageStorage

import dicomlab as dl
from dicomlab.spec.names import VERIFICATION

LATENCIES = (0.0, 0.02, 0.1)  # seconds, each way
MOST_SECONDS = 60.0
IMAGES = dl.made_up_images(20, 64)  # of 8 kB
LARGE = dl.made_up_images(1, 1024)  # of 2 MB
Address = tuple[str, int]
Work = Callable[[Address], None]


# --- pynetdicom ---------------------------------------------------------------------------


def store(images: list[Dataset], address: Address) -> None:
    with dl.associate(address, CTImageStorage) as association:
        assert all(association.send_c_store(image).Status == 0 for image in images)


def store_one_by_one(address: Address) -> None:
    for image in IMAGES:
        store([image], address)


# --- our SCU ------------------------------------------------------------------------------


def echoes() -> list[list[bytes]]:
    return [[bytes(dl.build("C-ECHO-RQ", message_id=number))] for number in range(1, 21)]


def stores() -> list[list[bytes]]:
    return [
        dl.p_data(
            dl.build(
                "C-STORE-RQ",
                message_id=number,
                affected_sop_class_uid=CTImageStorage,
                affected_sop_instance_uid=image.SOPInstanceUID,
            ),
            image,
        )
        for number, image in enumerate(IMAGES, start=1)
    ]


def ahead(window: int, abstract_syntax: str, requests: list[list[bytes]], address: Address) -> None:
    """The requests, of which ``window`` may be open at once."""
    proposal = dl.build("A-ASSOCIATE-RQ", abstract_syntax=abstract_syntax)
    proposal.add("Asynchronous Operations Window", maximum_number_operations_invoked=window)
    with dl.SCU(*address) as scu:
        scu.send(proposal)
        scu.receive()
        for number in range(len(requests) + window - 1):
            for pdu in requests[number] if number < len(requests) else ():
                scu.send(pdu)
            if number >= window - 1:
                assert scu.receive()["Status"].value == 0
        scu.release()


# --- httpx --------------------------------------------------------------------------------


def stow(requests: list[list[Dataset]], address: Address) -> None:
    host, port = address
    with httpx.Client(base_url=f"http://{host}:{port}") as client:
        for images in requests:
            content_type, body = dl.multipart_related(images)
            answer = client.post("/studies", content=body, headers={"Content-Type": content_type})
            assert answer.status_code == 200


# --- the table ----------------------------------------------------------------------------


def rows(stack: ExitStack) -> list[tuple[str, dl.Archive | dl.EchoSCP | dl.DICOMweb, Work]]:
    """What is done, where, and how."""
    archive = stack.enter_context(dl.Archive())
    wide = stack.enter_context(dl.Archive(max_pdu_length=1 << 16))
    widest = stack.enter_context(dl.Archive(max_pdu_length=1 << 20))
    echo = stack.enter_context(dl.EchoSCP())
    web = stack.enter_context(dl.DICOMweb(archive))
    asked, sent = echoes(), stores()
    return [
        ("an association, and nothing on it", archive, partial(store, [])),
        ("20 images, an association each", archive, store_one_by_one),
        ("20 images on one association", archive, partial(store, IMAGES)),
        ("an image of 2 MB, PDUs of 16 kB", archive, partial(store, LARGE)),
        ("an image of 2 MB, PDUs of 64 kB", wide, partial(store, LARGE)),
        ("an image of 2 MB, PDUs of 1 MB", widest, partial(store, LARGE)),
        ("20 C-ECHOs, one at a time", echo, partial(ahead, 1, VERIFICATION, asked)),
        ("20 C-ECHOs, window of 5", echo, partial(ahead, 5, VERIFICATION, asked)),
        ("20 C-ECHOs, window of 20", echo, partial(ahead, 20, VERIFICATION, asked)),
        (
            "20 images ahead of answers (not granted)",
            archive,
            partial(ahead, 20, CTImageStorage, sent),
        ),
        ("20 images by STOW-RS, a request each", web, partial(stow, [[one] for one in IMAGES])),
        ("20 images by STOW-RS, in one request", web, partial(stow, [IMAGES])),
        ("an image of 2 MB by STOW-RS", web, partial(stow, [LARGE])),
    ]


def milliseconds(work: Work, address: Address) -> float:
    began = time.perf_counter()
    work(address)
    return 1000 * (time.perf_counter() - began)


def main() -> int:
    began = time.monotonic()
    head = "".join(f"{1000 * latency:8g} ms" for latency in LATENCIES)
    print(f"{'milliseconds, with each way longer by':42}{head}   round trips")
    with ExitStack() as stack:
        for name, target, work in rows(stack):
            took = []
            for latency in LATENCIES:
                with dl.record(target, method="relay", latency=latency) as recording:
                    took.append(milliseconds(work, recording.address))
            trips = (took[-1] - took[0]) / (2000 * LATENCIES[-1])
            print(f"{name:42}{''.join(f'{one:11.0f}' for one in took)}{trips:14.1f}")
    seconds = time.monotonic() - began
    print(f"{seconds:.0f} s in all (under {MOST_SECONDS:g} s)")
    return int(seconds >= MOST_SECONDS)


if __name__ == "__main__":
    sys.exit(main())
