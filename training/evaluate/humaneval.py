"""HumanEval infilling: pass@1 by running the tests, length left free or told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tqdm import tqdm

from benchmarks.humaneval import SETS, Task, read_tasks
from training.evaluate.session import MODES, Answer, Session, says_again, speed
from training.evaluate.share import Share


@dataclass(frozen=True, slots=True)
class TaskHole:
    """A task as a hole."""

    task: Task
    language: str = "python"

    @property
    def prefix(self) -> str:
        return self.task.prompt

    @property
    def suffix(self) -> str:
        return self.task.suffix

    @property
    def truth(self) -> str:
        return self.task.canonical_solution

    @property
    def path(self) -> str:
        return f"{self.task.entry_point}.py"


async def humaneval(session: Session) -> dict[str, Any]:
    """Single lines in every mode that differs and at oracle length; the other sets in the default mode."""
    runs = []
    for name in session.sets or ("SingleLine", "MultiLine", "RandomSpanLight"):
        single = name == "SingleLine"
        free = MODES if single and not session.only else (session.mode,)
        runs += [(name, mode, False) for mode in free if not session.oracle]
        if session.oracle or (single and not session.only):
            # Weights whose canvas is untrained decode every mode left to right, and without a search here.
            runs.append((name, session.served.engine.modes.named(session.mode).name, True))
    return {"runs": [await one_set(session, *run) for run in runs]}


async def one_set(session: Session, name: str, mode: str, oracle: bool) -> dict[str, Any]:
    """One set in one mode. oracle: exactly as many slots as the truth has tokens, and no end."""
    holes = [TaskHole(task) for task in read_tasks(name, session.limit)]
    answers: list[Answer] = []
    passed: list[bool] = []
    with tqdm(holes, desc=f"{name} {mode}{' oracle' * oracle}", disable=None) as bar:
        for hole in bar:
            asked = session.fill_exactly(hole, mode) if oracle else session.fill(hole, mode, lines=SETS[name])
            answers.append(await asked)
            right = hole.task.passes(answers[-1].text)
            passed.append(session.judge(f"{hole.task.task_id} {mode}", hole, answers[-1], right))
            bar.set_postfix(passed=f"{100 * Share.of(passed).value:.1f}%")
    exact = [answer.text.strip() == hole.truth.strip() for answer, hole in zip(answers, holes, strict=True)]
    again = [says_again(answer.raw, hole.suffix) for answer, hole in zip(answers, holes, strict=True)]
    return {
        "set": name,
        "mode": mode,
        "oracle": oracle,
        "pass": Share.of(passed).as_json(),
        "exact": Share.of(exact).as_json(),
        "suffix_said_again": Share.of(again).as_json(),
        **speed(answers),
    }
