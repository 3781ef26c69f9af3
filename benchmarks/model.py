"""The model that a measurement runs on, put together as the command line does it."""

from __future__ import annotations

import argparse

from engine import backends
from engine.checkpoint import EMBEDDED, Checkpoint
from engine.forward import Forward
from engine.tokenizer import Tokenizer
from infill.complete import Completer
from infill.local import LocalFiller


def add_model_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments that choose it."""
    parser.add_argument("--model", default=str(EMBEDDED), help="a model folder (default: the embedded model)")
    parser.add_argument("--backend", default="onnx", choices=("onnx", "torch"))
    parser.add_argument("--threads", type=int, default=2, help="cores (default: 2)")


def server_arguments(given: argparse.Namespace) -> list[str]:
    """The same arguments for a server in a process of its own."""
    return ["--threads", str(given.threads), "--model", given.model, "--backend", given.backend]


def open_completer(given: argparse.Namespace) -> Completer:
    """Load it. Raises CheckpointError."""
    checkpoint = Checkpoint.open(given.model)
    return completer_over(checkpoint, backends.load(checkpoint, given.backend, given.threads))


def completer_over(checkpoint: Checkpoint, forward: Forward, lookahead: int | None = None) -> Completer:
    """A completer over weights that are loaded already. lookahead: tokens guessed, if not as many as usual.

    It remembers no predictions: places are asked about several times here, and each time shall cost what it costs.
    """
    tokenizer = Tokenizer.load(checkpoint.path("tokenizer.json"))
    denoiser = backends.denoiser(forward, remembered=0)
    if lookahead is not None:
        denoiser.lookahead = lookahead
    return Completer(LocalFiller.over(checkpoint.config, denoiser, tokenizer))
