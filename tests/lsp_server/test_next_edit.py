"""What follows from a renaming by hand: as the next edit, and as a quick fix of any client."""

from __future__ import annotations

from typing import Any

import pytest
from lsprotocol import types
from lsprotocol.types import Position, Range
from pygls.exceptions import JsonRpcException

from infill.document import Snapshot
from infill.edits import Edit, apply
from lsp_server import positions
from lsp_server.features.inline_edit import METHOD
from tests.lsp_server.conftest import URI, Editor, ghost_text_client, plain
from tests.lsp_server.test_code_action import applied

TEXT = "s = '😀'\r\ndef f(count, rows):\r\n    '😀'; count += 1\r\n    return count\r\n"
NOW = TEXT.replace("count", "total", 1)
DONE = TEXT.replace("count", "total")
NAME = Range(Position(1, 6), Position(1, 11))
EVERYWHERE = Range(Position(0, 0), Position(4, 0))


def rename(editor: Editor, version: int = 2, uri: str = URI) -> None:
    """As somebody types who has selected the name."""
    editor.change(version, types.TextDocumentContentChangePartial(NAME, "t"), uri=uri)
    editor.type(version + 1, 1, 7, "otal", uri=uri)


async def edits(editor: Editor, version: int | None = 3, uri: str = URI, kind: int = 2) -> list[Any]:
    document: dict[str, Any] = {"uri": uri} | ({} if version is None else {"version": version})
    asked = {"textDocument": document, "position": {"line": 1, "character": 11}, "context": {"triggerKind": kind}}
    return list(plain(await editor.ask(METHOD, asked, typed=False))["edits"])


def edit(text: str, where: dict[str, Any], new: str) -> Edit:
    ends = (Position(**where[end]) for end in ("start", "end"))
    return Edit(*positions.to_span(Snapshot.open(URI, 1, "python", text), Range(*ends), "utf-16"), new)


async def test_the_uses_of_a_renamed_parameter_are_one_edit_and_its_parts(ready: Editor) -> None:
    ready.open(TEXT)
    assert await edits(ready, 1) == []
    rename(ready)
    (one,) = await edits(ready)
    assert one["textDocument"] == {"uri": URI, "version": 3}
    assert apply(NOW, [edit(NOW, one["range"], one["text"])]) == DONE
    assert apply(NOW, [edit(NOW, part["range"], part["newText"]) for part in one["changes"]]) == DONE
    assert [part["range"]["start"] for part in one["changes"]] == [
        {"line": 2, "character": 10},
        {"line": 3, "character": 11},
    ]
    taken = types.ExecuteCommandParams(command=one["command"]["command"], arguments=one["command"]["arguments"])
    await ready.client.workspace_execute_command_async(taken)
    ready.replace(4, DONE)
    assert await edits(ready, 4) == []
    assert await ready.calls() == {}, "no model is asked"


async def test_an_answer_is_of_the_version_that_is_asked_about(ready: Editor) -> None:
    ready.open(TEXT)
    rename(ready)
    assert await edits(ready, 2) == []
    assert await edits(ready, 4) == []
    assert len(await edits(ready, None)) == 1


async def test_it_is_offered_as_a_quick_fix_on_the_lines_that_it_is_about(ready: Editor) -> None:
    ready.open(TEXT)
    rename(ready)
    for line, is_offered in enumerate((False, True, True, True, False)):
        at = Range(Position(line, 0), Position(line, 0))
        assert [one.title for one in await ready.actions(at)] == ["redraft: rename 2 more count to total"] * is_offered
    (action,) = await ready.actions(NAME, only=["quickfix"])
    assert (action.kind, action.diagnostics, action.data) == ("quickfix", None, None)
    assert action.edit.document_changes[0].text_document.version == 3
    assert applied(NOW, action.edit) == DONE
    assert await ready.actions(Range(Position(1, 0), Position(1, 0)), only=["refactor"]) == []


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-32"])
async def test_columns_are_counted_as_the_client_does(editor: Editor, encoding: positions.Encoding) -> None:
    await editor.initialize(ghost_text_client(encodings=[types.PositionEncodingKind(encoding)]))
    editor.open(TEXT)
    rename(editor)
    (one,) = await edits(editor)
    column = len("    '😀'; ".encode({"utf-8": "utf-8", "utf-16": "utf-16-le", "utf-32": "utf-32-le"}[encoding]))
    assert one["range"]["start"]["character"] == column // {"utf-8": 1, "utf-16": 2, "utf-32": 4}[encoding]


@pytest.mark.parametrize("options", [{"nextEdit": {"enable": False}}, {"enable": False}, {"enable": {"python": False}}])
async def test_it_can_be_switched_off(editor: Editor, options: dict[str, Any]) -> None:
    await editor.initialize(options=options)
    editor.open(TEXT)
    rename(editor)
    assert await edits(editor) == []
    assert [one.title for one in await editor.actions(EVERYWHERE) if "rename" in one.title] == []


async def test_where_proposals_come_by_hand_alone_what_is_known_to_follow_still_comes(editor: Editor) -> None:
    """No editor's plugin tells which request was made by hand."""
    await editor.initialize(options={"trigger": "manual"})
    editor.open(TEXT)
    rename(editor)
    assert [len(await edits(editor, kind=kind)) for kind in (2, 1)] == [1, 1]
    assert await editor.calls() == {}


async def test_without_quick_fixes_there_still_are_next_edits(editor: Editor) -> None:
    await editor.initialize(options={"fix": {"enable": False}})
    editor.open(TEXT)
    rename(editor)
    assert await editor.actions(EVERYWHERE) == []
    assert len(await edits(editor)) == 1


@pytest.mark.parametrize(
    ("uri", "first"),
    [("file:///w/.env", "s = '😀'"), ("file:///w/vendor/a.py", "s = '😀'"), (URI, "# @generated")],
)
async def test_of_files_that_are_none_of_its_business_nothing_follows(ready: Editor, uri: str, first: str) -> None:
    ready.open(TEXT.replace("s = '😀'", first), uri=uri)
    rename(ready, uri=uri)
    assert await edits(ready, 3, uri) == []
    at = Range(Position(1, 0), Position(1, 0))
    assert await ready.actions(at, uri=uri) == []


@pytest.mark.parametrize(
    "params",
    [
        {},
        [],
        None,
        {"textDocument": {"uri": URI}},
        {"textDocument": URI, "position": {"line": 0, "character": 0}},
        {"textDocument": {"uri": URI}, "position": {"line": -1, "character": 0}},
        {"textDocument": {"uri": URI}, "position": {"line": "0", "character": 0}},
    ],
)
async def test_what_cannot_be_read_is_refused_in_one_sentence(ready: Editor, params: Any) -> None:
    ready.open(TEXT)
    with pytest.raises(JsonRpcException, match="takes a `textDocument` with its `uri`, and a `position`"):
        await ready.ask(METHOD, params, typed=False)
    rename(ready)
    assert len(await edits(ready)) == 1


async def test_a_document_that_is_not_open_has_none(ready: Editor) -> None:
    assert await edits(ready, 1, "file:///w/unknown.py") == []


ROWS, REPORT = "file:///w/rows.py", "file:///w/report.py"
TAKES = "from rows import count\n\n\ndef f(x):\n    return count(x)\n"
BROUGHT = Range(Position(0, 4), Position(0, 9))


def rename_there(editor: Editor, uri: str = ROWS) -> None:
    editor.open("def count(rows):\n    return len(rows)\n", uri=uri)
    editor.open(TAKES, uri=REPORT)
    editor.change(2, types.TextDocumentContentChangePartial(BROUGHT, "total"), uri=uri)


def close(editor: Editor, uri: str) -> None:
    editor.client.text_document_did_close(types.DidCloseTextDocumentParams(types.TextDocumentIdentifier(uri)))


async def test_a_renaming_goes_on_in_another_open_document_that_imports_the_name(ready: Editor) -> None:
    rename_there(ready)
    (action,) = await ready.actions(Range(Position(4, 11), Position(4, 11)), uri=REPORT)
    assert action.title == "redraft: rename 2 more count to total"
    assert applied(TAKES, action.edit) == TAKES.replace("count", "total")
    assert await ready.actions(Range(Position(3, 0), Position(3, 0)), uri=REPORT) == []
    now = TAKES
    for version in (1, 2):  # what is behind the cursor comes first, then what is above it
        (one,) = await edits(ready, version, REPORT)
        assert one["textDocument"] == {"uri": REPORT, "version": version}
        now = apply(now, [edit(now, part["range"], part["newText"]) for part in one["changes"]])
        ready.replace(version + 1, now, uri=REPORT)
    assert now == TAKES.replace("count", "total")
    assert await edits(ready, 3, REPORT) == []


async def test_put_back_there_or_refused_here_nothing_follows(ready: Editor) -> None:
    rename_there(ready)
    places = [Range(Position(line, at), Position(line, at + 5)) for line, at in ((4, 11), (0, 17))]
    for version, name in ((2, "total"), (3, "count")):
        made = (types.TextDocumentContentChangePartial(place, name) for place in places)
        assert len(await edits(ready, version - 1, REPORT)) == (version == 2)
        ready.change(version, *made, uri=REPORT)
    assert await edits(ready, 3, REPORT) == [], "undone here"
    close(ready, REPORT)
    ready.open(TAKES, uri=REPORT)
    assert len(await edits(ready, 1, REPORT)) == 1
    ready.change(3, types.TextDocumentContentChangePartial(BROUGHT, "count"), uri=ROWS)
    assert await edits(ready, 1, REPORT) == [], "undone there"


async def test_what_may_not_be_read_or_is_closed_is_not_looked_at(ready: Editor) -> None:
    rename_there(ready, "file:///w/vendor/rows.py")
    ready.replace(2, TAKES.replace("from rows", "from vendor.rows"), uri=REPORT)
    assert await edits(ready, 2, REPORT) == []
    close(ready, REPORT)
    rename_there(ready)
    close(ready, ROWS)
    assert await edits(ready, 1, REPORT) == []
