"""Patterns of names."""

from __future__ import annotations

import random
import re

import pytest
from pathspec import GitIgnoreSpec

from infill import patterns


class TestStars:
    """What an opened folder brings must not keep the server busy for hours."""

    @pytest.mark.parametrize(
        ("pattern", "stars"),
        [("*a*a*a*b", 2), ("x/*a*/*b*c/d*", 1), ("**a**b", 2), ("**/a/**/b/**/c", 1), ("**/*a*/**/*b*c", 2)],
    )
    def test_few_are_tried_at_more_than_one_place(self, pattern: str, stars: int) -> None:
        """A last star and a last `**` (before a bare name is one, too): an atomic group is tried once."""
        (one,) = patterns._compiled([pattern]).patterns
        left = one.regex.pattern if one.regex else ""
        while (fewer := re.sub(r"\(\?>(?:[^()]|\((?!\?>)[^()]*\))*\)", "", left)) != left:
            left = fewer
        assert len(re.findall(r"(?<!\.)\*|\.\+", left)) <= stars

    def test_the_same_is_matched_as_before(self) -> None:
        rng = random.Random(5)
        pieces = ["*", "*", "a", "b", "/", "**/", "/**/", "?", "[ab]"]
        for _ in range(3000):
            pattern = "a" + "".join(rng.choices(pieces, k=rng.randint(1, 9)))
            (as_written,) = GitIgnoreSpec.from_lines([pattern]).patterns
            (settled,) = patterns._compiled([pattern]).patterns
            for _ in range(5 if as_written.regex else 0):
                path = "/".join("".join(rng.choices("abc", k=rng.randint(1, 3))) for _ in range(rng.randint(1, 5)))
                found = [one.regex.search(path) for one in (as_written, settled) if one.regex]
                one, other = ((match.span(), match.groupdict()) if match else None for match in found)
                assert one == other, (pattern, path)
