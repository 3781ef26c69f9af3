"""What guesses save (`engine.lookup`): the same middles left to right with and without them, taking turns."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median
from typing import Any

from benchmarks.sample import sample
from infill.complete import Completer

PLACES = 24
LINES = {"line": (1, 32), "lines": (4, 64)}
"""What is asked for: most lines and most tokens."""


@dataclass(frozen=True, slots=True)
class Filled:
    """One middle, and what it cost."""

    text: str
    forwards: int
    ms: float


def places() -> Iterator[tuple[str, str]]:
    """(prefix, suffix): cursors in the middle of a real file's lines of code."""
    lines = sample().split("\n")
    of_code = [at for at, line in enumerate(lines) if len(line.strip()) > 20 and line.strip()[0] not in "#\"'"]
    for at in of_code[len(of_code) // 4 :: max(1, len(of_code) // (2 * PLACES))][:PLACES]:
        begun = lines[at][: len(lines[at]) - len(lines[at].strip()) // 2]
        yield "\n".join([*lines[max(0, at - 60) : at], begun]), "\n" + "\n".join(lines[at + 1 : at + 10])


async def side_by_side(guessing: Completer, plain: Completer) -> dict[str, Any]:
    """Shares of the forwards and milliseconds of decoding without guesses, and of the places answered in the same
    words."""
    found: dict[str, Any] = {}
    for name, (lines, tokens) in LINES.items():
        pairs = []
        for prefix, suffix in places():
            with_guesses = await _filled(guessing, prefix, suffix, lines, tokens)
            pairs.append((with_guesses, await _filled(plain, prefix, suffix, lines, tokens)))
        forwards = [sum(one.forwards for one in side) for side in zip(*pairs, strict=True)]
        found |= {
            f"lookup_{name}_forwards_over_plain": round(forwards[0] / forwards[1], 3),
            f"lookup_{name}_ms_over_plain": round(median(one.ms / other.ms for one, other in pairs), 3),
            f"lookup_{name}_same_text": round(sum(one.text == other.text for one, other in pairs) / len(pairs), 3),
        }
    return found


async def _filled(completer: Completer, prefix: str, suffix: str, lines: int, tokens: int) -> Filled:
    """The second of two answers: the first one read the context."""
    for _ in range(2):
        result = await completer.fill(
            prefix, suffix, path="sample.py", language="python", mode="causal", max_tokens=tokens, max_lines=lines
        )
    return Filled(result.texts[0].text if result.texts else "", result.report.forwards, result.report.ms)
