"""One worker per device: the most urgent live generator takes the next step.

A job's Future is its life line: cancelling the Future is all the cancelling there is, the worker looks at it between
two steps and closes the generator. The scheduler knows neither tokens nor models.
"""

from __future__ import annotations

import contextlib
import itertools
import threading
from collections.abc import Callable, Generator
from concurrent.futures import Future
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, TypeVar

T = TypeVar("T")


class Priority(IntEnum):
    """Who goes first: typing overtakes fixes, both overtake what only warms the cache."""

    TYPING = 0
    ACTION = 1
    IDLE = 2


@dataclass(order=True)
class _Running:
    priority: Priority
    number: int
    steps: Generator[Any, None, Any] = field(compare=False)
    future: Future[Any] = field(compare=False)
    on_step: Callable[[Any], None] | None = field(compare=False)


class Scheduler:
    """Runs generators, one `next()` at a time, on a thread of its own; a Future carries each one's return value."""

    def __init__(self, name: str = "redraft-engine") -> None:
        self._jobs: list[_Running] = []
        self._numbers = itertools.count()
        self._wake = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    def submit(
        self, steps: Generator[Any, None, T], priority: Priority, on_step: Callable[[Any], None] | None = None
    ) -> Future[T]:
        """Queue a generator. `on_step` is called on the worker's thread. Raises RuntimeError after `close`."""
        future: Future[T] = Future()
        with self._wake:
            if self._closed:
                raise RuntimeError("the engine is closed")
            self._jobs.append(_Running(priority, next(self._numbers), steps, future, on_step))
            self._wake.notify()
        return future

    def close(self) -> None:
        """Cancel what is queued and wait for the step under way."""
        with self._wake:
            self._closed = True
            for job in self._jobs:
                job.future.cancel()
            self._wake.notify()
        self._thread.join()

    def _work(self) -> None:
        while (job := self._next()) is not None:
            self._advance(job)

    def _next(self) -> _Running | None:
        """The most urgent live job; waits while there is none; None once closed and empty."""
        with self._wake:
            while True:
                for dead in [job for job in self._jobs if job.future.cancelled()]:
                    self._jobs.remove(dead)
                    dead.future.set_running_or_notify_cancel()  # or `concurrent.futures.wait` never comes back
                    with contextlib.suppress(Exception):  # nobody is left to be told
                        dead.steps.close()
                if self._jobs:
                    return min(self._jobs)
                if self._closed:
                    return None
                self._wake.wait()

    def _advance(self, job: _Running) -> None:
        try:
            step = next(job.steps)
            if job.on_step is not None:
                job.on_step(step)
        except StopIteration as end:
            self._finish(job, job.future.set_result, end.value)
        except BaseException as error:  # a panic in Rust is no Exception; all that goes wrong belongs to who asked
            with contextlib.suppress(Exception):
                job.steps.close()
            self._finish(job, job.future.set_exception, error)
            del job  # the error's traceback holds this frame, and the job's future the error

    def _finish(self, job: _Running, settle: Callable[[Any], None], outcome: Any) -> None:
        with self._wake:
            self._jobs.remove(job)
        if job.future.set_running_or_notify_cancel():
            settle(outcome)
