"""One forward of a stream-and-canvas transformer: what every backend computes.

A forward is a bag of rows. Rows of streams, middles and canvases travel together and differ only in position, in the
canvas vector, and in what their bias lets them see; no row depends on a row or slot that its bias hides, unless both
belong to one routed block.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from engine.canvas import Canvas
from engine.checkpoint import ModelConfig
from engine.denoiser import Among, Prediction

TOP_K = 16
"""Most probable tokens that come back for each asked row."""
HIDDEN = np.float32(-1e9)
"""Added to the attention scores of what a row must not see: exp() of it is exactly 0."""


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """T rows over S cached slots.

    ids, positions: int64 (T,). canvas: bool (T,), rows that add the learned canvas vector to their embedding.
    bias: float32 (T, S + T), added to the scaled attention scores; 0, or a large negative number for what is hidden.
    head_rows: int64 (H,), the rows a prediction is wanted for. targets: int64 (H, J), tokens whose log-probabilities
    are wanted there. H, J and S may be 0. blocks: int64 (T,), below T: rows of the same number choose their experts
    together (LLaDA2.2); empty for models whose rows do not.
    """

    ids: NDArray[np.int64]
    positions: NDArray[np.int64]
    canvas: NDArray[np.bool_]
    bias: NDArray[np.float32]
    head_rows: NDArray[np.int64]
    targets: NDArray[np.int64]
    blocks: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))


@dataclass(frozen=True, slots=True, eq=False)
class Output:
    """What a forward says.

    top_ids: int64 (H, TOP_K), most probable first; top_probs: float32 (H, TOP_K), softmax over the whole vocabulary.
    target_logprobs: float32 (H, J). kv: (layers, 2, kv_heads, T, head_dim), the rows' keys (after rotation) and values.
    """

    top_ids: NDArray[np.int64]
    top_probs: NDArray[np.float32]
    target_logprobs: NDArray[np.float32]
    kv: Any


class Forward(Protocol):
    """A backend. KV arrays are its own kind (numpy or torch); both are sliced as `a[..., i:j, :]`."""

    config: ModelConfig

    @property
    def runs_on(self) -> str:
        """What really computes it, in words."""

    def new_kv(self, slots: int) -> Any:
        """A zeroed array (layers, 2, kv_heads, slots, head_dim)."""

    def __call__(self, rows: Rows, past: Any) -> Output:
        """One forward over `past`, the caller's array with S slots, which is only read.

        Unused slots must hold finite values and be hidden by the bias. Raises ValueError for rows that `check` refuses.
        """

    def close(self) -> None:
        """Release the model."""


def check(rows: Rows, config: ModelConfig) -> None:
    """What a graph does not check by itself. Raises ValueError for a position or an id that has no row of its table."""
    if len(rows.positions) and not 0 <= int(rows.positions.min()) <= int(rows.positions.max()) < config.context:
        raise ValueError(f"Positions end at {config.context}; shorten the context.")
    if len(rows.ids) and not 0 <= int(rows.ids.min()) <= int(rows.ids.max()) < config.vocab:
        raise ValueError(f"Token ids end at {config.vocab}; use the model's own tokenizer.")


def by_canvas(output: Output, canvases: Sequence[Canvas]) -> list[Prediction]:
    """Hand the rows that were asked about back to their slots; a frozen slot predicts its own token."""
    predictions, at = [], 0
    for canvas in canvases:
        asked = ~canvas.frozen
        ids = np.repeat(canvas.ids[:, None], output.top_ids.shape[1], axis=1)
        probs = np.zeros(ids.shape, np.float32)
        probs[:, 0] = 1.0
        n = int(asked.sum())
        ids[asked], probs[asked] = output.top_ids[at : at + n], output.top_probs[at : at + n]
        predictions.append(Prediction(ids, probs))
        at += n
    return predictions


def padded(targets: Sequence[Among]) -> NDArray[np.int64]:
    """The targets of each row, if any, as `Rows` wants them, int64 (H, J), filled up with token 0."""
    known = [() if own is None else own for own in targets]
    table = np.zeros((len(known), max(map(len, known), default=0)), np.int64)
    for row, own in zip(table, known, strict=True):
        row[: len(own)] = own
    return table


def best_of(output: Output, row: int, among: Among) -> Prediction:
    """What was answered for one row: the best tokens, or the best of `among`, which were its targets."""
    if among is None:
        return Prediction(output.top_ids[row : row + 1], output.top_probs[row : row + 1])
    logprobs = output.target_logprobs[row, : len(among)]
    best = np.argsort(-logprobs, kind="stable")[: output.top_ids.shape[1]]
    return Prediction(among[best][None], np.exp(logprobs[best])[None])
