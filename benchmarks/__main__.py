"""All of `make bench`: a table, a plot in benchmarks/out, one line of JSON.

    python -m benchmarks [--threads N] [--completions N] [--only forward|context|lookup|silence|baseline|server|memory]

Times are medians and depend on the machine; what may be compared stands side by side in one run.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import sys
from collections.abc import Sequence
from contextlib import closing
from typing import Any

from benchmarks import baseline, context, lookup, plot, server, silence
from benchmarks import forward as forward_times
from benchmarks.model import add_model_arguments, completer_over, server_arguments
from engine import backends
from engine.checkpoint import Checkpoint

PARTS = ("forward", "context", "lookup", "silence", "baseline", "server", "memory")
TIMES = 25


async def measure(given: argparse.Namespace) -> dict[str, Any]:
    """Every figure of the parts that are asked for."""
    parts = [given.only] if given.only else PARTS
    found: dict[str, Any] = {
        "cores": os.cpu_count(),
        "threads": given.threads,
        "machine": platform.processor() or platform.machine(),
    }
    checkpoint = Checkpoint.open(given.model)
    if "forward" in parts:
        found |= forward_times.measure(checkpoint, given.threads, TIMES)
        print(forward_times.table(found))
    if {"context", "lookup", "silence", "baseline"} & set(parts):
        forward, another = (backends.load(checkpoint, given.backend, given.threads) for _ in range(2))
        with (
            closing(completer_over(checkpoint, forward)) as completer,
            closing(completer_over(checkpoint, another, lookahead=0)) as plain,
        ):
            if "context" in parts:
                found |= await context.reencoded(completer)
                found |= await context.flatness(completer)
            if "lookup" in parts:
                found |= await lookup.side_by_side(completer, plain)
            if "silence" in parts:
                found |= await silence.side_by_side(completer)
            if "baseline" in parts:
                bare = forward_times.bare_session(checkpoint, given.threads)
                _, one_token = forward_times.calls(forward, bare, forward_times.Case(rows=1, cached=512, asked=1))
                found |= await baseline.side_by_side(plain, one_token, baseline.base_weights(), given.threads)
    arguments = server_arguments(given)
    if "server" in parts:
        found |= await server.startup(arguments)
        found |= await server.keystrokes(arguments)
        found |= await server.accepted(arguments)
    if "memory" in parts:
        found |= await server.memory(arguments, given.completions)
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, draw."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", choices=PARTS)
    parser.add_argument("--completions", type=int, default=1000, help="for the memory figure (default: 1000)")
    add_model_arguments(parser)
    given = parser.parse_args(arguments)
    found = asyncio.run(measure(given))
    for name, value in found.items():
        if not isinstance(value, list):
            print(f"{name:<38} {value}")
    print(f"plot: {plot.draw(found, baseline.OUT)}")
    print(json.dumps(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
