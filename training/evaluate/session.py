"""A model that is being asked: holes through the real `Completer`, and what each answer cost."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

from tqdm import tqdm

from infill.complete import Completer
from infill.filler import Filled, Filler, FillReport, FillRequest, FillResult, Limits, Score
from training.evaluate.kept import Kept
from training.evaluate.places import OTHER_PLACES, PYTHON_PLACES, Place, held_out, places
from training.serving import Served

MODES = ("speedy", "quality", "causal")
MOST_TOKENS = 192
"""Tokens of the longest middle that is asked for; the longest of the development sets has 157."""


class Hole(Protocol):
    """Text on both sides of a hole, and what stood in it."""

    @property
    def prefix(self) -> str: ...
    @property
    def suffix(self) -> str: ...
    @property
    def truth(self) -> str: ...
    @property
    def path(self) -> str: ...
    @property
    def language(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Answer:
    """text: what the completer gave, empty for nothing. raw: what the model had said. p: joint probability of the
    tokens that the text was made of, None for nothing. kept: tokens of the text that forwards made. forwards: denoising
    forwards (causal ones left to right); context_forwards: forwards that only encoded context. ms: milliseconds until
    the text was there."""

    text: str
    raw: str
    p: float | None
    kept: int
    forwards: int
    context_forwards: int
    ms: float


@dataclass(frozen=True, slots=True)
class Failure:
    """A wrong answer: the ends of its sides, what stood there, what the model had said and what was made of it."""

    where: str
    before: str
    truth: str
    said: str
    given: str
    after: str


class Heard:
    """A filler that passes everything on and remembers the last request and its answer before any trimming."""

    def __init__(self, filler: Filler) -> None:
        self._filler, self.last = filler, FillResult(())
        self.asked = FillRequest("", "", "", "")

    async def fill(self, request: FillRequest) -> FillResult:
        self.asked, self.last = request, await self._filler.fill(request)
        return self.last

    async def score(self, request: FillRequest, texts: Sequence[str]) -> list[Score]:
        return await self._filler.score(request, texts)

    def warm(self, request: FillRequest, *, answer: bool = False) -> None:
        self._filler.warm(request, answer=answer)

    def rest(self) -> None:
        self._filler.rest()

    def close(self) -> None:
        self._filler.close()


@dataclass(slots=True)
class Session:
    """A served model and what it is asked about.

    limit: the most holes of a row, 0 for all. sets, only: HumanEval sets and the one mode that are asked for; empty for
    those of the card. oracle: whether the middle's length is told. data: shards of held-out files; empty for the
    repository's. base: the base weights for llama.cpp, or None. threads: cores of each model. kept: held-out lines that
    were answered before. backwards: whether held-out lines are asked from the last one on, to meet another run that
    keeps its answers in the same file. failures: every wrong answer, to be read by eye.
    """

    served: Served
    limit: int = 0
    sets: Sequence[str] = ()
    only: str = ""
    oracle: bool = False
    data: Sequence[Path] = ()
    base: Path | None = None
    threads: int = 2
    kept: Kept = field(default_factory=lambda: Kept(None, ""))
    backwards: bool = False
    failures: list[Failure] = field(default_factory=list)
    heard: Heard = field(init=False)
    completer: Completer = field(init=False)
    _places: list[Place] = field(default_factory=list)
    _answers: dict[str, list[Answer]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.heard = Heard(self.served.filler)
        self.completer = Completer(self.heard)

    @property
    def mode(self) -> str:
        """What an editor's completions use, if no other is asked for."""
        return self.only or MODES[0]

    @property
    def places(self) -> list[Place]:
        """The held-out places."""
        if not self._places:
            self._places = places(held_out(self.data), self.most(PYTHON_PLACES), self.most(OTHER_PLACES))
        return self._places

    def most(self, wanted: int) -> int:
        """How many of so many held-out places are asked about: with a limit, the same share of all kinds."""
        return min(wanted, max(1, self.limit * wanted // PYTHON_PLACES)) if self.limit else wanted

    async def lines(self) -> list[Answer]:
        """The rest of the line at every held-out place; asked once, whoever wants it."""
        if self.mode not in self._answers:
            order = self.places[::-1] if self.backwards else self.places
            found = [await self._line(place) for place in tqdm(order, desc="held-out lines", disable=None)]
            self._answers[self.mode] = found[::-1] if self.backwards else found
        return self._answers[self.mode]

    async def _line(self, place: Place) -> Answer:
        key = f"{self.mode} {place.source.package} {place.path} {place.at}"
        if known := self.kept.get(key):
            return Answer(**known)
        answer = await self.fill(place, self.mode, lines=1)
        self.kept.put(key, answer)
        return answer

    async def fill(self, hole: Hole, mode: str, *, lines: int) -> Answer:
        """What a tool would be given for this hole, its length left to the model."""
        began = time.monotonic()
        result = await self.completer.fill(
            hole.prefix, hole.suffix, path=hole.path, language=hole.language, mode=mode,
            max_tokens=64 if lines == 1 else MOST_TOKENS, max_lines=lines,
        )  # fmt: skip
        added = self.heard.asked.suffix.removesuffix(hole.suffix)
        return self._answer(self.heard.last.texts, result.texts, added, result.report, began)

    async def fill_exactly(self, hole: Hole, mode: str) -> Answer:
        """The same with as many slots as the truth has tokens, no end being an answer; nothing is trimmed.

        Whole lines are asked for as `Completer.fill` asks for them: without their last line end.
        """
        whole = hole.prefix[-1:] in ("", "\n") and hole.truth.endswith("\n")
        added = "\n" * whole
        request = FillRequest(hole.prefix, added + hole.suffix, hole.path, hole.language, mode=mode, urgent=False)
        length = max(1, self.served.filler.length(request, hole.truth.removesuffix(added)))
        began = time.monotonic()
        result = await self.served.filler.fill(replace(request, limits=Limits(tokens=length, lines=0, exact=True)))
        texts = tuple(replace(one, text=one.text + added) for one in result.texts)
        return self._answer(result.texts, texts, added, result.report, began)

    def judge(self, where: str, hole: Hole, answer: Answer, right: bool) -> bool:
        """Remember the answer if it is wrong; returns whether it was right."""
        if not right:
            sides = hole.prefix[-200:], hole.truth, answer.raw, answer.text, hole.suffix[:200]
            self.failures.append(Failure(where, *sides))
        return right

    async def say(self, hole: Hole, prefix: str, suffix: str, *, tokens: int) -> Filled | None:
        """What the model says between other sides of this hole, before any trimming; None for nothing at all."""
        limits = Limits(canvas=min(16, tokens), tokens=tokens, lines=0)
        result = await self.served.filler.fill(
            FillRequest(prefix, suffix, hole.path, hole.language, limits=limits, mode=self.mode, urgent=False)
        )
        return result.texts[0] if result.texts else None

    def _answer(
        self, said: Sequence[Filled], given: Sequence[Filled], added: str, report: FillReport, began: float
    ) -> Answer:
        """added: the line end that whole lines are given without any forward."""
        text = given[0].text if given else ""
        return Answer(
            text, said[0].text if said else "", given[0].confidence if given else None,
            len(self.served.tokens.encode(text.removesuffix(added))), report.forwards, report.context_forwards,
            1000 * (time.monotonic() - began),
        )  # fmt: skip


def speed(found: Sequence[Answer]) -> dict[str, float]:
    """Over all answers: kept tokens per denoising forward, forwards per hole, and milliseconds."""
    kept, forwards = sum(one.kept for one in found), sum(one.forwards for one in found)
    return {
        "tokens_per_forward": round(kept / max(1, forwards), 2),
        "forwards": round(forwards / max(1, len(found)), 2),
        "context_forwards": round(sum(one.context_forwards for one in found) / max(1, len(found)), 2),
        "ms_median": round(median([one.ms for one in found]), 1),
    }


def median(values: Iterable[float]) -> float:
    """The value in the middle, the higher one of two; 0 for no values."""
    known = list(values)
    return statistics.median_high(known) if known else 0.0


def says_again(text: str, suffix: str) -> bool:
    """Whether a text's last line is the first line of what follows that is not blank."""
    last = text.rstrip("\n").rpartition("\n")[2].strip()
    following = next((line.strip() for line in suffix.split("\n") if line.strip()), "")
    return len(last) > 3 and last == following
