"""No other machine is asked unless the user names one: proven by the interpreter's own audit events."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.lsp_server.conftest import Editor
from tests.serving import says, serving

WATCHED = """
import os, sys
sys.path.insert(0, {root!r})
log = os.open({log!r}, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
def watch(event, arguments):
    if event.startswith("socket.") and event != "socket.__new__":
        os.write(log, (event + " " + ascii(arguments[1:]) + chr(10)).encode())
    elif event == "socket.__new__" and arguments[1] != 1:  # 1: a pair within the process, which asyncio wakes itself by
        os.write(log, b"socket.__new__ of a network family\\n")
sys.addaudithook(watch)
from lsp_server import cli
status = cli.run(sys.argv[1:])
os.write(log, b"httpx2 is loaded\\n" if "httpx2" in sys.modules else b"")
sys.exit(status)
"""


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "sockets"


@pytest.fixture
def command(tmp_path: Path, log: Path) -> list[str]:
    """A `redraft` that writes every network call of its interpreter down."""
    (tmp_path / "add.py").write_text("def add(a, b):\n    return \n")
    return [sys.executable, "-I", "-c", WATCHED.format(root=str(ROOT), log=str(log))]


@pytest.fixture
def watched(tmp_path: Path, log: Path, command: list[str]) -> Callable[..., list[str]]:
    """Runs it and returns what it wrote down."""

    def run(*arguments: str, stdin: bytes = b"") -> list[str]:
        ran = subprocess.run(
            [*command, *arguments], input=stdin, cwd=tmp_path, capture_output=True, timeout=300, check=False
        )
        assert ran.returncode == 0, ran.stderr.decode()
        return log.read_text().splitlines()

    return run


@pytest.mark.parametrize(
    ("arguments", "stdin"),
    [
        (["complete", "add.py:2:12"], b""),
        (["fix", "add.py:2"], b""),
        (["fill"], b'{"id": 1, "prefix": "return ", "suffix": ""}\n'),
    ],
)
def test_no_socket_is_opened(
    arguments: list[str], stdin: bytes, watched: Callable[..., list[str]], script: Callable[..., str]
) -> None:
    assert watched(*arguments, "--model", script([("return ", "a + b")]), stdin=stdin) == []


async def test_nor_by_the_language_server(command: list[str], log: Path, script: Callable[..., str]) -> None:
    editor = Editor()
    await editor.client.start_io(*command, "lsp", "--model", script([("return ", "a + b")]))
    await editor.initialize()
    editor.open("def add(a, b):\n    return \n")
    (item,) = (await editor.ghost(1, 11)).items
    assert item.insert_text == "a + b"
    await editor.client.shutdown_session()
    await editor.client.stop()
    assert log.read_text() == ""


@pytest.mark.slow
def test_the_embedded_model_opens_none_either(watched: Callable[..., list[str]]) -> None:
    assert watched("doctor") == []


def left_behind(home: Path, *arguments: str) -> list[Path]:
    """What a program writes into an empty home; where nothing says that it is being tested, as telemetry looks for."""
    home.mkdir()
    known = {name: os.environ[name] for name in ("PATH", "SYSTEMROOT", "LANG") if name in os.environ}
    environment = known | {"HOME": str(home), "USERPROFILE": str(home), "LOCALAPPDATA": str(home / "AppData")}
    ran = subprocess.run(
        [sys.executable, "-I", *arguments],
        cwd=home.parent,
        env=environment,
        capture_output=True,
        timeout=300,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr.decode()
    return [path.relative_to(home) for path in home.rglob("*") if path.is_file()]


@pytest.mark.slow
def test_nor_does_the_runtime_below_keep_anything_to_report(tmp_path: Path) -> None:
    """onnxruntime's telemetry is native code that no audit event tells of; it begins with an identifier in the home."""
    command = (
        f"import sys; sys.path.insert(0, {str(ROOT)!r}); from lsp_server import cli; sys.exit(cli.run(['doctor']))"
    )
    assert left_behind(tmp_path / "home", "-c", command) == []


def test_that_runtime_still_knows_the_switch() -> None:
    """Its name is not part of any interface; asked of the library's bytes, because trying it would report."""
    spec = importlib.util.find_spec("onnxruntime")
    assert spec is not None and spec.origin is not None
    (library,) = (Path(spec.origin).parent / "capi").glob("onnxruntime_pybind11_state*")
    known = library.read_bytes()
    assert b"ORT_DISABLE_TELEMETRY" in known or b"OneCollector" not in known


async def test_the_watch_sees_a_remote(watched: Callable[..., list[str]], script: Callable[..., str]) -> None:
    """The tests above can fail."""
    async with serving(says("there")) as server:
        arguments = ("complete", "add.py:2:12", "--model", script([("return ", "a + b")]), "--remote", server.url)
        seen = await asyncio.to_thread(watched, *arguments)
    assert "socket.__new__ of a network family" in seen
    assert any(line.startswith("socket.connect (('127.0.0.1', ") for line in seen)
    assert seen[-1] == "httpx2 is loaded"
