"""Neovim in a terminal: what is on the screen, seen through tmux."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import REDRAFT
from tests.neovim.conftest import Neovim, environment_of, eventually

GREY = "38;2;118;118;118"
RULES = [
    ("def add(", "a, b):"),
    ("def add(a, b):\n", "    total = a + b\n    return total"),
    ("func add(a int) int {\n", "\treturn a\n}"),
    ("漢 = call(", "é, 漢)"),
]


class Terminal:
    """A tmux server of its own with one window."""

    def __init__(self, folder: Path, tmux: str) -> None:
        self._tmux = [tmux, "-S", str(folder / "tmux.socket"), "-f", os.devnull]

    def __call__(self, *arguments: str) -> str:
        ran = subprocess.run([*self._tmux, *arguments], capture_output=True, text=True, check=True)
        return ran.stdout.rstrip("\n")

    def run(self, command: list[str], environment: dict[str, str]) -> None:
        settings = [word for name, value in environment.items() for word in ("-e", f"{name}={value}")]
        self("new-session", "-d", "-x", "70", "-y", "12", *settings, *command)

    def type(self, *keys: str) -> None:
        self("send-keys", *keys)

    @property
    def screen(self) -> list[str]:
        return self("capture-pane", "-p").splitlines()

    @property
    def colours(self) -> list[str]:
        return self("capture-pane", "-p", "-e").splitlines()

    @property
    def cursor(self) -> str:
        return self("display-message", "-p", "#{cursor_x},#{cursor_y}")

    def shows(self, *rows: str) -> None:
        """Wait until the first rows are these."""
        eventually(lambda: [row.rstrip() for row in self.screen[: len(rows)]] == [*rows])


@pytest.fixture
def open_terminal(neovim: Neovim, tmp_path: Path, script: Callable[..., str]) -> Iterator[Callable[..., Terminal]]:
    tmux = shutil.which("tmux")
    if tmux is None:
        pytest.skip("tmux is not installed")
    terminal = Terminal(tmp_path, tmux)

    def start(name: str, text: str) -> Terminal:
        (tmp_path / name).write_text(text, encoding="utf-8")
        options = {"ghost_text": neovim.ghost_text}
        environment = environment_of(tmp_path, [REDRAFT, "lsp", "--model", script(RULES)], options)
        environment |= {"TERM": "xterm-256color", "LANG": "C.UTF-8"}
        init = str(Path(__file__).parent / "init.lua")
        colour = (
            "set termguicolors shortmess+=I noshowmode | hi RedraftGhost guifg=#767676 | hi ComplHint guifg=#767676"
        )
        status = "set laststatus=2 statusline=%{v:lua.require'redraft'.statusline()}"
        command = [neovim.program, "-u", init, "-n", "-c", colour, "-c", status, str(tmp_path / name)]
        terminal.run(command, environment)
        eventually(lambda: any(row.strip() == "redraft" for row in terminal.screen))
        return terminal

    yield start
    subprocess.run([*terminal._tmux, "kill-server"], capture_output=True, check=False)


def test_ghost_text_is_on_the_screen_in_its_colour(open_terminal: Callable[..., Terminal], tmp_path: Path) -> None:
    terminal = open_terminal("demo.py", "\n")
    terminal.type("i", "def add(")
    terminal.shows("def add(a, b):")
    assert f"{GREY}ma, b):" in terminal.colours[0]
    assert terminal.cursor == "8,0"
    terminal.type("Tab")
    eventually(lambda: terminal.cursor == "14,0")
    assert GREY not in terminal.colours[0]
    terminal.type("Enter", "C-u")
    terminal.shows("def add(a, b):", "    total = a + b", "    return total")
    assert terminal.cursor == "0,1"
    terminal.type("Tab", "Escape", ":w", "Enter")
    eventually(lambda: (tmp_path / "demo.py").read_text() == "def add(a, b):\n    total = a + b\n    return total\n")


def test_a_tab_is_as_wide_as_it_will_be(drawn: Neovim, open_terminal: Callable[..., Terminal]) -> None:
    terminal = open_terminal("demo.go", "package a\n\nfunc add(a int) int {\n")
    terminal.type("G", "o")
    rows = ("package a", "", "func add(a int) int {", "        return a", "}")
    terminal.shows(*rows)
    terminal.type("Tab")
    eventually(lambda: terminal.cursor == "1,4")
    terminal.shows(*rows)


def test_wide_characters(open_terminal: Callable[..., Terminal]) -> None:
    terminal = open_terminal("demo.py", "\n")
    terminal.type("i", "漢 = call(")
    terminal.shows("漢 = call(é, 漢)")
    assert terminal.cursor == "10,0"
    terminal.type("Tab")
    eventually(lambda: terminal.cursor == "16,0")
    assert terminal.screen[0].rstrip() == "漢 = call(é, 漢)"
