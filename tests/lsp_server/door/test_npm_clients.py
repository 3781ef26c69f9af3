"""tabby-agent and Continue's adapters as npm carries them, unmodified; llama.vim from a folder of yours.

`make test-door` installs the former; LLAMA_VIM=/path/to/llama.vim names the latter, which no registry carries.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from lsprotocol import types
from pygls.lsp.client import LanguageClient

from tests.lsp_server.door.conftest import Served, until

NPM = Path(__file__).parent / "npm"
ADDED = "a, b):\n    return a + b"
LLAMA_VIM = os.environ.get("LLAMA_VIM", "")

installed = pytest.mark.skipif(
    not (NPM / "node_modules").is_dir() or shutil.which("node") is None, reason="`make test-door` installs the clients"
)


@installed
def test_continues_adapters_fill_the_hole(door: Served) -> None:
    ran = subprocess.run(
        ["node", "adapters.mjs", door.url], cwd=NPM, capture_output=True, text=True, timeout=120, check=False
    )
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout) == dict.fromkeys(("openai", "mistral", "inception", "llama.cpp", "deepseek"), ADDED)


@installed
async def test_tabby_agent_completes_in_an_editor(
    door: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """tabby-agent is a language server itself: editor -> tabby-agent -> redraft."""
    config = tmp_path / ".tabby-client" / "agent" / "config.toml"
    config.parent.mkdir(parents=True)
    config.write_text(f'[server]\nendpoint = "{door.url}"\n\n[anonymousUsageTracking]\ndisable = true\n')
    monkeypatch.setenv("HOME", str(tmp_path))
    uri, client = (tmp_path / "sums.py").as_uri(), LanguageClient("editor", "1")
    await client.start_io("node", str(NPM / "node_modules" / "tabby-agent" / "dist" / "cli.js"), "--lsp", "--stdio")
    await client.initialize_async(types.InitializeParams(capabilities=types.ClientCapabilities()))
    client.initialized(types.InitializedParams())
    document = types.TextDocumentItem(uri, "python", 1, "x = 1\ndef add(\n")
    client.text_document_did_open(types.DidOpenTextDocumentParams(document))
    where = types.TextDocumentIdentifier(uri), types.Position(1, 8)
    asked, answer = types.CompletionParams(*where), None
    async with asyncio.timeout(60):
        while not isinstance(answer, types.CompletionList) or not answer.items:  # it connects first
            answer = await client.text_document_completion_async(asked)
            await asyncio.sleep(0.1)
    edit = answer.items[0].text_edit
    await client.shutdown_async(None)
    client.exit(None)
    await client.stop()
    assert isinstance(edit, types.TextEdit)
    assert edit.new_text == "a, b):"


@pytest.mark.skipif(not LLAMA_VIM or sys.platform != "linux", reason="LLAMA_VIM names no folder of llama.vim")
def test_llama_vim_shows_and_accepts_in_neovim(door: Served, tmp_path: Path) -> None:
    pynvim = pytest.importorskip("pynvim")
    nvim = Path(sys.executable).parent / "nvim"
    vim = pynvim.attach("child", argv=[str(nvim), "--embed", "--headless", "-u", "NONE", "-n"])
    vim.command(f"set runtimepath^={LLAMA_VIM}")
    vim.vars["llama_config"] = {"endpoint_fim": f"{door.url}/infill"}
    vim.command("runtime plugin/llama.vim")
    (tmp_path / "sums.py").write_text("x = 1\n\n")
    vim.command(f"edit {tmp_path / 'sums.py'} | call cursor(2, 1)")
    ghost = vim.api.create_namespace("vt_fim")
    vim.input("idef add(")
    until(lambda: len(vim.api.buf_get_extmarks(0, ghost, 0, -1, {})) > 0)
    vim.input("<Tab>")
    until(lambda: list(vim.current.buffer[:]) == ["x = 1", "def add(a, b):"])
    with contextlib.suppress(OSError, EOFError):  # the pipe closes before the answer comes
        vim.command("qall!")
    vim.close()
