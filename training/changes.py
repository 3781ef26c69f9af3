"""Real edits: what changed between two releases of a package.

The newer text is what is right; an edit says what stood there before: (start, end, old), offsets in code points of the
newer text. `training.samples` shows the lines around it with the old text as a draft and asks for the new one.
"""

from __future__ import annotations

from collections.abc import Iterator
from difflib import SequenceMatcher

from infill.edits import common
from infill.languages import language
from training.bugs import lexemes

LINES = 4
"""The most lines of either side of an edit."""
CHARS = 300
"""The most characters of either side."""
ALIKE = 0.5
"""How alike the two sides are at least (difflib's ratio): less is a rewrite, which nobody could guess."""

Edit = tuple[int, int, str]


def edits(older: str, newer: str, language_id: str) -> Iterator[Edit]:
    """Small edits of code between two texts of a file, in order, without the words that both sides begin or end with.

    What only touches comments, strings or blanks is none, and so is a rewrite. Lines that came or went are an edit of
    the line behind them.
    """
    old, new = older.splitlines(keepends=True), newer.splitlines(keepends=True)
    starts = [0]
    for line in new:
        starts.append(starts[-1] + len(line))
    comment = language(language_id).line_comment
    for tag, a, b, c, d in SequenceMatcher(None, old, new).get_opcodes():
        if tag in ("insert", "delete"):
            b, d = b + 1, d + 1
        if tag == "equal" or b > len(old) or d > len(new) or max(b - a, d - c) > LINES:
            continue
        before, after = "".join(old[a:b]), "".join(new[c:d])
        if max(len(before), len(after)) <= CHARS and _same_place(before, after, comment):
            head, tail = _shared(before, after)
            yield starts[c] + head, starts[d] - tail, before[head : len(before) - tail]


def _same_place(before: str, after: str, comment: str) -> bool:
    """Whether one is an edit of the other's code."""
    one, other = ([lexeme.text for lexeme in lexemes(text, comment)] for text in (before, after))
    return one != other and SequenceMatcher(None, before, after, autojunk=False).ratio() >= ALIKE


def _shared(before: str, after: str) -> tuple[int, int]:
    """How many characters both begin with, and how many of the rest both end with; no word is cut."""
    head = common(before, after)
    while head and _inside_word(before, head) | _inside_word(after, head):
        head -= 1
    tail = common(before[head:][::-1], after[head:][::-1])
    while tail and _inside_word(before, len(before) - tail) | _inside_word(after, len(after) - tail):
        tail -= 1
    return head, tail


def _inside_word(text: str, at: int) -> bool:
    return 0 < at < len(text) and all(char.isalnum() or char == "_" for char in text[at - 1 : at + 1])
