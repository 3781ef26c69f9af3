"""Who goes next, what cancelling does, and that one job's failure is its own."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Generator, Iterator
from concurrent.futures import CancelledError, wait

import pytest

from engine import Priority
from engine.scheduler import Scheduler

SECONDS = 20
"""What a wait may take before a test is called hanging; none is meant to take any time."""


@pytest.fixture
def scheduler() -> Iterator[Scheduler]:
    made = Scheduler("test-engine")
    yield made
    made.close()


class Gate:
    """Holds the worker inside a step until told to go on."""

    def __init__(self) -> None:
        self.inside, self.open = threading.Event(), threading.Event()

    def job(self, steps: int = 1) -> Generator[int, None, str]:
        for step in range(steps):
            self.inside.set()
            assert self.open.wait(SECONDS)
            yield step
        return "passed"


def writing(log: list[str], name: str, steps: int = 3) -> Generator[int, None, str]:
    try:
        for step in range(steps):
            log.append(f"{name}{step}")
            yield step
    finally:
        log.append(f"{name}.")
    return name


def test_a_jobs_future_carries_its_return_value_and_its_steps_are_told_on_the_workers_thread(
    scheduler: Scheduler,
) -> None:
    told: list[tuple[int, str]] = []
    future = scheduler.submit(
        writing([], "a"), Priority.TYPING, lambda step: told.append((step, threading.current_thread().name))
    )
    assert future.result(SECONDS) == "a"
    assert told == [(step, "test-engine") for step in range(3)]


def test_the_most_urgent_goes_first_then_the_oldest(scheduler: Scheduler) -> None:
    gate, log = Gate(), list[str]()
    first = scheduler.submit(gate.job(), Priority.TYPING)
    assert gate.inside.wait(SECONDS)
    futures = [
        scheduler.submit(writing(log, name, 1), priority)
        for name, priority in [
            ("idle", Priority.IDLE),
            ("fix", Priority.ACTION),
            ("typing", Priority.TYPING),
            ("fix again", Priority.ACTION),
        ]
    ]
    gate.open.set()
    wait([first, *futures], SECONDS)
    assert [line for line in log if line.endswith("0")] == ["typing0", "fix0", "fix again0", "idle0"]


def test_typing_overtakes_a_running_job_between_two_of_its_steps(scheduler: Scheduler) -> None:
    gate, log = Gate(), list[str]()
    slow = scheduler.submit(gate.job(3), Priority.IDLE)
    slow.add_done_callback(lambda _: log.append("idle done"))
    assert gate.inside.wait(SECONDS)
    fast = scheduler.submit(writing(log, "typing"), Priority.TYPING)
    gate.open.set()
    wait([slow, fast], SECONDS)
    assert log == ["typing0", "typing1", "typing2", "typing.", "idle done"]


def test_a_cancelled_job_stops_at_the_end_of_its_step_and_cleans_up(scheduler: Scheduler) -> None:
    gate, log = Gate(), list[str]()

    def job() -> Generator[int, None, None]:
        try:
            yield from gate.job(100)
        finally:
            log.append("cleaned")

    future = scheduler.submit(job(), Priority.ACTION, lambda step: log.append(f"step {step}"))
    assert gate.inside.wait(SECONDS)
    assert future.cancel()
    gate.open.set()
    assert scheduler.submit(writing([], "next"), Priority.IDLE).result(SECONDS) == "next"
    assert log == ["step 0", "cleaned"]
    with pytest.raises(CancelledError):
        future.result(0)


def test_a_job_cancelled_before_its_first_step_never_runs(scheduler: Scheduler) -> None:
    gate, log = Gate(), list[str]()
    first = scheduler.submit(gate.job(), Priority.TYPING)
    assert gate.inside.wait(SECONDS)
    dead = scheduler.submit(writing(log, "dead"), Priority.TYPING)
    assert dead.cancel()
    gate.open.set()
    assert first.result(SECONDS) == "passed"
    assert wait([dead], SECONDS).done == {dead}
    assert scheduler.submit(writing(log, "live", 1), Priority.IDLE).result(SECONDS) == "live"
    assert log == ["live0", "live."]


def test_a_job_cancelled_in_its_last_step_stays_cancelled(scheduler: Scheduler) -> None:
    gate = Gate()

    def job() -> Generator[int, None, int]:
        gate.inside.set()
        assert gate.open.wait(SECONDS)
        return 1
        yield 0

    future = scheduler.submit(job(), Priority.TYPING)
    assert gate.inside.wait(SECONDS)
    assert future.cancel()
    gate.open.set()
    assert scheduler.submit(writing([], "next"), Priority.TYPING).result(SECONDS) == "next"
    assert future.cancelled()


class Arrays(set[int]):
    """What can be seen to go."""


class Panic(BaseException):
    """As of a library in Rust: no Exception."""


@pytest.mark.parametrize("kind", [RuntimeError, Panic])
@pytest.mark.parametrize("where", ["step", "on_step", "cleaning up"])
def test_a_failure_belongs_to_the_job_that_asked(scheduler: Scheduler, where: str, kind: type[BaseException]) -> None:
    log: list[str] = []

    def failing() -> Generator[int, None, None]:
        try:
            yield 0
            if where == "step":
                raise kind("the model broke")
            yield 1
        finally:
            log.append("cleaned")
            if where == "cleaning up":
                raise kind("the model broke")

    def told(step: int) -> None:
        if where == "on_step" and step == 1:
            raise kind("the model broke")

    bad = scheduler.submit(failing(), Priority.TYPING, told)
    good = scheduler.submit(writing(log, "good"), Priority.ACTION)
    with pytest.raises(kind, match="the model broke"):
        bad.result(SECONDS)
    assert good.result(SECONDS) == "good"
    assert log[0] == "cleaned"


def test_what_a_failed_job_held_goes_with_it(scheduler: Scheduler) -> None:
    """At once, and not when the collector comes by: these are the arrays of a forward that ran out of memory."""
    held: list[weakref.ref[set[int]]] = []

    def failing() -> Generator[int, None, None]:
        arrays = Arrays()
        held.append(weakref.ref(arrays))
        raise MemoryError
        yield 0

    gc.disable()
    try:
        assert isinstance(scheduler.submit(failing(), Priority.TYPING).exception(SECONDS), MemoryError)
        assert scheduler.submit(writing([], "next"), Priority.TYPING).result(SECONDS) == "next"
        assert held[0]() is None
    finally:
        gc.enable()


def test_a_cancelled_job_that_fails_while_cleaning_up_hurts_nobody(scheduler: Scheduler) -> None:
    gate = Gate()

    def job() -> Generator[int, None, None]:
        try:
            yield from gate.job(9)
        finally:
            raise RuntimeError("could not clean up")

    future = scheduler.submit(job(), Priority.TYPING)
    assert gate.inside.wait(SECONDS)
    future.cancel()
    gate.open.set()
    assert scheduler.submit(writing([], "next"), Priority.IDLE).result(SECONDS) == "next"


def test_close_cancels_what_waits_and_refuses_what_comes() -> None:
    scheduler, gate, log = Scheduler(), Gate(), list[str]()
    running = scheduler.submit(gate.job(5), Priority.TYPING)
    assert gate.inside.wait(SECONDS)
    waiting = scheduler.submit(writing(log, "late"), Priority.IDLE)
    threading.Timer(0.05, gate.open.set).start()
    scheduler.close()
    assert running.cancelled()
    assert waiting.cancelled()
    assert not log
    with pytest.raises(RuntimeError, match="the engine is closed"):
        scheduler.submit(writing(log, "later"), Priority.TYPING)
    scheduler.close()


def test_jobs_may_be_submitted_from_many_threads(scheduler: Scheduler) -> None:
    futures = []
    lock = threading.Lock()

    def submit() -> None:
        for number in range(20):
            future = scheduler.submit(writing([], str(number)), Priority(number % 3))
            with lock:
                futures.append(future)

    threads = [threading.Thread(target=submit) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(int(future.result(SECONDS)) for future in futures) == sorted(list(range(20)) * 4)
