"""How much of a text is probable enough to be shown: as many words as are.

A line is seldom right to its end, but its first words often are. What they are worth is known token by token, and a
proposal that stops where the model begins to guess is right more often and saves more keys than the whole line
(training/LOG.md).
"""

from __future__ import annotations

from dataclasses import replace

from infill.brackets import balance
from infill.filler import Filled

SHORTEST = 3
"""Characters of a beginning: fewer are typed sooner than read. What ends a line may be shorter."""
_NEAR = 400
"""Characters left of a text that tell whether it stands in quotes."""


def probable(one: Filled, least: float, before: str, language: str) -> Filled | None:
    """The longest beginning of a text that has at least this probability, which is its confidence then: all of it,
    whole lines, or whole words in which nothing is left open that the text itself opened. None when there is none.

    A text whose beginnings nobody knows comes back whole or not at all. before: the line up to the text. language: an
    LSP language id.
    """
    if not one.beginnings:
        return one if one.confidence is None or one.confidence >= least else None
    for at, p in reversed(one.beginnings):
        if p >= least and at == len(one.text):
            return replace(one, confidence=p)
        if p >= least and _may_end(one.text, at, before[-_NEAR:], language):
            return replace(one, text=one.text[:at], confidence=p, finished=True)
    return None


def _may_end(text: str, at: int, before: str, language: str) -> bool:
    """Whether so much of a text may be shown without the rest."""
    said, after = text[:at], text[at]
    if after == "\n":
        return True
    if len("".join(said.split())) < SHORTEST or (_of_word(said[-1]) and _of_word(after)):
        return False
    read = balance(before + said, language)
    opened = [*read.open, *([read.quote] if read.quote else [])]
    return all(offset < len(before) for offset, _ in opened)


def _of_word(char: str) -> bool:
    return char.isalnum() or char == "_"
