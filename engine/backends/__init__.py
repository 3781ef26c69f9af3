"""Who computes a forward. Chosen once, where the program is put together."""

from __future__ import annotations

from engine.checkpoint import Checkpoint
from engine.forward import Forward


def load(checkpoint: Checkpoint, backend: str = "onnx", threads: int | None = None, device: str = "cpu") -> Forward:
    """Load a checkpoint's weights.

    backend: "onnx" or "torch" (needs the extra of that name). threads: of the onnx backend, None for one per physical
    core. device: of the torch backend. Raises CheckpointError, or ValueError for an unknown backend.
    """
    match backend:
        case "onnx":
            from engine.backends.onnx import OnnxForward

            return OnnxForward.load(checkpoint, threads)
        case "torch":
            from engine.backends.torch import TorchForward

            return TorchForward.load(checkpoint, device)
        case _:
            raise ValueError(f"There is no backend {backend!r}; choose onnx or torch.")
