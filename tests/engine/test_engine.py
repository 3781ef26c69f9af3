"""The engine over a real (tiny, random) model: jobs that share it do not disturb each other."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from concurrent.futures import CancelledError, Future
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from engine import Canvas, Context, Engine, Generation, Modes, Priority, Step, Stream, Task
from engine.forward import Forward, Output, Rows
from engine.stream_denoiser import StreamDenoiser
from tests.fakes import CONTROL, EOM, MASK, RESERVED, SIZE, VOCABULARY, Counting, tiny_forward

SECONDS = 60
MODES = Modes()


def context(seed: int, tokens: int = 90) -> Context:
    dice = np.random.default_rng(seed)

    def some(count: int) -> tuple[int, ...]:
        return tuple(dice.integers(18, SIZE, count).tolist())

    shared = Stream("below", (7, *range(20, 50)), 512)
    rest = Stream("rest", (7, *some(5)), 704, (0,))
    return Context((shared, rest, Stream("prefix", (8, *range(18, 58), *some(tokens)), 768)), 809 + tokens)


def tasks() -> list[Task]:
    """Of every kind: masks, a draft with two starts, alternatives, left to right, a canvas that continues."""
    return [
        Task(context(0), (Canvas.masks(8, MASK),), mode="speedy", max_tokens=20),
        Task(context(1), (Canvas.masks(16, MASK),), mode="quality", alternatives=3, max_tokens=16),
        Task(context(2), (Canvas.of([20, 21, 22, *[EOM] * 6]), Canvas.of([20, MASK, 22, *[EOM] * 6])), mode="quality"),
        Task(context(3), (), mode="causal", alternatives=2, max_tokens=12),
        Task(context(4, 300), (Canvas.masks(8, MASK),), (30, 31), mode="speedy", max_lines=1, max_tokens=12),
        Task(context(0), (Canvas.masks(12, MASK),), (40,), mode="quality", max_lines=2, max_tokens=24),
    ]


@pytest.fixture(scope="module")
def forward() -> Forward:
    return tiny_forward()


@pytest.fixture
def engine(forward: Forward) -> Iterator[Engine]:
    denoiser = StreamDenoiser(forward, CONTROL, 200_000, remembered=0)
    made = Engine(denoiser, MODES, VOCABULARY)
    yield made
    made.close()


@pytest.fixture(scope="module")
def alone(forward: Forward) -> list[Generation]:
    """Each task on a new engine of its own."""
    results = []
    for task in tasks():
        engine = Engine(StreamDenoiser(forward, CONTROL), MODES, VOCABULARY)
        results.append(engine.generate(task, Priority.TYPING).result(SECONDS))
        engine.close()
    return results


def same(one: Generation, other: Generation) -> None:
    assert [c.ids for c in one.candidates] == [c.ids for c in other.candidates]
    assert [c.ended for c in one.candidates] == [c.ended for c in other.candidates]
    for a, b in zip(one.candidates, other.candidates, strict=True):
        assert np.allclose(a.probs, b.probs, atol=1e-4)
    assert one.cost.forwards == other.cost.forwards


def test_the_tasks_are_worth_comparing(alone: list[Generation]) -> None:
    assert sum(len(generation.candidates) for generation in alone) >= 9
    assert len({candidate.ids for generation in alone for candidate in generation.candidates}) >= 8
    for generation in alone:
        for candidate in generation.candidates:
            assert not set(candidate.ids) & RESERVED


def test_one_after_another_on_one_cache(engine: Engine, alone: list[Generation]) -> None:
    for order in (range(6), reversed(range(6)), (0, 0, 5, 5, 2)):
        for index in order:
            same(engine.generate(tasks()[index], Priority.TYPING).result(SECONDS), alone[index])


@pytest.mark.parametrize("seed", range(4))
def test_all_at_once_whatever_overtakes_what(engine: Engine, alone: list[Generation], seed: int) -> None:
    """Priorities, arrivals and cancellations at random; the answers of those that stay are those of each alone."""
    dice = np.random.default_rng(seed)
    futures: list[tuple[int, Future[Generation]]] = []
    arrivals = [int(index) for index in dice.permutation(list(range(6)) * 2)]

    def arrive(_step: Step) -> None:
        """On the worker's thread, so between two forwards of a running job."""
        if arrivals and dice.random() < 0.5:
            submit()

    def submit() -> None:
        index = arrivals.pop()
        future = engine.generate(tasks()[index], Priority(int(dice.integers(3))), arrive)
        if dice.random() < 0.2:
            future.cancel()
        else:
            futures.append((index, future))

    while arrivals:
        submit()
        for _, future in list(futures):
            future.result(SECONDS)
    for index, future in futures:
        same(future.result(SECONDS), alone[index])
    assert len(futures) >= 6


def test_a_cancelled_job_stops_within_a_step_and_leaves_the_cache_valid(
    engine: Engine, alone: list[Generation]
) -> None:
    at_work, go_on, steps = threading.Event(), threading.Event(), list[Step]()

    def hold(step: Step) -> None:
        steps.append(step)
        at_work.set()
        assert go_on.wait(SECONDS)

    future = engine.generate(tasks()[4], Priority.TYPING, hold)
    assert at_work.wait(SECONDS)
    assert steps[0].kind == "prefill"
    future.cancel()
    go_on.set()
    again = engine.generate(tasks()[4], Priority.TYPING).result(SECONDS)
    same(again, alone[4])
    assert len(steps) == 1
    assert again.cost.context_tokens == alone[4].cost.context_tokens - 64, "the finished chunk stays cached"
    with pytest.raises(CancelledError):
        future.result(0)


def test_warming_makes_the_next_request_encode_nothing(engine: Engine, alone: list[Generation]) -> None:
    engine.warm([tasks()[4].context]).result(SECONDS)
    warmed = engine.generate(tasks()[4], Priority.TYPING).result(SECONDS)
    assert warmed.cost.context_tokens == 0
    same(warmed, alone[4])


class Failing(Counting):
    """Runs out of memory at the nth forward or allocation from now on, a forward when its work is done."""

    left = 0

    def _spend(self) -> None:
        self.left -= 1
        if self.left == 0:
            raise MemoryError

    def new_kv(self, slots: int) -> Any:
        self._spend()
        return super().new_kv(slots)

    def __call__(self, rows: Rows, past: Any) -> Output:
        output = super().__call__(rows, past)
        self._spend()
        return output


@pytest.mark.parametrize("index", [3, 4])
def test_a_job_that_fails_at_any_step_gives_back_all_and_leaves_the_cache_valid(
    forward: Forward, alone: list[Generation], index: int
) -> None:
    for n in itertools.count(1):
        failing = Failing(forward)
        denoiser = StreamDenoiser(failing, CONTROL, 200_000, remembered=0)
        engine, failing.left = Engine(denoiser, MODES, VOCABULARY), n
        failed = engine.generate(tasks()[index], Priority.TYPING).exception(SECONDS)
        failing.left = 0
        same(engine.generate(tasks()[index], Priority.TYPING).result(SECONDS), alone[index])
        engine.close()
        assert not [entry for entry in denoiser._cache._entries if entry.holders]
        if failed is None:
            break
        assert isinstance(failed, MemoryError)
    assert n > alone[index].cost.forwards + alone[index].cost.context_forwards


@contextmanager
def held(engine: Engine) -> Iterator[Future[Generation]]:
    """A job that stays in its first step until the block is left."""
    at_work, go_on = threading.Event(), threading.Event()

    def hold(_step: Step) -> None:
        at_work.set()
        assert go_on.wait(SECONDS)

    busy = engine.generate(tasks()[0], Priority.TYPING, hold)
    assert at_work.wait(SECONDS)
    try:
        yield busy
    finally:
        go_on.set()


def test_of_what_is_to_be_warmed_the_newest_wins(engine: Engine) -> None:
    with held(engine) as busy:
        older, newer = engine.warm([context(8, 200)]), engine.warm([context(9, 200)])
    newer.result(SECONDS)
    assert older.cancelled()
    assert busy.done()
    assert (
        engine.generate(replace(tasks()[0], context=context(9, 200)), Priority.TYPING)
        .result(SECONDS)
        .cost.context_tokens
        == 0
    )


def test_a_task_that_was_run_ahead_of_time_costs_no_forward(forward: Forward, alone: list[Generation]) -> None:
    engine, left_to_right = Engine(StreamDenoiser(forward, CONTROL), MODES, VOCABULARY), tasks()[3]
    engine.warm([], [left_to_right]).result(SECONDS)
    found = engine.generate(left_to_right, Priority.TYPING).result(SECONDS)
    engine.close()
    assert found.cost.forwards == found.cost.context_tokens == 0 < alone[3].cost.forwards
    assert [one.ids for one in found.candidates] == [one.ids for one in alone[3].candidates]


def test_rest_ends_what_is_warmed(engine: Engine) -> None:
    with held(engine) as busy:
        warming = engine.warm([context(8, 200)])
        engine.rest()
    busy.result(SECONDS)
    assert warming.cancelled()


def test_score_is_what_writing_left_to_right_said(engine: Engine, alone: list[Generation]) -> None:
    for candidate in alone[3].candidates:
        (row,) = engine.score(tasks()[3].context, [candidate.ids], Priority.ACTION).result(SECONDS)
        assert np.allclose(row, np.log(candidate.probs), atol=1e-4)


def test_a_wrong_mode_is_refused_at_once(engine: Engine) -> None:
    with pytest.raises(ValueError, match="no mode is called"):
        engine.generate(replace(tasks()[0], mode="bold"), Priority.TYPING)
