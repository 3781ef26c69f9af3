"""Whatever a client sends: every request gets exactly one answer, and the server goes on."""

from __future__ import annotations

import json
import random
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.lsp_server.conftest import hang_up
from tests.lsp_server.serve_scripted import scripted

URI = "file:///w/demo.py"


class Wire:
    """JSON-RPC by hand over one end of a socket pair, the server on the other."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        ours.settimeout(20)
        self.socket, self.source = ours, ours.makefile("rb")
        self.server = scripted({"write": {"def ": ["f():"]}, "fill": "x"})
        self.thread = threading.Thread(target=self._serve, args=(theirs,))
        self.thread.start()
        self.heard: list[dict[str, Any]] = []

    def _serve(self, theirs: socket.socket) -> None:
        source, sink = theirs.makefile("rb"), theirs.makefile("wb")
        self.server.start_io(source, sink)
        hang_up(theirs, source, sink)

    def raw(self, body: bytes, header: str = "Content-Length: {}\r\n\r\n") -> None:
        self.socket.sendall(header.format(len(body)).encode() + body)

    def say(self, message: Any) -> None:
        self.raw(json.dumps(message).encode())

    def notify(self, method: str, params: Any) -> None:
        self.say({"jsonrpc": "2.0", "method": method, "params": params})

    def hear(self) -> dict[str, Any]:
        length = 0
        while header := self.source.readline().strip():
            name, _, value = header.partition(b":")
            length = int(value) if name.lower() == b"content-length" else length
        message = json.loads(self.source.read(length))
        self.heard.append(message)
        return dict(message)

    def answer(self, msg_id: Any) -> dict[str, Any]:
        """The next answer; it must be this one's."""
        while True:
            message = self.hear()
            if "method" not in message:
                assert message["id"] == msg_id
                return message

    def ask(self, method: str, params: Any, msg_id: Any = "ask") -> dict[str, Any]:
        self.say({"jsonrpc": "2.0", "id": msg_id, "method": method, "params": params})
        return self.answer(msg_id)

    def open(self, text: str, uri: str = URI) -> None:
        item = {"uri": uri, "languageId": "python", "version": 1, "text": text}
        self.notify("textDocument/didOpen", {"textDocument": item})

    def ghost(self, line: Any, character: Any, uri: str = URI) -> dict[str, Any]:
        position = {"line": line, "character": character}
        return self.ask("textDocument/inlineCompletion", {"textDocument": {"uri": uri}, "position": position})

    def texts(self, line: int, character: int, uri: str = URI) -> list[str]:
        return [item["insertText"] for item in self.ghost(line, character, uri)["result"]["items"]]

    def initialize(self, **more: Any) -> dict[str, Any]:
        able = {"textDocument": {"inlineCompletion": {}}, "workspace": {"applyEdit": True}}
        told = self.ask("initialize", {"processId": None, "rootUri": None, "capabilities": able, **more})
        self.notify("initialized", {})
        while not any(message.get("params", {}).get("state") == "ready" for message in self.heard):
            self.hear()
        return told

    def close(self) -> None:
        self.source.close()
        self.socket.close()
        self.thread.join(10)
        assert not self.thread.is_alive()


@pytest.fixture
def fresh() -> Iterator[Wire]:
    wire = Wire()
    yield wire
    wire.close()


@pytest.fixture
def wire(fresh: Wire) -> Wire:
    """Initialized, with its model loaded and a document open."""
    fresh.initialize()
    fresh.open("def ")
    return fresh


def alive(wire: Wire) -> bool:
    return wire.texts(0, 4) == ["f():"]


# ---- messages


def test_what_cannot_be_read_is_a_line_of_the_log(wire: Wire, caplog: pytest.LogCaptureFixture) -> None:
    """No traceback: it is the client's mistake."""
    told = wire.ask("textDocument/inlineCompletion", {"textDocument": {"uri": 1}, "position": "here"})
    assert told["error"]["code"] == -32602
    assert alive(wire)
    assert caplog.messages == ["the client sent a textDocument/inlineCompletion that cannot be read"]


@pytest.mark.parametrize("params", [[1], None, {"textDocument": None}, {"textDocument": 7}, "x"])
def test_a_change_of_nothing_is_a_line_of_the_log(wire: Wire, params: Any, caplog: pytest.LogCaptureFixture) -> None:
    wire.notify("textDocument/didChange", params)
    assert alive(wire)
    assert caplog.messages == ["the client sent a textDocument/didChange that cannot be read"]


def test_what_nobody_offered_is_no_matter_for_the_log(wire: Wire, caplog: pytest.LogCaptureFixture) -> None:
    """Kate asks so wherever its cursor rests, and tells of each file that it saves."""
    place = {"textDocument": {"uri": URI}, "position": {"line": 0, "character": 0}}
    assert wire.ask("textDocument/documentHighlight", place)["error"]["code"] == -32601
    wire.notify("textDocument/didSave", {"textDocument": {"uri": URI}})
    assert alive(wire)
    assert not caplog.messages


def test_the_end_of_no_request_is_passed_over(wire: Wire, caplog: pytest.LogCaptureFixture) -> None:
    wire.notify("$/cancelRequest", {"id": [1]})
    assert alive(wire)
    assert not caplog.messages


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"{", -32700),
        (b"not json", -32700),
        (b"\xff\xfe", -32700),
        (b'{"jsonrpc": "2.0", "id": 1, "method": "x"', -32700),
        (b"[" * 100_000, -32700),
        (b"[]", -32600),
        (b"42", -32600),
        (b"null", -32600),
        (b'"text"', -32600),
        (b"{}", -32600),
        (b'{"id": 1, "method": "shutdown"}', -32600),
        (b'{"jsonrpc": "1.0", "id": 1, "method": "shutdown"}', -32600),
        (b'{"jsonrpc": "2.0", "id": {}, "method": "shutdown"}', -32600),
        (b'{"jsonrpc": "2.0", "id": null, "method": "shutdown"}', -32600),
        (b'{"jsonrpc": "2.0", "id": true, "method": "shutdown"}', -32600),
    ],
)
def test_what_is_no_message_gets_an_error_without_id(wire: Wire, body: bytes, code: int) -> None:
    wire.raw(body)
    error = wire.answer(None)["error"]
    assert error["code"] == code
    assert "\n" not in error["message"]
    assert "Traceback" not in json.dumps(error)
    assert alive(wire)


@pytest.mark.parametrize(
    ("method", "params", "code"),
    [
        (5, {}, -32600),
        (None, {}, -32600),
        ("no/such/method", {}, -32601),
        ("textDocument/inlineCompletion", None, -32602),
        ("textDocument/inlineCompletion", {}, -32602),
        ("textDocument/inlineCompletion", [1, 2], -32602),
        ("textDocument/inlineCompletion", {"textDocument": URI, "position": {"line": 0, "character": 0}}, -32602),
        ("textDocument/inlineCompletion", {"textDocument": {"uri": URI}, "position": {"line": "0"}}, -32602),
        ("textDocument/codeAction", {"textDocument": {"uri": URI}}, -32602),
        ("codeAction/resolve", {}, -32602),
        ("workspace/executeCommand", {"command": "rm"}, -32602),
        ("workspace/executeCommand", {}, -32602),
        ("test/broken", {}, -32603),
        ("redraft/fill", None, -32602),
        ("redraft/fill", {"prefix": 5}, -32602),
        ("redraft/fill", {"prefix": "", "suffix": "", "mode": "fast"}, -32602),
        ("redraft/fill", {"prefix": "", "suffix": "", "maxTokens": True}, -32602),
        ("redraft/fill", {"prefix": "", "suffix": "", "maxTokens": 5.5}, -32602),
        ("redraft/fill", {"prefix": "", "suffix": "", "maxTokens": 10**9}, -32602),
    ],
)
def test_a_bad_request_gets_one_error_of_one_sentence(wire: Wire, method: Any, params: Any, code: int) -> None:
    error = wire.ask(method, params, msg_id=7)["error"]
    assert error["code"] == code
    assert set(error) == {"code", "message"}
    assert "\n" not in error["message"]
    assert len(error["message"]) < 200
    assert alive(wire)


@pytest.mark.parametrize(
    "message",
    [
        {"method": "no/such/notification", "params": {}},
        {"method": "no/such/notification"},
        {"method": "$/cancelRequest", "params": {"id": 999}},
        {"method": "$/cancelRequest", "params": {"id": []}},
        {"method": "$/cancelRequest", "params": {}},
        {"method": "$/setTrace", "params": {"value": "loud"}},
        {"method": "textDocument/didOpen", "params": {"textDocument": 5}},
        {"method": "textDocument/didChange", "params": {}},
        {"method": "textDocument/didChange", "params": None},
        {"method": "textDocument/didChange", "params": {"textDocument": 5}},
        {"method": "textDocument/didClose", "params": {"textDocument": {"uri": "file:///never-opened"}}},
        {"method": "workspace/didChangeConfiguration", "params": {}},
        {"method": "workspace/didChangeConfiguration", "params": {"settings": [[]]}},
        {"method": "textDocument/didShowCompletion", "params": {"item": {}}},
        {"id": 12345, "result": None},
        {"id": "none", "error": {"code": 1, "message": "x"}},
        {"id": "none", "error": 5},
    ],
)
def test_a_bad_notification_or_answer_is_ignored(wire: Wire, message: dict[str, Any]) -> None:
    wire.say({"jsonrpc": "2.0", **message})
    assert alive(wire)


def test_a_cancellation_that_comes_late_is_no_news(wire: Wire, caplog: pytest.LogCaptureFixture) -> None:
    """Editors send one for each answer that crosses it; stderr is where the user looks for trouble."""
    wire.ghost(0, 4)
    wire.notify("$/cancelRequest", {"id": "ask"})
    assert alive(wire)
    assert not [said for said in caplog.records if said.levelname == "WARNING"]


def test_headers_in_any_case_and_with_others_are_read(wire: Wire) -> None:
    message = {"jsonrpc": "2.0", "id": 1, "method": "redraft/fill", "params": {"prefix": "", "suffix": ""}}
    wire.raw(json.dumps(message).encode(), "content-type: application/json\r\ncontent-length:{}\r\n\r\n")
    assert wire.answer(1)["result"]["text"] == "x"


def test_random_messages_never_end_the_server(wire: Wire) -> None:
    """Every request among them is answered once, with its own id, in whatever order."""
    dice = random.Random(5)
    methods = [
        "textDocument/inlineCompletion", "textDocument/completion", "textDocument/codeAction", "codeAction/resolve",
        "textDocument/didChange", "textDocument/didOpen", "workspace/didChangeConfiguration", "redraft/fill",
        "workspace/executeCommand", "$/cancelRequest", "$/progress", "textDocument/copilotInlineEdit",
    ]  # fmt: skip
    words = [
        "textDocument",
        "uri",
        "position",
        "line",
        "character",
        "range",
        "start",
        "end",
        "contentChanges",
        "text",
        "context",
        "diagnostics",
        "settings",
        "redraft",
        "command",
        "arguments",
        "data",
        "id",
        "version",
    ]

    def value(depth: int) -> Any:
        kind = dice.randrange(7 if depth else 5)
        if kind >= 5:
            return {word: value(depth - 1) for word in dice.sample(words, 3)} if kind == 5 else [value(depth - 1)] * 2
        return [None, True, dice.choice([-1, 0, 2**40, 1.5]), dice.choice(["", URI, "def ", "\ud800"]), {}][kind]

    asked = set()
    for number in range(400):
        message = {"jsonrpc": "2.0", "method": dice.choice(methods), "params": value(4)}
        if dice.random() < 0.7:
            message["id"] = number
            asked.add(number)
        wire.say(message)
    answered: list[int] = []
    while len(answered) < len(asked):
        heard = wire.hear()
        if "method" not in heard:
            answered.append(heard["id"])
    assert sorted(answered) == sorted(asked)
    wire.notify("workspace/didChangeConfiguration", {"settings": {"redraft": {"enable": True}}})
    wire.open("def ")
    assert alive(wire)


# ---- order


def test_nothing_is_answered_before_initialize(fresh: Wire) -> None:
    assert fresh.ask("redraft/fill", {"prefix": "", "suffix": ""})["error"]["code"] == -32002
    fresh.open("def ")
    fresh.initialize()
    assert fresh.texts(0, 4) == []


def test_a_second_initialize_is_refused_and_changes_nothing(wire: Wire) -> None:
    again = wire.ask("initialize", {"processId": None, "rootUri": None, "capabilities": {}})
    assert again["error"]["code"] == -32600
    assert alive(wire)


def test_nothing_but_exit_after_shutdown(wire: Wire) -> None:
    assert wire.ask("shutdown", None)["result"] is None
    assert wire.ask("redraft/fill", {"prefix": "", "suffix": ""})["error"]["code"] == -32600
    wire.notify("exit", None)
    wire.thread.join(10)
    assert wire.server.exit_code == 0


def test_exit_without_shutdown_is_a_failure(wire: Wire) -> None:
    wire.notify("exit", None)
    wire.thread.join(10)
    assert wire.server.exit_code == 1


@pytest.mark.parametrize("rest", [b"", b"Content-Length: 50\r\n\r\n{", b"garbage"])
def test_a_client_that_dies_ends_the_server(wire: Wire, rest: bytes) -> None:
    wire.say({"jsonrpc": "2.0", "id": 1, "method": "redraft/fill", "params": {"prefix": "", "suffix": ""}})
    wire.socket.sendall(rest)
    wire.socket.shutdown(socket.SHUT_WR)
    wire.thread.join(10)
    assert not wire.thread.is_alive()
    assert wire.server.exit_code == 0


@pytest.mark.parametrize("length", ["many", "-1", "1" + 15 * "0", "1" + 20 * "0", None])
def test_a_length_that_no_message_has_ends_the_server(wire: Wire, length: str | None) -> None:
    """Where the next message begins is not known."""
    header = "Content-Type: x" if length is None else f"Content-Length: {length}"
    wire.socket.sendall(f"{header}\r\n\r\n{{}}".encode())
    wire.thread.join(10)
    assert not wire.thread.is_alive()
    assert wire.server.exit_code == 0


@pytest.mark.parametrize(
    "capabilities",
    [
        {},
        {"textDocument": {"completion": {"completionItem": {"tagSupport": {"valueSet": [99]}}}}},
        {"textDocument": [], "workspace": "x", "window": None, "general": {"positionEncodings": ["utf-7"]}},
        {"textDocument": {"codeAction": {"resolveSupport": {"properties": "edit"}, "tagSupport": {"valueSet": 1}}}},
    ],
)
def test_initialize_survives_capabilities_of_all_kinds(fresh: Wire, capabilities: Any) -> None:
    told = fresh.initialize(capabilities=capabilities, trace="loud", clientInfo={"name": "odd"}, locale=None)
    assert told["result"]["capabilities"]["positionEncoding"] == "utf-16"
    fresh.open("def ")
    assert alive(fresh)


# ---- documents


@pytest.mark.parametrize(
    ("line", "character"), [(0, 10**12), (10**12, 0), (-1, 0), (0, -7), (2**31, 2**31), (0.0, 4.0)]
)
def test_positions_outside_the_file_are_answered(wire: Wire, line: float, character: float) -> None:
    assert "result" in wire.ghost(line, character)
    assert alive(wire)


def test_a_document_that_is_not_open_gets_empty_answers(wire: Wire) -> None:
    at = {"line": 0, "character": 0}
    document = {"uri": "file:///w/closed.py"}
    assert wire.texts(0, 0, "file:///w/closed.py") == []
    params = {"textDocument": document, "range": {"start": at, "end": at}, "context": {"diagnostics": []}}
    assert wire.ask("textDocument/codeAction", params)["result"] == []
    wire.notify("textDocument/didClose", {"textDocument": {"uri": URI}})
    assert wire.texts(0, 4) == []


@pytest.mark.parametrize("change", [{"text": None}, {"text": 5}, {"range": {"start": {"line": "first"}}, "text": "x"}])
def test_a_change_that_cannot_be_read_loses_the_document_rather_than_the_truth(
    wire: Wire, change: dict[str, Any]
) -> None:
    for version in (2, 3):
        document = {"uri": URI, "version": version}
        wire.notify("textDocument/didChange", {"textDocument": document, "contentChanges": [change]})
    assert wire.texts(0, 4) == []
    shown = [said["params"]["message"] for said in wire.heard if said.get("method") == "window/showMessage"]
    assert len(shown) == 1
    assert "lost track of" in shown[0]
    assert "demo.py" in shown[0]
    wire.open("def ")
    assert wire.texts(0, 4) == ["f():"]


def test_a_change_to_the_end_written_as_a_huge_number(wire: Wire) -> None:
    everything = {"start": {"line": 0, "character": 0}, "end": {"line": 2**32 - 1, "character": 2**32 - 1}}
    change = {"range": everything, "rangeLength": 4, "text": "x\ndef "}
    wire.notify("textDocument/didChange", {"textDocument": {"uri": URI, "version": None}, "contentChanges": [change]})
    assert wire.texts(1, 4) == ["f():"]


def test_a_change_of_everything_with_a_range_of_null(wire: Wire) -> None:
    change = {"range": None, "text": "x\ndef "}
    wire.notify("textDocument/didChange", {"textDocument": {"uri": URI, "version": 2}, "contentChanges": [change]})
    assert wire.texts(1, 4) == ["f():"]


@pytest.mark.parametrize(
    "odd", [{"severity": 0}, {"severity": 9}, {"tags": [7]}, {"message": {"kind": "m", "value": "w"}}]
)
def test_a_diagnostic_of_a_newer_protocol_comes_back_in_its_action(odd: dict[str, Any]) -> None:
    """To a client that takes actions as objects, which hold the diagnostic."""
    wire = Wire()
    literals = {"codeActionLiteralSupport": {"codeActionKind": {"valueSet": ["quickfix"]}}}
    wire.initialize(capabilities={"textDocument": {"codeAction": literals}, "workspace": {"applyEdit": True}})
    wire.open("def ")
    at = {"start": {"line": 0, "character": 0}, "end": {"line": 0, "character": 3}}
    found = {"range": at, "message": "w", **odd}
    params = {"textDocument": {"uri": URI}, "range": at, "context": {"diagnostics": [found]}}
    offer = wire.ask("textDocument/codeAction", params)["result"][0]
    assert offer["title"].endswith("fix “w”")
    (given,) = offer["diagnostics"]
    assert all(given[name] == found[name] for name in ("range", *(set(odd) - {"message"})))
    wire.close()


def test_an_odd_diagnostic_does_not_hide_the_others(wire: Wire) -> None:
    at = {"start": {"line": 0, "character": 0}, "end": {"line": 0, "character": 3}}
    odd: list[Any] = [{"range": at}, {"message": "no range"}, 5, None]
    new = {"range": at, "message": "of a newer protocol", "severity": 9, "tags": [77], "source": None}
    params = {"textDocument": {"uri": URI}, "range": at, "context": {"diagnostics": [*odd, new], "triggerKind": 9}}
    titles = [offer["title"] for offer in wire.ask("textDocument/codeAction", params)["result"]]
    assert titles[0].endswith("fix “of a newer protocol”")
    assert len(titles) == 2


def test_a_severity_in_words_is_no_worse_than_none(wire: Wire) -> None:
    at = {"start": {"line": 0, "character": 0}, "end": {"line": 0, "character": 3}}
    told = [{"range": at, "message": said, "severity": of} for said, of in (("a hint", 4), ("in words", "error"))]
    params = {"textDocument": {"uri": URI}, "range": at, "context": {"diagnostics": told}}
    assert wire.ask("textDocument/codeAction", params)["result"][0]["title"].endswith("fix “in words”")


def test_ten_megabytes_on_one_line(wire: Wire) -> None:
    wide = "é" * 5 + "x" * 10_000_000
    started = time.monotonic()
    wire.open(wide, uri="file:///w/wide.py")
    at = {"line": 0, "character": 10_000_005}
    change = {"range": {"start": at, "end": at}, "text": " def "}
    document = {"uri": "file:///w/wide.py", "version": 2}
    wire.notify("textDocument/didChange", {"textDocument": document, "contentChanges": [change]})
    assert wire.texts(0, 10_000_010, "file:///w/wide.py") == ["f():"]
    assert alive(wire)
    assert time.monotonic() - started < 15


def test_half_a_surrogate_pair_at_a_time(wire: Wire) -> None:
    """JavaScript strings may be cut inside a character; the two halves make one again."""
    for version, (character, half) in enumerate([(0, "\ud83d"), (1, "\ude00")], start=2):
        where = {"line": 0, "character": character}
        change = {"range": {"start": where, "end": where}, "text": half}
        document = {"uri": URI, "version": version}
        wire.notify("textDocument/didChange", {"textDocument": document, "contentChanges": [change]})
    assert wire.texts(0, 6) == ["f():"]
    assert wire.ghost(0, 6)["result"]["items"][0]["range"]["start"] == {"line": 0, "character": 6}


# ---- fill


def test_fill_answers_with_text_score_and_cost(wire: Wire) -> None:
    params = {"prefix": "a", "suffix": "b", "language": "python", "path": "w/a.py", "maxTokens": 5.0, "deadlineMs": 500}
    told = wire.ask("redraft/fill", params)["result"]
    assert told["text"] == "axb"
    assert (told["score"], told["confidence"], told["finished"], told["forwards"]) == (-1.5, 0.8, True, 1)
    assert told["reason"] == ""
    assert told["ms"] >= 0


@pytest.mark.parametrize(
    ("cut", "reason"),
    [
        (False, "the model has nothing to say"),
        (True, "a limit such as max_tokens cut the text short before it could stand"),
    ],
)
def test_fill_says_why_there_is_no_text(fresh: Wire, cut: bool, reason: str) -> None:
    fresh.initialize()
    fresh.server.session.model.completer.script.update(fill="", cut=cut)  # type: ignore[union-attr]
    told = fresh.ask("redraft/fill", {"prefix": "a", "suffix": "b"})["result"]
    assert (told["text"], told["reason"], told["finished"]) == ("", reason, not cut)


@pytest.mark.parametrize(
    ("limits", "deadline"), [({}, None), ({"mode": "auto"}, 2.0), ({"mode": "auto", "deadlineMs": 500}, 0.5)]
)
def test_fill_plans_with_a_deadline_where_the_mode_does(fresh: Wire, limits: Any, deadline: float | None) -> None:
    fresh.initialize()
    fresh.ask("redraft/fill", {"prefix": "a", "suffix": "b", **limits})
    assert fresh.ask("test/calls", {})["result"][f"deadline_{deadline}"] == 1


def test_fill_replaces_half_a_character(fresh: Wire) -> None:
    fresh.initialize()
    assert fresh.ask("redraft/fill", {"prefix": "a\ud83d", "suffix": "b"})["result"]["text"] == "\ufffdxb"


def test_fill_reads_no_secrets(wire: Wire) -> None:
    told = wire.ask("redraft/fill", {"prefix": "KEY=", "suffix": "", "path": "w/.env"})["result"]
    assert told["text"] == ""
    assert "secret" in told["reason"]


@pytest.mark.parametrize(
    ("name", "reason"), [("build/a.py", "ignored by .gitignore"), ("src/a.py", ""), ("vendor/a.py", "vendored file")]
)
@pytest.mark.parametrize("scheme", ["", "file://"])
def test_fill_knows_the_folder_that_is_open(fresh: Wire, tmp_path: Path, name: str, reason: str, scheme: str) -> None:
    top = tmp_path / "vendor" / "app"
    top.mkdir(parents=True)
    (top / ".gitignore").write_text("build/\n")
    fresh.initialize(rootUri=top.as_uri())
    told = fresh.ask("redraft/fill", {"prefix": "a", "suffix": "b", "path": f"{scheme}{top}/{name}"})["result"]
    assert (told["reason"], told["text"]) == (reason, "" if reason else "axb")


@pytest.mark.parametrize("inner_first", [False, True])
def test_of_folders_within_each_other_the_innermost_counts(fresh: Wire, inner_first: bool) -> None:
    """Whoever opened a folder inside `vendor` writes code there."""
    folders = [{"uri": "file:///w/", "name": "all"}, {"uri": "file:///w/vendor/app", "name": "app"}]
    fresh.initialize(workspaceFolders=folders[::-1] if inner_first else folders)
    for name, texts in (("vendor/app/a.py", ["f():"]), ("vendor/other/a.py", [])):
        fresh.open("def ", uri=f"file:///w/{name}")
        assert fresh.texts(0, 4, f"file:///w/{name}") == texts


def test_next_edit_requests_are_answered_with_none(wire: Wire) -> None:
    params = {"textDocument": {"uri": URI, "version": 1}, "position": {"line": 0, "character": 0}}
    assert wire.ask("textDocument/copilotInlineEdit", params)["result"] == {"edits": []}
