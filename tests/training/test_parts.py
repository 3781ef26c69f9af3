"""Parts carry a model unharmed, and say which one is missing or torn."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from engine.checkpoint import Checkpoint, CheckpointError
from training import parts
from training.forward import load_model
from training.probe import shaped


@pytest.fixture
def folder(tiny_checkpoint: Checkpoint) -> Path:
    return tiny_checkpoint.folder


def test_a_model_comes_back_within_half_a_step_of_its_grid(folder: Path, tmp_path: Path) -> None:
    made = parts.pack(Checkpoint.open(folder), tmp_path / "parts", part_bytes=300_000)
    assert len(made) > 3 and all(path.stat().st_size <= 300_000 for path in made[:-3])
    parts.unpack(tmp_path / "parts", tmp_path / "again")
    before, after = (load_file(path / "model.safetensors") for path in (folder, tmp_path / "again"))
    assert set(before) == set(after)
    for name, array in before.items():
        step = np.abs(array).max(axis=-1, keepdims=True) / 127 if array.ndim == 2 else 0
        assert (np.abs(after[name] - array) <= 0.501 * step + 1e-12).all()
    one, two = Checkpoint.open(folder), Checkpoint.open(tmp_path / "again")
    two.verify()
    assert one.config.control == two.config.control and one.config.layers == two.config.layers
    assert one.path("tokenizer.json").read_bytes() == two.path("tokenizer.json").read_bytes()


def test_a_model_of_that_shape_opens_before_its_parts_are_there(folder: Path, tmp_path: Path) -> None:
    for part in parts.pack(Checkpoint.open(folder), tmp_path / "parts")[:-3]:
        part.unlink()
    shape = Checkpoint.open(tmp_path / "parts")
    model = shaped(shape, "cpu")
    assert {name: p.shape for name, p in model.named_parameters()} == {
        name: array.shape for name, array in load_file(folder / "model.safetensors").items()
    }
    assert all(np.isfinite(p.detach().numpy()).all() for p in model.parameters())
    with pytest.raises(CheckpointError, match=r"has no model\.safetensors"):
        load_model(shape, "cpu")


def test_rounding_twice_changes_nothing(folder: Path, tmp_path: Path) -> None:
    parts.pack(Checkpoint.open(folder), tmp_path / "a")
    parts.unpack(tmp_path / "a", tmp_path / "again")
    parts.pack(Checkpoint.open(tmp_path / "again"), tmp_path / "b")
    parts.unpack(tmp_path / "b", tmp_path / "third")
    second, third = (load_file(tmp_path / name / "model.safetensors") for name in ("again", "third"))
    assert all(np.allclose(second[name], third[name], rtol=1e-6, atol=0) for name in second)


@pytest.mark.parametrize(("harm", "word"), [("missing", "missing"), ("torn", "damaged")])
def test_a_part_that_did_not_arrive_is_named(folder: Path, tmp_path: Path, harm: str, word: str) -> None:
    made = parts.pack(Checkpoint.open(folder), tmp_path / "parts", part_bytes=500_000)
    if harm == "missing":
        made[1].unlink()
    else:
        made[1].write_bytes(made[1].read_bytes()[:-1])
    with pytest.raises(CheckpointError, match=f"part-001 is {word}"):
        parts.unpack(tmp_path / "parts", tmp_path / "again")


def test_a_tokenizer_that_came_damaged_is_named(folder: Path, tmp_path: Path) -> None:
    parts.pack(Checkpoint.open(folder), tmp_path / "parts")
    path = tmp_path / "parts" / "tokenizer.json"
    path.write_bytes(path.read_bytes()[:-1] + b" ")
    with pytest.raises(CheckpointError, match=r"tokenizer\.json is damaged"):
        parts.unpack(tmp_path / "parts", tmp_path / "again")
    assert not (tmp_path / "again").exists()


def test_a_folder_without_parts_is_named(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"parts\.json cannot be read"):
        parts.unpack(tmp_path, tmp_path / "again")
