"""What the tokens of a middle say: its text, how probable its beginnings are, and what a step of its decoding shows."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise, takewhile

from engine import Candidate, Canvas, Change, Step
from infill import prompt
from infill.filler import Filled, FillRequest, Slot
from infill.filler import Step as TextStep
from infill.steering import meeting

Calibration = Callable[[float], float]
"""Joint probability of a whole text, its end included -> probability that it is right, fitted on held-out code."""


def ends(tokens: prompt.Tokens, ids: Sequence[int]) -> list[int]:
    """Code points before each token and after the last; a character's tokens end where it does."""
    return [len(tokens.decode(ids[:n])) for n in range(len(ids) + 1)]


def spelled(tokens: prompt.Tokens, ids: Sequence[int]) -> list[str]:
    """The text of each token, such that together they are the text of all; a control token has none."""
    text = tokens.decode(ids)
    return [text[at:end] for at, end in pairwise(ends(tokens, ids))]


@dataclass(frozen=True, slots=True)
class Reading:
    """Reads the middles of one request. healed: the end of the prefix that each of them writes again."""

    tokens: prompt.TextTokens
    request: FillRequest
    healed: str

    def cut(self, candidate: Candidate) -> Candidate:
        """No more of the answer's tokens than are wanted."""
        limits = self.request.limits
        if len(candidate.ids) <= limits.tokens or limits.exact or self.request.draft is not None:
            return candidate
        over = self._written(candidate.ids) - limits.tokens
        if over <= 0:
            return candidate
        return Candidate(candidate.ids[:-over], candidate.probs[:-over], ended=False)

    def _written(self, ids: Sequence[int]) -> int:
        """Tokens of the answer: those that only write the end of the prefix again are none of it."""
        again = takewhile(lambda end: end <= len(self.healed), ends(self.tokens, ids)[1:])
        return len(ids) - sum(1 for _ in again)

    def filled(self, candidate: Candidate, mode: str, calibration: Calibration | None) -> Filled:
        """A candidate as an answer. mode: the name of the one that found it."""
        text = prompt.read(self.tokens, candidate.ids, self.healed)
        if candidate.met:
            before = prompt.read(self.tokens, candidate.ids[:-1], self.healed)
            text = text[: meeting(text, self.request.suffix, len(before))]
        lines = self.request.limits.lines
        enough = 0 < lines <= text.count("\n")
        if enough:
            text = "\n".join(text.split("\n")[:lines])
        finished, probs = candidate.ended or enough, (*candidate.probs, candidate.end)
        # Nobody knows how probable it is that a text which was cut short ends there.
        confidence = None if calibration is None else calibration(math.prod(probs)) if finished else 0.0
        # Left to right, the probabilities of the tokens are the score itself; those of a canvas are not.
        score = sum(math.log(max(p, 1e-9)) for p in probs) if mode == "causal" else None
        known = mode == "causal" and self.request.draft is None
        beginnings = self._beginnings(candidate, text) if known else ()
        return Filled(text, score, confidence, finished, goes_on=enough, beginnings=beginnings)

    def _beginnings(self, candidate: Candidate, text: str) -> tuple[tuple[int, float], ...]:
        """How probable the beginnings of a text are that end where one of its tokens does."""
        found: list[tuple[int, float]] = []
        at = (end - len(self.healed) for end in ends(self.tokens, candidate.ids)[1:])
        for end, p in zip(at, accumulate(candidate.probs, operator.mul), strict=True):
            if end > 0:
                found.append((min(end, len(text)), p))
            if end >= len(text):
                break
        return tuple(found)

    def told(self, step: Step, mask: int) -> TextStep:
        """A step of the engine as text, for traces and progress."""
        written = zip(self.tokens.pieces(step.committed), step.probs, strict=True)
        slots = [Slot(piece, "filled" if step.canvas is None else "frozen", prob) for piece, prob in written]
        if step.canvas is not None:
            canvas, changes = step.canvas, _moved(step.changes)
            for slot, piece in enumerate(self.tokens.pieces(canvas.ids.tolist())):
                state = self._state(canvas, slot, changes.get(slot), mask)
                slots.append(Slot(piece, state, float(canvas.probs[slot])))
        return TextStep(step.kind, 1000 * step.seconds, tuple(slots), step.candidate)

    def _state(self, canvas: Canvas, slot: int, change: Change | None, mask: int) -> str:
        if canvas.ids[slot] == mask:
            return "inserted" if canvas.new[slot] else "mask"
        if canvas.frozen[slot]:
            return "frozen"
        if change is not None and change.kind in ("filled", "edited"):
            return change.kind
        return "draft" if self.request.draft is not None or canvas.probs[slot] < 1 else "filled"


def _moved(changes: Sequence[Change]) -> dict[int, Change]:
    """The changes of one step by the slot where each ended up."""
    moved, shift = {}, 0
    for change in changes:
        moved[change.slot + shift] = change
        shift += (change.kind == "inserted") - (change.kind == "deleted")
    return moved
