"""Lines of held-out files, and words within lines, typed again key by key: what somebody who types would see in an
editor."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate

import numpy as np
from tqdm import tqdm

from benchmarks.humaneval import thinned
from infill import site
from infill.complete import DEFAULTS, Completer, Suggestion
from infill.document import Snapshot
from infill.edits import Edit
from training.evaluate.places import held_out
from training.evaluate.session import Session, median
from training.evaluate.share import Share
from training.shards import Source

PIECES = 60
LINES, WRITTEN = 8, 6
"""Lines of a piece, and how many of them are not blank at least."""
PLACES, MOST_TOKENS = 240, 5
"""Pieces within lines, and the words, marks and blanks of one."""
_TOKEN = re.compile(r"\w+|\s+|[^\w\s]")


@dataclass(frozen=True, slots=True)
class Piece:
    """What is not there yet: lines [start, end) of a file, without their last line end, or a part of one."""

    source: Source
    start: int
    end: int

    @property
    def typed(self) -> str:
        return self.source.text[self.start : self.end]

    def strokes(self) -> Iterator[str]:
        """What each key writes: a character, or a line end with the indentation that an editor brings."""
        text, at = self.typed, 0
        while at < len(text):
            indented = len(text) - len(text[at + 1 :].lstrip(" \t")) if text[at] == "\n" else at + 1
            blank = text[indented : indented + 1] in ("", "\n")
            end = at + 1 if text[at] == "\n" and blank else indented
            yield text[at:end]
            at = end


@dataclass(slots=True)
class Seen:
    """What happened while pieces were typed. keys: how many were pressed. saved: how many of them right proposals would
    have saved, each taken at once. ghost: keys after which a proposal stood there. right: for each new proposal,
    whether all of it was then typed. flickered: proposals that changed or went although the user was typing them.
    asked_ms: milliseconds of answers for which the model was asked (it remembers nothing here)."""

    keys: int = 0
    saved: int = 0
    ghost: int = 0
    flickered: int = 0
    right: list[bool] = field(default_factory=list)
    asked_ms: list[float] = field(default_factory=list)


async def writing(session: Session) -> dict[str, object]:
    """Lines: keys saved, by language too; how often a proposal stands there, is right, and flickers."""
    everything = thinned(list(pieces(held_out(session.data))), session.most(PIECES))
    return await _written(session, everything, "writing")


async def beside(session: Session) -> dict[str, object]:
    """The same with the other held-out files of a piece's package open."""
    sources = held_out(session.data)
    everything = thinned(list(pieces(sources)), session.most(PIECES))
    return await _written(session, everything, "beside", sources)


async def within(session: Session) -> dict[str, object]:
    """The same of words within lines, what stands behind them staying there; and how often something is proposed behind
    them where nothing is missing."""
    everything = thinned(list(words(held_out(session.data))), session.most(PLACES))
    completer = Completer(session.served.filler.calibrated(session.served.own))
    uncalled = [bool(await _uncalled(completer, piece)) for piece in tqdm(everything, desc="whole", disable=None)]
    return await _written(session, everything, "within") | {"uncalled": Share.of(uncalled).as_json()}


async def _written(
    session: Session, everything: list[Piece], name: str, opened: Sequence[Source] = ()
) -> dict[str, object]:
    """opened: files among which those of a piece's package are open beside it."""
    completer = Completer(session.served.filler.calibrated(session.served.own))
    by_language: dict[str, Seen] = defaultdict(Seen)
    for piece in tqdm(everything, desc=name, disable=None):
        others = [_opened(one) for one in opened if one.package == piece.source.package and one != piece.source]
        await _write(completer, piece, by_language[piece.source.language], others)
    all_of = list(by_language.values())
    keys = sum(seen.keys for seen in all_of)
    return {
        "pieces": len(everything),
        "saved": {
            "all": Share(sum(seen.saved for seen in all_of), keys).as_json(),
            **{language: Share(seen.saved, seen.keys).as_json() for language, seen in sorted(by_language.items())},
        },
        "ghost": Share(sum(seen.ghost for seen in all_of), keys).as_json(),
        "right": Share.of(right for seen in all_of for right in seen.right).as_json(),
        "flickered": sum(seen.flickered for seen in all_of),
        "asked_ms_median": round(median(ms for seen in all_of for ms in seen.asked_ms), 1),
    }


def pieces(sources: list[Source]) -> Iterator[Piece]:
    """One piece of each file that has one: lines of code in which no comment, text or docstring begins."""
    rng = np.random.default_rng(0)
    for source in sources:
        lines, starts, snapshot = _read(source)
        for first in rng.permutation(np.arange(LINES, max(LINES, len(lines) - LINES)))[:40]:
            last = int(first) + LINES
            code = sum(bool(line.strip()) for line in lines[first:last]) >= WRITTEN and lines[first].strip()
            kinds = (site.look(snapshot, at, invoked=True).kind for at in starts[first + 1 : last])
            remark = any(line.lstrip().startswith(("#", "//", "/*", "*", '"""')) for line in lines[first:last])
            if code and not remark and site.WORDS.isdisjoint(kinds):
                yield Piece(source, starts[first], starts[last] - 1)
                break


def _read(source: Source) -> tuple[list[str], list[int], Snapshot]:
    """The lines of a file, where each begins, and the whole of it."""
    lines = source.text.split("\n")
    starts = [0, *accumulate(len(line) + 1 for line in lines)]
    return lines, starts, Snapshot.open(source.path, 0, source.language, source.text)


def words(sources: list[Source]) -> Iterator[Piece]:
    """One piece of each file that has one: words of a line of code, with others before and behind them."""
    rng = np.random.default_rng(0)
    for source in sources:
        lines, starts, snapshot = _read(source)
        for number in rng.permutation(len(lines))[:40]:
            if spans := list(_between_others(lines[number])):
                start, end = (starts[number] + at for at in spans[int(rng.integers(len(spans)))])
                if not any(site.look(snapshot, at, invoked=True).kind in site.WORDS for at in (start, end)):
                    yield Piece(source, start, end)
                    break


def _between_others(line: str) -> Iterator[tuple[int, int]]:
    """Where words begin and end that may be left out of a line: up to five words, marks and blanks, with a word among
    them, and others before and behind them."""
    tokens = list(_TOKEN.finditer(line))
    for first, last in ((i, j) for i in range(1, len(tokens)) for j in range(i, min(i + MOST_TOKENS, len(tokens)))):
        start, end = tokens[first].start(), tokens[last].end()
        before, text, after = line[:start], line[start:end], line[end:]
        others = any(map(str.isalnum, before)) and any(map(str.isalnum, after))
        if others and text == text.strip() and len(text) > 2 and re.search(r"\w\w", text):
            yield start, end


async def _uncalled(completer: Completer, piece: Piece) -> tuple[Suggestion, ...]:
    """What is proposed behind a piece that stands there."""
    return (await completer.complete(_opened(piece.source), piece.end, over_closers=True)).suggestions


def _opened(source: Source, without: tuple[int, int] = (0, 0)) -> Snapshot:
    """A file as an editor opens it, without a part of it."""
    start, end = without
    text = source.text[:start] + source.text[end:]
    return Snapshot.open(f"file:///{source.package}/{source.path}", 0, source.language, text)


async def _write(completer: Completer, piece: Piece, seen: Seen, others: Sequence[Snapshot]) -> None:
    """Type the piece; every proposal is looked at and none is taken."""
    source, at = piece.source, piece.start
    snapshot = _opened(source, (at, piece.end))
    before, taken = "", 0
    for key in piece.strokes():
        snapshot = snapshot.edit([Edit(at, at, key)], snapshot.version + 1)
        at += len(key)
        answer = await completer.complete(snapshot, at, others=others, preferences=DEFAULTS, over_closers=True)
        said = answer.suggestions[0].text if answer.suggestions else ""
        left = before[len(key) :] if before.startswith(key) else ""
        seen.keys += 1
        seen.ghost += bool(said)
        seen.flickered += bool(left) and said != left
        if answer.reason != "remembered" and answer.report.ms:
            seen.asked_ms.append(answer.report.ms)
        rest = source.text[at : piece.end]
        right = bool(said) and rest.startswith(said)
        if said and said != left:
            seen.right.append(right)
        if right and at >= taken:
            # Taking it is a key, too.
            seen.saved += len(list(Piece(source, at, at + len(said)).strokes())) - 1
            taken = at + len(said)
        before = said
