"""What is asked of decoding and what comes back: values, of token ids alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.canvas import Canvas
from engine.denoiser import Context
from engine.refine import Change


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """What decoding has to know of token ids, and no more.

    line_breaks: int64 (V,), how many lines a token ends. reserved: ids that are never text.
    """

    line_breaks: NDArray[np.int64]
    reserved: frozenset[int]


@dataclass(frozen=True, slots=True)
class Task:
    """One request. canvases: what to start with, all decoded in the same forwards; committed: middle tokens left of
    them.

    mode: a mode's name or `auto`. alternatives: candidates wanted. max_tokens counts the middle's tokens right of
    `committed`, max_lines its line ends (0: no bound). deadline: seconds, from submission. heal: where a causal answer
    has to write the end of the prefix again (token healing), the ids that may follow those it has begun with, None once
    it is written. nearby: a small context to answer from when more than COLD tokens of `context` would have to be
    encoded first, or None. exact: the middle has `max_tokens` tokens, and no end is an answer: the oracle length of
    infilling benchmarks. favour: nats, 0 or more, by which a middle so far deserves to be looked at beside the most
    probable ones (shallow fusion), where several are written left to right. useful: whether a middle of this joint
    probability may be of use, or None for all: one left to right that is not is given up, because it only gets less
    probable as it grows. meets: whether what follows the middle begins within its last token, or None: where several
    are written left to right, one may end there as well as go on. enough: whether a middle that has ended is
    likely enough, by this joint probability, to end the search where several are written left to right, or None. says:
    whether a middle left to right may end as what it is, or None where any may.
    """

    context: Context
    canvases: tuple[Canvas, ...]
    committed: tuple[int, ...] = ()
    mode: str = "speedy"
    alternatives: int = 1
    max_tokens: int = 64
    max_lines: int = 0
    deadline: float | None = None
    heal: Callable[[tuple[int, ...]], NDArray[np.int64] | None] | None = None
    nearby: Context | None = None
    exact: bool = False
    favour: Callable[[tuple[int, ...]], float] | None = None
    useful: Callable[[float], bool] | None = None
    meets: Callable[[tuple[int, ...]], bool] | None = None
    enough: Callable[[tuple[int, ...], float], bool] | None = None
    says: Callable[[tuple[int, ...]], bool] | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """One forward. kind: prefill, denoise or token. seconds: since the job was submitted. candidate: whose canvas it
    is; a token step shows the likeliest middle so far. probs: of the committed tokens, 1 for those that were given."""

    kind: str
    seconds: float
    candidate: int = 0
    committed: tuple[int, ...] = ()
    probs: tuple[float, ...] = ()
    canvas: Canvas | None = None
    changes: tuple[Change, ...] = ()


@dataclass(frozen=True, slots=True)
class Candidate:
    """A middle, without `committed` and without its end. probs: the probability of each token when it was written.

    ended: whether the model itself ended it (EOM or, in a request of few lines, a line end). end: the probability of
    an EOM that was written left to right; elsewhere 1. met: its last token is, from somewhere on, the beginning of what
    follows the middle.
    """

    ids: tuple[int, ...]
    probs: tuple[float, ...]
    ended: bool
    end: float = 1.0
    met: bool = False


@dataclass(slots=True)
class Cost:
    """forwards: denoising or causal ones; a prefill forward counts in `context_forwards`."""

    forwards: int = 0
    context_forwards: int = 0
    context_tokens: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Generation:
    """Candidates and what they cost: of canvases in the order in which they were started, the greedy one first; left to
    right the most probable first.

    note: what `auto` chose and why. cold: whether only the nearby context was used.
    """

    candidates: tuple[Candidate, ...]
    mode: str
    note: str
    cost: Cost
    cold: bool = False
