"""What is asked of decoding and what comes back: values, of token ids alone."""

from __future__ import annotations

from dataclasses import dataclass, field

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


class Steering:
    """What the caller knows of a middle written left to right, besides what the model says. This one knows nothing:
    every middle may begin, go on and end as the model likes. ids: the middle so far."""

    def heal(self, ids: tuple[int, ...]) -> NDArray[np.int64] | None:
        """The ids that may follow while the end of the prefix is written again (token healing); None once it is."""
        return None

    def favour(self, ids: tuple[int, ...]) -> float:
        """Nats, 0 or more, that its log-probability gains where beams beside the most probable ones are chosen (shallow
        fusion)."""
        return 0.0

    def useful(self, joint: float) -> bool:
        """Whether a middle of this joint probability is worth going on with. It only gets less probable as it grows."""
        return True

    def meets(self, ids: tuple[int, ...]) -> bool:
        """Whether what follows the middle begins within its last token: it may end there as well as go on."""
        return False

    def says(self, ids: tuple[int, ...]) -> bool:
        """Whether a middle that ends here is an answer at all."""
        return True

    def enough(self, ids: tuple[int, ...], joint: float) -> bool:
        """Whether a middle that has ended is likely enough to end the search."""
        return False


@dataclass(frozen=True, slots=True)
class Task:
    """One request. canvases: what to start with, all decoded in the same forwards; committed: middle tokens left of
    them.

    mode: a mode's name or `auto`. alternatives: candidates wanted. max_tokens counts the middle's tokens right of
    `committed`, max_lines its line ends (0: no bound). deadline: seconds, from submission. nearby: a small context to
    answer from when more than COLD tokens of `context` would have to be encoded first, or None. exact: the middle has
    just `max_tokens` tokens, and no end is accepted: the oracle length of infilling benchmarks. steering: what else is
    known of a middle left to right.
    """

    context: Context
    canvases: tuple[Canvas, ...]
    committed: tuple[int, ...] = ()
    mode: str = "speedy"
    alternatives: int = 1
    max_tokens: int = 64
    max_lines: int = 0
    deadline: float | None = None
    nearby: Context | None = None
    exact: bool = False
    steering: Steering = field(default_factory=Steering)


@dataclass(frozen=True, slots=True)
class Step:
    """What one `next()` did. kind: prefill, denoise or token, each of which is one forward; or remembered, a token that
    needed none. seconds: since the job was submitted. candidate: whose canvas it is. committed: what stands left of it;
    of a token step, what is written of the likeliest middle so far, without the task's own committed tokens. probs: of
    these, 1 for tokens that were given."""

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
    an EOM that was written left to right; elsewhere 1. met: its last token holds the beginning
    of what follows the middle.
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
