"""The model that a measurement runs on, put together as the command line does it."""

from __future__ import annotations

import argparse

from engine import Engine, Modes, Vocabulary, backends
from engine.checkpoint import EMBEDDED, Checkpoint
from engine.forward import Forward
from engine.stream_denoiser import StreamDenoiser
from engine.tokenizer import RESERVED, Tokenizer
from infill.complete import Completer
from infill.local import LocalFiller


def add_model_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments that choose it."""
    parser.add_argument("--model", default=str(EMBEDDED), help="a model folder (default: the embedded model)")
    parser.add_argument("--backend", default="onnx", choices=("onnx", "torch"))
    parser.add_argument("--threads", type=int, default=2, help="cores (default: 2)")


def open_completer(given: argparse.Namespace) -> Completer:
    """Load it. Raises CheckpointError."""
    checkpoint = Checkpoint.open(given.model)
    return completer_over(checkpoint, backends.load(checkpoint, given.backend, given.threads))


def completer_over(checkpoint: Checkpoint, forward: Forward) -> Completer:
    """A completer over weights that are loaded already."""
    config = checkpoint.config
    tokenizer = Tokenizer.load(checkpoint.path("tokenizer.json"))
    denoiser = StreamDenoiser(forward, config.control)
    modes = Modes.of(
        canvas_trained=config.canvas_trained, editing_trained=config.editing_trained, overrides=config.modes
    )
    engine = Engine(denoiser, modes, Vocabulary(tokenizer.newlines, frozenset(range(RESERVED))))
    return Completer(LocalFiller(engine, tokenizer, heals=not config.canvas_trained, ends=config.middle_trained))
