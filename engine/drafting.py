"""Drafting: Mask-to-Token and Token-to-Token on canvases until each stands; all candidates share each forward."""

from __future__ import annotations

from collections.abc import Generator, Sequence

import numpy as np

from engine import indel
from engine.canvas import Canvas
from engine.denoiser import Draft, Prediction
from engine.mode import Mode
from engine.refine import Change, Rules, refine
from engine.run import Run, ranked
from engine.task import Candidate, Step

OVERLAP = 8
"""Committed tokens that the next canvas takes back as drafts, so that text on both sides of the seam is edited
together."""


class Drafting:
    """The canvases of one run."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.task, self.rules, self.vocabulary = run.task, run.rules, run.vocabulary

    def steps(self, mode: Mode, canvases: Sequence[Canvas]) -> Generator[Step, None, list[Candidate]]:
        """Refine all canvases in turns, in one forward together if the model takes several, until each is done or time
        is up."""
        if mode.block and not self.task.exact:
            canvases = [self._to_block_end(canvas, mode.block) for canvas in canvases]
        known: list[Prediction] = []  # finding a length asks about the canvas already
        if mode.lengths and not self.task.exact and all(canvas.is_open(self.rules.control.mask) for canvas in canvases):
            canvases, known = yield from self._surest_length(mode)
        sketches, first = [Sketch(self.task.committed, canvas, mode, self.rules) for canvas in canvases], True
        while (live := [sketch for sketch in sketches if not sketch.done]) and (known or not self.run.late()):
            for asked in self.run.by_forward(live):
                if self.run.late() and not known:
                    break
                predictions, known = known or self._predicted([sketch.draft for sketch in asked]), []
                if first:
                    sketches += self._alternatives(asked[0], predictions[0])
                first = False
                yield from self._refined(sketches, asked, predictions)
        return [self._candidate(sketch) for sketch in sketches]

    def _refined(
        self, sketches: Sequence[Sketch], asked: Sequence[Sketch], predictions: Sequence[Prediction]
    ) -> Generator[Step, None, None]:
        """Take each of the sketches that were asked about one step further."""
        for sketch, prediction in zip(asked, predictions, strict=True):
            changes = sketch.step(prediction)
            yield Step(
                "denoise",
                self.run.elapsed(),
                sketches.index(sketch),
                sketch.committed,
                (*[1.0] * len(self.task.committed), *sketch.probs),
                sketch.canvas,
                tuple(changes),
            )
            if sketch.done:
                self._extend(sketch)

    def _surest_length(self, mode: Mode) -> Generator[Step, None, tuple[list[Canvas], list[Prediction]]]:
        """The open canvas whose length fits the hole best, and the prediction for it. That is the length at which the
        best answers are most probable on average, compared with what is usual at that length (CAL, arXiv 2602.00476).
        Each length takes a forward; as many are tried as there is time for."""
        sizes = [size for size in mode.lengths if size <= self.task.max_tokens] or mode.lengths[:1]
        mask, room = self.rules.control.mask, [self.rules.control.eom] * mode.indel  # for INSERT
        best, most, known = Canvas.of([mask] * sizes[0] + room), 0.0, list[Prediction]()
        for size in sizes:
            if self.run.late():
                break
            canvas = Canvas.of([mask] * size + room)
            (said,) = self._predicted([Draft(self.task.committed, canvas)])
            yield Step("denoise", self.run.elapsed(), canvas=canvas)
            answers = [ranked(said, slot, self.rules)[0][1] for slot in range(size)]
            sure = float(np.mean(answers)) / usual_confidence(size)
            if not known or sure > most:
                best, most, known = canvas, sure, [said]
        return [best], known

    def _predicted(self, drafts: Sequence[Draft]) -> list[Prediction]:
        size = sum(len(draft.canvas) for draft in drafts)
        return self.run.forward(size, lambda: self.run.denoiser.predict(self.run.lease, drafts))

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
        """Where a finished canvas holds no end, go on with the next one, which takes its last tokens back as drafts."""
        ids = indel.scrub(sketch.canvas, self.rules.control, self.vocabulary.reserved)
        written = len(sketch.committed) - len(self.task.committed) + len(ids)
        lines = int(self.vocabulary.line_breaks[list(sketch.committed[len(self.task.committed) :] + ids)].sum())
        full = self.task.max_lines and lines >= self.task.max_lines
        if (
            0 < len(ids) == len(sketch.canvas)
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
        return Canvas.masks(self._room(len(self.task.committed), block), mask) if canvas.is_open(mask) else canvas

    def _room(self, written: int, block: int) -> int:
        """Slots from the token after `written` ones of the middle to the end of its block."""
        return block - (self.run.context.middle + written) % block

    def _candidate(self, sketch: Sketch) -> Candidate:
        ids = indel.scrub(sketch.canvas, self.rules.control, self.vocabulary.reserved)
        settled = indel.settled_end(sketch.canvas, self.rules.ends, self.rules.control)
        ended = bool(np.isin(sketch.canvas.ids[:settled], list(self.rules.ends)).any())
        old = sketch.committed[len(self.task.committed) :]
        probs = (*sketch.probs, *map(float, sketch.canvas.probs[: len(ids)]))
        return self.run.bounded(Candidate(old + ids, probs, (ended or bool(sketch.mode.lengths)) and sketch.done))


def usual_confidence(size: int) -> float:
    """Mean probability of the best answers on an open canvas of this size, wherever it is: CAL's fit for LLaDA 8B."""
    return float(np.exp(-1.77 * size) + 0.56 * np.exp(-0.06 * size) + 0.24)


def _branches(prediction: Prediction, slot: int, rules: Rules, count: int) -> list[tuple[int, float]]:
    """The second to the `count`-th best answer of a slot, without those under a tenth of the best."""
    (_, best), *others = ranked(prediction, slot, rules)
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

    @property
    def draft(self) -> Draft:
        """What to ask about."""
        return Draft(self.committed, self.canvas)

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
        if self.mode.edit_threshold is None:
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
