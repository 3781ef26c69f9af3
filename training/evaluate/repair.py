"""Repair: one bug of a real kind in a held-out function, the statement's whole lines given; clean code left alone."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from tqdm import tqdm

from infill.complete import DEFAULTS
from infill.document import Snapshot
from infill.edits import apply
from infill.region import MOST_LINES
from training import bugs
from training.evaluate.places import held_out
from training.evaluate.session import Session
from training.evaluate.share import Share
from training.shards import Source

CASES = 400
PYTHON_SHARE = 0.7


@dataclass(frozen=True, slots=True)
class Case:
    """A statement [start, end) of a file, whole lines without the last line end, and a mistake in it."""

    source: Source
    start: int
    end: int
    bug: bugs.Bug


async def repair(session: Session) -> dict[str, Any]:
    """How often the right text comes back, and how often right code is left as it is."""
    most = min(CASES, session.limit or CASES)
    fixed: dict[str, list[bool]] = defaultdict(list)
    python: list[bool] = []
    alone = []
    for case in tqdm(cases(held_out(session.data), most), desc="repair", disable=None):
        text = case.source.text
        wrong = case.bug.applied(text)
        found = await _repaired(session, case, wrong, case.end + len(wrong) - len(text)) == text
        fixed[case.bug.kind].append(found)
        python += [found] * (case.source.language == "python")
        alone.append(await _repaired(session, case, text, case.end) == text)
    return {
        "exact": Share.of(right for rights in fixed.values() for right in rights).as_json(),
        "exact_python": Share.of(python).as_json(),
        "left_alone": Share.of(alone).as_json(),
        "kinds": {kind: Share.of(rights).as_json() for kind, rights in sorted(fixed.items())},
    }


async def _repaired(session: Session, case: Case, text: str, end: int) -> str:
    snapshot = Snapshot.open(f"file:///{case.source.path}", 1, case.source.language, text)
    preferences = replace(DEFAULTS, mode="quality", deadline=None)
    found = await session.completer.repair(snapshot, case.start, end, preferences=preferences)
    return apply(text, found.edits)


def cases(sources: list[Source], most: int) -> list[Case]:
    """So many bugs, most of them in Python, files in turn."""
    rng = np.random.default_rng(1)
    python = [source for source in sources if source.language == "python"]
    others = [source for source in sources if source.language != "python"]
    wanted = round(PYTHON_SHARE * most) if others else most
    return [*_drawn(python, wanted, rng), *_drawn(others, most - wanted, rng)]


def _drawn(sources: list[Source], most: int, rng: np.random.Generator) -> list[Case]:
    found: list[Case] = []
    order = rng.permutation(len(sources))
    for turn in range(3 * most if sources else 0):
        if len(found) < most and (case := _case(sources[order[turn % len(sources)]], rng)) is not None:
            found.append(case)
    return found


def _case(source: Source, rng: np.random.Generator) -> Case | None:
    """A mistake in a statement of a function, None when a few tries find none."""
    snapshot = Snapshot.open(source.path, 0, source.language, source.text)
    for _ in range(20):
        line = int(rng.integers(snapshot.line_count))
        start, end = snapshot.line_range(line)
        body = source.text[start:end].lstrip()
        lines = _statement(snapshot, end - len(body)) if len(body) > 3 else None
        if lines is None or snapshot.line_of(lines[1]) - snapshot.line_of(lines[0]) >= MOST_LINES:
            continue
        bug = bugs.draw(source.text, *lines, source.language, rng)
        if bug is not None:
            return Case(source, *lines, bug)
    return None


def _statement(snapshot: Snapshot, at: int) -> tuple[int, int] | None:
    """The whole lines of the innermost statement around an offset, without the block that it opens; None outside of
    functions and in comments."""
    syntax = snapshot.syntax(at)
    if syntax is None or syntax.errors(at, at):
        return None
    above = list(syntax.nodes_around(at))
    kinds = [one.type for one in above]
    if "comment" in "".join(kinds[:2]) or not any("function" in kind or "method" in kind for kind in kinds[1:]):
        return None
    statement = next((one for one in above if one.type.endswith(("statement", "declaration", "clause"))), None)
    if statement is None:
        return None
    start, end = syntax.range_of(statement)
    for name in ("body", "consequence", "block"):
        if (block := statement.child_by_field_name(name)) is not None:
            end = syntax.range_of(block)[0]
    end = start + len(snapshot.text[start:end].rstrip())
    first, last = snapshot.line_of(start), snapshot.line_of(end)
    return snapshot.line_range(first)[0], snapshot.line_range(last)[1]
