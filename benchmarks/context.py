"""What a keystroke and a jump cost the context cache, and whether that depends on the size of the file."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from benchmarks.sample import sample, typed
from infill.complete import Completer, Completion, Preferences
from infill.document import Snapshot
from infill.edits import Edit
from infill.filler import Step

WANTED = Preferences(mode="causal", max_lines=1, deadline=None, eagerness=1.0)
"""One line to its end, however unsure."""
ASKED = 24
"""Keystrokes measured in each file."""
SETTLED = 4.0
"""Seconds after a jump in which what is far from the cursor is encoded, too; who types meanwhile waits for it."""


async def reencoded(completer: Completer) -> dict[str, Any]:
    """Context tokens encoded per typed letter (proposals answered from memory not counted), and after jumps inside what
    is encoded already."""
    text, line, wanted = typed(sample())
    snapshot = Snapshot.open("file:///bench/typed.py", 0, "python", text)
    cursor = snapshot.line_range(line)[1]
    await _complete(completer, snapshot, cursor)
    typing: list[int] = []
    for letter in wanted:
        snapshot = snapshot.edit([Edit(cursor, cursor, letter)], snapshot.version + 1)
        cursor += 1
        answer = await _complete(completer, snapshot, cursor)
        if answer.report.forwards:
            typing.append(answer.report.context_tokens)
    jumps = []
    for up in (3, 9, 1, 14, 6, 11):
        at = snapshot.line_range(max(0, line - up))[1]
        jumps.append((await _complete(completer, snapshot, at)).report.context_tokens)
    return {
        "typed_letter_context_tokens_median": median(typing),
        "typed_letter_context_tokens_max": max(typing),
        "jump_context_tokens_median": median(jumps),
        "jump_context_tokens_max": max(jumps),
    }


async def flatness(completer: Completer) -> dict[str, Any]:
    """From a keystroke to the first token the model says, snapshot and syntax tree included, in a file of 100 lines and
    in one of 50,000: the files take turns, so that the machine's moods hit both."""
    small = await _Typist.at_end(completer, 1)
    large = await _Typist.at_end(completer, 500)
    for _ in range(ASKED):
        await small.key()
        await large.key()
    return {
        "keystroke_100_lines_ms": round(median(small.spent), 1),
        "keystroke_50000_lines_ms": round(median(large.spent), 1),
        "keystroke_50000_over_100": round(median(large.spent) / median(small.spent), 3),
    }


@dataclass(slots=True)
class _Typist:
    """Types in the last copy of a hundred lines, and asks after each letter."""

    completer: Completer
    snapshot: Snapshot
    cursor: int
    letters: str
    typed: int = 0
    spent: list[float] = field(default_factory=list)

    @classmethod
    async def at_end(cls, completer: Completer, copies: int) -> _Typist:
        block = "\n".join(sample().split("\n")[:100]) + "\n"
        text, line, _ = typed(block * copies)
        snapshot = Snapshot.open(f"file:///bench/copies{copies}.py", 0, "python", text)
        cursor = snapshot.line_range(line)[1]
        await _complete(completer, snapshot, cursor)
        await asyncio.sleep(SETTLED)
        # What the model does not expect: a letter that it does would be answered from memory.
        return cls(completer, snapshot, cursor, "zq_")

    async def key(self) -> None:
        letter = self.letters[self.typed % len(self.letters)]
        self.typed += 1
        began = time.perf_counter()
        first: list[float] = []

        def on_step(step: Step) -> None:
            if step.kind != "prefill" and not first:
                first.append(time.perf_counter())

        self.snapshot = self.snapshot.edit([Edit(self.cursor, self.cursor, letter)], self.snapshot.version + 1)
        self.cursor += 1
        await _complete(self.completer, self.snapshot, self.cursor, on_step)
        if first:
            self.spent.append(1000 * (first[0] - began))


async def _complete(
    completer: Completer, snapshot: Snapshot, cursor: int, on_step: Callable[[Step], None] | None = None
) -> Completion:
    return await completer.complete(snapshot, cursor, preferences=WANTED, on_step=on_step)
