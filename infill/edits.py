"""Old text, new text -> the smallest edits that still read as an edit: lines first, then narrowed at word borders."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_LINES = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")
# A mark that combines with the letter before it is never parted from it.
_WORDS = re.compile(r"\r\n|(?:\w[\u0300-\u036f\ufe0f\u200d]*)+|[^\S\r\n]+|.[\u0300-\u036f\ufe0f\u200d]*", re.DOTALL)
_ANCHOR = 3
"""Letters and digits that equal lines between two changes must hold; fewer and the changes become one."""


@dataclass(frozen=True, slots=True)
class Edit:
    """Replace [start, end) of the old text by `text`; offsets in code points."""

    start: int
    end: int
    text: str

    def narrowed(self, old: str) -> Edit:
        """The same without what it leaves as it was in `old`, the text before it: some clients send whole texts."""
        head, tail = alike(old[self.start : self.end], self.text)
        return Edit(self.start + head, self.end - tail, self.text[head : len(self.text) - tail])


def edits(old: str, new: str) -> list[Edit]:
    """Sorted, disjoint edits that turn `old` into `new`: one per run of changed lines, one per line where as many lines
    took the place of others.

    An edit begins and ends at a word border and never between CR and LF.
    """
    before, after = _LINES.findall(old), _LINES.findall(new)
    found = []
    for a, b, c, d in _changed_lines(before, after):
        at = sum(map(len, before[:a]))
        pairs = zip(before[a:b], after[c:d], strict=True) if b - a == d - c else [_joined(before, after, a, b, c, d)]
        for was, becomes in pairs:
            if was != becomes:
                found.append(_narrowed(at, was, becomes))
            at += len(was)
    return found


def apply(old: str, changes: Sequence[Edit]) -> str:
    """`old` with sorted, disjoint edits made."""
    for edit in reversed(changes):
        old = old[: edit.start] + edit.text + old[edit.end :]
    return old


def joined(old: str, changes: Sequence[Edit]) -> Edit:
    """Sorted, disjoint edits as one."""
    start, end = changes[0].start, changes[-1].end
    inner = [Edit(one.start - start, one.end - start, one.text) for one in changes]
    return Edit(start, end, apply(old[start:end], inner))


def changed(old: str, new: str) -> tuple[int, int]:
    """How many words differ, marks and white space among them, and how many characters must go or come; white space
    that only grows or shrinks, as a line's depth does, is one, and so are end and depth of a line more or fewer."""
    words = letters = 0
    was, becomes = (_WORDS.findall(text) for text in _unlike(old, new))
    for a, b, c, d in _different(was, becomes):
        gone, come = was[a:b], becomes[c:d]
        if any(one.endswith("\n") for one in gone + come):
            gone, come = _undented(gone), _undented(come)
        words += max(len(gone), len(come))
        spaces = all(map(str.isspace, gone + come))
        letters += 1 if spaces else sum(j - i + n - m for i, j, m, n in _different("".join(gone), "".join(come)))
    return words, letters


def _undented(words: list[str]) -> list[str]:
    """Words of whole lines without the white space that these begin with."""
    before = ["\n", *words]
    return [
        word
        for above, word in zip(before, words, strict=False)
        if word[-1] == "\n" or not (above[-1] == "\n" and word.isspace())
    ]


def singly(old: str, new: str) -> Iterator[str]:
    """`old` with one of the changes that lead to `new`: one text for each run of changed words; where marks are more or
    fewer among them, one for these."""
    was, becomes = _WORDS.findall(old), _WORDS.findall(new)
    for a, b, c, d in _different(was, becomes):
        kinds = [[re.match(r"\w", one) is None for one in run] for run in (was[a:b], becomes[c:d])]
        for _, i, j, m, n in difflib.SequenceMatcher(None, kinds[0], kinds[1], autojunk=False).get_opcodes():
            yield "".join([*was[: a + i], *becomes[c + m : c + n], *was[a + j :]])


def _unlike(old: str, new: str) -> tuple[str, str]:
    """Both without the lines that they begin and end with alike: of hundreds of texts nearly all are."""
    before, after = _LINES.findall(old), _LINES.findall(new)
    top, bottom = alike(before, after)
    return "".join(before[top : len(before) - bottom]), "".join(after[top : len(after) - bottom])


def _changed_lines(before: list[str], after: list[str]) -> Iterator[tuple[int, int, int, int]]:
    """Runs of changed lines (a, b, c, d): before[a:b] became after[c:d]."""
    runs: list[tuple[int, int, int, int]] = []
    for a, b, c, d in _different(before, after):
        if runs and sum(map(str.isalnum, "".join(before[runs[-1][1] : a]))) < _ANCHOR:
            runs[-1] = (runs[-1][0], b, runs[-1][2], d)
        else:
            runs.append((a, b, c, d))
    return iter(runs)


def _different(old: Sequence[str], new: Sequence[str]) -> Iterator[tuple[int, int, int, int]]:
    """Runs of unequal items (a, b, c, d): old[a:b] became new[c:d]. What both begin and end with costs next to nothing:
    a repair compares hundreds of texts that are nearly equal."""
    top, bottom = alike(old, new)
    middles = old[top : len(old) - bottom], new[top : len(new) - bottom]
    for tag, a, b, c, d in difflib.SequenceMatcher(None, *middles, autojunk=False).get_opcodes():
        if tag != "equal":
            yield a + top, b + top, c + top, d + top


def _joined(before: list[str], after: list[str], a: int, b: int, c: int, d: int) -> tuple[str, str]:
    return "".join(before[a:b]), "".join(after[c:d])


def _narrowed(at: int, old: str, new: str) -> Edit:
    was, becomes = _WORDS.findall(old), _WORDS.findall(new)
    head, tail = alike(was, becomes)
    start = at + sum(map(len, was[:head]))
    end = at + len(old) - sum(map(len, was[len(was) - tail :]))
    return Edit(start, end, "".join(becomes[head : len(becomes) - tail]))


def alike(a: Sequence[object], b: Sequence[object]) -> tuple[int, int]:
    """How many first items are equal, and how many last ones of the others."""
    first = common(a, b)
    return first, common(a[first:][::-1], b[first:][::-1])


def common(a: Sequence[object], b: Sequence[object]) -> int:
    """How many first items are equal, by halves: letter by letter takes too long for whole texts."""
    low, high = 0, min(len(a), len(b))
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if a[low:middle] == b[low:middle] else (low, middle - 1)
    return low
