"""What a renaming in one open document leaves behind in another that takes the name from there.

Which document an import means is read off the addresses of the open ones. Where these do not tell, or two fit, nothing
follows.
"""

from __future__ import annotations

import posixpath
import re
import sys
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass

import tree_sitter

from infill import renaming
from infill.document import Snapshot
from infill.edits import Edit
from infill.languages import SCRIPT_ENDING, language, query
from infill.scopes import Scopes
from infill.syntax import Syntax

_SOURCES = ("src", "lib", "python")
"""Folders whose modules are imported from beside them, too."""
_PACKAGE = re.compile(r"^package\s+(\w+)", re.MULTILINE)
_VERSION = re.compile(r"/v\d+(?=/|$)")


@dataclass(frozen=True, slots=True)
class Exported:
    """What was renamed, as other documents see it: `owner`, which was called `old`, or a parameter of it."""

    owner: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class _Import:
    """module: as it is written. name: what is taken of it, empty where that is all of it, and its node. called: what
    that is here, empty where nothing says so, and its node."""

    module: str
    name: str
    taken: tree_sitter.Node | None
    called: str
    local: tree_sitter.Node | None

    @property
    def whole(self) -> str:
        """The module that all of is taken, if one is: in Python a name of a package may be one."""
        return f"{self.module}{'' if self.module.endswith('.') else '.'}{self.name}" if self.name else self.module


def exported(there: Snapshot, at: int, old: str, new: str, known: Collection[int]) -> Exported | None:
    """What others see of a renaming at an offset; None where that is nothing, where something there still has the old
    name, and where something had the new one before.

    known: offsets where `new` was put in the place of `old`.
    """
    scopes = _scopes(there, old, new)
    node = scopes.name_at(at, new) if scopes is not None else None
    scope = scopes.scope_of.get(node.id) if scopes is not None and node is not None else None
    if scopes is None or node is None or scope is None or node.id in scopes.imported or (scope, old) in scopes.brought:
        return None
    if not {scopes.syntax.range_of(one)[0] for one in scopes.brought[scope, new]} <= {*known}:
        return None
    root = scopes.scopes[0]
    owner = node if scope is root else renaming.called(scopes, node, scope)
    if owner is None or scopes.scope_of.get(owner.id) is not root or not _is_seen(there, owner):
        return None
    name = scopes.syntax.text_of(owner)
    if owner is node:
        return Exported(old, old, new)
    return Exported(name, old, new) if name != old and len(scopes.brought[root, name]) == 1 else None


def left(
    renamed: Exported, there: Snapshot, here: Snapshot, others: Sequence[Snapshot], known: Collection[int] = ()
) -> list[Edit]:
    """What is to change in a document that takes a name from `there`, in the order of the text.

    others: all open documents but this one. known: offsets here where the new name was put in the place of the old one.
    No edits where something else brings one of the names, or a use would come to mean something else.
    """
    said = re.search(rf"\b{re.escape(renamed.old)}\b", here.text)
    if said is None or _family(here) != _family(there) or _family(here) not in _MEANS:
        return []
    uses = _Uses.of(renamed, there, here, others)
    return uses.left(known) if uses is not None else []


def _scopes(snapshot: Snapshot, *names: str) -> Scopes | None:
    """The scopes of a document, unless a statement that says one of these names is broken."""
    syntax = snapshot.whole
    if syntax is None or syntax.tree.root_node.is_error:
        return None
    said = re.compile(rf"\b(?:{'|'.join(map(re.escape, names))})\b")
    broken = (node for node in syntax.tree.root_node.children if node.has_error)
    return None if any(said.search(syntax.text_of(node)) for node in broken) else Scopes.of(syntax)


def _is_seen(there: Snapshot, node: tree_sitter.Node) -> bool:
    """Whether other documents see what is brought in all of this one: a script says so where it is brought."""
    around, is_script = node.parent, _family(there) == "script"
    while is_script and around is not None and around.type not in ("statement_block", "export_statement"):
        around = around.parent
    exports = around.children if around is not None and around.type == "export_statement" else ()
    return not is_script or (bool(exports) and all(child.type != "default" for child in exports))


@dataclass(frozen=True, slots=True)
class _Uses:
    """The uses of a renamed name in another document, by the scopes of that. names: what is imported from there.
    modules: how all of it is called here, and what brings that. strange: names that are imported from elsewhere.
    is_shared: whether names that nothing brings here come from there."""

    scopes: Scopes
    renamed: Exported
    names: Sequence[_Import]
    modules: Mapping[str, Set[int]]
    strange: Set[str]
    is_shared: bool

    @classmethod
    def of(cls, renamed: Exported, there: Snapshot, here: Snapshot, others: Sequence[Snapshot]) -> _Uses | None:
        """None where nothing is taken from there, and where not all can be known."""
        syntax, wanted = here.whole, (renamed.owner, renamed.old, renamed.new)
        names, modules, strange = list[_Import](), dict[str, set[int]](), set[str]()
        for one in _imports(syntax) if syntax is not None else ():
            if one.name in wanted and _is_only(one.module, here, there, others):
                names.append(one)
            elif _is_only(one.whole, here, there, others):
                is_plain = not one.name and one.called == one.module.split(".")[0]  # `import pkg.a` brings `pkg`
                whole = (one.module if is_plain else one.called) or _package(there)
                modules.setdefault(whole, set()).update({one.local.id} if one.local is not None else ())
            else:
                strange.add(one.called)
        is_shared = _package(here) == _package(there) != "" and _folder(here) == _folder(there)
        scopes = _scopes(here, renamed.old, renamed.new) if names or modules or is_shared else None
        if scopes is None or not scopes.foreign.isdisjoint(wanted):
            return None
        return cls(scopes, renamed, names, modules, strange, is_shared)

    def left(self, known: Collection[int]) -> list[Edit]:
        """known: offsets where the new name stands in the place of the old one."""
        old, new, syntax = self.renamed.old, self.renamed.new, self.scopes.syntax
        if self.renamed.owner != old:
            given = sorted(self.scopes.given, key=lambda node: node.start_byte)
            uses = [node for node in given if syntax.text_of(node) == old and self._is_of_owner(node)]
        else:
            nodes, taken = list(self._nodes(old)), {one.taken.id for one in self.names if one.taken is not None}
            looked_up = [node for node in nodes if node.id in self._locals(old) or self._is_looked_up(node)]
            if looked_up and not self._is_clear(looked_up, known):
                return []
            taken.update(node.id for node in looked_up)
            uses = [node for node in nodes if node.id in taken or self._is_member(node)]
        return [renaming.edit(syntax, node, old, new) for node in uses]

    def _is_clear(self, nodes: Sequence[tree_sitter.Node], known: Collection[int]) -> bool:
        """Whether nothing else brings one of the names, and none of these would mean something else by the new one."""
        old, new = self.renamed.old, self.renamed.new
        mixed = (self._brought(node, name) - self._locals(name) for node in nodes for name in (old, new))
        if not self.strange.isdisjoint((old, new)) or any(mixed):
            return False
        strange = (node for node in self._nodes(new) if self.scopes.is_looked_up(node) and not self._brought(node, new))
        return self.is_shared or all(self.scopes.syntax.range_of(node)[0] in known for node in strange)

    def _is_looked_up(self, node: tree_sitter.Node) -> bool:
        """Whether a name is looked up here and found there: by an import that has the old name, or the new one already
        when nothing has the old one any more."""
        if not self.scopes.is_looked_up(node):
            return False
        if brought := self._brought(node, self.renamed.old):
            return brought <= self._locals(self.renamed.old)
        brought = self._brought(node, self.renamed.new)
        return self.is_shared or (bool(brought) and brought <= self._locals(self.renamed.new))

    def _is_member(self, node: tree_sitter.Node) -> bool:
        """Whether a name is that of a member of all that the other document is."""
        dot, syntax = node.prev_sibling, self.scopes.syntax
        owner = dot.prev_sibling if dot is not None and dot.type == "." else None
        wanted = self.modules.get(syntax.text_of(owner)) if owner is not None else None
        if owner is None or wanted is None:
            return False
        start = syntax.range_of(owner)[0]
        first = syntax.node_of(start, start + 1)
        brought, wanted = self._brought(first, syntax.text_of(first)), wanted & self.scopes.scope_of.keys()
        return brought <= wanted and bool(brought) == bool(wanted)

    def _is_of_owner(self, given: tree_sitter.Node) -> bool:
        """Whether a call names the parameter of what is called so there."""
        function, syntax = renaming.call_of(given).child_by_field_name("function"), self.scopes.syntax
        member = function.child_by_field_name("attribute") if function is not None else None
        if member is not None:
            return syntax.text_of(member) == self.renamed.owner and self._is_member(member)
        brought = self._brought(function, syntax.text_of(function)) if function is not None else set[int]()
        return bool(brought) and brought <= self._locals(self.renamed.owner)

    def _locals(self, name: str) -> set[int]:
        """What the imports of a name from there bring here."""
        return {one.local.id for one in self.names if one.name == name and one.local is not None}

    def _brought(self, node: tree_sitter.Node, name: str) -> set[int]:
        return {one.id for one in self.scopes.brought_at(node, name)}

    def _nodes(self, name: str) -> Iterator[tree_sitter.Node]:
        """The nodes that are a word, in the order of the text."""
        syntax = self.scopes.syntax
        found = (syntax.node_of(*match.span()) for match in re.finditer(rf"\b{re.escape(name)}\b", syntax.text))
        return (node for node in found if syntax.text_of(node) == name)


# ---- which document is meant


def _imports(syntax: Syntax) -> Iterator[_Import]:
    compiled = query(syntax.language, "imports")
    for _, found in tree_sitter.QueryCursor(compiled).matches(syntax.tree.root_node) if compiled else ():
        taken, local = (found[kind][0] if kind in found else None for kind in ("name", "local"))
        name, called = (syntax.text_of(one) if one is not None else "" for one in (taken, local))
        yield _Import(syntax.text_of(found["module"][0]), name, taken, called, local)


def _is_only(module: str, here: Snapshot, there: Snapshot, others: Sequence[Snapshot]) -> bool:
    """Whether a module is what one document is, and no other open one may be it. In Go many are the same one."""
    means = _MEANS[_family(here)]
    if not means(module, here, there):
        return False
    alike = (other for other in others if _family(other) == _family(here) and other.uri != there.uri)
    return means is _go or not any(means(module, here, other) for other in alike)


def _python(module: str, here: Snapshot, there: Snapshot) -> bool:
    stem, inner = re.sub(r"(?:/__init__)?\.pyi?$", "", there.path), module.lstrip(".")
    path = inner.replace(".", "/")
    if dots := len(module) - len(inner):
        return stem == posixpath.normpath(posixpath.join(_folder(here), *[".."] * (dots - 1), path))
    root = stem.removesuffix("/" + path)
    around = posixpath.dirname(root) if posixpath.basename(root) in _SOURCES else root
    is_own = path.split("/")[0] not in sys.stdlib_module_names
    return is_own and root != stem and here.path.startswith(around + "/")


def _script(module: str, here: Snapshot, there: Snapshot) -> bool:
    target, stem = posixpath.normpath(posixpath.join(_folder(here), module)), SCRIPT_ENDING.sub("", there.path)
    is_it = target in (there.path, stem, stem.removesuffix("/index")) or SCRIPT_ENDING.sub("", target) == stem
    return module.startswith(".") and is_it


def _go(module: str, here: Snapshot, there: Snapshot) -> bool:
    """The path of an import ends with that of the package, from a folder around it on in which both documents lie."""
    folder = _folder(there)
    root = posixpath.dirname(folder).rstrip("/")
    while root and not here.path.startswith(root + "/"):
        root = posixpath.dirname(root).rstrip("/")
    inner = folder.removeprefix(posixpath.dirname(root).rstrip("/"))
    is_package = bool(root) and not there.name.endswith("_test.go")
    return is_package and ("/" + _VERSION.sub("", module)).endswith(inner)


_MEANS: dict[str, Callable[[str, Snapshot, Snapshot], bool]] = {"python": _python, "script": _script, "go": _go}
"""Whether a module that one document imports is another one, by what the language belongs to."""


def _family(snapshot: Snapshot) -> str:
    return language(snapshot.language).family


def _folder(snapshot: Snapshot) -> str:
    return posixpath.dirname(snapshot.path)


def _package(snapshot: Snapshot) -> str:
    """What a document in Go says that it is a part of."""
    found = _PACKAGE.search(snapshot.text) if _family(snapshot) == "go" else None
    return found[1] if found else ""
