"""The server as an editor meets it: start-up, memory, keystroke to ghost text. Everything travels over stdio."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from statistics import median, quantiles
from typing import Any

from tqdm import tqdm

from benchmarks.editor import Editor
from benchmarks.sample import sample, typed

STARTS = 3
LINES_TYPED = 6
READING_SECONDS = 0.3
"""What somebody takes to read a proposal before they take it."""


async def startup(arguments: Sequence[str]) -> dict[str, Any]:
    """Medians of a few starts: process start -> `initialize` answered, -> first completion answered."""
    answered, completed = [], []
    for _ in range(STARTS):
        began = time.perf_counter()
        editor = Editor()
        answered.append(await editor.start(arguments))
        editor.open("import os\n\n\ndef names(folder):\n    return sorted(os.", 4, 20)
        await editor.ready.wait()
        text, _ = await editor.ask(automatic=False)
        if text is None:
            raise SystemExit("the server offered nothing for `sorted(os.`; see `redraft doctor`")
        completed.append(time.perf_counter() - began)
        await editor.stop()
    return {"initialize_s": round(median(answered), 2), "first_completion_s": round(median(completed), 2)}


async def keystrokes(arguments: Sequence[str]) -> dict[str, Any]:
    """Lines of a real file typed again, letter by letter, brackets closed by the editor and typed over."""
    editor = Editor()
    await editor.start(arguments)
    await editor.ready.wait()
    text, spent, shown = sample(), [], 0
    for _ in range(LINES_TYPED):
        text, line, wanted = typed(text)
        indent = len(text.split("\n")[line])
        editor.open(text, line, indent)
        await editor.ask()
        for letter in wanted:
            editor.key(letter)
            ghost, ms = await editor.ask()
            spent.append(ms)
            shown += ghost is not None
        text = "\n".join(text.split("\n")[:line])
    await editor.stop()
    cuts = quantiles(spent, n=20)
    return {
        "keystrokes": len(spent),
        "ghost_shown_share": round(shown / len(spent), 2),
        "keystroke_p50_ms": round(median(spent), 1),
        "keystroke_p95_ms": round(cuts[18], 1),
        "keystroke_ms": [round(ms, 1) for ms in spent],
    }


async def accepted(arguments: Sequence[str]) -> dict[str, Any]:
    """Proposals of the same file taken: milliseconds until the next answer, when they were read before and when taken
    in the moment in which they came."""
    spent: dict[float, list[float]] = {READING_SECONDS: [], 0.0: []}
    for reading, times in spent.items():
        editor = Editor()
        await editor.start(arguments)
        await editor.ready.wait()
        text = sample()
        for _ in range(LINES_TYPED):
            text, line, wanted = typed(text)
            lines = text.split("\n")
            for size in range(0, len(wanted), 4):
                begun = [*lines[:line], lines[line] + wanted[:size], *lines[line + 1 :]]
                editor.open("\n".join(begun), line, len(begun[line]))
                ghost, _ = await editor.ask()
                if ghost is not None:
                    await asyncio.sleep(reading)
                    editor.take(ghost)
                    times.append((await editor.ask())[1])
            text = "\n".join(lines[:line])
        await editor.stop()
    read, at_once = spent.values()
    return {
        "accepted": len(read),
        "after_accept_p50_ms": round(median(read), 1),
        "after_accept_p95_ms": round(quantiles(read, n=20)[18], 1),
        "accepted_unread_p50_ms": round(median(at_once), 1),
        "accepted_unread_p95_ms": round(quantiles(at_once, n=20)[18], 1),
    }


async def memory(arguments: Sequence[str], completions: int) -> dict[str, Any]:
    """Resident memory while completions at ever other places are asked for."""
    editor = Editor()
    await editor.start(arguments)
    await editor.ready.wait()
    lines = sample().split("\n")
    places = [i for i, line in enumerate(lines) if len(line.strip()) > 12 and not line.strip().startswith("#")]
    seen = [editor.megabytes]
    for number in tqdm(range(completions), desc="memory", unit=" completions", disable=None, leave=False):
        line = places[(7 * number) % len(places)]
        cut = len(lines[line]) - len(lines[line].strip()) // 2 - number % 3
        editor.open("\n".join([*lines[:line], lines[line][:cut], *lines[line + 1 :]]), line, cut)
        await editor.ask()
        if (number + 1) % max(1, completions // 20) == 0:
            seen.append(editor.megabytes)
    await editor.stop()
    half = seen[len(seen) // 2 :]
    return {
        "completions": completions,
        "rss_ready_mb": round(seen[0]),
        "rss_after_mb": round(seen[-1]),
        "rss_growth_second_half_mb": round(half[-1] - half[0], 1),
        "rss_mb": [round(value) for value in seen],
    }
