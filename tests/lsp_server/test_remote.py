"""The installed server with a remote: a process, its pipes, its log, and a bad server on the other side.

The model of this machine is a script that writes `here`, the remote says `there`.
"""

from __future__ import annotations

import asyncio
import json
import os
import shlex
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from lsprotocol import types

from tests.conftest import REDRAFT
from tests.lsp_server.conftest import Editor, ghost_text_client, plain
from tests.serving import FAULTS, Server, says, serving

pytestmark = pytest.mark.asyncio(loop_scope="module")

KEY = "sk-very-secret-0123456789"
THERE, HERE = says("there"), "here"


class Remoted(Editor):
    """An editor whose server process may ask `server`, and writes its log into a file."""

    def __init__(self, server: Server, log: Path) -> None:
        super().__init__()
        self.server, self._log, self.files = server, log, 0

    @property
    def heard(self) -> list[str]:
        """The lines of the server's stderr so far."""
        return self._log.read_text().splitlines()

    async def start(self, script: Path, options: dict[str, Any], *arguments: str) -> None:
        command = (REDRAFT, "lsp", "--model", f"scripted:{script}", *arguments)
        logged = ("sh", "-c", f'exec "$@" 2> {shlex.quote(str(self._log))}', "sh", *command)
        await self.client.start_io(*logged, env={**os.environ, "REDRAFT_REMOTE_KEY": KEY})
        await self.initialize(ghost_text_client(), {"trace": True, "deadlineMs": 5000, **options})

    async def leave(self) -> None:
        await self.client.shutdown_session()
        await self.client.stop()

    def place(self) -> str:
        """A new file with a cursor at the end of its first line, where both models have something to say."""
        self.files += 1
        uri = f"file:///w/file{self.files}.py"
        self.open("value = \n", uri)
        return uri

    async def text(self, uri: str = "") -> str:
        answer = await asyncio.wait_for(self.ghost(0, 8, uri=uri or self.place()), 20)
        (item,) = answer.items
        assert isinstance(item.insert_text, str)
        return item.insert_text


@pytest.fixture(scope="module")
def script(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "here.json"
    path.write_text(json.dumps({"rules": [{"after": "value = ", "write": HERE}]}))
    return path


@asynccontextmanager
async def editing(server: Server, script: Path, *arguments: str, **options: Any) -> AsyncIterator[Remoted]:
    editor = Remoted(server, Path(tempfile.mkdtemp(dir=script.parent)) / "log")
    await editor.start(script, options, *arguments)
    try:
        yield editor
    finally:
        await editor.leave()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def remoted(script: Path) -> AsyncIterator[Remoted]:
    """One server process and one remote for all faults: each must leave it as good as new."""
    async with (
        serving(THERE) as server,
        editing(server, script, remote={"url": server.url, "model": "big"}) as editor,
    ):
        yield editor
    assert not [line for line in editor.heard if KEY in line]
    assert not [said for said in editor.log if KEY in said.message]
    assert not [line for line in editor.heard if "Traceback" in line]


async def test_the_remote_answers_and_the_status_says_so(remoted: Remoted) -> None:
    assert await remoted.text() == "there"
    call = remoted.server.calls[-1]
    assert (call.path, call.body["model"], call.body["prompt"], call.body["suffix"]) == (
        "/v1/completions", "big", f"# w/file{remoted.files}.py\nvalue = ", "\n",
    )  # fmt: skip
    assert call.headers["authorization"] == f"Bearer {KEY}"
    host = remoted.server.url.removeprefix("http://")
    await remoted.until(lambda: remoted.status_messages[-1] == f"Answered by {host}.")
    assert f"({host}; " in remoted.log[-1].message


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_bad_remote_costs_a_line_in_the_log_and_the_model_here_answers(remoted: Remoted, fault: str) -> None:
    remoted.server.behave, sentence = FAULTS[fault]
    heard = len(remoted.heard)
    assert await remoted.text() == HERE
    await remoted.until(lambda: len(remoted.heard) > heard)
    (line,) = remoted.heard[heard:]
    assert sentence in line and line.endswith("; the model on this machine answers")
    await remoted.until(lambda: sentence in remoted.status_messages[-1])
    assert remoted.statuses[-1] == "ready"
    remoted.server.behave = THERE
    assert await remoted.text() == "there"


async def test_cancelling_closes_the_connection(remoted: Remoted) -> None:
    remoted.server.behave, uri, before = FAULTS["hangs"][0], remoted.place(), len(remoted.server.calls)
    position = types.InlineCompletionParams(
        context=types.InlineCompletionContext(types.InlineCompletionTriggerKind.Automatic),
        text_document=types.TextDocumentIdentifier(uri),
        position=types.Position(0, 8),
    )
    answer = asyncio.ensure_future(remoted.ask(types.TEXT_DOCUMENT_INLINE_COMPLETION, position, "to be cancelled"))
    call = await remoted.server.called(before + 1)
    remoted.tell({"jsonrpc": "2.0", "method": "$/cancelRequest", "params": {"id": "to be cancelled"}})
    await asyncio.wait_for(call.gone.wait(), 10)
    with pytest.raises(Exception, match="cancelled"):
        await answer
    remoted.server.behave = THERE
    assert await remoted.text() == "there"


async def test_so_does_the_next_keystroke(remoted: Remoted) -> None:
    remoted.server.behave, uri, before = FAULTS["hangs"][0], remoted.place(), len(remoted.server.calls)
    first = asyncio.ensure_future(remoted.ghost(0, 8, uri=uri))
    call = await remoted.server.called(before + 1)
    remoted.type(2, 0, 8, "t", uri=uri)
    await asyncio.wait_for(call.gone.wait(), 10)
    assert not (await first).items
    remoted.server.behave = THERE


async def test_fill_in_the_middle_and_its_fallback(remoted: Remoted) -> None:
    asked = {"prefix": "value = ", "suffix": "\n", "language": "python"}
    assert plain(await remoted.ask("redraft/fill", asked))["text"] == "there"
    remoted.server.behave = FAULTS["HTML"][0]
    assert plain(await remoted.ask("redraft/fill", asked))["text"] == HERE
    remoted.server.behave = THERE
    assert plain(await remoted.ask("redraft/fill", asked))["text"] == "there"


async def test_after_three_failures_it_is_left_alone(script: Path) -> None:
    async with (
        serving(FAULTS["500"][0]) as server,
        editing(server, script, "--remote", server.url, "--remote-kind", "fim", "--remote-model", "m") as editor,
    ):
        for _ in range(6):
            assert await editor.text() == HERE
        assert len(server.calls) == 3
        assert server.calls[0].path == "/v1/fim/completions"
        await editor.until(lambda: len(editor.heard) == 2)
        assert editor.heard[-1].endswith("answers for the next 10 s")
        server.behave = THERE


async def test_one_that_is_not_there_keeps_nobody_waiting(script: Path) -> None:
    async with serving(THERE) as server:
        pass
    async with editing(server, script, remote={"url": server.url}) as editor:
        assert await editor.text() == HERE
        await editor.until(lambda: any("cannot be reached" in line for line in editor.heard))


@pytest.mark.parametrize("where", ["pushed", "pulled"])
async def test_a_workspace_cannot_choose_a_remote(script: Path, where: str) -> None:
    async with serving(THERE) as server, editing(server, script) as editor:
        chosen = {"redraft": {"remote": {"url": server.url, "kind": "fim", "proxy": server.url}, "maxLines": 3}}
        if where == "pulled":
            editor.client.set_configuration(chosen["redraft"], section="redraft")
            editor.client.workspace_did_change_configuration(types.DidChangeConfigurationParams(None))
        else:
            editor.client.workspace_did_change_configuration(types.DidChangeConfigurationParams(chosen))
        await editor.until(lambda: bool(editor.messages))
        assert "`redraft.remote.url` counts only on the command line or in initializationOptions" in (
            editor.messages[0].message
        )
        assert await editor.text() == HERE
        assert server.connections == 0


async def test_a_password_in_an_address_is_refused_and_not_repeated(script: Path) -> None:
    async with serving(THERE) as server:
        secret = server.url.replace("http://", f"http://user:{KEY}@")
        async with editing(server, script, remote={"url": secret}) as editor:
            await editor.until(lambda: bool(editor.messages))
            assert "`redraft.remote.url` must be an http or https address without user name" in (
                editor.messages[0].message
            )
            assert await editor.text() == HERE
        assert server.connections == 0
    assert KEY not in "".join([*editor.heard, *(said.message for said in (*editor.messages, *editor.log))])
