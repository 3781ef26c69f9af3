"""The table: method -> feature -> options; and what the connection's own notifications do to its session."""

from __future__ import annotations

import functools
import logging
from collections.abc import Mapping, Sequence
from typing import Any, BinaryIO

import psutil
from lsprotocol import types
from pygls.capabilities import ServerCapabilitiesBuilder
from pygls.lsp.server import LanguageServer

from lsp_server import notebooks, process, progress, settings, transport, version
from lsp_server.capabilities import Capabilities
from lsp_server.converter import converter
from lsp_server.documents import Sent
from lsp_server.features import code_action, completion, fill, inline_completion, inline_edit, last_trace
from lsp_server.model import Load
from lsp_server.protocol import Protocol
from lsp_server.session import Session
from lsp_server.stats import Record

log = logging.getLogger(__name__)

REQUESTS: tuple[tuple[str, Any, Any], ...] = (
    (
        types.TEXT_DOCUMENT_INLINE_COMPLETION,
        inline_completion.inline_completion,
        types.InlineCompletionOptions(work_done_progress=False),
    ),
    (types.TEXT_DOCUMENT_CODE_ACTION, code_action.code_action, code_action.OPTIONS),
    (types.CODE_ACTION_RESOLVE, code_action.resolve, None),
    (fill.METHOD, fill.fill, None),
    (inline_edit.METHOD, inline_edit.inline_edit, None),
    (last_trace.METHOD, last_trace.last_trace, None),
)
"""What every client is offered; `textDocument/completion` is for those without ghost text."""


class RedraftServer(LanguageServer):
    """pygls' server with one session, over our own transport. Serving ends with `exit_code` set."""

    protocol: Protocol
    session: Session

    def start_io(self, stdin: BinaryIO | None = None, stdout: BinaryIO | None = None) -> None:
        """Serve one client on the process' stdin and stdout, or on the given streams, until it is done."""
        try:
            transport.serve(self.protocol, stdin, stdout)
        finally:
            self.session.close()

    def start_tcp(self, host: str, port: int) -> None:
        """Serve the first client that connects. Raises OSError when the address cannot be listened on."""
        try:
            transport.serve_tcp(self.protocol, host, port)
        finally:
            self.session.close()

    def report_server_error(self, error: Exception, source: Any) -> None:
        """To the log; what the user can do something about is said where it happens."""
        log.error("%s: %s", getattr(source, "__name__", source), error)

    @property
    def exit_code(self) -> int:
        """What the process should return: 1 when the client left by `exit` without `shutdown`, else 0."""
        return self.protocol.exit_code or 0


def build(load: Load, *, pinned: Mapping[str, Any] | None = None, record: Record | None = None) -> RedraftServer:
    """A server for one connection.

    load: makes the completer from the settings, in a thread of its own; what its exceptions say is shown to the user.
    pinned: settings by wire name that the command line fixes. Raises ValueError when one of them is not valid. record:
    where counts of what became of proposals are kept, if anywhere.
    """
    server = RedraftServer(
        "redraft",
        version(),
        text_document_sync_kind=types.TextDocumentSyncKind.Incremental,
        notebook_document_sync=notebooks.SYNC,
        protocol_cls=Protocol,
        converter_factory=converter,
    )
    session = server.session = Session(server, load, pinned or {}, record)
    server.protocol.on_lost_change = session.lose
    for method, handler, options in REQUESTS:
        server.feature(method, options)(functools.partial(handler, session))
    for method, handler in NOTIFICATIONS:
        server.feature(method)(functools.partial(handler, session))

    @server.command(code_action.FIX)
    async def fix(*arguments: Any) -> None:
        await code_action.fix(session, arguments)

    @server.command(inline_completion.ACCEPTED)
    async def accepted(*arguments: Any) -> None:
        session.accepted(str(arguments[0]) if arguments else "")

    return server


# ---- notifications


def _initialize(session: Session, params: types.InitializeParams) -> None:
    able = Capabilities.of(params)
    if not able.inline_completion:
        menu = functools.partial(completion.completion, session)
        session.client.feature(types.TEXT_DOCUMENT_COMPLETION, completion.OPTIONS)(menu)
    encoding: Any = ServerCapabilitiesBuilder.choose_position_encoding(params.capabilities)
    session.start(able, getattr(encoding, "value", encoding), params.initialization_options)
    if params.process_id is not None and (editor := process.ancestor(params.process_id)) is not None:
        session.work.in_background(_leave_with(session, editor))


async def _leave_with(session: Session, editor: psutil.Process) -> None:
    """End the connection when the editor is gone. A killed editor does not close a pipe that another process holds
    open, too."""
    await process.end_of(editor)
    log.info("the editor is gone")
    if session.client.protocol.hang_up is not None:
        session.client.protocol.hang_up()


def _initialized(session: Session, params: types.InitializedParams) -> None:
    session.status.repeat()
    session.configure({})
    session.work.in_background(_show_loading(session))
    if session.capabilities.register_configuration:
        wish = types.Registration(
            "redraft-configuration",
            types.WORKSPACE_DID_CHANGE_CONFIGURATION,
            types.DidChangeConfigurationRegistrationOptions(section=settings.SECTION),
        )
        session.work.in_background(session.client.client_register_capability_async(types.RegistrationParams([wish])))
    if session.capabilities.pull_configuration:
        session.work.in_background(_pull(session))


async def _show_loading(session: Session) -> None:
    await session.model.begun.wait()
    if not session.model.ended.is_set():
        with progress.shown(session, "redraft: loading the model"):
            await session.model.ended.wait()


def _did_change_configuration(session: Session, params: types.DidChangeConfigurationParams) -> None:
    pushed = settings.section(params.settings)
    if pushed is not None:
        session.pushed = True
        session.configure(pushed)
    elif session.capabilities.pull_configuration:
        session.work.in_background(_pull(session))


async def _pull(session: Session) -> None:
    wish = types.ConfigurationParams([types.ConfigurationItem(section=settings.SECTION)])
    try:
        answer = await session.client.workspace_configuration_async(wish)
    except Exception as error:
        log.warning("the client gave no configuration: %s", error)
        return
    if isinstance(answer, list | tuple) and answer:
        pulled = settings.section({settings.SECTION: answer[0]})
        # Who has sent us the bare object has nothing under our name: that takes nothing back.
        if pulled is not None or not session.pushed:
            session.configure(pulled or {})


def _did_open(session: Session, params: types.DidOpenTextDocumentParams) -> None:
    _open(session, params.text_document)


def _did_change(session: Session, params: types.DidChangeTextDocumentParams) -> None:
    _change(session, params.text_document, params.content_changes)


def _did_close(session: Session, params: types.DidCloseTextDocumentParams) -> None:
    session.forget(params.text_document.uri)


def _did_open_notebook(session: Session, params: types.DidOpenNotebookDocumentParams) -> None:
    session.documents.notebooks.open(params.notebook_document.uri, params.notebook_document.cells)
    for item in params.cell_text_documents:
        _open(session, item)


def _did_change_notebook(session: Session, params: types.DidChangeNotebookDocumentParams) -> None:
    cells = params.change.cells or types.NotebookDocumentCellChanges()
    if structure := cells.structure:
        for closed in structure.did_close or ():
            session.forget(closed.uri)
        for opened in structure.did_open or ():
            _open(session, opened)
        session.documents.notebooks.change(params.notebook_document.uri, structure.array)
    for changed in cells.text_content or ():
        _change(session, changed.document, changed.changes)


def _did_close_notebook(session: Session, params: types.DidCloseNotebookDocumentParams) -> None:
    session.documents.notebooks.close(params.notebook_document.uri)
    for closed in params.cell_text_documents:
        session.forget(closed.uri)


def _open(session: Session, item: types.TextDocumentItem) -> None:
    session.forget(item.uri)  # where it is opened anew without having been closed
    session.documents.open(item)


def _change(session: Session, document: types.VersionedTextDocumentIdentifier, sent: Sequence[Sent]) -> None:
    try:
        changes = session.documents.change(document.uri, document.version, sent, session.encoding)
    except Exception:
        log.exception("a change to %s could not be followed", document.uri)
        session.lose(document.uri)
        changes = []
    session.changed(document.uri, changes)


def _shutdown(session: Session, params: None) -> None:
    session.close()


NOTIFICATIONS: tuple[tuple[str, Any], ...] = (
    (types.INITIALIZE, _initialize),
    (types.INITIALIZED, _initialized),
    (types.SHUTDOWN, _shutdown),
    (types.WORKSPACE_DID_CHANGE_CONFIGURATION, _did_change_configuration),
    (types.TEXT_DOCUMENT_DID_OPEN, _did_open),
    (types.TEXT_DOCUMENT_DID_CHANGE, _did_change),
    (types.TEXT_DOCUMENT_DID_CLOSE, _did_close),
    (types.NOTEBOOK_DOCUMENT_DID_OPEN, _did_open_notebook),
    (types.NOTEBOOK_DOCUMENT_DID_CHANGE, _did_change_notebook),
    (types.NOTEBOOK_DOCUMENT_DID_CLOSE, _did_close_notebook),
)
"""The life of a connection and of its documents."""
