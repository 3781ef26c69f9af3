"""Vim 9 with ALE: proposals in its completion menu."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from tests.conftest import ROOT, eventually
from tests.editors.conftest import program, states
from tests.terminal import Terminal

README = (ROOT / "editor-configs" / "README.md").read_text(encoding="utf-8")
SNIPPET = next(block for block in re.findall(r"```vim\n(.*?)```", README, re.DOTALL) if "ale#linter#Define" in block)
RULES = [("    ret", "urn total / count"), ("    total = val", "ues[0]"), ('"é😀" + na', "me.strip()")]


@pytest.fixture
def vim(tmp_path: Path, recorded: Callable[..., list[str]]) -> Iterator[Callable[[bytes], Terminal]]:
    terminal = Terminal(tmp_path)

    def start(text: bytes) -> Terminal:
        (tmp_path / "demo.py").write_bytes(text)
        command, *arguments = recorded("vim-ale", RULES)
        quoted = f"'{command}', 'command': '%e {shlex.join(arguments)}'"
        snippet = SNIPPET.replace("'redraft', 'command': '%e lsp'", quoted)
        assert command in snippet
        vimrc = tmp_path / "vimrc"
        vimrc.write_text(f"set nocompatible noswapfile runtimepath^=$REDRAFT_ALE\nfiletype on\n{snippet}")
        environment = {"TERM": "xterm-256color", "LANG": "C.UTF-8", "HOME": str(tmp_path)}
        terminal.run([program("vim"), "-u", str(vimrc), str(tmp_path / "demo.py")], environment)
        eventually(lambda: "ready" in states(tmp_path / "vim-ale.jsonl"))
        return terminal

    yield start
    terminal.close()


def servers(folder: Path) -> list[int]:
    """The processes that serve with this folder's script."""
    model = f"scripted:{folder / 'model.json'}"
    return [one.pid for one in psutil.process_iter(["cmdline"]) if model in (one.info["cmdline"] or ())]


def propose(terminal: Terminal, typed: str, label: str) -> None:
    """Type, and take the proposal when the menu shows it."""
    terminal.type(typed)
    eventually(lambda: any(f"{label} v" in row for row in terminal.screen))
    terminal.type("C-n", "C-y")
    eventually(lambda: any(row.rstrip().endswith(label) for row in terminal.screen))
    terminal.type("Escape")


@pytest.mark.parametrize("end", [b"\n", b"\r\n"], ids=["LF", "CRLF"])
def test_the_menu_and_a_whole_session(vim: Callable[[bytes], Terminal], tmp_path: Path, end: bytes) -> None:
    terminal = vim(b"def mean(values):" + end + 'title = "é😀"'.encode() + end)
    terminal.type("o")
    propose(terminal, "    total = val", "values[0]")
    terminal.type("o")
    propose(terminal, "    ret", "return total / count")
    terminal.type(":4", "Enter", "A")
    propose(terminal, " + na", "name.strip")  # ALE cuts what it shows at a bracket
    terminal.type(":wq", "Enter")
    lines = ["def mean(values):", "    total = values[0]", "    return total / count", 'title = "é😀" + name.strip']
    eventually(lambda: not servers(tmp_path))
    assert (tmp_path / "demo.py").read_bytes() == b"".join(line.encode() + end for line in lines)
