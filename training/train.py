"""Train: read top to bottom.

    python -m training.train --start FOLDER --data SHARD... --out FOLDER [--recipe release] [--seconds 1500]

`--start` names a model folder in full precision (what `training.convert` or an earlier run wrote). A run that finds its
own state in `--out` goes on where it stopped, with the seed that it began with, for `--seconds` more. Creating a file
STOP in `--out` ends it early, in good order. A run that has ended is left as it is.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from engine.checkpoint import Checkpoint, CheckpointError, ModelConfig
from engine.tokenizer import Tokenizer
from training.batches import Laid
from training.drafts import redrafted
from training.feed import Documents, Feed
from training.forward import Forward, load_model
from training.loss import Sums, objective
from training.recipe import RECIPES, Recipe, Stage
from training.rounding import Rounding
from training.run import Run, Saver, ended
from training.shards import read_shards

PATIENCE = 20
"""Updates in a row whose gradient may be no number before the run gives up."""
BAR = "{l_bar}{bar}| {elapsed}<{remaining} {postfix}"


def main() -> None:
    options = arguments()
    if ended(options.out):
        print(f"The run in {options.out} has ended and stays as it is; name another --out for a new one.")
        return
    if (options.out / "STOP").exists():
        raise ValueError(f"There is a file STOP in {options.out}; remove it to train there.")
    torch.manual_seed(0)
    torch.set_float32_matmul_precision("high")
    recipe = chosen(options)
    checkpoint = Checkpoint.open(options.start)
    tokenizer = Tokenizer.load(checkpoint.path("tokenizer.json"))
    model = load_model(checkpoint, options.device)
    run = Run.begin(model, recipe, options.out, resume=True)
    documents = Documents(read_shards(options.data))
    feed = Feed(documents, tokenizer, checkpoint.config.control, run.recipe, first=run.sequences)
    forward = Forward(model, run.recipe, options.device, options.attention)

    save = Saver(checkpoint, options.out, every=options.save_every)
    history = train(run, forward, feed.loader(options.workers), feed.progress, checkpoint.config, save)
    print(json.dumps(history[-1] if history else {}))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Train the compact model.")
    parser.add_argument("--start", type=Path, required=True, help="model folder to start from, full precision")
    parser.add_argument("--data", type=Path, nargs="+", required=True, help="corpus shards (training.corpus)")
    parser.add_argument("--out", type=Path, required=True, help="folder for checkpoints; found state is continued")
    parser.add_argument("--recipe", choices=sorted(RECIPES), default="release")
    parser.add_argument("--steps", type=int, help="updates (default: the recipe's)")
    parser.add_argument("--seconds", type=float, help="time budget from now on instead of a number of updates")
    parser.add_argument("--seed", type=int, help="of what is drawn from the files (default: the recipe's)")
    parser.add_argument("--micro", type=int, help="sequences of one forward (default: the recipe's)")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--attention", choices=("flex", "dense"), help="default: flex on a GPU, dense elsewhere")
    parser.add_argument("--workers", type=int, default=0, help="processes that make sequences")
    parser.add_argument("--save-every", type=float, default=240, help="seconds between checkpoints")
    return parser.parse_args()


def chosen(options: argparse.Namespace) -> Recipe:
    """The recipe as the command line changes it. Raises ValueError for a budget of nothing."""
    recipe = RECIPES[options.recipe]
    if options.seconds is not None and options.seconds <= 0:
        raise ValueError(f"{options.seconds:g} seconds are no time to train in; give --seconds a number above 0.")
    if options.seconds or options.steps:
        recipe = replace(recipe, seconds=options.seconds, steps=options.steps or recipe.steps)
    if options.micro:
        recipe = replace(recipe, micro=options.micro, sequences=max(recipe.sequences, options.micro))
    return recipe if options.seed is None else replace(recipe, seed=options.seed)


def train(
    run: Run,
    forward: Forward,
    sequences: Iterator[list[Laid]],
    shared_progress: Tensor,
    config: ModelConfig,
    save: Callable[[Run, bool], None] | None = None,
    *,
    quiet: bool = False,
) -> list[dict[str, float]]:
    """Run to the end of the recipe, the STOP file or too many broken gradients; returns what was logged."""
    recipe, history = run.recipe, []
    rounding = Rounding(run.model)
    bar = tqdm(total=100, initial=round(100 * run.progress, 1), unit="%", disable=quiet, bar_format=BAR)
    broken, mark = 0, time.monotonic()
    while run.progress < 1 and not (save is not None and run.stopped()):
        began, stage = time.monotonic(), recipe.stage(run.progress)
        shared_progress.fill_(run.progress)
        rng = np.random.default_rng([recipe.seed, run.step])
        with rounding() if stage.rounded else nullcontext():
            sums = [
                one_micro(forward, next(sequences), stage, config, rng) for _ in range(recipe.sequences // recipe.micro)
            ]
        norm = float(torch.nn.utils.clip_grad_norm_(run.trained, recipe.clip))
        broken = 0 if np.isfinite(norm) else broken + 1
        if broken > PATIENCE:
            raise RuntimeError(
                f"The gradient was no number {broken} times in a row at step {run.step}; lower the rate."
            )
        run.update(skip=bool(broken))
        entry = run.log(sums, norm, time.monotonic() - began)
        history.append(entry)
        bar.set_postfix_str(_postfix(entry))
        bar.update(round(100 * min(run.progress, 1), 1) - bar.n)
        if save is not None:
            save(run, False)
        mark = run.passed(mark, first=len(history) == 1)
    bar.close()
    run.settle()
    if save is not None and run.step:
        save(run, True)
    return history


def one_micro(
    forward: Forward, laid: list[Laid], stage: Stage, config: ModelConfig, rng: np.random.Generator
) -> tuple[Sums, int]:
    """Forward and backward of a few sequences; with the model's own drafts in place of masks when it is their turn."""
    if stage.own_drafts and rng.random() < stage.own_drafts:
        drafts = forward.best(laid)
        laid = [redrafted(one, best, stage.mix, config.control, rng) for one, best in zip(laid, drafts, strict=True)]
    batch = forward.batch(laid)
    counts = np.array(stage.weights.shares) > 0
    asked = np.flatnonzero(
        np.stack([(one.arrays["weights"] > 0) & counts[one.arrays["terms"]] for one in laid]).reshape(-1)
    )
    rows = torch.from_numpy(forward.padded(asked)).to(forward.device)
    hidden = forward(batch)
    weights = batch["weights"].flatten()[rows] * (torch.arange(len(rows), device=rows.device) < len(asked))
    loss, sums = objective(
        hidden.flatten(0, 1)[rows],
        forward.model.embed,
        batch["labels"].flatten()[rows],
        weights,
        batch["terms"].flatten()[rows],
        stage.weights,
        forward.slice,
        forward.answers,
    )
    (loss * forward.recipe.micro / forward.recipe.sequences).backward()
    return sums, sum(len(one.arrays["ids"]) for one in laid)


def _postfix(entry: Mapping[str, float]) -> str:
    parts = [f"{name} {entry[name]:.2f}" for name in ("clean", "middle", "fill", "edit") if name in entry]
    return " ".join([*parts, f"{entry['positions_s']:.0f} pos/s", f"{entry['slots_s']:.0f} slots/s"])


if __name__ == "__main__":
    try:
        main()
    except (CheckpointError, ValueError) as error:
        raise SystemExit(str(error)) from None
