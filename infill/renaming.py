"""What a renaming leaves behind, as edits: the uses of the old name that nothing brings any more, an element's other
tag."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import takewhile
from operator import attrgetter

import tree_sitter

from infill.documented import documented
from infill.edits import Edit
from infill.scopes import INNER, Scope, Scopes, is_within
from infill.syntax import Syntax

_SPELT = {
    "shorthand_property_identifier": "{old}: {new}",
    "shorthand_property_identifier_pattern": "{old}: {new}",
    "shorthand_field_initializer": "{old}: {new}",
    "export_specifier": "{new} as {old}",
}
"""What a use becomes that also says under which name something is known elsewhere, by the kind of its node or of the
one around it."""
_ANEW = 100
"""Times that a name may be brought anew in its scope."""
_CONSTRUCTORS = ("__init__", "__new__")
"""Methods that are called by the name of their class."""
_OPAQUE = {"rust": r"\{%s[:}]", "c": r"^[ \t]*#.*\b%s\b", "cpp": r"^[ \t]*#.*\b%s\b"}
"""Where a name may be used that the tree does not tell of, by language: format strings, what macros stand for."""


def left(scopes: Scopes, at: int, old: str, new: str, known: Collection[int] = ()) -> list[Edit]:
    """What is still called `old` after what brings it came to be called `new`, at an offset, as edits in the order of
    the text; of a parameter, what its function's documentation says of it, too. Of an element, its other tag.

    known: offsets where `new` was put in the place of `old`. No edits where `at` brings no name, something else brings
    `old` before it or `new` as well, a use would mean something else by its new name, or not all can be known.
    """
    bringer = scopes.name_at(at, new)
    scope = scopes.scope_of.get(bringer.id) if bringer is not None else None
    if bringer is None or scope is None:
        return _other_tag(scopes.syntax, at, old, new)
    return _Renaming(scopes, bringer, scope, old, new).left({at, *known})


def tags(syntax: Syntax, at: int, word: str) -> tuple[tree_sitter.Node, tree_sitter.Node] | None:
    """The name in a tag that a word at an offset is all or a part of, and the one in the other tag of its element."""
    name = syntax.node_of(at, at + len(word))
    while name.parent is not None and name.parent.type in ("member_expression", "jsx_namespace_name"):
        name = name.parent
    element = name.parent.parent if name.parent is not None else None
    both = [element.child_by_field_name(one) for one in ("open_tag", "close_tag")] if element is not None else []
    names = [tag.child_by_field_name("name") for tag in both if tag is not None]
    opens, closes = names if len(names) == 2 else (None, None)
    if opens is None or closes is None or name not in (opens, closes):
        return None
    return (opens, closes) if name == opens else (closes, opens)


def _other_tag(syntax: Syntax, at: int, old: str, new: str) -> list[Edit]:
    """The same change of the other tag of an element, if that is called as this one was."""
    if (both := tags(syntax, at, new)) is None:
        return []
    name, other = both
    inside = at - syntax.range_of(name)[0]
    now, there = syntax.text_of(name), syntax.range_of(other)[0] + inside
    was = now[:inside] + old + now[inside + len(new) :]
    return [Edit(there, there + len(old), new)] if syntax.text_of(other) == was else []


@dataclass(frozen=True, slots=True)
class _Renaming:
    """bringer: what brings the name in `scope`, called `new` already."""

    scopes: Scopes
    bringer: tree_sitter.Node
    scope: Scope
    old: str
    new: str

    @property
    def syntax(self) -> Syntax:
        return self.scopes.syntax

    @property
    def without_declarations(self) -> bool:
        """Whether a name belongs to all of its scope, wherever in it something is assigned to it."""
        return self.syntax.language.block == "indent"

    def left(self, known: Collection[int]) -> list[Edit]:
        """known: offsets where `new` stands in the place of `old`."""
        others, same = (self.scopes.like(self.bringer, self.scope, name) for name in (self.old, self.new))
        first = not others or others[0].start_byte > self.bringer.start_byte
        taken = any(self.syntax.range_of(node)[0] not in known for node in same)
        if not first or taken or len(others) > _ANEW or any(node.id in self.scopes.heads for node in others):
            return []
        uses = self._uses(others) if self._is_clear() else None
        # Something between brings the new name: a use would come to mean that.
        if uses is None or not all(self.scopes.sees(node, self.scope, self.new) for node in uses):
            return []
        edits = [*self._said(), *(edit(self.syntax, node, self.old, self.new) for node in (*uses, *self._given()))]
        return sorted(edits, key=attrgetter("start"))

    def _is_clear(self) -> bool:
        """Whether all uses of the name in its scope can be known."""
        opaque = _OPAQUE.get(self.syntax.language.id)
        if opaque and re.search(opaque % re.escape(self.old), self.syntax.text, re.MULTILINE):
            return False
        broken = self.syntax.errors(*self.syntax.range_of(self.scope.node))
        return not broken and self.scopes.foreign.isdisjoint((self.old, self.new))

    def _uses(self, others: Sequence[tree_sitter.Node]) -> list[tree_sitter.Node] | None:
        """Where the old name means what `bringer` brings, as long as none of the others ends that; None where a
        function between, which may be called later, looks it up."""
        ends = {node.id: end for node in others if (end := self._end(node)) is not None}
        end = min(ends.values(), default=self.scope.node.end_byte)
        whole = self.bringer.id in self.scopes.early or self.without_declarations
        start = 0 if whole else self.bringer.start_byte
        names = self.scopes.named(self.scope.node, self.old)
        names = (node for node in names if start <= node.start_byte < end and node.id not in ends)
        uses = [node for node in names if self.scopes.means(node, self.bringer, self.scope, self.old)]
        late = ends and self.without_declarations and any(map(self._is_late, uses))
        return None if late else uses

    def _is_late(self, node: tree_sitter.Node) -> bool:
        """Whether a name is looked up when a function between it and the scope is called."""
        between = takewhile(lambda one: one is not self.scope, self.scopes.around(node).outwards)
        return any(one.node.type in ("function_definition", "lambda") and not one.is_head(node) for one in between)

    def _end(self, again: tree_sitter.Node) -> int | None:
        """Where what `bringer` brings ends because the name is brought anew, or None where it goes on.

        A declaration ends it, and may use it. Without declarations it ends where the same lines bring something else,
        not of what it is, in another loop or by an assignment: in an inner block, that only may happen.
        """
        if self.scope.is_class:
            return None
        statement = _statement(again)
        if statement.type == "short_var_declaration":
            return None  # in the scope that has the name, it only gives a value
        if not self.without_declarations:
            return again.start_byte if statement.type.endswith(INNER) else statement.end_byte
        value = statement.child_by_field_name("right")
        if statement.type == "assignment":
            anew = value is not None and not any(self.scopes.named(value, self.old))
        else:
            anew = statement.type == _statement(self.bringer).type
        around = _block(statement).parent
        always = around is None or around.id == self.scope.node.id
        return again.start_byte if anew and always and is_within(self.bringer, _block(statement)) else None

    def _said(self) -> list[Edit]:
        """What the documentation of a function says of a parameter."""
        is_head = self.scope.is_head(self.bringer)
        found = documented(self.syntax, self.scope.node, self.old) if is_head else ()
        return [Edit(at, at + len(self.old), self.new) for at in found]

    def _given(self) -> list[tree_sitter.Node]:
        """Where calls name the parameter or field that is brought, if nothing else is called like what they call."""
        given = [node for node in self.scopes.given if self.syntax.text_of(node) == self.old]
        head = called(self.scopes, self.bringer, self.scope) if given else None
        around = self.scopes.scope_of.get(head.id) if head is not None else None
        if head is None or around is None or len(self.scopes.like(head, around, self.syntax.text_of(head))) > 1:
            return []
        return [node for node in given if self._calls(call_of(node), head, around)]

    def _calls(self, call: tree_sitter.Node, head: tree_sitter.Node, around: Scope) -> bool:
        """Whether what is called is what `head` brings."""
        function, name = call.child_by_field_name("function"), self.syntax.text_of(head)
        end = self.syntax.range_of(function)[1] if function is not None else 0
        called = self.scopes.name_at(end - len(name), name)
        return called is not None and self.scopes.means(called, head, around, name)


def edit(syntax: Syntax, node: tree_sitter.Node, old: str, new: str) -> Edit:
    """What gives a use of a name the new one."""
    around = node.parent
    kinds = (node.type, around.type if around is not None and around.child_by_field_name("alias") is None else "")
    spelt = next((_SPELT[kind] for kind in kinds if kind in _SPELT), "{new}")
    return Edit(*syntax.range_of(node), spelt.format(old=old, new=new))


def called(scopes: Scopes, bringer: tree_sitter.Node, scope: Scope) -> tree_sitter.Node | None:
    """The name of what is called with a value for what is brought: a function for its parameters, a class for those of
    its constructor, or for its fields where it has none of its own."""
    if scope.is_class:
        is_field = bringer.id not in scopes.heads and scopes.around(bringer) is scope  # not what a method gives `self`
        own = any((scope, name) in scopes.brought for name in _CONSTRUCTORS)
        return scope.node.child_by_field_name("name") if is_field and not own else None
    any_name = bringer.parent is not None and bringer.parent.type.endswith("splat_pattern")
    head = scope.node.child_by_field_name("name") if scope.is_head(bringer) and not any_name else None
    if head is not None and scopes.syntax.text_of(head) in _CONSTRUCTORS:
        return scopes.scope_of[head.id].node.child_by_field_name("name")
    return head


def call_of(given: tree_sitter.Node) -> tree_sitter.Node:
    """The call in which a parameter is named."""
    while given.type != "call" and given.parent is not None:
        given = given.parent
    return given


def _statement(node: tree_sitter.Node) -> tree_sitter.Node:
    """The declaration or statement in which something is brought."""
    while node.parent is not None and not node.type.endswith(("declaration", "assignment", *INNER)):
        node = node.parent
    return node


def _block(node: tree_sitter.Node) -> tree_sitter.Node:
    """What a statement stands in, where blocks are made by depth."""
    while node.parent is not None and node.type not in ("block", "module"):
        node = node.parent
    return node
