"""Models in which every token sees every other, behind the `Denoiser` seam (LLaDA, Dream and the like).

The hole is filled in place: prefix, middle, suffix are one row of tokens. Any change anywhere changes every key and
value, so nothing is cached and every forward reads the whole text. (Published caches for these models reuse stale keys
and are approximate; ours claims nothing that is not exact.)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest

import numpy as np
from numpy.typing import NDArray

from engine.canvas import ControlIds
from engine.denoiser import Among, Context, Denoiser, Draft, Prediction, Scoring
from engine.forward import Forward, Output, Rows, best_of, by_canvas, padded

AHEAD = 16
"""Masks that stand for a middle of unknown length when only its next token is asked for."""


@dataclass(frozen=True, slots=True)
class FullLease:
    """A job's text: tokens left and right of the hole. There is nothing to hold."""

    left: tuple[int, ...]
    right: tuple[int, ...]
    pending: int = 0

    def close(self) -> None:
        """Nothing is held."""


class FullDenoiser(Denoiser[FullLease]):
    """`Denoiser` over a backend. One row of tokens a forward: what it reads is long, so rows gain nothing together."""

    lookahead, batches = 0, False

    def __init__(self, forward: Forward, control: ControlIds, *, shifted: bool = False) -> None:
        """shifted: a token is predicted in the row before its own."""
        self.control = control
        self._forward, self._nothing, self._before = forward, forward.new_kv(0), int(shifted)

    def open(self, context: Context) -> FullLease:
        """The streams `left` and, where there is one, `right`. A prompt that ends at the hole has only the first."""
        left, *right = context.streams
        return FullLease(left.ids, right[0].ids if right else ())

    def prefill(self, lease: FullLease, limit: int) -> None:
        """Nothing can be encoded ahead."""

    def predict(self, lease: FullLease, drafts: Sequence[Draft]) -> list[Prediction]:
        said = []
        for draft in drafts:
            canvas = draft.canvas
            # A text that follows begins where the canvas has ended.
            shown = (canvas.ids != self.control.eom) | (not lease.right)
            output = self._run(
                lease, draft.committed, canvas.ids[shown].tolist(), np.flatnonzero(~canvas.frozen[shown])
            )
            said += by_canvas(output, [replace(canvas, frozen=canvas.frozen | ~shown)])
        return said

    def next_token(
        self, lease: FullLease, middles: Sequence[tuple[int, ...]], among: Sequence[Among] = ()
    ) -> list[Prediction]:
        masks, first, said = [self.control.mask] * AHEAD, np.zeros(1, np.int64), list[Prediction]()
        for middle, ids in zip_longest(middles, among):
            said.append(best_of(self._run(lease, middle, masks, first, ids), 0, ids))
        return said

    def score(self, lease: FullLease, middles: Sequence[tuple[int, ...]], limit: int) -> Scoring:
        """Each token is asked for with those before it written and those after it masked, in a forward of its own."""
        rows = [np.empty(len(middle), np.float32) for middle in middles]
        for middle, row in zip(middles, rows, strict=True):
            for n, token in enumerate(middle):
                masks, target = [self.control.mask] * (len(middle) - n), np.array([token], np.int64)
                output = self._run(lease, middle[:n], masks, np.zeros(1, np.int64), target)
                row[n] = output.target_logprobs[0, 0]
                yield
        return rows

    def _run(
        self,
        lease: FullLease,
        committed: tuple[int, ...],
        canvas: Sequence[int],
        asked: NDArray[np.int64],
        targets: Among = None,
    ) -> Output:
        """One forward over everything. asked: slots of the canvas."""
        ids = np.asarray((*lease.left, *committed, *canvas, *lease.right), np.int64)
        return self._forward(
            Rows(
                ids=ids,
                positions=np.arange(len(ids)),
                canvas=np.zeros(len(ids), np.bool_),
                bias=np.zeros((len(ids), len(ids)), np.float32),
                head_rows=len(lease.left) + len(committed) + asked - self._before,
                targets=padded([targets] * len(asked)),
            ),
            self._nothing,
        )
