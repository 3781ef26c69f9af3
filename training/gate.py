"""The first gate: 32 real holes and 8 real bugs by heart, exported, and asked back through the served engine.

    python -m training.gate --start FOLDER --out FOLDER

A falling loss proves neither the mask, nor the positions, nor the labels; this does. Passed when the engine, through
`Completer`, answers at least 30 holes exactly in `speedy` with at most 3 forwards each, and repairs at least 7 bugs.
"""

from __future__ import annotations

import argparse
import ast
import asyncio
import importlib
import inspect
import itertools
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import load_file

from engine import ControlIds
from engine.checkpoint import Checkpoint
from engine.tokenizer import Tokenizer
from infill import prompt
from infill.complete import DEFAULTS, Completer
from infill.document import Snapshot
from infill.edits import apply
from infill.local import CANVAS_MOST, OPEN_AFTER_DRAFT
from training import bugs, export, noise, schemes
from training.batches import Laid, Layout, Plan
from training.forward import Forward, load_model
from training.recipe import GATE, Recipe
from training.run import Run, write_model
from training.samples import Chunk, Hole
from training.serving import Served
from training.train import train

HOLES, BUGS = 32, 8
HOLES_NEEDED, BUGS_NEEDED, FORWARDS = 30, 7, 3
CANVAS = 16
"""Slots of a one-line request (`Completer.fill`)."""
VIEWS = 3
KEEP = 0.3
"""Weight of slots that stand right already: `speedy` looks at a filled canvas again, and must leave it alone."""
MODULES = (
    "bisect", "calendar", "colorsys", "copy", "csv", "dis", "fnmatch", "fractions", "getopt", "glob", "heapq",
    "json.decoder", "json.encoder", "keyword", "linecache", "mimetypes", "ntpath", "posixpath", "pprint", "queue",
    "sched", "shlex", "shutil", "statistics", "string", "textwrap", "timeit", "tokenize", "types", "uuid", "zipfile",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Place:
    """A hole in a short real function: `text` belongs in [start, end); with a bug, `wrong` stands there."""

    path: str
    code: str
    start: int
    end: int
    wrong: str | None = None

    @property
    def text(self) -> str:
        return self.code[self.start : self.end]


def functions() -> Iterator[tuple[str, str]]:
    """(path, source) of short functions of the standard library."""
    for name in MODULES:
        module = importlib.import_module(name)
        source = inspect.getsource(module)
        lines = source.splitlines(keepends=True)
        for node in ast.parse(source).body:
            if isinstance(node, ast.FunctionDef) and not ast.get_docstring(node):
                text = "".join(lines[node.lineno - 1 : node.end_lineno])
                if 100 <= len(text) <= 280 and text.isascii():
                    yield f"lib/{name.replace('.', '/')}.py", text


def places() -> tuple[list[Place], list[Place]]:
    """The holes, the rest of a line from some place in it, and the bugs, a line of a function each."""
    rng = np.random.default_rng(0)
    found = list(functions())
    order = [found[i] for i in rng.permutation(len(found))]
    holes = itertools.chain.from_iterable(_holes(path, code, rng) for path, code in order[BUGS:])
    wrong = (bug for path, code in order if (bug := _bug(path, code, rng)) is not None)
    return list(itertools.islice(holes, HOLES)), list(itertools.islice(wrong, BUGS))


def _holes(path: str, code: str, rng: np.random.Generator) -> Iterator[Place]:
    """Up to three holes of a function: 5 to 30 characters at a line's end, from a place where a word begins."""
    lines = _body(code)
    for i in rng.permutation(len(lines))[:3]:
        begin, end = lines[i]
        starts = [at for at in range(begin, end - 4) if end - at <= 30 and _word_starts(code, at)]
        if starts:
            yield Place(path, code, starts[int(rng.integers(len(starts)))], end)


def _word_starts(code: str, at: int) -> bool:
    return not code[at].isspace() and not (code[at].isalnum() and (code[at - 1].isalnum() or code[at - 1] == "_"))


def _bug(path: str, code: str, rng: np.random.Generator) -> Place | None:
    """A wrong line short enough (a digit is a token) for a repair to look at it as a whole."""
    lines = [(a, b) for a, b in _body(code) if b - a < 60 and sum(map(str.isdigit, code[a:b])) < 5]
    if not lines:
        return None
    begin, end = lines[int(rng.integers(len(lines)))]
    start = code.rfind("\n", 0, begin) + 1
    bug = bugs.draw(code, start, end, "python", rng)
    if bug is None:
        return None
    return Place(path, code, start, end, bug.applied(code)[start : end + len(bug.text) - (bug.end - bug.start)])


def _body(code: str) -> list[tuple[int, int]]:
    """(first character, end) of the lines after the first that hold code."""
    spans, at = [], 0
    for line in code.splitlines(keepends=True):
        text = line.strip()
        if at and len(text) > 8 and not text.startswith("#"):
            spans.append((at + line.index(text), at + line.index(text) + len(text)))
        at += len(line)
    return spans


# ---- training sequences


def sequences(chosen: list[Place], tokens: Tokenizer, control: ControlIds, rng: np.random.Generator) -> list[Laid]:
    """Four places to a sequence, `VIEWS` canvases each; always the same, so what frozen layers make of them is kept."""
    chunks = [_chunk(place, tokens, control) for place in chosen]
    laid = []
    for i in range(0, len(chunks), 4):
        layout = Layout(2000, 64, control)
        for chunk in chunks[i : i + 4]:
            layout.add_chunk(chunk, [_plans(hole, control, rng) for hole in chunk.holes])
        laid.append(layout.finish(padded=False))
    return laid


def _chunk(place: Place, tokens: Tokenizer, control: ControlIds) -> Chunk:
    prefix, suffix = place.code[: place.start], place.code[place.end :]
    context = prompt.build(tokens, control, prefix, suffix, place.path).context
    draft = None if place.wrong is None else tuple(tokens.encode(place.wrong))
    hole = Hole(prefix, suffix, place.text, context, tuple(tokens.encode(place.text)), "gate", draft)
    return Chunk(context.streams[-1], (hole,))


def _plans(hole: Hole, control: ControlIds, rng: np.random.Generator) -> list[Plan]:
    """Holes: everything masked, canvases on their way, and the written one. Bugs: the wrong line as it
    stands, with some of it masked, and on its way to the right one."""
    if hole.draft is None:
        target = noise.target_slots(hole.middle, CANVAS, control.eom)
        nothing, everything = np.zeros(CANVAS, np.bool_), np.ones(CANVAS, np.bool_)
        masks = [everything, *noise.mask_pair(CANVAS, rng, full=0.0), nothing]
        return [Plan(0, noise.fill_view(target, mask, control, keep=KEEP, later=0.0)) for mask in masks]
    size = min(CANVAS_MOST, len(hole.draft) + OPEN_AFTER_DRAFT)
    wrong = noise.target_slots(hole.draft, size, control.eom)
    rows = [wrong]
    for turns in range(1, VIEWS):
        row = _turned(wrong, hole, control, turns // 2)
        if turns % 2:
            row[rng.permutation(len(hole.draft))[:3]] = control.mask
        rows.append(row)
    return [Plan(0, noise.edit_view(row, hole.middle, control, keep=KEEP, later=0.0)) for row in rows]


def _turned(draft: np.ndarray, hole: Hole, control: ControlIds, turns: int) -> np.ndarray:
    """The canvas after some right answers: what follows an INSERT or DELETE must be known, too."""
    row = draft.copy()
    for _ in range(turns):
        labels = noise.edit_labels(row, hole.middle, control)
        moved: list[int] = []
        for token, label in zip(row.tolist(), labels.tolist(), strict=True):
            moved += {control.insert: [control.mask, token], control.delete: []}.get(label, [label])
        row = np.array([*moved, *[control.eom] * len(row)][: len(row)], np.int64)
    return row


def endless(laid: list[Laid]) -> Iterator[list[Laid]]:
    """Every sequence in turn, one at a time."""
    return ([one] for one in itertools.cycle(laid))


# ---- the questions


@dataclass(frozen=True, slots=True)
class Verdict:
    """How many answers were right; forwards: the most that a right hole took."""

    holes: int
    bugs: int
    forwards: int
    misses: tuple[str, ...]

    @property
    def passed(self) -> bool:
        return self.holes >= HOLES_NEEDED and self.bugs >= BUGS_NEEDED


async def ask(completer: Completer, holes: list[Place], wrong: list[Place]) -> Verdict:
    """Every hole and bug through the completer, as an editor or a tool would ask."""
    right, repaired, most, misses = 0, 0, 0, []
    for place in holes:
        result = await completer.fill(
            place.code[: place.start], place.code[place.end :], path=place.path, language="python", mode="speedy",
            max_lines=1,
        )  # fmt: skip
        text = result.texts[0].text if result.texts else ""
        if text == place.text and result.report.forwards <= FORWARDS:
            right, most = right + 1, max(most, result.report.forwards)
        else:
            misses.append(f"hole {place.text!r}: {text!r} after {result.report.forwards} forwards")
    for place in wrong:
        assert place.wrong is not None
        code = place.code[: place.start] + place.wrong + place.code[place.end :]
        snapshot = Snapshot.open(f"file:///{place.path}", 1, "python", code)
        focus = place.start + len(place.wrong) - len(place.wrong.lstrip())
        found = await completer.repair(
            snapshot, focus, place.start + len(place.wrong), preferences=replace(DEFAULTS, deadline=None)
        )
        fixed = apply(code, found.edits)
        repaired += fixed == place.code
        if fixed != place.code:
            misses.append(f"bug {place.wrong!r}: {found.reason or fixed[place.start : place.start + 60]!r}")
    return Verdict(right, repaired, most, tuple(misses))


def main() -> None:
    parser = argparse.ArgumentParser(description="Overfit, export, ask: the first gate.")
    parser.add_argument("--start", type=Path, required=True, help="model folder in full precision")
    parser.add_argument("--out", type=Path, required=True, help="folder for the trained and the exported model")
    parser.add_argument("--steps", type=int, default=GATE.steps, help="updates of one sequence (four places) each")
    parser.add_argument("--seconds", type=float, help="a time budget instead")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    began = time.monotonic()
    checkpoint = Checkpoint.open(options.start)
    holes, wrong = places()
    learn(
        checkpoint, holes, wrong, options.out / "trained", replace(GATE, steps=options.steps, seconds=options.seconds)
    )
    trained = Checkpoint.open(options.out / "trained")
    exported = options.out / "exported"
    ship(trained, exported)
    served = Served.open(exported, threads=options.threads)
    # What is learned by heart is asked for as it is: no margin for code that may be right.
    verdict = asyncio.run(ask(Completer(served.filler, margin=0.0), holes, wrong))
    served.close()
    print(*verdict.misses, sep="\n")
    summary = {"holes": verdict.holes, "bugs": verdict.bugs, "most_forwards": verdict.forwards}
    print(json.dumps({**summary, "passed": verdict.passed, "minutes": round((time.monotonic() - began) / 60, 1)}))
    raise SystemExit(not verdict.passed)


def ship(trained: Checkpoint, folder: Path) -> None:
    """The real export of what was trained."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "tokenizer.json").write_bytes(trained.path("tokenizer.json").read_bytes())
    export.write_model(folder, trained.config, load_file(trained.path("model.safetensors")), schemes.RowInt8())


def learn(checkpoint: Checkpoint, holes: list[Place], wrong: list[Place], out: Path, recipe: Recipe) -> None:
    """Train on these places alone and write the model folder."""
    tokens, control = Tokenizer.load(checkpoint.path("tokenizer.json")), checkpoint.config.control
    model = load_model(checkpoint, "cpu")
    run = Run.begin(model, recipe, None)
    mixed = [place for pair in itertools.zip_longest(holes, wrong) for place in pair if place is not None]
    fed = endless(sequences(mixed, tokens, control, np.random.default_rng(recipe.seed)))
    train(run, Forward(model, recipe, "cpu"), fed, torch.zeros(1), checkpoint.config)
    config = replace(checkpoint.config, canvas_trained=True, editing_trained=True)
    write_model(out, config, model, checkpoint.path("tokenizer.json"))


if __name__ == "__main__":
    main()
