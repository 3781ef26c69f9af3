"""What the README promises of VS Code, in a real one."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.vscode.conftest import CodeServer, Window, eventually

BODY = "    total = a + b\n    return total"
RULES = [
    ("def add", "(a, b):"),
    ("def add(a, b):\n", BODY),
    ("total / len(", "values);"),
]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "model.json"
    path.write_text(json.dumps({"rules": [{"after": after, "write": write} for after, write in RULES]}))
    return path


@pytest.fixture(scope="module")
def code_server(
    tmp_path_factory: pytest.TempPathFactory, with_redraft: str, model: Path
) -> Iterator[CodeServer]:
    server = CodeServer(tmp_path_factory.mktemp("code-server"), "--disable-workspace-trust", path=with_redraft)
    server.set_machine(redraft__model=f"scripted:{model}")
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def shared(code_server: CodeServer, open_window: Callable[[CodeServer], Window]) -> Window:
    window = open_window(code_server)
    window.load("demo.py")
    window.until_ready()
    return window


@pytest.fixture
def window(shared: Window, code_server: CodeServer) -> Window:
    shared.press("Escape")
    code_server.set()
    shared.until_ready()
    return shared


def test_ghost_text_appears_and_tab_accepts_it(window: Window) -> None:
    window.open("accept.py")
    window.type("def add")
    eventually(lambda: window.ghost() == "(a, b):")
    window.picture("ghost-text")
    window.press("Tab")
    window.type("\n")
    eventually(lambda: window.ghost())
    window.picture("several-lines")
    window.press("Tab")
    assert window.saved("accept.py") == "def add(a, b):\n" + BODY
