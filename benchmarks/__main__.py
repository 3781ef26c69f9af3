"""All of `make bench`: a table, a plot in benchmarks/out, one line of JSON.

    python -m benchmarks [--threads N] [--completions N] [--only context|baseline|server|memory]

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
from typing import Any

from benchmarks import baseline, context, plot, server
from benchmarks.model import add_model_arguments, completer_over
from engine import backends
from engine.checkpoint import Checkpoint

PARTS = ("context", "baseline", "server", "memory")
GGUF = baseline.HERE.parent / ".base"


async def measure(given: argparse.Namespace) -> dict[str, Any]:
    """Every figure of the parts that are asked for."""
    parts = [given.only] if given.only else PARTS
    found: dict[str, Any] = {
        "cores": os.cpu_count(),
        "threads": given.threads,
        "machine": platform.processor() or platform.machine(),
    }
    if "context" in parts or "baseline" in parts:
        checkpoint = Checkpoint.open(given.model)
        forward = backends.load(checkpoint, given.backend, given.threads)
        completer = completer_over(checkpoint, forward)
        try:
            if "context" in parts:
                found |= await context.reencoded(completer)
                found |= await context.flatness(completer)
            if "baseline" in parts:
                weights = next(iter(sorted(GGUF.glob("*.gguf"))), None)
                found |= await baseline.side_by_side(completer, forward, weights, given.threads)
        finally:
            completer.close()
    arguments = ["--threads", str(given.threads), "--model", given.model, "--backend", given.backend]
    if "server" in parts:
        found |= await server.startup(arguments)
        found |= await server.keystrokes(arguments)
    if "memory" in parts:
        found |= await server.memory(arguments, given.completions)
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
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
