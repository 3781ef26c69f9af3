"""What a probability is worth: the model's joint probability of a text -> the probability that it is right.

A logistic in the logarithm of the joint probability (Platt, "Probabilistic outputs for support vector machines", 1999):
tokens of one text are not independent, so a long text is right more often than the product of its tokens says.
`training.evaluate calibration` fits it on held-out code; the parameters stand in a model's `config.json`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

LEAST = 1e-12
"""Probabilities below this are as good as this one."""


@dataclass(frozen=True, slots=True)
class Logistic:
    """confidence(p) = 1 / (1 + exp(-(slope * log p + intercept)))."""

    slope: float
    intercept: float

    def __call__(self, probability: float) -> float:
        at = self.slope * math.log(min(max(probability, LEAST), 1.0)) + self.intercept
        return 1 / (1 + math.exp(-max(-60.0, min(60.0, at))))
