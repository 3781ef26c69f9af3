"""One task while it is decoded: what both ways share, drafting on canvases and writing left to right."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np

from engine.denoiser import Denoiser, Lease, Prediction
from engine.refine import Rules
from engine.task import Candidate, Cost, Step, Task, Vocabulary

T = TypeVar("T")
CHUNK = 64
"""Context tokens that one forward encodes at most, and rows that scoring adds to it at most (more where forwards are
quick): a cancellation waits for the end of such a forward."""


@dataclass(slots=True)
class Clock:
    """Seconds that recent forwards took, by their number of slots; `auto` plans with the median."""

    recent: dict[int, list[float]] = field(default_factory=dict)

    def note(self, size: int, seconds: float) -> None:
        self.recent.setdefault(size, []).append(seconds)
        del self.recent[size][:-32]

    def expected(self, size: int) -> float:
        """Seconds a forward of this size takes, 0 when none was seen yet."""
        near = min(self.recent, key=lambda known: abs(known - size), default=None)
        return float(np.median(self.recent[near])) if near is not None else 0.0


class Run:
    """A task, its hold on the context cache, its clock and its cost. cold: whether its `nearby` context is used."""

    lease: Lease

    def __init__(
        self, denoiser: Denoiser[Any], task: Task, vocabulary: Vocabulary, clock: Clock, submitted: float
    ) -> None:
        self.denoiser, self.task, self.vocabulary = denoiser, task, vocabulary
        self.clock, self.submitted, self.cost = clock, submitted, Cost()
        self.context, self.cold = task.context, False
        control = denoiser.control
        # What is reserved and not ours, such as the base's end of a file, ends a middle as EOM does.
        one_line = np.flatnonzero(vocabulary.line_breaks) if task.max_lines == 1 else ()
        ends = frozenset((control.eom, *(vocabulary.reserved - control.never_text), *map(int, one_line)))
        barred = control.never_text - {control.eom, control.insert, control.delete}
        self.rules = Rules(control, frozenset(), barred | ends) if task.exact else Rules(control, ends, barred)

    def open(self, most: int) -> Lease:
        """Hold the task's context; the nearby one where there is one and more than `most` tokens are pending."""
        self.lease = self.denoiser.open(self.context)
        if self.task.nearby is not None and self.lease.pending > most:
            self.lease.close()
            self.context, self.cold = self.task.nearby, True
            self.lease = self.denoiser.open(self.context)
        return self.lease

    def elapsed(self) -> float:
        return time.monotonic() - self.submitted

    def left(self) -> float:
        return np.inf if self.task.deadline is None else self.task.deadline - self.elapsed()

    def late(self) -> bool:
        return self.left() <= 0

    def prefill(self) -> Step:
        """Encode the next part of the context."""
        before = self.lease.pending
        self.denoiser.prefill(self.lease, CHUNK)
        self.cost.context_forwards += 1
        self.cost.context_tokens += before - self.lease.pending
        return Step("prefill", self.elapsed())

    def by_forward(self, asked: Sequence[T]) -> list[Sequence[T]]:
        """Drafts or middles, those of one forward together (`Denoiser.batches`)."""
        return [asked] if self.denoiser.batches else [[one] for one in asked]

    def forward(self, size: int, ask: Callable[[], list[Prediction]]) -> list[Prediction]:
        """The predictions of `ask`, one forward over `size` slots. The clock notes its time, unless context that was
        pending was encoded with it."""
        before, began = self.lease.pending, time.monotonic()
        said = ask()
        if not before:
            self.clock.note(size, time.monotonic() - began)
        self.cost.forwards += 1
        self.cost.context_tokens += before
        return said

    def bounded(self, candidate: Candidate) -> Candidate:
        """Cut a middle that outgrew the request back to the tokens asked for."""
        keep, exact = self.task.max_tokens, self.task.exact
        if len(candidate.ids) <= keep and not exact:
            return candidate
        return Candidate(candidate.ids[:keep], candidate.probs[:keep], exact and len(candidate.ids) >= keep)


def ranked(prediction: Prediction, slot: int, rules: Rules) -> list[tuple[int, float]]:
    """A slot's possible answers, best first: never empty, because an end is always possible."""
    barred = rules.barred | {rules.control.insert, rules.control.delete}
    pairs = zip(prediction.ids[slot].tolist(), prediction.probs[slot].tolist(), strict=True)
    return [(token, p) for token, p in pairs if token not in barred] or [(rules.control.eom, 0.0)]
