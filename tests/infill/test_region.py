"""Repair's geometry: pieces of a long range, and what a text does to the syntax around it."""

from __future__ import annotations

from itertools import pairwise

import pytest

from infill.document import Snapshot
from infill.region import MOST_LINES, Region, damage, parts


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_damage_at_the_end_counts_in_every_line_ending(ending: str) -> None:
    good = ending.join([*(f"x{n} = {n}" for n in range(MOST_LINES - 1)), "y = f(1)", "z = 2", ""])
    snapshot = Snapshot.open("file:///a.py", 1, "python", good)
    region = Region.around(snapshot, 0, good.index("f(1)"))
    assert damage(snapshot, region, region.text) == 0
    assert damage(snapshot, region, region.text.replace("f(1)", "f(1))")) > 0


@pytest.mark.parametrize("lines", [1, MOST_LINES, MOST_LINES + 1, 3 * MOST_LINES])
def test_parts_cover_a_range_and_each_is_looked_at_whole(lines: int) -> None:
    text = "one line\r\n" * lines
    snapshot = Snapshot.open("file:///a.py", 1, "python", text)
    found = parts(snapshot, 4, len(text) - 4)
    assert (found[0][0], found[-1][1]) == (4, len(text) - 4)
    for start, end in found:
        assert (Region.around(snapshot, start, end).end >= end) and start <= end
    assert {text[one[1] : other[0]] for one, other in pairwise(found)} <= {"\r\n"}
    assert parts(snapshot, 3, 3) == [(3, 3)]
