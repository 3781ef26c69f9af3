"""Settings while the server runs: pushed, pulled, wrong, and the ones a folder may not choose."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
from lsprotocol import types

from tests.lsp_server.conftest import Editor, ghost_text_client, plain


@pytest.fixture
def script() -> dict[str, Any]:
    return {"write": {"def ": ["f():"]}}


async def lines(editor: Editor) -> int:
    return int(plain(await editor.ask("test/settings", {}))["maxLines"])


def push(editor: Editor, settings: Any) -> None:
    editor.client.workspace_did_change_configuration(types.DidChangeConfigurationParams(settings))


def pushing_client() -> types.ClientCapabilities:
    able = ghost_text_client()
    assert able.workspace is not None
    able.workspace.configuration = None
    able.workspace.did_change_configuration = None
    return able


@pytest.mark.parametrize("settings", [{"redraft": {"maxLines": 3}}, {"maxLines": 3}, {"redraft.maxLines": 3, "x": 1}])
async def test_pushed_settings_are_live(editor: Editor, settings: Any) -> None:
    await editor.initialize(pushing_client())
    assert await lines(editor) == 8
    push(editor, settings)
    assert await lines(editor) == 3
    assert not editor.registrations


async def test_nothing_is_kept_of_what_was_pushed(editor: Editor) -> None:
    """A server may run for weeks."""
    await editor.initialize(pushing_client())
    for most in (2, 3, 4):
        push(editor, {"redraft": {"maxLines": most}})
        folder = types.WorkspaceFolder(f"file:///w/{most}", "w")
        opened = types.DidChangeWorkspaceFoldersParams(types.WorkspaceFoldersChangeEvent([folder], []))
        editor.client.workspace_did_change_workspace_folders(opened)
    assert await lines(editor) == 4
    assert editor.server.protocol._request_futures == {}


async def test_a_push_goes_over_the_start_and_an_empty_one_back_to_it(editor: Editor) -> None:
    await editor.initialize(pushing_client(), {"redraft": {"maxLines": 2}})
    push(editor, {"redraft": {"maxLines": 5}})
    assert await lines(editor) == 5
    push(editor, {"redraft": {}})
    assert await lines(editor) == 2


@pytest.mark.parametrize("settings", [None, [], 7, {"python": {}}, {"redraft": "x"}])
async def test_a_push_about_nothing_changes_nothing(editor: Editor, settings: Any) -> None:
    await editor.initialize(pushing_client(), {"maxLines": 2})
    push(editor, settings)
    assert await lines(editor) == 2
    assert editor.messages == []


async def test_a_wrong_value_makes_no_link_of_what_is_said_about_it(editor: Editor) -> None:
    """A folder's settings may say it, and a click on a link in a message of VS Code runs a command."""
    await editor.initialize(pushing_client())
    push(editor, {"redraft": {"mode": "[Fix it](command:workbench.quit)"}})
    await lines(editor)
    (said,) = editor.messages
    assert "[Fix it] (command:workbench.quit)" in said.message


async def test_settings_are_pulled_at_the_start_and_after_a_change(editor: Editor) -> None:
    editor.client.set_configuration({"maxLines": 4}, section="redraft")
    await editor.initialize()
    await editor.until(lambda: "workspace/didChangeConfiguration" in editor.registrations)
    await eventually(editor, 4)
    editor.client.set_configuration({"maxLines": 6}, section="redraft")
    push(editor, None)
    await eventually(editor, 6)


@pytest.mark.parametrize("pushed", [{"maxLines": 3}, {"redraft": {"maxLines": 3}}])
async def test_a_client_that_has_nothing_under_our_name_takes_back_no_push(editor: Editor, pushed: Any) -> None:
    """As Neovim does with `settings = { enable = false }`: it sends that, and answers null when it is asked."""
    editor.client.set_configuration(None, section="redraft")
    await editor.initialize()
    push(editor, pushed)
    push(editor, None)
    for _ in range(20):
        assert await lines(editor) == 3


async def test_what_is_pulled_is_taken_back_by_null(editor: Editor) -> None:
    editor.client.set_configuration({"maxLines": 4}, section="redraft")
    await editor.initialize()
    await eventually(editor, 4)
    editor.client.set_configuration(None, section="redraft")
    push(editor, None)
    await eventually(editor, 8)


async def eventually(editor: Editor, expected: int) -> None:
    for _ in range(100):
        if await lines(editor) == expected:
            return
    raise AssertionError(f"maxLines never became {expected}")


async def test_off_and_on_again_while_running(editor: Editor) -> None:
    await editor.initialize(pushing_client())
    editor.open("def ")
    push(editor, {"redraft": {"enable": False}})
    await editor.ghost(0, 4, invoked=True)
    assert await editor.calls() == {}
    push(editor, {"redraft": {"enable": True}})
    await editor.ghost(0, 4, invoked=True)
    assert (await editor.calls())["complete"] == 1
    assert editor.statuses[-2:] == ["off", "ready"]


@pytest.mark.parametrize("enable", [False, {"*": True, "python": False}])
async def test_off_ends_what_is_read_ahead_of_time(editor: Editor, enable: Any) -> None:
    await editor.initialize(pushing_client())
    editor.open("def ")
    here = types.Range(types.Position(0, 4), types.Position(0, 4))
    await editor.actions(here)
    assert await editor.calls() == {"warm": 1}
    push(editor, {"redraft": {"enable": enable}})
    await editor.actions(here)
    assert await editor.calls() == {"warm": 1, "rest": 1}
    push(editor, {"redraft": {"enable": True}})
    await editor.actions(here)
    assert await editor.calls() == {"warm": 2, "rest": 1}


async def test_settings_that_are_told_again_end_nothing(editor: Editor) -> None:
    """As by every client that is asked for them at the start."""
    await editor.initialize(pushing_client())
    editor.open("def ")
    here = types.Range(types.Position(0, 4), types.Position(0, 4))
    await editor.actions(here)
    push(editor, {"redraft": {"enable": True}})
    await editor.actions(here)
    assert await editor.calls() == {"warm": 1}


async def test_what_is_off_from_the_start_is_loaded_when_it_is_turned_on(editor: Editor) -> None:
    await editor.initialize(pushing_client(), {"enable": False})
    assert await editor.ask("test/loaded", {}) == 0
    push(editor, {"redraft": {"enable": True}})
    await editor.until(lambda: editor.statuses == ["off", "loading", "ready"])
    push(editor, {"redraft": {"enable": True, "maxLines": 2}})
    assert await editor.ask("test/loaded", {}) == 1


class TestASlowModel:
    @pytest.fixture
    def script(self) -> dict[str, Any]:
        return {"load_seconds": 0.3}

    async def test_is_waited_for_only_where_it_is_wanted(self, editor: Editor) -> None:
        await editor.initialize(pushing_client(), {"enable": False})
        for _ in range(5):
            await editor.ask("test/loaded", {})
        assert editor.client.progress_reports == {}
        push(editor, {"redraft": {"enable": True}})
        reports = editor.client.progress_reports
        await editor.until(lambda: [len(one) for one in reports.values()] == [2])
        assert editor.statuses[-1] == "ready"


class TestWhileTheModelIsAsked:
    @pytest.fixture
    def script(self) -> dict[str, Any]:
        return {"write": {"def ": ["f():"]}, "repair": {"def": "deff"}, "fill": "x", "seconds": 30}

    @pytest.mark.parametrize("settings", [{"enable": False}, {"exclude": ["demo.py"]}])
    async def test_what_may_not_be_asked_any_more_is_cancelled(self, editor: Editor, settings: Any) -> None:
        await editor.initialize(pushing_client())
        editor.open("def ")
        (offer,) = await editor.actions(types.Range(types.Position(0, 0), types.Position(0, 3)))
        ghost, action = editor.ghost(0, 4), editor.ask(types.CODE_ACTION_RESOLVE, offer)
        filled = editor.ask("redraft/fill", {"prefix": "a", "suffix": "b", "language": "python", "path": "/w/demo.py"})
        for what in ("complete", "repair", "fill"):
            await editor.asked(what)
        push(editor, {"redraft": settings})
        assert not (await ghost).items
        assert (await action).edit is None
        assert plain(await filled)["text"] == ""
        assert plain(await filled)["reason"] == ("off" if "enable" in settings else "excluded by the settings")
        assert (await editor.calls())["cancelled"] == 3
        assert [message.message for message in editor.messages] == [
            "redraft is off here or has no model yet; try again in a moment."
        ]

    async def test_proposals_that_are_no_longer_wanted_by_themselves_are_cancelled(self, editor: Editor) -> None:
        await editor.initialize(pushing_client())
        editor.open("def ")
        editor.open("def ", uri="file:///w/other.py")
        typed, invoked = editor.ghost(0, 4), editor.ghost(0, 4, uri="file:///w/other.py", invoked=True)
        while (await editor.calls()).get("complete") != 2:
            await asyncio.sleep(0.01)
        push(editor, {"redraft": {"trigger": "manual"}})
        assert not (await typed).items
        assert (await editor.calls())["cancelled"] == 1
        editor.change(2, types.TextDocumentContentChangeWholeDocument(""), uri="file:///w/other.py")
        assert not (await invoked).items

    async def test_fixes_that_are_switched_off_are_cancelled_and_none_begins(self, editor: Editor) -> None:
        await editor.initialize(pushing_client())
        editor.open("def ")
        (offer,) = await editor.actions(types.Range(types.Position(0, 0), types.Position(0, 3)))
        action = editor.ask(types.CODE_ACTION_RESOLVE, offer)
        await editor.asked("repair")
        push(editor, {"redraft": {"fix": {"enable": False}}})
        assert (await action).edit is None
        assert (await editor.ask(types.CODE_ACTION_RESOLVE, offer)).edit is None
        assert await editor.calls() == {"repair": 1, "cancelled": 1}
        why = "redraft fixes nothing while `redraft.fix.enable` is false; set it to true and try again."
        assert [message.message for message in editor.messages] == [why, why]

    async def test_what_waits_for_a_pause_in_typing_does_not_ask_it(self, editor: Editor) -> None:
        await editor.initialize(pushing_client(), {"debounceMs": 5000})
        editor.open("def")
        editor.type(2, 0, 3, " ")
        ghost = editor.ghost(0, 4)
        push(editor, {"redraft": {"enable": False}})
        assert not (await ghost).items
        assert await editor.calls() == {}

    async def test_other_settings_leave_it_alone(self, editor: Editor) -> None:
        await editor.initialize(pushing_client())
        editor.open("def ")
        ghost = editor.ghost(0, 4)
        await editor.asked("complete")
        push(editor, {"redraft": {"maxLines": 3, "exclude": ["other.py"], "enable": {"markdown": False}}})
        assert await lines(editor) == 3
        assert "cancelled" not in await editor.calls()
        editor.type(2, 0, 4, "f")
        assert not (await ghost).items


class TestAModelThatFails:
    @pytest.fixture
    def script(self) -> dict[str, Any]:
        return {"load_error": "no such model"}

    async def test_says_so_after_a_pause_too(self, editor: Editor) -> None:
        await editor.initialize(pushing_client(), ready=False)
        await editor.until(lambda: "error" in editor.statuses)
        for enable in (False, True):
            push(editor, {"redraft": {"enable": enable}})
        await editor.until(lambda: editor.statuses[-3:] == ["error", "off", "error"])
        assert "no such model" in editor.status_messages[-1]


async def test_defaults_that_are_sent_are_no_choice(editor: Editor) -> None:
    await editor.initialize(pushing_client())
    push(editor, {"redraft": {"threads": 0, "remote.url": "", "maxLines": 3}})
    assert await lines(editor) == 3
    assert editor.messages == []


async def test_a_debounce_does_not_delay_typing_through_what_is_shown(editor: Editor) -> None:
    await editor.initialize(pushing_client(), {"debounceMs": 1500})
    editor.open("def ")
    assert (await editor.ghost(0, 4)).items
    editor.type(2, 0, 4, "f")
    started = time.monotonic()
    await editor.ghost(0, 5)
    through = time.monotonic() - started
    editor.type(3, 0, 5, "zzz")
    started = time.monotonic()
    await editor.ghost(0, 8)
    assert through < 1.4 < time.monotonic() - started


async def test_a_bad_value_is_named_once_and_the_rest_counts(editor: Editor) -> None:
    await editor.initialize(pushing_client(), {"eagerness": "bold"})
    bad = {"redraft": {"maxLines": 3, "mode": 7, "disabledIn": "comment"}}
    push(editor, bad)
    push(editor, bad)
    assert await lines(editor) == 3
    assert len(editor.messages) == 2
    assert "`redraft.eagerness`" in editor.messages[0].message
    assert all(f"`redraft.{name}`" in editor.messages[1].message for name in ("mode", "disabledIn"))
    assert "eagerness" not in editor.messages[1].message


async def test_what_is_mended_of_bad_values_says_nothing_of_the_others(editor: Editor) -> None:
    await editor.initialize(pushing_client())
    for values in ({"maxLines": 3, "mode": 7, "eagerness": "bold"}, {"maxLines": 3, "mode": 7}, {"maxLines": 3}):
        push(editor, {"redraft": values})
    push(editor, {"redraft": {"maxLines": 3, "mode": 7}})
    assert await lines(editor) == 3
    assert [message.message.count("`redraft.") for message in editor.messages] == [2, 1]
    assert "`redraft.mode`" in editor.messages[1].message


async def test_a_folder_chooses_no_model(editor: Editor) -> None:
    """What comes by push or pull may stem from a file in the folder; what comes with `initialize` does not."""
    await editor.initialize(pushing_client(), {"model": "/m/mine"})
    push(editor, {"redraft": {"model": "/tmp/theirs", "threads": 64, "maxLines": 3}})
    assert plain(await editor.ask("test/settings", {})) == {"model": "/m/mine", "maxLines": 3}
    await editor.until(lambda: len(editor.messages) == 1)
    assert "`redraft.model` counts only on the command line" in editor.messages[0].message
    assert "`redraft.threads` counts only" in editor.messages[0].message


async def test_a_model_inside_the_opened_folder_is_refused(editor: Editor) -> None:
    await editor.initialize(pushing_client(), {"model": "/w/models/theirs"})
    assert plain(await editor.ask("test/settings", {}))["model"] == ""
    assert "`redraft.model` lies in an opened folder" in editor.messages[0].message


async def test_the_same_model_again_is_no_news(editor: Editor) -> None:
    await editor.initialize(pushing_client(), {"model": "/m/mine"})
    push(editor, {"redraft": {"model": "/m/mine"}})
    await lines(editor)
    assert editor.messages == []


class TestPinned:
    @pytest.fixture
    def script(self) -> dict[str, Any]:
        return {"pinned": {"maxLines": 1, "model": "./anywhere"}}

    async def test_the_command_line_has_the_last_word(self, editor: Editor) -> None:
        await editor.initialize(pushing_client(), {"maxLines": 5, "model": "/m/other"})
        push(editor, {"redraft": {"maxLines": 9, "model": "third"}})
        assert plain(await editor.ask("test/settings", {})) == {"model": "./anywhere", "maxLines": 1}
        assert editor.messages == []


async def test_trace_logs_requests_but_no_text(editor: Editor) -> None:
    await editor.initialize(pushing_client(), {"trace": True})
    editor.open("password = 'hunter2'\ndef ")
    await editor.ghost(1, 4)
    await editor.until(lambda: len(editor.log) == 1)
    assert editor.log[0].message.startswith("inline completion w/demo.py v1: ")
    await editor.ask("redraft/fill", {"prefix": "password = 'hunter2'", "path": "/home/me/w/x.py"})
    await editor.until(lambda: len(editor.log) == 2)
    assert editor.log[1].message.startswith("fill w/x.py: the model has nothing to say, ")
    assert not any("hunter2" in line.message for line in editor.log)
