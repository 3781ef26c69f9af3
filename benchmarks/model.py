"""The model that a measurement runs on, put together as the command line does it."""

from __future__ import annotations

import argparse

from engine import Engine, Modes, Vocabulary, backends
from engine.checkpoint import EMBEDDED, Checkpoint
from engine.forward import Forward
from engine.stream_denoiser import StreamDenoiser
from engine.tokenizer import RESERVED, Tokenizer
from infill.complete import Completer
from infill.local import Calibration, LocalFiller


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
    return Completer(filler_over(checkpoint, Tokenizer.load(checkpoint.path("tokenizer.json")), forward))


def filler_over(
    checkpoint: Checkpoint, tokenizer: Tokenizer, forward: Forward, calibration: Calibration | None = None
) -> LocalFiller:
    """What is below a completer: prompt and engine."""
    config = checkpoint.config
    modes = Modes.of(
        canvas_trained=config.canvas_trained, editing_trained=config.editing_trained, overrides=config.modes
    )
    vocabulary = Vocabulary(tokenizer.newlines, frozenset(range(RESERVED)))
    engine = Engine(StreamDenoiser(forward, config.control), modes, vocabulary)
    heals, ends = not config.canvas_trained, config.middle_trained
    return LocalFiller(engine, tokenizer, calibration=calibration, heals=heals, ends=ends)
