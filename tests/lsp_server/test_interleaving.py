"""Everything at once: whatever an editor sends while the model is busy, each request has one answer. It is the one of a
new server for the text that it was sent for, or nothing where something newer has taken its place."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator, Awaitable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from lsprotocol import types
from pygls.exceptions import JsonRpcException, JsonRpcRequestCancelled

from infill.complete import Completer, Preferences
from infill.document import Snapshot
from infill.local import LocalFiller
from lsp_server.scripted import open_scripted
from lsp_server.server import build
from tests.lsp_server.conftest import Editor, ghost_text_client

RULES = {
    "total = ": "price * quantity",
    "name = ": "first + last",
    "area = ": "width * height",
    "done = ": "is_ready()",
}
URIS = ("file:///w/one.py", "file:///w/two.py")
NO_HURRY = Preferences(deadline=None)
EVENTS = (*["type"] * 3, *["ask"] * 4, "cancel", "erase", "open", "close", "configure", *["pause"] * 3)


def model(path: Path, seconds: float = 0.0) -> LocalFiller:
    rules = [{"after": after, "write": write} for after, write in RULES.items()]
    path.write_text(json.dumps({"rules": rules, "seconds": seconds, "probability": 0.97}))
    return open_scripted(str(path))


@pytest_asyncio.fixture
async def fresh(tmp_path: Path) -> AsyncIterator[LocalFiller]:
    filler = model(tmp_path / "fresh.json")
    yield filler
    filler.close()


@dataclass
class File:
    """An open document, its cursor at a line's end. asked: the id of the last request."""

    version: int
    lines: list[str]
    line: int = 0
    asked: str = ""

    @property
    def cursor(self) -> int:
        return sum(len(line) + 1 for line in self.lines[: self.line]) + len(self.lines[self.line])


@dataclass
class User:
    """Somebody who does anything at any time. news: events after which an older request may stay without an answer."""

    editor: Editor
    dice: random.Random
    fresh: LocalFiller
    files: dict[str, File] = field(default_factory=dict)
    answers: list[asyncio.Task[bool]] = field(default_factory=list)
    cancelled: set[str] = field(default_factory=set)
    settings: Mapping[str, Any] = field(default_factory=lambda: {"enable": True})
    news: int = 0

    async def does(self, what: str) -> None:
        uri = self.dice.choice(URIS)
        file = self.files.get(uri)
        self.news += what != "pause"
        match what, file:
            case "pause", _:
                await asyncio.sleep(self.dice.choice([0, 0.005, 0.03]))
            case "configure", _:
                self.configure(enable=self.dice.random() < 0.7, trigger=self.dice.choice(["auto", "auto", "manual"]))
            case "open", None:
                self.files[uri] = File(1, [self.dice.choice([*RULES]) for _ in range(4)])
                self.editor.open("\n".join(self.files[uri].lines), uri=uri)
            case "close", File():
                document = types.TextDocumentIdentifier(uri)
                self.editor.client.text_document_did_close(types.DidCloseTextDocumentParams(document))
                del self.files[uri]
            case "type" | "erase", File():
                self.changes(uri, file, "" if what == "erase" else self.key(file.lines[file.line]))
            case "ask", File():
                file.asked = f"request {len(self.answers)}"
                self.answers.append(asyncio.create_task(self.asks(uri, file, self.dice.random() < 0.2)))
                await asyncio.sleep(0)
            case "cancel", File():
                self.cancelled.add(file.asked)
                self.editor.client.cancel_request(types.CancelParams(id=file.asked))

    def key(self, line: str) -> str:
        """A beginning of what the model would write, or something else."""
        rest = next((write[len(line) - len(after) :] for after, write in RULES.items() if line.startswith(after)), "")
        return rest[: self.dice.randrange(1, 5)] if rest and self.dice.random() < 0.8 else "z"

    def changes(self, uri: str, file: File, text: str) -> None:
        """A text at the cursor, or its last letter taken away."""
        line, end = file.lines[file.line], len(file.lines[file.line])
        start = end if text else max(0, end - 1)
        place = types.Range(types.Position(file.line, start), types.Position(file.line, end))
        file.version += 1
        file.lines[file.line] = line[:start] + text
        self.editor.change(file.version, types.TextDocumentContentChangePartial(place, text), uri=uri)
        file.line = self.dice.choice([file.line, file.line, self.dice.randrange(4)])

    def configure(self, **settings: Any) -> None:
        self.settings = settings
        told = types.DidChangeConfigurationParams({"redraft": {"deadlineMs": 0, **settings}})
        self.editor.client.workspace_did_change_configuration(told)

    async def asks(self, uri: str, file: File, invoked: bool) -> bool:
        """Whether there was a proposal, the right one."""
        wanted = self.settings["enable"] and (invoked or self.settings.get("trigger") != "manual")
        number, snapshot = file.asked, Snapshot.open(uri, file.version, "python", "\n".join(file.lines))
        cursor, known = file.cursor, self.news
        kind = types.InlineCompletionTriggerKind
        params = types.InlineCompletionParams(
            types.InlineCompletionContext(kind.Invoked if invoked else kind.Automatic),
            types.TextDocumentIdentifier(uri),
            types.Position(file.line, len(file.lines[file.line])),
        )
        answer: Awaitable[Any] = self.editor.ask(types.TEXT_DOCUMENT_INLINE_COMPLETION, params, number)
        try:
            said = [item.insert_text for item in (await answer).items]
        except JsonRpcException as refused:
            assert refused.code == JsonRpcRequestCancelled.CODE
            assert number in self.cancelled
            return False
        untouched = known == self.news
        new = Completer(self.fresh)
        found = (await new.complete(snapshot, cursor, invoked=invoked, preferences=NO_HURRY)).suggestions
        right = [one.text for one in found[: 3 if invoked else 1]] if wanted else []
        assert said == right or (not said and not untouched), snapshot.text
        return bool(said)


@pytest.mark.parametrize("leaves", [False, True])
@pytest.mark.parametrize("seed", range(3))
async def test_an_answer_is_a_new_servers_or_none(tmp_path: Path, fresh: LocalFiller, seed: int, leaves: bool) -> None:
    dice, engines = random.Random(seed), list[LocalFiller]()

    def load(_settings: object) -> Completer:
        engines.append(model(tmp_path / "slow.json", seconds=0.002))
        return Completer(engines[0])

    editor = Editor()
    await editor.connect(build(load))
    session = editor.server.session
    session.ahead.READING = dice.choice([0.0, 0.01])
    able = ghost_text_client()
    assert able.workspace is not None
    able.workspace.configuration = False
    await editor.initialize(able)
    user = User(editor, dice, fresh)
    user.configure(enable=True)
    await user.does("open")
    for _ in range(80):
        await user.does(dice.choice(EVENTS))
    user.configure(enable=True)
    if leaves:  # in the middle of it, and who waits is told
        user.cancelled |= {f"request {n}" for n in range(len(user.answers))}
    else:
        await asyncio.gather(*user.answers)
        for uri, file in user.files.items():
            file.lines.append("total = ")
            file.line, file.version = len(file.lines) - 1, file.version + 1
            editor.replace(file.version, "\n".join(file.lines), uri=uri)
            file.asked = uri
            assert await user.asks(uri, file, invoked=False)
        assert not session.work._newest and not session.work._allowed
    await editor.stop()
    await asyncio.gather(*user.answers)
    assert not engines[0].engine._scheduler._thread.is_alive()
