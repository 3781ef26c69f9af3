"""What every test may use: the installed command, a scripted model, an environment without the user's own settings."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import settings

# A case takes as long as the machine is busy; the same cases every time, so that a failure can be met again.
settings.register_profile("redraft", deadline=None, derandomize=True)
settings.load_profile("redraft")

T = TypeVar("T")
ROOT = Path(__file__).parent.parent
REDRAFT = str(Path(sys.executable).parent / "redraft")


def eventually(look: Callable[[], T], seconds: float = 120.0) -> T:
    """The first true answer; fails when there is none in time."""
    end = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < end, f"not within {seconds:.0f} s; last seen: {found!r}"
        time.sleep(0.02)
    return found


@pytest.fixture(autouse=True, scope="session")
def counts_elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What servers count in tests is not the user's."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        yield


@pytest.fixture
def script(tmp_path: Path) -> Callable[..., str]:
    """Writes a scripted model of (after, write) rules and returns what `--model` takes."""

    def write(rules: list[tuple[str, str]], **options: Any) -> str:
        path = tmp_path / "model.json"
        spelled = [{"after": after, "write": text} for after, text in rules]
        path.write_text(json.dumps({"rules": spelled, **options}), encoding="utf-8")
        return f"scripted:{path}"

    return write


Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def redraft(shell: Run) -> Run:
    """The same."""
    return shell


@pytest.fixture
def shell(tmp_path: Path) -> Run:
    """Runs the installed command in an empty folder, as a shell would."""

    def run(*arguments: str, stdin: str | bytes = "", **environment: str) -> subprocess.CompletedProcess[str]:
        given = stdin if isinstance(stdin, bytes) else stdin.encode()
        ran = subprocess.run(
            [REDRAFT, *arguments],
            input=given,
            capture_output=True,
            cwd=tmp_path,
            env={**os.environ, **environment},
            timeout=300,
            check=False,
        )
        return subprocess.CompletedProcess(ran.args, ran.returncode, ran.stdout.decode(), ran.stderr.decode())

    return run
