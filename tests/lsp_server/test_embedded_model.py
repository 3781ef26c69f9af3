"""The whole path with the model that comes with redraft: the installed command, a real file, one process for all."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from lsprotocol import types
from lsprotocol.types import Position, Range

from tests.lsp_server.conftest import Editor, ghost_text_client, plain

pytestmark = pytest.mark.asyncio(loop_scope="module")

REDRAFT = Path(sys.executable).parent / "redraft"
CODE = """import math


def area(radius):
    return math.pi * radius ** 2


def volume(radius, height):
    return area(""".replace("\n", "\r\n")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def whole() -> AsyncIterator[Editor]:
    editor = Editor()
    await editor.client.start_io(str(REDRAFT), "lsp")
    await editor.initialize(ghost_text_client(), {"trace": True, "deadlineMs": 0}, ready=False)
    await editor.until(lambda: editor.statuses[-1:] == ["ready"], seconds=60)
    yield editor
    await editor.client.shutdown_session()
    await editor.client.stop()


async def test_ghost_text_comes_and_typing_through_it_asks_no_model(whole: Editor) -> None:
    whole.open(CODE)
    (item,) = (await whole.ghost(8, 16)).items
    assert isinstance(item.insert_text, str)
    assert item.insert_text.strip()
    assert item.range == Range(Position(8, 16), Position(8, 16))
    whole.type(2, 8, 16, item.insert_text[0])
    (rest,) = (await whole.ghost(8, 17)).items
    assert rest.insert_text == item.insert_text[1:]
    assert whole.log[-1].message.endswith("(no model call)")


async def test_the_last_trace_shows_the_steps_of_what_the_model_wrote(whole: Editor) -> None:
    told = plain(await whole.ask("redraft/lastTrace", {}))
    assert "slot filled" in told["html"]
    assert "<script" not in told["html"]
    assert "def volume(radius, height):" in told["text"]
    assert "forwards" in told["text"].splitlines()[-1]


async def test_what_was_asked_a_moment_ago_costs_nothing_and_still_has_a_trace(whole: Editor) -> None:
    whole.open(CODE.replace("volume", "surface"), uri="file:///w/again.py")
    first, again = [await whole.ghost(8, 16, uri="file:///w/again.py", invoked=True) for _ in range(2)]
    assert [item.insert_text for item in again.items] == [item.insert_text for item in first.items] != []
    assert whole.log[-1].message.endswith("(no model call)")
    told = plain(await whole.ask("redraft/lastTrace", {}))
    assert "likeliest, remembered" in told["html"] and "surface" in told["html"]


async def test_fill_gives_the_text_between(whole: Editor) -> None:
    asked = {"prefix": "def add(a, b):\n    return ", "suffix": "\n\nprint(add(1, 2))\n", "maxTokens": 8}
    told = plain(await whole.ask("redraft/fill", {**asked, "language": "python"}))
    assert told["text"].strip()
    assert told["forwards"] > 0


async def test_a_click_on_a_fix_is_answered_by_an_edit_or_by_a_sentence(whole: Editor) -> None:
    uri = "file:///w/broken.py"
    whole.open(CODE.replace("math.pi", "maht.pi"), uri=uri)
    word = Range(Position(4, 11), Position(4, 15))
    (offer, _) = await whole.actions(word, "Undefined name `maht`", uri=uri)
    async with asyncio.timeout(10):
        action = await whole.client.code_action_resolve_async(offer)
    assert (action.edit is not None) != bool(whole.messages)


async def test_a_folder_that_lies_in_a_vendored_one_is_worked_in(whole: Editor) -> None:
    """What is vendored is so relative to what is opened."""
    added = types.WorkspaceFoldersChangeEvent([types.WorkspaceFolder("file:///v/vendor/app", "app")], [])
    whole.client.workspace_did_change_workspace_folders(types.DidChangeWorkspaceFoldersParams(added))
    for uri, shown in (("file:///v/vendor/app/a.py", 1), ("file:///v/vendor/app/vendor/a.py", 0)):
        whole.open(CODE, uri=uri)
        assert len((await whole.ghost(8, 16, uri=uri)).items) == shown


async def test_secrets_are_not_read(whole: Editor) -> None:
    whole.open("KEY = ", uri="file:///w/.env", language="python")
    asked = len(whole.log)
    assert not (await whole.ghost(0, 6, uri="file:///w/.env", invoked=True)).items
    assert len(whole.log) == asked


async def test_a_change_made_twice_is_proposed_a_third_time_where_the_model_agrees(whole: Editor) -> None:
    uri, names = "file:///w/types.py", ("first", "second", "third")
    code = "".join(f"def {name}(names: List[str]) -> str: ...\n\n\n" for name in names)
    whole.open(code, uri=uri)
    asked = {"textDocument": {"uri": uri}, "position": {"line": 3, "character": 0}}
    assert plain(await whole.ask("textDocument/copilotInlineEdit", asked, typed=False)) == {"edits": []}
    for version, (line, name) in enumerate(((0, "first"), (3, "second")), 2):
        at = len(f"def {name}(names: ")
        where = Range(Position(line, at), Position(line, at + 4))
        whole.change(version, types.TextDocumentContentChangePartial(where, "Sequence"), uri=uri)
    (edit,) = plain(await whole.ask("textDocument/copilotInlineEdit", asked, typed=False))["edits"]
    assert edit["text"] == "Sequence"
    at = len("def third(names: ")
    assert edit["range"] == {"start": {"line": 6, "character": at}, "end": {"line": 6, "character": at + 4}}
    assert whole.log[-1].message.startswith("next edit w/types.py v3: answered, ")
