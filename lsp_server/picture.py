"""Denoising steps as lines of text: in colour on a terminal, plain in a pipe."""

from __future__ import annotations

import os
import sys
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence

from infill.complete import Completion
from infill.document import Snapshot
from infill.filler import Slot, Step

COLOURS = {"mask": "2", "frozen": "2", "draft": "0", "filled": "32", "edited": "33", "inserted": "36"}
MASK = "▒▒"
LINES_AROUND = 3


Paint = Callable[[str, str], str]
"""How a piece of text in some state is shown: (state, text) -> what is printed."""


def _plain(state: str, text: str) -> str:
    return text


def _coloured(state: str, text: str) -> str:
    return f"\x1b[{COLOURS[state]}m{text}\x1b[0m"


def show(snapshot: Snapshot, cursor: int, completion: Completion, steps: Sequence[Step]) -> None:
    """Print each step, then the code around the cursor with the best suggestion in it."""
    for line in lines(snapshot, cursor, completion, steps, _coloured if _in_colour() else _plain):
        print(line)


def _in_colour() -> bool:
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def lines(
    snapshot: Snapshot, cursor: int, completion: Completion, steps: Sequence[Step], paint: Paint = _plain
) -> Iterator[str]:
    """What `show` prints: a line a step with its time and its slots, the code around the cursor, the figures."""
    for number, step in telling(steps):
        slots = "".join(paint(slot.state, slot_text(slot)) for slot in step.slots) or "reading the context"
        yield f"  {number:>3}  {step.ms:>6.0f} ms  {slots}"
    if completion.suggestions:
        yield ""
        yield from _in_place(snapshot, cursor, completion, paint)
    yield _summary(completion)


def telling(steps: Iterable[Step]) -> Iterator[tuple[int, Step]]:
    """Each step with its number, from 1. Left out are steps after which the candidate shown is the same as before."""
    last: dict[int, tuple[Slot, ...]] = {}
    for number, step in enumerate(steps, 1):
        if not step.slots or last.get(step.candidate) != step.slots:
            yield number, step
        last[step.candidate] = step.slots


def slot_text(slot: Slot) -> str:
    """A slot on one line: masks as shade, line ends and whatever else does not print as signs."""
    if slot.state == "mask" or (slot.state == "inserted" and not slot.text):
        return MASK
    return printable(slot.text.replace("\n", "⏎"))


def printable(text: str) -> str:
    """The text without control characters: a terminal must not obey what a file or a model wrote."""
    return "".join("·" if unicodedata.category(letter).startswith("C") else letter for letter in text)


def _in_place(snapshot: Snapshot, cursor: int, completion: Completion, paint: Paint) -> list[str]:
    best = completion.suggestions[0]
    line = snapshot.line_of(cursor)
    first = snapshot.line_range(max(0, line - LINES_AROUND))[0]
    last = snapshot.line_range(min(snapshot.line_count - 1, line + LINES_AROUND))[1]
    before, after = snapshot.lf(first, best.start), snapshot.lf(best.end, last)
    shown: list[str] = [""]
    for state, text in (("draft", before), ("filled", best.text), ("draft", after)):
        for number, piece in enumerate(text.split("\n")):
            if number:
                shown.append("")
            shown[-1] += paint(state, printable(piece.expandtabs(4))) if piece else ""
    return [f"  │ {text}" for text in shown]


def _summary(completion: Completion) -> str:
    report = completion.report
    summed = (
        f"{report.mode}: {report.forwards} forwards, {report.ms:.0f} ms",
        f"{report.context_tokens} context tokens encoded",
        report.note,
        report.by and f"answered by {report.by}",
    )
    return "  " + "; ".join(part for part in summed if part)
