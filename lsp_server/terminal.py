"""What a person at a terminal sees of long work; a pipe sees nothing."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from tqdm import tqdm


@contextmanager
def waiting(what: str) -> Iterator[None]:
    """`what ...` on the last line of the terminal for as long as it takes."""
    if not sys.stderr.isatty():
        yield
        return
    print(f"{what} ...", end="", file=sys.stderr, flush=True)
    try:
        yield
    finally:
        print(f"\r{' ' * (len(what) + 4)}\r", end="", file=sys.stderr, flush=True)


def bar(total: int | None, unit: str) -> tqdm:
    """A progress bar on stderr; `total` None counts without an end."""
    return tqdm(total=total, unit=f" {unit}", disable=None, leave=False)
