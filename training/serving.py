"""The real completer over a model folder, for evaluation: what an editor would get, nothing of our own in between."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from engine import Engine, Modes, Vocabulary, backends
from engine.checkpoint import Checkpoint
from engine.stream_denoiser import StreamDenoiser
from engine.tokenizer import RESERVED, Tokenizer
from infill.complete import Completer
from infill.local import Calibration, LocalFiller


@dataclass(frozen=True, slots=True)
class Served:
    """A loaded model: engine, tokenizer, and the front door over both."""

    engine: Engine
    tokens: Tokenizer
    filler: LocalFiller
    completer: Completer

    @classmethod
    def open(
        cls, folder: Path, backend: str = "onnx", threads: int = 2, calibration: Calibration | None = None
    ) -> Served:
        """Load a folder. Raises CheckpointError."""
        checkpoint = Checkpoint.open(folder)
        config = checkpoint.config
        tokens = Tokenizer.load(checkpoint.path("tokenizer.json"))
        denoiser = StreamDenoiser(backends.load(checkpoint, backend, threads), config.control)
        modes = Modes.of(
            canvas_trained=config.canvas_trained, editing_trained=config.editing_trained, overrides=config.modes
        )
        engine = Engine(denoiser, modes, Vocabulary(tokens.newlines, frozenset(range(RESERVED))))
        heals, ends = not config.canvas_trained, config.middle_trained
        filler = LocalFiller(engine, tokens, calibration=calibration, heals=heals, ends=ends)
        return cls(engine, tokens, filler, Completer(filler))

    def close(self) -> None:
        """Stop the engine."""
        self.completer.close()
