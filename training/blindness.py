"""What it costs that streams are blind to each other: the loss of real middles with and without that.

    python -m training.blindness [--weights FOLDER] [--holes N]

Every hole is a line, or the rest of one, of Python's own library, asked as untrained weights are asked (the prefix's
last token opens the middle and is written again). `blind` is what serving computes; in `seen` every stream sees all
that stand before it (below, rest, prefix); `prefix alone` has no suffix.
"""

from __future__ import annotations

import argparse
import json
import sysconfig
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from engine import Context, Stream
from engine.backends.torch import TorchForward
from engine.checkpoint import Checkpoint
from engine.forward import Forward
from engine.tokenizer import Tokenizer
from training.convert import BASE
from training.parity import lay_out
from training.samples import Document, Hole, Sampler, Sampling


def holes(checkpoint: Checkpoint, count: int) -> Iterator[Hole]:
    """One hole each of files of the standard library."""
    tokens, rng = Tokenizer.load(checkpoint.path("tokenizer.json")), np.random.default_rng(0)
    sampler = Sampler(tokens, checkpoint.config.control, Sampling(1, 1, 1200, lines=1, unconnected=0, heals=True))
    files = [path for path in sorted(Path(sysconfig.get_path("stdlib")).glob("*.py")) if path.stat().st_size > 8000]
    for i in rng.choice(len(files), count):
        document = Document(f"lib/{files[i].name}", "python", files[i].read_text(encoding="utf-8"))
        yield from sampler.chunk(document, rng).holes


def blind(context: Context) -> Context:
    """As serving does it."""
    return context


def seen(context: Context) -> Context:
    """Every stream sees all before it."""
    streams = (replace(stream, sees=tuple(range(i))) for i, stream in enumerate(context.streams))
    return replace(context, streams=tuple(streams))


def alone(context: Context) -> Context:
    """The prefix and nothing else."""
    last: Stream = replace(context.streams[-1], sees=())
    return replace(context, streams=(last,))


def loss(forward: Forward, hole: Hole, context: Context) -> float:
    """Nats of a middle, its healed beginning included."""
    opening = context.opening
    assert opening is not None
    control = replace(forward.config.control, middle=opening)
    case = lay_out(context, control, [(hole.middle, ())])
    first = len(case.rows.ids) - len(hole.middle) - 1
    logprobs = forward(case.rows, forward.new_kv(0)).target_logprobs[first:-1, 0]
    return -float(logprobs.sum())


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure what blind streams cost.")
    parser.add_argument("--weights", type=Path, default=BASE / "redraft-135m", help="model folder, full precision")
    parser.add_argument("--holes", type=int, default=60)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    checkpoint = Checkpoint.open(options.weights)
    forward = TorchForward.load(checkpoint)
    chosen = [hole for hole in holes(checkpoint, options.holes) if len(hole.context.streams) > 1]
    tokens = sum(len(hole.middle) for hole in chosen)
    ways = {"blind": blind, "seen": seen, "prefix alone": alone}
    nats = {name: sum(loss(forward, hole, way(hole.context)) for hole in chosen) for name, way in ways.items()}
    figures = {name: round(total / tokens, 4) for name, total in nats.items()}
    print(json.dumps({"holes": len(chosen), "tokens": tokens, "nats_a_token": figures}))


if __name__ == "__main__":
    main()
