"""What tests of several packages share: a small vocabulary, hand-made predictions, a tiny model with random weights."""

from __future__ import annotations

import hashlib
from collections.abc import Generator, Mapping, Sequence
from typing import TypeVar

import numpy as np

from engine import Canvas, ControlIds, Prediction, Step, Vocabulary
from engine.refine import Rules

MASK, EOM, INSERT, DELETE = 3, 4, 5, 6
CONTROL = ControlIds(mask=MASK, eom=EOM, insert=INSERT, delete=DELETE, suffix=7, prefix=8, file=9, middle=10)
RESERVED = frozenset(range(17))
NEWLINE = 17
"""The one token of the small vocabulary that ends a line; 18 and more are words."""
SIZE = 64
VOCABULARY = Vocabulary(np.eye(1, SIZE, NEWLINE, dtype=np.int64)[0], RESERVED)
RULES = Rules(CONTROL, ends=frozenset({EOM}), barred=CONTROL.never_text - {EOM, INSERT, DELETE})

T = TypeVar("T")


def predict(*slots: Mapping[int, float]) -> Prediction:
    """A prediction from one {token: probability} a slot."""
    width = max(map(len, slots))
    rows = [sorted(slot.items(), key=lambda pair: -pair[1]) for slot in slots]
    unused = [[(token, 0.0) for token in range(SIZE - width, SIZE)][len(row) :] for row in rows]
    table = np.array([row + rest for row, rest in zip(rows, unused, strict=True)])
    return Prediction(table[..., 0].astype(np.int64), table[..., 1].astype(np.float32))


def hashed(*seed: object) -> np.random.Generator:
    """Random numbers that depend on the seed's text alone: a script made of them is deterministic, like a model."""
    return np.random.default_rng(list(hashlib.blake2b(repr(seed).encode(), digest_size=16).digest()))


def wild(seed: object, canvas: Canvas, tokens: Sequence[int], width: int = 3) -> Prediction:
    """A prediction that nobody trained: for each slot `width` different tokens, sure of them to a random degree."""
    numbers = hashed(seed, canvas.ids.tolist())
    ids = np.array([numbers.choice(tokens, width, replace=False) for _ in range(len(canvas))], np.int64)
    raw = np.sort(numbers.random((len(canvas), width)) ** 3)[:, ::-1]
    return Prediction(
        ids, (raw / (raw.sum(axis=1, keepdims=True) + numbers.random((len(canvas), 1)))).astype(np.float32)
    )


def drive(steps: Generator[Step, None, T]) -> tuple[list[Step], T]:
    """Run a decoding to its end, as the scheduler does."""
    seen: list[Step] = []
    while True:
        try:
            seen.append(next(steps))
        except StopIteration as end:
            return seen, end.value
