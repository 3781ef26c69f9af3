"""The snippets of editor-configs/README.md, pasted into an init.lua."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Callable
from pathlib import Path

from tests.conftest import REDRAFT, ROOT, eventually
from tests.neovim.conftest import RULES, Editor, Neovim

README = (ROOT / "editor-configs" / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```lua\n(.*?)```", README, re.DOTALL)
PLUGIN = next(block for block in BLOCKS if 'require("redraft").setup' in block)
NATIVE = next(block for block in BLOCKS if "vim.lsp.enable" in block)


def shown_after_a_key(editor: Editor) -> bool:
    """The model may still be loading, and without the plugin nobody says when it is ready."""
    editor.type("<BS>(")
    with contextlib.suppress(AssertionError):
        return bool(eventually(editor.ghost, seconds=3))
    return False


def test_the_snippet_is_enough(neovim: Neovim, tmp_path: Path, script: Callable[..., str]) -> None:
    """With the plugin; for an editor that draws its own ghost text, without it."""
    snippet = NATIVE if neovim.ghost_text == "native" else PLUGIN
    if neovim.program.endswith("nvim-0.12"):  # left to itself, this one draws
        snippet = snippet.replace("setup({", 'setup({ ghost_text = "plugin",')
    command = [REDRAFT, "lsp", "--model", script(RULES)]
    init = tmp_path / "init.lua"
    words = snippet.replace('{ "redraft", "lsp" }', f"vim.json.decode([==[{json.dumps(command)}]==])")
    init.write_text(words.replace("/path/to/redraft", str(ROOT)) + "vim.cmd('filetype on')\n")
    editor = Editor(neovim, tmp_path, command, init=init)
    try:
        file = tmp_path / "demo.py"
        file.write_text("\n")
        editor.vim.command(f"silent edit {file}")
        eventually(lambda: editor.lua("return #vim.lsp.get_clients({ bufnr = 0, name = 'redraft' }) == 1"))
        editor.type("idef add(")
        eventually(lambda: shown_after_a_key(editor))
        editor.type("<Tab>")
        eventually(lambda: editor.lines == ["def add(a, b):"])
    finally:
        editor.close()
