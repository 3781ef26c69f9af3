"""tabby-agent and Continue's adapters as npm carries them, unmodified; `make test-door` installs them."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
from pathlib import Path

import pytest
from lsprotocol import types
from pygls.lsp.client import LanguageClient

from tests.lsp_server.door.conftest import Served

NPM = Path(__file__).parent / "npm"
ADDED = "a, b):\n    return a + b"

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
