"""What a probability is worth: the model's joint probability of a text -> the probability that it is right.

Beta calibration (Kull, Silva Filho and Flach, "Beta calibration", AISTATS 2017, eq. 3). Tokens of one text are not
independent, so a long text is right more often than the product of its tokens says; one that is nearly certain is right
as often. A logistic of log p alone (Platt scaling) cannot say both.
`training.evaluate calibration` fits it on held-out code; the parameters stand in a model's `config.json`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

LEAST, MOST = 1e-12, 1 - 1e-6
"""Probabilities beyond these are as good as these."""


@dataclass(frozen=True, slots=True)
class Beta:
    """confidence(p) = 1 / (1 + exp(-(a log p - b log(1 - p) + c))); rising where a and b are not negative."""

    a: float
    b: float
    c: float

    def __call__(self, probability: float) -> float:
        p = min(max(probability, LEAST), MOST)
        at = self.a * math.log(p) - self.b * math.log1p(-p) + self.c
        return 1 / (1 + math.exp(-max(-60.0, min(60.0, at))))
