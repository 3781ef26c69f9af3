"""didOpen, didChange, didClose -> the next `Snapshot`; the only copy of the client's text in this process."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING
from urllib.parse import unquote

from lsprotocol import types

from lsp_server import positions
from lsp_server.positions import Encoding

if TYPE_CHECKING:
    from infill.document import Change, Snapshot

log = logging.getLogger(__name__)

_CHANGES_KEPT = 1000


class Documents:
    """The open documents of one connection, in the order of their last edit.

    URIs may have any scheme; two spellings of one URI that differ in percent-encoding name the same document.
    """

    def __init__(self) -> None:
        self._open: dict[str, Snapshot] = {}
        self._changes: dict[str, deque[tuple[int, Change]]] = {}

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

        self._changes[unquote(item.uri)] = deque(maxlen=_CHANGES_KEPT)
        self._put(Snapshot.open(item.uri, item.version, item.language_id, item.text))

    def change(
        self, uri: str, version: int, changes: Sequence[types.TextDocumentContentChangeEvent], encoding: Encoding
    ) -> None:
        """didChange: each change counts positions in the result of the one before. Unknown documents are ignored."""
        snapshot = self.get(uri)
        if snapshot is None:
            log.warning("didChange for %s, which is not open", uri)
            return
        made = self._changes[unquote(uri)]
        for sent in changes:
            change = _read(snapshot, sent, encoding)
            snapshot = snapshot.edit([change], version)
            made.append((version, change))
        self._put(snapshot if changes else snapshot.edit([], version))

    def carried(self, uri: str, version: int, start: int, end: int) -> tuple[int, int] | None:
        """Where [start, end) of an older version stands now; None when its text has changed or that is not known."""
        snapshot, made = self.get(uri), self._changes.get(unquote(uri))
        if snapshot is None or made is None or version > snapshot.version or not 0 <= start <= end:
            return None
        since = [change for later, change in made if later > version]
        if len(since) == made.maxlen:
            return None
        for change in since:
            grown = len(change.text) - (change.end - change.start)
            if change.end < start or (change.end == start and change.text.endswith(("\n", "\r"))):
                start, end = start + grown, end + grown
            elif change.start < end or (change.start == end and not change.text.startswith(("\n", "\r"))):
                return None
        return (start, end) if end <= len(snapshot.text) else None

    def close(self, uri: str) -> None:
        """didClose, and the way out when a change could not be read."""
        self._open.pop(unquote(uri), None)
        self._changes.pop(unquote(uri), None)

    def _put(self, snapshot: Snapshot) -> None:
        name = unquote(snapshot.uri)
        self._open.pop(name, None)
        self._open[name] = snapshot


def _read(snapshot: Snapshot, sent: types.TextDocumentContentChangeEvent, encoding: Encoding) -> Change:
    from infill.document import Change

    start, end = 0, len(snapshot.text)
    if isinstance(sent, types.TextDocumentContentChangePartial):
        start, end = positions.to_span(snapshot, sent.range, encoding)
    return Change(start, end, sent.text).narrowed(snapshot.text)
