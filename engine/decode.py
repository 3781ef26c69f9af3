"""The generator: prefill in chunks, then canvases or left to right. One `next()` is one forward at most
(DiffusionGemma: one run of its sampler).

Whoever drives it may stop between any two: cancelling is not asking for the next, and a deadline is looked at in the
same places. It knows only token ids.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Sequence
from contextlib import closing
from typing import Any

import numpy as np

from engine.canvas import Canvas
from engine.denoiser import Context, Denoiser, Scoring
from engine.drafting import Drafting
from engine.left_to_right import LeftToRight
from engine.mode import Mode, Modes
from engine.run import CHUNK, Clock, Run
from engine.task import Generation, Step, Task, Vocabulary

SMALL_CANVAS = 8
IDLE_CHUNK = 32
"""Context tokens of a forward ahead of time: few, because a request that comes waits for its end."""
COLD = 320
"""Pending context tokens above which a request with a `nearby` context is answered from that one."""

Decoding = Generator[Step, None, Generation]


def decode(
    denoiser: Denoiser[Any], task: Task, modes: Modes, vocabulary: Vocabulary, clock: Clock, submitted: float
) -> Decoding:
    """Run one task. Yields after each forward and each remembered answer; its return value is the Generation."""
    run = Run(denoiser, task, vocabulary, clock, submitted)
    with closing(run.open(COLD)) as lease:
        while lease.pending > CHUNK and not run.late():
            yield run.prefill()
        mode, note, canvases = _choose(run, modes)
        walk = LeftToRight(run).steps() if mode.causal else Drafting(run).steps(mode, canvases)
        candidates = () if run.late() and lease.pending > CHUNK else (yield from walk)
    run.cost.seconds = run.elapsed()
    return Generation(tuple(candidates), mode.name, note, run.cost, run.cold)


def ahead_of_time(
    denoiser: Denoiser[Any], contexts: Sequence[Context], tasks: Sequence[Decoding]
) -> Generator[Step, None, None]:
    """Run tasks and encode contexts, so that the request that comes finds its own remembered or cached."""
    began = time.monotonic()
    for task in tasks:
        yield from task
    for context in contexts:
        with closing(denoiser.open(context)) as lease:
            while lease.pending:
                denoiser.prefill(lease, IDLE_CHUNK)
                yield Step("prefill", time.monotonic() - began)


def score(denoiser: Denoiser[Any], context: Context, middles: Sequence[tuple[int, ...]]) -> Scoring:
    """log p of each token of each middle, left to right after this context. One `next()` is one forward, to which
    middles add CHUNK rows at most, or more where forwards are quick."""
    with closing(denoiser.open(context)) as lease:
        while lease.pending > CHUNK:
            denoiser.prefill(lease, CHUNK)
            yield
        return (yield from denoiser.score(lease, middles, CHUNK))


def _choose(run: Run, modes: Modes) -> tuple[Mode, str, tuple[Canvas, ...]]:
    """The mode of this request, why, and its canvases: `auto` counts the steps that fit before the deadline."""
    task, left = run.task, run.left()
    if task.mode != "auto":
        return modes.named(task.mode), "", task.canvases
    step = sum(run.clock.expected(sum(map(len, together))) for together in run.by_forward(task.canvases))
    steps = (left - step * (run.lease.pending > 0)) / step if step and np.isfinite(left) else 6.0
    mode, canvases = modes.within(steps), task.canvases
    still_open = all(canvas.is_open(run.denoiser.control.mask) for canvas in canvases)
    sized = still_open and not task.exact and bool(mode.block or mode.lengths)  # by the model, whatever is asked for
    if steps < 2 and still_open and not sized:
        canvases = tuple(canvas.first(SMALL_CANVAS) for canvas in canvases)
    fit = "any number of steps" if np.isinf(left) else f"{steps:.1f} steps of {1000 * step:.0f} ms"
    size = "" if sized else f", canvas {sum(map(len, canvases))}"
    return mode, f"auto: {fit} fit, {mode.name}{size}", canvases
