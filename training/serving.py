"""The real completer over a model folder, for evaluation: what an editor would get, nothing of our own in between."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from engine import Engine, backends
from engine.checkpoint import Checkpoint
from engine.stream_denoiser import REMEMBERED
from engine.tokenizer import Tokenizer
from infill.complete import Completer
from infill.confidence import Beta
from infill.local import LocalFiller
from infill.reading import Calibration


@dataclass(frozen=True, slots=True)
class Served:
    """A loaded model: engine, tokenizer, and the front door over both. own: the weights' own calibration, whatever is
    used here."""

    engine: Engine
    tokens: Tokenizer
    filler: LocalFiller
    completer: Completer
    own: Calibration | None = None

    @classmethod
    def open(
        cls,
        folder: Path,
        backend: str = "onnx",
        threads: int = 2,
        calibration: Calibration | None = None,
        remembered: int = REMEMBERED,
    ) -> Served:
        """Load a folder. remembered: contexts whose predictions are kept; 0 for forwards to be counted. Raises
        CheckpointError."""
        checkpoint = Checkpoint.open(folder)
        tokens = Tokenizer.load(checkpoint.path("tokenizer.json"))
        denoiser = backends.denoiser(backends.load(checkpoint, backend, threads), remembered=remembered)
        filler = LocalFiller.over(checkpoint.config, denoiser, tokens, calibration=calibration)
        own = checkpoint.config.calibration
        return cls(filler.engine, tokens, filler, Completer(filler), Beta(**own) if own else None)

    def close(self) -> None:
        """Stop the engine."""
        self.completer.close()
