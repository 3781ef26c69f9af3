"""Code among words: between the fences of Markdown, in the literal blocks of reStructuredText."""

from __future__ import annotations

import re
from collections.abc import Sequence

from infill.languages import Language, language, language_of_path
from infill.lines import width

_FENCE = re.compile(r"[ \t>]*(`{3,}|~{3,})[ \t]*\{?\.?([\w.+#-]*)(?!.*`)")
_LITERAL = re.compile(r"\s*\.\. (?:code|code-block|sourcecode)::[ \t]*([\w.+#-]*)|.*::$")


def row_of(row: Language, lines: Sequence[str], line: str) -> Language:
    """The row of what is written on a line among words of this row: of its own, if it is code. Nobody parses that, so
    its row has no grammar. lines: those above."""
    name = _fenced(lines)
    name = _literal(lines, line) if name is None else name
    if name is None:
        return row
    found = language(language_of_path(f"a.{name}") or name)  # people write `yml` as well as `yaml`
    return Language(found.id, line_comment=found.line_comment, block=found.block)


def _fenced(lines: Sequence[str]) -> str | None:
    """What the fence that is open below some lines says of its language, or None. A fence that names one opens, even if
    the one above it has no end: the lines may begin in the middle of a text."""
    opened, name = "", ""
    for fence in filter(None, map(_FENCE.match, lines)):
        if fence[2] or not opened:
            opened, name = fence[1], fence[2]
        elif fence[1].startswith(opened):
            opened = ""
    return name if opened else None


def _literal(lines: Sequence[str], line: str) -> str | None:
    """What the head of the literal block around a line says of its language, or None."""
    depth = width(line + ".")
    for above in reversed(lines):
        if above.strip() and width(above) < depth:
            depth = width(above)
            if head := _LITERAL.match(above.rstrip()):
                return head[1] or ""
        if not depth:
            break
    return None
