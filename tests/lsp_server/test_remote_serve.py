"""`redraft lsp` whose remote is another `redraft serve`: two installed processes and nothing between them but HTTP."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.conftest import REDRAFT
from tests.lsp_server.conftest import Editor, ghost_text_client, plain


def model(path: Path, write: str) -> str:
    path.write_text(json.dumps({"rules": [{"after": "value = ", "write": write}]}))
    return f"scripted:{path}"


@pytest_asyncio.fixture
async def served(tmp_path: Path) -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    """A `redraft serve` that is ready, and its address."""
    command = (REDRAFT, "serve", "--port", "0", "--model", model(tmp_path / "there.json", "there"))
    process = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.PIPE)
    assert process.stderr is not None
    address = ""
    async with asyncio.timeout(60):
        while "ready" not in (line := (await process.stderr.readline()).decode()):
            assert line, "redraft serve ended"
            address = next((word.rstrip("/,") for word in line.split() if word.startswith("http://")), address)
    yield process, address
    if process.returncode is None:
        process.kill()
    await process.communicate()


async def text(editor: Editor, uri: str, *, invoked: bool = False) -> str:
    editor.open("value = \n", uri)
    (item,) = (await asyncio.wait_for(editor.ghost(0, 8, uri=uri, invoked=invoked), 20)).items
    assert isinstance(item.insert_text, str)
    return item.insert_text


@pytest.mark.parametrize("kind", ["completions", "llama.cpp", "fim"])
async def test_one_redraft_asks_another_and_answers_itself_when_that_is_gone(
    served: tuple[asyncio.subprocess.Process, str], tmp_path: Path, kind: str
) -> None:
    process, address = served
    editor = Editor()
    environment = {name: value for name, value in os.environ.items() if name != "REDRAFT_REMOTE_KEY"}
    command = (REDRAFT, "lsp", "--model", model(tmp_path / "here.json", "here"), "--remote", address)
    command += ("--remote-kind", kind)
    await editor.client.start_io(*command, env=environment)
    await editor.initialize(ghost_text_client(), {"deadlineMs": 10_000})
    assert await text(editor, "file:///w/one.py") == "there"
    assert await text(editor, "file:///w/two.py", invoked=True) == "there"
    filled = plain(await editor.ask("redraft/fill", {"prefix": "value = ", "suffix": "\n", "language": "python"}))
    assert (filled["text"], filled["reason"]) == ("there", "")
    nothing = plain(await editor.ask("redraft/fill", {"prefix": "other = ", "suffix": "\n", "language": "python"}))
    assert (nothing["text"], nothing["reason"]) == ("", "the model has nothing to say")
    await editor.until(lambda: editor.status_messages[-1] == f"Answered by {address.removeprefix('http://')}.")
    process.kill()
    await process.wait()
    assert await text(editor, "file:///w/three.py") == "here"
    await editor.until(lambda: "Answered by the model on this machine, because" in editor.status_messages[-1])
    await editor.client.shutdown_session()
    await editor.client.stop()
