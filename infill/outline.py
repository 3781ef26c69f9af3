"""A file reduced to its signatures: classes, functions with their bodies left out, types and constants."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from dataclasses import dataclass, field

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
_PARTS = ("name", "declarator", "left", "definition", "declaration", "type", "value")
"""What grammars call the part of a node that says its name, the surest first; a value is that of a pattern."""
_OTHERS = ("attribute", "call", "comment", "member_expression", "subscript", "subscript_expression")
"""Kinds of nodes whose names are those of something else."""
_LOOKED_AT = 400
"""Nodes that names are looked for in: nobody calls so many names at once, and texts may be as deep as they like."""
_SPACES = ("namespace_definition", "mod_item")
"""Kinds of nodes that are only names around other definitions."""


@dataclass(frozen=True, slots=True)
class Signature:
    """What a file defines at its outermost level, with the signatures of its members.

    names: what it is called; of a namespace, what it holds, too.
    """

    names: frozenset[str]
    text: str


@dataclass(slots=True)
class _Part:
    """A signature that is being put together. announces: what was read are decorators of what comes."""

    names: set[str] = field(default_factory=set)
    lines: list[str] = field(default_factory=list)
    announces: bool = False


def outline(snapshot: Snapshot) -> tuple[Signature, ...]:
    """The signatures of a file, in their order and indentation; none of plain text. Of a very long file, those of its
    beginning."""
    row = language(snapshot.language)
    syntax = Syntax.of(row, snapshot.text, 0, min(len(snapshot.text), _FARTHEST))
    return _Outline(snapshot, row, syntax).signatures() if syntax else ()


class _Outline:
    """One walk over what the language's query captures. Nothing within a function is shown."""

    def __init__(self, snapshot: Snapshot, row: Language, syntax: Syntax) -> None:
        self._snapshot, self._row, self._syntax = snapshot, row, syntax
        self._parts: list[_Part] = []
        self._open: list[tuple[int, str, str]] = []
        self._hidden = 0

    def signatures(self) -> tuple[Signature, ...]:
        for kind, node in self._syntax.captures():
            start, end = self._syntax.range_of(node)
            if start < self._hidden or kind not in ("signature", "container", "whole"):
                continue
            self._close(start)
            self._begin(node)
            indent = self._indent(start)
            if kind == "whole" or (kind == "signature" and _body(node) is None):
                self._add(indent, self._shortened(self._syntax.text_of(node)))
                self._hidden = end
            elif kind == "signature":
                self._add(indent, self._head(node) + (" ..." if self._row.block == "indent" else ";"))
                self._hidden = end
            else:
                self._add(indent, self._head(node) + (" {" if self._row.block == "braces" else ""))
                self._open.append((end, indent, node.type))
        self._close(len(self._snapshot.text) + 1)
        return tuple(Signature(frozenset(part.names), "\n".join(part.lines)) for part in self._parts)

    def _begin(self, node: tree_sitter.Node) -> None:
        """Whether a node is of the last part or the first of another one, and what that is called."""
        if not self._open and not (self._parts and self._parts[-1].announces):
            self._parts.append(_Part())
        self._parts[-1].announces = node.type == "decorator"
        if node.type != "decorator" and all(kind in _SPACES for _, _, kind in self._open):
            self._parts[-1].names.update(map(self._syntax.text_of, _names(node)))

    def _close(self, offset: int) -> None:
        while self._open and self._open[-1][0] <= offset:
            _, indent, _ = self._open.pop()
            self._parts[-1].announces = False
            if self._row.block == "braces":
                self._parts[-1].lines.append(indent + "}")

    def _add(self, indent: str, text: str) -> None:
        self._parts[-1].lines.extend(f"{indent}{line}"[:_WIDEST] if line else "" for line in text.split("\n"))

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


def _names(definition: tree_sitter.Node) -> Iterator[tree_sitter.Node]:
    """What a definition defines, within it, by the names that grammars give to their parts."""
    nodes = [definition]
    for _ in range(_LOOKED_AT):
        if not nodes:
            return
        node = nodes.pop()
        parts = (node.children_by_field_name(part) for part in _PARTS)
        inner = next((found for found in parts if found), node.named_children)
        if node.type in ("enum_specifier", "enumerator_list"):
            inner = node.named_children
        if not inner:
            yield node
        elif node.type not in _OTHERS:
            nodes += reversed(inner)


def _body(node: tree_sitter.Node) -> tree_sitter.Node | None:
    """The node's body, or that of the function it names."""
    body = node.child_by_field_name("body")
    if body is not None:
        return body
    for child in node.named_children:
        if child.type in ("variable_declarator", "arrow_function", "function_expression") and (found := _body(child)):
            return found
    return None
