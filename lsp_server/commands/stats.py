"""Show what became of proposals in editors: how many were taken, what that saved, how long answers took.

Counted by day and language on this machine, while `redraft.stats` is on. Nothing of it is sent anywhere.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from datetime import date, timedelta
from itertools import groupby
from operator import attrgetter
from typing import Any

from lsp_server.compose import Choice
from lsp_server.stats import Figures, Record, Row

PERIODS = (("today", 1), ("7 days", 7), ("30 days", 30), ("all", 0))
DRAWN, WIDEST = 14, 40
"""Days that are drawn at most, and the characters of the longest bar."""
NOTHING = "Nothing is counted yet; counts come when an editor shows proposals, unless `redraft.stats` is off."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """In which form, or an end to them."""
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--json", action="store_true", help="print the figures of each day and language, a line each")
    how.add_argument("--forget", action="store_true", help="take away all that was counted")


def run(given: argparse.Namespace, choice: Choice) -> int:
    """Print the figures, or forget them."""
    record = Record.usual()
    if given.forget:
        record.forget()
        print("Forgotten.")
        return 0
    rows = record.rows()
    for line in _json(rows) if given.json else _page(rows, date.today()):
        print(line)
    if rows and not given.json:
        print(f"\nCounted in {record.path}.")
    return 0


def _json(rows: Sequence[Row]) -> Iterator[str]:
    ordered = sorted(rows, key=attrgetter("day", "language"))
    for (day, language), some in groupby(ordered, attrgetter("day", "language")):
        figures = Figures.of(some)
        known = {name: value for name, value in asdict(figures).items() if name != "times"}
        times = {f"ms_{share}": _rounded(figures.milliseconds(share / 100)) for share in (50, 95)}
        yield json.dumps({"day": day.isoformat(), "language": language, **known, **times})


def _page(rows: Sequence[Row], today: date) -> Iterator[str]:
    if not rows:
        yield NOTHING
        return
    periods = [Figures.of(row for row in rows if not days or _age(row, today) < days) for _, days in PERIODS]
    yield _line("", [name for name, _ in PERIODS])
    for name, figure in LINES:
        yield _line(name, [figure(period) for period in periods])
    yield ""
    yield _line("by language, 30 days", ["shown", "taken", "saved"])
    recent = sorted((row for row in rows if _age(row, today) < 30), key=attrgetter("language"))
    spoken = [(language, Figures.of(some)) for language, some in groupby(recent, attrgetter("language"))]
    for language, one in sorted((known for known in spoken if known[1].shown), key=lambda known: -known[1].shown):
        yield _line(f"  {language}", [f"{one.shown:,}", _taken(one), _saved(one)])
    yield ""
    yield "keys saved, by day"
    days = [Figures.of(row for row in rows if _age(row, today) == age).saved for age in range(DRAWN)]
    for age, saved in reversed(list(enumerate(days))):
        bar = "█" * round(WIDEST * saved / max(*days, 1))
        yield f"  {today - timedelta(age)}  {bar}{' ' * bool(bar)}{saved:,}"


def _age(row: Row, today: date) -> int:
    return (today - row.day).days


def _line(name: str, cells: Sequence[str]) -> str:
    return f"{name:<38}" + "".join(f"{cell:>10}" for cell in cells)


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.0f} %" if whole else "-"


def _taken(one: Figures) -> str:
    return _share(one.taken, one.shown)


def _saved(one: Figures) -> str:
    return _share(one.saved, one.pressed + one.saved)


def _time(share: float) -> Callable[[Figures], str]:
    def told(one: Figures) -> str:
        ms = _rounded(one.milliseconds(share))
        return "-" if ms is None else f"{ms} ms"

    return told


def _rounded(ms: float | None) -> int | None:
    return None if ms is None else round(ms)


LINES: tuple[tuple[str, Callable[[Figures], Any]], ...] = (
    ("proposals shown", lambda one: f"{one.shown:,}"),
    ("  taken", _taken),
    ("  taken in part", lambda one: _share(one.partly, one.shown)),
    ("what was taken, unchanged after 30 s", lambda one: _share(one.stayed, one.judged)),
    ("keys saved by taking", lambda one: f"{one.saved:,}"),
    ("  of the keys without redraft", _saved),
    ("quick fixes", lambda one: f"{one.fixes:,}"),
    ("next edits", lambda one: f"{one.next_edits:,}"),
    ("half of the answers came within", _time(0.5)),
    ("95 of 100 came within", _time(0.95)),
)
