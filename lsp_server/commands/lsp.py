"""Run the language server for an editor, over stdin and stdout unless told otherwise.

stdio is the protocol's: whatever else this process prints goes to stderr.
"""

from __future__ import annotations

import argparse
import gc
import sys

from lsp_server import compose, process
from lsp_server.compose import Choice
from lsp_server.errors import UserError, refusal
from lsp_server.hosts import is_loopback
from lsp_server.settings import BY_NAME


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """How the editor connects."""
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--stdio", action="store_true", help="speak over stdin and stdout (the default)")
    how.add_argument("--tcp", metavar="HOST:PORT", help="wait for one editor on this address, loopback only")
    parser.add_argument(
        "--any-host", action="store_true", help="let --tcp listen on an address other machines can reach"
    )


def run(given: argparse.Namespace, choice: Choice) -> int:
    """Serve until the editor leaves; returns what the protocol says the exit status is."""
    address = _address(given.tcp, given.any_host) if given.tcp else None
    # The import makes thousands of lasting objects and no garbage; looking for some costs a sixth of its time.
    gc.disable()
    from lsp_server.server import build
    from lsp_server.stats import Record

    gc.freeze()
    gc.enable()
    server = build(compose.load_completer, pinned=pinned(given), record=Record.usual())
    process.step_back()
    process.give_memory_back()
    if address is None:
        if sys.stdin.isatty():
            print("redraft: waiting for an editor to speak on stdin; Ctrl-C ends this.", file=sys.stderr)
        server.start_io()
        return server.exit_code
    try:
        server.start_tcp(*address)
    except OSError as error:
        raise UserError(f"cannot listen on {given.tcp} ({refusal(error)}); choose another address.") from None
    return server.exit_code


def pinned(given: argparse.Namespace) -> dict[str, object]:
    """Settings that the command line fixes, by their name on the wire."""
    return {name: value for name, value in vars(given).items() if value and name in BY_NAME}


def _address(text: str, any_host: bool) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or not int(port) < 65536:
        raise UserError(f"{text!r} is no address; write HOST:PORT, for example 127.0.0.1:8011.")
    host = host.strip("[]")
    if not any_host and not is_loopback(host):
        raise UserError(f"{host} can be reached by other machines; use 127.0.0.1, or add --any-host if you mean it.")
    return host, int(port)
