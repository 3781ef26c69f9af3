"""`redraft` and `python -m lsp_server`: keep foreign code out, then hand over to the command line."""

from __future__ import annotations

import os
import sys


def keep_foreign_code_out() -> None:
    """Take the working directory and PYTHONPATH off the import path, but for the folder that this package is in.

    Our import names are plain words: a workspace with a folder called `engine` must not replace ours. The installed
    `redraft` command starts an isolated interpreter, which never has such entries (see bin/redraft); this is for
    `python -m lsp_server`, where all that ran before us is Python's own start.
    """
    home = os.path.realpath(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    foreign = {os.path.realpath(entry) for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep)}
    foreign.add(os.path.realpath(os.curdir))
    sys.path[:] = [entry for entry in sys.path if (real := os.path.realpath(entry)) == home or real not in foreign]


def main() -> int:
    """Run the command that `sys.argv` names and return its exit status."""
    if not sys.flags.isolated:
        keep_foreign_code_out()
    try:
        from lsp_server import cli

        return cli.run(sys.argv[1:])
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
