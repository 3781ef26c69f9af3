"""Answer editors' fill-in-the-middle clients over HTTP, on this machine only unless told otherwise.

It speaks llama.cpp's, OpenAI's, Mistral's, Tabby's and Ollama's dialects; http://127.0.0.1:8012/docs lists the paths.
Off loopback a token is required: put one into the environment as REDRAFT_TOKEN, or into a file for --token-file.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

from infill.complete import Completer
from lsp_server import compose, process, version
from lsp_server.compose import Choice
from lsp_server.errors import UserError
from lsp_server.hosts import is_loopback

PORT = 8012
TOKEN_SHORTEST = 16


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Where to listen, and to whom."""
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: 127.0.0.1)")
    parser.add_argument("--port", type=int, default=PORT, help=f"port; 0 is any free one (default: {PORT})")
    parser.add_argument(
        "--allow-host", action="append", default=[], metavar="NAME", help="another host name that clients use"
    )
    parser.add_argument(
        "--token-file", metavar="FILE", help="read the token that clients must send; REDRAFT_TOKEN does as well"
    )
    parser.add_argument(
        "--waiting", type=int, default=8, metavar="N", help="requests that may wait before 503 (default: 8)"
    )


def run(given: argparse.Namespace, choice: Choice) -> int:
    """Serve until a signal ends it."""
    token = _token(given.token_file)
    if not is_loopback(given.host) and not token:
        raise UserError(
            f"other machines can reach {given.host}, so a token is required: set REDRAFT_TOKEN or --token-file."
        )
    if not 0 <= given.port < 65536 or given.waiting < 0:
        raise UserError("--port must be from 0 to 65535, and --waiting 0 or more.")
    from lsp_server.door import server
    from lsp_server.door.app import Door
    from lsp_server.door.facts import Facts
    from lsp_server.door.guard import Guard

    facts = Facts(compose.described(choice), version(), int(time.time()))
    guard = Guard.of(given.host, given.allow_host, token)
    door = Door(facts, guard, given.mode or "speedy", given.waiting)
    listener = server.listen(given.host, given.port)
    process.step_back()
    process.give_memory_back()
    host, port = listener.getsockname()[:2]
    _say(f"listening on http://{f'[{host}]' if ':' in host else host}:{port}/, loading the model")
    server.run(door, listener, lambda: Completer(compose.open_filler(choice)), lambda: _say("ready"))
    return 0


def _token(file: str | None) -> str:
    where, token = "REDRAFT_TOKEN", os.environ.get("REDRAFT_TOKEN", "").strip()
    if file is not None:
        try:
            where, token = file, Path(file).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
            raise UserError(f"the token file {file} cannot be read ({reason}); check the path.") from None
    if len(token) < TOKEN_SHORTEST and (token or file is not None):
        raise UserError(f"the token in {where} is shorter than {TOKEN_SHORTEST} characters; use a longer, random one.")
    return token


def _say(what: str) -> None:
    print(f"redraft: {what}", file=sys.stderr, flush=True)
