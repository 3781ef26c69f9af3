"""The generator: prefill in chunks -> (predict -> refine)* -> the next canvas; one `next()` is one forward.

Whoever drives it may stop between any two forwards: cancelling is not asking for the next, and a deadline is looked at
in the same places. It knows only token ids.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, takewhile, zip_longest
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine import indel
from engine.canvas import Canvas
from engine.denoiser import Context, Denoiser, Draft, Lease, Prediction
from engine.lookup import continuation
from engine.mode import Mode, Modes
from engine.refine import Change, Rules, refine

CHUNK = 64
"""Context tokens a forward may encode: what a cancellation waits for at most."""
HEALED, MOST_HEALING = 0.02, 8
"""Share of the ways to write the end of the prefix again that may stay unknown, and forwards after which it may be
more: then the first way that comes to an end is enough."""
OVERLAP = 8
"""Committed tokens that the next canvas takes back as drafts, so that both sides of the seam are edited together."""
SMALL_CANVAS = 8
FAVOURED = 4
"""Beams that a task's favour may keep beside the most probable ones."""
COLD = 320
"""Pending context tokens above which a request with a `nearby` context is answered from that one."""


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
    """One forward. kind: prefill, denoise, token or score. seconds: since the job was submitted."""

    kind: str
    seconds: float
    candidate: int = 0
    committed: tuple[int, ...] = ()
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


@dataclass(slots=True)
class Clock:
    """Time since submission, and the median forward of the recent past by canvas size (`auto` plans with it)."""

    recent: dict[int, list[float]] = field(default_factory=dict)

    def note(self, size: int, seconds: float) -> None:
        self.recent.setdefault(size, []).append(seconds)
        del self.recent[size][:-32]

    def expected(self, size: int) -> float:
        """Seconds a forward of this size takes, 0 when none was seen yet."""
        near = min(self.recent, key=lambda known: abs(known - size), default=None)
        return float(np.median(self.recent[near])) if near is not None else 0.0


Decoding = Generator[Step, None, Generation]


def decode(
    denoiser: Denoiser[Any], task: Task, modes: Modes, vocabulary: Vocabulary, clock: Clock, submitted: float
) -> Decoding:
    """Run one task. Yields after each forward; its return value is the Generation."""
    run = _Run(denoiser, task, vocabulary, clock, submitted)
    lease = denoiser.open(task.context)
    nearby = task.nearby if lease.pending > COLD else None
    if nearby is not None:
        lease.close()
        run.context = nearby
        lease = denoiser.open(nearby)
    try:
        while lease.pending > CHUNK and not run.late():
            yield run.prefill(lease)
        mode, note, canvases = _choose(task, modes, clock, run.left(), lease.pending, denoiser.control.mask)
        walk = run.causal(lease) if mode.causal else run.denoise(lease, mode, canvases)
        candidates = () if run.late() and lease.pending > CHUNK else (yield from walk)
    finally:
        lease.close()
    run.cost.seconds = run.elapsed()
    return Generation(tuple(candidates), mode.name, note, run.cost, nearby is not None)


def prefill_only(denoiser: Denoiser[Any], context: Context, submitted: float) -> Generator[Step, None, None]:
    """Encode a context ahead of time, so that the request that comes finds it cached."""
    lease = denoiser.open(context)
    try:
        while lease.pending:
            denoiser.prefill(lease, CHUNK)
            yield Step("prefill", time.monotonic() - submitted)
    finally:
        lease.close()


def score(
    denoiser: Denoiser[Any], context: Context, middles: Sequence[tuple[int, ...]]
) -> Generator[Step, None, list[NDArray[np.float32]]]:
    """log p of each token of each middle, left to right after this context."""
    started, lease = time.monotonic(), denoiser.open(context)
    try:
        while lease.pending > CHUNK:
            denoiser.prefill(lease, CHUNK)
            yield Step("prefill", time.monotonic() - started)
        rows: list[NDArray[np.float32]] = []
        batch: list[tuple[int, ...]] = []
        for middle in middles:
            if batch and sum(map(len, batch)) + len(middle) > CHUNK:
                rows += denoiser.score(lease, batch)
                batch = []
                yield Step("score", time.monotonic() - started)
            batch.append(middle)
        return rows + denoiser.score(lease, batch)
    finally:
        lease.close()


def _choose(
    task: Task, modes: Modes, clock: Clock, left: float, pending: int, mask: int
) -> tuple[Mode, str, tuple[Canvas, ...]]:
    """The mode of this request, why, and its canvases: `auto` counts the steps that fit before the deadline."""
    if task.mode != "auto":
        return modes.named(task.mode), "", task.canvases
    size = sum(map(len, task.canvases))
    step = clock.expected(size)
    steps = (left - step * (pending > 0)) / step if step and np.isfinite(left) else 6.0
    mode, canvases = modes.within(steps), task.canvases
    if steps < 2 and all((canvas.ids == mask).all() for canvas in canvases):
        canvases = tuple(canvas.first(SMALL_CANVAS) for canvas in canvases)
    fit = "any number of steps" if np.isinf(left) else f"{steps:.1f} steps of {1000 * step:.0f} ms"
    return mode, f"auto: {fit} fit, {mode.name}, canvas {sum(map(len, canvases))}", canvases


class _Run:
    """What the two walks, over canvases and left to right, share: the task, its clock and its cost."""

    def __init__(
        self, denoiser: Denoiser[Any], task: Task, vocabulary: Vocabulary, clock: Clock, submitted: float
    ) -> None:
        self.denoiser, self.task, self.vocabulary = denoiser, task, vocabulary
        self.clock, self.submitted, self.cost = clock, submitted, Cost()
        self.context = task.context
        control = denoiser.control
        one_line = np.flatnonzero(vocabulary.line_breaks) if task.max_lines == 1 else ()
        ends = frozenset((control.eom, *(vocabulary.reserved - control.never_text), *map(int, one_line)))
        barred = control.never_text - {control.eom, control.insert, control.delete}
        self.rules = Rules(control, frozenset(), barred | ends) if task.exact else Rules(control, ends, barred)

    def elapsed(self) -> float:
        return time.monotonic() - self.submitted

    def left(self) -> float:
        return np.inf if self.task.deadline is None else self.task.deadline - self.elapsed()

    def late(self) -> bool:
        return self.left() <= 0

    def prefill(self, lease: Lease) -> Step:
        self._encode(lease, CHUNK)
        return Step("prefill", self.elapsed())

    def _encode(self, lease: Lease, limit: int) -> None:
        before = lease.pending
        self.denoiser.prefill(lease, limit)
        self.cost.context_forwards += 1
        self.cost.context_tokens += before - lease.pending

    def denoise(self, lease: Lease, mode: Mode, canvases: Sequence[Canvas]) -> Generator[Step, None, list[Candidate]]:
        """Mask-to-Token and Token-to-Token on canvases; all candidates share each forward."""
        if mode.block and not self.task.exact:
            canvases = [self._to_block_end(canvas, mode.block) for canvas in canvases]
        looked: list[Prediction] = []
        still_open = all((canvas.ids == self.rules.control.mask).all() for canvas in canvases)
        if mode.lengths and still_open and not self.task.exact:
            canvases, looked = self._surest_length(lease, mode)
        sketches = [Sketch(self.task.committed, canvas, mode, self.rules) for canvas in canvases]
        while live := [sketch for sketch in sketches if not sketch.done]:
            if self.late():
                break
            drafts = [Draft(sketch.committed, sketch.canvas) for sketch in live]
            predictions, looked = looked or self._timed(lease, drafts), []
            if self.cost.forwards == 1:
                sketches += self._alternatives(live[0], predictions[0])
            for sketch, prediction in zip(live, predictions, strict=True):
                changes = sketch.step(prediction)
                yield Step(
                    "denoise", self.elapsed(), sketches.index(sketch), sketch.committed, sketch.canvas, tuple(changes)
                )
                if sketch.done:
                    self._extend(sketch)
        return [self._candidate(sketch) for sketch in sketches]

    def _surest_length(self, lease: Lease, mode: Mode) -> tuple[list[Canvas], list[Prediction]]:
        """The open canvas whose length fits the hole best, and what was predicted for it: the length at which the best
        answers are most probable on average, against what that length usually gives (CAL, arXiv 2602.00476)."""
        sizes = [size for size in mode.lengths if size <= self.task.max_tokens] or [mode.lengths[0]]
        canvases = [Canvas.masks(size, self.rules.control.mask) for size in sizes]
        predictions = self._timed(lease, [Draft(self.task.committed, canvas) for canvas in canvases])
        sure = [
            float(np.mean([_ranked(said, slot, self.rules)[0][1] for slot in range(size)])) / usual_confidence(size)
            for size, said in zip(sizes, predictions, strict=True)
        ]
        best = int(np.argmax(sure))
        return [canvases[best]], [predictions[best]]

    def _timed(self, lease: Lease, drafts: Sequence[Draft]) -> list[Prediction]:
        before, began = lease.pending, time.monotonic()
        predictions = self.denoiser.predict(lease, drafts)
        if not before:
            self.clock.note(sum(len(draft.canvas) for draft in drafts), time.monotonic() - began)
        self.cost.forwards += 1
        self.cost.context_tokens += before
        return predictions

    def _alternatives(self, first: Sketch, prediction: Prediction) -> list[Sketch]:
        """Candidate j starts with its leftmost slot frozen to the j-th best token."""
        open_slots = np.flatnonzero(first.canvas.ids == self.rules.control.mask)
        if self.task.alternatives < 2 or not len(open_slots):
            return []
        slot, starts = int(open_slots[0]), []
        for token, p in _branches(prediction, slot, self.rules, self.task.alternatives):
            canvas = first.canvas.copy()
            canvas.ids[slot], canvas.frozen[slot], canvas.probs[slot] = token, True, p
            starts.append(Sketch(first.committed, canvas, first.mode, self.rules))
        return starts

    def _extend(self, sketch: Sketch) -> None:
        """A canvas that stands without an end continues on the next one, which takes its last tokens back as drafts."""
        used, ids = indel.scrub(sketch.canvas, self.rules.control, self.vocabulary.reserved)
        written = len(sketch.committed) - len(self.task.committed) + used
        lines = int(self.vocabulary.line_breaks[list(sketch.committed[len(self.task.committed) :] + ids)].sum())
        full = self.task.max_lines and lines >= self.task.max_lines
        if (
            0 < used == len(sketch.canvas)
            and ids[-1] not in self.rules.ends
            and written < self.task.max_tokens
            and not (full or (sketch.mode.lengths and not self.task.exact))
        ):
            sketch.advance(*self._next_canvas(sketch, written))

    def _next_canvas(self, sketch: Sketch, written: int) -> tuple[int, int]:
        """How many tokens the next canvas takes back as drafts, and its size."""
        mode, size = sketch.mode, len(sketch.canvas)
        overlap = min(OVERLAP, size // 2)
        if mode.block:
            overlap = min(mode.revisit_blocks * mode.block, size)
            size = overlap + self._room(len(sketch.committed) + size, mode.block)
        return overlap, min(size, overlap + self.task.max_tokens - written) if self.task.exact else size

    def _to_block_end(self, canvas: Canvas, block: int) -> Canvas:
        """An open canvas ends where its block does, as such models were trained; a draft stays as it is."""
        mask = self.rules.control.mask
        still_open = bool((canvas.ids == mask).all())
        return Canvas.masks(self._room(len(self.task.committed), block), mask) if still_open else canvas

    def _room(self, written: int, block: int) -> int:
        """Slots from the token after `written` ones of the middle to the end of its block."""
        return block - (self.context.middle + written) % block

    def _candidate(self, sketch: Sketch) -> Candidate:
        used, ids = indel.scrub(sketch.canvas, self.rules.control, self.vocabulary.reserved)
        settled = indel.settled_end(sketch.canvas, self.rules.ends, self.rules.control)
        ended = bool(np.isin(sketch.canvas.ids[:settled], list(self.rules.ends)).any())
        old = sketch.committed[len(self.task.committed) :]
        probs = (*sketch.probs, *map(float, sketch.canvas.probs[:used]))
        return self._bounded(Candidate(old + ids, probs, (ended or bool(sketch.mode.lengths)) and sketch.done))

    def causal(self, lease: Lease) -> Generator[Step, None, list[Candidate]]:
        """Left to right on the middle stream: the most probable tokens, or the most probable middles where alternatives
        are wanted."""
        return (yield from self._greedy(lease) if self.task.alternatives == 1 else self._beams(lease))

    def _greedy(self, lease: Lease) -> Generator[Step, None, list[Candidate]]:
        """The most probable token again and again; a forward also checks a guess at what follows, and each token that
        was guessed right saves a forward (`lookup`)."""
        (beam, *_) = (yield from self._healed(lease)) or [Beam()]
        opening = () if self.context.opening is None else (self.context.opening,)
        text = np.array([*chain.from_iterable(stream.ids for stream in self.context.streams), *opening], np.int64)
        while not self._over(beam) and not self.late():
            written = self.task.committed + beam.candidate.ids
            guess = self._guess(np.append(text, written), len(beam.candidate.ids))
            said = self._next(lease, [written + guess[:n] for n in range(len(guess) + 1)])
            for answer, guessed in zip_longest(said, guess):
                ranked = _ranked(answer, 0, self.rules)
                token, p = next((one for one in ranked if self._says(self._grown(beam, *one))), ranked[0])
                beam = self._grown(beam, token, p)
                if token != guessed or self._over(beam):
                    break
            yield Step("token", self.elapsed(), 0, beam.candidate.ids)
            if not self._useful(beam):
                return []
        return [self._bounded(beam.candidate)]

    def _guess(self, text: NDArray[np.int64], written: int) -> tuple[int, ...]:
        """What may follow, up to what ends the answer."""
        guess = continuation(text, min(self.denoiser.lookahead, self.task.max_tokens - written - 1))
        return tuple(takewhile(lambda token: token not in self.rules.ends and token not in self.rules.barred, guess))

    def _next(
        self, lease: Lease, middles: Sequence[tuple[int, ...]], among: NDArray[np.int64] | None = None
    ) -> list[Prediction]:
        """The token after each middle, in one forward."""
        before, began = lease.pending, time.monotonic()
        said: list[Prediction] = self.denoiser.next_token(lease, middles, among)
        if not before:
            self.clock.note(len(middles), time.monotonic() - began)
        self.cost.forwards += 1
        self.cost.context_tokens += before
        return said

    def _healed(self, lease: Lease) -> Generator[Step, None, list[Beam]]:
        """What to start with: nothing, or the ways to write the end of the prefix again, most of them with more. Theirs
        are the probabilities given that it is written: what was typed is certain."""
        heal = self.task.heal
        if heal is None:
            return [Beam()]
        begun, written, total = [Beam()], list[Beam](), 0.0
        while begun and math.exp(begun[0].score) > HEALED * total and not self.late():
            long_enough = self.cost.forwards >= MOST_HEALING
            if written and long_enough:
                break
            # Now any way to the end will do, and the longest is the nearest to it.
            beam = begun.pop(_longest(begun) if long_enough else 0)
            (said,) = self._next(lease, [self.task.committed + beam.candidate.ids], heal(beam.candidate.ids))
            for one in (self._grown(beam, *answer) for answer in _ranked(said, 0, self.rules)):
                (written if heal(one.candidate.ids) is None else begun).append(one)
            begun, total = _best(begun), sum(math.exp(one.score) for one in written)
            yield Step("token", self.elapsed(), 0, _best([*written, *begun])[0].candidate.ids)
        return [one.given(total) for one in _best(written)]

    def _beams(self, lease: Lease) -> Generator[Step, None, list[Candidate]]:
        """Beam search, one token a forward for all beams together: the most probable ones, and FAVOURED others that are
        not far behind them once what is in their favour counts."""
        grown, done = (yield from self._healed(lease)), list[Beam]()
        while True:
            useful = [beam for beam in grown if self._useful(beam) and self._says(beam)]
            done = self._kept([*done, *(beam for beam in useful if self._over(beam))])
            if any(self._enough(beam) for beam in done):
                return [self._bounded(beam.candidate) for beam in done]
            live = self._kept([beam for beam in useful if not self._over(beam)])
            # A middle only gets less probable as it grows.
            if self.late() or self._kept([*done, *live]) == done:
                return [self._bounded(beam.candidate) for beam in _best(self._kept([*done, *live]))]
            said = self._next(lease, [self.task.committed + beam.candidate.ids for beam in live])
            answers = (_ranked(answer, 0, self.rules) for answer in said)
            grown = [self._grown(beam, *one) for beam, some in zip(live, answers, strict=True) for one in some]
            grown += [beam.meeting() for beam in grown if self._meets(beam)]
            yield Step("token", self.elapsed(), 0, max(grown, key=lambda beam: beam.score).candidate.ids)

    def _kept(self, beams: Sequence[Beam]) -> list[Beam]:
        """The beams that stay, the most probable first, the favoured ones last."""
        width = self.task.alternatives
        ordered = _best(beams)
        others = sorted((beam for beam in ordered[width:] if beam.favour), key=lambda beam: -beam.score - beam.favour)
        return ordered[:width] + others[:FAVOURED]

    def _useful(self, beam: Beam) -> bool:
        return self.task.useful is None or self.task.useful(math.exp(beam.score))

    def _enough(self, beam: Beam) -> bool:
        enough, candidate = self.task.enough, beam.candidate
        return enough is not None and candidate.ended and enough(candidate.ids, math.exp(beam.score))

    def _says(self, beam: Beam) -> bool:
        return self.task.says is None or not beam.candidate.ended or self.task.says(beam.candidate.ids)

    def _meets(self, beam: Beam) -> bool:
        return self.task.meets is not None and not beam.candidate.ended and self.task.meets(beam.candidate.ids)

    def _over(self, beam: Beam) -> bool:
        return beam.candidate.ended or len(beam.candidate.ids) >= self.task.max_tokens

    def _grown(self, beam: Beam, token: int, p: float) -> Beam:
        score, old = beam.score + math.log(max(p, 1e-9)), beam.candidate
        if token in self.vocabulary.reserved:
            return replace(beam, score=score, candidate=replace(old, ended=True, end=p))
        ids = (*old.ids, token)
        lines = int(self.vocabulary.line_breaks[list(ids)].sum())
        favour = self.task.favour(ids) if self.task.favour is not None else 0.0
        return Beam(score, favour, Candidate(ids, (*old.probs, p), 0 < self.task.max_lines <= lines))

    def _bounded(self, candidate: Candidate) -> Candidate:
        """Cut a middle that outgrew the request back to the tokens asked for."""
        keep, exact = self.task.max_tokens, self.task.exact
        if len(candidate.ids) <= keep and not exact:
            return candidate
        return Candidate(candidate.ids[:keep], candidate.probs[:keep], exact and len(candidate.ids) >= keep)


@dataclass(frozen=True, slots=True)
class Beam:
    """A middle being written left to right. score: its log-probability, its end's included. favour: as of the task."""

    score: float = 0.0
    favour: float = 0.0
    candidate: Candidate = Candidate((), (), False)

    def given(self, probability: float) -> Beam:
        """The same given that one of the beams of this joint probability is right."""
        score, ids = min(0.0, self.score - math.log(probability)), self.candidate.ids
        probs = (*[1.0] * (len(ids) - 1), math.exp(score))
        return replace(self, score=score, candidate=replace(self.candidate, probs=probs))

    def meeting(self) -> Beam:
        """The same, ended where what follows begins."""
        return replace(self, candidate=replace(self.candidate, ended=True, met=True))


def _longest(beams: Sequence[Beam]) -> int:
    return max(range(len(beams)), key=lambda n: len(beams[n].candidate.ids))


def _best(beams: Iterable[Beam]) -> list[Beam]:
    return sorted(beams, key=lambda beam: -beam.score)


def usual_confidence(size: int) -> float:
    """Mean probability of the best answers on an open canvas of this size, wherever it is: CAL's fit for LLaDA 8B."""
    return float(np.exp(-1.77 * size) + 0.56 * np.exp(-0.06 * size) + 0.24)


def _ranked(prediction: Prediction, slot: int, rules: Rules) -> list[tuple[int, float]]:
    """A slot's possible answers, best first: never empty, because an end is always possible."""
    barred = rules.barred | {rules.control.insert, rules.control.delete}
    pairs = zip(prediction.ids[slot].tolist(), prediction.probs[slot].tolist(), strict=True)
    return [(token, p) for token, p in pairs if token not in barred] or [(rules.control.eom, 0.0)]


def _branches(prediction: Prediction, slot: int, rules: Rules, count: int) -> list[tuple[int, float]]:
    """The second to the `count`-th best answer of a slot, without those under a tenth of the best."""
    (_, best), *others = _ranked(prediction, slot, rules)
    return [(token, p) for token, p in others[: count - 1] if 10 * p >= best]


class Sketch:
    """One canvas on its way: counts its steps, so that every canvas ends in bounded time."""

    def __init__(self, committed: tuple[int, ...], canvas: Canvas, mode: Mode, rules: Rules) -> None:
        self.mode, self.rules = mode, rules
        self.committed, self.probs = committed, ()  # type: tuple[int, ...], tuple[float, ...]
        self._begin(canvas)

    def _begin(self, canvas: Canvas) -> None:
        self.canvas, self.done, self.post_steps = canvas.copy(), False, 0
        indel.settle(self.canvas, self.rules.ends, self.rules.control)
        self.seen = {self.canvas.state()}

    def step(self, prediction: Prediction) -> list[Change]:
        """Refine once. At most original masks + max_post_steps + 1 steps, whatever the model answers."""
        mask, before = self.rules.control.mask, self.canvas
        posting = not self._originals(before)
        last = posting and self.post_steps >= self.mode.max_post_steps
        after, changes = refine(before, prediction, self.mode, self.rules, last=last)
        if changes and not last and after.state() in self.seen:
            after, changes = refine(before, prediction, self.mode, self.rules, repeat=True)
        self.seen.add(after.state())
        self.canvas, self.post_steps = after, self.post_steps + posting
        still_open = bool(((after.ids == mask) & ~after.frozen).any())
        spent = self.post_steps >= self.mode.max_post_steps and not still_open
        quiet = posting and not changes and not still_open
        self.done = last or spent or quiet or (not still_open and self._certain(before, changes))
        return changes

    def _originals(self, canvas: Canvas) -> bool:
        return bool(((canvas.ids == self.rules.control.mask) & ~canvas.new & ~canvas.frozen).any())

    def _certain(self, before: Canvas, changes: Sequence[Change]) -> bool:
        """No verifying step when it could change nothing, or when one step filled all slots with great certainty."""
        if self.mode.edit_threshold is None and not self.mode.indel:
            return True
        started_open = bool((before.ids[~before.frozen] == self.rules.control.mask).all())
        return started_open and all(c.kind == "filled" and c.prob >= self.mode.sure for c in changes)

    def advance(self, overlap: int, size: int) -> None:
        """Commit all but the last tokens and open the next canvas, of `size` slots, with those as drafts."""
        keep = len(self.canvas) - overlap
        self.committed += tuple(int(i) for i in self.canvas.ids[:keep])
        self.probs += tuple(float(p) for p in self.canvas.probs[:keep])
        fresh = Canvas.masks(size, self.rules.control.mask)
        fresh.ids[:overlap], fresh.probs[:overlap] = self.canvas.ids[keep:], self.canvas.probs[keep:]
        self._begin(fresh)
