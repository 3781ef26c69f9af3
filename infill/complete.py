"""The use cases, each read top to bottom: complete, repair, next edit, fill."""

from __future__ import annotations

import asyncio
import math
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice

from infill import beginning, context, manners, next_edit, rank, site, trim
from infill.around import Around
from infill.deleted import puts_back
from infill.document import Snapshot, line_ending
from infill.edits import Edit, apply
from infill.filler import (
    CHARS_PER_TOKEN,
    TOKENS_PER_LINE,
    Filled,
    Filler,
    FillError,
    FillReport,
    FillRequest,
    FillResult,
    Limits,
    Snippet,
    Step,
)
from infill.languages import language_of_path
from infill.lines import lf
from infill.memo import Memo
from infill.region import Region, Told, parts
from infill.repair import TOO_LATE, Repair, better, together
from infill.site import Site

ALTERNATIVES = 3
"""Suggestions at a cursor where the user asks for them by hand."""


@dataclass(frozen=True, slots=True)
class Preferences:
    """What the user decided, in the program's own terms (the wire names stand in `lsp_server/settings.py`).

    root: path of the opened folder that the file lies in, or None. looked_at: whether the file's name and folder are
    known to allow it, so that no key waits for a disk.
    """

    mode: str = "speedy"
    eagerness: float = 0.4
    max_lines: int = 8
    deadline: float | None = 2.0
    disabled_in: frozenset[str] = site.DISABLED
    exclude: tuple[str, ...] = ()
    open_files: bool = True
    imports: bool = True
    recent_edits: bool = True
    context_tokens: int = 512
    max_distance: int = 64
    root: str | None = None
    looked_at: bool = False

    @property
    def least(self) -> float:
        """The probability that a suggestion must have while somebody types."""
        return 1 - self.eagerness

    def denies(self, snapshot: Snapshot) -> str | None:
        """Why the model is asked nothing about a document, None where it may be."""
        if self.looked_at:
            return manners.denied_text(snapshot.text)
        return manners.denied(snapshot.uri, snapshot.text, self.exclude, self.root)


DEFAULTS = Preferences()
_BEGINS_LINE = re.compile(r"(?! \S)[ \t]*[^\s()\],.:;=+*/%&|<>?-]")
"""What begins like a line of its own, not like the rest of one."""


@dataclass(frozen=True, slots=True)
class Suggestion:
    """Replace [start, end) of the snapshot (code points, one line) by `text`.

    The end is the cursor, or stands behind the closing quote and brackets right of it, which `text` has then, too.
    confidence: how probable it is that what is missing begins so, or None when nobody knows. longer: the same text with
    what is proposed next once it is taken, and so on.
    """

    start: int
    end: int
    text: str
    confidence: float | None = None
    longer: tuple[Suggestion, ...] = ()


@dataclass(frozen=True, slots=True)
class Completion:
    """Suggestions, best first; `reason` says in a few words why there are none."""

    suggestions: tuple[Suggestion, ...] = ()
    reason: str = ""
    report: FillReport = field(default_factory=FillReport)


class Completer:
    """One front door for editors, shell and HTTP: text in, text or edits out.

    margin: how much better (nats) a repair must score than code that stands and may be right.
    """

    def __init__(self, filler: Filler, *, margin: float = 5.0) -> None:
        self._filler, self._margin, self._memo = filler, margin, Memo()

    async def complete(
        self,
        snapshot: Snapshot,
        cursor: int,
        *,
        others: Sequence[Snapshot] = (),
        preferences: Preferences = DEFAULTS,
        invoked: bool = False,
        selected: tuple[int, str] | None = None,
        over_closers: bool = False,
        level: str = "",
        on_step: Callable[[Step], None] | None = None,
    ) -> Completion:
        """Suggestions at `cursor`.

        others: the other open files that may be read by their names, most recently edited first. invoked: the user
        asked for it by hand: up to three alternatives, and `disabled_in` and eagerness do not apply. selected: the
        popup's chosen item as (offset where its text starts, its text): suggestions then start there and extend that
        text. over_closers: a suggestion may replace the quote and brackets that the editor closed right of the cursor,
        to go on behind them. level: by how much the editor indents a block, for where no file says it.
        """
        if reason := preferences.denies(snapshot):
            return Completion(reason=reason)
        start, chosen = selected or (cursor, "")
        here = site.look(snapshot, cursor, disabled_in=preferences.disabled_in, invoked=invoked)
        closed = here.closed if over_closers and not selected else ""
        # Where nothing new is asked for, what is being typed through still goes on: it would flicker.
        least = preferences.least if here.ask else None
        known = None if selected or invoked else self._memo.recall(snapshot, cursor, closed, least)
        if known and not puts_back(snapshot, cursor, *known):
            return Completion((Suggestion(cursor, *known),), reason="remembered")
        if not here.ask:
            return Completion(reason=here.reason)
        # What an editor closed by itself is not a side that the user wrote: the model is not shown it.
        request = _request(snapshot, start, cursor + len(closed), others, preferences, chosen)
        request = _typing(request, here, closed, preferences)
        if invoked:
            request = replace(request, alternatives=ALTERNATIVES, least=0.0)
        result = await self._filler.fill(replace(request, on_step=on_step))
        near = context.usual_level(snapshot, others, preferences.root) if preferences.open_files else ""
        around = Around.at(snapshot, start, cursor, chosen, here, request.limits.lines, near or level)
        ranked = _suggestions(result.texts, around, closed, request.least)
        welcome = (one for one in ranked if not puts_back(snapshot, one.start, one.end, one.text))
        suggestions = tuple(islice(welcome, request.alternatives))
        # The best is the last that is remembered, and the first to come back.
        for one in reversed([each for best in suggestions for each in (best, *best.longer)]):
            self._memo.remember(snapshot, start, one.end, one.text, one.confidence)
        return Completion(suggestions, "" if suggestions else "nothing worth showing", result.report)

    async def repair(
        self,
        snapshot: Snapshot,
        start: int,
        end: int,
        *,
        others: Sequence[Snapshot] = (),
        preferences: Preferences = DEFAULTS,
        told: Told | None = None,
    ) -> Repair:
        """A better text for the code around [start, end), or none; in pieces, as many from the first on as there is
        time for. told: what a diagnostic says of `start`."""
        if reason := preferences.denies(snapshot):
            return Repair(reason=reason)
        until = time.monotonic() + (preferences.deadline or math.inf)
        found: list[Repair] = []
        for piece in parts(snapshot, start, end):
            if (left := until - time.monotonic()) <= 0:
                found.append(Repair(reason=TOO_LATE))
                break
            region = Region.around(snapshot, *piece, told if piece[0] == start else None)
            whole = _request(snapshot, region.start, region.end, others, preferences)
            whole = replace(whole, limits=Limits(deadline=None if math.isinf(left) else left), urgent=False)
            most = preferences.max_distance
            found.append(await better(self._filler, snapshot, region, whole, margin=self._margin, most=most))
        return together(found)

    async def next_edit(
        self,
        snapshot: Snapshot,
        cursor: int,
        *,
        others: Sequence[Snapshot] = (),
        preferences: Preferences = DEFAULTS,
        guess: bool = True,
    ) -> tuple[Edit, ...]:
        """What follows from the user's last edits, nearest first behind the cursor; sorted and disjoint.

        What is known to follow comes without the model; what may, only where the model finds the line likelier so.
        guess: whether that is looked for, too.
        """
        if preferences.denies(snapshot):
            return ()
        if found := await asyncio.to_thread(next_edit.following, snapshot, others):
            return tuple(next_edit.first(snapshot, cursor, found.changes))
        again = await asyncio.to_thread(next_edit.again, snapshot) if guess else None
        if again is None:
            return ()
        start, end = snapshot.line_range(snapshot.line_of(again.change.start))
        whole = replace(_request(snapshot, start, end, others, preferences), urgent=False)
        changed = apply(snapshot.text, [again.change])[start : end + len(again.renamed.new) - len(again.renamed.old)]
        carried_on = replace(whole, suffix=again.carried_on(whole.suffix))
        try:
            async with asyncio.timeout(preferences.deadline):
                (standing,) = await self._filler.score(whole, [snapshot.lf(start, end)])
                (likely,) = await self._filler.score(carried_on, [changed])
        except (TimeoutError, FillError):
            return ()
        return (again.change,) if likely.total > standing.total + again.margin else ()

    async def fill(
        self,
        prefix: str,
        suffix: str,
        *,
        path: str = "",
        language: str = "",
        snippets: Sequence[Snippet] = (),
        mode: str = "quality",
        max_tokens: int = 64,
        max_lines: int | None = 0,
        deadline: float | None = None,
        alternatives: int = 1,
        urgent: bool = False,
        on_step: Callable[[Step], None] | None = None,
    ) -> FillResult:
        """The text between prefix and suffix, for other tools.

        max_lines 0: as many as the limit of tokens allows; None: somebody types, so as many as the place asks for, and
        of one text as much as is probable. max_tokens 0: no text; the sides and snippets are encoded when nothing else
        is to be done.

        A request for lines between two whole lines is answered as on an empty line, and its text ends with a line end.
        Its lines end as those of the two sides do. Where these have no block, its blocks are as deep as those of the
        snippets in its language.
        """
        whole_lines = prefix[-1:] in ("", "\n", "\r") and _BEGINS_LINE.match(suffix) is not None
        before, after = lf(prefix), "\n" * whole_lines + lf(suffix)
        snapshot, at = Snapshot.open("untitled:hole", 0, language, before + after), len(before)
        here, typing = site.look(snapshot, at, invoked=True), max_lines is None
        canvas = here.canvas if typing else site.LINE if max_lines == 1 else site.BLOCK
        lines = max_lines if max_lines is not None else here.lines or DEFAULTS.max_lines
        request = FillRequest(
            prefix=before,
            suffix=after,
            path=path,
            language=language,
            snippets=_ranked(snippets, prefix, DEFAULTS.context_tokens),
            limits=Limits(canvas=canvas, tokens=max_tokens, lines=lines, deadline=deadline),
            mode=mode,
            alternatives=alternatives,
            least=DEFAULTS.least if typing and alternatives == 1 else 0.0,
            urgent=urgent,
            on_step=on_step,
        )
        if not max_tokens:
            self._filler.warm(request)
            return FillResult(())
        result = await self._filler.fill(request)
        others = [Snapshot.open(one.path, 0, language_of_path(one.path), one.text) for one in snippets]
        usual = context.usual_level(snapshot, others, None)
        around = Around.at(snapshot, at, at, "", here, lines or max_tokens, usual)
        probable = _probable(result.texts, around, request.least) if typing else list(result.texts)
        texts = _fitting(around if typing else around.between(), probable, trim.trim if typing else trim.fit)
        end, newline = "\n" * whole_lines, line_ending(prefix + suffix)
        whole = (one.text.removesuffix(end) + end for one in texts)
        said = (replace(one, text=text.replace("\n", newline)) for one, text in zip(texts, whole, strict=True))
        cut = not texts and bool(probable) and not probable[0].finished
        return replace(result, texts=tuple(said), cut=cut)

    def warm(
        self, snapshot: Snapshot, cursor: int, *, others: Sequence[Snapshot] = (), preferences: Preferences = DEFAULTS
    ) -> None:
        """The cursor rests here: encode what surrounds it when nothing else is to be done."""
        if preferences.denies(snapshot) is None:
            self._filler.warm(_request(snapshot, cursor, cursor, others, preferences))

    def foresee(
        self,
        snapshot: Snapshot,
        suggestion: Suggestion,
        *,
        others: Sequence[Snapshot] = (),
        preferences: Preferences = DEFAULTS,
    ) -> None:
        """Somebody reads a suggestion: look for what follows it when nothing else is to be done, so that it is there as
        soon as they have taken it."""
        text = suggestion.text.replace("\n", snapshot.newline)
        taken = snapshot.edit([Edit(suggestion.start, suggestion.end, text)], snapshot.version)
        cursor = suggestion.start + len(text)
        here = site.look(taken, cursor, disabled_in=preferences.disabled_in)
        if here.ask and not self._memo.recall(taken, cursor, here.closed, preferences.least):
            request = _request(taken, cursor, cursor + len(here.closed), others, preferences)
            self._filler.warm(_typing(request, here, here.closed, preferences), answer=True)

    def rest(self) -> None:
        """Encode no more ahead of time, for `warm` or behind an answer that read only what is near."""
        self._filler.rest()

    def close(self) -> None:
        """Stop the filler."""
        self._filler.close()


def _request(
    snapshot: Snapshot,
    start: int,
    end: int,
    others: Sequence[Snapshot],
    preferences: Preferences,
    chosen: str = "",
) -> FillRequest:
    """The hole [start, end) of a snapshot, `chosen` already standing at its start, with its context."""
    prefix = snapshot.before(start) + chosen
    found = context.gather(
        snapshot,
        (start, end),
        others,
        imports=preferences.imports,
        recent_edits=preferences.recent_edits,
        open_files=preferences.open_files,
    )
    told = preferences.open_files and preferences.context_tokens > 0
    return FillRequest(
        prefix=prefix,
        suffix=snapshot.after(end),
        path=snapshot.short_path,
        language=snapshot.language,
        snippets=_ranked(found, prefix, preferences.context_tokens),
        remark=context.begun(snapshot, (start, end), others) if told else "",
        mode=preferences.mode,
    )


def _typing(request: FillRequest, here: Site, closed: str, preferences: Preferences) -> FillRequest:
    """What is asked while somebody types at a site. closed: what the hole takes in of what stands there."""
    lines = here.lines or preferences.max_lines
    size = site.LINE if closed else here.canvas
    limits = Limits(size, TOKENS_PER_LINE * (1 + lines), lines, preferences.deadline)
    remark = "" if here.kind in site.WORDS else request.remark  # a word that begins like a name is seldom that
    return replace(request, limits=limits, least=preferences.least, remark=remark)


def _probable(texts: Sequence[Filled], around: Around, least: float) -> list[Filled]:
    """The beginnings of texts that are probable enough to be shown."""
    found = (beginning.probable(one, least, around) for one in texts)
    return [one for one in found if one is not None]


def _suggestions(texts: Sequence[Filled], around: Around, closed: str, least: float) -> list[Suggestion]:
    """What may be shown of texts, each once, best first."""
    kept = [(shown, one.score) for one in texts if (shown := _in_pieces(one, around, closed, least))]
    by_text = {shown.text: shown for shown, _ in reversed(kept)}  # the first of equal texts is the best
    return [by_text[text] for text in rank.candidates((shown.text, score) for shown, score in kept)]


def _in_pieces(one: Filled, around: Around, closed: str, least: float) -> Suggestion | None:
    """What may be shown of a text first, and what next once that is taken."""
    pieces = beginning.pieces(one, least, around)
    shown = [each for piece in pieces if (each := _shown(piece, around, closed))]
    if not shown:
        return None
    first = shown[0]
    goes_on = (each for each in shown if each.text.startswith(first.text) and each.text != first.text)
    return replace(first, longer=tuple(goes_on))


def _shown(filled: Filled, around: Around, closed: str) -> Suggestion | None:
    """A text as it would be shown, going on behind as much of what is `closed` as it can; None when nothing is left of
    it."""
    around = replace(around, finished=filled.finished, within_line=filled.within_line)
    for count in range(len(closed), -1, -1):
        text = trim.over(filled.text, around, closed[:count]) if count else trim.trim(filled.text, around)
        if text is not None:
            return Suggestion(around.start, around.end + count, around.chosen + text, filled.confidence)
    return None


def _fitting(around: Around, texts: Sequence[Filled], fit: Callable[[str, Around], str | None]) -> list[Filled]:
    """What fits into a hole, each text once."""
    found: dict[str, Filled] = {}
    for one in texts:
        text = fit(one.text, replace(around, finished=one.finished, within_line=one.within_line))
        if text is not None:
            found.setdefault(text.rstrip(), replace(one, text=text))
    return list(found.values())


def _ranked(snippets: Sequence[Snippet], prefix: str, tokens: int) -> tuple[Snippet, ...]:
    return rank.rank(snippets, prefix[-2000:], tokens, lambda text: len(text) // CHARS_PER_TOKEN)
