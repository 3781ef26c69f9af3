"""What makes people switch a completer off: flicker, doubled text, a stolen Tab, a broken undo, work without end."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from tests.conftest import REDRAFT, eventually
from tests.neovim.conftest import INIT, Editor, Neovim, held

KNOWN = ("value = compute(first, second)", "other = compute(second, first)")
TYPED = "value = compute(fir", "x = [3, 4]", "other = compute(second, firs", "# what a day", "value = 1", ""


def test_tab_indents_when_nothing_is_shown(editor: Editor) -> None:
    editor.open(["x"])
    editor.lua("vim.bo.expandtab, vim.bo.shiftwidth, vim.bo.softtabstop = true, 4, 4")
    editor.type("i<Tab>")
    eventually(lambda: editor.lines == ["    x"])


@pytest.mark.parametrize(
    "mapping",
    [
        "lua vim.keymap.set('i', '<Tab>', function() return '!' end, { expr = true })",
        "imap <expr> <Tab> pumvisible() ? '<C-n>' : '<Plug>(bang)'",
        "inoremap <expr> <Tab> <SID>bang()",
        "inoremap <Tab> <C-R>=<SID>bang()<CR>",
        "inoremap <F5> !\nimap <Tab> <F5>",
        "inoremap ! ?\nimap <expr> <Tab> pumvisible() ? '<C-n>' : '<Tab><BS>!<BS><C-V>!'",
        "lua vim.keymap.set('i', '<Tab>', function() vim.api.nvim_put({ '!' }, 'c', false, true) end)",
    ],
    ids=["lua", "names of keys", "function of a script", "no expression", "recursive", "itself", "lua, no expression"],
)
def test_a_tab_of_somebody_else_keeps_working(
    start: Callable[..., Editor], script: Callable[..., str], mapping: str
) -> None:
    editor = start([REDRAFT, "lsp", "--model", script([("def add(", "a, b):")])])
    theirs = editor.folder / "theirs.vim"
    bang = "function s:bang()\n  return '!'\nendfunction\ninoremap <Plug>(bang) !\n"
    theirs.write_text(f"iunmap <Tab>\n{bang}{mapping}\n")
    editor.vim.command(f"source {theirs} | luafile {INIT}")
    editor.open([""])
    editor.type("i<Tab>def add(")
    eventually(editor.ghost)
    editor.type("<Tab>")
    eventually(lambda: editor.lines == ["!def add(a, b):"])


def test_a_tab_of_one_buffer_stays_there(editor: Editor) -> None:
    editor.open([""])
    editor.vim.command("inoremap <buffer> <Tab> !")
    editor.vim.command(f"luafile {INIT}")
    editor.type("i<Tab>")
    assert editor.lines == ["!"]
    editor.open([""])
    editor.lua("vim.bo.expandtab, vim.bo.shiftwidth, vim.bo.softtabstop = true, 4, 4")
    editor.type("i<Tab>x")
    assert editor.lines == ["    x"]


def test_two_fast_tabs_insert_once(editor: Editor) -> None:
    editor.open([""])
    editor.lua("vim.bo.expandtab, vim.bo.shiftwidth, vim.bo.softtabstop = true, 4, 4")
    editor.type("idef add(")
    eventually(editor.ghost)
    editor.type("<Tab><Tab>")
    eventually(lambda: editor.lines[0].startswith("def add(a"))
    eventually(lambda: editor.running() == 0)
    assert editor.lines[0].rstrip() == "def add(a, b):"


@pytest.mark.parametrize("key", ["x", "<CR>", "<Esc>"])
def test_a_key_that_comes_with_the_tab_finds_the_proposal_taken(editor: Editor, key: str) -> None:
    """As over a slow connection, where several keys arrive at once."""
    editor.open([""])
    editor.lua("vim.bo.autoindent, vim.bo.indentexpr = false, ''")
    editor.type("idef add(")
    eventually(editor.ghost)
    editor.type(f"<Tab>{key}")
    editor.settle()
    assert "\n".join(editor.lines) == "def add(a, b):" + {"x": "x", "<CR>": "\n", "<Esc>": ""}[key]


def test_typing_into_it_and_a_fast_tab_double_nothing(editor: Editor) -> None:
    """Neovim 0.12 by itself would insert the whole text where it was asked for, beside what has been typed of it."""
    editor.open([""])
    editor.type("idef add(")
    eventually(editor.ghost)
    editor.type("a, <Tab>")
    eventually(lambda: editor.lines == ["def add(a, b):"])


def test_it_is_drawn_once_and_then_only_grows_or_shrinks(drawn: Neovim, editor: Editor) -> None:
    """The same extmark moves on: between two answers that agree there is no moment without text."""
    editor.open([""])
    editor.lua(
        "vim.g.erased = 0\n"
        "local clear = vim.api.nvim_buf_clear_namespace\n"
        "vim.api.nvim_buf_clear_namespace = function(buffer, space, ...)\n"
        "  if space == vim.api.nvim_create_namespace('redraft') then vim.g.erased = vim.g.erased + 1 end\n"
        "  return clear(buffer, space, ...)\n"
        "end"
    )
    editor.type("idef add(")
    eventually(editor.ghost)
    editor.vim.vars["erased"] = 0
    for typed in "a,":
        editor.type(typed)
        eventually(lambda: editor.running() == 0)
        assert editor.lines[0] + editor.ghost() == "def add(a, b):"
    assert editor.vim.vars["erased"] == 0
    assert len(editor.marks()) == 1


def test_the_cursor_stays_where_it_is(editor: Editor) -> None:
    editor.open(["", "end"])
    editor.type("idef add(")
    before = editor.vim.funcs.screencol(), editor.vim.funcs.screenrow(), editor.cursor
    eventually(editor.ghost)
    editor.vim.command("redraw")
    assert (editor.vim.funcs.screencol(), editor.vim.funcs.screenrow(), editor.cursor) == before


def test_it_goes_when_the_cursor_leaves(start: Callable[..., Editor], script: Callable[..., str]) -> None:
    """At once: the server is held, so no answer of it is waited for."""
    editor = start([REDRAFT, "lsp", "--model", script([("def add(", "a, b):")])])
    editor.open(["", "x"])
    editor.type("idef add(")
    eventually(editor.ghost)
    with held(editor):
        editor.type("<Down>")
        eventually(lambda: editor.ghost() == "", 10)


def test_it_stays_behind_in_no_window(editor: Editor) -> None:
    """A click takes the cursor to another window without an end of insert mode."""
    editor.open([""])
    editor.type("idef add(")
    eventually(editor.ghost)
    editor.type("<Cmd>new<CR>")
    eventually(lambda: editor.marks() == [], 20)


def test_a_tab_indents_where_the_cursor_went(editor: Editor) -> None:
    editor.open(["", "x"])
    editor.lua("vim.bo.expandtab, vim.bo.shiftwidth, vim.bo.softtabstop = true, 4, 4")
    editor.type("idef add(")
    eventually(editor.ghost)
    editor.type("<Down><Home><Tab>y")
    eventually(lambda: editor.lines[1].endswith("yx"))
    assert editor.lines == ["def add(", "    yx"]


def test_undo_takes_back_the_proposal_and_nothing_else(editor: Editor) -> None:
    editor.open(["def add(a, b):", "", "x = 1"])
    editor.type("2Gi")
    eventually(editor.ghost)
    editor.type("<Tab>")
    eventually(lambda: len(editor.lines) == 4)
    editor.type("<Esc>")
    editor.vim.command("silent undo")
    assert editor.lines == ["def add(a, b):", "", "x = 1"]
    editor.vim.command("silent redo")
    assert editor.lines == ["def add(a, b):", "    total = a + b", "    return total", "x = 1"]


def test_undo_of_what_was_typed_before_is_a_second_step(editor: Editor) -> None:
    editor.open([""])
    editor.type("idef add(")
    eventually(editor.ghost)
    editor.type("<Tab>")
    eventually(lambda: editor.lines == ["def add(a, b):"])
    editor.type("<Esc>")
    editor.vim.command("silent undo")
    assert editor.lines == ["def add("]
    editor.vim.command("silent undo")
    assert editor.lines == [""]


def test_undo_of_what_is_typed_after_is_a_step_of_its_own(editor: Editor) -> None:
    editor.open([""])
    editor.type("idef add(")
    eventually(editor.ghost)
    editor.type("<Tab>")
    eventually(lambda: editor.lines == ["def add(a, b):"])
    editor.settle()
    editor.type("  # sum<Esc>")
    for lines in (["def add(a, b):"], ["def add("], [""]):
        editor.vim.command("silent undo")
        assert editor.lines == lines


def test_dot_repeats_what_was_typed_and_what_was_accepted(editor: Editor) -> None:
    editor.open(["", "x"])
    editor.lua("vim.bo.indentexpr = ''")
    editor.type("idef add(")
    eventually(editor.ghost)
    editor.type("<Tab>")
    eventually(lambda: editor.lines == ["def add(a, b):", "x"])
    editor.type("<Esc>j0.")
    eventually(lambda: editor.lines == ["def add(a, b):", "def add(a, b):x"])


def test_a_macro_sees_no_ghost_text(editor: Editor) -> None:
    editor.open(["one", "two"])
    editor.lua("vim.fn.setreg('q', vim.api.nvim_replace_termcodes('Adef add(<Esc>', true, true, true))")
    editor.type("@q")
    eventually(lambda: editor.lines == ["onedef add(", "two"])
    assert editor.marks() == []


def type_unanswered(editor: Editor, keys: str) -> None:
    """Nothing comes of it: the plugin does not ask, and what the editor asks for is not shown."""
    editor.lua(
        "vim.g.answered = false\n"
        "vim.api.nvim_create_autocmd('LspRequest', { callback = function(event)\n"
        "  local request = event.data.request\n"
        "  local ours = request.method == 'textDocument/inlineCompletion' and request.type == 'complete'\n"
        "  vim.g.answered = vim.g.answered or ours\n"
        "end })"
    )
    editor.type(keys)
    eventually(lambda: editor.running() == 0 and (editor.neovim.ghost_text == "plugin" or editor.vim.vars["answered"]))
    editor.settle()
    assert editor.ghost() == ""


def test_a_recorded_macro_does_the_same_again(editor: Editor) -> None:
    """Accepted text would be no part of it: the key that took it is recorded, and does something else when run."""
    editor.open(["", ""])
    type_unanswered(editor, "qqidef add(")
    editor.type("<Tab>x<Esc>qj@q")
    eventually(lambda: editor.lines[1].endswith("x"))
    assert editor.lines[0] == editor.lines[1]


def test_while_no_mapping_works_nothing_is_shown(editor: Editor) -> None:
    """With 'paste' a Tab is a Tab."""
    editor.open([""])
    editor.vim.command("set paste")
    try:
        type_unanswered(editor, "idef add(")
        editor.type("<Tab><Esc>")
    finally:
        editor.vim.command("set nopaste")
    assert editor.lines == ["def add(\t"]
    editor.type("cc<C-u>def add(")
    eventually(lambda: editor.ghost() == "a, b):")


def test_thirty_keys_a_second_for_ten_seconds(start: Callable[..., Editor], script: Callable[..., str]) -> None:
    """Nothing shown ever contradicts what was typed, one request runs at most, and in the end all is quiet."""
    rules = [(text[:8], text[8:]) for text in KNOWN]
    editor = start([REDRAFT, "lsp", "--model", script(rules, seconds=0.02)])
    editor.open([""])
    editor.lua("vim.bo.autoindent, vim.bo.indentexpr = false, ''")
    editor.type("i")
    end, number = time.monotonic() + 10, 0
    keys = [key for line in TYPED for key in [*line, "<CR>"]]
    while time.monotonic() < end:
        key = keys[number % len(keys)]
        editor.vim.input({" ": "<Space>", "<": "<lt>"}.get(key, key))
        line, ghost, running = editor.lines[-1], editor.ghost(), editor.running()
        assert running <= 1
        assert not ghost or line + ghost in KNOWN, "what is shown continues what is typed"
        number += 1
        time.sleep(max(0.0, end - 10 + number / 30 - time.monotonic()))
    eventually(lambda: editor.running() == 0)
    typed = "".join(line + "\n" for line in editor.lines)[:-1]
    wanted = "".join("\n" if key == "<CR>" else key for key in (keys[n % len(keys)] for n in range(number)))
    assert typed == wanted
    editor.type("<CR>value = ")
    eventually(lambda: editor.ghost() == "compute(first, second)")
    editor.type("<Esc>")
    eventually(lambda: editor.marks() == [])
    assert editor.messages == ""
