"""The seam inside the loop: what does the model predict for this canvas, given what it has cached?

Whoever implements `Denoiser` can be decoded with: the compact model (`stream_denoiser.py` over onnx or torch), the
released families (`block_denoiser.py`, `full_denoiser.py`, `gemma_denoiser.py`), and `ScriptedDenoiser`
(`scripted.py`), which answers from a script and is public so that everybody can test like us.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from engine.canvas import Canvas, ControlIds


@dataclass(frozen=True, slots=True)
class Stream:
    """One strictly causal piece of context. It sees no other stream but those in `sees`.

    ids: its tokens. start: the position (RoPE) of the first one. sees: indices of earlier streams of the same context,
    each of which every token of this one attends to in full. name: for who makes contexts; the engine reads none.
    """

    name: str
    ids: tuple[int, ...]
    start: int
    sees: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Context:
    """What the middle and the canvas see: every stream in full.

    middle: the position of the token that opens the middle. opening: that token, or None for [MID], which untrained
    weights do not know.
    """

    streams: tuple[Stream, ...]
    middle: int
    opening: int | None = None


@dataclass(frozen=True, slots=True)
class Draft:
    """A canvas and the middle tokens committed before it (without [MID]). Slot i predicts slot i: no shift."""

    committed: tuple[int, ...]
    canvas: Canvas


@dataclass(frozen=True, slots=True, eq=False)
class Prediction:
    """The model's best tokens per slot, most probable first.

    ids: int64 (B, K). probs: float32 (B, K), softmax over the whole vocabulary. Those of frozen slots mean nothing.
    """

    ids: NDArray[np.int64]
    probs: NDArray[np.float32]


class Lease(Protocol):
    """One job's hold on the cache: its context and the middle encoded for it. Closing it leaves the cache valid."""

    @property
    def pending(self) -> int:
        """Context tokens not yet encoded."""

    def close(self) -> None:
        """Release the job's own keys and values; what was encoded of the context stays cached."""


LeaseT = TypeVar("LeaseT", bound=Lease)
"""Every denoiser has leases of its own kind."""
Among = NDArray[np.int64] | None
"""The ids that may follow a middle (token healing), or None where each may."""
Scoring = Generator[None, None, list[NDArray[np.float32]]]
"""Stops after each forward; returns what was asked."""


class Denoiser(Protocol[LeaseT]):
    """A model and its cache. Not thread-safe: the scheduler's worker is the only caller.

    lookahead: how many more middles one `next_token` may be asked about at little extra cost, because they share their
    beginning; 0 where every middle is computed by itself. batches: whether a forward takes several drafts or middles;
    if not, they are asked about one at a time.
    """

    control: ControlIds
    lookahead: int
    batches: bool = True

    def open(self, context: Context) -> LeaseT:
        """Find out how much of the context is cached already. Runs no model."""

    def prefill(self, lease: LeaseT, limit: int) -> None:
        """Encode at most `limit` pending context tokens: one forward."""

    def predict(self, lease: LeaseT, drafts: Sequence[Draft]) -> list[Prediction]:
        """One forward over the canvases of all drafts, or one each (`batches`); pending context and committed tokens
        travel along. DiffusionGemma: one run of its sampler each."""

    def next_token(
        self, lease: LeaseT, middles: Sequence[tuple[int, ...]], among: Sequence[Among] = ()
    ) -> list[Prediction]:
        """The token after [MID] and each middle, left to right: a Prediction of one slot each, in one forward together
        or one each (`batches`).

        `among` restricts the answer of each middle, or of the first few; their probabilities stay those of the whole
        vocabulary.
        """

    def recall(self, lease: LeaseT, middle: tuple[int, ...], among: Among = None) -> Prediction | None:
        """What `next_token` said of this middle before, where it is remembered: no forward."""
        return None

    def score(self, lease: LeaseT, middles: Sequence[tuple[int, ...]], limit: int) -> Scoring:
        """log p of each token of each middle, left to right: float32 (len(middle),) each.

        One `next()` is one forward. limit: rows that middles may add to it; more where forwards are quick.
        """
