"""Part of the way from where a training run started to where it arrived.

    python -m training.blend START ARRIVED --share 0.5 --out FOLDER [--keep 8-13] [--left-to-right]

A few updates on one task cost some of what the start knew of others; weights between the two keep most of both, and are
often better than either (WiSE-FT, Wortsman et al. 2022, arXiv 2109.01903, eq. 1). The other way about, START trained
and ARRIVED the base (exported and restored, so that both are in one basis), trained weights get back some of what the
base knew. Being new weights, they have no calibration until it is fitted
(`python -m training.evaluate calibration --calibrate`).
"""

from __future__ import annotations

import argparse
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file

from engine.checkpoint import Checkpoint, CheckpointError
from training.folder import Weights, write_folder


def blend(
    start: Weights,
    arrived: Weights,
    share: float,
    control: Sequence[int],
    trained: Weights | None,
    keep: Collection[int] = (),
) -> Weights:
    """(1 - share) start + share arrived, float32; the layers of `keep` are the start's. Where one of the two is
    `trained` and the other a base, in which the embedding's `control` rows are noise, these are the trained one's.
    Raises CheckpointError for weights of different shapes."""
    if {name: one.shape for name, one in start.items()} != {name: one.shape for name, one in arrived.items()}:
        raise CheckpointError("The models have different shapes; blend a run with the weights that it started from.")
    mixed = {name: ((1 - share) * start[name] + share * arrived[name]).astype(np.float32) for name in start}
    mixed |= {name: start[name] for name in start if name.startswith(tuple(f"layers.{layer}." for layer in keep))}
    if trained is not None:
        mixed["embed"][control] = trained["embed"][control]
    return mixed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("start", type=Path, help="the model folder that the run started from, in full precision")
    parser.add_argument("arrived", type=Path, help="what the run wrote")
    parser.add_argument("--share", type=float, default=0.5, help="0: the start, 1: the trained weights (default: 0.5)")
    parser.add_argument(
        "--keep", type=_layers, default=(), metavar="FIRST-LAST", help="layers that stay the start's: a smaller release"
    )
    parser.add_argument(
        "--left-to-right", action="store_true", help="leave a canvas that has learned too little unused"
    )
    parser.add_argument("--out", type=Path, required=True, help="model folder to write")
    given = parser.parse_args()
    start, arrived = Checkpoint.open(given.start), Checkpoint.open(given.arrived)
    before, after = (load_file(one.path("model.safetensors")) for one in (start, arrived))
    trained, rows = (arrived, after) if arrived.config.middle_trained else (start, before)
    alone = start.config.middle_trained != arrived.config.middle_trained
    control = sorted(trained.config.control.never_text)
    mixed = blend(before, after, given.share, control, rows if alone else None, given.keep)
    config = replace(trained.config, files={}, calibration=None)
    if given.left_to_right:
        config = replace(config, canvas_trained=False, editing_trained=False)
    write_folder(given.out, config, mixed, trained.path("tokenizer.json"))
    print(f"wrote {given.out}")


def _layers(text: str) -> range:
    first, last = map(int, text.split("-"))
    return range(first, last + 1)


if __name__ == "__main__":
    main()
