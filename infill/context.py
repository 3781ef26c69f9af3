"""What other files have to say: signatures of what is imported, what was just edited, what looks alike.

Each source is a function (snapshot, cursor, others) -> snippets. `gather` is the only one that decides who may be read.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Sequence
from pathlib import Path

from infill.document import Snapshot
from infill.filler import Snippet
from infill.languages import Language, language
from infill.manners import denied
from infill.outline import outline
from infill.rank import identifiers, overlap

_IMPORTED, _EDITED = 1.0, 0.6
_FILES = 8
"""Other files that are looked at for edits and likeness; any number may be imported."""
_REGION = 6
"""Lines shown above and below an edit."""
_WINDOW, _STRIDE = 20, 10
_ALIKE = 0.08
"""Jaccard similarity under which two regions have nothing to say to each other."""
_NEAR = 1_500

_QUOTED = re.compile(r"""["'<]([^"'<>\n]+)["'>]""")
_FROM = re.compile(r"from\s+(\.*)([\w.]*)\s+import\s+\(?([^)#]*)", re.DOTALL)
_IMPORT = re.compile(r"import\s+([\w.,\s]+?)(?:\s+as\s+\w+)?\s*$")


def gather(
    snapshot: Snapshot,
    cursor: int,
    others: Sequence[Snapshot],
    *,
    imports: bool = True,
    recent_edits: bool = True,
    open_files: bool = True,
    exclude: Sequence[str] = (),
    root: str | Path | None = None,
) -> list[Snippet]:
    """Snippets of the other open files, most recently edited first in `others`. Denied files are not looked at."""
    wanted = [(imported, imports), (recently_edited, recent_edits), (alike, open_files)]
    sources: list[Source] = [source for source, on in wanted if on]
    if not sources:
        return []
    readable = [other for other in others if other.uri != snapshot.uri and not _denied(other, exclude, root)]
    return [snippet for source in sources for snippet in source(snapshot, cursor, readable)]


Source = Callable[[Snapshot, int, Sequence[Snapshot]], list[Snippet]]


def imported(snapshot: Snapshot, cursor: int, others: Sequence[Snapshot]) -> list[Snippet]:
    """Signatures of the other files that the file around the cursor imports."""
    modules = snapshot.derived(_modules)
    found = []
    for other in others:
        if any(_is_module(other.path, module) for module in modules):
            text = other.derived(outline)
            if text:
                found.append(Snippet(other.short_path, text, _IMPORTED))
    return found


def recently_edited(snapshot: Snapshot, cursor: int, others: Sequence[Snapshot]) -> list[Snippet]:
    """The lines around the last edit of each other file that was edited, the latest file first."""
    found = []
    for age, other in enumerate([other for other in others[:_FILES] if other.history]):
        edit = other.history[-1]
        first = max(0, other.line_of(edit.start) - _REGION)
        last = min(other.line_count - 1, other.line_of(edit.start + len(edit.inserted)) + _REGION)
        last = min(last, first + 4 * _REGION)
        text = other.lf(other.line_range(first)[0], other.line_range(last)[1])
        found.append(Snippet(other.short_path, text, _EDITED / (1 + age)))
    return found


def alike(snapshot: Snapshot, cursor: int, others: Sequence[Snapshot]) -> list[Snippet]:
    """Of each other file in the same language, the lines that share most names with those before the cursor."""
    names = identifiers(snapshot.text[max(0, cursor - _NEAR) : cursor])
    found = []
    for other in others[:_FILES]:
        if _family(other.language) != _family(snapshot.language):
            continue
        windows = other.derived(_windows)
        score, first, last = max(((overlap(w, names), a, b) for w, a, b in windows), default=(0.0, 0, 0))
        if score >= _ALIKE:
            found.append(Snippet(other.short_path, other.lf(first, last), score))
    return found


def _denied(snapshot: Snapshot, exclude: Sequence[str], root: str | Path | None) -> bool:
    return bool(snapshot.derived(_denied_text) or denied(snapshot.uri, None, exclude, root))


def _denied_text(snapshot: Snapshot) -> str | None:
    return denied("untitled:", snapshot.text)


def _windows(snapshot: Snapshot) -> list[tuple[frozenset[str], int, int]]:
    """Overlapping runs of lines as (names, start, end)."""
    runs = []
    for line in range(0, max(1, snapshot.line_count - _WINDOW + _STRIDE), _STRIDE):
        start = snapshot.line_range(line)[0]
        end = snapshot.line_range(min(line + _WINDOW, snapshot.line_count) - 1)[1]
        runs.append((identifiers(snapshot.text[start:end]), start, end))
    return runs


def _family(language_id: str) -> str:
    row = language(language_id)
    script = ("javascript", "typescript")
    return "script" if row.queries in script else "c" if row.queries in ("c", "cpp") else row.queries or row.id


# ---- imports


def _modules(snapshot: Snapshot) -> frozenset[str]:
    """What the file imports, as path ends without extension: `/a/b` for any folder, or a whole path."""
    row = language(snapshot.language)
    syntax = snapshot.syntax(0)
    statements = [syntax.text_of(node) for name, node in syntax.captures() if name == "import"] if syntax else []
    folder = posixpath.dirname(snapshot.path)
    return frozenset(module for text in statements for module in _named(row, text, folder))


def _named(row: Language, statement: str, folder: str) -> list[str]:
    if row.queries == "python":
        return _python(statement, folder)
    if row.queries in ("javascript", "typescript"):
        return [_relative(name, folder) for name in _QUOTED.findall(statement)]
    if row.queries == "go":
        return ["/" + name + "/*" for name in _QUOTED.findall(statement)]
    if row.queries in ("c", "cpp"):
        stems = (posixpath.splitext(posixpath.normpath(name))[0] for name in _QUOTED.findall(statement))
        return ["/" + stem.lstrip("./") for stem in stems]
    if row.queries == "rust":
        return _rust(statement)
    parts = re.findall(r"\w+|\*", statement.removeprefix("import").replace("static ", " "))
    return ["/" + "/".join(parts[:n]) for n in (len(parts), len(parts) - 1) if n > 1]


def _python(statement: str, folder: str) -> list[str]:
    if found := _FROM.match(statement):
        dots, module, names = found.groups()
        base = "/" + module.replace(".", "/") if module else ""
        if dots:
            base = posixpath.normpath(posixpath.join(folder, *[".."] * (len(dots) - 1))) + base
        members = [name.split()[0] for name in names.split(",") if name.strip()]
        return [base, *(f"{base}/{name}" for name in members)] if base else []
    found = _IMPORT.match(statement)
    return ["/" + name.split()[0].replace(".", "/") for name in found[1].split(",") if name.strip()] if found else []


def _relative(name: str, folder: str) -> str:
    """A module specifier: relative to the importing file, or the end of a path behind an alias such as `@/`."""
    if name.startswith("."):
        return posixpath.splitext(posixpath.normpath(posixpath.join(folder, name)))[0]
    return "/" + posixpath.splitext(re.sub(r"^[@~]/?", "", name))[0]


def _rust(statement: str) -> list[str]:
    if module := re.match(r"(?:pub\s+)?mod\s+(\w+)", statement):
        return ["/" + module[1]]
    skipped = ("use", "pub", "crate", "self", "super")
    parts = [part for part in re.findall(r"\w+", statement.split("{")[0]) if part not in skipped]
    return ["/" + "/".join(parts[:n]) for n in range(len(parts), 0, -1)]


def _is_module(path: str, module: str) -> bool:
    """Whether a file is that module: its own file, its package's, or any file of its folder for `/*`."""
    stem = re.sub(r"(?:\.d)?\.\w+$", "", path)
    stem = stem if stem.startswith("/") else "/" + stem
    if module.endswith("/*"):
        # A Go import begins with a host and a repository that the folders on disk need not be named after.
        wanted = module.split("/")[1:-1][-2:]
        return posixpath.dirname(stem).split("/")[-len(wanted) :] == wanted
    stem = re.sub(r"/(?:__init__|index|mod|lib)$", "", stem)
    return bool(module.strip("/")) and (stem == module or (stem.endswith(module) and module.startswith("/")))
