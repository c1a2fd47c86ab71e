"""A JupyterLab of our own, and notebooks that are driven in it through a browser."""

from __future__ import annotations

import ast
import json
import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import nbformat
import pytest
from nbformat.sign import NotebookNotary
from playwright.sync_api import Browser, Page
from playwright.sync_api import TimeoutError as TookTooLong

from tests.browser.chromium import Windows, watched

ROOT = Path(__file__).parent.parent.parent
NOTEBOOKS = ROOT / "notebooks"
SECONDS = 60
PATIENCE = 5  # seconds

PANEL = "window.jupyterapp?.shell.currentWidget"
IDLE = f"() => {PANEL}?.sessionContext?.session?.kernel?.status === 'idle'"
RUN_ALL = """() => {
  window.ran = false;
  jupyterapp.commands.execute("notebook:run-all-cells").then(() => { window.ran = true; });
}"""
CELLS = f"() => {PANEL}.content.model.toJSON().cells"
CHANGE_THEME = "theme => void jupyterapp.commands.execute('apputils:change-theme', { theme })"
EVALUATE = f"""([expression, milliseconds]) => Promise.race([
  {PANEL}.sessionContext.session.kernel.requestExecute({{
    code: "", silent: true, store_history: false, user_expressions: {{ value: expression }},
  }}).done.then((reply) => reply.content.user_expressions.value),
  new Promise((_, fail) => setTimeout(fail, milliseconds, new Error("the kernel is busy"))),
])"""


class Notebook:
    """A notebook that is open in JupyterLab, its kernel idle."""

    def __init__(self, page: Page) -> None:
        self.page = page

    def run_all(self) -> None:
        """Run all cells, and wait until they ran. A cell that fails, fails the test."""
        self.page.evaluate(RUN_ALL)
        try:
            self.page.wait_for_function("window.ran", timeout=SECONDS * 1000)
        except TookTooLong:
            pytest.fail(f"not all cells had run after {SECONDS} s")
        cells = [cell for cell in self.page.evaluate(CELLS) if cell["cell_type"] == "code"]
        for output in (output for cell in cells for output in cell["outputs"]):
            if output["output_type"] == "error":
                pytest.fail(re.sub(r"\x1b\[[\d;]*m", "", "\n".join(output["traceback"])))
        assert all(cell["execution_count"] for cell in cells if cell["source"].strip())

    def theme(self, name: Literal["light", "dark"]) -> None:
        """Change JupyterLab's theme."""
        self.page.evaluate(CHANGE_THEME, f"JupyterLab {name.title()}")
        light = json.dumps(name == "light")
        self.page.locator(f"body[data-jp-theme-light={light}]").wait_for(state="attached")
        self.page.locator("#jupyterlab-splash").wait_for(state="hidden")

    def python(self, expression: str) -> Any:
        """The value that an expression has in the kernel, once what was asked before is done."""
        dumped = f"__import__('json').dumps((\n{expression}\n))"
        reply = self.page.evaluate(EVALUATE, [dumped, SECONDS * 1000])
        assert reply["status"] == "ok", f"{expression}: {reply['ename']}: {reply['evalue']}"
        return json.loads(ast.literal_eval(reply["data"]["text/plain"]))

    def expect_python(self, expression: str, value: Any) -> None:
        """Ask the kernel until it says so: what the page saves is on its way for a moment."""
        until = time.monotonic() + PATIENCE
        while (found := self.python(expression)) != value:
            assert time.monotonic() < until, f"{expression} is {found!r}, not {value!r}"


@dataclass(frozen=True, slots=True)
class Server:
    """A running JupyterLab that serves the files of a folder."""

    url: str
    token: str
    folder: Path
    theme: Path  # where it keeps a theme that was chosen

    def ask(self, path: str, method: str = "GET") -> Any:
        """What the server's API answers."""
        request = urllib.request.Request(
            f"{self.url}/api/{path}",
            method=method,
            headers={"Authorization": f"token {self.token}"},
        )
        with urllib.request.urlopen(request, timeout=SECONDS) as answer:
            return json.loads(answer.read() or "null")

    def trust(self, notebook: Path) -> None:
        """Sign a notebook as one that was run here."""
        notary = NotebookNotary(data_dir=str(self.folder.parent / "data"))
        notary.sign(nbformat.read(notebook, nbformat.NO_CONVERT))

    def end_kernels(self) -> None:
        """End all kernels, and wait until they have ended."""
        for session in self.ask("sessions"):
            self.ask(f"sessions/{session['id']}", "DELETE")


class Lab:
    """Opens notebooks, each as a copy in a folder and a browser window of its own."""

    def __init__(self, server: Server, windows: Windows) -> None:
        self._server = server
        self._windows = windows
        self.expect_error = windows.expect

    def open(
        self, notebook: str | Path | nbformat.NotebookNode, *, trusted: bool = False
    ) -> Notebook:
        """Open one of the project's by its name, another by its path, or one that is made.

        Outputs that it brings are shown as those of a stranger, unless it is ``trusted``.
        """
        folder = self._server.folder / secrets.token_hex(4)
        folder.mkdir()
        if isinstance(notebook, nbformat.NotebookNode):
            copy = folder / "made.ipynb"
            notebook.metadata.setdefault("kernelspec", {"name": "python3", "display_name": ""})
            nbformat.write(notebook, copy)
            if trusted:
                self._server.trust(copy)
        else:
            copy = Path(shutil.copy(NOTEBOOKS / notebook, folder))
        page = self._windows.open()
        address = f"{self._server.url}/lab/tree/{folder.name}/{copy.name}"
        page.goto(f"{address}?token={self._server.token}&reset")
        page.locator(".jp-Notebook").wait_for(timeout=SECONDS * 1000)
        page.wait_for_function(IDLE, timeout=SECONDS * 1000)
        return Notebook(page)


@contextmanager
def notebooks(server: Server, browser: Browser) -> Iterator[Lab]:
    """A lab that has done no wrong at the end, and of which no window and no kernel is left."""
    try:
        with watched(browser, lambda url: urlsplit(url).hostname == "127.0.0.1") as windows:
            yield Lab(server, windows)
    finally:
        server.end_kernels()
        server.theme.unlink(missing_ok=True)


@contextmanager
def running_lab(home: Path) -> Iterator[Server]:
    """A JupyterLab that keeps all it writes in ``home``."""
    folder, settings = home / "root", home / "settings"
    shutil.copytree(ROOT / "captures", folder / "captures")
    utilities = settings / "@jupyterlab/apputils-extension"
    utilities.mkdir(parents=True)
    news = utilities / "notification.jupyterlab-settings"
    news.write_text(json.dumps({"fetchNews": "false", "checkForUpdates": False}))
    port, token = free_port(), secrets.token_hex(16)
    own = {
        "JUPYTERLAB_SETTINGS_DIR": settings,
        "JUPYTERLAB_WORKSPACES_DIR": home / "workspaces",
        "JUPYTER_CONFIG_DIR": home / "config",
        "JUPYTER_DATA_DIR": home / "data",
        "JUPYTER_RUNTIME_DIR": home / "runtime",
        "IPYTHONDIR": home / "ipython",
    }
    argv = [
        # so that a killed pytest leaves no server behind
        *(["setpriv", "--pdeathsig", "TERM"] if shutil.which("setpriv") else []),
        sys.executable,
        "-m",
        "jupyterlab",
        "--no-browser",
        "--allow-root",
        "--ServerApp.ip=127.0.0.1",
        f"--ServerApp.port={port}",
        "--ServerApp.port_retries=0",
        f"--IdentityProvider.token={token}",
        f"--ServerApp.root_dir={folder}",
        "--ServerApp.terminals_enabled=False",
        "--LabApp.news_url=None",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
        "--LabApp.extension_manager=readonly",
        "--LabApp.expose_app_in_browser=True",
    ]
    log = home / "lab.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            argv,
            env=os.environ | {"JUPYTER_PLATFORM_DIRS": "1"} | {k: str(v) for k, v in own.items()},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
        )
    try:
        theme = utilities / "themes.jupyterlab-settings"
        server = Server(f"http://127.0.0.1:{port}", token, folder, theme)
        wait_until_up(server, process, log)
        yield server
    finally:
        process.terminate()  # it ends its kernels itself
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def wait_until_up(server: Server, process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until JupyterLab answers."""
    until = time.monotonic() + SECONDS
    while time.monotonic() < until and process.poll() is None:
        try:
            server.ask("status")
        except OSError:
            time.sleep(0.1)  # not listening yet: nothing that could be waited for
        else:
            return
    pytest.fail(f"JupyterLab did not start:\n{log.read_text()[-2000:]}")
