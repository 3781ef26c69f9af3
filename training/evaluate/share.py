"""A share of yes and no answers, and how sure it is."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

Z = 1.959964
"""The standard normal's 97.5 % point."""


@dataclass(frozen=True, slots=True)
class Share:
    """`hits` of `n`."""

    hits: int
    n: int

    @classmethod
    def of(cls, answers: Iterable[bool]) -> Share:
        """The share of true ones."""
        found = list(answers)
        return cls(sum(map(bool, found)), len(found))

    @property
    def value(self) -> float:
        """0 to 1, 0 for nothing asked."""
        return self.hits / self.n if self.n else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        """95 % interval (Wilson, "Probable inference", 1927)."""
        if not self.n:
            return 0.0, 1.0
        p, n = self.value, self.n
        middle, half = p + Z * Z / (2 * n), Z * math.sqrt(p * (1 - p) / n + Z * Z / (4 * n * n))
        return max(0.0, (middle - half) / (1 + Z * Z / n)), min(1.0, (middle + half) / (1 + Z * Z / n))

    def as_json(self) -> dict[str, float | int]:
        """For `evaluation.json`."""
        low, high = self.interval
        return {"share": round(self.value, 4), "low": round(low, 4), "high": round(high, 4), "n": self.n}


def spelled(share: dict[str, float]) -> str:
    """A share out of `evaluation.json` for people."""
    return f"{100 * share['share']:.1f} % ({100 * share['low']:.1f}–{100 * share['high']:.1f}, n {share['n']:,})"
