"""A shipped model back in full precision: what further training starts from when nothing better is at hand.

    python -m training.restore [--model FOLDER] [--out FOLDER]

The weights are those of the export, rounding included, in the base's own basis again; only gains of normalizations
stay in the products they were moved into.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from engine.backends.onnx import GRAPH
from engine.checkpoint import EMBEDDED, Checkpoint, CheckpointError, ModelConfig
from training.convert import BASE
from training.folder import Weights, write_folder
from training.schemes import RowInt8, turn_pieces


def restore(checkpoint: Checkpoint) -> Weights:
    """The compact model's weights, float32. Raises CheckpointError for a folder that was not exported as RowInt8."""
    c = checkpoint.config
    if c.quantization != RowInt8.name:
        raise CheckpointError(
            f"The model in {checkpoint.folder} holds its weights as {c.quantization!r}; export it again."
        )
    graph = onnx.load(str(checkpoint.path(GRAPH))).graph
    stored = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in graph.initializer}
    return _unrotated(c, stored)


def _unrotated(c: ModelConfig, stored: dict[str, NDArray[Any]]) -> Weights:
    turn, head = (matrix.astype(np.float32) for matrix in RowInt8.turns(c))

    def rows(name: str) -> NDArray[np.float32]:
        scaled: NDArray[np.float32] = np.ascontiguousarray(stored[name].T) * stored[name + ".scale"][:, None]
        return scaled

    out: Weights = {
        "embed": rows("embed") @ turn.T,
        "canvas": stored["canvas_vector"] @ turn.T,
        "norm": np.einsum("ik,kl,il->i", turn, stored["head_gain"], turn, optimize=True),
    }
    kept = (c.heads + c.kv_heads) * c.head_dim
    for i in range(c.layers):
        p = f"layers.{i}."
        qkv = rows(f"{i}.qkv") @ turn.T
        values = qkv[kept:].reshape(c.kv_heads, c.head_dim, c.hidden)
        qkv[kept:] = np.einsum("hek,de->hdk", values, head).reshape(-1, c.hidden)
        out |= {
            p + "attn_norm": np.ones(c.hidden, np.float32),
            p + "qkv": qkv,
            p + "out": turn @ turn_pieces(rows(f"{i}.out"), head.T),
            p + "mlp_norm": np.ones(c.hidden, np.float32),
            p + "gate_up": rows(f"{i}.gate_up") @ turn.T,
            p + "down": turn @ turn_pieces(rows(f"{i}.down"), head.T),
        }
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description="Turn a shipped model back into full precision.")
    parser.add_argument("--model", type=Path, default=EMBEDDED, help="exported model folder")
    parser.add_argument("--out", type=Path, default=BASE / "restored", help="model folder to write")
    given = parser.parse_args()
    checkpoint = Checkpoint.open(given.model)
    write_folder(given.out, checkpoint.config, restore(checkpoint), checkpoint.path("tokenizer.json"))
    print(f"wrote {given.out}")


if __name__ == "__main__":
    main()
