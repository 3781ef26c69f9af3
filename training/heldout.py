"""What weights make of held-out files: nats a token, and how often the best token is right, by part of the objective.

    python -m training.heldout FOLDER... --data SHARD... [--recipe middles] [--sequences 16]

The sequences are a recipe's own, of its last stage, the same for every folder: what several shares of `training.blend`
are chosen by. Clean text is told apart: the prefix, whose probabilities choose among texts, and the streams beside it,
which nobody is asked to continue.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from engine.checkpoint import Checkpoint
from engine.tokenizer import Tokenizer
from infill import prompt
from training.batches import Laid, Term
from training.feed import Documents, Feed
from training.forward import Forward, load_model
from training.loss import objective
from training.recipe import RECIPES, Recipe
from training.shards import read_shards


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", type=Path, nargs="+", help="model folders in full precision, of one tokenizer")
    parser.add_argument("--data", type=Path, nargs="+", required=True, help="shards of files nobody trained on")
    parser.add_argument("--recipe", choices=sorted(RECIPES), default="middles")
    parser.add_argument("--sequences", type=int, default=16)
    parser.add_argument("--rows", type=int, default=2048, help="of a sequence")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    recipe = replace(RECIPES[options.recipe], rows=options.rows, micro=1, sequences=1)
    checkpoint = Checkpoint.open(options.folders[0])
    tokenizer = Tokenizer.load(checkpoint.path("tokenizer.json"))
    feed = Feed(Documents(read_shards(options.data)), tokenizer, checkpoint.config.control, recipe)
    laid = [feed.sequence(i, recipe.stages[-1]) for i in range(options.sequences)]
    for folder in options.folders:
        print(json.dumps({"weights": str(folder), **losses(Checkpoint.open(folder), recipe, laid)}), flush=True)


@torch.no_grad()
def losses(checkpoint: Checkpoint, recipe: Recipe, laid: Sequence[Laid]) -> dict[str, dict[str, float]]:
    """By part: rows asked, nats each, share whose best token is right."""
    forward = Forward(load_model(checkpoint, "cpu"), recipe, "cpu")
    shares = recipe.stages[-1].weights
    totals: dict[str, np.ndarray] = {}
    for one in tqdm(laid, unit="sequence", leave=False):
        batch = forward.batch([one])
        hidden = forward(batch)[0]
        for part, found in parts(one).items():
            rows = torch.from_numpy(found)
            labels, weights, terms = (batch[name].flatten()[rows] for name in ("labels", "weights", "terms"))
            _, sums = objective(hidden[rows], forward.model.embed, labels, weights, terms, shares)
            each = torch.stack([torch.ones_like(sums.asked), sums.loss, sums.right])
            totals[part] = totals.get(part, 0) + (sums.asked * each).sum(1).double().numpy()
    return {
        part: {"rows": int(asked), "nats": round(nats / asked, 4), "right": round(right / asked, 4)}
        for part, (asked, nats, right) in totals.items()
    }


def parts(laid: Laid) -> dict[str, np.ndarray]:
    """The rows that are asked, by term of the objective, clean ones by whether they are of the prefix; int64 each."""
    asked, terms = laid.arrays["weights"] > 0, laid.arrays["terms"]
    prefix = laid.arrays["positions"] >= prompt.PREFIX_AT
    clean = asked & (terms == Term.CLEAN)
    found = {"prefix": clean & prefix, "beside": clean & ~prefix}
    found |= {term.name.lower(): asked & (terms == term) for term in Term if term != Term.CLEAN}
    return {name: np.flatnonzero(rows) for name, rows in found.items() if rows.any()}


if __name__ == "__main__":
    main()
