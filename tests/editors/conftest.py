"""Editors that only `make test-editors` has; without it nothing here runs."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import REDRAFT, ROOT
from tests.conversations.record import entries

EDITORS = os.environ.get("REDRAFT_EDITORS")
collect_ignore_glob = [] if EDITORS else ["test_*.py"]

RULES = [
    ("def add(", "a, b):"),
    ("def add(a, b):\n", "    total = a + b\n    return total"),
    ("return total / len(", "values)"),
    ("    return ", "total / len(values)"),
    ("total = sum(values)\n", "    return total / len(values)"),
]
BROKEN = "def mean(values):\n    total = sum(values)\n    return total / len(value)\n"
LINTER = [sys.executable, str(ROOT / "tests" / "editors" / "linter.py")]
RECORDINGS = ROOT / "tests" / "conversations"


def program(name: str) -> str:
    """The path of an unpacked editor."""
    path = Path(EDITORS or "") / name
    if not path.exists():
        pytest.skip(f"{path} is not there; tests/editors/install.sh says why")
    return str(path.absolute())


@pytest.fixture
def recorded(tmp_path: Path, script: Callable[..., str]) -> Callable[..., list[str]]:
    """The server's command, with what it and the editor say written to a file in the test's folder."""

    def command(client: str, rules: list[tuple[str, str]] = RULES) -> list[str]:
        tee = [sys.executable, str(RECORDINGS / "record.py"), str(tmp_path / f"{client}.jsonl"), "--client", client]
        return [*tee, "--root", str(tmp_path), "--", REDRAFT, "lsp", "--model", script(rules)]

    return command


def states(recording: Path) -> list[str]:
    """The states that the server has said."""
    said = [message for sender, message in entries(recording) if sender == "server"] if recording.exists() else []
    return [message["params"]["state"] for message in said if message.get("method") == "redraft/status"]


def keep(recording: Path) -> None:
    """With REDRAFT_RECORD=1, this conversation is the one that the repository holds."""
    if os.environ.get("REDRAFT_RECORD"):
        shutil.copy(recording, RECORDINGS)
