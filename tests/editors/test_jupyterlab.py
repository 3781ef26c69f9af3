"""JupyterLab with jupyterlab-lsp in a headless Chromium: its completer menu, in a notebook."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT, eventually
from tests.conversations.record import entries
from tests.editors.conftest import states

playwright = pytest.importorskip("playwright.sync_api")

README = (ROOT / "editor-configs" / "README.md").read_text(encoding="utf-8")
SNIPPET = next(
    block for block in re.findall(r"```json\n(.*?)```", README, re.DOTALL) if "LanguageServerManager" in block
)
RULES = [
    ("if total:", "\n    return total\nx"),
    ("pri", "nt(total)"),
    ('frame["na', 'me"].sum()'),
    ("np.array([", "[1, 2], [3, 4]])"),
]
CELLS = ["import numpy as np", "%matplotlib inline", ""]
CHROMIUM = ["--no-sandbox", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"]  # nothing but this machine
LINES = "cells => cells.map(cell => [...cell.querySelectorAll('.cm-line')].map(line => line.textContent).join('\\n'))"


class Notebook:
    """One notebook in one window; its last cell is written in."""

    def __init__(self, page: playwright.Page, address: str) -> None:
        self._page = page
        page.goto(f"{address}/lab/tree/demo.ipynb", wait_until="domcontentloaded")
        page.wait_for_selector(".jp-Notebook .cm-content", timeout=90_000)

    def completed(self, typed: str, label: str) -> str:
        """Write this in place of what the last cell says, and take from the menu what is called so; returns the cell.

        JupyterLab shows what the kernel says without the rest when that does not come within a second.
        """
        item = self._page.locator(".jp-Completer:not(.lm-mod-hidden) .jp-Completer-item", has_text=label)

        def shown() -> bool:
            self._page.keyboard.press("Escape")
            self._page.locator(".jp-CodeCell .cm-content").last.click()
            self._page.keyboard.press("Control+a")
            self._page.keyboard.type(typed, delay=20)
            self._page.keyboard.press("Tab")
            with contextlib.suppress(playwright.TimeoutError):
                item.wait_for(timeout=5_000)
            return bool(item.is_visible())

        eventually(shown)
        item.click()
        item.wait_for(state="hidden")
        return str(self._page.locator(".jp-CodeCell").evaluate_all(LINES)[-1])


@pytest.fixture
def notebook(tmp_path: Path, recorded: Callable[..., list[str]]) -> Iterator[Notebook]:
    if shutil.which("chromium") is None:
        pytest.skip("Chromium is not installed")
    server = tmp_path / "server"
    server.write_text(f"#!/bin/sh\nexec {shlex.join(recorded('jupyterlab', RULES))}\n")
    server.chmod(0o755)
    settings = json.loads(SNIPPET)
    told = settings["LanguageServerManager"]["language_servers"]["redraft"]
    assert told["argv"] == ["redraft", "lsp"]
    told["argv"] = [str(server)]
    (tmp_path / "jupyter_server_config.json").write_text(json.dumps(settings))
    folder = tmp_path / "notes"
    folder.mkdir()
    cells = [
        {"cell_type": "code", "id": f"cell-{number}", "metadata": {}, "source": source, "outputs": []}
        | {"execution_count": None}
        for number, source in enumerate(CELLS)
    ]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    metadata = {"kernelspec": kernel, "language_info": {"name": "python"}}
    notebook = {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}
    (folder / "demo.ipynb").write_text(json.dumps(notebook))
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
    own = {name: str(tmp_path) for name in ("HOME", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR")}
    own |= {"JUPYTERLAB_SETTINGS_DIR": str(tmp_path / "lab"), "JUPYTERLAB_WORKSPACES_DIR": str(tmp_path / "lab")}
    argv = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", f"--port={port}"]
    argv += ["--IdentityProvider.token=", f"--ServerApp.root_dir={folder}"]
    with (tmp_path / "jupyterlab.log").open("wb") as log:
        lab = subprocess.Popen(argv, env={**os.environ, **own}, cwd=folder, stdout=log, stderr=log)
    try:
        eventually(lambda: _listens(port))
        with playwright.sync_playwright() as play:
            browser = play.chromium.launch(executable_path=shutil.which("chromium"), args=CHROMIUM)
            yield Notebook(browser.new_page(), f"http://127.0.0.1:{port}")
            browser.close()
    finally:
        lab.terminate()
        lab.wait()


def _listens(port: int) -> bool:
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", port)) == 0


def test_what_the_menu_takes(notebook: Notebook, tmp_path: Path) -> None:
    recording = tmp_path / "jupyterlab.jsonl"
    eventually(lambda: "ready" in states(recording))
    assert notebook.completed("pri", "print(total)") == "print(total)"
    assert notebook.completed('frame["na', 'name"].sum()') == 'frame["name"].sum()'
    assert notebook.completed("np.array([", "[1, 2], [3, 4]])") == "np.array([[1, 2], [3, 4]])"
    assert notebook.completed("if total:", "return total") == "if total:\n    return total"
    opened = [
        one["params"]["textDocument"] for _, one in entries(recording) if one.get("method", "").endswith("didOpen")
    ]
    assert opened[0]["uri"] == "file:///w/notes/demo.ipynb", "its folder, not one of files that are not there"
