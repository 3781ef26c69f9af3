"""An editor without a screen: a real language-server client (pygls') over stdio that types as editors do."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Sequence
from typing import Any

import psutil
from lsprotocol import types
from pygls.lsp.client import LanguageClient

PAIRS = {"(": ")", "[": "]", "{": "}", '"': '"', "'": "'"}
URI = "file:///bench/sample.py"


class Editor:
    """One open document, a cursor, and auto-closed brackets that are typed over."""

    def __init__(self) -> None:
        self.client = LanguageClient("redraft-bench", "1")
        self.ready = asyncio.Event()
        self.lines: list[str] = [""]
        self.line = self.column = 0
        self._version = 0
        self._closers: list[str] = []

        @self.client.feature("redraft/status")
        def status(params: Any) -> None:
            if params.state in ("ready", "error"):
                self.ready.set()

    async def start(self, arguments: Sequence[str] = ()) -> float:
        """Start the server; returns the seconds from process start until `initialize` was answered."""
        began = time.perf_counter()
        await self.client.start_io(sys.executable, "-m", "lsp_server", "lsp", *arguments)
        able = types.ClientCapabilities(
            general=types.GeneralClientCapabilities(position_encodings=[types.PositionEncodingKind.Utf16]),
            text_document=types.TextDocumentClientCapabilities(
                inline_completion=types.InlineCompletionClientCapabilities()
            ),
        )
        uncounted = {"stats": False}  # nobody's typing
        await self.client.initialize_async(
            types.InitializeParams(capabilities=able, root_uri="file:///bench", initialization_options=uncounted)
        )
        answered = time.perf_counter() - began
        self.client.initialized(types.InitializedParams())
        return answered

    async def stop(self) -> None:
        """Leave as editors do."""
        await self.client.shutdown_async(None)
        self.client.exit(None)
        await self.client.stop()

    @property
    def megabytes(self) -> float:
        """Resident memory of the server."""
        assert self.client._server is not None
        return float(psutil.Process(self.client._server.pid).memory_info().rss / 2**20)

    def open(self, text: str, line: int, column: int) -> None:
        """Open a document (the one before is closed) and put the cursor there."""
        if self._version:
            self.client.text_document_did_close(types.DidCloseTextDocumentParams(types.TextDocumentIdentifier(URI)))
        self.lines, self.line, self.column = text.split("\n"), line, column
        self._version += 1
        self._closers = []
        item = types.TextDocumentItem(uri=URI, language_id="python", version=self._version, text=text)
        self.client.text_document_did_open(types.DidOpenTextDocumentParams(item))

    def key(self, letter: str) -> None:
        """One keystroke. An opening bracket or quote brings its partner, a closing one is typed over."""
        text = self.lines[self.line]
        if self._closers and letter == self._closers[-1] and text[self.column : self.column + 1] == letter:
            self._closers.pop()
            self.column += 1
            return
        pair = letter + PAIRS[letter] if letter in PAIRS and text[self.column :].strip(")]}\"'") == "" else letter
        if len(pair) == 2:
            self._closers.append(pair[1])
        self._insert(pair)
        self.column += 1

    def take(self, text: str) -> None:
        """Accept a proposal."""
        self._insert(text)
        self.lines = "\n".join(self.lines).split("\n")
        *above, last = text.split("\n")
        self.line, self.column = self.line + len(above), len(last) + (0 if above else self.column)

    async def ask(self, automatic: bool = True) -> tuple[str | None, float]:
        """Request ghost text at the cursor: (text or None, milliseconds until the answer)."""
        kind = types.InlineCompletionTriggerKind
        began = time.perf_counter()
        answer = await self.client.text_document_inline_completion_async(
            types.InlineCompletionParams(
                context=types.InlineCompletionContext(kind.Automatic if automatic else kind.Invoked),
                text_document=types.TextDocumentIdentifier(URI),
                position=types.Position(self.line, self.column),
            )
        )
        spent = 1000 * (time.perf_counter() - began)
        items = answer.items if isinstance(answer, types.InlineCompletionList) else answer or ()
        return next((str(item.insert_text) for item in items), None), spent

    def _insert(self, text: str) -> None:
        here = types.Position(self.line, self.column)
        line = self.lines[self.line]
        self.lines[self.line] = line[: self.column] + text + line[self.column :]
        self._version += 1
        change = types.TextDocumentContentChangePartial(range=types.Range(here, here), text=text)
        document = types.VersionedTextDocumentIdentifier(uri=URI, version=self._version)
        self.client.text_document_did_change(types.DidChangeTextDocumentParams(document, [change]))
