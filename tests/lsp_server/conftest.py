"""A real client against the real server, whose model is a script.

Most tests connect the two over a socket pair within this process, which takes the server's import time once;
`test_process.py` starts it as editors do.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import threading
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import Future
from copy import deepcopy
from functools import cache
from typing import Any, BinaryIO

import pytest
import pytest_asyncio
from cattrs import Converter
from lsprotocol import types
from pygls.io_ import run_async
from pygls.protocol import default_converter
from pytest_lsp import LanguageClient, client_capabilities
from pytest_lsp.client import register_lsp_features

from lsp_server import access
from lsp_server.server import RedraftServer
from tests.lsp_server.serve_scripted import scripted

URI = "file:///w/demo.py"
BUFFER = 64 * 2**20


class Editor:
    """What an editor does, with everything the server said on its own."""

    def __init__(self) -> None:
        self.client = LanguageClient(converter_factory=_converter)
        register_lsp_features(self.client)
        self.statuses: list[str] = []
        self.status_messages: list[str] = []
        self.applied: list[types.WorkspaceEdit] = []
        self.refusal: types.ApplyWorkspaceEditResult | None = None
        self.registrations: list[str] = []
        self.messages = self.client.messages
        self.log = self.client.log_messages
        self.capabilities: types.ServerCapabilities
        self.server: RedraftServer
        self.exit_code: int | None = None

        @self.client.feature("redraft/status")
        def status(params: Any) -> None:
            self.statuses.append(params.state)
            self.status_messages.append(params.message)

        @self.client.feature(types.WORKSPACE_APPLY_EDIT)
        def apply_edit(params: types.ApplyWorkspaceEditParams) -> types.ApplyWorkspaceEditResult:
            if self.refusal is not None:
                return self.refusal
            self.applied.append(params.edit)
            return types.ApplyWorkspaceEditResult(applied=True)

        @self.client.feature(types.CLIENT_REGISTER_CAPABILITY)
        def register(params: types.RegistrationParams) -> None:
            self.registrations += [one.method for one in params.registrations]

    # ---- life

    async def connect(self, server: RedraftServer) -> None:
        """Start a server in a thread of this process and connect to it."""
        ours, theirs = socket.socketpair()
        self.server = server

        def serve() -> None:
            source, sink = theirs.makefile("rb"), theirs.makefile("wb")
            server.start_io(source, sink)
            hang_up(theirs, source, sink)
            self.exit_code = server.exit_code

        self._thread = threading.Thread(target=serve)
        self._thread.start()
        reader, writer = await asyncio.open_connection(sock=ours, limit=BUFFER)
        self._writer = writer
        protocol = self.client.protocol
        protocol.set_writer(writer)
        self._reading = asyncio.create_task(run_async(self.client._stop_event, reader, protocol))

    async def initialize(
        self,
        capabilities: types.ClientCapabilities | None = None,
        options: Any = None,
        *,
        root: str | None = "file:///w",
        name: str = "",
        process: bool = True,
        ready: bool = True,
    ) -> None:
        self.client.capabilities = capabilities or ghost_text_client()
        params = types.InitializeParams(
            capabilities=self.client.capabilities,
            process_id=os.getpid() if process else None,
            client_info=types.ClientInfo(name) if name else None,
            root_uri=root,
            initialization_options=options,
        )
        self.capabilities = (await self.client.initialize_async(params)).capabilities
        self.client.initialized(types.InitializedParams())
        if ready:
            await self.until(lambda: "ready" in self.statuses or "off" in self.statuses)

    async def stop(self) -> None:
        """Leave as the protocol says."""
        if self._thread.is_alive():
            await self.client.shutdown_async(None)
            self.client.exit(None)
        await self.leave()

    async def leave(self) -> None:
        """Close the connection, whatever was said; the server's thread must end."""
        self._writer.close()
        await asyncio.to_thread(self._thread.join, 10)
        assert not self._thread.is_alive()
        await self._reading

    async def until(self, holds: Callable[[], bool], seconds: float = 10.0) -> None:
        async with asyncio.timeout(seconds):
            while not holds():
                await asyncio.sleep(0.01)

    # ---- documents

    def open(self, text: str, uri: str = URI, language: str = "python", version: int = 1) -> None:
        item = types.TextDocumentItem(uri=uri, language_id=language, version=version, text=text)
        self.client.text_document_did_open(types.DidOpenTextDocumentParams(item))

    def change(self, version: int, *changes: types.TextDocumentContentChangeEvent, uri: str = URI) -> None:
        document = types.VersionedTextDocumentIdentifier(version, uri)
        self.client.text_document_did_change(types.DidChangeTextDocumentParams(document, list(changes)))

    def type(self, version: int, line: int, character: int, text: str, uri: str = URI) -> None:
        at = types.Position(line, character)
        self.change(version, types.TextDocumentContentChangePartial(types.Range(at, at), text), uri=uri)

    def replace(self, version: int, text: str, uri: str = URI) -> None:
        self.change(version, types.TextDocumentContentChangeWholeDocument(text), uri=uri)

    # ---- requests

    def ask(self, method: str, params: Any, msg_id: str | int = "", *, typed: bool = True) -> Awaitable[Any]:
        """Send a request now; parameters may be plain JSON that the client library would not let through."""
        protocol = self.client.protocol
        msg_id = msg_id or str(uuid.uuid4())
        answer: Future[Any] = Future()
        protocol._request_futures[msg_id] = answer
        protocol._result_types[msg_id] = protocol.get_result_type(method) if typed else None
        plain = protocol._converter.unstructure(params)
        protocol._send_data({"jsonrpc": "2.0", "id": msg_id, "method": method, "params": plain})
        return asyncio.wrap_future(answer)

    def tell(self, message: Any) -> None:
        """Send any JSON value as a message."""
        self.client.protocol._send_data(message)

    def ghost(
        self,
        line: int,
        character: int,
        *,
        uri: str = URI,
        invoked: bool = False,
        selected: types.SelectedCompletionInfo | None = None,
    ) -> Awaitable[types.InlineCompletionList]:
        kind = types.InlineCompletionTriggerKind
        params = types.InlineCompletionParams(
            context=types.InlineCompletionContext(kind.Invoked if invoked else kind.Automatic, selected),
            text_document=types.TextDocumentIdentifier(uri),
            position=types.Position(line, character),
        )
        return self.ask(types.TEXT_DOCUMENT_INLINE_COMPLETION, params)

    async def actions(
        self,
        where: types.Range,
        *messages: str,
        only: list[types.CodeActionKind | str] | None = None,
        uri: str = URI,
        at: types.Range | None = None,
    ) -> list[Any]:
        diagnostics = [types.Diagnostic(range=at or where, message=message) for message in messages]
        params = types.CodeActionParams(
            text_document=types.TextDocumentIdentifier(uri),
            range=where,
            context=types.CodeActionContext(diagnostics=diagnostics, only=only),
        )
        return list(await self.client.text_document_code_action_async(params) or ())

    async def calls(self) -> dict[str, int]:
        """How often the completer was asked, by what."""
        return dict(plain(await self.ask("test/calls", {})))

    async def asked(self, what: str) -> None:
        """Until the completer has been asked."""
        async with asyncio.timeout(10):
            while not (await self.calls()).get(what):
                await asyncio.sleep(0.01)


def plain(value: Any) -> Any:
    """JSON again of what pygls has no type for and makes named tuples of."""
    if hasattr(value, "_fields"):
        return {name: plain(one) for name, one in zip(value._fields, value, strict=True)}
    return [plain(one) for one in value] if isinstance(value, list) else value


def hang_up(connection: socket.socket, *streams: BinaryIO) -> None:
    """Close a connection of which another thread may still be reading."""
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
    for stream in (*streams, connection):
        with contextlib.suppress(OSError):
            stream.close()


@cache
def _converter() -> Converter:
    """The client's: compiling its readers takes longer than most tests."""
    return default_converter()


@cache
def _profile() -> types.ClientCapabilities:
    return client_capabilities("visual-studio-code")


def menu_client() -> types.ClientCapabilities:
    """VS Code's capabilities as recorded by pytest-lsp, before it knew inline completion."""
    return deepcopy(_profile())


def ghost_text_client(**able: Any) -> types.ClientCapabilities:
    """The same with inline completion."""
    capabilities = menu_client()
    assert capabilities.text_document is not None
    assert capabilities.general is not None
    capabilities.text_document.inline_completion = types.InlineCompletionClientCapabilities()
    if "encodings" in able:
        capabilities.general.position_encodings = able["encodings"]
    return capabilities


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """However busy the machine is, it finds out what may be read before anything is answered."""
    monkeypatch.setattr(access, "_WAITED", 60.0)


@pytest.fixture
def script() -> dict[str, Any]:
    """What the model does, overridden where a test needs another one; see `serve_scripted.py`."""
    return {}


@pytest_asyncio.fixture
async def editor(script: dict[str, Any]) -> AsyncIterator[Editor]:
    one = Editor()
    await one.connect(scripted(script))
    yield one
    await one.stop()


@pytest_asyncio.fixture
async def ready(editor: Editor) -> Editor:
    """An editor whose server has its model."""
    await editor.initialize()
    return editor
