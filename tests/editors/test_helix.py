"""Helix: proposals in its completion menu, fixes for another server's diagnostics."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT, eventually
from tests.conversations.record import entries
from tests.editors.conftest import BROKEN, LINTER, keep, program, states
from tests.terminal import Terminal

README = (ROOT / "README.md").read_text(encoding="utf-8")
SNIPPET = next(block for block in re.findall(r"```toml\n(.*?)```", README, re.DOTALL) if "redraft" in block)
PAGE = (ROOT / "editor-configs" / "README.md").read_text(encoding="utf-8")
SETTINGS = next(block for block in re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL) if "enable" in block)


@pytest.fixture
def helix(tmp_path: Path, recorded: Callable[..., list[str]]) -> Iterator[Callable[..., Terminal]]:
    terminal = Terminal(tmp_path)

    def start(text: str, more: str = "", state: str = "ready") -> Terminal:
        (tmp_path / "demo.py").write_text(text)
        config = tmp_path / "config" / "helix"
        config.mkdir(parents=True)
        command, *arguments = recorded("helix")
        snippet = SNIPPET.replace('"redraft"\nargs = ["lsp"]', f"{json.dumps(command)}\nargs = {json.dumps(arguments)}")
        (config / "languages.toml").write_text(
            f"[language-server.linter]\ncommand = {json.dumps(LINTER[0])}\nargs = {json.dumps(LINTER[1:])}\n"
            + snippet.replace("pylsp", "linter")
            + more
        )
        environment = {"XDG_CONFIG_HOME": str(config.parent), "XDG_CACHE_HOME": str(tmp_path / "cache")}
        environment |= {"TERM": "xterm-256color", "LANG": "C.UTF-8", "HOME": str(tmp_path)}
        terminal.run([program("hx"), str(tmp_path / "demo.py")], environment)
        eventually(lambda: state in states(tmp_path / "helix.jsonl"))
        return terminal

    yield start
    terminal.close()


def leaves_insert_mode(terminal: Terminal) -> bool:
    """The first Escape may close the menu only. One at a time: right before another key it would be that key's Alt."""
    terminal.type("Escape")
    with contextlib.suppress(AssertionError):
        return eventually(lambda: any(row.startswith(" NOR ") for row in terminal.screen), 5)
    return False


def test_menu_fix_and_a_whole_session(helix: Callable[..., Terminal], tmp_path: Path) -> None:
    terminal = helix(BROKEN + "\n")
    eventually(lambda: any("undefined name value" in row for row in terminal.screen) or "●" in "".join(terminal.screen))

    terminal.type("3gg", "gl", "h", " a")
    eventually(lambda: any("redraft: fix" in row for row in terminal.screen))
    terminal.type("Enter")
    eventually(lambda: any("len(values)" in row for row in terminal.screen))

    terminal.type("ge", "i", "def add(")
    eventually(lambda: any("a, b text" in row for row in terminal.screen))  # Helix closed the bracket
    terminal.type("Tab", "Enter")
    eventually(lambda: any("def add(a, b)" in row for row in terminal.screen))
    eventually(lambda: leaves_insert_mode(terminal))
    terminal.type(":w", "Enter")
    whole = BROKEN.replace("(value)", "(values)") + "def add(a, b)\n"
    eventually(lambda: (tmp_path / "demo.py").read_text() == whole)
    terminal.type(":q", "Enter")
    eventually(lambda: "exit" in [message.get("method") for _, message in entries(tmp_path / "helix.jsonl")])
    keep(tmp_path / "helix.jsonl")


def test_lines_end_as_the_files_do(helix: Callable[..., Terminal], tmp_path: Path) -> None:
    terminal = helix("def add(a, b):\r\n\r\nx = 1\r\n")
    terminal.type("2gg", "i", "C-x")
    eventually(lambda: any("total = a + b" in row for row in terminal.screen))
    terminal.type("Tab", "Enter")
    eventually(lambda: any("return total" in row for row in terminal.screen))
    eventually(lambda: leaves_insert_mode(terminal))
    terminal.type(":w", "Enter")
    whole = b"def add(a, b):\r\n    total = a + b\r\n    return total\r\nx = 1\r\n"
    eventually(lambda: (tmp_path / "demo.py").read_bytes() == whole)


def test_the_uses_of_a_name_that_was_typed_over_follow(helix: Callable[..., Terminal], tmp_path: Path) -> None:
    terminal = helix("count = 1\nprint(count, count)\n")
    terminal.type("gg", "e", "c", "total")
    eventually(lambda: any("total = 1" in row for row in terminal.screen))
    eventually(lambda: leaves_insert_mode(terminal))
    terminal.type(" a")
    eventually(lambda: any("redraft: rename 2 more count to total" in row for row in terminal.screen))
    terminal.type("Enter")
    eventually(lambda: any("print(total, total)" in row for row in terminal.screen))
    terminal.type(":w", "Enter")
    eventually(lambda: (tmp_path / "demo.py").read_text() == "total = 1\nprint(total, total)\n")
    terminal.type("u")
    eventually(lambda: any("print(count, count)" in row for row in terminal.screen))


def test_settings_reach_the_server(helix: Callable[..., Terminal]) -> None:
    helix("", SETTINGS.replace('"*" = true', '"*" = false'), "off")
