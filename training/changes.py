"""Real edits: what changed between two releases of a package.

The newer text is what is right; an edit says what stood there before: (start, end, old), offsets in code points of the
newer text. `training.samples` shows the old lines as a draft and asks for the new ones.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import SequenceMatcher

from infill.languages import language
from training.bugs import lexemes

LINES = 4
"""The most lines of either side of an edit."""
CHARS = 240
ALIKE = 0.5
"""How alike the two sides are at least (difflib's ratio): less is a rewrite, which nobody could guess."""
TOGETHER = 1
"""Unchanged lines that an edit must have on each side, or it is part of a larger one."""

Edit = tuple[int, int, str]


def by_path(older: Mapping[str, str], newer: Mapping[str, str], language_of: Mapping[str, str]) -> dict[str, list[Edit]]:
    """The edits of each file that both releases have. older, newer: texts by path. language_of: language ids by path."""
    both = [path for path in newer if path in older and older[path] != newer[path]]
    return {path: list(edits(older[path], newer[path], language_of[path])) for path in both}


def edits(older: str, newer: str, language_id: str) -> Iterator[Edit]:
    """Small edits of code, whole lines without their last line end; added or removed lines come with the next line.

    What only touches comments, strings or blanks is none, and so is a rewrite.
    """
    old, new = older.splitlines(keepends=True), newer.splitlines(keepends=True)
    starts = [0]
    for line in new:
        starts.append(starts[-1] + len(line))
    comment = language(language_id).line_comment
    for tag, a, b, c, d in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag == "equal":
            continue
        if a == b or c == d:
            if b == len(old) or d == len(new):
                continue
            b, d = b + 1, d + 1
        before, after = "".join(old[a:b]).rstrip("\n"), "".join(new[c:d]).rstrip("\n")
        if max(b - a, d - c) <= LINES and max(len(before), len(after)) <= CHARS and _same_place(before, after, comment):
            yield starts[c], starts[c] + len(after), before


def _same_place(before: str, after: str, comment: str) -> bool:
    """Whether one is an edit of the other's code."""
    one, other = ([lexeme.text for lexeme in lexemes(text, comment)] for text in (before, after))
    return one != other and SequenceMatcher(None, before, after, autojunk=False).ratio() >= ALIKE
