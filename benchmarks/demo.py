"""`make demo`: the commands of the README on a real file, shown before they run.

Every step is printed: what the model drafted, what it edited, how long it took.
"""

from __future__ import annotations

import shlex
import subprocess
import sys
import time
from pathlib import Path

FILE = Path(__file__).parent / "data" / "demo.py"
PLACES = ("self.price * ", "rows = json.", "key=lambda", "result.append(")
BROKEN = "item.prize"


def place_after(text: str, mark: str) -> tuple[int, int]:
    """LINE and COL, from 1, of the place behind a mark."""
    before = text[: text.index(mark) + len(mark)]
    return before.count("\n") + 1, len(before) - before.rfind("\n")


def show(*arguments: str) -> bool:
    """Print a command as one would type it, then run it."""
    print(f"\n$ {shlex.join(('redraft', *arguments))}", flush=True)
    return subprocess.run([sys.executable, "-m", "lsp_server", *arguments], check=False).returncode == 0


def main() -> int:
    """Complete at each place, then repair one line."""
    began = time.perf_counter()
    text = FILE.read_text(encoding="utf-8")
    name = str(FILE.relative_to(Path.cwd())) if FILE.is_relative_to(Path.cwd()) else str(FILE)
    done = []
    for mark in PLACES:
        line, column = place_after(text, mark)
        done.append(show("complete", f"{name}:{line}:{column}", "--steps"))
    done.append(show("fix", f"{name}:{place_after(text, BROKEN)[0]}", "--diff"))
    print(f"\n{len(done)} commands in {time.perf_counter() - began:.0f} s. Next: editor-configs/README.md.")
    return 0 if all(done) else 1


if __name__ == "__main__":
    sys.exit(main())
