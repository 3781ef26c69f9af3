"""Ghost text in a real headless Neovim: it appears, it is accepted, it never lies."""

from __future__ import annotations

from tests.neovim.conftest import Editor, eventually


def test_ghost_text_appears_and_is_accepted(editor: Editor) -> None:
    editor.open([""])
    editor.vim.input("idef add(")
    eventually(lambda: editor.ghost() == "a, b):")
    assert editor.lines == ["def add("]
    editor.vim.input("<Tab>")
    eventually(lambda: editor.lines == ["def add(a, b):"])
    assert editor.cursor == (1, 14)


def test_several_lines(editor: Editor) -> None:
    editor.open(["def add(a, b):", "", "", "x = 1"])
    editor.vim.input("2Gi")
    eventually(lambda: editor.ghost() == "    total = a + b\n    return total")
    editor.vim.input("<Tab>")
    eventually(lambda: editor.lines == ["def add(a, b):", "    total = a + b", "    return total", "", "x = 1"])
    assert editor.cursor == (3, 16)


def test_typing_what_it_says_keeps_it(editor: Editor) -> None:
    editor.open([""])
    editor.vim.input("idef add(")
    eventually(editor.ghost)
    editor.vim.input("a, ")
    eventually(lambda: editor.ghost() == "b):")
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
