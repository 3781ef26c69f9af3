"""Which redraft VS Code starts: the rules, on real folders."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.vscode.conftest import NODE, ROOT

PROGRAM = """
import { find } from %s;
Object.defineProperty(process, 'platform', { value: process.argv[2] });
process.stdout.write(JSON.stringify(find(JSON.parse(process.argv[1]))));
"""


def find(tmp_path: Path, platform: str = sys.platform, **where: Any) -> dict[str, Any]:
    given = {"configured": "", "path": "", "home": str(tmp_path / "home"), "forbidden": [], **where}
    source = json.dumps(str(ROOT / "editor-configs" / "vscode" / "src" / "find.ts"))
    program = [str(NODE), "--disable-warning=MODULE_TYPELESS_PACKAGE_JSON", "--input-type=module", "-e"]
    arguments = [PROGRAM % source, json.dumps(given), platform]
    ran = subprocess.run([*program, *arguments], capture_output=True, text=True, check=True)
    return dict(json.loads(ran.stdout))


def installed(folder: Path, mode: int = 0o755) -> Path:
    folder.mkdir(parents=True)
    program = folder / "redraft"
    program.write_text("#!/bin/sh\n")
    program.chmod(mode)
    return program


def test_the_configured_path_then_the_environment_then_path(tmp_path: Path) -> None:
    mine, env, path = (installed(tmp_path / name) for name in ("mine", "env", "path"))
    where = {"environment": str(env.parent), "path": f"/usr/bin{os.pathsep}{path.parent}"}
    assert find(tmp_path, configured=str(mine), **where)["command"] == str(mine)
    assert find(tmp_path, **where) == {"command": str(env), "args": ["lsp"], "place": str(env.parent)}
    assert find(tmp_path, path=where["path"])["command"] == str(path)


def test_a_tilde_is_the_home_folder(tmp_path: Path) -> None:
    program = installed(tmp_path / "home" / "bin")
    assert find(tmp_path, configured="~/bin/redraft")["command"] == str(program)


@pytest.mark.parametrize(
    ("configured", "said"),
    [("redraft", "absolute"), ("./redraft", "absolute"), ("/nowhere/redraft", "no program"), ("/usr", "no program")],
)
def test_a_configured_path_that_is_none_is_not_replaced_by_another(tmp_path: Path, configured: str, said: str) -> None:
    path = installed(tmp_path / "path")
    told = find(tmp_path, configured=configured, path=str(path.parent))
    assert said in told["problem"]
    assert configured in told["problem"]


def test_what_cannot_be_executed_is_passed_over(tmp_path: Path) -> None:
    broken, sound = installed(tmp_path / "broken", 0o644), installed(tmp_path / "sound")
    assert find(tmp_path, path=f"{broken.parent}{os.pathsep}{sound.parent}")["command"] == str(sound)


def test_a_relative_entry_of_path_is_no_place(tmp_path: Path) -> None:
    program = installed(tmp_path / "ws")
    relative = os.path.relpath(program.parent)
    assert "problem" in find(tmp_path, path=os.pathsep.join([relative, ".", ""]))


def test_nothing_in_an_untrusted_folder_by_name_or_behind_a_link(tmp_path: Path) -> None:
    folder = tmp_path / "ws"
    program = installed(folder / ".venv" / "bin")
    link = tmp_path / "bin" / "redraft"
    link.parent.mkdir()
    link.symlink_to(program)
    (tmp_path / "linked").symlink_to(program.parent)
    for place in (program.parent, link.parent, tmp_path / "linked"):
        assert "command" in find(tmp_path, environment=str(place), path=str(place))
        assert "problem" in find(tmp_path, environment=str(place), path=str(place), forbidden=[str(folder)])
        configured = str(place / "redraft")
        assert "not trusted" in find(tmp_path, configured=configured, forbidden=[str(folder)])["problem"]
    outside = installed(tmp_path / "ws-2")
    assert "command" in find(tmp_path, environment=str(outside.parent), forbidden=[str(folder)])


@pytest.mark.parametrize(
    ("beside", "started"),
    [
        (["python.exe", "redraft-python.exe"], ["python.exe", "-I", "-m", "lsp_server", "lsp"]),
        (["redraft-python.exe"], ["redraft-python.exe", "lsp"]),
    ],
)
def test_on_windows_no_batch_file_is_started(tmp_path: Path, beside: list[str], started: list[str]) -> None:
    """In an environment Python lies beside the command, in the folder Scripts of Python itself it does not."""
    folder = installed(tmp_path / "Scripts").parent
    for name in ("redraft.cmd", *beside):
        (folder / name).touch(0o755)
    command = [str(folder / started[0]), *started[1:]]
    named = [{"configured": str(folder / name)} for name in ("redraft.cmd", "redraft")]
    for where in ({"environment": str(folder)}, {"path": str(folder)}, *named):
        found = find(tmp_path, "win32", **where)
        assert [found["command"], *found["args"]] == command


def test_nowhere(tmp_path: Path) -> None:
    assert "Install redraft" in find(tmp_path, path="/nowhere")["problem"]
