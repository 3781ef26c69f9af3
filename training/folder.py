"""A model folder in full precision, as conversion and training write it, the torch backend and the export read it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file

from engine.checkpoint import ModelConfig, describe, write_config
from engine.released.files import WEIGHTS

Weights = dict[str, NDArray[np.float32]]
"""Tensors in full precision, under the compact model's names."""


def write_folder(
    folder: Path,
    config: ModelConfig,
    weights: Weights,
    tokenizer: Path,
    metadata: dict[str, str] | None = None,
) -> None:
    """Write weights, tokenizer and `config.json`. tokenizer: its file, in the folder already or copied there. metadata:
    kept with the weights."""
    folder.mkdir(parents=True, exist_ok=True)
    replacing(folder / WEIGHTS, lambda path: save_file(weights, path, metadata))
    if tokenizer.resolve() != (folder / "tokenizer.json").resolve():
        shutil.copyfile(tokenizer, folder / "tokenizer.json")
    files = {name: describe(folder / name) for name in (WEIGHTS, "tokenizer.json")}
    write_config(folder, replace(config, quantization="none", files=files))


def replacing(path: Path, write: Callable[[Path], Any]) -> None:
    """Have a file written so that it is there whole or not at all."""
    part = path.with_suffix(path.suffix + ".part")
    try:
        write(part)
        part.rename(path)
    finally:
        part.unlink(missing_ok=True)
