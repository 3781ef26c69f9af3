"""What the model said already: as long as the context stays, the token after a middle is as probable as it was.

A word that is being typed belongs to the middle and not to the context (token healing). So from one key to the next
most questions come again: how the word may begin, and what follows the likeliest ways to end it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from engine.denoiser import Among, Context, Prediction
from engine.forward import Output, best_of


@dataclass(frozen=True, slots=True, eq=False)
class Said:
    """What a forward predicted after one middle. output: its row (H = 1), without keys and values. asked: int64 (J,),
    its targets."""

    output: Output
    asked: Among

    @classmethod
    def of(cls, output: Output, row: int, asked: Among) -> Said:
        """One of a forward's rows."""
        at = slice(row, row + 1)
        return cls(Output(output.top_ids[at], output.top_probs[at], output.target_logprobs[at], None), asked)

    def among(self, wanted: Among) -> Prediction | None:
        """The best tokens, or the best of `wanted`. None unless all of these were asked about before: one key later
        there are fewer ways to go on, and each of them was asked about."""
        if wanted is None:
            return best_of(self.output, 0, None)
        if self.asked is None or not np.isin(wanted, self.asked, assume_unique=True).all():
            return None
        kept = np.flatnonzero(np.isin(self.asked, wanted, assume_unique=True))
        output = replace(self.output, target_logprobs=self.output.target_logprobs[:, kept])
        return best_of(output, 0, self.asked[kept])


class PredictionCache:
    """What was said in the contexts that were asked about last. contexts: how many are kept."""

    def __init__(self, contexts: int) -> None:
        self._most = contexts
        self._said: dict[Context, dict[tuple[int, ...], Said]] = {}

    def open(self, context: Context) -> dict[tuple[int, ...], Said]:
        """What was said in this context, by middle; what is added to it is kept."""
        said = self._said[context] = self._said.pop(context, {})
        while len(self._said) > self._most:
            del self._said[next(iter(self._said))]
        return said
