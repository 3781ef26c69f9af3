"""Neovim in a terminal: what is on the screen, seen through tmux."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import REDRAFT, eventually
from tests.neovim.conftest import Neovim, environment_of
from tests.terminal import Terminal

GREY = "38;2;118;118;118"
RULES = [
    ("def add(", "a, b):"),
    ("def add(a, b):\n", "    total = a + b\n    return total"),
    ("func add(a int) int {\n", "\treturn a\n}"),
    ("漢 = call(", "é, 漢)"),
]


@pytest.fixture
def open_terminal(neovim: Neovim, tmp_path: Path, script: Callable[..., str]) -> Iterator[Callable[..., Terminal]]:
    terminal = Terminal(tmp_path)

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
    terminal.close()


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
    terminal.type("Tab")
    eventually(lambda: terminal.cursor == "16,2")
    terminal.type("Escape")
    eventually(lambda: terminal.cursor == "15,2")
    terminal.type(":w", "Enter")
    eventually(lambda: (tmp_path / "demo.py").read_text() == "def add(a, b):\n    total = a + b\n    return total\n")


def test_a_tab_is_as_wide_as_it_will_be(drawn: Neovim, open_terminal: Callable[..., Terminal]) -> None:
    terminal = open_terminal("demo.go", "package a\n\nfunc add(a int) int {\n")
    terminal.type("G", "o")
    rows = ("package a", "", "func add(a int) int {", "        return a", "}")
    terminal.shows(*rows)
    terminal.type("Tab")
    eventually(lambda: terminal.cursor == "1,4")
    terminal.shows(*rows)


def test_over_an_auto_closed_bracket(open_terminal: Callable[..., Terminal]) -> None:
    terminal = open_terminal("demo.py", "\n")
    terminal.type(":inoremap ( ()<Left>", "Enter", "i", "def add(")
    terminal.shows("def add(a, b):")
    assert terminal.cursor == "8,0"
    terminal.type("a, ")
    eventually(lambda: terminal.cursor == "11,0")
    terminal.shows("def add(a, b):")
    terminal.type("Tab")
    eventually(lambda: terminal.cursor == "14,0")
    terminal.shows("def add(a, b):")


def test_wide_characters(open_terminal: Callable[..., Terminal]) -> None:
    terminal = open_terminal("demo.py", "\n")
    terminal.type("i", "漢 = call(")
    terminal.shows("漢 = call(é, 漢)")
    assert terminal.cursor == "10,0"
    terminal.type("Tab")
    eventually(lambda: terminal.cursor == "16,0")
    assert terminal.screen[0].rstrip() == "漢 = call(é, 漢)"


def test_a_next_edit_is_on_the_screen(open_terminal: Callable[..., Terminal]) -> None:
    terminal = open_terminal("demo.py", "def area(width):\n    return width\n")
    terminal.type("fw", "ciw", "side", "Escape")
    terminal.shows("def area(side):", "    return widthside")
    assert f"\x1b[9mwidth\x1b[0m\x1b[{GREY}m" in terminal.colours[1], "the old name is struck through"
    assert terminal.cursor == "12,0"
    terminal.type("Tab")
    terminal.shows("def area(side):", "    return side")
    assert terminal.cursor == "12,0"
