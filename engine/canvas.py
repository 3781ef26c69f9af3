"""The canvas: a short row of token slots between two fixed sides; the one thing that travels.

A slot holds MASK ("write here"), a draft token ("keep or repair"), or a frozen token. Completing is a canvas of masks,
fixing is a canvas that starts as the user's own code; nothing below `infill` knows the difference.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

ABSENT = -1
"""The id of a control token that a model does not have."""


@dataclass(frozen=True, slots=True)
class ControlIds:
    """Token ids with a meaning to the engine or the prompt; none of them can come out of text.

    `mask` to `delete` live on the canvas; `suffix` to `middle` open the streams of the prompt (format v1).
    """

    mask: int
    eom: int
    insert: int
    delete: int
    suffix: int
    prefix: int
    file: int
    middle: int

    @classmethod
    def only(cls, mask: int, eom: int, insert: int = ABSENT, delete: int = ABSENT) -> ControlIds:
        """The ids of a model whose prompt is plain text: it has no tokens that open streams."""
        return cls(mask, eom, insert, delete, ABSENT, ABSENT, ABSENT, ABSENT)

    @property
    def never_text(self) -> frozenset[int]:
        """Ids that must not stand in any text that is shown."""
        return frozenset(
            (self.mask, self.eom, self.insert, self.delete, self.suffix, self.prefix, self.file, self.middle)
        )


@dataclass(frozen=True, slots=True, eq=False)
class Canvas:
    """B token slots.

    ids: int64 (B,), MASK where something is to be written.
    frozen: bool (B,), slots that never change.
    new: bool (B,), masks born of INSERT or of padding; every other mask is *original* (`drafting.Sketch` counts those).
    probs: float32 (B,), the probability with which a slot's token was written: 1 for tokens that came from outside.
    """

    ids: NDArray[np.int64]
    frozen: NDArray[np.bool_]
    new: NDArray[np.bool_]
    probs: NDArray[np.float32]

    @classmethod
    def of(cls, ids: Sequence[int], frozen: Sequence[int] = ()) -> Canvas:
        """A canvas of the given tokens; `frozen` lists the slots that must not change."""
        row = np.asarray(ids, dtype=np.int64)
        held = np.zeros(len(row), dtype=np.bool_)
        held[list(frozen)] = True
        return cls(row, held, np.zeros(len(row), dtype=np.bool_), np.ones(len(row), dtype=np.float32))

    @classmethod
    def masks(cls, size: int, mask: int) -> Canvas:
        """`size` open slots."""
        return cls.of([mask] * size)

    def copy(self) -> Canvas:
        """A canvas of its own arrays, for one denoising step to write on."""
        return Canvas(self.ids.copy(), self.frozen.copy(), self.new.copy(), self.probs.copy())

    def first(self, size: int) -> Canvas:
        """The canvas of the first `size` slots."""
        return Canvas(self.ids[:size], self.frozen[:size], self.new[:size], self.probs[:size])

    def is_open(self, mask: int) -> bool:
        """Whether nothing is written on it yet."""
        return bool((self.ids == mask).all())

    def state(self) -> bytes:
        """A key that is equal exactly for canvases that hold the same tokens and the same new masks (the loop breaker
        compares them)."""
        return self.ids.tobytes() + self.new.tobytes()

    def __len__(self) -> int:
        return len(self.ids)

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Canvas)
            and np.array_equal(self.ids, other.ids)
            and np.array_equal(self.frozen, other.frozen)
            and np.array_equal(self.new, other.new)
        )

    __hash__ = None  # type: ignore[assignment]
