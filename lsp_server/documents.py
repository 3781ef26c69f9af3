"""didOpen, didChange, didClose -> the next `Snapshot`; the only copy of the client's text in this process."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING
from urllib.parse import unquote

from lsprotocol import types

from lsp_server import positions
from lsp_server.positions import Encoding

if TYPE_CHECKING:
    from infill.document import Snapshot

log = logging.getLogger(__name__)


class Documents:
    """The open documents of one connection, in the order of their last edit.

    URIs may have any scheme; two spellings of one URI that differ in percent-encoding name the same document.
    """

    def __init__(self) -> None:
        self._open: dict[str, Snapshot] = {}

    def get(self, uri: str) -> Snapshot | None:
        """The newest snapshot, or None when the document is not open."""
        return self._open.get(unquote(uri))

    def others(self, uri: str) -> list[Snapshot]:
        """Every other open document, most recently edited first."""
        own = unquote(uri)
        return [snapshot for name, snapshot in reversed(self._open.items()) if name != own]

    def open(self, item: types.TextDocumentItem) -> None:
        """didOpen."""
        from infill.document import Snapshot  # numpy and tree-sitter: not before `initialize` is answered

        self._put(Snapshot.open(item.uri, item.version, item.language_id, item.text))

    def change(
        self, uri: str, version: int, changes: Sequence[types.TextDocumentContentChangeEvent], encoding: Encoding
    ) -> None:
        """didChange: each change counts positions in the result of the one before. Unknown documents are ignored."""
        from infill.document import Change

        snapshot = self.get(uri)
        if snapshot is None:
            log.warning("didChange for %s, which is not open", uri)
            return
        for change in changes:
            start, end = 0, len(snapshot.text)
            if isinstance(change, types.TextDocumentContentChangePartial):
                start, end = positions.to_span(snapshot, change.range, encoding)
            snapshot = snapshot.edit([Change(start, end, change.text)], version)
        self._put(snapshot if changes else snapshot.edit([], version))

    def close(self, uri: str) -> None:
        """didClose, and the way out when a change could not be read: better no document than a wrong one."""
        self._open.pop(unquote(uri), None)

    def _put(self, snapshot: Snapshot) -> None:
        name = unquote(snapshot.uri)
        self._open.pop(name, None)
        self._open[name] = snapshot
