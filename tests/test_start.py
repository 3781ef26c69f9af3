"""The guarded start: an editor starts redraft inside a workspace, and nothing in there may become part of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import REDRAFT, ROOT

HOSTILE = ("engine", "infill", "lsp_server", "tqdm", "numpy", "pygls", "lsprotocol", "tokenizers")
FLAT = ("sitecustomize", "usercustomize", "json", "argparse", "onnxruntime", "tree_sitter")


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """A folder in which every name we import leaves a mark when it is executed."""
    folder = tmp_path / "workspace"
    folder.mkdir()
    mark = f"open({str(tmp_path / 'executed')!r}, 'a').write(__name__ + chr(10))\n"
    for name in HOSTILE:
        (folder / name).mkdir()
        (folder / name / "__init__.py").write_text(mark)
        (folder / name / "__main__.py").write_text(mark)
    for name in FLAT:
        (folder / f"{name}.py").write_text(mark)
    (folder / "add.py").write_text("def add(a, b):\n    return \n")
    return folder


def executed(workspace: Path) -> str:
    mark = workspace.parent / "executed"
    return mark.read_text() if mark.exists() else ""


@pytest.mark.parametrize("names", ["{workspace}", ":{workspace}", ".", "", "{workspace}/../workspace:"])
def test_a_hostile_workspace_runs_nothing(workspace: Path, script: Callable[..., str], names: str) -> None:
    """As working directory and in PYTHONPATH, in every spelling that puts it on the import path."""
    environment = {
        **os.environ,
        "PYTHONPATH": names.format(workspace=workspace),
        "PYTHONSTARTUP": str(workspace / "json.py"),
    }
    model = script([("return ", "a + b")])
    ran = subprocess.run(
        [REDRAFT, "complete", "add.py:2:12", "--model", model],
        cwd=workspace, env=environment, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert ran.stdout == "a + b\n", ran.stderr
    assert executed(workspace) == ""


def test_the_trap_works(workspace: Path) -> None:
    """An interpreter that is not isolated does run the workspace's code: the test above can fail."""
    environment = {**os.environ, "PYTHONPATH": str(workspace)}
    subprocess.run([sys.executable, "-c", "import engine"], cwd=workspace, env=environment, timeout=300, check=False)
    assert {"sitecustomize", "engine"} <= set(executed(workspace).split())


def test_the_language_server_answers_in_a_hostile_workspace(workspace: Path, script: Callable[..., str]) -> None:
    ask = {
        "jsonrpc": "2.0", "id": 1, "method": "initialize",
        "params": {"processId": None, "rootUri": workspace.as_uri(), "capabilities": {}},
    }  # fmt: skip
    body = json.dumps(ask).encode()
    ran = subprocess.run(
        [REDRAFT, "lsp", "--model", script([("return ", "a + b")])],
        input=b"Content-Length: %d\r\n\r\n%s" % (len(body), body),
        cwd=workspace, env={**os.environ, "PYTHONPATH": str(workspace)}, capture_output=True, timeout=300, check=False,
    )  # fmt: skip
    assert b'"capabilities"' in ran.stdout, ran.stderr.decode()
    assert executed(workspace) == ""


def test_python_m_from_the_workspace_takes_our_packages(tmp_path: Path, script: Callable[..., str]) -> None:
    """`python -m lsp_server` is not isolated, but a folder called engine does not get in its way."""
    (tmp_path / "engine").mkdir()
    (tmp_path / "engine" / "__init__.py").write_text("raise SystemExit('the wrong engine')")
    (tmp_path / "add.py").write_text("def add(a, b):\n    return \n")
    ran = subprocess.run(
        [sys.executable, "-m", "lsp_server", "complete", "add.py:2:12", "--model", script([("return ", "a + b")])],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": "."}, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert ran.stdout == "a + b\n", ran.stderr


def test_the_command_finds_its_interpreter_through_a_link(tmp_path: Path) -> None:
    link = tmp_path / "redraft"
    link.symlink_to(REDRAFT)
    ran = subprocess.run(
        [str(link), "--version"], capture_output=True, text=True, cwd=tmp_path, timeout=300, check=False
    )
    assert ran.stdout.startswith("redraft "), ran.stderr


def test_without_an_environment_of_its_own_it_starts_the_python_that_it_was_installed_for(workspace: Path) -> None:
    """`pip install --user` puts it into a folder without Python, and the first python3 on PATH may be another one."""
    folder = workspace.parent / "bin"
    folder.mkdir()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    module, _, function = project["scripts"]["redraft-python"].partition(":")
    entry = f"#!{sys.executable}\nimport sys\nfrom {module} import {function}\nsys.exit({function}())\n"
    programs = {
        "redraft": (ROOT / "lsp_server" / "bin" / "redraft").read_text(),
        "redraft-python": entry,
        "python3": "#!/bin/sh\necho not this one >&2\nexit 2\n",
    }
    for name, text in programs.items():
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    names = {"PATH": f"{folder}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": str(workspace)}
    ran = subprocess.run(
        [str(folder / "redraft"), "--version"],
        cwd=workspace, env={**os.environ, **names}, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert ran.stdout.startswith("redraft "), ran.stderr
    assert executed(workspace) == ""


def test_the_installed_command_is_the_one_in_the_repository() -> None:
    assert Path(REDRAFT).read_text() == (ROOT / "lsp_server" / "bin" / "redraft").read_text()
