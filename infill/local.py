"""The filler of this process: prompt + engine. Text becomes streams and canvases here, and tokens become text again."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from engine import Canvas, Denoiser, Engine, Generation, Modes, Priority, Task
from infill import prompt
from infill.confidence import Beta
from infill.filler import Filled, FillError, FillReport, FillRequest, FillResult, Score, distinct, within
from infill.line_by_line import line_by_line
from infill.lines import first_written, stands_below
from infill.reading import Calibration, Reading, ends, spelled
from infill.steering import SURE, Guided, Healing

if TYPE_CHECKING:
    from engine.checkpoint import ModelConfig
    from engine.tokenizer import Tokenizer

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
            Engine(denoiser, modes, tokenizer.vocabulary(config.vocab)),
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
        below = first_written(request.suffix)
        new = (one for one in found.texts if not stands_below(request.begun + one.text, below))
        found = replace(found, texts=tuple(new))
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
        reading = Reading(self._tokens, request, built.healed)
        jobs = [asyncio.ensure_future(self._job(reading, task)) for task in self._tasks(request, built)]
        try:
            generations = await asyncio.gather(*jobs)
        finally:
            for job in jobs:  # where one has failed, nobody waits for the others
                job.cancel()
        cold = any(generation.cold for generation in generations)
        if cold:
            self.engine.warm([built.context])
        texts = [
            reading.filled(candidate, generation.mode, self._calibration)
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
        built = self._prompt(replace(request, suffix="") if self._heals else request)
        end = _following(request.suffix) if self._heals else ""
        # What is filled in place ends where the suffix begins.
        eom = () if self._heals or self._form.name == "in-place" else (self.engine.control.eom,)
        middles = [(*self._tokens.encode(built.healed + text + end), *eom) for text in texts]
        if max(map(len, middles), default=0) > SCORED_MOST:
            raise FillError(f"a text of more than {SCORED_MOST} tokens has no score", unfit=True)
        rows = await asyncio.wrap_future(self.engine.score(built.context, middles, _priority(request)))
        return [
            Score(float(row.sum()), tuple(zip(spelled(self._tokens, middle), map(float, row), strict=True)))
            for middle, row in zip(middles, rows, strict=True)
        ]

    def _count(self, text: str) -> int:
        return len(self._tokens.encode(text))

    def length(self, request: FillRequest, text: str) -> int:
        """Tokens of a middle with this text, without an end: what `Limits.exact` counts."""
        return self._count(self._prompt(request).healed + text)

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
        return prompt.build(self._lines, control, *sides, remark=request.remark, heal=self._heals, form=self._form)

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
        tokens = pairwise(end - shift for end in ends(self._tokens, ids))
        return [any(at < end and start < max(to, at + 1) for start, end in suspects) for at, to in tokens]

    async def _job(self, reading: Reading, task: Task) -> Generation:
        on_step, mask = reading.request.on_step, self.engine.control.mask
        tell = None if on_step is None else lambda step: on_step(reading.told(step, mask))
        generation = await asyncio.wrap_future(self.engine.generate(task, _priority(reading.request), tell))
        whole = (replace(one, ids=(*task.committed, *one.ids)) for one in generation.candidates)
        return replace(generation, candidates=tuple(map(reading.cut, whole)))


def _sure(texts: Sequence[Filled]) -> bool:
    """Whether the first of the texts is good enough as it is."""
    return bool(texts) and texts[0].finished and texts[0].score is not None and texts[0].score >= SURE


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
