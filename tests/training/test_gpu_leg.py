"""The script of a leg, as it is sent to a machine: three commands, none of which is watched, and weights come back."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from engine.checkpoint import Checkpoint
from training import parts
from training.gate import functions
from training.shards import Source, write_shards

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not shutil.which("setsid"), reason="setsid is not installed")]
ROOT = Path(__file__).parent.parent.parent


class Machine:
    """Where the script runs: a folder for its work, and a processor in place of a GPU."""

    def __init__(self, work: Path, **settings: str) -> None:
        self.work = work
        self._env = os.environ | {
            "WORK": str(work), "PYTHON": sys.executable, "RECIPE": "trial", "SEED": "1",
            "DEVICE": "cpu", "WORKERS": "0", "MICRO": "1", "RESERVE": "8", "SAVE_EVERY": "1", **settings,
        }  # fmt: skip

    def __call__(self, *words: object) -> subprocess.CompletedProcess[str]:
        command = ["bash", str(ROOT / "training" / "runs" / "gpu_leg.sh"), *map(str, words)]
        return subprocess.run(command, env=self._env, capture_output=True, text=True, timeout=300)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path / "work")


@pytest.fixture
def sent(tiny_checkpoint: Checkpoint, tmp_path: Path) -> tuple[Path, list[Path]]:
    """Parts of a small model, and a shard."""
    parts.pack(tiny_checkpoint, tmp_path / "parts", part_bytes=300_000)
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
    while "median_s" not in (machine.work / "check.log").read_text(encoding="utf-8"):
        time.sleep(0.2)
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
    progress = json.loads((home / "progress.json").read_text(encoding="utf-8"))
    assert progress["ended"] and "did not come to its end" not in fetched.stderr


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


def test_a_trainer_that_dies_leaves_what_it_saved(
    machine: Machine, sent: tuple[Path, list[Path]], tmp_path: Path
) -> None:
    folder, shards = sent
    assert machine("leg", 120, folder, *shards).returncode == 0
    while not (machine.work / "out" / "progress.json").is_file():
        time.sleep(0.2)
    os.kill(_trainer(int((machine.work / "leg.pid").read_text())), signal.SIGKILL)
    fetched = machine("part", 0, "INTO", tmp_path / "home")
    assert fetched.returncode == 0 and "did not come to its end; this is what it saved last" in fetched.stderr
    progress = json.loads((tmp_path / "home" / "progress.json").read_text(encoding="utf-8"))
    assert progress["step"] > 0 and not progress["ended"]
    rest = range(1, len(json.loads((tmp_path / "home" / "parts.json").read_text(encoding="utf-8"))))
    assert machine("part", *rest, "INTO", tmp_path / "home").returncode == 0
    parts.unpack(tmp_path / "home", tmp_path / "trained")


def _trainer(leg: int) -> int:
    """The process of a leg's group that trains."""
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if os.getpgid(int(folder.name)) == leg and b"\0training.train\0" in (folder / "cmdline").read_bytes():
                return int(folder.name)
    raise AssertionError("nobody trains")


@pytest.mark.parametrize(
    ("progress", "sentence"),
    [
        ({"recipe": "trial", "ended": True}, "has ended; name another WORK for a new one"),
        ({"recipe": "middles", "ended": False}, "of another recipe than trial; name another WORK"),
    ],
)
@pytest.mark.parametrize("command", ["leg", "start"])
def test_where_another_run_was_no_leg_begins_and_none_of_its_parts_are_fetched(
    machine: Machine, tmp_path: Path, command: str, progress: dict[str, object], sentence: str
) -> None:
    for name in ("out", "parts"):
        (machine.work / name).mkdir(parents=True)
    (machine.work / "out" / "progress.json").write_text(json.dumps(progress), encoding="utf-8")
    refused = machine(command, 40, tmp_path / "parts", tmp_path / "shard")
    assert refused.returncode == 1 and sentence in refused.stderr
    assert not (machine.work / f"{command}.pid").exists()
    if command == "leg":
        fetched = machine("part", 0, "INTO", tmp_path / "home")
        assert fetched.returncode == 1 and "There are no parts" in fetched.stderr


@pytest.mark.parametrize(
    ("command", "settings", "sentence"),
    [
        ("compile", {"RECIPE": ""}, "RECIPE is to be release, further or middles, not ''"),
        ("leg", {"RECIPE": "middle"}, "RECIPE is to be release, further or middles, not 'middle'"),
        ("leg", {"SEED": ""}, "SEED is to be a whole number that no leg had, not ''"),
        ("leg", {"SEED": "-1"}, "SEED is to be a whole number that no leg had, not '-1'"),
    ],
)
def test_a_leg_is_told_what_to_learn_before_its_time_runs(
    tmp_path: Path, command: str, settings: dict[str, str], sentence: str
) -> None:
    machine = Machine(tmp_path / "work", **settings)
    refused = machine(command, 40, tmp_path / "parts", tmp_path / "shard")
    assert refused.returncode == 1 and sentence in refused.stderr
    assert not list(machine.work.glob("*.pid"))


def test_a_leg_under_way_is_not_begun_twice(machine: Machine, tmp_path: Path) -> None:
    machine.work.mkdir()
    with subprocess.Popen(["sleep", "60"]) as running:
        (machine.work / "leg.pid").write_text(str(running.pid), encoding="utf-8")
        refused = machine("leg", 40, tmp_path / "parts", tmp_path / "shard")
        running.kill()
    assert refused.returncode == 1 and "A run is under way" in refused.stderr


@pytest.mark.parametrize(
    ("process", "seconds"),
    [("true", 600), ("sleep", -300)],
    ids=["ended and not buried, as where process 1 waits for nobody", "hanging beyond its time"],
)
def test_a_leg_that_comes_to_nothing_is_not_waited_for(
    machine: Machine, tmp_path: Path, process: str, seconds: int
) -> None:
    machine.work.mkdir()
    with subprocess.Popen([process, "100"]) as leg:
        (machine.work / "leg.pid").write_text(str(leg.pid), encoding="utf-8")
        (machine.work / "leg.end").write_text(str(int(time.time()) + seconds), encoding="utf-8")
        fetched = machine("part", 0, "INTO", tmp_path / "home")
        leg.kill()
    assert fetched.returncode == 1 and "There are no parts" in fetched.stderr


@pytest.mark.parametrize(
    ("seconds", "said", "ended"),
    [(4, '{"median_s": 0.2}\n', 0), (600, "", -signal.SIGTERM)],
    ids=["at the last of its stages", "hanging"],
)
def test_a_check_is_waited_for_till_it_is_over_but_half_of_the_leg_at_most(
    machine: Machine, sent: tuple[Path, list[Path]], seconds: int, said: str, ended: int
) -> None:
    folder, shards = sent
    machine.work.mkdir()
    (machine.work / "check.log").write_text(said, encoding="utf-8")
    with subprocess.Popen(["sleep", str(seconds)], start_new_session=True) as check:
        (machine.work / "check.pid").write_text(str(check.pid), encoding="utf-8")
        assert machine("leg", 24, folder, *shards).returncode == 0
        assert check.wait(timeout=60) == ended
    assert machine("stop").returncode == 0
