"""Who brings a name, and where it is seen: what a change of one name leaves behind.

Scopes and definitions are what `queries/names` captures (tree-sitter's convention for local variables). Types are not
known: of members only those of `self` and `this` are.
"""

from __future__ import annotations

import re
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
_VALUED = ("let_declaration", "let_condition", "short_var_declaration")
"""What brings a name that its own value does not see."""


@dataclass(frozen=True, eq=False)
class Scopes:
    """The scopes of one syntax tree. Nodes are known by their ids.

    scopes, classes: all, and those that have members. closed: those whose names are seen from within as members only.
    brought: (scope, name) to what brings it, in the order of the text. scope_of: a definition to its scope. early:
    definitions that are seen before they stand. members: names that are not looked up here. own: those that are looked
    up in the class around them. foreign: names that are said to be of a scope farther out.
    """

    syntax: Syntax
    scopes: set[int] = field(default_factory=set)
    classes: set[int] = field(default_factory=set)
    closed: set[int] = field(default_factory=set)
    brought: dict[tuple[int, str], list[tree_sitter.Node]] = field(default_factory=lambda: defaultdict(list))
    scope_of: dict[int, tree_sitter.Node] = field(default_factory=dict)
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
        root, found = syntax.tree.root_node, cls(syntax)
        captures = tree_sitter.QueryCursor(compiled).captures(root)

        def ids(*kinds: str) -> set[int]:
            return {node.id for kind in kinds for node in captures.get(kind, ())}

        found.scopes.update({root.id}, ids("scope", "class", "members"))
        found.classes.update(ids("class", "members"))
        found.closed.update(ids("members"))
        found.early.update(ids("name", "hoisted", "field"))
        found.own.update(ids("own", "field"))
        found.members.update(ids("member") - found.own)
        found.foreign.update(syntax.text_of(node) for node in captures.get("foreign", ()))
        for kind in ("definition", "hoisted", "name", "field"):
            for node in captures.get(kind, ()):
                if not _is_assigned(node) and (scope := found._scope(node, kind)) is not None:
                    found.scope_of[node.id] = scope
                    found.brought[scope.id, syntax.text_of(node)].append(node)
        for nodes in found.brought.values():
            nodes.sort(key=attrgetter("start_byte"))
        return found

    def left(self, at: int, old: str, new: str) -> list[Edit]:
        """What is still called `old` after what brings it came to be called `new`, at an offset, as edits in the order
        of the text; of a parameter, what its function's documentation says of it, too.

        None where `at` brings no name, something before it brings `old`, too, a use would mean something else by its
        new name, or syntax is broken.
        """
        bringer = self._name_at(at, new)
        scope = self.scope_of.get(bringer.id) if bringer is not None else None
        if bringer is None or scope is None or old in self.foreign or self.syntax.errors(*self.syntax.range_of(scope)):
            return []
        others = self.brought.get((scope.id, old), [])
        if any(node.start_byte < bringer.start_byte for node in others):
            return []
        ends = {node.id: end for node in others if (end := self._end(bringer, scope, node, old)) is not None}
        end = min(ends.values(), default=scope.end_byte)
        names = (node for node in self._all(scope, old) if node.start_byte < end and node.id not in ends)
        uses = [node for node in names if self._sees(node, scope, old)]
        # Something between brings the new name: a use would come to mean that.
        if not all(self._sees(node, scope, new) for node in uses):
            return []
        edits = [*self._said(bringer, scope, old, new), *(self._edit(node, old, new) for node in uses)]
        return sorted(edits, key=attrgetter("start"))

    def _scope(self, definition: tree_sitter.Node, kind: str) -> tree_sitter.Node | None:
        """Where a definition is seen: the name of a function around it, what is hoisted in all of the function, what is
        of `self` in the class."""
        around = self._around(definition.parent if kind == "name" else definition)
        if kind == "field":
            return next((scope for scope in around if scope.id in self.classes), None)
        return next((scope for scope in around if kind != "hoisted" or not scope.type.endswith(_INNER)), None)

    def _around(self, node: tree_sitter.Node | None) -> Iterator[tree_sitter.Node]:
        """The scopes around a node, inner ones first; the root's last."""
        while node is not None and (node := node.parent) is not None:
            if node.id in self.scopes:
                yield node

    def _end(
        self, bringer: tree_sitter.Node, scope: tree_sitter.Node, again: tree_sitter.Node, name: str
    ) -> int | None:
        """Where what `bringer` brings ends because the name is brought anew, or None where it goes on.

        A declaration ends it, and may use it. Without declarations it ends where the same lines bring something else,
        not of what it is, in another loop or by an assignment: in an inner block, that only may happen.
        """
        if scope.id in self.classes:
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

    def _sees(self, node: tree_sitter.Node, scope: tree_sitter.Node, name: str) -> bool:
        """Whether a name in a scope is the one that is brought there, not by a scope between them."""
        if (here := self.scope_of.get(node.id)) is not None and (here.id, name) in self.brought:
            return here.id == scope.id
        around = list(self._around(node))
        if node.id in self.own:
            return scope.id == next((one.id for one in around if one.id in self.classes), None)
        open_ = [one for at, one in enumerate(around) if not at or one.id not in self.closed]
        brings = (one for one in open_ if one.id == scope.id or self._hides(one, name, node))
        return scope.id == next((one.id for one in brings), None)

    def _hides(self, scope: tree_sitter.Node, name: str, node: tree_sitter.Node) -> bool:
        """Whether a name in a scope is one that this scope brings; most languages let it be seen from there on."""
        brought = self.brought.get((scope.id, name), [])
        if self.syntax.language.block == "indent" or any(one.id in self.early for one in brought):
            return bool(brought)
        return any(one.start_byte < node.start_byte and not _is_in_value(node, one) for one in brought)

    def _said(self, bringer: tree_sitter.Node, scope: tree_sitter.Node, old: str, new: str) -> Iterator[Edit]:
        """Where the documentation of a function names a parameter."""
        body = scope.child_by_field_name("body")
        if body is None or bringer.start_byte >= body.start_byte:
            return
        name = re.escape(old)
        for node in _documentation(scope, body):
            start, text = self.syntax.range_of(node)[0], self.syntax.text_of(node)
            for match in re.finditer(_SAID % (name, name, name), text, re.MULTILINE):
                at = match.start(match.lastindex or 0)
                yield Edit(start + at, start + at + len(old), new)

    def _edit(self, node: tree_sitter.Node, old: str, new: str) -> Edit:
        kinds = (node.type, node.parent.type if node.parent is not None else "")
        spelt = next((_SPELT[kind] for kind in kinds if kind in _SPELT), "{new}")
        return Edit(*self.syntax.range_of(node), spelt.format(old=old, new=new))


def _documentation(function: tree_sitter.Node, body: tree_sitter.Node) -> Iterator[tree_sitter.Node]:
    """The remarks right above a function, and the string that its body begins with."""
    statement = function
    while (around := statement.parent) and around.parent and not around.type.endswith(("block", "body", "list")):
        statement = around
    above = statement.prev_named_sibling
    while above is not None and "comment" in above.type:
        yield above
        above = above.prev_named_sibling
    for first in body.named_children[:1]:
        yield from (said for said in first.named_children[:1] if said.type == "string")


def _is_assigned(node: tree_sitter.Node) -> bool:
    """Whether a pattern only gives a value to what something else brings."""
    while node.parent is not None and node.type.endswith(("identifier", "pattern")):
        node = node.parent
    return node.type == "assignment_expression"


def _is_in_value(node: tree_sitter.Node, brought: tree_sitter.Node) -> bool:
    """Whether a name stands in the value of what brings it, which does not see it."""
    statement: tree_sitter.Node | None = brought
    while statement is not None and statement.type not in _VALUED:
        statement = statement.parent
    if statement is None:
        return False
    target, value = (_field(statement, *names) for names in (("pattern", "left"), ("value", "right")))
    return target is not None and value is not None and _is_within(brought, target) and _is_within(node, value)


def _field(node: tree_sitter.Node, *names: str) -> tree_sitter.Node | None:
    return next((found for name in names if (found := node.child_by_field_name(name)) is not None), None)


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
