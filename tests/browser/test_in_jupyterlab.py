"""The widgets in JupyterLab, for real: both ends, the page and the kernel, are looked at."""

from __future__ import annotations

import re

import nbformat
from playwright.sync_api import expect

from tests.browser.lab import Lab, Notebook

MANY = 40  # widgets in one notebook


def opened(lab: Lab, *cells: str) -> Notebook:
    """A notebook of these cells, run."""
    code = [nbformat.v4.new_code_cell(cell) for cell in ("import dicomlab as dl", *cells)]
    notebook = lab.open(nbformat.v4.new_notebook(cells=code))
    notebook.run_all()
    return notebook


def test_a_field_chosen_in_the_explorer_is_known_to_python(lab: Lab) -> None:
    notebook = opened(
        lab, 'view = dl.build("A-ASSOCIATE-RQ", called_ae_title="ARCHIVE").explore()\nview'
    )
    widget = notebook.page.locator(".dl-explorer")
    widget.get_by_role("treeitem", name=re.compile("^Called-AE-title")).click()
    expect(widget.get_by_role("region", name="The field")).to_contain_text("ARCHIVE")
    lit = widget.locator(".dl-byte[data-o='10']")
    expect(lit).to_have_css("background-color", "rgb(0, 114, 178)")  # whatever else the page holds
    notebook.expect_python("view.field.value", "ARCHIVE")


def test_what_python_shows_next_is_seen(lab: Lab) -> None:
    notebook = opened(lab, 'view = dl.HexView(dl.build("A-RELEASE-RQ"))\nview')
    notebook.python('view.show(dl.build("A-ABORT"))')
    expect(notebook.page.locator(".dl-explorer h3")).to_have_text("A-ABORT (draft)")


def test_keys_are_the_widgets_and_not_those_of_the_notebook(lab: Lab) -> None:
    notebook = opened(lab, 'view = dl.HexView(dl.build("A-RELEASE-RQ"))\nview')
    grid = notebook.page.locator(".dl-explorer").get_by_role("grid")
    grid.focus()
    for key in ("ArrowRight", "ArrowRight", "Enter", "d", "d"):
        notebook.page.keyboard.press(key)
    expect(notebook.page.locator(".dl-explorer")).to_contain_text("pinned")
    expect(notebook.page.locator(".jp-CodeCell")).to_have_count(2)
    notebook.expect_python("view.field.name", "PDU-length")


def test_many_widgets_do_not_slow_a_notebook_down(lab: Lab) -> None:
    show = (
        "views += [pdu.explore() for _ in range(10)]\nfor view in views[-10:]:\n    display(view)"
    )
    notebook = opened(
        lab, 'pdu, views = dl.build("A-ASSOCIATE-RQ").pdu, []', *[show] * (MANY // 10)
    )
    expect(notebook.page.locator(".dl-explorer")).to_have_count(MANY)
    last = notebook.page.locator(".dl-explorer").last
    last.get_by_role("treeitem", name=re.compile("^PDU-length")).click()
    notebook.expect_python("views[-1].field.name", "PDU-length")


def test_what_is_built_in_the_page_is_built_in_python_and_sent(lab: Lab) -> None:
    notebook = opened(
        lab,
        'scp = dl.EchoSCP(ae_title="ARCHIVE").start()\n'
        'builder = dl.Builder("A-ASSOCIATE-RQ", to=scp)\nbuilder',
    )
    widget = notebook.page.locator(".dl-builder")
    title = widget.get_by_role("textbox", name=re.compile("^Called-AE-title"))
    title.fill("ARCHIVE")
    title.press("Enter")
    notebook.expect_python('builder.draft["Called-AE-title"]', "ARCHIVE")
    widget.get_by_role("button", name="Send").click()
    expect(widget).to_contain_text("A-ASSOCIATE-AC")
    expect(widget.get_by_role("status").first).to_contain_text("released")
    notebook.expect_python("scp.stop()", None)


def test_an_arrow_opens_its_segments_and_its_bytes(lab: Lab) -> None:
    notebook = opened(
        lab,
        'capture = dl.dissect("../captures/store-two-images.pcapng")\n'
        "view = capture.associations[0].explore()\nview",
    )
    page = notebook.page
    page.locator(".dl-sequence").get_by_role("option").nth(1).click()
    expect(page.locator(".dl-explorer h3")).to_have_text("A-ASSOCIATE-RQ")
    expect(page.locator(".dl-segments")).to_contain_text("frame")
    notebook.expect_python("view.children[0].opened", 0)


def test_a_whole_conversation_is_led_from_the_console(lab: Lab) -> None:
    notebook = opened(lab, "console = dl.Console()\nconsole")
    page = notebook.page
    panel = page.locator(".dl-console")
    for step, arrow in (
        ("Connect", "TCP connection"),
        ("Associate", "A-ASSOCIATE-AC"),
        ("Echo", "C-ECHO-RSP"),
        ("Release", "A-RELEASE-RP"),
    ):
        panel.get_by_role("button", name=step, exact=True).click()
        expect(page.locator(".dl-sequence")).to_contain_text(arrow)
    expect(page.locator(".dl-sequence")).to_contain_text("Released by the requestor")
    assert notebook.python("console.association.outcome.ended") == "released"
    notebook.expect_python("console.close()", None)


def test_an_association_is_found_in_a_capture_and_opened(lab: Lab) -> None:
    notebook = opened(
        lab,
        'browser = dl.dissect("../captures/modality-cannot-store.pcapng").explore()\nbrowser',
    )
    page = notebook.page
    page.locator(".dl-browser").get_by_label("AE title").fill("MR2")
    expect(page.locator(".dl-browser").get_by_role("status").first).to_contain_text("of 11")
    page.locator(".dl-browser").get_by_role("grid").focus()
    page.keyboard.press("Enter")
    expect(page.locator(".dl-sequence h3")).to_have_text(re.compile("MR2 → ARCHIVE"))


HOSTILE = """
import socket
title = b"<img src=x>'\\x1b".ljust(16)
name = "\u202e</script><b>\x07".encode()[:16]
accept = dl.build("A-ASSOCIATE-AC")
accept.override("Implementation-version-name", name)

def peer(server):
    connection, _ = server.accept()
    with connection:
        connection.recv(65536)
        connection.sendall(bytes(accept))
        connection.recv(65536)

from threading import Thread
with socket.create_server(("127.0.0.1", 0)) as server:
    thread = Thread(target=peer, args=(server,))
    thread.start()
    with dl.record(server.getsockname(), method="relay") as recording:
        with dl.SCU(*recording.address) as scu:
            request = dl.build("A-ASSOCIATE-RQ")
            request.override("Calling-AE-title", title)
            request.override("Called-AE-title", title)
            scu.send(request)
            scu.receive()
    thread.join()
capture = recording.capture
"""


def test_nothing_that_a_hostile_peer_sends_becomes_markup(lab: Lab) -> None:
    notebook = opened(
        lab,
        HOSTILE,
        "browser = capture.explore()\nbrowser.look_at(0)\nbrowser",
        "capture.associations[0].pdus[1].explore()",
        "dl.Builder('A-ASSOCIATE-RQ', to=('127.0.0.1', 1))",
    )
    page = notebook.page
    expect(page.locator(".dl-sequence").first).to_contain_text("<img src=x>")
    expect(page.locator(".dl-explorer").first).to_contain_text("</script><b>")
    outputs = page.locator(".jp-OutputArea")
    assert outputs.locator("img, script").count() == 0
    assert not any("\u202e" in text or "\x07" in text for text in outputs.all_inner_texts())
