"""Who computes a forward, and what decodes with it. Chosen once, where the program is put together."""

from __future__ import annotations

import os
from typing import Any

from engine.block_denoiser import BlockDenoiser
from engine.checkpoint import Checkpoint, CheckpointError
from engine.denoiser import Denoiser
from engine.forward import Forward
from engine.full_denoiser import FullDenoiser
from engine.released.config import ReleasedConfig
from engine.released.files import WEIGHTS
from engine.stream_denoiser import REMEMBERED, StreamDenoiser

# From 1.29 on onnxruntime keeps an identifier in the user's home and reports what it runs to its makers, unless this is
# set before it is imported.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

CACHED_TOKENS = 2048
"""Encoded context that is kept, what is in use included: two or three files of the embedded model's streams."""
CACHED_PROMPTS = 3
"""Whole prompts that are kept for models which read plain text."""
PLAIN_TOKENS = 2816
"""Tokens of the longest of those (`infill/prompt.py`), with what stands around its pieces."""


def usual(checkpoint: Checkpoint) -> str:
    """The backend of a checkpoint that nobody chose one for: released weights run on torch alone."""
    return "torch" if isinstance(checkpoint.config, ReleasedConfig) else "onnx"


def load(
    checkpoint: Checkpoint, backend: str = "onnx", threads: int | None = None, device: str = "cpu", dtype: str = "auto"
) -> Forward:
    """Load a checkpoint's weights.

    backend: "onnx" or "torch" (needs the extra of that name). threads: None for the backend's own choice. device: as
    the backend names it. dtype: of the torch backend. Raises CheckpointError, or ValueError for an unknown backend.
    """
    match backend:
        case "onnx":
            if usual(checkpoint) != "onnx":
                raise CheckpointError(
                    f"The model in {checkpoint.folder} is no onnx graph; choose --backend torch, or leave it out."
                )
            from engine.backends.onnx import OnnxForward

            return OnnxForward.load(checkpoint, threads, device)
        case "torch":
            if usual(checkpoint) == "onnx" and not (checkpoint.folder / WEIGHTS).is_file():
                raise CheckpointError(f"The model in {checkpoint.folder} is for onnx alone; leave --backend out.")
            from engine.backends.torch import TorchForward

            _limit(threads)
            return TorchForward.load(checkpoint, device, dtype)
        case _:
            raise ValueError(f"There is no backend {backend!r}; choose onnx or torch.")


def open_denoiser(
    checkpoint: Checkpoint, backend: str, threads: int, device: str, dtype: str
) -> tuple[Denoiser[Any], str]:
    """Load a checkpoint and what decodes with it; and what really runs it, in words. Raises as `load` does."""
    if checkpoint.config.architecture == "diffusion_gemma" and backend == "torch":
        from engine.backends import shards
        from engine.gemma_denoiser import GemmaDenoiser

        _limit(threads)
        dtype = shards.check_files(checkpoint, device, dtype)
        gemma = GemmaDenoiser.load(checkpoint, device, dtype)
        return gemma, gemma.runs_on
    forward = load(checkpoint, backend, threads, device, dtype)
    return denoiser(forward), forward.runs_on


def _limit(threads: int | None) -> None:
    """How many cores torch takes; it knows only one number for the whole process."""
    import torch

    if threads:
        torch.set_num_threads(threads)


def denoiser(forward: Forward, cached_tokens: int | None = None, remembered: int = REMEMBERED) -> Denoiser[Any]:
    """What caches and predicts with these weights: it follows from who sees whom in them.

    cached_tokens: encoded context that is kept, what is in use included; None: what is usual for such weights.
    remembered: contexts whose predictions are kept, of weights that write left to right; 0 to measure what they cost.
    """
    config = forward.config
    usual_tokens = CACHED_PROMPTS * PLAIN_TOKENS if isinstance(config, ReleasedConfig) else CACHED_TOKENS
    cache_bytes = (usual_tokens if cached_tokens is None else cached_tokens) * int(forward.new_kv(1).nbytes)
    if not isinstance(config, ReleasedConfig):
        return StreamDenoiser(forward, config.control, cache_bytes, remembered)
    if config.block:
        return BlockDenoiser(forward, config.control, config.block, cache_bytes, shifted=config.shifted)
    return FullDenoiser(forward, config.control, shifted=config.shifted)
