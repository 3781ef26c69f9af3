"""What a request says of a middle while it is written left to right: how it begins, what speaks for it beside its
probability, where it may end."""

from __future__ import annotations

import math
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from engine import Steering
from infill.brackets import balance
from infill.filler import FillRequest
from infill.free_names import free_names, named
from infill.lines import begins_block, next_depth, width
from infill.prompt import TextTokens

SURE = math.log(0.5)
"""Log-probability of a text left to right from which on `speedy` looks for no better one."""
FREE_NAME = 6.0
"""Nats in favour of a middle for each name that it brings and that the code below misses: about what that code loses in
probability without it. Untrained weights make too little of the suffix to know."""
HEAD = 6.0
"""Nats in favour of a line that begins like the head of a block where the line below is deeper than it."""
STEP = 4
"""Columns that a block is deeper than its head, at most."""


class Healing(Steering):
    """A middle that first writes the end of the prefix, `healed`, again, and is worth its cost."""

    def __init__(self, request: FillRequest, healed: str, tokens: TextTokens) -> None:
        self.request, self.healed, self.tokens = request, healed, tokens

    def heal(self, ids: tuple[int, ...]) -> NDArray[np.int64] | None:
        """Where one line is asked for and none has begun, a blank one is no answer."""
        found = self.tokens.healing(self.healed, ids)
        if found is None or self.request.limits.lines != 1 or not self.healed.endswith("\n"):
            return found
        left = self.healed.count("\n") - self.tokens.decode(ids).count("\n")
        return found[self.tokens.newlines[found] <= left]

    def useful(self, joint: float) -> bool:
        """Most of what is typed nobody can foresee, and that is known after a few tokens."""
        return joint >= self.request.least


class Guided(Healing):
    """The same of weights that write only left to right and hardly see what follows coming."""

    def favour(self, ids: tuple[int, ...]) -> float:
        """It brings names that the code below misses, or opens the block that stands there."""
        if not (self._names or self._below_head):
            return 0.0
        text = self._written(ids)
        opens = begins_block(text) and 0 < self._below_head - width(self.request.begun + text) <= STEP
        return FREE_NAME * named(text, self._names) + HEAD * opens

    def meets(self, ids: tuple[int, ...]) -> bool:
        """It runs into the rest of the cursor's line."""
        if not self.request.rest:
            return False
        text, before = self._written(ids), self._written(ids[:-1])
        return meeting(text, self.request.suffix, len(before)) < len(text)

    def says(self, ids: tuple[int, ...]) -> bool:
        """Where nothing stands on the cursor's line yet, nothing is no answer."""
        return bool(self.request.begun.strip() or self.request.rest or self._written(ids).strip())

    def enough(self, ids: tuple[int, ...], joint: float) -> bool:
        """No other can be more probable, for somebody in a hurry; one that says nothing is never all there is."""
        return self.request.hurried and math.log(max(joint, 1e-9)) >= SURE and bool(self._written(ids).strip())

    def _written(self, ids: tuple[int, ...]) -> str:
        """The text of a middle without what it writes again."""
        return self.tokens.decode(ids)[len(self.healed) :]

    @cached_property
    def _names(self) -> frozenset[str]:
        return free_names(self.request.prefix, self.request.suffix, self.request.language)

    @cached_property
    def _below_head(self) -> int:
        """The depth of the line below where the line to write may be its head, else 0."""
        one_blank = self.request.limits.lines == 1 and not self.request.begun.strip()
        return next_depth(self.request.suffix.partition("\n")[2]) if one_blank else 0


def meeting(text: str, suffix: str, start: int) -> int:
    """Where in the text of a hole, from `start` on, what comes after it begins; its length where that does not. The
    last blank before a word is of the word's token, so a text that ends before it has not met the word yet; and a
    bracket that closes one of the text's own is not the one that follows."""
    for at in range(start, len(text)):
        again = text[at:]
        begins_word = again.isspace() and suffix[len(again) :][:1].strip()
        if suffix.startswith(again) and not begins_word and not balance(text[:at]).closing.startswith(again[0]):
            return at
    return len(text)
