"""The filler of this process: prompt + engine. Text becomes streams and canvases here, and tokens become text again."""

from __future__ import annotations

import asyncio
import math
import operator
import re
import time
from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import replace
from itertools import accumulate, pairwise, takewhile
from typing import TYPE_CHECKING, Any

from engine import Candidate, Canvas, Change, Denoiser, Engine, Generation, Modes, Priority, Step, Task, Vocabulary
from infill import prompt
from infill.confidence import Beta
from infill.filler import Filled, FillError, FillReport, FillRequest, FillResult, Score, Slot, distinct, within
from infill.filler import Step as TextStep
from infill.line_by_line import line_by_line
from infill.lines import first_written, says, width
from infill.steering import SURE, Guided, Healing, meeting

if TYPE_CHECKING:
    from engine.checkpoint import ModelConfig
    from engine.tokenizer import Tokenizer

Calibration = Callable[[float], float]
"""Joint probability of a whole text, its end included -> probability that it is right, fitted on held-out code."""

CANVAS_MOST = 32
SEARCHED = {"speedy": 4, "auto": 4, "quality": 8}
"""Texts of one line to choose among, by mode."""
SEVERAL_LINES = 4
"""The most of them where several lines are wanted, by weights that write left to right."""
FOLLOWING = 3
"""Lines after the hole that say which text fits."""
SCORED_MOST = 1536
"""Tokens of a text and of what follows it that are scored: with the longest prompt of any form before them they still
have positions in models of 4,096."""
SEEN = 0.5
"""Weight of a text's log-probability with both sides seen; the rest of the weight is on that without the suffix."""
OPEN_AFTER_DRAFT = 8
"""Slots of a canvas that a draft leaves to EOM, so that a repair may grow."""


class LocalFiller:
    """`Filler` over the engine of this process.

    heals: the weights' canvas is untrained, so the cursor's token is written again (token healing). ends: such weights
    know all the same where a middle ends (EOM); of the others only a line end tells. form: how prefix and suffix reach
    the model. may_idle: whether work that nobody waits for is welcome now; on battery it is not.
    """

    def __init__(
        self,
        engine: Engine,
        tokens: prompt.TextTokens,
        *,
        calibration: Calibration | None = None,
        heals: bool = False,
        ends: bool = False,
        form: prompt.Form = prompt.STREAMS,
        may_idle: Callable[[], bool] = lambda: True,
    ) -> None:
        self.engine = engine
        self._tokens, self._calibration, self._heals = tokens, calibration, heals
        self.knows_the_end = ends or not heals
        self._lines = prompt.ByLine(tokens, joins_line_ends=tokens.joins_line_ends)
        self._form, self._may_idle = form, may_idle

    @classmethod
    def over(
        cls,
        config: ModelConfig,
        denoiser: Denoiser[Any],
        tokenizer: Tokenizer,
        *,
        calibration: Calibration | None = None,
        may_idle: Callable[[], bool] = lambda: True,
    ) -> LocalFiller:
        """The filler of a checkpoint, whose `config.json` says what its weights can do.

        calibration: in place of the checkpoint's own. Raises TypeError for overrides of a mode that `Mode` has not.
        """
        modes = Modes.of(
            canvas_trained=config.canvas_trained, editing_trained=config.editing_trained, overrides=config.modes
        )
        fitted = Beta(**config.calibration) if config.calibration else None
        return cls(
            Engine(denoiser, modes, Vocabulary(*tokenizer.lines_and_reserved(config.vocab))),
            tokenizer,
            calibration=calibration or fitted,
            heals=not config.canvas_trained,
            ends=config.middle_trained,
            form=prompt.Form.of(config, tokenizer),
            may_idle=may_idle,
        )

    def calibrated(self, calibration: Calibration | None) -> LocalFiller:
        """The same engine and weights, their confidence read otherwise."""
        other = copy(self)
        other._calibration = calibration
        return other

    async def fill(self, request: FillRequest) -> FillResult:
        """Several texts come in the order of their score, unless `speedy` is sure of the likeliest."""
        began = time.monotonic()
        several = self._by_line(request)
        found = await (line_by_line(request, self._judged, self._count) if several else self._whole(request))
        tokens = sum(self._count(one.text) for one in found.texts[: request.alternatives])
        return replace(found, report=replace(found.report, tokens=tokens, ms=1000 * (time.monotonic() - began)))

    async def _whole(self, request: FillRequest) -> FillResult:
        """Whole texts, each looked for at once."""
        began = time.monotonic()
        found, cold = await self._generated(request)
        found = replace(found, texts=distinct(found.texts))
        settled = request.draft is not None or len(found.texts) < 2 or (request.hurried and _sure(found.texts))
        return found if cold or settled else await self._by_score(within(request, began), found)

    def _by_line(self, request: FillRequest) -> bool:
        """Whether several lines are looked for one after the other: by weights that only write left to right, where no
        rest of a line is to be met, for all but the baseline."""
        several = request.limits.lines != 1 and not request.limits.exact and request.draft is None
        return several and self._heals and not request.rest and self._width(request) > 1

    async def _judged(self, request: FillRequest) -> FillResult:
        """Texts of one line, each compared with what follows the hole, unless only what is near it was read, or nothing
        is missing in it for sure."""
        began = time.monotonic()
        found, cold = await self._generated(request)
        found = replace(found, texts=tuple(one for one in found.texts if not _stands_below(one.text, request)))
        nothing = _sure(found.texts) and not found.texts[0].text and not found.texts[0].goes_on
        settled = cold or nothing or not found.texts
        return found if settled else await self._by_score(within(request, began), found)

    def _width(self, request: FillRequest) -> int:
        """How many texts to look for: where the canvas is untrained, the likeliest alone is not to be relied on, unless
        it must be likelier than not, which no two are."""
        known = request.draft is not None or request.limits.exact or request.least >= 0.5
        one_line = request.limits.lines == 1
        chosen = self._heals or (one_line and request.mode == "quality")
        width = SEARCHED.get(request.mode, 1) if chosen and not known else 1
        return max(request.alternatives, width if one_line else min(width, SEVERAL_LINES))

    async def _generated(self, request: FillRequest) -> tuple[FillResult, bool]:
        """What the engine makes of it, and whether only what is near the cursor was read. A text may come twice: as all
        that there is, and with another line begun after it."""
        built = self._prompt(request)
        generations = await asyncio.gather(
            *(self._job(request, task, built.healed) for task in self._tasks(request, built))
        )
        cold = any(generation.cold for generation in generations)
        if cold:
            self.engine.warm([built.context])
        texts = [
            self._filled(candidate, generation, request, built.healed)
            for generation in generations
            for candidate in generation.candidates
        ]
        read = sum(len(stream.ids) for stream in built.context.streams)
        return FillResult(tuple(texts), replace(_report(generations), prompt_tokens=read)), cold

    async def _by_score(self, request: FillRequest, found: FillResult) -> FillResult:
        """The same with the text that fits best first, if there is time to know and none is too long; else as it is."""
        try:
            async with asyncio.timeout(request.limits.deadline):
                once = [one.text for one in distinct(found.texts)]
                scores = dict(zip(once, await self.score(request, once), strict=True))
        except (TimeoutError, FillError):
            return found
        end = _following(request.suffix)
        scored = (self._fit(one, scores[one.text], end) for one in found.texts)
        return replace(found, texts=tuple(sorted(scored, key=lambda one: -(one.score or 0.0))))

    def _fit(self, one: Filled, score: Score, end: str) -> Filled:
        """A text with its score.

        Of weights whose canvas is untrained it is the log-probability of `end`, the lines that follow, after the text,
        and that of the text itself: half with both sides seen, as it was found, and half without the suffix, as it is
        scored (training/LOG.md).
        """
        if not self._heals:
            return replace(one, score=score.total)
        alone = score.without(end)
        seen = SEEN * (one.score - alone) if self.knows_the_end and one.score is not None else 0.0
        return replace(one, score=score.total + seen, follows=score.total - alone)

    async def score(self, request: FillRequest, texts: Sequence[str]) -> list[Score]:
        # Weights that have seen both sides little or never say how well a text fits by what they think of the lines
        # after it (training/LOG.md: 32 against 23 % of lines in `quality`).
        by_line = self._heals
        built = self._prompt(replace(request, suffix="") if by_line else request)
        end = _following(request.suffix) if by_line else ""
        # What is filled in place ends where the suffix begins.
        ends = () if by_line or self._form.name == "in-place" else (self.engine.control.eom,)
        middles = [(*self._tokens.encode(built.healed + text + end), *ends) for text in texts]
        if max(map(len, middles), default=0) > SCORED_MOST:
            raise FillError(f"a text of more than {SCORED_MOST} tokens has no score", unfit=True)
        rows = await asyncio.wrap_future(self.engine.score(built.context, middles, _priority(request)))
        return [
            Score(float(row.sum()), tuple(zip(self._spelled(middle), map(float, row), strict=True)))
            for middle, row in zip(middles, rows, strict=True)
        ]

    def _count(self, text: str) -> int:
        return len(self._tokens.encode(text))

    def length(self, request: FillRequest, text: str) -> int:
        """Tokens of a middle with this text, without an end: what `Limits.exact` counts."""
        return len(self._tokens.encode(self._prompt(request).healed + text))

    def warm(self, request: FillRequest, *, answer: bool = False) -> None:
        """What is written left to right is remembered, so that answers, too, can be looked for ahead of time."""
        if self._may_idle():
            built = self._prompt(request)
            tasks = self._tasks(request, built) if answer and self._heals else ()
            ahead = prompt.ahead(self._lines, self.engine.control, request.prefix, request.path, form=self._form)
            self.engine.warm([built.context] if ahead is None else [built.context, ahead], tasks)

    def rest(self) -> None:
        self.engine.rest()

    def close(self) -> None:
        self.engine.close()

    def _prompt(self, request: FillRequest) -> prompt.Prompt:
        control = self.engine.control
        sides = (request.prefix, request.suffix, request.path, request.snippets)
        return prompt.build(self._lines, control, *sides, heal=self._heals, form=self._form)

    def _tasks(self, request: FillRequest, built: prompt.Prompt) -> list[Task]:
        limits, healed = request.limits, built.healed
        guide = Guided if self._heals and request.draft is None else Healing
        return [
            Task(
                context=built.context,
                canvases=canvases,
                committed=committed,
                mode=request.mode,
                alternatives=self._width(request),
                max_tokens=limits.tokens + (0 if committed or limits.exact else self._count(healed)),
                max_lines=limits.lines and max(1, limits.lines + healed.count("\n") - self._ended(committed)),
                deadline=limits.deadline,
                nearby=built.nearby if request.urgent else None,
                exact=limits.exact,
                steering=guide(request, "" if committed else healed, self._tokens),
            )
            for committed, canvases in self._starts(request, healed)
        ]

    def _ended(self, ids: Sequence[int]) -> int:
        """Lines that end in these tokens."""
        return self._tokens.decode(ids).count("\n")

    def _starts(self, request: FillRequest, healed: str) -> list[tuple[tuple[int, ...], tuple[Canvas, ...]]]:
        """(committed tokens, canvases) of each task. Masks to complete. To repair, the draft itself, and the draft
        with its suspects masked; weights that only write left to right start anew at each suspect."""
        mask, eom = self.engine.control.mask, self.engine.control.eom
        if request.draft is None:
            limits = request.limits
            size = min(CANVAS_MOST, limits.tokens) if limits.exact else limits.canvas
            return [((), (Canvas.masks(size, mask),))]
        ids = self._tokens.encode(healed + request.draft)
        if self.engine.modes.named("quality").causal:
            doubts = [[*self._doubted(ids, (suspect,), len(healed)), True] for suspect in request.suspects]
            starts = dict.fromkeys(tuple(ids[: doubt.index(True)]) for doubt in doubts)
            return [(committed, (Canvas.masks(1, mask),)) for committed in starts]
        doubted = self._doubted(ids, request.suspects, len(healed))
        masked = [mask if doubt else token for token, doubt in zip(ids, doubted, strict=True)]
        if any(start >= len(request.draft) for start, _ in request.suspects):
            masked.append(mask)
        rows = [ids, masked] if masked != ids else [ids]
        # In place the suffix begins where the canvas ends.
        room = OPEN_AFTER_DRAFT if self._form.name != "in-place" else int(self.engine.modes.named("quality").indel)
        size = max(1, min(CANVAS_MOST, len(rows[-1]) + room))
        return [((), tuple(Canvas.of((row + [eom] * size)[:size]) for row in rows))]

    def _doubted(self, ids: Sequence[int], suspects: Sequence[tuple[int, int]], shift: int) -> list[bool]:
        """Which tokens touch a suspect range; the tokens' text starts `shift` characters before the draft."""
        ends = [end - shift for end in self._ends(ids)]
        return [any(at < end and start < max(to, at + 1) for start, end in suspects) for at, to in pairwise(ends)]

    def _spelled(self, ids: Sequence[int]) -> list[str]:
        """The text of each token, such that together they are the text of all; a control token has none."""
        text = self._tokens.decode(ids)
        return [text[at:end] for at, end in pairwise(self._ends(ids))]

    def _ends(self, ids: Sequence[int]) -> list[int]:
        """Code points before each token and after the last; a character's tokens end where it does."""
        return [len(self._tokens.decode(ids[:n])) for n in range(len(ids) + 1)]

    async def _job(self, request: FillRequest, task: Task, healed: str) -> Generation:
        on_step = request.on_step
        tell = None if on_step is None else lambda step: on_step(self._told(step, request))
        generation = await asyncio.wrap_future(self.engine.generate(task, _priority(request), tell))
        whole = (replace(one, ids=(*task.committed, *one.ids)) for one in generation.candidates)
        return replace(generation, candidates=tuple(self._cut(one, request, healed) for one in whole))

    def _cut(self, candidate: Candidate, request: FillRequest, healed: str) -> Candidate:
        """No more of the answer's tokens than are wanted."""
        over = self._written(candidate.ids, healed) - request.limits.tokens
        if over <= 0 or request.limits.exact or request.draft is not None:
            return candidate
        return Candidate(candidate.ids[:-over], candidate.probs[:-over], ended=False)

    def _written(self, ids: Sequence[int], healed: str) -> int:
        """Tokens of the answer: those that only write the end of the prefix again are none of it."""
        again = takewhile(lambda n: len(self._tokens.decode(ids[:n])) <= len(healed), range(1, len(ids) + 1))
        return len(ids) - sum(1 for _ in again)

    def _filled(self, candidate: Candidate, generation: Generation, request: FillRequest, healed: str) -> Filled:
        text = prompt.read(self._tokens, candidate.ids, healed)
        if candidate.met:
            before = prompt.read(self._tokens, candidate.ids[:-1], healed)
            text = text[: meeting(text, request.suffix, len(before))]
        lines = request.limits.lines
        enough = 0 < lines <= text.count("\n")
        if enough:
            text = "\n".join(text.split("\n")[:lines])
        finished, probs = candidate.ended or enough, (*candidate.probs, candidate.end)
        calibration = self._calibration
        # Nobody knows how probable it is that a text which was cut short ends there.
        confidence = None if calibration is None else calibration(math.prod(probs)) if finished else 0.0
        # Left to right, the probabilities of the tokens are the score itself; those of a canvas are not.
        score = sum(math.log(max(p, 1e-9)) for p in probs) if generation.mode == "causal" else None
        known = generation.mode == "causal" and request.draft is None
        beginnings = self._beginnings(candidate, text, healed) if known else ()
        return Filled(text, score, confidence, finished, goes_on=enough, beginnings=beginnings)

    def _beginnings(self, candidate: Candidate, text: str, healed: str) -> tuple[tuple[int, float], ...]:
        """How probable the beginnings of a text are that end where one of its tokens does."""
        found: list[tuple[int, float]] = []
        ends = (end - len(healed) for end in self._ends(candidate.ids)[1:])
        for end, p in zip(ends, accumulate(candidate.probs, operator.mul), strict=True):
            if end > 0:
                found.append((min(end, len(text)), p))
            if end >= len(text):
                break
        return tuple(found)

    def _told(self, step: Step, request: FillRequest) -> TextStep:
        """A step of the engine as text, for traces and progress."""
        written = zip(self._tokens.pieces(step.committed), step.probs, strict=True)
        slots = [Slot(piece, "filled" if step.canvas is None else "frozen", prob) for piece, prob in written]
        if step.canvas is None:
            return TextStep(step.kind, 1000 * step.seconds, tuple(slots), step.candidate)
        canvas, kinds = step.canvas, _moved(step.changes)
        drafted = request.draft is not None
        for slot, piece in enumerate(self._tokens.pieces(canvas.ids.tolist())):
            slots.append(
                Slot(piece, _state(canvas, slot, kinds, self.engine.control.mask, drafted), float(canvas.probs[slot]))
            )
        return TextStep(step.kind, 1000 * step.seconds, tuple(slots), step.candidate)


def _sure(texts: Sequence[Filled]) -> bool:
    """Whether the first of the texts is good enough as it is."""
    return bool(texts) and texts[0].finished and texts[0].score is not None and texts[0].score >= SURE


def _stands_below(text: str, request: FillRequest) -> bool:
    """Whether a line is the next one of the document already; what stands deeper may say the same."""
    line, below = request.begun + text, first_written(request.suffix)
    return says(line) and line.strip() == below.strip() and width(line) <= width(below)


def _following(suffix: str) -> str:
    """What comes after a text, up to the end of the first FOLLOWING lines that say something."""
    found = re.match(rf"(?:\s*[^\n]{{1,200}}){{1,{FOLLOWING}}}", suffix)
    return found.group() if found else "\n"


def _priority(request: FillRequest) -> Priority:
    return Priority.TYPING if request.urgent else Priority.ACTION


def _report(generations: Sequence[Generation]) -> FillReport:
    """The cost of all tasks of one request together; the note and mode of the first."""
    costs = [generation.cost for generation in generations]
    return FillReport(
        forwards=sum(cost.forwards for cost in costs),
        context_forwards=sum(cost.context_forwards for cost in costs),
        context_tokens=sum(cost.context_tokens for cost in costs),
        mode=generations[0].mode if generations else "",
        note=generations[0].note if generations else "",
    )


def _moved(changes: Sequence[Change]) -> dict[int, Change]:
    """The changes of one step by the slot where each ended up."""
    moved, shift = {}, 0
    for change in changes:
        moved[change.slot + shift] = change
        shift += (change.kind == "inserted") - (change.kind == "deleted")
    return moved


def _state(canvas: Canvas, slot: int, kinds: dict[int, Change], mask: int, drafted: bool) -> str:
    if canvas.ids[slot] == mask:
        return "inserted" if canvas.new[slot] else "mask"
    if canvas.frozen[slot]:
        return "frozen"
    if slot in kinds and kinds[slot].kind in ("filled", "edited"):
        return kinds[slot].kind
    return "draft" if drafted or canvas.probs[slot] < 1 else "filled"
