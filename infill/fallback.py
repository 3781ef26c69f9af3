"""Two fillers as one: the first is asked while it works, the second answers when it does not."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from infill.filler import Filler, FillError, FillRequest, FillResult, Score, within

log = logging.getLogger(__name__)

SHARE = 0.7
"""Of a request's time that the first filler may take; the rest is the second one's."""
LEAST = 0.1
"""Seconds of a request under which the first one is not asked, nor blamed for being late."""
HERE = "the model on this machine"


class Breaker:
    """A circuit breaker: closed, open for a while after `failures` in a row, then half open.

    What is tried while it is half open decides: success closes it, failure opens it for twice as long, at most
    `longest` seconds. clock: monotonic seconds.
    """

    def __init__(
        self,
        failures: int = 3,
        pause: float = 10.0,
        longest: float = 300.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._allowed, self._first, self._longest, self._clock = failures, pause, longest, clock
        self._failures, self._pause, self._until = 0, pause, 0.0

    @property
    def closed(self) -> bool:
        """Whether everything goes through."""
        return self._failures < self._allowed

    @property
    def half_open(self) -> bool:
        """Whether it has been open for long enough to try once."""
        return not self.closed and self._clock() >= self._until

    def succeeded(self) -> None:
        """Close."""
        self._failures, self._pause = 0, self._first

    def failed(self, rest: float = 0.0, *, probe: bool = False) -> float:
        """Count a failure. rest: seconds that the other side wants to be left alone, which opens it at once. probe: it
        was tried while this was half open. Returns the seconds it is open for from now, 0 while it is closed."""
        if probe and not self.closed:
            self._pause = min(self._longest, 2 * self._pause)
        self._failures = self._allowed if rest else self._failures + 1
        if self.closed:
            return 0.0
        pause = min(self._longest, max(rest, self._pause))
        self._until = self._clock() + pause
        return pause


class FallbackFiller:
    """`Filler` of two. Scores are always the second one's: numbers of two models do not compare."""

    def __init__(self, first: Filler, second: Filler, breaker: Breaker | None = None) -> None:
        self._first, self._second, self._breaker = first, second, breaker or Breaker()
        self._why = self._said = ""
        self._probe: asyncio.Task[FillResult | None] | None = None

    async def fill(self, request: FillRequest) -> FillResult:
        """The first one's answer, else the second one's; the report says whose, and why.

        Once the first one has failed often, nobody waits for it: it is tried beside an answer of the second one.
        """
        began, why = time.monotonic(), "there was no time to ask another one"
        if request.limits.deadline is None or request.limits.deadline >= LEAST:
            if self._breaker.closed:
                if (result := await self._try(request)) is not None:
                    return result
            elif self._breaker.half_open and (self._probe is None or self._probe.done()):
                self._probe = asyncio.create_task(self._try(request, probe=True))
            why = self._why
        result = await self._second.fill(within(request, began))
        return replace(result, report=replace(result.report, by=f"{HERE}, because {why}"))

    async def _try(self, request: FillRequest, *, probe: bool = False) -> FillResult | None:
        """The first one's answer; None when it fails, which the breaker learns and the log says, each sentence once."""
        try:
            result = await self._first.fill(within(request, time.monotonic(), SHARE))
        except FillError as error:
            pause = 0.0 if error.unfit else self._breaker.failed(error.rest, probe=probe)
            self._why = str(error)
            said = f"{error}; {HERE} answers" + (f" for the next {pause:.0f} s" if pause else "")
            if said != self._said:
                log.error("%s", said)
                self._said = said
            return None
        self._breaker.succeeded()
        self._said = ""
        return result

    async def score(self, request: FillRequest, texts: Sequence[str]) -> list[Score]:
        """The second one's."""
        return await self._second.score(request, texts)

    def warm(self, request: FillRequest, *, answer: bool = False) -> None:
        """Only while the second one answers: it costs the user's cores."""
        if not self._breaker.closed:
            self._second.warm(request, answer=answer)

    def rest(self) -> None:
        """Both."""
        self._first.rest()
        self._second.rest()

    def close(self) -> None:
        """Close both."""
        if self._probe is not None:
            self._probe.cancel()
        self._first.close()
        self._second.close()
