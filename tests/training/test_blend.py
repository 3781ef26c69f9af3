"""Weights between two checkpoints."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from engine.checkpoint import EMBEDDED, Checkpoint, CheckpointError
from engine.tokenizer import Tokenizer
from tests.fakes import tiny_config, tiny_model
from training.blend import Weights, blend, main
from training.run import write_model

CONTROL = [3, 5]


def weights(value: float) -> Weights:
    return {"embed": np.full((30, 4), value, np.float32), "layers.0.qkv": np.full((3, 4), value, np.float32)}


def test_is_part_of_the_way() -> None:
    mixed = blend(weights(1.0), weights(5.0), 0.25, CONTROL, weights(5.0))
    assert (mixed["layers.0.qkv"] == 2.0).all()
    assert (np.delete(mixed["embed"], CONTROL, 0) == 2.0).all()
    assert mixed["embed"].dtype == np.float32


def test_control_tokens_are_as_they_were_trained() -> None:
    """By one of the two; where both were, they go as far as everything else."""
    start, arrived = weights(1.0), weights(5.0)
    for trained, row in ((start, 1.0), (arrived, 5.0), (None, 2.0)):
        assert (blend(start, arrived, 0.25, CONTROL, trained)["embed"][CONTROL] == row).all()


def test_layers_may_stay_what_they_were() -> None:
    start, arrived = ({**weights(v), "layers.10.qkv": np.full(2, v, np.float32)} for v in (1.0, 5.0))
    mixed = blend(start, arrived, 0.25, CONTROL, arrived, keep=range(1, 11))
    assert ((mixed["layers.0.qkv"] == 2.0).all(), (mixed["layers.10.qkv"] == 1.0).all()) == (True, True)


def test_models_of_different_shapes_are_one_sentence() -> None:
    other = weights(1.0) | {"layers.0.qkv": np.zeros((4, 4), np.float32)}
    with pytest.raises(CheckpointError, match="different shapes; blend a run with the weights"):
        blend(weights(1.0), other, 0.5, CONTROL, other)


def test_the_command_writes_a_model_folder(tmp_path: Path) -> None:
    tokens = EMBEDDED / "tokenizer.json"
    size = Tokenizer.load(tokens).size
    model = tiny_model(size)
    for name, factor in (("start", 1.0), ("arrived", 5.0)):
        with torch.no_grad():
            model.norm.fill_(factor)
        config = replace(tiny_config(size), canvas_trained=True, calibration={"a": 1.0, "b": 0.0, "c": 0.0})
        write_model(tmp_path / name, config, model, tokens)
    command = [sys.executable, "-m", "training.blend", "start", "arrived", "--share", "0.25", "--out", "out"]
    command += ["--keep", "0-0", "--left-to-right"]
    subprocess.run(command, cwd=tmp_path, check=True, env=os.environ | {"PYTHONPATH": str(Path.cwd())})
    made = Checkpoint.open(tmp_path / "out")
    mixed, start = (load_file(tmp_path / name / "model.safetensors") for name in ("out", "start"))
    assert (mixed["norm"] == 2.0).all()
    assert (mixed["layers.0.qkv"] == start["layers.0.qkv"]).all()
    assert made.config.name == tiny_config(size).name
    assert Checkpoint.open(tmp_path / "arrived").config.canvas_trained and not made.config.canvas_trained
    assert made.config.calibration is None


@pytest.mark.parametrize(
    ("before", "after", "row"),
    [(True, True, 2.0), (False, True, 5.0), (True, False, 1.0), (False, False, 2.0)],
)
def test_the_command_knows_whose_control_tokens_were_trained(
    before: bool, after: bool, row: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokens = EMBEDDED / "tokenizer.json"
    size = Tokenizer.load(tokens).size
    model = tiny_model(size)
    for name, value, trained in (("start", 1.0, before), ("arrived", 5.0, after)):
        with torch.no_grad():
            model.embed.fill_(value)
        write_model(tmp_path / name, replace(tiny_config(size), middle_trained=trained), model, tokens)
    words = [str(tmp_path / "start"), str(tmp_path / "arrived"), "--share", "0.25", "--out", str(tmp_path / "out")]
    monkeypatch.setattr("sys.argv", ["blend", *words])
    main()
    embed = load_file(tmp_path / "out" / "model.safetensors")["embed"]
    control = sorted(tiny_config(size).control.never_text)
    assert (embed[control] == row).all() and (np.delete(embed, control, 0) == 2.0).all()
