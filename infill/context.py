"""What other files have to say: signatures of what is imported, what was just edited, what looks alike, what is called
as a name begins; and what the other cells of a notebook do, which go before and after one as if they were one text.

Each source is a function (snapshot, hole, others) -> snippets. Whose name forbids it is not among the others: who
hands them on knows the folders that they lie in. What a text itself gives away is looked at in `gather`.
"""

from __future__ import annotations

import posixpath
import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from operator import itemgetter

from infill.document import Snapshot
from infill.filler import Snippet
from infill.indentation import level_of
from infill.languages import SCRIPT_ENDING, keywords, language
from infill.manners import denied_text, under
from infill.outline import outline
from infill.rank import identifiers

_IMPORTED, _EDITED = 1.0, 0.6
"""Scores of an imported file's signatures and of the latest edit; what looks alike has its similarity."""
_FILES = 8
"""Other files that are looked at for edits and likeness; any number may be imported."""
_REGION = 6
"""Lines shown above and below an edit."""
_WINDOW, _STRIDE = 20, 10
"""Lines of a run, and from the beginning of one to that of the next."""
_LINES = 4_000
"""Lines of another file that are compared."""
_ALIKE = 0.25
"""Jaccard similarity under which two regions have nothing to say to each other (training/LOG.md)."""
_NEAR = 1_500
"""Code points above a line whose names are compared."""
_BEGUN = re.compile(r"(?<!\w)[^\W\d]\w{2,}+\Z")
"""A name that has begun, with as much of it as tells it from most others."""
_FEW = 4
"""Lines that define names which begin so, at most, for these to be worth reading."""
_HEAD_OF = re.compile(r"(?:func \([^)]*\) )?([\w~$](?:\w|[ \t*&~$-]|::|\[\])*)(?:[(=:{;<,?!]|$)")
"""What a line defines, with words that say what it is; no statement, comment or decorator."""
_NAME = re.compile(r"[^\W\d]\w{2,}")
_NAMES_ANEW = re.compile(r"\b(?:class|enum|fn|func|function|interface|record|struct|trait|type)\s+\Z")
"""What stands before a name that is not another file's."""
_WIDEST = 160
"""Code points of a line that defines a name."""
_OWN = frozenset(("self", "this", "cls"))
"""Names that mean something else everywhere."""
_HEAD = 16_000
"""Code points of a file in which its imports are looked for."""
_PACKAGE = frozenset(("__init__", "index", "mod", "lib"))
"""Files that stand for their folder."""
_QUOTED = re.compile(r"""["'<]([^"'<>\n]+)["'>]""")
_PYTHON_FROM = re.compile(r"^[ \t]*from[ \t]+(\.*+)([\w.]*+)[ \t]+import[ \t]+(\([^)]*\)|[^\n#]*)", re.MULTILINE)
_PYTHON_REMARK = re.compile(r"#.*")
_PYTHON_IMPORT = re.compile(r"^[ \t]*import[ \t]+([^\n#]+)", re.MULTILINE)
_SCRIPT = re.compile(
    r"""^(?:import|export)\b[^;"'=:()]{0,2000}["']([^"'\n]+)|\b(?:require|import)\(\s*["']([^"'\n]+)""", re.MULTILINE
)
"""What an `export` defines, a type, a value, a function, has one of these marks before it has a quote. A list of names
is not read to the end of the file for each of thousands of lines that say `import` alone."""
_GO = re.compile(r"^import\s*(?:\([^)]*\)|[^\n]*)", re.MULTILINE)
_INCLUDE = re.compile(r"""^[ \t]*#[ \t]*include[ \t]*[<"]([^>"\n]+)""", re.MULTILINE)
_RUST = re.compile(r"^[ \t]*(?:pub\b[^\n;]*?)?\b(?:use\s+([^;]{1,1000});|mod\s+(\w+))", re.MULTILINE)
_RUST_GROUP = re.compile(r"(?<![\w:])([\w:]*+)\{([^{}]*+)\}")
"""Paths that begin alike: `shop::{cart, tax}`."""
_JAVA = re.compile(r"^import\s+(?:static\s+)?([\w.*]+)\s*;", re.MULTILINE)


def gather(
    snapshot: Snapshot,
    hole: tuple[int, int],
    others: Sequence[Snapshot],
    *,
    imports: bool = True,
    recent_edits: bool = True,
    open_files: bool = True,
) -> list[Snippet]:
    """Snippets of the other open files for a hole [start, end), most recently edited first in `others`. Generated,
    minified and huge ones and those with keys in them are not looked at."""
    wanted = [(imported, imports), (recently_edited, recent_edits), (alike, open_files)]
    sources: list[Source] = [source for source, on in wanted if on]
    if not sources or not others:
        return []
    readable = _readable(snapshot, others)
    return [snippet for source in sources for snippet in source(snapshot, hole, readable)]


def begun(snapshot: Snapshot, hole: tuple[int, int], others: Sequence[Snapshot]) -> str:
    """Where a name begins before a hole, remarks that say which it may be: the lines that define such names in files of
    its language that are imported or lie in the same folder, or else in others.

    Empty where more than a few do, and where a name in sight begins so.
    """
    row, line = language(snapshot.language), snapshot.line_range(snapshot.line_of(hole[0]))[0]
    tables = _defined(snapshot, others)  # made where no name begins, too, so that no key has to wait for all of them
    found = _BEGUN.search(snapshot.text, max(line, hole[0] - _NEAR), hole[0])
    if found is None or _NAMES_ANEW.search(snapshot.text, line, found.start()):
        return ""
    sides = snapshot.before(found.start())[-_NEAR:], snapshot.after(hole[1])[:_NEAR]
    if any(name.startswith(found[0]) for name in identifiers("\n".join(sides)) | keywords(row)):
        return ""
    for some in tables:
        lines = dict.fromkeys(text for one in some for text in one.beginning(found[0]).values())
        if 0 < len(lines) <= _FEW:
            return "\n".join(f"{row.line_comment} {text}" for text in lines)
    return ""


def _defined(snapshot: Snapshot, others: Sequence[Snapshot]) -> tuple[list[_Defined], list[_Defined]]:
    """What files in its language define: those that are imported or lie in the same folder, and others."""
    near, far = list[Snapshot](), list[Snapshot]()
    for other in _readable(snapshot, others):
        if _family(other.language) == _family(snapshot.language):
            beside = posixpath.dirname(other.path) == posixpath.dirname(snapshot.path)
            (near if beside or _imports(snapshot, other) else far).append(other)
    return [one.derived(_Defined) for one in near], [one.derived(_Defined) for one in far[:_FILES]]


def _readable(snapshot: Snapshot, others: Sequence[Snapshot]) -> list[Snapshot]:
    return [other for other in others if other.uri != snapshot.uri and not other.derived(_denied_text)]


def usual_level(snapshot: Snapshot, others: Sequence[Snapshot], root: str | None) -> str:
    """By how much a block is indented in the other files of the language that lie in the same opened folder, the most
    recently edited first; empty where none has one."""
    own = (one for one in others if _family(one.language) == _family(snapshot.language))
    near = (one for one in own if (root is None or under(one.path, root) is not None) and not one.derived(_denied_text))
    return next(filter(None, (one.derived(level_of) for one in near)), "")


def in_cell(cell: Snapshot, above: Sequence[Snapshot], below: Sequence[Snapshot]) -> Snapshot:
    """A cell of a notebook with the code of the others, those in its language that may be read."""
    before, after = ("\n\n".join(_code(one, cell.language)) for one in (above, below))
    same = (before, after) == (cell.above, cell.below)
    return cell if same else replace(cell, above=before, below=after, _derived={})


def _code(cells: Sequence[Snapshot], language_id: str) -> Iterator[str]:
    for cell in cells:
        if _family(cell.language) == _family(language_id) and not cell.derived(_denied_text):
            yield from filter(str.strip, [cell.lf(0, len(cell.text)).rstrip()])


Source = Callable[[Snapshot, tuple[int, int], Sequence[Snapshot]], list[Snippet]]


def imported(snapshot: Snapshot, hole: tuple[int, int], others: Sequence[Snapshot]) -> list[Snippet]:
    """Of the other files that the file around a hole imports, the signatures of what is named on its lines."""
    names, found = _named(snapshot, hole), list[Snippet]()
    for other in others:
        if _imports(snapshot, other):
            wanted = [one.text for one in other.derived(outline) if not names.isdisjoint(one.names)]
            if wanted:
                found.append(Snippet(other.short_path, "\n".join(wanted), _IMPORTED))
    return found


def recently_edited(snapshot: Snapshot, hole: tuple[int, int], others: Sequence[Snapshot]) -> list[Snippet]:
    """The lines around the last edit of each other file, if what was edited is named on the lines of the hole; the
    latest file first."""
    names, found = _named(snapshot, hole), list[Snippet]()
    for age, other in enumerate([other for other in others[:_FILES] if other.history]):
        edit = other.history[-1]
        first = other.line_of(edit.start)
        last = min(other.line_of(edit.start + len(edit.inserted)), first + 4 * _REGION)
        changed = other.lf(other.line_range(first)[0], other.line_range(last)[1])
        if not names.isdisjoint(identifiers(f"{changed[:_NEAR]} {edit.removed[:_NEAR]}")):
            first = max(0, first - _REGION)
            last = min(other.line_count - 1, last + _REGION, first + 4 * _REGION)
            text = other.lf(other.line_range(first)[0], other.line_range(last)[1])
            found.append(Snippet(other.short_path, text, _EDITED / (1 + age)))
    return found


def alike(snapshot: Snapshot, hole: tuple[int, int], others: Sequence[Snapshot]) -> list[Snippet]:
    """Of the other files in the same language, the lines that share most names with those above the hole's."""
    start = snapshot.line_range(snapshot.line_of(hole[0]))[0]  # a line begun changes nothing: what was read stays read
    names = identifiers(snapshot.text[max(0, start - _NEAR) : start])
    near = [other for other in others if _family(other.language) == _family(snapshot.language)][:_FILES]
    score, line, other = max(
        ((*other.derived(_Windows).best(names), other) for other in near), key=itemgetter(0), default=(0.0, 0, snapshot)
    )
    if score < _ALIKE:
        return []
    last = min(line + _WINDOW, other.line_count) - 1
    return [Snippet(other.short_path, other.lf(other.line_range(line)[0], other.line_range(last)[1]), score)]


class _Defined:
    """The names in a file's outline, each with the first line that defines it. In Go a name stands before its type."""

    def __init__(self, snapshot: Snapshot) -> None:
        row, self._lines = language(snapshot.language), dict[str, str]()
        for line in (line.strip() for one in snapshot.derived(outline) for line in one.text.split("\n")):
            head = _HEAD_OF.match(line)
            names = [name for name in _NAME.findall(head[1]) if name not in keywords(row)] if head else []
            if names:
                self._lines.setdefault(names[0 if row.id == "go" else -1], line[:_WIDEST])
        self._names = sorted(self._lines)

    def beginning(self, begun: str) -> dict[str, str]:
        """The names that begin so, and their lines."""
        first, last = (bisect_left(self._names, end) for end in (begun, begun + "\U0010ffff"))
        return {name: self._lines[name] for name in self._names[first:last]}


def _named(snapshot: Snapshot, hole: tuple[int, int]) -> frozenset[str]:
    """The names on the lines of a hole, which are the cursor's or those that a repair looks at."""
    start, end = (snapshot.line_of(at) for at in hole)
    text = snapshot.text[snapshot.line_range(start)[0] : snapshot.line_range(end)[1]]
    return identifiers(text) - keywords(language(snapshot.language)) - _OWN


class _Windows:
    """The overlapping runs of lines of a file and the names in each, found by name."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._sizes: list[int] = []
        self._having: dict[str, list[int]] = {}
        for line in range(0, max(1, min(snapshot.line_count, _LINES) - _WINDOW + _STRIDE), _STRIDE):
            end = snapshot.line_range(min(line + _WINDOW, snapshot.line_count) - 1)[1]
            names = identifiers(snapshot.text[snapshot.line_range(line)[0] : end])
            for name in names:
                self._having.setdefault(name, []).append(len(self._sizes))
            self._sizes.append(len(names))

    def best(self, names: frozenset[str]) -> tuple[float, int]:
        """The highest Jaccard similarity with these names, and the first line of the run that has it."""
        shared = Counter(window for name in names for window in self._having.get(name, ()))
        scores = ((count / (self._sizes[window] + len(names) - count), -window) for window, count in shared.items())
        score, window = max(scores, default=(0.0, 0))
        return score, -window * _STRIDE


def _denied_text(snapshot: Snapshot) -> str | None:
    return denied_text(snapshot.text)


def _family(language_id: str) -> str:
    return language(language_id).family


# ---- imports


def _modules(snapshot: Snapshot) -> frozenset[str]:
    """What the file imports, as path ends without extension: `/a/b` for any folder, or a whole path."""
    head, folder = snapshot.before(min(len(snapshot.text), _HEAD))[:_HEAD], posixpath.dirname(snapshot.path)
    find = _IMPORTS.get(_family(snapshot.language))
    return frozenset(find(head, folder)) if find else frozenset()


def _imports(snapshot: Snapshot, other: Snapshot) -> bool:
    stem = _stem(other.path)
    return any(_is_module(stem, module) for module in snapshot.derived(_modules))


def _python(head: str, folder: str) -> Iterator[str]:
    for dots, module, names in _PYTHON_FROM.findall(head):
        base = "/" + module.replace(".", "/") if module else ""
        if dots:
            base = posixpath.normpath(posixpath.join(folder, *[".."] * (len(dots) - 1))) + base
        listed = _PYTHON_REMARK.sub("", names).strip("()").split(",")
        members = [name.split()[0] for name in listed if name.strip()]
        yield from [base, *(f"{base}/{name}" for name in members)] if base else []
    for names in _PYTHON_IMPORT.findall(head):
        yield from ("/" + name.split()[0].replace(".", "/") for name in names.split(",") if name.strip())


def _script(head: str, folder: str) -> Iterator[str]:
    for found in _SCRIPT.findall(head):
        name = SCRIPT_ENDING.sub("", found[0] or found[1])
        if name.startswith("."):
            yield posixpath.normpath(posixpath.join(folder, name))
        else:
            # An alias such as `@/` stands for a folder that only the bundler knows.
            yield "/" + re.sub(r"^[@~]/?", "", name)


def _go(head: str, folder: str) -> Iterator[str]:
    return (f"/{name}/*" for statement in _GO.findall(head) for name in _QUOTED.findall(statement))


def _c(head: str, folder: str) -> Iterator[str]:
    for name in _INCLUDE.findall(head):
        yield "/" + posixpath.splitext(posixpath.normpath(name))[0].lstrip("./")


def _rust(head: str, folder: str) -> Iterator[str]:
    for paths, module in _RUST.findall(head):
        if module:
            yield "/" + module
        while group := _RUST_GROUP.search(paths):
            spelled = ",".join(group[1] + path.strip() for path in group[2].split(","))
            paths = paths[: group.start()] + spelled + paths[group.end() :]
        for path in paths.split(","):
            parts = [part for part in re.findall(r"\w+", path) if part not in ("crate", "self", "super")]
            yield from ("/" + "/".join(parts[:n]) for n in range(len(parts), 0, -1))


def _java(head: str, folder: str) -> Iterator[str]:
    for path in _JAVA.findall(head):
        parts = path.split(".")
        yield from ("/" + "/".join(parts[:n]) for n in (len(parts), len(parts) - 1) if n > 1)


_IMPORTS: dict[str, Callable[[str, str], Iterator[str]]] = {
    "python": _python,
    "script": _script,
    "go": _go,
    "c": _c,
    "rust": _rust,
    "java": _java,
}


def _stem(path: str) -> str:
    """A file's path without extension."""
    stem = re.sub(r"(?:\.d)?\.\w+$", "", path)
    return stem if stem.startswith("/") else "/" + stem


def _is_module(stem: str, module: str) -> bool:
    """Whether a file is that module: its own file, its package's, or any file of its folder for `/*`."""
    if module.endswith("/*"):
        # A Go import begins with a host and a repository that the folders on disk need not be named after.
        wanted = module.split("/")[1:-1][-2:]
        return posixpath.dirname(stem).split("/")[-len(wanted) :] == wanted
    folder, _, name = stem.rpartition("/")
    stems = [stem, folder] if name in _PACKAGE else [stem]
    return bool(module.strip("/")) and any(
        one == module or (module[0] == "/" and one.endswith(module)) for one in stems
    )
