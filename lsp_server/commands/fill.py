"""Fill holes in bulk: JSON lines in, JSON lines out, in the same order.

In: {"id", "prefix", "suffix", "language"?, "path"?, "mode"?, "max_tokens"? (64 unless it is said, 1024 at most)}.
Out: {"id", "completion", "ms", "forwards", "tokens", "score", "finished", "reason"}, or {"id", "error"} for a line that
is wrong.
With --fix, in: {"id", "text", "language"?, "path"?, "range": [start, end] or an LSP range of code points,
"diagnostics"?}; out: {"id", "text", "edits", "score", ...}.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Mapping
from typing import Any

from infill import manners
from infill.complete import Completer, Preferences
from infill.document import Snapshot
from infill.edits import apply
from infill.filler import TOKENS_MOST, Filled, FillReport
from infill.languages import language_of_path
from infill.region import apart, reported
from infill.repair import together
from lsp_server import compose, jsontext, terminal
from lsp_server.compose import Choice
from lsp_server.outcome import deadline, outcome
from lsp_server.settings import MODES


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the lines are."""
    parser.add_argument("--fix", action="store_true", help="repair texts instead of filling holes")


def run(given: argparse.Namespace, choice: Choice) -> int:
    """Answer every line of stdin; exit status 1 when one of them was wrong."""
    with compose.opened(choice) as completer:
        return _answer_all(completer, given.mode or "quality", given.fix)


def _answer_all(completer: Completer, mode: str, fix: bool) -> int:
    wrong = 0
    # No event loop while a line is waited for: it would take Ctrl-C for itself.
    # Bytes, because a line that is not UTF-8 must not cost the others their answers.
    with asyncio.Runner() as runner, terminal.bar(None, "lines") as bar:
        for line in iter(sys.stdin.buffer.readline, b""):
            if not line.strip():
                continue
            answer = runner.run(_answer(completer, line, mode, fix))
            wrong += "error" in answer
            print(json.dumps(answer, ensure_ascii=False), flush=True)
            bar.update()
    return 1 if wrong else 0


async def _answer(completer: Completer, line: bytes, mode: str, fix: bool) -> dict[str, Any]:
    number: object = None
    try:
        asked = jsontext.read(line)
        if not isinstance(asked, dict):
            raise ValueError("it is no JSON object")
        number = asked.get("id")
        mode = _field(asked, "mode", str, mode)
        if mode not in MODES:
            raise ValueError(f"no mode is called {mode!r}: use {', '.join(MODES)}")
        return {"id": number, **await (_fix(completer, asked, mode) if fix else _fill(completer, asked, mode))}
    except ValueError as error:
        return {"id": number, "error": str(error)}


async def _fill(completer: Completer, asked: Mapping[str, Any], mode: str) -> dict[str, Any]:
    path = _field(asked, "path", str, "")
    most = _field(asked, "max_tokens", int, 64)
    if not 1 <= most <= TOKENS_MOST:
        raise ValueError(f"max_tokens is {most}: give 1 to {TOKENS_MOST}")
    prefix, suffix = (jsontext.whole(text) for text in (_field(asked, "prefix", str), _field(asked, "suffix", str, "")))
    if denied := manners.denied(path, prefix + suffix):
        return _completion(None, denied, True, FillReport())
    result = await completer.fill(
        prefix,
        suffix,
        path=path,
        language=_field(asked, "language", str, language_of_path(path)),
        mode=mode,
        max_tokens=most,
        deadline=deadline(mode),
    )
    return _completion(*outcome(result), result.report)


def _completion(best: Filled | None, reason: str, finished: bool, report: FillReport) -> dict[str, Any]:
    return {
        "completion": best.text if best else "",
        "ms": round(report.ms, 1),
        "forwards": report.forwards,
        "tokens": report.tokens,
        "score": best.score if best else None,
        "finished": finished,
        "reason": reason,
    }


async def _fix(completer: Completer, asked: Mapping[str, Any], mode: str) -> dict[str, Any]:
    path = _field(asked, "path", str, "")
    text = jsontext.whole(_field(asked, "text", str))
    snapshot = Snapshot.open(path or "untitled:", 0, _field(asked, "language", str, language_of_path(path)), text)
    preferences = Preferences(mode=mode, deadline=None)
    regions = apart(snapshot, _regions(snapshot, asked))
    repair = together([await completer.repair(snapshot, *region, preferences=preferences) for region in regions])
    edits, report = repair.edits, repair.report
    return {
        "text": apply(text, edits),
        "edits": [{"start": edit.start, "end": edit.end, "text": edit.text} for edit in edits],
        "score": repair.gain if edits else 0.0,
        "reason": repair.reason,
        "ms": round(report.ms, 1),
        "forwards": report.forwards,
        "tokens": report.tokens,
    }


def _regions(snapshot: Snapshot, asked: Mapping[str, Any]) -> list[tuple[int, int]]:
    """What to repair: the request's range, else what its diagnostics tell of, else everything."""
    if asked.get("range") is not None:
        return [_range(snapshot, asked["range"])]
    diagnostics = _field(asked, "diagnostics", list, [])
    ranges = [_range(snapshot, each["range"]) for each in diagnostics if isinstance(each, dict) and "range" in each]
    return [reported(snapshot, *each) for each in ranges] or [(0, len(snapshot.text))]


def _range(snapshot: Snapshot, given: object) -> tuple[int, int]:
    try:
        if isinstance(given, dict):
            start, end = (_offset(snapshot, given[side]) for side in ("start", "end"))
        else:
            start, end = given  # type: ignore[misc]
        if type(start) is type(end) is int and 0 <= start <= end <= len(snapshot.text):
            return start, end
    except (TypeError, KeyError, ValueError, IndexError):
        pass
    raise ValueError(
        f"range must be [start, end] inside the text's {len(snapshot.text)} characters, "
        "or an LSP range whose lines and characters (code points) count from 0"
    )


def _offset(snapshot: Snapshot, position: Mapping[str, int]) -> int:
    start, end = snapshot.line_range(position["line"])
    return min(start + position["character"], end)


def _field(asked: Mapping[str, Any], name: str, kind: type, default: Any = None) -> Any:
    value = asked.get(name)
    if value is None:
        value = default
    if not isinstance(value, kind) or isinstance(value, bool):
        problem = "is missing" if value is None else f"is {json.dumps(value)[:40]}"
        raise ValueError(f"{name} {problem}: it must be {_NAMES[kind]}")
    return value


_NAMES = {str: "a text", int: "a whole number", list: "a list"}
