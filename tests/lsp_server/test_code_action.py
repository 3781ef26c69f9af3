"""Quick fixes and rewrites: listed without the model, resolved against the text they were listed for."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from typing import Any

import pytest
from lsprotocol import types
from lsprotocol.types import Position, Range
from pygls.exceptions import JsonRpcException

from infill.document import Snapshot
from infill.edits import Edit
from lsp_server import positions
from tests.lsp_server.conftest import URI, Editor, ghost_text_client, menu_client, plain

TEXT = "s = '😀'\r\nx = prnt(1)\r\ny = 2\x0c\r\nz = 3"
LINE = Range(Position(1, 0), Position(1, 11))
WORD = Range(Position(1, 4), Position(1, 8))


@pytest.fixture
def script() -> dict[str, Any]:
    repair = {"prnt": "print", "x = prnt(1)": "x = print(\n    1)", "'😀'": "'ok'"}
    return {"repair": repair, "errors": {"prnt": "io.prnt"}}


def applied(text: str, edit: types.WorkspaceEdit, encoding: positions.Encoding = "utf-16") -> str:
    """The text after an edit, by our own snapshot (whose positions have tests of their own)."""
    if edit.document_changes:
        (change,) = edit.document_changes
        assert isinstance(change, types.TextDocumentEdit)
        edits: Sequence[Any] = change.edits
    else:
        assert edit.changes is not None
        edits = edit.changes[URI]
    before = Snapshot.open(URI, 1, "python", text)
    spans = [(*positions.to_span(before, one.range, encoding), one.new_text) for one in edits]
    return before.edit([Edit(*span) for span in sorted(spans, reverse=True)], 2).text


async def resolved(editor: Editor, action: types.CodeAction) -> types.CodeAction:
    return await editor.client.code_action_resolve_async(action)


async def offered(editor: Editor, place: Range, *told: types.Diagnostic, only: str = "") -> Sequence[Any]:
    """What is offered for diagnostics."""
    context = types.CodeActionContext(list(told), [only] if only else None)
    params = types.CodeActionParams(types.TextDocumentIdentifier(URI), place, context)
    return await editor.client.text_document_code_action_async(params) or ()


# ---- list


async def test_listing_offers_a_title_per_place_and_runs_no_model(ready: Editor) -> None:
    ready.open(TEXT)
    far = types.Diagnostic(Range(Position(1, 9), Position(1, 10)), "something\nelse " + "very " * 30)
    told = [types.Diagnostic(WORD, "Undefined name `prnt`"), far]
    offers = await offered(ready, LINE, *told)
    titles = [offer.title for offer in offers]
    assert titles[0] == "redraft: fix “Undefined name `prnt`”"
    assert len(titles[1]) < 90
    assert "\n" not in titles[1]
    assert titles[2:] == ["redraft: rewrite the selection"]
    assert [offer.kind for offer in offers] == ["quickfix", "quickfix", "refactor.rewrite"]
    assert [offer.diagnostics for offer in offers[:2]] == [(one,) for one in told]
    assert all(offer.edit is None and offer.command is None for offer in offers)
    assert await ready.calls() == {}


async def test_what_several_tools_tell_of_a_place_is_one_title(ready: Editor) -> None:
    """The worst of it, with what all of them name. Others of the line have their own title, behind it."""
    ready.open(TEXT)
    told = [
        types.Diagnostic(Range(Position(1, 9), Position(1, 10)), "magic number", types.DiagnosticSeverity.Warning),
        types.Diagnostic(LINE, "consider `x: int`", types.DiagnosticSeverity.Hint),
        types.Diagnostic(WORD, "no name “prnt”", types.DiagnosticSeverity.Error),
        types.Diagnostic(Range(WORD.start, WORD.start), "it's 'prnt'; did you mean \"print\"?"),
    ]
    related = types.DiagnosticRelatedInformation(types.Location(URI, LINE), "a similar name exists: `pprint`")
    told[2].related_information = (related,)
    errors, warning = await offered(ready, Range(WORD.start, Position(1, 9)), *told, only="quickfix")
    assert errors.title == "redraft: fix “no name “prnt””"
    assert errors.diagnostics == (told[2], told[3], told[1])
    assert errors.data["named"] == ["prnt", "pprint", "print", "x: int"]
    assert (errors.data["start"], errors.data["wrong"]) == (13, True)
    assert warning.diagnostics == (told[0],)


async def test_a_long_selection_is_looked_at_in_part_and_the_title_says_so(ready: Editor) -> None:
    ready.open("line = 1\n" * 150)
    (some,) = await ready.actions(Range(Position(0, 2), Position(119, 4)))
    assert (some.title, some.data["start"], some.data["end"]) == ("redraft: rewrite the selection", 2, 119 * 9 + 4)
    (whole,) = await ready.actions(Range(Position(0, 0), Position(150, 0)))
    assert whole.title == "redraft: rewrite the first 120 lines of the selection"
    assert (whole.data["start"], whole.data["end"]) == (0, 120 * 9 - 1)


async def test_a_diagnostic_of_many_lines_is_about_the_first_dozen(ready: Editor) -> None:
    ready.open("line = 1\n" * 40)
    many = Range(Position(3, 0), Position(39, 0))
    offer, _ = await ready.actions(many, "too complex", at=many)
    assert (offer.data["start"], offer.data["end"]) == (3 * 9, 15 * 9 - 1)


async def test_of_many_places_the_worst_have_a_title_with_all_that_is_said_of_them(ready: Editor) -> None:
    ready.open("x = nmae\n" * 40)
    lines = [Range(Position(line, 4), Position(line, 8)) for line in range(40)]
    told = [types.Diagnostic(one, f"{said} {one.start.line}") for said in ("undefined", "no type") for one in lines]
    offers = await offered(ready, Range(Position(0, 0), Position(40, 0)), *told, only="quickfix")
    assert [[one.message for one in offer.diagnostics] for offer in offers] == [
        [f"undefined {line}", f"no type {line}"] for line in range(8)
    ]


async def test_what_a_line_is_told_twice_is_one_title(ready: Editor) -> None:
    ready.open("x = nmae + nmae\ny = nmae\n")
    places = [Range(Position(line, at), Position(line, at + 4)) for line, at in ((0, 4), (0, 11), (1, 4))]
    told = [types.Diagnostic(range=place, message="Undefined name `nmae`") for place in places]
    params = types.CodeActionParams(
        types.TextDocumentIdentifier(URI),
        Range(Position(0, 5), Position(1, 5)),
        types.CodeActionContext(diagnostics=told, only=["quickfix"]),
    )
    offers = await ready.client.text_document_code_action_async(params) or ()
    assert [offer.data["start"] for offer in offers] == [4, 20]


async def test_code_that_is_only_drawn_in_another_way_is_not_wrong(ready: Editor) -> None:
    """As Pyright and TypeScript tell of names that nothing uses."""
    ready.open("x = 1\n")
    told = [
        types.Diagnostic(Range(Position(0, 0), Position(0, 1)), f"{severity} {tags}", severity=severity, tags=tags)
        for severity in (types.DiagnosticSeverity.Hint, types.DiagnosticSeverity.Error)
        for tags in ([types.DiagnosticTag.Unnecessary], [])
    ]
    (offer,) = await offered(ready, Range(Position(0, 0), Position(0, 0)), *told)
    assert {one.message for one in offer.diagnostics} == {one.message for one in told[1:]}


async def test_a_diagnostic_behind_a_slip_is_about_the_line_above(ready: Editor) -> None:
    ready.open("x = f(1\ny = 2\n")
    word = Range(Position(1, 0), Position(1, 1))
    offer, _ = await ready.actions(word, "invalid syntax")
    assert (offer.data["start"], offer.data["end"]) == (7, 9)


@pytest.mark.parametrize(
    ("severity", "line"),
    [
        (types.DiagnosticSeverity.Error, "x = io.prnt(1)"),
        (types.DiagnosticSeverity.Warning, "x = print(1)"),
        (None, "x = print(1)"),
    ],
)
async def test_an_error_says_that_code_is_wrong_where_it_begins(
    ready: Editor, severity: types.DiagnosticSeverity | None, line: str
) -> None:
    ready.open(TEXT)
    fix, rewrite = [
        (await resolved(ready, offer)).edit
        for offer in await offered(ready, WORD, types.Diagnostic(WORD, "wrong", severity=severity))
    ]
    assert fix is not None
    assert rewrite is not None
    assert applied(TEXT, fix).split("\r\n")[1] == line
    assert applied(TEXT, rewrite).split("\r\n")[1] == "x = print(1)"


async def test_an_error_behind_a_slip_does_not_begin_at_it(ready: Editor) -> None:
    ready.open("x = f(1\ny = 2\n")
    place = Range(Position(1, 0), Position(1, 1))
    offer, _ = await offered(ready, place, types.Diagnostic(place, "wrong", types.DiagnosticSeverity.Error))
    assert (offer.data["start"], offer.data["wrong"]) == (7, False)


async def test_a_cursor_stop_warms_the_cache_and_offers_nothing_by_itself(ready: Editor) -> None:
    ready.open(TEXT)
    for _ in range(3):
        assert await ready.actions(Range(Position(1, 4), Position(1, 4))) == []
    assert await ready.calls() == {"warm": 1}
    await ready.actions(Range(Position(1, 5), Position(1, 5)))
    assert await ready.calls() == {"warm": 2}


async def test_only_diagnostics_that_touch_the_range_count(ready: Editor) -> None:
    ready.open(TEXT)
    cursor = Range(Position(1, 8), Position(1, 8))
    assert len(await ready.actions(cursor, "touches", at=WORD)) == 1
    beyond = Range(Position(2, 0), Position(2, 0))
    assert await ready.actions(beyond, "does not", at=WORD) == []


@pytest.mark.parametrize(
    ("only", "kinds"),
    [
        (["quickfix"], ["quickfix"]),
        (["refactor"], ["refactor.rewrite"]),
        (["refactor.rewrite"], ["refactor.rewrite"]),
        (["refactor.extract", "source.fixAll", "quick"], []),
        ([""], ["quickfix", "refactor.rewrite"]),
    ],
)
async def test_only_the_kinds_that_were_asked_for(ready: Editor, only: list[Any], kinds: list[str]) -> None:
    ready.open(TEXT)
    assert [offer.kind for offer in await ready.actions(LINE, "broken", only=only)] == kinds


@pytest.mark.parametrize(
    ("uri", "settings"),
    [
        ("file:///w/.env", {}),
        (URI, {"exclude": ["demo.*"]}),
        (URI, {"fix": {"enable": False}}),
        (URI, {"enable": {"python": False}}),
        ("file:///w/not-open.py", {}),
    ],
)
async def test_nothing_is_offered_where_nothing_may_be_asked(editor: Editor, uri: str, settings: Any) -> None:
    await editor.initialize(options=settings)
    if "not-open" not in uri:
        editor.open(TEXT, uri=uri)
    assert await editor.actions(LINE, "broken", uri=uri) == []
    assert await editor.calls() == {}


# ---- resolve


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-32"])
async def test_the_edit_is_exact_in_the_documents_own_line_ending(editor: Editor, encoding: Any) -> None:
    await editor.initialize(ghost_text_client(encodings=[encoding]))
    editor.open(TEXT, version=7)
    offer, rewrite = await editor.actions(LINE, "broken")
    action = await resolved(editor, rewrite)
    assert action.edit is not None
    assert action.edit.changes is None
    assert action.edit.document_changes is not None
    (change,) = action.edit.document_changes
    assert isinstance(change, types.TextDocumentEdit)
    assert change.text_document == types.OptionalVersionedTextDocumentIdentifier(URI, 7)
    assert applied(TEXT, action.edit, encoding) == TEXT.replace("x = prnt(1)", "x = print(\r\n    1)")
    column = {"utf-8": 4, "utf-16": 4, "utf-32": 4}[encoding]
    width = {"utf-8": 6, "utf-16": 4, "utf-32": 3}[encoding]
    emoji = Range(Position(0, column), Position(0, column + width))
    (offer, _) = await editor.actions(emoji, "not a word")
    action = await resolved(editor, offer)
    assert action.edit is not None
    assert applied(TEXT, action.edit, encoding) == TEXT.replace("'😀'", "'ok'")


@pytest.mark.parametrize(("tagged", "versioned"), [(True, True), (False, False)])
async def test_tag_and_versioned_edits_where_the_client_knows_them(
    editor: Editor, tagged: bool, versioned: bool
) -> None:
    able = ghost_text_client()
    assert able.workspace is not None and able.workspace.workspace_edit is not None
    assert able.text_document is not None and able.text_document.code_action is not None
    able.workspace.workspace_edit.document_changes = versioned
    if tagged:
        able.text_document.code_action.tag_support = types.CodeActionTagOptions([types.CodeActionTag.LlmGenerated])
    await editor.initialize(able)
    editor.open(TEXT)
    offer = (await editor.actions(WORD, "broken"))[0]
    assert list(offer.tags or ()) == ([types.CodeActionTag.LlmGenerated] if tagged else [])
    edit = (await resolved(editor, offer)).edit
    assert edit is not None
    assert bool(edit.document_changes) is versioned
    assert bool(edit.changes) is not versioned
    assert applied(TEXT, edit) == TEXT.replace("prnt", "print")


async def test_typing_elsewhere_moves_the_fix_along(ready: Editor) -> None:
    ready.open(TEXT)
    offer = (await ready.actions(WORD, "broken"))[0]
    moved = "# 😀\r\n" + TEXT.replace("z = 3", "z = 33")
    ready.type(2, 3, 5, "3")
    ready.type(3, 0, 0, "# 😀\r\n")
    edit = (await resolved(ready, offer)).edit
    assert edit is not None
    assert applied(moved, edit) == moved.replace("prnt", "print")
    (change,) = edit.document_changes or ()
    assert isinstance(change, types.TextDocumentEdit)
    assert change.text_document.version == 3


@pytest.mark.parametrize(
    "now", [TEXT.replace("prnt", "print"), TEXT.replace("prnt", "prn t"), "", None, TEXT.replace("prnt", "xprnt")]
)
async def test_a_fix_for_text_that_is_gone_is_refused_with_one_sentence(ready: Editor, now: str | None) -> None:
    ready.open(TEXT)
    offer = (await ready.actions(WORD, "broken"))[0]
    if now is None:
        ready.client.text_document_did_close(types.DidCloseTextDocumentParams(types.TextDocumentIdentifier(URI)))
    else:
        ready.replace(2, now)
    with pytest.raises(JsonRpcException) as refused:
        await resolved(ready, offer)
    assert refused.value.code == -32801
    assert len(ready.messages) == 1
    assert "has changed since" in ready.messages[0].message
    assert await ready.calls() == {}


async def test_a_document_that_came_back_different_under_the_same_version_is_not_fixed(ready: Editor) -> None:
    ready.open(TEXT)
    offer = (await ready.actions(WORD, "broken"))[0]
    ready.client.text_document_did_close(types.DidCloseTextDocumentParams(types.TextDocumentIdentifier(URI)))
    ready.open(TEXT.replace("x = prnt(1)", "xy = fun(1)"))
    with pytest.raises(JsonRpcException) as refused:
        await resolved(ready, offer)
    assert refused.value.code == -32801


async def test_no_better_text_is_no_edit_and_one_sentence(ready: Editor) -> None:
    ready.open(TEXT)
    where = Range(Position(3, 0), Position(3, 1))
    action = await resolved(ready, (await ready.actions(where, "broken"))[0])
    assert action.edit is None
    assert [message.message for message in ready.messages] == ["redraft found no better text here."]


@pytest.mark.parametrize("data", [None, {}, [], "x", {"uri": URI}, {"uri": URI, "version": "v", "start": 0, "end": 1}])
async def test_an_action_of_somebody_else_comes_back_as_it_is(ready: Editor, data: Any) -> None:
    ready.open(TEXT)
    action = types.CodeAction(title="not ours", data=data)
    assert (await resolved(ready, action)).edit is None


class TestASlowModel:
    @pytest.fixture
    def script(self) -> dict[str, Any]:
        return {"repair": {"prnt": "print"}, "seconds": 0.8}

    async def test_progress_is_shown_and_ends(self, ready: Editor) -> None:
        ready.open(TEXT)
        await resolved(ready, (await ready.actions(WORD, "broken"))[0])
        reports = list(ready.client.progress_reports.values())[-1]
        await ready.until(lambda: len(reports) == 2)
        assert isinstance(reports[0], types.WorkDoneProgressBegin)
        assert isinstance(reports[1], types.WorkDoneProgressEnd)

    async def test_an_edit_meanwhile_leaves_the_text_alone(self, ready: Editor) -> None:
        ready.open(TEXT)
        offer = (await ready.actions(WORD, "broken"))[0]
        pending = ready.ask(types.CODE_ACTION_RESOLVE, offer)
        await ready.asked("repair")
        ready.type(2, 0, 0, "#")
        with pytest.raises(JsonRpcException) as refused:
            await pending
        assert refused.value.code == -32801

    @pytest.mark.parametrize("closed", [False, True])
    async def test_an_edit_meanwhile_ends_the_work_for_nothing(self, ready: Editor, closed: bool) -> None:
        ready.open(TEXT)
        offer = (await ready.actions(WORD, "broken"))[0]
        pending = ready.ask(types.CODE_ACTION_RESOLVE, offer)
        await ready.asked("repair")
        if closed:
            ready.client.text_document_did_close(types.DidCloseTextDocumentParams(types.TextDocumentIdentifier(URI)))
        else:
            ready.type(2, 3, 5, "3")
        with pytest.raises(JsonRpcException) as refused:
            await pending
        assert refused.value.code == -32801
        assert ["has changed since" in message.message for message in ready.messages] == [True]
        assert (await ready.calls())["cancelled"] == 1

    async def test_a_newer_fix_takes_the_older_ones_place(self, ready: Editor) -> None:
        ready.open(TEXT)
        offer = (await ready.actions(WORD, "broken"))[0]
        older = ready.ask(types.CODE_ACTION_RESOLVE, offer)
        await ready.asked("repair")
        newer = ready.ask(types.CODE_ACTION_RESOLVE, offer)
        assert (await older).edit is None
        assert (await newer).edit is not None
        assert [message.message for message in ready.messages] == [
            "redraft: this fix was asked for once more, and the newer click is answered."
        ]

    async def test_fixes_of_two_places_do_not_disturb_each_other(self, ready: Editor) -> None:
        ready.open(TEXT + "\r\nprnt(2)")
        below = Range(Position(4, 0), Position(4, 4))
        offers = [(await ready.actions(where, "broken"))[0] for where in (WORD, below)]
        asked = [ready.ask(types.CODE_ACTION_RESOLVE, offer) for offer in offers]
        assert all([(await one).edit is not None for one in asked])
        assert ready.messages == []

    async def test_typing_is_answered_while_a_fix_is_being_made(self, ready: Editor) -> None:
        """Which of the two the model serves first is the engine's business."""
        ready.open(TEXT)
        offer = (await ready.actions(WORD, "broken"))[0]
        fix = asyncio.ensure_future(ready.ask(types.CODE_ACTION_RESOLVE, offer))
        await ready.ghost(0, 0)
        assert (await fix).edit is not None


class TestACommandUnderWay:
    @pytest.fixture
    def script(self) -> dict[str, Any]:
        return {"repair": {"prnt": "print"}, "seconds": 30}

    async def begun(self, editor: Editor) -> Awaitable[Any]:
        editor.open(TEXT)
        offer = (await editor.actions(WORD, "broken"))[0]
        params = types.ExecuteCommandParams(command="redraft.fix", arguments=[offer.data])
        answer = editor.ask(types.WORKSPACE_EXECUTE_COMMAND, params, msg_id="click")
        await editor.asked("repair")
        return answer

    async def test_ends_when_it_is_cancelled(self, ready: Editor) -> None:
        answer = await self.begun(ready)
        ready.client.cancel_request(types.CancelParams(id="click"))
        with pytest.raises(JsonRpcException) as refused:
            await answer
        assert refused.value.code == -32800
        assert (await ready.calls())["cancelled"] == 1
        assert ready.applied == []

    async def test_does_not_keep_the_server_from_leaving(self, ready: Editor) -> None:
        answer = await self.begun(ready)
        await ready.stop()
        with pytest.raises(JsonRpcException) as refused:
            await answer
        assert refused.value.code == -32800
        assert ready.exit_code == 0


class TestAModelThatBreaks:
    @pytest.fixture
    def script(self) -> dict[str, Any]:
        return {"repair": {"prnt": "print"}, "fail": True}

    async def test_a_click_is_answered_with_a_sentence(self, ready: Editor) -> None:
        ready.open(TEXT)
        assert (await resolved(ready, (await ready.actions(WORD, "broken"))[0])).edit is None
        (message,) = ready.messages
        assert message.message == "redraft failed on this fix (RuntimeError: the script says so); its log says more."


# ---- clients that cannot resolve


@pytest.mark.parametrize("applies", [True, None], ids=["says that it applies edits", "says nothing of it"])
@pytest.mark.parametrize("literals", [True, False])
async def test_without_resolve_a_command_asks_for_the_edit_to_be_applied(
    editor: Editor, literals: bool, applies: bool | None
) -> None:
    able = menu_client()
    assert able.workspace is not None
    assert able.text_document is not None and able.text_document.code_action is not None
    able.text_document.code_action.resolve_support = None
    able.workspace.apply_edit = applies
    if not literals:
        able.text_document.code_action.code_action_literal_support = None
    await editor.initialize(able)
    editor.open(TEXT)
    where = {"start": {"line": 1, "character": 4}, "end": {"line": 1, "character": 8}}
    asked = {
        "textDocument": {"uri": URI},
        "range": where,
        "context": {"diagnostics": [{"range": where, "message": "broken"}]},
    }
    offer = plain(await editor.ask(types.TEXT_DOCUMENT_CODE_ACTION, asked, typed=False))[0]
    assert ("kind" in offer) is literals
    command = offer["command"] if literals else offer
    params = types.ExecuteCommandParams(command=command["command"], arguments=command["arguments"])
    await editor.client.workspace_execute_command_async(params)
    await editor.until(lambda: len(editor.applied) == 1)
    assert applied(TEXT, editor.applied[0]) == TEXT.replace("prnt", "print")


async def test_nothing_is_offered_to_a_client_that_takes_no_edits(editor: Editor) -> None:
    able = menu_client()
    assert able.workspace is not None
    assert able.text_document is not None and able.text_document.code_action is not None
    able.text_document.code_action.resolve_support = None
    able.workspace.apply_edit = False
    await editor.initialize(able)
    editor.open(TEXT)
    assert await editor.actions(WORD, "broken") == []


@pytest.mark.parametrize("reason", ["the buffer is read-only", None])
async def test_an_edit_that_is_not_applied_is_said(ready: Editor, reason: str | None) -> None:
    ready.refusal = types.ApplyWorkspaceEditResult(applied=False, failure_reason=reason)
    await fixed(ready)
    await ready.until(lambda: len(ready.messages) == 1)
    why = reason or "it does not say why"
    assert ready.messages[0].message == f"redraft: the editor did not apply this fix ({why})."


async def test_an_editor_that_has_no_such_method_after_all_is_said(ready: Editor) -> None:
    del ready.client.protocol.fm.features[types.WORKSPACE_APPLY_EDIT]
    await fixed(ready)
    await ready.until(lambda: len(ready.messages) == 1)
    assert "did not apply this fix (Method Not Found" in ready.messages[0].message


async def fixed(editor: Editor) -> None:
    editor.open(TEXT)
    offer = (await editor.actions(WORD, "broken"))[0]
    params = types.ExecuteCommandParams(command="redraft.fix", arguments=[offer.data])
    await editor.client.workspace_execute_command_async(params)


@pytest.mark.parametrize("arguments", [None, [], ["x"], [{"uri": URI}]])
async def test_a_fix_command_that_makes_no_sense_is_answered_with_a_sentence(ready: Editor, arguments: Any) -> None:
    params = types.ExecuteCommandParams(command="redraft.fix", arguments=arguments)
    await ready.client.workspace_execute_command_async(params)
    assert len(ready.messages) == 1
    assert ready.applied == []
