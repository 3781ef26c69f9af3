"""didOpen, didChange, didClose -> the next `Snapshot`; the only copy of the client's text in this process."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import TYPE_CHECKING
from urllib.parse import unquote

from lsprotocol import types

from lsp_server import positions
from lsp_server.notebooks import Notebooks
from lsp_server.positions import Encoding

if TYPE_CHECKING:
    from infill.document import Snapshot
    from infill.edits import Edit

log = logging.getLogger(__name__)

_CHANGES_KEPT = 1000
_MANY, _AROUND = 100, 200
"""A message with more changes than _MANY is applied in parts of the text. A part reaches _AROUND lines above and below
the first change in it."""
_NO_LINE = 2**31
"""Larger than the number of any line (LSP 3.18, `uinteger`)."""

Sent = types.TextDocumentContentChangeEvent


@dataclass(frozen=True, slots=True)
class _Moved:
    """What one change did to the text around it: [start, end) became `grown` code points longer, in this version.

    heads, tails: whether the new text begins, or ends, with a line end. The text itself is left out, because a thousand
    of these are kept.
    """

    version: int
    start: int
    end: int
    grown: int
    heads: bool
    tails: bool

    @classmethod
    def by(cls, change: Edit, version: int) -> _Moved:
        grown, ends = len(change.text) - (change.end - change.start), ("\n", "\r")
        return cls(version, change.start, change.end, grown, change.text.startswith(ends), change.text.endswith(ends))


class Documents:
    """The open documents of one connection, in the order of their last edit.

    URIs may have any scheme; two spellings of one URI that differ in percent-encoding name the same document.
    """

    def __init__(self) -> None:
        self.notebooks = Notebooks()
        self._open: dict[str, Snapshot] = {}
        self._moved: dict[str, deque[_Moved]] = {}

    def get(self, uri: str) -> Snapshot | None:
        """The newest snapshot, a cell's with what the other cells say; None when the document is not open."""
        name = unquote(uri)
        snapshot = self._open.get(name)
        above, below = self.notebooks.around(uri)
        if snapshot is not None and (above or below or snapshot.above or snapshot.below):
            from infill.context import in_cell

            open_ = ([one for cell in cells if (one := self._open.get(unquote(cell)))] for cells in (above, below))
            snapshot = self._open[name] = in_cell(snapshot, *open_)
        return snapshot

    def others(self, uri: str) -> list[Snapshot]:
        """Every other open document, most recently edited first; not the cells of the same notebook."""
        own = {unquote(uri), *map(unquote, chain(*self.notebooks.around(uri)))}
        return [snapshot for name, snapshot in reversed(self._open.items()) if name not in own]

    def open(self, item: types.TextDocumentItem) -> None:
        """didOpen."""
        from infill.document import Snapshot  # numpy and tree-sitter: not before `initialize` is answered

        self._moved[unquote(item.uri)] = deque(maxlen=_CHANGES_KEPT)
        self._put(Snapshot.open(item.uri, item.version, item.language_id, item.text))

    def change(self, uri: str, version: int, changes: Sequence[Sent], encoding: Encoding) -> list[Edit]:
        """didChange: each change counts positions in the result of the one before. Unknown documents are ignored.

        Returns the changes as they were made.
        """
        snapshot = self.get(uri)
        if snapshot is None:
            log.warning("didChange for %s, which is not open", uri)
            return []
        make = _make_in_parts if len(changes) > _MANY else _make
        snapshot, made = make(snapshot, version, changes, encoding)
        self._moved[unquote(uri)].extend(_Moved.by(change, version) for change in made)
        self._put(snapshot)
        return made

    def carried(self, uri: str, version: int, start: int, end: int) -> tuple[int, int] | None:
        """Where [start, end) of an older version stands now; None when its text has changed, or when that is not known
        any more."""
        snapshot, moved = self.get(uri), self._moved.get(unquote(uri))
        if snapshot is None or moved is None or version > snapshot.version or not 0 <= start <= end:
            return None
        since = [one for one in moved if one.version > version]
        if len(since) == moved.maxlen:
            return None
        for one in since:
            if one.end < start or (one.end == start and one.tails):
                start, end = start + one.grown, end + one.grown
            elif one.start < end or (one.start == end and not one.heads):
                return None
        return (start, end) if end <= len(snapshot.text) else None

    def close(self, uri: str) -> None:
        """didClose; also called when a change could not be read."""
        self._open.pop(unquote(uri), None)
        self._moved.pop(unquote(uri), None)

    def _put(self, snapshot: Snapshot) -> None:
        name = unquote(snapshot.uri)
        self._open.pop(name, None)
        self._open[name] = snapshot


def _make(snapshot: Snapshot, version: int, changes: Iterable[Sent], encoding: Encoding) -> tuple[Snapshot, list[Edit]]:
    """The next snapshot, and the changes as they were made."""
    made: list[Edit] = []
    for sent in changes:
        made.append(_read(snapshot, sent, encoding))
        snapshot = snapshot.edit(made[-1:], version)
    return (snapshot if made else snapshot.edit([], version)), made


def _make_in_parts(
    snapshot: Snapshot, version: int, changes: Iterable[Sent], encoding: Encoding
) -> tuple[Snapshot, list[Edit]]:
    """The same for many changes, such as replacing a word throughout a long file. Making a change copies the whole
    text, so changes that are near each other are made in a part of it, some lines that are a text of their own
    meanwhile."""
    made: list[Edit] = []
    left = deque(changes)
    while left:
        touched = _touched(left[0])
        first = max(0, min(touched.start, snapshot.line_count - 1) - _AROUND)
        last = min(touched.stop + _AROUND, snapshot.line_count)
        start, part = int(snapshot.line_starts[first]), snapshot.part(first, last)
        while left and _lies_in(part, first, last == snapshot.line_count, _touched(left[0])):
            change = _read(part, _raised(left.popleft(), first), encoding)
            part = part.edit([change], version)
            made.append(replace(change, start=start + change.start, end=start + change.end))
        snapshot = snapshot.rejoined(first, last, part)
    return snapshot, made


def _touched(sent: Sent) -> range:
    """The lines that a change touches."""
    if not isinstance(sent, types.TextDocumentContentChangePartial):
        return range(_NO_LINE)
    lines = sent.range.start.line, sent.range.end.line
    return range(min(lines), max(lines) + 1)


def _lies_in(part: Snapshot, first: int, is_last: bool, touched: range) -> bool:
    """Whether a change leaves both ends of a part untouched. The part begins at a line; is_last: it ends with the
    document."""
    behind = first + part.line_count - 1  # the line that the last line ending of the part begins
    return (touched.start > first or first == 0) and (touched.stop <= behind or is_last)


def _raised(sent: Sent, lines: int) -> Sent:
    """The same change with line numbers as of a text that begins so many lines later."""
    if not isinstance(sent, types.TextDocumentContentChangePartial):
        return sent
    start, end = (types.Position(at.line - lines, at.character) for at in (sent.range.start, sent.range.end))
    return types.TextDocumentContentChangePartial(types.Range(start, end), sent.text)


def _read(snapshot: Snapshot, sent: Sent, encoding: Encoding) -> Edit:
    from infill.edits import Edit

    start, end = 0, len(snapshot.text)
    if isinstance(sent, types.TextDocumentContentChangePartial):
        start, end = positions.to_span(snapshot, sent.range, encoding)
    return Edit(start, end, sent.text).narrowed(snapshot.text)
