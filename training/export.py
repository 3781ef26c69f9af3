"""Full-precision weights -> the ONNX model that ships.

    python -m training.export [--weights FOLDER] [--out FOLDER] [--scheme int8|float32] [--cases N]

Nothing reaches the destination before the gate has passed (`training.parity`): against full precision on real code
with every kind of stream present, the loss may rise by at most 0.02 nat a token, and at least 99 % of the rows whose
full-precision probability is above 0.5 must keep their token. Full precision itself, for proofs, is written ungated.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import TensorProto
from safetensors.numpy import load_file

from engine import backends
from engine.backends.onnx import GRAPH
from engine.backends.torch import TorchForward
from engine.checkpoint import EMBEDDED, Checkpoint, ModelConfig, describe, write_config
from engine.models.compact import CompactModel
from engine.tokenizer import Tokenizer
from training.convert import BASE
from training.graph import build, to_proto
from training.parity import Parity, code_cases, compare
from training.schemes import Float32, Graph, RowInt8, Scheme, Weights

PART_BYTES = 44_000_000
"""Weights are spread over files of at most this size, which package indexes and git hosts take without complaint."""
ALIGN = 64
"""Tensors start at borders of cache lines."""
SMALL = 1024
"""Tensors below this many bytes stay inside the graph file."""
THREADS = 2
"""Cores that the gate uses."""


def write_model(folder: Path, config: ModelConfig, weights: Weights, scheme: Scheme) -> ModelConfig:
    """Write graph, weights and `config.json` beside the folder's `tokenizer.json`; returns the description."""
    folder.mkdir(parents=True, exist_ok=True)
    graph = build(config, weights, scheme)
    initializers, parts = _write_weights(folder, graph)
    onnx.save(to_proto(graph, config, initializers), str(folder / GRAPH))
    files = {name: describe(folder / name) for name in (GRAPH, *parts, "tokenizer.json")}
    config = replace(config, quantization=scheme.name, files=files)
    write_config(folder, config)
    return config


def _write_weights(folder: Path, graph: Graph) -> tuple[list[onnx.TensorProto], list[str]]:
    """Every tensor as an initializer, large ones in numbered files; returns the file names too."""
    parts: list[str] = []
    initializers: list[onnx.TensorProto] = []
    for name, array in graph.weights.items():
        if array.nbytes < SMALL:
            initializers.append(onnx.numpy_helper.from_array(array, name))
        else:
            initializers.append(_external(name, array, *_append(folder, parts, array.tobytes())))
    return initializers, parts


def _append(folder: Path, parts: list[str], data: bytes) -> tuple[str, int, int]:
    """Write a tensor behind the last one, or into a new part; returns file, offset and length."""
    offset = -(-(folder / parts[-1]).stat().st_size // ALIGN) * ALIGN if parts else 0
    if not parts or (offset and offset + len(data) > PART_BYTES):
        parts.append(f"weights-{len(parts)}.bin")
        (folder / parts[-1]).write_bytes(b"")
        offset = 0
    with (folder / parts[-1]).open("r+b") as file:
        file.seek(offset)
        file.write(data)
    return parts[-1], offset, len(data)


def _external(name: str, array: NDArray[Any], file: str, offset: int, length: int) -> onnx.TensorProto:
    tensor = TensorProto(
        name=name,
        dims=array.shape,
        data_type=onnx.helper.np_dtype_to_tensor_dtype(array.dtype),
        data_location=TensorProto.EXTERNAL,
    )
    for key, value in (("location", file), ("offset", offset), ("length", length)):
        tensor.external_data.add(key=key, value=str(value))
    return tensor


def gate(folder: Path, weights: Weights, cases: int) -> Parity:
    """An exported folder against the weights it was made from."""
    checkpoint = Checkpoint.open(folder)
    model = CompactModel(checkpoint.config)
    model.load_state_dict({name: torch.from_numpy(np.array(array)) for name, array in weights.items()}, assign=True)
    torch.set_num_threads(THREADS)
    exported = backends.load(checkpoint, "onnx", THREADS)
    tokenizer = Tokenizer.load(checkpoint.path("tokenizer.json"))
    parity = compare(TorchForward(model), exported, list(code_cases(tokenizer, checkpoint.config.control, cases)))
    exported.close()
    return parity


def export(source: Path, out: Path, scheme: Scheme, cases: int) -> Parity | None:
    """Export a full-precision folder; raises SystemExit, with the figures, when the gate does not pass."""
    checkpoint = Checkpoint.open(source)
    weights = load_file(checkpoint.path("model.safetensors"))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copy(checkpoint.path("tokenizer.json"), folder)
        config = write_model(folder, checkpoint.config, weights, scheme)
        parity = gate(folder, weights, cases) if isinstance(scheme, RowInt8) else None
        if parity and not parity.passed:
            sys.exit(f"Not exported, the gate is not passed: {parity}.")
        out.mkdir(parents=True, exist_ok=True)
        for old in out.glob("weights-*.bin"):
            old.unlink()
        for file in ("config.json", *config.files):
            shutil.move(folder / file, out / file)
    return parity


def main() -> None:
    parser = argparse.ArgumentParser(description="Export a model folder in full precision to ONNX.")
    parser.add_argument("--weights", type=Path, default=BASE / "redraft-135m", help="what training.convert wrote")
    parser.add_argument("--out", type=Path, default=EMBEDDED, help="model folder to write")
    parser.add_argument("--scheme", choices=("int8", "float32"), default="int8")
    parser.add_argument("--cases", type=int, default=16, help="forwards of about 470 rows that the gate compares")
    given = parser.parse_args()
    parity = export(given.weights, given.out, RowInt8() if given.scheme == "int8" else Float32(), given.cases)
    print(f"wrote {given.out}" + (f": {parity}" if parity else ""))


if __name__ == "__main__":
    main()
