"""A whole session, from `initialize` to `exit`, written down; REDRAFT_RECORD=1 renews the recordings here."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import REDRAFT, ROOT, eventually
from tests.conversations.record import entries
from tests.neovim.conftest import BROKEN, RULES, Editor, diagnose

RECORDINGS = ROOT / "tests" / "conversations"


def test_a_session(
    start: Callable[..., Editor], script: Callable[..., str], tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    name = f"neovim-{request.node.callspec.params['neovim']}"
    out = tmp_path / f"{name}.jsonl"
    tee = [sys.executable, str(RECORDINGS / "record.py"), str(out), "--client", name, "--root", str(tmp_path)]
    editor = start([*tee, "--", REDRAFT, "lsp", "--model", script(RULES)])

    editor.open([""])
    editor.vim.input("idef add(")
    eventually(editor.ghost)
    editor.vim.input("a, ")
    eventually(lambda: editor.ghost() == "b):")
    editor.vim.input("<Tab>")
    eventually(lambda: editor.lines == ["def add(a, b):"])
    editor.vim.input("<CR>")
    eventually(editor.ghost)
    editor.vim.input("<Esc>")
    eventually(lambda: editor.ghost() == "")
    editor.vim.command("silent write")

    editor.vim.command("Redraft mode quality")
    editor.open(BROKEN, "broken.py")
    diagnose(editor)
    editor.lua("require('redraft').fix({ apply = true })")
    eventually(lambda: editor.lines[2] == "    return total / len(values)")

    editor.lua("for _, client in ipairs(vim.lsp.get_clients()) do vim.lsp.stop_client(client.id) end")
    eventually(lambda: editor.lua("return #vim.lsp.get_clients()") == 0)
    eventually(lambda: [message.get("method") for sender, message in entries(out) if sender == "client"][-1] == "exit")
    if os.environ.get("REDRAFT_RECORD"):
        shutil.copy(out, RECORDINGS)
