"""A file reduced to its signatures: classes, functions with their bodies left out, types and constants."""

from __future__ import annotations

import textwrap

import tree_sitter

from infill.document import Snapshot
from infill.languages import Language, language
from infill.lines import indent, lf
from infill.syntax import Syntax

_LONGEST = 12
"""Lines of a type or constant that are shown whole."""
_FARTHEST = 100_000
"""Code points that are read of a file."""
_WIDEST = 160
"""Code points of a line that are shown."""


def outline(snapshot: Snapshot) -> str:
    """The signatures of a file, in their order and indentation; empty for plain text. Of a very long file, those of its
    beginning."""
    row = language(snapshot.language)
    syntax = Syntax.of(row, snapshot.text, 0, min(len(snapshot.text), _FARTHEST))
    return _Outline(snapshot, row, syntax).text() if syntax else ""


class _Outline:
    """One walk over what the language's query captures. Nothing within a function is shown."""

    def __init__(self, snapshot: Snapshot, row: Language, syntax: Syntax) -> None:
        self._snapshot, self._row, self._syntax = snapshot, row, syntax
        self._lines: list[str] = []
        self._open: list[tuple[int, str]] = []
        self._hidden = 0

    def text(self) -> str:
        for name, node in self._syntax.captures():
            start, end = self._syntax.range_of(node)
            if start < self._hidden or name not in ("signature", "container", "whole"):
                continue
            self._close(start)
            indent = self._indent(start)
            if name == "whole" or (name == "signature" and _body(node) is None):
                self._add(indent, self._shortened(self._syntax.text_of(node)))
                self._hidden = end
            elif name == "signature":
                self._add(indent, self._head(node) + (" ..." if self._row.block == "indent" else ";"))
                self._hidden = end
            else:
                self._add(indent, self._head(node) + (" {" if self._row.block == "braces" else ""))
                self._open.append((end, indent))
        self._close(len(self._snapshot.text) + 1)
        return "\n".join(self._lines)

    def _close(self, offset: int) -> None:
        while self._open and self._open[-1][0] <= offset:
            _, indent = self._open.pop()
            if self._row.block == "braces":
                self._lines.append(indent + "}")

    def _add(self, indent: str, text: str) -> None:
        self._lines.extend(f"{indent}{line}"[:_WIDEST] if line else "" for line in text.split("\n"))

    def _head(self, node: tree_sitter.Node) -> str:
        """A definition up to its body, on one line."""
        start = self._syntax.range_of(node)[0]
        body = _body(node)
        end = self._syntax.range_of(body)[0] if body else self._syntax.range_of(node)[1]
        head = self._snapshot.text[start:end]
        remark = self._row.line_comment
        return " ".join(" ".join(line.split(f" {remark}")[0] for line in head.splitlines()).split()).removesuffix(" =>")

    def _shortened(self, text: str) -> str:
        lines = lf(text).rstrip().split("\n")
        if len(lines) > _LONGEST:
            return lines[0] + " ..."
        return "\n".join([lines[0], *textwrap.dedent("\n".join(lines[1:])).split("\n")] if lines[1:] else lines)

    def _indent(self, offset: int) -> str:
        return indent(self._snapshot.text[self._snapshot.line_range(self._snapshot.line_of(offset))[0] : offset])


def _body(node: tree_sitter.Node) -> tree_sitter.Node | None:
    """The node's body, or that of the function it names."""
    body = node.child_by_field_name("body")
    if body is not None:
        return body
    for child in node.named_children:
        if child.type in ("variable_declarator", "arrow_function", "function_expression") and (found := _body(child)):
            return found
    return None
