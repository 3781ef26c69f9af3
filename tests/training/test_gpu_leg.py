"""The script of a leg, as it is sent to a machine: three commands, none of which is watched, and weights come back."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from engine.backends.torch import TorchForward
from engine.checkpoint import EMBEDDED, Checkpoint
from engine.tokenizer import Tokenizer
from tests.fakes import tiny_config, tiny_forward
from training import parts
from training.gate import functions
from training.shards import Source, write_shards
from training.train import write_model

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not shutil.which("setsid"), reason="setsid is not installed")]
ROOT = Path(__file__).parent.parent.parent


class Machine:
    """Where the script runs: a folder for its work, and a processor in place of a GPU."""

    def __init__(self, work: Path) -> None:
        self.work = work
        self._env = os.environ | {
            "WORK": str(work), "PYTHON": sys.executable, "RECIPE": "trial",
            "DEVICE": "cpu", "WORKERS": "0", "MICRO": "1", "RESERVE": "8",
        }  # fmt: skip

    def __call__(self, *words: object) -> subprocess.CompletedProcess[str]:
        command = ["bash", str(ROOT / "training" / "runs" / "gpu_leg.sh"), *map(str, words)]
        return subprocess.run(command, env=self._env, capture_output=True, text=True, timeout=300)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path / "work")


@pytest.fixture
def sent(tmp_path: Path) -> tuple[Path, list[Path]]:
    """Parts of a small model, and a shard."""
    size = Tokenizer.load(EMBEDDED / "tokenizer.json").size
    forward = tiny_forward(size)
    assert isinstance(forward, TorchForward) and forward._model is not None
    write_model(tmp_path / "model", tiny_config(size), forward._model, EMBEDDED / "tokenizer.json")
    parts.pack(Checkpoint.open(tmp_path / "model"), tmp_path / "parts", part_bytes=300_000)
    files = [Source("lib", path, "python", code) for path, code in functions()]
    return tmp_path / "parts", write_shards(tmp_path / "shards", "train", files)


def test_a_leg_needs_nobody_to_look_on(machine: Machine, sent: tuple[Path, list[Path]], tmp_path: Path) -> None:
    folder, shards = sent
    late = sorted(folder.glob("part-*"))[1:]
    held = [(path, path.read_bytes()) for path in late]
    for path in late:
        path.unlink()
    assert machine("compile", folder, *shards).returncode == 0
    for path, data in held:
        path.write_bytes(data)
    assert machine("leg", 40, folder, *shards).returncode == 0
    home = tmp_path / "home"
    fetched = machine("part", 0, "INTO", home)
    assert fetched.returncode == 0, fetched.stderr
    rest = range(1, len(json.loads((home / "parts.json").read_text(encoding="utf-8"))))
    assert machine("part", *rest, "INTO", home).returncode == 0
    parts.unpack(home, tmp_path / "trained")
    assert Checkpoint.open(tmp_path / "trained").config.canvas_trained
    steps = [json.loads(line)["step"] for line in (home / "log.jsonl").read_text(encoding="utf-8").splitlines()]
    assert steps == list(range(1, len(steps) + 1)) and len(steps) > 1
    assert "median_s" in (machine.work / "check.log").read_text(encoding="utf-8")


def test_a_leg_can_be_stopped_before_it_has_written_anything(machine: Machine) -> None:
    stopped = machine("stop")
    assert stopped.returncode == 0, stopped.stderr
    assert (machine.work / "out" / "STOP").is_file()


def test_a_leg_that_failed_says_why(machine: Machine, sent: tuple[Path, list[Path]], tmp_path: Path) -> None:
    folder, shards = sent
    next(folder.glob("part-*")).unlink()
    assert machine("leg", 40, folder, *shards).returncode == 0
    fetched = machine("part", 0, "INTO", tmp_path / "home")
    assert fetched.returncode == 1
    assert "is missing; fetch it too" in fetched.stderr
