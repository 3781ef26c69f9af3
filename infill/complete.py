"""The three use cases, each read top to bottom: complete, repair, fill."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from infill.document import Snapshot
from infill.filler import Filler, FillReport, FillResult, Step


@dataclass(frozen=True, slots=True)
class Preferences:
    """What the user decided, in the program's own terms (the wire names stand in `lsp_server/settings.py`)."""

    mode: str = "speedy"
    eagerness: float = 0.5
    max_lines: int = 8
    deadline: float | None = 2.0
    disabled_in: frozenset[str] = frozenset({"comment"})
    exclude: tuple[str, ...] = ()
    open_files: bool = True
    imports: bool = True
    recent_edits: bool = True
    context_tokens: int = 512
    max_distance: int = 64


@dataclass(frozen=True, slots=True)
class Suggestion:
    """Replace [start, end) of the snapshot (code points, end = cursor, one line) by `text`."""

    start: int
    end: int
    text: str
    confidence: float | None = None


@dataclass(frozen=True, slots=True)
class Completion:
    """Suggestions, best first; `reason` says in a few words why there are none."""

    suggestions: tuple[Suggestion, ...] = ()
    reason: str = ""
    report: FillReport = FillReport()


@dataclass(frozen=True, slots=True)
class Edit:
    """Replace [start, end) of the old text by `text`; offsets in code points."""

    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class Repair:
    """Edits to the snapshot, sorted and disjoint; empty with a `reason` when no better text was found."""

    edits: tuple[Edit, ...] = ()
    reason: str = ""
    gain: float = 0.0
    report: FillReport = FillReport()


class Completer:
    """One front door for editors, shell and HTTP: text in, text or edits out."""

    def __init__(self, filler: Filler) -> None: ...

    async def complete(
        self,
        snapshot: Snapshot,
        cursor: int,
        *,
        others: Sequence[Snapshot] = (),
        preferences: Preferences = Preferences(),
        invoked: bool = False,
        selected: tuple[int, str] | None = None,
        on_step: Callable[[Step], None] | None = None,
    ) -> Completion:
        """Suggestions at `cursor`.

        others: the other open files, most recently edited first. invoked: the user asked for it by hand: up to three
        alternatives, and `disabled_in` and eagerness do not apply. selected: the popup's chosen item as (offset where
        its text starts, its text): suggestions then start there and extend that text.
        """

    async def repair(
        self,
        snapshot: Snapshot,
        start: int,
        end: int,
        *,
        others: Sequence[Snapshot] = (),
        preferences: Preferences = Preferences(),
        on_step: Callable[[Step], None] | None = None,
    ) -> Repair:
        """A better text for the code around [start, end), or none."""

    async def fill(
        self,
        prefix: str,
        suffix: str,
        *,
        path: str = "",
        language: str = "",
        mode: str = "quality",
        max_tokens: int = 64,
        max_lines: int = 0,
        deadline: float | None = None,
        on_step: Callable[[Step], None] | None = None,
    ) -> FillResult:
        """The text between prefix and suffix, for other tools. max_lines 0: as many as the limit of tokens allows."""

    def close(self) -> None:
        """Stop the filler."""
