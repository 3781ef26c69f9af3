"""Ghost text in a real headless Neovim: it appears, it is taken in parts or whole, it never lies."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.conftest import REDRAFT, ROOT, eventually
from tests.neovim.conftest import RULES, Editor, Neovim, held

LATE = """
local rpc = vim.lsp.get_clients({ name = "redraft" })[1].rpc
local notify = rpc.notify
rpc.notify = function(method, ...)
  return method == "$/cancelRequest" or notify(method, ...)
end
vim.g.answers = 0
vim.api.nvim_create_autocmd("LspRequest", {
  callback = function(event)
    if event.data.request.type == "complete" then
      vim.g.answers = vim.g.answers + 1
    end
  end,
})
"""
"""Whatever is cancelled is answered all the same, as when the answer was under way; answers are counted."""

HELD = """
local start = vim.lsp.rpc.start
vim.g.held = 0
vim.lsp.rpc.start = function(...)
  local rpc = start(...)
  local request = rpc.request
  rpc.request = function(method, params, callback, replied)
    if method ~= "textDocument/inlineCompletion" or vim.g.held > 0 then
      return request(method, params, callback, replied)
    end
    local sent, id
    sent, id = request(method, params, function(...)
      local given = vim.F.pack_len(...)
      function _G.deliver()
        replied(id)
        callback(vim.F.unpack_len(given))
      end
      vim.g.held = 1
    end)
    return sent, id
  end
  return rpc
end
"""
"""The first answer comes when `deliver()` is called, as if it had been under way until then."""


def test_it_appears_and_is_accepted(editor: Editor) -> None:
    editor.open([""])
    editor.type("idef add(")
    eventually(lambda: editor.ghost() == "a, b):")
    assert editor.lines == ["def add("]
    assert editor.cursor == (1, 8)
    editor.type("<Tab>")
    eventually(lambda: editor.lines == ["def add(a, b):"])
    assert editor.cursor == (1, 14)


def test_several_lines(editor: Editor) -> None:
    editor.open(["def add(a, b):", "", "", "x = 1"])
    editor.type("2Gi")
    eventually(lambda: editor.ghost() == "    total = a + b\n    return total")
    editor.type("<Tab>")
    eventually(lambda: editor.lines == ["def add(a, b):", "    total = a + b", "    return total", "", "x = 1"])
    assert editor.cursor == (3, 16)


def test_typing_what_it_says_keeps_it(editor: Editor) -> None:
    editor.open([""])
    editor.type("idef add(")
    eventually(editor.ghost)
    for typed in "a, ":
        editor.type(typed.replace(" ", "<Space>"))
        assert (editor.lines[0] + editor.ghost()) == "def add(a, b):", "at every moment, without waiting"
    editor.type("<Tab>")
    eventually(lambda: editor.lines == ["def add(a, b):"])


def test_typing_something_else_takes_it_away_at_once(editor: Editor) -> None:
    editor.open([""])
    editor.type("idef add(")
    eventually(editor.ghost)
    editor.type("x")
    assert editor.ghost() == ""
    editor.type("<Tab>y")
    eventually(lambda: editor.lines[0].split() == ["def", "add(x", "y"])


def close_brackets(editor: Editor) -> None:
    """What plugins do that put a closing bracket behind the cursor and step over it when it is typed."""
    editor.lua(
        "vim.keymap.set('i', '(', '()<Left>', { buffer = true })\n"
        "vim.keymap.set('i', ')', function()\n"
        "  local column = vim.api.nvim_win_get_cursor(0)[2]\n"
        "  return vim.api.nvim_get_current_line():sub(column + 1, column + 1) == ')' and '<Right>' or ')'\n"
        "end, { buffer = true, expr = true })\n"
    )


def test_it_goes_on_behind_an_auto_closed_bracket(editor: Editor) -> None:
    editor.open([""])
    close_brackets(editor)
    editor.type("idef add(")
    eventually(lambda: editor.ghost() == "a, b):")
    assert editor.lines == ["def add()"]
    editor.type("<Tab>")
    eventually(lambda: editor.lines == ["def add(a, b):"])
    assert editor.cursor == (1, 14)
    editor.type("<Esc>")
    editor.vim.command("silent undo")
    assert editor.lines == ["def add()"]


def test_it_goes_on_behind_an_auto_closed_quote(editor: Editor) -> None:
    editor.open([""])
    editor.lua("for _, pair in ipairs({ '[]', '\"\"' }) do\n"
               "  vim.keymap.set('i', pair:sub(1, 1), pair .. '<Left>', { buffer = true })\n"
               "end\n")  # fmt: skip
    editor.type('irow["na')
    eventually(lambda: editor.ghost() == 'me"] = 1')
    assert editor.lines == ['row["na"]']
    editor.type("m")
    assert editor.lines[0] == 'row["nam"]' and editor.ghost() == 'e"] = 1'
    editor.type("<Tab>")
    eventually(lambda: editor.lines == ['row["name"] = 1'])
    assert editor.cursor == (1, 15)


@pytest.mark.parametrize("part", [["<Tab>"], ["<M-Right>"] * 4], ids=["whole", "in words"])
def test_what_was_taken_behind_an_auto_closed_bracket_is_repeated(editor: Editor, part: list[str]) -> None:
    """With the bracket that it took the place of. `<C-g>U` is how a mapping keeps the insertion in one piece."""
    editor.open(["", ""])
    editor.lua("vim.keymap.set('i', '(', '()<C-g>U<Left>', { buffer = true }); vim.bo.indentexpr = ''")
    editor.type("idef add(")
    for key in part:
        eventually(editor.ghost)
        before = editor.lines[0]
        editor.type(key)
        eventually(lambda before=before: editor.lines[0] != before)
    assert editor.lines == ["def add(a, b):", ""]
    editor.type("<Esc>j.")
    assert editor.lines == ["def add(a, b):", "def add(a, b):"]


def test_behind_an_auto_closed_bracket_word_by_word(editor: Editor) -> None:
    editor.open([""])
    close_brackets(editor)
    editor.type("idef add(")
    for ghost, line in [
        ("a, b):", "def add(a)"),
        (", b):", "def add(a,)"),
        (" b):", "def add(a, b)"),
        ("):", "def add(a, b):"),
    ]:
        # Neovim itself leaves out a bracket that stands right at the cursor.
        eventually(lambda ghost=ghost: editor.ghost() in (ghost, ghost.removeprefix(")")))
        editor.type("<M-Right>")
        eventually(lambda line=line: editor.lines == [line])
    assert editor.cursor == (1, 14)


def test_an_auto_closed_bracket_may_be_typed_over(editor: Editor) -> None:
    editor.open([""])
    close_brackets(editor)
    editor.type("idef add(")
    eventually(lambda: editor.ghost() == "a, b):")
    editor.type("a,<Space>b)")
    assert editor.lines == ["def add(a, b)"]
    eventually(lambda: editor.ghost() == ":")
    editor.type("<Tab>")
    eventually(lambda: editor.lines == ["def add(a, b):"])


def test_a_bracket_closed_after_the_answer_is_not_doubled(editor: Editor) -> None:
    editor.open(["def add(a, b):", ""])
    close_brackets(editor)
    editor.type("2Gi    return<Space>")
    eventually(lambda: editor.ghost() == "total / len(values)")
    editor.type("total<Space>/<Space>len(<Tab>")
    eventually(lambda: editor.lines[1] == "    return total / len(values)")


@pytest.mark.parametrize("typed", ["total<Space>/<Space>len(", "x", "<BS>;"])
def test_an_answer_to_what_was_there_before_the_last_keys(
    neovim: Neovim, start: Callable[..., Editor], script: Callable[..., str], typed: str
) -> None:
    """Neovim 0.12 by itself shows it whatever they were."""
    editor = start([REDRAFT, "lsp", "--model", script(RULES)])
    editor.lua(HELD)
    editor.open(["def add(a, b):", ""])
    close_brackets(editor)
    editor.type("2Gi    return<Space>")
    eventually(lambda: editor.vim.vars["held"] == 1)
    editor.type(typed)
    editor.lua("deliver()")
    if typed.startswith("total"):
        eventually(editor.ghost)
        editor.type("<Tab>")
        assert editor.lines[1] == "    return total / len(values)"
    else:
        line = editor.lines[1]
        assert editor.ghost() == ""
        editor.type("<Tab>y")
        assert editor.lines[1].split() == [*line.split(), "y"]


def test_what_is_left_of_it_needs_no_answer(start: Callable[..., Editor], script: Callable[..., str]) -> None:
    """The server is held."""
    editor = start([REDRAFT, "lsp", "--model", script(RULES)])
    editor.open([""])
    editor.type("idef add(")
    eventually(lambda: editor.ghost() == "a, b):")
    with held(editor):
        for line, ghost in ("def add(a", ", b):"), ("def add(a,", " b):"), ("def add(a, b", "):"):
            editor.type("<M-Right>")
            assert (editor.lines, editor.ghost()) == ([line], ghost)
        editor.type("<Tab>")
        assert (editor.lines, editor.ghost()) == (["def add(a, b):"], "")


def test_typed_to_its_end_it_takes_no_key(start: Callable[..., Editor], script: Callable[..., str]) -> None:
    editor = start([REDRAFT, "lsp", "--model", script(RULES)])
    editor.open([""])
    editor.type("idef add(")
    eventually(lambda: editor.ghost() == "a, b):")
    with held(editor):
        editor.type("a,<Space>b):")
        editor.type("<Tab>x")
    assert editor.lines[0].split() == ["def", "add(a,", "b):", "x"]


@pytest.mark.parametrize("chunks", [("<BS>", "["), ("<BS>[",)], ids=["key by key", "at once"])
def test_it_does_not_come_back_behind_other_text(
    start: Callable[..., Editor], script: Callable[..., str], chunks: tuple[str, ...]
) -> None:
    """It would fit there by chance. The server is held."""
    editor = start([REDRAFT, "lsp", "--model", script([("def add(", "a, b")])])
    editor.open(["def add() -> int:"])
    editor.type("0f(a")
    eventually(lambda: editor.ghost() == "a, b")
    with held(editor):
        for chunk in chunks:
            editor.type(chunk)
            editor.settle()
            assert editor.ghost() == ""
        assert editor.lines == ["def add[) -> int:"]


def test_word_by_word_and_line_by_line(editor: Editor) -> None:
    editor.open(["def add(a, b):", "", "x = 1"])
    editor.type("2Gi")
    eventually(editor.ghost)
    editor.type("<M-Right>")
    eventually(lambda: editor.lines[1] == "    total")
    eventually(lambda: editor.ghost() == " = a + b\n    return total")
    editor.type("<M-Down>")
    eventually(lambda: editor.lines[1] == "    total = a + b")
    eventually(lambda: editor.ghost() == "\n    return total")
    editor.type("<M-Down>")
    eventually(lambda: editor.lines == ["def add(a, b):", "    total = a + b", "    return total", "x = 1"])


def test_the_server_hears_of_what_was_accepted(drawn: Neovim, editor: Editor) -> None:
    """Only of the whole text, which is when the last word of it was taken."""
    editor.open([""])
    editor.lua(
        "vim.g.heard = 0\n"
        "local sent = {} -- from now on: what another test accepted last may be answered only now\n"
        "vim.api.nvim_create_autocmd('LspRequest', { callback = function(event)\n"
        "  local request, id = event.data.request, event.data.request_id\n"
        "  if request.method == 'workspace/executeCommand' then\n"
        "    sent[id] = sent[id] or request.type == 'pending'\n"
        "    vim.g.heard = vim.g.heard + ((sent[id] and request.type == 'complete') and 1 or 0)\n"
        "  end\n"
        "end })"
    )
    editor.type("idef add(")
    eventually(editor.ghost)
    for taken in ("a", ",", " b"):
        before = editor.lines[0]
        editor.type("<M-Right>")
        eventually(lambda before=before, taken=taken: editor.lines == [before + taken])
        eventually(editor.ghost)
        assert editor.vim.vars["heard"] == 0
    editor.type("<M-Right>")
    eventually(lambda: editor.vim.vars["heard"] == 1)
    assert editor.lines == ["def add(a, b):"]


def test_next_and_previous(drawn: Neovim, start: Callable[..., Editor]) -> None:
    script = json.dumps({"write": {"def ": ["one():", "two():", "three():"]}})
    editor = start(["env", f"PYTHONPATH={ROOT}", sys.executable, "-m", "tests.lsp_server.serve_scripted", script])
    editor.open([""])
    editor.type("idef ")
    eventually(lambda: editor.ghost() == "one():")
    for key, text in (("]", "two():"), ("]", "three():"), ("]", "one():"), ("[", "three():")):
        editor.type(f"<M-{key}>")
        eventually(lambda text=text: editor.ghost() == text)
    editor.type("<Tab>")
    eventually(lambda: editor.lines == ["def three():"])


def test_there_may_be_no_next_one(editor: Editor) -> None:
    editor.open(["x"])
    editor.type("A<M-]>")
    editor.settle()
    eventually(lambda: editor.running() == 0)
    assert editor.ghost() == ""
    assert editor.messages == ""


@pytest.mark.parametrize(("keys", "left"), [("al", "pha_two(a, b):"), ("<M-Right>", "(a, b):")], ids=["typed", "taken"])
def test_the_chosen_one_stays(drawn: Neovim, start: Callable[..., Editor], keys: str, left: str) -> None:
    """The server remembers its first text only, and would answer with nothing once another one is typed or taken."""
    script = json.dumps({"write": {"def ": ["alpha(a, b):", "alpha_two(a, b):"]}})
    editor = start(["env", f"PYTHONPATH={ROOT}", sys.executable, "-m", "tests.lsp_server.serve_scripted", script])
    editor.open([""])
    editor.type("idef ")
    eventually(lambda: editor.ghost() == "alpha(a, b):")
    editor.type("<M-]>")
    eventually(lambda: editor.ghost() == "alpha_two(a, b):")
    editor.type(keys)
    eventually(lambda: editor.running() == 0)
    assert editor.ghost() == left
    editor.type("<Tab>")
    eventually(lambda: editor.lines == ["def alpha_two(a, b):"])


def test_within_a_line(editor: Editor) -> None:
    editor.open(["def add, c):", "    return a"])
    editor.type("0f,i(")
    eventually(lambda: editor.ghost() == "a, b")
    assert editor.marks()[0][3]["virt_text_pos"] == "inline", "what stands there stays in sight"
    editor.type("<Tab>")
    eventually(lambda: editor.lines == ["def add(a, b, c):", "    return a"])
    assert editor.cursor == (1, 12)


def test_what_stands_behind_the_cursor_is_drawn_behind_the_last_line(
    drawn: Neovim, start: Callable[..., Editor]
) -> None:
    script = json.dumps({"write": {"call(": ["a,\n\tb"]}})
    editor = start(["env", f"PYTHONPATH={ROOT}", sys.executable, "-m", "tests.lsp_server.serve_scripted", script])
    editor.open(["x)  # why"])
    editor.lua("vim.bo.tabstop = 4")
    editor.type("0sx = call(")
    eventually(lambda: editor.ghost() == "a," + 6 * " " + "\n    b)  # why")
    assert editor.marks()[0][3]["virt_text_pos"] == "overlay", "over what stands there, down to its end"
    editor.type("<Tab>")
    eventually(lambda: editor.lines == ["x = call(a,", "\tb)  # why"])


def test_dismissed_it_stays_away_until_more_is_typed(editor: Editor) -> None:
    editor.open([""])
    editor.type("idef add(")
    eventually(editor.ghost)
    editor.type("<C-]>")
    assert editor.ghost() == ""
    editor.type("<Left><Right>")
    assert editor.ghost() == ""
    editor.type("a")
    eventually(lambda: editor.ghost() == ", b):")


def test_dismissed_before_it_came_it_does_not_come(start: Callable[..., Editor], script: Callable[..., str]) -> None:
    editor = start([REDRAFT, "lsp", "--model", script(RULES, seconds=0.5)])
    editor.open([""])
    editor.type("idef add(")
    eventually(lambda: editor.running() == 1)
    editor.type("<C-]>")
    eventually(lambda: editor.running() == 0)
    editor.settle()
    assert editor.ghost() == ""
    editor.type("a")
    eventually(lambda: editor.ghost() == ", b):")


def test_an_answer_that_was_on_its_way_when_it_was_dismissed_does_not_come(
    start: Callable[..., Editor], script: Callable[..., str]
) -> None:
    editor = start([REDRAFT, "lsp", "--model", script(RULES, seconds=0.5)])
    editor.open([""])
    editor.lua(LATE)
    editor.type("idef add(")
    eventually(lambda: editor.running() == 1)
    editor.type("<C-]>")
    eventually(lambda: editor.lua("return vim.g.answers") == 1)
    editor.settle()
    assert editor.ghost() == ""
    editor.type("a")
    eventually(lambda: editor.ghost() == ", b):")


def test_only_when_asked_for(drawn: Neovim, editor: Editor) -> None:
    editor.lua("require('redraft').configure({ trigger = 'manual' })")
    try:
        editor.open([""])
        editor.type("idef add(")
        eventually(lambda: editor.running() == 0)
        assert editor.ghost() == ""
        editor.type("<M-\\>")
        eventually(lambda: editor.ghost() == "a, b):")
        for keys, left in (("a", ", b):"), ("<M-Right>", " b):")):
            editor.type(keys)
            eventually(lambda: editor.running() == 0)
            assert editor.ghost() == left, "typed on or taken in part, it stays"
        editor.type("x")
        assert editor.ghost() == ""
    finally:
        editor.lua("require('redraft').configure({ trigger = 'auto' })")


def test_set_up_to_wait_until_asked_the_plugin_draws(start: Callable[..., Editor], script: Callable[..., str]) -> None:
    """Neovim 0.12 by itself has no call to ask by hand."""
    editor = start([REDRAFT, "lsp", "--model", script(RULES)], settings={"trigger": "manual"})
    editor.neovim = replace(editor.neovim, namespace="redraft")
    editor.open([""])
    editor.type("idef add(")
    eventually(lambda: editor.running() == 0)
    assert editor.ghost() == ""
    editor.type("<M-\\>")
    eventually(lambda: editor.ghost() == "a, b):", 20)


def test_an_open_menu_hides_it_and_has_the_keys(editor: Editor) -> None:
    editor.open(["alpha = 1", "alpine = 2", ""])
    editor.lua("vim.bo.complete = '.'; vim.o.completeopt = 'menuone,noinsert'")
    editor.type("3Gidef add(")
    eventually(editor.ghost)
    editor.type("a")
    eventually(lambda: editor.ghost() == ", b):")
    editor.type("<C-n>")
    eventually(lambda: editor.vim.funcs.pumvisible() == 1)
    eventually(lambda: editor.ghost() == "")
    editor.type("<C-e>")
    eventually(lambda: editor.ghost() == ", b):")
    assert editor.lines[2] == "def add(a"


def test_a_key_that_closes_the_menu_may_dismiss_ghost_text(
    start: Callable[..., Editor], script: Callable[..., str]
) -> None:
    editor = start([REDRAFT, "lsp", "--model", script(RULES)], keys={"dismiss": "<C-e>"})
    editor.open(["alpha = 1", "alpine = 2", ""])
    editor.lua("vim.bo.complete = '.'; vim.o.completeopt = 'menuone,noinsert'")
    editor.type("3Gidef add(a")
    eventually(lambda: editor.ghost() == ", b):")
    editor.type("<C-n>")
    eventually(lambda: editor.vim.funcs.pumvisible() == 1 and editor.ghost() == "")
    editor.type("<C-e>")
    eventually(lambda: editor.vim.funcs.pumvisible() == 0, 20)
    eventually(lambda: editor.ghost() == ", b):")
    editor.type("<C-e>")
    assert editor.ghost() == ""


@pytest.mark.parametrize("menu", ["blink.cmp", "cmp"])
def test_the_menus_of_plugins_count_too(drawn: Neovim, editor: Editor, menu: str) -> None:
    """A function that says whether the menu is open, and events. nvim-cmp's `visible` waits for its sources first."""
    editor.open([""])
    editor.lua(
        "local open, heard = false, {}\n"
        "vim.g.waited = 0\n"
        "local function is_open() return open end\n"
        "local menu = { is_menu_visible = is_open, core = { view = { visible = is_open } } }\n"
        "function menu.visible() vim.g.waited = vim.g.waited + 1; vim.wait(1000); return open end\n"
        "menu.event = { on = function(_, name, callback) heard[name] = callback; return function() end end }\n"
        "package.loaded[...] = menu\n"
        "function _G.show_menu(on)\n"
        "  open = on\n"
        "  vim.api.nvim_exec_autocmds('User', { pattern = on and 'BlinkCmpMenuOpen' or 'BlinkCmpMenuClose' })\n"
        "  local callback = heard[on and 'menu_opened' or 'menu_closed']\n"
        "  if callback then callback() end\n"
        "end",
        menu,
    )
    editor.type("idef add(")
    eventually(editor.ghost)
    editor.lua("show_menu(true)")
    eventually(lambda: editor.ghost() == "")
    editor.lua("show_menu(false)")
    eventually(lambda: editor.ghost() == "a, b):")
    assert editor.vim.vars["waited"] == 0
    editor.lua("package.loaded[...] = nil", menu)


@pytest.mark.parametrize("key", ["<Esc>", "<C-c>", "<Insert>"])
def test_leaving_insert_mode_takes_it_away(editor: Editor, key: str) -> None:
    editor.open([""])
    editor.type("idef add(")
    eventually(editor.ghost)
    editor.type(key)
    assert editor.ghost() == ""
    assert editor.lines == ["def add("]


def test_wide_characters_stay_whole(editor: Editor) -> None:
    editor.open(["x = '😀é漢'; "])
    editor.type("Adef add(")
    eventually(editor.ghost)
    editor.type("<M-Right>")
    eventually(lambda: editor.lines == ["x = '😀é漢'; def add(a"])
    eventually(editor.ghost)
    editor.type("<Tab>")
    eventually(lambda: editor.lines == ["x = '😀é漢'; def add(a, b):"])


def test_crlf_files_stay_crlf(editor: Editor) -> None:
    file = editor.open(["def add(a, b):", "", "x = 1"], ending="\r\n")
    assert editor.vim.current.buffer.options["fileformat"] == "dos"
    editor.type("2Gi")
    eventually(lambda: editor.ghost() == "    total = a + b\n    return total")
    editor.type("<Tab>")
    eventually(lambda: editor.lines[2] == "    return total")
    editor.type("<Esc>")
    editor.vim.command("silent write")
    assert file.read_bytes() == b"def add(a, b):\r\n    total = a + b\r\n    return total\r\nx = 1\r\n"


@pytest.mark.parametrize("blanks", [True, False], ids=["expandtab", "noexpandtab"])
def test_no_indentation_is_added(editor: Editor, blanks: bool) -> None:
    """Neither by autoindent nor by the file type's own indentation: the text arrives as it was shown."""
    editor.open(["if x:", "    x = 1", "", "y = 2"])
    editor.lua("vim.bo.expandtab, vim.bo.autoindent, vim.bo.textwidth = ..., true, 20", blanks)
    editor.type("3Gidef add(a, b):<CR><C-u>")
    eventually(lambda: editor.ghost() == "    total = a + b\n    return total")
    editor.type("<Tab>")
    eventually(lambda: editor.lines[3:5] == ["    total = a + b", "    return total"])


@pytest.mark.parametrize(
    ("options", "depth"),
    [
        ("expandtab = true, shiftwidth = 2", "  "),
        ("expandtab = true, shiftwidth = 0, tabstop = 3", "   "),
        ("expandtab = false, shiftwidth = 0, tabstop = 4", "\t"),
        ("expandtab = false, shiftwidth = 4, tabstop = 8", "    "),
    ],
)
def test_a_block_is_as_deep_as_the_buffer_indents(editor: Editor, options: str, depth: str) -> None:
    editor.open(["def add(a, b):", "", "", "x = 1"])
    editor.lua(f"for name, value in pairs({{ {options} }}) do vim.bo[name] = value end")
    editor.type("2Gi")
    eventually(editor.ghost)
    editor.type("<Tab>")
    eventually(lambda: editor.lines[1:3] == [f"{depth}total = a + b", f"{depth}return total"])


def test_the_embedded_model_completes(start: Callable[..., Editor]) -> None:
    editor = start([REDRAFT, "lsp"])
    editor.open(
        [
            "def mean(values):",
            "    total = 0",
            "    for value in values:",
            "        total +=",
            "    return total / len(values)",
        ]
    )
    editor.type("4GA<Space>")
    eventually(editor.ghost)
    said = editor.ghost().splitlines()[0]
    assert "value" in said
    editor.type("<Tab>")
    eventually(lambda: editor.lines[3] == f"        total += {said}")
    assert editor.lines[4] == "    return total / len(values)"


def test_the_embedded_model_completes_within_a_line(start: Callable[..., Editor]) -> None:
    editor = start([REDRAFT, "lsp"])
    editor.open(["def area(width, height):", "    return w * height"])
    editor.type("2Gfwai")
    eventually(lambda: editor.ghost() == "dth")
    editor.type("<Tab>")
    eventually(lambda: editor.lines == ["def area(width, height):", "    return width * height"])
