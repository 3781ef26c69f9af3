"""The front door: `generate`, `score` and `warm` hand a generator to the scheduler and return its Future at once."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine import decode
from engine.denoiser import Context, Denoiser
from engine.mode import Modes
from engine.run import Clock
from engine.scheduler import Priority, Scheduler
from engine.task import Generation, Step, Task, Vocabulary


class Engine:
    """Canvas in, canvas out, on a worker thread of its own. Cancelling a Future stops its job within a step."""

    def __init__(self, denoiser: Denoiser[Any], modes: Modes, vocabulary: Vocabulary) -> None:
        self.control, self.modes = denoiser.control, modes
        self._denoiser, self._vocabulary = denoiser, vocabulary
        self._clock = Clock()
        self._scheduler = Scheduler()
        self._warming: Future[None] = Future()

    def generate(
        self, task: Task, priority: Priority, on_step: Callable[[Step], None] | None = None
    ) -> Future[Generation]:
        """Decode a task. `on_step` is called on the worker's thread after each forward.

        Raises RuntimeError when the engine is closed, ValueError for an unknown mode.
        """
        if task.mode != "auto":
            self.modes.named(task.mode)
        return self._scheduler.submit(self._decoding(task), priority, on_step)

    def score(
        self, context: Context, middles: Sequence[tuple[int, ...]], priority: Priority
    ) -> Future[list[NDArray[np.float32]]]:
        """log p of each token of each middle: float32 (len(middle),) each."""
        return self._scheduler.submit(decode.score(self._denoiser, context, middles), priority)

    def warm(self, contexts: Sequence[Context], tasks: Sequence[Task] = ()) -> Future[None]:
        """Run tasks and encode contexts when nothing else is to be done. The newest call wins: an older one under way
        is cancelled, and what it has encoded or remembers stays."""
        self._warming.cancel()
        steps = decode.ahead_of_time(self._denoiser, contexts, [self._decoding(task) for task in tasks])
        self._warming = self._scheduler.submit(steps, Priority.IDLE)
        return self._warming

    def _decoding(self, task: Task) -> decode.Decoding:
        return decode.decode(self._denoiser, task, self.modes, self._vocabulary, self._clock, time.monotonic())

    def rest(self) -> None:
        """Encode no more ahead of time."""
        self._warming.cancel()

    def close(self) -> None:
        """Cancel what is queued and wait for the step under way."""
        self._scheduler.close()
