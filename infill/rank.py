"""Order snippets under a token budget; order and deduplicate candidates."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from infill.filler import Snippet

_IDENTIFIER = re.compile(r"[^\W\d]\w{2,}")
_SHORTEST = 8
"""Tokens under which the beginning of a snippet says nothing."""


def identifiers(text: str) -> frozenset[str]:
    """The names in a text, of three characters and more."""
    return frozenset(_IDENTIFIER.findall(text))


def overlap(a: frozenset[str], b: frozenset[str]) -> float:
    """Jaccard similarity, 0 to 1."""
    return len(a & b) / len(a | b) if a and b else 0.0


def rank(snippets: Sequence[Snippet], around: str, budget: int, count: Callable[[str], int]) -> tuple[Snippet, ...]:
    """The best snippets, best first, cut at line ends to `budget` tokens in all.

    What counts is a snippet's own score plus how much its names overlap with those of `around`, the text near the
    cursor. Of equal texts and of texts contained in a better one only the first stays. Equal input, equal output.
    """
    names = identifiers(around)
    ordered = sorted(snippets, key=lambda s: (-(s.score + overlap(identifiers(s.text), names)), s.path, s.text))
    kept: list[Snippet] = []
    for snippet in ordered:
        text = snippet.text.strip("\n")
        if not text.strip() or any(text in other.text for other in kept if other.path == snippet.path):
            continue
        fitting = _cut(text, budget, count)
        if fitting:
            kept.append(replace(snippet, text=fitting))
            budget -= count(fitting)
    return tuple(kept)


def candidates(scored: Iterable[tuple[str, float | None]]) -> list[str]:
    """Texts in falling order of score, those without a score last and in the order they came; each text once."""
    kept: dict[str, str] = {}
    for text, _ in sorted(scored, key=lambda one: (one[1] is None, -(one[1] or 0.0))):
        kept.setdefault(text.rstrip(), text)
    return list(kept.values())


def _cut(text: str, budget: int, count: Callable[[str], int]) -> str:
    """As many whole lines as the budget holds; nothing when that is not worth showing."""
    if count(text) <= budget:
        return text
    lines = text.split("\n")
    beyond = bisect_left(range(len(lines)), True, key=lambda n: count("\n".join(lines[: n + 1])) > budget)
    fitting = "\n".join(lines[:beyond]).rstrip()
    return fitting if count(fitting) >= min(_SHORTEST, budget + 1) else ""
