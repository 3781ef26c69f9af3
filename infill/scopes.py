"""Who brings a name, and where it is seen.

Scopes and definitions are what `queries/names` captures (tree-sitter's convention for local variables). Types are not
known: of members only those of `self` and `this` are.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from itertools import takewhile
from operator import attrgetter

import tree_sitter

from infill.languages import query
from infill.syntax import Syntax

_NAMES = ("identifier", "type_identifier", "shorthand_property_identifier", "shorthand_property_identifier_pattern",
          "shorthand_field_identifier")  # fmt: skip
"""Kinds of nodes, in all grammars, that a name may be."""
_BRINGS = {
    "definition": "value", "hoisted": "value", "name": "value", "field": "value", "method": "value",
    "procedure": "call", "type": "type", "import": "type",
}  # fmt: skip
"""What brings a name, by capture, and what it is the name of: types, and in Java methods, have names of their own. A
type, and what is imported, may be used as a value, too."""
_HEADS = ("name", "method", "procedure", "type")
_MEMBER = re.compile(r"(?:\.|::)\s*\Z")
_KEY = re.compile(r"\s*(?::|=(?![=>]))")
"""What stands before a member, and behind a key."""
INNER = ("block", "statement", "clause", "body")
"""How the kinds of nodes within a function end that are no declaration."""
_VALUED = ("let_declaration", "let_condition", "if_expression", "short_var_declaration", "range_clause",
           "for_expression", "for_range_loop", "for_in_clause", "type_switch_statement",
           "lambda_capture_initializer")  # fmt: skip
"""What brings a name that its own value does not see, nor what is done where a pattern does not match."""


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
    statements are deep, because that costs as much as the node is deep, and a sum of a thousand names is.

    scopes: in the order of the text, outer ones first. brought: (scope, name) to what brings it, in the order of the
    text. scope_of: a definition to its scope; space: to what it is the name of. early: definitions that are seen before
    they stand. heads: names of functions and types. calls: names that are called, where methods have names of their
    own. members: names that are not looked up here. own: those that are looked up in the class around them. imported:
    those that are called so where they come from. foreign: names that are said to be of elsewhere. annotations: of
    fields, which do not mean one another. given: names by which calls say which parameter something is for.
    """

    syntax: Syntax
    scopes: Sequence[Scope]
    brought: Mapping[tuple[Scope, str], Sequence[tree_sitter.Node]]
    scope_of: Mapping[int, Scope]
    space: Mapping[int, str]
    early: Set[int]
    heads: Set[int]
    calls: Set[int]
    members: Set[int]
    own: Set[int]
    imported: Set[int]
    foreign: Set[str]
    annotations: Sequence[tree_sitter.Node]
    given: Sequence[tree_sitter.Node]

    @classmethod
    def of(cls, syntax: Syntax) -> Scopes | None:
        """The scopes of a tree; None where the language has none or the text is a heap of marks."""
        compiled = query(syntax.language, "names")
        if compiled is None or syntax.is_heap:
            return None
        root = syntax.tree.root_node
        captures = tree_sitter.QueryCursor(compiled).captures(root)
        scopes = _nested(root, captures)
        brought: dict[tuple[Scope, str], list[tree_sitter.Node]] = {}
        scope_of, spaces = dict[int, Scope](), dict[int, str]()
        for kind, space in _BRINGS.items():
            for node in captures.get(kind, ()):
                if not _is_assigned(node) and (scope := _seen_in(scopes, node, kind)) is not None:
                    scope_of[node.id], spaces[node.id] = scope, space
                    brought.setdefault((scope, syntax.text_of(node)), []).append(node)
        for nodes in brought.values():
            nodes.sort(key=attrgetter("start_byte"))

        def ids(*kinds: str) -> frozenset[int]:
            return frozenset(node.id for kind in kinds for node in captures.get(kind, ()))

        own = ids("own", "field", "method")
        return cls(
            syntax, scopes, brought, scope_of, spaces,
            early=(ids(*_BRINGS) - ids("definition")) | ids("early"),
            heads=ids(*_HEADS),
            calls=ids("call"),
            members=ids("member") - own - ids("definition", "import", "variable"),
            own=own,
            imported=ids("imported"),
            foreign=frozenset(map(syntax.text_of, captures.get("foreign", ()))),
            annotations=captures.get("annotation", ()),
            given=captures.get("given", ()),
        )  # fmt: skip

    def brings(self, at: int, name: str) -> bool:
        """Whether a name that stands at an offset is brought there."""
        node = self.name_at(at, name)
        return node is not None and node.id in self.scope_of

    def is_imported(self, at: int, name: str) -> bool:
        """Whether a name that is brought at an offset is called so where it comes from."""
        node = self.name_at(at, name)
        return node is not None and node.id in self.imported

    def is_outermost(self, at: int, name: str) -> bool:
        """Whether a name that is brought at an offset is seen in all of the text."""
        node = self.name_at(at, name)
        return node is not None and self.scope_of.get(node.id) is self.scopes[0]

    def like(self, bringer: tree_sitter.Node, scope: Scope, name: str) -> list[tree_sitter.Node]:
        """What brings a name in a scope, and the same sort of it."""
        return [node for node in self.brought.get((scope, name), []) if self.space[node.id] == self.space[bringer.id]]

    def means(self, node: tree_sitter.Node, bringer: tree_sitter.Node, scope: Scope, name: str) -> bool:
        """Whether a name in a scope means what is brought there."""
        space, use = self.space[bringer.id], self._space(node)
        if use != space and (space, use) != ("type", "value"):
            return False
        if use != space and any(self.space[one.id] == use for one in self.brought.get((scope, name), [])):
            return False
        if scope.is_closed and any(is_within(node, annotation) for annotation in self.annotations):
            return False
        # What is brought does not see itself, unless it is a type or a function, or in one that is called later.
        apart = _is_in_value(node, bringer) or (_is_part(node, bringer) and self.around(node) is self.around(bringer))
        return self.sees(node, scope, name) and (bringer.id in self.heads or not apart)

    def _space(self, node: tree_sitter.Node) -> str:
        """What a name is the name of, where it stands."""
        if (brings := self.space.get(node.id)) is not None:
            return brings
        return "type" if node.type == "type_identifier" else "call" if node.id in self.calls else "value"

    def around(self, node: tree_sitter.Node) -> Scope:
        """The innermost scope around a node."""
        return _around(self.scopes, node)

    def name_at(self, start: int, name: str) -> tree_sitter.Node | None:
        """The name that stands at an offset, if it is this one and looked up here."""
        node = self.syntax.node_of(start, start + len(name))
        known = node.id in self.own or (node.type in _NAMES and node.id not in self.members)
        return node if known and self.syntax.text_of(node) == name and not self._is_mark(node) else None

    def _is_mark(self, node: tree_sitter.Node) -> bool:
        """Whether a name is that of an HTML element, or stands in a macro like a member or a key: there is no tree."""
        around = node.parent.type if node.parent is not None else ""
        if around.startswith("jsx_"):
            return around.endswith("element") and self.syntax.text_of(node)[0].islower()
        start, end = (at - self.syntax.start for at in self.syntax.range_of(node))
        text = self.syntax.text
        return around == "token_tree" and (
            _MEMBER.search(text, max(0, start - 8), start) is not None or _KEY.match(text, end) is not None
        )

    def named(self, around: tree_sitter.Node, name: str) -> Iterator[tree_sitter.Node]:
        """The nodes within one that are this name, in the order of the text."""
        start, end = self.syntax.range_of(around)
        text, first = self.syntax.text, self.syntax.start
        for match in re.compile(rf"\b{re.escape(name)}\b").finditer(text, start - first, end - first):
            if (node := self.name_at(first + match.start(), name)) is not None:
                yield node

    def sees(self, node: tree_sitter.Node, scope: Scope, name: str) -> bool:
        """Whether a name in a scope is the one that is brought there, not by a scope between them."""
        if (here := self.scope_of.get(node.id)) is not None and (here, name) in self.brought:
            return here is scope
        inner = self.around(node)
        if node.id in self.own:
            return _class(inner, node) is scope
        found = next((one for one in self._looked_in(node) if one is scope or self._hides(one, name, node)), None)
        return found is scope and not self._is_apart(node, scope, name)

    def brought_at(self, node: tree_sitter.Node, name: str) -> Sequence[tree_sitter.Node]:
        """What brings a name where a node stands, nothing where it comes from elsewhere."""
        scope = self.scope_of.get(node.id)
        if scope is None or (scope, name) not in self.brought:
            scope = next((one for one in self._looked_in(node) if self._hides(one, name, node)), None)
        return self.brought[scope, name] if scope is not None else ()

    def is_looked_up(self, node: tree_sitter.Node) -> bool:
        """Whether a node is a name that is looked up here, not as one that an object has of its own."""
        known = self.name_at(self.syntax.range_of(node)[0], self.syntax.text_of(node))
        return known is not None and node.id not in self.own

    def _looked_in(self, node: tree_sitter.Node) -> Iterator[Scope]:
        """The scopes in which a name is looked up, inner ones first."""
        inner, indent = self.around(node), self.syntax.language.block == "indent"
        while indent and inner.around is not None and inner.is_head(node):
            inner = inner.around  # what a function's parameters are by default is looked up around it
        return (one for one in inner.outwards if not one.is_closed or (indent and one is inner))

    def _is_apart(self, node: tree_sitter.Node, scope: Scope, name: str) -> bool:
        """Whether a Rust function or module between them sees nothing of a scope, or its functions and types alone."""
        between = {one.node.type for one in takewhile(lambda one: one is not scope, self.around(node).outwards)}
        early = any(one.id in self.early for one in self.brought.get((scope, name), []))
        return "mod_item" in between or ("function_item" in between and not early and scope.around is not None)

    def _hides(self, scope: Scope, name: str, node: tree_sitter.Node) -> bool:
        """Whether a name in a scope is one that this scope brings; most languages let it be seen from there on."""
        use = self._space(node)
        brought = [one for one in self.brought.get((scope, name), []) if self.space[one.id] in (use, "type")]
        if use == "type":
            brought = [one for one in brought if self.space[one.id] == use]
        early = self.syntax.language.block == "indent" or any(one.id in self.early for one in brought)
        return any((early or one.start_byte < node.start_byte) and not _is_in_value(node, one) for one in brought)


def _nested(root: tree_sitter.Node, captures: Mapping[str, Sequence[tree_sitter.Node]]) -> list[Scope]:
    """The scopes in the order of the text, each with the one around it; the root's is the first."""
    bodies = {node.id for node in captures.get("body", ())}
    found = {node.id: (node, kind) for kind in ("scope", "class", "members") for node in captures.get(kind, ())}
    scopes = [Scope(root, None, is_class=False, is_closed=False)]
    for node, kind in sorted(found.values(), key=lambda one: (one[0].start_byte, -one[0].end_byte)):
        if node.id not in bodies:
            around = next(scope for scope in scopes[-1].outwards if scope.node.end_byte >= node.end_byte)
            scopes.append(Scope(node, around, is_class=kind != "scope", is_closed=kind == "members"))
    return scopes


def _around(scopes: Sequence[Scope], node: tree_sitter.Node) -> Scope:
    """The innermost of the scopes around a node."""
    last = bisect_right(scopes, node.start_byte, key=lambda scope: scope.node.start_byte) - 1
    around = scopes[max(last, 0)].outwards
    return next((scope for scope in around if scope.node.end_byte >= node.end_byte), scopes[0])


def _seen_in(scopes: Sequence[Scope], definition: tree_sitter.Node, kind: str) -> Scope | None:
    """Where a definition is seen: the name of a function around it, what is hoisted in all of the function, what is of
    `self` in the class."""
    scope = _around(scopes, definition)
    if kind in ("field", "method", "procedure"):
        return _class(scope, definition)
    if kind in ("name", "type") and scope.is_head(definition):
        return scope.around
    return next((one for one in scope.outwards if kind != "hoisted" or not one.node.type.endswith(INNER)), None)


def _brings(name: tree_sitter.Node) -> Iterator[tree_sitter.Node]:
    """What brings a name, or only gives a value to it, last; before that the patterns that the name is part of."""
    while (around := name.parent) is not None:
        yield around
        if not around.type.endswith(("pattern", "list", "declarator", "let_condition", "let_chain")):
            return
        name = around


def _is_assigned(name: tree_sitter.Node) -> bool:
    return any(around.type == "assignment_expression" for around in _brings(name))


def _is_in_value(node: tree_sitter.Node, brought: tree_sitter.Node) -> bool:
    """Whether a name stands in the value of what brings it, or in the `else` of that, which do not see it."""
    valued = (around for around in _brings(brought) if around.type in _VALUED)
    return any(_is_in(node, brought, around, "value", "right", "alternative") for around in valued)


def _is_part(node: tree_sitter.Node, bringer: tree_sitter.Node) -> bool:
    """Whether a name stands in the value or the type of what was renamed: it meant something else before."""
    parts = (around for around in _brings(bringer) if around.type != "match_arm")
    return any(_is_in(node, bringer, around, "value", "right", "type") for around in parts)


def _is_in(node: tree_sitter.Node, brought: tree_sitter.Node, around: tree_sitter.Node, *fields: str) -> bool:
    """Whether a name stands in one of these fields of a node, and what is brought does not."""
    parts = [part for name in fields if (part := around.child_by_field_name(name)) is not None]
    return any(is_within(node, part) and not is_within(brought, part) for part in parts)


def _class(scope: Scope, node: tree_sitter.Node) -> Scope | None:
    """The class whose object a name in a scope means by `self` or `this`; None within a function that has its own."""
    for one in scope.outwards:
        if one.is_class:
            return one
        outer = one.around
        own = "function" in one.node.type and one.node.type not in ("function_definition", "arrow_function")
        if own or (one.node.type == "method_definition" and (outer is None or not outer.is_class)):
            return None
    return None


def is_within(node: tree_sitter.Node, around: tree_sitter.Node) -> bool:
    return around.start_byte <= node.start_byte and node.end_byte <= around.end_byte
