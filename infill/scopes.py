"""Who brings a name, and where it is seen: what a change of one name leaves behind.

Scopes and definitions are what `queries/names` captures (tree-sitter's convention for local variables). Types are not
known: of members only those of `self` and `this` are.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from operator import attrgetter

import tree_sitter

from infill.edits import Edit
from infill.languages import query
from infill.syntax import Syntax

_NAMES = ("identifier", "type_identifier", "shorthand_property_identifier", "shorthand_property_identifier_pattern",
          "shorthand_field_identifier")  # fmt: skip
"""Kinds of nodes, in all grammars, that a name may be."""
_SPELT = {
    "shorthand_property_identifier": "{old}: {new}",
    "shorthand_property_identifier_pattern": "{old}: {new}",
    "shorthand_field_initializer": "{old}: {new}",
    "export_specifier": "{new} as {old}",
}
"""What a use becomes that also says under which name something is known elsewhere, by the kind of its node or of the
one around it."""
_INNER = ("block", "statement", "clause", "body")
"""How the kinds of nodes within a function end that are no declaration."""
_SAID = (
    r"[@\\]param(?:\[\w+(?:,\w+)?\])?[ \t]+(?:\{[^\n]*?\}[ \t]+)?\[?(%s)\b"
    r"|:(?:param|type|arg|argument|key|keyword)[ \t]+(?:[^\n:]*[ \t])?(%s)[ \t]*:"
    r"|^[ \t]*\*{0,2}(%s)(?=(?:[ \t]+\([^\n)]*\))?[ \t]*:(?!:))"
)
"""How a function's documentation names a parameter: JSDoc, Javadoc and Doxygen; Sphinx; Google and NumPy."""
_ANEW = 100
"""Times that a name may be brought anew in its scope."""
_VALUED = ("let_declaration", "let_condition", "short_var_declaration")
"""What brings a name that its own value does not see."""


@dataclass(frozen=True, eq=False, slots=True)
class Scope:
    """Where names are seen. around: the next one outside, None of the root. is_class: has members. is_closed: its names
    are seen from within as members only."""

    node: tree_sitter.Node
    around: Scope | None
    is_class: bool
    is_closed: bool

    @property
    def outwards(self) -> Iterator[Scope]:
        """This one and those around it."""
        scope: Scope | None = self
        while scope is not None:
            yield scope
            scope = scope.around

    def is_head(self, node: tree_sitter.Node) -> bool:
        """Whether a node stands before its body, where parameters and the name of the whole do."""
        body = self.node.child_by_field_name("body")
        return body is not None and node.start_byte < body.start_byte


@dataclass(frozen=True, eq=False)
class Scopes:
    """The scopes of one syntax tree. Nodes are known by their ids; nothing asks for a node's parent more often than
    patterns are deep, because that costs as much as the node is deep, and a sum of a thousand names is.

    scopes: in the order of the text, outer ones first. brought: (scope, name) to what brings it, in the order of the
    text. scope_of: a definition to its scope. early: definitions that are seen before they stand. members: names that
    are not looked up here. own: those that are looked up in the class around them. foreign: names that are said to be
    of a scope farther out.
    """

    syntax: Syntax
    scopes: list[Scope] = field(default_factory=list)
    brought: dict[tuple[Scope, str], list[tree_sitter.Node]] = field(default_factory=lambda: defaultdict(list))
    scope_of: dict[int, Scope] = field(default_factory=dict)
    early: set[int] = field(default_factory=set)
    members: set[int] = field(default_factory=set)
    own: set[int] = field(default_factory=set)
    foreign: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, syntax: Syntax) -> Scopes | None:
        """The scopes of a tree; None where the language has none or the text is a heap of marks."""
        compiled = query(syntax.language, "names")
        if compiled is None or syntax.is_heap:
            return None
        found = cls(syntax)
        captures = tree_sitter.QueryCursor(compiled).captures(syntax.tree.root_node)

        def ids(*kinds: str) -> set[int]:
            return {node.id for kind in kinds for node in captures.get(kind, ())}

        found.early.update(ids("name", "hoisted", "field"))
        found.own.update(ids("own", "field"))
        found.members.update(ids("member") - found.own - ids("definition"))
        found.foreign.update(syntax.text_of(node) for node in captures.get("foreign", ()))
        found._open(captures)
        for kind in ("definition", "hoisted", "name", "field"):
            for node in captures.get(kind, ()):
                if _statement_of(node) != "assignment_expression" and (scope := found._scope(node, kind)) is not None:
                    found.scope_of[node.id] = scope
                    found.brought[scope, syntax.text_of(node)].append(node)
        for nodes in found.brought.values():
            nodes.sort(key=attrgetter("start_byte"))
        return found

    def brings(self, at: int, name: str) -> bool:
        """Whether a name that stands at an offset is brought there."""
        node = self._name_at(at, name)
        return node is not None and node.id in self.scope_of

    def left(self, at: int, old: str, new: str) -> list[Edit]:
        """What is still called `old` after what brings it came to be called `new`, at an offset, as edits in the order
        of the text; of a parameter, what its function's documentation says of it, too.

        None where `at` brings no name, something before it brings `old`, too, a use would mean something else by its
        new name, or syntax is broken.
        """
        bringer = self._name_at(at, new)
        scope = self.scope_of.get(bringer.id) if bringer is not None else None
        if bringer is None or scope is None or old in self.foreign or self._is_broken(scope):
            return []
        others = self.brought.get((scope, old), [])
        if len(others) > _ANEW or any(node.start_byte < bringer.start_byte for node in others):
            return []
        ends = {node.id: end for node in others if (end := self._end(bringer, scope, node, old)) is not None}
        end = min(ends.values(), default=scope.node.end_byte)
        names = (node for node in self._all(scope.node, old) if node.start_byte < end and node.id not in ends)
        uses = [node for node in names if self._sees(node, scope, old)]
        # Something between brings the new name: a use would come to mean that.
        if not all(self._sees(node, scope, new) for node in uses):
            return []
        edits = [*self._said(bringer, scope, old, new), *(self._edit(node, old, new) for node in uses)]
        return sorted(edits, key=attrgetter("start"))

    def _open(self, captures: dict[str, list[tree_sitter.Node]]) -> None:
        """Note the scopes, each with the one around it."""
        root = self.syntax.tree.root_node
        kinds = {node.id: kind for kind in ("scope", "class", "members") for node in captures.get(kind, ())}
        nodes = {node.id: node for kind in ("scope", "class", "members") for node in captures.get(kind, ())}
        self.scopes.append(Scope(root, None, False, False))
        around: Scope | None = self.scopes[0]
        for node in sorted(nodes.values(), key=lambda node: (node.start_byte, -node.end_byte)):
            while around is not None and around.around is not None and around.node.end_byte < node.end_byte:
                around = around.around
            kind = kinds[node.id]
            around = Scope(node, around, kind != "scope", kind == "members")
            self.scopes.append(around)

    def _around(self, node: tree_sitter.Node) -> Scope:
        """The innermost scope around a node."""
        last = bisect_right(self.scopes, node.start_byte, key=lambda scope: scope.node.start_byte) - 1
        around = self.scopes[max(last, 0)].outwards
        return next((scope for scope in around if scope.node.end_byte >= node.end_byte), self.scopes[0])

    def _scope(self, definition: tree_sitter.Node, kind: str) -> Scope | None:
        """Where a definition is seen: the name of a function around it, what is hoisted in all of the function, what is
        of `self` in the class."""
        scope = self._around(definition)
        if kind == "field":
            return _class(scope)
        if kind == "name" and scope.is_head(definition):
            return scope.around
        return next((one for one in scope.outwards if kind != "hoisted" or not one.node.type.endswith(_INNER)), None)

    def _is_broken(self, scope: Scope) -> bool:
        return self.syntax.errors(*self.syntax.range_of(scope.node)) > 0

    def _end(self, bringer: tree_sitter.Node, scope: Scope, again: tree_sitter.Node, name: str) -> int | None:
        """Where what `bringer` brings ends because the name is brought anew, or None where it goes on.

        A declaration ends it, and may use it. Without declarations it ends where the same lines bring something else,
        not of what it is, in another loop or by an assignment: in an inner block, that only may happen.
        """
        if scope.is_class:
            return None
        statement = _statement(again)
        if self.syntax.language.block != "indent":
            return again.start_byte if statement.type.endswith(_INNER) else statement.end_byte
        value = statement.child_by_field_name("right")
        if statement.type == "assignment":
            anew = value is not None and not any(self._all(value, name))
        else:
            anew = statement.type == _statement(bringer).type
        return again.start_byte if anew and _is_within(bringer, _block(statement)) else None

    def _name_at(self, start: int, name: str) -> tree_sitter.Node | None:
        """The name that stands at an offset, if it is this one and looked up here."""
        node = self.syntax.node_of(start, start + len(name))
        known = node.id in self.own or (node.type in _NAMES and node.id not in self.members)
        return node if known and self.syntax.text_of(node) == name else None

    def _all(self, around: tree_sitter.Node, name: str) -> Iterator[tree_sitter.Node]:
        """The nodes within one that are this name, in the order of the text."""
        start, end = self.syntax.range_of(around)
        text, first = self.syntax.text, self.syntax.start
        for match in re.compile(rf"\b{re.escape(name)}\b").finditer(text, start - first, end - first):
            if (node := self._name_at(first + match.start(), name)) is not None:
                yield node

    def _sees(self, node: tree_sitter.Node, scope: Scope, name: str) -> bool:
        """Whether a name in a scope is the one that is brought there, not by a scope between them."""
        if (here := self.scope_of.get(node.id)) is not None and (here, name) in self.brought:
            return here is scope
        inner = self._around(node)
        if node.id in self.own:
            return _class(inner) is scope
        seen = (one for one in inner.outwards if one is inner or not one.is_closed)
        return scope is next((one for one in seen if one is scope or self._hides(one, name, node)), None)

    def _hides(self, scope: Scope, name: str, node: tree_sitter.Node) -> bool:
        """Whether a name in a scope is one that this scope brings; most languages let it be seen from there on."""
        brought = self.brought.get((scope, name), [])
        if self.syntax.language.block == "indent" or any(one.id in self.early for one in brought):
            return bool(brought)
        return any(one.start_byte < node.start_byte and not _is_in_value(node, one) for one in brought)

    def _said(self, bringer: tree_sitter.Node, scope: Scope, old: str, new: str) -> Iterator[Edit]:
        """Where the documentation of a function names a parameter."""
        if not scope.is_head(bringer):
            return
        name = re.escape(old)
        for node in _documentation(scope.node):
            start, text = self.syntax.range_of(node)[0], self.syntax.text_of(node)
            for match in re.finditer(_SAID % (name, name, name), text, re.MULTILINE):
                at = match.start(match.lastindex or 0)
                yield Edit(start + at, start + at + len(old), new)

    def _edit(self, node: tree_sitter.Node, old: str, new: str) -> Edit:
        kinds = (node.type, node.parent.type if node.parent is not None else "")
        spelt = next((_SPELT[kind] for kind in kinds if kind in _SPELT), "{new}")
        return Edit(*self.syntax.range_of(node), spelt.format(old=old, new=new))


def _documentation(function: tree_sitter.Node) -> Iterator[tree_sitter.Node]:
    """The remarks right above a function, and the string that its body begins with."""
    statement = function
    while (around := statement.parent) and around.parent and not around.type.endswith(("block", "body", "list")):
        statement = around
    above = statement.prev_named_sibling
    while above is not None and "comment" in above.type:
        yield above
        above = above.prev_named_sibling
    body = function.child_by_field_name("body")
    for first in body.named_children[:1] if body is not None else ():
        yield from (said for said in first.named_children[:1] if said.type == "string")


def _pattern(node: tree_sitter.Node) -> tree_sitter.Node:
    """All that is brought together with a name."""
    while (around := node.parent) is not None and around.type.endswith(("pattern", "list")):
        node = around
    return node


def _statement_of(name: tree_sitter.Node) -> str:
    """The kind of what brings a name, or only gives a value to it."""
    around = _pattern(name).parent
    return around.type if around is not None else ""


def _is_in_value(node: tree_sitter.Node, brought: tree_sitter.Node) -> bool:
    """Whether a name stands in the value of what brings it, which does not see it."""
    statement = _pattern(brought).parent
    if statement is None or statement.type not in _VALUED:
        return False
    value = statement.child_by_field_name("value") or statement.child_by_field_name("right")
    return value is not None and _is_within(node, value)


def _class(scope: Scope) -> Scope | None:
    return next((one for one in scope.outwards if one.is_class), None)


def _statement(node: tree_sitter.Node) -> tree_sitter.Node:
    """The declaration or statement in which something is brought."""
    while node.parent is not None and not node.type.endswith(("declaration", "assignment", *_INNER)):
        node = node.parent
    return node


def _block(node: tree_sitter.Node) -> tree_sitter.Node:
    """What a statement stands in, where blocks are made by depth."""
    while node.parent is not None and node.type not in ("block", "module"):
        node = node.parent
    return node


def _is_within(node: tree_sitter.Node, around: tree_sitter.Node) -> bool:
    return around.start_byte <= node.start_byte and node.end_byte <= around.end_byte
