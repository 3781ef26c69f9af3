"""The step of trimming that keeps syntax errors out: a text is put into the document, and the document is parsed."""

from __future__ import annotations

import re
from collections.abc import Iterator

from infill.around import Around
from infill.brackets import SCRIPTS, balance
from infill.document import Snapshot
from infill.edits import Edit
from infill.languages import Language, language
from infill.lines import left_open, opens_block, width
from infill.syntax import MANY

_MISSING = 6
"""Brackets that may be open at the cursor and not closed below, at most."""
_GOES_ON = re.compile(r"(?:[=+\-*/%&|^<>?:.,!([]|\b(?:and|or|not|in|is|if|else))(?:\s*\\)?$")
"""How code ends behind which something has to stand."""
_TO_COME = (
    (re.compile(r"\s*typedef\b.*{$"), " x;"),
    (re.compile(r"\s*do\s*{$"), " while (x);"),
    (re.compile(r"\s*try\s*{$"), " finally {}"),
    (re.compile(r"\s*import\b.*{$"), " from 'x';"),
    (re.compile(r"\s*#\s*if"), "\n#endif"),
    (re.compile(r"\s*<[\w.]+(?:\s[^>]*)?$"), " />"),
)
"""How lines begin whose statement has another part, behind the brackets that they open, and that part."""
_TAG = re.compile(r"<(/?)([\w.]+)(?:\s(?:[^<>]|=>)*)?(?<!/)>")
_LONG_QUOTES = ("`", 3 * '"', 3 * "'")
_HALF_WRITTEN = 4
"""Syntax errors of a line that is being typed, or of a window that begins or ends within something; with more, the
document says nothing about a text."""


def without_errors(text: str, around: Around) -> str | None:
    """The longest beginning of the text that adds no syntax error to a document that is otherwise sound.

    What the text leaves open counts as completed: a beginning that can go on is no error. Of half a line nobody knows.
    """
    text = text.rstrip()
    if not around.in_code:
        return text
    standing, belows = around.snapshot.derived(
        lambda _: _standing(around), (without_errors, around.start, around.end, around.chosen)
    )
    if standing > _HALF_WRITTEN:
        return text
    known = text[: _known(text, around)] if around.within_line else text
    parts = _beginnings(known, around)
    fitting = (part for part in parts if any(_fewest(part, around, below, standing) <= standing for below in belows))
    kept = next(fitting, None)
    return text if kept == known else kept


def sound(text: str, around: Around) -> bool:
    """Whether the model ended this text and it leaves no syntax error that is known, or fewer than there were without
    it."""
    if not around.finished:
        return False
    errors = _errors_with(text, around)
    return not errors or errors < _errors(around.snapshot, around.end)


def _known(text: str, around: Around) -> int:
    """How much of a text that ends within a line can be judged: whole lines and, where code follows, up to the last
    bracket that closes what was open before it."""
    strays = balance(text, around.language).strays if around.rest.strip() else ()
    return max(0, text.rfind("\n"), strays[-1] + 1 if strays else 0)


def _beginnings(text: str, around: Around) -> Iterator[str]:
    """The text, then shorter and shorter beginnings of it that might be sound."""
    yield text
    strays = balance(text, around.language).strays
    if strays:
        yield text[: strays[0]].rstrip()
    lines = text.split("\n")
    for count in range(len(lines) - 1, 0, -1):
        yield "\n".join(lines[:count]).rstrip()


def _standing(around: Around) -> tuple[int, tuple[int, ...]]:
    """The syntax errors of the document without the text, and how many of the brackets that are open at the cursor may
    be closed below: where an editor closes none, there are fewer errors when they are closed at the cursor. Of the
    numbers that leave the fewest the most and the least; a window, whose beginning is closed below, cannot tell them
    apart. Of MANY errors no bracket leaves few."""
    opened = len(around.brackets().closing)
    standing = _errors_with("", around)
    if standing in (0, MANY):
        return standing, (opened,)
    errors = {below: _fewest("", around, below) for below in range(opened, max(opened - _MISSING, 0) - 1, -1)}
    fewest = min(errors.values())
    alike = [below for below, count in errors.items() if count == fewest]
    return fewest, (alike[0], *alike[1:][-1:])


def _fewest(text: str, around: Around, below: int, enough: int = 0) -> int:
    """The syntax errors of the document with the text, however it goes on; so few are enough. below: the outermost
    brackets that are closed below."""
    fewest = _errors_with(text, around)
    for ending in _endings(text, around, below):
        if fewest <= enough:
            break
        fewest = min(fewest, _errors_with(text + ending, around))
    return fewest


def _errors_with(text: str, around: Around) -> int:
    """The syntax errors of the document with exactly this text."""
    written = (around.chosen + text).replace("\n", around.snapshot.newline)
    hole = Edit(around.start, around.end, written)

    def count(snapshot: Snapshot) -> int:
        return _errors(snapshot.edit([hole], snapshot.version), hole.start + len(written))

    return around.snapshot.derived(count, (_errors_with, hole))


def _endings(text: str, around: Around, below: int) -> Iterator[str]:
    """What may end the constructs that a text and the lines above it leave open, but for the brackets closed below.

    A head needs a body, unless what is deeper below would be the body of a block that has no end; behind an operator, a
    comma or an opening bracket something stands, and in a remark nothing does.
    """
    row, line = language(around.language), around.prefix_line + text
    last = line.rpartition("\n")[2]
    if ("\n" not in text and around.rest.strip()) or (last.endswith("{") and width(around.line_below) > width(last)):
        return
    every = around.brackets(text).closing
    closing = every[: max(0, len(every) - below)]
    own = len(balance(line, row.id).closing)
    for operand in ("", " x") if _GOES_ON.search(last) else ("",):
        start = _next_line(last, row) + operand
        yield start + closing
        if row.id != "python":
            yield start + closing[:own] + ";" + closing[own:]
            yield start + closing[:own] + " {}" + closing[own:]
        elif opens_block(row, last + operand + closing):
            yield start + closing + " pass"
        elif (closing or operand) and not last.endswith(":"):
            yield start + closing + ": pass"
    for part in _parts_to_come(line, last, row):
        yield closing[:own] + part + closing[own:]


def _next_line(last: str, row: Language) -> str:
    """The line end behind which a line goes on that ends in a remark or with the sign that it is but the first."""
    remark = left_open(row, last)
    return "\n" if last.endswith("\\") or (remark and remark[1] == row.line_comment) else ""


def _parts_to_come(line: str, last: str, row: Language) -> Iterator[str]:
    """The other parts of a statement of which a text has but the first."""
    if (quote := balance(line, row.id).quote) and (mark := next(filter(line[quote[0] :].startswith, _LONG_QUOTES), "")):
        yield mark
    yield from (part for begins, part in _TO_COME if begins.match(last))
    tags = list[str]()
    for closes, name in _TAG.findall(line) if row.id in SCRIPTS else ():
        tags = tags[: tags.index(name)] if closes and name in tags else [*tags, name]
    if tags:
        yield "".join(f"</{name}>" for name in reversed(tags))


def _errors(snapshot: Snapshot, offset: int) -> int:
    syntax = snapshot.syntax(offset)
    return syntax.errors(syntax.start, syntax.start + len(syntax.text)) if syntax else 0
