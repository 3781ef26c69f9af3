"""Propose repairs of code in place; nothing is written without --apply.

LINE counts from 1. Without a line, every place with a syntax error is looked at.
"""

from __future__ import annotations

import argparse
import asyncio
import difflib
import io
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict

from infill import manners
from infill.complete import Completer, Preferences
from infill.document import Snapshot
from infill.edits import Edit, apply, edits
from infill.region import apart, parts, reported
from infill.repair import Repair
from lsp_server import compose, terminal
from lsp_server.compose import Choice
from lsp_server.errors import UserError
from lsp_server.files import BOM, SourceFile, line_span, place_of, split_place


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Where, and what to do with the edits."""
    parser.add_argument("place", metavar="FILE[:LINE[-LINE]]", help="what to repair; lines count from 1")
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--diff", action="store_true", help="print the edits as a diff (the default)")
    how.add_argument("--apply", action="store_true", help="write them into the file")
    parser.add_argument("--json", action="store_true", help="print the edits and figures as JSON")


def run(given: argparse.Namespace, choice: Choice) -> int:
    """Print or apply what was found, or say on stderr that nothing better was."""
    source, lines = _asked(given.place)
    with compose.opened(choice) as completer:
        repairs, after = asyncio.run(_repair(completer, source.snapshot, lines, given.mode or "quality"))
    made = edits(source.snapshot.text, after)
    if given.apply and made:
        source.write(after)
    if given.json:
        print(json.dumps(_as_json(source.snapshot, repairs, made, given.apply), ensure_ascii=False))
    elif made and not given.apply:
        sys.stdout.write(_diff(source, after))
    elif made:
        print(f"{len(made)} edit{'s' * (len(made) > 1)} applied to {source.path}.")
    if not made:
        print(f"redraft: {repairs[0].reason.removeprefix('redraft ')}", file=sys.stderr)
    return 0


def _asked(place: str) -> tuple[SourceFile, tuple[int, int] | None]:
    """A file, and its lines that were named; None where none were named and the file has syntax errors."""
    name, numbers = split_place(place, ":LINES")
    source = SourceFile.read(name)
    if reason := manners.denied(source.snapshot.uri, source.snapshot.text):
        raise UserError(f"{source.path} is left alone: {reason}.")
    if not numbers:
        _must_be_broken(source)
        return source, None
    first, dash, last = numbers[0].partition("-")
    last = last if dash else first
    if not first.isdecimal() or not last.isdecimal() or int(last) < int(first):
        raise UserError(
            f"{numbers[0]!r} names no lines; write FILE:LINE or FILE:FIRST-LAST, for example main.py:12-14."
        )
    return source, (line_span(source, int(first))[0], line_span(source, int(last))[1])


def _must_be_broken(source: SourceFile) -> None:
    """Raises UserError for a file without syntax errors, or in a language without a grammar."""
    snapshot, instead = source.snapshot, f"name the lines, for example {source.path}:12."
    if snapshot.syntax(0) is None:
        raise UserError(f"{source.path} is in a language without a grammar here; {instead}")
    if not _broken(snapshot):
        raise UserError(f"{source.path} has no syntax error to start from; {instead}")


def _broken(snapshot: Snapshot) -> list[tuple[int, int]]:
    """Regions of broken code: the lines that syntax errors touch, with the line above, and heads without a body, with
    the line that may be theirs. Neighbouring lines are one region."""
    text, whole = snapshot.text, snapshot.whole
    if whole is None:
        return []

    def lines(start: int, end: int) -> tuple[int, int]:
        return snapshot.line_range(snapshot.line_of(start))[0], snapshot.line_range(snapshot.line_of(end))[1]

    touched = (whole.range_of(node) for node in whole.broken(0, len(text)))
    # What is missing at the end of the text may belong further up.
    wrong = [reported(snapshot, *(lines(*each) if text[each[0] :].strip() else each)) for each in touched]
    heads = [lines(at, len(text) - len(text[at:].lstrip())) for at in whole.hollow(0, len(text))]
    return [part for region in apart(snapshot, wrong + heads) for part in parts(snapshot, *region)]


async def _repair(
    completer: Completer, snapshot: Snapshot, lines: tuple[int, int] | None, mode: str
) -> tuple[list[Repair], str]:
    """What was found at each place, and the text after all repairs. Each place is looked at in the text that the
    repairs before it have left. Without `lines`, broken code is looked at again for as long as less and less of it is
    left."""
    preferences = Preferences(mode=mode, deadline=None)
    places, repairs = parts(snapshot, *lines) if lines else _broken(snapshot), list[Repair]()
    with terminal.bar(None, "places") as bar:
        while places:
            (start, end), *places = places
            repair = await completer.repair(snapshot, start, end, preferences=preferences)
            repairs.append(repair)
            bar.update()
            if repair.edits:
                text, before = apply(snapshot.text, repair.edits), snapshot
                more = len(text) - len(before.text)
                snapshot = Snapshot.open(before.uri, 0, before.language, text)
                further = [(a + more, b + more) for a, b in places] if lines else _broken(snapshot)
                done = start if _damage(snapshot) < _damage(before) else end + more
                places = [(a, b) for a, b in further if b > done]
    return repairs, snapshot.text


def _damage(snapshot: Snapshot) -> int:
    whole, end = snapshot.whole, len(snapshot.text)
    return whole.errors(0, end) + len(whole.hollow(0, end)) if whole else 0


def _diff(source: SourceFile, after: str) -> str:
    # Not splitlines: `patch` knows no line ends but LF, and files have form feeds in them.
    mark = "\ufeff" if source.raw.startswith(BOM) else ""
    before, now = (io.StringIO(mark + text, newline="\n").readlines() for text in (source.snapshot.text, after))
    name = source.path.as_posix()  # as git and patch read it, on Windows too
    lines = difflib.unified_diff(before, now, name, name)
    return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)


def _as_json(snapshot: Snapshot, repairs: Sequence[Repair], made: Sequence[Edit], wrote: bool) -> dict[str, object]:
    return {
        "edits": [
            {"start": place_of(snapshot, edit.start), "end": place_of(snapshot, edit.end), "text": edit.text}
            for edit in made
        ],
        "applied": bool(wrote and made),
        "places": [
            {"edits": len(repair.edits), "gain": repair.gain, "reason": repair.reason, **asdict(repair.report)}
            for repair in repairs
        ],
    }
