"""A model folder is read whole or refused with one sentence that names the trouble and the remedy."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from engine import backends
from engine.backends.onnx import MORE_MEMORY
from engine.checkpoint import EMBEDDED, REMEDY, Checkpoint, CheckpointError

Change = Callable[[dict[str, Any]], object]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the embedded model's description, its files as links."""
    for path in EMBEDDED.iterdir():
        if path.name == "config.json":
            shutil.copy(path, tmp_path)
        else:
            (tmp_path / path.name).symlink_to(path)
    return tmp_path


def change(folder: Path, edit: Change) -> None:
    path = folder / "config.json"
    raw = json.loads(path.read_text())
    edit(raw)
    path.write_text(json.dumps(raw))


def refused(folder: Path) -> str:
    with pytest.raises(CheckpointError) as caught:
        Checkpoint.open(folder)
    sentence = str(caught.value)
    assert "\n" not in sentence and sentence.endswith(REMEDY)
    return sentence


def test_the_embedded_model_is_whole(folder: Path) -> None:
    checkpoint = Checkpoint.open(folder)
    checkpoint.verify()
    assert checkpoint.config == Checkpoint.open().config
    assert sum(file.bytes for file in checkpoint.config.files.values()) <= 140_000_000
    assert max(file.bytes for file in checkpoint.config.files.values()) <= 45_000_000


def test_no_folder_and_no_config(tmp_path: Path) -> None:
    assert "config.json is missing" in refused(tmp_path)
    assert "config.json is missing" in refused(tmp_path / "nowhere")


def test_a_missing_file(folder: Path) -> None:
    (folder / "weights-1.bin").unlink()
    assert "lacks its file weights-1.bin" in refused(folder)


def test_a_truncated_file(folder: Path) -> None:
    path = folder / "weights-0.bin"
    whole = path.read_bytes()
    path.unlink()
    path.write_bytes(whole[:-1])
    assert f"{len(whole) - 1} bytes instead of {len(whole)}" in refused(folder)


def test_a_changed_file_of_the_right_size_is_found_by_its_checksum(folder: Path) -> None:
    path = folder / "tokenizer.json"
    whole = path.read_bytes()
    path.unlink()
    path.write_bytes(whole[:-2] + b" }")
    with pytest.raises(CheckpointError, match="wrong checksum"):
        Checkpoint.open(folder).verify()


@pytest.mark.parametrize("key", ["format_version", "prompt_format"])
def test_another_version(folder: Path, key: str) -> None:
    change(folder, lambda raw: raw.update({key: 2}))
    assert f"{key} 2; this version of redraft reads 1" in refused(folder)


@pytest.mark.parametrize(
    "edit",
    [
        lambda raw: raw.pop("control"),
        lambda raw: raw["control"].pop("mask"),
        lambda raw: raw.update(layers="thirty"),
        lambda raw: raw.update(layers=0),
        lambda raw: raw.update(context=-5),
        lambda raw: raw.update(canvas_trained="no"),
        lambda raw: raw.update(unknown=1),
        lambda raw: raw.update(prompt="chat"),
        lambda raw: raw.update(files=[]),
        lambda raw: raw["files"].update({"model.onnx": 3}),
        lambda raw: raw.update(modes={"speedy": {"bold": 1}}),
        lambda raw: raw.update(modes={"speedy": 1}),
        lambda raw: raw.update(modes={"speedy": {"fill_threshold": "0.95"}}),
        lambda raw: raw.update(modes={"speedy": {"edit_threshold": 7}}),
        lambda raw: raw.update(modes={"quality": {"max_post_steps": 1.5}}),
        lambda raw: raw.update(modes={"quality": {"indel": "no"}}),
    ],
)
def test_a_description_that_makes_no_sense(folder: Path, edit: Change) -> None:
    change(folder, edit)
    assert "not a valid model description" in refused(folder)


@pytest.mark.parametrize("content", ["", "{", "[]", "\x00", "[" * 100_000])
def test_a_config_that_is_no_json_object(folder: Path, content: str) -> None:
    (folder / "config.json").write_text(content)
    refused(folder)


def test_files_outside_the_folder_are_not_read(folder: Path) -> None:
    change(folder, lambda raw: raw["files"].update({"../secret": {"bytes": 0, "sha256": ""}}))
    assert "not a valid model description" in refused(folder)


def test_a_graph_of_rubbish_is_one_sentence(folder: Path) -> None:
    path = folder / "model.onnx"
    size = path.stat().st_size
    path.unlink()
    path.write_bytes(b"\x00" * size)
    with pytest.raises(CheckpointError, match="cannot be loaded") as caught:
        backends.load(Checkpoint.open(folder))
    assert "\n" not in str(caught.value)


@pytest.mark.skipif(sys.platform != "linux", reason="a limit for the memory that is mapped, in a process of its own")
def test_too_little_memory_is_no_damage() -> None:
    code = """
import resource
from pathlib import Path
from engine import backends
from engine.backends.onnx import OnnxForward
from engine.checkpoint import Checkpoint, CheckpointError
checkpoint = Checkpoint.open()
taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
most = taken + 2**26  # half of what the weights need
resource.setrlimit(resource.RLIMIT_AS, (most, most))
try:
    OnnxForward.load(checkpoint, 1)
except CheckpointError as error:
    print(error)
"""
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "bad_alloc" in said and MORE_MEMORY in said


@pytest.mark.parametrize("key", ["layers", "kv_heads", "head_dim"])
def test_a_graph_of_another_size_is_one_sentence(folder: Path, key: str) -> None:
    change(folder, lambda raw: raw.update({key: 10**9}))
    with pytest.raises(CheckpointError, match=r"not one that its config\.json means"):
        backends.load(Checkpoint.open(folder))


def test_an_unknown_backend() -> None:
    with pytest.raises(ValueError, match="no backend 'tpu'"):
        backends.load(Checkpoint.open(), "tpu")


@pytest.mark.parametrize(
    "wrong",
    [{"temperature": 1.5}, {"a": 1, "b": 1}, {"a": 1, "b": 0, "c": True}, {"a": 1, "b": 0, "c": "0"}, [1, 2, 3]],
)
def test_a_calibration_of_another_kind(folder: Path, wrong: object) -> None:
    change(folder, lambda raw: raw.update(calibration=wrong))
    assert "calibration must be the numbers a, b and c" in refused(folder)


def test_a_calibration_is_read(folder: Path) -> None:
    change(folder, lambda raw: raw.update(calibration={"a": 1, "b": 2, "c": -0.5}))
    assert Checkpoint.open(folder).config.calibration == {"a": 1, "b": 2, "c": -0.5}


def test_weights_for_onnx_alone_are_not_to_be_installed_again() -> None:
    with pytest.raises(CheckpointError, match="is for onnx alone; leave --backend out") as caught:
        backends.load(Checkpoint.open(EMBEDDED), "torch")
    assert REMEDY not in str(caught.value)
