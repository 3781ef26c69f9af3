"""Ghost text and menu items, through a real client."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import threading
import weakref
from pathlib import Path
from typing import Any

import pytest
from lsprotocol import types
from pygls.exceptions import JsonRpcException

from infill.complete import Completer
from infill.document import Snapshot
from lsp_server import access
from lsp_server.scripted import open_scripted
from lsp_server.server import build
from tests.lsp_server.conftest import URI, Editor, ghost_text_client, menu_client, plain

ADD = {"write": {"def ": ["add(a, b):\n    return a + b", "sub(a, b):", "mul(a, b):", "div(a, b):"]}}


def texts(answer: types.InlineCompletionList) -> list[Any]:
    return [item.insert_text for item in answer.items]


@pytest.fixture
def script() -> dict[str, Any]:
    return ADD


async def test_the_server_says_what_it_can_do(editor: Editor) -> None:
    await editor.initialize()
    able = editor.capabilities
    assert able.inline_completion_provider is not None
    assert isinstance(able.text_document_sync, types.TextDocumentSyncOptions)
    assert able.text_document_sync.open_close
    assert able.text_document_sync.change == types.TextDocumentSyncKind.Incremental
    assert isinstance(able.code_action_provider, types.CodeActionOptions)
    assert able.code_action_provider.resolve_provider
    assert able.code_action_provider.code_action_kinds == ("quickfix", "refactor.rewrite")
    assert able.execute_command_provider is not None
    assert set(able.execute_command_provider.commands) == {"redraft.fix", "redraft.didAccept"}
    assert able.position_encoding == "utf-16"
    assert able.notebook_document_sync is None
    assert able.completion_provider is None, "a client with ghost text would see everything twice"


async def test_automatic_gives_one_item_with_an_explicit_range_ending_at_the_cursor(ready: Editor) -> None:
    ready.open("x = 1\r\ndef \r\n")
    answer = await ready.ghost(1, 4)
    assert texts(answer) == ["add(a, b):\n    return a + b"]
    at = types.Position(1, 4)
    assert answer.items[0].range == types.Range(at, at)
    assert answer.items[0].command is not None
    assert answer.items[0].command.command == "redraft.didAccept"


async def test_invoked_gives_up_to_three_distinct_items(ready: Editor) -> None:
    ready.open("def \n")
    answer = await ready.ghost(0, 4, invoked=True)
    assert len(set(map(str, texts(answer)))) == len(answer.items) == 3
    ids = [item.command.arguments for item in answer.items if item.command]
    assert len({str(one) for one in ids}) == 3


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-32"])
async def test_columns_are_counted_in_the_negotiated_encoding(editor: Editor, encoding: str) -> None:
    await editor.initialize(ghost_text_client(encodings=[encoding]))
    assert editor.capabilities.position_encoding == encoding
    before = "s = '😀語' ; def "
    editor.open(before)
    width = {"utf-8": len(before.encode()), "utf-16": len(before.encode("utf-16-le")) // 2, "utf-32": len(before)}
    answer = await editor.ghost(0, width[encoding])
    assert len(answer.items) == 1
    assert answer.items[0].range == types.Range(*[types.Position(0, width[encoding])] * 2)
    assert not (await editor.ghost(0, width[encoding] - 1)).items


@pytest.mark.parametrize(
    ("options", "level"),
    [
        ({"tabSize": 2, "insertSpaces": True}, "  "),
        ({"tabSize": 8, "insertSpaces": False}, "\t"),
        ({"tabSize": 2.0, "insertSpaces": True}, "  "),
        *[(wrong, "") for wrong in (None, {}, [], "2", {"tabSize": 2}, {"tabSize": "2", "insertSpaces": True})],
        ({"insertSpaces": False}, ""),  # of what is in no editor that can be asked
        ({"tabSize": 0, "insertSpaces": True}, ""),
        ({"tabSize": 2**40, "insertSpaces": True}, ""),
    ],
)
async def test_what_the_editor_indents_by_is_heard(ready: Editor, options: Any, level: str) -> None:
    ready.open("def ")
    answer = await ready.ask(types.TEXT_DOCUMENT_INLINE_COMPLETION, {**raw_params(2), "formattingOptions": options})
    assert len(answer.items) == 1
    heard = [bytes.fromhex(call[6:]).decode() for call in await ready.calls() if call.startswith("level_")]
    assert heard == [level] * bool(level)


async def test_edits_are_seen_before_the_request_that_follows_them(ready: Editor) -> None:
    ready.open("\x0c\u2028x = 1\n")
    ready.type(2, 1, 0, "def ")
    assert len((await ready.ghost(1, 4)).items) == 1
    ready.replace(3, "class ")
    assert not (await ready.ghost(0, 6)).items
    ready.replace(4, "a\rdef ")
    assert len((await ready.ghost(1, 4)).items) == 1


@pytest.mark.parametrize(
    "uri", ["untitled:Untitled-1", "vscode-notebook-cell:/w/n.ipynb#W0sZmlsZQ%3D%3D", "zipfile:///a"]
)
async def test_any_uri_scheme_is_a_document(ready: Editor, uri: str) -> None:
    ready.open("def ", uri=uri)
    assert len((await ready.ghost(0, 4, uri=uri)).items) == 1


@pytest.mark.parametrize(("kind", "items"), [(0, 3), (1, 3), (2, 1), (7, 1), (None, 1)])
async def test_every_trigger_kind_is_answered(ready: Editor, kind: int | None, items: int) -> None:
    ready.open("def ")
    answer = await ready.ask(types.TEXT_DOCUMENT_INLINE_COMPLETION, raw_params(kind))
    assert len(answer.items) == items


async def test_a_client_that_counts_trigger_kinds_from_zero_is_understood_once_it_shows(ready: Editor) -> None:
    ready.open("def ")
    found = [
        len((await ready.ask(types.TEXT_DOCUMENT_INLINE_COMPLETION, raw_params(kind))).items)
        for kind in (1, 0, 1, 2, 1)
    ]
    assert found == [3, 3, 1, 1, 3]


@pytest.mark.parametrize(
    ("name", "metadata", "kinds", "items"),
    [("Code - OSS", None, (1, 0), [1, 3]), ("Code - OSS", True, (1, 2), [3, 1]), ("Neovim", None, (1, 2), [3, 1])],
    ids=["languageclient 9", "10", "another"],
)
async def test_a_vs_code_that_counts_trigger_kinds_from_zero_is_known_from_the_start(
    editor: Editor, name: str, metadata: bool | None, kinds: tuple[int, ...], items: list[int]
) -> None:
    """Monaco's language client is such a one."""
    capabilities = ghost_text_client()
    edits = types.WorkspaceEditClientCapabilities(metadata_support=metadata)
    capabilities.workspace = types.WorkspaceClientCapabilities(workspace_edit=edits)
    await editor.initialize(capabilities, name=name)
    editor.open("def ")
    answers = [await editor.ask(types.TEXT_DOCUMENT_INLINE_COMPLETION, raw_params(kind)) for kind in kinds]
    assert [len(answer.items) for answer in answers] == items


async def test_a_missing_context_means_automatic(ready: Editor) -> None:
    ready.open("def ")
    params = raw_params(2)
    del params["context"]
    assert len((await ready.ask(types.TEXT_DOCUMENT_INLINE_COMPLETION, params)).items) == 1


def raw_params(kind: int | None, selected: Any = None, character: int = 4) -> dict[str, Any]:
    context = {"triggerKind": kind} | ({"selectedCompletionInfo": selected} if selected is not None else {})
    return {
        "textDocument": {"uri": URI},
        "position": {"line": 0, "character": character},
        "context": context,
    }


AT = {"line": 0, "character": 0}
CURSOR = {"line": 0, "character": 2}


@pytest.mark.parametrize("where", [{"start": AT, "end": CURSOR}, [AT, CURSOR]])
async def test_the_popups_item_is_extended_in_its_own_range(ready: Editor, where: Any) -> None:
    ready.open("de")
    answer = await ready.ask(
        types.TEXT_DOCUMENT_INLINE_COMPLETION, raw_params(2, {"range": where, "text": "def "}, character=2)
    )
    assert texts(answer) == ["def add(a, b):\n    return a + b"]
    assert answer.items[0].range == types.Range(types.Position(0, 0), types.Position(0, 2))


@pytest.mark.parametrize(
    "selected",
    [
        {"range": {"start": AT, "end": AT}, "text": "def "},
        {"range": {"start": AT, "end": CURSOR}, "text": ""},
        {"range": None, "text": "def "},
        {"text": "def "},
        {"range": {"start": AT, "end": CURSOR}},
        "def ",
        [],
    ],
)
async def test_a_popup_item_that_cannot_be_extended_is_as_good_as_none(ready: Editor, selected: Any) -> None:
    ready.open("def ")
    answer = await ready.ask(types.TEXT_DOCUMENT_INLINE_COMPLETION, raw_params(2, selected))
    assert texts(answer) == ["add(a, b):\n    return a + b"]


async def test_other_open_files_are_handed_on(ready: Editor) -> None:
    ready.open("def ")
    ready.open("x = 1", uri="file:///w/other.py")
    await ready.ghost(0, 4)
    assert (await ready.calls())["others_1"] == 1


@pytest.mark.parametrize(
    ("name", "handed"), [("src/cart.py", 1), ("vendor/cart.py", 0), (".env", 0), (".aws/cart.py", 0), ("build/a.py", 0)]
)
async def test_what_is_vendored_or_ignored_is_so_in_the_folder_that_is_open(
    editor: Editor, tmp_path: Path, name: str, handed: int
) -> None:
    top = tmp_path / "vendor" / "app"
    top.mkdir(parents=True)
    (top / ".gitignore").write_text("build/\n")
    await editor.initialize(root=top.as_uri())
    here = (top / "main.py").as_uri()
    editor.open("x = 1", uri=(top / name).as_uri())
    editor.open("def ", uri=here)
    assert (await editor.ghost(0, 4, uri=here)).items
    assert (await editor.calls())[f"others_{handed}"] == 1


@pytest.mark.parametrize(("uri", "settings"), [("file:///w/.env", {}), (URI, {"exclude": ["demo.py"]})])
async def test_denied_files_are_neither_asked_about_nor_handed_on(editor: Editor, uri: str, settings: Any) -> None:
    await editor.initialize(options=settings)
    editor.open("def ", uri=uri)
    assert not (await editor.ghost(0, 4, uri=uri, invoked=True)).items
    editor.open("def ", uri="file:///w/free.py")
    assert (await editor.ghost(0, 4, uri="file:///w/free.py")).items
    assert (await editor.calls()) == {"complete": 1, "others_0": 1, "version_1": 1}


async def test_what_git_ignores_is_denied_in_whatever_folder_is_open_by_then(ready: Editor, tmp_path: Path) -> None:
    (tmp_path / ".gitignore").write_text("build/\n")
    uri = (tmp_path / "build" / "a.py").as_uri()
    ready.open("def ", uri=uri)
    assert (await ready.ghost(0, 4, uri=uri)).items
    added = types.WorkspaceFoldersChangeEvent([types.WorkspaceFolder(tmp_path.as_uri(), "w")], [])
    ready.client.workspace_did_change_workspace_folders(types.DidChangeWorkspaceFoldersParams(added))
    assert not (await ready.ghost(0, 4, uri=uri, invoked=True)).items


async def test_nothing_is_remembered_of_a_document_that_is_closed(editor: Editor, tmp_path: Path) -> None:
    """Neither what git said of it nor what was offered, through which one could type without a pause."""
    await editor.initialize(root=tmp_path.as_uri())
    uri = (tmp_path / "a.py").as_uri()
    editor.open("def ", uri=uri)
    (offered,) = (await editor.ghost(0, 4, uri=uri)).items
    assert isinstance(offered.insert_text, str)
    typed, session = Snapshot.open(uri, 2, "python", "def " + offered.insert_text), editor.server.session
    assert session.offers.typed_through(typed, 6)
    (tmp_path / ".gitignore").write_text("a.py\n")
    editor.client.text_document_did_close(types.DidCloseTextDocumentParams(types.TextDocumentIdentifier(uri)))
    editor.open("def ", uri=uri)
    assert not (await editor.ghost(0, 4, uri=uri)).items
    assert not session.offers.typed_through(typed, 6)


async def test_a_disk_that_does_not_answer_keeps_no_other_file_waiting(
    ready: Editor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One on a network that was left with the lid closed. What lies there is not read meanwhile."""
    back, look = threading.Event(), os.stat

    def late(path: Any, *how: Any, **further: Any) -> os.stat_result:
        assert not str(path).startswith("/gone") or back.wait(10)
        return look(path, *how, **further)

    monkeypatch.setattr(access, "_WAITED", 0.5)
    monkeypatch.setattr(os, "stat", late)
    ready.open("x = 1", uri="file:///gone/other.py")
    ready.open("def ")
    for _ in range(2):
        assert (await ready.ghost(0, 4)).items
    assert not back.is_set() and (await ready.calls())["others_0"] == 2
    filled = plain(await ready.ask("redraft/fill", {"prefix": "x", "suffix": "", "path": "/gone/third.py"}))
    assert filled["reason"] == "it is not known whether it may be read"
    back.set()
    while "others_1" not in await ready.calls():
        await ready.ghost(0, 4)


async def test_without_a_folder_the_files_own_gitignore_counts_and_no_other(
    editor: Editor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not that of the place where the server happens to run."""
    own, other = tmp_path / "own", tmp_path / "other"
    for folder, ignored in ((own, "mine.py\n"), (other, "*\n")):
        (folder / ".git").mkdir(parents=True)
        (folder / ".gitignore").write_text(ignored)
    (own / "src").mkdir()
    monkeypatch.chdir(other)
    await editor.initialize(root=None)
    for uri, items in ((URI, 1), ((own / "src" / "mine.py").as_uri(), 0), ((own / "src" / "a.py").as_uri(), 1)):
        editor.open("def ", uri=uri)
        assert len((await editor.ghost(0, 4, uri=uri)).items) == items, uri


async def test_the_last_trace_is_empty_until_the_model_was_asked_and_stays_when_it_is_not(ready: Editor) -> None:
    assert plain(await ready.ask("redraft/lastTrace", {})) == {"html": "", "text": ""}
    ready.open("def ")
    await ready.ghost(0, 4)
    told = plain(await ready.ask("redraft/lastTrace", None))
    assert "def add(a, b):" in told["text"]
    assert "<mark>add(a, b):" in told["html"]
    ready.open("KEY = ", uri="file:///w/.env")
    await ready.ghost(0, 6, uri="file:///w/.env", invoked=True)
    assert plain(await ready.ask("redraft/lastTrace", {})) == told


async def test_an_answer_from_memory_comes_in_time_as_well_and_has_a_trace(ready: Editor) -> None:
    session = ready.server.session
    for remembered in (False, True):
        session.model.completer.script["remembered"] = remembered  # type: ignore[union-attr]
        session.rhythm.outran(typist=True)
        for now in (1.0, 1.1):
            session.rhythm.key(now)
        assert session.rhythm.pause(1.1, 0, answer_ms=1) > 0
        ready.open("def ", uri=f"file:///w/{remembered}.py")
        await ready.ghost(0, 4, uri=f"file:///w/{remembered}.py")
        assert session.rhythm.pause(1.1, 0, answer_ms=1) == 0
        assert f"{remembered}.py" in plain(await ready.ask("redraft/lastTrace", {}))["html"]


async def test_accepting_is_a_command_that_always_succeeds(ready: Editor) -> None:
    ready.open("def ")
    command = (await ready.ghost(0, 4)).items[0].command
    assert command is not None
    for arguments in (command.arguments, command.arguments, ["unknown"], [], None):
        params = types.ExecuteCommandParams(command="redraft.didAccept", arguments=arguments)
        assert await ready.client.workspace_execute_command_async(params) is None


# ---- newest wins, stale answers, cancelling


class TestWhileTheModelThinks:
    @pytest.fixture
    def script(self) -> dict[str, Any]:
        return {**ADD, "seconds": 0.4}

    async def test_a_newer_request_takes_the_older_ones_place(self, ready: Editor) -> None:
        """Neovim sends no cancel for requests it has no use for any more."""
        ready.open("def ")
        older = [ready.ghost(0, 4), ready.ghost(0, 4)]
        newest = ready.ghost(0, 4)
        assert len((await newest).items) == 1
        assert not any([(await one).items for one in older])
        calls = await ready.calls()
        assert calls.get("cancelled", 0) == calls["complete"] - 1

    async def test_two_files_do_not_disturb_each_other(self, ready: Editor) -> None:
        ready.open("def ")
        ready.open("def ", uri="file:///w/b.py")
        one, other = ready.ghost(0, 4), ready.ghost(0, 4, uri="file:///w/b.py")
        assert (len((await one).items), len((await other).items)) == (1, 1)

    async def test_typing_on_empties_what_was_asked_before(self, ready: Editor) -> None:
        ready.open("def ")
        stale = ready.ghost(0, 4)
        await ready.asked("complete")
        ready.type(2, 0, 4, "f")
        assert not (await stale).items
        assert (await ready.calls())["cancelled"] == 1

    async def test_a_request_works_on_the_text_it_was_sent_for(self, ready: Editor) -> None:
        ready.open("def ")
        action = ready.ask("redraft/fill", {"prefix": "x", "suffix": ""})
        stale = ready.ghost(0, 4)
        ready.type(2, 0, 4, "f")
        await asyncio.gather(stale, action)
        assert "version_2" not in await ready.calls()

    async def test_cancelling_reaches_the_model(self, ready: Editor) -> None:
        ready.open("def ")
        params = types.InlineCompletionParams(
            context=types.InlineCompletionContext(types.InlineCompletionTriggerKind.Automatic),
            text_document=types.TextDocumentIdentifier(URI),
            position=types.Position(0, 4),
        )
        asked = ready.ask(types.TEXT_DOCUMENT_INLINE_COMPLETION, params, msg_id="mine")
        await ready.asked("complete")
        ready.client.cancel_request(types.CancelParams(id="mine"))
        with pytest.raises(JsonRpcException) as refused:
            await asked
        assert refused.value.code == -32800
        assert (await ready.calls())["cancelled"] == 1

    async def test_closing_a_document_ends_its_requests(self, ready: Editor) -> None:
        ready.open("def ")
        stale = ready.ghost(0, 4)
        await ready.asked("complete")
        ready.client.text_document_did_close(types.DidCloseTextDocumentParams(types.TextDocumentIdentifier(URI)))
        assert not (await stale).items

    async def test_opening_a_document_anew_ends_its_requests(self, ready: Editor) -> None:
        """As another language, without having closed it."""
        ready.open("def ", version=7)
        stale = ready.ghost(0, 4)
        await ready.asked("complete")
        ready.open("class ", language="ruby", version=1)
        assert not (await stale).items


# ---- off, manual, loading


@pytest.mark.parametrize(
    ("settings", "invoked", "asked"),
    [
        ({"enable": False}, True, False),
        ({"enable": {"python": False}}, True, False),
        ({"enable": {"*": False, "python": True}}, False, True),
        ({"trigger": "manual"}, False, False),
        ({"trigger": "manual"}, True, True),
    ],
)
async def test_off_means_that_the_model_is_asked_nothing(
    editor: Editor, settings: dict[str, Any], invoked: bool, asked: bool
) -> None:
    await editor.initialize(options={"redraft": settings})
    editor.open("def ")
    answer = await editor.ghost(0, 4, invoked=invoked)
    await editor.actions(types.Range(types.Position(0, 0), types.Position(0, 0)))
    if settings.get("enable") is False:
        assert (await editor.ask("redraft/fill", {"prefix": "def ", "suffix": ""})).reason == "off"
        assert editor.statuses == ["off"]
    calls = await editor.calls()
    assert bool(answer.items) is asked
    assert calls.get("complete", 0) == int(asked)
    assert asked or settings.get("trigger") == "manual" or calls == {}


class TestWhileLoading:
    @pytest.fixture
    def script(self) -> dict[str, Any]:
        return {**ADD, "load_seconds": 1.0}

    async def test_requests_are_answered_with_nothing(self, editor: Editor) -> None:
        await editor.initialize(ready=False)
        editor.open("def ")
        assert not (await editor.ghost(0, 4)).items
        assert await editor.actions(types.Range(types.Position(0, 0), types.Position(0, 3)), "broken") == []
        assert (await editor.ask("redraft/fill", {"prefix": "def ", "suffix": ""})).reason == "loading"
        assert editor.statuses == ["loading"]
        await editor.until(lambda: editor.statuses == ["loading", "ready"])
        assert len((await editor.ghost(0, 4)).items) == 1
        (reports,) = editor.client.progress_reports.values()
        await editor.until(lambda: len(reports) == 2)
        assert [type(one) for one in reports] == [types.WorkDoneProgressBegin, types.WorkDoneProgressEnd]

    async def test_a_client_that_leaves_is_not_kept_waiting(self, editor: Editor) -> None:
        await editor.initialize(ready=False)
        async with asyncio.timeout(0.9):
            await editor.stop()


class TestAModelThatCannotBeLoaded:
    @pytest.fixture
    def script(self) -> dict[str, Any]:
        return {"load_error": "there is no model in /models/x; install redraft again."}

    async def test_the_user_is_told_once_and_everything_is_answered(self, editor: Editor) -> None:
        await editor.initialize(ready=False)
        await editor.until(lambda: "error" in editor.statuses and len(editor.messages) == 1)
        assert (
            editor.messages[0].message == "redraft cannot start: there is no model in /models/x; install redraft again."
        )
        editor.open("def ")
        assert not (await editor.ghost(0, 4)).items


class TestAModelThatBreaks:
    @pytest.fixture
    def script(self) -> dict[str, Any]:
        return {**ADD, "fail": True}

    async def test_the_answer_is_empty_and_the_status_says_why(self, ready: Editor) -> None:
        ready.open("def ")
        assert not (await ready.ghost(0, 4)).items
        await ready.until(lambda: ready.statuses[-1] == "error")
        assert not (await ready.ghost(0, 4)).items


# ---- the menu, for clients without ghost text


class TestMenu:
    async def test_the_same_proposal_sorted_low_and_never_preselected(self, editor: Editor) -> None:
        await editor.initialize(menu_client())
        assert editor.capabilities.completion_provider is not None
        editor.open("  def ad")
        editor.replace(2, "  def ")
        answer = await editor.client.text_document_completion_async(menu_params(6))
        assert isinstance(answer, types.CompletionList)
        assert answer.is_incomplete
        item = answer.items[0]
        assert (item.label, item.preselect) == ("add(a, b): …", False)
        assert item.sort_text is not None
        assert item.sort_text > "zzz"
        at = types.Position(0, 6)
        assert item.text_edit == types.TextEdit(types.Range(at, at), "add(a, b):\n    return a + b")
        assert item.documentation == "add(a, b):\n    return a + b"

    @pytest.fixture
    def script(self) -> dict[str, Any]:
        return {"write": {**ADD["write"], "def a": ["dd():"], "if a:": ["\n    return 1\nx"], 'df["na': ['me"]']}}

    async def test_an_item_is_called_by_the_first_line_that_says_something(self, editor: Editor) -> None:
        await editor.initialize(menu_client())
        item = await only_item(editor, "if a:")
        assert item.label == "return 1 …"
        assert item.documentation == "\n    return 1\nx"

    @pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
    async def test_its_lines_end_as_the_documents_do(self, editor: Editor, ending: str) -> None:
        await editor.initialize(menu_client())
        editor.open(f"def {ending}")
        answer = await editor.client.text_document_completion_async(menu_params(4))
        assert isinstance(answer, types.CompletionList)
        edit = answer.items[0].text_edit
        assert edit is not None
        assert edit.new_text == f"add(a, b):{ending}    return a + b"

    async def test_an_item_starts_with_the_word_that_clients_filter_by(self, editor: Editor) -> None:
        await editor.initialize(menu_client())
        item = await only_item(editor, "def a")
        assert item.filter_text == "add():"
        assert item.text_edit == types.TextEdit(types.Range(types.Position(0, 4), types.Position(0, 5)), "add():")

    async def test_a_client_in_a_browser_is_told_what_replaces_the_token_left_of_it(self, editor: Editor) -> None:
        """JupyterLab takes it, and where there is none the label; it says neither a name nor a process."""
        await editor.initialize(menu_client(), process=False)
        item = await only_item(editor, 'df["na')
        assert item.insert_text == '"name"]'
        assert item.text_edit == types.TextEdit(types.Range(types.Position(0, 4), types.Position(0, 6)), 'name"]')

    async def test_other_clients_are_not(self, editor: Editor) -> None:
        """Some show it in place of the label."""
        await editor.initialize(menu_client())
        assert (await only_item(editor, "def a")).insert_text is None

    async def test_manual_leaves_out_what_typing_triggers(self, editor: Editor) -> None:
        await editor.initialize(menu_client(), {"trigger": "manual"})
        editor.open("def ")
        kinds = types.CompletionTriggerKind
        for kind, found in (
            (kinds.TriggerCharacter, 0),
            (kinds.TriggerForIncompleteCompletions, 0),
            (kinds.Invoked, 4),
        ):
            answer = await editor.client.text_document_completion_async(menu_params(4, kind))
            assert isinstance(answer, types.CompletionList)
            assert len(answer.items) == found


def menu_params(
    character: int, kind: types.CompletionTriggerKind = types.CompletionTriggerKind.Invoked
) -> types.CompletionParams:
    return types.CompletionParams(
        text_document=types.TextDocumentIdentifier(URI),
        position=types.Position(0, character),
        context=types.CompletionContext(kind),
    )


async def only_item(editor: Editor, line: str) -> types.CompletionItem:
    """What the menu offers at the end of a file's only line."""
    editor.open(line)
    answer = await editor.client.text_document_completion_async(menu_params(len(line)))
    assert isinstance(answer, types.CompletionList)
    (item,) = answer.items
    return item


class TestReading:
    @pytest.fixture
    def script(self) -> dict[str, Any]:
        return ADD | {"reading": 0.5}

    async def test_meanwhile_what_follows_is_looked_for(self, ready: Editor) -> None:
        ready.open("def \n")
        await ready.ghost(0, 4)
        await ready.asked("foresee")
        calls = await ready.calls()
        assert calls["foresee"] == calls["foresee_add"] == 1

    async def test_who_types_on_does_not_read(self, ready: Editor) -> None:
        ready.open("def \n")
        await ready.ghost(0, 4)
        ready.type(2, 0, 4, "x")
        await ready.ghost(0, 5)
        await asyncio.sleep(1)
        assert "foresee" not in await ready.calls()

    async def test_nothing_is_looked_for_once_it_is_off(self, ready: Editor) -> None:
        ready.open("def \n")
        await ready.ghost(0, 4)
        off = types.DidChangeConfigurationParams({"redraft": {"enable": False}})
        ready.client.workspace_did_change_configuration(off)
        await asyncio.sleep(1)
        assert "foresee" not in await ready.calls()

    async def test_what_was_read_is_let_go(self, ready: Editor) -> None:
        """The other files may be large, and nobody may ask again before tomorrow."""
        other = "file:///w/other.py"
        ready.open("x = 1\n", other)
        ready.open("def \n")
        await ready.ghost(0, 4)
        held = weakref.ref(ready.server.session.documents._open[other])
        await ready.asked("foresee")
        ready.client.text_document_did_close(types.DidCloseTextDocumentParams(types.TextDocumentIdentifier(other)))
        await ready.calls()
        gc.collect()
        assert held() is None

    async def test_nothing_follows_in_a_file_that_is_closed(self, ready: Editor) -> None:
        ready.open("def \n")
        await ready.ghost(0, 4)
        ready.client.text_document_did_close(types.DidCloseTextDocumentParams(types.TextDocumentIdentifier(URI)))
        ready.open("class \n", "file:///w/other.py")
        await asyncio.sleep(1)
        assert "foresee" not in await ready.calls()

    async def test_where_nothing_is_shown_the_cursor_rests(self, ready: Editor) -> None:
        ready.open("class \n")
        assert not (await ready.ghost(0, 6)).items
        await ready.asked("warm")
        assert "foresee" not in await ready.calls()


@pytest.mark.parametrize(
    ("client", "text", "end"),
    [
        ("Visual Studio Code", "a, b):", 9),
        ("code-server", "a, b):", 9),
        ("Neovim", "a, b):", 9),
        ("emacs", "a, b):", 9),
        ("IntelliJ IDEA", "a, b", 8),
        ("coc.nvim", "a, b", 8),
        ("", "a, b", 8),
    ],
)
async def test_ghost_text_replaces_a_closed_bracket_where_the_client_is_known_to_draw_that(
    client: str, text: str, end: int, tmp_path: Path
) -> None:
    model = tmp_path / "model.json"
    model.write_text(json.dumps({"rules": [{"after": "def add(", "write": "a, b):"}]}))
    editor = Editor()
    await editor.connect(build(lambda _: Completer(open_scripted(str(model)))))
    await editor.initialize(name=client)
    editor.open("def add()\n")
    (item,) = (await editor.ghost(0, 8)).items
    assert (item.insert_text, item.range) == (text, types.Range(types.Position(0, 8), types.Position(0, end)))
    await editor.stop()
