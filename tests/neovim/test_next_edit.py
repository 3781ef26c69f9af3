"""Next edits in a real headless Neovim: what a renaming by hand leaves behind is marked, and one key changes it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.conftest import REDRAFT, eventually
from tests.neovim.conftest import INIT, RULES, Editor, held

AREA = ["def area(width, height):", "    print('😀é', width)", "    return width * height"]
RENAME = "1G0fwciwbreadth<Esc>"
RENAMED = ["def area(breadth, height):", *AREA[1:]]
MARKED = ["def area(breadth, height):", "    print('😀é', [width|breadth])", "    return [width|breadth] * height"]
DONE = ["def area(breadth, height):", "    print('😀é', breadth)", "    return breadth * height"]
LONG = ["def f(one):", *(f"    a{number} = {number}" for number in range(60)), "    return one"]
COUNT = """
vim.g.asked, vim.g.answered = 0, 0
vim.api.nvim_create_autocmd("LspRequest", {
  group = vim.api.nvim_create_augroup("count", {}),
  callback = function(event)
    local request = event.data.request
    local name = ({ pending = "asked", complete = "answered" })[request.type]
    if request.method == "textDocument/copilotInlineEdit" and name then
      vim.g[name] = vim.g[name] + 1
    end
  end,
})
"""
PENDING = """
for _, client in ipairs(vim.lsp.get_clients({ name = "redraft" })) do
  for _, request in pairs(client.requests) do
    if request.method == "textDocument/copilotInlineEdit" and request.type == "pending" then
      return true
    end
  end
end
return false
"""
LATER = """
local done = false
vim.defer_fn(function() done = true end, 200)
return vim.wait(20000, function() return done end, 5)
"""
"""Longer than what the plugin waits before it asks: timers of one loop are due in their order."""
MARKS = """
local space = vim.api.nvim_create_namespace("redraft.next")
local found = {}
for _, buffer in ipairs(vim.api.nvim_list_bufs()) do
  vim.list_extend(found, vim.api.nvim_buf_get_extmarks(buffer, space, 0, -1, { details = true }))
end
return found
"""


def seen(editor: Editor) -> list[str]:
    """The text with `[old|new]` where something is marked, and what is said behind a line."""
    lines = [line.encode() for line in editor.lines]
    inserted: list[tuple[int, int, str]] = []
    for _, row, column, details in editor.lua(MARKS):
        if details.get("hl_group") == "RedraftOld":
            assert details["end_row"] == row
            inserted += [(row, column, "["), (row, details["end_col"], "|")]
        else:
            ((text, group),) = details["virt_text"]
            assert group == "RedraftGhost"
            inline = details["virt_text_pos"] == "inline"
            inserted += [(row, column, f"{text}]") if inline else (row, len(lines[row]), f" {text}")]
    for row, column, text in sorted(inserted, key=lambda one: one[:2])[::-1]:
        lines[row] = lines[row][:column] + text.encode() + lines[row][column:]
    return [line.decode() for line in lines]


def shows(editor: Editor, lines: list[str]) -> None:
    eventually(lambda: seen(editor) == lines, 20)


def quiet(editor: Editor) -> None:
    """Until everything that is going to be asked is answered and shown."""
    assert editor.lua(LATER)
    eventually(lambda: not editor.lua(PENDING), 20)
    editor.settle()


@pytest.fixture
def renamed(editor: Editor) -> Iterator[Editor]:
    """A parameter was renamed, its uses are marked; nothing of it may be left for the next test."""
    editor.open(AREA)
    editor.lua(COUNT)
    editor.type(RENAME)
    shows(editor, MARKED)
    yield editor
    editor.type("<Esc>")
    editor.vim.command("silent undo 0 | messages clear")


def test_uses_are_marked_and_changed_by_one_key(renamed: Editor) -> None:
    assert renamed.lines == RENAMED
    assert renamed.cursor == (1, 15)
    renamed.type("<Tab>")
    assert renamed.lines == DONE, "at once"
    assert renamed.cursor == (1, 15)
    quiet(renamed)
    assert seen(renamed) == DONE, "nothing is left"
    renamed.vim.command("silent undo")
    assert renamed.lines == RENAMED, "one step"
    renamed.vim.command("silent undo")
    assert renamed.lines == AREA


def test_undone_by_its_key(renamed: Editor) -> None:
    renamed.type("<Tab>u")
    assert renamed.lines == RENAMED
    renamed.type("u")
    assert renamed.lines == AREA


def test_undone_it_does_not_come_back(renamed: Editor) -> None:
    renamed.type("<Tab>")
    quiet(renamed)
    answered = renamed.vim.vars["answered"]
    renamed.type("u")
    quiet(renamed)
    assert renamed.vim.vars["answered"] == answered + 1, "the server proposes it"
    assert seen(renamed) == RENAMED


def test_the_cursor_stays_on_its_letter(renamed: Editor) -> None:
    renamed.type("3Gf*<Tab>")
    assert renamed.lines == DONE
    assert renamed.cursor == (3, DONE[2].index("*"))


def test_what_is_left_is_marked_next(editor: Editor) -> None:
    """Twelve lines at a time, from the cursor on."""
    body = [f"    print({number}, one)" for number in range(20)]
    marked = [line.replace("one", "[one|to]") for line in body]
    done = [line.replace("one", "to") for line in body]
    editor.open(["def f(one):", *body])
    editor.type("1G0foceto<Esc>")
    shows(editor, ["def f(to):", *marked[:12], *body[12:]])
    editor.type("<Tab>")
    assert editor.lines == ["def f(to):", *done[:12], *body[12:]]
    shows(editor, ["def f(to):", *done[:12], *marked[12:]])
    editor.type("<Tab>")
    quiet(editor)
    assert seen(editor) == ["def f(to):", *done]


def test_tab_without_a_proposal_jumps(renamed: Editor) -> None:
    renamed.type("<Tab>")
    quiet(renamed)
    renamed.vim.command("clearjumps")
    renamed.type("2G3G1G<C-o>")
    assert renamed.cursor[0] == 3
    renamed.type("<Tab>")
    assert renamed.cursor[0] == 1
    renamed.type("<C-o><C-o>")
    assert renamed.cursor[0] == 2
    renamed.type("2<Tab>")
    assert renamed.cursor[0] == 1, "with its count"
    assert renamed.lines == DONE


@pytest.mark.parametrize(
    ("mapping", "said"),
    [
        ("nnoremap <silent> <Tab> :<C-U>let g:said .= v:count . ' '<CR>", "3 3 "),
        ("nmap <Tab> <Plug>(say)", "say say "),
        ("map <expr> <Tab> 'x' == 'x' ? '<Plug>(say)' : ''", "say say "),
        ("lua vim.keymap.set('n', '<Tab>', function() vim.g.said = vim.g.said .. vim.v.count .. ' ' end)", "3 3 "),
        ("lua vim.keymap.set('n', '<Tab>', function() return '<Plug>(say)' end, { expr = true, remap = true })",
         "say say "),
    ],
    ids=["command", "recursive", "expression", "lua", "lua expression"],
)  # fmt: skip
def test_a_tab_of_somebody_else_keeps_working(editor: Editor, mapping: str, said: str) -> None:
    editor.vim.command("nunmap <Tab>")
    editor.vim.vars["said"] = ""
    editor.vim.command("nnoremap <Plug>(say) <Cmd>let g:said .= 'say '<CR><Esc>")
    editor.vim.command(mapping)
    editor.vim.command(f"luafile {INIT}")
    try:
        editor.open(AREA)
        editor.type("3<Tab>")
        editor.settle()
        assert editor.vim.vars["said"] == said[: len(said) // 2]
        editor.type(RENAME)
        shows(editor, MARKED)
        editor.type("<Tab>")
        assert editor.lines == DONE
        assert editor.vim.vars["said"] == said[: len(said) // 2]
        editor.type("3<Tab>")
        editor.settle()
        assert editor.vim.vars["said"] == said
        editor.lua("require('redraft.keys').clear()")
        editor.type("3<Tab>")
        assert editor.vim.vars["said"] == said + said[: len(said) // 2], "put back as it was"
    finally:
        editor.vim.command("silent! nunmap <Tab> | silent! ounmap <Tab> | silent! xunmap <Tab> | silent! sunmap <Tab>")
        editor.vim.command(f"luafile {INIT}")


def test_tabs_in_insert_mode_and_in_normal_mode_are_two(
    start: Callable[..., Editor], script: Callable[..., str]
) -> None:
    """Set up again with another key for one of them, the other stays."""
    editor = start([REDRAFT, "lsp", "--model", script(RULES)], keys={"accept": False, "next_edit": "<M-n>"})
    editor.vim.command("nnoremap <Tab> G| inoremap <Tab> !")
    editor.open(AREA)
    editor.type(RENAME)
    shows(editor, MARKED)
    editor.type("<Tab>")
    assert editor.cursor[0] == 3
    editor.type("i<Tab><Esc>")
    assert "!" in editor.lines[2]
    editor.vim.command("silent undo")
    editor.type("1Gcwdef<Esc>")
    editor.open(AREA)
    editor.type(RENAME)
    shows(editor, MARKED)
    editor.type("<M-n>")
    assert editor.lines == DONE


def test_while_the_user_types_nothing_is_asked_and_nothing_shown(editor: Editor) -> None:
    editor.open(AREA)
    quiet(editor)
    editor.lua(COUNT)
    editor.type("1G0fwciwbreadth")
    quiet(editor)
    assert seen(editor) == RENAMED
    assert editor.vim.vars["asked"] == 0
    editor.type("<Esc>")
    shows(editor, MARKED)
    assert editor.vim.vars["asked"] == editor.vim.vars["answered"] == 1


@pytest.mark.parametrize("keys", ["i", "R", "A", "gI"])
def test_it_goes_when_insert_mode_begins(renamed: Editor, keys: str) -> None:
    renamed.type(keys)
    assert seen(renamed) == RENAMED


def test_control_c_leaves_insert_mode_too(editor: Editor) -> None:
    editor.open(AREA)
    editor.type(RENAME.removesuffix("<Esc>"))
    editor.type("<C-c>")  # it would interrupt keys that come with it
    shows(editor, MARKED)


def test_it_goes_when_the_text_changes(renamed: Editor) -> None:
    with held(renamed):
        renamed.type("3G0x")
        changed = [*RENAMED[:2], "   return width * height"]
        assert seen(renamed) == renamed.lines == changed
        renamed.type("<Tab>")
        assert renamed.lines == changed, "no answer has come, and the key takes none that is old"


def test_a_key_that_comes_with_a_change_takes_nothing(renamed: Editor) -> None:
    """Within `:normal` the editor does not tell of it."""
    renamed.vim.command('execute "normal 2Gdd\\<Tab>"')
    assert renamed.lines == [RENAMED[0], RENAMED[2]]


def test_changed_in_normal_mode_it_is_asked_again(renamed: Editor) -> None:
    renamed.type("2Gdd")
    shows(renamed, [MARKED[0], MARKED[2]])
    renamed.type("p")
    shows(renamed, [RENAMED[0], RENAMED[2], MARKED[1]])  # what is behind the cursor


def test_seen_and_left_it_does_not_come_back(renamed: Editor) -> None:
    renamed.type("i<Esc>")
    quiet(renamed)
    assert seen(renamed) == RENAMED
    renamed.type("2Gox = 1<Esc>")
    quiet(renamed)
    lines = [*RENAMED[:2], "    x = 1", RENAMED[2]]
    assert [line.strip() for line in seen(renamed)] == [line.strip() for line in lines], "nor in part"
    renamed.type("1GO<Esc>1Gix = 0<Esc>")
    quiet(renamed)
    assert seen(renamed) == renamed.lines, "nor moved along"
    assert renamed.vim.vars["answered"] >= 3, "it was proposed again"
    renamed.type("2G0f,wciwlength<Esc>")
    eventually(lambda: seen(renamed)[-1] == "    return width * [height|length]", 20)


def test_what_was_ignored_does_not_come_back_behind_another(renamed: Editor) -> None:
    renamed.type("i<Esc>1G0f,wciwlength<Esc>")
    shows(renamed, ["def area(breadth, length):", AREA[1], "    return width * [height|length]"])
    answered = renamed.vim.vars["answered"]
    renamed.type("<Tab>")
    quiet(renamed)
    assert renamed.vim.vars["answered"] > answered, "it is proposed again"
    assert seen(renamed) == ["def area(breadth, length):", AREA[1], "    return width * length"]


def test_what_is_renamed_to_and_fro_is_marked_each_time(renamed: Editor) -> None:
    renamed.type("<Tab>1G0fbciwwidth<Esc>")
    shows(renamed, [AREA[0], *(line.replace("[width|breadth]", "[breadth|width]") for line in MARKED[1:])])
    renamed.type("<Tab>1G0fwciwbreadth<Esc>")
    shows(renamed, MARKED)


def test_ignored_by_a_key_that_changes_the_text_first(renamed: Editor) -> None:
    """`O` makes its line before Insert mode begins."""
    renamed.type("1GO# area<Esc>")
    quiet(renamed)
    assert seen(renamed) == ["# area", *RENAMED]
    assert renamed.vim.vars["answered"] >= 2


def test_another_name_for_what_was_ignored_is_news(renamed: Editor) -> None:
    renamed.type("i<Esc>")
    quiet(renamed)
    assert seen(renamed) == RENAMED
    renamed.vim.command("silent undo")
    renamed.type("1G0fwciwwide<Esc>")
    shows(renamed, [line.replace("breadth", "wide") for line in MARKED])


def test_dismissed_by_the_command(renamed: Editor) -> None:
    renamed.vim.command("Redraft dismiss")
    assert seen(renamed) == RENAMED
    answered = renamed.vim.vars["answered"]
    renamed.type("3GA <Esc>")
    quiet(renamed)
    assert seen(renamed) == [*RENAMED[:2], f"{RENAMED[2]} "]
    assert renamed.vim.vars["answered"] > answered
    renamed.vim.command("Redraft dismiss")


def test_switched_off_nothing_is_asked(editor: Editor) -> None:
    editor.open(AREA)
    editor.lua("require('redraft').configure({ nextEdit = { enable = false } })")
    try:
        quiet(editor)
        editor.lua(COUNT)
        editor.type(RENAME)
        quiet(editor)
        assert editor.vim.vars["asked"] == 0
        assert seen(editor) == RENAMED
    finally:
        editor.lua("require('redraft').configure({ nextEdit = { enable = true } })")
    shows(editor, MARKED)
    editor.vim.command("Redraft pause")
    shows(editor, RENAMED)
    editor.vim.command("Redraft resume")
    shows(editor, MARKED)


def test_where_nothing_may_be_changed_nothing_is_shown(renamed: Editor) -> None:
    renamed.vim.command("setlocal nomodifiable")
    renamed.type("<Tab>")
    assert renamed.lines == RENAMED
    renamed.lua("require('redraft.next').refresh()")
    shows(renamed, RENAMED)
    renamed.vim.command("setlocal modifiable")


def test_out_of_sight_it_is_gone_to_first(editor: Editor) -> None:
    editor.open(LONG)
    editor.type("1G0foceto<Esc>")
    renamed = ["def f(to):", *LONG[1:]]
    marked = [*renamed[:-1], "    return [one|to]"]
    shows(editor, ["def f(to): → line 62", *marked[1:]])
    editor.type("j")
    shows(editor, [marked[0], "    a0 = 0 → line 62", *marked[2:]])
    editor.type("<Tab>")
    assert editor.cursor == (62, 11)
    assert editor.lines == renamed
    assert seen(editor) == marked, "it says no more where it is"
    editor.type("''")
    shows(editor, [marked[0], "    a0 = 0 → line 62", *marked[2:]])
    editor.type("<Tab><Tab>")
    assert editor.lines == [*renamed[:-1], "    return to"]
    assert editor.cursor == (62, 11)
    editor.vim.command("silent undo")
    assert editor.lines == renamed


def test_scrolled_into_sight_it_is_said_no_more(editor: Editor) -> None:
    editor.open(LONG)
    editor.type("1G0foceto<Esc>50Gzb")
    marked = ["def f(to):", *LONG[1:-1], "    return [one|to]"]
    shows(editor, [*marked[:49], "    a48 = 48 → line 62", *marked[50:]])
    editor.type("zt")
    shows(editor, marked)
    editor.type("zb")
    shows(editor, [*marked[:49], "    a48 = 48 → line 62", *marked[50:]])


def test_within_a_closed_fold_it_is_out_of_sight(renamed: Editor) -> None:
    renamed.vim.command("setlocal foldmethod=manual | 2,3fold")
    renamed.type("0")
    shows(renamed, [f"{MARKED[0]} → line 2", *MARKED[1:]])
    renamed.type("<Tab>")
    assert renamed.cursor == (2, RENAMED[1].encode().index(b"width"))
    assert renamed.vim.funcs.foldclosed(2) == -1
    assert seen(renamed) == MARKED
    renamed.type("<Tab>")
    assert renamed.lines == DONE


def test_left_the_buffer_has_no_marks_and_entered_again_it_has(renamed: Editor) -> None:
    renamed.type(":new<CR>")
    assert renamed.lua(MARKS) == []
    renamed.type(":close<CR>")
    shows(renamed, MARKED)


@pytest.mark.parametrize("keys", [":", "v", "i", "d"])
def test_an_answer_that_comes_in_another_mode_is_asked_for_again(editor: Editor, keys: str) -> None:
    """As when the file is written at once."""
    editor.open(AREA)
    quiet(editor)
    editor.lua(COUNT)
    with held(editor):
        editor.type(RENAME)
        eventually(lambda: editor.vim.vars["asked"] == 1, 20)
        editor.vim.input(keys)
    eventually(lambda: not editor.lua(PENDING), 20)
    editor.settle()
    assert seen(editor) == RENAMED
    editor.type("<Esc>")
    shows(editor, MARKED)


def test_an_answer_for_an_older_text_is_dropped(editor: Editor) -> None:
    editor.open(["", *AREA])
    quiet(editor)
    editor.lua(COUNT)
    with held(editor):
        editor.type(RENAME.replace("1G", "2G"))
        eventually(lambda: editor.vim.vars["asked"] == 1, 20)
        editor.type("1Gdd")
        eventually(lambda: editor.vim.vars["asked"] == 2, 20)
    shows(editor, MARKED)
    quiet(editor)
    assert seen(editor) == MARKED


def test_a_macro_sees_none(editor: Editor) -> None:
    """What would be recorded is a Tab, and run it would do something else."""
    editor.open(AREA)
    quiet(editor)
    editor.lua(COUNT)
    editor.type(f"qq{RENAME}")
    quiet(editor)
    assert seen(editor) == RENAMED
    assert editor.vim.vars["asked"] == 0
    editor.type("q")
    shows(editor, MARKED)
    editor.type("qw")
    assert seen(editor) == RENAMED
    editor.type("q")
    shows(editor, MARKED)
    editor.lua("vim.fn.setreg('q', '3G' .. vim.api.nvim_replace_termcodes('<Tab>', true, true, true))")
    editor.type("@q")
    assert editor.lines == RENAMED


def test_its_colours(editor: Editor) -> None:
    for group, linked in (("RedraftOld", "@markup.strikethrough"), ("RedraftGhost", "Comment")):
        assert editor.lua("return vim.api.nvim_get_hl(0, { name = ... }).link", group) == linked
    assert editor.lua("return vim.api.nvim_get_hl(0, { name = '@markup.strikethrough' }).strikethrough")


def test_a_renaming_goes_on_in_another_buffer_that_imports_the_name(editor: Editor) -> None:
    report = editor.open(["from rows import count", "", "print(count([]))"], "report.py")
    rows = report.with_name("rows.py")
    rows.write_text("def count(rows):\n    return len(rows)\n")
    editor.vim.command(f"silent edit {rows}")
    quiet(editor)
    editor.type("1G0fcciwtotal<Esc>")
    quiet(editor)
    editor.vim.command(f"silent buffer {report}")
    shows(editor, ["from rows import [count|total]", "", "print([count|total]([]))"])
    editor.type("<Tab>")
    assert editor.lines == ["from rows import total", "", "print(total([]))"]
    quiet(editor)
    editor.vim.command("silent undo")
    quiet(editor)
    assert seen(editor) == ["from rows import count", "", "print(count([]))"], "undone it does not come back"
    editor.vim.command("silent! bwipeout! %")
