"""Measure a model folder on held-out packages, through the real completer and engine.

    python -m training.evaluate infilling   --model FOLDER --data SHARD...   exact match by language and kind of cursor
    python -m training.evaluate repair      --model FOLDER --data SHARD...   one real-kind bug a place; clean code
    python -m training.evaluate frontier    --model FOLDER --data SHARD...   speed against quality over thresholds
    python -m training.evaluate calibration --model FOLDER --data SHARD...   what a shown confidence is worth

The places are a function of shards and seed. HumanEval infilling is run by `benchmarks.infilling`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Coroutine, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from engine import Canvas, Mode, Modes, Priority, Task
from engine.checkpoint import CheckpointError
from infill import prompt
from infill.complete import DEFAULTS, Completer
from infill.document import Snapshot
from infill.filler import FillRequest, Limits
from training import bugs
from training.serving import Served
from training.shards import Source, read_sources

PYTHON_PLACES, OTHER_PLACES = 2000, 300
BINS = 10


@dataclass(frozen=True, slots=True)
class Place:
    """A cursor in a held-out file; `truth` is the rest of its line. kind: newline, indentation, word or boundary."""

    source: Source
    at: int
    kind: str

    @property
    def truth(self) -> str:
        end = self.source.text.find("\n", self.at)
        return self.source.text[self.at : end if end >= 0 else len(self.source.text)]

    @property
    def prefix(self) -> str:
        return self.source.text[: self.at]

    @property
    def suffix(self) -> str:
        return self.source.text[self.at + len(self.truth) :]


def places(sources: Sequence[Source], python: int, other: int, seed: int = 0) -> list[Place]:
    """So many cursors of Python and of each other language, spread over packages and kinds of cursor."""
    rng = np.random.default_rng(seed)
    by_language: dict[str, list[Source]] = defaultdict(list)
    for source in sources:
        by_language[source.language].append(source)
    found = []
    for language, files in sorted(by_language.items()):
        for number in range(python if language == "python" else other):
            kind = KINDS[number % len(KINDS)]
            if (place := _place(files[int(rng.integers(len(files)))], kind, rng)) is not None:
                found.append(place)
    return found


KINDS = ("boundary", "boundary", "word", "indentation", "newline")


def _place(source: Source, kind: str, rng: np.random.Generator) -> Place | None:
    """A cursor of that kind on a random line that holds code and a rest of at most 80 characters."""
    starts = np.flatnonzero(np.frombuffer(source.text.encode("utf-32-le"), "<u4") == 10) + 1
    for _ in range(40):
        start = int(starts[int(rng.integers(len(starts)))])
        end = source.text.find("\n", start)
        line = source.text[start : end if end >= 0 else len(source.text)]
        body = line.lstrip()
        if len(body) < 4 or len(line) > 160:
            continue
        at = _cursor(line, len(line) - len(body), kind, rng)
        if at is not None and 0 < len(line) - at <= 80:
            return Place(source, start + at, kind)
    return None


def _cursor(line: str, indent: int, kind: str, rng: np.random.Generator) -> int | None:
    if kind == "newline":
        return 0
    if kind == "indentation":
        return indent
    inside = [
        i for i in range(indent + 1, len(line)) if (line[i - 1].isalnum() and line[i].isalnum()) == (kind == "word")
    ]
    return int(rng.choice(inside)) if inside else None


# ---- infilling


@dataclass(frozen=True, slots=True)
class Answer:
    """What the model said at a place. right: equal to the truth up to trailing space. p: joint probability."""

    place: Place
    text: str
    right: bool
    p: float | None
    tokens: int
    forwards: int
    seconds: float


async def answers(completer: Completer, asked: Iterable[Place], mode: str) -> list[Answer]:
    """The rest of the line at every place, as an editor would be shown it."""
    found = []
    for place in asked:
        began = time.monotonic()
        result = await completer.fill(
            place.prefix, place.suffix, path=place.source.path, language=place.source.language, mode=mode, max_lines=1
        )
        text = result.texts[0].text if result.texts else ""
        p = result.texts[0].confidence if result.texts else None
        right = text.rstrip() == place.truth.rstrip()
        report = result.report
        found.append(Answer(place, text, right, p, report.tokens, report.forwards, time.monotonic() - began))
    return found


async def infilling(served: Served, asked: list[Place], options: argparse.Namespace) -> dict[str, Any]:
    """Exact match of the rest of the line, by language and by kind of cursor, and what it cost."""
    found = await answers(served.completer, tqdm(asked), options.mode)
    groups: dict[str, list[Answer]] = defaultdict(list)
    for one in found:
        groups[one.place.source.language].append(one)
        groups[f"{one.place.source.language} {one.place.kind}"].append(one)
    table = {name: {"n": len(group), "exact": _share(one.right for one in group)} for name, group in groups.items()}
    duplicated, ended, early = await _raw(served, asked[:: max(1, len(asked) // 300)], options.mode)
    return {
        "mode": options.mode,
        "exact": table,
        "tokens_per_forward": sum(one.tokens for one in found) / max(1, sum(one.forwards for one in found)),
        "median_ms": 1000 * statistics.median(one.seconds for one in found),
        "suffix_duplicated": duplicated,
        "eom_at_the_end": ended,
        "eom_too_early": early,
    }


async def _raw(served: Served, asked: Sequence[Place], mode: str) -> tuple[float, float, float]:
    """Before any trimming: how often the last line repeats the suffix's first; how often the model ends the middle
    where the truth does although ten lines are missing, and how often already halfway."""
    duplicated, ended, early = [], [], []
    for place in asked:
        sides = (place.prefix, place.suffix, place.source.path, place.source.language)
        result = await served.filler.fill(
            FillRequest(*sides, limits=Limits(lines=0, tokens=64), mode=mode, urgent=False)
        )
        last = result.texts[0].text.rstrip("\n").rpartition("\n")[2].strip() if result.texts else ""
        following = next((line.strip() for line in place.suffix.split("\n") if line.strip()), "")
        duplicated.append(len(last) > 3 and last == following)
        gap = "\n" + "\n".join(place.suffix.split("\n")[11:])
        ended.append(await _ends(served, place, gap, 1.0))
        early.append(await _ends(served, place, gap, 0.5))
    return _share(duplicated), _share(ended), _share(early)


async def _ends(served: Served, place: Place, suffix: str, share: float) -> bool:
    """Whether the model ends the middle once that share of the truth is written."""
    engine, written = served.engine, place.truth[: round(share * len(place.truth))]
    context = prompt.build(served.tokens, engine.control, place.prefix + written, suffix, place.source.path).context
    task = Task(context, (Canvas.masks(8, engine.control.mask),), mode="speedy", max_tokens=8)
    generation = await asyncio.wrap_future(engine.generate(task, Priority.ACTION))
    return bool(generation.candidates) and not generation.candidates[0].ids


# ---- repair


async def repair(served: Served, asked: list[Place], options: argparse.Namespace) -> dict[str, Any]:
    """One bug in a held-out line, its whole line given: how often the right text comes back, and how often right code
    is left alone."""
    rng = np.random.default_rng(1)
    fixed: dict[str, list[bool]] = defaultdict(list)
    alone = []
    for place in tqdm(asked):
        text = place.source.text
        start, end = text.rfind("\n", 0, place.at) + 1, place.at + len(place.truth)
        bug = bugs.draw(text, start, end, place.source.language, rng)
        if bug is None or bug.kind == "indentation":
            continue
        wrong = bug.applied(text)
        stop = end + len(wrong) - len(text)
        fixed[bug.kind].append(await _repaired(served.completer, place, wrong, start, stop) == text)
        alone.append(await _repaired(served.completer, place, text, start, end) == text)
    every = [right for kind in fixed.values() for right in kind]
    by_kind = {kind: {"n": len(rights), "exact": _share(rights)} for kind, rights in sorted(fixed.items())}
    return {"n": len(every), "exact": _share(every), "left_alone": _share(alone), "kinds": by_kind}


async def _repaired(completer: Completer, place: Place, text: str, start: int, end: int) -> str:
    snapshot = Snapshot.open(f"file:///{place.source.path}", 1, place.source.language, text)
    found = await completer.repair(snapshot, start, end, preferences=replace(DEFAULTS, deadline=None))
    for edit in reversed(found.edits):
        text = text[: edit.start] + edit.text + text[edit.end :]
    return text


# ---- frontier


async def frontier(served: Served, asked: list[Place], options: argparse.Namespace) -> dict[str, Any]:
    """Time a line against exact match over modes and thresholds; the plot goes to `--plot`."""
    engine, points = served.engine, []
    published = engine.modes
    for name, mode in _modes(published):
        engine.modes = Modes(speedy=mode, quality=published.quality, causal=published.causal)
        found = await answers(served.completer, tqdm(asked, desc=name), "causal" if mode.causal else "speedy")
        ms = 1000 * statistics.median(one.seconds for one in found)
        forwards = sum(one.forwards for one in found)
        points.append(
            {
                "name": name,
                "ms": round(ms, 1),
                "exact": _share(one.right for one in found),
                "tokens_per_forward": round(sum(one.tokens for one in found) / max(1, forwards), 2),
            }
        )
    engine.modes = published
    if options.plot:
        _plot(points, options.plot)
    return {"points": points}


def _modes(published: Modes) -> list[tuple[str, Mode]]:
    grid = [(fill, edit) for fill in (0.3, 0.5, 0.7, 0.9) for edit in (0.0, 0.5, None)]
    moved = [
        (
            f"fill {fill} edit {'off' if edit is None else edit}",
            replace(published.speedy, fill_threshold=fill, edit_threshold=edit),
        )
        for fill, edit in grid
    ]
    return [("causal", published.causal), *moved]


def _plot(points: Sequence[dict[str, Any]], path: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(7, 4.5))
    for point in points:
        axes.scatter(point["ms"], 100 * point["exact"], color="tab:orange" if point["name"] == "causal" else "tab:blue")
        axes.annotate(
            point["name"], (point["ms"], 100 * point["exact"]), fontsize=6, xytext=(3, 3), textcoords="offset points"
        )
    axes.set_xlabel("median milliseconds a line")
    axes.set_ylabel("exact match of the rest of the line, %")
    figure.savefig(path, dpi=150, bbox_inches="tight")


# ---- calibration


async def calibration(served: Served, asked: list[Place], options: argparse.Namespace) -> dict[str, Any]:
    """The error of the joint probability as a confidence, and of a logistic of its logarithm fitted on one half of the
    packages and measured on the other (None when there is one package)."""
    found = [one for one in await answers(served.completer, tqdm(asked), options.mode) if one.p is not None]
    if not found:
        return {"n": 0}
    p, right = np.array([one.p for one in found], np.float64), np.array([one.right for one in found])
    names = sorted({one.place.source.package for one in found})
    half = np.array([names.index(one.place.source.package) % 2 == 0 for one in found])
    slope, intercept = fit(p[half], right[half])
    fitted = logistic(p, slope, intercept)
    return {
        "n": len(found),
        "raw_error": round(calibration_error(p, right), 4),
        "fitted_error": None if half.all() else round(calibration_error(fitted[~half], right[~half]), 4),
        "slope": round(slope, 4),
        "intercept": round(intercept, 4),
        "right": round(float(right.mean()), 4),
    }


def logistic(p: NDArray[np.float64], slope: float, intercept: float) -> NDArray[np.float64]:
    """Confidence of a joint probability."""
    return 1 / (1 + np.exp(-(slope * np.log(np.clip(p, 1e-12, 1)) + intercept)))


def fit(p: NDArray[np.float64], right: NDArray[np.bool_], rounds: int = 50) -> tuple[float, float]:
    """Logistic regression of being right on log p (Platt 1999), by Newton's method with a little damping."""
    x = np.stack([np.log(np.clip(p, 1e-12, 1)), np.ones_like(p)], axis=1)
    weights = np.zeros(2)
    for _ in range(rounds):
        guess = 1 / (1 + np.exp(-x @ weights))
        slope = x.T @ (right - guess) - 1e-3 * weights
        curve = (x * (guess * (1 - guess))[:, None]).T @ x + 1e-3 * np.eye(2)
        weights = weights + np.linalg.solve(curve, slope)
    return float(weights[0]), float(weights[1])


def calibration_error(p: NDArray[np.float64], right: NDArray[np.bool_], bins: int = BINS) -> float:
    """Expected calibration error over bins of equal count (Naeini et al. 2015)."""
    order = np.argsort(p, kind="stable")
    parts = [part for part in np.array_split(order, bins) if len(part)]
    return float(sum(len(part) * abs(p[part].mean() - right[part].mean()) for part in parts) / len(p))


def _share(flags: Iterable[bool]) -> float:
    found = list(flags)
    return round(sum(found) / len(found), 4) if found else 0.0


QUESTIONS: dict[str, Callable[[Served, list[Place], argparse.Namespace], Coroutine[Any, Any, dict[str, Any]]]] = {
    "infilling": infilling,
    "repair": repair,
    "frontier": frontier,
    "calibration": calibration,
}


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure a model on held-out packages.")
    parser.add_argument("question", choices=sorted(QUESTIONS))
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--data", type=Path, nargs="+", required=True, help="held-out shards")
    parser.add_argument("--backend", default="onnx", choices=("onnx", "torch"))
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--mode", default="speedy", choices=("speedy", "quality", "causal"))
    parser.add_argument("--python", type=int, default=PYTHON_PLACES, help="places in Python files")
    parser.add_argument("--other", type=int, default=OTHER_PLACES, help="places in files of each other language")
    parser.add_argument("--plot", type=Path, help="where the frontier's picture goes")
    options = parser.parse_args()
    asked = places(list(read_sources(options.data)), options.python, options.other)
    served = Served.open(options.model, options.backend, options.threads, calibration=lambda p: p)
    try:
        print(json.dumps(asyncio.run(QUESTIONS[options.question](served, asked, options)), indent=1))
    finally:
        served.close()


if __name__ == "__main__":
    try:
        main()
    except (CheckpointError, ValueError) as error:
        raise SystemExit(str(error)) from None
