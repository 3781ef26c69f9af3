"""llama.vim as Debian packages it, in Vim and in Neovim: it asks the HTTP door."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT, eventually
from tests.editors.conftest import program
from tests.lsp_server.door.conftest import scripted, serving
from tests.terminal import Terminal

README = (ROOT / "editor-configs" / "README.md").read_text(encoding="utf-8")
SNIPPET = next(block for block in re.findall(r"```vim\n(.*?)```", README, re.DOTALL) if "g:llama_config" in block)
RULES = [("def add(", "a, b):"), ("def add(a, b):\n", "    total = a + b\n    return total")]


@pytest.fixture(params=["vim", "nvim-0.12"])
def vim(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Terminal]:
    """With one empty line, in a window of its own."""
    plugin, terminal = program("forky/usr/share/vim-llama.cpp"), Terminal(tmp_path)
    with serving("--model", scripted(tmp_path, RULES)) as door:
        snippet = SNIPPET.replace("http://127.0.0.1:8012", door.url)
        assert door.url in snippet
        vimrc = tmp_path / "vimrc"
        vimrc.write_text(f"set nocompatible noswapfile noautoindent runtimepath^={plugin}\n{snippet}")
        environment = {"TERM": "xterm-256color", "LANG": "C.UTF-8", "HOME": str(tmp_path)}
        terminal.run([program(request.param), "-u", str(vimrc), str(tmp_path / "demo")], environment)
        yield terminal
        terminal.close()


def test_it_shows_the_rest_of_a_line_and_then_the_block(vim: Terminal, tmp_path: Path) -> None:
    """In a line of white space it asks from the line's beginning, and leaves out of the answer what stands there."""
    typed = (("idef add(", "def add(a, b):"), ("Enter", "    ", "    total = a + b"))
    for *keys, shown in typed:
        vim.type(*keys)
        eventually(lambda shown=shown: any(row.startswith(shown) for row in vim.screen))
        vim.type("Tab")
    vim.type("Escape", ":wq", "Enter")
    file = tmp_path / "demo"
    eventually(file.exists)
    eventually(lambda: file.read_text() == "def add(a, b):\n    total = a + b\n    return total\n")
