"""The table of ARCHITECTURE.md, read from the imports themselves."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
OURS = ("engine", "infill", "lsp_server", "training", "benchmarks")

MAY_IMPORT = {
    "engine": set(),
    "infill": {"engine"},
    "lsp_server": {"infill", "engine"},
    "training": {"engine", "infill", "benchmarks"},
    "benchmarks": {"engine", "infill"},
}
ENGINE_DOORS = {"lsp_server/compose.py", "lsp_server/scripted.py", "lsp_server/settings.py"}
"""The only modules of lsp_server that know the engine."""

HOMES = {
    "onnxruntime": {"engine", "benchmarks"},
    "torch": {"engine", "training"},
    "transformers": {"engine"},
    "safetensors": {"engine", "training"},
    "tokenizers": {"engine", "training"},
    "tree_sitter": {"infill"},
    "httpx": {"infill", "benchmarks"},
    "keyring": {"lsp_server"},
    "pygls": {"lsp_server", "benchmarks"},
    "lsprotocol": {"lsp_server", "benchmarks"},
    "starlette": {"lsp_server"},
    "uvicorn": {"lsp_server"},
    "msgspec": {"lsp_server"},
    "prometheus_client": {"lsp_server"},
    "platformdirs": {"lsp_server"},
    "sqlite3": {"lsp_server"},
    "matplotlib": {"benchmarks", "training"},
}
"""Third-party packages and who may import them. Training makes models; benchmarks are a client of the server and
time the bare runtime beside ours."""

HEAVY = {"torch", "transformers", "onnxruntime", "tokenizers", "tree_sitter", "numpy", "pygls", "httpx2", "keyring"}


def modules(package: str) -> list[Path]:
    return [path for path in (ROOT / package).rglob("*.py") if "data" not in path.relative_to(ROOT).parts]


def imported(path: Path) -> Iterator[tuple[str, int]]:
    """Every module a file imports, wherever in it, with the line. Relative imports name the file's own package."""
    own = path.relative_to(ROOT).parts[0]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield (own if node.level else node.module or ""), node.lineno


@pytest.mark.parametrize("package", OURS)
def test_a_package_imports_only_what_stands_below_it(package: str) -> None:
    files = modules(package)
    assert files, f"{package} has no modules"
    allowed = MAY_IMPORT[package] | {package}
    wrong = [
        f"{path.relative_to(ROOT)}:{line} imports {name}"
        for path in files
        for name, line in imported(path)
        if (top := name.partition(".")[0]) in OURS and top not in allowed
    ]
    assert not wrong, wrong


def test_only_the_composition_root_and_the_settings_know_the_engine() -> None:
    wrong = [
        f"{path.relative_to(ROOT)}:{line}"
        for path in modules("lsp_server")
        for name, line in imported(path)
        if name.partition(".")[0] == "engine" and path.relative_to(ROOT).as_posix() not in ENGINE_DOORS
    ]
    assert not wrong, wrong


@pytest.mark.parametrize("library", HOMES)
def test_a_library_has_one_home(library: str) -> None:
    wrong = [
        f"{path.relative_to(ROOT)}:{line}"
        for package in OURS
        if package not in HOMES[library]
        for path in modules(package)
        for name, line in imported(path)
        if name.partition(".")[0].startswith(library)
    ]
    assert not wrong, wrong


def test_pickle_is_nowhere() -> None:
    wrong = [
        f"{path.relative_to(ROOT)}:{line} imports {name}"
        for package in OURS
        for path in modules(package)
        for name, line in imported(path)
        if name.partition(".")[0] in {"pickle", "marshal", "shelve", "dill", "cloudpickle"}
    ]
    assert not wrong, wrong


def test_the_http_client_has_one_file() -> None:
    knows = {
        path.relative_to(ROOT).as_posix()
        for path in modules("infill")
        for name, _ in imported(path)
        if name.partition(".")[0] == "httpx2"
    }
    assert knows == {"infill/remote.py"}


def test_the_whole_of_lsp_server_imports_without_torch_nor_a_client() -> None:
    """Every module of the package, in a process of its own."""
    names = sorted(
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for path in modules("lsp_server")
    )
    program = (
        f"import importlib, sys\nfor name in {names!r}: importlib.import_module(name)\n"
        "print(*sorted({'torch', 'transformers', 'onnxruntime', 'httpx2', 'keyring'} & sys.modules.keys()))"
    )
    ran = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ran.stdout.split() == []


def test_importing_the_package_costs_nothing() -> None:
    program = f"import sys, lsp_server\nprint(*sorted(set({sorted(HEAVY)!r}) & sys.modules.keys()))"
    ran = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ran.stdout.split() == []


def test_a_language_server_is_there_before_what_only_requests_need() -> None:
    """`initialize` is answered meanwhile, and what starts threads starts them once the process has stepped back."""
    program = (
        "import sys, lsp_server.server\nprint(*sorted({'numpy', 'tree_sitter', 'tokenizers'} & sys.modules.keys()))"
    )
    ran = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ran.stdout.split() == []


def test_the_command_line_answers_version_without_a_model() -> None:
    program = (
        "import sys\nfrom lsp_server import cli\n"
        "try: cli.run(['--version'])\nexcept SystemExit: pass\n"
        f"print(*sorted(set({sorted(HEAVY)!r}) & sys.modules.keys()))"
    )
    ran = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    version, loaded = ran.stdout.splitlines()
    assert version.startswith("redraft")
    assert loaded.split() == []
