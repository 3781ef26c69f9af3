"""A better text for a region of code: its doubtful windows are redrafted and slips undone, the likeliest texts scored,
and the best is kept if it is good enough.

A noisy channel (`slips.py`): a text counts by its score less what the slip costs that would have made the standing one.
"""

from __future__ import annotations

import asyncio
import functools
import math
import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, islice, takewhile
from operator import itemgetter

from infill import slips
from infill.document import Snapshot
from infill.edits import Edit, changed, singly
from infill.filler import TOKENS_PER_LINE, Filler, FillError, FillReport, FillRequest, Limits, Score
from infill.region import (
    LONGEST_REGION,
    Region,
    borrowed,
    damage,
    doubt,
    misstates,
    placed,
    remarks,
    reworded,
    supplied,
    unpaired,
    windows,
)

LOOKED_AT, CANDIDATES = 48, 6
"""Texts whose syntax is looked at, and those that are scored."""
DRAFTING = 0.6
"""Share of the time that goes into drafts; what came out has to be scored, too."""
NO_BETTER = "redraft found no better text here."
TOO_LATE = "redraft found no better text here in time."
TOO_LONG = "redraft repairs no lines as long as these."


@dataclass(frozen=True, slots=True)
class Repair:
    """Edits to the snapshot, sorted and disjoint; empty with a `reason` when no better text was found. gain: nats by
    which the new text is better."""

    edits: tuple[Edit, ...] = ()
    reason: str = ""
    gain: float = 0.0
    report: FillReport = field(default_factory=FillReport)


async def better(
    filler: Filler, snapshot: Snapshot, region: Region, whole: FillRequest, *, margin: float, most: int
) -> Repair:
    """The best text for a region that can be found before the request's deadline.

    whole: the hole that the region would leave, with its context. margin: nats by which a text must be better than code
    that stands and may be right. most: characters that it may change.
    """
    if len(region.text) > LONGEST_REGION:
        return Repair(reason=TOO_LONG)
    try:
        async with asyncio.timeout(whole.limits.deadline):
            return await _best(filler, snapshot, region, whole, margin, most)
    except TimeoutError:
        return Repair(reason=TOO_LATE)
    except FillError:  # letters of many tokens each: there is no score to compare with
        return Repair(reason=TOO_LONG)


def together(found: Sequence[Repair]) -> Repair:
    """The repairs of several pieces as one. Where there is none, the reason is the first's, or that time was short."""
    if len(found) == 1:
        return found[0]
    mended = [one for one in found if one.edits]
    why = found[0].reason if found[-1].reason != TOO_LATE else TOO_LATE
    return Repair(
        edits=tuple(chain.from_iterable(one.edits for one in mended)),
        reason="" if mended else why,
        gain=sum(one.gain for one in mended),
        report=sum((one.report for one in found), FillReport()),
    )


async def _best(
    filler: Filler, snapshot: Snapshot, region: Region, whole: FillRequest, margin: float, most: int
) -> Repair:
    """Score what stands, redraft its doubtful windows, score what is likely, keep the best if it is good enough.

    Drafting may take DRAFTING of the time that is left after the first scoring, which tells how many candidates can be
    scored in the rest.
    """
    began = time.monotonic()
    end = began + (whole.limits.deadline or math.inf)
    (standing,) = await filler.score(whole, [region.text])
    now = time.monotonic()
    drafts, report = await _drafts(filler, region, standing, whole, now + DRAFTING * (end - now))
    alone = chain.from_iterable(singly(region.text, draft) for draft in drafts)
    near = chain(drafts, alone, slips.near(snapshot, region))
    # Hundreds of texts and dozens of trees: whoever types meanwhile must not wait for them.
    given_up = threading.Event()
    try:
        likely = await asyncio.to_thread(_likeliest, snapshot, region, standing, near, most, given_up)
    finally:
        given_up.set()  # a thread cannot be cancelled
    fit = (end - time.monotonic()) / max(now - began, 0.001)
    likely = likely[: int(max(1, min(fit, CANDIDATES)))]
    if not likely:
        return Repair(reason=NO_BETTER, report=report)
    scores = await filler.score(whole, [one.text for one in likely])
    gains = [
        score.total - standing.total - one.cost + margin * (1 - one.margins)
        for score, one in zip(scores, likely, strict=True)
    ]
    gain, best = max(zip(gains, (one.text for one in likely), strict=True))
    if gain < margin:
        return Repair(reason=NO_BETTER, gain=gain, report=report)
    return Repair(tuple(region.edits(snapshot, best)), gain=gain, report=report)


async def _drafts(
    filler: Filler, region: Region, standing: Score, whole: FillRequest, until: float
) -> tuple[list[str], FillReport]:
    """The region as the model would write it, one doubtful window at a time."""
    drafts, report = [], FillReport()
    for window in windows(region, standing.pieces):
        request = replace(
            whole,
            prefix=whole.prefix + region.text[: window.start],
            suffix=region.text[window.end :] + whole.suffix,
            draft=region.text[window.start : window.end],
            suspects=window.suspects,
            limits=Limits(tokens=window.tokens + TOKENS_PER_LINE, lines=window.lines, deadline=_left(until)),
            alternatives=2,
        )
        result = await filler.fill(request)
        report += result.report
        for one in (one for one in result.texts if one.finished and one.text.strip()):
            drafts.append(region.text[: window.start] + one.text.rstrip() + region.text[window.end :])
    return drafts, report


def _left(until: float) -> float | None:
    return None if math.isinf(until) else max(0.0, until - time.monotonic())


@dataclass(frozen=True, slots=True)
class _Candidate:
    """What a region may have been meant to say. cost: nats of the slip. margins: how many margins it must be better by.

    What is broken, or an error, was not meant so: none, where fewer syntax errors are left, by all of its changes and
    no one of them alone, or it only puts something where an error begins. Two, where a diagnostic tells of the lines
    and a name is given up (`slips.renames`).
    """

    text: str
    cost: float
    margins: int = 1


def _likeliest(
    snapshot: Snapshot, region: Region, standing: Score, texts: Iterable[str], most: int, given_up: threading.Event
) -> list[_Candidate]:
    """The texts that are worth a score, CANDIDATES at most: those that leave the fewest syntax errors first, and of
    these the ones that can win most, less what the slip costs.

    Each differs from the region's text by no more than `most` characters, is no more broken, leaves no further bracket
    alone, changes more than words, and keeps all comments. Where syntax is broken, which needs no margin to be mended,
    it keeps numbers and what strings say, too; what changes more than mends it comes later, and needs the margin. Once
    it is given up, no further text is looked at.
    """
    wanted = functools.partial(takewhile, lambda _: not given_up.is_set())
    left = functools.cache(lambda text: damage(snapshot, region, text))
    broken, sound, alone = left(region.text), [], unpaired(snapshot, region)
    most_alone = alone(region.text)
    paired = (one for one in _hopeful(snapshot, region, standing, wanted(texts), most) if alone(one.text) <= most_alone)
    kept = remarks(snapshot, region)
    remarked = (one for one in paired if all(remark in one.text for remark in kept))
    fit = (one for one in remarked if not (broken and misstates(snapshot, region, one.text)))
    for one in wanted(islice(fit, LOOKED_AT)):
        singles = list(singly(region.text, one.text))
        if left(one.text) < broken:
            mends = len(singles) == 1 or all(left(single) > left(one.text) for single in singles)
            sound.append(replace(one, margins=0 if mends else 1))
        elif left(one.text) == broken and not any(reworded(snapshot, region, single) for single in singles):
            sound.append(one)
        if not broken and len(sound) == CANDIDATES:
            break
    return sorted(sound, key=lambda one: (left(one.text), one.margins > 0))[:CANDIDATES]


def _hopeful(snapshot: Snapshot, region: Region, standing: Score, texts: Iterable[str], most: int) -> list[_Candidate]:
    """The texts that differ from the region's by no more than `most` characters, those first that can win most, less
    what the slip costs. Where a diagnostic tells of an import, they are one slip away."""
    tokens, hopes = placed(region, standing.pieces), []
    dearest = slips.ONE if region.marked and borrowed(snapshot, region) else math.inf
    for text in set(texts) - {region.text}:
        words, letters = changed(region.text, text)
        missing = supplied(region, text)
        cost = slips.cost_missing(missing) if missing else slips.cost(words, letters)
        if letters <= most and cost <= dearest:
            margins = 0 if missing else 2 if slips.renames(region, text) else 1
            hopes.append((doubt(region, tokens, text) - cost, text, _Candidate(text, cost, margins)))
    return [one for _, _, one in sorted(hopes, key=itemgetter(0, 1), reverse=True)]
