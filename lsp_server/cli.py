"""The command line: arguments, one sentence for each error, exit status. Each command is a module of `commands`."""

from __future__ import annotations

import argparse
import contextlib
import importlib
import logging
import os
import sys
from collections.abc import Sequence
from dataclasses import fields
from typing import NoReturn

from lsp_server import kinds, version
from lsp_server.compose import Choice
from lsp_server.errors import UserError
from lsp_server.settings import BACKENDS, DTYPES, MODES, REMOTE_KINDS, THREADS_MOST

COMMANDS = {
    "lsp": "run the language server for an editor",
    "complete": "complete the code at one place of a file",
    "fix": "propose repairs of code in place",
    "fill": "fill holes in bulk: JSON lines in, JSON lines out",
    "serve": "answer clients over HTTP: llama.cpp, OpenAI, Mistral, Tabby, Ollama",
    "doctor": "say what is there, how fast it is and what is wrong",
    "stats": "show what became of proposals: counts that stay on this machine",
}
MODELLESS = ("stats",)
"""Commands that ask no model."""


def run(arguments: Sequence[str]) -> int:
    """Run one command. Returns 0, 1 when it failed (one sentence on stderr says why), 2 for wrong usage."""
    for name in ("stdin", "stdout", "stderr"):
        if getattr(sys, name) is None:  # closed by whoever started us
            setattr(sys, name, open(os.devnull, "r+", encoding="utf-8"))  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        # Line ends as they are: Windows would write CRLF, and of those in a file's diff CR CR LF.
        stream.reconfigure(encoding="utf-8", errors="backslashreplace", newline="\n")  # type: ignore[union-attr]
    logging.basicConfig(level=logging.WARNING, format="redraft: %(message)s")
    try:
        given = parser(arguments).parse_args(arguments)
        said = {name.replace(".", "_"): value for name, value in vars(given).items()}
        choice = Choice(**{one.name: said[one.name] for one in fields(Choice) if one.name in said})
        status: int = given.run(given, choice)
        sys.stdout.flush()
        return status
    except UserError as error:
        print(f"redraft: {error}", file=sys.stderr)
    except BrokenPipeError:
        _end_output()  # whoever read it has enough
    except Exception as error:
        if "--debug" in arguments:
            raise
        if isinstance(error, OSError):
            _end_output()
        print(f"redraft: {_sentence(error)}", file=sys.stderr)
    return 1


def _end_output() -> None:
    """The interpreter must not complain again when it flushes at exit."""
    with contextlib.suppress(OSError):
        sys.stdout.flush()
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _sentence(error: Exception) -> str:
    if isinstance(error, OSError):
        return f"the system refused ({error.strerror or error}); check disk space and permissions."
    return (
        f"internal error ({type(error).__name__}: {error}); please report it with what `redraft doctor` says and the "
        "traceback that --debug shows."
    )


def parser(arguments: Sequence[str]) -> argparse.ArgumentParser:
    """All commands, and the arguments of the one that is asked for: the others are not even imported."""
    top = _Parser(prog="redraft", description="Local code completion that drafts and edits.")
    top.add_argument("--version", action=_Version, nargs=0, help="print the version and exit")
    menu = top.add_subparsers(title="commands", metavar="COMMAND", required=True)
    wanted = next((argument for argument in arguments if not argument.startswith("-")), "")
    for name, summary in COMMANDS.items():
        sub = menu.add_parser(name, help=summary)
        if name == wanted:
            command = importlib.import_module(f"lsp_server.commands.{name}")
            sub.description, sub.formatter_class = command.__doc__, argparse.RawDescriptionHelpFormatter
            command.add_arguments(sub)
            if name not in MODELLESS:
                _add_model(sub)
            sub.add_argument("--debug", action="store_true", help="show the traceback of an internal error")
            sub.set_defaults(run=command.run)
    return top


def _add_model(sub: argparse.ArgumentParser) -> None:
    common = sub.add_argument_group("model")
    common.add_argument(
        "--model",
        default="",
        metavar="DIR|NAME|scripted:FILE",
        help="a model folder, the name of an embedded model, or a script to answer from (default: the embedded model)",
    )
    common.add_argument("--backend", default="", choices=BACKENDS, help="what runs the model (default: what it needs)")
    common.add_argument("--device", default="", help="cpu, cuda, ..., as the backend names it (default: cpu)")
    common.add_argument(
        "--dtype",
        default="",
        choices=DTYPES,
        help="what the weights of a large model are held as (default: as they are stored)",
    )
    common.add_argument(
        "--threads",
        type=_count,
        default=0,
        metavar="N",
        help="cores to use (default: one fewer than there are, 4 at most)",
    )
    common.add_argument(
        "--mode", choices=MODES, help="how boldly to decode (default: speedy; for fix and fill quality)"
    )
    remote = sub.add_argument_group("a server that is asked first (its key stands in REDRAFT_REMOTE_KEY)")
    remote.add_argument(
        "--remote", dest="remote.url", type=_address, default="", metavar="URL", help="its base address (default: none)"
    )
    remote.add_argument(
        "--remote-kind",
        dest="remote.kind",
        default="",
        choices=REMOTE_KINDS,
        help="what it speaks (default: completions)",
    )
    remote.add_argument(
        "--remote-model", dest="remote.model", default="", metavar="NAME", help="the model's name there"
    )
    remote.add_argument(
        "--remote-proxy", dest="remote.proxy", type=_address, default="", metavar="URL", help="a proxy to reach it by"
    )


def _address(text: str) -> str:
    kind = kinds.url()
    try:
        return str(kind.read(text))
    except ValueError:
        raise argparse.ArgumentTypeError(f"give {kind.words}") from None


def _count(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= THREADS_MOST:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of cores: give 1 to {THREADS_MOST}")
    return int(text)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(2, f"redraft: {message}; {self.prog} --help says how it is used.\n")


class _Version(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        print(f"redraft {version()}", flush=True)
        parser.exit()
