"""Which documents are the cells of one notebook, and in which order (LSP 3.18, "Notebook Document Synchronization")."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import unquote

from lsprotocol import types

SYNC = types.NotebookDocumentSyncOptions([types.NotebookDocumentFilterWithNotebook(notebook="*")])
"""All cells of all notebooks; without it clients open them as documents of their own, in no order."""


class Notebooks:
    """The open notebooks of one connection, each the URIs of its cells as they were sent."""

    def __init__(self) -> None:
        self._cells: dict[str, list[str]] = {}

    def open(self, uri: str, cells: Sequence[types.NotebookCell]) -> None:
        """notebookDocument/didOpen."""
        self._cells[unquote(uri)] = [cell.document for cell in cells]

    def change(self, uri: str, array: types.NotebookCellArrayChange) -> None:
        """Some cells gave way to others."""
        cells = self._cells.setdefault(unquote(uri), [])
        cells[array.start : array.start + array.delete_count] = [cell.document for cell in array.cells or ()]

    def close(self, uri: str) -> None:
        """notebookDocument/didClose."""
        self._cells.pop(unquote(uri), None)

    def cells(self, uri: str) -> tuple[str, ...]:
        """The cells of a notebook, in order; none of what is no notebook."""
        return tuple(self._cells.get(unquote(uri), ()))

    def around(self, cell: str) -> tuple[list[str], list[str]]:
        """The cells before and after one; none where it is no cell."""
        for cells in self._cells.values():
            at = next((at for at, one in enumerate(cells) if unquote(one) == unquote(cell)), None)
            if at is not None:
                return cells[:at], cells[at + 1 :]
        return [], []
