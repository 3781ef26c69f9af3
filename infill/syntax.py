"""Syntax trees over a window of a document; the only home of UTF-8 byte offsets (tree-sitter's).

A file of usual size is one window. Tree-sitter's incremental parsing walks every top-level node, so in a long file it
would cost more the longer the file; a window keeps the cost of a keystroke flat.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice

import numpy as np
import tree_sitter
from numpy.typing import NDArray

from infill.languages import Language, grammar, query

WHOLE = 32_000
"""Code points up to which the window is the whole document."""
WINDOW = 16_000
"""Code points of the window of a longer document."""
MARGIN = 4_000
"""Code points between what is asked about and the window's end at least; a window begins within as many lines."""
HEAP = 5_000
"""Parts of one syntax error above which a text is no code."""
MANY = 64
"""Syntax errors above which nobody needs their number."""
_SURROGATE = re.compile("[\ud800-\udfff]")
_OPENING = re.compile(r"[ \t]*(?=[^\s)}\]>#*/])")


@dataclass(frozen=True, eq=False)
class Syntax:
    """The tree of one window. Every offset that goes in or out is one of the document.

    start: where the window begins. text: what it holds. tree: its syntax tree, which describes `text` only when
    `parsed`.
    """

    language: Language
    start: int
    text: str
    tree: tree_sitter.Tree
    parsed: bool = True

    @classmethod
    def around(cls, row: Language, document: str, offset: int) -> Syntax | None:
        """The window around an offset, parsed from scratch; None for plain text."""
        return cls.of(row, document, *_window(document, offset))

    @classmethod
    def of(cls, row: Language, document: str, start: int, end: int) -> Syntax | None:
        """The window [start, end) of a document, parsed from scratch; None for plain text."""
        loaded = grammar(row)
        if loaded is None:
            return None
        text = document[start:end]
        return cls(row, start, text, tree_sitter.Parser(loaded).parse(_utf8(text)))

    def covers(self, offset: int, length: int) -> bool:
        """Whether an offset of a document of that length stands well inside the window."""
        end = self.start + len(self.text)
        if length <= WHOLE:
            return self.start == 0 and end == length
        before, after = self.start == 0 or offset >= self.start + MARGIN, end == length or offset <= end - MARGIN
        return before and after and len(self.text) <= 2 * WINDOW

    def edited(self, start: int, end: int, new: str) -> Syntax | None:
        """The window after [start, end) became `new`, its tree not parsed yet; None when the edit leaves the window."""
        if end < self.start:
            return Syntax(self.language, self.start + len(new) - (end - start), self.text, self.tree, self.parsed)
        if start > self.start + len(self.text):
            return self
        first, last = start - self.start, end - self.start
        if first < 0 or last > len(self.text):
            return None
        after = Syntax(self.language, self.start, self.text[:first] + new + self.text[last:], self.tree.copy(), False)
        after.tree.edit(
            self._bytes.before(first), self._bytes.before(last), after._bytes.before(first + len(new)),
            self._point(first), self._point(last), after._point(first + len(new)),
        )  # fmt: skip
        return after

    def reparsed(self) -> Syntax:
        """The window with its tree brought up to date."""
        loaded = grammar(self.language)
        if self.parsed or loaded is None:
            return self
        tree = tree_sitter.Parser(loaded).parse(_utf8(self.text), self.tree)
        return replace(self, tree=tree, parsed=True)

    # ---- questions

    def node_at(self, offset: int) -> tree_sitter.Node:
        """The smallest node around an offset."""
        at = self._bytes.before(offset - self.start)
        return self.tree.root_node.descendant_for_byte_range(at, at) or self.tree.root_node

    def node_of(self, start: int, end: int) -> tree_sitter.Node:
        """The smallest node that holds [start, end)."""
        first, last = (self._bytes.before(at - self.start) for at in (start, end))
        return self.tree.root_node.descendant_for_byte_range(first, last) or self.tree.root_node

    def nodes_around(self, offset: int) -> Iterator[tree_sitter.Node]:
        """The nodes around an offset, the smallest first."""
        node: tree_sitter.Node | None = self.node_at(offset)
        while node is not None:
            yield node
            node = node.parent

    def range_of(self, node: tree_sitter.Node) -> tuple[int, int]:
        """[start, end) of a node in the document."""
        return self.start + self._bytes.offset(node.start_byte), self.start + self._bytes.offset(node.end_byte)

    def text_of(self, node: tree_sitter.Node) -> str:
        """A node's text."""
        return self.text[self._bytes.offset(node.start_byte) : self._bytes.offset(node.end_byte)]

    @cached_property
    def is_heap(self) -> bool:
        """Whether the text is a heap of marks: a query takes the square of an error's parts, half a minute for 100,000
        brackets."""
        return any(node.child_count > HEAP for node in self.broken(self.start, self.start + len(self.text)))

    def captures(self) -> list[tuple[str, tree_sitter.Node]]:
        """What the language's query captures, as (capture name, node) in the order of the text, outer nodes first;
        nothing of a heap of marks."""
        return [] if self.is_heap else _captures(self.language, self.tree.root_node, None)

    def captures_at(self, offset: int) -> list[tuple[str, tree_sitter.Node]]:
        """What the query captures of the nodes around the character before an offset, outer nodes first."""
        at = self._bytes.before(offset - self.start) - 1
        cursor, found = self.tree.walk(), []
        while (
            at >= 0
            and cursor.goto_first_child_for_byte(at) is not None
            and (node := cursor.node)
            and node.start_byte <= at
        ):
            # Patterns that begin at this node only: one run over the tree would visit every child of the root.
            found.extend(_captures(self.language, node, 0))
        return found

    def errors(self, start: int, end: int) -> int:
        """Number of ERROR and MISSING nodes that touch [start, end]; of more than MANY, as many."""
        return sum(1 for _ in islice(self.broken(start, end), MANY))

    def broken(self, start: int, end: int) -> Iterator[tree_sitter.Node]:
        """ERROR and MISSING nodes that touch [start, end], outer ones first."""
        nodes = self.touching(start, end, lambda node: node.has_error)
        return (node for node in nodes if node.is_error or node.is_missing)

    def hollow(self, start: int, end: int) -> list[int]:
        """Where in [start, end] heads without a body end, in languages whose blocks are made by depth alone: to the
        grammar a block of nothing is no error."""
        touching = (node for node in self.touching(start, end) if node.type == "block")
        return [self.range_of(node)[0] for node in touching if node.start_byte == node.end_byte]

    def touching(
        self, start: int, end: int, enter: Callable[[tree_sitter.Node], bool] = lambda node: True
    ) -> Iterator[tree_sitter.Node]:
        """The nodes that touch [start, end], outer ones first. enter: which of them are looked into."""
        first, last = (self._bytes.before(min(max(at - self.start, 0), len(self.text))) for at in (start, end))
        waiting = [self.tree.root_node]
        while waiting:
            node = waiting.pop()
            yield node
            if enter(node):
                # Not goto_first_child_for_byte: it finds nothing where the white space before an ERROR is meant.
                waiting.extend(child for child in node.children if child.start_byte <= last and child.end_byte >= first)

    # ---- bytes

    @cached_property
    def _bytes(self) -> Bytes:
        return Bytes(self.text)

    def _point(self, offset: int) -> tree_sitter.Point:
        """Tree-sitter's row and column: rows end with LF only, columns are bytes."""
        line = self.text.rfind("\n", 0, offset) + 1
        return tree_sitter.Point(
            self.text.count("\n", 0, offset), self._bytes.before(offset) - self._bytes.before(line)
        )


class Bytes:
    """Code point offsets of a text to UTF-8 bytes and back; free for ASCII."""

    def __init__(self, text: str) -> None:
        self._where: NDArray[np.int64] | None = None
        if not text.isascii():
            points = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4")
            self._where = np.flatnonzero(points >= 0x80)
            wide = points[self._where]
            # Bytes beyond one a code point, up to and with each of the wide ones.
            self._extra = np.cumsum(1 + (wide >= 0x800) + (wide >= 0x10000), dtype=np.int64)

    def before(self, offset: int) -> int:
        """Bytes before an offset."""
        if self._where is None:
            return offset
        wide = int(np.searchsorted(self._where, offset))
        return offset + (int(self._extra[wide - 1]) if wide else 0)

    def offset(self, byte: int) -> int:
        """Code points before a byte; a byte inside a code point counts as that code point's first."""
        if self._where is None:
            return byte
        wide = int(np.searchsorted(self._where + 1 + self._extra, byte, side="right"))
        offset = byte - (int(self._extra[wide - 1]) if wide else 0)
        return min(offset, int(self._where[wide])) if wide < len(self._where) else offset


def _captures(row: Language, node: tree_sitter.Node, depth: int | None) -> list[tuple[str, tree_sitter.Node]]:
    compiled = query(row)
    if compiled is None:
        return []
    cursor = tree_sitter.QueryCursor(compiled)
    if depth is not None:
        cursor.set_max_start_depth(depth)
    found = cursor.captures(node).items()
    pairs = [(name, one) for name, nodes in found for one in nodes if not name.startswith("_")]
    return sorted(pairs, key=lambda pair: (pair[1].start_byte, -pair[1].end_byte))


def _utf8(text: str) -> bytes:
    """What tree-sitter reads. A client may send half a surrogate pair while the other half is still being typed; as
    bytes that are no UTF-8 it can keep a grammar's scanner busy for ever. U+FFFD has as many bytes."""
    return _SURROGATE.sub("\ufffd", text).encode()


def _window(document: str, offset: int) -> tuple[int, int]:
    """[start, end) of the window around an offset; it begins with the least indented line thereabouts."""
    if len(document) <= WHOLE:
        return 0, len(document)
    end = min(len(document), max(offset + WINDOW // 2, WINDOW))
    target = max(0, end - WINDOW)
    if target == 0:
        return 0, end
    starts, line = [], document.find("\n", max(0, target - MARGIN)) + 1
    while 0 < line <= target:
        if opening := _OPENING.match(document, line):
            starts.append((opening.end() - line, -line))
        line = document.find("\n", line) + 1
    return (-min(starts)[1] if starts else target), end
