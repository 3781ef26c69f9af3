"""Kate on a screen that nobody sees: its completion menu and code actions; CRLF, letters of two UTF-16 units."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT, eventually
from tests.conversations.record import entries
from tests.editors.conftest import RULES, keep, program, states

README = (ROOT / "editor-configs" / "README.md").read_text(encoding="utf-8")
SNIPPET = next(block for block in re.findall(r"```json\n(.*?)```", README, re.DOTALL) if "rootIndication" in block)
PROPOSED = ('print("é😀", val', "ues[0]")
KATERC = """[General]
Show welcome view for new window=false

[Kate Plugins]
lspclientplugin=true

[lspclient]
AllowedServerCommandLines={server}
"""


class Kate:
    """One window with one file; keys go in by their X names, the text comes out of the saved file."""

    def __init__(self, folder: Path, command: list[str], text: bytes) -> None:
        if not (shutil.which("Xvfb") and shutil.which("xdotool")):
            pytest.skip("Xvfb and xdotool are not installed")
        kate = program("kate")
        self.file, self._recording = folder / "demo.py", folder / "kate.jsonl"
        self.file.write_bytes(text)
        (folder / ".git").mkdir()
        server = folder / "server"
        server.write_text(f"#!/bin/sh\nexec {shlex.join(command)}\n")
        server.chmod(0o755)
        settings = json.loads(SNIPPET)
        assert settings["servers"]["python"]["command"] == ["redraft", "lsp"]
        settings["servers"]["python"]["command"] = [str(server)]
        config = folder / "config"
        (config / "kate" / "lspclient").mkdir(parents=True)
        (config / "kate" / "lspclient" / "settings.json").write_text(json.dumps(settings))
        (config / "katerc").write_text(KATERC.format(server=server))

        reads, writes = os.pipe()
        argv = ["Xvfb", "-displayfd", str(writes), "-screen", "0", "1000x700x24", "-noreset", "-nolisten", "tcp"]
        self._screen = subprocess.Popen(argv, pass_fds=[writes], stderr=subprocess.DEVNULL)
        os.close(writes)
        with os.fdopen(reads) as told:
            display = f":{told.readline().strip()}"
        own = {"DISPLAY": display, "HOME": str(folder), "XDG_CONFIG_HOME": str(config), "XDG_RUNTIME_DIR": str(folder)}
        own |= {"LANG": "C.UTF-8", "QT_QPA_PLATFORM": "xcb", "DBUS_SESSION_BUS_ADDRESS": f"unix:path={folder}/no-bus"}
        self._environment = {**os.environ, **own}
        with (folder / "kate.log").open("wb") as log:
            argv = [kate, "--block", "--new", str(self.file)]
            self._kate = subprocess.Popen(argv, env=self._environment, stdout=log, stderr=log)
        window = eventually(lambda: self._xdotool("search", "--onlyvisible", "--name", "demo.py")).split()[-1]
        self._xdotool("windowfocus", "--sync", window)
        eventually(lambda: "ready" in states(self._recording))

    def _xdotool(self, *arguments: str) -> str:
        argv = ["xdotool", *arguments]
        return subprocess.run(argv, env=self._environment, capture_output=True, text=True, check=False).stdout

    def press(self, *keys: str) -> None:
        self._xdotool("key", "--delay", "20", *keys)

    def type(self, text: str) -> None:
        self._xdotool("type", "--delay", "20", text)

    @property
    def _windows(self) -> int:
        return len(self._xdotool("search", "--onlyvisible", "--name", ".*").split())

    def saves(self, text: str) -> None:
        """Wait until the file that is saved is this, with CRLF, and the server knows it, a moment later."""

        def saved() -> bool:
            self.press("ctrl+s")
            with contextlib.suppress(AssertionError):
                return eventually(lambda: self.file.read_bytes() == text.encode().replace(b"\n", b"\r\n"), 1)
            return False

        eventually(saved)
        eventually(lambda: self._knows(text))

    def _knows(self, text: str) -> bool:
        """Whether this is what the server was told last; Kate always sends all of it."""
        said = [one.get("params", {}) for sender, one in entries(self._recording) if sender == "client"]
        return [one["contentChanges"][0]["text"] for one in said if "contentChanges" in one][-1:] == [text]

    def acts(self, title: str) -> None:
        """Ask for code actions and take the first, which has this title."""
        windows, asked = self._windows, len(self._answers("textDocument/codeAction"))
        self.press("alt+Return")
        (answer,) = eventually(lambda: self._answers("textDocument/codeAction")[asked:])
        assert answer["result"][0]["title"] == title
        eventually(lambda: self._windows > windows)
        self.press("Down", "Return")

    def proposes(self, label: str) -> None:
        """Wait until the server has proposed this for the menu."""

        def labels() -> list[str]:
            lists = [answer["result"]["items"] for answer in self._answers("textDocument/completion")]
            return [item["label"] for items in lists for item in items]

        eventually(lambda: label in labels())

    def takes(self, text: str) -> None:
        """Take what the menu shows first. Return came too early where it broke the line; that is undone."""

        def taken() -> bool:
            before = self.file.read_bytes()
            self.press("Return", "ctrl+s")
            eventually(lambda: self.file.read_bytes() != before)
            if self.file.read_bytes() == text.encode().replace(b"\n", b"\r\n"):
                return True
            self.press("ctrl+z", "ctrl+s", "ctrl+space")
            eventually(lambda: self.file.read_bytes() == before)
            return False

        eventually(taken)

    def _answers(self, method: str) -> list[dict[str, Any]]:
        """What the server answered to these requests, but for those that were overtaken."""
        said = entries(self._recording)
        asked = [one["id"] for sender, one in said if sender == "client" and one.get("method") == method]
        return [one for sender, one in said if sender == "server" and "result" in one and one["id"] in asked]

    def quit(self) -> None:
        self.press("ctrl+q")
        assert self._kate.wait(60) == 0

    def close(self) -> None:
        self._kate.kill()
        self._kate.wait()
        self._screen.kill()
        self._screen.wait()


@pytest.fixture
def kate(tmp_path: Path, recorded: Callable[..., list[str]]) -> Iterator[Callable[[str], Kate]]:
    opened: list[Kate] = []

    def start(text: str) -> Kate:
        opened.append(Kate(tmp_path, recorded("kate", [*RULES, PROPOSED]), text.encode().replace(b"\n", b"\r\n")))
        return opened[-1]

    yield start
    for one in opened:
        one.close()


def test_menu_actions_and_a_whole_session(kate: Callable[[str], Kate], tmp_path: Path) -> None:
    mean = "def mean(values):\n    total = sum(values)\n    return total / len({})\n"
    rest = '{0} = 1\nprint("é😀", {0})\nprint("é😀", {1})\n'
    window = kate(mean.format("value") + rest.format("count", ""))

    window.press("Down", "Down", "End", "shift+Home")
    window.acts("redraft: rewrite the selection")
    window.saves(mean.format("values") + rest.format("count", ""))

    window.press("ctrl+Home", *["Down"] * 3, *["shift+Right"] * 5)
    window.type("total")
    window.acts("redraft: rename 1 more count to total")
    window.saves(mean.format("values") + rest.format("total", ""))

    window.press("ctrl+End", "Up", "End", "Left")
    window.type("val")
    window.saves(mean.format("values") + rest.format("total", "val"))
    window.proposes("values[0]")
    window.takes(mean.format("values") + rest.format("total", "values[0]"))

    window.quit()
    eventually(lambda: "exit" in [message.get("method") for _, message in entries(tmp_path / "kate.jsonl")])
    keep(tmp_path / "kate.jsonl")
