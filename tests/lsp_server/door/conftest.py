"""The real server in a process of its own, on a free port of this machine."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest

from tests.conftest import REDRAFT

PATIENCE = 30
RULES = [
    ("def add(", "a, b):\n    return a + b"),
    ("open = ", '(("never closed'),
    ("greet = ", "'hello'"),
    ("line_end = ", "'\u2028'"),
    ("a, b):\n    ", "s = a + b\n    return s"),
]


@dataclass
class Served:
    """A server that runs. url: without a path. http: asks it; made once, because certificates take long to read."""

    url: str
    process: subprocess.Popen[str]
    http: httpx2.Client

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    def metric(self, name: str) -> float:
        """The sum of a metric over its labels."""
        page = self.http.get("/metrics").text
        return sum(float(line.split()[-1]) for line in page.splitlines() if re.match(rf"{name}(\{{|\s)", line))


def until(holds: Callable[[], bool]) -> None:
    """Come back when it holds; fail when it never does."""
    end = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < end, "it never held"
        time.sleep(0.02)


@contextmanager
def serving(*arguments: str, wait: bool = True, **environment: str) -> Iterator[Served]:
    """`redraft serve` with these arguments, loaded unless `wait` is false."""
    command = [REDRAFT, "serve", "--port", "0", *arguments]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env={**os.environ, **environment})
    assert process.stderr is not None
    try:
        line = process.stderr.readline()
        found = re.search(r"listening on (http://\S+?)/,", line)
        assert found, line + process.stderr.read()
        while wait and not line.startswith("redraft: ready"):
            line = process.stderr.readline()
            assert line, "the server ended"
        with httpx2.Client(base_url=found.group(1), verify=False, timeout=PATIENCE) as http:
            yield Served(found.group(1), process, http)
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(PATIENCE)
        finally:
            process.kill()
            process.stderr.close()


def scripted(folder: Path, rules: list[tuple[str, str]], **options: float) -> str:
    """A scripted model in a folder, as `--model` takes it."""
    path = folder / "script.json"
    spelled = [{"after": after, "write": text} for after, text in rules]
    path.write_text(json.dumps({"rules": spelled, **options}), encoding="utf-8")
    return f"scripted:{path}"


@pytest.fixture(scope="session")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server that answers RULES at once."""
    with serving("--model", scripted(tmp_path_factory.mktemp("door"), RULES)) as served:
        yield served
