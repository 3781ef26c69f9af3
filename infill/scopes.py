"""Who brings a name, and where it is seen: what a change of one name leaves behind.

Scopes and definitions are what `queries/names` captures (tree-sitter's convention for local variables). Types are not
known: of members only those of `self` and `this` are.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from operator import attrgetter

import tree_sitter

from infill.documented import documented
from infill.edits import Edit
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
_SPELT = {
    "shorthand_property_identifier": "{old}: {new}",
    "shorthand_property_identifier_pattern": "{old}: {new}",
    "shorthand_field_initializer": "{old}: {new}",
    "export_specifier": "{new} as {old}",
}
"""What a use becomes that also says under which name something is known elsewhere, by the kind of its node or of the
one around it."""
_MEMBER = re.compile(r"(?:\.|::)\s*\Z")
_KEY = re.compile(r"\s*(?::|=(?![=>]))")
"""What stands before a member, and behind a key."""
_INNER = ("block", "statement", "clause", "body")
"""How the kinds of nodes within a function end that are no declaration."""
_ANEW = 100
"""Times that a name may be brought anew in its scope."""
_CONSTRUCTORS = ("__init__", "__new__")
"""Methods that are called by the name of their class."""
_VALUED = ("let_declaration", "let_condition", "if_expression", "short_var_declaration", "range_clause",
           "for_expression", "for_range_loop", "for_in_clause", "type_switch_statement",
           "lambda_capture_initializer")  # fmt: skip
"""What brings a name that its own value does not see, nor what is done where a pattern does not match."""
_OPAQUE = {"rust": r"\{%s[:}]", "c": r"^[ \t]*#.*\b%s\b", "cpp": r"^[ \t]*#.*\b%s\b"}
"""Where a name may be used that the tree does not tell of, by language: format strings, what macros stand for."""


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
    text. scope_of: a definition to its scope; space: to what it is the name of. early: definitions that are
    seen before they stand. heads: names of functions and types. calls: names that are called, where methods have names
    of their own. members: names that are not looked up here. own: those that are looked up in the class around them.
    foreign: names that are said to be of elsewhere. annotations: of fields, which do not mean one another. given: names
    by which calls say which parameter something is for.
    """

    syntax: Syntax
    scopes: list[Scope] = field(default_factory=list)
    brought: dict[tuple[Scope, str], list[tree_sitter.Node]] = field(default_factory=lambda: defaultdict(list))
    scope_of: dict[int, Scope] = field(default_factory=dict)
    early: set[int] = field(default_factory=set)
    space: dict[int, str] = field(default_factory=dict)
    heads: set[int] = field(default_factory=set)
    calls: set[int] = field(default_factory=set)
    members: set[int] = field(default_factory=set)
    own: set[int] = field(default_factory=set)
    foreign: set[str] = field(default_factory=set)
    annotations: list[tree_sitter.Node] = field(default_factory=list)
    given: list[tree_sitter.Node] = field(default_factory=list)

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

        found.early.update(ids(*_BRINGS) - ids("definition"))
        found.heads.update(ids(*_HEADS))
        found.own.update(ids("own", "field", "method"))
        found.calls.update(ids("call"))
        found.members.update(ids("member") - found.own - ids("definition", "import", "variable"))
        found.annotations.extend(captures.get("annotation", ()))
        found.given.extend(captures.get("given", ()))
        found.foreign.update(syntax.text_of(node) for node in captures.get("foreign", ()))
        found._open(captures)
        for kind, space in _BRINGS.items():
            for node in captures.get(kind, ()):
                if not _is_assigned(node) and (scope := found._scope(node, kind)) is not None:
                    found.scope_of[node.id] = scope
                    found.space[node.id] = space
                    found.brought[scope, syntax.text_of(node)].append(node)
        for nodes in found.brought.values():
            nodes.sort(key=attrgetter("start_byte"))
        return found

    def brings(self, at: int, name: str) -> bool:
        """Whether a name that stands at an offset is brought there."""
        node = self._name_at(at, name)
        return node is not None and node.id in self.scope_of

    def is_outermost(self, at: int, name: str) -> bool:
        """Whether a name that is brought at an offset is seen in all of the text."""
        node = self._name_at(at, name)
        return node is not None and self.scope_of.get(node.id) is self.scopes[0]

    def left(self, at: int, old: str, new: str, known: Collection[int] = ()) -> list[Edit]:
        """What is still called `old` after what brings it came to be called `new`, at an offset, as edits in the order
        of the text; of a parameter, what its function's documentation says of it, too.

        known: offsets where `new` was put in the place of `old`. None where `at` brings no name, something else brings
        `old` before it or `new` as well, a use would mean something else by its new name, or not all can be known.
        """
        bringer = self._name_at(at, new)
        scope = self.scope_of.get(bringer.id) if bringer is not None else None
        if bringer is None or scope is None or not self._is_clear(scope, old, new):
            return []
        others, same = (self._like(bringer, scope, name) for name in (old, new))
        first = not others or others[0].start_byte > bringer.start_byte
        taken = any(self.syntax.range_of(node)[0] not in {at, *known} for node in same)
        if not first or taken or len(others) > _ANEW or any(node.id in self.heads for node in others):
            return []
        uses = self._uses(bringer, scope, old, others)
        # Something between brings the new name: a use would come to mean that.
        if uses is None or not all(self._sees(node, scope, new) for node in uses):
            return []
        uses += self._given(bringer, scope, old)
        edits = [*self._said(bringer, scope, old, new), *(self._edit(node, old, new) for node in uses)]
        return sorted(edits, key=attrgetter("start"))

    def _like(self, bringer: tree_sitter.Node, scope: Scope, name: str) -> list[tree_sitter.Node]:
        """What brings a name in a scope, and the same sort of it."""
        return [node for node in self.brought.get((scope, name), []) if self.space[node.id] == self.space[bringer.id]]

    def _uses(
        self, bringer: tree_sitter.Node, scope: Scope, name: str, others: Sequence[tree_sitter.Node]
    ) -> list[tree_sitter.Node] | None:
        """Where a name means what `bringer` brings, as long as none of the others ends that; None where a function
        between, which may be called later, looks it up."""
        ends = {node.id: end for node in others if (end := self._end(bringer, scope, node, name)) is not None}
        end = min(ends.values(), default=scope.node.end_byte)
        start = 0 if bringer.id in self.early or self.syntax.language.block == "indent" else bringer.start_byte
        names = (node for node in self._all(scope.node, name) if start <= node.start_byte < end and node.id not in ends)
        uses = [node for node in names if self._means(node, bringer, scope, name)]
        late = ends and self.syntax.language.block == "indent" and any(self._is_late(node, scope) for node in uses)
        return None if late else uses

    def _is_late(self, node: tree_sitter.Node, scope: Scope) -> bool:
        """Whether a name is looked up when a function between it and a scope is called."""
        between = takewhile(lambda one: one is not scope, self._around(node).outwards)
        return any(one.node.type in ("function_definition", "lambda") and not one.is_head(node) for one in between)

    def _is_clear(self, scope: Scope, old: str, new: str) -> bool:
        """Whether all uses of a name in a scope can be known."""
        opaque, text = _OPAQUE.get(self.syntax.language.id), self.syntax.text
        if opaque and re.search(opaque % re.escape(old), text, re.MULTILINE):
            return False
        broken = self.syntax.errors(*self.syntax.range_of(scope.node))
        return not broken and old not in self.foreign and new not in self.foreign

    def _means(self, node: tree_sitter.Node, bringer: tree_sitter.Node, scope: Scope, name: str) -> bool:
        """Whether a name in a scope means what is brought there."""
        space, use = self.space[bringer.id], self._space(node)
        if use != space and (space, use) != ("type", "value"):
            return False
        if use != space and any(self.space[one.id] == use for one in self.brought.get((scope, name), [])):
            return False
        if scope.is_closed and any(_is_within(node, annotation) for annotation in self.annotations):
            return False
        # What is brought does not see itself, unless in a function that is called later.
        apart = _is_in_value(node, bringer) or (_is_part(node, bringer) and self._around(node) is self._around(bringer))
        return self._sees(node, scope, name) and not apart

    def _space(self, node: tree_sitter.Node) -> str:
        """What a name is the name of, where it stands."""
        if (brings := self.space.get(node.id)) is not None:
            return brings
        return "type" if node.type == "type_identifier" else "call" if node.id in self.calls else "value"

    def _open(self, captures: dict[str, list[tree_sitter.Node]]) -> None:
        """Note the scopes, each with the one around it."""
        bodies = {node.id for node in captures.get("body", ())}
        found = {node.id: (node, kind) for kind in ("scope", "class", "members") for node in captures.get(kind, ())}
        self.scopes.append(Scope(self.syntax.tree.root_node, None, is_class=False, is_closed=False))
        around = self.scopes[0]
        for node, kind in sorted(found.values(), key=lambda one: (one[0].start_byte, -one[0].end_byte)):
            if node.id not in bodies:
                around = next(scope for scope in around.outwards if scope.node.end_byte >= node.end_byte)
                around = Scope(node, around, is_class=kind != "scope", is_closed=kind == "members")
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
        if kind in ("field", "method", "procedure"):
            return _class(scope, definition)
        if kind in ("name", "type") and scope.is_head(definition):
            return scope.around
        return next((one for one in scope.outwards if kind != "hoisted" or not one.node.type.endswith(_INNER)), None)

    def _end(self, bringer: tree_sitter.Node, scope: Scope, again: tree_sitter.Node, name: str) -> int | None:
        """Where what `bringer` brings ends because the name is brought anew, or None where it goes on.

        A declaration ends it, and may use it. Without declarations it ends where the same lines bring something else,
        not of what it is, in another loop or by an assignment: in an inner block, that only may happen.
        """
        if scope.is_class:
            return None
        statement = _statement(again)
        if statement.type == "short_var_declaration":
            return None  # in the scope that has the name, it only gives a value
        if self.syntax.language.block != "indent":
            return again.start_byte if statement.type.endswith(_INNER) else statement.end_byte
        value = statement.child_by_field_name("right")
        if statement.type == "assignment":
            anew = value is not None and not any(self._all(value, name))
        else:
            anew = statement.type == _statement(bringer).type
        around = _block(statement).parent
        always = around is None or around.id == scope.node.id
        return again.start_byte if anew and always and _is_within(bringer, _block(statement)) else None

    def _name_at(self, start: int, name: str) -> tree_sitter.Node | None:
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
            return _class(inner, node) is scope
        indent = self.syntax.language.block == "indent"
        while indent and inner.around is not None and inner.is_head(node):
            inner = inner.around  # what a function's parameters are by default is looked up around it
        seen = [one for one in inner.outwards if not one.is_closed or (indent and one is inner)]
        found = next((one for one in seen if one is scope or self._hides(one, name, node)), None)
        return found is scope and not self._is_apart(node, scope, name)

    def _is_apart(self, node: tree_sitter.Node, scope: Scope, name: str) -> bool:
        """Whether a Rust function or module between them sees nothing of a scope, or its functions and types alone."""
        between = {one.node.type for one in takewhile(lambda one: one is not scope, self._around(node).outwards)}
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

    def _said(self, bringer: tree_sitter.Node, scope: Scope, old: str, new: str) -> list[Edit]:
        """What the documentation of a function says of a parameter."""
        found = documented(self.syntax, scope.node, old) if scope.is_head(bringer) else ()
        return [Edit(at, at + len(old), new) for at in found]

    def _given(self, bringer: tree_sitter.Node, scope: Scope, name: str) -> list[tree_sitter.Node]:
        """Where calls name the parameter or field that is brought, if nothing else is called like what they call."""
        given = [node for node in self.given if self.syntax.text_of(node) == name]
        head = self._called(bringer, scope) if given else None
        around = self.scope_of.get(head.id) if head is not None else None
        if head is None or around is None or len(self._like(head, around, self.syntax.text_of(head))) > 1:
            return []
        return [node for node in given if self._calls(_call(node), head, around)]

    def _called(self, bringer: tree_sitter.Node, scope: Scope) -> tree_sitter.Node | None:
        """The name of what is called with a value for what is brought: a function for its parameters, a class for those
        of its constructor, or for its fields where it has none of its own."""
        if scope.is_class:
            own = bringer.id in self.heads or any((scope, name) in self.brought for name in _CONSTRUCTORS)
            return scope.node.child_by_field_name("name") if not own else None
        any_name = bringer.parent is not None and bringer.parent.type.endswith("splat_pattern")
        head = scope.node.child_by_field_name("name") if scope.is_head(bringer) and not any_name else None
        if head is not None and self.syntax.text_of(head) in _CONSTRUCTORS:
            return self.scope_of[head.id].node.child_by_field_name("name")
        return head

    def _calls(self, call: tree_sitter.Node, head: tree_sitter.Node, around: Scope) -> bool:
        """Whether what is called is what `head` brings."""
        function, name = call.child_by_field_name("function"), self.syntax.text_of(head)
        end = self.syntax.range_of(function)[1] if function is not None else 0
        called = self._name_at(end - len(name), name)
        return called is not None and self._means(called, head, around, name)

    def _edit(self, node: tree_sitter.Node, old: str, new: str) -> Edit:
        around = node.parent
        kinds = (node.type, around.type if around is not None and around.child_by_field_name("alias") is None else "")
        spelt = next((_SPELT[kind] for kind in kinds if kind in _SPELT), "{new}")
        return Edit(*self.syntax.range_of(node), spelt.format(old=old, new=new))


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
    return any(_is_within(node, part) and not _is_within(brought, part) for part in parts)


def _call(given: tree_sitter.Node) -> tree_sitter.Node:
    """The call in which a parameter is named."""
    while given.type != "call" and given.parent is not None:
        given = given.parent
    return given


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
