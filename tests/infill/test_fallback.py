"""The circuit breaker by itself, and two fillers as one."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

import pytest

from infill.fallback import HERE, SHARE, Breaker, FallbackFiller
from infill.filler import Filled, FillError, FillReport, FillRequest, FillResult, Limits, Score

ASK = FillRequest("a = ", "", "a.py", "python", limits=Limits(deadline=2.0))


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Other:
    """A filler that says its name, raises what it is told to, or waits without end."""

    def __init__(self, name: str, *outcomes: BaseException | str) -> None:
        self.name, self.outcomes = name, list(outcomes)
        self.asked: list[FillRequest] = []
        self.warmed = self.rested = self.closed = 0
        self.waiting = asyncio.Event()

    async def fill(self, request: FillRequest) -> FillResult:
        self.asked.append(request)
        outcome = self.outcomes.pop(0) if self.outcomes else ""
        if isinstance(outcome, BaseException):
            raise outcome
        if outcome == "wait":
            self.waiting.set()
            await asyncio.Event().wait()
        return FillResult((Filled(self.name, None, None, True),), FillReport(by=self.name))

    async def score(self, request: FillRequest, texts: Sequence[str]) -> list[Score]:
        return [Score(float(len(self.name)))] * len(texts)

    def warm(self, request: FillRequest, *, answer: bool = False) -> None:
        self.warmed += 1

    def rest(self) -> None:
        self.rested += 1

    def close(self) -> None:
        self.closed += 1


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breaker(clock: Clock) -> Breaker:
    return Breaker(failures=3, pause=10, longest=60, clock=clock)


# ---- the breaker


def test_it_opens_after_failures_in_a_row_and_not_before(breaker: Breaker) -> None:
    for round_ in range(5):
        assert breaker.closed and breaker.failed() == 0, round_
        assert breaker.closed and breaker.failed() == 0, round_
        assert breaker.closed
        breaker.succeeded()
    assert [breaker.failed() for _ in range(3)] == [0, 0, 10]
    assert not breaker.half_open and not breaker.closed


def test_it_is_half_open_after_a_while_and_success_closes_it(breaker: Breaker, clock: Clock) -> None:
    for _ in range(3):
        breaker.failed()
    clock.now += 9.9
    assert not breaker.half_open
    clock.now += 0.2
    assert breaker.half_open and not breaker.closed
    breaker.succeeded()
    assert breaker.closed and not breaker.half_open
    assert [breaker.failed() for _ in range(3)] == [0, 0, 10], "the pause is short again"


def test_a_failed_probe_doubles_the_pause_up_to_the_longest(breaker: Breaker, clock: Clock) -> None:
    for _ in range(3):
        breaker.failed()
    pauses = []
    for _ in range(4):
        clock.now += 1000
        assert breaker.half_open
        pauses.append(breaker.failed(probe=True))
        assert not breaker.half_open
    assert pauses == [20, 40, 60, 60]


def test_who_asks_to_be_left_alone_is_at_once(breaker: Breaker, clock: Clock) -> None:
    assert breaker.closed and breaker.failed(rest=30) == 30
    clock.now += 29
    assert not breaker.half_open
    clock.now += 2
    assert breaker.half_open
    assert breaker.failed(rest=100_000, probe=True) == 60


def test_late_failures_of_requests_from_before_do_not_lengthen_the_pause(breaker: Breaker, clock: Clock) -> None:
    assert [breaker.failed() for _ in range(6)] == [0, 0, 10, 10, 10, 10]
    clock.now += 11
    assert breaker.half_open and breaker.failed() == 10


def test_a_probe_that_fails_after_another_answer_has_come_is_a_failure_like_any_other(breaker: Breaker) -> None:
    for _ in range(3):
        breaker.failed()
    breaker.succeeded()
    assert breaker.failed(probe=True) == 0
    assert [breaker.failed() for _ in range(2)] == [0, 10]


# ---- two fillers


async def fill(both: FallbackFiller, request: FillRequest = ASK) -> tuple[str, str]:
    result = await both.fill(request)
    for _ in range(3):  # what runs beside it gets its turns
        await asyncio.sleep(0)
    return result.texts[0].text, result.report.by


async def test_the_first_answers_while_it_can_and_has_a_share_of_the_time() -> None:
    first, second = Other("first"), Other("second")
    assert await fill(FallbackFiller(first, second)) == ("first", "first")
    given = first.asked[0].limits.deadline
    assert given is not None and 1.0 < given <= SHARE * 2.0
    assert not second.asked


async def test_a_failure_is_one_line_in_the_log_and_the_seconds_answer(caplog: pytest.LogCaptureFixture) -> None:
    first, second = Other("first", FillError("gpu:1 fell silent")), Other("second")
    both = FallbackFiller(first, second)
    with caplog.at_level(logging.WARNING):
        assert await fill(both) == ("second", f"{HERE}, because gpu:1 fell silent")
    assert [record.getMessage() for record in caplog.records] == [f"gpu:1 fell silent; {HERE} answers"]
    assert caplog.records[0].exc_info is None
    left = second.asked[0].limits.deadline
    assert left is not None and 1.0 < left <= 2.0
    assert await fill(both) == ("first", "first")


async def test_a_failure_is_said_again_only_after_an_answer(caplog: pytest.LogCaptureFixture) -> None:
    first, second = Other("first", *[FillError("no")] * 2, "", FillError("no")), Other("second")
    both = FallbackFiller(first, second)
    lines = []
    for _ in range(4):
        await fill(both)
        lines.append(len(caplog.records))
    assert lines == [1, 1, 1, 2]


async def test_while_it_is_open_nobody_waits_nor_reads_the_same_line_again(
    breaker: Breaker, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    first, second = Other("first", *[FillError("no")] * 4), Other("second")
    both = FallbackFiller(first, second, breaker)
    for _ in range(10):
        assert (await fill(both))[0] == "second"
    assert len(first.asked) == 3
    lines = [record.getMessage() for record in caplog.records]
    assert lines == [f"no; {HERE} answers", f"no; {HERE} answers for the next 10 s"]
    clock.now += 11
    assert (await fill(both))[0] == "second"
    assert (await fill(both))[0] == "second"
    assert len(first.asked) == 4, "one request tried, beside the answer"
    clock.now += 21
    assert (await fill(both))[0] == "second"
    assert (await fill(both))[0] == "first"


async def test_only_an_open_breaker_warms_the_second(breaker: Breaker) -> None:
    first, second = Other("first", *[FillError("no")] * 3), Other("second")
    both = FallbackFiller(first, second, breaker)
    both.warm(ASK)
    assert (first.warmed, second.warmed) == (0, 0)
    for _ in range(3):
        await fill(both)
    both.warm(ASK)
    assert (first.warmed, second.warmed) == (0, 1)
    both.rest()
    assert (first.rested, second.rested) == (1, 1)


async def test_cancelling_reaches_the_first_and_is_no_failure() -> None:
    first, second = Other("first", *["wait"] * 9), Other("second")
    both = FallbackFiller(first, second)
    for _ in range(9):
        asked = asyncio.create_task(both.fill(ASK))
        await first.waiting.wait()
        first.waiting.clear()
        asked.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asked
    assert await fill(both) == ("first", "first")


async def test_nobody_waits_for_a_probe_and_only_closing_cancels_it(breaker: Breaker, clock: Clock) -> None:
    first, second = Other("first", *[FillError("no")] * 3, "wait"), Other("second")
    both = FallbackFiller(first, second, breaker)
    for _ in range(3):
        await fill(both)
    clock.now += 11
    for _ in range(5):
        assert (await fill(both))[0] == "second"
    assert len(first.asked) == 4 and first.waiting.is_set()
    both.close()
    assert (await fill(both))[0] == "second"
    assert (await fill(both))[0] == "second"
    assert await fill(both) == ("first", "first")


async def test_what_becomes_of_a_request_from_before_says_nothing_of_the_probe(breaker: Breaker, clock: Clock) -> None:
    first, second = Other("first", "wait", *[FillError("no")] * 3, "wait"), Other("second")
    both = FallbackFiller(first, second, breaker)
    before = asyncio.create_task(both.fill(ASK))
    await first.waiting.wait()
    for _ in range(3):
        await fill(both)
    clock.now += 11
    assert (await fill(both))[0] == "second"
    before.cancel()
    for _ in range(5):
        assert (await fill(both))[0] == "second"
    assert len(first.asked) == 5, "one probe at a time"
    both.close()


async def test_an_unfit_request_is_not_the_firsts_fault() -> None:
    first, second = Other("first", *[FillError("cannot", unfit=True)] * 9), Other("second")
    both = FallbackFiller(first, second)
    for _ in range(9):
        assert await fill(both) == ("second", f"{HERE}, because cannot")
    assert await fill(both) == ("first", "first")


async def test_without_time_the_first_is_not_asked() -> None:
    first, second = Other("first"), Other("second")
    request = FillRequest("", "", "", "", limits=Limits(deadline=0.0))
    assert (await fill(FallbackFiller(first, second), request))[0] == "second"
    assert not first.asked


async def test_without_a_deadline_neither_has_one() -> None:
    first, second = Other("first", FillError("no")), Other("second")
    await fill(FallbackFiller(first, second), FillRequest("", "", "", ""))
    assert [one.asked[0].limits.deadline for one in (first, second)] == [None, None]


async def test_a_bug_of_the_first_is_not_swallowed() -> None:
    first, second = Other("first", LookupError()), Other("second")
    both = FallbackFiller(first, second)
    with pytest.raises(LookupError):
        await fill(both)
    assert await fill(both) == ("first", "first")


async def test_scores_are_the_seconds_and_closing_closes_both() -> None:
    first, second = Other("1"), Other("second")
    both = FallbackFiller(first, second)
    assert [score.total for score in await both.score(ASK, ["x", "y"])] == [6.0, 6.0]
    both.close()
    assert (first.closed, second.closed) == (1, 1)
