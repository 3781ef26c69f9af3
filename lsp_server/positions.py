"""Position <-> offset, always against a snapshot and in the encoding agreed on in `initialize`.

The only home of UTF-8, UTF-16 and UTF-32 units (LSP 3.18, "Position" and "Text Documents"); everywhere else an offset
is a number of code points.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from lsprotocol import types

if TYPE_CHECKING:
    from infill.document import Snapshot
    from infill.edits import Edit

Encoding = Literal["utf-8", "utf-16", "utf-32"]

_ASTRAL = re.compile("[\U00010000-\U0010ffff]")


def to_offset(snapshot: Snapshot, position: types.Position, encoding: Encoding) -> int:
    """The offset a position names.

    A position beyond its line's end is the line's end (before the line ending, so never inside CRLF), one beyond the
    last line is the end of the text, and one inside a character is the start of that character.
    """
    if position.line >= snapshot.line_count:
        return len(snapshot.text)
    start, end = snapshot.line_range(max(position.line, 0))
    units = max(position.character, 0)
    return start + _characters(snapshot.text, start, min(end, start + units), units, encoding)


def to_position(snapshot: Snapshot, offset: int, encoding: Encoding) -> types.Position:
    """The position of an offset; an offset outside the text is clamped, one inside CRLF is the line's end."""
    offset = min(max(offset, 0), len(snapshot.text))
    line = snapshot.line_of(offset)
    start, end = snapshot.line_range(line)
    return types.Position(line=line, character=_units(snapshot.text[start : min(offset, end)], encoding))


def to_span(snapshot: Snapshot, given: types.Range, encoding: Encoding) -> tuple[int, int]:
    """(start, end) of a range, in ascending order whatever order the client sent."""
    first, last = to_offset(snapshot, given.start, encoding), to_offset(snapshot, given.end, encoding)
    return min(first, last), max(first, last)


def to_range(snapshot: Snapshot, start: int, end: int, encoding: Encoding) -> types.Range:
    """The range of [start, end)."""
    return types.Range(to_position(snapshot, start, encoding), to_position(snapshot, end, encoding))


def to_edits(snapshot: Snapshot, changes: Sequence[Edit], encoding: Encoding) -> list[types.TextEdit]:
    """Edits as the client counts."""
    return [types.TextEdit(to_range(snapshot, one.start, one.end, encoding), one.text) for one in changes]


def _units(text: str, encoding: Encoding) -> int:
    """How many units of the encoding a text takes."""
    if encoding == "utf-32" or text.isascii():
        return len(text)
    if encoding == "utf-8":
        return len(text.encode("utf-8", "surrogatepass"))
    return len(text) + sum(1 for _ in _ASTRAL.finditer(text))


def _characters(text: str, start: int, end: int, units: int, encoding: Encoding) -> int:
    """How many whole characters of text[start:end] fit in `units`; it holds that many units or ends with the line."""
    if encoding == "utf-32" or text.isascii():
        return end - start
    if encoding == "utf-8":
        raw = text[start:end].encode("utf-8", "surrogatepass")
        while units < len(raw) and raw[units] & 0xC0 == 0x80:
            units -= 1
        return len(raw[:units].decode("utf-8", "surrogatepass"))
    pairs = 0
    for astral in _ASTRAL.finditer(text, start, end):
        at = astral.start() - start
        if at + pairs + 2 > units:
            return min(at, units - pairs)
        pairs += 1
    return min(end - start, units - pairs)
