"""The server as editors start it: a process, its pipes, its exit code."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
from lsprotocol import types
from pytest_lsp.client import make_test_lsp_client

from lsp_server import process
from tests.lsp_server.conftest import URI, ghost_text_client

ROOT = Path(__file__).parents[2]
WRITE = {"write": {"def ": ["f():"]}}


def command(script: dict[str, Any]) -> list[str]:
    return [sys.executable, "-m", "tests.lsp_server.serve_scripted", json.dumps(script)]


@contextmanager
def started(script: dict[str, Any]) -> Iterator[subprocess.Popen[bytes]]:
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    with subprocess.Popen(command(script), cwd=ROOT, **pipes) as process:  # type: ignore[call-overload]
        try:
            yield process
        finally:
            process.kill()


def message(method: str, params: Any, msg_id: int | None = None) -> bytes:
    body = {"jsonrpc": "2.0", "method": method, "params": params} | ({} if msg_id is None else {"id": msg_id})
    text = json.dumps(body).encode()
    return b"Content-Length: %d\r\n\r\n%s" % (len(text), text)


ABLE = {"workspace": {"applyEdit": True}}
INITIALIZE = message("initialize", {"processId": None, "rootUri": None, "capabilities": ABLE}, 1)


EDITOR = "import subprocess, sys; sys.exit(subprocess.call(sys.argv[1:]))"


@pytest.mark.parametrize("known", [True, False])
def test_a_server_leaves_with_its_editor_even_if_the_pipe_is_held(known: bool) -> None:
    """An id that is none of an ancestor's is one of another machine."""
    pipes = dict.fromkeys(("stdin", "stdout"), subprocess.PIPE)
    with (
        subprocess.Popen([sys.executable, "-c", EDITOR, *command({})], cwd=ROOT, **pipes) as editor,  # type: ignore[call-overload]
        subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other,
    ):
        asked = {"processId": (editor if known else other).pid, "rootUri": None, "capabilities": ABLE}
        editor.stdin.write(message("initialize", asked, 1) + message("redraft/lastTrace", {}, 2))
        editor.stdin.flush()
        told = b""
        while b'"html"' not in told and (more := editor.stdout.read1()):  # both are answered
            told += more
        (server,) = psutil.Process(editor.pid).children()
        for one in (editor, other):
            one.kill()
            one.wait()
        gone, _ = psutil.wait_procs([server], timeout=20 if known else 1)
        assert bool(gone) is known
        editor.stdin.close()
        assert psutil.wait_procs([server], timeout=20)[1] == []


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="only Linux tells")
async def test_the_end_of_an_editor_is_told_and_not_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Servers of editors that nobody touches must let the processor sleep."""
    monkeypatch.setattr(process, "_LOOKED_FOR", 1e9)
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as editor:
        waiting = asyncio.ensure_future(process.end_of(psutil.Process(editor.pid)))
        await asyncio.sleep(0)
        editor.kill()
        await asyncio.wait_for(waiting, 20)


async def test_ghost_text_over_stdio_although_the_process_prints() -> None:
    client = make_test_lsp_client()
    statuses: list[str] = []
    client.feature("redraft/status")(lambda params: statuses.append(params.state))
    await client.start_io(*command(WRITE), cwd=ROOT)
    await client.initialize_session(types.InitializeParams(capabilities=ghost_text_client(), root_uri="file:///w"))
    item = types.TextDocumentItem(uri=URI, language_id="python", version=1, text="def ")
    client.text_document_did_open(types.DidOpenTextDocumentParams(item))
    async with asyncio.timeout(10):
        while "ready" not in statuses:
            await asyncio.sleep(0.02)
    answer = await client.text_document_inline_completion_async(
        types.InlineCompletionParams(
            context=types.InlineCompletionContext(types.InlineCompletionTriggerKind.Automatic),
            text_document=types.TextDocumentIdentifier(URI),
            position=types.Position(0, 4),
        )
    )
    assert isinstance(answer, types.InlineCompletionList)
    assert [item.insert_text for item in answer.items] == ["f():"]
    await client.shutdown_session()
    server = client._server
    assert server is not None
    assert server.returncode == 0
    await client.stop()


@pytest.mark.parametrize(
    ("messages", "code"),
    [
        (INITIALIZE + message("shutdown", None, 2) + message("exit", None), 0),
        (message("exit", None), 1),
    ],
)
def test_exit_ends_the_process_although_its_stdin_stays_open(messages: bytes, code: int) -> None:
    with started({}) as process:
        assert process.stdin is not None
        process.stdin.write(messages)
        process.stdin.flush()
        assert process.wait(15) == code


@pytest.mark.parametrize("script", [WRITE, {"load_seconds": 30}])
def test_a_client_that_dies_leaves_no_process_behind(script: dict[str, Any]) -> None:
    with started(script) as process:
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write(INITIALIZE)
        process.stdin.flush()
        process.stdout.readline()
        process.stdout.close()
        process.stdin.close()
        assert process.wait(15) == 0


def test_one_client_over_a_loopback_connection_sees_requests_in_order() -> None:
    """All in one packet: a request must work on the text before the change that follows it."""
    where = {"start": {"line": 0, "character": 0}, "end": {"line": 0, "character": 1}}
    actions = {"textDocument": {"uri": URI}, "range": where, "context": {"diagnostics": []}}
    change = {"textDocument": {"uri": URI, "version": 2}, "contentChanges": [{"text": "xy"}]}
    with started({**WRITE, "tcp": True}) as process:
        assert process.stderr is not None
        line = process.stderr.readline().decode()
        while not line.startswith("listening on"):
            line = process.stderr.readline().decode()
        host, _, port = line.split()[-1].rpartition(":")
        assert host == "127.0.0.1"
        with socket.create_connection((host, int(port))) as connection, connection.makefile("rb") as source:
            connection.settimeout(15)
            connection.sendall(INITIALIZE + message("initialized", {}))
            wait_for(source, lambda heard: heard.get("params", {}).get("state") == "ready")
            item = {"uri": URI, "languageId": "python", "version": 1, "text": "def "}
            connection.sendall(
                message("textDocument/didOpen", {"textDocument": item})
                + message("textDocument/codeAction", actions, 7)
                + message("textDocument/didChange", change)
                + message("textDocument/codeAction", actions, 8)
            )
            versions = [wait_for(source, lambda heard: "method" not in heard)["result"][0]["arguments"][0]["version"]]
            versions += [wait_for(source, lambda heard: "method" not in heard)["result"][0]["arguments"][0]["version"]]
            assert versions == [1, 2]
            connection.sendall(message("shutdown", None, 11) + message("exit", None))
        assert process.wait(15) == 0


def wait_for(source: Any, holds: Any) -> dict[str, Any]:
    while not holds(heard := read(source)):
        pass
    return dict(heard)


async def test_a_status_said_before_the_client_is_initialized_is_said_again() -> None:
    """vscode-languageclient hears nothing before that."""
    with started(WRITE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(INITIALIZE)
        process.stdin.flush()
        assert read(process.stdout)["id"] == 1
        assert read(process.stdout)["params"]["state"] == "ready"
        process.stdin.write(message("initialized", {}))
        process.stdin.flush()
        assert read(process.stdout)["params"]["state"] == "ready"


def read(source: Any) -> Any:
    """The next message."""
    length = 0
    while (header := source.readline()).strip():
        name, _, value = header.partition(b":")
        length = int(value) if name.lower() == b"content-length" else length
    return json.loads(source.read(length))
