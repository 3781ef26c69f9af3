"""Complete the code at one place of a file and print the text.

LINE and COL count from 1; columns are characters (code points), and the one after the last is the end of the line.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from infill.complete import Completer, Completion, Preferences
from infill.filler import Step
from lsp_server import compose, picture, trace
from lsp_server.compose import Choice
from lsp_server.errors import UserError
from lsp_server.files import SourceFile, cursor_at, place_of, split_place
from lsp_server.outcome import deadline


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Where, and what to show."""
    parser.add_argument(
        "place", metavar="FILE:LINE:COL", help="where the cursor stands; both count from 1, in characters"
    )
    parser.add_argument(
        "--json", action="store_true", help="print suggestions, figures and the reason for silence as JSON"
    )
    parser.add_argument("--steps", action="store_true", help="show each denoising step")
    parser.add_argument("--trace", metavar="OUT.html", help="write a page that shows each denoising step")


def run(given: argparse.Namespace, choice: Choice) -> int:
    """Print the best suggestion, or say on stderr why there is none."""
    source, cursor = _place(given.place)
    steps: list[Step] = []
    with compose.opened(choice) as completer:
        completion = asyncio.run(_complete(completer, source, cursor, given.mode or "speedy", steps))
    if given.json:
        print(json.dumps(_as_json(source, completion, steps if given.steps else None), ensure_ascii=False))
    elif given.steps:
        picture.show(source.snapshot, cursor, completion, steps)
    elif completion.suggestions:
        print(completion.suggestions[0].text)
    if not completion.suggestions and not given.json:
        print(f"redraft: nothing to suggest here ({completion.reason}).", file=sys.stderr)
    if given.trace:
        _write_trace(given.trace, source, cursor, completion, steps)
    return 0


def _place(place: str) -> tuple[SourceFile, int]:
    name, numbers = split_place(place, ":LINE:COL")
    if len(numbers) != 2 or not all(number.isdecimal() for number in numbers):
        raise UserError(f"{place!r} names no place; write FILE:LINE:COL, for example main.py:12:9.")
    source = SourceFile.read(name)
    return source, cursor_at(source, int(numbers[0]), int(numbers[1]))


async def _complete(completer: Completer, source: SourceFile, cursor: int, mode: str, steps: list[Step]) -> Completion:
    preferences = Preferences(mode=mode, deadline=deadline(mode))
    return await completer.complete(
        source.snapshot, cursor, preferences=preferences, invoked=True, on_step=steps.append
    )


def _as_json(source: SourceFile, completion: Completion, steps: list[Step] | None) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "suggestions": [
            {
                "start": place_of(source.snapshot, suggestion.start),
                "end": place_of(source.snapshot, suggestion.end),
                "text": suggestion.text.replace("\n", source.snapshot.newline),
                "confidence": suggestion.confidence,
            }
            for suggestion in completion.suggestions
        ],
        "reason": completion.reason,
        **asdict(completion.report),
    }
    return shown if steps is None else shown | {"steps": [asdict(step) for step in steps]}


def _write_trace(out: str, source: SourceFile, cursor: int, completion: Completion, steps: list[Step]) -> None:
    page = trace.page(source.snapshot, cursor, completion, steps)
    try:
        Path(out).write_text(page, encoding="utf-8")
    except OSError as error:
        raise UserError(f"{out} cannot be written ({error.strerror}); choose another place for --trace.") from None
