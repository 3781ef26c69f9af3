"""How much of a text is probable enough to be shown, and of that what is best taken at once.

A line is seldom right to its end, but its first words often are. What they are worth is known token by token, and a
proposal that stops where the model begins to guess is right more often and saves more keys than the whole line
(training/LOG.md).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from infill.around import Around
from infill.brackets import CLOSERS, QUOTES, balance
from infill.filler import Filled
from infill.lines import announces
from infill.site import WORDS

SHORTEST, SHORTEST_END = 3, 2
"""Characters of a beginning, and of one that ends a line: fewer are typed sooner than read, and one saves no key."""
GLANCE = 0.5
"""What it costs to look at one more proposal, in keys."""
_NEAR = 400
"""Characters left of a text that tell whether it stands in quotes."""
_JOINED = re.compile(r"\S\w|[^\w\s)\]}>\"'`]\S")
"""Two characters between which nothing ends: a word, a number, an operator, a path of names go on."""
_CLOSING_TAG = re.compile(r"</[\w.:-]*\Z")
_INDENTATION = re.compile(r"\n[ \t]+")
_NO_QUOTES = str.maketrans("", "", QUOTES)


def probable(one: Filled, least: float, around: Around) -> Filled | None:
    """The first of the pieces of a text, None when there is none."""
    return next(iter(pieces(one, least, around)), None)


def pieces(one: Filled, least: float, around: Around) -> list[Filled]:
    """The beginnings of a text that are best proposed one after the other, each when the one before it is taken, of
    those that have at least this probability, which is their confidence then: all of it, whole lines, or whole words in
    which nothing is left open that the text itself opened.

    A word may end within a token, and a decorator is but the beginning of a definition. Where everything is wanted
    (`least` 0) there is one piece, as long as can be. A text whose beginnings nobody knows comes back whole or not at
    all.
    """
    if not one.beginnings:
        found = [one] if one.confidence is None or one.confidence >= least else []
    elif one.finished and not least:
        found = [replace(one, confidence=one.beginnings[-1][1])]
    else:
        ends = list(_ends(one, least, around))
        taken = _planned(ends, one.text, least) if least else range(len(ends))[-1:]
        found = [_cut(one, *ends[n]) for n in taken]
    return [_announcing(piece, around) for piece in found]


def _announcing(piece: Filled, around: Around) -> Filled:
    last = (around.prefix_line + piece.text).rpartition("\n")[2]
    return replace(piece, within_line=True) if announces(last) else piece


def _cut(one: Filled, end: int, confidence: float) -> Filled:
    within_line = one.text[end : end + 1] not in ("", "\n")
    return replace(one, text=one.text[:end], confidence=confidence, finished=True, within_line=within_line)


def _ends(one: Filled, least: float, around: Around) -> Iterator[tuple[int, float]]:
    """Where a text may end, the last such place of each token, and how probable it is up to there."""
    begun = 0
    for at, p in one.beginnings:
        if p < least:
            break
        end = next((end for end in range(at, begun, -1) if _may_end(one, end, around)), None)
        if end is not None:
            yield end, p
        begun = at


@dataclass(frozen=True, slots=True, order=True)
class _Plan:
    """Which ends are taken one after the other, and the keys that saves, on average."""

    saved: float = 0.0
    ends: tuple[int, ...] = ()


def _planned(ends: Sequence[tuple[int, float]], text: str, least: float) -> tuple[int, ...]:
    """The ends that are best taken one after the other. A piece that is right saves its keys but the one that takes it;
    to look at it costs a little, right or not; and it has to be probable enough when the one before it was right."""
    behind = [_Plan()] * len(ends)

    def taken(start: int, seen: float, n: int) -> _Plan:
        end, p = ends[n]
        saved = p * (_keys(text[start:end]) - 1) - GLANCE * seen
        return _Plan(saved + behind[n].saved, (n, *behind[n].ends))

    for n, (end, p) in reversed([*enumerate(ends)]):
        later = (m for m in range(n + 1, len(ends)) if ends[m][1] >= least * p)
        behind[n] = max([_Plan(), *(taken(end, p, m) for m in later)])
    return max((taken(0, 1.0, n) for n in range(len(ends))), default=_Plan()).ends


def _keys(text: str) -> int:
    """Keys that write a text, but for white space at its end, which is not shown, in an editor that indents."""
    return len(_INDENTATION.sub("\n", text.rstrip()))


def _may_end(one: Filled, end: int, around: Around) -> bool:
    """Whether so much of a text may be shown without the rest."""
    said, after = one.text[:end], one.text[end : end + 1]
    size = len("".join(said.split()))
    if not after or after == "\n":
        return size >= SHORTEST_END and (one.finished or after == "\n") and not _says_empty(said, around)
    if unicodedata.category(after).startswith("M"):  # an accent, or a vowel's sign: it is of the letter before it
        return False
    ends_line = one.text[end:].partition("\n")[0].strip() in CLOSERS  # but for the body's bracket
    shortest = SHORTEST_END if ends_line else SHORTEST
    joined = _JOINED.match(one.text, end - 1) or (after == ">" and _leaves_tag_open(said, around))
    return size >= shortest and not joined and not _leaves_open(said, around)


def _says_empty(said: str, around: Around) -> bool:
    """Whether a text ends by opening a bracket right before closing ones of the rest that it does not have itself: the
    pair would look finished and empty, and its body is yet to come."""
    brackets = "".join(around.rest.split()).lstrip(QUOTES)
    closing = len(brackets) - len(brackets.lstrip("".join(CLOSERS.values())))
    return said.rstrip()[-1:] in CLOSERS and len(balance(said, around.language).strays) < closing


def _leaves_tag_open(said: str, around: Around) -> bool:
    """Whether a text ends within a closing tag whose last bracket does not stand there yet."""
    line = around.prefix_line[-_NEAR:] + said
    return _CLOSING_TAG.search(line) is not None and not around.rest.startswith(">")


def _leaves_open(said: str, around: Around) -> bool:
    """Whether a bracket or quote that a text opens is left open. Among words a quote is an apostrophe, and the brackets
    are those of the text alone."""
    before = around.prefix_line[-_NEAR:]
    read = balance(before + said, around.language)
    quoted = read.quote is not None and read.quote[0] < len(before)
    if quoted or around.kind in WORDS - {"string"}:
        return bool(balance(said.translate(_NO_QUOTES)).open)
    return read.quote is not None or any(offset >= len(before) for offset, _ in read.open)
