"""HumanEval infilling, single line: pass@1 and exact match through the same `Completer.fill` that editors get.

    python -m benchmarks.infilling [--mode causal|speedy|quality] [--limit N] [--set SingleLine|MultiLine|RandomSpan]

A completion passes when prompt + completion + suffix + test runs without error, in a process of its own with limits on
time and memory. The tasks are the development half (see data/humaneval-infilling); decoding is greedy and the length is
left to the model.
"""

from __future__ import annotations

import argparse
import asyncio
import gzip
import json
import resource
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from benchmarks.model import add_model_arguments, open_completer
from infill.complete import Completer

TASKS = Path(__file__).parent / "data" / "humaneval-infilling"
SECONDS, MEGABYTES = 10, 1024


@dataclass(frozen=True, slots=True)
class Task:
    """One hole in one HumanEval solution."""

    task_id: str
    entry_point: str
    prompt: str
    suffix: str
    canonical_solution: str
    test: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one task."""

    passed: bool
    exact: bool
    ms: float
    forwards: int
    tokens: int


def read_tasks(name: str, limit: int) -> list[Task]:
    """The tasks of one set; a limit takes them evenly from all of it, the same ones every time."""
    with gzip.open(TASKS / f"{name}.jsonl.gz", "rt", encoding="utf-8") as lines:
        tasks = [Task(**{key: json.loads(line)[key] for key in Task.__slots__}) for line in lines]
    if not 0 < limit < len(tasks):
        return tasks
    return [tasks[i * len(tasks) // limit] for i in range(limit)]


async def attempt(completer: Completer, task: Task, mode: str, lines: int) -> Outcome:
    """Fill the hole and run the test."""
    result = await completer.fill(
        task.prompt, task.suffix, path=f"{task.entry_point}.py", language="python", mode=mode, max_lines=lines
    )
    text = result.texts[0].text if result.texts else ""
    program = f"{task.prompt}{text}{task.suffix}\n{task.test}\ncheck({task.entry_point})\n"
    report = result.report
    exact = text.strip() == task.canonical_solution.strip()
    return Outcome(passes(program), exact, report.ms, report.forwards, report.tokens)


def passes(program: str) -> bool:
    """Whether a program runs to its end in an empty folder within the limits."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
        resource.setrlimit(resource.RLIMIT_AS, (MEGABYTES << 20, MEGABYTES << 20))
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))

    with tempfile.TemporaryDirectory() as folder:
        try:
            ran = subprocess.run(
                [sys.executable, "-I", "-c", program],
                cwd=folder,
                preexec_fn=limit,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                timeout=2 * SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return False
    return ran.returncode == 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table and the JSON line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mode", default="causal", choices=("causal", "speedy", "quality"))
    parser.add_argument(
        "--set", default="SingleLine", choices=("SingleLine", "MultiLine", "RandomSpan", "RandomSpanLight")
    )
    parser.add_argument("--limit", type=int, default=0, help="tasks to try, 0 for all")
    add_model_arguments(parser)
    given = parser.parse_args(arguments)
    tasks = read_tasks(given.set, given.limit)
    completer = open_completer(given)
    lines = 1 if given.set == "SingleLine" else 0

    async def try_all() -> list[Outcome]:
        return [await attempt(completer, task, given.mode, lines) for task in tqdm(tasks, disable=None)]

    try:
        outcomes = asyncio.run(try_all())
    finally:
        completer.close()
    figures = {
        "set": given.set,
        "mode": given.mode,
        "tasks": len(outcomes),
        "pass@1": round(statistics.mean(o.passed for o in outcomes), 4),
        "exact": round(statistics.mean(o.exact for o in outcomes), 4),
        "ms_median": round(statistics.median(o.ms for o in outcomes), 1),
        "forwards_mean": round(statistics.mean(o.forwards for o in outcomes), 2),
        "tokens_mean": round(statistics.mean(o.tokens for o in outcomes), 2),
    }
    for name, value in figures.items():
        print(f"{name:<14} {value}")
    print(json.dumps(figures))
    return 0


if __name__ == "__main__":
    sys.exit(main())
