"""Emacs in batch mode: eglot, which comes with it, and lsp-mode, which has ghost text."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

from tests.conftest import ROOT, eventually
from tests.conversations.record import entries
from tests.editors.conftest import BROKEN, LINTER, keep, program

HERE = Path(__file__).parent
PAGE = (ROOT / "editor-configs" / "README.md").read_text(encoding="utf-8")


def run(name: str, text: str, folder: Path, command: list[str], **more: str) -> str:
    """Run a Lisp file on a file with this text; returns the text that was saved."""
    file = folder / "demo.py"
    file.write_text(text)
    environment = {
        **os.environ,
        "HOME": str(folder),
        "REDRAFT_CMD": json.dumps(command),
        "REDRAFT_LINTER": json.dumps(LINTER),
        "REDRAFT_FILE": str(file),
        **more,
    }
    argv = [program("emacs"), "-Q", "--batch", "-l", str(HERE / name)]
    ran = subprocess.run(argv, env=environment, capture_output=True, text=True, timeout=300, check=False, cwd=folder)
    assert ran.returncode == 0, ran.stderr[-3000:]
    return file.read_text()


def test_eglot(tmp_path: Path, recorded: Callable[..., list[str]]) -> None:
    assert run("eglot.el", "\n", tmp_path, recorded("emacs-eglot")) == "def add(a, b):\n"
    eventually(lambda: "exit" in [message.get("method") for _, message in entries(tmp_path / "emacs-eglot.jsonl")])
    keep(tmp_path / "emacs-eglot.jsonl")


def test_eglot_settings(tmp_path: Path, recorded: Callable[..., list[str]]) -> None:
    (written,) = re.findall(r"^\(setq-default eglot-workspace-configuration.*\)", PAGE, re.MULTILINE)
    off = written.replace(":maxLines 3", ":enable :json-false")
    run("eglot.el", "\n", tmp_path, recorded("emacs-settings"), REDRAFT_SETTINGS=off)


def test_lsp_mode(tmp_path: Path, recorded: Callable[..., list[str]]) -> None:
    saved = run("lsp-mode.el", BROKEN, tmp_path, recorded("emacs-lsp-mode"))
    assert saved == BROKEN.replace("(value)", "(values)") + 2 * "def add(a, b):\n"
    eventually(lambda: "exit" in [message.get("method") for _, message in entries(tmp_path / "emacs-lsp-mode.jsonl")])
    keep(tmp_path / "emacs-lsp-mode.jsonl")
