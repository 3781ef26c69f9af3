"""Speed against quality: time a line and pass@1 over modes and thresholds, with llama.cpp on the base weights."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import matplotlib
from tqdm import tqdm

from benchmarks import baseline
from benchmarks.humaneval import read_tasks
from engine import Mode, Modes
from training.evaluate.humaneval import TaskHole
from training.evaluate.session import Answer, Session, median, speed
from training.evaluate.share import Share, spelled

matplotlib.use("svg")
from matplotlib import pyplot

TASKS = 120
FILLS, EDITS = (0.3, 0.5, 0.7, 0.9), (0.0, 0.5, None)
LLAMA = "llama.cpp, base weights"


@dataclass(slots=True)
class Point:
    """One setting: its answers, which of them passed, and milliseconds a line. asked: the mode it is asked for as."""

    name: str
    mode: Mode
    asked: str = "speedy"
    answers: list[Answer] = field(default_factory=list)
    passed: list[bool] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        return {"name": self.name, "pass": Share.of(self.passed).as_json(), **speed(self.answers)}


async def frontier(session: Session) -> dict[str, Any]:
    """Every setting on the same tasks of single lines.

    The settings take turns at each task, so that the machine's moods hit all of them. A time is that of a second call,
    whose context is encoded already: what typing is like.
    """
    holes = [TaskHole(task) for task in read_tasks("SingleLine", min(TASKS, session.limit or TASKS))]
    engine = session.served.engine
    published = engine.modes
    points = settings(published)
    try:
        for hole in tqdm(holes, desc="frontier", disable=None):
            for point in points:
                engine.modes = Modes(point.mode, point.mode, point.mode)
                for _ in ("encodes the context", "finds it encoded"):
                    answer = await session.fill(hole, point.asked, lines=1)
                point.answers.append(answer)
                point.passed.append(hole.task.passes(answer.text))
    finally:
        engine.modes = published
    others = llama_point(holes, session.base, session.threads)
    return {"tasks": len(holes), "threads": session.threads, "points": [*(one.as_json() for one in points), *others]}


def settings(published: Modes) -> list[Point]:
    """The published modes, and speedy with other thresholds where the weights know a canvas."""
    points = [
        Point("causal", published.causal, "causal"),
        Point("quality", published.quality, "quality"),
        Point("speedy", published.speedy),
    ]
    if published.speedy.causal:
        return points
    edits = EDITS if published.speedy.edit_threshold is not None else (None,)
    for fill, edit in itertools.product(FILLS, edits):
        mode = replace(published.speedy, fill_threshold=fill, edit_threshold=edit)
        if mode not in (published.speedy, published.quality):
            points.append(Point(f"fill {fill} edit {'off' if edit is None else edit}", mode))
    return points


def llama_point(holes: Sequence[TaskHole], base: Path | None, threads: int) -> list[dict[str, Any]]:
    """llama.cpp left to right with the prefix alone, cut before its last line end, because that token must be free to
    take the indentation in; none without npm or base weights."""
    timed = baseline.llama(base, threads, [hole.prefix.rstrip() for hole in holes], most=64)
    if timed is None:
        return []
    lines = [text.lstrip("\r\n").partition("\n")[0] for text in timed.texts]
    passed = [hole.task.passes(f"{line}\n") for hole, line in zip(holes, lines, strict=True)]
    return [{"name": LLAMA, "pass": Share.of(passed).as_json(), "ms_median": round(median(timed.per_line), 1)}]


def draw(found: dict[str, Any], path: Path) -> None:
    """The points as one small picture."""
    with pyplot.rc_context({"svg.fonttype": "none", "svg.hashsalt": "frontier", "font.size": 9}):
        figure, axis = pyplot.subplots(figsize=(6.4, 4))
        for point in found["points"]:
            share = point["pass"]
            below, above = (100 * abs(share["share"] - share[side]) for side in ("low", "high"))
            colour = {LLAMA: "tab:green", "causal": "tab:orange"}.get(point["name"], "tab:blue")
            at = point["ms_median"], 100 * share["share"]
            axis.errorbar(*at, yerr=[[below], [above]], fmt="o", color=colour, capsize=2, elinewidth=0.6)
            axis.annotate(point["name"], at, fontsize=7, xytext=(4, 4), textcoords="offset points")
        axis.set(
            xlabel=f"median ms a line, context read, {found['threads']} thread(s)", ylabel="pass@1, %", xlim=(0, None)
        )
        axis.set_title(f"HumanEval infilling, single line, {found['tasks']} tasks", fontsize=10)
        axis.set_ylim(0, 100 * max(point["pass"]["high"] for point in found["points"]) + 5)
        axis.grid(alpha=0.3)
        figure.tight_layout()
        figure.savefig(path, metadata={"Date": None})
        pyplot.close(figure)


def table(found: dict[str, Any]) -> list[str]:
    """Rows for the model card."""
    return [
        f"| {point['name']} | {spelled(point['pass'])} | {point['ms_median']:.0f} ms | "
        f"{point.get('tokens_per_forward', '–')} |"
        for point in found["points"]
    ]
