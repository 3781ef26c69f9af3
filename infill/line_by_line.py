"""Several lines, one after the other, for weights that write left to right.

Among whole texts a search finds short ones, because a text only gets less probable as it grows. So each line is looked
for as if it alone were wanted, behind the likeliest text so far after which the model began another. Of all these
texts, whatever their length, that one wins behind which the lines after the hole are probable enough for what it costs
(training/LOG.md).
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import replace

from infill.filler import Filled, FillRequest, FillResult, Slot, Step, distinct, within

OneLine = Callable[[FillRequest], Awaitable[FillResult]]
"""Texts of one line, best first, and what follows each of them if there was time to look."""


async def line_by_line(request: FillRequest, one_line: OneLine, count: Callable[[str], int]) -> FillResult:
    """Texts of one line and more, best first. count: the tokens of a text."""
    began = time.monotonic()
    found = await one_line(_one_line(request, request.limits.tokens))
    texts, report = _best(found.texts), found.report
    last = _to_go_on(texts)
    while last is not None and (room := _room(request, last, count)) > 0:
        lines = await one_line(_one_line(_behind(last, request, began), room))
        report += lines.report
        longer = [_joined(last, line) for line in lines.texts if line.follows is not None]
        texts, before = _best([*texts, *longer]), texts[0]
        last = _to_go_on(longer) if texts[0] is not before else None
    return FillResult(distinct(texts), replace(report, prompt_tokens=found.report.prompt_tokens))


def _best(texts: Iterable[Filled]) -> list[Filled]:
    return sorted(texts, key=lambda one: -(one.score or 0.0))


def _to_go_on(texts: Sequence[Filled]) -> Filled | None:
    """Of the texts after which the model began another line the likeliest; of weights that cannot tell, the best."""
    going = [one for one in texts if one.goes_on]
    return max(going, key=lambda one: (one.confidence or 0.0, one.score or 0.0), default=None)


def _one_line(request: FillRequest, tokens: int) -> FillRequest:
    return replace(request, limits=replace(request.limits, lines=1, tokens=tokens))


def _room(request: FillRequest, text: Filled, count: Callable[[str], int]) -> int:
    """Tokens that a line behind this text may have; 0 where none may follow, or nobody knows whether it would fit."""
    limits = request.limits
    full = 0 < limits.lines <= text.text.count("\n") + 1
    return 0 if full or text.follows is None else limits.tokens - count(text.text)


def _behind(text: Filled, request: FillRequest, began: float) -> FillRequest:
    """The same hole with a text in it and a line end. What follows need only be as probable as makes both so."""
    passed, tell = 1000 * (time.monotonic() - began), request.on_step
    written = Slot(f"{text.text}\n", "frozen", 1.0)

    def told(step: Step) -> None:
        if tell is not None:
            tell(replace(step, ms=passed + step.ms, slots=(written, *step.slots) if step.slots else ()))

    return replace(
        within(request, began),
        prefix=f"{request.prefix}{text.text}\n",
        remark="",
        least=min(1.0, request.least / max(_probability(text), 1e-9)),
        on_step=told if tell is not None else None,
    )


def _joined(text: Filled, line: Filled) -> Filled:
    """A text and a line behind it, of which it is known how well each is followed."""
    return Filled(
        f"{text.text}\n{line.text}",
        (text.score or 0.0) - (text.follows or 0.0) + (line.score or 0.0),
        None if text.confidence is None or line.confidence is None else text.confidence * line.confidence,
        line.finished,
        line.follows,
        line.goes_on,
        (*text.beginnings, *_behind_all(text, line)),
    )


def _behind_all(text: Filled, line: Filled) -> Iterator[tuple[int, float]]:
    """The beginnings of a line as those of a text that it ends."""
    for at, p in line.beginnings:
        yield len(text.text) + 1 + at, _probability(text) * p


def _probability(text: Filled) -> float:
    """That what is missing begins with all of a text; with one that says nothing it always does."""
    return text.beginnings[-1][1] if text.beginnings else 1.0
