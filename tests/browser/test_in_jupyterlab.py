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
