"""A tee between an editor and the server: writes down one conversation, from `initialize` to `exit`.

    python tests/conversations/record.py OUT.jsonl --client NAME --root FOLDER -- redraft lsp --model scripted:FILE

Give the editor this as its server command. The first line of OUT names the client and holds the script of the model;
every other line is `{"from": "client" | "server", "message": …}`, in the order in which the two ends said it. The
opened folder is written as /w and the client's process id as null, so that a recording holds nothing of the machine it
was made on. `tests/lsp_server/test_conversations.py` replays the recordings.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any, BinaryIO

FOLDER = "/w"


def read_message(source: BinaryIO) -> dict[str, Any] | None:
    """The next message of a stream, or None at its end."""
    length = 0
    while header := source.readline():
        name, _, value = header.partition(b":")
        if name.strip().lower() == b"content-length":
            length = int(value)
        elif not header.strip():
            body = source.read(length)
            return json.loads(body) if len(body) == length else None
    return None


def framed(message: dict[str, Any]) -> bytes:
    """A message as it travels."""
    body = json.dumps(message, ensure_ascii=False).encode()
    return b"Content-Length: %d\r\n\r\n%s" % (len(body), body)


def entries(path: Path) -> list[tuple[str, dict[str, Any]]]:
    """Who said what, of a recording that may still be going on."""
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()[1:]]
    return [(line["from"], line["message"]) for line in lines]


def script_of(path: Path) -> dict[str, Any]:
    """The script of the model that answered."""
    with path.open(encoding="utf-8") as lines:
        return dict(json.loads(lines.readline())["script"])


class Record:
    """The file, which two threads write."""

    def __init__(self, path: Path, client: str, script: dict[str, Any], root: str) -> None:
        self._file = path.open("w", encoding="utf-8")
        self._lock = threading.Lock()
        self._root = root
        self._over = False
        self._write({"client": client, "script": script})

    def add(self, sender: str, message: dict[str, Any]) -> None:
        """Note one message; what comes after `exit` (Neovim 0.10 has a last change) is no part of the conversation."""
        if self._over:
            return
        self._over = message.get("method") == "exit"
        if message.get("method") == "initialize":
            message = {**message, "params": {**message["params"], "processId": None}}
        self._write({"from": sender, "message": message})

    def _write(self, line: dict[str, Any]) -> None:
        text = json.dumps(line, ensure_ascii=False).replace(self._root, FOLDER)
        with self._lock:
            self._file.write(text + "\n")
            self._file.flush()


def pass_on(source: BinaryIO, sink: BinaryIO, record: Record, sender: str) -> None:
    """Carry every message from one end to the other, noting it first."""
    try:
        while (message := read_message(source)) is not None:
            record.add(sender, message)
            sink.write(framed(message))
            sink.flush()
    except OSError:
        pass  # the other end has gone
    finally:
        sink.close()


def main() -> int:
    """Run the server behind the tee; returns its exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--client", required=True, help="name and version of the editor")
    parser.add_argument("--root", required=True, help="the folder that the editor opens")
    parser.add_argument("command", nargs="+", metavar="COMMAND")
    given = parser.parse_args()
    # An editor that leaves takes its terminal with it, and its last words are still to be read then.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    # Helix kills what it started right behind `exit`, which still lies in the pipe then: another process reads it.
    if tee := os.fork():
        return os.waitstatus_to_exitcode(os.waitpid(tee, 0)[1])
    script = next(word.removeprefix("scripted:") for word in given.command if word.startswith("scripted:"))
    record = Record(given.out, given.client, json.loads(Path(script).read_text(encoding="utf-8")), given.root)
    with subprocess.Popen(given.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        # Not sys.stdin: the interpreter could not end while a thread reads from it.
        source, sink = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
        ends = (source, server.stdin, record, "client"), (server.stdout, sink, record, "server")
        threads = [threading.Thread(target=pass_on, args=end, daemon=True) for end in ends]
        for thread in threads:
            thread.start()
        threads[1].join()
        return server.wait()


if __name__ == "__main__":
    sys.exit(main())
