"""What was said already is said again without a forward: the same, and only where all of it was asked about."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from engine import Context, Engine, Modes, Prediction, Priority, Step, Stream, Task
from engine.forward import Forward
from engine.stream_denoiser import StreamDenoiser
from tests.fakes import CONTROL, SIZE, VOCABULARY, Counting, tiny_forward

HERE = Context((Stream("below", tuple(range(30, 50)), 100), Stream("prefix", (8, *range(18, 58)), 200)), 241)
THERE = replace(HERE, opening=33)
WAYS = np.arange(20, 60)
FEWER = WAYS[3::7]


@pytest.fixture(scope="module")
def forward() -> Forward:
    return tiny_forward()


@pytest.fixture
def counting(forward: Forward) -> Counting:
    return Counting(forward)


@pytest.fixture
def denoiser(counting: Counting) -> StreamDenoiser:
    return StreamDenoiser(counting, CONTROL, remembered=2)


def same(one: Prediction, other: Prediction, atol: float = 0.0) -> bool:
    return np.array_equal(one.ids, other.ids) and np.allclose(one.probs, other.probs, rtol=0, atol=atol)


def test_what_was_said_is_said_again(denoiser: StreamDenoiser, counting: Counting) -> None:
    middles = [(), (30,), (30, 31)]
    lease = denoiser.open(HERE)
    said = denoiser.next_token(lease, middles)
    lease.close()
    counting.rows.clear()
    lease = denoiser.open(HERE)
    for middle, answer in zip(middles, said, strict=True):
        again = denoiser.recall(lease, middle)
        assert again is not None and same(again, answer)
    assert not counting.rows


def test_fewer_ways_are_among_those_that_were_asked_about(denoiser: StreamDenoiser, forward: Forward) -> None:
    """As after a key more; the answer is the one of a model that is asked about these alone."""
    denoiser.next_token(denoiser.open(HERE), [(30,)], [WAYS])
    fresh = StreamDenoiser(forward, CONTROL)
    (alone,) = fresh.next_token(fresh.open(HERE), [(30,)], [FEWER])
    said = denoiser.recall(denoiser.open(HERE), (30,), FEWER)
    assert said is not None and same(said, alone, 1e-5)
    everything = denoiser.recall(denoiser.open(HERE), (30,))
    assert everything is not None and same(everything, fresh.next_token(fresh.open(HERE), [(30,)])[0], 1e-5)


def test_what_was_not_asked_about_is_not_known(denoiser: StreamDenoiser) -> None:
    denoiser.next_token(denoiser.open(HERE), [(30,)], [FEWER])
    lease = denoiser.open(HERE)
    assert denoiser.recall(lease, (30,), FEWER) is not None
    assert denoiser.recall(lease, (30,), WAYS) is None
    assert denoiser.recall(lease, ()) is None
    assert denoiser.recall(denoiser.open(THERE), (30,), FEWER) is None


def test_what_is_known_of_some_middles_does_not_travel_again(forward: Forward) -> None:
    """A beam search whose likeliest beam was written before."""
    remembers, forgets = Counting(forward), Counting(forward)
    task, found = Task(HERE, (), mode="causal", max_tokens=3), list[list[tuple[int, ...]]]()
    for counting, contexts in ((remembers, 2), (forgets, 0)):
        engine = Engine(StreamDenoiser(counting, CONTROL, remembered=contexts), Modes(), VOCABULARY)
        engine.generate(task, Priority.TYPING).result(60)
        counting.rows.clear()
        several = engine.generate(replace(task, alternatives=3), Priority.TYPING).result(60)
        found.append([one.ids for one in several.candidates])
        engine.close()
    assert found[0] == found[1]
    assert 0 < sum(remembers.rows) < sum(forgets.rows)


def test_the_contexts_of_late_are_remembered(denoiser: StreamDenoiser) -> None:
    contexts = [replace(HERE, opening=opening) for opening in (20, 21, 22)]
    for context in contexts:
        denoiser.next_token(denoiser.open(context), [()])
    known = [denoiser.recall(denoiser.open(context), ()) is not None for context in reversed(contexts)]
    assert known == [True, True, False]


def test_a_context_that_is_asked_about_again_is_new_again(denoiser: StreamDenoiser) -> None:
    for context in (HERE, THERE, HERE, replace(HERE, opening=34)):
        denoiser.next_token(denoiser.open(context), [(30,)])
    assert denoiser.recall(denoiser.open(HERE), (30,)) is not None


def test_nothing_is_remembered_where_nothing_shall_be(forward: Forward) -> None:
    denoiser = StreamDenoiser(forward, CONTROL, remembered=0)
    denoiser.next_token(denoiser.open(HERE), [()])
    assert denoiser.recall(denoiser.open(HERE), ()) is None


@pytest.mark.parametrize("alternatives", [1, 3])
def test_a_task_that_comes_again_costs_nothing_and_a_longer_one_what_is_new(
    forward: Forward, alternatives: int
) -> None:
    task = Task(HERE, (), mode="causal", alternatives=alternatives, max_tokens=3)
    remembers, forgets = (
        Engine(StreamDenoiser(forward, CONTROL, remembered=contexts), Modes(), VOCABULARY) for contexts in (2, 0)
    )
    try:
        for asked in (task, task, replace(task, max_tokens=6)):
            one, other = (engine.generate(asked, Priority.TYPING).result(60) for engine in (remembers, forgets))
            assert [candidate.ids for candidate in one.candidates] == [candidate.ids for candidate in other.candidates]
            for a, b in zip(one.candidates, other.candidates, strict=True):
                assert np.allclose(a.probs, b.probs, atol=1e-4)
            costs = one.cost.forwards, other.cost.forwards
            if asked is not task:
                assert 0 < costs[0] < costs[1]
        steps: list[Step] = []
        again = remembers.generate(task, Priority.TYPING, steps.append).result(60)
        assert again.cost.forwards == 0 and again.candidates
        assert {step.kind for step in steps} == {"remembered"}
        forgets.generate(task, Priority.TYPING, steps.append).result(60)
        assert steps[-1].kind == "token"
    finally:
        remembers.close()
        forgets.close()


def test_the_vocabulary_is_larger_than_what_comes_back(denoiser: StreamDenoiser) -> None:
    """Or the tests above would prove nothing of what is left out of an answer."""
    (said,) = denoiser.next_token(denoiser.open(HERE), [()], [WAYS])
    assert said.ids.shape[1] < len(WAYS) < SIZE
