"""What real editors said, said again to the installed server: it must answer as it did when it was recorded.

The recordings and their format: `tests/conversations/record.py`. More than was recorded may be in an answer (a new
capability), and a request that its client had overtaken by more typing may be answered in any way, but must be.
"""

from __future__ import annotations

import json
import queue
import re
import subprocess
import threading
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import REDRAFT, ROOT
from tests.conversations.record import entries as read
from tests.conversations.record import framed, read_message, script_of

RECORDINGS = sorted((ROOT / "tests" / "conversations").glob("*.jsonl"))
SECONDS = 60.0
OPTIONAL = {"window/workDoneProgress/create", "$/progress"}
"""Depends on how long the model takes to load."""

Message = dict[str, Any]
Entry = tuple[str, Message]


class Server:
    """The installed server, and everything it has said."""

    def __init__(self, script: Path, replies: dict[str, list[Message]]) -> None:
        command = [REDRAFT, "lsp", "--model", f"scripted:{script}"]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        self.answers: dict[Any, Message] = {}
        self.answered = Counter[Any]()
        self.said: dict[str, list[Message]] = defaultdict(list)
        self._replies = {method: iter(known) for method, known in replies.items()}
        self._arrived: queue.Queue[Message | None] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def __enter__(self) -> Server:
        self.process.__enter__()
        return self

    def __exit__(self, *problem: object) -> None:
        self.process.kill()
        self.process.__exit__(*problem)  # type: ignore[arg-type]

    def _read(self) -> None:
        assert self.process.stdout is not None
        while (message := read_message(self.process.stdout)) is not None:
            self._arrived.put(message)
        self._arrived.put(None)

    def send(self, message: Message) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(framed(message))
        self.process.stdin.flush()

    def take(self) -> bool:
        """Take in what the server says next; False when it says no more."""
        message = self._arrived.get(timeout=SECONDS)
        if message is None:
            return False
        if "method" not in message:
            self.answers[message["id"]] = message
            self.answered[message["id"]] += 1
            return True
        self.said[message["method"]].append(message)
        if "id" in message:
            reply = next(self._replies.get(message["method"], iter(())), {"jsonrpc": "2.0", "result": None})
            self.send({**reply, "id": message["id"]})
        return True

    def answer(self, asked: Any) -> Message:
        """The answer to a request, as soon as it is there."""
        while asked not in self.answers:
            assert self.take(), f"request {asked!r} was never answered"
        return self.answers[asked]

    def saying(self, method: str, number: int) -> Message:
        """The nth message of a method, as soon as it is there."""
        while len(self.said[method]) <= number:
            assert self.take(), f"{method} was said {len(self.said[method])} times, not {number + 1}"
        return self.said[method][number]


@pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: path.stem)
def test_a_recorded_conversation_goes_the_same_way(path: Path, tmp_path: Path) -> None:
    entries = read(path)
    script = tmp_path / "model.json"
    script.write_text(json.dumps(script_of(path)), encoding="utf-8")
    with Server(script, replies(entries)) as server:
        said = Counter[str]()
        for place, (sender, message) in enumerate(entries):
            if sender == "client":
                if "method" in message:
                    server.send(message)
            elif "method" not in message:
                answer = server.answer(message["id"])
                if not overtaken(entries, place):
                    assert includes(told(answer), told(message)), f"{path.name}:{place + 2}: {told(answer)}"
            elif message["method"] not in OPTIONAL:
                again = server.saying(message["method"], said[message["method"]])
                said[message["method"]] += 1
                if "id" not in message:
                    assert includes(told(again), told(message)), f"{path.name}:{place + 2}: {told(again)}"
        while server.take():
            pass
        assert server.process.wait(SECONDS) == 0
        asked = [message["id"] for sender, message in entries if sender == "client" and {"method", "id"} <= {*message}]
        assert asked[0] in server.answered
        assert server.answered == Counter(asked), "every request has one answer"


def test_every_recording_is_whole_and_anonymous() -> None:
    assert RECORDINGS
    for path in RECORDINGS:
        entries = read(path)
        methods = [message.get("method") for sender, message in entries if sender == "client"]
        assert methods[0] == "initialize"
        assert methods[-1] == "exit"
        text = path.read_text(encoding="utf-8")
        assert str(ROOT) not in text
        assert not re.search(r"/(?:home|root|tmp|Users)/", text), path.name


def replies(entries: list[Entry]) -> dict[str, list[Message]]:
    """What the client answered to the server's own requests, by method and in order."""
    methods = {message["id"]: message["method"] for sender, message in entries if sender == "server" and asks(message)}
    given: dict[str, list[Message]] = defaultdict(list)
    for sender, message in entries:
        if sender == "client" and "method" not in message:
            given[methods[message["id"]]].append(message)
    return given


def asks(message: Message) -> bool:
    return "method" in message and "id" in message


def overtaken(entries: list[Entry], place: int) -> bool:
    """Whether the client changed the text, cancelled or asked the like before this answer came."""
    asked = entries[place][1]["id"]
    start = next(n for n, (sender, one) in enumerate(entries) if sender == "client" and one.get("id") == asked)
    method = entries[start][1]["method"]
    between = (message for sender, message in entries[start + 1 : place] if sender == "client")
    return any(later.get("method") in ("textDocument/didChange", "$/cancelRequest", method) for later in between)


def told(message: Message) -> Any:
    """What of a message is the same each time: not the version, not the numbers of offers."""
    return steady({name: value for name, value in message.items() if name not in ("id", "jsonrpc")})


def steady(value: Any) -> Any:
    if isinstance(value, list):
        return [steady(one) for one in value]
    if not isinstance(value, dict):
        return value
    changing = {"serverInfo"} | ({"arguments"} if value.get("command") == "redraft.didAccept" else set())
    return {name: steady(one) for name, one in value.items() if name not in changing}


def includes(now: Any, then: Any) -> bool:
    """Whether everything said then is said now; objects and lists of words may have grown."""
    if isinstance(then, dict):
        return isinstance(now, dict) and all(name in now and includes(now[name], one) for name, one in then.items())
    if isinstance(then, list) and isinstance(now, list):
        if all(isinstance(one, str) for one in then):
            return {*then} <= {*now}
        return len(now) == len(then) and all(includes(*pair) for pair in zip(now, then, strict=True))
    return bool(now == then)
