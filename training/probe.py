"""A minute on a new machine before a run: do both attentions agree there, how fast is an update of the first stage and
of the last, what does it hold?

python -m training.probe --start FOLDER --data SHARD... [--recipe release] [--device cuda]

A folder of parts will do for a start before the parts are there: weights are random then, and what a later run of the
same recipe would compile is compiled while they travel.
"""

from __future__ import annotations

import argparse
import json
import time
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from engine.checkpoint import Checkpoint
from engine.models.compact import CompactModel
from engine.tokenizer import Tokenizer
from training.batches import Laid
from training.feed import Documents, Feed
from training.forward import Forward, load_model
from training.recipe import RECIPES, Recipe, Stage
from training.rounding import Rounding
from training.run import Run
from training.shards import read_shards
from training.train import one_micro


def main() -> None:
    parser = argparse.ArgumentParser(description="Look at a machine before training on it.")
    parser.add_argument("--start", type=Path, required=True)
    parser.add_argument("--data", type=Path, nargs="+", required=True)
    parser.add_argument("--recipe", choices=sorted(RECIPES), default="release")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--steps", type=int, default=6, help="timed updates")
    parser.add_argument("--micro", type=int, help="sequences of one forward")
    options = parser.parse_args()
    recipe = RECIPES[options.recipe]
    micro = options.micro or recipe.micro
    recipe = replace(recipe, micro=micro, sequences=micro)
    checkpoint = Checkpoint.open(options.start)
    torch.set_float32_matmul_precision("high")  # as in `training.train`, which finds compiled what was compiled so
    there = "model.safetensors" in checkpoint.config.files
    model = load_model(checkpoint, options.device) if there else shaped(checkpoint, options.device)
    tokenizer = Tokenizer.load(checkpoint.path("tokenizer.json"))
    feed = Feed(Documents(read_shards(options.data)), tokenizer, checkpoint.config.control, recipe)

    began = time.monotonic()
    laid = [feed.sequence(i, recipe.stages[-1]) for i in range(micro)]
    made = (time.monotonic() - began) / micro
    print(json.dumps({"seconds_a_sequence_on_one_core": round(made, 3), "filled": _filled(laid)}), flush=True)

    run = Run.begin(model, recipe, None)
    forwards = {kind: Forward(model, recipe, options.device, kind) for kind in ("flex", "dense")}
    one = forwards["dense"].batch(laid[:1])
    with torch.no_grad():
        states = {kind: forwards[kind](one).float() for kind in forwards}
    apart = (states["flex"] - states["dense"]).norm() / states["dense"].norm()
    print(json.dumps({"attentions_differ_by": float(apart)}), flush=True)
    forward = forwards["flex" if forwards["flex"].device.type == "cuda" else "dense"]
    for stage in timed(recipe):
        print(json.dumps(_timed(run, forward, stage, laid, checkpoint, options.steps)), flush=True)


def timed(recipe: Recipe) -> list[Stage]:
    """The first stage and, where it is another, the last, with all that a run of the recipe compiles."""
    first, last = recipe.stages[0], recipe.stages[-1]
    # What the model drafts is a graph of its own, and is drawn now and then only.
    return [first, replace(last, own_drafts=1.0 if last.own_drafts else 0.0)][: len(recipe.stages)]


def shaped(checkpoint: Checkpoint, device: str) -> CompactModel:
    """A model of a folder's shape with random weights."""
    with torch.device(device):
        model = CompactModel(checkpoint.config)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if not name.endswith("norm"):
                parameter.normal_(std=0.02)
    return model


def _filled(laid: list[Laid]) -> float:
    return round(float(np.mean([(one.arrays["group"] < one.arrays["limits"].shape[0] - 1).mean() for one in laid])), 3)


def _timed(
    run: Run, forward: Forward, stage: Stage, laid: list[Laid], checkpoint: Checkpoint, steps: int
) -> dict[str, Any]:
    """Median seconds of an update, positions and supervised canvas slots a second, memory."""
    seconds, rng, rounding = [], np.random.default_rng(0), Rounding(run.model)
    try:
        for _ in range(steps + 2):
            began = time.monotonic()
            with rounding() if stage.rounded else nullcontext():
                sums, positions = one_micro(forward, laid, stage, checkpoint.config, rng)
            run.update(skip=False)
            asked = float(sums.asked[2:].sum())  # waits for the device
            if forward.device.type == "cuda":
                torch.cuda.synchronize()
            seconds.append(time.monotonic() - began)
    except Exception as error:  # whatever fails here is the answer to the question
        return {"failed": f"{type(error).__name__}: {str(error)[:300]}"}
    middle = float(np.median(seconds[2:]))
    memory = torch.cuda.max_memory_allocated() / 2**30 if forward.device.type == "cuda" else 0.0
    return {
        "first_s": round(seconds[0], 2),
        "median_s": round(middle, 4),
        "positions_s": round(positions / middle),
        "slots_s": round(asked / middle),
        "loss": [round(x, 3) for x in sums.loss.tolist()],
        "gib": round(memory, 1),
    }


if __name__ == "__main__":
    main()
