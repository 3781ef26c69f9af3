"""The README's picture: one completion by the embedded model, a row a step, as SVG.

python -m benchmarks.picture [--out benchmarks/trace.svg] [--mode MODE]
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import sys
from collections.abc import Sequence
from html import escape
from pathlib import Path

from benchmarks.demo import FILE, PLACES, place_after
from benchmarks.model import add_model_arguments, open_completer
from infill.complete import Completer, Preferences
from infill.document import Snapshot
from infill.filler import Slot, Step

ROW, LETTER, LEFT, TOP = 26, 8.4, 96, 64
FILLS = {
    "mask": "#3a4150",
    "frozen": "#2b303b",
    "draft": "#2b303b",
    "filled": "#1f6f43",
    "edited": "#8a6d12",
    "inserted": "#1d5f91",
}


async def record(completer: Completer, mode: str) -> tuple[str, list[Step]]:
    """The line before the cursor, and the steps of one completion of the demo file whose context is encoded already."""
    text = FILE.read_text(encoding="utf-8")
    line, column = place_after(text, PLACES[-1])
    snapshot = Snapshot.open(FILE.as_uri(), 0, "python", text)
    start = snapshot.line_range(line - 1)[0]
    preferences = Preferences(mode=mode, deadline=None)
    steps: list[Step] = []
    for _ in ("the first time encodes the context", "the second is what typing is like"):
        steps.clear()
        await completer.complete(
            snapshot, start + column - 1, preferences=preferences, invoked=True, on_step=steps.append
        )
    greedy = [step for step in steps if step.slots and step.candidate == 0]
    changed = greedy[:1] + [step for before, step in itertools.pairwise(greedy) if before.slots != step.slots]
    return text[start : start + column - 1].strip(), changed


def svg(before: str, steps: Sequence[Step], title: str) -> str:
    """One row a step: its time, then its slots; the probability is how bright a slot's edge is."""
    rows = [_row(number, step) for number, step in enumerate(steps)]
    width = max(900.0, max((right for _, right in rows), default=0) + 24)
    height = TOP + ROW * len(steps) + 24
    head = f"{title}: {len(steps)} forwards, {steps[-1].ms:.0f} ms"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height}" '
        f'viewBox="0 0 {width:.0f} {height}" '
        'font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, monospace" font-size="14">\n'
        f'<rect width="100%" height="100%" rx="8" fill="#1b1f27"/>\n'
        f'<text x="16" y="26" fill="#9aa4b5">{escape(head)}</text>\n'
        f'<text x="16" y="48" fill="#e6e9ef" xml:space="preserve">{escape(before)}'
        '<tspan fill="#6cc08b">▏</tspan></text>\n' + "".join(text for text, _ in rows) + "</svg>\n"
    )


def _row(number: int, step: Step) -> tuple[str, float]:
    y, x = TOP + ROW * number, float(LEFT)
    parts = [f'<text x="{LEFT - 12}" y="{y + 17}" fill="#6f7a8c" text-anchor="end">{step.ms:.0f} ms</text>\n']
    for slot in step.slots:
        shown = _shown(slot)
        width = LETTER * len(shown) + 6
        edge = "#4a5262" if slot.state in ("mask", "frozen") else _edge(slot.prob)
        parts.append(
            f"<g><title>{escape(slot.state)}, p = {slot.prob:.2f}</title>"
            f'<rect x="{x:.1f}" y="{y}" width="{width:.1f}" height="{ROW - 5}" rx="3" '
            f'fill="{FILLS[slot.state]}" stroke="{edge}"/>'
            f'<text x="{x + 3:.1f}" y="{y + 16}" fill="#e6e9ef" xml:space="preserve">{escape(shown)}</text></g>\n'
        )
        x += width + 3
    return "".join(parts), x


def _shown(slot: Slot) -> str:
    if slot.state == "mask":
        return "  "
    return "".join(letter if letter.isprintable() else "⏎" if letter == "\n" else "·" for letter in slot.text)


def _edge(probability: float) -> str:
    return "#6cc08b" if probability >= 0.9 else "#b9c46a" if probability >= 0.6 else "#e0a050"


def main(arguments: Sequence[str] | None = None) -> int:
    """Record one completion and write the picture."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "trace.svg")
    parser.add_argument("--mode", default="speedy", choices=("speedy", "quality", "causal"))
    add_model_arguments(parser)
    given = parser.parse_args(arguments)
    completer = open_completer(given)
    try:
        before, steps = asyncio.run(record(completer, given.mode))
    finally:
        completer.close()
    kinds = "left to right" if all(step.kind == "token" for step in steps) else "draft and edit"
    given.out.write_text(svg(before, steps, f"redraft-135m, {kinds}"), encoding="utf-8")
    print(f"{given.out}: {len(steps)} steps")
    return 0


if __name__ == "__main__":
    sys.exit(main())
