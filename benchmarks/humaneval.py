"""HumanEval infilling, development half: its tasks, and whether a program passes, in a process of its own.

The tasks are described in data/humaneval-infilling; `python -m training.evaluate humaneval` asks the model.
"""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")
SETS = {"SingleLine": 1, "MultiLine": 0, "RandomSpanLight": 0, "RandomSpan": 0}
"""The sets, and how many lines each asks for (0: the length is left free)."""
TASKS = Path(__file__).parent / "data" / "humaneval-infilling"
SECONDS, MEGABYTES = 10, 1024
PASSED = 77
"""Exit status of a program that came to its end; an answer that just leaves the program has another one."""


@dataclass(frozen=True, slots=True)
class Task:
    """One hole in one HumanEval solution: `canonical_solution` stands between `prompt` and `suffix`."""

    task_id: str
    entry_point: str
    prompt: str
    suffix: str
    canonical_solution: str
    test: str

    def passes(self, middle: str) -> bool:
        """Whether the tests pass with this text in the hole."""
        program = f"{self.prompt}{middle}{self.suffix}\n{self.test}\ncheck({self.entry_point})\n"
        return run(f"{program}\nimport os\nos._exit({PASSED})\n") == PASSED


def read_tasks(name: str, limit: int = 0) -> list[Task]:
    """The tasks of one set; a limit takes them evenly from all of it, the same ones every time."""
    with gzip.open(TASKS / f"{name}.jsonl.gz", "rt", encoding="utf-8") as lines:
        tasks = [Task(**{key: json.loads(line)[key] for key in Task.__slots__}) for line in lines]
    return thinned(tasks, limit)


def thinned(found: Sequence[T], most: int) -> list[T]:
    """At most so many of these, evenly from all of them; all when `most` is 0."""
    return [found[i * len(found) // most] for i in range(most)] if 0 < most < len(found) else list(found)


def run(program: str) -> int:
    """Exit status of a Python program in an empty folder, with no environment, no more than `SECONDS` of processor time
    and `MEGABYTES` of memory, writing no file; -1 for one that outlives twice its time."""
    with tempfile.TemporaryDirectory() as folder:
        process = subprocess.Popen(
            [sys.executable, "-I", "-c", program],
            cwd=folder,
            env={},
            preexec_fn=_limit,
            start_new_session=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            return process.wait(2 * SECONDS)
        except subprocess.TimeoutExpired:
            return -1
        finally:
            # Whatever it started goes with it.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _limit() -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (MEGABYTES << 20, MEGABYTES << 20))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
