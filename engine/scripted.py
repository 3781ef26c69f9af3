"""A denoiser that answers from a script: for tests, examples and people who build editors.

It is a real `Denoiser`: the decoding loop, the scheduler and everything above cannot tell it from a model.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest

import numpy as np

from engine.canvas import Canvas, ControlIds
from engine.denoiser import Among, Context, Denoiser, Draft, Prediction, Scoring

Answer = Callable[[Context, tuple[int, ...], Canvas], Prediction]
"""What the script predicts for a canvas, given the context and the tokens committed before it."""


@dataclass(slots=True)
class ScriptedLease:
    """Remembers its context and how much of it nobody has encoded yet."""

    context: Context
    pending: int

    def close(self) -> None:
        """Nothing is held."""


@dataclass(slots=True)
class ScriptedDenoiser(Denoiser[ScriptedLease]):
    """Predicts what `answer` says. seconds: how long each forward sleeps. lookahead: as of `Denoiser`. calls: every
    draft asked about, in order."""

    control: ControlIds
    answer: Answer
    seconds: float = 0.0
    lookahead: int = 0
    calls: list[Draft] = field(default_factory=list)
    opened: list[Context] = field(default_factory=list)

    @classmethod
    def saying(
        cls, control: ControlIds, middles: Sequence[Sequence[int]], *, prob: float = 0.95, seconds: float = 0.0
    ) -> ScriptedDenoiser:
        """A model that fills the holes with these middles in turn, one per context; the last one stays."""
        script, order = [list(middle) for middle in middles], {}  # type: list[list[int]], dict[Context, int]

        def answer(context: Context, committed: tuple[int, ...], canvas: Canvas) -> Prediction:
            middle = script[min(order.setdefault(context, len(order)), len(script) - 1)]
            target = (middle + [control.eom] * (len(committed) + len(canvas)))[len(committed) :][: len(canvas)]
            return sure_of(target, control, prob)

        return cls(control, answer, seconds)

    def open(self, context: Context) -> ScriptedLease:
        self.opened.append(context)
        return ScriptedLease(context, sum(len(stream.ids) for stream in context.streams))

    def prefill(self, lease: ScriptedLease, limit: int) -> None:
        time.sleep(self.seconds)
        lease.pending = max(0, lease.pending - limit)

    def predict(self, lease: ScriptedLease, drafts: Sequence[Draft]) -> list[Prediction]:
        time.sleep(self.seconds)
        lease.pending = 0
        self.calls += drafts
        return [self.answer(lease.context, draft.committed, draft.canvas) for draft in drafts]

    def next_token(
        self, lease: ScriptedLease, middles: Sequence[tuple[int, ...]], among: Sequence[Among] = ()
    ) -> list[Prediction]:
        one = Canvas.masks(1, self.control.mask)
        said = self.predict(lease, [Draft(tuple(middle), one) for middle in middles])
        return [_among(prediction, ids) for prediction, ids in zip_longest(said, among)]

    def score(self, lease: ScriptedLease, middles: Sequence[tuple[int, ...]], limit: int) -> Scoring:
        """log p under the script: a token that it would not have written has a millionth. One forward per middle."""
        rows = []
        for middle in middles:
            said = [
                self.answer(lease.context, middle[:i], Canvas.masks(1, self.control.mask)) for i in range(len(middle))
            ]
            rows.append(
                np.log([np.where(p.ids[0] == t, p.probs[0], 1e-6).max() for p, t in zip(said, middle, strict=True)])
            )
            yield
        return [row.astype(np.float32) for row in rows]


def _among(said: Prediction, among: Among) -> Prediction:
    """What was said of these ids, or else the first of them with a millionth."""
    if among is None:
        return said
    kept = np.isin(said.ids[0], among)
    if not kept.any():
        return Prediction(among[None, :1], np.full((1, 1), 1e-6, np.float32))
    return Prediction(said.ids[:, kept], said.probs[:, kept])


def sure_of(tokens: Sequence[int], control: ControlIds, prob: float) -> Prediction:
    """A prediction of these tokens with this probability, EOM second."""
    ids = np.array([[token, control.eom if token != control.eom else control.mask] for token in tokens], np.int64)
    probs = np.tile(np.array([prob, 1 - prob], np.float32), (len(tokens), 1))
    return Prediction(ids.reshape(-1, 2), probs)
