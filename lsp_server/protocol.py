"""pygls' protocol, made strict about itself and lenient about its client.

Promises kept here: every request gets exactly one answer, a malformed one too; nothing is answered before `initialize`
or done after `shutdown`; pygls keeps no copy of any document (`documents.py` does, with LSP's own line endings).
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable
from typing import Any

from lsprotocol import types
from pygls.exceptions import (
    JsonRpcException,
    JsonRpcInternalError,
    JsonRpcInvalidParams,
    JsonRpcInvalidRequest,
    JsonRpcMethodNotFound,
    JsonRpcParseError,
    JsonRpcRequestCancelled,
    JsonRpcServerNotInitialized,
)
from pygls.protocol import LanguageServerProtocol, lsp_method

log = logging.getLogger(__name__)
_pygls_log = logging.getLogger("pygls.protocol.json_rpc")

_OURS = (
    types.TEXT_DOCUMENT_DID_OPEN,
    types.TEXT_DOCUMENT_DID_CHANGE,
    types.TEXT_DOCUMENT_DID_CLOSE,
    types.NOTEBOOK_DOCUMENT_DID_OPEN,
    types.NOTEBOOK_DOCUMENT_DID_CHANGE,
    types.NOTEBOOK_DOCUMENT_DID_CLOSE,
)

_CHANGED = {
    types.TEXT_DOCUMENT_DID_CHANGE: "textDocument",
    types.NOTEBOOK_DOCUMENT_DID_CHANGE: "notebookDocument",
}
"""Where a change says what it changes."""


class Protocol(LanguageServerProtocol):
    """One connection's messages.

    exit_code: None while the connection lasts, else what the process should return (LSP: 0 only after `shutdown`).
    on_lost_change: called with the URI of a document or notebook whose change could not be read.
    hang_up: ends the connection as if the client had closed it; the transport's.
    """

    exit_code: int | None = None
    on_lost_change: Callable[[str], None] | None = None
    hang_up: Callable[[], None] | None = None
    _initialized = False

    def _register_builtin_features(self) -> None:
        super()._register_builtin_features()
        for method in _OURS:
            self.fm.builtin_features.pop(method)

    @lsp_method(types.EXIT)
    def lsp_exit(self, *args: Any) -> None:  # type: ignore[override]
        """Ends the connection; the transport closes it."""
        self.exit_code = 0 if self._shutdown else 1

    @lsp_method(types.SHUTDOWN)
    async def lsp_shutdown(self, *args: Any) -> None:  # type: ignore[override]
        """Cancels what runs; who asked for it is told before this is answered, because `exit` may follow at once."""
        self._shutdown = True
        if (close := self.fm.features.get(types.SHUTDOWN)) is not None:
            close(*args)
        futures: list[Any] = list(self._request_futures.values())  # pygls calls tasks Futures, too
        pending = [one for one in futures if one is not asyncio.current_task()]
        for one in pending:
            one.cancel()
        if running := [one for one in pending if isinstance(one, asyncio.Task)]:
            await asyncio.wait(running)

    @lsp_method(types.WORKSPACE_EXECUTE_COMMAND)
    async def lsp_workspace__execute_command(self, params: types.ExecuteCommandParams) -> Any:  # type: ignore[override]
        """One task, so that cancelling the request reaches the command; pygls' generator waits for another future."""
        if (command := self.fm.commands.get(params.command)) is None:
            raise JsonRpcInvalidParams(f"There is no command {params.command!r:.100}")
        return await command(*(params.arguments or ()))

    def receive(self, body: bytes) -> None:
        """Handle the JSON text of one message."""
        try:
            message = json.loads(body)
        except (ValueError, RecursionError) as error:
            self._refuse(None, JsonRpcParseError(f"The message is not JSON: {error}"))
            return
        try:
            self.handle_message(message)
        except Exception:
            log.exception("a message could not be handled")  # an answer to a request that was given up, at the worst

    def handle_message(self, message: Any) -> None:
        """Check, structure and dispatch one message, still plain JSON."""
        if not isinstance(message, dict) or message.get("jsonrpc") != "2.0" or not _has_valid_id(message):
            self._refuse(None, JsonRpcInvalidRequest("The message is not a JSON-RPC 2.0 object"))
            return
        method, msg_id = message.get("method"), message.get("id")
        if "method" in message and (refusal := self._not_now(method)) is not None:
            if msg_id is not None:
                self._refuse(msg_id, refusal)
            return
        if method == types.SHUTDOWN and msg_id is None:  # Kate's; nobody waits for an answer, and `exit` follows
            self._shutdown = True
            return
        self._initialized = self._initialized or method == types.INITIALIZE
        # It would write a traceback of what a client has sent; `_unreadable` says it in a line.
        _pygls_log.disabled = True
        try:
            structured = self.structure_message(message)
        except JsonRpcException:
            self._unreadable(message)
            return
        finally:
            _pygls_log.disabled = False
        super().handle_message(structured)

    def _not_now(self, method: Any) -> JsonRpcException | None:
        if not isinstance(method, str):
            return JsonRpcInvalidRequest("The method must be a string")
        if method == types.EXIT:
            return None
        if self._shutdown:
            return JsonRpcInvalidRequest("The server is shutting down")
        if not self._initialized and method != types.INITIALIZE:
            return JsonRpcServerNotInitialized("Send initialize first")
        if self._initialized and method == types.INITIALIZE:
            return JsonRpcInvalidRequest("The server is initialized already")
        # Clients send what nobody offered, as Kate wherever its cursor rests: no matter for the log.
        known = (types.CANCEL_REQUEST, *self.fm.builtin_features, *self.fm.features)
        return None if method in known else JsonRpcMethodNotFound.of(method)

    def _unreadable(self, message: dict[str, Any]) -> None:
        method, msg_id = message.get("method"), message.get("id")
        log.warning("the client sent %s that cannot be read", f"a {method:.100}" if method else "an answer")
        if method is None:
            if msg_id is not None and (waiting := self._request_futures.pop(msg_id, None)):
                waiting.cancel()
        elif msg_id is not None:
            self._refuse(msg_id, JsonRpcInvalidParams(f"The parameters of {method} cannot be read"))
        elif (changed := _CHANGED.get(method)) and self.on_lost_change is not None:
            params = message.get("params")
            document = params.get(changed) if isinstance(params, dict) else None
            if isinstance(document, dict):
                self.on_lost_change(str(document.get("uri")))

    def _execute_handler(self, msg_id: str | int, *args: Any, **kwargs: Any) -> None:
        """pygls forgets what ran for a request once that is answered, and never what ran for a notification."""
        super()._execute_handler(msg_id, *args, **kwargs)
        if (ran := self._request_futures.get(msg_id)) is not None:
            ran.add_done_callback(lambda _: self._request_futures.pop(msg_id, None))

    def _handle_cancel_notification(self, msg_id: str | int) -> None:
        """Says nothing when the answer is under way already; pygls logs a warning each time."""
        if isinstance(msg_id, str | int) and msg_id in self._request_futures:
            super()._handle_cancel_notification(msg_id)

    def _send_handler_result(self, future: Any, *, msg_id: str | int) -> None:
        """Send one answer. An error becomes one sentence; its traceback goes to the log and nowhere else."""
        self._request_futures.pop(msg_id, None)
        if future.cancelled():
            self._refuse(msg_id, JsonRpcRequestCancelled("The request was cancelled"))
        elif (error := future.exception()) is None:
            self._send_response(msg_id, result=future.result())
        elif isinstance(error, JsonRpcException):
            self._refuse(msg_id, error)
        else:
            log.error("a request failed", exc_info=error)
            self._refuse(msg_id, JsonRpcInternalError("redraft failed on this request; its log says more"))

    def _refuse(self, msg_id: str | int | None, error: JsonRpcException) -> None:
        log.info("refused message %r: %s", msg_id, error.message)
        # Not through pygls' types: they leave out an id that is null, which JSON-RPC wants to see.
        self._send_data({"jsonrpc": "2.0", "id": msg_id, "error": {"code": error.code, "message": error.message}})


def _has_valid_id(message: dict[str, Any]) -> bool:
    return (
        "id" not in message
        or (isinstance(message["id"], str | int) and not isinstance(message["id"], bool))
        or (message["id"] is None and "method" not in message)
    )
