"""Quick fixes, commands, settings, crashes, health: what a user does beside typing."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.conftest import REDRAFT, eventually
from tests.conversations import record
from tests.neovim.conftest import BROKEN, INIT, RULES, Editor, Neovim, diagnose, servers


def test_a_quick_fix_is_resolved_and_applied(editor: Editor) -> None:
    editor.open(BROKEN)
    diagnose(editor)
    editor.lua("require('redraft').fix({ apply = true })")
    eventually(lambda: editor.lines[2] == "    return total / len(values)")
    assert editor.lines[:2] == BROKEN[:2]
    editor.vim.command("silent undo")
    assert editor.lines == BROKEN


@pytest.mark.parametrize(
    ("keys", "rewrite"),
    [
        (":2,3Redraft fix<CR>", True),
        (":3Redraft fix<CR>", True),
        ("Vk:Redraft fix<CR>", True),
        (":Redraft fix<CR>", False),
    ],
)
def test_a_range_of_lines_is_fixed_or_rewritten(editor: Editor, keys: str, rewrite: bool) -> None:
    """What is chosen among is remembered, and the first of it taken."""
    editor.open(BROKEN)
    diagnose(editor)
    editor.lua("""
        offered, ask = {}, vim.ui.select
        vim.ui.select = function(items, options, choose)
          offered = vim.tbl_map(options.format_item, items)
          choose(items[1], 1)
        end
    """)
    editor.type(keys)
    eventually(lambda: editor.lines[2] == "    return total / len(values)")
    titles = editor.lua("vim.ui.select = ask; return offered")
    editor.vim.command("silent undo")
    assert ["rewrite" in title for title in titles] == [False] + [True] * rewrite
    assert editor.lines == BROKEN


def test_columns_of_other_servers_are_counted_as_redraft_counts(editor: Editor) -> None:
    """Theirs may be bytes, redraft's are UTF-16 as most servers' are: `foo` stands at 20 and at 14."""
    editor.open(["s = '😀😀😀'; foo("])
    sent = editor.lua("""
        local range = { start = { line = 0, character = 20 }, ["end"] = { line = 0, character = 23 } }
        vim.diagnostic.set(vim.api.nvim_create_namespace("other"), 0, { {
          lnum = 0, col = 20, end_lnum = 0, end_col = 23, message = "who is foo?",
          user_data = { lsp = { range = range, message = "who is foo?", data = "its own" } },
        } })
        local ask, given = vim.lsp.buf.code_action, nil
        vim.lsp.buf.code_action = function(options) given = options.context.diagnostics[1] end
        require("redraft").fix()
        vim.lsp.buf.code_action = ask
        vim.diagnostic.reset()
        return { given.range.start.character, given.range["end"].character, given.data,
          vim.lsp.get_clients({ name = "redraft" })[1].offset_encoding }
    """)
    assert sent == [14, 17, "its own", "utf-16"]


def test_the_mode_is_switched_while_it_runs(editor: Editor) -> None:
    editor.open([""])
    told = "vim.lsp.get_clients({ name = 'redraft' })[1].settings.redraft.mode"
    before = servers(editor)
    editor.vim.command("Redraft mode quality")
    assert editor.lua(f"return {told}") == "quality"
    editor.vim.command("Redraft mode speedy")
    editor.type("idef add(")
    eventually(lambda: editor.ghost() == "a, b):")
    assert servers(editor) == before, "without a restart"


def test_settings_are_live(editor: Editor) -> None:
    editor.open(["def add(a, b):", "", "x = 1"])
    editor.lua("require('redraft').configure({ maxLines = 1 })")
    try:
        editor.type("2Gi")
        eventually(lambda: editor.ghost() == "    total = a + b")
    finally:
        editor.lua("require('redraft').configure({ maxLines = 8 })")


def test_paused_nothing_is_asked_and_resumed_it_is(editor: Editor) -> None:
    editor.open([""])
    editor.vim.command("Redraft pause")
    eventually(lambda: editor.state == "off")
    assert editor.lua("return require('redraft').statusline()") == "redraft: off"
    editor.type("idef add(")
    eventually(lambda: editor.running() == 0)
    assert editor.ghost() == ""
    editor.vim.command("Redraft resume")
    eventually(lambda: editor.state == "ready")
    editor.type("a")
    eventually(lambda: editor.ghost() == ", b):")


def test_switched_off_it_goes_at_once(editor: Editor) -> None:
    editor.open([""])
    editor.type("idef add(")
    eventually(editor.ghost)
    editor.lua("require('redraft').configure({ enable = false })")
    try:
        assert editor.ghost() == ""
    finally:
        editor.lua("require('redraft').configure({ enable = true })")


def test_a_pause_keeps_what_was_set_before_it(editor: Editor) -> None:
    editor.open([""])
    chosen = {"*": True, "markdown": False}
    told = "return vim.lsp.get_clients({ name = 'redraft' })[1].settings.redraft.enable"
    editor.vim.exec_lua("require('redraft').configure({ enable = ... })", chosen)
    try:
        for command, enable in (("pause", False), ("pause", False), ("resume", chosen), ("resume", chosen)):
            editor.vim.command(f"Redraft {command}")
            assert editor.lua(told) == enable
    finally:
        editor.lua("require('redraft').configure({ enable = true })")


def test_resumed_for_one_language_and_then_everywhere(editor: Editor) -> None:
    editor.open([""])
    told = "return vim.lsp.get_clients({ name = 'redraft' })[1].settings.redraft.enable"
    only_python = {"*": False, "python": True}
    for command, enable in (("pause", False), ("resume python", only_python), ("pause", False), ("resume", True)):
        editor.vim.command(f"Redraft {command}")
        assert editor.lua(told) == enable


def test_paused_for_one_language(editor: Editor) -> None:
    editor.open([""])
    editor.vim.command("Redraft pause python")
    assert editor.state == "ready", "other languages go on"
    assert editor.lua("return require('redraft').statusline()") == "redraft: off"
    assert editor.vim.command_output("Redraft status") == "redraft: off, mode speedy. Paused for python."
    editor.vim.command("messages clear")
    editor.type("idef add(")
    eventually(lambda: editor.running() == 0)
    assert editor.ghost() == ""
    editor.vim.command("Redraft resume python")
    editor.type("a")
    eventually(lambda: editor.ghost() == ", b):")


def test_paused_while_the_server_starts(start: Callable[..., Editor], script: Callable[..., str]) -> None:
    editor = start([REDRAFT, "lsp", "--model", script(RULES)])
    editor.vim.command(f"silent edit {editor.folder / 'demo.py'} | Redraft pause")
    eventually(lambda: editor.state == "off", 20)
    editor.type("idef add(")
    eventually(lambda: editor.running() == 0)
    assert editor.ghost() == ""


def test_the_trace_of_the_last_proposal(editor: Editor) -> None:
    editor.open([""])
    editor.type("idef add(")
    eventually(editor.ghost)
    editor.type("<Esc>")
    editor.vim.command("Redraft trace")
    eventually(lambda: len(editor.vim.windows) == 2)
    assert "a, b):" in "\n".join(editor.lines)
    editor.vim.command("close")


def test_status_and_completion_of_the_command(editor: Editor) -> None:
    editor.open([""])
    assert editor.vim.command_output("Redraft status") == "redraft: ready, mode speedy"
    assert editor.lua("return require('redraft').statusline()") == "redraft"
    assert editor.lua("return vim.fn.getcompletion('Redraft mode q', 'cmdline')") == ["quality"]
    assert "trace" in editor.lua("return vim.fn.getcompletion('Redraft ', 'cmdline')")
    editor.vim.command("messages clear")


@pytest.mark.parametrize("wrong", ["sing", "mode loud"])
def test_a_wrong_word_is_answered_by_the_right_ones(editor: Editor, wrong: str) -> None:
    editor.open([""])
    editor.lua("vim.g.said = ''; vim.notify = function(text) vim.g.said = text end")
    editor.vim.command(f"Redraft {wrong}")
    assert "speedy" in editor.vim.vars["said"] or "status" in editor.vim.vars["said"]


def test_killed_it_comes_back_and_completes(start: Callable[..., Editor], script: Callable[..., str]) -> None:
    editor = start([REDRAFT, "lsp", "--model", script(RULES)])
    editor.open([""])
    editor.type("idef add(")
    eventually(editor.ghost)
    (old,) = servers(editor)
    psutil.Process(old).kill()
    eventually(lambda: (new := servers(editor)) and new != [old])
    editor.until_ready()
    eventually(lambda: editor.ghost() == "a, b):")
    editor.type("<Tab>")
    eventually(lambda: editor.lines == ["def add(a, b):"])
    assert len(servers(editor)) == 1


def test_killed_it_knows_what_is_typed_meanwhile(start: Callable[..., Editor], script: Callable[..., str]) -> None:
    editor = start([REDRAFT, "lsp", "--model", script(RULES)])
    editor.open([""])
    editor.type("ix")
    for server in servers(editor):
        psutil.Process(server).kill()
    eventually(lambda: editor.state == "loading")
    editor.type("y")
    editor.until_ready()
    editor.type("<BS><BS>def add(")
    eventually(lambda: editor.ghost() == "a, b):")


def test_restarted_by_hand(start: Callable[..., Editor], script: Callable[..., str]) -> None:
    editor = start([REDRAFT, "lsp", "--model", script(RULES)])
    editor.open([""])
    old = servers(editor)
    editor.vim.command("Redraft restart")
    eventually(lambda: (new := servers(editor)) and new != old)
    editor.until_ready()
    editor.type("idef add(")
    eventually(editor.ghost)
    assert editor.messages == ""


def test_a_server_that_was_restarted_by_others_is_still_ours(
    start: Callable[..., Editor], script: Callable[..., str]
) -> None:
    """As Neovim 0.12's `:lsp restart` does it: the same configuration again."""
    editor = start([REDRAFT, "lsp", "--model", script(RULES)])
    editor.open([""])
    editor.vim.command("Redraft mode quality")
    old = servers(editor)
    editor.lua(
        "local client = vim.lsp.get_clients({ name = 'redraft' })[1]\n"
        "vim.lsp.stop_client(client.id)\n"
        "vim.wait(10000, function() return not vim.lsp.get_client_by_id(client.id) end)\n"
        "vim.lsp.start(client.config)"
    )
    editor.until_ready()
    assert editor.lua("return vim.lsp.get_clients({ name = 'redraft' })[1].settings.redraft.mode") == "quality"
    editor.vim.command("Redraft pause")
    eventually(lambda: editor.state == "off")
    editor.vim.command("Redraft restart")
    eventually(lambda: (new := servers(editor)) and new != old)


def test_a_server_that_does_not_even_start_is_restarted(
    start: Callable[..., Editor], script: Callable[..., str]
) -> None:
    once = 'mkdir "$0" && exec sleep 1000; exec "$@"'
    command = [REDRAFT, "lsp", "--model", script(RULES)]
    folder = Path(command[-1].removeprefix("scripted:")).parent / "hung"
    editor = start(["sh", "-c", once, str(folder), *command])
    editor.vim.command(f"silent edit {editor.folder / 'demo.py'}")
    eventually(folder.exists)
    editor.vim.command("Redraft restart")
    eventually(lambda: editor.state == "ready", 20)
    children = psutil.Process(editor.vim.funcs.getpid()).children(recursive=True)
    assert "sleep" not in [child.name() for child in children]


def test_set_up_again_what_was_set_before_is_gone(start: Callable[..., Editor], script: Callable[..., str]) -> None:
    editor = start([REDRAFT, "lsp", "--model", script(RULES)])
    editor.vim.command("inoremap <Tab> !")
    editor.vim.command(f"luafile {INIT}")
    editor.open([""])
    old = servers(editor)
    options = {"settings": {"maxLines": 1}, "keys": {"accept": "<C-l>"}, "ghost_text": editor.neovim.ghost_text}
    editor.lua(
        "local options = ...\noptions.cmd = vim.json.decode(vim.env.REDRAFT_CMD)\nrequire('redraft').setup(options)",
        options,
    )
    editor.type("idef add(a, b):<CR><C-u>")
    eventually(lambda: editor.ghost() == "    total = a + b")
    editor.type("<C-l>")
    eventually(lambda: editor.lines[1] == "    total = a + b")
    editor.type("<Tab>")
    eventually(lambda: editor.lines[1] == "    total = a + b!")
    assert servers(editor) == old


def test_set_up_again_another_one_may_draw(
    neovim: Neovim, start: Callable[..., Editor], script: Callable[..., str]
) -> None:
    """The editor instead of the plugin, the plugin instead of the editor."""
    before = "plugin" if neovim.ghost_text == "native" else "native"
    editor = start([REDRAFT, "lsp", "--model", script(RULES)], ghost_text=before)
    editor.open([""])
    options = json.dumps({"filetypes": "python", "ghost_text": neovim.ghost_text})
    editor.lua("vim.env.REDRAFT_OPTIONS = ...", options)
    editor.vim.command(f"luafile {INIT}")
    editor.type("idef add(")
    eventually(lambda: editor.ghost() == "a, b):", 20)
    asked_by_the_editor = editor.lua(
        "local group = 'nvim.lsp.inline_completion:' .. vim.api.nvim_get_current_buf()\n"
        "return (pcall(vim.api.nvim_get_autocmds, { group = group }))"
    )
    assert asked_by_the_editor == (neovim.ghost_text == "native")


CMP = """
local events = {}
package.loaded["cmp"] = { core = { view = { visible = function() return false end } } }
package.loaded["cmp"].event = {
  on = function(_, name, callback)
    events[name] = events[name] or {}
    table.insert(events[name], callback)
    return function()
      events[name] = vim.tbl_filter(function(one) return one ~= callback end, events[name])
    end
  end,
}
function _G.listening()
  return vim.list_extend(vim.list_slice(events.menu_opened), events.menu_closed)
end
"""
"""nvim-cmp as far as we know it; `on` returns what ends it."""


def test_set_up_again_who_drew_before_hears_of_no_menu(
    neovim: Neovim, start: Callable[..., Editor], script: Callable[..., str]
) -> None:
    """It would go on drawing when one closes."""
    before = "plugin" if neovim.ghost_text == "native" else "native"
    editor = start([REDRAFT, "lsp", "--model", script(RULES)], ghost_text=before)
    if not editor.lua("return vim.lsp.inline_completion ~= nil"):
        pytest.skip("only the plugin draws here")
    editor.lua(CMP)
    editor.type("i<Esc>")
    editor.lua("_G.before = listening()")
    editor.lua("vim.env.REDRAFT_OPTIONS = ...", json.dumps({"ghost_text": neovim.ghost_text}))
    editor.vim.command(f"luafile {INIT}")
    editor.type("i<Esc>")
    assert editor.lua("return { #before, #listening() }") == [2, 2]
    assert not editor.lua(
        "return vim.iter(listening()):any(function(callback) return vim.tbl_contains(before, callback) end)"
    )


@pytest.mark.parametrize("wanted", [False, True], ids=["not enabled", "enabled by the user"])
def test_ghost_text_of_other_servers_is_the_users_to_enable(
    neovim: Neovim, start: Callable[..., Editor], script: Callable[..., str], wanted: bool
) -> None:
    """Whichever of them came first."""
    if neovim.ghost_text != "native":
        pytest.skip("the plugin asks redraft alone")
    command = [REDRAFT, "lsp", "--model", script(RULES)]
    editor = start(command)
    if wanted:
        editor.lua("vim.lsp.inline_completion.enable()")
    editor.lua(
        "vim.g.asked = {}\n"
        "vim.api.nvim_create_autocmd('LspRequest', { callback = function(event)\n"
        "  local request, client = event.data.request, vim.lsp.get_client_by_id(event.data.client_id)\n"
        "  if request.method == 'textDocument/inlineCompletion' and request.type == 'pending' then\n"
        "    vim.g.asked = vim.tbl_extend('force', vim.g.asked, { [client.name] = true })\n"
        "  end\n"
        "end })"
    )
    for name in ("redraft_comes_first.py", "redraft_comes_last"):
        editor.vim.command(f"silent edit {editor.folder / name}")
        if name.endswith(".py"):
            editor.until_ready()
        editor.lua("vim.lsp.start({ name = 'copilot', cmd = ... })", command)
        eventually(lambda: editor.lua("return #vim.lsp.get_clients({ bufnr = 0, name = 'copilot' }) == 1"))
        editor.vim.command("setfiletype python")
        editor.until_ready()
        editor.type("idef add(")
        eventually(lambda: editor.ghost() == "a, b):")
        editor.type("<Esc>")
    assert editor.vim.vars["asked"] == ({"redraft": True, "copilot": True} if wanted else {"redraft": True})


def test_it_starts_with_the_first_file_that_has_a_type(
    start: Callable[..., Editor], script: Callable[..., str]
) -> None:
    editor = start([REDRAFT, "lsp", "--model", script(RULES)], filetypes="*")
    editor.vim.command(f"luafile {INIT}")
    assert editor.state == "stopped"
    assert servers(editor) == []
    editor.open([""])
    assert len(servers(editor)) == 1


def test_a_huge_file_is_left_alone(editor: Editor) -> None:
    editor.open([""])
    huge, large = editor.folder / "huge.py", editor.folder / "large.py"
    huge.write_text("x = 1\n" * 700_000)
    large.write_text("x = 1\n" * 100_000)
    attached = "return #vim.lsp.get_clients({ bufnr = 0, name = 'redraft' })"
    editor.vim.command(f"silent edit {huge}")
    assert editor.lua(attached) == 0
    editor.vim.command(f"silent edit {large}")
    assert editor.lua(attached) == 1


def test_a_server_that_always_dies_is_given_up(start: Callable[..., Editor], tmp_path: Path) -> None:
    starts = tmp_path / "starts"
    editor = start(["sh", "-c", f"echo >> {starts}; exit 1"])
    editor.lua("vim.g.said = {}; vim.notify = function(text) vim.g.said = vim.list_extend(vim.g.said, { text }) end")
    for name in ("one.py", "two.py"):
        editor.vim.command(f"silent edit {editor.folder / name}")
        eventually(lambda: editor.state == "error")
    (said,) = [text for text in editor.vim.vars["said"] if ":checkhealth redraft" in text]
    assert "stopped 5 times" in said
    assert starts.read_text() == 5 * "\n"
    editor.vim.command("Redraft restart")
    eventually(lambda: starts.read_text() > 5 * "\n")


def test_one_server_for_several_projects(start: Callable[..., Editor], script: Callable[..., str]) -> None:
    editor = start([REDRAFT, "lsp", "--model", script(RULES)])
    for project in ("one", "two"):
        (editor.folder / project / ".git").mkdir(parents=True)
        (editor.folder / project / "a.py").write_text("\n")
        editor.vim.command(f"silent edit {editor.folder / project / 'a.py'}")
        editor.until_ready()
    folders = editor.lua("return vim.lsp.get_clients({ name = 'redraft' })[1].workspace_folders")
    assert [folder["name"] for folder in folders] == [str(editor.folder / name) for name in ("one", "two")]
    editor.type("idef add(")
    eventually(editor.ghost)
    assert len(servers(editor)) == 1


def test_by_another_name_or_of_another_type_it_is_another_file(
    start: Callable[..., Editor], script: Callable[..., str], tmp_path: Path
) -> None:
    heard = tmp_path / "heard.jsonl"
    tee = [sys.executable, record.__file__, str(heard), "--client", "neovim", "--root", str(tmp_path)]
    editor = start([*tee, "--", REDRAFT, "lsp", "--model", script(RULES)], filetypes="*")
    editor.vim.command("setfiletype python")
    editor.until_ready()
    editor.type("idef add(<Esc>")
    for command in (f"write {tmp_path / 'one.py'}", f"file {tmp_path / 'two.py'}", "write", "set filetype=lua"):
        editor.vim.command(f"silent {command}")
        editor.settle()
        editor.type("A<BS>(")
        eventually(lambda: editor.ghost() == "a, b):")
        editor.type("<Esc>")
    known: dict[str, str] = {}
    for sender, message in record.entries(heard):
        if sender == "client" and message.get("method") == "textDocument/didOpen":
            known[message["params"]["textDocument"]["uri"]] = message["params"]["textDocument"]["languageId"]
        if sender == "client" and message.get("method") == "textDocument/didClose":
            known.pop(message["params"]["textDocument"]["uri"], None)
    assert [(uri.rpartition("/")[2], language) for uri, language in known.items()] == [("two.py", "lua")]


def test_files_without_a_name_are_kept_apart(start: Callable[..., Editor], script: Callable[..., str]) -> None:
    """They have one address between them, in the editor's own words to a server too."""
    editor = start([REDRAFT, "lsp", "--model", script(RULES)])
    for command in ("setfiletype python", "hide enew | setfiletype python", "bprevious", "bwipeout!"):
        editor.vim.command(command)
        editor.until_ready()
        editor.type("odef add(")
        eventually(lambda: editor.ghost() == "a, b):")
        editor.type("<Esc>")


def test_a_file_without_a_name_starts_no_server_that_was_stopped(
    start: Callable[..., Editor], script: Callable[..., str]
) -> None:
    editor = start([REDRAFT, "lsp", "--model", script(RULES)])
    editor.vim.command("setfiletype python")
    editor.vim.command("split | enew | setfiletype python")
    editor.until_ready()
    editor.lua("vim.lsp.stop_client(vim.lsp.get_clients())")
    eventually(lambda: editor.state == "stopped")
    editor.vim.command("wincmd w")
    assert editor.state == "stopped"


def test_a_file_of_another_type_than_it_is_set_up_for_is_left_alone(editor: Editor) -> None:
    editor.open([""])
    editor.vim.command("set filetype=text")
    editor.settle()
    assert editor.lua("return #vim.lsp.get_clients({ bufnr = 0 })") == 0
    editor.vim.command("set filetype=python")
    editor.until_ready()
    editor.type("idef add(")
    eventually(editor.ghost)


@pytest.mark.parametrize("wrong", [{"keys": False}, {"settings": "quality"}])
def test_an_option_of_another_shape_is_said_with_a_remedy(start: Callable[..., Editor], wrong: dict[str, Any]) -> None:
    editor = start([REDRAFT, "lsp"], **wrong)
    assert editor.messages.splitlines()[-1].startswith(f"redraft: setup() was given no table for {next(iter(wrong))}")
    assert "traceback" not in editor.messages


def test_a_missing_program_is_said_once_with_a_remedy(start: Callable[..., Editor]) -> None:
    editor = start(["/nowhere/redraft", "lsp"])
    for name in ("one.py", "two.py"):
        editor.vim.command(f"silent edit {editor.folder / name}")
    eventually(lambda: "pip install . in its folder" in editor.messages)
    assert editor.messages.count("redraft:") == 1
    assert "traceback" not in editor.messages
    assert editor.lua("return require('redraft').statusline()") == "redraft: error"


def test_a_program_whose_interpreter_is_gone_is_said_once_with_a_remedy(start: Callable[..., Editor]) -> None:
    """It may be executed, and cannot: what stays of an environment whose Python was removed."""
    editor = start(["true"])
    program = editor.folder / "redraft"
    program.write_text("#!/nowhere/python\n")
    program.chmod(0o755)
    editor.lua("vim.env.REDRAFT_CMD = vim.json.encode({ ... })", str(program))
    editor.vim.command(f"luafile {INIT}")
    for name in ("one.py", "two.py"):
        editor.vim.command(f"silent! edit {editor.folder / name}")
    eventually(lambda: "cannot be started" in editor.messages)
    assert editor.messages.count("redraft:") == 1
    assert editor.state == "error"
    editor.vim.command("silent checkhealth redraft")
    page = "\n".join(editor.lines)
    assert f"{program} cannot be started" in page
    assert "Failed to run healthcheck" not in page


def test_health(editor: Editor) -> None:
    editor.open([""])
    editor.vim.command("silent checkhealth redraft")
    page = "\n".join(editor.lines)
    assert "ERROR" not in page, page
    for word in ("redraft 0.", "ready", "ghost text", "<Tab>"):
        assert word in page, page
    editor.vim.command("bwipeout!")


def test_help(editor: Editor) -> None:
    editor.open([""])
    editor.vim.command(f"helptags {editor.lua('return vim.env.REDRAFT_PLUGIN')}/doc")
    editor.vim.command("help redraft-keys")
    assert "<M-Right>" in "\n".join(editor.lines)
    editor.vim.command("helpclose")
