"""Weights in small parts: what carries a model between machines that only exchange small files.

    python -m training.parts pack FOLDER PARTS     a model folder in full precision -> PARTS/part-000 ...
    python -m training.parts unpack PARTS FOLDER   and back

Matrices travel as 8-bit rows with a scale each, the grid that the export rounds to anyway (about 0.001 nat); everything
else in full. Every part has its sha256 in `parts.json`, so a part that is missing or torn is named. `config.json` and
`tokenizer.json` lie beside them: a machine can compile for the model's shape while the parts travel (`training.probe`).
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load, load_file, save

from engine.checkpoint import Checkpoint, CheckpointError, describe, write_config
from training.folder import write_folder

PART_BYTES = 15 << 20
SCALE = ".scale"


def pack(checkpoint: Checkpoint, out: Path, part_bytes: int = PART_BYTES) -> list[Path]:
    """Write the parts of a model folder; returns the paths, `parts.json`, `config.json` and `tokenizer.json` last."""
    tensors: dict[str, NDArray[Any]] = {}
    for name, array in load_file(checkpoint.path("model.safetensors")).items():
        tensors |= rounded(name, array) if array.ndim == 2 else {name: array}
    # Entropy coding alone: rounded weights repeat nothing but their distribution.
    packer = zlib.compressobj(1, zlib.DEFLATED, zlib.MAX_WBITS, zlib.DEF_MEM_LEVEL, zlib.Z_HUFFMAN_ONLY)
    data = packer.compress(save(tensors)) + packer.flush()
    out.mkdir(parents=True, exist_ok=True)
    paths: list[Path] = []
    for at in range(0, len(data), part_bytes):
        paths.append(out / f"part-{len(paths):03}")
        paths[-1].write_bytes(data[at : at + part_bytes])
    digests = {path.name: describe(path).sha256 for path in paths}
    (out / "parts.json").write_text(json.dumps(digests, indent=1), encoding="utf-8")
    shutil.copyfile(checkpoint.path("tokenizer.json"), out / "tokenizer.json")
    write_config(out, replace(checkpoint.config, files={"tokenizer.json": describe(out / "tokenizer.json")}))
    return [*paths, out / "parts.json", out / "config.json", out / "tokenizer.json"]


def unpack(parts: Path, folder: Path) -> None:
    """Write the model folder again. Raises CheckpointError that names what is missing or damaged."""
    try:
        digests = json.loads((parts / "parts.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{parts / 'parts.json'} cannot be read ({error}); fetch it again.") from None
    shape = Checkpoint.open(parts)
    shape.verify()
    tensors = load(zlib.decompress(b"".join(_part(parts / name, digest) for name, digest in digests.items())))
    weights = {name: restored(tensors, name) for name in tensors if not name.endswith(SCALE)}
    write_folder(folder, shape.config, weights, shape.path("tokenizer.json"))


def _part(path: Path, digest: str) -> bytes:
    if not path.is_file():
        raise CheckpointError(f"The part {path} is missing; fetch it too.")
    data = path.read_bytes()
    if hashlib.sha256(data).hexdigest() != digest:
        raise CheckpointError(f"The part {path} is damaged; fetch it again.")
    return data


def rounded(name: str, array: NDArray[np.float32]) -> dict[str, NDArray[Any]]:
    """A matrix as 8-bit whole numbers and one scale a row."""
    scale = np.maximum(np.abs(array).max(axis=1, keepdims=True), 1e-12) / 127
    return {name: np.rint(array / scale).astype(np.int8), name + SCALE: scale.astype(np.float32)}


def restored(tensors: dict[str, NDArray[Any]], name: str) -> NDArray[np.float32]:
    """A tensor in full precision."""
    if name + SCALE not in tensors:
        return tensors[name].astype(np.float32)
    whole: NDArray[np.float32] = tensors[name].astype(np.float32) * tensors[name + SCALE]
    return whole


def main() -> None:
    parser = argparse.ArgumentParser(description="Model folder <-> small parts.")
    parser.add_argument("direction", choices=("pack", "unpack"))
    parser.add_argument("source", type=Path)
    parser.add_argument("target", type=Path)
    options = parser.parse_args()
    if options.direction == "pack":
        paths = pack(Checkpoint.open(options.source), options.target)
        print(f"{len(paths) - 3} parts, {sum(path.stat().st_size for path in paths):,} bytes in {options.target}")
    else:
        unpack(options.source, options.target)
        print(f"wrote {options.target}")


if __name__ == "__main__":
    try:
        main()
    except CheckpointError as error:
        raise SystemExit(str(error)) from None
