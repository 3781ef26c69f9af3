"""A program in a terminal: keys in, the screen out."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conftest import eventually


class Terminal:
    """A tmux server of its own with one window. Skips the test where there is no tmux."""

    def __init__(self, folder: Path) -> None:
        tmux = shutil.which("tmux")
        if tmux is None:
            pytest.skip("tmux is not installed")
        self._folder = str(folder)
        self._tmux = [tmux, "-S", str(folder / "tmux.socket"), "-f", os.devnull]

    def __call__(self, *arguments: str) -> str:
        ran = subprocess.run([*self._tmux, *arguments], capture_output=True, text=True, check=True)
        return ran.stdout.rstrip("\n")

    def run(self, command: list[str], environment: dict[str, str]) -> None:
        settings = [word for name, value in environment.items() for word in ("-e", f"{name}={value}")]
        self("new-session", "-d", "-c", self._folder, "-x", "70", "-y", "12", *settings, *command)

    def type(self, *keys: str) -> None:
        self("send-keys", *keys)

    @property
    def screen(self) -> list[str]:
        return self("capture-pane", "-p").splitlines()

    @property
    def colours(self) -> list[str]:
        return self("capture-pane", "-p", "-e").splitlines()

    @property
    def cursor(self) -> str:
        return self("display-message", "-p", "#{cursor_x},#{cursor_y}")

    def shows(self, *rows: str) -> None:
        """Wait until the first rows are these."""
        eventually(lambda: [row.rstrip() for row in self.screen[: len(rows)]] == [*rows])

    def close(self) -> None:
        subprocess.run([*self._tmux, "kill-server"], capture_output=True, check=False)
