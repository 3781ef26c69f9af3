"""Counts of what became of proposals, by day and language, in one file of this machine: never any text, name or path.

`redraft stats` shows them. They are sent nowhere.
"""

from __future__ import annotations

import contextlib
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import platformdirs

from lsp_server.errors import UserError

if TYPE_CHECKING:
    import sqlite3

Counts = Mapping[tuple[str, str], int]
"""(language id, what is counted) -> how many."""
FORMAT = 1
_ROOM = "check permissions and space, or set `redraft.stats` to false"
_STEPS = 8
"""Classes of answer times per doubling: a quantile is at most a tenth too high."""
_WAIT = 2.0
"""Seconds that a write waits for that of another editor's server."""


@dataclass(frozen=True, slots=True)
class Row:
    """One count of one day."""

    day: date
    language: str
    what: str
    count: int


class Record:
    """The file. Several servers may add to it at once."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def usual(cls) -> Record:
        """Where the system keeps such things for this user."""
        return cls(platformdirs.user_state_path("redraft", appauthor=False) / "stats.db")

    def add(self, counts: Counts, day: date) -> None:
        """Add to a day's counts, all or none. Raises UserError when the file cannot be written."""
        rows = [(day.isoformat(), language, what, count) for (language, what), count in counts.items() if count]
        with self._opened("BEGIN IMMEDIATE") as file:  # who reads first and writes then is refused, not let wait
            file.execute(
                "CREATE TABLE IF NOT EXISTS counts (day TEXT, language TEXT, what TEXT, count INTEGER NOT NULL, "
                "PRIMARY KEY (day, language, what)) WITHOUT ROWID"
            )
            file.execute(f"PRAGMA user_version = {FORMAT}")
            file.executemany(
                "INSERT INTO counts VALUES (?, ?, ?, ?) "
                "ON CONFLICT (day, language, what) DO UPDATE SET count = count + excluded.count",
                rows,
            )

    def rows(self) -> list[Row]:
        """All counts, oldest first; none if nothing was ever added. Raises UserError for another kind of file, and for
        one that cannot be read."""
        try:
            self.path.stat()
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            raise UserError(
                f"the counts in {self.path} cannot be read ({error.strerror}); check permissions."
            ) from None
        with self._opened("BEGIN") as file:
            if not file.execute("SELECT 1 FROM sqlite_master").fetchone():
                return []  # a server has made the file and is about to add the first
            found = file.execute("SELECT day, language, what, count FROM counts ORDER BY day").fetchall()
            return [Row(date.fromisoformat(day), language, what, count) for day, language, what, count in found]

    def forget(self) -> None:
        """Take the file away. Raises UserError where that is refused."""
        try:
            self.path.unlink(missing_ok=True)
        except OSError as error:
            raise UserError(f"{self.path} cannot be taken away ({error.strerror}); check permissions.") from None

    @contextlib.contextmanager
    def _opened(self, begin: str) -> Iterator[sqlite3.Connection]:
        """The file, in one transaction. Raises UserError for whatever goes wrong in it."""
        try:
            import sqlite3
        except ImportError:  # a part of Python that is left out where its library was missing
            raise UserError("this Python was built without SQLite, so nothing is counted; use another.") from None
        if not self.path.is_absolute():
            raise UserError(f"{self.path} is no place for counts; set HOME, or XDG_STATE_HOME to an absolute path.")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.path.touch(mode=0o600)
            with contextlib.closing(sqlite3.connect(self.path, timeout=_WAIT, isolation_level=None)) as file, file:
                file.execute(begin)
                (known,) = file.execute("PRAGMA user_version").fetchone()
                if known not in (0, FORMAT):
                    raise UserError(
                        f"the counts in {self.path} are of another redraft (format {known}); update redraft, or start "
                        "anew with `redraft stats --forget`."
                    )
                yield file
        except OSError as error:
            raise UserError(f"the counts in {self.path} cannot be kept ({error.strerror or error}); {_ROOM}.") from None
        except (sqlite3.Error, TypeError, ValueError) as error:
            raise UserError(f"the counts in {self.path} cannot be used ({error}); {_remedy(error)}.") from None


def _remedy(error: Exception) -> str:
    name = getattr(error, "sqlite_errorname", "")
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return "try again in a moment"
    if name.startswith(("SQLITE_FULL", "SQLITE_IOERR", "SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PERM")):
        return _ROOM
    return "if that stays so, start anew with `redraft stats --forget`"


@dataclass(frozen=True, slots=True)
class Figures:
    """The sums of some rows.

    shown: proposals that stood long enough to be read. taken, partly: of these, how many were taken wholly and in part.
    pressed: keys pressed, including those that took something. saved: keys saved by that. judged: taken pieces that are
    older than half a minute. stayed: of these, how many stood there unchanged. fixes: fixes that were asked for and
    found. next_edits: next edits that were made. times: class (`time_class`) of the milliseconds to an answer -> how
    many.
    """

    shown: int
    taken: int
    partly: int
    pressed: int
    saved: int
    judged: int
    stayed: int
    fixes: int
    next_edits: int
    times: Mapping[int, int]

    @classmethod
    def of(cls, rows: Iterable[Row]) -> Figures:
        """The sums of some rows."""
        sums: Counter[str] = Counter()
        for row in rows:
            sums[row.what] += row.count
        times = {int(what.removeprefix(TIME)): count for what, count in sums.items() if what.startswith(TIME)}
        return cls(**{what: sums[what] for what in COUNTED}, times=times)

    def milliseconds(self, share: float) -> float | None:
        """The time within which this share of the answers came, None without any."""
        left = share * sum(self.times.values())
        for known, count in sorted(self.times.items()):
            left -= count
            if left <= 0:
                return 2 ** (known / _STEPS)
        return None


TIME = "ms "
COUNTED = tuple(one.name for one in fields(Figures) if one.name != "times")
"""What is counted besides answer times."""


def time_class(ms: float) -> str:
    """The class of an answer's time: eighths of a doubling, rounded up; the first is one millisecond and less."""
    return f"{TIME}{max(0, math.ceil(_STEPS * math.log2(max(ms, 1.0))))}"
