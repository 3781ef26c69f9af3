"""The step of trimming that keeps syntax errors out: a text is put into the document, and the document is parsed."""

from __future__ import annotations

from collections.abc import Iterator

from infill.around import Around
from infill.brackets import balance
from infill.document import Change, Snapshot
from infill.languages import language
from infill.lines import opens_block, width

_HALF_WRITTEN = 4
"""Syntax errors of a line that is being typed; with more, the document says nothing about a text."""


def without_errors(text: str, around: Around) -> str | None:
    """The longest beginning of the text that adds no syntax error to a document that is otherwise sound.

    What the text leaves open counts as completed: a beginning that can go on is no error. Of half a line nobody knows.
    """
    text = text.rstrip()
    syntax = around.snapshot.syntax(around.end)
    if not around.in_code or syntax is None:
        return text
    standing = _errors(around.snapshot, around.end)
    # A window of a long document begins or ends within something, an error of its own.
    whole = len(syntax.text) == len(around.snapshot.text)
    if standing > (_HALF_WRITTEN if whole else 0):
        return text
    known = text.rpartition("\n")[0] if around.within_line else text
    kept = next((part for part in _beginnings(known, around) if not _adds_errors(part, around, standing)), None)
    return text if kept == known else kept


def sound(text: str, around: Around) -> bool:
    """Whether the model ended this text and it leaves no syntax error that is known, or fewer than there were without
    it."""
    if not around.finished or not text:
        return False
    errors = _errors_with(text, around)
    return not errors or errors < _errors(around.snapshot, around.end)


def _beginnings(text: str, around: Around) -> Iterator[str]:
    """The text, then shorter and shorter beginnings of it that might be sound."""
    yield text
    strays = balance(text, around.language).strays
    if strays:
        yield text[: strays[0]].rstrip()
    lines = text.split("\n")
    for count in range(len(lines) - 1, 0, -1):
        yield "\n".join(lines[:count]).rstrip()


def _adds_errors(text: str, around: Around, standing: int) -> bool:
    """Whether the document has more syntax errors with the text, both as it is and with what it leaves open completed:
    a block's head needs a body if none stands below."""
    ending = _completion(text, around)
    return _errors_with(text + ending, around) > standing and (not ending or _errors_with(text, around) > standing)


def _errors_with(text: str, around: Around) -> int:
    written = (around.chosen + text).replace("\n", around.snapshot.newline)
    changed = around.snapshot.edit([Change(around.start, around.end, written)], around.snapshot.version)
    return _errors(changed, around.start + len(written))


def _completion(text: str, around: Around) -> str:
    """What would end the constructs that the text leaves open: brackets, and the body of a Python block; nothing where
    what is deeper below would be the body of a block that has no end."""
    line = around.prefix_line + text
    if line.rstrip().endswith("{") and width(around.line_below) > width(line.rpartition("\n")[2]):
        return ""
    rest = "" if "\n" in text else around.rest
    ending = balance(line + rest, around.language).closing if not rest.strip() else ""
    if around.language == "python" and not rest.strip() and opens_block(language("python"), line.rsplit("\n", 1)[-1]):
        return ending + " pass"
    return ending


def _errors(snapshot: Snapshot, offset: int) -> int:
    syntax = snapshot.syntax(offset)
    return syntax.errors(syntax.start, syntax.start + len(syntax.text)) if syntax else 0
