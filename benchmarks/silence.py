"""What stopping at the first doubt saves who types: the same cursors asked by default, and with whole texts wanted."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from typing import Any

from benchmarks.context import SETTLED
from benchmarks.sample import sample, typed
from infill.complete import Completer, Preferences
from infill.document import Snapshot

DEFAULT = Preferences(deadline=None)
EAGER = Preferences(deadline=None, eagerness=1.0)
LINES_TYPED = 3
EVERY = 3
"""Letters from one cursor to the next."""


def lines() -> Iterator[list[tuple[str, int]]]:
    """(text, cursor) every few letters of a line that is being typed."""
    text = sample()
    for _ in range(LINES_TYPED):
        text, line, wanted = typed(text)
        before, after = text.split("\n")[: line + 1], text.split("\n")[line + 1 :]
        begun = ["\n".join(before) + wanted[:letters] for letters in range(1, len(wanted), EVERY)]
        yield [("\n".join([one, *after]), len(one)) for one in begun]
        text = "\n".join(before[:-1])


async def side_by_side(completer: Completer) -> dict[str, Any]:
    """Seconds of all answers, the context read before; how many cursors are shown something by default."""
    spent, asked, shown = {DEFAULT: 0.0, EAGER: 0.0}, 0, 0
    for number, line in enumerate(lines()):
        await completer.complete(_document(f"{number}", line[0][0]), line[0][1], preferences=EAGER)
        await asyncio.sleep(SETTLED)
        for text, cursor in line:
            asked += 1
            for preferences in (DEFAULT, EAGER):
                snapshot = _document(f"{number}-{cursor}-{preferences.eagerness}", text)
                began = time.perf_counter()
                answer = await completer.complete(snapshot, cursor, preferences=preferences)
                spent[preferences] += time.perf_counter() - began
                shown += preferences is DEFAULT and bool(answer.suggestions)
    return {
        "typed_cursors": asked,
        "typed_shown": shown,
        "typed_ms": round(1000 * spent[DEFAULT] / asked, 1),
        "typed_wanting_all_ms": round(1000 * spent[EAGER] / asked, 1),
        "typed_over_wanting_all": round(spent[DEFAULT] / spent[EAGER], 3),
    }


def _document(folder: str, text: str) -> Snapshot:
    """One of which nothing was proposed yet: nothing is answered from memory. The model is shown the same path."""
    return Snapshot.open(f"file:///{folder}/bench/typed.py", 0, "python", text)
